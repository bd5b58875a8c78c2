/* link/links_int.h - what the files of the loop share. Nobody else includes this.
 *
 * A thread (link_loop) owns its sockets, its connections and the batches it fills; the writer's thread hands a batch
 * back through `done`. The registry of devices and the quarantines are shared, each behind its own lock. */
#ifndef JD_LINKS_INT_H
#define JD_LINKS_INT_H
#include "base/hash.h"
#include "link/fields.h"
#include "link/links.h"
#include "link/protocol.h"
#include "table/feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

/* ---- declare.c: a declaration, immutable once compiled; counted ---- */
enum { LINK_MAPS_MAX = 32 };
typedef struct link_decl {
    _Atomic uint32_t refs;
    jd_arena arena;
    jd_str name, tenant, text;   /* text: as JSON */
    const jd_protocol *protocol; /* NULL: tables, or a link that did not open */
    int tables;                  /* a source of tables: it has no lines */
    jd_link_set set;
    jd_str host;
    unsigned port;
    int dial; /* we connect; else they do */
    jd_context *ctx;
    jd_map *maps[LINK_MAPS_MAX];
    size_t maps_n;
    int allow_list; /* devices that are not known are refused */
    uint32_t new_per_hour, connections_max, idle_s, silence_s, ahead_s;
    jd_sym state_attr;        /* deviceState, in the link's context */
    struct jd_points *points; /* what is asked of a device that never speaks by itself; NULL: it does */
    jd_str poll_device;       /* then: what it is called */
} link_decl;
int link_decl_compile(jd_links *l, jd_str name, const jd_jval *v, link_decl **out, jd_err *err);
int link_decl_is_tables(const jd_jval *v);
jd_str link_decl_shown(jd_arena *a, const jd_jval *v); /* as it may be shown: without the password in it */
link_decl *link_decl_ref(link_decl *d);
void link_decl_unref(link_decl *d);

/* ---- quarantine.c: frames set aside, the newest of each link ---- */
typedef struct quarantine quarantine;
quarantine *quarantine_new(uint32_t most);
void quarantine_free(quarantine *q);
void quarantine_add(quarantine *q, jd_str device, const char *peer, jd_str bytes, const jd_protocol *p,
                    const jd_err *why); /* p NULL: bytes are no frame, or nobody knows of what */
void quarantine_json(quarantine *q, uint32_t limit, int zh, jd_buf *out);
uint64_t quarantine_count(quarantine *q); /* ever added */
/* A frame that will be acknowledged although it was not kept whole must last: the document (kind JD_K_QUARANTINE) that
 * is to be written with it, and its id; both in the arena. 0: too many in this second, so the frame is not to be
 * acknowledged now. Before quarantine_add of the same frame. */
int quarantine_document(quarantine *q, const jd_protocol *p, jd_str link, jd_str device, const char *from, jd_str bytes,
                        const jd_err *why, jd_arena *a, jd_str *id, jd_str *body);
/* While starting, oldest first. declared: the link's protocol, where the document does not say it; may be NULL. */
void quarantine_load(quarantine *q, const jd_jval *document, const jd_protocol *declared);

/* ---- devices.c: who speaks ---- */
typedef struct registry registry;
typedef struct link_device link_device;
typedef enum admission { ADMIT_KNOWN, ADMIT_BLANK, ADMIT_NEW, ADMIT_REFUSED } admission;
registry *registry_new(size_t ring, size_t rings_max);
void registry_free(registry *r);
/* While starting: a device that is on record. body: its document. */
void registry_load(registry *r, jd_str id, jd_str body);
/* Who is this? NEW: its document is to be written with the frame (registry_document), then registry_stored. BLANK:
 * known, in state "new", and has told nothing yet. REFUSED: *err. *out may hold a guess (any device of this registry),
 * else NULL. */
/* The device (NULL: none) speaks very soon: what is noted of it is brought near. */
void registry_ahead(const link_device *dev);
admission registry_admit(registry *r, const link_decl *d, jd_str id, jd_time now, link_device **out, jd_err *err);
void registry_stored(registry *r, link_device *dev, int ok);
/* Counts a frame and keeps its bytes: a bad one, or one that was taken, with what it told. */
void registry_heard(registry *r, link_device *dev, const jd_protocol *p, const jd_frame *f, jd_time now);
typedef struct registry_frame {
    jd_time device_time; /* JD_TIME_NONE when it told none */
    uint64_t line;       /* the connection's id; 0: commands do not go down there */
    unsigned loop;       /* its thread's number */
    jd_str entity;       /* the first that it told of; n 0: none */
    uint64_t readings;
} registry_frame;
void registry_told(registry *r, link_device *dev, const jd_protocol *p, const jd_frame *f, jd_time now,
                   const registry_frame *told);
jd_str registry_document(registry *r, const link_device *dev, const char *state, jd_str entity, jd_arena *a);
jd_str registry_id(jd_arena *a, jd_str link, jd_str id); /* of its document */
link_device *registry_find(registry *r, jd_str link, jd_str id);
/* The line that it spoke on last: the connection's id, 0 for none; *loop (may be NULL): the thread's number. */
uint64_t registry_line(registry *r, const link_device *dev, unsigned *loop);
uint64_t registry_count(registry *r, jd_str link);
jd_str registry_entity(registry *r, link_device *dev, jd_arena *a);
void registry_set_state(registry *r, link_device *dev, const char *state);
void registry_list(registry *r, jd_str link, jd_str state, jd_str entity, uint64_t offset, uint64_t limit,
                   uint64_t *total, uint32_t (*silence)(void *user, jd_str link), void *user, jd_buf *out);
/* Health, and the last frames, read again where they are of the protocol of d (NULL: bytes alone). */
void registry_show(registry *r, link_device *dev, const link_decl *d, uint32_t silence_s, int zh, jd_buf *out);

/* ---- the loop ---- */
typedef struct link_counts { /* of one link on one thread; others may read */
    _Atomic uint64_t connections, accepted, bytes, frames, bad, junk, unmapped, ignored, refused, readings, answers,
        dialled;
    _Atomic uint64_t wait_us; /* from a frame's arrival to its answer: the last one's */
} link_counts;

typedef struct link_port { /* one link on one thread */
    struct link_port *next;
    struct link_loop *loop;
    link_decl *decl;
    quarantine *set_aside; /* the link's, borrowed */
    jd_feed **feeds;       /* one for each map */
    uv_poll_t listener;
    int listen_fd;
    int deaf;     /* not listened to until the next tick */
    int no_files; /* since one was accepted last there was none for who knocked */
    int listening, closing;
    struct link_conn *conns; /* all of them */
    uint32_t conns_n;
    uv_timer_t redial;
    int redial_on;
    unsigned dial_tries;
    link_counts *counts;  /* the link's, borrowed */
    uint64_t taken, told; /* frames and readings that are not among them yet */
    uint32_t refs;        /* connections, handles */
} link_port;

enum { LINK_IN_KEEP = 16 << 10 };

typedef struct link_conn {
    uv_tcp_t tcp;
    uint64_t id; /* never used again */
    link_port *port;
    struct link_conn *next, **prev;
    jd_peer peer;
    jd_buf in;       /* bytes not yet part of a frame */
    jd_buf out;      /* answers of this turn */
    uint32_t flying; /* frames with the writer */
    int dead, reading, paused, dirty;
    uint64_t heard_ms, sent_ms; /* loop time */
    struct link_conn *next_paused, *next_dirty;
    struct link_message *messages; /* of which parts have come, the newest first */
    uint32_t messages_n;
    size_t parts_bytes;
    char from[64];
    struct link_poll *poll; /* a line on which we ask */
    link_device *spoke;     /* who spoke last; NULL: nobody yet */
} link_conn;

typedef struct link_pend { /* one frame that is owed an answer, and what is needed of it until then */
    link_conn *conn;
    jd_str bytes, id; /* id: who speaks, as it says itself */
    const void *own;  /* the protocol's */
    unsigned edition;
    link_device *device;
    int fresh; /* its document is among the writes */
    uint32_t write, writes_n;
    jd_outcome outcome; /* before the writes are known */
    uint64_t arrived_us;
} link_pend;

typedef struct link_batch {
    struct link_batch *next;
    struct link_loop *loop;
    jd_arena arena;
    jd_job job;
    jd_write *writes;
    size_t writes_cap;
    uint32_t fixed_n; /* writes that link_fixed_flying counts */
    link_pend *pend;
    uint32_t pend_n, pend_cap;
    jd_str tenant; /* while pend_n */
} link_batch;

typedef struct link_loop {
    jd_links *links;
    uv_loop_t uv;
    uv_async_t wake;
    uv_check_t check;
    uv_timer_t tick, retry; /* retry: the batch that is being filled may go then */
    pthread_t thread;
    unsigned no;
    link_port *ports;
    link_batch *filling, *spare;
    uint32_t in_flight, conns_n;
    link_conn *paused, **paused_end; /* who waits for room, the longest first; where the next is hung */
    link_conn *dirty;
    int quiet, ending;
    uint64_t last_conn;
    uint64_t submitted_ms;         /* loop time of the last batch */
    size_t parts_bytes;            /* of all connections */
    uint64_t took_us;              /* when the frames in work were taken, monotonic, and */
    jd_time took;                  /* by the clock */
    jd_arena frame;                /* what the frame in work was read into */
    struct link_command *commands; /* sent, not yet answered */
    struct link_command *settled;  /* to be told what became of them */
    jd_lane lane;                  /* a later batch never overtakes an earlier one */
    uint16_t fixed_flying[1024];   /* by hash: entities whose fixed attributes are on their way */
    uint16_t command_serial;
    pthread_mutex_t mutex;
    link_batch *done;          /* from the writer, under the mutex */
    struct link_order *orders; /* from other threads, under the mutex */
} link_loop;

struct jd_links {
    jd_links_opts o;
    registry *devices;
    link_loop *loops;
    unsigned loops_n;
    pthread_mutex_t lock; /* the list of links */
    struct link_entry *entries;
};
typedef struct link_entry { /* one link, as all threads see it */
    struct link_entry *next;
    link_decl *decl; /* under the lock */
    quarantine *set_aside;
    link_counts counts;
    char failed[400], failed_zh[400]; /* why it is not open; empty: it is */
    int gone;
} link_entry;

/* poll.c, on the loop's thread */
typedef struct link_poll link_poll;
void link_poll_begin(link_conn *c);
void link_poll_end(link_conn *c);
/* A frame came on such a line (refused: it says that there are no values). 1: with it a round is complete, f->rows is
 * what it told; else *err may say what was wrong with the answer. */
int link_poll_answer(link_conn *c, jd_frame *f, int refused, jd_err *err);
uint16_t link_next_serial(link_loop *loop); /* of a message of ours; never 0 */
void link_flush(link_conn *c);              /* what stands in c->out leaves now */
void link_conn_drop(link_conn *c);

/* commands.c, on the loop's thread */
typedef struct link_command link_command;
void link_command_send(link_loop *loop, link_command *c);
/* dev: who answers; NULL: the line itself. */
void link_command_answered(const link_conn *on, const link_device *dev, int64_t serial, int ok);
void link_commands_settle(link_loop *loop); /* between frames: what became of them goes into the batch */
void link_commands_tick(link_loop *loop);
void link_command_free(link_command *c);
link_command *link_command_next(const link_command *c);
/* The write that tells what became of a command; value lives in the arena. */
int link_command_write(jd_engine *e, const link_decl *d, jd_str entity, const jd_jval *value, jd_time at,
                       const char *status, jd_arena *a, jd_write *w, jd_err *err);

/* links.c */
link_decl *link_decl_of(jd_links *l, jd_str name); /* a reference; NULL: there is no such link, or it is not open */

/* take.c: frames of a connection into the batch that is being filled. Bytes that came: what is left of them, a frame
 * begun or frames for which there is no room, waits in c->in. */
void link_take_read(link_conn *c, jd_str bytes);
/* What waits in c->in, until the batch is full. */
void link_take_all(link_conn *c);
void link_pause(link_conn *c); /* until there is room; then link_take_all goes on */
void link_parts_free(link_conn *c);

/* loop.c */
int link_loop_start(jd_links *l, unsigned no, jd_err *err);
typedef enum link_what { LINK_OPEN, LINK_CLOSE, LINK_COMMAND, LINK_QUIET, LINK_END } link_what;
typedef struct link_order {
    struct link_order *next;
    link_what what;
    link_entry *entry;
    link_decl *decl; /* OPEN: a reference */
    struct link_command *command;
    int fd;        /* OPEN: listens; -1: dialled here, or nothing to do */
    uv_sem_t *sem; /* QUIET: posted when it is */
} link_order;
void link_order_send(link_loop *loop, link_order order);
/* The batch being filled, with room for one more frame and so many writes; it is of one tenant. NULL: senders wait. */
link_batch *link_batch_room(link_loop *loop, jd_str tenant, uint32_t writes);
link_pend *link_batch_pend(link_batch *b);
/* How many writes of the entity's fixed attributes (jd_observe_fixed) this thread has with the writer, or more. */
uint16_t *link_fixed_flying(link_loop *loop, jd_str entity);
void link_answered(link_conn *c); /* c->out has bytes: they leave at the end of the turn */
#endif
