// The one clock: now, or then (?at=). Every panel asks it, so map, figures, feed and charts always mean the same
// moment.
import { computed, ref } from "vue";
import { query, setQuery } from "./address.ts";

export const spans = { PT1H: 3_600_000, PT6H: 21_600_000, P1D: 86_400_000, P7D: 604_800_000, P30D: 2_592_000_000 };
export type Span = keyof typeof spans;

/** Milliseconds; goes on once a second while the page is seen. */
export const now = ref(Date.now());
setInterval(() => {
    if (!document.hidden) now.value = Date.now();
}, 1000);

export const at = computed<number | undefined>(() => {
    const text = query("at");
    const time = text === undefined ? Number.NaN : Date.parse(text);
    return Number.isNaN(time) ? undefined : time;
});
export const isLive = computed(() => at.value === undefined);
export const span = computed<Span>(() => {
    const text = query("span") ?? "";
    return text in spans ? (text as Span) : "P1D";
});

/** The end of what is shown; live, it moves in steps of ten seconds, so that charts are not asked for each second. */
export const until = computed(() => at.value ?? Math.ceil(now.value / 10_000) * 10_000);
export const from = computed(() => until.value - spans[span.value]);

export const iso = (time: number): string => new Date(time).toISOString();
export const goTo = (time: number | undefined): void =>
    setQuery(
        { at: time === undefined ? undefined : iso(Math.floor(time / 1000) * 1000).replace(".000Z", "Z") },
        true,
    );
export const setSpan = (next: Span): void => setQuery({ span: next === "P1D" ? undefined : next });
