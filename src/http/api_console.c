/* Jindu's own: what the console needs to know of its city (docs/console.md). */
#include "http/api_int.h"

#include "base/log.h"

#include <stdlib.h>

struct api_console {
    jd_arena arena;
    jd_jval settings; /* an object */
    jd_str answer;    /* of GET /api/console */
    jd_str prefix;    /* path of the base URL; empty: none */
    jd_buf names;     /* the @context as it is hosted; whoever changes packs has it to himself */
};

/* ---- settings ---- */

/* Members that the console always finds. */
static const struct {
    const char *name, *text;
} absent[] = {{"city", "{\"zh\":\"津渡\",\"en\":\"Jindu\"}"},
              {"zone", "\"Asia/Shanghai\""},
              {"contexts", "[]"},
              {"views", "[]"},
              {"figures", "[]"},
              {"labels", "{\"types\":{},\"attributes\":{},\"links\":{},\"units\":{},\"protocols\":{}}"}};

static void write_answer(const jd_api *api, const jd_jval *settings, jd_buf *b) {
    jd_buf_z(b, "{\"console\":1,");
    api_str(b, "version", jd_str_of(api->version ? api->version : ""));
    jd_buf_printf(b, ",\"open\":%s", api->open ? "true" : "false");
    for (uint32_t i = 0; i < settings->n; i++) {
        if (jd_str_is(settings->members[i].name, "console")) continue;
        jd_buf_c(b, ',');
        jd_json_write_key(b, settings->members[i].name);
        jd_json_write(b, &settings->members[i].val);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (!jd_jget(settings, absent[i].name)) jd_buf_printf(b, ",\"%s\":%s", absent[i].name, absent[i].text);
    jd_buf_c(b, '}');
}

/* ---- the @context of all names ---- */

#define OWN_CONTEXT "/api/console/context.jsonld"

static jd_str path_of(jd_str url) {
    const char *end = url.p + url.n, *host = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    const char *slash = host ? memchr(host + 3, '/', (size_t)(end - host - 3)) : NULL;
    return slash ? (jd_str){slash, (size_t)(end - slash)} : JD_STR("");
}

/* As what stands at that path of this program, whatever it is called by who asks: nothing is fetched. */
static void host(const jd_api *api, jd_str path, jd_str text) {
    const struct api_console *c = api->console;
    jd_err err = {0};
    jd_arena a;
    jd_arena_init(&a);
    int rc = jd_contexts_host(api->contexts, path, JD_CTX_HOSTED, text, jd_now(), &err);
    if (!rc && c->prefix.n) {
        jd_str below = jd_arena_printf(&a, "%.*s%.*s", JD_STR_ARG(c->prefix), JD_STR_ARG(path));
        rc = jd_contexts_host(api->contexts, below, JD_CTX_HOSTED, text, jd_now(), &err);
    }
    if (rc) jd_log(JD_LOG_WARN, "console.context", "why=\"%s\"", err.en);
    jd_arena_fini(&a);
}

/* Of two elements that give one name two meanings the later has it (JSON-LD 1.1): the city's own come last. */
void jd_api_names(void *app) {
    const jd_api *api = app;
    struct api_console *c = api->console;
    const jd_jval *own = jd_jget(&c->settings, "contexts");
    jd_buf b = {0};
    jd_buf_z(&b, "{\"@context\":[");
    jd_buf_str(&b, jd_alert_names_text());
    jd_packs_contexts(api->packs, &b);
    for (uint32_t i = 0; own && i < own->n; i++) {
        jd_buf_c(&b, ',');
        jd_json_write(&b, &own->items[i]);
    }
    jd_buf_z(&b, "]}");
    if (!jd_str_eq(jd_buf_view(&b), jd_buf_view(&c->names))) host(api, JD_STR(OWN_CONTEXT), jd_buf_view(&b));
    jd_buf_fini(&c->names);
    c->names = b;
}

/* GET /api/console/context.jsonld, as it is hosted. */
jd_turn api_console_context(jd_req *r) {
    jd_turn turn;
    jd_ctxinfo c;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    if (!jd_contexts_find(k->app->contexts, k->a, JD_STR(OWN_CONTEXT), &c)) {
        jd_fail(&k->err, JD_E_INTERNAL, "it could not be made; the log says why", "未能生成，原因见日志");
        return api_fail(k);
    }
    jd_buf_str(&r->out, c.body);
    r->type = "application/ld+json";
    return api_done(k, 200);
}

/* ---- beginning and end ---- */

int api_console_open(jd_api *api, jd_err *err) {
    struct api_console *c = jd_xcalloc(1, sizeof *c);
    jd_buf b = {0};
    jd_arena_init(&c->arena);
    api->console = c;
    jd_str text = jd_arena_dup(&c->arena, api->console_text.p ? api->console_text : JD_STR("{}"));
    if (jd_json_parse(&c->arena, text, NULL, &c->settings, err)) return -1;
    write_answer(api, &c->settings, &b);
    c->answer = jd_arena_dup(&c->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    c->prefix = path_of(api->base_url);
    host(api, JD_STR("/api/alerts/context.jsonld"),
         jd_arena_printf(&c->arena, "{\"@context\":%.*s}", JD_STR_ARG(jd_alert_names_text())));
    return 0;
}

const char *jd_api_tiles(const jd_api *api) {
    struct api_console *c = api->console;
    const jd_jval *tiles = jd_jget(&c->settings, "tiles"), *url = tiles ? jd_jget(tiles, "url") : NULL;
    if (!url) return NULL;
    jd_str all = jd_jstr(url), path = path_of(all);
    return jd_arena_dup(&c->arena, (jd_str){all.p, all.n - path.n}).p;
}

void api_console_close(jd_api *api) {
    if (!api->console) return;
    jd_buf_fini(&api->console->names);
    jd_arena_fini(&api->console->arena);
    free(api->console);
    api->console = NULL;
}

/* GET /api/console: the settings of the file, what it left out, and who answers. */
jd_turn api_console_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_buf_str(&r->out, k->app->console->answer);
    return api_json(k);
}
