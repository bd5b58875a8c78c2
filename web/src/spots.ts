// Every device as a mark: colour says how it is, shape where its data come from; where it stands, its entity says.
import { geometryOf, nameOf, query, textOf, type Entity } from "./api.ts";
import { h, s } from "./dom.ts";
import { devicesOfLinks, healthOf, keyOf, linkOrigin, type Device, type Health, type Origin } from "./links.ts";
import { readState, writeState } from "./state.ts";
import { say } from "./words.ts";

export type Point = [number, number];

/** A device, and where it stands; `at` is missing when nobody knows. */
export interface Spot {
    device: Device;
    name: string;
    health: Health;
    origin: Origin | undefined;
    at: Point | undefined;
    /** Where its data were recorded, when that is said. */
    from: string;
}

/** Ids asked for at once: the address of the question stays well below what servers take. */
const idsAtOnce = 50;

/** The devices' entities that are not among `known`. */
export async function fetchOthers(known: ReadonlySet<string>): Promise<Entity[]> {
    const ids = devicesOfLinks().flatMap(({ entity }) => (entity && !known.has(entity) ? [entity] : []));
    const found: Entity[] = [];
    for (let at = 0; at < ids.length; at += idsAtOnce) {
        const id = ids.slice(at, at + idsAtOnce).join(",");
        const page = await query({ id, pick: "id,type,name,location,recordedIn", limit: String(idsAtOnce) });
        found.push(...page.entities);
    }
    return found;
}

export function spotsOf(entities: ReadonlyMap<string, Entity>): Spot[] {
    return devicesOfLinks().map((device) => {
        const entity = device.entity === undefined ? undefined : entities.get(device.entity);
        const geometry = entity && geometryOf(entity);
        return {
            device,
            name: entity?.["name"] ? nameOf(entity) : device.device,
            health: healthOf(device),
            origin: linkOrigin(device.link),
            at: geometry?.type === "Point" ? ((geometry.coordinates as number[]).slice(0, 2) as Point) : undefined,
            from: entity ? textOf(entity, "recordedIn") : "",
        };
    });
}

export const spotHref = ({ device }: Spot): string =>
    writeState({ lang: readState(location.hash).lang, device: keyOf(device) });

/** What a mark says to whoever points at it, or cannot see it. */
export const spotTitle = ({ name, health, origin }: Spot): string =>
    `${name} · ${say(health)} · ${say(origin ?? "originUnknown")}`;

/** The whole outline of a shape around (x, y), and its left half. */
function outline(origin: Origin | undefined, x: number, y: number, r: number): [whole: string, half: string] {
    switch (origin) {
        case "recorded":
            return [
                `M${x} ${y - r}a${r} ${r} 0 0 0 0 ${2 * r}a${r} ${r} 0 0 0 0 ${-2 * r}Z`,
                `M${x} ${y - r}a${r} ${r} 0 0 0 0 ${2 * r}Z`,
            ];
        case "carried": {
            const d = 1.3 * r;
            return [`M${x} ${y - d}l${-d} ${d}l${d} ${d}l${d} ${-d}Z`, `M${x} ${y - d}l${-d} ${d}l${d} ${d}Z`];
        }
        case "simulated": {
            const d = 0.92 * r;
            return [`M${x - d} ${y - d}v${2 * d}h${2 * d}v${-2 * d}Z`, `M${x - d} ${y - d}v${2 * d}h${d}v${-2 * d}Z`];
        }
        default: {
            const d = 1.15 * r;
            return [`M${x} ${y - d}l${-d} ${1.8 * d}h${2 * d}Z`, `M${x} ${y - d}l${-d} ${1.8 * d}h${d}Z`];
        }
    }
}

/** Full is well, a ring is silent, half a clock that is off, a cross bad frames: none of it is told by colour alone. */
export function glyph(origin: Origin | undefined, health: Health | "none", x = 0, y = 0, r = 4): SVGElement {
    const [whole, half] = outline(origin, Number(x.toFixed(1)), Number(y.toFixed(1)), r);
    const c = 0.45 * r;
    return s(
        "g",
        { class: `glyph ${health}` },
        s("path", { class: "shape", d: whole }),
        health === "clock" && s("path", { class: "half", d: half }),
        health === "errors" &&
            s("path", { class: "cross", d: `M${x - c} ${y - c}l${2 * c} ${2 * c}m0 ${-2 * c}l${-2 * c} ${2 * c}` }),
    );
}

/**
 * Where marks of radius `r` are drawn so that none hides another: each at its place, or, when one is drawn there, a few
 * pixels beside it, on a spiral. Where there is no room in all its turns they do lie upon each other.
 */
export function spread(places: Point[], r: number): Point[] {
    const least = 1.6 * r;
    const turns = 60;
    const golden = 2.39996;
    const drawn: Point[] = [];
    // Cells of the size of that distance: a place is held against those in its cell and around it only.
    const cells = new Map<string, Point[]>();
    const cell = (x: number, y: number): string => `${Math.floor(x / least)} ${Math.floor(y / least)}`;
    const free = ([x, y]: Point): boolean => {
        for (const dx of [-least, 0, least]) {
            for (const dy of [-least, 0, least]) {
                for (const [ox, oy] of cells.get(cell(x + dx, y + dy)) ?? []) {
                    if (Math.hypot(ox - x, oy - y) < least) return false;
                }
            }
        }
        return true;
    };
    for (const [x, y] of places) {
        let at: Point = [x, y];
        for (let n = 1; n <= turns && !free(at); n++) {
            const away = 0.62 * least * Math.sqrt(n);
            at = [x + away * Math.cos(n * golden), y + away * Math.sin(n * golden)];
        }
        if (!free(at)) at = [x, y];
        drawn.push(at);
        const key = cell(...at);
        cells.set(key, [...(cells.get(key) ?? []), at]);
    }
    return drawn;
}

/** A device on a map; a click shows its record. */
export function spotLink(spot: Spot, x: number, y: number, r: number): SVGElement {
    return s(
        "a",
        { href: spotHref(spot), class: `spot ${spot.health}`, "aria-label": spotTitle(spot) },
        s("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 8, class: "reach" }),
        glyph(spot.origin, spot.health, x, y, r),
        s("title", {}, spotTitle(spot)),
    );
}

/** A mark within text. */
export function glyphInText(origin: Origin | undefined, health: Health | "none"): SVGElement {
    return s(
        "svg",
        { class: "in-text", viewBox: "-7 -7 14 14", width: 14, height: 14, "aria-hidden": "true" },
        glyph(origin, health),
    );
}

export function legend(): HTMLElement[] {
    const item = (mark: SVGElement, text: string, title: string): HTMLElement =>
        h("span", { class: "legend-item", title }, mark, text);
    const health = (["well", "silent", "clock", "errors"] as const).map((name) =>
        item(glyphInText("recorded", name), say(name), say(`${name}Long`)),
    );
    const origin = (["recorded", "carried", "simulated"] as const).map((name) =>
        item(glyphInText(name, "none"), say(name), say(`${name}Long`)),
    );
    return [
        h("span", { class: "legend-part" }, h("i", {}, say("legendHealth")), ...health),
        h("span", { class: "legend-part" }, h("i", {}, say("legendOrigin")), ...origin),
    ];
}
