/* Jindu's own API for history: how long readings are kept and as what (engine/retention.h), and settling on demand. */
#include "engine/history.h"
#include "engine/retention.h"
#include "http/api_int.h"

#include <string.h>

/* Types are kept as IRIs, whoever asks later with another @context. */
static jd_str with_iris(api_ask *k) {
    for (uint32_t i = 0; i < k->body.n; i++) {
        jd_jval *v = &k->body.members[i].val;
        if (!jd_str_is(k->body.members[i].name, "types")) continue;
        for (uint32_t t = 0; t < v->n; t++)
            v->items[t] = jd_jmake_str(jd_ctx_expand(k->ctx, k->a, jd_jstr(&v->items[t])));
    }
    jd_buf b = {0};
    jd_json_write(&b, &k->body);
    jd_str text = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return text;
}

/* Packs declare policies of the default tenant. */
static int of_pack(api_ask *k) {
    return k->tenant.n ? 0 : api_not_of_pack(k, JD_K_POLICY, k->r->parts[0]);
}

/* PUT /api/history/policies/{name}: 201 made, 204 changed. */
jd_turn api_policy_put(jd_req *r) {
    jd_turn turn;
    jd_policy p;
    api_ask *k = api_begin(r, API_BODY | API_OBJECT | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    if (api_may_administer(k) || of_pack(k) || jd_policy_parse(&k->body, &p, &k->err)) return api_fail(k);
    return api_write_own(k, JD_K_POLICY, with_iris(k));
}

jd_turn api_policy_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    return api_may_administer(k) || of_pack(k) ? api_fail(k) : api_write_own(k, JD_K_POLICY, (jd_str){NULL, 0});
}

typedef struct listing {
    jd_buf *out;
    int n;
} listing;

static void list_one(void *user, jd_str id, jd_str body) {
    listing *l = user;
    jd_buf_z(l->out, l->n++ ? ",{\"id\":" : "{\"id\":");
    jd_json_write_str(l->out, id);
    jd_buf_c(l->out, ',');
    jd_buf_add(l->out, body.p + 1, body.n - 1);
}

/* GET /api/history/policies: all of the tenant, types as IRIs. */
jd_turn api_policies_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_ANY_TENANT, &turn);
    if (!k) return turn;
    listing l = {.out = &r->out};
    jd_buf_c(&r->out, '[');
    if (k->tenant_no >= 0) {
        if (api_view_begin(k)) return api_fail(k);
        jd_view_each_kind(&k->view, JD_K_POLICY, &l, list_one);
    }
    jd_buf_c(&r->out, ']');
    return api_json(k);
}

/* POST /api/history/settle: readings in memory are sealed, all runs merged, policies applied; 204 once it is done. */
jd_turn api_history_settle(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    if (api_may_administer(k)) return api_fail(k);
    if (!r->may_block) return api_wait(k);
    return jd_engine_settle(k->app->engine, &k->err) ? api_fail(k) : api_done(k, 204);
}
