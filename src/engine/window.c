/* Windows over the newest readings of one attribute: sealed ones from memory (recent.c), heads, and the document's. */
#include "engine/evolution_int.h"
#include "engine/recent.h"

/* The heads' series that have a say: the attribute's own, and the entity's, which may clear it. */
static int has_say(const head_series *s, const recent_wish *w) {
    return s->attr ? s->attr == w->attr && !s->dataset : s->clears;
}

static size_t count_of(const heads *hs, const recent_wish *w) {
    size_t n = 0;
    for (const head_series *s = hs ? heads_of(hs, w->entity) : NULL; s; s = s->next)
        if (has_say(s, w)) n += s->n;
    return n;
}

/* Behind to->n, where there is room. */
static void of_heads(const heads *hs, const recent_wish *w, jd_time since, jd_points *to, jd_time *cleared) {
    for (const head_series *s = hs ? heads_of(hs, w->entity) : NULL; s; s = s->next) {
        if (!has_say(s, w)) continue;
        jd_reading *r = to->p + to->n;
        size_t n = s->attr ? heads_copy(s, since, w->to, r) : heads_copy(s, INT64_MAX, INT64_MAX, r), kept = 0;
        for (size_t i = 0; i < n; i++) {
            if (r[i].flags & JD_R_CLEAR) {
                if (r[i].recorded > *cleared) *cleared = r[i].recorded;
            } else if (s->attr) {
                r[kept++] = reading_slim(&r[i]);
            }
        }
        to->n += kept;
    }
}

/* All that was written of it since `since`, as it came; with room for one more. */
static int collect(history *h, const recent_wish *w, jd_points *out, jd_time *cleared, jd_time *since, jd_err *err) {
    int frozen = 0;
    hist_state *st = history_hold(h);
    jd_points sealed = {.a = out->a};
    int rc = recent_read(h, st, w, &sealed, cleared, &frozen, since, err);
    if (!w->before) *since = w->from;
    if (rc == 1) {
        pthread_rwlock_rdlock(&h->lock);
        const heads *older = frozen ? st->frozen : NULL;
        out->p = jd_arena_alloc(out->a, (sealed.n + count_of(older, w) + count_of(st->active, w) + 1) * sizeof *out->p);
        if (sealed.n) memcpy(out->p, sealed.p, sealed.n * sizeof *out->p);
        out->n = sealed.n;
        of_heads(older, w, *since, out, cleared);
        of_heads(st->active, w, *since, out, cleared);
        pthread_rwlock_unlock(&h->lock);
    }
    history_release(h, st);
    return rc;
}

static jd_sample sample_of(const jd_reading *r) {
    jd_sample s = {.at = r->at, .numeric = r->nums_n > 0};
    if (s.numeric) s.num = r->nums[0];
    return s;
}

int jd_view_samples(jd_view *v, jd_str id, jd_sym attr, jd_time from, jd_time to, int before, jd_arena *a,
                    jd_samples *out, jd_err *err) {
    recent_wish w = {.attr = attr, .from = from, .to = to, .before = before};
    jd_points all = {.a = a};
    jd_time cleared = JD_TIME_NONE, since = from;
    jd_doc d;
    jd_attrview now;
    jd_num num;
    int hidden;
    *out = (jd_samples){.complete = 1};
    if (from > to || !view_temporal(v, id, &d, &hidden, &w.entity)) return 1;
    int rc = collect(&v->e->history, &w, &all, &cleared, &since, err);
    if (rc != 1) return rc;
    if (!(jd_doc_flags(d.bytes) & JD_D_HIDDEN) && find_instance(&d, attr, (jd_str){NULL, 0}, &now)) {
        jd_time at = now.observed == JD_TIME_NONE ? now.modified : now.observed;
        int numeric = jd_inst_number(&now, &num);
        if (at >= since && at <= to)
            all.p[all.n++] = (jd_reading){
                .at = at,
                .recorded = now.modified,
                .flags = (uint8_t)((now.observed == JD_TIME_NONE ? 0 : JD_R_OBSERVED) | (numeric ? JD_R_NUMERIC : 0)),
                .nums = numeric ? &num : NULL,
                .nums_n = numeric ? 1 : 0};
    }
    all.n = jd_readings_settle(all.p, all.n, cleared, JD_SETTLE_KEEP);
    shown *s = jd_arena_alloc(a, (all.n + 1) * sizeof *s);
    size_t n = readings_clean(all.p, all.n, cleared, NULL, s);
    out->p = jd_arena_alloc(a, (n + 1) * sizeof *out->p);
    for (size_t i = 0; i < n; i++) {
        const jd_reading *r = &s[i].r;
        if (r->flags & JD_R_DELETED || !(r->flags & JD_R_OBSERVED)) continue;
        if (r->at < from) { /* the last of these is the one before */
            out->n = 0;
            out->before = 1;
        }
        out->p[out->n++] = sample_of(r);
    }
    out->complete = out->before || since == INT64_MIN + 1;
    return 1;
}
