/* geo/geo_int.h - what the files of this room share; nobody else includes it (its tests do). */
#ifndef JD_GEO_INT_H
#define JD_GEO_INT_H
#include "geo/geo.h"

/* A shape is flat: all positions in one array, cut into sequences (a line, a ring, a bag of points), and sequences into
 * parts (one polygon, one line, the points of one MultiPoint). Multi-geometries and collections are more parts; nothing
 * nests. A sequence of more than GEO__PLAIN items carries a tree of boxes over its items in the order of the ring, FAN
 * items to a box and FAN boxes to the box above: neighbours on a ring are neighbours on the ground, so this is a good
 * R-tree that costs one pass and 4.6 bytes a position. */
enum { GEO__FAN_BITS = 3, GEO__FAN = 1 << GEO__FAN_BITS, GEO__PLAIN = 16, GEO__LEVELS = 8 };
/* Pairs of edges that GEOS is let look at in one call, some 0.2 s of work. Lines may cross themselves at will, and each
 * crossing costs much more than a pair of edges of polygons; a plain line has about ten pairs a position (by the count
 * of geo__tangled, which takes whole leaves). */
enum { GEO__PAIRS_MAX = 4000000, GEO__LINE_PAIRS_MAX = 100000, GEO__LINE_PAIRS_EACH = 16 };
#define GEO__NONE UINT32_MAX

typedef struct geo__seq {
    uint32_t at, n; /* positions at .. at + n - 1 */
    uint32_t tree;  /* its first box in boxes, or GEO__NONE */
    uint32_t step;  /* 1: item i is the edge from position i to i + 1; 0: item i is the point i */
    jd_box box;
} geo__seq;

typedef struct geo__part {
    uint32_t dim, seq, nseq; /* dim 2: shell, then holes; 0 and 1: one sequence */
} geo__part;

struct jd_shape {
    jd_geotype type;
    uint32_t dim;     /* the greatest of its parts; a line of no length counts as a point */
    uint32_t checked; /* no polygon of it crosses itself or another */
    uint32_t npos, nseq, npart;
    jd_box box;
    const double *xy; /* longitude, latitude, ... */
    const geo__seq *seqs;
    const geo__part *parts;
    const jd_box *boxes;
};

typedef struct geo__pos {
    double x, y;
} geo__pos;

static inline geo__pos geo__at(const jd_shape *s, uint32_t i) {
    return (geo__pos){s->xy[2 * (size_t)i], s->xy[2 * (size_t)i + 1]};
}
static inline uint32_t geo__items(const geo__seq *q) {
    return q->n - q->step;
}
static inline int geo__boxes_touch(jd_box a, jd_box b) {
    return a.w <= b.e && b.w <= a.e && a.s <= b.n && b.s <= a.n;
}
static inline int geo__box_inside(jd_box in, jd_box out) {
    return in.w >= out.w && in.e <= out.e && in.s >= out.s && in.n <= out.n;
}

/* The boxes of one sequence, level 0 (over the items) first. */
typedef struct geo__tree {
    const jd_box *level[GEO__LEVELS];
    uint32_t count[GEO__LEVELS];
    int top;
} geo__tree;
geo__tree geo__tree_of(const jd_shape *s, const geo__seq *q);
/* Boxes that the tree of a sequence of that many items needs; 0 for a short one. */
uint32_t geo__tree_size(uint32_t items);
void geo__tree_build(const double *xy, const geo__seq *q, jd_box *boxes);

/* plane.c: exact answers on the plane of longitude and latitude, in which GeoJSON's edges are straight (RFC
 * 7946, 3.1.1). */
/* Sign of the turn a -> b -> c: 1 left, -1 right, 0 straight; exact for all finite doubles that do not underflow. */
int geo__turn(geo__pos a, geo__pos b, geo__pos c);
typedef enum geo__meet { GEO__APART, GEO__TOUCH, GEO__CROSS } geo__meet; /* cross: in the middle of both */
geo__meet geo__segments_meet(geo__pos a, geo__pos b, geo__pos c, geo__pos d);
typedef enum geo__place { GEO__OUTSIDE, GEO__BORDER, GEO__INSIDE } geo__place;
/* Where p lies. Boundaries are those of OGC simple features: rings of polygons; ends of lines that an odd number of
 * lines share; none for points. In a collection inside any part is inside. */
geo__place geo__locate(const jd_shape *s, geo__pos p);
int geo__intersects(const jd_shape *a, const jd_shape *b);
/* Is `in` within the areas `out`? Do two areas overlap? 1, 0, or -1 where an edge runs along another or through a
 * corner: then only the whole topology can say. */
int geo__inside(const jd_shape *in, const jd_shape *out);
int geo__overlap(const jd_shape *a, const jd_shape *b);
/* Would more than `max` pairs of edges (one of a, one of b) have to be looked at, since their boxes meet? Bounds the
 * work that is handed to GEOS, whose time and memory grow with the pairs. */
int geo__tangled(const jd_shape *a, const jd_shape *b, size_t max);

/* sphere.c */
#define GEO__RADIUS_M 6371008.8
double geo__metres(geo__pos a, geo__pos b);
/* Least distance in metres. The search may stop as soon as it found <= enough_m, and may return INFINITY for anything
 * above limit_m. */
double geo__least_m(const jd_shape *a, const jd_shape *b, double enough_m, double limit_m);
/* Boxes around all within `metres` of the box; returns 1 or 2. */
int geo__around(jd_box b, double metres, jd_box out[2]);

/* topo.c: the only file that knows GEOS. */
typedef enum geo__rel { GEO__WITHIN, GEO__CONTAINS, GEO__OVERLAPS, GEO__EQUALS } geo__rel;
typedef struct geo__topo geo__topo;
/* One query geometry, prepared at need and as many times as threads use it at once. Lives in the arena until fini. */
geo__topo *geo__topo_new(jd_arena *a, const jd_shape *query);
void geo__topo_fini(geo__topo *t);
int geo__topo_test(geo__topo *t, geo__rel rel, const jd_shape *target); /* 1, 0, or -1 when GEOS gave up */
/* Is every polygon of the shape valid? 0 also when it is too tangled to tell. */
int geo__topo_sound(const jd_shape *s);
/* Are the polygons of parts [part, part + n) valid together? 1 yes; 0 no, and then *en, *zh say why (static text) and
 * *at the number of the position beside the fault; -1 when GEOS gave up, *en says why. */
int geo__topo_valid(const jd_shape *s, uint32_t part, uint32_t n, const char **en, const char **zh, uint32_t *at);
#endif
