#include "told_receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS_MAX = 64, EVENTS = 64, LATE_MAX = 4096 };

typedef struct caller {
    int fd;
    jd_buf in;
} caller;

struct receiver {
    int listener[PORTS_MAX], poll;
    unsigned n, slow_ms;
    pthread_t thread;
    atomic_int stop;
    _Atomic uint64_t count, entities;
    pthread_mutex_t lock;
    bench_samples delays;
    struct late { /* answers that are due */
        double at;
        int fd;
    } late[LATE_MAX];
    unsigned late_n;
};

static void answer(int fd) {
    static const char text[] = "HTTP/1.1 204 No Content\r\n\r\n";
    if (write(fd, text, sizeof text - 1) < 0) return;
}

static void take(receiver *r, const char *body, size_t n) {
    double now = bench_seconds();
    atomic_fetch_add(&r->count, 1);
    for (const char *p = body, *end = body + n; (p = memmem(p, (size_t)(end - p), "\"stamp\":", 8)); p += 8) {
        const char *v = p + 8;
        while (v < end && *v != '}' && (*v < '0' || *v > '9')) v++;
        pthread_mutex_lock(&r->lock);
        bench_add(&r->delays, now - strtod(v, NULL) / 1e6);
        pthread_mutex_unlock(&r->lock);
    }
    for (const char *p = body, *end = body + n; (p = memmem(p, (size_t)(end - p), "{\"id\":", 6)); p += 6)
        atomic_fetch_add(&r->entities, 1);
    atomic_fetch_sub(&r->entities, 1); /* the notification's own */
}

/* Takes whole requests out of what came. 0: the caller is gone. */
static int serve(receiver *r, caller *c) {
    for (;;) {
        ssize_t got = read(c->fd, jd_buf_room(&c->in, 65536), 65536);
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) return 0;
        c->in.n += (size_t)got;
    }
    for (;;) {
        char *head = c->in.n ? memmem(c->in.p, c->in.n, "\r\n\r\n", 4) : NULL;
        char *length = head ? memmem(c->in.p, (size_t)(head - c->in.p), "Content-Length: ", 16) : NULL;
        if (!length) return 1;
        size_t size = strtoul(length + 16, NULL, 10), at = (size_t)(head + 4 - c->in.p);
        if (c->in.n < at + size) return 1;
        take(r, c->in.p + at, size);
        memmove(c->in.p, c->in.p + at + size, c->in.n - at - size);
        c->in.n -= at + size;
        if (!r->slow_ms)
            answer(c->fd);
        else if (r->late_n < LATE_MAX)
            r->late[r->late_n++] = (struct late){bench_seconds() + r->slow_ms / 1e3, c->fd};
    }
}

static void accept_one(receiver *r, int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    caller *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->fd = fd;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->poll, EPOLL_CTL_ADD, fd, &ev);
}

static void *receive(void *user) {
    receiver *r = user;
    struct epoll_event ev[EVENTS];
    while (!atomic_load(&r->stop)) {
        int n = epoll_wait(r->poll, ev, EVENTS, r->late_n ? 1 : 100);
        for (int i = 0; i < n; i++) {
            uintptr_t p = (uintptr_t)ev[i].data.ptr;
            if (p < PORTS_MAX) {
                accept_one(r, r->listener[p]);
                continue;
            }
            caller *c = ev[i].data.ptr;
            if (serve(r, c)) continue;
            close(c->fd);
            jd_buf_fini(&c->in);
            free(c);
        }
        double now = bench_seconds();
        for (unsigned i = 0; i < r->late_n;) {
            if (r->late[i].at > now) {
                i++;
                continue;
            }
            answer(r->late[i].fd);
            r->late[i] = r->late[--r->late_n];
        }
    }
    return NULL;
}

receiver *receiver_start(unsigned port, unsigned n, unsigned slow_ms) {
    receiver *r = calloc(1, sizeof *r);
    if (!r || n > PORTS_MAX) abort();
    r->n = n;
    r->slow_ms = slow_ms;
    r->poll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_init(&r->lock, NULL);
    for (unsigned i = 0; i < n; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
        struct sockaddr_in a = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)(port + i)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 128))
            bench_die("told: cannot listen on %u", port + i);
        r->listener[i] = fd;
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = (void *)(uintptr_t)i};
        epoll_ctl(r->poll, EPOLL_CTL_ADD, fd, &ev);
    }
    if (pthread_create(&r->thread, NULL, receive, r)) abort();
    return r;
}

void receiver_stop(receiver *r) {
    atomic_store(&r->stop, 1);
    pthread_join(r->thread, NULL);
    for (unsigned i = 0; i < r->n; i++) close(r->listener[i]);
    close(r->poll);
    bench_free(&r->delays);
    free(r); /* callers' sockets go with the process */
}

uint64_t receiver_count(const receiver *r) {
    return atomic_load(&r->count);
}

uint64_t receiver_entities(const receiver *r) {
    return atomic_load(&r->entities);
}

void receiver_take(receiver *r, bench_samples *out) {
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->delays.n; i++) bench_add(out, r->delays.v[i]);
    r->delays.n = 0;
    pthread_mutex_unlock(&r->lock);
}
