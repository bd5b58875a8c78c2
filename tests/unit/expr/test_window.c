/* Windows: each function against a plain computation on random series, with and without the host's fold; early warning
 * against src/warn on series that are put into steps here by other means. */
#include "expr_test.h"
#include "warn/warn.h"

static uint64_t state = 20261001;
static uint32_t below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

#define S 1000000LL
enum { MOST = 400 };

typedef struct naive { /* all readings with from < at <= to; and those that are numbers */
    const jd_xreading *p, *before;
    size_t n;
    double v[MOST];
    jd_time t[MOST];
    size_t k;
    jd_time from, to;
} naive;

static naive look(const jd_xreading *p, size_t n, jd_time from, jd_time to) {
    naive w = {.from = from, .to = to};
    for (size_t i = 0; i < n; i++) {
        if (p[i].at <= from) w.before = &p[i];
        if (p[i].at <= from || p[i].at > to) continue;
        if (!w.n++) w.p = &p[i];
        if (isnan(p[i].num)) continue;
        w.t[w.k] = p[i].at;
        w.v[w.k++] = p[i].num;
    }
    return w;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* NaN: nothing. */
static double naively(const naive *w, const char *f) {
    double sum = 0, squares = 0, sorted[MOST];
    if (!strcmp(f, "count")) return (double)w->n;
    if (!strcmp(f, "missing")) return w->n == 0;
    if (!strcmp(f, "held")) {
        if (!w->n || isnan(w->p[w->n - 1].num)) return NAN;
        double x = w->p[w->n - 1].num;
        jd_time since = w->p[w->n - 1].at;
        for (size_t i = w->n; i-- && w->p[i].num == x;) {
            since = w->p[i].at;
            if (i == 0 && w->before && w->before->num == x) since = w->from;
        }
        return (double)(w->to - since);
    }
    if (!w->k) return NAN;
    for (size_t i = 0; i < w->k; i++) sum += w->v[i];
    for (size_t i = 0; i < w->k; i++) squares += pow(w->v[i] - sum / (double)w->k, 2);
    memcpy(sorted, w->v, w->k * sizeof *sorted);
    qsort(sorted, w->k, sizeof *sorted, by_size);
    int met = w->before && !isnan(w->before->num);
    double base = met ? w->before->num : w->v[0], last = w->v[w->k - 1];
    jd_time base_at = met ? w->before->at : w->t[0];
    if (!strcmp(f, "avg")) return sum / (double)w->k;
    if (!strcmp(f, "sum")) return sum;
    if (!strcmp(f, "least")) return sorted[0];
    if (!strcmp(f, "most")) return sorted[w->k - 1];
    if (!strcmp(f, "stddev")) return sqrt(squares / (double)w->k);
    if (!strcmp(f, "first")) return w->v[0];
    if (!strcmp(f, "last")) return last;
    if (!strcmp(f, "delta")) return last - base;
    if (!strcmp(f, "rate"))
        return w->t[w->k - 1] > base_at ? (last - base) * 3600e6 / (double)(w->t[w->k - 1] - base_at) : NAN;
    if (!strcmp(f, "share")) {
        size_t in = 0;
        for (size_t i = 0; i < w->k; i++) in += w->v[i] >= 3 && w->v[i] <= 6;
        return (double)in / (double)w->k;
    }
    if (!strcmp(f, "percentile")) {
        double rank = (double)(w->k - 1) * 0.3;
        size_t lo = (size_t)floor(rank), hi = (size_t)ceil(rank);
        return sorted[lo] * (1 - (rank - (double)lo)) + sorted[hi] * (rank - (double)lo);
    }
    /* integral, second by second: readings stand on whole seconds */
    if (w->k < 2 && !met) return NAN;
    double area = 0;
    for (size_t i = met ? 0 : 1; i < w->k; i++) {
        jd_time ta = i ? w->t[i - 1] : base_at, tb = w->t[i];
        double a = i ? w->v[i - 1] : base, b = w->v[i];
        for (jd_time t = ta; t < tb; t += S) {
            double mid = (double)(t + S / 2 - ta) / (double)(tb - ta);
            if (t >= w->from) area += (a + (b - a) * mid) / 3600;
        }
    }
    return area;
}

static int fold_calls;
static int fold(void *user, uint32_t number, jd_time from, jd_time to, jd_xfold how, jd_xval *out, jd_err *err) {
    static const char *const f[] = {"avg", "sum", "least", "most", "count", "stddev"};
    world *w = user;
    (void)err;
    fold_calls++;
    naive n = look(w->names[number].readings, w->names[number].n, from, to);
    double v = naively(&n, f[how]);
    *out = isnan(v) ? nothing() : num(v);
    return 0;
}

static void close_to(const char *source, const jd_xval *v, double expected) {
    double got = v->type == JD_X_NUM        ? v->num
                 : v->type == JD_X_BOOL     ? v->yes
                 : v->type == JD_X_DURATION ? (double)v->us
                                            : NAN;
    if (isnan(expected) ? v->type != JD_X_NULL : !(fabs(got - expected) <= 1e-7 * (1 + fabs(expected))))
        fail_msg("%s: %.17g (type %d), not %.17g", source, got, (int)v->type, expected);
}

static void random_series(void **unused) {
    static const char *const f[] = {"avg",   "sum",  "least",    "most",  "count", "stddev",  "first",     "last",
                                    "delta", "rate", "integral", "share", "held",  "missing", "percentile"};
    static const char *const more[] = {"", ", 3, 6", ", 30"};
    static jd_xreading p[MOST];
    (void)unused;
    world w;
    world_open(&w);
    uint32_t x = slot(&w, "window x");
    int empties = 0, full = 0;
    for (int round = 0; round < 400; round++) {
        size_t n = below(round % 4 ? 60 : 4);
        jd_time t = w.host.now - 7200 * S;
        for (size_t i = 0; i < n; i++) {
            t += (jd_time)(below(4) ? 1 + below(300) : 0) * S; /* some stand at one instant */
            p[i] = (jd_xreading){t, below(12) ? (double)below(9) : NAN};
        }
        w.names[x].readings = p;
        w.names[x].n = n;
        long window = 1 + (long)below(5000), ago = (long)below(3) * (long)below(4000);
        w.host.end = w.host.now - (jd_time)below(3600) * S;
        for (size_t k = 0; k < sizeof f / sizeof *f; k++) {
            char source[80];
            const char *extra = !strcmp(f[k], "share") ? more[1] : !strcmp(f[k], "percentile") ? more[2] : more[0];
            snprintf(source, sizeof source, ago ? "%s(x, %lds%s, %lds)" : "%s(x, %lds%s)", f[k], window, extra, ago);
            naive v = look(p, n, w.host.end - (ago + window) * S, w.host.end - ago * S);
            double expected = naively(&v, f[k]);
            empties += v.n == 0;
            full += v.n > 5;
            jd_expr *e = compiled(&w, source);
            assert_int_equal(jd_expr_window(e), (window + ago) * S);
            for (int folds = 0; folds < 2; folds++) {
                jd_xval got;
                w.host.fold = folds ? fold : NULL;
                assert_int_equal(jd_expr_eval(e, &w.host, &got, &w.err), 0);
                close_to(source, &got, expected);
            }
            jd_expr_free(e);
        }
        jd_arena_reset(&w.arena);
    }
    assert_true(empties > 100 && full > 1000 && fold_calls > 1000);
    world_close(&w);
}

static void edges(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    jd_time now = w.host.now;
    jd_xreading p[] = {{now - 3600 * S, 10}, {now - 3599 * S, 20}, {now, 40}, {now + 1, 80}};
    uint32_t x = slot(&w, "window x");
    w.names[x].readings = p;
    w.names[x].n = 4;
    IS(&w, "count(x, 1h)", "2"); /* end - window < at <= end */
    IS(&w, "count(x, 3600001ms)", "3");
    IS(&w, "sum(x, 1h)", "60");
    IS(&w, "delta(x, 1h)", "30");
    IS(&w, "avg(x, 1h, 1s)", "15");
    IS(&w, "delta(x, 1s)", "20");    /* from the one before */
    IS(&w, "delta(x, 1h, 1h)", "0"); /* the only one that there is */
    IS(&w, "rate(x, 1h, 1h)", "nothing");
    IS(&w, "integral(x, 1h, 1h)", "nothing");
    IS(&w, "avg(x, 1h, 2h)", "nothing");
    IS(&w, "count(x, 1h, 2h)", "0");
    IS(&w, "missing(x, 1h, 2h)", "true");
    IS(&w, "missing(x, 1h)", "false");
    IS(&w, "percentile(x, 2h, 0)", "10");
    IS(&w, "percentile(x, 2h, 100)", "40");
    IS(&w, "percentile(x, 2h, 50)", "20");
    IS(&w, "percentile(x, 2h, x)", "nothing");
    IS(&w, "share(x, 2h, 20)", "0.6666666666666666");
    IS(&w, "share(x, 2h, 20, 20)", "0.3333333333333333");
    IS(&w, "share(x, 2h, 20, 20, 0s)", "0.3333333333333333");
    IS(&w, "avg(x, 2 * 30min)", "30");
    IS(&w, "avg(absent, 1h) > 3 or missing(absent, 1h)", "true");
    w.host.end = now - 1 * S; /* judged by a change of a second ago */
    IS(&w, "last(x, 2h)", "20");
    IS(&w, "hour(now)", "8");
    world_close(&w);
}

/* Whatever the host says last, the evaluation reads no more than it may, over all its windows. */
static void readings_max(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static jd_xreading p[100];
    for (int i = 0; i < 100; i++) p[i] = (jd_xreading){w.host.now - (100 - i) * S, i};
    uint32_t x = slot(&w, "window x");
    w.names[x].readings = p;
    w.names[x].n = 100;
    jd_expr *e = compiled(&w, "avg(x, 1h) + last(x, 51s)"); /* 100 and 50 */
    jd_xval v = num(7);
    w.host.readings_max = 150;
    assert_int_equal(jd_expr_eval(e, &w.host, &v, &w.err), 0);
    assert_true(v.type == JD_X_NUM && v.num == 49.5 + 99);
    assert_int_equal(w.max_seen, 50);
    w.host.readings_max = 149;
    assert_int_equal(jd_expr_eval(e, &w.host, &v, &w.err), -1);
    assert_string_equal(w.err.en, "more than 49");
    assert_true(v.num == 49.5 + 99); /* untouched */
    w.host.readings_max = 0;
    assert_int_equal(jd_expr_eval(e, &w.host, &v, &w.err), 0);
    assert_int_equal(w.max_seen, 100000 - 100);
    jd_expr_free(e);
    world_close(&w);
}

/* What decides without a window spares it; what is nothing, or fails, leaves all as it stands. */
static int dear_name(void *user, uint32_t number) {
    return !strcmp(((world *)user)->names[number].key, "mean");
}
static void windows_come_last(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static jd_xreading p[1];
    p[0] = (jd_xreading){w.host.now - 1 * S, 5};
    uint32_t x = slot(&w, "window x");
    w.names[x].readings = p;
    w.names[x].n = 1;
    w.resolver.dear = dear_name;
    set(&w, "f", yes(0));
    set(&w, "mean", num(5));
    set(&w, "broken", yes(1));
    IS(&w, "avg(x, 1h) > 3 and f", "false");
    IS(&w, "avg(x, 1h) > 3 and true == f", "false");
    IS(&w, "avg(x, 1h) > 3 or not f", "true");
    IS(&w, "last(x, 1h) > 3 and absent and f", "false");
    assert_int_equal(w.calls_readings, 0);
    w.calls_value = 0;
    IS(&w, "mean > 3 and f", "false");
    assert_int_equal(w.calls_value, 1);
    IS(&w, "mean > 3 and not f", "true");
    IS(&w, "mean > 3 and absent", "nothing");
    IS(&w, "mean < 3 and absent", "false");
    IS(&w, "mean < 3 or absent", "nothing");
    IS(&w, "avg(x, 1h) < 3 and broken", "false"); /* as it was: it is not needed */
    assert_int_equal(w.calls_readings, 1);
    jd_expr *e = compiled(&w, "avg(x, 1h) > 3 and broken");
    jd_xval v;
    assert_int_equal(jd_expr_eval(e, &w.host, &v, &w.err), -1);
    jd_expr_free(e);
    world_close(&w);
}

static int too_many(void *user, uint32_t number, jd_time from, jd_time to, int before, uint64_t max, jd_xreading **out,
                    size_t *n, jd_err *err) {
    world *w = user;
    (void)number, (void)from, (void)to, (void)before, (void)err;
    *n = (size_t)max + 1;
    *out = JD_NEWN(w->host.arena, jd_xreading, *n);
    return 0;
}

static void a_host_that_gives_too_much(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    w.host.readings = too_many;
    w.host.readings_max = 10;
    jd_expr *e = compiled(&w, "avg(x, 1h)");
    jd_xval v;
    assert_int_equal(jd_expr_eval(e, &w.host, &v, &w.err), -1);
    assert_string_equal(w.err.en, "the expression reads more than 10 readings");
    jd_expr_free(e);
    world_close(&w);
}

/* ---- early warning ---- */

#define DAY (86400 * S)

static double excess(world *w, const char *source) {
    jd_expr *e = compiled(w, source);
    jd_xval v;
    if (jd_expr_eval(e, &w->host, &v, &w->err)) fail_msg("%s: %s", source, w->err.en);
    jd_expr_free(e);
    return v.type == JD_X_NUM ? v.num : NAN;
}

static void same(const char *source, double got, int rc, const jd_warn_result *r) {
    assert_int_equal(rc, 0);
    double expected = r->why == JD_WARN_JUDGED ? r->statistic - r->upper : NAN;
    if (isnan(expected) ? !isnan(got) : !(fabs(got - expected) < 1e-9 * (1 + fabs(expected))))
        fail_msg("%s: %.17g, not %.17g (%d)", source, got, expected, (int)r->why);
}

static void early(void **unused) {
    static jd_xreading p[3 * 400];
    static double sums[400], means[400];
    world w;
    (void)unused;
    world_open(&w);
    uint32_t x = slot(&w, "window x");
    int signals = 0, judged = 0, blanks = 0;
    for (int round = 0; round < 200; round++) {
        size_t n = 0;
        jd_time from = w.host.end - 400 * DAY;
        for (int d = 0; d < 400; d++) {
            int k = round % 5 == 0 && d == 396 ? 0 : 1 + (int)below(3); /* a day that nobody reported */
            double sum = 0;
            for (int i = 0; i < k; i++) {
                double v = (double)(below(6) + (d == 399 ? below(40) : 0));
                p[n++] = (jd_xreading){from + d * DAY + (i == k - 1 ? DAY : 1 + i), v}; /* the last at the step's end */
                sum += v;
            }
            sums[d] = k ? sum : NAN;
            means[d] = k ? sum / k : NAN;
        }
        w.names[x].readings = p;
        w.names[x].n = n;
        jd_warn_result r;
        for (int m = 1; m <= 3; m++) {
            char source[40];
            jd_warn_ears_params e = jd_warn_ears_usual(m);
            snprintf(source, sizeof source, "earsC%d(x, 1d)", m);
            double got = excess(&w, source);
            int rc = jd_warn_ears(means, 400, &e, &r, NULL);
            same(source, got, rc, &r);
            signals += got > 0;
            judged += !isnan(got);
            blanks += isnan(got);
            snprintf(source, sizeof source, "earsC%d(x, 1d, 'sum')", m);
            rc = jd_warn_ears(sums, 400, &e, &r, NULL);
            same(source, excess(&w, source), rc, &r);
        }
        jd_warn_ewma_params e = jd_warn_ewma_usual();
        e.sides = JD_WARN_UPPER;
        e.level.learn = 30;
        e.lambda = 0.3;
        e.width = 2.5;
        int rc = jd_warn_ewma(means + 340, 60, &e, &r, NULL);
        same("ewma", excess(&w, "ewma(x, 1d, 30, 0.3, 2.5)"), rc, &r);
        jd_warn_cusum_params c = jd_warn_cusum_usual();
        c.sides = JD_WARN_UPPER;
        c.level.learn = 30;
        rc = jd_warn_cusum(means + 340, 60, &c, &r, NULL);
        same("cusum", excess(&w, "cusum(x, 1d, 30, 0.5, 5)"), rc, &r);
        jd_arena_reset(&w.arena);
    }
    assert_true(signals > 50 && judged > 300 && blanks > 30);
    IS(&w, "earsC1(absent, 1d)", "nothing");
    world_close(&w);
}

/* Counts of weeks over six years with a season, and a last one that stands out. */
static void farrington(void **unused) {
    enum { WEEKS = 52 * 6 };
    static jd_xreading p[WEEKS];
    static double v[WEEKS];
    world w;
    (void)unused;
    world_open(&w);
    for (int i = 0; i < WEEKS; i++) {
        v[i] = floor(20 + 10 * sin(i * 6.2831853 / 52) + (double)below(9));
        if (i == WEEKS - 1) v[i] = 90;
        p[i] = (jd_xreading){w.host.end - (WEEKS - 1 - i) * 7 * DAY, v[i]};
    }
    uint32_t x = slot(&w, "window x");
    w.names[x].readings = p;
    w.names[x].n = WEEKS;
    jd_warn_farrington_params f = jd_warn_farrington_usual(52);
    jd_warn_result r;
    int rc = jd_warn_farrington(v, WEEKS, &f, &r, NULL);
    double got = excess(&w, "farrington(x, 7d, 5, 3, 'sum')");
    same("farrington", got, rc, &r);
    assert_true(got > 0);
    f.years = 3;
    f.half_width = 2;
    rc = jd_warn_farrington(v, WEEKS, &f, &r, NULL);
    same("farrington", excess(&w, "farrington(x, 7d, 3, 2)"), rc, &r);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_series),
        cmocka_unit_test(edges),
        cmocka_unit_test(readings_max),
        cmocka_unit_test(windows_come_last),
        cmocka_unit_test(a_host_that_gives_too_much),
        cmocka_unit_test(early),
        cmocka_unit_test(farrington),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
