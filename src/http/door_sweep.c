/* One thread with three duties that the library does not have.
 *
 * Slow clients. The library closes a connection on which nothing happens; a client that sends a byte now and then keeps
 * it for ever. Here a head must be in after two idle times, and a body must come with RATE_MIN bytes a second.
 *
 * Clients that left. When the end of a connection comes together with its last bytes, the library (edge-triggered, and
 * content with a short read) sees it only at the idle time-out. So a connection that went quiet is looked at once.
 *
 * Lingering. When an answer leaves before the request has come in (413, 400), closing makes the kernel reset the
 * connection, and the client loses the answer. So the socket is kept a little, and what still comes is thrown away. */
#include "base/clock.h"
#include "http/door_int.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MAX = 64,
    LINGER_SECONDS = 5,
    LINGER_BYTES = 64 * 1024 * 1024,
    RATE_MIN = 256,
    ROUND_MS = 500,
    QUIET_NS = 500000000
};
#define SECOND_NS 1000000000u

typedef struct lingering {
    int fd;
    uint64_t until_ns;
    size_t read;
} lingering;

struct jd_sweep {
    jd_door *door;
    pthread_t thread;
    int wake; /* eventfd */
    pthread_mutex_t lock;
    int stopping;               /* under lock */
    int fresh[LINGER_MAX];      /* under lock: handed over, not yet seen by the thread */
    unsigned fresh_n;           /* under lock */
    lingering list[LINGER_MAX]; /* the thread's */
    unsigned n;
};

static int too_slow(const peer *p, uint64_t idle_ns, uint64_t now) {
    uint64_t since = atomic_load_explicit(&p->since_ns, memory_order_relaxed);
    uint64_t age = now > since ? now - since : 0;
    switch (atomic_load_explicit(&p->state, memory_order_relaxed)) {
    case PEER_IDLE: return age > 2 * idle_ns; /* silent ones are closed by the library after one idle time */
    case PEER_READING:
        return age > 2 * idle_ns &&
               atomic_load_explicit(&p->received, memory_order_relaxed) < age / SECOND_NS * RATE_MIN;
    default: return 0;
    }
}

/* Once for each quiet time: an end that comes later is an event of its own, which the library sees. */
static int has_left(peer *p, uint64_t now) {
    uint64_t since = atomic_load_explicit(&p->since_ns, memory_order_relaxed);
    uint64_t received = atomic_load_explicit(&p->received, memory_order_relaxed);
    if (atomic_load_explicit(&p->state, memory_order_relaxed) == PEER_BUSY || now < since + QUIET_NS) return 0;
    if (p->looked_since == since && p->looked_received == received) return 0;
    p->looked_since = since;
    p->looked_received = received;
    char byte;
    return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void cut_slow(jd_door *d) {
    uint64_t now = jd_mono_ns(), idle_ns = (uint64_t)d->opts.idle_ms * 1000000u;
    pthread_mutex_lock(&d->peers_lock);
    for (peer *p = d->peers; p; p = p->next) {
        int slow = too_slow(p, idle_ns, now);
        if (!slow && !has_left(p, now)) continue;
        shutdown(p->fd, SHUT_RDWR); /* its I/O thread sees the end and cleans up */
        atomic_store_explicit(&p->state, PEER_BUSY, memory_order_relaxed);
        if (slow) jd_door_refused(d, JD_REFUSED_SLOW);
    }
    pthread_mutex_unlock(&d->peers_lock);
}

/* 1: done with it */
static int read_out(lingering *l, uint64_t now) {
    static _Thread_local char dust[64 * 1024];
    ssize_t got;
    while ((got = recv(l->fd, dust, sizeof dust, MSG_DONTWAIT)) > 0) {
        l->read += (size_t)got;
        if (l->read > LINGER_BYTES) return 1;
    }
    return got == 0 || now > l->until_ns || (errno != EAGAIN && errno != EINTR);
}

static int take_fresh(jd_sweep *s, uint64_t now) {
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->fresh_n; i++) {
        if (s->n < LINGER_MAX)
            s->list[s->n++] = (lingering){s->fresh[i], now + (uint64_t)LINGER_SECONDS * SECOND_NS, 0};
        else
            close(s->fresh[i]);
    }
    s->fresh_n = 0;
    int stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return !stopping;
}

static void *sweeper(void *arg) {
    jd_sweep *s = arg;
    pthread_setname_np(pthread_self(), "jd-sweep");
    uint64_t swept = jd_mono_ns();
    for (;;) {
        struct pollfd fds[LINGER_MAX + 1];
        fds[0] = (struct pollfd){.fd = s->wake, .events = POLLIN};
        for (unsigned i = 0; i < s->n; i++) fds[i + 1] = (struct pollfd){.fd = s->list[i].fd, .events = POLLIN};
        poll(fds, s->n + 1, ROUND_MS);
        uint64_t now = jd_mono_ns(), woken;
        if (fds[0].revents && read(s->wake, &woken, sizeof woken) < 0 && errno != EAGAIN) break;
        unsigned kept = 0;
        for (unsigned i = 0; i < s->n; i++) {
            if (read_out(&s->list[i], now))
                close(s->list[i].fd);
            else
                s->list[kept++] = s->list[i];
        }
        s->n = kept;
        if (!take_fresh(s, now)) break;
        if (now - swept < (uint64_t)ROUND_MS * 1000000u) continue;
        swept = now;
        cut_slow(s->door);
    }
    for (unsigned i = 0; i < s->n; i++) close(s->list[i].fd);
    return NULL;
}

jd_sweep *jd_sweep_start(jd_door *d) {
    jd_sweep *s = jd_xcalloc(1, sizeof *s);
    s->door = d;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&s->lock, NULL);
    if (s->wake >= 0 && pthread_create(&s->thread, NULL, sweeper, s) == 0) return s;
    if (s->wake >= 0) close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

static void wake(jd_sweep *s) {
    uint64_t one = 1;
    ssize_t put = write(s->wake, &one, sizeof one);
    (void)put; /* a full counter wakes as well */
}

void jd_sweep_linger(jd_sweep *s, int fd) {
    pthread_mutex_lock(&s->lock);
    int taken = !s->stopping && s->fresh_n < LINGER_MAX;
    if (taken) s->fresh[s->fresh_n++] = fd;
    pthread_mutex_unlock(&s->lock);
    if (taken)
        wake(s);
    else
        close(fd);
}

void jd_sweep_stop(jd_sweep *s) {
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = 1;
    pthread_mutex_unlock(&s->lock);
    wake(s);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->fresh_n; i++) close(s->fresh[i]);
    close(s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
