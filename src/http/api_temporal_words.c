/* The words of a temporal question -> what is asked of history: clauses 4.11, 4.5.19, 5.7.3, 5.7.4;
 * TemporalQuery 5.2.21. */
#include "http/api_temporal.h"

#include <string.h>

enum { TESTED_MAX = 256 };

void api_twords_of_params(const api_ask *k, api_twords *w) {
    *w = (api_twords){.timerel = api_param(k, "timerel"), .time_at = api_param(k, "timeAt")};
    w->end_time_at = api_param(k, "endTimeAt");
    w->timeproperty = api_param(k, "timeproperty");
    w->last_n = api_param(k, "lastN");
    w->aggr_methods = api_param(k, "aggrMethods");
    w->aggr_period = api_param(k, "aggrPeriodDuration");
}

static int aggregation(api_ask *k, const jd_jval *in, api_twords *w) {
    return api_list_member(k, in, "aggrMethods", &w->aggr_methods) ||
                   api_text_member(k, in, "aggrPeriodDuration", &w->aggr_period)
               ? -1
               : 0;
}

int api_twords_of_body(api_ask *k, api_twords *w) {
    const jd_jval *t = jd_jget(&k->body, "temporalQ"), *p = jd_jget(&k->body, "aggrParams"),
                  *n = t ? jd_jget(t, "lastN") : NULL;
    *w = (api_twords){0};
    if (t && t->type != JD_JOBJ) return api_bad(k, "temporalQ", "must be an object", "必须是对象");
    if (p && p->type != JD_JOBJ) return api_bad(k, "aggrParams", "must be an object", "必须是对象");
    if (t && (api_text_member(k, t, "timerel", &w->timerel) || api_text_member(k, t, "timeAt", &w->time_at) ||
              api_text_member(k, t, "endTimeAt", &w->end_time_at) ||
              api_text_member(k, t, "timeproperty", &w->timeproperty) || aggregation(k, t, w)))
        return -1;
    if (n && n->type != JD_JNUM) return api_bad(k, "lastN", "must be a positive integer", "必须是正整数");
    if (n) w->last_n = jd_jstr(n);
    return p ? aggregation(k, p, w) : 0;
}

/* ---- time ---- */

static int moment(api_ask *k, const char *name, jd_str text, jd_time *out) {
    if (!text.p) return api_bad(k, name, "must be there with this timerel", "与此 timerel 一同使用时必须给出");
    if (jd_time_parse(text, out, NULL) == 0) return 0;
    return api_bad(k, name, "must be a DateTime in UTC, as 2026-08-01T12:00:00Z",
                   "必须是 UTC 的 DateTime，如 2026-08-01T12:00:00Z");
}

static int interval(api_ask *k, const api_twords *w, api_tq *q) {
    static const char *const names[] = {"", "before", "after", "between"};
    jd_window *win = &q->window;
    win->from = INT64_MIN + 1;
    win->to = INT64_MAX;
    if (!w->timerel.p) {
        if (!w->time_at.p && !w->end_time_at.p) return 0;
        return api_bad(k, "timerel", "must be there with timeAt", "必须与 timeAt 一同给出");
    }
    for (int i = API_BEFORE; i <= API_BETWEEN; i++)
        if (jd_str_is(w->timerel, names[i])) q->rel = (api_timerel)i;
    if (q->rel == API_ALWAYS)
        return api_bad(k, "timerel", "must be before, after or between", "必须为 before、after 或 between");
    if (moment(k, "timeAt", w->time_at, &q->at)) return -1;
    if (q->rel == API_BETWEEN && moment(k, "endTimeAt", w->end_time_at, &q->end)) return -1;
    if (q->rel != API_BEFORE) win->from = q->at;
    if (q->rel != API_AFTER) win->to = q->rel == API_BETWEEN ? q->end : q->at;
    return 0;
}

static int property(api_ask *k, jd_str text, jd_timeprop *out) {
    static const char *const names[] = {"observedAt", "createdAt", "modifiedAt", "deletedAt"};
    *out = JD_TP_OBSERVED;
    if (!text.p) return 0;
    for (int i = JD_TP_OBSERVED; i <= JD_TP_DELETED; i++)
        if (jd_str_is(text, names[i])) {
            *out = (jd_timeprop)i;
            return 0;
        }
    return api_bad(k, "timeproperty", "must be observedAt, createdAt, modifiedAt or deletedAt",
                   "必须为 observedAt、createdAt、modifiedAt 或 deletedAt");
}

static int last_n(api_ask *k, jd_str text, uint32_t *out) {
    uint64_t n = 0;
    size_t i = 0;
    *out = 0;
    if (!text.p) return 0;
    while (i < text.n && i < 10 && text.p[i] >= '0' && text.p[i] <= '9') n = n * 10 + (uint64_t)(text.p[i++] - '0');
    if (i < text.n || !n || n > UINT32_MAX) return api_bad(k, "lastN", "must be a positive integer", "必须是正整数");
    *out = (uint32_t)n;
    return 0;
}

/* In a body the methods alone say that the answer is to be aggregated. */
static int aggregates(api_ask *k, const api_twords *w, api_tq *q) {
    if (w->aggr_period.p && jd_period_parse(w->aggr_period, &q->period, &k->err))
        return jd_fail_at(&k->err, "aggrPeriodDuration");
    if (w->aggr_methods.p && jd_agg_methods(w->aggr_methods, &q->methods, &k->err))
        return jd_fail_at(&k->err, "aggrMethods");
    if (k->body.type == JD_JOBJ && w->aggr_methods.p && !(k->options & API_O_TEMPORAL)) k->evolution = API_E_AGGREGATED;
    if (k->evolution == API_E_AGGREGATED && !q->methods)
        return api_bad(k, "aggrMethods", "must be there with aggregatedValues", "必须与 aggregatedValues 一同给出");
    return 0;
}

/* ---- which attributes ---- */

static int is_separator(char c) {
    return c == ',' || c == '|';
}

/* Names of attrs or pick, which were found in order; those of entity members need not be read from history. */
static void named(api_ask *k, jd_str text, jd_wanted *out) {
    size_t most = 1;
    for (size_t i = 0; i < text.n; i++) most += (size_t)is_separator(text.p[i]);
    jd_sym *list = JD_NEWN(k->a, jd_sym, most);
    for (size_t i = 0; i < text.n; i++) {
        jd_str name = {text.p + i, 0};
        while (i < text.n && !is_separator(text.p[i])) i++, name.n++;
        while (name.n && name.p[0] == ' ') name.p++, name.n--;
        while (name.n && name.p[name.n - 1] == ' ') name.n--;
        jd_str iri = jd_ctx_expand(k->ctx, k->a, name);
        if (!iri.n || iri.p[0] != '@') list[out->attrs_n++] = iri.n ? jd_sym_find(api_names(k).symbols, iri) : 0;
    }
    out->attrs = list;
}

/* What q and the geo-query look at; when that cannot be said in short, everything. */
static void to_be_tested(api_ask *k, const api_select *s, jd_sym geo_property, jd_wanted *out) {
    jd_sym *list = JD_NEWN(k->a, jd_sym, TESTED_MAX + 1);
    size_t n = s->q ? jd_q_attrs(s->q, list, TESTED_MAX) : 0;
    if (n == TESTED_MAX || (s->q && !n)) return;
    if (s->geo) list[n++] = geo_property;
    out->attrs = list;
    out->attrs_n = n;
}

static int order(api_ask *k, jd_str text, int *by_id) {
    if (!text.p) return 0;
    *by_id = jd_str_is(text, "id;desc") ? -1 : jd_str_is(text, "id") || jd_str_is(text, "id;asc");
    if (*by_id) return 0;
    return api_bad(k, "orderBy", "can only be id, id;asc or id;desc here: other members change over time",
                   "此处只能为 id、id;asc 或 id;desc：其他成员随时间变化");
}

int api_tq_make(api_ask *k, api_texts *t, const api_twords *w, int about_one, api_select *s, api_tq *q) {
    *q = (api_tq){.k = k, .s = s};
    if (!about_one && !w->timerel.p)
        return api_bad(k, "timerel", "must be there, with timeAt", "必须与 timeAt 一同给出");
    if (interval(k, w, q) || property(k, w->timeproperty, &q->window.property) ||
        last_n(k, w->last_n, &q->window.last_n) || aggregates(k, w, q) || order(k, t->order_by, &q->by_id))
        return -1;
    if (t->join.p && !jd_str_is(t->join, "@none"))
        return api_bad(k, "join", "is not for temporal queries", "不用于时态查询");
    t->order_by.p = NULL;
    if (api_select_make(k, t, s) || api_render_make(k, t, s)) return -1;
    jd_question *a = &s->question;
    q->scopes = a->scopes;
    to_be_tested(k, s, a->geo_property, &q->tested);
    /* these are asked of what was, not of what is */
    a->scopes = NULL;
    a->q = NULL;
    a->geo = NULL;
    a->attrs = NULL;
    a->temporal = 1;
    q->wanted.datasets = s->render.datasets;
    q->wanted.datasets_n = s->render.datasets_n;
    if (jd_proj_narrows(s->proj) && (t->attrs.p || t->pick.p)) named(k, t->attrs.p ? t->attrs : t->pick, &q->wanted);
    /* of one entity all that was, unless a time is asked for in some way (5.7.3.4) */
    q->window.given = !about_one || w->timerel.p || w->timeproperty.p || w->last_n.p || k->evolution != API_E_INSTANCES;
    return 0;
}
