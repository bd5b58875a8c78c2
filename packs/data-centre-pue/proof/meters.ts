// The proof's data centres: what their two meters show on the hour. What the IT meter counts is recorded (power of a
// server, times 1,000); what the total meter counts is that times a PUE: published, or simulated from a seed.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCsv } from "../../../city/csv.ts";

const data = resolve(fileURLToPath(import.meta.url), "../../data");
export const hourMs = 3_600_000;
export const seed = 30134;
const servers = 1000;
/** Counts of the meters' registers in a kWh. */
export const perKwh = 100;
const published = 240;

/** What the registers hold behind one hour. */
export interface Frozen {
    /** ms since 1970 */
    at: number;
    /** Counts of 0.01 kWh. */
    total: bigint;
    it: bigint;
}

export interface Centre {
    /** The name of the link, and the end of the entity's id. */
    key: string;
    id: string;
    name: string;
    sizeClass: string;
    place: [number, number];
    frozen: Frozen[];
    /** What the source published for the hour that ends at that time. */
    published?: Map<string, number>;
}

export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function random(from: number): () => number {
    let state = from >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

/** kWh of each hour, as counts. */
const load = parseCsv(readFileSync(resolve(data, "server_cbsugpu09.csv"), "utf8")).map((row) =>
    Math.round((Number(row["powerave"]) / 1000) * servers * perKwh),
);

/** The counts that follow from hours of a load and a PUE; `read`: whether somebody reads the meters behind the hour. */
function count(first: number, hours: { it: number; pue: number; read: boolean; itCounts?: number }[]): Frozen[] {
    let [total, it] = [312_450_000n, 187_220_000n];
    const frozen: Frozen[] = [{ at: first, total, it }];
    hours.forEach((hour, i) => {
        total += BigInt(Math.round(hour.it * hour.pue));
        it += BigInt(hour.itCounts ?? hour.it);
        if (hour.read) frozen.push({ at: first + (i + 1) * hourMs, total, it });
    });
    return frozen;
}

function centre(key: string, name: string, sizeClass: string, place: [number, number], frozen: Frozen[]): Centre {
    return { key, id: `urn:ngsi-ld:DataCentre:${key}`, name, sizeClass, place, frozen };
}

/** RTU BAL. Its hours are written one to three seconds late; of an hour that was not published, meters are not read. */
function balaiKota(): Centre {
    const rows = parseCsv(readFileSync(resolve(data, "telkom_pue_rtu_bal_hourly_2023.csv"), "utf8"))
        .slice(0, published)
        .map((row) => ({
            at: Math.round(Date.parse(`${row["timestamp"]!.replace(" ", "T")}+08:00`) / hourMs) * hourMs,
            pue: Number(row["pue"]),
        }));
    const of = new Map(rows.map((row) => [row.at, row.pue]));
    const first = rows[0]!.at - hourMs;
    const hours = Array.from({ length: (rows.at(-1)!.at - first) / hourMs }, (_, i) => {
        const at = first + (i + 1) * hourMs;
        const pue = of.get(at) ?? rows.find((row) => row.at > at)!.pue;
        return { it: load[i]!, pue, read: of.has(at) };
    });
    const made = centre("balai-kota", "Balai Kota", "large", [119.46, 32.2], count(first, hours));
    made.published = new Map(rows.map((row) => [iso(row.at), row.pue]));
    return made;
}

/** Hours and PUE between which a simulated course goes straight. */
const course: [number, number][] = [
    [0, 1.24],
    [40, 1.25],
    [56, 1.36],
    [90, 1.34],
    [100, 1.29],
    [130, 1.29],
    [140, 1.25],
    [160, 1.25],
    [170, 1.29],
    [185, 1.29],
    [195, 1.36],
    [240, 1.36],
];

function between(hour: number): number {
    const at = course.findIndex(([to]) => to > hour);
    const [[x0, y0], [x1, y1]] = [course[at - 1]!, course[at]!];
    return y0 + ((y1 - y0) * (hour - x0)) / (x1 - x0);
}

const start = Date.parse("2026-03-01T00:00:00+08:00");

function newArea(): Centre {
    const next = random(seed);
    const hours = Array.from({ length: 239 }, (_, i) => ({
        it: load[i + 20]!,
        pue: between(i) + (next() - 0.5) * 0.03,
        read: true,
    }));
    return centre("new-area", "镇江新区（模拟）", "veryLarge", [119.67, 32.17], count(start, hours));
}

/** Hours in which the IT meter counts everything twice (a wrong ratio of its transformers). */
export const wrong = { from: 17, to: 25 };

function danyang(): Centre {
    const next = random(seed + 1);
    const hours = Array.from({ length: 90 }, (_, i) => {
        const it = load[i + 5]!;
        const isWrong = i >= wrong.from && i <= wrong.to;
        return { it, pue: 1.6 + (next() - 0.5) * 0.04, read: true, ...(isWrong ? { itCounts: it * 2 } : {}) };
    });
    return centre("danyang", "丹阳（模拟）", "large", [119.58, 32.0], count(start, hours));
}

export const centres = (): Centre[] => [balaiKota(), newArea(), danyang()];

/** How many counts the IT meter of Danyang counted too many, behind each hour: what a right one would not show. */
export function righted(frozen: Frozen[]): Frozen[] {
    let extra = 0n;
    return frozen.map(({ at, total, it }, i) => {
        const hour = i - 1;
        if (hour >= wrong.from && hour <= wrong.to) extra += (it - frozen[i - 1]!.it) / 2n;
        return { at, total, it: it - extra };
    });
}

/** Ten input registers: the time (uint32), total and IT counts (uint64 each). */
export function registers({ at, total, it }: Frozen): Buffer {
    const bytes = Buffer.alloc(20);
    bytes.writeUInt32BE(at / 1000, 0);
    bytes.writeBigUInt64BE(total, 4);
    bytes.writeBigUInt64BE(it, 12);
    return bytes;
}
