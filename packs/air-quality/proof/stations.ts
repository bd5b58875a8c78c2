// The proof's stations and what they report, hour by hour: from the raw files alone.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { numberOf, parseCsv } from "../../../city/csv.ts";
import { withFaults } from "./faults.ts";
import type { Pollutant } from "./aqi.ts";

const data = resolve(fileURLToPath(import.meta.url), "../../data");
export const hourMs = 3_600_000;

/** Recorded hours are moved so that the last one is the hour that is now: silence is judged by the clock. */
export const lastHour = Math.floor(Date.now() / hourMs) * hourMs;

/** One hour's report. Values as they are put into the frame; a pollutant that was not measured is not there. */
export interface Report {
    /** ms since 1970, moved. */
    at: number;
    values: Partial<Record<Pollutant, { text: string; flag: string }>>;
}

export interface Published {
    aqi: number;
    main: string;
}

export interface Station {
    /** MN of HJ 212-2017: 24 characters. */
    mn: string;
    id: string;
    name: string;
    reports: Report[];
    /** What the source itself published for these hours. */
    published?: Map<string, Published>;
}

export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

interface Raw {
    at: number;
    pm25?: number | undefined;
    pm10?: number | undefined;
    so2?: number | undefined;
    no2?: number | undefined;
    /** mg/m³ */
    co?: number | undefined;
    o3?: number | undefined;
}

function uci(file: string, firstDay: number, lastDay: number): Raw[] {
    return parseCsv(readFileSync(resolve(data, file), "utf8"))
        .filter((row) => Number(row["day"]) >= firstDay && Number(row["day"]) <= lastDay)
        .map((row) => {
            const co = numberOf(row["CO"]);
            return {
                at: Date.UTC(2016, Number(row["month"]) - 1, Number(row["day"]), Number(row["hour"]) - 8),
                pm25: numberOf(row["PM2.5"]),
                pm10: numberOf(row["PM10"]),
                so2: numberOf(row["SO2"]),
                no2: numberOf(row["NO2"]),
                co: co === undefined ? undefined : co / 1000,
                o3: numberOf(row["O3"]),
            };
        });
}

/** A value as a frame writes it. */
const written = (value: number): string => String(value);

function reportsOf(rows: Raw[], flag: (hour: number) => string = () => "N"): Report[] {
    const shift = lastHour - rows.at(-1)!.at;
    return rows.map((row, hour) => {
        const values: Report["values"] = {};
        const put = (pollutant: Pollutant, value: number | undefined, of = "N"): void => {
            if (value !== undefined) values[pollutant] = { text: written(value), flag: of };
        };
        put("PM2.5", row.pm25, flag(hour));
        put("PM10", row.pm10);
        put("SO2", row.so2);
        put("NO2", row.no2);
        put("CO", row.co);
        put("O3", row.o3);
        return { at: row.at + shift, values };
    });
}

const idOf = (mn: string): string => `urn:ngsi-ld:AirQualityObserved:${mn.toLowerCase()}`;

function station(mn: string, name: string, reports: Report[]): Station {
    return { mn, id: idOf(mn), name, reports };
}

/** QWeather's published hours: concentrations with the AQI and the main pollutant that were published for them. */
function published(): Station {
    interface Row {
        pubTime: string;
        aqi: string;
        primary: string;
        pm10: string;
        pm2p5: string;
        no2: string;
        so2: string;
        co: string;
        o3: string;
    }
    const file = JSON.parse(readFileSync(resolve(data, "qweather_historical_air_zh.json"), "utf8")) as {
        airHourly: Row[];
    };
    const rows = file.airHourly.map((row) => ({
        at: Date.parse(`${row.pubTime.replace(" ", "T")}:00+08:00`),
        pm25: Number(row.pm2p5),
        pm10: Number(row.pm10),
        so2: Number(row.so2),
        no2: Number(row.no2),
        co: Number(row.co),
        o3: Number(row.o3),
    }));
    const made = station("JINDUPROOF00000000000004", "QWeather", reportsOf(rows));
    const main: Record<string, string> = { NA: "none" };
    made.published = new Map(
        file.airHourly.map((row, at) => [
            iso(made.reports[at]!.at),
            { aqi: Number(row.aqi), main: main[row.primary] ?? row.primary },
        ]),
    );
    return made;
}

/** How many hours before the others the second station falls silent. */
export const silentHours = 6;

export function stations(): Station[] {
    const wanliu = uci("air_wanliu.csv", 2, 5);
    const dingling = uci("air_dingling.csv", 2, 5);
    const clean = uci("air_wanliu.csv", 10, 13);
    const faulty = withFaults(clean.map((row) => row.pm25));
    return [
        station("JINDUPROOF00000000000001", "Wanliu", reportsOf(wanliu)),
        station("JINDUPROOF00000000000002", "Dingling", reportsOf(dingling).slice(0, -silentHours)),
        station(
            "JINDUPROOF00000000000003",
            "Wanliu, with faults",
            reportsOf(
                clean.map((row, hour) => ({ ...row, pm25: faulty[hour]!.pm25 })),
                (hour) => faulty[hour]!.flag,
            ),
        ),
        published(),
    ];
}
