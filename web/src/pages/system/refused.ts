// Rows that a table's mapping refused, as GET /api/tables/ID/refused gives them: cells that can be mended, and the file
// that is sent again. What nobody touched goes back as it came, digit by digit.
import { decode, encode } from "./encode.ts";
import { readJson, type JsonNode } from "./jsontext.ts";

/** `table` of a mapping (docs/mapping.md), as far as it says how a file is written. */
export interface TableForm {
    format?: "csv" | "jsonlines" | "json" | "geojson" | "xlsx";
    encoding?: string;
    separator?: string;
    quote?: string;
    header?: boolean | (string | number)[];
    skipLines?: number;
    path?: string;
}
export interface RefusedRow {
    cells: string[];
    /** Why, in the words of the file. */
    why: string;
    /** As it stands in a JSON file. */
    node?: JsonNode;
}
export interface RefusedTable {
    columns: string[];
    rows: RefusedRow[];
    /** The line of the first row in what `write` makes. */
    firstLine: number;
    write: (rows: readonly RefusedRow[]) => Uint8Array | undefined;
}

const mark = "_refused";

/** Records of RFC 4180, as forgiving as people's files are. */
export function readCsv(text: string, separator: string, quote: string): string[][] {
    const records: string[][] = [];
    let record: string[] = [];
    let cell = "";
    const end = (): void => {
        record.push(cell);
        cell = "";
    };
    for (let i = 0; i < text.length; i++) {
        const one = text[i]!;
        if (quote !== "" && one === quote && cell === "") {
            for (i++; i < text.length; i++) {
                if (text[i] !== quote) cell += text[i]!;
                else if (text[i + 1] === quote) cell += text[i++]!;
                else break;
            }
        } else if (one === separator) end();
        else if (one === "\n") {
            end();
            records.push(record);
            record = [];
        } else if (one !== "\r" || text[i + 1] !== "\n") cell += one;
    }
    if (cell !== "" || record.length > 0) {
        end();
        records.push(record);
    }
    return records;
}
function csvLine(cells: readonly string[], separator: string, quote: string): string {
    const written = cells.map((cell) => {
        if (quote === "") return cell.replaceAll(separator, " ").replace(/[\r\n]+/g, " ");
        const needs = cell.includes(separator) || cell.includes(quote) || /[\r\n]/.test(cell) || /^\s|\s$/.test(cell);
        return needs ? quote + cell.replaceAll(quote, quote + quote) + quote : cell;
    });
    return `${written.join(separator)}\n`;
}

function csv(text: string, form: TableForm): RefusedTable {
    const isWorkbook = form.format === "xlsx";
    const separator = isWorkbook ? "," : (form.separator ?? ",");
    const quote = isWorkbook ? '"' : (form.quote ?? '"');
    const body = text.replace(/^\uFEFF/, "");
    const skip = isWorkbook ? 0 : (form.skipLines ?? 0);
    // Lines before the header are no records; they go back as they are.
    const lines = body.split("\n");
    const before = lines.slice(0, skip).map((line) => `${line}\n`);
    const records = readCsv(lines.slice(skip).join("\n"), separator, quote);
    const hasHeader = form.header !== false && !Array.isArray(form.header);
    const header = hasHeader
        ? (records.shift() ?? []).filter((name, i, all) => i < all.length - 1 || name !== mark)
        : [];
    const rows = records
        .filter((record) => record.length > 1 || record[0] !== "")
        // The reason stands behind the row's own cells, however many those are.
        .map((record) => ({ cells: record.slice(0, -1), why: record.at(-1) ?? "" }));
    const widest = Math.max(header.length, ...rows.map(({ cells }) => cells.length));
    const given = Array.isArray(form.header) ? form.header.map(String) : header;
    const columns = Array.from({ length: widest }, (_, i) => given[i] ?? `#${i + 1}`);
    for (const { cells } of rows) while (cells.length < widest) cells.push("");
    const least = given.length || widest;
    const whole = (cells: readonly string[]): readonly string[] => {
        let n = cells.length;
        while (n > least && cells[n - 1] === "") n--;
        return cells.slice(0, n);
    };
    const hasMark = text.startsWith("\uFEFF");
    return {
        columns,
        rows,
        firstLine: skip + (hasHeader ? 2 : 1),
        write: (kept) =>
            encode(
                (hasMark ? "\uFEFF" : "") +
                    before.join("") +
                    (hasHeader ? csvLine(header, separator, quote) : "") +
                    kept.map(({ cells }) => csvLine(whole(cells), separator, quote)).join(""),
                isWorkbook ? "utf-8" : (form.encoding ?? "utf-8"),
            ),
    };
}

/** A text for what is text or nothing; the JSON of all else. */
const cellOf = (text: string, node: JsonNode | undefined): string => {
    if (!node) return "";
    const own = text.slice(node.from, node.to);
    return node.kind === "string" ? (JSON.parse(own) as string) : own === "null" ? "" : own;
};
function wordsOf(cell: string, text: string, node: JsonNode | undefined): string {
    if (node && cell === cellOf(text, node)) return text.slice(node.from, node.to);
    if (cell === "") return "null";
    if (node?.kind !== "string" || !/^\s*[{["]/.test(cell)) {
        try {
            readJson(cell);
            JSON.parse(cell);
            return cell;
        } catch {
            // A word, then.
        }
    }
    return JSON.stringify(cell);
}

function objects(text: string, form: TableForm): RefusedTable {
    const body = text.replace(/^\uFEFF/, "");
    const isGeo = form.format === "geojson";
    const path = isGeo ? "/features" : (form.path ?? "");
    let list: JsonNode[];
    if (form.format === "jsonlines") {
        let from = 0;
        list = [];
        for (const line of body.split("\n")) {
            if (line.trim() !== "") list.push(shifted(readJson(line), from));
            from += line.length + 1;
        }
    } else {
        let node: JsonNode | undefined = readJson(body);
        for (const name of path.split("/").slice(1))
            node = node?.members?.find((one) => one.name === name.replaceAll("~1", "/").replaceAll("~0", "~"))?.node;
        list = node?.items ?? [];
    }
    const member = (node: JsonNode | undefined, name: string): JsonNode | undefined =>
        node?.members?.find((one) => one.name === name)?.node;
    const inner = (node: JsonNode): JsonNode | undefined => (isGeo ? member(node, "properties") : node);
    const columns: string[] = [];
    for (const row of list)
        for (const { name } of inner(row)?.members ?? [])
            if (name !== mark && !columns.includes(name)) columns.push(name);
    if (isGeo) columns.push("@geometry");
    const partOf = (row: JsonNode, name: string): JsonNode | undefined =>
        name === "@geometry" && isGeo ? member(row, "geometry") : member(inner(row), name);
    const rows = list.map((node) => ({
        cells: columns.map((name) => cellOf(body, partOf(node, name))),
        why: cellOf(body, member(node, mark)),
        node,
    }));
    const object = (pairs: [string, string][]): string =>
        `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
    function one(row: RefusedRow): string {
        const node = row.node!;
        const own = columns.flatMap((name, i): [string, string][] => {
            const part = partOf(node, name);
            // A member that was not there, and is not now.
            if (!part && row.cells[i] === "") return [];
            return [[name, wordsOf(row.cells[i]!, body, part)]];
        });
        if (!isGeo) return object(own);
        const geometry = own.find(([name]) => name === "@geometry")?.[1] ?? "null";
        const id = member(node, "id");
        return object([
            ["type", '"Feature"'],
            ...(id ? ([["id", body.slice(id.from, id.to)]] as [string, string][]) : []),
            ["properties", object(own.filter(([name]) => name !== "@geometry"))],
            ["geometry", geometry],
        ]);
    }
    return {
        columns,
        rows,
        firstLine: 1,
        write: (kept) => {
            const all = kept.map(one);
            if (form.format === "jsonlines") return encode(`${all.join("\n")}\n`, form.encoding ?? "utf-8");
            const names = path.split("/").slice(1);
            const open = names.map(
                (name) => `{${isGeo ? '"type":"FeatureCollection",' : ""}${JSON.stringify(name)}:`,
            );
            return encode(
                `${open.join("")}[${all.join(",\n")}]${"}".repeat(names.length)}\n`,
                form.encoding ?? "utf-8",
            );
        },
    };
}
function shifted(node: JsonNode, by: number): JsonNode {
    return {
        ...node,
        from: node.from + by,
        to: node.to + by,
        ...(node.items ? { items: node.items.map((one) => shifted(one, by)) } : {}),
        ...(node.members
            ? { members: node.members.map((one) => ({ ...one, at: one.at + by, node: shifted(one.node, by) })) }
            : {}),
    };
}

/** Undefined: an encoding that this browser cannot read. */
export function readRefused(bytes: Uint8Array, form: TableForm): RefusedTable | undefined {
    const isText = form.format === undefined || form.format === "csv" || form.format === "xlsx";
    const text = decode(bytes, form.format === "xlsx" ? "utf-8" : (form.encoding ?? "utf-8"));
    if (text === undefined) return undefined;
    // The decoder eats the mark of UTF-8, which a file that had one shall have again.
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? `\uFEFF${text}` : text;
    return isText ? csv(marked, form) : objects(marked, form);
}
