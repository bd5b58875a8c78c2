/* Zones as tables of what ICU says about them. */
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/ucal.h>

/* The calendar repeats every 400 years, to the weekday; the rules of the last ones known then hold for ever. The table
 * goes so far that its last 400 years have nothing but those. */
#define CYCLE_MS ((int64_t)146097 * 86400000)
#define LAST_MS INT64_C(7068124800000) /* 2193-12-24 */
#define DAY_US INT64_C(86400000000)

enum { NAME_MAX_ = 80, STRETCHES_MAX = 4096 };

typedef struct stretch {
    int64_t from_ms, offset_ms; /* up to the next one's from_ms */
} stretch;

struct jd_zone {
    uint32_t n; /* >= 1; the first has no beginning */
    stretch s[];
};

static int64_t floor_ms(int64_t us) {
    return us / 1000 - (us % 1000 < 0);
}

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

static UCalendar *calendar(jd_str name) {
    UChar id[NAME_MAX_], canonical[NAME_MAX_];
    UErrorCode rc = U_ZERO_ERROR;
    UBool system = 0;
    if (!name.n || name.n >= NAME_MAX_) return NULL;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~') return NULL;
        id[i] = (UChar)name.p[i];
    }
    id[name.n] = 0;
    ucal_getCanonicalTimeZoneID(id, (int32_t)name.n, canonical, NAME_MAX_, &system, &rc);
    if (U_FAILURE(rc) || !system) return NULL;
    UCalendar *cal = ucal_open(id, (int32_t)name.n, "en", UCAL_GREGORIAN, &rc);
    return U_FAILURE(rc) ? NULL : cal;
}

static int64_t offset_now(UCalendar *cal, UErrorCode *rc) {
    return ucal_get(cal, UCAL_ZONE_OFFSET, rc) + ucal_get(cal, UCAL_DST_OFFSET, rc);
}

static jd_zone *with(jd_zone *z, uint32_t *cap, int64_t from_ms, int64_t offset_ms) {
    if (z && z->s[z->n - 1].offset_ms == offset_ms) return z;
    if (!z || z->n == *cap) {
        *cap = z ? *cap * 2 : 16;
        int fresh = !z;
        z = jd_xrealloc(z, sizeof *z + *cap * sizeof *z->s);
        if (fresh) z->n = 0;
    }
    z->s[z->n++] = (stretch){from_ms, offset_ms};
    return z;
}

/* Walks from change to change. ICU knows none before 1883; what held before the first holds from the beginning. */
static jd_zone *table_of(UCalendar *cal) {
    UErrorCode rc = U_ZERO_ERROR;
    uint32_t cap = 0;
    UDate at = -1.0e13; /* 1653 */
    ucal_setMillis(cal, at, &rc);
    jd_zone *z = with(NULL, &cap, INT64_MIN, offset_now(cal, &rc));
    while (U_SUCCESS(rc) && z->n < STRETCHES_MAX) {
        if (!ucal_getTimeZoneTransitionDate(cal, UCAL_TZ_TRANSITION_NEXT, &at, &rc)) break;
        if ((int64_t)at > LAST_MS + CYCLE_MS) break;
        ucal_setMillis(cal, at, &rc);
        z = with(z, &cap, (int64_t)at, offset_now(cal, &rc));
    }
    if (U_SUCCESS(rc)) return z;
    free(z);
    return NULL;
}

jd_zone *jd_zone_open(jd_str name, int offsets_too) {
    int64_t fixed_ms;
    uint32_t cap = 0;
    if (offsets_too && fixed_offset(name, &fixed_ms)) return with(NULL, &cap, INT64_MIN, fixed_ms);
    UCalendar *cal = calendar(name);
    if (!cal) return NULL;
    jd_zone *z = table_of(cal);
    ucal_close(cal);
    return z;
}

void jd_zone_close(jd_zone *z) {
    free(z);
}

/* The stretch that an instant (before LAST_MS + CYCLE_MS) lies in. */
static const stretch *stretch_at(const jd_zone *z, int64_t ms) {
    uint32_t lo = 0, hi = z->n; /* s[lo].from_ms <= ms < s[hi].from_ms */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (z->s[mid].from_ms <= ms)
            lo = mid;
        else
            hi = mid;
    }
    return &z->s[lo];
}

/* Whole cycles to go back, so that the table has it. */
static int64_t cycles(int64_t ms) {
    return ms < LAST_MS + CYCLE_MS ? 0 : (ms - LAST_MS) / CYCLE_MS;
}

int64_t jd_zone_offset(const jd_zone *z, jd_time t) {
    int64_t ms = floor_ms(t);
    return stretch_at(z, ms - cycles(ms) * CYCLE_MS)->offset_ms * 1000;
}

static jd_time changed_at(const jd_zone *z, jd_time t) {
    int64_t ms = floor_ms(t), back = cycles(ms) * CYCLE_MS;
    const stretch *s = stretch_at(z, ms - back);
    return s == z->s ? t : (s->from_ms + back) * 1000;
}

jd_wall jd_zone_instant(const jd_zone *z, int64_t local, jd_time *first, jd_time *second) {
    int64_t before = jd_zone_offset(z, local - DAY_US), after = jd_zone_offset(z, local + DAY_US);
    int64_t a = local - before, b = local - after;
    *first = a;
    if (before == after) return JD_WALL_ONCE;
    int a_holds = jd_zone_offset(z, a) == before, b_holds = jd_zone_offset(z, b) == after;
    if (a_holds && b_holds) { /* set back: the hour came twice, first with the offset from before */
        *second = b;
        return JD_WALL_TWICE;
    }
    if (b_holds) *first = b;
    if (a_holds || b_holds) return JD_WALL_ONCE;
    *second = changed_at(z, a);
    return JD_WALL_NEVER;
}
