// S18: a maker's platform sends GB/T 32960 frames of its cars; the city must give their readings, and alerts by level.
import * as gb32960 from "../../../city/frames/gb32960.ts";
import type { Line } from "../../../city/line.ts";
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { cars, iso, type Car, type Report } from "./cars.ts";
import { expected, type Expected } from "./expected.ts";

const link = "cars";
const answered = new WeakMap<City, Map<string, number>>();

/** 02; with command 03 for what is sent again, and its check made good. */
function frameOf({ vin }: Car, report: Report): Buffer {
    const bytes = gb32960.realTime(vin, report.at, [
        gb32960.vehicle({
            state: 1,
            charge: report.charge,
            mode: 1,
            speed_kmh: report.speedKmh,
            odo_km: report.odometerKm,
            voltage_v: report.volts,
            current_a: report.amps,
            soc: report.soc,
            dcdc: 1,
            gear: 14,
            insulation_kohm: report.insulationKohm,
            accelerator: 0,
            brake: 0,
        }),
        gb32960.position(report.lon, report.lat, report.fix),
        gb32960.extremes({
            max_v: { sys: 1, cell: 12, v: report.cellMax },
            min_v: { sys: 1, cell: 71, v: report.cellMin },
            max_t: { sys: 1, probe: 3, c: report.hottest },
            min_t: { sys: 1, probe: 9, c: report.coolest },
        }),
        gb32960.alarm(report.alarmLevel, report.alarmFlags),
    ]);
    if (report.late) {
        bytes[2] = 0x03;
        bytes[bytes.length - 1]! ^= 0x02 ^ 0x03;
    }
    return bytes;
}

function mutated(all: Car[], mutation: string | undefined): Car[] {
    const [alarmed, hot, unequal, low, weak, well] = all as [Car, Car, Car, Car, Car, Car];
    switch (mutation) {
        case undefined:
            break;
        case "level":
            // The worst moment of the first car is told as level 2.
            for (const report of alarmed.reports.slice(16, 24)) report.alarmLevel = 2;
            break;
        case "heat":
            for (const report of hot.reports) {
                if (typeof report.hottest === "number" && report.hottest >= 65) report.hottest = 64;
            }
            break;
        case "cell":
            for (const report of unequal.reports) report.cellMin = report.cellMax;
            break;
        case "invalid":
            // What was marked as invalid is a reading of 50 %.
            low.reports[25]!.soc = 50;
            break;
        case "lost":
            weak.reports.splice(
                weak.reports.findIndex((report) => report.insulationKohm * 1000 < 100 * report.volts),
                1,
            );
            break;
        case "late": {
            // What came late comes in time.
            const from = well.reports.findIndex((report) => report.late);
            const [report] = well.reports.splice(from, 1);
            well.reports.splice(20, 0, { ...report!, late: false });
            break;
        }
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return all;
}

async function sendAll(city: City, line: Line, car: Car): Promise<number> {
    let well = 0;
    for (const [no, report] of car.reports.entries()) {
        const key = `${report.late ? "03" : "02"} ${car.vin}`;
        well += await city.sendFrames(line, [{ bytes: frameOf(car, report), key }]);
        // The flag of a hot battery is derived last, and written together with the alerts of this report.
        if (!report.late) await city.reached(car.id, "batteryHotFlag", iso(report.at));
        if (no === 0) await city.claim(link, car.vin, { type: "ElectricVehicle" });
    }
    return well;
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const counts = new Map<string, number>();
    answered.set(city, counts);
    const line = city.line(link, gb32960.readAnswers);
    await Promise.all(
        mutated(cars(), mutation).map(async (car) => counts.set(car.vin, await sendAll(city, line, car))),
    );
    await city.waitSettled();
}

export const expect = (): Expected[] => expected();

export async function check(city: City, all: Expected[]): Promise<Check[]> {
    const checks: Check[] = [];
    let alerts = 0;
    for (const { car, series: wanted, alerts: courses, place } of all) {
        const name = `${car.vin.slice(-3)} (${car.what})`;
        checks.push(same(`${name}: frames answered`, car.reports.length, answered.get(city)?.get(car.vin) ?? 0));
        for (const [attribute, values] of wanted) {
            const tolerance = attribute === "insulationPerVolt" ? 1e-9 : 0;
            checks.push(series(`${name}: ${attribute}`, values, await city.temporal(car.id, attribute), tolerance));
        }
        const known = await city.entity(car.id);
        checks.push(same(`${name}: last place with a fix`, place, known?.location?.coordinates ?? null));
        const times = new Set(car.reports.map((report) => iso(report.at)));
        for (const [rule, events] of courses) {
            const found = await city.course(rule, car.id, (at) => times.has(at));
            checks.push(course(`${name}: alert ${rule}`, events, found));
            if (events.length > 0) alerts++;
        }
    }
    checks.push(same("alerts of all cars", alerts, (await city.alerts()).length));
    const open = all.flatMap(({ car, alerts: courses }) =>
        [...courses]
            .filter(([, events]) => (events.at(-1)?.what ?? "cleared") !== "cleared")
            .map(([rule]) => `${rule} ${car.id}`),
    );
    const openNow = (await city.alerts({ status: "open" })).map((one) => `${one.rule} ${one.alertSource}`);
    checks.push(same("alerts that are open at the end", open.sort(), openNow.sort()));
    const aside = await city.get(`/api/links/${link}/quarantine`);
    checks.push(same("frames set aside", 0, (aside as unknown[]).length));
    return checks;
}
