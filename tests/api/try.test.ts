// A rule is tried on history before it goes live (docs/packs.md): the same events as the live rule's, and nothing comes
// of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { expect, feed } from "../../packs/air-quality/proof/run.ts";
import { iso } from "../../packs/air-quality/proof/stations.ts";
import { City } from "../../packs/prove/city.ts";
import { readPack } from "../../packs/prove/folder.ts";
import { alerts, context, install, rule, send, sensor, settled, upsert } from "./sensors.ts";
import { api, binary, folder, root, Server, type Answer, type Json } from "./server.ts";

interface Event {
    at: string;
    what: string;
    severity: string;
    evidence?: Json;
}
interface Tried {
    judged: number;
    failed: number;
    entities: number;
    alerts: { entity: string; name: string | null; events: Event[]; openFor: number; open: boolean }[];
    cut: boolean;
    until: string;
    lastFailure?: string;
}

test("air quality: the events of the live rules, one by one; a lower limit gives more", async () => {
    const pack = readPack("air-quality");
    const city = await City.start(pack, binary);
    try {
        await feed(city);
        const stations = expect();
        const first = Math.min(...stations.map(({ station }) => station.reports[0]!.at));
        const [from, to] = [iso(first - 1000), new Date(Date.now() + 1000).toISOString()];
        const tried = async (rule: Json, more: Json = {}): Promise<Tried> =>
            (await city.done("POST", "/api/rules/try", { pack: pack.name, rule, from, to, ...more })) as Tried;
        const stood = async (): Promise<Json> => [await city.alerts(), await city.get("/api/messages")];
        const was = await stood();
        let events = 0;
        const rulesIn = (file: string): Json[] =>
            JSON.parse(readFileSync(join(root, `packs/air-quality/rules/${file}.json`), "utf8")) as Json[];
        for (const file of ["exceeded", "faults"]) {
            for (const one of rulesIn(file)) {
                const answer = await tried(one);
                assert.deepEqual([answer.failed, answer.entities, answer.cut], [0, stations.length, false]);
                for (const { station } of stations) {
                    const hours = new Set(station.reports.map((report) => iso(report.at)));
                    const live = await city.course(one.id, station.id, (at) => hours.has(at));
                    const found = answer.alerts.find(({ entity }) => entity === station.id);
                    if (found) assert.equal(found.name, station.name);
                    const mine = (found?.events ?? []).map((each) => {
                        const at = (each.evidence?.at as string | undefined) ?? each.at; // of the data
                        const what = each.what === "cleared" ? "cleared" : each.severity;
                        return { at: hours.has(at) ? at : "released", what };
                    });
                    assert.deepEqual(mine, live, `${one.id} of ${station.name}`);
                    events += live.length;
                }
            }
        }
        assert.ok(events > 40, `${events} events`);
        const [exceeded] = rulesIn("exceeded");
        const count = (t: Tried): number => t.alerts.reduce((sum, each) => sum + each.events.length, 0);
        const open = (t: Tried): number => t.alerts.reduce((sum, each) => sum + each.openFor, 0);
        const lower = { ...exceeded, levels: [...exceeded.levels, { severity: "info", when: "airQualityIndex > 40" }] };
        const [usual, more] = [await tried(exceeded), await tried(lower)];
        assert.ok(count(more) > count(usual) && open(more) > open(usual), `${count(more)}, ${count(usual)}`);
        const [wanliu] = stations;
        const few = await tried(exceeded, { entities: [wanliu!.station.id] });
        assert.equal(few.entities, 1);
        const eventsOf = (t: Tried): Json => t.alerts.find(({ entity }) => entity === wanliu!.station.id)?.events;
        assert.equal(few.alerts.length, 1);
        assert.deepEqual(eventsOf(few), eventsOf(usual));
        assert.deepEqual(await stood(), was, "nothing came of it");
    } finally {
        assert.equal(await city.stop(), undefined);
    }
});

const server = new Server(folder());
before(async () => {
    await server.start();
    await install(server, "sensors", [rule("there", {})]);
});
after(async () => void (await server.stop()));

const minute = (m: number): string => iso(Date.UTC(2026, 0, 1, 8) + m * 60_000);
const window = { from: minute(-60), to: minute(24 * 60) };
/** Readings of a sensor, by the minute, as history alone is told. */
async function tell(of: Server, id: string, readings: [number, number][], attr = "n"): Promise<void> {
    const instances = readings.map(([m, value]) => ({ type: "Property", value, observedAt: minute(m) }));
    const entity = { id: `urn:ngsi-ld:Sensor:${id}`, type: `${context}Sensor`, [context + attr]: instances };
    const answer = await send(of, "POST", `${api}/temporal/entities`, entity);
    assert.ok(answer.status === 201 || answer.status === 204, answer.text);
}
const ask = (rule: Json, more: Json = {}, of = server): Promise<Answer> =>
    send(of, "POST", "/api/rules/try", { pack: "sensors", rule, ...window, ...more });
async function tried(rule: Json, entity: string | undefined, more: Json = {}): Promise<Tried> {
    const entities = entity === undefined ? {} : { entities: [`urn:ngsi-ld:Sensor:${entity}`] };
    const answer = await ask(rule, { ...entities, ...more });
    assert.equal(answer.status, 200, answer.text);
    return answer.json as Tried;
}
/** "0 raised red": minutes after eight, what, severity. */
const told = (t: Tried): string[] =>
    t.alerts.flatMap(({ events }) =>
        events.map((e) => `${(Date.parse(e.at) - Date.parse(minute(0))) / 60_000} ${e.what} ${e.severity}`),
    );
const two = [
    { severity: "red", when: "n > 80", until: "n < 70" },
    { severity: "yellow", when: "n > 50", until: "n < 40" },
];

test("levels, hysteresis, delays, windows, and time", async () => {
    await tell(server, "a", [[0, 10], [10, 60], [20, 90], [30, 75], [40, 60], [50, 45], [60, 30], [70, 85], [300, 86]]);
    const plain = await tried(rule("x", { levels: two, evidence: ["n * 2"] }), "a");
    const levels = ["10 raised yellow", "20 changed red", "40 changed yellow", "60 cleared yellow", "70 raised red"];
    assert.deepEqual(told(plain), levels);
    const [a] = plain.alerts;
    assert.deepEqual([plain.judged, a!.open, plain.until], [9, true, window.to]);
    assert.equal(a!.openFor, (50 + 24 * 60 - 70) * 60);
    assert.deepEqual(a!.events[0]!.evidence, {
        at: minute(10),
        readings: [{ attribute: "n", value: 60, observedAt: minute(10) }],
        values: { "n * 2": 120 },
    });
    const held = await tried(rule("x", { levels: two, for: "15min", clearAfter: "25min" }), "a");
    /* red is waited for from 20 on; what is less by then held as well; none from 60 on, but for too short a time */
    assert.deepEqual(told(held), ["35 raised yellow", "85 changed red"]);
    const mean = { levels: [{ severity: "blue", when: "avg(n, 30min) > 70" }] };
    /* 20: (10 + 60 + 90) / 3; 30: (60 + 90 + 75) / 3 = 75, 40: 75, 50: 60; 70: (45 + 30 + 85) / 3; 300: 86 */
    const steps = ["30 raised blue", "50 cleared blue", "300 raised blue"];
    assert.deepEqual(told(await tried(rule("x", { ...mean, every: "never" }), "a")), steps);
    /* by time the reading of 70 is alone in its window at 90; from 100 on that is empty, and nothing ends of nothing */
    const timed = await tried(rule("x", { ...mean, every: "5min" }), "a");
    assert.deepEqual(told(timed), ["30 raised blue", "50 cleared blue", "90 raised blue"]);
    const silent = { levels: [{ severity: "info", when: "age(n) > 1h" }], every: "10min" };
    assert.deepEqual(told(await tried(rule("x", silent), "a", { to: minute(370) })), [
        "140 raised info",
        "300 cleared info",
    ]);
    /* what stood before is judged as it is */
    const late = await tried(rule("x", { levels: two }), "a", { from: minute(25) });
    assert.deepEqual(told(late).slice(0, 2), ["25 raised red", "40 changed yellow"]);
});

test("late readings by their time of recording; what has no time; other attributes", async () => {
    await tell(server, "late", [[0, 90], [10, 10]]);
    const old = await tried(rule("x", { old: { after: "1h" } }), "late");
    assert.deepEqual([told(old), old.judged], [[], 0]); // they were told just now
    const counted = await tried(rule("x", { old: { after: "1h", count: true } }), "late");
    assert.deepEqual(told(counted), ["0 raised red", "10 cleared red"]);
    /* a limit without a time is known all along; m is another series */
    await upsert(server, [sensor("limit", 0, { [`${context}m`]: { type: "Property", value: 5 } })]);
    await tell(server, "limit", [[0, 4], [10, 6]]);
    const limited = { levels: [{ severity: "red", when: "n > m" }] };
    assert.deepEqual(told(await tried(rule("x", limited), "limit")), ["10 raised red"]);
    await tell(server, "pair", [[0, 1], [20, 2]]);
    await tell(server, "pair", [[10, 0], [20, 5], [30, 1]], "m");
    const pair = await tried(rule("x", limited), "pair");
    assert.deepEqual([told(pair), pair.judged], [["10 raised red", "20 cleared red", "30 raised red"], 4]);
    /* what fails is counted, and switches nothing off */
    const many = Array.from({ length: 300 }, (_, i): [number, number] => [i, i]);
    await tell(server, "bad", many);
    const text = `'${"a".repeat(48)}' + text(n)`;
    const when = `matches(${text}, '(a+)+(a+)+(a+)+$') or n > 500`;
    const bad = await tried(rule("x", { levels: [{ severity: "red", when }] }), "bad");
    assert.deepEqual([bad.judged, bad.failed, bad.alerts.length], [300, 300, 0]);
    assert.match(bad.lastFailure ?? "", /Sensor:bad/);
});

test("it goes as far as it may, for all entities alike", async () => {
    for (const id of ["e0", "e1", "e2"]) await tell(server, id, Array.from({ length: 10 }, (_, i) => [i, i * 10]));
    const own = rule("x", { where: "n >= 0" });
    const entities = ["e0", "e1", "e2"].map((id) => `urn:ngsi-ld:Sensor:${id}`);
    const whole = await tried(own, undefined, { entities });
    assert.deepEqual([whole.judged, whole.cut, whole.alerts.length], [30, false, 3]);
    const enough = await tried(own, undefined, { entities, limit: 30 });
    assert.deepEqual(enough, whole);
    const less = await tried(own, undefined, { entities, limit: 29 });
    assert.deepEqual([less.judged, less.cut, less.until, less.alerts.length], [27, true, minute(9), 0]);
    const small = await new Server(folder(), ["--rules-try-max", "7"]).start();
    await install(small, "sensors", []);
    await tell(small, "s", Array.from({ length: 8 }, (_, i) => [i, 90]));
    const at = (await ask(rule("x", {}), { limit: 1000 }, small)).json as Tried;
    assert.deepEqual([at.judged, at.cut, at.until], [7, true, minute(7)]);
    const exact = (await ask(rule("x", {}), { to: minute(7) }, small)).json as Tried;
    assert.deepEqual([exact.judged, exact.cut, exact.until], [7, false, minute(7)]);
    await small.stop();
});

test("faults have their place in what was sent", async () => {
    const faults = async (own: Json, at: string, path: RegExp): Promise<void> => {
        const body = JSON.stringify({ pack: "sensors", ...window, rule: own }, null, 2);
        const answer = await server.call("POST", "/api/rules/try", body, {
            "Content-Type": "application/json",
            "Content-Length": String(Buffer.byteLength(body)),
        });
        assert.equal(answer.status, 400, answer.text);
        const [fault] = answer.json.faults as { file: string; line: number; column: number; path: string }[];
        assert.match(fault!.path, path);
        assert.ok(body.split("\n")[fault!.line - 1]!.slice(fault!.column - 1).startsWith(at), answer.text);
    };
    await faults(rule("x", { levels: [{ severity: "red", when: "nn > 1" }] }), "nn > 1", /^levels\[0\]\.when$/);
    await faults(rule("x", { levles: 1 }), '"levles"', /^levles$/);
    await faults(rule("x", { unless: ["nobody"] }), '"nobody"', /^unless\[0\]$/);
    const refused = async (body: Json, status: number, member: RegExp): Promise<void> => {
        const answer = await send(server, "POST", "/api/rules/try", body);
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.text, member);
    };
    const good = { pack: "sensors", rule: rule("x", {}), ...window };
    await refused({ ...good, pack: "nobody" }, 404, /nobody/);
    await refused({ ...good, rule: "x" }, 400, /"place":"rule"/);
    const derive = { derive: 1, id: "d", type: "Sensor", attribute: "twice", value: "n * 2" };
    await refused({ ...good, rule: derive }, 400, /"place":"rule"/);
    await refused({ ...good, from: "yesterday" }, 400, /"place":"from"/);
    await refused({ ...good, to: good.from }, 400, /"place":"to"/);
    await refused({ ...good, limit: 0 }, 400, /"place":"limit"/);
    await refused({ ...good, entities: [] }, 400, /"place":"entities"/);
    await refused({ ...good, entities: ["urn:ngsi-ld:Sensor:nowhere"] }, 404, /"place":"entities\[0\]"/);
    await refused({ ...good, dry: true }, 400, /"place":"dry"/);
    /* one of the same id as an installed one, with others of the pack beside it */
    assert.equal((await ask(rule("there", { unless: [] }))).status, 200);
    assert.equal((await ask(rule("other", { unless: ["there"] }))).status, 200);
});

test("neither writers nor rules wait for it, and one is tried at a time", async () => {
    await tell(server, "long", Array.from({ length: 1000 }, (_, i) => [i, i % 100]));
    const heavy = rule("x", { every: "1s", levels: [{ severity: "red", when: "percentile(n, 10h, 0.9) > 1000" }] });
    let ended = false;
    const began = Date.now();
    const first = tried(heavy, "long", { limit: 200_000 }).then((answer) => ((ended = true), answer));
    await new Promise((done) => setTimeout(done, 300));
    assert.equal((await ask(rule("x", {}))).status, 503);
    await upsert(server, [sensor("while", 95)]);
    await settled(server);
    assert.equal((await alerts(server, { entity: "urn:ngsi-ld:Sensor:while", status: "open" })).length, 1);
    assert.equal(ended, false, `it took ${Date.now() - began} ms only`);
    const answer = await first;
    assert.ok(answer.judged > 0 && answer.failed === 0);
});
