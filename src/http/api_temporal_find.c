/* One entity against a temporal question, in the order of clause 5.7.4.4: instances in the window, q, geo-query,
 * scopes, datasetId, projection, the last n. */
#include "http/api_temporal.h"

#include <stdlib.h>
#include <string.h>

jd_time api_tq_time(const api_tq *q, const jd_inst *i) {
    jd_time t = jd_inst_time(i, q->window.property);
    return t == JD_TIME_NONE ? i->at : t;
}

/* ---- q and geo-query: of instances in the window, whichever they are ---- */

static int lies_there(api_tq *q, const jd_inst *i) {
    api_ask *k = q->k;
    jd_shape *shape;
    if (i->deleted || i->a.kind != JD_GEOPROPERTY) return 0;
    jd_arena_mark m = jd_arena_tell(k->a);
    jd_jval tree = jd_node_tree(i->a.value, q->s->render.symbols, k->a);
    int yes = jd_shape_reread(k->a, &tree, &shape, NULL) == 0 && jd_geoq_test(q->s->geo, shape);
    jd_arena_rewind(k->a, m);
    return yes;
}

static int geo_holds(api_tq *q, const jd_evolution *e) {
    for (size_t i = 0; i < e->attrs_n; i++)
        for (size_t j = 0; e->attrs[i].name == q->s->question.geo_property && j < e->attrs[i].n; j++)
            if (lies_there(q, &e->attrs[i].inst[j])) return 1;
    return 0;
}

static int q_holds(api_tq *q, const jd_evolution *e) {
    jd_qenv env = {.symbols = q->s->render.symbols};
    jd_doc d;
    if (jd_evolution_doc(&q->k->view, e, q->k->a, &d, &q->k->err)) return -1;
    return jd_q_test(q->s->q, &d, &env);
}

int api_tq_test(api_tq *q, const jd_doc *d) {
    api_ask *k = q->k;
    if (!q->s->q && !q->s->geo) return 1;
    jd_arena_mark m = jd_arena_tell(k->a);
    jd_evolution e;
    jd_window all = q->window;
    all.last_n = 0;
    if (jd_view_evolution(&k->view, d, &q->tested, &all, 0, k->a, &e, &k->err)) return -1;
    int yes = q->s->q ? q_holds(q, &e) : 1;
    if (yes > 0 && q->s->geo) yes = geo_holds(q, &e);
    jd_arena_rewind(k->a, m);
    return yes;
}

/* ---- scopes: a scope holds from its time until the next one's, or until it was deleted ---- */

typedef struct span {
    jd_time from, to;
} span;

static int scope_matches(api_tq *q, const jd_inst *i) {
    api_ask *k = q->k;
    jd_str scopes[JD_SCOPES_MAX];
    jd_sym type = JD_SYM_SCOPE; /* some type: an entity has one */
    jd_ent e = {.id = JD_STR("urn:x"), .types = &type, .types_n = 1, .scopes = scopes, .expires = JD_TIME_NONE};
    jd_ntype shape = jd_node_type(i->a.value);
    if (shape == JD_N_STR) scopes[e.scopes_n++] = jd_node_str(i->a.value);
    if (shape == JD_N_ARR) {
        jd_nodeiter it = jd_node_items(i->a.value);
        jd_node item;
        while (e.scopes_n < JD_SCOPES_MAX && jd_node_next(&it, &item))
            if (jd_node_type(item) == JD_N_STR) scopes[e.scopes_n++] = jd_node_str(item);
    }
    jd_buf b = {0};
    jd_doc d;
    int yes = jd_doc_encode(&e, jd_engine_symbols(k->app->engine), &b, NULL) == 0;
    if (yes) {
        jd_doc_open(&d, jd_buf_view(&b));
        yes = jd_scopeq_test(q->scopes, &d);
    }
    jd_buf_fini(&b);
    return yes;
}

static const jd_tattr *only_attr(const jd_evolution *e) {
    return e->attrs_n ? &e->attrs[0] : NULL;
}

static int spans_of(api_tq *q, const jd_doc *d, const jd_window *w, span **out, size_t *n) {
    api_ask *k = q->k;
    const jd_sym scope = JD_SYM_SCOPE;
    const jd_wanted wanted = {.attrs = &scope, .attrs_n = 1};
    const jd_window ends = {.property = JD_TP_DELETED, .given = 1, .from = INT64_MIN + 1, .to = INT64_MAX};
    jd_evolution set, gone;
    *n = 0;
    if (jd_view_evolution(&k->view, d, &wanted, w, 1, k->a, &set, &k->err) ||
        jd_view_evolution(&k->view, d, &wanted, &ends, 0, k->a, &gone, &k->err))
        return -1;
    const jd_tattr *s = only_attr(&set), *g = only_attr(&gone);
    *out = JD_NEWN(k->a, span, s ? s->n : 0);
    for (size_t i = 0; s && i < s->n; i++) {
        span one = {api_tq_time(q, &s->inst[i]), i + 1 < s->n ? api_tq_time(q, &s->inst[i + 1]) : INT64_MAX};
        for (size_t j = 0; g && j < g->n; j++)
            if (g->inst[j].at >= one.from && g->inst[j].at < one.to) one.to = g->inst[j].at;
        if (!s->inst[i].deleted && one.from < one.to && scope_matches(q, &s->inst[i])) (*out)[(*n)++] = one;
    }
    return 0;
}

static int in_spans(const span *s, size_t n, jd_time t) {
    for (size_t i = 0; i < n; i++)
        if (t >= s[i].from && t < s[i].to) return 1;
    return 0;
}

static int narrow_to_scopes(api_tq *q, const jd_doc *d, const jd_window *w, jd_evolution *e) {
    span *s;
    size_t n, attrs = 0;
    if (spans_of(q, d, w, &s, &n)) return -1;
    for (size_t i = 0; i < e->attrs_n; i++) {
        jd_tattr a = e->attrs[i];
        size_t kept = 0;
        for (size_t j = 0; j < a.n; j++)
            if (in_spans(s, n, api_tq_time(q, &a.inst[j]))) a.inst[kept++] = a.inst[j];
        a.n = kept;
        if (kept) e->attrs[attrs++] = a;
    }
    e->attrs_n = attrs;
    return 0;
}

/* The last n of each datasetId; instances stand in order of time. */
static void keep_last(jd_arena *a, jd_tattr *t, uint32_t last_n) {
    struct {
        uint32_t dataset, n;
    } *seen = jd_arena_alloc(a, t->n * sizeof *seen);
    size_t seen_n = 0, to = t->n;
    for (size_t i = t->n; i-- > 0;) {
        size_t s = 0;
        while (s < seen_n && seen[s].dataset != t->inst[i].dataset) s++;
        if (s == seen_n) {
            seen[seen_n].dataset = t->inst[i].dataset;
            seen[seen_n++].n = 0;
        }
        if (seen[s].n++ < last_n) t->inst[--to] = t->inst[i];
    }
    t->inst += to;
    t->n -= to;
}

/* ---- what is shown ---- */

static int shown(const jd_proj *p, jd_sym name) {
    return name == JD_SYM_SCOPE ? jd_proj_member(p, JD_M_SCOPE) : jd_proj_attr(p, name);
}

int api_tq_fetch(api_tq *q, const jd_doc *d, const jd_window *w, jd_evolution *out) {
    api_ask *k = q->k;
    jd_window raw = *w;
    if (q->scopes) raw.first_n = raw.last_n = 0; /* the last n of those that are left */
    if (jd_view_evolution(&k->view, d, &q->wanted, &raw, q->scopes != NULL, k->a, out, &k->err)) return -1;
    if (q->scopes && narrow_to_scopes(q, d, &raw, out)) return -1;
    size_t n = 0;
    for (size_t i = 0; i < out->attrs_n; i++) {
        if (q->scopes && w->last_n) keep_last(k->a, &out->attrs[i], w->last_n);
        if (shown(q->s->proj, out->attrs[i].name)) out->attrs[n++] = out->attrs[i];
    }
    out->attrs_n = n;
    return 0;
}

/* Without any attribute it is an answer when something else of it is shown, and it was there in the window. */
int api_tq_kept(api_tq *q, const jd_doc *d, const jd_evolution *e) {
    const jd_proj *p = q->s->proj;
    if (e->attrs_n || !p) return e->attrs_n > 0;
    jd_doc bare = *d;
    bare.attrs = (jd_bytes){NULL, NULL};
    bare.scopes_n = 0;
    if (!jd_proj_keeps(p, &bare)) return 0;
    api_tq all = *q;
    api_select anything = *q->s;
    anything.proj = NULL;
    all.s = &anything;
    all.wanted.attrs = NULL;
    return api_tq_exists(&all, d);
}

int api_tq_exists(api_tq *q, const jd_doc *d) {
    jd_evolution e;
    jd_window one = q->window;
    one.last_n = 1;
    return api_tq_fetch(q, d, &one, &e) ? -1 : api_tq_kept(q, d, &e);
}

/* ---- aggregation ---- */

/* Of instances at hand; the engine does it better, but knows nothing of scopes that held at the time. */
static void aggregate_series(api_tq *q, const jd_tattr *a, size_t first, jd_time origin, jd_taggr *out) {
    const jd_window *w = &q->window;
    int whole = !q->period.months && !q->period.us;
    jd_time last = api_tq_time(q, &a->inst[a->n - 1]);
    int64_t number = 0;
    *out = (jd_taggr){.name = a->name, .kind = a->inst[first].a.kind, .dataset = a->inst[first].a.dataset};
    out->bucket = JD_NEWN(q->k->a, jd_tbucket, a->n - first);
    if (origin == JD_TIME_NONE) origin = api_tq_time(q, &a->inst[first]);
    for (size_t i = first; i < a->n; i++) {
        if (a->inst[i].dataset != a->inst[first].dataset) continue;
        int64_t k = whole ? 0 : jd_period_of(&q->period, origin, api_tq_time(q, &a->inst[i]));
        if (!out->n || k != number) {
            jd_tbucket *b = &out->bucket[out->n++];
            b->start = whole ? origin : jd_period_start(&q->period, origin, k);
            b->end = !whole ? jd_period_start(&q->period, origin, k + 1) : w->to == INT64_MAX ? last : w->to;
            b->acc = jd_acc_new(q->k->a, q->methods);
            number = k;
        }
        jd_acc_add(out->bucket[out->n - 1].acc, &a->inst[i], q->s->render.symbols);
    }
}

static int aggregate_here(api_tq *q, const jd_doc *d, jd_time origin, jd_taggr **out, size_t *n) {
    jd_evolution e;
    size_t most = 0;
    if (api_tq_fetch(q, d, &q->window, &e)) return -1;
    for (size_t i = 0; i < e.attrs_n; i++) most += e.attrs[i].n;
    *out = JD_NEWN(q->k->a, jd_taggr, most);
    *n = 0;
    for (size_t i = 0; i < e.attrs_n; i++) {
        const jd_tattr *a = &e.attrs[i];
        size_t begun = *n;
        for (size_t j = 0; j < a->n; j++) {
            size_t s = begun;
            while (s < *n && !jd_str_eq((*out)[s].dataset, a->inst[j].a.dataset)) s++;
            if (s == *n) aggregate_series(q, a, j, origin, &(*out)[(*n)++]);
        }
    }
    return 0;
}

static int any_method(const api_tq *q, const jd_taggr *g) {
    jd_buf b = {0};
    int any = 0;
    for (size_t i = 0; i < g->n && !any; i++)
        for (unsigned m = JD_AGG_AVG; m <= JD_AGG_TOTAL && !any; m *= 2)
            any = (q->methods & m) && jd_acc_print(g->bucket[i].acc, m, &b) == 0;
    jd_buf_fini(&b);
    return any;
}

/* An attribute that was asked for by name must bear one of the methods at least (5.7.4.4). */
static int refuse_methods(api_tq *q, jd_sym name) {
    jd_str iri = jd_sym_name(q->s->render.symbols, name);
    jd_fail(&q->k->err, JD_E_INVALID_REQUEST, "none of the aggrMethods fits the values of %.*s",
            "aggrMethods 中没有适用于 %.*s 取值的方法", (int)(iri.n > 150 ? 150 : iri.n), iri.p);
    return jd_fail_at(&q->k->err, "aggrMethods");
}

int api_tq_aggregate(api_tq *q, const jd_doc *d, jd_taggr **out, size_t *n) {
    api_ask *k = q->k;
    jd_time origin = q->rel == API_AFTER || q->rel == API_BETWEEN ? q->at : JD_TIME_NONE;
    int rc = q->scopes ? aggregate_here(q, d, origin, out, n)
                       : jd_view_aggregate(&k->view, d, &q->wanted, &q->window, &q->period, origin, q->methods, k->a,
                                           out, n, &k->err);
    size_t kept = 0;
    for (size_t i = 0; !rc && i < *n; i++) {
        jd_taggr *g = &(*out)[i];
        if (g->name == JD_SYM_SCOPE || !shown(q->s->proj, g->name)) continue;
        if (q->wanted.attrs && !any_method(q, g)) rc = refuse_methods(q, g->name);
        (*out)[kept++] = *g;
    }
    if (!rc) *n = kept;
    return rc;
}
