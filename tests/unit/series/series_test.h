/* What the tests of this room share: random numbers, a maker that collects rows, comparison of readings. */
#ifndef JD_SERIES_TEST_H
#define JD_SERIES_TEST_H
#include "series/series_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline uint64_t rnd(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint32_t below(uint64_t *state, uint32_t n) {
    return (uint32_t)(((rnd(state) >> 32) * n) >> 32);
}

typedef struct rows { /* as handed out, copied */
    jd_buf *p;
    jd_rowhead *head;
    size_t n;
} rows;

static inline int rows_take(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err) {
    (void)err;
    rows *r = user;
    r->p = jd_xrealloc(r->p, (r->n + 1) * sizeof *r->p);
    r->head = jd_xrealloc(r->head, (r->n + 1) * sizeof *r->head);
    r->p[r->n] = (jd_buf){0};
    jd_buf_str(&r->p[r->n], bytes);
    r->head[r->n++] = *head;
    return 0;
}

static inline void rows_free(rows *r) {
    for (size_t i = 0; i < r->n; i++) jd_buf_fini(&r->p[i]);
    free(r->p);
    free(r->head);
    *r = (rows){0};
}

static inline size_t rows_bytes(const rows *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) n += r->p[i].n;
    return n;
}

static inline void same_num(jd_num a, jd_num b) {
    assert_int_equal(a.m, b.m);
    assert_int_equal(a.scale, b.scale);
}

static inline void same_reading(const jd_reading *a, const jd_reading *b) {
    assert_int_equal(a->at, b->at);
    assert_int_equal(a->recorded, b->recorded);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->digits, b->digits);
    assert_int_equal(a->nums_n, b->nums_n);
    assert_int_equal(a->skeleton.n, b->skeleton.n);
    if (a->skeleton.n) assert_memory_equal(a->skeleton.p, b->skeleton.p, a->skeleton.n);
    for (uint32_t k = 0; k < a->nums_n; k++) same_num(a->nums[k], b->nums[k]);
}
#endif
