// What must come out of the stations' reports: computed here from the raw values, without the city.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, spans, type Point, type Rule, type Span } from "../../prove/judge.ts";
import { index, pollutants, type Hour, type Pollutant } from "./aqi.ts";
import { hourMs, iso, lastHour, stations, type Report, type Station } from "./stations.ts";

export interface Expected {
    station: Station;
    frames: number;
    /** By attribute. */
    series: Map<string, Series>;
    /** By rule. */
    alerts: Map<string, Event[]>;
    /** Cells that the mapping must refuse: outside the range of the instrument. */
    refused: number;
    silent: boolean;
}

const attributeOf: Record<Pollutant, string> = {
    "PM2.5": "pm25",
    PM10: "pm10",
    SO2: "so2",
    NO2: "no2",
    CO: "co",
    O3: "o3",
};
export const iaqiOf: Record<Pollutant, string> = {
    "PM2.5": "iaqiPm25",
    PM10: "iaqiPm10",
    SO2: "iaqiSo2",
    NO2: "iaqiNo2",
    CO: "iaqiCo",
    O3: "iaqiO3",
};

/** What of a report counts: flagged N and, for PM2.5, within the range of the instrument. */
function valid(report: Report): Hour {
    const hour: Hour = {};
    for (const pollutant of pollutants) {
        const told = report.values[pollutant];
        if (!told || told.flag !== "N") continue;
        const value = Number(told.text);
        if (pollutant === "PM2.5" && (value < 0 || value > 1000)) continue;
        hour[pollutant] = value;
    }
    return hour;
}

const over = (limit: number, end: number, severity: string): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x > limit,
    until: (x) => x <= end,
});
const aqiExceeded: Rule<number> = {
    levels: [over(300, 280, "red"), over(200, 185, "orange"), over(150, 140, "yellow"), over(100, 90, "blue")],
    clearAfterMs: 2 * hourMs,
};
const below = (limit: number, end: number, severity: string): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x > limit,
    until: (x) => x < end,
});
const pm25Day: Rule<number> = { levels: [below(250, 235, "red"), below(150, 140, "orange"), below(75, 70, "yellow")] };
const flagged: Rule<string> = {
    levels: [{ severity: "yellow", when: (x) => ["D", "T", "B"].includes(x), until: (x) => x === "N" }],
};
const impossible: Rule<number> = { levels: [{ severity: "yellow", when: (x) => x < 0 || x > 1000 }] };
const frozen: Rule<{ value: number; hours: number }> = {
    levels: [{ severity: "yellow", when: (x) => x.hours >= 5 && x.value > 10 }],
};

/** The first report makes the station known; it is claimed behind it, and rules look at that report then. */
function judged<T>(reports: Report[], of: (report: Report, at: number) => T | undefined): Point<T>[] {
    const points: Point<T>[] = [];
    reports.forEach((report, at) => {
        const x = of(report, at);
        if (x !== undefined) points.push({ at: iso(report.at), x });
    });
    return points;
}

const reportedOf = (report: Report): number | undefined => {
    const told = report.values["PM2.5"];
    return told && Number(told.text);
};

/** For how many hours the value of a report has stood, among reports of the last twelve hours. */
function stood(reports: Report[], at: number): { value: number; hours: number } | undefined {
    const value = reportedOf(reports[at]!);
    if (value === undefined) return undefined;
    const now = reports[at]!.at;
    let since = now;
    for (let i = at - 1; i >= 0 && now - reports[i]!.at < 12 * hourMs; i--) {
        const before = reportedOf(reports[i]!);
        if (before === undefined) continue;
        if (before !== value) break;
        since = reports[i]!.at;
    }
    return { value, hours: (now - since) / hourMs };
}

function mean24(reports: Report[], at: number): number | undefined {
    const now = reports[at]!.at;
    const values = reports
        .slice(0, at + 1)
        .filter((report) => now - report.at < 24 * hourMs)
        .map((report) => valid(report)["PM2.5"])
        .filter((value) => value !== undefined);
    // It is made when PM2.5 comes in.
    if (valid(reports[at]!)["PM2.5"] === undefined || values.length < 20) return undefined;
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function seriesOf(reports: Report[]): Map<string, Series> {
    const all = new Map<string, Series>();
    const put = (attribute: string, at: number, value: number | string | undefined): void => {
        if (value === undefined) return;
        if (!all.has(attribute)) all.set(attribute, new Map());
        all.get(attribute)!.set(iso(at), value);
    };
    reports.forEach((report, at) => {
        const hour = valid(report);
        const found = index(hour);
        for (const pollutant of pollutants) {
            put(attributeOf[pollutant], report.at, hour[pollutant]);
            put(iaqiOf[pollutant], report.at, found?.of[pollutant]);
        }
        put("airQualityIndex", report.at, found?.aqi);
        put("airQualityLevel", report.at, found?.level);
        put("mainPollutant", report.at, found?.main);
        put("pm25Mean24h", report.at, mean24(reports, at));
        put("pm25Reported", report.at, reportedOf(report));
        put("pm25Flag", report.at, report.values["PM2.5"]?.flag);
    });
    return all;
}

function alertsOf(reports: Report[]): Map<string, Event[]> {
    const alerts = new Map<string, Event[]>([
        ["station-flagged", follow(flagged, judged(reports, (report) => report.values["PM2.5"]?.flag))],
        ["value-impossible", follow(impossible, judged(reports, reportedOf))],
        ["value-frozen", follow(frozen, judged(reports, (_, at) => stood(reports, at)))],
    ]);
    const faulty: Span[] = [...alerts.values()].flatMap(spans);
    const aqis = judged(reports, (report) => index(valid(report))?.aqi);
    const means = judged(reports, (_, at) => mean24(reports, at));
    alerts.set("aqi-exceeded", follow(aqiExceeded, aqis, faulty));
    alerts.set("pm25-day", follow(pm25Day, means, faulty));
    return alerts;
}

export function expected(): Expected[] {
    return stations().map((station) => {
        const { reports } = station;
        const newest = reports.findLast((report) => valid(report)["PM2.5"] !== undefined)!.at;
        return {
            station,
            frames: reports.length,
            series: seriesOf(reports),
            alerts: alertsOf(reports),
            refused: reports.filter((report) => {
                const told = report.values["PM2.5"];
                return told?.flag === "N" && valid(report)["PM2.5"] === undefined;
            }).length,
            silent: lastHour - newest > 3 * hourMs,
        };
    });
}
