// Every pack is proved, every mutation of its input is noticed, and docs/plan.md says so. And what proofs themselves
// stand on - the prover, the index of the air, the methods of early warning - is held against what others published.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { course, same, series } from "../../packs/prove/checks.ts";
import { packNames, packsFolder, readPack } from "../../packs/prove/folder.ts";
import { follow, spans } from "../../packs/prove/judge.ts";
import { plan, type System } from "../../packs/prove/plan.ts";
import { tell } from "../../packs/prove/report.ts";
import { isWell, runProof, type Outcome } from "../../packs/prove/run.ts";
import { assertNone, walk } from "../walk.ts";

const root = join(packsFolder, "..");
const jindu = process.env["JINDU_BIN"] ?? join(root, "build/jindu");
const systemsFile = join(root, "docs/plan.systems.json");
const systems = JSON.parse(readFileSync(systemsFile, "utf8")) as System[];
const names = packNames();
/** What others published and may not be passed on lies beside the clone, where it lies at all. */
const beside = (file: string): string | undefined => {
    const path = join(root, "../shared", file);
    return existsSync(path) ? path : undefined;
};

describe("packs are declarations", () => {
    test("there are packs, and no C in them", () => {
        assert.ok(names.length > 0);
        const known = /\.(json|jsonl|geojson|ts|md|csv|nmea|txt|xlsx|gz)$/;
        assertNone(walk(packsFolder).filter((file) => !known.test(file)));
    });

    test("each has a README, says where its data come from, and names its system in the plan's words", () => {
        const missing: string[] = [];
        for (const name of names) {
            const { dir, manifest, proof } = readPack(name);
            if (!existsSync(join(dir, "README.md"))) missing.push(`${name}: README.md`);
            const data = existsSync(join(dir, "data")) ? readdirSync(join(dir, "data")) : [];
            const provenance = data.length > 0 ? readFileSync(join(dir, "data/PROVENANCE.md"), "utf8") : "";
            for (const file of data) {
                if (file !== "PROVENANCE.md" && !provenance.includes(file)) missing.push(`${name}: origin of ${file}`);
            }
            for (const input of proof.inputs) {
                for (const file of [input.file, input.generator]) {
                    if (file !== undefined && !existsSync(join(dir, file))) missing.push(`${name}: ${file}`);
                }
            }
            const system = systems.find((one) => one.id === manifest.system);
            if (!system) missing.push(`${name}: system ${manifest.system} in docs/plan.systems.json`);
            else if (system.words !== manifest.clause?.words) missing.push(`${name}: the plan's words of ${system.id}`);
        }
        assertNone(missing);
    });

    test("jindu pack check finds no fault", () => {
        const done = spawnSync(jindu, ["pack", "check", ...names.map((name) => join(packsFolder, name))], {
            encoding: "utf8",
        });
        assert.equal(done.status, 0, done.stdout + done.stderr);
    });

    test("the list of systems is whole, and its words are the plan's", (t) => {
        assert.deepEqual(
            systems.map((system) => system.id),
            Array.from({ length: 58 }, (_, at) => `S${String(at + 1).padStart(2, "0")}`),
        );
        const policy = beside("policy.zh.txt");
        if (policy === undefined) return t.skip("the plan's text is not here");
        const text = readFileSync(policy, "utf8");
        assertNone(systems.filter((system) => !text.includes(system.words)).map((system) => system.id));
    });
});

describe("the prover", () => {
    const pack = readPack(names[0]!);
    const outcome = (part: Partial<Outcome>): Outcome => ({
        pack,
        mutation: undefined,
        checks: [same("one", 1, 1)],
        error: undefined,
        seconds: 0,
        ...part,
    });

    test("a mutation that nothing notices, or that stops the proof, is a failure", () => {
        assert.equal(isWell(outcome({})), true);
        assert.equal(isWell(outcome({ checks: [same("one", 1, 2)] })), false);
        assert.equal(isWell(outcome({ error: "it broke" })), false);
        assert.equal(isWell(outcome({ mutation: "x" })), false);
        assert.equal(isWell(outcome({ mutation: "x", checks: [same("one", 1, 2)] })), true);
        assert.equal(isWell(outcome({ mutation: "x", checks: [same("one", 1, 2)], error: "it broke" })), false);
    });

    test("comparisons find what is too much, too little and different", () => {
        const a = new Map([
            ["1", 1],
            ["2", 2],
        ]);
        assert.equal(series("s", a, new Map(a)).ok, true);
        assert.equal(series("s", a, new Map([["1", 1]])).ok, false);
        assert.equal(series("s", new Map([["1", 1]]), a).ok, false);
        assert.equal(series("s", a, new Map([...a, ["2", 2.1]])).ok, false);
        assert.equal(series("s", a, new Map([...a, ["2", 2 + 1e-12]]), 1e-9).ok, true);
        assert.equal(series("s", new Map(), new Map()).ok, false, "nothing compared is nothing proved");
        const red = { at: "1", what: "red" };
        assert.equal(course("c", [red], [red]).ok, true);
        assert.equal(course("c", [red], []).ok, false);
        assert.equal(course("c", [], [red]).ok, false);
        assert.equal(course("c", [], []).ok, true);
    });

    test("a rule is followed as docs/packs.md says", () => {
        const levels = [
            { severity: "red", when: (x: number) => x > 20, until: (x: number) => x < 15 },
            { severity: "yellow", when: (x: number) => x > 10, until: (x: number) => x < 5 },
        ];
        const at = (hour: number): string => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();
        const run = (values: number[], clearAfterMs = 0, suppressed = [] as { from: string; to?: string }[]): string =>
            follow({ levels, clearAfterMs }, values.map((x, hour) => ({ at: at(hour), x })), suppressed)
                .map((event) => `${event.what}@${event.at === "released" ? "-" : new Date(event.at).getUTCHours()}`)
                .join(" ");
        assert.equal(run([0, 11, 9, 6, 4, 11]), "yellow@1 cleared@4 yellow@5");
        assert.equal(run([21, 16, 14, 9, 21, 4]), "red@0 yellow@2 red@4 cleared@5");
        assert.equal(run([11, 4, 6, 4, 4, 4], 2 * 3_600_000), "yellow@0 cleared@5", "6 holds what is open");
        const ended = [{ from: at(1), to: at(3) }];
        assert.equal(run([0, 11, 12, 13], 0, ended), "yellow@2", "what was known when the cause ended, with its time");
        assert.equal(run([0, 11, 12, 3], 0, [{ from: at(1) }]), "");
        assert.deepEqual(spans([{ at: "1", what: "red" }, { at: "2", what: "blue" }, { at: "3", what: "cleared" }]), [
            { from: "1", to: "3" },
        ]);
    });

    test("a command that is wrong has exit code 2", () => {
        const prove = (...args: string[]): number | null =>
            spawnSync(process.execPath, ["--import", "tsx", join(packsFolder, "prove.ts"), "--jindu", jindu, ...args], {
                cwd: root,
            }).status;
        assert.equal(prove(), 2);
        assert.equal(prove("no-such-pack"), 2);
        assert.equal(prove(names[0]!, "--plan", "/dev/null"), 2);
        assert.equal(prove("--jindu", "/nowhere", "--all"), 2);
    });
});

describe("what proofs compute is what others published", () => {
    test("the AQI of 300 Chinese stations in one hour", async (t) => {
        const file = beside("data/air/cnemc_2018-02-20T07_yangtze_delta.geojson");
        if (file === undefined) return t.skip("the published hour is not here");
        const { index } = await import("../../packs/air-quality/proof/aqi.ts");
        const number = (text: string): number | undefined => (/^[\d.]+$/.test(text) ? Number(text) : undefined);
        type Station = { properties: Record<string, string> };
        const stations = (JSON.parse(readFileSync(file, "utf8")) as { features: Station[] }).features;
        let [equal, above] = [0, 0];
        for (const { properties: p } of stations) {
            const published = number(p["aqi"]!);
            if (published === undefined || published === 0) continue;
            const raw = { "PM2.5": "pm2_5", PM10: "pm10", SO2: "so2", NO2: "no2", CO: "co", O3: "o3" };
            const hour = Object.entries(raw).flatMap(([pollutant, name]) => {
                const value = number(p[name]!);
                return value === undefined ? [] : [[pollutant, value]];
            });
            const found = index(Object.fromEntries(hour))!;
            if (found.aqi === published) equal++;
            // Up to 50 some were published without their ozone.
            else assert.ok(found.aqi <= 50 && published <= 50, `${p["stationcode"]}: ${found.aqi}, not ${published}`);
            if (published > 50) above++;
        }
        assert.ok(equal >= 300 && above >= 200, `${equal} equal, ${above} above 50`);
    });

    test("EARS and Farrington as the R package surveillance answers", async (t) => {
        const answers = beside("data/health/surveillance_expected_alarms.csv");
        const input = beside("data/health/surveillance_series.csv");
        if (answers === undefined || input === undefined) return t.skip("the package's answers are not here");
        const { earsC1, earsC2, earsC3, farringtonBound } = await import(
            "../../packs/disease-surveillance/proof/methods.ts"
        );
        const counts = new Map<string, { of: (number | undefined)[]; perYear: number }>();
        const rows = (file: string): string[][] =>
            readFileSync(file, "utf8")
                .trim()
                .split("\n")
                .slice(1)
                .map((line) => line.split(","));
        for (const [name, at, count, , , perYear] of rows(input)) {
            if (!counts.has(name!)) counts.set(name!, { of: [], perYear: Number(perYear) });
            counts.get(name!)!.of[Number(at) - 1] = count === "" ? undefined : Number(count);
        }
        const ears = new Map([
            ["EARS-C1", earsC1],
            ["EARS-C2", earsC2],
            ["EARS-C3", earsC3],
        ]);
        const compared = new Map<string, number>();
        for (const [name, method, set, at, observed, upper, alarm] of rows(answers)) {
            // A bound of 0 is the package's word for "too few cases".
            if (upper === "" || (method === "Farrington" && upper === "0")) continue;
            const { of, perYear } = counts.get(name!)!;
            const t = Number(at) - 1;
            const excess = ears.get(method!)?.(of, t);
            const [years, width] = set === "4" ? [3, 3] : [5, 1];
            const bound =
                method === "Farrington"
                    ? farringtonBound(of, t, years!, width!, perYear)?.upper
                    : excess === undefined
                      ? undefined
                      : Number(observed) - excess;
            if (bound === undefined || method === "FarringtonFlexible") continue;
            const where = `${name} ${method} ${at}`;
            const off = Math.abs(bound - Number(upper));
            assert.ok(off <= 1e-4 * Math.max(1, Number(upper)), `${where}: ${bound}, ${upper}`);
            assert.equal(Number(observed) - bound > 1e-6, alarm === "1", where);
            compared.set(method!, (compared.get(method!) ?? 0) + 1);
        }
        for (const [method, least] of [
            ["EARS-C1", 4000],
            ["EARS-C2", 3900],
            ["EARS-C3", 3400],
            ["Farrington", 700],
        ] as const) {
            assert.ok((compared.get(method) ?? 0) >= least, `${method}: ${compared.get(method)}`);
        }
    });
});

describe("proofs", () => {
    const outcomes: Outcome[] = [];
    const prove = async (name: string, mutation?: string): Promise<void> => {
        const outcome = await runProof(readPack(name), jindu, mutation);
        outcomes.push(outcome);
        assert.ok(isWell(outcome), tell(outcome));
    };
    for (const name of names) {
        test(`${name} is proved`, () => prove(name));
        for (const { id, what } of readPack(name).proof.mutations) {
            test(`${name}: the proof notices ${id}: ${what.en}`, () => prove(name, id));
        }
    }

    test("docs/plan.md is what the proofs gave", () => {
        assert.equal(readFileSync(join(root, "docs/plan.md"), "utf8"), plan(systemsFile, outcomes));
    });
});
