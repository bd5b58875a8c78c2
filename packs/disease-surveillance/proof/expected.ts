// What must come out of the reports: counts, what they exceed the methods' bounds by, and the alerts.
import type { Event, Series, Value } from "../../prove/checks.ts";
import { follow, spans, type Point, type Rule } from "../../prove/judge.ts";
import { earsC1, earsC2, earsC3, farrington, few, type Counts } from "./methods.ts";
import {
    areaOf,
    daily,
    dayMs,
    even,
    firstJudged,
    idOfArea,
    isPseudo,
    lastJudged,
    ofDay,
    ofWeek,
    ohio,
    weekly,
    weekMs,
} from "./reports.ts";

export interface Expected {
    name: string;
    id: string;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
    /** Times of the data, to tell them from the clock's. */
    times: Set<string>;
    /** Values and events before it are not looked at: that past came as one table. */
    from: string;
}

const over: Rule<number>["levels"][number]["when"] = (x) => x > 0;
const signal = (severity: string): Rule<number> => ({ levels: [{ severity, when: over }], byWindows: true });
const falls: Rule<number> = { levels: [{ severity: "info", when: (x) => x < 0 }], clearAfterMs: 7 * dayMs };

const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

type Told = { at: number; value: number | undefined };
const seriesOf = (all: Told[]): Series =>
    new Map(all.filter((one) => one.value !== undefined).map((one) => [iso(one.at), one.value as Value]));
const pointsOf = (all: Told[]): Point<number>[] =>
    all.filter((one) => one.value !== undefined).map((one) => ({ at: iso(one.at), x: one.value! }));

function mean(values: Counts): number | undefined {
    const there = values.filter((value) => value !== undefined);
    return there.length === 0 ? undefined : there.reduce((sum, value) => sum + value, 0) / there.length;
}

function ofArea(area: string, name: string, cumulative: Map<number, number>): Expected {
    const days = even(cumulative, dayMs);
    const change = days.map(({ at, value }, i) => {
        const before = days[i - 1]?.value;
        return { at, value: value === undefined || before === undefined ? undefined : value - before };
    });
    const fresh = change.map(({ at, value }) => ({ at, value: value !== undefined && value >= 0 ? value : undefined }));
    const counts = fresh.map((one) => one.value);
    const of = (method: (series: Counts, t: number) => number | undefined): Told[] =>
        fresh.map(({ at }, t) => ({ at, value: method(counts, t) }));
    // Made when a count of new cases comes in.
    const means = fresh.map(({ at, value }, t) => ({
        at,
        value: value === undefined ? undefined : mean(counts.slice(Math.max(0, t - 6), t + 1)),
    }));
    const [c1, c2, c3] = [of(earsC1), of(earsC2), of(earsC3)];
    const fallen = follow(falls, pointsOf(change));
    const held = spans(fallen);
    return {
        name,
        id: idOfArea(area),
        series: new Map([
            ["confirmedCumulative", seriesOf(days)],
            ["newCases", seriesOf(fresh)],
            ["newCaseMean7d", seriesOf(means)],
            ["earsC1Excess", seriesOf(c1)],
            ["earsC2Excess", seriesOf(c2)],
            ["earsC3Excess", seriesOf(c3)],
        ]),
        alerts: new Map([
            ["count-falls", fallen],
            ["ears-c1", follow(signal("yellow"), pointsOf(c1), held)],
            ["ears-c2", follow(signal("yellow"), pointsOf(c2), held)],
            ["ears-c3", follow(signal("blue"), pointsOf(c3), held)],
        ]),
        times: new Set(days.map(({ at }) => iso(at))),
        from: "",
    };
}

function ofOhio(): Expected {
    const from = ofWeek(firstJudged);
    const all = new Map(
        weekly()
            .filter((row) => row["week_ending"]! <= lastJudged)
            .map((row) => [Date.parse(ofWeek(row["week_ending"]!)), Number(row["cases"])]),
    );
    const weeks = even(all, weekMs);
    const counts = weeks.map((one) => one.value);
    const excess = weeks.map(({ at }, t) => {
        const value = farrington(counts, t, 3, 3);
        // Too few cases for a signal: what the bound is exceeded by does not count.
        return { at, value: value !== undefined && few(counts, t) ? Math.min(value, 0) : value };
    });
    const means = weeks.map(({ at, value }, t) => ({
        at,
        value: value === undefined ? undefined : mean(counts.slice(Math.max(0, t - 3), t + 1)),
    }));
    // Of the past, which comes as one table, the last row alone is judged for certain.
    const judged = excess.filter(({ at }) => iso(at) >= from || at === Date.parse(from) - weekMs);
    const late = (told: Told[]): Series => new Map([...seriesOf(told)].filter(([at]) => at >= from));
    return {
        name: "OHIO, pertussis",
        id: ohio,
        series: new Map([
            ["weeklyCases", late(weeks)],
            ["weeklyCaseMean4w", late(means)],
            ["farringtonExcess", late(excess)],
        ]),
        alerts: new Map([["farrington", follow(signal("orange"), pointsOf(judged)).filter(({ at }) => at >= from)]]),
        times: new Set(weeks.map(({ at }) => iso(at))),
        from,
    };
}

export function expected(): Expected[] {
    const areas = new Map<string, { name: string; cumulative: Map<number, number> }>();
    for (const [day, rows] of daily()) {
        for (const row of rows) {
            if (isPseudo(row)) continue;
            const area = areaOf(row);
            if (!areas.has(area)) areas.set(area, { name: row["city"] || row["province"]!, cumulative: new Map() });
            areas.get(area)!.cumulative.set(Date.parse(ofDay(day)), Number(row["confirmed_cum"]));
        }
    }
    return [...[...areas].map(([area, { name, cumulative }]) => ofArea(area, name, cumulative)), ofOhio()];
}
