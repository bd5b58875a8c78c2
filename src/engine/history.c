/* Opening and closing history, what the writer does for it, and the states that readers hold. */
#include "engine/history_seal.h"
#include "engine/recent.h"

#include "base/log.h"

#include <stdlib.h>

/* ---- opening ---- */

static hist_state *state_new(heads *active, heads *frozen, uint32_t runs) {
    hist_state *s = jd_xcalloc(1, sizeof *s);
    s->refs = 1;
    s->active = active;
    s->frozen = frozen;
    s->folded = INT64_MIN;
    s->runs = jd_xcalloc(runs ? runs : 1, sizeof(run *));
    return s;
}

static int load_run(void *user, int64_t id, jd_str note, jd_err *err) {
    history *h = user;
    run *r = run_new(h, id, 0);
    if (run_note_read(note, r)) {
        run_unref(r);
        return jd_fail(err, JD_E_INTERNAL, "history: run %lld has a malformed note", "历史：批次 %lld 的说明有误",
                       (long long)id);
    }
    hist_state *s = h->state;
    s->runs = jd_xrealloc(s->runs, (s->runs_n + 1) * sizeof *s->runs);
    s->runs[s->runs_n++] = r;
    return 0;
}

static int load_row(void *user, int64_t id_of_run, int64_t id, jd_str head, uint64_t bytes, jd_err *err) {
    history *h = user;
    jd_rowhead rh;
    if (rowhead_read(head, &rh))
        return jd_fail(err, JD_E_INTERNAL, "history: row %lld has a malformed head", "历史：行 %lld 的头部有误",
                       (long long)id);
    for (uint32_t i = h->state->runs_n; i-- > 0;)
        if (h->state->runs[i]->id == id_of_run) {
            run_add_row(h->state->runs[i], id, &rh, (uint32_t)bytes);
            break;
        }
    return 0;
}

static int newer_first(const void *a, const void *b) {
    const run *x = *(run *const *)a, *y = *(run *const *)b;
    return (x->last_group < y->last_group) - (x->last_group > y->last_group);
}

static int by_first(const void *a, const void *b) {
    const run_row *x = a, *y = b;
    int c = jd_skey_cmp(&x->head.first, &y->head.first);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}

int history_open(history *h, jd_engine *e, jd_store *s, const hist_opts *o, jd_err *err) {
    *h = (history){.e = e, .store = s, .o = *o};
    if (!h->o.heads_bytes) h->o.heads_bytes = (size_t)64 << 20;
    if (!h->o.heads_age_ms) h->o.heads_age_ms = 600000;
    if (!h->o.cache_bytes) h->o.cache_bytes = (size_t)256 << 20;
    if (!h->o.recent_bytes) h->o.recent_bytes = (size_t)256 << 20;
    if (h->o.fan < 2) h->o.fan = 8;
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&h->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&h->mutex, NULL);
    pthread_cond_init(&h->moved, NULL);
    h->queue_last = &h->queue_first;
    h->cache = row_cache_new(h->o.cache_bytes);
    h->state = state_new(heads_new(), NULL, 0);
    jd_store_row_loader loader = {h, load_run, load_row};
    if (jd_store_load_rows(s, &loader, err)) return -1;
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    h->next_row = st.row_last + 1;
    h->next_run = st.run_last + 1;
    for (uint32_t i = 0; i < h->state->runs_n; i++) {
        run *r = h->state->runs[i];
        if (r->rows_n) qsort(r->rows, r->rows_n, sizeof *r->rows, by_first);
    }
    if (h->state->runs_n) qsort(h->state->runs, h->state->runs_n, sizeof(run *), newer_first);
    h->recent = recent_new(h->o.recent_bytes, h->state->runs_n ? h->state->runs[0]->last_group : 0);
    return 0;
}

int history_load_change(history *h, uint64_t entity, jd_str body, uint64_t group, jd_err *err) {
    if (heads_take(h->state->active, entity, body, group) == 0) return 0;
    return jd_fail(err, JD_E_INTERNAL, "history: group %llu holds malformed readings", "历史：第 %llu 组的读数格式有误",
                   (unsigned long long)group);
}

jd_time history_latest(history *h) {
    jd_time t = heads_latest(h->state->active);
    for (uint32_t i = 0; i < h->state->runs_n; i++)
        if (h->state->runs[i]->latest > t) t = h->state->runs[i]->latest;
    return t;
}

void history_start(history *h) {
    jd_store_stats st;
    jd_store_get_stats(h->store, &st);
    h->log_loaded = st.log_bytes;
    h->log_from = heads_readings(h->state->active) ? 0 : UINT64_MAX;
    if (h->o.manual) return;
    if (pthread_create(&h->thread, NULL, historian_main, h)) abort();
    (void)pthread_setname_np(h->thread, "jd-historian");
    h->started = 1;
}

void history_close(history *h) {
    if (!h->state) return;
    pthread_mutex_lock(&h->mutex);
    h->stopping = 1;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->mutex);
    if (h->started) pthread_join(h->thread, NULL);
    while (h->queue_first) {
        hist_step *s = h->queue_first;
        h->queue_first = s->next;
        hist_step_free(s);
    }
    history_release(h, h->state);
    row_cache_free(h->cache);
    recent_free(h->recent);
    free(h->drops);
    pthread_rwlock_destroy(&h->lock);
    pthread_mutex_destroy(&h->mutex);
    pthread_cond_destroy(&h->moved);
    h->state = NULL;
}

/* ---- moving on: only the writer changes which state is current ---- */

static void move_to(history *h, hist_state *s) {
    pthread_rwlock_wrlock(&h->lock);
    hist_state *was = h->state;
    h->state = s;
    pthread_rwlock_unlock(&h->lock);
    history_release(h, was);
    pthread_mutex_lock(&h->mutex);
    h->moves++;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->mutex);
}

static void freeze(history *h) {
    h->log_from = UINT64_MAX;
    hist_state *was = h->state, *s = state_new(heads_new(), heads_ref(was->active), was->runs_n);
    for (uint32_t i = 0; i < was->runs_n; i++) s->runs[s->runs_n++] = run_ref(was->runs[i]);
    s->folded = was->folded;
    move_to(h, s);
}

/* A run became whole: it takes the place of the frozen heads, or of the runs that it was merged from. */
static void take_whole(history *h, hist_step *step) {
    hist_state *was = h->state;
    hist_state *s = state_new(heads_ref(was->active), NULL, was->runs_n + 1);
    if (step->gone_n && was->frozen) s->frozen = heads_ref(was->frozen);
    s->folded = step->whole->folded > was->folded ? step->whole->folded : was->folded;
    int placed = !step->whole->rows_n;
    for (uint32_t i = 0; i < was->runs_n; i++) {
        run *r = was->runs[i];
        int gone = 0;
        for (size_t k = 0; k < step->gone_n; k++) gone |= step->gone[k] == r->id;
        if (gone) {
            r->replaced = 1;
            continue;
        }
        if (!placed && r->last_group < step->whole->last_group) {
            s->runs[s->runs_n++] = run_ref(step->whole);
            placed = 1;
        }
        s->runs[s->runs_n++] = run_ref(r);
    }
    if (!placed) s->runs[s->runs_n++] = run_ref(step->whole);
    move_to(h, s);
}

/* Bytes of log since the active heads began: it cannot be trimmed beyond the first group that they hold. */
static uint64_t log_since(const history *h, const jd_store_stats *st) {
    return h->log_from == UINT64_MAX ? 0 : st->logged + h->log_loaded - h->log_from;
}

void history_publish(history *h, const hist_change *c, size_t n, const char *bytes, uint64_t group) {
    if (!n) return;
    if (h->log_from == UINT64_MAX) {
        jd_store_stats st;
        jd_store_get_stats(h->store, &st);
        h->log_from = st.logged + h->log_loaded;
    }
    pthread_rwlock_wrlock(&h->lock);
    uint64_t before = heads_readings(h->state->active);
    for (size_t i = 0; i < n; i++) {
        if (i + 8 < n) heads_ahead(h->state->active, c[i + 8].entity, 1);
        if (i + 4 < n) heads_ahead(h->state->active, c[i + 4].entity, 0);
        heads_take_own(h->state->active, c[i].entity, (jd_str){bytes + c[i].at, c[i].n}, group);
    }
    uint64_t after = heads_readings(h->state->active);
    pthread_rwlock_unlock(&h->lock);
    atomic_fetch_add(&h->readings_taken, after - before);
}

/* ---- the writer's part in storing ---- */

enum { DROPS = sizeof((jd_store_seal_step){0}.drop) / sizeof(int64_t) };

static size_t take_drops(history *h, jd_store_seal_step *s) {
    s->drop_n = h->drops_n < DROPS ? h->drops_n : DROPS;
    for (size_t i = 0; i < s->drop_n; i++) s->drop[i] = h->drops[h->drops_n - 1 - i];
    h->drops_n -= s->drop_n;
    return s->drop_n;
}

static void give_drops_back(history *h, const jd_store_seal_step *s) {
    pthread_mutex_lock(&h->mutex);
    h->drops_n += s->drop_n; /* they still stand there, unless others came: then in another order */
    if (h->drops_n > h->drops_cap) {
        h->drops_cap = h->drops_n * 2;
        h->drops = jd_xrealloc(h->drops, h->drops_cap * sizeof *h->drops);
    }
    for (size_t i = 0; i < s->drop_n; i++) h->drops[h->drops_n - 1 - i] = s->drop[i];
    pthread_mutex_unlock(&h->mutex);
}

int history_store(history *h, jd_err *err) {
    jd_store_seal_step s = {0};
    pthread_mutex_lock(&h->mutex);
    hist_step *step = h->queue_first;
    size_t drops = take_drops(h, &s);
    pthread_mutex_unlock(&h->mutex);
    if (!step && !drops) return 0;
    jd_buf note = {0};
    if (step) {
        s.rows = step->rows;
        s.rows_n = step->rows_n;
        s.gone = step->gone;
        s.gone_n = step->gone_n;
        s.sealed = step->sealed;
        if (step->whole) {
            run_note_write(&note, step->whole);
            s.whole = step->whole->id;
            s.whole_note = jd_buf_view(&note);
        }
    }
    int rc = jd_store_seal(h->store, &s, err);
    jd_buf_fini(&note);
    if (rc != JD_STORE_OK) {
        give_drops_back(h, &s);
        return rc;
    }
    if (!step) return 1;
    atomic_fetch_add(&h->rows_written, step->rows_n);
    atomic_fetch_add(&h->bytes_written, step->bytes);
    if (step->whole) take_whole(h, step);
    pthread_mutex_lock(&h->mutex);
    h->queue_first = step->next;
    if (!h->queue_first) h->queue_last = &h->queue_first;
    h->queue_bytes -= step->bytes;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->mutex);
    hist_step_free(step);
    return 1;
}

static int waiting(history *h) {
    pthread_mutex_lock(&h->mutex);
    int yes = h->queue_first != NULL;
    pthread_mutex_unlock(&h->mutex);
    return yes;
}

/* The heads hold much more than they should, or the log is nearly at its bound and waits for them to be sealed. */
static int behind(history *h, uint64_t log_max) {
    if (!h->state->frozen) return 0;
    if (heads_bytes(h->state->active) > 2 * h->o.heads_bytes) return 1;
    jd_store_stats st;
    jd_store_get_stats(h->store, &st);
    return log_max && st.log_bytes - st.log_due > log_max / 8 * 7;
}

static int due(const history *h, int quiet, uint64_t log_max) {
    const heads *a = h->state->active;
    if (!heads_readings(a) || h->state->frozen) return 0;
    jd_store_stats st;
    jd_store_get_stats(h->store, &st);
    uint64_t since = log_since(h, &st);
    if (h->settle || heads_bytes(a) >= h->o.heads_bytes || since > log_max / 4) return 1;
    uint64_t needed = st.log_bytes - st.log_due;
    if (needed > log_max / 16 * 13 && (quiet || since > log_max / 16)) return 1; /* above what sweeps let it be */
    uint64_t age_ms = (jd_mono_ns() - heads_since_ns(a)) / 1000000;
    return age_ms >= h->o.heads_age_ms || (quiet && age_ms >= h->o.heads_age_ms / 10);
}

static void note(history *h, uint64_t log_max) {
    jd_store_stats st;
    jd_store_get_stats(h->store, &st);
    /* both bounds of `due` and `behind` that the log sets: a quarter since the last freeze, seven eighths in all */
    uint64_t needed = st.log_bytes - st.log_due, in_all = needed > log_max / 4 * 3 ? (needed - log_max / 4 * 3) * 2 : 0;
    uint64_t since = log_since(h, &st);
    pace_note(h, heads_bytes(h->state->active), since > in_all ? since : in_all, log_max / 4);
}

enum { STEP_PAUSE_NS = 15000000 };

int history_turn(history *h, int quiet, jd_err *err) {
    uint64_t log_max = history_log_max(h);
    if (due(h, quiet, log_max)) freeze(h);
    if (!quiet) note(h, log_max);
    if (h->o.manual) historian_step(h);
    int rc = 0, did = 0;
    /* beside groups one step now and then, each costs a sync; where sealing has fallen behind, as many as it takes */
    int soon = !quiet && !behind(h, log_max) && jd_mono_ns() - h->stored_ns < STEP_PAUSE_NS;
    while (!soon && (waiting(h) || quiet)) {
        rc = history_store(h, err);
        h->stored_ns = jd_mono_ns();
        if (rc <= 0) break;
        did = 1;
        if (!behind(h, log_max)) break;
    }
    while (rc >= 0 && !h->o.manual && !h->stopping && !atomic_load(&h->failing) && behind(h, log_max)) {
        if (waiting(h)) {
            rc = history_store(h, err);
            did = 1;
            continue;
        }
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_nsec += 5000000;
        if (ts.tv_nsec >= 1000000000) ts.tv_sec++, ts.tv_nsec -= 1000000000;
        pthread_mutex_lock(&h->mutex);
        if (!h->queue_first) pthread_cond_timedwait(&h->moved, &h->mutex, &ts);
        pthread_mutex_unlock(&h->mutex);
    }
    return rc < 0 ? rc : did;
}

void history_policies_changed(history *h) {
    pthread_mutex_lock(&h->mutex);
    h->moves++;
    h->retained_ns = 0;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->mutex);
}

int history_settle(history *h) {
    pthread_mutex_lock(&h->mutex);
    h->settle = 1;
    pthread_cond_broadcast(&h->moved);
    while (h->settle && !h->stopping && !h->o.manual) pthread_cond_wait(&h->moved, &h->mutex);
    int rc = h->stopping ? -1 : h->settle_rc;
    pthread_mutex_unlock(&h->mutex);
    return rc;
}

/* ---- figures ---- */

void history_metrics(history *h, jd_buf *out) {
    hist_state *s = history_hold(h);
    uint64_t rows = 0, bytes = 0, readings = 0;
    for (uint32_t i = 0; i < s->runs_n; i++) {
        rows += s->runs[i]->rows_n;
        bytes += s->runs[i]->bytes;
        readings += s->runs[i]->readings;
    }
    pthread_rwlock_rdlock(&h->lock);
    uint64_t hb = heads_bytes(s->active) + (s->frozen ? heads_bytes(s->frozen) : 0);
    uint64_t hr = heads_readings(s->active) + (s->frozen ? heads_readings(s->frozen) : 0);
    pthread_rwlock_unlock(&h->lock);
    recent_figures lately;
    recent_tell(h->recent, &lately);
    const struct {
        const char *name, *type, *help;
        uint64_t v;
    } list[] = {
        {"jindu_history_readings_total", "counter", "readings taken since the start", atomic_load(&h->readings_taken)},
        {"jindu_history_heads_readings", "gauge", "readings in memory, not yet sealed", hr},
        {"jindu_history_heads_bytes", "gauge", "bytes of them", hb},
        {"jindu_history_runs", "gauge", "sealed runs", s->runs_n},
        {"jindu_history_rows", "gauge", "rows of them", rows},
        {"jindu_history_sealed_readings", "gauge", "readings in them", readings},
        {"jindu_history_sealed_bytes", "gauge", "bytes of their rows", bytes},
        {"jindu_history_cache_bytes", "gauge", "bytes of rows kept in memory", row_cache_bytes(h->cache)},
        {"jindu_history_recent_bytes", "gauge", "bytes of readings kept for windows", lately.bytes},
        {"jindu_history_recent_series", "gauge", "series of them", lately.series},
        {"jindu_history_recent_asked_total", "counter", "windows asked for", lately.asked},
        {"jindu_history_recent_built_total", "counter", "series taken in for them from rows", lately.built},
        {"jindu_history_recent_refused_total", "counter", "series for which there was no room", lately.refused},
        {"jindu_history_recent_evicted_total", "counter", "series that went to make room", lately.evicted},
        {"jindu_history_rows_written_total", "counter", "rows written", atomic_load(&h->rows_written)},
        {"jindu_history_merges_total", "counter", "merges of runs", atomic_load(&h->merges)},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        jd_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", list[i].name, list[i].help, list[i].name,
                      list[i].type, list[i].name, (unsigned long long)list[i].v);
    history_release(h, s);
}
