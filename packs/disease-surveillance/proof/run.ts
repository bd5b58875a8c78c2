// S38: reports come in day by day and week by week; signals must come on the days that the published methods give.
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { expected, type Expected } from "./expected.ts";
import {
    areaOf,
    csv,
    daily,
    firstJudged,
    idOfArea,
    isPseudo,
    lastJudged,
    ofDay,
    ofWeek,
    ohio,
    weekly,
    type Row,
} from "./reports.ts";

interface Reports {
    days: Map<string, Row[]>;
    weeks: Row[];
}
const refusedBy = new WeakMap<City, number>();

/** The reports with one thing altered. */
function mutated(reports: Reports, mutation: string | undefined): Reports {
    const nanjing = (day: string): Row => reports.days.get(day)!.find((row) => row["cityCode"] === "320100")!;
    const week = (day: string): Row => reports.weeks.find((row) => row["week_ending"] === day)!;
    switch (mutation) {
        case undefined:
            break;
        case "outbreak":
            week(outbreak).cases = "20";
            break;
        case "baseline":
            // The same week a year before: an outbreak that was not.
            week(yearBefore).cases = "400";
            break;
        case "late": {
            // A day's report is dated a day late, and so is taken for a correction of the next one.
            const row = nanjing("2020-02-02");
            row["date"] = "2020-02-03";
            break;
        }
        case "correction":
            // The count that fell (Nantong, 4 February) was right: it does not fall.
            reports.days.get("2020-02-04")!.find((row) => row["cityCode"] === "320600")!["confirmed_cum"] = "24";
            break;
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return reports;
}
/** A week of the Ohio outbreak of 2010 in which there is a signal, and the same week a year before. */
const outbreak = "2010-08-14";
const yearBefore = "2009-08-15";

async function importWell(city: City, mapping: string, name: string, rows: Row[]): Promise<void> {
    const report = await city.importTable(mapping, `${name}.csv`, csv(rows));
    const refused = Number(report.refused ?? report.rowsRefused ?? report.rows?.refused ?? 0);
    refusedBy.set(city, (refusedBy.get(city) ?? 0) + refused);
}

async function feedDays(city: City, days: Map<string, Row[]>): Promise<void> {
    const before = new Map<string, number>();
    for (const [day, rows] of days) {
        await importWell(city, "cases-by-day", day, rows);
        for (const row of rows.filter((one) => !isPseudo(one))) {
            const count = Number(row["confirmed_cum"]);
            const known = before.get(areaOf(row));
            before.set(areaOf(row), count);
            // Of a report that gives new cases, the mean is derived last, and written together with the day's alerts.
            if (known === undefined || count < known) continue;
            await city.reached(idOfArea(areaOf(row)), "newCaseMean7d", ofDay(row["date"]!));
        }
    }
}

async function feedWeeks(city: City, weeks: Row[]): Promise<void> {
    await importWell(city, "cases-by-week", "past", weeks.filter((row) => row["week_ending"]! < firstJudged));
    await city.waitSettled();
    for (const row of weeks) {
        const day = row["week_ending"]!;
        if (day < firstJudged || day > lastJudged) continue;
        await importWell(city, "cases-by-week", day, [row]);
        await city.reached(ohio, "weeklyCaseMean4w", ofWeek(day));
    }
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const { days, weeks } = mutated({ days: daily(), weeks: weekly() }, mutation);
    await Promise.all([feedDays(city, days), feedWeeks(city, weeks)]);
    await city.waitSettled();
}

export const expect = (): Expected[] => expected();

export async function check(city: City, all: Expected[]): Promise<Check[]> {
    const checks: Check[] = [same("rows refused", 0, refusedBy.get(city) ?? 0)];
    for (const { name, id, series: wanted, alerts, times, from } of all) {
        for (const [attribute, values] of wanted) {
            const found = new Map([...(await city.temporal(id, attribute))].filter(([at]) => at >= from));
            // An excess is the end of a long calculation; counts are exact.
            const tolerance = /Excess|Mean/.test(attribute) ? 1e-7 : 0;
            if (values.size > 0) checks.push(series(`${name}: ${attribute}`, values, found, tolerance));
        }
        for (const [rule, events] of alerts) {
            const found = await city.course(rule, id, (at) => times.has(at));
            const late = found.filter(({ at }) => at >= from);
            checks.push(course(`${name}: alert ${rule}`, events, late));
        }
    }
    return checks;
}
