#include "base/clock.h"

#include <stdio.h>
#include <time.h>

jd_time jd_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (jd_time)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

uint64_t jd_mono_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Days since 1970-01-01 of a proleptic Gregorian date; years begin in March so that the leap day is last. */
static int64_t days_from_civil(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, int *m, int *d) {
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

static int digits_of(const char *p, int n, int *v) {
    *v = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') return -1;
        *v = *v * 10 + (p[i] - '0');
    }
    return 0;
}

static int date_of(const char *p, int64_t *days) {
    static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;
    if (digits_of(p, 4, &y) || p[4] != '-' || digits_of(p + 5, 2, &m) || p[7] != '-' || digits_of(p + 8, 2, &d))
        return -1;
    if (m < 1 || m > 12 || d < 1) return -1;
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > len[m - 1] + (m == 2 && leap)) return -1;
    *days = days_from_civil(y, m, d);
    return 0;
}

/* hh:mm:ss[.f]Z; a leap second 60 is accepted and becomes the next second. */
static int clock_of(jd_str s, int64_t *us, int *digits) {
    int h, m, sec;
    if (s.n < 9 || digits_of(s.p, 2, &h) || s.p[2] != ':' || digits_of(s.p + 3, 2, &m) || s.p[5] != ':' ||
        digits_of(s.p + 6, 2, &sec))
        return -1;
    if (h > 23 || m > 59 || sec > 60) return -1;
    size_t i = 8;
    int64_t frac = 0;
    int nd = 0;
    if (s.p[i] == '.' || s.p[i] == ',') {
        int64_t scale = 100000;
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, nd++) {
            frac += (s.p[i] - '0') * scale;
            scale /= 10;
        }
        if (!nd) return -1;
    }
    if (i + 1 != s.n || s.p[i] != 'Z') return -1;
    *us = ((int64_t)h * 3600 + m * 60 + sec) * 1000000 + frac;
    if (digits) *digits = nd;
    return 0;
}

int jd_time_parse(jd_str s, jd_time *t, int *digits) {
    int64_t days, us;
    if (s.n < 20 || s.p[10] != 'T' || date_of(s.p, &days)) return -1;
    if (clock_of((jd_str){s.p + 11, s.n - 11}, &us, digits)) return -1;
    *t = days * 86400000000 + us;
    return 0;
}

int jd_date_valid(jd_str s) {
    int64_t days;
    return s.n == 10 && date_of(s.p, &days) == 0;
}

int jd_timeofday_valid(jd_str s) {
    int64_t us;
    return clock_of(s, &us, NULL) == 0;
}

size_t jd_time_print(jd_time t, int digits, char out[JD_TIME_TEXT_MAX]) {
    int64_t days = t / 86400000000, us = t % 86400000000;
    if (us < 0) us += 86400000000, days--;
    int64_t y;
    int m, d;
    civil_from_days(days, &y, &m, &d);
    int64_t sec = us / 1000000, frac = us % 1000000;
    if (digits < 0) digits = frac == 0 ? 0 : frac % 1000 == 0 ? 3 : 6;
    char *p = out;
    unsigned v[6] = {(unsigned)(y % 10000),     (unsigned)m,         (unsigned)d, (unsigned)(sec / 3600),
                     (unsigned)(sec / 60 % 60), (unsigned)(sec % 60)};
    *p++ = (char)('0' + v[0] / 1000);
    *p++ = (char)('0' + v[0] / 100 % 10);
    *p++ = (char)('0' + v[0] / 10 % 10);
    *p++ = (char)('0' + v[0] % 10);
    static const char sep[] = "--T::";
    for (int i = 1; i < 6; i++) {
        *p++ = sep[i - 1];
        *p++ = (char)('0' + v[i] / 10);
        *p++ = (char)('0' + v[i] % 10);
    }
    if (digits > 0) {
        *p++ = '.';
        int64_t scale = 100000;
        for (int i = 0; i < digits && i < 6; i++, scale /= 10) *p++ = (char)('0' + frac / scale % 10);
    }
    *p++ = 'Z';
    *p = 0;
    return (size_t)(p - out);
}
