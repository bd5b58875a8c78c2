// The player's clock: which reading of a recorded series is "now".

export interface Reading<T> {
    /** When it was recorded, in ms since 1970. */
    at: number;
    values: T;
}

export interface Due<T> {
    reading: Reading<T>;
    /** The moment of today at which the player lets it happen, in ms since 1970. */
    dueAt: number;
}

/** When every recording began its first round. A fixed moment needs no memory: a restart goes on in step. */
export const firstRound = Date.UTC(2026, 0, 1);

export interface Span {
    start: number;
    end: number;
}

/**
 * The newest reading that has happened by `now`, when a recording over `span` runs at `speed` and starts over at its
 * end. In a round's first minutes, before a series' first reading, that is the last reading of the round before.
 */
export function current<T>(
    readings: readonly Reading<T>[],
    span: Span,
    speed: number,
    now: number,
): Due<T> | undefined {
    if (readings.length === 0) return undefined;
    const length = Math.max(1, span.end - span.start);
    const elapsed = (now - firstRound) * speed;
    let round = Math.floor(elapsed / length);
    const moment = span.start + (elapsed - round * length);
    let low = 0;
    let high = readings.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (readings[middle]!.at <= moment) low = middle + 1;
        else high = middle;
    }
    if (low === 0) {
        low = readings.length;
        round -= 1;
    }
    const reading = readings[low - 1]!;
    return { reading, dueAt: Math.floor(firstRound + (round * length + (reading.at - span.start)) / speed) };
}

/** All readings that happen from `from` on and before `until`, in their order, by the same clock. */
export function* between<T>(
    readings: readonly Reading<T>[],
    span: Span,
    speed: number,
    from: number,
    until: number,
): Generator<Due<T>> {
    const length = Math.max(1, span.end - span.start);
    for (let round = Math.floor(((from - firstRound) * speed) / length); ; round++) {
        if (firstRound + (round * length) / speed >= until) return;
        for (const reading of readings) {
            const dueAt = Math.floor(firstRound + (round * length + (reading.at - span.start)) / speed);
            if (dueAt >= until) return;
            if (dueAt >= from) yield { reading, dueAt };
        }
    }
}

/** Moments of a local time without zone, given the zone's distance from UTC in hours. */
export function localTime(year: number, month: number, day: number, hour: number, zoneHours: number): number {
    return Date.UTC(year, month - 1, day, hour) - zoneHours * 3_600_000;
}
