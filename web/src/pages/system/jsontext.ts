// JSON as it stands in a text: where each member lies, its own words kept. Nothing is judged here; the program does.
export interface JsonNode {
    kind: "object" | "array" | "string" | "other";
    from: number;
    /** Behind its last character. */
    to: number;
    members?: { name: string; at: number; node: JsonNode }[];
    items?: JsonNode[];
}

/** Throws at what is no JSON. */
export function readJson(text: string): JsonNode {
    let at = 0;
    const blank = (): void => {
        while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
    };
    const fail = (): never => {
        throw new SyntaxError(String(at));
    };
    function string(): JsonNode {
        const from = at;
        for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
        if (at >= text.length) fail();
        return { kind: "string", from, to: ++at };
    }
    function list<T>(close: string, one: () => T): T[] {
        const all: T[] = [];
        at++;
        blank();
        if (text[at] === close) {
            at++;
            return all;
        }
        for (;;) {
            blank();
            all.push(one());
            blank();
            if (text[at] === close) {
                at++;
                return all;
            }
            if (text[at] !== ",") fail();
            at++;
        }
    }
    function value(): JsonNode {
        blank();
        const from = at;
        if (text[at] === '"') return string();
        if (text[at] === "{") {
            const members = list("}", () => {
                if (text[at] !== '"') fail();
                const name = string();
                blank();
                if (text[at] !== ":") fail();
                at++;
                const known = JSON.parse(text.slice(name.from, name.to)) as string;
                return { name: known, at: name.from, node: value() };
            });
            return { kind: "object", from, to: at, members };
        }
        if (text[at] === "[") {
            const items = list("]", value);
            return { kind: "array", from, to: at, items };
        }
        while (at < text.length && !" \t\r\n,]}".includes(text[at]!)) at++;
        if (at === from) fail();
        return { kind: "other", from, to: at };
    }
    const node = value();
    blank();
    if (at < text.length) fail();
    return node;
}

export const lineAt = (text: string, at: number): number => text.slice(0, at).split("\n").length;

/** Where "maps[0].attributes.v" stands, or the nearest part of it that is there; undefined where none is. */
export function offsetOfPath(text: string, path: string): number | undefined {
    let node: JsonNode;
    try {
        node = readJson(text);
    } catch {
        return undefined;
    }
    let at: number | undefined;
    let rest = path.replace(/\[(\d+)\]/g, ".$1").split(".");
    while (rest.length > 0 && node) {
        if (node.items) {
            const next: JsonNode | undefined = node.items[Number(rest[0])];
            if (!next) break;
            [node, at, rest] = [next, next.from, rest.slice(1)];
            continue;
        }
        // A member's own name may hold dots.
        const found = node.members
            ?.map((one) => ({ one, n: one.name.split(".").length }))
            .filter(({ one, n }) => rest.slice(0, n).join(".") === one.name)
            .sort((a, b) => b.n - a.n)[0];
        if (!found) break;
        [node, at, rest] = [found.one.node, found.one.at, rest.slice(found.n)];
    }
    return at;
}
export function lineOfPath(text: string, path: string): number | undefined {
    const at = offsetOfPath(text, path);
    return at === undefined ? undefined : lineAt(text, at);
}

/** The line of a document that a refusal means: "NAME:LINE:COLUMN", "line L column C", or a member. `told`: "title:
 * member: what is wrong". */
export function lineOf(text: string, place: string | undefined, told: string): number | undefined {
    const inMap = /^(maps\[\d+\]):\d+:\d+$/.exec(place ?? "");
    // A mapping within a link is counted by lines of its own form, which nobody has seen.
    if (inMap) return lineOfPath(text, `${inMap[1]}.${/: ([\w$@.[\]-]+)[:：]/.exec(told)?.[1] ?? ""}`);
    const counted = /:(\d+):\d+$/.exec(place ?? "") ?? /line (\d+)/.exec(place ?? "");
    if (counted) return Number(counted[1]);
    return place ? lineOfPath(text, place) : undefined;
}
