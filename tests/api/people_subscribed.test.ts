// Subscriptions that tell people (docs/subscriptions.md, People): what stands in the message, who may not go while he
// is named, and what counts once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FarEnd, sms, template, until } from "./people_far.ts";
import { check, City, folder, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
const city = new City(server, undefined);
const far = await sms("t").open();
const json = { "Content-Type": "application/json" };
async function send(method: string, path: string, body?: Json, to = server): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    return to.call(method, path, text, { ...json, "Content-Length": String(Buffer.byteLength(text)) });
}
async function put(path: string, body: Json, to = server): Promise<void> {
    const answer = await send("PUT", path, body, to);
    assert.ok(answer.status === 201 || answer.status === 204, `${path}: ${answer.status} ${answer.text}`);
}
let mobiles = 13900000000;
async function contact(id: string, more: Json = {}, to = server): Promise<string> {
    const address = String(mobiles++);
    await put(`/api/contacts/${id}`, { addresses: [{ channel: "sms", address }], ...more }, to);
    return address;
}
const came = (address: string, at = far): string[] =>
    at.got.filter((got) => got.body.mobile === address).map((got) => got.body.content as string);

before(async () => {
    await server.start();
    await put("/api/channels/sms", template("sms", far.url, { token: "t" }));
});
after(() => server.stop());

const info = (members: Record<string, string>): Json[] =>
    Object.entries(members).map(([key, value]) => ({ key, value }));
async function subscribe(uri: string, members: Record<string, string>, more: Json = {}): Promise<Answer> {
    const { notification = {}, ...rest } = more;
    return city.post("/subscriptions", {
        type: "Subscription",
        notification: { endpoint: { uri, receiverInfo: info(members) }, ...notification },
        ...rest,
    });
}
async function subscribed(...of: Parameters<typeof subscribe>): Promise<string> {
    const made = await subscribe(...of);
    assert.equal(made.status, 201, made.text);
    return (made.headers["location"] ?? "").split("/").pop() ?? "";
}
const level = (value: Json, unitCode = "MTR"): Json => ({ type: "Property", value, unitCode });
const gauge = (n: number, type: string, attrs: Json): Json => ({ id: `urn:x:${type}:${n}`, type, ...attrs });
async function create(entity: Json): Promise<void> {
    check(await city.post("/entities", entity), 201);
}
async function messageOf(group: string): Promise<Json> {
    return until(`message of ${group}`, async () => {
        const list = (await server.call("GET", `/api/messages?group=${encodeURIComponent(group)}`)).json as Json[];
        return list[0];
    });
}

test("a message says the value and unit of what is watched", async () => {
    const address = await contact("value");
    await subscribed("jindu:contact/value", { group: "v1", title: "River high" }, {
        entities: [{ type: "River" }],
        watchedAttributes: ["waterLevel", "trend"],
        q: "waterLevel>5",
    });
    const trend = { type: "Property", value: "rising" };
    await create(gauge(1, "River", { waterLevel: level(8.42), trend, x: level(1) }));
    const [text] = await until("sms", () => (came(address).length ? came(address) : undefined));
    assert.match(text!, /River high urn:x:River:1: waterLevel 8\.42 m, trend rising$/);
});

test("without watched attributes those of q are said, else the first ones; many entities are cut", async () => {
    await contact("many");
    await subscribed("jindu:contact/many", { group: "m1" }, { entities: [{ type: "Basin" }], q: "depth>5" });
    await subscribed("jindu:contact/many", { group: "m2" }, { entities: [{ type: "Basin" }] });
    const basin = (n: number): Json => gauge(n, "Basin", { depth: level(10 + n, "CMT"), name: level("名") });
    const batch = Array.from({ length: 8 }, (_, n) => basin(n));
    check(await city.post("/entityOperations/create", batch), 201);
    const first = await messageOf("m1"), second = await messageOf("m2");
    assert.match(first.text.en, /^urn:x:Basin:\d: depth 1\d cm\n([^\n]*\n){4}and 3 more entities$/);
    assert.match(first.text.zh, /另有 3 个实体$/);
    assert.match(second.text.en, /^urn:x:Basin:\d: depth 1\d cm, name 名 m\n/);
});

test("templates in title, text and group are filled from the entity", async () => {
    await contact("filled");
    await subscribed(
        "jindu:contact/filled",
        {
            group: "g-{{id}}",
            title: "{{type}} {{ waterLevel }} {{waterLevel.unit}}",
            text: "{{trend}}|{{missing}}|{{count}}|{{label}}|{{near}}",
        },
        { entities: [{ type: "Weir" }] },
    );
    await create(
        gauge(1, "Weir", {
            waterLevel: level(1.5, "KMT"),
            trend: [
                { type: "Property", value: "a\u0000b\nc" },
                { type: "Property", value: "z", datasetId: "urn:d:1" },
            ],
            label: { type: "LanguageProperty", languageMap: { zh: "堰", en: "weir" } },
            near: { type: "Relationship", object: "urn:x:River:1" },
        }),
    );
    const message = await messageOf("g-urn:x:Weir:1");
    assert.equal(message.title.zh, "Weir 1.5 km");
    assert.equal(message.text.zh, "a b c|-|1|堰|urn:x:River:1");
    assert.equal(message.text.en, "a b c|-|1|weir|urn:x:River:1");
});

test("simplified values and GeoJSON are read as well; what is too long is cut between characters", async () => {
    await contact("forms");
    for (const [group, notification] of [
        ["f1", { format: "keyValues" }],
        ["f2", { format: "concise" }],
        ["f3", { accept: "application/geo+json" }],
    ] as const) {
        const { accept, ...more } = notification as Json;
        const endpoint = { uri: "jindu:contact/forms", receiverInfo: info({ group, text: "{{waterLevel}} {{id}}" }) };
        await subscribed("jindu:contact/forms", {}, {
            entities: [{ type: "Ford" }],
            notification: { ...more, endpoint: accept ? { ...endpoint, accept } : endpoint },
        });
    }
    const long = { group: "f4", title: "{{long}}".repeat(9) };
    await subscribed("jindu:contact/forms", long, { entities: [{ type: "Ford" }] });
    await create(gauge(1, "Ford", { waterLevel: level(2), long: level("水".repeat(100)) }));
    for (const group of ["f1", "f2", "f3"]) assert.equal((await messageOf(group)).text.zh, "2 urn:x:Ford:1", group);
    const { title } = await messageOf("f4");
    assert.ok(Buffer.byteLength(title.zh) <= 500 && Buffer.byteLength(title.zh) > 490, title.zh);
    assert.ok(!title.zh.includes("�"));
});

test("templates that cannot be filled are refused, by the name of the member", async () => {
    await contact("strict");
    const refused = async (members: Record<string, string>, word: RegExp, more: Json = {}): Promise<void> => {
        const answer = await subscribe("jindu:contact/strict", members, { entities: [{ type: "T" }], ...more });
        check(answer, [400, "BadRequestData"]);
        const [key] = Object.keys(members);
        assert.equal(answer.json.place, `notification.endpoint.receiverInfo.${key}`);
        assert.match(answer.text, word);
    };
    await refused({ title: "high {{waterLevel" }, /without \}\}/);
    await refused({ text: "{{}}" }, /no name of an attribute/);
    await refused({ group: "{{a b}}" }, /no name of an attribute/);
    const only = (members: Json): Json => ({
        notification: {
            ...members,
            endpoint: { uri: "jindu:contact/strict", receiverInfo: info({ text: "{{b.unit}}" }) },
        },
    });
    for (const members of [{ attributes: ["a"] }, { pick: ["id", "a"] }, { omit: ["b"] }])
        await refused({ text: "" }, /not among the attributes of the notification/, only(members));
    const told = { entities: [{ type: "T" }], ...only({ attributes: ["b"] }) };
    check(await subscribe("jindu:contact/strict", {}, told), 201);
});

test("who is named by a subscription or an open message cannot go; a pause is no new endpoint", async () => {
    const address = await contact("named");
    await contact("duty");
    await put("/api/rosters/named", { otherwise: { contact: "duty" } });
    const gone = (path: string): Promise<Answer> => send("DELETE", path);
    const ids: string[] = [];
    for (const uri of ["jindu:contact/named", "jindu:roster/named"]) {
        const id = await subscribed(uri, { group: uri, severity: "yellow" }, { entities: [{ type: "Named" }] });
        ids.push(id);
        const refused = await gone(`/api/${uri.slice(6).replace("/", "s/")}`);
        check(refused, [409, "Conflict"], uri);
        assert.match(refused.text, new RegExp(`subscription .*${id.replaceAll(":", ".")} still names it`));
    }
    check(await city.patch(`/subscriptions/${ids[0]}`, { isActive: false }), 204);
    check(await gone("/api/contacts/named"), [409, "Conflict"], "paused, it still names him");
    check(await city.patch(`/subscriptions/${ids[0]}`, { isActive: true }), 204);
    await create(gauge(1, "Named", { a: level(1) }));
    await until("sms", () => (came(address).length ? true : undefined));
    for (const id of ids) check(await city.del(`/subscriptions/${id}`), 204);

    // nothing is to be done for the yellow ones any more; a red one waits to be read
    const red = await send("POST", "/api/messages", { to: [{ contact: "named" }], severity: "red", title: "read me" });
    const { id: message } = red.json;
    const open = await gone("/api/contacts/named");
    check(open, [409, "Conflict"]);
    assert.match(open.text, new RegExp(`message ${message} still names it`));
    check(await send("POST", `/api/messages/${message}/read?by=named`), 204);
    check(await gone("/api/contacts/named"), 204);
    check(await gone("/api/rosters/named"), 204);
});

test("a pause or another change of one whose contact is not there any more is taken", async (t) => {
    // two who write at once: the contact may go between the check and the write of the subscription
    let orphan = "";
    for (let n = 0; n < 200 && !orphan; n++) {
        await contact("race");
        const [made, gone] = await Promise.all([
            subscribe("jindu:contact/race", { group: `race-${n}` }, { entities: [{ type: "Race" }] }),
            send("DELETE", "/api/contacts/race"),
        ]);
        const id = (made.headers["location"] ?? "").split("/").pop() ?? "";
        if (made.status === 201 && gone.status === 204) orphan = id;
        else if (made.status === 201) check(await city.del(`/subscriptions/${id}`), 204);
    }
    if (!orphan) {
        t.skip("nobody slipped in between");
        return;
    }
    await create(gauge(1, "Race", { a: level(1) }));
    const why = await server.call("GET", `/api/subscriptions/${orphan}/explain?entity=urn:x:Race:1`);
    assert.equal(why.json.matches, false);
    assert.match(why.json.because, /there is no contact race/);
    check(await city.patch(`/subscriptions/${orphan}`, { isActive: false }), 204);
    check(await city.del(`/subscriptions/${orphan}`), 204);
});

test("explain looks at who would be told", async () => {
    const address = String(mobiles++);
    await put("/api/contacts/deaf", { addresses: [{ channel: "sms", address, severities: ["red"] }] });
    await put("/api/rosters/empty", { shifts: [{ days: ["mon"], from: "00:00", to: "00:01", contact: "deaf" }] });
    await create(gauge(1, "Heard", { a: level(1) }));
    const explained = async (uri: string, severity: string): Promise<Json> => {
        const id = await subscribed(uri, { severity }, { entities: [{ type: "Heard" }] });
        return (await server.call("GET", `/api/subscriptions/${id}/explain?entity=urn:x:Heard:1`)).json;
    };
    assert.equal((await explained("jindu:contact/deaf", "red")).matches, true);
    const orange = await explained("jindu:contact/deaf", "orange");
    assert.equal(orange.matches, false);
    assert.match(orange.because, /no address takes this severity, of contact deaf/);
    const monday = new Date(Date.now() + 8 * 3_600_000);
    if (monday.getUTCDay() === 1 && monday.getUTCHours() === 0) return;
    assert.match((await explained("jindu:roster/empty", "red")).because, /nobody is on duty by roster empty/);
});

test("a message whose person went says so, and whoever is on duty now is told", async () => {
    const first = await contact("leaves");
    const second = await contact("stays");
    await put("/api/rosters/change", { otherwise: { contact: "leaves" }, escalation: { red: 0 } });
    const tell = async (): Promise<Json> =>
        (
            await send("POST", "/api/messages", {
                ...{ to: [{ roster: "change" }], severity: "yellow", group: "leaving", title: "t" },
            })
        ).json;
    const { id } = await tell();
    await until("sms", () => (came(first).length ? true : undefined));
    await put("/api/rosters/change", { otherwise: { contact: "stays" } });
    await until("nothing is to be done", async () =>
        (await send("DELETE", "/api/contacts/leaves")).status === 204 ? true : undefined,
    );
    assert.equal((await tell()).id, id);
    await until("sms", () => (came(second).length ? true : undefined));
    const message = (await server.call("GET", `/api/messages/${id}`)).json;
    const [left, stayed] = message.people;
    assert.deepEqual([left.contact, left.told, left.gone], ["leaves", 1, true], "told of what he was told, no more");
    assert.deepEqual([stayed.contact, stayed.told], ["stays", 2]);
});

test("a telling that comes again counts once, over kill -9 too", { timeout: 120_000 }, async () => {
    const own = await new Server(folder()).start();
    after(() => own.kill()); // whatever failed
    const there = new City(own, undefined);
    const silent = new FarEnd(() => ({ code: 0 }));
    await silent.open();
    await put("/api/channels/sms", template("sms", silent.url, { token: "t" }), own);
    await contact("storm", {}, own);
    const made = await there.post("/subscriptions", {
        type: "Subscription",
        entities: [{ type: "Storm" }],
        notification: { endpoint: { uri: "jindu:contact/storm", receiverInfo: info({ group: "storm" }) } },
    });
    check(made, 201);
    check(await there.post("/entities", gauge(1, "Storm", { n: level(0) })), 201);
    let changes = 1;
    for (let round = 0; round < 8; round++) {
        for (let n = 0; n < 20; n++, changes++)
            check(await there.post("/entities/urn:x:Storm:1/attrs", { n: level(changes) }), 204);
        await new Promise((go) => setTimeout(go, round * 4));
        await own.kill();
        await own.start();
    }
    const count = async (): Promise<number> => {
        const list = (await own.call("GET", "/api/messages?group=storm")).json as Json[];
        assert.ok(list.length <= 1);
        return list[0]?.count ?? 0;
    };
    await until("all were told", async () => ((await count()) >= changes ? true : undefined), 60_000);
    await new Promise((go) => setTimeout(go, 500));
    assert.equal(await count(), changes, "each change once");
    const [message] = (await own.call("GET", "/api/messages?group=storm")).json as Json[];
    assert.ok(!("joined" in message), "how it is known is ours");
    await own.stop();
});

test("the page behind a link says each text once", async () => {
    const pages = new FarEnd(() => ({ code: 0 }));
    await pages.open();
    await put("/api/channels/page", {
        ...{ type: "http", url: `${pages.url}/x`, body: { link: "{{link}}" }, perMinute: 600 },
    });
    await put("/api/contacts/page", {
        ...{ grouping: { windowSeconds: 1 }, addresses: [{ channel: "page", address: "1" }] },
    });
    await subscribed("jindu:contact/page", { group: "page", title: "same title", text: "same text" }, {
        entities: [{ type: "Page" }],
    });
    for (let n = 1; n <= 2; n++) await create(gauge(n, "Page", { a: level(n) }));
    const link = await until("link", () => pages.got[0]?.body.link as string | undefined);
    await until("two", async () => ((await messageOf("page")).count === 2 ? true : undefined));
    const page = await server.call("GET", new URL(link).pathname + new URL(link).search);
    assert.equal(page.status, 200);
    assert.equal(page.text.split("same title").length - 1, 1, page.text);
    assert.equal(page.text.split("same text").length - 1, 1, page.text);
    assert.match(page.text, /2 in all/);
});

test("a test of a channel tells the time that a contact without a zone is told", async () => {
    const clock = new FarEnd(() => ({ code: 0 }));
    await clock.open();
    await put("/api/channels/clock", { type: "http", url: `${clock.url}/x`, body: { time: "{{time}}" } });
    check(await send("POST", "/api/channels/clock/test", { address: "1" }), 200);
    const told = Date.parse(`${clock.got[0]!.body.time.replace(" ", "T")}:00+08:00`);
    assert.ok(Math.abs(told - Date.now()) < 120_000, clock.got[0]!.body.time);
});
