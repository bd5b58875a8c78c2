// The carrier: plays the devices of the sample city. It opens connections to the links that declare.ts declared, says
// what is current as frames, waits for the answers, and claims each device once the program knows it. Like the player
// it keeps no state but which reading was said last, so it may be stopped and started at will.
//
//   node --import tsx city/carry.ts [--url http://127.0.0.1:8080]
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { contextLink, upsert, waitFor } from "./api.ts";
import { carriers, type Carrier, type Device, type Due } from "./carriers.ts";
import type { Entity } from "./ngsi.ts";
import type { Address } from "./ways.ts";

interface KnownLink {
    name: string;
    listen?: string;
    state: string;
}

interface KnownDevice {
    device: string;
    entity?: string;
    state: string;
}

async function ask<T>(base: string, path: string): Promise<T> {
    const answer = await fetch(base + path, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`);
    return (await answer.json()) as T;
}

/** Where the program's open links listen, by name. */
export async function openLinks(base: string): Promise<Map<string, Address>> {
    const found = new Map<string, Address>();
    for (const { name, listen, state } of await ask<KnownLink[]>(base, "/api/links")) {
        const [, host, port] = /^(.+):(\d+)$/.exec(listen ?? "") ?? [];
        if (host && port && state === "open") found.set(name, { host, port: Number(port) });
    }
    return found;
}

/** One link's devices: what they said, and which of them are still to be claimed. */
export class Carrying {
    #said = new Map<string, number>();
    #busy = new Set<string>();
    #unclaimed: Map<string, Device>;

    constructor(
        readonly base: string,
        readonly carrier: Carrier,
        readonly complain: (link: string, why: string, device?: string) => void,
    ) {
        this.#unclaimed = new Map(carrier.devices.map((device) => [device.id, device]));
    }

    get unclaimed(): number {
        return this.#unclaimed.size;
    }

    /** Says what is new at `now`, then what has no place in frames, then claims. */
    async turn(now: number): Promise<void> {
        const due = this.carrier
            .due(now)
            .filter(({ device, stamp }) => this.#said.get(device.id) !== stamp && !this.#busy.has(device.id));
        const said = (await Promise.all(due.map((item) => this.#say(item)))).filter((item) => item !== undefined);
        await this.#tellBeside(said);
        if (said.length > 0) await this.#claim();
    }

    async #say(item: Due): Promise<Due | undefined> {
        const { id } = item.device;
        this.#busy.add(id);
        try {
            await item.say();
            this.#said.set(id, item.stamp);
            return item;
        } catch (error) {
            this.complain(this.carrier.link, (error as Error).message, id);
            return undefined;
        } finally {
            this.#busy.delete(id);
        }
    }

    async #tellBeside(said: Due[]): Promise<void> {
        const entities: Entity[] = said
            .filter(({ beside }) => Object.keys(beside).length > 0)
            .map(({ device, beside }) => ({ id: device.entity, type: device.type, ...beside }));
        if (entities.length === 0) return;
        for (const line of await upsert(this.base, entities, "update")) this.complain(this.carrier.link, line);
    }

    /** Devices that the program calls new get what their frames do not say. What somebody refused stays refused. */
    async #claim(): Promise<void> {
        if (this.#unclaimed.size === 0) return;
        const known = await ask<KnownDevice[]>(this.base, `/api/devices?link=${this.carrier.link}`);
        await Promise.all(
            known.map(async ({ device: id, entity, state }) => {
                const device = this.#unclaimed.get(id);
                if (!device || (state === "new" && entity === undefined)) return;
                if (state === "new") await this.#claimOne(device);
                this.#unclaimed.delete(id);
            }),
        );
    }

    async #claimOne({ id, type, claim }: Device): Promise<void> {
        const answer = await fetch(`${this.base}/api/devices/${this.carrier.link}/${id}/claim`, {
            method: "POST",
            headers: { "Content-Type": "application/json", Link: contextLink },
            body: JSON.stringify({ type, ...claim }),
            signal: AbortSignal.timeout(30_000),
        });
        if (!answer.ok) {
            throw new Error(`the claim of ${id} was answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
        }
    }
}

async function main(): Promise<void> {
    const { values } = parseArgs({ options: { url: { type: "string", default: "http://127.0.0.1:8080" } } });
    const base = values.url!;
    process.on("SIGTERM", () => process.exit(0));
    process.on("SIGINT", () => process.exit(0));
    await waitFor(base, 30);
    // Of all devices of a link that fail in one way, the first is named, and no more for the rest of the run.
    const told = new Set<string>();
    const complain = (link: string, why: string, device = ""): void => {
        if (told.has(`${link} ${why}`)) return;
        told.add(`${link} ${why}`);
        console.error(`carry: ${link}${device && ` ${device}`}: ${why}`);
    };
    const all = carriers(await openLinks(base)).map((carrier) => new Carrying(base, carrier, complain));
    for (;;) {
        const now = Date.now();
        await Promise.all(
            all.map((one) => one.turn(now).catch((error: Error) => complain(one.carrier.link, error.message))),
        );
        await pause(1000);
    }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
