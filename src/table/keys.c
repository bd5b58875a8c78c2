/* What an import remembers about keys: small maps of hashes, and a filter that finds the few keys that repeat. */
#include "table/feed_int.h"

#include <stdlib.h>

static uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

/* ---- numbers by key ---- */

void feed__nums_fini(feed_nums *m) {
    free(m->slots);
    *m = (feed_nums){0};
}

static struct feed_num *slot_of(const feed_nums *m, uint64_t key) {
    size_t i = (size_t)mix(key) & (m->cap - 1);
    while (m->slots[i].used && m->slots[i].key != key) i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

int64_t *feed__nums_at(feed_nums *m, uint64_t key, int *made) {
    if (4 * (m->n + 1) > 3 * m->cap) {
        feed_nums more = {.cap = m->cap ? m->cap * 2 : 64, .n = m->n};
        more.slots = jd_xcalloc(more.cap, sizeof *more.slots);
        for (size_t i = 0; i < m->cap; i++)
            if (m->slots[i].used) *slot_of(&more, m->slots[i].key) = m->slots[i];
        free(m->slots);
        *m = more;
    }
    struct feed_num *s = slot_of(m, key);
    *made = !s->used;
    if (!s->used) {
        *s = (struct feed_num){.key = key, .used = 1};
        m->n++;
    }
    return &s->v;
}

/* ---- keys ---- */

feed_key feed__key(jd_str id, jd_time at) {
    feed_key k = {jd_hash(id.p, id.n), jd_hash_fixed(id.p, id.n)};
    return feed__key_with(k, (uint64_t)at);
}

feed_key feed__key_with(feed_key k, uint64_t more) {
    return (feed_key){mix(k.a ^ mix(more)), mix(k.b + mix(more ^ 0x9e3779b97f4a7c15u))};
}

/* ---- keys that repeat ---- */

typedef struct entry {
    feed_key key;
    feed_repeat r;
    unsigned char used;
} entry;

struct feed_repeats {
    uint64_t *bits; /* blocks of 512, one for each key, six bits of it */
    uint64_t blocks;
    entry *readings;
    size_t cap, n;
    feed_nums moments; /* those with an entry above */
};

feed_repeats *feed__repeats_new(uint64_t bytes) {
    feed_repeats *r = jd_xcalloc(1, sizeof *r);
    uint64_t size = bytes ? bytes / 8 : 8 << 20; /* a bit for each byte of the tables: some 20 for each moment */
    if (size < 64 << 10) size = 64 << 10;
    if (size > 128 << 20) size = 128 << 20;
    r->blocks = size / 64;
    r->bits = jd_xcalloc(r->blocks * 8, sizeof *r->bits);
    return r;
}

void feed__repeats_free(feed_repeats *r) {
    if (!r) return;
    free(r->bits);
    free(r->readings);
    feed__nums_fini(&r->moments);
    free(r);
}

int feed__repeats_seen(feed_repeats *r, feed_key k) {
    uint64_t *block = r->bits + (k.a % r->blocks) * 8, bits = k.b;
    int seen = 1;
    for (int i = 0; i < 6; i++, bits >>= 9) {
        uint64_t *word = &block[bits >> 6 & 7], bit = (uint64_t)1 << (bits & 63);
        seen &= (*word & bit) != 0;
        *word |= bit;
    }
    return seen;
}

static entry *entry_of(const feed_repeats *r, feed_key k) {
    size_t i = (size_t)k.a & (r->cap - 1);
    while (r->readings[i].used && (r->readings[i].key.a != k.a || r->readings[i].key.b != k.b))
        i = (i + 1) & (r->cap - 1);
    return &r->readings[i];
}

void feed__repeats_note(feed_repeats *r, feed_key moment, feed_key reading, uint64_t no) {
    int made;
    feed__nums_at(&r->moments, moment.a ^ moment.b, &made);
    if (4 * (r->n + 1) > 3 * r->cap) {
        feed_repeats more = *r;
        more.cap = r->cap ? r->cap * 2 : 64;
        more.readings = jd_xcalloc(more.cap, sizeof *more.readings);
        for (size_t i = 0; i < r->cap; i++)
            if (r->readings[i].used) *entry_of(&more, r->readings[i].key) = r->readings[i];
        free(r->readings);
        *r = more;
    }
    entry *e = entry_of(r, reading);
    r->n += !e->used;
    *e = (entry){.key = reading, .used = 1, .r.last = no};
}

feed_repeat *feed__repeats_find(feed_repeats *r, feed_key moment, feed_key reading) {
    if (!r->n || !slot_of(&r->moments, moment.a ^ moment.b)->used) return NULL;
    entry *e = entry_of(r, reading);
    return e->used ? &e->r : NULL;
}
