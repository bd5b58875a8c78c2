/* Aggregation (GS CIM 009 clause 4.5.19): parameters, periods against a calendar made of texts, sums against long
 * integers. */
#include "temporal_test.h"

#include <math.h>

/* ---- parameters ---- */

static void test_methods(void **state) {
    (void)state;
    unsigned m;
    jd_err err = {0};
    assert_int_equal(jd_agg_methods(JD_STR("avg"), &m, &err), 0);
    assert_int_equal(m, JD_AGG_AVG);
    assert_int_equal(jd_agg_methods(JD_STR("totalCount,sumsq,sum,stddev,min,max,distinctCount,avg,avg"), &m, &err), 0);
    assert_int_equal(m, JD_AGG_ALL);
    const char *bad[] = {"bogus", "", "avg,", ",avg", "avg,,max", "Avg", "avg ,max", "distinct", "average"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(jd_agg_methods(jd_str_of(bad[i]), &m, &err), -1);
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        assert_non_null(strstr(err.en, "aggrMethods")); /* 5244_01_02 */
        assert_non_null(strstr(err.zh, "aggrMethods"));
    }
}

static void test_durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t months, us;
    } good[] = {
        {"PT1H", 0, 3600000000},
        {"P1D", 0, 86400000000},
        {"PT0S", 0, 0},
        {"P0D", 0, 0},
        {"P1M", 1, 0},
        {"PT1M", 0, 60000000},
        {"P1Y", 12, 0},
        {"P2W", 0, 14 * 86400000000},
        {"P3Y6M4DT12H30M5S", 42, 4 * 86400000000 + 45005000000},
        {"PT0.5S", 0, 500000},
        {"PT1,000001S", 0, 1000001},
        {"PT36H", 0, 129600000000},
        {"P10000Y", 120000, 0},
    };
    static const char *const bad[] = {"bogus",
                                      "",
                                      "P",
                                      "PT",
                                      "P1",
                                      "1D",
                                      "P1H",
                                      "PT1D",
                                      "P1DT",
                                      "P-1D",
                                      "PT1.5H",
                                      "P1W1D",
                                      "P1D1W",
                                      "PT1S1M",
                                      "P1M1Y",
                                      "P1D1D",
                                      "p1d",
                                      "PT1H ",
                                      " PT1H",
                                      "P1.5D",
                                      "PT.5S",
                                      "PT1.S",
                                      "P10001Y",
                                      "P9999999999Y",
                                      "PT10000000000000000S",
                                      "P99999999999999999999D",
                                      "PW",
                                      "P1Y2",
                                      "PT0.1234567S",
                                      "P1YT"};
    jd_period p;
    jd_err err = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (jd_period_parse(jd_str_of(good[i].text), &p, &err)) fail_msg("refused: %s", good[i].text);
        assert_int_equal(p.months, good[i].months);
        assert_int_equal(p.us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (jd_period_parse(jd_str_of(bad[i]), &p, &err) == 0) fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        assert_non_null(strstr(err.en, "aggrPeriodDuration")); /* 021_27_09 */
        assert_non_null(strstr(err.zh, "aggrPeriodDuration"));
    }
}

/* ---- periods ---- */

static void bounds(const char *period, const char *origin, int64_t k, const char *want) {
    jd_period p;
    char text[JD_TIME_TEXT_MAX];
    assert_int_equal(jd_period_parse(jd_str_of(period), &p, NULL), 0);
    jd_time_print(jd_period_start(&p, at(origin), k), -1, text);
    assert_string_equal(text, want);
}

static void test_bounds(void **state) {
    (void)state;
    bounds("PT1H", "2020-08-01T12:03:00Z", 1, "2020-08-01T13:03:00Z"); /* 020_11 */
    bounds("P1D", "2020-08-01T12:03:00Z", 1, "2020-08-02T12:03:00Z");
    bounds("PT4M", "2020-01-01T12:00:00Z", 2, "2020-01-01T12:08:00Z"); /* C.5.14 */
    bounds("P1M", "2020-01-31T10:00:00Z", 1, "2020-02-29T10:00:00Z");
    bounds("P1M", "2020-01-31T10:00:00Z", 2, "2020-03-31T10:00:00Z"); /* not from the clipped one */
    bounds("P1M", "2021-01-31T10:00:00Z", 1, "2021-02-28T10:00:00Z");
    bounds("P1M", "2020-01-31T10:00:00Z", -2, "2019-11-30T10:00:00Z");
    bounds("P1Y", "2020-02-29T00:00:00Z", 1, "2021-02-28T00:00:00Z");
    bounds("P1Y", "2020-02-29T00:00:00Z", 4, "2024-02-29T00:00:00Z");
    bounds("P1M1D", "2020-01-31T00:00:00Z", 1, "2020-03-01T00:00:00Z");
    bounds("P1M", "1970-01-01T00:00:00Z", -1, "1969-12-01T00:00:00Z");
    bounds("PT0S", "2020-01-31T10:00:00Z", 7, "2020-01-31T10:00:00Z");
}

static uint64_t rnd_state = 88172645463325252u;
static uint64_t rnd(void) {
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    return rnd_state ^= rnd_state << 17;
}
static int64_t between(int64_t lo, int64_t hi) {
    return lo + (int64_t)(rnd() % (uint64_t)(hi - lo + 1));
}

/* The k-th start by the text of a DateTime: years and months by hand, the day as late as there is one. */
static jd_time slow_start(const jd_period *p, jd_time origin, int64_t k) {
    char text[JD_TIME_TEXT_MAX];
    jd_time_print(origin, 6, text);
    int64_t month = ((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0') * 12 +
                    (text[5] - '0') * 10 + text[6] - '0' - 1 + p->months * k;
    for (int day = (text[8] - '0') * 10 + text[9] - '0';; day--) {
        char again[64];
        jd_time t;
        snprintf(again, sizeof again, "%04d-%02d-%02d%s", (int)(month / 12), (int)(month % 12) + 1, day, text + 10);
        if (jd_time_parse(jd_str_of(again), &t, NULL) == 0) return t + p->us * k;
    }
}

static void test_periods_like_a_calendar(void **state) {
    (void)state;
    for (int i = 0; i < 200000; i++) {
        jd_period p = {.months = between(0, 3) ? between(1, 30) : 0,
                       .us = between(0, 1) ? between(0, 90) * 86400000000 + between(0, 86400000000) : 0};
        jd_time origin = between(at("1000-01-01T00:00:00Z"), at("8000-01-01T00:00:00Z"));
        int64_t k = between(-300, 300);
        jd_time start = jd_period_start(&p, origin, k);
        assert_int_equal(start, slow_start(&p, origin, k));
        if (!p.months && !p.us) {
            assert_int_equal(jd_period_of(&p, origin, start), 0);
            continue;
        }
        jd_time next = slow_start(&p, origin, k + 1);
        assert_true(next > start);
        assert_int_equal(jd_period_of(&p, origin, start), k);
        assert_int_equal(jd_period_of(&p, origin, next - 1), k);
        assert_int_equal(jd_period_of(&p, origin, between(start, next - 1)), k);
        assert_int_equal(jd_period_of(&p, origin, next), k + 1);
    }
}

/* What cannot be written as a jd_time is clipped to the first and last there is; nothing overflows, everything ends. */
static void test_far_times(void **state) {
    (void)state;
    const jd_time edges[] = {INT64_MIN + 1, INT64_MIN + 2, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    const int64_t ks[] = {INT64_MIN, INT64_MIN + 1, -1000000, -1, 0, 1, 1000000, INT64_MAX - 1, INT64_MAX};
    const jd_period ps[] = {{0, 1}, {1, 0},          {12, 1}, {120000, 0}, {0, INT64_C(316224000000000000)},
                            {1, 1}, {7, 86400000000}};
    for (size_t p = 0; p < sizeof ps / sizeof *ps; p++)
        for (size_t o = 0; o < sizeof edges / sizeof *edges; o++) {
            for (size_t k = 0; k < sizeof ks / sizeof *ks; k++) {
                jd_time t = jd_period_start(&ps[p], edges[o], ks[k]);
                assert_true(t != JD_TIME_NONE);
                if (ks[k] == 0) assert_int_equal(t, edges[o]);
                if (ks[k] > 0) assert_true(t >= edges[o]);
                if (ks[k] < 0) assert_true(t <= edges[o]);
            }
            for (size_t e = 0; e < sizeof edges / sizeof *edges; e++) {
                int64_t k = jd_period_of(&ps[p], edges[o], edges[e]);
                if (edges[e] >= edges[o]) assert_true(k >= 0);
                if (edges[e] < edges[o]) assert_true(k < 0);
                if (k > INT64_MIN && k < INT64_MAX) {
                    assert_true(jd_period_start(&ps[p], edges[o], k) <= edges[e]);
                    assert_true(jd_period_start(&ps[p], edges[o], k + 1) >= edges[e]);
                }
            }
        }
}

/* ---- long integers: what the sums are held against ---- */

enum { LIMBS = 48 };
typedef struct big { /* magnitude, low first */
    uint32_t d[LIMBS];
    int minus;
} big;

static void big_mul(big *a, uint32_t by) {
    uint64_t c = 0;
    for (int i = 0; i < LIMBS; i++) {
        c += (uint64_t)a->d[i] * by;
        a->d[i] = (uint32_t)c;
        c >>= 32;
    }
    assert_int_equal(c, 0);
}
static int big_cmp(const big *a, const big *b) { /* magnitudes */
    for (int i = LIMBS; i--;)
        if (a->d[i] != b->d[i]) return a->d[i] < b->d[i] ? -1 : 1;
    return 0;
}
static big big_add(const big *a, const big *b) {
    big r = {.minus = a->minus};
    if (a->minus == b->minus) {
        uint64_t c = 0;
        for (int i = 0; i < LIMBS; i++) {
            c += (uint64_t)a->d[i] + b->d[i];
            r.d[i] = (uint32_t)c;
            c >>= 32;
        }
        return r;
    }
    const big *x = a, *y = b;
    if (big_cmp(a, b) < 0) x = b, y = a;
    r.minus = x->minus;
    int64_t c = 0;
    for (int i = 0; i < LIMBS; i++) {
        c += (int64_t)x->d[i] - y->d[i];
        r.d[i] = (uint32_t)c;
        c >>= 32;
    }
    return r;
}
static big big_of(uint64_t v) {
    return (big){.d = {(uint32_t)v, (uint32_t)(v >> 32)}};
}
static big big_times(const big *a, const big *b) {
    big r = {.minus = a->minus != b->minus};
    for (int i = 0; i < LIMBS; i++) {
        if (!a->d[i]) continue;
        uint64_t c = 0;
        for (int k = 0; k + i < LIMBS; k++) {
            c += (uint64_t)a->d[i] * b->d[k] + r.d[i + k];
            r.d[i + k] = (uint32_t)c;
            c >>= 32;
        }
        assert_int_equal(c, 0);
    }
    return r;
}
static void big_shift(big *a, int left) {
    for (; left >= 31; left -= 31) big_mul(a, UINT32_C(1) << 31);
    big_mul(a, UINT32_C(1) << left);
}
static big big_ten(int n) {
    big r = big_of(1);
    while (n--) big_mul(&r, 10);
    return r;
}
static int big_zero(const big *a) {
    static const big none;
    return big_cmp(a, &none) == 0;
}

/* m / 10^scale as text, no zeros at the end. */
static const char *big_text(big a, int scale) {
    char digits[600];
    int n = 0, minus = a.minus && !big_zero(&a);
    do {
        uint64_t c = 0;
        for (int i = LIMBS; i--;) {
            c = c << 32 | a.d[i];
            a.d[i] = (uint32_t)(c / 10);
            c %= 10;
        }
        digits[n++] = (char)('0' + c);
    } while (!big_zero(&a) || n <= scale);
    int first = 0;
    while (first < scale && digits[first] == '0') first++;
    jd_buf b = {0};
    if (minus) jd_buf_c(&b, '-');
    for (int i = n; i-- > first;) {
        jd_buf_c(&b, digits[i]);
        if (i == scale && first < scale) jd_buf_c(&b, '.');
    }
    const char *out = jd_arena_dup(&arena, jd_buf_view(&b)).p;
    jd_buf_fini(&b);
    return out;
}

/* Is d the double nearest to a / b? */
static int nearest(const big *a, const big *b, double d) {
    int e;
    double f = frexp(fabs(d), &e);
    big x = *a, y = big_of((uint64_t)ldexp(f, 53)), half = *b;
    e -= 53;
    x.minus = 0;
    y = big_times(&y, b);
    if (e < 0)
        big_shift(&x, -e);
    else
        big_shift(&y, e), big_shift(&half, e);
    y.minus = 1;
    big off = big_add(&x, &y);
    big_mul(&off, 2);
    return big_zero(a) ? d == 0 : (d < 0) == a->minus && big_cmp(&off, &half) <= 0;
}

static const char *printed(const jd_acc *c, unsigned method) {
    jd_buf b = {0};
    const char *out = NULL;
    if (jd_acc_print(c, method, &b) == 0)
        out = jd_arena_dup(&arena, jd_buf_view(&b)).p;
    else
        assert_int_equal(b.n, 0);
    jd_buf_fini(&b);
    return out;
}

static double number(const char *text) {
    jd_jval v = json(text);
    assert_int_equal(v.type, JD_JNUM);
    return jd_jnum(&v);
}

static double big_double(const big *a) {
    double d = 0;
    for (int i = LIMBS; i--;) d = d * 4294967296.0 + a->d[i];
    return d;
}

static void test_sums_are_exact(void **state) {
    (void)state;
    for (int round = 0; round < 3000; round++) {
        jd_arena_mark mark = jd_arena_tell(&arena);
        int n = (int)between(1, 40), scale_max = (int)between(0, 9);
        int64_t size = 1;
        for (int64_t i = between(1, 15); i--;) size *= 10;
        jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
        big sum = {0}, sumsq = {0};
        for (int i = 0; i < n; i++) {
            jd_num v = {.m = between(-size, size), .scale = (uint8_t)between(0, scale_max)};
            jd_acc_add_num(c, v);
            big x = big_of((uint64_t)llabs(v.m)), up = big_ten(9 - v.scale);
            x = big_times(&x, &up);
            big sq = big_times(&x, &x);
            x.minus = v.m < 0;
            sum = big_add(&sum, &x);
            sumsq = big_add(&sumsq, &sq);
        }
        assert_string_equal(printed(c, JD_AGG_SUM), big_text(sum, 9));
        int fits = size <= 1000000000; /* squares of 18 + 18 digits, and 40 of them, fit 128 bits */
        if (fits)
            assert_string_equal(printed(c, JD_AGG_SUMSQ), big_text(sumsq, 18));
        else
            assert_true(fabs(number(printed(c, JD_AGG_SUMSQ)) / (big_double(&sumsq) / 1e18) - 1) < 1e-14);
        big count = big_of((uint64_t)n), unit = big_ten(9), by = big_times(&count, &unit);
        assert_true(nearest(&sum, &by, number(printed(c, JD_AGG_AVG))));
        big s2 = big_times(&sum, &sum), q = big_times(&sumsq, &count);
        s2.minus = 1;
        big v = big_add(&q, &s2);
        double want = sqrt(big_double(&v)) / n / 1e9, got = number(printed(c, JD_AGG_STDDEV));
        if (fits) assert_true(fabs(got - want) <= want * 1e-14);
        jd_arena_rewind(&arena, mark);
    }
}

/* A chunk is added as its readings would be, also among others of another scale. */
static void test_chunks(void **state) {
    (void)state;
    for (int round = 0; round < 300; round++) {
        jd_acc *a = jd_acc_new(&arena, JD_AGG_ALL & ~(unsigned)JD_AGG_DISTINCT), *b = jd_acc_new(&arena, JD_AGG_ALL);
        for (int part = 0; part < 3; part++) {
            int n = (int)between(0, 50);
            jd_chunkhead h = {.scale = (uint8_t)between(0, 4), .clean = 1, .count = (uint32_t)n};
            for (int i = 0; i < n; i++) {
                jd_num v = {.m = between(-100000, 100000), .scale = h.scale};
                jd_acc_add_num(b, v);
                h.sum += v.m;
                h.sumsq += (__int128)v.m * v.m;
                if (!i || v.m < h.min.m) h.min = v;
                if (!i || v.m > h.max.m) h.max = v;
            }
            jd_acc_add_chunk(a, &h);
        }
        assert_int_equal(jd_acc_count(a), jd_acc_count(b));
        for (unsigned m = 1; m <= JD_AGG_ALL; m *= 2) {
            if (m == JD_AGG_DISTINCT) continue;
            const char *x = printed(a, m), *y = printed(b, m);
            assert_int_equal(x == NULL, y == NULL);
            if (!x) continue;
            assert_true(number(x) == number(y));
        }
    }
}

static void test_what_does_not_fit_goes_on_as_doubles(void **state) {
    (void)state;
    jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
    for (int i = 0; i < 100; i++)
        jd_acc_add_num(c, (jd_num){.m = 999999999999999999, .scale = (uint8_t)(i % 2 ? 18 : 0)});
    double sum = 50 * (999999999999999999.0 + 0.999999999999999999);
    assert_true(fabs(number(printed(c, JD_AGG_SUM)) - sum) <= sum * 1e-14);
    assert_true(fabs(number(printed(c, JD_AGG_SUMSQ)) - 50e36) <= 50e36 * 1e-14);
    assert_true(fabs(number(printed(c, JD_AGG_STDDEV)) - 5e17) <= 5e17 * 1e-10);
    assert_string_equal(printed(c, JD_AGG_MIN), "0.999999999999999999");
    assert_string_equal(printed(c, JD_AGG_MAX), "999999999999999999");
    assert_string_equal(printed(c, JD_AGG_DISTINCT), "2");
    c = jd_acc_new(&arena, JD_AGG_ALL);
    jd_acc_add_num(c, (jd_num){.m = INT64_MIN});
    jd_acc_add_num(c, (jd_num){.m = INT64_MIN, .scale = 18});
    jd_acc_add_num(c, (jd_num){.m = INT64_MAX});
    assert_string_equal(printed(c, JD_AGG_SUM), "-10.223372036854775808");
    assert_string_equal(printed(c, JD_AGG_MIN), "-9223372036854775808");
}

/* Large values that differ little: the difference of squares loses everything in doubles. */
static void test_stddev_of_large_values(void **state) {
    (void)state;
    jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
    for (int i = 0; i < 1000; i++) jd_acc_add_num(c, (jd_num){.m = 1000000000000000 + i % 2});
    assert_string_equal(printed(c, JD_AGG_STDDEV), "0.5");
    assert_string_equal(printed(c, JD_AGG_AVG), "1000000000000000.5");
    c = jd_acc_new(&arena, JD_AGG_ALL);
    jd_acc_add_num(c, (jd_num){.m = 42, .scale = 1});
    assert_string_equal(printed(c, JD_AGG_STDDEV), "0");
    c = jd_acc_new(&arena, JD_AGG_ALL); /* nothing, very exactly */
    jd_acc_add_num(c, (jd_num){.m = 0, .scale = 18});
    assert_string_equal(printed(c, JD_AGG_AVG), "0");
    assert_string_equal(printed(c, JD_AGG_STDDEV), "0");
    assert_string_equal(printed(c, JD_AGG_SUMSQ), "0");
    for (int base = 0; base < 100; base++) { /* squares beyond 128 bits */
        c = jd_acc_new(&arena, JD_AGG_ALL);
        int64_t from = between(INT64_C(700000000000000000), INT64_C(900000000000000000));
        for (int i = 0; i < 100; i++) jd_acc_add_num(c, (jd_num){.m = from + i % 2});
        assert_string_equal(printed(c, JD_AGG_STDDEV), "0.5");
    }
}

/* Where the difference itself takes more than 128 bits. */
static void test_stddev_of_what_differs_much(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        enum { N = 50 };
        jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
        big sum = {0}, sumsq = {0}, count = big_of(N);
        for (int i = 0; i < N; i++) {
            int64_t v = between(-INT64_C(900000000000000000), INT64_C(900000000000000000));
            jd_acc_add_num(c, (jd_num){.m = v});
            big x = big_of((uint64_t)llabs(v)), sq = big_times(&x, &x);
            x.minus = v < 0;
            sum = big_add(&sum, &x);
            sumsq = big_add(&sumsq, &sq);
        }
        big s2 = big_times(&sum, &sum), q = big_times(&sumsq, &count);
        s2.minus = 1;
        big v = big_add(&q, &s2);
        double want = sqrt(big_double(&v)) / N, got = number(printed(c, JD_AGG_STDDEV));
        assert_true(fabs(got - want) <= want * 1e-14);
    }
}

/* Halfway between two doubles the even one is the nearest. */
static void test_means_are_rounded_to_even(void **state) {
    (void)state;
    for (int64_t m = -9; m <= 9; m++) {
        jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
        int64_t v = (m < 0 ? -9007199254740992 : 9007199254740992) + m;
        jd_acc_add_num(c, (jd_num){.m = v});
        assert_true(number(printed(c, JD_AGG_AVG)) == (double)v);
    }
}

/* ---- 4.5.19.1: who is eligible for what ---- */

static const jd_acc *over(const char *instances) {
    jd_evolution e = evolved(jd_arena_printf(&arena, "{" VEHICLE ",'a':[%s]}", instances).p);
    jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
    for (size_t i = 0; i < e.attrs[0].n; i++) jd_acc_add(c, &e.attrs[0].inst[i], symbols);
    return c;
}

/* In the order avg, distinctCount, max, min, stddev, sum, sumsq, totalCount; "-": not eligible. */
static void eligible(const char *instances, const char *want) {
    const jd_acc *c = over(instances);
    jd_buf b = {0};
    for (unsigned m = 1; m <= JD_AGG_ALL; m *= 2) {
        const char *text = printed(c, m);
        jd_buf_printf(&b, "%s%s", m > 1 ? " " : "", text ? text : "-");
    }
    jd_buf_c(&b, 0);
    assert_string_equal(b.p, quoted(want));
    jd_buf_fini(&b);
}

static void test_eligibility(void **state) {
    (void)state;
    eligible("{'type':'Property','value':1.5},{'type':'Property','value':2.5},{'type':'Property',"
             "'value':2.50}",
             "2.1666666666666665 2 2.5 1.5 0.4714045207910317 6.5 14.75 3");
    eligible("{'type':'Property','value':'b'},{'type':'Property','value':'a'},{'type':'Property',"
             "'value':'b'}",
             "- 2 'b' 'a' - - - 3");
    eligible("{'type':'Property','value':true},{'type':'Property','value':false},{'type':'Property',"
             "'value':true},{'type':'Property','value':true}",
             "0.75 2 1 0 0.4330127018922193 3 3 4");
    eligible("{'type':'Property','value':[1,2,3]},{'type':'Property','value':[]},{'type':'Property',"
             "'value':[3,2,1]}",
             "2 3 3 0 - 6 - 3");
    eligible("{'type':'Property','value':{'a':1,'b':2}},{'type':'Property','value':{'b':2.0,'a':1}},"
             "{'type':'Property','value':{'a':1}}",
             "- 2 - - - - - 3");
    eligible("{'type':'Property','value':'2020-01-02T00:00:00Z'},{'type':'Property',"
             "'value':'2020-01-01T00:00:00.5Z'},{'type':'Property','value':'2020-01-01T00:00:00Z'}",
             "- 3 '2020-01-02T00:00:00Z' '2020-01-01T00:00:00Z' - - - 3");
    eligible("{'type':'Property','value':'2020-01-02'},{'type':'Property','value':'2019-12-31'}",
             "- 2 '2020-01-02' '2019-12-31' - - - 2");
    eligible("{'type':'Property','value':'10:00:00Z'},{'type':'Property','value':'11:00:00.5Z'},"
             "{'type':'Property','value':'11:00:00Z'}",
             "'10:40:00.166666Z' 3 '11:00:00.5Z' '10:00:00Z' - - - 3");
    eligible("{'type':'Property','value':{'@type':'Time','@value':'10:00:00Z'}},{'type':'Property',"
             "'value':{'@type':'Time','@value':'11:00:00Z'}}",
             "'10:30:00Z' 2 '11:00:00Z' '10:00:00Z' - - - 2");
    eligible("{'type':'Relationship','object':'urn:a:b'},{'type':'Relationship','object':'urn:a:c'}",
             "- 2 - - - - - 2");
    eligible("{'type':'VocabProperty','vocab':'x'},{'type':'VocabProperty','vocab':'x'}", "- 1 - - - - - 2");
    eligible("{'type':'LanguageProperty','languageMap':{'en':'x'}}", "- 1 - - - - - 1");
    eligible("{'type':'GeoProperty','value':{'type':'Point','coordinates':[1,2]}}", "- 1 - - - - - 1");
    eligible("{'type':'ListProperty','valueList':[1,2]},{'type':'ListProperty','valueList':[7]}", "1.5 2 2 1 - 3 - 2");
    eligible("{'type':'JsonProperty','json':[1,2]}", "2 1 2 2 - 2 - 1");
    eligible("{'type':'JsonProperty','json':{'a':[1]}}", "- 1 - - - - - 1");
    /* several: numbers come first, counts are over all */
    eligible("{'type':'Property','value':'x'},{'type':'Property','value':3},{'type':'Property',"
             "'value':true},{'type':'Property','value':[1]}",
             "3 4 3 3 0 3 9 4");
    eligible("{'type':'Property','value':'x'},{'type':'Property','value':'2020-01-01T00:00:00Z'}",
             "- 2 'x' '2020-01-01T00:00:00Z' - - - 2");
    /* no value at all */
    eligible("{'type':'Property','value':'urn:ngsi-ld:null'},{'type':'LanguageProperty',"
             "'languageMap':{'@none':'urn:ngsi-ld:null'}}",
             "- - - - - - - -");
}

static void test_numbers_as_they_are_written(void **state) {
    (void)state;
    eligible("{'type':'Property','value':125e-2},{'type':'Property','value':1.25}", "1.25 1 1.25 1.25 0 2.5 3.125 2");
    eligible("{'type':'Property','value':1e2},{'type':'Property','value':100},{'type':'Property',"
             "'value':-0},{'type':'Property','value':1.0E+2}",
             "75 2 100 0 43.30127018922193 300 30000 4");
    eligible("{'type':'Property','value':0.1},{'type':'Property','value':0.2}", "0.15 2 0.2 0.1 0.05 0.3 0.05 2");
    eligible("{'type':'Property','value':12345678901234567890.5},{'type':'Property','value':1}",
             "6.172839450617284e+18 2 12345678901234567890.5 1 6.172839450617284e+18 1.2345678901234567e+19 "
             "1.5241578753238834e+38 2");
    eligible("{'type':'Property','value':1e400},{'type':'Property','value':7}",
             "7 2 7 7 0 7 49 2"); /* no double: only counted */
    eligible("{'type':'Property','value':1e300},{'type':'Property','value':1e-300}",
             "5e+299 2 1e300 1e-300 - 1e+300 - 2");
    eligible("{'type':'Property','value':120.0}", "120 1 120.0 120.0 0 120 14400 1");
}

static void test_methods_not_asked_for_cost_nothing_but_harm_none(void **state) {
    (void)state;
    for (unsigned m = 1; m <= JD_AGG_ALL; m++) {
        jd_acc *some = jd_acc_new(&arena, m), *all = jd_acc_new(&arena, JD_AGG_ALL);
        for (int i = 0; i < 20; i++) {
            jd_num v = {.m = between(-999, 999), .scale = (uint8_t)between(0, 2)};
            jd_acc_add_num(some, v);
            jd_acc_add_num(all, v);
        }
        for (unsigned one = 1; one <= JD_AGG_ALL; one *= 2)
            if (m & one) assert_string_equal(printed(some, one), printed(all, one));
    }
}

static void test_many_distinct(void **state) {
    (void)state;
    jd_acc *c = jd_acc_new(&arena, JD_AGG_DISTINCT);
    for (int i = 0; i < 300000; i++) jd_acc_add_num(c, (jd_num){.m = i % 100000 * 10, .scale = 1});
    for (int i = 0; i < 100000; i++) jd_acc_add_num(c, (jd_num){.m = i});
    assert_string_equal(printed(c, JD_AGG_DISTINCT), "100000");
    assert_int_equal(jd_acc_count(c), 400000);
}

static void test_the_deleted_does_not_count(void **state) {
    (void)state;
    jd_acc *c = jd_acc_new(&arena, JD_AGG_ALL);
    jd_acc_add(c, &(jd_inst){.a = {.kind = JD_PROPERTY}, .deleted = 1}, symbols);
    assert_int_equal(jd_acc_count(c), 0);
    assert_null(printed(c, JD_AGG_TOTAL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_periods_like_a_calendar),
        cmocka_unit_test(test_far_times),
        cmocka_unit_test(test_sums_are_exact),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_what_does_not_fit_goes_on_as_doubles),
        cmocka_unit_test(test_stddev_of_large_values),
        cmocka_unit_test(test_stddev_of_what_differs_much),
        cmocka_unit_test(test_means_are_rounded_to_even),
        cmocka_unit_test(test_eligibility),
        cmocka_unit_test(test_numbers_as_they_are_written),
        cmocka_unit_test(test_methods_not_asked_for_cost_nothing_but_harm_none),
        cmocka_unit_test(test_many_distinct),
        cmocka_unit_test(test_the_deleted_does_not_count),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
