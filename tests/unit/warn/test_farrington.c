/* Farrington's algorithms where the answer has a closed form; reasons; limits. tests/warn holds them against an own fit
 * in another language, and against R. */
#include "warn_test.h"

typedef int judge_fn(const double *, size_t, const jd_warn_farrington_params *, jd_warn_result *, jd_err *);

static jd_warn_result judge(judge_fn *fn, const double *y, size_t n, jd_warn_farrington_params p) {
    jd_warn_result r;
    jd_err err;
    if (fn(y, n, &p, &r, &err)) fail_msg("%s", err.en);
    return r;
}

static jd_warn_farrington_params plain(void) { /* 3 years of 12 steps, windows of 3 */
    jd_warn_farrington_params p = jd_warn_farrington_usual(12);
    p.years = 3;
    p.half_width = 1;
    p.trend = 0;
    p.reweight = 0;
    p.cases_min = 0;
    return p;
}

/* Without trend and weights the fit is the mean m of the n reference values, phi Pearson's statistic over n - 1, the
 * variance of the mean phi m / n: tau = phi (1 + 1 / n). */
static void closed(void **state) {
    (void)state;
    double y[38];
    for (int i = 0; i < 38; i++) y[i] = 1000; /* what is no reference value must not matter */
    const double used[9] = {3, 9, 5, 12, 4, 8, 2, 7, 13};
    for (int i = 0; i < 9; i++) y[37 - 36 + 12 * (i / 3) + i % 3 - 1] = used[i];
    y[37] = 20;
    double m = 7, pearson = 0, z = 2.5758293035489004;
    for (int i = 0; i < 9; i++) pearson += (used[i] - m) * (used[i] - m) / m;
    double phi = pearson / 8, tau = phi * (1 + 1.0 / 9);
    assert_true(phi > 1);
    jd_warn_farrington_params p = plain();
    jd_warn_result r = judge(jd_warn_farrington, y, 38, p);
    assert_int_equal(r.why, JD_WARN_JUDGED);
    assert_true(!r.trend && isnan(r.lower) && r.statistic == 20);
    must_near(r.expected, m, 1e-7); /* the fit ends at a change of 1e-8 */
    must_near(r.dispersion, phi, 1e-3);
    must_near(r.upper, pow(cbrt(m * m) + z * sqrt(4.0 / 9 * cbrt(m) * tau), 1.5), 1e-3);
    p.bound = JD_WARN_BOUND_HALF;
    must_near(judge(jd_warn_farrington, y, 38, p).upper, pow(sqrt(m) + z * sqrt(tau / 4), 2), 1e-3);
    p.bound = JD_WARN_BOUND_NONE;
    r = judge(jd_warn_farrington, y, 38, p);
    must_near(r.upper, m + z * sqrt(m * tau), 1e-3);
    assert_int_equal(r.alarm, r.upper < 20);
    /* one period: the flexible one uses the same values */
    p.bound = JD_WARN_BOUND_TWO_THIRDS;
    r = judge(jd_warn_farrington, y, 38, p);
    p.past_left_out = 1; /* the window of this year has begun */
    must_near(judge(jd_warn_flexible, y, 38, p).upper, r.upper, 1e-9);
    p.bound = JD_WARN_BOUND_NEGBIN;
    assert_true(judge(jd_warn_flexible, y, 38, p).upper == warn__count_quantile(0.99, m, phi));
    /* cases: 1000 + 1000 + 1000 + 20 in the last four */
    p.cases_min = 3020;
    assert_int_equal(judge(jd_warn_flexible, y, 38, p).why, JD_WARN_JUDGED);
    p.cases_min = 3020.5;
    r = judge(jd_warn_flexible, y, 38, p);
    assert_true(r.why == JD_WARN_FEW && r.alarm == 0 && r.upper == warn__count_quantile(0.99, m, phi));
}

/* A steady fall is found, and kept only while it expects no more than there ever was. */
static void trend(void **state) {
    (void)state;
    double y[50];
    for (int i = 0; i < 50; i++) y[i] = 1000 * pow(0.98, i);
    jd_warn_farrington_params p = plain();
    p.trend = 1;
    jd_warn_result r = judge(jd_warn_farrington, y, 50, p);
    assert_int_equal(r.trend, 1);
    must_near(r.expected, y[49], 1e-6 * y[49]);
    p.trend_p = 1e-9;
    r = judge(jd_warn_farrington, y, 50, p);
    assert_int_equal(r.trend, 1);
    for (int i = 0; i < 50; i++) y[i] = 100 * pow(1.02, i); /* more than the past ever had */
    r = judge(jd_warn_farrington, y, 50, p);
    assert_int_equal(r.trend, 0);
    for (int i = 0; i < 50; i++) y[i] = 1000 * pow(0.98, i);
    p.years = 2; /* no trend of two years */
    assert_int_equal(judge(jd_warn_farrington, y, 50, p).trend, 0);
}

/* One outbreak in the past: with it the bound is far above, weighted down it comes much nearer to that without it. */
static void outbreak(void **state) {
    (void)state;
    double y[200];
    unsigned seed = 3;
    for (int i = 0; i < 200; i++) y[i] = 8 + floor(6 * must_random(&seed));
    jd_warn_farrington_params p = jd_warn_farrington_usual(52);
    p.years = 3;
    p.trend = 0;
    double without = judge(jd_warn_farrington, y, 200, p).upper;
    y[199 - 104] = 90;
    double weighted = judge(jd_warn_farrington, y, 200, p).upper;
    p.reweight = 0;
    double with = judge(jd_warn_farrington, y, 200, p).upper;
    assert_true(with > 3 * without && weighted < 1.6 * without);
}

static void nothing(void **state) {
    (void)state;
    double y[400] = {0};
    jd_warn_farrington_params p = jd_warn_farrington_usual(52), f = jd_warn_flexible_usual(52);
    jd_warn_result r = judge(jd_warn_farrington, y, 400, p);
    assert_true(r.why == JD_WARN_FEW && r.expected < 1e-6 && r.upper < 0.1);
    y[399] = 5;
    r = judge(jd_warn_farrington, y, 400, p);
    assert_true(r.why == JD_WARN_JUDGED && r.alarm == 1);
    r = judge(jd_warn_flexible, y, 400, f);
    assert_true(r.why == JD_WARN_JUDGED && r.alarm == 1 && r.upper == 0);
}

static void reasons(void **state) {
    (void)state;
    double y[400];
    unsigned seed = 9;
    for (int i = 0; i < 400; i++) y[i] = floor(20 * must_random(&seed));
    jd_warn_farrington_params p = jd_warn_farrington_usual(52), f = jd_warn_flexible_usual(52);
    size_t need = 5 * 52 + 3 + 1;
    judge_fn *const fns[] = {jd_warn_farrington, jd_warn_flexible};
    for (int i = 0; i < 2; i++) {
        jd_warn_farrington_params q = i ? f : p;
        double *end = y + 400 - need, kept = y[399];
        assert_int_equal(judge(fns[i], end, need, q).why, JD_WARN_JUDGED);
        jd_warn_result r = judge(fns[i], end + 1, need - 1, q);
        must_not_judge(&r, JD_WARN_SHORT);
        r = judge(fns[i], NULL, 0, q);
        must_not_judge(&r, JD_WARN_SHORT);
        const double bad[] = {-1, INFINITY, 1e9 + 1};
        for (int k = 0; k < 3; k++) {
            y[399] = bad[k];
            r = judge(fns[i], end, need, q);
            must_not_judge(&r, JD_WARN_VALUE);
        }
        y[399] = NAN;
        r = judge(fns[i], end, need, q);
        must_not_judge(&r, JD_WARN_ABSENT);
        y[399] = kept;
    }
}

static void gaps(void **state) {
    (void)state;
    double y[264];
    for (int i = 0; i < 264; i++) y[i] = 7 + i % 5;
    jd_warn_farrington_params p = jd_warn_farrington_usual(52);
    for (int i = 0; i < 7; i++) y[i] = NAN; /* the whole window of the oldest year: a fifth of the values */
    assert_int_equal(judge(jd_warn_farrington, y, 264, p).why, JD_WARN_JUDGED);
    y[52] = NAN;
    jd_warn_result r = judge(jd_warn_farrington, y, 264, p);
    must_not_judge(&r, JD_WARN_GAPS);
    y[263] = 50; /* a missing count of the last weeks is none */
    y[262] = y[261] = y[260] = NAN;
    p.missing_max = 0.5;
    r = judge(jd_warn_farrington, y, 264, p);
    assert_true(r.why == JD_WARN_JUDGED && r.alarm == 1);
    y[263] = 4;
    assert_int_equal(judge(jd_warn_farrington, y, 264, p).why, JD_WARN_FEW);
    /* a period without a value: the others are judged all the same */
    jd_warn_farrington_params f = jd_warn_flexible_usual(52);
    f.missing_max = 0.9;
    for (int i = 0; i < 264; i++) y[i] = i % 52 >= 7 && i % 52 < 12 ? (double)NAN : 7 + i % 5;
    assert_int_equal(judge(jd_warn_flexible, y, 264, f).why, JD_WARN_JUDGED);
    for (int i = 0; i < 263; i++) y[i] = i % 52 < 7 ? (double)NAN : 7 + i % 5; /* but not without its own */
    r = judge(jd_warn_flexible, y, 264, f);
    must_not_judge(&r, JD_WARN_GAPS);
}

static void limits(void **state) {
    (void)state;
    static double many[JD_WARN_SERIES_MAX + 1];
    for (size_t i = 0; i <= JD_WARN_SERIES_MAX; i++) many[i] = (double)(i * 7 % 11);
    jd_err err;
    jd_warn_result r = {.alarm = 77}, any;
    jd_warn_farrington_params p = jd_warn_farrington_usual(52), f = jd_warn_flexible_usual(52);
    assert_int_equal(jd_warn_farrington(many, JD_WARN_SERIES_MAX, &p, &any, &err), 0);
    assert_int_equal(jd_warn_flexible(many, JD_WARN_SERIES_MAX, &f, &any, &err), 0);
    must_refuse(jd_warn_farrington(many, JD_WARN_SERIES_MAX + 1, &p, &r, &err), &err, &r, "series");
    must_refuse(jd_warn_flexible(many, JD_WARN_SERIES_MAX + 1, &f, &r, &err), &err, &r, "series");
#define REFUSE(fn, usual, member, value)                              \
    do {                                                              \
        jd_warn_farrington_params q = usual;                          \
        q.member = (value);                                           \
        must_refuse(fn(many, 9000, &q, &r, &err), &err, &r, #member); \
    } while (0)
#define TAKE(fn, usual, member, value)                       \
    do {                                                     \
        jd_warn_farrington_params q = usual;                 \
        q.member = (value);                                  \
        assert_int_equal(fn(many, 9000, &q, &any, &err), 0); \
    } while (0)
    REFUSE(jd_warn_farrington, p, per_year, 1);
    REFUSE(jd_warn_farrington, p, per_year, 367);
    TAKE(jd_warn_farrington, p, per_year, 366);
    REFUSE(jd_warn_farrington, p, years, 0);
    TAKE(jd_warn_farrington, p, years, 20);
    REFUSE(jd_warn_farrington, p, years, 21);
    TAKE(jd_warn_farrington, p, half_width, 25);
    REFUSE(jd_warn_farrington, p, half_width, 26);
    REFUSE(jd_warn_farrington, p, alpha, 0);
    REFUSE(jd_warn_farrington, p, alpha, 0.5);
    REFUSE(jd_warn_farrington, p, trend_p, 0);
    REFUSE(jd_warn_farrington, p, trend_p, 1.1);
    REFUSE(jd_warn_farrington, p, reweight_above, 0);
    REFUSE(jd_warn_farrington, p, cases_min, -1);
    REFUSE(jd_warn_farrington, p, cases_steps, 0);
    REFUSE(jd_warn_farrington, p, cases_steps, 367);
    REFUSE(jd_warn_farrington, p, missing_max, 0.91);
    REFUSE(jd_warn_farrington, p, periods, 2);
    REFUSE(jd_warn_farrington, p, past_left_out, 1);
    REFUSE(jd_warn_farrington, p, bound, JD_WARN_BOUND_NEGBIN);
    REFUSE(jd_warn_flexible, f, bound, (jd_warn_bound)4);
    REFUSE(jd_warn_flexible, f, periods, 0);
    TAKE(jd_warn_flexible, f, periods, 32);
    REFUSE(jd_warn_flexible, f, periods, 33);
    TAKE(jd_warn_flexible, f, past_left_out, 52);
    REFUSE(jd_warn_flexible, f, past_left_out, 53);
    p.per_year = f.per_year = 366; /* 11 years of 366 and 3 are 4029, 12 are more than 4096 */
    f.past_left_out = 0;
    TAKE(jd_warn_flexible, f, years, 11);
    REFUSE(jd_warn_flexible, f, years, 12);
    p.years = 20; /* 20 windows of 203 are 4060, of 205 4100 */
    TAKE(jd_warn_farrington, p, half_width, 101);
    REFUSE(jd_warn_farrington, p, half_width, 102);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed),  cmocka_unit_test(trend), cmocka_unit_test(outbreak), cmocka_unit_test(nothing),
        cmocka_unit_test(reasons), cmocka_unit_test(gaps),  cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
