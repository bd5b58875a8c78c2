// A plain question of NGSI-LD (comparisons joined by ";") as a person reads it, term by term.
import { attributeName, codeName } from "./city.ts";
import { figure } from "./format.ts";

const term = /^([\w.]+)(==|!=|>=|<=|>|<)(.+)$/;
const signs: Record<string, string> = { "==": "=", "!=": "≠", ">=": "≥", "<=": "≤", ">": ">", "<": "<" };

/** The terms; what stands within quotation marks is not cut. */
export const termsOf = (q: string | undefined): string[] =>
    ((q ?? "").match(/(?:"[^"]*"|[^;])+/g) ?? []).map((one) => one.trim()).filter((one) => one !== "");

/** Whether `matches` (figures.ts) judges it as the program does. */
export const isPlain = (q: string | undefined): boolean =>
    termsOf(q).every((one) => {
        const bare = one.replace(/"[^"]*"/g, "");
        return !/[|()~[\]]|\.\./.test(bare) && (term.test(one) || /^[\w.]+$/.test(one));
    });

export interface Reading {
    has: (name: string) => string;
    or: string;
    unit: (name: string) => string;
}
export function readTerm(one: string, type: string | undefined, reading: Reading): string {
    const found = term.exec(one);
    if (!found) return reading.has(attributeName(one, type));
    const [, name, sign, rest] = found as unknown as [string, string, string, string];
    const values = (rest.match(/"[^"]*"|[^,]+/g) ?? []).map((value) => {
        const bare = value.replace(/^"(.*)"$/, "$1");
        const number = Number(bare);
        const code = codeName(name, type, bare);
        if (code !== undefined) return code;
        return value === bare && bare !== "" && Number.isFinite(number) ? figure(number, 4) : bare;
    });
    const unit = /^[-\d.]+$/.test(rest) ? reading.unit(name) : "";
    return `${attributeName(name, type)} ${signs[sign]} ${values.join(` ${reading.or} `)} ${unit}`.trim();
}
