/* The exact plane against slower or other ways to say the same: whole-number arithmetic, a ray through all edges, GEOS.
 */
#include "geo_test.h"

/* ---- turns ---- */

static void turns_on_whole_numbers(void **state) {
    (void)state;
    uint64_t r = 5;
    int straight = 0;
    for (int i = 0; i < 200000; i++) {
        /* multiples of 2^-44 near 119: the plain formula has no digits left for the sign */
        int64_t p[6];
        double d[6];
        for (int k = 0; k < 6; k++) {
            p[k] = ((int64_t)119 << 44) + (int64_t)rnd_to(&r, 64);
            d[k] = ldexp((double)p[k], -44);
        }
        int64_t det = (p[0] - p[4]) * (p[3] - p[5]) - (p[1] - p[5]) * (p[2] - p[4]);
        int sign = (det > 0) - (det < 0);
        assert_int_equal(geo__turn((geo__pos){d[0], d[1]}, (geo__pos){d[2], d[3]}, (geo__pos){d[4], d[5]}), sign);
        straight += sign == 0;
    }
    assert_true(straight > 100);
}

static void turns_where_doubles_fail(void **state) {
    (void)state;
    int wrong = 0;
    for (int i = 0; i < 64; i++) { /* along y = x, off by some last bits */
        for (int k = 0; k < 64; k++) {
            geo__pos a = {0.5 + ldexp(i, -53), 0.5 + ldexp(k, -53)}, b = {12, 12}, c = {24, 24};
            int sign = (i > k) - (i < k); /* right of the line when x > y */
            assert_int_equal(geo__turn(b, c, a), -sign);
            assert_int_equal(geo__turn(c, a, b), -sign);
            assert_int_equal(geo__turn(c, b, a), sign);
            double plain = (a.x - c.x) * (b.y - c.y) - (a.y - c.y) * (b.x - c.x);
            wrong += ((plain > 0) - (plain < 0)) != -sign;
        }
    }
    assert_true(wrong > 100);
}

/* ---- points ---- */

/* All edges, one after the other, on whole numbers: 0 outside, 1 border, 2 inside. */
static int slow_locate(const jd_shape *s, double grid, double px, double py) {
    int64_t x = llround(px / grid), y = llround(py / grid);
    int odd = 0;
    for (uint32_t i = 0; i < s->nseq; i++) {
        for (uint32_t k = s->seqs[i].at; k + 1 < s->seqs[i].at + s->seqs[i].n; k++) {
            int64_t ax = llround(s->xy[2 * k] / grid), ay = llround(s->xy[2 * k + 1] / grid);
            int64_t bx = llround(s->xy[2 * k + 2] / grid), by = llround(s->xy[2 * k + 3] / grid);
            int64_t det = (bx - ax) * (y - ay) - (by - ay) * (x - ax);
            int in_x = x >= (ax < bx ? ax : bx) && x <= (ax < bx ? bx : ax);
            int in_y = y >= (ay < by ? ay : by) && y <= (ay < by ? by : ay);
            if (det == 0 && in_x && in_y) return GEO__BORDER;
            if ((ay > y) != (by > y) && (det > 0) == (by > ay)) odd = !odd;
        }
    }
    return odd ? GEO__INSIDE : GEO__OUTSIDE;
}

static void points_in_polygons(void **state) {
    (void)state;
    uint64_t r = 1;
    jd_buf b = {0};
    size_t seen[3] = {0};
    for (int i = 0; i < 150; i++) {
        jd_arena a;
        jd_arena_init(&a);
        span in = {119, 32, 8, i % 3 ? 0.25 : 0.03125};
        jd_shape *s = random_shape(&a, &b, &r, JD_POLYGON, in);
        for (int k = 0; k < 400; k++) {
            double x = round(rnd_in(&r, 110, 128) / in.grid) * in.grid,
                   y = round(rnd_in(&r, 23, 41) / in.grid) * in.grid;
            int place = (int)geo__locate(s, (geo__pos){x, y});
            if (place != slow_locate(s, in.grid, x, y)) fail_msg("%g %g in %s: %d", x, y, b.p, place);
            seen[place]++;
        }
        for (uint32_t k = 0; k < s->npos; k++) assert_int_equal(geo__locate(s, geo__at(s, k)), GEO__BORDER);
        jd_arena_fini(&a);
    }
    assert_true(seen[0] > 1000 && seen[1] > 250 && seen[2] > 1000);
    jd_buf_fini(&b);
}

/* GEOS's own names: within is "inside", intersects is "not outside". */
static void points_against_geos(void **state) {
    (void)state;
    static const jd_geotype kinds[] = {JD_MULTIPOINT, JD_LINESTRING, JD_MULTILINESTRING, JD_POLYGON, JD_MULTIPOLYGON};
    uint64_t r = 2;
    jd_buf b = {0};
    judge j = judge_open();
    size_t seen[5][3] = {{0}};
    for (int i = 0; i < 400; i++) {
        jd_arena a;
        jd_arena_init(&a);
        span in = {10, 10, 6, i & 1 ? 1 : 0.5};
        jd_shape *s = random_shape(&a, &b, &r, kinds[i % 5], in);
        if (has_point_line(s)) {
            jd_arena_fini(&a);
            continue;
        }
        GEOSGeometry *g = judge_read(&j, b.p);
        for (int k = 0; k < 60; k++) {
            double x = round(rnd_in(&r, 3, 17) / 0.5) * 0.5, y = round(rnd_in(&r, 3, 17) / 0.5) * 0.5;
            if (k % 3 == 0) { /* a position of the shape itself */
                geo__pos p = geo__at(s, rnd_to(&r, s->npos));
                x = p.x;
                y = p.y;
            }
            GEOSGeometry *p = GEOSGeom_createPointFromXY_r(j.h, x, y);
            int inside = GEOSWithin_r(j.h, p, g), meets = GEOSIntersects_r(j.h, p, g);
            int place = (int)geo__locate(s, (geo__pos){x, y});
            if (inside != (place == GEO__INSIDE) || meets != (place != GEO__OUTSIDE))
                fail_msg("%g %g in %s: %d, GEOS within %d intersects %d", x, y, b.p, place, inside, meets);
            seen[i % 5][place]++;
            GEOSGeom_destroy_r(j.h, p);
        }
        GEOSGeom_destroy_r(j.h, g);
        jd_arena_fini(&a);
    }
    for (int i = 0; i < 5; i++) assert_true(seen[i][0] > 20 && seen[i][2] > 20 && (i == 0 || seen[i][1] > 20));
    judge_close(&j);
    jd_buf_fini(&b);
}

/* ---- shapes ---- */

static void shapes_against_geos(void **state) {
    (void)state;
    uint64_t r = 9;
    jd_buf b = {0}, c = {0};
    judge j = judge_open();
    size_t seen[6][6][2] = {{{0}}};
    for (int i = 0; i < 1800; i++) {
        jd_arena a;
        jd_arena_init(&a);
        double grid = i / 36 % 3 ? 1 : 0.0078125;
        jd_geotype first = (jd_geotype)(i % 6), second = (jd_geotype)(i / 6 % 6);
        span one = {10, 10, 5, grid}, two = {10 + rnd_in(&r, -6, 6), 10 + rnd_in(&r, -6, 6), rnd_in(&r, 1, 5), grid};
        jd_shape *s = random_shape(&a, &b, &r, first, one), *t = random_shape(&a, &c, &r, second, two);
        if (!has_point_line(s) && !has_point_line(t)) {
            GEOSGeometry *g = judge_read(&j, b.p), *h = judge_read(&j, c.p);
            int should = GEOSIntersects_r(j.h, g, h), is = geo__intersects(s, t);
            if (is != should || geo__intersects(t, s) != should)
                fail_msg("%s with %s: %d, GEOS %d", b.p, c.p, is, should);
            seen[first][second][is]++;
            GEOSGeom_destroy_r(j.h, g);
            GEOSGeom_destroy_r(j.h, h);
        }
        jd_arena_fini(&a);
    }
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 6; k++) assert_true(seen[i][k][0] > 5 && (seen[i][k][1] > 0 || i + k < 2));
    judge_close(&j);
    jd_buf_fini(&b);
    jd_buf_fini(&c);
}

static void one_inside_another(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_shape *ring = shape(&a, "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]],"
                               "[[2,2],[7,2],[7,7],[2,7],[2,2]]]}");
    assert_false(
        geo__intersects(ring, shape(&a, "{\"type\":\"Polygon\",\"coordinates\":[[[3,3],[4,3],[4,4],[3,3]]]}")));
    assert_true(geo__intersects(ring, shape(&a, "{\"type\":\"Polygon\",\"coordinates\":[[[7,3],[6,3],[6,4],[7,3]]]}")));
    assert_true(geo__intersects(ring, shape(&a, "{\"type\":\"LineString\",\"coordinates\":[[1,1],[1,1.5]]}")));
    assert_true(
        geo__intersects(ring, shape(&a, "{\"type\":\"Polygon\",\"coordinates\":[[[-1,-1],[19,-1],[19,19],[-1,-1]]]}")));
    assert_true(geo__intersects(ring, shape(&a, "{\"type\":\"MultiPoint\",\"coordinates\":[[4,4],[1,1]]}")));
    assert_false(geo__intersects(ring, shape(&a, "{\"type\":\"MultiPoint\",\"coordinates\":[[4,4],[5,5]]}")));
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_on_whole_numbers), cmocka_unit_test(turns_where_doubles_fail),
        cmocka_unit_test(points_in_polygons),     cmocka_unit_test(points_against_geos),
        cmocka_unit_test(shapes_against_geos),    cmocka_unit_test(one_inside_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
