// Alerts as the console reads them: entities of type Alert (docs/packs.md), live by the hub, acted on by /api/alerts.
import { computed, type ComputedRef } from "vue";
import { json } from "./http.ts";
import { useView, type View } from "./hub.ts";
import { attributeOf, numberOf, pointOf, textOf, valueOf, type Entity } from "./ngsi.ts";

export const severities = ["red", "orange", "yellow", "blue", "info"] as const;
export type Severity = (typeof severities)[number];
const statuses = ["open", "acknowledged", "cleared"] as const;
/** Others may write alerts too (smart data models have levels of their own): what is not known is the least of all. */
const oneOf = <T extends string>(known: readonly T[], text: string, otherwise: T): T =>
    known.find((one) => one === text) ?? otherwise;
export interface Evidence {
    at?: string;
    values?: Record<string, unknown>;
    readings?: { attribute: string; value: unknown; observedAt?: string; unitCode?: string }[];
    [more: string]: unknown;
}
export interface Alert {
    id: string;
    severity: Severity;
    level: number;
    status: (typeof statuses)[number];
    title: string;
    description: string;
    rule: string;
    pack: string;
    category: string;
    source: string;
    issued: string;
    last: string;
    cleared: string | undefined;
    validFrom: string | undefined;
    validTo: string | undefined;
    times: number;
    acknowledgedBy: string;
    clearedBy: string;
    comments: { by: string; at: string; text?: string; comment?: string }[];
    evidence: Evidence | undefined;
    silencedUntil: string | undefined;
    silencedBy: string;
    silenceReason: string;
    at: [number, number] | undefined;
}

export function readAlert(entity: Entity): Alert {
    const text = (name: string): string => textOf(entity, name);
    const maybe = (name: string): string | undefined => text(name) || undefined;
    const comments = valueOf(entity, "comments");
    return {
        id: entity.id,
        severity: oneOf(severities, text("severity"), "info"),
        level: numberOf(entity, "level") ?? 5,
        status: oneOf(statuses, text("status"), "open"),
        title: text("title") || text("rule"),
        description: text("description"),
        rule: text("rule"),
        pack: text("pack"),
        category: text("category"),
        source: text("alertSource"),
        issued: text("dateIssued") || text("validFrom") || text("dateLast"),
        last: text("dateLast"),
        cleared: maybe("dateCleared"),
        validFrom: maybe("validFrom"),
        validTo: maybe("validTo"),
        times: numberOf(entity, "times") ?? 1,
        acknowledgedBy: text("acknowledgedBy"),
        clearedBy: text("clearedBy"),
        comments: Array.isArray(comments) ? (comments as Alert["comments"]) : [],
        evidence: (attributeOf(entity, "evidence")?.json ?? undefined) as Evidence | undefined,
        silencedUntil: maybe("silencedUntil"),
        silencedBy: text("silencedBy"),
        silenceReason: text("silenceReason"),
        at: pointOf(entity),
    };
}

/** What is not over yet: it stays listed whatever moment or span the page shows. */
export const isOpen = (entity: Entity): boolean => textOf(entity, "status") !== "cleared";
export function useOpenAlerts(): { view: View; alerts: ComputedRef<Alert[]> } {
    const view = useView(() => ({ types: ["Alert"], q: 'status!="cleared"', keep: isOpen }));
    const alerts = computed(() =>
        view
            .list()
            .map(readAlert)
            .sort((a, b) => a.level - b.level || (a.issued < b.issued ? 1 : a.issued > b.issued ? -1 : 0)),
    );
    return { view, alerts };
}

export const actOn = (
    id: string,
    what: "acknowledge" | "comment" | "clear" | "silence",
    body: object,
): Promise<unknown> => json(`api/alerts/${encodeURIComponent(id)}/${what}`, { method: "POST", body });

/** Who acts: until there are accounts, the name that a person gave on this machine. */
const key = "jindu.name";
export const myName = (): string => localStorage.getItem(key) ?? "";
export const setMyName = (name: string): void => localStorage.setItem(key, name);
