/* Zones against ICU's own calendar, asked anew for each instant. */
#include "base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>

#include <cmocka.h>

static uint64_t state = 20261001;
static int64_t between(int64_t least, int64_t most) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return least + (int64_t)((state >> 11) % (uint64_t)(most - least + 1));
}

static int64_t by_icu(UCalendar *cal, int64_t us) {
    UErrorCode rc = U_ZERO_ERROR;
    ucal_setMillis(cal, (UDate)(us / 1000 - (us % 1000 < 0)), &rc);
    int64_t ms = ucal_get(cal, UCAL_ZONE_OFFSET, &rc) + ucal_get(cal, UCAL_DST_OFFSET, &rc);
    assert_true(U_SUCCESS(rc));
    return ms * 1000;
}

static void same(const char *name, const jd_zone *z, UCalendar *cal, int64_t us) {
    int64_t want = by_icu(cal, us), got = jd_zone_offset(z, us);
    if (want != got) fail_msg("%s at %lld: %lld, not %lld", name, (long long)us, (long long)got, (long long)want);
}

/* Every zone of ICU's: random instants from 1500 to the year 9999, most of them of our own time; and around changes. */
static void offsets(void **unused) {
    (void)unused;
    UErrorCode rc = U_ZERO_ERROR;
    UEnumeration *ids = ucal_openTimeZones(&rc);
    int32_t n = 0;
    int zones = 0;
    for (const char *id; (id = uenum_next(ids, &n, &rc)) && U_SUCCESS(rc);) {
        UChar u[80];
        UErrorCode e = U_ZERO_ERROR;
        if (n >= 80) continue;
        for (int32_t i = 0; i <= n; i++) u[i] = (UChar)id[i];
        UCalendar *cal = ucal_open(u, n, "en", UCAL_GREGORIAN, &e);
        jd_zone *z = jd_zone_open((jd_str){id, (size_t)n}, 0);
        assert_true(U_SUCCESS(e));
        if (!z) fail_msg("%s", id);
        for (int i = 0; i < 60; i++) {
            same(id, z, cal, between(-2208988800000000, 4102444800000000)); /* 1900 to 2100 */
            same(id, z, cal, between(-14831769600000000, 253402300799999999));
        }
        UDate at = -2.2e12;
        for (int i = 0; i < 40; i++) {
            ucal_setMillis(cal, at, &e);
            if (!ucal_getTimeZoneTransitionDate(cal, UCAL_TZ_TRANSITION_NEXT, &at, &e)) break;
            same(id, z, cal, (int64_t)at * 1000);
            same(id, z, cal, (int64_t)at * 1000 - 1);
        }
        zones++;
        ucal_close(cal);
        jd_zone_close(z);
    }
    uenum_close(ids);
    assert_true(zones > 400);
}

static void names(void **unused) {
    (void)unused;
    static const char *const none[] = {"", "Mars/Olympus", "Asia/Shanghai ", "asia", "+", "+25", "+08:60", "+8:0", "8"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        for (int too = 0; too < 2; too++) assert_null(jd_zone_open(jd_str_of(none[i]), too));
    static const struct {
        const char *name;
        int minutes;
    } fixed[] = {{"+08:00", 480}, {"-3:30", -210}, {"+0800", 480}, {"+8", 480}, {"Z", 0}, {"-18", -1080}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        assert_null(jd_zone_open(jd_str_of(fixed[i].name), 0));
        jd_zone *z = jd_zone_open(jd_str_of(fixed[i].name), 1);
        assert_non_null(z);
        assert_int_equal(jd_zone_offset(z, between(-1000000000000, 1000000000000)), fixed[i].minutes * 60000000LL);
        jd_zone_close(z);
    }
    jd_zone_close(NULL);
}

static jd_time at(const char *text) {
    jd_time t;
    assert_int_equal(jd_time_parse(jd_str_of(text), &t, NULL), 0);
    return t;
}

/* Whatever the clock shows at an instant leads back to it. */
static void there_and_back(void **unused) {
    (void)unused;
    static const char *const ids[] = {"Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe",
                                      "Pacific/Apia"};
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
        jd_zone *z = jd_zone_open(jd_str_of(ids[k]), 0);
        for (int i = 0; i < 20000; i++) {
            jd_time t = between(0, 2000000000) * 1000000, a, b = 0;
            jd_wall wall = jd_zone_instant(z, t + jd_zone_offset(z, t), &a, &b);
            assert_true(wall == JD_WALL_ONCE ? a == t : wall == JD_WALL_TWICE && a < b && (a == t || b == t));
        }
        jd_zone_close(z);
    }
    jd_zone *z = jd_zone_open(JD_STR("Europe/Berlin"), 0);
    jd_time a, b;
    assert_int_equal(jd_zone_instant(z, at("2026-03-29T02:30:00Z"), &a, &b), JD_WALL_NEVER);
    assert_int_equal(a, at("2026-03-29T01:30:00Z"));
    assert_int_equal(b, at("2026-03-29T01:00:00Z"));
    assert_int_equal(jd_zone_instant(z, at("2026-10-25T02:30:00Z"), &a, &b), JD_WALL_TWICE);
    assert_int_equal(a, at("2026-10-25T00:30:00Z"));
    assert_int_equal(b, at("2026-10-25T01:30:00Z"));
    jd_zone_close(z);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(offsets), cmocka_unit_test(names),
                                       cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
