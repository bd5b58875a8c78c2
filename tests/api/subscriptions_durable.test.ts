// What was acknowledged is told, whatever is killed: the program with -9 in the middle of the load, a receiver that
// goes away and comes back, both. Nothing is missing, each entity's changes come in order, and what comes twice bears
// the id that it had.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Receiver, type Got } from "./receiver.ts";
import { City, folder, Server, type Json } from "./server.ts";

const kills = Number(process.env["JINDU_TOLD_KILLS"] ?? 6);
const receivers = 16;
const perReceiver = 3;

const json = { "Content-Type": "application/json" };
const open: Receiver[] = [];
after(async () => {
    for (const each of open) await each.close();
});
async function receiver(): Promise<Receiver> {
    const made = await new Receiver().open();
    open.push(made);
    return made;
}

/** Its id. */
async function subscribe(city: City, r: Receiver, more: Json = {}): Promise<string> {
    const body = {
        type: "Subscription",
        entities: [{ type: "Told" }],
        notification: { endpoint: r.endpoint() },
        ...more,
    };
    const made = await city.post("/subscriptions", body);
    assert.equal(made.status, 201, made.text);
    return (made.headers["location"] ?? "").split("/").pop() ?? "";
}

/** Changes one entity again and again; what was answered 2xx it remembers. */
class Changer {
    readonly told: number[] = [];
    #n = 0;

    constructor(
        readonly id: string,
        readonly city: City,
    ) {}

    async run(until: () => boolean): Promise<void> {
        while (!until()) {
            const n = ++this.#n;
            try {
                const body = { id: this.id, type: "Told", n: { type: "Property", value: n } };
                const answer = await this.city.post("/entityOperations/upsert", [body]);
                if (answer.status >= 200 && answer.status < 300) this.told.push(n);
            } catch {
                return;
            }
        }
    }
}

/** Holds what one receiver got of an entity to what was acknowledged. */
function settle(got: Got[], changer: Changer): { doubles: number } {
    const first = new Map<number, string>();
    const order: number[] = [];
    let doubles = 0;
    for (const { body } of got)
        for (const entity of body.data as Json[]) {
            if (entity.id !== changer.id) continue;
            const n = entity.n.value as number;
            const seen = first.get(n);
            if (seen === undefined) {
                first.set(n, body.id);
                order.push(n);
            } else {
                doubles++;
                assert.equal(seen, body.id, `${changer.id}: ${n} came twice under two ids`);
            }
        }
    assert.deepEqual(
        order,
        [...order].sort((a, b) => a - b),
        `${changer.id}: out of order`,
    );
    const missing = changer.told.filter((n) => !first.has(n));
    assert.deepEqual(missing, [], `${changer.id}: acknowledged, and never told`);
    return { doubles };
}

async function quiet(list: Receiver[]): Promise<void> {
    for (let before = -1, still = 0; still < 8; ) {
        const now = list.reduce((sum, each) => sum + each.got.length, 0);
        still = now === before ? still + 1 : 0;
        before = now;
        await new Promise((done) => setTimeout(done, 250));
    }
}

test(
    `kill -9, ${kills} times, with ${receivers} receivers: all that was acknowledged is told, in order`,
    { timeout: 600_000 },
    async (t) => {
        const server = await new Server(folder(), ["--log-bytes-max", "4M", "--log-level", "error"]).start();
        const city = new City(server, undefined);
        const list: Receiver[] = [];
        const changers: Changer[] = [];
        try {
            for (let i = 0; i < receivers; i++) {
                const r = await receiver();
                list.push(r);
                await subscribe(city, r, { entities: [{ type: "Told", idPattern: `^urn:told:${i}:` }] });
                for (let k = 0; k < perReceiver; k++) changers.push(new Changer(`urn:told:${i}:${k}`, city));
            }
            for (let round = 0; round < kills; round++) {
                // one receiver is away for a while, in the middle of it
                const away = list[round % receivers]!;
                let over = false;
                const load = changers.map((each) => each.run(() => over));
                await new Promise((done) => setTimeout(done, 100));
                await away.close();
                await new Promise((done) => setTimeout(done, round % 2 ? 1500 : 300));
                await server.kill();
                over = true;
                await Promise.all(load);
                await away.open();
                await server.start();
            }
            let over = false;
            const load = changers.map((each) => each.run(() => over));
            await new Promise((done) => setTimeout(done, 500));
            over = true;
            await Promise.all(load);
            await quiet(list);
            let doubles = 0;
            changers.forEach((each, i) => (doubles += settle(list[Math.floor(i / perReceiver)]!.got, each).doubles));
            const all = changers.reduce((sum, each) => sum + each.told.length, 0);
            t.diagnostic(`${all} acknowledged changes, ${doubles} came twice`);
            assert.ok(all > kills * 100, "the load hardly ran");
        } finally {
            await server.kill();
        }
    },
);

test("a restart in good order tells nothing twice, and goes on with what waited", { timeout: 60_000 }, async () => {
    const server = await new Server(folder(), ["--log-level", "error"]).start();
    const city = new City(server, undefined);
    const r = await receiver();
    const down = await receiver();
    try {
        for (const each of [r, down]) await subscribe(city, each);
        const one = new Changer("urn:told:1", city);
        let n = 0;
        await one.run(() => n++ === 100);
        await r.count(100);
        await down.count(100);
        await down.close();
        n = 100;
        await one.run(() => n++ === 120);
        await r.count(120);
        await server.stop();
        await down.open();
        await server.start();
        await down.count(120, 30_000);
        await quiet([r, down]);
        assert.equal(settle(r.got, one).doubles, 0);
        settle(down.got, one);
        assert.equal(r.got.length, 120);
    } finally {
        await server.kill();
    }
});

test("what a throttled subscription missed is gathered, outlives kill -9, and is told once", async () => {
    const server = await new Server(folder(), ["--log-level", "error"]).start();
    const city = new City(server, undefined);
    const r = await receiver();
    try {
        await subscribe(city, r, { throttling: 4 });
        const changers = [1, 2, 3].map((i) => new Changer(`urn:told:${i}`, city));
        for (const each of changers) {
            let n = 0;
            await each.run(() => n++ === 5);
        }
        await r.count(1);
        await new Promise((done) => setTimeout(done, 1000));
        assert.equal(r.got.length, 1, "one at once, and then none for four seconds");
        await server.kill();
        await server.start();
        await r.count(2);
        await new Promise((done) => setTimeout(done, 500));
        assert.equal(r.got.length, 2);
        const last = r.got[1]!.body.data.map((e: Json) => [e.id, e.n.value]).sort();
        assert.deepEqual(last, [
            ["urn:told:1", 5],
            ["urn:told:2", 5],
            ["urn:told:3", 5],
        ]);
    } finally {
        await server.kill();
    }
});

test("dead letters are kept, outlive a restart, and go out when sent again", { timeout: 60_000 }, async () => {
    const server = await new Server(folder(), ["--log-level", "error"]).start();
    const city = new City(server, undefined);
    const r = await receiver();
    try {
        const id = await subscribe(city, r);
        const path = `/api/subscriptions/${id}`;
        const attempts = async (): Promise<Json> => (await server.call("GET", `${path}/attempts`)).json;
        r.status = 400; // it will never be taken
        let n = 0;
        await new Changer("urn:told:1", city).run(() => n++ === 3);
        for (const end = Date.now() + 10_000; (await attempts()).dead.length < 3; ) assert.ok(Date.now() < end);
        const seen = await attempts();
        assert.equal(seen.attempts[0].status, 400);
        assert.match(seen.attempts[0].why, /400/);
        await new Promise((done) => setTimeout(done, 1500));
        await server.kill();
        await server.start();
        assert.equal((await attempts()).dead.length, 3);
        r.status = 200;
        assert.deepEqual((await server.call("POST", `${path}/resend`)).json, { resent: 3 });
        const got = await r.count(3);
        assert.deepEqual(
            got.map((each) => each.body.data[0].n.value),
            [1, 2, 3],
        );
        const shown = (await city.get(`/subscriptions/${id}`)).json;
        assert.equal(shown.notification.status, "ok");
        const since = new Date(Date.now() - 60_000).toISOString();
        const replayed = await server.call("POST", `${path}/replay?since=${since}`);
        assert.deepEqual(replayed.json, { entities: 1 });
        await r.count(4);
        const bad = await server.call("POST", `${path}/replay?since=yesterday`);
        assert.equal(bad.status, 400);
        assert.match(bad.text, /since/);
    } finally {
        await server.kill();
    }
});

test("a dry run says of what would be told, and keeps nothing", async () => {
    const server = await new Server(folder(), ["--log-level", "error"]).start();
    const city = new City(server, undefined);
    try {
        for (let i = 0; i < 30; i++)
            await city.post("/entities", { id: `urn:d:${i}`, type: "Dry", n: { type: "Property", value: i } });
        const body = {
            type: "Subscription",
            entities: [{ type: "Dry" }],
            q: "n>=5",
            notification: { endpoint: { uri: "http://127.0.0.1:1/x" } },
        };
        const dry = await server.call("POST", "/api/subscriptions/dry-run", JSON.stringify(body), json);
        assert.equal(dry.status, 200, dry.text);
        assert.equal(dry.json.matches, 25);
        assert.equal(dry.json.entities.length, 20);
        const bad = await server.call("POST", "/api/subscriptions/dry-run", JSON.stringify({ ...body, q: "n>" }), json);
        assert.equal(bad.status, 400);
        assert.deepEqual((await city.get("/subscriptions")).json, []);
    } finally {
        await server.kill();
    }
});
