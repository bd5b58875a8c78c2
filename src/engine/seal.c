/* The historian: frozen heads become a run of rows, runs of a level become one of the next. It only reads and encodes;
 * what it makes waits in a queue for the writer, which stores it between commit groups. */
#include "engine/history_seal.h"

#include "base/log.h"

#include <stdlib.h>

enum { STEP_BYTES = 192 << 10, QUEUE_BYTES = 1 << 20 };

/* ---- steps ---- */

void hist_step_free(hist_step *s) {
    for (size_t i = 0; i < s->rows_n; i++) {
        free((char *)(uintptr_t)s->rows[i].head.p);
        free((char *)(uintptr_t)s->rows[i].body.p);
    }
    if (s->whole) run_unref(s->whole);
    free(s->rows);
    free(s->gone);
    free(s);
}

void run_note_write(jd_buf *b, const run *r) {
    jd_buf_varint(b, r->level);
    jd_buf_varint(b, r->first_group);
    jd_buf_varint(b, r->last_group);
}

int run_note_read(jd_str note, run *r) {
    const unsigned char *p = (const unsigned char *)note.p, *end = p + note.n;
    r->level = (uint32_t)jd_varint_get(&p, end);
    r->first_group = jd_varint_get(&p, end);
    r->last_group = jd_varint_get(&p, end);
    return p == end ? 0 : -1;
}

typedef struct sealer {
    history *h;
    run *r;
    hist_step *step;
    uint32_t beside; /* a merge looks after frozen heads between two series */
} sealer;

static int seal_frozen(history *h, jd_err *err);

static void hand_over(sealer *s) {
    history *h = s->h;
    hist_step *step = s->step;
    s->step = NULL;
    pthread_mutex_lock(&h->mutex);
    while (h->queue_bytes > QUEUE_BYTES && !h->stopping && !h->o.manual) pthread_cond_wait(&h->moved, &h->mutex);
    *h->queue_last = step;
    h->queue_last = &step->next;
    h->queue_bytes += step->bytes;
    pthread_mutex_unlock(&h->mutex);
    writer_wake(h->e);
}

static int row_done(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err) {
    sealer *s = user;
    history *h = s->h;
    if (h->stopping) return jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    if (!s->step) s->step = jd_xcalloc(1, sizeof *s->step);
    hist_step *st = s->step;
    if (st->rows_n == st->rows_cap) {
        st->rows_cap = st->rows_cap ? st->rows_cap * 2 : 8;
        st->rows = jd_xrealloc(st->rows, st->rows_cap * sizeof *st->rows);
    }
    jd_buf hb = {0}, bb = {0};
    rowhead_write(&hb, head);
    jd_buf_str(&bb, bytes);
    int64_t id = h->next_row++;
    st->rows[st->rows_n++] =
        (jd_store_row){.id = id, .run = s->r->id, .head = jd_buf_view(&hb), .body = jd_buf_view(&bb)};
    st->bytes += bytes.n;
    run_add_row(s->r, id, head, (uint32_t)bytes.n);
    if (st->bytes >= STEP_BYTES) hand_over(s);
    return 0;
}

static sealer begin(history *h, uint32_t level) {
    return (sealer){.h = h, .r = run_new(h, h->next_run++, level)};
}

/* The last step: with it the run is whole. Waits until the writer has stored it. */
static void end(sealer *s, uint64_t sealed, int64_t *gone, size_t gone_n) {
    history *h = s->h;
    if (!s->step) s->step = jd_xcalloc(1, sizeof *s->step);
    s->step->whole = s->r; /* the reference goes with it */
    s->step->sealed = sealed;
    s->step->gone = gone;
    s->step->gone_n = gone_n;
    run *r = run_ref(s->r);
    hand_over(s);
    if (!h->o.manual) {
        pthread_mutex_lock(&h->mutex);
        while (h->queue_first && !h->stopping) pthread_cond_wait(&h->moved, &h->mutex);
        pthread_mutex_unlock(&h->mutex);
    }
    run_unref(r);
}

static void give_up(sealer *s) {
    if (s->step) hist_step_free(s->step);
    run_unref(s->r);
}

/* ---- sealing ---- */

static int seal_series(sealer *s, jd_rowmaker *m, const heads *hs, const jd_skey *key, jd_time cleared, jd_arena *a,
                       jd_err *err) {
    const head_series *hd = heads_find(hs, key);
    jd_reading *r = jd_arena_alloc(a, hd->n * sizeof *r);
    size_t n = heads_copy(hd, INT64_MIN, INT64_MAX, r);
    n = jd_readings_settle(r, n, cleared, JD_SETTLE_KEEP);
    return jd_rowmaker_add(m, key, r, n, row_done, s, err);
}

/* When the whole entity was last cleared, as far as these heads know. */
static jd_time cleared_in(const heads *hs, uint64_t entity, jd_arena *a) {
    const head_series *s = heads_find(hs, &(jd_skey){.entity = entity});
    jd_time newest = JD_TIME_NONE;
    if (!s || !s->clears) return newest;
    jd_reading *r = jd_arena_alloc(a, s->n * sizeof *r);
    size_t n = heads_copy(s, INT64_MAX, INT64_MAX, r);
    for (size_t i = 0; i < n; i++)
        if (r[i].flags & JD_R_CLEAR && r[i].recorded > newest) newest = r[i].recorded;
    return newest;
}

static int seal_frozen(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    if (!st->frozen) {
        history_release(h, st);
        return 0;
    }
    const heads *hs = st->frozen;
    sealer s = begin(h, 0);
    uint64_t newest = st->runs_n ? st->runs[0]->last_group : 0;
    s.r->first_group = newest + 1;
    s.r->last_group = heads_upto(hs);
    jd_skey *keys;
    size_t n = heads_keys(hs, &keys);
    jd_rowmaker *m = jd_rowmaker_new();
    jd_arena a;
    jd_arena_init(&a);
    int rc = 0;
    jd_time cleared = JD_TIME_NONE;
    for (size_t i = 0; i < n && !rc; i++) {
        if (!i || keys[i].entity != keys[i - 1].entity) cleared = cleared_in(hs, keys[i].entity, &a);
        rc = seal_series(&s, m, hs, &keys[i], cleared, &a, err);
        jd_arena_reset(&a);
    }
    if (!rc) rc = jd_rowmaker_end(m, row_done, &s, err);
    jd_arena_fini(&a);
    jd_rowmaker_free(m);
    free(keys);
    uint64_t upto = heads_upto(hs);
    history_release(h, st);
    if (rc)
        give_up(&s);
    else
        end(&s, upto, NULL, 0);
    return rc;
}

/* ---- merging ---- */

typedef struct cursor { /* over the chunks of one run, in order */
    run *r;
    uint32_t row, chunk;
    row_ref ref;
    int open, at_end;
    jd_chunkhead c;
} cursor;

static int cursor_load(history *h, cursor *c, jd_err *err) {
    while (c->row < c->r->rows_n) {
        if (!c->open) {
            if (row_get(h, c->r->rows[c->row].id, &c->ref, err)) return -1;
            c->open = 1;
            c->chunk = 0;
        }
        if (c->chunk < c->ref.row.chunks) return jd_row_chunk(&c->ref.row, c->chunk, &c->c, err);
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
static int merge_series(merger *m, jd_rowmaker *maker, sealer *s, const jd_skey *key, jd_err *err) {
    jd_time cleared;
    if (newest_clear(m, key, &cleared, err)) return -1;
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
        n = jd_readings_settle(all, n, cleared, m->how);
        if (n && jd_rowmaker_add(maker, key, all, n, row_done, s, err)) return -1;
    }
    return 0;
}

/* Merges the runs of a state from newest `first` to oldest `last` into one. */
static int merge(history *h, hist_state *st, uint32_t first, uint32_t last, jd_err *err) {
    uint32_t n = last - first + 1, level = 0;
    sealer s = begin(h, 0);
    merger m = {.h = h, .n = n, .how = last + 1 == st->runs_n ? JD_SETTLE_ALL : JD_SETTLE_KEEP};
    int64_t *gone = jd_xcalloc(n, sizeof *gone);
    m.cur = jd_xcalloc(n, sizeof *m.cur);
    jd_arena_init(&m.a);
    int rc = 0;
    for (uint32_t i = 0; i < n; i++) {
        run *r = st->runs[last - i];
        m.cur[i].r = r;
        gone[i] = r->id;
        if (r->level > level) level = r->level;
        if (!rc) rc = cursor_load(h, &m.cur[i], err);
    }
    s.r->level = level + 1;
    s.r->first_group = st->runs[last]->first_group;
    s.r->last_group = st->runs[first]->last_group;
    jd_rowmaker *maker = jd_rowmaker_new();
    jd_skey key;
    int more = 0;
    while (!rc && (more = gather(&m, &key, err)) == 1) {
        rc = merge_series(&m, maker, &s, &key, err);
        if (!rc && !h->o.manual && ++s.beside % 64 == 0) rc = seal_frozen(h, err);
    }
    if (more < 0) rc = -1;
    if (!rc) rc = jd_rowmaker_end(maker, row_done, &s, err);
    jd_rowmaker_free(maker);
    for (uint32_t i = 0; i < n; i++)
        if (m.cur[i].open) row_put(h, &m.cur[i].ref);
    free(m.cur);
    free(m.pieces);
    jd_arena_fini(&m.a);
    if (rc) {
        free(gone);
        give_up(&s);
        return rc;
    }
    end(&s, 0, gone, n);
    atomic_fetch_add(&h->merges, 1);
    return 0;
}

/* The newest level that holds `fan` runs or more becomes one run. 1: merged. */
static int merge_level(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    int rc = 0;
    for (uint32_t i = 0; i < st->runs_n && !rc;) {
        uint32_t k = i;
        while (k + 1 < st->runs_n && st->runs[k + 1]->level <= st->runs[i]->level) k++;
        if (k - i + 1 >= h->o.fan) rc = merge(h, st, i, k, err) ? -1 : 1;
        i = k + 1;
    }
    history_release(h, st);
    return rc;
}

static int merge_all(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    int rc = st->runs_n > 1 ? merge(h, st, 0, st->runs_n - 1, err) : 0;
    history_release(h, st);
    return rc;
}

/* ---- the thread ---- */

static int has_heads(history *h) {
    hist_state *st = history_hold(h);
    pthread_rwlock_rdlock(&h->lock);
    int yes = st->frozen || heads_readings(st->active);
    pthread_rwlock_unlock(&h->lock);
    history_release(h, st);
    return yes;
}

static int queued(history *h) {
    pthread_mutex_lock(&h->mutex);
    int yes = h->queue_first != NULL;
    pthread_mutex_unlock(&h->mutex);
    return yes;
}

static void settled(history *h) {
    pthread_mutex_lock(&h->mutex);
    h->settle = 0;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->mutex);
}

static int work(history *h, jd_err *err) {
    if (seal_frozen(h, err)) return -1;
    for (int more; !queued(h) && (more = merge_level(h, err)) != 0;)
        if (more < 0) return -1;
    if (queued(h)) return 0; /* manual mode: what was made is to be stored first */
    if (atomic_load(&h->settle) && !has_heads(h)) {
        if (merge_all(h, err)) return -1;
        if (!queued(h)) settled(h);
    }
    return 0;
}

void historian_step(history *h) {
    jd_err err = {0};
    if (!queued(h) && work(h, &err)) jd_log(JD_LOG_WARN, "history.seal", "why=\"%s\"", err.en);
}

void *historian_main(void *arg) {
    history *h = arg;
    uint64_t seen = UINT64_MAX;
    for (;;) {
        pthread_mutex_lock(&h->mutex);
        while (!h->stopping && h->moves == seen && !h->settle) pthread_cond_wait(&h->moved, &h->mutex);
        if (h->stopping) {
            pthread_mutex_unlock(&h->mutex);
            return NULL;
        }
        seen = h->moves;
        int settle = h->settle;
        pthread_mutex_unlock(&h->mutex);
        if (settle) writer_wake(h->e); /* the writer freezes the heads */
        jd_err err = {0};
        if (work(h, &err) && !h->stopping) {
            jd_log(JD_LOG_WARN, "history.seal", "why=\"%s\" again_in_ms=1000", err.en);
            seen = UINT64_MAX; /* the heads stay where they are; the log keeps what they hold */
            struct timespec ts = {1, 0};
            nanosleep(&ts, NULL);
        } else if (settle && h->settle) {
            struct timespec ts = {0, 2000000};
            nanosleep(&ts, NULL);
        }
    }
}
