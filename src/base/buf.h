/* base/buf.h - a growing byte buffer, and the variable-length numbers that stored bytes are made of.
 * Lifetime: jd_buf_fini() frees what init or the zero value began; jd_buf_take() moves ownership out.
 * Threads:  one owner at a time.   Fails: never (out of memory ends the process). */
#ifndef JD_BASE_BUF_H
#define JD_BASE_BUF_H
#include "base/arena.h"

#include <string.h>

typedef struct jd_buf {
    char *p;
    size_t n, cap;
} jd_buf; /* the zero value is an empty buffer */

void jd_buf_fini(jd_buf *b);
void jd_buf_grow(jd_buf *b, size_t more); /* room for at least `more` bytes behind n */
void jd_buf_printf(jd_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Hands the bytes to the caller, who frees them with free(); the buffer is empty after. */
char *jd_buf_take(jd_buf *b, size_t *n);

static inline char *jd_buf_room(jd_buf *b, size_t more) {
    if (b->cap - b->n < more) jd_buf_grow(b, more);
    return b->p + b->n;
}
static inline void jd_buf_add(jd_buf *b, const void *p, size_t n) {
    if (!n) return;
    memcpy(jd_buf_room(b, n), p, n);
    b->n += n;
}
static inline void jd_buf_str(jd_buf *b, jd_str s) {
    jd_buf_add(b, s.p, s.n);
}
static inline void jd_buf_z(jd_buf *b, const char *z) {
    jd_buf_add(b, z, strlen(z));
}
static inline void jd_buf_c(jd_buf *b, char c) {
    *jd_buf_room(b, 1) = c;
    b->n++;
}
static inline jd_str jd_buf_view(const jd_buf *b) {
    return (jd_str){b->p, b->n};
}

/* LEB128: 7 bits a byte, low first; at most 10 bytes, for which there is room at `to`. Returns where it ends. */
enum { JD_VARINT_MAX = 10 };
char *jd_varint_put_long(char *to, uint64_t v);
static inline char *jd_varint_put(char *to, uint64_t v) {
    if (v >= 0x80) return jd_varint_put_long(to, v);
    *to++ = (char)(unsigned char)v;
    return to;
}
static inline void jd_buf_varint(jd_buf *b, uint64_t v) {
    char *to = jd_buf_room(b, JD_VARINT_MAX);
    b->n += (size_t)(jd_varint_put(to, v) - to);
}
static inline uint64_t jd_zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t jd_unzigzag(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
static inline size_t jd_varint_size(uint64_t v) {
    return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}
/* Reads one number at *p, before end, and moves *p behind it. On malformed input *p becomes NULL and 0 is returned;
 * a reader may therefore check once at the end. */
typedef struct jd_varint { /* by value, so that a reader's place can stay in a register */
    uint64_t v;
    const unsigned char *behind;
} jd_varint;
jd_varint jd_varint_long(const unsigned char *p, const unsigned char *end);
static inline uint64_t jd_varint_get(const unsigned char **p, const unsigned char *end) {
    const unsigned char *q = *p;
    if (!q) return 0;
    if (q < end && *q < 0x80) { /* most are short */
        *p = q + 1;
        return *q;
    }
    if (end - q > 1 && q[1] < 0x80) {
        *p = q + 2;
        return (uint64_t)(*q & 0x7f) | (uint64_t)q[1] << 7;
    }
    jd_varint r = jd_varint_long(q, end);
    *p = r.behind;
    return r.v;
}
#endif
