#include "engine/overlay.h"

#include <stdlib.h>

static uint32_t overlay_hash(const coll *c, jd_str id) {
    return (uint32_t)(jd_hash(id.p, id.n) ^ ((uintptr_t)c >> 4));
}

pending *overlay_find(overlay *o, const coll *c, jd_str id) {
    if (!o->table_cap) return NULL;
    uint32_t h = overlay_hash(c, id);
    for (uint32_t i = h & (o->table_cap - 1); o->table[i]; i = (i + 1) & (o->table_cap - 1)) {
        pending *p = &o->p[o->table[i] - 1];
        if (p->hash != h || p->c != c) continue;
        const version *v = p->v ? p->v : newest(c, p->serial);
        if (v && jd_str_eq(version_id(c, v), id)) return p;
    }
    return NULL;
}

static pending *overlay_add(overlay *o, coll *c, jd_str id, uint32_t serial, int fresh) {
    if ((o->n + 1) * 2 > o->table_cap) {
        free(o->table);
        o->table_cap = o->table_cap ? o->table_cap * 2 : 256;
        o->table = jd_xcalloc(o->table_cap, sizeof *o->table);
        for (uint32_t k = 0; k < o->n; k++) {
            uint32_t i = o->p[k].hash & (o->table_cap - 1);
            while (o->table[i]) i = (i + 1) & (o->table_cap - 1);
            o->table[i] = k + 1;
        }
    }
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 128;
        o->p = jd_xrealloc(o->p, o->cap * sizeof *o->p);
    }
    uint32_t h = overlay_hash(c, id), i = h & (o->table_cap - 1);
    while (o->table[i]) i = (i + 1) & (o->table_cap - 1);
    o->table[i] = o->n + 1;
    o->p[o->n] = (pending){.c = c, .serial = serial, .hash = h, .fresh = fresh};
    return &o->p[o->n++];
}

void overlay_pop(overlay *o) {
    uint32_t n = o->n, i = o->p[n - 1].hash & (o->table_cap - 1);
    while (o->table[i] != n) i = (i + 1) & (o->table_cap - 1);
    o->table[i] = 0; /* it came last, so no look-up of another entry passes over its place */
    o->n--;
}

void overlay_clear(overlay *o) {
    if (o->table) memset(o->table, 0, o->table_cap * sizeof *o->table);
    o->n = o->undo_n = o->tenants_n = o->writes_n = o->finished_n = o->hists_n = o->wases_n = 0;
    o->bytes = o->hist.n = o->was.n = 0;
}

void overlay_rewind(jd_engine *e, overlay *o, uint32_t undo_to) {
    while (o->undo_n > undo_to) {
        undo *u = &o->undo[--o->undo_n];
        version_free(e, o->p[u->entry].v);
        o->p[u->entry].v = u->was;
    }
}

const version *state_of(overlay *o, coll *c, jd_str id, pending **p, uint32_t *serial) {
    *p = overlay_find(o, c, id);
    *serial = *p ? (*p)->serial : coll_find(c, id);
    const version *v = *p && (*p)->v ? (*p)->v : *serial != SERIAL_NONE ? newest(c, *serial) : NULL;
    return v && !is_tombstone(v) ? v : NULL;
}

void states_ahead(jd_tenant *t, const jd_write *w, size_t n) {
    jd_str ids[COLL_AHEAD];
    uint32_t k = 0;
    for (size_t i = 0; i < n && k < COLL_AHEAD; i++) {
        __builtin_prefetch(&w[i].ready);
        if (w[i].kind == JD_K_ENTITY && !(k && jd_str_eq(ids[k - 1], w[i].rq.id))) ids[k++] = w[i].rq.id;
    }
    coll_ahead(&t->entities, ids, k);
}

void write_ahead(const jd_write *w) {
    enum { LINE = 64, MOST = 8 * LINE };
    size_t n = w->ready_n * sizeof *w->ready;
    for (size_t at = 0; at < n && at < MOST; at += LINE) __builtin_prefetch((const char *)w->ready + at);
    __builtin_prefetch(w->moment_types);
}

void jobs_ahead(jd_engine *e, const jd_job *jobs) {
    jd_str ids[COLL_AHEAD];
    uint32_t k = 0;
    jd_tenant *t = jobs ? tenant_by_name(e, jobs->tenant) : NULL;
    if (!t || !jobs->next) return; /* one alone would wait here instead of there */
    for (const jd_job *j = jobs; j && k < COLL_AHEAD; j = j->next)
        if (j->n == 1 && j->writes->kind == JD_K_ENTITY && jd_str_eq(j->tenant, jobs->tenant))
            ids[k++] = j->writes->rq.id;
    coll_ahead(&t->entities, ids, k);
}

static pending *put_state(jd_engine *e, overlay *o, coll *c, jd_str id, pending *p, uint32_t serial, jd_str bytes,
                          int gone) {
    if (!p) {
        int fresh = serial == SERIAL_NONE;
        if (fresh) serial = coll_take_serial(c);
        p = overlay_add(o, c, id, serial, fresh);
    }
    undo u = {(uint32_t)(p - o->p), p->v};
    PUSH(o, undo, u);
    int hidden = c->kind == JD_K_ENTITY && !gone && jd_doc_flags(bytes) & JD_D_HIDDEN;
    p->v = version_make(e, gone ? id : bytes, 0, gone || hidden);
    p->v->hidden = (unsigned char)hidden;
    o->bytes += bytes.n + 32;
    return p;
}

uint32_t state_set(jd_engine *e, overlay *o, coll *c, jd_str id, pending *p, uint32_t serial, jd_str bytes, int gone) {
    p = put_state(e, o, c, id, p, serial, bytes, gone);
    p->like = 0;
    return p->serial;
}

uint32_t state_follow(jd_engine *e, overlay *o, coll *c, jd_str id, pending *p, uint32_t serial, jd_str bytes,
                      unsigned like) {
    int first = !p;
    p = put_state(e, o, c, id, p, serial, bytes, 0);
    p->like = first ? like : p->like & like;
    return p->serial;
}

void overlay_free(overlay *o) {
    if (!o) return;
    free(o->p);
    free(o->table);
    free(o->undo);
    free(o->tenants);
    free(o->writes);
    free(o->finished);
    free(o->changes);
    free(o->symbols);
    free(o->hists);
    free(o->wases);
    jd_buf_fini(&o->was);
    jd_buf_fini(&o->hist);
    free(o);
}
