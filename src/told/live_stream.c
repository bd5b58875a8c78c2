/* The events of one view as bytes in a chain of chunks. Whoever reads holds the chunk in which it is; a chunk that
 * nobody holds any more is freed, and lets go of the next. */
#include "told/live_int.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 2048, CHUNK = 16384 };

static live_chunk *chunk_make(size_t cap, uint64_t base) {
    live_chunk *c = jd_xmalloc(sizeof *c + cap);
    *c = (live_chunk){.refs = 1, .base = base, .cap = cap};
    return c;
}

live_chunk *live_chunk_ref(live_chunk *c) {
    c->refs++;
    return c;
}

void live_chunk_unref(live_chunk *c) {
    while (c && --c->refs == 0) {
        live_chunk *next = c->next;
        free(c->mark);
        free(c);
        c = next;
    }
}

void live_stream_init(live_stream *s, live_place from) {
    s->tail = chunk_make(CHUNK_FIRST, 0);
    s->oldest = live_chunk_ref(s->tail);
    s->from = from;
    s->total = s->events = 0;
}

void live_stream_fini(live_stream *s) {
    live_chunk_unref(s->oldest);
    live_chunk_unref(s->tail);
}

static void mark(live_chunk *c, live_place at) {
    if (c->marks_n == c->marks_cap) {
        c->marks_cap = c->marks_cap ? c->marks_cap * 2 : 8;
        c->mark = jd_xrealloc(c->mark, c->marks_cap * sizeof *c->mark);
    }
    c->mark[c->marks_n++] = (struct live_mark){at, (uint32_t)c->n};
}

void live_stream_add(live_stream *s, live_place at, const jd_buf *event) {
    live_chunk *c = s->tail;
    if (event->n > c->cap - c->n) { /* an event stands in one chunk */
        c->next = chunk_make(event->n > CHUNK ? event->n : CHUNK, s->total);
        s->tail = live_chunk_ref(c->next);
        live_chunk_unref(c);
        c = s->tail;
    }
    mark(c, at);
    memcpy(c->p + c->n, event->p, event->n);
    c->n += event->n;
    s->total += event->n;
    s->events++;
}

void live_stream_trim(live_stream *s, size_t keep) {
    while (s->oldest != s->tail && s->tail->base - s->oldest->base > keep) {
        live_chunk *c = s->oldest;
        if (c->marks_n) s->from = c->mark[c->marks_n - 1].at;
        s->oldest = live_chunk_ref(c->next);
        live_chunk_unref(c);
    }
}

void live_stream_prepend(live_stream *s, live_stream *older) {
    uint64_t shift = s->oldest->base - older->total;
    for (live_chunk *c = older->oldest; c; c = c->next) c->base += shift;
    older->tail->next = s->oldest; /* with our reference */
    live_chunk_unref(older->tail);
    s->oldest = older->oldest;
    s->from = older->from;
}

live_chunk *live_stream_find(const live_stream *s, live_place after, size_t *off) {
    live_chunk *c = s->oldest;
    while (c->next && (!c->marks_n || !live_before(after, c->mark[c->marks_n - 1].at))) c = c->next;
    uint32_t lo = 0, hi = c->marks_n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (live_before(after, c->mark[mid].at))
            hi = mid;
        else
            lo = mid + 1;
    }
    *off = lo < c->marks_n ? c->mark[lo].off : c->n;
    return live_chunk_ref(c);
}
