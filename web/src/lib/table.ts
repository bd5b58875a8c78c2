// What a table shows and what an export writes are the same columns and the same rows.
import type { RouteLocationRaw } from "vue-router";

export interface Column<Row> {
    id: string;
    title: string;
    /** What is sorted by and what an export writes. */
    value: (row: Row) => string | number | boolean | Date | undefined;
    /** As it is shown; the value itself when absent. */
    text?: (row: Row) => string;
    unit?: string;
    numeric?: boolean;
    /** It has the room that the others leave: cut before the table grows out of its box. */
    wide?: boolean;
    /** Where any column says so, a phone shows only those that do; what a row opens and an export have all. */
    phone?: "fits" | "wide";
    link?: (row: Row) => RouteLocationRaw | undefined;
}

/** Whether one of the texts holds what is looked for, whatever its capitals; nothing is in all of them. */
export function fits(wanted: string | undefined, ...texts: string[]): boolean {
    const part = wanted?.trim().toLowerCase() ?? "";
    return part === "" || texts.some((text) => text.toLowerCase().includes(part));
}

const collator = new Intl.Collator("zh-CN", { numeric: true });

export function compare(a: unknown, b: unknown): number {
    if (a === undefined || a === "") return b === undefined || b === "" ? 0 : 1;
    if (b === undefined || b === "") return -1;
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
    return collator.compare(String(a), String(b));
}

/** "name" or "name;desc". */
export function sorted<Row>(rows: readonly Row[], columns: Column<Row>[], order: string | undefined): Row[] {
    const [id, direction] = (order ?? "").split(";");
    const column = columns.find((one) => one.id === id);
    if (!column) return [...rows];
    const sign = direction === "desc" ? -1 : 1;
    const missing = (value: unknown): boolean => value === undefined || value === "";
    // Values are read once a row, not once a comparison. What is missing stands last, whichever way the rest goes.
    return rows
        .map((row) => ({ row, value: column.value(row) }))
        .sort(({ value: a }, { value: b }) => (missing(a) || missing(b) ? compare(a, b) : sign * compare(a, b)))
        .map(({ row }) => row);
}
