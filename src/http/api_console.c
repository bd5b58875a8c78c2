/* Jindu's own: what the console needs to know of its city (docs/console.md). */
#include "http/api_int.h"

#include <stdlib.h>

struct api_console {
    jd_arena arena;
    jd_jval settings; /* an object */
    jd_str answer;    /* of GET /api/console */
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
    return 0;
}

void api_console_close(jd_api *api) {
    if (!api->console) return;
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
