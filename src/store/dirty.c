#include "store/dirty.h"

#include <stdlib.h>

enum { PAGE_BITS = 12, PAGE_KEYS = 1 << PAGE_BITS, PAGE_WORDS = PAGE_KEYS / 64 };

typedef struct store_dirty_page {
    jd_key id; /* key >> PAGE_BITS */
    uint32_t n;
    int ordered; /* part of the running sweep */
    uint64_t bits[PAGE_WORDS];
} page;

static size_t slot_of(const store_dirty *d, jd_key id) {
    /* Ids count up from a few bases, so one odd multiplier spreads them. */
    size_t i = (size_t)(((uint64_t)id * 0x9e3779b97f4a7c15u) >> 32) & (d->cap - 1);
    while (d->slots[i] && d->slots[i]->id != id) i = (i + 1) & (d->cap - 1);
    return i;
}

static void rehash(store_dirty *d, size_t cap) {
    page **old = d->slots;
    size_t old_cap = d->cap;
    d->slots = jd_xcalloc(cap, sizeof *d->slots);
    d->cap = cap;
    d->pages = 0;
    for (size_t i = 0; i < old_cap; i++) {
        page *p = old[i];
        if (!p) continue;
        if (!p->n && !p->ordered) {
            free(p);
            continue;
        }
        d->slots[slot_of(d, p->id)] = p;
        d->pages++;
    }
    free(old);
}

void store__dirty_fini(store_dirty *d) {
    for (size_t i = 0; i < d->cap; i++) free(d->slots[i]);
    free(d->slots);
    free(d->order);
    *d = (store_dirty){0};
}

static page *page_of(store_dirty *d, jd_key id) {
    if (d->cap) {
        page *p = d->slots[slot_of(d, id)];
        if (p) return p;
    }
    if (d->pages * 2 >= d->cap) rehash(d, d->cap ? d->cap * 2 : 64);
    page *p = jd_xcalloc(1, sizeof *p);
    p->id = id;
    d->slots[slot_of(d, id)] = p;
    d->pages++;
    return p;
}

void store__dirty_mark(store_dirty *d, jd_key key) {
    page *p = page_of(d, key >> PAGE_BITS);
    unsigned bit = (unsigned)(key & (PAGE_KEYS - 1));
    uint64_t m = UINT64_C(1) << (bit & 63);
    if (p->bits[bit >> 6] & m) return;
    p->bits[bit >> 6] |= m;
    p->n++;
    d->total++;
    if (p->ordered && key >= d->cursor) d->ahead++;
}

static int by_id(const void *a, const void *b) {
    const page *const *x = a, *const *y = b;
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

void store__dirty_begin(store_dirty *d) {
    store__dirty_end(d);
    d->order = jd_xrealloc(d->order, (d->pages ? d->pages : 1) * sizeof *d->order);
    d->order_n = d->order_at = 0;
    for (size_t i = 0; i < d->cap; i++) {
        if (!d->slots[i] || !d->slots[i]->n) continue;
        d->slots[i]->ordered = 1;
        d->order[d->order_n++] = d->slots[i];
    }
    if (d->order_n) qsort(d->order, d->order_n, sizeof *d->order, by_id);
    d->cursor = 0;
    d->ahead = d->total;
    d->sweeping = 1;
}

size_t store__dirty_peek(const store_dirty *d, jd_key *keys, size_t max) {
    size_t n = 0;
    for (size_t at = d->order_at; at < d->order_n && n < max; at++) {
        const page *p = d->order[at];
        jd_key base = p->id << PAGE_BITS;
        unsigned from = d->cursor > base ? (unsigned)(d->cursor - base) : 0;
        if (from >= PAGE_KEYS) continue;
        for (unsigned w = from >> 6; w < PAGE_WORDS && n < max; w++) {
            uint64_t bits = p->bits[w];
            if (w == from >> 6) bits &= ~UINT64_C(0) << (from & 63);
            for (; bits && n < max; bits &= bits - 1) keys[n++] = base + w * 64 + __builtin_ctzll(bits);
        }
    }
    return n;
}

void store__dirty_take(store_dirty *d, const jd_key *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        jd_key id = keys[i] >> PAGE_BITS;
        while (d->order[d->order_at]->id < id) d->order_at++;
        page *p = d->order[d->order_at];
        unsigned bit = (unsigned)(keys[i] & (PAGE_KEYS - 1));
        p->bits[bit >> 6] &= ~(UINT64_C(1) << (bit & 63));
        p->n--;
    }
    d->total -= n;
    d->ahead -= n;
    if (n) d->cursor = keys[n - 1] + 1;
}

void store__dirty_end(store_dirty *d) {
    for (size_t i = 0; i < d->order_n; i++) d->order[i]->ordered = 0;
    d->order_n = d->order_at = 0;
    d->ahead = 0;
    d->sweeping = 0;
    size_t used = 0, cap = 64;
    for (size_t i = 0; i < d->cap; i++) used += d->slots[i] && d->slots[i]->n;
    while (cap < used * 4) cap *= 2;
    if (d->cap && used < d->pages) rehash(d, cap);
}
