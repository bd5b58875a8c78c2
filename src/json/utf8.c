/* Well-formed UTF-8, as RFC 3629 section 4 draws it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * A plain reader says where a text goes wrong; where the processor has byte shuffles, a faster one says whether. */
#include "json/json_int.h"

#if defined(__x86_64__) && !defined(JD_JSON_PORTABLE)
#define HAVE_SHUFFLE 1
#include <tmmintrin.h>
#else
#define HAVE_SHUFFLE 0
#endif

static int tail(unsigned char c) {
    return (c & 0xC0) == 0x80;
}

/* Bytes of the character at s, or 0. Runs of ASCII never come here. */
static size_t wide(const unsigned char *s, size_t left) {
    unsigned char c = s[0];
    if (c < 0xC2 || c > 0xF4) return 0;
    if (c < 0xE0) return left >= 2 && tail(s[1]) ? 2 : 0;
    if (c < 0xF0) {
        if (left < 3 || !tail(s[1]) || !tail(s[2])) return 0;
        if (c == 0xE0 && s[1] < 0xA0) return 0;
        if (c == 0xED && s[1] > 0x9F) return 0;
        return 3;
    }
    if (left < 4 || !tail(s[1]) || !tail(s[2]) || !tail(s[3])) return 0;
    if (c == 0xF0 && s[1] < 0x90) return 0;
    if (c == 0xF4 && s[1] > 0x8F) return 0;
    return 4;
}

static size_t plain_bad(const unsigned char *s, size_t i, size_t n) {
    while (i < n) {
        if (s[i] < 0x80) {
            uint64_t v;
            while (n - i >= sizeof v && (memcpy(&v, s + i, sizeof v), !(v & 0x8080808080808080u))) i += sizeof v;
            while (i < n && s[i] < 0x80) i++;
            continue;
        }
        size_t k = wide(s + i, n - i);
        if (!k) return i;
        i += k;
    }
    return n;
}

#if HAVE_SHUFFLE
/* After J. Keiser and D. Lemire, "Validating UTF-8 in less than one instruction per byte" (2021): each fault shows in
 * three half-bytes, the two of a byte and the upper one of its successor. A table for each half-byte gives the faults
 * that it permits; a fault that all three permit is there. What two bytes cannot show, a missing or surplus third or
 * fourth byte, follows from the leads two and three places back. */
enum {
    SHORT = 1,                /* a lead without a continuation */
    LONG = 2,                 /* a continuation behind ASCII */
    OVER3 = 4,                /* E0 80..9F */
    LARGE = 8,                /* F4 90..BF, F5.. 90..BF */
    SURROGATE = 16,           /* ED A0..BF */
    OVER2 = 32,               /* C0, C1 */
    OVER4 = 64,               /* F0 80..8F; also F5.. 80..8F, which is too large */
    TWO = 128,                /* two continuations: right or wrong as the leads before say */
    ANY = SHORT | LONG | TWO, /* faults that the lower half of a first byte does not show */
    BIG = ANY | LARGE | OVER4
};

static inline __m128i table(const unsigned char t[16]) {
    __m128i v;
    memcpy(&v, t, sizeof v);
    return v;
}

__attribute__((target("ssse3"))) static inline __m128i faults(__m128i now, __m128i before) {
    /* clang-format off */
    static const unsigned char first_high[16] = {
        LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO, TWO, TWO, TWO, /* 0..7, 8..B */
        SHORT | OVER2, SHORT, SHORT | OVER3 | SURROGATE, SHORT | LARGE | OVER4};
    static const unsigned char first_low[16] = {
        ANY | OVER2 | OVER3 | OVER4, ANY | OVER2, ANY, ANY, ANY | LARGE, BIG, BIG, BIG,
        BIG, BIG, BIG, BIG, BIG, BIG | SURROGATE, BIG, BIG};
    static const unsigned char second_high[16] = {
        SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, /* 0..7 */
        LONG | TWO | OVER2 | OVER3 | OVER4, LONG | TWO | OVER2 | OVER3 | LARGE,
        LONG | TWO | OVER2 | SURROGATE | LARGE, LONG | TWO | OVER2 | SURROGATE | LARGE,
        SHORT, SHORT, SHORT, SHORT};
    /* clang-format on */
    const __m128i low4 = _mm_set1_epi8(15);
    __m128i back1 = _mm_alignr_epi8(now, before, 15);
    __m128i a = _mm_shuffle_epi8(table(first_high), _mm_and_si128(_mm_srli_epi16(back1, 4), low4));
    __m128i b = _mm_shuffle_epi8(table(first_low), _mm_and_si128(back1, low4));
    __m128i c = _mm_shuffle_epi8(table(second_high), _mm_and_si128(_mm_srli_epi16(now, 4), low4));
    __m128i found = _mm_and_si128(a, _mm_and_si128(b, c));
    /* The top bit: this byte must be a third or fourth one, so that "two continuations" is right here, else wrong. */
    __m128i third = _mm_subs_epu8(_mm_alignr_epi8(now, before, 14), _mm_set1_epi8(0xE0 - 0x80));
    __m128i fourth = _mm_subs_epu8(_mm_alignr_epi8(now, before, 13), _mm_set1_epi8(0xF0 - 0x80));
    __m128i due = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)0x80));
    return _mm_xor_si128(found, due);
}

/* Checks whole blocks. Returns an offset before which all is well and at which a character may begin, or 0 at a fault:
 * the rest is for the plain reader. */
__attribute__((target("ssse3"))) static size_t blocks_good(const unsigned char *s, size_t n) {
    __m128i before = _mm_setzero_si128(), wrong = before;
    int wide_before = 0; /* high bits of the block before */
    size_t i = 0;
    for (; n - i >= 16; i += 16) {
        __m128i now;
        memcpy(&now, s + i, sizeof now);
        int wide_now = _mm_movemask_epi8(now);
        if (wide_now | wide_before) wrong = _mm_or_si128(wrong, faults(now, before));
        before = now;
        wide_before = wide_now;
    }
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) != 0xFFFF) return 0;
    /* A character may reach over the last block's end: step back to its lead. */
    for (int back = 0; back < 4 && i > 0 && s[i - 1] >= 0x80; back++) {
        i--;
        if (s[i] >= 0xC0) break;
    }
    return i;
}
#endif

size_t jd_utf8_bad(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    size_t good = 0;
#if HAVE_SHUFFLE
    if (n >= 16 && __builtin_cpu_supports("ssse3")) good = blocks_good(s, n);
#endif
    return plain_bad(s, good, n);
}
