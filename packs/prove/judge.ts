// What a rule does with a course of values, by the words of docs/packs.md alone: levels from the worst down, each held
// until its `until`; `clearAfter`; `unless`. Proofs say with it what an alert must do. It is written here once more,
// plainly, so that it can be held against the program's own.
import type { Event } from "./checks.ts";

export interface Level<T> {
    severity: string;
    /** Undefined: it cannot be judged. */
    when(x: T): boolean | undefined;
    until?(x: T): boolean | undefined;
}

export interface Point<T> {
    at: string;
    x: T;
}

export interface Rule<T> {
    levels: Level<T>[];
    clearAfterMs?: number;
    /** Its windows end at the clock's time where it is judged by that; the data are older, so it finds nothing then. */
    byWindows?: boolean;
}

/** A span of time: [from, to), to undefined: it is still open. */
export interface Span {
    from: string;
    to?: string;
}

/** When an alert that did this was open. */
export function spans(events: Event[]): Span[] {
    const found: Span[] = [];
    for (const event of events) {
        const last = found.at(-1);
        if (event.what !== "cleared") {
            if (!last || last.to !== undefined) found.push({ from: event.at });
        } else if (last) last.to = event.at;
    }
    return found;
}

const covers = (span: Span, at: string): boolean => span.from <= at && (span.to === undefined || at < span.to);

/** Whether level `i` holds where `open` is the one that stands (-1: none). */
function holds<T>(level: Level<T>, i: number, open: number, x: T): boolean | undefined {
    const yes = level.when(x);
    if (yes === true) return true;
    if (open < 0 || i < open || !level.until) return yes;
    const over = level.until(x);
    return over === undefined ? undefined : !over;
}

/** The worst level that holds; -1: none; undefined: not known. */
function worst<T>(levels: Level<T>[], open: number, x: T): number | undefined {
    let unknown = false;
    for (const [i, level] of levels.entries()) {
        const yes = holds(level, i, open, x);
        if (yes === true) return unknown && open >= 0 && i > open ? undefined : i;
        if (yes === undefined && (open < 0 || i >= open)) unknown = true;
    }
    return unknown ? undefined : -1;
}

/**
 * The events of the alert of one entity. `suppressed`: when one of the rules of `unless` has an open alert. Where one
 * ends, the rule looks again at what it knew before; what it raises then has the time of that.
 */
export function follow<T>(rule: Rule<T>, points: Point<T>[], suppressed: Span[] = []): Event[] {
    const events: Event[] = [];
    const { levels, clearAfterMs = 0, byWindows = false } = rule;
    const ends = (byWindows ? [] : suppressed).flatMap((span) => (span.to === undefined ? [] : [span.to])).sort();
    let open = -1;
    let clearSince: string | undefined;
    let known: T | undefined;
    let knownAt = "";
    const raise = (at: string, level: number): void => {
        events.push({ at, what: levels[level]!.severity });
        open = level;
    };
    for (const { at, x } of points) {
        while (ends.length > 0 && ends[0]! <= at) {
            const end = ends.shift()!;
            const still = suppressed.some((span) => covers(span, end));
            const level = known === undefined || still || open >= 0 ? -1 : worst(levels, open, known);
            if (level !== undefined && level >= 0) raise(knownAt, level);
        }
        known = x;
        knownAt = at;
        const level = worst(levels, open, x);
        if (level === undefined) continue;
        if (level === open) {
            clearSince = undefined;
        } else if (level === -1) {
            clearSince ??= at;
            if (Date.parse(at) - Date.parse(clearSince) < clearAfterMs) continue;
            events.push({ at, what: "cleared" });
            open = -1;
            clearSince = undefined;
        } else {
            clearSince = undefined;
            if (open >= 0 || !suppressed.some((span) => covers(span, at))) raise(at, level);
        }
    }
    return events;
}
