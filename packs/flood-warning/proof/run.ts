// Two recorded floods through the SL 651 link: levels, rates and warnings, and a gauge that falls silent.
import { element, readAnswers, report } from "../../../city/frames/sl651.ts";
import { course, same, series, type Event, type Series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import { follow, type Level, type Point } from "../../prove/judge.ts";
import type { Check } from "../../prove/types.ts";
import { altered, gauges, iso, type Gauge, type Reading } from "./flood.ts";

const link = "gauges";
const threeHours = 3 * 3_600_000;

interface Expected {
    gauge: Gauge;
    level: Series;
    discharge: Series;
    rate: Series;
    levelAlert: Event[];
    riseAlert: Event[];
    silent: string;
}

function frame(gauge: Gauge, reading: Reading, serial: number): { bytes: Buffer; key: string } {
    const bytes = report({
        centre: 1,
        station: gauge.station,
        password: "1234",
        func: 0x34,
        serial,
        sentAt: reading.at + 5000,
        stationClass: "H",
        observedAt: reading.at,
        elements: [element(0x39, reading.level), element(0x27, reading.discharge), element(0x38, 12.4)],
    });
    return { bytes, key: String(serial) };
}

async function feedGauge(city: City, gauge: Gauge, readings: Reading[]): Promise<void> {
    const line = city.line(link, readAnswers);
    for (const [i, reading] of readings.entries()) {
        const well = await city.sendFrames(line, [frame(gauge, reading, i + 1)]);
        if (well !== 1) throw new Error(`the report of ${reading.day} was not answered`);
        if (i === 0) {
            const { name, river, alertLevel, guaranteedLevel, highestLevel } = gauge;
            await city.claim(link, gauge.station, { name, river, alertLevel, guaranteedLevel, highestLevel });
        } else if (!(await city.reached(gauge.id, "levelRate", iso(reading.at), 60))) {
            // A minute: a busy disk may take seconds for a group.
            throw new Error(`the rate of ${reading.day} was not derived`);
        }
    }
}

export async function feed(city: City, mutation?: string): Promise<void> {
    for (const gauge of gauges()) await feedGauge(city, gauge, altered(gauge, mutation));
    await city.waitSettled();
}

const rounded = (x: number): number => Math.sign(x) * (Math.round(Math.abs(x) * 1000) / 1000);

/** The level less that of three hours before, or of the first one, by the hour. */
function rate(readings: Reading[], i: number): number | undefined {
    const at = readings[i]!.at;
    const before = readings.filter((one) => one.at <= at - threeHours).at(-1) ?? readings[0]!;
    if (before.at === at) return undefined;
    return (readings[i]!.level - before.level) / ((at - before.at) / 3_600_000);
}

function levelsOf({ alertLevel, guaranteedLevel, highestLevel = Infinity }: Gauge): Level<number>[] {
    const level = (severity: string, when: Level<number>["when"], below: number): Level<number> => ({
        severity,
        when,
        until: (x) => x < below,
    });
    return [
        level("red", (x) => x > highestLevel, highestLevel - 0.1),
        level("orange", (x) => x >= guaranteedLevel, guaranteedLevel - 0.1),
        level("yellow", (x) => x >= alertLevel, alertLevel - 0.1),
        level("blue", (x) => x >= alertLevel - 0.5, alertLevel - 0.7),
    ];
}

const rises: Level<number>[] = [
    { severity: "orange", when: (x) => x >= 0.6, until: (x) => x < 0.4 },
    { severity: "yellow", when: (x) => x >= 0.3, until: (x) => x < 0.1 },
];

export function expect(): Expected[] {
    return gauges().map((gauge) => {
        const { readings } = gauge;
        // The first report only makes the gauge known.
        const points = readings.slice(1).map((one): Point<number> => ({ at: iso(one.at), x: one.level }));
        const rates = readings.flatMap((one, i): Point<number>[] => {
            const x = rate(readings, i);
            return x === undefined ? [] : [{ at: iso(one.at), x }];
        });
        return {
            gauge,
            level: new Map(readings.map((one) => [iso(one.at), one.level])),
            discharge: new Map(readings.map((one) => [iso(one.at), one.discharge])),
            rate: new Map(rates.map(({ at, x }) => [at, rounded(x)])),
            levelAlert: follow({ levels: levelsOf(gauge) }, points),
            riseAlert: follow({ levels: rises }, rates),
            silent: Date.now() - readings.at(-1)!.at > 2 * 3_600_000 ? "open" : "cleared",
        };
    });
}

async function checkGauge(city: City, { gauge, ...expected }: Expected): Promise<Check[]> {
    const { id, name } = gauge;
    const isOfData = (at: string): boolean => expected.level.has(at);
    const alerts = await city.alerts({ entity: id });
    const silent: unknown = alerts.find((alert) => alert.rule === "silent")?.status;
    return [
        series(`${name}: levels`, expected.level, await city.temporal(id, "waterLevel")),
        series(`${name}: discharges`, expected.discharge, await city.temporal(id, "discharge")),
        series(`${name}: rates of rise`, expected.rate, await city.temporal(id, "levelRate"), 1e-9),
        course(`${name}: the alert of the level`, expected.levelAlert, await city.course("level", id, isOfData)),
        course(`${name}: the alert of the rise`, expected.riseAlert, await city.course("rise", id, isOfData)),
        same(`${name}: the alert of silence`, expected.silent, silent),
    ];
}

export async function check(city: City, expected: Expected[]): Promise<Check[]> {
    const checks: Check[] = [];
    for (const one of expected) checks.push(...(await checkGauge(city, one)));
    return checks;
}
