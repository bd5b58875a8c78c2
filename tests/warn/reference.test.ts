// Every point for which the R package surveillance 1.20.3 gave an answer, against ours. The answers stand beside the
// project, not in it; what is compared, and how much agrees, is printed a line a method and series.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../api/server.ts";
import { judge } from "./judge.ts";

const folder = join(process.env["JINDU_SHARED"] ?? join(root, "../shared"), "data/health");
const files = ["surveillance_series.csv", "surveillance_parameters.csv", "surveillance_expected_alarms.csv"];
const there = files.every((file) => existsSync(join(folder, file)));
const skip = there ? false : "the package's answers are not beside the project";

interface Expected {
    index: number;
    upper: number; // NaN: none was given
    alarm: string;
}

const rows = (file: string): string[][] =>
    readFileSync(join(folder, file), "utf8")
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => (line.match(/("[^"]*"|[^,]*)(,|$)/g) ?? []).map((cell) => cell.replace(/,$|"/g, "")));

/** The package's parameters in our words. */
const names: Record<string, string> = {
    baseline: "baseline",
    minSigma: "sigma_min",
    alpha: "alpha",
    b: "years",
    w: "half_width",
    noPeriods: "periods",
    pastWeeksNotIncluded: "past_left_out",
    weightsThreshold: "reweight_above",
    pThresholdTrend: "trend_p",
    reweight: "reweight",
    trend: "trend",
};
const kept: Record<string, string> = { "limit54=5,4": "", "powertrans=2/3": "", "thresholdMethod=nbPlugin": "" };

function parameters(text: string): Record<string, number> {
    const out: Record<string, number> = {};
    for (const word of text.split(" ")) {
        if (word in kept) continue; // these are the usual ones
        const [name, value] = word.split("=") as [string, string];
        assert.ok(name in names, `the parameter ${word} is not known here`);
        out[names[name]!] = value === "TRUE" ? 1 : value === "FALSE" ? 0 : Number(value);
    }
    return out;
}

const methods: Record<string, string> = {
    "EARS-C1": "ears1",
    "EARS-C2": "ears2",
    "EARS-C3": "ears3",
    Farrington: "farrington",
    FarringtonFlexible: "flexible",
};

test("surveillance 1.20.3: every bound and every alarm", { skip }, (t) => {
    const series: Record<string, number[]> = {};
    const perYear: Record<string, number> = {};
    for (const [name, index, observed, , , freq] of rows(files[0]!)) {
        (series[name!] ??= [])[Number(index) - 1] = observed === "" ? NaN : Number(observed);
        perYear[name!] = Number(freq);
    }
    const sets = new Map(rows(files[1]!).map(([set, , text]) => [set!, parameters(text!)]));
    const asked = new Map<string, Expected[]>();
    for (const [name, algorithm, set, index, , upper, alarm] of rows(files[2]!)) {
        const key = `${algorithm},${set},${name}`;
        if (!asked.has(key)) asked.set(key, []);
        asked.get(key)!.push({ index: Number(index), upper: upper === "" ? NaN : Number(upper), alarm: alarm! });
    }
    const wrong: string[] = [];
    let [points, published] = [0, 0];
    for (const [key, expected] of asked) {
        const [algorithm, set, name] = key.split(",") as [string, string, string];
        const method = methods[algorithm]!;
        const given = { ...(method.startsWith("ears") ? {} : { per_year: perYear[name]! }), ...sets.get(set)! };
        const [from, to] = [expected[0]!.index, expected.at(-1)!.index];
        const ours = judge(method, given, series[name]!, from, to);
        const paper = method === "ears3" ? judge(method, { ...given, c3: 1 }, series[name]!, from, to) : [];
        const count = { bound: 0, few: 0, undefined: 0, alarms: 0, worst: 0 };
        for (const want of expected) {
            const have = ours[want.index - from]!;
            const off = Math.abs(have.upper - want.upper);
            const alarm = Number(want.alarm || 0);
            count.alarms += alarm;
            if (have.alarm !== alarm) wrong.push(`${key} ${want.index}: alarm ${have.alarm} instead of ${want.alarm}`);
            if (have.why === "JUDGED" && off <= 1e-6 * Math.max(1, want.upper)) {
                count.bound++; // written with six decimals
                count.worst = Math.max(count.worst, off / Math.max(1, want.upper));
            } else if (have.why === "FEW" && (algorithm === "Farrington" ? want.upper === 0 : Number.isNaN(want.upper)))
                count.few++; // fewer than 5 cases in 4 steps: the package gives 0 (flexible: nothing) for a bound
            else if (have.why === "FLAT" && Number.isNaN(want.upper))
                count.undefined++; // 0 / 0 of a baseline that does not vary
            else wrong.push(`${key} ${want.index}: ${have.why} ${have.upper} instead of ${want.upper}`);
            if (paper.length > 0 && paper[want.index - from]!.alarm !== alarm) published++;
        }
        points += expected.length;
        t.diagnostic(
            `${algorithm} ${name}: ${expected.length} points, ${count.alarms} alarms; ${count.bound} bounds the same ` +
                `(worst ${count.worst.toExponential(1)}), ${count.few} too few cases, ${count.undefined} not defined`,
        );
    }
    t.diagnostic(`${points} points, ${wrong.length} differ; published C3 would decide otherwise at ${published}`);
    assert.ok(points > 10_000, `only ${points} points were compared`);
    assert.deepEqual(wrong.slice(0, 20), []);
});
