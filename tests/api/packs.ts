// Packs as tests hold them: names and texts of files, changed as values, and sent.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { root, type Answer, type Headers, type Json, type Server } from "./server.ts";

export type Files = Record<string, string>;

/** The declarations of a folder, as `jindu pack` takes them. */
export function read(dir: string): Files {
    const files: Files = { "pack.json": readFileSync(join(dir, "pack.json"), "utf8") };
    for (const folder of ["links", "mappings", "models", "proof", "rules", "views"]) {
        if (!statSync(join(dir, folder), { throwIfNoEntry: false })) continue;
        for (const name of readdirSync(join(dir, folder))) {
            if (folder === "proof" && name !== "proof.json") continue;
            files[`${folder}/${name}`] = readFileSync(join(dir, folder, name), "utf8");
        }
    }
    return files;
}

/** A copy in which one file's value was changed; `undefined` takes it out. */
export function changed(files: Files, name: string, change: (value: Json) => Json): Files {
    const value: Json = name in files ? JSON.parse(files[name]!) : undefined;
    const next: Json = change(value);
    const copy = { ...files };
    if (next === undefined) delete copy[name];
    else copy[name] = JSON.stringify(next, null, 2);
    return copy;
}

export const withVersion = (files: Files, version: string): Files =>
    changed(files, "pack.json", (pack: Json) => ({ ...pack, version }));

/** The sample, on an address of its own. */
export function sample(version = "1.0.0"): Files {
    const files = read(join(root, "tests/packs/sample"));
    const own = changed(files, "links/sample-air.json", (link: Json) => ({ ...link, listen: "127.0.0.1:0" }));
    return version === "1.0.0" ? own : withVersion(own, version);
}

export async function send(
    to: Server,
    method: string,
    path: string,
    body?: Json,
    headers: Headers = {},
): Promise<Answer> {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const length = { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(text)) };
    return to.call(method, path, text, { ...length, ...headers });
}

export const install = (to: Server, files: Files, query = "", headers: Headers = {}): Promise<Answer> =>
    send(to, "POST", `/api/packs${query}`, { files }, headers);

export async function get(from: Server, path: string): Promise<Json> {
    const answer = await from.call("GET", path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json;
}

export interface Fault {
    file: string;
    line: number;
    column: number;
    path: string;
    reason: string;
}

/** The faults of a refused pack. */
export function faults(answer: Answer): Fault[] {
    assert.equal(answer.status, 400, answer.text);
    assert.ok(Array.isArray(answer.json.faults) && answer.json.faults.length > 0, answer.text);
    return answer.json.faults as Fault[];
}

/** What is there of a pack and beside it: what a change set must change whole. */
export interface City {
    version: string | undefined;
    links: string[];
    mappings: string[];
    policies: string[];
}
export async function city(of: Server, name = "sample"): Promise<City> {
    const packs = (await get(of, "/api/packs")) as { name: string; version: string }[];
    const names = async (path: string, key: string): Promise<string[]> =>
        ((await get(of, path)) as Record<string, string>[]).map((one) => one[key]!).sort();
    return {
        version: packs.find((pack) => pack.name === name)?.version,
        links: await names("/api/links", "name"),
        mappings: await names("/api/mappings", "name"),
        policies: await names("/api/history/policies", "id"),
    };
}
