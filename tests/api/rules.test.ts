// Rules and alerts (docs/packs.md): an alert is raised and cleared once, whatever dies in between; what people do with
// it; who is told.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { sleep, until } from "./people_far.ts";
import { alertId, alerts, context, install, one, rule, send, sensor, settled, status, upsert } from "./sensors.ts";
import { api, folder, linkTo, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
before(async () => {
    await server.start();
    await install(server, "sensors", []);
});
after(async () => void (await server.stop()));

test("an alert is raised, becomes less bad, and is cleared, with its evidence", async () => {
    await install(server, "levels", [
        rule("high", {
            levels: [
                { severity: "red", when: "n > 80", until: "n < 70" },
                { severity: "yellow", when: "n > 50", until: "n < 40" },
            ],
            text: { zh: "{label}读数 {n:1}", en: "{label}: reading {n:1}" },
            evidence: ["n * 2"],
            category: "environment",
        }),
    ]);
    const at = "2026-11-01T08:00:00Z";
    await upsert(server, [
        sensor("a", 0, {
            [`${context}n`]: { type: "Property", value: 85, observedAt: at, unitCode: "GQ" },
            location: { type: "GeoProperty", value: { type: "Point", coordinates: [119.45, 32.2] } },
            [`${context}label`]: { type: "LanguageProperty", languageMap: { en: "Gate", zh: "闸口" } },
        }),
    ]);
    const id = alertId("levels", "high", "a");
    const raised = await status(server, id, "open");
    assert.equal(raised.severity, "red");
    assert.equal(raised.level, 1);
    assert.equal(raised.category, "environment");
    assert.equal(raised.alertSource, "urn:ngsi-ld:Sensor:a");
    const said = { zh: "闸口读数 85.0", en: "Gate: reading 85.0" };
    assert.deepEqual(raised.description.languageMap ?? raised.description, said);
    const evidence = raised.evidence.json ?? raised.evidence;
    assert.equal(evidence.at, at);
    assert.deepEqual(evidence.values, { "n * 2": 170 });
    assert.deepEqual(evidence.readings[0], { attribute: "n", value: 85, observedAt: at, unitCode: "GQ" });
    assert.deepEqual(raised.location.coordinates, [119.45, 32.2]);
    const n = async (value: number): Promise<void> => {
        await upsert(server, [sensor("a", value)]);
        await settled(server);
    };
    await n(75); // until n < 70 it stays red
    assert.equal((await one(server, id)).severity, "red");
    await n(60);
    assert.equal((await one(server, id)).severity, "yellow");
    await n(90);
    assert.equal((await one(server, id)).severity, "red");
    await n(45);
    assert.equal((await one(server, id)).severity, "yellow");
    assert.equal((await one(server, id)).status, "open");
    await n(39);
    const cleared = await one(server, id);
    assert.equal(cleared.status, "cleared");
    assert.equal(cleared.times, 1);
    await n(81);
    const again = await one(server, id);
    assert.equal(again.status, "open");
    assert.equal(again.times, 2);
    const open = await alerts(server, { status: "open", pack: "levels" });
    assert.deepEqual(
        open.map((a) => a.id),
        [id],
    );
    assert.deepEqual(await alerts(server, { status: "cleared", pack: "levels" }), []);
    /* it is an entity like all others: NGSI-LD finds it, and knows what it was */
    const names = linkTo(`${server.url}/api/alerts/context.jsonld`);
    const red = `${api}/entities?type=Alert&q=severity==%22red%22&pick=id`;
    const found = await server.call("GET", red, undefined, names);
    assert.deepEqual(
        found.json.map((e: Json) => e.id),
        [id],
    );
    const times = "attrs=severity&options=temporalValues&timeproperty=modifiedAt";
    const past = await server.call("GET", `${api}/temporal/entities/${id}?${times}`, undefined, names);
    assert.ok(past.json.severity?.values?.length >= 3, past.text);
});

test("a rule of one entity: the others are none of its business, and it waits for others as they do", async () => {
    await upsert(server, [sensor("own-a", 90), sensor("own-b", 90)]);
    const own = (id: string, entity: string, more: Json = {}): Json =>
        rule(id, { entity: `urn:ngsi-ld:Sensor:${entity}`, ...more });
    await install(server, "own", [
        own("late", "own-a", { unless: ["all"] }), // both would hold: the one that is waited for comes first
        own("here", "own-a"),
        own("mean", "own-b", { levels: [{ severity: "blue", when: "avg(n, 1h) > 80" }] }),
        own("mute", "own-b", { unless: ["mean"] }),
        own("new", "own-c"),
        rule("all", {}),
    ]);
    await status(server, alertId("own", "here", "own-a"), "open"); // it looks at what is there
    await status(server, alertId("own", "mean", "own-b"), "open");
    await status(server, alertId("own", "all", "own-b"), "open");
    await upsert(server, [sensor("own-c", 90), sensor("own-d", 90)]);
    await settled(server);
    await status(server, alertId("own", "new", "own-c"), "open");
    const rules = (await alerts(server, { pack: "own" }))
        .filter((a) => /:own-[a-d]$/.test(a.id)) // `all` watches those of other tests as well
        .map((a) => a.id.replace("urn:ngsi-ld:Alert:own:", "").replace(":urn:ngsi-ld:Sensor:", " "))
        .sort();
    const forAll = ["all own-a", "all own-b", "all own-c", "all own-d"];
    assert.deepEqual(rules, [...forAll, "here own-a", "mean own-b", "new own-c"]);
    await upsert(server, [sensor("own-a", 10), sensor("own-b", 91)]);
    await settled(server);
    await status(server, alertId("own", "here", "own-a"), "cleared");
    assert.equal((await one(server, alertId("own", "mean", "own-b"))).status, "open");
    const judged = async (id: string): Promise<number> =>
        ((await server.call("GET", `/api/rules/own/${id}`)).json as { judged: number }).judged;
    const { declaration } = (await server.call("GET", "/api/rules/own/all")).json as { declaration: Json };
    assert.equal(declaration.id, "all");
    assert.ok(declaration.levels.length > 0, "with its declaration as the pack has it");
    const [here, all] = [await judged("here"), await judged("all")];
    await upsert(server, [sensor("own-c", 20)]);
    await settled(server);
    assert.equal(await judged("here"), here);
    assert.equal(await judged("all"), all + 1);
    await upsert(server, [sensor("own-a", 95)]);
    await settled(server);
    assert.equal((await one(server, alertId("own", "here", "own-a"))).times, 2);
    await install(server, "own", [own("here", "own-d")]); // it moves: its alert of the other entity stays as it is
    await status(server, alertId("own", "here", "own-d"), "open");
    await status(server, alertId("own", "all", "own-d"), "cleared");
    await install(server, "own", []);
    await status(server, alertId("own", "here", "own-d"), "cleared");
    await settled(server);
    await upsert(server, [sensor("own-d", 5)]);
    await upsert(server, [sensor("own-d", 99)]);
    await settled(server);
    assert.equal((await one(server, alertId("own", "here", "own-d"))).times, 1);
});

test("what people do with an alert", async () => {
    await install(server, "people", [rule("high", {})]);
    await upsert(server, [sensor("p", 100)]);
    const id = alertId("people", "high", "p");
    await status(server, id, "open");
    const path = `/api/alerts/${encodeURIComponent(id)}`;
    assert.equal((await send(server, "POST", `${path}/acknowledge`, { comment: "x" })).status, 400);
    assert.equal((await send(server, "POST", `${path}/acknowledge`, { by: "li.na", comment: "going" })).status, 204);
    assert.equal((await send(server, "POST", `${path}/comment`, { by: "wang", comment: "是泵" })).status, 204);
    let a = await one(server, id);
    assert.equal(a.status, "acknowledged");
    assert.equal(a.acknowledgedBy, "li.na");
    const comments = a.comments.json ?? a.comments;
    assert.deepEqual(comments.map((c: Json) => [c.what, c.by, c.comment]), [
        ["acknowledged", "li.na", "going"],
        ["comment", "wang", "是泵"],
    ]);
    assert.equal((await send(server, "POST", `${path}/clear`, { by: "wang" })).status, 204);
    assert.equal((await send(server, "POST", `${path}/clear`, { by: "wang" })).status, 409);
    await upsert(server, [sensor("p", 101)]); // it holds still: it does not come again
    await settled(server);
    a = await one(server, id);
    assert.equal(a.status, "cleared");
    assert.equal(a.times, 1);
    await upsert(server, [sensor("p", 10)]);
    await settled(server);
    await upsert(server, [sensor("p", 99)]);
    await settled(server);
    a = await one(server, id);
    assert.equal(a.status, "open");
    assert.equal(a.times, 2);
    assert.equal((await server.call("DELETE", `${api}/entities/urn:ngsi-ld:Sensor:p`)).status, 204);
    a = await status(server, id, "cleared");
    assert.equal(a.clearedBy, "gone");
    assert.equal((await send(server, "POST", "/api/alerts/urn:ngsi-ld:Alert:none/clear", { by: "x" })).status, 404);
});

test("windows, missing data, late data, derived attributes", async () => {
    await install(server, "time", [
        rule("mean", {
            levels: [{ severity: "orange", when: "avg(n, 1h) > 50" }],
            old: { after: "30d", count: false },
        }),
        rule("silent", { levels: [{ severity: "yellow", when: "missing(n, 2s)" }], every: "1s" }),
        { derive: 1, id: "twice", type: "Sensor", attribute: "twice", value: "n * 2" },
        rule("derived", { levels: [{ severity: "blue", when: "twice > 300" }] }),
    ]);
    const minutes = (m: number): string => new Date(Date.now() - m * 60_000).toISOString();
    const reading = (id: string, n: number, at: string): Promise<void> =>
        upsert(server, [sensor(id, 0, { [`${context}n`]: { type: "Property", value: n, observedAt: at } })]);
    await reading("w", 90, minutes(50));
    await status(server, alertId("time", "mean", "w"), "open");
    await reading("w", 0, minutes(40));
    await status(server, alertId("time", "mean", "w"), "cleared"); // (90 + 0) / 2 is not above 50
    await reading("w", 80, minutes(30));
    const open = await status(server, alertId("time", "mean", "w"), "open"); // 170 / 3
    assert.equal(open.times, 2);
    await status(server, alertId("time", "silent", "w"), "open");
    await reading("w", 200, minutes(0));
    await status(server, alertId("time", "silent", "w"), "cleared");
    await status(server, alertId("time", "silent", "w"), "open"); // and silent again, two seconds on
    await status(server, alertId("time", "derived", "w"), "open");
    await reading("old", 500, minutes(60 * 24 * 40));
    await settled(server);
    assert.equal((await server.call("GET", `/api/alerts/${alertId("time", "mean", "old")}`)).status, 404);
});

test("kill -9 in the middle of raising 1,000 alerts: none is lost, none comes twice", async () => {
    const dying = new Server(folder());
    await dying.start();
    await install(dying, "sensors", []);
    await install(dying, "storm", [rule("high", {})]);
    await upsert(
        dying,
        Array.from({ length: 1000 }, (_, i) => sensor(`k${i}`, 0)),
    );
    await settled(dying);
    for (let round = 0; round < 6; round++) {
        const n = round % 2 ? 0 : 100 + round;
        const writing = upsert(
            dying,
            Array.from({ length: 1000 }, (_, i) => sensor(`k${i}`, n)),
        ).catch(() => undefined);
        if (round % 3 === 0) await writing;
        await sleep(Math.random() * (round % 3 === 0 ? 30 : 120));
        await dying.kill();
        await dying.start();
        await upsert(
            dying,
            Array.from({ length: 1000 }, (_, i) => sensor(`k${i}`, n)),
        );
        await settled(dying);
        const open = await alerts(dying, { status: "open" });
        assert.equal(open.length, round % 2 ? 0 : 1000);
        const all = await alerts(dying, {});
        assert.equal(all.length, 1000);
        for (const a of all) assert.equal(a.times, Math.floor(round / 2) + 1, a.id);
    }
    await dying.stop();
});

test("a storm of readings over the limit is one alert for each rule and entity, and one message", async () => {
    const got: Json[] = [];
    const gateway = createServer((request, response) => {
        let text = "";
        request.on("data", (bytes: Buffer) => (text += bytes.toString()));
        request.on("end", () => {
            got.push(JSON.parse(text));
            response.end("{}");
        });
    }).listen(0, "127.0.0.1");
    await once(gateway, "listening");
    const { port } = gateway.address() as AddressInfo;
    const put = async (path: string, body: Json): Promise<void> => {
        const answer = await send(server, "PUT", path, body);
        assert.ok(answer.status === 201 || answer.status === 204, answer.text);
    };
    await put("/api/channels/sms", {
        type: "http",
        url: `http://127.0.0.1:${port}/send`,
        headers: { "Content-Type": "application/json" },
        body: { to: "{{address}}", text: "{{title}} {{text}}" },
    });
    await put("/api/contacts/zhou", {
        name: "周",
        addresses: [{ channel: "sms", address: "13800000000" }],
        grouping: { windowSeconds: 1 },
    });
    await install(server, "calm", [rule("high", { tell: [{ contact: "zhou", atLeast: "orange" }] })]);
    for (let i = 0; i < 40; i++)
        await upsert(
            server,
            Array.from({ length: 500 }, (_, k) => sensor(`s${k % 50}`, 100 + i + k)),
        );
    await settled(server);
    /* a new rule judges what was there before, too */
    const raised = (await alerts(server, { pack: "calm" })).filter((a) => /Sensor:s\d+$/.test(a.id));
    assert.equal(raised.length, 50);
    for (const a of raised) assert.equal(a.times, 1);
    await until("a message", () => got.length || undefined);
    await sleep(1500);
    assert.ok(got.length < 10, `${got.length} messages for one storm`);
    gateway.close();
    gateway.closeAllConnections();
});

test("alerts leave and come as messages of CAP 1.2", async () => {
    await install(server, "cap-out", [rule("high", { category: "environment" })]);
    const location = { type: "GeoProperty", value: { type: "Point", coordinates: [119.45, 32.2] } };
    await upsert(server, [sensor("c", 95, { location })]);
    const id = alertId("cap-out", "high", "c");
    await status(server, id, "open");
    const cap = async (): Promise<string> => {
        const answer = await server.call("GET", `/api/alerts/${encodeURIComponent(id)}/cap`);
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.headers["content-type"] ?? "", /^application\/cap\+xml/);
        return answer.text;
    };
    const raised = await cap();
    assert.match(raised, /<msgType>Alert<\/msgType>/);
    assert.match(raised, /<severity>Extreme<\/severity>/);
    assert.match(raised, /<category>Env<\/category>/);
    assert.match(raised, /<circle>32\.200000,119\.450000 0<\/circle>/);
    assert.match(raised, /<headline>超限<\/headline>/);
    await upsert(server, [sensor("c", 1)]);
    await status(server, id, "cleared");
    const over = await cap();
    assert.match(over, /<msgType>Cancel<\/msgType>/);
    const xml = { "Content-Type": "application/cap+xml" };
    const post = (text: string): Promise<Answer> =>
        server.call("POST", "/api/alerts/cap", text, { ...xml, "Content-Length": String(Buffer.byteLength(text)) });
    assert.equal((await post(over)).status, 404); // what it cancels never came
    const came = await post(raised);
    assert.equal(came.status, 201, came.text);
    const taken = await one(server, came.json.id);
    assert.equal(taken.status, "open");
    assert.equal(taken.severity, "red");
    assert.equal(taken.pack, "cap");
    assert.deepEqual(taken.location.coordinates, [119.45, 32.2]);
    assert.deepEqual(taken.title.languageMap ?? taken.title, { zh: "超限", en: "Over the limit" });
    assert.equal((await post(raised)).status, 200); // the same again
    assert.equal((await post(over)).status, 200);
    assert.equal((await one(server, came.json.id)).status, "cleared");
    const bad = await post(raised.replace("<msgType>Alert</msgType>", "<msgType>Alarm</msgType>"));
    assert.equal(bad.status, 400);
    assert.match(bad.text, /msgType/);
});

test("a device is judged when it is claimed; a rule that goes never by time goes by the time of the data", async () => {
    const state = (value: string): Json => ({ deviceState: { type: "Property", value } });
    await install(server, "claimed", [
        rule("high", {}),
        rule("mean", { every: "never", levels: [{ severity: "blue", when: "avg(n, 1h) > 50" }] }),
    ]);
    const at = "2020-05-01T08:00:00Z";
    await upsert(server, [
        sensor("new", 0, { [`${context}n`]: { type: "Property", value: 100, observedAt: at }, ...state("new") }),
    ]);
    await settled(server);
    const id = alertId("claimed", "high", "new");
    assert.equal((await server.call("GET", `/api/alerts/${encodeURIComponent(id)}`)).status, 404);
    await upsert(server, [
        sensor("new", 0, { [`${context}n`]: { type: "Property", value: 100, observedAt: at }, ...state("claimed") }),
    ]);
    const a = await status(server, id, "open");
    assert.equal(a.validFrom, at);
    /* a rule that is installed later judges what is there, its window ending where the data does */
    await status(server, alertId("claimed", "mean", "new"), "open");
    await install(server, "later", [
        rule("mean", { every: "never", levels: [{ severity: "blue", when: "avg(n, 1h) > 50" }] }),
    ]);
    await status(server, alertId("later", "mean", "new"), "open");
});
