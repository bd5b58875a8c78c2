/* series/bits.h - numbers of any width as bits, low bits first.
 * Lifetime: the writer appends to a buffer of the caller's; bits_flush ends it with a whole byte.
 * Threads:  one owner.   Fails: a reader at the end of its bytes sets `bad` and gives zeros. */
#ifndef JD_SERIES_BITS_H
#define JD_SERIES_BITS_H
#include "base/buf.h"

typedef struct bits_out {
    jd_buf *out;
    uint64_t acc;
    unsigned n; /* bits in acc, below 8 between calls */
} bits_out;

/* k <= 56 */
static inline void bits_put(bits_out *b, uint64_t v, unsigned k) {
    b->acc |= v << b->n;
    b->n += k;
    memcpy(jd_buf_room(b->out, 8), &b->acc, 8);
    unsigned whole = b->n >> 3;
    b->out->n += whole;
    b->acc = whole == 8 ? 0 : b->acc >> (8 * whole);
    b->n &= 7;
}

static inline void bits_put_wide(bits_out *b, uint64_t v, unsigned k) { /* k <= 64 */
    if (k > 32) {
        bits_put(b, v & UINT32_MAX, 32);
        v >>= 32;
        k -= 32;
    }
    bits_put(b, v, k);
}

static inline void bits_flush(bits_out *b) {
    if (b->n) jd_buf_c(b->out, (char)(unsigned char)b->acc);
    b->acc = 0;
    b->n = 0;
}

typedef struct bits_in {
    const unsigned char *p;
    size_t at, end; /* in bits */
    int bad;
} bits_in;

static inline bits_in bits_open(const unsigned char *p, const unsigned char *end) {
    return (bits_in){p, 0, (size_t)(end - p) * 8, 0};
}

/* k <= 56 */
static inline uint64_t bits_get(bits_in *b, unsigned k) {
    if (b->end - b->at < k) {
        b->bad = 1;
        return 0;
    }
    size_t byte = b->at >> 3, left = (b->end >> 3) - byte;
    uint64_t v = 0;
    if (left >= 8)
        memcpy(&v, b->p + byte, 8);
    else
        for (size_t i = 0; i < left; i++) v |= (uint64_t)b->p[byte + i] << (8 * i);
    v >>= b->at & 7;
    b->at += k;
    return v & ((UINT64_C(1) << k) - 1);
}

static inline uint64_t bits_get_wide(bits_in *b, unsigned k) { /* k <= 64 */
    if (k <= 32) return bits_get(b, k);
    uint64_t low = bits_get(b, 32);
    return low | bits_get(b, k - 32) << 32;
}

/* The byte behind the last bit that was read. */
static inline const unsigned char *bits_close(const bits_in *b) {
    return b->bad ? NULL : b->p + ((b->at + 7) >> 3);
}
#endif
