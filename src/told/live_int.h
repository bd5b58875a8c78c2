/* told/live_int.h - what the live*.c files share. Nobody else includes it.
 *
 * Lives:    an *entry* is one change, counted: the ring holds it, and a view that gathers. A *chunk* is a piece of a
 *           view's events, counted: the chunk before it holds it, the view, and every reader that is in it; so events
 *           are freed when the slowest reader is through.
 * Threads:  the ring is under its lock. Views, chunks and readers that were taken belong to the live thread. */
#ifndef JD_TOLD_LIVE_INT_H
#define JD_TOLD_LIVE_INT_H
#include "base/hash.h"
#include "geo/geo.h"
#include "told/live.h"

#include <pthread.h>
#include <stdatomic.h>

/* A place in the stream of changes: behind the n-th of a group. Behind the whole of a group: (group + 1, 0). */
typedef struct live_place {
    uint64_t group;
    uint32_t n;
} live_place;
static inline int live_before(live_place a, live_place b) {
    return a.group != b.group ? a.group < b.group : a.n < b.n;
}

/* ---- live_ring.c ---- */
typedef struct live_entry {
    _Atomic uint32_t refs;
    int tenant;
    live_place at;
    jd_str was, is; /* p NULL: not there */
    char bytes[];
} live_entry;
live_entry *live_entry_ref(live_entry *e);
void live_entry_unref(live_entry *e);

typedef struct live_ring {
    pthread_mutex_t lock;
    live_entry **e; /* cap of them, a power of two; entry number i stands at i & (cap - 1) */
    size_t cap;
    uint64_t first, next; /* numbers of entries that are there: first <= i < next */
    size_t bytes, bytes_max;
    live_place from, last; /* everything behind `from` up to `last` is there */
    _Atomic int on;
} live_ring;
void live_ring_init(live_ring *r, size_t bytes_max);
void live_ring_fini(live_ring *r);
/* Begins with what happens behind the place; the number of the first entry, there or to come. */
uint64_t live_ring_begin(live_ring *r, live_place from);
void live_ring_end(live_ring *r); /* forgets all */
/* The lock is held. */
void live_ring_add(live_ring *r, int tenant, uint64_t group, jd_str was, jd_str is);
/* Up to max entries from number *cursor on, which moves; counted for the caller. *lost: the ring went past the cursor,
 * which now stands at the first one that is there. */
size_t live_ring_take(live_ring *r, uint64_t *cursor, live_entry **out, size_t max, int *lost);
/* All entries behind `after` up to `to`, counted for the caller, who frees *out; SIZE_MAX: not all of them are there.
 */
size_t live_ring_range(live_ring *r, live_place after, live_place to, live_entry ***out);

/* ---- live_stream.c: events as bytes, shared by all who read them ---- */
typedef struct live_chunk {
    struct live_chunk *next;
    uint32_t refs;
    uint64_t base; /* bytes of the stream before it; differences count, and may wrap */
    size_t n, cap;
    struct live_mark {
        live_place at;
        uint32_t off; /* where the event begins */
    } * mark;
    uint32_t marks_n, marks_cap;
    char p[];
} live_chunk;
typedef struct live_stream {
    live_chunk *oldest, *tail; /* never NULL; each holds a reference */
    live_place from;           /* all events behind this place are there */
    uint64_t total, events;
} live_stream;
live_chunk *live_chunk_ref(live_chunk *c);
void live_chunk_unref(live_chunk *c);
void live_stream_init(live_stream *s, live_place from);
void live_stream_fini(live_stream *s);
void live_stream_add(live_stream *s, live_place at, const jd_buf *event);
/* Lets go of chunks until at most `keep` bytes stand before the tail. */
void live_stream_trim(live_stream *s, size_t keep);
/* Puts what was told before in front; takes `older`'s chunks. */
void live_stream_prepend(live_stream *s, live_stream *older);
/* The first event behind the place, which must not lie before `from`; counted. */
live_chunk *live_stream_find(const live_stream *s, live_place after, size_t *off);

/* ---- live_view.c: a change as all views look at it; what one finds out is there for the next ---- */
typedef struct live_side {
    const jd_doc *d; /* NULL: not there */
    jd_doc doc;
    jd_sym shapes_of; /* the GeoProperty that `shape` is of; 0: none was read yet */
    uint32_t shapes_n;
    jd_shape **shape;
} live_side;
typedef struct live_look {
    live_side was, is;
    jd_arena a;
} live_look;
void live_look_init(live_look *k);
void live_look_fini(live_look *k);
void live_look_at(live_look *k, jd_str was, jd_str is); /* the bytes must stay */

/* ---- one distinct question, and what is told to those who ask it ---- */
typedef struct live_gathering { /* of a view that tells every so many ms */
    jd_strmap by_id;
    struct live_held { /* an entity: its first change says what it was, its last what it is */
        live_entry *first, *last;
    } * held;
    uint32_t n, cap;
    size_t bytes;
    uint64_t due_ns;
} live_gathering;
typedef struct live_held live_held;
typedef struct live_view {
    struct live_view *chain; /* of its hash */
    uint64_t hash;
    jd_str key;
    jd_arena texts; /* the question as it was asked */
    jd_live_ask ask;
    jd_arena forms; /* compiled */
    uint32_t names; /* symbols that were known then */
    int names_open; /* some that are asked for were not */
    jd_typeq *types;
    jd_regex *pattern;
    jd_scopeq *scopes;
    jd_q *q;
    jd_geoq *geo;
    jd_sym geo_property;
    jd_proj *proj;
    const jd_symtab *symbols;
    live_stream s;
    live_place told;        /* everything up to here is in the stream */
    uint64_t kept_until_ns; /* old events are kept for others who come back */
    live_gathering gathering;
    uint64_t run; /* of the program, in events' ids */
    struct jd_live_reader *readers;
    uint32_t readers_n;
    int fresh; /* it has events that were not offered to its readers */
} live_view;
int live_view_make(live_view **out, const jd_live_ask *ask, const jd_symtab *symbols, uint64_t run, jd_err *err);
void live_view_free(live_view *v);
/* Names that were not known when it was compiled may be known by now. */
void live_view_relearn(live_view *v);
/* A change of its tenant, which `look` is at; scratch for one event. */
void live_view_see(live_view *v, live_entry *e, live_look *look, jd_buf *scratch);
void live_view_flush(live_view *v, live_place upto, jd_buf *scratch); /* what was gathered */
void live_view_start_over(live_view *v, live_place at); /* what was gathered and told before is forgotten */
/* Events of earlier entries go in front of the stream. */
void live_view_replay(live_view *v, live_place after, live_entry *const *e, size_t n, jd_buf *scratch);

/* ---- live.c ---- */
void live_place_print(jd_buf *b, live_place at, uint64_t run); /* as the line of an event's id */

struct jd_live_reader {
    struct jd_live_reader *next, *prev; /* of its view; of those who came */
    jd_live *live;
    live_view *view;
    int fd;
    jd_str head, resume;
    jd_buf own; /* goes before what is shared */
    size_t own_sent;
    int reset_waits; /* in own */
    live_chunk *c;   /* where it is in the view's events */
    size_t off;
    live_place begins;           /* what happened up to here is not told to it */
    uint64_t allow;              /* bytes that may wait */
    uint64_t counted;            /* events of the view that it has got */
    uint64_t moved_ns, spoke_ns; /* it took bytes, or had none to take; it was sent something */
    int writable, dead;
};
#endif
