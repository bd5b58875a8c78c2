import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { area2, decodeRing, fromGcj02, meet, readDistricts, toGcj02, turnsBack, type Ring } from "../../city/shapes.ts";

// Computed by an independent implementation (gcoord 1.0.7): WGS84, then GCJ-02.
const pairs = [
    [119.4156, 32.2208, 119.421060947, 32.218924976],
    [119.455, 32.2044, 119.460379069, 32.202470457],
] as const;

test("GCJ-02 agrees with an independent implementation, both ways", () => {
    for (const [lng, lat, gcjLng, gcjLat] of pairs) {
        const [x, y] = toGcj02(lng, lat);
        assert.ok(Math.abs(x - gcjLng) < 1e-8 && Math.abs(y - gcjLat) < 1e-8, `${x}, ${y}`);
        const [backLng, backLat] = fromGcj02(gcjLng, gcjLat);
        assert.ok(Math.abs(backLng - lng) < 1e-8 && Math.abs(backLat - lat) < 1e-8, `${backLng}, ${backLat}`);
    }
});

test("a packed ring unpacks to what ECharts makes of it", () => {
    // Zigzag: unit 64 is 0, 65 is -1, 66 is +1, 68 is +2.
    assert.deepEqual(decodeRing("@@BADB", [1024, 2048]), [
        [1, 2],
        [1025 / 1024, 2047 / 1024],
        [1027 / 1024, 2048 / 1024],
    ]);
});

const districts = readDistricts(readFileSync(new URL("../../city/data/districts.echarts.js", import.meta.url), "utf8"));

function rings(): { name: string; ring: Ring; outer: boolean }[] {
    return districts.flatMap(({ name, shape }) => {
        const polygons = (shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates) as Ring[][];
        return polygons.flatMap((polygon) => polygon.map((ring, at) => ({ name, ring, outer: at === 0 })));
    });
}

test("the six districts are there and cover what the city covers", () => {
    assert.deepEqual(districts.map(({ code }) => code).sort(), [
        "321102",
        "321111",
        "321112",
        "321181",
        "321182",
        "321183",
    ]);
    const km = 111.2;
    const total = rings().reduce(
        (sum, { ring }) => sum + (area2(ring) / 2) * km * km * Math.cos((32.1 * Math.PI) / 180),
        0,
    );
    assert.ok(total > 3700 && total < 3950, `${total} km2; the published area is about 3840`);
});

test("every ring is closed, wound as RFC 7946 asks, and neither touches nor crosses itself", () => {
    for (const { name, ring, outer } of rings()) {
        assert.deepEqual(ring[0], ring.at(-1), name);
        assert.equal(area2(ring) > 0, outer, name);
        const legs = ring.length - 1;
        for (let i = 0; i < legs; i++) {
            const [a, b] = [ring[i]!, ring[i + 1]!];
            assert.ok(!turnsBack(a, b, ring[((i + 1) % legs) + 1]!), `${name} turns back at ${b}`);
            for (let j = i + 2; j < legs; j++) {
                if (i === 0 && j === legs - 1) continue;
                const [c, d] = [ring[j]!, ring[j + 1]!];
                if (Math.max(a[0], b[0]) < Math.min(c[0], d[0]) || Math.max(c[0], d[0]) < Math.min(a[0], b[0]))
                    continue;
                assert.ok(!meet(a, b, c, d), `${name} meets itself at ${a}`);
            }
        }
    }
});

test("segments that cross, touch, overlap or keep apart", () => {
    assert.ok(meet([0, 0], [2, 2], [0, 2], [2, 0]));
    assert.ok(meet([0, 0], [2, 0], [1, 0], [1, 5]));
    assert.ok(meet([0, 0], [2, 0], [1, 0], [3, 0]));
    assert.ok(!meet([0, 0], [2, 0], [3, 0], [4, 0]));
    assert.ok(!meet([0, 0], [2, 0], [0, 1], [2, 1]));
    assert.ok(turnsBack([0, 0], [2, 0], [1, 0]));
    assert.ok(!turnsBack([0, 0], [2, 0], [3, 0]));
});
