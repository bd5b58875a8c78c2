/* Writes of readings as tables and links have them: attributes of one entity, in any order, of many moments. */
#include "engine/history.h"

#include <stdlib.h>

/* Instances of one attribute stand side by side, the default one first; within them the oldest comes first. */
static int by_series(const void *x, const void *y) {
    const jd_attr *a = x, *b = y;
    if (a->name != b->name) return a->name < b->name ? -1 : 1;
    if (!a->dataset.p != !b->dataset.p) return a->dataset.p ? 1 : -1;
    int c = jd_str_cmp(a->dataset, b->dataset);
    return c ? c : (a->observed > b->observed) - (a->observed < b->observed);
}

static jd_ent *entity_of(const jd_told *t, jd_arena *a) {
    jd_ent *e = JD_NEW(a, jd_ent);
    *e = (jd_ent){.id = t->id,
                  .types = t->types,
                  .types_n = t->types_n,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .expires = JD_TIME_NONE,
                  .attrs = t->attrs,
                  .attrs_n = t->attrs_n};
    if (e->attrs_n > 1) qsort(e->attrs, e->attrs_n, sizeof *e->attrs, by_series);
    return e;
}

int jd_observe_readings(jd_engine *e, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err) {
    *w = (jd_write){.rq = {.op = JD_OP_OBSERVE, .id = t->id, .observed = JD_TIME_NONE}};
    return jd_moments_make(e, entity_of(t, a), a, w, err);
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

int jd_observe_fixed(jd_engine *e, int tenant, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err) {
    jd_ent *ent = entity_of(t, a);
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
    *w = (jd_write){
        .rq = {.op = JD_OP_CREATE, .flags = JD_AP_UPDATE_EXISTING, .id = t->id, .ent = ent, .observed = JD_TIME_NONE}};
    return 1;
}
