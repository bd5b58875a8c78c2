// Querying entities, 5.7.2: q (4.9), geo (4.10), types (4.17), scopes (4.19), ordering (4.23), pages and counts (4.12,
// 4.13), by GET and by POST.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, ask, check, serve, sorted, type City, type Json, type Want } from "./server.ts";

const server = await serve("--no-fetch", "--limit-max", "50");
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const property = (value: Json, more: Json = {}): Json => ({ type: "Property", value, ...more });
const point = (x: number, y: number): Json => ({ type: "Point", coordinates: [x, y] });

const entities: Json[] = [
    {
        id: "urn:s:1",
        type: "Sensor",
        name: "Eiffel Tower",
        level: 4,
        on: true,
        tags: ["red", "blue"],
        address: property({ city: "Berlin", place: { no: 7 } }),
        temp: property(10, { observedAt: "2020-01-01T00:00:00Z", accuracy: property(0.5, { by: property("lab") }) }),
        color: { languageMap: { en: "red", fr: "rouge" } },
        kind: { vocab: "commercial" },
        at: { object: "urn:p:1" },
        route: { objectList: ["urn:p:1", "urn:p:2"] },
        steps: { valueList: [1, 2, 3] },
        raw: { json: { id: "x1", value: "over" } },
        day: "2020-05-01",
    },
    {
        id: "urn:s:2",
        type: "Sensor",
        name: "Pisa Tower",
        level: 6,
        on: false,
        tags: ["green"],
        address: property({ city: "Pisa" }),
        temp: property(20, { observedAt: "2021-01-01T00:00:00Z", accuracy: 0.9 }),
        color: { languageMap: { en: ["black", "cat"], fr: "noir" } },
        at: { object: ["urn:p:2", "urn:p:3"] },
        day: "2021-05-01",
    },
    {
        id: "urn:s:3",
        type: "Sensor",
        name: "Big Ben",
        level: 7.5,
        temp: [property(30), property(40, { datasetId: "urn:d:1" })],
    },
    { id: "urn:s:4", type: ["Sensor", "Camera"], name: "津渡", level: "4" },
    { id: "urn:c:1", type: "Camera", level: -1e3, quote: 'say "hi"; or | not', p: "a.b" },
    { id: "urn:p:1", type: "Place", name: "Pier", of: { object: "urn:o:1" } },
    { id: "urn:p:2", type: "Building", name: "Hall" },
    { id: "urn:o:1", type: "Owner", name: "City" },
];
const city = await server.city(...entities);
const s = (...numbers: number[]): string[] => numbers.map((n) => `urn:s:${n}`);

const qs: [q: string, ids: string[], more?: Record<string, string>][] = [
    // existence
    ["tags", s(1, 2)],
    ["temp.accuracy", s(1, 2)],
    ["temp.accuracy.by", s(1)],
    ["nothing", []],
    ["address[place.no]", s(1)],
    // equal and unequal, kinds of value
    ["level==4", s(1)],
    ['level=="4"', s(4)],
    ["level==-1000", ["urn:c:1"]],
    ["level==7.5", s(3)],
    ["level==75e-1", s(3)],
    ["on==true", s(1)],
    ["on==false", s(2)],
    ["on!=true", s(2)],
    ["level!=4", [...s(2, 3, 4), "urn:c:1"].sort()],
    ['name=="津渡"', s(4)],
    ['name=="\\u6d25\\u6e21"', s(4)],
    ['quote=="say \\"hi\\"; or | not"', ["urn:c:1"]],
    ['p=="a.b"', ["urn:c:1"]],
    // order
    ["level>4", s(2, 3)],
    ["level>=4;level<7", s(1, 2)],
    ["level<0", ["urn:c:1"]],
    ["level<=4", [...s(1), "urn:c:1"].sort()],
    ['name>"F"', s(2, 4).concat("urn:p:1", "urn:p:2").sort()],
    // arrays hold their items
    ['tags=="red"', s(1)],
    ['tags!="red"', s(2)],
    ['tags=="green","blue"', s(1, 2)],
    // lists of values and ranges
    ["level==4,6", s(1, 2)],
    ["level!=4,6", [...s(3, 4), "urn:c:1"].sort()],
    ["level==4..6", s(1, 2)],
    ["level!=4..6", [...s(3, 4), "urn:c:1"].sort()],
    ['name=="Eiffel Tower","Pisa Tower"', s(1, 2)],
    // dates and times
    ["temp.observedAt>=2020-06-01T00:00:00Z", s(2)],
    ["temp.observedAt==2020-01-01T00:00:00.000Z", s(1)],
    ["temp.observedAt==2019-12-31T00:00:00Z..2020-02-01T00:00:00Z", s(1)],
    // sub-attributes and parts of values
    ["temp.accuracy>0.6", s(2)],
    ['temp.accuracy.by=="lab"', s(1)],
    ['address[city]=="Berlin"', s(1)],
    ['address[city]!="Berlin"', s(2)],
    ["address[place.no]==7", s(1)],
    ['address[postcode]=="Berlin"', []],
    // any of the instances
    ["temp==30", s(3)],
    ["temp==40", s(3)],
    // languages
    ['color[en]=="red"', s(1)],
    ['color[fr]=="red"', []],
    ['color[*]=="rouge"', s(1)],
    ['color[*]!="red"', s(2)],
    ['color[en]=="cat"', s(2)],
    ['color[en]!="cat"', s(1)],
    // relationships
    ["at==urn:p:1", s(1)],
    ['at=="urn:p:1"', s(1)],
    ["at==urn:p:3", s(2)],
    ["at!=urn:p:1", s(2)],
    ['at=="urn:p:1","urn:p:2"', s(1, 2)],
    ['at>"urn:a"', []],
    ['route=="urn:p:2"', s(1)],
    // lists
    ["steps==2", s(1)],
    ["steps==9", []],
    // patterns
    ['name~="Tower$"', s(1, 2)],
    ['name~="^(Big|Eif)"', s(1, 3)],
    ['name!~="Tower"', s(3, 4).concat("urn:o:1", "urn:p:1", "urn:p:2").sort()],
    ['level~="4"', s(4)],
    // vocabulary, raw JSON
    ["kind==commercial", s(1), { expandValues: "kind" }],
    ["kind==https://uri.etsi.org/ngsi-ld/default-context/commercial", s(1)],
    ['raw[value]=="over"', s(1), { jsonKeys: "raw" }],
    // and before or, brackets before both
    ['name=="Pisa Tower"|level==4;on==true', s(1, 2)],
    ['(name=="Pisa Tower"|level==4);on==true', s(1)],
    ["((level>6|level==4);on)", s(1)],
    ["(level==4;on==true)|(level==6;on==false)", s(1, 2)],
    // linked entities
    ['at{name}=="Pier"', s(1), { join: "inline", joinLevel: "1" }],
    ['at{name}=="Hall"', s(2), { join: "inline" }],
    ['at{Place:name}=="Pier"', s(1), { join: "inline" }],
    ['at{Building:name}=="Pier"', [], { join: "inline" }],
    ['at{of{name}}=="City"', s(1), { join: "inline", joinLevel: "2" }],
];

for (const [q, ids, more] of qs) {
    test(`4.9 q=${q}`, async () => {
        assert.deepEqual(await city.ids({ q, ...more }), ids);
        // The same question asked in a body.
        const { join, joinLevel, expandValues, jsonKeys } = more ?? {};
        const body: Json = { type: "Query", q };
        if (join) body.join = join;
        if (joinLevel) body.joinLevel = Number(joinLevel);
        if (expandValues) body.expandValues = [expandValues];
        if (jsonKeys) body.jsonKeys = [jsonKeys];
        const answer = await city.post("/entityOperations/query", body);
        check(answer, 200);
        assert.deepEqual((answer.json as { id: string }[]).map((entity) => entity.id).sort(), ids);
    });
}

test("4.9 a LanguageProperty without a language asked for: any of its values", async () => {
    assert.deepEqual(await city.ids({ q: 'color=="rouge"' }), s(1));
});

test("4.9 q names are the request's: its @context decides what they mean", async () => {
    const link = { Link: '<https://example.org/none.jsonld>; rel="http://www.w3.org/ns/json-ld#context"' };
    check(await city.get("/entities" + ask({ q: "level==4" }), link), [504, "LdContextNotAvailable"]);
    assert.deepEqual(await city.ids({ q: "https://uri.etsi.org/ngsi-ld/default-context/level==4" }), s(1));
});

const badQ = [
    "level==",
    "==4",
    "level==4;",
    "(level==4",
    "level==4)",
    "level>4..5",
    "level>4,5",
    'name=="Big',
    'name~="("',
    'name~="a**"',
    "address[city",
    "level===4",
    "at{name",
    'at{name}=="x"', // without join
    "",
];

test("4.9 what is no query is refused, by GET and in a body", async () => {
    for (const q of badQ) {
        check(await city.get("/entities" + ask({ q, type: "Sensor" })), bad, q);
        check(await city.post("/entityOperations/query", { type: "Query", entities: [{ type: "Sensor" }], q }), bad, q);
    }
    check(await city.get("/entities" + ask({ q: 'at{of{name}}=="x"', join: "inline", joinLevel: 1 })), bad);
});

const types: [type: string, ids: string[]][] = [
    ["Place", ["urn:p:1"]],
    ["Place,Owner", ["urn:o:1", "urn:p:1"]],
    ["Place|Owner", ["urn:o:1", "urn:p:1"]],
    ["(Sensor;Camera)", s(4)],
    ["(Sensor;Camera),Owner", ["urn:o:1", ...s(4)]],
    ["Camera", ["urn:c:1", ...s(4)]],
    ["https://uri.etsi.org/ngsi-ld/default-context/Owner", ["urn:o:1"]],
    ["Ship", []],
    ["*", entities.map((entity) => entity.id as string).sort()],
];
for (const [type, ids] of types) {
    test(`4.17 type=${type}`, async () => assert.deepEqual(await city.ids({ type }), ids));
}

const wide: [what: string, query: string, want: Want][] = [
    ["nothing", "", bad],
    ["an id alone", "?id=urn:s:1", bad],
    ["a pattern alone", "?idPattern=.*", bad],
    ["a system attribute", "?attrs=createdAt", bad],
    ["q on a system attribute", ask({ q: 'modifiedAt>"2020-01-01T00:00:00Z"' }), bad],
    ["all types, but not local", "?type=*&local=false", bad],
    ["an id that is no URI", "?type=Sensor&id=one", bad],
    ["attrs of id and type", "?attrs=id,type", bad],
    ["a broken pattern", ask({ type: "Sensor", idPattern: "x**" }), bad],
    ["a broken csf", ask({ type: "Sensor", csf: "))bad((" }), bad],
    ["a broken type", ask({ type: "(Sensor" }), bad],
    ["an unknown georel", ask({ georel: "touching", geometry: "Point", coordinates: "[0,0]" }), bad],
    ["geometryProperty without GeoJSON", "?type=Sensor&geometryProperty=location", bad],
    ["a negative offset", "?type=Sensor&offset=-1", bad],
    ["a limit that is no number", "?type=Sensor&limit=ten", bad],
    ["a limit of 0 without count", "?type=Sensor&limit=0", bad],
    ["count that is neither", "?type=Sensor&count=yes", bad],
    ["an unknown parameter", "?type=Sensor&invalidParams=x", invalid],
    ["an unknown format", "?type=Sensor&format=nice", invalid],
    ["a parameter given twice", "?type=Sensor&type=Camera", invalid],
];
test("5.7.2 what is too wide, or cannot be read, is refused", async () => {
    for (const [what, query, want] of wide) check(await city.get("/entities" + query), want, what);
});

test("5.7.2 id, idPattern and attrs narrow", async () => {
    assert.deepEqual(await city.ids({ type: "Sensor", id: "urn:s:2,urn:s:3,urn:c:1" }), s(2, 3));
    assert.deepEqual(await city.ids({ type: "Sensor", idPattern: "[34]$" }), s(3, 4));
    assert.deepEqual(await city.ids({ type: "Sensor", idPattern: "s:1" }), s(1));
    assert.deepEqual(await city.ids({ attrs: "on,quote" }), ["urn:c:1", ...s(1, 2)]);
    assert.deepEqual(await city.ids({ local: true, id: "urn:o:1" }), ["urn:o:1"]);
});

const bodies: [what: string, body: Json, want: Want][] = [
    ["no entities", { type: "Query", entities: [] }, bad],
    ["no attributes", { type: "Query", entities: [{ type: "Sensor" }], attrs: [] }, bad],
    ["q that is no text", { type: "Query", entities: [{ type: "Sensor" }], q: 4 }, bad],
    ["another type of body", { type: "Question", entities: [{ type: "Sensor" }] }, bad],
    ["a selector without type", { type: "Query", entities: [{ id: "urn:s:1" }] }, bad],
    ["an id that is no URI", { type: "Query", entities: [{ type: "Sensor", id: "one" }] }, bad],
    ["a joinLevel of 0", { type: "Query", entities: [{ type: "Sensor" }], join: "inline", joinLevel: 0 }, bad],
    ["temporalQ", { type: "Query", entities: [{ type: "Sensor" }], temporalQ: { timerel: "before" } }, bad],
];
test("5.7.2 queries by body: selectors, and what is refused", async () => {
    const find = async (body: Json): Promise<string[]> => {
        const answer = await city.post("/entityOperations/query", { type: "Query", ...body });
        check(answer, 200, JSON.stringify(body));
        return (answer.json as { id: string }[]).map((entity) => entity.id).sort();
    };
    const selectors = [{ type: "Place" }, { type: "Sensor", id: ["urn:s:2"] }, { type: "Camera", idPattern: "^urn:c" }];
    assert.deepEqual(await find({ entities: selectors }), ["urn:c:1", "urn:p:1", "urn:s:2"]);
    assert.deepEqual(await find({ entities: [{ type: "Sensor", id: "urn:s:1", idPattern: "s:2" }] }), s(1));
    assert.deepEqual(await find({ entities: [{ type: "Sensor,Place" }], attrs: ["name"], q: 'name=="Pier"' }), [
        "urn:p:1",
    ]);
    assert.deepEqual(await find({ attrs: ["steps"] }), s(1));
    for (const [what, body, want] of bodies) check(await city.post("/entityOperations/query", body), want, what);
});

// ---- scopes ----

const scoped = await server.city(
    { id: "urn:1", type: "T", scope: "/Madrid/Gardens/ParqueNorte" },
    { id: "urn:2", type: "T", scope: ["/Madrid/Gardens/ParqueNorte", "/CompanyA/OrganizationB/UnitC"] },
    { id: "urn:3", type: "T" },
);
const S1 = "/Madrid/Gardens/ParqueNorte";
const S2 = "/CompanyA/OrganizationB/UnitC";
const scopes: [scopeQ: string, ids: string[]][] = [
    [S1, ["urn:1", "urn:2"]],
    ["/Madrid/Gardens", []],
    ["/Madrid/Gardens/#", ["urn:1", "urn:2"]],
    ["/Madrid/Gardens/ParqueNorte/#", ["urn:1", "urn:2"]],
    ["/Madrid/+/ParqueNorte", ["urn:1", "urn:2"]],
    ["/+/+/+", ["urn:1", "urn:2"]],
    ["/+/+", []],
    ["/CompanyA/#", ["urn:2"]],
    ["/#", ["urn:1", "urn:2"]],
    [`${S1};${S2}`, ["urn:2"]],
    [`${S1},${S2}`, ["urn:1", "urn:2"]],
    [`(${S1};${S2})`, ["urn:2"]],
    [`(${S1};${S2})|${S1}`, ["urn:1", "urn:2"]],
    [`${S2}|/Nowhere/AtAll`, ["urn:2"]],
    [`(${S1};/Nowhere/AtAll)`, []],
];
for (const [scopeQ, ids] of scopes) {
    test(`4.19 scopeQ=${scopeQ}`, async () => assert.deepEqual(await scoped.ids({ type: "T", scopeQ }), ids));
}
test("4.19 what is no scope query", async () => {
    for (const scopeQ of ["Madrid//", "/Mad rid", "/#/a", "(/a", "/a;", "/9a"]) {
        check(await scoped.get("/entities" + ask({ type: "T", scopeQ })), bad, scopeQ);
    }
});

// ---- places ----

const ring = (...at: [number, number][]): Json => [[...at, at[0]]];
const holed = [
    [
        [0, 0],
        [10, 0],
        [10, 10],
        [0, 10],
        [0, 0],
    ],
    [
        [4, 4],
        [6, 4],
        [6, 6],
        [4, 6],
        [4, 4],
    ],
];
const map = await server.city(
    { id: "urn:a", type: "P", location: point(1, 1) },
    { id: "urn:b", type: "P", location: point(5, 5) },
    { id: "urn:c", type: "P", location: point(20, 20), observationSpace: point(1, 1) },
    {
        id: "urn:l",
        type: "L",
        location: {
            type: "LineString",
            coordinates: [
                [0, 60.009],
                [10, 60.009],
            ],
        },
    },
    { id: "urn:s", type: "A", location: { type: "Polygon", coordinates: ring([0, 0], [2, 0], [2, 2], [0, 2]) } },
    { id: "urn:t", type: "A", location: { type: "Polygon", coordinates: ring([1, 1], [3, 1], [3, 3], [1, 3]) } },
    {
        id: "urn:m",
        type: "M",
        location: {
            type: "MultiPoint",
            coordinates: [
                [1, 1],
                [50, 50],
            ],
        },
    },
    { id: "urn:n", type: "P" },
);
const places: [
    type: string,
    georel: string,
    geometry: string,
    coordinates: Json,
    ids: string[],
    geoproperty?: string,
][] = [
    ["P", "equals", "Point", [1, 1], ["urn:a"]],
    ["P", "disjoint", "Point", [1, 1], ["urn:b", "urn:c"]],
    ["P", "contains", "Point", [1, 1], ["urn:a"]],
    ["P", "intersects", "Point", [1, 1], ["urn:a"]],
    ["P", "within", "Polygon", holed, ["urn:a"]],
    ["P", "within", "Polygon", ring([0, 0], [10, 0], [10, 10], [0, 10]), ["urn:a", "urn:b"]],
    ["P", "within", "Polygon", ring([0, 0], [2, 0], [2, 2], [0, 2]), ["urn:c"], "observationSpace"],
    ["P", "disjoint", "Polygon", ring([0, 0], [10, 0], [10, 10], [0, 10]), ["urn:c"]],
    ["P", "near;maxDistance==160000", "Point", [0, 0], ["urn:a"]],
    ["P", "near;maxDistance==150000", "Point", [0, 0], []],
    ["P", "near;minDistance==160000", "Point", [0, 0], ["urn:b", "urn:c"]],
    [
        "P",
        "near;maxDistance==1000",
        "LineString",
        [
            [1, -10],
            [1, 10],
        ],
        ["urn:a"],
    ],
    [
        "L",
        "near;maxDistance==2000",
        "LineString",
        [
            [0, 60],
            [10, 60],
        ],
        ["urn:l"],
    ],
    [
        "L",
        "near;maxDistance==2000",
        "LineString",
        [
            [0, 61],
            [10, 61],
        ],
        [],
    ],
    ["A", "equals", "Polygon", ring([2, 2], [0, 2], [0, 0], [2, 0]), ["urn:s"]],
    ["A", "overlaps", "Polygon", ring([1, 1], [3, 1], [3, 3], [1, 3]), ["urn:s"]],
    ["A", "intersects", "Polygon", ring([1, 1], [3, 1], [3, 3], [1, 3]), ["urn:s", "urn:t"]],
    ["A", "contains", "Point", [0.5, 0.5], ["urn:s"]],
    ["A", "within", "Polygon", ring([-1, -1], [2.5, -1], [2.5, 2.5], [-1, 2.5]), ["urn:s"]],
    [
        "A",
        "intersects",
        "LineString",
        [
            [2.5, -5],
            [2.5, 5],
        ],
        ["urn:t"],
    ],
    [
        "A",
        "intersects",
        "MultiPoint",
        [
            [0.5, 0.5],
            [9, 9],
        ],
        ["urn:s"],
    ],
    ["A", "disjoint", "MultiPolygon", [ring([2.5, 2.5], [4, 2.5], [4, 4], [2.5, 4])], ["urn:s"]],
    [
        "A",
        "intersects",
        "MultiLineString",
        [
            [
                [9, 9],
                [8, 8],
            ],
            [
                [2.5, 0],
                [2.5, 5],
            ],
        ],
        ["urn:t"],
    ],
    ["M", "intersects", "Point", [50, 50], ["urn:m"]],
    ["M", "within", "Polygon", ring([0, 0], [2, 0], [2, 2], [0, 2]), []],
];
for (const [type, georel, geometry, coordinates, ids, geoproperty] of places) {
    const params: Record<string, string> = { type, georel, geometry, coordinates: JSON.stringify(coordinates) };
    if (geoproperty) params["geoproperty"] = geoproperty;
    test(`4.10 ${type}: ${georel} ${geometry} ${params["coordinates"]}`, async () => {
        assert.deepEqual(await map.ids(params), ids);
        const [rel, ...more] = georel.split(";");
        const geoQ: Json = { georel: [rel, ...more].join(";"), geometry, coordinates };
        if (geoproperty) geoQ.geoproperty = geoproperty;
        const answer = await map.post("/entityOperations/query", { type: "Query", entities: [{ type }], geoQ });
        check(answer, 200);
        assert.deepEqual((answer.json as { id: string }[]).map((entity) => entity.id).sort(), ids);
    });
}
const badPlaces: [georel: string, geometry: string, coordinates: string][] = [
    ["near", "Point", "[0,0]"],
    ["near;maxDistance==0", "Point", "[0,0]"],
    ["near;maxDistance==-1", "Point", "[0,0]"],
    ["near;maxDistance==inf", "Point", "[0,0]"],
    ["near;maxDistance==1e400", "Point", "[0,0]"],
    ["near;maxDistance==5;minDistance==1", "Point", "[0,0]"],
    ["touches", "Point", "[0,0]"],
    ["within", "Polygon", "[[[0,0],[1,0],[1,1]]]"],
    ["within", "Polygon", "[0,0"],
    ["within", "Sphere", "[0,0]"],
    ["equals", "Point", "[0]"],
    ["equals", "Point", '["a","b"]'],
];
test("4.10 what is no geo-query", async () => {
    for (const [georel, geometry, coordinates] of badPlaces) {
        const path = "/entities" + ask({ type: "P", georel, geometry, coordinates });
        check(await map.get(path), bad, `${georel} ${geometry} ${coordinates}`);
    }
    check(await map.get("/entities?type=P&georel=equals"), bad, "georel alone");
});

// ---- pages ----

test("5.5.9, 4.13 pages: every entity once, links to the next and the one before, the count of all", async () => {
    const many: Json[] = Array.from({ length: 23 }, (_, i) => ({ id: `urn:n:${100 + i}`, type: "N", n: i }));
    const pages: City = await server.city(...many);
    const seen: string[] = [];
    let path: string | undefined = "/entities?type=N&limit=5&count=true";
    let steps = 0;
    while (path !== undefined) {
        const answer = await pages.get(path);
        check(answer, 200);
        assert.equal(answer.headers["ngsild-results-count"], "23");
        seen.push(...(answer.json as { id: string }[]).map((entity) => entity.id));
        const links = answer.headers["link"] ?? "";
        assert.equal(/rel="prev"/.test(links), steps > 0, links);
        const next: string | undefined = /<([^>]*)>; ?rel="next"/.exec(links)?.[1];
        path = next?.startsWith(api) ? next.slice(api.length) : undefined;
        assert.equal(path === undefined, ++steps === 5, links);
    }
    assert.deepEqual(
        sorted(seen),
        many.map((entity) => entity.id),
    );
    const first = await pages.get("/entities?type=N&limit=2&offset=1&count=false");
    assert.equal(first.headers["ngsild-results-count"], undefined);
    assert.match(
        first.headers["link"] ?? "",
        /<\/ngsi-ld\/v1\/entities\?[^>]*limit=2&offset=3[^>]*>;rel="next";type="application\/json"/,
    );
    assert.match(
        first.headers["link"] ?? "",
        /<\/ngsi-ld\/v1\/entities\?[^>]*limit=2&offset=0[^>]*>;rel="prev";type="application\/json"/,
    );
    const none = await pages.get("/entities?type=N&limit=0&count=true");
    assert.deepEqual([none.json, none.headers["ngsild-results-count"]], [[], "23"]);
    assert.doesNotMatch(none.headers["link"] ?? "", /rel="(next|prev)"/);
    const asOnce = await pages.get("/entities?type=N&limit=2&options=count,keyValues");
    const wanted = [{ id: "urn:n:101", type: "N", n: 1 }, "23"];
    assert.deepEqual([asOnce.json[1], asOnce.headers["ngsild-results-count"]], wanted);
    assert.deepEqual((await pages.get("/entities?type=N&offset=500")).json, []);
    const byBody = await pages.post("/entityOperations/query?limit=3&offset=20&count=true", {
        type: "Query",
        entities: [{ type: "N" }],
    });
    assert.equal(byBody.json.length, 3);
    assert.equal(byBody.headers["ngsild-results-count"], "23");
});

test("6.3.10 limit: as many as the setting allows, and 20 when none is asked", async () => {
    const many: Json[] = Array.from({ length: 60 }, (_, i) => ({ id: `urn:n:${i}`, type: "N" }));
    const pages = await server.city(...many);
    assert.equal((await pages.get("/entities?type=N")).json.length, 20);
    assert.equal((await pages.get("/entities?type=N&limit=50")).json.length, 50);
    const over = await pages.get("/entities?type=N&limit=51");
    assert.ok(over.status === 403 || over.status === 400, `${over.status}`);
});

// ---- order ----

const named = (id: string, members: Json): Json => ({ id: `urn:${id}`, type: "O", ...members });
const orders = await server.city(
    named("1", { name: property("b", { sub: 3 }), n: 2, location: point(9, 40), address: property({ city: "Z" }) }),
    named("2", { name: property("A", { sub: 1 }), n: 10, location: point(8, 40), address: property({ city: "M" }) }),
    named("3", { name: property("á", { sub: 2 }), n: 2, location: point(20, 50), address: property({ city: "B" }) }),
    named("4", { n: "text" }),
);
const orderings: [params: Record<string, string>, order: string][] = [
    [{ orderBy: "id" }, "1234"],
    [{ orderBy: "id;desc" }, "4321"],
    [{ orderBy: "name" }, "2134"],
    [{ orderBy: "name;asc" }, "2134"],
    [{ orderBy: "name", collation: "und" }, "2314"],
    [{ orderBy: "name.sub" }, "2314"],
    [{ orderBy: "n,id;desc" }, "3124"],
    [{ orderBy: "n;asc,name;desc" }, "3124"],
    [{ orderBy: "address[city]" }, "3214"],
    [{ orderBy: "location;dist-asc", orderFrom: "[8,40]" }, "2134"],
    // From the line x = 20 at 45 to 55 degrees north: 3 lies on it, 1 is nearer than 2, 4 is nowhere.
    [{ orderBy: "location;dist-asc", orderFrom: "[[20,45],[20,55]]", orderGeometry: "LineString" }, "3124"],
];
for (const [params, order] of orderings) {
    test(`4.23 ${Object.values(params).join(" ")}`, async () => {
        const answer = await orders.get("/entities" + ask({ type: "O", ...params }));
        check(answer, 200);
        assert.equal((answer.json as { id: string }[]).map((entity) => entity.id.slice(4)).join(""), order);
    });
}
test("4.23 createdAt and modifiedAt order what was made and changed one after the other", async () => {
    const own = await server.city();
    for (const name of ["c", "a", "b"]) check(await own.post("/entities", { id: `urn:${name}`, type: "O" }), 201);
    check(await own.patch("/entities/urn:a", { n: 1 }), 204);
    const order = async (orderBy: string): Promise<string> => {
        const answer = await own.get("/entities" + ask({ type: "O", orderBy }));
        return (answer.json as { id: string }[]).map((entity) => entity.id.slice(4)).join("");
    };
    assert.deepEqual(
        [
            await order("createdAt"),
            await order("createdAt;desc"),
            await order("modifiedAt"),
            await order("modifiedAt;desc"),
        ],
        ["cab", "bac", "cba", "abc"],
    );
});
test("4.23 order in a body, over pages, and what is no order", async () => {
    const ordering = { orderBy: ["location;dist-desc"], geometry: "Point", coordinates: [8, 40] };
    const answer = await orders.post("/entityOperations/query", { type: "Query", entities: [{ type: "O" }], ordering });
    check(answer, 200);
    assert.deepEqual((answer.json as { id: string }[]).map((entity) => entity.id).slice(0, 3), [
        "urn:3",
        "urn:1",
        "urn:2",
    ]);
    const paged: string[] = [];
    for (const offset of [0, 1, 2, 3]) {
        const page = await orders.get(`/entities?type=O&orderBy=id;desc&limit=1&offset=${offset}`);
        paged.push(page.json[0].id);
    }
    assert.deepEqual(paged, ["urn:4", "urn:3", "urn:2", "urn:1"]);
    for (const params of [
        { orderBy: "location;dist-asc" },
        { orderBy: "name;up" },
        { orderBy: "name,,id" },
        { orderBy: "id", collation: "!!nope" },
        { orderBy: "location;dist-asc", orderFrom: "[8" },
    ] as Record<string, string>[]) {
        check(await orders.get("/entities" + ask({ type: "O", ...params })), bad, JSON.stringify(params));
    }
});
