/* Indexes over the newest versions. They keep an entry until the last version that bears it is reclaimed, and every
 * candidate is tested on the asker's version: an index may offer too much, never too little. */
#include "engine/engine_int.h"

#include <math.h>
#include <stdlib.h>

/* ---- bitset ---- */

void bitset_fini(bitset *b) {
    for (uint32_t i = 0; i < b->pages_n; i++) free(b->pages[i]);
    free(b->pages);
    *b = (bitset){0};
}

void bitset_add(bitset *b, uint32_t i) {
    uint32_t p = i >> 12;
    if (p >= b->pages_n) {
        uint32_t n = p + p / 2 + 1;
        b->pages = jd_xrealloc(b->pages, n * sizeof *b->pages);
        memset(b->pages + b->pages_n, 0, (n - b->pages_n) * sizeof *b->pages);
        b->pages_n = n;
    }
    if (!b->pages[p]) b->pages[p] = jd_xcalloc(64, sizeof(uint64_t));
    uint64_t *w = &b->pages[p][(i >> 6) & 63], bit = UINT64_C(1) << (i & 63);
    b->count += !(*w & bit);
    *w |= bit;
}

void bitset_del(bitset *b, uint32_t i) {
    if (!bitset_has(b, i)) return;
    b->pages[i >> 12][(i >> 6) & 63] &= ~(UINT64_C(1) << (i & 63));
    b->count--;
}

uint32_t bitset_next(const bitset *b, uint32_t from) {
    for (uint32_t p = from >> 12; p < b->pages_n; p++, from = p << 12) {
        if (!b->pages[p]) continue;
        for (uint32_t w = (from >> 6) & 63; w < 64; w++, from = (p << 12) | (w << 6)) {
            uint64_t bits = b->pages[p][w] >> (from & 63);
            if (bits) return from + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return UINT32_MAX;
}

/* ---- making and finding ---- */

static void column_free(column *c);

void indexes_init(indexes *x) {
    *x = (indexes){0};
    jd_strmap_init(&x->scope_no);
    jd_strmap_init(&x->type_no);
}

void indexes_fini(indexes *x) {
    bitset_fini(&x->hidden);
    for (uint32_t i = 0; i < x->types_n; i++) bitset_fini(&x->types[i]);
    free(x->types);
    for (uint32_t i = 0; i < x->scopes_n; i++) bitset_fini(&x->scopes[i]);
    free(x->scopes);
    free(x->scope_names);
    jd_strmap_fini(&x->scope_no);
    jd_strmap_fini(&x->type_no);
    for (geo_entry *g = x->geos, *next; g; g = next) {
        next = g->next;
        jd_geoindex_destroy(g->index);
        free(g);
    }
    for (column *c = x->columns, *next; c; c = next) {
        next = c->next;
        column_free(c);
    }
    for (uint32_t i = 0; i < x->forms_n; i++) {
        free(x->forms[i].types);
        free(x->forms[i].attrs);
    }
    free(x->forms);
    free(x->forms_freed);
    free(x->form_table);
}

uint32_t index_type_no(const indexes *x, jd_sym type) {
    return type ? jd_strmap_get(&x->type_no, (jd_str){(const char *)&type, sizeof type}) : JD_STRMAP_NONE;
}

const bitset *index_type(const indexes *x, jd_sym type) {
    uint32_t no = index_type_no(x, type);
    return no == JD_STRMAP_NONE ? NULL : &x->types[no];
}

static bitset *type_make(indexes *x, jd_sym type) {
    uint32_t no = jd_strmap_add(&x->type_no, (jd_str){(const char *)&type, sizeof type}, x->types_n);
    if (no < x->types_n) return &x->types[no];
    if (x->types_n == x->types_cap) {
        x->types_cap = x->types_cap ? x->types_cap * 2 : 16;
        x->types = jd_xrealloc(x->types, x->types_cap * sizeof *x->types);
    }
    x->types[x->types_n] = (bitset){0};
    return &x->types[x->types_n++];
}

/* NULL when there are more scopes than are worth an index. */
static bitset *scope_make(indexes *x, jd_str scope) {
    uint32_t no = jd_strmap_get(&x->scope_no, scope);
    if (no != JD_STRMAP_NONE) return &x->scopes[no];
    if (x->scopes_n == SCOPES_INDEXED) x->scopes_off = 1;
    if (x->scopes_off) return NULL;
    if (x->scopes_n == x->scopes_cap) {
        x->scopes_cap = x->scopes_cap ? x->scopes_cap * 2 : 16;
        x->scopes = jd_xrealloc(x->scopes, x->scopes_cap * sizeof *x->scopes);
        x->scope_names = jd_xrealloc(x->scope_names, x->scopes_cap * sizeof *x->scope_names);
    }
    x->scopes[x->scopes_n] = (bitset){0};
    x->scope_names[x->scopes_n] = jd_strmap_put(&x->scope_no, scope, x->scopes_n);
    return &x->scopes[x->scopes_n++];
}

jd_geoindex *index_geo(const indexes *x, jd_sym attr) {
    for (geo_entry *g = x->geos; g; g = g->next)
        if (g->attr == attr) return g->index;
    return NULL;
}

static jd_geoindex *geo_make(indexes *x, jd_sym attr) {
    jd_geoindex *have = index_geo(x, attr);
    if (have) return have;
    geo_entry *g = jd_xcalloc(1, sizeof *g);
    *g = (geo_entry){x->geos, attr, jd_geoindex_create()};
    x->geos = g;
    return g->index;
}

column *index_column(const indexes *x, jd_sym attr) {
    for (column *c = x->columns; c; c = c->next)
        if (c->attr == attr) return c->ready ? c : NULL;
    return NULL;
}

/* ---- forms ---- */

static int sym_cmp(const void *a, const void *b) {
    jd_sym x = *(const jd_sym *)a, y = *(const jd_sym *)b;
    return (x > y) - (x < y);
}

enum { FORM_WORDS = 4096 };

/* A document's form as words: types, 0, then name and kinds; sorted. Returns how many words; attributes beyond the room
 * are left out of discovery's sight (4,096 words are 2,000 attributes). */
static uint32_t form_words(const jd_doc *d, uint32_t w[FORM_WORDS], uint32_t *types_n) {
    uint32_t n = 0;
    jd_bytes rest = d->types;
    jd_sym s;
    while (n < FORM_WORDS / 4 && jd_syms_next(&rest, &s)) w[n++] = s;
    if (n > 1) qsort(w, n, sizeof *w, sym_cmp);
    *types_n = n;
    uint32_t start = n;
    jd_kind kind;
    for (rest = d->attrs; n + 2 <= FORM_WORDS && jd_attr_peek(&rest, &s, &kind);) {
        if (n > start && w[n - 2] == s) {
            w[n - 1] |= 1u << kind;
            continue;
        }
        /* insertion keeps the few names sorted; entities of one form mostly come in the same order */
        uint32_t at = n;
        for (; at > start && w[at - 2] > s; at -= 2) w[at] = w[at - 2], w[at + 1] = w[at - 1];
        w[at] = s;
        w[at + 1] = 1u << kind;
        n += 2;
    }
    return n;
}

static int form_is(const form *f, const uint32_t *w, uint32_t n, uint32_t types_n) {
    if (f->types_n != types_n || f->attrs_n * 2 + types_n != n) return 0;
    return !memcmp(f->types, w, types_n * sizeof *w) && !memcmp(f->attrs, w + types_n, (n - types_n) * sizeof *w);
}

static void form_table_add(indexes *x, uint32_t no) {
    uint32_t i = x->forms[no].hash & (x->form_table_cap - 1);
    while (x->form_table[i]) i = (i + 1) & (x->form_table_cap - 1);
    x->form_table[i] = no + 1;
}

static void form_set(form *f, const uint32_t *w, uint32_t n, uint32_t types_n, uint32_t h) {
    *f = (form){.refs = 1, .hash = h, .types_n = types_n, .attrs_n = (n - types_n) / 2};
    f->types = jd_xmalloc(types_n * sizeof *w);
    memcpy(f->types, w, types_n * sizeof *w);
    f->attrs = jd_xmalloc((n - types_n) * sizeof *w);
    memcpy(f->attrs, w + types_n, (n - types_n) * sizeof *w);
}

/* Before the list grows: forms that no version bears give their places back, when at least a quarter of them does. */
static void forms_tidy(indexes *x) {
    uint32_t idle = 0;
    for (uint32_t i = 0; i < x->forms_n; i++) idle += x->forms[i].refs == 0;
    if (idle * 4 < x->forms_n || !idle) return;
    memset(x->form_table, 0, x->form_table_cap * sizeof *x->form_table);
    x->forms_freed = jd_xrealloc(x->forms_freed, x->forms_n * sizeof *x->forms_freed);
    x->forms_freed_n = 0;
    for (uint32_t i = 0; i < x->forms_n; i++) {
        if (x->forms[i].refs) {
            form_table_add(x, i);
            continue;
        }
        free(x->forms[i].types);
        free(x->forms[i].attrs);
        x->forms[i] = (form){0};
        x->forms_freed[x->forms_freed_n++] = i;
    }
}

/* Only the writer makes forms, but readers list them: the arrays move under the write lock. */
uint32_t form_of(jd_tenant *t, const jd_doc *d) {
    indexes *x = &t->ix;
    uint32_t w[FORM_WORDS], types_n, n = form_words(d, w, &types_n);
    uint32_t h = (uint32_t)jd_hash(w, n * sizeof *w) ^ types_n;
    if (x->form_table_cap)
        for (uint32_t i = h & (x->form_table_cap - 1); x->form_table[i]; i = (i + 1) & (x->form_table_cap - 1)) {
            const form *f = &x->forms[x->form_table[i] - 1];
            if (f->hash == h && form_is(f, w, n, types_n)) {
                x->forms[x->form_table[i] - 1].refs++;
                return x->form_table[i] - 1;
            }
        }
    pthread_rwlock_wrlock(&t->lock);
    if (x->forms_n == x->forms_cap) forms_tidy(x);
    if (x->forms_freed_n) { /* the place of a form that nothing bears any more */
        uint32_t no = x->forms_freed[--x->forms_freed_n];
        form_set(&x->forms[no], w, n, types_n, h);
        form_table_add(x, no);
        pthread_rwlock_unlock(&t->lock);
        return no;
    }
    if (x->forms_n == x->forms_cap) {
        x->forms_cap = x->forms_cap ? x->forms_cap * 2 : 16;
        x->forms = jd_xrealloc(x->forms, x->forms_cap * sizeof *x->forms);
        free(x->form_table);
        x->form_table_cap = x->forms_cap * 4;
        x->form_table = jd_xcalloc(x->form_table_cap, sizeof *x->form_table);
        for (uint32_t i = 0; i < x->forms_n; i++) form_table_add(x, i); /* none is freed: see above */
    }
    form_set(&x->forms[x->forms_n], w, n, types_n, h);
    form_table_add(x, x->forms_n++);
    pthread_rwlock_unlock(&t->lock);
    return x->forms_n - 1;
}

/* ---- geometry ---- */

typedef struct boxed {
    jd_sym attr;
    jd_box box;
} boxed;
typedef struct boxes { /* the few boxes of one document; mostly it is one, which needs no memory of its own */
    boxed few[4], *p;
    uint32_t n, cap;
} boxes;

static void boxes_fini(boxes *b) {
    if (b->p != b->few) free(b->p);
}

static void collect_box(boxes *b, jd_sym attr, jd_box box) {
    for (uint32_t i = 0; i < b->n; i++)
        if (b->p[i].attr == attr && !memcmp(&b->p[i].box, &box, sizeof box)) return;
    if (b->n == b->cap) {
        boxed *more = jd_xmalloc(b->cap * 2 * sizeof *more);
        memcpy(more, b->p, b->n * sizeof *more);
        boxes_fini(b);
        b->p = more;
        b->cap *= 2;
    }
    b->p[b->n++] = (boxed){attr, box};
}

static void boxes_of(jd_tenant *t, const version *v, boxes *b) {
    b->p = b->few;
    b->n = 0;
    b->cap = sizeof b->few / sizeof *b->few;
    if (!v || v->gone) return;
    jd_doc d;
    jd_doc_open(&d, (jd_str){v->bytes, v->n});
    jd_arena a;
    jd_arena_init(&a);
    jd_bytes rest = d.attrs;
    jd_sym name;
    jd_kind kind;
    for (jd_bytes here = rest; jd_attr_peek(&rest, &name, &kind); here = rest) {
        jd_attrview at;
        jd_box box;
        if (kind != JD_GEOPROPERTY || !jd_attr_next(&here, d.created, &at) || jd_node_type(at.value) != JD_N_OBJ)
            continue;
        if (jd_node_box(at.value, t->e->symbols, &a, &box)) collect_box(b, name, box);
    }
    jd_arena_fini(&a);
}

static int has_box(const boxes *b, jd_sym attr, const jd_box *box) {
    for (uint32_t i = 0; i < b->n; i++)
        if (b->p[i].attr == attr && !memcmp(&b->p[i].box, box, sizeof *box)) return 1;
    return 0;
}

/* Does some version from v on, but for `except`, have this box? The index holds a (serial, attribute, box) once. */
static int chain_has_box(jd_tenant *t, const version *v, const version *except, jd_sym attr, jd_box box) {
    int found = 0;
    for (; v && !found; v = v->older) {
        if (v == except) continue;
        boxes b;
        boxes_of(t, v, &b);
        found = has_box(&b, attr, &box);
        boxes_fini(&b);
    }
    return found;
}

/* Moves on to the next GeoProperty; 0 at the end. */
static int next_place(jd_bytes *rest, jd_attrview *v) {
    jd_sym name;
    jd_kind kind;
    for (jd_bytes here = *rest; jd_attr_peek(rest, &name, &kind); here = *rest)
        if (kind == JD_GEOPROPERTY) return jd_attr_next(&here, 0, v);
    return 0;
}

/* Same GeoProperty values in both: nothing to do for the geometry index. */
static int same_places(const jd_doc *a, const jd_doc *b) {
    jd_bytes ra = a->attrs, rb = b->attrs;
    jd_attrview va, vb;
    for (;;) {
        int ha = next_place(&ra, &va), hb = next_place(&rb, &vb);
        if (!ha || !hb) return ha == hb;
        size_t n = (size_t)(va.record.end - va.value.p);
        if (va.name != vb.name || n != (size_t)(vb.record.end - vb.value.p) || memcmp(va.value.p, vb.value.p, n))
            return 0;
    }
}

/* ---- columns ---- */

static void cell_of(const jd_doc *d, jd_sym attr, double *v, int *odd) {
    jd_attrview a;
    jd_bytes rest;
    *v = NAN;
    *odd = 0;
    if (!d || !jd_doc_attr(d, attr, &a, &rest)) return;
    if (a.kind == JD_PROPERTY && jd_node_type(a.value) == JD_N_NUM) {
        jd_attrview second;
        if (!jd_attr_next(&rest, d->created, &second) || second.name != attr) {
            *v = jd_node_num(a.value);
            return;
        }
    }
    *odd = 1;
}

static void column_set(column *c, uint32_t serial, const jd_doc *d, uint64_t group) {
    if (serial >= c->cap) {
        uint32_t cap = (serial + serial / 4) / COLUMN_BLOCK * COLUMN_BLOCK + 4 * COLUMN_BLOCK,
                 blocks = cap / COLUMN_BLOCK;
        c->v = jd_xrealloc(c->v, cap * sizeof *c->v);
        for (uint32_t i = c->cap; i < cap; i++) c->v[i] = NAN;
        c->lo = jd_xrealloc(c->lo, blocks * sizeof *c->lo);
        c->hi = jd_xrealloc(c->hi, blocks * sizeof *c->hi);
        c->block_group = jd_xrealloc(c->block_group, blocks * sizeof *c->block_group);
        for (uint32_t b = c->cap / COLUMN_BLOCK; b < blocks; b++)
            c->lo[b] = INFINITY, c->hi[b] = -INFINITY, c->block_group[b] = 0;
        c->cap = cap;
    }
    int odd;
    double v;
    cell_of(d, c->attr, &v, &odd);
    c->v[serial] = v;
    if (odd)
        bitset_add(&c->odd, serial);
    else
        bitset_del(&c->odd, serial);
    uint32_t b = serial / COLUMN_BLOCK;
    if (v < c->lo[b]) c->lo[b] = v;
    if (v > c->hi[b]) c->hi[b] = v;
    if (group > c->block_group[b]) c->block_group[b] = group;
}

static void column_free(column *c) {
    bitset_fini(&c->odd);
    free(c->v);
    free(c->lo);
    free(c->hi);
    free(c->block_group);
    free(c);
}

/* How many entities have the attribute. */
static uint64_t form_has_attr(const indexes *x, jd_sym attr) {
    uint64_t n = 0;
    for (uint32_t f = 0; f < x->forms_n; f++)
        for (uint32_t i = 0; i < x->forms[f].attrs_n && x->forms[f].count; i++)
            if (x->forms[f].attrs[i].name == attr) n += x->forms[f].count;
    return n;
}

/* A column is linked in empty, filled in slices under the read lock (publishing keeps it current meanwhile, for all
 * serials), then declared ready: no one waits longer than for a slice. */
static void column_build(jd_tenant *t, jd_sym attr) {
    column *c = jd_xcalloc(1, sizeof *c);
    c->attr = attr;
    pthread_rwlock_wrlock(&t->lock);
    uint32_t n = atomic_load(&t->entities.slots), many = 0;
    column **last = NULL; /* the least used of those that are ready */
    for (column **have = &t->ix.columns; *have; have = &(*have)->next, many++) {
        if ((*have)->attr == attr) { /* somebody else is at it */
            pthread_rwlock_unlock(&t->lock);
            free(c);
            return;
        }
        if ((*have)->ready && !atomic_load(&(*have)->users) &&
            (!last || atomic_load(&(*have)->used) < atomic_load(&(*last)->used)))
            last = have;
    }
    if (many >= COLUMNS_MAX && last) {
        column *out = *last;
        *last = out->next;
        column_free(out);
    }
    atomic_store(&c->used, atomic_fetch_add(&t->ix.uses, 1));
    if (n) column_set(c, n - 1, NULL, 0);
    c->next = t->ix.columns;
    t->ix.columns = c;
    pthread_rwlock_unlock(&t->lock);
    for (uint32_t from = 0; from < n; from += COLUMN_BLOCK) {
        pthread_rwlock_rdlock(&t->lock);
        for (uint32_t i = from; i < from + COLUMN_BLOCK && i < n; i++) {
            const version *v = newest(&t->entities, i);
            if (!v || v->gone) continue;
            jd_doc d;
            jd_doc_open(&d, (jd_str){v->bytes, v->n});
            column_set(c, i, &d, v->group);
        }
        pthread_rwlock_unlock(&t->lock);
    }
    pthread_rwlock_wrlock(&t->lock);
    c->ready = 1;
    pthread_rwlock_unlock(&t->lock);
}

void column_release(jd_tenant *t, jd_sym attr) {
    pthread_rwlock_rdlock(&t->lock);
    column *c = index_column(&t->ix, attr);
    if (c) atomic_fetch_sub(&c->users, 1);
    pthread_rwlock_unlock(&t->lock);
}

int column_ready(jd_tenant *t, jd_sym attr) {
    for (int built = 0;; built = 1) {
        pthread_rwlock_rdlock(&t->lock);
        column *c = index_column(&t->ix, attr);
        if (c) {
            atomic_store(&c->used, atomic_fetch_add(&t->ix.uses, 1));
            atomic_fetch_add(&c->users, 1);
        }
        int worth = c || form_has_attr(&t->ix, attr) >= t->e->o.column_worth;
        pthread_rwlock_unlock(&t->lock);
        if (c || built || !worth) return c != NULL;
        column_build(t, attr);
    }
}

/* ---- publish and reclaim ---- */

static unsigned is_transient(const jd_doc *d) {
    return d->expires != JD_TIME_NONE || d->attr_expires != JD_TIME_NONE;
}

static int is_plain(const version *v) {
    jd_str bytes = {v->bytes, v->n};
    return !jd_doc_may_expire(bytes) && !jd_doc_has_scopes(bytes);
}

/* Do both bear the same entries in all indexes but columns? Most changes are of a value, and then they do. */
static int same_but_places(const version *now, const version *was) {
    return !was->gone && was->form == now->form && is_plain(now) && is_plain(was);
}
static int same_entries(const version *now, const version *was) {
    return now->same_places && same_but_places(now, was);
}

/* The boxes of `now` that no version before it has; *left: what `was` has and `now` has not. */
static void publish_boxes(jd_tenant *t, uint32_t serial, const version *now, const version *was, const version *before,
                          box_left *left) {
    boxes fresh, old;
    boxes_of(t, now, &fresh);
    boxes_of(t, was, &old);
    for (uint32_t i = 0; i < fresh.n; i++) {
        const boxed *b = &fresh.p[i];
        if (!has_box(&old, b->attr, &b->box) && !chain_has_box(t, before, NULL, b->attr, b->box))
            jd_geoindex_add(geo_make(&t->ix, b->attr), serial, b->box);
    }
    if (left && old.n == 1 && !has_box(&fresh, old.p->attr, &old.p->box)) *left = (box_left){old.p->attr, old.p->box};
    boxes_fini(&fresh);
    boxes_fini(&old);
}

void indexes_publish(jd_tenant *t, uint32_t serial, const version *now, version *was, box_left *left) {
    indexes *x = &t->ix;
    jd_doc dn, dw;
    const version *chain = was; /* what older views may still see, tombstones included */
    if (was && was->gone) was = NULL;
    if (was && !now->gone && same_but_places(now, was)) {
        if (!now->same_places) publish_boxes(t, serial, now, was, was->older, left);
        if (!x->columns) return;
        jd_doc_open(&dn, (jd_str){now->bytes, now->n});
        for (column *c = x->columns; c; c = c->next) column_set(c, serial, &dn, now->group);
        return;
    }
    if (was) {
        jd_doc_open(&dw, (jd_str){was->bytes, was->n});
        x->forms[was->form].count--;
        x->transient -= is_transient(&dw);
        if (now->gone || was->form != now->form) {
            was->stale = 1;
            x->stale++;
        }
    }
    if (now->gone) {
        for (column *c = x->columns; c; c = c->next) column_set(c, serial, NULL, now->group);
        return;
    }
    jd_doc_open(&dn, (jd_str){now->bytes, now->n});
    x->forms[now->form].count++;
    x->transient += is_transient(&dn);
    if (!was || was->form != now->form) {
        jd_bytes rest = dn.types;
        jd_sym s;
        while (jd_syms_next(&rest, &s)) bitset_add(type_make(x, s), serial);
    }
    jd_bytes rest = dn.scopes;
    jd_str scope;
    while (jd_strs_next(&rest, &scope)) {
        bitset *b = scope_make(x, scope);
        if (b) bitset_add(b, serial);
    }
    if (!was || !same_places(&dn, &dw)) publish_boxes(t, serial, now, was, was ? was->older : chain, left);
    for (column *c = x->columns; c; c = c->next) column_set(c, serial, &dn, now->group);
}

/* Does a version that stays in the chain bear what the leaving one bears? */
static int others_have_type(const coll *c, uint32_t serial, const version *gone, jd_sym type) {
    for (const version *v = newest(c, serial); v; v = v->older) {
        if (v == gone || v->gone) continue;
        jd_doc d;
        jd_doc_open(&d, (jd_str){v->bytes, v->n});
        if (jd_doc_has_type(&d, type)) return 1;
    }
    return 0;
}

static int others_have_scope(const coll *c, uint32_t serial, const version *gone, jd_str scope) {
    for (const version *v = newest(c, serial); v; v = v->older) {
        if (v == gone || v->gone) continue;
        jd_doc d;
        jd_doc_open(&d, (jd_str){v->bytes, v->n});
        jd_bytes rest = d.scopes;
        jd_str s;
        while (jd_strs_next(&rest, &s))
            if (jd_str_eq(s, scope)) return 1;
    }
    return 0;
}

void indexes_reclaim(jd_tenant *t, uint32_t serial, const version *gone, const box_left *left) {
    if (gone->gone) return;
    indexes *x = &t->ix;
    x->stale -= gone->stale;
    x->forms[gone->form].refs--;
    const version *top = newest(&t->entities, serial);
    jd_doc d, dt;
    if (top && !top->gone && top->older == gone && same_entries(top, gone)) return; /* the next one bears them */
    if (left && left->attr && top && !top->gone && top->older == gone && gone->newer == top && !gone->older &&
        same_but_places(top, gone)) {
        jd_geoindex_remove(geo_make(x, left->attr), serial, left->box);
        return;
    }
    jd_doc_open(&d, (jd_str){gone->bytes, gone->n});
    int alone = !top || top->gone || top->older != gone; /* the common case is one successor that looks alike */
    if (!alone) jd_doc_open(&dt, (jd_str){top->bytes, top->n});
    if (alone || top->form != gone->form) {
        jd_bytes rest = d.types;
        jd_sym s;
        while (jd_syms_next(&rest, &s))
            if (!others_have_type(&t->entities, serial, gone, s)) bitset_del(type_make(x, s), serial);
    }
    jd_bytes rest = d.scopes;
    jd_str scope;
    while (jd_strs_next(&rest, &scope)) {
        uint32_t no = jd_strmap_get(&x->scope_no, scope);
        if (no != JD_STRMAP_NONE && !others_have_scope(&t->entities, serial, gone, scope))
            bitset_del(&x->scopes[no], serial);
    }
    if (alone || !same_places(&d, &dt)) {
        boxes mine;
        boxes_of(t, gone, &mine);
        for (uint32_t i = 0; i < mine.n; i++) {
            if (!chain_has_box(t, top, gone, mine.p[i].attr, mine.p[i].box))
                jd_geoindex_remove(geo_make(x, mine.p[i].attr), serial, mine.p[i].box);
        }
        boxes_fini(&mine);
    }
}
