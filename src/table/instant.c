/* Times as texts: ISO 8601 and its looser kin, forms, numbers since an epoch; and the calendar behind them. */
#include "table/instant.h"

#include <stdlib.h>
#include <string.h>

/* ---- small readers: a text that shrinks from its front ---- */

/* Up to `most` digits; how many there were. */
static int digits(jd_str *s, int most, int64_t *v) {
    int n = 0;
    *v = 0;
    while (n < most && s->n && *s->p >= '0' && *s->p <= '9') {
        *v = *v * 10 + (*s->p - '0');
        s->p++, s->n--, n++;
    }
    return n;
}

static int number(jd_str *s, int most, int *out) {
    int64_t v;
    if (!digits(s, most, &v)) return -1;
    *out = (int)v;
    return 0;
}

static int is_char(jd_str *s, char c) {
    if (!s->n || *s->p != c) return 0;
    s->p++, s->n--;
    return 1;
}

/* The fraction's digits: at most six are kept, as base/clock.h has it. */
static int fraction(jd_str *s, table__civil *c) {
    int n = 0;
    c->us = 0;
    for (; s->n && *s->p >= '0' && *s->p <= '9'; s->p++, s->n--, n++)
        if (n < 6) c->us = c->us * 10 + (*s->p - '0');
    for (int i = n; i < 6; i++) c->us *= 10;
    c->digits = n < 6 ? n : 6;
    return n ? 0 : -1;
}

/* Z, +08, +0800, +08:00 */
static int offset(jd_str *s, table__civil *c) {
    c->has_offset = 1;
    c->offset_s = 0;
    if (is_char(s, 'Z') || is_char(s, 'z')) return 0;
    int minus = s->n && *s->p == '-', h = 0, m = 0;
    if (!minus && !(s->n && *s->p == '+')) return -1;
    s->p++, s->n--;
    if (number(s, 2, &h)) return -1;
    is_char(s, ':');
    if (s->n && *s->p >= '0' && *s->p <= '9' && number(s, 2, &m)) return -1;
    if (h > 18 || m > 59) return -1;
    c->offset_s = (h * 3600 + m * 60) * (minus ? -1 : 1);
    return 0;
}

static int two(const char *p, unsigned *odd) {
    unsigned tens = (unsigned)(p[0] - '0'), ones = (unsigned)(p[1] - '0');
    *odd |= (unsigned)(tens > 9) | (unsigned)(ones > 9);
    return (int)(tens * 10 + ones);
}

/* 2026-11-29T08:30:00, as nearly all have it, in one go; what follows is left in *s. 1; 0: read it piece by piece. */
static int whole_stamp(jd_str *s, table__civil *c) {
    unsigned odd = 0;
    const char *p = s->p;
    if (s->n < 19 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':') return 0;
    int century = two(p, &odd), year = two(p + 2, &odd), month = two(p + 5, &odd), day = two(p + 8, &odd);
    int hour = two(p + 11, &odd), minute = two(p + 14, &odd), second = two(p + 17, &odd);
    if (odd) return 0;
    c->year = century * 100 + year;
    c->month = month, c->day = day, c->hour = hour, c->minute = minute, c->second = second;
    c->unit = TABLE__SECOND;
    s->p += 19, s->n -= 19;
    return 1;
}

int table__iso_read(jd_str s, table__civil *c) {
    *c = TABLE__CIVIL_START;
    if (whole_stamp(&s, c)) {
        if ((is_char(&s, '.') || is_char(&s, ',')) && fraction(&s, c)) return -1;
        while (is_char(&s, ' ')) {}
        return (s.n && offset(&s, c)) || s.n ? -1 : 0;
    }
    if (digits(&s, 4, &c->year) != 4) return -1;
    c->unit = TABLE__YEAR;
    if (!s.n) return 0;
    if (!is_char(&s, '-') || number(&s, 2, &c->month)) return -1;
    c->unit = TABLE__MONTH;
    if (!s.n) return 0;
    if (!is_char(&s, '-') || number(&s, 2, &c->day)) return -1;
    c->unit = TABLE__DAY;
    if (!s.n) return 0;
    if (!is_char(&s, 'T') && !is_char(&s, ' ')) return -1;
    while (is_char(&s, ' ')) {}
    if (number(&s, 2, &c->hour)) return -1;
    c->unit = TABLE__HOUR;
    if (is_char(&s, ':')) {
        if (number(&s, 2, &c->minute)) return -1;
        c->unit = TABLE__MINUTE;
        if (is_char(&s, ':')) {
            if (number(&s, 2, &c->second)) return -1;
            c->unit = TABLE__SECOND;
            if ((is_char(&s, '.') || is_char(&s, ',')) && fraction(&s, c)) return -1;
        }
    }
    while (is_char(&s, ' ')) {}
    if (s.n && offset(&s, c)) return -1;
    return s.n ? -1 : 0;
}

/* ---- forms ---- */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const month_rests[] = {"uary", "ruary", "ch",     "il",   "",      "e",
                                          "y",    "ust",   "tember", "ober", "ember", "ember"};

static int same_word(jd_str *s, const char *z) {
    size_t n = strlen(z);
    if (s->n < n) return 0;
    for (size_t i = 0; i < n; i++)
        if ((s->p[i] | 32) != z[i]) return 0;
    s->p += n;
    s->n -= n;
    return 1;
}

static int month_name(jd_str *s, int *month) {
    for (int i = 0; i < 12; i++)
        if (same_word(s, month_names[i])) {
            *month = i + 1;
            if (month_rests[i][0]) same_word(s, month_rests[i]);
            return 0;
        }
    return -1;
}

static int half_of_day(jd_str *s, int *pm) {
    if (jd_str_starts(*s, JD_STR("上午")) || jd_str_starts(*s, JD_STR("下午"))) {
        *pm = jd_str_starts(*s, JD_STR("下午"));
        s->p += sizeof "上午" - 1;
        s->n -= sizeof "上午" - 1;
        return 0;
    }
    *pm = s->n && (*s->p | 32) == 'p';
    return same_word(s, "am") || same_word(s, "pm") ? 0 : -1;
}

static void finer(table__civil *c, table__unit u) {
    if (u > c->unit) c->unit = u;
}

/* pm: 0, 1, or -1 when the text did not say. */
static int directive(char d, jd_str *s, table__civil *c, int *pm) {
    switch (d) {
    case 'Y': return digits(s, 4, &c->year) ? 0 : -1;
    case 'y':
        if (digits(s, 2, &c->year) != 2) return -1;
        c->year += c->year < 69 ? 2000 : 1900;
        return 0;
    case 'm': finer(c, TABLE__MONTH); return number(s, 2, &c->month);
    case 'b': finer(c, TABLE__MONTH); return month_name(s, &c->month);
    case 'd': finer(c, TABLE__DAY); return number(s, 2, &c->day);
    case 'H':
    case 'I': finer(c, TABLE__HOUR); return number(s, 2, &c->hour);
    case 'p': return half_of_day(s, pm);
    case 'M': finer(c, TABLE__MINUTE); return number(s, 2, &c->minute);
    case 'S': finer(c, TABLE__SECOND); return number(s, 2, &c->second);
    case 'f': return fraction(s, c);
    case 'z': return offset(s, c);
    default: return is_char(s, '%') ? 0 : -1;
    }
}

int table__form_read(jd_str form, jd_str s, table__civil *c) {
    int pm = -1;
    *c = TABLE__CIVIL_START;
    for (size_t i = 0; i < form.n; i++) {
        char f = form.p[i];
        if (f == ' ') {
            if (!is_char(&s, ' ')) return -1;
            while (is_char(&s, ' ')) {}
        } else if (f == '%' && i + 1 < form.n) {
            if (directive(form.p[++i], &s, c, &pm)) return -1;
        } else if (!is_char(&s, f)) {
            return -1;
        }
    }
    if (s.n) return -1;
    if (pm >= 0) {
        if (c->hour < 1 || c->hour > 12) return -1;
        c->hour = c->hour % 12 + 12 * pm;
    }
    return 0;
}

int table__form_valid(jd_str form, jd_err *err) {
    int year = 0;
    for (size_t i = 0; i < form.n; i++) {
        if (form.p[i] != '%') continue;
        char d = ++i < form.n ? form.p[i] : ' ';
        if (!memchr("YymdHIpMSfbz%", d, 13))
            return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                           "a form knows %%Y %%y %%m %%b %%d %%H %%I %%p %%M %%S %%f %%z, not %%%c",
                           "时间格式只有 %%Y %%y %%m %%b %%d %%H %%I %%p %%M %%S %%f %%z，没有 %%%c", d);
        year |= d == 'Y' || d == 'y';
    }
    if (year) return 0;
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the form gives no year (%%Y)", "时间格式中没有年份（%%Y）");
}

/* ---- the calendar ---- */

static int64_t days_of(int64_t y, int m, int d) { /* years begin in March, so that the leap day is last */
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_in(int64_t y, int m) {
    static const int len[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return len[m - 1] + (m == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0));
}

int table__civil_us(const table__civil *c, int64_t *us) {
    if (c->year < 0 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days_in(c->year, c->month))
        return -1;
    if (c->hour > 24 || c->minute > 59 || c->second > 60) return -1;
    if (c->hour == 24 && (c->minute || c->second || c->us)) return -1;
    int64_t s = (int64_t)c->hour * 3600 + c->minute * 60 + c->second;
    *us = (days_of(c->year, c->month, c->day) * 86400 + s) * 1000000 + c->us;
    return 0;
}

static void next_day(table__civil *c) {
    if (++c->day <= days_in(c->year, c->month)) return;
    c->day = 1;
    if (++c->month <= 12) return;
    c->month = 1;
    c->year++;
}

void table__civil_next(table__civil *c) {
    switch (c->unit) {
    case TABLE__YEAR: c->year++; return;
    case TABLE__MONTH:
        if (++c->month <= 12) return;
        c->month = 1;
        c->year++;
        return;
    case TABLE__DAY: next_day(c); return;
    case TABLE__HOUR:
        if (++c->hour < 24) return;
        c->hour = 0;
        next_day(c);
        return;
    default: return;
    }
}

/* ---- numbers since ---- */

/* A decimal as whole units of 10^-6, exactly; digits behind the sixth are cut. */
static int millionths(jd_str s, __int128 *out, int *fraction_digits) {
    int minus = is_char(&s, '-'), n = 0;
    __int128 v = 0;
    if (!minus) is_char(&s, '+');
    for (; s.n && *s.p >= '0' && *s.p <= '9'; s.p++, s.n--, n++) {
        if (n == 20) return -1;
        v = v * 10 + (*s.p - '0');
    }
    if (!n) return -1;
    int f = 0;
    if (is_char(&s, '.'))
        for (; s.n && *s.p >= '0' && *s.p <= '9'; s.p++, s.n--, f++)
            if (f < 6) v = v * 10 + (*s.p - '0');
    if (s.n) return -1;
    for (int i = f; i < 6; i++) v *= 10;
    *out = minus ? -v : v;
    *fraction_digits = f < 6 ? f : 6;
    return 0;
}

int table__epoch_read(jd_str s, int64_t us_per_unit, jd_time *t, int *digits_out) {
    __int128 v;
    int f;
    if (millionths(s, &v, &f)) return -1;
    v = v * us_per_unit;
    __int128 us = v / 1000000;
    if (v < 0 && v % 1000000) us--;                        /* cut towards the past, as texts are */
    const __int128 far = (__int128)253402300800 * 1000000; /* year 10000 */
    if (us >= far || us < -(__int128)62167219200 * 1000000) return -1;
    *t = (jd_time)us;
    int unit = us_per_unit == 1 ? 6 : us_per_unit == 1000 ? 3 : 0;
    *digits_out = unit + f > 6 ? 6 : unit + f;
    return 0;
}

int table__excel_read(jd_str s, int64_t *local_us) {
    __int128 v;
    int f;
    if (s.n > 17) s.n = 17; /* 45123.123456789012: what Excel itself keeps */
    /* days to 10^-6 are 86 ms; Excel's own clock is rounded to a second for what it shows */
    double days = 0, scale = 1;
    int seen = 0, behind = 0;
    if (millionths(s, &v, &f)) return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            behind = 1;
        } else if (s.p[i] >= '0' && s.p[i] <= '9') {
            days = days * 10 + (s.p[i] - '0');
            if (behind) scale *= 10;
            seen++;
        }
    }
    days /= scale;
    if (!seen || s.p[0] == '-' || days < 61 || days > 2958466) return -1; /* before 1900-03-01 Excel's days are wrong */
    int64_t ms = (int64_t)(days * 86400000.0 + 0.5);
    *local_us = (ms - (int64_t)25569 * 86400000) * 1000;
    return 0;
}
