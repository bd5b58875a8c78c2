// A city for walks through the console: the program with its own console, what stands still of Zhenjiang, the pack of
// electric cars, and cars that speak GB/T 32960 on its link. And a browser whose pages report what is wrong with them.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { upsert } from "../../city/api.ts";
import { standing } from "../../city/entities.ts";
import * as gb32960 from "../../city/frames/gb32960.ts";
import { Line } from "../../city/line.ts";
import { copyOf, readPack } from "../../packs/prove/folder.ts";
import { Server, command, folder, root } from "../api/server.ts";
import { findBrowser, openBrowser } from "./browser.ts";

export const patienceMs = 30_000;
export const chromium = findBrowser();
export const skipped = chromium ? false : "there is no chromium here; scripts/need.sh browser installs it";

/** Where a car of the walks stands: the middle of Danyang. */
export const danyang: [number, number] = [119.581911, 32.000228];
export const carId = (vin: string): string => `urn:ngsi-ld:ElectricVehicle:${vin}`;

let browser: Browser | undefined;

export class WalkCity {
    line: Line | undefined;
    private constructor(readonly server: Server) {}

    static async start(...more: string[]): Promise<WalkCity> {
        const options = ["--contexts", join(root, "city/contexts"), "--console", join(root, "city/console.json")];
        const city = new WalkCity(await new Server(folder(), [...options, ...more]).start());
        // Told at the file's own level: what is started here lives as long as its tests.
        after(() => city.stop());
        browser ??= await openBrowser(chromium!);
        after(() => browser?.close());
        assert.deepEqual(await upsert(city.url, standing(), "replace"), []);
        return city;
    }
    get url(): string {
        return this.server.url;
    }
    /** After a kill: on the same data, at the same address, so that pages find it again. */
    async restart(): Promise<void> {
        await this.server.start(this.server.port);
    }
    async stop(): Promise<void> {
        this.line?.close();
        await this.server.stop();
    }
    /** The pack of electric cars, on a port of its own, and a maker's line to it. */
    async withCars(): Promise<void> {
        const { dir, ports } = await copyOf(readPack("electric-vehicles"));
        const done = await command("pack", "install", "--server", this.url, dir);
        rmSync(dir, { recursive: true, force: true });
        assert.equal(done.code, 0, done.out);
        this.line = new Line("127.0.0.1", ports.get("cars")!, gb32960.readAnswers);
    }
    /** One report of a car, answered when it is on the disk. */
    async drive(vin: string, alarmLevel: number, battery = 60, at = Date.now(), place = danyang): Promise<void> {
        const bytes = gb32960.realTime(vin, at, [
            gb32960.vehicle({
                state: 1,
                charge: 3,
                mode: 1,
                speed_kmh: 36,
                odo_km: 12_345,
                voltage_v: 380,
                current_a: 20,
                soc: battery,
                dcdc: 1,
                gear: 14,
                insulation_kohm: 5000,
                accelerator: 10,
                brake: 0,
            }),
            gb32960.position(...place),
            gb32960.extremes({
                max_v: { sys: 1, cell: 12, v: 3.9 },
                min_v: { sys: 1, cell: 71, v: 3.88 },
                max_t: { sys: 1, probe: 3, c: 31 },
                min_t: { sys: 1, probe: 9, c: 28 },
            }),
            gb32960.alarm(alarmLevel, alarmLevel > 0 ? 1 : 0),
        ]);
        await this.line!.say(bytes, `02 ${vin}`);
    }
    /** A car that is the city's: it was heard once, and claimed. */
    async own(vin: string, battery = 60): Promise<void> {
        await this.drive(vin, 0, battery);
        const body = JSON.stringify({ type: "ElectricVehicle", name: vin });
        const headers = { "Content-Type": "application/json", Link: contextLink(this.url) };
        await until(`${vin} is claimed`, async () => {
            const done = await this.server.call("POST", `/api/devices/cars/${vin}/claim`, body, headers);
            return done.status < 300;
        });
    }
    async alerts(status: string): Promise<{ id: string; alertSource: string; acknowledgedBy?: string }[]> {
        return (await this.server.call("GET", `/api/alerts?status=${status}`)).json;
    }
}
const contextLink = (url: string): string =>
    `<${url}/api/console/context.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`;

/** Asks until `check` says yes. */
export async function until(what: string, check: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + patienceMs; !(await check()); await pause(200)) {
        assert.ok(Date.now() < end, `${what}: not within ${patienceMs / 1000} s`);
    }
}

/** A browser of somebody's own: nothing is shared with another's. `trouble` is what went wrong in its pages. */
export async function person(
    size = { width: 1440, height: 900 },
): Promise<{ context: BrowserContext; page: Page; trouble: string[] }> {
    const context = await browser!.newContext({ viewport: size, acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(patienceMs);
    const trouble: string[] = [];
    // A line that is cut fails requests; that is not the page's fault, and what it does then is looked at.
    page.on("console", (message) => {
        const text = message.text();
        if (message.type() === "error" && !/Failed to load resource|net::ERR/.test(text)) trouble.push(text);
        if (/Content Security Policy/i.test(text)) trouble.push(text);
    });
    page.on("pageerror", (error) => trouble.push(`${error.message}\n${error.stack}`));
    page.on("request", (asked) => {
        if (!/^(http:\/\/127\.0\.0\.1:\d+\/|blob:|data:)/.test(asked.url())) trouble.push(`asked ${asked.url()}`);
    });
    return { context, page, trouble };
}
/** A page of the console in a language; `path` is what stands behind the #. */
export async function visit(page: Page, url: string, path: string, lang: "zh" | "en"): Promise<void> {
    const joint = path.includes("?") ? "&" : "?";
    await page.goto(`${url}/#${path}${lang === "en" ? `${joint}lang=en` : ""}`);
    await page.waitForSelector(`html[lang=${lang === "en" ? "en" : "zh-CN"}] main > *`);
}
