/* Who waits for changes (told/, rule/): shown each group when it is published, and after a crash what the log
 * remembers. The log has the new state of a document alone, perhaps as a patch, and a document that was written behind
 * stands ahead of it; so a group that the watcher wants bears, for each entity, how its state before differs from its
 * state after. Read backwards from the newest state, that gives every change again. */
#include "engine/overlay.h"

#include "base/log.h"

#include <stdlib.h>

enum { ABSENT = 0, WHOLE = 1, PATCH = 2 }; /* the first byte of a change of kind CHANGED; stored: append only */

static jd_key changed_key(jd_key entity) {
    return (jd_key)((uint64_t)entity | (uint64_t)JD_K_CHANGED << 40);
}

/* ---- the writer ---- */

static void forget_missed(watching *c) {
    for (size_t i = 0; i < c->missed_n; i++) free((char *)(uintptr_t)c->missed[i].body.p);
    free(c->missed);
    c->missed = NULL;
    c->missed_n = c->missed_cap = 0;
}

static jd_watcher watcher_of(const watching *c, int place) {
    return atomic_load_explicit(&c->by[place].watcher, memory_order_acquire);
}

static int is_wanted(const watching *c, int tenant) {
    for (int i = 0; i < JD_WATCHERS; i++)
        if (watcher_of(c, i) && c->by[i].wants && c->by[i].wants(c->by[i].user, tenant)) return 1;
    return 0;
}

void changed_note(jd_engine *e, overlay *o) {
    const watching *c = &e->changed;
    int last = -1, wanted = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const pending *p = &o->p[i];
        if (!p->v || p->c->kind != JD_K_ENTITY) continue;
        if ((int)p->c->t->number != last) {
            last = (int)p->c->t->number;
            wanted = is_wanted(c, last);
        }
        if (!wanted) continue;
        jd_str was = version_bytes(newest(p->c, p->serial)), is = version_bytes(p->v);
        if (!was.p && !is.p) continue;
        struct was_entry entry = {changed_key(key_of(p->c, p->serial)), o->was.n, 0};
        jd_buf_c(&o->was, was.p && is.p ? PATCH : was.p ? WHOLE : ABSENT);
        if (was.p && !(is.p && jd_store_patch_make(is, was, &o->was))) {
            o->was.p[entry.at] = WHOLE;
            jd_buf_str(&o->was, was);
        }
        entry.n = o->was.n - entry.at;
        PUSH(o, wases, entry);
    }
}

void changed_show(jd_engine *e, overlay *o, uint64_t group) {
    watching *c = &e->changed;
    size_t n = 0;
    int watchers = 0;
    for (int i = 0; i < JD_WATCHERS; i++) watchers += watcher_of(c, i) != NULL;
    if (!watchers) return;
    if (o->n > c->seen_cap) {
        c->seen_cap = o->n * 2;
        c->seen = jd_xrealloc(c->seen, c->seen_cap * sizeof *c->seen);
    }
    for (uint32_t i = 0; i < o->n; i++) {
        const pending *p = &o->p[i];
        if (!p->v || p->c->kind != JD_K_ENTITY) continue;
        if (newest(p->c, p->serial) != p->v) continue; /* it never was: made and removed within the group */
        jd_seen s = {(int)p->c->t->number, version_bytes(p->v->older), version_bytes(p->v)};
        if (s.was.p || s.is.p) c->seen[n++] = s;
    }
    for (int i = 0; i < JD_WATCHERS; i++)
        if (watcher_of(c, i)) watcher_of(c, i)(c->by[i].user, group, c->seen, n);
}

void jd_engine_watch(jd_engine *e, jd_watch_place place, jd_watcher watcher, jd_watch_wants wants, void *user) {
    watching *c = &e->changed;
    int watchers = 0;
    c->by[place].user = user;
    c->by[place].wants = wants;
    atomic_store_explicit(&c->by[place].watcher, watcher, memory_order_release);
    atomic_store(&c->waits, 0);
    for (int i = 0; i < JD_WATCHERS; i++) watchers += watcher_of(c, i) != NULL;
    if (watchers == JD_WATCHERS) forget_missed(c); /* all have been told */
}

void jd_engine_keep(jd_engine *e, jd_watch_place place, uint64_t from) {
    atomic_store(&e->changed.by[place].keep, from);
}

uint64_t changed_keep(const watching *c) {
    uint64_t from = 0;
    for (int i = 0; i < JD_WATCHERS; i++) {
        uint64_t one = atomic_load(&c->by[i].keep);
        if (one && (!from || one < from)) from = one;
    }
    return from;
}

uint64_t jd_engine_group(const jd_engine *e) {
    return atomic_load(&e->published);
}

/* ---- after a start ---- */

void changed_load(watching *c, uint64_t group, jd_key key, jd_str body) {
    if (c->missed_n == c->missed_cap) {
        c->missed_cap = c->missed_cap ? c->missed_cap * 2 : 256;
        c->missed = jd_xrealloc(c->missed, c->missed_cap * sizeof *c->missed);
    }
    c->missed[c->missed_n++] = (struct missed){group, key, {jd_xstrdup(body), body.n}};
}

uint64_t changed_first(const watching *c) {
    return c->missed_n ? c->missed[0].group : 0;
}

void changed_free(watching *c) {
    forget_missed(c);
    free(c->seen);
}

/* What stood there before the change, in a; 0: that cannot be said, because changes behind it were not wanted. */
static int state_before(const struct missed *m, jd_str is, jd_arena *a, jd_str *was) {
    jd_err err = {0};
    jd_buf out = {0};
    *was = (jd_str){NULL, 0};
    if (!m->body.n || m->body.p[0] == ABSENT) return m->body.n > 0;
    jd_str rest = {m->body.p + 1, m->body.n - 1};
    if (m->body.p[0] == WHOLE) {
        *was = rest;
        return 1;
    }
    int ok = jd_store_patch(m->key, is, rest, &out, &err) == 0;
    if (ok) *was = jd_arena_dup(a, jd_buf_view(&out));
    jd_buf_fini(&out);
    return ok;
}

typedef struct told_state { /* of an entity, as the walk goes backwards */
    jd_key key;
    jd_str bytes;
    int lost;
} told_state;

static int state_cmp(const void *x, const void *y) {
    const told_state *a = x, *b = y;
    return (a->key > b->key) - (a->key < b->key);
}

/* The newest states of all entities that were changed, in order of key. */
static told_state *newest_states(jd_engine *e, size_t first, size_t *n_out, jd_arena *a) {
    const watching *c = &e->changed;
    told_state *s = JD_NEWN(a, told_state, c->missed_n - first);
    size_t n = 0, kept = 0;
    for (size_t i = first; i < c->missed_n; i++) s[n++].key = (jd_key)entity_key(c->missed[i].key);
    qsort(s, n, sizeof *s, state_cmp);
    for (size_t i = 0; i < n; i++) {
        if (kept && s[kept - 1].key == s[i].key) continue;
        uint32_t serial = 0;
        coll *at = coll_of_key(e, s[i].key, &serial);
        s[kept] = s[i];
        if (at && serial < atomic_load(&at->slots)) s[kept].bytes = version_bytes(newest(at, serial));
        kept++;
    }
    *n_out = kept;
    return s;
}

void jd_engine_missed(jd_engine *e, uint64_t after, jd_watcher watcher, void *user) {
    const watching *c = &e->changed;
    jd_arena a;
    size_t states_n, n = c->missed_n, first = 0, lost = 0;
    while (first < n && c->missed[first].group <= after) first++; /* told already */
    jd_arena_init(&a);
    told_state *states = newest_states(e, first, &states_n, &a);
    jd_seen *seen = JD_NEWN(&a, jd_seen, n), *group = JD_NEWN(&a, jd_seen, n);
    for (size_t i = n; i-- > first;) {
        told_state key = {.key = (jd_key)entity_key(c->missed[i].key)},
                   *s = bsearch(&key, states, states_n, sizeof *states, state_cmp);
        jd_str was = {NULL, 0};
        s->lost = s->lost || !state_before(&c->missed[i], s->bytes, &a, &was);
        if (s->lost) {
            lost++;
            continue;
        }
        seen[i] = (jd_seen){(int)((uint64_t)key.key >> 48), was, s->bytes};
        s->bytes = was;
    }
    for (size_t i = first; i < n;) {
        uint64_t number = c->missed[i].group;
        size_t k = 0;
        for (; i < n && c->missed[i].group == number; i++)
            if (seen[i].was.p || seen[i].is.p) group[k++] = seen[i];
        if (k) watcher(user, number, group, k);
    }
    if (lost) jd_log(JD_LOG_INFO, "engine.changed", "unwanted=%zu", lost);
    jd_arena_fini(&a);
}
