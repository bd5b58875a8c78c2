// Pages of an evolution, 6.3.10: more instances than fit an answer are cut in time, over all entities and attributes,
// and Content-Range says how far they reach.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, check, serve, type Answer, type Json } from "./server.ts";

const fit = 12;
const server = await serve("--no-fetch", "--temporal-page", String(fit));
const te = "/temporal/entities";
const at = (minute: number): string => `2026-03-01T12:${String(minute).padStart(2, "0")}:00Z`;
const series = (from: number, to: number): Json[] =>
    Array.from({ length: to - from + 1 }, (_, i) => ({ type: "Property", value: from + i, observedAt: at(from + i) }));
const minutes = (list: Json[]): number[] => list.map((one) => new Date(one.observedAt as string).getUTCMinutes());

const city = await server.city();
/* a and b are told side by side, c follows; another entity is told from minute 30 on */
check(await city.post(te, { id: "urn:p:1", type: "P", a: series(1, 10), b: series(3, 12), c: series(20, 22) }), 201);
check(await city.post(te, { id: "urn:p:2", type: "P", a: series(30, 32) }), 201);
const one = `${te}/urn:p:1`;
const many = (params: Record<string, string | number>): string => te + ask({ type: "P", ...params });
const whole = { timerel: "after", timeAt: at(0) };

/** A 206 with that Content-Range. */
function ranged(answer: Answer, from: string, to: string, size: string): Json {
    check(answer, 206);
    assert.equal(answer.headers["content-range"], `date-time ${from}-${to}/${size}`);
    return answer.json;
}

test("6.3.10 what fits is answered whole", async () => {
    const answer = await city.get(one + ask({ timerel: "between", timeAt: at(1), endTimeAt: at(8) }));
    check(answer, 200);
    assert.equal(answer.headers["content-range"], undefined);
    assert.deepEqual(
        [minutes(answer.json.a), minutes(answer.json.b)],
        [
            [1, 2, 3, 4, 5, 6, 7],
            [3, 4, 5, 6, 7],
        ],
    );
    check(await city.get(one + ask({ lastN: 4 })), 200, "4 + 4 + 3");
});

test("6.3.10 forward: the oldest over all attributes, those behind are empty", async () => {
    const body = ranged(await city.get(one), at(1), at(7), "*");
    assert.deepEqual([minutes(body.a), minutes(body.b), body.c], [[1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7], []]);
    ranged(await city.get(one + ask(whole)), at(0), at(7), "*");
    ranged(await city.get(one + ask({ timerel: "before", timeAt: at(40) })), at(1), at(7), "*");
    ranged(await city.get(one + ask({ timerel: "between", timeAt: at(0), endTimeAt: at(40) })), at(0), at(7), "*");
});

test("6.3.10 instances of one instant stay together", async () => {
    const answer = await city.get(one + ask({ timerel: "after", timeAt: at(2) }));
    const body = ranged(answer, at(2), at(7), "*");
    assert.deepEqual(
        [minutes(body.a), minutes(body.b)],
        [
            [2, 3, 4, 5, 6, 7],
            [3, 4, 5, 6, 7],
        ],
        "12 would tear minute 8",
    );
});

test("6.3.10 backward with lastN: the newest, and its number is told", async () => {
    const body = ranged(await city.get(one + ask({ lastN: 9 })), at(22), at(8), "9");
    assert.deepEqual(
        [minutes(body.a), minutes(body.b), minutes(body.c)],
        [
            [8, 9, 10],
            [8, 9, 10, 11, 12],
            [20, 21, 22],
        ],
    );
    ranged(await city.get(one + ask({ ...whole, lastN: 9 })), at(22), at(8), "9");
    ranged(await city.get(one + ask({ timerel: "before", timeAt: at(40), lastN: 9 })), at(40), at(8), "9");
    ranged(
        await city.get(one + ask({ timerel: "between", timeAt: at(0), endTimeAt: at(41), lastN: 9 })),
        at(41),
        at(8),
        "9",
    );
    const far = ranged(
        await city.get(one + ask({ timerel: "before", timeAt: at(40), lastN: 1000 })),
        at(40),
        at(8),
        "1000",
    );
    assert.deepEqual(minutes(far.a), [8, 9, 10]);
});

test("6.3.10 over several entities at once: those behind are there, with empty attributes", async () => {
    const list = ranged(await city.get(many(whole)), at(0), at(7), "*") as Json[];
    const [first, second] = ["urn:p:1", "urn:p:2"].map((id) => list.find((entity) => entity.id === id));
    assert.deepEqual([minutes(first.a), minutes(first.b), first.c], [[1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7], []]);
    assert.deepEqual(second, { id: "urn:p:2", type: "P", a: [] });
    const back = ranged(await city.get(many({ ...whole, lastN: 20 })), at(32), at(9), "20") as Json[];
    const [old, young] = ["urn:p:1", "urn:p:2"].map((id) => back.find((entity) => entity.id === id));
    assert.deepEqual(
        [minutes(old.a), minutes(old.b), minutes(old.c), minutes(young.a)],
        [
            [9, 10],
            [9, 10, 11, 12],
            [20, 21, 22],
            [30, 31, 32],
        ],
    );
    const body = { type: "Query", entities: [{ type: "P" }], temporalQ: whole };
    assert.deepEqual(ranged(await city.post("/temporal/entityOperations/query", body), at(0), at(7), "*"), list);
});

test("6.3.10 the simplified form: empty lists", async () => {
    const list = ranged(await city.get(many({ ...whole, format: "temporalValues" })), at(0), at(7), "*") as Json[];
    assert.deepEqual(list.find((entity) => entity.id === "urn:p:2").a, { type: "Property", values: [] });
    assert.deepEqual(list.find((entity) => entity.id === "urn:p:1").c, { type: "Property", values: [] });
});

test("6.3.10 what is not asked for does not count, aggregated answers have no pages", async () => {
    check(await city.get(one + "?attrs=a"), 200);
    check(await city.get(one + "?omit=b"), 206);
    const sums = await city.get(many({ ...whole, format: "aggregatedValues", aggrMethods: "totalCount" }));
    check(sums, 200);
    assert.equal((sums.json as Json[]).find((entity) => entity.id === "urn:p:1").a.totalCount[0][0], 10);
    check(await city.get(many({ ...whole, limit: 1, pick: "id" })), 200);
});

test("6.3.10 asking again from the end of each page comes to the end of all, and misses nothing", async () => {
    const seen = new Map<string, Set<number>>();
    let from = at(0);
    let pages = 0;
    for (; pages < 20; pages++) {
        const answer = await city.get(many({ timerel: "after", timeAt: from }));
        for (const entity of answer.json as Json[])
            for (const name of ["a", "b", "c"]) {
                const key = `${entity.id as string} ${name}`;
                const times = seen.get(key) ?? new Set<number>();
                for (const minute of minutes((entity[name] as Json[]) ?? [])) times.add(minute);
                if (entity[name] !== undefined) seen.set(key, times);
            }
        if (answer.status === 200) break;
        from = (answer.headers["content-range"] ?? "").replace(/^date-time .*Z-(.*Z)\/.*$/, "$1");
    }
    assert.ok(pages > 0 && pages < 20);
    const counts = [...seen].map(([key, times]) => [key, times.size]);
    assert.deepEqual(Object.fromEntries(counts), { "urn:p:1 a": 10, "urn:p:1 b": 10, "urn:p:1 c": 3, "urn:p:2 a": 3 });
});

test("6.3.10 one instant that does not fit is shown whole, with the next", async () => {
    const own = await server.city();
    const sets = Array.from({ length: 20 }, (_, i) => ({
        type: "Property",
        value: i,
        observedAt: at(1),
        datasetId: `urn:d:${i}`,
    }));
    check(await own.post(te, { id: "urn:p:1", type: "P", a: [...sets, ...series(2, 4)] }), 201);
    const body = ranged(await own.get(one), at(1), at(2), "*");
    assert.equal((body.a as Json[]).length, 21);
});

test("6.3.10 many entities: the page is cut as they come", async () => {
    const own = await server.city();
    const batch = Array.from({ length: 30 }, (_, i) => ({
        id: `urn:m:${i}`,
        type: "M",
        a: series(1 + (i % 7), 9 + (i % 7)),
    }));
    check(await own.post("/temporal/entityOperations/upsert", batch), 201);
    const answer = await own.get(te + ask({ type: "M", timerel: "after", timeAt: at(0), limit: 100 }));
    const list = ranged(answer, at(0), at(2), "*") as Json[];
    assert.equal(list.length, 30);
    const shown = list.flatMap((entity) => minutes(entity.a as Json[]));
    assert.deepEqual(
        [shown.filter((m) => m === 1).length, shown.filter((m) => m === 2).length, shown.length],
        [5, 10, 15],
    );
    const back = await own.get(te + ask({ type: "M", timerel: "after", timeAt: at(0), limit: 100, lastN: 3 }));
    const newest = (ranged(back, at(15), at(14), "3") as Json[]).flatMap((entity) => minutes(entity.a as Json[]));
    assert.deepEqual(
        [newest.filter((m) => m === 15).length, newest.filter((m) => m === 14).length, newest.length],
        [4, 8, 12],
    );
});
