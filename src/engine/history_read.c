/* Where the readings of a series lie, over heads and runs. */
#include "engine/history_int.h"

#include <stdlib.h>

hist_state *history_hold(history *h) {
    pthread_rwlock_rdlock(&h->lock);
    hist_state *s = h->state;
    atomic_fetch_add(&s->refs, 1);
    pthread_rwlock_unlock(&h->lock);
    return s;
}

void history_release(history *h, hist_state *s) {
    (void)h;
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1) return;
    heads_unref(s->active);
    heads_unref(s->frozen);
    for (uint32_t i = 0; i < s->runs_n; i++) run_unref(s->runs[i]);
    free(s->runs);
    free(s);
}

typedef struct parts {
    jd_arena *a;
    hist_part *p;
    size_t n, cap;
} parts;

static hist_part *more(parts *l) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        hist_part *big = JD_NEWN(l->a, hist_part, cap);
        if (l->n) memcpy(big, l->p, l->n * sizeof *big);
        l->p = big;
        l->cap = cap;
    }
    return &l->p[l->n++];
}

static void head_part(parts *l, const heads *hs, const jd_skey *key, jd_time from, jd_time to) {
    const head_series *s = hs ? heads_find(hs, key) : NULL;
    if (!s || (!s->clears && (s->to < from || s->from > to))) return;
    jd_reading *r = JD_NEWN(l->a, jd_reading, s->n);
    size_t n = heads_copy(s, from, to, r);
    if (!n) return;
    *more(l) = (hist_part){.readings = r, .n = n, .from = s->from, .to = s->to, .clears = s->clears};
}

/* The chunks of a series within one row. */
static int row_parts(parts *l, const jd_row *row, int64_t id, const jd_skey *key, jd_time from, jd_time to,
                     jd_err *err) {
    jd_chunkhead c[JD_ROW_STRIDE];
    for (uint32_t k = jd_row_seek(row, key), n = 0; k < row->chunks; k += n) {
        if (jd_row_chunks(row, k, c, &n, err)) return jd_fail_at(err, "chunk %lld", (long long)id);
        for (uint32_t i = 0; i < n; i++) {
            if (jd_skey_cmp(&c[i].key, key) != 0) return 0;
            if (!c[i].clears && (c[i].to < from || c[i].from > to)) continue;
            *more(l) = (hist_part){.row = id, .c = c[i], .from = c[i].from, .to = c[i].to, .clears = c[i].clears};
        }
    }
    return 0;
}

static int run_parts(history *h, parts *l, const run *r, const jd_skey *key, jd_time from, jd_time to, jd_err *err) {
    for (uint32_t i = run_seek(r, key); i < r->rows_n && jd_skey_cmp(&r->rows[i].head.first, key) <= 0; i++) {
        const run_row *row = &r->rows[i];
        if (!row->head.clears && (row->head.to < from || row->head.from > to)) continue;
        row_ref ref;
        if (row_get(h, row->id, &ref, err)) return -1;
        int rc = row_parts(l, &ref.row, row->id, key, from, to, err);
        row_put(h, &ref);
        if (rc) return -1;
    }
    return 0;
}

int hist_parts(history *h, hist_state *s, const jd_skey *key, jd_time from, jd_time to, jd_arena *a, hist_part **out,
               size_t *n, jd_err *err) {
    parts l = {.a = a};
    for (uint32_t i = s->runs_n; i-- > 0;)
        if (run_parts(h, &l, s->runs[i], key, from, to, err)) return -1;
    pthread_rwlock_rdlock(&h->lock);
    head_part(&l, s->frozen, key, from, to);
    head_part(&l, s->active, key, from, to);
    pthread_rwlock_unlock(&h->lock);
    *out = l.p;
    *n = l.n;
    return 0;
}

int hist_part_read(history *h, const hist_part *p, jd_time from, jd_time to, jd_arena *a, jd_reading **out, size_t *n,
                   jd_err *err) {
    if (!p->row) {
        *out = p->readings;
        *n = p->n;
        return 0;
    }
    row_ref ref;
    if (row_get(h, p->row, &ref, err)) return -1;
    jd_reading *r;
    int rc = jd_row_readings(&ref.row, &p->c, a, &r, err);
    row_put(h, &ref);
    if (rc) return jd_fail_at(err, "chunk %lld", (long long)p->row);
    size_t k = 0;
    if (p->c.from >= from && p->c.to <= to) {
        k = p->c.count;
    } else {
        for (uint32_t i = 0; i < p->c.count; i++)
            if (r[i].flags & JD_R_CLEAR || (r[i].at >= from && r[i].at <= to)) r[k++] = r[i];
    }
    *out = r;
    *n = k;
    return 0;
}

int hist_cleared(history *h, hist_state *s, uint64_t entity, jd_arena *a, jd_time *out, jd_err *err) {
    jd_skey key = {.entity = entity};
    hist_part *p;
    size_t n;
    *out = JD_TIME_NONE;
    if (hist_parts(h, s, &key, INT64_MAX, INT64_MAX, a, &p, &n, err)) return -1;
    for (size_t i = 0; i < n; i++) {
        jd_reading *r;
        size_t k;
        if (!p[i].clears) continue;
        if (hist_part_read(h, &p[i], INT64_MAX, INT64_MAX, a, &r, &k, err)) return -1;
        for (size_t j = 0; j < k; j++)
            if (r[j].flags & JD_R_CLEAR && r[j].recorded > *out) *out = r[j].recorded;
    }
    return 0;
}

/* ---- which series an entity has ---- */

typedef struct keys {
    jd_arena *a;
    jd_skey *k;
    size_t n, cap;
} keys;

static void key_add(keys *l, const jd_skey *k) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        jd_skey *big = JD_NEWN(l->a, jd_skey, cap);
        if (l->n) memcpy(big, l->k, l->n * sizeof *big);
        l->k = big;
        l->cap = cap;
    }
    l->k[l->n] = *k;
    l->k[l->n++].tier = 0; /* a series of which only roll-ups are left is one too */
}

static int run_keys(history *h, keys *l, const run *r, uint64_t entity, jd_err *err) {
    jd_skey first = {.entity = entity}, last = {entity, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    for (uint32_t i = run_seek(r, &first); i < r->rows_n && jd_skey_cmp(&r->rows[i].head.first, &last) <= 0; i++) {
        const jd_rowhead *hd = &r->rows[i].head;
        if (jd_skey_cmp(&hd->first, &hd->last) == 0) { /* one series fills the row: no need to open it */
            key_add(l, &hd->first);
            continue;
        }
        row_ref ref;
        if (row_get(h, r->rows[i].id, &ref, err)) return -1;
        jd_skey at = first;
        for (;;) { /* from series to series, over the chunks of each */
            uint32_t k = jd_row_seek(&ref.row, &at);
            jd_chunkhead c;
            if (k >= ref.row.chunks) break;
            if (jd_row_chunk(&ref.row, k, &c, err)) {
                row_put(h, &ref);
                return jd_fail_at(err, "chunk %lld", (long long)r->rows[i].id);
            }
            if (c.key.entity != entity) break;
            key_add(l, &c.key);
            at = c.key;
            if (++at.tier == 0) break;
        }
        row_put(h, &ref);
    }
    return 0;
}

static void head_keys(keys *l, const heads *hs, uint64_t entity) {
    for (const head_series *s = hs ? heads_of(hs, entity) : NULL; s; s = s->next)
        key_add(l, &(jd_skey){.entity = entity, .attr = s->attr, .dataset = s->dataset});
}

static int key_cmp(const void *a, const void *b) {
    return jd_skey_cmp(a, b);
}

int hist_keys(history *h, hist_state *s, uint64_t entity, jd_arena *a, jd_skey **out, size_t *n, jd_err *err) {
    keys l = {.a = a};
    for (uint32_t i = 0; i < s->runs_n; i++)
        if (run_keys(h, &l, s->runs[i], entity, err)) return -1;
    pthread_rwlock_rdlock(&h->lock);
    head_keys(&l, s->frozen, entity);
    head_keys(&l, s->active, entity);
    pthread_rwlock_unlock(&h->lock);
    if (l.n) qsort(l.k, l.n, sizeof *l.k, key_cmp);
    size_t k = 0;
    for (size_t i = 0; i < l.n; i++)
        if (!k || jd_skey_cmp(&l.k[k - 1], &l.k[i]) != 0) l.k[k++] = l.k[i];
    *out = l.k;
    *n = k;
    return 0;
}

int hist_tiers(history *h, hist_state *s, const jd_skey *key, uint32_t *out, size_t max, size_t *n, jd_err *err) {
    *n = 0;
    jd_skey at = *key, last = *key;
    at.tier = 1;
    last.tier = UINT32_MAX;
    const run *r = s->runs_n ? s->runs[s->runs_n - 1] : NULL; /* only the oldest can have any */
    for (uint32_t i = r ? run_seek(r, &at) : 0; r && i < r->rows_n && *n < max; i++) {
        if (jd_skey_cmp(&r->rows[i].head.first, &last) > 0) break;
        row_ref ref;
        if (row_get(h, r->rows[i].id, &ref, err)) return -1;
        for (uint32_t k; *n < max && (k = jd_row_seek(&ref.row, &at)) < ref.row.chunks;) {
            jd_chunkhead c;
            if (jd_row_chunk(&ref.row, k, &c, err)) {
                row_put(h, &ref);
                return -1;
            }
            if (jd_skey_cmp(&c.key, &last) > 0) break;
            if (!*n || out[*n - 1] != c.key.tier) out[(*n)++] = c.key.tier;
            at = c.key;
            if (++at.tier == 0) break;
        }
        row_put(h, &ref);
    }
    return 0;
}
