/* What the tests of the temporal representation share: JSON in, an evolution as the engine makes it, JSON out. */
#ifndef TEMPORAL_TEST_H
#define TEMPORAL_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/temporal.h"

#include <stdio.h>
#include <stdlib.h>

static jd_symtab *symbols;
static jd_contexts *contexts;
static jd_arena arena;
static const jd_time NOW = 1700000000123456; /* 2023-11-14T22:13:20.123456Z */
#define NOW_TEXT "2023-11-14T22:13:20.123456Z"

static int setup(void **state) {
    (void)state;
    symbols = jd_symtab_create(0);
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(symbols, &o, NULL);
    jd_arena_init(&arena);
    return contexts ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    jd_contexts_destroy(contexts);
    jd_symtab_destroy(symbols);
    jd_arena_fini(&arena);
    return 0;
}

static inline jd_parse parse_opts(void) {
    return (jd_parse){.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
}

/* JSON in these tests is written with ' for ". */
static inline const char *quoted(const char *text) {
    jd_str s = jd_arena_dup(&arena, jd_str_of(text));
    char *p = jd_arena_alloc(&arena, s.n + 1);
    for (size_t i = 0; i <= s.n; i++) p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return p;
}

static inline jd_str as_json(jd_buf *b) {
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i] == '\'') b->p[i] = '"';
    return jd_buf_view(b);
}

static inline jd_jval json(const char *text) {
    jd_jval v;
    jd_err err = {0};
    if (jd_json_parse(&arena, jd_str_of(quoted(text)), NULL, &v, &err)) fail_msg("%s: %s", text, err.en);
    return v;
}

static inline jd_sym sym(const char *name) {
    return jd_sym_intern(symbols, jd_arena_printf(&arena, "%s%s", JD_DEFAULT_VOCAB, name), NULL);
}

static inline jd_time at(const char *text) {
    jd_time t;
    if (jd_time_parse(jd_str_of(text), &t, NULL)) fail_msg("no DateTime: %s", text);
    return t;
}

static inline jd_ent parsed(const char *text) {
    jd_parse p = parse_opts();
    jd_jval v = json(text);
    jd_ent e;
    jd_err err = {0};
    if (jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, &err)) fail_msg("%s at %s of %s", err.en, err.place, text);
    return e;
}

/* The instances of one attribute in order of time, as their records tell them. */
static inline int older(const void *x, const void *y) {
    const jd_inst *a = x, *b = y;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return (a->a.record.p > b->a.record.p) - (a->a.record.p < b->a.record.p);
}

/* What was parsed as the engine shows it again. */
static inline jd_evolution evolved(const char *text) {
    jd_ent e = parsed(text);
    jd_evolution out = {.deleted = JD_TIME_NONE};
    e.created = e.modified = NOW;
    for (uint32_t i = 0; i < e.attrs_n; i++) e.attrs[i].created = e.attrs[i].modified = NOW;
    for (uint32_t i = 0; i < e.attrs_n; i++)
        for (uint32_t k = 0; k < e.attrs[i].subs_n; k++) e.attrs[i].subs[k].created = e.attrs[i].subs[k].modified = NOW;
    jd_buf b = {0};
    jd_err err = {0};
    if (jd_doc_encode(&e, symbols, &b, &err)) fail_msg("%s", err.en);
    jd_doc_open(&out.doc, jd_arena_dup(&arena, jd_buf_view(&b)));
    jd_buf_fini(&b);
    out.attrs = JD_NEWN(&arena, jd_tattr, e.attrs_n);
    jd_bytes rest = out.doc.attrs;
    jd_attrview v;
    while (jd_attr_next(&rest, out.doc.created, &v)) {
        jd_tattr *t = out.attrs + out.attrs_n - 1;
        if (!out.attrs_n || t->name != v.name) {
            t = &out.attrs[out.attrs_n++];
            *t = (jd_tattr){.name = v.name, .inst = JD_NEWN(&arena, jd_inst, e.attrs_n)};
        }
        int observed = v.observed != JD_TIME_NONE;
        t->inst[t->n++] = (jd_inst){.a = v,
                                    .at = observed ? v.observed : v.modified,
                                    .dataset = jd_inst_dataset_no(v.dataset),
                                    .observed = (uint8_t)observed};
    }
    for (size_t i = 0; i < out.attrs_n; i++) qsort(out.attrs[i].inst, out.attrs[i].n, sizeof(jd_inst), older);
    return out;
}

static inline jd_trender render_opts(void) {
    return (jd_trender){.base = {.ctx = jd_contexts_core(contexts), .symbols = symbols, .arena = &arena}};
}

/* The text with every instanceId taken out; *ids: how many there were. */
static inline const char *without_ids(const char *text, int *ids) {
    char *out = jd_arena_alloc(&arena, strlen(text) + 1), *to = out;
    static const char key[] = ",\"instanceId\":\"urn:";
    *ids = 0;
    while (*text) {
        if (strncmp(text, key, sizeof key - 1) == 0) {
            text = strchr(text + sizeof key - 1, '"') + 1;
            ++*ids;
        } else {
            *to++ = *text++;
        }
    }
    *to = 0;
    return out;
}

static inline const char *rendered(const jd_trender *r, const jd_evolution *e) {
    jd_buf b = {0};
    jd_render_evolution(r, e, &b);
    const char *text = jd_arena_dup(&arena, jd_buf_view(&b)).p;
    jd_buf_fini(&b);
    json(text);
    return text;
}

#define VEHICLE "'id':'urn:ngsi-ld:Vehicle:A','type':'Vehicle'"
#endif
