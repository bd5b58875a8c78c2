/* series/number.c - decimal numbers as columns of whole ones, and as doubles.
 *
 * A lane is one number of each reading. Its first byte, mode << 5 | scale, says how mantissas and scales are told:
 *   FIXED  all have the scale                     column of mantissas
 *   SHORT  as short as possible, brought to it    column of mantissas (trailing zeros come off again)
 *   EACH   brought to it, their own scales told   column of mantissas, column of scales
 *   OWN    mantissas as they are                  column of mantissas, column of scales
 *   BITS   each is what its nearest double prints column of the doubles' bits, in their order, column of scales */
#include "series/series_int.h"

#include <stdlib.h>

enum { FIXED, SHORT, EACH, OWN, BITS };
enum { SCALE_MAX = 18 };
__extension__ typedef unsigned __int128 u128;

const int64_t series__ten[19] = {1,
                                 10,
                                 100,
                                 1000,
                                 10000,
                                 100000,
                                 1000000,
                                 10000000,
                                 100000000,
                                 1000000000,
                                 10000000000,
                                 100000000000,
                                 1000000000000,
                                 10000000000000,
                                 100000000000000,
                                 1000000000000000,
                                 10000000000000000,
                                 100000000000000000,
                                 1000000000000000000};

/* ---- doubles ---- */

/* With both parts exact in a double one division rounds once. Else the quotient is taken to 66 bits or more and what
 * is beyond is kept as one bit that is set when anything was left, so that halves are told from a little more. */
double jd_num_double(jd_num n) {
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    if (n.m <= INT64_C(1) << 53 && n.m >= -(INT64_C(1) << 53)) return (double)n.m / ten[n.scale];
    uint64_t m = n.m < 0 ? -(uint64_t)n.m : (uint64_t)n.m, by = (uint64_t)series__ten[n.scale];
    unsigned up = 63 + (unsigned)__builtin_clzll(m);
    u128 top = (u128)m << up, q = top / by;
    uint64_t high = (uint64_t)(q >> 64);
    unsigned length = high ? 128 - (unsigned)__builtin_clzll(high) : 64 - (unsigned)__builtin_clzll((uint64_t)q);
    unsigned down = length - 64;
    uint64_t kept = (uint64_t)(q >> down);
    if ((q & (((u128)1 << down) - 1)) || top % by) kept |= 1;
    /* 64 bits to 53, to even */
    uint64_t f = kept >> 11, beyond = kept & 2047;
    f += beyond > 1024 || (beyond == 1024 && (f & 1));
    int e = (int)down + 11 - (int)up;
    double d = __builtin_ldexp((double)f, e);
    return n.m < 0 ? -d : d;
}

/* The bits of a double as a whole number that is ordered as the doubles are. */
static int64_t bits_of(double d) {
    int64_t b;
    memcpy(&b, &d, sizeof b);
    return b < 0 ? (int64_t)((uint64_t)INT64_MIN - (uint64_t)b) : b;
}

static double of_bits(int64_t b) {
    if (b < 0) b = (int64_t)((uint64_t)INT64_MIN - (uint64_t)b);
    double d;
    memcpy(&d, &b, sizeof d);
    return d;
}

/* The mantissa of d at the scale, rounded to even as printf does: exact in 128 bits. -1 when there is none. */
static int mantissa(double d, unsigned scale, int64_t *m) {
    int64_t b;
    memcpy(&b, &d, sizeof b);
    int e = (int)((uint64_t)b >> 52 & 2047);
    uint64_t f = (uint64_t)b & ((UINT64_C(1) << 52) - 1);
    if (e == 2047) return -1;
    if (e) f |= UINT64_C(1) << 52;
    e = (e ? e : 1) - 1075;
    u128 v = (u128)f * (uint64_t)series__ten[scale]; /* below 2^113 */
    if (e > 14) return v ? -1 : (*m = 0, 0);
    if (e >= 0)
        v <<= e;
    else if (e < -120)
        v = 0;
    else {
        u128 half = (u128)1 << (-e - 1), beyond = v & (2 * half - 1);
        v >>= -e;
        v += beyond > half || (beyond == half && (v & 1));
    }
    if (v > INT64_MAX) return -1;
    *m = b < 0 ? -(int64_t)v : (int64_t)v;
    return 0;
}

/* ---- lanes ---- */

typedef struct lane { /* what was found out about numbers */
    int fixed, shortened, common, doubles;
    uint8_t least, most; /* scale */
} lane;

static int is_short(jd_num v) {
    return v.scale == 0 || v.m % 10;
}

static lane look(const jd_num *v, size_t n, size_t step) {
    lane l = {.shortened = 1, .common = 1, .least = SCALE_MAX};
    int wide = 0;
    for (size_t i = 0; i < n; i++) {
        jd_num x = v[i * step];
        if (x.scale > l.most) l.most = x.scale;
        if (x.scale < l.least) l.least = x.scale;
        l.shortened &= is_short(x);
        wide |= x.m > (INT64_C(1) << 40) || x.m < -(INT64_C(1) << 40);
    }
    l.fixed = l.least == l.most;
    int64_t m;
    for (size_t i = 0; l.common && i < n; i++)
        l.common = !__builtin_mul_overflow(v[i * step].m, series__ten[l.most - v[i * step].scale], &m);
    l.doubles = wide && l.most;
    for (size_t i = 0; l.doubles && i < n; i++)
        l.doubles = !mantissa(jd_num_double(v[i * step]), v[i * step].scale, &m) && m == v[i * step].m;
    return l;
}

static void scales_put(jd_buf *out, const jd_num *v, size_t n, size_t step, series__hint hint, int64_t *room) {
    for (size_t i = 0; i < n; i++) room[i] = v[i * step].scale;
    series__column_put(out, room, n, hint == SERIES__QUICK ? hint : SERIES__ANY, 0);
}

void series__lane_put(jd_buf *out, uint8_t *head, const jd_num *v, size_t n, size_t step, series__hint hint,
                      size_t lag) {
    *head = 0;
    if (!n) return;
    lane l = look(v, n, step);
    unsigned mode = l.fixed ? FIXED : l.shortened && l.common ? SHORT : l.common ? EACH : OWN;
    size_t from = out->n;
    int64_t on_stack[JD_CHUNK_MAX], *m = n <= JD_CHUNK_MAX ? on_stack : jd_xmalloc(n * sizeof *m);
    *head = (uint8_t)(mode << 5 | l.most);
    for (size_t i = 0; i < n; i++)
        m[i] = mode == OWN ? v[i * step].m : v[i * step].m * series__ten[l.most - v[i * step].scale];
    series__column_put(out, m, n, hint, lag);
    if (mode >= EACH) scales_put(out, v, n, step, hint, m);
    /* Decimals that are short again but for a few are better off as they are. */
    if (l.doubles && n > 1 && hint != SERIES__QUICK && (out->n - from) * 8 > 24 * n) {
        jd_buf other = {0};
        for (size_t i = 0; i < n; i++) m[i] = bits_of(jd_num_double(v[i * step]));
        series__column_put(&other, m, n, SERIES__ANY, 0);
        scales_put(&other, v, n, step, hint, m);
        if (other.n < out->n - from) {
            *head = (uint8_t)(BITS << 5 | l.most);
            out->n = from;
            jd_buf_add(out, other.p, other.n);
        }
        jd_buf_fini(&other);
    }
    if (m != on_stack) free(m);
}

static jd_num shorten(int64_t m, uint8_t scale) {
    while (scale && m % 10 == 0) m /= 10, scale--;
    return (jd_num){m, scale};
}

jd_num series__lane_num(uint8_t head, int64_t m) {
    uint8_t scale = head & 31;
    return head >> 5 == SHORT ? shorten(m, scale) : (jd_num){m, scale};
}

/* Scales, put beside the mantissas that are there already. */
static series__at scales_get(series__at p, series__at end, uint64_t most, jd_num *v, size_t n, size_t step,
                             int64_t *room) {
    p = series__column_get(p, end, room, n);
    for (size_t i = 0; p && i < n; i++) {
        if ((uint64_t)room[i] > most) return NULL;
        v[i * step].scale = (uint8_t)room[i];
    }
    return p;
}

static series__at lane_get(series__at p, series__at end, uint8_t head, jd_num *v, size_t n, size_t step, int64_t *m) {
    unsigned mode = head >> 5;
    uint8_t scale = head & 31;
    if (scale > SCALE_MAX || mode > BITS) return NULL;
    p = series__column_get(p, end, m, n);
    if (!p) return NULL;
    for (size_t i = 0; i < n; i++) v[i * step] = mode == SHORT ? shorten(m[i], scale) : (jd_num){m[i], scale};
    if (mode < EACH) return p;
    p = scales_get(p, end, mode == EACH ? scale : SCALE_MAX, v, n, step, m);
    if (!p || mode == OWN) return p;
    for (size_t i = 0; i < n; i++) {
        jd_num *x = &v[i * step];
        if (mode == EACH)
            x->m /= series__ten[scale - x->scale];
        else if (mantissa(of_bits(x->m), x->scale, &x->m))
            return NULL;
    }
    return p;
}

series__at series__lane_get(series__at p, series__at end, uint8_t head, jd_num *v, size_t n, size_t step) {
    int64_t on_stack[JD_CHUNK_MAX], *m = n <= JD_CHUNK_MAX ? on_stack : jd_xmalloc(n * sizeof *m);
    p = lane_get(p, end, head, v, n, step, m);
    if (m != on_stack) free(m);
    return p;
}

/* n is at most JD_CHUNK_MAX. Stops behind the mantissas where that is enough. */
int series__lane_doubles(series__at p, series__at end, uint8_t head, double *v, size_t n) {
    unsigned mode = head >> 5;
    uint8_t scale = head & 31;
    int64_t scales[JD_CHUNK_MAX], m[JD_CHUNK_MAX];
    if (scale > SCALE_MAX || mode > BITS || !(p = series__column_get(p, end, m, n))) return -1;
    if (mode == BITS) {
        for (size_t i = 0; i < n; i++) v[i] = of_bits(m[i]);
        return 0;
    }
    if (mode == OWN) {
        if (!series__column_get(p, end, scales, n)) return -1;
        for (size_t i = 0; i < n; i++) {
            if ((uint64_t)scales[i] > SCALE_MAX) return -1;
            v[i] = jd_num_double((jd_num){m[i], (uint8_t)scales[i]});
        }
        return 0;
    }
    const double by = (double)series__ten[scale];
    uint64_t wide = 0;
    for (size_t i = 0; i < n; i++) {
        wide |= (uint64_t)m[i] + (UINT64_C(1) << 53);
        v[i] = (double)m[i] / by;
    }
    if (wide >> 54) /* one at least is not exact in a double */
        for (size_t i = 0; i < n; i++) v[i] = jd_num_double((jd_num){m[i], scale});
    return 0;
}
