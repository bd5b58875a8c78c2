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
    int stopped, too_many;
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

static int geo_test(asker *k, const jd_geoq *g, jd_sym attr, const jd_doc *d, double *dist) {
    return jd_doc_geo(d, attr, g, k->v->e->symbols, k->v->arena, dist);
}

static int matches(asker *k, const jd_doc *d) {
    const jd_question *q = k->q;
    if (q->types && !jd_typeq_test(q->types, d)) return 0;
    if (q->id_pattern && !jd_regex_test(q->id_pattern, d->id)) return 0;
    if (q->scopes && !jd_scopeq_test(q->scopes, d)) return 0;
    if (q->attrs && !jd_proj_keeps(q->attrs, d)) return 0;
    if (q->q && !jd_q_test(q->q, d, &k->env)) return 0;
    if (q->geo && !geo_test(k, q->geo, q->geo_property, d, NULL)) return 0;
    return !q->also || q->also(q->also_user, d);
}

/* 1 when something of the document must stay in the arena. */
static int hit(asker *k, const version *ver, const jd_doc *d) {
    const jd_question *q = k->q;
    uint64_t no = k->plan.matched++;
    if (q->order) {
        if (k->found_n >= k->v->e->o.order_max) {
            k->too_many = 1;
            return 0;
        }
        if (k->found_n == k->found_cap) {
            k->found_cap = k->found_cap ? k->found_cap * 2 : 256;
            k->found = jd_xrealloc(k->found, k->found_cap * sizeof *k->found);
        }
        double dist = NAN;
        if (q->order_from && !geo_test(k, q->order_from, q->order_geo, d, &dist)) dist = NAN;
        k->found[k->found_n++] = (struct found){ver, jd_order_key(q->order, d, k->v->e->symbols, dist, k->v->arena)};
        return 1;
    }
    if (no < q->offset || k->given >= q->limit) return 0;
    k->given++;
    if (k->each(k->user, d)) k->stopped = 1;
    return 1; /* who was called may have put something there */
}

static int full(const asker *k) {
    return k->stopped || k->too_many || (!k->q->order && !k->q->count && k->given >= k->q->limit);
}

/* What of a slot the question is about; under the tenant's lock. */
static const version *seen(const asker *k, uint32_t serial) {
    const coll *c = &k->v->t->entities;
    return k->q->temporal ? visible_or_hidden(c, serial, k->v->group) : visible(c, serial, k->v->group);
}

/* Of an entity that is past its expiry history still tells. */
static int open_one(asker *k, const version *ver, jd_doc *d) {
    if (view_open(k->v, ver, d)) return 1;
    jd_doc_open(d, (jd_str){ver->bytes, ver->n});
    return k->q->temporal;
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
        int kept = open_one(k, ver[i], &d) && matches(k, &d) && hit(k, ver[i], &d);
        if (!kept) jd_arena_rewind(k->v->arena, m);
    }
    return 0;
}

/* ---- candidates ---- */

static int cmp_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Versions of sorted serials, a slice at a time: looked up under the lock, tested outside it. */
static int by_serials(asker *k, uint32_t *serials, size_t n) {
    const version *slice[SLICE];
    if (n) qsort(serials, n, sizeof *serials, cmp_u32);
    for (size_t i = 0; i < n && !full(k);) {
        size_t got = 0;
        pthread_rwlock_rdlock(&k->v->t->lock);
        for (; i < n && got < SLICE; i++) {
            if (i && serials[i] == serials[i - 1]) continue;
            const version *ver = seen(k, serials[i]);
            if (ver) slice[got++] = ver;
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += got;
        if (test_slice(k, slice, got)) return -1;
    }
    return 0;
}

static int by_ids(asker *k) {
    k->plan.index = "id";
    uint32_t *serials = jd_xmalloc(k->q->ids_n * sizeof *serials);
    size_t n = 0;
    for (size_t i = 0; i < k->q->ids_n;) {
        pthread_rwlock_rdlock(&k->v->t->lock);
        for (size_t until = i + SLICE; i < k->q->ids_n && i < until; i++) {
            uint32_t s = coll_find(&k->v->t->entities, k->q->ids[i]);
            if (s != SERIAL_NONE) serials[n++] = s;
        }
        pthread_rwlock_unlock(&k->v->t->lock);
    }
    int rc = by_serials(k, serials, n);
    free(serials);
    return rc;
}

static int by_geo(asker *k, const jd_box *boxes, int boxes_n) {
    k->plan.index = "geo";
    jd_u32s s = {0};
    pthread_rwlock_rdlock(&k->v->t->lock);
    jd_geoindex *g = index_geo(&k->v->t->ix, k->q->geo_property);
    for (int i = 0; g && i < boxes_n; i++) jd_geoindex_search(g, boxes[i], &s, SIZE_MAX);
    pthread_rwlock_unlock(&k->v->t->lock);
    int rc = by_serials(k, s.p, s.n);
    free(s.p);
    return rc;
}

/* The candidates are the members of any of some bitsets, named by their places in the index: the tenant's lock is taken
 * anew for every slice, and the sets may have moved meanwhile. */
typedef struct sets {
    int scopes; /* of the scope index; else of the type index */
    int hidden; /* and hidden entities */
    uint32_t *no;
    uint32_t n;
} sets;

static uint32_t sets_next(const indexes *x, const sets *w, uint32_t from) {
    uint32_t least = w->hidden ? bitset_next(&x->hidden, from) : UINT32_MAX;
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t s = bitset_next(w->scopes ? &x->scopes[w->no[i]] : &x->types[w->no[i]], from);
        if (s < least) least = s;
    }
    return least;
}

static int by_sets(asker *k, const sets *w) {
    k->plan.index = w->scopes ? "scope" : "type";
    const version *slice[SLICE];
    for (uint32_t at = 0; at != UINT32_MAX && !full(k);) {
        size_t n = 0;
        pthread_rwlock_rdlock(&k->v->t->lock);
        for (uint32_t looked = 0; n < SLICE && looked < CELLS; looked++) {
            uint32_t s = sets_next(&k->v->t->ix, w, at);
            at = s == UINT32_MAX ? s : s + 1;
            if (s == UINT32_MAX) break;
            const version *ver = seen(k, s);
            if (ver) slice[n++] = ver;
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += n;
        if (test_slice(k, slice, n)) return -1;
    }
    return 0;
}

static int by_scan(asker *k) {
    k->plan.index = "scan";
    const coll *c = &k->v->t->entities;
    const version *slice[SLICE];
    uint32_t slots = atomic_load(&c->slots);
    for (uint32_t s = 0; s < slots && !full(k);) {
        size_t n = 0;
        pthread_rwlock_rdlock(&k->v->t->lock);
        for (uint32_t looked = 0; s < slots && n < SLICE && looked < CELLS; s++, looked++) {
            const version *ver = seen(k, s);
            if (ver) slice[n++] = ver;
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += n;
        if (test_slice(k, slice, n)) return -1;
    }
    return 0;
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
static size_t take_block(asker *k, const column *col, uint32_t base, const jd_qhint *h, type_set types,
                         const version **out) {
    uint16_t hits[COLUMN_BLOCK];
    uint32_t found = block_hits(col->v + base, COLUMN_BLOCK, h, hits);
    if (types.any && !k->q->order && (k->given >= k->q->limit || k->plan.matched + found <= k->q->offset)) {
        k->plan.candidates += found;
        k->plan.matched += found;
        return 0;
    }
    size_t n = 0;
    uint64_t given = k->given;
    for (uint32_t i = 0; i < found; i++) {
        uint32_t s = base + hits[i];
        if (!types.any && !(types.only && bitset_has(types.only, s))) continue;
        if (!k->q->order && (k->plan.matched < k->q->offset || given >= k->q->limit)) {
            if (given >= k->q->limit && !k->q->count) break;
            k->plan.candidates++;
            k->plan.matched++;
            continue;
        }
        const version *ver = visible(&k->v->t->entities, s, k->v->group);
        if (!ver) continue;
        out[n++] = ver; /* given once the lock is free: giving may look up linked entities */
        if (!k->q->order) given++;
    }
    return n;
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
        int sure = 0; /* what was collected matches, without asking */
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
            sure = exact && !moved && !odd;
            n = sure ? take_block(k, col, base, h, only, slice) : gather_block(k, col, base, h, moved, slice);
        }
        pthread_rwlock_unlock(&k->v->t->lock);
        k->plan.candidates += n;
        if (sure) {
            for (size_t i = 0; i < n && !full(k); i++) {
                jd_doc d;
                if (view_open(k->v, slice[i], &d)) hit(k, slice[i], &d);
            }
        } else if (test_slice(k, slice, n)) {
            return -1;
        }
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

/* The places in the index of the scopes that may match; -1: the index does not hold them all. */
static int scopes_asked(asker *k, sets *out, uint64_t *members) {
    const indexes *x = &k->v->t->ix;
    if (x->scopes_off) return -1;
    *out = (sets){.scopes = 1, .no = JD_NEWN(k->v->arena, uint32_t, x->scopes_n)};
    *members = 0;
    for (uint32_t i = 0; i < x->scopes_n; i++)
        if (jd_scopeq_may(k->q->scopes, x->scope_names[i])) {
            out->no[out->n++] = i;
            *members += x->scopes[i].count;
        }
    return 0;
}

static int answer(asker *k) {
    const jd_question *q = k->q;
    jd_view *v = k->v;
    if (q->ids_n) return by_ids(k);
    jd_sym types[TYPES_MAX];
    int types_n = q->types ? jd_typeq_any_of(q->types, types, TYPES_MAX) : -1;
    jd_box boxes[2];
    int boxes_n = q->geo ? jd_geoq_boxes(q->geo, boxes) : 0;
    uint32_t type_no[TYPES_MAX];
    sets typed = {.no = type_no, .hidden = q->temporal}, scoped = {0};
    uint64_t by_type = 0, near = UINT64_MAX, by_scope = UINT64_MAX;
    pthread_rwlock_rdlock(&v->t->lock);
    const indexes *x = &v->t->ix;
    for (int i = 0; i < types_n; i++) {
        uint32_t no = index_type_no(x, types[i]);
        if (no == JD_STRMAP_NONE) continue;
        type_no[typed.n++] = no;
        by_type += x->types[no].count;
    }
    if (boxes_n) {
        const jd_geoindex *g = index_geo(x, q->geo_property);
        near = 0;
        for (int i = 0; g && i < boxes_n; i++) near += jd_geoindex_estimate(g, boxes[i]);
    }
    if (q->scopes && scopes_asked(k, &scoped, &by_scope)) by_scope = UINT64_MAX;
    pthread_rwlock_unlock(&v->t->lock);
    if (types_n < 0) by_type = atomic_load(&v->t->entities.live);
    if (near <= by_type && near <= by_scope && boxes_n) return by_geo(k, boxes, boxes_n);
    if (by_scope < by_type) return by_sets(k, &scoped);
    jd_qhint hint;
    int whole = 0;
    if (by_type >= v->e->o.column_worth && column_hint(k, &hint, &whole) && column_ready(v->t, hint.attr)) {
        /* one plain type is decided by its bitset; anything more is asked of the documents */
        if (q->types && (types_n != 1 || !jd_typeq_plain(q->types))) whole = 0;
        int rc = by_column(k, &hint, whole, types, q->types ? types_n : 0);
        column_release(v->t, hint.attr);
        return rc;
    }
    return types_n >= 0 ? by_sets(k, &typed) : by_scan(k);
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
    int rc = v->t && !(q->geo && !q->geo_property) ? answer(&k) : 0;
    if (!rc && k.too_many)
        rc = jd_fail(err, JD_E_TOO_COMPLEX_QUERY,
                     "more than %u entities match, too many to be sorted (setting order_max)",
                     "匹配的实体超过 %u 个，无法排序（设置项 order_max）", v->e->o.order_max);
    if (!rc && q->order) give_sorted(&k);
    free(k.found);
    if (total) *total = k.plan.matched;
    if (plan) *plan = k.plan;
    return rc;
}
