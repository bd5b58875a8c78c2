/* What all operations have in common: the checks before, in the order of clause 6.3, and the way of answering. */
#include "http/api_int.h"
#include "http/media.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONTEXT_REL "http://www.w3.org/ns/json-ld#context"

enum { BODY_FAST_MAX = 256 * 1024 }; /* a longer body is read on a worker, so that an I/O thread does not stand still */

static const char *const media_names[] = {"application/json", "application/ld+json", "application/geo+json"};

/* ---- the Link header (RFC 8288) ---- */

static void skip_blanks(jd_str *s) {
    while (s->n && (*s->p == ' ' || *s->p == '\t')) s->p++, s->n--;
}

static int take(jd_str *s, char c) {
    skip_blanks(s);
    if (!s->n || *s->p != c) return 0;
    s->p++, s->n--;
    return 1;
}

static jd_str take_token(jd_str *s, const char *ends) {
    skip_blanks(s);
    jd_str t = {s->p, 0};
    while (s->n && !strchr(ends, *s->p)) s->p++, s->n--, t.n++;
    while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t')) t.n--;
    return t;
}

static jd_str take_quoted(jd_str *s) { /* behind the opening quote */
    jd_str t = {s->p, 0};
    while (s->n && *s->p != '"') s->p++, s->n--, t.n++;
    take(s, '"');
    return t;
}

/* Is one of the blank-separated relations the @context's? */
static int names_context(jd_str rels) {
    while (rels.n) {
        jd_str one = take_token(&rels, " ");
        if (jd_str_is(one, CONTEXT_REL)) return 1;
        skip_blanks(&rels);
    }
    return 0;
}

static int read_link(api_ask *k) {
    jd_str s = jd_req_header(k->r, "Link");
    if (!s.p) return 0;
    for (;;) {
        while (take(&s, ',')) {}
        if (!s.n) return 0;
        if (!take(&s, '<'))
            return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the Link header is malformed", "Link 头格式有误");
        jd_str url = take_token(&s, ">");
        if (!take(&s, '>'))
            return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the Link header is malformed", "Link 头格式有误");
        int is_context = 0;
        while (take(&s, ';')) {
            jd_str name = take_token(&s, "=;,"), value = {NULL, 0};
            if (take(&s, '=')) value = take(&s, '"') ? take_quoted(&s) : take_token(&s, ";,");
            if (name.n == 3 && strncasecmp(name.p, "rel", 3) == 0) is_context |= names_context(value);
        }
        if (is_context && k->link.p)
            return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the Link header names more than one @context",
                           "Link 头给出了不止一个 @context");
        if (is_context) k->link = url;
        skip_blanks(&s);
        if (s.n && *s.p != ',')
            return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the Link header is malformed", "Link 头格式有误");
    }
}

/* ---- the other headers ---- */

static int read_tenant(api_ask *k, unsigned needs) {
    jd_str name = jd_req_header(k->r, "NGSILD-Tenant");
    if (!name.n) return 0;
    if (!jd_tenant_name_valid(name))
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "the NGSILD-Tenant header is no name of a tenant",
                       "NGSILD-Tenant 头不是有效的租户名");
    k->tenant = name;
    jd_req_add_header(k->r, "NGSILD-Tenant", name);
    k->tenant_no = jd_tenant_find(k->app->engine, name);
    if (k->tenant_no >= 0 || needs & (API_MAKES_TENANT | API_ANY_TENANT)) return 0;
    return jd_fail(&k->err, JD_E_NO_TENANT, "tenant %.*s does not exist", "租户 %.*s 不存在", JD_STR_ARG(name));
}

static int read_media(api_ask *k, unsigned needs) {
    if (needs & API_READ) {
        int best = jd_media_match(jd_req_header(k->r, "Accept"), media_names, needs & API_GEO ? 3 : 2);
        if (best < 0)
            return jd_fail(&k->err, JD_E_NOT_ACCEPTABLE, "there is application/json, application/ld+json%s",
                           "可提供 application/json、application/ld+json%s",
                           needs & API_GEO ? ", application/geo+json" : "");
        k->accept = (api_accept)best;
    }
    if (!(needs & API_BODY)) return 0;
    jd_str type = jd_req_header(k->r, "Content-Type");
    if (jd_media_is(type, "application/json") ||
        (needs & API_PATCH && jd_media_is(type, "application/merge-patch+json")))
        return 0;
    k->body_is_ld = jd_media_is(type, "application/ld+json");
    if (k->body_is_ld) return 0;
    return jd_fail(&k->err, JD_E_MEDIA_TYPE, "the body must be application/json%s or application/ld+json",
                   "请求体须为 application/json%s 或 application/ld+json",
                   needs & API_PATCH ? ", application/merge-patch+json" : "");
}

/* RFC 7240: preferences by comma, each with parameters by semicolon; names in any case, values may be quoted. Those of
 * clause 6.3.18 are body=json and the version that the asker knows. */
static void read_prefer(api_ask *k) {
    jd_str s = jd_req_header(k->r, "Prefer");
    while (s.n) {
        jd_str one = take_token(&s, ",;");
        while (s.n && s.p[0] == ';') { /* its parameters */
            s.p++, s.n--;
            (void)take_token(&s, ",;");
        }
        if (s.n) s.p++, s.n--;
        const char *equals = one.n ? memchr(one.p, '=', one.n) : NULL;
        jd_str name = {one.p, equals ? (size_t)(equals - one.p) : one.n}, value = {one.p + name.n, one.n - name.n};
        if (value.n) value.p++, value.n--;
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') value.p++, value.n -= 2;
        if (name.n == 4 && !strncasecmp(name.p, "body", 4) && jd_str_is(value, "json")) k->prefer_json = 1;
        if (name.n != 7 || strncasecmp(name.p, "ngsi-ld", 7)) continue;
        if (value.n != 3 || value.p[0] != '1' || value.p[1] != '.' || value.p[2] < '0' || value.p[2] > '9') continue;
        int minor = value.p[2] - '0';
        k->prefer_minor = minor == 9 ? 0 : minor ? minor : 1;
        jd_req_add_header(k->r, "Preference-Applied", jd_arena_printf(k->a, "ngsi-ld=1.%d", minor));
    }
}

/* ---- format and options ---- */

static int one_option(api_ask *k, jd_str s, unsigned needs, int is_format) {
    enum { FORMS = API_O_FORMAT | API_O_TEMPORAL };
    static const struct {
        const char *name;
        unsigned bit; /* any of these */
        jd_format format;
        api_evolution evolution;
    } known[] = {{"normalized", FORMS, JD_NORMALIZED, API_E_INSTANCES},
                 {"concise", FORMS, JD_CONCISE, API_E_INSTANCES},
                 {"simplified", API_O_FORMAT, JD_SIMPLIFIED, API_E_INSTANCES},
                 {"keyValues", API_O_FORMAT, JD_SIMPLIFIED, API_E_INSTANCES},
                 {"simplified", API_O_TEMPORAL, JD_NORMALIZED, API_E_VALUES},
                 {"temporalValues", API_O_TEMPORAL, JD_NORMALIZED, API_E_VALUES},
                 {"aggregatedValues", API_O_TEMPORAL, JD_NORMALIZED, API_E_AGGREGATED},
                 {"sysAttrs", API_O_SYSATTRS, JD_NORMALIZED, API_E_INSTANCES},
                 {"count", API_O_COUNT, JD_NORMALIZED, API_E_INSTANCES},
                 {"noOverwrite", API_O_NO_OVERWRITE, JD_NORMALIZED, API_E_INSTANCES},
                 {"replace", API_O_REPLACE, JD_NORMALIZED, API_E_INSTANCES},
                 {"update", API_O_UPDATE, JD_NORMALIZED, API_E_INSTANCES}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        unsigned bit = known[i].bit & needs;
        if (!bit || !jd_str_is(s, known[i].name) || (is_format && !(bit & FORMS))) continue;
        if (bit & FORMS) k->format = known[i].format, k->evolution = known[i].evolution;
        k->options |= bit;
        return 0;
    }
    const char *what = is_format ? "format" : "options";
    jd_fail(&k->err, JD_E_INVALID_REQUEST, "%s cannot be \"%.*s\" here", "%s 不能为“%.*s”", what, JD_STR_ARG(s));
    return jd_fail_at(&k->err, "%s", what);
}

static int read_options(api_ask *k, unsigned needs) {
    jd_str list = api_param(k, "options"), format = api_param(k, "format");
    while (list.n) {
        jd_str one = take_token(&list, ",");
        if (one_option(k, one, needs, 0)) return -1;
        if (!list.n) break;
        list.p++, list.n--;
        if (!list.n) return one_option(k, list, needs, 0);
    }
    k->sys_attrs = (k->options & API_O_SYSATTRS) != 0;
    return format.p ? one_option(k, format, needs, 1) : 0;
}

/* ---- body and @context ---- */

static int misplaced(api_ask *k, const char *en, const char *zh) {
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", en, zh);
    return jd_fail_at(&k->err, "@context");
}

/* 0, -1, or 1: must wait. */
static int load_context(api_ask *k, const jd_jval *in_body) {
    if (in_body) return jd_contexts_get(k->app->contexts, in_body, k->r->may_block, &k->ctx, &k->err);
    if (k->link.p) return jd_contexts_get_url(k->app->contexts, k->link, k->r->may_block, &k->ctx, &k->err);
    k->ctx = jd_ctx_ref(jd_contexts_core(k->app->contexts));
    return 0;
}

static int read_body(api_ask *k, unsigned needs) {
    if (jd_json_parse(k->a, k->r->body, NULL, &k->body, &k->err)) return -1;
    if (!(needs & API_OBJECT)) return 0;
    if (k->body.type == JD_JOBJ || (needs & API_LIST && k->body.type == JD_JARR)) return 0;
    return jd_fail(&k->err, JD_E_INVALID_REQUEST, "the body must be a JSON object", "请求体必须是 JSON 对象");
}

static const char both_en[] = "a JSON-LD body carries its @context itself; there must be no Link to one";
static const char both_zh[] = "JSON-LD 请求体自带 @context，不能再用 Link 头指定";

static int read_context(api_ask *k, unsigned needs) {
    if (read_link(k)) return -1;
    if (!(needs & API_BODY)) return load_context(k, NULL);
    if (k->body_is_ld && k->link.p) return misplaced(k, both_en, both_zh);
    if (!(needs & API_OBJECT)) return load_context(k, NULL);
    const jd_jval *own = jd_jget(&k->body, "@context");
    if (k->body_is_ld && !own)
        return misplaced(k, "a JSON-LD body must have an @context", "JSON-LD 请求体必须带有 @context");
    if (!k->body_is_ld && own)
        return misplaced(k,
                         "an application/json body must not have an @context; send it as application/ld+json, or name "
                         "it in a Link header",
                         "application/json 请求体不能带 @context；请以 application/ld+json 发送，或在 Link 头中给出");
    return load_context(k, own);
}

int api_item_context(api_ask *k, const jd_jval *item, jd_context **out, jd_err *err) {
    const jd_jval *own = jd_jget(item, "@context");
    if (k->body_is_ld && !own)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "an item of a JSON-LD body must have an @context",
                       "JSON-LD 请求体的每一项必须带有 @context");
    if (!k->body_is_ld && own)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "an item of an application/json body must not have an @context",
                       "application/json 请求体的项不能带 @context");
    if (!own) {
        *out = k->ctx;
        return 0;
    }
    int rc = jd_contexts_get(k->app->contexts, own, k->r->may_block, out, err);
    if (rc) return rc;
    k->more[k->more_n++] = *out;
    return 0;
}

/* ---- begin and end ---- */

/* 6.3.4: without Content-Length, 411. Jindu's own routes that take no body have none when nothing says how long it is
 * (RFC 9112 6.3): `curl -X POST` sends no length. */
static int no_length(const api_ask *k) {
    if (k->r->route->flags & JD_R_OWN && !(k->r->route->flags & JD_R_BODY)) return 0;
    return k->r->method & (JD_POST | JD_PUT | JD_PATCH) && !jd_req_header(k->r, "Content-Length").p;
}

static int check_id(api_ask *k) {
    jd_str id = k->r->parts[0];
    if (jd_uri_valid(id)) return 0;
    return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "entity id \"%.*s\" is not a URI", "实体标识“%.*s”不是 URI",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

static int check_snapshot(api_ask *k) {
    jd_str name = jd_req_header(k->r, "NGSILD-Snapshot");
    if (!name.p) return 0;
    return jd_fail(&k->err, JD_E_NOT_FOUND, "there is no such snapshot", "没有这个快照");
}

api_ask *api_begin(jd_req *r, unsigned needs, jd_turn *turn) {
    api_ask *k = JD_NEW(r->arena, api_ask);
    k->r = r;
    k->app = r->app;
    k->a = r->arena;
    k->tenant = JD_STR("");
    r->headers_n = 0; /* of an earlier run */
    r->out.n = 0;
    if (no_length(k)) {
        r->status = 411;
        *turn = JD_ANSWER;
        return NULL;
    }
    if (needs & API_BODY && r->body.n > BODY_FAST_MAX && !r->may_block) {
        *turn = JD_MAY_BLOCK;
        return NULL;
    }
    int rc = read_tenant(k, needs) || read_media(k, needs) || read_options(k, needs) ||
             (needs & API_READ && check_snapshot(k)) || (needs & API_ID && check_id(k)) ||
             (needs & API_BODY && read_body(k, needs));
    if (!rc) rc = read_context(k, needs);
    if (!rc) {
        if (needs & API_READ) read_prefer(k);
        return k;
    }
    *turn = rc == 1 && k->err.code == JD_E_OK ? api_wait(k) : api_fail(k);
    return NULL;
}

void api_end(api_ask *k) {
    if (k->viewing) jd_view_end(&k->view);
    k->viewing = 0;
    if (k->ctx) jd_ctx_unref(k->ctx);
    k->ctx = NULL;
    while (k->more_n) jd_ctx_unref(k->more[--k->more_n]);
}

jd_turn api_fail(api_ask *k) {
    api_end(k);
    return jd_req_fail(k->r, &k->err);
}

jd_turn api_wait(api_ask *k) {
    api_end(k);
    return JD_MAY_BLOCK;
}

jd_turn api_done(api_ask *k, int status) {
    api_end(k);
    k->r->status = status;
    return JD_ANSWER;
}

static void add_context_link(api_ask *k) {
    jd_str url = jd_ctx_url(k->ctx);
    if (url.p)
        jd_req_add_header(
            k->r, "Link",
            jd_arena_printf(k->a, "<%.*s>; rel=\"" CONTEXT_REL "\"; type=\"application/ld+json\"", JD_STR_ARG(url)));
}

jd_turn api_answer(api_ask *k, int status) {
    k->r->type = media_names[k->accept];
    if (k->accept == API_JSON || (k->accept == API_GEOJSON && k->prefer_json)) add_context_link(k);
    return api_done(k, status);
}

void api_context_member(api_ask *k, jd_buf *out) {
    if (k->accept == API_JSON || (k->accept == API_GEOJSON && k->prefer_json)) return;
    jd_buf_z(out, ",\"@context\":");
    jd_render_context(k->ctx, out);
}

void api_str(jd_buf *out, const char *name, jd_str value) {
    jd_json_write_key(out, jd_str_of(name));
    jd_json_write_str(out, value);
}

void api_problem(const api_ask *k, jd_buf *out, const jd_err *err) {
    jd_buf_c(out, '{');
    api_str(out, "type", jd_str_of(jd_err_uri(err->code)));
    jd_buf_c(out, ',');
    api_str(out, "title", jd_str_of(jd_err_title(err->code, k->r->zh)));
    jd_buf_c(out, ',');
    api_str(out, "detail", jd_str_of(k->r->zh ? err->zh : err->en));
    jd_buf_printf(out, ",\"status\":%d", jd_err_status(err->code));
    if (err->place[0]) {
        jd_buf_c(out, ',');
        api_str(out, "place", jd_str_of(err->place));
    }
    jd_buf_c(out, '}');
}

int api_may_administer(api_ask *k) {
    if (k->app->open) return 0;
    return jd_fail(&k->err, JD_E_NOT_SUPPORTED, "this needs --open", "此操作需要 --open 模式");
}

/* ---- parameters ---- */

jd_str api_param(const api_ask *k, const char *name) {
    return jd_req_param(k->r, name);
}

int api_bool(api_ask *k, const char *name, int *out) {
    jd_str v = api_param(k, name);
    *out = v.p && jd_str_is(v, "true");
    if (!v.p || *out || jd_str_is(v, "false")) return 0;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s must be true or false", "%s 必须为 true 或 false", name);
    return jd_fail_at(&k->err, "%s", name);
}

int api_number(api_ask *k, const char *name, uint64_t absent, uint64_t max, uint64_t *out) {
    jd_str v = api_param(k, name);
    *out = absent;
    if (!v.p) return 0;
    uint64_t n = 0;
    size_t i = 0;
    while (i < v.n && i < 18 && v.p[i] >= '0' && v.p[i] <= '9') n = n * 10 + (uint64_t)(v.p[i++] - '0');
    if (!v.n || i < v.n || n > max) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s must be a number from 0 to %llu", "%s 必须为 0 到 %llu 的整数",
                name, (unsigned long long)max);
        return jd_fail_at(&k->err, "%s", name);
    }
    *out = n;
    return 0;
}

int api_split(jd_arena *a, jd_str text, jd_str **out, size_t *n) {
    size_t parts = 1;
    for (size_t i = 0; i < text.n; i++) parts += text.p[i] == ',';
    *out = JD_NEWN(a, jd_str, parts);
    *n = 0;
    for (;;) {
        jd_str one = take_token(&text, ",");
        if (!one.n) return -1;
        (*out)[(*n)++] = one;
        if (!text.n) return 0;
        text.p++, text.n--;
    }
}

int api_uri_list(api_ask *k, const char *what, jd_str text, jd_str **out, size_t *n) {
    int rc = api_split(k->a, text, out, n);
    for (size_t i = 0; !rc && i < *n; i++) rc = !jd_uri_valid((*out)[i]);
    if (!rc) return 0;
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s must be a list of URIs", "%s 必须是 URI 列表", what);
    return jd_fail_at(&k->err, "%s", what);
}

jd_names api_names(api_ask *k) {
    return (jd_names){k->a, k->ctx, jd_engine_symbols(k->app->engine)};
}

/* "." and "..", also percent-encoded once more than the path is: steps in a tree, which some clients or proxies take.
 */
static int is_dots(jd_str s) {
    size_t dots = 0;
    while (s.n) {
        size_t n = s.p[0] == '.' ? 1 : s.n >= 3 && strncasecmp(s.p, "%2e", 3) == 0 ? 3 : 0;
        if (!n) return 0;
        s.p += n, s.n -= n, dots++;
    }
    return dots == 1 || dots == 2;
}

int api_known_name(api_ask *k, jd_str name, jd_sym *out) {
    *out = 0;
    int bad = !jd_name_valid(name) || name.p[0] == '@' || is_dots(name);
    jd_str iri = bad ? (jd_str){NULL, 0} : jd_ctx_expand(k->ctx, k->a, name);
    if (bad || !iri.n || iri.p[0] == '@')
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "\"%.*s\" is not a name of a type or an attribute",
                       "“%.*s”不是类型或属性的名称", (int)(name.n > 150 ? 150 : name.n), name.p);
    *out = jd_sym_find(jd_engine_symbols(k->app->engine), iri);
    return 0;
}

int api_sym_list(api_ask *k, jd_str text, jd_sym **out, uint32_t *n) {
    jd_str *names;
    size_t names_n;
    if (api_split(k->a, text, &names, &names_n))
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "a name in the list is empty", "列表中有空名称");
    *out = JD_NEWN(k->a, jd_sym, names_n);
    *n = (uint32_t)names_n;
    for (size_t i = 0; i < names_n; i++)
        if (api_known_name(k, names[i], &(*out)[i])) return -1;
    return 0;
}
