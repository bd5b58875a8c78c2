// Packs and rules as the program shows them (docs/packs.md), beyond what every page needs of them.
import type { Severity } from "../../lib/alerts.ts";
import type { Model, Pack } from "../../lib/city.ts";
import type { Text } from "../../lib/words.ts";
import { say } from "../../words/packs.ts";

/** What docs/plan.md said when the console was built (web/vite.config.ts). */
declare const __PROOFS__: Record<string, { input: string[]; result: string }>;

export interface WholeModel extends Omit<Model, "attributes"> {
    basedOn?: string;
    attributes: Record<
        string,
        Model["attributes"][string] & {
            kind: string;
            type?: string;
            to?: string;
            least?: number;
            most?: number;
            history?: boolean;
        }
    >;
}
interface ProofInput {
    class: "recorded" | "carried" | "simulated";
    file?: string;
    generator?: string;
    origin?: string;
    licence?: string;
}
export interface WholePack extends Pack {
    models: WholeModel[];
    owns?: { links: string[]; mappings: string[]; policies: string[] };
    needs?: { packs?: Record<string, string>; links?: string[] };
    proofs?: { inputs: ProofInput[]; mutations?: { id: string; what: Text }[] }[];
}

export interface RuleRow {
    pack: string;
    id: string;
    kind: "rule" | "derivation";
    type: string;
    title?: Text;
    state: string;
    everySeconds: number;
    judged: number;
    failures: number;
    raised?: number;
    cleared?: number;
    open?: number;
    declaration?: Declaration;
}
export interface Level {
    severity: Severity;
    when: string;
    until?: string;
}
/** rules/*.json; schemas/rule.schema.json. */
export interface Declaration {
    rule?: number;
    derive?: number;
    id: string;
    title?: Text;
    type: string;
    entity?: string;
    where?: string;
    let?: Record<string, string>;
    levels?: Level[];
    attribute?: string;
    value?: string;
    unit?: string;
    every?: string;
    for?: string;
    clearAfter?: string;
    old?: { after: string; count?: boolean };
    unless?: string[];
    evidence?: string[];
    text?: Text;
    category?: string;
    tell?: { contact?: string; roster?: string; atLeast?: Severity }[];
    command?: Record<string, unknown>;
}
export const ruleKey = (rule: { pack: string; id: string }): string => `${rule.pack}/${rule.id}`;

export interface Proof {
    passed: boolean;
    words: string;
    input: string[];
}
/** The proof that came with this program's sources; undefined: a pack that they do not know. */
export function proofOf(name: string): Proof | undefined {
    const found = __PROOFS__[name];
    if (!found) return undefined;
    const figures = /^(\d+) checks, (\d+) values(?:; notices (\d+) of (\d+) mutations)?$/.exec(found.result);
    if (!figures) return { passed: false, words: say("notProved"), input: found.input };
    const [, checks, values, noticed, mutations] = figures;
    return {
        passed: noticed === mutations,
        words:
            mutations === undefined
                ? say("provedPlain", { checks: checks!, values: values! })
                : say("proved", { checks: checks!, values: values!, noticed: noticed!, mutations }),
        input: found.input,
    };
}
