/* The conditions of one subscription against one change (5.2.12, 5.8.6), and which of them fails. */
#include "told/told_int.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one subscription, one change ---- */

int sub_is_watched(const sub *s, jd_sym attr) {
    for (uint32_t i = 0; i < s->watched_n; i++)
        if (s->watched[i] == attr) return 1;
    return !s->watched_n;
}

int sub_instance(const jd_doc *d, const jd_attrview *a, jd_attrview *out) {
    jd_bytes rest;
    if (!jd_doc_attr(d, a->name, out, &rest)) return 0;
    do {
        if (!out->dataset.p == !a->dataset.p && jd_str_eq(out->dataset, a->dataset)) return 1;
    } while (jd_attr_next(&rest, d->created, out) && out->name == a->name);
    return 0;
}

int sub_same_record(const jd_attrview *a, const jd_attrview *b) {
    size_t n = (size_t)(a->record.end - a->record.p);
    return n == (size_t)(b->record.end - b->record.p) && !memcmp(a->record.p, b->record.p, n);
}

/* What happened to watched attributes, as bits of SUB_ATTR_*. Records of untouched attributes are equal as bytes. */
static unsigned attr_events(const sub *s, const jd_doc *was, const jd_doc *is) {
    unsigned bits = 0;
    jd_attrview a, b;
    for (jd_bytes rest = is ? is->attrs : (jd_bytes){NULL, NULL}; is && jd_attr_next(&rest, is->created, &a);) {
        if (!sub_is_watched(s, a.name)) continue;
        if (!was || !sub_instance(was, &a, &b))
            bits |= SUB_ATTR_CREATED;
        else if (!sub_same_record(&a, &b))
            bits |= SUB_ATTR_UPDATED;
    }
    for (jd_bytes rest = was ? was->attrs : (jd_bytes){NULL, NULL}; was && jd_attr_next(&rest, was->created, &a);)
        if (sub_is_watched(s, a.name) && (!is || !sub_instance(is, &a, &b))) bits |= SUB_ATTR_DELETED;
    return bits;
}

static int has_watched(const sub *s, const jd_doc *d) {
    jd_attrview a;
    for (jd_bytes rest = d->attrs; jd_attr_next(&rest, d->created, &a);)
        if (sub_is_watched(s, a.name)) return 1;
    return !s->watched_n;
}

static int triggered(const sub *s, const jd_doc *was, const jd_doc *is) {
    if (!was && s->triggers & SUB_ENTITY_CREATED && has_watched(s, is)) return 1;
    if (!is && s->triggers & SUB_ENTITY_DELETED && has_watched(s, was)) return 1;
    unsigned bits = attr_events(s, was, is);
    if (!is) bits &= SUB_ATTR_DELETED; /* its attributes went with it */
    return (bits & s->triggers) != 0;
}

int sub_selected(const sub *s, const jd_doc *d) {
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

int q_holds(const sub *s, const jd_q *q, const jd_doc *d, jd_engine *e) {
    jd_view v;
    jd_arena a;
    if (!q) return 1;
    if (!jd_q_links(q)) return jd_q_test(q, d, &(jd_qenv){.symbols = jd_engine_symbols(e)});
    jd_arena_init(&a);
    jd_view_begin(&v, e, s->tenant, &a);
    int yes = jd_q_test(q, d, &(jd_qenv){jd_engine_symbols(e), &v, open_linked});
    jd_view_end(&v);
    jd_arena_fini(&a);
    return yes;
}

int sub_matches(const sub *s, const jd_doc *was, const jd_doc *is, jd_time now, jd_engine *e, sub_condition *why) {
    const jd_doc *d = is ? is : was;
    sub_condition not = COND_ACTIVE;
    int holds = s->active && (s->expires == JD_TIME_NONE || s->expires > now);
    if (holds) not = COND_SELECTOR, holds = sub_selected(s, d);
    if (holds) not = COND_TRIGGER, holds = triggered(s, was, is);
    if (holds) not = COND_SCOPE, holds = !s->scopes || jd_scopeq_test(s->scopes, d);
    if (holds) not = COND_GEO, holds = geo_holds(s, d, jd_engine_symbols(e));
    if (holds) not = COND_Q, holds = q_holds(s, s->q, d, e);
    /* none of the attributes that it wants to hear of */
    if (holds) not = COND_SHOWN, holds = !is || jd_proj_keeps(s->proj, is);
    if (!holds && why) *why = not ;
    return holds;
}

jd_question sub_question(const sub *s) {
    jd_question q = {.scopes = s->scopes, .q = s->q, .geo = s->geo, .geo_property = s->geo_property};
    if (s->selectors_n == 1) q.types = s->selectors[0].types;
    if (s->selectors_n == 1 && s->selectors[0].id.p) q.ids = &s->selectors[0].id, q.ids_n = 1;
    return q;
}
