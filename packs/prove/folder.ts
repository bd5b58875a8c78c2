// A pack as it lies on the disk, and a copy of it whose links listen where nobody else does.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Manifest, ProofFile } from "./types.ts";

export const packsFolder = resolve(fileURLToPath(import.meta.url), "../..");

export interface Pack {
    name: string;
    dir: string;
    manifest: Manifest;
    proof: ProofFile;
}

export const packNames = (): string[] =>
    readdirSync(packsFolder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(packsFolder, entry.name, "pack.json")))
        .map((entry) => entry.name)
        .sort();

const json = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));

export function readPack(name: string): Pack {
    const dir = join(packsFolder, name);
    if (!existsSync(join(dir, "pack.json"))) throw new Error(`packs/${name} holds no pack.json`);
    const manifest = json(join(dir, "pack.json")) as Manifest;
    if (!existsSync(join(dir, "proof/proof.json"))) throw new Error(`packs/${name} has no proof`);
    return { name, dir, manifest, proof: json(join(dir, "proof/proof.json")) as ProofFile };
}

/** A port of the loopback address that nobody has now. */
export function freePort(): Promise<number> {
    return new Promise((done, failed) => {
        const server = createServer();
        server.on("error", failed);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address() as { port: number };
            server.close(() => done(port));
        });
    });
}

/**
 * Copies the pack; each link that listens gets a free port in the copy, and so does one that dials the loopback address
 * (what it dials, the proof plays there). Answers the ports by the links' names.
 */
export async function copyOf(pack: Pack): Promise<{ dir: string; ports: Map<string, number> }> {
    const dir = mkdtempSync(join(tmpdir(), "jindu-pack-"));
    cpSync(pack.dir, dir, { recursive: true });
    const ports = new Map<string, number>();
    const links = join(dir, "links");
    for (const file of existsSync(links) ? readdirSync(links) : []) {
        const path = join(links, file);
        const link = json(path) as { listen?: string; dial?: string };
        const way = link.listen !== undefined ? "listen" : "dial";
        if (way === "dial" && !link.dial?.startsWith("127.0.0.1:")) continue;
        const port = await freePort();
        ports.set(file.replace(/\.json$/, ""), port);
        writeFileSync(path, JSON.stringify({ ...link, [way]: `127.0.0.1:${port}` }, null, 2));
    }
    return { dir, ports };
}
