// EARS and Farrington's method once more, from the papers, for a series of counts: what a count exceeds its upper bound
// by; undefined where it cannot be judged. `undefined` in a series: nobody reported.
//
// EARS: Hutwagner et al., J Urban Health 80 (2003), i89-i96; baseline 7. C3 in the form of the R package surveillance
// 1.20.3 (its bound starts from the count itself). Farrington et al., J R Stat Soc A 159 (1996), 547-563, as that
// package has it: z of 1 - alpha / 2, dispersion at least 1, one reweighting with standardised Anscombe residuals above
// 1, a trend where its p-value is below 0.05, there are three years and it expects no more than the past had; fewer
// than 5 cases in 4 steps: no signal.

export type Counts = (number | undefined)[];

/** Upper quantiles of the normal distribution. */
const z001 = 3.090232306167813; // of 0.001
const z025 = 1.959963984540054; // of 0.025
const z005 = 2.5758293035489004; // of 0.005

const baseline = 7;

interface Moments {
    mean: number;
    sd: number;
}

/** Of the seven values that end `lag` before index t; all of them must be there. */
function moments(series: Counts, t: number, lag: number): Moments | undefined {
    const from = t - lag - baseline;
    if (from < 0) return undefined;
    const values = series.slice(from, from + baseline);
    if (values.some((value) => value === undefined)) return undefined;
    const all = values as number[];
    const mean = all.reduce((sum, value) => sum + value, 0) / baseline;
    const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, sd: Math.sqrt(squares / (baseline - 1)) };
}

function shewhart(series: Counts, t: number, lag: number): number | undefined {
    const of = moments(series, t, lag);
    const count = series[t];
    return of === undefined || count === undefined ? undefined : count - (of.mean + z001 * of.sd);
}

export const earsC1 = (series: Counts, t: number): number | undefined => shewhart(series, t, 0);
export const earsC2 = (series: Counts, t: number): number | undefined => shewhart(series, t, 2);

/** max(0, C2 - 1) of a day; "undefined" where C2 is not defined. A missing day raises nothing. */
function above(series: Counts, t: number): number | undefined {
    const count = series[t];
    if (count === undefined) return 0;
    const of = moments(series, t, 2);
    if (!of || (of.sd === 0 && count === of.mean)) return undefined;
    return Math.max(0, (count - of.mean) / of.sd - 1);
}

export function earsC3(series: Counts, t: number): number | undefined {
    const count = series[t];
    const of = moments(series, t, 2);
    if (t < baseline + 4 || count === undefined || !of) return undefined;
    const before = [above(series, t - 1), above(series, t - 2)];
    if (before.includes(undefined)) return undefined;
    const more = before[0]! + before[1]!;
    if (more === Infinity) return of.sd === 0 ? undefined : count;
    return count - Math.max(0, count + of.sd * (z025 - more));
}

// ---- Farrington

interface Row {
    y: number;
    time: number;
    weight: number;
}
interface Fit {
    /** Intercept and slope (0 without a trend). */
    beta: [number, number];
    /** Inverse of X'WX: of the intercept, of both, of the slope. */
    inverse: [number, number, number];
    mu: number[];
    working: number[];
    dispersion: number;
}

/** Log-linear quasi-Poisson model by iteratively reweighted least squares. */
function fitted(rows: Row[], trend: boolean): Fit | undefined {
    let mu = rows.map((row) => row.y + 0.1);
    let was = Infinity;
    for (let step = 0; step < 25; step++) {
        const working = rows.map((row, i) => row.weight * mu[i]!);
        let [s0, s1, s2, r0, r1] = [0, 0, 0, 0, 0];
        rows.forEach((row, i) => {
            const [w, z] = [working[i]!, Math.log(mu[i]!) + (row.y - mu[i]!) / mu[i]!];
            s0 += w;
            s1 += w * row.time;
            s2 += w * row.time ** 2;
            r0 += w * z;
            r1 += w * row.time * z;
        });
        const determinant = s0 * s2 - s1 ** 2;
        const inverse: Fit["inverse"] = trend
            ? [s2 / determinant, -s1 / determinant, s0 / determinant]
            : [1 / s0, 0, 0];
        const beta: Fit["beta"] = trend
            ? [inverse[0] * r0 + inverse[1] * r1, inverse[1] * r0 + inverse[2] * r1]
            : [r0 / s0, 0];
        mu = rows.map((row) => Math.exp(beta[0] + beta[1] * row.time));
        const deviance = rows.reduce((sum, { y, weight }, i) => {
            return sum + 2 * weight * ((y > 0 ? y * Math.log(y / mu[i]!) : 0) - (y - mu[i]!));
        }, 0);
        if (!Number.isFinite(deviance)) return undefined;
        if (Math.abs(deviance - was) / (Math.abs(deviance) + 0.1) < 1e-8) {
            const free = rows.length - (trend ? 2 : 1);
            // Weights and residuals of the last step, as R has them.
            const squares = rows.reduce((sum, row, i) => sum + working[i]! * ((row.y - mu[i]!) / mu[i]!) ** 2, 0);
            return free > 0 ? { beta, inverse, mu, working, dispersion: squares / free } : undefined;
        }
        was = deviance;
    }
    return undefined;
}

const leverage = (fit: Fit, time: number): number =>
    fit.inverse[0] + 2 * fit.inverse[1] * time + fit.inverse[2] * time ** 2;

/** Fitted, and once more with unusual values of the past weighted down. */
function reweighted(past: Row[], trend: boolean): Fit | undefined {
    const rows = past.map((row) => ({ ...row, weight: 1 }));
    const first = fitted(rows, trend);
    if (!first) return undefined;
    const phi = Math.max(1, first.dispersion);
    for (const [i, row] of rows.entries()) {
        const rest = 1 - first.working[i]! * leverage(first, row.time);
        const mu = first.mu[i]!;
        const residual = (1.5 * (row.y ** (2 / 3) * mu ** (-1 / 6) - Math.sqrt(mu))) / Math.sqrt(phi * rest);
        row.weight = rest > 1e-10 && residual > 1 ? residual ** -2 : 1;
    }
    const scale = rows.length / rows.reduce((sum, row) => sum + row.weight, 0);
    for (const row of rows) row.weight *= scale;
    return fitted(rows, trend);
}

function logGamma(x: number): number {
    // Lanczos, six terms.
    const c = [
        76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.001208650973866179,
        -5.395239384953e-6,
    ];
    const sum = c.reduce((s, value, i) => s + value / (x + 1 + i), 1.000000000190015);
    return Math.log((2.5066282746310005 * sum) / x) - (x + 5.5 - (x + 0.5) * Math.log(x + 5.5));
}

/** Of Student's t with n degrees of freedom, both sides: the regularised incomplete beta function by its fraction. */
function pOfT(t: number, n: number): number {
    const x = n / (n + t * t);
    const [a, b] = [n / 2, 0.5];
    const fraction = (p: number, q: number, at: number): number => {
        let [c, d] = [1, 1 / (1 - ((p + q) * at) / (p + 1))];
        let h = d;
        for (let m = 1; m < 500; m++) {
            const even = (m * (q - m) * at) / ((p + 2 * m - 1) * (p + 2 * m));
            d = 1 / (1 + even * d);
            c = 1 + even / c;
            h *= d * c;
            const odd = (-(p + m) * (p + q + m) * at) / ((p + 2 * m) * (p + 2 * m + 1));
            d = 1 / (1 + odd * d);
            c = 1 + odd / c;
            h *= d * c;
            if (Math.abs(d * c - 1) < 1e-14) break;
        }
        return h;
    };
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x));
    return x < (a + 1) / (a + b + 2) ? (front * fraction(a, b, x)) / a : 1 - (front * fraction(b, a, 1 - x)) / b;
}

export interface Bound {
    upper: number;
    trend: boolean;
}

/** The bound of alpha 0.01 for index t, from the same weeks of `years` years. */
export function farringtonBound(
    series: Counts,
    t: number,
    years: number,
    halfWidth: number,
    perYear = 52,
): Bound | undefined {
    if (t < years * perYear + halfWidth || series[t] === undefined) return undefined;
    const past: Row[] = [];
    for (let year = years; year >= 1; year--) {
        for (let i = -halfWidth; i <= halfWidth; i++) {
            const y = series[t - year * perYear + i];
            if (y !== undefined) past.push({ y, time: i - year * perYear, weight: 1 });
        }
    }
    const wanted = years * (2 * halfWidth + 1);
    if (wanted - past.length > 0.2 * wanted) return undefined;
    let fit = years >= 3 ? reweighted(past, true) : undefined;
    if (fit) {
        const p = pOfT(fit.beta[1] / Math.sqrt(fit.inverse[2] * fit.dispersion), past.length - 2);
        const most = Math.max(...past.map((row) => row.y));
        if (!(p < 0.05) || Math.exp(fit.beta[0]) > most) fit = undefined;
    }
    const trend = fit !== undefined;
    fit ??= reweighted(past, false);
    if (!fit) return undefined;
    const mu = Math.exp(fit.beta[0]);
    const phi = Math.max(1, fit.dispersion);
    const tau = phi + phi * leverage(fit, 0) * mu;
    return { upper: (mu ** (2 / 3) + z005 * Math.sqrt((4 / 9) * mu ** (1 / 3) * tau)) ** 1.5, trend };
}

/** Are there too few cases in the last four steps for a signal? */
export const few = (series: Counts, t: number): boolean =>
    series.slice(Math.max(0, t - 3), t + 1).reduce<number>((sum, count) => sum + (count ?? 0), 0) < 5;

export function farrington(series: Counts, t: number, years: number, halfWidth: number): number | undefined {
    const bound = farringtonBound(series, t, years, halfWidth);
    return bound && series[t]! - bound.upper;
}
