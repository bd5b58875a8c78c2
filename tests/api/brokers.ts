// A real MQTT broker (Mosquitto) as a process of the test's own, a subscriber at it, a line between that can be cut.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Json } from "./server.ts";

const has = (name: string): boolean => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
/** Why tests with a broker are left out; false: they are not. */
export const without: string | false =
    has("mosquitto") && has("mosquitto_sub") ? false : "mosquitto or mosquitto_sub is not installed";

/** Asks until it holds, ten seconds at most. */
export async function until(what: string, ask: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
    const end = Date.now() + ms;
    while (!(await ask())) {
        assert.ok(Date.now() < end, `${what} did not happen`);
        await pause(20);
    }
}

function isOpen(port: number): Promise<boolean> {
    return new Promise((done) => {
        const socket = connect(port, "127.0.0.1");
        socket.on("connect", () => socket.destroy());
        socket.on("error", () => undefined);
        socket.on("close", (failed) => done(!failed));
    });
}

/** What every Mosquitto has to say at once: who hears it is subscribed. */
const kept = "$SYS/broker/version";

export class Broker {
    #child: ChildProcess | undefined;
    #listeners: ChildProcess[] = [];

    constructor(
        readonly folder: string,
        readonly port: number,
        readonly lines: string[] = ["allow_anonymous true"],
    ) {}

    async start(): Promise<this> {
        const conf = join(this.folder, `mosquitto-${this.port}.conf`);
        const head = ["per_listener_settings false", `listener ${this.port} 127.0.0.1`, "user root"];
        writeFileSync(conf, [...head, ...this.lines, ""].join("\n"));
        this.#child = spawn("mosquitto", ["-c", conf], { stdio: "ignore" });
        await until("the broker's start", () => isOpen(this.port));
        return this;
    }

    /** kill -9: whoever was connected sees the connection break. */
    async kill(): Promise<void> {
        const child = this.#child!;
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    }

    async stop(): Promise<void> {
        for (const each of this.#listeners) each.kill();
        await this.kill();
    }

    /** Messages of a topic from now on, with their QoS. `how`: more of mosquitto_sub's options. */
    async listen(filter: string, how: string[] = []): Promise<Heard> {
        const to = ["-h", "127.0.0.1", "-p", String(this.port), "-q", "2", "-F", "%q %t %p"];
        const child = spawn("mosquitto_sub", [...to, "-t", filter, "-t", kept, ...how], {
            stdio: ["ignore", "pipe", "inherit"],
        });
        this.#listeners.push(child);
        const heard = new Heard(child);
        await until("the subscription", () => heard.ready);
        return heard;
    }
}

export interface Message {
    qos: number;
    topic: string;
    json: Json;
}

export class Heard {
    readonly got: Message[] = [];
    ready = false;

    constructor(child: ChildProcess) {
        let text = "";
        const take = (piece: string): void => {
            text += piece;
            const lines = text.split("\n");
            text = lines.pop()!;
            for (const line of lines) {
                if (line.includes(kept)) this.ready = true;
                const found = /^([012]) (.+?) (\{.*)$/.exec(line);
                if (found) this.got.push({ qos: Number(found[1]), topic: found[2]!, json: JSON.parse(found[3]!) });
            }
        };
        child.stdout!.setEncoding("utf8").on("data", take);
    }

    async count(n: number, ms?: number): Promise<Message[]> {
        await until(`message ${n} (${this.got.length} came)`, () => this.got.length >= n, ms);
        return this.got;
    }
}

/** A line to a broker that can be cut, or silent for a while: `cut` gets each packet type that comes back. */
export class Line {
    connections = 0;
    #held: (() => void)[] | undefined;
    cut: (type: number) => boolean = () => false;
    #server: NetServer;
    #sockets = new Set<Socket>();

    constructor(readonly to: number) {
        this.#server = createServer((near) => {
            this.connections++;
            const far = connect(this.to, "127.0.0.1");
            const both = [near, far];
            for (const each of both) {
                this.#sockets.add(each);
                each.on("error", () => undefined);
                each.on("close", () => both.forEach((other) => other.destroy()));
            }
            near.on("data", (bytes) => far.write(bytes));
            far.on("data", (bytes: Buffer) => {
                if (this.cut(bytes[0]! >> 4)) both.forEach((each) => each.destroy());
                else if (this.#held) this.#held.push(() => near.write(bytes));
                else near.write(bytes);
            });
        });
    }

    async open(): Promise<this> {
        this.#server.listen(0, "127.0.0.1");
        await once(this.#server, "listening");
        return this;
    }

    get port(): number {
        return (this.#server.address() as AddressInfo).port;
    }

    /** What the broker says waits until `release`. */
    hold(): void {
        this.#held = [];
    }

    release(): void {
        this.#held?.forEach((send) => send());
        this.#held = undefined;
    }

    close(): void {
        for (const each of this.#sockets) each.destroy();
        this.#server.close();
    }
}
