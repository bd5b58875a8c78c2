// Links and devices (docs/links.md), as the API tells of them, and what can be told from two answers.
import { call, json } from "./http.ts";
import type { Text } from "./words.ts";

export interface LinkCounts {
    name: string;
    protocol?: string;
    listen?: string;
    dial?: string;
    folder?: string;
    pull?: string;
    postgresql?: string;
    mapping?: string;
    state: "open" | "failed" | "failing";
    reason?: string;
    reasonZh?: string;
    devices?: number;
    setAside?: number;
    connections?: number;
    accepted?: number;
    bytes?: number;
    frames?: number;
    readings?: number;
    answers?: number;
    bad?: number;
    junkBytes?: number;
    unmapped?: number;
    ignored?: number;
    refused?: number;
    answerMs?: number;
    tables?: number;
    failures?: number;
    last?: string;
}
export interface Declaration {
    description?: string | Partial<Text>;
    origin?: { class?: string; from?: string };
    silenceSeconds?: number;
    [more: string]: unknown;
}
export interface LinkWhole extends LinkCounts {
    declaration: Declaration;
}
export interface Device {
    link: string;
    device: string;
    entity?: string;
    state: "new" | "claimed" | "refused";
    health: "well" | "silent" | "clock";
    frames: number;
    bad: number;
    faults: number;
    readings: number;
    everySeconds?: number;
    clockOffsetSeconds?: number;
    firstSeen?: string;
    lastSeen?: string;
    lastTold?: string;
    lastKind?: string;
}
export interface Aside {
    at: string;
    device: string;
    from: string;
    reason: string;
    bytes: number;
    hex: string;
    text?: string;
}

/** 16 bytes a line, with what they are as letters. */
export function hexDump(hex: string): string {
    const lines: string[] = [];
    for (let at = 0; at < hex.length; at += 32) {
        const pairs = hex.slice(at, at + 32).match(/../g) ?? [];
        const letters = pairs.map((pair) => {
            const code = Number.parseInt(pair, 16);
            return code > 31 && code < 127 ? String.fromCharCode(code) : "·";
        });
        lines.push(`${(at / 2).toString(16).padStart(4, "0")}  ${pairs.join(" ").padEnd(48)} ${letters.join("")}`);
    }
    return lines.join("\n");
}

export const linkPath = (name: string): string => `api/links/${encodeURIComponent(name)}`;
export const devicePath = (device: Device): string =>
    `api/devices/${encodeURIComponent(device.link)}/${encodeURIComponent(device.device)}`;

export const loadLinks = (signal: AbortSignal): Promise<LinkCounts[]> => json("api/links", { signal });

/** So many devices are listed at most; a city with more is looked at link by link. */
export const devicesMost = 20_000;
export interface Devices {
    list: Device[];
    total: number;
}
export async function loadDevices(signal: AbortSignal): Promise<Devices> {
    const list: Device[] = [];
    for (;;) {
        const answer = await call(`api/devices?offset=${list.length}`, { signal });
        const total = Number(answer.headers.get("NGSILD-Results-Count") ?? 0);
        const page = (await answer.json()) as Device[];
        list.push(...page);
        if (page.length === 0 || list.length >= Math.min(total, devicesMost)) return { list, total };
    }
}

export interface Rate {
    frames?: number;
    readings?: number;
}
/** What a link did a second between two answers; nothing when it was opened anew between them. */
export function rateOf(before: LinkCounts | undefined, now: LinkCounts, ms: number): Rate {
    const one = (a: number | undefined, b: number | undefined): number | undefined =>
        a === undefined || b === undefined || b < a || ms <= 0 ? undefined : ((b - a) * 1000) / ms;
    const [frames, readings] = [one(before?.frames, now.frames), one(before?.readings, now.readings)];
    return { ...(frames === undefined ? {} : { frames }), ...(readings === undefined ? {} : { readings }) };
}

/** The newest time at which a device of each link was heard. */
export function heardOf(devices: readonly Device[]): Map<string, string> {
    const newest = new Map<string, string>();
    for (const { link, lastSeen } of devices)
        if (lastSeen && lastSeen > (newest.get(link) ?? "")) newest.set(link, lastSeen);
    return newest;
}
export const addressOf = (link: LinkCounts): string =>
    link.listen ?? link.dial ?? link.folder ?? link.pull ?? link.postgresql ?? "";
