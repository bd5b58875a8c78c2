/* Slots, serials and the table from id to serial. The table is cut into shards so that none is ever rehashed whole. */
#include "engine/engine_int.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { DELETED = SERIAL_NONE - 1 };

jd_str version_id(const coll *c, const version *v) {
    if (is_tombstone(v)) return (jd_str){v->bytes, v->n};
    if (c->kind == JD_K_ENTITY) return jd_doc_id((jd_str){v->bytes, v->n});
    const unsigned char *p = (const unsigned char *)v->bytes;
    uint64_t n = jd_varint_get(&p, p + v->n);
    return (jd_str){(const char *)p, (size_t)n};
}

void kind_body(jd_buf *out, jd_str id, jd_str body) {
    jd_buf_varint(out, id.n);
    jd_buf_str(out, id);
    jd_buf_str(out, body);
}

jd_key key_of(const coll *c, uint32_t serial) {
    return (jd_key)((uint64_t)c->t->number << 48 | (uint64_t)c->kind << 40 | (uint64_t)(serial + 1u));
}

void coll_init(coll *c, jd_tenant *t, jd_dkind kind) {
    c->t = t; /* the rest is zero, and most of it is never touched */
    c->kind = kind;
}

/* Untouched pages cost nothing, but a process may have only so many mappings: one comes with the first document. */
static void map_chunks(coll *c) {
    void *p = mmap(NULL, sizeof(*c->chunks) * CHUNKS_MAX, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) abort();
    c->chunks = p;
}

void coll_fini(coll *c) {
    uint32_t n = atomic_load(&c->slots);
    for (uint32_t i = 0; i < n; i++)
        for (version *v = newest(c, i), *older; v; v = older) {
            older = v->older;
            free(v);
        }
    for (uint32_t i = 0; i * SLOTS_PER_CHUNK < n; i++) free(atomic_load(&c->chunks[i]));
    if (c->chunks) munmap(c->chunks, sizeof(*c->chunks) * CHUNKS_MAX);
    for (int i = 0; i < SHARDS; i++) free(c->shards[i].cell);
    free(c->freed);
}

void coll_reserve(coll *c, uint32_t serial) {
    uint32_t k = serial / SLOTS_PER_CHUNK;
    if (!c->chunks) map_chunks(c); /* readers look there only below `slots` */
    for (uint32_t i = k + 1; i-- > 0 && !atomic_load_explicit(&c->chunks[i], memory_order_relaxed);)
        atomic_store_explicit(&c->chunks[i], (chunk *)jd_xcalloc(1, sizeof(chunk)), memory_order_release);
    if (serial >= atomic_load_explicit(&c->slots, memory_order_relaxed))
        atomic_store_explicit(&c->slots, serial + 1, memory_order_release);
}

uint32_t coll_take_serial(coll *c) {
    uint32_t serial = atomic_load_explicit(&c->slots, memory_order_relaxed);
    /* pages go by serial: in order of creation as long as no one deletes by the thousands */
    if (c->freed_n > SLOTS_PER_CHUNK && c->freed_n > serial / 8) return c->freed[--c->freed_n];
    coll_reserve(c, serial);
    return serial;
}

void coll_give_serial(coll *c, uint32_t serial) {
    if (c->freed_n == c->freed_cap) {
        c->freed_cap = c->freed_cap ? c->freed_cap * 2 : 64;
        c->freed = jd_xrealloc(c->freed, c->freed_cap * sizeof *c->freed);
    }
    c->freed[c->freed_n++] = serial;
}

static const shard *shard_of(const coll *c, uint64_t h) {
    return &c->shards[h >> 56];
}

uint32_t coll_find(const coll *c, jd_str id) {
    uint64_t h = jd_hash(id.p, id.n);
    const shard *s = shard_of(c, h);
    if (!s->cap) return SERIAL_NONE;
    uint32_t tag = (uint32_t)h;
    for (uint32_t i = tag & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
        uint32_t serial = s->cell[i].serial;
        if (serial == SERIAL_NONE) return SERIAL_NONE;
        if (serial == DELETED || s->cell[i].tag != tag) continue;
        const version *v = newest(c, serial);
        if (v && jd_str_eq(version_id(c, v), id)) return serial;
    }
}

/* Three rounds, each of which touches what the round before asked for. A wrong guess costs a cache line. */
void coll_ahead(const coll *c, const jd_str *ids, uint32_t n) {
    enum { PROBES = 4, LINES = 6 };
    uint64_t hash[COLL_AHEAD];
    uint32_t serial[COLL_AHEAD];
    if (n > COLL_AHEAD) n = COLL_AHEAD;
    for (uint32_t i = 0; i < n; i++) {
        hash[i] = jd_hash(ids[i].p, ids[i].n);
        const shard *s = shard_of(c, hash[i]);
        if (s->cap) __builtin_prefetch(&s->cell[(uint32_t)hash[i] & (s->cap - 1)]);
    }
    for (uint32_t i = 0; i < n; i++) {
        const shard *s = shard_of(c, hash[i]);
        uint32_t tag = (uint32_t)hash[i];
        serial[i] = SERIAL_NONE;
        for (uint32_t k = 0; k < PROBES && s->cap && serial[i] == SERIAL_NONE; k++) {
            uint32_t at = (tag + k) & (s->cap - 1);
            if (s->cell[at].tag == tag && s->cell[at].serial < DELETED) serial[i] = s->cell[at].serial;
        }
        if (serial[i] != SERIAL_NONE) __builtin_prefetch(slot_of(c, serial[i]));
    }
    for (uint32_t i = 0; i < n; i++) {
        if (serial[i] == SERIAL_NONE) continue;
        const char *v = (const char *)newest(c, serial[i]);
        for (int k = 0; v && k < LINES; k++) __builtin_prefetch(v + 64 * k);
    }
}

static void shard_grow(shard *s) {
    uint32_t live = 0;
    for (uint32_t i = 0; i < s->cap; i++) live += s->cell[i].serial < DELETED;
    uint32_t cap = 16;
    while (cap * 2 < live * 3 + 3) cap *= 2;
    shard big = {.cap = cap, .n = live};
    big.cell = jd_xmalloc(cap * sizeof *big.cell);
    for (uint32_t i = 0; i < cap; i++) big.cell[i].serial = SERIAL_NONE;
    for (uint32_t i = 0; i < s->cap; i++) {
        if (s->cell[i].serial >= DELETED) continue;
        uint32_t k = s->cell[i].tag & (cap - 1);
        while (big.cell[k].serial != SERIAL_NONE) k = (k + 1) & (cap - 1);
        big.cell[k] = s->cell[i];
    }
    free(s->cell);
    *s = big;
}

void coll_insert(coll *c, jd_str id, uint32_t serial) {
    uint64_t h = jd_hash(id.p, id.n);
    shard *s = &c->shards[h >> 56];
    if ((s->n + 1) * 5 > s->cap * 4) shard_grow(s);
    uint32_t tag = (uint32_t)h, i = tag & (s->cap - 1);
    while (s->cell[i].serial != SERIAL_NONE) i = (i + 1) & (s->cap - 1);
    s->cell[i].tag = tag;
    s->cell[i].serial = serial;
    s->n++;
}

void coll_remove(coll *c, jd_str id, uint32_t serial) {
    uint64_t h = jd_hash(id.p, id.n);
    shard *s = &c->shards[h >> 56];
    if (!s->cap) return;
    for (uint32_t i = (uint32_t)h & (s->cap - 1); s->cell[i].serial != SERIAL_NONE; i = (i + 1) & (s->cap - 1))
        if (s->cell[i].serial == serial) {
            s->cell[i].serial = DELETED;
            return;
        }
}
