// Comparisons that say how much they compared, and where the first difference is.
import type { Check } from "./types.ts";

const short = (value: unknown): unknown => {
    const text = JSON.stringify(value) ?? "nothing";
    return text.length <= 300 ? value : `${text.slice(0, 300)} ...`;
};

/** Two values, as JSON. */
export function same(what: string, expected: unknown, found: unknown): Check {
    const ok = JSON.stringify(expected) === JSON.stringify(found);
    return { what, expected: ok ? short(expected) : expected, found: ok ? short(found) : found, ok, values: 1 };
}

export type Value = number | string;
/** Values by their times (ISO, UTC). */
export type Series = Map<string, Value>;

function equal(a: Value | undefined, b: Value | undefined, tolerance: number): boolean {
    if (typeof a === "number" && typeof b === "number") {
        return a === b || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a));
    }
    return a === b;
}

/** Two series, value by value; a value too many or too few is a difference. `tolerance` is relative above 1. */
export function series(what: string, expected: Series, found: Series, tolerance = 0): Check {
    const times = [...new Set([...expected.keys(), ...found.keys()])].sort();
    const off = times.filter((at) => !equal(expected.get(at), found.get(at), tolerance));
    const first = off[0];
    const told = (of: Series): unknown =>
        first === undefined ? `${of.size} values` : `${of.get(first) ?? "nothing"} at ${first}`;
    const more = off.length > 1 ? `; ${off.length} of ${times.length} differ` : "";
    return {
        what,
        expected: told(expected),
        found: first === undefined ? told(found) : `${String(told(found))}${more}`,
        ok: off.length === 0 && expected.size > 0,
        values: expected.size,
    };
}

/** What an alert did, in order. */
export interface Event {
    /** Of the data (ISO, UTC); or "released", where it came because what suppressed it was over. */
    at: string;
    /** red, orange ... or "cleared". */
    what: string;
}

/** Two courses of an alert, event by event. */
export function course(what: string, expected: Event[], found: Event[]): Check {
    const said = (list: Event[], at: number): string =>
        at >= list.length ? "nothing more" : `${list[at]!.what} at ${list[at]!.at}`;
    const all = Math.max(expected.length, found.length);
    let at = 0;
    while (at < all && said(expected, at) === said(found, at)) at++;
    const ok = at === all;
    return {
        what,
        expected: ok ? `${expected.length} events` : `event ${at + 1}: ${said(expected, at)}`,
        found: ok ? `${found.length} events` : `event ${at + 1}: ${said(found, at)}`,
        ok,
        values: expected.length,
    };
}
