/* told/told.h - whoever should know: one matcher on what groups published, and what it sets off.
 *
 * NGSI-LD subscriptions (ETSI GS CIM 009 clauses 5.2.12, 5.8): a subscription is a document of its tenant; the matcher
 * tests what changed against those whose type or attributes it touches, and hands notifications to deliveries, one
 * queue an endpoint. Threads: the matcher and the deliveries have their own; everything here may be called from any
 * thread. Memory: results live in the given arena. */
#ifndef JD_TOLD_TOLD_H
#define JD_TOLD_TOLD_H
#include "engine/engine.h"
#include "model/context.h"
#include "model/render.h"
#include "told/live.h"

typedef struct jd_told_room jd_told_room;
typedef struct jd_told_opts {
    jd_engine *engine;
    jd_contexts *contexts;
    jd_str base_url;      /* of our own contexts' URLs; outlives the room */
    size_t changes_bytes; /* changes that wait for the matcher, and notifications that the store does not have; beyond,
                             writers wait; 0: a quarter of log_bytes, for the log is held meanwhile */
    uint64_t log_bytes;   /* the engine's log_bytes_max; 0: its default, 256 MiB */
    uint32_t subs_max;    /* of one tenant; 0: 200,000 */
    uint32_t queue_max;   /* notifications that wait for one endpoint; beyond, the oldest are dead letters; 0: 10,000 */
    uint32_t crowd;       /* notifications for a quick endpoint from which on matching waits for it; 0: 1,000 */
    uint32_t quick_ms;    /* an endpoint that takes so long to answer is not waited for; 0: 50 */
    uint32_t dead_max;    /* dead letters that are kept; 0: 1,000 */
    uint32_t gather_max;  /* entities gathered for one throttled subscription; 0: 1,000 */
    uint32_t at_once_max; /* endpoints that are posted to at the same time; 0: 256 */
    uint32_t tries_max;   /* of one notification, 15 s apart in the end; 0: 200, some 50 minutes */
    uint32_t timeout_ms;  /* of one try, unless the subscription says otherwise; 0: 5,000 */
    uint32_t brokers_max; /* connections to MQTT brokers; beyond, notifications wait for an idle one; 0: 256 */
    const char *ca_file;  /* certificates that endpoints are checked against, beside the system's; NULL: those alone */
    uint32_t group_max;   /* the engine's group_changes_max; 0: its default */
    jd_live_opts live;    /* the engine is filled in here */
} jd_told_opts;

/* Loads the subscriptions of all tenants and begins to watch. Before the first write. */
int jd_told_start(jd_told_room **out, const jd_told_opts *opts, jd_err *err);
/* Before the engine's drain, when nothing new comes: what was matched is delivered and noted as done, for a moment. */
void jd_told_quiet(jd_told_room *r);
/* Behind the engine's drain: what was matched is tried once more for a moment, then all ends. NULL is fine. */
void jd_told_stop(jd_told_room *r);

jd_live *jd_told_live(jd_told_room *r); /* live views; NULL when the room is gone (r NULL) */

/* ---- endpoints of our own: jindu:KIND/NAME, as people/ takes them ---- */
typedef struct jd_told_handed { /* a notification; bytes live for the call */
    jd_str kind, name;          /* of the endpoint's URI */
    jd_str subscription, id;    /* its id: the same one again is the same notification */
    jd_str title;               /* the subscription's name, or what describes it; p NULL: neither */
    jd_str body;
    jd_str (*info)(const struct jd_told_handed *h, const char *key); /* receiverInfo's; p NULL: not there */
    const jd_str *watched; /* names of the watched attributes, else of those in q, in the subscription's words */
    size_t watched_n;
    int (*tells)(const struct jd_told_handed *h, jd_str attr); /* may its notifications have that attribute? */
    int reach; /* asked by check: may it reach somebody right now? else: may a subscription name it? */
    const void *sub;
} jd_told_handed;
/* Hands one over: *taken is to be told of with jd_told_taken, once, from any thread, also from within. */
typedef void (*jd_told_hand)(void *user, const jd_told_handed *h, void *taken);
/* check: may a subscription name that endpoint, and does receiverInfo say what it may (asked when it is new or another
 * one), or (reach) may it reach somebody now? 0, or -1 with *err. Before the door opens, once. Both are called until
 * jd_told_stop. */
void jd_told_hand_to(jd_told_room *r, jd_told_hand hand, int (*check)(void *user, const jd_told_handed *h, jd_err *err),
                     void *user);
/* A subscription of any tenant that names jindu:KIND/NAME: its id, in the arena; p NULL: none does. */
jd_str jd_told_names(jd_told_room *r, jd_str kind, jd_str name, jd_arena *a);
/* ok, or why not; again: it may yet be taken. */
void jd_told_taken(jd_told_room *r, void *taken, int ok, int again, const char *why);

/* ---- subscriptions ---- */
/* Checks a subscription (5.2.12) in ctx, the asker's context. Names become IRIs; *body is the document to be kept, *id
 * its id (made when it has none). old: what is patched (5.8.2), or p NULL. A member given as null goes. In the arena.
 * JD_E_BAD_REQUEST_DATA with the member, JD_E_NOT_SUPPORTED. */
int jd_sub_check(jd_told_room *r, const jd_jval *v, jd_context *ctx, jd_str old, jd_time now, jd_arena *a, jd_str *id,
                 jd_str *body, jd_err *err);
/* Behind the write of that document (p NULL: it was deleted). */
void jd_sub_changed(jd_told_room *r, int tenant, jd_str id, jd_str body);
/* A subscription as JSON in the asker's words, with its state and what became of its notifications. */
void jd_sub_render(jd_told_room *r, int tenant, jd_str id, jd_str body, jd_context *ctx, int sys_attrs, jd_arena *a,
                   jd_buf *out);
/* Why it would (not) tell of an entity were it created as it is now, as a JSON object: {"matches":bool}, `because` the
 * first condition that fails and what was found, and what else decides: watches, triggers, throttledUntil,
 * endpointStatus. */
void jd_sub_explain(jd_told_room *r, int tenant, jd_str id, const jd_doc *d, int zh, jd_buf *out);
/* Its attempts, newest first, what waits, and its dead letters, as a JSON object. 0: there is no such subscription. */
int jd_sub_attempts(jd_told_room *r, int tenant, jd_str id, jd_buf *out);
/* Puts its dead letters back into the queue; how many, -1: there is no such subscription. */
int64_t jd_sub_resend(jd_told_room *r, int tenant, jd_str id);
/* Tells of all entities that it selects, as they are, and that were changed since then; how many, or -1. */
int64_t jd_sub_replay(jd_told_room *r, int tenant, jd_str id, jd_time since, jd_err *err);
/* Members of a subscription that no one reads: a JSON list of their names ("notification.endpoint.uril"). The standard
 * lets them pass. */
void jd_sub_ignored(const jd_jval *v, jd_buf *out);
/* What a subscription would tell of now, were it made: {"matches":n,"entities":[ids],"unknownNames":[IRIs]}; body: from
 * jd_sub_check. */
int jd_sub_dry_run(jd_told_room *r, int tenant, jd_str id, jd_str body, jd_arena *a, jd_buf *out, jd_err *err);
void jd_told_metrics(jd_told_room *r, jd_buf *out); /* Prometheus text; r NULL: nothing */
#endif
