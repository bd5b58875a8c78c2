/* Local time, windows of the week, duty, pace: see when.h. */
#include "people/when.h"

#include <string.h>

enum { CHAIN_MAX = 64 }; /* windows that follow one another without a gap */

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

when_local when_of(const jd_zone *z, jd_time t) {
    int64_t minutes = floor_div(t + jd_zone_offset(z, t), WHEN_MINUTE_US), day = floor_div(minutes, WHEN_DAY_MIN);
    int64_t weekday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
    return (when_local){day, (int)(minutes - day * WHEN_DAY_MIN), (int)(weekday < 0 ? weekday + 7 : weekday)};
}

jd_time when_instant(const jd_zone *z, int64_t day, int minute) {
    jd_time local = (day * WHEN_DAY_MIN + minute) * WHEN_MINUTE_US;
    jd_time guess = local - jd_zone_offset(z, local);
    return local - jd_zone_offset(z, guess);
}

int when_in(const when_window *w, when_local at) {
    int over = w->to <= w->from; /* over midnight */
    int today = w->dated ? at.day == w->date : (int)(w->days >> at.weekday & 1);
    int yesterday = w->dated ? at.day == w->date + 1 : (int)(w->days >> (at.weekday + 6) % 7 & 1);
    if (!over) return today && at.minute >= w->from && at.minute < w->to;
    return (today && at.minute >= w->from) || (yesterday && at.minute < w->to);
}

/* Minutes from `at`, which lies in it, to its end. */
static int left_of(const when_window *w, when_local at) {
    if (w->to <= w->from && at.minute >= w->from) return WHEN_DAY_MIN - at.minute + w->to;
    return w->to - at.minute;
}

int when_minute(jd_str s) {
    if (s.n != 5 || s.p[2] != ':') return -1;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (s.p[i] < '0' || s.p[i] > '9')) return -1;
    int h = (s.p[0] - '0') * 10 + s.p[1] - '0', m = (s.p[3] - '0') * 10 + s.p[4] - '0';
    return m > 59 || h > 24 || (h == 24 && m) ? -1 : h * 60 + m;
}

int when_weekday(jd_str s) {
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int i = 0; i < 7; i++)
        if (jd_str_is(s, names[i])) return i;
    return -1;
}

int when_date(jd_str s, int64_t *day) {
    char text[32];
    jd_time t;
    if (!jd_date_valid(s) || s.n != 10) return -1;
    memcpy(text, s.p, 10);
    memcpy(text + 10, "T00:00:00Z", 10);
    if (jd_time_parse((jd_str){text, 20}, &t, NULL)) return -1;
    *day = floor_div(t, (int64_t)WHEN_DAY_MIN * WHEN_MINUTE_US);
    return 0;
}

static int any_in(const when_window *w, size_t n, when_local at) {
    for (size_t i = 0; i < n; i++)
        if (when_in(&w[i], at)) return (int)i;
    return -1;
}

int when_always(const when_window *w, size_t n) {
    for (int i = 0; i < WHEN_WEEK_MIN; i++)
        if (any_in(w, n, (when_local){i / WHEN_DAY_MIN, i % WHEN_DAY_MIN, i / WHEN_DAY_MIN}) < 0) return 0;
    return 1;
}

jd_time when_quiet_until(const jd_zone *z, const when_window *w, size_t n, jd_time t) {
    for (int i = 0; i < CHAIN_MAX; i++) {
        when_local at = when_of(z, t);
        int in = any_in(w, n, at);
        if (in < 0) return t;
        int end = at.minute + left_of(&w[in], at);
        jd_time then = when_instant(z, at.day + end / WHEN_DAY_MIN, end % WHEN_DAY_MIN);
        t = then > t ? then : t + WHEN_MINUTE_US; /* the hour that comes twice: minute by minute */
    }
    return t;
}

int when_first(const jd_zone *z, const when_window *w, size_t n, jd_time t) {
    return any_in(w, n, when_of(z, t));
}

jd_time when_changes(const jd_zone *z, const when_window *w, size_t n, jd_time t, int days) {
    when_local at = when_of(z, t);
    int was = any_in(w, n, at);
    for (int64_t i = 1; i <= (int64_t)days * WHEN_DAY_MIN; i++) {
        int64_t minute = at.minute + i, day = at.day + minute / WHEN_DAY_MIN;
        when_local then = {day, (int)(minute % WHEN_DAY_MIN), (int)((at.weekday + minute / WHEN_DAY_MIN) % 7)};
        if (any_in(w, n, then) != was) return when_instant(z, then.day, then.minute);
    }
    return JD_TIME_NONE;
}

/* ---- pace ---- */

/* What is in the bucket, as it was at the last send or is now; in sends. */
static double bucket(const when_pace *p, const jd_time *sends, size_t n, jd_time now, uint32_t *in_hour) {
    double per_us = (double)(p->per_hour - p->burst) / (double)WHEN_HOUR_US, tokens = p->burst;
    jd_time last = JD_TIME_NONE;
    *in_hour = 0;
    for (size_t i = 0; i <= n; i++) {
        jd_time at = i < n ? sends[i] : now;
        if (i < n && at <= now - WHEN_HOUR_US) continue;
        if (last != JD_TIME_NONE && at > last) tokens += (double)(at - last) * per_us;
        if (tokens > p->burst) tokens = p->burst;
        if (i == n) break;
        tokens = tokens < 1 ? 0 : tokens - 1;
        ++*in_hour;
        last = at;
    }
    return tokens;
}

static uint32_t reserve(const when_pace *p, int red) {
    return red || p->burst < 2 ? 0 : 1;
}

uint32_t when_may(const when_pace *p, const jd_time *sends, size_t n, jd_time now, int red) {
    uint32_t in_hour;
    double tokens = bucket(p, sends, n, now, &in_hour) + 1e-9; /* a refill that is due to the microsecond counts */
    uint32_t may = (uint32_t)tokens, left = in_hour < p->per_hour ? p->per_hour - in_hour : 0;
    if (may > left) may = left;
    return may > reserve(p, red) ? may - reserve(p, red) : 0;
}

jd_time when_next(const when_pace *p, const jd_time *sends, size_t n, jd_time now, int red) {
    if (when_may(p, sends, n, now, red)) return now;
    uint32_t in_hour, need = 1 + reserve(p, red);
    double tokens = bucket(p, sends, n, now, &in_hour);
    jd_time by_hour = now, by_bucket = now;
    size_t old = 0;
    while (old < n && sends[old] <= now - WHEN_HOUR_US) old++;
    if (in_hour + need > p->per_hour && in_hour) /* so many must have become older than an hour */
        by_hour = sends[old + (in_hour + need - p->per_hour < in_hour ? in_hour + need - p->per_hour : in_hour) - 1] +
                  WHEN_HOUR_US;
    if (tokens < need) {
        if (p->per_hour == p->burst) /* filled by the hour alone */
            by_bucket = in_hour ? sends[old] + WHEN_HOUR_US : now;
        else
            by_bucket =
                now + (jd_time)(((double)need - tokens) * (double)WHEN_HOUR_US / (double)(p->per_hour - p->burst)) + 1;
    }
    jd_time t = by_hour > by_bucket ? by_hour : by_bucket;
    return t > now ? t : now + 1;
}
