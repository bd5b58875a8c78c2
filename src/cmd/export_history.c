/* jindu export --history: the evolution of every entity, as temporal representations or as one reading a line. Memory
 * is bounded: what has too many readings to be opened at once goes attribute by attribute, and then page by page in
 * time. */
#include "cmd/export.h"

#include "engine/history.h"

#include <stdlib.h>

typedef struct teller {
    exporter *x;
    jd_view view;
    jd_arena arena; /* one part */
    jd_context *ctx;
    const jd_symtab *symbols;
    int csv;
    jd_trender render;
    jd_buf text;
    jd_err *err;
    int failed; /* err says why */
} teller;

/* ---- CSV ---- */

static void csv_cell(jd_buf *b, jd_str s) {
    int quote = 0;
    for (size_t i = 0; i < s.n && !quote; i++)
        quote = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' ')) quote = 1;
    if (!quote) {
        jd_buf_str(b, s);
        return;
    }
    jd_buf_c(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') jd_buf_c(b, '"');
        jd_buf_c(b, s.p[i]);
    }
    jd_buf_c(b, '"');
}

static void csv_time(jd_buf *b, jd_time t, int digits) {
    char text[JD_TIME_TEXT_MAX];
    if (t != JD_TIME_NONE) jd_buf_add(b, text, jd_time_print(t, digits, text));
}

/* A text is itself, everything else its JSON. */
static jd_str value_text(teller *k, jd_node n) {
    char scratch[JD_TIME_TEXT_MAX];
    jd_ntype type = jd_node_type(n);
    k->text.n = 0;
    if (type == JD_N_STR || type == JD_N_TIME) {
        jd_buf_str(&k->text, jd_node_text(n, k->symbols, scratch));
    } else if (type == JD_N_IRI) {
        jd_buf_str(&k->text, jd_ctx_compact(k->ctx, jd_node_sym(n)));
    } else {
        jd_jval v = jd_node_tree(n, k->symbols, &k->arena);
        jd_json_write(&k->text, &v);
    }
    return jd_buf_view(&k->text);
}

static void csv_reading(teller *k, const jd_doc *d, jd_sym name, const jd_inst *in, jd_str types) {
    jd_buf *b = &k->x->line;
    int sys = k->x->set->sysattrs;
    if (in->deleted && !sys) return;
    csv_cell(b, d->id);
    jd_buf_c(b, ',');
    csv_cell(b, types);
    jd_buf_c(b, ',');
    csv_cell(b, name == JD_SYM_SCOPE ? JD_STR("scope") : jd_ctx_compact(k->ctx, name));
    jd_buf_c(b, ',');
    csv_cell(b, in->a.dataset);
    jd_buf_c(b, ',');
    if (in->observed) csv_time(b, in->at, in->a.observed_digits);
    jd_buf_c(b, ',');
    if (!in->deleted) {
        jd_arena_mark m = jd_arena_tell(&k->arena);
        csv_cell(b, value_text(k, in->a.value));
        jd_arena_rewind(&k->arena, m);
    }
    jd_buf_c(b, ',');
    csv_cell(b, in->a.unit);
    if (sys) {
        jd_buf_c(b, ',');
        if (!in->deleted) csv_time(b, in->a.created, -1);
        jd_buf_c(b, ',');
        if (!in->deleted) csv_time(b, in->a.modified, -1);
        jd_buf_c(b, ',');
        if (in->deleted) csv_time(b, in->at, -1);
    }
    jd_buf_z(b, "\r\n");
}

static int csv_part(teller *k, const jd_evolution *e) {
    jd_buf types = {0};
    jd_sym t;
    int rc = 0;
    for (jd_bytes rest = e->doc.types; jd_syms_next(&rest, &t);) {
        if (types.n) jd_buf_c(&types, ' ');
        jd_buf_str(&types, jd_ctx_compact(k->ctx, t));
    }
    for (size_t i = 0; i < e->attrs_n && !rc; i++)
        for (size_t j = 0; j < e->attrs[i].n && !rc; j++) {
            csv_reading(k, &e->doc, e->attrs[i].name, &e->attrs[i].inst[j], jd_buf_view(&types));
            rc = export_write(k->x, EXPORT_WRITE_BYTES);
        }
    jd_buf_fini(&types);
    return rc;
}

/* ---- parts of an evolution ---- */

static int part(teller *k, const jd_evolution *e) {
    if (k->csv) return csv_part(k, e);
    jd_render_evolution(&k->render, e, &k->x->line);
    jd_buf_c(&k->x->line, '\n');
    return export_write(k->x, EXPORT_WRITE_BYTES);
}

static const jd_window everything = {.property = JD_TP_OBSERVED, .from = INT64_MIN + 1, .to = INT64_MAX};

/* 1: it went out; 0: too many readings to be opened at once; -1 failed. */
static int whole(teller *k, const jd_doc *d, const jd_wanted *wanted) {
    jd_evolution e;
    jd_err err = {0};
    jd_arena_mark m = jd_arena_tell(&k->arena);
    int rc = jd_view_evolution(&k->view, d, wanted, &everything, 0, &k->arena, &e, &err);
    if (!rc && (e.attrs_n || !wanted)) rc = part(k, &e);
    jd_arena_rewind(&k->arena, m);
    if (err.code == JD_E_OK) return rc ? -1 : 1;
    if (err.code == JD_E_TOO_COMPLEX_QUERY) return 0;
    *k->err = err;
    k->failed = 1;
    return -1;
}

/* Of the series that gave as many readings as were asked for, the earliest end: up to there everything is known. */
static jd_time known_to(const jd_tattr *t) {
    jd_time until = INT64_MAX;
    for (size_t i = 0; i < t->n; i++) {
        size_t n = 0;
        jd_time last = 0;
        for (size_t j = 0; j < i && !n; j++) n = t->inst[j].dataset == t->inst[i].dataset;
        if (n) continue; /* this series was looked at */
        for (size_t j = i; j < t->n; j++)
            if (t->inst[j].dataset == t->inst[i].dataset) n++, last = t->inst[j].at;
        if (n >= EXPORT_PART && last < until) until = last;
        if (n == t->n) break; /* the only series */
    }
    return until;
}

/* One attribute by pages in time. What has no observedAt is not among them: see docs/mapping.md. */
static int by_pages(teller *k, const jd_doc *d, jd_sym attr) {
    jd_wanted wanted = {.attrs = &attr, .attrs_n = 1};
    jd_window w = everything;
    w.given = 1;
    w.first_n = EXPORT_PART;
    for (;;) {
        jd_evolution e;
        jd_arena_reset(&k->arena);
        if (jd_view_evolution(&k->view, d, &wanted, &w, 0, &k->arena, &e, k->err)) {
            k->failed = 1;
            return -1;
        }
        if (!e.attrs_n || !e.attrs[0].n) return 0;
        jd_time until = known_to(&e.attrs[0]);
        size_t n = 0;
        while (n < e.attrs[0].n && e.attrs[0].inst[n].at <= until) n++;
        e.attrs[0].n = n;
        if (part(k, &e)) return -1;
        if (until == INT64_MAX || cmd_interrupted()) return 0;
        w.from = until + 1;
    }
}

/* The attributes that the entity has or had, by the earliest reading of each. */
static int by_attributes(teller *k, const jd_doc *d) {
    jd_window w = everything;
    jd_evolution e;
    w.given = 1;
    w.first_n = 1;
    if (jd_view_evolution(&k->view, d, NULL, &w, 0, &k->arena, &e, k->err)) {
        k->failed = 1;
        return -1;
    }
    jd_sym name, *names = jd_xcalloc(e.attrs_n + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < e.attrs_n; i++) names[n++] = e.attrs[i].name;
    jd_attrview v;
    for (jd_bytes rest = d->attrs; jd_attr_next(&rest, d->created, &v);) { /* those that were never observed */
        size_t i = 0;
        while (i < n && names[i] != v.name) i++;
        if (i < n) continue;
        names = jd_xrealloc(names, (n + 2) * sizeof *names);
        names[n++] = v.name;
    }
    int rc = 0;
    for (size_t i = 0; i < n && rc >= 0 && !cmd_interrupted(); i++) {
        name = names[i];
        rc = whole(k, d, &(jd_wanted){.attrs = &name, .attrs_n = 1});
        if (!rc) rc = by_pages(k, d, name);
    }
    free(names);
    return rc < 0 ? -1 : 0;
}

static int each(void *user, const jd_doc *d) {
    teller *k = user;
    jd_arena_reset(&k->arena);
    int rc = whole(k, d, NULL);
    if (!rc) rc = by_attributes(k, d);
    k->x->done++;
    return rc < 0 || cmd_interrupted();
}

int export_history(exporter *x, jd_engine *e, int tenant, jd_context *ctx, const jd_typeq *types, jd_err *err) {
    const exporting *s = x->set;
    teller k = {.x = x, .ctx = ctx, .symbols = jd_engine_symbols(e), .err = err, .csv = s->format[1] == 's'};
    jd_arena a;
    jd_arena_init(&a);
    jd_arena_init(&k.arena);
    k.render = (jd_trender){.base = {.ctx = ctx,
                                     .symbols = k.symbols,
                                     .sys_attrs = s->sysattrs,
                                     .with_context = s->context != NULL,
                                     .arena = &k.arena,
                                     .format = s->format[0] == 'c' ? JD_CONCISE : JD_NORMALIZED},
                            .values = s->format[0] == 's',
                            .property = JD_TP_OBSERVED};
    if (k.csv) {
        jd_buf_z(&x->line, "id,type,attribute,datasetId,observedAt,value,unit");
        jd_buf_z(&x->line, s->sysattrs ? ",createdAt,modifiedAt,deletedAt\r\n" : "\r\n");
    }
    jd_view_begin(&k.view, e, tenant, &a);
    jd_question q = {.types = types, .limit = UINT64_MAX, .temporal = 1};
    int rc = jd_view_query(&k.view, &q, &k, each, NULL, NULL, err);
    jd_view_end(&k.view);
    jd_buf_fini(&k.text);
    jd_arena_fini(&k.arena);
    jd_arena_fini(&a);
    return rc || k.failed ? -1 : 0;
}
