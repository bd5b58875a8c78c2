// A reader of server-sent events, as WHATWG HTML 9.2 has it: what a browser's EventSource does, without coming back by
// itself.
import assert from "node:assert/strict";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { ask, type City, type Headers, type Json, type Server } from "./server.ts";

export interface LiveEvent {
    event: string;
    id: string;
    data: Json;
}

export type Params = Record<string, string | number | boolean>;

const withinMs = 10_000;

export class Watch {
    readonly events: LiveEvent[] = [];
    status = 0;
    headers: IncomingMessage["headers"] = {};
    lastId = "";
    comments = 0;
    ended = false;
    error = "";
    #asked: ClientRequest | undefined;
    #answer: IncomingMessage | undefined;
    #rest = "";
    #type = "";
    #data: string[] = [];
    #woken: () => void = () => undefined;

    /** Opens the line; resolves when the head of the answer is there. */
    static open(server: Server, params: Params = {}, headers: Headers = {}, method = "GET"): Promise<Watch> {
        const watch = new Watch();
        return new Promise((done, failed) => {
            const path = "/api/live" + ask(params);
            const asked = request(
                { host: "127.0.0.1", port: server.port, method, path, headers, agent: false },
                (answer) => {
                    watch.#answer = answer;
                    watch.status = answer.statusCode ?? 0;
                    watch.headers = answer.headers;
                    answer.setEncoding("utf8");
                    answer.on("data", (piece: string) => watch.#take(piece));
                    answer.on("error", (error: Error) => (watch.error = error.message));
                    answer.on("close", () => {
                        watch.ended = true;
                        watch.#woken();
                    });
                    done(watch);
                },
            );
            watch.#asked = asked;
            asked.on("error", (error) => (watch.status ? (watch.error = error.message) : failed(error)));
            asked.end();
        });
    }

    /** The same in a tenant of its own; waits for the first event, which must be the one that is named. */
    static async of(city: City, params: Params = {}, first = "hello", headers: Headers = {}): Promise<Watch> {
        const tenant: Headers = city.tenant === undefined ? {} : { "NGSILD-Tenant": city.tenant };
        const watch = await Watch.open(city.server, params, { ...tenant, ...headers });
        assert.equal(watch.status, 200, watch.#rest);
        const got = await watch.next();
        assert.equal(got.event, first, JSON.stringify(got));
        return watch;
    }

    #take(piece: string): void {
        this.#rest += piece;
        if (this.status !== 200) return;
        for (let end; (end = this.#rest.indexOf("\n")) >= 0; ) {
            const line = this.#rest.slice(0, end);
            this.#rest = this.#rest.slice(end + 1);
            this.#line(line);
        }
        this.#woken();
    }

    #line(line: string): void {
        if (line === "") {
            if (this.#data.length > 0) {
                const data: Json = JSON.parse(this.#data.join("\n"));
                this.events.push({ event: this.#type || "message", id: this.lastId, data });
            }
            this.#type = "";
            this.#data = [];
            return;
        }
        const colon = line.indexOf(":");
        if (colon === 0) this.comments++;
        if (colon < 1) return;
        const name = line.slice(0, colon);
        const value = line.slice(colon + 1).replace(/^ /, "");
        if (name === "data") this.#data.push(value);
        if (name === "event") this.#type = value;
        if (name === "id") this.lastId = value;
    }

    /** What came of an answer that is no stream. */
    async text(): Promise<string> {
        await this.until(() => this.ended);
        return this.#rest;
    }

    async until(holds: () => boolean, what = "", ms = withinMs): Promise<void> {
        const until = Date.now() + ms;
        while (!holds()) {
            const left = until - Date.now();
            if (left <= 0) assert.fail(`not within ${ms} ms: ${what} ${JSON.stringify(this.events.slice(-5))}`);
            await new Promise<void>((go) => {
                const timer = setTimeout(go, Math.min(left, 50));
                this.#woken = () => {
                    clearTimeout(timer);
                    go();
                };
            });
        }
    }

    /** The next event that was not taken. */
    async next(): Promise<LiveEvent> {
        await this.until(() => this.events.length > 0 || this.ended, "an event");
        const got = this.events.shift();
        assert.ok(got, `the line ended: ${this.#rest}`);
        return got;
    }

    /** The next event, as "event id {rest}". */
    async told(): Promise<string> {
        const { event, data } = await this.next();
        const { id, ...rest } = data as { id: string };
        return `${event} ${id} ${JSON.stringify(rest)}`;
    }

    pause(): void {
        this.#answer?.socket.pause();
    }
    resume(): void {
        this.#answer?.socket.resume();
    }
    close(): void {
        this.#asked?.destroy();
    }
}

/** What a page holds: entities by id, kept current by events. */
export class State {
    readonly entities = new Map<string, Json>();

    static null = "urn:ngsi-ld:null";

    load(list: Json[]): void {
        this.entities.clear();
        for (const entity of list) this.entities.set(entity.id, entity);
    }

    apply({ event, data }: LiveEvent): void {
        if (event === "gone" || event === "left") this.entities.delete(data.id);
        if (event !== "entity") return;
        const entity: Json = { ...this.entities.get(data.id), ...data };
        for (const [name, value] of Object.entries(entity)) if (value === State.null) delete entity[name];
        this.entities.set(data.id, entity);
    }

    list(): Json[] {
        return [...this.entities.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    }
}
