/* base/arena.h - memory that is given back all at once.
 * Lifetime: from jd_arena_init() to jd_arena_fini(); what was allocated lives until reset, rewind or fini.
 * Threads:  one owner at a time.   Fails: never returns NULL; out of memory ends the process with a message. */
#ifndef JD_BASE_ARENA_H
#define JD_BASE_ARENA_H
#include <stddef.h>
#include <stdint.h>

/* A slice of bytes; not NUL-terminated. Whoever hands it out says how long the bytes live. */
typedef struct jd_str {
    const char *p;
    size_t n;
} jd_str;

#define JD_STR(lit) ((jd_str){(lit), sizeof(lit) - 1})
#define JD_STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

typedef struct jd_arena_chunk jd_arena_chunk;
typedef struct jd_arena {
    jd_arena_chunk *head;  /* newest chunk; older ones are chained behind it */
    char *at, *end;        /* free part of head */
    size_t total;          /* bytes of chunks in use */
    jd_arena_chunk *spare; /* chunks kept by jd_arena_recycle */
} jd_arena;

typedef struct jd_arena_mark {
    jd_arena_chunk *head;
    char *at;
} jd_arena_mark;

void jd_arena_init(jd_arena *a);
void jd_arena_fini(jd_arena *a);
/* Frees all but one chunk (at most 64 kB of it is kept) and starts over. */
void jd_arena_reset(jd_arena *a);
/* The same for an arena that is soon filled again: chunks of up to `keep` bytes in all stay, so that the memory is not
 * given to the system and faulted in again page by page. */
void jd_arena_recycle(jd_arena *a, size_t keep);
void jd_arena_grow(jd_arena *a, size_t n); /* room for n bytes, a multiple of 16 */
/* n bytes, aligned to 16, not cleared. Inline: a frame takes dozens of such pieces. */
__attribute__((malloc, alloc_size(2), returns_nonnull)) static inline void *jd_arena_alloc(jd_arena *a, size_t n) {
    n = (n + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->at) < n || !a->at) jd_arena_grow(a, n);
    void *p = a->at;
    a->at += n;
    return p;
}
/* What was allocated last ends here after all: the rest of it is given back. */
static inline void jd_arena_cut(jd_arena *a, const void *end) {
    a->at -= (size_t)(a->at - (const char *)end) & ~(size_t)15;
}
void *jd_arena_zalloc(jd_arena *a, size_t n) __attribute__((malloc, alloc_size(2), returns_nonnull));
jd_arena_mark jd_arena_tell(const jd_arena *a);
/* Gives back everything allocated since the mark. */
void jd_arena_rewind(jd_arena *a, jd_arena_mark m);
/* Copies; the copy is NUL-terminated behind its n bytes. */
jd_str jd_arena_dup(jd_arena *a, jd_str s);
jd_str jd_arena_printf(jd_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define JD_NEW(a, T) ((T *)jd_arena_zalloc((a), sizeof(T)))
#define JD_NEWN(a, T, n) ((T *)jd_arena_zalloc((a), sizeof(T) * (size_t)(n)))

static inline jd_str jd_str_of(const char *z) {
    jd_str s = {z, __builtin_strlen(z)};
    return s;
}
static inline int jd_str_eq(jd_str a, jd_str b) {
    return a.n == b.n && (a.n == 0 || __builtin_memcmp(a.p, b.p, a.n) == 0);
}
static inline int jd_str_is(jd_str a, const char *z) {
    return jd_str_eq(a, jd_str_of(z));
}
static inline int jd_str_starts(jd_str a, jd_str b) {
    return a.n >= b.n && (b.n == 0 || __builtin_memcmp(a.p, b.p, b.n) == 0);
}
/* Byte order, shorter first on a tie: <0, 0, >0. */
int jd_str_cmp(jd_str a, jd_str b);

/* malloc, realloc, calloc that end the process when memory is gone. Free with free(). */
void *jd_xmalloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *jd_xcalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *jd_xrealloc(void *p, size_t n) __attribute__((alloc_size(2), returns_nonnull));
char *jd_xstrdup(jd_str s) __attribute__((malloc, returns_nonnull)); /* NUL-terminated copy */
#endif
