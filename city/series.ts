// The recorded series that the player lets run again: what the sources say, as readings with entities to put them on.
import { readFileSync } from "node:fs";
import { localTime, type Reading, type Span } from "./clock.ts";
import { numberOf, parseCsv } from "./csv.ts";
import { dateTime, geo, property, provenance, relation, text, type Attribute, type Entity } from "./ngsi.ts";
import type { SourceName } from "./sources.ts";

/** One measured value: what stands in the source, with the unit as a UN/CEFACT code. */
interface Value {
    value: number | string | undefined;
    unitCode?: string;
}

export type Values = Record<string, Value | [number, number]>;

export type LinkName = "air" | "city-buses" | "city-cars" | "rivers" | "ships";

export interface Series {
    id: string;
    type: string;
    /** Who speaks on the recording's link: MN, phone, station, MMSI. */
    device?: string;
    /** What does not change: names, numbers, a fixed place. */
    fixed: Record<string, Attribute>;
    readings: Reading<Values>[];
}

/** Series that were recorded together and run at one speed. */
export interface Recording {
    source: SourceName;
    /** The link (city/links) on which its devices speak; without one it is posted. */
    link?: LinkName;
    /** Recorded seconds in a second of the player. */
    speed: number;
    /** A device whose trip is over stands, and says its place again after so many milliseconds. */
    againMs?: number;
    series: Series[];
}

const rowsOf = (file: string): Record<string, string>[] =>
    parseCsv(readFileSync(new URL(`data/${file}`, import.meta.url), "utf8"));

const byTime = (readings: Reading<Values>[]): Reading<Values>[] => readings.sort((a, b) => a.at - b.at);

/** Angles of the 16 winds, clockwise from north. */
const winds = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];

function windAngle(name: string | undefined): number | undefined {
    const at = winds.indexOf(name ?? "");
    return at < 0 ? undefined : at * 22.5;
}

const thousandth = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : value / 1000;

function air(): Recording {
    const stations = [
        // 24 hex digits, as HJ 212-2017 wants: the division's code, then what the sample made up.
        {
            file: "air_wanliu.csv",
            mn: "110108A10000000000000001",
            zh: "万柳（北京海淀）",
            en: "Wanliu (Haidian, Beijing)",
        },
        {
            file: "air_dingling.csv",
            mn: "110114A10000000000000001",
            zh: "定陵（北京昌平）",
            en: "Dingling (Changping, Beijing)",
        },
    ];
    const ug = "GQ";
    return {
        source: "air",
        link: "air",
        speed: 120,
        series: stations.map(({ file, mn, zh, en }) => ({
            id: `urn:ngsi-ld:AirQualityObserved:${mn}`,
            type: "AirQualityObserved",
            device: mn,
            fixed: { name: text({ zh, en }), typeOfLocation: property("outdoor") },
            readings: byTime(
                rowsOf(file).map((row) => ({
                    at: localTime(
                        Number(row["year"]),
                        Number(row["month"]),
                        Number(row["day"]),
                        Number(row["hour"]),
                        8,
                    ),
                    values: {
                        pm25: { value: numberOf(row["PM2.5"]), unitCode: ug },
                        pm10: { value: numberOf(row["PM10"]), unitCode: ug },
                        so2: { value: numberOf(row["SO2"]), unitCode: ug },
                        no2: { value: numberOf(row["NO2"]), unitCode: ug },
                        // Told in mg/m3 by HJ 212 and judged so by HJ 633; the source has µg/m3.
                        co: { value: thousandth(numberOf(row["CO"])), unitCode: "GP" },
                        o3: { value: numberOf(row["O3"]), unitCode: ug },
                        temperature: { value: numberOf(row["TEMP"]), unitCode: "CEL" },
                        atmosphericPressure: { value: numberOf(row["PRES"]), unitCode: "A97" },
                        precipitation: { value: numberOf(row["RAIN"]), unitCode: "MMT" },
                        windSpeed: { value: numberOf(row["WSPM"]), unitCode: "MTS" },
                        windDirection: { value: windAngle(row["wd"]), unitCode: "DD" },
                    },
                })),
            ),
        })),
    };
}

function weather(): Recording {
    const at = (stamp: string): number => {
        const [, y, m, d, h] = /^(\d+)-(\d+)-(\d+) (\d+):/.exec(stamp)!.map(Number) as number[];
        return localTime(y!, m!, d!, h!, -4);
    };
    return {
        source: "weather",
        speed: 120,
        series: [
            {
                id: "urn:ngsi-ld:WeatherObserved:drummondville",
                type: "WeatherObserved",
                fixed: { name: text({ zh: "德拉蒙维尔气象站", en: "Drummondville field station" }) },
                readings: byTime(
                    rowsOf("weather_drummondville.csv").map((row) => {
                        const humidity = numberOf(row["Relative humidity (%)"]);
                        return {
                            at: at(row["datetime_local"]!),
                            values: {
                                temperature: { value: numberOf(row["Air temperature (degC)"]), unitCode: "CEL" },
                                // The model wants a share of one.
                                relativeHumidity: {
                                    value: humidity === undefined ? undefined : humidity / 100,
                                    unitCode: "C62",
                                },
                                windSpeed: { value: numberOf(row["Wind speed (km.h-1)"]), unitCode: "KMH" },
                                atmosphericPressure: {
                                    value: numberOf(row["Atmospheric pressure (kPa)"]),
                                    unitCode: "KPA",
                                },
                                solarRadiation: {
                                    value: numberOf(row["Shortwave radiation (W.m-2)"]),
                                    unitCode: "D54",
                                },
                                precipitation: { value: numberOf(row["Precipitation (mm)"]), unitCode: "MMT" },
                            },
                        };
                    }),
                ),
            },
        ],
    };
}

function vessels(): Recording {
    const ships = new Map<string, Record<string, string>[]>();
    for (const row of rowsOf("vessels_lower_mississippi.csv")) {
        const mmsi = row["MMSI"]!;
        if (!ships.has(mmsi)) ships.set(mmsi, []);
        ships.get(mmsi)!.push(row);
    }
    const known = (value: number | undefined, none: number): number | undefined => (value === none ? undefined : value);
    return {
        source: "vessels",
        link: "ships",
        speed: 60,
        series: [...ships].map(([mmsi, rows]) => {
            const first = rows[0]!;
            const name = first["VesselName"]!;
            const length = numberOf(first["Length"]);
            const beam = numberOf(first["Width"]);
            return {
                id: `urn:ngsi-ld:Vessel:mmsi-${mmsi}`,
                type: "Vessel",
                device: mmsi,
                fixed: {
                    name: text({ zh: name, en: name }),
                    mmsi: property(Number(mmsi)),
                    vesselType: property(Number(first["VesselType"])),
                    ...(length ? { length: property(length, "MTR") } : {}),
                    ...(beam ? { beam: property(beam, "MTR") } : {}),
                },
                readings: byTime(
                    rows.map((row) => ({
                        at: Date.parse(`${row["BaseDateTime"]}Z`),
                        values: {
                            location: [Number(row["LON"]), Number(row["LAT"])],
                            // 102.3, 360 and 511 are how AIS says "not available".
                            speedOverGround: { value: known(numberOf(row["SOG"]), 102.3), unitCode: "KNT" },
                            courseOverGround: { value: known(numberOf(row["COG"]), 360), unitCode: "DD" },
                            heading: { value: known(numberOf(row["Heading"]), 511), unitCode: "DD" },
                        },
                    })),
                ),
            };
        }),
    };
}

/** The number by which a trip's terminal calls itself: twelve digits, of which no network has any that begin so. */
const phoneOf = (trip: string): string => `00014${trip.padStart(7, "0")}`;

function bus(): Recording {
    const stop = (name: string | undefined): string => (name ?? "").replaceAll("_", " ");
    // The source gives every row the same vehicle number, though trips overlap in time: a trip is what one bus drove.
    const trips = new Map<string, Record<string, string>[]>();
    for (const row of rowsOf("bus_route14_liverpool.csv")) {
        const trip = row["trip_id"]!;
        if (!trips.has(trip)) trips.set(trip, []);
        trips.get(trip)!.push(row);
    }
    return {
        source: "bus",
        link: "city-buses",
        speed: 1,
        againMs: 30 * 60_000,
        series: [...trips].map(([trip, rows]) => ({
            id: `urn:ngsi-ld:Vehicle:${phoneOf(trip)}`,
            type: "Vehicle",
            device: phoneOf(trip),
            fixed: {
                name: text({ zh: `14 路公交 ${trip} 班次`, en: `Route 14, trip ${trip}` }),
                vehicleType: property("bus"),
                route: property("14"),
                trip: property(trip),
            },
            readings: byTime(
                rows.map((row) => ({
                    at: Date.parse(`${row["timestamp"]!.replace(" ", "T")}Z`),
                    values: {
                        location: [Number(row["longitude"]), Number(row["latitude"])],
                        bearing: { value: numberOf(row["bearing"]), unitCode: "DD" },
                        destination: { value: stop(row["destination"]) },
                    },
                })),
            ),
        })),
    };
}

function river(): Recording {
    const gauges = [
        {
            code: "01022500",
            zh: "纳拉瓜格斯河（缅因州彻里菲尔德）",
            en: "Narraguagus River at Cherryfield, Maine",
            at: [-67.93524, 44.60797],
        },
        {
            code: "01547700",
            zh: "马什溪（宾夕法尼亚州布兰查德）",
            en: "Marsh Creek at Blanchard, Pennsylvania",
            at: [-77.60583, 41.05951],
        },
        {
            code: "02064000",
            zh: "福灵河（弗吉尼亚州纳鲁纳）",
            en: "Falling River near Naruna, Virginia",
            at: [-78.95974, 37.12681],
        },
    ];
    const cubicFoot = 0.028316846592;
    return {
        source: "river",
        link: "rivers",
        // A day lasts a minute, which is as fine as SL 651 tells when something was observed.
        speed: 1440,
        series: gauges.map(({ code, zh, en, at }) => ({
            id: `urn:ngsi-ld:RiverFlowObserved:usgs-${code}`,
            type: "RiverFlowObserved",
            device: code.padStart(10, "0"),
            fixed: { name: text({ zh, en }), stationCode: property(code), location: geo("Point", at) },
            readings: byTime(
                rowsOf(`river_${code}.csv`).map((row) => {
                    const flow = numberOf(row["discharge_cfs"]);
                    return {
                        at: Date.parse(`${row["date"]}T00:00:00Z`),
                        values: {
                            discharge: {
                                value: flow === undefined ? undefined : Number((flow * cubicFoot).toPrecision(6)),
                                unitCode: "MQS",
                            },
                            qualityFlag: { value: row["qc_flag"] || undefined },
                        },
                    };
                }),
            ),
        })),
    };
}

function server(): Recording {
    const at = (stamp: string): number => {
        const [, y, m, d, h] = /^(\d+)-(\d+)-(\d+) (\d+):/.exec(stamp)!.map(Number) as number[];
        return localTime(y!, m!, d!, h!, -4);
    };
    const round = (field: string | undefined): number | undefined => {
        const value = numberOf(field);
        return value === undefined ? undefined : Number(value.toFixed(3));
    };
    return {
        source: "server",
        speed: 120,
        series: [
            {
                id: "urn:ngsi-ld:ServerObserved:cbsugpu09",
                type: "ServerObserved",
                fixed: { name: text({ zh: "GPU 服务器 cbsugpu09", en: "GPU server cbsugpu09" }) },
                readings: byTime(
                    rowsOf("server_cbsugpu09.csv").map((row) => ({
                        at: at(row["timestamp"]!),
                        values: {
                            power: { value: round(row["powerave"]), unitCode: "WTT" },
                            powerMax: { value: round(row["powermax"]), unitCode: "WTT" },
                            temperature: { value: round(row["tempave"]), unitCode: "CEL" },
                            utilization: { value: round(row["utilave"]), unitCode: "P1" },
                            memoryUsed: { value: round(row["gmemave"]), unitCode: "P1" },
                        },
                    })),
                ),
            },
        ],
    };
}

export function recordings(): Recording[] {
    return [air(), weather(), vessels(), bus(), river(), server()];
}

/** The time that a whole recording covers, so that its series stay in step. */
export function spanOf(recording: Recording): Span {
    let start = Infinity;
    let end = -Infinity;
    let count = 0;
    for (const { readings } of recording.series) {
        if (readings.length === 0) continue;
        start = Math.min(start, readings[0]!.at);
        end = Math.max(end, readings.at(-1)!.at);
        count = Math.max(count, readings.length);
    }
    // One usual step more, so that the last reading lasts as long as the others.
    return { start, end: end + Math.round((end - start) / Math.max(1, count - 1)) };
}

/** What says of an entity that it is a replay, and of what. */
export const replayOf = (recording: Recording): Record<string, Attribute> => ({
    replay: property(true),
    replaySpeed: property(recording.speed),
    shownIn: relation("urn:ngsi-ld:Division:321100"),
    ...provenance(recording.source),
});

/** The values of a reading as attributes observed at `dueAt`; `only`: those that it names. */
export function measuredOf(reading: Reading<Values>, dueAt: number, only?: string[]): Record<string, Attribute> {
    const observedAt = new Date(dueAt).toISOString();
    const measured: Record<string, Attribute> = {};
    for (const [name, value] of Object.entries(reading.values)) {
        if (only && !only.includes(name)) continue;
        if (Array.isArray(value)) measured[name] = { ...geo("Point", value), observedAt };
        else if (value.value !== undefined) {
            measured[name] = {
                type: "Property",
                value: value.value,
                observedAt,
                ...(value.unitCode ? { unitCode: value.unitCode } : {}),
            };
        }
    }
    return measured;
}

export const originalOf = (reading: Reading<Values>): Attribute => dateTime(new Date(reading.at).toISOString());

/** The entity as it stands when `reading` happens at `dueAt`: re-dated, marked as a replay, with its original time. */
export function entityOf(recording: Recording, series: Series, reading: Reading<Values>, dueAt: number): Entity {
    return {
        id: series.id,
        type: series.type,
        ...series.fixed,
        ...measuredOf(reading, dueAt),
        originalObservedAt: originalOf(reading),
        ...replayOf(recording),
    };
}
