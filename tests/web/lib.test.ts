// The console's plain parts: figures, times, tables, files, questions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregate, matches } from "../../web/src/lib/figures.ts";
import { Problem } from "../../web/src/lib/http.ts";
import { isPlain, termsOf } from "../../web/src/lib/question.ts";
import {
    ago,
    bytes,
    duration,
    figure,
    moment,
    reading,
    readTyped,
    setZone,
    typed,
    wallTime,
} from "../../web/src/lib/format.ts";
import { attributeOf, bucketOf, numberOf, textOf, valueOf } from "../../web/src/lib/ngsi.ts";
import { boxOf, holds, middle, wider, type Place } from "../../web/src/lib/shapes.ts";
import { compare, fits, sorted, type Column } from "../../web/src/lib/table.ts";
import { piecesOf } from "../../web/src/lib/track.ts";
import { whyOf } from "../../web/src/lib/why.ts";
import { fill, half, language, pick, words } from "../../web/src/lib/words.ts";

test("figures have thin spaces between thousands and no needless zeros", () => {
    assert.equal(figure(1234567.5), "1\u2009234\u2009567.5");
    assert.equal(figure(0.1 + 0.2), "0.3");
    assert.equal(figure(-1000, 0), "-1\u2009000");
    assert.equal(figure(Number.NaN), "–");
    assert.equal(reading(0.12345), "0.123");
    assert.equal(reading(123.456), "123.5");
    assert.equal(reading(0.00042), "0.00042", "what is small is not nothing");
    assert.equal(reading(-0.0072), "-0.0072");
    assert.equal(reading(0), "0");
    assert.equal(bytes(1_234_567), "1.2 MB");
    assert.deepEqual(
        [moment(""), ago("", 0), duration(Number.NaN)],
        ["–", "–", "–"],
        "what is no time breaks nothing",
    );
});

test("words speak the language of the page, and keep what they do not know", () => {
    const say = words({ one: { zh: "甲 {n}", en: "A {n}" } });
    assert.equal(say("one", { n: 3 }), "甲 3");
    language.value = "en";
    assert.equal(say("one", { n: 3 }), "A 3");
    assert.equal(pick({ zh: "乙" }), "乙");
    assert.equal(pick(undefined, "x"), "x");
    language.value = "zh";
    assert.equal(fill("{a}{b}", { a: 1 }), "1{b}");
});

test("why something failed is said in the page's language, not in the browser's", () => {
    assert.equal(
        whyOf(new Problem(400, "Bad", "no such member", "rules/a.json")),
        "Bad: no such member (rules/a.json)",
    );
    assert.doesNotMatch(whyOf(new TypeError("Failed to fetch")), /fetch/);
    assert.equal(whyOf(new TypeError("Failed to fetch"), "not sent"), "not sent");
    assert.notEqual(whyOf(new DOMException("", "TimeoutError")), whyOf(new TypeError("")));
    assert.equal(whyOf(new Error("a name is needed")), "a name is needed");
});

test("an entity is read in its concise form", () => {
    const entity = {
        id: "urn:x:1",
        type: "T",
        speed: { value: 3, unitCode: "KMH", observedAt: "2026-01-01T00:00:00Z" },
        plain: 7,
        name: { languageMap: { zh: "甲", en: "A" } },
        since: { value: { "@type": "DateTime", "@value": "2026-01-01T00:00:00Z" } },
        many: [{ value: 1, datasetId: "urn:d:1" }, { value: 2 }],
        location: { type: "Point", coordinates: [119, 32] },
    };
    assert.equal(numberOf(entity, "speed"), 3);
    assert.equal(numberOf(entity, "plain"), 7);
    assert.equal(textOf(entity, "name"), "甲");
    assert.equal(valueOf(entity, "since"), "2026-01-01T00:00:00Z");
    assert.equal(numberOf(entity, "many"), 2, "the one without a dataset is the default");
    assert.deepEqual(attributeOf(entity, "location")?.value, { type: "Point", coordinates: [119, 32] });
    assert.equal(attributeOf(entity, "none"), undefined);
});

test("a plain question holds for an entity, or does not", () => {
    const entity = { id: "a", type: "T", speed: { value: 9 }, state: { value: "open" }, on: { value: true } };
    for (const q of [
        "speed>8",
        'speed>=9;state=="open"',
        'state!="shut"',
        "on==true",
        'state=="shut","open"',
        'state!="shut","gone"',
        "speed==9.0",
        "speed",
        "",
    ]) {
        assert.equal(matches(entity, q), true, q);
    }
    for (const q of [
        "speed>9",
        "speed<9",
        'state=="shut"',
        "depth",
        "depth>0",
        "speed>8;on==false",
        'state!="shut","open"',
    ]) {
        assert.equal(matches(entity, q), false, q);
    }
});

test("a question comes apart where no quotation marks are, and says what it cannot be judged by", () => {
    assert.deepEqual(termsOf('speed>8;state=="a;b";name'), ["speed>8", 'state=="a;b"', "name"]);
    for (const q of [undefined, "speed>8;name", 'state=="a|b","(c)"']) assert.equal(isPlain(q), true, q);
    for (const q of ["a|b", "(a>1)", "a~=x", "a==1..3", "a[b]==1", "a b"]) assert.equal(isPlain(q), false, q);
});

test("a way that leaps is drawn in pieces", () => {
    const way: Place[] = Array.from({ length: 30 }, (_, i) => [119 + i / 1000, 32]);
    assert.deepEqual(piecesOf(way), [way]);
    assert.deepEqual(piecesOf([...way, ...way]), [way, way]);
    assert.deepEqual(piecesOf([]), []);
});

test("a figure is counted from its rows", () => {
    assert.equal(aggregate([1, 2, 6], "avg"), 3);
    assert.equal(aggregate([1, 2, 6], "sum"), 9);
    assert.equal(aggregate([1, 2, 6], "max"), 6);
    assert.equal(aggregate([1, 2, 6], "min"), 1);
    assert.equal(aggregate([], "count"), 0);
    assert.equal(aggregate([], "avg"), undefined, "no rows have no mean");
});

test("tables sort numbers as numbers, and what is missing stands last both ways", () => {
    const columns: Column<{ v: number | undefined }>[] = [{ id: "v", title: "v", value: (row) => row.v }];
    const rows = [{ v: 10 }, { v: undefined }, { v: 9 }];
    assert.deepEqual(
        sorted(rows, columns, "v").map(({ v }) => v),
        [9, 10, undefined],
    );
    assert.deepEqual(
        sorted(rows, columns, "v;desc").map(({ v }) => v),
        [10, 9, undefined],
    );
    assert.deepEqual(sorted(rows, columns, undefined), rows);
    assert.ok(compare("车 10", "车 9") > 0, "numbers in texts count");
});

test("a filter takes no note of capitals, nor of blanks about it", () => {
    assert.ok(fits(" bus ", "Line 7", "BUS 12") && fits(undefined, "x") && fits(" ", "x"));
    assert.ok(!fits("tram", "Line 7", "BUS 12"));
});

test("a curve's buckets grow with its span", () => {
    assert.equal(bucketOf(0, 3_600_000), "");
    assert.equal(bucketOf(0, 86_400_000), "PT15M");
    assert.equal(bucketOf(0, 30 * 86_400_000), "PT3H");
});

test("a name stands in the middle of the largest ring; a box holds what is in it", () => {
    const square = (x: number, n: number): number[][] => [
        [x, 0],
        [x + n, 0],
        [x + n, n],
        [x, n],
        [x, 0],
    ];
    const at = middle({ type: "MultiPolygon", coordinates: [[square(0, 1)], [square(10, 4)]] })!;
    assert.deepEqual(
        at.map((n) => Math.round(n * 1e6) / 1e6),
        [12, 2],
    );
    const box = boxOf([
        { id: "a", type: "T", location: { value: { type: "Polygon", coordinates: [square(10, 4)] } } },
    ])!;
    assert.deepEqual(box, [10, 0, 14, 4]);
    assert.ok(!holds(box, [9.9, 1]) && holds(wider(box, 0.1), [9.9, 1]));
});

test("a moment is typed and read in the city's zone, also where clocks change", () => {
    setZone("Asia/Shanghai");
    assert.equal(typed("2026-11-29T06:08:30Z"), "2026-11-29 14:08");
    assert.equal(readTyped("2026-11-29 14:08"), Date.parse("2026-11-29T06:08:00Z"));
    assert.equal(wallTime("2026-11-29T20:08:30.250Z"), Date.parse("2026-11-30T04:08:30.250Z"));
    assert.equal(readTyped("2026/1/2"), Date.parse("2026-01-01T16:00:00Z"));
    for (const text of [
        "",
        "yesterday",
        "2026-13-01 00:00",
        "2026-00-10 00:00",
        "2026-02-30 00:00",
        "2026-02-03 24:00",
    ]) {
        assert.equal(readTyped(text), undefined, text);
    }
    setZone("Europe/Berlin");
    for (const text of ["2026-03-29 03:30", "2026-03-29 01:30", "2026-10-25 12:00"]) {
        assert.equal(typed(readTyped(text)!), text);
    }
    setZone(undefined);
});

test("of a text in both languages the half in the page's is shown; others stay whole", () => {
    language.value = "en";
    assert.equal(half("Electric cars / 电动汽车"), "Electric cars");
    language.value = "zh";
    assert.equal(half("Electric cars / 电动汽车"), "电动汽车");
    for (const text of ["a / b", "甲 / 乙", "x", "a / 乙 / c"]) assert.equal(half(text), text);
});
