/* told/live.h - live views: whoever watches gets each change of what it watches as an event, on a line that stays open
 * (server-sent events, WHATWG HTML 9.2).
 *
 * A ring holds the newest changes of all tenants, bounded in bytes. One thread takes them from there, tests each once
 * for every distinct question, writes the event once for all who asked the same, and sends. Nobody is waited for: a
 * reader whose events pile up is told to load anew (event reset) and goes on. Events carry the place in the ring, so
 * that a reader who was cut off goes on behind the last one that it saw, or is told that this cannot be done.
 * Threads: everything here may be called from any thread, but for jd_live_feed, which is for one. */
#ifndef JD_TOLD_LIVE_H
#define JD_TOLD_LIVE_H
#include "engine/engine.h"
#include "model/context.h"
#include "model/render.h"

typedef struct jd_live jd_live;
typedef struct jd_live_opts {
    jd_engine *engine;
    uint32_t readers_max;  /* beyond: JD_E_BUSY; 0: 4,096 */
    size_t ring_bytes;     /* of changes that are kept; 0: 64 MiB */
    size_t buffer_bytes;   /* events that wait for one reader; beyond, it is told to load anew; 0: 1 MiB */
    uint32_t heartbeat_ms; /* a sign of life where nothing happens; whoever takes nothing for four is cut; 0: 15,000 */
} jd_live_opts;

int jd_live_start(jd_live **out, const jd_live_opts *opts, jd_err *err);
/* What was fed is sent, for at most two seconds, then all lines end. NULL is fine. */
void jd_live_stop(jd_live *l);

/* ---- changes ---- */
/* Are changes wanted? When this was 0 for a group that is published, nobody misses it. */
int jd_live_wanted(const jd_live *l);
/* A change of an entity in a published group; groups in order. A p of NULL: it was not, or is not, there. Copies. */
void jd_live_feed(jd_live *l, int tenant, uint64_t group, jd_str was, jd_str is);

/* ---- readers ---- */
typedef struct jd_live_ask { /* a text's p may be NULL; all is copied */
    int tenant;
    jd_context *ctx;
    jd_format format;
    int sys_attrs;
    int diff; /* of entities that were in the view: only what changed */
    jd_str type, id_pattern, q, scope_q, attrs, georel, geometry, geoproperty, coordinates;
    const jd_str *ids;
    size_t ids_n;
    uint32_t every_ms;    /* what happens to an entity in so many ms is told as one event; 0: at once */
    jd_str last_event_id; /* go on behind this event */
    jd_str head;          /* bytes that go before all events: the answer's head */
} jd_live_ask;
typedef struct jd_live_reader jd_live_reader;

/* Compiles the question. JD_E_BAD_REQUEST_DATA with the parameter; JD_E_BUSY: too many readers, or l is NULL.
 * What is got goes to jd_live_take or to jd_live_forget. */
int jd_live_open(jd_live *l, const jd_live_ask *ask, jd_live_reader **out, jd_err *err);
/* The socket on which the reader waits, ours from now on; -1: there is none after all. */
void jd_live_take(void *reader, int fd);
void jd_live_forget(jd_live_reader *r);

void jd_live_metrics(jd_live *l, jd_buf *out); /* Prometheus text; NULL: nothing */
#endif
