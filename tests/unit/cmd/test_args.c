/* Values of options, and the name that was meant. */
#include "cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

typedef struct settings {
    uint64_t n;
    const char *text;
    int flag;
} settings;

static int set(const cmd_opt *o, settings *s, const char *text) {
    jd_err err = {0};
    int rc = cmd_opt_set(o, s, jd_str_of(text), &err);
    if (rc) assert_true(err.en[0] && err.zh[0]);
    return rc;
}

static void test_sizes(void **state) {
    (void)state;
    cmd_opt o = {"size", "BYTES", CMD_SIZE, 0, offsetof(settings, n), 10, (uint64_t)1 << 50, NULL, "", ""};
    settings s = {0};
    static const struct {
        const char *text;
        uint64_t want;
    } good[] = {{"10", 10},
                {"1k", 1024},
                {"3K", 3072},
                {"2M", 2 << 20},
                {"2MiB", 2 << 20},
                {"1G", 1 << 30},
                {"1T", (uint64_t)1 << 40},
                {"20B", 20},
                {"1024T", (uint64_t)1 << 50}};
    static const char *const bad[] = {
        "",     "9", "x", "1 k", "1kk", "-1", "1.5M", "1025T", "k", "99999999999999999999", "18014398509481984k",
        "0x10", "1Q"};
    for (size_t i = 0; i < CMD_COUNT_OF(good); i++) {
        assert_int_equal(set(&o, &s, good[i].text), 0);
        assert_int_equal(s.n, good[i].want);
    }
    for (size_t i = 0; i < CMD_COUNT_OF(bad); i++) {
        s.n = 7;
        assert_int_equal(set(&o, &s, bad[i]), -1);
        assert_int_equal(s.n, 7);
    }
}

static void test_counts_and_choices(void **state) {
    (void)state;
    cmd_opt count = {"n", "N", CMD_COUNT, 0, offsetof(settings, n), 1, 100, NULL, "", ""};
    cmd_opt choice = {"form", "F", CMD_CHOICE, 0, offsetof(settings, text), 0, 0, "one|two|three", "", ""};
    settings s = {0};
    assert_int_equal(set(&count, &s, "100"), 0);
    assert_int_equal(s.n, 100);
    assert_int_equal(set(&count, &s, "101"), -1);
    assert_int_equal(set(&count, &s, "0"), -1);
    assert_int_equal(set(&count, &s, "1k"), -1);
    assert_int_equal(set(&choice, &s, "two"), 0);
    assert_string_equal(s.text, "two");
    assert_int_equal(set(&choice, &s, "tw"), -1);
    assert_int_equal(set(&choice, &s, "one|two"), -1);
    assert_int_equal(set(&choice, &s, ""), -1);
}

static const char *near(const char *typed) {
    static const char *const names[] = {"data", "listen", "open", "log-level", "log-bytes-max", "body-max"};
    return cmd_nearest(jd_str_of(typed), names, CMD_COUNT_OF(names), sizeof *names);
}

static void test_nearest(void **state) {
    (void)state;
    assert_string_equal(near("opne"), "open");
    assert_string_equal(near("lisen"), "listen");
    assert_string_equal(near("log-levels"), "log-level");
    assert_string_equal(near("body_max"), "body-max");
    assert_string_equal(near("log-byte-max"), "log-bytes-max");
    assert_string_equal(near("lis"), "listen");
    assert_null(near("quite-something-else"));
    assert_null(near("0123456789012345678901234567890123456789012345678901234567890123456789"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_counts_and_choices),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
