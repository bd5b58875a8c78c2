/* http/api.h - the NGSI-LD API (ETSI GS CIM 009 V1.9.1 clause 6) on an engine: routes -> calls; nothing is decided
 * here. Lifetime: a jd_api lives as long as the door that serves it. Threads: read-only once started. */
#ifndef JD_HTTP_API_H
#define JD_HTTP_API_H
#include "engine/engine.h"
#include "http/door.h"
#include "link/links.h"
#include "link/tables.h"
#include "pack/pack.h"
#include "people/people.h"
#include "rule/rule.h"
#include "told/told.h"
#include "model/context.h"

typedef struct jd_api {
    jd_engine *engine;
    jd_contexts *contexts;
    jd_told_room *told;
    jd_people *people;
    jd_rules *rules;
    jd_packs *packs;
    jd_links *links;             /* NULL: there are none (the routes are not asked then) */
    jd_tables *tables;           /* likewise */
    jd_str base_url;             /* http://host:port, for URLs of our own contexts */
    jd_str alias;                /* contextSourceAlias of the default tenant; a token (RFC 9110 5.6.2) */
    int open;                    /* no sign-in: whoever asks may also administer */
    jd_str console_text;         /* settings of the console, checked (jd_console_check); p NULL: none */
    const char *version;         /* of the program */
    struct api_console *console; /* made of both by jd_api_start */
    jd_time started;
    uint32_t limit_default; /* entities of a page when none is asked */
    uint32_t limit_max;
    uint32_t batch_max;     /* items of one batch */
    uint32_t temporal_page; /* instances of one temporal answer; beyond: 206 */
    uint32_t fast_max;      /* a question over at most so many entities is answered on the I/O thread */
} jd_api;

/* The rows for jd_door_opts.routes; the door's app pointer must be the jd_api. */
const jd_route *jd_api_routes(size_t *n);
/* Fills in limits that are 0, and hands the contexts hosted by all tenants to the registry. */
int jd_api_start(jd_api *api, jd_err *err);
/* Behind the start of the packs, and as their jd_packs_opts.changed: the @context of all names is made anew. */
void jd_api_names(void *api);
/* Where the console's map tiles come from ("https://host:port"); NULL: from nowhere. It lives as long as the api. */
const char *jd_api_tiles(const jd_api *api);
void jd_api_stop(jd_api *api); /* behind the door */
#endif
