#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void jd_buf_fini(jd_buf *b) {
    free(b->p);
    *b = (jd_buf){0};
}

void jd_buf_grow(jd_buf *b, size_t more) {
    size_t cap = b->cap ? b->cap * 2 : 256;
    if (cap < b->n + more) cap = b->n + more;
    b->p = jd_xrealloc(b->p, cap);
    b->cap = cap;
}

void jd_buf_printf(jd_buf *b, const char *fmt, ...) {
    for (;;) {
        size_t room = b->cap - b->n;
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(b->p ? b->p + b->n : NULL, room, fmt, ap);
        va_end(ap);
        if (n < 0) return;
        if ((size_t)n < room) {
            b->n += (size_t)n;
            return;
        }
        jd_buf_grow(b, (size_t)n + 1);
    }
}

char *jd_buf_take(jd_buf *b, size_t *n) {
    char *p = b->p;
    if (n) *n = b->n;
    *b = (jd_buf){0};
    return p;
}

/* ---- numbers of several bytes: times take eight, so that going byte by byte is felt ----
 * Seven bits a byte are moved together, or apart, in three steps: pairs of bytes, of pairs, of those. */

static const uint64_t MORE = UINT64_C(0x8080808080808080);

static char *put_by_byte(char *to, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *to++ = (char)(unsigned char)(v | 0x80);
    *to++ = (char)(unsigned char)v;
    return to;
}

char *jd_varint_put_long(char *to, uint64_t v) {
    size_t n = jd_varint_size(v);
    if (n < 4 || n > 8) return put_by_byte(to, v);
    v = (v & 0x0fffffff) | (v & UINT64_C(0x00fffffff0000000)) << 4;
    v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x0fffc0000fffc000)) << 2;
    v = (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x3f803f803f803f80)) << 1;
    v |= MORE >> (72 - 8 * n);
    uint32_t low = (uint32_t)v, high = (uint32_t)(v >> (8 * n - 32));
    memcpy(to, &low, 4); /* these overlap unless it has eight: nothing behind the number is touched */
    memcpy(to + n - 4, &high, 4);
    return to + n;
}

static jd_varint get_by_byte(const unsigned char *p, const unsigned char *end) {
    uint64_t v = 0;
    for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
        unsigned char c = *p++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) return (jd_varint){v, p};
    }
    return (jd_varint){0, NULL};
}

jd_varint jd_varint_long(const unsigned char *p, const unsigned char *end) {
    if (end - p < 8) return get_by_byte(p, end);
    uint64_t v;
    memcpy(&v, p, 8);
    uint64_t stop = ~v & MORE;
    if (!stop) return get_by_byte(p, end);
    p += (__builtin_ctzll(stop) >> 3) + 1;
    v &= (stop ^ (stop - 1)) & ~MORE;
    v = (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x7f007f007f007f00)) >> 1;
    v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x3fff00003fff0000)) >> 2;
    v = (v & 0x0fffffff) | (v & UINT64_C(0x0fffffff00000000)) >> 4;
    return (jd_varint){v, p};
}
