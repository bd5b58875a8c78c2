// Words in Chinese and English. Each page keeps its own table under words/; all of them speak the language of the
// address.
import { ref } from "vue";

export type Language = "zh" | "en";
export interface Text {
    zh: string;
    en: string;
}
export type Values = Record<string, string | number>;

export const language = ref<Language>("zh");

/** A table of words as a function: say("key", {n: 3}); "{n}" in the text stands for the value. */
export function words<T extends Record<string, Text>>(table: T): (key: keyof T & string, values?: Values) => string {
    return (key, values = {}) => fill(table[key]![language.value], values);
}

export const fill = (text: string, values: Values): string =>
    text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

/** What data bring in both languages: {zh, en}, an NGSI-LD languageMap, or a plain text. */
export function pick(text: Partial<Text> | string | undefined, otherwise = ""): string {
    if (text === undefined) return otherwise;
    if (typeof text === "string") return text;
    return text[language.value] ?? text.zh ?? text.en ?? Object.values(text)[0] ?? otherwise;
}

/** Texts that declarations write in both languages at once (one, " / ", the other): the half in the page's. */
export function half(text: string): string {
    const parts = text.split(" / ");
    if (parts.length !== 2) return text;
    const han = parts.map((part) => /\p{Script=Han}/u.test(part));
    if (han[0] === han[1]) return text;
    return parts[han.indexOf(language.value === "zh")]!;
}
