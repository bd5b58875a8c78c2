/* Numbers: doubles against strtod, lanes of every mode. */
#include "series_test.h"

#include <inttypes.h>
#include <math.h>

static double judge(jd_num v) {
    char text[64];
    snprintf(text, sizeof text, "%" PRId64 "e-%u", v.m, v.scale);
    return strtod(text, NULL);
}

static void as_double(jd_num v) {
    double a = jd_num_double(v), b = judge(v);
    if (memcmp(&a, &b, sizeof a) != 0) fail_msg("%" PRId64 "e-%u: %.17g, not %.17g", v.m, v.scale, a, b);
}

static void doubles_round_as_strtod(void **state) {
    (void)state;
    uint64_t r = 1;
    const int64_t edges[] = {0,
                             1,
                             -1,
                             INT64_MAX,
                             INT64_MIN,
                             INT64_MIN + 1,
                             9007199254740991,
                             9007199254740992,
                             9007199254740993,
                             -9007199254740993,
                             9007199254740995,
                             4503599627370497};
    for (uint8_t s = 0; s <= 18; s++)
        for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) as_double((jd_num){edges[i], s});
    for (unsigned i = 0; i < 200000; i++)
        as_double((jd_num){(int64_t)(rnd(&r) >> below(&r, 12)) * (i % 2 ? 1 : -1), (uint8_t)below(&r, 19)});
    /* Halves and what stands next to them: f / 2^k is a decimal of k digits */
    for (unsigned i = 0; i < 20000; i++) {
        unsigned k = 1 + below(&r, 9);
        int64_t half = (int64_t)((rnd(&r) >> 11 | UINT64_C(1) << 52) >> (k * 7 / 2)), five = 1;
        for (unsigned j = 0; j < k; j++) five *= 5;
        int64_t m;
        if (__builtin_mul_overflow(half | 1, five, &m)) continue;
        for (int64_t d = -1; d <= 1; d++) as_double((jd_num){m + d, (uint8_t)k});
    }
}

static unsigned as_lane(const jd_num *v, size_t n, size_t step, series__hint hint, size_t *size) {
    jd_buf b = {0};
    uint8_t head;
    series__lane_put(&b, &head, v, n, step, hint, 0);
    jd_num *back = jd_xcalloc(n * step + 1, sizeof *back);
    unsigned char *exact = jd_xmalloc(b.n);
    memcpy(exact, b.p, b.n);
    assert_ptr_equal(series__lane_get(exact, exact + b.n, head, back, n, step), exact + b.n);
    for (size_t i = 0; i < n; i++) same_num(back[i * step], v[i * step]);
    if (n <= JD_CHUNK_MAX) {
        double d[JD_CHUNK_MAX];
        assert_int_equal(series__lane_doubles(exact, exact + b.n, head, d, n), 0);
        for (size_t i = 0; i < n; i++) {
            double want = judge(v[i * step]);
            assert_memory_equal(&d[i], &want, sizeof want);
        }
    }
    if (size) *size = b.n;
    free(exact);
    free(back);
    jd_buf_fini(&b);
    return head >> 5;
}

static unsigned there_and_back(const jd_num *v, size_t n, size_t step, size_t *size) {
    as_lane(v, n, step, SERIES__QUICK, NULL);
    return as_lane(v, n, step, SERIES__VALUE, size);
}

static void lanes_of_every_mode(void **state) {
    (void)state;
    enum { N = 400 };
    jd_num v[2 * N] = {{0}};
    uint64_t r = 2;
    unsigned seen = 0;
    for (unsigned round = 0; round < 400; round++) {
        size_t n = 1 + below(&r, N), step = 1 + below(&r, 2);
        for (size_t i = 0; i < n; i++) {
            jd_num x = {(int64_t)below(&r, 20000) - 10000, 2};
            switch (round % 5) {
            case 1: /* as a program prints them */
                while (x.scale && x.m % 10 == 0) x.m /= 10, x.scale--;
                break;
            case 2: x.scale = (uint8_t)below(&r, 4); break;
            case 3: /* too wide for a common scale */ x = (jd_num){(int64_t)rnd(&r), (uint8_t)below(&r, 19)}; break;
            case 4: { /* what a float prints as a double */
                char text[40];
                snprintf(text, sizeof text, "%.17g", (double)((float)below(&r, 1000000) / 4096.0f + 1.1f));
                char *dot = strchr(text, '.');
                if (!dot) continue;
                x.scale = (uint8_t)strlen(dot + 1);
                memmove(dot, dot + 1, strlen(dot));
                x.m = strtoll(text, NULL, 10);
                break;
            }
            default: break;
            }
            v[i * step] = x;
        }
        seen |= 1u << there_and_back(v, n, step, NULL);
    }
    assert_int_equal(seen, 31);
}

static void floats_are_four_bytes_at_most(void **state) {
    (void)state;
    enum { N = 500 };
    jd_num v[N];
    uint64_t r = 5;
    for (size_t i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "%.17g",
                 (double)((float)(20 + below(&r, 100)) + (float)(1 + below(&r, 998)) / 1000.0f));
        char *dot = strchr(text, '.');
        assert_non_null(dot);
        v[i].scale = (uint8_t)strlen(dot + 1);
        memmove(dot, dot + 1, strlen(dot));
        v[i].m = strtoll(text, NULL, 10);
    }
    size_t size;
    there_and_back(v, N, 1, &size);
    assert_true(size <= 4 * N);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(doubles_round_as_strtod), cmocka_unit_test(lanes_of_every_mode),
                                       cmocka_unit_test(floats_are_four_bytes_at_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
