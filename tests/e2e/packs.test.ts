// The system page's packs, rules and subscriptions as an operator walks them, in both languages: a broken pack is
// refused with the place named, a whole one comes in and goes; a rule and a subscription say why.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { get, sample, withVersion, type Files } from "../api/packs.ts";
import { check, City, folder, linkTo, Server, type Json } from "../api/server.ts";
import { findBrowser, openBrowser } from "./browser.ts";
import { until } from "./city.ts";

const executable = findBrowser();
const words = {
    zh: { faults: /有 2 处错误，未安装/, clean: /检查通过/, force: /强制/, why: /q 不成立/, holds: /此刻成立/ },
    en: {
        faults: /2 faults; not installed/,
        clean: /nothing is wrong/,
        force: /Force/,
        why: /q does not hold/,
        holds: /Holds now/,
    },
} as const;
type Language = keyof typeof words;

/** The third line of pack.json has no comma: what comes behind it, in line 4, is no JSON any more. */
const withoutComma = (files: Files): Files => ({
    ...files,
    "pack.json": files["pack.json"]!.replace('"name": "sample",', '"name": "sample"'),
});
/** "when" is misspelt in the first level of the first rule. */
const misspelt = (files: Files): Files => ({
    ...files,
    "rules/pm25.json": files["rules/pm25.json"]!.replace('"when": "half', '"wenn": "half'),
});

const options = process.env["JINDU_WEB"] ? ["--web", process.env["JINDU_WEB"]] : [];

for (const language of Object.keys(words) as Language[]) {
    describe(`packs, rules, subscriptions (${language})`, { skip: !executable && "no Chromium" }, () => {
        const say = words[language];
        const server = new Server(folder(), options);
        const city = new City(server, undefined);
        const trouble: string[] = [];
        const dir = mkdtempSync(join(tmpdir(), "jindu-packs-"));
        let browser: Browser;
        let page: Page;

        before(async () => {
            await server.start();
            browser = await openBrowser(executable!);
            page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
            page.setDefaultTimeout(20_000);
            page.on("pageerror", (error) => trouble.push(error.message));
            // What the program refuses, the browser writes down as well.
            page.on("console", (line) => {
                if (line.type() === "error" && !/status of (400|409)/.test(line.text())) trouble.push(line.text());
            });
        });
        after(async () => {
            await browser.close();
            await server.stop();
            rmSync(dir, { recursive: true, force: true });
        });

        let folders = 0;
        function write(files: Files): string {
            const to = join(dir, `pack${++folders}`);
            for (const [name, text] of Object.entries({ ...files, "README.md": "# sample\n" })) {
                mkdirSync(dirname(join(to, name)), { recursive: true });
                writeFileSync(join(to, name), text);
            }
            return to;
        }
        const open = async (path: string): Promise<void> => {
            const at = path.includes("?") ? `${path}&lang=${language}` : `${path}?lang=${language}`;
            await page.goto(`${server.url}/#${at}`);
        };
        /** Chooses a folder and waits for what the check says. */
        async function choose(files: Files, state: string): Promise<string> {
            const checked = page.waitForResponse(/api\/packs\?check=true$/);
            await page.locator("#pack-folder").setInputFiles(write(files));
            await checked;
            const result = page.locator(`#pack-result[data-state="${state}"]`);
            await result.waitFor();
            return result.innerText();
        }
        const versions = async (): Promise<string[]> =>
            ((await get(server, "/api/packs")) as { version: string }[]).map(({ version }) => version);

        test("a broken pack is refused, with file, line, column, member and the text there", async () => {
            await open("/system/packs");
            await page.locator("#pack-new").click();
            const files = misspelt(sample());
            const line = files["rules/pm25.json"]!.split("\n").findIndex((one) => one.includes('"wenn"')) + 1;
            const told = await choose(files, "faulty");
            assert.match(told, say.faults);
            assert.ok(told.includes(`rules/pm25.json:${line}:`), told);
            assert.ok(told.includes("[0].levels[0].wenn"), told);
            const marked = await page.locator(".excerpt-line.here").allInnerTexts();
            assert.ok(
                marked.some((text) => text.includes(`${line}`) && text.includes('"wenn": "half > 125"')),
                marked.join("\n"),
            );
            assert.equal(await page.locator("#pack-install").count(), 0, "what is broken cannot be installed");

            const torn = await choose(withoutComma(sample()), "faulty");
            assert.match(torn, /pack\.json:4:\d+/);
            assert.deepEqual(await versions(), []);
        });

        test("a whole one is installed, shown, replaced by force, and goes when it is told to", async () => {
            const clean = await choose(sample(), "clean");
            assert.match(clean, say.clean);
            assert.match(clean, /README\.md/, "what is not sent is named");
            await page.locator("#pack-install").click();
            await page.locator("#pack-told").waitFor();
            await page.locator("#pack-title").waitFor();
            assert.deepEqual(await versions(), ["1.0.0"]);
            // Its rules are asked for once more, behind the rest.
            for (const name of ["SampleStation", "pm25", "pm25-over"]) {
                await page.locator("section.pack", { hasText: name }).waitFor();
            }

            await page.locator("#pack-new").click();
            const other = {
                ...sample(),
                "rules/pm25.json": sample()["rules/pm25.json"]!.replace("half > 125", "half > 120"),
            };
            await choose(other, "clean");
            await page.locator("#pack-install").click();
            const refused = page.locator('#pack-result[data-state="refused"] [role="alert"]');
            await refused.waitFor();
            assert.match(await refused.innerText(), say.force, "what must be done stands there");
            await page.locator("#pack-force").check();
            await page.locator("#pack-install").click();
            await page.locator("#pack-told").waitFor();
            const rule = await get(server, "/api/rules/sample/pm25-over");
            if (rule.declaration) assert.equal(rule.declaration.levels[0].when, "half > 120");

            await page.locator("#pack-new").click();
            await choose(withVersion(sample(), "1.1.0"), "clean");
            await page.locator("#pack-install").click();
            await page.locator("section.pack code", { hasText: "sample 1.1.0" }).waitFor();
            assert.deepEqual(await versions(), ["1.1.0"]);
        });

        test("a rule says what each of its expressions is for one object", async () => {
            const station: Json = {
                id: "urn:ngsi-ld:SampleStation:1",
                type: "SampleStation",
                pm25: { type: "Property", value: 300 },
                status: { type: "Property", value: "ok" },
            };
            const context = linkTo(`${server.url}/api/packs/sample/context.jsonld`);
            check(await city.post("/entities", station, context), 201);
            await open("/system/rules?rule=sample/pm25-over");
            const field = page.locator(".ruleexplain [role=combobox]");
            await field.fill("SampleStation:1");
            await page.locator(".ruleexplain [role=option]", { hasText: station.id }).click();
            const told = await page.locator("#rule-explained").innerText();
            assert.match(told, say.holds);
            assert.match(told, /pm25 \/ 2\s+150/);
        });

        test("a rule is tried on history: its faults in place, when it would have been raised, and why", async () => {
            const context = linkTo(`${server.url}/api/packs/sample/context.jsonld`);
            const id = "urn:ngsi-ld:SampleStation:2";
            const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
            const reading = (value: number, minutes: number): Json => ({
                pm25: { type: "Property", value, observedAt: ago(minutes) },
            });
            const status = { type: "Property", value: "ok" };
            const station = { id, type: "SampleStation", status, ...reading(20, 180) };
            check(await city.post("/entities", station, context), 201);
            for (const [value, minutes] of [
                [100, 150],
                [20, 120],
            ] as const)
                check(await city.post(`/entities/${id}/attrs`, reading(value, minutes), context), 204);

            await open("/system/rules?rule=sample/pm25-over&trial=1");
            const editor = page.locator(".ruletry textarea");
            const rule: Json = {
                rule: 1,
                id: "pm25-over",
                title: { zh: "试", en: "tried" },
                type: "SampleStation",
                levels: [{ severity: "yellow", when: "pm26 > 75", until: "pm25 < 70" }],
            };
            await editor.fill(JSON.stringify(rule, null, 2));
            await page.locator("#rule-try").click();
            const fault = page.locator(".ruletry .faults li");
            await fault.waitFor();
            const marked = page.locator(".ruletry .excerpt-line.here");
            assert.match(await marked.innerText(), /"when": "pm26 > 75"/, "the line that is wrong");
            rule.levels[0].when = "pm25 > 75";
            await editor.fill(JSON.stringify(rule, null, 2));
            await page.locator("#rule-try").click();
            await page.locator("#rule-tried").waitFor();
            const line = page.locator(".trytimes-rows li", { has: page.locator(`[title="${id}"]`) });
            assert.equal(await line.locator(".trytimes-bar.yellow").count(), 1);
            await line.locator(".trytimes-bar").click();
            assert.match(await page.locator(".trytimes-evidence").innerText(), /100/);
        });

        test("a subscription is tried before it is made, and says which condition does not hold", async () => {
            await open("/system/subscriptions");
            await page.locator("#sub-new").click();
            const editor = page.locator(".subnew textarea");
            await editor.fill('{\n  "type": "Subscription",\n}');
            await page.locator("#sub-dry").click();
            await page.locator(".subnew .fault-place", { hasText: "3:" }).waitFor();
            const high = {
                id: "urn:ngsi-ld:Subscription:high",
                type: "Subscription",
                entities: [{ type: "SampleStation" }],
                q: "pm25>500",
                notification: { endpoint: { uri: "http://127.0.0.1:9/told" } },
            };
            await editor.fill(JSON.stringify(high, null, 2));
            assert.ok(await page.locator("#sub-create").isDisabled(), "it must be tried first");
            await page.locator("#sub-dry").click();
            await page.locator("#sub-dried").waitFor();
            await page.locator("#sub-create").click();
            await page.locator("#sub-title").waitFor();
            await page.locator(".subwhy [role=combobox]").fill("SampleStation:1");
            await page.locator(".subwhy [role=option]").first().click();
            const told = await page.locator("#sub-explained").innerText();
            assert.match(told, say.why);
            assert.match(told, /pm25>500/);
            assert.match(told, /= 300/, "what was found there");
            await page.locator("#sub-pause").click();
            await page.locator("#sub-explained", { hasText: /isActive/ }).waitFor();
            await page.locator("#sub-delete").click();
            await page.locator("dialog .yes").click();
            const gone = async (): Promise<boolean> =>
                (await city.get("/subscriptions/urn:ngsi-ld:Subscription:high")).status === 404;
            await until("it is deleted", gone);
        });

        test("a pack is removed after its consequence was said", async () => {
            await open("/system/packs?pack=sample");
            await page.locator("#pack-remove").click();
            const asked = await page.locator("dialog[open]").innerText();
            assert.match(asked, /3/);
            await page.locator("dialog .yes").click();
            await page.locator("#pack-told").waitFor();
            assert.deepEqual(await versions(), []);
        });

        test("the page had no error, and nothing in it was against its policy", () => {
            assert.deepEqual(trouble, []);
        });
    });
}
