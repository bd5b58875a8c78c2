/* GeoJSON geometries (RFC 7946, 3.1; GS CIM 009 clause 4.7) into shapes. One pass counts, so that everything is
 * allocated once; one pass checks and fills. */
#include "geo/geo_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NEST_MAX = 4 }; /* of collections */

static const struct kind {
    const char *name;
    int depth; /* array levels above the positions */
    uint32_t dim;
} kinds[] = {
    [JD_POINT] = {"Point", 0, 0},
    [JD_MULTIPOINT] = {"MultiPoint", 1, 0},
    [JD_LINESTRING] = {"LineString", 1, 1},
    [JD_MULTILINESTRING] = {"MultiLineString", 2, 1},
    [JD_POLYGON] = {"Polygon", 2, 2},
    [JD_MULTIPOLYGON] = {"MultiPolygon", 3, 2},
    [JD_GEOMETRYCOLLECTION] = {"GeometryCollection", -1, 0},
};

typedef struct reader {
    jd_err *err;
    int trusted; /* checked once already: skip the topology */
    double *xy;
    geo__seq *seqs;
    geo__part *parts;
    jd_box *boxes;
    uint32_t npos, nseq, npart, nbox;
    uint32_t dim;
    int areas; /* a polygon was among them */
    int nest;
    uint32_t in[NEST_MAX]; /* which geometry of each collection we are in */
    uint32_t at[4];        /* indexes below "coordinates" */
} reader;

/* Notes the place: the collection's geometries, "coordinates", and n indexes. */
static int here(const reader *r, int n, const char *member) {
    char text[160] = "";
    size_t len = 0;
    for (int i = 0; i < r->nest; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "geometries[%u].", r->in[i]);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s", member);
    for (int i = 0; i < n; i++) len += (size_t)snprintf(text + len, sizeof text - len, "[%u]", r->at[i]);
    return jd_fail_at(r->err, "%s", text);
}

#define REFUSE(r, n, ...) (jd_fail((r)->err, JD_E_BAD_REQUEST_DATA, __VA_ARGS__), here((r), (n), "coordinates"))

/* ---- counting ---- */

typedef struct counts {
    size_t pos, seq, part, box;
} counts;

static void count(const jd_jval *v, int depth, counts *c) {
    if (v->type != JD_JARR) return;
    if (depth <= 1) {
        c->pos += depth ? v->n : 1;
        c->seq++;
        c->box += depth ? geo__tree_size(v->n) : 0;
        return;
    }
    for (uint32_t i = 0; i < v->n; i++) count(&v->items[i], depth - 1, c);
}

static int kind_of(const jd_jval *g, jd_geotype *type) {
    const jd_jval *name = jd_jget(g, "type");
    if (!name || name->type != JD_JSTR) return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!jd_str_is(jd_jstr(name), kinds[i].name)) continue;
        *type = (jd_geotype)i;
        return 1;
    }
    return 0;
}

static void count_geometry(const jd_jval *g, int nest, counts *c) {
    jd_geotype type;
    if (!kind_of(g, &type)) return;
    if (type != JD_GEOMETRYCOLLECTION) {
        const jd_jval *v = jd_jget(g, "coordinates");
        if (!v) return;
        count(v, kinds[type].depth, c);
        /* a part per line, per polygon, or one */
        c->part += type == JD_MULTILINESTRING || type == JD_MULTIPOLYGON ? v->n : 1;
        return;
    }
    const jd_jval *all = jd_jget(g, "geometries");
    if (nest == NEST_MAX || !all || all->type != JD_JARR) return;
    for (uint32_t i = 0; i < all->n; i++) count_geometry(&all->items[i], nest + 1, c);
}

/* ---- checking and filling; `depth` is the number of indexes that lead to v ---- */

static int read_number(reader *r, const jd_jval *v, int depth, double *out) {
    if (v->type != JD_JNUM) return REFUSE(r, depth, "a coordinate must be a number", "坐标必须是数字");
    *out = jd_jnum(v);
    if (!isfinite(*out)) return REFUSE(r, depth, "the number is too large", "数字过大");
    return 0;
}

static int read_position(reader *r, const jd_jval *v, int depth, double *xy) {
    if (v->type != JD_JARR)
        return REFUSE(r, depth, "a position [longitude, latitude] was expected", "此处应为位置 [经度, 纬度]");
    if (v->n < 2 || v->n > 3)
        return REFUSE(r, depth, "a position has two or three numbers (longitude, latitude, altitude), this one has %u",
                      "位置应有两个或三个数字（经度、纬度、高程），此处有 %u 个", v->n);
    double n[3];
    for (uint32_t i = 0; i < v->n; i++)
        if (read_number(r, &v->items[i], depth, &n[i])) return -1;
    if (n[0] < -180 || n[0] > 180)
        return REFUSE(r, depth, "longitude %.9g is outside -180 to 180", "经度 %.9g 超出 -180 到 180 的范围", n[0]);
    if (n[1] < -90 || n[1] > 90)
        return REFUSE(r, depth, "latitude %.9g is outside -90 to 90", "纬度 %.9g 超出 -90 到 90 的范围", n[1]);
    /* Far below an atom, and -0: zero, so that no product of differences underflows and signs stay exact. */
    xy[0] = fabs(n[0]) < 1e-100 ? 0 : n[0];
    xy[1] = fabs(n[1]) < 1e-100 ? 0 : n[1];
    return 0;
}

static int is_array(const reader *r, const jd_jval *v, int depth, uint32_t least) {
    if (v->type != JD_JARR) return REFUSE(r, depth, "an array was expected", "此处应为数组");
    if (v->n == 0) return REFUSE(r, depth, "the array is empty", "数组为空");
    if (v->n < least)
        return REFUSE(r, depth, "at least %u positions are needed here, there are %u",
                      "此处至少需要 %u 个位置，实有 %u 个", least, v->n);
    return 0;
}

/* A line, a ring or a bag of points. */
static int read_seq(reader *r, const jd_jval *v, int depth, uint32_t dim) {
    static const uint32_t least[] = {1, 2, 4};
    if (is_array(r, v, depth, least[dim])) return -1;
    geo__seq q = {r->npos, v->n, GEO__NONE, dim > 0, {INFINITY, INFINITY, -INFINITY, -INFINITY}};
    double *xy = r->xy + 2 * (size_t)r->npos;
    for (uint32_t i = 0; i < v->n; i++, xy += 2) {
        r->at[depth] = i;
        if (read_position(r, &v->items[i], depth + 1, xy)) return -1;
        q.box.w = fmin(q.box.w, xy[0]);
        q.box.e = fmax(q.box.e, xy[0]);
        q.box.s = fmin(q.box.s, xy[1]);
        q.box.n = fmax(q.box.n, xy[1]);
    }
    const double *first = r->xy + 2 * (size_t)r->npos, *last = xy - 2;
    if (dim == 2 && (first[0] != last[0] || first[1] != last[1]))
        return REFUSE(r, depth, "the ring is not closed: its first and last positions differ",
                      "环未闭合：首尾位置不同");
    r->npos += v->n;
    uint32_t boxes = geo__tree_size(geo__items(&q));
    if (boxes) {
        q.tree = r->nbox;
        geo__tree_build(r->xy, &q, r->boxes + r->nbox);
        r->nbox += boxes;
    }
    r->seqs[r->nseq++] = q;
    return 0;
}

static int read_part(reader *r, const jd_jval *v, int depth, uint32_t dim) {
    geo__part part = {dim, r->nseq, 1};
    if (dim == 2) {
        if (is_array(r, v, depth, 1)) return -1;
        r->areas = 1;
        part.nseq = v->n;
        for (uint32_t i = 0; i < v->n; i++) {
            r->at[depth] = i;
            if (read_seq(r, &v->items[i], depth + 1, 2)) return -1;
        }
    } else if (read_seq(r, v, depth, dim)) {
        return -1;
    }
    jd_box b = r->seqs[part.seq].box;
    if (r->dim < dim && (b.w < b.e || b.s < b.n)) r->dim = dim;
    r->parts[r->npart++] = part;
    return 0;
}

/* Which indexes lead to position `pos` of the polygons from `part` on. */
static int locate(reader *r, int multi, uint32_t part, uint32_t pos) {
    int depth = 0;
    for (uint32_t k = part; k < r->npart; k++) {
        for (uint32_t i = 0; i < r->parts[k].nseq; i++) {
            const geo__seq *q = &r->seqs[r->parts[k].seq + i];
            if (pos < q->at || pos >= q->at + q->n) continue;
            if (multi) r->at[depth++] = k - part;
            r->at[depth++] = i;
            r->at[depth++] = pos - q->at;
        }
    }
    return depth;
}

static int check_areas(reader *r, int multi, uint32_t part) {
    jd_shape s = {.dim = 2,
                  .npos = r->npos,
                  .nseq = r->nseq,
                  .npart = r->npart,
                  .xy = r->xy,
                  .seqs = r->seqs,
                  .parts = r->parts,
                  .boxes = r->boxes};
    jd_shape only = s; /* without what a collection holds before them */
    only.seqs += r->parts[part].seq;
    only.nseq -= r->parts[part].seq;
    only.npos -= only.seqs->at;
    if (geo__tangled(&only, &only, GEO__PAIRS_MAX))
        return REFUSE(r, 0, "the polygon's edges lie across each other too densely to be checked",
                      "多边形的边过于密集交错，无法检查");
    const char *en = NULL, *zh = NULL;
    uint32_t at = 0;
    int valid = geo__topo_valid(&s, part, r->npart - part, &en, &zh, &at);
    if (valid > 0) return 0;
    if (valid < 0)
        return jd_fail(r->err, JD_E_INTERNAL, "the polygon could not be checked: %s", "无法检查该多边形：%s", en);
    jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", en, zh);
    return here(r, locate(r, multi, part, at), "coordinates");
}

static int read_coordinates(reader *r, jd_geotype type, const jd_jval *v) {
    uint32_t first = r->npart, dim = kinds[type].dim;
    int multi = type == JD_MULTIPOLYGON || type == JD_MULTILINESTRING;
    if (type == JD_POINT) {
        double *xy = r->xy + 2 * (size_t)r->npos;
        if (read_position(r, v, 0, xy)) return -1;
        r->parts[r->npart++] = (geo__part){0, r->nseq, 1};
        r->seqs[r->nseq++] = (geo__seq){r->npos++, 1, GEO__NONE, 0, {xy[0], xy[1], xy[0], xy[1]}};
        return 0;
    }
    if (multi) {
        if (is_array(r, v, 0, 1)) return -1;
        for (uint32_t i = 0; i < v->n; i++) {
            r->at[0] = i;
            if (read_part(r, &v->items[i], 1, dim)) return -1;
        }
    } else if (read_part(r, v, 0, dim)) {
        return -1;
    }
    return dim == 2 && !r->trusted ? check_areas(r, multi, first) : 0;
}

static int read_geometry(reader *r, const jd_jval *g, jd_geotype *out) {
    jd_geotype type;
    if (g->type != JD_JOBJ) {
        jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "a GeoJSON geometry must be an object", "GeoJSON 几何必须是对象");
        return here(r, 0, "geometry");
    }
    if (!kind_of(g, &type)) {
        jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "the geometry has no type that GeoJSON knows",
                "几何的 type 不是 GeoJSON 所定义的");
        return here(r, 0, "type");
    }
    *out = type;
    if (type != JD_GEOMETRYCOLLECTION) {
        const jd_jval *v = jd_jget(g, "coordinates");
        if (!v) return REFUSE(r, 0, "the geometry has no coordinates", "几何缺少 coordinates");
        return read_coordinates(r, type, v);
    }
    const jd_jval *all = jd_jget(g, "geometries");
    if (!all || all->type != JD_JARR || all->n == 0) {
        jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "a GeometryCollection needs an array of geometries that is not empty",
                "GeometryCollection 需要非空的 geometries 数组");
        return here(r, 0, "geometries");
    }
    if (r->nest == NEST_MAX) {
        jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "collections nest deeper than %d", "几何集合的嵌套超过 %d 层", NEST_MAX);
        return here(r, 0, "geometries");
    }
    int level = r->nest++;
    for (uint32_t i = 0; i < all->n; i++) {
        jd_geotype inner;
        r->in[level] = i;
        if (read_geometry(r, &all->items[i], &inner)) return -1;
    }
    r->nest = level;
    return 0;
}

/* ---- the door ---- */

static int read_point(jd_arena *a, const jd_jval *v, jd_shape **out, jd_err *err) {
    reader r = {.err = err};
    double xy[2];
    if (read_position(&r, v, 0, xy)) return -1;
    *out = jd_shape_make_point(a, xy[0], xy[1]);
    return 0;
}

static int read_shape(jd_arena *a, const jd_jval *geometry, int trusted, jd_shape **out, jd_err *err) {
    jd_geotype type = JD_POINT;
    if (geometry->type == JD_JOBJ && kind_of(geometry, &type) && type == JD_POINT) {
        const jd_jval *v = jd_jget(geometry, "coordinates");
        if (v) return read_point(a, v, out, err);
    }
    counts c = {0};
    count_geometry(geometry, 0, &c);
    reader r = {.err = err, .trusted = trusted};
    if (c.pos > JD_SHAPE_POSITIONS_MAX) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the geometry has %zu positions, at most %d are taken",
                "几何有 %zu 个位置，上限为 %d", c.pos, (int)JD_SHAPE_POSITIONS_MAX);
        return here(&r, 0, type == JD_GEOMETRYCOLLECTION ? "geometries" : "coordinates");
    }
    jd_arena_mark mark = jd_arena_tell(a);
    jd_shape *s = JD_NEW(a, jd_shape);
    r.xy = jd_arena_alloc(a, (c.pos + 1) * 2 * sizeof(double));
    /* What is valid has a position in each part and ring; what is not must not cost memory before it is refused. */
    if (c.seq > c.pos) c.seq = c.pos;
    if (c.part > c.pos) c.part = c.pos;
    r.seqs = jd_arena_alloc(a, (c.seq + 1) * sizeof *r.seqs);
    r.parts = jd_arena_alloc(a, (c.part + 1) * sizeof *r.parts);
    r.boxes = c.box ? jd_arena_alloc(a, c.box * sizeof *r.boxes) : NULL;
    if (read_geometry(&r, geometry, &type)) {
        jd_arena_rewind(a, mark);
        return -1;
    }
    *s = (jd_shape){.type = type,
                    .dim = r.dim,
                    .checked = !trusted || !r.areas,
                    .box = r.seqs[0].box,
                    .npos = r.npos,
                    .nseq = r.nseq,
                    .npart = r.npart,
                    .xy = r.xy,
                    .seqs = r.seqs,
                    .parts = r.parts,
                    .boxes = r.boxes};
    for (uint32_t i = 1; i < r.nseq; i++) {
        jd_box b = r.seqs[i].box;
        s->box = (jd_box){fmin(s->box.w, b.w), fmin(s->box.s, b.s), fmax(s->box.e, b.e), fmax(s->box.n, b.n)};
    }
    *out = s;
    return 0;
}

int jd_shape_read(jd_arena *a, const jd_jval *geometry, jd_shape **out, jd_err *err) {
    return read_shape(a, geometry, 0, out, err);
}
int jd_shape_reread(jd_arena *a, const jd_jval *geometry, jd_shape **out, jd_err *err) {
    return read_shape(a, geometry, 1, out, err);
}
