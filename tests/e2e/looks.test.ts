// Every page, in both languages and on every size of screen: nothing that axe-core finds (WCAG 2 A and AA), nothing
// that
// hangs over the edge, no word of the other language, no breach of the policy, nobody asked but the program.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../api/server.ts";
import { carId, person, skipped, until, visit, WalkCity } from "./city.ts";
import { modes, pagesOf } from "./pages.ts";

const axe = skipped ? "" : readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");
const city = skipped ? undefined! : await WalkCity.start();
const vin = "JDLOOKS0000000001";
if (!skipped) {
    await city.withCars();
    await city.own(vin);
    await city.drive(vin, 3);
    await city.drive("JDLOOKSNEW0000001", 0); // a device that is not claimed yet
    await until("the alert is there", async () => (await city.alerts("open")).length > 0);
}

interface Found {
    violations: { id: string; help: string; nodes: { target: string[]; failureSummary?: string }[] }[];
}

describe("how the console looks", { skip: skipped, timeout: 600_000 }, () => {
    test("what is typed before the # means the same as behind it", async () => {
        const { page, context } = await person();
        await page.goto(`${city.url}/?lang=en&wall=1#/alerts?status=cleared`);
        await page.waitForSelector("html.wall[lang=en] .alerts");
        assert.match(page.url(), /\/#\/alerts\?(?=.*lang=en)(?=.*wall=1)(?=.*status=cleared)/);
        await context.close();
    });
    for (const mode of modes) {
        for (const lang of ["zh", "en"] as const) {
            test(`${mode.name}, ${lang}`, async () => {
                const { page, context, trouble } = await person(mode);
                const faults: string[] = [];
                const [first] = await city.alerts("open");
                for (const { name, path, ready } of pagesOf(carId(vin), first!.id, `cars/${vin}`)) {
                    const joint = path.includes("?") ? "&" : "?";
                    await visit(page, city.url, mode.query ? `${path}${joint}${mode.query}` : path, lang);
                    await page.reload();
                    await page.waitForSelector(ready);
                    await page.waitForTimeout(700);
                    // By the browser's own door: the page's policy lets no script in, and that is looked at too.
                    await page.evaluate(axe);
                    const { violations } = (await page.evaluate(
                        `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] })`,
                    )) as Found;
                    for (const one of violations) {
                        const at = one.nodes.slice(0, 3).map(({ target }) => target.join(" "));
                        faults.push(`${name}: ${one.id} (${one.nodes.length}): ${at.join(" | ")}`);
                    }
                    const [wide, seen] = await page.evaluate(() => [
                        document.documentElement.scrollWidth,
                        document.documentElement.clientWidth,
                    ]);
                    if (wide! > seen! + 1) faults.push(`${name}: ${wide! - seen!} pixels hang over the edge`);
                    if (lang === "en") {
                        const text = await page.evaluate(() => {
                            const copy = document.body.cloneNode(true) as HTMLElement;
                            // What data and the plan say in their own language stays in it.
                            copy.querySelectorAll("[lang=zh], option, td, code, pre, noscript").forEach((one) =>
                                one.remove(),
                            );
                            return copy.textContent ?? "";
                        });
                        const han = /\p{Script=Han}[\p{Script=Han}，。：]*/u.exec(text);
                        // The switch itself, and the name of an application.
                        if (han && !["中文", "镇合意"].includes(han[0])) faults.push(`${name}: ${han[0]}`);
                    }
                }
                assert.deepEqual([...faults, ...trouble], []);
                await context.close();
            });
        }
    }
});
