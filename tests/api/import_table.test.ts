// jindu import --map and export --history on tables made by hand: what the program says, refuses, sets aside and gives
// back. Real series are in series.test.ts, every feature of the mapping in tests/unit/table.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { binary, root, Server } from "./server.ts";

const work = mkdtempSync(join(tmpdir(), "jindu-tables-"));
after(() => rmSync(work, { recursive: true, force: true }));
let made = 0;
const fresh = (name = "data"): string => join(work, `${name}-${++made}`);
const folder = (): string => {
    const path = fresh("dir");
    mkdirSync(path);
    return path;
};
const file = (name: string, text: string | Buffer): string => {
    const path = join(folder(), name);
    writeFileSync(path, text);
    return path;
};

interface Done {
    code: number | null;
    out: string;
    err: string;
}
function jindu(args: string[], more: { input?: string; lang?: string } = {}): Done {
    const lang = more.lang ?? "C.UTF-8";
    const done = spawnSync(binary, args, {
        encoding: "utf8",
        input: more.input ?? "",
        maxBuffer: 1 << 30,
        env: { ...process.env, LANG: lang, LC_ALL: lang },
    });
    return { code: done.status, out: done.stdout, err: done.stderr };
}
const history = (data: string, ...more: string[]): string => {
    const done = jindu(["export", "--data", data, "--history", ...more]);
    assert.equal(done.code, 0, done.err);
    return done.out;
};
/** The readings of a folder: "id attribute[dataset] at value unit", without those that have no time. */
const readings = (data: string): string[] =>
    history(data, "--format", "csv")
        .trim()
        .split("\r\n")
        .slice(1)
        .map((line) => line.split(","))
        .filter((cells) => cells[4] !== "")
        .map(
            ([id, , name, dataset, at, value, unit]) =>
                `${id} ${name!.split("/").at(-1)} ${dataset} ${at} ${value} ${unit}`,
        );

type Json = Record<string, unknown>;
const map = (more: Json = {}): string =>
    file(
        "m.json",
        JSON.stringify(
            {
                mapping: 1,
                time: { column: "t", zone: "UTC" },
                entity: { type: "T", id: "urn:x:a" },
                attributes: { v: { column: "v" } },
                ...more,
            },
            null,
            1,
        ),
    );
const table = "t,v\n2020-01-01,1.50\n2020-01-02,2\n";
const both = ["urn:x:a v  2020-01-01T00:00:00Z 1.50 ", "urn:x:a v  2020-01-02T00:00:00Z 2 "];

/* ---- what goes in ---- */

test("encodings, separators, marks and packing lead to the same readings", () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(table, "utf16le")]);
    const cases: [string | Buffer, Json][] = [
        [table, {}],
        ["\ufeff" + table, {}],
        [utf16, {}],
        [utf16, { table: { encoding: "UTF-16" } }],
        [gzipSync(table), {}],
        [table.replaceAll("\n", "\r\n"), {}],
        [table.trimEnd(), {}],
        [table.replaceAll(",", "\t"), { table: { separator: "\t" } }],
        [table.replaceAll(",", ";").replace("1.50", "1,50"), { table: { separator: ";", decimal: "," } }],
        ["Title\n\n" + table, { table: { skipLines: 2 } }],
        ['[{"t":"2020-01-01","v":1.50},{"t":"2020-01-02","v":"2"}]', { table: { format: "json" } }],
        [
            '{"a":{"b":[{"t":"2020-01-01","v":1.50},{"t":"2020-01-02","v":2}]}}',
            { table: { format: "json", path: "/a/b" } },
        ],
        ['{"t":"2020-01-01","v":1.50}\n{"t":"2020-01-02","v":2}\n', { table: { format: "jsonlines" } }],
        ["t,v\n1577836800,1.50\n1577923200,2\n", { time: { column: "t", form: "epoch-s" } }],
        ["t,v\n43831,1.50\n43832,2\n", { time: { column: "t", form: "excel", zone: "UTC" } }],
    ];
    for (const [text, more] of cases) {
        const data = fresh();
        const done = jindu(["import", "--data", data, "--map", map(more), file("t.csv", text)]);
        assert.equal(done.code, 0, JSON.stringify(more) + done.err);
        assert.deepEqual(readings(data), both, JSON.stringify(more));
    }
});

test("a table by standard input; several tables; a tenant of its own", () => {
    const data = fresh();
    const mapping = map({ entity: { type: "T", id: "urn:x:{@stem}" } });
    const piped = jindu(["import", "--data", data, "--map", map(), "-", "--tenant", "port"], { input: table });
    assert.equal(piped.code, 0, piped.err);
    assert.match(piped.out, /^2 readings of 1 entities from 1 tables imported/m);
    const two = jindu([
        "import",
        "--data",
        data,
        "--map",
        mapping,
        file("one.csv", table),
        file("two.csv.gz", gzipSync(table)),
    ]);
    assert.match(two.out, /^4 readings of 2 entities from 2 tables imported/m);
    assert.equal(new Set(readings(data).map((line) => line.split(" ")[0])).size, 2);
    assert.match(jindu(["export", "--data", data, "--history", "--tenant", "port"]).out, /^\{"id":"urn:x:a"/);
});

test("nights in which clocks change", () => {
    const rows =
        "t,v\n2025-03-09 01:30,1\n2025-03-09 02:30,2\n2025-03-09 03:30,3\n2024-11-03 01:30,4\n2024-11-03 01:30,5\n";
    const zone = "America/New_York";
    const at = (rule: Json, ...more: string[]): string[] => {
        const data = fresh();
        const mapping = map({ time: { column: "t", zone, ...rule }, refusedMax: 100 });
        const done = jindu(["import", "--data", data, "--map", mapping, file("t.csv", rows), ...more]);
        assert.ok(done.code === 0 || done.code === 3, done.err);
        return readings(data).map((line) => line.split(" ").slice(3, 5).join(" "));
    };
    const sure = ["2025-03-09T06:30:00Z 1", "2025-03-09T07:30:00Z 3"];
    assert.deepEqual(at({}), ["2024-11-03T05:30:00Z 5", ...sure]);
    assert.deepEqual(at({ repeatedHour: "second" }), ["2024-11-03T06:30:00Z 5", ...sure]);
    assert.deepEqual(at({ repeatedHour: "order" }), ["2024-11-03T05:30:00Z 4", "2024-11-03T06:30:00Z 5", ...sure]);
    assert.deepEqual(at({ repeatedHour: "refuse" }), sure);
    assert.deepEqual(at({ skippedHour: "shift" }), [
        "2024-11-03T05:30:00Z 5",
        "2025-03-09T06:30:00Z 1",
        "2025-03-09T07:30:00Z 3",
    ]);
});

test("what came before stays: another value is a correction, the same is none", () => {
    const data = fresh();
    const give = (text: string): void => {
        const done = jindu(["import", "--data", data, "--map", map(), file("t.csv", text)]);
        assert.equal(done.code, 0, done.err);
    };
    give("t,v\n2020-01-01,1\n2020-01-03,3\n");
    const now = jindu(["export", "--data", data, "--sysattrs"]).out;
    give("t,v\n2020-01-02,2\n");
    assert.equal(jindu(["export", "--data", data, "--sysattrs"]).out, now, "a late reading is not now");
    give("t,v\n2020-01-01,9\n2020-01-04,4\n");
    assert.deepEqual(
        readings(data).map((line) => line.split(" ").slice(3, 5).join(" ")),
        ["2020-01-01T00:00:00Z 9", "2020-01-02T00:00:00Z 2", "2020-01-03T00:00:00Z 3", "2020-01-04T00:00:00Z 4"],
    );
    assert.match(jindu(["export", "--data", data]).out, /"value":4/);
});

test("a table without times gives entities, and the same again changes nothing", () => {
    const data = fresh();
    const mapping = map({ time: undefined, entity: { type: "T", id: "urn:x:{s}" }, attributes: { v: "v", w: "w" } });
    const rows = file("t.csv", "s,v,w\na,1,\nb,2,x\n".replace("x", "3"));
    assert.equal(jindu(["import", "--data", data, "--map", mapping, rows]).code, 0);
    const now = jindu(["export", "--data", data, "--sysattrs"]).out;
    assert.match(now, /"urn:x:a".*"value":1.*\n.*"urn:x:b".*"value":2/);
    assert.equal(jindu(["import", "--data", data, "--map", mapping, rows]).code, 0);
    assert.equal(jindu(["export", "--data", data, "--sysattrs"]).out, now);
    assert.equal(jindu(["import", "--data", data, "--map", mapping, file("t.csv", "s,v,w\na,5,\n")]).code, 0);
    assert.match(jindu(["export", "--data", data]).out, /"urn:x:a".*"value":5.*\n.*"urn:x:b".*"value":2.*"value":3/);
});

/* ---- what is refused ---- */

test("a wrong mapping is refused with file, line and member before anything is made", () => {
    const data = fresh();
    const mapping = file(
        "m.json",
        '{"mapping": 1,\n "entity": {"type": "T", "id": "urn:x:a"},\n "attributes": {"v": {"colunm": "v"}}}',
    );
    const done = jindu(["import", "--data", data, "--map", mapping, file("t.csv", table)]);
    assert.equal(done.code, 2);
    assert.equal(done.err, `${mapping}:3:23: attributes.v.colunm: no such member; did you mean "column"?\n`);
    assert.ok(!existsSync(data));
    const zh = jindu(["import", "--data", data, "--map", mapping, file("t.csv", table)], { lang: "zh_CN.UTF-8" });
    assert.match(zh.err, /attributes\.v\.colunm：没有此成员；是否想用“column”？/);
    const context = file(
        "m.json",
        '{"mapping":1,"@context":"http://example.org/c.jsonld","entity":{"type":"T","id":"urn:x:a"},' +
            '"attributes":{"v":"v"}}',
    );
    const none = jindu(["import", "--data", data, "--no-fetch", "--map", context, file("t.csv", table)]);
    assert.equal(none.code, 1);
    assert.ok(!existsSync(data));
});

test("a mapping for another table is refused with row and column, and nothing is written", () => {
    const cases: [Json, string, RegExp][] = [
        [
            { attributes: { v: "V" } },
            table,
            /t\.csv:1:1: there is no column "V" \(.*m\.json:\d+:\d+\); the table has: t, v\n/,
        ],
        [{ table: { separator: ";" } }, table, /t\.csv:1:1: there is no column "t"/],
        [
            {},
            "t,v\n01/02/2020,1\n",
            /t\.csv:2:1: none of the first 1 rows can be used; .*"01\/02\/2020" is no time of the form iso/,
        ],
        [{}, table + '2020-01-03,"3\n', /t\.csv:4:12: the quote that begins here is never closed/],
        [
            {},
            "t,v\n" + "2020-01-01,1\n".repeat(30) + "2020-01-02,x\n".repeat(4),
            /t\.csv:32:12: 4 of 34 rows would be refused, which is more than 10 %; the first: v: "x" is no number\n/,
        ],
        [{ refusedMax: 0 }, table + "2020-01-03,x\n", /t\.csv:4:12: 1 of 3 rows would be refused/],
    ];
    for (const [more, text, message] of cases) {
        const data = fresh();
        const done = jindu(["import", "--data", data, "--map", map(more), file("t.csv", text)]);
        assert.equal(done.code, 1, done.err);
        assert.match(done.err, message);
        assert.ok(!existsSync(data), "a folder was made");
    }
    // Month first: 12 days of the year's beginning pass, the 13th does not.
    const days = Array.from({ length: 20 }, (_, i) => `${i + 1}/01/2018,1`).join("\n");
    const data = fresh();
    const done = jindu([
        "import",
        "--data",
        data,
        "--map",
        map({ time: { column: "t", form: "%m/%d/%Y", zone: "UTC" } }),
        file("t.csv", `t,v\n${days}\n`),
    ]);
    assert.match(done.err, /t\.csv:14:1: 8 of 20 rows would be refused/);
    assert.ok(!existsSync(data));
});

test("refused rows are told, counted, set aside, and go in when they are mended", () => {
    const data = fresh();
    const aside = join(folder(), "refused.csv");
    const mapping = map({ entity: { type: "T", id: "urn:x:{s}" }, attributes: { v: "v", w: "w" } });
    const rows = file(
        "t.csv",
        "t,s,v,w\r\n2020-01-01,a,1,2\r\n2020-01-01,b,x,3\r\n2020-01-01,,4,5\r\n2020-01-01,c,6\r\n",
    );
    const command = ["import", "--data", data, "--map", mapping, "--refused-max", "100", "--refused", aside];
    const done = jindu([...command, rows]);
    assert.equal(done.code, 3);
    assert.equal(
        done.err,
        `${rows}:3:14: v: "x" is no number\n` +
            `${rows}:4:12: s: the id lacks "s" (row refused)\n` +
            `${rows}:5:1: the row has 3 cells where the header has 4 (row refused)\n` +
            `jindu: 3 refused rows are in ${aside}\n`,
    );
    assert.match(done.out, /^refused: 1 malformed rows; 1 ids; 1 values of another kind$/m);
    assert.match(done.out, /^rows: 4 read, 0 passed over by skip, 0 without a reading, 2 refused whole, 1 in part$/m);
    const kept = readFileSync(aside, "utf8");
    assert.equal(
        kept,
        't,s,v,w,_refused\n2020-01-01,b,x,3,"v: ""x"" is no number"\n' +
            '2020-01-01,,4,5,"s: the id lacks ""s"""\n2020-01-01,c,6,"the row has 3 cells where the header has 4"\n',
    );
    writeFileSync(aside, kept.replace("b,x", "b,7").replace("-01,,4", "-01,d,4").replace("c,6,", "c,6,8,"));
    const again = jindu(["import", "--data", data, "--map", mapping, aside]);
    assert.equal(again.code, 0, again.err);
    assert.deepEqual(
        readings(data)
            .map((line) => line.replace("  2020-01-01T00:00:00Z", ""))
            .sort(),
        [
            "urn:x:a v 1 ",
            "urn:x:a w 2 ",
            "urn:x:b v 7 ",
            "urn:x:b w 3 ",
            "urn:x:c v 6 ",
            "urn:x:c w 8 ",
            "urn:x:d v 4 ",
            "urn:x:d w 5 ",
        ],
    );
    const few = jindu([
        "import",
        "--data",
        fresh(),
        "--map",
        mapping,
        "--refused-max",
        "100",
        "--errors-shown",
        "1",
        rows,
    ]);
    assert.equal(few.err.trim().split("\n").length, 2);
    const zh = jindu(["import", "--data", fresh(), "--map", mapping, "--refused-max", "100", rows], {
        lang: "zh_CN.UTF-8",
    });
    assert.match(zh.err, /3:14: v：“x”不是数字\n/);
    assert.match(zh.out, /拒绝：1 行格式有误；1 标识有误；1 值的类型不符/);
});

test("refused rows of several tables go into a folder, in the encoding of each", () => {
    const to = join(folder(), "aside") + "/";
    const rows = (name: string): string => file(name, "t,v\n2020-01-01,1\n2020-01-02,x\n");
    const command = ["import", "--data", fresh(), "--map", map({ refusedMax: 100 }), "--refused"];
    assert.equal(jindu([...command, to, rows("a.csv"), file("b.csv", table), rows("c.csv")]).code, 3);
    assert.deepEqual(readdirSync(to).sort(), ["a.csv", "c.csv"]);
    assert.equal(jindu([...command, to + "x", rows("a.csv"), rows("b.csv")]).code, 2);
    assert.equal(jindu([...command, to, rows("a.csv"), rows("a.csv")]).code, 2);
    const utf16 = map({ refusedMax: 100, table: { encoding: "UTF-16" } });
    const half = file("w.csv", Buffer.from("\ufefft,v\n2020-01-01,x\n2020-01-02,y\n2020-01-03,1\n", "utf16le"));
    assert.equal(jindu(["import", "--data", fresh(), "--map", utf16, "--refused", to, half]).code, 3);
    const mended = readFileSync(join(to, "w.csv")).toString("utf16le").replace(",x,", ",8,").replace(",y,", ",9,");
    const again = fresh();
    const done = jindu(["import", "--data", again, "--map", utf16, file("w.csv", Buffer.from(mended, "utf16le"))]);
    assert.equal(done.code, 0, done.err);
    assert.equal(readings(again).length, 2);
    const gbk = spawnSync("iconv", ["-f", "UTF-8", "-t", "GB18030"], {
        input: "t,v,地区\n2020-01-01,x,镇江\n2020-01-02,1,镇江\n",
    }).stdout;
    const mapping = map({ refusedMax: 100, table: { encoding: "GB18030" } });
    assert.equal(jindu(["import", "--data", fresh(), "--map", mapping, "--refused", to, file("g.csv", gbk)]).code, 3);
    const back = spawnSync("iconv", ["-f", "GB18030", "-t", "UTF-8"], {
        input: readFileSync(join(to, "g.csv")),
    }).stdout.toString();
    assert.equal(back, 't,v,地区,_refused\n2020-01-01,x,镇江,"v: ""x"" is no number"\n');
});

test("--dry-run writes nothing and shows entities that import takes", () => {
    const mapping = map({ fixed: { name: { constant: "x" } }, attributes: { v: { column: "v", unit: "CEL" } } });
    const rows = file("t.csv", table);
    const dry = jindu(["import", "--dry-run", "--show", "1", "--map", mapping, rows]);
    assert.equal(dry.code, 0, dry.err);
    assert.deepEqual(JSON.parse(dry.out), {
        id: "urn:x:a",
        type: "T",
        v: { type: "Property", value: 1.5, unitCode: "CEL", observedAt: "2020-01-01T00:00:00Z" },
        name: { type: "Property", value: "x" },
    });
    assert.match(dry.err, /^2 readings of 1 entities from 1 tables would be imported/m);
    const data = fresh();
    assert.equal(jindu(["import", "--data", data, "--dry-run", "--map", mapping, rows]).code, 0);
    assert.ok(!existsSync(data));
    assert.equal(jindu(["import", "--data", data, "-"], { input: dry.out }).code, 0);
});

test("words that do not go together are refused", () => {
    const rows = file("t.csv", table);
    const wrong: [RegExp, string[]][] = [
        [/--map needs --data, or --dry-run/, ["--map", map(), rows]],
        [/a running server takes them at POST/, ["--map", map(), "--url", "http://127.0.0.1:1", rows]],
        [/--mode goes with entities/, ["--map", map(), "--data", fresh(), "--mode", "upsert", rows]],
        [/--show goes with --dry-run/, ["--map", map(), "--data", fresh(), "--show", "2", rows]],
        [/go with --map/, ["--data", fresh(), "--refused", "x", rows]],
        [/go with --map/, ["--data", fresh(), "--dry-run", rows]],
        [/one argument too many/, ["--data", fresh(), rows, rows]],
        [/no name of a tenant/, ["--map", map(), "--data", fresh(), "--tenant", "no name", rows]],
        [/- is given twice/, ["--map", map(), "--data", fresh(), "-", "-"]],
        [/is not a whole number from 0 to 100/, ["--map", map(), "--data", fresh(), "--refused-max", "101", rows]],
    ];
    for (const [message, args] of wrong) {
        const done = jindu(["import", ...args]);
        assert.equal(done.code, 2, args.join(" "));
        assert.match(done.err, message);
    }
    for (const args of [
        ["--history", "--url", "http://127.0.0.1:1"],
        ["--format", "csv", "--data", "x"],
    ]) {
        assert.equal(jindu(["export", ...args]).code, 2);
    }
    const missing = jindu(["import", "--data", fresh(), "--map", map(), join(work, "none.csv")]);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /none\.csv: No such file/);
    assert.equal(jindu(["import", "--data", fresh(), "--map", join(work, "none.json"), rows]).code, 2);
});

/* ---- what comes out ---- */

test("export --history: quotes, kinds, deleted and system times; NDJSON that reads back", async () => {
    const data = fresh();
    const mapping = map({
        entity: { type: ["T", "U"], id: "urn:x:a" },
        attributes: {
            v: { column: "v", as: "text", dataset: "urn:d:{d}" },
            location: { longitude: "x", latitude: "y" },
            r: { template: "urn:r:{d}", as: "relationship" },
        },
    });
    const rows = file(
        "t.csv",
        't,v,d,x,y\n2020-01-01T00:00:00.250Z,"a,""b"""\n'
            .replace("\n2020", "\n2020")
            .replace('"a,""b"""', '"a,""b""\nc",1,119.450,32.2'),
    );
    const done = jindu(["import", "--data", data, "--map", mapping, rows]);
    assert.equal(done.code, 0, done.err);
    assert.equal(
        history(data, "--format", "csv"),
        "id,type,attribute,datasetId,observedAt,value,unit\r\n" +
            "urn:x:a,T U,location,,2020-01-01T00:00:00.250Z," +
            '"{""type"":""Point"",""coordinates"":[119.450,32.2]}",\r\n' +
            `urn:x:a,T U,v,urn:d:1,2020-01-01T00:00:00.250Z,"a,""b""\nc",\r\n` +
            `urn:x:a,T U,r,,2020-01-01T00:00:00.250Z,urn:r:1,\r\n`,
    );
    const sys = history(data, "--format", "csv", "--sysattrs").split("\r\n");
    assert.ok(sys[0]!.endsWith(",unit,createdAt,modifiedAt,deletedAt"));
    assert.match(sys[1]!, /,,\d{4}-\d\d-\d\dT[\d:.]+Z,\d{4}-\d\d-\d\dT[\d:.]+Z,$/);
    assert.match(
        history(data, "--format", "simplified"),
        /"values":\[\["a,\\"b\\"\\nc","2020-01-01T00:00:00\.250Z"\]\]/,
    );
    assert.equal(history(data, "--type", "Other"), "");
    // What NDJSON holds, the temporal API takes.
    const server = await new Server(fresh(), []).start();
    for (const line of history(data).trim().split("\n")) {
        const answer = await server.call("POST", "/ngsi-ld/v1/temporal/entities", line, {
            "Content-Type": "application/json",
            "Content-Length": String(Buffer.byteLength(line)),
        });
        assert.equal(answer.status, 201, answer.text);
    }
    const gone = await server.call("GET", "/ngsi-ld/v1/temporal/entities/urn:x:a");
    assert.equal(gone.json.location.length, 1, gone.text);
    assert.equal(await server.stop(), 0);
});

test("a long evolution goes out in parts, none lost and none twice", () => {
    const data = fresh();
    const n = 340_000;
    const lines = Array.from({ length: n }, (_, i) => `${1_500_000_000 + i * 60},${i % 1000}.${i % 10},${i % 7}`);
    const mapping = map({
        time: { column: "t", form: "epoch-s" },
        attributes: { v: ["v", { column: "w", dataset: "urn:d:w" }, { column: "w", dataset: "urn:d:x" }] },
        fixed: { name: { constant: "x" } },
    });
    const done = jindu(["import", "--data", data, "--map", mapping, file("t.csv", `t,v,w\n${lines.join("\n")}\n`)]);
    assert.equal(done.code, 0, done.err);
    const out = history(data, "--format", "csv").trim().split("\r\n");
    assert.equal(out.length, 1 + 3 * n + 1);
    const keys = new Set(out.slice(1).map((line) => line.split(",").slice(2, 5).join(" ")));
    assert.equal(keys.size, 3 * n + 1);
    const values = new Map(
        out
            .slice(1)
            .map((line) => line.split(","))
            .filter((cells) => cells[2] === "v" && cells[3] === "")
            .map((cells) => [Date.parse(cells[4]!) / 1000, cells[5]!]),
    );
    for (let i = 0; i < n; i += 997) assert.equal(values.get(1_500_000_000 + i * 60), `${i % 1000}.${i % 10}`);
    const parts = history(data).trim().split("\n");
    assert.ok(parts.length > 3);
    const counted = parts.reduce((sum, line) => sum + (line.match(/"instanceId"/g)?.length ?? 0), 0);
    assert.equal(counted, 3 * n + 1);
});

/* ---- the published schema ---- */

type Schema = Record<string, any>;
const schema = JSON.parse(readFileSync(join(root, "schemas/mapping.schema.json"), "utf8")) as Schema;

const typeOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** As much of JSON Schema 2020-12 as the mapping's schema uses; the paths that are wrong. */
function wrong(s: Schema, value: unknown, path = ""): string[] {
    const known = [
        "$schema",
        "$defs",
        "title",
        "description",
        "$ref",
        "type",
        "const",
        "enum",
        "anyOf",
        "oneOf",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "pattern",
        "minProperties",
        "maxProperties",
    ];
    for (const word of Object.keys(s)) assert.ok(known.includes(word), `the test does not know "${word}"`);
    if (s["$ref"]) return wrong(schema["$defs"][(s["$ref"] as string).slice("#/$defs/".length)] as Schema, value, path);
    const found: string[] = [];
    const say = (what: string): void => void found.push(`${path}: ${what}`);
    const type = typeOf(value);
    if (s["type"] && ![s["type"]].flat().includes(type)) return [`${path}: ${type}`];
    if ("const" in s && s["const"] !== value) say("const");
    if (s["enum"] && !s["enum"].includes(value)) say("enum");
    const fits = (list: Schema[]): number => list.filter((one) => wrong(one, value, path).length === 0).length;
    if (s["anyOf"] && fits(s["anyOf"]) === 0) say("anyOf");
    if (s["oneOf"] && fits(s["oneOf"]) !== 1) say("oneOf");
    if (type === "string") {
        const text = [...(value as string)];
        if (text.length < (s["minLength"] ?? 0) || text.length > (s["maxLength"] ?? Infinity)) say("length");
        if (s["pattern"] && !new RegExp(s["pattern"], "u").test(value as string)) say("pattern");
    }
    if (
        type === "number" &&
        ((value as number) < (s["minimum"] ?? -Infinity) || (value as number) > (s["maximum"] ?? Infinity))
    )
        say("range");
    if (Array.isArray(value)) {
        if (value.length < (s["minItems"] ?? 0) || value.length > (s["maxItems"] ?? Infinity)) say("items");
        if (s["items"]) value.forEach((item, i) => found.push(...wrong(s["items"], item, `${path}[${i}]`)));
    }
    if (type === "object") {
        const object = value as Json;
        const names = Object.keys(object);
        for (const name of s["required"] ?? []) if (!(name in object)) say(`lacks ${name}`);
        if (names.length < (s["minProperties"] ?? 0) || names.length > (s["maxProperties"] ?? Infinity))
            say("properties");
        for (const name of names) {
            const inner = s["properties"]?.[name] ?? s["additionalProperties"];
            if (inner === false) say(`unknown ${name}`);
            else if (inner && inner !== true) found.push(...wrong(inner, object[name], `${path}.${name}`));
        }
    }
    return found;
}

test("the schema takes every mapping of the city and the examples of the manual", () => {
    const names = readdirSync(join(root, "city/mappings")).filter((name) => name.endsWith(".json"));
    assert.ok(names.length >= 10);
    for (const name of names)
        assert.deepEqual(wrong(schema, JSON.parse(readFileSync(join(root, "city/mappings", name), "utf8"))), [], name);
    const manual = readFileSync(join(root, "docs/mapping.md"), "utf8");
    const examples = [...manual.matchAll(/```json\n([\s\S]*?)```/g)].map((found) => JSON.parse(found[1]!) as Json);
    const whole = examples.filter((one) => "mapping" in one);
    assert.ok(whole.length > 0);
    for (const one of whole) {
        assert.deepEqual(wrong(schema, one), []);
        const done = jindu([
            "import",
            "--dry-run",
            "--no-fetch",
            "--map",
            file("m.json", JSON.stringify(one)),
            file("t.csv", "x\n"),
        ]);
        assert.match(done.err, /there is no column/, done.err); // the mapping itself is sound
    }
});

test("what the schema refuses, the program refuses, and the other way about", () => {
    const base: Json = {
        mapping: 1,
        time: { column: "t", zone: "UTC" },
        entity: { type: "T", id: "urn:x:a" },
        attributes: { v: "v" },
    };
    const v = (spec: unknown): Json => ({ attributes: { v: spec } });
    const bad: Json[] = [
        { mapping: 2 },
        { mapping: "1" },
        { mapping: undefined },
        { entity: undefined },
        { entity: { type: "T" } },
        { entity: { type: [], id: "urn:x:a" } },
        { entity: { type: "T", id: "" } },
        { colour: 1 },
        { table: [] },
        { table: { format: "xml" } },
        { table: { separator: "ab" } },
        { table: { separator: "" } },
        { table: { header: [] } },
        { table: { header: 1 } },
        { table: { skipLines: -1 } },
        { table: { skipLines: 1001 } },
        { table: { decimal: ";" } },
        { table: { path: "a" } },
        { table: { short: "no" } },
        { table: { otherColumns: true } },
        { time: {} },
        { time: { column: "t", columns: ["t"] } },
        { time: { columns: [], zone: "UTC" } },
        { time: { column: "t", form: "%d", zone: "UTC" } },
        { time: { column: "t", repeatedHour: "x" } },
        { time: { parts: { month: "m" }, zone: "UTC" } },
        { time: { column: "t", notBefore: "2000" } },
        { time: { column: "t", addYears: 10000 } },
        { each: {} },
        { each: { columns: 1 } },
        { attributes: [] },
        { missing: [null] },
        { skip: {} },
        { skip: [{ c: { like: 1 } }] },
        { skip: { c: { is: 1, not: 2 } } },
        { skip: { c: true } },
        { repeat: "x" },
        { refusedMax: 101 },
        v(1),
        v(""),
        v([]),
        v({}),
        v({ column: "" }),
        v({ column: "v", template: "x" }),
        v({ column: "v", as: "x" }),
        v({ longitude: "x" }),
        v({ column: "v", datum: "wgs72" }),
        v({ column: "v", unit: 1 }),
        v({ column: "v", unit: "" }),
        v({ column: "v", unit: {} }),
        v({ column: "v", unit: { column: "u", codes: { x: 1 } } }),
        v({ column: "v", values: { x: [] } }),
        v({ column: "v", otherValues: "x" }),
        v({ column: "v", as: "boolean", words: { true: 1 } }),
        v({ column: "v", factor: "2" }),
        v({ column: "v", least: "0" }),
        v({ column: "v", refuse: "all" }),
        v({ column: "v", optional: 1 }),
        v({ column: "v", when: {} }),
        v({ column: "v", with: [] }),
        v({ column: "v", with: { u: 1 } }),
        v({ languages: { zh: 1 } }),
        { fixed: { n: { constant: null } } },
    ];
    const good: Json[] = [
        {},
        { time: { column: "t" } },
        v(["v", { column: "w", dataset: "urn:d:w" }]),
        { repeat: "each" },
        { missing: -999 },
        { skip: { c: ["a", 1] } },
        { skip: [{ c: { missing: true } }] },
        v({ column: "v", as: "boolean", words: { true: ["x"], false: 0 } }),
        v({ languages: { zh: "z" }, as: "languages" }),
        v({ longitude: "x", latitude: "y", datum: "bd09" }),
        { fixed: { n: { constant: [1] } } },
        { title: { zh: "标题" }, description: "x" },
        { table: { quote: "", header: false } },
    ];
    const rows = file("t.csv", "x\n1\n");
    const refused = (more: Json): boolean => {
        const path = file("m.json", JSON.stringify({ ...base, ...more }));
        return jindu(["import", "--dry-run", "--map", path, rows]).code === 2;
    };
    for (const more of bad) {
        assert.notDeepEqual(
            wrong(schema, JSON.parse(JSON.stringify({ ...base, ...more }))),
            [],
            `schema: ${JSON.stringify(more)}`,
        );
        assert.ok(refused(more), `program: ${JSON.stringify(more)}`);
    }
    for (const more of good) {
        assert.deepEqual(wrong(schema, { ...base, ...more }), [], `schema: ${JSON.stringify(more)}`);
        assert.ok(!refused(more), `program: ${JSON.stringify(more)}`);
    }
});
