// What all operations share: clause 6.3 (negotiation, lengths, types, parameters, tenants, Link, Prefer), 4.14 tenants,
// 5.17 identity, paths that are not served, and errors in two languages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, check, City, geo, serve, zh, type Headers, type Json, type Want } from "./server.ts";

const server = await serve();
const id = "urn:x:1";
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const property = (value: Json): Json => ({ type: "Property", value });
const city = await server.city({ id, type: "T", a: 1, word: { vocab: "x" } });
const json = "application/json";
const ld = "application/ld+json";
const geojson = "application/geo+json";

const accepts: [accept: string | undefined, type: string | undefined][] = [
    [undefined, json],
    ["*/*", json],
    ["application/*", json],
    [ld, ld],
    [geojson, geojson],
    [`${ld}, ${json}`, json],
    [`${geojson}, ${json}`, json],
    [`${json};q=0.1, ${ld};q=0.9`, ld],
    [`${json};q=0, */*`, ld],
    [`${json};q=0, ${ld}`, ld],
    [`*/*;q=0.9, ${ld};q=0.8`, json],
    [`${ld};q=notanumber`, ld],
    ["text/html, */*;q=0.1", json],
    ["Application/LD+JSON", ld],
    ["application/xml", undefined],
    [`${json};q=0`, undefined],
];
for (const [accept, type] of accepts) {
    test(`6.3.4 Accept ${accept}: ${type ?? "406"}`, async () => {
        const headers: Headers = accept === undefined ? {} : { Accept: accept };
        for (const path of [`/entities/${id}`, "/entities?type=T"]) {
            const answer = await city.get(path, headers);
            check(answer, type === undefined ? 406 : 200);
            if (type !== undefined) assert.equal((answer.headers["content-type"] ?? "").split(";")[0], type);
        }
    });
}

test("6.3.4 406 and 415 come before what is not there; GeoJSON is for entities only", async () => {
    check(await city.get("/entities/urn:none", { Accept: "application/xml" }), 406);
    check(await city.get("/types", geo), 406);
    check(await city.get("/types", { Accept: `${geojson}, ${json}` }), 200);
    const xml = { "Content-Type": "application/xml" };
    const rows: [string, string][] = [
        ["POST", "/entities"],
        ["PUT", `/entities/${id}`],
        ["PATCH", "/entities/urn:none"],
        ["PATCH", `/entities/${id}/attrs/a`],
        ["POST", "/entityOperations/create"],
        ["POST", "/entityOperations/query"],
        ["POST", "/jsonldContexts"],
    ];
    for (const [method, path] of rows) check(await city.call(method, path, "<a/>", xml), 415, `${method} ${path}`);
    const patch = { "Content-Type": "application/merge-patch+json" };
    check(await city.post("/entities", { id: "urn:y", type: "T" }, patch), 415);
    check(await city.patch(`/entities/${id}/attrs/a`, { value: 1 }, patch), 204);
    check(
        await city.patch(
            `/entities/${id}/attrs/a`,
            { value: 1 },
            { "Content-Type": "application/json; charset=utf-8" },
        ),
        204,
    );
});

test("6.3.4 POST, PUT and PATCH without Content-Length: 411, before any other check", async () => {
    const rows: [string, string, Headers][] = [
        ["POST", "/entities", {}],
        ["PATCH", "/entities/nouri", {}],
        ["PUT", `/entities/${id}/attrs/a`, {}],
        ["POST", "/entityOperations/create", { "NGSILD-Tenant": "never-made" }],
        ["POST", "/jsonldContexts", { "Content-Type": "text/plain" }],
    ];
    for (const [method, path, headers] of rows) {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        for (const body of ["\r\n", "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]) {
            const text = `${method} ${api}${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join("")}${body}`;
            const answer = await server.raw(text);
            assert.match(answer, /^HTTP\/1\.1 411 /, `${text}\n${answer}`);
        }
    }
});

test("6.3.2 204 has neither body nor Content-Length; 201 has no body", async () => {
    check(await city.patch(`/entities/${id}/attrs/a`, { value: 2 }), 204);
    const made = await city.post("/entities", { id: "urn:made", type: "U" });
    assert.deepEqual([made.status, made.text], [201, ""]);
    check(await city.del("/entities/urn:made"), 204);
});

const unknown: [method: string, path: string, body?: Json][] = [
    ["POST", "/entities?invalidParams=1", { id: "urn:z", type: "T" }],
    ["POST", "/entities/?invalidParams=1", "just text"],
    ["GET", "/entities?invalidParams=1&type=T"],
    ["GET", "/entities?invalidParams=1&%20type=T"],
    ["DELETE", "/entities?invalidParams=1"],
    ["GET", `/entities/${id}?limit=1`],
    ["DELETE", `/entities/${id}?limit=1`],
    ["PATCH", `/entities/${id}?limit=1`, { a: 2 }],
    ["PUT", `/entities/${id}?format=simplified`, { id, type: "T" }],
    ["POST", "/entityOperations/create?options=update", [{ id: "urn:z", type: "T" }]],
    ["POST", "/entityOperations/delete?limit=1", [id]],
    ["GET", "/jsonldContexts?limit=1"],
    ["GET", `/entities/${id}?pick=a&pick=b`],
];
test("6.3.19 a parameter that is not known there, or comes twice: 400, and nothing is done", async () => {
    const before = await city.entity(`${id}?options=sysAttrs`);
    for (const [method, path, body] of unknown)
        check(await city.call(method, path, body), invalid, `${method} ${path}`);
    assert.deepEqual(await city.entity(`${id}?options=sysAttrs`), before);
    assert.equal(await city.entity("urn:z"), undefined);
});

test("6.2 text in the address: percent-encoding, + for a blank, broken encodings", async () => {
    const own = await server.city({ id: "urn:x:q", type: "T", name: "a b+c", 名: "津" });
    for (const q of ["name==%22a+b%2Bc%22", "name==%22a%20b%2bc%22", "%E5%90%8D==%22%E6%B4%A5%22"]) {
        assert.equal((await own.get(`/entities?q=${q}`)).json.length, 1, q);
    }
    for (const q of ["name==%2", "name==%zz", "%ff%fe", "a%00b"]) {
        assert.equal((await own.get(`/entities?q=${q}`)).status, 400, q);
    }
});

// ---- tenants ----

test("4.14, 6.3.14 tenants: made by creating, apart from each other, told in every answer", async () => {
    const one = new City(server, "tenant-one");
    const two = new City(server, "tenant_two");
    const plain = new City(server, undefined);
    const never = await one.get("/entities?type=T");
    check(never, [404, "NonexistentTenant"]);
    assert.equal(never.headers["ngsild-tenant"], "tenant-one");
    check(await one.get(`/entities/${id}`), [404, "NonexistentTenant"]);
    check(await one.del(`/entities/${id}`), [404, "NonexistentTenant"]);
    check(await one.patch(`/entities/${id}`, { a: 1 }), [404, "NonexistentTenant"]);
    check(await one.get("/types"), [404, "NonexistentTenant"]);
    const made = await one.post("/entities", { id, type: "T", who: "one" });
    check(made, 201);
    assert.equal(made.headers["ngsild-tenant"], "tenant-one");
    check(await two.post("/entities", { id, type: "T", who: "two" }), 201);
    check(await plain.get(`/entities/${id}`), [404, "ResourceNotFound"]);
    check(await plain.post("/entities", { id, type: "T", who: "all" }), 201);
    for (const [whom, name] of [
        [one, "one"],
        [two, "two"],
        [plain, "all"],
    ] as [City, string][]) {
        assert.deepEqual((await whom.entity(id)).who, property(name));
        assert.equal((await whom.get("/entities?type=T")).json.length, 1);
    }
    assert.equal((await plain.get(`/entities/${id}`)).headers["ngsild-tenant"], undefined);
    check(await one.del(`/entities/${id}`), 204);
    assert.ok(await two.entity(id));
    check(await one.get("/entities?type=T"), 200);
    for (const name of ["with space", "a,b", "x".repeat(201)]) {
        check(await new City(server, name).get("/entities?type=T"), bad, name);
    }
});

test("5.17 who we are: stable, another one for each tenant", async () => {
    const who = async (name: string | undefined): Promise<Json> => {
        const answer = await new City(server, name).get("/info/sourceIdentity");
        check(answer, 200);
        assert.match(answer.json.id, /^urn:/);
        assert.equal(answer.json.type, "ContextSourceIdentity");
        assert.match(
            answer.json.contextSourceUptime,
            /^P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/,
        );
        assert.match(answer.json.contextSourceTimeAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/);
        return answer.json.contextSourceAlias;
    };
    const names = [await who(undefined), await who("urnalias-a"), await who("urnalias-b")];
    assert.equal(new Set(names).size, 3);
    assert.deepEqual([await who(undefined), await who("urnalias-a"), await who("urnalias-b")], names);
});

// ---- Prefer ----

test("6.3.18 Prefer: ngsi-ld=1.x is applied and told; an older one is 203 where it knew less", async () => {
    const old = await city.get(`/entities/${id}`, { Prefer: "ngsi-ld=1.5" });
    check(old, 203);
    assert.equal(old.headers["preference-applied"], "ngsi-ld=1.5");
    assert.equal(old.json.word.type, "Property");
    const now = await city.get(`/entities/${id}`, { Prefer: "ngsi-ld=1.9" });
    check(now, 200);
    assert.equal(now.headers["preference-applied"], "ngsi-ld=1.9");
    assert.equal(now.json.word.type, "VocabProperty");
});

test("6.3.6 Prefer: body=json takes the @context of GeoJSON out of the body, into the Link", async () => {
    const inBody = await city.get(`/entities/${id}`, geo);
    assert.ok(inBody.json["@context"]);
    const inLink = await city.get(`/entities/${id}`, { ...geo, Prefer: "body=json" });
    assert.equal(inLink.json["@context"], undefined);
    assert.match(inLink.headers["link"] ?? "", /json-ld#context/);
});

// ---- paths ----

test("6.1 what is not served says so: 404, 405 with Allow, 501", async () => {
    check(await city.get("/nothing"), 404);
    for (const [method, path, allow] of [
        ["PUT", "/types", /GET/],
        ["POST", `/entities/${id}`, /DELETE/],
        ["DELETE", "/jsonldContexts", /POST/],
        ["GET", "/entityOperations/create", /POST/],
    ] as [string, string, RegExp][]) {
        const answer = await city.call(method, path, method === "POST" || method === "PUT" ? {} : undefined);
        check(answer, 405, `${method} ${path}`);
        assert.match(answer.headers["allow"] ?? "", allow, path);
    }
    for (const [method, path] of [
        ["GET", "/csourceSubscriptions"],
        ["GET", "/temporal/entityMaps?type=T"],
        ["POST", "/csourceRegistrations"],
        ["GET", "/entityMaps"],
        ["POST", "/snapshots"],
    ] as [string, string][]) {
        check(await city.call(method, path, method === "POST" ? {} : undefined), [501, "OperationNotSupported"], path);
    }
    const head = await city.call("HEAD", `/entities/${id}`);
    const get = await city.get(`/entities/${id}`);
    assert.deepEqual(
        [head.status, head.text, head.headers["content-length"]],
        [200, "", get.headers["content-length"]],
    );
});

test("own: /health and /metrics answer", async () => {
    const health = await server.call("GET", "/health");
    assert.equal(health.status, 200);
    assert.equal(typeof JSON.parse(health.text).entities, "number");
    const metrics = await server.call("GET", "/metrics");
    assert.equal(metrics.status, 200);
    assert.match(metrics.text, /^# (HELP|TYPE) \S+/m);
});

// ---- two languages ----

const wrong: [method: string, path: string, body?: Json, headers?: Headers][] = [
    ["POST", "/entities", "{,"],
    ["POST", "/entities", { id: "tower", type: "T" }],
    ["POST", "/entities", { id: "urn:w", type: "T", a: { type: "Property" } }],
    ["POST", "/entities", { id, type: "T" }],
    ["GET", "/entities/urn:none"],
    ["GET", "/entities"],
    ["GET", "/entities?q=a=="],
    ["GET", "/entities?nothing=1"],
    ["GET", "/entities?type=T&georel=near&geometry=Point&coordinates=[0,0]"],
    ["GET", "/nothing"],
    ["PUT", "/types", {}],
    ["GET", "/entityMaps"],
    ["GET", "/subscriptions/urn:none"],
    ["GET", `/entities/${id}`, undefined, { Accept: "application/xml" }],
    ["GET", `/entities/${id}`, undefined, { "NGSILD-Tenant": "never" }],
    ["POST", "/entities", "{}", { "Content-Type": "text/plain" }],
];
test("own: errors in the asker's language, of one and the same type and status", async () => {
    for (const [method, path, body, headers] of wrong) {
        const what = `${method} ${path}`;
        const en = await city.call(method, path, body, headers);
        const cn = await city.call(method, path, body, { ...headers, ...zh });
        assert.equal(cn.status, en.status, what);
        if (en.text === "") continue;
        assert.equal(cn.json.type, en.json.type, what);
        assert.equal(cn.json.place, en.json.place, what);
        assert.match(cn.json.title, /\p{Script=Han}/u, what);
        assert.match(cn.json.detail, /\p{Script=Han}/u, what);
        assert.doesNotMatch(en.json.title + en.json.detail, /\p{Script=Han}/u, what);
    }
    const batch = [
        { id: "tower", type: "T" },
        { id: "urn:w2", type: "T", a: { type: "Property" } },
    ];
    const cn = await city.post("/entityOperations/create", batch, zh);
    for (const { error } of cn.json.errors as { error: Json }[]) assert.match(error.detail, /\p{Script=Han}/u);
    const de = await city.get("/entities/urn:none", { "Accept-Language": "de, en;q=0.5" });
    assert.doesNotMatch(de.json.detail, /\p{Script=Han}/u);
    const rather = await city.get("/entities/urn:none", { "Accept-Language": "en, zh;q=0.5" });
    assert.doesNotMatch(rather.json.detail, /\p{Script=Han}/u);
});

test("own: an error in a body names the place, a faulty text the line", async () => {
    const rows: [body: Json, place: RegExp][] = [
        [{ id: "urn:w", type: "T", a: { type: "Property" } }, /a/],
        [{ id: "urn:w", type: "T", a: { value: 1, deep: { type: "Relationship", object: "no uri" } } }, /a.*deep/],
        [
            { id: "urn:w", type: "T", location: { type: "GeoProperty", value: { type: "Point", coordinates: [1] } } },
            /location/,
        ],
        ['{"id":"urn:w",\n"type":"T",\n"a":}', /3/],
        ['{"id":"urn:w","type":"T","a":1,"a":2}', /a/],
    ];
    for (const [body, place] of rows) {
        const answer = await city.post("/entities", body);
        assert.equal(answer.status, 400);
        assert.match(`${answer.json.place ?? ""} ${answer.json.detail}`, place, answer.text);
    }
});
