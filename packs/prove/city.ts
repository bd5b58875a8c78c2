// A city of its own for one proof: a private server on an empty folder with one pack, and questions to it.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Line } from "../../city/line.ts";
import type { ReadAnswers } from "../../city/frames/bytes.ts";
import type { Event, Series, Value } from "./checks.ts";
import { copyOf, type Pack } from "./folder.ts";

export type Json = any; // answers are looked into by proofs that know their shape

const readyWithinMs = 60_000;
const settledWithinMs = 60_000;
const sdm = "https://smartdatamodels.org/dataModel.Alert/";
const own = "urn:jindu:def:";

export interface Answer {
    status: number;
    text: string;
    json: Json;
}

/** Runs `jindu ARGS` to its end. */
function command(jindu: string, args: string[]): Promise<{ code: number | null; out: string }> {
    return new Promise((done, failed) => {
        const child = spawn(jindu, args, { stdio: ["ignore", "pipe", "pipe"], env: environment() });
        let out = "";
        child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.stderr.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.on("error", failed);
        child.on("close", (code) => done({ code, out }));
    });
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, LANG: "C.UTF-8", LC_ALL: "C.UTF-8" });

export class City {
    url = "";
    #log = "";
    #child: ChildProcess | undefined;
    #ended: Promise<number | null> = Promise.resolve(0);
    #data = mkdtempSync(join(tmpdir(), "jindu-proof-"));
    #copy = "";
    #ports = new Map<string, number>();
    #lines: Line[] = [];

    private constructor(
        readonly pack: Pack,
        readonly jindu: string,
    ) {}

    /** Starts a city and installs the pack in it. */
    static async start(pack: Pack, jindu: string): Promise<City> {
        const city = new City(pack, jindu);
        try {
            await city.#start();
            await city.#install();
            return city;
        } catch (error) {
            await city.stop();
            throw error;
        }
    }

    async #start(): Promise<void> {
        const args = ["serve", "--open", "--data", this.#data, "--listen", "127.0.0.1:0"];
        const child = spawn(this.jindu, args, { stdio: ["ignore", "pipe", "pipe"], env: environment() });
        this.#child = child;
        this.#ended = new Promise((done) => child.on("close", (code) => done(code)));
        await new Promise<void>((ready, failed) => {
            const timer = setTimeout(() => failed(new Error(`the city did not start: ${this.#log}`)), readyWithinMs);
            const take = (bytes: Buffer): void => {
                this.#log = (this.#log + bytes.toString()).slice(-20_000);
                const found = /answers at (http:\/\/127\.0\.0\.1:\d+)/.exec(this.#log);
                if (!found || this.url !== "") return;
                this.url = found[1]!;
                clearTimeout(timer);
                ready();
            };
            child.stdout.on("data", take);
            child.stderr.on("data", take);
            child.on("error", failed);
            child.on("close", (code) => failed(new Error(`the city ended with ${code}: ${this.#log}`)));
        });
    }

    async #install(): Promise<void> {
        const { dir, ports } = await copyOf(this.pack);
        this.#copy = dir;
        this.#ports = ports;
        const done = await command(this.jindu, ["pack", "install", dir, "--server", this.url]);
        if (done.code !== 0) throw new Error(`jindu pack install packs/${this.pack.name}: ${done.out}`);
    }

    /** Undefined when the city stopped as it should; else what it said last. */
    async stop(): Promise<string | undefined> {
        for (const line of this.#lines) line.close();
        this.#child?.kill("SIGTERM");
        const code = await this.#ended;
        rmSync(this.#data, { recursive: true, force: true });
        if (this.#copy !== "") rmSync(this.#copy, { recursive: true, force: true });
        return code === 0 ? undefined : `the city ended with ${code}: ${this.#log.slice(-3000)}`;
    }

    // ---- HTTP

    /** The pack's names as a Link header. */
    get names(): Record<string, string> {
        const url = `${this.url}/api/packs/${this.pack.name}/context.jsonld`;
        return { Link: `<${url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"` };
    }

    async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
        const raw = typeof body === "string" || body === undefined;
        const answer = await fetch(this.url + path, {
            method,
            headers: raw ? headers : { "Content-Type": "application/json", ...headers },
            ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
            signal: AbortSignal.timeout(60_000),
        });
        const text = await answer.text();
        const isJson = /json/.test(answer.headers.get("content-type") ?? "") && text !== "";
        return { status: answer.status, text, json: isJson ? JSON.parse(text) : undefined };
    }

    /** As `call`, but anything other than 2xx is an error. */
    async done(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Json> {
        const answer = await this.call(method, path, body, headers);
        if (answer.status >= 200 && answer.status < 300) return answer.json;
        throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text.slice(0, 1000)}`);
    }

    get(path: string): Promise<Json> {
        return this.done("GET", path, undefined, this.names);
    }

    /** An entity with the pack's names, simplified; undefined when there is none. */
    async entity(id: string): Promise<Json> {
        const path = `/ngsi-ld/v1/entities/${encodeURIComponent(id)}?format=simplified`;
        const answer = await this.call("GET", path, undefined, this.names);
        return answer.status === 200 ? answer.json : undefined;
    }

    /** The same, normalized. */
    async record(id: string): Promise<Json> {
        const path = `/ngsi-ld/v1/entities/${encodeURIComponent(id)}`;
        const answer = await this.call("GET", path, undefined, this.names);
        return answer.status === 200 ? answer.json : undefined;
    }

    query(parameters: Record<string, string>): Promise<Json[]> {
        const ask = new URLSearchParams({ limit: "1000", ...parameters });
        return this.get(`/ngsi-ld/v1/entities?${ask.toString()}`);
    }

    /** All values of an attribute by their observedAt. */
    async temporal(id: string, attribute: string): Promise<Series> {
        const found: Series = new Map();
        const list = await this.#instances(id, attribute, "observedAt", this.names);
        for (const one of list) found.set(one.observedAt as string, one.value as Value);
        return found;
    }

    async #instances(id: string, attribute: string, by: string, headers: Record<string, string>): Promise<Json[]> {
        const ask = new URLSearchParams({
            attrs: attribute,
            timeproperty: by,
            timerel: "after",
            timeAt: "1900-01-01T00:00:00Z",
            options: "sysAttrs",
        });
        const path = `/ngsi-ld/v1/temporal/entities/${encodeURIComponent(id)}?${ask.toString()}`;
        const answer = await this.call("GET", path, undefined, headers);
        if (answer.status === 404) return [];
        // 206 would mean that there is more than one answer holds.
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
        const all = answer.json as Record<string, Json>;
        const about = ["id", "type", "@context", "createdAt", "modifiedAt"];
        const name = Object.keys(all).find((key) => !about.includes(key));
        if (name === undefined) return [];
        return Array.isArray(all[name]) ? (all[name] as Json[]) : [all[name]];
    }

    // ---- alerts

    /** Alerts of the pack, as /api/alerts tells them: simplified. */
    async alerts(parameters: Record<string, string> = {}): Promise<Json[]> {
        const ask = new URLSearchParams({ pack: this.pack.name, limit: "1000", ...parameters });
        return (await this.done("GET", `/api/alerts?${ask.toString()}`)) as Json[];
    }

    alertId(rule: string, entity: string): string {
        return `urn:ngsi-ld:Alert:${this.pack.name}:${rule}:${entity}`;
    }

    /**
     * What an alert did, from its history: each change of its severity at the time of the data that it was judged by,
     * and each time that it was cleared. What came while judged by the clock has no time of the data: "released".
     */
    async course(rule: string, entity: string, isOfData: (at: string) => boolean): Promise<Event[]> {
        const id = this.alertId(rule, entity);
        const [evidence, severities, ends] = await Promise.all([
            this.#instances(id, `${own}evidence`, "modifiedAt", {}),
            this.#instances(id, `${sdm}severity`, "modifiedAt", {}),
            this.#instances(id, `${sdm}validTo`, "modifiedAt", {}),
        ]);
        type Told = { when: string; severity?: string; at?: string; cleared?: boolean };
        const at = (value: Json): string => (typeof value === "object" && value !== null ? value["@value"] : value);
        const told: Told[] = [
            ...severities.filter((one) => one.value !== undefined).map((one) => ({
                when: one.modifiedAt as string,
                severity: one.value as string,
            })),
            ...evidence.filter((one) => one.json?.at !== undefined).map((one) => ({
                when: one.modifiedAt as string,
                at: one.json.at as string,
            })),
            ...ends.filter((one) => one.value !== undefined && typeof at(one.value) === "string").map((one) => ({
                when: one.modifiedAt as string,
                at: at(one.value),
                cleared: true,
            })),
        ];
        // Of one moment, the severity stands before what was written with it.
        told.sort((a, b) => (a.when < b.when ? -1 : a.when > b.when ? 1 : Number(!a.severity) - Number(!b.severity)));
        const events: Event[] = [];
        let severity = "";
        let open = "";
        for (const one of told) {
            if (one.severity !== undefined) severity = one.severity;
            else if (one.cleared) {
                events.push({ at: isOfData(one.at!) ? one.at! : "released", what: "cleared" });
                open = "";
            } else if (open !== severity) {
                events.push({ at: isOfData(one.at!) ? one.at! : "released", what: severity });
                open = severity;
            }
        }
        return events;
    }

    // ---- input

    /** Where a link of the pack listens, or what it dials. */
    port(link: string): number {
        const port = this.#ports.get(link);
        if (port === undefined) throw new Error(`the pack has no link ${link} with a port`);
        return port;
    }

    /** A device's line to a link of the pack. */
    line(link: string, read: ReadAnswers): Line {
        const line = new Line("127.0.0.1", this.port(link), read);
        this.#lines.push(line);
        return line;
    }

    /** Frames one after the other, each sent when the one before was answered; how many were answered well. */
    async sendFrames(line: Line, frames: { bytes: Buffer; key: string }[]): Promise<number> {
        let well = 0;
        for (const { bytes, key } of frames) if ((await line.say(bytes, key))?.ok) well++;
        return well;
    }

    claim(link: string, device: string, body: unknown): Promise<Json> {
        return this.done("POST", `/api/devices/${link}/${encodeURIComponent(device)}/claim`, body, this.names);
    }

    /** A table through a mapping of the pack; its report. */
    importTable(mapping: string, name: string, table: string): Promise<Json> {
        const ask = new URLSearchParams({ mapping, name });
        return this.done("POST", `/api/tables?${ask.toString()}`, table, { "Content-Type": "text/csv" });
    }

    // ---- waiting

    /** Until it holds, at most `seconds`; whether it did. */
    async until(holds: () => Promise<boolean>, seconds = 10): Promise<boolean> {
        const end = Date.now() + seconds * 1000;
        for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
            if (await holds()) return true;
            if (Date.now() > end) return false;
            await pause(wait);
        }
    }

    /** Until an attribute of an entity is of that time, or a later one. */
    reached(id: string, attribute: string, at: string, seconds = 5): Promise<boolean> {
        return this.until(async () => ((await this.record(id))?.[attribute]?.observedAt ?? "") >= at, seconds);
    }

    /** What the rules have to say of themselves in /metrics. */
    async #ruled(): Promise<{ behind: number; all: string }> {
        const text = (await this.call("GET", "/metrics")).text;
        const lines = text.split("\n").filter((line) => /^jindu_(rule|alert)/.test(line));
        const behind = lines.map((line) => /^jindu_rules_behind_groups (\d+)/.exec(line)).find(Boolean)?.[1];
        if (behind === undefined) throw new Error("/metrics has no jindu_rules_behind_groups");
        return { behind: Number(behind), all: lines.join("\n") };
    }

    /** Until nothing is in flight: rules are behind nothing, and nothing of theirs moved for a quarter of a second. */
    async waitSettled(): Promise<void> {
        const end = Date.now() + settledWithinMs;
        let was = "";
        for (let still = 0; still < 5; ) {
            const { behind, all } = await this.#ruled();
            still = behind === 0 && all === was ? still + 1 : 0;
            was = all;
            if (Date.now() > end) throw new Error(`the rules did not settle within a minute:\n${all}`);
            await pause(50);
        }
    }
}
