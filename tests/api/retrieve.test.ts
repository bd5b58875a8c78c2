// Retrieving an entity, 5.7.1, and how entities are represented: 4.5.4, 4.5.5, 4.5.16-4.5.24, 4.15, 4.21, 4.23, 6.3.7.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, check, geo, ld, serve, type Json, type Want } from "./server.ts";

const server = await serve();
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const missing: Want = [404, "ResourceNotFound"];
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const relationship = (object: Json, more: Json = {}): Json => ({ type: "Relationship", object, ...more });
const point = { type: "Point", coordinates: [119.45, 32.2] };
const other = { type: "Point", coordinates: [1, 2] };

const id = "urn:x:tower";
const whole: Json = {
    id,
    type: "Tower",
    name: property("Beigu", { since: property(1000) }),
    height: property(53.5, { unitCode: "MTR", observedAt: "2024-01-01T00:00:00Z" }),
    open: property(true),
    address: property({ street: "Dongwu" }),
    location: { type: "GeoProperty", value: point },
    entrance: { type: "GeoProperty", value: other },
    at: relationship("urn:x:city"),
    near: relationship(["urn:x:a", "urn:x:b"]),
    title: { type: "LanguageProperty", languageMap: { zh: "塔", en: "tower" } },
    kind: { type: "VocabProperty", vocab: "monument" },
    raw: { type: "JsonProperty", json: { a: [null, 1] } },
    floors: { type: "ListProperty", valueList: [1, 2] },
    way: { type: "ListRelationship", objectList: [{ object: "urn:x:a" }, { object: "urn:x:b" }] },
    visitors: [property(10), property(12, { datasetId: "urn:d:gate" })],
};
const simplified: Json = {
    id,
    type: "Tower",
    name: "Beigu",
    height: 53.5,
    open: true,
    address: { street: "Dongwu" },
    location: point,
    entrance: other,
    at: "urn:x:city",
    near: ["urn:x:a", "urn:x:b"],
    title: { languageMap: { zh: "塔", en: "tower" } },
    kind: { vocab: "monument" },
    raw: { json: { a: [null, 1] } },
    floors: [1, 2],
    way: ["urn:x:a", "urn:x:b"],
    visitors: { dataset: { "@none": 10, "urn:d:gate": 12 } },
};
const concise: Json = {
    id,
    type: "Tower",
    name: { value: "Beigu", since: 1000 },
    height: { value: 53.5, unitCode: "MTR", observedAt: "2024-01-01T00:00:00Z" },
    open: true,
    address: { value: { street: "Dongwu" } },
    location: point,
    entrance: other,
    at: { object: "urn:x:city" },
    near: { object: ["urn:x:a", "urn:x:b"] },
    title: { languageMap: { zh: "塔", en: "tower" } },
    kind: { vocab: "monument" },
    raw: { json: { a: [null, 1] } },
    floors: { valueList: [1, 2] },
    way: { objectList: [{ object: "urn:x:a" }, { object: "urn:x:b" }] },
    visitors: [10, { value: 12, datasetId: "urn:d:gate" }],
};
const city = await server.city(whole, { id: "urn:x:bare", type: "Tower" });
const pick = (form: Json, ...names: string[]): Json => Object.fromEntries(names.map((name) => [name, form[name]]));
const without = (form: Json, ...names: string[]): Json =>
    Object.fromEntries(Object.entries(form as object).filter(([name]) => !names.includes(name)));

const forms: [clause: string, query: string, want: Json][] = [
    ["4.5.1 normalized is what is given when nothing is said", "", whole],
    ["4.5.1 normalized", "?format=normalized", whole],
    ["4.5.4 simplified", "?format=simplified", simplified],
    ["4.5.4 keyValues is its older name", "?options=keyValues", simplified],
    ["4.5.4 simplified by options", "?options=simplified", simplified],
    ["6.3.7 format goes before options", "?format=keyValues&options=normalized", simplified],
    ["4.5.1 concise", "?format=concise", concise],
    ["4.21 pick keeps exactly what it names", "?pick=name", pick(whole, "name")],
    ["4.21 pick id and name", "?pick=id,name", pick(whole, "id", "name")],
    ["4.21 pick with |", "?pick=id|open", pick(whole, "id", "open")],
    ["4.21 pick, simplified", "?pick=type,height&format=simplified", pick(simplified, "type", "height")],
    ["4.21 omit", "?omit=id,name,visitors", without(whole, "id", "name", "visitors")],
    ["4.21 attrs keeps id and type", "?attrs=name,open,nothing", pick(whole, "id", "type", "name", "open")],
    [
        "4.21 names may be whole",
        "?pick=" + encodeURIComponent("https://uri.etsi.org/ngsi-ld/default-context/open"),
        pick(whole, "open"),
    ],
];
for (const [clause, query, want] of forms) {
    test(`${clause}: ${query}`, async () => {
        const answer = await city.get(`/entities/${id}${query}`);
        check(answer, 200);
        assert.deepEqual(answer.json, want);
        const found = await city.get(`/entities?type=Tower&id=${id}&${query.slice(1)}`);
        check(found, 200);
        assert.deepEqual(found.json, [want]);
    });
}

const datasets: [query: string, want: Json][] = [
    ["datasetId=urn:d:gate", { id, type: "Tower", visitors: property(12, { datasetId: "urn:d:gate" }) }],
    ["datasetId=urn:d:gate,urn:d:none", { id, type: "Tower", visitors: property(12, { datasetId: "urn:d:gate" }) }],
    ["datasetId=@none&attrs=visitors", { id, type: "Tower", visitors: property(10) }],
    ["datasetId=@none,urn:d:gate&attrs=visitors", pick(whole, "id", "type", "visitors")],
];
for (const [query, want] of datasets) {
    test(`4.5.5 ${query}`, async () =>
        assert.deepEqual((await city.get(`/entities?type=Tower&id=${id}&${query}`)).json, [want]));
}

test("5.7.1 what is refused, and what is not there", async () => {
    const rows: [path: string, want: Want][] = [
        ["nouri", bad],
        ["urn:x:none", missing],
        [`${id}?type=Bridge`, missing],
        [`${id}?attrs=nothing`, missing],
        [`${id}?pick=nothing`, missing],
        ["urn:x:bare?omit=id,type", missing],
        [`${id}?pick=name&omit=name`, bad],
        [`${id}?pick=name&attrs=name`, bad],
        [`${id}?omit=name&attrs=name`, bad],
        ...["id;name", "id,at{name", "id,at{{name}", "id,,name", "name||x", "id,at{,name}", "id,at{}", "at{name}"].map(
            (text): [string, Want] => [id + ask({ pick: text }), bad],
        ),
        [`${id}?geometryProperty=location`, bad],
        [`${id}?format=nice`, invalid],
        [`${id}?options=nice`, invalid],
        [`${id}?options=keyValues,nice`, invalid],
        ["urn:x:none?format=nice", invalid],
        [`${id}?nothing=1`, invalid],
    ];
    for (const [path, want] of rows) check(await city.get(`/entities/${path}`), want, path);
    check(await city.get(`/entities/${id}?type=Tower`), 200);
    check(await city.get(`/entities/${id}?type=Bridge,Tower`), 200);
});

test("4.8, 6.3.11 sysAttrs: createdAt and modifiedAt at every level, and nowhere without it", async () => {
    const { json } = await city.get(`/entities/${id}?options=sysAttrs`);
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
    for (const holder of [json, json.name, json.name.since, json.visitors[1], json.at, json.location]) {
        assert.match(holder.createdAt, time);
        assert.match(holder.modifiedAt, time);
    }
    const plain = await city.get(`/entities/${id}`);
    assert.doesNotMatch(plain.text, /createdAt|modifiedAt/);
    const keys = await city.get(`/entities/${id}?options=sysAttrs,keyValues`);
    assert.match(keys.json.createdAt, time);
    assert.equal(keys.json.name, "Beigu");
});

// ---- GeoJSON ----

const feature = (geometry: Json, form: Json, more: Json = {}): Json => ({
    id,
    type: "Feature",
    geometry,
    properties: without(form, "id"),
    ...more,
});
const features: [what: string, query: string, geometry: Json, form: Json][] = [
    ["the location is the geometry", "", point, whole],
    ["simplified", "?format=simplified", point, simplified],
    ["another GeoProperty", "?geometryProperty=entrance", other, whole],
    ["one that is no GeoProperty", "?geometryProperty=name", null, whole],
    ["one that is not there", "?geometryProperty=nowhere", null, whole],
];
for (const [what, query, geometry, form] of features) {
    test(`4.5.16, 4.5.17 GeoJSON: ${what}`, async () => {
        const answer = await city.get(`/entities/${id}${query}`, { ...geo, Prefer: "body=json" });
        check(answer, 200);
        assert.match(answer.headers["content-type"] ?? "", /^application\/geo\+json/);
        assert.match(answer.headers["link"] ?? "", /json-ld#context/);
        assert.deepEqual(answer.json, feature(geometry, form));
    });
}
test("4.5.16 GeoJSON of several: a FeatureCollection, its @context once; no location is null", async () => {
    const { json } = await city.get("/entities?type=Tower", geo);
    assert.equal(json.type, "FeatureCollection");
    assert.ok(json["@context"]);
    assert.equal(json.features.length, 2);
    const bare = json.features.find((one: Json) => one.id === "urn:x:bare");
    assert.deepEqual(bare, { id: "urn:x:bare", type: "Feature", geometry: null, properties: { type: "Tower" } });
    const one = await city.get(`/entities/${id}`, geo);
    assert.ok(one.json["@context"]);
});

// ---- languages ----

const grand = await server.city({
    id,
    type: "T",
    l: { languageMap: { fr: "Grand Place", nl: "Grote Markt", "en-US": "Square", "@none": "G" } },
    n: 1,
});
const languages: [lang: string, value: string, shown: string][] = [
    ["fr", "Grand Place", "fr"],
    ["FR", "Grand Place", "fr"],
    ["fr-CH,fr", "Grand Place", "fr"],
    ["fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", "Grand Place", "fr"],
    ["fr;q=0.2,nl;q=0.9", "Grote Markt", "nl"],
    ["nl-BE", "Grote Markt", "nl"],
    ["en", "Square", "en-US"],
    ["*", "Grand Place", "fr"],
];
for (const [lang, value, shown] of languages) {
    test(`4.15 lang=${lang}`, async () => {
        const full = await grand.get(`/entities/${id}` + ask({ lang }));
        assert.deepEqual(full.json, { id, type: "T", l: { type: "Property", value, lang: shown }, n: property(1) });
        const short = await grand.get(`/entities/${id}` + ask({ lang, format: "simplified" }));
        assert.deepEqual(short.json, { id, type: "T", l: value, n: 1 });
    });
}

// ---- linked entities ----

const links = await server.city(
    { id: "urn:b", type: "Building", name: "Hall", at: { object: "urn:c" }, gone: { object: "urn:none" } },
    { id: "urn:c", type: "City", name: "Zhenjiang", population: 3, in: { object: "urn:p" } },
    { id: "urn:p", type: "Province", name: "Jiangsu", population: 84 },
    { id: "urn:r", type: "Route", stops: { objectList: ["urn:c", "urn:p"] }, both: { object: ["urn:c", "urn:none"] } },
);
const gone = relationship("urn:none");
const C = {
    id: "urn:c",
    type: "City",
    name: property("Zhenjiang"),
    population: property(3),
    in: relationship("urn:p"),
};
const P = { id: "urn:p", type: "Province", name: property("Jiangsu"), population: property(84) };
const B = { id: "urn:b", type: "Building", name: property("Hall"), gone };
const joined: [what: string, path: string, want: Json][] = [
    ["4.5.23.2 inline", "urn:b?join=inline", { ...B, at: relationship("urn:c", { entity: C }) }],
    ["4.5.23.2 @none", "urn:b?join=@none", { ...B, at: relationship("urn:c") }],
    [
        "4.5.23.2 inline to two levels",
        "urn:b?join=inline&joinLevel=2",
        { ...B, at: relationship("urn:c", { entity: { ...C, in: relationship("urn:p", { entity: P }) } }) },
    ],
    [
        "4.5.4 inline, simplified: the entity in the place of its URI",
        "urn:b?join=inline&format=simplified",
        {
            id: "urn:b",
            type: "Building",
            name: "Hall",
            gone: "urn:none",
            at: { id: "urn:c", type: "City", name: "Zhenjiang", population: 3, in: "urn:p" },
        },
    ],
    ["4.5.23.3 flat: what is linked comes behind", "urn:b?join=flat", [{ ...B, at: relationship("urn:c") }, C]],
    ["4.5.23.3 flat to two levels", "urn:b?join=flat&joinLevel=2", [{ ...B, at: relationship("urn:c") }, C, P]],
    ["4.5.23.3 flat, nothing linked: the entity alone", "urn:p?join=flat", P],
    [
        "4.21 pick inside what is linked",
        "urn:b?join=inline&pick=id,at{id,name}",
        { id: "urn:b", at: relationship("urn:c", { entity: { id: "urn:c", name: property("Zhenjiang") } }) },
    ],
    [
        "4.21 pick to two levels",
        "urn:b?join=inline&joinLevel=2&pick=id,at{id,in{name}}",
        {
            id: "urn:b",
            at: relationship("urn:c", {
                entity: { id: "urn:c", in: relationship("urn:p", { entity: { name: property("Jiangsu") } }) },
            }),
        },
    ],
    [
        "4.21 pick does not follow what it leaves out",
        "urn:b?join=flat&pick=id,name",
        { id: "urn:b", name: property("Hall") },
    ],
    [
        "4.21 pick, flat",
        "urn:b?join=flat&pick=id,at{id,name}",
        [
            { id: "urn:b", at: relationship("urn:c") },
            { id: "urn:c", name: property("Zhenjiang") },
        ],
    ],
    [
        "4.21 omit inside what is linked",
        "urn:b?join=inline&omit=type,gone,at{population,in}",
        {
            id: "urn:b",
            name: property("Hall"),
            at: relationship("urn:c", { entity: { id: "urn:c", type: "City", name: property("Zhenjiang") } }),
        },
    ],
];
for (const [what, path, want] of joined) {
    test(what, async () => {
        const answer = await links.get("/entities/" + encodeURI(path));
        check(answer, 200);
        assert.deepEqual(answer.json, want);
    });
}
test("4.5.23 joins in queries: flat, each entity once; a ListRelationship too", async () => {
    const flat = await links.get("/entities?type=Building,City&join=flat");
    assert.deepEqual((flat.json as Json[]).map((one) => one.id).sort(), ["urn:b", "urn:c", "urn:p"]);
    const route = await links.get("/entities/urn:r?join=flat");
    assert.deepEqual((route.json as Json[]).map((one) => one.id).sort(), ["urn:c", "urn:p", "urn:r"]);
    const inline = await links.get("/entities?type=Route&join=inline&format=simplified");
    assert.deepEqual(
        inline.json[0].stops.map((one: Json) => one.name),
        ["Zhenjiang", "Jiangsu"],
    );
});
test("4.21 deeper than the join reaches", async () => {
    for (const query of [
        "?pick=at{in{name}}&join=inline",
        "?pick=at{name}",
        "?join=inline&joinLevel=0",
        "?join=sideways",
    ]) {
        check(await links.get("/entities/urn:b" + encodeURI(query)), bad, query);
    }
});
test("4.5.23 rings of links come to an end, and a flat answer tells each entity once", async () => {
    const next = (name: string): Json => ({ object: `urn:ring:${name}` });
    const ring = await server.city(
        { id: "urn:ring:a", type: "R", to: next("b") },
        { id: "urn:ring:b", type: "R", to: next("c") },
        { id: "urn:ring:c", type: "R", to: next("a"), self: next("c") },
    );
    const flat = await ring.get("/entities/urn:ring:a?join=flat&joinLevel=10");
    const ids = (flat.json as Json[]).map((one) => one.id).sort();
    assert.deepEqual(ids, ["urn:ring:a", "urn:ring:b", "urn:ring:c"]);
    const inline = await ring.get("/entities/urn:ring:a?join=inline&joinLevel=10");
    check(inline, 200);
    assert.equal(inline.json.to.entity.to.entity.id, "urn:ring:c");
});
test("5.7.2 by body: what is shown is asked in the body, the form in the address", async () => {
    const query = {
        type: "Query",
        entities: [{ type: "Building" }],
        pick: ["id", "at{name}"],
        join: "inline",
        joinLevel: 1,
    };
    const answer = await links.post("/entityOperations/query?options=keyValues", query);
    assert.deepEqual(answer.json, [{ id: "urn:b", at: { name: "Zhenjiang" } }]);
    const omit = { type: "Query", entities: [{ type: "City" }], omit: ["population", "in"] };
    const left = await links.post("/entityOperations/query?format=simplified", omit);
    assert.deepEqual(left.json, [{ id: "urn:c", type: "City", name: "Zhenjiang" }]);
    const lang = { type: "Query", entities: [{ type: "T" }], lang: "nl", attrs: ["l"] };
    const dutch = await grand.post("/entityOperations/query?options=keyValues", lang);
    assert.deepEqual(dutch.json, [{ id, type: "T", l: "Grote Markt" }]);
    const shape = await city.post("/entityOperations/query", { type: "Query", entities: [{ type: "Tower", id }] }, geo);
    assert.equal(shape.json.type, "FeatureCollection");
    assert.deepEqual(shape.json.features[0].geometry, point);
});
test("4.21 in queries, an entity of which nothing is left is not told", async () => {
    const picked = await links.get("/entities?type=Building,Route&pick=name");
    assert.deepEqual(picked.json, [{ name: property("Hall") }]);
});

// ---- @context of the answer ----

test("5.5.7, 6.3.5 names are made short by the @context of the asking, not of the making", async () => {
    const context = { tower: "https://example.org/v#Tower", high: "https://example.org/v#high" };
    const own = await server.city();
    check(await own.post("/entities", { id, type: "tower", high: 5, "@context": context }), 201);
    const bare = await own.get(`/entities/${id}`);
    assert.deepEqual(bare.json, { id, type: "https://example.org/v#Tower", "https://example.org/v#high": property(5) });
    const asLd = await own.get(`/entities/${id}`, ld);
    assert.match(asLd.headers["content-type"] ?? "", /^application\/ld\+json/);
    assert.match(String(asLd.json["@context"]), /ngsi-ld-core-context/);
    const json = await own.get(`/entities/${id}`);
    assert.match(
        json.headers["link"] ?? "",
        /ngsi-ld-core-context[^>]*>; rel="http:\/\/www.w3.org\/ns\/json-ld#context"/,
    );
});
