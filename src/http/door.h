/* http/door.h - the front door: HTTP/1.1 by libmicrohttpd, made strict, turned into requests that a handler answers.
 *
 * A request belongs to its connection until it is answered; its arena holds everything that the answer needs. A handler
 * answers at once (JD_ANSWER), or later from any thread (JD_LATER, then exactly one jd_req_resume), or asks to be run
 * again on a worker thread that may wait (JD_MAY_BLOCK), or has the socket handed over (JD_TAKE), to send an answer
 * that has no end itself. While suspended, only the one who will resume may touch it. Threads: handlers run on the
 * door's I/O threads or workers; the route table and the app pointer are shared, read-only. */
#ifndef JD_HTTP_DOOR_H
#define JD_HTTP_DOOR_H
#include "base/buf.h"
#include "base/err.h"

typedef enum jd_method {
    JD_GET = 1,
    JD_HEAD = 2,
    JD_POST = 4,
    JD_PUT = 8,
    JD_PATCH = 16,
    JD_DELETE = 32,
    JD_OPTIONS = 64
} jd_method;
typedef enum jd_turn { JD_ANSWER, JD_LATER, JD_MAY_BLOCK, JD_TAKE } jd_turn;

typedef struct jd_param {
    jd_str name, value; /* percent-decoded, UTF-8 checked */
} jd_param;

typedef struct jd_req jd_req;
typedef jd_turn (*jd_handler)(jd_req *r);

/* One row a route. Path parts in braces are parameters: "/ngsi-ld/v1/entities/{id}/attrs/{attr}"; a literal part goes
 * before a parameter, and an empty part in the middle ("entities//attrs") is an empty parameter. HEAD is served from
 * GET, OPTIONS by the door. At most 4 parameters. */
typedef struct jd_route {
    jd_method method;
    const char *path;
    jd_handler handler;
    const char *params; /* accepted query parameters, separated by spaces; others: 400 InvalidRequest naming the
                           parameter. NULL: none; "*": any */
    unsigned flags;
    const char *summary; /* for OpenAPI and --help */
} jd_route;
enum {
    JD_R_BODY = 1,         /* needs a body with Content-Length or chunked: else 411 */
    JD_R_OWN = 2,          /* Jindu's own API: in OpenAPI */
    JD_R_PLAIN_ERRORS = 4, /* errors as text/plain instead of ProblemDetails */
    /* A trailing slash in the request is ignored. By row, not for all: DELETE /entities/ may be an id that was lost on
     * the way, and DELETE /entities empties the store. */
    JD_R_SLASH = 8
};

struct jd_req {
    jd_arena *arena; /* of this request */
    void *app;       /* as given to jd_door_start */
    const jd_route *route;
    jd_method method;
    jd_str path;      /* decoded */
    jd_str target;    /* as sent: raw path and query, for links */
    jd_param *params; /* query parameters in order, a repeated one is refused before the handler runs */
    size_t params_n;
    jd_str parts[4]; /* values of the {braces}, percent-decoded */
    jd_str body;     /* whole; p NULL when there is none */
    int zh;          /* the asker reads Chinese (Accept-Language) */
    int may_block;   /* 1 when run again on a worker */
    uint64_t began_ns;
    void *state; /* the handler's own, between its runs */
    /* of JD_TAKE: called once, before the call ends. The socket is the callee's from then on: non-blocking, the request
     * is read, nothing is sent; no limit or time-out of the door holds for it any more. -1: it could not be had. */
    void (*take)(void *user, int fd);
    void *take_user;
    /* the answer */
    int status;        /* 0 until set */
    jd_buf out;        /* body; the door takes the bytes */
    const char *type;  /* content type; NULL: none */
    jd_param *headers; /* further headers, in the arena */
    size_t headers_n, headers_cap;
    struct jd_door_conn *conn; /* the door's */
};

/* Header by name (case-insensitive); p NULL when absent. Repeated headers of list kind are joined with ", ". */
jd_str jd_req_header(const jd_req *r, const char *name);
jd_str jd_req_param(const jd_req *r, const char *name);            /* p NULL when absent */
void jd_req_add_header(jd_req *r, const char *name, jd_str value); /* both must live as long as the request */
/* application/json ProblemDetails (RFC 7807, GS CIM 009 5.5.3): type, title, detail, status, and place when set;
 * title and detail in the asker's language (Accept-Language zh... -> Chinese, default English). Drops what was written
 * to out, keeps added headers; 503 gets Retry-After. Always JD_ANSWER. */
jd_turn jd_req_fail(jd_req *r, const jd_err *err);
/* From any thread, once, after JD_LATER. */
void jd_req_resume(jd_req *r);

/* A file within the program. */
typedef struct jd_web_file {
    const char *path;   /* as asked for: "/index.html" */
    const char *coding; /* "br", "gzip"; NULL: none */
    const char *bytes;
    size_t n;
} jd_web_file;

typedef struct jd_door_opts {
    const char *host;    /* numeric address or name */
    unsigned port;       /* 0: any free one; see jd_door_port */
    unsigned io_threads; /* 0: as many as cores, at most 8 */
    unsigned workers;    /* 0: 4 */
    size_t body_max;     /* bytes; 0: 16 MiB -> 413 */
    size_t bodies_max;   /* bytes of all bodies in flight; 0: 512 MiB -> 503 before the body is read */
    /* Both are memory of every connection, idle ones too, and the library clears all of it with each request: 56 KiB
     * cost a quarter of the speed. A question that is longer is asked by POST. */
    size_t header_max;               /* bytes of all headers; 0: 8 KiB -> 431 */
    size_t target_max;               /* bytes of path and query; 0: 8 KiB -> 414 */
    unsigned connections_max;        /* 0: 10,000 */
    unsigned connections_per_ip_max; /* 0: no limit */
    unsigned taken_max;              /* sockets that may be handed over: for the limit of open files */
    unsigned idle_ms;                /* keep-alive and slow clients, rounded up to whole seconds; 0: 30,000 */
    const char *web_dir;             /* static files served at / when no route matches; NULL: web_files */
    const jd_web_file *web_files;    /* web_files_n of them, which outlive the door; NULL: none */
    size_t web_files_n;              /* 0 where there might be some: / says so, 404 */
    const jd_web_file *documents;    /* documents_n JSON-LD documents served beside those, where none has the path */
    size_t documents_n;
    const char *tiles; /* origin of map tiles that pages may load beside their own; NULL: none */
    const jd_route *routes;
    size_t routes_n;
    void *app;
    /* appended to /metrics by the rooms below; may be NULL */
    void (*metrics)(void *app, jd_buf *out);
    /* for /health; may be NULL. Returns 1 when well, 0 for 503; may write further JSON members, each with a comma
     * before it. Called on an I/O thread: must not wait. */
    int (*health)(void *app, jd_buf *out);
    unsigned slow_ms;  /* slower requests are logged at warn; 0: 1,000 */
    unsigned jobs_max; /* JD_MAY_BLOCK waiting for a worker; 0: 1,024 -> 503 */
} jd_door_opts;
typedef struct jd_door jd_door;
int jd_door_start(jd_door **out, const jd_door_opts *opts, jd_err *err);
unsigned jd_door_port(const jd_door *d);
/* New requests get 503 with Connection: close; those that run get a moment, then `drain` (the caller finishes its
 * writer there so that every JD_LATER is resumed; may be NULL), all answers sent, then stop. Waits as long as a request
 * is not resumed (and says so in the log): the library below cannot stop with one suspended. Frees d. */
void jd_door_stop(jd_door *d, void (*drain)(void *app));
#endif
