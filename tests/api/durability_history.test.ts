// What was told is kept, and once. The process is killed with -9 at random moments while batches of readings, late ones
// and corrections, updates and deletions go in, and the historian seals and merges behind them (JINDU_KILLS times, 25
// when not said): after each restart every acknowledged reading is there, with its value, and none twice; one whose
// answer never came is there or not, whole; and `jindu check` finds nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { City, command, folder, Server, type Answer, type Json } from "./server.ts";

const kills = Number(process.env["JINDU_KILLS"] ?? 25);
const workers = 8;
const entities = 5; // of a worker

const seed = Number(process.env["JINDU_SEED"] ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
}

/** Minutes that readings are about; `speed` and `level` are observed, `note` is not. */
const minutes = 600;
const names = ["speed", "level"] as const;
type Name = (typeof names)[number];
const epoch = Date.UTC(2026, 2, 1);
const at = (minute: number): string => new Date(epoch + minute * 60_000).toISOString().replace(".000", "");
const minuteOf = (time: string): number => (Date.parse(time) - epoch) / 60_000;

/** Values are told once: a number with two decimals, or a text, or an object, that says which one it is. */
function value(n: number): Json {
    if (n % 11 === 0) return { no: n, of: [n, "x"] };
    return n % 7 === 0 ? `s${n}` : n / 100;
}
function numberOf(v: Json): number {
    const text = typeof v === "string" ? Number(v.slice(1)) : Math.round(v * 100);
    const n = typeof v === "object" ? (v.no as number) : text;
    assert.deepEqual(v, value(n), "a value in part");
    return n;
}

interface Past {
    /** Number of the reading of each minute. */
    readings: Record<Name, Map<number, number>>;
    /** Of the entity itself: minute and number. */
    now: Partial<Record<Name, [minute: number, n: number]>>;
    /** What `note` was, in order; "gone": it was deleted. */
    notes: (number | "gone")[];
    /** The entity's own `note`. */
    note?: number;
    /** It is not only known, but there. */
    there: boolean;
}
type Held = Past | undefined;

const fresh = (): Past => ({ readings: { speed: new Map(), level: new Map() }, now: {}, notes: [], there: false });
const copy = (p: Past): Past => ({
    ...p,
    readings: { speed: new Map(p.readings.speed), level: new Map(p.readings.level) },
    now: { ...p.now },
    notes: [...p.notes],
});

interface Change {
    goal: Map<string, Held>;
    ask: () => Promise<Answer>;
    refused?: boolean;
}

class Worker {
    readonly held = new Map<string, Held>();
    open: Change | undefined;
    readonly city: City;
    told = 0;
    #next = 1;

    constructor(
        readonly number: number,
        server: Server,
    ) {
        this.city = new City(server, number % 3 === 0 ? `past${number}` : undefined);
    }

    ids(): string[] {
        return Array.from({ length: entities }, (_, i) => `urn:p:${this.number}:${i}`);
    }

    /** Readings of an entity as the temporal API takes them, put into its past. */
    #tell(past: Past): Json {
        const body: Json = {};
        for (const name of names) {
            if (random(3) === 0) continue;
            const list: Json[] = [];
            let minute = random(minutes);
            for (let k = random(4) ? random(60) : 1; k > 0 && minute < minutes; k--, minute += 1 + random(2)) {
                const there = past.readings[name].get(minute);
                const n = there !== undefined && random(4) === 0 ? there : this.#next++;
                past.readings[name].set(minute, n);
                list.push({ type: "Property", value: value(n), observedAt: at(minute) });
            }
            if (list.length > 0) body[name] = list;
        }
        if (Object.keys(body).length === 0) {
            const n = this.#next++;
            past.readings.speed.set(0, n);
            body["speed"] = { type: "Property", value: value(n), observedAt: at(0) };
        }
        return body;
    }

    /** Attributes as the core API takes them. */
    #update(past: Past): Json {
        const body: Json = {};
        for (const name of names) {
            if (random(3) === 0) continue;
            const n = this.#next++;
            const minute = Math.min(minutes - 1, (past.now[name]?.[0] ?? random(minutes)) + random(3));
            past.readings[name].set(minute, n);
            past.now[name] = [minute, n];
            body[name] = { type: "Property", value: value(n), observedAt: at(minute) };
        }
        if (Object.keys(body).length === 0 || random(2) === 0) {
            past.note = this.#next++;
            past.notes.push(past.note);
            body["note"] = { type: "Property", value: value(past.note) };
        }
        return body;
    }

    #change(): Change {
        const id = this.ids()[random(entities)]!;
        const is = this.held.get(id);
        const city = this.city;
        const past = is ? copy(is) : fresh();
        const goal = new Map<string, Held>([[id, past]]);
        const dice = random(20);
        if (dice < 8) {
            const list: Json[] = [];
            goal.clear();
            for (const each of this.ids()) {
                if (random(2) === 0) continue;
                const of = this.held.get(each);
                const becomes = of ? copy(of) : fresh();
                list.push({ id: each, type: "P", ...this.#tell(becomes) });
                goal.set(each, becomes);
            }
            if (list.length === 0) return this.#change();
            return { goal, ask: () => city.post("/temporal/entityOperations/upsert", list) };
        }
        if (dice < 11) {
            const body = this.#tell(past);
            return { goal, ask: () => city.post(`/temporal/entities/${id}/attrs`, body), refused: !is };
        }
        if (dice < 15) {
            const body = this.#update(past);
            return { goal, ask: () => city.patch(`/entities/${id}/attrs`, body), refused: !is?.there };
        }
        if (dice < 17) {
            const body = this.#update(past);
            past.there = true;
            return {
                goal,
                ask: () => city.post("/entityOperations/upsert?options=update", [{ id, type: "P", ...body }]),
            };
        }
        if (dice === 17) {
            Object.assign(past, { there: false, now: {}, note: undefined });
            return { goal, ask: () => city.del(`/entities/${id}`), refused: !is?.there };
        }
        if (dice === 18 && random(3) === 0) {
            goal.set(id, undefined);
            if (is?.there) {
                // Its history begins anew with what it is now.
                const anew = { ...fresh(), there: true, now: { ...past.now } };
                for (const name of names) if (past.now[name]) anew.readings[name].set(...past.now[name]);
                if (past.note !== undefined) Object.assign(anew, { note: past.note, notes: [past.note] });
                goal.set(id, anew);
            }
            return { goal, ask: () => city.del(`/temporal/entities/${id}`), refused: !is };
        }
        if (is?.there && past.note !== undefined && dice === 18) {
            past.notes.push("gone");
            delete past.note;
            return { goal, ask: () => city.del(`/entities/${id}/attrs/note`) };
        }
        const bad = { ...this.#tell(past), level: { type: "Property", value: 1, observedAt: "yesterday" } };
        return { goal, ask: () => city.post("/temporal/entities", { id, type: "P", ...bad }), refused: true };
    }

    async run(): Promise<void> {
        for (;;) {
            const change = this.#change();
            this.open = change;
            let answer: Answer;
            try {
                answer = await change.ask();
            } catch {
                return;
            }
            this.open = undefined;
            const done = answer.status >= 200 && answer.status < 300 && answer.status !== 207;
            assert.equal(done, !change.refused, `${answer.status} ${answer.text} (seed ${seed})`);
            if (!done) continue;
            this.told++;
            for (const [id, held] of change.goal) this.held.set(id, held);
        }
    }

    /** What is there must be what was promised; what was open decides itself, entity by entity. */
    async settle(): Promise<void> {
        const open = this.open;
        this.open = undefined;
        for (const id of this.ids()) {
            const found = await this.#read(id);
            const is = shape(this.held.get(id));
            if (open && !open.refused && open.goal.has(id)) {
                const goal = open.goal.get(id);
                try {
                    assert.deepEqual(found, shape(goal));
                    this.held.set(id, goal);
                    continue;
                } catch {
                    // then it must be as it was
                }
            }
            assert.deepEqual(found, is, `${id} (seed ${seed})`);
        }
    }

    async #read(id: string): Promise<Json> {
        const answer = await this.city.get(`/temporal/entities/${id}`);
        if (answer.status === 404) return undefined;
        assert.equal(answer.status, 200, answer.text);
        const past = fresh();
        for (const name of names) {
            let last = -1;
            for (const one of (answer.json[name] ?? []) as Json[]) {
                if (one.deletedAt !== undefined) continue;
                const minute = minuteOf(one.observedAt);
                assert.ok(minute > last, `${id}: ${name} of minute ${minute} twice, or out of order (seed ${seed})`);
                last = minute;
                past.readings[name].set(minute, numberOf(one.value));
            }
        }
        for (const one of (answer.json.note ?? []) as Json[])
            past.notes.push(one.deletedAt === undefined ? numberOf(one.value) : "gone");
        const now = await this.city.get(`/entities/${id}`);
        past.there = now.status === 200;
        for (const name of names) {
            const own = past.there ? now.json[name] : undefined;
            if (own) past.now[name] = [minuteOf(own.observedAt), numberOf(own.value)];
        }
        if (past.there && now.json.note) past.note = numberOf(now.json.note.value);
        await this.#count(id, past);
        return shape(past);
    }

    /** The same readings, counted by the other way in. */
    async #count(id: string, past: Past): Promise<void> {
        const aggregate = "format=aggregatedValues&aggrMethods=totalCount&aggrPeriodDuration=PT0S&attrs=speed,level";
        const answer = await this.city.get(
            `/temporal/entities/${id}?${aggregate}&timerel=between&timeAt=${at(0)}&endTimeAt=${at(minutes)}`,
        );
        const counts = answer.status === 200 ? answer.json : {};
        for (const name of names)
            assert.equal(counts[name]?.totalCount?.[0]?.[0] ?? 0, past.readings[name].size, `${id} ${name}: count`);
    }
}

/** As plain values, to be compared. */
function shape(p: Held): Json {
    if (!p) return undefined;
    const list = (m: Map<number, number>): [number, number][] => [...m].sort((a, b) => a[0] - b[0]);
    return {
        speed: list(p.readings.speed),
        level: list(p.readings.level),
        now: [p.now.speed, p.now.level, p.note],
        notes: p.notes,
        there: p.there,
    };
}

/** Reads while it is told, sealed and merged, until the server is gone: no moment shows a reading twice. */
async function watch(list: Worker[]): Promise<void> {
    for (;;) {
        const worker = list[random(list.length)]!;
        const id = worker.ids()[random(entities)]!;
        let answer: Answer;
        try {
            answer = await worker.city.get(`/temporal/entities/${id}${random(2) ? "" : "?attrs=speed&lastN=20"}`);
        } catch {
            return;
        }
        if (answer.status === 404) continue;
        assert.equal(answer.status, 200, answer.text);
        for (const name of names) {
            const list = ((answer.json[name] ?? []) as Json[]).filter((one) => one.deletedAt === undefined);
            const times = list.map((one) => minuteOf(one.observedAt));
            assert.ok(
                times.every((time, i) => i === 0 || time > times[i - 1]!),
                `${id} ${name}: ${times} (seed ${seed})`,
            );
            for (const one of list) numberOf(one.value);
        }
    }
}

async function figure(server: Server, name: string): Promise<number> {
    const text = (await server.call("GET", "/metrics")).text;
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

test(
    `kill -9, ${kills} times: every acknowledged reading is there once`,
    { timeout: 1_800_000 },
    async (t) => {
        const data = folder();
        const server = new Server(data, [
            ...["--log-bytes-max", "1M", "--history-heads-bytes", "16K", "--history-heads-age", "1"],
            ...["--history-fan", "2", "--history-cache-bytes", "64K", "--log-level", "error", "--no-fetch"],
        ]);
        const list = Array.from({ length: workers }, (_, i) => new Worker(i, server));
        const settle = (): Promise<unknown> => Promise.all(list.map((worker) => worker.settle()));
        let merges = 0;
        let sealed = 0;
        try {
            for (let round = 0; round < kills; round++) {
                await server.start();
                await settle();
                const load = [...list.map((worker) => worker.run()), watch(list), watch(list)];
                await new Promise((done) => setTimeout(done, round % 8 === 0 ? random(5) : random(400)));
                if (round % 3 === 2) merges += await figure(server, "jindu_history_merges_total");
                await server.kill();
                await Promise.all(load);
                const checked = await command("check", ...(round % 4 === 0 ? ["--deep"] : []), data);
                assert.equal(checked.code, 0, `round ${round}, seed ${seed}: ${checked.out}`);
            }
            await server.start();
            await settle();
            const all = await server.call("POST", "/api/history/settle", "{}", { "Content-Type": "application/json" });
            assert.equal(all.status, 204, all.text);
            sealed = await figure(server, "jindu_history_sealed_readings");
            await settle();
            assert.equal(await server.stop(), 0);
            await server.start();
            await settle();
        } finally {
            await server.kill();
        }
        const told = list.reduce((sum, worker) => sum + worker.told, 0);
        t.diagnostic(`seed ${seed}; ${told} changes acknowledged, ${sealed} readings sealed, ${merges} merges seen`);
        assert.ok(told > kills * 2, "the load hardly ran");
        assert.ok(sealed > 0 && merges > 0, "nothing was sealed and merged meanwhile");
    },
);

test("own: who takes the place of an entity without history does not get its past", { timeout: 120_000 }, async () => {
    const server = new Server(folder(), ["--history-off", "Quiet", "--log-bytes-max", "1M", "--log-level", "error"]);
    try {
        await server.start();
        const city = new City(server, undefined);
        const speed = { type: "Property", value: 1, observedAt: at(1) };
        assert.equal((await city.post("/temporal/entities", { id: "urn:q:1", type: "Quiet", speed })).status, 201);
        assert.equal((await city.post("/entities", { id: "urn:q:1", type: "Quiet", n: 1 })).status, 201);
        assert.equal((await city.patch("/entities/urn:q:1/attrs", { n: 2 })).status, 204);
        const kept = await city.get("/temporal/entities/urn:q:1");
        assert.equal((kept.json.n as Json[]).length, 1, "a change of a type in history_off was kept");
        assert.equal((kept.json.speed as Json[]).length, 1, "what is told stays");
        assert.equal((await city.del("/entities/urn:q:1")).status, 204);
        assert.equal((await city.get("/temporal/entities/urn:q:1")).status, 404);
        // Until the log no longer speaks of it, and its number is free.
        const other = new City(server, "other");
        const settled = { "Content-Type": "application/json" };
        for (let i = 1; i < 400; i++) {
            await other.post("/entityOperations/upsert", [{ id: "urn:o:1", type: "O", pad: "x".repeat(70_000) + i }]);
            if (i === 1) assert.equal((await server.call("POST", "/api/history/settle", "{}", settled)).status, 204);
            if (i > 1 && (await figure(server, "jindu_store_log_rows")) < i) break;
        }
        assert.ok((await figure(server, "jindu_store_log_rows")) < 100, "the log was never trimmed");
        await server.kill();
        await server.start();
        assert.equal((await city.post("/entities", { id: "urn:q:2", type: "Quiet", n: 3 })).status, 201);
        const next = await city.get("/temporal/entities/urn:q:2");
        assert.deepEqual(Object.keys(next.json as Json).sort(), ["id", "n", "type"]);
    } finally {
        await server.kill();
    }
});
