/* The plane of longitude and latitude: which side, touching, inside. Signs are exact, so that what a fast path says
 * here is what GEOS would say. */
#include "geo/geo_int.h"

#include <math.h>

/* ---- the turn: Shewchuk's filter first, then the exact sum of the eight products ---- */

static void two_sum(double a, double b, double *sum, double *rest) {
    double s = a + b, bb = s - a;
    *sum = s;
    *rest = (a - (s - bb)) + (b - bb);
}

/* Adds b to e, n doubles in growing order that do not overlap; returns the new number (zeros are dropped). */
static int expansion_add(double *e, int n, double b) {
    int m = 0;
    for (int i = 0; i < n; i++) {
        double rest;
        two_sum(b, e[i], &b, &rest);
        if (rest != 0) e[m++] = rest;
    }
    if (b != 0) e[m++] = b;
    return m;
}

static int turn_exact(geo__pos a, geo__pos b, geo__pos c) {
    double f[4][2]; /* head and tail of each difference */
    two_sum(a.x, -c.x, &f[0][0], &f[0][1]);
    two_sum(b.y, -c.y, &f[1][0], &f[1][1]);
    two_sum(a.y, -c.y, &f[2][0], &f[2][1]);
    two_sum(b.x, -c.x, &f[3][0], &f[3][1]);
    double e[16];
    int n = 0;
    for (int k = 0; k < 8; k++) {
        int minus = k >> 2;
        double p = f[2 * minus][k & 1], q = f[2 * minus + 1][k >> 1 & 1];
        if (minus) p = -p;
        double head = p * q;
        n = expansion_add(e, n, fma(p, q, -head));
        n = expansion_add(e, n, head);
    }
    if (n == 0) return 0;
    return e[n - 1] > 0 ? 1 : -1;
}

int geo__turn(geo__pos a, geo__pos b, geo__pos c) {
    double left = (a.x - c.x) * (b.y - c.y), right = (a.y - c.y) * (b.x - c.x);
    double det = left - right, bound = 3.3306690738754716e-16 * (fabs(left) + fabs(right));
    if (det > bound) return 1;
    if (-det > bound) return -1;
    return turn_exact(a, b, c);
}

static jd_box box_of(geo__pos a, geo__pos b) {
    return (jd_box){a.x < b.x ? a.x : b.x, a.y < b.y ? a.y : b.y, a.x < b.x ? b.x : a.x, a.y < b.y ? b.y : a.y};
}

/* Also right for segments of no length: a turn of 0 separates nothing, and the boxes decide. */
geo__meet geo__segments_meet(geo__pos a, geo__pos b, geo__pos c, geo__pos d) {
    if (!geo__boxes_touch(box_of(a, b), box_of(c, d))) return GEO__APART;
    int across = geo__turn(a, b, c) * geo__turn(a, b, d);
    if (across > 0) return GEO__APART;
    int back = geo__turn(c, d, a) * geo__turn(c, d, b);
    return back > 0 ? GEO__APART : across < 0 && back < 0 ? GEO__CROSS : GEO__TOUCH;
}

/* ---- where a point lies ---- */

typedef struct ray { /* from p to the east */
    const jd_shape *s;
    const geo__seq *q;
    geo__tree tree;
    geo__pos p;
    int odd;    /* crossings so far, modulo 2 */
    int border; /* p lies on an edge: nothing else counts */
} ray;

static void ray_items(ray *r, uint32_t from, uint32_t to) {
    const double *xy = r->s->xy + 2 * (size_t)r->q->at;
    double px = r->p.x, py = r->p.y;
    for (uint32_t i = from; i < to && !r->border; i++) {
        const double *a = xy + 2 * (size_t)i, *b = a + 2;
        int a_over = a[1] > py, b_over = b[1] > py;
        if (a_over && b_over) continue;
        if (a[1] < py && b[1] < py) continue;
        if (a[0] < px && b[0] < px) continue;
        if (a[0] > px && b[0] > px) {
            r->odd ^= a_over != b_over;
            continue;
        }
        int turn = geo__turn((geo__pos){a[0], a[1]}, (geo__pos){b[0], b[1]}, r->p);
        if (turn == 0)
            r->border = 1; /* p is within the edge's box, and on its line */
        else if (a_over != b_over)
            r->odd ^= (turn > 0) == b_over;
    }
}

static void ray_nodes(ray *r, int level, uint32_t from, uint32_t to) {
    uint32_t items = geo__items(r->q);
    int shift = GEO__FAN_BITS * (level + 1);
    for (uint32_t i = from; i < to && !r->border; i++) {
        const jd_box *b = &r->tree.level[level][i];
        if (r->p.y < b->s || r->p.y > b->n || r->p.x > b->e) continue;
        uint32_t first = i << shift, end = items - first < 1u << shift ? items : first + (1u << shift);
        if (r->p.x < b->w) { /* the whole chain lies to the east: its two ends tell the parity */
            const double *xy = r->s->xy + 2 * (size_t)r->q->at;
            r->odd ^= (xy[2 * (size_t)first + 1] > r->p.y) != (xy[2 * (size_t)end + 1] > r->p.y);
        } else if (level == 0) {
            ray_items(r, first, end);
        } else {
            uint32_t down = i << GEO__FAN_BITS, most = r->tree.count[level - 1];
            ray_nodes(r, level - 1, down, most - down < GEO__FAN ? most : down + GEO__FAN);
        }
    }
}

static geo__place in_ring(const jd_shape *s, const geo__seq *q, geo__pos p) {
    if (p.x < q->box.w || p.x > q->box.e || p.y < q->box.s || p.y > q->box.n) return GEO__OUTSIDE;
    ray r = {.s = s, .q = q, .p = p};
    if (q->tree == GEO__NONE) {
        ray_items(&r, 0, geo__items(q));
    } else {
        r.tree = geo__tree_of(s, q);
        ray_nodes(&r, r.tree.top, 0, r.tree.count[r.tree.top]);
    }
    return r.border ? GEO__BORDER : r.odd ? GEO__INSIDE : GEO__OUTSIDE;
}

static geo__place in_polygon(const jd_shape *s, const geo__part *part, geo__pos p) {
    geo__place shell = in_ring(s, &s->seqs[part->seq], p);
    if (shell != GEO__INSIDE) return shell;
    for (uint32_t k = 1; k < part->nseq; k++) {
        geo__place hole = in_ring(s, &s->seqs[part->seq + k], p);
        if (hole == GEO__INSIDE) return GEO__OUTSIDE;
        if (hole == GEO__BORDER) return GEO__BORDER;
    }
    return GEO__INSIDE;
}

/* ---- how an item of a sequence meets the segment a-b ---- */

typedef struct probe {
    const jd_shape *s;
    const geo__seq *q;
    geo__tree tree;
    geo__pos a, b;
    jd_box box;
    geo__meet enough; /* stop there */
} probe;

static geo__meet probe_items(const probe *r, uint32_t from, uint32_t to) {
    geo__meet most = GEO__APART;
    for (uint32_t i = from; i < to && most < r->enough; i++) {
        uint32_t at = r->q->at + i;
        geo__meet m = geo__segments_meet(r->a, r->b, geo__at(r->s, at), geo__at(r->s, at + r->q->step));
        if (m > most) most = m;
    }
    return most;
}

static geo__meet probe_nodes(const probe *r, int level, uint32_t from, uint32_t to) {
    geo__meet most = GEO__APART;
    uint32_t all = level ? r->tree.count[level - 1] : geo__items(r->q);
    for (uint32_t i = from; i < to && most < r->enough; i++) {
        if (!geo__boxes_touch(r->box, r->tree.level[level][i])) continue;
        uint32_t down = i << GEO__FAN_BITS, end = all - down < GEO__FAN ? all : down + GEO__FAN;
        geo__meet m = level ? probe_nodes(r, level - 1, down, end) : probe_items(r, down, end);
        if (m > most) most = m;
    }
    return most;
}

static geo__meet seq_meets(const jd_shape *s, const geo__seq *q, geo__pos a, geo__pos b, geo__meet enough) {
    probe r = {.s = s, .q = q, .a = a, .b = b, .box = box_of(a, b), .enough = enough};
    if (!geo__boxes_touch(r.box, q->box)) return GEO__APART;
    if (q->tree == GEO__NONE) return probe_items(&r, 0, geo__items(q));
    r.tree = geo__tree_of(s, q);
    return probe_nodes(&r, r.tree.top, 0, r.tree.count[r.tree.top]);
}

/* ---- how much work two shapes would be for each other ---- */

static size_t meet_nodes(const probe *r, int level, uint32_t from, uint32_t to, size_t max) {
    size_t sum = 0;
    uint32_t most = level ? r->tree.count[level - 1] : geo__items(r->q);
    for (uint32_t i = from; i < to && sum <= max; i++) {
        if (!geo__boxes_touch(r->box, r->tree.level[level][i])) continue;
        uint32_t down = i << GEO__FAN_BITS, end = most - down < GEO__FAN ? most : down + GEO__FAN;
        sum += level ? meet_nodes(r, level - 1, down, end, max) : end - down;
    }
    return sum;
}

static size_t meets(const jd_shape *s, const geo__seq *q, jd_box box, size_t max) {
    probe r = {.s = s, .q = q, .box = box};
    if (!geo__boxes_touch(box, q->box)) return 0;
    if (q->tree == GEO__NONE) return geo__items(q);
    r.tree = geo__tree_of(s, q);
    return meet_nodes(&r, r.tree.top, 0, r.tree.count[r.tree.top], max);
}

int geo__tangled(const jd_shape *a, const jd_shape *b, size_t max) {
    size_t sum = 0;
    if ((size_t)a->npos * b->npos <= max) return 0;
    for (uint32_t i = 0; i < a->nseq; i++) {
        const geo__seq *q = &a->seqs[i];
        for (uint32_t k = 0, n = geo__items(q); k < n; k++) {
            jd_box box = box_of(geo__at(a, q->at + k), geo__at(a, q->at + k + q->step));
            for (uint32_t j = 0; j < b->nseq; j++) {
                sum += meets(b, &b->seqs[j], box, max);
                if (sum > max) return 1;
            }
        }
    }
    return 0;
}

/* ---- shapes ---- */

static int same(geo__pos a, geo__pos b) {
    return a.x == b.x && a.y == b.y;
}

geo__place geo__locate(const jd_shape *s, geo__pos p) {
    if (p.x < s->box.w || p.x > s->box.e || p.y < s->box.s || p.y > s->box.n) return GEO__OUTSIDE;
    geo__place best = GEO__OUTSIDE;
    int on_line = 0, ends = 0;
    for (uint32_t i = 0; i < s->npart; i++) {
        const geo__part *part = &s->parts[i];
        const geo__seq *q = &s->seqs[part->seq];
        if (part->dim == 2) {
            geo__place at = in_polygon(s, part, p);
            if (at > best) best = at;
        } else if (seq_meets(s, q, p, p, GEO__TOUCH)) {
            geo__pos first = geo__at(s, q->at), last = geo__at(s, q->at + q->n - 1);
            if (part->dim == 0) return GEO__INSIDE;
            on_line = 1;
            if (!same(first, last) && (same(p, first) || same(p, last))) ends ^= 1;
        }
    }
    if (on_line && (!ends || best == GEO__INSIDE)) return GEO__INSIDE;
    return on_line && best == GEO__OUTSIDE ? GEO__BORDER : best;
}

static int in_areas(const jd_shape *s, geo__pos p) {
    for (uint32_t i = 0; i < s->npart; i++)
        if (s->parts[i].dim == 2 && in_polygon(s, &s->parts[i], p) != GEO__OUTSIDE) return 1;
    return 0;
}

static geo__meet lines_meet(const jd_shape *few, const jd_shape *many, geo__meet enough) {
    geo__meet most = GEO__APART;
    for (uint32_t i = 0; i < few->nseq; i++) {
        const geo__seq *q = &few->seqs[i];
        if (!geo__boxes_touch(q->box, many->box)) continue;
        for (uint32_t k = 0, n = geo__items(q); k < n && most < enough; k++) {
            geo__pos a = geo__at(few, q->at + k), b = geo__at(few, q->at + k + q->step);
            if (!geo__boxes_touch(box_of(a, b), many->box)) continue;
            for (uint32_t j = 0; j < many->nseq && most < enough; j++) {
                geo__meet m = seq_meets(many, &many->seqs[j], a, b, enough);
                if (m > most) most = m;
            }
        }
    }
    return most;
}

/* With no line touching another, a line or shell of `in` lies wholly inside an area of `out` or wholly outside. */
static int lies_in(const jd_shape *in, const jd_shape *out) {
    if (out->dim < 2) return 0;
    for (uint32_t i = 0; i < in->npart; i++) {
        const geo__seq *q = &in->seqs[in->parts[i].seq];
        if (!geo__boxes_touch(q->box, out->box)) continue;
        for (uint32_t k = 0, n = q->step ? 1 : q->n; k < n; k++)
            if (in_areas(out, geo__at(in, q->at + k))) return 1;
    }
    return 0;
}

int geo__intersects(const jd_shape *a, const jd_shape *b) {
    if (!geo__boxes_touch(a->box, b->box)) return 0;
    if (a->npos > b->npos) {
        const jd_shape *t = a;
        a = b;
        b = t;
    }
    if (a->npos == 1) return geo__locate(b, geo__at(a, 0)) != GEO__OUTSIDE;
    return lies_in(a, b) || lies_in(b, a) || lines_meet(a, b, GEO__TOUCH) != GEO__APART;
}

/* ---- what crossing or staying apart decides ---- */

static int areas_only(const jd_shape *s) {
    return s->type == JD_POLYGON || s->type == JD_MULTIPOLYGON;
}

/* Unchecked members may lie over each other; then an edge of one need not be an edge of the whole. A single ring that
 * crosses itself still has its area on one side of each edge: what an odd number of turns surrounds. */
static int loose(const jd_shape *s) {
    return !s->checked && s->npart > 1;
}

int geo__inside(const jd_shape *in, const jd_shape *out) {
    if (!areas_only(out)) return -1;
    geo__meet m = in->npos < out->npos ? lines_meet(in, out, GEO__CROSS) : lines_meet(out, in, GEO__CROSS);
    if (m == GEO__CROSS) return loose(out) ? -1 : 0; /* on one side of an area's edge is no area */
    if (m == GEO__TOUCH) return -1;
    for (uint32_t i = 0; i < in->npart; i++) {
        const geo__seq *q = &in->seqs[in->parts[i].seq];
        for (uint32_t k = 0, n = q->step ? 1 : q->n; k < n; k++)
            if (!in_areas(out, geo__at(in, q->at + k))) return 0;
    }
    for (uint32_t i = 0; i < out->nseq && in->dim == 2; i++) /* a hole that lies in the middle of it */
        if (in_areas(in, geo__at(out, out->seqs[i].at))) return 0;
    return 1;
}

int geo__overlap(const jd_shape *a, const jd_shape *b) {
    if (!areas_only(a) || !areas_only(b)) return -1;
    geo__meet m = a->npos < b->npos ? lines_meet(a, b, GEO__CROSS) : lines_meet(b, a, GEO__CROSS);
    if (m == GEO__CROSS)
        return loose(a) || loose(b)
                   ? -1
                   : 1; /* round a crossing of edges lie a part of both, a part of each, and a part of none */
    return m == GEO__APART && a->nseq == 1 && b->nseq == 1 ? 0 : -1; /* one in the other, or beside it */
}
