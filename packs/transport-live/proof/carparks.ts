// Six car parks of one day, every 15 minutes: simulated, for want of freely licensed records. Cars come in the
// morning, go in the evening, with some noise of a seed of its own for each car park. And what must come of it.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Rule } from "../../prove/judge.ts";
import { iso, metres, type Place } from "./buses.ts";

const seed = 44;
const stepMs = 900_000;
const begin = Date.parse("2026-03-02T00:00:00+08:00");

export interface CarPark extends Place {
    key: string;
    id: string;
    name: string;
    capacity: number;
    free: { at: number; places: number }[];
}

/** mulberry32. */
function random(from: number): () => number {
    let state = from >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    };
}

/** Places near the middle of Zhenjiang; no car park of these names exists there that we know of. */
const places: [string, number, number, number, number][] = [
    ["P1", 119.45, 32.2, 320, 1.04],
    ["P2", 119.455, 32.204, 150, 1.1],
    ["P3", 119.444, 32.198, 80, 0.97],
    ["P4", 119.47, 32.21, 500, 0.7],
    ["P5", 119.43, 32.19, 60, 1.02],
    ["P6", 119.5, 32.18, 240, 0.45],
];

/** Of 0..1, how much of a park's demand is there at an hour of the day. */
function demand(hour: number): number {
    const rise = 1 / (1 + Math.exp(-(hour - 9) * 1.6));
    const fall = 1 / (1 + Math.exp(-(hour - 18) * 1.3));
    return 0.12 + 0.88 * rise * (1 - fall);
}

export function carParks(): CarPark[] {
    return places.map(([key, lon, lat, capacity, load], i) => {
        const next = random(seed + i);
        const free = Array.from({ length: 96 }, (_, step) => {
            const share = demand(step / 4) * load + (next() - 0.5) * 0.06;
            return { at: begin + step * stepMs, places: Math.round(capacity * (1 - Math.min(1, Math.max(0, share)))) };
        });
        return { key, id: `urn:ngsi-ld:OffStreetParking:${key}`, name: `Car park ${key}`, lat, lon, capacity, free };
    });
}

/** The reports of one moment as a table. */
export function tableOf(all: CarPark[], step: number): string {
    const rows = all.map(({ key, name, capacity, lat, lon, free }) =>
        [iso(free[step]!.at), key, name, capacity, free[step]!.places, lat, lon].join(","),
    );
    return `time,id,name,capacity,free,lat,lon\n${rows.join("\n")}\n`;
}

const nearlyFull: Rule<number> = {
    levels: [
        { severity: "orange", when: (x) => x < 0.02, until: (x) => x >= 0.05 },
        { severity: "yellow", when: (x) => x < 0.1, until: (x) => x >= 0.15 },
    ],
};

export interface ExpectedPark {
    park: CarPark;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
}

export function expectedPark(park: CarPark): ExpectedPark {
    const shares = park.free.map(({ at, places: n }) => ({ at: iso(at), x: n / park.capacity }));
    const word = (x: number): string => (x < 0.02 ? "full" : x < 0.1 ? "few" : "free");
    return {
        park,
        series: new Map<string, Series>([
            ["availableSpotNumber", new Map(park.free.map(({ at, places: n }) => [iso(at), n]))],
            ["freeShare", new Map(shares.map(({ at, x }) => [at, x]))],
            ["parkingState", new Map(shares.map(({ at, x }) => [at, word(x)]))],
        ]),
        alerts: new Map([["car-park-full", follow(nearlyFull, shares)]]),
    };
}

/** Where somebody at that place is sent at a step of the day: car parks within 1,500 m that are not nearly full. */
export const asking: Place = { lat: 32.2, lon: 119.45 };
export const askedWithinM = 1500;
export const askedAt = [20, 47, 95];

export function toBeFound(all: CarPark[], step: number): string[] {
    return all
        .filter((park) => metres(park, asking) <= askedWithinM && park.free[step]!.places / park.capacity >= 0.1)
        .map((park) => `${park.key}: ${park.free[step]!.places}`)
        .sort();
}
