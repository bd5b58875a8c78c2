// How long readings are kept and as what: policies are declared, shown and forgotten; old readings become roll-ups that
// answer aggregates whose periods are made of theirs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { City, folder, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
const city = new City(server, undefined);

before(async () => {
    await server.start();
});
after(async () => {
    await server.stop();
});

const policy = {
    types: ["Station"],
    raw: "P90D",
    rollups: [{ period: "PT1H", keep: "P5Y" }, { period: "P1D" }],
    utcOffset: "+08:00",
};
const own = (method: string, path: string, body?: Json): Promise<Answer> => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const length = `${text?.length ?? 0}`;
    const headers = text === undefined ? {} : { "Content-Type": "application/json", "Content-Length": length };
    return server.call(method, `/api/history${path}`, text, headers);
};
const settle = async (): Promise<void> => {
    assert.equal((await own("POST", "/settle", {})).status, 204);
};

const id = "urn:ngsi-ld:Station:retained";
// Four readings on 1 January 2024 (local day of +08:00), one of this hour.
const old = ["2023-12-31T16:00:00Z", "2024-01-01T00:10:00Z", "2024-01-01T00:20:00Z", "2024-01-01T15:59:59Z"];
const now = new Date().toISOString().replace(/\.\d+/, "");
const values = [1.5, 2.5, -3, 10];

async function aggregated(period: string, from: string): Promise<Json> {
    const methods = "sum,min,max,totalCount";
    const answer = await city.get(
        `/temporal/entities/${id}?format=aggregatedValues&aggrMethods=${methods}&aggrPeriodDuration=${period}` +
            `&timerel=after&timeAt=${from}`,
    );
    assert.equal(answer.status, 200, answer.text);
    return answer.json.t;
}

test("a policy is declared, shown, changed and forgotten", async () => {
    assert.equal((await own("PUT", "/policies/air", policy)).status, 201);
    assert.equal((await own("PUT", "/policies/air", policy)).status, 204);
    const list = (await own("GET", "/policies")).json;
    assert.deepEqual(list, [
        { ...policy, id: "air", types: ["https://uri.etsi.org/ngsi-ld/default-context/Station"] },
    ]);
    assert.equal((await own("DELETE", "/policies/air")).status, 204);
    assert.equal((await own("DELETE", "/policies/air")).status, 404);
    assert.deepEqual((await own("GET", "/policies")).json, []);
});

for (const [what, change, place] of [
    ["no types", { types: [] }, "types"],
    ["no duration", { raw: "90 days" }, "raw"],
    ["nothing kept", { raw: "PT0S" }, "raw"],
    ["a period of months", { rollups: [{ period: "P1M" }] }, "rollups.period"],
    ["periods that do not fit", { rollups: [{ period: "PT2H" }, { period: "PT3H" }] }, "rollups.period"],
    ["an offset that is none", { utcOffset: "Asia/Shanghai" }, "utcOffset"],
] as const)
    test(`a policy with ${what} is refused, and the place is named`, async () => {
        const answer = await own("PUT", "/policies/wrong", { ...policy, ...change });
        assert.equal(answer.status, 400);
        assert.equal(answer.json.place, place);
    });

test("old readings become roll-ups, which answer what is made of their periods", async () => {
    const readings = [...old, now].map((observedAt, i) => ({ type: "Property", value: values[i] ?? 7, observedAt }));
    const made = await city.post("/temporal/entities", { id, type: "Station", t: readings });
    assert.equal(made.status, 201, made.text);
    const before = await aggregated("P1D", "2023-12-31T16:00:00Z");
    await settle();
    assert.deepEqual(await aggregated("P1D", "2023-12-31T16:00:00Z"), before, "settling changes nothing");
    assert.equal((await own("PUT", "/policies/air", policy)).status, 201);
    await settle();
    const left = await city.get(`/temporal/entities/${id}?options=temporalValues`);
    assert.deepEqual(left.json.t.values, [[7, now]], "what is older than raw is gone");
    const day = await aggregated("P1D", "2023-12-31T16:00:00Z");
    assert.deepEqual(day, before, "the same by the day");
    assert.deepEqual(day.sum[0], [11, "2023-12-31T16:00:00Z", "2024-01-01T16:00:00Z"]);
    assert.deepEqual(day.totalCount[0][0], 4);
    const hour = await aggregated("PT1H", "2023-12-31T16:00:00Z");
    assert.deepEqual(
        hour.sum.slice(0, 3).map((each: Json) => each.slice(0, 2)),
        [
            [1.5, "2023-12-31T16:00:00Z"],
            [-0.5, "2024-01-01T00:00:00Z"],
            [10, "2024-01-01T15:00:00Z"],
        ],
    );
    // one that comes late is counted, before and after it is folded
    const late = [{ type: "Property", value: 100, observedAt: "2024-01-01T00:30:00Z" }];
    assert.equal((await city.post(`/temporal/entities/${id}/attrs`, { t: late })).status, 204);
    assert.equal((await aggregated("P1D", "2023-12-31T16:00:00Z")).sum[0][0], 111);
    await settle();
    assert.equal((await aggregated("P1D", "2023-12-31T16:00:00Z")).sum[0][0], 111);
    // and the history that is deleted takes its roll-ups with it
    assert.equal((await city.del(`/temporal/entities/${id}`)).status, 204);
    assert.equal((await city.get(`/temporal/entities/${id}`)).status, 404);
    const again = await city.post("/temporal/entities", { id, type: "Station", t: late });
    assert.equal(again.status, 201);
    assert.equal((await aggregated("P1D", "2023-12-31T16:00:00Z")).sum[0][0], 100);
    await settle();
    assert.equal((await aggregated("P1D", "2023-12-31T16:00:00Z")).sum[0][0], 100);
});

test("a clear that comes after readings were folded takes their roll-ups with it", async () => {
    const station = "urn:ngsi-ld:Station:cleared-later";
    const t = [...old, now].map((observedAt) => ({ type: "Property", value: 4, observedAt }));
    assert.ok((await own("PUT", "/policies/air", policy)).status < 300);
    const made = await city.post("/temporal/entities", { id: station, type: "Station", t, u: t });
    assert.equal(made.status, 201, made.text);
    await settle();
    assert.equal((await city.del(`/temporal/entities/${station}/attrs/t`)).status, 204);
    const ask = (): Promise<Answer> =>
        city.get(
            `/temporal/entities/${station}?format=aggregatedValues&aggrMethods=sum&aggrPeriodDuration=P1D` +
                `&timerel=after&timeAt=${old[0] ?? ""}`,
        );
    for (const when of ["in memory", "settled"]) {
        const answer = await ask();
        assert.equal(answer.json.t, undefined, when);
        assert.deepEqual(answer.json.u.sum[0][0], 16, when);
        await settle();
    }
});

test("an attribute of more numbers than history can keep is refused before it is promised", async () => {
    const most = 1 << 22;
    for (const [count, status] of [
        [most, 201],
        [most + 1, 413],
    ] as const) {
        const name = `urn:ngsi-ld:Cloud:${count}`;
        const value = new Array<number>(count).fill(1);
        const now = await city.post("/entities", { id: name, type: "Cloud", p: { type: "Property", value } });
        assert.equal(now.status, status, now.text.slice(0, 400));
        if (status === 413) assert.match(now.text, /at most 4194304/);
        const p = [{ type: "Property", value, observedAt: "2026-01-01T00:00:00Z" }];
        const then = await city.post("/temporal/entities", { id: name, type: "Cloud", p });
        assert.ok(then.status === 413 || count === most, `${then.status} ${then.text.slice(0, 400)}`);
    }
    // what was accepted is replaced, so that it becomes history, and is sealed
    const one = { p: { type: "Property", value: 1 } };
    const replaced = await city.post(`/entities/urn:ngsi-ld:Cloud:${most}/attrs`, one);
    assert.equal(replaced.status, 204, replaced.text);
    await settle();
});
