/* Doubles as text: they read back the same, and no shorter text does; patterns; what messages show. */
#include "base/err.h"
#include "base/number.h"
#include "base/regex.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(double v, const char *expected) {
    char z[JD_NUMBER_TEXT_MAX];
    assert_int_equal(jd_number_print(v, z), strlen(expected));
    assert_string_equal(z, expected);
}

static void shortest(void **unused) {
    (void)unused;
    is(0, "0");
    is(-0.0, "0");
    is(0.1, "0.1");
    is(-1.5, "-1.5");
    is(100, "100");
    is(123456789012, "123456789012");
    is(9007199254740991, "9007199254740991");
    is(1e15 + 0.5, "1000000000000000.5");
    is(1e300, "1e+300");
    is(0.30000000000000004, "0.30000000000000004");
    is(DBL_MAX, "1.7976931348623157e+308");
    is(5e-324, "5e-324");
    uint64_t s = 1;
    for (int i = 0; i < 200000; i++) {
        double v;
        char z[JD_NUMBER_TEXT_MAX], shorter[40];
        s = s * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = s ^ (s >> 29);
        memcpy(&v, &bits, sizeof v);
        if (i & 1) v = (double)(int64_t)(bits >> 20) / 1000;
        if (!isfinite(v)) continue;
        size_t n = jd_number_print(v, z);
        assert_true(n < JD_NUMBER_TEXT_MAX && strlen(z) == n);
        assert_true(strtod(z, NULL) == v);
        int digits = 0;
        for (const char *c = z; *c && *c != 'e'; c++) digits += *c >= (digits ? '0' : '1') && *c <= '9';
        if (digits != 16 && digits != 17) continue;
        snprintf(shorter, sizeof shorter, "%.*g", 15, v);
        if (fabs(v) > 1e16 || v != floor(v)) assert_true(strtod(shorter, NULL) != v);
    }
}

static void patterns(void **unused) {
    jd_arena a;
    jd_regex *r;
    jd_err err;
    size_t at;
    (void)unused;
    jd_arena_init(&a);
    assert_int_equal(jd_regex_make(&a, JD_STR("^a(b|c)+$"), 10, &r, &err, &at), 0);
    assert_int_equal(jd_regex_run(r, JD_STR("abcb")), 1);
    assert_int_equal(jd_regex_run(r, JD_STR("abd")), 0);
    jd_regex_fini(r);
    assert_int_equal(jd_regex_make(&a, JD_STR("^a(b|c)+$"), 9, &r, &err, &at), 0);
    jd_regex_fini(r);
    assert_int_equal(jd_regex_make(&a, JD_STR("^a(b|c)+$"), 8, &r, &err, &at), -1);
    assert_int_equal(err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_int_equal(jd_regex_make(&a, JD_STR("ab["), 8, &r, &err, &at), -1);
    assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
    assert_int_equal(at, 3);
    assert_string_equal(err.place, "");
    jd_arena_fini(&a);
}

static void shown(void **unused) {
    char z[JD_SHOWN];
    (void)unused;
    jd_show(JD_STR("a\nb\xff镇"), z);
    assert_string_equal(z, "a?b?镇");
    jd_show(JD_STR("01234567890123456789012345678901234567890123456789"), z);
    assert_string_equal(z, "012345678901234567890123456789012345...");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shortest), cmocka_unit_test(patterns), cmocka_unit_test(shown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
