// Messages to people (docs/people.md): they come, once they were acknowledged, to whoever has to know, and go on to the
// next when nobody reads them; through a real mail server and stand-ins of published interfaces.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import {
    Clock,
    dingtalk,
    faketime,
    mailPassword,
    MailServer,
    sleep,
    sms,
    template,
    until,
    wecom,
} from "./people_far.ts";
import { ask, check, City, folder, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
const mail = new MailServer(folder(), false);
before(async () => {
    await server.start();
    if (!MailServer.missing()) await mail.start();
});
after(async () => {
    await server.stop();
    await mail.stop();
});

const json = { "Content-Type": "application/json" };
async function send(to: Server, method: string, path: string, body?: Json): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    return to.call(method, path, text, { ...json, "Content-Length": String(Buffer.byteLength(text)) });
}
async function put(to: Server, path: string, body: Json): Promise<void> {
    const answer = await send(to, "PUT", path, body);
    assert.ok(answer.status === 201 || answer.status === 204, `${path}: ${answer.status} ${answer.text}`);
}
async function tell(to: Server, message: Json): Promise<string> {
    const answer = await send(to, "POST", "/api/messages", message);
    assert.ok(answer.status === 201 || answer.status === 200, answer.text);
    return answer.json.id as string;
}
const message = async (of: Server, id: string): Promise<Json> => (await of.call("GET", `/api/messages/${id}`)).json;
const smtp = (): Json => ({
    type: "smtp",
    host: "127.0.0.1",
    port: mail.port,
    tls: "none",
    from: "jindu@city.test",
    backoffSeconds: 1,
});

test("a message reaches a contact through a real mail server", { skip: MailServer.missing() }, async () => {
    await put(server, "/api/channels/mail", smtp());
    await put(server, "/api/contacts/li", { name: "李工", addresses: [{ channel: "mail", address: "li@city.test" }] });
    const id = await tell(server, {
        to: [{ contact: "li" }],
        severity: "red",
        title: { zh: "北固山站水位超过警戒线，请立即查看现场情况并回复处置意见", en: "Water level at Beigu" },
        text: "水位 8.42 m\n警戒 8.00 m",
        about: "urn:ngsi-ld:RiverGauge:1",
    });
    const [got] = await until("mail", () => (mail.to("li@city.test").length ? mail.to("li@city.test") : undefined));
    assert.equal(got!.subject, "[红色] 北固山站水位超过警戒线，请立即查看现场情况并回复处置意见");
    assert.match(got!.text, /^水位 8\.42 m\r?\n警戒 8\.00 m/);
    const sent = await until("sent", async () => {
        const m = await message(server, id);
        return m.state === "sent" ? m : undefined;
    });
    assert.equal(sent.people[0].addresses[0].state, "sent");
    assert.equal(sent.people[0].addresses[0].attempts[0].ok, true);
});

test("bad documents are refused, and the error names the member", async () => {
    const bad = async (path: string, body: Json, place: string): Promise<void> => {
        const answer = await send(server, "PUT", path, body);
        check(answer, [400, "BadRequestData"], `${path} ${JSON.stringify(body)}`);
        assert.equal(answer.json.place, place, answer.text);
    };
    const http = { type: "http", url: "https://far.test/send" };
    await bad("/api/channels/x", { type: "fax" }, "type");
    await bad("/api/channels/x", { type: "smtp", from: "a@b" }, "host");
    await bad("/api/channels/x", { type: "smtp", host: "h", from: "ab" }, "from");
    await bad("/api/channels/x", { type: "smtp", host: "h", from: "a@b", port: 70000 }, "port");
    await bad(
        "/api/channels/x",
        { type: "smtp", host: "h", from: "a@b", user: "u", password: "p", tls: "none" },
        "tls",
    );
    await bad("/api/channels/x", { ...http, url: "ftp://far.test" }, "url");
    await bad("/api/channels/x", { ...http, url: "https://{{address}}/send" }, "url");
    await bad("/api/channels/x", { ...http, url: "https://far.test/send?key=693a91f6" }, "url");
    await bad("/api/channels/x", { ...http, headers: { Authorization: "Bearer abc" } }, "headers.Authorization");
    await bad("/api/channels/x", { ...http, headers: { "X Y": "a" } }, "headers.X Y");
    await bad("/api/channels/x", { ...http, body: { a: ["{{nothing}}"] } }, "body.a[0]");
    await bad("/api/channels/x", { ...http, body: { a: "{{secret.none}}" } }, "body.a");
    await bad("/api/channels/x", { ...http, bodyType: "form", body: { a: 1 } }, "body");
    await bad("/api/channels/x", { ...http, method: "DELETE" }, "method");
    await bad("/api/channels/x", { ...http, success: { pointer: "errcode", equals: 0 } }, "success.pointer");
    await bad("/api/channels/x", { ...http, success: { pointer: "/errcode" } }, "success.equals");
    await bad("/api/channels/x", { ...http, sign: { algorithm: "md5", text: "", key: "" } }, "sign.algorithm");
    await bad("/api/channels/x", { ...http, sign: { algorithm: "hmac-sha256", text: "a", key: "b" } }, "sign.key");
    await bad("/api/channels/x", { ...http, secrets: { a: "***" } }, "secrets.a");
    await bad("/api/channels/x", { ...http, tries: 101 }, "tries");
    await bad("/api/channels/x", { ...http, colour: 1 }, "colour");
    await bad("/api/channels/a%20b", http, "id");

    await put(server, "/api/channels/ok", http);
    const address = { channel: "ok", address: "13800000000" };
    await bad("/api/contacts/x", { addresses: [] }, "addresses");
    await bad("/api/contacts/x", { addresses: [{ channel: "none", address: "1" }] }, "addresses[0].channel");
    await bad("/api/contacts/x", { addresses: [address, { channel: "ok" }] }, "addresses[1].address");
    await bad("/api/contacts/x", { addresses: [{ ...address, severities: ["pink"] }] }, "addresses[0].severities");
    await bad("/api/contacts/x", { addresses: [address], zone: "Mars/Olympus" }, "zone");
    await bad("/api/contacts/x", { addresses: [address], language: "fr" }, "language");
    const quiet = (...quietHours: Json[]): Json => ({ addresses: [address], quietHours });
    await bad("/api/contacts/x", quiet({ from: "25:00", to: "07:00" }), "quietHours[0].from");
    await bad("/api/contacts/x", quiet({ from: "22:00", to: "7:00" }), "quietHours[0].to");
    await bad("/api/contacts/x", quiet({ from: "22:00", to: "07:00", days: ["monday"] }), "quietHours[0].days");
    await bad("/api/contacts/x", quiet({ from: "00:00", to: "24:00" }), "quietHours");
    await bad("/api/contacts/x", { addresses: [address], grouping: { windowSeconds: 0 } }, "grouping.windowSeconds");
    await bad("/api/contacts/x", { addresses: [address], grouping: { perHour: 101 } }, "grouping.perHour");
    await bad("/api/contacts/x", { addresses: [address], grouping: { perHour: 2, burst: 3 } }, "grouping.burst");
    await bad("/api/contacts/x", { addresses: [address], deputies: ["nobody"] }, "deputies");

    await put(server, "/api/contacts/ok", { addresses: [address] });
    await bad("/api/rosters/x", {}, "shifts");
    await bad("/api/rosters/x", { shifts: [{ from: "08:00", to: "20:00" }] }, "shifts[0].contact");
    await bad("/api/rosters/x", { shifts: [{ from: "08:00", to: "20:00", contact: "nobody" }] }, "shifts");
    await bad("/api/rosters/x", { exceptions: [{ date: "2026-02-30", contact: "ok" }] }, "exceptions[0].date");
    await bad("/api/rosters/x", { otherwise: { contact: "ok", deputies: ["nobody"] } }, "deputies");
    await bad("/api/rosters/x", { otherwise: { contact: "ok" }, escalation: { red: -1 } }, "escalation.red");

    const refuse = async (body: Json, place: string): Promise<void> => {
        const answer = await send(server, "POST", "/api/messages", body);
        check(answer, [400, "BadRequestData"], JSON.stringify(body));
        assert.equal(answer.json.place, place, answer.text);
    };
    const good = { to: [{ contact: "ok" }], severity: "info", title: "t" };
    await refuse({ ...good, to: [] }, "to");
    await refuse({ ...good, to: Array.from({ length: 33 }, () => ({ contact: "ok" })) }, "to");
    await refuse({ ...good, to: [{ contact: "nobody" }] }, "to[0].contact");
    await refuse({ ...good, to: [{ roster: "nobody" }] }, "to[0].roster");
    await refuse({ ...good, to: [{ contact: "ok", roster: "ok" }] }, "to[0]");
    await refuse({ ...good, severity: "pink" }, "severity");
    await refuse({ ...good, title: "" }, "title");
    await refuse({ ...good, title: "a".repeat(501) }, "title");
    await refuse({ ...good, title: { fr: "t" } }, "title");
    await refuse({ ...good, text: "a".repeat(4001) }, "text");
    await refuse({ ...good, group: "a".repeat(201) }, "group");
    await refuse({ ...good, colour: "t" }, "colour");
    const some = await send(server, "POST", "/api/messages", [good, { ...good, severity: "pink" }]);
    assert.equal(some.status, 207, some.text);
    assert.equal(some.json.created, 1);
    assert.equal(some.json.errors[0].index, 1);
    check(await send(server, "POST", "/api/messages", [{}]), 400);
    check(await server.call("GET", "/api/messages/none"), [404, "ResourceNotFound"]);
    check(await server.call("GET", "/api/contacts", undefined, { "NGSILD-Tenant": "t" }), [400, "BadRequestData"]);
    check(await send(server, "DELETE", "/api/channels/ok"), [409, "Conflict"]);
    await put(server, "/api/rosters/r", { otherwise: { contact: "ok" } });
    check(await send(server, "DELETE", "/api/contacts/ok"), [409, "Conflict"]);
    check(await send(server, "DELETE", "/api/rosters/r"), 204);
    const waits = await send(server, "DELETE", "/api/contacts/ok"); // the one above is on its way to him
    check(waits, [409, "Conflict"]);
    assert.match(waits.text, new RegExp(`message ${some.json.ids[0]} `));
    check(await send(server, "POST", `/api/messages/${some.json.ids[0]}/read?by=ok`), 204);
    await until("nothing waits for him", async () =>
        (await send(server, "DELETE", "/api/contacts/ok")).status === 204 ? true : undefined,
    );
    check(await send(server, "DELETE", "/api/channels/ok"), 204);
    check(await send(server, "DELETE", "/api/channels/ok"), [404, "ResourceNotFound"]);
});

test(
    "a mail server that wants STARTTLS and a password gets both, and its refusals are final",
    { skip: MailServer.missing() },
    async () => {
        const secured = await new MailServer(folder(), true).start();
        try {
            const channel = { ...smtp(), port: secured.port, tls: "starttls", ca: secured.certificate, user: "jindu" };
            await put(server, "/api/channels/secured", { ...channel, password: mailPassword });
            const tried = await send(server, "POST", "/api/channels/secured/test", { address: "wang@city.test" });
            assert.equal(tried.status, 200, tried.text);
            await until("mail", () => (secured.to("wang@city.test").length === 1 ? true : undefined));
            await put(server, "/api/channels/unsecured", { ...smtp(), port: secured.port, from: "x@city.test" });
            const refused = await send(server, "POST", "/api/channels/unsecured/test", { address: "wang@city.test" });
            check(refused, [409, "Conflict"]);
            assert.match(refused.json.detail, /550/);
            await put(server, "/api/channels/unknown", { ...channel, ca: undefined, password: mailPassword, tries: 2 });
            const distrusted = await send(server, "POST", "/api/channels/unknown/test", { address: "wang@city.test" });
            check(distrusted, [409, "Conflict"]);
            assert.match(distrusted.json.detail, /certificate/i);
            await put(server, "/api/contacts/gone", {
                addresses: [{ channel: "secured", address: "nobody@city.test" }],
            });
            const id = await tell(server, { to: [{ contact: "gone" }], severity: "blue", title: "t" });
            const failed = await until("failed", async () => {
                const m = await message(server, id);
                return m.state === "failed" ? m : undefined;
            });
            assert.equal(failed.people[0].addresses[0].tries, 1, "what was refused for good is not tried again");
            assert.match(failed.people[0].addresses[0].attempts[0].answer, /550/);
        } finally {
            await secured.stop();
        }
    },
);

test("企业微信, 钉钉 and an SMS gateway take what the shipped templates send", async () => {
    const keys = { key: "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", token: "tok&en=1", sign: "SECd3f1" };
    const group = await wecom(keys.key).open();
    const ding = await dingtalk(keys.token, keys.sign).open();
    const gateway = await sms(keys.token).open();
    await put(server, "/api/channels/wecom", template("wecom", group.url, { key: keys.key }));
    await put(server, "/api/channels/ding", template("dingtalk", ding.url, { token: keys.token, sign: keys.sign }));
    await put(server, "/api/channels/sms", template("sms", gateway.url, { token: keys.token }));
    const addresses = ["wecom", "ding", "sms"].map((channel) => ({ channel, address: "13800138000" }));
    await put(server, "/api/contacts/zhao", { addresses });
    const text = `引号 " 反斜杠 \\ 换行\n制表\t{{secret.key}} & = % ${"长".repeat(900)}`;
    const id = await tell(server, { to: [{ contact: "zhao" }], severity: "orange", title: '排水 "A"', text });
    const done = await until("sent", async () => {
        const m = await message(server, id);
        return ["sent", "failed"].includes(m.state) ? m : undefined;
    });
    assert.deepEqual(
        done.people[0].addresses.map((each: Json) => each.state),
        ["sent", "sent", "sent"],
        JSON.stringify(done.people[0].addresses),
    );
    assert.match(
        group.got[0]!.body.text.content,
        /^\[橙色\] 排水 "A"\n引号 " 反斜杠 \\ 换行\n制表\t\{\{secret\.key\}\} & = % 长/,
    );
    assert.deepEqual(group.got[0]!.body.text.mentioned_mobile_list, ["13800138000"]);
    assert.deepEqual(ding.got[0]!.body.at.atMobiles, ["13800138000"]);
    assert.match(gateway.got[0]!.body.content, /^\[橙色\] 排水 "A" 引号 " 反斜杠 \\ 换行\n/);
    assert.ok(Buffer.byteLength(gateway.got[0]!.body.content) < 300, "an SMS is cut to what the channel says");
    // 200 with another errcode is no success: some are worth another try, others are not
    const answers = [
        { errcode: 45009, errmsg: "api freq out of limit" },
        { errcode: -1, errmsg: "system busy" },
    ];
    group.trouble = (res) => {
        const next = answers.shift();
        if (next) res.writeHead(200).end(JSON.stringify(next));
        return next !== undefined;
    };
    const again = await tell(server, { to: [{ contact: "zhao" }], severity: "yellow", title: "again" });
    const line = await until("third try", async () => {
        const m = await message(server, again);
        return m.people[0].addresses[0]?.state === "sent" ? m.people[0].addresses[0] : undefined;
    });
    assert.equal(line.tries, 3);
    assert.match(line.attempts[0].answer, /45009/);
    await put(server, "/api/channels/wrong", template("wecom", group.url, { key: "another" }));
    check(await send(server, "POST", "/api/channels/wrong/test", { address: "13800138000" }), [409, "Conflict"]);
    await put(
        server,
        "/api/channels/unsigned",
        template("dingtalk", ding.url, { token: keys.token, sign: "SECwrong" }),
    );
    const unsigned = await send(server, "POST", "/api/channels/unsigned/test", { address: "13800138000" });
    check(unsigned, [409, "Conflict"]);
    assert.match(unsigned.json.detail, /sign not match/);
});

test("secrets are in no answer, no message and no log, and stay when *** is sent back", async () => {
    const key = "schluessel-5e884898da28047151d0e56f8dc62927";
    const own = await new Server(folder(), ["--log-level", "debug"]).start();
    const far = await wecom(key).open(); // its refusals repeat the key that it expects
    try {
        await put(own, "/api/channels/a", template("wecom", far.url, { key }));
        await put(own, "/api/channels/m", { ...smtp(), port: 1, user: "u", password: key, tries: 1 });
        await put(own, "/api/channels/b", template("wecom", far.url, { key: "another-key", k: key }, { tries: 1 }));
        const all = ["a", "m", "b"].map((channel) => ({ channel, address: "13800138000" }));
        await put(own, "/api/contacts/c", { addresses: all });
        const id = await tell(own, { to: [{ contact: "c" }], severity: "info", title: "t" });
        await until("done", async () => ((await message(own, id)).state === "sent" ? true : undefined));
        const shown = (await own.call("GET", "/api/channels/a")).json;
        assert.deepEqual(shown.secrets, { key: "***" });
        delete shown.id;
        await put(own, "/api/channels/a", shown);
        const ok = await send(own, "POST", "/api/channels/a/test", { address: "13800138000" });
        assert.equal(ok.status, 200, ok.text);
        const elsewhere = await send(own, "PUT", "/api/channels/a", {
            ...shown,
            url: "http://evil.test/?k={{secret.key}}",
        });
        check(elsewhere, [400, "BadRequestData"]);
        assert.equal(elsewhere.json.place, "secrets.key", "a kept secret goes to no other far end");
        const tested = await send(own, "POST", "/api/channels/b/test", { address: "13800138000" });
        assert.match(tested.json.detail, /hint/);
        const paths = ["/api/channels", "/api/channels/a", "/api/channels/m", "/api/contacts", "/api/messages"];
        const texts = await Promise.all(paths.map(async (path) => (await own.call("GET", path)).text));
        const linkKey = /key=([0-9a-f]{32})/.exec(far.got[0]!.body.text.content)?.[1];
        assert.ok(linkKey);
        const followed = await own.call("GET", `/api/messages/${id}/link?by=c&key=${linkKey}`);
        assert.equal(followed.status, 200);
        await until("log", () => (/target=\/api\/messages\/\w+-\w+\/link\b/.test(own.log) ? true : undefined));
        for (const text of [...texts, tested.text, (await own.call("GET", "/metrics")).text, own.log]) {
            assert.ok(!text.includes(key), text);
            assert.ok(!text.includes(linkKey), "the key of a link is its receiver's alone");
        }
    } finally {
        await own.stop();
    }
});

test("what was acknowledged survives kill -9, and is told", async () => {
    const dir = folder();
    const far = await sms("t").open();
    const own = await new Server(dir).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    const grouping = { windowSeconds: 1, perHour: 100, burst: 100 };
    await put(own, "/api/contacts/c", { grouping, addresses: [{ channel: "sms", address: "13800138000" }] });
    await far.close(); // nobody is there while the program lives first
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
        const answers = Array.from({ length: 10 }, (_, n) =>
            tell(own, { to: [{ contact: "c" }], severity: "info", title: `no-${round}-${n}-` }),
        );
        ids.push(...(await Promise.all(answers)));
        ids.push(await tell(own, { to: [{ contact: "c" }], severity: "info", title: "joined", group: "g" }));
        await own.kill();
        await own.start();
    }
    assert.equal(new Set(ids).size, 51);
    await far.open();
    const texts = await until(
        "all",
        async () => {
            const states = await Promise.all([...new Set(ids)].map(async (id) => (await message(own, id)).state));
            return states.every((state) => state === "sent")
                ? far.got.map((got) => got.body.content as string)
                : undefined;
        },
        60_000,
    );
    assert.ok(texts.length <= 100, `${texts.length}`);
    assert.equal(
        (
            await message(
                own,
                [...new Set(ids)].find((id) => ids.filter((i) => i === id).length > 1)!,
            )
        ).count,
        5,
    );
    const list = (await own.call("GET", "/api/messages?limit=1000")).json as Json[];
    assert.equal(list.length, new Set(ids).size);
    for (const each of list) assert.equal(each.people[0].told, each.count);
    await own.stop();
});

test("a storm of 100,000 is at most what the grouping says, for each person", async () => {
    const dir = folder();
    const far = await sms("t").open();
    const own = await new Server(dir).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    const grouping = { windowSeconds: 8, perHour: 20, burst: 5 };
    const contact = (n: number): Json => ({ grouping, addresses: [{ channel: "sms", address: `1380000000${n}` }] });
    for (const n of [1, 2, 3]) await put(own, `/api/contacts/c${n}`, contact(n));
    const to = [{ contact: "c1" }, { contact: "c2" }];
    const began = Date.now();
    let joined = 0;
    for (let batch = 0; batch < 10; batch++) {
        const items = Array.from({ length: 10_000 }, (_, n) =>
            n % 2 === 0
                ? { to, severity: "red", title: "水泵停机", text: `第 ${batch * 5000 + n / 2} 号`, group: "pumps" }
                : { to: [{ contact: "c3" }], severity: "yellow", title: `第 ${n} 台`, group: `pump-${n}` },
        );
        const answer = await send(own, "POST", "/api/messages", items);
        assert.ok(answer.status === 201 || answer.status === 200, answer.text.slice(0, 300));
        joined += answer.json.joined;
    }
    const took = Date.now() - began;
    console.log(`# 100,000 tellings acknowledged in ${took} ms`);
    assert.equal(joined, 49_999 + 9 * 5000, "one message, and 5,000 others");
    await own.kill(); // the counters are kept: nothing of it is lost
    await own.start();
    const of = (n: number): string[] =>
        far.got.filter((got) => got.body.mobile === `1380000000${n}`).map((got) => got.body.content);
    for (const n of [1, 2]) {
        await until(`second to ${n}`, () => (of(n).length >= 2 ? true : undefined));
        assert.equal(of(n).length, 2, of(n).join("\n"));
        const more = of(n).map((text) =>
            Number((/另有 ([\d,]+) 条同类消息/.exec(text)?.[1] ?? "0").replaceAll(",", "")),
        );
        assert.equal(more[0]! + more[1]! + 2, 50_000, of(n).join("\n"));
        assert.ok(more[1]! > 1000, of(n).join("\n"));
    }
    const pumps = (await own.call("GET", "/api/messages?group=pumps")).json as Json[];
    assert.equal(pumps.length, 1);
    assert.equal(pumps[0].count, 50_000);
    assert.equal(pumps[0].people[0].told, 50_000);
    await sleep(10_000); // another window: nothing is left to be said, so nothing is sent
    for (const n of [1, 2]) assert.equal(of(n).length, 2);
    // 5,000 groups at once: a burst, one of it kept for red, then one in four minutes
    assert.ok(of(3).length <= 5, of(3).join("\n"));
    assert.ok(
        of(3).some((text) => /等 [\d,]+ 条消息/.test(text)),
        of(3).join("\n"),
    );
    await own.stop();
});

test("subscriptions tell people: a storm of 100,000 changes is at most what the grouping says", async () => {
    const dir = folder();
    const far = await sms("t").open();
    const own = await new Server(dir).start();
    const city = new City(own, undefined);
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    const grouping = { windowSeconds: 4, perHour: 20, burst: 5 };
    await put(own, "/api/contacts/c1", { grouping, addresses: [{ channel: "sms", address: "13800000001" }] });
    const subscription = (uri: string, severity: string): Json => ({
        type: "Subscription",
        subscriptionName: "水位超限",
        entities: [{ type: "Pump" }],
        q: "level>5",
        notification: { endpoint: { uri, receiverInfo: [{ key: "severity", value: severity }] } },
    });
    const refused = async (uri: string, severity: string, place: RegExp): Promise<void> => {
        const answer = await city.post("/subscriptions", subscription(uri, severity));
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.text, place);
    };
    await refused("jindu:contact/nobody", "red", /nobody/);
    await refused("jindu:door/c1", "red", /contact\/ID/);
    await refused("jindu:contact/c1", "purple", /severity/);
    const made = await city.post("/subscriptions", subscription("jindu:contact/c1", "red"));
    assert.equal(made.status, 201, made.text);
    const began = Date.now();
    for (let batch = 0; batch < 100; batch++) {
        const items = Array.from({ length: 1000 }, (_, n) => ({
            id: `urn:pump:${n}`,
            type: "Pump",
            level: { type: "Property", value: 10 + batch },
        }));
        const answer = await city.post("/entityOperations/upsert", items);
        assert.ok(answer.status < 300, answer.text.slice(0, 300));
    }
    console.log(`# 100,000 changes acknowledged in ${Date.now() - began} ms`);
    await until("all told", async () => {
        const list = (await own.call("GET", "/api/messages")).json as Json[];
        const { notification } = (await city.get(`/subscriptions/${(made.headers["location"] ?? "").split("/").pop()}`))
            .json;
        return list.length === 1 && list[0].count >= 100 && list[0].count === notification.timesSent ? true : undefined;
    });
    await sleep(6000);
    const texts = far.got.map((got) => got.body.content as string);
    assert.ok(texts.length >= 1 && texts.length <= 5, texts.join("\n"));
    assert.match(texts[0]!, /水位超限/);
    await own.stop();
});

// ---- with a clock that can be set ----

const clockless = !faketime
    ? "libfaketime is not installed"
    : process.env["TSAN_OPTIONS"] !== undefined
      ? "libfaketime and the thread sanitizer do not go together"
      : false;

test(
    "an unread red message reaches the deputies at the stated minutes, across kill -9 and steps of the clock",
    { skip: clockless },
    async () => {
        const dir = folder();
        const clock = new Clock(folder());
        const far = await sms("t").open();
        const own = await new Server(dir, [], clock.env).start();
        await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
        const phones: Record<string, string> = { li: "13800000001", wang: "13800000002", zhao: "13800000003" };
        for (const [id, address] of Object.entries(phones))
            await put(own, `/api/contacts/${id}`, { addresses: [{ channel: "sms", address }] });
        await put(own, "/api/rosters/flood", {
            otherwise: { contact: "li", deputies: ["wang", "zhao"] },
            escalation: { red: 15 },
        });
        const of = (who: string): number => far.got.filter((got) => got.body.mobile === phones[who]).length;
        const id = await tell(own, { to: [{ roster: "flood" }], severity: "red", title: "溃堤" });
        const calm = await tell(own, { to: [{ roster: "flood" }], severity: "yellow", title: "calm" });
        await until("li", () => (of("li") === 2 ? true : undefined));
        const made = await message(own, id);
        assert.equal(Date.parse(made.to[0].goesOnAt) - Date.parse(made.createdAt), 15 * 60_000, "at the stated minute");

        clock.set(14 * 60 + 40); // not yet
        await sleep(2500);
        assert.equal(of("wang"), 0);
        await own.kill();
        clock.set(14 * 60 + 45);
        await own.start();
        await sleep(1500);
        assert.equal(of("wang"), 0, "a restart tells nobody too early");
        await own.kill();
        clock.set(15 * 60 + 1);
        await own.start();
        await until("wang", () => (of("wang") === 1 ? true : undefined));
        assert.equal(of("zhao"), 0);
        clock.set(15 * 60 - 120); // the clock is set back: nobody is told twice
        await sleep(2500);
        clock.set(15 * 60 + 30);
        await sleep(2500);
        await own.kill();
        await own.start();
        await sleep(1500);
        assert.deepEqual([of("li"), of("wang"), of("zhao")], [2, 1, 0]);
        clock.set(30 * 60 + 2);
        await until("zhao", () => (of("zhao") === 1 ? true : undefined));
        clock.set(24 * 3600);
        await sleep(2500);
        assert.deepEqual([of("li"), of("wang"), of("zhao")], [2, 1, 1], "the chain is at its end");
        const m = await message(own, id);
        assert.deepEqual(
            m.people.map((each: Json) => [each.contact, each.step]),
            [
                ["li", 0],
                ["wang", 1],
                ["zhao", 2],
            ],
        );
        assert.equal((await message(own, calm)).people.length, 1, "what is not red goes on to nobody");
        // who reads it ends it
        clock.set(25 * 3600);
        await sleep(1500);
        const second = await tell(own, { to: [{ roster: "flood" }], severity: "red", title: "again" });
        check(await send(own, "POST", `/api/messages/${second}/read?by=stranger`), [400, "BadRequestData"]);
        check(await send(own, "POST", `/api/messages/${second}/read?by=li`), 204);
        await own.kill();
        clock.set(26 * 3600);
        await own.start();
        await sleep(2000);
        const read = await message(own, second);
        assert.equal(read.state, "read");
        assert.equal(read.readBy, "li");
        assert.equal(read.people.length, 1);
        assert.equal(of("wang"), 1);
        await own.stop();
    },
);

test("a clock that is set back an hour delays no deputy", { skip: clockless }, async () => {
    const clock = new Clock(folder());
    const far = await sms("t").open();
    const own = await new Server(folder(), [], clock.env).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    await put(own, "/api/contacts/wang", { addresses: [{ channel: "sms", address: "13800000002" }] });
    await put(own, "/api/contacts/li", {
        addresses: [{ channel: "sms", address: "13800000001" }],
        deputies: ["wang"],
        escalation: { red: 1 },
    });
    const began = Date.now();
    await tell(own, { to: [{ contact: "li" }], severity: "red", title: "t" });
    await sleep(500);
    clock.set(-3600);
    const wang = await until("wang", () => far.got.find((got) => got.body.mobile === "13800000002"), 75_000);
    assert.ok(wang.at - began >= 59_000, `after ${wang.at - began} ms`);
    await own.stop();
});

test("quiet hours hold what is not red until they end", { skip: clockless }, async () => {
    const clock = new Clock(folder());
    const at = (time: string): void => clock.set((Date.parse(`2026-12-01T${time}+08:00`) - Date.now()) / 1000);
    const far = await sms("t").open();
    at("22:30:00");
    const own = await new Server(folder(), [], clock.env).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    await put(own, "/api/contacts/li", {
        zone: "Asia/Shanghai",
        quietHours: [{ from: "22:00", to: "07:00" }],
        addresses: [{ channel: "sms", address: "13800000001" }],
    });
    const calm = await tell(own, { to: [{ contact: "li" }], severity: "orange", title: "calm" });
    const red = await tell(own, { to: [{ contact: "li" }], severity: "red", title: "red" });
    await until("red", async () => ((await message(own, red)).state === "sent" ? true : undefined));
    const waits = await message(own, calm);
    assert.equal(waits.state, "waiting");
    clock.set((Date.parse("2026-12-02T06:59:30+08:00") - Date.now()) / 1000);
    await sleep(2500);
    await own.kill();
    await own.start();
    await sleep(1000);
    assert.equal(far.got.length, 1);
    clock.set((Date.parse("2026-12-02T07:00:01+08:00") - Date.now()) / 1000);
    await until("calm", () => (far.got.length === 2 ? true : undefined));
    assert.match(far.got[1]!.body.content, /calm/);
    await own.stop();
});

test(
    "the roster says who is told: hand-over at the minute, exceptions, nobody, and who reads by the link",
    { skip: clockless },
    async () => {
        const clock = new Clock(folder());
        const to = (time: string): void => clock.set((Date.parse(time) - Date.now()) / 1000);
        const far = await sms("t").open();
        to("2026-11-30T07:59:50+08:00"); // a Monday
        const own = await new Server(folder(), ["--base-url", "http://city.test:8080"], clock.env).start();
        await put(
            own,
            "/api/channels/sms",
            template(
                "sms",
                far.url,
                { token: "t" },
                {
                    body: { token: "{{secret.token}}", mobile: "{{address}}", content: "{{title}} {{link}}" },
                },
            ),
        );
        for (const [n, id] of ["night", "day", "feast"].entries())
            await put(own, `/api/contacts/${id}`, { addresses: [{ channel: "sms", address: `1380000000${n}` }] });
        const days = ["mon", "tue", "wed", "thu", "fri"];
        await put(own, "/api/rosters/r", {
            shifts: [
                { days, from: "08:00", to: "20:00", contact: "day", deputies: ["night"] },
                { days, from: "20:00", to: "08:00", contact: "night" },
            ],
            exceptions: [{ date: "2026-12-02", contact: "feast" }],
        });
        const duty = async (at: string): Promise<Json> =>
            (await own.call("GET", `/api/rosters/r/duty${ask({ at })}`)).json;
        assert.equal(
            (await duty("2026-11-30T23:59:59Z")).contact,
            "night",
            "Tuesday 7:59, of the shift that began on Monday",
        );
        assert.deepEqual(await duty("2026-12-01T00:00:00Z"), {
            roster: "r",
            at: "2026-12-01T00:00:00Z",
            contact: "day",
            deputies: ["night"],
            until: "2026-12-01T12:00:00Z",
        });
        assert.equal((await duty("2026-12-02T04:00:00Z")).contact, "feast");
        assert.equal((await duty("2026-12-04T23:59:00Z")).contact, "night", "Saturday 7:59");
        assert.equal((await duty("2026-12-05T00:00:00Z")).contact, undefined, "Saturday 8:00: nobody");
        check(await own.call("GET", "/api/rosters/r/duty?at=noon"), [400, "BadRequestData"]);
        check(await own.call("GET", "/api/rosters/none/duty"), [404, "ResourceNotFound"]);

        // Monday 7:59: nobody is on duty yet; whoever comes is told
        const early = await tell(own, { to: [{ roster: "r" }], severity: "yellow", title: "early" });
        assert.equal((await message(own, early)).state, "nobody");
        to("2026-11-30T08:01:01+08:00");
        await until("day", () => (far.got.length === 1 ? true : undefined));
        assert.equal(far.got[0]!.body.mobile, "13800000001");

        // red just before the hand-over, unread: who has come on duty is told, not the deputy of who has left
        to("2026-11-30T19:55:00+08:00");
        await sleep(1500);
        const red = await tell(own, { to: [{ roster: "r" }], severity: "red", title: "red" });
        await until("day again", () => (far.got.length === 2 ? true : undefined));
        to("2026-11-30T20:10:05+08:00");
        await until("night", () => (far.got.length === 3 ? true : undefined));
        assert.equal(far.got[2]!.body.mobile, "13800000000");

        const link = new URL(/http:\S+/.exec(far.got[2]!.body.content)![0]);
        assert.equal(link.host, "city.test:8080");
        const page = await own.call("GET", link.pathname + link.search);
        assert.equal(page.status, 200);
        assert.match(page.text, /<button>/);
        await until("sent, and not read: looking is not reading", async () =>
            (await message(own, red)).state === "sent" ? true : undefined,
        );
        const wrong = new URL(link);
        wrong.searchParams.set("key", "0".repeat(32));
        check(await own.call("GET", wrong.pathname + wrong.search), 404);
        const action = /action="([^"]+)"/.exec(page.text)![1]!.replaceAll("&amp;", "&");
        const press = new URL(action, link);
        check(
            await own.call("POST", wrong.pathname.replace("link", "read") + wrong.search, "", {
                "Content-Length": "0",
            }),
            404,
        );
        const pressed = await own.call("POST", press.pathname + press.search, "", {
            "Content-Length": "0",
            "Content-Type": "application/x-www-form-urlencoded",
        });
        assert.equal(pressed.status, 200, pressed.text);
        const done = await message(own, red);
        assert.equal(done.state, "read");
        assert.equal(done.readBy, "night");
        const listed = (await own.call("GET", "/api/messages?state=read&severity=red&contact=night&limit=1")).json;
        assert.deepEqual(
            listed.map((each: Json) => each.id),
            [red],
        );
        await own.stop();
    },
);

test("somebody who cannot be reached is passed over at once; an address takes only what it is for", async () => {
    const far = await sms("t").open();
    const own = await new Server(folder()).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    await put(own, "/api/channels/dead", template("sms", "http://127.0.0.1:1", { token: "t" }, { tries: 2 }));
    await put(own, "/api/contacts/wang", {
        addresses: [{ channel: "sms", address: "13800000002", severities: ["red"] }],
    });
    await put(own, "/api/contacts/li", {
        addresses: [{ channel: "dead", address: "13800000001" }],
        deputies: ["wang"],
    });
    const id = await tell(own, { to: [{ contact: "li" }], severity: "red", title: "t" });
    await until("wang", () => far.got.find((got) => got.body.mobile === "13800000002"));
    const m = await message(own, id);
    assert.equal(m.people[0].addresses[0].state, "failed");
    assert.equal(m.people[0].addresses[0].tries, 2);
    const blue = await tell(own, { to: [{ contact: "wang" }], severity: "blue", title: "t" });
    await until("failed", async () => ((await message(own, blue)).state === "failed" ? true : undefined));
    assert.equal(far.got.length, 1);
    const metrics = (await own.call("GET", "/metrics")).text;
    assert.match(metrics, /jindu_people_escalated_total 1\n/);
    assert.equal(await own.stop(), 0);
});

test("every limit is answered at its edge", async () => {
    const far = await sms("t").open();
    const options = ["--messages-open-max", "3", "--messages-kept", "5", "--people-max", "1", "--batch-max", "4"];
    const own = await new Server(folder(), options).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    check(await send(own, "PUT", "/api/channels/two", { type: "http", url: "http://h/" }), 503);
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }, { tries: 100 }));
    const grouping = { perHour: 100, burst: 100 };
    await put(own, "/api/contacts/c", { grouping, addresses: [{ channel: "sms", address: "13800138000" }] });
    check(await send(own, "PUT", "/api/contacts/d", { addresses: [{ channel: "sms", address: "1" }] }), 503);
    await put(own, "/api/rosters/r", { otherwise: { contact: "c" } });
    check(await send(own, "PUT", "/api/rosters/s", { otherwise: { contact: "c" } }), 503);
    await far.close();
    const note = { to: [{ contact: "c" }], severity: "info", title: "t" };
    const ids = [await tell(own, note), await tell(own, note), await tell(own, { ...note, group: "g" })];
    check(await send(own, "POST", "/api/messages", note), 503);
    assert.equal(await tell(own, { ...note, group: "g" }), ids[2], "one that joins needs no room");
    check(await send(own, "POST", "/api/messages", [note, note, note, note, note]), 413);
    await far.open();
    const settled = async (id: string): Promise<true | undefined> =>
        (await message(own, id)).state === "sent" ? true : undefined;
    for (const id of ids.slice(0, 2)) await until("sent", () => settled(id), 60_000);
    for (let n = 0; n < 12; n++) {
        const id = await until("room", async () => {
            const answer = await send(own, "POST", "/api/messages", { ...note, title: `t${n}` });
            return answer.status === 201 ? (answer.json.id as string) : undefined;
        });
        ids.push(id);
        await until("sent", () => settled(id));
    }
    const kept = await until("the oldest go", async () => {
        const list = (await own.call("GET", "/api/messages")).json as Json[];
        return list.length <= 5 ? list.map((each) => each.id as string) : undefined;
    });
    assert.deepEqual(kept.slice(0, 4), ids.slice(-4).reverse(), "the newest stay, the newest first");
    assert.ok(kept.includes(ids[2]!) || kept[4] === ids.at(-5), "one that is open stays");
    const second = (await own.call("GET", "/api/messages?limit=1&offset=1")).json as Json[];
    assert.deepEqual(
        second.map((each) => each.id),
        [kept[1]],
    );
    assert.equal(await own.stop(), 0);
});

test("many who tell at once, read at once, and change people meanwhile lose nothing", async () => {
    const far = await sms("t").open();
    const own = await new Server(folder()).start();
    await put(own, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    const grouping = { windowSeconds: 1, perHour: 100, burst: 50 };
    const contact = (n: number): Json => ({ grouping, addresses: [{ channel: "sms", address: `1380000000${n}` }] });
    for (let n = 0; n < 4; n++) await put(own, `/api/contacts/c${n}`, contact(n));
    const ids: string[] = [];
    const teller = async (n: number): Promise<void> => {
        for (let k = 0; k < 50; k++) {
            const group = k % 5 ? { group: `g${k % 5}` } : {};
            const id = await tell(own, {
                to: [{ contact: `c${n % 4}` }],
                severity: "red",
                title: `${n}-${k}`,
                ...group,
            });
            ids.push(id);
            if (k % 7 === 0) check(await send(own, "POST", `/api/messages/${id}/read?by=c0`), 204);
        }
    };
    const changer = async (): Promise<void> => {
        for (let k = 0; k < 50; k++) await put(own, `/api/contacts/c${k % 4}`, contact(k % 4));
    };
    const looker = async (): Promise<void> => {
        for (let k = 0; k < 20; k++) assert.equal((await own.call("GET", "/api/messages?limit=10")).status, 200);
    };
    await Promise.all([...Array.from({ length: 8 }, (_, n) => teller(n)), changer(), looker()]);
    const list = (await own.call("GET", "/api/messages?limit=1000")).json as Json[];
    assert.equal(list.length, new Set(ids).size);
    assert.equal(
        list.reduce((sum, each) => sum + (each.count as number), 0),
        400,
        "each telling counts once",
    );
    assert.equal(await own.stop(), 0);
});

test("a full disk keeps no new message, and stops none that was acknowledged", async () => {
    const dir = folder();
    const far = await sms("t").open();
    const first = await new Server(dir).start();
    await put(first, "/api/channels/sms", template("sms", far.url, { token: "t" }));
    await put(first, "/api/contacts/c", { addresses: [{ channel: "sms", address: "13800138000" }] });
    await far.close();
    const note = { to: [{ contact: "c" }], severity: "red", title: "t" };
    const id = await tell(first, note);
    await first.kill();
    await far.open();
    const full = await new Server(dir, ["--min-free", "900T"]).start();
    check(await send(full, "POST", "/api/messages", note), [507, "InternalError"]);
    await until("told", () => (far.got.length > 0 ? true : undefined));
    await full.kill();
    const again = await new Server(dir).start(); // it could not be kept that it was told: it is told again, and settles
    await until("sent", async () => ((await message(again, id)).state === "sent" ? true : undefined));
    assert.equal(((await again.call("GET", "/api/messages")).json as Json[]).length, 1);
    await again.stop();
});
