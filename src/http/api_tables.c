/* Jindu's own API for tables and their mappings (docs/tables.md). */
#include "http/api_int.h"
#include "table/profile.h"

enum { MAPPING_NAME_MAX = 60 };

static jd_turn not_found(api_ask *k, const char *en, const char *zh) {
    jd_fail(&k->err, JD_E_NOT_FOUND, "there is no %s %.*s%.0s", "%.0s没有 %.*s（%s）", en, JD_STR_ARG(k->r->parts[0]),
            zh);
    return api_fail(k);
}

/* ---- mappings ---- */

static int name_valid(api_ask *k) {
    jd_str s = k->r->parts[0];
    int ok = s.n && s.n <= MAPPING_NAME_MAX;
    for (size_t i = 0; ok && i < s.n; i++)
        ok = ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' ||
             s.p[i] == '_';
    if (ok) return 0;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "a mapping's name has 1 to %d letters, digits, - and _",
            "映射名须为 1 到 %d 个字母、数字、- 与 _", (int)MAPPING_NAME_MAX);
    return jd_fail_at(&k->err, "name");
}

static int no_tenant(api_ask *k) {
    if (!k->tenant.n) return 0;
    return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "mappings are kept without a tenant; tables may have one",
                   "映射不属于租户；提交数据表时可指定租户");
}

/* PUT /api/mappings/{name}: 201 made, 204 changed; compiled before it is kept, kept as it was sent, so that places in
 * later messages are those that its author sees. */
jd_turn api_mapping_put(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* an @context may have to be fetched */
    if (api_may_administer(k) || no_tenant(k) || name_valid(k) || api_not_of_pack(k, JD_K_MAPPING, r->parts[0]) ||
        jd_tables_check(k->app->tables, r->parts[0], r->body, &k->err))
        return api_fail(k);
    return api_write_own(k, JD_K_MAPPING, r->body);
}

jd_turn api_mapping_delete(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_may_administer(k) || no_tenant(k) || api_not_of_pack(k, JD_K_MAPPING, r->parts[0])) return api_fail(k);
    return api_write_own(k, JD_K_MAPPING, (jd_str){NULL, 0});
}

typedef struct listing {
    jd_buf *out;
    int n;
} listing;

static void list_one(void *user, jd_str id, jd_str body) {
    listing *l = user;
    jd_buf_z(l->out, l->n++ ? ",{\"name\":" : "{\"name\":");
    jd_json_write_str(l->out, id);
    jd_buf_printf(l->out, ",\"bytes\":%zu}", body.n);
}

static void default_view(api_ask *k) {
    jd_view_begin(&k->view, k->app->engine, 0, k->a);
    k->viewing = 1;
}

jd_turn api_mappings_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    listing l = {.out = &r->out};
    default_view(k);
    jd_buf_c(&r->out, '[');
    jd_view_each_kind(&k->view, JD_K_MAPPING, &l, list_one);
    jd_buf_c(&r->out, ']');
    return api_json(k);
}

jd_turn api_mapping_get(jd_req *r) {
    jd_turn turn;
    jd_str body;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    default_view(k);
    if (!jd_view_get_kind(&k->view, JD_K_MAPPING, r->parts[0], &body)) return not_found(k, "mapping", "该映射");
    jd_buf_str(&r->out, body);
    return api_json(k);
}

/* ---- tables ---- */

/* POST /api/tables?mapping=&name=&dryRun=: the body is the table, whatever its form. 200 with the report: what it tells
 * is durable. */
jd_turn api_table_post(jd_req *r) {
    jd_turn turn;
    int dry;
    api_ask *k = api_begin(r, API_MAKES_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (api_may_administer(k) || api_bool(k, "dryRun", &dry)) return api_fail(k);
    jd_table_given g = {.mapping = api_param(k, "mapping"),
                        .tenant = k->tenant,
                        .name = api_param(k, "name"),
                        .origin = "upload",
                        .dry_run = dry,
                        .zh = r->zh,
                        .bytes = r->body.p ? r->body : JD_STR(""),
                        .fd = -1};
    if (!g.mapping.n) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the parameter mapping must name one of /api/mappings",
                "参数 mapping 须为 /api/mappings 中的名称");
        jd_fail_at(&k->err, "mapping");
        return api_fail(k);
    }
    return jd_tables_take(k->app->tables, &g, &r->out, &k->err) ? api_fail(k) : api_json(k);
}

/* POST /api/tables/profile?name=: nothing is kept. */
jd_turn api_table_profile(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    jd_str body = r->body.p ? r->body : JD_STR("");
    return jd_table_profile(body, api_param(k, "name"), &r->out, &k->err) ? api_fail(k) : api_json(k);
}

jd_turn api_tables_list(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* reports are read from the disk */
    jd_tables_list(k->app->tables, &r->out);
    return api_json(k);
}

jd_turn api_table_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (jd_tables_show(k->app->tables, r->parts[0], &r->out)) return api_json(k);
    return not_found(k, "table", "该数据表");
}

/* RFC 8187: the name as UTF-8, percent-encoded. */
static jd_str disposition(api_ask *k, jd_str name) {
    jd_buf b = {0};
    jd_buf_z(&b, "attachment; filename*=UTF-8''");
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        int plain = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        if (plain)
            jd_buf_c(&b, (char)c);
        else
            jd_buf_printf(&b, "%%%02X", c);
    }
    jd_str out = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

/* The name in the report, for the file. */
static jd_str name_of(api_ask *k, jd_str id) {
    jd_buf text = {0};
    jd_jval v;
    jd_err err;
    jd_str name = {NULL, 0};
    if (jd_tables_show(k->app->tables, id, &text)) {
        jd_str copy = jd_arena_dup(k->a, jd_buf_view(&text));
        const jd_jval *n = jd_json_parse(k->a, copy, NULL, &v, &err) ? NULL : jd_jget(&v, "name");
        if (n && n->type == JD_JSTR) name = jd_jstr(n);
    }
    jd_buf_fini(&text);
    return jd_tables_refused_name(id, name, k->a);
}

/* GET /api/tables/{id}/refused: in the table's own form and encoding, so no text/...; charset. */
jd_turn api_table_refused(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    if (!jd_tables_refused(k->app->tables, r->parts[0], &r->out))
        return not_found(k, "row set aside of table", "该数据表被拒绝的行");
    jd_req_add_header(r, "Content-Disposition", disposition(k, name_of(k, r->parts[0])));
    r->type = "application/octet-stream";
    return api_done(k, 200);
}
