// What the tests of links share: declarations of two protocols, and devices that speak them on lines of their own.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { digits8, type Answer, type ReadAnswers } from "../../city/frames/bytes.ts";
import * as hj212 from "../../city/frames/hj212.ts";
import * as jt808 from "../../city/frames/jt808.ts";
import type { Json, Server } from "./server.ts";

const epoch = Date.UTC(2026, 2, 1);

/** A port of 127.0.0.1 that nobody has. */
export async function freePort(): Promise<number> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    return port;
}

/** A protocol as these tests use it: frame number n of a device says n, n seconds after an epoch. */
export interface Speech {
    protocol: string;
    link: (port: number, more?: Json) => Json;
    /** A name that a device of this protocol may have, from a small number. */
    device: (no: number) => string;
    entity: (device: string) => string;
    frame: (device: string, n: number) => Buffer;
    /** By what the answer to frame n names it. */
    key: (n: number) => string;
    read: ReadAnswers;
}

export const at = (n: number): string => new Date(epoch + n * 1000).toISOString().replace(".000", "");
export const numberAt = (time: string): number => (Date.parse(time) - epoch) / 1000;

const origin = { class: "simulated", from: "tests/api" };

export const air: Speech = {
    protocol: "hj212",
    link: (port, more = {}) => ({
        protocol: "hj212",
        listen: `127.0.0.1:${port}`,
        origin,
        maps: [
            {
                mapping: 1,
                skip: { CN: { not: ["2011"] } },
                time: { column: "CP.DataTime", form: "%Y%m%d%H%M%S", zone: "+08:00" },
                entity: { type: "Station", id: "urn:x:air:{MN|lower}" },
                attributes: { n: "CP.a34004-Rtd", half: { column: "CP.a34004-Rtd", factor: 0.5 } },
            },
        ],
        ...more,
    }),
    device: (no) => `A321100000${String(no).padStart(6, "0")}`,
    entity: (device) => `urn:x:air:${device.toLowerCase()}`,
    frame: (device, n) => hj212.realTime(device, epoch + n, epoch + n * 1000, { a34004: String(n) }),
    key: (n) => digits8(epoch + n),
    read: hj212.readAnswers,
};

/** Where a bus is at its n-th frame: no two are alike, and all lie in Zhenjiang. */
const place = (n: number): { lat: number; lon: number } => ({
    lat: 32.1 + (n % 1000) / 1e4,
    lon: 119.4 + (Math.floor(n / 1000) % 1000) / 1e4,
});

const four = (n: number): Buffer => {
    const out = Buffer.alloc(4);
    out.writeUInt32BE(n);
    return out;
};

export const bus: Speech = {
    protocol: "jt808",
    link: (port, more = {}) => ({
        protocol: "jt808",
        listen: `127.0.0.1:${port}`,
        origin,
        maps: [
            {
                mapping: 1,
                time: { column: "time", form: "iso" },
                entity: { type: "Bus", id: "urn:x:bus:{phone}" },
                attributes: {
                    n: { column: "mileage_km", factor: 10 },
                    half: { column: "mileage_km", factor: 5 },
                    location: { as: "point", longitude: "lon", latitude: "lat" },
                },
            },
        ],
        ...more,
    }),
    device: (no) => `0135${String(no).padStart(8, "0")}`,
    entity: (device) => `urn:x:bus:${device}`,
    frame: (device, n) =>
        jt808.location(device, n % 65536, {
            alarm: 0,
            status: 3,
            ...place(n),
            altitudeM: 10,
            speedKmh: 36.5,
            direction: n % 360,
            at: epoch + n * 1000,
            items: [[1, four(n)]],
        }),
    key: (n) => String(n % 65536),
    read: jt808.readAnswers,
};

/** Any of those events; errors are told by "close". */
export const either = (socket: Socket, ...events: string[]): Promise<void> =>
    new Promise((done) => {
        for (const event of events) socket.once(event, () => done());
    });

/** One connection. Answers are kept by what they answer. */
export class Line {
    readonly answers = new Map<string, Answer>();
    readonly closed: Promise<void>;
    isOpen = true;
    answered = 0;
    #rest: Buffer = Buffer.alloc(0);
    #waiting = new Map<string, () => void>();

    private constructor(
        readonly socket: Socket,
        read: ReadAnswers,
    ) {
        socket.setNoDelay(true);
        socket.on("error", () => undefined); // being cut off is what these tests are about
        this.closed = new Promise((done) => socket.on("close", () => done()));
        void this.closed.then(() => {
            this.isOpen = false;
            for (const wake of this.#waiting.values()) wake();
        });
        socket.on("data", (bytes: Buffer) => {
            this.#rest = Buffer.concat([this.#rest, bytes]);
            const { answers, used } = read(this.#rest);
            this.#rest = this.#rest.subarray(used);
            for (const answer of answers) {
                this.answered++;
                this.answers.set(answer.key, answer);
                this.#waiting.get(answer.key)?.();
            }
        });
    }

    static async dial(port: number, read: ReadAnswers): Promise<Line> {
        const socket = connect(port, "127.0.0.1");
        const line = new Line(socket, read);
        await either(socket, "connect", "close");
        return line;
    }

    send(bytes: Buffer | string): void {
        if (this.isOpen) this.socket.write(bytes);
    }

    /** The answer of that key, taken out; undefined when the line was closed before it came. */
    async answer(key: string): Promise<Answer | undefined> {
        if (!this.answers.has(key) && this.isOpen) {
            await new Promise<void>((done) => this.#waiting.set(key, done));
            this.#waiting.delete(key);
        }
        const answer = this.answers.get(key);
        this.answers.delete(key);
        return answer;
    }

    async close(): Promise<void> {
        this.socket.destroy();
        await this.closed;
    }
}

export async function declare(server: Server, name: string, link: Json, status = 201): Promise<void> {
    const answer = await server.call("PUT", `/api/links/${name}`, JSON.stringify(link), {
        "Content-Type": "application/json",
    });
    assert.equal(answer.status, status, answer.text);
}

/** What GET /api/links/NAME says. */
export async function counts(server: Server, name: string): Promise<Json> {
    const answer = await server.call("GET", `/api/links/${name}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

/** Asks again until `holds` is true of the link's counts, at most ten seconds. */
export async function until(server: Server, name: string, holds: (counts: Json) => boolean): Promise<Json> {
    const end = Date.now() + 10_000;
    for (;;) {
        const now = await counts(server, name);
        if (holds(now)) return now;
        assert.ok(Date.now() < end, `the counts of ${name} stay at ${JSON.stringify(now)}`);
        await new Promise((done) => setTimeout(done, 20));
    }
}
