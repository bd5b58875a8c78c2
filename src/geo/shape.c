/* What a shape answers about itself, and the trees of boxes over its sequences. */
#include "geo/geo_int.h"

#include <math.h>

jd_geotype jd_shape_type(const jd_shape *s) {
    return s->type;
}
jd_box jd_shape_box(const jd_shape *s) {
    return s->box;
}
int jd_shape_point(const jd_shape *s, double *lon, double *lat) {
    if (s->type != JD_POINT) return 0;
    *lon = s->xy[0];
    *lat = s->xy[1];
    return 1;
}

double jd_shape_distance(const jd_shape *a, const jd_shape *b) {
    return geo__least_m(a, b, 0, (double)INFINITY);
}

jd_shape *jd_shape_make_point(jd_arena *a, double lon, double lat) {
    /* One allocation: a Point is what a city mostly has. */
    struct one {
        jd_shape s;
        double xy[2];
        geo__seq seq;
    } *p = jd_arena_alloc(a, sizeof *p);
    static const geo__part part = {0, 0, 1};
    jd_box box = {lon, lat, lon, lat};
    p->xy[0] = lon;
    p->xy[1] = lat;
    p->seq = (geo__seq){0, 1, GEO__NONE, 0, box};
    p->s = (jd_shape){JD_POINT, 0, 1, 1, 1, 1, box, p->xy, &p->seq, &part, NULL};
    return &p->s;
}

/* ---- trees ---- */

static uint32_t above(uint32_t n) {
    return (n + GEO__FAN - 1) >> GEO__FAN_BITS;
}

uint32_t geo__tree_size(uint32_t items) {
    uint32_t sum = 0;
    if (items <= GEO__PLAIN) return 0;
    do sum += items = above(items);
    while (items > GEO__FAN);
    return sum;
}

geo__tree geo__tree_of(const jd_shape *s, const geo__seq *q) {
    geo__tree t; /* filled up to top */
    const jd_box *at = s->boxes + q->tree;
    uint32_t n = geo__items(q);
    t.top = -1;
    do {
        n = above(n);
        t.top++;
        t.level[t.top] = at;
        t.count[t.top] = n;
        at += n;
    } while (n > GEO__FAN);
    return t;
}

static jd_box join(jd_box a, jd_box b) {
    return (jd_box){a.w < b.w ? a.w : b.w, a.s < b.s ? a.s : b.s, a.e > b.e ? a.e : b.e, a.n > b.n ? a.n : b.n};
}

void geo__tree_build(const double *xy, const geo__seq *q, jd_box *boxes) {
    uint32_t items = geo__items(q), n = above(items);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = i << GEO__FAN_BITS, to = items - from < GEO__FAN ? items : from + GEO__FAN;
        const double *p = xy + 2 * (size_t)(q->at + from);
        jd_box b = {p[0], p[1], p[0], p[1]};
        for (uint32_t k = from + 1; k < to + q->step; k++) {
            p += 2;
            b = join(b, (jd_box){p[0], p[1], p[0], p[1]});
        }
        boxes[i] = b;
    }
    while (n > GEO__FAN) {
        uint32_t below = n;
        jd_box *up = boxes + below;
        n = above(below);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t from = i << GEO__FAN_BITS, to = below - from < GEO__FAN ? below : from + GEO__FAN;
            jd_box b = boxes[from];
            for (uint32_t k = from + 1; k < to; k++) b = join(b, boxes[k]);
            up[i] = b;
        }
        boxes = up;
    }
}
