/* Any text as an expression and as a text with expressions in it: it is refused with its place and reason in both
 * languages, or it compiles, and then it has a value whatever its host gives. Input: 8 bytes that the host's values are
 * drawn from, then the text. */
#include "expr/expr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                    \
    do {                                                                              \
        if (!(what)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

typedef struct world {
    jd_arena *arena;
    uint64_t state;
    jd_shape *point, *area;
    jd_time end;
} world;

static uint32_t drawn(world *w, uint32_t n) {
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->state >> 33) % n;
}

static int name(void *user, const jd_xname *n, uint32_t *number, jd_xtype *type, jd_err *err) {
    jd_str rest = n->path, part;
    int quoted;
    size_t parts = 0;
    (void)user;
    MUST(n->path.n > 0);
    while (jd_xname_part(&rest, &part, &quoted)) {
        MUST(part.n > 0);
        parts++;
    }
    MUST(parts > 0 && !rest.n);
    *number = (uint32_t)(n->path.p[0] & 31);
    if (n->path.p[0] == 'z') return jd_fail(err, JD_E_BAD_REQUEST_DATA, "unheard of", "没有");
    static const jd_xtype types[] = {JD_X_ANY,  JD_X_NUM,   JD_X_TEXT, JD_X_BOOL,
                                     JD_X_TIME, JD_X_PLACE, JD_X_NUMS, JD_X_ANY};
    *type = types[*number & 7];
    return 0;
}

static double number(world *w) {
    static const double odd[] = {0, -0.0, 1, -1, 0.5, 1e300, -1e300, 5e-324, INFINITY, -INFINITY, NAN, 100, 1e15, 3};
    uint32_t k = drawn(w, 28);
    return k < 14 ? odd[k] : (double)drawn(w, 1000) / 8 - 20;
}

static int64_t microseconds(world *w) {
    static const int64_t odd[] = {0, INT64_MIN, INT64_MAX, 253402300799999999, -62167219200000000, 1790812800000000};
    uint32_t k = drawn(w, 12);
    return k < 6 ? odd[k] : 1790812800000000 + (int64_t)drawn(w, 1000000) * 1000000;
}

/* Any value, of any type, as a host may give it by mistake too. */
static void any(world *w, jd_xval *out) {
    static const double nums[] = {1, 2, 3, 2};
    static const jd_str texts[] = {{"a", 1}, {"", 0}, {"镇江", 6}};
    static const char *const words[] = {"",         "a",         "ABC", "镇江", "3.5", "2026-10-01T08:00:00Z",
                                        "\xff\xfe", "urn:x:port"};
    *out = (jd_xval){.type = JD_X_NULL};
    switch (drawn(w, 9)) {
    case 0:
    case 1: *out = (jd_xval){.type = JD_X_NUM, .num = number(w)}; break;
    case 2: *out = (jd_xval){.type = JD_X_TEXT, .text = jd_str_of(words[drawn(w, 8)])}; break;
    case 3: *out = (jd_xval){.type = JD_X_BOOL, .yes = (int)drawn(w, 3)}; break;
    case 4: *out = (jd_xval){.type = drawn(w, 2) ? JD_X_TIME : JD_X_DURATION, .us = microseconds(w)}; break;
    case 5: *out = (jd_xval){.type = JD_X_PLACE, .place = drawn(w, 2) ? w->point : w->area}; break;
    case 6: *out = (jd_xval){.type = JD_X_NUMS, .n = drawn(w, 5), .nums = nums}; break;
    case 7: *out = (jd_xval){.type = JD_X_TEXTS, .n = drawn(w, 4), .texts = texts}; break;
    default: break;
    }
}

static int broken(world *w, jd_err *err) {
    return drawn(w, 64) ? 0 : jd_fail(err, JD_E_INTERNAL, "the store is gone", "存储不可用");
}

static int value(void *user, uint32_t n, jd_xval *out, jd_err *err) {
    (void)n;
    any(user, out);
    return broken(user, err);
}
static int area(void *user, jd_str id, jd_xval *out, jd_err *err) {
    (void)id;
    any(user, out);
    return broken(user, err);
}
static int age(void *user, uint32_t n, jd_time *at, jd_err *err) {
    (void)n;
    *at = microseconds(user);
    return broken(user, err);
}

static int readings(void *user, uint32_t n, jd_time from, jd_time to, int before, uint64_t max, jd_xreading **out,
                    size_t *count, jd_err *err) {
    world *w = user;
    (void)n;
    MUST(from < to);
    uint64_t span = (uint64_t)to - (uint64_t)from;
    size_t k = drawn(w, 12), at = 0;
    if (k > max + 1) k = (size_t)max + 1; /* one too many may come */
    *out = JD_NEWN(w->arena, jd_xreading, k + 1);
    if (before && drawn(w, 2))
        (*out)[at++] = (jd_xreading){from - (jd_time)(drawn(w, 2) && from > INT64_MIN), number(w)};
    for (size_t i = 0; i < k; i++) {
        uint64_t step = span / (k ? k : 1) * (i + 1);
        (*out)[at++] = (jd_xreading){(jd_time)((uint64_t)from + (step ? step : 1)), number(w)};
    }
    *count = at;
    return broken(w, err);
}

static int fold(void *user, uint32_t n, jd_time from, jd_time to, jd_xfold how, jd_xval *out, jd_err *err) {
    (void)n;
    MUST(from < to && how <= JD_XF_STDDEV);
    any(user, out);
    return broken(user, err);
}

static void told(const jd_err *err, int place) {
    MUST(err->code > JD_E_OK && err->code < JD_E_COUNT);
    MUST(err->en[0] && err->zh[0]);
    MUST(!place || !memcmp(err->place, "line ", 5) || strstr(err->en, "bytes"));
}

static void sound(const jd_xval *v, jd_xtype type) {
    MUST(v->type < JD_X_ANY);
    MUST(v->type == JD_X_NULL || type == JD_X_ANY || v->type == type);
    MUST(v->type != JD_X_NUM || isfinite(v->num));
    jd_buf b = {0};
    jd_xval_text(v, &b);
    MUST(b.n || v->type == JD_X_TEXT || v->type == JD_X_NUMS || v->type == JD_X_TEXTS);
    jd_buf_fini(&b);
}

static void expression(jd_str text, const jd_xnames *names, jd_xhost *host, world *w) {
    static const jd_xtype wants[] = {JD_X_ANY, JD_X_BOOL, JD_X_NUM, JD_X_TEXT};
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        jd_expr *x;
        jd_err err = {0};
        if (jd_expr_compile(text, names, wants[i], NULL, &x, &err)) {
            told(&err, 1);
            continue;
        }
        jd_xtype type = jd_expr_type(x);
        MUST(wants[i] == JD_X_ANY || type == wants[i] || type == JD_X_NULL);
        MUST(jd_str_eq(jd_expr_text(x), text));
        MUST(jd_expr_window(x) >= 0 && (!jd_expr_window(x) || jd_expr_goes_by_time(x)));
        for (int k = 0; k < 4; k++) {
            jd_xval v = {.type = JD_X_NULL};
            host->now = microseconds(w);
            host->end = k == 3 ? microseconds(w) : 1790812800000000;
            host->fold = k & 1 ? fold : NULL;
            host->readings_max = k == 2 ? 20 : 0;
            err = (jd_err){0};
            if (jd_expr_eval(x, host, &v, &err))
                told(&err, 0);
            else
                sound(&v, type);
        }
        jd_expr_free(x);
    }
}

static void template(jd_str text, const jd_xnames *names, const jd_xhost *host) {
    jd_xtpl *t;
    jd_err err = {0};
    jd_buf b = {0};
    if (jd_xtpl_compile(text, names, &t, &err)) {
        told(&err, 1);
        return;
    }
    jd_xtpl_write(t, host, &b);
    jd_buf_fini(&b);
    jd_xtpl_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char box[] = "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}";
    if (size < 8 || size > 4104) return 0;
    jd_arena a;
    jd_jval v;
    jd_arena_init(&a);
    world w = {.arena = &a};
    memcpy(&w.state, data, 8);
    w.point = jd_shape_make_point(&a, 5, 5);
    MUST(!jd_json_parse(&a, JD_STR(box), NULL, &v, NULL) && !jd_shape_read(&a, &v, &w.area, NULL));
    jd_xnames names = {.user = &w, .name = name};
    jd_xhost host = {&w, 1790812800000000, 1790812800000000, &a, 0, value, readings, NULL, area, age};
    jd_str text = {(const char *)data + 8, size - 8};
    expression(text, &names, &host, &w);
    template(text, &names, &host);
    jd_arena_fini(&a);
    return 0;
}
