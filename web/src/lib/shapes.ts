// Shapes of entities for the map: outlines, water, where a name stands, what a box holds.
import type * as GeoJSON from "geojson";
import { geometryOf, nameOf, numberOf, type Entity, type Geometry } from "./ngsi.ts";

export type Place = [number, number];
export type Box = [west: number, south: number, east: number, north: number];

export function eachPlace(coordinates: unknown, visit: (place: Place) => void): void {
    if (!Array.isArray(coordinates)) return;
    if (typeof coordinates[0] === "number") visit(coordinates as Place);
    else for (const part of coordinates) eachPlace(part, visit);
}
export function boxOf(entities: readonly Entity[]): Box | undefined {
    const box: Box = [180, 90, -180, -90];
    for (const entity of entities) {
        eachPlace(geometryOf(entity)?.coordinates, ([lng, lat]) => {
            box[0] = Math.min(box[0], lng);
            box[1] = Math.min(box[1], lat);
            box[2] = Math.max(box[2], lng);
            box[3] = Math.max(box[3], lat);
        });
    }
    return box[0] <= box[2] ? box : undefined;
}
/** A box with a margin of some of its own size: what stands just outside still belongs. */
export const wider = ([w, s, e, n]: Box, by: number): Box => [
    w - (e - w) * by,
    s - (n - s) * by,
    e + (e - w) * by,
    n + (n - s) * by,
];
export const holds = ([w, s, e, n]: Box, [lng, lat]: Place): boolean => lng >= w && lng <= e && lat >= s && lat <= n;

function rings(geometry: Geometry): Place[][] {
    if (geometry.type === "Polygon") return [(geometry.coordinates as Place[][])[0] ?? []];
    if (geometry.type === "MultiPolygon") return (geometry.coordinates as Place[][][]).map((one) => one[0] ?? []);
    return [];
}
/** Where a name stands best: the centre of gravity of the largest ring. */
export function middle(geometry: Geometry): Place | undefined {
    let best: Place | undefined;
    let most = 0;
    for (const ring of rings(geometry)) {
        let [area, x, y] = [0, 0, 0];
        for (let i = 0; i + 1 < ring.length; i++) {
            const [a, b] = [ring[i]!, ring[i + 1]!];
            const part = a[0] * b[1] - b[0] * a[1];
            area += part;
            x += (a[0] + b[0]) * part;
            y += (a[1] + b[1]) * part;
        }
        if (Math.abs(area) > most) {
            most = Math.abs(area);
            best = [x / (3 * area), y / (3 * area)];
        }
    }
    return best;
}
const feature = (entity: Entity, geometry: Geometry, more: object = {}): GeoJSON.Feature => ({
    type: "Feature",
    geometry: geometry as GeoJSON.Geometry,
    properties: { id: entity.id, name: nameOf(entity), ...more },
});
export function shapesOf(entities: readonly Entity[]): GeoJSON.FeatureCollection {
    const features = entities.flatMap((entity) => {
        const geometry = geometryOf(entity);
        return geometry ? [feature(entity, geometry, { width: numberOf(entity, "width") ?? 1 })] : [];
    });
    return { type: "FeatureCollection", features };
}
export function namesOf(entities: readonly Entity[]): GeoJSON.FeatureCollection {
    const features = entities.flatMap((entity) => {
        const geometry = geometryOf(entity);
        const place = geometry && middle(geometry);
        return place ? [feature(entity, { type: "Point", coordinates: place })] : [];
    });
    return { type: "FeatureCollection", features };
}
