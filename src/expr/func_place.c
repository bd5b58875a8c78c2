/* Functions of places. */
#include "expr/expr_int.h"

static int in_range(double lon, double lat) {
    return lon >= -180 && lon <= 180 && lat >= -90 && lat <= 90;
}

static int f_point(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)n;
    *out = expr__null();
    if (in_range(a[0].num, a[1].num))
        *out = (jd_xval){.type = JD_X_PLACE, .place = jd_shape_make_point(r->host->arena, a[0].num, a[1].num)};
    return 0;
}

static int ready_point(expr__parser *p, expr__node *n) {
    const expr__node *a = n->args[0], *b = n->args[1];
    if (!expr__is_const(a) || !expr__is_const(b) || a->val.type != JD_X_NUM || b->val.type != JD_X_NUM ||
        in_range(a->val.num, b->val.num))
        return 0;
    return EXPR__FAIL(p, n->at, "a point is longitude (-180 to 180), then latitude (-90 to 90)",
                      "点为经度（-180 至 180）在前，纬度（-90 至 90）在后");
}

static int f_geometry(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)a;
    *out = (jd_xval){.type = JD_X_PLACE, .place = (const jd_shape *)n->ready};
    return 0;
}

static int ready_geometry(expr__parser *p, expr__node *n) {
    jd_jval v;
    jd_shape *s;
    if (!jd_json_parse(&p->x->arena, n->args[0]->val.text, NULL, &v, p->err) &&
        !jd_shape_read(&p->x->arena, &v, &s, p->err)) {
        n->ready = s;
        return 0;
    }
    char inner[sizeof p->err->place];
    unsigned line, column;
    expr__line_column(p->text, n->args[0]->at, &line, &column);
    __builtin_memcpy(inner, p->err->place, sizeof inner);
    p->err->code = JD_E_BAD_REQUEST_DATA;
    p->err->place[0] = 0;
    return jd_fail_at(p->err, inner[0] ? "line %u column %u, in the geometry: %.100s" : "line %u column %u", line,
                      column, inner);
}

static int f_distance(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    *out = expr__num(jd_shape_distance(a[0].place, a[1].place));
    return 0;
}

static int f_within(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r;
    int yes = n->ready ? jd_geoq_test(n->ready, a[0].place) : jd_shape_within(a[0].place, a[1].place);
    *out = yes < 0 ? expr__null() : expr__bool(yes);
    return 0;
}

static int f_intersects(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    *out = expr__bool(jd_shape_intersects(a[0].place, a[1].place));
    return 0;
}

static int ready_within(expr__parser *p, expr__node *n) {
    const expr__node *b = n->args[1];
    if (!expr__is_const(b) || b->val.type != JD_X_PLACE) return 0;
    jd_geoq *q = jd_geoq_within(&p->x->arena, b->val.place);
    if (q) expr__hold_new(p)->geoq = q;
    n->ready = q;
    return 0;
}

static int f_area(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)n;
    jd_xval v = expr__null();
    if (r->host->area && r->host->area(r->host->user, a[0].text, &v, r->err)) return -1;
    *out = v.type == JD_X_PLACE && v.place ? v : expr__null();
    return 0;
}

static int coordinate(const jd_xval *a, int which, jd_xval *out) {
    double at[2];
    *out = jd_shape_point(a->place, &at[0], &at[1]) ? expr__num(at[which]) : expr__null();
    return 0;
}
static int f_lon(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    return coordinate(a, 0, out);
}
static int f_lat(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    return coordinate(a, 1, out);
}

const expr__func expr__place_funcs[] = {
    {"point", "nn", JD_X_PLACE, f_point, ready_point, 0},
    {"geometry", "S", JD_X_PLACE, f_geometry, ready_geometry, 0},
    {"distance", "pp", JD_X_NUM, f_distance, NULL, 0},
    {"within", "pp", JD_X_BOOL, f_within, ready_within, 0},
    {"intersects", "pp", JD_X_BOOL, f_intersects, NULL, 0},
    {"area", "s", JD_X_PLACE, f_area, NULL, 1},
    {"lon", "p", JD_X_NUM, f_lon, NULL, 0},
    {"lat", "p", JD_X_NUM, f_lat, NULL, 0},
    {NULL, NULL, JD_X_NULL, NULL, NULL, 0},
};
