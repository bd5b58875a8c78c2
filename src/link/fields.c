#include "link/fields.h"

#include <iconv.h>
#include <stdio.h>

jd_fields jd_fields_new(jd_arena *a) {
    return (jd_fields){.a = a};
}

jd_fields jd_fields_sized(jd_arena *a, uint32_t n) {
    return (jd_fields){.a = a, .m = jd_arena_alloc(a, n * sizeof(jd_jmember)), .cap = n};
}

jd_jval jd_fields_end(const jd_fields *f) {
    return (jd_jval){.type = JD_JOBJ, .n = f->n, .members = f->m};
}

void jd_fields_grow(jd_fields *f) {
    f->cap = f->cap ? f->cap * 2 : 16;
    jd_jmember *more = jd_arena_alloc(f->a, f->cap * sizeof *more);
    if (f->n) memcpy(more, f->m, f->n * sizeof *more);
    f->m = more;
}

static void hex(char *to, jd_str raw) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        to[2 * i] = digits[c >> 4];
        to[2 * i + 1] = digits[c & 15];
    }
}

jd_jval jd_jhex(jd_arena *a, jd_str raw) {
    char *text = jd_arena_alloc(a, raw.n * 2 + 1);
    hex(text, raw);
    return (jd_jval){.type = JD_JSTR, .n = (uint32_t)(raw.n * 2), .s = text};
}

void jd_put_hex(jd_fields *f, const char *name, jd_str raw) {
    jd_put(f, name, jd_jhex(f->a, raw));
}

void jd_hex_add(jd_buf *b, jd_str raw) {
    hex(jd_buf_room(b, raw.n * 2), raw);
    b->n += raw.n * 2;
}

static int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int jd_hex_read(jd_str text, jd_buf *out) {
    size_t from = out->n;
    for (size_t i = 0; i < text.n;) {
        if (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r') {
            i++;
            continue;
        }
        int high = nibble(text.p[i]), low = i + 1 < text.n ? nibble(text.p[i + 1]) : -1;
        if (high < 0 || low < 0) {
            out->n = from;
            return -1;
        }
        jd_buf_c(out, (char)(unsigned char)(high << 4 | low));
        i += 2;
    }
    return 0;
}

/* A converter is costly to open and may be used by one thread at a time: each has its own, for the thread's life. */
static iconv_t gb18030(void) {
    static _Thread_local iconv_t cd;
    static _Thread_local int open;
    if (!open) {
        cd = iconv_open("UTF-8", "GB18030");
        open = 1;
    }
    return cd;
}

static int is_plain(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80 || (unsigned char)s.p[i] < 0x20) return 0;
    return 1;
}

void jd_put_gbk(jd_fields *f, const char *name, jd_str raw) {
    const char *nul = raw.n ? memchr(raw.p, 0, raw.n) : NULL;
    jd_str s = {raw.p, nul ? (size_t)(nul - raw.p) : raw.n};
    if (is_plain(s)) {
        jd_put_str(f, name, s);
        return;
    }
    size_t room = s.n * 4, left = s.n, to_left = room;
    char *to = jd_arena_alloc(f->a, room), *at = to;
    char *from = (char *)(uintptr_t)s.p; /* iconv only reads it */
    iconv_t cd = gb18030();
    int bad = cd == (iconv_t)-1 || iconv(cd, NULL, NULL, NULL, NULL) == (size_t)-1 ||
              iconv(cd, &from, &left, &at, &to_left) == (size_t)-1;
    jd_str text = {to, room - to_left};
    for (size_t i = 0; i < text.n && !bad; i++) bad = (unsigned char)text.p[i] < 0x20;
    if (!bad) {
        jd_put_str(f, name, text);
        return;
    }
    jd_put_named(f, jd_arena_printf(f->a, "%s_hex", name), jd_jhex(f->a, raw));
}

static int days_of(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0));
}

static void two_digits(char *to, int v) {
    to[0] = (char)('0' + v / 10);
    to[1] = (char)('0' + v % 10);
}

int jd_put_time8(jd_fields *f, const char *name, int year, int month, int day, int hour, int minute, int second) {
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_of(year, month)) return -1;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
    static const char form[] = "0000-00-00T00:00:00+08:00"; /* in nearly every frame, so without printf */
    char *to = jd_arena_alloc(f->a, sizeof form);
    memcpy(to, form, sizeof form);
    two_digits(to, year / 100);
    two_digits(to + 2, year % 100);
    two_digits(to + 5, month);
    two_digits(to + 8, day);
    two_digits(to + 11, hour);
    two_digits(to + 14, minute);
    two_digits(to + 17, second);
    jd_put_str(f, name, (jd_str){to, sizeof form - 1});
    return 0;
}

jd_list jd_list_new(jd_arena *a) {
    return (jd_list){.a = a};
}

void jd_list_add(jd_list *l, jd_jval v) {
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        jd_jval *more = jd_arena_alloc(l->a, l->cap * sizeof *more);
        if (l->n) memcpy(more, l->v, l->n * sizeof *more);
        l->v = more;
    }
    l->v[l->n++] = v;
}

jd_jval jd_list_end(const jd_list *l) {
    return (jd_jval){.type = JD_JARR, .n = l->n, .items = l->v};
}

uint16_t jd_crc16_modbus(jd_str s) {
    uint32_t crc = 0xffff;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
    }
    return (uint16_t)crc;
}

unsigned char jd_xor8(jd_str s) {
    uint64_t x = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t eight;
        memcpy(&eight, s.p + i, 8);
        x ^= eight;
    }
    for (; i < s.n; i++) x ^= (unsigned char)s.p[i];
    x ^= x >> 32;
    x ^= x >> 16;
    return (unsigned char)(x ^ x >> 8);
}

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar, whose years begin in March. */
jd_clock8 jd_clock8_of(jd_time t) {
    int64_t s = t / 1000000 - (t % 1000000 < 0) + 8 * 3600;
    int64_t days = s / 86400 - (s % 86400 < 0), of_day = s - days * 86400;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
    return (jd_clock8){.year = (int)(yoe + era * 400 + (month <= 2)),
                       .month = (int)month,
                       .day = (int)(doy - (153 * mp + 2) / 5 + 1),
                       .hour = (int)(of_day / 3600),
                       .minute = (int)(of_day / 60 % 60),
                       .second = (int)(of_day % 60)};
}
