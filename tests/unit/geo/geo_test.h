/* What the tests of the geo room share: reading GeoJSON text, seeded random shapes, GEOS as the judge. */
#ifndef GEO_TEST_H
#define GEO_TEST_H
#include "geo/geo_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <geos_c.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers that are the same on every run ---- */

static inline uint64_t rnd(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static inline uint32_t rnd_to(uint64_t *state, uint32_t n) {
    return (uint32_t)(rnd(state) >> 32) % n;
}
static inline double rnd_in(uint64_t *state, double low, double high) {
    return low + (double)(rnd(state) >> 11) / 9007199254740992.0 * (high - low);
}

/* For a cmocka without doubles, and saying what was there. */
#define assert_near(is, should, by) near_or_fail((is), (should), (by), __LINE__)
static inline void near_or_fail(double is, double should, double by, int line) {
    if (!(fabs(is - should) <= by)) fail_msg("line %d: %.12g is not within %g of %.12g", line, is, by, should);
}

/* ---- reading ---- */

static inline int try_shape(jd_arena *a, const char *text, jd_shape **out, jd_err *err) {
    jd_jval v;
    memset(err, 0, sizeof *err);
    if (jd_json_parse(a, jd_arena_dup(a, jd_str_of(text)), NULL, &v, err)) fail_msg("test text is not JSON: %s", text);
    return jd_shape_read(a, &v, out, err);
}
static inline jd_shape *shape(jd_arena *a, const char *text) {
    jd_shape *s = NULL;
    jd_err err;
    if (try_shape(a, text, &s, &err)) fail_msg("%s: %s (%s)", text, err.en, err.place);
    return s;
}
static inline jd_geoq *query(jd_arena *a, const char *georel, const char *text) {
    jd_jval v;
    jd_geoq *q = NULL;
    jd_err err = {0};
    if (jd_json_parse(a, jd_arena_dup(a, jd_str_of(text)), NULL, &v, &err) ||
        jd_geoq_compile(a, jd_str_of(georel), &v, &q, &err))
        fail_msg("%s %s: %s (%s)", georel, text, err.en, err.place);
    return q;
}
static inline int matches(jd_arena *a, const char *georel, const char *query_text, const char *target_text) {
    jd_geoq *q = query(a, georel, query_text);
    int yes = jd_geoq_test(q, shape(a, target_text));
    jd_geoq_fini(q);
    return yes;
}

/* ---- random shapes as text, on a coarse grid so that corners and edges are hit exactly ---- */

typedef struct span {
    double x, y, size; /* centre and radius */
    double grid;       /* positions are whole multiples of it */
} span;

static inline void put(jd_buf *b, uint64_t *r, span in) {
    double x = rnd_in(r, in.x - in.size, in.x + in.size), y = rnd_in(r, in.y - in.size, in.y + in.size);
    jd_buf_printf(b, "[%.17g,%.17g]", round(x / in.grid) * in.grid, round(y / in.grid) * in.grid);
}
static inline void put_list(jd_buf *b, uint64_t *r, span in, uint32_t n) {
    jd_buf_c(b, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i) jd_buf_c(b, ',');
        put(b, r, in);
    }
    jd_buf_c(b, ']');
}
/* A ring around the centre: valid but for the rounding to the grid. */
static inline void put_ring(jd_buf *b, uint64_t *r, span in, uint32_t n, double least) {
    double turn = rnd_in(r, 0, 6.28), x0 = 0, y0 = 0;
    jd_buf_c(b, '[');
    for (uint32_t i = 0; i < n; i++) {
        double angle = turn + 2 * M_PI * i / n, far = in.size * rnd_in(r, least, 1);
        double x = round((in.x + far * cos(angle)) / in.grid) * in.grid;
        double y = round((in.y + far * sin(angle)) / in.grid) * in.grid;
        jd_buf_printf(b, "[%.17g,%.17g],", x, y);
        if (i == 0) x0 = x, y0 = y;
    }
    jd_buf_printf(b, "[%.17g,%.17g]]", x0, y0);
}
static inline void put_polygon(jd_buf *b, uint64_t *r, span in, uint32_t n) {
    jd_buf_c(b, '[');
    put_ring(b, r, in, n, 0.5);
    if (rnd_to(r, 2)) {
        jd_buf_c(b, ',');
        in.size *= 0.45;
        put_ring(b, r, in, 4 + rnd_to(r, 5), 0.6);
    }
    jd_buf_c(b, ']');
}
static inline span part_of(uint64_t *r, span in) {
    return (span){rnd_in(r, in.x - in.size / 2, in.x + in.size / 2), rnd_in(r, in.y - in.size / 2, in.y + in.size / 2),
                  in.size * rnd_in(r, 0.2, 0.7), in.grid};
}

/* One geometry of the kind as GeoJSON text; it may be refused (a polygon whose edges came to cross). */
static inline void put_geometry(jd_buf *b, uint64_t *r, jd_geotype kind, span in) {
    static const char *const names[] = {"Point",           "MultiPoint", "LineString",
                                        "MultiLineString", "Polygon",    "MultiPolygon"};
    jd_buf_printf(b, "{\"type\":\"%s\",\"coordinates\":", names[kind]);
    uint32_t n = 2 + rnd_to(r, 2);
    switch (kind) {
    case JD_POINT: put(b, r, in); break;
    case JD_MULTIPOINT: put_list(b, r, in, 1 + rnd_to(r, 6)); break;
    case JD_LINESTRING: put_list(b, r, in, 2 + rnd_to(r, rnd_to(r, 4) ? 5 : 60)); break;
    case JD_POLYGON: put_polygon(b, r, in, rnd_to(r, 4) ? 3 + rnd_to(r, 9) : 60); break;
    default:
        jd_buf_c(b, '[');
        for (uint32_t i = 0; i < n; i++) {
            if (i) jd_buf_c(b, ',');
            if (kind == JD_MULTILINESTRING)
                put_list(b, r, in, 2 + rnd_to(r, 4));
            else
                put_polygon(b, r, part_of(r, in), 3 + rnd_to(r, 8));
        }
        jd_buf_c(b, ']');
    }
    jd_buf_c(b, '}');
}

static inline int has_point_line(const jd_shape *s) { /* a line of no length: a point to us, nothing to GEOS */
    for (uint32_t k = 0; k < s->nseq; k++) {
        jd_box b = s->seqs[k].box;
        if (s->seqs[k].step && b.w == b.e && b.s == b.n) return 1;
    }
    return 0;
}

/* The next one that is valid; its text is in b. */
static inline jd_shape *random_shape(jd_arena *a, jd_buf *b, uint64_t *r, jd_geotype kind, span in) {
    for (;;) {
        jd_shape *s;
        jd_err err;
        b->n = 0;
        put_geometry(b, r, kind, in);
        jd_buf_c(b, 0);
        if (try_shape(a, b->p, &s, &err) == 0) return s;
    }
}

/* ---- the judge ---- */

static inline void judge_says(const char *text, void *user) {
    (void)text;
    (void)user;
}
typedef struct judge {
    GEOSContextHandle_t h;
    GEOSGeoJSONReader *reader;
} judge;
static inline judge judge_open(void) {
    judge j = {.h = GEOS_init_r()};
    GEOSContext_setErrorMessageHandler_r(j.h, judge_says, NULL);
    j.reader = GEOSGeoJSONReader_create_r(j.h);
    return j;
}
static inline void judge_close(judge *j) {
    GEOSGeoJSONReader_destroy_r(j->h, j->reader);
    GEOS_finish_r(j->h);
}
static inline GEOSGeometry *judge_read(const judge *j, const char *text) {
    GEOSGeometry *g = GEOSGeoJSONReader_readGeometry_r(j->h, j->reader, text);
    assert_non_null(g);
    return g;
}

/* ---- data that may be there: $JINDU_SHARED, or ../shared beside the source tree ---- */

static inline char *shared_file(const char *name, size_t *n) {
    char path[4096];
    const char *root = getenv("JINDU_SHARED");
    if (root)
        snprintf(path, sizeof path, "%s/%s", root, name);
    else
        snprintf(path, sizeof path, "%s/../shared/%s", JINDU_SOURCE_ROOT, name);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    jd_buf b = {0};
    for (;;) {
        size_t got = fread(jd_buf_room(&b, 65536), 1, 65536, f);
        if (!got) break;
        b.n += got;
    }
    fclose(f);
    *n = b.n;
    jd_buf_c(&b, 0);
    return b.p;
}
#endif
