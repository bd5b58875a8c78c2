// HTTP held to the letter at the door (RFC 9112, RFC 9110): where two readers of one byte stream could disagree, it is
// refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, serve } from "./server.ts";

const server = await serve();
const city = await server.city({ id: "urn:x:1", type: "T" });
const path = `${api}/entities/urn:x:1`;
const tenant = `NGSILD-Tenant: ${city.tenant}`;
const get = (...lines: string[]): string =>
    `GET ${path} HTTP/1.1\r\n${[...lines, tenant, "Connection: close"].join("\r\n")}\r\n\r\n`;
const entity = '{"id":"urn:x:smuggled","type":"T"}';
const post = (body: string, ...lines: string[]): string =>
    [`POST ${api}/entities HTTP/1.1`, "Host: x", tenant, "Content-Type: application/json", "Connection: close"]
        .concat(lines, "", body)
        .join("\r\n");
const length = `Content-Length: ${entity.length}`;

const refused: [what: string, bytes: string][] = [
    ["no Host", get()],
    ["an empty Host", get("Host:")],
    ["two Hosts", get("Host: a", "Host: b")],
    ["a Host with a blank", get("Host: a b")],
    ["a blank before the colon", get("Host : x")],
    ["a header line that is folded", get("Host: x", "X-A: 1", " 2")],
    ["a header without colon", get("Host: x", "nonsense")],
    ["a header name with a blank", get("Host: x", "X A: 1")],
    ["an empty header name", get("Host: x", ": 1")],
    ["NUL in a header", get("Host: x", "X-A: a\0b")],
    ["NUL in the target", `GET ${api}/entities/urn:x\0:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
    ["a control character in a header", get("Host: x", "X-A: a\x01b")],
    ["a bare CR in a header", get("Host: x", "X-A: a\rb")],
    ["bare LFs", `GET ${path} HTTP/1.1\nHost: x\n${tenant}\nConnection: close\n\n`],
    ["a blank in the target", `GET ${api}/entities?type=T &a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
    ["a fragment in the target", `GET ${path}#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
    ["no version", `GET ${path}\r\nHost: x\r\nConnection: close\r\n\r\n`],
    ["Content-Length and Transfer-Encoding", post(entity, length, "Transfer-Encoding: chunked")],
    [
        "Transfer-Encoding and Content-Length",
        post(`${entity.length.toString(16)}\r\n${entity}\r\n0\r\n\r\n`, "Transfer-Encoding: chunked", length),
    ],
    ["two Content-Lengths", post(entity, length, "Content-Length: 2")],
    ["two Content-Lengths that agree", post(entity, length, length)],
    ["a list as Content-Length", post(entity, `${length}, ${entity.length}`)],
    ["a signed Content-Length", post(entity, `Content-Length: +${entity.length}`)],
    ["a hexadecimal Content-Length", post(entity, "Content-Length: 0x22")],
    ["a negative Content-Length", post(entity, "Content-Length: -1")],
    ["an empty Content-Length", post(entity, "Content-Length:")],
    ["a huge Content-Length", post(entity, "Content-Length: 99999999999999999999999")],
    ["an unknown transfer coding", post(entity, "Transfer-Encoding: gzip, chunked")],
    ["identity as transfer coding", post(entity, "Transfer-Encoding: identity", length)],
    ["chunked twice", post(entity, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")],
    ["chunked in HTTP/1.0", post(entity, "Transfer-Encoding: chunked").replace("HTTP/1.1", "HTTP/1.0")],
];

/** The statuses of all answers on the connection. */
const statuses = (got: string): number[] =>
    [...got.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1]));

for (const [what, bytes] of refused) {
    test(`RFC 9112: ${what} is refused, and the connection closed`, async () => {
        // A second request behind it must not be answered.
        const got = await server.raw(Buffer.from(bytes + get("Host: x"), "latin1"));
        assert.ok(
            statuses(got).every((status) => [400, 411, 413, 501, 505].includes(status)),
            got,
        );
        assert.equal(await city.entity("urn:x:smuggled"), undefined);
    });
}

test("RFC 9112: what is plain is served, and so is what follows on the connection", async () => {
    const one = `GET ${path} HTTP/1.1\r\nHost: x\r\n${tenant}\r\n\r\n`;
    assert.deepEqual(
        statuses(await server.raw(one + one + get("host:x", "X-Blank:   ", "x-tab:\ta\t"))),
        [200, 200, 200],
    );
    assert.deepEqual(statuses(await server.raw(`GET ${path} HTTP/1.0\r\n${tenant}\r\n\r\n`)), [200]);
    const made = post('{"id":"urn:x:2","type":"T"}', "content-length: 27") + get("Host: x");
    assert.deepEqual(statuses(await server.raw(made)), [201]); // it said Connection: close
});

test("RFC 9110 10.1.1: Expect: 100-continue is answered before the body is sent", async () => {
    const head = post("", "Content-Length: 27", "Expect: 100-continue");
    const got = await server.raw(head + '{"id":"urn:x:3","type":"T"}');
    const seen = statuses(got);
    assert.equal(seen.at(-1), 201, got);
});

test("garbage instead of HTTP ends the connection, and hurts nobody else", async () => {
    for (const bytes of [
        "\x16\x03\x01\x02\x00\x01\x00",
        "\0".repeat(100),
        "GARBAGE\r\n\r\n",
        "{}\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]) {
        const seen = statuses(await server.raw(Buffer.from(bytes, "latin1"), 1500).catch(() => ""));
        assert.ok(
            seen.every((status) => status >= 400),
            `${seen}`,
        );
    }
    assert.ok(await city.entity("urn:x:1"));
});
