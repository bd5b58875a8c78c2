// Six cars that do not exist, for two hundred reports of ten seconds together: seeded, so always the same. Each has one
// thing that goes wrong and right again; the sixth has nothing.
import type { Measured } from "../../../city/frames/gb32960.ts";

export interface Report {
    at: number;
    /** Sent again later (03), behind reports that are newer. */
    late: boolean;
    lon: number;
    lat: number;
    fix: boolean;
    speedKmh: number;
    odometerKm: number;
    charge: number;
    volts: number;
    amps: number;
    soc: Measured;
    insulationKohm: number;
    cellMax: Measured;
    cellMin: Measured;
    hottest: Measured;
    coolest: Measured;
    alarmLevel: number;
    alarmFlags: number;
}

export interface Car {
    vin: string;
    id: string;
    what: string;
    reports: Report[];
}

export const seed = 32960;
const begin = Date.UTC(2026, 0, 15, 0, 0, 0);
const stepMs = 10_000;
const count = 70;
export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

/** Numbers from 0 to 1 (mulberry32). */
function dice(from: number): () => number {
    let state = from >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

const digits = (value: number, of: number): number => Number(value.toFixed(of));

/** Straight lines through points [report, value]. */
function through(points: [number, number][]): (no: number) => number {
    return (no) => {
        const next = points.findIndex(([at]) => at >= no);
        if (next <= 0) return points.at(next)![1];
        const [[a, x], [b, y]] = [points[next - 1]!, points[next]!];
        return x + ((no - a) / (b - a)) * (y - x);
    };
}

type Fault = (report: Report, no: number, roll: () => number) => void;

const heat = through([[0, 38], [15, 52], [22, 57], [28, 62], [33, 68], [38, 63], [44, 58], [52, 49], [70, 36]]);
const apart = through([[0, 0.02], [14, 0.26], [20, 0.36], [30, 0.58], [36, 0.44], [42, 0.32], [50, 0.2], [70, 0.02]]);
const level = through([[0, 24], [30, 6], [34, 6], [70, 42]]);
const insulation = through([[0, 5000], [12, 230], [22, 120], [32, 30], [38, 38], [46, 140], [56, 260], [70, 5000]]);

const faults: { what: string; fault: Fault }[] = [
    {
        what: "alarms of its own",
        fault: (report, no) => {
            const course: [number, number, number][] = [
                [8, 1, 0b10000],
                [16, 3, 0b10010],
                [24, 2, 0b00010],
                [31, 0, 0],
                [40, 2, 0b100000000000],
                [47, 1, 0b100000000000],
                [53, 0, 0],
                [60, 3, 0b1000000000000000110],
            ];
            const now = course.findLast(([from]) => no >= from);
            if (now) [, report.alarmLevel, report.alarmFlags] = now;
        },
    },
    {
        what: "a hot battery",
        fault: (report, no, roll) => {
            const hottest = Math.round(heat(no) + (roll() - 0.5) * 4);
            report.hottest = hottest;
            report.coolest = Math.round(32 + 4 * roll());
            if (hottest >= 60) [report.alarmLevel, report.alarmFlags] = [hottest >= 65 ? 3 : 2, 0b11];
            // For a moment the probes say nothing, in the worst of it.
            if (no === 34) report.hottest = report.coolest = "abnormal";
        },
    },
    {
        what: "unequal cells",
        fault: (report, no, roll) => {
            const spread = Math.max(0.004, apart(no) + (roll() - 0.5) * 0.06);
            report.cellMin = digits((report.cellMax as number) - spread, 3);
            if (no === 29) report.cellMax = report.cellMin = "invalid";
        },
    },
    {
        what: "a low charge",
        fault: (report, no, roll) => {
            report.soc = Math.round(level(no) + (roll() - 0.5) * 3);
            if (no >= 34) [report.charge, report.speedKmh, report.amps] = [1, 0, -80];
            if (no === 25) report.soc = "invalid";
            if (no === 45) report.soc = "abnormal";
        },
    },
    {
        what: "low insulation",
        fault: (report, no, roll) => {
            report.insulationKohm = Math.round(insulation(no) * (0.9 + 0.2 * roll()));
        },
    },
    { what: "nothing", fault: () => undefined },
];

function healthy(no: number, roll: () => number): Report {
    const speedKmh = digits(30 + 20 * Math.sin(no / 9) + 4 * roll(), 1);
    const cellMax = digits(3.72 + 0.01 * roll(), 3);
    return {
        at: begin + no * stepMs,
        late: false,
        lon: digits(119.42 + no * 0.0007, 6),
        lat: digits(32.2 + no * 0.0002 * roll(), 6),
        fix: true,
        speedKmh,
        odometerKm: digits(12_000 + no * 0.1, 1),
        charge: 3,
        volts: digits(356 + 4 * roll(), 1),
        amps: digits(speedKmh * 0.9, 1),
        soc: Math.round(70 - no / 10),
        insulationKohm: Math.round(4800 + 400 * roll()),
        cellMax,
        cellMin: digits(cellMax - 0.008 - 0.006 * roll(), 3),
        hottest: Math.round(30 + 3 * roll()),
        coolest: Math.round(26 + 3 * roll()),
        alarmLevel: 0,
        alarmFlags: 0,
    };
}

function carOf({ what, fault }: (typeof faults)[number], no: number): Car {
    const roll = dice(seed + no);
    const reports = Array.from({ length: count }, (_, at) => {
        const report = healthy(at, roll);
        fault(report, at, roll);
        return report;
    });
    // The last place that was known, sent again: no fix.
    Object.assign(reports.at(-1)!, { lon: reports.at(-3)!.lon, lat: reports.at(-3)!.lat, fix: false });
    if (what === "nothing") {
        // It was out of reach once; what it says of that time comes five reports late, and is bad.
        const [lost] = reports.splice(20, 1);
        reports.splice(25, 0, { ...lost!, late: true, alarmLevel: 3, alarmFlags: 0b11, hottest: 70, soc: 5 });
    }
    const vin = `JDPROOFCAR0000${String(no + 1).padStart(3, "0")}`;
    return { vin, id: `urn:ngsi-ld:ElectricVehicle:${vin}`, what, reports };
}

export const cars = (): Car[] => faults.map(carOf);
