// Provision of the temporal evolution of entities: create or update 5.6.11, add 5.6.12, delete an attribute 5.6.13,
// modify and delete an instance 5.6.14 and 5.6.15, delete 5.6.16; deletion from the core API, 5.6.5; Jindu's own batch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, check, NULL, problem, serve, sorted, zh, type City, type Json, type Want } from "./server.ts";

const server = await serve("--no-fetch", "--batch-max", "50");
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const missing: Want = [404, "ResourceNotFound"];
const te = "/temporal/entities";
const id = "urn:x:bus";
const path = `${te}/${id}`;
const d1 = "urn:d:1";
const at = (minute: number): string => `2026-03-01T12:${String(minute).padStart(2, "0")}:00Z`;
const property = (value: Json, minute: number, more: Json = {}): Json => ({
    type: "Property",
    value,
    observedAt: at(minute),
    ...more,
});
const bus: Json = {
    id,
    type: "Bus",
    speed: [property(10, 1), property(20, 3), property(30, 5)],
    level: [property(1, 2), property(7, 2, { datasetId: d1 })],
};

/** An evolution without its instanceIds. */
async function evolution(city: City, more = "", of = id): Promise<Json> {
    const answer = await city.get(`${te}/${of}${more}`);
    assert.ok(answer.status === 200 || answer.status === 404, answer.text);
    if (answer.status === 404) return undefined;
    return JSON.parse(answer.text, (name, value) => (name === "instanceId" ? undefined : (value as Json)));
}

async function told(...entities: Json[]): Promise<City> {
    const city = await server.city();
    for (const entity of entities.length > 0 ? entities : [bus]) check(await city.post(te, entity), 201);
    return city;
}

async function instances(city: City, name: string): Promise<Json[]> {
    return (await city.get(path)).json[name] as Json[];
}

test("5.6.11 what is told is there, oldest first, and not among the current entities", async () => {
    const city = await server.city();
    const made = await city.post(te + "/", bus);
    check(made, 201);
    assert.equal(made.headers["location"], `/ngsi-ld/v1${path}`);
    assert.equal(made.text, "");
    assert.deepEqual(await evolution(city), bus);
    check(await city.get(`/entities/${id}`), missing);
    assert.deepEqual(await city.ids({ local: true }), []);
    check(await city.get("/types/Bus"), missing);
});

test("5.6.11 told again: instances come beside those that are there, one of the same time replaces", async () => {
    const city = await told();
    const more = {
        id,
        type: "Truck",
        speed: [property(21, 3), property(40, 7)],
        level: property(8, 4, { datasetId: d1 }),
    };
    check(await city.post(te, more), 204);
    assert.deepEqual(await evolution(city), {
        id,
        type: ["Bus", "Truck"],
        speed: [property(10, 1), property(21, 3), property(30, 5), property(40, 7)],
        level: [property(1, 2), property(7, 2, { datasetId: d1 }), property(8, 4, { datasetId: d1 })],
    });
});

test("5.6.11 every kind of attribute, as an array or alone, and in the simplified form", async () => {
    const kinds: Json = {
        id,
        type: "T",
        p: [property({ a: [1, "x", true] }, 1, { unitCode: "CEL" })],
        r: [{ type: "Relationship", object: "urn:x:1", observedAt: at(1) }],
        g: [{ type: "GeoProperty", value: { type: "Point", coordinates: [1.5, 2] }, observedAt: at(1) }],
        l: [{ type: "LanguageProperty", languageMap: { en: "a", zh: "甲" }, observedAt: at(1) }],
        v: [{ type: "VocabProperty", vocab: ["car", "bus"], observedAt: at(1) }],
        j: [{ type: "JsonProperty", json: { a: [null, 1] }, observedAt: at(1) }],
        lp: [{ type: "ListProperty", valueList: [1.2, "x"], observedAt: at(1) }],
        lr: [{ type: "ListRelationship", objectList: [{ object: "urn:x:1" }], observedAt: at(1) }],
    };
    const city = await told(kinds);
    assert.deepEqual(await evolution(city), kinds);
    const alone = Object.fromEntries(Object.entries(kinds).map(([k, v]) => [k, Array.isArray(v) ? (v as Json)[0] : v]));
    const other = await told(alone);
    assert.deepEqual(await evolution(other), kinds);
    const simple = (await city.get(`${path}?format=temporalValues`)).json as Json;
    const again = await told(simple);
    const withoutUnit = { ...kinds, p: [property({ a: [1, "x", true] }, 1)] };
    assert.deepEqual(await evolution(again), withoutUnit);
});

test("5.6.11 numbers and times come back as they were written", async () => {
    const written =
        `{"id":"${id}","type":"T","a":[{"type":"Property","value":1.50,"observedAt":"2026-03-01T12:00:00.120Z"},` +
        `{"type":"Property","value":2e3,"observedAt":"2026-03-01T12:00:01Z"}]}`;
    const city = await server.city();
    check(await city.post(te, written), 201);
    const answer = await city.get(path);
    assert.equal(answer.text.replace(/,"instanceId":"[^"]*"/g, ""), written);
});

const refused: [what: string, body: Json | string, want: Want][] = [
    ["malformed", '{"id":"urn:x:1",,}', invalid],
    ["no body", "", invalid],
    ["no object", "[]", invalid],
    ["no id", { type: "T" }, bad],
    ["an empty id", { id: "", type: "T" }, bad],
    ["an id that is no URI", { id: "bus", type: "T" }, bad],
    ["no type", { id }, bad],
    ["an offset in observedAt", { ...bus, speed: { ...property(1, 1), observedAt: "2026-03-01T12:00:00+03:00" } }, bad],
    ["an expiresAt that is null", { ...bus, expiresAt: NULL }, bad],
    ["an attribute without a value", { ...bus, speed: [property(1, 1), { type: "Property" }] }, bad],
    ["a name that is none", { ...bus, "a(b": property(1, 1) }, bad],
];
for (const [what, body, want] of refused) {
    test(`5.6.11 refused, and nothing is kept: ${what}`, async () => {
        const city = await server.city();
        check(await city.post(te, body), want);
        check(await city.get(path), missing);
    });
}

test("5.5.3 errors name the place, in both languages", async () => {
    const city = await server.city();
    const wrong = { ...bus, speed: [property(1, 1), { ...property(2, 2), observedAt: "yesterday" }] };
    const en = (await city.post(te, wrong)).json as Json;
    assert.equal(en.place, "speed[1].observedAt");
    const cn = (await city.post(te, wrong, zh)).json as Json;
    assert.equal(cn.place, "speed[1].observedAt");
    assert.match(cn.detail, /[\u4e00-\u9fff]/);
});

test("6.3 media types, contexts and parameters are judged as everywhere", async () => {
    const city = await server.city();
    check(await city.post(te, "<a/>", { "Content-Type": "application/xml" }), 415);
    check(await city.post(te, { ...bus, "@context": ["http://127.0.0.1:1/none.jsonld"] }), [
        504,
        "LdContextNotAvailable",
    ]);
    check(await city.post(te + "?invalidParams=x", '"text"'), invalid);
    check(await city.post(te, { ...bus, "@context": [] }, { "Content-Type": "application/json" }), bad);
    check(await city.call("DELETE", te + "/"), 405);
    check(await city.call("PUT", path, bus), 405);
});

test("5.6.12 add: 204, beside what is there; types are united", async () => {
    const city = await told();
    check(
        await city.post(path + "/attrs", {
            type: "Truck",
            doors: [property(2, 1), property(3, 2)],
            speed: property(50, 9),
        }),
        204,
    );
    check(await city.post(path + "/attrs/", { wheels: property(6, 1) }), 204);
    const now = await evolution(city);
    assert.deepEqual(now.type, ["Bus", "Truck"]);
    assert.deepEqual(now.doors, [property(2, 1), property(3, 2)]);
    assert.deepEqual(now.speed, [...bus.speed, property(50, 9)]);
    assert.deepEqual(now.wheels, [property(6, 1)]);
    check(await city.post(`${te}/urn:x:none/attrs`, { a: property(1, 1) }), missing);
    check(await city.post(`${te}/none/attrs`, { a: property(1, 1) }), bad);
    check(await city.post(`${te}//attrs`, { a: property(1, 1) }), bad);
    check(await city.post(`${path}/attrs`, ""), invalid);
    check(await city.post(`${path}/attrs`, '{"a":,}'), invalid);
    check(await city.post(`${path}/attrs`, { id: "urn:x:other", a: property(1, 1) }), bad);
});

const deletions: [what: string, query: string, level: Json | undefined][] = [
    ["the default instances", "", [property(7, 2, { datasetId: d1 })]],
    ["the default instances, said so", "?datasetId=%40none&deleteAll=false", [property(7, 2, { datasetId: d1 })]],
    ["one datasetId", `?datasetId=${d1}&deleteAll=false`, [property(1, 2)]],
    ["all", "?deleteAll=true", undefined],
];
for (const [what, query, left] of deletions) {
    test(`5.6.13 delete an attribute: ${what}`, async () => {
        const city = await told();
        check(await city.del(`${path}/attrs/level${query}`), 204);
        const expected: Json = { id, type: "Bus", speed: bus.speed };
        if (left) expected.level = left;
        assert.deepEqual(await evolution(city), expected);
        assert.deepEqual(await evolution(city, "?timeproperty=deletedAt"), { id, type: "Bus" });
    });
}

test("5.6.13 delete an attribute: what is refused leaves everything as it was", async () => {
    const city = await told();
    for (const [where, want] of [
        [`${te}//attrs/level`, bad],
        [`${te}/none/attrs/level`, bad],
        [`${path}/attrs/level(`, bad],
        [`${path}/attrs/..?deleteAll=false`, bad],
        [`${path}/attrs/.`, bad],
        [`${path}/attrs/%2e%2e`, bad],
        [`${path}/attrs/%252e%252e`, bad],
        [`${path}/attrs/level?deleteAll=maybe`, bad],
        [`${path}/attrs/level?datasetId=no+uri`, bad],
        [`${te}/urn:x:none/attrs/level`, missing],
        [`${path}/attrs/never`, missing],
        [`${path}/attrs/speed?datasetId=${d1}`, missing],
        [`${path}/attrs/level?invalidParams=1`, invalid],
    ] as [string, Want][])
        check(await city.del(where), want, where);
    assert.deepEqual(await evolution(city), bus);
});

test("5.6.14 modify an instance: it is replaced, and stays the same instance at its place", async () => {
    const city = await told();
    const first = (await instances(city, "speed"))[0];
    check(await city.patch(`${path}/attrs/speed/${first.instanceId}`, property(11, 1)), 204);
    assert.deepEqual(await evolution(city), { ...bus, speed: [property(11, 1), property(20, 3), property(30, 5)] });
    assert.equal((await instances(city, "speed"))[0].instanceId, first.instanceId);
    check(await city.patch(`${path}/attrs/speed/${first.instanceId}`, [property(12, 1)]), 204);
    assert.equal((await instances(city, "speed"))[0].value, 12);
});

test("5.6.14 modify an instance: a part of it is enough (5.5.8)", async () => {
    const sensor = {
        id,
        type: "T",
        t: [property(1, 1, { unitCode: "CEL", by: { type: "Property", value: "a" } }), property(2, 2)],
    };
    const city = await told(sensor);
    const [first, second] = await instances(city, "t");
    check(await city.patch(`${path}/attrs/t/${first.instanceId}`, { value: 5 }), 204);
    check(await city.patch(`${path}/attrs/t/${second.instanceId}`, { unitCode: "FAH" }), 204);
    assert.deepEqual((await evolution(city)).t, [
        { ...sensor.t[0], value: 5 },
        { ...sensor.t[1], unitCode: "FAH" },
    ]);
    check(await city.patch(`${path}/attrs/t/${first.instanceId}`, { type: "Property", value: 6 }), 204);
    assert.deepEqual((await evolution(city)).t[0], property(6, 1));
    check(await city.patch(`${path}/attrs/t/${first.instanceId}`, { value: 6, datasetId: d1 }), bad);
});

test("5.6.14 modify an instance of a datasetId, and move it in time", async () => {
    const city = await told();
    const other = (await instances(city, "level")).find((one) => one.datasetId === d1);
    check(await city.patch(`${path}/attrs/level/${other.instanceId}`, property(9, 40)), 204);
    assert.deepEqual((await evolution(city)).level, [property(1, 2), property(9, 40, { datasetId: d1 })]);
});

test("5.6.15 delete an instance: the others stay", async () => {
    const city = await told();
    const [first, second] = await instances(city, "speed");
    check(await city.del(`${path}/attrs/speed/${first.instanceId}`), 204);
    check(await city.del(`${path}/attrs/speed/${second.instanceId}`), 204);
    check(await city.del(`${path}/attrs/speed/${second.instanceId}`), missing);
    assert.deepEqual(await evolution(city), { ...bus, speed: [property(30, 5)] });
});

const lost = "urn:ngsi-ld:01234567890123456789";
const badPaths: [path: string, patch: Want, del: Want][] = [
    [`${te}//attrs/speed/${lost}`, bad, bad],
    [`${te}/none/attrs/speed/${lost}`, bad, bad],
    [`${path}/attrs/speed(/${lost}`, bad, bad],
    [`${path}/attrs/speed/none`, bad, bad],
    [`${path}/attrs//${lost}`, 405, bad],
    [`${path}/attrs/speed/`, 405, 405],
    [`${path}/attrs/speed/${lost}`, missing, missing],
    [`${path}/attrs/never/${lost}`, missing, missing],
    [`${te}/urn:x:none/attrs/speed/${lost}`, missing, missing],
];
test("5.6.14, 5.6.15: what is refused leaves everything as it was", async () => {
    const city = await told();
    for (const [where, patch, del] of badPaths) {
        check(await city.patch(where, property(1, 1)), patch, "PATCH " + where);
        check(await city.del(where), del, "DELETE " + where);
    }
    const speed = (await instances(city, "speed"))[0].instanceId as string;
    check(
        await city.patch(`${path}/attrs/level/${speed}`, property(1, 1)),
        missing,
        "an instance of another attribute",
    );
    check(await city.patch(`${path}/attrs/speed/${speed}`, { value: 1, observedAt: "now" }), bad);
    check(await city.patch(`${path}/attrs/speed/${speed}`, [property(1, 1), property(2, 2)]), bad);
    check(await city.patch(`${path}/attrs/speed/${speed}`, ""), invalid);
    check(await city.patch(`${path}/attrs/speed`, property(1, 1)), 405);
    assert.deepEqual(await evolution(city), bus);
});

test("5.6.16 delete: everything that was is gone, and can be told anew", async () => {
    const city = await told();
    check(await city.del(path), 204);
    check(await city.get(path), missing);
    check(await city.del(path), missing);
    check(await city.del(`${te}/none`), bad);
    check(await city.get(`/entities/${id}`), missing);
    check(await city.post(te, { id, type: "Tram", speed: property(1, 1) }), 201);
    assert.deepEqual(await evolution(city), { id, type: "Tram", speed: [property(1, 1)] });
});

test("5.6.16 delete: the current entity stays, its past is gone", async () => {
    const city = await server.city({ id, type: "Bus", speed: property(1, 1) });
    check(await city.patch(`/entities/${id}/attrs/speed`, property(2, 2)), 204);
    assert.deepEqual((await evolution(city)).speed, [property(1, 1), property(2, 2)]);
    check(await city.del(path), 204);
    assert.deepEqual(await city.entity(id), { id, type: "Bus", speed: property(2, 2) });
});

// ---- the current entity and its past ----

test("5.6.5 an attribute known only from history is deleted from now on", async () => {
    const city = await told({
        ...bus,
        ref: [{ type: "Relationship", object: "urn:x:1", observedAt: at(1) }],
        name: [{ type: "LanguageProperty", languageMap: { en: "a" }, observedAt: at(1) }],
        scope: ["/A/B", "/C"],
    });
    for (const name of ["speed", "ref", "name", "scope"])
        check(await city.del(`/entities/${id}/attrs/${name}?deleteAll=false`), 204, name);
    const gone = await evolution(city, "?timeproperty=deletedAt");
    const when = (name: string): string => gone[name][0].deletedAt as string;
    assert.match(when("speed"), /^20\d\d-.*Z$/);
    assert.deepEqual(gone, {
        id,
        type: "Bus",
        speed: [{ type: "Property", value: NULL, deletedAt: when("speed") }],
        ref: [{ type: "Relationship", object: NULL, deletedAt: when("ref") }],
        name: [{ type: "LanguageProperty", languageMap: { "@none": NULL }, deletedAt: when("name") }],
        scope: [{ type: "Property", value: [], deletedAt: when("scope") }],
    });
    const simple = await evolution(city, "?timeproperty=deletedAt&options=temporalValues");
    assert.deepEqual(simple.speed, { type: "Property", values: [[NULL, when("speed")]] });
    assert.deepEqual(simple.scope, { type: "Property", values: [[[], when("scope")]] });
    assert.deepEqual((await evolution(city, `?timerel=after&timeAt=${at(0)}`)).speed, bus.speed);
    check(await city.del(`/entities/${id}/attrs/speed`), missing, "it is gone already");
    check(await city.del(`/entities/${id}/attrs/never`), missing);
    check(await city.del(`/entities/urn:x:none/attrs/speed`), missing);
    check(await city.post(`${path}/attrs`, { speed: property(60, 30) }), 204);
    check(await city.del(`/entities/${id}/attrs/speed`), 204, "it was told again");
});

test("5.6.5 of several datasetIds all or one", async () => {
    const city = await told();
    check(await city.del(`/entities/${id}/attrs/level?datasetId=${d1}`), 204);
    let gone = (await evolution(city, "?timeproperty=deletedAt")).level as Json[];
    assert.deepEqual(
        gone.map((one) => one.datasetId),
        [d1],
    );
    check(await city.del(`/entities/${id}/attrs/level?deleteAll=true`), 204);
    gone = (await evolution(city, "?timeproperty=deletedAt")).level as Json[];
    assert.deepEqual(
        gone.map((one) => one.datasetId),
        [d1, undefined],
    );
});

test("4.5.6 what the core API changes is remembered, each change once", async () => {
    const city = await server.city({ id, type: "Bus", speed: { type: "Property", value: 1 } });
    const values = async (): Promise<Json[]> => {
        const seen = await evolution(city, "?timeproperty=modifiedAt&format=temporalValues");
        return (seen.speed.values as Json[]).map((pair) => pair[0]);
    };
    assert.deepEqual(await values(), [1]);
    check(await city.patch(`/entities/${id}/attrs/speed`, { value: 2 }), 204);
    check(await city.patch(`/entities/${id}`, { speed: 3 }), 204);
    assert.deepEqual(await values(), [1, 2, 3]);
    check(await city.patch(`/entities/${id}`, { expiresAt: "2999-01-01T00:00:00Z" }), 204);
    assert.deepEqual(await values(), [1, 2, 3]);
    check(await city.del(`/entities/${id}`), 204);
    assert.deepEqual(await values(), [1, 2, 3]);
    check(await city.post("/entities", { id, type: "Bus", speed: 4 }), 201);
    assert.deepEqual(await values(), [1, 2, 3, 4]);
});

test("4.18 a change of scope is an instance whose observedAt is its modifiedAt", async () => {
    const city = await server.city({ id, type: "Bus", scope: "/Old" });
    check(await city.patch(`/entities/${id}`, { scope: ["/New"] }), 204);
    const scope = (await evolution(city, "?options=sysAttrs")).scope as Json[];
    const now = scope.filter((one) => one.value === "/New");
    assert.equal(now.length, 1, JSON.stringify(scope));
    assert.equal(now[0].observedAt, now[0].modifiedAt);
    for (const one of scope)
        for (const name of Object.keys(one))
            assert.ok(["type", "value", "observedAt", "createdAt", "modifiedAt"].includes(name), name);
});

test("own: temporal writes beside a current entity do not change what is now", async () => {
    const city = await server.city({ id, type: "Bus", speed: property(100, 50) });
    check(await city.post(te, bus), 204);
    assert.deepEqual(await city.entity(id), { id, type: "Bus", speed: property(100, 50) });
    assert.deepEqual((await evolution(city)).speed, [...bus.speed, property(100, 50)]);
});

test("own: to modify or delete the present instance changes the entity", async () => {
    const city = await server.city({ id, type: "Bus", speed: property(100, 50) });
    check(await city.post(`${path}/attrs`, { speed: property(90, 40) }), 204);
    const [, present] = await instances(city, "speed");
    check(await city.patch(`${path}/attrs/speed/${present.instanceId}`, { value: 101 }), 204);
    assert.deepEqual((await city.entity(id)).speed, property(101, 50));
    assert.deepEqual((await evolution(city)).speed, [property(90, 40), property(101, 50)]);
    check(await city.del(`${path}/attrs/speed/${present.instanceId}`), 204);
    assert.equal((await city.entity(id)).speed, undefined);
    assert.deepEqual((await evolution(city)).speed, [property(90, 40)]);
});

test("own: one entity may be told with more instances than a current one may have", async () => {
    const city = await server.city();
    const speed = Array.from({ length: 12_000 }, (_, i) => ({
        type: "Property",
        value: i,
        observedAt: new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString(),
    }));
    check(await city.post(te, { id, type: "Bus", speed }), 201);
    const page = await city.get(`${path}?timerel=after&timeAt=2026-01-01T00:00:00Z`);
    check(page, 206, "the default page is of 10,000");
    assert.equal((page.json.speed as Json[]).length, 10_000);
    const last = await evolution(city, "?lastN=1");
    assert.equal(last.speed[0].value, 11_999);
});

// ---- batches ----

test("own: a batch of evolutions: 201 with the ids that are new, 204 when all were there", async () => {
    const city = await server.city();
    const many = [1, 2, 3].map((n) => ({ ...bus, id: `urn:x:${n}` }));
    const first = await city.post("/temporal/entityOperations/upsert", many.slice(0, 2));
    check(first, 201);
    assert.deepEqual(sorted(first.json), ["urn:x:1", "urn:x:2"]);
    const second = await city.post("/temporal/entityOperations/upsert", many);
    check(second, 201);
    assert.deepEqual(second.json, ["urn:x:3"]);
    check(await city.post("/temporal/entityOperations/upsert", many), 204);
    assert.deepEqual(await evolution(city, "", "urn:x:3"), many[2]);
});

test("own: a batch of evolutions: what is wrong is told, the rest goes in", async () => {
    const city = await server.city();
    const body = [bus, { id: "urn:x:wrong", type: "T", a: [{ type: "Property" }] }, { id: "urn:x:late", type: "T" }];
    const answer = await city.post("/temporal/entityOperations/upsert", body);
    check(answer, 207);
    assert.deepEqual(sorted(answer.json.success), [id, "urn:x:late"].sort());
    assert.equal(answer.json.errors[0].entityId, "urn:x:wrong");
    problem(answer.json.errors[0].error, 400, "BadRequestData");
    assert.deepEqual(await evolution(city), bus);
    check(await city.post("/temporal/entityOperations/upsert", []), bad);
    check(await city.post("/temporal/entityOperations/upsert", bus), bad);
    check(await city.post("/temporal/entityOperations/upsert", Array(51).fill(bus)), bad);
    check(await city.post("/temporal/entityOperations/upsert" + ask({ options: "replace" }), [bus]), invalid);
});

test("own: what was told is there after kill -9", async () => {
    const city = await told();
    check(await city.post(path + "/attrs", { speed: property(99, 59) }), 204);
    await server.kill();
    await server.start();
    assert.deepEqual(await evolution(city), { ...bus, speed: [...bus.speed, property(99, 59)] });
});
