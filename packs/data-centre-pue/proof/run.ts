// S04: two meters of each data centre are read by Modbus; the city must give PUE of the hour, the day and the year.
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import { dialDevices, ModbusDevice } from "../../prove/modbus.ts";
import type { Check } from "../../prove/types.ts";
import { expected, type Expected } from "./expected.ts";
import { centres, iso, registers, righted, type Centre } from "./meters.ts";

/** The centres with one thing altered. */
function mutated(all: Centre[], mutation: string | undefined): Centre[] {
    const [balaiKota, newArea, danyang] = all as [Centre, Centre, Centre];
    switch (mutation) {
        case undefined:
            break;
        case "count":
            // One reading of the IT meter is 5 kWh too low.
            balaiKota.frozen[100]!.it -= 500n;
            break;
        case "lost":
            balaiKota.frozen.splice(60, 1);
            break;
        case "size":
            newArea.sizeClass = "small";
            break;
        case "fault":
            danyang.frozen = righted(danyang.frozen);
            break;
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return all;
}

/** Hour by hour: the registers change when what is derived from the hour before is there. */
async function play(city: City, centre: Centre, device: ModbusDevice): Promise<void> {
    const property = (value: string): unknown => ({ type: "Property", value });
    for (const [i, frozen] of centre.frozen.entries()) {
        device.put(registers(frozen));
        await city.reached(centre.id, "hoursCounted", iso(frozen.at), 20);
        if (i > 0) continue;
        // It is known from its first reading on; somebody claims it.
        await city.claim(`dc-${centre.key}`, `meters-${centre.key}`, {
            type: "DataCentre",
            name: property(centre.name),
            sizeClass: property(centre.sizeClass),
            pueCategory: property("2"),
            location: { type: "GeoProperty", value: { type: "Point", coordinates: centre.place } },
        });
    }
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const all = mutated(centres(), mutation);
    const devices = new Map<string, ModbusDevice>();
    try {
        for (const centre of all) {
            const device = await ModbusDevice.start(10);
            device.put(registers(centre.frozen[0]!));
            devices.set(`dc-${centre.key}`, device);
        }
        await dialDevices(city, devices);
        await Promise.all(all.map((centre) => play(city, centre, devices.get(`dc-${centre.key}`)!)));
        await city.waitSettled();
    } finally {
        for (const device of devices.values()) device.stop();
    }
}

export const expect = (): Expected[] => expected();

export async function check(city: City, all: Expected[]): Promise<Check[]> {
    const checks: Check[] = [];
    for (const { centre, series: wanted, alerts, published } of all) {
        const { name, id, key } = centre;
        for (const [attribute, values] of wanted) {
            // Ratios of differences of decimals: the last digits may differ.
            const tolerance = attribute.startsWith("pue") ? 1e-9 : 0;
            checks.push(series(`${name}: ${attribute}`, values, await city.temporal(id, attribute), tolerance));
        }
        if (published.size > 0) {
            const hours = await city.temporal(id, "pueHour");
            const rounded = new Map([...hours].map(([at, value]) => [at, Math.round(Number(value) * 100) / 100]));
            checks.push(series(`${name}: PUE of the hour as published`, published, rounded));
        }
        const times = new Set(centre.frozen.map((one) => iso(one.at)));
        for (const [rule, events] of alerts) {
            checks.push(course(`${name}: alert ${rule}`, events, await city.course(rule, id, (at) => times.has(at))));
        }
        const aside = (await city.get(`/api/links/dc-${key}/quarantine`)) as unknown[];
        checks.push(same(`${name}: answers set aside`, 0, aside.length));
    }
    return checks;
}
