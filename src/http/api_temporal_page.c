/* Pages by instances (clause 6.3.10): an answer shows at most so many instances, those earliest in time over all its
 * entities and attributes at once - with lastN the latest - and says in Content-Range how far they reach. Instances of
 * one instant stay together. What has instances in the window, but none on this page, is shown empty. */
#include "http/api_temporal.h"

#include <stdlib.h>
#include <string.h>

void api_tpage_begin(api_tpage *p, api_tq *q) {
    *p = (api_tpage){.q = q, .bound = JD_TIME_NONE};
}

void api_tpage_fini(api_tpage *p) {
    free(p->ents);
    p->ents = NULL;
}

static int backward(const api_tpage *p) {
    return p->q->window.last_n > 0;
}

static uint32_t most(const api_tpage *p) {
    return p->q->k->app->temporal_page;
}

static size_t instances(const jd_evolution *e) {
    size_t n = 0;
    for (size_t i = 0; i < e->attrs_n; i++) n += e->attrs[i].n;
    return n;
}

/* Forgets the attribute's instances, but not whose they were. */
static void empty(jd_arena *a, jd_tattr *t) {
    jd_str *list = JD_NEWN(a, jd_str, t->n);
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t k = 0;
        while (k < n && !jd_str_eq(list[k], t->inst[i].a.dataset)) k++;
        if (k == n) list[n++] = t->inst[i].a.dataset;
    }
    t->kind = t->inst[0].a.kind;
    t->pages_datasets = list;
    t->pages_datasets_n = n;
    t->n = 0;
}

static int beyond(const api_tpage *p, jd_time t, jd_time bound) {
    return backward(p) ? t < bound : t > bound;
}

static void trim(api_tpage *p, jd_evolution *e, jd_time bound) {
    for (size_t i = 0; i < e->attrs_n; i++) {
        jd_tattr *t = &e->attrs[i];
        size_t on = 0;
        for (size_t j = 0; j < t->n; j++) on += !beyond(p, api_tq_time(p->q, &t->inst[j]), bound);
        if (on == t->n) continue;
        p->cut = 1;
        if (!on) {
            empty(p->q->k->a, t);
            continue;
        }
        size_t kept = 0;
        for (size_t j = 0; j < t->n; j++)
            if (!beyond(p, api_tq_time(p->q, &t->inst[j]), bound)) t->inst[kept++] = t->inst[j];
        t->n = kept;
    }
}

/* ---- where a page ends ---- */

static int earlier_first(const void *a, const void *b) {
    jd_time x = *(const jd_time *)a, y = *(const jd_time *)b;
    return (x > y) - (x < y);
}

static int later_first(const void *a, const void *b) {
    return earlier_first(b, a);
}

/* Of times in the page's order, more than fit: the last that is on it. Two instants are on it at least, so that asking
 * again from the last one gets further. last: no more times will come. */
static jd_time end_of(const jd_time *t, size_t n, size_t fit, int last) {
    size_t second = 0, end = fit - 1;
    while (second + 1 < n && t[second] == t[0]) second++;
    if (last && t[fit] == t[end])
        while (end > 0 && t[end] == t[fit]) end--;
    return t[end > second ? end : second];
}

static void squeeze(api_tpage *p, int last) {
    if (p->held <= most(p)) return;
    jd_time *t = jd_xmalloc(p->held * sizeof *t);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->ents[i].attrs_n; j++)
            for (size_t k = 0; k < p->ents[i].attrs[j].n; k++) t[n++] = api_tq_time(p->q, &p->ents[i].attrs[j].inst[k]);
    qsort(t, n, sizeof *t, backward(p) ? later_first : earlier_first);
    p->bound = end_of(t, n, most(p), last);
    free(t);
    p->held = 0;
    for (size_t i = 0; i < p->n; i++) {
        trim(p, &p->ents[i], p->bound);
        p->held += instances(&p->ents[i]);
    }
}

/* ---- entities ---- */

static void push(api_tpage *p, const jd_evolution *e) {
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 32;
        p->ents = jd_xrealloc(p->ents, p->cap * sizeof *p->ents);
    }
    p->ents[p->n++] = *e;
    p->held += instances(e);
}

/* A series gives one more than fits a page at most: then it is known that something is left. Of observedAt alone: only
 * there a series has each instant once. */
static jd_window bounded(const api_tpage *p) {
    jd_window w = p->q->window;
    if (w.property != JD_TP_OBSERVED) return w;
    if (!backward(p))
        w.first_n = most(p) + 1;
    else if (w.last_n > most(p))
        w.last_n = most(p) + 1;
    return w;
}

static const jd_tattr *find(const jd_evolution *e, jd_sym name) {
    for (size_t i = 0; i < e->attrs_n; i++)
        if (e->attrs[i].name == name) return &e->attrs[i];
    return NULL;
}

/* Only what is within the bound is fetched; `all` says which attributes there are. */
static int fetch_within(api_tpage *p, const jd_doc *d, jd_evolution *all) {
    jd_window w = bounded(p);
    jd_evolution on;
    if (backward(p) && w.from < p->bound) w.from = p->bound;
    if (!backward(p) && p->bound < INT64_MAX && w.to > p->bound + 1) w.to = p->bound + 1;
    if (api_tq_fetch(p->q, d, &w, &on)) return -1;
    for (size_t i = 0; i < all->attrs_n; i++) {
        const jd_tattr *t = find(&on, all->attrs[i].name);
        if (t) {
            all->attrs[i] = *t;
        } else {
            empty(p->q->k->a, &all->attrs[i]);
            p->cut = 1;
        }
    }
    return 0;
}

int api_tpage_add(api_tpage *p, const jd_doc *d, int even_bare) {
    jd_evolution e;
    jd_window w = bounded(p);
    int narrow = p->bound != JD_TIME_NONE;
    if (narrow) w.first_n = 0, w.last_n = 1;
    if (api_tq_fetch(p->q, d, &w, &e)) return -1;
    int kept = api_tq_kept(p->q, d, &e);
    if (kept < 0 || (!kept && !even_bare)) return kept;
    if (narrow && fetch_within(p, d, &e)) return -1;
    push(p, &e);
    if (p->held >= 2 * (size_t)most(p)) squeeze(p, 0);
    return kept;
}

/* ---- Content-Range ---- */

static jd_str text_of(api_ask *k, jd_time t) {
    char text[JD_TIME_TEXT_MAX];
    return jd_arena_dup(k->a, (jd_str){text, jd_time_print(t, -1, text)});
}

static void say_range(const api_tpage *p) {
    const api_tq *q = p->q;
    jd_time first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->ents[i].attrs_n; j++)
            for (size_t k = 0; k < p->ents[i].attrs[j].n; k++) {
                jd_time t = api_tq_time(q, &p->ents[i].attrs[j].inst[k]);
                if (t < first) first = t;
                if (t > last) last = t;
            }
    jd_time from = first, to = last;
    jd_str size = JD_STR("*");
    if (backward(p)) {
        from = q->rel == API_BEFORE ? q->at : q->rel == API_BETWEEN ? q->end : last;
        to = first;
        size = jd_arena_printf(q->k->a, "%u", q->window.last_n);
    } else if (q->rel == API_AFTER || q->rel == API_BETWEEN) {
        from = q->at;
    }
    jd_str a = text_of(q->k, from), b = text_of(q->k, to);
    jd_req_add_header(
        q->k->r, "Content-Range",
        jd_arena_printf(q->k->a, "date-time %.*s-%.*s/%.*s", JD_STR_ARG(a), JD_STR_ARG(b), JD_STR_ARG(size)));
}

int api_tpage_end(api_tpage *p) {
    squeeze(p, 1);
    if (!p->cut) return 200;
    say_range(p);
    return 206;
}
