/* Geo-queries and shapes from outside. Input: georel, kind, coordinates, stored geometry, one a line. Beyond not
 * falling over, the relations must agree with each other and with the distance. */
#include "geo/geo.h"

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

static jd_str line(jd_str *rest) {
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    jd_str one = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    rest->p += one.n + (end != NULL);
    rest->n -= one.n + (end != NULL);
    return one;
}

static void told(const jd_err *err) {
    MUST(err->code > JD_E_OK && err->code < JD_E_COUNT);
    MUST(err->en[0] && err->zh[0]);
}

static int ask(jd_arena *a, const char *georel, jd_str kind, jd_str coordinates, const jd_shape *target) {
    jd_geoq *q;
    jd_err err = {0};
    MUST(jd_geoq_compile_params(a, jd_str_of(georel), kind, coordinates, &q, &err) == 0);
    int yes = jd_geoq_test(q, target);
    MUST(yes == 0 || yes == 1);
    jd_geoq_fini(q);
    return yes;
}

static void consistent(jd_arena *a, jd_geoq *q, jd_str kind, jd_str coordinates, const jd_shape *s) {
    int meets = ask(a, "intersects", kind, coordinates, s), within = ask(a, "within", kind, coordinates, s);
    int contains = ask(a, "contains", kind, coordinates, s), equals = ask(a, "equals", kind, coordinates, s);
    int overlaps = ask(a, "overlaps", kind, coordinates, s);
    MUST(ask(a, "disjoint", kind, coordinates, s) == !meets);
    MUST(meets || !(within || contains || equals || overlaps));
    MUST(!overlaps || !(within || contains || equals));
    double far = jd_geoq_distance(q, s);
    MUST(far >= 0 && far < 20100000);
    MUST(!meets || far == 0);
    jd_box box[2], b = jd_shape_box(s);
    MUST(b.w <= b.e && b.s <= b.n);
    int n = jd_geoq_boxes(q, box), touches = n == 0;
    for (int i = 0; i < n; i++) touches |= box[i].w <= b.e && b.w <= box[i].e && box[i].s <= b.n && b.s <= box[i].n;
    MUST(touches || !jd_geoq_test(q, s));
    jd_geoindex *g = jd_geoindex_create();
    jd_u32s hits = {0};
    jd_geoindex_add(g, 7, b);
    MUST(jd_geoindex_search(g, b, &hits, 10) == 0 && hits.n == 1 && hits.p[0] == 7);
    jd_geoindex_remove(g, 7, b);
    hits.n = 0;
    MUST(jd_geoindex_search(g, b, &hits, 10) == 0 && hits.n == 0);
    jd_geoindex_destroy(g);
    free(hits.p);
}

/* A query's polygon that crosses itself is repaired with rounding, so that its relations may differ by a last bit. */
static int sound(jd_arena *a, jd_str kind, jd_str coordinates) {
    jd_jmember m[2] = {{JD_STR("type"), jd_jmake_str(kind)}, {JD_STR("coordinates"), jd_jmake_null()}};
    jd_jval whole = {.type = JD_JOBJ, .n = 2, .members = m};
    jd_shape *s;
    return jd_json_parse(a, coordinates, NULL, &m[1].val, NULL) == 0 && jd_shape_read(a, &whole, &s, NULL) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 4096) return 0;
    jd_str rest = {(const char *)data, size}, georel = line(&rest), kind = line(&rest), coordinates = line(&rest);
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_geoq *q = NULL;
    jd_shape *s = NULL, *again = NULL;
    jd_jval v;
    if (jd_geoq_compile_params(&a, georel, kind, coordinates, &q, &err)) told(&err);
    if (jd_json_parse(&a, rest, NULL, &v, &err) == 0) {
        if (jd_shape_read(&a, &v, &s, &err)) told(&err);
        int rc = jd_shape_reread(&a, &v, &again, &err); /* takes at least as much */
        MUST(rc == 0 || !s);
    }
    if (q && again) {
        int yes = jd_geoq_test(q, again);
        MUST(yes == 0 || yes == 1);
    }
    if (q && s && sound(&a, kind, coordinates)) consistent(&a, q, kind, coordinates, s);
    if (q) jd_geoq_fini(q);
    jd_arena_fini(&a);
    return 0;
}
