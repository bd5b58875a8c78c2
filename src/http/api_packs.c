/* Jindu's own API for packs and rules (docs/packs.md): check, install, look, remove; the published schemas. */
#include "http/api_int.h"
#include "pack/pack.h"

static api_ask *begin(jd_req *r, unsigned needs, jd_turn *turn) {
    api_ask *k = api_begin(r, needs | API_ANY_TENANT, turn);
    if (!k || !k->tenant.n) return k;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "packs are installed without a tenant", "系统包不属于租户");
    *turn = api_fail(k);
    return NULL;
}

static jd_turn not_there(api_ask *k, const char *en, const char *zh) {
    jd_str id = k->r->parts[0];
    jd_fail(&k->err, JD_E_NOT_FOUND, "there is no %s%.0s %.*s", "没有%.0s%s %.*s", en, zh,
            (int)(id.n > 100 ? 100 : id.n), id.p);
    return api_fail(k);
}

jd_turn api_packs_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_packs_list(k->app->packs, r->zh, &r->out);
    return api_json(k);
}

jd_turn api_pack_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    return jd_packs_show(k->app->packs, r->parts[0], r->zh, &r->out) ? api_json(k) : not_there(k, "pack", "系统包");
}

/* GET /api/packs/{name}/context.jsonld: names of the pack, for a Link header. */
jd_turn api_pack_context(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (!jd_packs_context(k->app->packs, r->parts[0], &r->out)) return not_there(k, "pack", "系统包");
    r->type = "application/ld+json";
    return api_done(k, 200);
}

/* ProblemDetails with all faults: {"faults": [{"file", "line", "column", "path", "reason"}]}. */
static jd_turn faulty(api_ask *k, const jd_pack_faults *faults) {
    jd_req *r = k->r;
    if (!k->err.place[0])
        jd_fail_at(&k->err, "%.*s:%u:%u", JD_STR_ARG(faults->v[0].file), faults->v[0].line, faults->v[0].column);
    r->out.n = 0;
    api_problem(k, &r->out, &k->err);
    r->out.n--; /* its brace */
    jd_buf_z(&r->out, faults->more ? ",\"more\":true,\"faults\":" : ",\"faults\":");
    jd_pack_faults_json(faults, r->zh, &r->out);
    jd_buf_c(&r->out, '}');
    r->type = "application/json";
    return api_done(k, jd_err_status(k->err.code));
}

static jd_turn checked(api_ask *k, const jd_bundle *b, jd_pack_faults *faults) {
    if (!jd_packs_check(k->app->packs, b, faults)) {
        jd_buf_z(&k->r->out, "{\"faults\":[]}");
        return api_json(k);
    }
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the pack has %zu faults", "系统包中有 %zu 处错误", faults->n);
    return faulty(k, faults);
}

/* POST /api/packs?check=&force= {"files": {"pack.json": "...", ...}}: 201 a new one, 204 changed, or there already just
 * so; 400 with all faults; 409. */
jd_turn api_packs_post(jd_req *r) {
    jd_turn turn;
    jd_bundle b;
    jd_pack_made made;
    jd_str name;
    int check, force;
    api_ask *k = begin(r, API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* for contexts, and for the disk */
    if (api_may_administer(k) || api_bool(k, "check", &check) || api_bool(k, "force", &force) ||
        jd_bundle_of_json(&k->body, k->a, &b, &k->err))
        return api_fail(k);
    jd_pack_faults *faults = JD_NEW(k->a, jd_pack_faults);
    faults->a = k->a;
    if (check) return checked(k, &b, faults);
    if (jd_packs_install(k->app->packs, &b, force, &made, &name, faults, &k->err))
        return faults->n ? faulty(k, faults) : api_fail(k);
    if (made == JD_PACK_NEW)
        jd_req_add_header(r, "Location", jd_arena_printf(k->a, "/api/packs/%.*s", JD_STR_ARG(name)));
    return api_done(k, made == JD_PACK_NEW ? 201 : 204);
}

/* DELETE /api/packs/{name}: its rules, links, mappings and policies go; entities stay. */
jd_turn api_pack_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (api_may_administer(k) || jd_packs_remove(k->app->packs, r->parts[0], &k->err)) return api_fail(k);
    return api_done(k, 204);
}

int api_not_of_pack(api_ask *k, jd_dkind kind, jd_str id) {
    jd_str owner = k->app->packs ? jd_packs_owner(k->app->packs, kind, id, k->a) : (jd_str){NULL, 0};
    if (!owner.p) return 0;
    return jd_fail(&k->err, JD_E_CONFLICT, "it belongs to the pack \"%.*s\", and changes with it",
                   "它属于系统包“%.*s”，只随该包变更", JD_STR_ARG(owner));
}

/* ---- schemas ---- */

jd_turn api_schemas_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_buf_c(&r->out, '[');
    for (size_t i = 0; jd_pack_schema_kind(i); i++)
        jd_buf_printf(&r->out, "%s{\"kind\":\"%s\",\"url\":\"/api/schemas/%s\"}", i ? "," : "", jd_pack_schema_kind(i),
                      jd_pack_schema_kind(i));
    jd_buf_c(&r->out, ']');
    return api_json(k);
}

jd_turn api_schema_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_str text = jd_pack_schema(r->parts[0]);
    if (!text.p) return not_there(k, "schema", "模式");
    jd_buf_str(&r->out, text);
    r->type = "application/schema+json";
    return api_done(k, 200);
}

/* ---- rules ---- */

jd_turn api_rules_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_rules_list(k->app->rules, (jd_str){NULL, 0}, &r->out);
    return api_json(k);
}

/* The one of that id in what jd_rules_list tells of its pack, with its declaration. */
jd_turn api_rule_get(jd_req *r) {
    jd_turn turn;
    jd_buf all = {0};
    jd_jval v;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    jd_rules_list(k->app->rules, r->parts[0], &all);
    jd_str text = jd_arena_dup(k->a, jd_buf_view(&all));
    jd_buf_fini(&all);
    if (jd_json_parse(k->a, text, NULL, &v, &k->err)) return api_fail(k);
    for (uint32_t i = 0; i < v.n; i++) {
        const jd_jval *id = jd_jget(&v.items[i], "id");
        if (!id || !jd_str_eq(jd_jstr(id), r->parts[1])) continue;
        jd_json_write(&r->out, &v.items[i]);
        r->out.n--; /* its brace, behind the declaration */
        jd_buf_z(&r->out, ",\"declaration\":");
        if (!jd_packs_declared(k->app->packs, r->parts[0], r->parts[1], &r->out)) jd_buf_z(&r->out, "null");
        jd_buf_c(&r->out, '}');
        return api_json(k);
    }
    return not_there(k, "rule", "规则");
}

static int try_time(api_ask *k, const char *name, jd_time *out) {
    const jd_jval *v = jd_jget(&k->body, name);
    if (v && v->type == JD_JSTR && !jd_time_parse(jd_jstr(v), out, NULL)) return 0;
    return api_bad(k, name, "must be a time such as 2026-10-01T08:00:00Z", "须为时间，如 2026-10-01T08:00:00Z");
}

static int try_entities(api_ask *k, jd_rule_trying *how) {
    const jd_jval *v = jd_jget(&k->body, "entities");
    if (!v) return 0;
    int bad = v->type != JD_JARR || !v->n || v->n > k->app->batch_max;
    jd_str *list = JD_NEWN(k->a, jd_str, bad ? 1 : v->n);
    for (uint32_t i = 0; !bad && i < v->n; i++) {
        bad = v->items[i].type != JD_JSTR || !v->items[i].n;
        if (!bad) list[i] = jd_jstr(&v->items[i]);
    }
    how->entities = list;
    how->entities_n = bad ? 0 : v->n;
    return bad ? api_bad(k, "entities", "must be a list of ids, at most as many as a batch has",
                         "须为标识列表，数量不超过一批的上限")
               : 0;
}

static int try_members(api_ask *k, jd_rule_trying *how) {
    static const char *const known[] = {"pack", "rule", "from", "to", "entities", "limit"};
    const jd_jval *pack = jd_jget(&k->body, "pack"), *rule = jd_jget(&k->body, "rule"),
                  *limit = jd_jget(&k->body, "limit");
    for (uint32_t i = 0; i < k->body.n; i++) {
        jd_str n = k->body.members[i].name;
        size_t at = 0;
        while (at < sizeof known / sizeof *known && !jd_str_is(n, known[at])) at++;
        if (at == sizeof known / sizeof *known)
            return api_bad(k, jd_arena_printf(k->a, "%.*s", (int)(n.n > 60 ? 60 : n.n), n.p).p, "is not known here",
                           "不是这里的成员");
    }
    if (!pack || pack->type != JD_JSTR || !pack->n)
        return api_bad(k, "pack", "must name an installed pack", "须为已安装系统包的名称");
    if (!rule || rule->type != JD_JOBJ)
        return api_bad(k, "rule", "must be a rule as rules/*.json has it", "须为 rules/*.json 形式的规则");
    if (try_time(k, "from", &how->from) || try_time(k, "to", &how->to) || try_entities(k, how)) return -1;
    if (how->to <= how->from) return api_bad(k, "to", "must be later than from", "须晚于 from");
    double most = limit && limit->type == JD_JNUM ? jd_jnum(limit) : 0;
    if (limit && !(most >= 1 && most <= 1e9 && most == (double)(uint64_t)most))
        return api_bad(k, "limit", "must be a whole number of at least 1", "须为不小于 1 的整数");
    how->most = (uint64_t)most;
    return 0;
}

/* The body with all but the rule blanked out, so that faults have the places that the asker sees. */
static jd_str rule_text(api_ask *k) {
    jd_jstep at = {.name = JD_STR("rule")};
    while (!jd_str_is(k->body.members[at.i].name, "rule")) at.i++;
    jd_str span = jd_jspan(k->r->body, &at, NULL);
    size_t n = (size_t)(span.p - k->r->body.p) + span.n;
    char *text = jd_arena_alloc(k->a, n + 1);
    for (size_t i = 0; i < n; i++) {
        char c = k->r->body.p[i];
        text[i] = k->r->body.p + i >= span.p || c == '\n' ? c : ' ';
    }
    return (jd_str){text, n};
}

/* POST /api/rules/try {"pack", "rule", "from", "to", "entities", "limit"}: what it would have raised. */
jd_turn api_rule_try(jd_req *r) {
    jd_turn turn;
    jd_rule_trying how = {.from = 0};
    jd_ruleset *set;
    api_ask *k = begin(r, API_BODY | API_OBJECT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (try_members(k, &how)) return api_fail(k);
    jd_pack_faults *found = JD_NEW(k->a, jd_pack_faults);
    found->a = k->a;
    jd_str pack = jd_jstr(jd_jget(&k->body, "pack"));
    if (jd_packs_rule(k->app->packs, pack, rule_text(k), &set, found, &k->err))
        return found->n ? faulty(k, found) : api_fail(k);
    return jd_rule_try(k->app->rules, set, &how, &r->out, &k->err) ? api_fail(k) : api_json(k);
}

/* GET /api/rules/{pack}/{rule}/explain?entity=: what it says of an entity now, expression by expression. */
jd_turn api_rule_explain(jd_req *r) {
    jd_turn turn;
    jd_doc d;
    api_ask *k = begin(r, 0, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* windows may read the disk */
    jd_str id = api_param(k, "entity");
    if (!id.n) {
        api_bad(k, "entity", "must be an entity's id", "须为实体标识");
        return api_fail(k);
    }
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
    if (!jd_view_get(&k->view, id, &d)) {
        jd_fail(&k->err, JD_E_NOT_FOUND, "there is no entity %.*s", "没有实体 %.*s", (int)(id.n > 150 ? 150 : id.n),
                id.p);
        return api_fail(k);
    }
    if (jd_rule_explain(k->app->rules, r->parts[0], r->parts[1], &d, &r->out)) return api_json(k);
    r->out.n = 0;
    return not_there(k, "rule", "规则");
}
