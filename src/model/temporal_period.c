/* The parameters of aggregation (GS CIM 009 clause 4.5.19.1) and the arithmetic of its periods. */
#include "model/temporal_int.h"

/* ---- aggrMethods ---- */

static const struct {
    unsigned method;
    const char *name;
} methods[] = {
    {JD_AGG_AVG, "avg"},     {JD_AGG_DISTINCT, "distinctCount"}, {JD_AGG_MAX, "max"},
    {JD_AGG_MIN, "min"},     {JD_AGG_STDDEV, "stddev"},          {JD_AGG_SUM, "sum"},
    {JD_AGG_SUMSQ, "sumsq"}, {JD_AGG_TOTAL, "totalCount"},
};
enum { METHODS = sizeof methods / sizeof *methods };

const char *temporal_method(unsigned method) {
    size_t k = 0;
    while (k + 1 < METHODS && methods[k].method != method) k++;
    return methods[k].name;
}

int jd_agg_methods(jd_str text, unsigned *out, jd_err *err) {
    unsigned set = 0;
    for (size_t i = 0; i <= text.n;) {
        size_t stop = i, k = 0;
        while (stop < text.n && text.p[stop] != ',') stop++;
        jd_str one = {text.p + i, stop - i};
        i = stop + 1;
        while (k < METHODS && !jd_str_is(one, methods[k].name)) k++;
        if (k == METHODS) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA,
                    "aggrMethods: \"%.*s\" is none of avg, distinctCount, max, min, stddev, sum, sumsq, totalCount",
                    "aggrMethods：“%.*s”不是 avg、distinctCount、max、min、stddev、sum、sumsq、totalCount 之一",
                    (int)(one.n > 60 ? 60 : one.n), one.p);
            return jd_fail_at(err, "aggrMethods");
        }
        set |= methods[k].method;
    }
    *out = set;
    return 0;
}

/* ---- aggrPeriodDuration: P[n]Y[n]M[n]DT[n]H[n]M[n]S or P[n]W; seconds may have a fraction ---- */

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
enum { YEARS_MAX = 10000 };

/* One number and the letter behind it, when that is in `letters`: its place there, else -1. */
static int part(const char **p, const char *end, const char *letters, int64_t *whole, int64_t *us) {
    const char *q = *p;
    int digits = 0;
    *whole = *us = 0;
    for (; q < end && *q >= '0' && *q <= '9' && digits < 15; q++, digits++) *whole = *whole * 10 + (*q - '0');
    if (!digits) return -1;
    int fraction = q < end && (*q == '.' || *q == ',');
    if (fraction) {
        int64_t place = SECOND;
        digits = 0;
        for (q++; q < end && *q >= '0' && *q <= '9' && digits < 6; q++, digits++) *us += (*q - '0') * (place /= 10);
        if (!digits) return -1;
    }
    const char *letter = q < end && *q ? strchr(letters, *q) : NULL;
    if (!letter || (fraction && *q != 'S')) return -1;
    *p = q + 1;
    return (int)(letter - letters);
}

static int parse(jd_str s, jd_period *out) {
    static const int64_t months[] = {12, 1, 0}, time[] = {3600 * SECOND, 60 * SECOND, SECOND};
    const char *p = s.p, *end = s.p + s.n;
    const int64_t most_us = YEARS_MAX * INT64_C(366) * DAY;
    *out = (jd_period){0, 0};
    if (s.n < 3 || *p++ != 'P') return -1;
    int64_t n, us;
    if (end[-1] == 'W') {
        if (part(&p, end, "W", &n, &us) < 0 || p != end || n > most_us / (7 * DAY)) return -1;
        out->us = n * 7 * DAY;
        return 0;
    }
    for (int at = -1, k; p < end && *p != 'T'; at = k) {
        k = part(&p, end, "YMD", &n, &us);
        if (k <= at || n > most_us / DAY) return -1;
        if (k == 2)
            out->us = n * DAY;
        else
            out->months += n * months[k];
    }
    if (p < end && ++p == end) return -1;
    for (int at = -1, k; p < end; at = k) {
        k = part(&p, end, "HMS", &n, &us);
        if (k <= at || n > most_us / time[k]) return -1;
        out->us += n * time[k] + us;
    }
    return out->months > YEARS_MAX * 12 || out->us > most_us ? -1 : 0;
}

int jd_period_parse(jd_str text, jd_period *out, jd_err *err) {
    jd_period p;
    if (parse(text, &p) == 0) {
        *out = p;
        return 0;
    }
    jd_fail(err, JD_E_BAD_REQUEST_DATA,
            "aggrPeriodDuration: \"%.*s\" is no duration as PT1H, P1D, P1M or P2W, of at most 10,000 years",
            "aggrPeriodDuration：“%.*s”不是 PT1H、P1D、P1M、P2W 这样的时长（最多一万年）",
            (int)(text.n > 60 ? 60 : text.n), text.p);
    return jd_fail_at(err, "aggrPeriodDuration");
}

/* ---- periods ---- */

__extension__ typedef __int128 wide; /* of microseconds: nothing overflows before it is clipped */

static int64_t floor_div(int64_t a, int64_t b) { /* b > 0 */
    return a / b - (a % b < 0);
}

static wide wide_div(wide a, wide b) {
    return a / b - (a % b < 0);
}

static jd_time clip(wide t) {
    return t > INT64_MAX ? INT64_MAX : t <= JD_TIME_NONE ? JD_TIME_NONE + 1 : (jd_time)t;
}

/* Days from 1970-01-01 to the first of a month; months are counted from January of the year 0. */
static int64_t month_start(int64_t month) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = floor_div(month, 12), m = month - y * 12;
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    int64_t leaps = floor_div(y + 3, 4) - floor_div(y + 99, 100) + floor_div(y + 399, 400);
    return y * 365 + leaps + before[m] + (leap && m > 1) - 719528;
}

static int64_t month_of(int64_t day) {
    int64_t m = floor_div((day + 719528) * 4800, 146097); /* days of 400 years */
    while (month_start(m) > day) m--;
    while (month_start(m + 1) <= day) m++;
    return m;
}

static wide start_of(const jd_period *p, jd_time origin, int64_t k) {
    wide t = origin;
    if (p->months) {
        wide months = (wide)p->months * k, most = (wide)12 * 600000; /* jd_time spans 584,000 years */
        if (months > most) return (wide)INT64_MAX + 1;
        if (months < -most) return (wide)INT64_MIN - 1;
        int64_t day = floor_div(origin, DAY), from = month_of(day), to = from + (int64_t)months;
        int64_t length = month_start(to + 1) - month_start(to), into = day - month_start(from);
        t += (wide)(month_start(to) + (into < length ? into : length - 1) - day) * DAY;
    }
    return t + (wide)p->us * k;
}

jd_time jd_period_start(const jd_period *p, jd_time origin, int64_t k) {
    return clip(start_of(p, origin, k));
}

int64_t jd_period_of(const jd_period *p, jd_time origin, jd_time t) {
    const wide year = (wide)146097 * DAY / 400; /* on average, to the microsecond */
    wide since = (wide)t - origin, k;
    if (!p->months && !p->us) return 0;
    if (!p->months) {
        k = wide_div(since, p->us);
        return k > INT64_MAX ? INT64_MAX : k < INT64_MIN ? INT64_MIN : (int64_t)k;
    }
    k = wide_div(since * 12, year * p->months + (wide)p->us * 12); /* near enough: |k| stays small with months in it */
    while (start_of(p, origin, (int64_t)k) > t) k--;
    while (start_of(p, origin, (int64_t)k + 1) <= t) k++;
    return (int64_t)k;
}
