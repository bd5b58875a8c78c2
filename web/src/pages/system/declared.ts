// Packs as the program shows them (docs/packs.md), beyond what every page needs of them.
import plan from "virtual:plan";
import type { Model, Pack } from "../../lib/city.ts";
import type { Text } from "../../lib/words.ts";
import { say } from "../../words/packs.ts";

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

export interface Proof {
    passed: boolean;
    words: string;
    input: string[];
}
/** The proof that came with this program; undefined: a pack that it does not know. */
export function proofOf(name: string): Proof | undefined {
    const found = plan.packs.find((one) => one.name === name);
    if (!found) return undefined;
    const { proof, input } = found;
    const passed = proof !== null && proof.checks > 0 && proof.noticed === proof.mutations;
    return { passed, words: passed ? say("proved", proof) : say("notProved"), input };
}
