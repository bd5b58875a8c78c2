// What links make of frames, byte for byte: published frames and frames made here go through wide mappings, and what
// entities and history then say must be what they said when same.json was written. Whoever makes frames cheaper must
// not change a byte.
//
// JINDU_SAME_WRITE=1 writes same.json anew; look at the difference before it is kept.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as jt808 from "../../city/frames/jt808.ts";
import { counts, declare, freePort, until } from "../api/devices.ts";
import { api, folder, root, Server, type Json } from "../api/server.ts";

const expectedFile = join(root, "tests/link/same.json");
const vectorsFolder = join(process.env["JINDU_SHARED"] ?? join(root, "../shared"), "vectors");
// one thread: frames of a device come on connections of their own here, and the last of equal times counts
const server = new Server(folder(), ["--log-level", "error", "--no-fetch", "--link-threads", "1"]);
before(() => server.start());
after(() => server.stop());

/** Texts of an entity and of its history, as the program wrote them. */
interface Kept {
    id: string;
    entity: string;
    history: string;
}

const number = (column: string, more: Json = {}): Json => ({ column, optional: true, ...more });

/** Each way in which a mapping may read a cell, on names that frames of the protocol have. */
const maps: Record<string, Json[]> = {
    jt808: [
        {
            mapping: 1,
            skip: { msg_id: { like: ["8*"] } },
            time: { column: "time", form: "iso" },
            missing: ["", "65535"],
            entity: { type: "Vehicle", id: "urn:x:jt808:{phone}" },
            attributes: {
                location: { as: "point", longitude: "lon", latitude: "lat", optional: true },
                chinese: { as: "point", longitude: "lon", latitude: "lat", datum: "gcj02", optional: true },
                speed: number("speed_kmh", { unit: "KMH", most: 180 }),
                speedMs: number("speed_kmh", { unit: "MTS", factor: 0.2777, offset: -1.5 }),
                heading: number("direction", { unit: "DD", missing: [0] }),
                height: number("alt_m", { least: -100, most: 9000, with: { serial: number("serial") } }),
                mileage: number("mileage_km", { dataset: "urn:x:odometer:{phone}" }),
                fuel: number("fuel_l"),
                alarm: number("alarm", { as: "any" }),
                status: number("status", { as: "text" }),
                engine: number("acc", { as: "boolean", words: { true: ["true"], false: ["false"] } }),
                moving: number("speed_kmh", { as: "text", values: { "0.0": "stands" }, otherValues: "keep" }),
                brake: number("signal_brake", { as: "any" }),
                load: number("load", { as: "text" }),
                alarmed: number("alarm_sos", { as: "any" }),
                fast: number("speed_kmh", { when: { positioned: "true" } }),
                signal: number("signal"),
                satellites: number("satellites"),
                analog: number("analog_0", { factor: 0.01 }),
                label: { template: "{msg_id}-{serial|pad:5}", as: "text" },
            },
            fixed: { phone: { column: "phone", as: "text" }, source: { constant: "same" } },
        },
        {
            mapping: 1,
            entity: { type: "Terminal", id: "urn:x:terminal:{phone}" },
            fixed: { plate: number("plate", { as: "text" }), maker: number("maker", { as: "text" }) },
        },
    ],
    hj212: [
        {
            mapping: 1,
            time: { column: "CP.DataTime", form: "%Y%m%d%H%M%S", zone: "+08:00" },
            entity: { type: "Station", id: "urn:x:hj212:{MN|uri}" },
            attributes: {
                ...Object.fromEntries(
                    ["w01001", "w21003", "w01018", "w21011", "a21005", "a21004", "a34004", "B01", "011"].map((code) => [
                        `v${code}`,
                        number(`CP.${code}-Rtd`, { with: { flag: number(`CP.${code}-Flag`, { as: "text" }) } }),
                    ]),
                ),
                half: number("CP.w01001-Rtd", { factor: 0.5 }),
                mean: number("CP.a01007-Avg", { as: "any" }),
                kind: number("ST", { as: "text" }),
            },
        },
    ],
    gb32960: [
        {
            mapping: 1,
            time: { column: "time" },
            entity: { type: "Car", id: "urn:x:gb32960:{vin|lower}" },
            attributes: {
                location: { longitude: "position.lon", latitude: "position.lat", optional: true },
                speed: number("vehicle.speed_kmh", { unit: "KMH" }),
                battery: number("vehicle.soc"),
                odometer: number("vehicle.odo_km"),
                current: number("vehicle.current_a"),
                on: number("vehicle.state", { as: "boolean", words: { true: ["1"], false: ["2"] } }),
                charging: number("vehicle.charge", { as: "text", values: { "3": "no" }, otherValues: "missing" }),
                rpm: number("motors.rpm"),
                second: number("motors.2.rpm"),
                warmest: number("extremes.max_t.c"),
                motors: number("motors", { as: "json" }),
                level: number("alarm.level"),
            },
        },
    ],
    sl651: [
        {
            mapping: 1,
            time: { column: "obs_time" },
            entity: { type: "Gauge", id: "urn:x:sl651:{station_code}" },
            attributes: {
                level: number("level_m"),
                rain: number("rain_total_mm", { factor: 1000 }),
                day: number("rain_day_mm"),
                voltage: number("battery_v", { as: "any" }),
                discharge: number("flow_m3s"),
            },
        },
    ],
};

const four = (n: number): Buffer => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(n);
    return out;
};

/** Places whose values go to the edges of what a frame can say, some told late and some twice. */
function madeFrames(): Buffer[] {
    const speeds = [0, 0.1, 6.3, 6.4, 99.9, 180, 180.1, 6553.5];
    const start = Date.UTC(2026, 2, 1);
    return Array.from({ length: 72 }, (_, n) =>
        jt808.location(`01360000000${n % 3}`, n, {
            alarm: n % 5 === 0 ? 0xffffffff : n,
            status: n % 7 === 0 ? 0 : n % 11 === 0 ? 14 : 3,
            lat: ((n * 977) % 900000) / 10000,
            lon: ((n * 1571) % 1800000) / 10000,
            altitudeM: n % 13 === 0 ? 65535 : n * 61,
            speedKmh: speeds[n % speeds.length]!,
            direction: (n * 37) % 360,
            at: start + (n % 17 === 0 ? n - 9 : n - (n % 19 === 0 ? 3 : 0)) * 1000,
            items: [
                [1, four((n * 7919) % 4294967296)],
                [2, four(n * 3).subarray(2)],
                [0x25, four(n)],
                [0x2b, four(n * 65537)],
                [0x30, four(n % 32).subarray(3)],
                [0x31, four(n % 20).subarray(3)],
            ],
        }),
    );
}

function publishedFrames(protocol: string): Buffer[] {
    return readFileSync(join(vectorsFolder, `${protocol}.jsonl`), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Json)
        .filter((v) => v.kind === undefined)
        .map((v) => ("frame_hex" in v ? Buffer.from(v.frame_hex, "hex") : Buffer.from(v.frame_text as string)));
}

/** Each frame on a line of its own, in order: what a line remembers of its device does not matter then. */
async function say(link: string, port: number, frames: Buffer[]): Promise<void> {
    let sent = (await counts(server, link)).bytes as number;
    for (const frame of frames) {
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        socket.write(frame);
        sent += frame.length;
        await until(server, link, (now) => now.bytes === sent);
        socket.destroy();
    }
}

/** All entities of the types with their history, in order of ids. */
async function kept(types: string): Promise<Kept[]> {
    const list = (await server.call("GET", `${api}/entities?type=${types}&limit=1000`)).json as { id: string }[];
    const out: Kept[] = [];
    for (const { id } of list.sort((a, b) => (a.id < b.id ? -1 : 1))) {
        const name = encodeURIComponent(id);
        const entity = await server.call("GET", `${api}/entities/${name}`);
        const whole = "timerel=after&timeAt=1970-01-02T00:00:00Z";
        const history = await server.call("GET", `${api}/temporal/entities/${name}?${whole}`);
        assert.ok(entity.status === 200 && history.status === 200, `${id}: ${entity.text} ${history.text}`);
        out.push({ id, entity: entity.text, history: history.text });
    }
    return out;
}

const expected = existsSync(expectedFile)
    ? (JSON.parse(readFileSync(expectedFile, "utf8")) as Record<string, Kept[]>)
    : {};
const found: Record<string, Kept[]> = {};
after(() => {
    if (process.env["JINDU_SAME_WRITE"] === undefined) return;
    writeFileSync(expectedFile, `${JSON.stringify({ ...expected, ...found }, null, 1)}\n`);
});

const sets: [string, string, (protocol: string) => Buffer[]][] = [
    ["made", "jt808", madeFrames],
    ...Object.keys(maps).map((protocol): [string, string, (p: string) => Buffer[]] => [
        "published",
        protocol,
        publishedFrames,
    ]),
];

for (const [from, protocol, frames] of sets) {
    const name = `${from}-${protocol}`;
    const skip = from === "made" || existsSync(vectorsFolder) ? false : "the vectors are not beside the project";
    test(`${from} frames of ${protocol} give the entities and history that they gave`, { skip }, async () => {
        const port = await freePort();
        // ids and types of one set are its own
        const mine = JSON.parse(JSON.stringify(maps[protocol]).replaceAll("urn:x:", `urn:x:${from}:`)) as Json[];
        const types = mine.map((map) => `${map["entity"].type}${from}`);
        mine.forEach((map, i) => (map["entity"].type = types[i]));
        await declare(server, name, { protocol, listen: `127.0.0.1:${port}`, newPerHour: 100000, maps: mine });
        await say(name, port, frames(protocol));
        await server.stop(); // what was read is then kept
        await server.start();
        found[name] = await kept(types.join(","));
        assert.ok(found[name].length > 0);
        if (process.env["JINDU_SAME_WRITE"] === undefined) assert.deepEqual(found[name], expected[name]);
        await server.call("DELETE", `/api/links/${name}`);
    });
}
