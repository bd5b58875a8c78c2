// Devices that stand outside the map of the city: a small map for each link, and a list of those without a place.
import { h, keepFocus, link, s } from "./dom.ts";
import { linkLabel, say } from "./words.ts";
import { glyphInText, spotHref, spotLink, spotTitle, spread, type Point, type Spot } from "./spots.ts";

const cellMin = 200;
const gap = 20;
const insetHeight = 150;
/** The strip below the ground, in which the scale stands. */
const footHeight = 18;
const namedMax = 30;
const kmPerDegree = 111.2;

interface Inset {
    project(point: Point): Point;
    west: number;
    south: number;
    east: number;
    north: number;
    /** Pixels in a degree of latitude. */
    k: number;
}

/** The smallest of the usual steps that is no less than `least`. */
export function niceStep(least: number): number {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least * 0.999999)!;
}

/** Fits points into a box, true to scale at the middle latitude, with room around them. */
function fit(points: Point[], width: number, height: number): Inset {
    let [west, south, east, north] = [180, 90, -180, -90];
    for (const [lng, lat] of points) {
        west = Math.min(west, lng);
        east = Math.max(east, lng);
        south = Math.min(south, lat);
        north = Math.max(north, lat);
    }
    // A single thing that stands still needs a frame too: about two kilometres.
    const least = 0.02;
    const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
    const margin = 18;
    const k = Math.min(
        (width - 2 * margin) / Math.max(least, (east - west) * squeeze),
        (height - 2 * margin) / Math.max(least, north - south),
    );
    const [lng0, lat0] = [(west + east) / 2, (south + north) / 2];
    return {
        project: ([lng, lat]) => [width / 2 + (lng - lng0) * squeeze * k, height / 2 - (lat - lat0) * k],
        west: lng0 - width / 2 / squeeze / k,
        east: lng0 + width / 2 / squeeze / k,
        south: lat0 - height / 2 / k,
        north: lat0 + height / 2 / k,
        k,
    };
}

const degrees = (value: number, step: number, signs: string): string =>
    `${Math.abs(value).toFixed(Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)))}°${signs[value < 0 ? 1 : 0]}`;

/** Lines of longitude and latitude: all the ground that is drawn under places for which there is no map here. */
function graticule(inset: Inset, width: number, height: number): SVGElement {
    const lines: SVGElement[] = [];
    const acrossStep = niceStep((inset.east - inset.west) / 4);
    for (let lng = Math.ceil(inset.west / acrossStep) * acrossStep; lng < inset.east; lng += acrossStep) {
        const x = Number(inset.project([lng, inset.south])[0].toFixed(1));
        lines.push(s("path", { d: `M${x} 0V${height}` }));
        if (x > 16 && x < width - 16) {
            lines.push(s("text", { x, y: 10, "text-anchor": "middle" }, degrees(lng, acrossStep, "EW")));
        }
    }
    const upStep = niceStep((inset.north - inset.south) / 4);
    for (let lat = Math.ceil(inset.south / upStep) * upStep; lat < inset.north; lat += upStep) {
        const y = Number(inset.project([inset.west, lat])[1].toFixed(1));
        lines.push(s("path", { d: `M0 ${y}H${width}` }));
        if (y > 20 && y < height - 16) lines.push(s("text", { x: 3, y: y - 2 }, degrees(lat, upStep, "NS")));
    }
    return s("g", { class: "graticule", "aria-hidden": "true" }, ...lines, s("path", { d: `M0 ${height}H${width}` }));
}

function scaleBar(inset: Inset, width: number, height: number): SVGElement {
    const perKm = inset.k / kmPerDegree;
    const km = niceStep(28 / perKm);
    const length = km * perKm;
    const [x, y] = [width - length - 8, height - 7];
    return s(
        "g",
        { class: "scale" },
        s("path", { d: `M${x.toFixed(1)} ${y - 3}v3h${length.toFixed(1)}v-3` }),
        s("text", { x: (x + length / 2).toFixed(1), y: y - 5, "text-anchor": "middle" }, say("km", { n: km })),
    );
}

function insetOf(spots: Spot[], tracks: ReadonlyMap<string, Point[]>, width: number): SVGElement {
    const trackOf = ({ device }: Spot): Point[] => tracks.get(device.entity ?? "") ?? [];
    const points = spots.flatMap((spot) => [spot.at!, ...trackOf(spot)]);
    const inset = fit(points, width, insetHeight);
    const r = spots.length > 40 ? 2.5 : 3.4;
    const places = spread(
        spots.map(({ at }) => inset.project(at!)),
        r,
    );
    const height = insetHeight + footHeight;
    const way = (track: Point[]): string =>
        `M${track.map((point) => inset.project(point).map((n) => n.toFixed(1)).join(" ")).join("L")}`;
    return s(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, width, height, class: "inset", role: "group" },
        graticule(inset, width, insetHeight),
        s(
            "g",
            { class: "tracks" },
            ...spots
                .map(trackOf)
                .filter((track) => track.length > 1)
                .map((track) => s("path", { d: way(track) })),
        ),
        ...spots.map((spot, at) => spotLink(spot, ...places[at]!, r)),
        scaleBar(inset, width, height),
    );
}

function caption(name: string, where: string, count: number): HTMLElement {
    return h(
        "p",
        { class: "cell-head" },
        h("b", {}, name),
        where && h("span", {}, where),
        h("span", { class: "total" }, String(count)),
    );
}

function insetCell(name: string, spots: Spot[], tracks: ReadonlyMap<string, Point[]>, width: number): HTMLElement {
    const where = [...new Set(spots.map(({ from }) => from).filter((from) => from !== ""))].join(say("listComma"));
    return h("div", { class: "cell" }, caption(linkLabel(name), where, spots.length), insetOf(spots, tracks, width));
}

/** Nothing is put where nobody knows that it stands. */
function placelessCell(spots: Spot[]): HTMLElement {
    const items = spots
        .slice(0, namedMax)
        .map((spot) =>
            h(
                "li",
                {},
                link(
                    spotHref(spot),
                    { class: `placeless ${spot.health}`, title: spotTitle(spot), "aria-label": spotTitle(spot) },
                    glyphInText(spot.origin, spot.health),
                    spot.name,
                    h("small", {}, linkLabel(spot.device.link)),
                ),
            ),
        );
    if (spots.length > namedMax) items.push(h("li", {}, say("andMore", { n: spots.length - namedMax })));
    return h(
        "div",
        { class: "cell" },
        caption(say("noPlace"), "", spots.length),
        h("ul", { class: "placeless-list" }, ...items),
    );
}

/** Draws them below the map; `outside` are those with a place that the map does not show. */
export function drawElsewhere(
    box: HTMLElement,
    outside: Spot[],
    placeless: Spot[],
    tracks: ReadonlyMap<string, Point[]>,
): void {
    const links = [...new Set(outside.map(({ device }) => device.link))].sort();
    const cells = links.length + (placeless.length > 0 ? 1 : 0);
    box.hidden = cells === 0;
    const room = box.clientWidth;
    const columns = Math.max(1, Math.min(cells, Math.floor((room + gap) / (cellMin + gap))));
    const width = Math.floor((room - gap * (columns - 1)) / columns);
    if (cells > 0 && width < 60) return;
    keepFocus(box, () =>
        box.replaceChildren(
            ...links.map((name) =>
                insetCell(
                    name,
                    outside.filter(({ device }) => device.link === name),
                    tracks,
                    width,
                ),
            ),
            ...(placeless.length > 0 ? [placelessCell(placeless)] : []),
        ),
    );
}
