import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { between, current, firstRound } from "../../city/clock.ts";
import { numberOf, parseCsv } from "../../city/csv.ts";
import { standing } from "../../city/entities.ts";
import type { Entity } from "../../city/ngsi.ts";
import { entityOf, recordings, spanOf } from "../../city/series.ts";

const readings = [
    { at: 1000, values: "a" },
    { at: 2000, values: "b" },
    { at: 5000, values: "c" },
];
const span = { start: 0, end: 10_000 };

test("the player's clock picks the newest reading that has happened", () => {
    const at = (recorded: number, speed: number): string | undefined =>
        current(readings, span, speed, firstRound + recorded / speed)?.reading.values;
    assert.equal(at(1000, 1), "a");
    assert.equal(at(1999, 1), "a");
    assert.equal(at(2000, 1), "b");
    assert.equal(at(9999, 1), "c");
    assert.equal(at(2000, 10), "b");
    // The next round: first what the round before ended with, then from the start again.
    assert.equal(at(10_500, 1), "c");
    assert.equal(at(11_000, 1), "a");
});

test("a reading's moment lies in the past, and moments only grow", () => {
    let before = -Infinity;
    for (let now = firstRound + 1000; now < firstRound + 40_000; now += 250) {
        const due = current(readings, span, 1, now)!;
        assert.ok(due.dueAt <= now);
        assert.ok(due.dueAt >= before);
        before = due.dueAt;
    }
    assert.equal(current([], span, 1, firstRound), undefined);
});

test("what happened in a time is what the clock says at each of its moments", () => {
    const speed = 100;
    const [from, until] = [firstRound + 33, firstRound + 427];
    const seen = new Map<number, string>();
    for (let now = from; now < until; now++) {
        const due = current(readings, span, speed, now)!;
        if (due.dueAt >= from) seen.set(due.dueAt, due.reading.values);
    }
    const told = [...between(readings, span, speed, from, until)];
    assert.deepEqual(new Map(told.map((due) => [due.dueAt, due.reading.values])), seen);
    assert.equal(told.length, seen.size, "each once");
    assert.deepEqual([...between([], span, speed, from, until)], []);
});

test("CSV with quotes, commas, line breaks and gaps", () => {
    assert.deepEqual(parseCsv('a,"b"\r\n1,"x, ""y""\nz"\n\n,2\n'), [
        { a: "1", b: 'x, "y"\nz' },
        { a: "", b: "2" },
    ]);
    assert.equal(numberOf("NA"), undefined);
    assert.equal(numberOf(""), undefined);
    assert.equal(numberOf("0"), 0);
});

const all = recordings();
const now = Date.UTC(2026, 10, 23, 12);
const live = all.flatMap((recording) =>
    recording.series.map((series) => {
        const due = current(series.readings, spanOf(recording), recording.speed, now)!;
        return entityOf(recording, series, due.reading, due.dueAt);
    }),
);

test("every recording has readings in order, of finite times", () => {
    for (const { series } of all) {
        assert.ok(series.length > 0);
        for (const { id, readings: list } of series) {
            assert.ok(list.length > 1, id);
            for (let at = 1; at < list.length; at++) {
                assert.ok(Number.isFinite(list[at]!.at) && list[at]!.at >= list[at - 1]!.at, `${id} ${at}`);
            }
        }
    }
});

test("what is replayed says so, with when and where it was taken and under which licence", () => {
    for (const entity of live) {
        for (const name of [
            "replay",
            "replaySpeed",
            "originalObservedAt",
            "recordedIn",
            "source",
            "license",
            "credit",
        ]) {
            assert.ok(entity[name], `${entity.id} lacks ${name}`);
        }
        const original = (entity["originalObservedAt"] as { value: { "@value": string } }).value["@value"];
        assert.ok(Date.parse(original) < now, entity.id);
    }
});

test("nothing that was recorded elsewhere is put into Zhenjiang", () => {
    for (const entity of live) {
        const place = (entity["location"] as { value?: { coordinates: number[] } } | undefined)?.value?.coordinates;
        if (!place) continue;
        const inside = place[0]! > 118.5 && place[0]! < 120.5 && place[1]! > 31 && place[1]! < 33;
        assert.ok(!inside, entity.id);
    }
});

test("ids are unique, and every term has a definition and a label", () => {
    const entities: Entity[] = [...standing(), ...live];
    assert.equal(new Set(entities.map(({ id }) => id)).size, entities.length);
    const read = (file: string): unknown =>
        JSON.parse(readFileSync(new URL(`../../city/${file}`, import.meta.url), "utf8"));
    const context = (read("contexts/city.jsonld") as { "@context": Record<string, string> })["@context"];
    type Labels = Record<"types" | "attributes", Record<string, unknown>> & { units: Record<string, string> };
    const { labels } = read("console.json") as { labels: Labels };
    const { units } = labels;
    for (const { id, type, ...attributes } of entities) {
        assert.ok(context[type] && labels.types[type], `${type} of ${id}`);
        for (const [name, attribute] of Object.entries(attributes)) {
            assert.ok(name === "location" || context[name], `${name} of ${id} is not in the context`);
            assert.ok(labels.attributes[name], `${name} of ${id} has no label`);
            const unit = (attribute as { unitCode?: string }).unitCode;
            assert.ok(unit === undefined || units[unit] !== undefined, `unit ${unit} of ${id}`);
        }
    }
});

test("relationships of what stands still point at what is there", () => {
    const entities = standing();
    const ids = new Set(entities.map(({ id }) => id));
    for (const entity of entities) {
        for (const attribute of Object.values(entity)) {
            if (typeof attribute === "object" && attribute.object)
                assert.ok(ids.has(attribute.object), attribute.object);
        }
    }
});
