/* Merging: runs of a level become one of the next, series by series. */
#include "engine/history_seal.h"

#include <stdlib.h>

typedef struct cursor { /* over the chunks of one run, in order */
    run *r;
    uint32_t row, chunk;
    row_ref ref;
    int open, at_end;
    jd_chunkhead c;
    jd_chunkhead ahead[JD_ROW_STRIDE]; /* chunks from `first` on */
    uint32_t first, ahead_n;
} cursor;

static int cursor_load(history *h, cursor *c, jd_err *err) {
    while (c->row < c->r->rows_n) {
        if (!c->open) {
            if (row_get(h, c->r->rows[c->row].id, &c->ref, err)) return -1;
            c->open = 1;
            c->chunk = c->first = c->ahead_n = 0;
        }
        if (c->chunk < c->ref.row.chunks) {
            if (c->chunk - c->first >= c->ahead_n) {
                if (jd_row_chunks(&c->ref.row, c->chunk, c->ahead, &c->ahead_n, err)) return -1;
                c->first = c->chunk;
            }
            c->c = c->ahead[c->chunk - c->first];
            return 0;
        }
        row_put(h, &c->ref);
        c->open = 0;
        c->row++;
    }
    c->at_end = 1;
    return 0;
}

typedef struct piece { /* a chunk of the series that is being merged */
    jd_time from, to;
    uint32_t source; /* its place by age, oldest first */
    int64_t row;
    jd_chunkhead c;
} piece;

typedef struct merger {
    history *h;
    cursor *cur; /* oldest run first */
    uint32_t n;
    jd_settle how;
    uint64_t cleared_entity;
    jd_time cleared;
    jd_arena a;
    piece *pieces;
    size_t pieces_n, pieces_cap;
    jd_skey series; /* whose readings were merged last, and when they were cleared */
    jd_time series_cleared;
    retain *keep; /* NULL: no policy, or not all runs */
    const hist_state *st;
} merger;

static int piece_cmp(const void *a, const void *b) {
    const piece *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

/* Where all chunks of the least key lie, of all runs. 1, 0 at the end, -1. */
static int gather(merger *m, jd_skey *key, jd_err *err) {
    int any = 0;
    for (uint32_t i = 0; i < m->n; i++)
        if (!m->cur[i].at_end && (!any || jd_skey_cmp(&m->cur[i].c.key, key) < 0)) *key = m->cur[i].c.key, any = 1;
    if (!any) return 0;
    m->pieces_n = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        cursor *c = &m->cur[i];
        while (!c->at_end && jd_skey_cmp(&c->c.key, key) == 0) {
            if (m->pieces_n == m->pieces_cap) {
                m->pieces_cap = m->pieces_cap ? m->pieces_cap * 2 : 64;
                m->pieces = jd_xrealloc(m->pieces, m->pieces_cap * sizeof *m->pieces);
            }
            m->pieces[m->pieces_n++] = (piece){.from = c->c.clears ? INT64_MIN : c->c.from,
                                               .to = c->c.to,
                                               .source = i,
                                               .row = c->r->rows[c->row].id,
                                               .c = c->c};
            c->chunk++;
            if (cursor_load(m->h, c, err)) return -1;
        }
    }
    return 1;
}

static int decode(merger *m, const piece *p, jd_reading **out, jd_err *err) {
    row_ref ref;
    if (row_get(m->h, p->row, &ref, err)) return -1;
    int rc = jd_row_readings(&ref.row, &p->c, &m->a, out, err);
    row_put(m->h, &ref);
    return rc ? jd_fail_at(err, "chunk %lld", (long long)p->row) : 0;
}

/* When the series, or the entity, was last cleared as far as these runs know. */
static int newest_clear(merger *m, const jd_skey *key, jd_time *out, jd_err *err) {
    if (key->entity != m->cleared_entity) m->cleared_entity = key->entity, m->cleared = JD_TIME_NONE;
    *out = m->cleared;
    for (size_t i = 0; i < m->pieces_n; i++) {
        jd_reading *r;
        if (!m->pieces[i].c.clears) continue;
        if (decode(m, &m->pieces[i], &r, err)) return -1;
        for (uint32_t k = 0; k < m->pieces[i].c.count; k++)
            if (r[k].flags & JD_R_CLEAR && r[k].recorded > *out) *out = r[k].recorded;
    }
    if (!key->attr) m->cleared = *out;
    return 0;
}

/* Pieces that overlap in time are settled together; the others follow each other as they are. */
static jd_time earliest_in(const heads *hs, const jd_skey *key) {
    const head_series *s = hs ? heads_find(hs, key) : NULL;
    if (!s) return INT64_MAX;
    return s->clears ? INT64_MIN : s->from;
}

/* What is in memory may correct, void or clear sealed readings: from its earliest time on nothing is folded. */
static jd_time untouched_before(const merger *m, const jd_skey *key) {
    jd_skey whole = {.entity = key->entity};
    jd_time t = INT64_MAX;
    const heads *hs[] = {m->st->active, m->st->frozen};
    pthread_rwlock_rdlock(&m->h->lock);
    for (int i = 0; i < 2; i++) {
        jd_time own = earliest_in(hs[i], key), entity = earliest_in(hs[i], &whole);
        if (own < t) t = own;
        if (entity == INT64_MIN) t = entity;
    }
    pthread_rwlock_unlock(&m->h->lock);
    return t;
}

static int merge_series(merger *m, jd_rowmaker *maker, sealer *s, const jd_skey *key, jd_err *err) {
    jd_time cleared;
    if (newest_clear(m, key, &cleared, err)) return -1;
    jd_skey series = *key;
    series.tier = 0;
    if (!key->tier)
        m->series = series, m->series_cleared = cleared;
    else if (jd_skey_cmp(&m->series, &series) == 0 && m->series_cleared > cleared)
        cleared = m->series_cleared;
    if (m->pieces_n > 1) qsort(m->pieces, m->pieces_n, sizeof *m->pieces, piece_cmp);
    for (size_t i = 0; i < m->pieces_n;) {
        jd_arena_reset(&m->a);
        size_t until = i, total = 0, n = 0;
        jd_time to = m->pieces[i].to;
        while (until < m->pieces_n && (until == i || m->pieces[until].from <= to)) {
            if (m->pieces[until].to > to) to = m->pieces[until].to;
            total += m->pieces[until++].c.count;
        }
        jd_reading *all = jd_arena_alloc(&m->a, total * sizeof *all), *r;
        for (; i < until; i++) {
            if (decode(m, &m->pieces[i], &r, err)) return -1;
            memcpy(all + n, r, m->pieces[i].c.count * sizeof *all);
            n += m->pieces[i].c.count;
        }
        if (key->tier && m->keep) {
            if (retain_tier(m->keep, key, all, n, cleared, maker, s, err)) return -1;
            continue;
        }
        n = jd_readings_settle(all, n, cleared, m->how);
        if (m->keep && key->attr) n = retain_readings(m->keep, key, all, n, untouched_before(m, key));
        if (n && jd_rowmaker_add(maker, key, all, n, sealer_row, s, err)) return -1;
        pace_rest(m->h);
        /* heads that were frozen meanwhile go first: the writer may be waiting for room */
        if (!m->h->o.manual && ++s->beside % 16 == 0 && seal_frozen(m->h, err)) return -1;
    }
    return 0;
}

int merge_runs(history *h, hist_state *st, uint32_t first, uint32_t last, uint32_t level, jd_err *err) {
    uint32_t n = last - first + 1;
    sealer s = sealer_begin(h, 0);
    merger m = {.h = h, .n = n, .how = last + 1 == st->runs_n ? JD_SETTLE_ALL : JD_SETTLE_KEEP};
    /* only where all runs are merged: a newer one may hold what corrects, voids or clears */
    if (m.how == JD_SETTLE_ALL && first == 0) m.keep = retain_begin(h);
    s.r->folded = m.keep ? retain_horizon(m.keep) : INT64_MIN;
    m.st = st;
    int64_t *gone = jd_xcalloc(n, sizeof *gone);
    m.cur = jd_xcalloc(n, sizeof *m.cur);
    jd_arena_init(&m.a);
    int rc = 0;
    for (uint32_t i = 0; i < n; i++) {
        run *r = st->runs[last - i];
        m.cur[i].r = r;
        gone[i] = r->id;
        if (r->level >= level) level = r->level + 1;
        if (r->latest > s.r->latest) s.r->latest = r->latest;
        if (!rc) rc = cursor_load(h, &m.cur[i], err);
    }
    s.r->level = level;
    s.r->first_group = st->runs[last]->first_group;
    s.r->last_group = st->runs[first]->last_group;
    jd_rowmaker *maker = jd_rowmaker_new(level < LEVEL_SHORTEST);
    jd_skey key;
    int more = 0;
    while (!rc && (more = gather(&m, &key, err)) == 1) {
        if (m.keep) rc = retain_flush(m.keep, &key, maker, &s, err);
        if (!rc) rc = merge_series(&m, maker, &s, &key, err);
    }
    if (more < 0) rc = -1;
    if (!rc && m.keep) rc = retain_flush(m.keep, NULL, maker, &s, err);
    if (!rc) rc = jd_rowmaker_end(maker, sealer_row, &s, err);
    retain_end(m.keep);
    jd_rowmaker_free(maker);
    for (uint32_t i = 0; i < n; i++)
        if (m.cur[i].open) row_put(h, &m.cur[i].ref);
    free(m.cur);
    free(m.pieces);
    jd_arena_fini(&m.a);
    if (rc) {
        free(gone);
        sealer_give_up(&s);
        return rc;
    }
    sealer_end(&s, 0, gone, n);
    atomic_fetch_add(&h->merges, 1);
    return 0;
}
