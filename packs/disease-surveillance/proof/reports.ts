// The proof's raw input: reports by day and by week, as the files have them.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCsv } from "../../../city/csv.ts";

const data = resolve(fileURLToPath(import.meta.url), "../../data");
const dayMs = 86_400_000;
export const weekMs = 7 * dayMs;

export type Row = Record<string, string>;

const rowsOf = (file: string): Row[] => parseCsv(readFileSync(resolve(data, file), "utf8"));

/** A table of some rows, with the columns that they have. */
export function csv(rows: Row[]): string {
    const names = Object.keys(rows[0]!);
    const lines = [names, ...rows.map((row) => names.map((name) => row[name]!))].map((cells) => cells.join(","));
    return `${lines.join("\n")}\n`;
}

/** Rows by day; the source's pseudo codes (from abroad, not assigned) are left in: the mapping passes over them. */
export function daily(): Map<string, Row[]> {
    const days = new Map<string, Row[]>();
    for (const row of rowsOf("covid19_jiangsu.csv")) {
        const day = row["date"]!;
        if (!days.has(day)) days.set(day, []);
        days.get(day)!.push(row);
    }
    return new Map([...days].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const weekly = (): Row[] => rowsOf("pertussis_ohio.csv");

/** Weeks that end before it are the past, which is imported as one table; from it on they come week by week. */
export const firstJudged = "2009-01-10";
export const lastJudged = "2011-01-01";

const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");
/** The time of a day's report, in China. */
export const ofDay = (day: string): string => iso(Date.parse(`${day}T00:00:00+08:00`));
/** The time of a week's report. */
export const ofWeek = (day: string): string => iso(Date.parse(`${day}T00:00:00Z`));

export const areaOf = (row: Row): string => row["cityCode"] || row["provinceCode"]!;
export const isPseudo = (row: Row): boolean => row["cityCode"]!.startsWith("3200");
export const idOfArea = (area: string): string => `urn:ngsi-ld:DiseaseSurveillance:covid-19-${area}`;
export const ohio = "urn:ngsi-ld:DiseaseSurveillance:pertussis-us-oh";

/** Evenly spaced from the first to the last; undefined where there is no row. */
export function even<T>(all: Map<number, T>, stepMs: number): { at: number; value: T | undefined }[] {
    const times = [...all.keys()].sort((a, b) => a - b);
    const found: { at: number; value: T | undefined }[] = [];
    for (let at = times[0]!; at <= times.at(-1)!; at += stepMs) found.push({ at, value: all.get(at) });
    return found;
}
export { dayMs };
