/* What the tests of the question languages share: a store of names, a context like that of the ETSI suite, documents
 * from JSON texts, and one-line answers to "does this text hold for this document". */
#ifndef QUERY_TEST_H
#define QUERY_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/entity.h"
#include "model/query.h"

typedef struct world {
    jd_arena arena;
    jd_symtab *symbols;
    jd_contexts *registry;
    jd_context *ctx;
    jd_doc docs[64];
    size_t docs_n;
    jd_err err;
} world;

#define TS "https://ngsi-ld-test-suite/context#"
/* Terms as in resources/jsonld-contexts of the suite, and a prefix. */
static const char suite_context[] =
    "{\"Building\":\"" TS "Building\",\"Vehicle\":\"" TS "Vehicle\",\"OffStreetParking\":\"" TS "OffStreetParking\","
    "\"airQualityLevel\":\"" TS "airQualityLevel\",\"almostFull\":\"" TS "almostFull\",\"brandName\":\"" TS
    "brandName\","
    "\"fuelLevel\":\"" TS "fuelLevel\",\"name\":\"" TS "name\",\"source\":\"" TS "source\",\"speed\":\"" TS "speed\","
    "\"subCategory\":\"" TS "subCategory\",\"ex\":\"https://example.org/v1.2/\"}";

static inline void world_begin(world *w) {
    memset(w, 0, sizeof *w);
    jd_arena_init(&w->arena);
    w->symbols = jd_symtab_create(0);
    jd_contexts_opts opts = {.no_fetch = 1};
    w->registry = jd_contexts_create(w->symbols, &opts, &w->err);
    assert_non_null(w->registry);
    jd_jval value;
    assert_int_equal(jd_json_parse(&w->arena, jd_str_of(suite_context), NULL, &value, &w->err), 0);
    if (jd_contexts_get(w->registry, &value, 1, &w->ctx, &w->err)) fail_msg("context: %s", w->err.en);
}

static inline void world_end(world *w) {
    jd_ctx_unref(w->ctx);
    jd_contexts_destroy(w->registry);
    jd_symtab_destroy(w->symbols);
    jd_arena_fini(&w->arena);
}

static inline jd_names names_of(world *w) {
    return (jd_names){&w->arena, w->ctx, w->symbols};
}

static inline void stamp(jd_attr *a, uint32_t n, jd_time t) {
    for (uint32_t i = 0; i < n; i++) {
        a[i].created = a[i].modified = t;
        stamp(a[i].subs, a[i].subs_n, t);
    }
}

static inline jd_time time_at(const char *text) {
    jd_time t;
    assert_int_equal(jd_time_parse(jd_str_of(text), &t, NULL), 0);
    return t;
}

/* An entity in normalized or concise JSON, created and last changed at the given times; it is kept in w->docs as well.
 */
static inline const jd_doc *doc_at(world *w, const char *json, jd_time created, jd_time modified) {
    jd_jval v;
    jd_ent e;
    jd_buf b = {0};
    jd_parse in = {.arena = &w->arena, .ctx = w->ctx, .symbols = w->symbols};
    if (jd_json_parse(&w->arena, jd_str_of(json), NULL, &v, &w->err)) fail_msg("%s\n  %s", json, w->err.en);
    if (jd_ent_parse(&in, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &e, &w->err))
        fail_msg("%s\n  %s: %s", json, w->err.place, w->err.en);
    e.created = created;
    e.modified = modified;
    stamp(e.attrs, e.attrs_n, created);
    if (e.attrs_n) e.attrs[e.attrs_n - 1].modified = modified;
    assert_int_equal(jd_doc_encode(&e, w->symbols, &b, &w->err), 0);
    jd_str bytes = jd_arena_dup(&w->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    assert_int_equal(jd_doc_check(bytes, jd_symtab_count(w->symbols), &w->err), 0);
    assert_true(w->docs_n < sizeof w->docs / sizeof *w->docs);
    jd_doc *d = &w->docs[w->docs_n++];
    jd_doc_open(d, bytes);
    return d;
}

static inline const jd_doc *doc_of(world *w, const char *json) {
    jd_time t = time_at("2026-01-01T00:00:00Z");
    return doc_at(w, json, t, t);
}

/* Linked entities are those of the world. */
static inline int open_linked(void *user, jd_str id, jd_doc *out) {
    world *w = user;
    for (size_t i = 0; i < w->docs_n; i++)
        if (jd_str_eq(w->docs[i].id, id)) {
            *out = w->docs[i];
            return 1;
        }
    return 0;
}

/* 1, 0, or -1 when the text is refused (w->err says why). */
static inline int q_with(world *w, const jd_doc *d, const char *text, const jd_qopts *opts) {
    jd_names n = names_of(w);
    jd_q *q;
    if (jd_q_compile(&n, jd_str_of(text), opts, &q, &w->err)) return -1;
    jd_qenv env = {w->symbols, w, open_linked};
    int got = jd_q_test(q, d, &env);
    jd_q_fini(q);
    return got;
}

static inline int q_on(world *w, const jd_doc *d, const char *text) {
    return q_with(w, d, text, NULL);
}

/* How many of the world's documents it holds for; -1 when it is refused. */
static inline int q_count(world *w, const char *text) {
    int n = 0;
    for (size_t i = 0; i < w->docs_n; i++) {
        int got = q_on(w, &w->docs[i], text);
        if (got < 0) return -1;
        n += got;
    }
    return n;
}

static inline jd_sym sym_of(world *w, const char *term) {
    return jd_sym_find(w->symbols, jd_ctx_expand(w->ctx, &w->arena, jd_str_of(term)));
}

/* A fixed sequence for random tests: the same on every run. */
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}
#endif
