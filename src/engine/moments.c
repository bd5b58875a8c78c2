/* Readings told from outside: taken apart on the submitter's thread, given to history on the writer's. */
#include "engine/engine_int.h"
#include "engine/history.h"

#include <stdlib.h>

typedef struct maker {
    jd_engine *e;
    jd_arena *a;
    jd_err *err;
    jd_buf record, skeleton, nums;
    jd_str last; /* skeleton of the reading before, in the arena */
} maker;

static int same_series(const jd_attr *a, const jd_attr *b) {
    return a->name == b->name && !a->dataset.p == !b->dataset.p && jd_str_eq(a->dataset, b->dataset);
}

static int make_reading(maker *m, const jd_attr *at, jd_reading *out) {
    m->record.n = m->skeleton.n = m->nums.n = 0;
    if (jd_attr_encode(at, 0, m->e->symbols, &m->record, m->err)) return -1;
    jd_bytes rest = {(const unsigned char *)m->record.p, (const unsigned char *)m->record.p + m->record.n};
    jd_attrview v;
    jd_attr_next(&rest, 0, &v);
    *out = reading_of(&v, &m->skeleton, &m->nums);
    if (out->nums_n > JD_READING_NUMS_MAX)
        return jd_fail(m->err, JD_E_TOO_LARGE, "a reading holds %u numbers; at most %u", "一个读数含 %u 个数，上限 %u",
                       out->nums_n, (unsigned)JD_READING_NUMS_MAX);
    if (!m->last.p || !jd_str_eq(m->last, out->skeleton)) {
        /* the first of its kind: does it come together again? */
        m->record.n = 0;
        if (jd_inst_join(at->name, out, 0, 0, 0, &m->record))
            return jd_fail(m->err, JD_E_BAD_REQUEST_DATA, "the value is nested too deeply to be kept",
                           "值的嵌套过深，无法保存");
        m->last = jd_arena_dup(m->a, out->skeleton);
    }
    out->skeleton = m->last;
    if (out->nums_n) {
        jd_num *n = jd_arena_alloc(m->a, out->nums_n * sizeof *n);
        memcpy(n, out->nums, out->nums_n * sizeof *n);
        out->nums = n;
    }
    return 0;
}

int jd_moments_make(jd_engine *e, const jd_ent *ent, jd_arena *a, jd_write *w, jd_err *err) {
    maker m = {.e = e, .a = a, .err = err};
    jd_moments *list = JD_NEWN(a, jd_moments, ent->attrs_n);
    jd_ent *now = JD_NEW(a, jd_ent);
    *now = *ent;
    now->attrs = JD_NEWN(a, jd_attr, ent->attrs_n);
    now->attrs_n = 0;
    size_t n = 0;
    int rc = 0;
    for (uint32_t i = 0; i < ent->attrs_n && !rc;) {
        uint32_t until = i + 1, newest = i;
        while (until < ent->attrs_n && same_series(&ent->attrs[i], &ent->attrs[until])) until++;
        jd_reading *r = jd_arena_alloc(a, (until - i) * sizeof *r);
        m.last.p = NULL;
        jd_moments *s = &list[n++];
        *s = (jd_moments){.attr = ent->attrs[i].name, .dataset = jd_inst_dataset_no(ent->attrs[i].dataset), .r = r};
        for (; i < until && !rc; i++) {
            rc = make_reading(&m, &ent->attrs[i], &r[s->n++]);
            if (ent->attrs[i].observed != JD_TIME_NONE) newest = i;
        }
        if (ent->attrs[newest].observed == JD_TIME_NONE) newest = until - 1;
        if (s->attr != JD_SYM_SCOPE) now->attrs[now->attrs_n++] = ent->attrs[newest];
    }
    jd_buf_fini(&m.record);
    jd_buf_fini(&m.skeleton);
    jd_buf_fini(&m.nums);
    if (rc) return -1;
    w->rq.id = ent->id;
    w->rq.ent = now;
    w->rq.observed = JD_TIME_NONE;
    w->moments = list;
    w->moments_n = n;
    w->moment_types = ent->types;
    w->moment_types_n = ent->types_n;
    return 0;
}

void jd_moments_clear(const jd_evolution *e, jd_arena *a, jd_write *w) {
    static const jd_reading clear = {.at = JD_CLEAR_AT, .skeleton = {"", 0}, .flags = JD_R_CLEAR};
    size_t cap = 8;
    jd_moments *list = JD_NEWN(a, jd_moments, cap);
    w->moments_n = 0;
    for (size_t i = 0; i < e->attrs_n; i++)
        for (size_t k = 0; k < e->attrs[i].n; k++) {
            uint32_t dataset = e->attrs[i].inst[k].dataset;
            size_t j = 0;
            while (j < w->moments_n && (list[j].attr != e->attrs[i].name || list[j].dataset != dataset)) j++;
            if (j < w->moments_n) continue;
            if (w->moments_n == cap) {
                jd_moments *more = JD_NEWN(a, jd_moments, cap * 2);
                memcpy(more, list, cap * sizeof *more);
                list = more;
                cap *= 2;
            }
            list[w->moments_n++] = (jd_moments){.attr = e->attrs[i].name, .dataset = dataset, .r = &clear, .n = 1};
        }
    w->moments = list;
}

/* ---- on the writer's thread ---- */

static const jd_moments *series_in(const jd_write *w, jd_sym attr, uint32_t dataset) {
    for (size_t i = 0; i < w->moments_n; i++)
        if (w->moments[i].attr == attr && w->moments[i].dataset == dataset) return &w->moments[i];
    return NULL;
}

static int is_now(const jd_reading *r, const jd_attrview *v) {
    jd_buf skeleton = {0}, nums = {0};
    jd_reading has = reading_of(v, &skeleton, &nums);
    int same = same_reading(&has, r);
    jd_buf_fini(&skeleton);
    jd_buf_fini(&nums);
    return same;
}

int told_again(const jd_write *w, const jd_attrview *has) {
    const jd_moments *m = series_in(w, has->name, jd_inst_dataset_no(has->dataset));
    return m && m->n && is_now(&m->r[m->n - 1], has);
}

size_t older_than_now(const jd_moments *m, const jd_doc *is, jd_time now) {
    const jd_reading *last = &m->r[m->n - 1];
    jd_attrview v;
    jd_bytes rest;
    if (!(last->flags & JD_R_OBSERVED)) return m->n - 1; /* it is the entity's state since now */
    if (!jd_doc_attr(is, m->attr, &v, &rest)) return m->n;
    do
        if (jd_inst_dataset_no(v.dataset) == m->dataset)
            /* what the entity has had for longer is told again: the last word, should it have been corrected since */
            return v.observed == last->at && v.modified == now && is_now(last, &v) ? m->n - 1 : m->n;
    while (jd_attr_next(&rest, is->created, &v) && v.name == m->attr);
    return m->n;
}

static jd_time key_of_instance(const jd_attr *a) {
    return a->observed != JD_TIME_NONE ? a->observed : a->modified;
}

/* The instance that the write names, when it is the present one; else -1. */
static int64_t present_instance(const jd_write *w, const jd_ent *ent) {
    for (uint32_t i = 0; i < ent->attrs_n; i++) {
        const jd_attr *a = &ent->attrs[i];
        if (a->name == w->rq.attr && jd_inst_dataset_no(a->dataset) == w->inst_dataset &&
            key_of_instance(a) == w->inst_at)
            return i;
    }
    return -1;
}

static int is_cleared(const jd_write *w, const jd_attr *a) {
    if (w->rq.op == JD_OP_T_DELETE) return 1;
    return w->rq.op == JD_OP_T_ATTR_DELETE && series_in(w, a->name, jd_inst_dataset_no(a->dataset));
}

int temporal_present(jd_engine *e, const version *v, const jd_write *w, jd_time now, remember *r, jd_buf *out) {
    jd_doc d;
    jd_ent ent;
    jd_buf record = {0};
    int changed = 0, handled = 0;
    jd_doc_open(&d, (jd_str){v->bytes, v->n});
    jd_doc_tree(&d, &e->scratch, &ent);
    uint32_t n = 0;
    for (jd_bytes rest = d.attrs; n < ent.attrs_n; n++) { /* a tree leaves records as they are */
        jd_attrview a;
        jd_attr_next(&rest, d.created, &a);
        ent.attrs[n].observed = a.observed;
        if (!is_cleared(w, &ent.attrs[n])) continue;
        /* what is now cannot be forgotten with the past: history begins anew with it */
        jd_attr_decode(&a, d.created, e->symbols, &e->scratch, &ent.attrs[n]);
        ent.attrs[n].modified = now + 1;
        changed = 1;
    }
    int64_t at = w->rq.op == JD_OP_T_INST_PUT || w->rq.op == JD_OP_T_INST_DELETE ? present_instance(w, &ent) : -1;
    if (at >= 0 && w->rq.op == JD_OP_T_INST_DELETE) {
        memmove(&ent.attrs[at], &ent.attrs[at + 1], (ent.attrs_n - (size_t)at - 1) * sizeof *ent.attrs);
        ent.attrs_n--;
        changed = 1; /* those it had corrected go too: the mark below hides them */
    } else if (at >= 0) {
        jd_attr *a = &ent.attrs[at];
        const jd_reading *is = &w->moments[0].r[0];
        jd_attrview was;
        jd_bytes rest = a->raw;
        jd_attr_next(&rest, d.created, &was);
        if (is->at == w->inst_at)
            remember_replaced(r, &was);
        else
            remember_mark(r, a->name, w->inst_dataset, w->inst_at, JD_R_VOID);
        jd_inst_join(a->name, is, d.created, was.created, now, &record);
        a->raw = (jd_bytes){(const unsigned char *)record.p, (const unsigned char *)record.p + record.n};
        changed = handled = 1;
    }
    if (changed) {
        size_t from = out->n;
        ent.modified = now + 1;
        jd_doc_encode(&ent, e->symbols, out, NULL); /* no name in it that could be new */
        jd_doc_flag(out->p + from, jd_doc_flags(d.bytes) & JD_D_RESCOPED);
    }
    jd_buf_fini(&record);
    return handled;
}

void remember_temporal(remember *r, const jd_write *w) {
    int moved = w->moments_n && w->moments[0].n && w->moments[0].r[0].at != w->inst_at;
    switch (w->rq.op) {
    case JD_OP_T_DELETE: remember_mark(r, 0, 0, JD_CLEAR_AT, JD_R_CLEAR); return;
    case JD_OP_T_INST_DELETE: remember_mark(r, w->rq.attr, w->inst_dataset, w->inst_at, JD_R_VOID); return;
    case JD_OP_T_GONE: remember_gone(r, w->rq.attr, w->gone_kind, w->rq.dataset); return;
    case JD_OP_T_INST_PUT:
        if (moved) remember_mark(r, w->rq.attr, w->inst_dataset, w->inst_at, JD_R_VOID);
        break;
    default: break;
    }
    for (size_t i = 0; i < w->moments_n; i++) remember_run(r, &w->moments[i], w->moments[i].n);
}

int temporal_doc(jd_engine *e, const version *v, const jd_write *w, jd_time now, jd_buf *out) {
    jd_ent ent = {.id = w->rq.id, .created = now, .modified = now, .expires = JD_TIME_NONE};
    unsigned flags = JD_D_HIDDEN;
    if (v) {
        jd_doc d;
        jd_doc_open(&d, (jd_str){v->bytes, v->n});
        jd_doc_tree(&d, &e->scratch, &ent);
        flags = jd_doc_flags(d.bytes);
        ent.modified = now > d.modified ? now : d.modified;
    }
    uint32_t n = ent.types_n;
    jd_sym *types = JD_NEWN(&e->scratch, jd_sym, n + w->moment_types_n);
    if (n) memcpy(types, ent.types, n * sizeof *types);
    for (uint32_t i = 0; i < w->moment_types_n; i++) {
        uint32_t k = 0;
        while (k < n && types[k] != w->moment_types[i]) k++;
        if (k == n) types[n++] = w->moment_types[i];
    }
    if (v && n == ent.types_n) return 0; /* it is what it was */
    if (n > JD_TYPES_MAX) return -1;
    ent.types = types;
    ent.types_n = n;
    size_t at = out->n;
    if (jd_doc_encode(&ent, e->symbols, out, NULL)) return -1;
    jd_doc_flag(out->p + at, flags & (JD_D_HIDDEN | JD_D_RESCOPED));
    return 0;
}
