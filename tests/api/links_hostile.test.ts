// Whoever can reach a link's port may say anything, or nothing: what is broken, endless, slow, too much or not allowed
// costs the one who sends it. Beside every peer of this file a bus and a station go on sending, and must go on getting
// their answers; the process must not grow without bound; GET /api/links counts what happened.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { after, test, type TestContext } from "node:test";
import * as jt808 from "../../city/frames/jt808.ts";
import { air, at, bus, counts, declare, either, freePort, Line, numberAt, until, type Speech } from "./devices.ts";
import { check, City, folder, serve, Server, type Json } from "./server.ts";

const sanitized = Boolean(process.env["ASAN_OPTIONS"] ?? process.env["TSAN_OPTIONS"]);
const waitMostMs = sanitized ? 20_000 : 5_000;
const growMostMb = sanitized ? Infinity : 48;
const whole = sanitized ? 0.1 : 1; // of the floods

const server = await serve("--log-level", "error", "--no-fetch");
const city = new City(server, undefined);
const links: [string, Speech, number][] = [
    ["bus", bus, await freePort()],
    ["air", air, await freePort()],
];
for (const [name, speech, port] of links) await declare(server, name, speech.link(port, { newPerHour: 100_000 }));
const busPort = links[0]![2];
const airPort = links[1]![2];

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const proc = (pid: number | "self", file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
const megabytes = (): number => Number(/VmRSS:\s+(\d+)/.exec(proc(server.pid, "status"))![1]) / 1024;

let seed = 1;
function random(below: number): number {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
}

/** A device that does all right: one frame after the other, each answered. */
class Good {
    readonly id: string;
    sent = 0;
    slowestMs = 0;
    #stop = false;
    #done: Promise<void> | undefined;

    constructor(
        readonly name: string,
        readonly speech: Speech,
        readonly port: number,
    ) {
        this.id = speech.device(1);
    }

    start(): void {
        this.#stop = false;
        this.#done = this.#run();
        this.#done.catch(() => undefined); // told by stop()
    }

    async #run(): Promise<void> {
        const line = await Line.dial(this.port, this.speech.read);
        for (const end = Date.now() + 600_000; !this.#stop && Date.now() < end; ) {
            const n = ++this.sent;
            const begin = Date.now();
            const answer = line.answer(this.speech.key(n));
            line.send(this.speech.frame(this.id, n));
            const late = pause(waitMostMs).then(() => "late" as const);
            const got = await Promise.race([answer, late]);
            assert.ok(got !== "late", `${this.name}: frame ${n} has no answer after ${waitMostMs} ms`);
            assert.ok(got?.ok, `${this.name}: frame ${n}: ${got?.text ?? "the line was closed"}`);
            this.slowestMs = Math.max(this.slowestMs, Date.now() - begin);
            await pause(5);
        }
        await line.close();
    }

    async stop(): Promise<void> {
        this.#stop = true;
        await this.#done;
    }
}

const good = links.map(([name, speech, port]) => new Good(name, speech, port));
after(() => Promise.allSettled(good.map((device) => device.stop())));

/** What was counted more, beside the good devices' own frames. */
interface More {
    bus: Json;
    air: Json;
}

/** Does it with good devices beside; says what was counted, and holds the process to its size. */
async function beside(t: TestContext, what: () => Promise<void>, mostMb = growMostMb): Promise<More> {
    const before = await Promise.all(links.map(([name]) => counts(server, name)));
    const grown = megabytes();
    const sent = good.map((device) => device.sent);
    for (const device of good) Object.assign(device, { slowestMs: 0 });
    for (const device of good) device.start();
    try {
        await what();
        await pause(50);
    } finally {
        await Promise.all(good.map((device) => device.stop()));
    }
    const more: Json[] = [];
    for (const [i, [name]] of links.entries()) {
        const now = await until(server, name, ({ connections }) => connections === 0);
        const own = good[i]!.sent - sent[i]!;
        assert.ok(own > 0, "the good device did not run");
        more.push(
            Object.fromEntries(
                Object.entries(now)
                    .filter(([, value]) => typeof value === "number")
                    .map(([key, value]) => [key, (value as number) - (before[i][key] ?? 0)]),
            ),
        );
        for (const key of ["frames", "answers"]) more[i][key] -= own;
        more[i].accepted -= 1;
    }
    const mb = megabytes() - grown;
    const slowest = good.map(({ slowestMs }) => `${slowestMs} ms`).join(", ");
    t.diagnostic(`slowest answers ${slowest}; ${mb.toFixed(1)} MB more`);
    assert.ok(mb < mostMb, `the process grew by ${mb} MB`);
    return { bus: more[0], air: more[1] };
}

async function dialled(port: number): Promise<Socket> {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    await either(socket, "connect", "close");
    return socket;
}

/** Sends until all has gone, the peer has closed, or the time is up; how much went. */
async function push(socket: Socket, block: Buffer, times: number, mostMs = 60_000): Promise<number> {
    let gone = 0;
    const end = Date.now() + mostMs;
    for (let i = 0; i < times && !socket.destroyed && Date.now() < end; i++) {
        if (!socket.write(block))
            await Promise.race([either(socket, "drain", "close"), pause(Math.max(1, end - Date.now()))]);
        gone += block.length;
    }
    return gone;
}

const gone = (socket: Socket): Promise<void> => (socket.closed ? Promise.resolve() : either(socket, "close"));

async function setAside(name: string): Promise<Json[]> {
    const answer = await server.call("GET", `/api/links/${name}/quarantine?limit=1000`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json as Json[];
}

test("garbage is counted and set aside, and what follows it is read", { timeout: 120_000 }, async (t) => {
    const noise = Buffer.from(Array.from({ length: 100_000 }, () => random(256)));
    const more = await beside(t, async () => {
        for (const [, speech, port] of links) {
            const line = await Line.dial(port, speech.read);
            for (let i = 0; i < 20; i++) line.send(noise.subarray(i * 4000, i * 4000 + 100 + random(4000)));
            line.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            line.send(speech.frame(speech.device(2), 1));
            assert.ok((await line.answer(speech.key(1)))?.ok, "a frame behind garbage");
            await line.close();
        }
    });
    for (const [name] of links) {
        const found = more[name as keyof More];
        assert.ok(found.junkBytes > 1000, JSON.stringify(found));
        assert.ok(found.setAside > 0);
        const list = await setAside(name);
        assert.ok(list.length > 0 && list.length <= 1000);
        for (const one of list) {
            assert.ok(one.reason !== "" && one.from.startsWith("127.0.0.1:"), JSON.stringify(one));
            assert.ok(one.hex.length / 2 === Math.min(one.bytes, 4096), "whole, or its beginning");
        }
    }
});

test("one byte at a time: frames as any other", { timeout: 120_000 }, async (t) => {
    const more = await beside(t, async () => {
        for (const [, speech, port] of links) {
            const line = await Line.dial(port, speech.read);
            for (let n = 1; n <= 3; n++) {
                for (const byte of speech.frame(speech.device(3), n)) {
                    line.send(Buffer.from([byte]));
                    await new Promise(setImmediate);
                }
                assert.ok((await line.answer(speech.key(n)))?.ok);
            }
            await line.close();
        }
    });
    for (const found of [more.bus, more.air]) {
        assert.equal(found.frames, 3);
        assert.equal(found.bad + found.junkBytes + found.refused, 0);
    }
});

test("half a frame, then silence: closed after idleSeconds, and nothing is counted", { timeout: 60_000 }, async (t) => {
    const port = await freePort();
    await declare(server, "idle", bus.link(port, { idleSeconds: 1 }));
    await beside(t, async () => {
        const half = bus.frame(bus.device(4), 1).subarray(0, 20);
        const sockets = await Promise.all(Array.from({ length: 50 }, () => dialled(port)));
        for (const socket of sockets) socket.write(half);
        assert.equal((await until(server, "idle", ({ connections }) => connections === 50)).frames, 0);
        await Promise.all(sockets.map(gone));
    });
    const found = await until(server, "idle", ({ connections }) => connections === 0);
    assert.deepEqual([found.accepted, found.frames, found.bad, found.devices], [50, 0, 0, 0]);
});

test("a frame that never ends is given up, not kept", { timeout: 120_000 }, async (t) => {
    const endless = Buffer.alloc(1 << 16, "7"); // no mark, no line end
    const more = await beside(t, async () => {
        for (const [, , port] of links) {
            const sockets = await Promise.all(Array.from({ length: 8 }, () => dialled(port)));
            const begin = port === busPort ? Buffer.from([0x7e, 2, 0]) : Buffer.from("##9999QN=2016");
            for (const socket of sockets) socket.write(begin);
            await Promise.all(sockets.map((socket) => push(socket, endless, 60 * whole)));
            for (const socket of sockets) socket.destroy();
        }
    });
    for (const found of [more.bus, more.air])
        assert.ok(found.junkBytes > 0 && found.frames === found.bad, JSON.stringify(found));
});

/** Part `no` (from 1) of `parts` of a JT/T 808 message (bit 13). */
function part(id: number, phone: string, serial: number, parts: number, no: number, body: Buffer): Buffer {
    const place = Buffer.alloc(4);
    place.writeUInt16BE(parts, 0);
    place.writeUInt16BE(no, 2);
    const head = unescaped(jt808.message(id, phone, serial & 0xffff, Buffer.concat([place, body])));
    head.writeUInt16BE(body.length | 0x2000, 2);
    const out = [0x7e];
    for (const byte of [...head, head.reduce((sum, byte) => sum ^ byte, 0)]) {
        if (byte === 0x7e || byte === 0x7d) out.push(0x7d, byte - 0x7c);
        else out.push(byte);
    }
    return Buffer.from([...out, 0x7e]);
}

/** Header and body of a frame. */
function unescaped(frame: Buffer): Buffer {
    const plain: number[] = [];
    for (let at = 1; at < frame.length - 1; at++) {
        if (frame[at] === 0x7d) plain.push(frame[++at] === 2 ? 0x7e : 0x7d);
        else plain.push(frame[at]!);
    }
    return Buffer.from(plain.slice(0, -1));
}

test("parts of messages that are never whole cost no more than they weigh", { timeout: 120_000 }, async (t) => {
    // All but the last of 4,000; then the first of three, again and again.
    const phone = bus.device(5);
    const little = Buffer.alloc(2);
    const almost = Array.from({ length: 3999 }, (_, i) => part(0x0801, phone, i, 4000, i + 1, little));
    const begun = Array.from({ length: 20_000 }, (_, i) => part(0x0801, phone, i * 3, 3, 1, little));
    const all = Buffer.concat([...almost, ...begun]);
    const more = await beside(t, async () => {
        const sockets = await Promise.all(Array.from({ length: 4 }, () => dialled(busPort)));
        await Promise.all(sockets.map((socket) => push(socket, all, 1)));
        await until(server, "bus", ({ frames }) => frames >= 4 * 23_999);
        for (const socket of sockets) socket.destroy();
    });
    assert.equal(more.bus.frames, 4 * 23_999);
});

test("a backlog of thousands in one split message is taken whole", { timeout: 120_000 }, async (t) => {
    const many = 5000;
    const device = bus.device(13);
    const bodies = Array.from({ length: many }, (_, i) => {
        const body = unescaped(bus.frame(device, i + 1)).subarray(12);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(body.length);
        return Buffer.concat([length, body]);
    });
    const head = Buffer.from([many >> 8, many & 255, 1]); // how many, and that they come late
    const message = Buffer.concat([head, ...bodies]);
    const parts = Math.ceil(message.length / 1000);
    const frames = Array.from({ length: parts }, (_, i) =>
        part(0x0704, device, i, parts, i + 1, message.subarray(i * 1000, (i + 1) * 1000)),
    );
    await beside(t, async () => {
        const line = await Line.dial(busPort, bus.read);
        line.send(Buffer.concat(frames));
        for (let i = 0; i < parts; i++) assert.ok((await line.answer(String(i)))?.ok, `part ${i}`);
        await line.close();
    }, 4 * growMostMb);
    const count = await city.get(
        `/temporal/entities/${bus.entity(device)}?format=aggregatedValues&aggrMethods=totalCount,sum` +
            `&aggrPeriodDuration=PT0S&attrs=n&timerel=between&timeAt=${at(0)}&endTimeAt=${at(many + 1)}`,
    );
    assert.equal(count.json.n.totalCount[0][0], many);
    assert.equal(count.json.n.sum[0][0], (many * (many + 1)) / 2);
});

test("a flood by one who never reads its answers: it is cut off, or waits", { timeout: 180_000 }, async (t) => {
    const beat = Buffer.concat(Array.from({ length: 500 }, (_, n) => jt808.heartbeat(bus.device(6), n)));
    const told = Buffer.concat(Array.from({ length: 100 }, (_, n) => bus.frame(bus.device(7), n)));
    let sent = 0;
    let cut = false;
    const more = await beside(t, async () => {
        const first = await dialled(busPort);
        first.pause();
        sent += await push(first, beat, 4000 * whole, 20_000);
        cut = first.destroyed;
        const second = await dialled(busPort);
        second.pause();
        sent += await push(second, told, 300 * whole, 20_000);
        first.destroy();
        second.destroy();
    });
    t.diagnostic(`${sent} bytes were sent; ${cut ? "cut off" : "not cut off"}`);
    assert.ok(more.bus.frames > 1000 * whole, JSON.stringify(more.bus));
    assert.equal(more.bus.bad + more.bus.junkBytes, 0);
});

test("10,000 connections at once", { timeout: 180_000 }, async (t) => {
    const limit = Math.min(
        ...(["self", server.pid] as const).map((who) =>
            Number(/Max open files\s+(\d+)/.exec(proc(who, "limits"))![1]),
        ),
    );
    const most = Math.min(10_000, limit - 600);
    if (most < 10_000) t.diagnostic(`the limit of open files here is ${limit}: only ${most} connections`);
    const more = await beside(t, async () => {
        const sockets: Socket[] = [];
        while (sockets.length < most) {
            const some = Array.from({ length: Math.min(200, most - sockets.length) }, () => dialled(busPort));
            sockets.push(...(await Promise.all(some)));
        }
        const open = await until(server, "bus", ({ connections }) => connections >= most);
        assert.equal(open.connections, most + 1);
        assert.equal(sockets.filter((socket) => socket.destroyed).length, 0);
        const line = await Line.dial(busPort, bus.read);
        line.send(bus.frame(bus.device(8), 1));
        assert.ok((await line.answer(bus.key(1)))?.ok, "one more is heard");
        await line.close();
        for (const socket of sockets) socket.destroy();
    });
    assert.equal(more.bus.accepted, most + 1);
});

// with many threads, as each may find that another took the last file
test("connections that the process has no files for do not stop the others", { timeout: 120_000 }, async (t) => {
    const small = await new Server(folder(), ["--log-level", "error", "--no-fetch", "--link-threads", "8"]).start();
    try {
        const port = await freePort();
        await declare(small, "bus", bus.link(port));
        const line = await Line.dial(port, bus.read);
        line.send(bus.frame(bus.device(1), 1));
        assert.ok((await line.answer(bus.key(1)))?.ok);
        if (spawnSync("prlimit", ["--nofile=300:300", "--pid", String(small.pid)]).status !== 0) {
            t.skip("prlimit is not here");
            return;
        }
        const sockets = await Promise.all(Array.from({ length: 600 }, () => dialled(port)));
        const spent = (): number => {
            const [user, system] = proc(small.pid, "stat").split(") ")[1]!.split(" ").slice(11, 13);
            return Number(user) + Number(system);
        };
        await pause(300);
        const ticks = spent();
        const begin = Date.now();
        for (let n = 2; n < 50; n++) {
            line.send(bus.frame(bus.device(1), n));
            assert.ok((await line.answer(bus.key(n)))?.ok, `frame ${n}`);
            await pause(20);
        }
        const busy = (spent() - ticks) / ((Date.now() - begin) / 10);
        t.diagnostic(`${Math.round(busy * 100)} % of a core meanwhile`);
        assert.ok(sanitized || busy < 0.6, `accepting in vain takes ${Math.round(busy * 100)} % of a core`);
        for (const socket of sockets) socket.destroy();
        await line.close();
        const now = await until(small, "bus", ({ connections }) => connections === 0);
        assert.equal(now.frames, 49);
        assert.equal((await new City(small, undefined).entity(bus.entity(bus.device(1)))).n.observedAt, at(49));
    } finally {
        await small.kill();
    }
});

test("a peer that is gone while its frames are with the writer", { timeout: 120_000 }, async (t) => {
    const rounds = 60;
    const perRound = 30;
    const seen: string[] = [];
    const more = await beside(t, async () => {
        for (let round = 0; round < rounds; round++) {
            const [, speech, port] = links[round % 2]!;
            const device = speech.device(100 + round);
            const frames = Array.from({ length: perRound }, (_, n) => speech.frame(device, n + 1));
            const line = await Line.dial(port, speech.read);
            line.send(Buffer.concat([...frames, frames[0]!.subarray(0, 9)]));
            await either(line.socket, "data", "close"); // some are answered, the rest is under way
            if (round % 4 < 2) line.socket.destroy();
            else line.socket.resetAndDestroy();
            seen.push(speech.entity(device));
        }
    });
    assert.equal(more.bus.bad + more.air.bad, 0);
    for (const id of seen) {
        const told = await city.get(`/temporal/entities/${id}?attrs=n`);
        assert.equal(told.status, 200, `${id} ${told.text}`);
        const numbers = (told.json.n as Json[]).map((one) => one.value as number);
        assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), id);
        for (const one of told.json.n as Json[]) assert.equal(numberAt(one.observedAt), one.value);
    }
});

test("devices beyond newPerHour are refused, and say so; those known go on", { timeout: 60_000 }, async (t) => {
    const port = await freePort();
    await declare(server, "few", bus.link(port, { newPerHour: 3 }));
    await beside(t, async () => {
        const line = await Line.dial(port, bus.read);
        for (let round = 1; round <= 2; round++) {
            for (let no = 0; no < 10; no++) {
                const n = round * 100 + no;
                line.send(bus.frame(bus.device(9000 + no), n));
                assert.equal((await line.answer(bus.key(n)))?.ok, no < 3, `round ${round}, device ${no}`);
            }
        }
        await line.close();
    });
    const found = await counts(server, "few");
    assert.deepEqual([found.frames, found.devices, found.refused, found.readings], [20, 3, 14, 18]);
    assert.match((await setAside("few"))[0].reason, /newPerHour/);
    const strangers = await server.call("GET", "/api/devices?link=few");
    assert.equal(strangers.json.length, 3);
    assert.equal(await city.entity(bus.entity(bus.device(9005))), undefined);
});

test("a link with unknown: refuse takes only devices on record", { timeout: 60_000 }, async () => {
    const port = await freePort();
    await declare(server, "closed", bus.link(port, { unknown: "refuse" }));
    const line = await Line.dial(port, bus.read);
    line.send(bus.frame(bus.device(1), 1));
    assert.equal((await line.answer(bus.key(1)))?.ok, false);
    await line.close();
    const found = await counts(server, "closed");
    assert.deepEqual([found.frames, found.refused, found.devices], [1, 1, 0]);
});

const put = (name: string, link: Json): ReturnType<Server["call"]> =>
    server.call("PUT", `/api/links/${name}`, JSON.stringify(link), { "Content-Type": "application/json" });

const wrong: [what: string, more: Json, place: string][] = [
    ["an unknown option", { options: { strict: true, sharp: 1 } }, "sharp"],
    ["an option of a wrong kind", { options: { strict: "yes" } }, "strict"],
    ["an unknown member", { colour: "red" }, "colour"],
    ["an unknown protocol", { protocol: "jt809" }, "protocol"],
    ["no port", { listen: "127.0.0.1" }, "listen"],
    ["a port that is none", { listen: "127.0.0.1:99999" }, "listen"],
    ["both listen and dial", { dial: "127.0.0.1:1" }, "listen"],
    ["a number out of bounds", { newPerHour: -1 }, "newPerHour"],
    ["maps that are none", { maps: {} }, "maps"],
    ["a map with an unknown member", { maps: [{ mapping: 1, atributes: {} }] }, "maps"],
];

test("own: a wrong declaration is refused with its place, and nothing changes", { timeout: 60_000 }, async () => {
    const before = (await counts(server, "bus")).declaration;
    for (const [what, more, place] of wrong) {
        for (const name of ["fresh", "bus"]) {
            const answer = await put(name, { ...bus.link(name === "bus" ? busPort : await freePort()), ...more });
            check(answer, [400, "BadRequestData"], what);
            assert.ok(`${answer.json.place} ${answer.json.detail}`.includes(place), `${what}: ${answer.text}`);
        }
    }
    assert.equal((await server.call("GET", "/api/links/fresh")).status, 404);
    assert.deepEqual((await counts(server, "bus")).declaration, before);
    const line = await Line.dial(busPort, bus.read);
    line.send(bus.frame(bus.device(10), 1));
    assert.ok((await line.answer(bus.key(1)))?.ok);
    await line.close();
});

test("own: an address in use is refused, whoever has it, and nothing changes", { timeout: 60_000 }, async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const line = await Line.dial(airPort, air.read);
    line.send(air.frame(air.device(11), 1));
    assert.ok((await line.answer(air.key(1)))?.ok);
    const before = (await counts(server, "air")).declaration;
    const taken = [busPort, server.port, (other.address() as AddressInfo).port];
    for (const port of taken) {
        for (const host of ["127.0.0.1", "127.1", "0.0.0.0"]) {
            for (const name of ["air", "fresh"]) {
                const listen = `${host}:${port}`;
                check(await put(name, air.link(port, { listen })), [409, "Conflict"], listen);
            }
        }
    }
    other.close();
    assert.equal((await server.call("GET", "/api/links/fresh")).status, 404);
    assert.deepEqual((await counts(server, "air")).declaration, before);
    line.send(air.frame(air.device(11), 2));
    assert.ok((await line.answer(air.key(2)))?.ok, "its lines stay");
    await line.close();
});

test("own: DELETE closes the lines, frees the address; devices and readings stay", { timeout: 60_000 }, async (t) => {
    const port = await freePort();
    await beside(t, async () => {
        for (let round = 0; round < 5; round++) {
            await declare(server, "brief", bus.link(port));
            const line = await Line.dial(port, bus.read);
            const idle = await dialled(port);
            line.send(bus.frame(bus.device(300 + round), 1));
            assert.ok((await line.answer(bus.key(1)))?.ok);
            line.send(Buffer.concat(Array.from({ length: 50 }, (_, n) => bus.frame(bus.device(300 + round), n + 2))));
            assert.equal((await server.call("DELETE", "/api/links/brief")).status, 204);
            await Promise.all([line.closed, gone(idle)]);
            assert.equal((await server.call("GET", "/api/links/brief")).status, 404);
            const refused = await dialled(port);
            await gone(refused);
            assert.ok((await city.entity(bus.entity(bus.device(300 + round)))).n);
            assert.equal((await server.call("GET", `/api/devices/brief/${bus.device(300 + round)}`)).status, 200);
        }
    });
    assert.equal((await server.call("DELETE", "/api/links/brief")).status, 404);
});

test("own: a link that is declared anew takes over its own address", { timeout: 60_000 }, async () => {
    const port = await freePort();
    await declare(server, "again", bus.link(port));
    const line = await Line.dial(port, bus.read);
    await declare(server, "again", bus.link(port, { newPerHour: 5 }), 204);
    await line.closed;
    const next = await Line.dial(port, bus.read);
    next.send(bus.frame(bus.device(12), 1));
    assert.ok((await next.answer(bus.key(1)))?.ok);
    await next.close();
    assert.equal((await counts(server, "again")).declaration.newPerHour, 5);
});

test("own: links, devices, figures may be asked for by many at once, under load", { timeout: 120_000 }, async (t) => {
    await beside(t, async () => {
        const end = Date.now() + 2000;
        const ask = async (path: string): Promise<void> => {
            while (Date.now() < end) assert.equal((await server.call("GET", path)).status, 200, path);
        };
        const paths = ["/api/links", "/api/devices?limit=1000", "/metrics", `/api/devices/bus/${bus.device(1)}`];
        await Promise.all([...paths, ...paths].map(ask));
    });
});

test("SIGTERM with lines open and frames under way: an orderly end", { timeout: 60_000 }, async () => {
    const lines = await Promise.all(links.map(([, speech, port]) => Line.dial(port, speech.read)));
    for (const [i, [, speech]] of links.entries())
        for (let n = 1; n <= 50; n++) lines[i]!.send(speech.frame(speech.device(20), n));
    await pause(5);
    assert.equal(await server.stop(), 0, server.log);
    await Promise.all(lines.map((line) => line.closed));
});
