// The analyst: a figure, its rows, a workbook whose sum equals the figure; in both languages, over a cut line, and
// in the
// past. The workbook is read by the program's own reader of tables, which nobody asked the page about.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { carId, patienceMs, person, skipped, until, visit, WalkCity } from "./city.ts";

const city = skipped ? undefined! : await WalkCity.start();
const levels = [31, 47, 58, 66, 93];
const vins = levels.map((_, i) => `JDANALYST0000000${i}`);
if (!skipped) {
    await city.withCars();
    for (const [i, vin] of vins.entries()) await city.own(vin, levels[i]);
}
const mean = levels.reduce((sum, one) => sum + one, 0) / levels.length;

interface Profile {
    columns: { name: string }[];
    [more: string]: unknown;
}
/** The cells of a workbook, as `jindu` reads them: through a mapping into entities of their own type. */
async function sheet(bytes: Buffer, column: string): Promise<number[]> {
    const type = `Read${Math.random().toString(36).slice(2, 8)}`;
    const xlsx = { "Content-Type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
    const seen = await city.server.call("POST", "/api/tables/profile", bytes, xlsx);
    assert.equal(seen.status, 200, seen.text);
    const names = ((seen.json as Profile).columns ?? []).map(({ name }) => name);
    const found = names.find((name) => name.startsWith(column));
    assert.ok(found, `${column} is not among ${names.join(", ")}`);
    const mapping = {
        mapping: 1,
        table: { format: "xlsx" },
        entity: { type, id: `urn:ngsi-ld:${type}:{${names[0]}}` },
        attributes: { value: { column: found } },
    };
    const named = { "Content-Type": "application/json" };
    const kept = await city.server.call("PUT", `/api/mappings/${type.toLowerCase()}`, JSON.stringify(mapping), named);
    assert.ok(kept.status < 300, kept.text);
    const taken = await city.server.call("POST", `/api/tables?mapping=${type.toLowerCase()}`, bytes, xlsx);
    assert.ok(taken.status < 300, taken.text);
    const rows = await city.server.call("GET", `/ngsi-ld/v1/entities?type=${type}&options=keyValues&limit=1000`);
    return (rows.json as { value: number }[]).map(({ value }) => value);
}

describe("the analyst", { skip: skipped, timeout: 300_000 }, () => {
    for (const lang of ["zh", "en"] as const) {
        test(`a figure, its rows, a workbook whose sum equals the figure (${lang})`, async () => {
            const { page, context, trouble } = await person();
            const title = lang === "zh" ? "平均电量" : "Mean battery";
            await visit(page, city.url, "/now", lang);
            const tile = page.locator(".tile", { hasText: title });
            await until(
                "the figure is there",
                async () => (await tile.locator("b").innerText()) === String(Math.round(mean)),
            );
            await tile.click();
            const result = page.locator("#figure-value");
            await until(
                "the figure is counted anew",
                async () => (await result.innerText()) === String(Math.round(mean)),
            );
            const rows = page.locator(".thinglist .datatable tbody tr");
            await until("all rows are there", async () => (await rows.count()) === levels.length);

            // The line is cut: the rows stay, the page says how old they are, and the file is of what is shown.
            await context.setOffline(true);
            await page.waitForSelector(".lost");
            assert.equal(await rows.count(), levels.length);
            await context.setOffline(false);
            await page.waitForSelector(".lost", { state: "detached", timeout: patienceMs });

            const [download] = await Promise.all([
                page.waitForEvent("download"),
                page.locator(".thinglist .datatable .xlsx").click(),
            ]);
            assert.match(download.suggestedFilename(), /\.xlsx$/);
            const bytes = readFileSync(await download.path());
            assert.equal(bytes.subarray(0, 2).toString(), "PK");
            const cells = await sheet(bytes, lang === "zh" ? "电量" : "Battery");
            assert.deepEqual([...cells].sort(), [...levels].sort());
            const sum = cells.reduce((total, one) => total + one, 0);
            assert.equal(
                Math.round(sum / cells.length),
                Number(await result.innerText()),
                "the file's mean is the figure",
            );

            // A condition narrows rows and figure alike, and stands in the address.
            await page.fill(".thinglist .question", "battery>50");
            await page.keyboard.press("Enter");
            await until(
                "three rows are left",
                async () => (await rows.count()) === levels.filter((one) => one > 50).length,
            );
            assert.match(decodeURIComponent(page.url()), /q=battery>50/);
            // What it asks is read term by term; one that the program alone can judge is asked of it.
            assert.match(await page.locator(".term").innerText(), lang === "zh" ? /^电量 > 50 %/ : /^Battery > 50 %/);
            await page.fill(".thinglist .question", "battery>90|battery<40");
            await page.keyboard.press("Enter");
            await until(
                "those on either side",
                async () => (await rows.count()) === levels.filter((one) => one > 90 || one < 40).length,
            );
            await page.locator(".term a").click();
            await until("all again", async () => (await rows.count()) === levels.length);
            assert.doesNotMatch(page.url(), /q=/);
            // A row opens beside the list, and then as a page, with its curve.
            await rows.first().click();
            await page.waitForSelector(".drawer .values");
            await page.locator(".drawer .btn.main").click();
            await page.waitForSelector(".thing .chart canvas");
            assert.deepEqual(trouble, []);
            await context.close();
        });
    }

    test("the past: map, figure and rows are of the moment in the address; what is open stays listed", async () => {
        const { page, context, trouble } = await person();
        const before = new Date().toISOString();
        await city.drive(vins[0]!, 3, 11, Date.now() + 1000);
        await until("the alert is there", async () =>
            (await city.alerts("open")).some(({ alertSource }) => alertSource === carId(vins[0]!)),
        );
        await visit(page, city.url, "/now", "zh");
        const tile = page.locator(".tile", { hasText: "平均电量" });
        const now = Math.round((mean * levels.length - levels[0]! + 11) / levels.length);
        await until("the figure of now", async () => (await tile.locator("b").innerText()) === String(now));
        await page.locator(".feed-item.red", { hasText: vins[0]! }).waitFor();
        await visit(page, city.url, `/now?at=${before}`, "zh");
        await page.waitForSelector(".then");
        await until(
            "the figure of then",
            async () => (await tile.locator("b").innerText()) === String(Math.round(mean)),
        );
        assert.equal(
            await page.locator(".feed-item", { hasText: vins[0]! }).count(),
            0,
            "it had not been raised yet",
        );
        // A narrow span shows less of the past; it hides nothing that is open.
        await visit(page, city.url, "/now?span=PT1H", "zh");
        await page.locator(".feed-item.red", { hasText: vins[0]! }).waitFor();
        assert.deepEqual(trouble, []);
        await context.close();
    });
});
