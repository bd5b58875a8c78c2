/* Functions of time: what the wall clock of a zone shows, where its hours, days, weeks ... begin. */
#include "expr/expr_int.h"

#define DAY_US INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000)

typedef struct civil {
    int64_t year;
    int month, day;
} civil;

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

/* Years begin in March, so that the leap day is last. */
static civil civil_of(int64_t days) {
    int64_t z = days + 719468, era = floor_div(z, 146097), in_era = z - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    return (civil){y + era * 400 + (month <= 2), month, (int)(in_year - (153 * m + 2) / 5 + 1)};
}

static int64_t days_of(int64_t year, int month, int day) {
    int64_t y = year - (month <= 2), era = floor_div(y, 400), in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int64_t local(const expr__node *n, const jd_xval *t) {
    return t->us + jd_zone_offset(n->ready, t->us);
}

#define PART(name, expression)                                                             \
    static int name(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {   \
        int64_t at = local(n, &a[0]), day = floor_div(at, DAY_US), us = at - day * DAY_US; \
        (void)r, (void)us;                                                                 \
        *out = expr__num((double)(expression));                                            \
        return 0;                                                                          \
    }

PART(f_hour, us / HOUR_US)
PART(f_minute, us / 60000000 % 60)
PART(f_weekday, (day + 3) - floor_div(day + 3, 7) * 7 + 1) /* 1970-01-01 was a Thursday */
PART(f_day, civil_of(day).day)
PART(f_month, civil_of(day).month)
PART(f_year, civil_of(day).year)

/* An hour begins at most 27 or so hours away; what is skipped begins when the clock was set forward over it. */
static jd_time begins(const jd_zone *z, int64_t at, jd_time t) {
    jd_time first, second;
    switch (jd_zone_instant(z, at, &first, &second)) {
    case JD_WALL_NEVER: return second;
    case JD_WALL_TWICE: return second <= t && t - second < HOUR_US ? second : first; /* the later of the two hours */
    default: return first;
    }
}

static int f_start(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    jd_time t = a[0].us;
    int64_t at = local(n, &a[0]), day = floor_div(at, DAY_US);
    civil c = civil_of(day);
    (void)r;
    switch (a[1].text.p[0]) {
    case 'h': { /* from the offset that holds at t, so that each of two equal hours begins by itself */
        int64_t in_hour = at - floor_div(at, HOUR_US) * HOUR_US;
        *out = expr__time(t - in_hour);
        return 0;
    }
    case 'w': day -= (day + 3) - floor_div(day + 3, 7) * 7; break;
    case 'm': day = days_of(c.year, c.month, 1); break;
    case 'y': day = days_of(c.year, 1, 1); break;
    default: break;
    }
    *out = expr__time(begins(n->ready, day * DAY_US, t));
    return 0;
}

static int f_seconds(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    *out = expr__num((double)a[0].us / 1e6);
    return 0;
}
static int f_hours(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    *out = expr__num((double)a[0].us / (double)HOUR_US);
    return 0;
}

/* A DateTime, which ends in Z; or in +hh:mm, -hh:mm. */
static int f_time(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    jd_str s = a[0].text;
    char z[48];
    int64_t shift = 0;
    jd_time t;
    (void)r, (void)n;
    *out = expr__null();
    if (a[0].type == JD_X_TIME) return *out = a[0], 0;
    if (s.n >= 25 && s.n < sizeof z && s.p[s.n - 3] == ':' && (s.p[s.n - 6] == '+' || s.p[s.n - 6] == '-')) {
        const char *o = s.p + s.n - 5;
        for (int i = 0; i < 5; i++)
            if (i != 2 && (o[i] < '0' || o[i] > '9')) return 0;
        int h = (o[0] - '0') * 10 + o[1] - '0', m = (o[3] - '0') * 10 + o[4] - '0';
        if (h > 18 || m > 59) return 0;
        shift = ((int64_t)h * 60 + m) * 60000000 * (o[-1] == '-' ? -1 : 1);
        __builtin_memcpy(z, s.p, s.n - 6);
        z[s.n - 6] = 'Z';
        s = (jd_str){z, s.n - 5};
    }
    if (!jd_time_parse(s, &t, NULL)) *out = expr__time(t - shift);
    return 0;
}

/* ---- constants ---- */

static int ready_time(expr__parser *p, expr__node *n) {
    const expr__node *s = n->args[0];
    jd_xval v;
    if (!expr__is_const(s) || s->val.type != JD_X_TEXT || f_time(NULL, n, &s->val, &v) || v.type == JD_X_TIME) return 0;
    return EXPR__FAIL(p, s->at, "a time is written as 2026-10-01T08:00:00Z or 2026-10-01T16:00:00+08:00",
                      "时刻的写法为 2026-10-01T08:00:00Z 或 2026-10-01T16:00:00+08:00");
}

static int zone_of(expr__parser *p, expr__node *n, uint32_t i) {
    jd_str name = n->n > i ? n->args[i]->val.text : JD_STR(EXPR__ZONE);
    jd_zone *z = jd_zone_open(name, 1);
    char shown[JD_SHOWN];
    jd_show(name, shown);
    if (!z)
        return EXPR__FAIL(p, n->n > i ? n->args[i]->at : n->at,
                          "there is no zone '%s'; write UTC, +08:00 or Asia/Shanghai",
                          "没有时区“%s”；可写 UTC、+08:00 或 Asia/Shanghai", shown);
    expr__hold_new(p)->zone = z;
    n->ready = z;
    return 0;
}

static int ready_part(expr__parser *p, expr__node *n) {
    return zone_of(p, n, 1);
}

static int ready_start(expr__parser *p, expr__node *n) {
    static const char *const parts[] = {"hour", "day", "week", "month", "year"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (jd_str_is(n->args[1]->val.text, parts[i])) return zone_of(p, n, 2);
    return EXPR__FAIL(p, n->args[1]->at, "expected 'hour', 'day', 'week', 'month' or 'year'",
                      "此处应为 'hour'、'day'、'week'、'month' 或 'year'");
}

const expr__func expr__time_funcs[] = {
    {"time", "s", JD_X_TIME, f_time, ready_time, 0},
    {"hour", "t?S", JD_X_NUM, f_hour, ready_part, 0},
    {"minute", "t?S", JD_X_NUM, f_minute, ready_part, 0},
    {"weekday", "t?S", JD_X_NUM, f_weekday, ready_part, 0},
    {"day", "t?S", JD_X_NUM, f_day, ready_part, 0},
    {"month", "t?S", JD_X_NUM, f_month, ready_part, 0},
    {"year", "t?S", JD_X_NUM, f_year, ready_part, 0},
    {"startOf", "tS?S", JD_X_TIME, f_start, ready_start, 0},
    {"seconds", "d", JD_X_NUM, f_seconds, NULL, 0},
    {"hours", "d", JD_X_NUM, f_hours, NULL, 0},
    {NULL, NULL, JD_X_NULL, NULL, NULL, 0},
};
