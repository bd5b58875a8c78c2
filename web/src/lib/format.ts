// Figures and times as the page writes them.
import { ref } from "vue";
import { language, words } from "./words.ts";

const say = words({
    secondsAgo: { zh: "{n} 秒前", en: "{n} s ago" },
    minutesAgo: { zh: "{n} 分钟前", en: "{n} min ago" },
    hoursAgo: { zh: "{n} 小时前", en: "{n} h ago" },
    seconds: { zh: "{n} 秒", en: "{n} s" },
    minutes: { zh: "{n} 分钟", en: "{n} min" },
    hours: { zh: "{n} 小时", en: "{n} h" },
    days: { zh: "{n} 天", en: "{n} d" },
});

/** The city's zone; what was written before it was known is written anew. */
export const zone = ref<string>();
export const setZone = (next: string | undefined): void => {
    zone.value = next;
};
const locale = (): string => (language.value === "zh" ? "zh-CN" : "en-GB");
const formats = new Map<string, Intl.DateTimeFormat>();
function format(kind: string, options: Intl.DateTimeFormatOptions, language = locale()): Intl.DateTimeFormat {
    const key = `${kind} ${language} ${zone.value ?? ""}`;
    let found = formats.get(key);
    if (!found) {
        found = new Intl.DateTimeFormat(language, {
            ...options,
            hourCycle: "h23",
            ...(zone.value ? { timeZone: zone.value } : {}),
        });
        formats.set(key, found);
    }
    return found;
}
type Time = number | string | Date;
const whole = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" } as const;

/** What is no time is a dash: data of others may lack one, and a page is not to break over it. */
function written(time: Time, kind: string, options: Intl.DateTimeFormatOptions): string {
    const at = new Date(time);
    return Number.isNaN(at.getTime()) ? "–" : format(kind, options).format(at);
}
export const clockTime = (time: Time): string =>
    written(time, "clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const hourTime = (time: Time, seconds = false): string =>
    seconds ? clockTime(time) : written(time, "hour", { hour: "2-digit", minute: "2-digit" });
export const dayTime = (time: Time): string => written(time, "day", { ...whole, year: undefined });
export const moment = (time: Time): string => written(time, "moment", { ...whole, second: "2-digit" });

const numerals = "en-u-nu-latn-ca-gregory";
/** The moment at which a clock of UTC shows what the city's clock shows now: for files that know no zones. */
export function wallTime(time: Time): number {
    const at = new Date(time);
    const parts = format("wall", { ...whole, second: "2-digit" }, numerals).formatToParts(at);
    const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value);
    const [year, month, day] = [part("year"), part("month"), part("day")];
    return Date.UTC(year, month - 1, day, part("hour"), part("minute"), part("second"), at.getUTCMilliseconds());
}
/** A time as it is typed and read back, in the city's zone: "2026-11-29 14:08". */
export const typed = (time: Time): string => new Date(wallTime(time)).toISOString().slice(0, 16).replace("T", " ");
/** Milliseconds; undefined where it is no time. Minutes may be left out, and so may the hour. */
export function readTyped(text: string): number | undefined {
    const found = /^\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(\d{1,2})(?::(\d{2}))?)?\s*$/.exec(text);
    if (!found) return undefined;
    const [year, month, date, hour, minute] = found.slice(1).map((one) => Number(one ?? 0));
    const wall = Date.UTC(year!, month! - 1, date!, hour!, minute!);
    const isDay = month! >= 1 && month! <= 12 && new Date(wall).getUTCDate() === date;
    if (Number.isNaN(wall) || !isDay || hour! > 23 || minute! > 59) return undefined;
    // What the zone's clock shows at a moment, taken twice: the second time at the right side of a change of clocks.
    let time = wall;
    for (let i = 0; i < 2; i++) time += wall - wallTime(time);
    return time;
}

export function ago(time: Time, now: number): string {
    const seconds = Math.max(0, Math.round((now - new Date(time).getTime()) / 1000));
    if (seconds < 90) return say("secondsAgo", { n: seconds });
    if (seconds < 5400) return say("minutesAgo", { n: Math.round(seconds / 60) });
    return seconds < 172_800 ? say("hoursAgo", { n: Math.round(seconds / 3600) }) : dayTime(time);
}
export function duration(ms: number): string {
    if (!Number.isFinite(ms)) return "–";
    const seconds = Math.round(ms / 1000);
    if (seconds < 90) return say("seconds", { n: seconds });
    if (seconds < 5400) return say("minutes", { n: Math.round(seconds / 60) });
    if (seconds < 172_800) return say("hours", { n: Math.round(seconds / 3600) });
    return say("days", { n: Math.round(seconds / 86_400) });
}

/** A number with thin spaces between thousands and at most `digits` decimals. */
export function figure(value: number, digits = 2): string {
    if (!Number.isFinite(value)) return "–";
    const [whole, rest] = String(Number(value.toFixed(digits))).split(".") as [string, string?];
    return whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") + (rest ? `.${rest}` : "");
}
/** As many decimals as the size of a number deserves; of what is small its first two figures, down to a millionth. */
export function reading(value: number): string {
    const size = Math.abs(value);
    const small = size > 0 && size < 0.01 ? Math.min(6, 1 - Math.floor(Math.log10(size))) : 3;
    return figure(value, size >= 100 ? 1 : size >= 1 ? 2 : small);
}
export function bytes(n: number): string {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    while (n >= 1000 && at < units.length - 1) {
        n /= 1000;
        at++;
    }
    return `${figure(n, at === 0 ? 0 : 1)} ${units[at]}`;
}
