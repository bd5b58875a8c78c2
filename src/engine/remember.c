/* What a change of an entity leaves in its history. The document holds the newest instance of each attribute and
 * datasetId; what it replaces, and that something was deleted, becomes readings of the group that replaced it. */
#include "engine/engine_int.h"
#include "model/doc_int.h"

#include <stdlib.h>

void remember_begin(remember *r, jd_engine *e, jd_buf *out, jd_time now) {
    *r = (remember){.e = e, .now = now, .out = out, .start = out->n};
}

size_t remember_end(remember *r) {
    jd_buf_fini(&r->skeleton);
    jd_buf_fini(&r->nums);
    jd_buf_fini(&r->times);
    return r->out->n - r->start;
}

int remember_wanted(const jd_engine *e, const jd_doc *d) {
    for (size_t i = 0; i < e->o.history_off_n; i++) {
        if (jd_str_is(e->o.history_off[i], "*")) return 0;
        jd_sym s = jd_sym_find(e->symbols, e->o.history_off[i]);
        if (s && jd_doc_has_type(d, s)) return 0;
    }
    return 1;
}

void remember_reading(remember *r, jd_sym attr, uint32_t dataset, const jd_reading *rd) {
    if (!r->begun) hist_body_begin(&r->body, r->out, &r->times, r->now);
    r->begun = 1;
    hist_body_add(&r->body, attr, dataset, rd);
    r->body.last.p = NULL; /* it may not stay where it is: see remember_run */
}

void remember_run(remember *r, const jd_moments *m, size_t n) {
    if (!n) return;
    if (!r->begun) hist_body_begin(&r->body, r->out, &r->times, r->now);
    r->begun = 1;
    for (size_t i = 0; i < n;) {
        jd_reading rd[HIST_RUN_MAX];
        uint32_t k = 0;
        for (; k < HIST_RUN_MAX && i < n; k++, i++) {
            rd[k] = m->r[i];
            rd[k].recorded = r->now;
            if (!(rd[k].flags & (JD_R_OBSERVED | JD_R_CLEAR))) /* each is one of its own */
                rd[k].at = r->latest = (r->latest > r->now ? r->latest : r->now) + 1;
        }
        hist_body_run(&r->body, m->attr, m->dataset, rd, k);
    }
    r->body.last.p = NULL;
}

void remember_mark(remember *r, jd_sym attr, uint32_t dataset, jd_time at, unsigned flags) {
    jd_reading rd = {.at = at, .recorded = r->now, .skeleton = {"", 0}, .flags = (uint8_t)flags};
    remember_reading(r, attr, dataset, &rd);
}

void remember_gone(remember *r, jd_sym attr, jd_kind kind, jd_str dataset) {
    jd_buf *s = &r->skeleton;
    s->n = 0;
    jd_buf_c(s, (char)((unsigned)kind | (dataset.p ? JD_A_DATASET : 0u)));
    jd_buf_c(s, 0);
    if (dataset.p) jd_put_str(s, dataset);
    jd_buf_c(s, JD_T_NULL);
    jd_reading rd = {.at = r->now, .recorded = r->now, .skeleton = jd_buf_view(s), .flags = JD_R_DELETED};
    remember_reading(r, attr, jd_inst_dataset_no(dataset), &rd);
}

jd_reading reading_of(const jd_attrview *v, jd_buf *skeleton, jd_buf *nums) {
    size_t s = skeleton->n, n = nums->n;
    int numeric = jd_inst_split(v, skeleton, nums);
    int observed = v->observed != JD_TIME_NONE;
    return (jd_reading){.at = observed ? v->observed : v->modified,
                        .recorded = v->modified,
                        .skeleton = {skeleton->p + s, skeleton->n - s},
                        .nums = (const jd_num *)(const void *)(nums->p + n),
                        .nums_n = (uint32_t)((nums->n - n) / sizeof(jd_num)),
                        .flags = (uint8_t)((observed ? JD_R_OBSERVED : 0) | (numeric ? JD_R_NUMERIC : 0)),
                        .digits = observed ? (uint8_t)v->observed_digits : 0};
}

int same_reading(const jd_reading *a, const jd_reading *b) {
    if (a->at != b->at || a->flags != b->flags || a->digits != b->digits || a->nums_n != b->nums_n) return 0;
    if (!jd_str_eq(a->skeleton, b->skeleton)) return 0;
    for (uint32_t i = 0; i < a->nums_n; i++)
        if (a->nums[i].m != b->nums[i].m || a->nums[i].scale != b->nums[i].scale) return 0;
    return 1;
}

/* ---- documents ---- */

static int same_instance(const jd_attrview *a, jd_sym name, jd_str dataset) {
    return a->name == name && !a->dataset.p == !dataset.p && jd_str_eq(a->dataset, dataset);
}

int find_instance(const jd_doc *d, jd_sym name, jd_str dataset, jd_attrview *out) {
    jd_bytes rest;
    if (!jd_doc_attr(d, name, out, &rest)) return 0;
    do
        if (same_instance(out, name, dataset)) return 1;
    while (jd_attr_next(&rest, d->created, out) && out->name == name);
    return 0;
}

static int same_bytes(jd_bytes a, jd_bytes b) {
    return a.end - a.p == b.end - b.p && (a.end == a.p || memcmp(a.p, b.p, (size_t)(a.end - a.p)) == 0);
}

/* The old instance goes into history, unless it is what the new one says again. */
static void replaced(remember *r, const jd_attrview *old, const jd_attrview *fresh) {
    r->skeleton.n = r->nums.n = 0;
    size_t room = (size_t)(old->record.end - old->record.p) * 2 + 64;
    if (fresh) room += (size_t)(fresh->record.end - fresh->record.p) * 2 + 64;
    jd_buf_room(&r->skeleton, room); /* what is split first must not move when the second follows */
    jd_buf_room(&r->nums, room * sizeof(jd_num));
    jd_reading was = reading_of(old, &r->skeleton, &r->nums);
    if (fresh) {
        jd_reading is = reading_of(fresh, &r->skeleton, &r->nums);
        if (same_reading(&was, &is)) return;
    }
    remember_reading(r, old->name, jd_inst_dataset_no(old->dataset), &was);
}

void remember_replaced(remember *r, const jd_attrview *old) {
    replaced(r, old, NULL);
}

/* What a write told, as the document had it until the next. */
static jd_reading reading_of_ready(remember *r, const jd_ready *x, jd_time recorded) {
    if (x->skeleton.p)
        return (jd_reading){.at = x->observed,
                            .recorded = recorded,
                            .skeleton = x->skeleton,
                            .nums = x->nums,
                            .nums_n = x->nums_n,
                            .flags = (x->head & 15) == JD_PROPERTY ? JD_R_OBSERVED | JD_R_NUMERIC : JD_R_OBSERVED,
                            .digits = x->digits};
    jd_bytes rest = {(const unsigned char *)x->record.p, (const unsigned char *)x->record.p + x->record.n};
    jd_attrview v;
    jd_attr_next(&rest, 0, &v);
    v.modified = recorded;
    return reading_of(&v, &r->skeleton, &r->nums);
}

void remember_series(remember *r, const jd_attrview *was, const jd_write *w, uint32_t k, uint32_t n, jd_time first) {
    size_t room = (size_t)(was->record.end - was->record.p) * 2 + 64;
    for (uint32_t j = 0; j < n; j++) room += w[j].ready[k].skeleton.p ? 0 : w[j].ready[k].record.n * 2 + 64;
    r->skeleton.n = r->nums.n = 0;
    jd_buf_room(&r->skeleton, room); /* a skeleton is written once while it stays the same, so it must not move */
    jd_buf_room(&r->nums, room * sizeof(jd_num));
    if (!r->begun) hist_body_begin(&r->body, r->out, &r->times, r->now);
    r->begun = 1;
    jd_reading rd[HIST_RUN_MAX];
    rd[0] = reading_of(was, &r->skeleton, &r->nums);
    for (uint32_t j = 0; j < n; j++) rd[j + 1] = reading_of_ready(r, &w[j].ready[k], first + j);
    hist_body_run(&r->body, was->name, jd_inst_dataset_no(was->dataset), rd, n + 1);
    r->body.last.p = NULL;
}

/* The scope as an instance of the attribute `scope`: a string, or an array of them. */
jd_reading scope_as_reading(remember *r, const jd_doc *d, jd_time at, jd_time recorded) {
    jd_buf *s = &r->skeleton;
    s->n = 0;
    jd_buf_c(s, JD_PROPERTY);
    jd_buf_c(s, 0);
    if (d->scopes_n != 1) {
        jd_buf_c(s, JD_T_ARR);
        jd_buf_varint(s, d->scopes_n);
    }
    jd_bytes rest = d->scopes;
    for (jd_str one; jd_strs_next(&rest, &one);) {
        if (one.n < 128) {
            jd_buf_c(s, (char)(unsigned char)(JD_T_SHORTSTR + one.n));
            jd_buf_str(s, one);
        } else {
            jd_buf_c(s, JD_T_STR);
            jd_put_str(s, one);
        }
    }
    int digits = at % 1000000 == 0 ? 0 : at % 1000 == 0 ? 3 : 6; /* the text is that of modifiedAt (4.18) */
    return (jd_reading){
        .at = at, .recorded = recorded, .skeleton = jd_buf_view(s), .flags = JD_R_OBSERVED, .digits = (uint8_t)digits};
}

static void scope_reading(remember *r, const jd_doc *d, jd_time at, jd_time recorded) {
    jd_reading rd = scope_as_reading(r, d, at, recorded);
    remember_reading(r, JD_SYM_SCOPE, 0, &rd);
}

static void scopes_changed(remember *r, const jd_doc *was, const jd_doc *now) {
    if (was->scopes_n == now->scopes_n && same_bytes(was->scopes, now->scopes)) return;
    if (was->scopes_n && !(jd_doc_flags(was->bytes) & JD_D_RESCOPED)) scope_reading(r, was, was->created, was->created);
    if (now->scopes_n)
        scope_reading(r, now, r->now, r->now);
    else
        remember_gone(r, JD_SYM_SCOPE, JD_PROPERTY, (jd_str){NULL, 0});
    jd_doc_flag((char *)(uintptr_t)now->bytes.p, JD_D_RESCOPED);
}

void remember_change(remember *r, const jd_doc *was, const jd_doc *now, int expired) {
    if (now) jd_doc_flag((char *)(uintptr_t)now->bytes.p, jd_doc_flags(was->bytes) & JD_D_RESCOPED);
    if (!remember_wanted(r->e, was)) return;
    jd_attrview old, fresh;
    jd_bytes rest = now ? now->attrs : (jd_bytes){NULL, NULL};
    for (jd_bytes olds = was->attrs; olds.p && olds.p < olds.end;) {
        /* most are the same bytes in the same place: passed over unread */
        jd_bytes whole = olds;
        jd_sym name;
        jd_kind kind;
        jd_attr_peek(&olds, &name, &kind);
        size_t n = (size_t)(olds.p - whole.p);
        if (now && (size_t)(rest.end - rest.p) >= n && memcmp(whole.p, rest.p, n) == 0) {
            rest.p += n;
            continue;
        }
        jd_attr_next(&whole, was->created, &old);
        /* instances mostly stand in the same order */
        jd_bytes ahead = rest;
        int there = now && ((jd_attr_next(&ahead, now->created, &fresh) && same_instance(&fresh, old.name, old.dataset))
                                ? (rest = ahead, 1)
                                : find_instance(now, old.name, old.dataset, &fresh));
        if (there && same_bytes(old.record, fresh.record)) continue;
        if (there) {
            replaced(r, &old, &fresh);
        } else if (expired && now) {
            remember_mark(r, old.name, jd_inst_dataset_no(old.dataset), JD_CLEAR_AT, JD_R_CLEAR);
        } else {
            replaced(r, &old, NULL);
            if (now) remember_gone(r, old.name, old.kind, old.dataset);
        }
    }
    if (now) {
        scopes_changed(r, was, now);
    } else {
        if (was->scopes_n && !(jd_doc_flags(was->bytes) & JD_D_RESCOPED))
            scope_reading(r, was, was->created, was->created);
        remember_mark(r, 0, 0, r->now, JD_R_DELETED);
    }
}

void hidden_doc(jd_engine *e, const jd_doc *d, jd_time now, jd_buf *out) {
    jd_sym types[JD_TYPES_MAX];
    jd_ent ent = {.id = d->id, .types = types, .created = d->created, .modified = now, .expires = JD_TIME_NONE};
    jd_bytes rest = d->types;
    while (ent.types_n < JD_TYPES_MAX && jd_syms_next(&rest, &types[ent.types_n])) ent.types_n++;
    size_t at = out->n;
    jd_doc_encode(&ent, e->symbols, out, NULL); /* no name in it that could be new */
    jd_doc_flag(out->p + at, JD_D_HIDDEN);
}
