/* series/totals.c - what a chunk tells without being decoded.
 *
 *   times, each from the one before   first at -> last (-> first, where the chunk begins with a CLEAR), unless at a
 *                                     steady step; first recorded -> least -> greatest, when recorded is a column
 *   when clean                        a byte, the common scale, unless the lane tells it; least mantissa; then, as seen
 *                                     from it: greatest, sum, sum of squares, first, last; four bytes of their scales
 *                                     (least, greatest, first, last) unless the lane tells them */
#include "series/series_int.h"

__extension__ typedef unsigned __int128 u128;

static int common(jd_num v, uint8_t scale, int64_t *m) {
    return !__builtin_mul_overflow(v.m, series__ten[scale - v.scale], m);
}

static int figures(const series__rows *r, size_t each, jd_chunkhead *h) {
    uint8_t scale = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->nums[i * each].scale > scale) scale = r->nums[i * each].scale;
    __int128 sum = 0, sumsq = 0, square;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (size_t i = 0; i < r->n; i++) {
        jd_num v = r->nums[i * each];
        int64_t m;
        if (!common(v, scale, &m)) return 0;
        if (!i || m < least) least = m, h->min = v;
        if (!i || m > most) most = m, h->max = v;
        sum += m;
        square = (__int128)m * m;
        if (__builtin_add_overflow(sumsq, square, &sumsq)) return 0;
    }
    h->first = r->nums[0];
    h->last = r->nums[(r->n - 1) * each];
    h->scale = scale;
    h->sum = sum;
    h->sumsq = sumsq;
    return 1;
}

void series__totals(const series__rows *r, jd_chunkhead *h) {
    enum { SPOILS = JD_R_DELETED | JD_R_VOID | JD_R_CLEAR };
    const series__shape *first = &r->shapes[r->shape[0]];
    int clean = first->nums_n > 0;
    h->from = INT64_MAX;
    h->to = INT64_MIN;
    h->recorded_from = INT64_MAX;
    h->recorded_to = INT64_MIN;
    h->clears = 0;
    for (size_t i = 0; i < r->n; i++) {
        const series__shape *s = &r->shapes[r->shape[i]];
        int64_t at = r->at[i], recorded = r->recorded[i];
        if (at != JD_CLEAR_AT) {
            if (at < h->from) h->from = at;
            if (at > h->to) h->to = at;
        }
        if (recorded < h->recorded_from) h->recorded_from = recorded;
        if (recorded > h->recorded_to) h->recorded_to = recorded;
        if (s->flags & JD_R_CLEAR) h->clears = 1;
        clean &= !(s->flags & SPOILS) && (s->flags & JD_R_NUMERIC) && s->skeleton == first->skeleton &&
                 s->nums_n == first->nums_n && (i == 0 || at > r->at[i - 1]);
    }
    h->clean = clean && figures(r, first->nums_n, h);
}

static void u128_put(jd_buf *out, u128 v) {
    while (v >= 0x80) {
        jd_buf_c(out, (char)(unsigned char)(0x80 | (v & 0x7f)));
        v >>= 7;
    }
    jd_buf_c(out, (char)(unsigned char)v);
}

static u128 u128_get(series__at *p, series__at end) {
    u128 v = 0;
    for (unsigned shift = 0; *p && *p < end && shift < 128; shift += 7) {
        unsigned char c = *(*p)++;
        v |= (u128)(c & 0x7f) << shift;
        if (c < 0x80) return v;
    }
    *p = NULL;
    return 0;
}

static int64_t wrap(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static int64_t unwrap(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t at_scale(jd_num v, uint8_t scale) {
    int64_t m = 0;
    common(v, scale, &m);
    return m;
}

/* Modes FIXED and SHORT tell the scale of each mantissa, EACH tells the common one. */
static int lane_tells(uint8_t lane) {
    return lane >> 5 < 2;
}
static int lane_has_scale(uint8_t lane) {
    return lane >> 5 < 3;
}

/* What the head says of the last times. */
static jd_time last_at(const jd_chunkhead *h) {
    return unwrap(h->first_at, (int64_t)((uint64_t)h->step * (h->count - 1)));
}

static int recorded_is_told(const jd_chunkhead *h) {
    unsigned how = h->form & SERIES__RECORDED_MASK;
    return how == SERIES__AT_ONCE || (how == SERIES__AFTER && h->step);
}

void series__totals_put(jd_buf *out, const jd_chunkhead *h) {
    if (!h->step) {
        series__round_put(out, wrap(h->to, h->first_at));
        if (h->first_at == JD_CLEAR_AT) series__round_put(out, wrap(h->from, h->first_at));
    }
    if (!recorded_is_told(h)) {
        series__round_put(out, wrap(h->recorded_from, h->first_recorded));
        series__round_put(out, wrap(h->recorded_to, h->recorded_from));
    }
    if (!h->clean) return;
    if (!lane_has_scale(h->lane)) jd_buf_c(out, (char)h->scale);
    const jd_num of[] = {h->max, h->first, h->last};
    int64_t least = at_scale(h->min, h->scale);
    /* Squares from the least value: sum (m - l)^2 = sumsq - 2 l sum + n l^2, modulo 2^128 */
    u128 n = h->count, l = (u128)(__int128)least, sum = (u128)h->sum - n * l;
    u128 squares = (u128)h->sumsq - 2 * l * (u128)h->sum + n * l * l;
    jd_buf_varint(out, jd_zigzag(least));
    u128_put(out, sum);
    u128_put(out, squares);
    for (size_t k = 0; k < 3; k++) jd_buf_varint(out, (uint64_t)at_scale(of[k], h->scale) - (uint64_t)least);
    if (lane_tells(h->lane)) return;
    jd_buf_c(out, (char)h->min.scale);
    for (size_t k = 0; k < 3; k++) jd_buf_c(out, (char)of[k].scale);
}

static series__at figures_get(series__at p, series__at end, jd_chunkhead *h) {
    h->scale = h->lane & 31;
    if (!lane_has_scale(h->lane)) {
        if (p == end) return NULL;
        h->scale = *p++;
    }
    if (h->scale > 18) return NULL;
    int64_t m[4];
    m[0] = jd_unzigzag(jd_varint_get(&p, end));
    u128 n = h->count, l = (u128)(__int128)m[0];
    u128 sum = u128_get(&p, end), squares = u128_get(&p, end);
    sum += n * l;
    h->sum = (__int128)sum;
    h->sumsq = (__int128)(squares + 2 * l * sum - n * l * l);
    for (size_t k = 1; k < 4; k++) m[k] = (int64_t)((uint64_t)m[0] + jd_varint_get(&p, end));
    if (!p) return NULL;
    jd_num v[4];
    for (size_t k = 0; k < 4; k++) v[k] = series__lane_num(h->lane, m[k]);
    if (!lane_tells(h->lane)) {
        if (end - p < 4) return NULL;
        for (size_t k = 0; k < 4; k++) {
            uint8_t scale = *p++;
            if (scale > h->scale) return NULL;
            v[k] = (jd_num){m[k] / series__ten[h->scale - scale], scale};
        }
    }
    h->min = v[0];
    h->max = v[1];
    h->first = v[2];
    h->last = v[3];
    return p;
}

series__at series__totals_get(series__at p, series__at end, jd_chunkhead *h) {
    h->clears = (h->form & SERIES__CLEARS) != 0;
    h->clean = (h->form & SERIES__CLEAN) != 0;
    h->from = h->first_at;
    if (h->step)
        h->to = last_at(h);
    else {
        h->to = unwrap(h->first_at, series__round_get(&p, end));
        if (h->first_at == JD_CLEAR_AT) h->from = unwrap(h->first_at, series__round_get(&p, end));
    }
    h->recorded_from = h->recorded_to = h->first_recorded;
    if (!recorded_is_told(h)) {
        h->recorded_from = unwrap(h->first_recorded, series__round_get(&p, end));
        h->recorded_to = unwrap(h->recorded_from, series__round_get(&p, end));
    } else if ((h->form & SERIES__RECORDED_MASK) == SERIES__AFTER)
        h->recorded_to = unwrap(h->first_recorded, wrap(h->to, h->first_at));
    return h->clean && p ? figures_get(p, end, h) : p;
}
