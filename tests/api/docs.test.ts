// What the pages of docs/ tell newcomers to type is typed here as it stands there (on ports of its own): every command
// of the blocks in sh, and the client of live.md while the state is being loaded.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePort } from "../../city/declare.ts";
import { Watch, type Params } from "./events.ts";
import { until } from "./people_far.ts";
import { check, City, folder, root, Server, type Json } from "./server.ts";

const server = new Server(folder(), ["--contexts", join(root, "city/contexts")]);
const city = new City(server, undefined);
const dir = folder();
before(() => server.start());
after(() => server.stop());

function blocks(page: string, language: string): string[] {
    const text = readFileSync(join(root, "docs", page), "utf8");
    return [...text.matchAll(new RegExp("^```" + language + "\n([^]*?)^```", "gm"))].map((found) => found[1]!);
}

/** Runs one block; a command that fails, or an answer of 400 and more, fails. What it left in the background ends. */
class Shell {
    #ports = new Map<string, number>([["8080", server.port]]);

    async run(block: string, enough: (out: string) => boolean = () => true): Promise<string> {
        for (const [, port] of block.matchAll(/(?:127\.0\.0\.1:|listen\()(\d+)/g))
            if (!this.#ports.has(port!)) this.#ports.set(port!, await freePort());
        let script = block;
        for (const [from, to] of this.#ports) 
            script = script.replaceAll(new RegExp(`${from}(?!/city.jsonld)`, "g"), String(to));
        const options = '--noproxy "*" --fail-with-body -sS --retry 5 --retry-connrefused';
        const curl = `curl() { command curl ${options} "$@"; echo; }`;
        const child = spawn("bash", ["-e", "-c", `${curl}\n${script}`], { cwd: dir, detached: true });
        let out = "";
        let code: number | null | undefined;
        child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.stderr.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.on("exit", (ended) => (code = ended));
        try {
            await until(`the end of\n${script}`, () => (code !== undefined && enough(out)) || undefined, 30_000);
        } catch (error) {
            throw new Error(`${String(error)}\ncode ${code}, out: ${out}`);
        } finally {
            try {
                process.kill(-child.pid!, "SIGKILL");
            } catch {
                // nobody was left in the background
            }
        }
        assert.equal(code, 0, `${script}\n${out}`);
        return out;
    }
}

test("docs/people.md, then docs/subscriptions.md: from nothing to a message and a notification", async () => {
    const shell = new Shell();
    const [people] = blocks("people.md", "sh");
    const said = await shell.run(`${people}\nsleep 1`, (out) => out.includes("水位超警"));
    assert.match(said, /"ok":true/, said);
    assert.match(said, /\[红色\] 水位超警|"title":"\[红色\] 水位超警"/, said);
    const [read] = (await server.call("GET", "/api/messages?group=river-1")).json as Json[];
    assert.equal(read.state, "read");

    const [first, ...more] = blocks("subscriptions.md", "sh");
    assert.equal(more.length, 2, "MQTT, and people");
    const out = await shell.run(`${first}\nsleep 1`, (seen) => seen.includes('"type":"Notification"'));
    assert.match(out, /"because":"q does not hold: waterLevel>8","found":\{"waterLevel":7\.9\}/);
    assert.match(out, /"ignored":\[\]/);
    assert.match(out, /"data":\[\{"id":"urn:ngsi-ld:RiverGauge:1","type":"RiverGauge",/);
    assert.match(out, /"waterLevel":\{"type":"Property","value":8\.42,/);
    const set = 'J=http://127.0.0.1:8080; H="Content-Type: application/json"\n';
    for (const block of more) await shell.run(set + block);
    check(await city.patch("/entities/urn:ngsi-ld:RiverGauge:1/attrs/waterLevel", { value: 9 }), 204);
    const message = await until("the roster is told", async () => {
        const all = (await server.call("GET", "/api/messages?severity=red")).json as Json[];
        return all.find((each) => each.group !== "river-1");
    });
    assert.equal(message.title.zh, "urn:ngsi-ld:RiverGauge:1: 9 m");
    assert.equal(message.text.zh, "urn:ngsi-ld:RiverGauge:1: waterLevel 9 m");
});

test("docs/links.md: a link, a frame of a station, its entity; the device is found and claimed", async () => {
    const shell = new Shell();
    const [link, frame, claim] = blocks("links.md", "sh");
    await shell.run(link!);
    // telnet: ends when its two seconds are over, which curl calls a failure
    const out = await shell.run(frame!.replace(/curl (-sm 2 telnet:\S+)/, "(command curl $1 || true)"));
    assert.match(out, /CN=9014/, "the station is answered");
    assert.match(out, /"pm25":\{[^}]*"value":35/);
    const seen = await shell.run(claim!);
    assert.match(seen, /Y80110010000010/);
    const device = (await server.call("GET", "/api/devices/my-air/Y80110010000010")).json;
    assert.notEqual(device.state, "new", JSON.stringify(device));
});

/** What a browser's EventSource does with our streams. */
class Source {
    static last: Source;
    readonly #listeners = new Map<string, (event: { type: string; data: string }) => void>();
    watch: Watch | undefined;
    told = 0;

    constructor(url: string) {
        Source.last = this;
        const params: Params = Object.fromEntries(new URL(url, server.url).searchParams);
        void Watch.open(server, params).then(async (watch) => {
            this.watch = watch;
            while (!watch.ended) {
                const { event, data } = await watch.next().catch(() => ({ event: "end", data: null }));
                this.say(event, data);
            }
        });
    }
    addEventListener(kind: string, fn: (event: { type: string; data: string }) => void): void {
        this.#listeners.set(kind, fn);
    }
    say(kind: string, data: Json): void {
        this.told++;
        this.#listeners.get(kind)?.({ type: kind, data: JSON.stringify(data) });
    }
}

test("docs/live.md: what is told during a load is not lost to its older answer; a reset clears", async () => {
    const [client] = blocks("live.md", "js");
    const origin = "http://127.0.0.1:8080"; // where the context says that it is
    const link = { Link: `<${origin}/city.jsonld>; rel="http://www.w3.org/ns/json-ld#context"` };
    const ship = (n: number, speed: number): Json => ({
        id: `urn:ngsi-ld:Vessel:${n}`,
        type: "Vessel",
        speedOverGround: { type: "Property", value: speed },
    });
    for (const n of [1, 2]) check(await city.post("/entities", ship(n, 1), link), 201);
    let free: () => void = () => undefined;
    let held = 0;
    const late = async (path: string, init: RequestInit): Promise<Response> => {
        const answer = await fetch(server.url + path, init);
        await answer.clone().text(); // the state as it is now; the client has it later
        held++;
        await new Promise<void>((go) => (free = go));
        return answer;
    };
    const make = new Function("EventSource", "fetch", "location", `${client}\nreturn state;`);
    const state = make(Source, late, { origin }) as Map<string, Json>;
    await until("the load is under way", () => held === 1 || undefined);
    const patch = async (n: number, value: number): Promise<void> =>
        check(await city.patch(`/entities/urn:ngsi-ld:Vessel:${n}/attrs/speedOverGround`, { value }, link), 204);
    await patch(1, 2);
    check(await city.del("/entities/urn:ngsi-ld:Vessel:2", link), 204);
    await until("both were told", () => Source.last.told >= 3 || undefined); // hello is the first
    free();
    await until("loaded", () => state.get("urn:ngsi-ld:Vessel:1")?.speedOverGround === 2 || undefined);
    assert.deepEqual([...state.keys()], ["urn:ngsi-ld:Vessel:1"], "the one that went while it was loaded is gone");
    await patch(1, 3);
    await until("told", () => state.get("urn:ngsi-ld:Vessel:1")?.speedOverGround === 3 || undefined);
    state.set("urn:x:stale", {});
    Source.last.say("reset", { reason: "slow" });
    await until("the load is under way", () => held === 2 || undefined);
    free();
    await until("cleared", () => !state.has("urn:x:stale") || undefined);
    assert.equal(state.get("urn:ngsi-ld:Vessel:1").speedOverGround, 3);
    Source.last.watch?.close();
});
