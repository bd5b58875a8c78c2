/* told/told_int.h - what the files of this room share. Nobody else includes it. */
#ifndef JD_TOLD_INT_H
#define JD_TOLD_INT_H
#include "told/told.h"

#include "base/hash.h"
#include "geo/geo.h"

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

typedef struct sub_state { /* under the room's lock */
    uint64_t sent, failed;
    jd_time last_sent, last_success, last_failure; /* JD_TIME_NONE: never */
    jd_time told_at;                               /* for throttling, and for timeInterval */
    int failing;
} sub_state;

typedef struct sub {
    _Atomic uint32_t refs;
    jd_arena arena;
    int tenant;
    jd_str id, body;
    jd_jval doc; /* the subscription, names as IRIs */
    jd_context *ctx;
    sub_selector *selectors;
    uint32_t selectors_n; /* 0: any entity */
    jd_sym *watched;
    uint32_t watched_n; /* 0: any attribute */
    jd_q *q;
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
    uint32_t timeout_ms, cooldown_ms; /* 0: as the room says */
    sub_state *state;                 /* shared by all versions of it */
} sub;
int sub_compile(jd_told_room *r, int tenant, jd_str id, jd_str body, sub **out, jd_err *err);
void sub_unref(sub *s);
sub *sub_ref(sub *s);

/* ---- match.c ---- */
typedef struct change { /* one entity in one group */
    struct change *next;
    int tenant;
    uint64_t group;
    size_t bytes;
    jd_str was, is;
} change;
typedef enum sub_condition {
    COND_ACTIVE,
    COND_SELECTOR,
    COND_TRIGGER,
    COND_WATCHED,
    COND_SCOPE,
    COND_GEO,
    COND_Q
} sub_condition;
/* 1: it tells of this change. why (may be NULL): the first condition that does not hold. */
int sub_matches(const sub *s, const jd_doc *was, const jd_doc *is, jd_time now, jd_engine *e, sub_condition *why);

/* ---- notice.c ---- */
/* The notification (5.3.1) of entities in `data` (rendered by note_entity, with commas). */
void notice_entity(jd_told_room *r, const sub *s, const jd_doc *was, const jd_doc *is, jd_arena *a, jd_buf *data);
void notice_wrap(const sub *s, jd_str id, jd_time at, const jd_buf *data, jd_buf *out);

/* ---- deliver.c ---- */
typedef struct deliveries deliveries;
deliveries *deliveries_start(jd_told_room *r, jd_err *err);
void deliveries_stop(deliveries *d);
/* Takes the body. */
void deliveries_add(deliveries *d, const sub *s, jd_str id, char *body, size_t n);
void deliveries_metrics(deliveries *d, jd_buf *out);

struct jd_told_room {
    jd_told_opts o;
    pthread_mutex_t lock; /* subs, states */
    sub **subs;
    uint32_t subs_n, subs_cap;
    struct sub_index *index; /* the matcher's, of `version` */
    uint64_t version;        /* of the list */
    jd_strmap states;        /* "tenant/id" -> number of its state */
    sub_state **state;
    uint32_t state_n, state_cap;
    pthread_mutex_t queue; /* changes */
    pthread_cond_t come, gone;
    change *first, **last;
    size_t waiting;
    int stopping;
    pthread_t matcher;
    int started;
    deliveries *out;
    jd_live *live;
    _Atomic uint64_t changes, matched, tested;
};
int matcher_start(jd_told_room *r, jd_err *err);
void matcher_stop(jd_told_room *r);
#endif
