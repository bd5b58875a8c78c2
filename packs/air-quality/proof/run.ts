// S35: stations send HJ 212-2017 frames; the city must give IAQI, AQI, main pollutant, means of 24 hours, and alerts.
import { digits8 } from "../../../city/frames/bytes.ts";
import { readAnswers, upload } from "../../../city/frames/hj212.ts";
import type { Line } from "../../../city/line.ts";
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import type { Pollutant } from "./aqi.ts";
import { expected, type Expected } from "./expected.ts";
import { faults } from "./faults.ts";
import { iso, stations, type Report, type Station } from "./stations.ts";

const link = "air-stations";
/** HJ 524: codes of factors. */
const factors: Record<Pollutant, string> = {
    "PM2.5": "a34004",
    PM10: "a34002",
    SO2: "a21026",
    NO2: "a21004",
    CO: "a21005",
    O3: "a05024",
};
const answered = new WeakMap<City, Map<string, number>>();

/** A report as the frame of an hour (2061) that a station sends. */
function frameOf(station: Station, report: Report): { bytes: Buffer; key: string } {
    const key = digits8(report.at + 300_000 + Number(station.mn.slice(-2)));
    const values = Object.entries(report.values).map(([pollutant, { text, flag }]) => [
        factors[pollutant as Pollutant],
        { Avg: text, Flag: flag },
    ]);
    const bytes = upload({
        qn: key,
        st: "22",
        cn: "2061",
        password: "123456",
        mn: station.mn,
        dataTime: digits8(report.at).slice(0, 14),
        factors: Object.fromEntries(values) as Record<string, Record<string, string>>,
    });
    return { bytes, key };
}

/** The reports with one thing altered. */
function mutated(all: Station[], mutation: string | undefined): Station[] {
    const [wanliu, , faulty] = all as [Station, Station, Station, Station];
    const pm25 = (station: Station, hour: number): { text: string; flag: string } =>
        station.reports[hour]!.values["PM2.5"]!;
    switch (mutation) {
        case undefined:
            break;
        case "value":
            // 4 March, 13:00: 419 µg/m³, the worst hour but three.
            pm25(wanliu, 61).text = "34";
            break;
        case "flag":
            for (let hour = faults.flagged.from; hour <= faults.flagged.to; hour++) pm25(faulty, hour).flag = "N";
            break;
        case "lost":
            wanliu.reports.splice(40, 1);
            break;
        case "time":
            wanliu.reports[40]!.at += 600_000;
            break;
        case "unit":
            for (const { values } of wanliu.reports) {
                if (values.CO) values.CO.text = String(Number(values.CO.text) * 1000);
            }
            break;
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return all;
}

/** One report sent, answered, and followed by what is derived from it. */
async function say(city: City, line: Line, station: Station, report: Report): Promise<boolean> {
    const well = (await city.sendFrames(line, [frameOf(station, report)])) === 1;
    // The main pollutant is derived last, and written together with the alerts of this hour.
    if (Object.keys(report.values).length > 0) await city.reached(station.id, "mainPollutant", iso(report.at));
    return well;
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const all = mutated(stations(), mutation);
    const lines = new Map(all.map((station) => [station, city.line(link, readAnswers)]));
    const counts = new Map<string, number>();
    answered.set(city, counts);
    const hours = new Set(all.flatMap((station) => station.reports.map((report) => report.at)));
    const times = [...hours].sort((a, b) => a - b);
    for (const at of times) {
        await Promise.all(
            all.map(async (station) => {
                const report = station.reports.find((one) => one.at === at);
                if (!report) return;
                const well = await say(city, lines.get(station)!, station, report);
                counts.set(station.mn, (counts.get(station.mn) ?? 0) + Number(well));
                if (report !== station.reports[0]) return;
                // It is known from its first frame on; somebody claims it. It sends what it could not send before.
                await city.claim(link, station.mn, {
                    type: "AirQualityObserved",
                    name: { type: "Property", value: station.name },
                    stationStatus: { type: "Property", value: "backfill" },
                });
            }),
        );
    }
    await city.waitSettled();
    // All is sent: from now on they are watched for silence.
    for (const station of all) {
        const path = `/ngsi-ld/v1/entities/${encodeURIComponent(station.id)}/attrs`;
        await city.done("PATCH", path, { stationStatus: { type: "Property", value: "inService" } }, city.names);
    }
    await city.waitSettled();
}

export const expect = (): Expected[] => expected();

export async function check(city: City, all: Expected[]): Promise<Check[]> {
    const checks: Check[] = [];
    const silent: string[] = [];
    for (const { station, frames, series: wanted, alerts, silent: isSilent } of all) {
        const { name, id, mn } = station;
        checks.push(same(`${name}: frames answered`, frames, answered.get(city)?.get(mn) ?? 0));
        for (const [attribute, values] of wanted) {
            // A mean of decimals: the order of adding may show in the last digit.
            const tolerance = attribute === "pm25Mean24h" ? 1e-9 : 0;
            checks.push(series(`${name}: ${attribute}`, values, await city.temporal(id, attribute), tolerance));
        }
        if (station.published) {
            const aqi = new Map([...station.published].map(([at, one]) => [at, one.aqi]));
            const main = new Map([...station.published].map(([at, one]) => [at, one.main]));
            checks.push(series(`${name}: AQI as published`, aqi, await city.temporal(id, "airQualityIndex")));
            checks.push(series(`${name}: main pollutant as published`, main, await city.temporal(id, "mainPollutant")));
        }
        const hours = new Set(station.reports.map((report) => iso(report.at)));
        for (const [rule, events] of alerts) {
            const found = await city.course(rule, id, (at) => hours.has(at));
            checks.push(course(`${name}: alert ${rule}`, events, found));
        }
        if (isSilent) silent.push(id);
    }
    const silentNow = (await city.alerts({ status: "open", rule: "station-silent" })).map((alert) => alert.alertSource);
    checks.push(same("stations that are silent now", silent.sort(), silentNow.sort()));
    const refused = all.reduce((sum, one) => sum + one.refused, 0);
    const aside = await city.get(`/api/links/${link}/quarantine`);
    checks.push(same("frames set aside for a value outside the range", refused, (aside as unknown[]).length));
    return checks;
}
