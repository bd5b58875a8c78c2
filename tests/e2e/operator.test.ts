// The operator: a device speaks for the first time, is claimed, and is on the map; a table with bad rows is handed over,
// mended, and is in. In both languages, with the line cut in the middle and the program killed, and nothing is lost.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import * as hj212 from "../../city/frames/hj212.ts";
import { Line } from "../../city/line.ts";
import { freePort } from "../api/devices.ts";
import { patienceMs, person, skipped, until, visit, WalkCity } from "./city.ts";

const context = "http://127.0.0.1:8080/city.jsonld";
const stations = { zh: "A3211WALKZH000000000001", en: "A3211WALKEN000000000001" } as const;
const names = { zh: "万柳空气站", en: "Wanliu station" };
const titles = { zh: "待认领的新设备", en: "to be claimed" };
const stationId = (mn: string): string => `urn:ngsi-ld:AirQualityObserved:${mn.toLowerCase()}`;
/** The middle of what the map shows at first, so that it is drawn in the middle of the map. */
const middle: [number, number] = [119.475, 31.9757];

const city = skipped ? undefined! : await WalkCity.start();
const call = (method: string, path: string, body?: unknown): ReturnType<WalkCity["server"]["call"]> =>
    city.server.call(method, path, body === undefined ? undefined : JSON.stringify(body), {
        "Content-Type": "application/json",
        Link: `<${context}>; rel="http://www.w3.org/ns/json-ld#context"`,
    });

/** The line is cut, and later mended: the page says both. */
async function cut(page: Page, work: () => Promise<void>): Promise<void> {
    await page.context().setOffline(true);
    await work();
    await page.context().setOffline(false);
    await page.waitForSelector(".lost", { state: "detached", timeout: patienceMs });
}
async function killed(page: Page, work: () => Promise<void>): Promise<void> {
    await city.server.kill();
    await work();
    await city.restart();
    await page.waitForSelector(".lost", { state: "detached", timeout: patienceMs });
}

describe("the operator", { skip: skipped, timeout: 300_000 }, () => {
    for (const lang of ["zh", "en"] as const) {
        test(`a new device is claimed and stands on the map (${lang})`, async () => {
            const [port, mn, name] = [await freePort(), stations[lang], names[lang]];
            const { page, context: browser, trouble } = await person();
            await visit(page, city.url, "/system/links", lang);

            // The link is declared here; a slip in it is shown at its line, and nothing has changed then.
            await page.click("#link-declare");
            await page.fill("#link-name", `walk-${lang}`);
            const link = {
                protocol: "hj212",
                listen: `127.0.0.1:${port}`,
                "@context": context,
                origin: { class: "simulated", from: "tests/e2e" },
                maps: [
                    {
                        mapping: 1,
                        skip: { CN: { not: ["2011"] } },
                        time: { column: "CP.DataTime", form: "%Y%m%d%H%M%S", zone: "+08:00" },
                        entity: { type: "AirQualityObserved", id: "urn:ngsi-ld:AirQualityObserved:{MN|lower}" },
                        attributes: { pm25: { column: "CP.a34004-Rtd", unitt: "GQ" } },
                    },
                ],
            };
            const text = JSON.stringify(link, null, 2);
            await page.fill("#link-text", text);
            await page.click("#link-send");
            const fault = page.locator(".modal [role=alert]", { hasText: "unitt" });
            await fault.waitFor();
            const line = text.split("\n").findIndex((one) => one.includes("unitt")) + 1;
            assert.match(await fault.innerText(), new RegExp(`\\b${line}\\b`));
            assert.equal((await call("GET", `/api/links/walk-${lang}`)).status, 404);
            await page.fill("#link-text", text.replace("unitt", "unit"));
            await page.click("#link-send");
            await page.waitForSelector("#linkpanel-title");

            // A station speaks for the first time.
            const station = new Line("127.0.0.1", port, hj212.readAnswers);
            await station.say(hj212.realTime(mn, Date.now(), Date.now() - 1000, { a34004: "41" }));
            await page.keyboard.press("Escape");
            const row = page.locator("#fresh-devices tbody tr", { hasText: mn });
            await row.waitFor();
            assert.match(await page.locator("#fresh-title").innerText(), new RegExp(titles[lang]));
            await row.locator("button.claim:not([disabled])").click();
            await page.fill("#claim-name", name);
            if (lang === "zh") {
                await page.fill("#claim-lng", String(middle[0]));
                await page.fill("#claim-lat", String(middle[1]));
            } else {
                await page.waitForSelector(".modal .citymap-gl[data-ready]");
                await until("the map takes a click", async () => {
                    await page.click(".modal .citymap-gl");
                    return Math.abs(Number(await page.inputValue("#claim-lng")) - middle[0]) < 0.01;
                });
                assert.ok(Math.abs(Number(await page.inputValue("#claim-lat")) - middle[1]) < 0.01);
            }
            const place = [Number(await page.inputValue("#claim-lng")), Number(await page.inputValue("#claim-lat"))];
            await (lang === "zh" ? cut : killed)(page, async () => {
                await page.click("#claim-send");
                await page.waitForSelector(".modal .note.bad");
            });
            assert.equal(await page.inputValue("#claim-name"), name);
            await page.click("#claim-send");
            await page.locator("#links-told.ok", { hasText: name }).waitFor();
            await row.waitFor({ state: "detached" });

            const device = (await call("GET", `/api/devices/walk-${lang}/${mn}`)).json;
            assert.equal(device.state, "claimed");
            const entity = (await call("GET", `/ngsi-ld/v1/entities/${stationId(mn)}?options=keyValues`)).json;
            assert.deepEqual(
                [entity.name, entity.location.coordinates, entity.pm25, entity.deviceState],
                [name, place, 41, "claimed"],
            );

            // It is on the map, where it was said to be: a click there opens it.
            await page.click("#links-told a >> nth=0");
            await page.waitForSelector(".citymap-gl[data-ready]");
            const title = page.locator("#drawer-title", { hasText: name });
            await title.waitFor();
            await page.keyboard.press("Escape");
            await title.waitFor({ state: "detached" });
            await until("a click on the map opens it", async () => {
                await page.click(".mapbox .citymap-gl");
                await page.waitForTimeout(500);
                return (await title.count()) > 0;
            });
            station.close();
            assert.equal((await call("DELETE", `/api/links/walk-${lang}`)).status, 204);
            assert.deepEqual(trouble, []);
            await browser.close();
        });

        test(`a table with bad rows is mended until it is in (${lang})`, async () => {
            const { page, context: browser, trouble } = await person();
            const meter = `walk-${lang}`;
            const rows = Array.from({ length: 30 }, (_, i) => {
                const value = i === 7 ? "4O" : i === 19 ? "n/k" : String(40 + i);
                return `${meter},2026-03-${String(i + 1).padStart(2, "0")} 08:00,${value}`;
            });
            rows[25] = `${meter},2026-03-26,08:00,65,7`; // shifted, with a cell too many
            const name = `${meter}.csv`;
            await visit(page, city.url, "/system/tables", lang);
            await page.setInputFiles("#table-file", {
                name,
                mimeType: "text/csv",
                buffer: Buffer.from(`meter,time,value\n${rows.join("\n")}\n`),
            });
            await page.waitForSelector("#profile-columns");
            assert.equal(await page.locator("#profile-columns tbody tr").count(), 3);
            assert.match(await page.innerText("#profile-columns"), /n\/k/);

            const mapping = {
                mapping: 1,
                time: { column: "time", zone: "Asia/Shanghai" },
                entity: { type: "WalkMeter", id: "urn:x:meter:{meter}" },
                attributes: { value: { column: "value", unitt: "KWH" } },
                refusedMax: 60,
            };
            const text = JSON.stringify(mapping, null, 2);
            await page.fill("#mapping-name", meter);
            await page.fill("#mapping-text", text);
            await page.click("#table-try");
            const fault = page.locator(".jsoneditor [role=alert]", { hasText: "unitt" });
            await fault.waitFor();
            const line = text.split("\n").findIndex((one) => one.includes("unitt")) + 1;
            assert.match(await fault.innerText(), new RegExp(`\\b${line}\\b`));

            await page.fill("#mapping-text", text.replace("unitt", "unit"));
            await page.click("#table-try");
            await page.waitForSelector("#report-state");
            const history = async (): Promise<number[]> => {
                const asked = `/ngsi-ld/v1/temporal/entities/urn:x:meter:${meter}?options=temporalValues`;
                const answer = await city.server.call("GET", asked);
                if (answer.status === 404) return [];
                const { values } = answer.json.value as { values: [number, string][] };
                return values.map(([value]) => value).sort((a, b) => a - b);
            };
            assert.deepEqual(await history(), [], "a try writes nothing");

            // No answer comes: file and mapping stay, and the same table once more is there once.
            const away = lang === "zh" ? cut : killed;
            await away(page, async () => {
                await page.click("#table-take");
                await page.waitForSelector("#table-again");
            });
            await page.click("#table-again");
            await page.waitForSelector("#mend-table");
            assert.equal((await history()).length, 27);
            assert.equal(await page.locator("#mend-table tbody tr").count(), 3);

            // One is mended wrong; what is written in the cells outlives a lost line and a reload.
            const cell = (row: string, column: number): ReturnType<Page["locator"]> =>
                page.locator("#mend-table tbody tr", { hasText: row }).locator("input").nth(column);
            await cell("4O", 2).fill("47");
            await cell("n/k", 2).fill("?");
            await away(page, async () => {
                await page.click("#mend-send");
                await page.waitForSelector(".mend .note.bad");
            });
            await page.reload();
            await page.waitForSelector("#mend-table");
            assert.deepEqual([await cell("4O", 2).inputValue(), await cell("n/k", 2).inputValue()], ["47", "?"]);
            const shifted = page.locator("#mend-table tbody tr").nth(2).locator("input");
            await shifted.nth(1).fill("2026-03-26 08:00");
            await shifted.nth(2).fill("65");
            await shifted.nth(3).fill("");
            await shifted.nth(4).fill("");
            await page.click("#mend-send");
            await page.waitForSelector("#tables-told.late");
            await until("one row is left", async () => (await page.locator("#mend-table tbody tr").count()) === 1);
            await page.locator("#mend-table input").nth(2).fill("59");
            await page.click("#mend-send");
            await page.waitForSelector("#tables-told.ok");
            assert.equal(await page.locator("#mend-table").count(), 0);
            assert.deepEqual(
                await history(),
                Array.from({ length: 30 }, (_, i) => 40 + i),
            );
            assert.deepEqual(trouble, []);
            await browser.close();
        });
    }
});
