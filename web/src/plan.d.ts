declare module "virtual:plan" {
    import type { Text } from "./lib/words.ts";
    export interface System {
        id: string;
        heads: string[];
        title: Text;
        words: string;
    }
    export interface Proved {
        name: string;
        system?: string;
        title: Text;
        owner?: Text;
        proves?: Text;
        input: string[];
        proof: { checks: number; values: number; noticed: number; mutations: number } | null;
    }
    const plan: { systems: System[]; packs: Proved[] };
    export default plan;
}
