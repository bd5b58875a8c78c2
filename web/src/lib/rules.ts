// Rules as the console reads them (GET /api/rules/PACK/RULE), and the limits that a curve can show.
import type { Severity } from "./alerts.ts";
import type { Text } from "./words.ts";

export interface Level {
    severity: Severity;
    when: string;
    until?: string;
}
export interface Declaration {
    id: string;
    title?: Text;
    type: string;
    levels?: Level[];
    for?: string;
    clearAfter?: string;
    every?: string;
    unless?: string[];
    evidence?: string[];
    derive?: string;
    [more: string]: unknown;
}
export interface RuleShown {
    pack: string;
    id: string;
    kind: "rule" | "derivation";
    type: string;
    title?: Text;
    state: "on" | "off";
    everySeconds: number;
    judged: number;
    failures: number;
    raised?: number;
    cleared?: number;
    open?: number;
    lastFailure?: string;
    declaration?: Declaration | null;
}
export interface Limit {
    severity: Severity;
    sign: string;
    value: number;
}

/** What of a rule's levels is a plain limit on one attribute ("pm25 > 75"); the rest is told by its words alone. */
export function limitsOf(declaration: Declaration | null | undefined, attribute: string | undefined): Limit[] {
    if (!declaration?.levels || attribute === undefined) return [];
    const name = attribute.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const plain = new RegExp(`(?:^|[\\s(])${name}\\s*(>=|<=|>|<)\\s*(-?\\d+(?:\\.\\d+)?)`);
    return declaration.levels.flatMap((level) => {
        const found = plain.exec(level.when);
        return found ? [{ severity: level.severity, sign: found[1]!, value: Number(found[2]) }] : [];
    });
}
