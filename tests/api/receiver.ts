// Somebody who is told: an HTTP server of the test's own, to which subscriptions send.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Json } from "./server.ts";

export interface Got {
    body: Json;
    headers: IncomingMessage["headers"];
}

/** Somebody who is told: keeps what comes, and answers as `status` says. */
export class Receiver {
    readonly got: Got[] = [];
    status = 200;
    /** How long it takes to answer, ms. */
    slow = 0;
    #server: HttpServer;
    #port = 0;
    #woken: () => void = () => undefined;

    constructor() {
        this.#server = createServer((req, res) => {
            let text = "";
            req.setEncoding("utf8");
            req.on("data", (piece: string) => (text += piece));
            req.on("end", () => {
                if (this.status === 200) this.got.push({ body: JSON.parse(text), headers: req.headers });
                if (this.slow) setTimeout(() => res.writeHead(this.status).end(), this.slow);
                else res.writeHead(this.status).end();
                this.#woken();
            });
        });
    }

    async open(): Promise<this> {
        this.#server.listen(this.#port, "127.0.0.1");
        await once(this.#server, "listening");
        this.#port = (this.#server.address() as AddressInfo).port;
        return this;
    }

    async close(): Promise<void> {
        this.#server.close();
        this.#server.closeAllConnections();
        await once(this.#server, "close");
    }

    endpoint(more: Json = {}): Json {
        return { uri: `http://127.0.0.1:${this.#port}/told`, accept: "application/json", ...more };
    }

    /** Waits until so many have come. */
    async count(n: number, ms = 10_000): Promise<Got[]> {
        const end = Date.now() + ms;
        while (this.got.length < n) {
            assert.ok(Date.now() < end, `${this.got.length} of ${n} came`);
            await new Promise<void>((done) => {
                this.#woken = done;
                setTimeout(done, 50);
            });
        }
        return this.got;
    }
}
