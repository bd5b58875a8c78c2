// docs/plan.md: what the plan asks for, and which of it is proved. Made from docs/plan.systems.json (every system that
// the plan asks for, with the plan's own words), the packs' manifests and proofs, and what their runs gave.
import { readFileSync } from "node:fs";
import { packNames, readPack, type Pack } from "./folder.ts";
import { sum } from "./report.ts";
import type { Outcome } from "./run.ts";
import type { Words } from "./types.ts";

export interface System {
    id: string;
    /** Heads of the plan: "1" to "16", "s1" to "s5" (safeguards), "general". */
    heads: string[];
    title: Words;
    /** The plan's own. */
    words: string;
}

const headOf = (head: string): string =>
    head === "general" ? "general / 总体要求" : head.startsWith("s") ? `safeguard ${head.slice(1)} / 保障措施` : head;
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const classes = (pack: Pack): string[] => pack.proof.inputs.map((input) => input.class);

export function plan(systemsFile: string, outcomes: Outcome[]): string {
    const systems = JSON.parse(readFileSync(systemsFile, "utf8")) as System[];
    const packs = packNames().map(readPack);
    const result = (pack: Pack): string => {
        const of = outcomes.filter((one) => one.pack.name === pack.name);
        return of.length > 0 ? sum(of) : "not run";
    };
    const shows = ({ name, manifest: { proves } }: Pack): string =>
        `[${name}](../packs/${name}/README.md): ${proves?.en ?? ""}<br>${proves?.zh ?? ""}`;
    let proved = 0;
    const rows = systems.map((system) => {
        // A system may have more than one pack.
        const of = packs.filter((pack) => pack.manifest.system === system.id);
        const results = of.map(result);
        if (results.some((text) => !text.startsWith("not"))) proved++;
        return [
            system.heads.map(headOf).join(", "),
            system.words,
            `${system.id} ${system.title.zh}<br>${system.title.en}`,
            of.map(shows).join("<br>"),
            [...new Set(of.flatMap(classes))].join(", "),
            results.length > 0 ? results.join("<br>") : "no pack yet",
        ];
    });
    return [
        "# The plan, system by system",
        "",
        "The city's plan for its digital economy (镇江市, 2021-07-30) has sixteen clauses and five safeguards. They ask",
        `for the systems below, ${systems.length} by our count. A system works when its proof runs from real input to`,
        "what can be seen, through the program as it is released.",
        `${proved} of ${systems.length} have such a proof today; it says which part it shows, and no more.`,
        "",
        "`node --import tsx packs/prove.ts --jindu build/jindu --all --mutate --plan docs/plan.md` makes this page.",
        "Classes of input: *recorded* (as it was), *carried* (real values, in frames by our encoder), *simulated*.",
        "",
        "| clause | words of the plan | system | what its proof shows | input | result |",
        "|---|---|---|---|---|---|",
        ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`),
        "",
    ].join("\n");
}
