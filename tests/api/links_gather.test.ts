// Frames of links are gathered for a group: one that comes behind a pause goes at once, those that follow wait for
// --link-gather-ms, or until --link-batch-frames of them are there. Counted in groups, each of which costs a sync.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bus, declare, freePort, Line } from "./devices.ts";
import { folder, Server } from "./server.ts";

const DEVICES = 20;
const servers: Server[] = [];
after(async () => {
    for (const server of servers) await server.stop();
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
async function groups(server: Server): Promise<number> {
    const { text } = await server.call("GET", "/metrics");
    return Number(/^jindu_groups_total (\d+)$/m.exec(text)![1]);
}

/** How many groups it takes that twenty devices send a frame each, one every ten milliseconds. */
async function taken(...options: string[]): Promise<number> {
    const server = new Server(folder(), ["--log-level", "error", "--no-fetch", "--link-threads", "1", ...options]);
    servers.push(server);
    await server.start();
    const port = await freePort();
    await declare(server, "bus", bus.link(port, { newPerHour: 1000 }));
    const lines: Line[] = [];
    for (let i = 0; i < DEVICES; i++) lines.push(await Line.dial(port, bus.read));
    const send = (i: number, n: number): void => lines[i]!.send(bus.frame(bus.device(i + 1), n));
    for (let i = 0; i < DEVICES; i++) send(i, 1);
    for (const line of lines) assert.ok((await line.answer(bus.key(1)))?.ok);
    await pause(1200); // longer than any gathering
    const before = await groups(server);
    for (let i = 0; i < DEVICES; i++) {
        send(i, 2);
        await pause(10);
    }
    for (const line of lines) assert.ok((await line.answer(bus.key(2)))?.ok);
    const count = (await groups(server)) - before;
    for (const line of lines) await line.close();
    return count;
}

test("link-gather-ms: the first frame goes at once, the rest together; 0: each by itself", async () => {
    const gathered = await taken("--link-gather-ms", "1000");
    assert.ok(gathered >= 2 && gathered <= 4, `${gathered} groups`);
    const alone = await taken("--link-gather-ms", "0");
    assert.ok(alone > 4 && alone <= DEVICES, `${alone} groups`);
});

test("link-batch-frames: so many do not wait for more", async () => {
    const full = await taken("--link-gather-ms", "1000", "--link-batch-frames", "4");
    assert.ok(full >= DEVICES / 4 && full <= DEVICES / 4 + 2, `${full} groups`);
});
