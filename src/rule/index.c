/* Rules by type, by type and attribute, and by entity: a change costs by what it touches, not by how many rules there
 * are. */
#include "rule/rule_int.h"

#include <stdlib.h>

typedef struct rules_of { /* a type, or an attribute of it */
    jd_sym attr;
    rule **r;
    size_t n, cap;
} rules_of;
typedef struct type_rules {
    jd_sym type;
    rules_of all;     /* those of one entity are not among these, nor among `attrs` */
    rules_of *attrs;  /* by attribute, sorted */
    rules_of waiting; /* with an `unless` */
    size_t attrs_n;
} type_rules;
struct rule_index {
    type_rules *types; /* sorted */
    size_t n;
    jd_strmap entities; /* id -> place in `own` */
    rules_of *own;      /* of one entity, whatever its type */
    size_t own_n, own_cap;
    uint64_t mark;
    rules_of found; /* of one offer */
};

rule_index *rindex_make(void) {
    rule_index *x = jd_xcalloc(1, sizeof *x);
    jd_strmap_init(&x->entities);
    return x;
}

void rindex_free(rule_index *x) {
    if (!x) return;
    for (size_t i = 0; i < x->n; i++) {
        for (size_t k = 0; k < x->types[i].attrs_n; k++) free(x->types[i].attrs[k].r);
        free(x->types[i].attrs);
        free(x->types[i].all.r);
        free(x->types[i].waiting.r);
    }
    for (size_t i = 0; i < x->own_n; i++) free(x->own[i].r);
    jd_strmap_fini(&x->entities);
    free(x->own);
    free(x->types);
    free(x->found.r);
    free(x);
}

static void put(rules_of *o, rule *r) {
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 8;
        o->r = jd_xrealloc(o->r, o->cap * sizeof *o->r);
    }
    o->r[o->n++] = r;
}

static void take(rules_of *o, const rule *r) {
    for (size_t i = 0; i < o->n; i++)
        if (o->r[i] == r) {
            memmove(o->r + i, o->r + i + 1, (o->n - i - 1) * sizeof *o->r);
            o->n--;
            return;
        }
}

/* Where the key stands, or would stand, among n items of `size` bytes that begin with theirs. */
static size_t place(const void *items, size_t n, size_t size, jd_sym key) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        jd_sym at;
        memcpy(&at, (const char *)items + mid * size, sizeof at);
        if (at < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static type_rules *find_type(const rule_index *x, jd_sym type) {
    size_t i = place(x->types, x->n, sizeof *x->types, type);
    return i < x->n && x->types[i].type == type ? &x->types[i] : NULL;
}

static type_rules *need_type(rule_index *x, jd_sym type) {
    type_rules *t = find_type(x, type);
    if (t) return t;
    size_t i = place(x->types, x->n, sizeof *x->types, type);
    x->types = jd_xrealloc(x->types, (x->n + 1) * sizeof *x->types);
    memmove(x->types + i + 1, x->types + i, (x->n++ - i) * sizeof *x->types);
    x->types[i] = (type_rules){.type = type};
    return &x->types[i];
}

static rules_of *need_attr(type_rules *t, jd_sym attr) {
    size_t i = place(t->attrs, t->attrs_n, sizeof *t->attrs, attr);
    if (i < t->attrs_n && t->attrs[i].attr == attr) return &t->attrs[i];
    t->attrs = jd_xrealloc(t->attrs, (t->attrs_n + 1) * sizeof *t->attrs);
    memmove(t->attrs + i + 1, t->attrs + i, (t->attrs_n++ - i) * sizeof *t->attrs);
    t->attrs[i] = (rules_of){.attr = attr};
    return &t->attrs[i];
}

static rules_of *find_own(const rule_index *x, jd_str entity) {
    uint32_t i = jd_strmap_get(&x->entities, entity);
    return i == JD_STRMAP_NONE ? NULL : &x->own[i];
}

static rules_of *need_own(rule_index *x, jd_str entity) {
    rules_of *o = find_own(x, entity);
    if (o) return o;
    if (x->own_n == x->own_cap) {
        x->own_cap = x->own_cap ? x->own_cap * 2 : 64;
        x->own = jd_xrealloc(x->own, x->own_cap * sizeof *x->own);
    }
    x->own[x->own_n] = (rules_of){.attr = 0};
    jd_strmap_put(&x->entities, entity, (uint32_t)x->own_n);
    return &x->own[x->own_n++];
}

void rindex_add(rule_index *x, rule *r) {
    type_rules *t = need_type(x, r->type);
    if (r->unless_n) put(&t->waiting, r);
    if (r->entity.p) {
        put(need_own(x, r->entity), r);
        return;
    }
    put(&t->all, r);
    for (uint32_t i = 0; i < r->watched_n; i++) put(need_attr(t, r->watched[i]), r);
    if (r->device_state) put(need_attr(t, r->device_state), r); /* a device that is claimed is judged then */
}

void rindex_remove(rule_index *x, rule *r) {
    type_rules *t = find_type(x, r->type);
    if (!t) return;
    if (r->unless_n) take(&t->waiting, r);
    if (r->entity.p) {
        rules_of *o = find_own(x, r->entity);
        if (o) take(o, r);
        return;
    }
    take(&t->all, r);
    for (uint32_t i = 0; i < r->watched_n; i++) take(need_attr(t, r->watched[i]), r);
    if (r->device_state) take(need_attr(t, r->device_state), r);
}

size_t rindex_waiting(rule_index *x, jd_sym type, rule ***out) {
    type_rules *t = find_type(x, type);
    *out = t ? t->waiting.r : NULL;
    return t ? t->waiting.n : 0;
}

static void collect(rule_index *x, const rules_of *o) {
    for (size_t i = 0; i < o->n; i++) {
        if (o->r[i]->mark == x->mark) continue;
        o->r[i]->mark = x->mark;
        put(&x->found, o->r[i]);
    }
}

static int same(const jd_doc *d, const jd_attrview *a) {
    jd_attrview b;
    if (!jd_doc_attr(d, a->name, &b, NULL)) return 0;
    size_t n = (size_t)(a->record.end - a->record.p);
    return n == (size_t)(b.record.end - b.record.p) && !memcmp(a->record.p, b.record.p, n);
}

static void by_attributes(rule_index *x, const type_rules *t, const jd_doc *was, const jd_doc *is) {
    for (size_t i = 0; i < t->attrs_n; i++) {
        jd_attrview a, b;
        if (!t->attrs[i].n) continue;
        int there = jd_doc_attr(is, t->attrs[i].attr, &a, NULL);
        if (there ? !same(was, &a) : jd_doc_attr(was, t->attrs[i].attr, &b, NULL)) collect(x, &t->attrs[i]);
    }
}

static int reads_a_change(const rule *r, const jd_doc *was, const jd_doc *is) {
    for (uint32_t i = 0; i < r->watched_n; i++) {
        jd_attrview a, b;
        int there = jd_doc_attr(is, r->watched[i], &a, NULL);
        if (there ? !same(was, &a) : jd_doc_attr(was, r->watched[i], &b, NULL)) return 1;
    }
    return 0;
}

static void of_entity(rule_index *x, const jd_doc *was, const jd_doc *is) {
    const jd_doc *d = is ? is : was;
    const rules_of *o = x->entities.n ? find_own(x, d->id) : NULL;
    for (size_t i = 0; o && i < o->n; i++)
        if (jd_doc_has_type(d, o->r[i]->type) && (!was || !is || reads_a_change(o->r[i], was, is)))
            put(&x->found, o->r[i]);
}

static int by_rank(const void *a, const void *b) {
    const rule *x = *(rule *const *)a, *y = *(rule *const *)b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

void rindex_offer(rule_index *x, const jd_doc *was, const jd_doc *is, rindex_fn fn, void *user) {
    jd_sym type;
    x->mark++;
    x->found.n = 0;
    for (jd_bytes rest = (is ? is : was)->types; jd_syms_next(&rest, &type);) {
        const type_rules *t = find_type(x, type);
        if (!t) continue;
        if (was && is)
            by_attributes(x, t, was, is);
        else
            collect(x, &t->all);
    }
    of_entity(x, was, is);
    int ranked = 0;
    for (size_t i = 0; i < x->found.n; i++) ranked |= x->found.r[i]->rank != 0;
    if (ranked) qsort(x->found.r, x->found.n, sizeof *x->found.r, by_rank);
    for (size_t i = 0; i < x->found.n; i++) fn(user, x->found.r[i]);
}
