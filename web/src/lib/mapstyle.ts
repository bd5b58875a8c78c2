// How the city is drawn: paper, the pale stroke of the river, outlines, and marks whose shape says the level.
import type * as GeoJSON from "geojson";
import type { LayerSpecification, StyleSpecification } from "maplibre-gl";
import type { Settings } from "./city.ts";
import type { Theme } from "./theme.ts";

export type Shapes = GeoJSON.FeatureCollection;
export const none: Shapes = { type: "FeatureCollection", features: [] };

export function styleOf(t: Theme, tiles: Settings["tiles"]): StyleSpecification {
    const u = t.unit;
    const halo = { "text-halo-color": t.map0, "text-halo-width": 1.6 };
    const layers: LayerSpecification[] = [
        { id: "ground", type: "background", paint: { "background-color": t.ground } },
        ...(tiles ? ([{ id: "tiles", type: "raster", source: "tiles" }] as LayerSpecification[]) : []),
        {
            id: "district",
            type: "fill",
            source: "outlines",
            paint: { "fill-color": t.map0, "fill-opacity": tiles ? 0 : 1 },
        },
        {
            id: "water-area",
            type: "fill",
            source: "water",
            filter: ["==", ["geometry-type"], "Polygon"],
            paint: { "fill-color": t.water },
        },
        {
            id: "water-line",
            type: "line",
            source: "water",
            filter: ["==", ["geometry-type"], "LineString"],
            layout: { "line-cap": "round", "line-join": "round" },
            paint: {
                "line-color": t.water,
                "line-width": [
                    "interpolate",
                    ["exponential", 2],
                    ["zoom"],
                    7,
                    ["*", 4, ["get", "width"]],
                    12,
                    ["*", 60, ["get", "width"]],
                ],
            },
        },
        {
            id: "border",
            type: "line",
            source: "outlines",
            paint: { "line-color": t.line2, "line-width": 1.2 * u },
        },
        {
            id: "district-name",
            type: "symbol",
            source: "outline-names",
            layout: { "text-field": ["get", "name"], "text-size": 13 * u, "text-letter-spacing": 0.1 },
            paint: { "text-color": t.ink2, ...halo },
        },
        {
            id: "track",
            type: "line",
            source: "track",
            layout: { "line-cap": "round", "line-join": "round" },
            paint: { "line-color": t.river, "line-width": 2.4 * u, "line-opacity": 0.75 },
        },
        {
            id: "things",
            type: "circle",
            source: "things",
            paint: {
                "circle-color": ["coalesce", ["get", "colour"], t.river],
                "circle-radius": ["interpolate", ["linear"], ["zoom"], 7, 3 * u, 12, 5.5 * u],
                "circle-stroke-color": t.card,
                "circle-stroke-width": 1,
            },
        },
        {
            id: "things-label",
            type: "symbol",
            source: "things",
            minzoom: 9.2,
            layout: {
                "text-field": ["get", "label"],
                "text-size": 11 * u,
                "text-anchor": "left",
                "text-offset": [1.1, 0],
                "text-optional": true,
            },
            paint: { "text-color": t.ink, ...halo },
        },
        {
            id: "chosen",
            type: "circle",
            source: "chosen",
            paint: {
                "circle-color": "rgba(0,0,0,0)",
                "circle-radius": 11 * u,
                "circle-stroke-color": t.river,
                "circle-stroke-width": 2.4 * u,
            },
        },
        {
            id: "alerts",
            type: "symbol",
            source: "alerts",
            layout: {
                "icon-image": ["concat", "level-", ["get", "severity"]],
                "icon-allow-overlap": true,
                "icon-ignore-placement": true,
                "symbol-sort-key": ["-", 10, ["get", "level"]],
                "text-field": ["get", "label"],
                "text-size": 11.5 * u,
                "text-anchor": "left",
                "text-offset": [1.3, 0],
                "text-optional": true,
            },
            paint: { "text-color": t.ink, ...halo },
        },
    ];
    const empty = { type: "geojson", data: none, promoteId: "id" } as const;
    return {
        version: 8,
        sources: {
            outlines: { ...empty },
            "outline-names": { ...empty },
            water: { ...empty },
            things: { ...empty },
            alerts: { ...empty },
            chosen: { ...empty },
            track: { ...empty },
            ...(tiles ? { tiles: { type: "raster", tiles: [tiles.url], tileSize: 256 } } : {}),
        },
        layers,
    };
}

/** The marks of levels as pictures; what LevelMark.vue draws. */
export function levelImages(t: Theme): Map<string, ImageData> {
    const shapes: [string, string, (c: CanvasRenderingContext2D, n: number) => void][] = [
        ["red", t.red, (c, n) => c.rect(n * 0.16, n * 0.16, n * 0.68, n * 0.68)],
        [
            "orange",
            t.amber,
            (c, n) =>
                poly(c, n, [
                    [0.5, 0.1],
                    [0.93, 0.86],
                    [0.07, 0.86],
                ]),
        ],
        [
            "yellow",
            t.amber,
            (c, n) =>
                poly(c, n, [
                    [0.5, 0.06],
                    [0.94, 0.5],
                    [0.5, 0.94],
                    [0.06, 0.5],
                ]),
        ],
        ["blue", t.blue, (c, n) => c.arc(n / 2, n / 2, n * 0.38, 0, 7)],
        ["info", t.ink3, (c, n) => c.arc(n / 2, n / 2, n * 0.28, 0, 7)],
    ];
    const images = new Map<string, ImageData>();
    const size = Math.round(18 * t.unit) * 2;
    for (const [name, colour, draw] of shapes) {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = size;
        const c = canvas.getContext("2d")!;
        c.beginPath();
        draw(c, size);
        c.fillStyle = colour;
        c.strokeStyle = t.card;
        c.lineWidth = size / 12;
        c.stroke();
        c.fill();
        images.set(`level-${name}`, c.getImageData(0, 0, size, size));
    }
    return images;
}
function poly(c: CanvasRenderingContext2D, n: number, points: [number, number][]): void {
    points.forEach(([x, y], i) => (i === 0 ? c.moveTo(x * n, y * n) : c.lineTo(x * n, y * n)));
    c.closePath();
}
