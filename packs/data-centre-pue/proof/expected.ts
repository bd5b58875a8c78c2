// What must come out of the meters' counts: PUE by ISO/IEC 30134-2 (energy of the whole over energy of the IT
// equipment, of the same time) and the alerts. From the counts alone, in whole numbers up to the last division.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, spans, type Point, type Rule } from "../../prove/judge.ts";
import { centres, hourMs, iso, perKwh, type Centre, type Frozen } from "./meters.ts";

export interface Expected {
    centre: Centre;
    /** By attribute. */
    series: Map<string, Series>;
    /** By rule. */
    alerts: Map<string, Event[]>;
    /** Of the hours behind which an hour's PUE was published and the hour before was read: that PUE. */
    published: Series;
}

/** Energy of the whole over that of the IT equipment between two readings; undefined where IT used none. */
function ratio(from: Frozen, to: Frozen): number | undefined {
    const [total, it] = [Number(to.total - from.total), Number(to.it - from.it)];
    return it > 0 && total >= 0 ? total / it : undefined;
}

/** The PUE of the hours before reading i: since the last reading before them, or since the first one. */
function since(frozen: Frozen[], i: number, hours: number, least: number): number | undefined {
    const begin = frozen[i]!.at - hours * hourMs;
    const within = frozen.slice(0, i + 1).filter((one) => one.at > begin);
    if (within.length < least) return undefined;
    const before = frozen.slice(0, i).findLast((one) => one.at <= begin);
    return ratio(before ?? within[0]!, frozen[i]!);
}

function hour(frozen: Frozen[], i: number): number | undefined {
    const before = frozen[i - 1];
    return before && frozen[i]!.at - before.at === hourMs ? ratio(before, frozen[i]!) : undefined;
}

type Told = { at: string; value: number | undefined };
const points = (all: Told[]): Point<number>[] =>
    all.flatMap(({ at, value }) => (value === undefined ? [] : [{ at, x: value }]));
const series = (all: Told[]): Series => new Map(points(all).map(({ at, x }) => [at, x]));

const level = (severity: string, limit: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x > limit,
    until: (x) => x <= end,
});
const impossible: Rule<number> = { levels: [{ severity: "yellow", when: (x) => x < 1 }] };
const day: Rule<number> = { levels: [level("orange", 1.5, 1.48), level("yellow", 1.3, 1.28)] };
const year: Rule<number> = { levels: [level("orange", 1.5, 1.49), level("yellow", 1.3, 1.295)] };
/** Hours that must be counted before a PUE of the year is judged: a week. */
const enough = 168;

function of(centre: Centre): Expected {
    const { frozen } = centre;
    const told = (value: (i: number) => number | undefined): Told[] =>
        frozen.map((one, i) => ({ at: iso(one.at), value: value(i) }));
    const hours = told((i) => hour(frozen, i));
    const days = told((i) => since(frozen, i, 24, 20));
    const years = told((i) => (i === 0 ? undefined : ratio(frozen[0]!, frozen[i]!)));
    const known = series(hours);
    const faults = follow(impossible, points(hours));
    const faulty = spans(faults);
    return {
        centre,
        series: new Map([
            ["totalEnergy", series(told((i) => Number(frozen[i]!.total) / perKwh))],
            ["itEnergy", series(told((i) => Number(frozen[i]!.it) / perKwh))],
            ["pueHour", known],
            ["pueDay", series(days)],
            ["pueYear", series(years)],
            ["hoursCounted", series(told((i) => i + 1))],
        ]),
        alerts: new Map([
            ["pue-impossible", faults],
            ["pue-day-over", follow(day, points(days), faulty)],
            ["pue-year-over", follow(year, points(years).slice(enough - 2), faulty)],
        ]),
        published: new Map([...(centre.published ?? [])].filter(([at]) => known.has(at))),
    };
}

export const expected = (): Expected[] => centres().map(of);
