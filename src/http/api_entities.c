/* Provision of one entity or of its attributes: clauses 5.6.1-5.6.6, 5.6.17-5.6.19; resources 6.4-6.7. */
#include "http/api_int.h"

#include <string.h>

jd_parse api_parser(api_ask *k, jd_context *ctx) {
    return (jd_parse){.arena = k->a, .ctx = ctx, .symbols = jd_engine_symbols(k->app->engine)};
}

void api_job_ready(api_ask *k) {
    jd_job *j = &k->job;
    j->tenant = k->tenant;
    j->arena = k->a;
    j->bytes = k->r->body.n + j->n * sizeof(jd_write) + 256;
    j->user = k;
}

jd_turn api_submit(api_ask *k) {
    api_job_ready(k);
    return jd_submit(k->app->engine, &k->job, &k->err) ? api_fail(k) : JD_LATER;
}

static void own_written(jd_job *job) {
    api_ask *k = job->user;
    const jd_write *w = &job->writes[0];
    k->err = w->err;
    if (w->err.code != JD_E_OK)
        api_fail(k);
    else
        api_done(k, w->applied.created ? 201 : 204);
    jd_req_resume(k->r);
}

jd_turn api_write_own(api_ask *k, jd_dkind kind, jd_str body) {
    jd_write *w = JD_NEW(k->a, jd_write);
    w->kind = kind;
    w->rq.id = k->r->parts[0];
    w->raw_body = body;
    k->job.writes = w;
    k->job.n = 1;
    k->job.make_tenant = body.p != NULL;
    k->job.done = own_written;
    return api_submit(k);
}

jd_turn api_json(api_ask *k) {
    k->r->type = "application/json";
    return api_done(k, 200);
}

/* UpdateResult, 5.2.18: names are whole IRIs, whatever the asker's @context. */
static void update_result(api_ask *k, const jd_applied *ap) {
    const jd_symtab *t = jd_engine_symbols(k->app->engine);
    jd_buf *b = &k->r->out;
    jd_buf_z(b, "{\"updated\":[");
    for (uint32_t i = 0; i < ap->updated_n; i++) {
        if (i) jd_buf_c(b, ',');
        jd_json_write_str(b, jd_sym_name(t, ap->updated[i]));
    }
    jd_buf_z(b, "],\"notUpdated\":[");
    for (uint32_t i = 0; i < ap->not_updated_n; i++) {
        const jd_not_updated *u = &ap->not_updated[i];
        jd_buf_z(b, i ? ",{" : "{");
        api_str(b, "attributeName", jd_sym_name(t, u->attr));
        if (u->dataset.p) {
            jd_buf_c(b, ',');
            api_str(b, "datasetId", u->dataset);
        }
        jd_buf_c(b, ',');
        api_str(b, "reason", jd_str_of(u->reason));
        jd_buf_c(b, '}');
    }
    jd_buf_z(b, "]}");
    k->r->type = "application/json";
}

/* On the writer thread. */
static void written(jd_job *job) {
    api_ask *k = job->user;
    jd_req *r = k->r;
    jd_write *w = &job->writes[0];
    if (w->err.code != JD_E_OK) {
        k->err = w->err;
        api_fail(k);
    } else if (w->rq.op == JD_OP_CREATE) {
        jd_req_add_header(r, "Location", jd_arena_printf(k->a, API_ROOT "/entities/%.*s", JD_STR_ARG(w->rq.id)));
        api_done(k, 201);
    } else if (w->applied.not_updated_n) {
        update_result(k, &w->applied);
        api_done(k, 207);
    } else {
        api_done(k, 204);
    }
    jd_req_resume(r);
}

/* Conditions, the `type` parameter and the end of every operation on one entity. */
static jd_turn submit_one(api_ask *k, jd_change_req rq) {
    jd_write *w = JD_NEW(k->a, jd_write);
    jd_str match = jd_req_header(k->r, "If-Match"), none = jd_req_header(k->r, "If-None-Match"),
           type = api_param(k, "type");
    if (match.p) w->if_match = jd_arena_dup(k->a, match).p;
    if (none.p && !jd_str_is(none, "*")) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "If-None-Match of a write can only be *",
                "写操作的 If-None-Match 只能为 *");
        return api_fail(k);
    }
    w->if_none_match_any = none.p != NULL;
    w->rq = rq;
    if (type.p && api_sym_list(k, type, (jd_sym **)(uintptr_t)&w->rq.types, &w->rq.types_n)) return api_fail(k);
    k->job.writes = w;
    k->job.n = 1;
    k->job.done = written;
    return api_submit(k);
}

static jd_change_req request(const api_ask *k, jd_op op) {
    return (jd_change_req){.op = op, .id = k->r->parts[0], .observed = JD_TIME_NONE};
}

jd_turn api_entity_create(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    jd_parse p = api_parser(k, k->ctx);
    jd_ent *e = JD_NEW(k->a, jd_ent);
    if (jd_ent_parse(&p, &k->body, JD_IN_ENTITY, (jd_str){NULL, 0}, e, &k->err)) return api_fail(k);
    jd_change_req rq = {.op = JD_OP_CREATE, .id = e->id, .ent = e, .observed = JD_TIME_NONE};
    k->job.make_tenant = 1;
    return submit_one(k, rq);
}

/* The operations whose body is a whole entity fragment. */
static jd_turn fragment(jd_req *r, unsigned needs, jd_op op, jd_input shape) {
    jd_turn turn;
    api_ask *k = api_begin(r, needs | API_BODY | API_OBJECT | API_ID, &turn);
    if (!k) return turn;
    jd_parse p = api_parser(k, k->ctx);
    jd_change_req rq = request(k, op);
    if (op == JD_OP_MERGE) {
        jd_str observed = api_param(k, "observedAt");
        rq.simplified = p.simplified = k->format == JD_SIMPLIFIED;
        rq.lang = p.lang = api_param(k, "lang");
        if (observed.p && jd_time_parse(observed, &rq.observed, &rq.observed_digits)) {
            jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "observedAt must be a DateTime in UTC",
                    "observedAt 必须是 UTC 的 DateTime");
            jd_fail_at(&k->err, "observedAt");
            return api_fail(k);
        }
        if (rq.observed_digits > 6) rq.observed_digits = 6;
    }
    if (k->options & API_O_NO_OVERWRITE) rq.flags = JD_AP_NO_OVERWRITE;
    jd_ent *e = JD_NEW(k->a, jd_ent);
    if (jd_ent_parse(&p, &k->body, shape, rq.id, e, &k->err)) return api_fail(k);
    rq.ent = e;
    return submit_one(k, rq);
}

jd_turn api_entity_replace(jd_req *r) {
    return fragment(r, 0, JD_OP_REPLACE, JD_IN_FRAGMENT);
}

jd_turn api_entity_merge(jd_req *r) {
    return fragment(r, API_PATCH | API_O_FORMAT, JD_OP_MERGE, JD_IN_MERGE);
}

jd_turn api_attrs_append(jd_req *r) {
    return fragment(r, API_O_NO_OVERWRITE, JD_OP_APPEND, JD_IN_FRAGMENT);
}

jd_turn api_attrs_update(jd_req *r) {
    return fragment(r, API_PATCH, JD_OP_UPDATE, JD_IN_UPDATE);
}

jd_turn api_entity_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    return k ? submit_one(k, request(k, JD_OP_DELETE)) : turn;
}

/* PUT and PATCH of /entities/: an entity whose id was lost on the way. */
jd_turn api_entity_nameless(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_PATCH, &turn);
    if (!k) return turn;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the entity's id is missing from the path", "路径中缺少实体标识");
    return api_fail(k);
}

/* ---- one attribute ---- */

jd_turn api_no_attr(api_ask *k) {
    jd_str id = k->r->parts[0], name = k->r->parts[1];
    jd_fail(&k->err, JD_E_NOT_FOUND, "%.*s has no attribute %.*s", "%.*s 没有属性 %.*s", (int)(id.n > 150 ? 150 : id.n),
            id.p, (int)(name.n > 150 ? 150 : name.n), name.p);
    return api_fail(k);
}

void api_take_context_out(jd_jval *v) {
    uint32_t n = 0;
    if (v->type != JD_JOBJ) return;
    for (uint32_t i = 0; i < v->n; i++)
        if (!jd_str_is(v->members[i].name, "@context")) v->members[n++] = v->members[i];
    v->n = n;
}

static jd_turn attribute(jd_req *r, unsigned needs, jd_op op) {
    jd_turn turn;
    api_ask *k = api_begin(r, needs | API_BODY | API_OBJECT | API_ID, &turn);
    if (!k) return turn;
    jd_change_req rq = request(k, op);
    if (api_known_name(k, r->parts[1], &rq.attr)) return api_fail(k);
    if (rq.attr == JD_SYM_SCOPE) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "scope is no attribute: update it with the entity",
                "scope 不是属性，请随实体更新");
        return api_fail(k);
    }
    api_take_context_out(&k->body);
    jd_parse p = api_parser(k, k->ctx);
    jd_attr *list;
    if (jd_attr_parse(&p, rq.attr, &k->body, op == JD_OP_ATTR_PATCH, &list, &rq.instances_n, &k->err))
        return api_fail(k);
    if (!rq.attr) return api_no_attr(k);
    rq.instances = list;
    return submit_one(k, rq);
}

jd_turn api_attr_patch(jd_req *r) {
    return attribute(r, API_PATCH, JD_OP_ATTR_PATCH);
}

jd_turn api_attr_replace(jd_req *r) {
    return attribute(r, API_LIST, JD_OP_ATTR_PUT);
}

int api_which_dataset(api_ask *k, jd_change_req *rq) {
    int all;
    jd_str dataset = api_param(k, "datasetId");
    if (api_bool(k, "deleteAll", &all)) return -1;
    if (all) rq->flags |= JD_AP_DELETE_ALL;
    if (!dataset.p || jd_str_is(dataset, "@none")) return 0;
    if (!jd_uri_valid(dataset)) return api_bad(k, "datasetId", "must be a URI", "必须是 URI");
    rq->dataset = dataset;
    return 0;
}

jd_turn api_attr_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    if (!k) return turn;
    jd_change_req rq = request(k, JD_OP_ATTR_DELETE);
    if (api_which_dataset(k, &rq) || api_known_name(k, r->parts[1], &rq.attr)) return api_fail(k);
    if (!rq.attr) return api_no_attr(k);
    return api_temporal_gone(k, rq, &turn) ? turn : submit_one(k, rq);
}
