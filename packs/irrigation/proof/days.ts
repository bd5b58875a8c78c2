// The proof's raw input: soil moisture and weather, day by day, as the files have them.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCsv } from "../../../city/csv.ts";

const data = resolve(fileURLToPath(import.meta.url), "../../data");
export const text = (file: string): string => readFileSync(resolve(data, file), "utf8");
const rowsOf = (file: string): Record<string, string>[] => parseCsv(text(file));

export interface Reading {
    day: string;
    /** Per cent by volume, as the file writes it. */
    vwc: string;
}

export interface Parcel {
    name: string;
    id: string;
    /** The valve's id with the broker, where the parcel has one. */
    valve?: string;
    readings: Reading[];
}

export interface Soil {
    fieldCapacity: number;
    wiltingPoint: number;
    rootDepth: number;
    cropCoefficient: number;
}

/** Noon, summer time of Quebec, is when a day's mean is reported; the weather stands for the beginning of its day. */
export const ofReading = (day: string): string => `${day}T16:00:00Z`;
export const ofWeather = (day: string): string => `${day}T04:00:00Z`;
export const valveId = (valve: string): string => `urn:ngsi-ld:IrrigationValve:${valve}`;
export const weatherId = "urn:ngsi-ld:WeatherObserved:drummondville";

export function parcels(): Parcel[] {
    const rows = rowsOf("soil_drummondville.csv");
    const of = (name: string, plot: string, sensor: string, hasValve: boolean): Parcel => ({
        name,
        id: `urn:ngsi-ld:AgriParcelRecord:${name}`,
        ...(hasValve ? { valve: `${name}-valve` } : {}),
        readings: rows
            .filter((row) => row["Experimental Plot"] === plot && row["Sensor"] === sensor)
            .map((row) => ({ day: row["date"]!, vwc: row["Value"]! })),
    });
    return [
        of("e1a", "E1", "First Sensor", true),
        of("e1b", "E1", "Second Sensor", false),
        of("e2a", "E2", "First Sensor", true),
    ];
}

export const weather = (): Record<string, string>[] => rowsOf("weather_drummondville.csv");

export function soils(): Map<string, Soil> {
    return new Map(
        rowsOf("soils.csv").map((row) => [
            row["parcel"]!,
            {
                fieldCapacity: Number(row["fieldCapacity"]),
                wiltingPoint: Number(row["wiltingPoint"]),
                rootDepth: Number(row["rootDepth"]),
                cropCoefficient: Number(row["cropCoefficient"]),
            },
        ]),
    );
}
