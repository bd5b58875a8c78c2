// Asks warn_judge (judge.c): the points FROM to TO (from 1) of one series, under one method.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { binary } from "../api/server.ts";

export interface Point {
    index: number;
    why: string;
    alarm: number;
    statistic: number;
    expected: number;
    upper: number;
    lower: number;
    dispersion: number;
    trend: number;
}

const program = join(dirname(binary), "tests/warn/warn_judge");

export function judge(
    method: string,
    parameters: Record<string, number>,
    series: number[],
    from = 1,
    to = series.length,
): Point[] {
    const words = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    const input = `${[method, ...words].join(" ")} / ${from} ${to} / ${series.join(" ")}\n`;
    const done = spawnSync(program, [], { input, encoding: "utf8", maxBuffer: 1 << 26 });
    assert.equal(done.status, 0, `${program}: ${done.error?.message ?? done.stderr}`);
    return done.stdout
        .trimEnd()
        .split("\n")
        .map((line) => {
            const word = line.split(" ");
            assert.notEqual(word[0], "error", line);
            const number = (at: number): number => (/nan/.test(word[at]!) ? NaN : Number(word[at]));
            return {
                index: number(0),
                why: word[1]!,
                alarm: number(2),
                statistic: number(3),
                expected: number(4),
                upper: number(5),
                lower: number(6),
                dispersion: number(7),
                trend: number(8),
            };
        });
}

/** Numbers in [0, 1), the same for the same seed. */
export function random(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

/** A Poisson count, by multiplying. */
export function poisson(mean: number, next: () => number): number {
    let count = 0;
    for (let product = next(); product > Math.exp(-mean); product *= next()) count++;
    return count;
}

export const near = (have: number, want: number, within: number): boolean =>
    Math.abs(have - want) <= within * Math.max(1, Math.abs(want));
