// S16: the works' energy comes in day by day as tables; each day must be judged as GB/T 23331 has it.
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { baselineDays, csv, days, plant, table, type Day } from "./days.ts";
import { expected, type Expected } from "./expected.ts";

/** What the tables' reports say: readings taken, rows refused. */
const told = new WeakMap<City, { readings: number; refused: number }>();

interface Input {
    days: Day[];
    baseline: number;
}

/** The input with one thing altered. */
function mutated(input: Input, mutation: string | undefined): Input {
    const day = (date: string): Day => input.days.find(({ rows }) => rows[0]!["date"]!.startsWith(`${date} `))!;
    switch (mutation) {
        case undefined:
            break;
        case "quarter":
            // 23 March, 12:00: as little as at night, so that the day is less above the baseline.
            day("23/03/2018").rows[47]!["Usage_kWh"] = "3.2";
            break;
        case "lost":
            input.days.splice(80, 1);
            break;
        case "reactive":
            for (const row of input.days.flatMap(({ rows }) => rows)) row["Leading_Current_Reactive_Power_kVarh"] = "0";
            break;
        case "baseline":
            input.baseline *= 1.1;
            break;
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return input;
}

async function declare(city: City, attributes: unknown): Promise<void> {
    await city.done("POST", `/ngsi-ld/v1/entities/${encodeURIComponent(plant)}/attrs`, attributes, city.names);
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const input = mutated({ days: days(), baseline: expected().baseline }, mutation);
    const sums = { readings: 0, refused: 0 };
    told.set(city, sums);
    for (const [i, { at, rows }] of input.days.entries()) {
        const report = await city.importTable("quarter-hours", table, csv(rows));
        sums.readings += Number(report.readings);
        sums.refused += Number(report.rows?.refused ?? report.refused ?? 0);
        await city.reached(plant, "dayEnergy", at);
        if (i === 0) await declare(city, { name: { type: "Property", value: "Steel works" } });
        if (i !== baselineDays - 1) continue;
        await declare(city, { energyBaseline: { type: "Property", value: input.baseline, unitCode: "KWH" } });
        await city.waitSettled();
    }
    await city.waitSettled();
}

export const expect = (): Expected => expected();

export async function check(city: City, { series: wanted, alerts, times, rows }: Expected): Promise<Check[]> {
    const sums = told.get(city);
    const checks: Check[] = [
        same("rows refused", 0, sums?.refused),
        // Active, lagging, leading energy and type of load.
        same("readings taken", 4 * rows, sums?.readings),
    ];
    for (const [attribute, values] of wanted) {
        // Sums of many decimals: the order of adding may show in the last digits.
        checks.push(series(attribute, values, await city.temporal(plant, attribute), 1e-9));
    }
    for (const [rule, events] of alerts) {
        checks.push(course(`alert ${rule}`, events, await city.course(rule, plant, (at) => times.has(at))));
    }
    return checks;
}
