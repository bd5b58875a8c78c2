// The ships of the proof: their reports as the source has them, and the areas of the port.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { numberOf, parseCsv } from "../../../city/csv.ts";
import { simulatedCall } from "./call.ts";

export interface Report {
    at: number;
    /** WGS 84; undefined: the ship does not know. */
    lon: number | undefined;
    lat: number | undefined;
    speedKn: number | undefined;
    courseDeg: number | undefined;
    headingDeg: number | undefined;
    status: number;
}

export interface Ship {
    mmsi: number;
    id: string;
    name: string;
    kind: number;
    length: number | undefined;
    width: number | undefined;
    reports: Report[];
}

export interface Area {
    id: string;
    /** As `portArea` says it: 11 ... anchorages, 21 ... berths. */
    code: number;
    ring: [number, number][];
    entity: Record<string, unknown>;
}

const file = (name: string): string => readFileSync(fileURLToPath(new URL(`../data/${name}`, import.meta.url)), "utf8");
export const iso = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z");
export const idOf = (mmsi: number): string => `urn:ngsi-ld:Vessel:mmsi-${mmsi}`;

export function areas(): Area[] {
    interface Entity extends Record<string, unknown> {
        id: string;
        areaCode: { value: number };
        location: { value: { coordinates: [number, number][][] } };
    }
    return (JSON.parse(file("areas.json")) as Entity[]).map((entity) => ({
        id: entity.id,
        code: entity.areaCode.value,
        ring: entity.location.value.coordinates[0]!,
        entity,
    }));
}

/** Is a point within a ring? By the count of edges that a line to the east crosses. */
function inRing(lon: number, lat: number, ring: [number, number][]): boolean {
    let inside = false;
    for (let i = 1; i < ring.length; i++) {
        const [x1, y1] = ring[i - 1]!;
        const [x2, y2] = ring[i]!;
        if (y1 > lat !== y2 > lat && lon < x1 + ((lat - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
    }
    return inside;
}

/** The code of the area in which a report was sent; 0: in none; undefined: the ship does not know where she is. */
export function areaOf({ lon, lat }: Report, all: Area[]): number | undefined {
    if (lon === undefined || lat === undefined) return undefined;
    return all.find(({ ring }) => inRing(lon, lat, ring))?.code ?? 0;
}

/** AIS has numbers for what is not known. */
const unless = (value: number | undefined, unknown: number): number | undefined =>
    value === undefined || value >= unknown ? undefined : value;

function recorded(): Ship[] {
    const ships = new Map<number, Ship>();
    for (const row of parseCsv(file("ais_lower_mississippi.csv"))) {
        const mmsi = Number(row["MMSI"]);
        if (!ships.has(mmsi)) {
            ships.set(mmsi, {
                mmsi,
                id: idOf(mmsi),
                name: row["VesselName"]!,
                kind: Number(row["VesselType"]),
                // 0: not known.
                length: numberOf(row["Length"]) || undefined,
                width: numberOf(row["Width"]) || undefined,
                reports: [],
            });
        }
        ships.get(mmsi)!.reports.push({
            at: Date.parse(`${row["BaseDateTime"]}Z`),
            lon: Number(row["LON"]),
            lat: Number(row["LAT"]),
            speedKn: unless(numberOf(row["SOG"]), 102.3),
            courseDeg: unless(numberOf(row["COG"]), 360),
            headingDeg: unless(numberOf(row["Heading"]), 360),
            status: numberOf(row["Status"]) ?? 15,
        });
    }
    return [...ships.values()];
}

export const simulatedMmsi = 200_000_020;

export function ships(): Ship[] {
    const simulated: Ship = {
        mmsi: simulatedMmsi,
        id: idOf(simulatedMmsi),
        name: "JINDU SIMULATED",
        kind: 70,
        length: 180,
        width: 30,
        reports: simulatedCall(),
    };
    return [...recorded(), simulated];
}
