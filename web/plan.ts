// What the console knows of the plan when it is built: docs/plan.systems.json (every system that the plan asks for, in
// its words), and of each pack in packs/ what it proves and what its proof gave (docs/plan.md, made by the prover).
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const id = "virtual:plan";

interface Manifest {
    name: string;
    system?: string;
    title: object;
    owner?: object;
    proves?: object;
}

export function planOfCity(): { systems: unknown[]; packs: unknown[] } {
    const systems = JSON.parse(readFileSync(join(root, "docs/plan.systems.json"), "utf8")) as unknown[];
    const rows = readFileSync(join(root, "docs/plan.md"), "utf8")
        .split("\n")
        .filter((line) => line.startsWith("| "))
        .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    const packs = readdirSync(join(root, "packs"))
        .filter((name) => existsSync(join(root, "packs", name, "pack.json")))
        .map((name) => {
            const file = join(root, "packs", name, "pack.json");
            const { system, title, owner, proves } = JSON.parse(readFileSync(file, "utf8")) as Manifest;
            // clause, words, system, shows, input, result: between the outer bars.
            const row = rows.find((cells) => cells[4]?.includes(`[${name}](`));
            const [input, result] = [row?.[5] ?? "", row?.[6] ?? ""];
            const counted = /(\d+) checks, (\d+) values; notices (\d+) of (\d+) mutations/.exec(result);
            const proof = counted && {
                checks: Number(counted[1]),
                values: Number(counted[2]),
                noticed: Number(counted[3]),
                mutations: Number(counted[4]),
            };
            return { name, system, title, owner, proves, input: input.split(", ").filter(Boolean), proof };
        });
    return { systems, packs };
}

export const plan = (): Plugin => ({
    name: "plan",
    resolveId: (asked) => (asked === id ? `\0${id}` : undefined),
    load(asked) {
        if (asked !== `\0${id}`) return undefined;
        this.addWatchFile(join(root, "docs/plan.md"));
        return `export default ${JSON.stringify(planOfCity())};`;
    },
});
