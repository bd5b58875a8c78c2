// Creating, deleting, merging and replacing one entity: clauses 5.6.1, 5.6.6, 5.6.17, 5.6.18, and what an entity may be
// (4.5, 4.6).
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, NULL, serve, type Json, type Want } from "./server.ts";

const server = await serve();
const id = "urn:ngsi-ld:Building:1";
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const point = { type: "Point", coordinates: [119.45, 32.2] };
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const building = (members: Json): Json => ({ id, type: "Building", ...members });

test("5.6.1 create: 201, Location on the path of the entity, nothing in the body; a second one is 409", async () => {
    const city = await server.city();
    const made = await city.post("/entities", building({ name: property("塔") }));
    check(made, 201);
    assert.equal(made.text, "");
    assert.equal(made.headers["location"], `/ngsi-ld/v1/entities/${id}`);
    check(await city.post("/entities/", building({ name: property("other") })), [409, "AlreadyExists"]);
    assert.deepEqual(await city.entity(id), building({ name: property("塔") }));
});

// What goes in, and what comes out of it in normalized form; `undefined`: the same.
const accepted: [what: string, members: Json, out?: Json][] = [
    [
        "4.5.2 Property of each kind of value",
        { a: property(1), b: property(true), c: property("x"), d: property([1, "2"]) },
    ],
    [
        "4.5.2 numbers as they were written",
        { a: property(55), b: property(54.5), c: property(-8.5), d: property(1e30) },
    ],
    ["4.5.2 metadata", { a: property(4, { unitCode: "C62", observedAt: "2020-09-09T16:40:00.000Z" }) }],
    [
        "4.5.2 sub-attributes to a depth",
        { a: property(1, { b: property(2, { c: { type: "Relationship", object: "urn:c" } }) }) },
    ],
    ["4.5.2 members of a value are nobody's business", { a: property({ id: "x", type: "y", "@z": { value: 1 } }) }],
    ["4.5.2 text comes back as it went in", { a: property('<script>é 津渡 \u{1F3D9}"\\\n') }],
    ["4.5.3 Relationship", { a: { type: "Relationship", object: "urn:b", objectType: "B" } }],
    ["4.5.3 Relationship to several", { a: { type: "Relationship", object: ["urn:b", "urn:c"] } }],
    ["4.5.3 IRI as object", { a: { type: "Relationship", object: "urn:ngsi-ld:Mesto:Šaľa" } }],
    [
        "4.7 GeoProperty",
        { location: { type: "GeoProperty", value: point }, other: { type: "GeoProperty", value: point } },
    ],
    [
        "4.7 geometry as text of JSON",
        { a: { type: "GeoProperty", value: JSON.stringify(point) } },
        { a: { type: "GeoProperty", value: point } },
    ],
    [
        "4.5.18 LanguageProperty",
        { a: { type: "LanguageProperty", languageMap: { zh: "塔", en: ["tower", "spire"], "@none": "T" } } },
    ],
    [
        "4.5.20 VocabProperty",
        { a: { type: "VocabProperty", vocab: "monument" }, b: { type: "VocabProperty", vocab: ["x", "y"] } },
    ],
    ["4.5.24 JsonProperty, null and all", { a: { type: "JsonProperty", json: { id: 1, type: [null], null: null } } }],
    ["4.5.21 ListProperty", { a: { type: "ListProperty", valueList: [3, 1, [2], "x"] } }],
    [
        "4.5.22 ListRelationship, short members",
        { a: { type: "ListRelationship", objectList: ["urn:1", { object: "urn:2" }] } },
        { a: { type: "ListRelationship", objectList: [{ object: "urn:1" }, { object: "urn:2" }] } },
    ],
    [
        "4.5.5 several instances, the default one without datasetId",
        { a: [property(1, { datasetId: "@none" }), property(2, { datasetId: "urn:d:2" })] },
        { a: [property(1), property(2, { datasetId: "urn:d:2" })] },
    ],
    ["4.5.5 one instance that has a datasetId", { a: property(1, { datasetId: "urn:d:1" }) }],
    [
        "4.5.1 concise in, normalized out",
        {
            speed: 55,
            on: false,
            at: point,
            in: { value: point },
            of: { object: "urn:o" },
            brand: { value: "V", unitCode: "X" },
        },
        {
            speed: property(55),
            on: property(false),
            at: { type: "GeoProperty", value: point },
            in: { type: "GeoProperty", value: point },
            of: { type: "Relationship", object: "urn:o" },
            brand: property("V", { unitCode: "X" }),
        },
    ],
    [
        "4.5.1 concise kinds by their member",
        {
            a: { languageMap: { en: "x" } },
            b: { vocab: "y" },
            c: { json: { z: 1 } },
            d: { valueList: [1] },
            e: { objectList: ["urn:1"] },
        },
        {
            a: { type: "LanguageProperty", languageMap: { en: "x" } },
            b: { type: "VocabProperty", vocab: "y" },
            c: { type: "JsonProperty", json: { z: 1 } },
            d: { type: "ListProperty", valueList: [1] },
            e: { type: "ListRelationship", objectList: [{ object: "urn:1" }] },
        },
    ],
    ["4.18 one scope stays one", { scope: "/Zhenjiang/Jingkou" }],
    ["4.18 several scopes stay a list", { scope: ["/Zhenjiang/Jingkou", "/Water_2/Intake"] }],
    ["4.6.2 names of letters of any script", { výška_1: property(1), 高度: property(2) }],
    ["4.6.2 a name that is an IRI", { "https://example.org/x#height": property(1) }],
];

for (const [what, members, out] of accepted) {
    test(`${what}: goes in and comes out`, async () => {
        const city = await server.city();
        check(await city.post("/entities", building(members)), 201, what);
        assert.deepEqual(await city.entity(id), building(out ?? members));
    });
}

test("4.16 several types; the @-names are understood, and answered as id and type", async () => {
    const city = await server.city();
    check(await city.post("/entities", { "@id": id, "@type": ["Building", "Landmark"], a: property(1) }), 201);
    assert.deepEqual(await city.entity(id), { id, type: ["Building", "Landmark"], a: property(1) });
});

const refused: [what: string, body: unknown, want: Want][] = [
    ["6.3.2 text that is no JSON", '{"id":"urn:x","type":"T",,}', invalid],
    ["6.3.2 an empty body", "", invalid],
    ["5.6.1 an array", "[]", invalid],
    ["5.6.1 a string", '"x"', invalid],
    ["5.6.1 no id", { type: "T" }, bad],
    ["5.6.1 no type", { id }, bad],
    ["4.6.1 an id that is no URI", { id: "tower", type: "T" }, bad],
    ["4.6.1 an id with a space", { id: "urn:x y", type: "T" }, bad],
    ["4.6.1 an id with <", { id: "urn:x<y", type: "T" }, bad],
    ["4.6.1 an id that is a number", { id: 1, type: "T" }, bad],
    ...["\u202e", "\u200b", "\ufeff", "\u2028", "\u00a0", "\ufe0f", "\ufdd0", "\u3164", "\u2800"].map(
        (c): [string, unknown, Want] => [
            `4.6.1 an id with U+${c.charCodeAt(0).toString(16)}`,
            { id: `urn:x${c}y`, type: "T" },
            bad,
        ],
    ),
    ["4.6.2 a type that is the keyword type", { id, type: "type" }, bad],
    ["4.6.2 a type that begins with a digit", { id, type: "9Vehicle" }, bad],
    ["4.6.2 an attribute name with a space", building({ "my attr": property(1) }), bad],
    ["4.5.1 an attribute named datasetId", building({ datasetId: property(1) }), bad],
    ["4.5.1 an attribute named instanceId", building({ instanceId: property(1) }), bad],
    ["4.5.1 an attribute named observedAt", building({ observedAt: property(1) }), bad],
    ["4.5.2 a Property without value", building({ a: { type: "Property" } }), bad],
    ["4.5.2 a value that is null", building({ a: property(null) }), bad],
    ["4.5.2 Property with object", building({ a: property(1, { object: "urn:b" }) }), bad],
    ["4.5.2 Property with languageMap", building({ a: property(1, { languageMap: { en: "x" } }) }), bad],
    ["4.5.2 Property with valueList", building({ a: property(1, { valueList: [1] }) }), bad],
    ["4.5.2 Property with previousValue", building({ a: property(1, { previousValue: 1 }) }), bad],
    ["4.5.3 a Relationship without object", building({ a: { type: "Relationship" } }), bad],
    ["4.5.3 Relationship with value", building({ a: { type: "Relationship", object: "urn:b", value: 1 } }), bad],
    [
        "4.5.3 Relationship with unitCode",
        building({ a: { type: "Relationship", object: "urn:b", unitCode: "X" } }),
        bad,
    ],
    ["4.5.3 object that is no URI", building({ a: { type: "Relationship", object: "not a uri" } }), bad],
    ["4.5.5 two default instances", building({ a: [property(1), property(2)] }), bad],
    [
        "4.5.5 a datasetId twice",
        building({ a: [property(1, { datasetId: "urn:d" }), property(2, { datasetId: "urn:d" })] }),
        bad,
    ],
    ["4.5.5 a datasetId that is no URI", building({ a: property(1, { datasetId: "d" }) }), bad],
    ["4.5.18 LanguageProperty without map", building({ a: { type: "LanguageProperty" } }), bad],
    ["4.5.18 a number in a languageMap", building({ a: { type: "LanguageProperty", languageMap: { en: 5 } } }), bad],
    [
        "4.5.18 a number in a list of a languageMap",
        building({ a: { type: "LanguageProperty", languageMap: { en: ["x", 5] } } }),
        bad,
    ],
    ["4.5.18 an empty language", building({ a: { type: "LanguageProperty", languageMap: { "": "x" } } }), bad],
    ["4.5.21 ListProperty with value", building({ a: { type: "ListProperty", valueList: [1], value: 1 } }), bad],
    [
        "4.5.22 a ListRelationship to no URI",
        building({ a: { type: "ListRelationship", objectList: ["not a uri"] } }),
        bad,
    ],
    ["4.5.24 JsonProperty with value", building({ a: { type: "JsonProperty", json: {}, value: 1 } }), bad],
    ["4.5.24 JsonProperty with unitCode", building({ a: { type: "JsonProperty", json: {}, unitCode: "X" } }), bad],
    ["4.5.24 JsonProperty of a number", building({ a: { type: "JsonProperty", json: 5 } }), bad],
    ["4.6.3 observedAt that is no time", building({ a: property(1, { observedAt: "not-a-date" }) }), bad],
    ["4.6.3 observedAt with an offset", building({ a: property(1, { observedAt: "2020-01-01T00:00:00+02:00" }) }), bad],
    ["4.6.3 observedAt of a 13th month", building({ a: property(1, { observedAt: "2020-13-01T00:00:00Z" }) }), bad],
    ["4.6.3 observedAt on 29 February 2023", building({ a: property(1, { observedAt: "2023-02-29T00:00:00Z" }) }), bad],
    [
        "4.6.3 observedAt as an attribute object",
        building({ a: property(1, { observedAt: property("2020-01-01T00:00:00Z") }) }),
        bad,
    ],
    ["4.7.1 location as Property", building({ location: property("here") }), bad],
    [
        "4.7.2 GeometryCollection",
        building({ a: { type: "GeoProperty", value: { type: "GeometryCollection", geometries: [] } } }),
        bad,
    ],
    ["4.7.2 text that is no geometry", building({ a: { type: "GeoProperty", value: "here" } }), bad],
    [
        "4.7.2 a Point of one number",
        building({ a: { type: "GeoProperty", value: { type: "Point", coordinates: [1] } } }),
        bad,
    ],
    [
        "4.7.2 a ring that is not closed",
        building({
            a: {
                type: "GeoProperty",
                value: {
                    type: "Polygon",
                    coordinates: [
                        [
                            [0, 0],
                            [1, 0],
                            [1, 1],
                            [0, 1],
                        ],
                    ],
                },
            },
        }),
        bad,
    ],
    ["4.18 a scope level that begins with a digit", building({ scope: "/9bad" }), bad],
    ["4.18 an empty scope level", building({ scope: "/a//b" }), bad],
    ["4.18 a scope with -", building({ scope: "a-b" }), bad],
    ["4.18 one bad scope of two", building({ scope: ["/ok", "9bad"] }), bad],
    ["5.2.31 NULL as value", building({ a: property(NULL) }), bad],
    ["5.2.31 NULL as object", building({ a: { type: "Relationship", object: NULL } }), bad],
    [
        "5.2.31 NULL in a languageMap",
        building({ a: { type: "LanguageProperty", languageMap: { "@none": NULL } } }),
        bad,
    ],
    ["5.2.31 NULL in a sub-attribute", building({ a: property(1, { b: property(NULL) }) }), bad],
    ["5.2.31 NULL inside a value", building({ a: property({ street: { name: NULL } }) }), bad],
    ["5.2.31 NULL as scope", building({ scope: NULL }), bad],
    ["5.2.31 NULL as id", { id: NULL, type: "T" }, bad],
    ["4.22 expiresAt that is no time", building({ expiresAt: "2026-13-45T00:00:00Z" }), bad],
    ["4.5.2 an unknown kind of attribute", building({ a: { type: "Thing", value: 1 } }), bad],
    ["4.5.1 an @context inside an attribute", building({ a: property(1, { "@context": {} }) }), bad],
];

test("5.6.1 what is refused, and leaves nothing behind", async () => {
    const city = await server.city();
    for (const [what, body, want] of refused) {
        check(await city.post("/entities", body), want, what);
        assert.equal(await city.entity(id), undefined, `${what}: was stored`);
    }
    assert.deepEqual((await city.get("/entities?local=true")).json, []);
});

test("5.6.6 delete: 204, then 404; unknown, mistyped and ill-named ones", async () => {
    const city = await server.city(building({ a: 1 }), { id: "urn:other", type: "T" });
    check(await city.del(`/entities/${id}?type=Vehicle`), [404, "ResourceNotFound"]);
    assert.ok(await city.entity(id), "a type that does not match must not delete");
    check(await city.del("/entities/thisisnouri"), bad);
    check(await city.del(`/entities/${id}?type=Building`), 204);
    check(await city.get(`/entities/${id}`), [404, "ResourceNotFound"]);
    check(await city.del(`/entities/${id}`), [404, "ResourceNotFound"]);
    check(await city.del("/entities/urn:other"), 204);
    check(await city.post("/entities", building({ a: 2 })), 201);
    assert.deepEqual(await city.entity(id), building({ a: property(2) }));
});

test("5.6.18 replace: all attributes, types and scopes give way; createdAt stays", async () => {
    const city = await server.city(building({ a: 1, b: 2, scope: "/A" }));
    const before = await city.entity(id + "?options=sysAttrs");
    check(await city.put(`/entities/${id}`, building({ b: 3, c: 4, scope: ["/B", "/C"] })), 204);
    assert.deepEqual(await city.entity(id), building({ b: property(3), c: property(4), scope: ["/B", "/C"] }));
    const then = await city.entity(id + "?options=sysAttrs");
    assert.equal(then.createdAt, before.createdAt);
    assert.ok(then.modifiedAt > before.modifiedAt);
    check(await city.put(`/entities/${id}`, building({ b: 3 })), 204);
    assert.deepEqual(await city.entity(id), building({ b: property(3) }));
});

const replaceRefused: [what: string, path: string, body: unknown, want: Want][] = [
    ["an unknown entity", "/entities/urn:none", { id: "urn:none", type: "Building" }, [404, "ResourceNotFound"]],
    ["an id that is no URI", "/entities/nouri", building({}), bad],
    ["no id", "/entities/", building({}), bad],
    ["another id in the body", `/entities/${id}`, { id: "urn:other", type: "Building" }, bad],
    ["another type asked", `/entities/${id}?type=Vehicle`, building({ a: 9 }), [404, "ResourceNotFound"]],
    ["no JSON", `/entities/${id}`, "{", invalid],
    ["a Property without value", `/entities/${id}`, building({ a: { type: "Property" } }), bad],
];

test("5.6.18, 5.6.17 what replace and merge refuse", async () => {
    const city = await server.city(building({ a: 1 }));
    for (const [what, path, body, want] of replaceRefused) {
        check(await city.put(path, body), want, `PUT: ${what}`);
        // In a merge, an attribute without value is a fragment that changes the rest of it.
        if (what !== "a Property without value") check(await city.patch(path, body), want, `PATCH: ${what}`);
    }
    assert.deepEqual(await city.entity(id), building({ a: property(1) }));
});

const address = { street: "Main", city: "Jingkou", geo: { x: 1, y: 2 } };
const merges: [what: string, before: Json, patch: Json, after: Json, query?: string][] = [
    ["nothing given, nothing changes", { a: 1 }, {}, { a: property(1) }],
    [
        "attributes given change, others stay",
        { a: 1, b: 2 },
        { b: property(3), c: property(4) },
        { a: property(1), b: property(3), c: property(4) },
    ],
    [
        "members of an attribute that are not given stay",
        { a: property(1, { unitCode: "C62", s: property("x") }) },
        { a: property(2, { observedAt: "2024-01-01T00:00:00Z" }) },
        { a: property(2, { unitCode: "C62", s: property("x"), observedAt: "2024-01-01T00:00:00Z" }) },
    ],
    [
        "a value object merges as RFC 7396 has it",
        { a: property(address) },
        { a: property({ street: "Side", city: NULL, geo: { y: 3 } }) },
        { a: property({ street: "Side", geo: { x: 1, y: 3 } }) },
    ],
    ["an array is one value", { a: property([1, 2, 3]) }, { a: property([4]) }, { a: property([4]) }],
    ["NULL deletes a Property", { a: 1, b: 2 }, { a: property(NULL) }, { b: property(2) }],
    ["NULL, concise, deletes too", { a: 1, b: 2 }, { a: NULL }, { b: property(2) }],
    [
        "NULL deletes a Relationship",
        { a: { object: "urn:x" }, b: 2 },
        { a: { type: "Relationship", object: NULL } },
        { b: property(2) },
    ],
    [
        "NULL deletes a LanguageProperty",
        { a: { languageMap: { en: "x" } }, b: 2 },
        { a: { type: "LanguageProperty", languageMap: { "@none": NULL } } },
        { b: property(2) },
    ],
    [
        "NULL deletes a GeoProperty",
        { location: point, b: 2 },
        { location: { type: "GeoProperty", value: NULL } },
        { b: property(2) },
    ],
    [
        "NULL deletes a sub-attribute",
        { a: property(1, { s: property(2) }) },
        { a: { s: property(NULL) } },
        { a: property(1) },
    ],
    [
        "NULL with datasetId deletes that instance only",
        { a: [property(1), property(2, { datasetId: "urn:d:2" }), property(3, { datasetId: "urn:d:3" })] },
        { a: property(NULL, { datasetId: "urn:d:2" }) },
        { a: [property(1), property(3, { datasetId: "urn:d:3" })] },
    ],
    [
        "NULL without datasetId deletes the default instance only",
        { a: [property(1), property(2, { datasetId: "urn:d:2" })] },
        { a: property(NULL) },
        { a: property(2, { datasetId: "urn:d:2" }) },
    ],
    [
        "an instance with a new datasetId joins the others",
        { a: property(1) },
        { a: property(2, { datasetId: "urn:d:2" }) },
        { a: [property(1), property(2, { datasetId: "urn:d:2" })] },
    ],
    [
        "languages merge one by one",
        { a: { languageMap: { en: "x", fr: "y" } } },
        { a: { type: "LanguageProperty", languageMap: { fr: "z", de: "w" } } },
        { a: { type: "LanguageProperty", languageMap: { en: "x", fr: "z", de: "w" } } },
    ],
    ["scope gives way", { scope: "/A", a: 1 }, { scope: "/B" }, { scope: "/B", a: property(1) }],
    [
        "observedAt of the request goes to attributes that have none in the fragment (4.5.5, 6.5.3.4)",
        { a: property(1, { observedAt: "2020-01-01T00:00:00Z" }), b: 2 },
        { a: property(2) },
        { a: property(2, { observedAt: "2024-05-01T00:00:00Z" }), b: property(2) },
        "?observedAt=2024-05-01T00:00:00Z",
    ],
    [
        "format=simplified: values only, the kinds stay",
        { a: property(1, { unitCode: "C62" }), r: { object: "urn:x" }, location: point },
        { a: 2, r: "urn:y", n: "new" },
        {
            a: property(2, { unitCode: "C62" }),
            r: { type: "Relationship", object: "urn:y" },
            location: { type: "GeoProperty", value: point },
            n: property("new"),
        },
        "?format=simplified",
    ],
    [
        "format=simplified with lang: the text goes to that language",
        { a: { languageMap: { en: "x", fr: "y" } } },
        { a: "z" },
        { a: { type: "LanguageProperty", languageMap: { en: "x", fr: "z" } } },
        "?options=simplified&lang=fr",
    ],
];

for (const [what, before, patch, then, query] of merges) {
    test(`5.6.17 merge: ${what}`, async () => {
        const city = await server.city(building(before));
        check(await city.patch(`/entities/${id}${query ?? ""}`, building(patch)), 204);
        assert.deepEqual(await city.entity(id), building(then));
    });
}

test("5.6.17 merge: id and type need not be given, and application/merge-patch+json is welcome", async () => {
    const city = await server.city(building({ a: 1 }));
    check(await city.patch(`/entities/${id}`, { a: 2 }, { "Content-Type": "application/merge-patch+json" }), 204);
    assert.deepEqual(await city.entity(id), building({ a: property(2) }));
});

test("5.6.17 merge: createdAt stays, modifiedAt moves for what changed only", async () => {
    const city = await server.city(building({ a: 1, b: 2 }));
    const before = await city.entity(id + "?options=sysAttrs");
    check(await city.patch(`/entities/${id}`, { a: 3 }), 204);
    const then = await city.entity(id + "?options=sysAttrs");
    assert.equal(then.createdAt, before.createdAt);
    assert.equal(then.a.createdAt, before.a.createdAt);
    assert.ok(then.modifiedAt > before.modifiedAt && then.a.modifiedAt > before.a.modifiedAt);
    assert.deepEqual(then.b, before.b);
});
