// What a trial of a rule told (POST /api/rules/try), and what the rule that runs did in the same time, as bars.
import { severities, type Severity } from "../../lib/alerts.ts";
import { iso } from "../../lib/clock.ts";
import { call, json } from "../../lib/http.ts";
import { contextLink } from "../../lib/ngsi.ts";
import type { RuleRow } from "../../lib/rules.ts";

export interface TrialEvent {
    at: string;
    what: "raised" | "changed" | "cleared";
    severity?: Severity;
    evidence?: unknown;
}
export interface Trial {
    judged: number;
    failed: number;
    entities: number;
    alerts: { entity: string; name: string | null; events: TrialEvent[]; openFor: number; open: boolean }[];
    /** There was more than is judged at once: it was judged up to `until`, or not of all. */
    cut: boolean;
    until: string;
    entitiesLeft?: number;
    lastFailure?: string;
}
/** A level that held for a while; `end` undefined: it held beyond the span. */
export interface Part {
    start: number;
    end: number | undefined;
    severity: Severity;
    event: TrialEvent;
}
export interface Bar {
    parts: Part[];
    worst: Severity;
}
export interface Stretch {
    start: number;
    end: number | undefined;
}
export type Live = Map<string, Stretch[]>;
export interface TrialRow {
    entity: string;
    name: string;
    bars: Bar[];
    live: Stretch[];
}
interface Asked {
    from: number;
    until: number;
}

const short = (id: string): string => id.split(":").slice(3).join(":") || id;
const worse = (a: Severity, b: Severity): Severity => (severities.indexOf(a) <= severities.indexOf(b) ? a : b);

function bars(events: readonly TrialEvent[]): Bar[] {
    const list: Bar[] = [];
    let open: Bar | undefined;
    for (const event of events) {
        const at = Date.parse(event.at);
        const last = open?.parts.at(-1);
        if (last && last.end === undefined) last.end = at;
        if (event.what === "cleared") open = undefined;
        else {
            const severity = event.severity ?? last?.severity ?? "info";
            const part: Part = { start: at, end: undefined, severity, event };
            if (open) {
                open.parts.push(part);
                open.worst = worse(open.worst, severity);
            } else list.push((open = { parts: [part], worst: severity }));
        }
    }
    return list;
}
export function barsOf(trial: Trial, live: Live, asked: Asked): TrialRow[] {
    const rows = new Map<string, TrialRow>();
    for (const { entity, name, events } of trial.alerts) {
        const row = rows.get(entity) ?? {
            entity,
            name: name ?? short(entity),
            bars: [],
            live: live.get(entity) ?? [],
        };
        row.bars.push(...bars(events));
        rows.set(entity, row);
    }
    for (const [entity, stretches] of live)
        if (!rows.has(entity)) rows.set(entity, { entity, name: short(entity), bars: [], live: stretches });
    const first = (row: TrialRow): number => row.bars[0]?.parts[0]?.start ?? row.live[0]?.start ?? asked.until;
    return [...rows.values()].sort((a, b) => first(a) - first(b));
}

interface Instance {
    value: string | { "@value": string };
}
/** Each is asked for its own past, so there is an end to it: the worst and the newest of them. */
export const liveMost = 50;
/** What the rule that runs raised in that time, from the past of its alerts; by the data's times, as a trial tells. */
export async function liveBars(
    rule: RuleRow,
    asked: Asked,
    signal: AbortSignal,
): Promise<{ bars: Live; cut: boolean }> {
    const found = await json<{ id: string; alertSource: string; dateIssued: string }[]>(
        `api/alerts?${new URLSearchParams({ pack: rule.pack, rule: rule.id, limit: String(liveMost) })}`,
        { signal },
    );
    const headers = contextLink(new URL("api/alerts/context.jsonld", document.baseURI).href);
    const question = new URLSearchParams({
        attrs: "validFrom,validTo",
        timeproperty: "modifiedAt",
        timerel: "after",
        timeAt: iso(0),
    });
    const times = (list: Instance | Instance[] | undefined): number[] =>
        [list ?? []]
            .flat()
            .map(({ value }) => Date.parse(typeof value === "string" ? value : value["@value"]))
            .sort((a, b) => a - b);
    const all = await Promise.all(
        found.map(async ({ id, alertSource }): Promise<[string, Stretch[]]> => {
            const path = `ngsi-ld/v1/temporal/entities/${encodeURIComponent(id)}?${question}`;
            const answer = await call(path, { headers, signal });
            const past = (await answer.json()) as Record<string, Instance[]>;
            const begins = [...new Set(times(past["validFrom"]))];
            const ends = times(past["validTo"]);
            const stretches = begins.map((start, i) => {
                const next = begins[i + 1] ?? Infinity;
                return { start, end: ends.find((end) => end >= start && end <= next) };
            });
            return [
                alertSource,
                stretches.filter(({ start, end }) => start < asked.until && (end ?? Infinity) > asked.from),
            ];
        }),
    );
    const bars = new Map(all.filter(([, stretches]) => stretches.length > 0));
    return { bars, cut: found.length === liveMost };
}
