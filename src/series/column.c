/* series/column.c - a vector of whole numbers in as few bytes as one of a few ways gives.
 *
 * v[i] = base + g * (y[i] + step * i), where g divides all differences; y is predicted from the values before it (not
 * at all, as the last one, along the last two, or by weights), and what is left, the rest, is stored in the cheapest
 * way. A vector may also be split in two: into multiples of a power of ten and a few remainders, or into the ranks of
 * its values and a list of them. All arithmetic wraps, so every vector comes back, and hostile bytes give some vector.
 */
#include "series/bits.h"
#include "series/series_int.h"

#include <stdlib.h>

/* The first byte: prediction, way << 2, and which numbers follow. */
enum { LEVEL, DIFF, DIFF2, TAPS };
enum { ZERO, PACK, MODEL, SPARSE, SPLIT, RANKS, FEW };
enum { HAS_G = 32, HAS_STEP = 64, HAS_BASE = 128 };
enum {
    DEPTH = 2,          /* columns within columns within the column */
    MODEL_FROM = 6,     /* values; fewer are packed */
    FEW_UPTO = 12,      /* values; of so few the differences may stand one by one */
    TAPS_FROM = 64,     /* values; fewer do not pay for the weights */
    RANKS_FROM = 32,    /* values */
    SPARSE_WORTH = 128, /* values for which a byte more is well spent */
    TAPS_WITHIN = 1 << 30,
    LAG_MAX = 1 << 20
};

typedef struct plan { /* one way to predict, and what it leaves */
    unsigned predict;
    int64_t base, step, g;
    series__taps taps;
    uint64_t cost; /* about, in bits */
} plan;

static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static int64_t mul(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* m * 10^e as one number, e in the low four bits; 15 there: the number itself follows. */
void series__round_put(jd_buf *out, int64_t v) {
    unsigned e = 0;
    int64_t m = v;
    while (m && m % 10 == 0 && e < 14) m /= 10, e++;
    uint64_t z = jd_zigzag(m);
    if (z >> 60) {
        jd_buf_varint(out, 15);
        jd_buf_varint(out, jd_zigzag(v));
    } else
        jd_buf_varint(out, z << 4 | e);
}

int64_t series__round_get(series__at *p, series__at end) {
    uint64_t z = jd_varint_get(p, end);
    unsigned e = z & 15;
    if (e == 15) return jd_unzigzag(jd_varint_get(p, end));
    int64_t m = jd_unzigzag(z >> 4);
    return mul(m, series__ten[e]);
}

/* ---- the rest ---- */

static void column_put(jd_buf *out, const int64_t *v, size_t n, series__hint hint, size_t lag, unsigned depth);
static series__at column_get(series__at p, series__at end, int64_t *v, size_t n, unsigned depth);

static unsigned pack_width(const int64_t *r, size_t n, int64_t *least) {
    int64_t lo = r[0], hi = r[0];
    for (size_t i = 1; i < n; i++) {
        if (r[i] < lo) lo = r[i];
        if (r[i] > hi) hi = r[i];
    }
    *least = lo;
    return hi > lo ? 64 - (unsigned)__builtin_clzll((uint64_t)sub(hi, lo)) : 0;
}

static void pack_put(jd_buf *out, const int64_t *r, size_t n) {
    int64_t least;
    unsigned width = pack_width(r, n, &least);
    jd_buf_varint(out, jd_zigzag(least));
    jd_buf_c(out, (char)width);
    bits_out b = {.out = out};
    for (size_t i = 0; i < n; i++) bits_put_wide(&b, (uint64_t)sub(r[i], least), width);
    bits_flush(&b);
}

static series__at pack_get(series__at p, series__at end, int64_t *r, size_t n) {
    int64_t least = jd_unzigzag(jd_varint_get(&p, end));
    if (!p || p == end || *p > 64) return NULL;
    unsigned width = *p++;
    if ((size_t)(end - p) < (n * width + 7) / 8) return NULL;
    bits_in b = bits_open(p, end);
    for (size_t i = 0; i < n; i++) r[i] = add(least, (int64_t)bits_get_wide(&b, width));
    return bits_close(&b);
}

/* Those that are not zero, each with the distance from the one before it. */
static void sparse_put(jd_buf *out, const int64_t *r, size_t n, size_t count, unsigned depth) {
    int64_t *gap = jd_xmalloc(2 * count * sizeof *gap), *value = gap + count;
    size_t k = 0, last = 0;
    for (size_t i = 0; i < n; i++)
        if (r[i]) {
            gap[k] = (int64_t)(i - last);
            value[k++] = r[i];
            last = i;
        }
    jd_buf_varint(out, count);
    column_put(out, gap, count, SERIES__ANY, 0, depth + 1);
    column_put(out, value, count, SERIES__ANY, 0, depth + 1);
    free(gap);
}

static series__at sparse_get(series__at p, series__at end, int64_t *r, size_t n, unsigned depth) {
    uint64_t count = jd_varint_get(&p, end);
    if (!p || !count || count > n) return NULL;
    int64_t *gap = jd_xmalloc(2 * (size_t)count * sizeof *gap), *value = gap + count;
    p = column_get(p, end, gap, (size_t)count, depth + 1);
    if (p) p = column_get(p, end, value, (size_t)count, depth + 1);
    memset(r, 0, n * sizeof *r);
    size_t at = 0;
    for (size_t k = 0; p && k < count; k++) {
        if ((uint64_t)gap[k] >= n - at)
            p = NULL;
        else {
            at += (size_t)gap[k];
            r[at] = value[k];
        }
    }
    free(gap);
    return p;
}

static void model_put(jd_buf *out, const int64_t *r, size_t n) {
    uint64_t *u = jd_xmalloc(n * sizeof *u);
    for (size_t i = 0; i < n; i++) u[i] = jd_zigzag(r[i]);
    series__model_put(out, u, n);
    free(u);
}

static series__at model_get(series__at p, series__at end, int64_t *r, size_t n) {
    uint64_t *u = (uint64_t *)r;
    p = series__model_get(p, end, u, n);
    if (p)
        for (size_t i = 0; i < n; i++) r[i] = jd_unzigzag(u[i]);
    return p;
}

/* ---- prediction ---- */

static void head_put(jd_buf *out, const plan *p, unsigned way) {
    unsigned has = (p->g != 1 ? HAS_G : 0) | (p->step ? HAS_STEP : 0) | (p->base ? HAS_BASE : 0);
    jd_buf_c(out, (char)(p->predict | way << 2 | has));
    if (p->base) series__round_put(out, p->base);
    if (p->g != 1) series__round_put(out, p->g);
    if (p->step) series__round_put(out, p->step);
    if (p->predict != TAPS) return;
    jd_buf_c(out, (char)(p->taps.near | p->taps.far << 4));
    if (p->taps.far) jd_buf_varint(out, p->taps.lag);
    for (unsigned k = 0; k < p->taps.near + p->taps.far; k++) jd_buf_varint(out, jd_zigzag(p->taps.c[k]));
}

static series__at taps_get(series__at p, series__at end, series__taps *t) {
    if (p == end) return NULL;
    *t = (series__taps){.near = *p & 15, .far = *p >> 4};
    p++;
    if (t->near > SERIES__NEAR || t->far > SERIES__FAR) return NULL;
    if (t->far) {
        uint64_t lag = jd_varint_get(&p, end);
        if (lag < 2 || lag > LAG_MAX) return NULL;
        t->lag = (size_t)lag;
    }
    for (unsigned k = 0; k < t->near + t->far; k++) t->c[k] = jd_unzigzag(jd_varint_get(&p, end));
    return p;
}

/* From the differences to the first value (y, g taken out) to the rest. */
static void rest_of(const plan *p, const int64_t *y0, int64_t shift, int64_t *rest, int64_t *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = sub(sub(y0[i], shift), mul(p->step, (int64_t)i));
    switch (p->predict) {
    case LEVEL: memcpy(rest, y, n * sizeof *y); break;
    case DIFF:
        rest[0] = y[0];
        for (size_t i = 1; i < n; i++) rest[i] = sub(y[i], y[i - 1]);
        break;
    case DIFF2:
        rest[0] = y[0];
        if (n > 1) rest[1] = sub(y[1], y[0]);
        for (size_t i = 2; i < n; i++) rest[i] = sub(sub(y[i], y[i - 1]), sub(y[i - 1], y[i - 2]));
        break;
    default: series__taps_split(&p->taps, y, rest, n);
    }
}

static void join(unsigned predict, const series__taps *t, int64_t *y, size_t n) {
    int64_t last = 0, slope = 0;
    switch (predict) {
    case LEVEL: break;
    case DIFF:
        for (size_t i = 0; i < n; i++) y[i] = last = add(last, y[i]);
        break;
    case DIFF2:
        if (n) y[0] = last = y[0];
        for (size_t i = 1; i < n; i++) {
            slope = add(slope, y[i]);
            y[i] = last = add(last, slope);
        }
        break;
    default: series__taps_join(t, y, n);
    }
}

static uint64_t cost_of(const int64_t *rest, size_t n) {
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) bits += 64 - (uint64_t)__builtin_clzll(2 * jd_zigzag(rest[i]) | 1);
    return bits;
}

typedef struct desk { /* room to work on one vector */
    int64_t *y0, *y, *rest, *best;
    size_t n;
    int64_t first, g;
} desk;

static void consider(desk *d, plan *best, plan p, int64_t shift, uint64_t extra) {
    p.g = d->g;
    p.base = add(d->first, mul(d->g, shift));
    rest_of(&p, d->y0, shift, d->rest, d->y, d->n);
    p.cost = cost_of(d->rest, d->n) + extra;
    if (p.cost >= best->cost) return;
    *best = p;
    int64_t *t = d->best;
    d->best = d->rest;
    d->rest = t;
}

static int64_t mean_of(const int64_t *y, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)y[i];
    sum /= (double)n;
    return sum > -1e18 && sum < 1e18 ? (int64_t)sum : 0;
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The value that most have, if most have one: votes for others cancel theirs. */
static int64_t usual_value(const int64_t *y, size_t n, size_t *count) {
    int64_t value = 0;
    size_t votes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!votes) value = y[i];
        votes = y[i] == value || !votes ? votes + 1 : votes - 1;
    }
    *count = 0;
    for (size_t i = 0; i < n; i++) *count += y[i] == value;
    return value;
}

/* The difference that most neighbours have (votes for others cancel theirs); where none has most, the median of some.
 */
static int64_t usual_step(const int64_t *y, size_t n) {
    int64_t step = 0, some[31];
    size_t votes = 0, count = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t d = sub(y[i], y[i - 1]);
        if (!votes) step = d;
        votes = d == step || !votes ? votes + 1 : votes - 1;
    }
    for (size_t i = 1; i < n; i++) count += sub(y[i], y[i - 1]) == step;
    if (2 * count > n) return step;
    count = n - 1 < 31 ? n - 1 : 31;
    for (size_t k = 0; k < count; k++) {
        size_t i = 1 + k * (n - 1) / count;
        some[k] = sub(y[i], y[i - 1]);
    }
    qsort(some, count, sizeof *some, by_value);
    return some[count / 2];
}

static void predict_time(desk *d, plan *best) {
    int64_t step = usual_step(d->y0, d->n);
    if (!step) return;
    consider(d, best, (plan){.predict = DIFF, .step = step}, 0, 16);
    /* Stamps that jitter around a clock */
    for (size_t i = 0; i < d->n; i++) d->y[i] = sub(d->y0[i], mul(step, (int64_t)i));
    consider(d, best, (plan){.predict = LEVEL, .step = step}, mean_of(d->y, d->n), 24);
}

static void predict_value(desk *d, plan *best, int64_t mean, size_t lag) {
    for (size_t i = 0; i < d->n; i++) {
        d->y[i] = sub(d->y0[i], mean);
        if (d->y[i] >= TAPS_WITHIN || d->y[i] <= -TAPS_WITHIN) return;
    }
    series__taps t[3];
    unsigned count = series__taps_fit(d->y, d->n, lag, t);
    for (unsigned k = 0; k < count; k++)
        consider(d, best, (plan){.predict = TAPS, .taps = t[k]}, mean, 13 * (t[k].near + t[k].far) + 16);
}

/* Fills d->y0 with (v - v[0]) / g; g is 1 where differences do not fit. */
static void reduce(desk *d, const int64_t *v) {
    uint64_t g = 0;
    d->first = v[0];
    for (size_t i = 0; i < d->n; i++) {
        int64_t diff;
        if (__builtin_sub_overflow(v[i], v[0], &diff) || diff == INT64_MIN) g = 1, diff = sub(v[i], v[0]);
        d->y0[i] = diff;
        uint64_t a = diff < 0 ? -(uint64_t)diff : (uint64_t)diff;
        if (g == 1 || (g && a % g == 0)) continue;
        while (a) {
            uint64_t t = g % a;
            g = a;
            a = t;
        }
    }
    d->g = g ? (int64_t)g : 1;
    if (d->g > 1)
        for (size_t i = 0; i < d->n; i++) d->y0[i] /= d->g;
}

static void shortest(jd_buf *a, jd_buf *b) { /* into a */
    if (b->n < a->n) {
        jd_buf t = *a;
        *a = *b;
        *b = t;
    }
    b->n = 0;
}

static void whole_put(jd_buf *out, const int64_t *v, size_t n, series__hint hint, size_t lag, unsigned depth) {
    int64_t *room = jd_xmalloc(4 * n * sizeof *room);
    desk d = {room, room + n, room + 2 * n, room + 3 * n, n, 0, 1};
    reduce(&d, v);
    plan best = {.cost = UINT64_MAX};
    int64_t mean = mean_of(d.y0, n);
    size_t count;
    int64_t usual = usual_value(d.y0, n, &count);
    consider(&d, &best, (plan){.predict = LEVEL}, 2 * count > n ? usual : mean, 0);
    consider(&d, &best, (plan){.predict = DIFF}, 0, 0);
    if (n > 3) consider(&d, &best, (plan){.predict = DIFF2}, 0, 0);
    if (hint != SERIES__VALUE) predict_time(&d, &best);
    if (hint == SERIES__VALUE && n >= TAPS_FROM) predict_value(&d, &best, mean, lag);
    count = 0;
    for (size_t i = 0; i < n; i++) count += d.best[i] != 0;
    if (!count)
        head_put(out, &best, ZERO);
    else {
        jd_buf one = {0}, other = {0};
        if (n >= MODEL_FROM) {
            head_put(&one, &best, MODEL);
            model_put(&one, d.best, n);
        }
        int64_t least;
        if (n < MODEL_FROM || n * pack_width(d.best, n, &least) / 8 < one.n) {
            head_put(&other, &best, PACK);
            pack_put(&other, d.best, n);
            if (one.n)
                shortest(&one, &other);
            else
                one = other, other = (jd_buf){0};
        }
        if (count <= n / 4 && depth < DEPTH) {
            head_put(&other, &best, SPARSE);
            sparse_put(&other, d.best, n, count, depth);
            if (other.n <= one.n + n / SPARSE_WORTH) one.n = other.n + 1; /* as it is much faster to read */
            shortest(&one, &other);
        }
        jd_buf_add(out, one.p, one.n);
        jd_buf_fini(&one);
        jd_buf_fini(&other);
    }
    free(room);
}

/* ---- two columns for one ---- */

/* v = ten * q + r, r nearest to zero. */
static void split_put(jd_buf *out, const int64_t *v, size_t n, unsigned zeros, size_t lag, unsigned depth) {
    int64_t *q = jd_xmalloc(2 * n * sizeof *q), *r = q + n, ten = series__ten[zeros];
    for (size_t i = 0; i < n; i++) {
        q[i] = v[i] / ten;
        r[i] = v[i] % ten;
        if (r[i] > ten / 2) r[i] -= ten, q[i]++;
        if (r[i] < -ten / 2) r[i] += ten, q[i]--;
    }
    jd_buf_c(out, SPLIT << 2);
    jd_buf_c(out, (char)zeros);
    column_put(out, q, n, SERIES__VALUE, lag, depth + 1);
    column_put(out, r, n, SERIES__ANY, 0, depth + 1);
    free(q);
}

static series__at split_get(series__at p, series__at end, int64_t *v, size_t n, unsigned depth) {
    if (p == end || *p > 18) return NULL;
    int64_t ten = series__ten[*p++], *r = jd_xmalloc(n * sizeof *r);
    p = column_get(p, end, v, n, depth + 1);
    if (p) p = column_get(p, end, r, n, depth + 1);
    if (p)
        for (size_t i = 0; i < n; i++) v[i] = add(mul(v[i], ten), r[i]);
    free(r);
    return p;
}

/* The highest power of ten that at least two thirds of the values are multiples of, but not all: 0 when there is none.
 */
static unsigned zeros_of(const int64_t *v, size_t n) {
    unsigned zeros = 0;
    for (unsigned k = 1; k < 8; k++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++) count += v[i] % series__ten[k] == 0;
        if (count * 3 < n * 2) return zeros;
        if (count < n) zeros = k;
    }
    return zeros;
}

/* The values without repetition, ascending; 0 when there are more than `most`. */
static size_t distinct(const int64_t *v, size_t n, int64_t *list, size_t most) {
    enum { SLOTS = 1024 };
    uint16_t slot[SLOTS] = {0};
    size_t count = 0;
    if (most > SLOTS / 2) most = SLOTS / 2;
    for (size_t i = 0; i < n; i++) {
        size_t h = (size_t)(((uint64_t)v[i] * UINT64_C(0x9e3779b97f4a7c15)) >> 54);
        while (slot[h] && list[slot[h] - 1] != v[i]) h = (h + 1) % SLOTS;
        if (slot[h]) continue;
        if (count == most) return 0;
        list[count] = v[i];
        slot[h] = (uint16_t)++count;
    }
    qsort(list, count, sizeof *list, by_value);
    return count;
}

static void ranks_put(jd_buf *out, const int64_t *v, size_t n, const int64_t *list, size_t count, size_t lag,
                      unsigned depth) {
    int64_t *rank = jd_xmalloc(n * sizeof *rank);
    for (size_t i = 0; i < n; i++) {
        size_t lo = 0, hi = count;
        while (hi - lo > 1) {
            size_t mid = (lo + hi) / 2;
            if (list[mid] <= v[i])
                lo = mid;
            else
                hi = mid;
        }
        rank[i] = (int64_t)lo;
    }
    jd_buf_c(out, RANKS << 2);
    jd_buf_varint(out, count);
    column_put(out, list, count, SERIES__ANY, 0, depth + 1);
    column_put(out, rank, n, SERIES__VALUE, lag, depth + 1);
    free(rank);
}

static series__at ranks_get(series__at p, series__at end, int64_t *v, size_t n, unsigned depth) {
    uint64_t count = jd_varint_get(&p, end);
    if (!p || !count || count > n) return NULL;
    int64_t *list = jd_xmalloc((size_t)count * sizeof *list);
    p = column_get(p, end, list, (size_t)count, depth + 1);
    if (p) p = column_get(p, end, v, n, depth + 1);
    for (size_t i = 0; p && i < n; i++) {
        if ((uint64_t)v[i] >= count)
            p = NULL;
        else
            v[i] = list[v[i]];
    }
    free(list);
    return p;
}

/* Replaces what stands in `out` from `from` on when the other is shorter. */
static void replace(jd_buf *out, size_t from, const jd_buf *other) {
    if (other->n >= out->n - from) return;
    out->n = from;
    jd_buf_add(out, other->p, other->n);
}

/* Differences one by one: nothing needs a head then. */
static void few_put(jd_buf *out, const int64_t *v, size_t n) {
    jd_buf_c(out, DIFF | FEW << 2);
    for (size_t i = 0; i < n; i++) jd_buf_varint(out, jd_zigzag(i ? sub(v[i], v[i - 1]) : v[0]));
}

static void column_put(jd_buf *out, const int64_t *v, size_t n, series__hint hint, size_t lag, unsigned depth) {
    if (!n) return;
    if (n == 1) {
        jd_buf_varint(out, jd_zigzag(v[0]));
        return;
    }
    size_t same = 1, from = out->n;
    while (same < n && v[same] == v[0]) same++;
    if (same == n) {
        head_put(out, &(plan){.predict = LEVEL, .base = v[0], .g = 1}, ZERO);
        return;
    }
    whole_put(out, v, n, hint, lag, depth);
    if (n <= FEW_UPTO) {
        jd_buf few = {0};
        few_put(&few, v, n);
        replace(out, from, &few);
        jd_buf_fini(&few);
    }
    if (hint != SERIES__VALUE || depth >= DEPTH || n < RANKS_FROM) return;
    jd_buf other = {0};
    unsigned zeros = zeros_of(v, n);
    if (zeros) {
        split_put(&other, v, n, zeros, lag, depth);
        replace(out, from, &other);
        other.n = 0;
    }
    int64_t list[512];
    size_t count = (out->n - from) * 8 > 2 * n ? distinct(v, n, list, n / 4) : 0;
    if (count && (uint64_t)sub(list[count - 1], list[0]) >= 4 * count) {
        ranks_put(&other, v, n, list, count, lag, depth);
        replace(out, from, &other);
    }
    jd_buf_fini(&other);
}

static series__at column_get(series__at p, series__at end, int64_t *v, size_t n, unsigned depth) {
    if (!n) return p;
    if (n == 1) {
        v[0] = jd_unzigzag(jd_varint_get(&p, end));
        return p;
    }
    if (p == end || depth > DEPTH) return NULL;
    unsigned head = *p++, predict = head & 3, way = head >> 2 & 7;
    if (way == SPLIT) return split_get(p, end, v, n, depth);
    if (way == RANKS) return ranks_get(p, end, v, n, depth);
    int64_t base = head & HAS_BASE ? series__round_get(&p, end) : 0;
    int64_t g = head & HAS_G ? series__round_get(&p, end) : 1;
    int64_t step = head & HAS_STEP ? series__round_get(&p, end) : 0;
    series__taps t = {0};
    if (p && predict == TAPS) p = taps_get(p, end, &t);
    if (!p) return NULL;
    switch (way) {
    case ZERO: {
        uint64_t x = (uint64_t)base, rise = (uint64_t)mul(g, step);
        for (size_t i = 0; i < n; i++, x += rise) v[i] = (int64_t)x;
        return p;
    }
    case PACK: p = pack_get(p, end, v, n); break;
    case MODEL: p = model_get(p, end, v, n); break;
    case SPARSE: p = sparse_get(p, end, v, n, depth); break;
    case FEW:
        for (size_t i = 0; i < n; i++) v[i] = jd_unzigzag(jd_varint_get(&p, end));
        break;
    default: return NULL;
    }
    if (!p) return NULL;
    join(predict, &t, v, n);
    uint64_t x = (uint64_t)base, rise = (uint64_t)mul(g, step);
    for (size_t i = 0; i < n; i++, x += rise) v[i] = add(mul(v[i], g), (int64_t)x);
    return p;
}

/* ---- without a search ---- */

typedef struct span {
    int64_t least, most;
} span;

static uint64_t width_of(span s) {
    return (uint64_t)sub(s.most, s.least);
}

static void widen(span *s, int64_t v) {
    if (v < s->least) s->least = v;
    if (v > s->most) s->most = v;
}

/* The changes alone, where there are few. */
static void changes_put(jd_buf *out, const int64_t *v, size_t n, size_t changes) {
    int64_t *rest = jd_xmalloc(n * sizeof *rest);
    rest[0] = 0;
    for (size_t i = 1; i < n; i++) rest[i] = sub(v[i], v[i - 1]);
    head_put(out, &(plan){.predict = DIFF, .g = 1, .base = v[0]}, SPARSE);
    sparse_put(out, rest, n, changes, 0);
    free(rest);
}

/* One look at the values and their differences: whichever lie closer together are packed. */
static void quick_put(jd_buf *out, const int64_t *v, size_t n) {
    span values = {v[0], v[0]}, steps = {sub(v[1], v[0]), sub(v[1], v[0])};
    size_t changes = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t d = sub(v[i], v[i - 1]);
        widen(&values, v[i]);
        widen(&steps, d);
        changes += d != 0;
    }
    if (changes && changes <= n / 8) {
        changes_put(out, v, n, changes);
        return;
    }
    int level = width_of(values) <= width_of(steps);
    uint64_t most = level ? width_of(values) : width_of(steps);
    unsigned width = most ? 64 - (unsigned)__builtin_clzll(most) : 0;
    head_put(out,
             &(plan){.predict = level ? LEVEL : DIFF, .g = 1, .base = level ? values.least : sub(v[0], steps.least)},
             PACK);
    jd_buf_varint(out, level ? 0 : jd_zigzag(steps.least));
    jd_buf_c(out, (char)width);
    bits_out b = {.out = out};
    bits_put_wide(&b, level ? (uint64_t)sub(v[0], values.least) : 0, width);
    for (size_t i = 1; i < n; i++)
        bits_put_wide(&b, (uint64_t)(level ? sub(v[i], values.least) : sub(sub(v[i], v[i - 1]), steps.least)), width);
    bits_flush(&b);
}

void series__column_put(jd_buf *out, const int64_t *v, size_t n, series__hint hint, size_t lag) {
    if (hint != SERIES__QUICK || n < 2)
        column_put(out, v, n, hint, lag, 0);
    else if (n <= FEW_UPTO)
        few_put(out, v, n);
    else
        quick_put(out, v, n);
}

series__at series__column_get(series__at p, series__at end, int64_t *v, size_t n) {
    return column_get(p, end, v, n, 0);
}
