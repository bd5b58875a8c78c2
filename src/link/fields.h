/* link/fields.h - objects of JSON built field by field in an arena, and numbers, times and texts out of a frame's
 * bytes. Numbers stay numbers, exactly: a count of tenths is a decimal (JD_JDEC), never a double, and no text.
 * Names of one object differ; they are string literals (not copied); texts and raw bytes point where they stand or into
 * the arena. */
#ifndef JD_LINK_FIELDS_H
#define JD_LINK_FIELDS_H
#include "base/buf.h"
#include "base/clock.h"
#include "json/json.h"

/* A bit for each name that mappings read: names that share one are both put, which costs a little and is no harm. */
static inline uint64_t jd_name_bit(jd_str name) {
    unsigned char first = name.n ? (unsigned char)name.p[0] : 0, last = name.n ? (unsigned char)name.p[name.n - 1] : 0;
    unsigned char middle = name.n ? (unsigned char)name.p[name.n / 2] : 0;
    return UINT64_C(1) << ((first * 7u + middle * 5u + last * 13u + (unsigned)name.n * 31u) & 63);
}

typedef struct jd_fields {
    jd_arena *a;
    jd_jmember *m;
    uint32_t n, cap;
    uint64_t wanted; /* bits of the names that somebody reads, others are not put; 0: all are */
} jd_fields;
jd_fields jd_fields_new(jd_arena *a);
jd_fields jd_fields_sized(jd_arena *a, uint32_t n); /* with room for so many at once */
jd_jval jd_fields_end(const jd_fields *f);          /* the object; f may grow on, then call it again */

void jd_fields_grow(jd_fields *f);
static inline void jd_put_named(jd_fields *f, jd_str name, jd_jval v) { /* the name lives as long as the arena */
    if (f->n == f->cap) jd_fields_grow(f);
    f->m[f->n++] = (jd_jmember){name, v};
}
/* Inline, so that the bit of a literal is known when it is compiled: what nobody wants costs a test. */
static inline void jd_put(jd_fields *f, const char *name, jd_jval v) {
    jd_str s = jd_str_of(name);
    if (!f->wanted || f->wanted & jd_name_bit(s)) jd_put_named(f, s, v);
}
static inline void jd_put_str(jd_fields *f, const char *name, jd_str s) { /* UTF-8 */
    jd_put(f, name, jd_jmake_str(s.p ? s : (jd_str){"", 0}));
}
static inline void jd_put_z(jd_fields *f, const char *name, const char *z) {
    jd_put_str(f, name, jd_str_of(z));
}
static inline jd_jval jd_jint(int64_t v) {
    return jd_jmake_dec(v, 0);
}
static inline jd_jval jd_jdec(int64_t v, int scale) { /* v / 10^scale, scale 0..9; 12.50 keeps its zero */
    return jd_jmake_dec(v, (unsigned)scale);
}
static inline void jd_put_int(jd_fields *f, const char *name, int64_t v) {
    jd_put(f, name, jd_jint(v));
}
static inline void jd_put_dec(jd_fields *f, const char *name, int64_t v, int scale) {
    jd_put(f, name, jd_jdec(v, scale));
}
static inline void jd_put_bool(jd_fields *f, const char *name, int on) {
    jd_put(f, name, jd_jmake_bool(on));
}
void jd_put_hex(jd_fields *f, const char *name, jd_str raw); /* lower case */
/* GB 18030 (GBK, GB 2312) to UTF-8, cut at its first NUL; of bytes that are no such text, the member is `name`_hex. */
void jd_put_gbk(jd_fields *f, const char *name, jd_str raw);
/* A time of China's clocks (UTC+8): "2021-07-26T20:35:31+08:00". 0; -1: no such time (nothing is put). */
int jd_put_time8(jd_fields *f, const char *name, int year, int month, int day, int hour, int minute, int second);

jd_jval jd_jhex(jd_arena *a, jd_str raw);

typedef struct jd_list {
    jd_arena *a;
    jd_jval *v;
    uint32_t n, cap;
} jd_list;
jd_list jd_list_new(jd_arena *a);
void jd_list_add(jd_list *l, jd_jval v);
jd_jval jd_list_end(const jd_list *l);

/* Big-endian; the caller has checked that the bytes are there. */
static inline uint32_t jd_be16(const char *p) {
    return (uint32_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}
static inline uint32_t jd_be32(const char *p) {
    return jd_be16(p) << 16 | jd_be16(p + 2);
}
static inline void jd_be16_add(jd_buf *b, uint32_t v) {
    jd_buf_c(b, (char)(unsigned char)(v >> 8));
    jd_buf_c(b, (char)(unsigned char)v);
}
static inline void jd_be32_add(jd_buf *b, uint32_t v) {
    jd_be16_add(b, v >> 16);
    jd_be16_add(b, v & 0xffff);
}
/* Two digits of packed decimal; -1: it is none. */
static inline int jd_bcd(char c) {
    int high = (unsigned char)c >> 4, low = c & 15;
    return high < 10 && low < 10 ? high * 10 + low : -1;
}
void jd_hex_add(jd_buf *b, jd_str raw);    /* lower case */
int jd_hex_read(jd_str text, jd_buf *out); /* blanks between bytes allowed; -1: no hex */
uint16_t jd_crc16_modbus(jd_str s);        /* init FFFF, reflected A001 */
unsigned char jd_xor8(jd_str s);
typedef struct jd_clock8 { /* what China's clocks show */
    int year, month, day, hour, minute, second;
} jd_clock8;
jd_clock8 jd_clock8_of(jd_time t);
#endif
