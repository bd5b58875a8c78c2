/** Rows of a CSV text as objects by column name. A quoted field may hold commas, quotes ("") and line breaks. */
export function parseCsv(text: string): Record<string, string>[] {
    const rows: string[][] = [];
    let row: string[] = [];
    let field = "";
    let quoted = false;
    const endRow = (): void => {
        row.push(field);
        field = "";
        if (row.length > 1 || row[0] !== "") rows.push(row);
        row = [];
    };
    for (let at = 0; at < text.length; at++) {
        const c = text[at]!;
        if (quoted) {
            if (c !== '"') field += c;
            else if (text[at + 1] === '"') field += text[++at];
            else quoted = false;
        } else if (c === '"') quoted = true;
        else if (c === ",") {
            row.push(field);
            field = "";
        } else if (c === "\n") endRow();
        else if (c !== "\r") field += c;
    }
    if (field !== "" || row.length > 0) endRow();
    const names = rows.shift() ?? [];
    return rows.map((values) => Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""])));
}

/** The number in a field, or undefined where the source has none. */
export function numberOf(field: string | undefined): number | undefined {
    if (field === undefined || field.trim() === "" || field === "NA") return undefined;
    const value = Number(field);
    return Number.isFinite(value) ? value : undefined;
}
