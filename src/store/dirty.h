/* store/dirty.h - the set of keys whose newest durable body is not yet in the document table, and the sweep over it.
 *
 * Keys are kept as 4096-bit pages found by hash of key >> 12: a busy city's serials are dense, so a million dirty keys
 * cost about 150 kB and a mark costs one probe. A sweep visits, in key order, the pages that existed when it began.
 * Lifetime: the zero value is an empty set; store__dirty_fini frees it.   Threads: the writer's.   Fails: never. */
#ifndef JD_STORE_DIRTY_H
#define JD_STORE_DIRTY_H
#include "store/store.h"

struct store_dirty_page;
typedef struct store_dirty {
    struct store_dirty_page **slots; /* open addressing; cap is a power of two or 0 */
    size_t cap, pages;
    struct store_dirty_page **order; /* pages of the running sweep, by key */
    size_t order_n, order_at;        /* order_at: page that the sweep stands on */
    jd_key cursor;                   /* keys below it are behind the sweep */
    uint64_t total;                  /* dirty keys */
    uint64_t ahead;                  /* of them, those that the running sweep has yet to take */
    int sweeping;
} store_dirty;

void store__dirty_fini(store_dirty *d);
void store__dirty_mark(store_dirty *d, jd_key key);
/* Starts a sweep over what is dirty now. */
void store__dirty_begin(store_dirty *d);
/* The next keys of the sweep in ascending order, at most max; the set is unchanged. Fewer than max: the sweep's last.
 */
size_t store__dirty_peek(const store_dirty *d, jd_key *keys, size_t max);
/* Takes the keys that the last peek gave: they are clean, and the sweep stands behind them. */
void store__dirty_take(store_dirty *d, const jd_key *keys, size_t n);
/* Ends the sweep, and drops pages that have become empty. */
void store__dirty_end(store_dirty *d);
#endif
