// What was acknowledged is kept. The process is killed with -9 at random moments under a mixed load (JINDU_KILLS times,
// 25 when not said): after each restart every acknowledged change is there, no refused one is, one whose answer never
// came is there whole or not at all, and `jindu check` finds nothing. And SIGTERM finishes what was begun.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { api, City, command, folder, Server, type Answer, type Json } from "./server.ts";

const kills = Number(process.env["JINDU_KILLS"] ?? 25);
const workers = 12;

// A small generator with a seed, so that a run can be told apart and told again.
const seed = Number(process.env["JINDU_SEED"] ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
}

/** What an entity holds, by its number; undefined: it is not there. The number stands in it twice, and in an array. */
type Held = number | undefined;
const attributes = (n: number): Json => ({
    n,
    twin: `n${n}`,
    pad: { type: "Property", value: Array(1 + (n % 40)).fill(n) },
});
const body = (id: string, n: number): Json => ({ id, type: "W", ...attributes(n) });

function read(entity: Json): number {
    const n = entity.n as number;
    assert.deepEqual(
        entity,
        { id: entity.id, type: "W", n, twin: `n${n}`, pad: Array(1 + (n % 40)).fill(n) },
        "an entity in part",
    );
    return n;
}

/** A change that was asked: what each entity would hold when it is done. Changes of several are all or nothing. */
interface Change {
    goal: Map<string, Held>;
    ask: () => Promise<Answer>;
    /** It must be refused, and change nothing. */
    refused?: boolean;
}

class Worker {
    readonly held = new Map<string, Held>();
    /** Asked, and never answered. */
    open: Change | undefined;
    readonly city: City;
    #next = 0;

    constructor(
        readonly number: number,
        server: Server,
    ) {
        this.city = new City(server, number % 3 === 0 ? `side${number}` : undefined);
    }

    #some(): string {
        return `urn:w:${this.number}:${random(8)}`;
    }

    #change(): Change {
        const id = this.#some();
        const n = ++this.#next;
        const is = this.held.get(id);
        const city = this.city;
        const one = new Map<string, Held>([[id, n]]);
        const path = `/entities/${id}`;
        switch (random(9)) {
            case 0:
                return { goal: one, ask: () => city.post("/entities", body(id, n)), refused: is !== undefined };
            case 1:
                return { goal: one, ask: () => city.patch(`${path}/attrs`, attributes(n)), refused: is === undefined };
            case 2:
                return { goal: one, ask: () => city.patch(path, attributes(n)), refused: is === undefined };
            case 3:
                return { goal: one, ask: () => city.put(path, body(id, n)), refused: is === undefined };
            case 4:
                return { goal: new Map([[id, undefined]]), ask: () => city.del(path), refused: is === undefined };
            case 5:
                return { goal: one, ask: () => city.patch(path, attributes(n), { "If-Match": '"0"' }), refused: true };
            case 6:
                return {
                    goal: one,
                    ask: () => city.patch(path, { ...attributes(n), n: { type: "Wrong" } }),
                    refused: true,
                };
            default: {
                const ids = Array.from({ length: 8 }, (_, i) => `urn:w:${this.number}:${i}`).filter(
                    () => random(2) === 0,
                );
                if (ids.length === 0) ids.push(id);
                const list = ids.map((each) => body(each, n));
                const goal = new Map<string, Held>(ids.map((each) => [each, n]));
                return { goal, ask: () => city.post("/entityOperations/upsert", list) };
            }
        }
    }

    /** Changes one after the other until the server is gone. */
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
            const done = answer.status >= 200 && answer.status < 300;
            assert.equal(done, !change.refused, `${answer.status} ${answer.text}`);
            if (done) for (const [id, held] of change.goal) this.held.set(id, held);
        }
    }

    /** Holds what the store has to what was promised. */
    settle(found: Map<string, number>): void {
        const open = this.open;
        this.open = undefined;
        const ids = new Set([...this.held.keys(), ...(open?.goal.keys() ?? [])]);
        for (const [id] of found)
            assert.ok(!id.startsWith(`urn:w:${this.number}:`) || ids.has(id), `${id} was never made`);
        if (open && !open.refused) {
            const isNew = [...open.goal].every(([id, held]) => found.get(id) === held);
            const isOld = [...open.goal].every(([id]) => found.get(id) === this.held.get(id));
            assert.ok(isNew || isOld, `a change of ${[...open.goal.keys()]} is there in part (seed ${seed})`);
            if (isNew) for (const [id, held] of open.goal) this.held.set(id, held);
        }
        for (const id of ids) assert.equal(found.get(id), this.held.get(id), `${id} (seed ${seed})`);
    }
}

async function all(city: City): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (let offset = 0; ; offset += 500) {
        const page = await city.get(`/entities?local=true&format=simplified&limit=500&offset=${offset}`);
        if (page.status === 404) return found; // the tenant was never made
        assert.equal(page.status, 200, page.text);
        for (const entity of page.json as Json[]) found.set(entity.id, read(entity));
        if (page.json.length < 500) return found;
    }
}

async function settleAll(list: Worker[]): Promise<void> {
    const plain = await all(list.find((worker) => worker.city.tenant === undefined)!.city);
    for (const worker of list) worker.settle(worker.city.tenant === undefined ? plain : await all(worker.city));
}

test(
    `kill -9, ${kills} times: acknowledged is kept, refused is absent, unknown is whole`,
    { timeout: 1_800_000 },
    async (t) => {
        const data = folder();
        // A small log, so that sweeping and trimming go on while it is killed.
        const server = new Server(data, ["--log-bytes-max", "1M", "--log-level", "error"]);
        const list = Array.from({ length: workers }, (_, i) => new Worker(i, server));
        let acknowledged = 0;
        try {
            for (let round = 0; round < kills; round++) {
                await server.start();
                await settleAll(list);
                const before = list.map((worker) =>
                    [...worker.held.values()].reduce<number>((sum, n) => sum + (n ?? 0), 0),
                );
                const load = list.map((worker) => worker.run());
                await new Promise((done) => setTimeout(done, round % 8 === 0 ? random(5) : random(160)));
                await server.kill();
                await Promise.all(load);
                const later = list.map((worker) =>
                    [...worker.held.values()].reduce<number>((sum, n) => sum + (n ?? 0), 0),
                );
                acknowledged += later.filter((sum, i) => sum !== before[i]).length;
                const checked = await command("check", ...(round % 4 === 0 ? ["--deep"] : []), data);
                assert.equal(checked.code, 0, `round ${round}, seed ${seed}: ${checked.out}`);
            }
            await server.start();
            await settleAll(list);
            assert.equal(await server.stop(), 0);
            await server.start();
            await settleAll(list);
        } finally {
            await server.kill();
        }
        t.diagnostic(`seed ${seed}; in ${acknowledged} of ${kills * workers} turns a worker had changes acknowledged`);
        assert.ok(acknowledged > kills, "the load hardly ran");
    },
);

test(
    "SIGTERM: everything that was begun is answered; what was answered holds after the restart",
    { timeout: 120_000 },
    async () => {
        const server = await new Server(folder(), ["--log-level", "error"]).start();
        try {
            const answers: (number | undefined)[] = [];
            const texts = new Map<number, string>();
            let first: () => void = () => undefined;
            const begun = new Promise<void>((done) => (first = done));
            // All lines are open and heard before anything is asked: on a busy machine the end may else come first.
            const heard: (() => void)[] = [];
            const go = (): void => {
                if (heard.length === 60) for (const each of heard) each();
            };
            const one = (i: number): Promise<void> =>
                new Promise((done, failed) => {
                    let got = "";
                    let asked = false;
                    const list = Array.from({ length: 40 }, (_, k) => body(`urn:s:${i}:${k}`, i));
                    const text = JSON.stringify(list);
                    const line = `POST ${api}/entityOperations/create HTTP/1.1\r\nHost: x\r\n`;
                    const fields = `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`;
                    const post = `${line}${fields}\r\n${text}`;
                    const socket = connect(server.port, "127.0.0.1", () =>
                        socket.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
                    );
                    const whole = (): number | undefined => {
                        const head = /^HTTP\/1\.1 (\d{3})[^]*?\r\n\r\n/.exec(got);
                        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head?.[0] ?? "")?.[1] ?? 0);
                        return head && got.length >= head[0].length + length ? Number(head[1]) : undefined;
                    };
                    const see = (): void => {
                        const status = whole();
                        if (status === undefined) return;
                        if (!asked) {
                            assert.equal(status, 200);
                            asked = true;
                            got = "";
                            heard.push(() => socket.write(post));
                            go();
                            return;
                        }
                        answers[i] = status;
                        texts.set(i, got);
                        first();
                        socket.destroy();
                        done();
                    };
                    socket.on("data", (part) => {
                        got += part.toString("latin1");
                        see();
                    });
                    socket.on("close", () => done());
                    socket.on("error", (error) => (asked ? done() : failed(error)));
                });
            const asked = Array.from({ length: 60 }, (_, i) => one(i));
            await begun;
            const ended = server.stop();
            await Promise.all(asked);
            assert.equal(await ended, 0);
            const unanswered = Array.from({ length: 60 }, (_, i) => i).filter((i) => answers[i] === undefined);
            assert.deepEqual(unanswered, [], "begun, and never answered");
            await server.start();
            const city = new City(server, undefined);
            for (let i = 0; i < 60; i++) {
                const found = await city.get(
                    `/entities?type=W&idPattern=${encodeURIComponent(`^urn:s:${i}:`)}&limit=0&count=true`,
                );
                const count = Number(found.headers["ngsild-results-count"]);
                assert.ok(answers[i] === 201 || answers[i] === 503, `${answers[i]} ${texts.get(i)}`);
                assert.equal(count, answers[i] === 201 ? 40 : 0, `request ${i} was answered ${answers[i]}`);
            }
        } finally {
            await server.kill();
        }
    },
);

test("a folder serves one process at a time; the second is refused and hurts nothing", async () => {
    const data = folder();
    const server = await new Server(data, ["--log-level", "error"]).start();
    try {
        const city = await server.city({ id: "urn:x:1", type: "T" });
        const second = await command("serve", "--open", "--data", data, "--listen", "127.0.0.1:0");
        assert.notEqual(second.code, 0, second.out);
        assert.ok(await city.entity("urn:x:1"));
        assert.equal((await city.post("/entities", { id: "urn:x:2", type: "T" })).status, 201);
    } finally {
        await server.kill();
    }
});
