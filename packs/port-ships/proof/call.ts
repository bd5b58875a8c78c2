// One port call that never was, because the recorded reports span 25 minutes: a ship comes up, lies at anchor for 26
// hours, swinging and once dragging, shifts to a berth, lies there for 14 hours, and leaves. Seeded: always the same.
import type { Report } from "./ships.ts";

const seed = 20;
const begin = Date.UTC(2022, 0, 3, 1);
const minute = 60_000;
type Place = [number, number];
const below: Place = [-90.88, 30.05];
const anchor: Place = [-90.9035, 30.0785];
const berth: Place = [-90.869, 30.0651];
const above: Place = [-90.86, 30.062];
export const call = { anchorMinutes: 26 * 60, berthMinutes: 14 * 60, unknownAt: 40, dragAt: 90 };

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

/** As AIS writes a place in this pack's source: 5 digits. */
const five = (value: number): number => Math.round(value * 1e5) / 1e5;
const tenth = (value: number): number => Math.round(value * 10) / 10;

export function simulatedCall(): Report[] {
    const roll = dice(seed);
    const reports: Report[] = [];
    let at = begin;
    const say = ([lon, lat]: Place, speedKn: number, status: number): void => {
        const heading = Math.floor(roll() * 360);
        reports.push({
            at,
            lon: five(lon),
            lat: five(lat),
            speedKn: tenth(speedKn),
            courseDeg: tenth(roll() * 359),
            headingDeg: heading,
            status,
        });
    };
    const sail = (from: Place, to: Place, minutes: number, knots: number): void => {
        for (let i = 0; i < minutes; i++, at += minute) {
            const part = i / minutes;
            const where: Place = [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
            say(where, knots * (0.8 + 0.4 * roll()), 0);
        }
    };
    const lie = (place: Place, minutes: number, metres: number, knots: number, status: number): void => {
        for (const end = at + minutes * minute; at < end; at += 10 * minute) {
            const swing = (): number => ((roll() - 0.5) * 2 * metres) / 111_000;
            say([place[0] + swing(), place[1] + swing()], knots * roll(), status);
        }
    };
    sail(below, anchor, 20, 7);
    lie(anchor, call.anchorMinutes, 150, 0.6, 1);
    sail(anchor, berth, 25, 4.5);
    lie(berth, call.berthMinutes, 8, 0.1, 5);
    sail(berth, above, 12, 5);
    // Once she does not know where she is; once the anchor drags, at a speed that ends no wait.
    const lost = reports[call.unknownAt]!;
    lost.lon = lost.lat = lost.speedKn = undefined;
    reports[call.dragAt]!.speedKn = 1.8;
    return reports;
}
