/* Distances against known ones, against a dense walk over both shapes, and the boxes that near-queries search. */
#include "geo_test.h"

static double dist(const char *one, const char *two) {
    jd_arena a;
    jd_arena_init(&a);
    jd_shape *s = shape(&a, one), *t = shape(&a, two);
    double d = jd_shape_distance(s, t), back = jd_shape_distance(t, s);
    if (!(fabs(d - back) <= 1e-9 * d + 1e-9)) fail_msg("%s to %s: %.12g, back %.12g", one, two, d, back);
    jd_arena_fini(&a);
    return d;
}
#define POINT(x, y) "{\"type\":\"Point\",\"coordinates\":[" x "," y "]}"

static void points(void **state) {
    (void)state;
    double degree = M_PI / 180 * 6371008.8;
    assert_true(dist(POINT("119.4", "32.2"), POINT("119.4", "32.2")) == 0);
    assert_near(dist(POINT("0", "0"), POINT("0", "1")), degree, 1e-6);
    assert_near(dist(POINT("0", "0"), POINT("1", "0")), degree, 1e-6);
    assert_near(dist(POINT("10", "60"), POINT("11", "60")), 55596.5,
                5); /* half a degree, less the bulge of the circle */
    assert_near(dist(POINT("0", "0"), POINT("180", "0")), 180 * degree, 1e-3);
    assert_near(dist(POINT("0", "90"), POINT("77", "-90")), 180 * degree, 1e-3);
    assert_near(dist(POINT("33", "90"), POINT("-140", "90")), 0, 1e-6);
    assert_near(dist(POINT("180", "12"), POINT("-180", "12")), 0, 1e-6);
    assert_near(dist(POINT("179.5", "0"), POINT("-179.5", "0")), degree, 1e-6);
    assert_near(dist(POINT("116.3913", "39.9075"), POINT("121.4737", "31.2304")), 1067300,
                3000); /* Beijing, Shanghai */
    assert_near(dist(POINT("119.45", "32.2"), POINT("119.450001", "32.2")), 0.0941, 0.0001);
}

static void touching(void **state) {
    (void)state;
    const char *box = "{\"type\":\"Polygon\",\"coordinates\":[[[119,32],[120,32],[120,33],[119,33],[119,32]],"
                      "[[119.4,32.4],[119.6,32.4],[119.6,32.6],[119.4,32.6],[119.4,32.4]]]}";
    assert_true(dist(box, POINT("119.1", "32.1")) == 0);
    assert_true(dist(box, POINT("119", "32.5")) == 0);
    assert_true(dist(box, "{\"type\":\"LineString\",\"coordinates\":[[118,32.5],[121,32.5]]}") == 0);
    /* in the hole: to its rim, which is nearest east or west */
    assert_near(dist(box, POINT("119.5", "32.5")), 0.1 * cos(32.5 * M_PI / 180) * 111195.08, 2);
    /* south of it */
    assert_near(dist(box, POINT("119.5", "31.9")), 0.1 * 111195.08, 1);
    assert_near(dist(box, "{\"type\":\"LineString\",\"coordinates\":[[119.5,31.9],[119.6,31.8]]}"), 0.1 * 111195.08, 1);
}

static void over_the_antimeridian_and_the_pole(void **state) {
    (void)state;
    const char *fiji =
        "{\"type\":\"Polygon\",\"coordinates\":[[[178,-18],[179.9,-18],[179.9,-17],[178,-17],[178,-18]]]}";
    assert_near(dist(fiji, POINT("-179.9", "-17.5")), 0.2 * cos(17.5 * M_PI / 180) * 111195.08, 20);
    const char *cap = "{\"type\":\"LineString\",\"coordinates\":[[-180,89],[0,89],[180,89]]}";
    assert_near(dist(cap, POINT("12.3", "90")), 111195.08, 1);
    assert_near(dist(cap, POINT("77.7", "88")), 111195.08, 1);
    const char *meridian = "{\"type\":\"LineString\",\"coordinates\":[[0,80],[0,89.5]]}";
    assert_near(dist(meridian, POINT("180", "89.5")), 111195.08, 1); /* over the pole */
}

/* ---- a walk over the shape in steps far below the distance asked for ---- */

static double slow_point(const jd_shape *s, geo__pos p, int steps) {
    double best = INFINITY;
    for (uint32_t i = 0; i < s->nseq; i++) {
        const geo__seq *q = &s->seqs[i];
        for (uint32_t k = 0; k < geo__items(q); k++) {
            geo__pos a = geo__at(s, q->at + k), b = geo__at(s, q->at + k + q->step);
            for (int j = 0; j <= steps; j++) {
                double t = (double)j / steps;
                geo__pos at = {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)};
                best = fmin(best, geo__metres(p, at));
            }
        }
    }
    return best;
}

static void points_to_shapes(void **state) {
    (void)state;
    uint64_t r = 21;
    jd_buf b = {0};
    double worst = 0;
    for (int i = 0; i < 120; i++) {
        jd_arena a;
        jd_arena_init(&a);
        /* from a street to a province, from the equator to the far north */
        double size = pow(10, rnd_in(&r, -3, 1.3)), lat = rnd_in(&r, -80, 80), lon = rnd_in(&r, -170, 170);
        jd_shape *s = random_shape(&a, &b, &r, (jd_geotype)(1 + i % 5), (span){lon, lat, size, size / 1e6});
        for (int k = 0; k < 5; k++) {
            double far = size * pow(10, rnd_in(&r, -0.5, 1));
            geo__pos p = {lon + rnd_in(&r, -far, far), fmax(-90, fmin(90, lat + rnd_in(&r, -far, far)))};
            p.x = remainder(p.x, 360);
            if (geo__locate(s, p) != GEO__OUTSIDE) continue;
            double is = jd_shape_distance(jd_shape_make_point(&a, p.x, p.y), s), slow = slow_point(s, p, 2000);
            /* the walk may be too long by what its steps skip, never too short */
            double skip_m = size * 111195 / 2000;
            if (is > slow * (1 + 1e-9) + 1e-6 && is - slow > worst * slow) worst = (is - slow) / slow;
            if (is < slow - skip_m) fail_msg("%g %g to %s: %.9g, walked %.9g", p.x, p.y, b.p, is, slow);
        }
        jd_arena_fini(&a);
    }
    assert_true(worst < 1e-6);
    jd_buf_fini(&b);
}

/* Edges over half the world have more than one valley, and come near from behind. */
static void edges_across_the_world(void **state) {
    (void)state;
    uint64_t r = 41;
    jd_buf b = {0};
    for (int i = 0; i < 60; i++) {
        jd_arena a;
        jd_arena_init(&a);
        b.n = 0;
        jd_buf_z(&b, "{\"type\":\"LineString\",\"coordinates\":");
        jd_buf_printf(&b, "[[%.9g,%.9g],[%.9g,%.9g]]}", rnd_in(&r, -180, 180), rnd_in(&r, -90, 90),
                      rnd_in(&r, -180, 180), rnd_in(&r, -90, 90));
        jd_buf_c(&b, 0);
        jd_shape *s = shape(&a, b.p);
        for (int k = 0; k < 5; k++) {
            geo__pos p = {rnd_in(&r, -180, 180), rnd_in(&r, -90, 90)};
            double is = jd_shape_distance(jd_shape_make_point(&a, p.x, p.y), s), slow = slow_point(s, p, 4000);
            if (is > slow * (1 + 1e-6) || is < slow - 40000000.0 / 4000)
                fail_msg("%.9g %.9g to %s: %.9g, walked %.9g", p.x, p.y, b.p, is, slow);
        }
        jd_arena_fini(&a);
    }
    jd_buf_fini(&b);
}

static void shapes_to_shapes(void **state) {
    (void)state;
    uint64_t r = 22;
    jd_buf b = {0};
    double worst = 0;
    for (int i = 0; i < 50; i++) {
        jd_arena a;
        jd_arena_init(&a);
        double size = pow(10, rnd_in(&r, -3, 1.2)), lat = rnd_in(&r, -70, 70), lon = rnd_in(&r, -160, 160);
        span one = {lon, lat, size, size / 1e6},
             two = {lon + 3 * size, lat + rnd_in(&r, -2, 2) * size, size, size / 1e6};
        jd_shape *s = random_shape(&a, &b, &r, (jd_geotype)(1 + i % 5), one);
        jd_shape *t = random_shape(&a, &b, &r, (jd_geotype)(1 + i / 5 % 5), two);
        double is = jd_shape_distance(s, t), slow = INFINITY;
        for (uint32_t m = 0; m < s->nseq; m++) {
            const geo__seq *q = &s->seqs[m];
            for (uint32_t k = 0; k < geo__items(q); k++) {
                geo__pos u = geo__at(s, q->at + k), v = geo__at(s, q->at + k + q->step);
                for (int j = 0; j <= 60; j++)
                    slow =
                        fmin(slow,
                             slow_point(t, (geo__pos){u.x + j / 60.0 * (v.x - u.x), u.y + j / 60.0 * (v.y - u.y)}, 60));
            }
        }
        if (is > slow && (is - slow) / slow > worst) worst = (is - slow) / slow;
        assert_true(is >= slow - 2 * size * 111195 / 60);
        assert_true(geo__least_m(s, t, 0, is * 1.001) == is);
        assert_true(geo__least_m(s, t, is * 1.5, INFINITY) <= is * 1.5);
        assert_true(geo__least_m(s, t, 0, is * 0.999) > is * 0.999);
        jd_arena_fini(&a);
    }
    assert_true(worst < 0.0005); /* the room promises 0.5 % */
    jd_buf_fini(&b);
}

/* ---- boxes ---- */

static int in_box(jd_box b, geo__pos p) {
    return p.x >= b.w && p.x <= b.e && p.y >= b.s && p.y <= b.n;
}

static void nothing_near_is_outside_the_boxes(void **state) {
    (void)state;
    uint64_t r = 31;
    size_t crossed = 0, poles = 0, inside = 0;
    for (int i = 0; i < 1500; i++) {
        jd_box b, out[2];
        b.w = i % 3 ? rnd_in(&r, -180, 179) : (i % 2 ? 179.9 : -180);
        b.s = i % 5 ? rnd_in(&r, -80, 80) : (i % 2 ? 89.5 : -90);
        b.e = fmin(180, b.w + (i % 4 ? 0 : rnd_in(&r, 0, 3)));
        b.n = fmin(90, b.s + (i % 4 ? 0 : rnd_in(&r, 0, 0.4)));
        double metres = pow(10, rnd_in(&r, 0, i % 10 ? 6 : 7.4));
        int n = geo__around(b, metres, out);
        assert_true(n == 1 || n == 2);
        for (int k = 0; k < n; k++)
            assert_true(out[k].w >= -180 && out[k].e <= 180 && out[k].s >= -90 && out[k].n <= 90 &&
                        out[k].w <= out[k].e);
        crossed += n == 2;
        poles += n == 1 && out[0].e - out[0].w == 360;
        for (int k = 0; k < 60; k++) { /* go `metres` from a place in the box, in some direction */
            geo__pos from = {rnd_in(&r, b.w, b.e), rnd_in(&r, b.s, b.n)};
            double way = metres / 6371008.8 * (k % 2 ? 1 : rnd_in(&r, 0, 1)), head = rnd_in(&r, 0, 2 * M_PI);
            double f = from.y * M_PI / 180, sin_lat = sin(f) * cos(way) + cos(f) * sin(way) * cos(head);
            double lon = from.x * M_PI / 180 + atan2(sin(head) * sin(way) * cos(f), cos(way) - sin(f) * sin_lat);
            geo__pos to = {remainder(lon * 180 / M_PI, 360), asin(fmax(-1, fmin(1, sin_lat))) * 180 / M_PI};
            if (geo__metres(from, to) > metres) continue;
            int in = 0;
            for (int m = 0; m < n; m++) in |= in_box(out[m], to);
            if (!in) fail_msg("%.17g %.17g from %.17g %.17g by %g", to.x, to.y, from.x, from.y, metres);
            inside++;
        }
    }
    assert_true(crossed > 50 && poles > 50 && inside > 30000);
}

static void the_boxes_are_tight(void **state) {
    (void)state;
    jd_box out[2];
    assert_int_equal(geo__around((jd_box){119, 32, 119, 32}, 2000, out), 1);
    assert_near(out[0].n - out[0].s, 4000 / 111195.08, 1e-6);
    assert_near(out[0].e - out[0].w, 4000 / 111195.08 / cos(32 * M_PI / 180), 1e-6);
    assert_int_equal(geo__around((jd_box){179.99, 10, 179.99, 10}, 5000, out), 2);
    assert_true(out[0].e == 180 && out[1].w == -180 && out[1].e < -179.9 && out[0].w > 179.9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points),
        cmocka_unit_test(touching),
        cmocka_unit_test(over_the_antimeridian_and_the_pole),
        cmocka_unit_test(points_to_shapes),
        cmocka_unit_test(edges_across_the_world),
        cmocka_unit_test(shapes_to_shapes),
        cmocka_unit_test(nothing_near_is_outside_the_boxes),
        cmocka_unit_test(the_boxes_are_tight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
