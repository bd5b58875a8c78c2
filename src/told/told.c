/* The room as a whole: the list of subscriptions, start and stop. */
#include "told/told_int.h"

#include "base/log.h"

#include <curl/curl.h>
#include <stdlib.h>

/* ---- the list; the lock is held ---- */

/* The state outlives the versions of a subscription, and its deletion: deliveries may still note what they did. */
static sub_state *state_of(jd_told_room *r, int tenant, jd_str id) {
    jd_buf key = {0};
    jd_buf_printf(&key, "%d/%.*s", tenant, JD_STR_ARG(id));
    uint32_t i = jd_strmap_add(&r->states, jd_buf_view(&key), r->state_n);
    jd_buf_fini(&key);
    if (i < r->state_n) return r->state[i];
    if (r->state_n == r->state_cap) {
        r->state_cap = r->state_cap ? r->state_cap * 2 : 64;
        r->state = jd_xrealloc(r->state, r->state_cap * sizeof *r->state);
    }
    sub_state *s = jd_xcalloc(1, sizeof *s);
    *s = (sub_state){
        .last_sent = JD_TIME_NONE, .last_success = JD_TIME_NONE, .last_failure = JD_TIME_NONE, .told_at = JD_TIME_NONE};
    r->state[r->state_n++] = s;
    return s;
}

static uint32_t find(const jd_told_room *r, int tenant, jd_str id) {
    for (uint32_t i = 0; i < r->subs_n; i++)
        if (r->subs[i]->tenant == tenant && jd_str_eq(r->subs[i]->id, id)) return i;
    return UINT32_MAX;
}

static void put(jd_told_room *r, sub *s) {
    uint32_t at = find(r, s->tenant, s->id);
    s->state = state_of(r, s->tenant, s->id);
    if (at != UINT32_MAX) {
        sub_unref(r->subs[at]);
        r->subs[at] = s;
    } else {
        if (r->subs_n == r->subs_cap) {
            r->subs_cap = r->subs_cap ? r->subs_cap * 2 : 64;
            r->subs = jd_xrealloc(r->subs, r->subs_cap * sizeof *r->subs);
        }
        r->subs[r->subs_n++] = s;
    }
    r->version++;
}

void jd_sub_changed(jd_told_room *r, int tenant, jd_str id, jd_str body) {
    sub *s = NULL;
    jd_err err = {0};
    if (body.p && sub_compile(r, tenant, id, body, &s, &err))
        jd_log(JD_LOG_WARN, "told.subscription", "id=%.*s why=\"%s\"", JD_STR_ARG(id), err.en);
    pthread_mutex_lock(&r->lock);
    uint32_t at = find(r, tenant, id);
    if (s) {
        put(r, s);
    } else if (at != UINT32_MAX) {
        sub_unref(r->subs[at]);
        r->subs[at] = r->subs[--r->subs_n];
        *state_of(r, tenant, id) = (sub_state){.last_sent = JD_TIME_NONE,
                                               .last_success = JD_TIME_NONE,
                                               .last_failure = JD_TIME_NONE,
                                               .told_at = JD_TIME_NONE};
        r->version++;
    }
    pthread_mutex_unlock(&r->lock);
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
    if (!r->o.changes_bytes) r->o.changes_bytes = 64 << 20;
    if (!r->o.subs_max) r->o.subs_max = 200000;
    if (!r->o.queue_max) r->o.queue_max = 10000;
    if (!r->o.at_once_max) r->o.at_once_max = 64;
    if (!r->o.tries_max) r->o.tries_max = 5;
    if (!r->o.timeout_ms) r->o.timeout_ms = 5000;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&r->lock, NULL);
    jd_strmap_init(&r->states);
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

void jd_told_stop(jd_told_room *r) {
    if (!r) return;
    matcher_stop(r);
    jd_live_stop(r->live);
    deliveries_stop(r->out);
    for (uint32_t i = 0; i < r->subs_n; i++) sub_unref(r->subs[i]);
    for (uint32_t i = 0; i < r->state_n; i++) free(r->state[i]);
    free(r->subs);
    free(r->state);
    jd_strmap_fini(&r->states);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

jd_live *jd_told_live(jd_told_room *r) {
    return r ? r->live : NULL;
}

void jd_told_metrics(jd_told_room *r, jd_buf *out) {
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    unsigned subs = r->subs_n;
    pthread_mutex_unlock(&r->lock);
    jd_buf_printf(out, "# TYPE jindu_subscriptions gauge\njindu_subscriptions %u\n", subs);
    jd_buf_printf(out, "# TYPE jindu_matcher_changes_total counter\njindu_matcher_changes_total %llu\n",
                  (unsigned long long)atomic_load(&r->changes));
    jd_buf_printf(out, "# TYPE jindu_matcher_tests_total counter\njindu_matcher_tests_total %llu\n",
                  (unsigned long long)atomic_load(&r->tested));
    deliveries_metrics(r->out, out);
    jd_live_metrics(r->live, out);
}
