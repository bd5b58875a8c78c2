// The map: districts, water and places as SVG, drawn at the size of its box so that lines and letters keep theirs.
import { geometryOf, nameOf, textOf, typeOf, type Entity, type Geometry } from "./api.ts";
import { keepFocus, s } from "./dom.ts";
import { spotLink, spread, type Point, type Spot } from "./spots.ts";
import { readState, writeState } from "./state.ts";
import { currentLanguage, say } from "./words.ts";

interface Frame {
    project(point: Point): Point;
    width: number;
    height: number;
    /** Pixels in a kilometre. */
    scale: number;
}

const kmPerDegree = 111.2;
const markRadius = 4;

function lines(geometry: Geometry): Point[][] {
    const c = geometry.coordinates;
    switch (geometry.type) {
        case "LineString":
            return [c as Point[]];
        case "MultiLineString":
        case "Polygon":
            return c as Point[][];
        case "MultiPolygon":
            return (c as Point[][][]).flat();
        default:
            return [];
    }
}

/** Fits the shapes into the middle of a box: plain cylindrical, true to scale at the middle latitude. */
function fit(entities: Entity[], width: number, heightMax: number): Frame {
    let [west, south, east, north] = [180, 90, -180, -90];
    for (const entity of entities) {
        for (const line of lines(geometryOf(entity)!)) {
            for (const [lng, lat] of line) {
                west = Math.min(west, lng);
                east = Math.max(east, lng);
                south = Math.min(south, lat);
                north = Math.max(north, lat);
            }
        }
    }
    const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
    const margin = width < 520 ? 10 : 24;
    const k = Math.min((width - 2 * margin) / ((east - west) * squeeze), (heightMax - 2 * margin) / (north - south));
    const height = Math.round((north - south) * k + 2 * margin);
    const left = (width - (east - west) * squeeze * k) / 2;
    return {
        width,
        height,
        scale: k / kmPerDegree,
        project: ([lng, lat]) => [left + (lng - west) * squeeze * k, margin + (north - lat) * k],
    };
}

function path(geometry: Geometry, frame: Frame): string {
    const close = geometry.type.endsWith("Polygon") ? "Z" : "";
    const parts: string[] = [];
    for (const line of lines(geometry)) {
        let drawn = "";
        let last: Point = [-9, -9];
        line.forEach((point, at) => {
            const [x, y] = frame.project(point);
            // Below half a pixel a step cannot be seen.
            if (at > 0 && at < line.length - 1 && Math.hypot(x - last[0], y - last[1]) < 0.5) return;
            drawn += `${at === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
            last = [x, y];
        });
        parts.push(drawn + close);
    }
    return parts.join("");
}

/** Where a name stands best: the centre of gravity of the largest ring. */
function middle(geometry: Geometry, frame: Frame): Point {
    let best: Point = [0, 0];
    let most = -1;
    for (const ring of lines(geometry)) {
        const points = ring.map(frame.project);
        let [area, x, y] = [0, 0, 0];
        for (let at = 0; at + 1 < points.length; at++) {
            const [a, b] = [points[at]!, points[at + 1]!];
            const part = a[0] * b[1] - b[0] * a[1];
            area += part;
            x += (a[0] + b[0]) * part;
            y += (a[1] + b[1]) * part;
        }
        if (Math.abs(area) > most && area !== 0) {
            most = Math.abs(area);
            best = [x / (3 * area), y / (3 * area)];
        }
    }
    return best;
}

function smooth(geometry: Geometry, frame: Frame): string {
    // The river's few points are joined by curves through the middles of its legs.
    return lines(geometry)
        .map((line) => {
            const points = line.map(frame.project);
            let drawn = `M${points[0]!.map((n) => n.toFixed(1)).join(" ")}`;
            for (let at = 1; at + 1 < points.length; at++) {
                const [x, y] = points[at]!;
                const [nx, ny] = points[at + 1]!;
                drawn += `Q${x.toFixed(1)} ${y.toFixed(1)} ${((x + nx) / 2).toFixed(1)} ${((y + ny) / 2).toFixed(1)}`;
            }
            return `${drawn}L${points
                .at(-1)!
                .map((n) => n.toFixed(1))
                .join(" ")}`;
        })
        .join("");
}

function svgLink(id: string, name: string, className: string, ...children: SVGElement[]): SVGAElement {
    const state = readState(location.hash);
    return s(
        "a",
        { href: writeState({ lang: state.lang, id }), class: className, "aria-label": name },
        ...children,
        s("title", {}, name),
    );
}

function scaleBar(frame: Frame): SVGElement {
    const km = frame.width < 520 ? 10 : 20;
    const length = km * frame.scale;
    const [x, y] = [frame.width - length - 14, frame.height - 14];
    return s(
        "g",
        { class: "scale" },
        s("path", { d: `M${x} ${y - 4}v4h${length}v-4` }),
        s("text", { x: x + length / 2, y: y - 7, "text-anchor": "middle" }, say("km", { n: km })),
    );
}

const inside = ([x, y]: Point, frame: Frame): boolean => x > 4 && y > 10 && x < frame.width - 4 && y < frame.height - 4;

interface Box {
    left: number;
    right: number;
    top: number;
    bottom: number;
}

const overlap = (a: Box, b: Box): boolean =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Names of places go where there is room: right, left, above or below their dot, or nowhere. */
function placeLabels(places: Entity[], frame: Frame, taken: Box[]): SVGElement[] {
    const out: SVGElement[] = [];
    // The city's own places first, then those that have a Chinese name, then the rest.
    const weight = (entity: Entity): number =>
        (textOf(entity, "region") === "3211" ? 4 : 0) +
        (/\p{Script=Han}/u.test(JSON.stringify(entity["name"])) ? 2 : 0);
    for (const place of [...places].sort((a, b) => weight(b) - weight(a))) {
        const geometry = geometryOf(place);
        if (geometry?.type !== "Point") continue;
        const [x, y] = frame.project(geometry.coordinates as Point);
        if (!inside([x, y], frame)) continue;
        const own = textOf(place, "region") === "3211";
        const name = nameOf(place);
        const width = [...name].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12 : 6.4), 0);
        const spots: [number, number, string][] = [
            [7, 4, "start"],
            [-7, 4, "end"],
            [0, -8, "middle"],
            [0, 17, "middle"],
        ];
        let label: SVGElement | undefined;
        for (const [dx, dy, anchor] of spots) {
            const left = anchor === "start" ? x + dx : anchor === "end" ? x + dx - width : x - width / 2;
            const box = { left: left - 2, right: left + width + 2, top: y + dy - 11, bottom: y + dy + 3 };
            if (box.left < 2 || box.right > frame.width - 2 || taken.some((other) => overlap(box, other))) continue;
            taken.push(box);
            label = s("text", { x: x + dx, y: y + dy, "text-anchor": anchor }, name);
            break;
        }
        const spot = { left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 };
        // A dot without a name is not worth the letters that it would cover.
        if (!label && (weight(place) === 0 || taken.some((other) => overlap(spot, other)))) continue;
        taken.push(spot);
        out.push(
            svgLink(
                place.id,
                name,
                own ? "place own" : "place",
                s("circle", { cx: x, cy: y, r: 11, class: "reach" }),
                s("circle", { cx: x, cy: y, r: own ? 3 : 2.2, class: "dot" }),
                ...(label ? [label] : []),
            ),
        );
    }
    return out;
}

/** How the map that stands in a box was drawn, for what moves on it. */
const frames = new WeakMap<HTMLElement, Frame>();

/** Draws all of it into `box`; the selected entity's shape is marked. */
export function drawMap(box: HTMLElement, entities: Entity[], selected: string | undefined): void {
    const of = (type: string): Entity[] => entities.filter((entity) => typeOf(entity) === type && geometryOf(entity));
    const districts = of("District");
    const width = Math.round(box.clientWidth);
    if (districts.length === 0 || width < 50) {
        box.replaceChildren();
        return;
    }
    const frame = fit(districts, width, Math.max(440, Math.min(640, innerHeight - 370)));
    const letters = width < 520 ? 12 : 15;
    const taken: Box[] = [];

    const water = of("Water").map((entity) => {
        const geometry = geometryOf(entity)!;
        const area = geometry.type.endsWith("Polygon");
        return svgLink(
            entity.id,
            nameOf(entity),
            area ? "lake" : "river",
            s(
                "path",
                area
                    ? { d: path(geometry, frame) }
                    : { d: smooth(geometry, frame), "stroke-width": Math.max(7, 1.9 * frame.scale) },
            ),
        );
    });
    const shapes = districts.map((entity) =>
        svgLink(
            entity.id,
            nameOf(entity),
            entity.id === selected ? "district chosen" : "district",
            s("path", { d: path(geometryOf(entity)!, frame) }),
        ),
    );
    const names = districts.map((entity) => {
        const [x, y] = middle(geometryOf(entity)!, frame);
        const name = nameOf(entity);
        const half = ([...name].length * letters * (currentLanguage() === "zh" ? 1 : 0.56)) / 2 + 8;
        taken.push({ left: x - half, right: x + half, top: y - letters, bottom: y + 6 });
        return s("text", { x, y: y + 2, class: "district-name", "text-anchor": "middle", "font-size": letters }, name);
    });
    const svg = s(
        "svg",
        {
            viewBox: `0 0 ${frame.width} ${frame.height}`,
            width: frame.width,
            height: frame.height,
            role: "group",
            "aria-labelledby": "map-title",
        },
        s("g", {}, ...shapes),
        s("g", { class: "water" }, ...water),
        s("g", { class: "edges" }, ...districts.map((entity) => s("path", { d: path(geometryOf(entity)!, frame) }))),
        s("g", { class: "names" }, ...names),
        s("g", {}, ...placeLabels(of("Place"), frame, taken)),
        s("g", { class: "devices" }),
        scaleBar(frame),
    );
    box.replaceChildren(svg);
    frames.set(box, frame);
}

/** Draws devices onto the map that stands in `box`; answers those that stand outside of it. */
export function drawDevices(box: HTMLElement, spots: Spot[]): Spot[] {
    const [group, frame] = [box.querySelector("g.devices"), frames.get(box)];
    if (!group || !frame) return spots.filter(({ at }) => at);
    const outside: Spot[] = [];
    const within: { spot: Spot; place: Point }[] = [];
    for (const spot of spots) {
        if (!spot.at) continue;
        const place = frame.project(spot.at);
        if (inside(place, frame)) within.push({ spot, place });
        else outside.push(spot);
    }
    const places = spread(
        within.map(({ place }) => place),
        markRadius,
    );
    const marks = within.map(({ spot }, at) => spotLink(spot, ...places[at]!, markRadius));
    keepFocus(group, () => group.replaceChildren(...marks));
    return outside;
}
