// Twenty electric cars of Zhenjiang that do not exist: a seeded simulation, and marked so everywhere. Each drives a
// round of the city's places and charges at its end. Where and how a car is follows from the clock alone, so nothing is
// kept.
import { readFileSync } from "node:fs";
import { firstRound } from "./clock.ts";
import { numberOf, parseCsv } from "./csv.ts";
import type { Measured } from "./frames/gb32960.ts";
import type { Text } from "./sources.ts";

type Point = [number, number];

/** One part of a round: to somewhere, or waiting there. `level` is of the battery in kWh, from its start to its end. */
interface Leg {
    from: Point;
    to: Point;
    seconds: number;
    km: number;
    level: [number, number];
    charging: boolean;
}

export interface Car {
    no: number;
    vin: string;
    name: Text;
    legs: Leg[];
    roundSeconds: number;
    roundKm: number;
    /** Seconds by which it is ahead of the first car's clock, and kilometres before its first round. */
    ahead: number;
    drivenKm: number;
}

export interface CarState {
    at: number;
    lon: number;
    lat: number;
    speedKmh: number;
    odometerKm: number;
    charging: boolean;
    socPercent: number;
    volts: number;
    amps: number;
    cells: { max: number; min: number };
    temperatures: { max: number; min: number };
    motor: { rpm: number; torqueNm: Measured; celsius: number };
    alarm: Alarm;
}

/** As GB/T 32960.3-2016, table 18, tells it: the highest level of the alarms that stand, and their bits. */
export interface Alarm {
    level: 0 | 1 | 2 | 3;
    flags: number;
}

const count = 20;
const seed = 321100;
const batteryKwh = 60;
const kwhPerKm = 0.15;
const chargerKw = 50;
const averageKmh = 32;
const cellsInRow = 96;

/** Numbers from 0 to 1, always the same ones for the same seed (mulberry32). */
function dice(from: number): () => number {
    let state = from >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

function kmBetween([x1, y1]: Point, [x2, y2]: Point): number {
    const squeeze = Math.cos((((y1 + y2) / 2) * Math.PI) / 180);
    return 111.2 * Math.hypot((x2 - x1) * squeeze, y2 - y1);
}

function placesOfTheCity(): Point[] {
    const rows = parseCsv(readFileSync(new URL("data/places.csv", import.meta.url), "utf8"));
    return rows
        .filter((row) => row["admin2"] === "3211")
        .map((row) => [numberOf(row["lng"])!, numberOf(row["lat"])!]);
}

function makeCar(no: number, places: Point[]): Car {
    const roll = dice(seed + no);
    const near = ([x, y]: Point): Point => [x + (roll() - 0.5) * 0.03, y + (roll() - 0.5) * 0.024];
    const home = near(places[no % places.length]!);
    const legs: Leg[] = [];
    let here = home;
    let level = batteryKwh * 0.92;
    const wait = (seconds: number, to: number): void => {
        legs.push({ from: here, to: here, seconds, km: 0, level: [level, to], charging: to > level });
        level = to;
    };
    const drive = (to: Point): void => {
        const km = kmBetween(here, to);
        const used = level - km * kwhPerKm;
        legs.push({ from: here, to, seconds: (km / averageKmh) * 3600, km, level: [level, used], charging: false });
        here = to;
        level = used;
    };
    for (let stop = 0; stop < 5; stop++) {
        drive(near(places[Math.floor(roll() * places.length)]!));
        wait(900 + roll() * 3600, level);
    }
    drive(home);
    wait(((legs[0]!.level[0] - level) / chargerKw) * 3600, legs[0]!.level[0]);
    const roundSeconds = legs.reduce((sum, { seconds }) => sum + seconds, 0);
    const name = String(no + 1).padStart(2, "0");
    return {
        no,
        vin: `JDSAMPLECAR0000${name}`,
        name: { zh: `模拟电动车 ${name}`, en: `Simulated car ${name}` },
        legs,
        roundSeconds,
        roundKm: legs.reduce((sum, { km }) => sum + km, 0),
        ahead: roll() * roundSeconds,
        drivenKm: Math.round(roll() * 8000),
    };
}

export function fleet(): Car[] {
    const places = placesOfTheCity();
    return Array.from({ length: count }, (_, no) => makeCar(no, places));
}

/** How far along a leg a car is and how fast: it starts and ends at rest and is fastest, twice the average, midway. */
function along({ km, seconds }: Leg, second: number): { share: number; speedKmh: number } {
    const part = second / seconds;
    return {
        share: part - Math.sin(2 * Math.PI * part) / (2 * Math.PI),
        speedKmh: (km / seconds) * 3600 * (1 - Math.cos(2 * Math.PI * part)),
    };
}

// The cars have faults in turn, so that alarms of all levels come and go: each for four minutes of every twenty.
const faultEveryMs = 20 * 60_000;
const faultMs = 4 * 60_000;
const hot: Alarm = { level: 3, flags: 1 << 1 }; // the battery is hot
const motorHot: Alarm = { level: 2, flags: 1 << 17 }; // the motor is
const converterHot: Alarm = { level: 1, flags: 1 << 12 }; // the DC-DC converter is
const faults = [hot, converterHot, motorHot, converterHot];

/** What is wrong with the car of this number. Four of twenty have a fault at any time, one of them a hot battery. */
export function alarmOf(no: number, now: number): Alarm {
    const since = (now + faultEveryMs - no * (faultEveryMs / count)) % faultEveryMs;
    return since < faultMs ? faults[no % faults.length]! : { level: 0, flags: 0 };
}

export function stateOf(car: Car, now: number): CarState {
    const elapsed = (now - firstRound) / 1000 + car.ahead;
    const rounds = Math.floor(elapsed / car.roundSeconds);
    let second = elapsed - rounds * car.roundSeconds;
    let km = car.drivenKm + rounds * car.roundKm;
    let at = 0;
    while (at < car.legs.length - 1 && second >= car.legs[at]!.seconds) {
        second -= car.legs[at]!.seconds;
        km += car.legs[at]!.km;
        at++;
    }
    const leg = car.legs[at]!;
    const { share, speedKmh } = leg.km > 0 ? along(leg, second) : { share: second / leg.seconds, speedKmh: 0 };
    const level = leg.level[0] + share * (leg.level[1] - leg.level[0]);
    const soc = level / batteryKwh;
    const kw = leg.charging ? -chargerKw : speedKmh * kwhPerKm;
    const cell = 3.3 + 0.75 * soc - kw * 0.0004;
    const volts = cell * cellsInRow;
    const warm = 22 + Math.min(18, Math.abs(kw) * 0.4);
    const rpm = speedKmh * 118;
    const alarm = alarmOf(car.no, now);
    return {
        at: now,
        lon: leg.from[0] + share * (leg.to[0] - leg.from[0]),
        lat: leg.from[1] + share * (leg.to[1] - leg.from[1]),
        speedKmh,
        odometerKm: km + share * leg.km,
        charging: leg.charging,
        socPercent: 100 * soc,
        volts,
        amps: (kw * 1000) / volts,
        cells: { max: cell + 0.006, min: cell - 0.009 },
        temperatures: { max: alarm === hot ? 66 : warm + 2, min: warm - 1 },
        motor: {
            rpm,
            // Near standstill power over speed says nothing.
            torqueNm: rpm < 200 ? 0 : (kw * 1000) / ((rpm * 2 * Math.PI) / 60),
            celsius: alarm === motorHot ? 152 : warm + speedKmh / 4,
        },
        alarm,
    };
}
