/* The newest changes, in order, bounded in bytes: what live views are made from, and what lets a reader go on. */
#include "told/live_int.h"

#include <stdlib.h>
#include <string.h>

live_entry *live_entry_ref(live_entry *e) {
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void live_entry_unref(live_entry *e) {
    if (atomic_fetch_sub(&e->refs, 1) == 1) free(e);
}

static size_t weight(const live_entry *e) {
    return sizeof *e + e->was.n + e->is.n;
}

void live_ring_init(live_ring *r, size_t bytes_max) {
    pthread_mutex_init(&r->lock, NULL);
    r->bytes_max = bytes_max;
    r->cap = 1024;
    r->e = jd_xmalloc(r->cap * sizeof *r->e);
}

static void drop_first(live_ring *r) {
    live_entry *e = r->e[r->first++ & (r->cap - 1)];
    r->from = e->at;
    r->bytes -= weight(e);
    live_entry_unref(e);
}

void live_ring_fini(live_ring *r) {
    while (r->first < r->next) drop_first(r);
    free(r->e);
    pthread_mutex_destroy(&r->lock);
}

uint64_t live_ring_begin(live_ring *r, live_place from) {
    pthread_mutex_lock(&r->lock);
    r->from = r->last = from;
    while (r->first < r->next && !live_before(from, r->e[r->first & (r->cap - 1)]->at)) drop_first(r);
    r->from = from;
    if (r->first < r->next) r->last = r->e[(r->next - 1) & (r->cap - 1)]->at;
    uint64_t first = r->first;
    pthread_mutex_unlock(&r->lock);
    return first;
}

void live_ring_end(live_ring *r) {
    pthread_mutex_lock(&r->lock);
    atomic_store(&r->on, 0);
    while (r->first < r->next) drop_first(r);
    pthread_mutex_unlock(&r->lock);
}

static void grow(live_ring *r) {
    size_t cap = r->cap * 2;
    live_entry **more = jd_xmalloc(cap * sizeof *more);
    for (uint64_t i = r->first; i < r->next; i++) more[i & (cap - 1)] = r->e[i & (r->cap - 1)];
    free(r->e);
    r->e = more;
    r->cap = cap;
}

void live_ring_add(live_ring *r, int tenant, uint64_t group, jd_str was, jd_str is) {
    live_place at = {group, r->last.group == group ? r->last.n + 1 : 1};
    if (!live_before(r->last, at)) return; /* of a time before the ring began */
    live_entry *e = jd_xmalloc(sizeof *e + was.n + is.n);
    atomic_init(&e->refs, 1);
    e->tenant = tenant;
    e->at = r->last = at;
    e->was = e->is = (jd_str){NULL, 0};
    if (was.p) e->was = (jd_str){memcpy(e->bytes, was.p, was.n), was.n};
    if (is.p) e->is = (jd_str){memcpy(e->bytes + was.n, is.p, is.n), is.n};
    if (r->next - r->first == r->cap) grow(r);
    r->e[r->next++ & (r->cap - 1)] = e;
    r->bytes += weight(e);
    while (r->bytes > r->bytes_max && r->next - r->first > 1) drop_first(r);
}

size_t live_ring_take(live_ring *r, uint64_t *cursor, live_entry **out, size_t max, int *lost) {
    size_t n = 0;
    pthread_mutex_lock(&r->lock);
    *lost = *cursor < r->first;
    if (*lost) *cursor = r->first;
    for (; n < max && *cursor < r->next; n++) out[n] = live_entry_ref(r->e[(*cursor)++ & (r->cap - 1)]);
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* The number of the first entry behind the place. */
static uint64_t behind(const live_ring *r, live_place at) {
    uint64_t lo = r->first, hi = r->next;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (live_before(at, r->e[mid & (r->cap - 1)]->at))
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

size_t live_ring_range(live_ring *r, live_place after, live_place to, live_entry ***out) {
    size_t n = SIZE_MAX;
    *out = NULL;
    pthread_mutex_lock(&r->lock);
    if (!live_before(after, r->from) && !live_before(r->last, after)) {
        uint64_t lo = behind(r, after), hi = behind(r, to);
        n = hi > lo ? (size_t)(hi - lo) : 0;
        *out = jd_xmalloc((n + 1) * sizeof **out);
        for (size_t i = 0; i < n; i++) (*out)[i] = live_entry_ref(r->e[(lo + i) & (r->cap - 1)]);
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}
