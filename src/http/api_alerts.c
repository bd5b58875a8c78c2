/* Jindu's own API for alerts (docs/packs.md): those that rules raised, and what people do with them. Alerts are
 * entities, so all of NGSI-LD works on them too; here they are shown in their own names and in the order in which they
 * matter. */
#include "http/api_int.h"
#include "rule/rule.h"

#include <stdlib.h>

static const char *const filters[] = {"status", "severity", "pack", "rule", "entity", "category"};
enum { EITHER, SILENT, NOT_SILENT };
static const char *const names[] = {"status", "severity", "pack", "rule", "alertSource", "category"};

typedef struct filtering {
    api_ask *k;
    api_alert_filter filter;
    jd_render render;
    api_select page;
    uint64_t n;
    int more;
} filtering;

int api_one_of(jd_str list, jd_str s) {
    for (const char *p = list.p, *end = list.p + list.n; p <= end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        if (jd_str_eq((jd_str){p, (size_t)(stop - p)}, s)) return 1;
        p = stop + 1;
    }
    return 0;
}

int api_alert_passes(void *user, const jd_doc *d) {
    const api_alert_filter *f = user;
    jd_attrview until;
    if (f->silent && (f->silenced && jd_doc_attr(d, f->silenced, &until, NULL)) != (f->silent == SILENT)) return 0;
    for (int i = 0; i < API_ALERT_FILTERS; i++) {
        jd_attrview v;
        char scratch[JD_TIME_TEXT_MAX];
        if (!f->value[i].p) continue;
        if (!f->attr[i] || !jd_doc_attr(d, f->attr[i], &v, NULL)) return 0;
        jd_ntype t = jd_node_type(v.value);
        if (t != JD_N_STR && t != JD_N_IRI && t != JD_N_TIME) return 0;
        if (!api_one_of(f->value[i], jd_node_text(v.value, f->symbols, scratch))) return 0;
    }
    return 1;
}

static int show(void *user, const jd_doc *d) {
    filtering *f = user;
    if (f->n == f->page.limit) {
        f->more = 1;
        return 0; /* not 1: the rest may have to be counted */
    }
    if (f->n++) jd_buf_c(&f->k->r->out, ',');
    jd_render_entity(&f->render, d, &f->k->r->out);
    return 0;
}

jd_sym api_alert_sym(const api_ask *k, const char *name) {
    jd_str iri = jd_ctx_expand(jd_alert_names(k->app->rules), k->a, jd_str_of(name));
    return iri.p ? jd_sym_find(jd_engine_symbols(k->app->engine), iri) : 0;
}

static jd_render form(const api_ask *k) {
    return (jd_render){.ctx = jd_alert_names(k->app->rules),
                       .symbols = jd_engine_symbols(k->app->engine),
                       .format = JD_SIMPLIFIED,
                       .arena = k->a};
}

/* 0, -1, or 1: there are so many that a worker is to look. */
static int find(api_ask *k, filtering *f, uint64_t *total) {
    jd_names n = {k->a, jd_alert_names(k->app->rules), jd_engine_symbols(k->app->engine)};
    jd_typeq *types;
    jd_order *order;
    if (jd_typeq_compile(&n, JD_STR("Alert"), &types, &k->err) ||
        jd_order_compile(&n, JD_STR("level,dateIssued;desc"), (jd_str){NULL, 0}, &order, &k->err))
        return -1;
    jd_question q = {.types = types,
                     .order = order,
                     .also = api_alert_passes,
                     .also_user = &f->filter,
                     .offset = f->page.offset,
                     .limit = f->page.limit ? f->page.limit + 1 : 0, /* one more tells whether there is a next page */
                     .count = f->page.count};
    int rc = 1;
    if (k->r->may_block || jd_view_estimate(&k->view, &q) <= k->app->fast_max)
        rc = jd_view_query(&k->view, &q, f, show, total, NULL, &k->err);
    jd_order_fini(order);
    return rc;
}

static const char *const states[] = {"open", "acknowledged", "cleared"};
static const char *const severities[] = {"red", "orange", "yellow", "blue", "info"};

/* Each of the words of a parameter is one of those. */
static int words_known(api_ask *k, const char *name, const char *const *known, size_t n) {
    jd_str *part, list = api_param(k, name);
    size_t parts = 0;
    if (!list.p) return 0;
    int bad = api_split(k->a, list, &part, &parts);
    for (size_t i = 0; i < parts && !bad; i++) {
        size_t j = 0;
        while (j < n && !jd_str_is(part[i], known[j])) j++;
        bad = j == n;
    }
    return bad ? api_bad(k, name, "has a word that is none of those of alerts", "含有告警所没有的取值") : 0;
}

int api_alert_filter_make(api_ask *k, api_alert_filter *f) {
    int silenced;
    *f =
        (api_alert_filter){.symbols = jd_engine_symbols(k->app->engine), .silenced = api_alert_sym(k, "silencedUntil")};
    if (api_bool(k, "silenced", &silenced) || words_known(k, "status", states, sizeof states / sizeof *states) ||
        words_known(k, "severity", severities, sizeof severities / sizeof *severities))
        return -1;
    if (api_param(k, "silenced").p) f->silent = silenced ? SILENT : NOT_SILENT;
    for (int i = 0; i < API_ALERT_FILTERS; i++) {
        f->value[i] = api_param(k, filters[i]);
        f->attr[i] = api_alert_sym(k, names[i]);
    }
    return 0;
}

/* GET /api/alerts?status=&severity=&pack=&rule=&entity=&category=&silenced=&limit=&offset=&count=: the worst first,
 * then the newest. How many there are is told unless count is false. */
jd_turn api_alerts_list(jd_req *r) {
    jd_turn turn;
    uint64_t total = 0;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    filtering f = {.k = k, .render = form(k)};
    if (api_number(k, "limit", 100, k->app->limit_max, &f.page.limit) ||
        api_number(k, "offset", 0, UINT32_MAX, &f.page.offset) || api_bool(k, "count", &f.page.count) ||
        api_alert_filter_make(k, &f.filter))
        return api_fail(k);
    if (!api_param(k, "count").p) f.page.count = 1;
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
    jd_buf_c(&r->out, '[');
    int rc = api_alert_sym(k, "Alert") ? find(k, &f, &total) : 0;
    if (rc) return rc > 0 ? api_wait(k) : api_fail(k);
    jd_buf_c(&r->out, ']');
    api_page_links(k, &f.page, f.more, total);
    return api_json(k);
}

static int open_alert(api_ask *k, jd_doc *d) {
    jd_sym type = api_alert_sym(k, "Alert");
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
    if (type && jd_view_get(&k->view, k->r->parts[0], d) && jd_doc_has_type(d, type)) return 1;
    jd_fail(&k->err, JD_E_NOT_FOUND, "there is no alert %.*s", "没有告警 %.*s",
            (int)(k->r->parts[0].n > 200 ? 200 : k->r->parts[0].n), k->r->parts[0].p);
    return 0;
}

jd_turn api_alert_get(jd_req *r) {
    jd_turn turn;
    jd_doc d;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!open_alert(k, &d)) return api_fail(k);
    jd_render f = form(k);
    jd_render_entity(&f, &d, &r->out);
    return api_json(k);
}

static void acted(jd_alert_ticket *t) {
    api_ask *k = t->user;
    k->err = t->err;
    if (t->err.code != JD_E_OK)
        api_fail(k);
    else
        api_done(k, 204);
    jd_req_resume(k->r);
}

static int word(api_ask *k, const char *name, size_t max, int needed, jd_str *out) {
    const jd_jval *v = jd_jget(&k->body, name);
    *out = (jd_str){NULL, 0};
    if (!v && !needed) return 0;
    if (!v || v->type != JD_JSTR || !v->n || v->n > max)
        return api_bad(k, name, needed ? "must be a text, and be there" : "must be a text, not too long",
                       needed ? "须为文本且必须给出" : "须为文本且不能过长");
    *out = jd_jstr(v);
    return 0;
}

static int members_known(api_ask *k, const char *const *known, size_t known_n) {
    for (uint32_t i = 0; i < k->body.n; i++) {
        jd_str n = k->body.members[i].name;
        size_t at = 0;
        while (at < known_n && !jd_str_is(n, known[at])) at++;
        if (at == known_n)
            return api_bad(k, jd_arena_printf(k->a, "%.*s", (int)(n.n > 60 ? 60 : n.n), n.p).p, "is not known here",
                           "不是这里的成员");
    }
    return 0;
}

static jd_turn act(jd_req *r, jd_alert_act what) {
    jd_turn turn;
    static const char *const known[] = {"by", "comment"};
    api_ask *k = api_begin(r, API_ANY_TENANT | API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    jd_alert_ticket *t = JD_NEW(k->a, jd_alert_ticket);
    *t = (jd_alert_ticket){.id = r->parts[0], .act = what, .done = acted, .user = k};
    if (members_known(k, known, 2) || word(k, "by", 200, 1, &t->by) ||
        word(k, "comment", 2000, what == JD_ALERT_COMMENT, &t->comment))
        return api_fail(k);
    jd_alert_act_on(k->app->rules, t);
    return JD_LATER;
}

jd_turn api_alert_acknowledge(jd_req *r) {
    return act(r, JD_ALERT_ACK);
}
jd_turn api_alert_comment(jd_req *r) {
    return act(r, JD_ALERT_COMMENT);
}
jd_turn api_alert_clear(jd_req *r) {
    return act(r, JD_ALERT_CLEAR);
}

/* POST /api/alerts/{id}/silence {"by", "reason", "until"}: it stays, and is judged; nobody is told of it until then. */
jd_turn api_alert_silence(jd_req *r) {
    jd_turn turn;
    jd_str until;
    static const char *const known[] = {"by", "reason", "until"};
    api_ask *k = api_begin(r, API_ANY_TENANT | API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    jd_alert_ticket *t = JD_NEW(k->a, jd_alert_ticket);
    *t = (jd_alert_ticket){.id = r->parts[0], .act = JD_ALERT_SILENCE, .done = acted, .user = k};
    if (members_known(k, known, 3) || word(k, "by", 200, 1, &t->by) || word(k, "reason", 2000, 1, &t->comment) ||
        word(k, "until", 40, 1, &until))
        return api_fail(k);
    if (jd_time_parse(until, &t->until, NULL)) {
        api_bad(k, "until", "must be a time such as 2026-10-01T08:00:00Z", "须为时间，如 2026-10-01T08:00:00Z");
        return api_fail(k);
    }
    jd_alert_act_on(k->app->rules, t);
    return JD_LATER;
}

/* DELETE /api/alerts/{id}/silence?by=: what was held back meanwhile is told. */
jd_turn api_alert_unsilence(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_alert_ticket *t = JD_NEW(k->a, jd_alert_ticket);
    *t = (jd_alert_ticket){.id = r->parts[0], .act = JD_ALERT_UNSILENCE, .done = acted, .user = k};
    t->by = api_param(k, "by");
    if (!t->by.n || t->by.n > 200) {
        api_bad(k, "by", "must say who, in at most 200 bytes", "须说明是谁，最多 200 字节");
        return api_fail(k);
    }
    jd_alert_act_on(k->app->rules, t);
    return JD_LATER;
}

/* GET /api/alerts/context.jsonld: the names of alerts, for questions in NGSI-LD. */
jd_turn api_alerts_context(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_buf_z(&r->out, "{\"@context\":");
    jd_buf_str(&r->out, jd_alert_names_text());
    jd_buf_c(&r->out, '}');
    return api_json(k);
}

/* ---- the Common Alerting Protocol 1.2 ---- */

/* A sender has no blanks, commas, '<' and '&' (CAP 3.2.1): the name that this source gives itself. */
static jd_str cap_sender(const api_ask *k) {
    jd_str s = k->app->alias.n ? k->app->alias : k->app->base_url;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',' || s.p[i] == '<' || s.p[i] == '&' || (unsigned char)s.p[i] <= ' ') return JD_STR("jindu");
    return s;
}

/* GET /api/alerts/{id}/cap: the alert as it stands; once it is cleared, the message that cancels it. */
jd_turn api_alert_cap_get(jd_req *r) {
    jd_turn turn;
    jd_doc d;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!open_alert(k, &d)) return api_fail(k);
    jd_alert_to_cap(k->app->rules, &d, cap_sender(k), k->a, &r->out);
    r->type = "application/cap+xml";
    return api_done(k, 200);
}

static void cap_taken(jd_job *job) {
    api_ask *k = job->user;
    const jd_str *id = k->own;
    for (size_t i = 0; i < job->n && k->err.code == JD_E_OK; i++) k->err = job->writes[i].err;
    if (k->err.code != JD_E_OK) {
        api_fail(k);
    } else {
        jd_buf_z(&k->r->out, "{\"id\":");
        jd_json_write_str(&k->r->out, *id);
        jd_buf_c(&k->r->out, '}');
        k->r->type = "application/json";
        api_done(k, job->writes[job->n - 1].applied.created ? 201 : 200);
    }
    jd_req_resume(k->r);
}

/* POST /api/alerts/cap: a message from elsewhere becomes an alert, or ends those that it refers to. */
jd_turn api_alert_cap_post(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_str *id = JD_NEW(k->a, jd_str);
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
    if (jd_alert_from_cap(k->app->rules, &k->view, r->body.p ? r->body : JD_STR(""), k->a, &k->job.writes, &k->job.n,
                          id, &k->err))
        return api_fail(k);
    jd_view_end(&k->view);
    k->viewing = 0;
    k->own = id;
    k->tenant = (jd_str){"", 0};
    k->job.atomic = 1;
    k->job.done = cap_taken;
    return api_submit(k);
}
