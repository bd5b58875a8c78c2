/* Charts against the worked examples of the NIST/SEMATECH e-Handbook of Statistical Methods (public domain), sections
 * 6.3.2.4 (EWMA) and 6.3.2.3 (CUSUM); reasons; limits. */
#include "warn_test.h"

static jd_warn_result ewma(const double *y, size_t n, const jd_warn_ewma_params *p) {
    jd_warn_result r;
    jd_err err;
    if (jd_warn_ewma(y, n, p, &r, &err)) fail_msg("%s", err.en);
    return r;
}

static jd_warn_result cusum(const double *y, size_t n, const jd_warn_cusum_params *p) {
    jd_warn_result r;
    jd_err err;
    if (jd_warn_cusum(y, n, p, &r, &err)) fail_msg("%s", err.en);
    return r;
}

static void nist_ewma(void **state) {
    (void)state;
    const double y[] = {52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5,
                        49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1};
    const double z[] = {50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
                        50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99};
    jd_warn_ewma_params p = {.lambda = 0.3, .width = 3, .steady = 1, .level = {.target = 50, .sigma = 2.0539}};
    for (size_t i = 0; i < 20; i++) {
        jd_warn_result r = ewma(y, i + 1, &p);
        must_near(r.statistic, z[i], 0.0051);
        must_near(r.upper, 52.5884, 5e-5);
        must_near(r.lower, 47.4115, 1e-4);
        assert_true(r.expected == 50 && r.alarm == 0);
    }
    p.steady = 0; /* one value: the limits are those of lambda x alone */
    must_near(ewma(y, 1, &p).upper, 50 + 3 * 0.3 * 2.0539, 1e-12);
    p.lambda = 1; /* a Shewhart chart */
    must_near(ewma(y, 7, &p).upper, 50 + 3 * 2.0539, 1e-12);
    assert_true(ewma(y, 7, &p).statistic == 51.0);
}

static void nist_cusum(void **state) {
    (void)state;
    const double y[] = {324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600,
                        324.625, 325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350};
    const double high[] = {0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04};
    const double low[] = {0, 0.01, 0, 0.33, 0, 0, 0.56, 0.72, 0.17, 0.25, 0.31, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    jd_warn_cusum_params up = {.k = 0.3175, .h = 4.1959, .sides = JD_WARN_UPPER, .level = {.target = 325, .sigma = 1}};
    jd_warn_cusum_params down = up, both = up;
    down.sides = JD_WARN_LOWER;
    both.sides = JD_WARN_BOTH;
    for (size_t i = 0; i < 20; i++) {
        jd_warn_result r = cusum(y, i + 1, &up);
        must_near(r.statistic, high[i], 0.0051);
        must_near(r.upper, 4.1959, 1e-12);
        assert_int_equal(r.alarm, i >= 13);
        r = cusum(y, i + 1, &down);
        must_near(-r.statistic, low[i], 0.0051);
        assert_int_equal(r.alarm, 0);
        r = cusum(y, i + 1, &both);
        must_near(fabs(r.statistic), fmax(high[i], low[i]), 0.0051);
    }
    up.restart = 1; /* 4.94 is the alarm; then from 0: 2.825 - 0.3175, and on */
    must_near(cusum(y, 15, &up).statistic, 2.5075, 1e-9);
    assert_int_equal(cusum(y, 15, &up).alarm, 0);
    up.start = 0.5;
    must_near(cusum(y, 1, &up).statistic, 4.1959 / 2 - 0.075 - 0.3175, 1e-9);
}

static void learned(void **state) {
    (void)state;
    const double y[] = {8, 10, 12, 10, NAN, 10, 14, NAN, 15}; /* of the first six: mean 10, variance 8 / 4 */
    jd_warn_ewma_params p = jd_warn_ewma_usual();
    p.level.learn = 6;
    jd_warn_result r = ewma(y, 6, &p);
    must_not_judge(&r, JD_WARN_SHORT);
    r = ewma(y, 7, &p);
    must_near(r.statistic, 0.2 * 14 + 0.8 * 10, 1e-12);
    must_near(r.upper, 10 + 3 * sqrt(2) * 0.2, 1e-12);
    r = ewma(y, 8, &p);
    must_not_judge(&r, JD_WARN_ABSENT);
    r = ewma(y, 9, &p); /* the missing one is no step */
    must_near(r.statistic, 0.2 * 15 + 0.8 * 10.8, 1e-12);
    must_near(r.upper, 10 + 3 * sqrt(2) * sqrt(0.2 / 1.8 * (1 - pow(0.8, 4))), 1e-12);
    p.level.missing_max = 0.16;
    r = ewma(y, 9, &p);
    must_not_judge(&r, JD_WARN_GAPS);
    p.level.missing_max = 0.17;
    assert_int_equal(ewma(y, 9, &p).why, JD_WARN_JUDGED);
    jd_warn_cusum_params c = jd_warn_cusum_usual();
    c.level = p.level;
    must_near(cusum(y, 9, &c).statistic, 4 + 5 - 2 * 0.5 * sqrt(2), 1e-12);
    const double same[] = {4, 4, 4, 4, 4, 4, 5}, far[] = {1e308, -1e308, 1e308, 0, 0, 0, 1};
    r = cusum(same, 7, &c);
    must_not_judge(&r, JD_WARN_FLAT);
    r = cusum(far, 7, &c);
    must_not_judge(&r, JD_WARN_RANGE);
    const double endless[] = {1, 2, INFINITY, 4, 5, 6, 7};
    r = cusum(endless, 7, &c);
    must_not_judge(&r, JD_WARN_VALUE);
}

static void sides(void **state) {
    (void)state;
    const double up[] = {99}, down[] = {-99};
    jd_warn_ewma_params p = {.lambda = 0.3, .width = 3, .level = {.target = 0, .sigma = 1}};
    assert_int_equal(ewma(up, 1, &p).alarm, 1);
    assert_int_equal(ewma(down, 1, &p).alarm, -1);
    p.sides = JD_WARN_UPPER;
    assert_int_equal(ewma(up, 1, &p).alarm, 1);
    assert_int_equal(ewma(down, 1, &p).alarm, 0);
    p.sides = JD_WARN_LOWER;
    assert_int_equal(ewma(up, 1, &p).alarm, 0);
    assert_int_equal(ewma(down, 1, &p).alarm, -1);
    jd_warn_cusum_params c = {.k = 0.5, .h = 5, .level = {.target = 0, .sigma = 1}};
    assert_int_equal(cusum(down, 1, &c).alarm, -1);
    must_near(cusum(down, 1, &c).statistic, -98.5, 1e-12);
    c.sides = JD_WARN_UPPER;
    assert_int_equal(cusum(down, 1, &c).alarm, 0);
}

static void limits(void **state) {
    (void)state;
    static double many[JD_WARN_SERIES_MAX + 1];
    for (size_t i = 0; i <= JD_WARN_SERIES_MAX; i++) many[i] = (double)(i % 3);
    jd_err err;
    jd_warn_result r = {.alarm = 77}, any;
    jd_warn_ewma_params e, usual_e = jd_warn_ewma_usual();
    jd_warn_cusum_params c, usual_c = jd_warn_cusum_usual();
    assert_int_equal(jd_warn_ewma(many, JD_WARN_SERIES_MAX, &usual_e, &any, &err), 0);
    assert_int_equal(any.why, JD_WARN_JUDGED);
    must_refuse(jd_warn_ewma(many, JD_WARN_SERIES_MAX + 1, &usual_e, &r, &err), &err, &r, "series");
    must_refuse(jd_warn_cusum(many, JD_WARN_SERIES_MAX + 1, &usual_c, &r, &err), &err, &r, "series");
#define REFUSE(of, member, value, name)                                         \
    do {                                                                        \
        e = usual_e, c = usual_c;                                               \
        of.member = (value);                                                    \
        if (&of.level == &e.level)                                              \
            must_refuse(jd_warn_ewma(many, 99, &e, &r, &err), &err, &r, name);  \
        else                                                                    \
            must_refuse(jd_warn_cusum(many, 99, &c, &r, &err), &err, &r, name); \
    } while (0)
    REFUSE(e, lambda, 0, "lambda");
    REFUSE(e, lambda, 1.01, "lambda");
    REFUSE(e, width, 0, "width");
    REFUSE(e, width, INFINITY, "width");
    REFUSE(e, sides, (jd_warn_sides)3, "sides");
    REFUSE(e, level.learn, 1, "learn");
    REFUSE(e, level.learn, JD_WARN_SERIES_MAX + 1, "learn");
    REFUSE(e, level.missing_max, 0.91, "missing_max");
    REFUSE(c, k, -1, "k");
    REFUSE(c, h, 0, "h");
    REFUSE(c, start, 1, "start");
    REFUSE(c, start, NAN, "start");
    REFUSE(c, sides, (jd_warn_sides)3, "sides");
    usual_c.level.learn = 0;
    usual_c.level.sigma = 1;
    REFUSE(c, level.sigma, 0, "sigma");
    REFUSE(c, level.target, NAN, "target");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nist_ewma), cmocka_unit_test(nist_cusum),
                                       cmocka_unit_test(learned), cmocka_unit_test(sides), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
