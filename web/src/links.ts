// The links: where devices speak, how fast, on which kind of data; and how each device is.
import { askOwn, type Entity } from "./api.ts";
import { h } from "./dom.ts";
import { ago, figure, linkLabel, moment, protocolLabel, say, type Word } from "./words.ts";

export type Origin = "recorded" | "carried" | "simulated";
export type Health = "well" | "silent" | "clock" | "errors";

export interface Device {
    link: string;
    device: string;
    entity?: string;
    state: "new" | "claimed" | "refused";
    health: "well" | "silent" | "clock";
    frames: number;
    bad: number;
    faults: number;
    everySeconds: number;
    readings: number;
    clockOffsetSeconds?: number;
    firstSeen?: string;
    lastSeen?: string;
}

export interface Link {
    name: string;
    protocol: string;
    state: string;
    reason?: string;
    frames: number;
    bad: number;
    setAside: number;
    answers: number;
    answerMs: number;
}

interface DeviceWhole extends Device {
    lastFrames: { at: string; hex: string }[];
}

/** Asked for at once; and all that the page shows of a city that has more. */
const devicesPage = 1000;
const devicesMax = 5000;
/** A device of whose frames so large a share could not be read is not well, whatever its other frames say. */
const badShare = 0.01;
/** What each link's declaration says of its data; asked once. */
const origins = new Map<string, Origin | undefined>();
/** Frames counted at a moment, the newest of each link: a rate over a minute, as frames come in bursts. */
const counted = new Map<string, { at: number; frames: number }[]>();
const countsKept = 21;
let links: Link[] = [];
let devices: Device[] = [];
let byEntity = new Map<string, Device>();

async function learnOrigin(name: string): Promise<void> {
    const { declaration } = await askOwn<{ declaration?: { origin?: { class?: string } } }>(
        `links/${encodeURIComponent(name)}`,
    );
    const found = declaration?.origin?.class;
    origins.set(name, isOrigin(found) ? found : undefined);
}

const isOrigin = (text: unknown): text is Origin =>
    text === "recorded" || text === "carried" || text === "simulated";

async function fetchDevices(): Promise<Device[]> {
    const found: Device[] = [];
    while (found.length < devicesMax) {
        const page = await askOwn<Device[]>(`devices?limit=${devicesPage}&offset=${found.length}`);
        found.push(...page);
        if (page.length < devicesPage) break;
    }
    return found;
}

export async function fetchLinks(): Promise<void> {
    [links, devices] = await Promise.all([askOwn<Link[]>("links"), fetchDevices()]);
    links.sort((a, b) => (a.name < b.name ? -1 : 1));
    byEntity = new Map(devices.flatMap((device) => (device.entity ? [[device.entity, device] as const] : [])));
    await Promise.all(links.filter(({ name }) => !origins.has(name)).map(({ name }) => learnOrigin(name)));
    const at = Date.now();
    for (const { name, frames } of links) {
        const past = counted.get(name) ?? [];
        // Fewer than before: the program began anew.
        const kept = frames < (past.at(-1)?.frames ?? 0) ? [] : past;
        counted.set(name, [...kept, { at, frames }].slice(-countsKept));
    }
}

/** Frames a second between the first and the last of some counts; undefined until there are two. */
export function rate(counts: { at: number; frames: number }[]): number | undefined {
    const [first, last] = [counts[0], counts.at(-1)];
    if (!first || !last || last.at <= first.at) return undefined;
    return ((last.frames - first.frames) * 1000) / (last.at - first.at);
}

export const deviceOf = (entity: string): Device | undefined => byEntity.get(entity);
export const keyOf = ({ link, device }: { link: string; device: string }): string => `${link}/${device}`;
export const linkOrigin = (name: string): Origin | undefined => origins.get(name);

/** The devices of the links that there are; those of a link that was taken away are on record, but speak nowhere. */
export function devicesOfLinks(): Device[] {
    const names = new Set(links.map(({ name }) => name));
    return devices.filter(({ link }) => names.has(link));
}

/** How a device is: not heard of comes before what it said wrong, and that before its clock. */
export function healthOf({ health, frames, bad }: Pick<Device, "health" | "frames" | "bad">): Health {
    if (health === "silent") return "silent";
    return bad > 0 && bad >= frames * badShare ? "errors" : health;
}

export function originBadge(origin: Origin | undefined, small = false): HTMLElement | null {
    if (!origin) return null;
    return h("span", { class: `badge ${origin}${small ? " small" : ""}`, title: say(`${origin}Long`) }, say(origin));
}

/** The kind of an entity's data, as it says itself. */
export function originOf(entity: Entity): Origin | undefined {
    const found = (entity["dataOrigin"] as { value?: unknown } | undefined)?.value;
    return isOrigin(found) ? found : undefined;
}

export function healthMark(entity: string): HTMLElement | null {
    const found = deviceOf(entity);
    if (!found) return null;
    const health = healthOf(found);
    const text = say(health);
    return h("span", { class: `mark-health ${health}`, role: "img", "aria-label": text, title: text });
}

function linkHealth(name: string): HTMLElement {
    const own = devices.filter(({ link, entity }) => link === name && entity);
    const parts: (HTMLElement | string)[] = [say("deviceCount", { n: own.length })];
    for (const health of ["well", "silent", "clock", "errors"] as const) {
        const n = own.filter((device) => healthOf(device) === health).length;
        if (n === 0) continue;
        parts.push(
            h(
                "span",
                { class: "of-health" },
                h("span", { class: `mark-health ${health}`, "aria-hidden": "true" }),
                `${say(health)} ${n}`,
            ),
        );
    }
    return h("p", { class: "link-devices" }, ...parts);
}

function linkRow(link: Link): HTMLElement {
    const perSecond = rate(counted.get(link.name) ?? []);
    const answered = link.answers > 0 ? say("answered", { ms: figure(link.answerMs, 0) }) : say("noAnswers");
    return h(
        "li",
        { class: link.state === "open" ? "link" : "link failed-link", "data-link": link.name },
        h(
            "div",
            { class: "card-head" },
            h("span", { class: "card-name" }, linkLabel(link.name)),
            h("span", { class: "kind" }, protocolLabel(link.protocol)),
            originBadge(origins.get(link.name), true),
        ),
        h(
            "p",
            { class: "main" },
            h("b", {}, perSecond === undefined ? "–" : figure(perSecond, perSecond < 10 ? 2 : 1)),
            h("small", {}, say("framesPerSecond")),
        ),
        linkHealth(link.name),
        h(
            "p",
            { class: "link-notes" },
            h("span", {}, say("frameCount", { n: figure(link.frames) })),
            h("span", {}, answered),
            h("span", { class: link.bad > 0 ? "bad" : "" }, say("badCount", { n: figure(link.bad) })),
        ),
        link.reason ? h("p", { class: "failed" }, link.reason) : null,
    );
}

export function drawLinks(panel: HTMLElement, box: HTMLElement): void {
    panel.hidden = links.length === 0;
    box.replaceChildren(...links.map(linkRow));
}

/** Bytes as people read them: lines of text as they are, all else as hex in pairs. */
export function frameText(hex: string): string {
    const pairs = hex.match(/../g) ?? [];
    const bytes = pairs.map((pair) => parseInt(pair, 16));
    const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 13 || byte === 10);
    return isText ? String.fromCharCode(...bytes).trim() : pairs.join(" ");
}

/** What is known of a device, and its newest frame, for the drawer. `key`: LINK/DEVICE. */
export async function deviceView(
    key: string,
): Promise<{ device: Device; record: HTMLElement; frame: HTMLElement | null }> {
    const cut = key.indexOf("/");
    const [linkName, id] = [key.slice(0, cut), key.slice(cut + 1)];
    const device = await askOwn<DeviceWhole>(`devices/${encodeURIComponent(linkName)}/${encodeURIComponent(id)}`);
    const link = links.find(({ name }) => name === device.link);
    const health = healthOf(device);
    const row = (word: Word, ...value: (Node | string)[]): HTMLElement =>
        h("tr", {}, h("th", { scope: "row" }, say(word)), h("td", {}, ...value));
    const record = h(
        "section",
        { class: "device-record" },
        h("h3", {}, say("device"), originBadge(origins.get(device.link), true)),
        h(
            "table",
            { class: "device" },
            row(
                "health",
                h("span", { class: `mark-health ${health}`, "aria-hidden": "true" }),
                ` ${say(health)}`,
                h("small", {}, say(`${health}Long`)),
            ),
            row("deviceState", say(device.state)),
            row("link", `${linkLabel(device.link)} · ${protocolLabel(link?.protocol ?? "")}`),
            row("deviceId", h("code", {}, device.device)),
            row(
                "lastSeen",
                device.lastSeen ? ago(device.lastSeen) : say("never"),
                device.firstSeen ? h("small", {}, say("firstSeen", { time: moment(device.firstSeen) })) : "",
            ),
            row("rate", device.everySeconds > 0 ? everyText(device.everySeconds) : "–"),
            row("frames", say("frameDetail", { n: figure(device.frames), readings: figure(device.readings) })),
            row("errorCount", say("errorDetail", { bad: figure(device.bad), faults: figure(device.faults) })),
            row(
                "clockOffset",
                device.clockOffsetSeconds === undefined
                    ? "–"
                    : say("seconds", { n: figure(device.clockOffsetSeconds, 1) }),
            ),
            row("answerTime", link && link.answers > 0 ? say("ms", { n: figure(link.answerMs, 1) }) : say("noAnswers")),
        ),
    );
    const last = device.lastFrames.at(-1);
    const frame = last
        ? h(
              "section",
              {},
              h("h3", {}, say("lastFrame")),
              h("pre", { class: "frame", tabindex: "0", "aria-label": say("lastFrame") }, frameText(last.hex)),
          )
        : null;
    return { device, record, frame };
}

/** How often a device speaks: the time between its frames, and what that makes in a minute. */
export function everyText(seconds: number): string {
    const perMinute = 60 / seconds;
    return say("everyDetail", { n: figure(seconds, 1), rate: figure(perMinute, perMinute < 10 ? 1 : 0) });
}
