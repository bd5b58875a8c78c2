/* http/server.h - one running Jindu: engine, contexts, API and door wired together from a set of options.
 * Lifetime: from jd_server_start to jd_server_stop, which leaves nothing behind. Threads: start and stop from one
 * thread. */
#ifndef JD_HTTP_SERVER_H
#define JD_HTTP_SERVER_H
#include "http/door.h"
#include "link/links.h"
#include "told/live.h"
#include "pack/pack.h"
#include "people/people.h"

typedef struct jd_server_opts {
    const char *data_dir;           /* made when it is not there */
    const char *host;               /* NULL: 127.0.0.1 */
    unsigned port;                  /* 0: any free one */
    const char *base_url;           /* how others reach us; NULL: http://host:port */
    const char *alias;              /* contextSourceAlias; NULL: jindu */
    const char *contexts_dir;       /* @contexts to be had without a network, served where they are ours; NULL: none */
    int no_fetch;                   /* never fetch an @context */
    const char *const *fetch_allow; /* prefixes of URLs that may be fetched, ended by NULL; NULL: any */
    const char *web_dir;            /* a folder of static files; NULL: door.web_files */
    jd_str console;                 /* settings of the console, checked (jd_console_check); p NULL: none */
    const char *version;            /* of the program, for whoever asks */
    int open;                       /* no sign-in, loopback only: whoever asks may also administer (POST /api/backup) */
    uint32_t limit_default, limit_max, batch_max, temporal_page;        /* 0: 20, 1,000, 10,000, 10,000 */
    uint32_t names_max, tenants_max, group_changes_max, query_scan_max; /* see engine.h */
    uint64_t log_bytes_max, min_free;
    size_t queue_bytes_max;
    /* history; 0: as engine.h says */
    size_t history_heads_bytes, history_cache_bytes, history_recent_bytes, history_write_max;
    uint64_t history_heads_age_ms;
    uint32_t history_fan, history_read_max;
    const jd_str *history_off; /* they live as long as the server */
    size_t history_off_n;
    uint32_t tables_kept; /* see tables.h; 0: as it says */
    uint64_t tables_refused_bytes;
    jd_links_opts links;   /* engine and contexts are filled in here */
    const char *notify_ca; /* see told.h, as is the next */
    uint32_t notify_brokers_max;
    jd_live_opts live;      /* the engine is filled in here */
    jd_people_opts people;  /* likewise engine and base_url */
    uint32_t rules_try_max; /* see rule.h */
    jd_packs_opts packs;    /* likewise engine, contexts, rules, group_max */
    /* of the door; see door.h. host, port, web_dir, documents, tiles, routes and app are filled in here. */
    jd_door_opts door;
    void (*on_dead)(void *user, const char *why); /* after a failed sync; from the writer thread */
    void *on_dead_user;
} jd_server_opts;

typedef struct jd_server jd_server;
int jd_server_start(const jd_server_opts *opts, jd_server **out, jd_err *err);
unsigned jd_server_port(const jd_server *s);
void jd_server_stop(jd_server *s); /* answers what was begun, makes it durable, then frees s */
#endif
