// Why nothing came: what explain, dry-run and attempts answer to somebody who made a slip, and requests without a body
// as curl sends them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "./brokers.ts";
import { Receiver } from "./receiver.ts";
import { check, City, core, folder, linkTo, Server, type Headers, type Json } from "./server.ts";

const server = new Server(folder());
const city = new City(server, undefined);
const receiver = new Receiver();
before(async () => {
    await server.start();
    await receiver.open();
});
after(async () => {
    await server.stop();
    await receiver.close();
});

const json = { "Content-Type": "application/json" };
const property = (value: Json): Json => ({ type: "Property", value });
async function subscribe(subscription: Json, headers: Headers = {}): Promise<string> {
    const body = { type: "Subscription", notification: { endpoint: receiver.endpoint() }, ...subscription };
    const made = await city.post("/subscriptions", body, headers);
    assert.equal(made.status, 201, made.text);
    return (made.headers["location"] ?? "").split("/").pop() ?? "";
}
async function create(entity: Json, headers: Headers = {}): Promise<void> {
    check(await city.post("/entities", entity, headers), 201);
}
async function explain(id: string, entity: string, headers: Headers = {}): Promise<Json> {
    const answer = await server.call("GET", `/api/subscriptions/${id}/explain?entity=${entity}`, undefined, headers);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

test("POST without a body and without a length, as curl sends it, is taken where no body is needed", async () => {
    const id = await subscribe({ entities: [{ type: "Raw" }] });
    const rows: [string, RegExp][] = [
        [`/api/subscriptions/${id}/resend`, /^HTTP\/1\.1 200 [^]*"resent":0/],
        [`/api/subscriptions/${id}/replay?since=2020-01-01T00:00:00Z`, /^HTTP\/1\.1 200 [^]*"entities":0/],
        ["/api/messages/none/read?by=li", /^HTTP\/1\.1 404 [^]*there is no message none/],
        ["/api/subscriptions/dry-run", /^HTTP\/1\.1 411 [^]*needs a body/],
        ["/ngsi-ld/v1/subscriptions", /^HTTP\/1\.1 411 /],
    ];
    for (const [path, expected] of rows) {
        const text = `POST ${path} HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
        assert.match(await server.raw(text), expected, path);
    }
});

test("explain: types that are spelt alike but of another @context are told by their full names", async () => {
    const context = await city.post("/jsonldContexts", { "@context": { Vessel: "https://x.example/Vessel" } });
    check(context, 201);
    const url = `${server.url}${context.headers["location"]}`;
    await create({ id: "urn:x:vessel:1", type: "Vessel", speed: property(3) }, linkTo(url));
    const id = await subscribe({ entities: [{ type: "Vessel" }] });
    const why = await explain(id, "urn:x:vessel:1");
    assert.equal(why.matches, false);
    assert.match(why.because, /none of those selected.*same Link header\?$/);
    assert.deepEqual(why.entityTypes, ["https://x.example/Vessel"]);
    assert.deepEqual(why.selects, [{ type: `${core}Vessel` }]);
    const zh = await explain(id, "urn:x:vessel:1", { "Accept-Language": "zh" });
    assert.match(zh.because, /实体不在所选范围内.*Link/);
    const right = await subscribe({ entities: [{ type: "Vessel" }] }, linkTo(url));
    assert.equal((await explain(right, "urn:x:vessel:1")).matches, true);
    await create({ id: "urn:x:boat:1", type: "Boat" });
    const other = await explain(id, "urn:x:boat:1");
    assert.equal(other.because, "the entity is none of those selected", "no hint where there is nothing alike");
});

test("explain: the term of q that does not hold, and what the entity has there", async () => {
    const id = await subscribe({ entities: [{ type: "Sluice" }], q: 'name=="a;b";level>5;(flow>1|flow<0)' });
    const attrs = { name: property("a;b"), level: property(3), flow: property(2) };
    await create({ id: "urn:x:sluice:1", type: "Sluice", ...attrs });
    const low = await explain(id, "urn:x:sluice:1");
    assert.equal(low.because, "q does not hold: level>5");
    assert.deepEqual(low.found, { level: 3 });
    check(await city.post("/entities/urn:x:sluice:1/attrs", { level: property(6), flow: property(0.5) }), 204);
    const still = await explain(id, "urn:x:sluice:1");
    assert.equal(still.because, "q does not hold: (flow>1|flow<0)");
    assert.deepEqual(still.found, { flow: 0.5 });
    check(await city.del("/entities/urn:x:sluice:1/attrs/flow"), 204);
    assert.deepEqual((await explain(id, "urn:x:sluice:1")).found, {});
    const either = await subscribe({ entities: [{ type: "Sluice" }], q: "level>9;level<20|level==-1" });
    assert.equal((await explain(either, "urn:x:sluice:1")).because, "q does not hold: level>9;level<20|level==-1");
});

test("explain: paused is not expired; what is watched, what triggers, until when it is throttled", async () => {
    await create({ id: "urn:x:pier:1", type: "Pier", level: property(1), crew: property(2) });
    const id = await subscribe({
        entities: [{ type: "Pier" }],
        watchedAttributes: ["level"],
        throttling: 600,
        notificationTrigger: ["attributeUpdated"],
    });
    const fresh = await explain(id, "urn:x:pier:1");
    assert.deepEqual(fresh, { matches: true, watches: ["level"], triggers: ["attributeUpdated"] });
    check(await city.post("/entities/urn:x:pier:1/attrs", { level: property(2) }), 204);
    await receiver.count(1);
    // The receiver has it before its answer is counted.
    await until("the answer is counted", async () => "endpointStatus" in (await explain(id, "urn:x:pier:1")));
    const told = await explain(id, "urn:x:pier:1");
    assert.equal(told.endpointStatus, "ok");
    const left = Date.parse(told.throttledUntil) - Date.now();
    assert.ok(left > 500_000 && left <= 600_000, told.throttledUntil);
    check(await city.patch(`/subscriptions/${id}`, { isActive: false }), 204);
    assert.equal((await explain(id, "urn:x:pier:1")).because, "it is paused (isActive is false)");
    const soon = new Date(Date.now() + 300).toISOString();
    const over = await subscribe({ entities: [{ type: "Pier" }], expiresAt: soon });
    await new Promise((go) => setTimeout(go, 400));
    const expired = await explain(over, "urn:x:pier:1");
    assert.equal(expired.because, "it is expired");
    assert.equal(Date.parse(expired.expiresAt), Date.parse(soon));
    const gone = await subscribe({ entities: [{ type: "Pier" }], notificationTrigger: ["entityDeleted"] });
    assert.deepEqual(await explain(gone, "urn:x:pier:1"), { matches: true, triggers: ["entityDeleted"] });
    const part = await subscribe({
        entities: [{ type: "Pier" }],
        notification: { attributes: ["depth"], endpoint: receiver.endpoint() },
    });
    assert.match((await explain(part, "urn:x:pier:1")).because, /none of the attributes that the notification holds/);
    const bare = await server.call("GET", `/api/subscriptions/${id}/explain`);
    check(bare, [400, "BadRequestData"]);
    assert.match(bare.text, /entity is needed/);
});

test("a dry run names members that nobody reads, and names that the store does not know", async () => {
    await create({ id: "urn:x:quay:1", type: "Quay", level: property(1) });
    const dry = async (more: Json): Promise<Json> => {
        const body = { type: "Subscription", entities: [{ type: "Quay" }], ...more };
        body.notification ??= { endpoint: receiver.endpoint() };
        const answer = await server.call("POST", "/api/subscriptions/dry-run", JSON.stringify(body), json);
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    };
    const clean = await dry({ watchedAttributes: ["level"], q: "level>0" });
    assert.deepEqual(clean, { entities: ["urn:x:quay:1"], matches: 1, unknownNames: [], ignored: [] });
    const slips = await dry({
        watchedAttribute: ["level"],
        geoQ: { georel: "near;maxDistance==1", geometry: "Point", coordinates: [0, 0], geoproprety: "place" },
        entities: [{ type: "Quay", idpattern: "x" }],
        notification: { formats: "concise", endpoint: { ...receiver.endpoint(), time_out: 5 } },
    });
    assert.deepEqual(slips.ignored, [
        "watchedAttribute",
        "entities[0].idpattern",
        "geoQ.geoproprety",
        "notification.formats",
        "notification.endpoint.time_out",
    ]);
    const strange = await dry({
        entities: [{ type: "Quay|Quais" }],
        watchedAttributes: ["level", "levle"],
        q: 'level>0;(depht.a<3|!bouys);level~=(x|y);name_=="a;b>c"',
    });
    assert.deepEqual(
        strange.unknownNames,
        ["Quais", "levle", "depht", "bouys", "name_"].map((name) => core + name),
    );
    const created = await city.post("/subscriptions", {
        type: "Subscription",
        entities: [{ type: "Quay" }],
        watchedAttribute: ["level"],
        notification: { endpoint: receiver.endpoint() },
    });
    check(created, 201, "5.8.1: unknown members pass when it is made");
});

test("attempts say whether one was taken; a status stands there when there was one", async () => {
    const away = new Receiver();
    await away.open();
    const there = await subscribe({ entities: [{ type: "Cable" }], notification: { endpoint: away.endpoint() } });
    const nowhere = await subscribe({
        entities: [{ type: "Cable" }],
        notification: { endpoint: { uri: "http://127.0.0.1:1/x" } },
    });
    await create({ id: "urn:x:cable:1", type: "Cable" });
    await away.count(1);
    const attempts = async (id: string): Promise<Json[]> => {
        for (let i = 0; i < 100; i++) {
            const { json: seen } = await server.call("GET", `/api/subscriptions/${id}/attempts`);
            if (seen.attempts.length) return seen.attempts;
            await new Promise((go) => setTimeout(go, 20));
        }
        throw new Error("no attempt");
    };
    const [taken] = await attempts(there);
    assert.deepEqual([taken.ok, taken.status], [true, 200]);
    const [failed] = await attempts(nowhere);
    assert.equal(failed.ok, false);
    assert.ok(!("status" in failed), JSON.stringify(failed));
    assert.ok(failed.why);
    await away.close();
});

test("the newest 16 attempts are kept, the newest first, however many there were", async () => {
    const away = new Receiver();
    await away.open();
    const id = await subscribe({ entities: [{ type: "Buoy" }], notification: { endpoint: away.endpoint() } });
    await create({ id: "urn:x:buoy:1", type: "Buoy", n: property(0) });
    let before = "";
    for (let n = 1; n <= 70; n++) {
        await away.count(n);
        // What was received is noted when its answer is there.
        let seen: Json[] = [];
        for (let i = 0; i < 250 && (seen.length === 0 || seen[0]!.notification === before); i++) {
            seen = (await server.call("GET", `/api/subscriptions/${id}/attempts`)).json.attempts;
            await new Promise((go) => setTimeout(go, 4));
        }
        assert.equal(seen.length, Math.min(n, 16), `after ${n}`);
        assert.equal(new Set(seen.map(({ notification }) => notification)).size, seen.length);
        if (n > 1) assert.equal(seen[1]!.notification, before);
        before = seen[0]!.notification as string;
        check(await city.patch("/entities/urn:x:buoy:1/attrs/n", property(n)), 204);
    }
    await away.close();
});

test("replay says how a time is written", async () => {
    const id = await subscribe({ entities: [{ type: "Dock" }] });
    for (const since of ["2026-10-01T00:00:00%2B08:00", "yesterday", ""]) {
        const answer = await server.call("POST", `/api/subscriptions/${id}/replay?since=${since}`, "", {
            "Content-Length": "0",
        });
        check(answer, [400, "BadRequestData"], since);
        assert.match(answer.text, /UTC, with Z/);
    }
});
