/* The index against a list that is searched from end to end. */
#include "geo_test.h"

typedef struct row {
    uint32_t serial;
    jd_box box;
    int on;
} row;

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Nothing may be missed; what is offered beyond must be near: within the box's own size, rounded up, of the searched
 * one. */
static void compare(const jd_geoindex *g, const row *rows, size_t n, jd_box in) {
    jd_u32s hits = {0};
    assert_int_equal(jd_geoindex_search(g, in, &hits, SIZE_MAX), 0);
    if (hits.n) qsort(hits.p, hits.n, sizeof *hits.p, by_number);
    for (size_t i = 0; i < n; i++) {
        int found = hits.n && bsearch(&rows[i].serial, hits.p, hits.n, sizeof *hits.p, by_number) != NULL;
        jd_box b = rows[i].box;
        if (!rows[i].on) {
            assert_false(found);
            continue;
        }
        if (geo__boxes_touch(b, in)) assert_true(found);
        double x = (b.e - b.w) + 0.001, y = (b.n - b.s) + 0.001;
        if (b.w == b.e && b.s == b.n) x = y = 2e-7;
        if (found) assert_true(geo__boxes_touch((jd_box){b.w - x, b.s - y, b.e + x, b.n + y}, in));
    }
    size_t live = hits.n;
    free(hits.p);
    if (live > 3) {
        hits = (jd_u32s){0};
        assert_int_equal(jd_geoindex_search(g, in, &hits, live - 1), -1);
        assert_int_equal(hits.n, live - 1);
        free(hits.p);
        hits = (jd_u32s){0};
        assert_int_equal(jd_geoindex_search(g, in, &hits, live), 0);
        free(hits.p);
    }
}

static jd_box random_box(uint64_t *r, double x, double y, double wide) {
    jd_box b = {rnd_in(r, x, x + wide), rnd_in(r, y, y + wide), 0, 0};
    double w = pow(10, rnd_in(r, -6, 0.3)), h = pow(10, rnd_in(r, -6, 0.3));
    b.e = fmin(b.w + w, 180);
    b.n = fmin(b.s + h, 90);
    return b;
}

static void against_a_list(void **state) {
    (void)state;
    enum { N = 4000, ROUNDS = 30 };
    uint64_t r = 11;
    row *rows = jd_xcalloc(N, sizeof *rows);
    jd_geoindex *g = jd_geoindex_create();
    size_t empty = jd_geoindex_bytes(g);
    for (uint32_t i = 0; i < N; i++) {
        rows[i].serial = i * 7919u;
        int kind = (int)rnd_to(&r, 10);
        double x = rnd_in(&r, 119, 119.5), y = rnd_in(&r, 32, 32.5);
        if (kind < 5)
            rows[i].box = (jd_box){x, y, x, y};
        else if (kind < 7)
            rows[i].box = (jd_box){119.25, 32.25, 119.25, 32.25}; /* all at one address */
        else if (kind < 9)
            rows[i].box = random_box(&r, 119, 32, 0.5);
        else
            rows[i].box = random_box(&r, -180, -90, i % 2 ? 360 : 180);
        if (rows[i].box.n > 90) rows[i].box.n = rows[i].box.s = 90;
        if (rows[i].box.e > 180) rows[i].box.e = rows[i].box.w = 180;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < 800; k++) {
            row *one = &rows[rnd_to(&r, N)];
            if (round >= ROUNDS - 6 && !one->on) continue; /* the last rounds only empty it */
            if (one->on)
                jd_geoindex_remove(g, one->serial, one->box);
            else
                jd_geoindex_add(g, one->serial, one->box);
            one->on = !one->on;
        }
        for (int k = 0; k < 8; k++) compare(g, rows, N, random_box(&r, 119, 32, 0.5));
        compare(g, rows, N, (jd_box){119.25, 32.25, 119.25, 32.25});
        compare(g, rows, N, random_box(&r, -180, -90, 180));
        compare(g, rows, N, (jd_box){-180, -90, 180, 90});
    }
    for (uint32_t i = 0; i < N; i++)
        if (rows[i].on) jd_geoindex_remove(g, rows[i].serial, rows[i].box);
    assert_int_equal(jd_geoindex_bytes(g), empty); /* all memory is accounted for, and given back */
    jd_geoindex_destroy(g);
    free(rows);
}

static void several_boxes_of_one_serial(void **state) {
    (void)state;
    jd_geoindex *g = jd_geoindex_create();
    jd_box a = {10, 10, 10, 10}, b = {20, 20, 21, 21}, all = {-180, -90, 180, 90};
    jd_u32s hits = {0};
    for (int i = 0; i < 300; i++) jd_geoindex_add(g, 5, a); /* the same many times: no bits left to split by */
    jd_geoindex_add(g, 5, b);
    assert_int_equal(jd_geoindex_search(g, all, &hits, 1000), 0);
    assert_int_equal(hits.n, 301);
    hits.n = 0;
    jd_geoindex_remove(g, 5, b);
    jd_geoindex_remove(g, 5, b); /* not there: nothing happens */
    jd_geoindex_remove(g, 6, a);
    for (int i = 0; i < 299; i++) jd_geoindex_remove(g, 5, a);
    assert_int_equal(jd_geoindex_search(g, all, &hits, 1000), 0);
    assert_int_equal(hits.n, 1);
    assert_int_equal(hits.p[0], 5);
    jd_geoindex_destroy(g);
    free(hits.p);
}

static void edges_of_the_world(void **state) {
    (void)state;
    jd_geoindex *g = jd_geoindex_create();
    jd_u32s hits = {0};
    double at[][2] = {{-180, -90}, {180, 90}, {-180, 90}, {180, -90}, {0, 0}};
    for (uint32_t i = 0; i < 5; i++) jd_geoindex_add(g, i, (jd_box){at[i][0], at[i][1], at[i][0], at[i][1]});
    for (uint32_t i = 0; i < 5; i++) {
        hits.n = 0;
        assert_int_equal(jd_geoindex_search(g, (jd_box){at[i][0], at[i][1], at[i][0], at[i][1]}, &hits, 10), 0);
        assert_int_equal(hits.n, 1);
        assert_int_equal(hits.p[0], i);
    }
    hits.n = 0;
    assert_int_equal(jd_geoindex_search(g, (jd_box){-200, -100, 200, 100}, &hits, 10), 0);
    assert_int_equal(hits.n, 5);
    assert_int_equal(jd_geoindex_estimate(g, (jd_box){-200, -200, 200, 200}), 5);
    jd_geoindex_destroy(g);
    free(hits.p);
}

static void the_guess_is_near(void **state) {
    (void)state;
    uint64_t r = 3;
    enum { N = 60000 };
    jd_geoindex *g = jd_geoindex_create();
    for (uint32_t i = 0; i < N; i++) {
        double x = rnd_in(&r, 119, 119.5), y = rnd_in(&r, 32, 32.5);
        jd_geoindex_add(g, i, (jd_box){x, y, x + (i % 10 ? 0 : 0.001), y});
    }
    assert_true(jd_geoindex_bytes(g) < N * 20);
    for (int k = 0; k < 100; k++) {
        double x = rnd_in(&r, 119.05, 119.3), y = rnd_in(&r, 32.05, 32.3), size = rnd_in(&r, 0.02, 0.1);
        jd_box in = {x, y, x + size, y + size};
        jd_u32s hits = {0};
        assert_int_equal(jd_geoindex_search(g, in, &hits, SIZE_MAX), 0);
        double guess = (double)jd_geoindex_estimate(g, in), true_n = (double)hits.n;
        assert_true(guess > true_n * 0.7 - 20 && guess < true_n * 1.3 + 20);
        free(hits.p);
    }
    assert_int_equal(jd_geoindex_estimate(g, (jd_box){-100, -50, -99, -49}), 0);
    jd_geoindex_destroy(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_list),
        cmocka_unit_test(several_boxes_of_one_serial),
        cmocka_unit_test(edges_of_the_world),
        cmocka_unit_test(the_guess_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
