/* Questions: choose the most selective index, walk its candidates in slices, test each on the asker's version, stop at
 * the page. */
#include "engine/engine_int.h"

#include <math.h>
#include <stdlib.h>

enum { SLICE = 256, CELLS = 16384, TYPES_MAX = 16, HINTS_MAX = 8 };

typedef struct asker {
    jd_view *v;
    const jd_question *q;
    jd_qenv env;
    jd_plan plan;
    jd_err *err;
    /* results */
    void *user;
    int (*each)(void *user, const jd_doc *d);
    uint64_t given;
    int stopped;
    /* with an order: all matches with their keys */
    struct found {
        const version *ver;
        jd_orderkey *key;
    } * found;
    size_t found_n, found_cap;
} asker;

static int linked(void *user, jd_str id, jd_doc *out) {
    return jd_view_get(user, id, out);
}

/* Distance-ordering and geo tests look at every instance of the GeoProperty; one that matches is enough. */
static int geo_test(asker *k, const jd_geoq *g, jd_sym attr, const jd_doc *d, double *dist) {
    jd_attrview a;
    jd_bytes rest = {NULL, NULL};
    int yes = 0;
    if (!jd_doc_attr(d, attr, &a, &rest)) return 0;
    do {
        if (a.kind != JD_GEOPROPERTY) continue;
        jd_arena_mark m = jd_arena_tell(k->v->arena);
        jd_jval tree = jd_node_tree(a.value, k->v->e->symbols, k->v->arena);
        jd_shape *s;
        if (jd_shape_reread(k->v->arena, &tree, &s, NULL) == 0) {
            if (dist) {
                double m2 = jd_geoq_distance(g, s);
                if (!yes || m2 < *dist) *dist = m2;
                yes = 1;
            } else {
                yes = jd_geoq_test(g, s);
            }
        }
        jd_arena_rewind(k->v->arena, m);
    } while ((dist || !yes) && jd_attr_next(&rest, d->created, &a) && a.name == attr);
    return yes;
}

static int id_asked(const jd_question *q, jd_str id) {
    if (!q->ids_n) return 1;
    for (size_t i = 0; i < q->ids_n; i++)
        if (jd_str_eq(q->ids[i], id)) return 1;
    return 0;
}

static int matches(asker *k, const jd_doc *d) {
    const jd_question *q = k->q;
    if (!id_asked(q, d->id)) return 0;
    if (q->types && !jd_typeq_test(q->types, d)) return 0;
    if (q->id_pattern && !jd_regex_test(q->id_pattern, d->id)) return 0;
    if (q->scopes && !jd_scopeq_test(q->scopes, d)) return 0;
    if (q->attrs && !jd_proj_keeps(q->attrs, d)) return 0;
    if (q->q && !jd_q_test(q->q, d, &k->env)) return 0;
    if (q->geo && !geo_test(k, q->geo, q->geo_property, d, NULL)) return 0;
    return !q->also || q->also(q->also_user, d);
}

static void hit(asker *k, const version *ver, const jd_doc *d) {
    const jd_question *q = k->q;
    uint64_t no = k->plan.matched++;
    if (q->order) {
        if (k->found_n == k->found_cap) {
            k->found_cap = k->found_cap ? k->found_cap * 2 : 256;
            k->found = jd_xrealloc(k->found, k->found_cap * sizeof *k->found);
        }
        double dist = NAN;
        if (q->order_from && !geo_test(k, q->order_from, q->order_geo, d, &dist)) dist = NAN;
        k->found[k->found_n++] = (struct found){ver, jd_order_key(q->order, d, k->v->e->symbols, dist, k->v->arena)};
        return;
    }
    if (no >= q->offset && k->given < q->limit) {
        k->given++;
        if (k->each(k->user, d)) k->stopped = 1;
    }
}

static int full(const asker *k) {
    return k->stopped || (!k->q->order && !k->q->count && k->given >= k->q->limit);
}

/* Tests one slice of versions outside the lock. */
static int test_slice(asker *k, const version *const *ver, size_t n) {
    for (size_t i = 0; i < n && !full(k); i++) {
        jd_doc d;
        if (++k->plan.tested > k->v->e->o.query_scan_max)
            return jd_fail(
                k->err, JD_E_TOO_COMPLEX_QUERY,
                "the query would test more than %u entities (setting query_scan_max); narrow it by type, id or place",
                "该查询需要检查超过 %u 个实体（设置项 query_scan_max）；请按类型、标识或位置缩小范围",
                k->v->e->o.query_scan_max);
        jd_arena_mark m = jd_arena_tell(k->v->arena);
        if (view_open(k->v, ver[i], &d) && matches(k, &d))
            hit(k, ver[i], &d);
        else
            jd_arena_rewind(k->v->arena, m);
    }
    return 0;
}

/* ---- candidates ---- */

static int by_ids(asker *k) {
    k->plan.index = "id";
    coll *c = &k->v->t->entities;
    /* in order of serial, as every other way, and each once */
    uint32_t *serials = jd_xmalloc(k->q->ids_n * sizeof *serials);
    size_t n = 0;
    pthread_rwlock_rdlock(&k->v->t->lock);
    for (size_t i = 0; i < k->q->ids_n; i++) {
        uint32_t s = coll_find(c, k->q->ids[i]);
        if (s != SERIAL_NONE) serials[n++] = s;
    }
    pthread_rwlock_unlock(&k->v->t->lock);
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && serials[j] < serials[j - 1]; j--) {
            uint32_t s = serials[j];
            serials[j] = serials[j - 1];
            serials[j - 1] = s;
        }
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        if (i && serials[i] == serials[i - 1]) continue;
        k->plan.candidates++;
        const version *ver = visible(c, serials[i], k->v->group);
        if (ver) rc = test_slice(k, &ver, 1);
    }
    free(serials);
    return rc;
}

static int cmp_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int by_geo(asker *k, const jd_box *boxes, int boxes_n) {
    k->plan.index = "geo";
    jd_u32s s = {0};
    pthread_rwlock_rdlock(&k->v->t->lock);
    jd_geoindex *g = index_geo(&k->v->t->ix, k->q->geo_property);
    for (int i = 0; g && i < boxes_n; i++) jd_geoindex_search(g, boxes[i], &s, SIZE_MAX);
    pthread_rwlock_unlock(&k->v->t->lock);
    if (s.n) qsort(s.p, s.n, sizeof *s.p, cmp_u32);
    k->plan.candidates = s.n;
    const version *slice[SLICE];
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < s.n && !rc && !full(k); i++) {
        if (i && s.p[i] == s.p[i - 1]) continue;
        const version *ver = visible(&k->v->t->entities, s.p[i], k->v->group);
        if (ver) slice[n++] = ver;
        if (n == SLICE) rc = test_slice(k, slice, n), n = 0;
    }
    if (!rc) rc = test_slice(k, slice, n);
    free(s.p);
    return rc;
}

/* The candidates are the members of any of some bitsets; the tenant's lock is taken anew for every slice, so the sets
 * are looked up anew as well. */
static uint32_t types_next(asker *k, const jd_sym *types, int n, uint32_t from) {
    uint32_t least = UINT32_MAX;
    for (int i = 0; i < n; i++) {
        const bitset *b = types[i] ? index_type(&k->v->t->ix, types[i]) : NULL;
        uint32_t s = b ? bitset_next(b, from) : UINT32_MAX;
        if (s < least) least = s;
    }
    return least;
}

static int by_types(asker *k, const jd_sym *types, int types_n) {
    k->plan.index = "type";
    const version *slice[SLICE];
    for (uint32_t at = 0; !full(k);) {
        size_t n = 0;
        uint32_t looked = 0;
        pthread_rwlock_rdlock(&k->v->t->lock);
        while (n < SLICE && looked++ < CELLS) {
            uint32_t s = types_next(k, types, types_n, at);
            if (s == UINT32_MAX) {
                at = s;
                break;
            }
            const version *ver = visible(&k->v->t->entities, s, k->v->group);
            if (ver) slice[n++] = ver;
            at = s + 1;
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += n;
        if (test_slice(k, slice, n)) return -1;
        if (at == UINT32_MAX) break;
    }
    return 0;
}

static int by_scan(asker *k) {
    k->plan.index = "scan";
    coll *c = &k->v->t->entities;
    uint32_t slots = atomic_load(&c->slots);
    const version *slice[SLICE];
    size_t n = 0;
    for (uint32_t s = 0; s < slots && !full(k); s++) {
        const version *ver = visible(c, s, k->v->group);
        if (!ver) continue;
        slice[n++] = ver;
        if (n < SLICE) continue;
        k->plan.candidates += n;
        if (test_slice(k, slice, n)) return -1;
        n = 0;
    }
    k->plan.candidates += n;
    return test_slice(k, slice, n);
}

/* ---- columns ---- */

static int in_range(double v, const jd_qhint *h) {
    switch (h->op) {
    case JD_Q_EQ: return v == h->lo;
    case JD_Q_LT: return v < h->hi;
    case JD_Q_LE: return v <= h->hi;
    case JD_Q_GT: return v > h->lo;
    case JD_Q_GE: return v >= h->lo;
    default: return v >= h->lo && v <= h->hi;
    }
}

static int block_may(const column *c, uint32_t b, const jd_qhint *h) {
    switch (h->op) {
    case JD_Q_EQ: return c->lo[b] <= h->lo && c->hi[b] >= h->lo;
    case JD_Q_LT: return c->lo[b] < h->hi;
    case JD_Q_LE: return c->lo[b] <= h->hi;
    case JD_Q_GT: return c->hi[b] > h->lo;
    case JD_Q_GE: return c->hi[b] >= h->lo;
    default: return c->lo[b] <= h->hi && c->hi[b] >= h->lo;
    }
}

/* Writes the cells of one block that match, without a branch per cell. */
static uint32_t block_hits(const double *v, uint32_t n, const jd_qhint *h, uint16_t *out) {
    double lo = -INFINITY, hi = INFINITY;
    uint32_t k = 0;
    switch (h->op) {
    case JD_Q_LT: hi = nextafter(h->hi, -INFINITY); break;
    case JD_Q_LE: hi = h->hi; break;
    case JD_Q_GT: lo = nextafter(h->lo, INFINITY); break;
    case JD_Q_GE: lo = h->lo; break;
    case JD_Q_EQ: lo = hi = h->lo; break;
    default: lo = h->lo, hi = h->hi; break;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[k] = (uint16_t)i;
        k += (uint32_t)((v[i] >= lo) & (v[i] <= hi));
    }
    return k;
}

typedef struct type_set {
    int any;            /* no type was asked for */
    const bitset *only; /* NULL with any == 0: nothing has the type */
} type_set;

/* A block all of whose cells speak for their entities: no document is opened unless it is on the page. */
static void take_block(asker *k, const column *col, uint32_t base, const jd_qhint *h, type_set types) {
    uint16_t hits[COLUMN_BLOCK];
    uint32_t found = block_hits(col->v + base, COLUMN_BLOCK, h, hits);
    if (types.any && !k->q->order && (k->given >= k->q->limit || k->plan.matched + found <= k->q->offset)) {
        k->plan.candidates += found;
        k->plan.matched += found;
        return;
    }
    for (uint32_t i = 0; i < found && !full(k); i++) {
        uint32_t s = base + hits[i];
        if (!types.any && !(types.only && bitset_has(types.only, s))) continue;
        k->plan.candidates++;
        if (!k->q->order && (k->plan.matched < k->q->offset || k->given >= k->q->limit)) {
            k->plan.matched++;
            continue;
        }
        const version *ver = visible(&k->v->t->entities, s, k->v->group);
        jd_doc d;
        if (ver && view_open(k->v, ver, &d)) hit(k, ver, &d);
    }
}

/* The block's candidates, to be asked themselves: cells that match, cells that hold no plain number, and all cells
 * where something changed after the snapshot. */
static size_t gather_block(asker *k, const column *col, uint32_t base, const jd_qhint *h, int moved,
                           const version **out) {
    const coll *c = &k->v->t->entities;
    uint32_t slots = atomic_load_explicit(&c->slots, memory_order_acquire);
    size_t n = 0;
    for (uint32_t s = base; s < base + COLUMN_BLOCK && s < slots; s++) {
        if (!moved && !in_range(col->v[s], h) && !bitset_has(&col->odd, s)) continue;
        const version *ver = visible(c, s, k->v->group);
        if (ver) out[n++] = ver;
    }
    return n;
}

/* `whole`: the hint is the whole question but for at most one type. */
static int by_column(asker *k, const jd_qhint *h, int whole, const jd_sym *types, int types_n) {
    k->plan.index = "column";
    const version *slice[COLUMN_BLOCK];
    for (uint32_t block = 0;;) {
        size_t n = 0;
        pthread_rwlock_rdlock(&k->v->t->lock);
        const indexes *x = &k->v->t->ix;
        const column *col = index_column(x, h->attr);
        uint32_t blocks = col ? col->cap / COLUMN_BLOCK : 0;
        type_set only = {types_n == 0, types_n == 1 && types[0] ? index_type(x, types[0]) : NULL};
        int exact = whole && !x->stale && !x->transient;
        for (uint32_t cells = 0; block < blocks && !n && cells < CELLS && !full(k); block++, cells += COLUMN_BLOCK) {
            uint32_t base = block * COLUMN_BLOCK;
            int moved = col->block_group[block] > k->v->group, odd = bitset_next(&col->odd, base) < base + COLUMN_BLOCK;
            if (!moved && !odd && !block_may(col, block, h)) continue;
            if (exact && !moved && !odd)
                take_block(k, col, base, h, only);
            else
                n = gather_block(k, col, base, h, moved, slice);
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += n;
        if (test_slice(k, slice, n)) return -1;
        if (block >= blocks || full(k)) return 0;
    }
}

/* A hint that a column can serve; columns are made when a question first wants one and the city is large enough. */
static int column_hint(asker *k, jd_qhint *best, int *whole) {
    jd_qhint hints[HINTS_MAX];
    const jd_question *q = k->q;
    if (!q->q) return 0;
    size_t n = jd_q_hints(q->q, hints, HINTS_MAX, whole);
    int have = 0;
    for (size_t i = 0; i < n; i++)
        if (hints[i].numeric && hints[i].attr && (hints[i].op >= JD_Q_LT || hints[i].op == JD_Q_EQ) &&
            hints[i].op != JD_Q_OTHER && !have) {
            *best = hints[i];
            have = 1;
        }
    if (n != 1 || !hints[0].exact || q->ids_n || q->id_pattern || q->scopes || q->geo || q->attrs || q->also)
        *whole = 0;
    return have;
}

/* ---- the answer ---- */

static _Thread_local const jd_order *sort_order;
static int found_cmp(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    int c = jd_order_cmp(sort_order, x->key, y->key);
    if (c) return c;
    jd_doc dx, dy;
    jd_doc_open(&dx, (jd_str){x->ver->bytes, x->ver->n});
    jd_doc_open(&dy, (jd_str){y->ver->bytes, y->ver->n});
    return jd_str_cmp(dx.id, dy.id); /* a total order, so that pages fit together */
}

static void give_sorted(asker *k) {
    sort_order = k->q->order;
    if (k->found_n) qsort(k->found, k->found_n, sizeof *k->found, found_cmp);
    for (size_t i = (size_t)k->q->offset; i < k->found_n && k->given < k->q->limit && !k->stopped; i++) {
        jd_doc d;
        if (!view_open(k->v, k->found[i].ver, &d)) continue;
        k->given++;
        if (k->each(k->user, &d)) k->stopped = 1;
    }
}

int jd_view_query(jd_view *v, const jd_question *q, void *user, int (*each)(void *user, const jd_doc *d),
                  uint64_t *total, jd_plan *plan, jd_err *err) {
    asker k = {.v = v,
               .q = q,
               .env = {v->e->symbols, v, linked},
               .err = err,
               .user = user,
               .each = each,
               .plan.index = "none"};
    int rc = 0;
    if (total) *total = 0;
    if (v->t && !(q->geo && !q->geo_property)) {
        jd_sym types[TYPES_MAX];
        int types_n = q->types ? jd_typeq_any_of(q->types, types, TYPES_MAX) : -1;
        jd_box boxes[2];
        int boxes_n = q->geo && !q->ids_n ? jd_geoq_boxes(q->geo, boxes) : 0;
        uint64_t typed = 0, near = UINT64_MAX;
        pthread_rwlock_rdlock(&v->t->lock);
        for (int i = 0; i < types_n; i++) {
            const bitset *b = types[i] ? index_type(&v->t->ix, types[i]) : NULL;
            typed += b ? b->count : 0;
        }
        if (boxes_n) {
            const jd_geoindex *g = index_geo(&v->t->ix, q->geo_property);
            near = 0;
            for (int i = 0; g && i < boxes_n; i++) near += jd_geoindex_estimate(g, boxes[i]);
        }
        pthread_rwlock_unlock(&v->t->lock);
        if (types_n < 0) typed = atomic_load(&v->t->entities.live);
        jd_qhint hint;
        int whole = 0;
        if (q->ids_n) {
            rc = by_ids(&k);
        } else if (boxes_n && near <= typed) {
            rc = by_geo(&k, boxes, boxes_n);
        } else if (typed >= v->e->o.column_worth && column_hint(&k, &hint, &whole)) {
            /* one plain type is decided by its bitset; anything more is asked of the documents */
            if (q->types && (types_n != 1 || !jd_typeq_plain(q->types))) whole = 0;
            if (column_ready(v->t, hint.attr))
                rc = by_column(&k, &hint, whole, types, q->types ? types_n : 0);
            else
                rc = types_n >= 0 ? by_types(&k, types, types_n) : by_scan(&k);
        } else if (types_n >= 0) {
            rc = by_types(&k, types, types_n);
        } else {
            rc = by_scan(&k);
        }
        if (!rc && q->order) give_sorted(&k);
    }
    free(k.found);
    if (total) *total = k.plan.matched;
    if (plan) *plan = k.plan;
    return rc;
}
