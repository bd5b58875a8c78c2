/* What a rule remembers of an entity: kept as a document of kind RULED, "state/PACK/RULE ENTITY", written together with
 * what it did. In memory: a table by key, and a heap of what is due. */
#include "rule/rule_int.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t rstate_hash(uint64_t rule_hash, uint64_t entity_hash) {
    return (rule_hash ^ (entity_hash << 29 | entity_hash >> 35)) * 0x9e3779b97f4a7c15u;
}

static size_t slot(const rstates *s, uint64_t hash) {
    return (size_t)(hash >> 20) & (s->cap - 1);
}

rstate *rstates_find(const rstates *s, uint64_t hash, jd_str rkey, jd_str entity) {
    if (!s->n) return NULL;
    for (rstate *st = s->bucket[slot(s, hash)]; st; st = st->next)
        if (st->hash == hash && jd_str_eq(st->entity, entity) && jd_str_eq(st->rule, rkey)) return st;
    return NULL;
}

static void grow(rstates *s) {
    size_t old = s->cap;
    rstate **was = s->bucket;
    s->cap = old ? old * 2 : 256;
    s->bucket = jd_xcalloc(s->cap, sizeof *s->bucket);
    for (size_t i = 0; i < old; i++)
        for (rstate *st = was[i], *next; st; st = next) {
            next = st->next;
            st->next = s->bucket[slot(s, st->hash)];
            s->bucket[slot(s, st->hash)] = st;
        }
    free(was);
}

rstate *rstates_make(rstates *s, uint64_t hash, jd_str rkey, jd_str entity) {
    if (s->n >= s->cap) grow(s);
    rstate *st = jd_xcalloc(1, sizeof *st + rkey.n + entity.n + 1);
    char *p = (char *)(st + 1);
    memcpy(p, rkey.p, rkey.n);
    p[rkey.n] = ' ';
    memcpy(p + rkey.n + 1, entity.p, entity.n);
    *st = (rstate){.next = s->bucket[slot(s, hash)],
                   .hash = hash,
                   .key = {p, rkey.n + entity.n + 1},
                   .rule = {p, rkey.n},
                   .entity = {p + rkey.n + 1, entity.n},
                   .level = -1,
                   .pending = -1,
                   .by_hand = -1,
                   .pending_since = JD_TIME_NONE,
                   .clear_since = JD_TIME_NONE,
                   .pending_wall = JD_TIME_NONE,
                   .clear_wall = JD_TIME_NONE,
                   .written_at = JD_TIME_NONE};
    s->bucket[slot(s, hash)] = st;
    s->n++;
    return st;
}

void rstates_fini(rstates *s) {
    for (size_t i = 0; i < s->cap; i++)
        for (rstate *st = s->bucket[i], *next; st; st = next) {
            next = st->next;
            free(st);
        }
    free(s->bucket);
    free(s->heap);
    *s = (rstates){.cap = 0};
}

/* ---- what is due ---- */

static void settle(rstates *s, size_t i, rstate *st) {
    s->heap[i] = st;
    st->heap_at = i;
}

static void up(rstates *s, size_t i) {
    rstate *st = s->heap[i];
    for (; i > 1 && s->heap[i / 2]->due_ms > st->due_ms; i /= 2) settle(s, i, s->heap[i / 2]);
    settle(s, i, st);
}

static void down(rstates *s, size_t i) {
    rstate *st = s->heap[i];
    for (size_t k; (k = i * 2) <= s->heap_n; i = k) {
        if (k < s->heap_n && s->heap[k + 1]->due_ms < s->heap[k]->due_ms) k++;
        if (s->heap[k]->due_ms >= st->due_ms) break;
        settle(s, i, s->heap[k]);
    }
    settle(s, i, st);
}

void rstates_due(rstates *s, rstate *st, uint64_t due_ms) {
    size_t i = st->heap_at;
    if (!due_ms) {
        st->due_ms = 0;
        st->heap_at = 0;
        if (!i) return;
        rstate *last = s->heap[s->heap_n--];
        if (last == st) return;
        settle(s, i, last);
        up(s, i);
        down(s, last->heap_at);
        return;
    }
    st->due_ms = due_ms;
    if (!i) {
        if (s->heap_n + 2 > s->heap_cap) {
            s->heap_cap = s->heap_cap ? s->heap_cap * 2 : 64;
            s->heap = jd_xrealloc(s->heap, s->heap_cap * sizeof *s->heap);
        }
        settle(s, i = ++s->heap_n, st);
    }
    up(s, i);
    down(s, st->heap_at);
}

/* ---- documents ---- */

static void time_member(jd_buf *b, const char *name, jd_time t) {
    if (t != JD_TIME_NONE) jd_buf_printf(b, ",\"%s\":%lld", name, (long long)t);
}

void rstate_write(const rstate *st, jd_arena *a, jd_str *id, jd_str *body) {
    jd_buf b = {0};
    *id = jd_arena_printf(a, "state/%.*s", JD_STR_ARG(st->key));
    jd_buf_printf(&b, "{\"level\":%d,\"pending\":%d,\"byHand\":%d,\"times\":%u,\"group\":%llu", st->level, st->pending,
                  st->by_hand, st->times, (unsigned long long)st->group);
    time_member(&b, "pendingSince", st->pending_since);
    time_member(&b, "clearSince", st->clear_since);
    time_member(&b, "pendingWall", st->pending_wall);
    time_member(&b, "clearWall", st->clear_wall);
    if (st->tells) jd_buf_printf(&b, ",\"tells\":%u", st->tells);
    if (st->tell_due) jd_buf_printf(&b, ",\"tell\":%d", st->tell_due);
    if (st->command_due) jd_buf_printf(&b, ",\"command\":%d", st->command_due);
    jd_buf_c(&b, '}');
    *body = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
}

static int64_t number(const jd_jval *v, const char *name, int64_t absent) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JNUM ? (int64_t)jd_jnum(m) : absent; /* us: exact below 2^53, the year 2255 */
}

rstate *rstate_load(rstates *s, jd_str id, jd_str body) {
    jd_arena a;
    jd_jval v;
    rstate *st = NULL;
    if (!jd_str_starts(id, JD_STR("state/"))) return NULL;
    jd_str key = {id.p + 6, id.n - 6};
    const char *blank = memchr(key.p, ' ', key.n);
    jd_arena_init(&a);
    if (blank && !jd_json_parse(&a, jd_arena_dup(&a, body), NULL, &v, NULL)) {
        jd_str rkey = {key.p, (size_t)(blank - key.p)}, entity = {blank + 1, key.n - rkey.n - 1};
        st = rstates_make(s, rstate_hash(jd_hash(rkey.p, rkey.n), jd_hash(entity.p, entity.n)), rkey, entity);
        st->level = (int)number(&v, "level", -1);
        st->pending = (int)number(&v, "pending", -1);
        st->by_hand = (int)number(&v, "byHand", -1);
        st->times = (uint32_t)number(&v, "times", 0);
        st->tells = (uint32_t)number(&v, "tells", 0);
        st->group = (uint64_t)number(&v, "group", 0);
        st->pending_since = number(&v, "pendingSince", JD_TIME_NONE);
        st->clear_since = number(&v, "clearSince", JD_TIME_NONE);
        st->pending_wall = number(&v, "pendingWall", JD_TIME_NONE);
        st->clear_wall = number(&v, "clearWall", JD_TIME_NONE);
        st->tell_due = (unsigned char)number(&v, "tell", 0);
        st->command_due = (unsigned char)number(&v, "command", 0);
    }
    jd_arena_fini(&a);
    return st;
}
