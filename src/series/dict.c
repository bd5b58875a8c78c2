/* series/dict.c - a row's words: skeletons, and shapes (a skeleton with flags, digits and a count of numbers).
 *
 *   varint, varint       shapes, skeletons
 *   four columns         of the shapes: skeleton, numbers, flags, digits
 *   three columns        of the skeletons: bytes shared with the front of the one before, with its back, others
 *   varint               0: the other bytes follow; else they are one zstd frame of so many bytes */
#include "series/series_int.h"

#include <stdlib.h>
#include <zstd.h>

enum {
    WORDS_MAX = 1 << 20,
    LEVEL = 9,
    ZSTD_FROM = 1024, /* bytes; opening a frame costs the reader more than a smaller one saves */
};

void series__dict_init(series__dict *d) {
    *d = (series__dict){.skeletons = jd_xmalloc(sizeof *d->skeletons)};
    jd_strmap_init(d->skeletons);
}

void series__dict_fini(series__dict *d) {
    if (d->skeletons) jd_strmap_fini(d->skeletons);
    free(d->skeletons);
    free(d->text);
    free(d->shape);
    free(d->slot);
    *d = (series__dict){0};
}

static uint32_t text_add(series__dict *d, jd_str s) {
    uint32_t k = jd_strmap_get(d->skeletons, s);
    if (k != JD_STRMAP_NONE) return k;
    if (d->text_n == d->text_cap) {
        d->text_cap = d->text_cap ? 2 * d->text_cap : 16;
        d->text = jd_xrealloc(d->text, d->text_cap * sizeof *d->text);
    }
    d->text[d->text_n] = jd_strmap_put(d->skeletons, s, (uint32_t)d->text_n);
    d->text_bytes += s.n + 1;
    return (uint32_t)d->text_n++;
}

static int alike(series__shape a, series__shape b) {
    return a.skeleton == b.skeleton && a.nums_n == b.nums_n && a.flags == b.flags && a.digits == b.digits;
}

static size_t slot_of(const series__dict *d, series__shape s) {
    uint64_t h = (s.skeleton | (uint64_t)s.nums_n << 32) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 29 ^ s.flags ^ (uint64_t)s.digits << 8) * UINT64_C(0xd6e8feb86659fd93);
    size_t i = (size_t)(h >> 32) & (d->slots - 1);
    while (d->slot[i] && !alike(d->shape[d->slot[i] - 1], s)) i = (i + 1) & (d->slots - 1);
    return i;
}

static void more_slots(series__dict *d) {
    free(d->slot);
    d->slots = d->slots ? 2 * d->slots : 64;
    d->slot = jd_xcalloc(d->slots, sizeof *d->slot);
    for (size_t k = 0; k < d->shape_n; k++) d->slot[slot_of(d, d->shape[k])] = (uint32_t)k + 1;
}

uint32_t series__dict_add(series__dict *d, const jd_reading *r) {
    if (d->shape_n) { /* mostly the same as just before */
        const series__shape *s = &d->shape[d->last];
        if (s->flags == r->flags && s->digits == r->digits && s->nums_n == r->nums_n &&
            jd_str_eq(d->text[s->skeleton], r->skeleton))
            return d->last;
    }
    series__shape s = {text_add(d, r->skeleton), r->nums_n, r->flags, r->digits};
    if (2 * d->shape_n >= d->slots) more_slots(d);
    size_t i = slot_of(d, s);
    if (d->slot[i]) return d->last = d->slot[i] - 1;
    if (d->shape_n == d->shape_cap) {
        d->shape_cap = d->shape_cap ? 2 * d->shape_cap : 16;
        d->shape = jd_xrealloc(d->shape, d->shape_cap * sizeof *d->shape);
    }
    d->shape[d->shape_n++] = s;
    d->slot[i] = (uint32_t)d->shape_n;
    return d->last = (uint32_t)d->shape_n - 1;
}

static void shapes_put(const series__dict *d, jd_buf *out, int64_t *v) {
    const series__shape *s = d->shape;
    size_t n = d->shape_n;
    for (size_t i = 0; i < n; i++) v[i] = s[i].skeleton;
    series__column_put(out, v, n, SERIES__ANY, 0);
    for (size_t i = 0; i < n; i++) v[i] = s[i].nums_n;
    series__column_put(out, v, n, SERIES__ANY, 0);
    for (size_t i = 0; i < n; i++) v[i] = s[i].flags;
    series__column_put(out, v, n, SERIES__ANY, 0);
    for (size_t i = 0; i < n; i++) v[i] = s[i].digits;
    series__column_put(out, v, n, SERIES__ANY, 0);
}

static void texts_put(const series__dict *d, jd_buf *out) {
    size_t n = d->text_n;
    int64_t *front = jd_xmalloc(3 * n * sizeof *front), *back = front + n, *others = back + n;
    jd_buf middle = {0};
    jd_str last = {"", 0};
    for (size_t i = 0; i < n; i++) {
        jd_str s = d->text[i];
        size_t most = s.n < last.n ? s.n : last.n, f = 0, b = 0;
        while (f < most && s.p[f] == last.p[f]) f++;
        while (b < most - f && s.p[s.n - 1 - b] == last.p[last.n - 1 - b]) b++;
        front[i] = (int64_t)f;
        back[i] = (int64_t)b;
        others[i] = (int64_t)(s.n - f - b);
        jd_buf_add(&middle, s.p + f, s.n - f - b);
        last = s;
    }
    series__column_put(out, front, n, SERIES__ANY, 0);
    series__column_put(out, back, n, SERIES__ANY, 0);
    series__column_put(out, others, n, SERIES__ANY, 0);
    free(front);
    size_t packed = 0;
    if (middle.n >= ZSTD_FROM) {
        size_t bound = ZSTD_compressBound(middle.n);
        jd_buf frame = {0};
        packed = ZSTD_compress(jd_buf_room(&frame, bound), bound, middle.p, middle.n, LEVEL);
        if (ZSTD_isError(packed) || packed > middle.n - middle.n / 8) packed = 0;
        if (packed) {
            jd_buf_varint(out, packed);
            jd_buf_add(out, frame.p, packed);
        }
        jd_buf_fini(&frame);
    }
    if (!packed) {
        jd_buf_varint(out, 0);
        jd_buf_str(out, jd_buf_view(&middle));
    }
    jd_buf_fini(&middle);
}

void series__dict_put(const series__dict *d, jd_buf *out) {
    size_t most = d->shape_n > d->text_n ? d->shape_n : d->text_n;
    int64_t *v = jd_xmalloc(most * sizeof *v);
    jd_buf_varint(out, d->shape_n);
    jd_buf_varint(out, d->text_n);
    shapes_put(d, out, v);
    texts_put(d, out);
    free(v);
}

/* ---- reading ---- */

static series__at shapes_get(series__at p, series__at end, int64_t *v, series__words *w) {
    size_t n = w->shape_n;
    if ((p = series__column_get(p, end, v, n)))
        for (size_t i = 0; i < n; i++) {
            if ((uint64_t)v[i] >= w->text_n) return NULL;
            w->shape[i].skeleton = (uint32_t)v[i];
        }
    if (p && (p = series__column_get(p, end, v, n)))
        for (size_t i = 0; i < n; i++) {
            if ((uint64_t)v[i] > SERIES__NUMS_MAX) return NULL;
            w->shape[i].nums_n = (uint32_t)v[i];
        }
    if (p && (p = series__column_get(p, end, v, n)))
        for (size_t i = 0; i < n; i++) {
            if ((uint64_t)v[i] > UINT8_MAX) return NULL;
            w->shape[i].flags = (uint8_t)v[i];
        }
    if (p && (p = series__column_get(p, end, v, n)))
        for (size_t i = 0; i < n; i++) {
            if ((uint64_t)v[i] > UINT8_MAX) return NULL;
            w->shape[i].digits = (uint8_t)v[i];
        }
    return p;
}

/* The texts from their lengths and the bytes that are not shared. */
static int unfold(series__words *w, const int64_t *front, const int64_t *back, const int64_t *others, jd_str middle,
                  char *to) {
    jd_str last = {"", 0};
    for (size_t i = 0; i < w->text_n; i++) {
        size_t f = (size_t)front[i], b = (size_t)back[i], o = (size_t)others[i];
        if (f > last.n || b > last.n - f || o > middle.n) return -1;
        if (f) memcpy(to, last.p, f);
        if (o) memcpy(to + f, middle.p, o);
        if (b) memcpy(to + f + o, last.p + last.n - b, b);
        middle = (jd_str){middle.p + o, middle.n - o};
        last = w->text[i] = (jd_str){to, f + o + b};
        to += last.n;
    }
    return middle.n ? -1 : 0;
}

static int texts_get(series__at p, series__at end, jd_arena *a, int64_t *v, series__words *w) {
    size_t n = w->text_n;
    int64_t *front = v, *back = v + n, *others = back + n;
    p = series__column_get(p, end, front, n);
    if (p) p = series__column_get(p, end, back, n);
    if (p) p = series__column_get(p, end, others, n);
    uint64_t packed = jd_varint_get(&p, end), whole = 0, own = 0;
    if (!p) return -1;
    for (size_t i = 0; i < n; i++) {
        if ((uint64_t)front[i] > SERIES__DICT_MAX || (uint64_t)back[i] > SERIES__DICT_MAX ||
            (uint64_t)others[i] > SERIES__DICT_MAX)
            return -1;
        own += (uint64_t)others[i];
        whole += (uint64_t)front[i] + (uint64_t)back[i] + (uint64_t)others[i];
        if (whole > SERIES__DICT_MAX) return -1;
    }
    w->text = JD_NEWN(a, jd_str, n);
    char *to = jd_arena_alloc(a, whole + 1);
    if (!packed) {
        if ((uint64_t)(end - p) != own) return -1;
        return unfold(w, front, back, others, (jd_str){(const char *)p, (size_t)own}, to);
    }
    if ((uint64_t)(end - p) != packed) return -1;
    char *middle = jd_xmalloc((size_t)own);
    int rc = -1;
    if (ZSTD_decompress(middle, (size_t)own, p, (size_t)packed) == own)
        rc = unfold(w, front, back, others, (jd_str){middle, (size_t)own}, to);
    free(middle);
    return rc;
}

int series__dict_get(series__at p, series__at end, jd_arena *a, int texts, series__words *out) {
    uint64_t shapes = jd_varint_get(&p, end), skeletons = jd_varint_get(&p, end);
    if (!p || shapes > WORDS_MAX || skeletons > shapes) return -1;
    *out = (series__words){.shape_n = (size_t)shapes, .text_n = (size_t)skeletons};
    out->shape = JD_NEWN(a, series__shape, shapes);
    int64_t some[64 * 3], *v = shapes <= 64 ? some : jd_xmalloc(3 * (size_t)shapes * sizeof *v);
    p = shapes_get(p, end, v, out);
    int rc = p ? 0 : -1;
    if (p && texts) rc = texts_get(p, end, a, v, out);
    if (v != some) free(v);
    return rc;
}
