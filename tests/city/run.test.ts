// scripts/run.sh beside a city that runs already: it ends before it touches anything of that one.
// And what a new city knows of the day before.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { contextLink } from "../../city/api.ts";
import { between } from "../../city/clock.ts";
import { recordings, spanOf } from "../../city/series.ts";
import { folder, root, Server } from "../api/server.ts";

test("a new city has the day before of what stands still; one that has a past is left alone", async () => {
    const data = join(folder(), "city");
    const server = await new Server(data, ["--contexts", join(root, "city/contexts")]).start();
    after(() => server.stop());
    const past = (): string => {
        const args = ["--import", "tsx", "city/past.ts", "--url", server.url, "--hours", "3"];
        const done = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 60_000 });
        assert.equal(done.status, 0, done.stdout + done.stderr);
        return done.stdout;
    };
    const before = Date.now();
    assert.match(past(), /readings of the day before/);
    const id = "urn:ngsi-ld:AirQualityObserved:110108A10000000000000001";
    const ask = "timerel=after&timeAt=2000-01-01T00:00:00Z&attrs=temperature&options=temporalValues";
    const headers = { Link: contextLink };
    const kept = async (): Promise<[unknown, string][]> => {
        const answer = await server.call("GET", `/ngsi-ld/v1/temporal/entities/${id}?${ask}`, undefined, headers);
        assert.equal(answer.status, 200, answer.text);
        return answer.json.temperature.values as [unknown, string][];
    };
    const first = await kept();
    const recording = recordings().find(({ source }) => source === "air")!;
    const wanted: [number, number][] = [];
    const hours = 3 * 3_600_000;
    for (const { reading, dueAt } of between(
        recording.series[0]!.readings,
        spanOf(recording),
        recording.speed,
        before + 1000 - hours,
        before,
    )) {
        const { value } = reading.values["temperature"] as { value?: number };
        if (value !== undefined) wanted.push([value, dueAt]);
    }
    const told = new Map(first.map(([value, at]) => [Date.parse(at), value]));
    assert.ok(wanted.length > 300, `${wanted.length}`);
    for (const [value, at] of wanted) assert.equal(told.get(at), value, new Date(at).toISOString());
    past();
    assert.equal((await kept()).length, first.length, "nothing is there twice");
});

test("a second `make run` on the folder of a running city leaves its log alone, and says what to do", async () => {
    const data = join(folder(), "city");
    const server = await new Server(data).start();
    after(() => server.stop());
    writeFileSync(`${data}.log`, "of the one that runs\n");
    const env = { ...process.env, LISTEN: "127.0.0.1:1", DATA: data };
    const second = spawnSync("scripts/run.sh", [], { cwd: root, env, encoding: "utf8", timeout: 20_000 });
    assert.equal(second.status, 1, second.stdout + second.stderr);
    assert.match(second.stderr, /a city runs on .* already; stop it, or use LISTEN=127\.0\.0\.1:PORT DATA=FOLDER/);
    assert.equal(readFileSync(`${data}.log`, "utf8"), "of the one that runs\n");
    assert.ok(!existsSync(`${data}.log.1`), "nothing was turned");
});
