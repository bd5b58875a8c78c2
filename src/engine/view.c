/* Snapshots: a reader announces the newest published group, and what it can see stays until it leaves. */
#include "engine/engine_int.h"

#include <sched.h>
#include <stdlib.h>

static _Thread_local int reader_hint = -1;
static _Atomic int reader_next;

void jd_view_begin(jd_view *v, jd_engine *e, int tenant, jd_arena *a) {
    *v = (jd_view){.e = e, .arena = a, .now = jd_now()};
    if (reader_hint < 0) reader_hint = atomic_fetch_add(&reader_next, 1) % READERS;
    uint64_t group = atomic_load(&e->published);
    for (int i = reader_hint;; i = (i + 1) % READERS) {
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong(&e->readers[i].group, &empty, group + 1)) {
            v->reader = i;
            break;
        }
        if (i == (reader_hint + READERS - 1) % READERS) sched_yield(); /* more views than places: wait for one to end */
    }
    /* what was published between the look and the announcement may already be reclaimed below it: announce again */
    for (uint64_t again; (again = atomic_load(&e->published)) != group;) {
        group = again;
        atomic_store(&e->readers[v->reader].group, group + 1);
    }
    v->group = group;
    pthread_rwlock_rdlock(&e->tenants_lock);
    v->t = tenant >= 0 && (uint32_t)tenant < e->tenants_n ? e->tenants[tenant] : NULL;
    pthread_rwlock_unlock(&e->tenants_lock);
}

void jd_view_end(jd_view *v) {
    atomic_store(&v->e->readers[v->reader].group, 0);
    v->t = NULL;
}

static const version *find(jd_view *v, coll *c, jd_str id) {
    pthread_rwlock_rdlock(&v->t->lock);
    uint32_t serial = coll_find(c, id);
    const version *ver = serial == SERIAL_NONE ? NULL : visible(c, serial, v->group);
    pthread_rwlock_unlock(&v->t->lock);
    return ver;
}

int view_open(jd_view *v, const version *ver, jd_doc *out) {
    jd_doc_open(out, (jd_str){ver->bytes, ver->n});
    if (out->expires == JD_TIME_NONE && out->attr_expires == JD_TIME_NONE) return 1;
    jd_doc trimmed;
    int how = jd_doc_trim(out, v->now, v->e->symbols, v->arena, &trimmed);
    if (how == 1) *out = trimmed;
    return how != 2;
}

int jd_view_get(jd_view *v, jd_str id, jd_doc *out) {
    if (!v->t) return 0;
    const version *ver = find(v, &v->t->entities, id);
    return ver && view_open(v, ver, out);
}

static jd_str body_of(const version *v) {
    const unsigned char *p = (const unsigned char *)v->bytes, *end = p + v->n;
    uint64_t n = jd_varint_get(&p, end);
    return (jd_str){(const char *)p + n, (size_t)(end - p) - (size_t)n};
}

int jd_view_get_kind(jd_view *v, jd_dkind kind, jd_str id, jd_str *body) {
    coll *c = v->t ? tenant_coll(v->t, kind) : NULL;
    const version *ver = c ? find(v, c, id) : NULL;
    if (ver) *body = body_of(ver);
    return ver != NULL;
}

void jd_view_each_kind(jd_view *v, jd_dkind kind, void *user, void (*each)(void *user, jd_str id, jd_str body)) {
    coll *c = v->t ? tenant_coll(v->t, kind) : NULL;
    if (!c) return;
    uint32_t n = atomic_load(&c->slots);
    for (uint32_t i = 0; i < n; i++) {
        pthread_rwlock_rdlock(&v->t->lock);
        const version *ver = visible(c, i, v->group);
        pthread_rwlock_unlock(&v->t->lock);
        if (ver) each(user, version_id(c, ver), body_of(ver)); /* it stays until the view ends */
    }
}

uint64_t jd_doc_etag(const jd_doc *d) {
    return jd_hash_fixed(d->bytes.p, d->bytes.n);
}

/* ---- discovery ---- */

size_t jd_view_types(jd_view *v, jd_arena *a, jd_typeinfo **out) {
    *out = NULL;
    if (!v->t) return 0;
    indexes *x = &v->t->ix;
    pthread_rwlock_rdlock(&v->t->lock);
    jd_typeinfo *list = JD_NEWN(a, jd_typeinfo, x->types_n);
    size_t n = 0;
    for (uint32_t f = 0; f < x->forms_n; f++) {
        if (!x->forms[f].count) continue;
        for (uint32_t i = 0; i < x->forms[f].types_n; i++) {
            size_t k = 0;
            while (k < n && list[k].type != x->forms[f].types[i]) k++;
            if (k == n) list[n++].type = x->forms[f].types[i];
            list[k].entities += x->forms[f].count;
        }
    }
    pthread_rwlock_unlock(&v->t->lock);
    *out = list;
    return n;
}

static int form_has_type(const form *f, jd_sym type) {
    for (uint32_t i = 0; i < f->types_n; i++)
        if (f->types[i] == type) return 1;
    return 0;
}

static void add_type(jd_arena *a, jd_attrinfo *info, jd_sym type) {
    for (uint32_t i = 0; i < info->types_n; i++)
        if (info->types[i] == type) return;
    if ((info->types_n & (info->types_n - 1)) == 0) {
        jd_sym *more = JD_NEWN(a, jd_sym, info->types_n ? info->types_n * 2 : 1);
        if (info->types_n) memcpy(more, info->types, info->types_n * sizeof *more);
        info->types = more;
    }
    info->types[info->types_n++] = type;
}

size_t jd_view_attrs(jd_view *v, jd_sym type, jd_arena *a, jd_attrinfo **out) {
    *out = NULL;
    if (!v->t) return 0;
    indexes *x = &v->t->ix;
    size_t n = 0, cap = 64;
    jd_attrinfo *list = JD_NEWN(a, jd_attrinfo, cap);
    jd_strmap where; /* symbol's bytes -> place in the list */
    jd_strmap_init(&where);
    pthread_rwlock_rdlock(&v->t->lock);
    for (uint32_t f = 0; f < x->forms_n; f++) {
        const form *fm = &x->forms[f];
        if (!fm->count || (type && !form_has_type(fm, type))) continue;
        for (uint32_t i = 0; i < fm->attrs_n; i++) {
            jd_sym name = fm->attrs[i].name;
            uint32_t k = jd_strmap_add(&where, (jd_str){(const char *)&name, sizeof name}, (uint32_t)n);
            if (k == n) {
                if (n == cap) {
                    jd_attrinfo *more = JD_NEWN(a, jd_attrinfo, cap * 2);
                    memcpy(more, list, n * sizeof *more);
                    list = more;
                    cap *= 2;
                }
                list[n++].attr = name;
            }
            list[k].instances += fm->count;
            list[k].kinds |= fm->attrs[i].kinds;
            for (uint32_t t = 0; t < fm->types_n; t++) add_type(a, &list[k], fm->types[t]);
        }
    }
    pthread_rwlock_unlock(&v->t->lock);
    jd_strmap_fini(&where);
    *out = list;
    return n;
}
