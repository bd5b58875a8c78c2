// Batches: create 5.6.7, upsert 5.6.8, update 5.6.9, delete 5.6.10, merge 5.6.20; results of 5.2.16.
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, NULL, problem, serve, sorted, type Answer, type City, type Json } from "./server.ts";

const server = await serve("--batch-max", "200", "--no-fetch");
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const A = "urn:ngsi-ld:T:A";
const B = "urn:ngsi-ld:T:B";
const C = "urn:ngsi-ld:T:C";
const entity = (id: string, members: Json = {}): Json => ({ id, type: "T", ...members });
const operation = (name: string, query = ""): string => `/entityOperations/${name}${query}`;

/** A 207: ids that went well, and per id that did not the error's type. */
function mixed(answer: Answer, success: string[], errors: Record<string, string>): void {
    check(answer, 207);
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
    assert.deepEqual(sorted(answer.json.success), sorted(success), answer.text);
    const found = (answer.json.errors as { entityId: string; error: Json }[]).map(({ entityId, error }) => {
        const type = errors[entityId];
        assert.ok(type, `${entityId} should have gone well: ${answer.text}`);
        problem(error, error.status, type, entityId);
        return entityId;
    });
    assert.deepEqual(found.sort(), Object.keys(errors).sort(), answer.text);
    assert.deepEqual(Object.keys(answer.json).sort(), ["errors", "success"]);
}

async function stored(city: City, expected: Record<string, Json | undefined>): Promise<void> {
    for (const [id, members] of Object.entries(expected)) {
        assert.deepEqual(await city.entity(id), members === undefined ? undefined : { id, type: "T", ...members }, id);
    }
}

test("5.6.7 create: all new, 201 with the ids", async () => {
    const city = await server.city();
    const answer = await city.post(operation("create"), [entity(A, { a: 1 }), entity(B, { a: 2 })]);
    check(answer, 201);
    assert.deepEqual(sorted(answer.json), [A, B]);
    await stored(city, { [A]: { a: property(1) }, [B]: { a: property(2) } });
});

test("5.6.7 create: some exist, 207, and those stay as they were", async () => {
    const city = await server.city(entity(A, { a: 1 }));
    mixed(await city.post(operation("create"), [entity(A, { a: 9 }), entity(B)]), [B], { [A]: "AlreadyExists" });
    await stored(city, { [A]: { a: property(1) }, [B]: {} });
});

test("5.6.7 create: one id twice, the first wins", async () => {
    const city = await server.city();
    const answer = await city.post(operation("create"), [entity(A, { a: 1 }), entity(B), entity(A, { a: 2 })]);
    mixed(answer, [A, B], { [A]: "AlreadyExists" });
    await stored(city, { [A]: { a: property(1) } });
});

test("5.6.7 create: bad items are told one by one, the others go in", async () => {
    const city = await server.city();
    const answer = await city.post(operation("create"), [entity(A, { a: property(null) }), entity(B), { id: C, a: 1 }]);
    mixed(answer, [B], { [A]: "BadRequestData", [C]: "BadRequestData" });
    await stored(city, { [A]: undefined, [B]: {}, [C]: undefined });
});

test("5.6.8 upsert: 201 names only what was created; 204 when all were there", async () => {
    const city = await server.city(entity(A, { a: 1 }));
    const answer = await city.post(operation("upsert"), [entity(A, { b: 2 }), entity(B, { b: 2 })]);
    check(answer, 201);
    assert.deepEqual(answer.json, [B]);
    await stored(city, { [A]: { b: property(2) }, [B]: { b: property(2) } });
    check(await city.post(operation("upsert"), [entity(A, { c: 3 }), entity(B, { c: 3 })]), 204);
    await stored(city, { [A]: { c: property(3) }, [B]: { c: property(3) } });
});

test("5.6.8 upsert with update: attributes are appended; with replace they give way", async () => {
    const city = await server.city(entity(A, { a: 1, b: property(1, { unitCode: "X" }), scope: "/S" }));
    check(await city.post(operation("upsert", "?options=update"), [entity(A, { b: 2, c: 3 })]), 204);
    await stored(city, { [A]: { a: property(1), b: property(2), c: property(3), scope: "/S" } });
    check(await city.post(operation("upsert", "?options=replace"), [entity(A, { d: 4 })]), 204);
    await stored(city, { [A]: { d: property(4) } });
});

test("5.6.8 upsert: one new id twice, told once, the later wins; no type is an error of the item", async () => {
    const city = await server.city();
    const answer = await city.post(operation("upsert"), [entity(A, { a: 1 }), entity(A, { b: 2 })]);
    check(answer, 201);
    assert.deepEqual(answer.json, [A]);
    await stored(city, { [A]: { b: property(2) } });
    mixed(await city.post(operation("upsert"), [{ id: C, a: 1 }, entity(B)]), [B], { [C]: "BadRequestData" });
});

test("5.6.9 update: 204; unknown ids are told; a further type is added", async () => {
    const city = await server.city(entity(A, { a: 1, b: 1 }), entity(B));
    check(await city.post(operation("update"), [entity(A, { b: 2, c: 3 }), entity(B, { a: 1 })]), 204);
    await stored(city, { [A]: { a: property(1), b: property(2), c: property(3) }, [B]: { a: property(1) } });
    mixed(await city.post(operation("update"), [entity(A, { a: 5 }), entity(C)]), [A], { [C]: "ResourceNotFound" });
    check(await city.post(operation("update", "?"), [{ id: B, type: "U", a: 2 }]), 204);
    assert.deepEqual((await city.entity(B)).type, ["T", "U"]);
});

test("5.6.9 update with noOverwrite: what is there stays (207), what is not is added", async () => {
    const city = await server.city(entity(A, { a: 1 }));
    const answer = await city.post(operation("update", "?options=noOverwrite"), [entity(A, { a: 2, b: 3 })]);
    check(answer, 207);
    assert.equal(answer.json.errors[0].entityId, A);
    await stored(city, { [A]: { a: property(1), b: property(3) } });
    check(await city.post(operation("update", "?options=noOverwrite"), [entity(A, { c: 4 })]), 204);
    await stored(city, { [A]: { a: property(1), b: property(3), c: property(4) } });
});

test("5.6.20 merge: as merging each; unknown ids and bad items are told", async () => {
    const city = await server.city(
        entity(A, { a: property({ x: 1, y: 2 }, { unitCode: "X" }), b: 1 }),
        entity(B, { a: 1 }),
    );
    const bodies = [entity(A, { a: { value: { y: NULL, z: 3 } }, b: NULL }), entity(B, { c: 3 })];
    check(await city.post(operation("merge"), bodies), 204);
    await stored(city, {
        [A]: { a: property({ x: 1, z: 3 }, { unitCode: "X" }) },
        [B]: { a: property(1), c: property(3) },
    });
    mixed(await city.post(operation("merge"), [entity(A, { b: 2 }), entity(C, { b: 2 })]), [A], {
        [C]: "ResourceNotFound",
    });
    mixed(await city.post(operation("merge"), [entity(A, { b: property(null) }), entity(B, { b: 1 })]), [B], {
        [A]: "BadRequestData",
    });
    await stored(city, { [A]: { a: property({ x: 1, z: 3 }, { unitCode: "X" }), b: property(2) } });
});

test("5.6.10 delete: 204; unknown and doubled ids are told; JSON-LD without @context will do", async () => {
    const city = await server.city(entity(A), entity(B), entity(C));
    check(await city.post(operation("delete"), [A]), 204);
    mixed(await city.post(operation("delete"), [A, B, B], { "Content-Type": "application/ld+json" }), [B], {
        [A]: "ResourceNotFound",
        [B]: "ResourceNotFound",
    });
    await stored(city, { [A]: undefined, [B]: undefined, [C]: {} });
});

test("5.6.7-5.6.10, 5.6.20: whole requests that are refused do nothing", async () => {
    const city = await server.city(entity(A, { a: 1 }));
    for (const name of ["create", "upsert", "update", "merge", "delete"]) {
        check(await city.post(operation(name), "[{,"), [400, "InvalidRequest"], name);
        check(await city.post(operation(name), []), [400, "BadRequestData"], `${name} of nothing`);
    }
    for (const name of ["create", "upsert", "update", "merge"]) {
        const mix = [entity(name === "create" ? B : A, { z: 1 }), null];
        check(await city.post(operation(name), mix), [400, "BadRequestData"], `${name} with null`);
    }
    check(await city.post(operation("upsert", "?options=sometimes"), [entity(B)]), [400, "InvalidRequest"]);
    check(await city.post(operation("update", "?options=replace"), [entity(A)]), [400, "InvalidRequest"]);
    await stored(city, { [A]: { a: property(1) }, [B]: undefined });
});

test("6.3.5 each item of a JSON-LD batch has its own @context; JSON items have none", async () => {
    const city = await server.city();
    const x = { "@context": { a: "https://example.org/x#a" } };
    const y = { "@context": { a: "https://example.org/y#a" } };
    check(await city.post(operation("create"), [entity(A, { a: 1, ...x }), entity(B, { a: 2, ...y })]), 201);
    assert.deepEqual(await city.entity(A), entity(A, { "https://example.org/x#a": property(1) }));
    assert.deepEqual(await city.entity(B), entity(B, { "https://example.org/y#a": property(2) }));
    const json = { "Content-Type": "application/json" };
    mixed(await city.post(operation("create"), [entity(C, x)], json), [], { [C]: "BadRequestData" });
    const asLd = { "Content-Type": "application/ld+json" };
    mixed(await city.post(operation("create"), [entity(C)], asLd), [], { [C]: "BadRequestData" });
    const gone = entity(C, { "@context": "http://127.0.0.1:9/gone.jsonld" });
    mixed(await city.post(operation("create"), [gone]), [], { [C]: "LdContextNotAvailable" });
});

test("extension: a batch may hold --batch-max items and not one more; big ones are whole", async () => {
    const city = await server.city();
    const many = (n: number): Json[] => Array.from({ length: n }, (_, i) => entity(`urn:n:${i}`, { n: i }));
    const over = await city.post(operation("create"), many(201));
    assert.ok(over.status === 413 || over.status === 400, `${over.status} ${over.text}`);
    assert.deepEqual((await city.get("/entities?local=true")).json, []);
    const answer = await city.post(operation("create"), many(200));
    check(answer, 201);
    assert.equal(answer.json.length, 200);
    const counted = await city.get("/entities?type=T&limit=0&count=true");
    assert.equal(counted.headers["ngsild-results-count"], "200");
});
