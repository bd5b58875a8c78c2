// Runs the program under test as a process of its own, on a folder of its own, and speaks HTTP to it.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const root = resolve(fileURLToPath(import.meta.url), "../../..");
export const binary = process.env["JINDU_BIN"] ?? join(root, "build/jindu");
export const api = "/ngsi-ld/v1";
export const core = "https://uri.etsi.org/ngsi-ld/default-context/";
export const NULL = "urn:ngsi-ld:null";

const contextRel = "http://www.w3.org/ns/json-ld#context";
const readyWithinMs = 60_000;

export type Json = any; // what comes back is compared whole, or looked into by tests that know its shape
export type Headers = Record<string, string>;

export interface Answer {
    status: number;
    headers: Record<string, string | undefined>;
    text: string;
    json: Json;
}

export const linkTo = (url: string): Headers => ({ Link: `<${url}>; rel="${contextRel}"; type="application/ld+json"` });
export const zh: Headers = { "Accept-Language": "zh-CN,zh;q=0.9" };
export const ld: Headers = { Accept: "application/ld+json" };
export const geo: Headers = { Accept: "application/geo+json" };
/** `?name=value&...`, every value percent-encoded. */
export const ask = (params: Record<string, string | number | boolean>): string =>
    "?" +
    Object.entries(params)
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
        .join("&");

function contentType(body: unknown): string {
    const first: unknown = Array.isArray(body) ? body[0] : body;
    const isLd = typeof first === "object" && first !== null && "@context" in first;
    return isLd ? "application/ld+json" : "application/json";
}

/** Runs `jindu COMMAND ...` to its end. */
export function command(...args: string[]): Promise<{ code: number | null; out: string }> {
    return new Promise((done, failed) => {
        const child = spawn(binary, args, {
            stdio: ["ignore", "pipe", "pipe"],
            env: { ...process.env, LANG: "C.UTF-8" },
        });
        let out = "";
        child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.stderr.on("data", (bytes: Buffer) => (out += bytes.toString()));
        child.on("error", failed);
        child.on("close", (code) => done({ code, out }));
    });
}

/** Makes a folder that is removed when the file's tests are done. */
export function folder(): string {
    const path = mkdtempSync(join(tmpdir(), "jindu-api-"));
    after(() => rmSync(path, { recursive: true, force: true }));
    return path;
}

export class Server {
    port = 0;
    log = "";
    #child: ChildProcess | undefined;
    #ended: Promise<number | null> = Promise.resolve(null);
    #agent = new Agent({ keepAlive: true, maxSockets: 64 });
    #tenants = 0;

    constructor(
        readonly data: string,
        readonly options: string[] = [],
        readonly env: Record<string, string> = {},
    ) {}

    get url(): string {
        return `http://127.0.0.1:${this.port}`;
    }

    get pid(): number {
        return this.#child!.pid!;
    }

    /** `port`: the one it had before, for those who wait for it there. */
    async start(port = 0): Promise<this> {
        const args = ["serve", "--open", "--data", this.data, "--listen", `127.0.0.1:${port}`, ...this.options];
        const child = spawn(binary, args, {
            stdio: ["ignore", "pipe", "pipe"],
            env: { ...process.env, LANG: "C.UTF-8", LC_ALL: "C.UTF-8", ...this.env },
        });
        this.#child = child;
        this.log = "";
        this.#ended = new Promise((done) => child.on("close", (code) => done(code)));
        await new Promise<void>((ready, failed) => {
            const timer = setTimeout(
                () => failed(new Error(`the program did not get ready: ${this.log}`)),
                readyWithinMs,
            );
            const take = (bytes: Buffer): void => {
                this.log = (this.log + bytes.toString()).slice(-100_000);
                const found = /answers at http:\/\/127\.0\.0\.1:(\d+)/.exec(this.log);
                if (!found || this.port === Number(found[1])) return;
                this.port = Number(found[1]);
                clearTimeout(timer);
                ready();
            };
            this.port = 0;
            child.stdout.on("data", take);
            child.stderr.on("data", take);
            child.on("error", failed);
            child.on("close", (code) => {
                clearTimeout(timer);
                failed(new Error(`the program ended with ${code}: ${this.log}`));
            });
        });
        return this;
    }

    /** SIGTERM; the exit code. */
    async stop(): Promise<number | null> {
        this.#child?.kill("SIGTERM");
        return this.ended();
    }

    /** kill -9, and waits until it is gone. */
    async kill(): Promise<void> {
        this.#child?.kill("SIGKILL");
        await this.ended();
    }

    signal(name: NodeJS.Signals): void {
        this.#child?.kill(name);
    }

    async ended(): Promise<number | null> {
        const code = await this.#ended;
        this.#agent.destroy();
        this.#agent = new Agent({ keepAlive: true, maxSockets: 64 });
        return code;
    }

    /** Any path; the body is sent as it is. */
    call(method: string, path: string, body?: string | Buffer, headers: Headers = {}): Promise<Answer> {
        return new Promise((done, failed) => {
            const options = { host: "127.0.0.1", port: this.port, method, path, headers, agent: this.#agent };
            const asked = request(options, (answer) => {
                const parts: Buffer[] = [];
                answer.on("data", (part: Buffer) => parts.push(part));
                answer.on("error", failed);
                answer.on("end", () => {
                    const text = Buffer.concat(parts).toString("utf8");
                    const isJson = /json/.test(answer.headers["content-type"] ?? "") && text !== "";
                    done({
                        status: answer.statusCode ?? 0,
                        headers: answer.headers as Answer["headers"],
                        text,
                        json: isJson ? JSON.parse(text) : undefined,
                    });
                });
            });
            asked.on("error", failed);
            asked.end(body);
        });
    }

    /** Bytes as they are, on a connection of their own; what came back until the server closed or `quietMs` passed. */
    raw(bytes: string | Buffer, quietMs = 10_000): Promise<string> {
        return new Promise((done, failed) => {
            let got = "";
            const socket = connect(this.port, "127.0.0.1", () => socket.write(bytes));
            socket.setTimeout(quietMs, () => {
                socket.destroy();
                done(got);
            });
            socket.on("data", (part: Buffer) => (got += part.toString("latin1")));
            socket.on("end", () => done(got));
            socket.on("error", (error) => (got ? done(got) : failed(error)));
        });
    }

    /** A tenant of its own, holding the entities given. */
    async city(...entities: Json[]): Promise<City> {
        const city = new City(this, `t${++this.#tenants}`);
        const first = entities.length > 0 ? entities : [{ id: "urn:x:first", type: "First" }];
        const made = await city.post("/entityOperations/create", first);
        assert.equal(made.status, 201, made.text);
        if (entities.length === 0) await city.del("/entities/urn:x:first");
        return city;
    }
}

/** One tenant of the server; paths stand below /ngsi-ld/v1. */
export class City {
    constructor(
        readonly server: Server,
        readonly tenant: string | undefined,
    ) {}

    call(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
        const all: Headers = this.tenant === undefined ? {} : { "NGSILD-Tenant": this.tenant };
        let bytes: string | undefined;
        if (body !== undefined) {
            bytes = typeof body === "string" ? body : JSON.stringify(body);
            all["Content-Type"] = typeof body === "string" ? "application/json" : contentType(body);
            all["Content-Length"] = String(Buffer.byteLength(bytes));
        }
        return this.server.call(method, api + path, bytes, { ...all, ...headers });
    }
    get(path: string, headers?: Headers): Promise<Answer> {
        return this.call("GET", path, undefined, headers);
    }
    post(path: string, body: unknown, headers?: Headers): Promise<Answer> {
        return this.call("POST", path, body, headers);
    }
    put(path: string, body: unknown, headers?: Headers): Promise<Answer> {
        return this.call("PUT", path, body, headers);
    }
    patch(path: string, body: unknown, headers?: Headers): Promise<Answer> {
        return this.call("PATCH", path, body, headers);
    }
    del(path: string, headers?: Headers): Promise<Answer> {
        return this.call("DELETE", path, undefined, headers);
    }
    /** The entity as it is stored, normalized; undefined when there is none. */
    async entity(id: string, headers?: Headers): Promise<Json> {
        const answer = await this.get(`/entities/${id}`, headers);
        assert.ok(answer.status === 200 || answer.status === 404, answer.text);
        return answer.status === 200 ? answer.json : undefined;
    }
    /** The ids that a query finds, sorted. */
    async ids(params: Record<string, string | number | boolean>, headers?: Headers): Promise<string[]> {
        const answer = await this.get("/entities" + ask(params), headers);
        assert.equal(answer.status, 200, `${JSON.stringify(params)}: ${answer.text}`);
        return (answer.json as { id: string }[]).map((entity) => entity.id).sort();
    }
}

/** A server for the tests of one file; it is stopped, and its folder removed, when they are done. */
export async function serve(...options: string[]): Promise<Server> {
    const server = await new Server(folder(), options).start();
    after(() => server.stop());
    return server;
}

export function sorted<T>(list: T[]): T[] {
    return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** What an answer must be: a status, or [status, error type] for a ProblemDetails of that type. */
export type Want = number | [status: number, error: string];

/** Holds an answer to what is wanted; errors must be ProblemDetails (5.5.3) that name type, title and status. */
export function check(answer: Answer, want: Want, what = ""): void {
    const [status, error] = typeof want === "number" ? [want, undefined] : want;
    assert.equal(answer.status, status, `${what} ${answer.text}`);
    if (status === 204) {
        assert.equal(answer.text, "", what);
        assert.equal(
            answer.headers["content-length"],
            undefined,
            `${what}: a 204 has no Content-Length (RFC 9110 8.6)`,
        );
    }
    if (error === undefined) return;
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/, what);
    problem(answer.json, status, error, what);
}

export function problem(json: Json, status: number, error: string, what = ""): void {
    assert.equal(json.type, `https://uri.etsi.org/ngsi-ld/errors/${error}`, `${what} ${JSON.stringify(json)}`);
    assert.equal(json.status, status, what);
    assert.ok(typeof json.title === "string" && json.title !== "", what);
    assert.ok(typeof json.detail === "string" && json.detail !== "", what);
}
