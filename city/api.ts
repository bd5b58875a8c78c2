// Talking to the broker: whole entities in batches, and what it had to say about them.
import { setTimeout as pause } from "node:timers/promises";
import type { Attribute, Entity } from "./ngsi.ts";

/** Where the city's terms are defined; the program knows the file by this address (contexts/index.json). */
export const contextUrl = "http://127.0.0.1:8080/city.jsonld";
export const contextLink = `<${contextUrl}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`;

const batchMax = 200;

export interface Evolution {
    id: string;
    type: string;
    [attribute: string]: Attribute[] | string;
}

interface BatchResult {
    success?: string[];
    errors?: { entityId?: string; error?: { title?: string; detail?: string } }[];
}

/** Creates or changes entities; with `mode` "update" attributes that are not given stay. Answers what was refused. */
export async function upsert(base: string, entities: Entity[], mode: "replace" | "update"): Promise<string[]> {
    const refused: string[] = [];
    for (let at = 0; at < entities.length; at += batchMax) {
        const batch = entities.slice(at, at + batchMax);
        const answer = await fetch(`${base}/ngsi-ld/v1/entityOperations/upsert?options=${mode}`, {
            method: "POST",
            headers: { "Content-Type": "application/json", Link: contextLink },
            body: JSON.stringify(batch),
            signal: AbortSignal.timeout(60_000),
        });
        const body = await answer.text();
        if (answer.status === 201 || answer.status === 204) continue;
        if (answer.status !== 207) throw new Error(`upsert was answered ${answer.status}: ${body.slice(0, 500)}`);
        for (const { entityId, error } of (JSON.parse(body) as BatchResult).errors ?? []) {
            refused.push(`${entityId ?? "?"}: ${error?.title ?? ""} ${error?.detail ?? ""}`.trim());
        }
    }
    return refused;
}

/** Is anything kept of an entity from before a moment? */
export async function hasPast(base: string, id: string, before: number): Promise<boolean> {
    const ask = new URLSearchParams({ timerel: "before", timeAt: new Date(before).toISOString(), lastN: "1" });
    const answer = await fetch(`${base}/ngsi-ld/v1/temporal/entities/${encodeURIComponent(id)}?${ask.toString()}`, {
        headers: { Link: contextLink },
        signal: AbortSignal.timeout(60_000),
    });
    if (answer.status === 404) return false;
    if (!answer.ok) throw new Error(`the past of ${id} was answered ${answer.status}: ${await answer.text()}`);
    const about = ["id", "type", "@context", "createdAt", "modifiedAt"];
    return Object.keys((await answer.json()) as object).some((name) => !about.includes(name));
}

/** Adds to the past of entities: each attribute is a list of its instances. */
export async function remember(base: string, evolutions: Evolution[]): Promise<void> {
    const answer = await fetch(`${base}/ngsi-ld/v1/temporal/entityOperations/upsert`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Link: contextLink },
        body: JSON.stringify(evolutions),
        signal: AbortSignal.timeout(60_000),
    });
    if (answer.status !== 201 && answer.status !== 204)
        throw new Error(`the past was answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
}

/** Waits until the program answers, as long as `seconds`. */
export async function waitFor(base: string, seconds: number): Promise<void> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
        try {
            const answer = await fetch(`${base}/health`, { signal: AbortSignal.timeout(2000) });
            if (answer.ok) return;
        } catch {
            // Not up yet.
        }
        if (Date.now() > until) throw new Error(`nothing answers at ${base}/health`);
        await pause(200);
    }
}
