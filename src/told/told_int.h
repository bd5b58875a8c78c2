/* told/told_int.h - what the files of this room share. Nobody else includes it. */
#ifndef JD_TOLD_INT_H
#define JD_TOLD_INT_H
#include "told/told.h"

#include "base/hash.h"
#include "geo/geo.h"
#include "told/mqtt_out.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- sub.c: a subscription, compiled; immutable but for its state; counted ---- */
enum { /* notificationTrigger (5.2.12) */
       SUB_ENTITY_CREATED = 1,
       SUB_ENTITY_UPDATED = 2,
       SUB_ENTITY_DELETED = 4,
       SUB_ATTR_CREATED = 8,
       SUB_ATTR_UPDATED = 16,
       SUB_ATTR_DELETED = 32
};
typedef struct sub_selector {
    jd_typeq *types; /* NULL: any */
    jd_regex *pattern;
    jd_str id; /* p NULL: any */
} sub_selector;

typedef struct attempt { /* to deliver a notification */
    jd_time at;
    char id[80];  /* of the notification */
    uint32_t ms;  /* how long the answer took */
    int status;   /* HTTP's; 0: there was no answer */
    char why[56]; /* what went wrong; empty: it was taken */
} attempt;
enum { ATTEMPTS = 16 };

/* What became of a subscription: shared by all its versions, counted; under the room's lock. */
typedef struct sub_state {
    _Atomic uint32_t refs;
    _Atomic int deleted; /* the subscription was: what waits for it is not told any more */
    uint64_t sent, failed;
    jd_time last_sent, last_success, last_failure; /* JD_TIME_NONE: never */
    jd_time told_at;                               /* for throttling, and for timeInterval */
    int failing;
    unsigned dirty;    /* STATE_*: what keep.c has to write */
    attempt *attempt;  /* a ring of ATTEMPTS, in its beginnings smaller; NULL: none yet */
    uint32_t attempts; /* up to 2 * ATTEMPTS - 1: from ATTEMPTS on the ring is full */
    struct gathered {  /* what came while it was throttled: the newest of each entity */
        struct gathered *next;
        jd_str id, data; /* ours; data: as in a notification */
    } * gathered, **gathered_last;
    uint32_t gathered_n;
    uint64_t gathered_group; /* of the newest */
    uint64_t gathered_lost;  /* because there were too many */
} sub_state;
enum { STATE_COUNTS = 1, STATE_TELLING = 2 };

typedef struct sub {
    _Atomic uint32_t refs;
    jd_arena arena;
    int tenant;
    jd_str tenant_name; /* the engine's; n 0: the default tenant */
    jd_str id, body;
    jd_jval doc; /* the subscription, names as IRIs */
    jd_context *ctx;
    sub_selector *selectors;
    uint32_t selectors_n; /* 0: any entity */
    jd_sym *watched;
    uint32_t watched_n; /* 0: any attribute */
    jd_q *q;
    jd_str q_text; /* p NULL: none */
    jd_geoq *geo;
    jd_sym geo_property;
    jd_scopeq *scopes;
    unsigned triggers;
    int64_t interval_s, throttling_s; /* 0: none */
    jd_time expires;                  /* JD_TIME_NONE: never */
    int active;
    int names_open; /* it names what the store does not know yet */
    /* notification */
    jd_proj *proj;
    jd_format format;
    int sys_attrs, show_changes, geojson, ld;
    const jd_str *datasets; /* datasetId: these instances alone */
    size_t datasets_n;
    jd_join join;
    int join_level;
    jd_str lang, uri;
    struct sub_header {
        jd_str name, value;
    } * receiver; /* receiverInfo */
    uint32_t receiver_n;
    jd_str own_kind, own_name; /* the endpoint, when it is one of our own (jindu:KIND/NAME) */
    const jd_str *own_watched; /* then: what it is about, in its words */
    size_t own_watched_n;
    mqtt_target mqtt;                 /* the endpoint, when it is one of MQTT */
    uint32_t timeout_ms, cooldown_ms; /* 0: as the room says */
    jd_time created;                  /* what changed before is not its business */
    sub_state *state;                 /* NULL: of one that is only checked */
    /* the matcher's */
    int listed;      /* it stands in the index, or among those that go by time */
    uint64_t mark;   /* index.c: offered for this change */
    uint32_t number; /* index.c: among those that stand by place */
    uint64_t telling_group;
    uint32_t telling; /* its part of what the group tells, when telling_group is that group */
    /* the deliveries' */
    void *headers; /* of HTTP, made with the first notification */
} sub;
int sub_compile(jd_told_room *r, int tenant, jd_str id, jd_str body, sub **out, jd_err *err);
void sub_unref(sub *s);
sub *sub_ref(sub *s);

void state_unref(sub_state *st);
sub_state *state_make(void);
void state_gathered_clear(sub_state *st);

/* ---- index.c ---- */
enum { SUB_CHANGED_MAX = 256 };
typedef struct sub_index sub_index;
typedef void (*index_fn)(void *user, sub *s);
sub_index *index_make(void);
void index_free(sub_index *x);
void index_add(sub_index *x, sub *s); /* uncounted: who removes it frees it afterwards */
void index_remove(sub_index *x, sub *s);
/* Every subscription that a change was -> is may touch, each once. */
void index_offer(sub_index *x, int tenant, const jd_doc *was, const jd_doc *is, const jd_symtab *symbols, jd_arena *a,
                 index_fn fn, void *user);

/* ---- match.c: the conditions ---- */
typedef enum sub_condition {
    COND_ACTIVE,
    COND_SELECTOR,
    COND_TRIGGER,
    COND_SCOPE,
    COND_GEO,
    COND_Q,
    COND_SHOWN
} sub_condition;
/* 1: it tells of this change. why (may be NULL): the first condition that does not hold. */
int sub_matches(const sub *s, const jd_doc *was, const jd_doc *is, jd_time now, jd_engine *e, sub_condition *why);
int sub_selected(const sub *s, const jd_doc *d);
int sub_instance(const jd_doc *d, const jd_attrview *a, jd_attrview *out); /* the same instance in another version */
int sub_same_record(const jd_attrview *a, const jd_attrview *b);
int sub_is_watched(const sub *s, jd_sym attr);
/* What it would ask for, to be asked of a view; more is to be tested by sub_selected. */
jd_question sub_question(const sub *s);

/* ---- notice.c ---- */
/* The notification (5.3.1) of entities in `data` (rendered by notice_entity, with commas). */
void notice_entity(jd_told_room *r, const sub *s, const jd_doc *was, const jd_doc *is, jd_arena *a, jd_buf *data);
void notice_wrap(const sub *s, jd_str id, jd_time at, const jd_buf *data, jd_buf *out);
const char *notice_type(const sub *s); /* its media type */
/* The value of a Link header that names its @context, where it goes by link; otherwise (p may be NULL): the URL when
 * the subscription has no single one. Returns 0 when there is none to be sent. */
int notice_link(const sub *s, jd_str otherwise, jd_buf *out);
/* The tenant that notifications name, where the subscription does not say one for its receiver; n 0: none. */
jd_str notice_tenant(const sub *s);
/* The message of MQTT around it (7.2): {"metadata": {...}, "body": notification}. */
void notice_mqtt(const sub *s, jd_str notification, jd_buf *out);

/* ---- deliver.c, letters.c ---- */
typedef struct deliveries deliveries;
deliveries *deliveries_start(jd_told_room *r, jd_err *err);
void deliveries_stop(deliveries *d);
/* Takes the body. group: the change that it tells of; 0: of none. late: it is to be kept at once if it is not taken at
 * once, for nothing else says it. 1: the endpoint is quick, and much waits for it. */
int deliveries_add(deliveries *d, const sub *s, jd_str id, uint64_t group, int late, char *body, size_t n);
void deliveries_forget(deliveries *d, const sub *s); /* it was deleted: its dead letters go */
/* Waits a moment while much waits for that endpoint and it is quick; 1: it still is so. */
int deliveries_crowded(deliveries *d, const sub *s);
int deliveries_empty(deliveries *d);
void deliveries_metrics(deliveries *d, jd_buf *out);
/* {"waiting":..., "dead":[...]} of a subscription, without the braces. */
void deliveries_show(deliveries *d, const sub *s, jd_buf *out);
size_t deliveries_resend(deliveries *d, const sub *s); /* its dead letters; how many */

/* ---- keep.c: what is to outlive the process ---- */
typedef struct keeper keeper;
keeper *keep_make(jd_told_room *r);
void keep_free(keeper *k);
/* Before the matcher begins: states, notifications that waited; returns the group behind which all is to be matched. */
uint64_t keep_load(keeper *k);
/* Writes what is due, unless it is still writing; now: also what need not be written yet. The matcher's thread. */
void keep_forget(keeper *k, const sub *s); /* it was deleted */
void keep_turn(keeper *k, int now);
int keep_clean(keeper *k); /* nothing is left to be written */

/* ---- matcher.c ---- */
int matcher_start(jd_told_room *r, jd_err *err);
void matcher_stop(jd_told_room *r);
void matcher_edit(jd_told_room *r, sub *add, sub *remove); /* takes the references; in order with the changes */
/* Hands a notification of entities to the deliveries. part: of one group's, 0.. */
void matcher_send(jd_told_room *r, const sub *s, uint64_t group, unsigned part, int late, const jd_buf *data);

/* ---- own.c ---- */
/* What is handed over to an endpoint of our own; bytes live as long as s. */
jd_told_handed sub_handed(const sub *s);
int sub_own_compile(const jd_told_room *r, sub *s, jd_err *err); /* of one whose uri is jindu:... */
/* Asks whoever takes it (jd_told_hand_to); 0 for any other endpoint, and while nobody listens. */
int sub_own_check(jd_told_room *r, const sub *s, int reach, jd_err *err);

struct jd_told_room {
    jd_told_opts o;
    _Atomic(jd_told_hand) hand; /* set once, before there are requests */
    int (*hand_check)(void *user, const jd_told_handed *h, jd_err *err);
    void *hand_user;
    pthread_mutex_t lock; /* subs, states, attempts */
    sub **subs;           /* by place; NULL: free */
    uint32_t subs_cap, subs_end;
    uint32_t *freed; /* places */
    uint32_t freed_n, freed_cap;
    jd_strmap places;                      /* "tenant/id" -> place */
    _Atomic uint32_t subs_n, interest[64]; /* by tenant number, modulo */
    keeper *keeper;
    deliveries *out;
    /* the matcher */
    sub_index *index;
    uint32_t names;           /* symbols known when subscriptions were last compiled */
    _Atomic uint32_t open;    /* subscriptions that name what the store does not know */
    sub **timed, **throttled; /* those that go by time; those of which something is gathered */
    size_t timed_n, timed_cap, throttled_n, throttled_cap;
    pthread_mutex_t queue;
    pthread_cond_t come, gone;
    struct item *first, **last;
    size_t waiting;       /* bytes */
    _Atomic int stopping; /* what still waits is in the log */
    pthread_t matcher;
    int started;
    _Atomic uint64_t matched_to; /* every group up to this one was matched */
    _Atomic uint64_t wanted_to;  /* the newest matched group that held changes for subscriptions */
    struct dirty {               /* subscriptions whose state is to be written, counted; under `lock` */
        sub **s;
        size_t n, cap;
    } telling, counts;
    jd_live *live;
    _Atomic uint64_t changes, matched, tested;
};
/* It tells at the earliest then, and gathers until it does; JD_TIME_NONE: it is not throttled. The lock is held. */
jd_time state_throttled(const sub *s, jd_time now);
int q_holds(const sub *s, const jd_q *q, const jd_doc *d, jd_engine *e); /* match.c */
extern const char *const sub_members[];                                  /* sub.c: of 5.2.12; NULL ends it */
extern const char *const trigger_names[];                                /* sub.c: by bit of SUB_*; NULL ends it */
void sub_unknown(const jd_told_room *r, const sub *s, jd_buf *out);      /* why.c: names that the store does not know */
/* The current version, counted, or NULL. */
sub *told_find(jd_told_room *r, int tenant, jd_str id);
/* The lock is held. */
void state_dirty(jd_told_room *r, const sub *s, unsigned what);
void told_key(int tenant, jd_str id, jd_buf *out);
#endif
