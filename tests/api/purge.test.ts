// Purging entities: clause 5.6.21.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, check, serve, type Json, type Want } from "./server.ts";

const server = await serve();
const bad: Want = [400, "BadRequestData"];
const square = "[[[0,0],[0,2],[2,2],[2,0],[0,0]]]";
const all: Json[] = [
    { id: "urn:b:1", type: "Building", name: "Tower", height: 10, location: { type: "Point", coordinates: [1, 1] } },
    { id: "urn:b:2", type: "Building", name: "Hall", height: 20, location: { type: "Point", coordinates: [5, 5] } },
    { id: "urn:v:1", type: "Vehicle", name: "Tower", speed: 5 },
    { id: "urn:v:2", type: ["Vehicle", "Bus"], scope: "/Line/L4", of: { object: "urn:b:1" } },
];
const ids = all.map((entity) => entity.id as string);

type Params = Record<string, string>;
const gone: [what: string, params: Params, gone: string[]][] = [
    ["by type", { type: "Building" }, ["urn:b:1", "urn:b:2"]],
    ["by one of two types", { type: "Building,Bus" }, ["urn:b:1", "urn:b:2", "urn:v:2"]],
    ["by all types", { type: "*" }, ids],
    ["by id and type", { type: "Building", id: "urn:b:2" }, ["urn:b:2"]],
    ["by pattern and type", { type: "Building", idPattern: "1$" }, ["urn:b:1"]],
    ["by q", { q: 'name=="Tower"' }, ["urn:b:1", "urn:v:1"]],
    ["by q and type", { q: 'name=="Tower"', type: "Vehicle" }, ["urn:v:1"]],
    ["by attribute", { attrs: "speed,of" }, ["urn:v:1", "urn:v:2"]],
    ["by place", { georel: "within", geometry: "Polygon", coordinates: square }, ["urn:b:1"]],
    ["by scope and type", { scopeQ: "/Line/#", type: "Vehicle" }, ["urn:v:2"]],
    ["everything here", { local: "true" }, ids],
    ["what is not there", { type: "Ship" }, []],
];

for (const [what, params, expected] of gone) {
    test(`5.6.21 purge ${what}`, async () => {
        const city = await server.city(...all);
        check(await city.del("/entities" + ask(params)), 204);
        assert.deepEqual(
            await city.ids({ local: true }),
            ids.filter((id) => !expected.includes(id)),
        );
    });
}

const refused: [what: string, params: Params, want: Want][] = [
    ["nothing said", {}, bad],
    ["an id alone", { id: "urn:b:1" }, bad],
    ["a pattern alone", { idPattern: ".*" }, bad],
    ["a system attribute alone", { attrs: "createdAt" }, bad],
    ["q on a system attribute alone", { q: 'modifiedAt>"2020-01-01T00:00:00Z"' }, bad],
    ["keep and drop", { type: "Building", keep: "name", drop: "height" }, bad],
    ["q on a linked entity", { q: 'of{name}=="Tower"' }, bad],
    ["attrs of a linked entity", { attrs: "of{name}" }, bad],
    ["an unknown parameter", { invalidParams: "x", type: "Building" }, [400, "InvalidRequest"]],
    ["an unknown parameter, before being too wide", { invalidParams: "x" }, [400, "InvalidRequest"]],
    ["q that cannot be read", { type: "Building", q: "name==" }, bad],
];

test("5.6.21 purge: what is refused deletes nothing", async () => {
    const city = await server.city(...all);
    for (const [what, params, want] of refused) check(await city.del("/entities" + ask(params)), want, what);
    assert.deepEqual(await city.ids({ local: true }), ids);
});

test("5.6.21 purge with drop and keep: attributes go, entities stay", async () => {
    const city = await server.city(...all);
    const simple = { Accept: "application/json" };
    check(await city.del("/entities" + ask({ type: "Building", drop: "height,location" })), 204);
    const first = await city.get("/entities/urn:b:1?format=simplified", simple);
    assert.deepEqual(first.json, { id: "urn:b:1", type: "Building", name: "Tower" });
    check(await city.del("/entities" + ask({ type: "Vehicle", keep: "name" })), 204);
    const kept = await city.get("/entities/urn:v:1?format=simplified", simple);
    assert.deepEqual(kept.json, { id: "urn:v:1", type: "Vehicle", name: "Tower" });
    assert.deepEqual(await city.ids({ local: true }), ids);
});
