// Proves packs: starts a city of its own for each, installs the pack, sends it real input by the real way, and
// holds what comes out against what must.
//
//   node --import tsx packs/prove.ts --jindu build/jindu NAME... | --all [--mutate [--plan docs/plan.md]]
//
// Exit code 0: all is proved (and, with --mutate, every mutation is noticed); 1: not; 2: the command is wrong.
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { packNames, packsFolder, readPack } from "./prove/folder.ts";
import { plan } from "./prove/plan.ts";
import { introduce, tell } from "./prove/report.ts";
import { isWell, runProof, type Outcome } from "./prove/run.ts";

function wrong(why: string): never {
    console.error(`packs/prove.ts: ${why}\nusage: prove.ts --jindu PROGRAM NAME...|--all [--mutate [--plan FILE]]`);
    process.exit(2);
}

function command(): { jindu: string; names: string[]; mutate: boolean; plan: string | undefined } {
    const options = {
        jindu: { type: "string" },
        all: { type: "boolean", default: false },
        mutate: { type: "boolean", default: false },
        plan: { type: "string" },
    } as const;
    let parsed;
    try {
        parsed = parseArgs({ allowPositionals: true, options });
    } catch (error) {
        wrong((error as Error).message);
    }
    const { values, positionals } = parsed;
    const jindu = resolve(values.jindu ?? join(packsFolder, "../build/jindu"));
    if (!existsSync(jindu)) wrong(`there is no program ${jindu}`);
    if (values.all && positionals.length > 0) wrong("name packs, or give --all");
    const there = packNames();
    const names = values.all ? there : positionals;
    if (names.length === 0) wrong("name a pack, or give --all");
    const unknown = names.filter((name) => !there.includes(name));
    if (unknown.length > 0) wrong(`no pack ${unknown.join(", ")}; there are: ${there.join(", ")}`);
    if (values.plan !== undefined && !(values.all && values.mutate)) {
        wrong("--plan needs --all and --mutate, so that the page is whole");
    }
    return { jindu, names, mutate: values.mutate ?? false, plan: values.plan };
}

const asked = command();
const outcomes: Outcome[] = [];
for (const name of asked.names) {
    const pack = readPack(name);
    console.log(`\n${introduce(pack)}`);
    const mutations = asked.mutate ? pack.proof.mutations.map((one) => one.id) : [];
    for (const mutation of [undefined, ...mutations]) {
        const outcome = await runProof(pack, asked.jindu, mutation);
        outcomes.push(outcome);
        console.log(tell(outcome));
    }
}
if (asked.plan !== undefined) {
    writeFileSync(asked.plan, plan(join(dirname(asked.plan), "plan.systems.json"), outcomes));
    console.log(`\n${asked.plan} is written`);
}
const failed = outcomes.filter((one) => !isWell(one));
console.log(`\n${outcomes.length - failed.length} of ${outcomes.length} runs say what they should`);
process.exit(failed.length === 0 ? 0 : 1);
