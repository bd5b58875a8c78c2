#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

static void test_arena_keeps_until_rewound(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_str kept = jd_arena_dup(&a, JD_STR("kept"));
    jd_arena_mark m = jd_arena_tell(&a);
    for (int i = 0; i < 1000; i++) memset(jd_arena_alloc(&a, (size_t)i * 7 + 1), i, (size_t)i * 7 + 1);
    jd_arena_rewind(&a, m);
    char *next = jd_arena_alloc(&a, 8);
    assert_ptr_equal(next, m.at);
    assert_string_equal(kept.p, "kept");
    assert_true((uintptr_t)jd_arena_alloc(&a, 3) % 8 == 0);
    char *big = jd_arena_alloc(&a, 1 << 20);
    memset(big, 1, 1 << 20);
    jd_arena_reset(&a);
    assert_true(a.total <= 64 * 1024);
    jd_str s = jd_arena_printf(&a, "%d-%s", 42, "x");
    assert_true(jd_str_is(s, "42-x"));
    jd_arena_fini(&a);
}

static void test_arena_recycles_what_it_may_keep(void **state) {
    (void)state;
    enum { MANY = 100000 };
    jd_arena a;
    jd_arena_init(&a);
    for (int round = 0; round < 20; round++) {
        for (size_t done = 0; done < MANY; done += 1000) {
            char *p = jd_arena_alloc(&a, 1000);
            memset(p, round, 1000);
        }
        assert_true(a.total >= MANY);
        jd_arena_recycle(&a, round < 10 ? (size_t)MANY * 8 : 0); /* what is kept is used, and given up in the end */
        assert_true(a.total <= 64 * 1024);
        if (round < 10) assert_non_null(a.spare);
    }
    assert_non_null(jd_arena_alloc(&a, (size_t)MANY * 3)); /* larger than any chunk that was kept */
    jd_arena_fini(&a);
}

static void test_varint(void **state) {
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX, UINT64_C(1) << 63};
    jd_buf b = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        size_t was = b.n;
        jd_buf_varint(&b, values[i]);
        assert_int_equal(b.n - was, jd_varint_size(values[i]));
    }
    const unsigned char *p = (const unsigned char *)b.p, *end = p + b.n;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) assert_true(jd_varint_get(&p, end) == values[i]);
    assert_ptr_equal(p, end);
    jd_varint_get(&p, end);
    assert_null(p); /* nothing left */
    const unsigned char endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    p = endless;
    jd_varint_get(&p, endless + sizeof endless);
    assert_null(p);
    for (int64_t v = -3; v < 4; v++) assert_true(jd_unzigzag(jd_zigzag(v)) == v);
    assert_true(jd_unzigzag(jd_zigzag(INT64_MIN)) == INT64_MIN);
    jd_buf_fini(&b);
}

/* Each width at both its edges, as the last bytes of a buffer and followed by others, against seven bits at a time. */
static void test_varint_widths(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int off = -1; off < 2; off++) {
            uint64_t v = (UINT64_C(1) << bit) + (uint64_t)off;
            unsigned char plain[JD_VARINT_MAX + 8], out[JD_VARINT_MAX + 8];
            size_t n = 0;
            memset(plain, 0xa5, sizeof plain);
            memset(out, 0xa5, sizeof out);
            for (uint64_t rest = v; rest >= 0x80 || (plain[n++] = (unsigned char)rest, 0); rest >>= 7)
                plain[n++] = (unsigned char)(rest | 0x80);
            assert_int_equal(n, jd_varint_size(v));
            assert_ptr_equal(jd_varint_put((char *)out, v), (char *)out + n);
            assert_memory_equal(out, plain, sizeof out); /* what stands behind it too */
            unsigned char *tight = jd_xmalloc(n);
            memcpy(tight, plain, n);
            const unsigned char *p = tight;
            assert_true(jd_varint_get(&p, tight + n) == v);
            assert_ptr_equal(p, tight + n);
            p = tight;
            jd_varint_get(&p, tight + n - 1);
            assert_null(p);
            free(tight);
            p = plain;
            assert_true(jd_varint_get(&p, plain + sizeof plain) == v);
            assert_ptr_equal(p, plain + n);
        }
    const unsigned char overlong[] = {0x81, 0x80, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff}, *p = overlong;
    assert_true(jd_varint_get(&p, overlong + sizeof overlong) == 1);
    assert_ptr_equal(p, overlong + 3);
}

static void test_times(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int ok, digits;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 1, 0},
        {"2024-02-29T23:59:59Z", 1, 0},
        {"2023-02-29T00:00:00Z", 0, 0},
        {"2026-11-23T08:30:00.5Z", 1, 1},
        {"2026-11-23T08:30:00.123456Z", 1, 6},
        {"2026-11-23T08:30:00.1234567Z", 1, 7},
        {"2026-11-23T08:30:00+08:00", 0, 0},
        {"2026-11-23 08:30:00Z", 0, 0},
        {"2026-13-01T00:00:00Z", 0, 0},
        {"2026-00-10T00:00:00Z", 0, 0},
        {"2026-01-01T24:00:00Z", 0, 0},
        {"2026-01-01T00:60:00Z", 0, 0},
        {"2026-01-01T00:00:00.Z", 0, 0},
        {"2026-01-01T00:00:00", 0, 0},
        {"", 0, 0},
        {"0001-01-01T00:00:00Z", 1, 0},
        {"9999-12-31T23:59:59.999999Z", 1, 6},
        {"2016-08-22T19:20Z", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_time t;
        int digits;
        int rc = jd_time_parse(jd_str_of(cases[i].text), &t, &digits);
        if ((rc == 0) != cases[i].ok) fail_msg("%s", cases[i].text);
        if (rc) continue;
        assert_int_equal(digits, cases[i].digits);
        char text[JD_TIME_TEXT_MAX];
        if (digits <= 6) {
            jd_time_print(t, digits, text);
            assert_string_equal(text, cases[i].text);
        }
    }
    /* every day of 400 years, forth and back */
    for (int64_t day = -146097; day <= 146097; day++) {
        char text[JD_TIME_TEXT_MAX];
        jd_time t = day * 86400000000 + 1000, back;
        size_t n = jd_time_print(t, -1, text);
        assert_int_equal(jd_time_parse((jd_str){text, n}, &back, NULL), 0);
        assert_true(back == t);
    }
}

static void test_strmap_against_array(void **state) {
    (void)state;
    jd_strmap m;
    jd_strmap_init(&m);
    static uint32_t have[500];
    for (int i = 0; i < 500; i++) have[i] = JD_STRMAP_NONE;
    uint64_t x = 12345;
    for (uint32_t step = 0; step < 50000; step++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint32_t i = (uint32_t)(x >> 33) % 500;
        char key[16];
        int n = snprintf(key, sizeof key, "k%u", i);
        jd_str k = {key, (size_t)n};
        switch ((x >> 20) % 3) {
        case 0: jd_strmap_put(&m, k, step), have[i] = step; break;
        case 1:
            if (have[i] == JD_STRMAP_NONE) have[i] = step;
            assert_int_equal(jd_strmap_add(&m, k, step), have[i]);
            break;
        default: jd_strmap_del(&m, k), have[i] = JD_STRMAP_NONE;
        }
        assert_int_equal(jd_strmap_get(&m, k), have[i]);
    }
    jd_strmap_fini(&m);
}

static void test_sums(void **state) {
    (void)state;
    assert_int_equal(jd_crc32c(0, "123456789", 9), 0xE3069283u); /* RFC 3720 */
    assert_true(jd_crc32c(jd_crc32c(0, "1234", 4), "56789", 5) == 0xE3069283u);
    assert_true(jd_hash_fixed("abc", 3) != jd_hash_fixed("abc\0", 4));
    assert_true(jd_hash_fixed("", 0) == jd_hash_fixed("x", 0));
}

static void test_errors_are_whole_characters(void **state) {
    (void)state;
    jd_err e;
    char many[600];
    memset(many, 'a', sizeof many);
    for (int shift = 0; shift < 3; shift++) {
        for (int i = 0; i < 180; i++) memcpy(many + shift + 3 * i, "镇", 3);
        many[shift + 540] = 0;
        assert_int_equal(jd_fail(&e, JD_E_NOT_FOUND, "%s", "%s", many), -1);
        size_t n = strlen(e.zh);
        assert_int_equal((n - (size_t)shift) % 3, 0); /* never cut inside a character */
    }
    jd_fail_at(&e, "a.b");
    jd_fail_at(&e, "outer");
    assert_string_equal(e.place, "a.b");
    assert_int_equal(jd_err_status(JD_E_NOT_FOUND), 404);
    assert_string_equal(jd_err_uri(JD_E_NOT_FOUND), "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_keeps_until_rewound),
        cmocka_unit_test(test_arena_recycles_what_it_may_keep),
        cmocka_unit_test(test_varint),
        cmocka_unit_test(test_varint_widths),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_strmap_against_array),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_errors_are_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
