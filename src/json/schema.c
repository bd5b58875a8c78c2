/* A schema's text made into nodes. What is not known here is an error, so that no word of a schema goes unchecked. */
#include "json/schema_int.h"

#include <stdlib.h>

typedef struct compiling {
    jd_schema *s;
    jd_err *err;
    jd_buf path;
    uint32_t depth;
} compiling;

enum { DEPTH_MAX = 64 };

static int bad(compiling *c, const char *what) {
    jd_fail(c->err, JD_E_INTERNAL, "schema: %s", "模式：%s", what);
    return jd_fail_at(c->err, "%.*s", c->path.n > 190 ? 190 : (int)c->path.n, c->path.n ? c->path.p : "");
}

static int node_of(compiling *c, const jd_jval *v, schema_node **out);
static int fill(compiling *c, const jd_jval *v, schema_node *n);

/* ---- keywords by the shape of their value ---- */

static int types_of(compiling *c, const jd_jval *v, schema_node *n) {
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"null", T_NULL},     {"boolean", T_BOOLEAN}, {"integer", T_INTEGER}, {"number", T_NUMBER},
                 {"string", T_STRING}, {"array", T_ARRAY},     {"object", T_OBJECT}};
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    uint32_t many = v->type == JD_JARR ? v->n : 1;
    for (uint32_t i = 0; i < many; i++) {
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !jd_jis(&items[i], known[k].name)) k++;
        if (k == sizeof known / sizeof *known) return bad(c, "there is no such type");
        n->types |= known[k].bit;
    }
    return many ? 0 : bad(c, "no type");
}

static int count_of(compiling *c, const jd_jval *v, uint32_t *out) {
    double d = v->type == JD_JNUM ? jd_jnum(v) : -1;
    if (!(d >= 0 && d < UINT32_MAX) || d != (double)(uint32_t)d) return bad(c, "must be a whole number");
    *out = (uint32_t)d;
    return 0;
}

static int bound(compiling *c, const jd_jval *v, double *to, int *has, int *out, int exclusive) {
    if (v->type != JD_JNUM) return bad(c, "must be a number");
    if (*has) return bad(c, "a bound with and without its end");
    *to = jd_jnum(v);
    *has = 1;
    *out = exclusive;
    return 0;
}

static int regex_of(compiling *c, jd_str text, void **out) {
    jd_schema *s = c->s;
    jd_err why = {0};
    if (!s->re) return bad(c, "patterns are not to be had here");
    if (s->re->compile(&s->arena, text, out, &why)) return bad(c, why.en);
    if (s->regexes_n == s->regexes_cap) {
        s->regexes_cap = s->regexes_cap ? s->regexes_cap * 2 : 16;
        s->regexes = jd_xrealloc(s->regexes, s->regexes_cap * sizeof *s->regexes);
    }
    s->regexes[s->regexes_n++] = *out;
    return 0;
}

static int list_of(compiling *c, const jd_jval *v, schema_list *out) {
    if (v->type != JD_JARR || !v->n) return bad(c, "must be an array of schemas");
    out->v = JD_NEWN(&c->s->arena, schema_node *, v->n);
    out->n = v->n;
    for (uint32_t i = 0; i < v->n; i++)
        if (node_of(c, &v->items[i], &out->v[i])) return -1;
    return 0;
}

static int props_of(compiling *c, const jd_jval *v, schema_prop **out, uint32_t *n, int patterns) {
    if (v->type != JD_JOBJ) return bad(c, "must be an object of schemas");
    *out = JD_NEWN(&c->s->arena, schema_prop, v->n + 1);
    *n = v->n;
    for (uint32_t i = 0; i < v->n; i++) {
        schema_prop *p = &(*out)[i];
        p->name = v->members[i].name;
        if ((patterns && regex_of(c, p->name, &p->re)) || node_of(c, &v->members[i].val, &p->node)) return -1;
    }
    return 0;
}

static int names_of(compiling *c, const jd_jval *v, const jd_jval **out) {
    int ok = v->type == JD_JARR;
    for (uint32_t i = 0; ok && i < v->n; i++) ok = v->items[i].type == JD_JSTR;
    *out = v;
    return ok ? 0 : bad(c, "must be an array of names");
}

static int ref_of(compiling *c, const jd_jval *v, schema_node **out) {
    static const char to[] = "#/$defs/";
    jd_schema *s = c->s;
    jd_str ref = v->type == JD_JSTR ? jd_jstr(v) : (jd_str){"", 0};
    *out = jd_str_is(ref, "#") ? s->top : NULL;
    if (jd_str_starts(ref, JD_STR("#/$defs/"))) {
        jd_str name = {ref.p + sizeof to - 1, ref.n - sizeof to + 1};
        for (uint32_t i = 0; i < s->defs_n; i++)
            if (jd_str_eq(s->defs[i].name, name)) *out = s->defs[i].node;
    }
    return *out ? 0 : bad(c, "refers to nothing here");
}

/* ---- one keyword ---- */

static int is_note(jd_str word) {
    static const char *const notes[] = {"title", "description", "$comment", "default", "examples"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (jd_str_is(word, notes[i])) return 1;
    return 0;
}

/* 1: it was one of these. */
static int inner(compiling *c, jd_str word, const jd_jval *v, schema_node *n, int *rc) {
    const struct {
        const char *word;
        schema_node **to;
    } nodes[] = {{"additionalProperties", &n->additional},
                 {"propertyNames", &n->names},
                 {"items", &n->items},
                 {"not", &n->no},
                 {"if", &n->cond},
                 {"then", &n->then},
                 {"else", &n->other}};
    const struct {
        const char *word;
        schema_list *to;
    } lists[] = {{"prefixItems", &n->prefix}, {"allOf", &n->all}, {"anyOf", &n->any}, {"oneOf", &n->one}};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (jd_str_is(word, nodes[i].word)) return *rc = node_of(c, v, nodes[i].to), 1;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (jd_str_is(word, lists[i].word)) return *rc = list_of(c, v, lists[i].to), 1;
    if (jd_str_is(word, "properties")) return *rc = props_of(c, v, &n->props, &n->props_n, 0), 1;
    if (jd_str_is(word, "patternProperties")) return *rc = props_of(c, v, &n->patterns, &n->patterns_n, 1), 1;
    if (jd_str_is(word, "$ref")) return *rc = ref_of(c, v, &n->ref), 1;
    return 0;
}

/* 1: it was one of these. */
static int counts(compiling *c, jd_str word, const jd_jval *v, schema_node *n, int *rc) {
    const struct {
        const char *word;
        uint32_t *to;
    } known[] = {{"minLength", &n->len_least},         {"maxLength", &n->len_most},
                 {"minItems", &n->items_least},        {"maxItems", &n->items_most},
                 {"minProperties", &n->members_least}, {"maxProperties", &n->members_most}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (jd_str_is(word, known[i].word)) return *rc = count_of(c, v, known[i].to), 1;
    return 0;
}

static int keyword(compiling *c, jd_str word, const jd_jval *v, schema_node *n) {
    int rc = 0;
    if (is_note(word) || inner(c, word, v, n, &rc) || counts(c, word, v, n, &rc)) return rc;
    if (jd_str_is(word, "type")) return types_of(c, v, n);
    if (jd_str_is(word, "enum")) return n->enums = v, v->type == JD_JARR && v->n ? 0 : bad(c, "must be an array");
    if (jd_str_is(word, "const")) return n->constant = v, 0;
    if (jd_str_is(word, "required")) return names_of(c, v, &n->required);
    if (jd_str_is(word, "minimum")) return bound(c, v, &n->least, &n->has_least, &n->least_out, 0);
    if (jd_str_is(word, "exclusiveMinimum")) return bound(c, v, &n->least, &n->has_least, &n->least_out, 1);
    if (jd_str_is(word, "maximum")) return bound(c, v, &n->most, &n->has_most, &n->most_out, 0);
    if (jd_str_is(word, "exclusiveMaximum")) return bound(c, v, &n->most, &n->has_most, &n->most_out, 1);
    if (jd_str_is(word, "uniqueItems")) return n->unique = v->type == JD_JTRUE, 0;
    if (jd_str_is(word, "pattern")) {
        n->pattern_text = v->type == JD_JSTR ? jd_jstr(v) : (jd_str){"", 0};
        return v->type == JD_JSTR ? regex_of(c, jd_jstr(v), &n->pattern) : bad(c, "must be a string");
    }
    if (c->depth == 1 && (jd_str_is(word, "$defs") || jd_str_is(word, "$schema") || jd_str_is(word, "$id"))) return 0;
    return bad(c, "is no keyword that is checked here");
}

static int fill(compiling *c, const jd_jval *v, schema_node *n) {
    n->len_most = n->items_most = n->members_most = UINT32_MAX;
    if (v->type == JD_JTRUE || v->type == JD_JFALSE) {
        n->boolean = v->type == JD_JTRUE ? 1 : -1;
        return 0;
    }
    if (v->type != JD_JOBJ) return bad(c, "a schema is an object, or true or false");
    if (++c->depth > DEPTH_MAX) return bad(c, "too deep");
    for (uint32_t i = 0; i < v->n; i++) {
        size_t was = c->path.n;
        jd_buf_printf(&c->path, "%s%.*s", was ? "." : "", JD_STR_ARG(v->members[i].name));
        if (keyword(c, v->members[i].name, &v->members[i].val, n)) return -1;
        c->path.n = was;
    }
    c->depth--;
    if (!n->cond && (n->then || n->other)) return bad(c, "then and else need an if");
    return 0;
}

static int node_of(compiling *c, const jd_jval *v, schema_node **out) {
    *out = JD_NEW(&c->s->arena, schema_node);
    return fill(c, v, *out);
}

/* ---- the whole ---- */

static int whole(compiling *c, jd_str text) {
    jd_schema *s = c->s;
    jd_err why = {0};
    if (jd_json_parse(&s->arena, jd_arena_dup(&s->arena, text), NULL, &s->root, &why)) return bad(c, why.en);
    const jd_jval *defs = jd_jget(&s->root, "$defs");
    s->top = JD_NEW(&s->arena, schema_node);
    if (defs && defs->type != JD_JOBJ) return bad(c, "$defs must be an object");
    s->defs_n = defs ? defs->n : 0;
    s->defs = JD_NEWN(&s->arena, schema_prop, s->defs_n + 1);
    for (uint32_t i = 0; i < s->defs_n; i++) /* first all of them, since they may refer to each other */
        s->defs[i] = (schema_prop){.name = defs->members[i].name, .node = JD_NEW(&s->arena, schema_node)};
    for (uint32_t i = 0; i < s->defs_n; i++) {
        c->depth = 1;
        c->path.n = 0;
        jd_buf_printf(&c->path, "$defs.%.*s", JD_STR_ARG(s->defs[i].name));
        if (fill(c, &defs->members[i].val, s->defs[i].node)) return -1;
    }
    c->depth = 0;
    c->path.n = 0;
    return fill(c, &s->root, s->top);
}

int jd_schema_compile(jd_str text, const jd_schema_regex *re, jd_schema **out, jd_err *err) {
    jd_schema *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    s->re = re;
    compiling c = {.s = s, .err = err};
    int rc = whole(&c, text);
    jd_buf_fini(&c.path);
    if (rc)
        jd_schema_free(s);
    else
        *out = s;
    return rc;
}

void jd_schema_free(jd_schema *s) {
    if (!s) return;
    for (size_t i = 0; i < s->regexes_n; i++) s->re->fini(s->regexes[i]);
    free(s->regexes);
    jd_arena_fini(&s->arena);
    free(s);
}
