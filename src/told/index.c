/* Which subscriptions may a change touch? Each stands under the narrowest thing that it names: an id, a scope, a place,
 * a watched attribute of a type, a type; so a change costs by what it is, and not by how many wait. The index may offer
 * too much, never too little. The matcher's own: one thread. */
#include "told/told_int.h"

#include <stdlib.h>

enum { TYPES_MAX = 32, CLASS_ID = 'i', CLASS_SCOPE = 's', CLASS_ATTR = 'a', CLASS_TYPE = 't' };

typedef struct bucket {
    uint64_t key; /* 0: free */
    sub **s;
    uint32_t n, cap;
} bucket;

typedef struct places { /* of one tenant, type (0: any) and GeoProperty */
    int tenant;
    jd_sym type, property;
    jd_geoindex *boxes; /* of numbers in `sub` */
} places;

struct sub_index {
    bucket *table; /* open addressing */
    uint32_t cap, n;
    uint64_t class_n[128]; /* entries of each class: an empty one is not asked */
    places *place;
    uint32_t place_n;
    sub **placed; /* by number */
    uint32_t placed_n, placed_cap;
    uint32_t *freed; /* numbers to be given again */
    uint32_t freed_n, freed_cap;
    uint64_t mark;
    jd_u32s hits;
};

sub_index *index_make(void) {
    sub_index *x = jd_xcalloc(1, sizeof *x);
    x->cap = 1024;
    x->table = jd_xcalloc(x->cap, sizeof *x->table);
    return x;
}

void index_free(sub_index *x) {
    if (!x) return;
    for (uint32_t i = 0; i < x->cap; i++) free(x->table[i].s);
    for (uint32_t i = 0; i < x->place_n; i++) jd_geoindex_destroy(x->place[i].boxes);
    free(x->table);
    free(x->place);
    free(x->placed);
    free(x->freed);
    free(x->hits.p);
    free(x);
}

static uint64_t key_of(int class, int tenant, jd_sym type, uint64_t what) {
    uint64_t parts[4] = {(uint64_t) class, (uint64_t)(unsigned)tenant, type, what};
    return jd_hash(parts, sizeof parts) | 1;
}

static bucket *find(const sub_index *x, uint64_t key) {
    uint32_t at = (uint32_t)(key >> 20) & (x->cap - 1);
    while (x->table[at].key && x->table[at].key != key) at = (at + 1) & (x->cap - 1);
    return &x->table[at];
}

static void grow(sub_index *x) {
    bucket *old = x->table;
    uint32_t n = x->cap;
    x->cap *= 2;
    x->table = jd_xcalloc(x->cap, sizeof *x->table);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].key) *find(x, old[i].key) = old[i];
    free(old);
}

/* ---- where a subscription stands ---- */

typedef struct spot {
    sub_index *x;
    sub *s;
    int add;
} spot;

static void stand(const spot *w, int class, jd_sym type, uint64_t what) {
    sub_index *x = w->x;
    uint64_t key = key_of(class, w->s->tenant, type, what);
    bucket *b = find(x, key);
    if (!w->add) {
        for (uint32_t i = 0; i < b->n; i++)
            if (b->s[i] == w->s) {
                b->s[i] = b->s[--b->n]; /* an empty bucket stays: its key will come again */
                x->class_n[class]--;
                return;
            }
        return;
    }
    for (uint32_t i = 0; i < b->n && b->n < 64; i++)
        if (b->s[i] == w->s) return;
    if (!b->key) {
        if (++x->n * 2 > x->cap) grow(x);
        b = find(x, key);
        b->key = key;
    }
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 4;
        b->s = jd_xrealloc(b->s, b->cap * sizeof *b->s);
    }
    b->s[b->n++] = w->s;
    x->class_n[class]++;
}

static places *places_of(sub_index *x, int tenant, jd_sym type, jd_sym property) {
    for (uint32_t i = 0; i < x->place_n; i++)
        if (x->place[i].tenant == tenant && x->place[i].type == type && x->place[i].property == property)
            return &x->place[i];
    x->place = jd_xrealloc(x->place, (x->place_n + 1) * sizeof *x->place);
    x->place[x->place_n] = (places){tenant, type, property, jd_geoindex_create()};
    return &x->place[x->place_n++];
}

static void stand_at(const spot *w, jd_sym type, const jd_box *box, int n) {
    sub_index *x = w->x;
    places *p = places_of(x, w->s->tenant, type, w->s->geo_property);
    if (w->add && w->s->number == UINT32_MAX && x->freed_n) {
        w->s->number = x->freed[--x->freed_n];
        x->placed[w->s->number] = w->s;
    } else if (w->add && w->s->number == UINT32_MAX) {
        if (x->placed_n == x->placed_cap) {
            x->placed_cap = x->placed_cap ? x->placed_cap * 2 : 256;
            x->placed = jd_xrealloc(x->placed, x->placed_cap * sizeof(sub *));
        }
        w->s->number = x->placed_n;
        x->placed[x->placed_n++] = w->s;
    }
    if (w->s->number == UINT32_MAX) return;
    for (int i = 0; i < n; i++) {
        if (w->add)
            jd_geoindex_add(p->boxes, w->s->number, box[i]);
        else
            jd_geoindex_remove(p->boxes, w->s->number, box[i]);
    }
}

/* By the narrowest thing that all its entities of this type share. */
static void stand_by_type(const spot *w, jd_sym type) {
    const sub *s = w->s;
    jd_str path;
    jd_arena a;
    jd_box box[2];
    jd_arena_init(&a);
    int boxes = s->geo && s->geo_property ? jd_geoq_boxes(s->geo, box) : 0;
    if (s->scopes && jd_scopeq_plain(s->scopes, &a, &path))
        stand(w, CLASS_SCOPE, type, jd_hash(path.p, path.n));
    else if (boxes)
        stand_at(w, type, box, boxes);
    else if (s->watched_n)
        for (uint32_t i = 0; i < s->watched_n; i++) {
            if (s->watched[i]) stand(w, CLASS_ATTR, type, s->watched[i]); /* 0: no entity has it yet */
        }
    else
        stand(w, CLASS_TYPE, type, 0);
    jd_arena_fini(&a);
}

static void stand_all(const spot *w) {
    const sub *s = w->s;
    if (!s->selectors_n) stand_by_type(w, 0);
    for (uint32_t i = 0; i < s->selectors_n; i++) {
        const sub_selector *e = &s->selectors[i];
        jd_sym types[TYPES_MAX];
        if (e->id.p) {
            stand(w, CLASS_ID, 0, jd_hash(e->id.p, e->id.n));
            continue;
        }
        int n = e->types ? jd_typeq_any_of(e->types, types, TYPES_MAX) : -1;
        if (n < 0) stand_by_type(w, 0);
        for (int k = 0; k < n; k++)
            if (types[k]) stand_by_type(w, types[k]);
    }
}

void index_add(sub_index *x, sub *s) {
    s->number = UINT32_MAX;
    stand_all(&(spot){x, s, 1});
}

void index_remove(sub_index *x, sub *s) {
    stand_all(&(spot){x, s, 0});
    if (s->number == UINT32_MAX) return;
    if (x->freed_n == x->freed_cap) {
        x->freed_cap = x->freed_cap ? x->freed_cap * 2 : 64;
        x->freed = jd_xrealloc(x->freed, x->freed_cap * sizeof *x->freed);
    }
    x->freed[x->freed_n++] = s->number;
    x->placed[s->number] = NULL;
    s->number = UINT32_MAX;
}

/* ---- what a change may touch ---- */

typedef struct asking {
    sub_index *x;
    int tenant;
    const jd_doc *was, *is, *d;
    jd_sym changed[SUB_CHANGED_MAX];
    uint32_t changed_n;
    int changed_all; /* more than fit */
    const jd_symtab *symbols;
    jd_arena *a;
    index_fn fn;
    void *user;
} asking;

static void offer(const asking *q, sub *s) {
    if (!s || s->mark == q->x->mark) return;
    s->mark = q->x->mark;
    q->fn(q->user, s);
}

static void offer_bucket(const asking *q, int class, jd_sym type, uint64_t what) {
    const bucket *b = find(q->x, key_of(class, q->tenant, type, what));
    for (uint32_t i = 0; i < b->n; i++) offer(q, b->s[i]);
}

static void note_changed(asking *q, jd_sym name) {
    for (uint32_t i = 0; i < q->changed_n; i++)
        if (q->changed[i] == name) return;
    if (q->changed_n == SUB_CHANGED_MAX)
        q->changed_all = 1;
    else
        q->changed[q->changed_n++] = name;
}

/* Attributes of which an instance came, went or is another one. */
static void find_changed(asking *q, const jd_doc *a, const jd_doc *b) {
    jd_attrview v, w;
    for (jd_bytes rest = a ? a->attrs : (jd_bytes){NULL, NULL}; a && jd_attr_next(&rest, a->created, &v);)
        if (!b || !sub_instance(b, &v, &w) || !sub_same_record(&v, &w)) note_changed(q, v.name);
}

static void offer_places(const asking *q, const places *p) {
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(q->d, p->property, &v, &rest)) return;
    do {
        jd_box box;
        if (v.kind != JD_GEOPROPERTY || !jd_node_box(v.value, q->symbols, q->a, &box)) continue;
        q->x->hits.n = 0;
        jd_geoindex_search(p->boxes, box, &q->x->hits, SIZE_MAX);
        for (size_t i = 0; i < q->x->hits.n; i++) offer(q, q->x->placed[q->x->hits.p[i]]);
    } while (jd_attr_next(&rest, q->d->created, &v) && v.name == p->property);
}

/* A scope is asked for with all above it: /A/B lies below /A. */
static void offer_scopes(const asking *q, jd_sym type) {
    jd_str s;
    for (jd_bytes rest = q->d->scopes; jd_strs_next(&rest, &s);) {
        if (s.n && *s.p == '/') s.p++, s.n--;
        for (size_t n = 0; n <= s.n; n++)
            if (n == s.n || s.p[n] == '/') offer_bucket(q, CLASS_SCOPE, type, jd_hash(s.p, n));
    }
    offer_bucket(q, CLASS_SCOPE, type, jd_hash("", 0)); /* of "/#" */
}

static void offer_by_type(const asking *q, jd_sym type) {
    const uint64_t *n = q->x->class_n;
    if (n[CLASS_TYPE]) offer_bucket(q, CLASS_TYPE, type, 0);
    if (n[CLASS_SCOPE] && q->d->scopes_n) offer_scopes(q, type);
    for (uint32_t i = 0; n[CLASS_ATTR] && i < q->changed_n; i++) offer_bucket(q, CLASS_ATTR, type, q->changed[i]);
    for (uint32_t i = 0; i < q->x->place_n; i++) {
        const places *p = &q->x->place[i];
        if (p->tenant == q->tenant && p->type == type) offer_places(q, p);
    }
}

void index_offer(sub_index *x, int tenant, const jd_doc *was, const jd_doc *is, const jd_symtab *symbols, jd_arena *a,
                 index_fn fn, void *user) {
    asking q = {.x = x, .tenant = tenant, .was = was, .is = is, .d = is ? is : was};
    q.symbols = symbols, q.a = a, q.fn = fn, q.user = user;
    jd_sym type;
    x->mark++;
    if (x->class_n[CLASS_ATTR]) {
        find_changed(&q, is, was);
        find_changed(&q, was, is);
    }
    if (x->class_n[CLASS_ID]) offer_bucket(&q, CLASS_ID, 0, jd_hash(q.d->id.p, q.d->id.n));
    offer_by_type(&q, 0);
    for (jd_bytes types = q.d->types; jd_syms_next(&types, &type);) offer_by_type(&q, type);
    if (!q.changed_all) return;
    /* an entity of so many changed attributes: those that do not fit are asked one by one */
    for (int side = 0; side < 2; side++) {
        const jd_doc *d = side ? was : is;
        jd_attrview v;
        for (jd_bytes rest = d ? d->attrs : (jd_bytes){NULL, NULL}; d && jd_attr_next(&rest, d->created, &v);) {
            offer_bucket(&q, CLASS_ATTR, 0, v.name);
            for (jd_bytes types = q.d->types; jd_syms_next(&types, &type);) offer_bucket(&q, CLASS_ATTR, type, v.name);
        }
    }
}
