/* The matcher: what groups published, tested in order against the subscriptions that it may touch. It costs by what
 * changed: of subscriptions that name types only those of the entity's types are looked at. */
#include "told/told_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one subscription, one change ---- */

static int is_watched(const sub *s, jd_sym attr) {
    for (uint32_t i = 0; i < s->watched_n; i++)
        if (s->watched[i] == attr) return 1;
    return !s->watched_n;
}

/* The same instance in the other version. */
static int find_instance(const jd_doc *d, const jd_attrview *a, jd_attrview *out) {
    jd_bytes rest;
    if (!jd_doc_attr(d, a->name, out, &rest)) return 0;
    do {
        if (!out->dataset.p == !a->dataset.p && jd_str_eq(out->dataset, a->dataset)) return 1;
    } while (jd_attr_next(&rest, d->created, out) && out->name == a->name);
    return 0;
}

static int same_record(const jd_attrview *a, const jd_attrview *b) {
    size_t n = (size_t)(a->record.end - a->record.p);
    return n == (size_t)(b->record.end - b->record.p) && !memcmp(a->record.p, b->record.p, n);
}

/* What happened to watched attributes, as bits of SUB_ATTR_*. Records of untouched attributes are equal as bytes. */
static unsigned attr_events(const sub *s, const jd_doc *was, const jd_doc *is) {
    unsigned bits = 0;
    jd_attrview a, b;
    for (jd_bytes rest = is ? is->attrs : (jd_bytes){NULL, NULL}; is && jd_attr_next(&rest, is->created, &a);) {
        if (!is_watched(s, a.name)) continue;
        if (!was || !find_instance(was, &a, &b))
            bits |= SUB_ATTR_CREATED;
        else if (!same_record(&a, &b))
            bits |= SUB_ATTR_UPDATED;
    }
    for (jd_bytes rest = was ? was->attrs : (jd_bytes){NULL, NULL}; was && jd_attr_next(&rest, was->created, &a);)
        if (is_watched(s, a.name) && (!is || !find_instance(is, &a, &b))) bits |= SUB_ATTR_DELETED;
    return bits;
}

static int has_watched(const sub *s, const jd_doc *d) {
    jd_attrview a;
    for (jd_bytes rest = d->attrs; jd_attr_next(&rest, d->created, &a);)
        if (is_watched(s, a.name)) return 1;
    return !s->watched_n;
}

static int triggered(const sub *s, const jd_doc *was, const jd_doc *is) {
    if (!was && s->triggers & SUB_ENTITY_CREATED && has_watched(s, is)) return 1;
    if (!is && s->triggers & SUB_ENTITY_DELETED && has_watched(s, was)) return 1;
    unsigned bits = attr_events(s, was, is);
    if (!is) bits &= SUB_ATTR_DELETED; /* its attributes went with it */
    return (bits & s->triggers) != 0;
}

static int selected(const sub *s, const jd_doc *d) {
    for (uint32_t i = 0; i < s->selectors_n; i++) {
        const sub_selector *x = &s->selectors[i];
        if (x->types && !jd_typeq_test(x->types, d)) continue;
        if (x->id.p ? !jd_str_eq(x->id, d->id) : x->pattern && !jd_regex_test(x->pattern, d->id)) continue;
        return 1;
    }
    return !s->selectors_n;
}

static int geo_holds(const sub *s, const jd_doc *d, const jd_symtab *symbols) {
    jd_arena a;
    if (!s->geo) return 1;
    jd_arena_init(&a);
    int yes = jd_doc_geo(d, s->geo_property, s->geo, symbols, &a, NULL);
    jd_arena_fini(&a);
    return yes;
}

static int open_linked(void *user, jd_str id, jd_doc *out) {
    return jd_view_get(user, id, out);
}

static int q_holds(const sub *s, const jd_doc *d, jd_engine *e) {
    jd_view v;
    jd_arena a;
    if (!s->q) return 1;
    if (!jd_q_links(s->q)) return jd_q_test(s->q, d, &(jd_qenv){.symbols = jd_engine_symbols(e)});
    jd_arena_init(&a);
    jd_view_begin(&v, e, s->tenant, &a);
    int yes = jd_q_test(s->q, d, &(jd_qenv){jd_engine_symbols(e), &v, open_linked});
    jd_view_end(&v);
    jd_arena_fini(&a);
    return yes;
}

int sub_matches(const sub *s, const jd_doc *was, const jd_doc *is, jd_time now, jd_engine *e, sub_condition *why) {
    const jd_doc *d = is ? is : was;
    sub_condition not = COND_ACTIVE;
    int holds = s->active && (s->expires == JD_TIME_NONE || s->expires > now);
    if (holds) not = COND_SELECTOR, holds = selected(s, d);
    if (holds) not = COND_TRIGGER, holds = triggered(s, was, is);
    if (holds) not = COND_SCOPE, holds = !s->scopes || jd_scopeq_test(s->scopes, d);
    if (holds) not = COND_GEO, holds = geo_holds(s, d, jd_engine_symbols(e));
    if (holds) not = COND_Q, holds = q_holds(s, d, e);
    if (!holds && why) *why = not ;
    return holds;
}

/* ---- which subscriptions a change may touch ---- */

typedef struct sub_index {
    uint64_t version;
    uint32_t names; /* symbols known when it was made */
    struct by_type {
        int tenant;
        jd_sym type; /* 0: any */
        sub *s;
    } * row;
    size_t n, cap;
    sub **timed;
    size_t timed_n;
} sub_index;

static int row_cmp(const void *x, const void *y) {
    const struct by_type *a = x, *b = y;
    if (a->tenant != b->tenant) return a->tenant < b->tenant ? -1 : 1;
    return (a->type > b->type) - (a->type < b->type);
}

static void index_free(sub_index *x) {
    if (!x) return;
    for (size_t i = 0; i < x->n; i++) sub_unref(x->row[i].s);
    for (size_t i = 0; i < x->timed_n; i++) sub_unref(x->timed[i]);
    free(x->row);
    free(x->timed);
    free(x);
}

static void add_row(sub_index *x, sub *s, jd_sym type) {
    if (x->n == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 64;
        x->row = jd_xrealloc(x->row, x->cap * sizeof *x->row);
    }
    x->row[x->n++] = (struct by_type){s->tenant, type, sub_ref(s)};
}

static void add_sub(sub_index *x, sub *s) {
    jd_sym types[64];
    int n = 0;
    for (uint32_t i = 0; i < s->selectors_n && n >= 0; i++) {
        jd_sym some[8];
        int k = s->selectors[i].types ? jd_typeq_any_of(s->selectors[i].types, some, 8) : -1;
        if (k < 0 || n + k > 64) {
            n = -1;
            break;
        }
        for (int j = 0; j < k; j++) {
            int seen = 0;
            for (int m = 0; m < n; m++) seen |= types[m] == some[j];
            if (!seen) types[n++] = some[j];
        }
    }
    if (n < 0 || !s->selectors_n) {
        add_row(x, s, 0);
        return;
    }
    for (int i = 0; i < n; i++)
        if (types[i]) add_row(x, s, types[i]);
}

/* Names that were not known when a subscription was compiled may be known by now. */
static void recompile(jd_told_room *r) {
    for (uint32_t i = 0; i < r->subs_n; i++) {
        sub *old = r->subs[i], *anew;
        jd_err err = {0};
        if (!old->names_open || sub_compile(r, old->tenant, old->id, old->body, &anew, &err)) continue;
        anew->state = old->state;
        r->subs[i] = anew;
        sub_unref(old);
    }
}

static void bring_index_up(jd_told_room *r) {
    uint32_t names = jd_symtab_count(jd_engine_symbols(r->o.engine));
    pthread_mutex_lock(&r->lock);
    if (!r->index || r->index->version != r->version || r->index->names != names) {
        if (r->index && r->index->names != names) recompile(r);
        sub_index *x = jd_xcalloc(1, sizeof *x);
        x->version = r->version;
        x->names = names;
        x->timed = jd_xcalloc(r->subs_n + 1, sizeof *x->timed);
        for (uint32_t i = 0; i < r->subs_n; i++) {
            if (r->subs[i]->interval_s)
                x->timed[x->timed_n++] = sub_ref(r->subs[i]);
            else
                add_sub(x, r->subs[i]);
        }
        if (x->n) qsort(x->row, x->n, sizeof *x->row, row_cmp);
        index_free(r->index);
        r->index = x;
    }
    pthread_mutex_unlock(&r->lock);
}

static size_t first_of(const sub_index *x, int tenant, jd_sym type) {
    struct by_type key = {tenant, type, NULL};
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (row_cmp(&x->row[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- telling ---- */

/* The same change of the same subscription has the same id whenever it is matched: who gets it twice can tell. */
static jd_str notice_id(const sub *s, uint64_t group, jd_str entity, jd_arena *a) {
    uint64_t h = jd_hash_fixed(s->id.p, s->id.n) * 31 + jd_hash_fixed(entity.p, entity.n);
    return jd_arena_printf(a, "urn:ngsi-ld:Notification:%016llx-%llx", (unsigned long long)h,
                           (unsigned long long)group);
}

static void send_data(jd_told_room *r, const sub *s, jd_str id, const jd_buf *data) {
    jd_buf body = {0};
    size_t n;
    jd_time now = jd_now();
    notice_wrap(s, id, now, data, &body);
    pthread_mutex_lock(&r->lock);
    s->state->told_at = now;
    pthread_mutex_unlock(&r->lock);
    char *p = jd_buf_take(&body, &n);
    deliveries_add(r->out, s, id, p, n);
    atomic_fetch_add(&r->matched, 1);
}

static int is_throttled(jd_told_room *r, const sub *s, jd_time now) {
    if (!s->throttling_s) return 0;
    pthread_mutex_lock(&r->lock);
    int yes = s->state->told_at != JD_TIME_NONE && now < s->state->told_at + s->throttling_s * 1000000;
    pthread_mutex_unlock(&r->lock);
    return yes;
}

static void test_one(jd_told_room *r, sub *s, const change *c, const jd_doc *was, const jd_doc *is, jd_time now) {
    jd_arena a;
    jd_buf data = {0};
    atomic_fetch_add_explicit(&r->tested, 1, memory_order_relaxed);
    if (!sub_matches(s, was, is, now, r->o.engine, NULL) || is_throttled(r, s, now)) return;
    if (is && !jd_proj_keeps(s->proj, is)) return; /* none of the attributes that it wants to hear of */
    jd_arena_init(&a);
    notice_entity(r, s, was, is, &a, &data);
    send_data(r, s, notice_id(s, c->group, (is ? is : was)->id, &a), &data);
    jd_buf_fini(&data);
    jd_arena_fini(&a);
}

static void match(jd_told_room *r, const change *c) {
    const sub_index *x = r->index;
    jd_doc before, after, *was = NULL, *is = NULL;
    jd_time now = jd_now();
    if (c->was.p) jd_doc_open(was = &before, c->was);
    if (c->is.p) jd_doc_open(is = &after, c->is);
    const jd_doc *d = is ? is : was;
    for (size_t i = first_of(x, c->tenant, 0); i < x->n && x->row[i].tenant == c->tenant && !x->row[i].type; i++)
        test_one(r, x->row[i].s, c, was, is, now);
    jd_sym type, done[JD_TYPES_MAX];
    uint32_t n = 0;
    for (jd_bytes types = d->types; jd_syms_next(&types, &type); done[n++] = type)
        for (size_t i = first_of(x, c->tenant, type);
             i < x->n && x->row[i].tenant == c->tenant && x->row[i].type == type; i++) {
            int again = 0; /* one of its types came before */
            for (uint32_t k = 0; k < n && !again; k++)
                for (size_t j = first_of(x, c->tenant, done[k]);
                     j < x->n && x->row[j].tenant == c->tenant && x->row[j].type == done[k] && !again; j++)
                    again = x->row[j].s == x->row[i].s;
            if (!again) test_one(r, x->row[i].s, c, was, is, now);
        }
    atomic_fetch_add(&r->changes, 1);
}

/* ---- by time (timeInterval): all entities that match, however old ---- */

typedef struct gathering {
    jd_told_room *r;
    const sub *s;
    jd_arena *a;
    jd_buf data;
} gathering;

static int gather(void *user, const jd_doc *d) {
    gathering *g = user;
    if (!selected(g->s, d)) return 0;
    if (g->data.n) jd_buf_c(&g->data, ',');
    notice_entity(g->r, g->s, d, d, g->a, &g->data);
    return 0;
}

enum { TIMED_MAX = 1000 }; /* entities of one notification */

static void tell_by_time(jd_told_room *r, const sub *s) {
    jd_arena a;
    jd_view v;
    jd_err err = {0};
    jd_arena_init(&a);
    gathering g = {.r = r, .s = s, .a = &a};
    jd_question q = {
        .scopes = s->scopes, .q = s->q, .geo = s->geo, .geo_property = s->geo_property, .limit = TIMED_MAX};
    if (s->selectors_n == 1) q.types = s->selectors[0].types;
    jd_view_begin(&v, r->o.engine, s->tenant, &a);
    if (v.t && !jd_view_query(&v, &q, &g, gather, NULL, NULL, &err) && g.data.n)
        send_data(r, s, notice_id(s, (uint64_t)jd_now(), s->id, &a), &g.data);
    jd_view_end(&v);
    jd_buf_fini(&g.data);
    jd_arena_fini(&a);
}

/* Tells what is due; returns in how many us the next is. */
static int64_t by_time(jd_told_room *r) {
    int64_t next = 1000000;
    for (size_t i = 0; i < r->index->timed_n; i++) {
        const sub *s = r->index->timed[i];
        jd_time now = jd_now();
        if (!s->active || (s->expires != JD_TIME_NONE && s->expires <= now)) continue;
        pthread_mutex_lock(&r->lock);
        if (s->state->told_at == JD_TIME_NONE) s->state->told_at = now; /* the first time an interval after it came */
        int64_t left = s->state->told_at + s->interval_s * 1000000 - now;
        if (left <= 0) s->state->told_at = now;
        pthread_mutex_unlock(&r->lock);
        if (left <= 0) {
            tell_by_time(r, s);
            left = s->interval_s * 1000000;
        }
        if (left < next) next = left;
    }
    return next;
}

/* ---- the thread, and what the writer hands it ---- */

static void on_group(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    jd_told_room *r = user;
    pthread_mutex_lock(&r->lock);
    int any = r->subs_n > 0;
    pthread_mutex_unlock(&r->lock);
    if (!any && !jd_live_wanted(r->live)) return;
    change *first = NULL, **last = &first;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        change *c = jd_xmalloc(sizeof *c + seen[i].was.n + seen[i].is.n);
        char *p = (char *)(c + 1);
        *c = (change){.tenant = seen[i].tenant, .group = group, .bytes = sizeof *c + seen[i].was.n + seen[i].is.n};
        if (seen[i].was.p) c->was = (jd_str){memcpy(p, seen[i].was.p, seen[i].was.n), seen[i].was.n};
        p += seen[i].was.n;
        if (seen[i].is.p) c->is = (jd_str){memcpy(p, seen[i].is.p, seen[i].is.n), seen[i].is.n};
        bytes += c->bytes;
        *last = c;
        last = &c->next;
    }
    pthread_mutex_lock(&r->queue);
    /* the matcher is behind: writers wait, so that nothing is forgotten */
    while (r->waiting > r->o.changes_bytes && !r->stopping) pthread_cond_wait(&r->gone, &r->queue);
    *r->last = first;
    r->last = last;
    r->waiting += bytes;
    pthread_cond_signal(&r->come);
    pthread_mutex_unlock(&r->queue);
}

static change *take(jd_told_room *r, int64_t us, int *stop) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&r->queue);
    if (!r->first && !r->stopping) pthread_cond_timedwait(&r->come, &r->queue, &until);
    change *all = r->first;
    r->first = NULL;
    r->last = &r->first;
    *stop = r->stopping && !all;
    pthread_mutex_unlock(&r->queue);
    return all;
}

static void *matcher_main(void *user) {
    jd_told_room *r = user;
    int64_t us = 0;
    for (;;) {
        int stop;
        change *all = take(r, us, &stop);
        if (stop) break;
        bring_index_up(r);
        while (all) {
            change *c = all;
            all = c->next;
            match(r, c);
            jd_live_feed(r->live, c->tenant, c->group, c->was, c->is);
            pthread_mutex_lock(&r->queue);
            r->waiting -= c->bytes;
            pthread_cond_signal(&r->gone);
            pthread_mutex_unlock(&r->queue);
            free(c);
        }
        us = by_time(r);
    }
    index_free(r->index);
    r->index = NULL;
    return NULL;
}

int matcher_start(jd_told_room *r, jd_err *err) {
    pthread_mutex_init(&r->queue, NULL);
    pthread_cond_init(&r->come, NULL);
    pthread_cond_init(&r->gone, NULL);
    r->last = &r->first;
    int rc = pthread_create(&r->matcher, NULL, matcher_main, r);
    if (rc)
        return jd_fail(err, JD_E_INTERNAL, "told: cannot start a thread: %s", "通知：无法启动线程：%s", strerror(rc));
    (void)pthread_setname_np(r->matcher, "jd-told");
    r->started = 1;
    jd_engine_watch(r->o.engine, on_group, r);
    return 0;
}

void matcher_stop(jd_told_room *r) {
    if (!r->started) return;
    pthread_mutex_lock(&r->queue);
    r->stopping = 1;
    pthread_cond_signal(&r->come);
    pthread_cond_broadcast(&r->gone);
    pthread_mutex_unlock(&r->queue);
    pthread_join(r->matcher, NULL);
    r->started = 0;
}

/* ---- why ---- */

void jd_sub_explain(jd_told_room *r, int tenant, jd_str id, const jd_doc *d, int zh, jd_buf *out) {
    static const char *const words[][2] = {
        {"it is paused or expired", "订阅已暂停或过期"},
        {"the entity is none of those selected", "实体不在所选范围内"},
        {"nothing that triggers it would have changed", "没有触发条件的变化"},
        {"no watched attribute", "没有所关注的属性"},
        {"scopeQ does not hold", "scopeQ 不成立"},
        {"geoQ does not hold", "geoQ 不成立"},
        {"q does not hold", "q 不成立"},
    };
    sub_condition why = COND_ACTIVE;
    sub *s = NULL;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->subs_n && !s; i++)
        if (r->subs[i]->tenant == tenant && jd_str_eq(r->subs[i]->id, id)) s = sub_ref(r->subs[i]);
    pthread_mutex_unlock(&r->lock);
    if (!s) return;
    sub *anew;
    jd_err err = {0};
    if (s->names_open && !sub_compile(r, tenant, s->id, s->body, &anew, &err)) { /* names learnt since */
        sub_unref(s);
        s = anew;
    }
    int yes = sub_matches(s, NULL, d, jd_now(), r->o.engine, &why); /* as if it came now */
    jd_buf_printf(out, "{\"matches\":%s", yes ? "true" : "false");
    if (!yes) {
        jd_buf_z(out, ",\"because\":");
        jd_json_write_str(out, jd_str_of(words[why][zh != 0]));
    }
    jd_buf_c(out, '}');
    sub_unref(s);
}
