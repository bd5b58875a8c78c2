/* Aggregates over time (4.5.19): from whole chunks where nothing else speaks for their time, else reading by reading.
 */
#include "engine/evolution_int.h"
#include "engine/retention.h"

#include <stdlib.h>

typedef struct gather {
    reader *k;
    const jd_period *p;
    unsigned methods;
    jd_time origin;
    jd_tbucket *b; /* by start */
    size_t n, cap, at;
    jd_str skeleton; /* of a roll-up, p NULL: there was none */
} gather;

static int whole(const jd_period *p) {
    return !p->months && !p->us;
}

/* The bucket of a time. They come mostly in order, and mostly in the same one again. */
static jd_acc *bucket_of(gather *g, jd_time t) {
    if (g->at < g->n && t >= g->b[g->at].start && t < g->b[g->at].end) return g->b[g->at].acc;
    jd_time start = INT64_MIN, end = INT64_MAX;
    if (!whole(g->p)) {
        int64_t no = jd_period_of(g->p, g->origin, t);
        start = jd_period_start(g->p, g->origin, no);
        end = jd_period_start(g->p, g->origin, no + 1);
    }
    size_t i = g->n;
    while (i && g->b[i - 1].start > start) i--;
    if (i && g->b[i - 1].start == start) {
        g->at = i - 1;
        return g->b[i - 1].acc;
    }
    if (g->n == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        jd_tbucket *more = jd_arena_alloc(g->k->a, g->cap * sizeof *more);
        if (g->n) memcpy(more, g->b, g->n * sizeof *more);
        g->b = more;
    }
    memmove(&g->b[i + 1], &g->b[i], (g->n - i) * sizeof *g->b);
    g->b[i] = (jd_tbucket){start, end, jd_acc_new(g->k->a, g->methods)};
    g->n++;
    g->at = i;
    return g->b[i].acc;
}

/* ---- by chunks ---- */

static int part_order(const void *a, const void *b) {
    const hist_part *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* Each part is a clean chunk and alone in its time: what it holds counts as it stands. */
static int all_trusted(const reader *k, const hist_part *p, size_t n, const jd_attrview *v) {
    for (size_t i = 0; i < n; i++) {
        if (!p[i].row || p[i].clears || !p[i].c.clean) return 0;
        if (k->cleared != JD_TIME_NONE && p[i].c.recorded_from <= k->cleared) return 0;
        if (i && p[i - 1].to >= p[i].from) return 0;
    }
    return !v || (v->observed != JD_TIME_NONE && (!n || v->observed > p[n - 1].to));
}

static int take_chunk(gather *g, const hist_part *p, jd_time from, jd_time to) {
    reader *k = g->k;
    if (p->from >= from && p->to <= to && !(g->methods & JD_AGG_DISTINCT)) {
        jd_acc *first = bucket_of(g, p->from);
        if (g->b[g->at].end > p->to) {
            jd_acc_add_chunk(first, &p->c);
            return 0;
        }
    }
    row_ref ref;
    jd_reading *r;
    if (reader_too_much(k, p->c.count) || row_get(k->h, p->row, &ref, k->err)) return -1;
    jd_arena scratch;
    jd_arena_init(&scratch);
    int rc = jd_row_readings(&ref.row, &p->c, &scratch, &r, k->err);
    row_put(k->h, &ref);
    for (uint32_t i = 0; i < p->c.count && !rc; i++)
        if (r[i].at >= from && r[i].at <= to) jd_acc_add_num(bucket_of(g, r[i].at), r[i].nums[0]);
    jd_arena_fini(&scratch);
    return rc;
}

/* 1: done; 0: it cannot be done so; -1. */
static int by_chunks(gather *g, const reader_slot *s) {
    reader *k = g->k;
    if (!k->win->given || k->win->property != JD_TP_OBSERVED || k->win->last_n || k->win->first_n) return 0;
    jd_skey key = {.entity = k->entity, .attr = s->attr, .dataset = s->dataset};
    jd_time from, to;
    window_bounds(k->win, &from, &to);
    hist_part *p;
    size_t n;
    if (hist_parts(k->h, k->st, &key, from, to, k->a, &p, &n, k->err)) return -1;
    if (n > 1) qsort(p, n, sizeof *p, part_order);
    const jd_attrview *v = s->has ? &s->v : NULL;
    if (!n || !all_trusted(k, p, n, v)) return 0;
    if (g->origin == JD_TIME_NONE) g->origin = p[0].from;
    for (size_t i = 0; i < n; i++)
        if (take_chunk(g, &p[i], from, to)) return -1;
    if (v && v->observed >= from && v->observed <= to) {
        jd_inst now = {.a = *v, .at = v->observed, .observed = 1};
        jd_acc_add(bucket_of(g, v->observed), &now, k->v->e->symbols);
    }
    return 1;
}

/* ---- by roll-ups, of the time before what is kept as it came ---- */

enum { TIERS = 8 };

/* Do the periods asked for begin and end where those of the tier do? */
static int made_of(const gather *g, uint32_t tier, jd_time phase) {
    int64_t us = (int64_t)tier * 1000000;
    const jd_window *w = g->k->win;
    if (whole(g->p))
        return (w->from <= INT64_MIN + 1 || (w->from - phase) % us == 0) &&
               (w->to == INT64_MAX || (w->to - phase) % us == 0);
    if (g->origin != JD_TIME_NONE && (g->origin - phase) % us) return 0;
    return g->p->months ? g->p->us % us == 0 && INT64_C(86400000000) % us == 0 : g->p->us % us == 0;
}

/* The latest that the series was cleared at, of what may hide its roll-ups. */
static int tier_cleared(reader *k, const jd_skey *series, jd_time *out) {
    hist_part *p;
    size_t n;
    *out = k->cleared;
    if (hist_parts(k->h, k->st, series, INT64_MAX, INT64_MAX, k->a, &p, &n, k->err)) return -1;
    for (size_t i = 0; i < n; i++) {
        jd_reading *r;
        size_t m;
        if (!p[i].clears) continue;
        if (hist_part_read(k->h, &p[i], INT64_MAX, INT64_MAX, k->a, &r, &m, k->err)) return -1;
        for (size_t j = 0; j < m; j++)
            if (r[j].flags & JD_R_CLEAR && r[j].recorded > *out) *out = r[j].recorded;
    }
    return 0;
}

static int take_tier(gather *g, const jd_skey *series, uint32_t tier, const hist_part *p, size_t n) {
    reader *k = g->k;
    jd_time from, to, cleared;
    window_bounds(k->win, &from, &to);
    if (tier_cleared(k, series, &cleared)) return -1;
    for (size_t i = 0; i < n; i++) {
        jd_reading *r;
        size_t m;
        if (hist_part_read(k->h, &p[i], INT64_MIN + 1, INT64_MAX, k->a, &r, &m, k->err)) return -1;
        for (size_t j = 0; j < m; j++) {
            jd_fold f;
            int hidden = cleared != JD_TIME_NONE && r[j].recorded <= cleared;
            if (hidden || r[j].at < from || r[j].at + (int64_t)tier * 1000000 - 1 > to) continue;
            if (jd_fold_read(&r[j], &f))
                return jd_fail(k->err, JD_E_INTERNAL, "history: a roll-up of %.*s is damaged",
                               "历史：%.*s 的一条汇总已损坏", JD_STR_ARG(k->d->id));
            jd_acc_add_chunk(bucket_of(g, f.at), &f.h);
            g->skeleton = f.skeleton;
        }
    }
    return 0;
}

/* From the longest roll-up that the periods are made of. */
static int by_tiers(gather *g, const reader_slot *s) {
    reader *k = g->k;
    uint32_t tier[TIERS];
    size_t tiers;
    if (!k->win->given || k->win->property != JD_TP_OBSERVED || g->methods & JD_AGG_DISTINCT || k->win->last_n)
        return 0;
    jd_skey key = {.entity = k->entity, .attr = s->attr, .dataset = s->dataset}, series = key;
    if (hist_tiers(k->h, k->st, &key, tier, TIERS, &tiers, k->err)) return -1;
    while (tiers--) {
        hist_part *p;
        size_t n;
        key.tier = tier[tiers];
        if (hist_parts(k->h, k->st, &key, INT64_MIN + 1, INT64_MAX, k->a, &p, &n, k->err)) return -1;
        if (!n) continue;
        if (n > 1) qsort(p, n, sizeof *p, part_order);
        if (!made_of(g, key.tier, p[0].from)) continue;
        if (g->origin == JD_TIME_NONE) g->origin = p[0].from;
        return take_tier(g, &series, key.tier, p, n);
    }
    return 0;
}

/* ---- by readings ---- */

static int by_readings(gather *g, const reader_slot *s) {
    reader *k = g->k;
    shown *list;
    size_t n;
    const jd_attrview *v = s->has ? &s->v : NULL;
    if (reader_series(k, s->attr, s->dataset, v, 0, &list, &n)) return -1;
    jd_buf records = {0};
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        jd_inst in;
        rc = reader_instance(k, s->attr, s->dataset, &list[i], v, &records, &in);
        jd_time t = rc ? JD_TIME_NONE : jd_inst_time(&in, k->win->property);
        if (t == JD_TIME_NONE || in.deleted) continue;
        if (g->origin == JD_TIME_NONE) g->origin = t;
        jd_acc_add(bucket_of(g, t), &in, k->v->e->symbols);
    }
    jd_buf_fini(&records);
    return rc;
}

/* One period over all: from where to where? */
static int span(gather *g, const reader_slot *s) {
    reader *k = g->k;
    jd_tbucket *b = &g->b[0];
    b->start = k->win->from;
    b->end = k->win->to;
    if (k->win->given && k->win->from > INT64_MIN + 1 && k->win->to != INT64_MAX) return 0;
    shown *list;
    size_t n;
    if (reader_series(k, s->attr, s->dataset, s->has ? &s->v : NULL, 0, &list, &n)) return -1;
    jd_time first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        jd_time t = list[i].r.flags & JD_R_OBSERVED || k->win->property != JD_TP_OBSERVED ? list[i].r.at : first;
        if (t < first) first = t;
        if (t > last) last = t;
    }
    if (!k->win->given || k->win->from <= INT64_MIN + 1) b->start = first;
    if (!k->win->given || k->win->to == INT64_MAX) b->end = last;
    return 0;
}

static int one(reader *k, const reader_slot *s, const jd_period *p, jd_time origin, unsigned methods, jd_taggr *out) {
    gather g = {.k = k, .p = p, .methods = methods, .origin = origin};
    *out = (jd_taggr){.name = s->attr};
    if (by_tiers(&g, s)) return -1;
    int rc = by_chunks(&g, s);
    if (rc == 0) rc = by_readings(&g, s);
    if (rc < 0) return -1;
    if (g.n && whole(p) && span(&g, s)) return -1;
    if (g.skeleton.n) { /* should nothing be left that tells it better */
        out->kind = (jd_kind)(g.skeleton.p[0] & 15);
        out->dataset = jd_inst_dataset(g.skeleton);
    }
    out->bucket = g.b;
    out->n = g.n;
    return 0;
}

/* Kind and datasetId, of the newest instance. */
static int describe(reader *k, const reader_slot *s, jd_taggr *out) {
    if (s->has) {
        out->kind = s->v.kind;
        out->dataset = s->v.dataset;
        return 0;
    }
    jd_window last = *k->win;
    const jd_window *asked = k->win;
    last.last_n = 1;
    last.first_n = 0;
    k->win = &last;
    shown *list;
    size_t n;
    jd_inst in;
    jd_buf records = {0};
    int rc = reader_series(k, s->attr, s->dataset, NULL, 0, &list, &n);
    if (!rc && n) rc = reader_instance(k, s->attr, s->dataset, &list[n - 1], NULL, &records, &in);
    if (!rc && n) out->kind = in.a.kind, out->dataset = in.a.dataset;
    jd_buf_fini(&records);
    k->win = asked;
    return rc;
}

int jd_view_aggregate(jd_view *v, const jd_doc *d, const jd_wanted *w, const jd_window *win, const jd_period *p,
                      jd_time origin, unsigned methods, jd_arena *a, jd_taggr **out, size_t *n, jd_err *err) {
    reader k;
    reader_slot *list;
    size_t slots = 0, got = 0;
    jd_taggr *t = NULL;
    int rc = reader_begin(&k, v, d, win, a, err);
    if (!rc) rc = reader_slots(&k, w, &list, &slots);
    if (!rc) t = JD_NEWN(a, jd_taggr, slots + 1);
    for (size_t i = 0; i < slots && !rc; i++) {
        if (list[i].attr == JD_SYM_SCOPE) continue;
        rc = one(&k, &list[i], p, origin, methods, &t[got]);
        if (!rc && t[got].n) rc = describe(&k, &list[i], &t[got]);
        if (!rc && t[got].n) got++;
    }
    reader_end(&k);
    *out = t;
    *n = got;
    return rc;
}
