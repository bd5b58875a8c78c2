/* Windows of the week, quiet hours, duty and pace: against naive models, over changes of the clock too. */
#include "people/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static jd_time at(const char *text) {
    jd_time t;
    assert_int_equal(jd_time_parse(jd_str_of(text), &t, NULL), 0);
    return t;
}

static void assert_time(jd_time t, const char *expected) {
    char z[JD_TIME_TEXT_MAX];
    assert_true(t != JD_TIME_NONE);
    int n = (int)jd_time_print(t, 0, z);
    if (strncmp(z, expected, (size_t)n) || strlen(expected) != (size_t)n) fail_msg("%.*s, not %s", n, z, expected);
}

static uint64_t state = 20260101;
static uint32_t below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void zones(void **unused) {
    (void)unused;
    jd_zone *z = jd_zone_open(JD_STR("Asia/Shanghai"), 0);
    when_local l = when_of(z, at("2026-11-29T16:00:00Z"));
    assert_int_equal(l.weekday, 0); /* Monday, 0:00 */
    assert_int_equal(l.minute, 0);
    l = when_of(z, at("2026-11-29T15:59:59Z"));
    assert_int_equal(l.weekday, 6);
    assert_int_equal(l.minute, 1439);
    l = when_of(z, at("1969-12-31T15:00:00Z"));
    assert_int_equal(l.day, -1);
    assert_int_equal(l.minute, 23 * 60);
    jd_zone_close(z);
    assert_null(jd_zone_open(JD_STR("Mars/Olympus"), 0));
    assert_null(jd_zone_open(JD_STR(""), 0));
}

static void texts(void **unused) {
    (void)unused;
    int64_t day;
    assert_int_equal(when_minute(JD_STR("00:00")), 0);
    assert_int_equal(when_minute(JD_STR("23:59")), 1439);
    assert_int_equal(when_minute(JD_STR("24:00")), 1440);
    static const char *const bad[] = {"24:01", "25:00", "12:60", "1:00", "12-00", "", "12:0a", "012:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(when_minute(jd_str_of(bad[i])), -1);
    assert_int_equal(when_date(JD_STR("1970-01-02"), &day), 0);
    assert_int_equal(day, 1);
    assert_int_equal(when_date(JD_STR("2026-02-29"), &day), -1);
    assert_int_equal(when_date(JD_STR("2026-2-9"), &day), -1);
    assert_int_equal(when_weekday(JD_STR("sun")), 6);
    assert_int_equal(when_weekday(JD_STR("Sun")), -1);
}

static void edges(void **unused) {
    (void)unused;
    jd_zone *z = jd_zone_open(JD_STR("Asia/Shanghai"), 0);
    const when_window night = {.days = 1u << 4, .from = 22 * 60, .to = 7 * 60}; /* Friday into Saturday */
    assert_false(when_in(&night, when_of(z, at("2026-12-04T13:59:59Z"))));
    assert_true(when_in(&night, when_of(z, at("2026-12-04T14:00:00Z"))));
    assert_true(when_in(&night, when_of(z, at("2026-12-04T22:59:59Z"))));
    assert_false(when_in(&night, when_of(z, at("2026-12-04T23:00:00Z"))));
    assert_false(when_in(&night, when_of(z, at("2026-12-03T22:00:00Z")))); /* Friday 6:00 is Thursday's night */
    assert_time(when_quiet_until(z, &night, 1, at("2026-12-04T14:00:30Z")), "2026-12-04T23:00:00Z");
    assert_time(when_quiet_until(z, &night, 1, at("2026-12-04T13:00:30Z")), "2026-12-04T13:00:30Z");
    const when_window feast = {.dated = 1, .date = when_of(z, at("2026-10-01T00:00:00Z")).day, .from = 0, .to = 1440};
    assert_false(when_in(&feast, when_of(z, at("2026-09-30T15:59:59Z"))));
    assert_true(when_in(&feast, when_of(z, at("2026-09-30T16:00:00Z"))));
    assert_false(when_in(&feast, when_of(z, at("2026-10-01T16:00:00Z"))));
    const when_window chain[] = {{.days = 0x7f, .from = 12 * 60, .to = 14 * 60},
                                 {.days = 0x7f, .from = 14 * 60, .to = 24 * 60},
                                 {.days = 0x7f, .from = 0, .to = 60}};
    assert_time(when_quiet_until(z, chain, 3, at("2026-12-01T05:00:00Z")), "2026-12-01T17:00:00Z");
    const when_window day[] = {{.days = 0x7f, .from = 0, .to = 720}, {.days = 0x7f, .from = 720, .to = 0}};
    assert_true(when_always(day, 2));
    assert_false(when_always(day, 1));
    assert_time(when_changes(z, &night, 1, at("2026-12-04T13:00:00Z"), 14), "2026-12-04T14:00:00Z");
    assert_true(when_changes(z, &feast, 1, at("2026-12-04T13:00:00Z"), 14) == JD_TIME_NONE);
    jd_zone_close(z);
}

/* Berlin: on 2026-03-29 2:00 is followed by 3:00; on 2026-10-25 2:00 to 3:00 comes twice. */
static void clock_changes(void **unused) {
    (void)unused;
    jd_zone *z = jd_zone_open(JD_STR("Europe/Berlin"), 0);
    const when_window night = {.days = 0x7f, .from = 22 * 60, .to = 7 * 60};
    assert_time(when_quiet_until(z, &night, 1, at("2026-03-28T22:00:00Z")), "2026-03-29T05:00:00Z");
    assert_time(when_quiet_until(z, &night, 1, at("2026-10-24T21:00:00Z")), "2026-10-25T06:00:00Z");
    const when_window skipped = {.days = 0x7f, .from = 60, .to = 2 * 60 + 30}; /* ends where there is no such time */
    jd_time t = when_quiet_until(z, &skipped, 1, at("2026-03-29T00:30:00Z"));
    assert_false(when_in(&skipped, when_of(z, t)));
    assert_true(t <= at("2026-03-29T01:30:00Z"));
    const when_window twice = {.days = 0x7f, .from = 60, .to = 2 * 60 + 30};
    t = when_quiet_until(z, &twice, 1, at("2026-10-25T00:10:00Z"));
    assert_false(when_in(&twice, when_of(z, t)));
    jd_zone_close(z);
}

/* What comes out is outside all windows, is the first such minute, and is not before the question. */
static void quiet_is_the_first_minute(void **unused) {
    (void)unused;
    jd_zone *z = jd_zone_open(JD_STR("Asia/Shanghai"), 0);
    for (int round = 0; round < 400; round++) {
        when_window w[4];
        size_t n = 1 + below(4);
        for (size_t i = 0; i < n; i++)
            w[i] = (when_window){.days = below(127) + 1, .from = (int)below(1440), .to = 1 + (int)below(1440)};
        if (when_always(w, n)) continue;
        jd_time t = at("2026-12-01T00:00:00Z") + (jd_time)below(WHEN_WEEK_MIN) * WHEN_MINUTE_US + below(WHEN_MINUTE_US);
        jd_time got = when_quiet_until(z, w, n, t), expected = t;
        for (int in = 1; in;) {
            in = 0;
            for (size_t i = 0; i < n && !in; i++) in = when_in(&w[i], when_of(z, expected));
            if (in) expected = expected / WHEN_MINUTE_US * WHEN_MINUTE_US + WHEN_MINUTE_US;
        }
        assert_int_equal(got, expected);
    }
    jd_zone_close(z);
}

/* Whoever asks at every moment and sends whenever it may never has more than per_hour in any hour, and not less than
 * the bucket gives. */
static void pace_holds(void **unused) {
    (void)unused;
    for (int round = 0; round < 200; round++) {
        uint32_t per_hour = 1 + below(30);
        const when_pace p = {per_hour, 1 + below(per_hour)};
        jd_time *sends = calloc(4000, sizeof *sends), now = at("2026-12-01T00:00:00Z");
        size_t n = 0;
        for (int step = 0; step < 3000 && n < 3900; step++) {
            int red = below(3) == 0;
            if (when_may(&p, sends, n, now, red)) {
                assert_int_equal(when_next(&p, sends, n, now, red), now);
                sends[n++] = now;
            } else if (below(2)) {
                jd_time next = when_next(&p, sends, n, now, red);
                assert_true(next > now);
                assert_true(next <= now + 2 * WHEN_HOUR_US);
                assert_true(when_may(&p, sends, n, next + 1000, red)); /* what it says is true */
                now = next;
            }
            now += 1 + below(60 * 1000000);
        }
        for (size_t i = per_hour; i < n; i++) assert_true(sends[i] - sends[i - per_hour] >= WHEN_HOUR_US);
        free(sends);
    }
}

static void red_has_a_reserve(void **unused) {
    (void)unused;
    const when_pace p = {20, 5};
    jd_time now = at("2026-12-01T00:00:00Z"), sends[8];
    size_t n = 0;
    while (when_may(&p, sends, n, now, 0)) sends[n++] = now++;
    assert_int_equal(n, 4);
    assert_int_equal(when_may(&p, sends, n, now, 1), 1);
    sends[n++] = now++;
    assert_int_equal(when_may(&p, sends, n, now, 1), 0);
    jd_time next = when_next(&p, sends, n, now, 1);
    assert_true(next - now > 239 * INT64_C(1000000) && next - now <= 241 * INT64_C(1000000)); /* 15 an hour */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones),
        cmocka_unit_test(texts),
        cmocka_unit_test(edges),
        cmocka_unit_test(clock_changes),
        cmocka_unit_test(pace_holds),
        cmocka_unit_test(quiet_is_the_first_minute),
        cmocka_unit_test(red_has_a_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
