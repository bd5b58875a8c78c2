// The duty officer: a red alert is on the map, its evidence is looked at, it is taken, and a second browser sees
// that; in
// both languages, and with the line cut in the middle.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { carId, patienceMs, person, skipped, until, visit, WalkCity } from "./city.ts";

const words = {
    zh: { title: "车辆报警", waiting: "待接手", taken: "已接手", live: "实时", alerts: "告警" },
    en: { title: "The car raises an alarm", waiting: "Waiting", taken: "Taken", live: "Live", alerts: "Alerts" },
};
const vins = { zh: "JDWALKZH000000001", en: "JDWALKEN000000001" } as const;

const city = skipped ? undefined! : await WalkCity.start();
if (!skipped) await city.withCars();

describe("the duty officer", { skip: skipped, timeout: 300_000 }, () => {
    test("of an alert that went by itself nobody is said to have taken it", async () => {
        const vin = "JDWALKGONE0000001";
        const { page, context } = await person();
        await city.own(vin);
        await city.drive(vin, 2);
        await until("the alert", async () =>
            (await city.alerts("open")).some((one) => one.alertSource === carId(vin)),
        );
        await city.drive(vin, 0);
        await visit(page, city.url, "/alerts?status=cleared", "zh");
        const row = page.locator(".datatable tbody tr", { hasText: vin });
        await row.waitFor();
        assert.equal(await row.locator("td").last().innerText(), "–");
        await context.close();
    });
    for (const lang of ["zh", "en"] as const) {
        test(`a red alert on the map, its evidence, taken, seen by a second browser (${lang})`, async () => {
            const word = words[lang];
            const vin = vins[lang];
            const [mine, other] = [await person(), await person()];
            await city.own(vin);
            await visit(mine.page, city.url, "/now?layers=cars", lang);
            await visit(other.page, city.url, "/alerts", lang);
            await mine.page.waitForSelector(".citymap-gl[data-ready]");
            const item = mine.page.locator(".feed-item.red", { hasText: vin });
            assert.equal(await item.count(), 0);

            await city.drive(vin, 3);
            await item.waitFor();
            assert.match(await item.innerText(), new RegExp(`${word.title}[\\s\\S]*${word.waiting}`));
            // On the map it stands where the car is: what is drawn there is the red mark, and a click on it opens
            // the car.
            await mine.page.waitForSelector(`.citymap-gl[data-alerts*="${carId(vin)} red"]`);
            await item.click();
            await mine.page.waitForSelector(".alert-head.red");
            const evidence = mine.page.locator(".detail table", { hasText: /alarm|报警/i }).first();
            assert.match(await evidence.innerText(), /\b3\b/);
            assert.match(await mine.page.locator(".detail").innerText(), /alarmLevel == 3/);

            // The line is cut while the officer writes; nothing is taken for done, and what was written stays.
            await mine.page.fill("#act-name", lang === "zh" ? "李娜" : "Li Na");
            await mine.page.fill("#act-comment", `${vin} 1`);
            await mine.context.setOffline(true);
            await mine.page.click("#act-acknowledge");
            await mine.page.waitForSelector(".act .note.bad");
            await mine.page.waitForSelector(".lost");
            assert.equal(
                (await city.alerts("acknowledged")).filter(({ alertSource }) => alertSource === carId(vin)).length,
                0,
            );
            await mine.context.setOffline(false);
            await mine.page.waitForSelector(".lost", { state: "detached", timeout: patienceMs });
            assert.equal(await mine.page.inputValue("#act-comment"), `${vin} 1`);
            await mine.page.click("#act-acknowledge");
            await mine.page.waitForSelector(".act .note.ok");

            // The other browser was told, without asking again.
            const row = other.page.locator(".datatable tbody tr", { hasText: vin });
            await row.waitFor();
            await until("the second browser sees who has it", async () =>
                (await row.innerText()).includes(lang === "zh" ? "李娜" : "Li Na"),
            );
            const [taken] = (await city.alerts("acknowledged")).filter(
                ({ alertSource }) => alertSource === carId(vin),
            );
            assert.equal(taken?.acknowledgedBy, lang === "zh" ? "李娜" : "Li Na");
            // What is acknowledged is not over: it stays in the feed, with who has it.
            await visit(mine.page, city.url, "/now?layers=cars&span=PT1H", lang);
            await until("the feed says who has it", async () => /李娜|Li Na/.test(await item.innerText()));

            // The program is killed and comes back; both pages find it again, and nothing of it is gone.
            await city.server.kill();
            await mine.page.waitForSelector(".lost");
            await city.restart();
            await mine.page.waitForSelector(".lost", { state: "detached", timeout: patienceMs });
            await until("the feed still says who has it", async () => /李娜|Li Na/.test(await item.innerText()));
            await city.drive(vin, 0);
            await item.waitFor({ state: "detached" });
            await row.waitFor({ state: "detached" });
            assert.deepEqual([...mine.trouble, ...other.trouble], []);
            await mine.context.close();
            await other.context.close();
        });
    }
});
