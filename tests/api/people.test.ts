// Messages to people (docs/people.md): they come, once they were acknowledged, to whoever has to know, and go on to the
// next when nobody reads them; through a real mail server and stand-ins of published interfaces.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { Clock, dingtalk, faketime, mailPassword, MailServer, sleep, sms, template, until, wecom } from "./people_far.ts";
import { ask, check, folder, Server, type Answer, type Json } from "./server.ts";

const server = new Server(folder());
const mail = new MailServer(folder(), false);
before(async () => {
    await server.start();
    if (MailServer.binary()) await mail.start();
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
const smtp = (): Json => ({ type: "smtp", host: "127.0.0.1", port: mail.port, tls: "none", from: "jindu@city.test", backoffSeconds: 1 });
const without = MailServer.binary() ? false : "exim4 is not installed";

test("a message reaches a contact through a real mail server", { skip: without }, async () => {
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
