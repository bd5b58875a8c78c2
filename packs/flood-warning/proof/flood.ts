// The recorded floods as the stations would report them: a day becomes an hour, the end is moved to now.
import { readFileSync } from "node:fs";

const hour = 3_600_000;
const cubicFoot = 0.028316846592;
const data = new URL("../data/", import.meta.url);
/** SL 651 has minutes, no seconds. One moment for the whole proof. */
const now = Math.floor(Date.now() / 60_000) * 60_000;

export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

export interface Reading {
    /** As the record has it. */
    day: string;
    at: number;
    /** m³/s, as recorded. */
    discharge: number;
    /** m, by our rating curve (data/PROVENANCE.md). */
    level: number;
}

export interface Gauge {
    /** Ten digits, as SL 651 has them. */
    station: string;
    id: string;
    name: string;
    river: string;
    alertLevel: number;
    guaranteedLevel: number;
    /** Where a gauge has none on record, it is never red. */
    highestLevel?: number;
    readings: Reading[];
}

const rows = (file: string): string[][] =>
    readFileSync(new URL(file, data), "utf8")
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(","));

/** Of a discharge, what the frame carries: discharge to a litre, level to a centimetre. */
export function carried(day: string, at: number, discharge: number): Reading {
    const level = 2 + Math.sqrt(discharge / 4);
    return { day, at, discharge: Number(discharge.toFixed(3)), level: Number(level.toFixed(2)) };
}

export function gauges(): Gauge[] {
    const records = rows("floods.csv");
    return rows("gauges.csv").map((cells) => {
        const [gauge, name, river] = cells as [string, string, string];
        const [alertLevel, guaranteedLevel, highest, ago] = cells.slice(3) as [string, string, string, string];
        const station = gauge.padStart(10, "0");
        const days = records.filter((record) => record[0] === gauge);
        const from = now - (Number(ago) + days.length - 1) * hour;
        const readings = days.map((record, i) =>
            carried(record[1]!, from + i * hour, Number(record[2]) * cubicFoot),
        );
        const id = `urn:ngsi-ld:RiverGauge:${station}`;
        return {
            station,
            id,
            name,
            river,
            alertLevel: Number(alertLevel),
            guaranteedLevel: Number(guaranteedLevel),
            ...(highest === "" ? {} : { highestLevel: Number(highest) }),
            readings,
        };
    });
}

/** The input with one thing altered. */
export function altered(gauge: Gauge, mutation?: string): Reading[] {
    const { readings } = gauge;
    const low = (day: string, discharge: number): Reading[] =>
        readings.map((one) => (one.day === day ? carried(day, one.at, discharge) : one));
    switch (mutation) {
        case "peak":
            return low("2000-03-30", 22);
        case "dip":
            return low("2000-03-15", 25);
        case "slow":
            return low("2002-05-09", 2.5);
        case "lost":
            return readings.filter((one) => one.day !== "2000-04-10");
        case "speaks": {
            const last = readings.at(-1)!;
            return last.at === now ? readings : [...readings, { ...last, at: now }];
        }
        default:
            return readings;
    }
}
