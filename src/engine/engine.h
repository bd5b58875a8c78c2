/* engine/engine.h - the living city: tenants, entities, indexes, one writer, commit groups, publishing.
 *
 * Reading: jd_view_begin() announces a snapshot of one tenant (the newest published group); documents opened through it
 * stay as they are until jd_view_end(). Views are short, per thread, and never block the writer. Writing: jd_submit()
 * hands a job (one or more entity operations) to the writer thread; done() is called after the job's last group is
 * durable and published (or refused). What was reported without error survives a power cut. Threads: everything here
 * may be called from any thread, unless said. One process-wide writer thread per engine. */
#ifndef JD_ENGINE_ENGINE_H
#define JD_ENGINE_ENGINE_H
#include "geo/geo.h"
#include "model/entity.h"
#include "model/query.h"
#include "series/series.h"

typedef struct jd_engine jd_engine;

typedef struct jd_engine_opts {
    const char *dir;        /* data folder */
    const char *vfs;        /* tests only */
    uint64_t log_bytes_max; /* see store.h; 0: default */
    uint64_t min_free;
    uint32_t names_max;         /* symbols; 0: 1,000,000 */
    uint32_t tenants_max;       /* 0: 10,000 */
    uint32_t group_changes_max; /* changes of one commit group; 0: 1,024 */
    size_t group_bytes_max;     /* 0: 4 MiB */
    size_t queue_bytes_max;     /* of jobs that wait; beyond: JD_E_BUSY; 0: 256 MiB */
    uint32_t slice_changes;     /* a batch goes in slices of so many changes; 0: 256 */
    uint32_t query_scan_max;    /* documents that one question may test; 0: 50 million -> JD_E_TOO_COMPLEX_QUERY */
    uint32_t entity_attrs_max;  /* attribute instances of one entity; 0: 10,000 */
    size_t entity_bytes_max;    /* of one document; 0: 16 MiB */
    uint32_t order_max;         /* matches that one question may sort; 0: 1,000,000 -> JD_E_TOO_COMPLEX_QUERY */
    uint32_t column_worth;      /* entities in question from which a numeric comparison is worth a column; 0: 4,096 */
    size_t history_heads_bytes; /* readings in memory before they are sealed; 0: 64 MiB */
    uint64_t history_heads_age_ms; /* or when so old; 0: 10 minutes */
    size_t history_cache_bytes;    /* of sealed rows kept in memory; 0: 256 MiB */
    size_t history_recent_bytes;   /* of sealed readings kept for windows of rules; 0: 256 MiB */
    uint32_t history_fan;          /* sealed runs of a level that are merged into one; 0: 8 */
    size_t history_write_max;      /* bytes of readings that one write may give at once; 0: 64 MiB */
    uint32_t history_read_max;     /* readings that one question may open; 0: 20 million */
    const jd_str *history_off;     /* entity types (IRIs) whose changes leave no history; "*": all types */
    size_t history_off_n;
    int manual;                                   /* tests: no writer thread; jd_engine_step() does one group */
    void (*on_dead)(void *user, const char *why); /* after a failed sync; called once, from the writer */
    void *on_dead_user;
} jd_engine_opts;

int jd_engine_open(jd_engine **out, const jd_engine_opts *opts, jd_err *err);
/* For whoever waits for changes (told/, rule/): what a published group did to entities, in order, on the writer's
 * thread before the group's askers are answered. Bytes live for the call; a p of NULL: the entity was not, or is not,
 * there. The callee copies what it needs; while it does not return, nothing is written. One watcher a place; set before
 * the first write. */
typedef enum jd_watch_place { JD_WATCH_TOLD, JD_WATCH_RULES, JD_WATCHERS } jd_watch_place;
typedef struct jd_seen {
    int tenant;
    jd_str was, is; /* documents */
} jd_seen;
typedef void (*jd_watcher)(void *user, uint64_t group, const jd_seen *seen, size_t n);
/* Asked on the writer's thread of each tenant whose entities a group changes: 1 when the log is to remember for the
 * watcher what stood there before, so that jd_engine_missed can say it after a crash. */
typedef int (*jd_watch_wants)(void *user, int tenant);
void jd_engine_watch(jd_engine *e, jd_watch_place place, jd_watcher watcher, jd_watch_wants wants, void *user);
/* What the log still holds of wanted changes behind the group `after`, group by group, as the watcher would have seen
 * it. After jd_engine_open and before the first write. */
void jd_engine_missed(jd_engine *e, uint64_t after, jd_watcher watcher, void *user);
/* The log stays from this group on; 0: as far as this watcher is concerned it may go. Any thread. After a start it
 * stays from the first change on that jd_engine_missed could tell, until each of the watchers has said. */
void jd_engine_keep(jd_engine *e, jd_watch_place place, uint64_t from);
uint64_t jd_engine_group(const jd_engine *e); /* the newest that is published */
void jd_engine_drain(jd_engine *e); /* finishes what was submitted; later submits are refused with JD_E_BUSY */
void jd_engine_close(jd_engine *e);
int jd_engine_step(jd_engine *e); /* manual mode */
/* A consistent back-up of the running engine into the new file `path`, synced; takes as long as it takes, any thread.
 * progress (may be NULL): bytes done of total. Fails like jd_store_backup. */
typedef void (*jd_engine_progress)(void *user, uint64_t done, uint64_t total);
int jd_engine_backup(jd_engine *e, const char *path, jd_engine_progress progress, void *user, jd_err *err);
jd_symtab *jd_engine_symbols(jd_engine *e);

/* Reserved kinds of documents, stored: append only; entities are kind 0. */
/* HISTORY and CHANGED are no kinds of documents: their changes live in the log, those of HISTORY until they are sealed,
 * those of CHANGED (what stood there before, for the watcher) until it has seen them. */
typedef enum jd_dkind {
    JD_K_ENTITY = 0,
    JD_K_TENANT = 1,
    JD_K_CONTEXT = 2,
    JD_K_HISTORY = 3,
    JD_K_POLICY = 4,
    JD_K_LINK = 5,       /* a link's declaration (link/links.h) */
    JD_K_DEVICE = 6,     /* who speaks on a link, and which entity it is */
    JD_K_QUARANTINE = 7, /* frames that were acknowledged, but that the link's mapping could not take */
    JD_K_MAPPING = 8,    /* how rows of a table become readings (docs/mapping.md) */
    JD_K_SUBSCRIPTION = 9,
    JD_K_CHANGED = 10,
    JD_K_CONTACT = 11, /* somebody who is told (people/people.h) */
    JD_K_ROSTER = 12,  /* who is on duty when */
    JD_K_CHANNEL = 13, /* a way to reach people */
    JD_K_MESSAGE = 14,
    JD_K_TOLD = 15, /* how far the matcher is, notifications that wait (told/keep.c) */
    JD_K_PACK = 16,
    JD_K_RULED = 17, /* how far rules are, what they remember of an entity (rule/state.c) */
    JD_K_COUNT
} jd_dkind;

/* ---- tenants ---- */
/* The tenant's number by name (empty: the default one, always 0); -1 when there is none. */
int jd_tenant_find(jd_engine *e, jd_str name);
/* The name by that number, which lives as long as the engine; empty: the default one. */
jd_str jd_tenant_name(jd_engine *e, int tenant);
/* A valid tenant name: 1..200 of letters, digits, '_', '-', '.', ':' and '/'. */
int jd_tenant_name_valid(jd_str name);
size_t jd_tenants_list(jd_engine *e, jd_arena *a, jd_str **out);

/* ---- writing ---- */
typedef struct jd_moments { /* readings of one attribute and datasetId, oldest first */
    jd_sym attr;
    uint32_t dataset;
    const jd_reading *r; /* `recorded` is the group's */
    size_t n;
} jd_moments;
typedef struct jd_write {
    jd_dkind kind;
    jd_change_req rq;      /* of entities */
    jd_str raw_body;       /* other kinds: the document's bytes; p NULL: it goes. rq.id is its id. */
    const char *if_match;  /* NUL-terminated header value or NULL; the suffix of an ETag is ignored */
    uint64_t if_etag;      /* only while the entity is still this version; 0: whatever it is */
    int if_none_match_any; /* If-None-Match: * - only when it does not exist */
    /* OBSERVE as jd_observe_readings makes it: the newest instance of each series, in the place of rq.ent; without
     * moments they are all there is */
    const jd_ready *ready;
    uint32_t ready_n;
    /* of history (rq.op JD_OP_T_*, JD_OP_OBSERVE): jd_moments_make fills these */
    const jd_moments *moments;
    size_t moments_n;
    const jd_sym *moment_types; /* T_UPSERT, T_APPEND: united with those the entity has */
    uint32_t moment_types_n;
    /* T_INST_PUT, T_INST_DELETE: which instance (jd_inst_id_parse; rq.attr is its attribute) */
    jd_time inst_at;
    uint32_t inst_dataset;
    int inst_observed;
    jd_kind gone_kind; /* T_GONE */
    /* results */
    jd_applied applied; /* strings and arrays live in the job's arena */
    jd_err err;         /* code JD_E_OK when done; texts stand last, for there are a thousand bytes of them */
} jd_write;

/* Jobs of one lane are worked on one after the other, in the order in which they were submitted; others may overtake
 * each other, since large ones are taken slice by slice. Zero is a free lane; its memory outlives its jobs. */
typedef struct jd_lane { /* the engine's */
    struct jd_job *running, *first, **last;
} jd_lane;

typedef struct jd_job {
    jd_str tenant; /* name; made on the fly when make_tenant is set, else JD_E_NO_TENANT on every write */
    int make_tenant;
    int atomic; /* all writes or none (a change set); at most group_changes_max of them */
    jd_write *writes;
    size_t n;
    jd_arena *arena; /* the writer allocates results here while the job is submitted */
    size_t bytes;    /* what it weighs in the queue (the request's body will do) */
    void (*done)(
        struct jd_job *job); /* on the writer thread; must not block. The job's memory is the submitter's again. */
    void *user;
    jd_lane *lane; /* NULL: none */
    size_t slice;  /* it goes in slices of so many writes; 0: slice_changes. A larger one holds up others longer. */
    /* when done */
    int failed;        /* writes may have failed, each says whether it has; 0: none has */
    int tenant_number; /* as jd_tenant_find gives it; not set where the tenant does not exist */
    /* the engine's */
    struct jd_job *next;
    size_t at;
} jd_job;
/* Takes the job, or refuses it (JD_E_BUSY, JD_E_INTERNAL on a dead engine) and then done() is not called. */
int jd_submit(jd_engine *e, jd_job *job, jd_err *err);

/* ---- reading ---- */
typedef struct jd_view {
    jd_engine *e;
    struct jd_tenant *t;
    uint64_t group;
    jd_time now;     /* documents past their expiry at this time are not there */
    jd_arena *arena; /* for trimmed documents */
    int reader;      /* the engine's */
    int no_wait; /* questions about history fail with JD_E_BUSY, and would_wait is set, where they would read the disk
                  */
    int would_wait; /* or open many readings */
} jd_view;
/* tenant: a number from jd_tenant_find. */
void jd_view_begin(jd_view *v, jd_engine *e, int tenant, jd_arena *a);
void jd_view_end(jd_view *v);
/* Opens an entity; 1 or 0. */
int jd_view_get(jd_view *v, jd_str id, jd_doc *out);
int jd_view_get_kind(jd_view *v, jd_dkind kind, jd_str id, jd_str *body);
void jd_view_each_kind(jd_view *v, jd_dkind kind, void *user, void (*each)(void *user, jd_str id, jd_str body));
uint64_t jd_doc_etag(const jd_doc *d); /* hash of the document's bytes */

typedef struct jd_question {
    const jd_str *ids; /* any of these; n 0: all */
    size_t ids_n;
    const jd_regex *id_pattern;
    const jd_typeq *types; /* each may be NULL */
    const jd_scopeq *scopes;
    const jd_q *q;
    const jd_geoq *geo;
    jd_sym geo_property;     /* 0 with geo: a name the store does not know */
    const jd_proj *attrs;    /* keeps only entities that have one of the attributes named */
    const jd_sym *any_attrs; /* POST query `attrs`/ `entities` need nothing more */
    const jd_order *
        order; /* NULL: by serial: the order of creation, but that an entity may take the place of one removed before */
    const jd_geoq *order_from; /* for dist-* */
    jd_sym order_geo;
    int (*also)(void *user, const jd_doc *d); /* one more test; NULL: none */
    void *also_user;
    uint64_t offset, limit; /* limit 0 with count: nothing but the count */
    int count;              /* *total is wanted */
    int temporal;           /* hidden entities (history.h) are asked too; q, geo, scopes and order must not be set */
} jd_question;

typedef struct jd_plan { /* how a question was answered: for explain and tests */
    const char *index;   /* "id", "type", "scope", "geo", "column", "scan" */
    uint64_t candidates, tested, matched;
} jd_plan;

/* Calls back with the page's documents in order. *total (may be NULL): all that match, when count is set. A callback
 * that returns non-zero stops. JD_E_TOO_COMPLEX_QUERY when query_scan_max is reached. */
int jd_view_query(jd_view *v, const jd_question *q, void *user, int (*each)(void *user, const jd_doc *d),
                  uint64_t *total, jd_plan *plan, jd_err *err);

/* A cheap guess at how many documents the question will look at: to choose a thread for it. */
uint64_t jd_view_estimate(jd_view *v, const jd_question *q);

/* ---- discovery (5.7.5-5.7.10): what is there, counted exactly ---- */
typedef struct jd_typeinfo {
    jd_sym type;
    uint64_t entities;
} jd_typeinfo;
size_t jd_view_types(jd_view *v, jd_arena *a, jd_typeinfo **out);
typedef struct jd_attrinfo {
    jd_sym attr;
    uint64_t instances; /* entities that have it */
    uint32_t kinds;     /* bit per jd_kind */
    jd_sym *types;      /* entity types that have it */
    uint32_t types_n;
} jd_attrinfo;
/* type 0: over all entities; else only attributes of entities of that type. */
size_t jd_view_attrs(jd_view *v, jd_sym type, jd_arena *a, jd_attrinfo **out);

typedef struct jd_engine_stats {
    uint64_t groups, changes, entities, tenants, symbols, versions_kept, doc_bytes, queue_bytes, refused;
    int dead;
} jd_engine_stats;
void jd_engine_get_stats(jd_engine *e, jd_engine_stats *out);
void jd_engine_metrics(jd_engine *e, jd_buf *out); /* Prometheus text, store included */
#endif
