// EARS and the charts against a second, plain implementation: made-up series with outbreaks, flat stretches, gaps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, near, poisson, random } from "./judge.ts";

const z001 = 3.090232306167813; // quantiles of 1 - 0.001 and 1 - 0.025, from published tables
const z025 = 1.959963984540054;

const mean = (v: number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
const deviation = (v: number[]): number =>
    Math.sqrt(v.reduce((sum, x) => sum + (x - mean(v)) ** 2, 0) / (v.length - 1));

/** Counts around a wave, twice with an outbreak of a few steps, and a stretch of the same value. */
function counts(seed: number, length: number, level: number): number[] {
    const next = random(seed);
    return Array.from({ length }, (_, t) => {
        const outbreak = t % 97 > 90 ? 3 : 1;
        if (t % 61 > 45) return Math.round(level);
        return poisson(level * (1 + 0.5 * Math.sin(t / 8)) * outbreak, next);
    });
}

const series = [counts(1, 400, 4), counts(2, 400, 0.2), counts(3, 400, 30), counts(4, 200, 11)];

test("C1 and C2", () => {
    for (const y of series) {
        for (const [method, lag] of [
            ["ears1", 0],
            ["ears2", 2],
        ] as const) {
            for (const baseline of [3, 7, 14]) {
                let judged = 0;
                for (const p of judge(method, { baseline }, y)) {
                    const t = p.index - 1;
                    if (t < baseline + lag) {
                        assert.equal(p.why, "SHORT");
                        continue;
                    }
                    const before = y.slice(t - lag - baseline, t - lag);
                    const upper = mean(before) + z001 * deviation(before);
                    assert.ok(near(p.upper, upper, 1e-12), `${method} ${p.index}: ${p.upper}, ${upper}`);
                    assert.ok(near(p.expected, mean(before), 1e-12));
                    if (!near(y[t]!, upper, 1e-9)) assert.equal(p.alarm, y[t]! > upper ? 1 : 0);
                    judged++;
                }
                assert.equal(judged, y.length - baseline - lag);
            }
        }
    }
});

test("C3, in both forms; the published one is an alarm exactly where the sum of excesses says so", () => {
    let alarms = 0;
    for (const y of series) {
        const stat = (t: number): [number, number] => {
            const before = y.slice(t - 9, t - 2);
            return [mean(before), deviation(before)];
        };
        const excess = (t: number): number => {
            const [m, s] = stat(t);
            return Math.max(0, (y[t]! - m) / s - 1); // NaN when both are 0
        };
        for (const c3 of [0, 1]) {
            for (const p of judge("ears3", { c3 }, y)) {
                const t = p.index - 1;
                if (t < 11) {
                    assert.equal(p.why, "SHORT");
                    continue;
                }
                const [m, s] = stat(t);
                const more = excess(t - 1) + excess(t - 2);
                const plain = (c3 === 1 ? m : y[t]!) + s * (z025 - more);
                if (Number.isNaN(plain)) {
                    assert.equal(p.why, "FLAT");
                    continue;
                }
                const upper = c3 === 1 && Number.isFinite(plain) ? plain : Math.max(0, plain);
                assert.ok(near(p.upper, upper, 1e-11), `${c3} ${p.index}: ${p.upper}, ${upper}`);
                // 1 + excess stands for C2(t) where it is above 1
                if (c3 === 1 && s > 0 && Number.isFinite(more) && y[t]! > m + s)
                    assert.equal(p.alarm, excess(t) + 1 + more > z025 ? 1 : 0);
                alarms += p.alarm;
            }
        }
    }
    assert.ok(alarms > 50);
});

test("EWMA by the weights of all values at once", () => {
    for (const y of series) {
        const gaps = y.map((x, t) => (t % 23 === 5 ? NaN : x));
        for (const lambda of [0.05, 0.3, 1]) {
            for (const [learn, width] of [
                [20, 3],
                [52, 2.7],
            ] as const) {
                const known = gaps.slice(0, learn).filter((x) => !Number.isNaN(x));
                const target = mean(known);
                for (const p of judge("ewma", { lambda, width, "level.learn": learn }, gaps)) {
                    if (p.index <= learn) {
                        assert.equal(p.why, "SHORT");
                        continue;
                    }
                    if (Number.isNaN(gaps[p.index - 1]!)) {
                        assert.equal(p.why, "ABSENT");
                        continue;
                    }
                    const used = gaps.slice(learn, p.index).filter((x) => !Number.isNaN(x));
                    let z = target * (1 - lambda) ** used.length;
                    let squares = 0;
                    used.forEach((x, i) => {
                        const weight = lambda * (1 - lambda) ** (used.length - 1 - i);
                        z += weight * x;
                        squares += weight ** 2;
                    });
                    const half = width * deviation(known) * Math.sqrt(squares);
                    assert.ok(near(p.statistic, z, 1e-11));
                    assert.ok(near(p.upper, target + half, 1e-11) && near(p.lower, target - half, 1e-11));
                    if (!near(Math.abs(z - target), half, 1e-9))
                        assert.equal(p.alarm, z > target + half ? 1 : z < target - half ? -1 : 0);
                }
            }
        }
    }
});

test("CUSUM as the largest sum of any stretch that ends at the point", () => {
    for (const y of series) {
        const [target, sigma, k, h] = [mean(y.slice(0, 40)), 2.5, 0.4, 6];
        const largest = (t: number, sign: number): number => {
            let sum = 0;
            let most = 0;
            for (let i = t; i >= 0; i--) most = Math.max(most, (sum += sign * (y[i]! - target) - k * sigma));
            return most;
        };
        const level = { "level.learn": 0, "level.target": target, "level.sigma": sigma };
        for (const p of judge("cusum", { k, h, ...level }, y)) {
            const up = largest(p.index - 1, 1);
            const down = largest(p.index - 1, -1);
            const want = down > up ? -down : up;
            if (near(up, down, 1e-9) && up > 0) continue; // either may be told
            assert.ok(near(p.statistic, want, 1e-9), `${p.index}: ${p.statistic}, ${want}`);
            assert.equal(p.alarm, want > h * sigma ? 1 : want < -h * sigma ? -1 : 0);
        }
    }
});
