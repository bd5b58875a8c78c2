// The colours and measures of the style sheet, for what is drawn on a canvas or row by row.
import { computed, type ComputedRef } from "vue";
import { query } from "./address.ts";

export interface Theme {
    ink: string;
    ink2: string;
    ink3: string;
    paper: string;
    card: string;
    line: string;
    line2: string;
    river: string;
    tint: string;
    red: string;
    amber: string;
    ok: string;
    blue: string;
    water: string;
    ground: string;
    map0: string;
    map1: string;
    map2: string;
    map3: string;
    sans: string;
    unit: number;
    /** Pixels of a table's row. */
    row: number;
}
const names =
    "ink ink2 ink3 paper card line line2 river tint red amber ok blue water ground map0 map1 map2 map3 sans".split(
        " ",
    );

export function useTheme(): ComputedRef<Theme> {
    return computed(() => {
        // What the theme depends on; main.ts has put it on the root element by then.
        void query("theme");
        void query("wall");
        const style = getComputedStyle(document.documentElement);
        const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
        return {
            ...Object.fromEntries(names.map((name) => [name, read(name)])),
            unit: Number(read("unit")) || 1,
            row: Math.round(Number.parseFloat(read("row"))) || 29,
        } as unknown as Theme;
    });
}
