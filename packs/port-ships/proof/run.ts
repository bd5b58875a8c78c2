// S20: a shore station hands on AIS sentences; the city must say who is in which area, who waits at anchor for how
// long, and who lies at a berth.
import { position, sentences, statics } from "../../../city/frames/ais.ts";
import type { Line } from "../../../city/line.ts";
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { expected, type Expected } from "./expected.ts";
import { areas, iso, ships, simulatedMmsi, type Report, type Ship } from "./ships.ts";

const link = "ais";
const atOnce = 8;
const text = (lines: string[]): Buffer => Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1");

/** Type 1, the time in a TAG block. What the ship does not know is sent as AIS sends it. */
function positionFrame({ mmsi }: Ship, report: Report): Buffer {
    const bits = position({
        mmsi,
        status: report.status,
        speedKn: report.speedKn,
        lon: report.lon ?? 181,
        lat: report.lat ?? 91,
        courseDeg: report.courseDeg,
        headingDeg: report.headingDeg,
        second: Math.floor(report.at / 1000) % 60,
    });
    return text(sentences(bits, report.at));
}

/** Type 5, two sentences. */
function staticsFrame(ship: Ship, at: number, group: number): Buffer {
    const bits = statics({
        mmsi: ship.mmsi,
        name: ship.name,
        shipType: ship.kind,
        dimensions: [0, ship.length ?? 0, 0, ship.width ?? 0],
    });
    return text(sentences(bits, at, group));
}

function mutated(all: Ship[], mutation: string | undefined): Ship[] {
    const ship = (mmsi: number): Ship => all.find((one) => one.mmsi === mmsi)!;
    const call = ship(simulatedMmsi).reports;
    switch (mutation) {
        case undefined:
        case "area":
            break;
        case "place": {
            // KOLBI MICHELLE comes from an anchorage to a berth: her last report but one, half a kilometre north.
            const report = ship(368084140).reports.at(-2)!;
            report.lat! += 0.005;
            break;
        }
        case "speed":
            // LOUISIANA LAGNIAPPE lies still in the anchorage.
            ship(367541690).reports.at(-3)!.speedKn = 4.2;
            break;
        case "lost": {
            // The report with which the simulated ship has left the anchorage.
            const from = call.findIndex((report, at) => at > 40 && report.status === 0);
            call.splice(from, 12);
            break;
        }
        case "time":
            // A report of BEN NOLAN's, her first under way, is dated a minute early.
            ship(367364440).reports[1]!.at -= 60_000;
            break;
        case "shorter": {
            // She leaves the anchorage after 23 hours: no report of the last three hours there.
            const end = call.findIndex((report, at) => at > 40 && report.status === 0);
            call.splice(end - 18, 18);
            break;
        }
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return all;
}

async function sendAll(city: City, line: Line, ship: Ship, group: number): Promise<void> {
    for (const [no, report] of ship.reports.entries()) {
        await line.say(positionFrame(ship, report));
        // The hours are derived last, and written together with the alerts of this report.
        const last = report.lon === undefined ? "navigationStatus" : "areaHours";
        await city.reached(ship.id, last, iso(report.at));
        if (no > 0) continue;
        await city.claim(link, String(ship.mmsi), { type: "Vessel" });
        await line.say(staticsFrame(ship, report.at, group));
        await city.until(async () => (await city.entity(ship.id))?.name === ship.name, 5);
    }
}

export async function feed(city: City, mutation?: string): Promise<void> {
    for (const { id, entity } of areas()) {
        if (mutation === "area" && id.endsWith("anchorage-2")) {
            const ring = (entity["location"] as { value: { coordinates: [number, number][][] } }).value.coordinates[0]!;
            for (const point of ring) point[1] += 0.02;
        }
        await city.done("POST", "/ngsi-ld/v1/entities", entity, city.names);
    }
    const line = city.line(link, () => ({ answers: [], used: 0 }));
    const waiting = mutated(ships(), mutation);
    // The longest first.
    waiting.sort((a, b) => b.reports.length - a.reports.length);
    await Promise.all(
        Array.from({ length: atOnce }, async (_, group) => {
            for (let ship = waiting.shift(); ship; ship = waiting.shift()) await sendAll(city, line, ship, group);
        }),
    );
    await city.waitSettled();
}

export const expect = (): Expected[] => expected();

interface Stay {
    alertSource: string;
    rule: string;
    validFrom?: string;
    validTo?: string;
}

export async function check(city: City, all: Expected[]): Promise<Check[]> {
    const checks: Check[] = [];
    const alerts = (await city.alerts()) as Stay[];
    for (const { ship, series: wanted, alerts: courses, stays } of all) {
        const known = await city.entity(ship.id);
        checks.push(
            same(
                `${ship.name}: what she is`,
                [ship.name, ship.kind, ship.length ?? null],
                [known?.name ?? null, known?.vesselType ?? null, known?.length ?? null],
            ),
        );
        for (const [attribute, values] of wanted) {
            // Not every ship says her status.
            if (values.size === 0) continue;
            const tolerance = attribute === "areaHours" ? 1e-9 : 0;
            const found = await city.temporal(ship.id, attribute);
            checks.push(series(`${ship.name}: ${attribute}`, values, found, tolerance));
        }
        const times = new Set(ship.reports.map((report) => iso(report.at)));
        for (const [rule, events] of courses) {
            const found = await city.course(rule, ship.id, (at) => times.has(at));
            checks.push(course(`${ship.name}: alert ${rule}`, events, found));
        }
        for (const [rule, stay] of stays) {
            const alert = alerts.find((one) => one.alertSource === ship.id && one.rule === rule);
            const found = [alert?.validFrom ?? null, alert?.validTo ?? null];
            checks.push(same(`${ship.name}: begin and end of alert ${rule}`, [stay.from, stay.to ?? null], found));
            if (stay.minutes === undefined || alert?.validTo === undefined) continue;
            const minutes = (Date.parse(alert.validTo) - Date.parse(alert.validFrom ?? "")) / 60_000;
            checks.push(same(`${ship.name}: minutes of alert ${rule}`, stay.minutes, minutes));
        }
    }
    const counted = all.reduce((sum, one) => sum + one.stays.size, 0);
    checks.push(same("alerts of all ships", counted, alerts.length));
    const aside = await city.get(`/api/links/${link}/quarantine`);
    checks.push(same("sentences set aside", 0, (aside as unknown[]).length));
    return checks;
}
