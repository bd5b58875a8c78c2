/* Zones, by ICU's copy of the IANA data base. */
#include "table/instant.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>

enum { DAY_MS = 86400000 };

struct table__zone {
    UCalendar *cal; /* NULL: a fixed offset */
    int64_t offset_ms;
    /* from <= t < to has this offset */
    int64_t from_ms, to_ms, known_ms;
};

/* "+08:00", "-3:30", "+0800", "+8" */
static int fixed_offset(jd_str s, int64_t *ms) {
    if (jd_str_is(s, "UTC") || jd_str_is(s, "Z") || jd_str_is(s, "GMT")) {
        *ms = 0;
        return 1;
    }
    if (s.n < 2 || (s.p[0] != '+' && s.p[0] != '-')) return 0;
    int digits = 0, v[4] = {0}, colon = 0;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == ':' && !colon && digits && i + 3 == s.n) {
            colon = digits;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9' || digits == 4) return 0;
        v[digits++] = s.p[i] - '0';
    }
    if (digits == 0 || (colon && colon > 2)) return 0;
    int hours_n = colon ? colon : digits > 2 ? digits - 2 : digits;
    int h = 0, m = 0;
    for (int i = 0; i < digits; i++)
        if (i < hours_n)
            h = h * 10 + v[i];
        else
            m = m * 10 + v[i];
    if (h > 18 || m > 59) return 0;
    *ms = (int64_t)(h * 60 + m) * 60000 * (s.p[0] == '-' ? -1 : 1);
    return 1;
}

table__zone *table__zone_open(jd_str name) {
    table__zone z = {.from_ms = 1, .to_ms = 0};
    UChar id[80], canonical[80];
    if (!fixed_offset(name, &z.offset_ms)) {
        UErrorCode rc = U_ZERO_ERROR;
        UBool system = 0;
        if (!name.n || name.n >= 80) return NULL;
        for (size_t i = 0; i < name.n; i++) {
            if (name.p[i] <= ' ' || name.p[i] > '~') return NULL;
            id[i] = (UChar)name.p[i];
        }
        id[name.n] = 0;
        ucal_getCanonicalTimeZoneID(id, (int32_t)name.n, canonical, 80, &system, &rc);
        if (U_FAILURE(rc) || !system) return NULL;
        z.cal = ucal_open(id, (int32_t)name.n, "en", UCAL_GREGORIAN, &rc);
        if (U_FAILURE(rc)) return NULL;
    }
    table__zone *out = jd_xmalloc(sizeof *out);
    *out = z;
    return out;
}

void table__zone_close(table__zone *z) {
    if (!z) return;
    if (z->cal) ucal_close(z->cal);
    free(z);
}

/* The offset at an instant; remembers the stretch in which it holds. */
static int64_t offset_at(table__zone *z, int64_t ms) {
    if (!z->cal) return z->offset_ms;
    if (ms >= z->from_ms && ms < z->to_ms) return z->known_ms;
    UErrorCode rc = U_ZERO_ERROR;
    UDate when;
    ucal_setMillis(z->cal, (UDate)ms, &rc);
    z->known_ms = ucal_get(z->cal, UCAL_ZONE_OFFSET, &rc) + ucal_get(z->cal, UCAL_DST_OFFSET, &rc);
    if (U_FAILURE(rc)) {
        z->from_ms = 1, z->to_ms = 0;
        return 0;
    }
    z->from_ms = ucal_getTimeZoneTransitionDate(z->cal, UCAL_TZ_TRANSITION_PREVIOUS_INCLUSIVE, &when, &rc)
                     ? (int64_t)when
                     : INT64_MIN;
    z->to_ms = ucal_getTimeZoneTransitionDate(z->cal, UCAL_TZ_TRANSITION_NEXT, &when, &rc) ? (int64_t)when : INT64_MAX;
    return z->known_ms;
}

static int64_t floor_ms(int64_t us) {
    return us >= 0 ? us / 1000 : -((-us + 999) / 1000);
}

table__wall table__zone_instant(table__zone *z, int64_t local_us, jd_time *first, jd_time *second) {
    int64_t local = floor_ms(local_us);
    int64_t before = offset_at(z, local - DAY_MS), after = offset_at(z, local + DAY_MS);
    int64_t a = local_us - before * 1000, b = local_us - after * 1000;
    *first = a;
    if (before == after) return TABLE__ONCE;
    int a_holds = offset_at(z, floor_ms(a)) == before, b_holds = offset_at(z, floor_ms(b)) == after;
    if (a_holds && b_holds) { /* set back: the hour came twice, first with the offset from before */
        *second = b;
        return TABLE__TWICE;
    }
    if (b_holds) *first = b;
    return a_holds || b_holds ? TABLE__ONCE : TABLE__NEVER;
}
