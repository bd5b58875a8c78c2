/* The index of boxes: quadtrees with buckets, one for points and one for each size of box.
 *
 * A position is two whole numbers of 32 bits (9 mm of longitude), taken together bit by bit from the top: two bits
 * choose one of four children, 32 levels down; where places are the same the bits of the serial go on choosing, so that
 * a thousand readings at one address are found and removed as fast as any. A bucket holds up to BUCKET entries of 12
 * bytes in an array that grows by STEP; a full one becomes a fork of four. A point so costs 12 bytes, the slack of its
 * bucket and a share of a fork. A grid of fixed cells would be as small only where density is even, a hash of cells
 * would stop the writer while it grows, and an R-tree holds four numbers where a point has two.
 *
 * A box is kept as its centre, in the tree of its class: half width and half height, each rounded up to a power of two.
 * A search asks each tree in use for the centres in the searched box made wider by the class's halves. So nothing is
 * missed, and at worst boxes are offered that lie within their own size of the searched one; the caller tests exactly.
 */
#include "geo/geo_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKET = 128,
    MERGE = 48, /* a fork with so few entries becomes a bucket again: well below BUCKET, so that nothing flutters */
    STEP = 8,
    DEPTH = 48,  /* 64 bits of place, 32 of serial, two at a time */
    FLOOR = 12,  /* halves up to 2^12 units (38 m) are one class */
    CLASSES = 21 /* up to 2^32 units, 360 degrees */
};
#define UNITS_PER_DEGREE (4294967296.0 / 360)
#define ROUNDING 1e-9 /* degrees by which a centre may be off, and more */

typedef struct entry {
    uint32_t serial, x, y;
} entry;

typedef struct bucket {
    uint32_t n, cap;
    entry e[];
} bucket;

typedef uintptr_t node; /* 0: nothing; a bucket; or, with bit 0 set, a fork */
typedef struct fork {
    size_t n; /* entries below */
    node child[4];
} fork;

struct jd_geoindex {
    node points;
    node boxes[CLASSES][CLASSES]; /* [half width][half height] */
    size_t bytes;
};

static bucket *as_bucket(node v) {
    return (bucket *)v;
}
static fork *as_fork(node v) {
    return (fork *)(v & ~(node)1);
}
static int is_fork(node v) {
    return (v & 1) != 0;
}

static size_t size_of(uint32_t cap) {
    return sizeof(bucket) + cap * sizeof(entry);
}
/* What malloc takes for n bytes, in glibc's steps. */
static size_t cost(size_t n) {
    return n <= 24 ? 32 : (n + 8 + 15) & ~(size_t)15;
}
static uint32_t cap_for(uint32_t n) {
    return n < STEP ? (n + 1) & ~1u : (n + STEP - 1) / STEP * STEP;
}

/* ---- numbers ---- */

static uint32_t units(double degrees) { /* monotone, and defined for any double */
    double v = (degrees + 180) * UNITS_PER_DEGREE;
    if (!(v > 0)) return 0;
    return v >= 4294967295.0 ? UINT32_MAX : (uint32_t)v;
}

static double reach_of(unsigned c) { /* degrees */
    return (double)(1ull << (FLOOR + c)) / UNITS_PER_DEGREE;
}
static unsigned class_of(double half) {
    unsigned c = 0;
    while (c < CLASSES - 1 && reach_of(c) < half) c++;
    return c;
}

/* Which tree the box is kept in, and as what. */
static node *home(jd_geoindex *g, uint32_t serial, jd_box b, entry *e) {
    double half_x = (b.e - b.w) / 2, half_y = (b.n - b.s) / 2;
    *e = (entry){serial, units(b.w + half_x), units(b.s + half_y)};
    if (half_x <= 0 && half_y <= 0) return &g->points;
    return &g->boxes[class_of(half_x)][class_of(half_y)];
}

static unsigned child_of(entry e, int depth) {
    if (depth < 32) return (e.x >> (31 - depth) & 1) | (e.y >> (31 - depth) & 1) << 1;
    return e.serial >> (2 * (DEPTH - 1 - depth)) & 3;
}

/* ---- adding ---- */

static void resize(jd_geoindex *g, node *at, uint32_t cap) {
    bucket *b = as_bucket(*at);
    uint32_t n = b ? b->n : 0;
    if (b) g->bytes -= cost(size_of(b->cap));
    if (cap == 0) {
        free(b);
        *at = 0;
        return;
    }
    b = jd_xrealloc(b, size_of(cap));
    b->n = n;
    b->cap = cap;
    g->bytes += cost(size_of(cap));
    *at = (node)b;
}

static void append(jd_geoindex *g, node *at, entry e) {
    bucket *b = as_bucket(*at);
    if (!b || b->n == b->cap) {
        uint32_t n = b ? b->n : 0;
        resize(g, at, n < BUCKET ? cap_for(n + 1) : n * 2); /* so full only where all entries are the same */
        b = as_bucket(*at);
    }
    b->e[b->n++] = e;
}

static void split(jd_geoindex *g, node *at, int depth) {
    bucket *b = as_bucket(*at);
    fork *f = jd_xcalloc(1, sizeof *f);
    uint32_t n[4] = {0};
    for (uint32_t i = 0; i < b->n; i++) n[child_of(b->e[i], depth)]++;
    for (int k = 0; k < 4; k++)
        if (n[k]) resize(g, &f->child[k], cap_for(n[k]));
    for (uint32_t i = 0; i < b->n; i++) append(g, &f->child[child_of(b->e[i], depth)], b->e[i]);
    f->n = b->n;
    b->n = 0;
    resize(g, at, 0);
    g->bytes += cost(sizeof *f);
    *at = (node)f | 1;
}

void jd_geoindex_add(jd_geoindex *g, uint32_t serial, jd_box box) {
    entry e;
    node *at = home(g, serial, box, &e);
    for (int depth = 0;; depth++) {
        if (!is_fork(*at)) {
            bucket *b = as_bucket(*at);
            if (!b || b->n < BUCKET || depth == DEPTH) break;
            split(g, at, depth);
        }
        fork *f = as_fork(*at);
        f->n++;
        at = &f->child[child_of(e, depth)];
    }
    append(g, at, e);
}

/* ---- removing ---- */

static void pour(jd_geoindex *g, node from, node *into) {
    if (!from) return;
    if (is_fork(from)) {
        fork *f = as_fork(from);
        for (int k = 0; k < 4; k++) pour(g, f->child[k], into);
        g->bytes -= cost(sizeof *f);
        free(f);
    } else {
        const bucket *b = as_bucket(from);
        for (uint32_t i = 0; i < b->n; i++) append(g, into, b->e[i]);
        resize(g, &from, 0);
    }
}

static int take_out(jd_geoindex *g, node *at, entry e, int depth) {
    if (is_fork(*at)) {
        fork *f = as_fork(*at);
        if (!take_out(g, &f->child[child_of(e, depth)], e, depth + 1)) return 0;
        if (--f->n > MERGE) return 1;
        node old = *at;
        *at = 0;
        pour(g, old, at);
        return 1;
    }
    bucket *b = as_bucket(*at);
    for (uint32_t i = 0; b && i < b->n; i++) {
        if (b->e[i].serial != e.serial || b->e[i].x != e.x || b->e[i].y != e.y) continue;
        b->e[i] = b->e[--b->n];
        if (b->n == 0 || b->cap - b->n >= 2 * STEP) resize(g, at, cap_for(b->n));
        return 1;
    }
    return 0;
}

void jd_geoindex_remove(jd_geoindex *g, uint32_t serial, jd_box box) {
    entry e;
    node *at = home(g, serial, box, &e);
    take_out(g, at, e, 0);
}

/* ---- searching ---- */

typedef struct window { /* whole numbers, the ends within */
    uint32_t w, s, e, n;
} window;

static window wider(jd_box b, double x, double y) {
    return (window){units(b.w - x), units(b.s - y), units(b.e + x), units(b.n + y)};
}
static int apart(window a, window b) {
    return a.w > b.e || b.w > a.e || a.s > b.n || b.s > a.n;
}
static int covers(window out, window in) {
    return in.w >= out.w && in.e <= out.e && in.s >= out.s && in.n <= out.n;
}
static const window everything = {0, 0, UINT32_MAX, UINT32_MAX};

/* Child k of a cell; below the 32nd level a cell is one place, and its children are that place again. */
static window child_cell(window cell, int depth, unsigned k) {
    if (depth >= 32) return cell;
    uint32_t half = 1u << (31 - depth);
    if (k & 1)
        cell.w += half;
    else
        cell.e -= half;
    if (k & 2)
        cell.s += half;
    else
        cell.n -= half;
    return cell;
}

typedef struct hunt {
    window in;
    jd_u32s *out;
    size_t max;
} hunt;

static void room_for(jd_u32s *out, size_t more) {
    size_t cap = out->cap ? out->cap : 64;
    if (out->cap - out->n >= more) return;
    while (cap - out->n < more) cap *= 2;
    out->p = jd_xrealloc(out->p, cap * sizeof *out->p);
    out->cap = cap;
}

static int offer(const hunt *h, const bucket *b, int all) {
    room_for(h->out, b->n);
    uint32_t *p = h->out->p + h->out->n;
    size_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        entry e = b->e[i];
        p[n] = e.serial; /* written always, counted when it fits: no branch to mispredict */
        n += all || (e.x - h->in.w <= h->in.e - h->in.w && e.y - h->in.s <= h->in.n - h->in.s);
    }
    h->out->n += n;
    if (h->out->n <= h->max) return 0;
    h->out->n = h->max;
    return -1;
}

static int look(const hunt *h, node at, window cell, int depth) {
    if (!is_fork(at)) return at ? offer(h, as_bucket(at), covers(h->in, cell)) : 0;
    const fork *f = as_fork(at);
    for (unsigned k = 0; k < 4; k++) {
        window c = child_cell(cell, depth, k);
        if (f->child[k] && !apart(h->in, c) && look(h, f->child[k], c, depth + 1)) return -1;
    }
    return 0;
}

int jd_geoindex_search(const jd_geoindex *g, jd_box box, jd_u32s *out, size_t max) {
    if (out->n > max) return -1;
    hunt h = {wider(box, 0, 0), out, max};
    if (look(&h, g->points, everything, 0)) return -1;
    for (unsigned i = 0; i < CLASSES; i++) {
        for (unsigned j = 0; j < CLASSES; j++) {
            if (!g->boxes[i][j]) continue;
            h.in = wider(box, reach_of(i) + ROUNDING, reach_of(j) + ROUNDING);
            if (look(&h, g->boxes[i][j], everything, 0)) return -1;
        }
    }
    return 0;
}

/* ---- guessing ---- */

static double shared(window in, window cell) { /* the part of the cell that the window covers */
    double w = in.w > cell.w ? in.w : cell.w, e = in.e < cell.e ? in.e : cell.e;
    double s = in.s > cell.s ? in.s : cell.s, n = in.n < cell.n ? in.n : cell.n;
    return (e - w + 1) * (n - s + 1) / (((double)cell.e - cell.w + 1) * ((double)cell.n - cell.s + 1));
}

/* Goes down until cells are small beside the window, then takes their entries as evenly spread. */
static double guess(window in, uint32_t fine, node at, window cell, int depth) {
    if (!at || apart(in, cell)) return 0;
    size_t n = is_fork(at) ? as_fork(at)->n : as_bucket(at)->n;
    if (covers(in, cell)) return (double)n;
    if (!is_fork(at) || cell.e - cell.w <= fine) return (double)n * shared(in, cell);
    double sum = 0;
    for (unsigned k = 0; k < 4; k++)
        sum += guess(in, fine, as_fork(at)->child[k], child_cell(cell, depth, k), depth + 1);
    return sum;
}

static double guess_tree(jd_box box, double x, double y, node at) {
    window in = wider(box, x, y);
    uint32_t wide = in.e - in.w, high = in.n - in.s;
    return guess(in, (wide > high ? wide : high) / 8, at, everything, 0);
}

size_t jd_geoindex_estimate(const jd_geoindex *g, jd_box box) {
    double sum = guess_tree(box, 0, 0, g->points);
    for (unsigned i = 0; i < CLASSES; i++)
        for (unsigned j = 0; j < CLASSES; j++)
            if (g->boxes[i][j]) sum += guess_tree(box, reach_of(i), reach_of(j), g->boxes[i][j]);
    return (size_t)(sum + 0.5);
}

/* ---- the handle ---- */

jd_geoindex *jd_geoindex_create(void) {
    jd_geoindex *g = jd_xcalloc(1, sizeof *g);
    g->bytes = cost(sizeof *g);
    return g;
}

static void destroy(node at) {
    if (is_fork(at)) {
        for (int k = 0; k < 4; k++) destroy(as_fork(at)->child[k]);
        free(as_fork(at));
    } else {
        free(as_bucket(at));
    }
}

void jd_geoindex_destroy(jd_geoindex *g) {
    if (!g) return;
    destroy(g->points);
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j < CLASSES; j++) destroy(g->boxes[i][j]);
    free(g);
}

size_t jd_geoindex_bytes(const jd_geoindex *g) {
    return g->bytes;
}
