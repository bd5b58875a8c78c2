// Subscriptions (GS CIM 009 clauses 5.2.12, 5.8): what a real receiver of notifications gets, in which order, and what
// becomes of what it does not take.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Receiver } from "./receiver.ts";
import { City, folder, Server, type Json } from "./server.ts";

const server = new Server(folder());
const city = new City(server, undefined);

const receivers: Receiver[] = [];
async function receiver(): Promise<Receiver> {
    const made = await new Receiver().open();
    receivers.push(made);
    return made;
}

before(() => server.start());
after(async () => {
    await server.stop();
    for (const each of receivers) await each.close();
});

const property = (value: Json): Json => ({ type: "Property", value });
async function subscribe(subscription: Json): Promise<string> {
    const made = await city.post("/subscriptions", { type: "Subscription", ...subscription });
    assert.equal(made.status, 201, made.text);
    return (made.headers["location"] ?? "").split("/").pop() ?? "";
}
async function change(id: string, attrs: Json): Promise<void> {
    const answer = await city.post(`/entities/${id}/attrs`, attrs);
    assert.equal(answer.status, 204, answer.text);
}
async function create(id: string, type: string, attrs: Json): Promise<void> {
    const answer = await city.post("/entities", { id, type, ...attrs });
    assert.equal(answer.status, 201, answer.text);
}

test("5.8.6 what changes is told, each change once and in order", async () => {
    const r = await receiver();
    const id = await subscribe({ entities: [{ type: "Well" }], notification: { endpoint: r.endpoint() } });
    await create("urn:x:well:1", "Well", { level: property(0) });
    for (let n = 1; n <= 100; n++) await change("urn:x:well:1", { level: property(n) });
    await create("urn:x:other:1", "Other", { level: property(0) });
    const got = await r.count(101);
    assert.deepEqual(
        got.map((each) => each.body.data[0].level.value),
        Array.from({ length: 101 }, (_, n) => n),
    );
    const [first] = got;
    assert.equal(first!.body.type, "Notification");
    assert.equal(first!.body.subscriptionId, id);
    assert.ok(first!.body.notifiedAt);
    assert.equal(new Set(got.map((each) => each.body.id)).size, 101, "each has an id of its own");
    const shown = (await city.get(`/subscriptions/${id}`)).json;
    assert.equal(shown.notification.timesSent, 101);
    assert.equal(shown.notification.status, "ok");
    assert.equal((await city.del(`/subscriptions/${id}`)).status, 204);
    await change("urn:x:well:1", { level: property(-1) });
    await create("urn:x:well:2", "Well", { level: property(-1) });
    assert.equal(r.got.length, 101, "who left is told nothing");
});

test("a subscription is of its tenant: it is told what changes there, and nothing else", async () => {
    const r = await receiver();
    const other = new City(server, "harbour");
    const body = { type: "Subscription", entities: [{ type: "Crane" }], notification: { endpoint: r.endpoint() } };
    const made = await other.post("/subscriptions", body);
    assert.equal(made.status, 201, made.text);
    const crane = (load: number): Json => ({ id: "urn:x:crane:1", type: "Crane", load: property(load) });
    await create("urn:x:crane:1", "Crane", { load: property(1) }); // of the default tenant
    assert.equal((await other.post("/entities", crane(2))).status, 201);
    await change("urn:x:crane:1", { load: property(3) });
    assert.equal((await other.post("/entities/urn:x:crane:1/attrs", { load: property(4) })).status, 204);
    const got = await r.count(2);
    assert.deepEqual(
        got.map((each) => [each.headers["ngsild-tenant"], each.body.data[0].load.value]),
        [
            ["harbour", 2],
            ["harbour", 4],
        ],
    );
    assert.equal((await other.del(`/subscriptions/${(made.headers["location"] ?? "").split("/").pop()}`)).status, 204);
    assert.equal((await other.post("/entities/urn:x:crane:1/attrs", { load: property(5) })).status, 204);
    await change("urn:x:crane:1", { load: property(6) });
    await new Promise((done) => setTimeout(done, 300));
    assert.equal(r.got.length, 2, "nothing of the other tenant, and nothing when it has gone");
    const elsewhere = { ...r.endpoint(), receiverInfo: [{ key: "ngsild-tenant", value: "quay" }] };
    const own = await other.post("/subscriptions", { ...body, notification: { endpoint: elsewhere } });
    assert.equal(own.status, 201, own.text);
    assert.equal((await other.post("/entities/urn:x:crane:1/attrs", { load: property(7) })).status, 204);
    const [, , last] = await r.count(3);
    assert.equal(last!.headers["ngsild-tenant"], "quay", "the receiver's own name for it");
});

test("5.2.12 watchedAttributes, q, geoQ and the entity's id each keep out what they do not mean", async () => {
    const r = await receiver();
    const area = [
        [
            [119, 32],
            [120, 32],
            [120, 33],
            [119, 33],
            [119, 32],
        ],
    ];
    await subscribe({
        entities: [{ type: "Pump", idPattern: "urn:x:pump:[0-9]+$" }],
        watchedAttributes: ["level"],
        q: "level>5",
        geoQ: { georel: "within", geometry: "Polygon", coordinates: area },
        notification: { attributes: ["level"], format: "keyValues", endpoint: r.endpoint() },
    });
    const location = (lon: number): Json => ({
        type: "GeoProperty",
        value: { type: "Point", coordinates: [lon, 32.5] },
    });
    await create("urn:x:pump:1", "Pump", { level: property(1), name: property("a"), location: location(119.5) });
    await create("urn:x:pump:x", "Pump", { level: property(9), location: location(119.5) });
    await create("urn:x:pump:2", "Pump", { level: property(9), location: location(121) });
    await change("urn:x:pump:1", { name: property("b") });
    await change("urn:x:pump:1", { level: property(6) });
    await change("urn:x:pump:1", { name: property("c") });
    await change("urn:x:pump:1", { level: property(5) });
    await change("urn:x:pump:1", { level: property(7) });
    const got = await r.count(2);
    assert.deepEqual(
        got.map((each) => each.body.data),
        [6, 7].map((level) => [{ id: "urn:x:pump:1", type: "Pump", level }]),
    );
});

test("showChanges tells what stood there before, and what went as null", async () => {
    const r = await receiver();
    await subscribe({
        entities: [{ type: "Lamp" }],
        notificationTrigger: ["attributeUpdated", "attributeDeleted"],
        notification: { showChanges: true, endpoint: r.endpoint() },
    });
    await create("urn:x:lamp:1", "Lamp", { lit: property(1) });
    await change("urn:x:lamp:1", { lit: property(2) });
    assert.equal((await city.del("/entities/urn:x:lamp:1/attrs/lit")).status, 204);
    const [updated, deleted] = await r.count(2);
    assert.deepEqual([updated!.body.data[0].lit.value, updated!.body.data[0].lit.previousValue], [2, 1]);
    assert.equal(deleted!.body.data[0].lit.value, "urn:ngsi-ld:null");
    assert.equal(deleted!.body.data[0].lit.previousValue, 2);
});

test("who does not answer is tried again, in order, and what was told stands in the subscription", async () => {
    const r = await receiver();
    const id = await subscribe({ entities: [{ type: "Gate" }], notification: { endpoint: r.endpoint() } });
    r.status = 503;
    await create("urn:x:gate:1", "Gate", { open: property(0) });
    await change("urn:x:gate:1", { open: property(1) });
    await change("urn:x:gate:1", { open: property(2) });
    const end = Date.now() + 10_000;
    for (;;) {
        const { notification } = (await city.get(`/subscriptions/${id}`)).json;
        if (notification.timesFailed > 0) break;
        assert.ok(Date.now() < end, "the failure is never told");
        await new Promise((done) => setTimeout(done, 50));
    }
    r.status = 200;
    const got = await r.count(3);
    assert.deepEqual(
        got.map((each) => each.body.data[0].open.value),
        [0, 1, 2],
    );
});

test("one endpoint that is away holds up no other", async () => {
    const dead = await receiver();
    await subscribe({ entities: [{ type: "Valve" }], notification: { endpoint: dead.endpoint() } });
    await dead.close();
    receivers.splice(receivers.indexOf(dead), 1);
    const r = await receiver();
    await subscribe({ entities: [{ type: "Valve" }], notification: { endpoint: r.endpoint() } });
    await create("urn:x:valve:1", "Valve", { n: property(0) });
    for (let n = 1; n < 20; n++) await change("urn:x:valve:1", { n: property(n) });
    await r.count(20);
});

test("5.8.2 pause, resume, expiry; they outlive a restart", async () => {
    const r = await receiver();
    const id = await subscribe({
        entities: [{ type: "Meter" }],
        isActive: false,
        notification: { endpoint: r.endpoint() },
    });
    await create("urn:x:meter:1", "Meter", { n: property(1) });
    assert.equal((await city.get(`/subscriptions/${id}`)).json.status, "paused");
    assert.equal((await city.patch(`/subscriptions/${id}`, { isActive: true })).status, 204);
    await change("urn:x:meter:1", { n: property(2) });
    await r.count(1);
    await server.stop();
    await server.start();
    await change("urn:x:meter:1", { n: property(3) });
    const got = await r.count(2);
    assert.deepEqual(
        got.map((each) => each.body.data[0].n.value),
        [2, 3],
    );
    const past = new Date(Date.now() - 1000).toISOString();
    assert.equal((await city.patch(`/subscriptions/${id}`, { expiresAt: past })).status, 400);
    const soon = new Date(Date.now() + 300).toISOString();
    assert.equal((await city.patch(`/subscriptions/${id}`, { expiresAt: soon })).status, 204);
    await new Promise((done) => setTimeout(done, 500));
    assert.equal((await city.get(`/subscriptions/${id}`)).json.status, "expired");
    await change("urn:x:meter:1", { n: property(4) });
    await new Promise((done) => setTimeout(done, 200));
    assert.equal(r.got.length, 2);
});

test("explain: which condition keeps an entity out", async () => {
    const r = await receiver();
    const id = await subscribe({
        entities: [{ type: "Drain" }],
        q: "level>5",
        notification: { endpoint: r.endpoint() },
    });
    await create("urn:x:drain:1", "Drain", { level: property(3) });
    const ask = async (): Promise<Json> => {
        const answer = await server.call("GET", `/api/subscriptions/${id}/explain?entity=urn:x:drain:1`);
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    };
    const dry = await ask();
    assert.deepEqual([dry.matches, dry.because, dry.found], [false, "q does not hold: level>5", { level: 3 }]);
    await change("urn:x:drain:1", { level: property(6) });
    assert.equal((await ask()).matches, true);
});

const good: Json = {
    type: "Subscription",
    entities: [{ type: "T" }],
    notification: { endpoint: { uri: "http://127.0.0.1:1/x" } },
};
for (const [what, more, place] of [
    ["no entities and no attributes", { entities: undefined }, /entities|watchedAttributes/],
    ["a pattern that is none", { entities: [{ type: "T", idPattern: "[" }] }, /idPattern/],
    ["an address that is none", { notification: { endpoint: { uri: "nowhere" } } }, /uri/],
    ["a condition that cannot be read", { q: "a==" }, /q/],
    ["a time interval beside a watch", { timeInterval: 5, watchedAttributes: ["a"] }, /timeInterval/],
    ["a throttling below zero", { throttling: -1 }, /throttling/],
    ["an unknown trigger", { notificationTrigger: ["entitySold"] }, /notificationTrigger|entitySold/],
] as const)
    test(`5.8.1 a subscription with ${what} is refused, and the place is named`, async () => {
        const answer = await city.post("/subscriptions", { ...good, ...more });
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.text, place);
    });

test("5.13.1 the @context of a subscription is kept, listed as implicitly created, and told", async () => {
    const r = await receiver();
    const context = [{ Silo: "https://x.example/Silo", fill: "https://x.example/fill" }, {}];
    const body = {
        type: "Subscription",
        entities: [{ type: "Silo" }],
        q: "fill>5",
        notification: { endpoint: r.endpoint() },
        "@context": context,
    };
    const ids: string[] = [];
    for (let i = 0; i < 2; i++) {
        const made = await city.post("/subscriptions", body, { "Content-Type": "application/ld+json" });
        assert.equal(made.status, 201, made.text);
        ids.push((made.headers["location"] ?? "").split("/").pop() ?? "");
    }
    const shown = (await city.get(`/subscriptions/${ids[0] ?? ""}`)).json;
    const listed = (await city.get("/jsonldContexts?kind=ImplicitlyCreated")).json;
    assert.deepEqual(listed, [shown.jsonldContext], "one for both");
    const served = await city.get(`/jsonldContexts/${shown.jsonldContext.split("/").pop()}`);
    assert.deepEqual(served.json, { "@context": context });
    await server.stop();
    await server.start();
    await create("urn:x:silo:1", "https://x.example/Silo", { "https://x.example/fill": property(6) });
    const [first] = await r.count(2);
    assert.equal(first!.body.data[0].fill.value, 6, "in the asker's words");
    assert.match(String(first!.headers["link"]), /jsonldContexts\/implicit-/);
});
