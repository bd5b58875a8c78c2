// Runs one pack's proof: as it is, or with a mutation.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { City } from "./city.ts";
import type { Pack } from "./folder.ts";
import type { Check, Proof } from "./types.ts";

export interface Outcome {
    pack: Pack;
    /** Undefined: the input as it is. */
    mutation: string | undefined;
    checks: Check[];
    /** The proof could not be run to its end. */
    error: string | undefined;
    seconds: number;
}

export async function runProof(pack: Pack, jindu: string, mutation?: string): Promise<Outcome> {
    const began = Date.now();
    const outcome: Outcome = { pack, mutation, checks: [], error: undefined, seconds: 0 };
    let city: City | undefined;
    try {
        const proof = (await import(pathToFileURL(join(pack.dir, pack.proof.run)).href)) as Proof;
        // What must come out is that of the input as it is, whatever is done to the input.
        const expected = await proof.expect();
        city = await City.start(pack, jindu);
        await proof.feed(city, mutation);
        outcome.checks = await proof.check(city, expected);
        if (outcome.checks.length === 0) outcome.error = "the proof compared nothing";
    } catch (error) {
        outcome.error = error instanceof Error ? error.message : String(error);
    } finally {
        const why = await city?.stop();
        outcome.error ??= why;
    }
    outcome.seconds = (Date.now() - began) / 1000;
    return outcome;
}

/** Does the outcome say what it should: without a mutation that all holds, with one that something does not? */
export function isWell(outcome: Outcome): boolean {
    if (outcome.error !== undefined) return false;
    const failed = outcome.checks.some((check) => !check.ok);
    return outcome.mutation === undefined ? !failed : failed;
}
