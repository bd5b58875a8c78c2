// Notifications over MQTT (GS CIM 009 clauses 5.2.15, 5.2.22, 7.2), against a real broker.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Broker, Line, until, without } from "./brokers.ts";
import { freePort } from "./devices.ts";
import { City, folder, linkTo, Server, type Json } from "./server.ts";

const data = folder();
const files = folder();
const ca = join(files, "ca.crt");
const server = new Server(data, without ? [] : ["--notify-ca", ca]);
const city = new City(server, undefined);
const brokers: Broker[] = [];
const lines: Line[] = [];
let main: Broker;

const openssl = (...args: string[]): void => {
    const done = spawnSync("openssl", args, { cwd: files });
    assert.equal(done.status, 0, done.stderr.toString());
};
/** A CA, a certificate of its for localhost, and one that signed itself. */
function certificates(): void {
    const subject = (name: string): string[] => ["-subj", `/CN=${name}`, "-nodes", "-newkey", "rsa:2048"];
    openssl("req", "-x509", "-days", "2", ...subject("test CA"), "-keyout", "ca.key", "-out", "ca.crt");
    openssl("req", ...subject("localhost"), "-keyout", "good.key", "-out", "good.csr");
    writeFileSync(join(files, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    const sign = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"];
    openssl("x509", "-req", "-days", "2", "-in", "good.csr", ...sign, "-out", "good.crt");
    openssl("req", "-x509", "-days", "2", ...subject("localhost"), "-keyout", "own.key", "-out", "own.crt");
}

async function broker(lines?: string[]): Promise<Broker> {
    const made = await new Broker(files, await freePort(), lines).start();
    brokers.push(made);
    return made;
}
async function line(to: Broker): Promise<Line> {
    const made = await new Line(to.port).open();
    lines.push(made);
    return made;
}

before(async () => {
    if (!without) {
        certificates();
        main = await broker();
    }
    await server.start();
});
after(async () => {
    const code = await server.stop();
    for (const each of lines) each.close();
    for (const each of brokers) await each.stop();
    assert.equal(code, 0, "it ends well, and under a sanitizer without a leak");
});

const property = (value: Json): Json => ({ type: "Property", value });
const info = (values: Record<string, string>): Json => Object.entries(values).map(([key, value]) => ({ key, value }));
const subscription = (type: string, endpoint: Json, more: Json = {}): Json => ({
    type: "Subscription",
    entities: [{ type }],
    ...more,
    notification: { endpoint },
});
async function subscribe(body: Json, headers = {}): Promise<string> {
    const made = await city.post("/subscriptions", body, headers);
    assert.equal(made.status, 201, made.text);
    return (made.headers["location"] ?? "").split("/").pop() ?? "";
}
async function create(id: string, type: string, level = 0): Promise<void> {
    const answer = await city.post("/entities", { id, type, level: property(level) });
    assert.equal(answer.status, 201, answer.text);
}
async function change(id: string, level: number): Promise<void> {
    const answer = await city.post(`/entities/${id}/attrs`, { level: property(level) });
    assert.equal(answer.status, 204, answer.text);
}
const shown = async (id: string): Promise<Json> => (await city.get(`/subscriptions/${id}`)).json.notification;
const levels = (messages: { json: Json }[]): number[] => messages.map((each) => each.json.body.data[0].level.value);
const logged = (what: RegExp): Promise<void> => until(String(what), () => what.test(server.log));
const upTo = (n: number): number[] => Array.from({ length: n }, (_, at) => at);

test("7.2 each version and QoS: every change once, in order, at the QoS that was asked for", {
    skip: without,
}, async () => {
    const cases = ["mqtt3.1.1", "mqtt5.0"].flatMap((version) => [0, 1, 2].map((qos) => ({ version, qos })));
    for (const { version, qos } of cases) {
        const type = `Well${version.replaceAll(".", "")}q${qos}`;
        const heard = await main.listen(`wells/${type}`);
        const id = await subscribe(
            subscription(type, {
                uri: `mqtt://127.0.0.1:${main.port}/wells/${type}`,
                notifierInfo: info({ "MQTT-Version": version, "MQTT-QoS": String(qos) }),
            }),
        );
        await create(`urn:x:${type}`, type);
        for (let n = 1; n < 40; n++) await change(`urn:x:${type}`, n);
        const got = await heard.count(40);
        assert.deepEqual(levels(got), upTo(40));
        assert.ok(got.every((each) => each.qos === qos && each.topic === `wells/${type}`));
        assert.equal(got[0]!.json.body.subscriptionId, id);
        await until("the last acknowledgement", async () => (await shown(id)).timesSent === 40);
        assert.equal((await shown(id)).status, "ok");
        assert.equal((await shown(id)).timesFailed, undefined);
    }
});

test("7.2 the message: metadata and body; @context by Link, in the body, or the core's", {
    skip: without,
}, async () => {
    const heard = await main.listen("pumps/#");
    const at = (topic: string, more: Json): Json => ({ uri: `mqtt://127.0.0.1:${main.port}/pumps/${topic}`, ...more });
    const hosted = await city.post("/jsonldContexts", { "@context": { Pump: "https://example.org/Pump" } });
    const context = `${server.url}${new URL(hosted.headers["location"]!, server.url).pathname}`;
    assert.equal(hosted.status, 201, hosted.text);
    const receiverInfo = info({ Authorization: "Bearer 水", "Content-Type": "text/plain", twice: "1" });
    receiverInfo.push({ key: "twice", value: "2" });
    const id = await subscribe(subscription("Pump", at("link", { receiverInfo })), linkTo(context));
    await subscribe(subscription("Pump", at("plain/%E6%B0%B4%20a", {})));
    await subscribe(subscription("Pump", at("ld", { accept: "application/ld+json", receiverInfo })), linkTo(context));
    await subscribe(subscription("Pump", at("geo", { accept: "application/geo+json" })));
    const named = { id: "urn:x:pump:1", type: "Pump", level: property(1) };
    assert.equal((await city.post("/entities", named)).status, 201);
    const linked = { ...named, id: "urn:x:pump:2" };
    assert.equal((await city.post("/entities", linked, linkTo(context))).status, 201);
    const got = await heard.count(4);
    const of = (topic: string): Json => got.find((each) => each.topic === `pumps/${topic}`)!.json;
    const link = (to: string): string => linkTo(to)["Link"]!;

    assert.deepEqual(Object.keys(of("link")), ["metadata", "body"]);
    const own = { Authorization: "Bearer 水", twice: "1" };
    assert.deepEqual(of("link").metadata, { "Content-Type": "application/json", Link: link(context), ...own });
    const { id: notice, notifiedAt, ...rest } = of("link").body;
    assert.match(notice, /^urn:ngsi-ld:Notification:/);
    assert.ok(Date.parse(notifiedAt) > 0);
    assert.deepEqual(rest, { type: "Notification", subscriptionId: id, data: [linked] });

    const bare = of("plain/水 a");
    assert.equal(bare.metadata["Content-Type"], "application/json");
    assert.match(bare.metadata.Link, /^<https:\/\/uri\.etsi\.org\/ngsi-ld\/v1\/ngsi-ld-core-context-v1\.9\.jsonld>/);
    assert.deepEqual(bare.body.data, [named]);

    const whole = of("ld");
    assert.equal(whole.metadata["Content-Type"], "application/ld+json");
    assert.equal(whole.metadata.Link, undefined);
    assert.deepEqual(whole.body["@context"], context);

    assert.equal(of("geo").metadata["Content-Type"], "application/geo+json");
    assert.equal(of("geo").body.data.type, "FeatureCollection");
});

test("5.2.15, 5.2.22 endpoints and notifierInfo that cannot be meant are refused, each by its name", async () => {
    const wrong: [Json, RegExp][] = [
        [{ uri: "mqtt://127.0.0.1" }, /endpoint\.uri names no topic/],
        [{ uri: "mqtt://127.0.0.1/" }, /endpoint\.uri names no topic/],
        [{ uri: "mqtt:///a" }, /endpoint\.uri needs a host/],
        [{ uri: "mqtt://127.0.0.1:0/a" }, /endpoint\.uri has no such port/],
        [{ uri: "mqtt://127.0.0.1:65536/a" }, /endpoint\.uri has no such port/],
        [{ uri: "mqtt://127.0.0.1/a/+/b" }, /endpoint\.uri has a wildcard/],
        [{ uri: "mqtt://127.0.0.1/a/%23" }, /endpoint\.uri has a wildcard/],
        [{ uri: "mqtt://127.0.0.1/a?b=c" }, /endpoint\.uri must have neither query nor fragment/],
        [{ uri: "mqttx://127.0.0.1/a" }, /endpoint\.uri must begin with/],
        [{ uri: "mqtt://h/a", notifierInfo: info({ "MQTT-Version": "5" }) }, /notifierInfo\.MQTT-Version must be/],
        [{ uri: "mqtt://h/a", notifierInfo: info({ "MQTT-QoS": "3" }) }, /notifierInfo\.MQTT-QoS must be/],
        [{ uri: "mqtt://h/a", notifierInfo: info({ "MQTT-QoS": "" }) }, /notifierInfo/],
    ];
    for (const [endpoint, why] of wrong) {
        const answer = await city.post("/subscriptions", subscription("Nothing", endpoint));
        assert.equal(answer.status, 400, `${JSON.stringify(endpoint)} ${answer.text}`);
        assert.match(answer.text, why);
    }
    const id = await subscribe(subscription("Nothing", { uri: "mqtts://h/a" }));
    const patch = { notification: { endpoint: { uri: "mqtts://h/a", notifierInfo: info({ "MQTT-QoS": "4" }) } } };
    assert.equal((await city.call("PATCH", `/subscriptions/${id}`, patch)).status, 400);
    assert.equal((await city.del(`/subscriptions/${id}`)).status, 204);
});

test("7.2 user and password of the URI are the broker's to judge, and no log's to tell", {
    skip: without,
}, async () => {
    const passwords = join(files, "passwords");
    assert.equal(spawnSync("mosquitto_passwd", ["-c", "-b", passwords, "wärter", "s:cr@t/1"]).status, 0);
    const closed = await broker(["allow_anonymous false", `password_file ${passwords}`]);
    const heard = await closed.listen("#", ["-u", "wärter", "-P", "s:cr@t/1"]);
    const uri = (user: string, topic: string): string => `mqtt://${user}@127.0.0.1:${closed.port}/${topic}`;
    const versions = ["mqtt3.1.1", "mqtt5.0"];
    const right: string[] = [];
    const wrong: string[] = [];
    for (const version of versions) {
        const notifierInfo = info({ "MQTT-Version": version, "MQTT-QoS": "1" });
        const good = { uri: uri("w%C3%A4rter:s%3Acr%40t%2F1", `good/${version}`), notifierInfo };
        right.push(await subscribe(subscription("Gate", good)));
        const bad = { uri: uri("w%C3%A4rter:wr0ng", `bad/${version}`), notifierInfo };
        wrong.push(await subscribe(subscription("Gate", bad)));
        assert.equal((await shown(right.at(-1)!)).endpoint.uri, good.uri, "as it was given");
    }
    await create("urn:x:gate:1", "Gate");
    const got = await heard.count(2);
    assert.deepEqual(got.map((each) => each.topic).sort(), versions.map((each) => `good/${each}`));
    for (const id of wrong) {
        await until("the refusal", async () => (await shown(id)).status === "failed");
        assert.equal((await shown(id)).timesFailed, 1, "what is refused so is not tried again");
    }
    for (const id of right) assert.equal((await shown(id)).status, "ok");
    const refusals = (): number => (server.log.match(/why="the broker (refuses user|says: not auth)/g) ?? []).length;
    await until("the log", () => refusals() === 2);
    assert.ok(!/wr0ng|cr%40t|w%C3%A4rter|wärter/.test(server.log), "no user and no password in the log");
    assert.ok(server.log.includes(`uri=mqtt://127.0.0.1:${closed.port}/bad/mqtt5.0`), server.log);
});

test("7.2 mqtts: a certificate of a CA that is trusted; none that signed itself", { skip: without }, async () => {
    const tls = (name: string): string[] => [
        "allow_anonymous true",
        `certfile ${join(files, `${name}.crt`)}`,
        `keyfile ${join(files, `${name}.key`)}`,
    ];
    const good = await broker(tls("good"));
    const own = await broker(tls("own"));
    const heard = await good.listen("#", ["--cafile", ca, "-h", "localhost"]);
    for (const version of ["mqtt3.1.1", "mqtt5.0"]) {
        const notifierInfo = info({ "MQTT-Version": version, "MQTT-QoS": "2" });
        await subscribe(subscription("Lock", { uri: `mqtts://localhost:${good.port}/${version}`, notifierInfo }));
    }
    const id = await subscribe(subscription("Lock", { uri: `mqtts://localhost:${own.port}/a` }));
    await create("urn:x:lock:1", "Lock");
    for (let n = 1; n < 10; n++) await change("urn:x:lock:1", n);
    const got = await heard.count(20);
    for (const version of ["mqtt3.1.1", "mqtt5.0"])
        assert.deepEqual(levels(got.filter((each) => each.topic === version)), upTo(10));
    await until("the refusal", async () => (await shown(id)).status === "failed");
    await logged(/certificate/i);
    assert.equal((await city.del(`/subscriptions/${id}`)).status, 204);
});

test("a broker that is down keeps nobody else waiting, and gets all that waited when it is up, in order", {
    skip: without,
}, async () => {
    const lame = await broker();
    await lame.kill();
    const deaf = createServer(() => undefined).listen(0, "127.0.0.1"); // takes connections, never says a word
    await new Promise((done) => deaf.once("listening", done));
    const deafPort = (deaf.address() as { port: number }).port;
    const well = await main.listen("tanks/well");
    const notifierInfo = info({ "MQTT-QoS": "1" });
    const id = await subscribe(subscription("Tank", { uri: `mqtt://127.0.0.1:${lame.port}/tanks`, notifierInfo }));
    const dead = await subscribe(subscription("Tank", { uri: `mqtt://127.0.0.1:${deafPort}/tanks` }));
    await subscribe(subscription("Tank", { uri: `mqtt://127.0.0.1:${main.port}/tanks/well`, notifierInfo }));
    await create("urn:x:tank:1", "Tank");
    for (let n = 1; n < 30; n++) await change("urn:x:tank:1", n);
    assert.deepEqual(levels(await well.count(30)), upTo(30));
    await until("a failed try", async () => (await shown(id)).status === "failed");
    await lame.start();
    const heard = await lame.listen("tanks");
    // The first may have been told before the listener was there: what it misses is the broker's affair.
    await until("the rest", async () => (await shown(id)).timesSent === 30, 20_000);
    const got = levels(heard.got);
    assert.deepEqual(got, upTo(30).slice(30 - got.length), "in order, none missing");
    assert.equal((await shown(id)).status, "ok");
    assert.equal((await shown(dead)).status, undefined, "it has time to answer still");
    assert.equal((await city.del(`/subscriptions/${dead}`)).status, 204);
    deaf.close();
});

test("a broker that falls in the midst: it takes every letter in the end, none out of order", {
    skip: without,
}, async () => {
    const lame = await broker(["allow_anonymous true", "persistence true", `persistence_location ${files}/`]);
    const near = await line(lame);
    const notifierInfo = info({ "MQTT-QoS": "1" });
    const id = await subscribe(subscription("Vat", { uri: `mqtt://127.0.0.1:${near.port}/vats`, notifierInfo }));
    let heard = await lame.listen("vats");
    const all: number[] = [];
    await create("urn:x:vat:1", "Vat");
    for (let n = 1; n < 60; n++) {
        await change("urn:x:vat:1", n);
        if (n % 20) continue;
        await heard.count(1);
        await lame.kill();
        all.push(...levels(heard.got));
        await lame.start();
        heard = await lame.listen("vats");
    }
    await until("the last", async () => (await shown(id)).timesSent === 60, 20_000);
    await until("the last one's arrival", () => levels(heard.got).includes(59));
    all.push(...levels(heard.got));
    const first = all.filter((value, at) => all.indexOf(value) === at);
    assert.deepEqual(first, [...first].sort((a, b) => a - b), "told again perhaps, but never out of order");
    assert.ok(near.connections >= 3);
});

test("MQTT 5.0, QoS 2: what the broker took before the line broke is not told twice", { skip: without }, async () => {
    const near = await line(main);
    const heard = await main.listen("silos");
    const notifierInfo = info({ "MQTT-QoS": "2" });
    const id = await subscribe(subscription("Silo", { uri: `mqtt://127.0.0.1:${near.port}/silos`, notifierInfo }));
    const [PUBREC, PUBCOMP] = [5, 7];
    let cuts = 0;
    await create("urn:x:silo:1", "Silo");
    await heard.count(1);
    for (const kind of [PUBREC, PUBCOMP, PUBREC, PUBCOMP]) {
        const before = heard.got.length;
        near.cut = (type) => type === kind && (cuts++, (near.cut = () => false), true);
        await change("urn:x:silo:1", before);
        await heard.count(before + 1);
        await until("its acknowledgement", async () => (await shown(id)).timesSent === before + 1);
    }
    assert.equal(cuts, 4);
    assert.equal(near.connections, 5, "one for each break");
    assert.equal((await shown(id)).timesFailed, 4);
    assert.deepEqual(levels(heard.got), upTo(5));
});

test("an acknowledgement that comes after the try's time counts for the next try: nothing is sent twice", {
    skip: without,
}, async () => {
    const near = await line(main);
    for (const [version, qos] of [
        ["mqtt3.1.1", 1],
        ["mqtt3.1.1", 2],
        ["mqtt5.0", 1],
        ["mqtt5.0", 2],
    ] as const) {
        const type = `Mill${version.replaceAll(".", "")}q${qos}`;
        const heard = await main.listen(`mills/${type}`);
        const notifierInfo = info({ "MQTT-Version": version, "MQTT-QoS": String(qos) });
        const uri = `mqtt://127.0.0.1:${near.port}/mills/${type}`;
        const id = await subscribe(subscription(type, { uri, notifierInfo, timeout: 200 }));
        await create(`urn:x:${type}`, type);
        await until("the first", async () => (await shown(id)).timesSent === 1);
        near.hold();
        await change(`urn:x:${type}`, 1);
        await until("a failed try", async () => (await shown(id)).timesFailed >= 1);
        near.release();
        await change(`urn:x:${type}`, 2);
        await until("all", async () => (await shown(id)).timesSent === 3);
        assert.deepEqual(levels(await heard.count(3)), upTo(3));
    }
    assert.equal(near.connections, 2, "one a version: none was given up");
});

test("one connection a broker, user and version, however many endpoints", { skip: without }, async () => {
    const near = await line(main);
    const heard = await main.listen("mains/#");
    const uri = (user: string, topic: number): string => `mqtt://${user}127.0.0.1:${near.port}/mains/${topic}`;
    for (let topic = 0; topic < 100; topic++)
        await subscribe(subscription("Main", { uri: uri("", topic), notifierInfo: info({ "MQTT-QoS": "2" }) }));
    await create("urn:x:main:1", "Main");
    for (let n = 1; n < 5; n++) await change("urn:x:main:1", n);
    const got = await heard.count(500);
    for (let topic = 0; topic < 100; topic++)
        assert.deepEqual(levels(got.filter((each) => each.topic === `mains/${topic}`)), upTo(5));
    assert.equal(near.connections, 1);
    const old = info({ "MQTT-Version": "mqtt3.1.1" });
    await subscribe(subscription("Main", { uri: uri("", 200), notifierInfo: old }));
    await subscribe(subscription("Main", { uri: uri("who@", 201) }));
    await change("urn:x:main:1", 9);
    await heard.count(602);
    assert.equal(near.connections, 3);
});

test("what a broker does not take: its largest packet, its highest QoS, a topic that its list forbids", {
    skip: without,
}, async () => {
    const list = join(files, "access");
    writeFileSync(list, "topic readwrite q1\ntopic readwrite q2\ntopic read #\ntopic read $SYS/#\n");
    const small = await broker(["allow_anonymous true", "max_packet_size 2000", "max_qos 1", `acl_file ${list}`]);
    const heard = await small.listen("#", ["-q", "1"]);
    const at = (qos: number): Json => ({
        uri: `mqtt://127.0.0.1:${small.port}/q${qos}`,
        notifierInfo: info({ "MQTT-QoS": String(qos) }),
    });
    const one = await subscribe(subscription("Basin", at(1)));
    const two = await subscribe(subscription("Basin", at(2)));
    const no = await subscribe(subscription("Basin", { ...at(1), uri: `mqtt://127.0.0.1:${small.port}/no` }));
    await create("urn:x:basin:1", "Basin");
    await heard.count(1);
    await until("the refusal", async () => (await shown(two)).timesFailed === 1);
    await logged(/the broker does not take that QoS/);
    await until("the refusal", async () => (await shown(no)).timesFailed === 1);
    await logged(/\/no try=1 status=0 why="the broker says: not authorized"/);
    assert.equal((await city.del(`/subscriptions/${no}`)).status, 204);
    const large = await city.post("/entities/urn:x:basin:1/attrs", { note: property("x".repeat(3000)) });
    assert.equal(large.status, 204);
    await until("the refusal", async () => (await shown(one)).timesFailed === 1);
    await logged(/larger than the broker takes/);
    assert.equal((await city.del("/entities/urn:x:basin:1/attrs/note")).status, 204);
    await change("urn:x:basin:1", 2);
    await until("the next", async () => (await shown(one)).timesSent === 2);
});

test("--notify-brokers-max: more brokers than that share by turns", { skip: without }, async () => {
    const few = await new Server(folder(), ["--notify-brokers-max", "1"]).start();
    const there = new City(few, undefined);
    const near = [await line(main), await line(main)];
    const heard = await main.listen("turns/#");
    for (const [at, each] of near.entries()) {
        const endpoint = { uri: `mqtt://127.0.0.1:${each.port}/turns/${at}`, notifierInfo: info({ "MQTT-QoS": "1" }) };
        assert.equal((await there.post("/subscriptions", subscription("Turn", endpoint))).status, 201);
    }
    for (let n = 0; n < 3; n++) {
        const made = { id: `urn:x:turn:${n}`, type: "Turn", level: property(n) };
        assert.equal((await there.post("/entities", made)).status, 201);
    }
    const got = await heard.count(6);
    for (const at of [0, 1]) assert.deepEqual(levels(got.filter((each) => each.topic === `turns/${at}`)), upTo(3));
    assert.equal(await few.stop(), 0);
});
