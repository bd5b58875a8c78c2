#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jd_arena_chunk {
    jd_arena_chunk *prev;
    size_t size; /* of data */
    char data[] __attribute__((aligned(16)));
};

enum { CHUNK_MIN = 8 * 1024, CHUNK_MAX = 256 * 1024, KEEP_MAX = 64 * 1024 };

static void *must(void *p, size_t n) {
    if (!p) {
        fprintf(stderr, "jindu: out of memory (%zu bytes)\n", n);
        abort();
    }
    return p;
}

void *jd_xmalloc(size_t n) {
    return must(malloc(n ? n : 1), n);
}
void *jd_xcalloc(size_t n, size_t size) {
    return must(calloc(n ? n : 1, size ? size : 1), n * size);
}
void *jd_xrealloc(void *p, size_t n) {
    return must(realloc(p, n ? n : 1), n);
}
char *jd_xstrdup(jd_str s) {
    char *z = jd_xmalloc(s.n + 1);
    if (s.n) memcpy(z, s.p, s.n);
    z[s.n] = 0;
    return z;
}

int jd_str_cmp(jd_str a, jd_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

void jd_arena_init(jd_arena *a) {
    *a = (jd_arena){0};
}

static void drop(jd_arena *a, jd_arena_chunk *until) {
    while (a->head != until) {
        jd_arena_chunk *c = a->head;
        a->head = c->prev;
        a->total -= c->size;
        free(c);
    }
}

static void drop_spare(jd_arena *a) {
    while (a->spare) {
        jd_arena_chunk *c = a->spare;
        a->spare = c->prev;
        free(c);
    }
}

void jd_arena_fini(jd_arena *a) {
    drop(a, NULL);
    drop_spare(a);
    *a = (jd_arena){0};
}

void jd_arena_reset(jd_arena *a) {
    if (!a->head) return;
    jd_arena_chunk *first = a->head;
    while (first->prev) first = first->prev;
    drop(a, first);
    if (first->size > KEEP_MAX) {
        drop(a, NULL);
        *a = (jd_arena){.spare = a->spare};
        return;
    }
    a->at = first->data;
    a->end = first->data + first->size;
}

void jd_arena_recycle(jd_arena *a, size_t keep) {
    size_t kept = 0;
    for (const jd_arena_chunk *c = a->spare; c; c = c->prev) kept += c->size;
    while (a->head && a->head->prev && kept + a->head->size <= keep) {
        jd_arena_chunk *c = a->head;
        kept += c->size;
        a->head = c->prev;
        a->total -= c->size;
        c->prev = a->spare;
        a->spare = c;
    }
    jd_arena_reset(a);
}

void jd_arena_grow(jd_arena *a, size_t n) {
    size_t size = a->head ? a->head->size * 2 : CHUNK_MIN;
    if (size > CHUNK_MAX) size = CHUNK_MAX;
    if (size < n) size = n;
    jd_arena_chunk *c = a->spare;
    if (c && c->size >= n) {
        a->spare = c->prev;
        size = c->size;
    } else {
        c = jd_xmalloc(sizeof *c + size);
    }
    c->prev = a->head;
    c->size = size;
    a->head = c;
    a->total += size;
    a->at = c->data;
    a->end = c->data + size;
}

void *jd_arena_zalloc(jd_arena *a, size_t n) {
    void *p = jd_arena_alloc(a, n);
    memset(p, 0, n);
    return p;
}

jd_arena_mark jd_arena_tell(const jd_arena *a) {
    return (jd_arena_mark){a->head, a->at};
}

void jd_arena_rewind(jd_arena *a, jd_arena_mark m) {
    drop(a, m.head);
    a->at = m.at;
    a->end = m.head ? m.head->data + m.head->size : NULL;
}

jd_str jd_arena_dup(jd_arena *a, jd_str s) {
    char *p = jd_arena_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (jd_str){p, s.n};
}

jd_str jd_arena_printf(jd_arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) n = 0;
    char *p = jd_arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (jd_str){p, (size_t)n};
}
