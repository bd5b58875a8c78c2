// @contexts: what a request's names mean (5.5.5, 5.5.7, 6.3.5), and hosting them (5.13).
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { api, check, folder, ld, linkTo, serve, type City, type Json, type Want } from "./server.ts";

const v = "https://example.org/v#";
const base = "http://jindu.example";
const offlineUrl = "https://example.org/offline.jsonld";
const bad: Want = [400, "BadRequestData"];
const invalid: Want = [400, "InvalidRequest"];
const missing: Want = [404, "ResourceNotFound"];
const property = (value: Json): Json => ({ type: "Property", value });

// A server of contexts beside; what it answers can be changed.
const documents: Record<string, string | undefined> = {
    "/good.jsonld": JSON.stringify({ "@context": { Boat: `${v}Boat`, mast: `${v}mast` } }),
    "/list.jsonld": JSON.stringify({ "@context": [offlineUrl, { mast: `${v}mast` }] }),
    "/text.jsonld": "this is no JSON",
    "/other.jsonld": JSON.stringify({ mast: `${v}mast` }),
    "/loop.jsonld": "",
};
const asked: Record<string, number> = {};
const beside = createServer((request, answer) => {
    const url = request.url ?? "";
    asked[url] = (asked[url] ?? 0) + 1;
    const text = documents[url];
    answer.writeHead(text === undefined ? 404 : 200, { "Content-Type": "application/ld+json" });
    answer.end(text ?? "");
});
await new Promise<void>((ready) => beside.listen(0, "127.0.0.1", ready));
after(() => beside.close());
const besideUrl = `http://127.0.0.1:${(beside.address() as AddressInfo).port}`;
documents["/loop.jsonld"] = JSON.stringify({ "@context": [`${besideUrl}/loop.jsonld`] });

const offline = folder();
mkdirSync(join(offline, "sub"));
writeFileSync(join(offline, "index.json"), JSON.stringify({ [offlineUrl]: "sub/one.jsonld" }));
writeFileSync(
    join(offline, "sub/one.jsonld"),
    JSON.stringify({ "@context": { Boat: `${v}Boat`, length: `${v}length` } }),
);
const server = await serve("--base-url", base, "--contexts", offline, "--fetch-allow", `${besideUrl}/`);

const id = "urn:x:boat";
/** What is stored under which whole name, asked without an @context. */
async function stored(city: City): Promise<Json> {
    const { "@context": _, ...rest } = await city.entity(id);
    return rest;
}

const forms: [what: string, context: Json, boat: string, mast: string][] = [
    ["an object", { Boat: `${v}Boat`, mast: `${v}mast` }, `${v}Boat`, `${v}mast`],
    ["an object of definitions", { Boat: { "@id": `${v}Boat` }, mast: { "@id": `${v}mast` } }, `${v}Boat`, `${v}mast`],
    ["a prefix", { v, Boat: "v:Boat", mast: "v:mast" }, `${v}Boat`, `${v}mast`],
    ["a list; the later wins", [{ Boat: "urn:no", mast: `${v}mast` }, { Boat: `${v}Boat` }], `${v}Boat`, `${v}mast`],
    ["@vocab does not reach past the core's", { Boat: `${v}Boat` }, `${v}Boat`, "mast"],
    ["a URL that is fetched", `${besideUrl}/good.jsonld`, `${v}Boat`, `${v}mast`],
    ["a fetched list that names others", `${besideUrl}/list.jsonld`, `${v}Boat`, `${v}mast`],
    ["a URL that is kept offline", [offlineUrl], `${v}Boat`, "mast"],
    ["the core's own URL", "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld", "Boat", "mast"],
    ["the core cannot be redefined", { Property: `${v}Property`, Boat: `${v}Boat` }, `${v}Boat`, "mast"],
];
for (const [what, context, boat, mast] of forms) {
    test(`5.5.5 @context in the body: ${what}`, async () => {
        const city = await server.city();
        const entity = { id, type: "Boat", mast: property(1), "@context": context };
        check(await city.post("/entities", entity), 201);
        assert.deepEqual(await stored(city), { id, type: boat, [mast]: property(1) });
        // Asked with the same @context, it comes back as it went in; the user's @context alone is echoed.
        if (typeof context !== "string" || !context.startsWith(besideUrl)) return;
        const back = await city.get(`/entities/${id}`, { ...linkTo(context), ...ld });
        assert.deepEqual(back.json, { ...entity, "@context": back.json["@context"] });
        assert.deepEqual([back.json["@context"]].flat(), [context]);
    });
}

const refused: [what: string, body: Json, headers: Record<string, string>, want: Want][] = [
    ["JSON with an @context inside", { "@context": {} }, { "Content-Type": "application/json" }, bad],
    ["JSON-LD without one", {}, { "Content-Type": "application/ld+json" }, bad],
    ["JSON-LD with a Link", { "@context": {} }, linkTo(offlineUrl), bad],
    [
        "one that nobody has",
        { "@context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-none.jsonld" },
        {},
        [504, "LdContextNotAvailable"],
    ],
    [
        "one whose server is not there",
        { "@context": "http://127.0.0.1:1/x.jsonld" },
        {},
        [504, "LdContextNotAvailable"],
    ],
    ["one that is answered 404", { "@context": `${besideUrl}/none.jsonld` }, {}, [504, "LdContextNotAvailable"]],
    ["a fetched text that is no JSON", { "@context": `${besideUrl}/text.jsonld` }, {}, bad],
    ["a fetched document without @context", { "@context": `${besideUrl}/other.jsonld` }, {}, bad],
    ["one that names itself", { "@context": `${besideUrl}/loop.jsonld` }, {}, bad],
    ["a number", { "@context": 42 }, {}, bad],
    ["a list with a number", { "@context": [{}, 7] }, {}, bad],
    ["a term with an @context of its own", { "@context": { Boat: { "@id": `${v}Boat`, "@context": {} } } }, {}, bad],
    ["a broken Link", {}, { Link: "<x" }, bad],
    [
        "two in a Link",
        {},
        { Link: `${linkTo(offlineUrl)["Link"]}, ${linkTo(`${besideUrl}/good.jsonld`)["Link"]}` },
        bad,
    ],
];
test("5.5.5, 6.3.5 @contexts that are refused leave nothing behind", async () => {
    const city = await server.city();
    for (const [what, members, headers, want] of refused) {
        check(await city.post("/entities", { id, type: "Boat", ...members }, headers), want, what);
        assert.equal(await city.entity(id), undefined, what);
    }
});

test("6.3.5 a Link header gives the @context of JSON bodies and of answers; other links are passed over", async () => {
    const city = await server.city();
    const link = linkTo(`${besideUrl}/good.jsonld`);
    check(await city.post("/entities", { id, type: "Boat", mast: 1 }, link), 201);
    assert.deepEqual(await stored(city), { id, type: `${v}Boat`, [`${v}mast`]: property(1) });
    const mixed = { Link: `<https://example.org/x>; rel="next", ${link.Link}` };
    const answer = await city.get(`/entities/${id}`, mixed);
    assert.deepEqual(answer.json, { id, type: "Boat", mast: property(1) });
    assert.ok(answer.headers["link"]?.includes(`<${besideUrl}/good.jsonld>`));
    assert.equal((await city.get("/entities?type=Boat", link)).json.length, 1);
    assert.equal((await city.get("/entities?type=Boat")).json.length, 0);
    assert.equal((await city.get("/entities?q=mast==1", link)).json.length, 1);
    check(await city.patch(`/entities/${id}/attrs/mast`, { value: 2 }, link), 204);
    check(await city.patch(`/entities/${id}/attrs/mast`, { value: 2 }), missing);
});

test("5.5.7 a short name that the asker's @context gives to another IRI is not used", async () => {
    const city = await server.city({ id, type: "Boat", mast: 1 });
    const answer = await city.get(`/entities/${id}`, linkTo(`${besideUrl}/good.jsonld`));
    assert.deepEqual(answer.json, {
        id,
        type: "ngsi-ld:default-context/Boat",
        "ngsi-ld:default-context/mast": property(1),
    });
});

test("5.5.5 a remote @context is fetched once, not for every request", async () => {
    const city = await server.city();
    documents["/counted.jsonld"] = documents["/good.jsonld"];
    const link = linkTo(`${besideUrl}/counted.jsonld`);
    for (let i = 0; i < 5; i++) check(await city.post("/entities", { id: `urn:x:${i}`, type: "Boat" }, link), 201);
    assert.equal(asked["/counted.jsonld"], 1);
});

// ---- 5.13 ----

const hosted = { "@context": { Boat: `${v}Boat`, mast: `${v}mast` } };
async function host(city: City, document: Json = hosted): Promise<string> {
    const made = await city.post("/jsonldContexts", document, { "Content-Type": "application/json" });
    check(made, 201);
    assert.equal(made.text, "");
    const location = made.headers["location"] ?? "";
    assert.match(location, /^\/ngsi-ld\/v1\/jsonldContexts\/[^/]+$/);
    return location.slice(api.length);
}

test("5.13.2, 5.13.4, 5.13.5 host an @context, use it by its URL, serve it, delete it", async () => {
    const city = await server.city();
    const path = await host(city);
    const url = base + api + path;
    const served = await city.get(path);
    check(served, 200);
    assert.equal(served.headers["content-type"], "application/json");
    assert.deepEqual(served.json, hosted);
    const details = await city.get(`${path}?details=true`);
    assert.equal(details.json.kind, "Hosted");
    assert.equal(details.json.URL, url);
    assert.ok(path.endsWith(details.json.localId));
    assert.match(details.json.createdAt, /Z$/);
    check(await city.post("/entities", { id, type: "Boat", mast: 1 }, linkTo(url)), 201);
    assert.deepEqual(await stored(city), { id, type: `${v}Boat`, [`${v}mast`]: property(1) });
    check(await city.del(`${path}?reload=true`), bad);
    check(await city.del(path), 204);
    check(await city.get(path), missing);
    check(await city.del(path), missing);
});

test("5.13.2 what is no @context", async () => {
    const city = await server.city();
    const json = { "Content-Type": "application/json" };
    const rows: [body: unknown, want: Want][] = [
        [{ terms: {} }, invalid],
        ["{,", invalid],
        ["[1]", invalid],
        [{ "@context": 42 }, bad],
        [{ "@context": true }, bad],
        [{ "@context": [{}, 7] }, bad],
    ];
    for (const [body, want] of rows) {
        const answer = await city.post("/jsonldContexts", body, json);
        check(answer, want, JSON.stringify(body));
        assert.equal(answer.headers["location"], undefined);
        assert.notEqual(answer.json.title, answer.json.detail);
    }
});

test("5.13.3 list by kind, with details and without; a hosted one is its tenant's alone", async () => {
    const city = await server.city();
    const path = await host(city);
    const url = base + api + path;
    const list = async (query: string): Promise<Json[]> => {
        const answer = await city.get(`/jsonldContexts${query}`);
        check(answer, 200, query);
        assert.equal(answer.headers["content-type"], "application/json");
        return answer.json;
    };
    assert.deepEqual(await list("?kind=Hosted"), [url]);
    assert.ok((await list("")).includes(url));
    const [one] = await list("?details=true&kind=Hosted");
    assert.equal(one.URL, url);
    assert.ok(!(await list("?kind=Cached")).includes(url));
    assert.deepEqual(await list("?kind=ImplicitlyCreated"), []);
    const other = await server.city();
    assert.deepEqual((await other.get("/jsonldContexts?kind=Hosted")).json, []);
    check(await other.get(path), missing);
    check(await other.del(path), missing);
    for (const query of ["?kind=Mine", "?details=perhaps"])
        check(await city.get(`/jsonldContexts${query}`), bad, query);
    check(await city.get("/jsonldContexts?nothing=1"), invalid);
});

test("5.13.3-5.13.5 cached ones: listed once used, served with details, reloaded, deleted", async () => {
    const city = await server.city();
    documents["/kept.jsonld"] = documents["/good.jsonld"];
    const url = `${besideUrl}/kept.jsonld`;
    const path = `/jsonldContexts/${encodeURIComponent(url)}`;
    check(await city.get(path), missing);
    check(await city.post("/entities", { id, type: "Boat" }, linkTo(url)), 201);
    assert.ok((await city.get("/jsonldContexts?kind=Cached")).json.includes(url));
    const details = await city.get(`${path}?details=true`);
    assert.equal(details.json.kind, "Cached");
    assert.equal(details.json.URL, url);
    // reload takes what is there now; when that fails, the old one stays.
    documents["/kept.jsonld"] = JSON.stringify({ "@context": { Boat: "urn:other:Boat" } });
    check(await city.del(`${path}?reload=true`), 204);
    check(await city.post("/entities", { id: "urn:x:2", type: "Boat" }, linkTo(url)), 201);
    assert.equal((await city.entity("urn:x:2")).type, "urn:other:Boat");
    documents["/kept.jsonld"] = undefined;
    check(await city.del(`${path}?reload=true`), [504, "LdContextNotAvailable"]);
    check(await city.post("/entities", { id: "urn:x:3", type: "Boat" }, linkTo(url)), 201);
    check(await city.del(`${path}?reload=maybe`), bad);
    check(await city.del(path), 204);
    check(await city.get(path), missing);
    check(await city.post("/entities", { id: "urn:x:4", type: "Boat" }, linkTo(url)), [504, "LdContextNotAvailable"]);
});

test("5.13.4, 5.13.5 the core @context is always there, and unknown ones never", async () => {
    const city = await server.city();
    const url = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld";
    const path = `/jsonldContexts/${encodeURIComponent(url)}`;
    check(await city.get(`${path}?details=true`), 200);
    check(await city.del(path), bad);
    check(await city.del(`${path}?reload=true`), 204);
    check(await city.get(`${path}?details=true`), 200);
    for (const name of ["none", "123456", encodeURIComponent("http://127.0.0.1:1/gone.jsonld")]) {
        check(await city.get(`/jsonldContexts/${name}`), missing, name);
        check(await city.del(`/jsonldContexts/${name}`), missing, name);
        check(await city.del(`/jsonldContexts/${name}?reload=true`), bad, name);
    }
});

test("5.13.2 hosted @contexts outlive a restart, entities keep their whole names", async () => {
    const city = await server.city();
    const path = await host(city);
    const link = linkTo(base + api + path);
    check(await city.post("/entities", { id, type: "Boat", mast: 1 }, link), 201);
    assert.equal(await server.stop(), 0);
    await server.start();
    assert.deepEqual((await city.get(path)).json, hosted);
    assert.deepEqual((await city.get(`/entities/${id}`, link)).json, { id, type: "Boat", mast: property(1) });
});
