// Real series of different shapes, each imported by one command through its mapping in city/mappings, exported again,
// and held to a reading of the raw files that shares nothing with the program: the text of every number and of every
// instant. Cuts that may be shipped lie in tests/data and city/data; the whole files are read where ../shared is there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { binary, root } from "./server.ts";

const shared = join(process.env["JINDU_SHARED"] ?? join(root, "../shared"), "data");
const work = mkdtempSync(join(tmpdir(), "jindu-series-"));
after(() => rmSync(work, { recursive: true, force: true }));

/* ---- running the program ---- */

interface Done {
    code: number | null;
    out: string;
    err: string;
}

function jindu(...args: string[]): Done {
    const done = spawnSync(binary, args, {
        encoding: "utf8",
        maxBuffer: 1 << 30,
        env: { ...process.env, LANG: "C.UTF-8", LC_ALL: "C.UTF-8" },
    });
    return { code: done.status, out: done.stdout, err: done.stderr };
}

/* ---- reading raw files ---- */

type Row = Record<string, string>;

/** Rows of a table by the names of its header; quotes as RFC 4180 has them. */
function rows(text: string, separator = ","): Row[] {
    const all: string[][] = [];
    let row: string[] = [];
    let cell = "";
    let quoted = false;
    for (let i = 0; i < text.length; i++) {
        const c = text[i]!;
        if (quoted) {
            if (c !== '"') cell += c;
            else if (text[i + 1] === '"') {
                cell += '"';
                i++;
            } else quoted = false;
        } else if (c === '"' && cell === "") quoted = true;
        else if (c === separator || c === "\n") {
            row.push(cell.replace(/\r$/, ""));
            cell = "";
            if (c === "\n") {
                all.push(row);
                row = [];
            }
        } else cell += c;
    }
    if (cell !== "" || row.length > 0) all.push([...row, cell.replace(/\r$/, "")]);
    const names = all.shift()!.map((name) => name.trim());
    return all.map((cells) => Object.fromEntries(names.map((name, i) => [name, (cells[i] ?? "").trim()])));
}

const two = (n: number): string => String(n).padStart(2, "0");

/** The instant at which clocks so many hours east of Greenwich showed this. */
function instant(y: number, mo: number, d: number, h = 0, mi = 0, s = 0, east = 0): string {
    const at = new Date(Date.UTC(y, mo - 1, d, h, mi, s) - east * 3600_000);
    const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
    return `${day}T${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}Z`;
}

const sunday = (y: number, month: number, nth: number): number => {
    const first = new Date(Date.UTC(y, month - 1, 1)).getUTCDay();
    return 1 + ((7 - first) % 7) + (nth - 1) * 7;
};

/** Hours east of Greenwich in New York and Toronto since 2007; of the hour that comes twice, the first. */
function eastern(y: number, mo: number, d: number, h: number): number {
    const now = (mo * 100 + d) * 100 + h;
    const from = (300 + sunday(y, 3, 2)) * 100 + 2;
    const to = (1100 + sunday(y, 11, 1)) * 100 + 2;
    return now >= from && now < to ? -4 : -5;
}

const numbers = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);

/* ---- what the files say, independently ---- */

interface Reading {
    id: string;
    attribute: string;
    dataset?: string;
    at: string;
    value: string;
    unit?: string;
}

interface Read {
    /** In the order of the file; of one key the last one counts. */
    readings: Reading[];
    refused?: number;
}

interface Series {
    mapping: string;
    /** Cuts in this repository. */
    cut: string[];
    /** Whole files below shared/data. */
    whole: string[];
    encoding?: string;
    /** Of the whole files: keys (readings, repeats folded), entities, and keys behind a newer one when they came. */
    expect: { rows: number; readings: number; entities: number; late: number; refused?: number };
    read(file: string, text: string): Read;
}

const present = (text: string | undefined, ...missing: string[]): text is string =>
    text !== undefined && text !== "" && !missing.includes(text);
const datum = (name: string): string => `urn:ngsi-ld:Dataset:${name}`;
const point = (lon: string, lat: string): string => `{"type":"Point","coordinates":[${lon},${lat}]}`;

const wide =
    (
        id: (row: Row, file: string) => string,
        at: (row: Row) => string,
        columns: [string, string, string?, string?][],
        ...missing: string[]
    ) =>
    (file: string, text: string, separator = ","): Read => ({
        readings: rows(text, separator).flatMap((row) =>
            columns
                .filter(([, column]) => present(row[column], ...missing))
                .map(([attribute, column, unit, dataset]) => ({
                    id: id(row, file),
                    attribute,
                    at: at(row),
                    value: row[column]!,
                    ...(unit ? { unit } : {}),
                    ...(dataset ? { dataset } : {}),
                })),
        ),
    });

const local = (text: string): string => {
    const [y, mo, d, h, mi, s] = numbers(text) as [number, number, number, number, number, number?];
    return instant(y, mo, d, h, mi, s ?? 0, eastern(y, mo, d, h));
};
const utc = (text: string): string => `${text.replace(" ", "T")}Z`;

const series: Record<string, Series> = {
    "air: time in four columns, NA, text beside numbers": {
        mapping: "air",
        cut: ["city/data/air_wanliu.csv", "city/data/air_dingling.csv"],
        whole: ["air/prsa_Wanliu_2016.csv", "air/prsa_Dingling_2016.csv"],
        expect: { rows: 17_568, readings: 208_249, entities: 2, late: 0 },
        read: wide(
            (row) => `urn:ngsi-ld:AirQualityObserved:beijing-${row["station"]!.toLowerCase()}`,
            (row) =>
                instant(Number(row["year"]), Number(row["month"]), Number(row["day"]), Number(row["hour"]), 0, 0, 8),
            [
                ["pm25", "PM2.5", "GQ"],
                ["pm10", "PM10", "GQ"],
                ["so2", "SO2", "GQ"],
                ["no2", "NO2", "GQ"],
                ["co", "CO", "GQ"],
                ["o3", "O3", "GQ"],
                ["temperature", "TEMP", "CEL"],
                ["atmosphericPressure", "PRES", "A97"],
                ["dewPoint", "DEWP", "CEL"],
                ["precipitation", "RAIN", "MMT"],
                ["windDirection", "wd"],
                ["windSpeed", "WSPM", "MTS"],
            ],
            "NA",
        ),
    },
    "weather: local time with summer time, half of it missing": {
        mapping: "weather",
        cut: ["tests/data/weather_drummondville_dst.csv"],
        whole: ["weather/drummondville_hourly_2019.csv"],
        expect: { rows: 8762, readings: 27_334, entities: 1, late: 0 },
        read: wide(
            () => "urn:ngsi-ld:WeatherObserved:drummondville",
            (row) => local(row["datetime_local"]!),
            [
                ["temperature", "Air temperature (degC)", "CEL"],
                ["dewPoint", "Dew point temperature (degC)", "CEL"],
                ["relativeHumidity", "Relative humidity (%)", "P1"],
                ["windSpeed", "Wind speed (km.h-1)", "KMH"],
                ["atmosphericPressure", "Atmospheric pressure (kPa)", "KPA"],
                ["solarRadiation", "Shortwave radiation (W.m-2)", "D54"],
                ["precipitation", "Precipitation (mm)", "MMT"],
            ],
            "NA",
        ),
    },
    "server: milliseconds, an ambiguous hour, three statistics": {
        mapping: "server",
        cut: ["tests/data/server_cbsugpu09_dst.csv"],
        whole: ["datacentre/cornell_biohpc_cbsugpu09_hourly.csv"],
        expect: { rows: 8497, readings: 101_964, entities: 1, late: 0 },
        read: wide(
            (row) => `urn:ngsi-ld:ServerObserved:${row["name"]}`,
            (row) => local(row["timestamp"]!.slice(0, -4)).replace("Z", `${row["timestamp"]!.slice(-4)}Z`),
            [
                ["power", "power", "WTT"],
                ["temperature", "temp", "CEL"],
                ["utilization", "util", "P1"],
                ["memoryUse", "gmem", "P1"],
            ].flatMap(([attribute, column, unit]): [string, string, string, string?][] => [
                [attribute!, `${column}ave`, unit!],
                [attribute!, `${column}min`, unit!, datum("min")],
                [attribute!, `${column}max`, unit!, datum("max")],
            ]),
        ),
    },
    "soil: long form, two sensors a plot": {
        mapping: "soil",
        cut: ["tests/data/soil_plots.csv"],
        whole: ["agriculture/soil_moisture_temp_daily_plots_E1_E2.csv"],
        expect: { rows: 6576, readings: 4902, entities: 2, late: 0 },
        read: (_file, text) => ({
            readings: rows(text)
                .filter((row) => present(row["Value"]))
                .map((row) => {
                    const [y, mo, d] = numbers(row["date"]!) as [number, number, number];
                    const water = row["Variable"] === "Soil Volumetric Water Content";
                    return {
                        id: `urn:ngsi-ld:AgriParcelRecord:drummondville-${row["Experimental Plot"]!.toLowerCase()}`,
                        attribute: water ? "soilMoistureVwc" : "soilTemperature",
                        dataset: datum(row["Sensor"]!.toLowerCase().replaceAll(" ", "-")),
                        at: instant(y, mo, d, 0, 0, 0, eastern(y, mo, d, 0)),
                        value: row["Value"]!,
                        unit: water ? "P1" : "CEL",
                    };
                }),
        }),
    },
    "vessels: many entities, positions, sentinels": {
        mapping: "vessels",
        cut: ["city/data/vessels_lower_mississippi.csv"],
        whole: ["port/us_ais_2022-01-03_lower_mississippi.csv"],
        expect: { rows: 13_776, readings: 64_559, entities: 814, late: 0 },
        read: (_file, text) => ({ readings: vessels(text) }),
    },
    "vessels of Los Angeles: quoted cells, keys that repeat": {
        mapping: "vessels",
        cut: ["tests/data/vessels_los_angeles.csv"],
        whole: ["port/us_ais_2022-01-03_la_long_beach.csv"],
        expect: { rows: 2214, readings: 8364, entities: 457, late: 0 },
        read: (_file, text) => ({ readings: vessels(text) }),
    },
    "steel: dates of two widths, midnight is the end of its day": {
        mapping: "steel",
        cut: ["tests/data/steel_gwangyang.csv"],
        whole: ["industry/uci_steel_energy_2018_jan_apr.csv"],
        expect: { rows: 11_520, readings: 80_640, entities: 1, late: 0 },
        read: wide(
            () => "urn:ngsi-ld:ACMeasurement:daewoo-gwangyang",
            (row) => {
                const [d, mo, y, h, mi] = numbers(row["date"]!) as [number, number, number, number, number];
                return instant(y, mo, h === 0 && mi === 0 ? d + 1 : d, h, mi, 0, 9);
            },
            [
                ["activeEnergyImport", "Usage_kWh", "KWH"],
                ["reactiveEnergyImport", "Lagging_Current_Reactive.Power_kVarh", "K3"],
                ["reactiveEnergyExport", "Leading_Current_Reactive_Power_kVarh", "K3"],
                ["co2", "CO2(tCO2)", "TNE"],
                ["powerFactorLagging", "Lagging_Current_Power_Factor", "P1"],
                ["powerFactorLeading", "Leading_Current_Power_Factor", "P1"],
                ["loadType", "Load_Type"],
            ],
        ),
    },
    "machine: 17 digits, an hour told twice, the id from the file's name": {
        mapping: "machine",
        cut: ["tests/data/machine_temperature.csv"],
        whole: ["industry/nab_machine_temperature_system_failure.csv"],
        expect: { rows: 22_695, readings: 22_683, entities: 1, late: 0 },
        read: wide(
            (_row, file) => `urn:ngsi-ld:Device:${basename(file, ".csv").replaceAll("_", "-")}`,
            (row) => utc(row["timestamp"]!),
            [["temperature", "value", "FAH"]],
        ),
    },
    "parking: a column for each entity, four files with other columns": {
        mapping: "parking",
        cut: [],
        whole: ["germany_2022-05-13", "germany_2022-05-14", "germany_2022-05-15", "germany_2025-12-20"].map(
            (day) => `parking/${day}.csv`,
        ),
        expect: { rows: 899, readings: 158_537, entities: 642, late: 0 },
        read: (_file, text) => ({
            readings: rows(text).flatMap((row) =>
                Object.entries(row)
                    .filter(([name, value]) => name !== "timestamp" && value !== "")
                    .map(([name, value]) => ({
                        id: `urn:ngsi-ld:OffStreetParking:${name}`,
                        attribute: "availableSpotNumber",
                        at: row["timestamp"]!.replace("+00:00", "Z"),
                        value,
                        unit: "C62",
                    })),
            ),
        }),
    },
    "pumps: semicolons, CRLF, columns that some files lack": {
        mapping: "pumps",
        cut: [],
        whole: ["anomaly_free", "other_1", "other_5", "valve1_0", "valve1_1"].map(
            (name) => `industry/skab_${name}.csv`,
        ),
        expect: { rows: 8192, readings: 73_920, entities: 5, late: 0 },
        read: (file, text) => {
            const read = wide(
                () => `urn:ngsi-ld:Device:skab-${basename(file, ".csv").slice(5).replaceAll("_", "-")}`,
                (row) => utc(row["datetime"]!),
                [
                    ["vibration1", "Accelerometer1RMS", "K40"],
                    ["vibration2", "Accelerometer2RMS", "K40"],
                    ["current", "Current", "AMP"],
                    ["pressure", "Pressure", "BAR"],
                    ["temperature", "Temperature", "CEL"],
                    ["fluidTemperature", "Thermocouple", "CEL"],
                    ["voltage", "Voltage", "VLT"],
                    ["flow", "Volume Flow RateRMS", "L2"],
                    ["anomaly", "anomaly"],
                    ["changepoint", "changepoint"],
                ],
            )(file, text, ";");
            for (const one of read.readings) {
                if (/anomaly|changepoint/.test(one.attribute)) one.value = one.value === "1.0" ? "true" : "false";
            }
            return read;
        },
    },
    "water quality: years, newest first, 209 rows to be refused": {
        mapping: "water-quality",
        cut: [],
        whole: ["water-quality/india_cpcb_2003_2011.csv"],
        expect: { rows: 1193, readings: 7448, entities: 250, late: 5549, refused: 209 },
        read: (file, text) => {
            const columns: [string, string, string?][] = [
                ["temperature", "Temp", "CEL"],
                ["o2", "D.O. (mg/l)", "M1"],
                ["ph", "PH"],
                ["conductivity", "CONDUCTIVITY (µmhos/cm)", "G42"],
                ["bod", "B.O.D. (mg/l)", "M1"],
                ["no3", "NITRATENAN N+ NITRITENANN (mg/l)", "M1"],
                ["faecalColiform", "FECAL COLIFORM (MPN/100ml)"],
                ["totalColiform", "TOTAL COLIFORM (MPN/100ml)Mean"],
            ];
            const header = text.slice(0, text.indexOf("\n") + 1);
            const good = (row: Row): boolean =>
                row["STATION CODE"] !== "NAN" && !(present(row["PH"], "NAN") && Number(row["PH"]) > 14);
            const list = rows(text);
            // Clocks in Kolkata are five and a half hours ahead.
            const read = wide(
                (row) => `urn:ngsi-ld:WaterQualityObserved:cpcb-${row["STATION CODE"]}`,
                (row) => instant(Number(row["year"]) - 1, 12, 31, 18, 30),
                columns,
                "NAN",
            );
            const kept = text
                .split("\n")
                .slice(1)
                .filter((line, i) => line !== "" && good(list[i]!));
            return { ...read(file, header + kept.join("\n")), refused: list.filter((row) => !good(row)).length };
        },
    },
    "suez: positions, minutes that repeat": {
        mapping: "suez",
        cut: [],
        whole: ["port/suez_ever_given_ais_2021-03_a.csv"],
        expect: { rows: 15_595, readings: 15_287, entities: 170, late: 0 },
        read: (_file, text) => ({
            readings: rows(text).map((row) => {
                const [d, mo, y, h, mi] = numbers(row["ais_pos_timestamp"]!) as [
                    number,
                    number,
                    number,
                    number,
                    number,
                ];
                return {
                    id: `urn:ngsi-ld:Vessel:suez-${row["ID"]}`,
                    attribute: "location",
                    at: instant(y, mo, d, h, mi),
                    value: point(row["longitude"]!, row["latitude"]!),
                };
            }),
        }),
    },
    "bicycles: date and hour in two columns, booleans": {
        mapping: "bikeshare",
        cut: ["tests/data/bikeshare_washington.csv"],
        whole: ["bikeshare/uci_capital_bikeshare_hour_2011.csv"],
        expect: { rows: 8645, readings: 86_450, entities: 1, late: 0 },
        read: (file, text) => {
            const read = wide(
                () => "urn:ngsi-ld:BikeHireSystem:washington-capital",
                (row) => {
                    const [d, mo, y] = numbers(row["dteday"]!) as [number, number, number];
                    const h = Number(row["hr"]);
                    return instant(y, mo, d, h, 0, 0, eastern(y, mo, d, h));
                },
                [
                    ["holiday", "holiday"],
                    ["workingDay", "workingday"],
                    ["weatherSituation", "weathersit"],
                    ["temperatureShare", "temp", "C62"],
                    ["feltTemperatureShare", "atemp", "C62"],
                    ["humidityShare", "hum", "C62"],
                    ["windSpeedShare", "windspeed", "C62"],
                    ["casualRides", "casual", "C62"],
                    ["registeredRides", "registered", "C62"],
                    ["rides", "cnt", "C62"],
                ],
            )(file, text);
            for (const one of read.readings) {
                if (/holiday|workingDay/.test(one.attribute)) one.value = one.value === "1" ? "true" : "false";
            }
            return read;
        },
    },
    "covid: GB 18030, an id with a fallback, rows passed over": {
        mapping: "covid",
        cut: ["tests/data/covid_jiangsu.csv"],
        whole: ["health/covid19_jiangsu_cities_daily_2020H1_a.csv"],
        encoding: "GB18030",
        expect: { rows: 1023, readings: 3928, entities: 10, late: 0 },
        read: (file, text) => {
            const all = wide(
                (row) => `urn:ngsi-ld:KeyPerformanceIndicator:covid19-${row["cityCode"] || row["provinceCode"]}`,
                (row) => {
                    const [y, mo, d] = numbers(row["date"]!) as [number, number, number];
                    return instant(y, mo, d, 0, 0, 0, 8);
                },
                [
                    ["confirmed", "confirmed_cum", "C62"],
                    ["suspected", "suspected", "C62"],
                    ["cured", "cured_cum", "C62"],
                    ["dead", "dead_cum", "C62"],
                ],
            )(file, text);
            return { readings: all.readings.filter((one) => !/-3200[xy]/.test(one.id)) };
        },
    },
    "river: leading zeros, zeros at the end, a flag beside the value": {
        mapping: "river",
        cut: ["01022500", "01547700", "02064000"].map((gauge) => `city/data/river_${gauge}.csv`),
        whole: [],
        expect: { rows: 3288, readings: 3288, entities: 3, late: 0 },
        read: wide(
            (row) => `urn:ngsi-ld:RiverFlowObserved:usgs-${row["gauge"]}`,
            (row) => `${row["date"]}T00:00:00Z`,
            [["discharge", "discharge_cfs", "2L"]],
        ),
    },
};

function vessels(text: string): Reading[] {
    const columns: [string, string, string | undefined, number | undefined][] = [
        ["speedOverGround", "SOG", "KNT", 102.3],
        ["courseOverGround", "COG", "DD", 360],
        ["heading", "Heading", "DD", 511],
        ["navigationStatus", "Status", undefined, undefined],
        ["draught", "Draft", "MTR", undefined],
    ];
    return rows(text).flatMap((row) => {
        const base = { id: `urn:ngsi-ld:Vessel:mmsi-${row["MMSI"]}`, at: utc(row["BaseDateTime"]!) };
        return [
            { ...base, attribute: "location", value: point(row["LON"]!, row["LAT"]!) },
            ...columns
                .filter(([, column, , none]) => present(row[column]) && Number(row[column]) !== none)
                .map(([attribute, column, unit]) => ({
                    ...base,
                    attribute,
                    value: row[column]!,
                    ...(unit ? { unit } : {}),
                })),
        ];
    });
}

/* ---- holding one to the other ---- */

const keyOf = (one: Reading): string => [one.id, one.attribute, one.dataset ?? "", one.at].join(" ");
const saidBy = (one: Reading): string => `${one.value} ${one.unit ?? ""}`;

function mappingOf(name: string): { path: string; names: Map<string, string> } {
    const path = join(root, "city/mappings", `${name}.json`);
    const document = JSON.parse(readFileSync(path, "utf8")) as { "@context": Record<string, string> };
    const names = new Map(Object.entries(document["@context"]).map(([name_, iri]) => [iri, name_]));
    names.set("https://uri.etsi.org/ngsi-ld/location", "location");
    return { path, names };
}

/** The readings of `export --history --format csv`. */
function exported(data: string, names: Map<string, string>): Map<string, string> {
    const done = jindu("export", "--data", data, "--history", "--format", "csv");
    assert.equal(done.code, 0, done.err);
    assert.ok(done.out.startsWith("id,type,attribute,datasetId,observedAt,value,unit\r\n"));
    const found = new Map<string, string>();
    for (const row of rows(done.out)) {
        if (row["observedAt"] === "") continue; // what is said once of an entity
        const one: Reading = {
            id: row["id"]!,
            attribute: names.get(row["attribute"]!) ?? row["attribute"]!.split("/").at(-1)!,
            at: row["observedAt"]!,
            value: row["value"]!,
            ...(row["datasetId"] ? { dataset: row["datasetId"] } : {}),
            ...(row["unit"] ? { unit: row["unit"] } : {}),
        };
        assert.ok(!found.has(keyOf(one)), `twice: ${keyOf(one)}`);
        found.set(keyOf(one), saidBy(one));
    }
    return found;
}

/** The same of NDJSON, where a number's text is lost by JSON.parse but its double is not. */
function checkNdjson(text: string, wanted: Map<string, string>, names: Map<string, string>): void {
    let n = 0;
    for (const line of text.split("\n")) {
        if (line === "") continue;
        const entity = JSON.parse(line) as Record<string, unknown>;
        for (const [iri, instances] of Object.entries(entity)) {
            if (!Array.isArray(instances)) continue;
            for (const instance of instances as Record<string, unknown>[]) {
                if (instance["observedAt"] === undefined) continue;
                const attribute = names.get(iri) ?? iri.split("/").at(-1)!;
                const dataset = instance["datasetId"] as string | undefined;
                const key = keyOf({
                    id: entity["id"] as string,
                    attribute,
                    at: instance["observedAt"] as string,
                    value: "",
                    ...(dataset ? { dataset } : {}),
                });
                const said = wanted.get(key)!;
                const value = said.slice(0, said.lastIndexOf(" "));
                const got = instance["value"];
                if (typeof got === "number") assert.equal(got, Number(value), key);
                else if (typeof got === "object") assert.deepEqual(got, JSON.parse(value), key);
                else assert.equal(String(got), value, key);
                assert.equal(instance["unitCode"] ?? "", said.slice(said.lastIndexOf(" ") + 1), key);
                n++;
            }
        }
    }
    assert.equal(n, wanted.size);
}

function check(one: Series, files: string[], whole: boolean): void {
    const { path, names } = mappingOf(one.mapping);
    const data = mkdtempSync(join(work, "data-"));
    const given = files.map((file) => {
        if (!one.encoding) return file;
        const coded = spawnSync("iconv", ["-f", "UTF-8", "-t", one.encoding, file], { maxBuffer: 1 << 28 });
        assert.equal(coded.status, 0, String(coded.stderr));
        const to = join(mkdtempSync(join(work, "coded-")), basename(file));
        writeFileSync(to, coded.stdout);
        return to;
    });
    const command = ["import", "--data", data, "--no-fetch", "--errors-shown", "0", "--map", path, ...given];
    const done = jindu(...command);
    const read = files.map((file) => one.read(file, readFileSync(file, "utf8")));
    const refused = read.reduce((sum, each) => sum + (each.refused ?? 0), 0);
    assert.equal(done.code, refused > 0 ? 3 : 0, done.err + done.out);

    const wanted = new Map<string, string>();
    const newest = new Map<string, string>();
    let late = 0;
    for (const reading of read.flatMap((each) => each.readings)) {
        const line = keyOf({ ...reading, at: "" });
        if (!wanted.has(keyOf(reading)) && (newest.get(line) ?? "") > reading.at) late++;
        if (reading.at > (newest.get(line) ?? "")) newest.set(line, reading.at);
        wanted.set(keyOf(reading), saidBy(reading));
    }
    const found = exported(data, names);
    for (const [key, said] of wanted) assert.equal(found.get(key), said, key);
    assert.equal(found.size, wanted.size);

    const entities = new Set([...wanted.keys()].map((key) => key.split(" ")[0])).size;
    assert.match(
        done.out,
        new RegExp(`\\n${wanted.size} readings of ${entities} entities from ${files.length} tables imported`),
    );
    assert.match(done.out, new RegExp(`rows: \\d+ read, .*, ${refused} refused whole, 0 in part`));
    if (whole) {
        const reported = Number(/late readings: (\d+)/.exec(done.out)?.[1]);
        const rowsRead = Number(/rows: (\d+) read/.exec(done.out)?.[1]);
        const figures = { rows: rowsRead, readings: wanted.size, entities, late: reported, refused };
        assert.deepEqual(figures, { refused: 0, ...one.expect });
        if (one.mapping === "water-quality") assert.equal(late, reported);
    }

    const before = jindu("export", "--data", data, "--history", "--sysattrs").out;
    checkNdjson(before, wanted, names);
    assert.equal(jindu(...command).code, done.code);
    assert.ok(
        jindu("export", "--data", data, "--history", "--sysattrs").out === before,
        "importing again changed something",
    );
    assert.equal(jindu("check", data).code, 0);
    rmSync(data, { recursive: true });
}

for (const [name, one] of Object.entries(series)) {
    const cut = one.cut.map((file) => join(root, file));
    const whole = one.whole.map((file) => join(shared, file));
    if (cut.length > 0) test(name, () => check(one, cut, false));
    if (whole.length > 0) {
        const skip = !whole.every((file) => existsSync(file)) && "needs ../shared (JINDU_SHARED)";
        test(`${name}: the whole files`, { skip }, () => check(one, whole, true));
    }
}

test("every mapping of the city is imported here", () => {
    const files = readdirSync(join(root, "city/mappings")).filter((file) => file.endsWith(".json"));
    const used = new Set(Object.values(series).map((one) => `${one.mapping}.json`));
    assert.deepEqual(
        files.filter((file) => !used.has(file)),
        [],
    );
});

test("what is said once of an entity stands beside its readings, and is not written again", () => {
    const data = mkdtempSync(join(work, "data-"));
    const map = join(root, "city/mappings/vessels.json");
    const file = join(root, "city/data/vessels_lower_mississippi.csv");
    assert.equal(jindu("import", "--data", data, "--map", map, file).code, 0);
    const now = jindu("export", "--data", data, "--sysattrs").out;
    const first = JSON.parse(now.split("\n")[0]!) as Record<string, { value: unknown; modifiedAt: string }>;
    assert.equal(first["https://smartdatamodels.org/name"]!.value, "CL CONTIGO");
    assert.equal(first["https://smartdatamodels.org/dataModel.MarineTransport/length"]!.value, 180);
    assert.equal(jindu("import", "--data", data, "--map", map, file).code, 0);
    assert.ok(jindu("export", "--data", data, "--sysattrs").out === now);
});
