// Operations on the attributes of one entity: clauses 5.6.2 (update), 5.6.3 (append), 5.6.4 (partial update),
// 5.6.5 (delete), 5.6.19 (replace).
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, core, NULL, serve, type Json, type Want } from "./server.ts";

const server = await serve();
const id = "urn:ngsi-ld:Vehicle:1";
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const missing: Want = [404, "ResourceNotFound"];
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const vehicle = (members: Json): Json => ({ id, type: "Vehicle", ...members });
const gps = { datasetId: "urn:d:gps" };

// name, stored before, method, path below the entity, body, answer, stored after
type Row = [what: string, before: Json, method: string, path: string, body: unknown, want: Want, after: Json];

const rows: Row[] = [
    [
        "5.6.3 append: a new attribute",
        { a: 1 },
        "POST",
        "/attrs",
        { b: property(2) },
        204,
        { a: property(1), b: property(2) },
    ],
    ["5.6.3 append: path with a slash", { a: 1 }, "POST", "/attrs/", { b: 2 }, 204, { a: property(1), b: property(2) }],
    [
        "5.6.3 append: replaces the whole instance",
        { a: property(1, { unitCode: "X" }) },
        "POST",
        "/attrs/",
        { a: 2 },
        204,
        { a: property(2) },
    ],
    [
        "5.6.3 append: a further datasetId stands beside",
        { a: 1 },
        "POST",
        "/attrs/",
        { a: property(2, gps) },
        204,
        { a: [property(1), property(2, gps)] },
    ],
    [
        "5.6.3 append: replaces the instance of the same datasetId only",
        { a: [property(1), property(2, gps)] },
        "POST",
        "/attrs/",
        { a: property(3, gps) },
        204,
        { a: [property(1), property(3, gps)] },
    ],
    [
        "5.6.3 append: a further datasetId with noOverwrite",
        { a: 1 },
        "POST",
        "/attrs/?options=noOverwrite",
        { a: property(2, gps) },
        204,
        { a: [property(1), property(2, gps)] },
    ],
    ["5.6.3 append: scope replaces", { scope: "/A" }, "POST", "/attrs/", { scope: "/B" }, 204, { scope: "/B" }],
    [
        "5.6.3 append: scope with noOverwrite adds",
        { scope: "/A" },
        "POST",
        "/attrs/?options=noOverwrite",
        { scope: "/B" },
        204,
        { scope: ["/A", "/B"] },
    ],
    ["5.6.3 append: no JSON", { a: 1 }, "POST", "/attrs/", "{,", invalid, { a: property(1) }],
    ["5.6.3 append: no value", { a: 1 }, "POST", "/attrs/", { b: { type: "Property" } }, bad, { a: property(1) }],
    ["5.6.3 append: another type asked", { a: 1 }, "POST", "/attrs/?type=Boat", { b: 1 }, missing, { a: property(1) }],
    ["6.3.11 append: unknown option", { a: 1 }, "POST", "/attrs/?options=maybe", { b: 1 }, invalid, { a: property(1) }],

    [
        "5.6.2 update: whole instances give way",
        { a: property(1, { unitCode: "X" }), b: 2 },
        "PATCH",
        "/attrs/",
        { a: property(3) },
        204,
        { a: property(3), b: property(2) },
    ],
    [
        "5.6.2 update: the kind may change",
        { a: 1 },
        "PATCH",
        "/attrs/",
        { a: { type: "Relationship", object: "urn:x" } },
        204,
        { a: { type: "Relationship", object: "urn:x" } },
    ],
    [
        "5.6.2 update: an attribute that is not there is added",
        { a: 1 },
        "PATCH",
        "/attrs/",
        { b: 2 },
        204,
        { a: property(1), b: property(2) },
    ],
    ["5.6.2 update: NULL deletes", { a: 1, b: 2 }, "PATCH", "/attrs/", { a: property(NULL) }, 204, { b: property(2) }],
    [
        "5.6.2 update: NULL with datasetId",
        { a: [property(1), property(2, gps)] },
        "PATCH",
        "/attrs/",
        { a: property(NULL, gps) },
        204,
        { a: property(1) },
    ],
    [
        "5.6.2 update: scope of an entity that has one",
        { scope: "/A" },
        "PATCH",
        "/attrs/",
        { scope: "/B" },
        204,
        { scope: "/B" },
    ],
    ["5.6.2 update: another type asked", { a: 1 }, "PATCH", "/attrs/?type=Boat", { a: 2 }, missing, { a: property(1) }],
    ["5.6.2 update: no JSON", { a: 1 }, "PATCH", "/attrs/", "nothing", invalid, { a: property(1) }],

    [
        "5.6.4 partial: members given change, others stay",
        { a: property(1, { unitCode: "X", s: property("y") }) },
        "PATCH",
        "/attrs/a",
        { value: 2, observedAt: "2024-01-01T00:00:00Z" },
        204,
        { a: property(2, { unitCode: "X", s: property("y"), observedAt: "2024-01-01T00:00:00Z" }) },
    ],
    [
        "5.6.4 partial: a sub-attribute alone",
        { a: 1 },
        "PATCH",
        "/attrs/a",
        { by: { object: "urn:b" } },
        204,
        { a: property(1, { by: { type: "Relationship", object: "urn:b" } }) },
    ],
    [
        "5.6.4 partial: the instance of a datasetId",
        { a: [property(1), property(2, gps)] },
        "PATCH",
        "/attrs/a",
        { value: 3, ...gps },
        204,
        { a: [property(1), property(3, gps)] },
    ],
    [
        "5.6.4 partial: a languageMap is one value",
        { a: { languageMap: { fr: "x", nl: "y" } } },
        "PATCH",
        "/attrs/a",
        { languageMap: { fr: "z", es: "w" } },
        204,
        { a: { type: "LanguageProperty", languageMap: { fr: "z", es: "w" } } },
    ],
    [
        "5.6.4 partial: a value object is one value",
        { a: property({ x: 1, y: 2 }) },
        "PATCH",
        "/attrs/a",
        { value: { x: 3 } },
        204,
        { a: property({ x: 3 }) },
    ],
    ["5.6.4 partial: NULL deletes", { a: 1, b: 2 }, "PATCH", "/attrs/a", { value: NULL }, 204, { b: property(2) }],
    [
        "5.6.4 partial: NULL with datasetId",
        { a: [property(1), property(2, gps)] },
        "PATCH",
        "/attrs/a",
        { value: NULL, ...gps },
        204,
        { a: property(1) },
    ],
    [
        "5.6.4 partial: NULL inside a value",
        { a: property({ x: 1 }) },
        "PATCH",
        "/attrs/a",
        { value: { x: NULL } },
        bad,
        { a: property({ x: 1 }) },
    ],
    [
        "5.6.4 partial: another kind",
        { a: 1 },
        "PATCH",
        "/attrs/a",
        { type: "Relationship", object: "urn:x" },
        bad,
        { a: property(1) },
    ],
    [
        "5.6.4 partial: datasetId NULL",
        { a: 1 },
        "PATCH",
        "/attrs/a",
        { value: 2, datasetId: NULL },
        bad,
        { a: property(1) },
    ],
    [
        "5.6.4 partial: scope is no attribute here",
        { scope: "/A" },
        "PATCH",
        "/attrs/scope",
        { value: "/B" },
        bad,
        { scope: "/A" },
    ],
    ["5.6.4 partial: an unknown attribute", { a: 1 }, "PATCH", "/attrs/b", { value: 2 }, missing, { a: property(1) }],
    [
        "5.6.4 partial: an unknown datasetId",
        { a: 1 },
        "PATCH",
        "/attrs/a",
        { value: 2, ...gps },
        missing,
        { a: property(1) },
    ],
    [
        "5.6.4 partial: no default instance",
        { a: property(1, gps) },
        "PATCH",
        "/attrs/a",
        { value: 2 },
        missing,
        { a: property(1, gps) },
    ],
    [
        "5.6.4 partial: another type asked",
        { a: 1 },
        "PATCH",
        "/attrs/a?type=Boat",
        { value: 2 },
        missing,
        { a: property(1) },
    ],

    [
        "5.6.19 replace: nothing of the old stays",
        { a: property(1, { unitCode: "X" }) },
        "PUT",
        "/attrs/a",
        property(2),
        204,
        { a: property(2) },
    ],
    [
        "5.6.19 replace: the kind may change",
        { a: 1 },
        "PUT",
        "/attrs/a",
        { type: "Relationship", object: "urn:x" },
        204,
        { a: { type: "Relationship", object: "urn:x" } },
    ],
    [
        "5.6.19 replace: the instance of a datasetId",
        { a: [property(1), property(2, gps)] },
        "PUT",
        "/attrs/a",
        property(3, gps),
        204,
        { a: [property(1), property(3, gps)] },
    ],
    [
        "5.6.19 replace: the default instance",
        { a: [property(1), property(2, gps)] },
        "PUT",
        "/attrs/a",
        property(3),
        204,
        { a: [property(3), property(2, gps)] },
    ],
    ["5.6.19 replace: an unknown attribute", { a: 1 }, "PUT", "/attrs/b", property(2), missing, { a: property(1) }],
    [
        "5.6.19 replace: a name that is a keyword",
        { a: 1 },
        "PUT",
        "/attrs/@invalid",
        property(2),
        bad,
        { a: property(1) },
    ],
    [
        "5.6.19 replace: scope is no attribute here",
        { scope: "/A" },
        "PUT",
        "/attrs/scope",
        property(2),
        bad,
        { scope: "/A" },
    ],

    ["5.6.5 delete: an attribute", { a: 1, b: 2 }, "DELETE", "/attrs/a", undefined, 204, { b: property(2) }],
    [
        "5.6.5 delete: the default instance only",
        { a: [property(1), property(2, gps)] },
        "DELETE",
        "/attrs/a?deleteAll=false",
        undefined,
        204,
        { a: property(2, gps) },
    ],
    [
        "5.6.5 delete: that of a datasetId",
        { a: [property(1), property(2, gps)] },
        "DELETE",
        "/attrs/a?datasetId=urn:d:gps",
        undefined,
        204,
        { a: property(1) },
    ],
    [
        "5.6.5 delete: all of them",
        { a: [property(1), property(2, gps)], b: 1 },
        "DELETE",
        "/attrs/a?deleteAll=true",
        undefined,
        204,
        { b: property(1) },
    ],
    ["5.6.5 delete: the scope", { scope: "/A", a: 1 }, "DELETE", "/attrs/scope", undefined, 204, { a: property(1) }],
    ["5.6.5 delete: an unknown attribute", { a: 1 }, "DELETE", "/attrs/b", undefined, missing, { a: property(1) }],
    [
        "5.6.5 delete: an unknown datasetId",
        { a: 1 },
        "DELETE",
        "/attrs/a?datasetId=urn:d:gps",
        undefined,
        missing,
        { a: property(1) },
    ],
    [
        "5.6.5 delete: no default instance",
        { a: property(1, gps) },
        "DELETE",
        "/attrs/a",
        undefined,
        missing,
        { a: property(1, gps) },
    ],
    [
        "5.6.5 delete: deleteAll is true or false",
        { a: 1 },
        "DELETE",
        "/attrs/a?deleteAll=True",
        undefined,
        bad,
        { a: property(1) },
    ],
    [
        "5.6.5 delete: a datasetId that is no URI",
        { a: 1 },
        "DELETE",
        "/attrs/a?datasetId=gps",
        undefined,
        bad,
        { a: property(1) },
    ],
    [
        "5.6.5 delete: another type asked",
        { a: 1 },
        "DELETE",
        "/attrs/a?type=Boat",
        undefined,
        missing,
        { a: property(1) },
    ],
];

for (const [what, before, method, path, body, want, after] of rows) {
    test(what, async () => {
        const city = await server.city(vehicle(before));
        check(await city.call(method, `/entities/${id}${path}`, body), want);
        assert.deepEqual(await city.entity(id), vehicle(after));
    });
}

test("5.6.3 append with noOverwrite: 207 names what was left alone, by its whole name", async () => {
    const city = await server.city(vehicle({ speed: 1 }));
    const answer = await city.post(`/entities/${id}/attrs/?options=noOverwrite`, { speed: 2, added: 3 });
    check(answer, 207);
    assert.deepEqual(answer.json.updated, [core + "added"]);
    assert.equal(answer.json.notUpdated.length, 1);
    assert.equal(answer.json.notUpdated[0].attributeName, core + "speed");
    assert.ok(answer.json.notUpdated[0].reason);
    assert.deepEqual(await city.entity(id), vehicle({ speed: property(1), added: property(3) }));
});

test("5.6.2 update: scope of an entity that has none is not added (207); a type is", async () => {
    const city = await server.city(vehicle({ a: 1 }));
    check(await city.patch(`/entities/${id}/attrs/`, { scope: "/B" }), 207);
    assert.deepEqual(await city.entity(id), vehicle({ a: property(1) }));
    check(await city.patch(`/entities/${id}/attrs/`, { type: "Bus" }), 204);
    assert.deepEqual((await city.entity(id)).type, ["Vehicle", "Bus"]);
});

test("5.6.19 replace keeps createdAt of the instance, and moves modifiedAt", async () => {
    const city = await server.city(vehicle({ a: 1 }));
    const before = await city.entity(id + "?options=sysAttrs");
    check(await city.put(`/entities/${id}/attrs/a`, property(2)), 204);
    const then = await city.entity(id + "?options=sysAttrs");
    assert.equal(then.a.createdAt, before.a.createdAt);
    assert.ok(then.a.modifiedAt > before.a.modifiedAt);
    assert.ok(then.modifiedAt > before.modifiedAt);
});

test("5.6.2-5.6.5, 5.6.19: an entity that is not there, is no URI, or is missing from the path", async () => {
    const city = await server.city(vehicle({ a: 1 }));
    const operations: [string, string, unknown][] = [
        ["POST", "/attrs/", { a: 1 }],
        ["PATCH", "/attrs/", { a: 1 }],
        ["PATCH", "/attrs/a", { value: 1 }],
        ["PUT", "/attrs/a", property(1)],
        ["DELETE", "/attrs/a", undefined],
    ];
    for (const [method, path, body] of operations) {
        check(await city.call(method, `/entities/urn:none${path}`, body), missing, `${method} ${path}`);
        check(await city.call(method, `/entities/nouri${path}`, body), bad, `${method} ${path}`);
        check(await city.call(method, `/entities/${path}`, body), bad, `${method} ${path} without id`);
    }
    check(await city.del(`/entities/${id}/attrs/`), 405);
});

test("6.2 names in the path: short by the request's @context, or whole and percent-encoded", async () => {
    const city = await server.city(vehicle({ a: 1, "https://example.org/x#b": 2, 高度: 3 }));
    check(await city.patch(`/entities/${id}/attrs/${encodeURIComponent(core + "a")}`, { value: 4 }), 204);
    check(
        await city.patch(`/entities/${id}/attrs/${encodeURIComponent("https://example.org/x#b")}`, { value: 5 }),
        204,
    );
    check(await city.patch(`/entities/${id}/attrs/${encodeURIComponent("高度")}`, { value: 6 }), 204);
    check(await city.patch(`/entities/${encodeURIComponent(id)}/attrs/a`, { unitCode: "X" }), 204);
    const stored = await city.entity(id);
    assert.deepEqual(
        stored,
        vehicle({ a: property(4, { unitCode: "X" }), "https://example.org/x#b": property(5), 高度: property(6) }),
    );
});
