// The test driver: runs the parts of the test suite one after the other, adds up what they counted, and closes with one
// line, "N passed, N failed". A part that crashed, that ran out of time or that counted nothing is a failure.
//
//   node --import tsx tests/run.ts --build build [--sanitizer address|thread]
//       [unit] [lint] [city] [web] [e2e] [link] [warn] [api] [packs]
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { readMeson, readTap, type Count } from "./counts.ts";

const root = resolve(fileURLToPath(import.meta.url), "../..");
process.chdir(root);

const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { build: { type: "string", default: "build" }, sanitizer: { type: "string" } },
});
const build = resolve(values.build ?? "build");
const partMinutes = values.sanitizer ? 60 : 30;

function environment(): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = { ...process.env, JINDU_BIN: join(build, "jindu"), JINDU_ROOT: root, NO_COLOR: "1" };
    delete env["NODE_TEST_CONTEXT"];
    if (values.sanitizer === "address") {
        env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=1:strict_string_checks=1";
        env["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1";
    }
    if (values.sanitizer === "thread") {
        const quiet = join(root, "tests/tsan.supp");
        env["TSAN_OPTIONS"] =
            "halt_on_error=1:second_deadlock_stack=1" + (existsSync(quiet) ? `:suppressions=${quiet}` : "");
    }
    return env;
}

// TSan of gcc 12 cannot place its shadow when the kernel spreads mappings widely; running without that spread helps.
function withoutSpread(command: string, args: string[]): [string, string[]] {
    if (values.sanitizer !== "thread") return [command, args];
    if (spawnSync("setarch", ["-R", "true"]).status !== 0) return [command, args];
    return ["setarch", ["-R", command, ...args]];
}

function runCommand(command: string, args: string[]): { status: number; why: string } {
    const [file, argv] = withoutSpread(command, args);
    const done = spawnSync(file, argv, {
        stdio: ["ignore", "inherit", "inherit"],
        env: environment(),
        timeout: partMinutes * 60_000,
        killSignal: "SIGKILL",
    });
    if (done.error) return { status: 1, why: done.error.message };
    if (done.signal) return { status: 1, why: `ended by ${done.signal}` };
    return { status: done.status ?? 1, why: `exit code ${done.status}` };
}

// What the runner said with its exit code must agree with what was counted.
function settle(count: Count, ended: { status: number; why: string }): Count {
    if (ended.status !== 0 && count.failed === 0) {
        return { ...count, failed: 1, notes: [...count.notes, `the runner failed (${ended.why})`] };
    }
    if (count.passed + count.failed + count.skipped === 0) {
        return { ...count, failed: 1, notes: [...count.notes, "no test was run"] };
    }
    return count;
}

function read(file: string): string {
    return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function mesonPart(): Count {
    const log = join(build, "meson-logs/testlog.json");
    rmSync(log, { force: true });
    const slow = values.sanitizer ? ["-t", "10"] : ["-t", "3"];
    const ended = runCommand("meson", ["test", "-C", build, "--no-rebuild", "--print-errorlogs", ...slow]);
    return settle(readMeson(read(log)), ended);
}

function testFiles(folder: string, suffix: string): string[] {
    const found: string[] = [];
    for (const name of readdirSync(folder).sort()) {
        const path = join(folder, name);
        if (name === "node_modules") continue;
        if (statSync(path).isDirectory()) found.push(...testFiles(path, suffix));
        else if (name.endsWith(suffix)) found.push(path);
    }
    return found;
}

function nodePart(folder: string, suffix = ".test.ts"): Count {
    const files = testFiles(join(root, folder), suffix);
    if (files.length === 0) return { passed: 0, failed: 1, skipped: 0, notes: [`${folder} holds no *${suffix}`] };
    const tap = join(build, `${folder.replaceAll("/", "-")}.tap`);
    mkdirSync(build, { recursive: true });
    rmSync(tap, { force: true });
    const ended = runCommand(process.execPath, [
        "--import",
        "tsx",
        "--test",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=tap",
        `--test-reporter-destination=${tap}`,
        ...files,
    ]);
    return settle(readTap(read(tap), files), ended);
}

const parts: Record<string, () => Count> = {
    unit: mesonPart,
    lint: () => nodePart("tests/lint", ".ts"),
    city: () => nodePart("tests/city"),
    web: () => nodePart("tests/web"),
    e2e: () => nodePart("tests/e2e"),
    link: () => nodePart("tests/link"),
    warn: () => nodePart("tests/warn"),
    api: () => nodePart("tests/api"),
    packs: () => nodePart("tests/packs"),
};

let wanted = Object.keys(parts);
if (positionals.length > 0) {
    const unknown = positionals.filter((name) => !(name in parts));
    if (unknown.length > 0) {
        console.error(`tests/run.ts: no part "${unknown.join('", "')}"; there are: ${wanted.join(", ")}`);
        process.exit(2);
    }
    wanted = positionals;
}
// A part whose folder is not there is not part of this tree.
wanted = wanted.filter((name) => name === "unit" || existsSync(join(root, "tests", name)));

const total: Count = { passed: 0, failed: 0, skipped: 0, notes: [] };
for (const name of wanted) {
    console.log(`\n== ${name}`);
    const count = parts[name]!();
    console.log(`${name}: ${count.passed} ok, ${count.failed} not ok, ${count.skipped} skipped`);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
    total.notes.push(...count.notes.map((note) => `${name}: ${note}`));
}
if (total.notes.length > 0) console.log(`\nFailed:\n${total.notes.map((note) => `  ${note}`).join("\n")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exit(total.failed === 0 ? 0 : 1);
