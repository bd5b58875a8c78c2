/* Puts the rooms together, and takes them apart in the opposite order. */
#include "http/server.h"

#include "http/api.h"

#include <stdlib.h>

struct jd_server {
    jd_api api;
    jd_door *door;
    char *base_url, *alias;
    jd_arena arena; /* of the documents */
    jd_web_file *documents;
    size_t documents_n;
};

static void metrics(void *app, jd_buf *out) {
    const jd_api *api = app;
    jd_engine_metrics(api->engine, out);
    jd_links_metrics(api->links, out);
    jd_told_metrics(api->told, out);
    jd_people_metrics(api->people, out);
    jd_rules_metrics(api->rules, out);
}

static int health(void *app, jd_buf *out) {
    const jd_api *api = app;
    jd_engine_stats s;
    jd_engine_get_stats(api->engine, &s);
    jd_buf_printf(out, ",\"entities\":%llu,\"store\":\"%s\"", (unsigned long long)s.entities,
                  s.dead ? "stopped after a failed sync" : "well");
    return !s.dead;
}

/* What was read of devices goes to the writer first; what is durable is answered before their lines are closed. */
static void drain(void *app) {
    jd_api *api = app;
    jd_packs_quiet(api->packs);
    jd_tables_quiet(api->tables);
    jd_links_quiet(api->links);
    jd_rules_quiet(api->rules);
    jd_told_quiet(api->told);
    jd_people_quiet(api->people);
    jd_engine_drain(api->engine);
    jd_packs_links(api->packs, NULL); /* an install that is under way is over then */
    if (api->rules) jd_rules_links(api->rules, NULL);
    jd_links_stop(api->links);
    api->links = NULL;
}

static int open_rooms(jd_server *s, const jd_server_opts *o, jd_err *err) {
    jd_engine_opts eo = {.dir = o->data_dir,
                         .log_bytes_max = o->log_bytes_max,
                         .min_free = o->min_free,
                         .names_max = o->names_max,
                         .tenants_max = o->tenants_max,
                         .group_changes_max = o->group_changes_max,
                         .queue_bytes_max = o->queue_bytes_max,
                         .query_scan_max = o->query_scan_max,
                         .history_heads_bytes = o->history_heads_bytes,
                         .history_heads_age_ms = o->history_heads_age_ms,
                         .history_cache_bytes = o->history_cache_bytes,
                         .history_recent_bytes = o->history_recent_bytes,
                         .history_fan = o->history_fan,
                         .history_write_max = o->history_write_max,
                         .history_read_max = o->history_read_max,
                         .history_off = o->history_off,
                         .history_off_n = o->history_off_n,
                         .on_dead = o->on_dead,
                         .on_dead_user = o->on_dead_user};
    if (jd_engine_open(&s->api.engine, &eo, err)) return -1;
    jd_contexts_opts co = {.offline_dir = o->contexts_dir, .no_fetch = o->no_fetch, .allow = o->fetch_allow};
    s->api.contexts = jd_contexts_create(jd_engine_symbols(s->api.engine), &co, err);
    return s->api.contexts ? 0 : -1;
}

/* The path of a URL of this program, however it is called from this machine; n 0: it is another's. */
static jd_str own_path(const jd_server *s, jd_str url) {
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    jd_str base = s->api.base_url, rest = {NULL, 0};
    for (size_t i = 0; !rest.n && i < sizeof hosts / sizeof *hosts; i++) {
        size_t n = strlen(hosts[i]);
        if (url.n <= n || memcmp(url.p, hosts[i], n) != 0) continue;
        if (url.p[n] == ':')
            for (n++; n < url.n && url.p[n] >= '0' && url.p[n] <= '9';) n++;
        rest = (jd_str){url.p + n, url.n - n};
    }
    if (jd_str_starts(url, base)) rest = (jd_str){url.p + base.n, url.n - base.n};
    int path = rest.n > 1 && rest.p[0] == '/' && !memchr(rest.p, '?', rest.n) && !memchr(rest.p, '#', rest.n);
    return path ? rest : (jd_str){NULL, 0};
}

static void keep_document(void *user, jd_str url, jd_str text) {
    jd_server *s = user;
    jd_str path = own_path(s, url);
    if (!path.n) return;
    s->documents = jd_xrealloc(s->documents, (s->documents_n + 1) * sizeof *s->documents);
    s->documents[s->documents_n++] =
        (jd_web_file){jd_arena_dup(&s->arena, path).p, NULL, jd_arena_dup(&s->arena, text).p, text.n};
}

static int open_door(jd_server *s, const jd_server_opts *o, jd_err *err) {
    jd_door_opts d = o->door;
    if (jd_contexts_offline(s->api.contexts, keep_document, s, err)) return -1;
    d.documents = s->documents;
    d.documents_n = s->documents_n;
    d.host = o->host ? o->host : "127.0.0.1";
    d.port = o->port;
    d.web_dir = o->web_dir;
    d.tiles = jd_api_tiles(&s->api);
    d.routes = jd_api_routes(&d.routes_n);
    d.app = &s->api;
    d.taken_max = o->live.readers_max;
    d.metrics = metrics;
    d.health = health;
    return jd_door_start(&s->door, &d, err);
}

/* With port 0 the URL is known only once the door is open, so it names the host alone until then. */
static void name_ourselves(jd_server *s, const jd_server_opts *o) {
    jd_buf b = {0};
    if (o->base_url)
        jd_buf_z(&b, o->base_url);
    else
        jd_buf_printf(&b, "http://%s:%u", o->host ? o->host : "127.0.0.1", o->port);
    while (b.n && b.p[b.n - 1] == '/') b.n--;
    size_t n;
    s->base_url = jd_buf_take(&b, &n);
    s->api.base_url = (jd_str){s->base_url, n};
    if (!o->alias) return;
    s->alias = jd_xstrdup(jd_str_of(o->alias));
    s->api.alias = jd_str_of(s->alias);
}

/* Rules are there before the first write; the packs bring them. */
static int start_rules(jd_server *s, const jd_server_opts *o, jd_err *err) {
    jd_rules_opts ro = {.engine = s->api.engine,
                        .contexts = s->api.contexts,
                        .people = s->api.people,
                        .log_bytes = o->log_bytes_max,
                        .group_max = o->group_changes_max,
                        .try_max = o->rules_try_max};
    if (jd_rules_start(&s->api.rules, &ro, err)) return -1;
    jd_packs_opts po = o->packs;
    po.engine = s->api.engine;
    po.contexts = s->api.contexts;
    po.rules = s->api.rules;
    po.group_max = o->group_changes_max;
    po.changed = jd_api_names;
    po.changed_user = &s->api;
    if (jd_packs_start(&s->api.packs, &po, err)) return -1;
    jd_api_names(&s->api);
    jd_rules_watch(s->api.rules);
    return 0;
}

static int start_links(jd_server *s, const jd_links_opts *o, jd_err *err) {
    if (jd_links_start(&s->api.links, o, err)) return -1;
    jd_rules_links(s->api.rules, s->api.links);
    jd_packs_links(s->api.packs, s->api.links);
    return jd_packs_go(s->api.packs, err);
}

int jd_server_start(const jd_server_opts *opts, jd_server **out, jd_err *err) {
    jd_server *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    s->api.limit_default = opts->limit_default;
    s->api.limit_max = opts->limit_max;
    s->api.batch_max = opts->batch_max;
    s->api.temporal_page = opts->temporal_page;
    s->api.open = opts->open;
    s->api.console_text = opts->console;
    s->api.version = opts->version;
    name_ourselves(s, opts);
    jd_links_opts lo = opts->links;
    int rc = open_rooms(s, opts, err) || jd_api_start(&s->api, err);
    lo.engine = s->api.engine;
    lo.contexts = s->api.contexts;
    jd_told_opts to = {.engine = lo.engine,
                       .contexts = lo.contexts,
                       .base_url = s->api.base_url,
                       .brokers_max = opts->notify_brokers_max,
                       .ca_file = opts->notify_ca,
                       .group_max = opts->group_changes_max,
                       .log_bytes = opts->log_bytes_max,
                       .live = opts->live};
    jd_tables_opts ta = {.engine = lo.engine,
                         .contexts = lo.contexts,
                         .data_dir = opts->data_dir,
                         .kept = opts->tables_kept,
                         .refused_bytes = opts->tables_refused_bytes};
    jd_people_opts po = opts->people;
    po.engine = lo.engine;
    po.base_url = s->api.base_url;
    /* whoever watches changes is there before anything writes some: rules, then told, then tables and links */
    rc = rc || jd_people_start(&s->api.people, &po, err) || start_rules(s, opts, err) ||
         jd_told_start(&s->api.told, &to, err) || jd_rules_go(s->api.rules, err) ||
         jd_tables_start(&s->api.tables, &ta, err);
    if (!rc) jd_people_listen(s->api.people, s->api.told);
    lo.tables = s->api.tables;
    if (rc || start_links(s, &lo, err) || open_door(s, opts, err)) {
        jd_server_stop(s);
        return -1;
    }
    *out = s;
    return 0;
}

unsigned jd_server_port(const jd_server *s) {
    return jd_door_port(s->door);
}

void jd_server_stop(jd_server *s) {
    if (s->door)
        jd_door_stop(s->door, drain);
    else if (s->api.told)
        drain(&s->api);
    /* behind the last request: some of them work on these */
    jd_packs_stop(s->api.packs);
    jd_api_stop(&s->api);
    jd_rules_stop(s->api.rules);
    jd_told_stop(s->api.told);
    jd_people_stop(s->api.people);
    jd_tables_stop(s->api.tables);
    jd_contexts_destroy(s->api.contexts);
    jd_engine_close(s->api.engine);
    jd_arena_fini(&s->arena);
    free(s->documents);
    free(s->base_url);
    free(s->alias);
    free(s);
}
