/* series/settle.c - which readings count: order, repetitions, what hides and what is hidden. */
#include "series/series.h"

#include <stdlib.h>
#include <string.h>

static int before(const jd_reading *a, const jd_reading *b) { /* strictly, place apart */
    return a->at != b->at ? a->at < b->at : a->recorded < b->recorded;
}

/* Stable; what comes from k sorted places is k runs, which are merged in pairs until one is left. */
static void sort(jd_reading *r, size_t n) {
    size_t runs = 1;
    for (size_t i = 1; i < n; i++) runs += (size_t)before(&r[i], &r[i - 1]);
    if (runs == 1) return;
    size_t *end = jd_xmalloc((runs + 1) * sizeof *end), k = 0;
    jd_reading *other = jd_xmalloc(n * sizeof *other), *from = r, *to = other;
    end[k++] = 0;
    for (size_t i = 1; i < n; i++)
        if (before(&r[i], &r[i - 1])) end[k++] = i;
    end[k] = n;
    while (runs > 1) {
        size_t left = 0;
        for (size_t i = 0; i < runs; i += 2) {
            size_t a = end[i], mid = end[i + 1], b = mid, stop = i + 1 < runs ? end[i + 2] : mid, at = a;
            while (a < mid || b < stop)
                to[at++] = b == stop || (a < mid && !before(&from[b], &from[a])) ? from[a++] : from[b++];
            end[left++] = end[i];
        }
        end[left] = n;
        runs = left;
        jd_reading *t = from;
        from = to;
        to = t;
    }
    if (from != r) memcpy(r, from, n * sizeof *r);
    free(other);
    free(end);
}

static int says_the_same(const jd_reading *a, const jd_reading *b) {
    if (a->at != b->at || a->flags != b->flags || a->digits != b->digits || a->nums_n != b->nums_n ||
        !jd_str_eq(a->skeleton, b->skeleton))
        return 0;
    for (uint32_t k = 0; k < a->nums_n; k++)
        if (a->nums[k].m != b->nums[k].m || a->nums[k].scale != b->nums[k].scale) return 0;
    return 1;
}

/* The times of all that clears, ascending; cleared among them. */
typedef struct clears {
    jd_time *p;
    size_t n;
} clears;

static int by_time(const void *a, const void *b) {
    const jd_time *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static clears clears_of(const jd_reading *r, size_t n, jd_time cleared) {
    clears c = {0};
    size_t count = cleared != JD_TIME_NONE;
    for (size_t i = 0; i < n; i++) count += (r[i].flags & JD_R_CLEAR) != 0;
    if (!count) return c;
    c.p = jd_xmalloc(count * sizeof *c.p);
    if (cleared != JD_TIME_NONE) c.p[c.n++] = cleared;
    for (size_t i = 0; i < n; i++)
        if (r[i].flags & JD_R_CLEAR) c.p[c.n++] = r[i].recorded;
    qsort(c.p, c.n, sizeof *c.p, by_time);
    return c;
}

/* Whether something was cleared at `from` or later, but before `to`. */
static int cleared_between(const clears *c, jd_time from, jd_time to) {
    for (size_t k = 0; k < c->n; k++)
        if (c->p[k] >= from && c->p[k] < to) return 1;
    return 0;
}

/* A reading that says what the one right before it says is a repetition: without it the same counts at every moment.
 * Not so when something was cleared in between. */
static size_t repetitions_out(jd_reading *r, size_t n, const clears *c) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && says_the_same(&r[kept - 1], &r[i]) &&
            (r[i].flags & JD_R_CLEAR ? r[i].recorded == r[kept - 1].recorded
                                     : !cleared_between(c, r[kept - 1].recorded, r[i].recorded)))
            continue;
        if (kept != i) r[kept] = r[i];
        kept++;
    }
    return kept;
}

size_t jd_readings_settle(jd_reading *r, size_t n, jd_time cleared, jd_settle how) {
    sort(r, n);
    clears c = clears_of(r, n, cleared);
    n = repetitions_out(r, n, &c);
    jd_time newest = c.n ? c.p[c.n - 1] : JD_TIME_NONE;
    int any = c.n > 0;
    free(c.p);
    if (how == JD_SETTLE_KEEP) return n;
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i, from = i; /* from: what stands behind the last VOID of this `at` */
        for (; end < n && r[end].at == r[i].at; end++)
            if (r[end].flags & JD_R_VOID) from = end + 1;
        size_t begin = kept;
        for (size_t k = from; k < end; k++) {
            if ((r[k].flags & JD_R_CLEAR) || (any && r[k].recorded <= newest)) continue;
            if (how == JD_SETTLE_SHOW) kept = begin;
            r[kept++] = r[k];
        }
        i = end;
    }
    return kept;
}
