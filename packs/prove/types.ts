// What a pack's proof is made of, and what it may ask of the city that was started for it.
import type { City } from "./city.ts";

export interface Words {
    zh: string;
    en: string;
}

/** One comparison: what the city was held against, and what it said. */
export interface Check {
    what: string;
    expected: unknown;
    found: unknown;
    ok: boolean;
    /** How many single values were compared. */
    values: number;
}

/** A pack's proof/run.ts. */
export interface Proof<Expected = unknown> {
    /** Sends the input by the real link or import. With a mutation, one thing of it is altered. */
    feed(city: City, mutation?: string): Promise<void>;
    /** What must come out, from the raw input alone. */
    expect(mutation?: string): Promise<Expected> | Expected;
    /** Holds what the city answers against that. */
    check(city: City, expected: Expected): Promise<Check[]>;
}

export interface Input {
    class: "recorded" | "carried" | "simulated";
    file?: string;
    origin?: string;
    licence?: string;
    generator?: string;
    seed?: number | string;
}

export interface ProofFile {
    proof: 1;
    inputs: Input[];
    run: string;
    mutations: { id: string; what: Words }[];
}

export interface Manifest {
    pack: 1;
    name: string;
    version: string;
    title: Words;
    system?: string;
    clause?: { number: number; words: string };
    owner?: Words;
    proves?: Words;
}
