/* What the tests of @context share: a symbol table, a registry, an arena, and short ways to ask. */
#ifndef CONTEXT_TEST_H
#define CONTEXT_TEST_H
#include "model/context_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CORE "https://uri.etsi.org/ngsi-ld/"
#define DEFAULT CORE "default-context/"
#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct bench {
    jd_symtab *symbols;
    jd_contexts *r;
    jd_arena a;
    jd_err err;
} bench;

static inline void begin(bench *t, const jd_contexts_opts *o) {
    static const jd_contexts_opts closed = {.no_fetch = 1};
    memset(t, 0, sizeof *t);
    jd_arena_init(&t->a);
    t->symbols = jd_symtab_create(0);
    t->r = jd_contexts_create(t->symbols, o ? o : &closed, &t->err);
    if (!t->r) print_error("%s (%s)\n", t->err.en, t->err.place);
    assert_non_null(t->r);
}

static inline void end(bench *t) {
    jd_contexts_destroy(t->r);
    jd_symtab_destroy(t->symbols);
    jd_arena_fini(&t->a);
}

static inline int ask(bench *t, const char *json, int may_block, jd_context **c) {
    jd_jval v;
    t->err = (jd_err){0};
    if (jd_json_parse(&t->a, jd_arena_dup(&t->a, jd_str_of(json)), NULL, &v, &t->err))
        fail_msg("%s: %s", json, t->err.en);
    return jd_contexts_get(t->r, &v, may_block, c, &t->err);
}

static inline jd_context *must_get(bench *t, const char *json) {
    jd_context *c = NULL;
    int rc = ask(t, json, 1, &c);
    if (rc) print_error("%s\n  %s (%s)\n", json, t->err.en, t->err.place);
    assert_int_equal(rc, 0);
    return c;
}

static inline void assert_str(jd_str got, const char *want) {
    if (!want) {
        assert_null(got.p);
        return;
    }
    if (!got.p) fail_msg("null where \"%s\" was expected", want);
    if (!jd_str_is(got, want)) fail_msg("\"%.*s\" where \"%s\" was expected", JD_STR_ARG(got), want);
}
#endif
