/* GEOS, behind four questions: within, contains, overlaps, equals; and validity. It neither prints nor ends the
 * process: each thread has its own context, whose messages land in a buffer, and every call's error value is passed on.
 *
 * A prepared geometry builds its index while it is being asked, so it must not be shared. A query therefore keeps a
 * stock of prepared copies: a thread takes one (or prepares one when none is left), asks, and puts it back. There are
 * never more of them than threads that asked at once, and a query that only meets points prepares none. */
#include "geo/geo_int.h"

#include <geos_c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef GEOSGeometry geom;

/* ---- one context per thread ---- */

typedef struct engine {
    GEOSContextHandle_t h;
    char said[200]; /* the last error's text */
} engine;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_bad;

static void on_error(const char *text, void *user) {
    engine *g = user;
    snprintf(g->said, sizeof g->said, "%s", text);
}
static void on_notice(const char *text, void *user) {
    (void)text;
    (void)user;
}
static void thread_ends(void *p) {
    engine *g = p;
    GEOS_finish_r(g->h);
    free(g);
}
static void make_key(void) {
    key_bad = pthread_key_create(&key, thread_ends);
}

static engine *this_thread(void) {
    pthread_once(&once, make_key);
    if (key_bad) return NULL;
    engine *g = pthread_getspecific(key);
    if (g) return g;
    g = jd_xcalloc(1, sizeof *g);
    g->h = GEOS_init_r();
    if (g->h && pthread_setspecific(key, g) == 0) {
        GEOSContext_setErrorMessageHandler_r(g->h, on_error, g);
        GEOSContext_setNoticeMessageHandler_r(g->h, on_notice, g);
        return g;
    }
    if (g->h) GEOS_finish_r(g->h);
    free(g);
    return NULL;
}

/* ---- from shapes ---- */

static GEOSCoordSequence *coords(const engine *g, const jd_shape *s, const geo__seq *q) {
    return GEOSCoordSeq_copyFromBuffer_r(g->h, s->xy + 2 * (size_t)q->at, q->n, 0, 0);
}

static void drop_all(const engine *g, geom **all, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (all[i]) GEOSGeom_destroy_r(g->h, all[i]);
    free(all);
}

static geom *ring(const engine *g, const jd_shape *s, const geo__seq *q) {
    GEOSCoordSequence *c = coords(g, s, q);
    return c ? GEOSGeom_createLinearRing_r(g->h, c) : NULL; /* takes c, also when it fails */
}

static geom *polygon(const engine *g, const jd_shape *s, const geo__part *part) {
    uint32_t holes = part->nseq - 1;
    geom *shell = ring(g, s, &s->seqs[part->seq]);
    if (!shell) return NULL;
    geom **all = holes ? jd_xcalloc(holes, sizeof *all) : NULL;
    for (uint32_t i = 0; i < holes; i++) {
        all[i] = ring(g, s, &s->seqs[part->seq + 1 + i]);
        if (!all[i]) {
            drop_all(g, all, i);
            GEOSGeom_destroy_r(g->h, shell);
            return NULL;
        }
    }
    geom *made = GEOSGeom_createPolygon_r(g->h, shell, all, holes); /* takes the rings */
    free(all);
    return made;
}

static geom *line(const engine *g, const jd_shape *s, const geo__part *part) {
    GEOSCoordSequence *c = coords(g, s, &s->seqs[part->seq]);
    return c ? GEOSGeom_createLineString_r(g->h, c) : NULL;
}

static int pointlike(jd_box b) {
    return b.w == b.e && b.s == b.n;
}
/* A line of no length is a point (a parked car's track): GEOS would see nothing there. */
static uint32_t true_dim(const jd_shape *s, const geo__part *part) {
    return part->dim == 1 && pointlike(s->seqs[part->seq].box) ? 0 : part->dim;
}

/* The parts [part, part + n) of one dimension as one geometry; NULL when there are none, with *bad set when GEOS
 * failed. */
static geom *gather(const engine *g, const jd_shape *s, uint32_t part, uint32_t n, uint32_t dim, int *bad) {
    static const int multi[] = {GEOS_MULTIPOINT, GEOS_MULTILINESTRING, GEOS_MULTIPOLYGON};
    size_t count = 0, made = 0;
    for (uint32_t i = part; i < part + n; i++)
        if (true_dim(s, &s->parts[i]) == dim) count += s->parts[i].dim == 0 ? s->seqs[s->parts[i].seq].n : 1;
    if (count == 0) return NULL;
    geom **all = jd_xcalloc(count, sizeof *all);
    for (uint32_t i = part; i < part + n; i++) {
        const geo__part *p = &s->parts[i];
        if (true_dim(s, p) != dim) continue;
        const geo__seq *q = &s->seqs[p->seq];
        for (uint32_t k = 0, end = p->dim == 0 ? q->n : 1; k < end; k++) {
            geo__pos at = geo__at(s, q->at + k);
            geom *one = dim == 2   ? polygon(g, s, p)
                        : dim == 1 ? line(g, s, p)
                                   : GEOSGeom_createPointFromXY_r(g->h, at.x, at.y);
            if (!one) {
                drop_all(g, all, made);
                *bad = 1;
                return NULL;
            }
            all[made++] = one;
        }
    }
    geom *whole = count == 1 ? all[0] : GEOSGeom_createCollection_r(g->h, multi[dim], all, (unsigned)count);
    free(all);
    if (!whole) *bad = 1;
    return whole;
}

/* The area that one ring surrounds an odd number of times. */
static geom *solid(const engine *g, const geom *ring_of_it) {
    geom *copy = ring_of_it ? GEOSGeom_clone_r(g->h, ring_of_it) : NULL;
    geom *raw = copy ? GEOSGeom_createPolygon_r(g->h, copy, NULL, 0) : NULL; /* takes the copy */
    geom *valid = raw ? GEOSMakeValid_r(g->h, raw) : NULL;
    if (raw) GEOSGeom_destroy_r(g->h, raw);
    return valid;
}

/* Shell without holes, wherever they lie. GEOS's own repair would make an area of a hole outside the shell. */
static geom *cut_out(const engine *g, const geom *one) {
    geom *rest = solid(g, GEOSGetExteriorRing_r(g->h, one));
    for (int i = 0, n = GEOSGetNumInteriorRings_r(g->h, one); i < n && rest; i++) {
        geom *hole = solid(g, GEOSGetInteriorRingN_r(g->h, one, i));
        geom *less = hole ? GEOSDifference_r(g->h, rest, hole) : NULL;
        GEOSGeom_destroy_r(g->h, rest);
        if (hole) GEOSGeom_destroy_r(g->h, hole);
        rest = less;
    }
    return rest;
}

/* What was not checked may cross itself. The area of many is then the union, as geo__locate has it. Takes `whole`. */
static geom *repaired(const engine *g, geom *whole) {
    char valid = GEOSisValid_r(g->h, whole);
    if (valid == 1) return whole;
    int n = valid == 0 ? GEOSGetNumGeometries_r(g->h, whole) : -1, made = 0;
    geom **all = n > 0 ? jd_xcalloc((size_t)n, sizeof *all) : NULL, *sum = NULL;
    while (made < n && (all[made] = cut_out(g, GEOSGetGeometryN_r(g->h, whole, made)))) made++;
    GEOSGeom_destroy_r(g->h, whole);
    if (n <= 0 || made < n) {
        drop_all(g, all, (size_t)made);
        return NULL;
    }
    geom *loose = GEOSGeom_createCollection_r(g->h, GEOS_GEOMETRYCOLLECTION, all, (unsigned)n);
    free(all);
    if (loose) {
        sum = GEOSUnaryUnion_r(g->h, loose);
        GEOSGeom_destroy_r(g->h, loose);
    }
    return sum;
}

/* The same of a whole shape, its areas made valid. */
static geom *gather_sound(const engine *g, const jd_shape *s, uint32_t dim, int *bad) {
    geom *whole = gather(g, s, 0, s->npart, dim, bad);
    if (!whole || dim < 2 || s->checked) return whole;
    whole = repaired(g, whole);
    if (!whole) *bad = 1;
    return whole;
}

/* ---- validity ---- */

static const struct reason {
    const char *says, *en, *zh;
} reasons[] = {
    {"Ring Self-intersection", "the ring touches itself", "环与自身相接"},
    {"Self-intersection", "the polygon's edges cross", "多边形的边相交"},
    {"Hole lies outside shell", "a hole lies outside its outer ring", "内环在外环之外"},
    {"Holes are nested", "a hole lies inside another hole", "内环位于另一内环之中"},
    {"Nested shells", "a polygon lies inside another of the same geometry", "一个多边形位于同一几何的另一多边形之中"},
    {"Interior is disconnected", "the holes cut the polygon in two", "内环把多边形分割开了"},
    {"Duplicate Rings", "the same ring stands there twice", "同一环出现了两次"},
    {"Too few points in geometry component", "the ring has no area", "环没有面积"},
};

static double apart(geo__pos a, geo__pos b, geo__pos p) {
    double dx = b.x - a.x, dy = b.y - a.y, len = dx * dx + dy * dy;
    double t = len > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / len : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double x = a.x + t * dx - p.x, y = a.y + t * dy - p.y;
    return x * x + y * y;
}

/* The position that begins the edge nearest to p. */
static uint32_t beside(const jd_shape *s, uint32_t part, uint32_t n, geo__pos p) {
    uint32_t at = s->seqs[s->parts[part].seq].at;
    double best = -1;
    for (uint32_t i = part; i < part + n; i++) {
        for (uint32_t k = 0; k < s->parts[i].nseq; k++) {
            const geo__seq *q = &s->seqs[s->parts[i].seq + k];
            for (uint32_t j = q->at; j + 1 < q->at + q->n; j++) {
                double d = apart(geo__at(s, j), geo__at(s, j + 1), p);
                if (best >= 0 && d >= best) continue;
                best = d;
                at = j;
            }
        }
    }
    return at;
}

int geo__topo_valid(const jd_shape *s, uint32_t part, uint32_t n, const char **en, const char **zh, uint32_t *at) {
    engine *g = this_thread();
    *en = "the geometry engine could not be started";
    if (!g) return -1;
    *en = g->said;
    int bad = 0;
    geom *whole = gather(g, s, part, n, 2, &bad);
    if (!whole) return -1;
    char *why = NULL;
    geom *where = NULL;
    int valid = GEOSisValidDetail_r(g->h, whole, 0, &why, &where);
    if (valid == 0) {
        *en = "the polygon is not valid";
        *zh = "多边形无效";
        for (size_t i = 0; why && i < sizeof reasons / sizeof *reasons; i++) {
            if (strcmp(why, reasons[i].says) != 0) continue;
            *en = reasons[i].en;
            *zh = reasons[i].zh;
            break;
        }
        geo__pos p = {0, 0};
        if (where) GEOSGeomGetX_r(g->h, where, &p.x), GEOSGeomGetY_r(g->h, where, &p.y);
        *at = beside(s, part, n, p);
    }
    if (why) GEOSFree_r(g->h, why);
    if (where) GEOSGeom_destroy_r(g->h, where);
    GEOSGeom_destroy_r(g->h, whole);
    return valid == 1 ? 1 : valid == 0 ? 0 : -1;
}

int geo__topo_sound(const jd_shape *s) {
    const char *en, *zh;
    uint32_t at;
    return !geo__tangled(s, s, GEO__LINE_PAIRS_MAX + GEO__LINE_PAIRS_EACH * (size_t)s->npos) &&
           geo__topo_valid(s, 0, s->npart, &en, &zh, &at) == 1;
}

/* ---- the stock of prepared queries ---- */

typedef struct ready {
    struct ready *next;
    geom *g;
    const GEOSPreparedGeometry *p;
} ready;

struct geo__topo {
    const jd_shape *query;
    pthread_mutex_t lock; /* of stock */
    ready *stock;
};

geo__topo *geo__topo_new(jd_arena *a, const jd_shape *query) {
    geo__topo *t = JD_NEW(a, geo__topo);
    t->query = query;
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

static void ready_free(const engine *g, ready *r) {
    if (r->p) GEOSPreparedGeom_destroy_r(g->h, r->p);
    if (r->g) GEOSGeom_destroy_r(g->h, r->g);
    free(r);
}

void geo__topo_fini(geo__topo *t) {
    engine *g = t->stock ? this_thread() : NULL;
    while (t->stock && g) {
        ready *r = t->stock;
        t->stock = r->next;
        ready_free(g, r);
    }
    pthread_mutex_destroy(&t->lock);
}

static ready *take(const engine *g, geo__topo *t) {
    pthread_mutex_lock(&t->lock);
    ready *r = t->stock;
    if (r) t->stock = r->next;
    pthread_mutex_unlock(&t->lock);
    if (r) return r;
    int bad = 0;
    r = jd_xcalloc(1, sizeof *r);
    r->g = gather_sound(g, t->query, t->query->dim, &bad);
    r->p = r->g ? GEOSPrepare_r(g->h, r->g) : NULL;
    if (r->p) return r;
    ready_free(g, r);
    return NULL;
}

static void put_back(geo__topo *t, ready *r) {
    pthread_mutex_lock(&t->lock);
    r->next = t->stock;
    t->stock = r;
    pthread_mutex_unlock(&t->lock);
}

/* ---- the questions; GEOS says 2 on failure, which travels as -1 ---- */

static int said(char answer) {
    return answer == 0 || answer == 1 ? answer : -1;
}

static int ask_plain(const engine *g, const ready *q, geo__rel rel, const geom *t) {
    switch (rel) {
    case GEO__WITHIN: return said(GEOSPreparedContains_r(g->h, q->p, t));
    case GEO__CONTAINS: return said(GEOSPreparedWithin_r(g->h, q->p, t));
    case GEO__OVERLAPS: return said(GEOSPreparedOverlaps_r(g->h, q->p, t));
    case GEO__EQUALS: break;
    }
    return said(GEOSEquals_r(g->h, q->g, t));
}

/* Is the query covered by the union of t[0], t[1], t[2]? What remains of a line after cutting may leave crumbs of
 * rounding: up to 1e-9 degrees (0.1 mm) counts as nothing. */
static int covered_by_all(const engine *g, const ready *q, uint32_t qdim, geom *const t[3]) {
    for (int d = 2; d >= (int)qdim; d--) {
        int all = t[d] ? said(GEOSCovers_r(g->h, t[d], q->g)) : 0;
        if (all) return all;
    }
    if (qdim == 2) return 0;
    geom *rest = GEOSGeom_clone_r(g->h, q->g);
    for (int d = 2; d >= (int)qdim && rest; d--) {
        if (!t[d]) continue;
        geom *less = GEOSDifference_r(g->h, rest, t[d]);
        GEOSGeom_destroy_r(g->h, rest);
        rest = less;
    }
    double length = 0;
    int none = rest ? said(GEOSisEmpty_r(g->h, rest)) : -1;
    if (none == 0 && qdim == 1) none = GEOSLength_r(g->h, rest, &length) == 1 ? length <= 1e-9 : -1;
    if (rest) GEOSGeom_destroy_r(g->h, rest);
    return none;
}

/* A target of several dimensions (a collection), which GEOS does not relate: each dimension becomes one valid geometry
 * t[d], and the four relations are put together from "covers" and "interiors meet". */
static int ask_mixed(const engine *g, const ready *q, uint32_t qdim, geo__rel rel, geom *const t[3]) {
    int inside = 1, meet = 0, dim = t[2] ? 2 : t[1] ? 1 : 0;
    for (int d = 0; d < 3; d++) {
        if (!t[d]) continue;
        int in = said(GEOSPreparedCovers_r(g->h, q->p, t[d]));
        int meets = said(GEOSRelatePattern_r(g->h, t[d], q->g, "T********"));
        if (in < 0 || meets < 0) return -1;
        inside &= in;
        meet |= meets;
    }
    if (rel == GEO__WITHIN) return inside && meet;
    int holds = covered_by_all(g, q, qdim, t);
    if (holds < 0) return -1;
    if (rel == GEO__CONTAINS) return holds && meet;
    if (rel == GEO__EQUALS) return holds && inside;
    if (holds || inside || dim != (int)qdim) return 0;
    return said(GEOSRelatePattern_r(g->h, t[dim], q->g, dim == 1 ? "1********" : "T********"));
}

static int ask(const engine *g, const ready *q, uint32_t qdim, geo__rel rel, const jd_shape *target) {
    geom *t[3] = {NULL, NULL, NULL};
    int bad = 0, kinds = 0, answer = -1;
    for (uint32_t d = 0; d < 3 && !bad; d++) {
        t[d] = gather_sound(g, target, d, &bad);
        kinds += t[d] != NULL;
    }
    int collection = target->type == JD_GEOMETRYCOLLECTION;
    for (uint32_t d = 1; d < 3 && !bad && collection; d++) { /* members may lie over each other */
        if (!t[d]) continue;
        geom *whole = GEOSUnaryUnion_r(g->h, t[d]);
        GEOSGeom_destroy_r(g->h, t[d]);
        t[d] = whole;
        bad = !whole;
    }
    if (!bad && kinds == 1)
        answer = ask_plain(g, q, rel, t[0] ? t[0] : t[1] ? t[1] : t[2]);
    else if (!bad)
        answer = ask_mixed(g, q, qdim, rel, t);
    for (int d = 0; d < 3; d++)
        if (t[d]) GEOSGeom_destroy_r(g->h, t[d]);
    return answer;
}

int geo__topo_test(geo__topo *t, geo__rel rel, const jd_shape *target) {
    const jd_shape *q = t->query;
    size_t most = GEO__PAIRS_MAX;
    if (q->dim == 1 || target->dim == 1 || !q->checked || !target->checked)
        most = GEO__LINE_PAIRS_MAX + GEO__LINE_PAIRS_EACH * ((size_t)q->npos + target->npos);
    if (geo__tangled(target, target, most) || geo__tangled(q, target, most) || geo__tangled(q, q, most)) return -1;
    engine *g = this_thread();
    ready *one = g ? take(g, t) : NULL;
    if (!one) return -1;
    int answer = ask(g, one, q->dim, rel, target);
    put_back(t, one);
    return answer;
}
