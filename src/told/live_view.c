/* One distinct question: which entities are in the view before and behind a change, and the event that tells of it. All
 * readers who ask the same share it, so that each change is tested and written once for them. */
#include "told/live_int.h"

#include "base/clock.h"

#include <stdlib.h>

#define KEEP_NS 30000000000u

enum {
    KEEP = 32 * 1024,            /* bytes of events that are kept for who comes back */
    KEEP_MORE = 4 * 1024 * 1024, /* the same while many come back: see kept_until_ns */
    HELD_MAX = 8 * 1024 * 1024   /* bytes of documents that a view holds while it gathers; beyond, it tells early */
};

/* ---- a change ---- */

void live_look_init(live_look *k) {
    *k = (live_look){0};
    jd_arena_init(&k->a);
}

void live_look_fini(live_look *k) {
    jd_arena_fini(&k->a);
}

static void open_side(live_side *s, jd_str bytes) {
    s->d = bytes.p ? &s->doc : NULL;
    s->shapes_of = 0;
    if (s->d) jd_doc_open(&s->doc, bytes);
}

void live_look_at(live_look *k, jd_str was, jd_str is) {
    jd_arena_reset(&k->a);
    open_side(&k->was, was);
    open_side(&k->is, is);
}

/* All instances of the GeoProperty. */
static void read_shapes(live_side *s, jd_sym attr, const jd_symtab *symbols, jd_arena *a) {
    jd_attrview v;
    jd_bytes rest;
    uint32_t cap = 1;
    s->shapes_of = attr;
    s->shapes_n = 0;
    if (!jd_doc_attr(s->d, attr, &v, &rest)) return;
    s->shape = jd_arena_alloc(a, cap * sizeof(jd_shape *));
    do {
        jd_jval tree = jd_node_tree(v.value, symbols, a);
        if (s->shapes_n == cap) {
            jd_shape **more = jd_arena_alloc(a, cap * 2 * sizeof(jd_shape *));
            memcpy(more, s->shape, cap * sizeof(jd_shape *));
            s->shape = more;
            cap *= 2;
        }
        if (v.kind == JD_GEOPROPERTY && !jd_shape_reread(a, &tree, &s->shape[s->shapes_n], NULL)) s->shapes_n++;
    } while (jd_attr_next(&rest, s->d->created, &v) && v.name == attr);
}

/* ---- the question ---- */

static void copy(jd_arena *a, jd_str *s) {
    if (s->p) *s = jd_arena_dup(a, *s);
}

static void keep_texts(live_view *v, const jd_live_ask *ask) {
    jd_arena *a = &v->texts;
    v->ask = *ask;
    jd_live_ask *q = &v->ask;
    jd_str *const texts[] = {&q->type,   &q->id_pattern, &q->q,           &q->scope_q,    &q->attrs,
                             &q->georel, &q->geometry,   &q->geoproperty, &q->coordinates};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) copy(a, texts[i]);
    jd_str *ids = JD_NEWN(a, jd_str, q->ids_n + 1);
    for (size_t i = 0; i < q->ids_n; i++) ids[i] = jd_arena_dup(a, q->ids[i]);
    q->ids = ids;
    q->head = q->last_event_id = (jd_str){NULL, 0};
    q->ctx = jd_ctx_ref(q->ctx);
    /* What is asked, as one text: lengths keep the parts apart. The same @context is the same object. */
    jd_buf key = {0};
    jd_buf_printf(&key, "%d %p %d %d %d %u", q->tenant, (void *)q->ctx, (int)q->format, q->sys_attrs, q->diff,
                  q->every_ms);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        jd_buf_printf(&key, " %zu:", texts[i]->p ? texts[i]->n + 1 : 0);
        jd_buf_str(&key, *texts[i]);
    }
    for (size_t i = 0; i < q->ids_n; i++) {
        jd_buf_printf(&key, " %zu:", ids[i].n);
        jd_buf_str(&key, ids[i]);
    }
    v->key = jd_arena_dup(a, jd_buf_view(&key));
    v->hash = jd_hash(v->key.p, v->key.n);
    jd_buf_fini(&key);
}

static int bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s %s%.0s", "%s%.0s %s", place, en, zh);
    return jd_fail_at(err, "%s", place);
}

static int compile_geo(live_view *v, jd_err *err) {
    const jd_live_ask *q = &v->ask;
    if (!q->georel.p) {
        if (!q->geometry.p && !q->coordinates.p) return 0;
        return bad(err, "georel", "must be there with geometry and coordinates",
                   "必须与 geometry 和 coordinates 一同给出");
    }
    if (!q->geometry.p || !q->coordinates.p)
        return bad(err, "georel", "needs geometry and coordinates", "需要 geometry 和 coordinates");
    if (jd_geoq_compile_params(&v->forms, q->georel, q->geometry, q->coordinates, &v->geo, err)) return -1;
    v->geo_property = JD_SYM_LOCATION;
    if (q->geoproperty.p) v->geo_property = jd_sym_find(v->symbols, jd_ctx_expand(q->ctx, &v->forms, q->geoproperty));
    v->names_open |= !v->geo_property;
    return 0;
}

static int compile_q(live_view *v, const jd_names *n, jd_err *err) {
    jd_sym attrs[16];
    if (!v->ask.q.p) return 0;
    if (jd_q_compile(n, v->ask.q, NULL, &v->q, err)) return -1;
    if (jd_q_links(v->q))
        return bad(err, "q", "cannot follow relationships in a live view", "在实时视图中不能跟随关系");
    size_t k = jd_q_attrs(v->q, attrs, 16);
    for (size_t i = 0; i < k && i < 16; i++) v->names_open |= !attrs[i];
    v->names_open |= k >= 16;
    return 0;
}

static int compile_attrs(live_view *v, const jd_names *n, jd_err *err) {
    jd_str rest = v->ask.attrs;
    if (!rest.p) return 0;
    if (jd_proj_compile(n, rest, (jd_str){NULL, 0}, (jd_str){NULL, 0}, &v->proj, err)) return -1;
    while (rest.n) {
        const char *comma = memchr(rest.p, ',', rest.n);
        jd_str one = {rest.p, comma ? (size_t)(comma - rest.p) : rest.n};
        v->names_open |= !jd_sym_find(v->symbols, jd_ctx_expand(v->ask.ctx, &v->forms, one));
        rest.p += one.n + (comma != NULL);
        rest.n -= one.n + (comma != NULL);
    }
    return 0;
}

static int compile(live_view *v, jd_err *err) {
    const jd_live_ask *q = &v->ask;
    jd_names n = {&v->forms, q->ctx, v->symbols};
    v->names = jd_symtab_count(v->symbols);
    v->names_open = 0;
    if (q->type.p && !jd_str_is(q->type, "*")) {
        jd_sym any[8];
        if (jd_typeq_compile(&n, q->type, &v->types, err)) return -1;
        int k = jd_typeq_any_of(v->types, any, 8);
        for (int i = 0; i < k; i++) v->names_open |= !any[i];
        v->names_open |= k < 0;
    }
    if (q->id_pattern.p && !q->ids_n && jd_regex_compile(&v->forms, q->id_pattern, &v->pattern, err)) return -1;
    if (q->scope_q.p && jd_scopeq_compile(&n, q->scope_q, &v->scopes, err)) return -1;
    return compile_q(v, &n, err) || compile_attrs(v, &n, err) || compile_geo(v, err) ? -1 : 0;
}

static void forget_forms(live_view *v) {
    if (v->pattern) jd_regex_fini(v->pattern);
    if (v->q) jd_q_fini(v->q);
    if (v->geo) jd_geoq_fini(v->geo);
    v->pattern = NULL;
    v->q = NULL;
    v->geo = NULL;
    v->types = NULL;
    v->scopes = NULL;
    v->proj = NULL;
    jd_arena_reset(&v->forms);
}

int live_view_make(live_view **out, const jd_live_ask *ask, const jd_symtab *symbols, uint64_t run, jd_err *err) {
    live_view *v = jd_xcalloc(1, sizeof *v);
    jd_arena_init(&v->texts);
    jd_arena_init(&v->forms);
    jd_strmap_init(&v->gathering.by_id);
    v->symbols = symbols;
    v->run = run;
    keep_texts(v, ask);
    live_stream_init(&v->s, v->told);
    if (compile(v, err)) {
        live_view_free(v);
        return -1;
    }
    *out = v;
    return 0;
}

static void let_go(live_gathering *g) {
    for (uint32_t i = 0; i < g->n; i++) {
        live_entry_unref(g->held[i].first);
        live_entry_unref(g->held[i].last);
    }
    free(g->held);
    jd_strmap_fini(&g->by_id);
    *g = (live_gathering){0};
    jd_strmap_init(&g->by_id);
}

void live_view_free(live_view *v) {
    if (!v) return;
    let_go(&v->gathering);
    jd_strmap_fini(&v->gathering.by_id);
    live_stream_fini(&v->s);
    forget_forms(v);
    jd_arena_fini(&v->forms);
    jd_ctx_unref(v->ask.ctx);
    jd_arena_fini(&v->texts);
    free(v);
}

void live_view_relearn(live_view *v) {
    jd_err err = {0};
    if (!v->names_open || v->names == jd_symtab_count(v->symbols)) return;
    forget_forms(v);
    (void)compile(v, &err); /* it was good before, and more names make nothing worse */
}

/* ---- is an entity in the view? ---- */

static int is_meant(const live_view *v, const jd_doc *d) {
    if (v->types && !jd_typeq_test(v->types, d)) return 0;
    if (v->pattern && !jd_regex_test(v->pattern, d->id)) return 0;
    size_t i = 0;
    while (i < v->ask.ids_n && !jd_str_eq(v->ask.ids[i], d->id)) i++;
    return !v->ask.ids_n || i < v->ask.ids_n;
}

static int in_place(const live_view *v, live_side *s, jd_arena *a) {
    if (!v->geo) return 1;
    if (!v->geo_property) return 0;
    if (s->shapes_of != v->geo_property) read_shapes(s, v->geo_property, v->symbols, a);
    uint32_t i = 0;
    while (i < s->shapes_n && !jd_geoq_test(v->geo, s->shape[i])) i++;
    return i < s->shapes_n;
}

static int in_view(const live_view *v, live_side *s, jd_arena *a) {
    const jd_doc *d = s->d;
    return d && is_meant(v, d) && jd_proj_keeps(v->proj, d) && (!v->scopes || jd_scopeq_test(v->scopes, d)) &&
           (!v->q || jd_q_test(v->q, d, &(jd_qenv){.symbols = v->symbols})) && in_place(v, s, a);
}

/* ---- telling ---- */

static void put_left(const live_view *v, const jd_doc *was, jd_buf *b) {
    jd_sym s;
    jd_buf_z(b, "{\"id\":");
    jd_json_write_str(b, was->id);
    jd_buf_z(b, was->types_n == 1 ? ",\"type\":" : ",\"type\":[");
    int first = 1;
    for (jd_bytes rest = was->types; jd_syms_next(&rest, &s); first = 0) {
        if (!first) jd_buf_c(b, ',');
        jd_json_write_str(b, jd_ctx_compact(v->ask.ctx, s));
    }
    jd_buf_z(b, was->types_n == 1 ? "}" : "]}");
}

/* Writes the event of what an entity was and is; 0: there is nothing to tell. */
static int event(const live_view *v, const live_place *id, live_look *k, jd_buf *b) {
    int before = in_view(v, &k->was, &k->a), now = in_view(v, &k->is, &k->a);
    if (!before && !now) return 0;
    const jd_doc *was = k->was.d, *is = k->is.d;
    b->n = 0;
    if (id) live_place_print(b, *id, v->run);
    jd_buf_z(b, now ? "event: entity\ndata: " : is ? "event: left\ndata: " : "event: gone\ndata: ");
    if (!now) {
        put_left(v, was, b);
    } else {
        jd_render show = {.ctx = v->ask.ctx,
                          .symbols = v->symbols,
                          .format = v->ask.format,
                          .sys_attrs = v->ask.sys_attrs,
                          .proj = v->proj,
                          .arena = &k->a};
        int some = 1;
        if (before && v->ask.diff)
            some = jd_render_diff(&show, was, is, b);
        else
            jd_render_entity(&show, is, b);
        if (!some) return 0;
    }
    jd_buf_add(b, "\n\n", 2);
    return 1;
}

static int tell(const live_view *v, live_stream *s, live_place at, int with_id, live_look *k, jd_buf *b) {
    if (!event(v, with_id ? &at : NULL, k, b)) return 0;
    live_stream_add(s, at, b);
    return 1;
}

/* ---- gathering ---- */

static void hold(const live_view *v, live_gathering *g, live_entry *e, live_look *k) {
    const jd_doc *d = k->is.d ? k->is.d : k->was.d;
    uint32_t i = jd_strmap_get(&g->by_id, d->id);
    if (i != JD_STRMAP_NONE) {
        g->bytes += e->is.n;
        live_entry_unref(g->held[i].last);
        g->held[i].last = live_entry_ref(e);
        return;
    }
    if (!in_view(v, &k->was, &k->a) && !in_view(v, &k->is, &k->a)) return;
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->held = jd_xrealloc(g->held, g->cap * sizeof *g->held);
    }
    if (!g->n) g->due_ns = jd_mono_ns() + (uint64_t)v->ask.every_ms * 1000000u;
    jd_strmap_add(&g->by_id, d->id, g->n);
    g->held[g->n++] = (live_held){live_entry_ref(e), live_entry_ref(e)};
    g->bytes += e->was.n + e->is.n;
    if (g->bytes > HELD_MAX) g->due_ns = 0;
}

/* One event an entity; then the place alone, which all of them have: whoever is cut off between gets them again. */
static void flush_into(const live_view *v, live_gathering *g, live_stream *s, live_place upto, jd_buf *b) {
    int any = 0;
    live_look k;
    live_look_init(&k);
    for (uint32_t i = 0; i < g->n; i++) {
        live_look_at(&k, g->held[i].first->was, g->held[i].last->is);
        any |= tell(v, s, upto, 0, &k, b);
    }
    live_look_fini(&k);
    let_go(g);
    if (!any) return;
    b->n = 0;
    live_place_print(b, upto, v->run);
    jd_buf_c(b, '\n');
    live_stream_add(s, upto, b);
    s->events--; /* it tells of nothing */
}

/* ---- the stream ---- */

static void trim(live_view *v) {
    live_stream_trim(&v->s, v->kept_until_ns && jd_mono_ns() < v->kept_until_ns ? KEEP_MORE : KEEP);
}

void live_view_see(live_view *v, live_entry *e, live_look *look, jd_buf *scratch) {
    if (v->ask.every_ms) {
        hold(v, &v->gathering, e, look);
    } else if (tell(v, &v->s, e->at, 1, look, scratch)) {
        v->fresh = 1;
        trim(v);
    }
}

void live_view_flush(live_view *v, live_place upto, jd_buf *scratch) {
    uint64_t before = v->s.total;
    flush_into(v, &v->gathering, &v->s, upto, scratch);
    v->told = upto;
    v->fresh |= v->s.total != before;
    trim(v);
}

void live_view_start_over(live_view *v, live_place at) {
    let_go(&v->gathering);
    live_stream_trim(&v->s, 0); /* what is left stands before the place, and nobody is sent there */
    v->told = v->s.from = at;
}

void live_view_replay(live_view *v, live_place after, live_entry *const *e, size_t n, jd_buf *scratch) {
    live_stream older;
    live_gathering g = {0}; /* what is gathered now waits for its own time */
    live_look k;
    live_place upto = v->s.from;
    live_look_init(&k);
    live_stream_init(&older, after);
    jd_strmap_init(&g.by_id);
    for (size_t i = 0; i < n; i++) {
        if (e[i]->tenant != v->ask.tenant) continue;
        live_look_at(&k, e[i]->was, e[i]->is);
        if (v->ask.every_ms)
            hold(v, &g, e[i], &k);
        else
            tell(v, &older, e[i]->at, 1, &k, scratch);
    }
    live_look_fini(&k);
    flush_into(v, &g, &older, upto, scratch);
    jd_strmap_fini(&g.by_id);
    live_stream_prepend(&v->s, &older);
    v->kept_until_ns = jd_mono_ns() + KEEP_NS; /* others may come back from the same break */
}
