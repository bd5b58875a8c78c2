/* Provision of the temporal evolution of entities: clauses 5.6.11-5.6.16; resources 6.18-6.22. That an entity is there
 * is judged by the writer; that an attribute or an instance of it is there, on a view before, because that may have to
 * be read from the disk. */
#include "http/api_temporal.h"

#include <string.h>

/* On the writer thread. */
static void written(jd_job *job) {
    api_ask *k = job->user;
    jd_req *r = k->r;
    const jd_write *w = &job->writes[0], *failed = NULL;
    for (size_t i = 0; i < job->n && !failed; i++)
        if (w[i].err.code != JD_E_OK) failed = &w[i];
    if (failed) {
        k->err = failed->err;
        api_fail(k);
    } else if (w->rq.op == JD_OP_T_UPSERT && w->applied.created) {
        jd_req_add_header(r, "Location",
                          jd_arena_printf(k->a, API_ROOT "/temporal/entities/%.*s", JD_STR_ARG(w->rq.id)));
        api_done(k, 201);
    } else {
        api_done(k, 204);
    }
    jd_req_resume(r);
}

static jd_turn submit(api_ask *k, jd_write *w, size_t n) {
    if (k->viewing) jd_view_end(&k->view);
    k->viewing = 0;
    k->job.writes = w;
    k->job.n = n;
    k->job.done = written;
    return api_submit(k);
}

static jd_change_req request(const api_ask *k, jd_op op) {
    return (jd_change_req){.op = op, .id = k->r->parts[0], .observed = JD_TIME_NONE};
}

/* ---- whole entities ---- */

static jd_turn tell(api_ask *k, jd_op op, int whole) {
    jd_parse p = api_parser(k, k->ctx);
    jd_ent *e = JD_NEW(k->a, jd_ent);
    jd_write *w = JD_NEW(k->a, jd_write);
    jd_str id = whole ? (jd_str){NULL, 0} : k->r->parts[0];
    p.attrs_max = API_MOMENTS_MAX;
    if (jd_temporal_parse(&p, &k->body, whole, id, e, &k->err)) return api_fail(k);
    w->rq = request(k, op);
    if (whole) w->rq.id = e->id;
    return jd_moments_make(k->app->engine, e, k->a, w, &k->err) ? api_fail(k) : submit(k, w, 1);
}

jd_turn api_temporal_upsert(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    k->job.make_tenant = 1;
    return tell(k, JD_OP_T_UPSERT, 1);
}

jd_turn api_temporal_append(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_ID, &turn);
    return k ? tell(k, JD_OP_T_APPEND, 0) : turn;
}

jd_turn api_temporal_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    if (!k) return turn;
    jd_write *w = JD_NEW(k->a, jd_write);
    w->rq = request(k, JD_OP_T_DELETE);
    return submit(k, w, 1);
}

/* ---- one attribute ---- */

static jd_turn not_known(api_ask *k) {
    jd_str id = k->r->parts[0];
    jd_fail(&k->err, JD_E_NOT_FOUND, "nothing is known of entity %.*s", "没有实体 %.*s 的任何记录",
            (int)(id.n > 150 ? 150 : id.n), id.p);
    return api_fail(k);
}

/* The last that is known of an attribute, of one datasetId or of each. given: only what has that time. */
static int known(api_ask *k, const jd_doc *d, const jd_change_req *rq, jd_timeprop property, int given,
                 jd_evolution *out) {
    static const jd_str none = {"@none", 5};
    const jd_wanted wanted = {.attrs = &rq->attr,
                              .attrs_n = 1,
                              .datasets = rq->flags & JD_AP_DELETE_ALL ? NULL
                                          : rq->dataset.p              ? &rq->dataset
                                                                       : &none,
                              .datasets_n = rq->flags & JD_AP_DELETE_ALL ? 0 : 1};
    const jd_window last = {.property = property, .given = given, .from = INT64_MIN + 1, .to = INT64_MAX, .last_n = 1};
    return jd_view_evolution(&k->view, d, &wanted, &last, 0, k->a, out, &k->err);
}

jd_turn api_temporal_attr_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    if (!k) return turn;
    jd_write *w = JD_NEW(k->a, jd_write);
    w->rq = request(k, JD_OP_T_ATTR_DELETE);
    if (api_which_dataset(k, &w->rq) || api_known_name(k, r->parts[1], &w->rq.attr)) return api_fail(k);
    if (!r->may_block) return api_wait(k);
    jd_doc d;
    int hidden;
    jd_evolution e;
    if (api_view_begin(k)) return api_fail(k);
    if (!jd_view_get_temporal(&k->view, w->rq.id, &d, &hidden)) return not_known(k);
    if (!w->rq.attr) return api_no_attr(k);
    if (known(k, &d, &w->rq, JD_TP_OBSERVED, 0, &e)) return api_fail(k);
    if (!e.attrs_n) return api_no_attr(k);
    jd_moments_clear(&e, k->a, w);
    return submit(k, w, 1);
}

/* PATCH of .../attrs/{attr}: the instance's id was lost on the way. */
static jd_turn no_patch_here(api_ask *k) {
    jd_fail(&k->err, JD_E_METHOD, "PATCH is for one instance: .../attrs/{attribute}/{instanceId}",
            "PATCH 只用于单个实例：.../attrs/{属性}/{instanceId}");
    jd_req_add_header(k->r, "Allow", JD_STR("DELETE, OPTIONS"));
    return api_fail(k);
}

jd_turn api_temporal_attr_patch(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    return k ? no_patch_here(k) : turn;
}

/* Was it deleted after it was last told? */
static int is_gone(const jd_evolution *deletions, const jd_inst *last) {
    const jd_tattr *t = deletions->attrs_n ? &deletions->attrs[0] : NULL;
    for (size_t i = 0; t && i < t->n; i++)
        if (t->inst[i].dataset == last->dataset && t->inst[i].at >= last->a.modified) return 1;
    return 0;
}

/* One write for each datasetId that is there. */
static jd_turn delete_gone(api_ask *k, const jd_doc *d, const jd_change_req *rq) {
    jd_evolution e, deletions;
    if (known(k, d, rq, JD_TP_MODIFIED, 1, &e) || known(k, d, rq, JD_TP_DELETED, 1, &deletions)) return api_fail(k);
    const jd_tattr *t = e.attrs_n ? &e.attrs[0] : NULL;
    size_t n = 0;
    jd_write *w = JD_NEWN(k->a, jd_write, t ? t->n : 0);
    for (size_t i = 0; t && i < t->n; i++) {
        if (is_gone(&deletions, &t->inst[i])) continue;
        jd_str dataset = t->inst[i].a.dataset;
        w[n].rq = *rq;
        w[n].rq.op = JD_OP_T_GONE;
        w[n].rq.flags = 0;
        w[n].rq.dataset = dataset.p ? jd_arena_dup(k->a, dataset) : dataset;
        w[n++].gone_kind = t->inst[i].a.kind;
    }
    return n ? submit(k, w, n) : api_no_attr(k);
}

int api_temporal_gone(api_ask *k, jd_change_req rq, jd_turn *turn) {
    jd_doc d;
    int hidden;
    if (api_view_begin(k)) {
        *turn = api_fail(k);
        return 1;
    }
    if (jd_view_get_temporal(&k->view, rq.id, &d, &hidden) && hidden) {
        *turn = k->r->may_block ? delete_gone(k, &d, &rq) : api_wait(k);
        return 1;
    }
    jd_view_end(&k->view);
    k->viewing = 0;
    return 0;
}

/* ---- one instance ---- */

/* The path's entity, attribute and instance. An instanceId that no instance of ours can have is a URI that is not
 * found. */
static int read_path(api_ask *k, jd_write *w) {
    jd_str iid = k->r->parts[2];
    if (api_known_name(k, k->r->parts[1], &w->rq.attr)) return -1;
    if (jd_uri_valid(iid)) return 0;
    return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "instanceId \"%.*s\" is not a URI", "instanceId“%.*s”不是 URI",
                   (int)(iid.n > 150 ? 150 : iid.n), iid.p);
}

static jd_turn no_instance(api_ask *k) {
    jd_str name = k->r->parts[1], iid = k->r->parts[2];
    jd_fail(&k->err, JD_E_NOT_FOUND, "attribute %.*s has no instance %.*s", "属性 %.*s 没有实例 %.*s",
            (int)(name.n > 100 ? 100 : name.n), name.p, (int)(iid.n > 150 ? 150 : iid.n), iid.p);
    return api_fail(k);
}

/* 1: *d and *out are the entity and the instance; 0: answered, *turn. */
static int open_instance(api_ask *k, jd_write *w, jd_doc *d, jd_inst *out, jd_turn *turn) {
    int hidden;
    jd_evolution e;
    if (api_view_begin(k)) {
        *turn = api_fail(k);
        return 0;
    }
    int there = jd_view_get_temporal(&k->view, w->rq.id, d, &hidden);
    if (!there || !w->rq.attr) {
        *turn = there ? api_no_attr(k) : not_known(k);
        return 0;
    }
    if (jd_inst_id_parse(k->r->parts[2], &w->inst_at, &w->inst_dataset, &w->inst_observed)) {
        *turn = no_instance(k);
        return 0;
    }
    const jd_wanted wanted = {.attrs = &w->rq.attr, .attrs_n = 1};
    jd_window win = {.from = INT64_MIN + 1, .to = INT64_MAX};
    if (w->inst_observed) { /* else it may have any times */
        win.given = 1;
        win.from = w->inst_at;
        win.to = w->inst_at + 1;
    }
    if (jd_view_evolution(&k->view, d, &wanted, &win, 0, k->a, &e, &k->err)) {
        *turn = api_fail(k);
        return 0;
    }
    for (size_t i = 0; e.attrs_n && i < e.attrs[0].n; i++) {
        const jd_inst *in = &e.attrs[0].inst[i];
        if (in->at != w->inst_at || in->dataset != w->inst_dataset || in->observed != w->inst_observed) continue;
        *out = *in;
        return 1;
    }
    *turn = no_instance(k);
    return 0;
}

static void set_times(jd_attr *a, jd_time t) {
    a->created = a->modified = t;
    for (uint32_t i = 0; i < a->subs_n; i++) set_times(&a->subs[i], t);
}

/* What the instance becomes: a whole one takes its place, of a partial one members are taken (5.5.8). It stays of its
 * datasetId, and where it was in time unless another time is given. */
static int change_instance(api_ask *k, const jd_doc *d, const jd_inst *old, jd_attr *given, int whole, jd_ent *out) {
    jd_symtab *symbols = jd_engine_symbols(k->app->engine);
    jd_attr was;
    jd_sym type = given->name; /* some type: an entity has one */
    if (old->deleted)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "this instance says that the attribute was deleted",
                       "该实例表示属性已被删除，不能修改");
    if (given->dataset.p && (!old->a.dataset.p || !jd_str_eq(given->dataset, old->a.dataset)))
        return api_bad(k, "datasetId", "cannot be changed", "不能更改");
    given->dataset = old->a.dataset;
    if (whole && given->observed == JD_TIME_NONE && !(given->clear & JD_CLEAR_OBSERVED))
        given->observed = old->a.observed, given->observed_digits = old->a.observed_digits;
    jd_attr_decode(&old->a, d->created, symbols, k->a, &was);
    set_times(&was, d->created);
    jd_ent e = {.id = d->id, .types = &type, .types_n = 1, .created = d->created, .modified = d->created};
    e.expires = JD_TIME_NONE;
    e.attrs = &was;
    e.attrs_n = 1;
    jd_buf bytes = {0}, changed = {0};
    jd_change_req rq = {.op = whole ? JD_OP_ATTR_PUT : JD_OP_ATTR_PATCH, .id = d->id, .attr = given->name};
    rq.instances = given;
    rq.instances_n = 1;
    rq.observed = JD_TIME_NONE;
    jd_doc before, after;
    jd_applied done;
    int rc = jd_doc_encode(&e, symbols, &bytes, &k->err);
    if (!rc) {
        jd_doc_open(&before, jd_buf_view(&bytes));
        rc = jd_apply(&rq, &before, d->created, symbols, k->a, &changed, &done, &k->err);
    }
    if (!rc) {
        jd_attrview v;
        jd_doc_open(&after, jd_arena_dup(k->a, jd_buf_view(&changed)));
        *out = (jd_ent){.id = k->r->parts[0], .expires = JD_TIME_NONE, .attrs = JD_NEW(k->a, jd_attr)};
        if (jd_doc_attr(&after, given->name, &v, NULL)) {
            jd_attr_decode(&v, after.created, symbols, k->a, &out->attrs[out->attrs_n]);
            set_times(&out->attrs[out->attrs_n++], JD_TIME_NONE);
        }
    }
    jd_buf_fini(&bytes);
    jd_buf_fini(&changed);
    if (!rc && !out->attrs_n) return api_bad(k, "value", "cannot be null here", "此处不能为 null");
    return rc;
}

jd_turn api_temporal_instance_patch(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_LIST | API_PATCH | API_ID, &turn);
    if (!k) return turn;
    if (!r->parts[1].n) return no_patch_here(k);
    jd_write *w = JD_NEW(k->a, jd_write);
    w->rq = request(k, JD_OP_T_INST_PUT);
    jd_parse p = api_parser(k, k->ctx);
    jd_attr *given;
    if (read_path(k, w)) return api_fail(k);
    api_take_context_out(&k->body);
    if (jd_temporal_instance_parse(&p, w->rq.attr, &k->body, &given, &k->err)) return api_fail(k);
    if (!r->may_block) return api_wait(k);
    jd_doc d;
    jd_inst old;
    jd_ent e;
    if (!open_instance(k, w, &d, &old, &turn)) return turn;
    /* what says its type and value is whole; a value alone is a part */
    int whole = given->kind && given->has_value && jd_jget(k->body.type == JD_JARR ? k->body.items : &k->body, "type");
    if (change_instance(k, &d, &old, given, whole, &e) || jd_moments_make(k->app->engine, &e, k->a, w, &k->err))
        return api_fail(k);
    return submit(k, w, 1);
}

jd_turn api_temporal_instance_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ID, &turn);
    if (!k) return turn;
    jd_write *w = JD_NEW(k->a, jd_write);
    w->rq = request(k, JD_OP_T_INST_DELETE);
    if (read_path(k, w)) return api_fail(k);
    if (!r->may_block) return api_wait(k);
    jd_doc d;
    jd_inst old;
    return open_instance(k, w, &d, &old, &turn) ? submit(k, w, 1) : turn;
}
