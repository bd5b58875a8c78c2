/* Times as tables write them, zones with their skipped and repeated hours, and decimal numbers. */
#include "table/decimal.h"
#include "table/instant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *text_of(int64_t us, int digits) {
    static char out[JD_TIME_TEXT_MAX + 1];
    out[jd_time_print(us, digits, out)] = 0;
    return out;
}

static void test_iso(void **state) {
    static const struct {
        const char *in, *want;
    } t[] = {{"2019", "2019-01-01T00:00:00Z"},
             {"2019-03", "2019-03-01T00:00:00Z"},
             {"2019-03-10", "2019-03-10T00:00:00Z"},
             {"2019-03-10 7:05", "2019-03-10T07:05:00Z"},
             {"2019-03-10T07:05:09", "2019-03-10T07:05:09Z"},
             {"2019-03-10T07:05:09.120", "2019-03-10T07:05:09.120Z"},
             {"2019-03-10T07:05:09,5Z", "2019-03-10T07:05:09.5Z"},
             {"2019-03-10T07:05:09+08:00", "2019-03-09T23:05:09Z"},
             {"2019-03-10 07:05:09 -0330", "2019-03-10T10:35:09Z"},
             {"2019-3-1", "2019-03-01T00:00:00Z"},
             {"2019-03-10T24:00", "2019-03-11T00:00:00Z"},
             {"2019-02-29", NULL},
             {"2019-03-10T24:01", NULL},
             {"2019-03-10T07:60", NULL},
             {"19-03-10", NULL},
             {"2019/03/10", NULL},
             {"2019-03-10T", NULL},
             {"2019-03-10 07:05x", NULL},
             {"", NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT(t); i++) {
        table__civil c;
        int64_t us = 0;
        int bad = table__iso_read(jd_str_of(t[i].in), &c) || table__civil_us(&c, &us);
        if (!bad != (t[i].want != NULL)) fail_msg("%s", t[i].in);
        if (!bad) assert_string_equal(text_of(us - (int64_t)c.offset_s * 1000000, c.digits), t[i].want);
    }
}

static void test_forms(void **state) {
    static const struct {
        const char *form, *in, *want;
    } t[] = {{"%d/%m/%Y %H:%M", "1/1/2018 0:15", "2018-01-01T00:15:00Z"},
             {"%d/%m/%Y %H:%M", "13/01/2018  00:15", "2018-01-13T00:15:00Z"},
             {"%m/%d/%Y %H:%M", "13/01/2018 00:15", NULL},
             {"%Y%m%d%H%M", "201803100705", "2018-03-10T07:05:00Z"},
             {"%Y年%m月%d日 %H时", "2018年3月1日 7时", "2018-03-01T07:00:00Z"},
             {"%d-%b-%y", "01-Mar-18", "2018-03-01T00:00:00Z"},
             {"%d %b %Y", "5 September 1969", "1969-09-05T00:00:00Z"},
             {"%y", "69", "1969-01-01T00:00:00Z"},
             {"%m/%d/%Y %I:%M %p", "3/1/2018 12:05 AM", "2018-03-01T00:05:00Z"},
             {"%m/%d/%Y %I:%M %p", "3/1/2018 12:05 pm", "2018-03-01T12:05:00Z"},
             {"%Y-%m-%d %p%I:%M", "2018-03-01 下午3:05", "2018-03-01T15:05:00Z"},
             {"%m/%d/%Y %I:%M %p", "3/1/2018 13:05 pm", NULL},
             {"%Y-%m-%d %H:%M:%S.%f", "2018-03-01 01:02:03.0400", "2018-03-01T01:02:03.0400Z"},
             {"%Y-%m-%dT%H:%M%z", "2018-03-01T01:02+01:00", "2018-03-01T00:02:00Z"},
             {"100%% %Y", "100% 2018", "2018-01-01T00:00:00Z"},
             {"%Y-%m", "2018-03-01", NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT(t); i++) {
        table__civil c;
        int64_t us = 0;
        assert_int_equal(table__form_valid(jd_str_of(t[i].form), NULL), 0);
        int bad = table__form_read(jd_str_of(t[i].form), jd_str_of(t[i].in), &c) || table__civil_us(&c, &us);
        if (!bad != (t[i].want != NULL)) fail_msg("%s", t[i].in);
        if (!bad) assert_string_equal(text_of(us - (int64_t)c.offset_s * 1000000, c.digits), t[i].want);
    }
    assert_int_equal(table__form_valid(JD_STR("%d/%m"), NULL), -1);
    assert_int_equal(table__form_valid(JD_STR("%Y %q"), NULL), -1);
    assert_int_equal(table__form_valid(JD_STR("%Y %"), NULL), -1);
}

static void test_units(void **state) {
    static const struct {
        const char *in, *next;
    } t[] = {{"2019", "2020-01-01T00:00:00Z"},          {"2019-12", "2020-01-01T00:00:00Z"},
             {"2020-02-28", "2020-02-29T00:00:00Z"},    {"2019-12-31", "2020-01-01T00:00:00Z"},
             {"2019-12-31T23", "2020-01-01T00:00:00Z"}, {"2019-12-31T23:10", "2019-12-31T23:10:00Z"}};
    (void)state;
    for (size_t i = 0; i < COUNT(t); i++) {
        table__civil c;
        int64_t us;
        assert_int_equal(table__iso_read(jd_str_of(t[i].in), &c), 0);
        table__civil_next(&c);
        assert_int_equal(table__civil_us(&c, &us), 0);
        assert_string_equal(text_of(us, 0), t[i].next);
    }
}

static void test_epochs(void **state) {
    static const struct {
        const char *in;
        int64_t unit;
        const char *want;
    } t[] = {{"0", 1000000, "1970-01-01T00:00:00Z"},
             {"1577836800", 1000000, "2020-01-01T00:00:00Z"},
             {"1577836800.25", 1000000, "2020-01-01T00:00:00.25Z"},
             {"1577836800250", 1000, "2020-01-01T00:00:00.250Z"},
             {"1577836800250123", 1, "2020-01-01T00:00:00.250123Z"},
             {"-0.5", 1000000, "1969-12-31T23:59:59.5Z"},
             {"1577836800.1234567", 1000000, "2020-01-01T00:00:00.123456Z"},
             {"1e9", 1000000, NULL},
             {"99999999999999999999", 1000000, NULL},
             {"999999999999", 1000000, NULL},
             {"", 1, NULL},
             {"-", 1, NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT(t); i++) {
        jd_time at;
        int digits;
        int bad = table__epoch_read(jd_str_of(t[i].in), t[i].unit, &at, &digits);
        if (!bad != (t[i].want != NULL)) fail_msg("%s", t[i].in);
        if (!bad) assert_string_equal(text_of(at, digits), t[i].want);
    }
    int64_t us;
    assert_int_equal(table__excel_read(JD_STR("43831"), &us), 0);
    assert_string_equal(text_of(us, 0), "2020-01-01T00:00:00Z");
    assert_int_equal(table__excel_read(JD_STR("43831.520833333336"), &us), 0);
    assert_string_equal(text_of(us, 3), "2020-01-01T12:30:00.000Z");
    assert_int_equal(table__excel_read(JD_STR("59"), &us), -1);
}

static void test_zones(void **state) {
    static const struct {
        const char *zone, *local;
        jd_wall wall;
        const char *first, *second;
    } t[] = {{"UTC", "2019-03-10T02:30", JD_WALL_ONCE, "2019-03-10T02:30:00Z", NULL},
             {"+08:00", "2019-03-10T02:30", JD_WALL_ONCE, "2019-03-09T18:30:00Z", NULL},
             {"-3:30", "2019-03-10T02:30", JD_WALL_ONCE, "2019-03-10T06:00:00Z", NULL},
             {"Asia/Shanghai", "2016-01-01T00:00", JD_WALL_ONCE, "2015-12-31T16:00:00Z", NULL},
             {"Asia/Shanghai", "1988-07-01T00:00", JD_WALL_ONCE, "1988-06-30T15:00:00Z", NULL},
             {"America/New_York", "2019-03-10T01:59:59", JD_WALL_ONCE, "2019-03-10T06:59:59Z", NULL},
             {"America/New_York", "2019-03-10T02:30", JD_WALL_NEVER, "2019-03-10T07:30:00Z", NULL},
             {"America/New_York", "2019-03-10T03:00", JD_WALL_ONCE, "2019-03-10T07:00:00Z", NULL},
             {"America/New_York", "2019-11-03T00:59:59", JD_WALL_ONCE, "2019-11-03T04:59:59Z", NULL},
             {"America/New_York", "2019-11-03T01:00", JD_WALL_TWICE, "2019-11-03T05:00:00Z", "2019-11-03T06:00:00Z"},
             {"America/New_York", "2019-11-03T01:59:59", JD_WALL_TWICE, "2019-11-03T05:59:59Z", "2019-11-03T06:59:59Z"},
             {"America/New_York", "2019-11-03T02:00", JD_WALL_ONCE, "2019-11-03T07:00:00Z", NULL},
             {"Australia/Lord_Howe", "2019-04-07T01:45", JD_WALL_TWICE, "2019-04-06T14:45:00Z", "2019-04-06T15:15:00Z"},
             {"Pacific/Apia", "2011-12-30T12:00", JD_WALL_NEVER, "2011-12-30T22:00:00Z", NULL},
             {"Europe/London", "1969-06-01T00:00", JD_WALL_ONCE, "1969-05-31T23:00:00Z", NULL}};
    (void)state;
    for (size_t i = 0; i < COUNT(t); i++) {
        jd_zone *z = jd_zone_open(jd_str_of(t[i].zone), 1);
        table__civil c;
        int64_t us;
        jd_time first, second = 0;
        assert_non_null(z);
        assert_int_equal(table__iso_read(jd_str_of(t[i].local), &c), 0);
        assert_int_equal(table__civil_us(&c, &us), 0);
        jd_wall wall = jd_zone_instant(z, us, &first, &second);
        if (wall != t[i].wall) fail_msg("%s %s: %d", t[i].zone, t[i].local, (int)wall);
        assert_string_equal(text_of(first, 0), t[i].first);
        if (t[i].second) assert_string_equal(text_of(second, 0), t[i].second);
        jd_zone_close(z);
    }
    static const char *const none[] = {"",  "Mars/Olympus", "Asia/Shanghai ", "+", "+19:00", "+8:6", "+08:60",
                                       "8", "+08000"};
    for (size_t i = 0; i < COUNT(none); i++) assert_null(jd_zone_open(jd_str_of(none[i]), 1));
}

/* Every hour of some years: local time and back, with the platform's own zone tables as the other opinion. */
static void test_zones_every_hour(void **state) {
    static const char *const names[] = {"America/Toronto", "Asia/Seoul", "Europe/Berlin", "Australia/Sydney"};
    (void)state;
    for (size_t k = 0; k < COUNT(names); k++) {
        setenv("TZ", names[k], 1);
        tzset();
        jd_zone *z = jd_zone_open(jd_str_of(names[k]), 1);
        assert_non_null(z);
        for (time_t t = 1514764800; t < 1609459200; t += 1800) {
            struct tm tm;
            jd_time first, second = INT64_MIN;
            assert_non_null(localtime_r(&t, &tm));
            int64_t local = ((int64_t)t + tm.tm_gmtoff) * 1000000, at = (int64_t)t * 1000000;
            jd_wall wall = jd_zone_instant(z, local, &first, &second);
            assert_true(wall != JD_WALL_NEVER);
            if (wall == JD_WALL_ONCE)
                assert_true(first == at);
            else
                assert_true(tm.tm_isdst ? first == at && second == at + 3600000000 : second == at);
        }
        jd_zone_close(z);
    }
    unsetenv("TZ");
    tzset();
}

/* ---- numbers ---- */

static void test_numbers(void **state) {
    static const struct {
        const char *in;
        char point;
        const char *thousands, *want;
    } t[] = {{"1", '.', "", "1"},
             {"-6.94E-18", '.', "", "-6.94E-18"},
             {"255.00", '.', "", "255.00"},
             {"0.0", '.', "", "0.0"},
             {"-0", '.', "", "-0"},
             {"+5", '.', "", "5"},
             {".5", '.', "", "0.5"},
             {"-.50", '.', "", "-0.50"},
             {"7.", '.', "", "7"},
             {"007", '.', "", "7"},
             {"00", '.', "", "0"},
             {"1,5", ',', "", "1.5"},
             {"1.5", ',', "", NULL},
             {"1.234.567,80", ',', ".", "1234567.80"},
             {"1,234", '.', ",", "1234"},
             {"12,34", '.', ",", NULL},
             {"1234,567", '.', ",", NULL},
             {"1,234,5", '.', ",", NULL},
             {"1 234", '.', " ", "1234"},
             {"1\xC2\xA0"
              "234,5",
              ',', "\xC2\xA0", "1234.5"},
             {"1234", '.', ",", "1234"},
             {"1e5", '.', "", "1e5"},
             {"1e", '.', "", NULL},
             {"", '.', "", NULL},
             {"-", '.', "", NULL},
             {".", '.', "", NULL},
             {"0x10", '.', "", NULL},
             {"NaN", '.', "", NULL},
             {"inf", '.', "", NULL},
             {"1 2", '.', "", NULL},
             {"1.2.3", '.', "", NULL},
             {"--1", '.', "", NULL}};
    jd_arena a;
    (void)state;
    jd_arena_init(&a);
    for (size_t i = 0; i < COUNT(t); i++) {
        jd_str out;
        int bad = table__number(jd_str_of(t[i].in), t[i].point, jd_str_of(t[i].thousands), &a, &out);
        if (!bad != (t[i].want != NULL) || (!bad && !jd_str_is(out, t[i].want)))
            fail_msg("%s -> %.*s", t[i].in, bad ? 1 : (int)out.n, bad ? "!" : out.p);
    }
    jd_arena_fini(&a);
}

static void test_decimals(void **state) {
    static const struct {
        const char *in, *factor, *offset, *want;
    } t[] = {{"25.50", "0.01", "0", "0.255"},
             {"0.1", "3", "0", "0.3"},
             {"-40", "1.8", "32", "-40"},
             {"1e3", "1", "0.5", "1000.5"},
             {"12", "0.028316846592", "0", "0.339802159104"},
             {"-6.94E-18", "10", "0", "-0.0000000000000000694"},
             {"0.000", "7", "0", "0"},
             {"123456789012345678", "1000000000000000001", "0", "123456789012345678123456789012345678"},
             {"1234567890123456789012345678901234567", "1", "0", NULL},
             {"1e400", "1", "0", NULL},
             {"99999999999999999999", "99999999999999999999", "0", NULL}};
    jd_arena a;
    (void)state;
    jd_arena_init(&a);
    for (size_t i = 0; i < COUNT(t); i++) {
        table__dec f, o;
        jd_str out;
        assert_int_equal(table__dec_read(jd_str_of(t[i].factor), &f), 0);
        assert_int_equal(table__dec_read(jd_str_of(t[i].offset), &o), 0);
        int bad = table__dec_apply(jd_str_of(t[i].in), &f, &o, &a, &out);
        if (!bad != (t[i].want != NULL) || (!bad && !jd_str_is(out, t[i].want)))
            fail_msg("%s -> %.*s", t[i].in, bad ? 1 : (int)out.n, bad ? "!" : out.p);
    }
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_iso),     cmocka_unit_test(test_forms),
                                       cmocka_unit_test(test_units),   cmocka_unit_test(test_epochs),
                                       cmocka_unit_test(test_zones),   cmocka_unit_test(test_zones_every_hour),
                                       cmocka_unit_test(test_numbers), cmocka_unit_test(test_decimals)};
    return cmocka_run_group_tests_name("table/instant", tests, NULL, NULL);
}
