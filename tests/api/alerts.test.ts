// Alerts as people look at them (docs/packs.md): silences, pages.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Clock, faketime, FarEnd, sleep, sms, template, until } from "./people_far.ts";
import { alertId, alerts, install, one, rule, send, sensor, settled, status, upsert } from "./sensors.ts";
import { ask, folder, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
before(async () => {
    await server.start();
    await install(server, "sensors", []);
});
after(async () => void (await server.stop()));

const pathOf = (id: string): string => `/api/alerts/${encodeURIComponent(id)}`;
const inSeconds = (s: number, now = Date.now()): string => new Date(now + s * 1000).toISOString();
const silence = (of: Server, id: string, body: Json): Promise<Answer> =>
    send(of, "POST", `${pathOf(id)}/silence`, { by: "li.na", reason: "维护", until: inSeconds(600), ...body });
/** The member that is at fault stands in the answer. */
function refused(answer: Answer, status: number, member: RegExp): void {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.text, member);
}

const two = {
    levels: [
        { severity: "red", when: "n > 80", until: "n < 70" },
        { severity: "yellow", when: "n > 50", until: "n < 40" },
    ],
    tell: [{ contact: "zhou" }],
};
const n = async (of: Server, id: string, value: number): Promise<void> => {
    await upsert(of, [sensor(id, value)]);
    await settled(of);
};

/** Somebody who is told by SMS, one second after the other. */
async function phone(of: Server): Promise<FarEnd> {
    const far = await sms("t").open();
    const put = async (path: string, body: Json): Promise<void> => {
        const answer = await send(of, "PUT", path, body);
        assert.ok(answer.status === 201 || answer.status === 204, answer.text);
    };
    await put("/api/channels/sms", template("sms", far.url, { token: "t" }));
    await put("/api/contacts/zhou", {
        addresses: [{ channel: "sms", address: "13800000000" }],
        grouping: { windowSeconds: 1, perHour: 100, burst: 50 },
    });
    return far;
}
/** How often people were to be told of a rule. */
async function told(of: Server, group: string): Promise<number> {
    const list = (await of.call("GET", `/api/messages?group=${encodeURIComponent(group)}`)).json as Json[];
    return list.reduce((sum: number, m: Json) => sum + (m.count as number), 0);
}

test("a silenced alert stays and is judged; nobody is told of it unless it becomes worse", async () => {
    const far = await phone(server);
    await install(server, "quiet", [rule("high", two)]);
    await n(server, "a", 60);
    const id = alertId("quiet", "high", "a");
    await status(server, id, "open");
    await until("told", async () => ((await told(server, "quiet/high")) === 1 ? true : undefined));

    refused(await silence(server, id, { by: "" }), 400, /"by|by /);
    refused(await silence(server, id, { reason: undefined }), 400, /reason/);
    refused(await silence(server, id, { until: "tomorrow" }), 400, /until/);
    refused(await silence(server, id, { until: inSeconds(-1) }), 400, /until/);
    refused(await silence(server, id, { until: inSeconds(31 * 86400) }), 400, /until/);
    refused(await silence(server, id, { forever: true }), 400, /forever/);
    refused(await silence(server, `${id}x`, {}), 404, /there is no alert/);
    refused(await send(server, "DELETE", `${pathOf(id)}/silence`), 400, /by/);
    refused(await send(server, "DELETE", `${pathOf(id)}/silence?by=li`), 404, /not silenced/);

    const at = inSeconds(30 * 86400 - 60);
    assert.equal((await silence(server, id, { until: at })).status, 204);
    let a = await one(server, id);
    assert.deepEqual([a.status, a.silencedBy, a.silenceReason], ["open", "li.na", "维护"]);
    assert.equal(Date.parse(a.silencedUntil), Date.parse(at));
    const ids = async (silenced: string): Promise<string[]> =>
        (await alerts(server, { silenced, pack: "quiet" })).map((each) => each.id);
    assert.deepEqual([await ids("true"), await ids("false")], [[id], []]);
    assert.equal((await server.call("GET", "/api/alerts?silenced=perhaps")).status, 400);
    assert.match((await server.call("GET", `${pathOf(id)}/cap`)).text, /<msgType>Alert<\/msgType>/);

    /* it becomes worse than it was: that ends it, and is told */
    await n(server, "a", 90);
    a = await one(server, id);
    assert.deepEqual([a.severity, a.silencedBy, a.silencedUntil], ["red", undefined, undefined]);
    await until("told", async () => ((await told(server, "quiet/high")) === 2 ? true : undefined));

    /* silenced at red: less bad and as bad again are written down, and told to nobody */
    assert.equal((await silence(server, id, {})).status, 204);
    await n(server, "a", 60);
    assert.equal((await one(server, id)).severity, "yellow");
    await n(server, "a", 95);
    a = await one(server, id);
    assert.deepEqual([a.severity, a.silencedBy], ["red", "li.na"]);
    await sleep(500);
    assert.equal(await told(server, "quiet/high"), 2);
    const comments = a.comments.json ?? a.comments;
    assert.deepEqual(
        comments.map((c: Json) => [c.what, c.by]),
        [
            ["silenced", "li.na"],
            ["silenced", "li.na"],
        ],
    );

    /* who ends it hears what was held back */
    assert.equal((await send(server, "DELETE", `${pathOf(id)}/silence?by=wang`)).status, 204);
    assert.equal((await one(server, id)).silencedUntil, undefined);
    await until("told", async () => ((await told(server, "quiet/high")) === 3 ? true : undefined));

    /* a cleared one loses it, by its rule and by hand; there is none of what is cleared */
    assert.equal((await silence(server, id, {})).status, 204);
    await n(server, "a", 10);
    a = await one(server, id);
    assert.deepEqual([a.status, a.silencedBy], ["cleared", undefined]);
    refused(await silence(server, id, {}), 409, /cleared/);
    await n(server, "a", 91);
    a = await one(server, id);
    assert.deepEqual([a.status, a.silencedBy], ["open", undefined]);
    await until("told", async () => ((await told(server, "quiet/high")) === 4 ? true : undefined));
    assert.equal((await silence(server, id, {})).status, 204);
    assert.equal((await send(server, "POST", `${pathOf(id)}/clear`, { by: "wang" })).status, 204);
    assert.equal((await one(server, id)).silencedBy, undefined);
    await far.close();
});

test("an alert that came as CAP is silenced too, and its Cancel ends that", async () => {
    await install(server, "capped", [rule("high", {})]);
    await n(server, "cap", 90);
    const raised = await server.call("GET", `${pathOf(alertId("capped", "high", "cap"))}/cap`);
    await n(server, "cap", 1);
    const over = await server.call("GET", `${pathOf(alertId("capped", "high", "cap"))}/cap`);
    const post = (text: string): Promise<Answer> =>
        server.call("POST", "/api/alerts/cap", text, {
            "Content-Type": "application/cap+xml",
            "Content-Length": String(Buffer.byteLength(text)),
        });
    const { id } = (await post(raised.text)).json as { id: string };
    assert.equal((await silence(server, id, {})).status, 204);
    assert.equal((await one(server, id)).silencedBy, "li.na");
    assert.equal((await post(over.text)).status, 200);
    const a = await one(server, id);
    assert.deepEqual([a.status, a.silencedBy], ["cleared", undefined]);
});

test("pages of many alerts: no one twice, none left out, the worst first", async () => {
    const own = await new Server(folder()).start();
    await install(own, "sensors", []);
    await install(own, "many", [rule("high", two)]);
    const all = Array.from({ length: 1234 }, (_, i) => sensor(`p${i}`, i % 3 ? 60 : 90));
    await upsert(own, all);
    await settled(own);
    const ids: string[] = [];
    const reds: number[] = [];
    let path: string | undefined = "/api/alerts?limit=500&status=open";
    let pages = 0;
    for (; path !== undefined; pages++) {
        const page: Answer = await own.call("GET", path);
        assert.equal(page.status, 200, page.text);
        assert.equal(page.headers["ngsild-results-count"], "1234");
        for (const a of page.json as Json[]) {
            ids.push(a.id);
            if (a.severity === "red") reds.push(ids.length);
        }
        const links: string = page.headers["link"] ?? "";
        path = /<([^>]*)>;rel="next"/.exec(links)?.[1];
        assert.equal(/rel="prev"/.test(links), pages > 0);
    }
    assert.deepEqual([pages, ids.length, new Set(ids).size], [3, 1234, 1234]);
    assert.equal(reds.at(-1), Math.ceil(1234 / 3));
    const uncounted = await own.call("GET", "/api/alerts?limit=2&offset=1233&count=false");
    assert.deepEqual(
        [(uncounted.json as Json[]).length, uncounted.headers["ngsild-results-count"]],
        [1, undefined],
    );
    assert.match((await own.call("GET", "/api/alerts?limit=2&count=false")).headers["link"] ?? "", /rel="next"/);
    const counted = await own.call("GET", "/api/alerts?limit=0&severity=red");
    assert.deepEqual([counted.json, counted.headers["ngsild-results-count"]], [[], "412"]);
    await own.stop();
});

test("the histogram counts each time that an alert was raised, by its own history", async () => {
    const own = await new Server(folder()).start();
    await install(own, "sensors", []);
    const began = Date.now();
    const other = rule("other", { levels: [{ severity: "blue", when: "m > 1" }] });
    await install(own, "counted", [rule("high", two), other]);
    /* what happens, when, as we see it from here: raised and cleared lie between two of our instants */
    const seen: { at: number; raised?: string; open: Record<string, string> }[] = [];
    const open: Record<string, string> = {};
    const say = async (id: string, value: number, severity: string | undefined): Promise<void> => {
        const fresh = severity !== undefined && open[id] === undefined;
        await n(own, id, value);
        if (severity === undefined) delete open[id];
        else open[id] = severity;
        seen.push({ at: Date.now(), ...(fresh ? { raised: severity } : {}), open: { ...open } });
    };
    await say("h1", 90, "red");
    await say("h1", 60, "yellow");
    await say("h1", 10, undefined);
    await say("h2", 60, "yellow");
    await say("h1", 60, "yellow");
    await say("h1", 10, undefined);
    await say("h1", 95, "red");
    await say("h2", 95, "red");
    await say("h3", 95, "red");
    await say("h2", 1, undefined);
    const ended = Date.now();
    interface Histogram { counts: { at: string; raised: Record<string, number>; open: number }[] }
    const histogram = async (from: number, to: number, more: Record<string, string> = {}): Promise<Histogram> => {
        const query = { from: inSeconds(0, from), to: inSeconds(0, to), ...more };
        const answer = await own.call("GET", `/api/alerts/histogram${ask(query)}`);
        assert.equal(answer.status, 200, answer.text);
        return answer.json as Histogram;
    };
    const sum = (h: Histogram): Record<string, number> => {
        const all: Record<string, number> = {};
        for (const { raised } of h.counts)
            for (const [severity, count] of Object.entries(raised)) all[severity] = (all[severity] ?? 0) + count;
        return all;
    };
    const check = async (): Promise<void> => {
        const whole = await histogram(began, ended + 1000, { bucket: "PT1S" });
        assert.equal(whole.counts.length, Math.ceil((ended + 1000 - began) / 1000));
        assert.deepEqual(sum(whole), { red: 3, yellow: 2 });
        assert.equal(whole.counts.at(-1)!.open, 2);
        let before = began;
        for (const { at, raised, open: stood } of seen) {
            const step = await histogram(before, at, { bucket: "PT1H" });
            assert.deepEqual(sum(step), raised === undefined ? {} : { [raised]: 1 });
            assert.deepEqual(step.counts.map((c) => c.open), [Object.keys(stood).length]);
            const red = await histogram(before, at, { severity: "red", pack: "counted", rule: "high,none" });
            assert.deepEqual(sum(red), raised === "red" ? { red: 1 } : {});
            assert.equal(red.counts[0]!.open, Object.values(stood).filter((s) => s === "red").length);
            before = at;
        }
        const h1 = await histogram(began, ended, { entity: "urn:ngsi-ld:Sensor:h1", bucket: "P1M" });
        assert.deepEqual([h1.counts.length, sum(h1), h1.counts[0]!.open], [1, { red: 2, yellow: 1 }, 1]);
        assert.deepEqual(sum(await histogram(began, ended, { pack: "others" })), {});
        assert.deepEqual((await histogram(began - 7200_000, began - 3600_000)).counts.map((c) => c.open), [0]);
    };
    await check();
    await own.kill();
    await own.start();
    assert.ok((await send(own, "POST", "/api/history/settle", {})).status < 300); // the same from the disk
    await check();
    const bad = async (query: Record<string, string>, member: RegExp): Promise<void> =>
        refused(await own.call("GET", `/api/alerts/histogram${ask(query)}`), 400, member);
    const [from, to] = ["2026-01-01T00:00:00Z", "2026-02-11T16:00:00Z"];
    await bad({ to }, /from/);
    await bad({ from, to: "x" }, /"to/);
    await bad({ from: to, to: from }, /"to/);
    await bad({ from, to, bucket: "1h" }, /bucket/);
    await bad({ from, to, bucket: "PT0S" }, /bucket/);
    await bad({ from, to, severity: "mauve" }, /severity/);
    assert.equal((await histogram(Date.parse(from), Date.parse(to))).counts.length, 1000);
    await bad({ from, to: "2026-02-11T16:00:01Z" }, /bucket/);
    await own.stop();
});

const clockless = !faketime || process.env["TSAN_OPTIONS"] !== undefined ? "no clock that can be set" : false;
test("a silence ends at its time, across kill -9 and steps of the clock", { skip: clockless }, async () => {
    const clock = new Clock(folder());
    const own = await new Server(folder(), [], clock.env).start();
    const far = await phone(own);
    await install(own, "sensors", []);
    await install(own, "timed", [rule("high", two)]);
    const of = (name: string): string => alertId("timed", "high", name);
    await upsert(own, [sensor("over", 90), sensor("seen", 90), sensor("gone", 90), sensor("back", 90)]);
    await settled(own);
    await until("told", async () => ((await told(own, "timed/high")) === 4 ? true : undefined));
    const silent = async (name: string, seconds: number): Promise<void> =>
        void assert.equal((await silence(own, of(name), { until: inSeconds(seconds, clock.now()) })).status, 204);
    await silent("over", 600);
    await silent("seen", 600);
    await silent("gone", 600);
    assert.equal((await send(own, "POST", `${pathOf(of("seen"))}/acknowledge`, { by: "wang" })).status, 204);
    await n(own, "gone", 0);
    const left = async (): Promise<string[]> =>
        (await alerts(own, { silenced: "true" })).map((a) => a.id.replace(of(""), "")).sort();
    assert.deepEqual(await left(), ["over", "seen"]);
    await own.kill();
    clock.set(590);
    await own.start();
    await sleep(1500);
    assert.deepEqual(await left(), ["over", "seen"]);
    assert.equal(await told(own, "timed/high"), 4);
    await own.kill();
    clock.set(601);
    await own.start();
    await until("its end", async () => ((await left()).length === 0 ? true : undefined));
    await until("told again", async () => ((await told(own, "timed/high")) === 5 ? true : undefined));
    /* by the steady clock, where the other one is set back */
    await silent("back", 4);
    clock.set(-3600);
    await sleep(1000);
    assert.deepEqual(await left(), ["back"]);
    await until("its end", async () => ((await left()).length === 0 ? true : undefined));
    await until("told again", async () => ((await told(own, "timed/high")) === 6 ? true : undefined));
    await own.kill();
    await own.start();
    await settled(own);
    assert.equal(await told(own, "timed/high"), 6);
    await own.stop();
    await far.close();
});
