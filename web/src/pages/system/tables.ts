// Tables that departments hand over (docs/tables.md), as the API tells of them.
import { call } from "../../lib/http.ts";
import { language } from "../../lib/words.ts";
import type { TableForm } from "./refused.ts";

export interface Reasoned {
    reason: string;
    reasonZh?: string;
}
export interface Report extends Partial<Reasoned> {
    state: "taken" | "tried" | "refused";
    id?: string;
    name: string;
    mapping: string;
    from: string;
    at?: string;
    place?: string;
    rows?: number;
    readings?: number;
    entities?: number;
    rowsSkipped?: number;
    rowsEmpty?: number;
    rowsRefused?: number;
    rowsRefusedInPart?: number;
    cellsRefused?: number;
    late?: number;
    repeatedSame?: number;
    repeatedOther?: number;
    setAside?: number;
    notSetAside?: number;
    readingsNotTaken?: number;
    seconds?: number;
    refused?: (Reasoned & { count: number })[];
    firstRefused?: (Reasoned & { line: number; column: number; whole: boolean })[];
    notTaken?: (Reasoned & { entity: string; readings: number })[];
    attributes?: {
        name: string;
        readings: number;
        missing: number;
        refused: number;
        late: number;
        least?: string;
        most?: string;
        first?: string;
        last?: string;
    }[];
}
export interface ProfileColumn {
    number: number;
    name: string;
    type: "integer" | "number" | "time" | "boolean" | "text" | "object" | "place" | "empty";
    form?: string;
    filled: number;
    empty: number;
    distinct: number;
    distinctMore?: boolean;
    least?: string;
    most?: string;
    marks?: { mark: string; cells: number }[];
    odd: number;
    firstOdd?: { line: number; column: number; value?: string }[];
}
export interface Profile {
    format: string;
    encoding: string;
    gzip: boolean;
    separator?: string;
    header?: boolean;
    skipLines?: number;
    path?: string;
    rows: number;
    whole: boolean;
    malformed: number;
    firstMalformed?: (Reasoned & { line: number })[];
    shifted: number;
    columnsCount: number;
    columns: ProfileColumn[];
    notes: { zh: string; en: string }[];
    mapping: Record<string, unknown>;
}

export const why = (one: Partial<Reasoned>): string =>
    (language.value === "zh" ? one.reasonZh : undefined) ?? one.reason ?? "";

export async function mappingText(name: string): Promise<string> {
    return (await call(`api/mappings/${encodeURIComponent(name)}`)).text();
}
export const formOf = (mapping: string): TableForm => (JSON.parse(mapping) as { table?: TableForm }).table ?? {};

export const giveTable = (mapping: string, name: string, dryRun = false): string =>
    `api/tables?${new URLSearchParams({ mapping, name, ...(dryRun ? { dryRun: "true" } : {}) })}`;

/** A name that a mapping may have, from that of a file. */
export const mappingName = (file: string): string =>
    file
        .replace(/(\.(csv|txt|json|geojson|jsonl|ndjson|xlsx|gz))+$/i, "")
        .replace(/[^A-Za-z0-9_-]+/g, "-")
        .replace(/^-+|-+$/g, "")
        .slice(0, 50) || "table";
