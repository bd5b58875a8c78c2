// Farrington's algorithms against a second implementation made another way: Newton's steps on the likelihood with a
// full design matrix and its inverse, until nothing moves; quantiles by summing probabilities.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, near, poisson, random, type Point } from "./judge.ts";

const z = 2.5758293035489004; // 1 - 0.01 / 2

interface Fit {
    beta: number[];
    inverse: number[][];
    mu: number[];
    phi: number;
    free: number;
}

function invert(a: number[][]): number[][] {
    const n = a.length;
    const m = a.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
    for (let i = 0; i < n; i++) {
        let top = i;
        for (let j = i; j < n; j++) if (Math.abs(m[j]![i]!) > Math.abs(m[top]![i]!)) top = j;
        [m[i], m[top]] = [m[top]!, m[i]!];
        const pivot = m[i]![i]!;
        m[i] = m[i]!.map((v) => v / pivot);
        for (let j = 0; j < n; j++) {
            if (j === i) continue;
            const factor = m[j]![i]!;
            m[j] = m[j]!.map((v, k) => v - factor * m[i]![k]!);
        }
    }
    return m.map((row) => row.slice(n));
}

const dot = (a: number[], b: number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const form = (x: number[], a: number[][]): number => dot(x, a.map((row) => dot(row, x)));

function fit(x: number[][], y: number[], weight: number[]): Fit {
    const terms = x[0]!.length;
    const total = dot(weight, y) / weight.reduce((a, b) => a + b, 0);
    const beta = Array.from({ length: terms }, (_, k) => (k === 0 ? Math.log(total) : 0));
    let inverse: number[][] = [];
    let mu: number[] = [];
    for (let round = 0; round < 60; round++) {
        mu = x.map((row) => Math.exp(dot(row, beta)));
        const information = beta.map((_, a) =>
            beta.map((__, b) => x.reduce((sum, row, i) => sum + weight[i]! * mu[i]! * row[a]! * row[b]!, 0)),
        );
        const score = beta.map((_, a) => x.reduce((s, row, i) => s + weight[i]! * (y[i]! - mu[i]!) * row[a]!, 0));
        inverse = invert(information);
        inverse.forEach((row, a) => (beta[a]! += dot(row, score)));
    }
    const free = y.length - terms;
    const phi = y.reduce((sum, v, i) => sum + (weight[i]! * (v - mu[i]!) ** 2) / mu[i]!, 0) / free;
    return { beta, inverse, mu, phi, free };
}

function reweighted(x: number[][], y: number[], above: number): Fit {
    const first = fit(x, y, y.map(() => 1));
    const phi = Math.max(1, first.phi);
    const raw = y.map((v, i) => {
        const mu = first.mu[i]!;
        const leverage = mu * form(x[i]!, first.inverse);
        const s = (1.5 * (v ** (2 / 3) - mu ** (2 / 3))) / (mu ** (1 / 6) * Math.sqrt(phi * (1 - leverage)));
        return s > above ? s ** -2 : 1;
    });
    const sum = raw.reduce((a, b) => a + b, 0);
    return fit(x, y, raw.map((w) => (w * y.length) / sum));
}

/** Two-sided tail of Student's t, by Simpson's rule on the density in the angle atan(t / sqrt(df)). */
function tail(t: number, df: number): number {
    const power = (angle: number): number => Math.cos(angle) ** (df - 1);
    const integral = (from: number, to: number): number => {
        const steps = 4000;
        const h = (to - from) / steps;
        let sum = power(from) + power(to);
        for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * power(from + i * h);
        return (sum * h) / 3;
    };
    const at = Math.atan(Math.abs(t) / Math.sqrt(df));
    return integral(at, Math.PI / 2) / integral(0, Math.PI / 2);
}

function quantile(p: number, mu: number, phi: number): number {
    const size = mu / (phi - 1);
    let term = phi > 1 ? phi ** -size : Math.exp(-mu);
    let k = 0;
    for (let sum = term; sum < p; sum += term) {
        k++;
        term *= phi > 1 ? (((size + k - 1) / k) * (phi - 1)) / phi : mu / k;
    }
    return k;
}

interface Rules {
    years: number;
    w: number;
    year: number;
    trendP: number;
    above: number;
    parts: number[]; // lengths of a year's periods, the window first; empty: only windows
    out: number;
}

interface Want {
    expected: number;
    dispersion: number;
    trend: number;
    upper: number;
    close: boolean; // a rule was decided by so little that either way is right
}

function judged(series: number[], t: number, rules: Rules): Want {
    const [y, times, groups]: [number[], number[], number[]] = [[], [], []];
    const first = t - rules.years * rules.year - rules.w;
    for (let i = first; i < t - rules.out; i++) {
        let at = (i - first) % rules.year;
        let group = 0;
        if (rules.parts.length === 0 && at > 2 * rules.w) continue;
        while (rules.parts.length > 0 && at >= rules.parts[group]!) at -= rules.parts[group++]!;
        y.push(series[i]!);
        times.push(i - t);
        groups.push(group);
    }
    const row = (time: number, group: number, trend: boolean): number[] => [
        1,
        ...(trend ? [time / 100] : []),
        ...rules.parts.slice(1).map((_, k) => (k + 1 === group ? 1 : 0)),
    ];
    const design = (trend: boolean): number[][] => times.map((time, i) => row(time, groups[i]!, trend));
    let found = reweighted(design(true), y, rules.above);
    const most = Math.max(...y);
    const there = Math.exp(found.beta[0]!); // time 0, the window's level
    const p = tail(found.beta[1]! / Math.sqrt(found.inverse[1]![1]! * found.phi), found.free);
    const trend = rules.years >= 3 && p < rules.trendP && there <= most;
    const close = near(p, rules.trendP, 1e-5) || near(there, most, 1e-5);
    if (!trend) found = reweighted(design(false), y, rules.above);
    const mu = Math.exp(found.beta[0]!);
    const phi = Math.max(1, found.phi);
    const tau = phi + phi * form(row(0, 0, trend), found.inverse) * mu;
    const upper =
        rules.parts.length > 0
            ? quantile(0.99, mu, phi)
            : (mu ** (2 / 3) + z * Math.sqrt((4 / 9) * mu ** (1 / 3) * tau)) ** 1.5;
    return { expected: mu, dispersion: phi, trend: trend ? 1 : 0, upper, close };
}

function season(seed: number, length: number, level: number, growth: number, year: number): number[] {
    const next = random(seed);
    return Array.from({ length }, (_, t) => {
        const outbreak = t % 131 > 127 ? 4 : 1;
        const mean = level * outbreak * Math.exp(growth * t + 0.6 * Math.sin((2 * Math.PI * t) / year));
        return poisson(mean * (0.5 + next()), next);
    });
}

const made: [number[], number][] = [
    [season(1, 330, 6, 0, 52), 52],
    [season(2, 330, 12, 0.003, 52), 52],
    [season(3, 330, 40, -0.004, 52), 52],
    [season(4, 120, 9, -0.01, 12), 12],
];

function compare(method: string, parameters: Record<string, number>, series: number[], rules: Rules): [number, number] {
    const from = rules.years * rules.year + rules.w + 1;
    const wrong: string[] = [];
    let withTrend = 0;
    const points = judge(method, parameters, series, from);
    const say = (p: Point, w: Want): string => `${p.index}: ${JSON.stringify(p)} instead of ${JSON.stringify(w)}`;
    for (const p of points) {
        assert.ok(p.why === "JUDGED" || p.why === "FEW", `${p.index}: ${p.why}`);
        const want = judged(series, p.index - 1, rules);
        if (want.close) continue;
        // A fit ends at a relative change of the deviance of 1e-8, and the dispersion has the weights of the last step,
        // so that these agree in about four digits.
        const whole = method === "flexible" ? Math.abs(p.upper - want.upper) <= 1e-9 : near(p.upper, want.upper, 1e-4);
        const fitted = near(p.expected, want.expected, 1e-5) && near(p.dispersion, want.dispersion, 1e-4);
        if (!whole || !fitted || p.trend !== want.trend) wrong.push(say(p, want));
        withTrend += p.trend;
        const recent = series.slice(p.index - 4, p.index).reduce((a, b) => a + b, 0);
        assert.equal(p.why, recent < 5 ? "FEW" : "JUDGED");
        assert.equal(p.alarm, recent >= 5 && series[p.index - 1]! > p.upper ? 1 : 0);
    }
    assert.deepEqual(wrong, []);
    return [points.length, withTrend];
}

test("the second implementation knows published numbers", () => {
    assert.ok(near(tail(2.228, 10), 0.05, 1e-4) && near(tail(12.706, 1), 0.05, 1e-4));
    assert.equal(quantile(0.99, 5, 1), 11); // tables of the Poisson distribution
    const plain = fit([[1], [1], [1]], [2, 4, 6], [1, 1, 1]);
    assert.ok(near(Math.exp(plain.beta[0]!), 4, 1e-12) && near(plain.phi, 1, 1e-12));
});

test("Farrington, with and without a trend", () => {
    let all = 0;
    let trends = 0;
    for (const [y, year] of made) {
        for (const [years, w] of year === 52 ? [[3, 3], [5, 2]] : [[5, 1], [2, 2]]) {
            const rules = { years: years!, w: w!, year, trendP: 0.05, above: 1, parts: [], out: w! };
            const [n, t] = compare("farrington", { per_year: year, years: years!, half_width: w! }, y, rules);
            all += n;
            trends += t;
        }
    }
    assert.ok(all > 500 && trends > 30 && trends < all - 30, `${trends} of ${all} with a trend`);
});

test("the flexible one, with periods of equal length", () => {
    let all = 0;
    for (const [y, year] of made) {
        if (year !== 52) continue;
        const parts = [7, 5, 5, 5, 5, 5, 5, 5, 5, 5];
        const rules = { years: 4, w: 3, year, trendP: 1, above: 2.58, parts, out: 26 };
        all += compare("flexible", { per_year: 52, years: 4 }, y, rules)[0];
    }
    assert.ok(all > 300);
});
