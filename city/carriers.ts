// What the sample city's devices have to say, and when: recorded readings, and simulated cars.
import { fleet, stateOf, type Car } from "./cars.ts";
import { current } from "./clock.ts";
import * as gb32960 from "./frames/gb32960.ts";
import { Line } from "./line.ts";
import { property, text, type Attribute } from "./ngsi.ts";
import {
    measuredOf,
    originalOf,
    recordings,
    replayOf,
    spanOf,
    type LinkName,
    type Recording,
    type Series,
} from "./series.ts";
import { accepted, counter, ways, type Address, type Way } from "./ways.ts";

export interface Device {
    /** As it calls itself, and the entity that the link's mapping makes of it. */
    id: string;
    entity: string;
    type: string;
    /** What is said once, when it is claimed: its name, its place, that it is a replay. */
    claim: Record<string, Attribute>;
}

/** Something that a device has to say now. */
export interface Due {
    device: Device;
    /** Which reading it is: said once. */
    stamp: number;
    say(): Promise<void>;
    /** What belongs to the reading and has no place in the frame. */
    beside: Record<string, Attribute>;
}

export interface Carrier {
    link: LinkName;
    devices: Device[];
    due(now: number): Due[];
    close(): void;
}

function carryRecording(recording: Recording, way: Way): Carrier {
    const span = spanOf(recording);
    const devices = new Map<Series, Device>();
    // The link's mapping says where the data come from (`fixed`); what it cannot know is said here.
    const { source: _source, license: _license, credit: _credit, ...replay } = replayOf(recording);
    for (const series of recording.series) {
        const fixed = Object.entries(series.fixed).filter(([name]) => !way.known.includes(name));
        devices.set(series, {
            id: series.device!,
            entity: series.id,
            type: series.type,
            claim: { ...Object.fromEntries(fixed), ...replay },
        });
    }
    return {
        link: recording.link!,
        devices: [...devices.values()],
        due: (now) =>
            recording.series.flatMap((series) => {
                const found = current(series.readings, span, recording.speed, now);
                if (!found) return [];
                const { reading } = found;
                const again = recording.againMs ?? Infinity;
                const old = now - found.dueAt;
                const dueAt = found.dueAt + (old < again ? 0 : old - (old % again));
                return {
                    device: devices.get(series)!,
                    stamp: dueAt,
                    say: () => way.say(series, reading.values, dueAt),
                    beside: {
                        ...measuredOf(reading, dueAt, way.beside),
                        originalObservedAt: originalOf(reading),
                    },
                };
            }),
        close: () => way.close(),
    };
}

const carsEveryMs = 10_000;
const platformBeatMs = 30_000;
const platform = "JINDUSAMPLE000001";

function carFrame(car: Car, now: number): Buffer {
    const s = stateOf(car, now);
    const one = (value: number): number => Number(value.toFixed(1));
    const moving = s.speedKmh > 0.5;
    return gb32960.realTime(car.vin, now, [
        gb32960.vehicle({
            state: s.charging ? 2 : 1,
            charge: s.charging ? 1 : 3,
            mode: 1,
            speed_kmh: one(s.speedKmh),
            odo_km: one(s.odometerKm),
            voltage_v: one(s.volts),
            current_a: one(s.amps),
            soc: Math.round(s.socPercent),
            dcdc: 1,
            gear: moving ? 32 + 14 : 15,
            insulation_kohm: 5000,
            accelerator: moving ? Math.round(s.speedKmh / 2) : 0,
            brake: 0,
        }),
        gb32960.motors([
            {
                no: 1,
                state: moving ? 1 : 3,
                controller_c: Math.round(s.motor.celsius + 2),
                rpm: Math.round(s.motor.rpm),
                torque_nm: s.motor.torqueNm,
                motor_c: Math.round(s.motor.celsius),
                input_v: one(s.volts),
                dc_a: moving ? one(s.amps) : 0,
            },
        ]),
        gb32960.position(s.lon, s.lat),
        gb32960.extremes({
            max_v: { sys: 1, cell: 12, v: s.cells.max },
            min_v: { sys: 1, cell: 71, v: s.cells.min },
            max_t: { sys: 1, probe: 3, c: Math.round(s.temperatures.max) },
            min_t: { sys: 1, probe: 9, c: Math.round(s.temperatures.min) },
        }),
        gb32960.alarm(s.alarm.level, s.alarm.flags),
    ]);
}

/** The cars' maker sends for all of them, each every ten seconds, spread over them. */
function cars({ host, port }: Address): Carrier {
    const logins = counter(0xffff);
    const maker = new Line(host, port, gb32960.readAnswers, async (line) => {
        const login = { at: Date.now(), serial: logins(), user: "jindu", password: "sample city", rule: 1 };
        accepted(await line.first(gb32960.platformLogin(platform, login), `05 ${platform}`), "the log-in");
    });
    const beat = setInterval(() => {
        // One that fails is heard of when a car has something to say.
        maker.say(gb32960.heartbeat(platform), `07 ${platform}`).catch(() => undefined);
    }, platformBeatMs);
    beat.unref();
    const all = fleet();
    const devices = all.map((car): Device => {
        const claim = { name: text(car.name), replay: property(false) };
        return { id: car.vin, entity: `urn:ngsi-ld:ElectricVehicle:${car.vin}`, type: "ElectricVehicle", claim };
    });
    return {
        link: "city-cars",
        devices,
        due: (now) =>
            all.map((car, no) => ({
                device: devices[no]!,
                stamp: Math.floor((now + (no * carsEveryMs) / all.length) / carsEveryMs),
                say: async () => accepted(await maker.say(carFrame(car, now), `02 ${car.vin}`), "the report"),
                beside: {},
            })),
        close() {
            clearInterval(beat);
            maker.close();
        },
    };
}

/** A carrier for each link that is open. */
export function carriers(open: Map<string, Address>): Carrier[] {
    const found = recordings().flatMap((recording) => {
        const address = open.get(recording.link ?? "");
        const way = recording.link && ways[recording.link];
        return way && address ? carryRecording(recording, way(address)) : [];
    });
    const forCars = open.get("city-cars");
    return forCars ? [...found, cars(forCars)] : found;
}
