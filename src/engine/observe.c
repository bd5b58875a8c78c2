/* Writes of readings as tables and links have them: attributes of one entity, in any order, of many moments. */
#include "engine/history.h"

#include "engine/engine_int.h"

#include <stdlib.h>

/* Instances of one attribute stand side by side, the default one first; within them the oldest comes first. */
static int by_series(const void *x, const void *y) {
    const jd_attr *a = x, *b = y;
    if (a->name != b->name) return a->name < b->name ? -1 : 1;
    if (!a->dataset.p != !b->dataset.p) return a->dataset.p ? 1 : -1;
    int c = jd_str_cmp(a->dataset, b->dataset);
    return c ? c : (a->observed > b->observed) - (a->observed < b->observed);
}

enum { SORT_BY_HAND = 16 };

/* Most writes tell a few attributes; moving one costs as much as comparing twenty. */
static jd_attr *in_order(jd_attr *attrs, uint32_t n) {
    if (n > SORT_BY_HAND) {
        qsort(attrs, n, sizeof *attrs, by_series);
        return attrs;
    }
    for (uint32_t i = 1; i < n; i++) {
        uint32_t to = i;
        while (to && by_series(&attrs[to - 1], &attrs[i]) > 0) to--;
        if (to == i) continue;
        jd_attr a = attrs[i];
        memmove(&attrs[to + 1], &attrs[to], (i - to) * sizeof a);
        attrs[to] = a;
    }
    return attrs;
}

static jd_ent entity_of(const jd_told *t) {
    return (jd_ent){.id = t->id,
                    .types = t->types,
                    .types_n = t->types_n,
                    .created = JD_TIME_NONE,
                    .modified = JD_TIME_NONE,
                    .expires = JD_TIME_NONE,
                    .attrs = in_order(t->attrs, t->attrs_n),
                    .attrs_n = t->attrs_n};
}

static void keep_names(const jd_told *t, jd_arena *a, jd_ent *to) {
    to->id = jd_arena_dup(a, t->id);
    to->types = JD_NEWN(a, jd_sym, t->types_n);
    if (t->types_n) memcpy(to->types, t->types, t->types_n * sizeof *to->types);
}

/* A record so short is neither nested too deeply for history nor has it too many numbers: a level takes three bytes at
 * the least, a number one. Longer ones are taken apart to see. */
enum { SHORT_RECORD = 192 };

static int is_same_series(const jd_attr *a, const jd_attr *b) {
    return a->name == b->name && !a->dataset.p == !b->dataset.p && jd_str_eq(a->dataset, b->dataset);
}

/* The newest instance of each series is made ready: the last one with a time of observation, else the last. *alone:
 * there is nothing else, so that the writer can tell from the records what goes into history, should it have to. */
static int make_ready(jd_engine *e, const jd_ent *ent, jd_arena *a, jd_write *w, int *alone, jd_err *err) {
    jd_ready *list = JD_NEWN(a, jd_ready, ent->attrs_n);
    jd_buf scratch = {0};
    uint32_t n = 0;
    int rc = 0;
    *alone = 1;
    for (uint32_t i = 0, until; i < ent->attrs_n && !rc; i = until) {
        uint32_t newest = i;
        for (until = i + 1; until < ent->attrs_n && is_same_series(&ent->attrs[i], &ent->attrs[until]);) until++;
        for (uint32_t k = i; k < until; k++)
            if (ent->attrs[k].observed != JD_TIME_NONE || ent->attrs[newest].observed == JD_TIME_NONE) newest = k;
        if (until != i + 1 || ent->attrs[newest].observed == JD_TIME_NONE) *alone = 0;
        if (ent->attrs[i].name == JD_SYM_SCOPE) {
            *alone = 0;
            continue;
        }
        rc = jd_attr_ready(&ent->attrs[newest], jd_engine_symbols(e), &scratch, a, &list[n], err);
        if (!rc && list[n++].record.n > SHORT_RECORD) *alone = 0;
    }
    jd_buf_fini(&scratch);
    w->ready = list;
    w->ready_n = n;
    return rc;
}

int jd_observe_readings(jd_engine *e, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err) {
    jd_ent ent = entity_of(t);
    int alone;
    memset(w, 0, offsetof(jd_write, err)); /* an error's texts say nothing while there is none */
    w->err.code = JD_E_OK;
    w->rq.op = JD_OP_OBSERVE;
    w->rq.observed = JD_TIME_NONE;
    if (make_ready(e, &ent, a, w, &alone, err)) return -1;
    if (!alone && jd_moments_make(e, &ent, a, w, err)) return -1;
    jd_ent names;
    keep_names(t, a, &names);
    w->rq.id = names.id;
    w->rq.ent = NULL; /* made of `ready` where it is needed */
    w->moment_types = names.types;
    w->moment_types_n = t->types_n;
    return 0;
}

int observe_open(jd_engine *e, jd_arena *a, jd_write *w, jd_err *err) {
    jd_ent *ent = JD_NEW(a, jd_ent);
    *ent = (jd_ent){.id = w->rq.id,
                    .types = JD_NEWN(a, jd_sym, w->moment_types_n),
                    .types_n = w->moment_types_n,
                    .created = JD_TIME_NONE,
                    .modified = JD_TIME_NONE,
                    .expires = JD_TIME_NONE,
                    .attrs = JD_NEWN(a, jd_attr, w->ready_n),
                    .attrs_n = w->ready_n};
    if (ent->types_n) memcpy(ent->types, w->moment_types, ent->types_n * sizeof *ent->types);
    for (uint32_t i = 0; i < w->ready_n; i++) jd_ready_open(&w->ready[i], e->symbols, a, &ent->attrs[i]);
    w->rq.ent = ent;
    return w->moments ? 0 : jd_moments_make(e, ent, a, w, err);
}

/* Is it what the entity has already? Both are compared as history would keep them. */
static int has_already(const jd_doc *d, const jd_attrview *mine) {
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(d, mine->name, &v, &rest)) return 0;
    do {
        if (!v.dataset.p != !mine->dataset.p || !jd_str_eq(v.dataset, mine->dataset)) continue;
        jd_buf s1 = {0}, n1 = {0}, s2 = {0}, n2 = {0};
        jd_inst_split(&v, &s1, &n1);
        jd_inst_split(mine, &s2, &n2);
        int same = v.observed == mine->observed && jd_str_eq(jd_buf_view(&s1), jd_buf_view(&s2)) &&
                   jd_str_eq(jd_buf_view(&n1), jd_buf_view(&n2));
        jd_buf_fini(&s1);
        jd_buf_fini(&n1);
        jd_buf_fini(&s2);
        jd_buf_fini(&n2);
        return same;
    } while (jd_attr_next(&rest, d->created, &v) && v.name == mine->name);
    return 0;
}

/* Takes out of e what the entity that is there says already, in order of e's document. */
static void only_new(jd_ent *e, const jd_doc *mine, const jd_doc *there) {
    uint32_t n = 0, i = 0;
    jd_attrview v;
    for (jd_bytes rest = mine->attrs; i < e->attrs_n && jd_attr_next(&rest, mine->created, &v); i++)
        if (!has_already(there, &v)) e->attrs[n++] = e->attrs[i];
    e->attrs_n = n;
}

/* A copy in the arena of what may not live as long as the job. */
static int keep_attrs(jd_engine *e, const jd_told *t, jd_ent *ent, jd_arena *a, jd_err *err) {
    jd_buf scratch = {0};
    jd_attr *attrs = JD_NEWN(a, jd_attr, ent->attrs_n);
    int rc = 0;
    keep_names(t, a, ent);
    for (uint32_t i = 0; i < ent->attrs_n && !rc; i++) {
        jd_ready r;
        rc = jd_attr_ready(&ent->attrs[i], jd_engine_symbols(e), &scratch, a, &r, err);
        if (!rc) jd_ready_open(&r, jd_engine_symbols(e), a, &attrs[i]);
    }
    jd_buf_fini(&scratch);
    ent->attrs = attrs;
    return rc;
}

int jd_observe_fixed(jd_engine *e, int tenant, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err) {
    jd_ent *ent = JD_NEW(a, jd_ent);
    *ent = entity_of(t);
    if (tenant >= 0) {
        jd_view v;
        jd_doc there, mine;
        jd_buf bytes = {0};
        jd_ent trial = *ent;
        trial.created = trial.modified = 0;
        trial.attrs = JD_NEWN(a, jd_attr, ent->attrs_n);
        for (uint32_t i = 0; i < ent->attrs_n; i++) {
            trial.attrs[i] = ent->attrs[i];
            trial.attrs[i].created = trial.attrs[i].modified = 0;
        }
        if (jd_doc_encode(&trial, jd_engine_symbols(e), &bytes, err)) {
            jd_buf_fini(&bytes);
            return -1;
        }
        jd_doc_open(&mine, jd_buf_view(&bytes));
        jd_view_begin(&v, e, tenant, a);
        if (jd_view_get(&v, t->id, &there)) only_new(ent, &mine, &there);
        jd_view_end(&v);
        jd_buf_fini(&bytes);
    }
    if (!ent->attrs_n) return 0;
    if (keep_attrs(e, t, ent, a, err)) return -1;
    *w = (jd_write){
        .rq = {
            .op = JD_OP_CREATE, .flags = JD_AP_UPDATE_EXISTING, .id = ent->id, .ent = ent, .observed = JD_TIME_NONE}};
    return 1;
}
