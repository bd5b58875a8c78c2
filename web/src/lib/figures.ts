// The city's figures: each is counted from rows that can be opened, by a question that can be read.
import type { FigureSpec } from "./city.ts";
import { countOf, findAll, findThen, newestOf, numberOf, valueOf, type Entity } from "./ngsi.ts";
import { termsOf } from "./question.ts";

export interface Figure {
    value: number | undefined;
    /** Entities that have the value, of those that match. */
    have: number;
    all: number;
    newest: string | undefined;
}

/** A plain question (comparisons joined by ";"), for moments that are not now. */
export function matches(entity: Entity, q: string | undefined): boolean {
    return termsOf(q).every((term) => {
        const found = /^([\w.]+)(==|!=|>=|<=|>|<)(.+)$/.exec(term);
        if (!found) return valueOf(entity, term) !== undefined;
        const value = valueOf(entity, found[1]!);
        if (value === undefined) return false;
        const list = (found[3]!.match(/"[^"]*"|[^,]+/g) ?? []).map((one) => one.replace(/^"(.*)"$/, "$1"));
        const is = typeof value === "number" ? value : String(value);
        const wanted = list.map((one) => (typeof value === "number" ? Number(one) : one));
        // Of several values one is enough, and unequal is what is equal to none (src/model/q_eval.c).
        switch (found[2]) {
            case "==":
                return wanted.includes(is);
            case "!=":
                return !wanted.includes(is);
            case ">":
                return wanted.some((one) => is > one);
            case ">=":
                return wanted.some((one) => is >= one);
            case "<":
                return wanted.some((one) => is < one);
            default:
                return wanted.some((one) => is <= one);
        }
    });
}
export function aggregate(values: number[], how: FigureSpec["aggregate"]): number | undefined {
    if (how === "count") return values.length;
    if (values.length === 0) return how === "sum" ? 0 : undefined;
    // As arguments of one call too many of them would be an error.
    if (how === "max") return values.reduce((a, b) => Math.max(a, b));
    if (how === "min") return values.reduce((a, b) => Math.min(a, b));
    const sum = values.reduce((total, value) => total + value, 0);
    return how === "sum" ? sum : sum / values.length;
}
export async function figureOf(spec: FigureSpec, time: string | undefined, signal?: AbortSignal): Promise<Figure> {
    const { type, q, attribute } = spec;
    if (time === undefined && !attribute) {
        const [value, all] = await Promise.all([countOf({ type, q }, signal), countOf({ type }, signal)]);
        return { value, have: value, all, newest: undefined };
    }
    const rows =
        time === undefined
            ? await findAll({ type, q, attrs: attribute }, 50_000, signal)
            : (await findThen({ type }, time, signal)).filter((one) => matches(one, q));
    if (!attribute) return { value: rows.length, have: rows.length, all: rows.length, newest: undefined };
    const values = rows.flatMap((row) => numberOf(row, attribute) ?? []);
    const newest = newestOf(rows);
    // Those without the attribute are not in the answer to a question for it.
    const all = time === undefined ? await countOf({ type, q }, signal) : rows.length;
    return { value: aggregate(values, spec.aggregate), have: values.length, all, newest };
}
