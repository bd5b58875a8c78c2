/* The room as a whole: the list of subscriptions, start and stop. */
#include "told/told_int.h"

#include "base/log.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { QUIET_MS = 3000 }; /* a stop waits so long for notifications that are under way */

/* ---- the list; the lock is held ---- */

void told_key(int tenant, jd_str id, jd_buf *out) {
    jd_buf_printf(out, "%d/", tenant);
    jd_buf_str(out, id);
}

static uint32_t place_of(const jd_told_room *r, int tenant, jd_str id) {
    jd_buf key = {0};
    told_key(tenant, id, &key);
    uint32_t at = jd_strmap_get(&r->places, jd_buf_view(&key));
    jd_buf_fini(&key);
    return at;
}

sub *told_find(jd_told_room *r, int tenant, jd_str id) {
    pthread_mutex_lock(&r->lock);
    uint32_t at = place_of(r, tenant, id);
    sub *s = at == JD_STRMAP_NONE ? NULL : sub_ref(r->subs[at]);
    pthread_mutex_unlock(&r->lock);
    return s;
}

static uint32_t new_place(jd_told_room *r) {
    if (r->freed_n) return r->freed[--r->freed_n];
    if (r->subs_end == r->subs_cap) {
        r->subs_cap = r->subs_cap ? r->subs_cap * 2 : 64;
        r->subs = jd_xrealloc(r->subs, r->subs_cap * sizeof(sub *));
        r->freed = jd_xrealloc(r->freed, r->subs_cap * sizeof *r->freed);
    }
    return r->subs_end++;
}

/* Returns the version that was there, or NULL; its reference is the caller's. */
static sub *put(jd_told_room *r, sub *s) {
    uint32_t at = place_of(r, s->tenant, s->id);
    sub *old = at == JD_STRMAP_NONE ? NULL : r->subs[at];
    if (!old) {
        jd_buf key = {0};
        told_key(s->tenant, s->id, &key);
        jd_strmap_put(&r->places, jd_buf_view(&key), at = new_place(r));
        jd_buf_fini(&key);
        atomic_fetch_add(&r->interest[s->tenant % 64], 1);
        /* from here on the log has changes that are to be told of */
        if (!atomic_fetch_add(&r->subs_n, 1) && r->started) /* a start holds what is there */
            jd_engine_keep(r->o.engine, JD_WATCH_TOLD, jd_engine_group(r->o.engine) + 1);
        s->state = state_make();
    } else {
        s->state = old->state;
        atomic_fetch_add(&s->state->refs, 1);
    }
    r->subs[at] = s;
    return old;
}

static sub *take_out(jd_told_room *r, int tenant, jd_str id) {
    jd_buf key = {0};
    uint32_t at = place_of(r, tenant, id);
    if (at == JD_STRMAP_NONE) return NULL;
    sub *old = r->subs[at];
    told_key(tenant, id, &key);
    jd_strmap_del(&r->places, jd_buf_view(&key));
    jd_buf_fini(&key);
    atomic_store(&old->state->deleted, 1);
    r->subs[at] = NULL;
    r->freed[r->freed_n++] = at;
    atomic_fetch_sub(&r->interest[tenant % 64], 1);
    atomic_fetch_sub(&r->subs_n, 1);
    return old;
}

void jd_sub_changed(jd_told_room *r, int tenant, jd_str id, jd_str body) {
    sub *s = NULL, *old;
    jd_err err = {0};
    if (body.p && sub_compile(r, tenant, id, body, &s, &err))
        jd_log(JD_LOG_WARN, "told.subscription", "id=%.*s why=\"%s\"", JD_STR_ARG(id), err.en);
    if (body.p && !s) return;
    pthread_mutex_lock(&r->lock);
    old = s ? put(r, s) : take_out(r, tenant, id);
    if (s && s->names_open) atomic_fetch_add(&r->open, 1);
    if (old && old->names_open) atomic_fetch_sub(&r->open, 1);
    pthread_mutex_unlock(&r->lock);
    if (s || old) matcher_edit(r, s ? sub_ref(s) : NULL, old);
}

/* ---- start and stop ---- */

typedef struct loading {
    jd_told_room *r;
    int tenant;
} loading;

static void load_one(void *user, jd_str id, jd_str body) {
    const loading *l = user;
    jd_sub_changed(l->r, l->tenant, id, body);
}

static void load_all(jd_told_room *r) {
    jd_arena a;
    jd_str *names;
    jd_arena_init(&a);
    size_t n = jd_tenants_list(r->o.engine, &a, &names);
    for (size_t i = 0; i < n; i++) {
        jd_view v;
        loading l = {r, jd_tenant_find(r->o.engine, names[i])};
        if (l.tenant < 0) continue;
        jd_view_begin(&v, r->o.engine, l.tenant, &a);
        jd_view_each_kind(&v, JD_K_SUBSCRIPTION, &l, load_one);
        jd_view_end(&v);
    }
    jd_arena_fini(&a);
}

int jd_told_start(jd_told_room **out, const jd_told_opts *opts, jd_err *err) {
    jd_told_room *r = jd_xcalloc(1, sizeof *r);
    r->o = *opts;
    if (!r->o.changes_bytes) r->o.changes_bytes = (size_t)(r->o.log_bytes ? r->o.log_bytes / 4 : 64 << 20);
    if (!r->o.subs_max) r->o.subs_max = 200000;
    if (!r->o.queue_max) r->o.queue_max = 10000;
    if (!r->o.crowd) r->o.crowd = 1000;
    if (!r->o.quick_ms) r->o.quick_ms = 50;
    if (!r->o.dead_max) r->o.dead_max = 1000;
    if (!r->o.gather_max) r->o.gather_max = 1000;
    if (!r->o.at_once_max) r->o.at_once_max = 256;
    if (!r->o.tries_max) r->o.tries_max = 200;
    if (!r->o.timeout_ms) r->o.timeout_ms = 5000;
    if (!r->o.brokers_max) r->o.brokers_max = 256;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->queue, NULL);
    pthread_cond_init(&r->come, NULL);
    pthread_cond_init(&r->gone, NULL);
    r->last = &r->first;
    jd_strmap_init(&r->places);
    r->keeper = keep_make(r);
    load_all(r);
    r->o.live.engine = r->o.engine;
    r->out = deliveries_start(r, err);
    if (!r->out || jd_live_start(&r->live, &r->o.live, err) || matcher_start(r, err)) {
        jd_told_stop(r);
        return -1;
    }
    *out = r;
    return 0;
}

void jd_told_quiet(jd_told_room *r) {
    if (!r) return;
    uint64_t until = jd_mono_ns() + (uint64_t)QUIET_MS * 1000000;
    struct timespec pause = {0, 5000000};
    while (jd_mono_ns() < until) {
        pthread_mutex_lock(&r->queue);
        int idle = !r->first && !r->waiting;
        pthread_mutex_unlock(&r->queue);
        if (idle && deliveries_empty(r->out) && keep_clean(r->keeper)) break;
        nanosleep(&pause, NULL);
    }
    /* the writer is not to wait for us while it is drained: the log has what is not matched */
    pthread_mutex_lock(&r->queue);
    atomic_store(&r->stopping, 1);
    pthread_cond_signal(&r->come);
    pthread_cond_broadcast(&r->gone);
    pthread_mutex_unlock(&r->queue);
}

void jd_told_stop(jd_told_room *r) {
    if (!r) return;
    matcher_stop(r);
    jd_live_stop(r->live);
    deliveries_stop(r->out);
    for (uint32_t i = 0; i < r->subs_end; i++) sub_unref(r->subs[i]);
    keep_free(r->keeper);
    free(r->subs);
    free(r->freed);
    jd_strmap_fini(&r->places);
    pthread_cond_destroy(&r->come);
    pthread_cond_destroy(&r->gone);
    pthread_mutex_destroy(&r->queue);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

jd_live *jd_told_live(jd_told_room *r) {
    return r ? r->live : NULL;
}

void jd_told_metrics(jd_told_room *r, jd_buf *out) {
    if (!r) return;
    jd_buf_printf(out, "# TYPE jindu_subscriptions gauge\njindu_subscriptions %u\n", atomic_load(&r->subs_n));
    pthread_mutex_lock(&r->queue);
    size_t behind = r->waiting;
    pthread_mutex_unlock(&r->queue);
    jd_buf_printf(out, "# TYPE jindu_matcher_waiting_bytes gauge\njindu_matcher_waiting_bytes %zu\n", behind);
    jd_buf_printf(out, "# TYPE jindu_matcher_behind_groups gauge\njindu_matcher_behind_groups %llu\n",
                  (unsigned long long)(jd_engine_group(r->o.engine) - atomic_load(&r->matched_to)));
    jd_buf_printf(out, "# TYPE jindu_matcher_changes_total counter\njindu_matcher_changes_total %llu\n",
                  (unsigned long long)atomic_load(&r->changes));
    jd_buf_printf(out, "# TYPE jindu_matcher_tests_total counter\njindu_matcher_tests_total %llu\n",
                  (unsigned long long)atomic_load(&r->tested));
    deliveries_metrics(r->out, out);
    jd_live_metrics(r->live, out);
}
