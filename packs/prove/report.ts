// What is said of a proof on the terminal.
import type { Pack } from "./folder.ts";
import { isWell, type Outcome } from "./run.ts";
import type { Check } from "./types.ts";

const text = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing"));
const total = (checks: Check[]): number => checks.reduce((sum, check) => sum + check.values, 0);

export function introduce(pack: Pack): string {
    const { manifest, proof } = pack;
    const title = `${manifest.title.zh} / ${manifest.title.en}`;
    const lines = [`${manifest.system ?? ""} ${manifest.name} ${manifest.version}: ${title}`];
    if (manifest.clause) lines.push(`  clause ${manifest.clause.number}: ${manifest.clause.words}`);
    if (manifest.proves) lines.push(`  proves: ${manifest.proves.en}`, `  证明：${manifest.proves.zh}`);
    for (const input of proof.inputs) {
        const from =
            input.class === "simulated"
                ? `${input.generator ?? ""}, seed ${input.seed ?? ""}${input.origin ? `; ${input.origin}` : ""}`
                : `${input.file ?? ""}; ${input.origin ?? ""}; ${input.licence ?? ""}`;
        lines.push(`  input, ${input.class}: ${from}`);
    }
    return lines.join("\n").trim();
}

export function tell(outcome: Outcome): string {
    const { checks, error, mutation, pack } = outcome;
    const seconds = `${outcome.seconds.toFixed(1)} s`;
    const failed = checks.filter((check) => !check.ok);
    if (mutation !== undefined) {
        const what = pack.proof.mutations.find((one) => one.id === mutation)?.what.en ?? "";
        if (error !== undefined) return `  FAILED: ${mutation} (${what}): the proof did not run: ${error} (${seconds})`;
        if (failed.length === 0) return `  FAILED: the proof does not notice ${mutation}: ${what} (${seconds})`;
        // An alert that differs says more than the reading that was altered.
        const first = failed.find((check) => / alert /.test(check.what)) ?? failed[0]!;
        return (
            `  ok: the proof notices ${mutation}: ${what} (${failed.length} of ${checks.length} checks, ${seconds})\n` +
            `      ${first.what}: expected ${text(first.expected)}, found ${text(first.found)}`
        );
    }
    const lines = checks.map((check) =>
        check.ok
            ? `  ok: ${check.what} (${check.values})`
            : `  FAILED: ${check.what}\n      expected ${text(check.expected)}\n      found    ${text(check.found)}`,
    );
    if (error !== undefined) lines.push(`  FAILED: the proof did not run: ${error}`);
    lines.push(
        `  ${isWell(outcome) ? "proved" : "NOT PROVED"}: ${checks.length - failed.length} of ${checks.length} checks ` +
            `hold, ${total(checks)} values compared (${seconds})`,
    );
    return lines.join("\n");
}

/** The same in a few words, without what differs from run to run. */
export function sum(outcomes: Outcome[]): string {
    const plain = outcomes.find((one) => one.mutation === undefined);
    if (!plain || !isWell(plain)) return "not proved";
    const mutated = outcomes.filter((one) => one.mutation !== undefined);
    const noticed = mutated.filter(isWell).length;
    const values = `${plain.checks.length} checks, ${total(plain.checks)} values`;
    return mutated.length === 0 ? values : `${values}; notices ${noticed} of ${mutated.length} mutations`;
}
