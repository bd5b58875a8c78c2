/* Evolutions as JSON, straight from the bytes of their instances: normalized and concise (GS CIM 009 clauses
 * 4.5.6-4.5.8), the simplified form (4.5.9), the aggregated form (4.5.19). */
#include "model/render_int.h"
#include "model/temporal_int.h"

typedef rend_writer writer;

jd_time jd_inst_time(const jd_inst *i, jd_timeprop p) {
    if (p == JD_TP_DELETED) return i->deleted ? i->at : JD_TIME_NONE;
    if (i->deleted) return JD_TIME_NONE;
    if (p == JD_TP_CREATED) return i->a.created;
    if (p == JD_TP_MODIFIED) return i->a.modified;
    if (i->observed) return i->at;
    return i->a.name == JD_SYM_SCOPE ? i->a.modified : JD_TIME_NONE; /* a change of scope is observed when it is made */
}

/* ---- shared ---- */

static void text(jd_buf *b, jd_str s) { /* known to need no escaping */
    jd_buf_c(b, '"');
    jd_buf_str(b, s);
    jd_buf_c(b, '"');
}

static int shown(const writer *w, jd_sym name) {
    return name == JD_SYM_SCOPE ? jd_proj_member(w->proj, JD_M_SCOPE) : jd_proj_attr(w->proj, name);
}

static void attr_key(writer *w, jd_sym name, int *first) {
    rend_comma(w->b, first);
    if (name == JD_SYM_SCOPE)
        text(w->b, JD_STR("scope"));
    else
        rend_name(w, name);
    jd_buf_c(w->b, ':');
}

static int spoken(const writer *w, jd_kind k) {
    return w->r->lang.p && k == JD_LANGUAGEPROPERTY;
}

static const char *type_name(const writer *w, jd_kind k) {
    return jd_kind_name(spoken(w, k) ? JD_PROPERTY : k);
}

/* What stands for the value of what is gone (4.5.6, 4.18). */
static const char *gone(const writer *w, const jd_attrview *a) {
    if (a->name == JD_SYM_SCOPE) return "[]";
    return a->kind == JD_LANGUAGEPROPERTY && !spoken(w, a->kind) ? "{\"@none\":\"" NGSI_NULL "\"}"
                                                                 : "\"" NGSI_NULL "\"";
}

/* ---- normalized and concise ---- */

static void tombstone(writer *w, const jd_inst *i) {
    jd_buf *b = w->b;
    char id[JD_INST_ID_MAX];
    jd_buf_c(b, '{');
    if (w->r->format != JD_CONCISE) {
        jd_buf_z(b, "\"type\":\"");
        jd_buf_z(b, type_name(w, i->a.kind));
        jd_buf_z(b, "\",");
    }
    text(b, jd_str_of(spoken(w, i->a.kind) ? "value" : jd_kind_member(i->a.kind)));
    jd_buf_c(b, ':');
    jd_buf_z(b, gone(w, &i->a));
    if (i->a.dataset.p) rend_key(w, "datasetId"), jd_json_write_str(b, i->a.dataset);
    rend_key(w, "instanceId");
    text(b, (jd_str){id, jd_inst_id_print(i, id)});
    rend_key(w, "deletedAt");
    rend_time(b, i->at, -1);
    jd_buf_c(b, '}');
}

static void instance(writer *w, const jd_inst *i) {
    if (i->deleted) {
        tombstone(w, i);
        return;
    }
    jd_attrview a = i->a;
    if (a.name == JD_SYM_SCOPE && !i->observed) a.observed = a.modified, a.observed_digits = -1;
    if (a.subs.p) { /* their times hang on what the record's own hang on */
        jd_attrview v;
        jd_attr_next(&(jd_bytes){a.record.p, a.record.end}, 0, &v);
        w->created = a.created - v.created;
    }
    w->inst = i;
    rend_whole(w, &a);
    w->inst = NULL;
}

static void instances(writer *w, const jd_tattr *t) {
    jd_buf_c(w->b, '[');
    for (size_t i = 0; i < t->n; i++) {
        if (i) jd_buf_c(w->b, ',');
        instance(w, &t->inst[i]);
    }
    jd_buf_c(w->b, ']');
}

/* ---- the simplified form ---- */

/* What stands before and behind a value. */
static const struct {
    const char *before, *behind;
} wraps[] = {
    [JD_PROPERTY] = {"[", ","},
    [JD_RELATIONSHIP] = {"[", ","},
    [JD_GEOPROPERTY] = {"[", ","},
    [JD_LANGUAGEPROPERTY] = {"[{\"languageMap\":", "},"},
    [JD_VOCABPROPERTY] = {"[{\"vocab\":", "},"},
    [JD_JSONPROPERTY] = {"[{\"json\":", "},"},
    [JD_LISTPROPERTY] = {"[", ","},
    [JD_LISTRELATIONSHIP] = {"[", ","},
};

static void list_open(writer *w, jd_kind k, jd_str dataset) {
    jd_buf *b = w->b;
    jd_buf_z(b, "{\"type\":\"");
    jd_buf_z(b, type_name(w, k));
    jd_buf_c(b, '"');
    if (dataset.p) rend_key(w, "datasetId"), jd_json_write_str(b, dataset);
    rend_key(w, temporal_list(spoken(w, k) ? JD_PROPERTY : k));
    jd_buf_c(b, '[');
}

static void pair(writer *w, const jd_inst *i, jd_timeprop p, jd_str before, jd_str behind) {
    jd_buf *b = w->b;
    jd_str tag;
    jd_node value = i->a.value;
    jd_buf_str(b, before);
    if (i->deleted) {
        jd_buf_z(b, gone(w, &i->a));
    } else {
        rend_language(w, &i->a, &tag, &value);
        rend_node(w, value);
    }
    jd_buf_str(b, behind);
    jd_time t = jd_inst_time(i, p);
    if (t == JD_TIME_NONE) t = i->at;
    rend_time(b, t, p == JD_TP_OBSERVED && i->observed ? i->a.observed_digits : -1);
    jd_buf_c(b, ']');
}

static int same_line(const jd_inst *a, const jd_inst *b) {
    return a->dataset == b->dataset && a->a.kind == b->a.kind;
}

/* Instances of one datasetId and kind, in order: from `at` on, where next leads (NULL: to the one behind it). */
static void line(writer *w, const jd_trender *r, const jd_tattr *t, size_t at, const uint32_t *next) {
    const jd_inst *i = &t->inst[at];
    jd_kind like = spoken(w, i->a.kind) ? JD_PROPERTY : i->a.kind;
    jd_str before = jd_str_of(wraps[like].before), behind = jd_str_of(wraps[like].behind);
    list_open(w, i->a.kind, i->a.dataset);
    for (size_t first = at; at < t->n; at = next ? next[at] : at + 1) {
        if (at != first) jd_buf_c(w->b, ',');
        pair(w, &t->inst[at], r->property, before, behind);
    }
    jd_buf_z(w->b, "]}");
}

/* One object, or an array with one for each datasetId; the default one first. */
static void lines(writer *w, const jd_trender *r, const jd_tattr *t) {
    jd_buf *b = w->b;
    size_t n = 1;
    while (n < t->n && same_line(&t->inst[n], &t->inst[n - 1])) n++;
    if (n == t->n) {
        line(w, r, t, 0, NULL);
        return;
    }
    /* heads: the first instance of each line; last: where it ends so far; places: a table of lines */
    size_t cap = 16, heads = 0;
    while (cap < t->n * 2) cap *= 2;
    uint32_t *next = jd_arena_alloc(r->base.arena, t->n * sizeof *next),
             *head = jd_arena_alloc(r->base.arena, t->n * sizeof *head),
             *last = jd_arena_alloc(r->base.arena, t->n * sizeof *last),
             *places = JD_NEWN(r->base.arena, uint32_t, cap);
    for (size_t i = 0; i < t->n; i++) {
        const jd_inst *one = &t->inst[i];
        size_t at = (one->dataset * UINT64_C(0x9e3779b97f4a7c15) >> 32) + (size_t)one->a.kind;
        for (at &= cap - 1; places[at] && !same_line(one, &t->inst[head[places[at] - 1]]);) at = (at + 1) & (cap - 1);
        if (places[at]) {
            next[last[places[at] - 1]] = (uint32_t)i;
        } else {
            head[heads] = (uint32_t)i;
            places[at] = (uint32_t)++heads;
        }
        last[places[at] - 1] = (uint32_t)i;
        next[i] = UINT32_MAX;
    }
    jd_buf_c(b, '[');
    int first = 1;
    for (int named = 0; named < 2; named++)
        for (size_t k = 0; k < heads; k++) {
            if (named != (t->inst[head[k]].a.dataset.p != NULL)) continue;
            rend_comma(b, &first);
            line(w, r, t, head[k], next);
        }
    jd_buf_c(b, ']');
}

/* Nothing of it stands on this page. */
static void empty_lines(writer *w, const jd_tattr *t) {
    jd_buf *b = w->b;
    size_t n = t->pages_datasets_n;
    if (n > 1) jd_buf_c(b, '[');
    for (size_t i = 0; i < (n ? n : 1); i++) {
        if (i) jd_buf_c(b, ',');
        list_open(w, t->kind, n ? t->pages_datasets[i] : (jd_str){NULL, 0});
        jd_buf_z(b, "]}");
    }
    if (n > 1) jd_buf_c(b, ']');
}

/* ---- entities ---- */

static writer begin(const jd_render *r, const jd_doc *d, jd_buf *out, int *first) {
    writer w = {.r = r, .b = out, .created = d->created, .proj = r->proj};
    *first = 1;
    jd_buf_c(out, '{');
    if (jd_proj_member(w.proj, JD_M_ID))
        rend_comma(out, first), jd_buf_z(out, "\"id\":"), jd_json_write_str(out, d->id);
    rend_types(&w, d, first);
    rend_times(&w, d, first);
    return w;
}

static void end(writer *w, int *first) {
    if (w->r->with_context) {
        rend_comma(w->b, first);
        jd_buf_z(w->b, "\"@context\":");
        jd_render_context(w->r->ctx, w->b);
    }
    jd_buf_c(w->b, '}');
}

void jd_render_evolution(const jd_trender *r, const jd_evolution *e, jd_buf *out) {
    int first;
    writer w = begin(&r->base, &e->doc, out, &first);
    if (e->deleted != JD_TIME_NONE && jd_proj_member(w.proj, JD_M_MODIFIED))
        rend_comma(out, &first), jd_buf_z(out, "\"deletedAt\":"), rend_time(out, e->deleted, -1);
    for (size_t i = 0; i < e->attrs_n; i++) {
        const jd_tattr *t = &e->attrs[i];
        if (!shown(&w, t->name)) continue;
        attr_key(&w, t->name, &first);
        if (!r->values)
            instances(&w, t);
        else if (t->n)
            lines(&w, r, t);
        else
            empty_lines(&w, t);
    }
    end(&w, &first);
}

/* ---- the aggregated form ---- */

/* One method's list; 0 and nothing written when it is eligible in no period. */
static int method(writer *w, const jd_taggr *t, unsigned which) {
    jd_buf *b = w->b;
    size_t start = b->n;
    int any = 0;
    rend_key(w, temporal_method(which));
    jd_buf_c(b, '[');
    for (size_t i = 0; i < t->n; i++) {
        size_t before = b->n;
        jd_buf_z(b, any ? ",[" : "[");
        if (jd_acc_print(t->bucket[i].acc, which, b)) {
            b->n = before;
            continue;
        }
        any = 1;
        jd_buf_c(b, ',');
        rend_time(b, t->bucket[i].start, -1);
        jd_buf_c(b, ',');
        rend_time(b, t->bucket[i].end, -1);
        jd_buf_c(b, ']');
    }
    jd_buf_c(b, ']');
    if (!any) b->n = start;
    return any;
}

static int aggregate(writer *w, const jd_taggr *t, unsigned methods) {
    jd_buf *b = w->b;
    size_t start = b->n;
    int any = 0;
    jd_buf_z(b, "{\"type\":\"");
    jd_buf_z(b, jd_kind_name(t->kind));
    jd_buf_c(b, '"');
    if (t->dataset.p) rend_key(w, "datasetId"), jd_json_write_str(b, t->dataset);
    for (unsigned m = 1; m <= JD_AGG_ALL; m *= 2)
        if (methods & m) any |= method(w, t, m);
    jd_buf_c(b, '}');
    if (!any) b->n = start;
    return any;
}

void jd_render_aggregated(const jd_trender *r, const jd_doc *d, const jd_taggr *list, size_t n, unsigned methods,
                          jd_buf *out) {
    int first;
    writer w = begin(&r->base, d, out, &first);
    for (size_t i = 0, to; i < n; i = to) {
        for (to = i + 1; to < n && list[to].name == list[i].name;) to++;
        if (!shown(&w, list[i].name)) continue;
        size_t start = out->n;
        int was_first = first, written = 0;
        attr_key(&w, list[i].name, &first);
        size_t open = out->n;
        for (size_t k = i; k < to; k++) {
            size_t before = out->n;
            if (written) jd_buf_c(out, ',');
            if (aggregate(&w, &list[k], methods))
                written++;
            else
                out->n = before;
        }
        if (!written) {
            out->n = start;
            first = was_first;
        } else if (written > 1) {
            jd_buf_room(out, 2);
            memmove(out->p + open + 1, out->p + open, out->n - open);
            out->p[open] = '[';
            out->n++;
            jd_buf_c(out, ']');
        }
    }
    end(&w, &first);
}
