// What must come out of the works' quarters of an hour, computed from the raw rows.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Point, type Rule } from "../../prove/judge.ts";
import { baselineDays, days, type Day } from "./days.ts";

export interface Expected {
    /** By attribute. */
    series: Map<string, Series>;
    /** By rule. */
    alerts: Map<string, Event[]>;
    /** Ends of the days, to tell them from the clock's times. */
    times: Set<string>;
    rows: number;
    /** kWh per operating hour of the baseline period, as an energy manager would declare it. */
    baseline: number;
}

/** A quarter of an hour in which the works operate: kWh. */
const operating = 20;

interface Total {
    at: string;
    active: number;
    lagging: number;
    leading: number;
    hours: number;
    works: boolean;
}

const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);
const cosine = (active: number, reactive: number): number => active / Math.hypot(active, reactive);

function total({ at, rows }: Day): Total {
    const of = (column: string): number[] => rows.map((row) => Number(row[column]));
    const active = of("Usage_kWh");
    const hours = active.filter((kwh) => kwh >= operating).length / 4;
    return {
        at,
        active: sum(active),
        lagging: sum(of("Lagging_Current_Reactive.Power_kVarh")),
        leading: sum(of("Leading_Current_Reactive_Power_kVarh")),
        hours,
        works: hours >= 4,
    };
}

/** Energy performance indicator: kWh per operating hour. */
const indicator = (day: Total): number => day.active / day.hours;

/** The mean of the indicator over the baseline period, to one digit. */
function baselineOf(all: Total[]): number {
    const of = all.slice(0, baselineDays).filter((day) => day.works).map(indicator);
    return Math.round((sum(of) / of.length) * 10) / 10;
}

/**
 * The tabular cumulative sum of Page (Biometrika 41, 1954): of 56 days that end with day i, mean and deviation of the
 * first 28 (of which a fifth may be missing), C+ over the others; what it exceeds 4 deviations by.
 */
function drift(all: Total[], i: number): number | undefined {
    const [learn, k, h] = [28, 0.5, 4];
    if (!all[i]!.works) return undefined;
    const tangent = (j: number): number | undefined =>
        j >= 0 && all[j]!.works ? all[j]!.lagging / all[j]!.active : undefined;
    const window = Array.from({ length: 2 * learn }, (_, n) => tangent(i - 2 * learn + 1 + n));
    const known = window.slice(0, learn).filter((value) => value !== undefined);
    if (learn - known.length > 0.2 * learn) return undefined;
    const mean = sum(known) / known.length;
    const deviation = Math.sqrt(sum(known.map((value) => (value - mean) ** 2)) / (known.length - 1));
    let up = 0;
    for (const value of window.slice(learn)) {
        if (value !== undefined) up = Math.max(0, up + value - mean - k * deviation);
    }
    return up - h * deviation;
}

const above = (severity: string, limit: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x > limit,
    until: (x) => x <= end,
});
const below = (severity: string, limit: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x < limit,
    until: (x) => x >= end,
});
const energyOver: Rule<number> = { levels: [above("orange", 1.3, 1.2), above("yellow", 1.15, 1.05)] };
const factorDay: Rule<number> = { levels: [below("blue", 0.9, 0.92)] };
const factor30: Rule<number> = { levels: [below("yellow", 0.9, 0.905)] };
const drifts: Rule<number> = { levels: [{ severity: "yellow", when: (x) => x > 0 }] };

type Told = { at: string; value: number | undefined };
const points = (all: Told[]): Point<number>[] =>
    all.flatMap(({ at, value }) => (value === undefined ? [] : [{ at, x: value }]));
const series = (all: Told[]): Series => new Map(points(all).map(({ at, x }) => [at, x]));

export function expected(): Expected {
    const input = days();
    const all = input.map(total);
    const baseline = baselineOf(all);
    const told = (value: (day: Total, i: number) => number | undefined): Told[] =>
        all.map((day, i) => ({ at: day.at, value: value(day, i) }));
    const working = (value: (day: Total) => number): Told[] => told((day) => (day.works ? value(day) : undefined));
    const factors = working((day) => cosine(day.active, day.lagging));
    const months = told((_, i) => {
        if (i + 1 < 28) return undefined;
        const of = all.slice(Math.max(0, i - 29), i + 1);
        return cosine(sum(of.map((day) => day.active)), sum(of.map((day) => day.lagging + day.leading)));
    });
    const drifted = told((_, i) => drift(all, i));
    // The baseline is declared when its period is over.
    const late = (values: Told[]): Told[] => values.slice(baselineDays);
    return {
        series: new Map([
            ["dayEnergy", series(told((day) => day.active))],
            ["operatingHours", series(told((day) => day.hours))],
            ["energyPerOperatingHour", series(working(indicator))],
            ["energyOverBaseline", series(late(working((day) => day.active - baseline * day.hours)))],
            ["powerFactorDay", series(factors)],
            ["powerFactor30d", series(months)],
            ["reactivePerActive", series(working((day) => day.lagging / day.active))],
            ["reactiveDriftExcess", series(drifted)],
        ]),
        alerts: new Map([
            ["energy-over", follow(energyOver, points(late(working((day) => indicator(day) / baseline))))],
            ["power-factor-day-low", follow(factorDay, points(factors))],
            ["power-factor-low", follow(factor30, points(months))],
            ["reactive-drift", follow(drifts, points(drifted))],
        ]),
        times: new Set(all.map((day) => day.at)),
        rows: input.length * 96,
        baseline,
    };
}
