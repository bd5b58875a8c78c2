// What Jindu adds: ETag with If-Match and If-None-Match (RFC 9110 13), and limits, each at its edge.
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { api, ask, check, geo, ld, serve, type Json, type Want } from "./server.ts";

const KiB = 1024;
const limits = { body: 64 * KiB, header: 4 * KiB, target: 1 * KiB, connections: 40, tenants: 40, scan: 50 };
const server = await serve(
    ...[
        "--body-max",
        String(limits.body),
        "--header-max",
        String(limits.header),
        "--target-max",
        String(limits.target),
    ],
    ...["--connections-max", String(limits.connections), "--tenants-max", String(limits.tenants)],
    ...["--query-scan-max", String(limits.scan), "--idle-ms", "60000"],
);
const id = "urn:x:1";
const path = `/entities/${id}`;
const bad: Want = [400, "BadRequestData"];
const stale: Want = [412, "PreconditionFailed"];
const property = (value: Json): Json => ({ type: "Property", value });

test("own: an ETag stays while the entity stays, and moves with it", async () => {
    const city = await server.city({ id, type: "T", a: 1, b: 2 });
    const tag = async (query = "", headers = {}): Promise<string> =>
        (await city.get(path + query, headers)).headers["etag"] ?? "";
    const first = await tag();
    assert.match(first, /^"[^"]+"$/);
    assert.equal(await tag(), first);
    check(await city.patch(path, { a: 2 }), 204);
    const second = await tag();
    assert.notEqual(second, first);
    // Other forms of the same entity are other representations (RFC 9110 8.8.1).
    const forms = [
        second,
        await tag("?format=simplified"),
        await tag("?pick=a"),
        await tag("", ld),
        await tag("", geo),
    ];
    assert.equal(new Set(forms).size, forms.length);
    assert.equal((await city.get("/entities?type=T")).headers["etag"], undefined);
});

test("own: If-None-Match of a read: 304 without a body while it is the same", async () => {
    const city = await server.city({ id, type: "T", a: 1 });
    const etag = (await city.get(path)).headers["etag"]!;
    for (const value of [etag, `"other", ${etag}`, `W/${etag}`, "*"]) {
        const answer = await city.get(path, { "If-None-Match": value });
        assert.deepEqual([answer.status, answer.text, answer.headers["etag"]], [304, "", etag], value);
    }
    check(await city.get(path, { "If-None-Match": '"other"' }), 200);
    check(await city.get(`${path}?format=simplified`, { "If-None-Match": etag }), 200);
    check(await city.patch(path, { a: 2 }), 204);
    check(await city.get(path, { "If-None-Match": etag }), 200);
    check(await city.get("/entities/urn:none", { "If-None-Match": "*" }), [404, "ResourceNotFound"]);
});

const writes: [method: string, path: string, body?: Json][] = [
    ["PATCH", path, { a: 5 }],
    ["PUT", path, { id, type: "T", a: 5 }],
    ["POST", `${path}/attrs`, { a: 5 }],
    ["PATCH", `${path}/attrs`, { a: 5 }],
    ["PATCH", `${path}/attrs/a`, { value: 5 }],
    ["PUT", `${path}/attrs/a`, property(5)],
    ["DELETE", `${path}/attrs/a`],
    ["DELETE", path],
];
for (const [method, where, body] of writes) {
    test(`own: ${method} ${where} with If-Match changes what was seen, and nothing else`, async () => {
        const city = await server.city({ id, type: "T", a: 1, b: 2 });
        const old = (await city.get(path)).headers["etag"]!;
        check(await city.patch(path, { b: 3 }), 204);
        const before = await city.entity(id);
        for (const value of [old, '"0"', `${old}, "1"`])
            check(await city.call(method, where, body, { "If-Match": value }), stale, value);
        assert.deepEqual(await city.entity(id), before);
        // Whatever form it was seen in: If-Match looks at the entity.
        const etag = (await city.get(`${path}?format=simplified`)).headers["etag"]!;
        check(await city.call(method, where, body, { "If-Match": `"0", ${etag}` }), 204);
        assert.notDeepEqual(await city.entity(id), before);
    });
}

test("own: If-Match * asks that it is there, If-None-Match * that it is not", async () => {
    const city = await server.city({ id, type: "T", a: 1 });
    check(await city.patch(path, { a: 2 }, { "If-Match": "*" }), 204);
    check(await city.patch(path, { a: 3 }, { "If-None-Match": "*" }), stale);
    check(await city.patch(path, { a: 3 }, { "If-None-Match": '"x"' }), bad);
    assert.deepEqual((await city.entity(id)).a, property(2));
    const made = await city.post("/entities", { id: "urn:x:2", type: "T" }, { "If-None-Match": "*" });
    check(made, 201);
});

test("own: of many who saw the same, one changes it", async () => {
    const city = await server.city({ id, type: "T", n: 0 });
    for (let round = 1; round <= 5; round++) {
        const etag = (await city.get(path)).headers["etag"]!;
        const tries = await Promise.all(
            Array.from({ length: 16 }, () => city.patch(`${path}/attrs/n`, { value: round }, { "If-Match": etag })),
        );
        const won = tries.filter((answer) => answer.status === 204).length;
        assert.equal(won, 1, tries.map((answer) => answer.status).join(" "));
        assert.ok(tries.every((answer) => answer.status === 204 || answer.status === 412));
    }
});

// ---- limits ----

const sized = (bytes: number): string => {
    const frame = JSON.stringify({ id, type: "T", a: "" });
    return frame.replace('"a":""', `"a":"${"x".repeat(bytes - frame.length)}"`);
};
test("own: a body of --body-max bytes, and one more: 413", async () => {
    const city = await server.city();
    check(await city.post("/entities", sized(limits.body)), 201);
    check(await city.del(path), 204);
    check(await city.post("/entities", sized(limits.body + 1)), 413);
    assert.equal(await city.entity(id), undefined);
    check(await city.post("/entities", sized(limits.body)), 201);
});

test("own: an address of --target-max bytes, and one more: 414", async () => {
    const city = await server.city({ id, type: "T" });
    const target = (bytes: number): string => {
        const start = "/entities?type=";
        return start + "T".repeat(bytes - api.length - start.length);
    };
    check(await city.get(target(limits.target)), 200);
    check(await city.get(target(limits.target + 1)), 414);
});

test("own: headers within --header-max are read, beyond are refused: 431; so are more than 100", async () => {
    const city = await server.city({ id, type: "T" });
    check(await city.get(path, { "X-Long": "x".repeat(limits.header - 512) }), 200);
    check(await city.get(path, { "X-Long": "x".repeat(limits.header + 1) }), 431);
    const lines = (n: number): string => Array.from({ length: n }, (_, i) => `X${i}: y\r\n`).join("");
    const ask = (n: number): string =>
        `GET ${api}/types HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines(n - 2)}\r\n`;
    assert.match(await server.raw(ask(100)), /^HTTP\/1\.1 200 /);
    assert.match(await server.raw(ask(101)), /^HTTP\/1\.1 431 /);
});

test("own: more connections than --connections-max are not served; when some end, they are", async () => {
    const idle: Socket[] = [];
    for (let i = 0; i < limits.connections + 4; i++) {
        const socket = connect(server.port, "127.0.0.1").on("error", () => undefined);
        idle.push(socket);
    }
    await new Promise((done) => setTimeout(done, 300));
    const text = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const got = await server.raw(text, 1500).catch(() => "");
    assert.doesNotMatch(got, /^HTTP\/1\.1 200/);
    for (const socket of idle) socket.destroy();
    for (let i = 0; i < 100; i++) {
        if (/^HTTP\/1\.1 200/.test(await server.raw(text, 1500).catch(() => ""))) return;
        await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail("it did not serve again");
});

test("own: JSON 64 deep is read, 65 deep is not", async () => {
    const city = await server.city();
    // The entity's object, the attribute's object, then the value.
    const nested = (depth: number): string =>
        `{"id":"${id}","type":"T","a":{"value":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
    check(await city.post("/entities", nested(62)), 201);
    assert.equal(JSON.stringify((await city.entity(id)).a.value), "[".repeat(62) + "]".repeat(62));
    check(await city.del(path), 204);
    check(await city.post("/entities", nested(63)), [400, "InvalidRequest"]);
});

test("own: names of 2,000 bytes are kept, one more is refused", async () => {
    const city = await server.city();
    const name = (bytes: number): string => "https://example.org/x#".padEnd(bytes, "n");
    check(await city.post("/entities", { id, type: "T", [name(2000)]: 1 }), 201);
    assert.deepEqual((await city.entity(id))[name(2000)], property(1));
    const more = await city.post("/entities", { id: "urn:x:2", type: "T", [name(2001)]: 1 });
    assert.equal(more.status, 400, more.text);
    check(await city.get("/types"), 200);
});

test("own: a question that must look at more than --query-scan-max entities is refused", async () => {
    const many = (from: number, n: number): Json[] =>
        Array.from({ length: n }, (_, i) => ({ id: `urn:n:${from + i}`, type: "N", n: i }));
    const city = await server.city(...many(0, limits.scan - 1));
    check(await city.get("/entities" + ask({ q: 'n~="x"', type: "N" })), 200);
    check(await city.post("/entityOperations/create", many(100, 40)), 201);
    check(await city.get("/entities" + ask({ q: 'n~="x"', type: "N" })), [403, "TooComplexQuery"]);
    check(await city.get("/entities/urn:n:1"), 200);
});

test("own: a member twice, text that is no UTF-8, lone surrogates: no JSON", async () => {
    const city = await server.city();
    const refused = [
        '{"id":"urn:x:1","type":"T","type":"U"}',
        '{"id":"urn:x:1","type":"T","a":"\\ud800"}',
        '{"id":"urn:x:1","type":"T","a":01}',
    ];
    for (const text of refused) assert.equal((await city.post("/entities", text)).status, 400, text);
    const bytes = Buffer.concat([
        Buffer.from('{"id":"urn:x:1","type":"T","a":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}'),
    ]);
    const headers = {
        "NGSILD-Tenant": city.tenant!,
        "Content-Type": "application/json",
        "Content-Length": String(bytes.length),
    };
    const answer = await server.call("POST", `${api}/entities`, bytes, headers);
    check(answer, [400, "InvalidRequest"]);
    assert.equal(await city.entity(id), undefined);
});

// The last one: it uses up what tenants there may be.
test("own: --tenants-max tenants, and not one more; those there are go on", async () => {
    const city = await server.city({ id, type: "T" });
    let refusal: number | undefined;
    for (let i = 0; i <= limits.tenants && refusal === undefined; i++) {
        const headers = { "NGSILD-Tenant": `more${i}` };
        const answer = await city.post("/entities", { id, type: "T" }, headers);
        if (answer.status !== 201) refusal = answer.status;
    }
    assert.ok(refusal !== undefined && refusal >= 400, `${refusal}`);
    check(await city.patch(path, { a: 1 }), 204);
});
