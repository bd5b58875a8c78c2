// Where a thing went in a span of time: its places as they were observed.
import { call } from "./http.ts";
import { contextLink } from "./ngsi.ts";
import type { Place } from "./shapes.ts";

export interface Step {
    at: number;
    place: Place;
}
/** So many steps at most, the newest of the span. */
export const stepsMost = 5000;

export async function trackOf(id: string, from: number, until: number, signal: AbortSignal): Promise<Step[]> {
    const parameters = new URLSearchParams({
        attrs: "location",
        timerel: "between",
        timeAt: new Date(from).toISOString(),
        endTimeAt: new Date(until).toISOString(),
        lastN: String(stepsMost),
        options: "temporalValues",
    });
    const answer = await call(`ngsi-ld/v1/temporal/entities/${encodeURIComponent(id)}?${parameters}`, {
        headers: contextLink(),
        signal,
    });
    const { location } = (await answer.json()) as {
        location?: { values?: [{ type: string; coordinates: Place }, string][] };
    };
    const steps = (location?.values ?? [])
        .filter(([value]) => value?.type === "Point")
        .map(([value, at]): Step => ({ at: Date.parse(at), place: [value.coordinates[0], value.coordinates[1]] }))
        .sort((a, b) => a.at - b.at);
    // One that stands still for an hour is one step.
    return steps.filter((step, i) => {
        const before = steps[i - 1];
        return !before || before.place[0] !== step.place[0] || before.place[1] !== step.place[1];
    });
}
/**
 * The way in pieces: one that is suddenly elsewhere (a recording that begins again, a receiver gone astray) did not go
 * there in a straight line. A leap is over a kilometre, and eight times as far as its steps mostly are.
 */
export function piecesOf(places: readonly Place[]): Place[][] {
    const far = (a: Place, b: Place): number =>
        111 * Math.hypot((a[0] - b[0]) * Math.cos((a[1] * Math.PI) / 180), a[1] - b[1]);
    const steps = places.slice(1).map((place, i) => far(places[i]!, place));
    const middle = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
    const pieces: Place[][] = [[]];
    places.forEach((place, i) => {
        const step = i === 0 ? 0 : steps[i - 1]!;
        if (step > 1 && step > 8 * middle) pieces.push([]);
        pieces.at(-1)!.push(place);
    });
    return pieces.filter((piece) => piece.length > 0);
}
/** Where it was at a moment: the last step that had been made by then. */
export function stepAt(steps: readonly Step[], time: number): Step | undefined {
    let found: Step | undefined;
    for (const step of steps) {
        if (step.at > time) break;
        found = step;
    }
    return found ?? steps[0];
}
