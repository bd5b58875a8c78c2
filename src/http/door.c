/* Opening and closing the door: options, socket, threads, and the order in which they end. */
#include "http/door.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/door_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SURPLUS = 256,         /* connections beyond the limit that still get a 503; further ones are closed at once */
    POOL_SPARE = 8 * 1024, /* of a connection's memory: header records and the head of the answer */
    STOP_GRACE_MS = 2000,  /* before drain, for requests that run */
    STOP_SEND_MS = 5000    /* after it, for answers that are being sent */
};

static const jd_route own_rows[] = {
    {JD_GET, "/health", jd_door_health, NULL, 0, "Is the server well?"},
    {JD_GET, "/metrics", jd_door_metrics, NULL, 0, "Counters in Prometheus text format"},
    {JD_GET, "/api/openapi.json", jd_door_openapi, NULL, JD_R_OWN, "This document"},
};
enum { OWN_ROWS = sizeof own_rows / sizeof *own_rows };

static void fill_defaults(jd_door_opts *o) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1) cores = 1;
    if (!o->host) o->host = "127.0.0.1";
    if (!o->io_threads) o->io_threads = cores > 8 ? 8 : (unsigned)cores;
    if (!o->workers) o->workers = 4;
    if (!o->body_max) o->body_max = (size_t)16 << 20;
    if (!o->bodies_max) o->bodies_max = (size_t)512 << 20;
    if (!o->header_max) o->header_max = 8 * 1024;
    if (!o->target_max) o->target_max = 8 * 1024;
    if (!o->connections_max) o->connections_max = 10000;
    if (!o->idle_ms) o->idle_ms = 30000;
    o->idle_ms = (o->idle_ms + 999) / 1000 * 1000; /* the library's clock */
    if (!o->slow_ms) o->slow_ms = 1000;
    if (!o->jobs_max) o->jobs_max = 1024;
}

/* ---- connections ---- */

static void name_of(const struct sockaddr *a, char out[48]) {
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (a && a->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, a, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        port = ntohs(in.sin_port);
    } else if (a && a->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, a, sizeof in);
        inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
        port = ntohs(in.sin6_port);
    }
    snprintf(out, 48, "%.38s:%u", host, port);
}

static void peer_open(jd_door *d, struct MHD_Connection *mhd, void **state) {
    peer *p = jd_xcalloc(1, sizeof *p);
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *addr = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    p->fd = fd ? fd->connect_fd : -1;
    name_of(addr ? addr->client_addr : NULL, p->name);
    atomic_init(&p->state, PEER_IDLE);
    atomic_init(&p->since_ns, jd_mono_ns());
    atomic_fetch_add(&d->peers_total, 1);
    p->surplus = atomic_fetch_add(&d->peers_n, 1) >= d->opts.connections_max;
    pthread_mutex_lock(&d->peers_lock);
    p->next = d->peers;
    if (p->next) p->next->prev = p;
    d->peers = p;
    pthread_mutex_unlock(&d->peers_lock);
    *state = p;
}

static void peer_close(jd_door *d, void **state) {
    peer *p = *state;
    if (!p) return;
    pthread_mutex_lock(&d->peers_lock);
    if (p->prev)
        p->prev->next = p->next;
    else
        d->peers = p->next;
    if (p->next) p->next->prev = p->prev;
    pthread_mutex_unlock(&d->peers_lock);
    atomic_fetch_sub(&d->peers_n, 1);
    free(p);
    *state = NULL;
}

static void on_connection(void *door, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        peer_open(door, mhd, state);
    else
        peer_close(door, state);
}

static enum MHD_Result on_accept(void *door, const struct sockaddr *addr, socklen_t n) {
    (void)addr, (void)n;
    jd_door *d = door;
    if (atomic_load(&d->peers_n) < (uint64_t)d->opts.connections_max + SURPLUS) return MHD_YES;
    jd_door_refused(d, JD_REFUSED_CONNECTIONS);
    return MHD_NO;
}

/* Targets are decoded by us, from the copy that was taken before. */
static size_t leave_escaped(void *door, struct MHD_Connection *mhd, char *s) {
    (void)door, (void)mhd;
    return strlen(s);
}

/* ---- the socket ---- */

static int listen_on(const jd_door_opts *o, unsigned *port, jd_err *err) {
    char service[16];
    snprintf(service, sizeof service, "%u", o->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int why = getaddrinfo(o->host, service, &hints, &list);
    if (why)
        return jd_fail(err, JD_E_INVALID_REQUEST, "cannot listen on %s: %s", "无法监听 %s：%s", o->host,
                       gai_strerror(why));
    int fd = -1, yes = 1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) continue;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1024) == 0) break;
        why = errno;
        close(fd);
        fd = -1;
        errno = why;
    }
    why = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return jd_fail(err, JD_E_INVALID_REQUEST, "cannot listen on %s port %u: %s", "无法监听 %s 端口 %u：%s", o->host,
                       o->port, strerror(why));
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    getsockname(fd, (struct sockaddr *)&at, &n);
    struct sockaddr_in in;
    memcpy(&in, &at, sizeof in); /* the port lies at the same place in both families */
    *port = ntohs(in.sin_port);
    return fd;
}

static void make_room_for_sockets(const jd_door_opts *o) {
    struct rlimit l;
    rlim_t want = (rlim_t)o->connections_max + o->taken_max + SURPLUS + 512;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= want) return;
    l.rlim_cur = l.rlim_max == RLIM_INFINITY || l.rlim_max > want ? want : l.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur < want)
        jd_log(JD_LOG_WARN, "http.limit", "files=%llu connections_max=%u the limit of open files is lower",
               (unsigned long long)l.rlim_cur, o->connections_max);
}

/* ---- start ---- */

static void door_free(jd_door *d) {
    jd_sweep_stop(d->sweep);
    for (slot *s = d->slots, *next; s; s = next) {
        next = s->next;
        for (call *c = s->idle, *after; c; c = after) {
            after = c->next;
            jd_call_free(c);
        }
        free(s->by_route);
        free(s);
    }
    jd_workers_stop(d->workers);
    jd_static_free(d->files);
    if (d->nothing) MHD_destroy_response(d->nothing);
    jd_routes_free(d->routes);
    pthread_mutex_destroy(&d->peers_lock);
    pthread_mutex_destroy(&d->slots_lock);
    free(d->openapi);
    free(d->rows);
    free(d);
}

static int start_library(jd_door *d, jd_err *err) {
    const jd_door_opts *o = &d->opts;
    static char empty[1];
    d->nothing = MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);
    if (!d->nothing) return jd_fail(err, JD_E_INTERNAL, "libmicrohttpd has no memory", "libmicrohttpd 内存不足");
    int fd = listen_on(o, &d->port, err);
    if (fd < 0) return -1;
    size_t pool = o->header_max + o->target_max + POOL_SPARE;
    struct MHD_OptionItem more[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->io_threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (o->io_threads < 2) more[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    d->mhd =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, on_accept, d, jd_call_step, d,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, jd_call_begin, d,
                         MHD_OPTION_NOTIFY_COMPLETED, jd_call_end, d, MHD_OPTION_NOTIFY_CONNECTION, on_connection, d,
                         MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, d, MHD_OPTION_CONNECTION_MEMORY_LIMIT, pool,
                         /* the library shares this out among its threads, which take connections unevenly */
                         MHD_OPTION_CONNECTION_LIMIT, (o->connections_max + SURPLUS + 64) * o->io_threads,
                         MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_ip_max, MHD_OPTION_CONNECTION_TIMEOUT,
                         o->idle_ms / 1000, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (d->mhd) return 0;
    close(fd);
    return jd_fail(err, JD_E_INTERNAL, "libmicrohttpd did not start on %s port %u",
                   "libmicrohttpd 未能在 %s 端口 %u 启动", o->host, o->port);
}

int jd_door_start(jd_door **out, const jd_door_opts *opts, jd_err *err) {
    jd_door *d = jd_xcalloc(1, sizeof *d);
    d->opts = *opts;
    fill_defaults(&d->opts);
    d->began_ns = jd_mono_ns();
    pthread_mutex_init(&d->peers_lock, NULL);
    pthread_mutex_init(&d->slots_lock, NULL);
    d->rows_n = opts->routes_n + OWN_ROWS;
    d->rows = jd_xcalloc(d->rows_n, sizeof *d->rows);
    if (opts->routes_n) memcpy(d->rows, opts->routes, opts->routes_n * sizeof *d->rows);
    memcpy(d->rows + opts->routes_n, own_rows, sizeof own_rows);
    jd_buf api = {0};
    jd_openapi_write(&api, d->rows, d->rows_n);
    d->openapi = jd_buf_take(&api, &d->openapi_n);
    make_room_for_sockets(&d->opts);
    int bad = jd_routes_make(&d->routes, d->rows, d->rows_n, err);
    if (!bad && (d->opts.web_dir || d->opts.web_files || d->opts.documents_n))
        bad = jd_static_load(&d->files, &d->opts, err);
    if (!bad) {
        d->workers = jd_workers_start(d->opts.workers, d->opts.jobs_max);
        d->sweep = jd_sweep_start(d);
        if (!d->workers || !d->sweep) bad = jd_fail(err, JD_E_INTERNAL, "cannot start threads", "无法启动线程");
    }
    if (!bad) bad = start_library(d, err);
    if (bad) {
        door_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

unsigned jd_door_port(const jd_door *d) {
    return d->port;
}

/* ---- stop ---- */

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

jd_load jd_door_load(jd_door *d) {
    jd_load sum = {0};
    pthread_mutex_lock(&d->slots_lock);
    for (const slot *s = d->slots; s; s = s->next) {
        sum.calls += atomic_load(&s->calls);
        sum.active += atomic_load(&s->active);
        sum.waiting += atomic_load(&s->waiting);
    }
    pthread_mutex_unlock(&d->slots_lock);
    return sum;
}

typedef uint64_t (*count_of)(jd_door *d);
static uint64_t active_of(jd_door *d) {
    return jd_door_load(d).active;
}
static uint64_t calls_of(jd_door *d) {
    return jd_door_load(d).calls;
}
static uint64_t resuming_of(jd_door *d) {
    return atomic_load(&d->resuming);
}

/* Waits until the count is 0, at most ms (0: for ever, with a word in the log now and then). */
static void wait_for(jd_door *d, count_of count, unsigned ms, const char *what) {
    uint64_t began = jd_mono_ns(), said = began, left;
    while ((left = count(d)) > 0) {
        uint64_t now = jd_mono_ns();
        if (ms && now - began > (uint64_t)ms * 1000000u) return;
        if (!ms && now - said > 5000000000u) {
            said = now;
            jd_log(JD_LOG_WARN, "http.stop", "waiting_for=%s left=%llu", what, (unsigned long long)left);
        }
        nap();
    }
}

void jd_door_stop(jd_door *d, void (*drain)(void *app)) {
    if (!d) return;
    atomic_store(&d->stopping, 1);
    wait_for(d, active_of, STOP_GRACE_MS, "requests");
    if (drain) drain(d->opts.app);
    wait_for(d, active_of, 0, "requests");
    wait_for(d, calls_of, STOP_SEND_MS, "answers");
    /* Nobody may still be inside the library when its memory goes. */
    jd_workers_stop(d->workers);
    d->workers = NULL;
    wait_for(d, resuming_of, 0, "resumes");
    MHD_stop_daemon(d->mhd);
    door_free(d);
}
