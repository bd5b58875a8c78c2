// Tables as a department hands them over: uploaded in whatever form, profiled, refused with a place, mended and sent
// again; dropped into folders and pulled. Real files, those of tests/data.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { api, folder, root, Server, zh, type Answer, type Json } from "../api/server.ts";

const data = folder();
const server = new Server(data);
before(() => server.start());
after(() => server.stop());

const json = { "Content-Type": "application/json" };
const binary = { "Content-Type": "application/octet-stream" };
const real = (name: string): Buffer => readFileSync(join(root, "tests/data", name));
const cityMap = (name: string): string => readFileSync(join(root, "city/mappings", name), "utf8");

const put = (name: string, text: string | Json): Promise<Answer> =>
    server.call("PUT", `/api/mappings/${name}`, typeof text === "string" ? text : JSON.stringify(text), json);
const give = (mapping: string, name: string, body: string | Buffer, more = "", headers = {}): Promise<Answer> =>
    server.call("POST", `/api/tables?mapping=${mapping}&name=${encodeURIComponent(name)}${more}`, body, {
        ...binary,
        ...headers,
    });
const past = async (id: string, attrs: string): Promise<Json> =>
    (await server.call("GET", `${api}/temporal/entities/${id}?attrs=${attrs}`)).json;

/** UTF-8 to GB18030, by iconv: node does not encode it. */
function gb18030(text: Buffer): Buffer {
    const done = spawnSync("iconv", ["-f", "UTF-8", "-t", "GB18030"], { input: text, maxBuffer: 1 << 28 });
    assert.equal(done.status, 0, done.stderr.toString());
    return done.stdout;
}

const simple = {
    mapping: 1,
    time: { column: "t", zone: "UTC" },
    entity: { type: "Meter", id: "urn:x:meter:{m}" },
    attributes: { v: { column: "v" } },
};

test("a mapping is compiled before it is kept, and given back as it was sent; errors have a place", async () => {
    const text = JSON.stringify(simple, null, 2);
    assert.equal((await put("meters", text)).status, 201);
    assert.equal((await put("meters", text)).status, 204);
    assert.equal((await server.call("GET", "/api/mappings/meters")).text, text);
    const entity = '"entity": {"type": "T", "id": "urn:x:{m}"}';
    const wrong = `{"mapping": 1,\n ${entity},\n "attributes": {"v": {"colum": "v"}}}`;
    const bad = await put("other", wrong);
    assert.equal(bad.status, 400, bad.text);
    assert.match(bad.json.detail, /attributes\.v/);
    assert.match(bad.json.place, /^other:3:/);
    assert.equal((await put("o.k", text)).status, 400);
    assert.equal((await server.call("GET", "/api/mappings/other")).status, 404);
    assert.deepEqual(
        (await server.call("GET", "/api/mappings")).json.map((m: Json) => m.name),
        ["meters"],
    );
    assert.equal((await put("gone", simple)).status, 201);
    assert.equal((await server.call("DELETE", "/api/mappings/gone")).status, 204);
    assert.equal((await server.call("DELETE", "/api/mappings/gone")).status, 404);
});

test("a table goes in and tells what came of it; the same again changes nothing", async () => {
    const csv = "m,t,v\na,2024-01-01,1.50\na,2024-01-02,2\nb,2024-01-01,3\n";
    const dry = await give("meters", "m.csv", csv, "&dryRun=true");
    assert.equal(dry.status, 200, dry.text);
    assert.equal(dry.json.readings, 3);
    assert.equal(dry.json.id, undefined);
    assert.equal((await server.call("GET", `${api}/entities/urn:x:meter:a`)).status, 404);
    const first = await give("meters", "m.csv", csv);
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(
        [first.json.state, first.json.rows, first.json.readings, first.json.entities, first.json.setAside],
        ["taken", 3, 3, 2, 0],
    );
    assert.equal(first.json.attributes[0].most, "3");
    assert.equal((await past("urn:x:meter:a", "v")).v.length, 2);
    assert.match((await server.call("GET", `${api}/entities/urn:x:meter:a`)).text, /"value":2/);
    await give("meters", "m.csv", gzipSync(csv));
    const again = (await past("urn:x:meter:a", "v")).v;
    assert.equal(again.length, 2);
    assert.match(JSON.stringify(again), /"value":1\.5/);
    const listed = (await server.call("GET", "/api/tables")).json as Json[];
    assert.equal(listed.length, 2);
    assert.ok(listed[0].id > listed[1].id);
    assert.equal(listed[0].attributes, undefined);
    const shown = await server.call("GET", `/api/tables/${first.json.id}`);
    assert.deepEqual(shown.json, first.json);
    assert.equal((await server.call("GET", `/api/tables/${first.json.id}/refused`)).status, 404);
    assert.equal((await server.call("GET", "/api/tables/..%2Fjindu.db")).status, 404);
});

test("bad rows are set aside with their reason; mended, they go in", async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `c,2024-01-01T00:${String(i).padStart(2, "0")},${i}`);
    rows[7] = "c,2024-01-01T00:07,seven";
    rows[9] = "c,2024-13-01,9";
    const got = await give("meters", "站.csv", `m,t,v\n${rows.join("\n")}\n`, "", zh);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json.readings, 38);
    assert.equal(got.json.setAside, 2);
    assert.deepEqual(
        got.json.firstRefused.map((r: Json) => [r.line, r.whole]),
        [
            [9, false],
            [11, true],
        ],
    );
    assert.deepEqual(
        got.json.refused.map((r: Json) => r.count),
        [1, 1],
    );
    assert.match(got.json.refused[0].reasonZh, /[\u4e00-\u9fff]/);
    const aside = await server.call("GET", `/api/tables/${got.json.id}/refused`);
    assert.equal(aside.status, 200);
    assert.match(aside.headers["content-disposition"]!, /UTF-8''%E7%AB%99\.csv$/);
    const lines = aside.text.trim().split("\n");
    assert.equal(lines.length, 3);
    assert.equal(lines[0], "m,t,v,_refused");
    assert.match(lines[1]!, /^c,2024-01-01T00:07,seven,".*[\u4e00-\u9fff]/);
    const mended = aside.text.replace("seven", "7").replace("2024-13-01", "2024-01-01T00:09");
    const second = await give("meters", "站.csv", mended);
    assert.equal(second.status, 200, second.text);
    assert.equal(second.json.setAside, 0);
    assert.equal((await past("urn:x:meter:c", "v")).v.length, 40);
});

test("a table that the mapping does not fit is refused with its place, and nothing is written", async () => {
    const before = (await server.call("GET", "/api/tables")).json.length;
    const cases: [string, string, number, RegExp][] = [
        ["meters", "m,t,w\nz,2024-01-01,1\n", 400, /"v"|v/],
        ["meters", "m,t,v\nz,2024-01-01,x\nz,2024-01-02,y\n", 400, /number/],
        ["meters", 'm,t,v\nz,2024-01-01,1\n"z,2024-01-02,2\n', 400, /never closed/],
        ["meters", "", 400, /empty/],
        ["nobody", "m,t,v\n", 404, /nobody/],
        ["", "m,t,v\n", 400, /mapping/],
    ];
    for (const [mapping, table, status, reason] of cases) {
        const got = await give(mapping, "t.csv", table);
        assert.equal(got.status, status, got.text);
        assert.match(got.text, reason);
    }
    const place = await give("meters", "t.csv", "m,t,v\nz,2024-01-01,x\n");
    assert.match(place.json.place, /^t\.csv:2:14$/);
    assert.equal((await server.call("GET", `${api}/entities/urn:x:meter:z`)).status, 404);
    assert.equal((await server.call("GET", "/api/tables")).json.length, before);
});

test("a table of a tenant goes there", async () => {
    const got = await give("meters", "m.csv", "m,t,v\nq,2024-01-01,1\n", "", { "NGSILD-Tenant": "water" });
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json.tenant, "water");
    assert.equal((await server.call("GET", `${api}/entities/urn:x:meter:q`)).status, 404);
    const there = await server.call("GET", `${api}/entities/urn:x:meter:q`, undefined, { "NGSILD-Tenant": "water" });
    assert.equal(there.status, 200);
});

test("real tables through the city's mappings, GB 18030 and packed ones included", async () => {
    const cases: [string, string, (b: Buffer) => Buffer][] = [
        ["covid", "covid_jiangsu.csv", gb18030],
        ["soil", "soil_plots.csv", (b) => gzipSync(b)],
        ["steel", "steel_gwangyang.csv", (b) => b],
        ["vessels", "vessels_los_angeles.csv", (b) => b],
    ];
    for (const [name, file, bytes] of cases) {
        const kept = await put(name, cityMap(`${name}.json`));
        assert.ok(kept.status === 201, `${name}: ${kept.text}`);
        const got = await give(name, file, bytes(real(file)));
        assert.equal(got.status, 200, `${name}: ${got.text}`);
        assert.ok(got.json.readings > 500, got.text);
        assert.equal(got.json.readingsNotTaken, 0);
    }
});

test("a workbook goes in; what is set aside of it is CSV, which the same mapping takes", async () => {
    const levels = {
        mapping: 1,
        table: { format: "xlsx", sheet: "监测", skipLines: 2 },
        time: { columns: ["日期", "时间"], zone: "Asia/Shanghai" },
        entity: { type: "WaterLevelObserved", id: "urn:x:level:{站号}" },
        attributes: { level: { column: "水位(m)", missing: "缺测" }, flow: "流量" },
        fixed: { name: { column: "站名", as: "text" } },
    };
    assert.equal((await put("levels", levels)).status, 201);
    const got = await give("levels", "水位.xlsx", real("levels_openpyxl.xlsx"));
    assert.equal(got.status, 200, got.text);
    assert.deepEqual([got.json.rows, got.json.readings, got.json.setAside], [30, 58, 1]);
    assert.deepEqual([got.json.firstRefused[0].line, got.json.firstRefused[0].column], [12, 5]);
    assert.equal((await server.call("GET", `${api}/entities/urn:x:level:001`)).json.name.value, "谏壁闸");
    const aside = await server.call("GET", `/api/tables/${got.json.id}/refused`);
    assert.match(aside.headers["content-disposition"]!, /\.csv$/);
    const mended = await give("levels", "水位.csv", aside.text.replace(",#,", ",4,"));
    assert.deepEqual([mended.json.readings, mended.json.setAside], [2, 0], mended.text);
    const profile = await server.call("POST", "/api/tables/profile", real("meters_xlsxwriter.xlsx"), binary);
    assert.equal(profile.json.format, "xlsx");
    assert.equal((await put("meters2", profile.json.mapping)).status, 201);
    const meters = await give("meters2", "meters.xlsx", real("meters_xlsxwriter.xlsx"));
    assert.equal(meters.json.entities, 2, meters.text);
});

test("bytes that are no characters do no harm to what is told of them", async () => {
    const rows = Array.from({ length: 30 }, (_, i) => `e,2024-01-01T00:${String(i).padStart(2, "0")},${i},x`);
    const lines = ["m,t,v,\u00fc", ...rows, "e,2024-01-02,\u00fc,x", "\u00fc,2024-01-03,1,x", ""];
    const table = Buffer.from(lines.join("\n"), "latin1");
    const got = await give("meters", "\u00fc.csv", table);
    assert.equal(got.status, 200, got.text);
    assert.equal(got.json.setAside, 2);
    assert.ok(got.json.firstRefused.every((r: Json) => r.reason.length > 0));
    const bad = await give("meters", "x.csv", Buffer.from("\u00fc,t,v\ne,2024-01-01,1\n", "latin1"));
    assert.equal(bad.status, 400);
    assert.ok(bad.json.detail.length > 0);
    const profile = await server.call("POST", "/api/tables/profile", table, binary);
    assert.equal(profile.status, 200);
});

test("a table that nobody described is profiled, and the mapping that is suggested takes it", async () => {
    for (const file of readdirSync(join(root, "tests/data")).filter((name) => name.endsWith(".csv"))) {
        const bytes = file.startsWith("covid") ? gb18030(real(file)) : real(file);
        const profile = await server.call("POST", `/api/tables/profile?name=${file}`, bytes, binary);
        assert.equal(profile.status, 200, profile.text);
        assert.equal(profile.json.encoding, file.startsWith("covid") ? "GB18030" : "UTF-8");
        assert.ok(profile.json.columns.length > 1 && profile.json.rows > 100);
        assert.equal((await put("suggested", profile.json.mapping)).status < 300, true);
        const got = await give("suggested", file, bytes, "&dryRun=true");
        assert.equal(got.status, 200, `${file}: ${got.text}`);
        assert.ok(got.json.readings > 100, got.text);
    }
    const nothing = await server.call("POST", "/api/tables/profile", " \n", binary);
    assert.equal(nothing.status, 400);
});

test("reports outlive a restart; only the newest are kept; what a crash left is cleared", async () => {
    const dir = folder();
    const small = new Server(dir, ["--tables-kept", "3"]);
    await small.start();
    await small.call("PUT", "/api/mappings/m", JSON.stringify(simple), json);
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
        const rows = Array.from({ length: 15 }, (_, k) => `a,2024-01-${String(k + 1).padStart(2, "0")},${i * k}`);
        const got = await small.call("POST", "/api/tables?mapping=m", `m,t,v\n${rows.join("\n")}\na,x,1\n`, binary);
        assert.equal(got.status, 200, got.text);
        ids.push(got.json.id);
    }
    await small.kill();
    await small.start();
    const listed = (await small.call("GET", "/api/tables")).json.map((t: Json) => t.id);
    assert.deepEqual(listed, ids.slice(2).reverse());
    assert.equal((await small.call("GET", `/api/tables/${ids[4]}/refused`)).status, 200);
    assert.equal((await small.call("GET", `/api/tables/${ids[0]}/refused`)).status, 404);
    assert.equal((await small.call("GET", "/api/mappings/m")).status, 200);
    await small.stop();
    assert.equal(readdirSync(join(dir, "tables")).length, 6);
});

test("kill -9 in the middle of a large table: given again, it is whole", async () => {
    const dir = folder();
    const victim = new Server(dir);
    await victim.start();
    await victim.call("PUT", "/api/mappings/m", JSON.stringify(simple), json);
    const lines: string[] = [];
    for (let i = 0; i < 300_000; i++) lines.push(`m${i % 50},${new Date(1.7e12 + i * 1000).toISOString()},${i}`);
    const table = `m,t,v\n${lines.join("\n")}\n`;
    const send = (): Promise<Answer | undefined> =>
        victim.call("POST", "/api/tables?mapping=m&name=big.csv", table, binary).catch(() => undefined);
    const asked = send();
    // some of it is durable already when the first entity can be seen
    for (;;) {
        const seen = await victim.call("GET", `${api}/entities?type=Meter&limit=1`);
        if (seen.status === 200 && seen.json.length > 0) break;
    }
    await victim.kill();
    await asked;
    await victim.start();
    const again = await send();
    assert.equal(again?.status, 200, again?.text);
    assert.equal(again!.json.readings, 300_000);
    const count = "attrs=v&aggrMethods=totalCount&options=aggregatedValues&timerel=after&timeAt=2000-01-01T00:00:00Z";
    for (const m of ["m0", "m49"]) {
        const page = await victim.call("GET", `${api}/temporal/entities/urn:x:meter:${m}?${count}`);
        assert.equal(page.json.v.totalCount[0][0], 6000, page.text);
    }
    await victim.stop();
    assert.ok(existsSync(join(dir, "tables")));
});

// ---- declared sources ----

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + 60_000;
    for (;;) {
        const found = await ask();
        if (found !== undefined) return found;
        assert.ok(Date.now() < end, `${what} did not happen`);
        await pause(50);
    }
}
const link = (name: string): Promise<Json> => server.call("GET", `/api/links/${name}`).then((a) => a.json);
const declareLink = (name: string, body: Json): Promise<Answer> =>
    server.call("PUT", `/api/links/${name}`, JSON.stringify(body), json);
const names = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);

test("files dropped into a folder are taken when they are whole, and move on", async () => {
    const drop = folder();
    const made = await declareLink("drop", { protocol: "tables", mapping: "meters", folder: drop });
    assert.equal(made.status, 201, made.text);
    const rows = Array.from({ length: 30 }, (_, i) => `d,2024-02-01T00:${String(i).padStart(2, "0")},${i}`);
    rows[3] = "d,2024-02-01T00:03,three";
    writeFileSync(join(drop, "good.csv"), `m,t,v\n${rows.join("\n")}\n`);
    writeFileSync(join(drop, "wrong.csv"), "a,b\n1,2\n");
    writeFileSync(join(drop, "later.csv.part"), "m,t,v\nd,2024-02-02,1\n");
    mkdirSync(join(drop, "sub"));
    await until("both files", async () => ((await link("drop")).refusedTables === 1 ? true : undefined));
    await until("the move", async () => (names(join(drop, "refused")).length === 3 ? true : undefined));
    assert.deepEqual(names(drop), ["done", "later.csv.part", "refused", "sub"]);
    assert.deepEqual(names(join(drop, "done")), ["good.csv"]);
    assert.deepEqual(names(join(drop, "refused")), ["good.csv", "wrong.csv", "wrong.csv.reason.txt"]);
    assert.match(readFileSync(join(drop, "refused/wrong.csv.reason.txt"), "utf8"), /wrong\.csv:1/);
    assert.equal((await past("urn:x:meter:d", "v")).v.length, 29);
    // what was set aside, mended and dropped again
    const mended = readFileSync(join(drop, "refused/good.csv"), "utf8").replace("three", "3");
    writeFileSync(join(drop, "good.csv"), mended);
    renameSync(join(drop, "later.csv.part"), join(drop, "later.csv"));
    await until("the others", async () => ((await link("drop")).tables === 3 ? true : undefined));
    await until("their move", async () => (names(join(drop, "done")).length === 3 ? true : undefined));
    assert.deepEqual(names(join(drop, "done")), ["2-good.csv", "good.csv", "later.csv"]);
    assert.equal((await past("urn:x:meter:d", "v")).v.length, 31);
    const counts = await link("drop");
    assert.equal(counts.state, "open");
    assert.deepEqual([counts.readings, counts.rowsRefused], [31, 1]);
    const reports = (await server.call("GET", "/api/tables")).json as Json[];
    assert.ok(reports.some((r) => r.state === "refused" && r.from === "drop" && /wrong/.test(r.place)));
    // it outlives a restart, and goes when it is told to
    await server.stop();
    await server.start();
    writeFileSync(join(drop, "more.csv"), "m,t,v\nd,2024-02-03,1\n");
    await until("one more", async () => ((await link("drop")).tables === 1 ? true : undefined));
    assert.equal((await server.call("DELETE", "/api/links/drop")).status, 204);
    assert.equal((await server.call("GET", "/api/links/drop")).status, 404);
});

test("a source that is declared wrongly is refused with the member", async () => {
    const wrong: [Json, RegExp][] = [
        [{ mapping: "nobody", folder: "/tmp" }, /mapping/],
        [{ mapping: "meters" }, /folder/],
        [{ mapping: "meters", folder: "tmp" }, /folder/],
        [{ mapping: "meters", folder: "/nowhere/at/all" }, /folder/],
        [{ mapping: "meters", folder: data }, /data folder/],
        [{ mapping: "meters", folder: "/tmp", everySeconds: 3 }, /everySeconds/],
        [{ mapping: "meters", pull: "file:///etc/passwd", everySeconds: 3 }, /pull/],
        [{ mapping: "meters", pull: "http://127.0.0.1:1/x" }, /everySeconds/],
        [{ mapping: "meters", postgresql: "dbname=x", everySeconds: 3 }, /query/],
        [{ mapping: "meters", folder: "/tmp", listen: "127.0.0.1:1" }, /listen/],
    ];
    for (const [body, reason] of wrong) {
        const got = await declareLink("wrong", { protocol: "tables", ...body });
        assert.equal(got.status, 400, `${JSON.stringify(body)} ${got.text}`);
        assert.match(got.text, reason);
    }
});

test("a table is pulled when it has changed; one that cannot be had is told of and tried again", async () => {
    let table = "m,t,v\np,2024-01-01,1\n";
    let broken = true;
    const asked: (string | undefined)[] = [];
    const other = createServer((ask, answer) => {
        asked.push(ask.headers["if-none-match"]);
        const tag = `"${table.length}"`;
        if (broken) answer.writeHead(500).end();
        else if (ask.headers["if-none-match"] === tag) answer.writeHead(304).end();
        else answer.writeHead(200, { ETag: tag }).end(table);
    });
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    other.unref(); // a test that fails must not keep the run alive
    const url = `http://user:secret@127.0.0.1:${(other.address() as AddressInfo).port}/out/pumps.csv?day=1`;
    const made = await declareLink("pull", { protocol: "tables", mapping: "meters", pull: url, everySeconds: 1 });
    assert.equal(made.status, 201, made.text);
    const failing = await until("the failure", async () => {
        const now = await link("pull");
        return now.state === "failing" ? now : undefined;
    });
    assert.match(failing.reason, /500/);
    assert.doesNotMatch(JSON.stringify(failing), /secret/);
    broken = false;
    await until("the table", async () => ((await link("pull")).tables === 1 ? true : undefined));
    await until("nothing new", async () => ((await link("pull")).unchanged >= 1 ? true : undefined));
    table += "p,2024-01-02,2\n";
    await until("the change", async () => ((await link("pull")).tables === 2 ? true : undefined));
    assert.equal((await past("urn:x:meter:p", "v")).v.length, 2);
    const report = (await server.call("GET", "/api/tables")).json[0];
    assert.deepEqual([report.name, report.from], ["pumps.csv", "pull"]);
    assert.ok(asked.includes('"21"'), "it says what it has");
    assert.equal((await server.call("DELETE", "/api/links/pull")).status, 204);
    other.close();
});

const pg = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin"].find((dir) => existsSync(join(dir, "initdb")));

test("what a query to PostgreSQL gives becomes readings; it can but ask", {
    skip: pg === undefined ? "PostgreSQL is not installed" : false,
}, async () => {
    const dir = folder();
    const root = process.getuid?.() === 0; // it refuses to run as root
    const as = root ? { uid: statIds("postgres").uid, gid: statIds("postgres").gid } : {};
    if (root) chownSync(dir, as.uid!, as.gid!);
    const run = (tool: string, ...args: string[]): void => {
        const stdio: ["ignore", "ignore", "pipe"] = ["ignore", "ignore", "pipe"];
        const done = spawnSync(join(pg!, tool), args, { encoding: "utf8", cwd: dir, ...as, stdio });
        assert.equal(done.status, 0, done.stderr);
    };
    const base = join(dir, "base");
    run("initdb", "-D", base, "-A", "trust", "-U", "jindu", "--no-sync");
    run("pg_ctl", "-D", base, "-w", "-l", join(dir, "log"), "-o", `-h '' -k ${dir} -F`, "start");
    try {
        const psql = (text: string): void => run("psql", "-h", dir, "-U", "jindu", "-d", "postgres", "-q", "-c", text);
        psql("create table r (m text, t timestamptz, v numeric)");
        psql("insert into r values ('库','2024-01-01 00:00Z', 1.50)");
        const source = { protocol: "tables", mapping: "meters", everySeconds: 1 };
        const conninfo = `host=${dir} user=jindu dbname=postgres`;
        const query = `select 'q' as m, to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') as t, v from r`;
        assert.equal((await declareLink("pg", { ...source, postgresql: conninfo, query })).status, 201);
        await until("the rows", async () => ((await link("pg")).tables === 1 ? true : undefined));
        psql("insert into r values ('库','2024-01-02 00:00Z', 2)");
        await until("the new row", async () => ((await link("pg")).tables === 2 ? true : undefined));
        assert.equal((await past("urn:x:meter:q", "v")).v.length, 2);
        for (const evil of ["delete from r returning *", "select 1) to stdout; drop table r; copy (select 1"]) {
            assert.equal((await declareLink("pg", { ...source, postgresql: conninfo, query: evil })).status, 204);
            await until("the refusal", async () => ((await link("pg")).state === "failing" ? true : undefined));
        }
        psql("select count(*) from r");
        assert.equal((await server.call("DELETE", "/api/links/pg")).status, 204);
    } finally {
        run("pg_ctl", "-D", base, "-m", "immediate", "stop");
    }
});

function statIds(user: string): { uid: number; gid: number } {
    const line = readFileSync("/etc/passwd", "utf8").split("\n").find((entry) => entry.startsWith(`${user}:`))!;
    const [, , uid, gid] = line.split(":");
    return { uid: Number(uid), gid: Number(gid) };
}
