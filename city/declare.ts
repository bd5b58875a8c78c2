// Declares the sample city's links (city/links) at a running program; declaring again changes nothing.
//
//   node --import tsx city/declare.ts [--url http://127.0.0.1:8080]
//
// Where a link's port is taken by another program, another one is chosen, and said.
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { waitFor } from "./api.ts";

export interface Declaration {
    protocol: string;
    listen: string;
    origin: { class: "recorded" | "carried" | "simulated"; from: string };
    maps: unknown[];
    [member: string]: unknown;
}

const folder = new URL("links/", import.meta.url);

/** The links as they stand in city/links, by name. */
export function declarations(): Record<string, Declaration> {
    const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
    const read = (file: string): Declaration => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Declaration;
    return Object.fromEntries(files.sort().map((file) => [file.replace(/\.json$/, ""), read(file)]));
}

export async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    return port;
}

async function put(base: string, name: string, declaration: Declaration): Promise<Response> {
    return fetch(`${base}/api/links/${name}`, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(declaration),
        signal: AbortSignal.timeout(30_000),
    });
}

/** Declares one link; the answer is where it listens. `port` in place of the one that the declaration names. */
export async function declare(base: string, name: string, port?: number): Promise<string> {
    const declaration = declarations()[name]!;
    const listen = port === undefined ? declaration.listen : `127.0.0.1:${port}`;
    const answer = await put(base, name, { ...declaration, listen });
    if (answer.ok) return listen;
    if (answer.status === 409 && port === undefined) return declare(base, name, await freePort());
    throw new Error(`link ${name} was answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
}

async function main(): Promise<void> {
    const { values } = parseArgs({ options: { url: { type: "string", default: "http://127.0.0.1:8080" } } });
    await waitFor(values.url!, 30);
    for (const [name, { listen }] of Object.entries(declarations())) {
        const found = await declare(values.url!, name);
        if (found !== listen) console.log(`link ${name}: ${listen} is taken, so it listens on ${found} / 端口已被占用`);
    }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
