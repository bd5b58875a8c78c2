// Pictures of all pages, in both languages, on desk, wall and phone, of a city that runs:
//
//   node --import tsx tests/e2e/pictures.ts [--url http://127.0.0.1:8080] [--to pictures] [--only NAME]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findBrowser, openBrowser } from "./browser.ts";
import { modes, pagesOf } from "./pages.ts";

const { values } = parseArgs({
    options: {
        url: { type: "string", default: "http://127.0.0.1:8080" },
        to: { type: "string", default: "pictures" },
        only: { type: "string" },
    },
});
const executable = findBrowser();
if (!executable) throw new Error("there is no chromium here; scripts/need.sh browser installs it");
mkdirSync(values.to, { recursive: true });

type Device = { link: string; device: string };
type Alert = { id: string; alertSource: string };
const alerts = (await (await fetch(`${values.url}/api/alerts`)).json()) as Alert[];
const first = alerts[0];
if (!first) throw new Error(`${values.url} has no alert yet: let the city run for a minute`);
const devices = (await (await fetch(`${values.url}/api/devices?entity=${first.alertSource}`)).json()) as Device[];
const device = devices[0] && `${devices[0].link}/${encodeURIComponent(devices[0].device)}`;
const browser = await openBrowser(executable);
let made = 0;
for (const mode of modes) {
    const context = await browser.newContext({ viewport: mode });
    for (const lang of ["zh", "en"] as const) {
        for (const { name, path, ready } of pagesOf(first.alertSource, first.id, device)) {
            if (values.only && values.only !== name) continue;
            const page = await context.newPage();
            const query = [mode.query, lang === "en" ? "lang=en" : ""].filter(Boolean).join("&");
            const joint = path.includes("?") ? "&" : "?";
            await page.goto(`${values.url}/#${path}${query ? joint + query : ""}`);
            await page.waitForSelector(ready, { timeout: 30_000 });
            await page.waitForTimeout(2500);
            await page.screenshot({
                path: join(values.to, `${name}-${mode.name}-${lang}.png`),
                fullPage: mode.name !== "wall",
            });
            await page.close();
            made++;
        }
    }
    await context.close();
}
await browser.close();
console.log(`${made} pictures in ${values.to}/`);
