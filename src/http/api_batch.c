/* Batch operations: clauses 5.6.7-5.6.10, 5.6.20; resources 6.14-6.17, 6.31. One job carries all items that could be
 * read; what could not be is an error of its own and stops nobody else. */
#include "engine/history.h"
#include "http/api_int.h"

#include <string.h>

typedef struct batch {
    api_item *items;
    size_t n;
} batch;

static void id_list(jd_buf *b, const api_item *items, size_t n, int created_only) {
    int first = 1;
    jd_buf_c(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (items[i].err || (created_only && !items[i].w->applied.created)) continue;
        if (!first) jd_buf_c(b, ',');
        first = 0;
        jd_json_write_str(b, items[i].id);
    }
    jd_buf_c(b, ']');
}

void api_batch_result(api_ask *k, const api_item *items, size_t n) {
    jd_buf *b = &k->r->out;
    jd_buf_z(b, "{\"success\":");
    id_list(b, items, n, 0);
    jd_buf_z(b, ",\"errors\":[");
    int first = 1;
    for (size_t i = 0; i < n; i++) {
        if (!items[i].err) continue;
        jd_buf_z(b, first ? "{" : ",{");
        first = 0;
        if (items[i].id.p) {
            api_str(b, "entityId", items[i].id);
            jd_buf_c(b, ',');
        }
        jd_buf_z(b, "\"error\":");
        api_problem(k, b, items[i].err);
        jd_buf_c(b, '}');
    }
    jd_buf_z(b, "]}");
    k->r->type = "application/json";
}

/* Errors are large and rare: an item has none of its own until it needs one. */
static void keep_error(api_ask *k, api_item *it, const jd_err *err) {
    jd_err *mine = JD_NEW(k->a, jd_err);
    *mine = *err;
    it->err = mine;
}

/* Which attributes an item left alone: an error of that item, as nothing in 5.2.16 has a place for it. */
static void partly(api_ask *k, api_item *it) {
    const jd_not_updated *u = &it->w->applied.not_updated[0];
    jd_str name = jd_sym_name(jd_engine_symbols(k->app->engine), u->attr);
    jd_err err;
    jd_fail(&err, JD_E_BAD_REQUEST_DATA, "%u attributes were left as they were, among them %.*s: %s",
            "%u 个属性未更新，其中 %.*s：%s", it->w->applied.not_updated_n, (int)(name.n > 150 ? 150 : name.n), name.p,
            u->reason);
    jd_fail_at(&err, "%.*s", (int)(name.n > 150 ? 150 : name.n), name.p);
    keep_error(k, it, &err);
}

static void answer(api_ask *k) {
    batch *b = k->own;
    size_t failed = 0, created = 0;
    for (size_t i = 0; i < b->n; i++) {
        api_item *it = &b->items[i];
        if (it->w && it->w->err.code)
            it->err = &it->w->err;
        else if (it->w && it->w->applied.not_updated_n)
            partly(k, it);
        failed += it->err != NULL;
        created += !it->err && it->w->applied.created;
    }
    if (failed) {
        api_batch_result(k, b->items, b->n);
        api_done(k, 207);
    } else if (created) {
        id_list(&k->r->out, b->items, b->n, 1);
        k->r->type = "application/json";
        api_done(k, 201);
    } else {
        api_done(k, 204);
    }
}

static void written(jd_job *job) {
    api_ask *k = job->user;
    jd_req *r = k->r;
    answer(k);
    jd_req_resume(r);
}

static int check_array(api_ask *k, jd_jtype element) {
    if (k->body.type != JD_JARR || !k->body.n)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the body must be an array of at least one element",
                       "请求体必须是至少有一个元素的数组");
    if (k->body.n > k->app->batch_max)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "a batch may hold at most %u items (setting batch_max)",
                       "一批最多 %u 项（设置项 batch_max）", k->app->batch_max);
    for (uint32_t i = 0; i < k->body.n; i++)
        if (k->body.items[i].type != element) {
            jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "an element of the body is not %s%.0s", "请求体中有元素不是%.0s%s",
                    element == JD_JOBJ ? "an object" : "a string", element == JD_JOBJ ? "对象" : "字符串");
            return jd_fail_at(&k->err, "[%u]", i);
        }
    return 0;
}

static batch *make(api_ask *k) {
    batch *b = JD_NEW(k->a, batch);
    b->n = k->body.n;
    b->items = JD_NEWN(k->a, api_item, b->n);
    k->own = b;
    k->job.writes = JD_NEWN(k->a, jd_write, b->n);
    k->job.done = written;
    k->more = JD_NEWN(k->a, jd_context *, b->n);
    return b;
}

static jd_turn submit(api_ask *k) {
    if (k->job.n) return api_submit(k);
    answer(k);
    return JD_ANSWER;
}

/* 0; -1: *err says why; 1: its @context must be waited for. */
static int read_item(api_ask *k, api_item *it, const jd_jval *v, jd_op op, unsigned flags, jd_input shape,
                     jd_err *err) {
    jd_context *ctx;
    const jd_jval *id = jd_jget(v, "id");
    if (!id) id = jd_jget(v, "@id");
    if (id && id->type == JD_JSTR) it->id = jd_jstr(id);
    int rc = api_item_context(k, v, &ctx, err);
    if (rc) return rc;
    jd_parse p = api_parser(k, ctx);
    jd_ent *e = JD_NEW(k->a, jd_ent);
    jd_str any_id = {NULL, 0};
    int over_time = op == JD_OP_T_UPSERT;
    if (over_time) p.attrs_max = API_MOMENTS_MAX;
    if (over_time ? jd_temporal_parse(&p, v, 1, any_id, e, err) : jd_ent_parse(&p, v, shape, any_id, e, err)) return -1;
    if (!e->id.p) return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the entity has no id", "实体没有 id");
    it->id = e->id;
    jd_write *w = &k->job.writes[k->job.n];
    w->rq = (jd_change_req){.op = op, .flags = flags, .id = e->id, .observed = JD_TIME_NONE};
    if (!over_time)
        w->rq.ent = e;
    else if (jd_moments_make(k->app->engine, e, k->a, w, err))
        return -1;
    it->w = w;
    k->job.n++;
    return 0;
}

static jd_turn entities(api_ask *k, jd_op op, unsigned flags, jd_input shape) {
    if (check_array(k, JD_JOBJ)) return api_fail(k);
    batch *b = make(k);
    for (size_t i = 0; i < b->n; i++) {
        jd_err err;
        int rc = read_item(k, &b->items[i], &k->body.items[i], op, flags, shape, &err);
        if (rc == 1) return api_wait(k);
        if (rc) keep_error(k, &b->items[i], &err);
    }
    return submit(k);
}

jd_turn api_batch_create(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    k->job.make_tenant = 1;
    return entities(k, JD_OP_CREATE, 0, JD_IN_ENTITY);
}

jd_turn api_batch_upsert(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_MAKES_TENANT | API_O_REPLACE | API_O_UPDATE, &turn);
    if (!k) return turn;
    k->job.make_tenant = 1;
    if ((k->options & (API_O_REPLACE | API_O_UPDATE)) == (API_O_REPLACE | API_O_UPDATE)) {
        jd_fail(&k->err, JD_E_INVALID_REQUEST, "options can be replace or update, not both",
                "options 只能为 replace 或 update 之一");
        return api_fail(k);
    }
    return entities(k, JD_OP_CREATE, k->options & API_O_UPDATE ? JD_AP_UPDATE_EXISTING : JD_AP_REPLACE_EXISTING,
                    JD_IN_ENTITY);
}

jd_turn api_batch_update(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_O_NO_OVERWRITE, &turn);
    if (!k) return turn;
    return entities(k, JD_OP_APPEND, k->options & API_O_NO_OVERWRITE ? JD_AP_NO_OVERWRITE : 0, JD_IN_FRAGMENT);
}

jd_turn api_batch_merge(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY, &turn);
    return k ? entities(k, JD_OP_MERGE, 0, JD_IN_MERGE) : turn;
}

/* Jindu's own: a batch of 5.6.11, the way in for whole histories. */
jd_turn api_batch_temporal(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    k->job.make_tenant = 1;
    return entities(k, JD_OP_T_UPSERT, 0, JD_IN_ENTITY);
}

jd_turn api_batch_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY, &turn);
    if (!k) return turn;
    if (check_array(k, JD_JSTR)) return api_fail(k);
    batch *b = make(k);
    for (size_t i = 0; i < b->n; i++) {
        api_item *it = &b->items[i];
        it->id = jd_jstr(&k->body.items[i]);
        if (!jd_uri_valid(it->id)) {
            jd_err err;
            jd_fail(&err, JD_E_BAD_REQUEST_DATA, "the id is not a URI", "标识不是 URI");
            keep_error(k, it, &err);
            continue;
        }
        it->w = &k->job.writes[k->job.n++];
        it->w->rq = (jd_change_req){.op = JD_OP_DELETE, .id = it->id, .observed = JD_TIME_NONE};
    }
    return submit(k);
}
