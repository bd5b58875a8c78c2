// Holds the tree to its order: which room may include which, a README in every folder, files that can be read at one
// sitting, headers that compile alone.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertNone, walk } from "../walk.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");

/** The rooms of src/, lowest first. A file may include its own room and those before it. */
const rooms = [
    "base",
    "warn",
    "series",
    "json",
    "geo",
    "expr",
    "model",
    "table",
    "store",
    "engine",
    "link",
    "told",
    "people",
    "rule",
    "pack",
    "flow",
    "share",
    "stat",
    "ident",
    "plan",
    "auth",
    "http",
    "cmd",
];

const linesMax = 900;
const linesMany = 800;

const files = walk(root);
const sources = files.filter((file) => /^src\/.*\.[ch]$/.test(file));
const text = (file: string): string => readFileSync(join(root, file), "utf8");

/** What the #include lines of one file break; empty when they follow the order. */
export function breaches(file: string, source: string): string[] {
    const found: string[] = [];
    const room = file.split("/")[1] ?? "";
    source.split("\n").forEach((line, at) => {
        const included = /^\s*#\s*include\s*"([^"]+)"/.exec(line)?.[1];
        if (included === undefined) return;
        const other = included.includes("/") ? included.split("/")[0]! : "";
        const where = `${file}:${at + 1}: includes "${included}"`;
        if (other === "" || other.startsWith(".")) found.push(`${where}: write the room, as in "base/buf.h"`);
        else if (!rooms.includes(other)) found.push(`${where}: "${other}" is no room`);
        else if (rooms.indexOf(other) > rooms.indexOf(room)) found.push(`${where}: ${room} stands below ${other}`);
    });
    return found;
}

test("the check of include lines finds what it is for", () => {
    assert.deepEqual(
        breaches("src/json/a.c", '#include "base/buf.h"\n#include <stdio.h>\n#include "json/json.h"\n'),
        [],
    );
    assert.equal(breaches("src/json/a.c", '#include "engine/engine.h"\n').length, 1);
    assert.equal(breaches("src/base/a.c", '  #  include "json/json.h"\n').length, 1);
    assert.equal(breaches("src/json/a.c", '#include "json.h"\n#include "../base/buf.h"\n').length, 2);
    assert.equal(breaches("src/json/a.c", '#include "nowhere/x.h"\n').length, 1);
});

test("include lines follow the order of the rooms", () => {
    assert.ok(sources.length > 0, "no C file was found");
    assertNone(sources.flatMap((file) => breaches(file, text(file))));
});

test("src holds rooms and nothing else", () => {
    const strange = sources.filter((file) => file.split("/").length < 3 || !rooms.includes(file.split("/")[1]!));
    assertNone(strange);
});

test("every folder has a README", () => {
    const folders = new Set<string>();
    for (const file of files) {
        const parts = dirname(file).split("/");
        if (parts[0] === "." || parts[0]!.startsWith(".")) continue;
        // Below a room or a test folder the same README speaks; data folders carry their PROVENANCE instead.
        if (parts[0] === "src" || parts[0] === "tests") {
            if (parts.length > 1) folders.add(parts.slice(0, 2).join("/"));
        } else if (parts[0] !== "docs") folders.add(parts[0]!);
    }
    const without = [...folders].filter((folder) => !existsSync(join(root, folder, "README.md")));
    assertNone(without.sort());
});

test(`no file has more than ${linesMax} lines`, (t) => {
    const long = files
        .filter((file) => /\.(c|h|ts)$/.test(file) && !file.startsWith("city/data/"))
        .map((file) => ({ file, lines: text(file).split("\n").length - 1 }))
        .filter(({ lines }) => lines > linesMany);
    for (const { file, lines } of long) t.diagnostic(`${file} has ${lines} lines: look for the seam`);
    assertNone(long.filter(({ lines }) => lines > linesMax).map(({ file, lines }) => `${file}: ${lines} lines`));
});

test("every header compiles alone", { skip: spawnSync("cc", ["--version"]).status !== 0 && "no C compiler" }, () => {
    const headers = sources.filter((file) => file.endsWith(".h"));
    const flags = [
        "-std=gnu17",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsyntax-only",
        "-I",
        join(root, "src"),
        "-x",
        "c",
    ];
    const broken: string[] = [];
    for (const header of headers) {
        const done = spawnSync("cc", [...flags, "-"], { input: `#include "${header.slice(4)}"\n`, encoding: "utf8" });
        if (done.status !== 0) broken.push(`${header}: ${done.stderr.split("\n").slice(0, 4).join(" | ")}`);
    }
    assertNone(broken);
});

test("the TypeScript is sound", () => {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const vue = join(root, "node_modules/vue-tsc/bin/vue-tsc.js");
    for (const [compiler, project] of [
        [tsc, root],
        [vue, join(root, "web")],
    ] as const) {
        try {
            execFileSync(process.execPath, [compiler, "--noEmit", "-p", project], { encoding: "utf8", stdio: "pipe" });
        } catch (error) {
            assert.fail((error as { stdout: string }).stdout);
        }
    }
});
