// Where something stands in a declaration's text, and in which order versions come.
import { offsetOfPath } from "./jsontext.ts";

export interface Place {
    line: number;
    column: number;
}
export interface Line {
    number: number;
    /** Of the line that the place is in: up to the place, and from there on; else all of it. */
    before: string;
    from: string;
    here: boolean;
}

const wholeMost = 400;
/** The lines about a place; a line of great length is cut around it. */
export function excerpt(text: string, place: Place, around = 2): Line[] {
    const first = Math.max(1, place.line - around);
    const cut = Math.max(0, place.column - wholeMost / 2);
    const lines = text.split("\n").slice(first - 1, place.line + around);
    return lines.map((line, i) => {
        const number = first + i;
        const here = number === place.line;
        const shown = (here ? line.slice(cut, cut + wholeMost) : line.slice(0, wholeMost)).replace(/\r$/, "");
        const at = here ? place.column - 1 - cut : shown.length;
        return { number, before: shown.slice(0, at), from: shown.slice(at) || " ", here };
    });
}

/** Where the member `path` ("levels[0].when") stands in a JSON text; its beginning when it is not there. */
export const placeOf = (text: string, path: string): Place => placeAt(text, offsetOfPath(text, path) ?? 0);
export function placeAt(text: string, offset: number): Place {
    const before = text.slice(0, offset).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1 };
}
export function offsetOf(text: string, { line, column }: Place): number {
    const before = text.split("\n").slice(0, line - 1);
    return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
}

/** A JSON text as a value, or where the browser stumbled. */
export function parsed(text: string): { value: unknown } | { reason: string; place: Place } {
    try {
        return { value: JSON.parse(text) as unknown };
    } catch (error) {
        const reason = (error as Error).message;
        const byLine = /line (\d+),? column (\d+)/.exec(reason);
        const byOffset = /position (\d+)/.exec(reason);
        if (byLine) return { reason, place: { line: Number(byLine[1]), column: Number(byLine[2]) } };
        return { reason, place: placeAt(text, byOffset ? Number(byOffset[1]) : text.length) };
    }
}

/** Below 0: a is the older one (Semantic Versioning 2.0.0, 11). */
export function byVersion(a: string, b: string): number {
    const cut = (version: string): [number[], string[]] => {
        const [core, ...rest] = version.split("-");
        return [core!.split(".").map(Number), rest.length > 0 ? rest.join("-").split(".") : []];
    };
    const [[x, before], [y, after]] = [cut(a), cut(b)];
    for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
    if (before.length === 0 || after.length === 0) return after.length - before.length;
    for (let i = 0; i < Math.min(before.length, after.length); i++) {
        const [p, q] = [before[i]!, after[i]!];
        const [isP, isQ] = [/^\d+$/.test(p), /^\d+$/.test(q)];
        if (p !== q) return isP && isQ ? Number(p) - Number(q) : isP ? -1 : isQ ? 1 : p < q ? -1 : 1;
    }
    return before.length - after.length;
}
