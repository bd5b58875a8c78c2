/* How many alerts were raised, and how many stood, over time (docs/packs.md): counted from their own history, so that
 * one that was raised three times counts three times. */
#include "http/api_int.h"
#include "model/temporal.h"
#include "rule/rule.h"

#include <stdlib.h>

enum { BUCKETS_MAX = 1000, SEVERITIES = 5 };

typedef struct counting {
    api_ask *k;
    jd_time from, to;
    jd_period bucket;
    size_t n;
    jd_time *start; /* of n buckets, and the end of the last one */
    uint32_t (*raised)[SEVERITIES];
    int64_t *open; /* what came to stand less what ceased to, up to the bucket's end; summed up at the end */
    jd_str severity;
    api_alert_filter filter;
    jd_alert_courses courses;
    jd_arena one; /* of one alert */
} counting;

/* The bucket that t is in; n behind the last one. */
static size_t bucket_of(const counting *c, jd_time t) {
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->start[mid + 1] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int wanted(const counting *c, jd_severity s) {
    return !c->severity.p || api_one_of(c->severity, jd_str_of(jd_severity_name(s, 0)));
}

static void stood(const counting *c, jd_time from, jd_time to) {
    if (from >= c->to || to <= from || to < c->from) return;
    size_t first = bucket_of(c, from < c->from ? c->from : from), end = bucket_of(c, to);
    c->open[first]++; /* it stood at the ends of these, but for the one in which it ceased to */
    if (end < c->n) c->open[end]--;
}

static void count(const counting *c, const jd_alert_spell *s) {
    if (s->issued >= c->from && s->issued < c->to && wanted(c, s->steps[0].severity))
        c->raised[bucket_of(c, s->issued)][s->steps[0].severity]++;
    for (size_t i = 0; i < s->steps_n; i++) {
        jd_time to = i + 1 < s->steps_n ? s->steps[i + 1].at : s->cleared;
        if (wanted(c, s->steps[i].severity)) stood(c, s->steps[i].at, to < s->cleared ? to : s->cleared);
    }
}

static int one(void *user, const jd_doc *d) {
    counting *c = user;
    jd_alert_spell *s;
    size_t n;
    jd_arena_reset(&c->one);
    if (jd_alert_course(&c->courses, &c->k->view, d, &c->one, &s, &n, &c->k->err)) return 1;
    for (size_t i = 0; i < n; i++) count(c, &s[i]);
    return 0;
}

static int time_param(api_ask *k, const char *name, jd_time *out) {
    jd_str s = api_param(k, name);
    if (s.p && !jd_time_parse(s, out, NULL)) return 0;
    return api_bad(k, name, "must be a time such as 2026-10-01T08:00:00Z", "须为时间，如 2026-10-01T08:00:00Z");
}

static int buckets(api_ask *k, counting *c) {
    jd_str text = api_param(k, "bucket");
    jd_err ignored = {0};
    if (time_param(k, "from", &c->from) || time_param(k, "to", &c->to)) return -1;
    if (c->to <= c->from) return api_bad(k, "to", "must be later than from", "须晚于 from");
    if (jd_period_parse(text.p ? text : JD_STR("PT1H"), &c->bucket, &ignored) || (!c->bucket.months && !c->bucket.us))
        return api_bad(k, "bucket", "must be a duration such as PT1H", "须为时长，如 PT1H");
    int64_t last = jd_period_of(&c->bucket, c->from, c->to - 1);
    if (last >= BUCKETS_MAX)
        return api_bad(k, "bucket", "is too short: there are at most 1,000 of them", "过短：最多 1,000 段");
    c->n = (size_t)last + 1;
    c->start = JD_NEWN(k->a, jd_time, c->n + 1);
    for (size_t i = 0; i < c->n; i++) c->start[i] = jd_period_start(&c->bucket, c->from, (int64_t)i);
    c->start[c->n] = c->to;
    c->raised = jd_arena_alloc(k->a, c->n * sizeof *c->raised);
    memset(c->raised, 0, c->n * sizeof *c->raised);
    c->open = JD_NEWN(k->a, int64_t, c->n);
    return 0;
}

static void time_member(jd_buf *b, const char *before, jd_time t) {
    char s[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, -1, s);
    jd_buf_z(b, before);
    jd_json_write_str(b, (jd_str){s, n});
}

static void write(const counting *c, jd_str bucket, jd_buf *out) {
    int64_t open = 0;
    time_member(out, "{\"from\":", c->from);
    time_member(out, ",\"to\":", c->to);
    jd_buf_z(out, ",\"bucket\":");
    jd_json_write_str(out, bucket.p ? bucket : JD_STR("PT1H"));
    jd_buf_z(out, ",\"counts\":[");
    for (size_t i = 0; i < c->n; i++) {
        int any = 0;
        time_member(out, i ? ",{\"at\":" : "{\"at\":", c->start[i]);
        jd_buf_z(out, ",\"raised\":{");
        for (int s = 0; s < SEVERITIES; s++)
            if (c->raised[i][s])
                jd_buf_printf(out, "%s\"%s\":%u", any++ ? "," : "", jd_severity_name((jd_severity)s, 0),
                              c->raised[i][s]);
        jd_buf_printf(out, "},\"open\":%lld}", (long long)(open += c->open[i]));
    }
    jd_buf_z(out, "]}");
}

/* GET /api/alerts/histogram?from=&to=&bucket=PT1H[&severity=&pack=&rule=&entity=&category=] */
jd_turn api_alerts_histogram(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* history may be read from the disk */
    counting c = {.k = k};
    if (buckets(k, &c) || api_alert_filter_make(k, &c.filter)) return api_fail(k);
    c.severity = c.filter.value[1]; /* of the time in question, not of now */
    c.filter.value[1] = (jd_str){NULL, 0};
    jd_names names = {k->a, jd_alert_names(k->app->rules), jd_engine_symbols(k->app->engine)};
    jd_typeq *types;
    if (jd_typeq_compile(&names, JD_STR("Alert"), &types, &k->err)) return api_fail(k);
    jd_question q = {.types = types, .also = api_alert_passes, .also_user = &c.filter, .limit = UINT64_MAX};
    jd_alert_courses_begin(k->app->rules, c.from, &c.courses);
    jd_arena_init(&c.one);
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
    int rc = api_alert_sym(k, "Alert") ? jd_view_query(&k->view, &q, &c, one, NULL, NULL, &k->err) : 0;
    jd_arena_fini(&c.one);
    if (rc || k->err.code != JD_E_OK) return api_fail(k);
    write(&c, api_param(k, "bucket"), &r->out);
    return api_json(k);
}
