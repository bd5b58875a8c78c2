// Consumption of the temporal evolution of entities: retrieve 5.7.3, query 5.7.4; temporal query 4.11, aggregation
// 4.5.19, representations 4.5.6-4.5.9, scopes over time 4.18 and 4.19.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, check, ld, serve, sorted, zh, type City, type Headers, type Json, type Want } from "./server.ts";

const server = await serve("--no-fetch", "--limit-max", "50");
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const missing: Want = [404, "ResourceNotFound"];
const te = "/temporal/entities";
const at = (minute: number, more = ""): string => `2026-03-01T12:${String(minute).padStart(2, "0")}:00${more}Z`;
const property = (value: Json, minute: number, more: Json = {}): Json => ({
    type: "Property",
    value,
    observedAt: at(minute),
    ...more,
});
const place = (x: number, y: number, minute: number): Json => ({
    type: "GeoProperty",
    value: { type: "Point", coordinates: [x, y] },
    observedAt: at(minute),
});
const set = "urn:d:1";

type Params = Record<string, string | number | boolean>;
const entities: Json[] = [
    {
        id: "urn:v:1",
        type: "Vehicle",
        speed: [property(10, 5), property(40, 15), property(20, 25), property(90, 55)],
        fuel: [property(50, 10), property(45, 20), property(7, 20, { datasetId: set })],
        route: [property("550", 12)],
        tags: [property(["a", "b"], 12)],
        on: [property(false, 5), property(true, 15)],
        ref: [{ type: "Relationship", object: "urn:dest:1", observedAt: at(12) }],
        label: [{ type: "LanguageProperty", languageMap: { en: "red", fr: "rouge" }, observedAt: at(12) }],
        location: [place(1, 1, 10), place(5, 5, 50)],
    },
    {
        id: "urn:v:2",
        type: ["Vehicle", "Bus"],
        speed: [property(5, 10), property("fast", 20), property(60, 58)],
        location: [place(5, 5, 10)],
        kind: [{ type: "VocabProperty", vocab: "commercial", observedAt: at(12) }],
    },
    { id: "urn:v:3", type: "Tram", speed: [property(70, 58)] },
];
const city = await server.city();
for (const one of entities) check(await city.post(te, one), 201);
const scoped = await server.city();
const scopeAt = (value: Json, hour: number, minute = 0): Json => ({
    type: "Property",
    value,
    observedAt: `2026-03-01T${hour}:${String(minute).padStart(2, "0")}:00Z`,
});
for (const [name, scope, speeds] of [
    ["ab", [scopeAt("/A/B", 10)], [property("abval", 5)]],
    ["both", [scopeAt(["/A/B", "/C"], 10)], [property("bothval", 5)]],
    ["mid", [scopeAt("/M", 12, 10)], [property("midpre", 5), property("midpost", 15)]],
    ["rep", [scopeAt("/R", 10), scopeAt("/S", 12, 30)], [property("repold", 15), property("repnew", 45)]],
    ["bare", undefined, [property("bareval", 5)]],
    ["late", [scopeAt("/Z", 14)], [property("lateval", 5)]],
] as [string, Json[] | undefined, Json[]][]) {
    check(await scoped.post(te, { id: `urn:s:${name}`, type: "S", speed: speeds, ...(scope ? { scope } : {}) }), 201);
}
const window: Params = { timerel: "between", timeAt: at(0), endTimeAt: at(30) };
const vehicles: Params = { type: "Vehicle,Tram", ...window };

function plain(text: string): Json {
    return JSON.parse(text, (name, value) => (name === "instanceId" ? undefined : (value as Json)));
}

async function list(params: Params, headers?: Headers, of: City = city): Promise<Json[]> {
    const answer = await of.get(te + ask(params), headers);
    assert.equal(answer.status, 200, `${JSON.stringify(params)}: ${answer.text}`);
    return plain(answer.text) as Json[];
}

async function ids(params: Params, of: City = city): Promise<string[]> {
    return (await list(params, undefined, of)).map((one) => one.id as string).sort();
}

const one = (n: number): string => `urn:v:${n}`;

// ---- the window ----

test("4.11 before leaves its time out, after and between take it in, the end of between is out", async () => {
    const speeds = async (params: Params): Promise<Json[]> => {
        const found = await list({ id: one(1), attrs: "speed", ...params });
        return ((found[0]?.speed as Json[]) ?? []).map((s) => s.value as Json);
    };
    assert.deepEqual(await speeds({ timerel: "before", timeAt: at(15) }), [10]);
    assert.deepEqual(await speeds({ timerel: "after", timeAt: at(15) }), [40, 20, 90]);
    assert.deepEqual(await speeds({ timerel: "between", timeAt: at(15), endTimeAt: at(25) }), [40]);
    assert.deepEqual(
        await speeds({ timerel: "after", timeAt: at(15, ".000") }),
        [40, 20, 90],
        "by instant, not by text",
    );
    assert.deepEqual(await speeds({ timerel: "after", timeAt: at(15, ".000001") }), [20, 90]);
    assert.deepEqual(await speeds({ timerel: "after", timeAt: at(59) }), []);
    assert.deepEqual(await speeds({ ...window, lastN: 2 }), [40, 20]);
    assert.deepEqual(await speeds({ ...window, lastN: 9 }), [10, 40, 20]);
});

test("5.7.4 attributes with nothing in the window are absent, entities without any are not listed", async () => {
    const found = await list({ type: "Vehicle,Tram", timerel: "before", timeAt: at(10) });
    assert.deepEqual(found, [{ id: one(1), type: "Vehicle", speed: [property(10, 5)], on: [property(false, 5)] }]);
    assert.deepEqual(await ids(vehicles), [one(1), one(2)]);
});

const which: [what: string, params: Params, found: string[]][] = [
    ["types", { type: "Tram", timerel: "after", timeAt: at(0) }, [one(3)]],
    ["one of several types", { type: "Bus,Tram", timerel: "after", timeAt: at(0) }, [one(2), one(3)]],
    ["id and attrs", { id: `${one(1)},${one(3)}`, attrs: "speed", ...window }, [one(1)]],
    ["idPattern", { type: "Vehicle", idPattern: "2$", ...window }, [one(2)]],
    ["attrs alone", { attrs: "fuel,kind", ...window }, [one(1), one(2)]],
    ["pick alone", { pick: "id,fuel", ...window }, [one(1), one(2)]],
    ["local", { local: true, ...window }, [one(1), one(2)]],
    ["an unknown attribute", { attrs: "never", ...window }, []],
    ["an unknown type", { type: "Never", ...window }, []],
    ["createdAt", { type: "Vehicle", timerel: "after", timeAt: at(0), timeproperty: "createdAt" }, [one(1), one(2)]],
    [
        "createdAt, long ago",
        { type: "Vehicle", timerel: "before", timeAt: "2000-01-01T00:00:00Z", timeproperty: "createdAt" },
        [],
    ],
    ["deletedAt", { type: "Vehicle", timerel: "after", timeAt: at(0), timeproperty: "deletedAt" }, []],
];
for (const [what, params, found] of which) {
    test(`5.7.4 which entities: ${what}`, async () => assert.deepEqual(await ids(params), found));
}

// ---- q and places: some instance in the window ----

const qs: [q: string, found: number[], more?: Params][] = [
    ["speed>30", [1]],
    ["speed>50", []],
    ["speed>30;fuel<46", [1]],
    ["speed>30;fuel<7", []],
    ["speed>30|kind", [1, 2]],
    ["!fuel;speed", [2]],
    ["!speed", []],
    ["speed!=10", [1, 2]],
    ['speed!="fast"', [1, 2]],
    ['speed=="fast"', [2]],
    ['speed=="40"', []],
    ["speed==35..45", [1]],
    ["speed!=0..100", [2]],
    ['route~="^5"', [1]],
    ['route!~="^5"', []],
    ['route=="1","550"', [1]],
    ['tags=="b"', [1]],
    ['tags!="a"', []],
    ['tags!="c"', [1]],
    ["on==true", [1]],
    ["on==false", [1]],
    ['ref=="urn:dest:1"', [1]],
    ['ref>"urn:a"', []],
    ['label[en]=="red"', [1]],
    ['label[*]=="rouge"', [1]],
    ["fuel==7", [1]],
    ["kind==commercial", [2], { expandValues: "kind" }],
    ["kind==commercial", []],
    ["(speed>30|kind);!label", [2]],
    ['speed.observedAt>"2026-03-01T12:20:00Z"', [1]],
];
for (const [q, found, more] of qs) {
    test(`4.9 in the window: ${q} ${more ? JSON.stringify(more) : ""}`, async () =>
        assert.deepEqual(await ids({ ...vehicles, q, ...more }), found.map(one)));
}

test("4.9 q chooses entities: all their instances in the window come, and no others", async () => {
    const [found] = await list({ ...vehicles, q: "speed>30", attrs: "speed" });
    assert.deepEqual(found.speed, entities[0].speed.slice(0, 3));
    const other = await list({ ...vehicles, q: "speed>30", attrs: "fuel" });
    assert.deepEqual(other[0], { id: one(1), type: "Vehicle", fuel: entities[0].fuel });
    assert.deepEqual(await ids({ ...vehicles, q: "speed>30", lastN: 1 }), [one(1)], "q looks before lastN");
});

const near = (x: number, y: number): Params => ({
    georel: "near;maxDistance==1000",
    geometry: "Point",
    coordinates: `[${x}, ${y}]`,
});
test("4.10 a place in the window; the entity comes with all its places", async () => {
    assert.deepEqual(await ids({ ...vehicles, ...near(1, 1) }), [one(1)]);
    assert.deepEqual(await ids({ ...vehicles, ...near(5, 5) }), [one(2)], "the other was there later");
    const later: Params = { type: "Vehicle", timerel: "after", timeAt: at(0) };
    assert.deepEqual(await ids({ ...later, ...near(5, 5) }), [one(1), one(2)]);
    const found = (await list({ ...later, ...near(5, 5), id: one(1) }))[0] as Json;
    assert.deepEqual(found.location, entities[0].location);
    const square = "[[[0,0],[0,2],[2,2],[2,0],[0,0]]]";
    const disjoint: Params = { georel: "disjoint", geometry: "Polygon", coordinates: square };
    assert.deepEqual(await ids({ ...vehicles, ...disjoint }), [one(2)]);
    assert.deepEqual(await ids({ ...vehicles, ...disjoint, geoproperty: "observationSpace" }), []);
    assert.deepEqual(await ids({ ...window, ...near(1, 1) }), [one(1)], "a place is enough of a question");
});

// ---- scopes ----

const scopes: [q: string, values: string[]][] = [
    ["/A/B", ["abval", "bothval"]],
    ["/A/#", ["abval", "bothval"]],
    ["/A/B;/C", ["bothval"]],
    ["(/A/B;/C)", ["bothval"]],
    ["/M", ["midpost"]],
    ["/M,/R", ["midpost", "repold"]],
    ["/R", ["repold"]],
    ["/S", ["repnew"]],
    ["/#", ["abval", "bothval", "midpost", "repnew", "repold"]],
    ["/Z", []],
];
for (const [scopeQ, values] of scopes) {
    test(`4.19 what was told while the scope held: ${scopeQ}`, async () => {
        const found = await list(
            { type: "S", timerel: "between", timeAt: at(0), endTimeAt: "2026-03-01T13:00:00Z", scopeQ },
            undefined,
            scoped,
        );
        const told = found.flatMap((entity) => (entity.speed as Json[]).map((s) => s.value as string));
        assert.deepEqual(told.sort(), values);
    });
}

test("4.18 the scope that held when the window began is shown, with its time", async () => {
    const params: Params = { type: "S", timerel: "after", timeAt: at(0), scopeQ: "/A/B", id: "urn:s:ab" };
    const [found] = await list(params, undefined, scoped);
    assert.deepEqual(found.scope, [scopeAt("/A/B", 10)]);
    const [last] = await list({ ...params, scopeQ: "/M", id: "urn:s:mid", lastN: 1 }, undefined, scoped);
    assert.deepEqual(last.speed, [property("midpost", 15)]);
    const simple = await list({ ...params, format: "temporalValues" }, undefined, scoped);
    assert.deepEqual(simple[0].scope, { type: "Property", values: [["/A/B", "2026-03-01T10:00:00Z"]] });
});

test("4.18 a scope ends when it is deleted", async () => {
    const own = await server.city();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const entity = {
        id: "urn:s:1",
        type: "S",
        scope: scopeAt("/A", 10),
        speed: [property(1, 5), { ...property(2, 5), observedAt: soon }],
    };
    check(await own.post(te, entity), 201);
    const values = async (): Promise<Json[]> => {
        const found = await list({ type: "S", timerel: "after", timeAt: at(0), scopeQ: "/A" }, undefined, own);
        return ((found[0]?.speed as Json[]) ?? []).map((s) => s.value as Json);
    };
    assert.deepEqual(await values(), [1, 2]);
    check(await own.del("/entities/urn:s:1/attrs/scope"), 204);
    assert.deepEqual(await values(), [1]);
});

// ---- datasetId, projection, order, pages of entities ----

test("4.5.5 datasetId: only those instances, and nothing else of the entity", async () => {
    const fuel = entities[0].fuel as Json[];
    const of = async (datasetId: string, more: Params = {}): Promise<Json[]> =>
        list({ ...vehicles, datasetId, ...more });
    assert.deepEqual(await of(set), [{ id: one(1), type: "Vehicle", fuel: [fuel[2]] }]);
    assert.deepEqual((await of("@none", { attrs: "fuel" }))[0].fuel, fuel.slice(0, 2));
    assert.deepEqual((await of(`@none,${set}`, { attrs: "fuel" }))[0].fuel, fuel);
    assert.deepEqual(await of("urn:d:none"), []);
    check(await city.get(te + ask({ ...vehicles, datasetId: "no uri" })), bad);
});

const shows: [params: Params, members: string[][]][] = [
    [{ pick: "speed" }, [["speed"], ["speed"]]],
    [{ pick: "id" }, [["id"], ["id"]]],
    [
        { pick: "id,speed" },
        [
            ["id", "speed"],
            ["id", "speed"],
        ],
    ],
    [{ pick: "id,fuel" }, [["fuel", "id"], ["id"]]],
    [{ pick: "fuel" }, [["fuel"]]],
    [{ attrs: "fuel" }, [["fuel", "id", "type"]]],
    [
        { omit: "type,location,fuel,route,tags,on,ref,label,kind" },
        [
            ["id", "speed"],
            ["id", "speed"],
        ],
    ],
];
for (const [params, members] of shows) {
    test(`4.21 what is shown: ${JSON.stringify(params)}`, async () => {
        const found = await list({ ...vehicles, ...params });
        assert.deepEqual(sorted(found.map((entity) => Object.keys(entity).sort())), sorted(members));
    });
}

test("4.23 order by id", async () => {
    const all: Params = { type: "Vehicle,Tram", timerel: "after", timeAt: at(0), pick: "id" };
    const order = async (orderBy: string): Promise<string[]> =>
        (await list({ ...all, orderBy })).map((entity) => entity.id as string);
    assert.deepEqual(await order("id"), [one(1), one(2), one(3)]);
    assert.deepEqual(await order("id;desc"), [one(3), one(2), one(1)]);
    const page = await city.get(te + ask({ ...all, orderBy: "id;desc", limit: 1, offset: 1 }));
    assert.deepEqual(page.json, [{ id: one(2) }]);
});

test("6.3.10 pages of entities hold only those that match, and count them", async () => {
    const params: Params = { type: "Vehicle,Tram", ...window, q: "speed>=5", pick: "id" };
    const page = async (more: Params): Promise<[Json, string | undefined, string | undefined]> => {
        const answer = await city.get(te + ask({ ...params, ...more }));
        check(answer, 200);
        return [answer.json, answer.headers["ngsild-results-count"], answer.headers["link"]];
    };
    const [first, count, link] = await page({ limit: 1, count: true });
    assert.deepEqual([(first as Json[]).length, count], [1, "2"]);
    assert.match(link ?? "", /offset=1.*rel="next"/);
    const [second, , back] = await page({ limit: 1, offset: 1 });
    assert.deepEqual(sorted([...(first as Json[]), ...(second as Json[])]), [{ id: one(1) }, { id: one(2) }]);
    assert.match(back ?? "", /rel="prev"/);
    assert.doesNotMatch(back ?? "", /rel="next"/);
    assert.deepEqual((await page({ limit: 1, offset: 2 }))[0], []);
    assert.equal((await page({ limit: 1, options: "count" }))[1], "2");
    const [none, all] = await page({ limit: 0, count: true });
    assert.deepEqual([none, all], [[], "2"]);
});

// ---- representations ----

test("4.5.7 normalized: arrays, in order, with instanceIds; times of the system on demand", async () => {
    const answer = await city.get(`${te}/${one(1)}?attrs=fuel`);
    const fuel = answer.json.fuel as Json[];
    assert.deepEqual(plain(answer.text), { id: one(1), type: "Vehicle", fuel: entities[0].fuel });
    for (const instance of fuel) assert.match(instance.instanceId as string, /^[a-z][a-z0-9+.-]*:[^/?#]+$/);
    assert.equal(new Set(fuel.map((instance) => instance.instanceId as string)).size, 3);
    const whole = (await city.get(`${te}/${one(1)}?attrs=fuel&options=sysAttrs`)).json as Json;
    assert.deepEqual(
        (whole.fuel as Json[]).map((i) => i.instanceId),
        fuel.map((i) => i.instanceId),
    );
    for (const part of [whole, ...(whole.fuel as Json[])])
        for (const name of ["createdAt", "modifiedAt"]) assert.match(part[name] as string, /^20.*Z$/, name);
    const concise = plain((await city.get(`${te}/${one(1)}?attrs=fuel&format=concise`)).text) as Json;
    assert.deepEqual(concise.fuel[0], { value: 50, observedAt: at(10) });
});

test("4.5.9 simplified: an object, or one for each datasetId", async () => {
    const [found] = await list({ ...vehicles, id: one(1), format: "temporalValues", omit: "location,on,route" });
    assert.deepEqual(found, {
        id: one(1),
        type: "Vehicle",
        speed: {
            type: "Property",
            values: [
                [10, at(5)],
                [40, at(15)],
                [20, at(25)],
            ],
        },
        fuel: [
            {
                type: "Property",
                values: [
                    [50, at(10)],
                    [45, at(20)],
                ],
            },
            { type: "Property", datasetId: set, values: [[7, at(20)]] },
        ],
        tags: { type: "Property", values: [[["a", "b"], at(12)]] },
        ref: { type: "Relationship", objects: [["urn:dest:1", at(12)]] },
        label: { type: "LanguageProperty", languageMaps: [[{ languageMap: { en: "red", fr: "rouge" } }, at(12)]] },
    });
    assert.deepEqual(
        await list({ ...vehicles, options: "temporalValues" }),
        await list({ ...vehicles, format: "temporalValues" }),
    );
    const both: Params = { format: "temporalValues", options: "aggregatedValues", aggrMethods: "sum" };
    assert.deepEqual(await list({ ...vehicles, ...both }), await list({ ...vehicles, format: "temporalValues" }));
});

test("6.3 answers in JSON-LD carry their @context, others a Link", async () => {
    const json = await city.get(te + ask(vehicles), { Accept: "*/*" });
    assert.equal(json.headers["content-type"], "application/json");
    assert.ok(json.headers["link"]);
    const linked = await city.get(te + ask({ ...vehicles, limit: 1 }), ld);
    assert.equal(linked.headers["content-type"], "application/ld+json");
    assert.ok((linked.json as Json[]).every((entity) => entity["@context"] !== undefined));
    check(await city.get(te + ask(vehicles), { Accept: "application/geo+json" }), 406);
    check(await city.get(te + ask(vehicles), { Accept: "application/xml" }), 406);
});

// ---- aggregation ----

const agg = (params: Params): Params => ({
    ...vehicles,
    id: one(1),
    attrs: "speed",
    format: "aggregatedValues",
    ...params,
});
test("4.5.19 periods begin at timeAt, empty ones are left out", async () => {
    const [found] = await list(agg({ aggrMethods: "avg,max", aggrPeriodDuration: "PT10M" }));
    assert.deepEqual(found, {
        id: one(1),
        type: "Vehicle",
        speed: {
            type: "Property",
            max: [
                [10, at(0), at(10)],
                [40, at(10), at(20)],
                [20, at(20), at(30)],
            ],
            avg: [
                [10, at(0), at(10)],
                [40, at(10), at(20)],
                [20, at(20), at(30)],
            ],
        },
    });
    const [fromFirst] = await list(
        agg({ timerel: "before", timeAt: at(30), aggrMethods: "sum", aggrPeriodDuration: "PT10M" }),
    );
    const expected = [
        [10, at(5), at(15)],
        [40, at(15), at(25)],
        [20, at(25), at(35)],
    ];
    assert.deepEqual(fromFirst.speed.sum, expected, "else they begin with the earliest");
});

test("4.5.19 without a period, or one of no length: the whole window", async () => {
    for (const period of [{}, { aggrPeriodDuration: "PT0S" }, { aggrPeriodDuration: "P0D" }] as Params[]) {
        const [found] = await list(
            agg({ aggrMethods: "totalCount,min,max,avg,sum,sumsq,distinctCount,stddev", ...period }),
        );
        const of = (method: string): Json => (found.speed[method] as Json[]).map((b) => b[0] as Json);
        assert.deepEqual(
            [of("totalCount"), of("min"), of("max"), of("sum"), of("sumsq"), of("distinctCount")],
            [[3], [10], [40], [70], [2100], [3]],
        );
        assert.ok(Math.abs((of("avg")[0] as number) - 70 / 3) < 1e-9);
        assert.deepEqual((found.speed.max as Json[])[0].slice(1), [at(0), at(30)]);
    }
});

test("4.5.19 of one datasetId, and while a scope held", async () => {
    const [found] = await list({ ...vehicles, attrs: "fuel", format: "aggregatedValues", aggrMethods: "sum" });
    assert.deepEqual(
        sorted((found.fuel as Json[]).map((s) => [s.datasetId ?? null, s.sum[0][0]])),
        sorted([
            [null, 95],
            [set, 7],
        ]),
    );
    const params: Params = {
        type: "S",
        timerel: "after",
        timeAt: at(0),
        format: "aggregatedValues",
        aggrMethods: "totalCount",
        aggrPeriodDuration: "PT1H",
    };
    const [held] = await list({ ...params, scopeQ: "/M" }, undefined, scoped);
    assert.deepEqual(held.speed, { type: "Property", totalCount: [[1, at(0), "2026-03-01T13:00:00Z"]] });
});

test("4.5.19 a method that fits no value of what was asked for is refused", async () => {
    check(await city.get(te + ask(agg({ attrs: "ref", aggrMethods: "avg" }))), invalid);
    const [whole] = await list(agg({ attrs: "speed,ref", aggrMethods: "avg,totalCount" }));
    assert.deepEqual(Object.keys(whole.ref).sort(), ["totalCount", "type"]);
    const [every] = await list({ ...vehicles, id: one(1), format: "aggregatedValues", aggrMethods: "avg" });
    assert.equal(every.ref, undefined, "not asked for by name: left out");
});

// ---- one entity ----

test("5.7.3 retrieve: all that was, or what was in a window", async () => {
    const whole = await city.get(`${te}/${one(3)}`);
    assert.deepEqual(plain(whole.text), entities[2]);
    const none = await city.get(`${te}/${one(3)}?timerel=before&timeAt=${at(0)}`);
    check(none, 200);
    assert.deepEqual(none.json, { id: one(3), type: "Tram" });
    const last = await city.get(`${te}/${one(1)}?attrs=speed,fuel&lastN=1`);
    check(last, 200);
    assert.deepEqual(plain(last.text), {
        id: one(1),
        type: "Vehicle",
        speed: [property(90, 55)],
        fuel: [property(45, 20), property(7, 20, { datasetId: set })],
    });
    const hourly = await city.get(
        `${te}/${one(1)}?attrs=speed&format=aggregatedValues&aggrMethods=max&aggrPeriodDuration=PT1H`,
    );
    assert.deepEqual(hourly.json.speed, { type: "Property", max: [[90, at(5), "2026-03-01T13:05:00Z"]] });
});

const retrievals: [what: string, path: string, want: Want][] = [
    ["an id that is no URI", "none", bad],
    ["an unknown id", "urn:v:none", missing],
    ["attributes it never had", `${one(1)}?attrs=never`, missing],
    ["picked members it never had", `${one(1)}?pick=never`, missing],
    ["nothing left", `${one(3)}?omit=id,type,speed`, missing],
    ["an attribute it had at another time", `${one(3)}?attrs=speed&timerel=before&timeAt=${at(0)}`, 200],
    ["after without timeAt", `${one(1)}?timerel=after`, bad],
    ["before without timeAt", `${one(1)}?timerel=before`, bad],
    ["between without endTimeAt", `${one(1)}?timerel=between&timeAt=${at(0)}`, bad],
    ["timeAt alone", `${one(1)}?timeAt=${at(0)}`, bad],
    ["the same in pick and omit", `${one(1)}?pick=speed&omit=speed`, bad],
    ["pick and attrs", `${one(1)}?pick=speed&attrs=speed`, bad],
    ["members of linked entities, before the id is looked up", "urn:v:none?pick=owner{name}", bad],
    ["an unknown parameter", `${one(1)}?invalidParams=1`, invalid],
    ["an entity map", `${one(1)}?entityMap=true`, 501],
];
for (const [what, path, want] of retrievals) {
    test(`5.7.3 ${what}`, async () => check(await city.get(`${te}/${path}`), want));
}

// ---- what is refused ----

const after: Params = { timerel: "after", timeAt: at(0) };
const refused: [what: string, params: Params, want: Want, place?: string][] = [
    ["no time", { type: "Vehicle" }, bad, "timerel"],
    ["only a time", after, bad],
    ["only ids", { ...after, id: one(1) }, bad],
    ["only a member of the system", { ...after, attrs: "createdAt" }, bad],
    ["a wrong timerel", { ...after, type: "Vehicle", timerel: "during" }, bad, "timerel"],
    ["between without an end", { ...after, type: "Vehicle", timerel: "between" }, bad, "endTimeAt"],
    ["a date for a time", { ...after, type: "Vehicle", timeAt: "2020-08-01" }, bad, "timeAt"],
    ["a time with an offset", { ...after, type: "Vehicle", timeAt: "2020-08-01T00:00:00+01:00" }, bad, "timeAt"],
    ["a wrong timeproperty", { ...after, type: "Vehicle", timeproperty: "then" }, bad, "timeproperty"],
    ["lastN of none", { ...after, type: "Vehicle", lastN: 0 }, bad, "lastN"],
    ["half a lastN", { ...after, type: "Vehicle", lastN: "2.5" }, bad, "lastN"],
    ["an id that is no URI", { ...after, type: "Vehicle", id: "not a uri" }, bad, "id"],
    ["a csf that cannot be read", { ...after, type: "Vehicle", csf: "))bad((" }, bad],
    ["order by an attribute", { ...after, type: "Vehicle", orderBy: "speed" }, bad, "orderBy"],
    ["order by two", { ...after, type: "Vehicle", orderBy: "id,speed" }, bad, "orderBy"],
    ["order by createdAt", { ...after, type: "Vehicle", orderBy: "createdAt" }, bad, "orderBy"],
    ["members of linked entities", { ...after, type: "Vehicle", pick: "owner{name}" }, bad],
    ["a q on linked entities", { ...after, type: "Vehicle", q: 'owner{name}=="x"' }, bad],
    ["an unknown format", { ...after, type: "Vehicle", format: "invalidFormat" }, invalid, "format"],
    ["an unknown option", { ...after, type: "Vehicle", options: "temporalValues,invalidOptions" }, invalid, "options"],
    ["keyValues", { ...after, type: "Vehicle", options: "keyValues" }, invalid, "options"],
    ["an unknown parameter, before anything else", { invalidParams: 1, type: "Vehicle" }, invalid, "invalidParams"],
    ["aggregation without a method", { ...after, type: "Vehicle", format: "aggregatedValues" }, bad, "aggrMethods"],
    [
        "an unknown method",
        { ...after, type: "Vehicle", format: "aggregatedValues", aggrMethods: "bogus" },
        bad,
        "aggrMethods",
    ],
    [
        "no duration",
        { ...after, type: "Vehicle", format: "aggregatedValues", aggrMethods: "avg", aggrPeriodDuration: "bogus" },
        bad,
        "aggrPeriodDuration",
    ],
    ["a wrong limit", { ...after, type: "Vehicle", limit: 51 }, bad, "limit"],
    ["a wrong scopeQ", { ...after, type: "Vehicle", scopeQ: "/A;" }, bad],
    ["a wrong georel", { ...after, georel: "beside", geometry: "Point", coordinates: "[0,0]" }, bad],
    ["an entity map", { ...after, type: "Vehicle", entityMap: true }, 501],
];
for (const [what, params, want, place] of refused) {
    test(`5.7.4 refused: ${what}`, async () => {
        const answer = await city.get(te + ask(params));
        check(answer, want);
        if (place) assert.ok((answer.json.place as string).startsWith(place), answer.text);
        const cn = await city.get(te + ask(params), zh);
        assert.match(cn.json.detail as string, /[\u4e00-\u9fff]/);
    });
}

// ---- by a body ----

const operation = "/temporal/entityOperations/query";
const temporalQ = { timerel: "between", timeAt: at(0), endTimeAt: at(30) };
const query = (more: Json, time: Json = {}): Json => ({
    type: "Query",
    entities: [{ type: "Vehicle" }],
    temporalQ: { ...temporalQ, ...(time as object) },
    ...more,
});
test("5.7.4 by a body: the same answers", async () => {
    const post = async (body: Json, more = ""): Promise<Json> => {
        const answer = await city.post(operation + more, body);
        check(answer, 200, JSON.stringify(body));
        return plain(answer.text);
    };
    assert.deepEqual(await post(query({})), await list({ ...window, type: "Vehicle" }));
    assert.deepEqual(
        await post(query({ q: "speed>30", attrs: ["speed"] })),
        await list({ ...window, type: "Vehicle", q: "speed>30", attrs: "speed" }),
    );
    assert.deepEqual(await post(query({}, { lastN: 1 })), await list({ ...window, type: "Vehicle", lastN: 1 }));
    assert.deepEqual(
        await post(query({}), "?format=temporalValues"),
        await list({ ...window, type: "Vehicle", format: "temporalValues" }),
    );
    const geoQ = { georel: "near;maxDistance==1000", geometry: "Point", coordinates: [1, 1] };
    assert.deepEqual(await post(query({ geoQ })), await list({ ...window, type: "Vehicle", ...near(1, 1) }));
    const two = await post(
        query({ entities: [{ type: "Tram" }, { type: "Vehicle", id: one(2) }] }, { timerel: "after" }),
    );
    assert.deepEqual((two as Json[]).map((entity) => entity.id as string).sort(), [one(2), one(3)]);
    const aggregated = await list({ ...window, type: "Vehicle", format: "aggregatedValues", aggrMethods: "avg" });
    assert.deepEqual(await post(query({}, { aggrMethods: ["avg"] })), aggregated);
    assert.deepEqual(await post(query({}, { aggrMethods: "avg" })), aggregated);
    assert.deepEqual(
        await post(query({ aggrParams: { aggrMethods: ["avg"], aggrPeriodDuration: "PT0S" } })),
        aggregated,
    );
});

const bodies: [what: string, body: Json, place: string][] = [
    ["no temporalQ", { type: "Query", entities: [{ type: "Vehicle" }] }, "timerel"],
    ["temporalQ that is none", query({ temporalQ: "after" }), "temporalQ"],
    ["lastN of none", query({}, { lastN: 0 }), "lastN"],
    ["half a lastN", query({}, { lastN: 2.5 }), "lastN"],
    ["lastN in words", query({}, { lastN: "two" }), "lastN"],
    ["a wrong timerel", query({}, { timerel: "during" }), "timerel"],
    ["a wrong timeproperty", query({}, { timeproperty: "then" }), "timeproperty"],
    ["a wrong duration", query({}, { aggrPeriodDuration: "bogus" }), "aggrPeriodDuration"],
    [
        "a wrong duration of aggrParams",
        query({ aggrParams: { aggrMethods: ["avg"], aggrPeriodDuration: "bogus" } }),
        "aggrPeriodDuration",
    ],
    ["a wrong method", query({ aggrParams: { aggrMethods: ["bogus"] } }), "aggrMethods"],
    ["no Query", { ...query({}), type: "Question" }, "type"],
    ["a join", query({ join: "inline" }), "join"],
];
for (const [what, body, place] of bodies) {
    test(`5.7.4 by a body, refused: ${what}`, async () => {
        const answer = await city.post(operation, body);
        check(answer, bad);
        assert.ok((answer.json.place as string).startsWith(place), answer.text);
    });
}

test("5.7.2 temporalQ is not for the current entities", async () => {
    check(await city.post("/entityOperations/query", query({})), bad);
});
