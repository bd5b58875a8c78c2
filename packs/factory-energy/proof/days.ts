// The proof's raw input: quarters of an hour of a steel works, day by day, as the file has them.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseCsv } from "../../../city/csv.ts";

const file = resolve(fileURLToPath(import.meta.url), "../../data/uci_steel_2018_jan_apr.csv.gz");
export const plant = "urn:ngsi-ld:FactoryEnergy:steel-works";
export const table = "steel-works.csv";
const perDay = 96;
/** The baseline period: January. */
export const baselineDays = 31;

export type Row = Record<string, string>;

export interface Day {
    /** The end of the day (ISO, UTC), in China. */
    at: string;
    rows: Row[];
}

/** 0:00 is written under the day that it ends, so a day is 96 rows that bear its date. */
export function days(): Day[] {
    const rows = parseCsv(gunzipSync(readFileSync(file)).toString("utf8"));
    return Array.from({ length: rows.length / perDay }, (_, i) => {
        const of = rows.slice(i * perDay, (i + 1) * perDay);
        const [day, month, year] = of[0]!["date"]!.split(" ")[0]!.split("/").map(Number) as [number, number, number];
        const at = new Date(Date.UTC(year, month - 1, day + 1, -8)).toISOString().replace(".000Z", "Z");
        return { at, rows: of };
    });
}

/** A table of some rows, with the columns that they have. */
export function csv(rows: Row[]): string {
    const names = Object.keys(rows[0]!);
    const lines = [names, ...rows.map((row) => names.map((name) => row[name]!))].map((cells) => cells.join(","));
    return `${lines.join("\n")}\n`;
}
