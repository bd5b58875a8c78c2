// Packs (docs/packs.md): installed whole while the city runs, replaced by newer versions, removed; what is somebody
// else's stays his; entities are changed behind an install; all of it holds over kill -9.
import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { changed, city, faults, get, install, sample, send, withVersion, type Files } from "./packs.ts";
import { api, ask, binary, command, folder, linkTo, root, Server, zh, type Headers, type Json } from "./server.ts";

const server = new Server(folder());
before(() => server.start());
after(() => server.stop());

async function clean(): Promise<void> {
    for (const name of ["above", "sample", "other", "under"]) await send(server, "DELETE", `/api/packs/${name}`);
}
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 2000; i++) {
        if (await holds()) return;
        await sleep(20);
    }
    assert.fail(`it did not come about: ${what}`);
}
/** The pack's context, as a Link header names it. */
const linked = (): Headers => linkTo(`${server.url}/api/packs/sample/context.jsonld`);
async function freePort(): Promise<number> {
    const socket = createServer();
    await new Promise<void>((ready) => socket.listen(0, "127.0.0.1", ready));
    const port = (socket.address() as { port: number }).port;
    await new Promise((done) => socket.close(done));
    return port;
}

/** A pack of the least that is one. */
const little = (name: string, more: Json = {}, files: Files = {}): Files => ({
    "pack.json": JSON.stringify({ pack: 1, name, version: "1.0.0", title: { zh: name, en: name }, ...more }),
    ...files,
});

test("a pack is installed whole: its links are open, its mappings and policies there, its context served", async () => {
    await clean();
    const made = await install(server, sample());
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers["location"], "/api/packs/sample");
    assert.deepEqual(await city(server), {
        version: "1.0.0",
        links: ["sample-air", "sample-drop"],
        mappings: ["sample-frames", "sample-table"],
        policies: ["sample:SampleStation"],
    });
    const pack = await get(server, "/api/packs/sample");
    assert.equal(pack.state, "installed");
    assert.deepEqual(pack.counts, {
        types: 2,
        links: 2,
        mappings: 2,
        policies: 1,
        rules: 2,
        derivations: 1,
        views: 2,
    });
    assert.equal(pack.models.length, 2);
    assert.equal(pack.views.find((view: Json) => view.id === "stations").chart[0], "pm25");
    const air = (await get(server, "/api/links")).find((link: Json) => link.name === "sample-air");
    assert.equal(air.state, "open");
    const policy = (await get(server, "/api/history/policies"))[0];
    assert.deepEqual(policy.types, ["https://example.org/sample/SampleStation"]);
    const context = await server.call("GET", "/api/packs/sample/context.jsonld");
    assert.match(context.headers["content-type"] ?? "", /application\/ld\+json/);
    assert.equal(context.json["@context"].pm25, "https://example.org/sample/pm25");
});

test("a table through the pack's mapping has the pack's names", async () => {
    await clean();
    await install(server, sample());
    const took = await send(
        server,
        "POST",
        "/api/tables?mapping=sample-table",
        "station,at,pm25\na,2026-11-01T00:00:00Z,41\n",
    );
    assert.equal(took.status, 200, took.text);
    const found = await server.call("GET", `${api}/entities?type=SampleStation`, undefined, linked());
    assert.equal(found.status, 200, found.text);
    assert.equal(found.json[0].pm25.value, 41);
    assert.equal(found.json[0].pm25.unitCode, "GQ");
});

test("a context that a newer version changed is the new one at once", async () => {
    await clean();
    await install(server, sample());
    await server.call("GET", `${api}/entities?type=SampleStation`, undefined, linked());
    const other = changed(sample("1.1.0"), "pack.json", (pack: Json) => ({
        ...pack,
        "@context": { ...pack["@context"], Fresh: "https://example.org/sample/Fresh" },
    }));
    assert.equal((await install(server, other)).status, 204);
    const made = await server.call("POST", `${api}/entities`, JSON.stringify({ id: "urn:x:fresh", type: "Fresh" }), {
        "Content-Type": "application/json",
        ...linked(),
    });
    assert.equal(made.status, 201, made.text);
    const seen = await server.call("GET", `${api}/entities/urn:x:fresh`);
    assert.equal(seen.json.type, "https://example.org/sample/Fresh");
});

test("a newer version takes the place of the old one: what it lacks goes, what it keeps stays as it was", async () => {
    await clean();
    await install(server, sample());
    const before = (await get(server, "/api/links/sample-air")) as Json;
    let next = sample("1.1.0");
    next = changed(next, "links/sample-drop.json", () => undefined);
    next = changed(next, "mappings/sample-table.json", () => undefined);
    next = changed(next, "models/SampleStation.json", ({ history: _, ...rest }: Json) => rest);
    next = changed(next, "mappings/sample-more.json", () => JSON.parse(sample()["mappings/sample-table.json"]!));
    const done = await install(server, next);
    assert.equal(done.status, 204, done.text);
    assert.deepEqual(await city(server), {
        version: "1.1.0",
        links: ["sample-air"],
        mappings: ["sample-frames", "sample-more"],
        policies: [],
    });
    assert.deepEqual(await get(server, "/api/links/sample-air"), before);
});

test("versions: only a newer one, or the same files; or by force", async () => {
    await clean();
    await install(server, sample("1.2.0"));
    const since = (await get(server, "/api/packs/sample")).installed;
    assert.equal((await install(server, sample("1.2.0"))).status, 204);
    assert.equal((await get(server, "/api/packs/sample")).installed, since, "nothing was done");
    const same = changed(sample("1.2.0"), "views/states.json", (view: Json) => ({ ...view, id: "other" }));
    const refused = await install(server, same);
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.json.detail, /1\.2\.0.*newer version, or force/);
    for (const older of ["1.1.9", "1.2.0-rc.1", "0.9.0"])
        assert.equal((await install(server, sample(older))).status, 409, older);
    assert.equal((await city(server)).version, "1.2.0");
    assert.equal((await install(server, same, "?force=true")).status, 204);
    assert.equal((await install(server, sample("0.9.0"), "?force=true")).status, 204);
    assert.equal((await city(server)).version, "0.9.0");
    for (const newer of ["0.9.1-alpha", "0.9.1-alpha.2", "0.9.1-alpha.10", "0.9.1-beta", "0.9.1", "0.10.0", "10.0.0"])
        assert.equal((await install(server, sample(newer))).status, 204, newer);
});

test("check alone changes nothing", async () => {
    await clean();
    const good = await install(server, sample(), "?check=true");
    assert.equal(good.status, 200, good.text);
    assert.deepEqual(good.json, { faults: [] });
    const bad = await install(
        server,
        changed(sample(), "views/x.json", () => ({ view: 1 })),
        "?check=true",
    );
    assert.ok(faults(bad).every((fault) => fault.file === "views/x.json"));
    assert.equal((await city(server)).version, undefined);
});

test("faults are told in the asker's language, with their places; at most 100", async () => {
    const bad = changed(sample(), "views/states.json", (view: Json) => ({ ...view, columns: ["nothing"] }));
    const en = faults(await install(server, bad))[0]!;
    assert.deepEqual(
        { file: en.file, path: en.path, line: en.line, column: en.column },
        { file: "views/states.json", path: "columns[0]", line: 10, column: 5 },
    );
    assert.match(en.reason, /no attribute "nothing"/);
    assert.match(faults(await install(server, bad, "", zh))[0]!.reason, /没有属性“nothing”/);
    const many = changed(sample(), "views/states.json", (view: Json) => ({
        ...view,
        columns: Array.from({ length: 99 }, (_, i) => `x${i}`),
        chart: Array.from({ length: 20 }, (_, i) => `y${i}`),
    }));
    const answer = await install(server, many);
    assert.equal(faults(answer).length, 100);
    assert.equal(answer.json.more, true);
});

test("a file that has no place in a pack, one that is no JSON, no manifest: named", async () => {
    const odd = faults(
        await install(server, { ...sample(), "models/a.txt": "{}", "x.json": "{}", "links/a b.json": "{}" }),
    );
    assert.deepEqual(odd.map((fault) => fault.file).sort(), ["links/a b.json", "models/a.txt", "x.json"]);
    const broken = faults(await install(server, { ...sample(), "views/x.json": '{\n "view": 1,\n "id": }' }));
    assert.deepEqual([broken[0]!.file, broken[0]!.line, broken[0]!.column], ["views/x.json", 3, 8]);
    const none = faults(await install(server, { "views/x.json": "{}" }));
    assert.ok(none.some((fault) => fault.file === "pack.json" && /missing/.test(fault.reason)));
    for (const body of ["{}", "[]", '{"files": []}', '{"files": {"pack.json": 1}}', '{"files": {}, "more": 1}'])
        assert.equal((await send(server, "POST", "/api/packs", body)).status, 400, body);
});

test("a link or mapping that is somebody else's refuses the install, and stays", async () => {
    await clean();
    const mapping = sample()["mappings/sample-table.json"]!.replace("SampleStation", "Mine");
    assert.equal((await send(server, "PUT", "/api/mappings/sample-table", mapping)).status, 201);
    const refused = await install(server, sample());
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.json.detail, /mapping "sample-table" is there already, declared by the operator/);
    assert.deepEqual(await city(server), { version: undefined, links: [], mappings: ["sample-table"], policies: [] });
    assert.equal((await server.call("GET", "/api/mappings/sample-table")).text, mapping);
    assert.equal((await send(server, "DELETE", "/api/mappings/sample-table")).status, 204);
    assert.equal((await install(server, sample())).status, 201);
    const other = await install(server, little("other", {}, { "mappings/sample-table.json": mapping }));
    assert.equal(other.status, 409);
    assert.match(other.json.detail, /belongs to the pack "sample"/);
});

test("what a pack owns is changed with the pack alone", async () => {
    await clean();
    await install(server, sample());
    for (const [method, path, body] of [
        ["DELETE", "/api/links/sample-air", undefined],
        ["PUT", "/api/links/sample-air", { protocol: "hj212", listen: "127.0.0.1:0", maps: [] }],
        ["DELETE", "/api/mappings/sample-table", undefined],
        ["PUT", "/api/mappings/sample-table", sample()["mappings/sample-table.json"]],
        ["DELETE", "/api/history/policies/sample:SampleStation", undefined],
        ["PUT", "/api/history/policies/sample:SampleStation", { types: ["SampleStation"], raw: "P1D" }],
    ] as [string, string, Json][]) {
        const answer = await send(server, method, path, body);
        assert.equal(answer.status, 409, `${method} ${path}: ${answer.text}`);
        assert.match(answer.json.detail, /belongs to the pack "sample"/);
    }
    assert.equal((await city(server)).links.length, 2);
});

test("an address that is taken refuses the install, and nothing is changed", async () => {
    await clean();
    const socket = createServer();
    await new Promise<void>((ready) => socket.listen(0, "127.0.0.1", ready));
    const port = (socket.address() as { port: number }).port;
    await install(server, sample());
    const next = changed(sample("1.1.0"), "links/sample-b.json", () => ({
        protocol: "hj212",
        listen: `127.0.0.1:${port}`,
        maps: ["sample-frames"],
    }));
    const refused = await install(server, next);
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.json.detail, /links\/sample-b\.json/);
    assert.deepEqual((await city(server)).links, ["sample-air", "sample-drop"]);
    assert.equal((await city(server)).version, "1.0.0");
    await new Promise((done) => socket.close(done));
    assert.equal((await install(server, next)).status, 204, "it is free now");
    assert.deepEqual((await city(server)).links, ["sample-air", "sample-b", "sample-drop"]);
});

test("a link may have another name in a newer version, at the same address", async () => {
    await clean();
    const port = await freePort();
    const link = { protocol: "hj212", listen: `127.0.0.1:${port}`, maps: [] };
    assert.equal((await install(server, little("other", {}, { "links/a.json": JSON.stringify(link) }))).status, 201);
    const next = await install(server, little("other", { version: "1.1.0" }, { "links/b.json": JSON.stringify(link) }));
    assert.equal(next.status, 204, next.text);
    assert.deepEqual((await city(server)).links, ["b"]);
    assert.equal((await get(server, "/api/links/b")).state, "open");
});

test("a pack needs others: they must be there, new enough, and stay", async () => {
    await clean();
    const station = sample()["models/SampleSite.json"]!;
    const under = little(
        "under",
        { "@context": { SampleSite: "https://example.org/s/Site" } },
        { "models/s.json": station },
    );
    const view = { view: 1, id: "v", title: { zh: "a", en: "a" }, type: "SampleSite", columns: ["capacity"] };
    const above = (least: string): Files =>
        little(
            "above",
            { needs: { packs: { under: least } }, "@context": { SampleSite: "https://example.org/s/Site" } },
            { "views/v.json": JSON.stringify(view) },
        );
    assert.match(faults(await install(server, above("1.0.0")))[0]!.reason, /"under" is not installed/);
    assert.equal((await install(server, under)).status, 201);
    assert.match(faults(await install(server, above("1.0.1")))[0]!.reason, /is there in version 1\.0\.0/);
    assert.equal((await install(server, above("1.0.0"))).status, 201);
    const gone = await send(server, "DELETE", "/api/packs/under");
    assert.equal(gone.status, 409);
    assert.match(gone.json.detail, /"above" needs it/);
    const without = changed(withVersion(under, "1.1.0"), "models/s.json", (model: Json) => ({
        ...model,
        attributes: { other: model.attributes.capacity },
    }));
    const refused = await install(server, without);
    assert.equal(refused.status, 409, refused.text);
    assert.match(refused.json.detail, /"above", which needs this one, would not fit it: views\/v\.json:\d+:\d+/);
    const both = changed(withVersion(under, "1.2.0"), "pack.json", (pack: Json) => ({
        ...pack,
        needs: { packs: { above: "1.0.0" } },
    }));
    assert.match(faults(await install(server, both))[0]!.reason, /would need each other/);
    await server.kill();
    await server.start();
    for (const name of ["above", "under"])
        assert.equal((await get(server, `/api/packs/${name}`)).state, "installed", name);
    assert.equal((await send(server, "DELETE", "/api/packs/above")).status, 204);
    assert.equal((await send(server, "DELETE", "/api/packs/under")).status, 204);
});

test("a type belongs to one pack", async () => {
    await clean();
    await install(server, sample());
    const other = little(
        "other",
        { "@context": { SampleSite: "https://example.org/sample/SampleSite" } },
        { "models/s.json": sample()["models/SampleSite.json"]! },
    );
    assert.match(faults(await install(server, other))[0]!.reason, /pack "sample" declares this type already/);
});

test("removing: what it brought goes, entities stay", async () => {
    await clean();
    await install(server, sample());
    await send(server, "POST", "/api/tables?mapping=sample-table", "station,at,pm25\nstays,2026-11-01T00:00:00Z,41\n");
    assert.equal((await send(server, "DELETE", "/api/packs/sample")).status, 204);
    assert.deepEqual(await city(server), { version: undefined, links: [], mappings: [], policies: [] });
    assert.equal((await server.call("GET", `${api}/entities/urn:ngsi-ld:SampleStation:stays`)).status, 200);
    assert.equal((await send(server, "DELETE", "/api/packs/sample")).status, 404);
    assert.equal((await server.call("GET", "/api/packs/sample")).status, 404);
    assert.equal((await server.call("GET", "/api/packs/sample/context.jsonld")).status, 404);
});

test("over a restart all is as it was", async () => {
    await clean();
    await install(server, sample());
    const before = await get(server, "/api/packs");
    assert.equal(await server.stop(), 0);
    await server.start();
    assert.deepEqual(await get(server, "/api/packs"), before);
    assert.equal((await get(server, "/api/links/sample-air")).state, "open");
    assert.equal((await install(server, sample())).status, 204, "the same files");
});

test("a pack whose @context cannot be had at a start is failed; the city starts, and it comes back", async () => {
    await clean();
    const contexts = createHttp((_, answer) => {
        answer.setHeader("Content-Type", "application/ld+json");
        answer.end(JSON.stringify({ "@context": { SampleSite: "https://example.org/s/Site" } }));
    });
    const listen = (port: number): Promise<void> => new Promise((done) => contexts.listen(port, "127.0.0.1", done));
    await listen(0);
    const { port } = contexts.address() as { port: number };
    const pack = little(
        "other",
        { "@context": `http://127.0.0.1:${port}/c.jsonld` },
        {
            "models/s.json": sample()["models/SampleSite.json"]!,
            "mappings/m.json": sample()["mappings/sample-table.json"]!,
        },
    );
    const made = await install(server, pack);
    assert.equal(made.status, 201, made.text);
    contexts.closeAllConnections();
    await new Promise((done) => contexts.close(done));
    await server.kill();
    await server.start();
    const failed = await get(server, "/api/packs/other");
    assert.equal(failed.state, "failed");
    assert.match(failed.reason, /^pack\.json:\d+:\d+: @context: /);
    assert.deepEqual((await city(server, "other")).mappings, ["m"], "what it owns is there");
    assert.equal((await send(server, "DELETE", "/api/mappings/m")).status, 409, "and stays its own");
    await listen(port);
    await until("it is back", async () => (await get(server, "/api/packs/other")).state === "installed");
    assert.equal((await get(server, "/api/packs/other")).counts.types, 1);
    assert.equal((await send(server, "DELETE", "/api/packs/other")).status, 204);
    await new Promise((done) => contexts.close(done));
});

test("attributes get other names behind the install, in all entities, also over kill -9", async () => {
    await clean();
    await install(server, sample());
    const count = 1500;
    const rows = Array.from({ length: count }, (_, i) => `m${i},2026-11-01T00:00:00Z,${i % 100}`).join("\n");
    const took = await send(server, "POST", "/api/tables?mapping=sample-table", `station,at,pm25\n${rows}\n`);
    assert.equal(took.status, 200, took.text);
    let next = changed(sample("2.0.0"), "pack.json", (pack: Json) => ({
        ...pack,
        "@context": { ...pack["@context"], fine: "https://example.org/sample/fine" },
        migrate: [
            { from: "<2.0.0", type: "SampleStation", rename: { pm25: "fine" } },
            { from: "<0.5.0", type: "SampleStation", drop: ["status"] },
        ],
    }));
    for (const name of Object.keys(next))
        if (name !== "pack.json") next = { ...next, [name]: next[name]!.replace(/\bpm25\b(?!Index|-)/g, "fine") };
    next["mappings/sample-table.json"] = next["mappings/sample-table.json"]!.replace(
        '"column": "fine"',
        '"column": "pm25"',
    );
    const done = await install(server, next);
    assert.equal(done.status, 204, done.text);
    assert.equal((await get(server, "/api/packs/sample")).state, "migrating");
    await sleep(30);
    await server.kill();
    await server.start();
    await until("migrated", async () => (await get(server, "/api/packs/sample")).state === "installed");
    const left = async (name: string): Promise<number> => {
        const iri = `https://example.org/sample/${name}`;
        const type = "https://example.org/sample/SampleStation";
        const path = `${api}/entities${ask({ type, attrs: iri, limit: 0, count: true })}`;
        const answer = await server.call("GET", path);
        return Number(answer.headers["ngsild-results-count"]);
    };
    assert.equal(await left("pm25"), 0);
    assert.ok((await left("fine")) >= count);
    const one = await server.call("GET", `${api}/entities/urn:ngsi-ld:SampleStation:m42`);
    const fine = one.json["https://example.org/sample/fine"];
    assert.deepEqual([fine.value, fine.unitCode, fine.observedAt], [42, "GQ", "2026-11-01T00:00:00Z"]);
});

test("kill -9 in the middle of an install: one version or the other, whole", { timeout: 240_000 }, async () => {
    const own = new Server(folder());
    await own.start();
    const a = sample();
    let b = sample();
    b = changed(b, "links/sample-air.json", () => undefined);
    b = changed(b, "links/sample-b.json", () => ({
        protocol: "hj212",
        listen: "127.0.0.1:0",
        maps: ["sample-frames"],
    }));
    b = changed(b, "mappings/sample-more.json", () => JSON.parse(a["mappings/sample-table.json"]!));
    b = changed(b, "rules/pm25.json", (rules: Json) => rules.map(({ command: _, ...rule }: Json) => rule));
    b = changed(b, "models/SampleStation.json", ({ history: _, ...rest }: Json) => rest);
    b = changed(b, "models/SampleSite.json", (model: Json) => ({ ...model, history: { raw: "P1D" } }));
    const wholes = [
        {
            links: ["sample-air", "sample-drop"],
            mappings: ["sample-frames", "sample-table"],
            policies: ["sample:SampleStation"],
        },
        {
            links: ["sample-b", "sample-drop"],
            mappings: ["sample-frames", "sample-more", "sample-table"],
            policies: ["sample:SampleSite"],
        },
    ];
    let n = 1;
    const seen = new Set<string>();
    assert.equal((await install(own, withVersion(a, "1.0.0"))).status, 201);
    for (let round = 0; round < 20; round++) {
        let acknowledged = n;
        const sending = (async () => {
            for (;;) {
                const version = `1.0.${n}`;
                const answer = await install(own, withVersion(n % 2 ? b : a, version));
                assert.equal(answer.status, 204, answer.text);
                acknowledged = ++n;
            }
        })().catch(() => undefined);
        const from = n;
        await sleep(Math.random() * 60);
        await own.kill();
        await sending;
        await own.start();
        const { version, ...rest } = await city(own);
        const at = Number(version!.split(".")[2]);
        assert.ok(
            at === acknowledged - 1 || at === acknowledged,
            `${version}, ${acknowledged} of ${from} acknowledged`,
        );
        assert.deepEqual(rest, wholes[at % 2], version);
        assert.equal((await get(own, "/api/packs/sample")).state, "installed");
        for (const link of rest.links.filter((name) => name !== "sample-drop"))
            assert.equal((await get(own, `/api/links/${link}`)).state, "open");
        seen.add(String(at % 2) + (at === acknowledged ? "unanswered" : "answered"));
        n = at + 1;
    }
    assert.ok(seen.size > 1, [...seen].join());
    await own.stop();
});

test("limits: files and bytes of a pack, packs, changes of one set", async () => {
    const own = new Server(folder(), [
        "--pack-files-max",
        "12",
        "--pack-bytes-max",
        "32k",
        "--packs-max",
        "2",
        "--group-changes-max",
        "6",
    ]);
    await own.start();
    const files = sample(); // 12 files; 5 documents and the pack's own
    assert.equal(Object.keys(files).length, 12);
    assert.equal((await install(own, files)).status, 201);
    const one = {
        ...withVersion(files, "1.1.0"),
        "views/more.json": files["views/states.json"]!.replace("states", "more"),
    };
    assert.match(faults(await install(own, one))[0]!.reason, /at most 12 declarations/);
    const bytes = (all: Files): number => Object.values(all).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const padded = (over: number): Files => {
        const next = withVersion(files, "1.1.0");
        const gap = 32 * 1024 - bytes(next) + over;
        return { ...next, "views/states.json": next["views/states.json"]! + " ".repeat(gap) };
    };
    assert.match(faults(await install(own, padded(1)))[0]!.reason, /at most 32768 bytes/);
    assert.equal((await install(own, padded(0))).status, 204);
    assert.equal((await install(own, little("other"))).status, 201);
    const third = await install(own, little("above"));
    assert.equal(third.status, 403, third.text);
    assert.match(third.json.detail, /2 packs/);
    const mapping = files["mappings/sample-table.json"]!;
    const wide = (n: number): Files =>
        little(
            "other",
            { version: `2.0.${n}` },
            Object.fromEntries(Array.from({ length: n }, (_, i) => [`mappings/x${i}.json`, mapping + " ".repeat(n)])),
        );
    assert.equal((await install(own, wide(5))).status, 204);
    const tooWide = await install(own, wide(6));
    assert.equal(tooWide.status, 400);
    assert.match(tooWide.json.detail, /7 documents.*at most 6/);
    assert.equal((await city(own, "other")).version, "2.0.5");
    await own.stop();
});

test("the published schemas are served as they stand", async () => {
    const list = await get(server, "/api/schemas");
    assert.deepEqual(
        list.map((one: Json) => one.kind),
        ["pack", "model", "link", "mapping", "rule", "view", "proof", "console"],
    );
    for (const { kind, url } of list) {
        const answer = await server.call("GET", url);
        assert.equal(answer.text, readFileSync(join(root, `schemas/${kind}.schema.json`), "utf8"));
        assert.match(answer.headers["content-type"] ?? "", /application\/schema\+json/);
    }
    assert.equal((await server.call("GET", "/api/schemas/none")).status, 404);
});

/* ---- the command ---- */

function write(files: Files): string {
    const dir = folder();
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(dir, name)), { recursive: true });
        writeFileSync(join(dir, name), text);
    }
    return dir;
}

test("jindu pack check: without a server, with every fault as FILE:LINE:COLUMN", async () => {
    const good = write(sample());
    const said = await command("pack", "check", good);
    assert.equal(said.code, 0, said.out);
    assert.match(said.out, /sample 1\.0\.0/);
    writeFileSync(
        join(good, "views/states.json"),
        '{\n  "view": 1,\n  "id": "x",\n  "title": {"zh": "a", "en": "b"},\n  "type": "None",\n  "columns": ["id"]\n}',
    );
    const bad = await command("pack", "check", good);
    assert.equal(bad.code, 3, bad.out);
    assert.ok(bad.out.includes(`${good}/views/states.json:5:3: type: no model here declares the type "None"`), bad.out);
    assert.equal((await command("pack", "check", join(good, "nowhere"))).code, 1);
    assert.equal((await command("pack", "check")).code, 2);
    assert.equal((await command("pack", "mend", good)).code, 2);
});

test("jindu pack check: packs that need each other are checked together, or found beside", async () => {
    const dir = folder();
    const put = (files: Files, name: string): string => {
        for (const [file, text] of Object.entries(files)) {
            mkdirSync(dirname(join(dir, name, file)), { recursive: true });
            writeFileSync(join(dir, name, file), text);
        }
        return join(dir, name);
    };
    const site = { "@context": { SampleSite: "https://example.org/s/Site" } };
    put(little("under", site, { "models/s.json": sample()["models/SampleSite.json"]! }), "under");
    const view = { view: 1, id: "v", title: { zh: "a", en: "a" }, type: "SampleSite", columns: ["capacity"] };
    const above = put(
        little("above", { needs: { packs: { under: "1.0.0" } }, ...site }, { "views/v.json": JSON.stringify(view) }),
        "above",
    );
    const beside = await command("pack", "check", above);
    assert.equal(beside.code, 0, beside.out);
    const both = await command("pack", "check", above, join(dir, "under"));
    assert.equal(both.code, 0, both.out);
    rmSync(join(dir, "under"), { recursive: true });
    const alone = await command("pack", "check", above);
    assert.equal(alone.code, 3, alone.out);
    assert.match(alone.out, /the pack "under" is not installed/);
});

test("jindu pack install, list, remove: into a running city", async () => {
    await clean();
    const dir = write(sample());
    const made = await command("pack", "install", dir, "--server", server.url);
    assert.equal(made.code, 0, made.out);
    const listed = await command("pack", "list", "--server", server.url);
    assert.match(listed.out, /sample\s+1\.0\.0\s+installed/);
    const again = await command("pack", "install", dir, "--server", server.url);
    assert.equal(again.code, 0, again.out);
    writeFileSync(join(dir, "views/states.json"), "{}");
    const bad = await command("pack", "install", dir, "--server", server.url);
    assert.equal(bad.code, 3, bad.out);
    assert.match(bad.out, /views\/states\.json:1:1: the member "view" is missing/);
    writeFileSync(join(dir, "views/states.json"), sample()["views/stations.json"]!.replace('"stations"', '"states"'));
    const older = await command("pack", "install", dir, "--server", server.url);
    assert.equal(older.code, 1, older.out);
    assert.match(older.out, /newer version, or force/);
    assert.equal((await command("pack", "install", dir, "--server", server.url, "--force")).code, 0);
    const gone = await command("pack", "remove", "sample", "--server", server.url);
    assert.equal(gone.code, 0, gone.out);
    assert.equal((await city(server)).version, undefined);
    assert.equal((await command("pack", "remove", "sample", "--server", server.url)).code, 1);
    assert.equal((await command("pack", "list", "--server", "http://127.0.0.1:9")).code, 1);
});

test("jindu pack prove: runs packs/prove.ts, or says what is missing", async () => {
    const dir = folder();
    mkdirSync(join(dir, "bin"));
    const program = join(dir, "bin/jindu");
    copyFileSync(binary, program);
    const run = (...args: string[]): { code: number | null; out: string } => {
        const env = { ...process.env, LANG: "C.UTF-8", LC_ALL: "C.UTF-8" };
        const done = spawnSync(program, ["pack", "prove", ...args], { encoding: "utf8", env });
        return { code: done.status, out: done.stdout + done.stderr };
    };
    const none = run("sample");
    assert.equal(none.code, 1);
    assert.match(none.out, /packs\/prove\.ts is missing: neither .*\/bin\/\.\. nor .*\/share\/jindu has it/);
    const share = join(dir, "share/jindu");
    mkdirSync(join(share, "packs"), { recursive: true });
    writeFileSync(
        join(share, "packs/prove.ts"),
        "console.log(JSON.stringify(process.argv.slice(2))); process.exit(7);",
    );
    const bare = run("--all");
    assert.equal(bare.code, 1);
    assert.match(bare.out, /node_modules\/tsx\/package\.json is missing: run "npm ci"/);
    symlinkSync(join(root, "node_modules"), join(share, "node_modules"));
    const proved = run("sample", "other", "--mutate");
    assert.equal(proved.code, 7, proved.out);
    assert.deepEqual(JSON.parse(proved.out), ["--jindu", program, "--mutate", "sample", "other"]);
    assert.equal(run().code, 2);
});
