// What must come out: who was where, for how long, who waited, who lay at a berth; from the raw reports alone.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, spans, type Point, type Rule } from "../../prove/judge.ts";
import { areaOf, areas, iso, ships, type Report, type Ship } from "./ships.ts";

export interface Expected {
    ship: Ship;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
    /** By rule: minutes of the newest stay, and its end where it has one. */
    stays: Map<string, { from: string; to: string | undefined; minutes: number | undefined }>;
}

interface Seen {
    area: number;
    /** Hours since she came into it. */
    hours: number;
    speed: number;
}

const leaves = (from: number, to: number, knots: number) => (x: Seen): boolean =>
    x.area < from || x.area > to || x.speed > knots;
const waits = (severity: string, hours: number): Rule<Seen>["levels"][number] => ({
    severity,
    when: (x) => x.area >= 11 && x.area <= 19 && x.speed < 1 && x.hours >= hours,
    until: leaves(11, 19, 3),
});
const rules: Record<string, Rule<Seen>> = {
    "in-anchorage": { levels: [{ severity: "info", when: (x) => x.area === 11 || x.area === 12 }] },
    "in-berth": { levels: [{ severity: "info", when: (x) => x.area === 21 || x.area === 22 }] },
    "waiting-at-anchor": { levels: [waits("orange", 24), waits("yellow", 12), waits("info", 0)] },
    "at-berth": {
        levels: [{ severity: "info", when: (x) => x.area >= 21 && x.speed < 0.5, until: leaves(21, 29, 2) }],
    },
};

/** Reports that say where the ship is, each with the area and how long she has been in it. */
function seen(reports: Report[]): { at: string; x: Seen }[] {
    const all = areas();
    const found: { at: string; x: Seen }[] = [];
    let area = 0;
    let since = 0;
    for (const report of reports) {
        const now = areaOf(report, all);
        if (now === undefined) continue;
        if (now !== area) since = report.at;
        area = now;
        const hours = area > 0 ? (report.at - since) / 3_600_000 : 0;
        found.push({ at: iso(report.at), x: { area, hours, speed: report.speedKn ?? Infinity } });
    }
    return found;
}

function ofShip(ship: Ship): Expected {
    const all = seen(ship.reports);
    const series = new Map<string, Series>([
        ["portArea", new Map(all.map(({ at, x }) => [at, x.area]))],
        ["areaHours", new Map(all.map(({ at, x }) => [at, x.hours]))],
    ]);
    const put = (attribute: string, of: (report: Report) => number | undefined): void => {
        const values: Series = new Map();
        for (const report of ship.reports) {
            const value = of(report);
            if (value !== undefined) values.set(iso(report.at), value);
        }
        series.set(attribute, values);
    };
    put("speedOverGround", (report) => report.speedKn);
    put("navigationStatus", (report) => (report.status === 15 ? undefined : report.status));
    // The first report makes the ship known; she is claimed behind it, and then judged by it.
    const points: Point<Seen>[] = all;
    const alerts = new Map(Object.entries(rules).map(([rule, what]) => [rule, follow(what, points)]));
    const stays: Expected["stays"] = new Map();
    for (const [rule, events] of alerts) {
        const last = spans(events).at(-1);
        if (!last) continue;
        const minutes = last.to === undefined ? undefined : (Date.parse(last.to) - Date.parse(last.from)) / 60_000;
        stays.set(rule, { from: last.from, to: last.to, minutes });
    }
    return { ship, series, alerts, stays };
}

export const expected = (): Expected[] => ships().map(ofShip);
