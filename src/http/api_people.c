/* Jindu's own API for messages to people (docs/people.md): contacts, rosters, channels, messages. */
#include "http/api_int.h"
#include "people/people.h"

#include <stdlib.h>

static api_ask *begin(jd_req *r, unsigned needs, jd_turn *turn) {
    api_ask *k = api_begin(r, needs | API_ANY_TENANT, turn);
    if (!k || !k->tenant.n) return k;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "people and messages are kept without a tenant", "联系人与消息不属于租户");
    *turn = api_fail(k);
    return NULL;
}

static void default_view(api_ask *k) {
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
}

static jd_turn not_there(api_ask *k, const char *en, const char *zh) {
    jd_str id = k->r->parts[0];
    jd_fail(&k->err, JD_E_NOT_FOUND, "there is no %s%.0s %.*s", "没有%.0s%s %.*s", en, zh,
            (int)(id.n > 100 ? 100 : id.n), id.p);
    return api_fail(k);
}

/* ---- declarations: the same for all three kinds ---- */

typedef struct declaring {
    jd_people_kind kind;
    jd_str body;
} declaring;

static const char *const kind_en[] = {"contact", "roster", "channel"};

static jd_turn no_declaration(api_ask *k, jd_people_kind kind) {
    static const char *const kind_zh[] = {"联系人", "值班表", "渠道"};
    jd_str id = k->r->parts[0];
    int n = (int)(id.n > 100 ? 100 : id.n);
    jd_fail(&k->err, JD_E_NOT_FOUND, "there is no %s%.0s %.*s", "没有%.0s%s %.*s", kind_en[kind], kind_zh[kind], n,
            id.p);
    return api_fail(k);
}

static void declared(jd_job *job) {
    api_ask *k = job->user;
    const declaring *d = k->own;
    const jd_write *w = &job->writes[0];
    k->err = w->err;
    if (w->err.code != JD_E_OK) {
        api_fail(k);
    } else {
        jd_people_changed(k->app->people, d->kind, k->r->parts[0], d->body);
        api_done(k, w->applied.created ? 201 : 204);
    }
    jd_req_resume(k->r);
}

static jd_turn declare(api_ask *k, jd_people_kind kind, jd_str body) {
    declaring *d = JD_NEW(k->a, declaring);
    *d = (declaring){kind, body};
    jd_write *w = JD_NEW(k->a, jd_write);
    w->kind = jd_people_dkind(kind);
    w->rq.id = k->r->parts[0];
    w->raw_body = body;
    k->own = d;
    k->job.writes = w;
    k->job.n = 1;
    k->job.done = declared;
    return api_submit(k);
}

static jd_turn put(jd_req *r, jd_people_kind kind) {
    jd_turn turn;
    jd_str body;
    api_ask *k = begin(r, API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    if (api_may_administer(k) || jd_people_check(k->app->people, kind, r->parts[0], &k->body, k->a, &body, &k->err))
        return api_fail(k);
    return declare(k, kind, body);
}

static jd_turn drop(jd_req *r, jd_people_kind kind) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (api_may_administer(k) || jd_people_may_go(k->app->people, kind, r->parts[0], &k->err)) return api_fail(k);
    return declare(k, kind, (jd_str){NULL, 0});
}

static jd_turn get(jd_req *r, jd_people_kind kind) {
    jd_turn turn;
    jd_str body;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    default_view(k);
    if (!jd_view_get_kind(&k->view, jd_people_dkind(kind), r->parts[0], &body)) return no_declaration(k, kind);
    jd_people_show(kind, r->parts[0], body, k->a, &r->out);
    return api_json(k);
}

typedef struct listing {
    api_ask *k;
    jd_people_kind kind;
    uint64_t n, offset, limit;
    jd_message_filter filter;
    struct found {
        jd_str id, body;
    } * found;
    size_t found_n, found_cap;
} listing;

static void list_one(void *user, jd_str id, jd_str body) {
    listing *l = user;
    uint64_t at = l->n++;
    if (at < l->offset || at >= l->offset + l->limit) return;
    if (at > l->offset) jd_buf_c(&l->k->r->out, ',');
    jd_people_show(l->kind, id, body, l->k->a, &l->k->r->out);
}

static int page(api_ask *k, listing *l) {
    l->k = k;
    return api_number(k, "limit", k->app->limit_max, k->app->limit_max, &l->limit) ||
           api_number(k, "offset", 0, UINT32_MAX, &l->offset);
}

static void results_count(api_ask *k, uint64_t n) {
    jd_req_add_header(k->r, "NGSILD-Results-Count", jd_arena_printf(k->a, "%llu", (unsigned long long)n));
}

static jd_turn list(jd_req *r, jd_people_kind kind) {
    jd_turn turn;
    listing l = {.kind = kind};
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (page(k, &l)) return api_fail(k);
    default_view(k);
    jd_buf_c(&r->out, '[');
    jd_view_each_kind(&k->view, jd_people_dkind(kind), &l, list_one);
    jd_buf_c(&r->out, ']');
    results_count(k, l.n);
    return api_json(k);
}

#define KIND(name, NAME)                     \
    jd_turn api_##name##_put(jd_req *r) {    \
        return put(r, JD_PEOPLE_##NAME);     \
    }                                        \
    jd_turn api_##name##_delete(jd_req *r) { \
        return drop(r, JD_PEOPLE_##NAME);    \
    }                                        \
    jd_turn api_##name##_get(jd_req *r) {    \
        return get(r, JD_PEOPLE_##NAME);     \
    }                                        \
    jd_turn api_##name##s_list(jd_req *r) {  \
        return list(r, JD_PEOPLE_##NAME);    \
    }
KIND(contact, CONTACT)
KIND(roster, ROSTER)
KIND(channel, CHANNEL)

static int instant(api_ask *k, const char *name, jd_time absent, jd_time *out) {
    jd_str s = api_param(k, name);
    *out = absent;
    if (!s.p || !jd_time_parse(s, out, NULL)) return 0;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s must be a time such as 2026-10-01T08:00:00Z",
            "%s 须为时刻，如 2026-10-01T08:00:00Z", name);
    return jd_fail_at(&k->err, "%s", name);
}

/* GET /api/rosters/{id}/duty?at=: who is on duty, now or then. */
jd_turn api_roster_duty(jd_req *r) {
    jd_turn turn;
    jd_time at;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (instant(k, "at", jd_now(), &at)) return api_fail(k);
    if (!jd_people_duty(k->app->people, r->parts[0], at, &r->out)) return no_declaration(k, JD_PEOPLE_ROSTER);
    return api_json(k);
}

static void tried(void *user, const jd_err *err, jd_str answer) {
    api_ask *k = user;
    k->err = *err;
    if (err->code != JD_E_OK) {
        api_fail(k);
    } else {
        jd_buf_z(&k->r->out, "{\"ok\":true,\"answer\":");
        jd_json_write_str(&k->r->out, answer);
        jd_buf_c(&k->r->out, '}');
        api_json(k);
    }
    jd_req_resume(k->r);
}

/* POST /api/channels/{id}/test {"address": ..., "text": ...}: 200 when the far end took it, else 409 with what it said.
 */
jd_turn api_channel_test(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    const jd_jval *address = jd_jget(&k->body, "address"), *text = jd_jget(&k->body, "text");
    if (api_may_administer(k)) return api_fail(k);
    int bad_address = !address || address->type != JD_JSTR || !address->n || address->n > 300;
    for (uint32_t i = 0; !bad_address && i < address->n; i++) bad_address = (unsigned char)address->s[i] <= ' ';
    if (bad_address)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "address must be where the test goes",
                       "address 须为测试送达的地址"),
               jd_fail_at(&k->err, "address"), api_fail(k);
    if (text && (text->type != JD_JSTR || text->n > 4000))
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "text must be a text, not too long", "text 须为文本且不能过长"),
               jd_fail_at(&k->err, "text"), api_fail(k);
    jd_str none = {NULL, 0};
    if (jd_people_try(k->app->people, r->parts[0], jd_jstr(address), text ? jd_jstr(text) : none, k, tried, &k->err))
        return api_fail(k);
    return JD_LATER;
}

/* ---- messages ---- */

typedef struct posting {
    jd_ticket ticket;
    int single;
    jd_str id; /* of a single one */
    int joined;
    uint64_t created_n, joined_n, failed_n;
    jd_buf ids, errors; /* of many: JSON without brackets */
    jd_strmap seen;
} posting;

static void posting_fini(posting *p) {
    jd_buf_fini(&p->ids);
    jd_buf_fini(&p->errors);
    jd_strmap_fini(&p->seen);
}

static void answer_many(api_ask *k, const posting *p) {
    jd_buf *out = &k->r->out;
    jd_buf_printf(out, "{\"created\":%llu,\"joined\":%llu,\"ids\":[%.*s],\"errors\":[%.*s]}",
                  (unsigned long long)p->created_n, (unsigned long long)p->joined_n, (int)p->ids.n,
                  p->ids.n ? p->ids.p : "", (int)p->errors.n, p->errors.n ? p->errors.p : "");
    k->r->type = "application/json";
    int none = !p->created_n && !p->joined_n;
    api_done(k, p->failed_n ? (none ? 400 : 207) : p->created_n || none ? 201 : 200);
}

static void kept(jd_ticket *t) {
    api_ask *k = t->user;
    posting *p = k->own;
    jd_req *r = k->r;
    if (t->err.code != JD_E_OK) {
        k->err = t->err;
        r->out.n = 0;
        api_fail(k);
    } else if (p->single) {
        jd_req_add_header(r, "Location", jd_arena_printf(k->a, "/api/messages/%.*s", JD_STR_ARG(p->id)));
        jd_buf_printf(&r->out, "{\"id\":\"%.*s\",\"joined\":%s}", JD_STR_ARG(p->id), p->joined ? "true" : "false");
        r->type = "application/json";
        api_done(k, p->joined ? 200 : 201);
    } else {
        answer_many(k, p);
    }
    posting_fini(p);
    jd_req_resume(r);
}

static int tell_one(api_ask *k, posting *p, const jd_jval *v, jd_err *err) {
    jd_telling t;
    jd_arena_mark mark = jd_arena_tell(k->a);
    if (jd_telling_parse(v, k->a, &t, err) ||
        jd_people_tell(k->app->people, &t, &p->ticket, k->a, &p->id, &p->joined, err)) {
        jd_arena_rewind(k->a, mark);
        return -1;
    }
    *(p->joined ? &p->joined_n : &p->created_n) += 1;
    if (p->single) return 0;
    uint32_t n = p->seen.n;
    if (jd_strmap_add(&p->seen, p->id, n) == n && p->seen.n > n) {
        if (p->ids.n) jd_buf_c(&p->ids, ',');
        jd_json_write_str(&p->ids, p->id);
    }
    jd_arena_rewind(k->a, mark);
    return 0;
}

static void tell_many(api_ask *k, posting *p) {
    for (uint32_t i = 0; i < k->body.n; i++) {
        jd_err err = {0};
        if (!tell_one(k, p, &k->body.items[i], &err)) continue;
        p->failed_n++;
        if (p->errors.n) jd_buf_c(&p->errors, ',');
        jd_buf_printf(&p->errors, "{\"index\":%u,\"error\":", i);
        api_problem(k, &p->errors, &err);
        jd_buf_c(&p->errors, '}');
    }
}

/* POST /api/messages: one, or a list. 201 once it is kept that they are to be told; 200 when all joined ones that were
 * there. Of a list: 207 when some were refused. */
jd_turn api_messages_post(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, API_BODY | API_OBJECT | API_LIST, &turn);
    if (!k) return turn;
    if (api_may_administer(k)) return api_fail(k);
    if (k->body.type == JD_JARR && k->body.n > k->app->batch_max) {
        jd_fail(&k->err, JD_E_TOO_LARGE, "a list may have at most %u messages", "一次最多 %u 条消息",
                k->app->batch_max);
        return api_fail(k);
    }
    posting *p = JD_NEW(k->a, posting);
    k->own = p;
    p->single = k->body.type == JD_JOBJ;
    jd_strmap_init(&p->seen);
    jd_ticket_begin(&p->ticket, kept, k);
    if (p->single) {
        if (tell_one(k, p, &k->body, &k->err)) {
            posting_fini(p);
            return api_fail(k);
        }
    } else {
        tell_many(k, p);
    }
    jd_ticket_end(k->app->people, &p->ticket); /* from here on the answer may be on its way */
    return JD_LATER;
}

static void find_one(void *user, jd_str id, jd_str body) {
    listing *l = user;
    jd_arena_mark mark = jd_arena_tell(l->k->a);
    int matches = jd_message_matches(&l->filter, body, l->k->a);
    jd_arena_rewind(l->k->a, mark);
    if (!matches) return;
    if (l->found_n == l->found_cap) {
        l->found_cap = l->found_cap ? l->found_cap * 2 : 256;
        l->found = realloc(l->found, l->found_cap * sizeof *l->found);
        if (!l->found) abort();
    }
    l->found[l->found_n++] = (struct found){id, body};
}

static void show_message(api_ask *k, jd_str id, jd_str body) {
    jd_buf *out = &k->r->out;
    jd_buf_z(out, "{\"id\":");
    jd_json_write_str(out, id);
    size_t at = out->n;
    jd_message_show(body, k->a, out);
    out->p[at] = ','; /* its opening brace */
}

/* GET /api/messages?state=&severity=&contact=&group=&since=&limit=&offset=: the newest first. */
jd_turn api_messages_list(jd_req *r) {
    jd_turn turn;
    listing l = {0};
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    l.filter = (jd_message_filter){.state = api_param(k, "state"),
                                   .severity = api_param(k, "severity"),
                                   .contact = api_param(k, "contact"),
                                   .group = api_param(k, "group")};
    if (page(k, &l) || instant(k, "since", JD_TIME_NONE, &l.filter.since)) return api_fail(k);
    default_view(k);
    jd_view_each_kind(&k->view, JD_K_MESSAGE, &l, find_one);
    jd_buf_c(&r->out, '[');
    for (uint64_t i = l.offset; i < l.found_n && i < l.offset + l.limit; i++) {
        const struct found *f = &l.found[l.found_n - 1 - i];
        if (i > l.offset) jd_buf_c(&r->out, ',');
        show_message(k, f->id, f->body);
    }
    jd_buf_c(&r->out, ']');
    results_count(k, l.found_n);
    free(l.found);
    return api_json(k);
}

jd_turn api_message_get(jd_req *r) {
    jd_turn turn;
    jd_str body;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    default_view(k);
    if (!jd_view_get_kind(&k->view, JD_K_MESSAGE, r->parts[0], &body)) return not_there(k, "message", "消息");
    show_message(k, r->parts[0], body);
    return api_json(k);
}

static jd_turn html(api_ask *k) {
    k->r->type = "text/html; charset=utf-8";
    jd_req_add_header(k->r, "Content-Security-Policy", JD_STR("default-src 'none'; form-action 'self'"));
    jd_req_add_header(k->r, "Cache-Control", JD_STR("no-store"));
    return api_done(k, 200);
}

/* GET /api/messages/{id}/link?by=&key=: where the link in a message leads. */
jd_turn api_message_link(jd_req *r) {
    jd_turn turn;
    jd_str body;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    default_view(k);
    if (!jd_view_get_kind(&k->view, JD_K_MESSAGE, r->parts[0], &body) ||
        !jd_message_page(body, api_param(k, "by"), api_param(k, "key"), k->a, &r->out))
        return not_there(k, "such link of message", "链接");
    return html(k);
}

static void is_read(jd_ticket *t) {
    api_ask *k = t->user;
    k->err = t->err;
    if (t->err.code != JD_E_OK) {
        api_fail(k);
    } else if (api_param(k, "key").p) {
        jd_buf_z(&k->r->out, "<!doctype html><html><head><meta charset=\"utf-8\"><title>津渡 Jindu</title></head><body>"
                             "<p>已读，谢谢。</p><p>Read. Thank you.</p></body></html>\n");
        html(k);
    } else {
        api_done(k, 204);
    }
    jd_req_resume(k->r);
}

/* POST /api/messages/{id}/read?by=: 204 once it is kept that it was read. With the key of the link it is a person. */
jd_turn api_message_read(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_str key = api_param(k, "key"), by = api_param(k, "by");
    if (!key.p && api_may_administer(k)) return api_fail(k);
    jd_ticket *t = JD_NEW(k->a, jd_ticket);
    jd_ticket_begin(t, is_read, k);
    if (jd_people_read(k->app->people, r->parts[0], by, key, t, &k->err)) return api_fail(k);
    jd_ticket_end(k->app->people, t);
    return JD_LATER;
}
