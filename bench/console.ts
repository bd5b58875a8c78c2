// How the console bears a load, in a real Chromium whose graphics are software: the longest gap between two frames while
// 1,000 of 20,000 objects on the map change each second; while 10,000 rows scroll; what the page holds in memory over
// minutes. Beside each the same of an empty page in the same browser: what this machine can do at the most.
//
//   node --import tsx bench/console.ts [--jindu build-bench/jindu] [--objects 20000] [--rate 1000] [--seconds 20] [--minutes 0]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { upsert } from "../city/api.ts";
import { standing } from "../city/entities.ts";
import { findBrowser, openBrowser } from "../tests/e2e/browser.ts";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const { values } = parseArgs({
    options: {
        jindu: { type: "string", default: process.env["JINDU_BIN"] ?? join(root, "build/jindu") },
        objects: { type: "string", default: "20000" },
        rate: { type: "string", default: "1000" },
        seconds: { type: "string", default: "20" },
        minutes: { type: "string", default: "0" },
    },
});
const [objects, rate, seconds, minutes] = [values.objects, values.rate, values.seconds, values.minutes].map(
    Number,
) as [number, number, number, number];
const executable = findBrowser();
if (!executable) {
    console.log("bench_console: skipped, there is no chromium here");
    process.exit(0);
}

const data = mkdtempSync(join(tmpdir(), "jindu-console-"));
const server = spawn(
    values.jindu,
    ["serve", "--open", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "info"].concat([
        "--contexts",
        join(root, "city/contexts"),
        "--console",
        join(root, "city/console.json"),
    ]),
    { stdio: ["ignore", "pipe", "pipe"] },
);
const url = await new Promise<string>((ready, failed) => {
    let log = "";
    const take = (bytes: Buffer): void => {
        log += bytes.toString();
        const found = /answers at (http:\/\/127\.0\.0\.1:\d+)/.exec(log);
        if (found) ready(found[1]!);
    };
    server.stdout.on("data", take);
    server.stderr.on("data", take);
    server.on("close", () => failed(new Error(log)));
});
const browser = await openBrowser(executable);
process.on("exit", () => rmSync(data, { recursive: true, force: true }));

const idOf = (i: number): string => `urn:ngsi-ld:ElectricVehicle:LOAD${String(i).padStart(6, "0")}`;
const car = (i: number, turn: number): Record<string, unknown> => {
    const at = new Date().toISOString();
    const angle = i * 2.399963 + turn * 0.01;
    const far = 0.38 * Math.sqrt(i / objects);
    const place = [119.45 + far * Math.cos(angle), 32.0 + 0.8 * far * Math.sin(angle)];
    return {
        id: idOf(i),
        type: "ElectricVehicle",
        name: { type: "Property", value: `LOAD ${i}` },
        location: { type: "GeoProperty", value: { type: "Point", coordinates: place }, observedAt: at },
        speed: {
            type: "Property",
            value: Math.round(60 * Math.abs(Math.sin(turn + i))),
            unitCode: "KMH",
            observedAt: at,
        },
        battery: { type: "Property", value: (i + turn) % 101, unitCode: "P1", observedAt: at },
    };
};
async function put(from: number, n: number, turn: number): Promise<void> {
    const refused = await upsert(
        url,
        Array.from({ length: n }, (_, k) => car((from + k) % objects, turn)) as never,
        "update",
    );
    if (refused.length > 0) throw new Error(refused[0]);
}
let turn = 0;
let writing = false;
/** `rate` objects each second until told to stop. */
async function write(): Promise<void> {
    writing = true;
    for (let at = 0, next = Date.now(); writing; at = (at + rate) % objects) {
        if (at + rate >= objects) turn++;
        for (let done = 0; done < rate; done += 1000) await put(at + done, Math.min(1000, rate - done), turn);
        next += 1000;
        await pause(Math.max(0, next - Date.now()));
    }
}

/** The longest gap between two frames, and how many there were, of what goes on meanwhile. */
async function gaps(
    page: Page,
    work: () => Promise<void>,
): Promise<{ longest: number; frames: number; over100: number }> {
    await page.evaluate(`(() => {
        const seen = { longest: 0, frames: 0, over100: 0, last: performance.now(), on: true };
        globalThis.seenFrames = seen;
        const step = (now) => {
            const gap = now - seen.last;
            seen.longest = Math.max(seen.longest, gap);
            if (gap > 100) seen.over100++;
            seen.frames++;
            seen.last = now;
            if (seen.on) requestAnimationFrame(step);
        };
        requestAnimationFrame((now) => { seen.last = now; requestAnimationFrame(step); });
    })()`);
    await work();
    return (await page.evaluate(`(() => { seenFrames.on = false; return seenFrames; })()`)) as never;
}
const told = (name: string, one: { longest: number; frames: number; over100: number }, ceiling: number): void =>
    console.log(
        `${name.padEnd(46)} longest gap ${one.longest.toFixed(0).padStart(5)} ms   ${one.frames} frames   ` +
            `${one.over100} gaps over 100 ms   empty page ${ceiling.toFixed(0)} ms`,
    );

console.log(`console: ${objects} objects, ${rate} a second change, ${seconds} s; software graphics`);
await upsert(url, standing(), "replace");
for (let at = 0; at < objects; at += 1000) await put(at, Math.min(1000, objects - at), 0);

const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const empty = await context.newPage();
await empty.goto(`${url}/health`);
const ceiling = (await gaps(empty, () => pause(5000))).longest;
await empty.close();

const page = await context.newPage();
page.setDefaultTimeout(60_000);
await page.goto(`${url}/#/now?layers=cars`);
await page.waitForSelector(".citymap-gl[data-ready]");
await page.waitForFunction(
    (n) => new RegExp(`\\b${n}\\b`).test(document.querySelector(".layer .datatable")?.textContent ?? ""),
    objects,
);
await pause(3000);
const still = await gaps(page, () => pause(seconds * 1000));
told("map and table, nothing changes", still, ceiling);
const writer = write();
await pause(3000);
told(`map and table, ${rate} of ${objects} change a second`, await gaps(page, () => pause(seconds * 1000)), ceiling);

if (minutes > 0) {
    const heap = async (): Promise<number> => {
        const session = await context.newCDPSession(page);
        await session.send("HeapProfiler.collectGarbage");
        const { usedSize } = (await session.send("Runtime.getHeapUsage")) as { usedSize: number };
        await session.detach();
        return usedSize / 1e6;
    };
    const first = await heap();
    for (let minute = 1; minute <= minutes; minute++) {
        await pause(60_000);
        console.log(
            `memory after ${String(minute).padStart(2)} min: ${(await heap()).toFixed(1)} MB of script (first ${first.toFixed(1)})`,
        );
    }
}
writing = false;
await writer;

const scroll = async (): Promise<void> => {
    const box = page.locator(".datatable-box").last();
    const end = Date.now() + seconds * 1000;
    await box.hover();
    while (Date.now() < end) {
        await page.mouse.wheel(0, 900);
        await pause(40);
    }
};
await page.goto(`${url}/#/now?layers=cars`);
await page.waitForSelector(".layer .datatable tbody tr");
await page.locator(".layer .datatable").scrollIntoViewIfNeeded();
await pause(4000);
told(`table of ${objects} rows scrolls`, await gaps(page, scroll), ceiling);
await browser.close();
server.removeAllListeners("close");
server.kill("SIGTERM");
