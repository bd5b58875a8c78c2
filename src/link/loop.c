/* One thread of the links: sockets in, batches to the writer, answers out when what they answer is durable.
 *
 * Back-pressure: a batch is filled while earlier ones are with the writer. When the batch is full and as many as may be
 * are in flight, connections are no longer read; TCP slows the senders, and nothing that was read is dropped. */
#include "link/links_int.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10,
    BUSY_RETRY_MS = 5,
    TICK_MS = 1000,
    DIAL_MOST_MS = 60000,
    OUT_MAX = 1 << 20,
    PING_MS = 30000,
    ACCEPT_AT_ONCE = 64,
    THREADS = 64
};

static char *read_room(link_loop *loop) {
    return (char *)loop->uv.data;
}

/* ---- batches ---- */

static link_batch *batch_new(link_loop *loop) {
    link_batch *b = loop->spare;
    if (b) {
        loop->spare = b->next;
    } else {
        b = jd_xcalloc(1, sizeof *b);
        b->loop = loop;
        jd_arena_init(&b->arena);
        b->writes_cap = 512;
        b->writes = jd_xcalloc(b->writes_cap, sizeof *b->writes);
        b->pend_cap = loop->links->o.batch_frames;
        b->pend = jd_xcalloc(b->pend_cap, sizeof *b->pend);
    }
    b->next = NULL;
    b->tenant = (jd_str){NULL, 0};
    b->pend_n = b->fixed_n = 0;
    b->job = (jd_job){.arena = &b->arena,
                      .writes = b->writes,
                      .make_tenant = 1,
                      .lane = &loop->lane,
                      .slice = loop->links->o.batch_frames};
    return b;
}

static void batch_free(link_batch *b) {
    jd_arena_fini(&b->arena);
    free(b->writes);
    free(b->pend);
    free(b);
}

enum { BATCH_BYTES = 4 << 20, BATCH_KEEP = 1 << 20 };

static void batch_give_back(link_batch *b) {
    jd_arena_recycle(&b->arena, BATCH_KEEP);
    b->next = b->loop->spare;
    b->loop->spare = b;
}

static void submit(link_loop *loop);

/* pend_cap grows for the parts of a split message, which are answered together */
static int is_full(const link_batch *b) {
    return b->pend_n >= b->loop->links->o.batch_frames || b->arena.total > BATCH_BYTES;
}

link_batch *link_batch_room(link_loop *loop, jd_str tenant, uint32_t writes) {
    link_batch *b = loop->filling;
    if (is_full(b) || (b->pend_n + b->job.n && !jd_str_eq(b->tenant, tenant))) submit(loop);
    b = loop->filling;
    if (b->pend_n + b->job.n && !jd_str_eq(b->tenant, tenant)) return NULL;
    if (!(b->pend_n + b->job.n)) {
        /* frames that were neither kept nor answered leave only what they took of the arena; nobody would submit that
         */
        if (b->arena.total > BATCH_BYTES) {
            jd_arena_reset(&b->arena);
            b->tenant.p = NULL;
        }
        if (!b->tenant.p || !jd_str_eq(b->tenant, tenant)) b->tenant = jd_arena_dup(&b->arena, tenant);
    }
    if (is_full(b)) return NULL;
    if (b->job.n + writes > b->writes_cap) {
        b->writes_cap = b->writes_cap * 2 + writes;
        b->writes = jd_xrealloc(b->writes, b->writes_cap * sizeof *b->writes);
        b->job.writes = b->writes;
    }
    return b;
}

link_pend *link_batch_pend(link_batch *b) {
    if (b->pend_n == b->pend_cap) {
        b->pend_cap *= 2;
        b->pend = jd_xrealloc(b->pend, b->pend_cap * sizeof *b->pend);
    }
    return &b->pend[b->pend_n++];
}

static void on_done(jd_job *job) { /* on the writer's thread */
    link_batch *b = job->user;
    link_loop *loop = b->loop;
    pthread_mutex_lock(&loop->mutex);
    b->next = loop->done;
    loop->done = b;
    pthread_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

static void resume_paused(link_loop *loop);

/* ---- connections ---- */

static void port_release(link_port *p) {
    if (--p->refs) return;
    for (size_t i = 0; i < p->decl->maps_n; i++) jd_feed_free(p->feeds[i]);
    free(p->feeds);
    link_decl_unref(p->decl);
    free(p);
}

static void conn_free(link_conn *c) {
    if (!c->dead || c->flying) return;
    link_parts_free(c);
    jd_buf_fini(&c->in);
    jd_buf_fini(&c->out);
    link_port *p = c->port;
    free(c);
    port_release(p);
}

static void redial(link_port *p);

void link_pause(link_conn *c) {
    link_loop *loop = c->port->loop;
    if (c->paused) return;
    c->paused = 1;
    c->next_paused = NULL;
    *loop->paused_end = c;
    loop->paused_end = &c->next_paused;
}

static void unpause(link_conn *c) {
    link_loop *loop = c->port->loop;
    for (link_conn **at = &loop->paused; c->paused && *at; at = &(*at)->next_paused) {
        if (*at != c) continue;
        *at = c->next_paused;
        if (!*at) loop->paused_end = at;
        c->paused = 0;
        return;
    }
}

static void on_conn_closed(uv_handle_t *h) {
    link_conn *c = h->data;
    link_port *p = c->port;
    c->dead = 1;
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    unpause(c);
    p->conns_n--;
    p->loop->conns_n--;
    atomic_fetch_sub(&p->counts->connections, 1);
    if (p->decl->dial && !p->closing) redial(p);
    conn_free(c);
}

static void conn_close(link_conn *c) {
    link_poll_end(c);
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
}

/* What is dead may still stand in a list of this turn. */
static int is_open(const link_conn *c) {
    return !c->dead && !uv_is_closing((const uv_handle_t *)&c->tcp);
}

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *buf) {
    (void)want;
    const link_conn *c = h->data;
    *buf = uv_buf_init(read_room(c->port->loop), READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
    link_conn *c = s->data;
    link_port *p = c->port;
    if (n == 0) return;
    if (n < 0) {
        conn_close(c);
        return;
    }
    atomic_fetch_add(&p->counts->bytes, (uint64_t)n);
    c->heard_ms = uv_now(&p->loop->uv);
    link_take_read(c, (jd_str){buf->base, (size_t)n});
    if (c->paused) {
        uv_read_stop(s);
        c->reading = 0;
    } else if (c->in.n > p->decl->protocol->frame_max * 2 + READ_BYTES) {
        jd_log(JD_LOG_WARN, "link.frame", "link=%.*s from=%s bytes=%zu why=\"no frame ends\"",
               JD_STR_ARG(p->decl->name), c->from, c->in.n);
        conn_close(c);
    } else if (!c->in.n && c->in.cap > LINK_IN_KEEP) {
        jd_buf_fini(&c->in);
        c->in = (jd_buf){0};
    }
}

static void name_peer(link_conn *c) {
    struct sockaddr_storage a;
    int n = sizeof a;
    char host[48] = "?";
    unsigned port = 0;
    if (!uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&a, &n)) {
        if (a.ss_family == AF_INET6) {
            const struct sockaddr_in6 *in6 = (const void *)&a;
            uv_ip6_name(in6, host, sizeof host);
            port = ntohs(in6->sin6_port);
        } else {
            const struct sockaddr_in *in = (const void *)&a;
            uv_ip4_name(in, host, sizeof host);
            port = ntohs(in->sin_port);
        }
    }
    snprintf(c->from, sizeof c->from, "%s:%u", host, port);
}

static link_conn *conn_new(link_port *p) {
    link_conn *c = jd_xcalloc(1, sizeof *c);
    c->port = p;
    c->id = ++p->loop->last_conn * THREADS + p->loop->no + 1;
    uv_tcp_init(&p->loop->uv, &c->tcp);
    c->tcp.data = c;
    c->next = p->conns;
    c->prev = &p->conns;
    if (c->next) c->next->prev = &c->next;
    p->conns = c;
    p->conns_n++;
    p->refs++;
    p->loop->conns_n++;
    c->heard_ms = uv_now(&p->loop->uv);
    atomic_fetch_add(&p->counts->connections, 1);
    return c;
}

static void conn_begin(link_conn *c) {
    name_peer(c);
    uv_tcp_nodelay(&c->tcp, 1);
    c->reading = 1;
    uv_read_start((uv_stream_t *)&c->tcp, give_room, on_read);
}

static void take_connection(link_port *p, int fd) {
    int full = p->conns_n >= p->decl->connections_max || p->loop->conns_n >= p->loop->links->o.connections_max;
    atomic_fetch_add(&p->counts->accepted, 1);
    if (full || p->loop->quiet) {
        close(fd);
        return;
    }
    link_conn *c = conn_new(p);
    if (uv_tcp_open(&c->tcp, fd)) {
        close(fd);
        conn_close(c);
    } else {
        conn_begin(c);
    }
}

/* Not by uv_listen: out of files, libuv gives up one that it keeps to take the connection and close it. When another
 * thread is faster with that file, its loop turns for ever. Here those who knock wait for the next tick. */
static void on_connection(uv_poll_t *listener, int status, int events) {
    (void)events;
    link_port *p = listener->data;
    p->deaf = status < 0; /* then libuv has stopped */
    for (int i = 0; i < ACCEPT_AT_ONCE && !p->deaf; i++) {
        int fd = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_connection(p, fd);
            p->no_files = 0;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!p->no_files)
                jd_log(JD_LOG_WARN, "link.accept", "link=%.*s why=\"%s\"", JD_STR_ARG(p->decl->name), strerror(errno));
            uv_poll_stop(listener);
            p->deaf = p->no_files = 1;
        } /* else that one is lost (accept(2)) */
    }
}

static void listen_on(link_port *p) {
    p->deaf = uv_poll_start(&p->listener, UV_READABLE, on_connection) != 0;
}

/* ---- answers ---- */

typedef struct writing {
    uv_write_t req;
    jd_buf bytes;
} writing;

static void on_written(uv_write_t *req, int status) {
    writing *w = (writing *)req;
    if (status < 0) conn_close(req->handle->data);
    jd_buf_fini(&w->bytes);
    free(w);
}

static void conn_flush(link_conn *c) {
    uv_buf_t buf = uv_buf_init(c->out.p, (unsigned)c->out.n);
    int sent = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        conn_close(c);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    c->sent_ms = uv_now(&c->port->loop->uv);
    if (done < c->out.n) {
        if (uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp) > OUT_MAX) { /* it sends and never reads */
            conn_close(c);
            return;
        }
        writing *w = jd_xcalloc(1, sizeof *w);
        jd_buf_add(&w->bytes, c->out.p + done, c->out.n - done);
        buf = uv_buf_init(w->bytes.p, (unsigned)w->bytes.n);
        w->req.data = w;
        uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
    }
    c->out.n = 0;
}

void link_flush(link_conn *c) {
    if (c->out.n && is_open(c)) conn_flush(c);
}

void link_conn_drop(link_conn *c) {
    conn_close(c);
}

uint16_t link_next_serial(link_loop *loop) {
    if (!++loop->command_serial) ++loop->command_serial;
    return loop->command_serial;
}

void link_answered(link_conn *c) {
    if (c->dirty) return;
    c->dirty = 1;
    c->next_dirty = c->port->loop->dirty;
    c->port->loop->dirty = c;
}

static void flush_dirty(link_loop *loop) {
    while (loop->dirty) {
        link_conn *c = loop->dirty;
        loop->dirty = c->next_dirty;
        c->dirty = 0;
        if (c->out.n && is_open(c)) conn_flush(c);
        conn_free(c);
    }
}

static int worth_again(jd_errcode code) {
    return code == JD_E_BUSY || code == JD_E_STORAGE_FULL || code == JD_E_INTERNAL || code == JD_E_UNKNOWN_OUTCOME;
}

static jd_outcome outcome_of(const link_batch *b, const link_pend *p, const jd_err **why) {
    jd_outcome o = p->outcome;
    for (uint32_t i = 0; b->job.failed && i < p->writes_n; i++) {
        const jd_write *w = &b->job.writes[p->write + i];
        if (w->err.code == JD_E_OK) continue;
        *why = &w->err;
        if (worth_again(w->err.code)) return JD_OUT_BUSY;
        o = JD_OUT_REFUSED;
    }
    return o;
}

static void answer(link_batch *b, link_pend *p, jd_time now, uint64_t now_us) {
    link_conn *c = p->conn;
    link_port *port = c->port;
    const link_decl *d = port->decl;
    const jd_err *why = NULL;
    jd_outcome o = outcome_of(b, p, &why);
    c->flying--;
    if (p->fresh) registry_stored(b->loop->links->devices, p->device, o != JD_OUT_BUSY);
    if (o == JD_OUT_REFUSED && why) quarantine_add(port->set_aside, p->id, c->from, p->bytes, d->protocol, why);
    if (is_open(c) && d->protocol->reply) {
        size_t before = c->out.n;
        const jd_frame f = {.bytes = p->bytes, .device = p->id, .edition = p->edition, .own = p->own, .answers = -1};
        d->protocol->reply(&d->set, &f, o, now, &c->peer, &c->out);
        if (c->out.n > before) atomic_fetch_add(&port->counts->answers, 1);
    }
    atomic_store_explicit(&port->counts->wait_us, now_us - p->arrived_us, memory_order_relaxed);
    link_answered(c);
    if (o == JD_OUT_BUSY && d->dial && d->protocol->drop_when_busy && is_open(c)) conn_close(c);
}

uint16_t *link_fixed_flying(link_loop *loop, jd_str entity) {
    return &loop->fixed_flying[jd_hash(entity.p, entity.n) % (sizeof loop->fixed_flying / sizeof *loop->fixed_flying)];
}

static void conn_ahead(const link_conn *c, int how_far) {
    if (how_far) {
        __builtin_prefetch(&c->tcp);
        __builtin_prefetch(&c->port, 1);
        __builtin_prefetch(&c->out, 1);
    } else {
        __builtin_prefetch(c->out.p, 1);
    }
}

static void complete(link_batch *b) {
    for (size_t i = 0; b->fixed_n && i < b->job.n; i++) {
        const jd_write *w = &b->job.writes[i];
        if (w->kind == JD_K_ENTITY && w->rq.op == JD_OP_CREATE) --*link_fixed_flying(b->loop, w->rq.id);
    }
    jd_time now = jd_now();
    uint64_t now_us = jd_mono_ns() / 1000;
    for (uint32_t i = 0; i < b->pend_n; i++) {
        /* a thousand connections are more than a cache holds */
        if (i + 8 < b->pend_n) conn_ahead(b->pend[i + 8].conn, 1);
        if (i + 4 < b->pend_n) conn_ahead(b->pend[i + 4].conn, 0);
        answer(b, &b->pend[i], now, now_us);
    }
    batch_give_back(b);
}

/* ---- to the writer ---- */

static void submit_gathered(link_loop *loop);

static void on_retry(uv_timer_t *t) {
    link_loop *loop = t->data;
    submit_gathered(loop);
    flush_dirty(loop);
}

/* What comes behind a pause goes at once; then a batch waits until it is full, or until some milliseconds are over
 * since the one before it. Each group costs a sync and a transaction, and a link alone would make seven hundred a
 * second. */
static void submit_gathered(link_loop *loop) {
    const link_batch *b = loop->filling;
    uint64_t now = uv_now(&loop->uv), due = loop->submitted_ms + loop->links->o.gather_ms;
    if (!b->job.n || is_full(b) || now >= due || loop->quiet) {
        submit(loop);
    } else if (!uv_is_active((uv_handle_t *)&loop->retry)) {
        uv_timer_start(&loop->retry, on_retry, due - now, 0);
    }
}

static void submit(link_loop *loop) {
    link_batch *b = loop->filling;
    jd_err err = {0};
    if (!(b->pend_n + b->job.n) || loop->in_flight >= loop->links->o.batches_max) return;
    if (!b->job.n) { /* nothing to keep */
        loop->filling = batch_new(loop);
        complete(b);
        return;
    }
    b->job.done = on_done;
    b->job.user = b;
    b->job.tenant = b->tenant;
    if (jd_submit(loop->links->o.engine, &b->job, &err)) { /* the writer's queue is full */
        uv_timer_start(&loop->retry, on_retry, BUSY_RETRY_MS, 0);
        return;
    }
    loop->in_flight++;
    loop->submitted_ms = uv_now(&loop->uv);
    loop->filling = batch_new(loop);
}

static void on_check(uv_check_t *h) {
    link_loop *loop = h->data;
    link_commands_settle(loop);
    submit_gathered(loop);
    resume_paused(loop);
    flush_dirty(loop);
}

/* Who waited longest comes first, and stands at the end again when there was no room for all it has: otherwise some
 * would never have their turn while others send as fast as they can. */
static void resume_paused(link_loop *loop) {
    while (loop->paused && !loop->quiet) {
        link_conn *c = loop->paused;
        if (is_open(c) && !link_batch_room(loop, c->port->decl->tenant, 1)) return;
        unpause(c);
        if (!is_open(c)) continue;
        link_take_all(c);
        if (!c->paused && !c->reading && !loop->quiet) {
            c->reading = 1;
            uv_read_start((uv_stream_t *)&c->tcp, give_room, on_read);
        }
    }
}

/* ---- links on this thread ---- */

static void on_dialled(uv_connect_t *req, int status) {
    link_conn *c = req->data;
    free(req);
    if (!is_open(c)) return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    atomic_fetch_add(&c->port->counts->dialled, 1);
    conn_begin(c);
    const link_decl *d = c->port->decl;
    if (d->protocol->hello) d->protocol->hello(&d->set, &c->peer, &c->out);
    if (d->points) link_poll_begin(c);
    link_flush(c);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list) {
    link_port *p = req->data;
    free(req);
    if (!p->closing && status == 0) {
        link_conn *c = conn_new(p);
        uv_connect_t *connect = jd_xcalloc(1, sizeof *connect);
        connect->data = c;
        if (uv_tcp_connect(connect, &c->tcp, list->ai_addr, on_dialled)) {
            free(connect);
            conn_close(c);
        }
    } else if (!p->closing) {
        redial(p);
    }
    uv_freeaddrinfo(list);
    port_release(p);
}

static void dial(uv_timer_t *t) {
    link_port *p = t->data;
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    uv_getaddrinfo_t *req = jd_xcalloc(1, sizeof *req);
    snprintf(port, sizeof port, "%u", p->decl->port);
    req->data = p;
    p->refs++;
    if (uv_getaddrinfo(&p->loop->uv, req, on_resolved, p->decl->host.p, port, &hints)) {
        free(req);
        port_release(p);
    }
}

/* Again after 1, 2, 4, ... seconds, at most a minute. */
static void redial(link_port *p) {
    uint64_t ms = p->dial_tries ? (uint64_t)1000 << (p->dial_tries - 1) : 0;
    if (p->dial_tries < 7) p->dial_tries++;
    uv_timer_start(&p->redial, dial, ms < DIAL_MOST_MS ? ms : DIAL_MOST_MS, 0);
}

static void on_handle_closed(uv_handle_t *h) {
    port_release(h->data);
}

static void port_open(link_loop *loop, const link_order *o) {
    link_port *p = jd_xcalloc(1, sizeof *p);
    *p = (link_port){
        .loop = loop, .decl = o->decl, .set_aside = o->entry->set_aside, .counts = &o->entry->counts, .refs = 1};
    p->feeds = jd_xcalloc(p->decl->maps_n + 1, sizeof *p->feeds);
    for (size_t i = 0; i < p->decl->maps_n; i++) {
        p->feeds[i] = jd_feed_new(p->decl->maps[i]);
        jd_feed_begin(p->feeds[i], JD_FEED_LIVE, 0);
    }
    p->next = loop->ports;
    loop->ports = p;
    if (o->fd >= 0) {
        int rc = uv_poll_init_socket(&loop->uv, &p->listener, o->fd);
        if (rc) {
            jd_log(JD_LOG_ERROR, "link.listen", "link=%.*s port=%u why=\"%s\"", JD_STR_ARG(p->decl->name),
                   p->decl->port, uv_strerror(rc));
            close(o->fd);
            return;
        }
        p->listener.data = p;
        p->listen_fd = o->fd;
        p->refs++;
        p->listening = 1;
        listen_on(p);
    } else if (p->decl->dial && loop->no == 0) {
        uv_timer_init(&loop->uv, &p->redial);
        p->redial.data = p;
        p->refs++;
        p->redial_on = 1;
        redial(p);
    }
}

static void port_close(link_port *p) {
    p->closing = 1;
    if (p->listening) {
        uv_close((uv_handle_t *)&p->listener, on_handle_closed);
        close(p->listen_fd);
    }
    if (p->redial_on) uv_close((uv_handle_t *)&p->redial, on_handle_closed);
    p->listening = p->redial_on = 0;
    for (link_conn *c = p->conns; c; c = c->next) conn_close(c);
    port_release(p);
}

static void close_link(link_loop *loop, const link_entry *entry) {
    for (link_port **at = &loop->ports; *at;) {
        link_port *p = *at;
        if (p->counts != &entry->counts) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        port_close(p);
    }
}

/* ---- orders, and what the writer gave back ---- */

static void quiet(link_loop *loop) {
    loop->quiet = 1;
    for (link_port *p = loop->ports; p; p = p->next)
        for (link_conn *c = p->conns; c; c = c->next)
            if (is_open(c)) uv_read_stop((uv_stream_t *)&c->tcp);
    link_commands_settle(loop);
    loop->in_flight = 0; /* what was read goes to the writer, however much is there already */
    submit(loop);
}

static void end(link_loop *loop) {
    while (loop->ports) {
        link_port *p = loop->ports;
        loop->ports = p->next;
        port_close(p);
    }
    loop->ending = 1;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->retry, NULL);
}

static void obey(link_loop *loop, link_order *o) {
    switch (o->what) {
    case LINK_OPEN: port_open(loop, o); break;
    case LINK_CLOSE: close_link(loop, o->entry); break;
    case LINK_COMMAND: link_command_send(loop, o->command); break;
    case LINK_QUIET:
        quiet(loop);
        uv_sem_post(o->sem);
        break;
    case LINK_END:
        flush_dirty(loop);
        end(loop);
        break;
    }
}

static void on_wake(uv_async_t *h) {
    link_loop *loop = h->data;
    pthread_mutex_lock(&loop->mutex);
    link_batch *done = loop->done, *in_order = NULL;
    link_order *orders = loop->orders;
    loop->done = NULL;
    loop->orders = NULL;
    pthread_mutex_unlock(&loop->mutex);
    while (done) { /* the newest stands first */
        link_batch *next = done->next;
        if (loop->in_flight) loop->in_flight--;
        done->next = in_order;
        in_order = done;
        done = next;
    }
    submit_gathered(loop); /* first, so that the writer works while answers are given */
    while (in_order) {
        link_batch *next = in_order->next;
        complete(in_order);
        in_order = next;
    }
    flush_dirty(loop);
    link_commands_settle(loop);
    submit_gathered(loop);
    resume_paused(loop);
    while (orders) {
        link_order *next = orders->next;
        obey(loop, orders);
        free(orders);
        orders = next;
    }
    flush_dirty(loop);
}

void link_order_send(link_loop *loop, link_order order) {
    link_order *o = jd_xmalloc(sizeof *o);
    *o = order;
    o->next = NULL;
    pthread_mutex_lock(&loop->mutex);
    link_order **last = &loop->orders;
    while (*last) last = &(*last)->next;
    *last = o;
    pthread_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

static void on_tick(uv_timer_t *t) {
    link_loop *loop = t->data;
    uint64_t now = uv_now(&loop->uv);
    for (link_port *p = loop->ports; p; p = p->next) {
        if (p->deaf) listen_on(p);
        for (link_conn *c = p->conns, *next; c; c = next) {
            next = c->next;
            uint64_t quiet_ms = now - c->heard_ms;
            if (quiet_ms > (uint64_t)p->decl->idle_s * 1000) conn_close(c);
            if (now - c->sent_ms < PING_MS || !p->decl->protocol->ping || !p->decl->dial || !is_open(c)) continue;
            p->decl->protocol->ping(&p->decl->set, &c->peer, &c->out);
            link_answered(c);
        }
    }
    link_commands_tick(loop);
    link_commands_settle(loop);
    submit(loop);
    flush_dirty(loop);
}

static void *loop_main(void *user) {
    link_loop *loop = user;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    for (link_batch *b = loop->spare, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    link_command *left[] = {loop->commands, loop->settled};
    for (int i = 0; i < 2; i++)
        for (link_command *c = left[i], *after; c; c = after) {
            after = link_command_next(c);
            link_command_free(c);
        }
    batch_free(loop->filling);
    jd_arena_fini(&loop->frame);
    free(loop->uv.data);
    uv_loop_close(&loop->uv);
    pthread_mutex_destroy(&loop->mutex);
    return NULL;
}

int link_loop_start(jd_links *l, unsigned no, jd_err *err) {
    link_loop *loop = &l->loops[no];
    loop->links = l;
    loop->no = no;
    pthread_mutex_init(&loop->mutex, NULL);
    uv_loop_init(&loop->uv);
    loop->uv.data = jd_xmalloc(READ_BYTES);
    uv_async_init(&loop->uv, &loop->wake, on_wake);
    uv_check_init(&loop->uv, &loop->check);
    uv_timer_init(&loop->uv, &loop->tick);
    uv_timer_init(&loop->uv, &loop->retry);
    loop->wake.data = loop->check.data = loop->tick.data = loop->retry.data = loop;
    uv_check_start(&loop->check, on_check);
    uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
    loop->filling = batch_new(loop);
    jd_arena_init(&loop->frame);
    loop->paused_end = &loop->paused;
    int rc = pthread_create(&loop->thread, NULL, loop_main, loop);
    if (rc)
        return jd_fail(err, JD_E_INTERNAL, "links: cannot start a thread: %s", "链路：无法启动线程：%s", strerror(rc));
    (void)pthread_setname_np(loop->thread, "jd-link");
    return 0;
}
