// Transient entities and attributes: clause 4.22.
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, serve, type City, type Json } from "./server.ts";

const server = await serve();
const id = "urn:ngsi-ld:Bus:7";
const far = "2100-01-01T00:00:00Z";
const past = "2001-01-01T00:00:00Z";
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const soon = (ms = 600): string => new Date(Date.now() + ms).toISOString();

/** Waits until it holds; there is no bound on how soon, only that it comes. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 300; i++) {
        if (await holds()) return;
        await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(what);
}
const isGone =
    (city: City): (() => Promise<boolean>) =>
    async () =>
        (await city.entity(id)) === undefined;

test("4.22 expiresAt is shown with sysAttrs only, at every level", async () => {
    const inner = property(2, { expiresAt: far });
    const city = await server.city({ id, type: "Bus", expiresAt: far, a: property(1, { expiresAt: far, s: inner }) });
    assert.deepEqual(await city.entity(id), { id, type: "Bus", a: property(1, { s: property(2) }) });
    const all = await city.entity(`${id}?options=sysAttrs`);
    assert.equal(all.expiresAt, far);
    assert.equal(all.a.expiresAt, far);
    assert.equal(all.a.s.expiresAt, far);
});

test("4.22 an expired entity is nowhere: retrieve, query, count, types; its id is free again", async () => {
    const city = await server.city({ id, type: "Bus", expiresAt: soon(), a: 1 }, { id: "urn:x:stays", type: "Stop" });
    await until("the entity did not expire", isGone(city));
    check(await city.get(`/entities/${id}`), [404, "ResourceNotFound"]);
    assert.deepEqual(await city.ids({ local: true }), ["urn:x:stays"]);
    assert.equal((await city.get("/entities?type=Bus&count=true")).headers["ngsild-results-count"], "0");
    assert.deepEqual((await city.get("/types")).json.typeList, ["Stop"]);
    check(await city.patch(`/entities/${id}`, { a: 2 }), [404, "ResourceNotFound"]);
    check(await city.del(`/entities/${id}`), [404, "ResourceNotFound"]);
    check(await city.post("/entities", { id, type: "Bus", b: 2 }), 201);
    assert.deepEqual(await city.entity(id), { id, type: "Bus", b: property(2) });
});

test("4.22 an expired attribute, and an expired instance, are gone; the rest stays", async () => {
    const at = soon();
    const city = await server.city({
        id,
        type: "Bus",
        a: property(1, { expiresAt: at }),
        b: [property(1), property(2, { datasetId: "urn:d:2", expiresAt: at })],
    });
    await until("the attribute did not expire", async () => !("a" in (await city.entity(id))));
    assert.deepEqual(await city.entity(id), { id, type: "Bus", b: property(1) });
    assert.deepEqual(await city.ids({ attrs: "a" }), []);
    assert.deepEqual(await city.ids({ q: "a==1" }), []);
    assert.deepEqual(await city.ids({ q: "b==1" }), [id]);
});

test("4.22 a sub-attribute is a Property or Relationship too: expired, it is gone", async () => {
    const sub = property(4, { expiresAt: soon() });
    const city = await server.city({ id, type: "Bus", c: property(3, { s: sub }) });
    await until("the sub-attribute did not expire", async () => !("s" in (await city.entity(id)).c));
    assert.deepEqual(await city.entity(id), { id, type: "Bus", c: property(3) });
});

test("4.22 a moment that has passed: the entity is not there", async () => {
    const city = await server.city();
    const made = await city.post("/entities", { id, type: "Bus", expiresAt: past });
    assert.ok(made.status === 201 || made.status === 400, made.text);
    check(await city.get(`/entities/${id}`), [404, "ResourceNotFound"]);
    check(await city.post("/entities", { id: "urn:x:2", type: "Bus", expiresAt: far }), 201);
    check(await city.patch("/entities/urn:x:2", { expiresAt: past }), 204);
    check(await city.get("/entities/urn:x:2"), [404, "ResourceNotFound"]);
});

test("4.22 who keeps expiresAt: partial update and merge do, the update of a whole attribute does not", async () => {
    const city = await server.city({ id, type: "Bus", a: property(1, { expiresAt: far }) });
    const kept = async (): Promise<string> => (await city.entity(`${id}?options=sysAttrs`)).a.expiresAt;
    check(await city.patch(`/entities/${id}/attrs/a`, { value: 2 }), 204);
    assert.equal(await kept(), far);
    check(await city.patch(`/entities/${id}`, { a: property(3) }), 204);
    assert.equal(await kept(), far);
    check(await city.patch(`/entities/${id}/attrs/`, { a: property(4) }), 204);
    assert.equal(await kept(), undefined);
});

test("4.22 batches and append take expiresAt too", async () => {
    const city = await server.city({ id, type: "Bus", a: 1 });
    check(await city.post("/entityOperations/upsert?options=update", [{ id, type: "Bus", expiresAt: soon() }]), 204);
    await until("the entity did not expire", isGone(city));
    check(await city.post("/entityOperations/create", [{ id, type: "Bus", a: 1 }]), 201);
    check(await city.post(`/entities/${id}/attrs/`, { b: property(1, { expiresAt: soon() }) }), 204);
    await until("the attribute did not expire", async () => !("b" in (await city.entity(id))));
    assert.deepEqual(await city.entity(id), { id, type: "Bus", a: property(1) });
});
