/* json/scan.h - where a run of plain bytes ends: in strings '"', '\' and control characters end it, in numbers all but
 * digits. SSE2 belongs to every x86-64; elsewhere eight bytes are tested at a time with ordinary arithmetic, which
 * JD_JSON_PORTABLE chooses everywhere, for the tests. */
#ifndef JD_JSON_SCAN_H
#define JD_JSON_SCAN_H
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(JD_JSON_PORTABLE)
#define JSON__SSE2 1
#include <emmintrin.h>
#else
#define JSON__SSE2 0
#endif

static inline int json__special(char c) {
    unsigned char u = (unsigned char)c;
    return u < 0x20 || u == '"' || u == '\\';
}

/* Non-zero if one of the eight bytes is special; the lowest 0x80 bit marks the first one. Borrows can set false bits
 * only above a true one, so the lowest is right. */
static inline uint64_t json__special8(uint64_t v) {
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t quote = v ^ (ones * '"'), back = v ^ (ones * '\\');
    return (((v - ones * 0x20) & ~v) | ((quote - ones) & ~quote) | ((back - ones) & ~back)) & high;
}

#if JSON__SSE2
/* One bit for each of the 16 bytes that is special. */
static inline unsigned json__special16(__m128i v) {
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i back = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, back)));
}
#endif

/* The first special byte at or behind p, or end. */
static inline const char *json__plain_end(const char *p, const char *end) {
#if JSON__SSE2
    for (; end - p >= 16; p += 16) {
        __m128i v;
        memcpy(&v, p, sizeof v);
        unsigned m = json__special16(v);
        if (m) return p + __builtin_ctz(m);
    }
#else
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        if (json__special8(v)) break;
    }
#endif
    while (p < end && !json__special(*p)) p++;
    return p;
}

/* The first byte at or behind p that is no digit, or end. */
static inline const char *json__digits_end(const char *p, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - p >= 8; p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        v ^= 0x3030303030303030u; /* digits become 0..9; of the bits below the lowest true one is right */
        v = ((v + 0x7676767676767676u) | v) & 0x8080808080808080u;
        if (v) return p + (__builtin_ctzll(v) >> 3);
    }
#endif
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}
#endif
