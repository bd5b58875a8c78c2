/* Distances on the sphere. The work is done in haversines (the squared half chord, which grows with the distance): they
 * need no arcsine, are exact near zero, and give lower bounds for boxes. */
#include "geo/geo_int.h"

#include <math.h>

#define RAD (M_PI / 180)

static double hav(double degrees) {
    double s = sin(degrees * (RAD / 2));
    return s * s;
}
static double cosd(double degrees) {
    return cos(degrees * RAD);
}
static double metres_of(double h) {
    return 2 * GEO__RADIUS_M * asin(h < 1 ? sqrt(h) : 1);
}
static double hav_of(double metres) {
    double half = metres / (2 * GEO__RADIUS_M), s = sin(half);
    return half < M_PI / 2 ? s * s : 1;
}

double geo__metres(geo__pos a, geo__pos b) {
    return metres_of(hav(b.y - a.y) + cosd(a.y) * cosd(b.y) * hav(b.x - a.x));
}

/* The search for the least distance from one point. */
typedef struct near {
    geo__pos p;
    double cos_p;
    double best;     /* haversine of what was found so far, or of the limit */
    double best_deg; /* the same as an angle, a little more: latitudes further apart need no sine */
    double enough;   /* stop at this haversine */
    const jd_shape *s;
    const geo__seq *q;
    geo__tree tree;
} near;

static void improve(near *n, double h) {
    if (h >= n->best) return;
    if (h < 0) h = 0; /* a cosine just beyond a pole */
    n->best = h;
    n->best_deg = 2 * asin(sqrt(h)) / RAD * (1 + 1e-9);
}

static double gap(double p, double low, double high) {
    return p < low ? low - p : p > high ? p - high : 0;
}

/* No point of the box is nearer: hav(d) = hav(dlat) + cos cos hav(dlon), each term at its least. */
static double at_least(const near *n, jd_box b) {
    double dlat = gap(n->p.y, b.s, b.n);
    if (dlat > n->best_deg) return 1;
    double dlon = 0;
    if (n->p.x < b.w || n->p.x > b.e) {
        double east = b.w - n->p.x, west = n->p.x - b.e;
        if (east < 0) east += 360;
        if (west < 0) west += 360;
        dlon = east < west ? east : west;
    }
    double cos_b = cosd(fabs(b.s) > fabs(b.n) ? b.s : b.n);
    return (hav(dlat) + n->cos_p * cos_b * hav(dlon)) * (1 - 1e-9);
}

/* Least haversine to a piece of an edge that begins at (x, y) as seen from p and goes by (dx, dy), all in radians:
 * Newton's steps from where a plane scaled by p's latitude would have it. The last place looked at is measured exactly.
 */
static void near_piece(near *n, double x, double y, double dx, double dy) {
    double k = n->cos_p, t = -(x * dx * k * k + y * dy) / (dx * dx * k * k + dy * dy), lat = n->p.y * RAD;
    t = !(t > 0) ? 0 : t > 1 ? 1 : t; /* a piece of no length makes it 0 / 0 */
    for (int turn = 0; turn < 5; turn++) {
        double half_y = (y + t * dy) / 2, half_x = (x + t * dx) / 2, phi = lat + 2 * half_y;
        double sy = sin(half_y), cy = cos(half_y), sx = sin(half_x), cx = cos(half_x), sp = sin(phi), cp = cos(phi);
        improve(n, sy * sy + k * cp * sx * sx);
        double slope = sy * cy * dy + k * sx * (cp * cx * dx - sp * sx * dy);
        double bend = (cy * cy - sy * sy) / 2 * dy * dy + k * ((cx * cx - sx * sx) / 2 * cp * dx * dx -
                                                               2 * sp * sx * cx * dx * dy - cp * sx * sx * dy * dy);
        double next = bend > 0 ? t - slope / bend : slope > 0 ? 0 : 1; /* no valley: downhill to an end */
        next = next < 0 ? 0 : next > 1 ? 1 : next;
        if (!(fabs(next - t) > 1e-6)) return;
        t = next;
    }
}

/* Edges are straight in longitude and latitude; long ones are taken a degree at a time, so that each has one valley. */
static void near_edge(near *n, geo__pos a, geo__pos b) {
    double low = a.y < b.y ? a.y : b.y, high = a.y < b.y ? b.y : a.y;
    if (gap(n->p.y, low, high) > n->best_deg) return;
    double wide = fmax(fabs(b.x - a.x), high - low);
    int pieces = wide > 1 ? (int)ceil(wide) : 1;
    double dx = (b.x - a.x) / pieces, dy = (b.y - a.y) / pieces;
    for (int k = 0; k < pieces; k++)
        near_piece(n, remainder(a.x + k * dx - n->p.x, 360) * RAD, (a.y + k * dy - n->p.y) * RAD, dx * RAD, dy * RAD);
}

static void near_items(near *n, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to && n->best > n->enough; i++) {
        uint32_t at = n->q->at + i;
        near_edge(n, geo__at(n->s, at), geo__at(n->s, at + n->q->step));
    }
}

static void near_nodes(near *n, int level, uint32_t from, uint32_t to) {
    double bound[GEO__FAN];
    uint32_t order[GEO__FAN], count = 0;
    for (uint32_t i = from; i < to; i++) { /* nearest box first */
        double h = at_least(n, n->tree.level[level][i]);
        uint32_t k = count++;
        for (; k > 0 && bound[k - 1] > h; k--) {
            bound[k] = bound[k - 1];
            order[k] = order[k - 1];
        }
        bound[k] = h;
        order[k] = i;
    }
    uint32_t most = level ? n->tree.count[level - 1] : geo__items(n->q);
    for (uint32_t k = 0; k < count && bound[k] < n->best && n->best > n->enough; k++) {
        uint32_t down = order[k] << GEO__FAN_BITS, end = most - down < GEO__FAN ? most : down + GEO__FAN;
        if (level)
            near_nodes(n, level - 1, down, end);
        else
            near_items(n, down, end);
    }
}

static void near_shape(near *n, geo__pos p) {
    n->p = p;
    n->cos_p = cosd(p.y);
    for (uint32_t i = 0; i < n->s->nseq; i++) {
        n->q = &n->s->seqs[i];
        if (n->best <= n->enough || at_least(n, n->q->box) >= n->best) continue;
        if (n->q->tree == GEO__NONE) {
            near_items(n, 0, geo__items(n->q));
        } else {
            n->tree = geo__tree_of(n->s, n->q);
            near_nodes(n, n->tree.top, 0, n->tree.count[n->tree.top]);
        }
    }
}

/* The least distance between lines that do not touch is at an end of one of them, or so near to it as makes no
 * difference when long edges are walked in steps of a degree. */
static void near_all(near *n, const jd_shape *from) {
    for (uint32_t i = 0; i < from->nseq; i++) {
        const geo__seq *q = &from->seqs[i];
        for (uint32_t k = 0; k < q->n; k++) {
            geo__pos a = geo__at(from, q->at + k);
            near_shape(n, a);
            if (!q->step || k + 1 == q->n) continue;
            geo__pos b = geo__at(from, q->at + k + 1);
            int steps = (int)ceil(fmax(fabs(b.x - a.x), fabs(b.y - a.y)));
            for (int j = 1; j < steps; j++) {
                double t = (double)j / steps;
                near_shape(n, (geo__pos){a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
            }
        }
    }
}

double geo__least_m(const jd_shape *a, const jd_shape *b, double enough_m, double limit_m) {
    if (a->npos == 1 && b->npos == 1) return geo__metres(geo__at(a, 0), geo__at(b, 0));
    if (geo__intersects(a, b)) return 0;
    near n = {.best = hav_of(limit_m) * (1 + 1e-9) + 1e-30, .enough = hav_of(enough_m) * (1 - 1e-9)};
    double start = n.best;
    n.best_deg = 2 * asin(n.best < 1 ? sqrt(n.best) : 1) / RAD * (1 + 1e-9);
    if (a->npos > b->npos) { /* the smaller one walks first: what it finds prunes the rest */
        const jd_shape *t = a;
        a = b;
        b = t;
    }
    n.s = b;
    near_all(&n, a);
    if (a->npos > 1) {
        n.s = a;
        near_all(&n, b);
    }
    return n.best < start ? metres_of(n.best) : (double)INFINITY;
}

int geo__around(jd_box b, double metres, jd_box out[2]) {
    double angle = metres / GEO__RADIUS_M * (1 + 1e-9) + 1e-12;
    double s = b.s - angle / RAD, n = b.n + angle / RAD;
    out[0] = (jd_box){-180, s > -90 ? s : -90, 180, n < 90 ? n : 90};
    if (s <= -90 || n >= 90) return 1; /* a pole is within reach: every longitude */
    double wide = asin(sin(angle) / cosd(fabs(b.s) > fabs(b.n) ? b.s : b.n)) / RAD * (1 + 1e-9);
    double w = b.w - wide, e = b.e + wide;
    if (!(e - w < 360)) return 1;
    out[0].w = w < -180 ? -180 : w;
    out[0].e = e > 180 ? 180 : e;
    if (w >= -180 && e <= 180) return 1;
    out[1] = out[0];
    if (w < -180)
        out[1].w = w + 360, out[1].e = 180;
    else
        out[1].w = -180, out[1].e = e - 360;
    return 2;
}
