// Live views (GET /api/live): what a watcher is told, how it goes on after a break, and what becomes of those who are
// slow, too many, or there when the program stops.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type LiveEvent, State, Watch } from "./events.ts";
import { api, ask, check, City, core, folder, type Json, linkTo, serve, Server } from "./server.ts";

const server = await serve("--live-heartbeat-ms", "300");
const simple = { options: "keyValues" };

async function metric(of: Server, name: string): Promise<number> {
    const text = (await of.call("GET", "/metrics")).text;
    return Number(new RegExp(`^jindu_${name} (\\d+)$`, "m").exec(text)?.[1] ?? NaN);
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + 10_000; !(await holds()); ) {
        assert.ok(Date.now() < end, what);
        await new Promise((go) => setTimeout(go, 20));
    }
}

const air = (n: number, pm25: number, more: Json = {}): Json => ({
    id: `urn:x:air:${n}`,
    type: "Air",
    pm25: { type: "Property", value: pm25 },
    ...more,
});
const value = (v: Json): Json => ({ type: "Property", value: v });
const at = (lon: number, lat: number): Json => ({
    type: "GeoProperty",
    value: { type: "Point", coordinates: [lon, lat] },
});

test("the head, and questions that are refused", async () => {
    const watch = await Watch.open(server);
    assert.equal(watch.status, 200);
    assert.equal(watch.headers["content-type"], "text/event-stream");
    assert.equal(watch.headers["cache-control"], "no-store");
    assert.ok(!Number.isNaN(Date.parse(watch.headers["date"] ?? "")), watch.headers["date"]);
    const hello = await watch.next();
    assert.equal(hello.event, "hello");
    assert.deepEqual(hello.data, { resumed: false, heartbeatMs: 300 });
    assert.match(hello.id, /^\d+-\d+-[0-9a-f]+$/);
    watch.close();

    const head = await Watch.open(server, {}, {}, "HEAD");
    assert.equal(head.status, 200);
    assert.equal(head.headers["content-type"], "text/event-stream");

    for (const [params, status, word] of [
        [{ q: "a==" }, 400, "q"],
        [{ q: "a{b}>1" }, 400, "q"],
        [{ type: "(A" }, 400, "type"],
        [{ id: "no uri" }, 400, "id"],
        [{ idPattern: "(" }, 400, "idPattern"],
        [{ scopeQ: "" }, 400, "scopeQ"],
        [{ attrs: "a,,b" }, 400, "attrs"],
        [{ georel: "within" }, 400, "georel"],
        [{ geometry: "Point", coordinates: "[0,0]" }, 400, "georel"],
        [{ georel: "within", geometry: "Polygon", coordinates: "[0]" }, 400, "coordinates"],
        [{ diff: "perhaps" }, 400, "diff"],
        [{ every: 60001 }, 400, "every"],
        [{ every: -1 }, 400, "every"],
        [{ options: "temporalValues" }, 400, "options"],
        [{ tenant: "no such" }, 400, "tenant"],
        [{ tenant: "absent" }, 404, "absent"],
        [{ limit: 3 }, 400, "limit"],
    ] as const) {
        const refused = await Watch.open(server, params);
        const text = await refused.text();
        assert.equal(refused.status, status, `${JSON.stringify(params)}: ${text}`);
        assert.match(text, new RegExp(`\\b${word}\\b`), JSON.stringify(params));
    }
    check(await server.call("GET", "/api/live", undefined, { Accept: "application/json" }), 406);
    check(await server.call("POST", "/api/live", "{}"), 405);
    for (const every of [0, 60000]) {
        const edge = await Watch.open(server, { every });
        assert.equal(edge.status, 200);
        edge.close();
    }
});

test("hello names what nothing in the store is called yet, most often for want of a @context", async () => {
    const city = await server.city(air(1, 1));
    const hello = async (params: Record<string, string>): Promise<Json> => {
        const watch = await Watch.open(server, { tenant: city.tenant!, ...params });
        const { event, data } = await watch.next();
        watch.close();
        assert.equal(event, "hello");
        return data;
    };
    const known = await hello({ type: "Air", attrs: "pm25", q: "pm25>3" });
    assert.deepEqual(known, { resumed: false, heartbeatMs: 300 });
    const { unknownNames } = await hello({ type: "Air,Aire", attrs: "pm25,pm26", q: "pm27.x>3;pm25<9" });
    assert.deepEqual(
        unknownNames,
        ["Aire", "pm27", "pm26"].map((name) => core + name),
    );
});

test("an entity comes whole, changes by what changed, and goes", async () => {
    const city = await server.city(air(1, 10, { name: value("east") }));
    const diff = await Watch.of(city, { type: "Air", ...simple });
    const whole = await Watch.of(city, { type: "Air", ...simple, diff: false });
    const plain = await Watch.of(city, { type: "Air" });
    const concise = await Watch.of(city, { type: "Air", options: "concise" });

    await city.post("/entities", air(2, 20, { name: value("west") }));
    const born = '{"type":"Air","pm25":20,"name":"west"}';
    assert.equal(await diff.told(), `entity urn:x:air:2 ${born}`);
    assert.equal(await whole.told(), `entity urn:x:air:2 ${born}`);
    assert.deepEqual((await plain.next()).data, { ...air(2, 20), name: value("west") });
    assert.deepEqual((await concise.next()).data, { id: "urn:x:air:2", type: "Air", pm25: 20, name: "west" });

    await city.patch("/entities/urn:x:air:2/attrs", { pm25: value(21) });
    assert.equal(await diff.told(), 'entity urn:x:air:2 {"type":"Air","pm25":21}');
    assert.equal(await whole.told(), 'entity urn:x:air:2 {"type":"Air","pm25":21,"name":"west"}');
    assert.deepEqual((await plain.next()).data, air(2, 21));
    assert.deepEqual((await concise.next()).data, { id: "urn:x:air:2", type: "Air", pm25: 21 });

    await city.del("/entities/urn:x:air:2/attrs/name");
    assert.equal(await diff.told(), 'entity urn:x:air:2 {"type":"Air","name":"urn:ngsi-ld:null"}');
    assert.equal(await whole.told(), 'entity urn:x:air:2 {"type":"Air","pm25":21}');
    assert.deepEqual((await plain.next()).data, { id: "urn:x:air:2", type: "Air", name: "urn:ngsi-ld:null" });

    // instances of an attribute come together
    await city.post("/entities/urn:x:air:2/attrs", { pm25: { ...value(5), datasetId: "urn:x:second" } });
    assert.equal(
        await diff.told(),
        'entity urn:x:air:2 {"type":"Air","pm25":{"dataset":{"@none":21,"urn:x:second":5}}}',
    );
    await city.post("/entities/urn:x:air:2/attrs", { scope: "/north" });
    assert.equal(await diff.told(), 'entity urn:x:air:2 {"type":"Air","scope":"/north"}');
    await city.post("/entities/urn:x:air:2/attrs", { type: ["Air", "Station"] });
    assert.equal(await diff.told(), 'entity urn:x:air:2 {"type":["Air","Station"]}');

    await city.del("/entities/urn:x:air:2");
    assert.equal(await diff.told(), 'gone urn:x:air:2 {"type":["Air","Station"]}');
    await city.del("/entities/urn:x:air:1");
    assert.equal(await diff.told(), 'gone urn:x:air:1 {"type":"Air"}');
    for (const watch of [diff, whole, plain, concise]) watch.close();
});

test("filters: what comes into the view and what leaves it", async () => {
    const city = await server.city(air(1, 10));
    const box = "[[[119,32],[120,32],[120,33],[119,33],[119,32]]]";
    const watches = {
        type: await Watch.of(city, { type: "Air", ...simple }),
        other: await Watch.of(city, { type: "Water,Soil", ...simple }),
        id: await Watch.of(city, { id: "urn:x:air:7,urn:x:air:8", ...simple }),
        pattern: await Watch.of(city, { idPattern: "air:[0-4]$", ...simple }),
        attrs: await Watch.of(city, { attrs: "no2", ...simple }),
        q: await Watch.of(city, { q: "pm25>50", ...simple }),
        scope: await Watch.of(city, { scopeQ: "/north/#", ...simple }),
        map: await Watch.of(city, { georel: "within", geometry: "Polygon", coordinates: box, ...simple }),
        all: await Watch.of(city, simple),
    };
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(60) });
    assert.equal(await watches.q.told(), 'entity urn:x:air:1 {"type":"Air","pm25":60}');
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(61) });
    assert.equal(await watches.q.told(), 'entity urn:x:air:1 {"type":"Air","pm25":61}');
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(50) });
    assert.equal(await watches.q.told(), 'left urn:x:air:1 {"type":"Air"}');

    await city.post("/entities", air(7, 1, { no2: value(9), scope: "/north/seven", location: at(118, 32.5) }));
    const seven = '{"type":"Air","scope":"/north/seven","pm25":1,"no2":9,"location":';
    assert.equal(await watches.id.told(), `entity urn:x:air:7 ${seven}{"type":"Point","coordinates":[118,32.5]}}`);
    assert.equal(await watches.attrs.told(), 'entity urn:x:air:7 {"type":"Air","scope":"/north/seven","no2":9}');
    assert.match(await watches.scope.told(), /^entity urn:x:air:7 /);
    await city.patch("/entities/urn:x:air:7/attrs", { location: at(119.5, 32.5) });
    assert.equal(await watches.map.told(), `entity urn:x:air:7 ${seven}{"type":"Point","coordinates":[119.5,32.5]}}`);
    await city.patch("/entities/urn:x:air:7/attrs", { location: at(119.6, 32.5) });
    assert.equal(
        await watches.map.told(),
        'entity urn:x:air:7 {"type":"Air","location":{"type":"Point","coordinates":[119.6,32.5]}}',
    );
    await city.patch("/entities/urn:x:air:7/attrs", { location: at(121, 32.5) });
    assert.equal(await watches.map.told(), 'left urn:x:air:7 {"type":"Air"}');
    await city.del("/entities/urn:x:air:7/attrs/no2");
    assert.equal(await watches.attrs.told(), 'left urn:x:air:7 {"type":"Air"}');
    await city.patch("/entities/urn:x:air:7/attrs", { scope: "/south" });
    let told = await watches.scope.told();
    while (told.startsWith("entity urn:x:air:7 ")) told = await watches.scope.told(); /* what happened to it before */
    assert.equal(told, 'left urn:x:air:7 {"type":"Air"}');

    // a type, an attribute and a place's name that nobody had used when the question was put
    await city.post("/entities", { id: "urn:x:soil", type: "Soil", wet: value(3) });
    assert.equal(await watches.other.told(), 'entity urn:x:soil {"type":"Soil","wet":3}');
    const later = await Watch.of(city, { type: "Later", q: "neverSeen>1", ...simple });
    await city.post("/entities", { id: "urn:x:later", type: "Later", neverSeen: value(2) });
    assert.equal(await later.told(), 'entity urn:x:later {"type":"Later","neverSeen":2}');

    // each saw no more than was its own
    await city.post("/entities", air(3, 3));
    for (const all of [watches.all, watches.pattern])
        await all.until(() => all.events.some((e) => e.data.id === "urn:x:air:3"), "the last one");
    await new Promise((go) => setTimeout(go, 100)); /* so that nothing is still on its way to the others */
    assert.deepEqual(
        watches.pattern.events.map((e) => e.data.id),
        ["urn:x:air:1", "urn:x:air:1", "urn:x:air:1", "urn:x:air:3"],
    );
    for (const name of ["attrs", "q", "scope", "map", "other"] as const)
        assert.deepEqual(watches[name].events, [], name);
    assert.ok(watches.id.events.every((e) => e.event === "entity" && e.data.id === "urn:x:air:7"));
    for (const watch of Object.values(watches)) watch.close();
    later.close();
});

test("tenants are apart, and names are those of the asker's @context, from header or parameter", async () => {
    const mine = await server.city(air(1, 1));
    const yours = await server.city(air(1, 1));
    const body = JSON.stringify({ "@context": { Luft: `${core}Air`, feinstaub: `${core}pm25` } });
    const hosted = await server.call("POST", `${api}/jsonldContexts`, body, {
        "Content-Type": "application/json",
        "Content-Length": String(body.length),
    });
    assert.equal(hosted.status, 201, hosted.text);
    const url = server.url + new URL(hosted.headers["location"]!, server.url).pathname;
    const byHeader = await Watch.of(mine, { type: "Luft", ...simple }, "hello", linkTo(url));
    const byParam = await Watch.open(server, { type: "Luft", tenant: mine.tenant!, context: url, ...simple });
    assert.equal((await byParam.next()).event, "hello");
    assert.match(byParam.headers["link"] as string, /jsonldContexts/);
    /* one that must be fetched: the question waits on a worker, and the socket is handed over there */
    const far = createServer((_, res) => res.setHeader("Content-Type", "application/ld+json").end(body));
    far.listen(0, "127.0.0.1");
    await once(far, "listening");
    const farUrl = `http://127.0.0.1:${(far.address() as AddressInfo).port}/c.jsonld`;
    const byWorker = await Watch.of(mine, { type: "Luft", ...simple, context: farUrl });
    far.close();
    far.closeAllConnections();
    const nowhere = await Watch.open(server, { context: farUrl.replace("c.jsonld", "d.jsonld") });
    assert.equal(nowhere.status, 504, await nowhere.text());
    const other = await Watch.of(yours, simple);
    await mine.patch("/entities/urn:x:air:1/attrs", { pm25: value(2) });
    for (const watch of [byHeader, byParam, byWorker])
        assert.equal(await watch.told(), 'entity urn:x:air:1 {"type":"Luft","feinstaub":2}');
    await yours.patch("/entities/urn:x:air:1/attrs", { pm25: value(3) });
    assert.equal(await other.told(), 'entity urn:x:air:1 {"type":"Air","pm25":3}');
    assert.deepEqual(byHeader.events, []);
    for (const watch of [byHeader, byParam, byWorker, other]) watch.close();
});

/** Reads with breaks: cuts the line after so many events, and goes on behind the last one. */
class Restless {
    readonly got: LiveEvent[] = [];
    breaks = 0;
    #stopped = false;
    #last = "";
    #running: Promise<void> = Promise.resolve();

    constructor(
        readonly city: City,
        readonly params: Record<string, string | number | boolean>,
        readonly each: () => number,
        readonly byHeader: boolean,
    ) {}

    async start(): Promise<this> {
        const first = await Watch.of(this.city, this.params);
        this.#last = first.lastId;
        first.close();
        this.#running = this.#run();
        return this;
    }

    async #run(): Promise<void> {
        while (!this.#stopped) {
            const last = this.#last;
            const watch = this.byHeader
                ? await Watch.of(this.city, this.params, "hello", { "Last-Event-ID": last })
                : await Watch.of(this.city, { ...this.params, lastEventId: last }, "hello");
            const after = this.each();
            await watch.until(() => watch.events.length >= after || this.#stopped, "events", 30_000);
            this.got.push(...watch.events);
            this.#last = watch.lastId;
            watch.close();
            this.breaks++;
        }
    }

    /** Reads what is left, and ends. */
    async stop(): Promise<void> {
        this.#stopped = true;
        await this.#running;
        const watch = await Watch.of(this.city, { ...this.params, lastEventId: this.#last });
        await new Promise((go) => setTimeout(go, 500));
        this.got.push(...watch.events);
        watch.close();
    }
}

async function writeLoad(city: City, entities: number, rounds: number): Promise<void> {
    const one = async (n: number): Promise<void> => {
        for (let round = 1; round <= rounds; round++) {
            const answer = await city.patch(`/entities/urn:x:air:${n}/attrs`, { pm25: value(round) });
            assert.equal(answer.status, 204, answer.text);
            if (round % 10 === n % 10) {
                assert.equal((await city.del(`/entities/urn:x:air:${n}`)).status, 204);
                assert.equal((await city.post("/entities", air(n, round, { name: value(`n${round}`) }))).status, 201);
            }
        }
    };
    await Promise.all(Array.from({ length: entities }, (_, n) => one(n)));
}

test("a line that is cut again and again: nothing is lost, nothing doubled", async () => {
    const entities = 20;
    const rounds = 60;
    const city = await server.city(...Array.from({ length: entities }, (_, n) => air(n, 0)));
    let seed = 7;
    const some = (): number => (seed = (seed * 16807) % 2147483647) % 9;
    const readers = await Promise.all([
        new Restless(city, { type: "Air", ...simple }, some, true).start(),
        new Restless(city, { type: "Air", ...simple }, () => 1, false).start(),
        new Restless(city, { type: "Air", q: "pm25>30", ...simple }, some, false).start(),
        new Restless(city, { type: "Air", ...simple, every: 50 }, some, true).start(),
    ]);
    const before = new Map<Restless, State>();
    for (const reader of readers) {
        const state = new State();
        const all = Array.from({ length: entities }, (_, n) => ({ ...air(n, 0), pm25: 0 }));
        if (!("q" in reader.params)) state.load(all);
        before.set(reader, state);
    }
    await writeLoad(city, entities, rounds);
    for (const reader of readers) await reader.stop();
    const list = (await city.get("/entities" + ask({ type: "Air", limit: 1000, ...simple }))).json as Json[];
    list.sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.equal(list.length, entities);
    for (const reader of readers) {
        const what = JSON.stringify(reader.params);
        assert.ok(reader.breaks > 5, `${what}: ${reader.breaks} breaks`);
        const state = before.get(reader)!;
        for (const event of reader.got) state.apply(event);
        const wanted = "q" in reader.params ? list.filter((entity) => entity.pm25 > 30) : list;
        assert.deepEqual(state.list(), wanted, what);
        if ("every" in reader.params) continue;
        // each place once, in order
        const places = reader.got.map((event) => event.id.split("-").slice(0, 2).map(Number) as [number, number]);
        for (let i = 1; i < places.length; i++) {
            const [a, b] = [places[i - 1]!, places[i]!];
            assert.ok(a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]), `${what}: ${a} then ${b}`);
        }
    }
    // and every single change of every entity was told
    for (const reader of readers.slice(0, 2))
        for (let n = 0; n < entities; n++) {
            const told = reader.got.filter((event) => event.data.id === `urn:x:air:${n}`);
            const values = told.filter(({ event, data }) => event === "entity" && !("name" in data)); /* not anew */
            assert.deepEqual(
                values.map((event) => event.data.pm25),
                Array.from({ length: rounds }, (_, round) => round + 1),
                `${reader.breaks} breaks`,
            );
            assert.equal(told.filter((event) => event.event === "gone").length, rounds / 10);
        }
});

test("who comes back too late, from another run, or with another's id is told to load anew", async () => {
    const small = new Server(folder(), ["--live-ring-bytes", "4K"]);
    await small.start();
    const city = new City(small, undefined);
    await city.post("/entities", air(1, 0));
    const watch = await Watch.of(city, simple);
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(1) });
    const early = (await watch.next()).id;
    for (let n = 2; n < 60; n++) await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(n) });
    await watch.until(() => watch.events.length === 58, "58 changes");
    const late = watch.events[56]!.id;
    watch.close();
    await until(async () => (await metric(small, "live_views")) === 0, "what its view had told is forgotten");

    const old = await Watch.of(city, { ...simple, lastEventId: early }, "reset");
    old.close();
    const fresh = await Watch.open(small, { ...simple, lastEventId: late });
    assert.deepEqual((await fresh.next()).data, { resumed: true, heartbeatMs: 15000 });
    assert.equal(await fresh.told(), 'entity urn:x:air:1 {"type":"Air","pm25":59}');
    fresh.close();
    const reasons: Json[] = [];
    for (const id of [early, "7", "x-y-z", "1-1-", `99999999-0-${late.split("-")[2]}`]) {
        const reset = await Watch.open(small, { lastEventId: id });
        const first = await reset.next();
        reasons.push([first.event, first.data.reason]);
        // the header goes before the parameter, and the place that a reset gives is one to go on from
        const again = await Watch.open(small, { lastEventId: early }, { "Last-Event-ID": first.id });
        assert.equal((await again.next()).event, "hello");
        again.close();
        reset.close();
    }
    assert.deepEqual(reasons, [
        ["reset", "old"],
        ["reset", "unknown"],
        ["reset", "unknown"],
        ["reset", "unknown"],
        ["reset", "unknown"],
    ]);
    assert.equal(await small.stop(), 0);
    await small.start();
    const restart = await Watch.open(small, { lastEventId: late });
    const first = await restart.next();
    assert.deepEqual([first.event, first.data], ["reset", { reason: "restart" }]);
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(100) });
    assert.deepEqual((await restart.next()).data.pm25, value(100));
    restart.close();
    await small.stop();
});

test("a slow reader is not waited for: it is told to load anew, between whole events, and goes on", async () => {
    const tight = await serve("--live-buffer-bytes", "8K", "--live-ring-bytes", "256K");
    const city = new City(tight, undefined);
    const slow = await Watch.of(city, simple);
    const quick = await Watch.of(city, simple);
    slow.pause();
    const text = "x".repeat(2000);
    let sent = 0;
    while ((await metric(tight, "live_resets_total")) === 0) {
        assert.ok(sent < 60_000, "no reset");
        const list = Array.from({ length: 100 }, () => air(sent++, sent, { text: value(text + String(sent)) }));
        assert.equal((await city.post("/entityOperations/upsert", list)).status, 201);
    }
    await city.post("/entities", { id: "urn:x:last", type: "Last" });
    await quick.until(() => quick.events.some((e) => e.data.id === "urn:x:last"), "the last one");
    assert.ok((await metric(tight, "live_resets_total")) >= 1);
    slow.resume();
    await slow.until(() => slow.events.some((e) => e.event === "reset"), "a reset");
    const reset = slow.events.findIndex((e) => e.event === "reset");
    assert.deepEqual(slow.events[reset]!.data, { reason: "slow" });
    // every event before it was whole (they parsed) and none was left out
    slow.events.slice(0, reset).forEach((e, n) => assert.equal(e.data.id, `urn:x:air:${n}`));
    await city.post("/entities", { id: "urn:x:after", type: "Last" });
    await slow.until(() => slow.events.some((e) => e.data.id === "urn:x:after"), "what came after");
    slow.close();
    quick.close();
});

test("who takes nothing for four heartbeats is cut", async () => {
    const quiet = await serve("--live-heartbeat-ms", "200", "--live-buffer-bytes", "1M");
    const city = new City(quiet, undefined);
    const stuck = await Watch.of(city, simple);
    const awake = await Watch.of(city, simple);
    stuck.pause();
    const text = "x".repeat(2000);
    for (let sent = 0; (await metric(quiet, "live_silent_total")) === 0; ) {
        assert.ok(sent < 60_000, "never cut");
        const list = Array.from({ length: 100 }, () => air(sent++, sent, { text: value(text) }));
        assert.equal((await city.post("/entityOperations/upsert", list)).status, 201);
    }
    assert.equal(await metric(quiet, "live_readers"), 1);
    await city.post("/entities", { id: "urn:x:last", type: "Last" });
    await awake.until(() => awake.events.some((e) => e.data.id === "urn:x:last"), "the last one");
    awake.close();
    stuck.close();
});

test("a sign of life where nothing happens, which keeps the place young", async () => {
    const city = await server.city(air(1, 1));
    const other = await server.city(air(1, 1));
    const watch = await Watch.of(city, simple);
    const hello = watch.lastId;
    const began = Date.now();
    await other.patch("/entities/urn:x:air:1/attrs", { pm25: value(2) });
    await watch.until(() => watch.comments >= 3, "three heartbeats");
    const ms = Date.now() - began;
    assert.ok(ms > 600 && ms < 4000, `three heartbeats of 300 ms in ${ms} ms`);
    assert.deepEqual(watch.events, []);
    assert.notEqual(watch.lastId, hello);
    const last = watch.lastId;
    watch.close();
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(3) });
    const again = await Watch.of(city, { ...simple, lastEventId: last });
    assert.equal(await again.told(), 'entity urn:x:air:1 {"type":"Air","pm25":3}');
    again.close();
});

test("every=ms: what happens to an entity meanwhile is one event", async () => {
    const city = await server.city(air(1, 0), air(2, 0));
    const watch = await Watch.of(city, { ...simple, every: 400 });
    const began = Date.now();
    for (let n = 1; n <= 30; n++) await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(n) });
    await city.patch("/entities/urn:x:air:2/attrs", { pm25: value(1), no2: value(1) });
    await city.del("/entities/urn:x:air:2/attrs/no2");
    await city.post("/entities", air(3, 3));
    await city.del("/entities/urn:x:air:3"); // it was not there, and is not
    await watch.until(() => watch.events.some((e) => e.data.id === "urn:x:air:2"), "the second");
    const ones = watch.events.filter((e) => e.data.id === "urn:x:air:1");
    const most = (Date.now() - began) / 400 + 1;
    assert.ok(ones.length >= 1 && ones.length <= most, `${ones.length} events of 30 changes, at most ${most}`);
    assert.equal(ones.at(-1)!.data.pm25, 30);
    assert.ok(watch.events.every((e) => e.data.id !== "urn:x:air:3"));
    const place = watch.lastId;
    watch.close();
    const again = await Watch.of(city, { ...simple, every: 400, lastEventId: place });
    await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(31) });
    assert.equal(await again.told(), 'entity urn:x:air:1 {"type":"Air","pm25":31}');
    again.close();
});

test("readers beyond the limit get 503, and a place that is left is free", async () => {
    const few = await serve("--live-readers-max", "3");
    const city = new City(few, undefined);
    const there = [await Watch.of(city), await Watch.of(city, { type: "Air" }), await Watch.of(city)];
    const refused = await Watch.open(few);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["retry-after"], "1");
    assert.match(await refused.text(), /live-readers-max/);
    there[1]!.close();
    await until(async () => (await metric(few, "live_readers")) === 2, "two readers left");
    there.push(await Watch.of(city));
    assert.equal((await Watch.open(few)).status, 503);
    assert.equal(await metric(few, "live_refused_total"), 2);
    // the door has none of them any more
    await until(async () => (await metric(few, "http_connections")) <= 2, "streams are no connections of the door");
    for (const watch of there) watch.close();
    await until(async () => (await metric(few, "live_readers")) === 0, "none left");
});

test("those who ask the same share one view: an event is written once", async () => {
    const many = await serve();
    const city = new City(many, undefined);
    await city.post("/entities", air(1, 0));
    const watches = await Promise.all(Array.from({ length: 200 }, () => Watch.of(city, { type: "Air", ...simple })));
    const other = await Watch.of(city, { type: "Air", q: "pm25>1", ...simple });
    assert.equal(await metric(many, "live_views"), 2);
    for (let n = 1; n <= 5; n++) await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(n) });
    for (const watch of watches) {
        await watch.until(() => watch.events.length === 5, "five changes");
        assert.deepEqual(
            watch.events.map((e) => e.data.pm25),
            [1, 2, 3, 4, 5],
        );
    }
    await other.until(() => other.events.length === 4, "four changes");
    assert.equal(await metric(many, "live_events_total"), 9);
    assert.equal(await metric(many, "live_events_sent_total"), 200 * 5 + 4);
    // all of them are cut, and come back at once
    const places = watches.map((watch, n) => watch.events[n % 5]!.id);
    for (const watch of watches) watch.close();
    const back = await Promise.all(
        places.map((lastEventId) => Watch.of(city, { type: "Air", ...simple, lastEventId })),
    );
    for (const [n, watch] of back.entries()) {
        await watch.until(() => watch.events.length === 4 - (n % 5), "what was missed");
        watch.close();
    }
    other.close();
});

test("SIGTERM with open streams: what was written is told, then they end, and so does the program", async () => {
    const ending = new Server(folder());
    await ending.start();
    const city = new City(ending, undefined);
    await city.post("/entities", air(1, 0));
    const watches = await Promise.all(Array.from({ length: 50 }, () => Watch.of(city, simple)));
    const stuck = await Watch.of(city, simple);
    stuck.pause();
    const idle = await Watch.of(city, { type: "Nothing" });
    for (let n = 1; n <= 20; n++)
        assert.equal((await city.patch("/entities/urn:x:air:1/attrs", { pm25: value(n) })).status, 204);
    const began = Date.now();
    assert.equal(await ending.stop(), 0, ending.log);
    assert.ok(Date.now() - began < 8000, `${Date.now() - began} ms to stop`);
    for (const watch of [...watches, idle]) await watch.until(() => watch.ended, "the end");
    for (const watch of watches) assert.equal(watch.events.at(-1)?.data.pm25, 20);
    stuck.close();
});
