/* Columns of whole numbers: every vector comes back, and vectors that have a law are short. */
#include "series_test.h"

static size_t comes_back(const int64_t *v, size_t n, series__hint hint, size_t lag) {
    jd_buf b = {0};
    jd_buf_z(&b, "x"); /* not at the buffer's begin */
    series__column_put(&b, v, n, hint, lag);
    int64_t *back = jd_xcalloc(n + 1, sizeof *back);
    /* Memory of exactly this size: a sanitizer sees a read behind it. */
    size_t size = b.n - 1;
    unsigned char *exact = jd_xmalloc(size);
    memcpy(exact, b.p + 1, size);
    series__at end = series__column_get(exact, exact + size, back, n);
    assert_ptr_equal(end, exact + size);
    for (size_t i = 0; i < n; i++) assert_int_equal(back[i], v[i]);
    for (size_t cut = 0; cut < size; cut += 1 + size / 64) { /* cut short it fails, or gives other numbers */
        unsigned char *part = jd_xmalloc(cut);
        memcpy(part, exact, cut);
        end = series__column_get(part, part + cut, back, n);
        if (end) assert_true(end <= part + cut);
        free(part);
    }
    free(exact);
    free(back);
    jd_buf_fini(&b);
    return size;
}

static size_t there_and_back(const int64_t *v, size_t n, series__hint hint, size_t lag) {
    assert_true(comes_back(v, n, SERIES__QUICK, 0) <= 10 * n + 24);
    return comes_back(v, n, hint, lag);
}

static int64_t some_value(uint64_t *r, unsigned kind, size_t i, int64_t last) {
    switch (kind) {
    case 0: return (int64_t)rnd(r);
    case 1: return (int64_t)(rnd(r) >> below(r, 64));
    case 2: return last + (int64_t)below(r, 21) - 10;
    case 3: return (int64_t)i * 3600000000 + (below(r, 20) == 0 ? (int64_t)below(r, 100000) : 0);
    case 4: return below(r, 10) ? last : (int64_t)below(r, 1000) * 100;
    case 5: return below(r, 2) ? INT64_MAX : INT64_MIN;
    case 6: return (int64_t)below(r, 8) * (int64_t)below(r, 8) * 12345;
    case 7: return last * 7 / 8 + (int64_t)below(r, 2001) - 1000;
    case 8: return below(r, 12) ? ((int64_t)below(r, 300) + last / 20 * 10) / 10 * 10 : (int64_t)below(r, 3000);
    case 9: return below(r, 50) ? 0 : (int64_t)(rnd(r) >> below(r, 64));
    default: return INT64_MIN + (int64_t)below(r, 3);
    }
}

static void any_vector_comes_back(void **state) {
    (void)state;
    uint64_t r = 1;
    for (unsigned round = 0; round < 4000; round++) {
        unsigned kind = round % 11;
        size_t n = below(&r, 4) ? 1 + below(&r, 40) : 1 + below(&r, 2000);
        int64_t *v = jd_xmalloc(n * sizeof *v), last = 0;
        for (size_t i = 0; i < n; i++) v[i] = last = some_value(&r, kind, i, last);
        there_and_back(v, n, (series__hint)below(&r, 3), below(&r, 2) ? 0 : below(&r, 400));
        free(v);
    }
}

static void laws_are_short(void **state) {
    (void)state;
    enum { N = 1000 };
    int64_t v[N];
    uint64_t r = 2;
    for (size_t i = 0; i < N; i++) v[i] = 1000000 + (int64_t)below(&r, 64); /* 6 bits */
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= N * 6 / 8 + 12);
    for (size_t i = 0, t = 0; i < N; i++) v[i] = (int64_t)(t += 5000 + below(&r, 64)); /* 6 bits of steps */
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= N * 6 / 8 + 12);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)i * 7;
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= 12);
    for (size_t i = 0; i < N; i++) v[i] = i == 500 ? 1 << 30 : 0; /* one far away */
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= 24);
    for (size_t i = 0; i < N; i++) v[i] = i / 300 % 2; /* a switch */
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= 24);
    for (size_t i = 0; i < N; i++) v[i] = -77;
    assert_true(comes_back(v, N, SERIES__QUICK, 0) <= 12);
    assert_true(there_and_back(v, N, SERIES__VALUE, 0) <= 3);
    for (size_t i = 0; i < N; i++) v[i] = 1700000000000000 + (int64_t)i * 3600000000;
    assert_true(there_and_back(v, N, SERIES__TIME, 0) <= 12);
    for (size_t i = 0, t = 0; i < N; i++, t += i % 100 ? 1 : 2) v[i] = (int64_t)t * 3600000000; /* ten gaps */
    assert_true(there_and_back(v, N, SERIES__TIME, 0) <= 32);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)i * 60000000 + (int64_t)below(&r, 3) * 1000000; /* 1.6 bits */
    assert_true(there_and_back(v, N, SERIES__TIME, 0) <= N * 17 / 80 + 24);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)below(&r, 256); /* 8 bits, no law */
    assert_true(there_and_back(v, N, SERIES__VALUE, 0) <= N * 104 / 100);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)below(&r, 16) * 1234567; /* 4 bits times a number */
    assert_true(there_and_back(v, N, SERIES__VALUE, 0) <= N * 55 / 100);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)(1000 * i * i); /* a parabola */
    assert_true(there_and_back(v, N, SERIES__VALUE, 0) <= N / 5);
    for (size_t i = 0; i < N; i++) v[i] = (int64_t)below(&r, 100) < 2 ? 5000 + (int64_t)below(&r, 5) : 0; /* 0.2 bits */
    assert_true(there_and_back(v, N, SERIES__VALUE, 0) <= 60);
}

/* The model alone, with numbers that columns would rather pack: of 64 bits, of all sizes at once. */
static void models(void **state) {
    (void)state;
    enum { N = 700 };
    uint64_t r = 5, u[N], back[N];
    for (unsigned round = 0; round < 600; round++) {
        size_t n = 1 + below(&r, N);
        unsigned least = below(&r, 64), spread = 1 + below(&r, 64 - least);
        for (size_t i = 0; i < n; i++)
            u[i] = round % 7 ? rnd(&r) >> (least + below(&r, spread)) : UINT64_MAX - below(&r, 9);
        jd_buf b = {0};
        series__model_put(&b, u, n);
        unsigned char *exact = jd_xmalloc(b.n);
        memcpy(exact, b.p, b.n);
        assert_ptr_equal(series__model_get(exact, exact + b.n, back, n), exact + b.n);
        assert_memory_equal(back, u, n * sizeof *u);
        assert_null(series__model_get(exact, exact + b.n - 1, back, n));
        free(exact);
        jd_buf_fini(&b);
    }
}

static void round_numbers(void **state) {
    (void)state;
    uint64_t r = 3;
    for (unsigned i = 0; i < 20000; i++) {
        int64_t v = (int64_t)(rnd(&r) >> below(&r, 64));
        if (i % 3 == 0) v = (v >> 20) * series__ten[below(&r, 7)];
        if (i == 0) v = INT64_MIN;
        if (i == 1) v = INT64_MAX;
        if (i == 2) v = 0;
        jd_buf b = {0};
        series__round_put(&b, v);
        series__at p = (series__at)b.p, end = p + b.n;
        assert_int_equal(series__round_get(&p, end), v);
        assert_ptr_equal(p, end);
        jd_buf_fini(&b);
    }
}

static void damaged_columns(void **state) {
    (void)state;
    uint64_t r = 4;
    int64_t v[300], back[300];
    for (unsigned round = 0; round < 3000; round++) {
        size_t n = 2 + below(&r, 299);
        int64_t last = 0;
        unsigned kind = below(&r, 11);
        for (size_t i = 0; i < n; i++) v[i] = last = some_value(&r, kind, i, last);
        jd_buf b = {0};
        series__column_put(&b, v, n, (series__hint)below(&r, 3), below(&r, 100));
        for (unsigned k = 0; k < 4; k++) b.p[below(&r, (uint32_t)b.n)] ^= (char)(1 << below(&r, 8));
        unsigned char *exact = jd_xmalloc(b.n);
        memcpy(exact, b.p, b.n);
        series__at end = series__column_get(exact, exact + b.n, back, n);
        if (end) assert_true(end > exact && end <= exact + b.n);
        free(exact);
        jd_buf_fini(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_vector_comes_back), cmocka_unit_test(laws_are_short),
                                       cmocka_unit_test(models), cmocka_unit_test(round_numbers),
                                       cmocka_unit_test(damaged_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
