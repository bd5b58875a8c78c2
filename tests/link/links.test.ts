// Links as an operator has them: declared, spoken on, claimed, commanded; against devices and brokers that others made.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { air, at, bus, counts, declare, freePort, Line, numberAt, until } from "../api/devices.ts";
import { heartbeat, message } from "../../city/frames/jt808.ts";
import { api, binary, folder, Server, type Json } from "../api/server.ts";

const data = folder();
const server = new Server(data);
const helpers: ChildProcess[] = [];
before(() => server.start());
after(async () => {
    for (const child of helpers) child.kill();
    await server.stop();
});

const json = { "Content-Type": "application/json" };
const post = (path: string, body: Json, headers = {}) =>
    server.call("POST", path, JSON.stringify(body), { ...json, ...headers });
const entity = async (id: string): Promise<Json> => (await server.call("GET", `${api}/entities/${id}`)).json;

/** Asks until it holds, ten seconds at most. */
async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + 10_000;
    for (;;) {
        const found = await ask();
        if (found !== undefined) return found;
        assert.ok(Date.now() < end, `${what} did not happen`);
        await pause(30);
    }
}

let airPort = 0;

test("a station's frame is answered, and becomes readings of a new device's entity", async () => {
    airPort = await freePort();
    await declare(server, "air", air.link(airPort));
    const line = await Line.dial(airPort, air.read);
    const device = air.device(1);
    line.send(air.frame(device, 1));
    assert.ok(await line.answer(air.key(1)));
    const found = await entity(air.entity(device));
    assert.equal(found.n.value, 1);
    assert.equal(found.n.observedAt, at(1));
    assert.equal(found.deviceState.value, "new");
    const listed = await server.call("GET", "/api/devices?link=air&state=new");
    assert.deepEqual((await server.call("GET", `/api/devices?entity=${air.entity(device)}`)).json, listed.json);
    assert.deepEqual((await server.call("GET", "/api/devices?entity=urn:x:none")).json, []);
    assert.equal(listed.headers["ngsild-results-count"], "1");
    assert.equal(listed.json[0].entity, air.entity(device));
    assert.equal(listed.json[0].frames, 1);
    const shown = (await server.call("GET", `/api/devices/air/${device}`)).json;
    assert.equal(shown.lastFrames.length, 1);
    assert.equal(shown.lastFrames[0].fields.MN, device);
    // Who may look at frames need not know the station's password.
    assert.equal(shown.lastFrames[0].fields.PW, "***");
    assert.match(Buffer.from(shown.lastFrames[0].hex, "hex").toString("latin1"), /;PW=\*{6};MN=/);
    await line.close();
});

test("claiming gives type, name and place; both documents or neither; it outlives a restart", async () => {
    const device = air.device(1);
    const path = `/api/devices/air/${device}`;
    const bad = await post(`${path}/claim`, { type: "Station", location: { type: "GeoProperty", value: 7 } });
    assert.equal(bad.status, 400);
    assert.equal((await entity(air.entity(device))).deviceState.value, "new");
    const place = { type: "Point", coordinates: [119.45, 32.2] };
    const claim = {
        type: "AirQualityObserved",
        name: { type: "Property", value: "万柳" },
        location: { type: "GeoProperty", value: place },
    };
    assert.equal((await post(`${path}/claim`, claim)).status, 204);
    const claimed = await entity(air.entity(device));
    assert.deepEqual(claimed.type.sort(), ["AirQualityObserved", "Station"]);
    assert.deepEqual(claimed.location.value, place);
    assert.equal(claimed.deviceState.value, "claimed");
    await server.stop();
    await server.start();
    assert.equal((await server.call("GET", path)).json.state, "claimed");
    const line = await Line.dial(airPort, air.read); // the link opened by itself
    line.send(air.frame(device, 2));
    assert.ok(await line.answer(air.key(2)));
    assert.equal((await entity(air.entity(device))).deviceState.value, "claimed");
    assert.equal((await entity(air.entity(device))).n.value, 2);
    await line.close();
    assert.equal((await post("/api/devices/air/nobody/claim", claim)).status, 404);
});

test("a frame whose check fails is set aside, and not answered; what the mapping refuses is both", async () => {
    const line = await Line.dial(airPort, air.read);
    const broken = Buffer.from(air.frame(air.device(1), 3));
    const crc = broken.length - 3; // the last digit of the CRC
    broken[crc] = broken[crc] === 0x30 ? 0x31 : 0x30;
    line.send(broken);
    const text = air.frame(air.device(1), 4).toString("latin1").replace("a34004-Rtd=4", "a34004-Rtd=x");
    line.send(frameOf(text));
    assert.ok(await line.answer(air.key(4)), "sending it again would not help");
    const aside = (await server.call("GET", "/api/links/air/quarantine")).json as Json[];
    assert.equal(aside.length, 2);
    assert.match(aside[0].reason, /a34004-Rtd/);
    assert.match(aside[1].reason, /CRC/);
    for (const one of aside) assert.match(one.text, /;PW=\*{6};MN=/);
    assert.equal(line.answers.size, 0);
    const zh = await server.call("GET", "/api/links/air/quarantine?limit=1", undefined, { "Accept-Language": "zh" });
    assert.match(zh.json[0].reason, /[\u4e00-\u9fff]/);
    await line.close();
    // What was acknowledged, though the mapping could not take it, outlives a kill; what was not is the device's again.
    await server.kill();
    await server.start();
    const kept = (await server.call("GET", "/api/links/air/quarantine")).json as Json[];
    assert.equal(kept.length, 1);
    assert.match(kept[0].reason, /a34004-Rtd/);
    assert.match(kept[0].text, /a34004-Rtd=x/);
    assert.match(kept[0].text, /;PW=\*{6};MN=/);
});

test("passwords stay hidden when the link is gone, or is declared anew with another protocol", async () => {
    const port = await freePort();
    await declare(server, "leaving", air.link(port));
    const line = await Line.dial(port, air.read);
    line.send(air.frame(air.device(7), 1));
    assert.ok(await line.answer(air.key(1)));
    await line.close();
    const password = async (): Promise<void> => {
        const shown = (await server.call("GET", `/api/devices/leaving/${air.device(7)}`)).json;
        assert.equal(shown.lastFrames.length, 1);
        assert.match(Buffer.from(shown.lastFrames[0].hex, "hex").toString("latin1"), /;PW=\*{6};MN=/);
    };
    await password();
    const other = { ...air.link(port), protocol: "ais" };
    assert.equal((await server.call("PUT", "/api/links/leaving", JSON.stringify(other))).status, 204);
    await password();
    assert.ok((await server.call("DELETE", "/api/links/leaving")).status < 300);
    await password();
});

/** The frame anew, with a length and CRC that fit. */
function frameOf(text: string): Buffer {
    const segment = text.slice(6, text.lastIndexOf("&&") + 2);
    let crc = 0xffff;
    for (const byte of Buffer.from(segment)) {
        crc = (crc >> 8) ^ byte;
        for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
    }
    const sum = crc.toString(16).toUpperCase().padStart(4, "0");
    return Buffer.from(`##${String(segment.length).padStart(4, "0")}${segment}${sum}\r\n`);
}

test("a device that is refused is heard no more; a link that takes only known ones takes no other", async () => {
    const line = await Line.dial(airPort, air.read);
    const device = air.device(2);
    line.send(air.frame(device, 1));
    assert.ok(await line.answer(air.key(1)));
    assert.equal((await post(`/api/devices/air/${device}/refuse`, {})).status, 204);
    const before = (await counts(server, "air")).refused;
    line.send(air.frame(device, 5));
    await until(server, "air", (now) => now.refused === before + 1);
    assert.equal((await entity(air.entity(device))).n.value, 1);
    await declare(server, "air", air.link(airPort, { unknown: "refuse" }), 204);
    await line.closed; // a new declaration opens the link anew
    const again = await Line.dial(airPort, air.read);
    again.send(air.frame(air.device(3), 1));
    again.send(air.frame(air.device(1), 6));
    assert.ok(await again.answer(air.key(6)));
    assert.equal((await server.call("GET", `/api/devices/air/${air.device(3)}`)).status, 404);
    await again.close();
});

test("a declaration that is wrong is refused with its place, and changes nothing", async () => {
    const wrong: [Json, RegExp][] = [
        [{ ...air.link(airPort), protocol: "telex" }, /protocol/],
        [{ ...air.link(airPort), listen: "nowhere" }, /listen/],
        [{ ...air.link(airPort), options: { modbusCrC: true } }, /modbusCrC/],
        [{ ...air.link(airPort), maps: [{ mapping: 1 }] }, /maps\[0\]|entity/],
        [{ ...air.link(airPort), idleSeconds: 0 }, /idleSeconds/],
        [{ ...air.link(airPort), points: { points: [] } }, /points/],
    ];
    for (const [link, reason] of wrong) {
        const answer = await server.call("PUT", "/api/links/air", JSON.stringify(link), json);
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.text, reason);
    }
    const taken = await server.call("PUT", "/api/links/other", JSON.stringify(air.link(airPort)), json);
    assert.equal(taken.status, 409);
    const line = await Line.dial(airPort, air.read);
    line.send(air.frame(air.device(1), 7));
    assert.ok(await line.answer(air.key(7)));
    await line.close();
});

// ---- commands ----

/** Frames of JT/T 808 that a terminal gets, unescaped: message id, serial, body. */
function downlink(socket: Socket): { next: () => Promise<{ id: number; serial: number; body: Buffer }> } {
    let rest = Buffer.alloc(0);
    const frames: { id: number; serial: number; body: Buffer }[] = [];
    let wake: (() => void) | undefined;
    socket.on("data", (bytes: Buffer) => {
        rest = Buffer.concat([rest, bytes]);
        for (;;) {
            const end = rest.indexOf(0x7e, 1);
            if (end < 0) break;
            const raw = rest.subarray(1, end);
            rest = rest.subarray(end + 1);
            const plain: number[] = [];
            for (let i = 0; i < raw.length; i++) plain.push(raw[i] === 0x7d ? (raw[++i] === 1 ? 0x7d : 0x7e) : raw[i]!);
            const f = Buffer.from(plain);
            if (f.length > 12)
                frames.push({ id: f.readUInt16BE(0), serial: f.readUInt16BE(10), body: f.subarray(12, -1) });
            wake?.();
        }
    });
    return {
        next: async () => {
            while (frames.length === 0) await new Promise<void>((done) => (wake = done));
            return frames.shift()!;
        },
    };
}

const two = (n: number): number[] => [n >> 8, n & 255];

test("a command goes down to a terminal; what became of it is the entity's attribute, and history", async () => {
    const port = await freePort();
    await declare(server, "bus", bus.link(port));
    const line = await Line.dial(port, bus.read);
    const phone = bus.device(1);
    const path = `/api/devices/bus/${phone}/commands`;
    assert.equal((await post(path, { command: "text", text: "x" })).status, 404);
    line.send(bus.frame(phone, 1));
    assert.ok(await line.answer(bus.key(1)));
    const down = downlink(line.socket);
    assert.equal((await post(path, { command: "dance" })).status, 400);
    const text = { command: "text", text: "前方拥堵", flags: 8 };
    assert.equal((await post(path, text)).status, 202);
    const got = await down.next();
    assert.equal(got.id, 0x8300);
    assert.equal(new TextDecoder("gbk").decode(got.body.subarray(1)), "前方拥堵");
    const sent = await entity(bus.entity(phone));
    assert.deepEqual(sent.command.json, text);
    assert.equal(sent.command.status.value, "sent");
    line.send(message(0x0001, phone, 7, Buffer.from([...two(got.serial), ...two(0x8300), 0])));
    const status = (want: string) =>
        eventually(want, async () =>
            (await entity(bus.entity(phone))).command?.status?.value === want ? want : undefined,
        );
    await status("acknowledged");
    assert.equal((await post(path, { command: "locate" })).status, 202);
    line.send(message(0x0001, phone, 8, Buffer.from([...two((await down.next()).serial), ...two(0x8201), 3])));
    await status("refused");
    assert.equal((await post(`${path}?timeout=1`, { command: "locate" })).status, 202);
    await down.next();
    await status("timedOut");
    await line.close();
    const past = await server.call("GET", `${api}/temporal/entities/${bus.entity(phone)}?attrs=command`);
    assert.equal(past.json.command.length, 3, "one instance for each command");
});

test("what a terminal tells first, whenever it does, comes with its state; a time far ahead is set aside", async () => {
    const port = await freePort();
    await declare(server, "late-teller", bus.link(port, { aheadSeconds: 3600 }));
    const line = await Line.dial(port, bus.read);
    const phone = bus.device(77);
    line.send(heartbeat(phone, 9));
    assert.ok(await line.answer("9"));
    const ahead = Math.ceil(numberAt(new Date().toISOString())) + 7200;
    line.send(bus.frame(phone, ahead));
    assert.ok(await line.answer(bus.key(ahead)), "it is acknowledged, and kept aside");
    assert.equal((await server.call("GET", `${api}/entities/${bus.entity(phone)}`)).status, 404);
    const aside = (await server.call("GET", "/api/links/late-teller/quarantine")).json;
    assert.match(aside[0].reason, /aheadSeconds/);
    line.send(bus.frame(phone, 2));
    assert.ok(await line.answer(bus.key(2)));
    assert.equal((await entity(bus.entity(phone))).deviceState.value, "new");
    await line.close();
});

test("states that are told there and back again at once: the last one stands", async () => {
    const port = await freePort();
    const link = bus.link(port);
    const [map] = link.maps;
    link.maps = [{ ...map, time: undefined, attributes: { way: "direction" } }];
    delete link.maps[0].time;
    await declare(server, "states", link);
    const line = await Line.dial(port, bus.read);
    const phone = bus.device(78);
    for (let round = 0; round < 50; round++) {
        const told = [1, 2, 1, 2, 1].map((way, i) => 360 * (5 * round + i) + way);
        line.send(Buffer.concat(told.map((n) => bus.frame(phone, n))));
        for (const n of told) assert.ok(await line.answer(bus.key(n)));
        assert.equal((await entity(bus.entity(phone))).way.value, 1, `round ${round}`);
    }
    await line.close();
});

// ---- MQTT, with Mosquitto ----

const has = (command: string): boolean => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

async function broker(port: number): Promise<ChildProcess> {
    const conf = join(data, `mosquitto-${port}.conf`);
    const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false"];
    writeFileSync(conf, `${lines.join("\n")}\n`);
    const child = spawn("mosquitto", ["-c", conf], { stdio: "ignore" });
    helpers.push(child);
    await eventually("the broker's start", async () => {
        const line = await Line.dial(port, () => ({ answers: [], used: 0 }));
        const open = line.isOpen;
        await line.close();
        return open || undefined;
    });
    return child;
}

const publish = (port: number, topic: string, payload: Json): void => {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    const to = ["-h", "127.0.0.1", "-p", String(port)];
    const done = spawnSync("mosquitto_pub", [...to, "-q", "1", "-t", topic, "-m", text]);
    assert.equal(done.status, 0);
};

const mosquitto = has("mosquitto") && has("mosquitto_pub");

test("MQTT: what is published while the program is down comes after; nothing twice", {
    skip: mosquitto ? false : "mosquitto is not installed",
}, async () => {
    const port = await freePort();
    await broker(port);
    const link = {
        protocol: "mqtt",
        dial: `127.0.0.1:${port}`,
        options: { topics: ["farm/+/soil"], device: "topic:2", clientId: "jindu-test" },
        maps: [
            {
                mapping: 1,
                time: { column: "payload.t", form: "epoch-s" },
                entity: { type: "AgriParcel", id: "urn:x:parcel:{topic2}" },
                attributes: { soilMoisture: { column: "payload.probes.moisture", unit: "P1" } },
            },
        ],
    };
    await declare(server, "soil", link);
    await until(server, "soil", (now) => now.frames >= 2); // CONNACK, SUBACK
    const probe = (t: number, moisture: number): Json => ({ t, probes: [{ id: 1 }, { moisture }] });
    publish(port, "farm/p1/soil", probe(1_790_000_000, 23.5));
    publish(port, "farm/p1/soil", "no JSON");
    await until(server, "soil", (now) => now.readings === 1 && now.answers === 2);
    await server.kill();
    for (let i = 1; i <= 20; i++) publish(port, "farm/p1/soil", probe(1_790_000_000 + i, 20 + i));
    await server.start();
    await eventually("the backlog", async () =>
        (await entity("urn:x:parcel:p1")).soilMoisture?.value === 40 ? true : undefined,
    );
    const past = await server.call("GET", `${api}/temporal/entities/urn:x:parcel:p1?attrs=soilMoisture`);
    assert.equal(past.json.soilMoisture.length, 21);
});

// ---- Modbus, with libmodbus ----

const modbusDevice = join(dirname(binary), "tests/link/modbus_device");

test("Modbus: a device of libmodbus is polled, written, lost and found again", {
    skip: existsSync(modbusDevice) ? false : "libmodbus is not installed",
}, async () => {
    const port = await freePort();
    const begin = async (): Promise<ChildProcess> => {
        const child = spawn(modbusDevice, [String(port)], { stdio: ["pipe", "pipe", "inherit"] });
        helpers.push(child);
        await once(child.stdout!, "data");
        return child;
    };
    let device = await begin();
    const link = {
        protocol: "modbus",
        dial: `127.0.0.1:${port}`,
        options: { device: "meter-1" },
        points: {
            every_ms: 100,
            timeout_ms: 500,
            points: [
                { name: "it_kw", function: 3, address: 0, type: "uint16", factor: 0.1 },
                { name: "total_kw", function: 3, address: 1, type: "uint16", factor: 0.1, write: true },
                { name: "far", function: 3, address: 60, type: "uint32" },
            ],
        },
        maps: [
            {
                mapping: 1,
                time: { column: "time" },
                entity: { type: "DataCentre", id: "urn:x:dc:1" },
                attributes: { it: { column: "it_kw", unit: "KWT" }, total: "total_kw", far: "far" },
            },
        ],
    };
    await declare(server, "dc", link);
    const first = await eventually("a round", async () => {
        const e = await entity("urn:x:dc:1");
        return e.it === undefined ? undefined : e;
    });
    assert.equal(first.it.value, 100); // register 0 holds 1000, tenths
    assert.equal(first.far.value, 1060 * 65536 + 1061);
    const command = await post("/api/devices/dc/meter-1/commands", { point: "total_kw", value: 55.5 });
    assert.equal(command.status, 202, command.text);
    await eventually("the write", async () => ((await entity("urn:x:dc:1")).total.value === 55.5 ? true : undefined));
    assert.equal((await entity("urn:x:dc:1")).command.status.value, "acknowledged");
    assert.equal((await post("/api/devices/dc/meter-1/commands", { point: "it_kw", value: 1 })).status, 400);
    device.kill();
    await once(device, "exit");
    await until(server, "dc", (now) => now.connections === 0);
    device = await begin();
    const frames = (await counts(server, "dc")).frames;
    await until(server, "dc", (now) => now.frames > frames);
});

test("a line that Jindu dials to nobody is tried again, and hurts nobody", async () => {
    const port = await freePort();
    await declare(server, "ships", {
        protocol: "ais",
        dial: `127.0.0.1:${port}`,
        maps: [
            {
                mapping: 1,
                entity: { type: "Vessel", id: "urn:x:vessel:{mmsi}" },
                attributes: { location: { as: "point", longitude: "lon", latitude: "lat" } },
            },
        ],
    });
    const station = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.write("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C\r\n$GPGGA,junk\r\n");
    });
    station.listen(port, "127.0.0.1");
    await once(station, "listening");
    const ship = await eventually("the ship", async () => {
        const e = await entity("urn:x:vessel:477553000");
        return e.location === undefined ? undefined : e;
    });
    assert.ok(Math.abs(ship.location.value.coordinates[1] - 47.58283333) < 1e-6);
    assert.equal((await server.call("DELETE", "/api/links/ships")).status, 204);
    station.close();
    assert.equal((await server.call("GET", "/api/links/ships")).status, 404);
    assert.equal((await entity("urn:x:vessel:477553000")).type, "Vessel", "what it told stays");
});
