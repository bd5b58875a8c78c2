/* Subscriptions: clauses 5.8.1-5.8.5; resources 6.10, 6.11. */
#include "http/api_int.h"
#include "told/told.h"

static int no_subscription(api_ask *k) {
    jd_str id = k->r->parts[0];
    return jd_fail(&k->err, JD_E_NOT_FOUND, "there is no subscription %.*s", "没有订阅 %.*s",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

static int bad_id(api_ask *k) {
    jd_str id = k->r->parts[0];
    if (jd_uri_valid(id)) return 0;
    return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the id \"%.*s\" is not a URI", "标识“%.*s”不是 URI",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

typedef struct writing {
    jd_str id, body;
    jd_str context; /* an @context that is written with it; p NULL: none */
    jd_write hosted;
    int created;
} writing;

static void written(jd_job *job) {
    api_ask *k = job->user;
    const writing *w = k->own;
    k->err = job->writes[0].err;
    if (k->err.code != JD_E_OK) {
        if (w->context.p) jd_contexts_drop(k->app->contexts, w->context);
        api_fail(k);
        jd_req_resume(k->r);
        return;
    }
    jd_sub_changed(k->app->told, job->tenant_number, w->id, w->body);
    if (w->created)
        jd_req_add_header(k->r, "Location", jd_arena_printf(k->a, API_ROOT "/subscriptions/%.*s", JD_STR_ARG(w->id)));
    api_done(k, w->created ? 201 : 204);
    jd_req_resume(k->r);
}

static jd_turn write_sub(api_ask *k, const writing *w) {
    writing *kept = JD_NEW(k->a, writing);
    jd_write *one = JD_NEWN(k->a, jd_write, 2);
    *kept = *w;
    k->own = kept;
    one->kind = JD_K_SUBSCRIPTION;
    one->rq.id = w->id;
    one->raw_body = w->body;
    one->if_none_match_any = w->created;
    k->job.writes = one;
    k->job.n = 1;
    if (w->context.p) one[k->job.n++] = w->hosted;
    k->job.atomic = k->job.n > 1;
    k->job.make_tenant = w->created;
    k->job.done = written;
    return api_submit(k);
}

static int exists(api_ask *k, jd_str id, jd_str *body) {
    if (k->tenant_no < 0 || api_view_begin(k)) return 0;
    return jd_view_get_kind(&k->view, JD_K_SUBSCRIPTION, id, body);
}

/* Notifications are written in the @context of the asker, so the subscription says where that is (5.2.12): the URL that
 * the asker named, or an @context that is kept here because of it (5.13.1: implicitly created). */
static int give_context(api_ask *k, writing *w) {
    const jd_jval *source = jd_ctx_source(k->ctx), *only = source;
    jd_jval told = jd_jmake_null();
    jd_str url;
    if (jd_jget(&k->body, "jsonldContext") || (!w->created && !jd_jget(&k->body, "q"))) return 0;
    if (source->type == JD_JARR && source->n == 1) only = &source->items[0];
    if (only->type == JD_JSTR) {
        told = *only;
    } else if (source->type == JD_JARR || source->type == JD_JOBJ) {
        if (api_context_implicit(k, source, &url, &w->context, &w->hosted)) return -1;
        told = jd_jmake_str(url);
    } else if (w->created) {
        return 0;
    }
    jd_jmember *all = JD_NEWN(k->a, jd_jmember, k->body.n + 1);
    if (k->body.n) memcpy(all, k->body.members, k->body.n * sizeof *all);
    all[k->body.n] = (jd_jmember){.name = JD_STR("jsonldContext"), .val = told};
    k->body.members = all;
    k->body.n++;
    return 0;
}

static jd_turn check_and_write(api_ask *k, writing *w, jd_str old) {
    if (give_context(k, w)) return api_fail(k);
    if (!jd_sub_check(k->app->told, &k->body, k->ctx, old, jd_now(), k->a, &w->id, &w->body, &k->err)) {
        w->id = jd_arena_dup(k->a, w->id);
        if (!w->created || !exists(k, w->id, &old)) return write_sub(k, w);
        jd_fail(&k->err, JD_E_ALREADY_EXISTS, "subscription %.*s exists", "订阅 %.*s 已存在", JD_STR_ARG(w->id));
    }
    if (w->context.p) jd_contexts_drop(k->app->contexts, w->context);
    return api_fail(k);
}

/* POST /subscriptions (5.8.1): 201; 409 when the id is taken. */
jd_turn api_sub_create(jd_req *r) {
    jd_turn turn;
    writing w = {.created = 1};
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* jsonldContext may have to be fetched */
    return check_and_write(k, &w, (jd_str){NULL, 0});
}

/* PATCH /subscriptions/{id} (5.8.2) */
jd_turn api_sub_patch(jd_req *r) {
    jd_turn turn;
    writing w = {.created = 0};
    jd_str old;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_PATCH, &turn);
    if (!k) return turn;
    if (bad_id(k)) return api_fail(k);
    if (!r->may_block) return api_wait(k);
    if (!exists(k, r->parts[0], &old)) return no_subscription(k), api_fail(k);
    const jd_jval *id = jd_jget(&k->body, "id");
    if (id && !(id->type == JD_JSTR && jd_str_eq(jd_jstr(id), r->parts[0]))) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the id of a subscription cannot be changed", "不能更改订阅的标识");
        return api_fail(k);
    }
    return check_and_write(k, &w, old);
}

/* DELETE /subscriptions/{id} (5.8.5) */
jd_turn api_sub_delete(jd_req *r) {
    jd_turn turn;
    jd_str old;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    if (bad_id(k)) return api_fail(k);
    if (!exists(k, r->parts[0], &old)) return no_subscription(k), api_fail(k);
    writing w = {.id = r->parts[0]};
    return write_sub(k, &w);
}

static void render(api_ask *k, jd_str id, jd_str body, jd_buf *out) {
    jd_sub_render(k->app->told, k->tenant_no, id, body, k->ctx, k->sys_attrs, k->a, out);
}

/* GET /subscriptions/{id} (5.8.3) */
jd_turn api_sub_get(jd_req *r) {
    jd_turn turn;
    jd_str body;
    api_ask *k = api_begin(r, API_READ | API_O_SYSATTRS, &turn);
    if (!k) return turn;
    if (bad_id(k)) return api_fail(k);
    if (!exists(k, r->parts[0], &body)) return no_subscription(k), api_fail(k);
    render(k, r->parts[0], body, &r->out);
    if (k->accept == API_LDJSON) {
        r->out.n--;
        api_context_member(k, &r->out);
        jd_buf_c(&r->out, '}');
    }
    return api_answer(k, 200);
}

typedef struct listing {
    api_ask *k;
    uint64_t n, offset, limit;
} listing;

static void list_one(void *user, jd_str id, jd_str body) {
    listing *l = user;
    uint64_t at = l->n++;
    jd_buf *out = &l->k->r->out;
    if (at < l->offset || at >= l->offset + l->limit) return;
    if (at > l->offset) jd_buf_c(out, ',');
    size_t before = out->n;
    render(l->k, id, body, out);
    if (l->k->accept == API_LDJSON && out->n > before) {
        out->n--;
        api_context_member(l->k, out);
        jd_buf_c(out, '}');
    }
}

/* GET /subscriptions (5.8.4) */
jd_turn api_subs_list(jd_req *r) {
    jd_turn turn;
    api_select s = {0};
    api_ask *k = api_begin(r, API_READ | API_O_SYSATTRS, &turn);
    if (!k) return turn;
    if (api_paging(k, &s) || api_view_begin(k)) return api_fail(k);
    if (k->accept == API_LDJSON) s.page_type = "application/ld+json";
    listing l = {.k = k, .offset = s.offset, .limit = s.limit};
    jd_buf_c(&r->out, '[');
    jd_view_each_kind(&k->view, JD_K_SUBSCRIPTION, &l, list_one);
    jd_buf_c(&r->out, ']');
    api_page_links(k, &s, l.n > s.offset + s.limit, l.n);
    return api_answer(k, 200);
}

/* GET /api/subscriptions/{id}/explain?entity=: would it tell of that entity, and if not, which condition fails? */
jd_turn api_sub_explain(jd_req *r) {
    jd_turn turn;
    jd_str body, entity;
    jd_doc d;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    if (!exists(k, r->parts[0], &body)) return no_subscription(k), api_fail(k);
    entity = api_param(k, "entity");
    if (!entity.n) return api_bad(k, "entity", "is needed: the id of an entity", "须给出：实体的标识"), api_fail(k);
    if (!jd_view_get(&k->view, entity, &d)) {
        jd_fail(&k->err, JD_E_NOT_FOUND, "entity %.*s does not exist", "实体 %.*s 不存在", JD_STR_ARG(entity));
        return api_fail(k);
    }
    jd_sub_explain(k->app->told, k->tenant_no, r->parts[0], &d, r->zh, &r->out);
    return api_json(k);
}

/* GET /api/subscriptions/{id}/attempts: what became of the last tries, what waits, dead letters. */
jd_turn api_sub_attempts(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    if (!jd_sub_attempts(k->app->told, k->tenant_no, r->parts[0], &r->out)) return no_subscription(k), api_fail(k);
    return api_json(k);
}

/* POST /api/subscriptions/{id}/resend: dead letters go back into the queue. */
jd_turn api_sub_resend(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    int64_t n = jd_sub_resend(k->app->told, k->tenant_no, r->parts[0]);
    if (n < 0) return no_subscription(k), api_fail(k);
    jd_buf_printf(&r->out, "{\"resent\":%lld}", (long long)n);
    return api_json(k);
}

/* POST /api/subscriptions/{id}/replay?since=: tells of all that it selects and that changed since then, as it is now.
 */
jd_turn api_sub_replay(jd_req *r) {
    jd_turn turn;
    jd_str body, text;
    jd_time since;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    text = api_param(k, "since");
    if (!text.p || jd_time_parse(text, &since, NULL)) {
        api_bad(k, "since", "must be a DateTime in UTC, with Z: 2026-10-01T00:00:00Z",
                "须为 UTC 时刻，以 Z 结尾：2026-10-01T00:00:00Z");
        return api_fail(k);
    }
    if (!exists(k, r->parts[0], &body)) return no_subscription(k), api_fail(k);
    if (!r->may_block) return api_wait(k);
    int64_t n = jd_sub_replay(k->app->told, k->tenant_no, r->parts[0], since, &k->err);
    if (n < 0) return k->err.code == JD_E_OK ? (no_subscription(k), api_fail(k)) : api_fail(k);
    jd_buf_printf(&r->out, "{\"entities\":%lld}", (long long)n);
    return api_json(k);
}

/* POST /api/subscriptions/dry-run: is it well formed, and of which entities would it tell? Nothing is kept. */
jd_turn api_sub_dry_run(jd_req *r) {
    jd_turn turn;
    jd_str id, body;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (jd_sub_check(k->app->told, &k->body, k->ctx, (jd_str){NULL, 0}, jd_now(), k->a, &id, &body, &k->err) ||
        jd_sub_dry_run(k->app->told, k->tenant_no, id, body, k->a, &r->out, &k->err)) {
        r->out.n = 0;
        return api_fail(k);
    }
    r->out.n--; /* its closing brace */
    jd_buf_z(&r->out, ",\"ignored\":");
    jd_sub_ignored(&k->body, &r->out);
    jd_buf_c(&r->out, '}');
    return api_json(k);
}
