// What must come out of the cars' reports, from the values alone.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Point, type Rule } from "../../prove/judge.ts";
import { cars, iso, type Car, type Report } from "./cars.ts";

export interface Expected {
    car: Car;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
    /** The last place with a fix. */
    place: [number, number];
}

const number = (value: number | string): number | undefined => (typeof value === "number" ? value : undefined);
/** Millivolts, so that no digit of a decimal is lost. */
const spreadOf = ({ cellMax, cellMin }: Report): number | undefined =>
    typeof cellMax === "number" && typeof cellMin === "number"
        ? (Math.round(cellMax * 1000) - Math.round(cellMin * 1000)) / 1000
        : undefined;
const perVolt = (report: Report): number => (report.insulationKohm * 1000) / report.volts;
const isHot = (report: Report): boolean => (report.alarmFlags & 2) !== 0;

const attributes: Record<string, (report: Report) => number | string | undefined> = {
    speed: (report) => report.speedKmh,
    battery: (report) => number(report.soc),
    mileageFromOdometer: (report) => report.odometerKm,
    chargingStatus: (report) => (report.charge === 1 ? "charging parked" : "not charging"),
    batteryVoltage: (report) => report.volts,
    batteryCurrent: (report) => report.amps,
    insulationResistance: (report) => report.insulationKohm,
    cellVoltageMax: (report) => number(report.cellMax),
    cellVoltageMin: (report) => number(report.cellMin),
    cellTemperatureMax: (report) => number(report.hottest),
    cellTemperatureMin: (report) => number(report.coolest),
    alarmLevel: (report) => report.alarmLevel,
    alarmFlags: (report) => report.alarmFlags,
};
/** These are made of what is newest: a report that comes late has none. */
const derived: Record<string, (report: Report) => number | undefined> = {
    cellVoltageSpread: spreadOf,
    cellTemperatureSpread: ({ hottest, coolest }) =>
        typeof hottest === "number" && typeof coolest === "number" ? hottest - coolest : undefined,
    insulationPerVolt: perVolt,
};

const above = (severity: string, from: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x >= from,
    until: (x) => x < end,
});
const over = (severity: string, from: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x > from,
    until: (x) => x < end,
});
const below = (severity: string, from: number, end: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x < from,
    until: (x) => x >= end,
});
const is = (severity: string, value: number): Rule<number>["levels"][number] => ({
    severity,
    when: (x) => x === value,
});
const rules: Record<string, { rule: Rule<number>; of: (report: Report) => number | undefined }> = {
    "alarm-level": { rule: { levels: [is("red", 3), is("orange", 2), is("yellow", 1)] }, of: (r) => r.alarmLevel },
    "battery-hot-flagged": { rule: { levels: [is("red", 1)] }, of: (r) => Number(isHot(r)) },
    "cell-hot": {
        rule: { levels: [above("red", 65, 60), above("orange", 60, 56), above("yellow", 55, 51)] },
        of: (r) => number(r.hottest),
    },
    "cells-unequal": { rule: { levels: [over("orange", 0.5, 0.45), over("yellow", 0.3, 0.25)] }, of: spreadOf },
    "charge-low": { rule: { levels: [below("yellow", 10, 13), below("blue", 20, 23)] }, of: (r) => number(r.soc) },
    "insulation-low": { rule: { levels: [below("red", 100, 120), below("yellow", 500, 550)] }, of: perVolt },
};

function seriesOf(reports: Report[]): Map<string, Series> {
    const all = new Map<string, Series>();
    const put = (name: string, list: Report[], of: (report: Report) => number | string | undefined): void => {
        const values: Series = new Map();
        for (const report of list) {
            const value = of(report);
            if (value !== undefined) values.set(iso(report.at), value);
        }
        all.set(name, values);
    };
    for (const [name, of] of Object.entries(attributes)) put(name, reports, of);
    const inTime = reports.filter((report) => !report.late);
    for (const [name, of] of Object.entries(derived)) put(name, inTime, of);
    return all;
}

function ofCar(car: Car): Expected {
    // The first report makes the car known; it is claimed behind it, and then judged by it.
    const judged = car.reports.filter((report) => !report.late);
    const alerts = new Map<string, Event[]>();
    for (const [name, { rule, of }] of Object.entries(rules)) {
        const points: Point<number>[] = [];
        for (const report of judged) {
            const x = of(report);
            if (x !== undefined) points.push({ at: iso(report.at), x });
        }
        alerts.set(name, follow(rule, points));
    }
    const { lon, lat } = car.reports.findLast((report) => report.fix && !report.late)!;
    return { car, series: seriesOf(car.reports), alerts, place: [lon, lat] };
}

export const expected = (): Expected[] => cars().map(ofCar);
