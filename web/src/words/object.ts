import { words } from "../lib/words.ts";

export const say = words({
    close: { zh: "关闭", en: "Close" },
    page: { zh: "打开整页", en: "Open its page" },
    values: { zh: "属性", en: "Values" },
    curveOf: { zh: "{name} 的曲线", en: "Course of {name}" },
    pickValue: { zh: "点任一数值看曲线", en: "Click a value for its curve" },
    noCurve: { zh: "这段时间没有读数；拉长时段再看。", en: "No readings in this time; choose a longer span." },
    alertsHere: { zh: "它的告警", en: "Its alerts" },
    noAlerts: { zh: "没有未了结的告警", en: "No alert is open" },
    alertType: { zh: "告警", en: "Alerts" },
    gone: { zh: "没有这个对象，或此刻它还不存在。", en: "There is no such object, or not yet at this moment." },
});
