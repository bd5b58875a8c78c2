/* A host of values that the tests set by name, and what the tests of this room say again and again. */
#ifndef EXPR_TEST_H
#define EXPR_TEST_H
#include "expr/expr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NAMES = 64, SERIES = 4 };

typedef struct world {
    jd_arena arena;
    jd_err err;
    jd_xhost host;
    struct {
        char key[96]; /* "pm25", "was pm25", "window pm25", "refPark -> capacity" */
        jd_xtype type;
        jd_xval v;
        jd_time age;
        const jd_xreading *readings;
        size_t n;
    } names[NAMES];
    uint32_t names_n;
    jd_xnames resolver;
    int calls_value, calls_readings, calls_fold;
    uint64_t max_seen;
} world;

static inline uint32_t slot(world *w, const char *key) {
    for (uint32_t i = 0; i < w->names_n; i++)
        if (!strcmp(w->names[i].key, key)) return i;
    assert_true(w->names_n < NAMES);
    snprintf(w->names[w->names_n].key, sizeof w->names[0].key, "%s", key);
    w->names[w->names_n].type = JD_X_ANY;
    w->names[w->names_n].age = JD_TIME_NONE;
    return w->names_n++;
}

static inline int resolve(void *user, const jd_xname *n, uint32_t *number, jd_xtype *type, jd_err *err) {
    world *w = user;
    char key[96];
    if (jd_str_is(n->path, "unheard"))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no such attribute: %.*s", "没有属性 %.*s", JD_STR_ARG(n->path));
    snprintf(key, sizeof key, "%s%s%.*s%s%.*s", n->was ? "was " : "", n->window ? "window " : "",
             n->via.p ? (int)n->via.n : 0, n->via.p ? n->via.p : "", n->via.p ? " -> " : "", JD_STR_ARG(n->path));
    *number = slot(w, key);
    *type = w->names[*number].type;
    return 0;
}

static inline int get_value(void *user, uint32_t number, jd_xval *out, jd_err *err) {
    world *w = user;
    w->calls_value++;
    if (!strcmp(w->names[number].key, "broken")) return jd_fail(err, JD_E_INTERNAL, "the store is gone", "存储不可用");
    *out = w->names[number].v;
    return 0;
}

static inline int get_age(void *user, uint32_t number, jd_time *at, jd_err *err) {
    (void)err;
    *at = ((world *)user)->names[number].age;
    return 0;
}

static inline int get_readings(void *user, uint32_t number, jd_time from, jd_time to, int before, uint64_t max,
                               jd_xreading **out, size_t *n, jd_err *err) {
    world *w = user;
    const jd_xreading *p = w->names[number].readings;
    size_t lo = 0, hi, all = w->names[number].n;
    w->calls_readings++;
    w->max_seen = max;
    while (lo < all && p[lo].at <= from) lo++;
    for (hi = lo; hi < all && p[hi].at <= to; hi++) {}
    if (before && lo) lo--;
    *n = hi - lo;
    if (*n > max) return jd_fail(err, JD_E_TOO_MANY_RESULTS, "more than %llu", "超过 %llu", (unsigned long long)max);
    *out = JD_NEWN(w->host.arena, jd_xreading, *n + 1);
    if (*n) memcpy(*out, p + lo, *n * sizeof *p);
    return 0;
}

static inline int get_area(void *user, jd_str id, jd_xval *out, jd_err *err) {
    world *w = user;
    (void)err;
    if (jd_str_is(id, "urn:x:port")) {
        jd_jval v;
        jd_shape *s;
        assert_int_equal(
            jd_json_parse(&w->arena,
                          JD_STR("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}"), NULL,
                          &v, NULL),
            0);
        assert_int_equal(jd_shape_read(&w->arena, &v, &s, NULL), 0);
        *out = (jd_xval){.type = JD_X_PLACE, .place = s};
    }
    return 0;
}

static inline jd_time at(const char *text) {
    jd_time t;
    assert_int_equal(jd_time_parse(jd_str_of(text), &t, NULL), 0);
    return t;
}

static inline void world_open(world *w) {
    memset(w, 0, sizeof *w);
    jd_arena_init(&w->arena);
    w->resolver = (jd_xnames){.user = w, .name = resolve};
    w->host = (jd_xhost){
        .user = w, .arena = &w->arena, .value = get_value, .age = get_age, .readings = get_readings, .area = get_area};
    w->host.now = w->host.end = at("2026-10-01T00:00:00Z");
}
static inline void world_close(world *w) {
    jd_arena_fini(&w->arena);
}

static inline void set(world *w, const char *key, jd_xval v) {
    w->names[slot(w, key)].v = v;
}
static inline jd_xval num(double v) {
    return (jd_xval){.type = JD_X_NUM, .num = v};
}
static inline jd_xval text(const char *z) {
    return (jd_xval){.type = JD_X_TEXT, .text = jd_str_of(z)};
}
static inline jd_xval yes(int v) {
    return (jd_xval){.type = JD_X_BOOL, .yes = v};
}
static inline jd_xval instant(const char *z) {
    return (jd_xval){.type = JD_X_TIME, .us = at(z)};
}
static inline jd_xval nothing(void) {
    return (jd_xval){.type = JD_X_NULL};
}

static inline jd_expr *compiled(world *w, const char *source) {
    jd_expr *x = NULL;
    if (jd_expr_compile(jd_str_of(source), &w->resolver, JD_X_ANY, NULL, &x, &w->err))
        fail_msg("'%s': %s (%s)", source, w->err.en, w->err.place);
    return x;
}

/* The value's text; "nothing" where it is. Lives in the arena. */
static inline const char *value(world *w, const char *source) {
    jd_expr *x = compiled(w, source);
    jd_xval v;
    jd_buf b = {0};
    if (jd_expr_eval(x, &w->host, &v, &w->err)) fail_msg("'%s': %s", source, w->err.en);
    if (jd_expr_type(x) != JD_X_ANY && v.type != JD_X_NULL && v.type != jd_expr_type(x))
        fail_msg("'%s' was said to be a %s and is a %s", source, jd_xtype_name(jd_expr_type(x), 0),
                 jd_xtype_name(v.type, 0));
    if (v.type == JD_X_NULL)
        jd_buf_z(&b, "nothing");
    else
        jd_xval_text(&v, &b);
    jd_str s = jd_arena_dup(&w->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    jd_expr_free(x);
    return s.p;
}

#define IS(w, source, expected)                                                           \
    do {                                                                                  \
        const char *got_ = value(w, source);                                              \
        if (strcmp(got_, expected)) fail_msg("%s is %s, not %s", source, got_, expected); \
    } while (0)

/* It is refused at that place, and the message holds that text (English); there is a Chinese one. */
static inline void refused_with(world *w, const char *source, jd_xtype want, const jd_xlimits *limits,
                                const char *place, const char *says) {
    jd_expr *x = NULL;
    jd_err_none(&w->err);
    if (!jd_expr_compile(jd_str_of(source), &w->resolver, want, limits, &x, &w->err)) fail_msg("'%s' compiles", source);
    assert_null(x);
    assert_int_equal(w->err.code, JD_E_BAD_REQUEST_DATA);
    if (strcmp(w->err.place, place)) fail_msg("'%s': at %s, not %s: %s", source, w->err.place, place, w->err.en);
    if (!strstr(w->err.en, says)) fail_msg("'%s': says '%s', not '%s'", source, w->err.en, says);
    int chinese = 0;
    for (const char *c = w->err.zh; *c; c++) chinese |= (unsigned char)*c >= 0xE4;
    if (!chinese || strcmp(w->err.zh, w->err.en) == 0) fail_msg("'%s': in Chinese it says '%s'", source, w->err.zh);
}
#define REFUSED(w, source, place, says) refused_with(w, source, JD_X_ANY, NULL, place, says)
#endif
