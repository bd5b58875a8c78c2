// The proof's rides, hour by hour, as the file has them; and what must come of them.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCsv } from "../../../city/csv.ts";
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Rule } from "../../prove/judge.ts";
import { iso } from "./buses.ts";

const file = resolve(fileURLToPath(import.meta.url), "../../data/bikeshare_washington.csv");
const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;
export const bikesId = "urn:ngsi-ld:BikeHireSystem:washington-capital";
/** What is before it comes as one table, and is the past; from it on, rows come hour by hour. */
export const firstJudged = Date.parse("2011-05-29T00:00:00-04:00");

export type Row = Record<string, string>;

/** Washington has summer time, UTC-4, in all of these days. */
export function ofRow(row: Row): number {
    const [day, month, year] = row["dteday"]!.split("-");
    return Date.parse(`${year}-${month}-${day}T${row["hr"]!.padStart(2, "0")}:00:00-04:00`);
}

export const rides = (): Row[] => parseCsv(readFileSync(file, "utf8"));

export function table(rows: Row[]): string {
    const names = Object.keys(rows[0]!);
    const lines = [names, ...rows.map((row) => names.map((name) => row[name]!))].map((cells) => cells.join(","));
    return `${lines.join("\n")}\n`;
}

const unusual: Rule<number> = {
    levels: [
        { severity: "yellow", when: (x) => Math.abs(x) > 1, until: (x) => Math.abs(x) < 0.75 },
        { severity: "blue", when: (x) => Math.abs(x) > 0.75, until: (x) => Math.abs(x) < 0.5 },
    ],
    byWindows: true,
};

export interface ExpectedBikes {
    series: Map<string, Series>;
    alert: Event[];
    times: Set<string>;
}

export function expectedBikes(): ExpectedBikes {
    const all = new Map(rides().map((row) => [ofRow(row), Number(row["cnt"])]));
    const judged = [...all].filter(([at]) => at >= firstJudged);
    const hours = judged.flatMap(([at, count]) => {
        const past = [1, 2, 3, 4].map((weeks) => all.get(at - weeks * weekMs));
        if (past.some((one) => one === undefined)) return [];
        const usual = past.reduce<number>((sum, one) => sum + one!, 0) / 4;
        return [{ at: iso(at), usual, departure: (count - usual) / Math.max(usual, 20) }];
    });
    const word = (x: number): string => (x > 0.75 ? "many" : x < -0.75 ? "few" : "usual");
    return {
        series: new Map<string, Series>([
            ["rides", new Map([...all].map(([at, count]) => [iso(at), count]))],
            ["ridesUsual", new Map(hours.map((hour) => [hour.at, hour.usual]))],
            ["rideDeparture", new Map(hours.map((hour) => [hour.at, hour.departure]))],
            ["rideState", new Map(hours.map((hour) => [hour.at, word(hour.departure)]))],
        ]),
        alert: follow(unusual, hours.map((hour) => ({ at: hour.at, x: hour.departure }))),
        times: new Set(judged.map(([at]) => iso(at))),
    };
}
