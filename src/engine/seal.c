/* The historian: frozen heads become a run of rows, runs of a level become one of the next. It only reads and encodes;
 * what it makes waits in a queue for the writer, which stores it between commit groups. */
#include "engine/history_seal.h"
#include "engine/recent.h"

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
    jd_buf_varint(b, jd_zigzag(r->latest));
}

int run_note_read(jd_str note, run *r) {
    const unsigned char *p = (const unsigned char *)note.p, *end = p + note.n;
    r->level = (uint32_t)jd_varint_get(&p, end);
    r->first_group = jd_varint_get(&p, end);
    r->last_group = jd_varint_get(&p, end);
    r->latest = jd_unzigzag(jd_varint_get(&p, end));
    return p == end ? 0 : -1;
}

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

int sealer_row(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err) {
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
    if (st->bytes >= (h->o.manual ? 1u : STEP_BYTES)) hand_over(s); /* in tests a cut may fall between any two rows */
    return 0;
}

sealer sealer_begin(history *h, uint32_t level) {
    return (sealer){.h = h, .r = run_new(h, h->next_run++, level)};
}

/* The last step: with it the run is whole. Waits until the writer has stored it. */
void sealer_end(sealer *s, uint64_t sealed, int64_t *gone, size_t gone_n) {
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

/* What was handed over already is stored by and by; the run's last reference then has its rows dropped. */
void sealer_give_up(sealer *s) {
    history *h = s->h;
    if (s->step) hist_step_free(s->step);
    if (!h->o.manual) {
        pthread_mutex_lock(&h->mutex);
        while (h->queue_first && !h->stopping) pthread_cond_wait(&h->moved, &h->mutex);
        pthread_mutex_unlock(&h->mutex);
    }
    s->r->replaced = 1;
    run_unref(s->r);
}

/* ---- sealing ---- */

/* None is taken any more; a store of before may hold one, and must not stop at it. */
static size_t without_giants(jd_reading *r, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].nums_n <= JD_READING_NUMS_MAX)
            r[kept++] = r[i];
        else
            jd_log(JD_LOG_ERROR, "history.giant", "numbers=%u why=\"too large for history, left out\"", r[i].nums_n);
    }
    return kept;
}

static int seal_series(sealer *s, jd_rowmaker *m, const heads *hs, const jd_skey *key, jd_time cleared, jd_arena *a,
                       jd_err *err) {
    const head_series *hd = heads_find(hs, key);
    jd_reading *r = jd_arena_alloc(a, hd->n * sizeof *r);
    size_t n = heads_copy(hd, INT64_MIN, INT64_MAX, r);
    n = jd_readings_settle(r, n, cleared, JD_SETTLE_KEEP);
    n = without_giants(r, n);
    return jd_rowmaker_add(m, key, r, n, sealer_row, s, err);
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

static int seal_entity(sealer *s, jd_rowmaker *m, const heads *hs, uint64_t entity, jd_arena *a, jd_err *err) {
    jd_time cleared = cleared_in(hs, entity, a);
    jd_skey *keys;
    size_t n = heads_keys(hs, entity, a, &keys);
    for (size_t i = 0; i < n; i++)
        if (seal_series(s, m, hs, &keys[i], cleared, a, err)) return -1;
    return 0;
}

int seal_frozen(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    if (!st->frozen) {
        history_release(h, st);
        return 0;
    }
    const heads *hs = st->frozen;
    sealer s = sealer_begin(h, 0);
    uint64_t newest = st->runs_n ? st->runs[0]->last_group : 0;
    s.r->first_group = newest + 1;
    s.r->last_group = heads_upto(hs);
    s.r->latest = heads_latest(hs);
    uint64_t *entities;
    size_t n = heads_entities(hs, &entities);
    recent_absorb(h->recent, hs, entities, n);
    jd_rowmaker *m = jd_rowmaker_new(1);
    jd_arena a;
    jd_arena_init(&a);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        rc = seal_entity(&s, m, hs, entities[i], &a, err);
        jd_arena_reset(&a);
        pace_rest(h);
    }
    if (!rc) rc = jd_rowmaker_end(m, sealer_row, &s, err);
    jd_arena_fini(&a);
    jd_rowmaker_free(m);
    free(entities);
    if (rc)
        sealer_give_up(&s);
    else
        sealer_end(&s, heads_upto(hs), NULL, 0);
    history_release(h, st); /* last, so that it is not the writer who frees the heads */
    return rc;
}

/* ---- which to merge ---- */

/* The newest level that holds `fan` runs or more becomes one run. 1: merged. */
static int merge_level(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    int rc = 0;
    for (uint32_t i = 0; i < st->runs_n && !rc;) {
        uint32_t k = i;
        while (k + 1 < st->runs_n && st->runs[k + 1]->level <= st->runs[i]->level) k++;
        if (k - i + 1 >= h->o.fan) rc = merge_runs(h, st, i, k, 0, err) ? -1 : 1;
        i = k + 1;
    }
    history_release(h, st);
    return rc;
}

static int merge_all(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    /* one run alone is written anew when it was made in haste, or something in it is too old */
    int wanted = st->runs_n > 1 || (st->runs_n && st->runs[0]->level < LEVEL_SHORTEST) || retain_due(h, st);
    int rc = wanted ? merge_runs(h, st, 0, st->runs_n - 1, LEVEL_SHORTEST, err) : 0;
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

static void settled(history *h, int rc) {
    pthread_mutex_lock(&h->mutex);
    h->settle = 0;
    h->settle_rc = rc;
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
        if (!queued(h)) settled(h, 0);
    }
    return 0;
}

void historian_step(history *h) {
    jd_err err = {0};
    if (!queued(h) && work(h, &err)) jd_log(JD_LOG_WARN, "history.seal", "why=\"%s\"", err.en);
}

/* Policies are looked at again now and then; asked under the mutex. */
static int retention_time(const history *h) {
    return h->retain_every_ms && jd_mono_ns() - h->retained_ns > h->retain_every_ms * 1000000;
}

static void wait_a_while(history *h) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t ms = h->retain_every_ms && h->retain_every_ms < 60000 ? h->retain_every_ms : 60000;
    ts.tv_sec += (time_t)(ms / 1000);
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&h->moved, &h->mutex, &ts);
}

static int retain_old(history *h, jd_err *err) {
    hist_state *st = history_hold(h);
    int rc = st->runs_n && retain_due(h, st) ? merge_runs(h, st, 0, st->runs_n - 1, LEVEL_SHORTEST, err) : 0;
    history_release(h, st);
    pthread_mutex_lock(&h->mutex);
    h->retained_ns = jd_mono_ns();
    pthread_mutex_unlock(&h->mutex);
    return rc;
}

void *historian_main(void *arg) {
    history *h = arg;
    uint64_t seen = UINT64_MAX;
    long pause_s = 1; /* after a failure; longer each time */
    pace_begin(h);
    jd_store_warm(h->store);
    for (;;) {
        uint64_t every = retain_every_ms(h);
        pthread_mutex_lock(&h->mutex);
        h->retain_every_ms = every;
        while (!h->stopping && h->moves == seen && !h->settle && !retention_time(h)) wait_a_while(h);
        if (h->stopping) {
            pthread_mutex_unlock(&h->mutex);
            return NULL;
        }
        seen = h->moves;
        int settle = h->settle, look = retention_time(h);
        pthread_mutex_unlock(&h->mutex);
        if (settle) writer_wake(h->e); /* the writer freezes the heads */
        jd_err err = {0};
        int rc = work(h, &err);
        if (!rc) {
            pause_s = 1;
            atomic_store(&h->failing, 0);
        }
        if (!rc && look) rc = retain_old(h, &err);
        if (rc && settle) settled(h, -1); /* whoever waits for it hears that it failed */
        if (rc && !h->stopping) {
            atomic_store(&h->failing, 1);
            jd_log(JD_LOG_WARN, "history.seal", "why=\"%s\" again_in_s=%ld", err.en, pause_s);
            seen = UINT64_MAX; /* the heads stay where they are; the log keeps what they hold */
            struct timespec ts = {pause_s, 0};
            if (pause_s < 64) pause_s *= 2;
            nanosleep(&ts, NULL);
        } else if (settle && h->settle) {
            struct timespec ts = {0, 2000000};
            nanosleep(&ts, NULL);
        }
    }
}
