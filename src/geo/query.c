/* Geo-queries, GS CIM 009 clause 4.10: `entity georel query geometry`, as OGC simple features define the relations.
 * Points are answered here and in plane.c; only areas and lines against each other reach GEOS. */
#include "geo/geo_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum rel { NEAR_MAX, NEAR_MIN, WITHIN, CONTAINS, OVERLAPS, INTERSECTS, EQUALS, DISJOINT } rel;

struct jd_geoq {
    rel rel;
    double metres; /* of near */
    const jd_shape *shape;
    geo__topo *topo; /* NULL when no target of this query needs it */
};

/* ---- compiling ---- */

static int is_point(const jd_shape *s) { /* as a set: a line of no length and a bag of equal points are one, too */
    return s->box.w == s->box.e && s->box.s == s->box.n;
}

static int bad_georel(jd_err *err, size_t column, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", en, zh);
    return jd_fail_at(err, "georel, column %zu", column + 1);
}

static int read_near(jd_arena *a, jd_str text, jd_geoq *q, jd_err *err) {
    static const size_t name = 5; /* behind "near;" */
    jd_str max = JD_STR("maxDistance"), min = JD_STR("minDistance");
    if (text.n == 4 || text.p[4] != ';')
        return bad_georel(err, 4, "near needs ;maxDistance==METRES or ;minDistance==METRES",
                          "near 之后需要 ;maxDistance==米数 或 ;minDistance==米数");
    jd_str rest = {text.p + name, text.n - name};
    if (jd_str_starts(rest, max))
        q->rel = NEAR_MAX;
    else if (jd_str_starts(rest, min))
        q->rel = NEAR_MIN;
    else
        return bad_georel(err, name, "maxDistance or minDistance is expected after near;",
                          "near; 之后应为 maxDistance 或 minDistance");
    size_t op = name + max.n; /* both names are equally long */
    if (text.n < op + 2 || text.p[op] != '=' || text.p[op + 1] != '=')
        return bad_georel(err, op, "the distance is given with two equals signs, as in maxDistance==2000",
                          "距离须用双等号给出，例如 maxDistance==2000");
    size_t number = op + 2;
    rest = (jd_str){text.p + number, text.n - number};
    for (size_t i = 0; i < rest.n;
         i++) /* the number parser would let white space pass, and a second term is no number */
        if (!memchr("0123456789+-.eE", rest.p[i], 15))
            return bad_georel(err, number + i, "only a number of metres may stand here", "此处只能是以米为单位的数字");
    jd_jval v;
    if (jd_json_parse(a, rest, NULL, &v, NULL) || v.type != JD_JNUM)
        return bad_georel(err, number, "a number of metres is expected", "此处应为以米为单位的数字");
    q->metres = jd_jnum(&v);
    if (!(q->metres > 0) || !isfinite(q->metres))
        return bad_georel(err, number, "the distance must be greater than zero", "距离必须大于零");
    return 0;
}

static int read_georel(jd_arena *a, jd_str text, jd_geoq *q, jd_err *err) {
    static const struct {
        const char *name;
        rel rel;
    } plain[] = {{"within", WITHIN},         {"contains", CONTAINS}, {"overlaps", OVERLAPS},
                 {"intersects", INTERSECTS}, {"equals", EQUALS},     {"disjoint", DISJOINT}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!jd_str_is(text, plain[i].name)) continue;
        q->rel = plain[i].rel;
        return 0;
    }
    if (jd_str_starts(text, JD_STR("near")) && (text.n == 4 || text.p[4] < 'a' || text.p[4] > 'z'))
        return read_near(a, text, q, err);
    return bad_georel(err, 0, "georel is near, within, contains, overlaps, intersects, equals or disjoint",
                      "georel 应为 near、within、contains、overlaps、intersects、equals 或 disjoint");
}

static int only_for_queries(const jd_shape *s, jd_err *err) {
    if (s->type == JD_GEOMETRYCOLLECTION) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a geo-query cannot ask about a GeometryCollection",
                "地理查询不能使用 GeometryCollection");
        return jd_fail_at(err, "geometry");
    }
    if (s->npos > JD_GEOQ_POSITIONS_MAX) {
        jd_fail(err, JD_E_TOO_COMPLEX_QUERY, "the geo-query has %u positions, at most %d are taken",
                "地理查询有 %u 个位置，上限为 %d", s->npos, (int)JD_GEOQ_POSITIONS_MAX);
        return jd_fail_at(err, "coordinates");
    }
    for (uint32_t i = 0; i < s->npart; i++) {
        const geo__seq *q = &s->seqs[s->parts[i].seq];
        if (s->parts[i].dim != 1 || q->box.w < q->box.e || q->box.s < q->box.n) continue;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the line needs two different positions", "线至少需要两个不同的位置");
        return s->type == JD_LINESTRING ? jd_fail_at(err, "coordinates") : jd_fail_at(err, "coordinates[%u]", i);
    }
    return 0;
}

int jd_geoq_compile(jd_arena *a, jd_str georel, const jd_jval *geometry, jd_geoq **out, jd_err *err) {
    jd_shape *shape;
    jd_geoq *q = JD_NEW(a, jd_geoq);
    if (read_georel(a, georel, q, err) || jd_shape_reread(a, geometry, &shape, err) || only_for_queries(shape, err))
        return -1;
    q->shape = shape;
    int relates = q->rel == WITHIN || q->rel == CONTAINS || q->rel == OVERLAPS || q->rel == EQUALS;
    if (relates && shape->type != JD_POINT) {
        q->topo = geo__topo_new(a, shape);
        /* Once a query, so that a thousand targets get the short answers that only sound areas allow. */
        shape->checked = shape->checked || geo__topo_sound(shape);
    }
    *out = q;
    return 0;
}

jd_geoq *jd_geoq_within(jd_arena *a, const jd_shape *shape) {
    if (shape->type == JD_GEOMETRYCOLLECTION && shape->npart > 1) return NULL;
    jd_geoq *q = JD_NEW(a, jd_geoq);
    q->rel = WITHIN;
    q->shape = shape;
    if (!is_point(shape)) q->topo = geo__topo_new(a, shape);
    return q;
}

int jd_geoq_compile_params(jd_arena *a, jd_str georel, jd_str geometry, jd_str coordinates, jd_geoq **out,
                           jd_err *err) {
    static const jd_jlimits limits = {.depth_max = 8, .values_max = 8 * JD_GEOQ_POSITIONS_MAX};
    jd_jmember *m = JD_NEWN(a, jd_jmember, 2);
    m[0] = (jd_jmember){JD_STR("type"), jd_jmake_str(geometry)};
    m[1].name = JD_STR("coordinates");
    if (jd_json_parse(a, coordinates, &limits, &m[1].val, err)) {
        if (err) { /* the text of a parameter, not a body: another kind of error, and another place */
            char place[sizeof err->place];
            memcpy(place, err->place, sizeof place);
            err->code = JD_E_BAD_REQUEST_DATA;
            err->place[0] = 0;
            jd_fail_at(err, place[0] ? "coordinates, %s" : "coordinates%s", place);
        }
        return -1;
    }
    jd_jval whole = {.type = JD_JOBJ, .n = 2, .members = m};
    int known = 0;
    static const char *const names[] = {"Point",           "MultiPoint", "LineString",
                                        "MultiLineString", "Polygon",    "MultiPolygon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) known |= jd_str_is(geometry, names[i]);
    if (!known) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA,
                "geometry is Point, MultiPoint, LineString, MultiLineString, Polygon or MultiPolygon",
                "geometry 应为 Point、MultiPoint、LineString、MultiLineString、Polygon 或 MultiPolygon");
        return jd_fail_at(err, "geometry");
    }
    return jd_geoq_compile(a, georel, &whole, out, err);
}

void jd_geoq_fini(jd_geoq *q) {
    if (q->topo) geo__topo_fini(q->topo);
    q->topo = NULL;
}

/* ---- testing ---- */

/* With a single position on either side every relation follows from where it lies in the other shape. */
static int test_point(rel r, const jd_shape *query, const jd_shape *target) {
    int q = is_point(query), t = is_point(target);
    if (q && t)
        return r != OVERLAPS && geo__at(query, 0).x == geo__at(target, 0).x &&
               geo__at(query, 0).y == geo__at(target, 0).y;
    if (r == WITHIN) return t && geo__locate(query, geo__at(target, 0)) == GEO__INSIDE;
    if (r == CONTAINS) return q && geo__locate(target, geo__at(query, 0)) == GEO__INSIDE;
    return 0; /* equals, overlaps */
}

static int boxes_allow(rel r, jd_box query, jd_box target) {
    if (r == WITHIN) return geo__box_inside(target, query);
    if (r == CONTAINS) return geo__box_inside(query, target);
    if (r == EQUALS) return geo__box_inside(query, target) && geo__box_inside(target, query);
    return geo__boxes_touch(query, target);
}

static int same_text(const jd_shape *a, const jd_shape *b) { /* position by position */
    if (a->type != b->type || a->npos != b->npos || a->nseq != b->nseq || a->npart != b->npart) return 0;
    for (uint32_t i = 0; i < a->nseq; i++)
        if (a->seqs[i].n != b->seqs[i].n) return 0;
    for (uint32_t i = 0; i < a->npart; i++)
        if (a->parts[i].nseq != b->parts[i].nseq) return 0;
    return memcmp(a->xy, b->xy, a->npos * 2 * sizeof(double)) == 0;
}

/* 1 or 0 where dimensions, crossings or sameness decide; else -1. */
static int shortcut(rel r, const jd_shape *query, const jd_shape *target) {
    uint32_t q = query->dim, t = target->dim;
    if (r == WITHIN) return t > q ? 0 : geo__inside(target, query);
    if (r == CONTAINS) return q > t ? 0 : geo__inside(query, target);
    if (q != t) return 0;
    if (r == OVERLAPS) return geo__overlap(query, target);
    return same_text(query, target) ? 1 : -1;
}

/* 1, 0, or -1 when it cannot be told. WITHIN, CONTAINS, OVERLAPS, EQUALS; topo NULL: made for this once. */
static int test_areas(const jd_geoq *q, const jd_shape *target) {
    const jd_shape *mine = q->shape;
    if (!boxes_allow(q->rel, mine->box, target->box)) return 0;
    if (is_point(mine) || is_point(target)) return test_point(q->rel, mine, target);
    int known = shortcut(q->rel, mine, target);
    if (known >= 0) return known;
    static const geo__rel rels[] = {
        [WITHIN] = GEO__WITHIN, [CONTAINS] = GEO__CONTAINS, [OVERLAPS] = GEO__OVERLAPS, [EQUALS] = GEO__EQUALS};
    if (q->topo) return geo__topo_test(q->topo, rels[q->rel], target);
    jd_arena a;
    jd_arena_init(&a);
    geo__topo *topo = geo__topo_new(&a, mine);
    known = geo__topo_test(topo, rels[q->rel], target);
    geo__topo_fini(topo);
    jd_arena_fini(&a);
    return known;
}

int jd_shape_intersects(const jd_shape *a, const jd_shape *b) {
    return geo__intersects(a, b);
}

int jd_shape_within(const jd_shape *a, const jd_shape *b) {
    /* The one that asks may be no collection; the other may. */
    if (b->type != JD_GEOMETRYCOLLECTION || b->npart == 1) return test_areas(&(jd_geoq){.rel = WITHIN, .shape = b}, a);
    if (a->type != JD_GEOMETRYCOLLECTION || a->npart == 1)
        return test_areas(&(jd_geoq){.rel = CONTAINS, .shape = a}, b);
    return -1;
}

int jd_geoq_test(const jd_geoq *q, const jd_shape *target) {
    const jd_shape *mine = q->shape;
    switch (q->rel) {
    case NEAR_MAX: return geo__least_m(mine, target, q->metres, q->metres) <= q->metres;
    case NEAR_MIN: return geo__least_m(mine, target, 0, q->metres) >= q->metres;
    case INTERSECTS: return geo__intersects(mine, target);
    case DISJOINT: return !geo__intersects(mine, target);
    default: return test_areas(q, target) == 1;
    }
}

int jd_geoq_boxes(const jd_geoq *q, jd_box out[2]) {
    if (q->rel == DISJOINT || q->rel == NEAR_MIN) return 0;
    if (q->rel == NEAR_MAX) return geo__around(q->shape->box, q->metres, out);
    out[0] = q->shape->box;
    return 1;
}

double jd_geoq_distance(const jd_geoq *q, const jd_shape *target) {
    return jd_shape_distance(q->shape, target);
}
