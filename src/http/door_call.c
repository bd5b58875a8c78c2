/* The life of one request, driven by the library's callbacks on an I/O thread:
 *
 *   begin            request line read            CALL_NEW
 *   step, first      head read; decide, or refuse CALL_BODY | CALL_DROP (the body is read and thrown away)
 *   step, with data  a piece of the body
 *   step, last       run the handler              CALL_RUN -> CALL_ANSWERED, or suspended until resumed
 *   step, resumed    send                         CALL_ANSWERED
 *   end              answer sent, or client gone
 *
 * An answer that is queued in the first step makes the library close the connection after it; so only what must end the
 * connection is answered there, and everything else waits for the last step.
 * A suspended call cannot be ended by its client: the library looks at the connection again only after the resume. So a
 * resume always finds its call, and a client that left loses its answer and nothing else happens. */
#include "base/clock.h"
#include "base/log.h"
#include "http/door_int.h"
#include "http/media.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IDLE_CALLS_MAX = 64,        /* kept by a slot */
    KEPT_BUF_MAX = 64 * 1024,   /* of an answer or a chunked body, for the next call */
    DROP_KNOWN_MAX = 64 * 1024, /* a refused body up to here is read, so that the connection lives on */
    DROP_MAX = 32 * 1024 * 1024 /* a refused chunked body beyond is cut without an answer */
};

/* The slot of this I/O thread. An I/O thread serves one door and ends with it. */
static _Thread_local slot *my_slot;

static slot *slot_of(jd_door *d) {
    if (my_slot) return my_slot;
    slot *s = jd_xcalloc(1, sizeof *s);
    s->by_route = jd_xcalloc((d->rows_n + 1) * JD_STATUSES, sizeof *s->by_route);
    pthread_mutex_lock(&d->slots_lock);
    s->next = d->slots;
    d->slots = s;
    pthread_mutex_unlock(&d->slots_lock);
    return my_slot = s;
}

void jd_door_refused(jd_door *d, jd_refusal why) {
    atomic_fetch_add_explicit(&d->refused[why], 1, memory_order_relaxed);
}

static void peer_to(peer *p, peer_state s, uint64_t now) {
    if (!p) return;
    atomic_store_explicit(&p->received, 0, memory_order_relaxed);
    atomic_store_explicit(&p->since_ns, now, memory_order_relaxed);
    atomic_store_explicit(&p->state, (int)s, memory_order_relaxed);
}

static call *call_take(jd_door *d) {
    slot *s = slot_of(d);
    call *c = s->idle;
    if (c) {
        s->idle = c->next;
        s->idle_n--;
        return c;
    }
    c = jd_xcalloc(1, sizeof *c);
    jd_arena_init(&c->arena);
    c->door = d;
    c->slot = s;
    return c;
}

void jd_call_free(call *c) {
    jd_arena_fini(&c->arena);
    jd_buf_fini(&c->r.out);
    jd_buf_fini(&c->chunks);
    free(c);
}

static void buf_reuse(jd_buf *b) {
    b->n = 0;
    if (b->cap > KEPT_BUF_MAX) jd_buf_fini(b);
}

static void call_give(call *c) {
    slot *s = c->slot;
    if (s->idle_n >= IDLE_CALLS_MAX) {
        jd_call_free(c);
        return;
    }
    jd_arena_reset(&c->arena);
    buf_reuse(&c->r.out);
    buf_reuse(&c->chunks);
    c->next = s->idle;
    s->idle = c;
    s->idle_n++;
}

void *jd_call_begin(void *door, const char *uri, struct MHD_Connection *mhd) {
    jd_door *d = door;
    call *c = call_take(d);
    c->r = (jd_req){.arena = &c->arena, .app = d->opts.app, .conn = c, .began_ns = jd_mono_ns(), .out = c->r.out};
    c->mhd = mhd;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    c->peer = info ? info->socket_context : NULL;
    c->phase = CALL_NEW;
    atomic_store_explicit(&c->turn, TURN_RUNNING, memory_order_relaxed);
    c->close = c->linger = c->admitted = c->refused = c->waiting = c->taken = 0;
    c->uri = uri;
    c->target = jd_arena_dup(&c->arena, jd_str_of(uri ? uri : ""));
    c->head.headers_n = 0;
    c->body = NULL;
    c->body_n = c->body_cap = c->reserved = 0;
    c->dropped = 0;
    c->fixed = NULL;
    jd_count_add(&c->slot->calls, 1);
    peer_to(c->peer, PEER_READING, c->r.began_ns);
    return c;
}

/* ---- the head ---- */

static int has_body(const call *c) {
    return c->head.chunked || c->head.length > 0;
}

static void refuse(call *c, const jd_err *err) {
    c->refused = 1;
    jd_req_fail(&c->r, err);
}

static enum MHD_Result refuse_now(call *c, const jd_err *err) {
    refuse(c, err);
    c->close = 1;
    c->linger = 1;
    return jd_answer_send(c);
}

static int read_head(call *c, const char *method, const char *version, jd_err *err) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!info || !c->uri) return jd_fail(err, JD_E_INVALID_REQUEST, "the request line is malformed", "请求行格式有误");
    size_t n = info->header_size;
    const jd_door_opts *o = &c->door->opts;
    if (c->target.n > o->target_max)
        return jd_fail(err, JD_E_URI_TOO_LONG, "the request target is longer than %zu bytes", "请求地址超过 %zu 字节",
                       o->target_max);
    if (n - c->target.n > o->header_max)
        return jd_fail(err, JD_E_HEADERS_TOO_LARGE, "the request head is longer than %zu bytes", "请求头超过 %zu 字节",
                       o->header_max);
    jd_head *h = &c->head;
    int bad = jd_head_read(h, method, n, c->uri, c->target, version, err);
    if (h->language.p) c->r.zh = jd_media_zh(h->language);
    if (bad) return -1;
    /* What the library took for header lines must be what was read here: it cuts the body by its own reading. */
    if (MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, NULL, NULL) != (int)h->headers_n)
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request head is malformed", "请求头格式有误");
    jd_count_add(&c->slot->bytes_in, n);
    return 0;
}

/* ---- which row, and may it run ---- */

static const struct {
    const char *name;
    jd_method bit;
} methods[] = {{"GET", JD_GET},     {"HEAD", JD_HEAD},     {"POST", JD_POST},      {"PUT", JD_PUT},
               {"PATCH", JD_PATCH}, {"DELETE", JD_DELETE}, {"OPTIONS", JD_OPTIONS}};
enum { METHODS = sizeof methods / sizeof *methods };

static void add_allow(jd_req *r, unsigned set) {
    jd_buf b = {0};
    if (set & JD_GET) set |= JD_HEAD;
    set |= JD_OPTIONS;
    for (int i = 0; i < METHODS; i++) {
        if (!(set & (unsigned)methods[i].bit)) continue;
        if (b.n) jd_buf_z(&b, ", ");
        jd_buf_z(&b, methods[i].name);
    }
    jd_req_add_header(r, "Allow", jd_arena_dup(r->arena, jd_buf_view(&b)));
    jd_buf_fini(&b);
}

static int no_route(call *c, const jd_found *f, jd_err *err) {
    jd_req *r = &c->r;
    if (f->methods == 0) {
        int reads = r->method == JD_GET || r->method == JD_HEAD;
        if (reads && c->door->files && jd_static_serve(c->door->files, c)) return 0;
        jd_str shown = jd_clip(r->path, 200);
        return jd_fail(err, JD_E_NOT_FOUND, "there is no resource %.*s", "资源 %.*s 不存在", JD_STR_ARG(shown));
    }
    add_allow(r, f->methods);
    if (r->method == JD_OPTIONS) {
        r->status = 204;
        return 0;
    }
    return jd_fail(err, JD_E_METHOD, "%.*s is not allowed here", "此处不允许 %.*s 方法", JD_STR_ARG(c->head.method));
}

/* Finds the row. 0 with r.status set: the door itself answers. */
static int plan_route(call *c, jd_err *err) {
    jd_req *r = &c->r;
    int m = 0;
    while (m < METHODS && !jd_str_is(c->head.method, methods[m].name)) m++;
    if (m == METHODS) return jd_fail(err, JD_E_NOT_BUILT, "the method is not known here", "不支持该请求方法");
    r->method = methods[m].bit;
    jd_target t;
    if (jd_target_split(c->target, &t, err)) return -1;
    r->target = t.raw;
    if (t.star) {
        if (r->method != JD_OPTIONS)
            return jd_fail(err, JD_E_INVALID_REQUEST, "the request target is no path", "请求地址不是路径");
        r->path = t.path;
        r->status = 204;
        add_allow(r, JD_GET | JD_POST | JD_PUT | JD_PATCH | JD_DELETE);
        return 0;
    }
    if (jd_target_decode(r->arena, t.path, 0, &r->path, err)) return -1;
    jd_found f;
    jd_routes_find(c->door->routes, r->arena, t.path, r->method, &f);
    if (!f.route) return no_route(c, &f, err);
    r->route = f.route;
    for (int i = 0; i < f.parts_n; i++)
        if (jd_target_decode(r->arena, f.parts[i], 0, &r->parts[i], err)) return -1;
    if (jd_target_params(r->arena, t.query, &r->params, &r->params_n, err)) return -1;
    const jd_param *p = jd_routes_stranger(c->door->routes, r->route, r->params, r->params_n);
    if (p) {
        jd_str shown = jd_clip(p->name, 100);
        jd_fail(err, JD_E_INVALID_REQUEST, "query parameter '%.*s' is not known here", "此处没有查询参数 '%.*s'",
                JD_STR_ARG(shown));
        return jd_fail_at(err, "%.*s", JD_STR_ARG(shown));
    }
    return 0;
}

static int reserve(call *c, size_t n, jd_err *err) {
    jd_door *d = c->door;
    if (atomic_fetch_add(&d->bodies, n) + n > d->opts.bodies_max) {
        atomic_fetch_sub(&d->bodies, n);
        jd_door_refused(d, JD_REFUSED_BODIES);
        return jd_fail(err, JD_E_BUSY, "too many request bodies are in flight", "正在处理的请求体过多");
    }
    c->reserved += n;
    return 0;
}

static int too_large(call *c, jd_err *err) {
    jd_door_refused(c->door, JD_REFUSED_BODY_SIZE);
    return jd_fail(err, JD_E_TOO_LARGE, "the request body is larger than %zu bytes", "请求体超过 %zu 字节",
                   c->door->opts.body_max);
}

static int plan_body(call *c, jd_err *err) {
    const jd_head *h = &c->head;
    if (c->r.route && (c->r.route->flags & JD_R_BODY) && !h->has_length && !h->chunked)
        return jd_fail(err, JD_E_LENGTH_REQUIRED, "this request needs a body, with Content-Length or chunked",
                       "此请求需要请求体，并给出 Content-Length 或使用 chunked");
    if (h->length > c->door->opts.body_max) return too_large(c, err);
    return h->length ? reserve(c, (size_t)h->length, err) : 0;
}

static int plan(call *c, jd_err *err) {
    jd_door *d = c->door;
    if (c->peer && c->peer->surplus) {
        c->close = 1;
        jd_door_refused(d, JD_REFUSED_CONNECTIONS);
        return jd_fail(err, JD_E_BUSY, "too many connections", "连接数过多");
    }
    if (atomic_load(&d->stopping)) {
        c->close = 1;
        jd_door_refused(d, JD_REFUSED_STOPPING);
        return jd_fail(err, JD_E_BUSY, "the server is stopping", "服务正在停止");
    }
    return plan_route(c, err) || plan_body(c, err) ? -1 : 0;
}

static enum MHD_Result first_step(call *c, const char *method, const char *version) {
    jd_err err;
    if (read_head(c, method, version, &err)) {
        jd_door_refused(c->door, err.code == JD_E_INVALID_REQUEST ? JD_REFUSED_MALFORMED : JD_REFUSED_HEAD_SIZE);
        return refuse_now(c, &err);
    }
    int bad = plan(c, &err);
    c->phase = bad ? CALL_DROP : CALL_BODY;
    if (!bad) return MHD_YES;
    /* A client that waits for 100-continue has not sent the body yet, and a long one is not worth reading. */
    if (has_body(c) && (c->head.expects || c->head.length > DROP_KNOWN_MAX)) return refuse_now(c, &err);
    refuse(c, &err);
    return MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result drop(call *c, size_t n) {
    c->dropped += n;
    return c->dropped > DROP_MAX ? MHD_NO : MHD_YES;
}

static int keep(call *c, const char *data, size_t n, jd_err *err) {
    if (!c->head.chunked) {
        if (!c->body) {
            c->body_cap = (size_t)c->head.length;
            c->body = jd_arena_alloc(&c->arena, c->body_cap + 1);
        }
        if (n > c->body_cap - c->body_n) return too_large(c, err); /* the library never gives more than was announced */
        memcpy(c->body + c->body_n, data, n);
        c->body_n += n;
        return 0;
    }
    if (n > c->door->opts.body_max - c->chunks.n) return too_large(c, err);
    if (reserve(c, n, err)) return -1;
    jd_buf_add(&c->chunks, data, n);
    return 0;
}

static enum MHD_Result body_step(call *c, const char *data, size_t *size) {
    size_t n = *size;
    *size = 0;
    jd_count_add(&c->slot->bytes_in, n);
    if (c->peer) atomic_fetch_add_explicit(&c->peer->received, n, memory_order_relaxed);
    if (c->phase == CALL_DROP) return drop(c, n);
    jd_err err;
    if (!keep(c, data, n, &err)) return MHD_YES;
    refuse(c, &err);
    c->phase = CALL_DROP;
    return MHD_YES;
}

/* ---- the handler ---- */

static void suspend(call *c) {
    c->waiting = 1;
    jd_count_add(&c->slot->waiting, 1);
    MHD_suspend_connection(c->mhd);
}

/* The library has no way to give a connection away, but while one is suspended it has let go of the socket: it is in no
 * epoll set, and nothing but its number is kept. So the number is given to an empty socket, which the library closes in
 * its place, and the connection lives on under another. */
void jd_call_hand_over(call *c) {
    int fd = c->peer ? fcntl(c->peer->fd, F_DUPFD_CLOEXEC, 0) : -1;
    int empty = fd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (empty < 0 || dup3(empty, c->peer->fd, O_CLOEXEC) < 0)) {
        close(fd);
        fd = -1;
    }
    if (empty >= 0) close(empty);
    c->taken = 1;
    c->r.status = fd < 0 ? 503 : 200;
    c->r.take(c->r.take_user, fd);
}

static enum MHD_Result run(call *c) {
    jd_req *r = &c->r;
    jd_turn turn = r->route->handler(r);
    if (turn == JD_LATER) {
        if (atomic_load(&c->turn) == TURN_RESUMED) return jd_answer_send(c);
        suspend(c);
        int was = TURN_RUNNING;
        if (!atomic_compare_exchange_strong(&c->turn, &was, TURN_SUSPENDED)) MHD_resume_connection(c->mhd);
        return MHD_YES;
    }
    if (turn == JD_TAKE) {
        suspend(c);
        jd_call_hand_over(c);
        MHD_resume_connection(c->mhd);
        return MHD_YES;
    }
    if (turn == JD_MAY_BLOCK) {
        c->waiting = 1;
        jd_count_add(&c->slot->waiting, 1);
        if (jd_workers_push(c->door->workers, c) == 0) return MHD_YES;
        c->waiting = 0;
        jd_count_sub(&c->slot->waiting);
        jd_door_refused(c->door, JD_REFUSED_JOBS);
        jd_err err;
        jd_fail(&err, JD_E_BUSY, "too many long requests are waiting", "等待处理的耗时请求过多");
        jd_req_fail(r, &err);
    }
    return jd_answer_send(c);
}

void jd_req_resume(jd_req *r) {
    call *c = r->conn;
    /* After the exchange the call may be gone; the library's memory must not go before it was woken (jd_door_stop). */
    jd_door *d = c->door;
    struct MHD_Connection *mhd = c->mhd;
    atomic_fetch_add(&d->resuming, 1);
    if (atomic_exchange(&c->turn, TURN_RESUMED) == TURN_SUSPENDED) MHD_resume_connection(mhd);
    atomic_fetch_sub(&d->resuming, 1);
}

static enum MHD_Result last_step(call *c) {
    jd_door *d = c->door;
    jd_req *r = &c->r;
    if (c->phase == CALL_RUN) { /* resumed */
        if (c->waiting) {
            c->waiting = 0;
            jd_count_sub(&c->slot->waiting);
        }
        return c->taken ? MHD_NO : jd_answer_send(c);
    }
    c->phase = CALL_RUN;
    peer_to(c->peer, PEER_BUSY, r->began_ns);
    if (c->refused || r->status) return jd_answer_send(c);
    if (c->head.chunked)
        r->body = c->chunks.n ? jd_buf_view(&c->chunks) : JD_STR("");
    else if (c->head.has_length)
        r->body = c->body ? (jd_str){c->body, c->body_n} : JD_STR("");
    /* Counted before the look at `stopping`: jd_door_stop sets it before it looks at the count. */
    c->admitted = 1;
    atomic_store(&c->slot->active, atomic_load_explicit(&c->slot->active, memory_order_relaxed) + 1);
    if (atomic_load(&d->stopping)) {
        jd_err err;
        jd_door_refused(d, JD_REFUSED_STOPPING);
        jd_fail(&err, JD_E_BUSY, "the server is stopping", "服务正在停止");
        jd_req_fail(r, &err);
        c->close = 1;
        return jd_answer_send(c);
    }
    return run(c);
}

enum MHD_Result jd_call_step(void *door, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **state) {
    (void)door, (void)mhd, (void)url;
    call *c = *state;
    if (c->phase == CALL_NEW) return first_step(c, method, version);
    if (*size) return body_step(c, data, size);
    return last_step(c);
}

/* ---- the end ---- */

static const char *method_name(const call *c) {
    for (int i = 0; i < METHODS; i++)
        if (methods[i].bit == c->r.method) return methods[i].name;
    return "-";
}

static void log_call(const call *c, uint64_t ns, int aborted) {
    const jd_req *r = &c->r;
    uint64_t slow = (uint64_t)c->door->opts.slow_ms * 1000000u;
    jd_loglevel level = JD_LOG_DEBUG;
    const char *event = "http.request";
    if (r->status >= 500 && r->status != 503) {
        level = JD_LOG_WARN;
        event = "http.error";
    } else if (ns > slow) {
        level = JD_LOG_WARN;
        event = "http.slow";
    }
    jd_str target = jd_clip(r->target, 300);
    const char *query = target.n ? memchr(target.p, '?', target.n) : NULL;
    if (query && jd_req_param(r, "key").p) target.n = (size_t)(query - target.p); /* it opens something: not for logs */
    jd_log(level, event, "method=%s status=%d ms=%.3f in=%zu out=%zu peer=%s aborted=%d target=%.*s", method_name(c),
           r->status, (double)ns / 1e6, r->body.n, r->out.n, c->peer ? c->peer->name : "-", aborted,
           JD_STR_ARG(target));
}

void jd_call_end(void *door, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode why) {
    (void)mhd;
    jd_door *d = door;
    call *c = *state;
    *state = NULL;
    if (!c) return;
    uint64_t now = jd_mono_ns(), ns = now - c->r.began_ns;
    /* A head that the library refused by itself never reached the first step. */
    int by_library = c->phase == CALL_NEW && why == MHD_REQUEST_TERMINATED_WITH_ERROR;
    if (by_library) jd_door_refused(d, JD_REFUSED_MALFORMED);
    int aborted = why != MHD_REQUEST_TERMINATED_COMPLETED_OK && !c->refused && !c->taken && !by_library;
    if (c->waiting) jd_count_sub(&c->slot->waiting);
    if (c->admitted) jd_count_sub(&c->slot->active);
    if (c->reserved) atomic_fetch_sub(&d->bodies, c->reserved);
    if (c->linger && c->peer && c->phase == CALL_ANSWERED && why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        int fd = dup(c->peer->fd);
        if (fd >= 0) jd_sweep_linger(d->sweep, fd);
    }
    jd_metrics_done(c, ns, aborted);
    log_call(c, ns, aborted);
    peer_to(c->peer, PEER_IDLE, now);
    jd_count_sub(&c->slot->calls);
    call_give(c);
}
