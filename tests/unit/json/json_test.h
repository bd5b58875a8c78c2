/* What the json tests share: a parse whose input stands in memory of exactly its size, so that a sanitizer sees a read
 * beyond it, and whose tree must not need the error. */
#ifndef JSON_TEST_H
#define JSON_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/json.h"

typedef struct parsed {
    jd_arena arena;
    char *text;
    jd_jval v;
    jd_err err;
    int rc;
} parsed;

static inline void parse_begin(parsed *d, jd_str text, const jd_jlimits *limits) {
    *d = (parsed){.rc = 0};
    jd_arena_init(&d->arena);
    d->text = jd_xmalloc(text.n ? text.n : 1);
    if (text.n) memcpy(d->text, text.p, text.n);
    d->rc = jd_json_parse(&d->arena, (jd_str){d->text, text.n}, limits, &d->v, &d->err);
}

static inline void parse_end(parsed *d) {
    jd_arena_fini(&d->arena);
    free(d->text);
}

/* A text that must parse. */
static inline jd_jval *parse_good(parsed *d, const char *text) {
    parse_begin(d, jd_str_of(text), NULL);
    if (d->rc) print_error("refused: %s\n  %s\n", text, d->err.en);
    assert_int_equal(d->rc, 0);
    return &d->v;
}

static inline void assert_str(jd_str got, jd_str want) {
    if (!jd_str_eq(got, want)) print_error("got  %.*s\nwant %.*s\n", JD_STR_ARG(got), JD_STR_ARG(want));
    assert_true(jd_str_eq(got, want));
}

/* A fixed sequence for random tests: the same on every run. */
static inline uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}
#endif
