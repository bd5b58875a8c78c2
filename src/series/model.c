/* series/model.c - small numbers, coded as often as they are seen.
 *
 * A number u becomes a token (0..3 as they are, then two tokens per power of two; or, where numbers are of very
 * different sizes, one token per power of two; the last is an escape) and raw bits. The tokens are coded by a range
 * coder (rANS: the state is a stack of digits of changing bases) whose 16 frequency tables learn as they go. The table
 * for a token is chosen by the tokens before it, the last few and the last hundred: after small numbers a small one is
 * likely. Tables start as geometric laws, so that short columns need not pay for learning.
 *
 *   byte     0..15: low = 0, mean token to start with; 16...: low = byte - 15, mean 9; 128 more: one token per power
 *   4 bytes  state, then 2 bytes whenever it falls below 2^16; after the last token the state is 2^16 again
 *   bits     of the numbers in order; u >> low has the token, low bits follow raw */
#include "series/bits.h"
#include "series/series_int.h"

#include <stdlib.h>

enum {
    TOKENS = 16,
    ESCAPE = 15,
    CONTEXTS = 16,
    BITS = 15,
    TOTAL = 1 << BITS,
    LEAST = 16,       /* frequency that no token falls below */
    SEEN_MUCH = 32,   /* tokens in a context, after which its table learns more slowly */
    FLOOR = 1 << 16,  /* the state's */
    LOW_MAX = 64 - 5, /* 64 bits less the finer aim */
    COARSE = 128,     /* in the head byte */
    ESCAPES_FEW = 128 /* one in so many tokens does not hurt */
};

typedef int16_t v8 __attribute__((vector_size(16), may_alias));

typedef struct table {
    uint16_t start[TOKENS + 8]; /* [TOKENS] is TOTAL, the rest fills up */
} __attribute__((aligned(16))) table;

typedef struct model {
    table t[CONTEXTS];
    uint8_t seen[CONTEXTS];
    int fast, slow;       /* running means of the tokens, in 1/256: of the last few, of the last hundred */
    unsigned last, token; /* what is still to be learnt: this token in that context */
} model;

/* Of context c: geometric with mean token c + 1/2, and a fiftieth spread evenly. */
static const uint16_t prior[CONTEXTS][TOKENS] = {
    {0, 21381, 28581, 31023, 31870, 32272, 32353, 32399, 32440, 32481, 32522, 32563, 32604, 32645, 32686, 32727},
    {0, 12079, 19646, 24391, 27373, 30401, 31610, 32285, 32423, 32481, 32522, 32563, 32604, 32645, 32686, 32727},
    {0, 7633, 13471, 17938, 21359, 25952, 28647, 31138, 32011, 32432, 32517, 32563, 32604, 32645, 32686, 32727},
    {0, 5056, 9328, 12940, 15994, 20724, 24103, 28214, 30318, 31936, 32382, 32554, 32604, 32645, 32686, 32727},
    {0, 3436, 6513, 9270, 11739, 15893, 19223, 23999, 27068, 30284, 31623, 32413, 32579, 32644, 32686, 32727},
    {0, 2374, 4578, 6625, 8526, 11892, 14793, 19408, 22832, 27226, 29648, 31703, 32347, 32622, 32684, 32727},
    {0, 1659, 3236, 4736, 6162, 8768, 11121, 15129, 18396, 23193, 26380, 29877, 31429, 32420, 32643, 32725},
    {0, 1170, 2299, 3391, 4446, 6409, 8239, 11496, 14324, 18874, 22302, 26798, 29352, 31610, 32357, 32694},
    {0, 831, 1643, 2436, 3210, 4664, 6049, 8586, 10886, 14822, 18054, 22852, 26086, 29708, 31363, 32458},
    {0, 594, 1178, 1753, 2319, 3383, 4412, 6329, 8119, 11316, 14102, 18613, 22039, 26585, 29210, 31583},
    {0, 424, 844, 1259, 1669, 2436, 3186, 4594, 5938, 8406, 10651, 14513, 17708, 22499, 25776, 29521},
    {0, 299, 596, 890, 1183, 1721, 2252, 3248, 4214, 6019, 7713, 10757, 13437, 17837, 21246, 25898},
    {0, 203, 406, 608, 809, 1167, 1523, 2183, 2831, 4049, 5220, 7389, 9392, 12910, 15908, 20599},
    {0, 128, 256, 384, 512, 725, 938, 1319, 1696, 2400, 3089, 4384, 5626, 7918, 10022, 13687},
    {0, 67, 135, 202, 269, 363, 456, 602, 747, 996, 1244, 1694, 2138, 2970, 3782, 5305},
    {0, 41, 82, 123, 164, 205, 246, 287, 328, 369, 410, 451, 492, 532, 573, 614},
};

/* Two ways to cut numbers into tokens. The escape has 6 bits of length and the bits below the highest. */
typedef struct ladder {
    uint32_t base[TOKENS];
    uint8_t extra[TOKENS];
    unsigned aim, mean; /* low is chosen for numbers of about `aim` bits; this is then their token */
} ladder;
static const ladder fine = {{0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256},
                            {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 7, 6},
                            5,
                            9};
static const ladder coarse = {{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
                              {0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 6},
                              10,
                              9};

static void begin(model *m, unsigned mean) {
    for (unsigned c = 0; c < CONTEXTS; c++) {
        memcpy(m->t[c].start, prior[c], sizeof prior[c]);
        m->t[c].start[TOKENS] = TOTAL;
    }
    memset(m->seen, 0, sizeof m->seen);
    m->fast = m->slow = (int)mean * 256 + 128;
    m->last = m->token = 0;
}

/* Moves the last table towards a law in which only the last token happens; faster while little is known. Learning lags
 * one token behind, so that the reader need not wait for it where the same table serves again. */
static inline void learn(model *m, unsigned c, unsigned token) {
    static const v8 lo = {0, 1, 2, 3, 4, 5, 6, 7}, hi = {8, 9, 10, 11, 12, 13, 14, 15};
    unsigned last = m->last;
    int rate = 6 + (m->seen[last] == SEEN_MUCH);
    m->seen[last] = (uint8_t)(m->seen[last] + (m->seen[last] < SEEN_MUCH));
    int16_t t = (int16_t)m->token;
    const int16_t above = TOTAL - TOKENS * LEAST;
    v8 is = {t, t, t, t, t, t, t, t}, add = {above, above, above, above, above, above, above, above};
    v8 *q = (v8 *)(void *)m->t[last].start;
    q[0] += (lo * LEAST + ((lo > is) & add) - q[0]) >> rate;
    q[1] += (hi * LEAST + ((hi > is) & add) - q[1]) >> rate;
    m->last = c;
    m->token = token;
    m->fast += ((int)token * 256 - m->fast) >> 1;
    m->slow += ((int)token * 256 - m->slow) >> 6;
}

static inline unsigned token_of(const ladder *l, uint64_t u) {
    if (u >= l->base[ESCAPE]) return ESCAPE;
    if (u < 2) return (unsigned)u;
    unsigned e = 63 - (unsigned)__builtin_clzll(u);
    return l == &coarse ? e + 1 : e > 6 ? 14 : 2 * e + (unsigned)(u >> (e - 1) & 1);
}

static unsigned choose_low(const ladder *l, const uint64_t *u, size_t n) {
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += 64 - (size_t)__builtin_clzll(u[i] | 1);
    size_t mean = (sum + n / 2) / n;
    return mean > l->aim ? (unsigned)mean - l->aim : 0;
}

static void bits_of(bits_out *b, const ladder *l, uint64_t u, unsigned token, unsigned low) {
    uint64_t high = u >> low;
    if (token == ESCAPE) {
        unsigned length = 63 - (unsigned)__builtin_clzll(high);
        bits_put(b, length, 6);
        bits_put_wide(b, high ^ (UINT64_C(1) << length), length);
        bits_put_wide(b, u & ((UINT64_C(1) << low) - 1), low);
    } else
        bits_put_wide(b, u - ((uint64_t)l->base[token] << low), l->extra[token] + low);
}

typedef struct slice { /* of the range, taken by one token */
    uint16_t start, width;
} slice;

/* Returns how many tokens were escapes. */
static size_t put(jd_buf *out, const ladder *l, const uint64_t *u, size_t n) {
    unsigned low = choose_low(l, u, n), mean = l->mean;
    size_t escapes = 0;
    if (!low) {
        size_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += token_of(l, u[i]);
        mean = (unsigned)((sum + n / 2) / n);
    }
    jd_buf_c(out, (char)((low ? 15 + low : mean) | (l == &coarse ? COARSE : 0)));
    model m;
    begin(&m, mean);
    slice *s = jd_xmalloc(n * sizeof *s);
    for (size_t i = 0; i < n; i++) {
        unsigned token = token_of(l, u[i] >> low), c = (unsigned)(m.fast + m.slow) >> 9;
        escapes += token == ESCAPE;
        const uint16_t *start = m.t[c].start;
        s[i] = (slice){start[token], (uint16_t)(start[token + 1] - start[token])};
        learn(&m, c, token);
    }
    /* The coder is a stack: the last token goes in first, and the bytes are filled from behind. */
    size_t room = 2 * n + 4;
    char *words = jd_xmalloc(room);
    size_t at = room;
    uint32_t x = FLOOR;
    for (size_t i = n; i-- > 0;) {
        uint32_t width = s[i].width;
        if (x >= (uint64_t)width << 17) {
            uint16_t word = (uint16_t)x;
            memcpy(words + (at -= 2), &word, 2);
            x >>= 16;
        }
        x = ((x / width) << BITS) + x % width + s[i].start;
    }
    memcpy(words + (at -= 4), &x, 4);
    jd_buf_add(out, words + at, room - at);
    free(words);
    free(s);
    bits_out b = {.out = out};
    for (size_t i = 0; i < n; i++) bits_of(&b, l, u[i], token_of(l, u[i] >> low), low);
    bits_flush(&b);
    return escapes;
}

void series__model_put(jd_buf *out, const uint64_t *u, size_t n) {
    size_t from = out->n, escapes = put(out, &fine, u, n);
    if (escapes <= n / ESCAPES_FEW) return;
    jd_buf other = {0};
    put(&other, &coarse, u, n);
    if (other.n < out->n - from) {
        out->n = from;
        jd_buf_str(out, jd_buf_view(&other));
    }
    jd_buf_fini(&other);
}

/* How many starts are not above the slot: the token, as the first start is 0. */
static inline unsigned find(const table *t, uint32_t slot) {
    int16_t s = (int16_t)slot;
    const v8 *q = (const v8 *)(const void *)t->start;
    v8 is = {s, s, s, s, s, s, s, s};
    union {
        v8 v;
        uint64_t half[2];
    } count = {.v = -((q[0] <= is) + (q[1] <= is))};
    return (unsigned)(((count.half[0] + count.half[1]) * UINT64_C(0x0001000100010001)) >> 48) - 1;
}

static series__at tokens_get(series__at p, series__at end, model *m, uint8_t *token, size_t n) {
    if (end - p < 4) return NULL;
    uint32_t x;
    memcpy(&x, p, 4);
    p += 4;
    for (size_t i = 0; i < n; i++) {
        unsigned c = (unsigned)(m->fast + m->slow) >> 9;
        const table *t = &m->t[c];
        uint32_t slot = x & (TOTAL - 1);
        unsigned k = find(t, slot);
        uint32_t start = t->start[k];
        x = (t->start[k + 1] - start) * (x >> BITS) + slot - start;
        /* Whether a word is due cannot be predicted, so there is no branch on it. */
        unsigned due = x < FLOOR;
        uint16_t word = 0;
        if (end - p >= 2)
            memcpy(&word, p, 2);
        else if (due)
            return NULL;
        x = x << 16 * due | (word & -due);
        p += 2 * due;
        learn(m, c, k);
        token[i] = (uint8_t)k;
    }
    return x == FLOOR ? p : NULL;
}

static uint64_t number_get(bits_in *b, const ladder *l, unsigned token, unsigned low) {
    if (token < ESCAPE) return ((uint64_t)l->base[token] << low) + bits_get_wide(b, l->extra[token] + low);
    unsigned length = (unsigned)bits_get(b, 6);
    uint64_t high = bits_get_wide(b, length) | UINT64_C(1) << length;
    return high << low | bits_get_wide(b, low);
}

/* Eight bytes at a time as long as there are eight, which is nearly always. */
static series__at numbers_get(series__at p, series__at end, const ladder *l, unsigned low, const uint8_t *token,
                              uint64_t *u, size_t n) {
    uint64_t from[TOKENS];
    unsigned width[TOKENS], most = 56 - 13;
    for (unsigned k = 0; k < TOKENS; k++) {
        from[k] = (uint64_t)l->base[k] << low;
        width[k] = l->extra[k] + low;
    }
    bits_in b = bits_open(p, end);
    size_t whole = low > most || b.end < 64 ? 0 : b.end - 64;
    for (size_t i = 0; i < n; i++) {
        unsigned k = token[i];
        if (k < ESCAPE && b.at < whole) {
            uint64_t v;
            memcpy(&v, p + (b.at >> 3), 8);
            u[i] = from[k] + (v >> (b.at & 7) & ((UINT64_C(1) << width[k]) - 1));
            b.at += width[k];
        } else
            u[i] = number_get(&b, l, k, low);
    }
    return bits_close(&b);
}

series__at series__model_get(series__at p, series__at end, uint64_t *u, size_t n) {
    if (p == end) return NULL;
    const ladder *l = *p & COARSE ? &coarse : &fine;
    unsigned head = *p++ & (COARSE - 1), low = head > 15 ? head - 15 : 0;
    if (low > LOW_MAX) return NULL;
    model m;
    begin(&m, low ? l->mean : head);
    uint8_t on_stack[JD_CHUNK_MAX], *token = n <= sizeof on_stack ? on_stack : jd_xmalloc(n);
    p = tokens_get(p, end, &m, token, n);
    if (p) p = numbers_get(p, end, l, low, token, u, n);
    if (token != on_stack) free(token);
    return p;
}
