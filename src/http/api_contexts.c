/* Hosting @contexts: clauses 5.13.2-5.13.5, resources 6.29 and 6.30. Hosted ones are documents of their own kind in
 * their tenant, so they are as durable as entities; the registry, which all tenants share, holds them for use. Cached
 * ones are everybody's and are not kept. */
#include "http/api_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Stored as "<kind> <createdAt in us> <document>". */
static jd_str pack(jd_arena *a, jd_ctxkind kind, jd_time created, jd_str text) {
    return jd_arena_printf(a, "%c %lld %.*s", kind == JD_CTX_IMPLICIT ? 'I' : 'H', (long long)created,
                           JD_STR_ARG(text));
}

static int unpack(jd_str body, jd_ctxkind *kind, jd_time *created, jd_str *text) {
    const char *space = body.n > 2 ? memchr(body.p + 2, ' ', body.n - 2) : NULL;
    if (!space) return -1;
    *kind = body.p[0] == 'I' ? JD_CTX_IMPLICIT : JD_CTX_HOSTED;
    *created = 0;
    for (const char *p = body.p + 2; p < space && *p >= '0' && *p <= '9'; p++) *created = *created * 10 + (*p - '0');
    *text = (jd_str){space + 1, (size_t)(body.p + body.n - space) - 1};
    return 0;
}

typedef struct loading {
    jd_api *api;
    jd_err *err;
    int rc;
} loading;

static void load_one(void *user, jd_str id, jd_str body) {
    loading *l = user;
    jd_ctxkind kind;
    jd_time created;
    jd_str text;
    if (l->rc) return;
    if (unpack(body, &kind, &created, &text))
        l->rc = jd_fail(l->err, JD_E_INTERNAL, "the stored @context %.*s cannot be read",
                        "已存储的 @context %.*s 无法读取", JD_STR_ARG(id));
    else
        l->rc = jd_contexts_host(l->api->contexts, id, kind, text, created, l->err);
}

int api_contexts_load(jd_api *api, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    jd_str *tenants;
    loading l = {api, err, 0};
    size_t n = jd_tenants_list(api->engine, &a, &tenants);
    for (size_t i = 0; i < n && !l.rc; i++) {
        jd_view v;
        jd_view_begin(&v, api->engine, jd_tenant_find(api->engine, tenants[i]), &a);
        jd_view_each_kind(&v, JD_K_CONTEXT, &l, load_one);
        jd_view_end(&v);
    }
    jd_arena_fini(&a);
    return l.rc;
}

/* ---- adding ---- */

typedef struct hosting {
    jd_write w;
    jd_str id;
} hosting;

static void added(jd_job *job) {
    api_ask *k = job->user;
    jd_req *r = k->r;
    hosting *h = k->own;
    if (h->w.err.code) {
        jd_contexts_drop(k->app->contexts, h->id);
        k->err = h->w.err;
        api_fail(k);
    } else {
        jd_req_add_header(r, "Location", jd_arena_printf(k->a, API_ROOT "/jsonldContexts/%.*s", JD_STR_ARG(h->id)));
        api_done(k, 201);
    }
    jd_req_resume(r);
}

static jd_str random_id(jd_arena *a) {
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) abort(); /* never happens for so few bytes */
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    return jd_arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
                           b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* The registry takes it first, for it checks it; nobody can name it before the answer has told its id. */
jd_turn api_contexts_add(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_BODY | API_MAKES_TENANT, &turn);
    if (!k) return turn;
    const jd_jval *ctx = jd_jget(&k->body, "@context");
    if (!ctx) {
        jd_fail(&k->err, JD_E_INVALID_REQUEST, "the body must be a JSON object with an @context",
                "请求体必须是带有 @context 的 JSON 对象");
        return api_fail(k);
    }
    hosting *h = JD_NEW(k->a, hosting);
    jd_buf b = {0};
    jd_json_write(&b, &k->body);
    jd_str text = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    jd_time now = jd_now();
    h->id = random_id(k->a);
    if (jd_contexts_host(k->app->contexts, h->id, JD_CTX_HOSTED, text, now, &k->err)) return api_fail(k);
    h->w.kind = JD_K_CONTEXT;
    h->w.rq.id = h->id;
    h->w.raw_body = pack(k->a, JD_CTX_HOSTED, now, text);
    k->own = h;
    k->job.writes = &h->w;
    k->job.n = 1;
    k->job.make_tenant = 1;
    k->job.done = added;
    turn = api_submit(k);
    if (turn != JD_LATER) jd_contexts_drop(k->app->contexts, h->id);
    return turn;
}

int api_context_implicit(api_ask *k, const jd_jval *value, jd_str *url, jd_str *made, jd_write *w) {
    jd_ctxinfo there;
    jd_buf b = {0};
    jd_time now = jd_now();
    jd_buf_z(&b, "{\"@context\":");
    jd_json_write(&b, value);
    jd_buf_c(&b, '}');
    jd_str text = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_str(&b, k->tenant);
    jd_str id = jd_arena_printf(k->a, "implicit-%016llx", (unsigned long long)jd_hash_fixed(b.p, b.n));
    jd_buf_fini(&b);
    *url = jd_arena_printf(k->a, "%.*s" API_ROOT "/jsonldContexts/%.*s", JD_STR_ARG(k->app->base_url), JD_STR_ARG(id));
    *made = (jd_str){NULL, 0};
    if (jd_contexts_find(k->app->contexts, k->a, id, &there)) return 0;
    if (jd_contexts_host(k->app->contexts, id, JD_CTX_IMPLICIT, text, now, &k->err)) return -1;
    *made = id;
    *w = (jd_write){.kind = JD_K_CONTEXT, .rq = {.id = id}, .raw_body = pack(k->a, JD_CTX_IMPLICIT, now, text)};
    return 0;
}

/* ---- serving ---- */

static int is_hosted(jd_ctxkind kind) {
    return kind != JD_CTX_CACHED;
}

/* Hosted ones are of one tenant only. */
static int is_ours(api_ask *k, const jd_ctxinfo *c) {
    jd_str body;
    return !is_hosted(c->kind) || jd_view_get_kind(&k->view, JD_K_CONTEXT, c->local_id, &body);
}

static void write_url(api_ask *k, jd_buf *b, const jd_ctxinfo *c) {
    jd_str url = is_hosted(c->kind) ? jd_arena_printf(k->a, "%.*s" API_ROOT "/jsonldContexts/%.*s",
                                                      JD_STR_ARG(k->app->base_url), JD_STR_ARG(c->local_id))
                                    : c->url;
    jd_json_write_str(b, url);
}

static void write_time(jd_buf *b, const char *name, jd_time t) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, -1, text);
    jd_buf_c(b, ',');
    api_str(b, name, (jd_str){text, n});
}

static void write_details(api_ask *k, jd_buf *b, const jd_ctxinfo *c) {
    static const char *const kinds[] = {"Cached", "Hosted", "ImplicitlyCreated"};
    jd_buf_z(b, "{\"URL\":");
    write_url(k, b, c);
    jd_buf_c(b, ',');
    api_str(b, "localId", c->local_id);
    jd_buf_c(b, ',');
    api_str(b, "kind", jd_str_of(kinds[c->kind]));
    write_time(b, "createdAt", c->created);
    if (c->last_used != JD_TIME_NONE) write_time(b, "lastUsage", c->last_used);
    jd_buf_printf(b, ",\"numberOfHits\":%llu}", (unsigned long long)c->hits);
}

static jd_turn plain(api_ask *k, int status) {
    k->r->type = "application/json";
    return api_done(k, status);
}

static int read_kind(api_ask *k, int *kind) {
    jd_str v = api_param(k, "kind");
    *kind = -1;
    if (!v.p) return 0;
    if (jd_str_is(v, "Cached"))
        *kind = JD_CTX_CACHED;
    else if (jd_str_is(v, "Hosted"))
        *kind = JD_CTX_HOSTED;
    else if (jd_str_is(v, "ImplicitlyCreated"))
        *kind = JD_CTX_IMPLICIT;
    if (*kind >= 0) return 0;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "kind must be Hosted, Cached or ImplicitlyCreated",
            "kind 必须为 Hosted、Cached 或 ImplicitlyCreated");
    return jd_fail_at(&k->err, "kind");
}

/* A tenant that is not there has no contexts of its own; the cached ones are everybody's. */
static void view_or_empty(api_ask *k) {
    jd_view_begin(&k->view, k->app->engine, k->tenant.n ? k->tenant_no : 0, k->a);
    k->viewing = 1;
}

jd_turn api_contexts_list(jd_req *r) {
    jd_turn turn;
    int details, kind;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (api_bool(k, "details", &details) || read_kind(k, &kind)) return api_fail(k);
    view_or_empty(k);
    jd_ctxinfo *list;
    size_t n = jd_contexts_list(k->app->contexts, k->a, kind, &list), shown = 0;
    jd_buf *b = &r->out;
    jd_buf_c(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (!is_ours(k, &list[i])) continue;
        if (shown++) jd_buf_c(b, ',');
        if (details)
            write_details(k, b, &list[i]);
        else
            write_url(k, b, &list[i]);
    }
    jd_buf_c(b, ']');
    return plain(k, 200);
}

static int find(api_ask *k, jd_ctxinfo *c) {
    jd_str id = k->r->parts[0];
    if (jd_contexts_find(k->app->contexts, k->a, id, c) && is_ours(k, c)) return 0;
    return jd_fail(&k->err, JD_E_NOT_FOUND, "there is no @context %.*s here", "此处没有 @context %.*s",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

jd_turn api_context_get(jd_req *r) {
    jd_turn turn;
    int details;
    jd_ctxinfo c;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    view_or_empty(k);
    if (api_bool(k, "details", &details) || find(k, &c)) return api_fail(k);
    if (details) {
        write_details(k, &r->out, &c);
    } else if (!is_hosted(c.kind)) {
        jd_fail(&k->err, JD_E_NOT_SUPPORTED,
                "a cached @context is served at its own URL; ask with details=true for what is known of it",
                "缓存的 @context 请从其原 URL 获取；用 details=true 可查看其信息");
        return api_fail(k);
    } else {
        jd_buf_str(&r->out, c.body);
    }
    return plain(k, 200);
}

/* ---- deleting ---- */

static void dropped(jd_job *job) {
    api_ask *k = job->user;
    jd_req *r = k->r;
    if (job->writes[0].err.code) {
        k->err = job->writes[0].err;
        api_fail(k);
    } else {
        jd_contexts_drop(k->app->contexts, job->writes[0].rq.id);
        api_done(k, 204);
    }
    jd_req_resume(r);
}

static jd_turn reload(api_ask *k, const jd_ctxinfo *c) {
    if (is_hosted(c->kind)) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "only cached @contexts can be loaded again",
                "只有缓存的 @context 可以重新加载");
        return api_fail(k);
    }
    if (!k->r->may_block) return api_wait(k);
    return jd_contexts_reload(k->app->contexts, c->url, &k->err) ? api_fail(k) : api_done(k, 204);
}

static int is_core(api_ask *k, const jd_ctxinfo *c) {
    jd_ctxinfo core;
    return jd_contexts_find(k->app->contexts, k->a, JD_STR(JD_CORE_CONTEXT_URL), &core) &&
           jd_str_eq(core.local_id, c->local_id);
}

jd_turn api_context_delete(jd_req *r) {
    jd_turn turn;
    int again;
    jd_ctxinfo c;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    view_or_empty(k);
    if (api_bool(k, "reload", &again)) return api_fail(k);
    if (find(k, &c)) {
        if (again) k->err.code = JD_E_BAD_REQUEST_DATA; /* clause 5.13.5.4: only a cached one can be loaded again */
        return api_fail(k);
    }
    if (again) return reload(k, &c);
    if (is_core(k, &c)) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the core @context is part of the program",
                "核心 @context 是程序的一部分，不能删除");
        return api_fail(k);
    }
    if (!is_hosted(c.kind)) {
        jd_contexts_drop(k->app->contexts, c.url);
        return api_done(k, 204);
    }
    jd_view_end(&k->view);
    k->viewing = 0;
    jd_write *w = JD_NEW(k->a, jd_write);
    w->kind = JD_K_CONTEXT;
    w->rq.id = c.local_id;
    k->job.writes = w;
    k->job.n = 1;
    k->job.done = dropped;
    return api_submit(k);
}
