// S25: probes and valves at an MQTT broker; the city must advise water, open valves, and close them again.
import { course, same, series } from "../../prove/checks.ts";
import type { City, Json } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { ofReading, ofWeather, parcels, text, valveId, weather, weatherId, type Parcel } from "./days.ts";
import { expected, type All } from "./expected.ts";
import { Field } from "./field.ts";

const link = "field";
const told = new WeakMap<City, Map<string, string[]>>();

type Rows = Record<string, string>[];

/** The input with one thing altered. */
function mutated(all: Parcel[], sky: Rows, mutation: string | undefined): void {
    const dry = all[0]!.readings.findIndex((one) => one.day === "2020-06-18");
    switch (mutation) {
        case undefined:
        case "valve":
            break;
        case "value":
            all[0]!.readings[dry]!.vwc = "14.9";
            break;
        case "lost":
            all[0]!.readings.splice(dry, 1);
            break;
        case "unit":
            for (const one of all[2]!.readings) one.vwc = String(Number(one.vwc) / 100);
            break;
        case "weather": {
            const day = sky.find((row) => row["date"] === "2020-06-18")!;
            const name = "Shortwave radiation (W.m-2)";
            day[name] = String(Number(day[name]) / 2);
            break;
        }
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
}

const table = (row: Record<string, string>): string =>
    `${Object.keys(row).join(",")}\n${Object.values(row).join(",")}\n`;

/** A valve that was told something does it, and reports it; it is told when its parcel's alert comes or goes. */
async function valveFollows(city: City, field: Field, valve: string, day: string, before: number): Promise<void> {
    const word = await field.next(valve, before);
    if (word === undefined) return;
    field.say(valve, "valve", { t: ofReading(day), state: word });
    await city.reached(valveId(valve), "valveState", ofReading(day));
}

async function statusOf(city: City, parcel: Parcel): Promise<string> {
    const found = await city.alerts({ rule: `open-${parcel.name}` });
    return (found[0]?.status as string | undefined) ?? "none";
}

async function begin(city: City, field: Field, all: Parcel[]): Promise<void> {
    await city.importTable("soils", "soils.csv", text("soils.csv"));
    await field.start();
    // The link dials again after 1, 2, 4 s; the broker keeps nothing for it before it has subscribed.
    const open = await city.until(async () => {
        const links = (await city.get("/api/links")) as Json[];
        return (links.find((one) => one.name === link)?.frames ?? 0) >= 2; // CONNACK, SUBACK
    }, 20);
    if (!open) throw new Error("the link did not subscribe at the broker");
    for (const { valve, readings } of all) {
        if (valve === undefined) continue;
        const t = ofReading(readings[0]!.day);
        field.say(valve, "valve", { t, state: "closed" });
        if (!(await city.reached(valveId(valve), "valveState", t))) throw new Error(`${valve} was not heard`);
        await city.claim(link, valve, { type: "IrrigationValve", name: { type: "Property", value: valve } });
    }
}

async function oneDay(city: City, field: Field, parcel: Parcel, day: string, mutation?: string): Promise<void> {
    const reading = parcel.readings.find((one) => one.day === day);
    if (!reading) return;
    const { valve } = parcel;
    const was = valve === undefined ? "" : await statusOf(city, parcel);
    const before = valve === undefined ? 0 : (field.told.get(valve)?.length ?? 0);
    field.say(parcel.name, "soil", { t: ofReading(day), vwc: Number(reading.vwc), site: "drummondville" });
    await city.reached(parcel.id, "irrigationAdvice", ofReading(day));
    if (reading === parcel.readings[0]) {
        await city.claim(link, parcel.name, {
            type: "AgriParcelRecord",
            name: { type: "Property", value: parcel.name },
        });
    }
    if (valve === undefined || (await statusOf(city, parcel)) === was) return;
    if (mutation === "valve" && valve === "e2a-valve") await field.next(valve, before);
    else await valveFollows(city, field, valve, day, before);
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const all = parcels();
    const sky = weather();
    mutated(all, sky, mutation);
    const field = new Field(city.port(link));
    try {
        await begin(city, field, all);
        for (const row of sky) {
            const day = row["date"]!;
            await city.importTable("weather-by-day", `${day}.csv`, table(row));
            await city.reached(weatherId, "referenceEvapotranspiration", ofWeather(day));
            await Promise.all(all.map((parcel) => oneDay(city, field, parcel, day, mutation)));
        }
        await city.waitSettled();
        told.set(city, field.told);
    } finally {
        await field.stop();
    }
}

export const expect = (): All => expected();

/** Instances of a valve's command, in order: what was asked, and what became of it. */
async function commands(city: City, valve: string): Promise<{ asked: string[]; became: string[] }> {
    const path = `/ngsi-ld/v1/temporal/entities/${encodeURIComponent(valveId(valve))}?attrs=command`;
    const answer = (await city.get(path)) as Json;
    const found = answer.command === undefined ? [] : ([answer.command].flat() as Json[]);
    found.sort((a, b) => (a.observedAt < b.observedAt ? -1 : 1));
    return {
        asked: found.map((one) => one.json?.payload?.valve as string),
        became: found.map((one) => one.status?.value as string),
    };
}

export async function check(city: City, all: All): Promise<Check[]> {
    const checks: Check[] = [];
    const found = await city.temporal(weatherId, "referenceEvapotranspiration");
    checks.push(series("evapotranspiration by FAO-56", all.evapotranspiration, found, 1e-9));
    for (const { parcel, series: wanted, alerts, times, says, told: words, valveState } of all.parcels) {
        const { name, id, valve } = parcel;
        for (const [attribute, values] of wanted) {
            checks.push(series(`${name}: ${attribute}`, values, await city.temporal(id, attribute), 1e-9));
        }
        for (const [rule, events] of alerts) {
            checks.push(course(`${name}: alert ${rule}`, events, await city.course(rule, id, (at) => times.has(at))));
        }
        const advice = (await city.alerts({ rule: "irrigate", entity: id }))[0];
        checks.push(same(`${name}: what the alert says`, says, advice?.description?.languageMap?.en));
        if (valve === undefined) continue;
        checks.push(same(`${name}: what the valve heard`, words, told.get(city)?.get(valve) ?? []));
        const { asked, became } = await commands(city, valve);
        checks.push(same(`${name}: commands that the valve's entity tells`, words, asked));
        checks.push(same(`${name}: acknowledged by the broker`, words.map(() => "acknowledged"), became));
        const states = await city.temporal(valveId(valve), "valveState");
        checks.push(series(`${name}: state that the valve reports`, valveState, states));
    }
    return checks;
}
