/* Start: one pass over what the store holds. Reading goes on while another thread checks and takes in what was read;
 * then ids on one thread, indexes on the other. */
#include "engine/engine_int.h"

#include <stdlib.h>

coll *coll_of_key(jd_engine *e, jd_key key, uint32_t *serial) {
    uint32_t tenant = (uint32_t)((uint64_t)key >> 48), low = (uint32_t)key;
    jd_dkind kind = (jd_dkind)((uint64_t)key >> 40 & 0xff);
    if (!low || tenant >= e->o.tenants_max) return NULL;
    *serial = low - 1;
    if (*serial / SLOTS_PER_CHUNK >= CHUNKS_MAX) return NULL;
    if (kind == JD_K_TENANT) return &e->tenant_docs;
    if (!kind_has_documents(kind)) return NULL;
    /* a tenant's own document may come after its entities in key order: made here, named later */
    if (tenant >= e->tenants_cap || !e->tenants[tenant]) {
        jd_tenant *t = tenant_make(e, tenant, JD_STR(""));
        if (tenant >= e->tenants_cap) {
            uint32_t cap = tenant * 2 + 8;
            e->tenants = jd_xrealloc(e->tenants, cap * sizeof(jd_tenant *));
            memset(e->tenants + e->tenants_cap, 0, (cap - e->tenants_cap) * sizeof(jd_tenant *));
            e->tenants_cap = cap;
        }
        e->tenants[tenant] = t;
        if (tenant >= e->tenants_n) e->tenants_n = tenant + 1;
    }
    return tenant_coll(e->tenants[tenant], kind);
}

static _Atomic(version *) *place_of(jd_engine *e, jd_key key, coll **c, jd_err *err) {
    uint32_t serial = 0;
    *c = coll_of_key(e, key, &serial);
    if (!*c) {
        jd_fail(err, JD_E_INTERNAL, "document key %lld is of no known kind", "文档键 %lld 的类别未知", (long long)key);
        return NULL;
    }
    coll_reserve(*c, serial);
    return slot_of(*c, serial);
}

/* checked: its sum is that of a document that was looked at before it was promised */
static int load_body(jd_engine *e, jd_key key, jd_str body, int checked, jd_err *err) {
    coll *c;
    _Atomic(version *) *slot = place_of(e, key, &c, err);
    if (!slot) return -1;
    version *was = atomic_load(slot);
    if (was) version_free(e, was);
    atomic_store(slot, (version *)NULL);
    if (!body.p) return 0;
    if (!checked && c->kind == JD_K_ENTITY && jd_doc_check(body, jd_symtab_count(e->symbols), err))
        return jd_fail_at(err, "document %lld", (long long)key);
    int hidden = c->kind == JD_K_ENTITY && jd_doc_flags(body) & JD_D_HIDDEN;
    version *v = version_make(e, body, 0, hidden);
    v->hidden = (unsigned char)hidden;
    atomic_store(slot, v);
    return 0;
}

/* ---- the pass: the reader fills a parcel while the taker empties the other ---- */

enum { PARCEL_BYTES = 1 << 20 };

/* (key, length, bytes) one after the other; of a patch the length has its top bit set; GONE: the document is gone */
typedef struct parcel {
    jd_buf b;
} parcel;
#define PATCH (UINT32_C(1) << 31)
#define GONE UINT32_MAX

typedef struct keys {
    jd_key *k;
    size_t n, cap;
} keys;

static void keys_add(keys *s, jd_key key) {
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 256;
        s->k = jd_xrealloc(s->k, s->cap * sizeof *s->k);
    }
    s->k[s->n++] = key;
}

static int key_cmp(const void *a, const void *b) {
    jd_key x = *(const jd_key *)a, y = *(const jd_key *)b;
    return (x > y) - (x < y);
}

typedef struct pass {
    jd_engine *e;
    parcel filling, handed;
    int waiting, closed, failed; /* handed is to be taken; no more will come; see err */
    jd_err err;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    pthread_t taker;
    jd_buf patched;
    keys orphans, removed; /* patched while absent; removed by the log: those are among these */
} pass;

static int load_patch(pass *p, jd_key key, jd_str patch, jd_err *err) {
    coll *c;
    _Atomic(version *) *slot = place_of(p->e, key, &c, err);
    if (!slot) return -1;
    version *was = atomic_load(slot);
    if (!was) {
        keys_add(&p->orphans, key);
        return 0;
    }
    p->patched.n = 0;
    if (jd_store_patch(key, (jd_str){was->bytes, was->n}, patch, &p->patched, err)) return -1;
    return load_body(p->e, key, jd_buf_view(&p->patched), 1, err);
}

/* A document that was absent when the log changed it has been removed behind the log's back: the log says so later. */
static int no_orphans(pass *p, jd_err *err) {
    if (p->removed.n) qsort(p->removed.k, p->removed.n, sizeof *p->removed.k, key_cmp);
    for (size_t i = 0; i < p->orphans.n; i++)
        if (!p->removed.n || !bsearch(&p->orphans.k[i], p->removed.k, p->removed.n, sizeof *p->removed.k, key_cmp))
            return jd_store_patch(p->orphans.k[i], (jd_str){NULL, 0}, (jd_str){NULL, 0}, NULL, err);
    return 0;
}

static int take_parcel(pass *p, jd_err *err) {
    const char *at = p->handed.b.p, *end = at + p->handed.b.n;
    while (at < end) {
        jd_key key;
        uint32_t n;
        memcpy(&key, at, sizeof key);
        memcpy(&n, at + sizeof key, sizeof n);
        at += sizeof key + sizeof n;
        int patch = n != GONE && n & PATCH;
        jd_str body = n == GONE ? (jd_str){NULL, 0} : (jd_str){at, n & ~PATCH};
        if (patch ? load_patch(p, key, body, err) : load_body(p->e, key, body, 0, err)) return -1;
        if (n == GONE) keys_add(&p->removed, key);
        at += body.n;
    }
    return 0;
}

static void *taker_main(void *arg) {
    pass *p = arg;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        while (!p->waiting && !p->closed) pthread_cond_wait(&p->moved, &p->mutex);
        if (!p->waiting) break;
        pthread_mutex_unlock(&p->mutex);
        jd_err err = {0};
        int rc = p->failed ? 0 : take_parcel(p, &err);
        pthread_mutex_lock(&p->mutex);
        if (rc) p->failed = 1, p->err = err;
        p->handed.b.n = 0;
        p->waiting = 0;
        pthread_cond_signal(&p->moved);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

static int hand_over(pass *p, jd_err *err) {
    pthread_mutex_lock(&p->mutex);
    while (p->waiting) pthread_cond_wait(&p->moved, &p->mutex);
    parcel empty = p->handed;
    p->handed = p->filling;
    p->filling = empty;
    p->waiting = p->handed.b.n > 0;
    int failed = p->failed;
    if (failed) *err = p->err;
    pthread_cond_signal(&p->moved);
    pthread_mutex_unlock(&p->mutex);
    return failed ? -1 : 0;
}

static int pack(pass *p, jd_key key, jd_str body, uint32_t flag, jd_err *err) {
    uint32_t n = body.p ? (uint32_t)body.n | flag : GONE;
    jd_buf_add(&p->filling.b, &key, sizeof key);
    jd_buf_add(&p->filling.b, &n, sizeof n);
    jd_buf_str(&p->filling.b, body);
    return p->filling.b.n >= PARCEL_BYTES ? hand_over(p, err) : 0;
}

static int load_symbol(void *user, uint32_t number, jd_str name, jd_err *err) {
    jd_engine *e = ((pass *)user)->e;
    e->symbols_stored = number;
    return jd_symtab_load(e->symbols, number, name, err);
}

static int load_document(void *user, jd_key key, jd_str body, jd_err *err) {
    return pack(user, key, body, 0, err);
}

static int load_change(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    pass *p = user;
    if (((uint64_t)key >> 40 & 0xff) == JD_K_HISTORY) /* under the entity's key; the taker has nothing to do with it */
        return history_load_change(&p->e->history, entity_key(key), body, group, err);
    if (((uint64_t)key >> 40 & 0xff) == JD_K_CHANGED) return changed_load(&p->e->changed, group, key, body), 0;
    return pack(p, key, body, 0, err);
}

static int load_change_by_patch(void *user, uint64_t group, jd_key key, jd_str patch, jd_err *err) {
    (void)group;
    return pack(user, key, patch, PATCH, err);
}

static int read_all(jd_engine *e, uint64_t *last, jd_err *err) {
    pass p = {.e = e};
    pthread_mutex_init(&p.mutex, NULL);
    pthread_cond_init(&p.moved, NULL);
    if (pthread_create(&p.taker, NULL, taker_main, &p)) abort();
    jd_store_loader loader = {&p, load_symbol, load_document, load_change, load_change_by_patch};
    int rc = jd_store_load(e->store, &loader, last, err);
    if (!rc) rc = hand_over(&p, err);
    pthread_mutex_lock(&p.mutex);
    p.closed = 1;
    pthread_cond_signal(&p.moved);
    pthread_mutex_unlock(&p.mutex);
    pthread_join(p.taker, NULL);
    if (!rc && p.failed) *err = p.err, rc = -1;
    if (!rc) rc = no_orphans(&p, err);
    free(p.orphans.k);
    free(p.removed.k);
    jd_buf_fini(&p.patched);
    jd_buf_fini(&p.filling.b);
    jd_buf_fini(&p.handed.b);
    pthread_mutex_destroy(&p.mutex);
    pthread_cond_destroy(&p.moved);
    return rc;
}

/* ---- afterwards ---- */

static void *insert_ids(void *arg) {
    coll *c = arg;
    uint32_t n = atomic_load(&c->slots);
    for (uint32_t i = n; i-- > 0;)
        if (!newest(c, i)) coll_give_serial(c, i);
    for (uint32_t i = 0; i < n; i++) {
        version *v = newest(c, i);
        if (!v) continue;
        coll_insert(c, version_id(c, v), i);
        if (!v->gone) atomic_fetch_add_explicit(&c->live, 1, memory_order_relaxed);
    }
    return NULL;
}

/* The clock may have been set back while nobody was here. */
static void seen_time(jd_engine *e, const version *v) {
    jd_doc d;
    jd_doc_open(&d, (jd_str){v->bytes, v->n});
    if (d.modified > e->now_last) e->now_last = d.modified;
}

static void load_finish(jd_engine *e, coll *c) {
    uint32_t n = atomic_load(&c->slots);
    pthread_t ids;
    int apart = n > 10000 && pthread_create(&ids, NULL, insert_ids, c) == 0;
    if (!apart) insert_ids(c);
    for (uint32_t i = 0; i < n && c->kind == JD_K_ENTITY; i++) {
        version *v = newest(c, i);
        if (!v) continue;
        seen_time(e, v);
        if (v->hidden) {
            bitset_add(&c->t->ix.hidden, i);
            continue;
        }
        jd_doc d;
        jd_doc_open(&d, (jd_str){v->bytes, v->n});
        v->form = form_of(c->t, &d);
        indexes_publish(c->t, i, v, NULL, NULL);
        due_add_doc(e, c, i, v, NULL);
    }
    if (apart) pthread_join(ids, NULL);
}

int engine_load(jd_engine *e, jd_err *err) {
    uint64_t last = 0;
    if (read_all(e, &last, err)) return -1;
    atomic_store(&e->published, last);
    for (int i = 0; i < JD_WATCHERS; i++) atomic_store(&e->changed.by[i].keep, changed_first(&e->changed));
    atomic_store(&e->changed.waits, changed_first(&e->changed) != 0);
    if (history_latest(&e->history) > e->now_last) e->now_last = history_latest(&e->history);
    load_finish(e, &e->tenant_docs);
    uint32_t n = atomic_load(&e->tenant_docs.slots);
    for (uint32_t i = 0; i < n; i++) {
        version *v = newest(&e->tenant_docs, i);
        if (!v) continue;
        jd_str name = version_id(&e->tenant_docs, v);
        uint32_t number = i + 1;
        if (number < e->tenants_cap && e->tenants[number]) {
            free((char *)(uintptr_t)e->tenants[number]->name.p);
            e->tenants[number]->name = (jd_str){jd_xstrdup(name), name.n};
            tenant_publish(e, e->tenants[number]);
        } else {
            tenant_publish(e, tenant_make(e, number, name));
        }
    }
    for (uint32_t i = 0; i < e->tenants_n; i++)
        if (e->tenants[i]) {
            load_finish(e, &e->tenants[i]->entities);
            for (int k = JD_K_CONTEXT; k < JD_K_COUNT; k++)
                if (kind_has_documents((jd_dkind)k)) load_finish(e, &e->tenants[i]->kinds[k]);
        }
    return 0;
}
