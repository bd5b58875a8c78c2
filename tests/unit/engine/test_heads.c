/* Changes of history as the log has them, and the readings in memory that they become: random ones against a plain
 * list, damaged ones, and bytes of format 3, which had no runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "below.h"
#include "engine/history_int.h"

#include <stdlib.h>
#include <string.h>

enum { ATTRS = 3, DATASETS = 2, SERIES = ATTRS * DATASETS, FRAMES = 12, READINGS = 400 };

typedef struct told { /* what a series should hold */
    jd_reading r[READINGS];
    uint32_t n;
} told;

typedef struct world {
    jd_arena a;
    told series[SERIES];
    heads *h;
    jd_buf body, times;
    jd_time now;
} world;

static void begin(world *w) {
    *w = (world){.h = heads_new(), .now = 1700000000000000};
    jd_arena_init(&w->a);
}

static void end(world *w) {
    heads_unref(w->h);
    jd_buf_fini(&w->body);
    jd_buf_fini(&w->times);
    jd_arena_fini(&w->a);
}

static jd_reading draw(world *w, int s, jd_time recorded, jd_time at) {
    static const char *const skeletons[] = {"speed,KMH", "", "{type,Point,coordinates,hole,hole}", "text that it is"};
    uint32_t kind = below(12) ? (uint32_t)s % 3 : 3, n = kind == 3 ? 0 : kind == 2 ? 2 : 1;
    jd_num *nums = jd_arena_zalloc(&w->a, (n + 1) * sizeof *nums);
    for (uint32_t i = 0; i < n; i++) {
        nums[i].m = (int64_t)below(2000000) - 1000000;
        nums[i].scale = (uint8_t)below(19);
    }
    return (jd_reading){.at = at,
                        .recorded = recorded,
                        .skeleton = jd_str_of(skeletons[kind]),
                        .nums = nums,
                        .nums_n = n,
                        .flags = (uint8_t)(below(30)  ? JD_R_OBSERVED | JD_R_NUMERIC
                                           : below(2) ? 0
                                                      : JD_R_CLEAR),
                        .digits = (uint8_t)(below(30) ? 0 : 3)};
}

/* One change: frames of a device, or now and then something else. */
static void make_body(world *w) {
    hist_body b;
    uint32_t n = 1 + below(FRAMES);
    int alone = below(3) == 0, own_times = below(4) == 0; /* one by one; each series at times of its own */
    jd_time recorded[FRAMES], at[FRAMES];
    w->body.n = 0;
    w->now += 1 + below(100000);
    hist_body_begin(&b, &w->body, &w->times, w->now);
    for (int s = 0; s < SERIES; s++) {
        told *t = &w->series[s];
        jd_reading r[FRAMES];
        for (uint32_t i = 0; (s == 0 || own_times) && i < n; i++) {
            recorded[i] = w->now + (i ? (jd_time)i : -(jd_time)below(1 << 30));
            at[i] = below(20) ? recorded[i] - 5000000 + (jd_time)below(1000) : (jd_time)below(1 << 20);
        }
        if (below(5) == 0 || t->n + n > READINGS) continue;
        for (uint32_t i = 0; i < n; i++) {
            r[i] = draw(w, s, recorded[i], at[i]);
            if (i && below(10)) r[i].flags = r[i - 1].flags, r[i].digits = r[i - 1].digits;
            t->r[t->n++] = r[i];
        }
        jd_sym attr = (jd_sym)(1 + s / DATASETS);
        uint32_t dataset = (uint32_t)(s % DATASETS) * 300;
        for (uint32_t i = 0; alone && i < n; i++) hist_body_add(&b, attr, dataset, &r[i]);
        if (!alone) hist_body_run(&b, attr, dataset, r, n);
        b.last.p = NULL;
    }
}

static void same(const jd_reading *x, const jd_reading *y) {
    assert_int_equal(x->at, y->at);
    assert_int_equal(x->recorded, y->recorded);
    assert_int_equal(x->flags, y->flags);
    assert_int_equal(x->digits, y->digits);
    assert_int_equal(x->nums_n, y->nums_n);
    assert_true(jd_str_eq(x->skeleton, y->skeleton));
    if (x->nums_n) assert_memory_equal(x->nums, y->nums, x->nums_n * sizeof *x->nums);
}

static int is_in(const jd_reading *r, jd_time from, jd_time to) {
    return r->flags & JD_R_CLEAR || (r->at >= from && r->at <= to);
}

static void check(const world *w) {
    uint64_t all = 0;
    jd_time latest = 0;
    for (int s = 0; s < SERIES; s++) {
        const told *t = &w->series[s];
        const head_series *hs = heads_find(
            w->h,
            &(jd_skey){.entity = 7, .attr = (uint32_t)(1 + s / DATASETS), .dataset = (uint32_t)(s % DATASETS) * 300});
        if (!t->n) {
            assert_null(hs);
            continue;
        }
        assert_non_null(hs);
        assert_int_equal(hs->n, t->n);
        static jd_reading out[READINGS];
        jd_time from = INT64_MIN, to = INT64_MAX;
        if (below(2)) from = t->r[below(t->n)].at, to = from + (jd_time)below(3) * 1000000;
        size_t n = heads_copy(hs, from, to, out), k = 0;
        for (uint32_t i = 0; i < t->n; i++)
            if (is_in(&t->r[i], from, to)) same(&t->r[i], &out[k++]);
        assert_int_equal(n, k);
        jd_time least = INT64_MAX, most = INT64_MIN;
        int clears = 0;
        for (uint32_t i = 0; i < t->n; i++) {
            const jd_reading *r = &t->r[i];
            if (r->recorded > latest) latest = r->recorded;
            if (!r->flags && r->at > latest) latest = r->at;
            clears |= r->flags & JD_R_CLEAR;
            if (r->flags & JD_R_CLEAR) continue;
            if (r->at < least) least = r->at;
            if (r->at > most) most = r->at;
        }
        assert_int_equal(hs->from, least);
        assert_int_equal(hs->to, most);
        assert_int_equal(!hs->clears, !clears);
        all += t->n;
    }
    assert_int_equal(heads_readings(w->h), all);
    assert_int_equal(heads_latest(w->h), latest);
}

static void what_is_told_is_there(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        world w;
        begin(&w);
        for (uint32_t i = 0, n = 1 + below(30); i < n; i++) {
            make_body(&w);
            assert_int_equal(heads_take(w.h, 7, jd_buf_view(&w.body), i + 1), 0);
        }
        check(&w);
        end(&w);
    }
}

static void read_all(const heads *h) {
    uint64_t n = 0, *entities;
    assert_int_equal(heads_entities(h, &entities), 1);
    free(entities);
    for (const head_series *s = heads_of(h, 7); s; s = s->next) {
        jd_reading *out = jd_xmalloc(s->n * sizeof *out); /* a sanitizer sees what is beside it */
        assert_int_equal(heads_copy(s, INT64_MIN, INT64_MAX, out), s->n);
        n += s->n;
        free(out);
    }
    assert_int_equal(heads_readings(h), n);
}

/* Cut short or with a bit turned a body is refused, and then nothing of it is taken; or it is another body. */
static void damaged(void **state) {
    (void)state;
    uint64_t refused = 0, other = 0;
    for (int round = 0; round < 400; round++) {
        world w;
        begin(&w);
        make_body(&w);
        for (uint32_t i = 0; i < 40 && w.body.n; i++) {
            size_t n = i % 2 ? w.body.n : below((uint32_t)w.body.n);
            char *exact = jd_xmalloc(n ? n : 1); /* a sanitizer sees a read behind it */
            memcpy(exact, w.body.p, n);
            if (i % 2) exact[below((uint32_t)n)] ^= (char)(1 << below(8));
            uint64_t had = heads_readings(w.h);
            if (heads_take(w.h, 7, (jd_str){exact, n}, 1)) {
                assert_int_equal(heads_readings(w.h), had);
                refused++;
            } else {
                read_all(w.h);
                other++;
            }
            free(exact);
        }
        end(&w);
    }
    assert_true(refused > 1000 && other > 100);
}

static int take(const char *bytes, size_t n, heads *h) {
    return heads_take(h, 7, (jd_str){bytes, n}, 1);
}

static void what_cannot_be(void **state) {
    (void)state;
    heads *h = heads_new();
    /* base 0; attr 1, dataset 0, flags, digits, how many, times told? ... */
    static const char fine[] = "\0\1\0\x81\0\2\1\0\0\2\2\1\0\2\0\x81\0\2\0\1\0", none_before[] = "\0\1\0\x81\0\2\0\1\0",
                      as_long[] = "\0\1\0\x81\0\2\1\0\0\2\2\1\0\2\0\x81\0\3\0\1\0", empty[] = "\0\1\0\x81\0\0\1\1\0",
                      neither[] = "\0\1\0\x81\0\2\2\0\0\2\2\1\0",
                      many[] = "\0\1\0\x81\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f\1\0\0\2\2\1\0",
                      numbers[] = "\0\1\0\x81\0\2\1\0\0\2\2\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
    assert_int_equal(take(fine, sizeof fine - 1, h), 0);
    assert_int_equal(heads_readings(h), 4);
    assert_int_equal(take(none_before, sizeof none_before - 1, h), -1); /* times of a run before, and there is none */
    assert_int_equal(take(as_long, sizeof as_long - 1, h), -1);         /* times of a run that is shorter */
    assert_int_equal(take(empty, sizeof empty - 1, h), -1);
    for (int n = HIST_RUN_MAX; n <= HIST_RUN_MAX + 1; n++) { /* as many as there may be, and one more */
        jd_buf b = {0};
        jd_buf_add(&b, "\0\1\0\x81\0", 5);
        jd_buf_varint(&b, (uint64_t)n);
        jd_buf_c(&b, 1);
        for (int i = 0; i < 2 * n; i++) jd_buf_c(&b, 2);
        jd_buf_add(&b, "\1\0", 2);
        heads *own = heads_new();
        assert_int_equal(take(b.p, b.n, own), n <= HIST_RUN_MAX ? 0 : -1);
        heads_unref(own);
        jd_buf_fini(&b);
    }
    assert_int_equal(take(neither, sizeof neither - 1, h), -1);
    assert_int_equal(take(many, sizeof many - 1, h), -1);
    assert_int_equal(take(numbers, sizeof numbers - 1, h), -1);
    assert_int_equal(heads_readings(h), 4);
    heads_unref(h);
}

/* More readings than a run may have, and readings of so many numbers that few make one. */
static void long_ones(void **state) {
    (void)state;
    static const uint32_t nums_n[] = {0, 1, 100, 20000};
    enum { N = 200 };
    for (size_t k = 0; k < sizeof nums_n / sizeof *nums_n; k++) {
        uint32_t n = nums_n[k] > 1000 ? 3 : N;
        jd_num *nums = jd_xcalloc((size_t)n * nums_n[k] + 1, sizeof *nums);
        jd_reading r[N], out[N];
        jd_buf body = {0}, times = {0};
        hist_body b;
        hist_body_begin(&b, &body, &times, 1000);
        for (uint32_t i = 0; i < n; i++) {
            jd_num *mine = nums + (size_t)i * nums_n[k];
            if (nums_n[k]) mine[0].m = i, mine[nums_n[k] - 1].m += 7;
            r[i] =
                (jd_reading){.at = i, .recorded = 1000 + i, .skeleton = JD_STR("?"), .nums = mine, .nums_n = nums_n[k]};
        }
        hist_body_run(&b, 5, 0, r, n);
        heads *h = heads_new();
        assert_int_equal(take(body.p, body.n, h), 0);
        assert_int_equal(heads_copy(heads_find(h, &(jd_skey){.entity = 7, .attr = 5}), INT64_MIN, INT64_MAX, out), n);
        for (uint32_t i = 0; i < n; i++) same(&r[i], &out[i]);
        heads_unref(h);
        jd_buf_fini(&body);
        jd_buf_fini(&times);
        free(nums);
    }
}

/* Two readings one by one, the second with the skeleton of the first, as every store up to format 3 has them. */
static void format_3(void **state) {
    (void)state;
    static const char bytes[] = "\xd0\x0f\x05\x00\x03\x00\x02\x03\x03"
                                "ab\x01\x01\x2a\x05\x00\x03\x03\x04\x01\x00\x01\x00\x2c";
    heads *h = heads_new();
    jd_reading r[2];
    assert_int_equal(take(bytes, sizeof bytes - 1, h), 0);
    assert_int_equal(heads_copy(heads_find(h, &(jd_skey){.entity = 7, .attr = 5}), INT64_MIN, INT64_MAX, r), 2);
    assert_int_equal(r[0].recorded, 1001);
    assert_int_equal(r[0].at, 999);
    assert_int_equal(r[0].flags, JD_R_OBSERVED | JD_R_NUMERIC);
    assert_true(jd_str_eq(r[0].skeleton, JD_STR("ab")) && jd_str_eq(r[1].skeleton, JD_STR("ab")));
    assert_int_equal(r[0].nums->m, 21);
    assert_int_equal(r[0].nums->scale, 1);
    assert_int_equal(r[1].recorded, 1002);
    assert_int_equal(r[1].at, 1001);
    assert_int_equal(r[1].digits, 3);
    assert_int_equal(r[1].nums->m, 22);
    heads_unref(h);
}

/* What series of one frame share is told once. */
static void times_are_told_once(void **state) {
    (void)state;
    size_t bytes[2];
    for (int shared = 0; shared < 2; shared++) {
        jd_buf body = {0}, times = {0};
        hist_body b;
        hist_body_begin(&b, &body, &times, 1700000000000000);
        for (jd_sym s = 1; s <= 5; s++) {
            jd_num nums[4] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}};
            jd_reading r[4];
            for (int i = 0; i < 4; i++)
                r[i] = (jd_reading){.at = 1600000000000000 + i * 10000000 + (shared ? 0 : s),
                                    .recorded = 1700000000000000 + i,
                                    .skeleton = JD_STR("?"),
                                    .nums = &nums[i],
                                    .nums_n = 1,
                                    .flags = JD_R_OBSERVED};
            hist_body_run(&b, s, 0, r, 4);
        }
        bytes[shared] = body.n;
        jd_buf_fini(&body);
        jd_buf_fini(&times);
    }
    assert_true(bytes[1] <= 9 + 5 * (9 + 4 * 2) + 8 + 4 * 6);
    assert_int_equal(bytes[1] + 4 * (8 + 3 * 5), bytes[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_there), cmocka_unit_test(damaged),   cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(times_are_told_once),   cmocka_unit_test(long_ones), cmocka_unit_test(format_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
