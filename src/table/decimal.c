#include "table/decimal.h"

#include "json/json.h"

#include <string.h>

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Is it a number of RFC 8259 as it stands? */
static int is_json(jd_str s) {
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && *p == '-') p++;
    if (p == end || !is_digit(*p)) return 0;
    if (*p == '0' && p + 1 < end && is_digit(p[1])) return 0;
    while (p < end && is_digit(*p)) p++;
    if (p < end && *p == '.') {
        if (++p == end || !is_digit(*p)) return 0;
        while (p < end && is_digit(*p)) p++;
    }
    if (p < end && (*p | 32) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (p == end || !is_digit(*p)) return 0;
        while (p < end && is_digit(*p)) p++;
    }
    return p == end;
}

/* Digits before the point without their thousands marks; NULL: the marks stand wrong. */
static const char *whole_part(const char *p, const char *end, jd_str mark, char **to) {
    int group = 0, marks = 0;
    while (p < end) {
        if (is_digit(*p)) {
            *(*to)++ = *p++;
            group++;
        } else if (mark.n && (size_t)(end - p) > mark.n && !memcmp(p, mark.p, mark.n) && is_digit(p[mark.n])) {
            if (marks ? group != 3 : group < 1 || group > 3) return NULL;
            marks++;
            group = 0;
            p += mark.n;
        } else {
            break;
        }
    }
    return marks && group != 3 ? NULL : p;
}

int table__number(jd_str s, char point, jd_str thousands, jd_arena *a, jd_str *out) {
    if (s.n > 400) return -1;
    if (point == '.' && is_json(s)) {
        *out = s;
        return 0;
    }
    char *text = jd_arena_alloc(a, s.n + 4), *to = text;
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && (*p == '-' || *p == '+')) {
        if (*p == '-') *to++ = '-';
        p++;
    }
    char *digits = to;
    p = whole_part(p, end, thousands, &to);
    if (!p) return -1;
    size_t whole = (size_t)(to - digits), zeros = 0;
    while (zeros + 1 < whole && digits[zeros] == '0') zeros++;
    memmove(digits, digits + zeros, whole - zeros);
    to -= zeros;
    if (!whole) *to++ = '0';
    if (p < end && *p == point) {
        const char *f = ++p;
        while (p < end && is_digit(*p)) p++;
        if (p == f && !whole) return -1;
        if (p > f) {
            *to++ = '.';
            memcpy(to, f, (size_t)(p - f));
            to += p - f;
        }
    } else if (!whole) {
        return -1;
    }
    if (p < end && (*p | 32) == 'e') {
        memcpy(to, p, (size_t)(end - p));
        to += end - p;
        p = end;
    }
    *out = (jd_str){text, (size_t)(to - text)};
    return p == end && is_json(*out) ? 0 : -1;
}

/* ---- arithmetic ---- */

enum { DIGITS_MAX = 36 }; /* of a 128-bit integer with its sign */

static int times_ten(__int128 *m, int n) {
    for (; n > 0; n--)
        if (__builtin_mul_overflow(*m, (__int128)10, m)) return -1;
    return 0;
}

int table__dec_read(jd_str s, table__dec *out) {
    __int128 m = 0;
    int n = 0, scale = 0, behind = 0, minus = 0;
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && *p == '-') minus = 1, p++;
    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            behind = 1;
            continue;
        }
        m = m * 10 + (*p - '0');
        scale += behind;
        if (m) n++;
        if (n > DIGITS_MAX || scale > 400) return -1;
    }
    if (p < end) { /* e */
        int power = 0, down = 0;
        p++;
        if (p < end && (*p == '+' || *p == '-')) down = *p++ == '-';
        for (; p < end; p++)
            if ((power = power * 10 + (*p - '0')) > 400) return -1;
        scale += down ? power : -power;
    }
    if (m == 0) scale = scale < 0 ? 0 : scale;
    if (scale < 0) {
        if (n - scale > DIGITS_MAX || times_ten(&m, -scale)) return -1;
        scale = 0;
    }
    *out = (table__dec){minus ? -m : m, scale};
    return 0;
}

static jd_str print(table__dec d, jd_arena *a) {
    char digits[48];
    size_t n = 0;
    int minus = d.m < 0;
    unsigned __int128 m = minus ? -(unsigned __int128)d.m : (unsigned __int128)d.m;
    while (d.scale > 0 && m % 10 == 0) m /= 10, d.scale--;
    do digits[n++] = (char)('0' + (int)(m % 10));
    while (m /= 10);
    size_t scale = (size_t)d.scale, whole = n > scale ? n - scale : 0;
    char *text = jd_arena_alloc(a, n + scale + 4), *to = text;
    if (minus) *to++ = '-';
    if (!whole) *to++ = '0';
    for (size_t i = 0; i < whole; i++) *to++ = digits[n - 1 - i];
    if (scale) {
        *to++ = '.';
        for (size_t i = n; i < scale; i++) *to++ = '0';
        for (size_t i = whole; i < n; i++) *to++ = digits[n - 1 - i];
    }
    return (jd_str){text, (size_t)(to - text)};
}

int table__dec_apply(jd_str s, const table__dec *factor, const table__dec *offset, jd_arena *a, jd_str *out) {
    table__dec v, o = *offset;
    if (table__dec_read(s, &v) || __builtin_mul_overflow(v.m, factor->m, &v.m)) return -1;
    v.scale += factor->scale;
    if (o.m) {
        if (v.scale < o.scale) {
            if (times_ten(&v.m, o.scale - v.scale)) return -1;
            v.scale = o.scale;
        } else if (times_ten(&o.m, v.scale - o.scale)) {
            return -1;
        }
        if (__builtin_add_overflow(v.m, o.m, &v.m)) return -1;
    }
    if (v.scale > 400) return -1;
    *out = print(v, a);
    return 0;
}

double table__double(jd_str s) {
    jd_jval v = {.type = JD_JNUM, .n = (uint32_t)s.n, .s = s.p};
    return jd_jnum(&v);
}
