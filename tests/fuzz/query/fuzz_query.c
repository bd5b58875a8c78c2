/* Any text, as one of the question languages (the first byte says which): it is refused with a reason and a place, or
 * it compiles, answers on a few documents with yes or no, and says the same when asked again. */
#include "model/entity.h"
#include "model/query.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth) {
    if (!truth) abort();
}

enum { DOCS = 3 };

static struct {
    jd_arena arena;
    jd_symtab *symbols;
    jd_contexts *registry;
    jd_context *ctx;
    jd_doc docs[DOCS];
} w; /* made once, kept to the end */

static void begin(void) {
    static const char *const texts[DOCS] = {
        "{\"id\":\"urn:a\",\"type\":\"T\",\"scope\":[\"/a/b\",\"/"
        "c\"],\"n\":{\"type\":\"Property\",\"value\":5,\"unitCode\":\"CEL\",\"observedAt\":\"2026-01-01T00:00:00Z\","
        "\"s\":{\"type\":\"Property\",\"value\":{\"k\":[1,\"x\",true]}}},\"l\":{\"type\":\"LanguageProperty\","
        "\"languageMap\":{\"en\":[\"a\",\"b\"],\"zh\":\"京口\"}},"
        "\"r\":{\"type\":\"Relationship\",\"object\":[\"urn:b\",\"urn:a\"]},\"v\":{\"type\":\"VocabProperty\","
        "\"vocab\":\"n\"}}",
        "{\"id\":\"urn:b\",\"type\":[\"T\",\"U\"],\"n\":[{\"type\":\"Property\",\"value\":1.5},{\"type\":\"Property\","
        "\"value\":\"x\",\"datasetId\":\"urn:d\"}],"
        "\"r\":{\"type\":\"ListRelationship\",\"objectList\":[\"urn:a\",\"urn:c\"]},\"o\":{\"type\":\"Property\","
        "\"value\":{\"k\":\"2026-01-01\",\"m\":{\"k\":\"08:00:00Z\"}}}}",
        "{\"id\":\"urn:c\",\"type\":\"U\",\"n\":{\"type\":\"Property\",\"value\":\"2026-01-01T00:00:00.5Z\"},"
        "\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[1,2]}},"
        "\"j\":{\"type\":\"JsonProperty\",\"json\":{\"id\":null,\"k\":[]}},\"p\":{\"type\":\"ListProperty\","
        "\"valueList\":[1,2]}}",
    };
    jd_arena_init(&w.arena);
    w.symbols = jd_symtab_create(0);
    jd_contexts_opts opts = {.no_fetch = 1};
    w.registry = jd_contexts_create(w.symbols, &opts, NULL);
    must(w.registry != NULL);
    w.ctx = jd_contexts_core(w.registry);
    jd_parse in = {.arena = &w.arena, .ctx = w.ctx, .symbols = w.symbols};
    for (int i = 0; i < DOCS; i++) {
        jd_jval v;
        jd_ent e;
        jd_buf b = {0};
        must(jd_json_parse(&w.arena, jd_str_of(texts[i]), NULL, &v, NULL) == 0);
        must(jd_ent_parse(&in, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &e, NULL) == 0);
        e.created = e.modified = 1767225600000000 + i;
        for (uint32_t k = 0; k < e.attrs_n; k++) {
            e.attrs[k].created = e.attrs[k].modified = e.created;
            for (uint32_t s = 0; s < e.attrs[k].subs_n; s++)
                e.attrs[k].subs[s].created = e.attrs[k].subs[s].modified = e.created;
        }
        must(jd_doc_encode(&e, w.symbols, &b, NULL) == 0);
        jd_doc_open(&w.docs[i], jd_arena_dup(&w.arena, jd_buf_view(&b)));
        jd_buf_fini(&b);
    }
}

static int linked(void *user, jd_str id, jd_doc *out) {
    (void)user;
    for (int i = 0; i < DOCS; i++)
        if (jd_str_eq(w.docs[i].id, id)) {
            *out = w.docs[i];
            return 1;
        }
    return 0;
}

static void refused(const char *what, const jd_err *err, jd_arena *a) {
    jd_jval v;
    jd_buf zh = {0};
    must(err->code == JD_E_BAD_REQUEST_DATA || err->code == JD_E_TOO_COMPLEX_QUERY);
    must(err->en[0] && err->zh[0] && strncmp(err->place, what, strlen(what)) == 0);
    jd_json_write_str(&zh, jd_str_of(err->zh)); /* a reason is UTF-8, so it is a JSON string */
    must(jd_json_parse(a, jd_buf_view(&zh), NULL, &v, NULL) == 0);
    jd_buf_fini(&zh);
}

static void ask_q(const jd_names *n, jd_str text, jd_err *err) {
    jd_q *q;
    jd_qopts opts = {.expand_values = JD_STR("v,o"), .json_keys = JD_STR("j")};
    if (jd_q_compile(n, text, text.n % 2 ? &opts : NULL, &q, err)) {
        refused("q, column ", err, n->arena);
        return;
    }
    jd_qenv env = {w.symbols, NULL, linked};
    jd_qhint hints[4];
    jd_sym attrs[4];
    int whole;
    size_t h = jd_q_hints(q, hints, 4, &whole);
    must(h <= 4 && jd_q_attrs(q, attrs, 4) <= 4 && jd_q_links(q) <= 10);
    for (int i = 0; i < DOCS; i++) {
        int got = jd_q_test(q, &w.docs[i], &env);
        must((got == 0 || got == 1) && got == jd_q_test(q, &w.docs[i], &env));
        for (size_t k = 0; k < h; k++) /* what all hints ask for must be there */
            must(!got || (hints[k].attr && jd_doc_attr(&w.docs[i], hints[k].attr, &(jd_attrview){0}, NULL)));
    }
    jd_q_fini(q);
}

static void ask_proj(const jd_names *n, jd_str text, int which, jd_err *err) {
    static const char *const names[] = {"attrs", "pick", "omit"};
    jd_str none = {NULL, 0};
    jd_proj *p;
    if (jd_proj_compile(n, which == 0 ? text : none, which == 1 ? text : none, which == 2 ? text : none, &p, err)) {
        refused(names[which], err, n->arena);
        return;
    }
    must(p && jd_proj_links(p) <= 10);
    for (int i = 0; i < DOCS; i++) {
        jd_bytes rest = w.docs[i].attrs;
        jd_attrview v;
        int some = 0;
        while (jd_attr_next(&rest, w.docs[i].created, &v)) {
            some |= jd_proj_attr(p, v.name);
            const jd_proj *inner = jd_proj_nested(p, v.name);
            must(!inner || jd_proj_links(inner) < jd_proj_links(p));
        }
        must(!some || jd_proj_keeps(p, &w.docs[i]));
    }
}

static void ask_order(const jd_names *n, jd_str text, jd_str collation, jd_err *err) {
    jd_order *o;
    if (jd_order_compile(n, text, collation, &o, err)) {
        refused(strncmp(err->place, "coll", 4) == 0 ? "collation" : "orderBy, column ", err, n->arena);
        return;
    }
    const jd_orderkey *k[DOCS];
    for (int i = 0; i < DOCS; i++) k[i] = jd_order_key(o, &w.docs[i], w.symbols, i == 2 ? 7 : NAN, n->arena);
    for (int i = 0; i < DOCS; i++)
        for (int j = 0; j < DOCS; j++) must(jd_order_cmp(o, k[i], k[j]) == -jd_order_cmp(o, k[j], k[i]));
    jd_order_fini(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!w.symbols) begin();
    if (!size) return 0;
    jd_str text = {(const char *)data + 1, size - 1};
    jd_arena a;
    jd_arena_init(&a);
    jd_names n = {&a, w.ctx, w.symbols};
    jd_err err = {0};
    jd_typeq *t;
    jd_scopeq *s;
    jd_regex *r;
    jd_sym types[4];
    uint32_t known = jd_symtab_count(w.symbols);
    switch (data[0]) {
    case 's':
        if (jd_scopeq_compile(&n, text, &s, &err))
            refused("scopeQ, column ", &err, &a);
        else
            for (int i = 0; i < DOCS; i++) must(!jd_scopeq_test(s, &w.docs[i]) || w.docs[i].scopes_n);
        break;
    case 't':
        if (jd_typeq_compile(&n, text, &t, &err)) {
            refused("type, column ", &err, &a);
        } else {
            int k = jd_typeq_any_of(t, types, 4);
            must(k == -1 || (k >= 1 && k <= 4));
            for (int i = 0; i < DOCS; i++) {
                int one = k < 0;
                for (int x = 0; x < k; x++) one |= types[x] && jd_doc_has_type(&w.docs[i], types[x]);
                must(!jd_typeq_test(t, &w.docs[i]) || one);
            }
        }
        break;
    case 'a': ask_proj(&n, text, 0, &err); break;
    case 'p': ask_proj(&n, text, 1, &err); break;
    case 'o': ask_proj(&n, text, 2, &err); break;
    case 'b': ask_order(&n, text, (jd_str){NULL, 0}, &err); break;
    case 'c': ask_order(&n, JD_STR("n,id"), text, &err); break;
    case 'r':
        if (jd_regex_compile(&a, text, &r, &err)) {
            refused("idPattern, column ", &err, &a);
        } else {
            for (int i = 0; i < DOCS; i++) {
                int got = jd_regex_test(r, w.docs[i].id);
                must((got == 0 || got == 1) && got == jd_regex_test(r, w.docs[i].id));
            }
            jd_regex_fini(r);
        }
        break;
    default: ask_q(&n, text, &err);
    }
    must(jd_symtab_count(w.symbols) == known); /* questions make no names known */
    jd_arena_fini(&a);
    return 0;
}
