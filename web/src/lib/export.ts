// Files that hold exactly what is shown: a sheet of the rows, and one that says what they are, as of when, by which
// filter. A workbook's times know no zone: they are the city's; those of CSV say that they are UTC.
import { cityName, settings } from "./city.ts";
import { at, now } from "./clock.ts";
import { moment, typed, wallTime, zone } from "./format.ts";
import type { Column } from "./table.ts";
import { words } from "./words.ts";

const say = words({
    about: { zh: "说明", en: "About" },
    what: { zh: "内容", en: "Content" },
    city: { zh: "城市", en: "City" },
    as: { zh: "数据时刻", en: "As of" },
    made: { zh: "导出时间", en: "Exported" },
    times: { zh: "时刻的时区", en: "Zone of the times" },
    rows: { zh: "行数", en: "Rows" },
    filter: { zh: "筛选", en: "Filter" },
    none: { zh: "无", en: "none" },
    address: { zh: "网址", en: "Address" },
    by: { zh: "程序", en: "Program" },
    live: { zh: "实时", en: "live" },
    yes: { zh: "是", en: "Yes" },
    no: { zh: "否", en: "No" },
});

export interface Sheet<Row> {
    title: string;
    columns: Column<Row>[];
    rows: readonly Row[];
    /** The filter in words. */
    filter?: string;
    /** How the figure is counted, and from what. */
    how?: [string, string][];
}

function about<Row>(sheet: Sheet<Row>): [string, string][] {
    return [
        [say("what"), sheet.title],
        [say("city"), cityName()],
        [say("as"), at.value === undefined ? `${moment(now.value)} (${say("live")})` : moment(at.value)],
        [say("made"), moment(Date.now())],
        [say("times"), zone.value ?? Intl.DateTimeFormat().resolvedOptions().timeZone],
        [say("rows"), String(sheet.rows.length)],
        [say("filter"), sheet.filter || say("none")],
        ...(sheet.how ?? []),
        [say("address"), location.href],
        [say("by"), `Jindu ${settings.value?.version ?? ""}`.trim()],
    ];
}
const heading = <Row>(column: Column<Row>): string =>
    column.unit ? `${column.title} (${column.unit})` : column.title;

function save(bytes: Blob, name: string): void {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(bytes);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
const fileName = (title: string, ending: string): string =>
    `${title.replace(/[\\/:*?"<>|\s]+/g, "-")}_${typed(at.value ?? now.value)
        .replace(":", "")
        .replace(" ", "_")}.${ending}`;
/** A spreadsheet opens no workbook with these in a sheet's name. */
const sheetName = (title: string): string => title.replace(/[\\/:*?[\]]+/g, "-").slice(0, 30);

const plain = (value: unknown): string | number | undefined =>
    typeof value === "boolean"
        ? say(value ? "yes" : "no")
        : value instanceof Date
          ? value.toISOString()
          : (value as string | number | undefined);

export async function exportXlsx<Row>(sheet: Sheet<Row>): Promise<void> {
    const { default: writeExcelFile } = await import("write-excel-file/browser");
    type Cell = { value: string | number | Date; type?: unknown; fontWeight?: "bold"; format?: string } | null;
    const cell = (value: unknown): Cell => {
        if (value === undefined || value === null || value === "") return null;
        if (typeof value === "number") return Number.isFinite(value) ? { value, type: Number } : null;
        if (value instanceof Date)
            return { value: new Date(wallTime(value)), type: Date, format: "yyyy-mm-dd hh:mm:ss" };
        return { value: String(plain(value)), type: String };
    };
    const bold = (value: string): Cell => ({ value, type: String, fontWeight: "bold" });
    const body = [
        sheet.columns.map((column) => bold(heading(column))),
        ...sheet.rows.map((row) => sheet.columns.map((column) => cell(column.value(row)))),
    ];
    const notes = about(sheet).map(([name, value]) => [bold(name), cell(value)]);
    const bytes = await writeExcelFile([
        {
            data: body as never,
            sheet: sheetName(sheet.title),
            columns: sheet.columns.map(() => ({ width: 18 })),
            stickyRowsCount: 1,
        },
        { data: notes as never, sheet: say("about"), columns: [{ width: 16 }, { width: 80 }] },
    ] as never).toBlob();
    save(bytes, fileName(sheet.title, "xlsx"));
}

/** RFC 4180, UTF-8 with the mark that spreadsheets need for Chinese; what would be a formula there is text here. */
export function csvOf<Row>(sheet: Sheet<Row>): string {
    const field = (value: unknown): string => {
        const text = String(plain(value) ?? "");
        const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
        return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = [
        sheet.columns.map((column) => field(heading(column))),
        ...sheet.rows.map((row) => sheet.columns.map((column) => field(column.value(row)))),
    ];
    return `\uFEFF${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}
export const exportCsv = <Row>(sheet: Sheet<Row>): void =>
    save(new Blob([csvOf(sheet)], { type: "text/csv;charset=utf-8" }), fileName(sheet.title, "csv"));
