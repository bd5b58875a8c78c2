// The system page's plain parts: metrics, JSON by its places, rows that come back as they were.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../../web/src/pages/system/encode.ts";
import { lineOf, lineOfPath, readJson } from "../../web/src/pages/system/jsontext.ts";
import { rateOf } from "../../web/src/lib/links.ts";
import { below, grown, Metrics, perSecond } from "../../web/src/pages/system/metrics.ts";
import { readCsv, readRefused } from "../../web/src/pages/system/refused.ts";
import { placeOf } from "../../web/src/pages/system/text.ts";
import { mappingName } from "../../web/src/pages/system/tables.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (written: Uint8Array | undefined): string =>
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(written);

test("metrics are summed over their labels; rates need two of them, and a start between them is seen", () => {
    const a = new Metrics('# HELP x y\nx{link="a \\"b\\""} 3\nx{link="c"} 4\ny 5\n', 0);
    const b = new Metrics("x 17\ny 2\n", 5000);
    assert.equal(a.sum("x"), 7);
    assert.equal(a.of("x")[0]!.labels["link"], 'a "b"');
    assert.equal(a.sum("none"), undefined);
    assert.equal(perSecond(a, b, "x"), 2);
    assert.equal(perSecond(undefined, b, "x"), undefined);
    assert.equal(grown(a, b, "y"), undefined);
    const h = (n: number, m: number): string => `t_bucket{le="0.5"} ${n}\nt_bucket{le="+Inf"} ${m}\n`;
    assert.equal(below(new Metrics(h(100, 100)), new Metrics(h(196, 200)), "t", 0.95), 0.5);
    assert.equal(below(new Metrics(h(100, 100)), new Metrics(h(150, 200)), "t", 0.95), Infinity);
    assert.equal(below(new Metrics(h(1, 1)), new Metrics(h(1, 1)), "t", 0.95), undefined);
});

test("a link's rate is what it counted between two answers", () => {
    const link = { name: "a", state: "open" as const, frames: 10, readings: 100 };
    assert.deepEqual(rateOf(link, { ...link, frames: 16, readings: 100 }, 3000), { frames: 2, readings: 0 });
    assert.deepEqual(rateOf(link, { ...link, frames: 2, readings: 4 }, 3000), {});
    assert.deepEqual(rateOf(undefined, link, 3000), {});
});

test("a refusal finds its line in the document", () => {
    const link =
        '{\n "protocol": "x",\n "maps": [\n  {"mapping": 1,\n   "attributes": {\n    "a.b": {"unitt": 1}}}]\n}';
    assert.equal(lineOfPath(link, "protocol"), 2);
    assert.equal(lineOfPath(link, "maps[0].attributes.a.b.unitt"), 6);
    assert.equal(lineOfPath(link, "maps[0].time"), 4);
    assert.equal(lineOfPath(link, "none"), undefined);
    assert.equal(lineOf(link, "maps[0]:1:40", "Bad: attributes.a.b.unitt: no such member"), 6);
    assert.equal(lineOf(link, "maps[0]:1:40", "有误: attributes.a.b.unitt：没有此成员"), 6);
    assert.equal(lineOf(link, "name:4:34", ""), 4);
    assert.equal(lineOf(link, "line 2 column 11", ""), 2);
    assert.equal(lineOf("{", "protocol", ""), undefined);
    assert.deepEqual(placeOf(link, "maps[0].attributes"), { line: 5, column: 4 });
    assert.deepEqual(placeOf(link, "none.there"), { line: 1, column: 1 });
    for (const broken of ["", "{", '{"a" 1}', "[1,]", '{"a":1,}', "1 2", '"a']) assert.throws(() => readJson(broken));
});

test("rows of CSV come back as they were but for what was mended", () => {
    assert.deepEqual(readCsv('a,"b ""c""\nd",\r\n,x', ",", '"'), [
        ["a", 'b "c"\nd', ""],
        ["", "x"],
    ]);
    const given = 'm,t,v,_refused\n"a,1",2024-01-02,x,"v: ""x"" is no number"\na,2024-01-06,"2 cells, not 3"\n';
    const table = readRefused(bytes(given), {})!;
    assert.deepEqual(table.columns, ["m", "t", "v"]);
    assert.deepEqual(
        table.rows.map(({ cells, why }) => [cells, why]),
        [
            [["a,1", "2024-01-02", "x"], 'v: "x" is no number'],
            [["a", "2024-01-06", ""], "2 cells, not 3"],
        ],
    );
    table.rows[0]!.cells[2] = "7";
    table.rows[1]!.cells[2] = '"8"';
    assert.equal(text(table.write(table.rows)), 'm,t,v\n"a,1",2024-01-02,7\na,2024-01-06,"""8"""\n');
    assert.equal(table.firstLine, 2);

    // A cell too many is seen, and can be emptied.
    const wide = readRefused(bytes("\uFEFFnote\nm;t;_refused\na;1;2;too many\n"), { separator: ";", skipLines: 1 })!;
    assert.deepEqual(
        [wide.columns, wide.rows[0]!.cells],
        [
            ["m", "t", "#3"],
            ["a", "1", "2"],
        ],
    );
    wide.rows[0]!.cells[2] = "";
    assert.equal(text(wide.write(wide.rows)), "\uFEFFnote\nm;t\na;1\n");

    const bare = readRefused(bytes("a,1,why\n"), { header: ["m", "v"] })!;
    assert.deepEqual([bare.columns, text(bare.write(bare.rows))], [["m", "v"], "a,1\n"]);
});

test("rows of JSON keep every digit that nobody touched", () => {
    const lines = '{"id":12345678901234567890,"v":"x","w":1.50,"_refused":"v: no number"}\n{"id":2,"v":{"a":[1]}}\n';
    const table = readRefused(bytes(lines), { format: "jsonlines" })!;
    assert.deepEqual(table.columns, ["id", "v", "w"]);
    assert.deepEqual(table.rows[0]!.cells, ["12345678901234567890", "x", "1.50"]);
    table.rows[0]!.cells[1] = "3.0";
    assert.equal(
        text(table.write(table.rows)),
        '{"id":12345678901234567890,"v":3.0,"w":1.50}\n{"id":2,"v":{"a":[1]}}\n',
    );
    const geo =
        '{"type":"FeatureCollection","features":[\n{"type":"Feature","id":"f","properties":{"m":"b","v":"x"},' +
        '"geometry":{"type":"Point","coordinates":[1.10,2]},"_refused":"v: \\"x\\" is no number"}]}\n';
    const features = readRefused(bytes(geo), { format: "geojson" })!;
    assert.deepEqual(features.columns, ["m", "v", "@geometry"]);
    assert.equal(features.rows[0]!.why, 'v: "x" is no number');
    features.rows[0]!.cells[1] = "words";
    assert.equal(
        text(features.write(features.rows)),
        '{"type":"FeatureCollection","features":[{"type":"Feature","id":"f","properties":{"m":"b","v":"words"},' +
            '"geometry":{"type":"Point","coordinates":[1.10,2]}}]}\n',
    );
    const deep = readRefused(bytes('{"data":{"rows":[\n{"v":null}]}}\n'), { format: "json", path: "/data/rows" })!;
    deep.rows[0]!.cells[0] = "4";
    assert.equal(text(deep.write(deep.rows)), '{"data":{"rows":[{"v":4}]}}\n');
});

test("a table goes back in its own encoding", () => {
    for (const encoding of ["gb18030", "gbk", "big5", "utf-16le", "utf-8", "iso-8859-1"]) {
        const told = encoding === "iso-8859-1" ? "caf\u00e9 1" : "\u934b\u6c5f 1,2";
        assert.equal(new TextDecoder(encoding).decode(encode(told, encoding)), told, encoding);
    }
    assert.equal(new TextDecoder("gb18030").decode(encode("\u3400\u1e3f", "gb18030")), "\u3400\u1e3f");
    assert.equal(encode("\u934b", "iso-8859-1"), undefined);
    assert.equal(encode("x", "no-such"), undefined);
    const table = readRefused(encode("\u7ad9,v,_refused\n\u57ce\u897f,x,why\n", "gb18030")!, {
        encoding: "GB18030",
    })!;
    assert.deepEqual(table.columns, ["\u7ad9", "v"]);
    assert.deepEqual(table.write(table.rows), encode("\u7ad9,v\n\u57ce\u897f,x\n", "gb18030"));
});

test("a file's name makes a name that a mapping may have", () => {
    assert.equal(mappingName("air 2026.csv.gz"), "air-2026");
    assert.equal(mappingName("\u8bfb\u6570.xlsx"), "table");
});
