// The page of the sample city in a real browser: what `make run` opens, on ports of its own. JINDU_PICTURES=FOLDER
// keeps pictures of it in both languages.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { contextLink } from "../../city/api.ts";
import { openLinks } from "../../city/carry.ts";
import { declarations, freePort } from "../../city/declare.ts";
import * as jt808 from "../../city/frames/jt808.ts";
import { Server, folder, root, type Json } from "../api/server.ts";
import { findBrowser, openBrowser } from "./browser.ts";

const executable = findBrowser();

/** So long after its last frame a car is called silent; each speaks every ten seconds, their platform every thirty. */
const carsSilentAfterSeconds = 35;
const devicesInAll = 2 + 16 + 20 + 3 + 120;
const patienceMs = 90_000;

let server: Server;
let browser: Browser;
let page: Page;
let carrier: ChildProcess;
const children: ChildProcess[] = [];
const trouble: string[] = [];

function city(file: string, ...args: string[]): ChildProcess {
    const child = spawn(process.execPath, ["--import", "tsx", `city/${file}`, "--url", server.url, ...args], {
        cwd: root,
        stdio: ["ignore", "ignore", "inherit"],
    });
    children.push(child);
    return child;
}

async function ended(child: ChildProcess): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    return child.exitCode;
}

async function get(path: string): Promise<Json> {
    const answer = await server.call("GET", path, undefined, { Link: contextLink, Accept: "application/json" });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json;
}

/** Asks until `check` says yes. */
async function until(what: string, check: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + patienceMs; !(await check()); await pause(300)) {
        assert.ok(Date.now() < end, `${what}: not within ${patienceMs / 1000} s`);
    }
}

/** The five links, each on a port that is free. */
async function declareLinks(): Promise<void> {
    for (const [name, declaration] of Object.entries(declarations())) {
        const body: Record<string, unknown> = { ...declaration, listen: `127.0.0.1:${await freePort()}` };
        if (name === "cars") body["silenceSeconds"] = carsSilentAfterSeconds;
        const type = { "Content-Type": "application/json" };
        const answer = await server.call("PUT", `/api/links/${name}`, JSON.stringify(body), type);
        assert.equal(answer.status, 201, answer.text);
    }
}

/** The devices with an entity, as the program knows them, with the place of the entity. */
async function devices(): Promise<{ key: string; link: string; health: string; at: [number, number] | undefined }[]> {
    const known = (await get("/api/devices?limit=1000")) as Json[];
    const types = "AirQualityObserved,Vehicle,ElectricVehicle,RiverFlowObserved,Vessel";
    const entities = (await get(`/ngsi-ld/v1/entities?type=${types}&pick=id,location&limit=1000`)) as Json[];
    const places = new Map(entities.map(({ id, location }) => [id as string, location?.value.coordinates]));
    return known.map(({ link, device, health, entity }) => ({
        key: `${link}/${device}`,
        link,
        health,
        at: places.get(entity ?? ""),
    }));
}

interface Mark {
    key: string;
    classes: string;
    shape: string;
    label: string;
    x: number;
    y: number;
    inside: boolean;
}

/** The marks of devices within `box`, where each is drawn and whether that is inside of its map. */
function marks(box: string): Promise<Mark[]> {
    return page.$$eval(`${box} a.spot`, (all) =>
        all.map((one) => {
            const reach = one.querySelector("circle")!;
            const svg = (one as SVGAElement).ownerSVGElement!;
            const [x, y] = [reach.cx.baseVal.value, reach.cy.baseVal.value];
            return {
                key: new URLSearchParams(one.getAttribute("href")!.slice(1)).get("device")!,
                classes: one.getAttribute("class")!,
                shape: one.querySelector(".shape")!.getAttribute("d")!,
                label: one.getAttribute("aria-label")!,
                x,
                y,
                inside: x >= 0 && y >= 0 && x <= svg.viewBox.baseVal.width && y <= svg.viewBox.baseVal.height,
            };
        }),
    );
}

const placeless = (): Promise<string[]> =>
    page.$$eval("#elsewhere a.placeless", (all) =>
        all.map((one) => new URLSearchParams(one.getAttribute("href")!.slice(1)).get("device")!),
    );

/** The drawer's rows by their first column. */
const record = (): Promise<Record<string, string>> =>
    page.$$eval("#drawer .device-record tr, #drawer .last-readings tr", (rows) =>
        Object.fromEntries(
            rows.map((row) => [row.querySelector("th")!.textContent!, row.querySelector("td")!.textContent!.trim()]),
        ),
    );

async function picture(name: string): Promise<void> {
    const kept = process.env["JINDU_PICTURES"];
    if (!kept) return;
    mkdirSync(kept, { recursive: true });
    await page.screenshot({ path: join(kept, `${name}.png`), fullPage: !name.includes("record") });
}

const sorted = (list: string[]): string[] => [...list].sort();
const mapKeys = async (): Promise<string[]> => (await marks(".map-panel")).map(({ key }) => key);

describe("the page in a browser", { timeout: 600_000 }, () => {
    if (!executable) {
        test("all of it", { skip: "there is no chromium here; scripts/need.sh browser installs it" }, () => {});
        return;
    }

    before(async () => {
        const options = ["--contexts", join(root, "city/contexts"), "--web", join(root, "web/dist")];
        server = await new Server(folder(), options).start();
        assert.equal(await ended(city("load.ts")), 0, "the city was not loaded");
        await declareLinks();
        city("replay.ts");
        carrier = city("carry.ts");
        await until("every device has spoken and was claimed", async () => {
            const known = (await get("/api/devices?limit=1000")) as Json[];
            return known.filter(({ entity, state }) => entity && state === "claimed").length === devicesInAll;
        });
        browser = await openBrowser(executable);
        page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
        page.on("console", (message) => {
            if (message.type() === "error" || message.type() === "warning") trouble.push(message.text());
        });
        page.on("pageerror", (error) => trouble.push(error.message));
        page.on("request", (request) => {
            if (!request.url().startsWith(server.url)) trouble.push(`the page asked for ${request.url()}`);
        });
        await page.goto(server.url);
    });

    after(async () => {
        await browser?.close();
        for (const child of children) {
            child.kill("SIGKILL");
            await ended(child);
        }
        await server?.stop();
    });

    test("the map is drawn: six districts, the river, and a legend of marks", async () => {
        await page.waitForSelector("#map .district");
        assert.equal(await page.locator("#map .district path").count(), 6);
        assert.ok((await page.locator("#map .river path").count()) > 0);
        await page.waitForSelector("#legend:not([hidden])");
        const legend = (await page.locator("#legend").innerText()).replace(/\s+/g, " ");
        for (const word of ["正常", "静默", "时钟不准", "有坏帧", "实录", "实数装帧", "模拟"]) {
            assert.ok(legend.includes(word), `${word} in ${legend}`);
        }
    });

    test("five links, each with the kind of its data and the health of its devices", async () => {
        await page.waitForFunction(() => document.querySelectorAll("#links .link").length === 5);
        const shown = await page.$$eval("#links .link", (rows) =>
            rows.map((row) => [
                row.getAttribute("data-link"),
                row.querySelector(".badge")?.textContent,
                row.querySelector(".link-devices")!.textContent!.replace(/^(\d+) 台设备.*/, "$1"),
            ]),
        );
        assert.deepEqual(shown, [
            ["air", "实数装帧", "2"],
            ["buses", "实数装帧", "16"],
            ["cars", "模拟", "20"],
            ["rivers", "实数装帧", "3"],
            ["ships", "实数装帧", "120"],
        ]);
        for (const [name, { origin }] of Object.entries(declarations())) {
            const badge = page.locator(`#links .link[data-link="${name}"] .badge`);
            assert.match((await badge.getAttribute("class"))!, new RegExp(`\\b${origin.class}\\b`), name);
        }
    });

    test("each device that has a place is a mark on a map, once, in the colour of its health", async () => {
        await until("the marks are those of the devices", async () => {
            const placed = (await devices()).filter(({ at }) => at).map(({ key }) => key);
            return JSON.stringify(sorted(await mapKeys())) === JSON.stringify(sorted(placed));
        });
        const drawn = await marks(".map-panel");
        assert.equal(drawn.length, 16 + 20 + 3 + 120);
        for (const { key, inside } of drawn) assert.ok(inside, `${key} is drawn outside of its map`);
        // What stands in the city is on its map, what was recorded elsewhere on the small ones, at its true place.
        assert.deepEqual(new Set((await marks("#map")).map(({ key }) => key.split("/")[0])), new Set(["cars"]));
        const links = new Set((await marks("#elsewhere")).map(({ key }) => key.split("/")[0]));
        assert.deepEqual([...links].sort(), ["buses", "rivers", "ships"]);
        await until("each mark has the health that the program tells", async () => {
            const health = new Map((await devices()).map((device) => [device.key, device.health]));
            return (await marks(".map-panel")).every(({ key, classes }) => classes === `spot ${health.get(key)}`);
        });
    });

    test("a mark's shape tells the kind of its data", async () => {
        const curves = (shape: string): string => shape.replace(/[^a-z]/gi, "");
        const shapes = new Map<string, Set<string>>();
        for (const { key, shape, label } of await marks(".map-panel")) {
            const link = key.split("/")[0]!;
            shapes.set(link, (shapes.get(link) ?? new Set()).add(curves(shape)));
            assert.match(label, link === "cars" ? /模拟$/ : /实数装帧$/);
        }
        const legend = await page.$$eval("#legend .legend-part:last-child .shape", (all) =>
            all.map((one) => one.getAttribute("d")!),
        );
        const [recorded, carried, simulated] = legend.map(curves);
        assert.equal(new Set([recorded, carried, simulated]).size, 3);
        assert.deepEqual([...shapes.get("cars")!], [simulated]);
        for (const link of ["buses", "rivers", "ships"]) assert.deepEqual([...shapes.get(link)!], [carried], link);
    });

    test("marks stand where the devices do: the gauges from north to south and from west to east", async () => {
        const places = new Map((await devices()).map(({ key, at }) => [key, at]));
        const gauges = (await marks("#elsewhere")).filter(({ key }) => key.startsWith("rivers/"));
        assert.equal(gauges.length, 3);
        for (const a of gauges) {
            for (const b of gauges.filter((other) => other !== a)) {
                const [[ax, ay], [bx, by]] = [places.get(a.key)!, places.get(b.key)!];
                assert.equal(a.x < b.x, ax < bx, `${a.key} and ${b.key}`);
                assert.equal(a.y < b.y, ay > by, `${a.key} and ${b.key}`);
            }
        }
    });

    test("devices whose place nobody knows are listed beside the map, and nowhere on it", async () => {
        const known = await devices();
        const wanted = known.filter(({ at }) => !at).map(({ key }) => key);
        assert.deepEqual(sorted(await placeless()), sorted(wanted));
        assert.deepEqual(sorted(wanted), [
            "air/110108A10000000000000001",
            "air/110114A10000000000000001",
            "cars/JINDUSAMPLE000001",
        ]);
        assert.match(await page.locator("#elsewhere .cell:last-child .cell-head").innerText(), /无位置/);
    });

    test("a click on a mark shows the device's record and its last readings", async () => {
        await page.locator('#elsewhere a.spot[href*="rivers"]').first().click();
        await page.waitForSelector("#drawer .device-record");
        const key = new URLSearchParams(new URL(page.url()).hash.slice(1)).get("device")!;
        const device = await get(`/api/devices/${key}`);
        const shown = await record();
        assert.equal(shown["自报标识"], device.device);
        assert.equal(shown["链路"], "水文站 · SL 651");
        assert.match(shown["健康"]!, /^正常/);
        assert.match(shown["最近一帧"]!, /^\d+ (秒|分钟)前/);
        assert.match(shown["频率"]!, /^(–|每 [\d.\u2009]+ 秒一帧)/);
        assert.match(shown["帧"]!, /^\d+（\d+ 个读数）$/);
        assert.equal(shown["差错"], "坏帧 0，瑕疵 0");
        assert.match(shown["读数时刻差"]!, /^-?[\d.\u2009]+ 秒$/);
        const told = (await get(`/ngsi-ld/v1/entities/${device.entity}`)).discharge.value as number;
        assert.ok(Math.abs(parseFloat(shown["流量"]!) - told) < 1e-4 * told + 1e-5, `${shown["流量"]} and ${told}`);
        await picture("record-zh");
        await page.keyboard.press("Escape");
        await page.waitForSelector("#drawer", { state: "hidden" });
    });

    test("by keyboard: a mark keeps the focus while maps are drawn anew, and Enter opens it", async () => {
        await page.locator('#map a.spot[href*="JDSAMPLECAR000007"]').focus();
        await page.evaluate(() => document.activeElement!.setAttribute("data-first", "1"));
        // The mark is another element after the next drawing, and has the focus.
        await page.waitForFunction(() => {
            const now = document.activeElement!;
            return now.matches("a.spot") && !now.hasAttribute("data-first");
        });
        await page.keyboard.press("Enter");
        await page.waitForSelector("#drawer .device-record");
        assert.equal((await record())["自报标识"], "JDSAMPLECAR000007");
        assert.ok("电量" in (await record()));
        await page.locator("#drawer .close").click();
    });

    test("a device without an entity has a record too, and says that it tells no readings", async () => {
        await page.locator('#elsewhere a.placeless[href*="JINDUSAMPLE000001"]').click();
        await page.waitForSelector("#drawer .device-record");
        assert.equal((await record())["自报标识"], "JINDUSAMPLE000001");
        assert.equal(await page.locator("#drawer .last-readings .empty").count(), 1);
        await page.locator("#drawer .close").click();
    });

    test("the other language: words, marks and the record, by one button, kept in the address", async () => {
        // A minute later there are rates and ways to be seen.
        if (process.env["JINDU_PICTURES"]) await pause(75_000);
        await picture("page-zh");
        await page.locator("#language").click();
        await page.waitForSelector("html[lang=en]");
        assert.match(page.url(), /#.*lang=en/);
        assert.equal(await page.locator("#links-title").innerText(), "Links of devices");
        const text = (await page.locator("#legend, #links, .cell-head").allInnerTexts()).join(" ");
        assert.doesNotMatch(text, /\p{Script=Han}/u);
        for (const { label } of await marks(".map-panel")) assert.doesNotMatch(label, /\p{Script=Han}/u);
        await page.locator('#elsewhere a.placeless[href*="110108A1"]').click();
        await page.waitForSelector("#drawer .device-record");
        const shown = await record();
        assert.equal(shown["Calls itself"], "110108A10000000000000001");
        assert.equal(shown["Link"], "Air stations · HJ 212");
        assert.equal(shown["Errors"], "bad frames 0, lapses 0");
        assert.ok("PM2.5" in shown, JSON.stringify(shown));
        await picture("record-en");
        await page.keyboard.press("Escape");
        await page.waitForSelector("#drawer", { state: "hidden" });
        await picture("page-en");
    });

    test("a device whose frames cannot be read is marked so", async () => {
        const { device } = ((await get("/api/devices?link=buses")) as Json[])[0]!;
        const { host, port } = (await openLinks(server.url)).get("buses")!;
        // A heartbeat that says that its body is encrypted, with a checksum that holds: there is no key for it.
        const frame = jt808.heartbeat(device, 1);
        frame[3]! ^= 0x04;
        frame[frame.length - 2]! ^= 0x04;
        const line = connect(port, host, () => line.write(frame));
        const mark = page.locator(`#elsewhere a.spot.errors[href*="${device}"]`);
        await mark.waitFor({ timeout: patienceMs });
        line.destroy();
        assert.match((await mark.getAttribute("aria-label"))!, / · bad frames · Carried$/);
        const row = page.locator('#links .link[data-link="buses"] .link-devices');
        assert.match(await row.innerText(), /bad frames 1/);
        await mark.focus();
        await page.keyboard.press("Enter");
        await page.waitForSelector("#drawer .device-record");
        assert.match((await record())["Health"]!, /^bad frames/);
        assert.equal((await record())["Errors"], "bad frames 1, lapses 0");
        await page.locator("#drawer .close").click();
    });

    test("on a phone nothing is wider than the screen, and all devices are there", async () => {
        await page.setViewportSize({ width: 390, height: 844 });
        await page.waitForFunction(() => document.querySelector("#map svg")!.clientWidth < 390);
        await until("the small maps are drawn anew", async () =>
            page.evaluate(() => document.documentElement.scrollWidth <= 390),
        );
        assert.equal((await marks(".map-panel")).length, devicesInAll - 2);
        await picture("phone-en");
        await page.setViewportSize({ width: 1440, height: 900 });
    });

    test("a source that was killed is seen as silent: on the map, in its link's row, in the record", async () => {
        assert.equal(await page.locator("#map a.spot.well").count(), 20);
        carrier.kill("SIGKILL");
        await page.waitForFunction(() => document.querySelectorAll("#map a.spot.silent").length === 20, undefined, {
            timeout: patienceMs,
        });
        assert.match(await page.locator('#links .link[data-link="cars"] .link-devices').innerText(), /silent 20/);
        // Ships may be quiet for ten minutes, and are not called silent yet.
        assert.equal(await page.locator('#elsewhere a.spot.silent[href*="ships"]').count(), 0);
        await picture("silent-en");
        await page.locator('#map a.spot[href*="JDSAMPLECAR000007"]').focus();
        await page.keyboard.press("Enter");
        await page.waitForSelector("#drawer .device-record");
        assert.match((await record())["Health"]!, /^silent/);
    });

    test("nothing went wrong in the page, and it asked nobody but its own program", () => {
        assert.deepEqual(trouble, []);
    });
});
