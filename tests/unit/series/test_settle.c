/* What counts, against a model that asks of each reading alone whether it does. */
#include "series_test.h"

typedef struct tagged { /* a reading and where it stood */
    jd_reading r;
    size_t place;
} tagged;

static int precedes(const tagged *a, const tagged *b) {
    if (a->r.at != b->r.at) return a->r.at < b->r.at;
    if (a->r.recorded != b->r.recorded) return a->r.recorded < b->r.recorded;
    return a->place < b->place;
}

static int equal(const jd_reading *a, const jd_reading *b) {
    return a->at == b->at && a->flags == b->flags && a->digits == b->digits && jd_str_eq(a->skeleton, b->skeleton) &&
           a->nums_n == b->nums_n && (!a->nums_n || (a->nums->m == b->nums->m && a->nums->scale == b->nums->scale));
}

static int hidden(const tagged *all, size_t n, const tagged *x, jd_time cleared) {
    if (cleared != JD_TIME_NONE && x->r.recorded <= cleared) return 1;
    for (size_t k = 0; k < n; k++) {
        if ((all[k].r.flags & JD_R_CLEAR) && x->r.recorded <= all[k].r.recorded) return 1;
        if ((all[k].r.flags & JD_R_VOID) && all[k].r.at == x->r.at && precedes(x, &all[k])) return 1;
    }
    return 0;
}

/* The one right before x among those of the same `at`. */
static const tagged *previous(const tagged *all, size_t n, const tagged *x) {
    const tagged *best = NULL;
    for (size_t k = 0; k < n; k++)
        if (all[k].r.at == x->r.at && precedes(&all[k], x) && (!best || precedes(best, &all[k]))) best = &all[k];
    return best;
}

/* Whether x is not needed: an equal one stands before it, through equal ones only, and no clearing lies between. */
static int repeats(const tagged *all, size_t n, const tagged *x, jd_time cleared) {
    const tagged *p = previous(all, n, x);
    if (!p || !equal(&p->r, &x->r)) return 0;
    if (x->r.flags & JD_R_CLEAR) return p->r.recorded == x->r.recorded;
    if (cleared != JD_TIME_NONE && p->r.recorded <= cleared && cleared < x->r.recorded) return 0;
    for (size_t k = 0; k < n; k++)
        if ((all[k].r.flags & JD_R_CLEAR) && p->r.recorded <= all[k].r.recorded && all[k].r.recorded < x->r.recorded)
            return 0;
    return 1;
}

static size_t model(const tagged *all, size_t n, jd_time cleared, jd_settle how, tagged *out) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const tagged *x = &all[i];
        if (repeats(all, n, x, cleared)) continue;
        if (how != JD_SETTLE_KEEP && ((x->r.flags & (JD_R_VOID | JD_R_CLEAR)) || hidden(all, n, x, cleared))) continue;
        if (how == JD_SETTLE_SHOW) {
            int last = 1;
            for (size_t k = 0; k < n; k++)
                if (k != i && all[k].r.at == x->r.at && precedes(x, &all[k]) && !repeats(all, n, &all[k], cleared) &&
                    !(all[k].r.flags & (JD_R_VOID | JD_R_CLEAR)) && !hidden(all, n, &all[k], cleared))
                    last = 0;
            if (!last) continue;
        }
        size_t at = kept++;
        for (; at && precedes(x, &out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = *x;
    }
    return kept;
}

static void as_the_model_says(void **state) {
    (void)state;
    enum { MOST = 40 };
    uint64_t r = 1;
    static const jd_num nums[3] = {{1, 0}, {10, 1}, {2, 0}};
    for (unsigned round = 0; round < 30000; round++) {
        size_t n = below(&r, round % 10 ? 8 : MOST + 1);
        tagged all[MOST], want[MOST];
        jd_reading list[MOST + 1];
        for (size_t i = 0; i < n; i++) {
            uint8_t flags = JD_R_OBSERVED | JD_R_NUMERIC;
            if (below(&r, 6) == 0) flags = JD_R_VOID;
            if (below(&r, 12) == 0) flags = JD_R_CLEAR;
            if (below(&r, 12) == 0) flags = JD_R_DELETED;
            all[i] = (tagged){{.at = flags & JD_R_CLEAR ? JD_CLEAR_AT : (jd_time)below(&r, 4),
                               .recorded = (jd_time)below(&r, 6),
                               .skeleton = flags & JD_R_NUMERIC ? JD_STR("?") : JD_STR(""),
                               .nums = &nums[below(&r, 3)],
                               .nums_n = flags & JD_R_NUMERIC ? 1 : 0,
                               .digits = (uint8_t)(below(&r, 10) == 0),
                               .flags = flags},
                              i};
            list[i] = all[i].r;
        }
        jd_time cleared = below(&r, 3) ? JD_TIME_NONE : (jd_time)below(&r, 6);
        jd_settle how = (jd_settle)below(&r, 3);
        size_t kept = model(all, n, cleared, how, want);
        assert_int_equal(jd_readings_settle(list, n, cleared, how), kept);
        for (size_t i = 0; i < kept; i++) {
            same_reading(&list[i], &want[i].r);
            assert_ptr_equal(list[i].nums, want[i].r.nums);
        }
    }
}

static void one_case_of_each(void **state) {
    (void)state;
    jd_num one = {1, 0}, two = {2, 0};
    const jd_reading a = {.at = 7, .recorded = 1, .nums = &one, .nums_n = 1, .flags = JD_R_NUMERIC};
    jd_reading b = a, hide = {.at = 7, .recorded = 3, .flags = JD_R_VOID};
    b.nums = &two;
    b.recorded = 2;
    jd_reading again = a;
    again.recorded = 4;

    jd_reading list[8] = {b, a}; /* a correction: the one recorded later counts, both are kept */
    assert_int_equal(jd_readings_settle(list, 2, JD_TIME_NONE, JD_SETTLE_KEEP), 2);
    assert_int_equal(list[0].recorded, 1);
    assert_int_equal(jd_readings_settle(list, 2, JD_TIME_NONE, JD_SETTLE_SHOW), 1);
    assert_int_equal(list[0].nums->m, 2);

    list[0] = a, list[1] = again; /* the same again is no change */
    assert_int_equal(jd_readings_settle(list, 2, JD_TIME_NONE, JD_SETTLE_KEEP), 1);
    assert_int_equal(list[0].recorded, 1);

    list[0] = a, list[1] = b, list[2] = again; /* back to the first value: it counts */
    assert_int_equal(jd_readings_settle(list, 3, JD_TIME_NONE, JD_SETTLE_SHOW), 1);
    assert_int_equal(list[0].recorded, 4);

    list[0] = a, list[1] = hide, list[2] = again; /* taken away and given again */
    assert_int_equal(jd_readings_settle(list, 3, JD_TIME_NONE, JD_SETTLE_ALL), 1);
    assert_int_equal(list[0].recorded, 4);

    list[0] = a, list[1] = again; /* cleared in between */
    assert_int_equal(jd_readings_settle(list, 2, 2, JD_SETTLE_SHOW), 1);
    assert_int_equal(list[0].recorded, 4);
    list[0] = a;
    assert_int_equal(jd_readings_settle(list, 1, 1, JD_SETTLE_SHOW), 0);
    assert_int_equal(jd_readings_settle(list, 0, 1, JD_SETTLE_SHOW), 0);
}

static void long_lists_stay_stable(void **state) {
    (void)state;
    enum { N = 5000 };
    uint64_t r = 2;
    jd_reading *list = jd_xcalloc(N, sizeof *list);
    jd_num *nums = jd_xcalloc(N, sizeof *nums);
    for (size_t i = 0; i < N; i++) {
        nums[i].m = (int64_t)i;
        list[i] = (jd_reading){.at = (jd_time)(i % 1000) / 2 + (jd_time)below(&r, 2), .nums = &nums[i], .nums_n = 1};
    }
    assert_int_equal(jd_readings_settle(list, N, JD_TIME_NONE, JD_SETTLE_KEEP), N);
    for (size_t i = 1; i < N; i++) {
        assert_true(list[i - 1].at <= list[i].at);
        if (list[i - 1].at == list[i].at) assert_true(list[i - 1].nums->m < list[i].nums->m);
    }
    free(list);
    free(nums);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_model_says), cmocka_unit_test(one_case_of_each),
                                       cmocka_unit_test(long_lists_stay_stable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
