/* Jindu's own API for links and devices (docs/links.md): declare, look, claim. */
#include "http/api_int.h"
#include "link/links.h"

static int no_link(api_ask *k) {
    return jd_fail(&k->err, JD_E_NOT_FOUND, "there is no link %.*s", "没有链路 %.*s", JD_STR_ARG(k->r->parts[0]));
}

/* ---- declarations ---- */

static void written(jd_job *job) {
    api_ask *k = job->user;
    jd_write *w = &job->writes[0];
    jd_link_ready *ready = k->own;
    k->err = w->err;
    if (w->err.code != JD_E_OK) {
        jd_links_forget(ready);
        api_fail(k);
    } else {
        if (ready)
            jd_links_apply(k->app->links, ready);
        else
            jd_links_remove(k->app->links, k->r->parts[0]);
        api_done(k, w->applied.created ? 201 : 204);
    }
    jd_req_resume(k->r);
}

static jd_turn write_link(api_ask *k, jd_str body) {
    jd_write *w = JD_NEW(k->a, jd_write);
    w->kind = JD_K_LINK;
    w->rq.id = k->r->parts[0];
    w->raw_body = body;
    k->job.writes = w;
    k->job.n = 1;
    k->job.make_tenant = 1;
    k->job.done = written;
    return api_submit(k);
}

/* PUT /api/links/{name}: 201 made, 204 changed; open from then on. Its address is tried before anything is written. */
jd_turn api_link_put(jd_req *r) {
    jd_turn turn;
    jd_jval v;
    jd_link_ready *ready = NULL;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* @contexts may have to be fetched */
    if (k->tenant.n)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "links are declared without a tenant; see \"tenant\"",
                       "声明链路时不指定租户；见 tenant 成员"),
               api_fail(k);
    if (api_may_administer(k) || api_not_of_pack(k, JD_K_LINK, r->parts[0]) ||
        jd_json_parse(k->a, r->body, NULL, &v, &k->err) ||
        jd_links_prepare(k->app->links, r->parts[0], &v, &ready, &k->err))
        return api_fail(k);
    k->own = ready;
    jd_buf text = {0};
    jd_json_write(&text, &v);
    jd_str body = jd_arena_dup(k->a, jd_buf_view(&text));
    jd_buf_fini(&text);
    turn = write_link(k, body);
    if (turn == JD_ANSWER) jd_links_forget(ready); /* it was not submitted */
    return turn;
}

/* DELETE /api/links/{name}: its connections close; devices and readings stay. */
jd_turn api_link_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_may_administer(k) || api_not_of_pack(k, JD_K_LINK, r->parts[0])) return api_fail(k);
    return write_link(k, (jd_str){NULL, 0});
}

jd_turn api_links_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_links_list(k->app->links, &r->out);
    return api_json(k);
}

jd_turn api_link_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (jd_links_show(k->app->links, r->parts[0], &r->out)) return api_json(k);
    no_link(k);
    return api_fail(k);
}

/* GET /api/links/{name}/quarantine: frames set aside, the newest first. */
jd_turn api_link_quarantine(jd_req *r) {
    jd_turn turn;
    uint64_t limit;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_number(k, "limit", 100, 1000, &limit)) return api_fail(k);
    if (jd_links_quarantine(k->app->links, r->parts[0], (uint32_t)limit, r->zh, &r->out)) return api_json(k);
    no_link(k);
    return api_fail(k);
}

/* ---- devices ---- */

/* GET /api/devices?link=&state=&entity=&limit=&offset=; NGSILD-Results-Count tells how many there are. */
jd_turn api_devices_list(jd_req *r) {
    jd_turn turn;
    uint64_t limit, offset, total;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_number(k, "limit", k->app->limit_max, k->app->limit_max, &limit) ||
        api_number(k, "offset", 0, UINT32_MAX, &offset))
        return api_fail(k);
    jd_devices_list(k->app->links, api_param(k, "link"), api_param(k, "state"), api_param(k, "entity"), offset, limit,
                    &total, &r->out);
    jd_req_add_header(r, "NGSILD-Results-Count", jd_arena_printf(k->a, "%llu", (unsigned long long)total));
    return api_json(k);
}

static int no_device(api_ask *k) {
    return jd_fail(&k->err, JD_E_NOT_FOUND, "link %.*s has no device %.*s", "链路 %.*s 没有设备 %.*s",
                   JD_STR_ARG(k->r->parts[0]), JD_STR_ARG(k->r->parts[1]));
}

/* GET /api/devices/{link}/{device}: health, and its last frames as bytes beside their meaning. */
jd_turn api_device_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (jd_devices_show(k->app->links, r->parts[0], r->parts[1], r->zh, &r->out)) return api_json(k);
    no_device(k);
    return api_fail(k);
}

static void state_written(jd_job *job) {
    api_ask *k = job->user;
    const char *state = k->own;
    for (size_t i = 0; i < job->n && k->err.code == JD_E_OK; i++) k->err = job->writes[i].err;
    if (k->err.code != JD_E_OK) {
        api_fail(k);
    } else {
        jd_device_set_state(k->app->links, k->r->parts[0], k->r->parts[1], state);
        api_done(k, 204);
    }
    jd_req_resume(k->r);
}

static void device_write(api_ask *k, const char *state, jd_write *w) {
    jd_str link = k->r->parts[0], id = k->r->parts[1];
    w->kind = JD_K_DEVICE;
    w->rq.id = jd_arena_printf(k->a, "%.*s/%.*s", JD_STR_ARG(link), JD_STR_ARG(id));
    w->raw_body = jd_device_document(k->app->links, link, id, state, k->a);
    k->own = (void *)(uintptr_t)state;
    k->job.done = state_written;
    k->tenant = jd_link_tenant(k->app->links, link, k->a);
}

static jd_attr state_attr(jd_sym name, const char *state) {
    return (jd_attr){.name = name,
                     .kind = JD_PROPERTY,
                     .observed = JD_TIME_NONE,
                     .expires = JD_TIME_NONE,
                     .created = JD_TIME_NONE,
                     .modified = JD_TIME_NONE,
                     .value = jd_jmake_str(jd_str_of(state)),
                     .has_value = 1};
}

/* The entity gets what the claim says of it (types, place, name), and its state. Who claims without an @context speaks
 * in the link's names, in which the readings are. */
static int claim_entity(api_ask *k, jd_str entity, jd_write *w) {
    jd_context *ctx = jd_link_context(k->app->links, k->r->parts[0]);
    if (!ctx) return no_link(k);
    if (!k->link.p && !k->body_is_ld) {
        jd_ctx_unref(k->ctx);
        k->ctx = jd_ctx_ref(ctx);
    }
    jd_parse p = api_parser(k, k->ctx);
    jd_ent *e = JD_NEW(k->a, jd_ent);
    if (jd_ent_parse(&p, &k->body, JD_IN_FRAGMENT, (jd_str){NULL, 0}, e, &k->err)) {
        jd_ctx_unref(ctx);
        return -1;
    }
    jd_str iri = jd_ctx_expand(ctx, k->a, JD_STR("deviceState"));
    jd_sym name = jd_sym_find(jd_engine_symbols(k->app->engine), iri);
    jd_ctx_unref(ctx);
    if (!name) return no_device(k);
    jd_attr *attrs = JD_NEWN(k->a, jd_attr, e->attrs_n + 1);
    for (uint32_t i = 0; i < e->attrs_n; i++) attrs[i] = e->attrs[i];
    attrs[e->attrs_n] = state_attr(name, "claimed");
    e->attrs = attrs;
    e->attrs_n++;
    e->id = entity;
    w->rq = (jd_change_req){.op = JD_OP_APPEND, .id = entity, .ent = e, .observed = JD_TIME_NONE};
    return 0;
}

/* POST /api/devices/{link}/{device}/claim: the body is an entity fragment. 204 once device and entity are changed, both
 * or neither. */
jd_turn api_device_claim(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_may_administer(k)) return api_fail(k);
    jd_str entity = jd_device_entity(k->app->links, r->parts[0], r->parts[1], k->a);
    if (!entity.p) {
        if (!jd_device_document(k->app->links, r->parts[0], r->parts[1], "new", k->a).p)
            no_device(k);
        else
            jd_fail(&k->err, JD_E_CONFLICT, "the device has told no reading yet, so there is no entity to be claimed",
                    "该设备尚无读数，没有可认领的实体");
        return api_fail(k);
    }
    k->job.writes = JD_NEWN(k->a, jd_write, 2);
    k->job.n = 2;
    k->job.atomic = 1;
    if (claim_entity(k, entity, &k->job.writes[0])) return api_fail(k);
    device_write(k, "claimed", &k->job.writes[1]);
    return api_submit(k);
}

/* POST /api/devices/{link}/{device}/refuse: its frames are not taken any more. */
jd_turn api_device_refuse(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_may_administer(k)) return api_fail(k);
    if (!jd_device_document(k->app->links, r->parts[0], r->parts[1], "new", k->a).p) {
        no_device(k);
        return api_fail(k);
    }
    k->job.writes = JD_NEW(k->a, jd_write);
    k->job.n = 1;
    device_write(k, "refused", &k->job.writes[0]);
    return api_submit(k);
}

/* ---- commands ---- */

typedef struct commanding {
    jd_str entity, text;
    jd_time at;
    uint64_t timeout_s;
} commanding;

static void command_written(jd_job *job) {
    api_ask *k = job->user;
    const commanding *c = k->own;
    k->err = job->writes[0].err;
    if (k->err.code != JD_E_OK) {
        api_fail(k);
    } else {
        jd_links_command(k->app->links, k->r->parts[0], k->r->parts[1], c->entity, c->text, c->at,
                         (uint32_t)c->timeout_s);
        api_done(k, 202);
    }
    jd_req_resume(k->r);
}

/* POST /api/devices/{link}/{device}/commands?timeout=: 202 once it is kept as "sent"; the entity's attribute `command`
 * tells what became of it. */
jd_turn api_device_command(jd_req *r) {
    jd_turn turn;
    jd_jval v;
    commanding *c;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    c = JD_NEW(k->a, commanding);
    if (api_may_administer(k) || api_number(k, "timeout", 10, 86400, &c->timeout_s) ||
        jd_json_parse(k->a, r->body, NULL, &v, &k->err) ||
        jd_links_command_check(k->app->links, r->parts[0], r->parts[1], &v, &k->err))
        return api_fail(k);
    c->entity = jd_device_entity(k->app->links, r->parts[0], r->parts[1], k->a);
    if (!c->entity.p) {
        jd_fail(&k->err, JD_E_CONFLICT, "the device has told no reading yet, so there is no entity to keep the command",
                "该设备尚无读数，没有可记录命令的实体");
        return api_fail(k);
    }
    jd_buf text = {0};
    jd_json_write(&text, &v);
    c->text = jd_arena_dup(k->a, jd_buf_view(&text));
    jd_buf_fini(&text);
    c->at = jd_now() / 1000 * 1000;
    k->own = c;
    k->tenant = jd_link_tenant(k->app->links, r->parts[0], k->a);
    k->job.writes = JD_NEW(k->a, jd_write);
    k->job.n = 1;
    k->job.done = command_written;
    if (jd_links_command_write(k->app->links, r->parts[0], c->entity, &v, c->at, k->a, k->job.writes, &k->err))
        return api_fail(k);
    return api_submit(k);
}
