/* The matcher's thread: what groups published, and what became of the list of subscriptions, in one order; what each
 * group tells a subscription goes out as one notification. Then those that go by time, and those that were throttled.
 */
#include "told/told_int.h"

#include "base/log.h"

#include <stdlib.h>

enum {
    GATHERED_PART = 0x1000,
    PART_ENTITIES = 200,
    PART_BYTES = 512 << 10,
    TIMED_MAX = 1000,
    TURN_US = 100000,
    IDLE_US = 1000000
};

typedef struct item { /* a group, or an edit of the list */
    struct item *next;
    size_t bytes;
    uint64_t group;
    int again; /* told once more after a start */
    sub *add, *remove;
    size_t n;
    jd_seen seen[];
} item;

/* ---- telling ---- */

/* What one group tells one subscription always has the same ids: who gets it twice can tell. */
static jd_str notice_id(const sub *s, uint64_t group, unsigned part, jd_arena *a) {
    uint64_t h = jd_hash_fixed(s->id.p, s->id.n) * 31 + (uint64_t)s->tenant;
    return jd_arena_printf(a,
                           part ? "urn:ngsi-ld:Notification:%016llx-%llx-%x" : "urn:ngsi-ld:Notification:%016llx-%llx",
                           (unsigned long long)h, (unsigned long long)group, part);
}

void matcher_send(jd_told_room *r, const sub *s, uint64_t group, unsigned part, int late, const jd_buf *data) {
    jd_buf body = {0};
    jd_arena a;
    size_t n;
    jd_time now = jd_now();
    jd_arena_init(&a);
    jd_str id = notice_id(s, group ? group : (uint64_t)now, part, &a);
    notice_wrap(s, id, now, data, &body);
    pthread_mutex_lock(&r->lock);
    s->state->told_at = now;
    if (s->throttling_s || s->interval_s) state_dirty(r, s, STATE_TELLING);
    pthread_mutex_unlock(&r->lock);
    char *p = jd_buf_take(&body, &n);
    int crowded = deliveries_add(r->out, s, id, group, late, p, n);
    atomic_fetch_add(&r->matched, 1);
    jd_arena_fini(&a);
    while (crowded && !atomic_load(&r->stopping)) {
        if (pthread_equal(pthread_self(), r->matcher)) keep_turn(r->keeper, 0);
        crowded = deliveries_crowded(r->out, s);
    }
}

/* ---- what comes while a subscription is throttled is told when its time is over: the newest of each entity ---- */

jd_time state_throttled(const sub *s, jd_time now) {
    const sub_state *st = s->state;
    if (!s->throttling_s || st->told_at == JD_TIME_NONE) return st->gathered_n ? now : JD_TIME_NONE;
    jd_time until = st->told_at + s->throttling_s * 1000000;
    if (now >= st->told_at && now < until) return until;
    return st->gathered_n ? now : JD_TIME_NONE;
}

static int is_throttled(jd_told_room *r, const sub *s, jd_time now) {
    if (!s->throttling_s) return 0;
    pthread_mutex_lock(&r->lock);
    int yes = state_throttled(s, now) != JD_TIME_NONE;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

static void list_add(sub ***list, size_t *n, size_t *cap, sub *s) {
    for (size_t i = 0; i < *n; i++)
        if ((*list)[i] == s) return;
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        *list = jd_xrealloc(*list, *cap * sizeof(sub *));
    }
    (*list)[(*n)++] = s;
}

static void list_remove(sub **list, size_t *n, const sub *s) {
    for (size_t i = 0; i < *n; i++)
        if (list[i] == s) {
            list[i] = list[--*n];
            return;
        }
}

static void drop_gathered(sub_state *st, struct gathered **at) {
    struct gathered *g = *at;
    *at = g->next;
    if (!*at) st->gathered_last = at;
    free(g);
    st->gathered_n--;
}

static void gather(jd_told_room *r, sub *s, uint64_t group, jd_str id, jd_str data) {
    struct gathered *g = jd_xmalloc(sizeof *g + id.n + data.n);
    char *p = (char *)(g + 1);
    memcpy(p, id.p, id.n);
    memcpy(p + id.n, data.p, data.n);
    *g = (struct gathered){NULL, {p, id.n}, {p + id.n, data.n}};
    pthread_mutex_lock(&r->lock);
    sub_state *st = s->state;
    for (struct gathered **at = &st->gathered; *at; at = &(*at)->next)
        if (jd_str_eq((*at)->id, id)) {
            drop_gathered(st, at);
            break;
        }
    if (st->gathered_n >= r->o.gather_max) {
        drop_gathered(st, &st->gathered);
        st->gathered_lost++;
    }
    *st->gathered_last = g;
    st->gathered_last = &g->next;
    st->gathered_n++;
    st->gathered_group = group;
    state_dirty(r, s, STATE_TELLING);
    pthread_mutex_unlock(&r->lock);
    list_add(&r->throttled, &r->throttled_n, &r->throttled_cap, s);
}

/* Tells what was gathered, if it is time; in how many us it is, 0: nothing is left. */
static int64_t tell_gathered(jd_told_room *r, sub *s, jd_time now) {
    jd_buf data = {0};
    pthread_mutex_lock(&r->lock);
    sub_state *st = s->state;
    int64_t left = st->told_at == JD_TIME_NONE ? 0 : st->told_at + s->throttling_s * 1000000 - now;
    if (left > s->throttling_s * 1000000) left = 0; /* the clock was set back */
    uint64_t group = st->gathered_group;
    struct gathered *all = NULL;
    if (left <= 0) {
        all = st->gathered; /* the matcher alone gathers: nobody else looks at them */
        st->gathered = NULL;
        st->gathered_last = &st->gathered;
        st->gathered_n = 0;
        state_dirty(r, s, STATE_TELLING);
    }
    pthread_mutex_unlock(&r->lock);
    if (left > 0) return left;
    unsigned n = 0, part = GATHERED_PART; /* other ids than what the group itself told has */
    for (struct gathered *g = all, *next; g; g = next) {
        next = g->next;
        if (data.n) jd_buf_c(&data, ',');
        jd_buf_str(&data, g->data);
        free(g);
        if (++n % PART_ENTITIES && data.n < PART_BYTES && next) continue;
        if (s->active) matcher_send(r, s, group, part++, 1, &data);
        data.n = 0;
    }
    jd_buf_fini(&data);
    return 0;
}

/* ---- one group ---- */

typedef struct telling {
    sub *s;
    jd_buf data;
    unsigned n, part;
} telling;

typedef struct matching {
    jd_told_room *r;
    const item *it;
    const jd_doc *was, *is;
    jd_time now;
    jd_arena arena;
    telling *t;
    uint32_t n, cap;
} matching;

static void flush(matching *m, telling *t) {
    if (t->n) matcher_send(m->r, t->s, m->it->group, t->part++, 0, &t->data);
    t->n = 0;
    t->data.n = 0;
}

static telling *telling_of(matching *m, sub *s) {
    if (s->telling_group == m->it->group) return &m->t[s->telling];
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        m->t = jd_xrealloc(m->t, m->cap * sizeof *m->t);
        memset(m->t + m->n, 0, (m->cap - m->n) * sizeof *m->t);
    }
    s->telling_group = m->it->group;
    s->telling = m->n;
    telling *t = &m->t[m->n++];
    *t = (telling){.s = s, .data = t->data};
    t->data.n = 0;
    return t;
}

static void test_one(void *user, sub *s) {
    matching *m = user;
    jd_told_room *r = m->r;
    const jd_doc *d = m->is ? m->is : m->was;
    atomic_fetch_add_explicit(&r->tested, 1, memory_order_relaxed);
    if (m->is && m->it->again && s->created != JD_TIME_NONE && d->modified < s->created) return;
    if (!sub_matches(s, m->was, m->is, m->now, r->o.engine, NULL)) return;
    if (s->telling_group != m->it->group && is_throttled(r, s, m->now)) {
        jd_buf data = {0};
        notice_entity(r, s, m->was, m->is, &m->arena, &data);
        gather(r, s, m->it->group, d->id, jd_buf_view(&data));
        jd_buf_fini(&data);
        return;
    }
    telling *t = telling_of(m, s);
    if (t->n >= PART_ENTITIES || t->data.n >= PART_BYTES) flush(m, t);
    if (t->n++) jd_buf_c(&t->data, ',');
    notice_entity(r, s, m->was, m->is, &m->arena, &t->data);
}

static void match_group(jd_told_room *r, matching *m, const item *it) {
    m->it = it;
    m->now = jd_now();
    m->n = 0;
    for (size_t i = 0; i < it->n; i++) {
        jd_doc before, after;
        m->was = m->is = NULL;
        if (it->seen[i].was.p) jd_doc_open(&before, it->seen[i].was), m->was = &before;
        if (it->seen[i].is.p) jd_doc_open(&after, it->seen[i].is), m->is = &after;
        index_offer(r->index, it->seen[i].tenant, m->was, m->is, jd_engine_symbols(r->o.engine), &m->arena, test_one,
                    m);
        jd_arena_reset(&m->arena);
    }
    for (uint32_t i = 0; i < m->n; i++) flush(m, &m->t[i]);
    for (size_t i = 0; i < it->n && !it->again; i++)
        jd_live_feed(r->live, it->seen[i].tenant, it->group, it->seen[i].was, it->seen[i].is);
    if (it->n) atomic_fetch_add(&r->changes, it->n);
}

/* ---- the list, as the matcher sees it: it holds a reference of each ---- */

static void unlist(jd_told_room *r, sub *s) {
    index_remove(r->index, s);
    if (s->interval_s) list_remove(r->timed, &r->timed_n, s);
    list_remove(r->throttled, &r->throttled_n, s);
}

static void enlist(jd_told_room *r, sub *s) {
    s->number = UINT32_MAX;
    if (s->interval_s)
        list_add(&r->timed, &r->timed_n, &r->timed_cap, s);
    else
        index_add(r->index, s);
    if (s->state->gathered_n) list_add(&r->throttled, &r->throttled_n, &r->throttled_cap, s);
}

static void edit(jd_told_room *r, const item *it) {
    if (it->remove) {
        unlist(r, it->remove);
        if (!it->add) keep_forget(r->keeper, it->remove), deliveries_forget(r->out, it->remove);
        sub_unref(it->remove); /* the list's */
        sub_unref(it->remove); /* ours */
    }
    if (!it->add) return;
    enlist(r, it->add);
    it->add->listed = 1;
    if (it->add->names_open) r->names = 0; /* they may have been learnt since it was compiled */
}

/* Names that were not known when a subscription was compiled may be known by now. */
static void learn_names(jd_told_room *r) {
    uint32_t names = jd_symtab_count(jd_engine_symbols(r->o.engine));
    if (names == r->names) return;
    r->names = names;
    if (!atomic_load(&r->open)) return;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->subs_end; i++) {
        sub *old = r->subs[i], *anew;
        jd_err err = {0};
        /* one whose edit still waits in the queue is not in the index yet: its turn comes */
        if (!old || !old->names_open || !old->listed) continue;
        if (sub_compile(r, old->tenant, old->id, old->body, &anew, &err)) continue;
        anew->state = old->state;
        atomic_fetch_add(&old->state->refs, 1);
        unlist(r, old);
        r->subs[i] = anew;
        enlist(r, sub_ref(anew));
        anew->listed = 1;
        if (!anew->names_open) atomic_fetch_sub(&r->open, 1);
        sub_unref(old);
        sub_unref(old);
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- by time (timeInterval): all entities that match, however old ---- */

typedef struct gathering {
    jd_told_room *r;
    const sub *s;
    jd_arena *a;
    jd_buf data;
    uint64_t n;
    unsigned part;
    jd_time since;
} gathering;

static int gather_now(void *user, const jd_doc *d) {
    gathering *g = user;
    if (!sub_selected(g->s, d) || d->modified < g->since) return 0;
    if (g->n && g->n % PART_ENTITIES == 0) {
        matcher_send(g->r, g->s, 0, g->part++, 0, &g->data);
        g->data.n = 0;
    }
    if (g->data.n) jd_buf_c(&g->data, ',');
    notice_entity(g->r, g->s, d, d, g->a, &g->data);
    g->n++;
    return 0;
}

static int tell_now(jd_told_room *r, const sub *s, jd_time since, uint64_t limit, uint64_t *n, jd_err *err) {
    jd_arena a;
    jd_view v;
    jd_arena_init(&a);
    gathering g = {.r = r, .s = s, .a = &a, .since = since};
    jd_question q = sub_question(s);
    q.limit = limit;
    jd_view_begin(&v, r->o.engine, s->tenant, &a);
    int rc = v.t ? jd_view_query(&v, &q, &g, gather_now, NULL, NULL, err) : 0;
    jd_view_end(&v);
    if (!rc && g.data.n) matcher_send(r, s, 0, g.part, 0, &g.data);
    jd_buf_fini(&g.data);
    jd_arena_fini(&a);
    *n = g.n;
    return rc;
}

/* Tells what is due; returns in how many us the next is. */
static int64_t by_time(jd_told_room *r) {
    int64_t next = IDLE_US;
    jd_time now = jd_now();
    for (size_t i = 0; i < r->timed_n; i++) {
        const sub *s = r->timed[i];
        if (!s->active || (s->expires != JD_TIME_NONE && s->expires <= now)) continue;
        pthread_mutex_lock(&r->lock);
        if (s->state->told_at == JD_TIME_NONE || s->state->told_at > now)
            s->state->told_at = now; /* the first time an interval after it came; or the clock was set back */
        int64_t left = s->state->told_at + s->interval_s * 1000000 - now;
        if (left <= 0) s->state->told_at = now;
        pthread_mutex_unlock(&r->lock);
        if (left <= 0) {
            jd_err err = {0};
            uint64_t n;
            if (tell_now(r, s, INT64_MIN, TIMED_MAX, &n, &err))
                jd_log(JD_LOG_WARN, "told.interval", "id=%.*s why=\"%s\"", JD_STR_ARG(s->id), err.en);
            left = s->interval_s * 1000000;
        }
        if (left < next) next = left;
    }
    for (size_t i = 0; i < r->throttled_n;) {
        int64_t left = tell_gathered(r, r->throttled[i], now);
        if (!left)
            r->throttled[i] = r->throttled[--r->throttled_n];
        else
            i++;
        if (left && left < next) next = left;
    }
    return next;
}

/* ---- the thread, and what it is handed ---- */

static void push(jd_told_room *r, item *it, int may_wait) {
    pthread_mutex_lock(&r->queue);
    /* the matcher is behind: writers wait, so that nothing is forgotten */
    while (may_wait && r->waiting > r->o.changes_bytes && !r->stopping) pthread_cond_wait(&r->gone, &r->queue);
    *r->last = it;
    r->last = &it->next;
    r->waiting += it->bytes;
    pthread_cond_signal(&r->come);
    pthread_mutex_unlock(&r->queue);
}

void matcher_edit(jd_told_room *r, sub *add, sub *remove) {
    item *it = jd_xcalloc(1, sizeof *it);
    *it = (item){.bytes = sizeof *it, .add = add, .remove = remove};
    push(r, it, 0);
}

static int wants(void *user, int tenant) {
    jd_told_room *r = user;
    return atomic_load_explicit(&r->interest[tenant % 64], memory_order_relaxed) > 0;
}

static char *copy(char *p, jd_str *s) {
    if (!s->p) return p;
    s->p = memcpy(p, s->p, s->n);
    return p + s->n;
}

static void on_changes(jd_told_room *r, uint64_t group, const jd_seen *seen, size_t n, int again) {
    size_t bytes = 0, kept = 0;
    int all = !again && jd_live_wanted(r->live);
    for (size_t i = 0; i < n; i++)
        if (all || wants(r, seen[i].tenant)) bytes += sizeof *seen + seen[i].was.n + seen[i].is.n, kept++;
    item *it = jd_xmalloc(sizeof *it + bytes);
    *it = (item){.bytes = sizeof *it + bytes, .group = group, .n = kept, .again = again};
    char *p = (char *)(it->seen + kept);
    kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!all && !wants(r, seen[i].tenant)) continue;
        jd_seen *to = &it->seen[kept++];
        *to = seen[i];
        p = copy(copy(p, &to->was), &to->is);
    }
    push(r, it, 1);
}

static void on_group(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    jd_told_room *r = user;
    if (atomic_load(&r->subs_n) || jd_live_wanted(r->live)) {
        on_changes(r, group, seen, n, 0);
        return;
    }
    pthread_mutex_lock(&r->queue);
    if (!r->waiting) atomic_store(&r->matched_to, group);
    pthread_mutex_unlock(&r->queue);
}

static void on_missed(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    on_changes(user, group, seen, n, 1);
}

static item *take(jd_told_room *r, int64_t us, int *stop) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&r->queue);
    if (!r->first && !r->stopping) pthread_cond_timedwait(&r->come, &r->queue, &until);
    *stop = r->stopping;
    item *all = *stop ? NULL : r->first;
    if (all) {
        r->first = NULL;
        r->last = &r->first;
    }
    pthread_mutex_unlock(&r->queue);
    return all;
}

static void through(jd_told_room *r, item *it) {
    if (it->n) atomic_store(&r->wanted_to, it->group);
    if (it->group) atomic_store(&r->matched_to, it->group);
    pthread_mutex_lock(&r->queue);
    r->waiting -= it->bytes;
    pthread_cond_signal(&r->gone);
    pthread_mutex_unlock(&r->queue);
    free(it);
}

/* What was taken and is not matched: for who frees the room. */
static void put_back(jd_told_room *r, item *all) {
    item *last = all;
    while (last->next) last = last->next;
    pthread_mutex_lock(&r->queue);
    last->next = r->first;
    if (!r->first) r->last = &last->next;
    r->first = all;
    pthread_mutex_unlock(&r->queue);
}

static void *matcher_main(void *user) {
    jd_told_room *r = user;
    matching m = {.r = r};
    int64_t us = 0;
    jd_arena_init(&m.arena);
    for (;;) {
        int stop;
        item *all = take(r, us, &stop);
        if (stop) break;
        while (all) {
            item *it = all;
            if (atomic_load(&r->stopping)) { /* the log has it, and a start will match it */
                put_back(r, all);
                break;
            }
            all = it->next;
            if (it->group) {
                learn_names(r);
                match_group(r, &m, it);
            } else {
                edit(r, it);
            }
            through(r, it);
            keep_turn(r->keeper, 0);
        }
        us = by_time(r);
        keep_turn(r->keeper, 1);
        if (!keep_clean(r->keeper) && us > TURN_US) us = TURN_US;
    }
    for (uint32_t i = 0; i < m.cap; i++) jd_buf_fini(&m.t[i].data);
    free(m.t);
    jd_arena_fini(&m.arena);
    return NULL;
}

int matcher_start(jd_told_room *r, jd_err *err) {
    r->index = index_make();
    uint64_t after = keep_load(r->keeper);
    atomic_store(&r->matched_to, after > jd_engine_group(r->o.engine) ? jd_engine_group(r->o.engine) : after);
    int rc = pthread_create(&r->matcher, NULL, matcher_main, r);
    if (rc)
        return jd_fail(err, JD_E_INTERNAL, "told: cannot start a thread: %s", "通知：无法启动线程：%s", strerror(rc));
    (void)pthread_setname_np(r->matcher, "jd-told");
    r->started = 1;
    jd_engine_missed(r->o.engine, after, on_missed, r);
    on_group(r, jd_engine_group(r->o.engine), NULL, 0);
    jd_engine_watch(r->o.engine, JD_WATCH_TOLD, on_group, wants, r);
    return 0;
}

void matcher_stop(jd_told_room *r) {
    if (r->started) {
        pthread_mutex_lock(&r->queue);
        r->stopping = 1;
        pthread_cond_signal(&r->come);
        pthread_cond_broadcast(&r->gone);
        pthread_mutex_unlock(&r->queue);
        pthread_join(r->matcher, NULL);
    }
    r->started = 0;
    for (item *it = r->first, *next; it; it = next) { /* of a start that failed */
        next = it->next;
        if (it->add) sub_unref(it->add);
        if (it->remove && it->remove->listed) sub_unref(it->remove); /* the list's */
        if (it->remove) sub_unref(it->remove);
        free(it);
    }
    r->first = NULL;
    for (uint32_t i = 0; i < r->subs_end; i++) /* the list's */
        if (r->subs[i] && r->subs[i]->listed) sub_unref(r->subs[i]);
    index_free(r->index);
    free(r->timed);
    free(r->throttled);
}

/* ---- on demand ---- */

int64_t jd_sub_replay(jd_told_room *r, int tenant, jd_str id, jd_time since, jd_err *err) {
    uint64_t n = 0;
    sub *s = told_find(r, tenant, id);
    if (!s) return -1;
    int rc = tell_now(r, s, since, UINT64_MAX, &n, err);
    sub_unref(s);
    return rc ? -1 : (int64_t)n;
}

typedef struct trial {
    const sub *s;
    uint64_t n;
    jd_buf *out;
} trial;

enum { TRIAL_SHOWN = 20 };

static int try_one(void *user, const jd_doc *d) {
    trial *t = user;
    if (!sub_selected(t->s, d)) return 0;
    if (t->n++ < TRIAL_SHOWN) {
        if (t->n > 1) jd_buf_c(t->out, ',');
        jd_json_write_str(t->out, d->id);
    }
    return 0;
}

int jd_sub_dry_run(jd_told_room *r, int tenant, jd_str id, jd_str body, jd_arena *a, jd_buf *out, jd_err *err) {
    sub *s;
    jd_view v;
    if (sub_compile(r, tenant, id, body, &s, err)) return -1;
    trial t = {s, 0, out};
    jd_question q = sub_question(s);
    q.limit = UINT64_MAX;
    jd_buf_z(out, "{\"entities\":[");
    int rc = 0;
    if (tenant >= 0) {
        jd_view_begin(&v, r->o.engine, tenant, a);
        rc = v.t ? jd_view_query(&v, &q, &t, try_one, NULL, NULL, err) : 0;
        jd_view_end(&v);
    }
    jd_buf_printf(out, "],\"matches\":%llu,\"unknownNames\":", (unsigned long long)t.n);
    sub_unknown(r, s, out);
    jd_buf_c(out, '}');
    sub_unref(s);
    return rc;
}
