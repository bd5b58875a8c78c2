/* http/door_int.h - what the files of the door share. Nobody else includes this.
 *
 * Lives:    a *peer* is one TCP connection; a *call* is one request on it, from its request line to its last byte sent.
 *           Calls are recycled through the slot of their I/O thread.
 * Threads:  a slot, its calls and its counters belong to one I/O thread, except a call that is with a worker or that
 *           waits for jd_req_resume. The rest of jd_door is written before the threads start, or atomic, or locked. */
#ifndef JD_HTTP_DOOR_INT_H
#define JD_HTTP_DOOR_INT_H
#include "base/err.h"
#include "base/hash.h"
#include "http/door.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- door_strict.c: the head of a request, as bytes ---- */
enum { JD_HEADERS_MAX = 100 };
typedef struct jd_head {
    jd_str method, target, version;
    jd_param headers[JD_HEADERS_MAX]; /* names as sent, values without white space around them */
    unsigned headers_n;
    int has_length, chunked, expects;
    uint64_t length;
    jd_str host, language;
} jd_head;
/* Reads a head as libmicrohttpd leaves it in memory: n bytes from the method on, in which the space behind the method,
 * the one before the version, the colon behind each name and each CR and LF are NUL. The target in it (at uri) was cut
 * up, so it is given apart, as it was sent. Anything that is not exactly HTTP/1.1 grammar is refused. 0 or -1. */
int jd_head_read(jd_head *h, const char *p, size_t n, const char *uri, jd_str target, const char *version, jd_err *err);

/* ---- door_target.c: the request target ---- */
typedef struct jd_target {
    jd_str raw;   /* path and query as sent; of an absolute URI only these */
    jd_str path;  /* before the '?', still encoded */
    jd_str query; /* behind it; p NULL when there is no '?' */
    int star;     /* "*", for OPTIONS */
} jd_target;
int jd_target_split(jd_str target, jd_target *out, jd_err *err);
/* Percent-decodes into the arena (or returns s itself); plus: '+' is a space. Refuses bad escapes, NUL, bad UTF-8. */
int jd_target_decode(jd_arena *a, jd_str s, int plus, jd_str *out, jd_err *err);
/* Query parameters in order, decoded; a repeated one is refused. */
int jd_target_params(jd_arena *a, jd_str query, jd_param **params, size_t *n, jd_err *err);
int jd_utf8_ok(jd_str s);
/* At most max bytes of s, whole UTF-8 characters. */
jd_str jd_clip(jd_str s, size_t max);

/* ---- door_routes.c: from path and method to a row ---- */
typedef struct jd_routes jd_routes;
/* Compiles n rows, which must stay; at most 64 query parameters a row. Fails on rows that clash or make no sense. */
int jd_routes_make(jd_routes **out, const jd_route *rows, size_t n, jd_err *err);
void jd_routes_free(jd_routes *t);
typedef struct jd_found {
    const jd_route *route; /* NULL: none for this method */
    unsigned methods;      /* of the path; 0: the path is unknown */
    int parts_n;
    jd_str parts[4]; /* still encoded */
} jd_found;
/* path: still encoded; literals are compared after decoding. */
void jd_routes_find(const jd_routes *t, jd_arena *scratch, jd_str path, jd_method m, jd_found *out);
/* The first parameter that the row does not accept, or NULL. */
const jd_param *jd_routes_stranger(const jd_routes *t, const jd_route *route, const jd_param *params, size_t n);

/* ---- the door ---- */
enum { JD_STATUSES = 40 }; /* known status codes in counters, the last one for all others */
enum { JD_BUCKETS = 8 };

typedef enum jd_refusal {
    JD_REFUSED_MALFORMED,
    JD_REFUSED_HEAD_SIZE,
    JD_REFUSED_BODY_SIZE,
    JD_REFUSED_BODIES,
    JD_REFUSED_CONNECTIONS,
    JD_REFUSED_JOBS,
    JD_REFUSED_STOPPING,
    JD_REFUSED_SLOW,
    JD_REFUSED_N
} jd_refusal;

typedef _Atomic uint64_t jd_count; /* written by one thread (or with atomic_fetch_add), read by any */
static inline void jd_count_add(jd_count *c, uint64_t n) { /* of the owning thread */
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}
/* Release: who reads the lower count has what happened before. */
static inline void jd_count_sub(jd_count *c) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) - 1, memory_order_release);
}

typedef struct jd_door_conn call;
typedef struct slot { /* of one I/O thread */
    struct slot *next;
    call *idle;
    unsigned idle_n;
    jd_count *by_route; /* [row][status] */
    jd_count latency[JD_BUCKETS + 1], latency_ns, bytes_in, bytes_out, aborted;
    _Atomic uint64_t calls;   /* from request line to end */
    _Atomic uint64_t active;  /* admitted to a handler, not answered */
    _Atomic uint64_t waiting; /* suspended */
} slot;

typedef enum { PEER_IDLE, PEER_READING, PEER_BUSY } peer_state;
typedef struct peer {
    struct peer *prev, *next; /* under jd_door.peers_lock */
    int fd;
    int surplus; /* beyond connections_max: one 503, then closed */
    _Atomic int state;
    _Atomic uint64_t since_ns;              /* of the state */
    _Atomic uint64_t received;              /* bytes of the body that is being read */
    uint64_t looked_since, looked_received; /* the sweeper's */
    char name[48];                          /* numeric address, for the log */
} peer;

typedef enum { CALL_NEW, CALL_BODY, CALL_DROP, CALL_RUN, CALL_ANSWERED } call_phase;
typedef enum { TURN_RUNNING, TURN_SUSPENDED, TURN_RESUMED } call_turn;
struct jd_door_conn {
    jd_req r; /* first: jd_req.conn points here */
    jd_arena arena;
    jd_door *door;
    slot *slot;
    struct MHD_Connection *mhd;
    peer *peer;
    call *next; /* in the slot's idle list, or in the workers' queue */
    call_phase phase;
    _Atomic int turn;
    int close;       /* the connection ends with this answer */
    int linger;      /* bytes of the request are still on their way */
    int admitted;    /* counted in slot.active */
    int refused;     /* the answer was decided at the head, or while the body came in; no handler runs */
    int waiting;     /* counted in slot.waiting */
    int taken;       /* the socket was handed over; the library ends an empty one in its place */
    jd_str target;   /* copy of the target */
    const char *uri; /* where it stood in the library's memory */
    jd_head head;
    char *body; /* in the arena (length known) */
    size_t body_n, body_cap;
    jd_buf chunks;              /* length not known */
    size_t reserved;            /* of bodies_max */
    uint64_t dropped;           /* bytes of a refused body */
    struct MHD_Response *fixed; /* answer that is shared, in place of r.out; borrowed */
};

typedef struct jd_static jd_static;
typedef struct jd_workers jd_workers;
typedef struct jd_sweep jd_sweep;

struct jd_door {
    jd_door_opts opts; /* defaults filled in */
    jd_route *rows;    /* the caller's and the door's own */
    size_t rows_n;
    jd_routes *routes;
    jd_static *files;
    jd_workers *workers;
    jd_sweep *sweep;
    struct MHD_Daemon *mhd;
    struct MHD_Response *nothing; /* no body, no headers of ours */
    unsigned port;
    char *openapi;
    size_t openapi_n;
    uint64_t began_ns;
    _Atomic int stopping;
    char apart[64];            /* what follows is written all the time, what stands before is only read */
    _Atomic uint64_t bodies;   /* bytes reserved */
    _Atomic uint64_t resuming; /* threads that are about to wake, or are waking, the library */
    _Atomic uint64_t peers_n, peers_total;
    jd_count refused[JD_REFUSED_N];
    pthread_mutex_t peers_lock; /* held while a peer's fd is used by another thread than its own */
    peer *peers;
    pthread_mutex_t slots_lock;
    slot *slots;
};

/* door.c */
typedef struct jd_load {
    uint64_t calls, active, waiting;
} jd_load;
jd_load jd_door_load(jd_door *d); /* of all slots together */
/* door_call.c */
void *jd_call_begin(void *door, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result jd_call_step(void *door, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **state);
void jd_call_end(void *door, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode why);
void jd_call_free(call *c);
/* Of a suspended call: hands its socket to r.take. The call is to be resumed then, and ends. */
void jd_call_hand_over(call *c);
void jd_door_refused(jd_door *d, jd_refusal why);
/* door_answer.c */
enum MHD_Result jd_answer_send(call *c);
unsigned jd_status_index(int status);
int jd_status_of_index(unsigned index); /* 0: others */
/* door_workers.c */
jd_workers *jd_workers_start(unsigned threads, unsigned queue_max);
/* Suspends the call and queues it; 0, or -1 when the queue is full. */
int jd_workers_push(jd_workers *w, call *c);
unsigned jd_workers_queued(jd_workers *w);
void jd_workers_stop(jd_workers *w); /* runs what is queued, then joins */
/* door_sweep.c: cuts slow clients, and reads out what clients still send to a connection that was answered and closed
 */
jd_sweep *jd_sweep_start(jd_door *d);
void jd_sweep_linger(jd_sweep *s, int fd); /* takes fd */
void jd_sweep_stop(jd_sweep *s);
/* door_static.c */
/* Of web_dir, else of web_files; and documents. */
int jd_static_load(jd_static **out, const jd_door_opts *o, jd_err *err);
void jd_static_free(jd_static *s);
/* Finds the file for a decoded path; sets status and fixed. 1: found. */
int jd_static_serve(const jd_static *s, call *c);
/* door_metrics.c */
jd_turn jd_door_metrics(jd_req *r);
jd_turn jd_door_health(jd_req *r);
void jd_metrics_done(call *c, uint64_t ns, int aborted);
/* door_openapi.c */
void jd_openapi_write(jd_buf *out, const jd_route *rows, size_t n);
jd_turn jd_door_openapi(jd_req *r);
#endif
