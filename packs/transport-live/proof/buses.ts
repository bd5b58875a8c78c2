// The proof's buses: trips as the file has them, and what must come of their reports.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCsv } from "../../../city/csv.ts";
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Point, type Rule } from "../../prove/judge.ts";

const file = resolve(fileURLToPath(import.meta.url), "../../data/bus_route14_liverpool.csv");
export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");

export interface Place {
    lat: number;
    lon: number;
}

export interface Report extends Place {
    at: number;
    bearing: number;
}

export interface Bus {
    trip: string;
    /** Of the terminal: 12 digits. */
    phone: string;
    id: string;
    reports: Report[];
}

export const routeId = "urn:ngsi-ld:PublicTransportRoute:14";
/** It stands a few minutes and passes 48 km/h; it leaves the route at its beginning; it stands and is fast. */
const judged = ["1105", "1103", "1115"];

function trips(): Map<string, Report[]> {
    const found = new Map<string, Report[]>();
    for (const row of parseCsv(readFileSync(file, "utf8"))) {
        const trip = row["trip_id"]!;
        if (!found.has(trip)) found.set(trip, []);
        found.get(trip)!.push({
            at: Date.parse(`${row["timestamp"]!.replace(" ", "T")}Z`),
            lat: Number(row["latitude"]),
            lon: Number(row["longitude"]),
            bearing: Number(row["bearing"]),
        });
    }
    for (const reports of found.values()) reports.sort((a, b) => a.at - b.at);
    return found;
}

/** The track of a trip that is not judged. */
export const route = (): Place[] => trips().get("1111")!;

export function buses(): Bus[] {
    const all = trips();
    return judged.map((trip) => {
        const phone = `01390000${trip}`;
        return { trip, phone, id: `urn:ngsi-ld:Vehicle:${phone}`, reports: all.get(trip)! };
    });
}

const earthM = 6_371_008.8;
const rad = Math.PI / 180;

/** Metres on the sphere. */
export function metres(a: Place, b: Place): number {
    const h =
        Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
        Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
    return 2 * earthM * Math.asin(Math.sqrt(h));
}

/** Metres to the nearest point of a piece of a line: the least of them, sought by thirds. */
function toPiece(p: Place, a: Place, b: Place): number {
    const at = (t: number): number => metres(p, { lat: a.lat + t * (b.lat - a.lat), lon: a.lon + t * (b.lon - a.lon) });
    let [from, to] = [0, 1];
    for (let i = 0; i < 60; i++) {
        const third = (to - from) / 3;
        if (at(from + third) < at(to - third)) to -= third;
        else from += third;
    }
    return Math.min(at(0), at(1), at((from + to) / 2));
}

export function toLine(p: Place, line: Place[]): number {
    let least = Infinity;
    for (let i = 1; i < line.length; i++) least = Math.min(least, toPiece(p, line[i - 1]!, line[i]!));
    return least;
}

export interface ExpectedBus {
    bus: Bus;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
}

const tooFast: Rule<number> = {
    levels: [
        { severity: "orange", when: (x) => x > 80, until: (x) => x < 75 },
        { severity: "yellow", when: (x) => x > 48.3, until: (x) => x < 45 },
    ],
};
const offRoute: Rule<number> = {
    levels: [
        { severity: "orange", when: (x) => x > 250, until: (x) => x < 200 },
        { severity: "yellow", when: (x) => x > 150, until: (x) => x < 100 },
    ],
};
const stands: Rule<{ still3: boolean; still5: boolean }> = {
    levels: [
        { severity: "orange", when: (x) => x.still5 },
        { severity: "yellow", when: (x) => x.still3 },
    ],
    byWindows: true,
};

interface Told {
    at: number;
    speed: number;
}

/** All of at least `count` speeds of the last minutes are below 5 km/h. */
function still(all: Told[], at: number, minutes: number, count: number): boolean {
    const of = all.filter((one) => one.at > at - minutes * 60_000 && one.at <= at);
    return of.length >= count && of.every((one) => one.speed < 5);
}

export function expectedBus(bus: Bus, line: Place[]): ExpectedBus {
    const { reports } = bus;
    const speeds = reports.slice(1).map((report, i) => {
        const before = reports[i]!;
        return { at: report.at, speed: (metres(before, report) / ((report.at - before.at) / 1000)) * 3.6 };
    });
    const away = reports.map((report) => ({ at: report.at, metres: toLine(report, line) }));
    const fast: Point<number>[] = speeds.map(({ at, speed }) => ({ at: iso(at), x: speed }));
    const off: Point<number>[] = away.map((one) => ({ at: iso(one.at), x: one.metres }));
    const standing = speeds.map(({ at }) => ({
        at: iso(at),
        x: { still3: still(speeds, at, 3, 5), still5: still(speeds, at, 5, 9) },
    }));
    const word = (metresAway: number, speed: number): string =>
        metresAway > 150 ? "offRoute" : speed < 5 ? "slow" : "moving";
    const movement: Series = new Map(
        speeds.map(({ at, speed }, i) => [iso(at), word(away[i + 1]!.metres, speed)]),
    );
    // Of the first report there is no speed; off the route it says that it is.
    if (away[0]!.metres > 150) movement.set(iso(away[0]!.at), "offRoute");
    return {
        bus,
        series: new Map<string, Series>([
            ["speed", new Map(speeds.map(({ at, speed }) => [iso(at), speed]))],
            ["routeDistance", new Map(away.map((one) => [iso(one.at), one.metres]))],
            ["movement", movement],
        ]),
        alerts: new Map([
            ["bus-too-fast", follow(tooFast, fast)],
            ["bus-stands", follow(stands, standing)],
            ["bus-off-route", follow(offRoute, off)],
        ]),
    };
}
