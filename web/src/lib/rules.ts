// Rules as the console reads them (GET /api/rules/PACK/RULE), and the limits that a curve can show.
import type { Severity } from "./alerts.ts";
import type { Text } from "./words.ts";

export interface RuleRow {
    pack: string;
    id: string;
    kind: "rule" | "derivation";
    type: string;
    title?: Text;
    state: string;
    everySeconds: number;
    judged: number;
    failures: number;
    raised?: number;
    cleared?: number;
    open?: number;
    lastFailure?: string;
    declaration?: Declaration | null;
}
export interface Level {
    severity: Severity;
    when: string;
    until?: string;
}
/** rules/*.json; schemas/rule.schema.json. */
export interface Declaration {
    rule?: number;
    derive?: number;
    id: string;
    title?: Text;
    type: string;
    entity?: string;
    where?: string;
    let?: Record<string, string>;
    levels?: Level[];
    attribute?: string;
    value?: string;
    unit?: string;
    every?: string;
    for?: string;
    clearAfter?: string;
    old?: { after: string; count?: boolean };
    unless?: string[];
    evidence?: string[];
    text?: Text;
    category?: string;
    tell?: { contact?: string; roster?: string; atLeast?: Severity }[];
    command?: Record<string, unknown>;
}
export const ruleKey = (rule: { pack: string; id: string }): string => `${rule.pack}/${rule.id}`;

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
