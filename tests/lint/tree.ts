// What must not stand anywhere in the tree.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertNone, walk } from "../walk.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const files = walk(root);
const lines = (file: string): string[] => readFileSync(join(root, file), "utf8").split("\n");

/** Every line of the chosen files that the pattern finds, as "file:line: text". */
function hits(choose: RegExp, pattern: RegExp, except?: RegExp): string[] {
    return files
        .filter(
            (file) =>
                choose.test(file) &&
                !file.startsWith("tests/lint/") &&
                file !== "tests/counts.ts" &&
                !file.startsWith("city/data/"),
        )
        .flatMap((file) =>
            lines(file)
                .map((line, at) => ({ line, where: `${file}:${at + 1}` }))
                .filter(({ line }) => pattern.test(line) && !except?.test(line))
                .map(({ line, where }) => `${where}: ${line.trim().slice(0, 120)}`),
        );
}

test("no C function without a bound", () => {
    assertNone(hits(/^src\/.*\.[ch]$/, /\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|alloca)\s*\(/));
});

test("no promise is left in the code", () => {
    assertNone(hits(/\.(c|h|ts|vue|sh|css|html)$/, /\b(TODO|FIXME|XXX|HACK)\b/));
});

test("no line is over 120 columns in code", () => {
    const long = files
        .filter((file) => /^(src|city|web|tests|packs)\/.*\.(c|h|ts|vue|css)$/.test(file))
        // A text stays on its line, however long: who translates must see it whole.
        .filter((file) => !/^(city\/data|web\/src\/words)\//.test(file))
        .flatMap((file) => lines(file).map((line, at) => ({ where: `${file}:${at + 1}`, columns: [...line].length })))
        .filter(({ columns }) => columns > 120);
    assertNone(long.map(({ where, columns }) => `${where}: ${columns} columns`));
});

test("the lock file names no registry host", () => {
    const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
        packages: Record<string, { resolved?: string; integrity?: string }>;
    };
    const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
    assert.ok(packages.length > 0);
    assertNone(packages.filter(([, entry]) => entry.resolved !== undefined || !entry.integrity).map(([path]) => path));
});
