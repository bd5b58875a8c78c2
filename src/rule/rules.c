/* The thread of the rules: what groups published, edits of the list, what is due, and what people do with alerts, in
 * one order. */
#include "rule/rule_int.h"

#include "base/log.h"

#include <stdlib.h>

enum { FAILURES_MAX = 100, TRY_MAX = 200000, LOG_BYTES = 256 << 20, WALK_STEP = 200, TURN_US = 20000 };

typedef struct ritem { /* a group, or an edit of the list */
    struct ritem *next;
    size_t bytes;
    uint64_t group;
    jd_ruleset *set; /* an edit */
    size_t n;
    jd_seen seen[];
} ritem;

uint64_t rules_ms(void) {
    return jd_mono_ns() / 1000000 + 1;
}

/* ---- what the writer's thread does ---- */

static int wants(void *user, int tenant) {
    const jd_rules *r = user;
    return tenant == 0 && atomic_load_explicit(&r->wanted, memory_order_relaxed);
}

static int is_watched(const jd_rules *r, jd_str bytes) {
    jd_doc d;
    jd_sym s;
    if (!bytes.p) return 0;
    jd_doc_open(&d, bytes);
    for (jd_bytes rest = d.types; jd_syms_next(&rest, &s);) {
        size_t lo = 0, hi = r->types_n;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            if (r->types[mid] < s)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < r->types_n && r->types[lo] == s) return 1;
    }
    return 0;
}

static char *copy(char *p, jd_str *s) {
    if (!s->p) return p;
    s->p = memcpy(p, s->p, s->n);
    return p + s->n;
}

/* The queue's lock is held. */
static void put(jd_rules *r, ritem *it) {
    *r->last = it;
    r->last = &it->next;
    r->waiting += it->bytes;
    pthread_cond_signal(&r->come);
}

static void on_changes(jd_rules *r, uint64_t group, const jd_seen *seen, size_t n, int may_wait) {
    size_t bytes = 0, kept = 0;
    if (!atomic_load(&r->wanted)) {
        atomic_store(&r->judged_to, group);
        return;
    }
    pthread_mutex_lock(&r->queue);
    for (size_t i = 0; i < n; i++)
        if (seen[i].tenant == 0 && (is_watched(r, seen[i].is) || is_watched(r, seen[i].was)))
            bytes += sizeof *seen + seen[i].was.n + seen[i].is.n, kept++;
    if (!kept && !r->first && !r->busy) {
        atomic_store(&r->judged_to, group);
        pthread_mutex_unlock(&r->queue);
        return;
    }
    ritem *it = jd_xmalloc(sizeof *it + bytes);
    *it = (ritem){.bytes = sizeof *it + bytes, .group = group, .n = kept};
    char *p = (char *)(it->seen + kept);
    kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (seen[i].tenant != 0 || !(is_watched(r, seen[i].is) || is_watched(r, seen[i].was))) continue;
        jd_seen *to = &it->seen[kept++];
        *to = seen[i];
        p = copy(copy(p, &to->was), &to->is);
    }
    /* rules are behind: writers wait, so that nothing is forgotten */
    while (may_wait && r->waiting > r->o.changes_bytes && !r->blocked && !atomic_load(&r->stopping))
        pthread_cond_wait(&r->gone, &r->queue);
    put(r, it);
    pthread_mutex_unlock(&r->queue);
}

static void on_group(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    on_changes(user, group, seen, n, 1);
}

/* Before the thread is there. */
static void on_missed(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    on_changes(user, group, seen, n, 0);
}

/* ---- the list ---- */

rule *rules_find(jd_rules *r, jd_str key) {
    uint32_t i = jd_strmap_get(&r->by_key, key);
    return i == JD_STRMAP_NONE ? NULL : r->rules[i];
}

static int sym_cmp(const void *x, const void *y) {
    jd_sym a, b;
    memcpy(&a, x, sizeof a);
    memcpy(&b, y, sizeof b);
    return (a > b) - (a < b);
}

/* What the writer's thread is to hand over from now on. */
static void types_renew(jd_rules *r) {
    jd_sym *types = jd_xcalloc(r->rules_n + 1, sizeof *types);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < r->rules_n; i++) types[n++] = r->rules[i]->type;
    qsort(types, n, sizeof *types, sym_cmp);
    for (size_t i = 0; i < n; i++)
        if (!kept || types[kept - 1] != types[i]) types[kept++] = types[i];
    pthread_mutex_lock(&r->queue);
    free(r->types);
    r->types = types;
    r->types_n = kept;
    uint32_t had = atomic_exchange(&r->wanted, (uint32_t)r->rules_n);
    pthread_mutex_unlock(&r->queue);
    if (!r->rules_n) jd_engine_keep(r->o.engine, JD_WATCH_RULES, 0);
    if (r->rules_n && !had) jd_engine_keep(r->o.engine, JD_WATCH_RULES, atomic_load(&r->judged_to) + 1);
}

static void walk_add(jd_rules *r, rule *x);

static void enlist(jd_rules *r, rule *x) {
    if (r->rules_n == r->rules_cap) {
        r->rules_cap = r->rules_cap ? r->rules_cap * 2 : 64;
        r->rules = jd_xrealloc(r->rules, r->rules_cap * sizeof *r->rules);
    }
    jd_strmap_put(&r->by_key, x->key, (uint32_t)r->rules_n);
    r->rules[r->rules_n++] = x;
    rindex_add(r->index, x);
    if (x->every_us) x->due_ms = rules_ms() + (uint64_t)(x->every_us / 1000);
    if (x->due_ms && (!r->rules_due_ms || x->due_ms < r->rules_due_ms)) r->rules_due_ms = x->due_ms;
}

static void walk_forget(jd_rules *r, const rule *x) {
    for (walk *w = r->walks; w; w = w->next)
        for (size_t i = 0; i < w->rules_n; i++)
            if (w->rules[i] == x) w->rules[i--] = w->rules[--w->rules_n];
}

static void unlist(jd_rules *r, size_t i) {
    rule *x = r->rules[i];
    rindex_remove(r->index, x);
    walk_forget(r, x);
    jd_strmap_del(&r->by_key, x->key);
    r->rules[i] = r->rules[--r->rules_n];
    if (i < r->rules_n) jd_strmap_put(&r->by_key, r->rules[i]->key, (uint32_t)i);
}

/* Alerts of rules that are gone are cleared. */
static void close_orphans(jd_rules *r, jd_str pack) {
    jd_time now = jd_now();
    for (size_t i = 0; i < r->states.cap; i++)
        for (rstate *st = r->states.bucket[i]; st; st = st->next)
            if (st->level >= 0 && st->rule.n > pack.n && st->rule.p[pack.n] == '/' && jd_str_starts(st->rule, pack) &&
                !rules_find(r, st->rule))
                judge_removed(r, st, now);
}

/* A level that its rule no longer has is none. */
static void fit_states(jd_rules *r, jd_str pack) {
    for (size_t i = 0; i < r->states.cap; i++)
        for (rstate *st = r->states.bucket[i]; st; st = st->next) {
            rule *x = st->rule.n > pack.n && jd_str_starts(st->rule, pack) ? rules_find(r, st->rule) : NULL;
            if (!x) continue;
            if (st->level >= (int)x->levels_n) st->level = (int)x->levels_n - 1;
            if (st->pending >= (int)x->levels_n) st->pending = -1;
            if (st->level >= 0) atomic_fetch_add(&x->open, 1);
        }
}

static void edit(jd_rules *r, jd_ruleset *s) {
    pthread_mutex_lock(&r->lock);
    struct old {
        jd_str key;
        uint64_t text;
    } *old = jd_xcalloc(r->rules_n + 1, sizeof *old);
    rule **dead = jd_xcalloc(r->rules_n + 1, sizeof *dead);
    size_t n = 0;
    for (size_t i = 0; i < r->rules_n;) {
        if (!jd_str_eq(r->rules[i]->pack, s->pack)) {
            i++;
            continue;
        }
        old[n] = (struct old){r->rules[i]->key, r->rules[i]->text_hash};
        dead[n++] = r->rules[i];
        unlist(r, i);
    }
    jd_strmap was;
    jd_strmap_init(&was);
    for (size_t i = 0; i < n; i++) jd_strmap_put(&was, old[i].key, (uint32_t)i);
    for (size_t i = 0; i < s->n; i++) {
        uint32_t k = jd_strmap_get(&was, s->rules[i]->key);
        enlist(r, s->rules[i]);
        if (k == JD_STRMAP_NONE || old[k].text != s->rules[i]->text_hash) walk_add(r, s->rules[i]);
    }
    pthread_mutex_unlock(&r->lock);
    fit_states(r, s->pack);
    close_orphans(r, s->pack);
    types_renew(r);
    jd_strmap_fini(&was);
    for (size_t i = 0; i < n; i++) rule_free(dead[i]);
    free(dead);
    free(old);
    s->n = 0; /* they are ours */
    jd_ruleset_free(s);
}

/* ---- walks: rules that judge all entities of their type ---- */

/* A rule of one entity need not look at all of them. One that waits for others does, so that they come before it. */
static int walks_alone(const rule *x) {
    return x->entity.p && !x->unless_n;
}

static walk *walk_make(jd_rules *r, const rule *x, int own) {
    walk *w = jd_xcalloc(1, sizeof *w), **at = &r->walks;
    jd_arena_init(&w->arena);
    w->type = x->type;
    w->own = own;
    while (!own && *at) at = &(*at)->next; /* others may wait for those that walk alone: they come first */
    w->next = *at;
    *at = w;
    return w;
}

static void walk_add(jd_rules *r, rule *x) {
    int own = walks_alone(x);
    walk *w = r->walks;
    if (own && x->walking) return;
    while (w && (w->own != own || (!own && (w->type != x->type || w->ids)))) w = w->next;
    if (!w) w = walk_make(r, x, own);
    for (size_t i = 0; !own && i < w->rules_n; i++)
        if (w->rules[i] == x) return;
    if (w->rules_n == w->rules_cap) {
        w->rules_cap = w->rules_cap ? w->rules_cap * 2 : 16;
        w->rules = jd_xrealloc(w->rules, w->rules_cap * sizeof *w->rules);
    }
    w->rules[w->rules_n++] = x;
    x->walking = own;
}

static int walk_id(void *user, const jd_doc *d) {
    walk *w = user;
    if (w->ids_n % 1024 == 0) w->ids = jd_xrealloc(w->ids, (w->ids_n + 1024) * sizeof *w->ids);
    w->ids[w->ids_n++] = jd_arena_dup(&w->arena, d->id);
    return 0;
}

static void walk_begin(jd_rules *r, walk *w) {
    jd_arena a;
    jd_view v;
    jd_typeq *types = NULL;
    jd_err err = {0};
    w->ids = jd_xcalloc(1, sizeof *w->ids);
    jd_arena_init(&a);
    jd_str name = jd_sym_name(jd_engine_symbols(r->o.engine), w->type);
    jd_names names = {.arena = &a, .ctx = jd_contexts_core(r->o.contexts), .symbols = jd_engine_symbols(r->o.engine)};
    jd_view_begin(&v, r->o.engine, 0, &a);
    if (v.t && !jd_typeq_compile(&names, name, &types, &err)) {
        jd_question q = {.types = types, .limit = UINT64_MAX};
        jd_view_query(&v, &q, w, walk_id, NULL, NULL, &err);
    }
    jd_view_end(&v);
    if (err.code != JD_E_OK) jd_log(JD_LOG_WARN, "rule.walk", "type=%.*s why=\"%s\"", JD_STR_ARG(name), err.en);
    jd_arena_fini(&a);
}

static void walk_end(jd_rules *r, walk *w) {
    walk **at = &r->walks;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    free(w->ids);
    free(w->rules);
    jd_arena_fini(&w->arena);
    free(w);
}

static int by_rank(const void *a, const void *b) {
    const rule *x = *(rule *const *)a, *y = *(rule *const *)b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static void own_step(jd_rules *r, walk *w) {
    jd_time now = jd_now();
    for (int i = 0; i < WALK_STEP && w->rules_n && !atomic_load(&r->stopping); i++) {
        rule *x = w->rules[--w->rules_n];
        jd_doc d;
        x->walking = 0;
        rules_view(r);
        if (jd_view_get(&r->view, x->entity, &d) && jd_doc_has_type(&d, x->type)) judge_by_time(r, x, &d, now, NULL);
    }
    if (!w->rules_n) walk_end(r, w);
}

/* Some of the walk's entities; what comes in meanwhile waits for no longer than that. */
static void walk_step(jd_rules *r) {
    walk *w = r->walks;
    if (w->own) {
        own_step(r, w);
        return;
    }
    if (!w->ids) {
        walk_begin(r, w);
        if (w->rules_n > 1) qsort(w->rules, w->rules_n, sizeof *w->rules, by_rank);
    }
    jd_time now = jd_now();
    size_t to = w->at + WALK_STEP / (w->rules_n / 8 + 1) + 1;
    for (; w->at < w->ids_n && w->at < to && !atomic_load(&r->stopping); w->at++) {
        jd_doc d;
        rules_view(r);
        if (!jd_view_get(&r->view, w->ids[w->at], &d)) continue;
        found f = {.attrs_n = 0};
        for (size_t i = 0; i < w->rules_n; i++) judge_by_time(r, w->rules[i], &d, now, &f);
    }
    if (w->at >= w->ids_n || !w->rules_n) walk_end(r, w);
}

static void rules_due(jd_rules *r, uint64_t ms) {
    if (!r->rules_due_ms || ms < r->rules_due_ms) return;
    r->rules_due_ms = 0;
    for (size_t i = 0; i < r->rules_n; i++) {
        rule *x = r->rules[i];
        if (!x->every_us) continue;
        if (ms >= x->due_ms) {
            walk_add(r, x);
            x->due_ms = ms + (uint64_t)(x->every_us / 1000);
        }
        if (!r->rules_due_ms || x->due_ms < r->rules_due_ms) r->rules_due_ms = x->due_ms;
    }
}

/* ---- one turn ---- */

void rules_view(jd_rules *r) {
    if (r->viewing) return;
    jd_view_begin(&r->view, r->o.engine, 0, &r->view_arena);
    r->viewing = 1;
}

void rules_view_end(jd_rules *r) {
    if (r->viewing) jd_view_end(&r->view);
    r->viewing = 0;
    jd_arena_reset(&r->view_arena);
}

typedef struct changed {
    jd_rules *r;
    const jd_doc *was, *is;
    uint64_t group;
    jd_time now;
    found found;
} changed;

static void judge_one(void *user, rule *x) {
    changed *c = user;
    atomic_fetch_add_explicit(&c->r->judgements, 1, memory_order_relaxed);
    judge(c->r, x, c->was, c->is, c->group, c->now, &c->found);
}

static void judge_group(jd_rules *r, const ritem *it) {
    changed c = {.r = r, .group = it->group, .now = jd_now()};
    for (size_t i = 0; i < it->n && !atomic_load(&r->stopping); i++) {
        jd_doc was, is;
        c.was = c.is = NULL;
        c.found.attrs_n = c.found.folds_n = 0;
        if (it->seen[i].was.p) jd_doc_open(&was, it->seen[i].was), c.was = &was;
        if (it->seen[i].is.p) jd_doc_open(&is, it->seen[i].is), c.is = &is;
        rindex_offer(r->index, c.was, c.is, judge_one, &c);
    }
    atomic_fetch_add(&r->changes, it->n);
    rules_view_end(r);
}

static void states_due(jd_rules *r, uint64_t ms) {
    while (r->states.heap_n && r->states.heap[1]->due_ms <= ms) {
        rstate *st = r->states.heap[1];
        rule *x = rules_find(r, st->rule);
        jd_doc d;
        rstates_due(&r->states, st, 0);
        rules_view(r);
        if (x && jd_view_get(&r->view, st->entity, &d)) judge_by_time(r, x, &d, jd_now(), NULL);
    }
    rules_view_end(r);
}

rstate *rules_state(jd_rules *r, jd_str alert) {
    jd_str key, entity;
    jd_arena a;
    rstate *st = NULL;
    jd_arena_init(&a);
    if (alert_id_split(alert, &key, &entity, &a))
        st = rstates_find(&r->states, rstate_hash(jd_hash(key.p, key.n), jd_hash(entity.p, entity.n)), key, entity);
    jd_arena_fini(&a);
    return st;
}

static void cleared_by_hand(jd_rules *r, rstate *st) {
    rule *x = rules_find(r, st->rule);
    st->by_hand = st->level;
    st->level = -1;
    st->clear_since = st->clear_wall = JD_TIME_NONE;
    st->tell_due = 0;
    rstates_due(&r->states, st, 0);
    effects_state(r->out, st);
    if (x) atomic_fetch_sub(&x->open, 1);
}

static void act(jd_rules *r, jd_alert_ticket *t) {
    jd_write w;
    jd_doc d;
    effects_room(r->out, 4);
    rules_view(r);
    int rc = alert_act_write(r, &r->view, t, jd_now(), effects_arena(r->out), &w, &t->err);
    rstate *st = rc ? NULL : rules_state(r, t->id);
    /* its end may be under way still: nobody takes care of it any more then */
    if (st && st->level < 0 && (t->act == JD_ALERT_ACK || t->act == JD_ALERT_SILENCE))
        rc = jd_fail(&t->err, JD_E_CONFLICT, "the alert is cleared already", "该告警已解除");
    if (rc) {
        t->done(t);
        return;
    }
    *effects_add(r->out) = w;
    if (t->act != JD_ALERT_ACK && t->act != JD_ALERT_COMMENT && jd_view_get(&r->view, t->id, &d))
        silence_act(r, &d, t, st);
    if (t->act == JD_ALERT_CLEAR && st && st->level >= 0) cleared_by_hand(r, st);
    effects_ticket(r->out, t);
}

static jd_alert_ticket *take_tickets(jd_rules *r) {
    jd_alert_ticket *all = r->tickets;
    r->tickets = NULL;
    r->tickets_last = &r->tickets;
    return all;
}

static void acts(jd_rules *r, jd_alert_ticket *t) {
    for (jd_alert_ticket *next; t; t = next) {
        next = t->next;
        act(r, t);
    }
    rules_view_end(r);
}

void rules_todo(jd_rules *r, rstate *st) {
    if (st->listed) return;
    st->listed = 1;
    st->todo = r->todo;
    r->todo = st;
}

/* Waits until there is something to do, but no longer than a turn. */
static ritem *take(jd_rules *r, int64_t us, jd_alert_ticket **tickets) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&r->queue);
    r->busy = 0;
    if (us && !r->first && !r->tickets && !atomic_load(&r->stopping))
        pthread_cond_timedwait(&r->come, &r->queue, &until);
    ritem *all = r->first;
    r->first = NULL;
    r->last = &r->first;
    r->busy = all != NULL;
    *tickets = take_tickets(r);
    pthread_mutex_unlock(&r->queue);
    return all;
}

/* What is still to be done beside the groups that wait. */
static void pending_tell(jd_rules *r) {
    uint32_t walks = 0;
    for (const walk *w = r->walks; w; w = w->next) walks++;
    atomic_store(&r->pending, effects_count(r->out) + walks);
}

static void through(jd_rules *r, ritem *it) {
    pending_tell(r); /* before it is said that all is judged */
    if (it->n && it->group) atomic_store(&r->seen_to, it->group);
    if (it->group) atomic_store(&r->judged_to, it->group);
    pthread_mutex_lock(&r->queue);
    r->waiting -= it->bytes;
    pthread_cond_signal(&r->gone);
    pthread_mutex_unlock(&r->queue);
    free(it);
}

static void *thread_main(void *user) {
    jd_rules *r = user;
    while (!atomic_load(&r->stopping)) {
        jd_alert_ticket *tickets;
        int64_t us = r->walks ? 0 : effects_idle(r->out) && !r->todo ? TURN_US * 5 : TURN_US / 4;
        ritem *all = take(r, us, &tickets);
        acts(r, tickets);
        while (all) {
            ritem *it = all;
            all = it->next;
            if (it->set) {
                edit(r, it->set);
                it->set = NULL;
                pending_tell(r);
                atomic_fetch_sub(&r->edits, 1);
            } else if (!atomic_load(&r->stopping)) {
                judge_group(r, it);
            }
            if (atomic_load(&r->stopping)) it->group = 0; /* it is judged again, after a start */
            through(r, it);
            effects_turn(r->out, 0);
        }
        uint64_t ms = rules_ms();
        states_due(r, ms);
        silences_due(r, ms);
        rules_due(r, ms);
        if (r->walks) walk_step(r);
        rules_view_end(r);
        tell_turn(r);
        effects_turn(r->out, 1);
        pending_tell(r);
        rules_view_end(r);
    }
    return NULL;
}

/* ---- start and stop ---- */

static void load_one(void *user, jd_str id, jd_str body) {
    jd_rules *r = user;
    jd_arena a;
    jd_jval v;
    jd_arena_init(&a);
    if (jd_str_is(id, "position") && !jd_json_parse(&a, jd_arena_dup(&a, body), NULL, &v, NULL)) {
        const jd_jval *g = jd_jget(&v, "group");
        if (g && g->type == JD_JNUM) atomic_store(&r->position, (uint64_t)jd_jnum(g));
    } else if (jd_str_starts(id, JD_STR("silence/"))) {
        if (!jd_json_parse(&a, jd_arena_dup(&a, body), NULL, &v, NULL)) silence_load(r, id, &v);
    } else {
        rstate *st = rstate_load(&r->states, id, body);
        if (st && (st->tell_due || st->command_due)) rules_todo(r, st);
        /* a delay that ran goes on: judged at once, it finds out how much of it is left */
        if (st && (st->pending >= 0 || st->clear_since != JD_TIME_NONE)) rstates_due(&r->states, st, rules_ms());
    }
    jd_arena_fini(&a);
}

int jd_rules_start(jd_rules **out, const jd_rules_opts *opts, jd_err *err) {
    jd_rules *r = jd_xcalloc(1, sizeof *r);
    jd_jval v;
    jd_arena a;
    jd_view view;
    r->o = *opts;
    if (!r->o.log_bytes) r->o.log_bytes = LOG_BYTES;
    if (!r->o.changes_bytes) r->o.changes_bytes = (size_t)(r->o.log_bytes / 4);
    if (!r->o.failures_max) r->o.failures_max = FAILURES_MAX;
    if (!r->o.try_max) r->o.try_max = TRY_MAX;
    r->last = &r->first;
    r->tickets_last = &r->tickets;
    pthread_mutex_init(&r->queue, NULL);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->come, NULL);
    pthread_cond_init(&r->gone, NULL);
    jd_strmap_init(&r->by_key);
    jd_arena_init(&r->arena);
    jd_arena_init(&r->view_arena);
    r->index = rindex_make();
    r->out = effects_make(r);
    r->silences = silences_make();
    jd_arena_init(&a);
    int rc = jd_json_parse(&a, jd_str_of(jd_alert_context), NULL, &v, err) ||
             jd_contexts_get(r->o.contexts, &v, 1, &r->alert_ctx, err);
    if (!rc) {
        jd_view_begin(&view, r->o.engine, 0, &a);
        jd_view_each_kind(&view, JD_K_RULED, r, load_one);
        jd_view_end(&view);
    }
    jd_arena_fini(&a);
    if (rc) {
        jd_rules_stop(r);
        return -1;
    }
    *out = r;
    return 0;
}

void jd_rules_watch(jd_rules *r) {
    uint64_t after = atomic_load(&r->position);
    if (after > jd_engine_group(r->o.engine)) after = jd_engine_group(r->o.engine);
    atomic_store(&r->judged_to, after);
    for (ritem *it = r->first, *next; it; it = next) { /* the packs of the start: before all else */
        next = it->next;
        edit(r, it->set);
        atomic_fetch_sub(&r->edits, 1);
        free(it);
    }
    pending_tell(r);
    r->first = NULL;
    r->last = &r->first;
    r->waiting = 0;
    r->busy = 1; /* until the thread has looked */
    if (atomic_load(&r->wanted)) {
        jd_engine_missed(r->o.engine, after, on_missed, r);
        jd_engine_keep(r->o.engine, JD_WATCH_RULES, after + 1);
    } else {
        jd_engine_keep(r->o.engine, JD_WATCH_RULES, 0);
    }
    on_group(r, jd_engine_group(r->o.engine), NULL, 0);
    jd_engine_watch(r->o.engine, JD_WATCH_RULES, on_group, wants, r);
}

int jd_rules_go(jd_rules *r, jd_err *err) {
    int rc = pthread_create(&r->thread, NULL, thread_main, r);
    if (rc)
        return jd_fail(err, JD_E_INTERNAL, "rules: cannot start a thread: %s", "规则：无法启动线程：%s", strerror(rc));
    (void)pthread_setname_np(r->thread, "jd-rules");
    r->started = 1;
    return 0;
}

void jd_rules_links(jd_rules *r, jd_links *links) {
    pthread_mutex_lock(&r->lock);
    r->links = links;
    pthread_mutex_unlock(&r->lock);
}

static void push_edit(jd_rules *r, jd_ruleset *s) {
    ritem *it = jd_xcalloc(1, sizeof *it);
    it->bytes = sizeof *it;
    it->set = s;
    atomic_fetch_add(&r->edits, 1);
    pthread_mutex_lock(&r->queue);
    put(r, it);
    pthread_mutex_unlock(&r->queue);
}

void jd_rules_apply(jd_rules *r, jd_ruleset *s) {
    push_edit(r, s);
}

void jd_rules_remove(jd_rules *r, jd_str pack) {
    jd_ruleset *s = jd_xcalloc(1, sizeof *s);
    s->pack = (jd_str){jd_xstrdup(pack), pack.n};
    s->rules = jd_xcalloc(1, sizeof *s->rules);
    push_edit(r, s);
}

/* What came is judged, and its effects are durable, for a moment. */
void jd_rules_quiet(jd_rules *r) {
    if (!r || !r->started) return;
    atomic_store(&r->quiet, 1);
    uint64_t until = rules_ms() + 2000, group = jd_engine_group(r->o.engine);
    while (rules_ms() < until && atomic_load(&r->wanted) && atomic_load(&r->judged_to) < group)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

void jd_rules_stop(jd_rules *r) {
    if (!r) return;
    jd_err err = {0};
    pthread_mutex_lock(&r->queue);
    atomic_store(&r->stopping, 1);
    pthread_cond_signal(&r->come);
    pthread_cond_broadcast(&r->gone);
    pthread_mutex_unlock(&r->queue);
    if (r->started) {
        effects_wake(r->out);
        pthread_join(r->thread, NULL);
    }
    jd_fail(&err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    effects_drop_tickets(r->out, &err);
    for (jd_alert_ticket *t = take_tickets(r), *next; t; t = next) {
        next = t->next;
        t->err = err;
        t->done(t);
    }
    for (ritem *it = r->first, *next; it; it = next) {
        next = it->next;
        jd_ruleset_free(it->set);
        free(it);
    }
    while (r->walks) walk_end(r, r->walks);
    tell_free(r);
    for (size_t i = 0; i < r->rules_n; i++) rule_free(r->rules[i]);
    free(r->rules);
    free(r->types);
    jd_strmap_fini(&r->by_key);
    rstates_fini(&r->states);
    rindex_free(r->index);
    effects_free(r->out);
    silences_free(r->silences);
    if (r->alert_ctx) jd_ctx_unref(r->alert_ctx);
    jd_arena_fini(&r->arena);
    jd_arena_fini(&r->view_arena);
    pthread_mutex_destroy(&r->queue);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->come);
    pthread_cond_destroy(&r->gone);
    free(r);
}

void jd_alert_act_on(jd_rules *r, jd_alert_ticket *t) {
    t->next = NULL;
    jd_err_none(&t->err);
    pthread_mutex_lock(&r->queue);
    int stopping = atomic_load(&r->stopping) || atomic_load(&r->quiet);
    if (!stopping) {
        *r->tickets_last = t;
        r->tickets_last = &t->next;
        pthread_cond_signal(&r->come);
    }
    pthread_mutex_unlock(&r->queue);
    if (!stopping) return;
    jd_fail(&t->err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    t->done(t);
}

uint64_t jd_rules_position(jd_rules *r) {
    return atomic_load(&r->position);
}
