// The proof's field: a real MQTT broker (Mosquitto), probes that report to it, and valves that do what they are told.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const patienceMs = 10_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!(await holds())) {
        if (Date.now() > end) throw new Error(`${what} did not happen`);
        await pause(10);
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
const greeting = "$SYS/broker/version";

export class Field {
    /** What each valve was told, in order. */
    readonly told = new Map<string, string[]>();
    #folder = mkdtempSync(join(tmpdir(), "jindu-field-"));
    #children: ChildProcess[] = [];
    #mouths = new Map<string, ChildProcess>();
    #hears = false;

    constructor(readonly port: number) {}

    async start(): Promise<void> {
        const conf = join(this.#folder, "mosquitto.conf");
        const lines = [`listener ${this.port} 127.0.0.1`, "allow_anonymous true", "persistence false"];
        writeFileSync(conf, `${lines.join("\n")}\n`);
        this.#run("mosquitto", ["-c", conf]);
        await until("the start of mosquitto", () => isOpen(this.port));
        const ears = this.#run("mosquitto_sub", [...this.#at(), "-t", "farm/+/set", "-t", greeting, "-F", "%t %p"]);
        let text = "";
        ears.stdout!.setEncoding("utf8").on("data", (piece: string) => {
            const all = (text + piece).split("\n");
            text = all.pop()!;
            for (const line of all) this.#hear(line);
        });
        await until("the valves' subscription", () => this.#hears);
    }

    #at(): string[] {
        return ["-h", "127.0.0.1", "-p", String(this.port), "-q", "1"];
    }

    #run(program: string, args: string[]): ChildProcess {
        const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
        child.on("error", () => undefined); // not installed: what it should do does not happen
        child.stdin!.on("error", () => undefined);
        this.#children.push(child);
        return child;
    }

    #hear(line: string): void {
        if (line.startsWith(greeting)) this.#hears = true;
        const found = /^farm\/([^/]+)\/set (.*)$/.exec(line);
        if (!found) return;
        const word = (JSON.parse(found[2]!) as { valve: string }).valve;
        this.told.set(found[1]!, [...(this.told.get(found[1]!) ?? []), word]);
    }

    /** A message of a device, QoS 1. */
    say(device: string, what: "soil" | "valve", payload: Record<string, unknown>): void {
        const topic = `farm/${device}/${what}`;
        let mouth = this.#mouths.get(topic);
        if (!mouth) this.#mouths.set(topic, (mouth = this.#run("mosquitto_pub", [...this.#at(), "-t", topic, "-l"])));
        mouth.stdin!.write(`${JSON.stringify(payload)}\n`);
    }

    /** What a valve is told next, when it was told `before` things; undefined: nothing within five seconds. */
    async next(valve: string, before: number): Promise<string | undefined> {
        const end = Date.now() + 5_000;
        while ((this.told.get(valve)?.length ?? 0) <= before && Date.now() < end) await pause(5);
        return this.told.get(valve)?.[before];
    }

    async stop(): Promise<void> {
        // The broker last: who is connected to it would try again for ever.
        for (const child of this.#children.reverse()) {
            child.kill();
            if (child.exitCode === null && child.signalCode === null && child.pid) await once(child, "close");
        }
        rmSync(this.#folder, { recursive: true, force: true });
    }
}
