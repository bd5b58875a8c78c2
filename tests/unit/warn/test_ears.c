/* EARS on series short enough to check by hand; reasons; limits. tests/warn holds it against R. */
#include "warn_test.h"

static jd_warn_result judge(const double *y, size_t n, jd_warn_ears_params p) {
    jd_warn_result r;
    jd_err err;
    if (jd_warn_ears(y, n, &p, &r, &err)) fail_msg("%s", err.en);
    return r;
}

static void example(void **state) {
    (void)state;
    const double y[] = {1, 2, 3, 4, 5, 6, 7, 11}; /* mean 4, standard deviation sqrt(28 / 6) */
    jd_warn_result r = judge(y, 8, jd_warn_ears_usual(1));
    assert_int_equal(r.why, JD_WARN_JUDGED);
    must_near(r.expected, 4, 1e-15);
    must_near(r.upper, 4 + 3.090232306167813 * sqrt(28.0 / 6), 1e-12);
    assert_true(r.statistic == 11 && isnan(r.lower) && isnan(r.dispersion));
    assert_int_equal(r.alarm, 1);
    const double later[] = {1, 2, 3, 4, 5, 6, 7, 100, 200, 9};
    jd_warn_result c2 = judge(later, 10, jd_warn_ears_usual(2)); /* the same baseline, two in between */
    assert_true(c2.upper == r.upper && c2.alarm == 0);
    jd_warn_ears_params wide = jd_warn_ears_usual(1);
    wide.sigma_min = 5;
    must_near(judge(y, 8, wide).upper, 4 + 3.090232306167813 * 5, 1e-12);
    assert_int_equal(judge(y, 8, wide).alarm, 0);
}

/* Baselines 0..6, 1..7, 2..8 of mean 3, 4, 5 and one deviation; the two points before are 2 and 0 deviations above. */
static void third(void **state) {
    (void)state;
    const double sd = sqrt(28.0 / 6), z = 1.959963984540054;
    const double y[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 3 + 2 * sd, 4 + 0.5 * sd, 9};
    /* index 9 has the baseline 0..6, index 10 that of 1..7, index 11 that of 2..8 */
    jd_warn_ears_params p = jd_warn_ears_usual(3);
    jd_warn_result r = judge(y, 12, p);
    must_near(r.expected, 5, 1e-14);
    must_near(r.upper, 9 + sd * (z - 1), 1e-12);
    assert_int_equal(r.alarm, 0);
    p.c3 = JD_WARN_C3_PAPER;
    r = judge(y, 12, p);
    must_near(r.upper, 5 + sd * (z - 1), 1e-12);
    assert_int_equal(r.alarm, 1);
}

static void flat(void **state) {
    (void)state;
    const double y[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3};
    jd_warn_result r = judge(y, 12, jd_warn_ears_usual(1));
    assert_true(r.upper == 2 && r.alarm == 1);
    r = judge(y, 11, jd_warn_ears_usual(2));
    assert_true(r.upper == 2 && r.alarm == 0);
    r = judge(y, 12, jd_warn_ears_usual(3));
    must_not_judge(&r, JD_WARN_FLAT);
    jd_warn_ears_params p = jd_warn_ears_usual(3);
    p.sigma_min = 1;
    r = judge(y, 12, p);
    must_near(r.upper, 3 + 1.959963984540054, 1e-12);
    /* an infinite excess before: any case is one too many */
    const double risen[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 4, 5};
    r = judge(risen, 12, jd_warn_ears_usual(3));
    assert_true(r.why == JD_WARN_JUDGED && r.upper == 0 && r.alarm == 1);
}

static void reasons(void **state) {
    (void)state;
    double y[13] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9};
    jd_warn_result r;
    for (int method = 1; method <= 3; method++) {
        size_t need = (size_t[]){0, 8, 10, 12}[method];
        r = judge(y, need, jd_warn_ears_usual(method));
        assert_int_equal(r.why, JD_WARN_JUDGED);
        r = judge(y + 13 - need + 1, need - 1, jd_warn_ears_usual(method));
        must_not_judge(&r, JD_WARN_SHORT);
        r = judge(NULL, 0, jd_warn_ears_usual(method));
        must_not_judge(&r, JD_WARN_SHORT);
    }
    y[12] = NAN;
    r = judge(y, 13, jd_warn_ears_usual(1));
    must_not_judge(&r, JD_WARN_ABSENT);
    y[12] = INFINITY;
    r = judge(y, 13, jd_warn_ears_usual(3));
    must_not_judge(&r, JD_WARN_VALUE);
    y[12] = 9;
    y[10] = -INFINITY;
    r = judge(y, 13, jd_warn_ears_usual(1));
    must_not_judge(&r, JD_WARN_VALUE);
    r = judge(y, 13, jd_warn_ears_usual(2)); /* which does not look at it */
    assert_int_equal(r.why, JD_WARN_JUDGED);
    y[10] = 1e308, y[9] = -1e308;
    r = judge(y, 13, jd_warn_ears_usual(1));
    must_not_judge(&r, JD_WARN_RANGE);
}

static void gaps(void **state) {
    (void)state;
    double y[] = {1, 2, 3, 4, 5, 6, NAN, 8};
    jd_warn_ears_params p = jd_warn_ears_usual(1);
    jd_warn_result r = judge(y, 8, p);
    must_not_judge(&r, JD_WARN_GAPS);
    p.missing_max = 1.0 / 7; /* its edge: one of seven */
    r = judge(y, 8, p);
    must_near(r.expected, 3.5, 1e-15);
    must_near(r.upper, 3.5 + 3.090232306167813 * sqrt(17.5 / 5), 1e-12);
    y[0] = NAN;
    r = judge(y, 8, p);
    must_not_judge(&r, JD_WARN_GAPS);
    /* missing before the point: C3 counts it as nothing risen */
    const double sd = sqrt(28.0 / 6);
    double z[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 3 + 9 * sd, NAN, 9};
    r = judge(z, 12, jd_warn_ears_usual(3));
    must_near(r.upper, fmax(0, 9 + sd * (1.959963984540054 - 8)), 1e-12);
}

static void limits(void **state) {
    (void)state;
    static double many[JD_WARN_SERIES_MAX + 1];
    jd_err err;
    jd_warn_result r = {.alarm = 77};
    jd_warn_ears_params p = jd_warn_ears_usual(1);
    assert_int_equal(jd_warn_ears(many, JD_WARN_SERIES_MAX, &p, &(jd_warn_result){0}, &err), 0);
    must_refuse(jd_warn_ears(many, JD_WARN_SERIES_MAX + 1, &p, &r, &err), &err, &r, "series");
#define REFUSE(member, value)                                                  \
    do {                                                                       \
        p = jd_warn_ears_usual(1);                                             \
        p.member = (value);                                                    \
        must_refuse(jd_warn_ears(many, 400, &p, &r, &err), &err, &r, #member); \
    } while (0)
#define TAKE(member, value)                                                           \
    do {                                                                              \
        p = jd_warn_ears_usual(1);                                                    \
        p.member = (value);                                                           \
        assert_int_equal(jd_warn_ears(many, 400, &p, &(jd_warn_result){0}, &err), 0); \
    } while (0)
    REFUSE(method, 0);
    REFUSE(method, 4);
    REFUSE(baseline, 2);
    TAKE(baseline, 3);
    TAKE(baseline, 366);
    REFUSE(baseline, 367);
    REFUSE(alpha, 0);
    REFUSE(alpha, 0.5);
    REFUSE(alpha, NAN);
    TAKE(alpha, 1e-300);
    REFUSE(sigma_min, -1);
    REFUSE(sigma_min, INFINITY);
    REFUSE(missing_max, -0.1);
    TAKE(missing_max, 0.5);
    REFUSE(missing_max, 0.51);
    REFUSE(c3, (jd_warn_c3)2);
}

static void texts(void **state) {
    (void)state;
    for (int i = 0; i < JD_WARN_WHY_COUNT; i++) {
        assert_true(jd_warn_why_text((jd_warn_why)i, 0)[0] != 0);
        assert_string_not_equal(jd_warn_why_text((jd_warn_why)i, 0), jd_warn_why_text((jd_warn_why)i, 1));
    }
    assert_string_equal(jd_warn_why_text(JD_WARN_WHY_COUNT, 0), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example), cmocka_unit_test(third),  cmocka_unit_test(flat),  cmocka_unit_test(reasons),
        cmocka_unit_test(gaps),    cmocka_unit_test(limits), cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
