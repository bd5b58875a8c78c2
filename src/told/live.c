/* The live thread: takes changes from the ring, has them told in every view, and sends what was told to whoever reads,
 * without waiting for anybody. */
#include "told/live_int.h"
#include "told/unknown.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TAKE = 512,           /* changes between two rounds of sending */
    TESTS = 16384,        /* the same as changes times views */
    BUCKETS = 1024,       /* of views by their question */
    SOCKET_BYTES = 65536, /* that the system may hold for one reader */
    TICK_MS = 250,
    SILENT = 4,     /* heartbeats */
    STOP_MS = 2000, /* to send what waits */
    LINGER_S = 300, /* changes are kept on when the last reader has gone, for it may come back */
    RETRY_MS = 2000 /* readers are asked to come back after */
};

typedef jd_live_reader reader;

struct jd_live {
    jd_live_opts o;
    uint64_t run; /* tells this run of the program from others */
    live_ring ring;
    /* under the ring's lock */
    reader *came;
    int asleep, stopping;
    /* the thread's */
    pthread_t thread;
    int started, ep, wake;
    live_view *bucket[BUCKETS];
    live_view **view;
    uint32_t views_n, views_cap;
    uint64_t cursor;
    live_place at; /* every change up to here was seen */
    live_look look;
    jd_buf scratch;
    uint64_t idle_ns, ticked_ns; /* since when nobody reads; 0: somebody does */
    _Atomic uint64_t readers, refused, events, sent, resets, resumed, bytes, cut, views;
};

/* ---- places as text ---- */

void live_place_print(jd_buf *b, live_place at, uint64_t run) {
    jd_buf_printf(b, "id: %llu-%u-%llx\n", (unsigned long long)at.group, at.n, (unsigned long long)run);
}

/* 1; 0: of another run of the program; -1: no id of ours at all. */
static int place_parse(const jd_live *l, jd_str s, live_place *out) {
    char text[64];
    unsigned long long group, run;
    int n = 0;
    if (!s.n || s.n >= sizeof text) return -1;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (sscanf(text, "%20llu-%10u-%16llx%n", &group, &out->n, &run, &n) != 3 || (size_t)n != s.n) return -1;
    out->group = group;
    return run == l->run;
}

/* ---- what a reader is sent of its own ---- */

/* Names that nothing in the store has yet: why it may be silent for ever. */
static void put_unknown(const live_view *v, jd_buf *out) {
    unknown u;
    if (!v->names_open) return;
    unknown_init(&u, v->symbols, v->ask.ctx);
    unknown_types(&u, v->ask.type);
    unknown_q(&u, v->ask.q);
    unknown_types(&u, v->ask.attrs);
    unknown_name(&u, v->ask.geoproperty);
    if (u.n) {
        jd_buf_z(out, ",\"unknownNames\":");
        unknown_write(&u, out);
    }
    unknown_fini(&u);
}

static void own_hello(reader *r, live_place at, int resumed) {
    live_place_print(&r->own, at, r->live->run);
    jd_buf_printf(&r->own, "event: hello\ndata: {\"resumed\":%s,\"heartbeatMs\":%u", resumed ? "true" : "false",
                  r->live->o.heartbeat_ms);
    put_unknown(r->view, &r->own);
    jd_buf_z(&r->own, "}\n\n");
}

static void own_reset(reader *r, live_place at, const char *why) {
    if (r->reset_waits) return;
    live_place_print(&r->own, at, r->live->run);
    jd_buf_printf(&r->own, "event: reset\ndata: {\"reason\":\"%s\"}\n\n", why);
    r->reset_waits = 1;
    atomic_fetch_add_explicit(&r->live->resets, 1, memory_order_relaxed);
}

/* The place alone: it keeps the line open and the reader's id young, and is no event. */
static void own_heartbeat(reader *r) {
    live_place told = r->view->told;
    jd_buf_z(&r->own, ":\n");
    live_place_print(&r->own, live_before(told, r->begins) ? r->begins : told, r->live->run);
    jd_buf_c(&r->own, '\n');
}

/* ---- sending ---- */

static uint64_t lag(const reader *r) {
    return r->view->s.total - (r->c->base + r->off);
}

static int caught_up(const reader *r) {
    return r->own_sent == r->own.n && !lag(r);
}

static ssize_t send_some(reader *r, const char *p, size_t n, uint64_t now) {
    ssize_t sent = send(r->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        r->writable = 0;
        if (errno != EAGAIN && errno != EINTR) r->dead = 1;
        return 0;
    }
    r->moved_ns = r->spoke_ns = now;
    if ((size_t)sent < n) r->writable = 0;
    atomic_fetch_add_explicit(&r->live->bytes, (uint64_t)sent, memory_order_relaxed);
    return sent;
}

static void to_next_chunk(reader *r) {
    while (r->off == r->c->n && r->c->next) {
        live_chunk *next = live_chunk_ref(r->c->next);
        live_chunk_unref(r->c);
        r->c = next;
        r->off = 0;
    }
}

/* The matcher may be behind: what was there already when the reader came is passed over. */
static void pass_over(reader *r) {
    to_next_chunk(r);
    if (r->off == r->c->n) return;
    const live_chunk *c = r->c;
    uint32_t i = 0;
    while (i < c->marks_n && (c->mark[i].off < r->off || live_before(c->mark[i].at, r->begins))) i++;
    r->off = i < c->marks_n ? c->mark[i].off : c->n;
    if (i < c->marks_n)
        r->begins = (live_place){0, 0};
    else if (c->next)
        pass_over(r);
}

static void push(reader *r, uint64_t now) {
    while (r->writable && r->own_sent < r->own.n)
        r->own_sent += (size_t)send_some(r, r->own.p + r->own_sent, r->own.n - r->own_sent, now);
    if (r->own_sent < r->own.n) return;
    if (r->own.cap) jd_buf_fini(&r->own), r->own_sent = 0;
    r->reset_waits = 0;
    if (r->begins.group) pass_over(r);
    to_next_chunk(r);
    while (r->writable && r->off < r->c->n) {
        r->off += (size_t)send_some(r, r->c->p + r->off, r->c->n - r->off, now);
        to_next_chunk(r);
    }
    if (lag(r)) return;
    atomic_fetch_add_explicit(&r->live->sent, r->view->s.events - r->counted, memory_order_relaxed);
    r->counted = r->view->s.events;
    r->moved_ns = now;
    r->allow = r->live->o.buffer_bytes;
}

static void to_the_end(reader *r) {
    live_stream *s = &r->view->s;
    live_chunk *tail = live_chunk_ref(s->tail);
    if (r->c) live_chunk_unref(r->c);
    r->c = tail;
    r->off = tail->n;
    r->counted = s->events;
    r->allow = r->live->o.buffer_bytes;
}

/* What waits is dropped, but an event that was begun is finished. */
static void start_over(reader *r, const char *why) {
    const live_chunk *c = r->c;
    int between = r->off == 0 || (r->off >= 2 && c->p[r->off - 1] == '\n' && c->p[r->off - 2] == '\n');
    if (r->own_sent == r->own.n && !between && r->off < c->n) {
        size_t from = r->off - 1;
        const char *end = memmem(c->p + from, c->n - from, "\n\n", 2);
        jd_buf_add(&r->own, c->p + r->off, (size_t)(end + 2 - (c->p + r->off)));
    }
    to_the_end(r);
    own_reset(r, r->view->told, why);
}

/* ---- views ---- */

static live_view **slot_of(jd_live *l, const live_view *like) {
    live_view **at = &l->bucket[like->hash % BUCKETS];
    while (*at && ((*at)->hash != like->hash || !jd_str_eq((*at)->key, like->key))) at = &(*at)->chain;
    return at;
}

/* The view that is there for this question, or this one. */
static live_view *join_view(jd_live *l, live_view *v) {
    live_view **at = slot_of(l, v);
    if (*at) {
        live_view_free(v);
        return *at;
    }
    *at = v;
    v->told = v->s.from = l->at;
    if (l->views_n == l->views_cap) {
        l->views_cap = l->views_cap ? l->views_cap * 2 : 64;
        l->view = jd_xrealloc(l->view, l->views_cap * sizeof *l->view);
    }
    l->view[l->views_n++] = v;
    atomic_store(&l->views, l->views_n);
    return v;
}

static void leave_view(jd_live *l, live_view *v) {
    *slot_of(l, v) = v->chain;
    uint32_t i = 0;
    while (l->view[i] != v) i++;
    l->view[i] = l->view[--l->views_n];
    atomic_store(&l->views, l->views_n);
    live_view_free(v);
}

/* ---- readers come and go ---- */

static void reader_free(reader *r) {
    atomic_fetch_sub(&r->live->readers, 1);
    if (r->fd >= 0) close(r->fd);
    free((char *)(uintptr_t)r->head.p);
    free((char *)(uintptr_t)r->resume.p);
    jd_buf_fini(&r->own);
    free(r);
}

void jd_live_forget(jd_live_reader *r) {
    live_view_free(r->view);
    reader_free(r);
}

static void part(jd_live *l, reader *r) {
    live_view *v = r->view;
    if (r->prev)
        r->prev->next = r->next;
    else
        v->readers = r->next;
    if (r->next) r->next->prev = r->prev;
    live_chunk_unref(r->c);
    if (!--v->readers_n) leave_view(l, v);
    shutdown(r->fd, SHUT_WR);
    reader_free(r);
}

/* Behind the newest group that whoever asks can see. */
static live_place published(jd_live *l) {
    jd_view v;
    jd_arena a;
    jd_arena_init(&a);
    jd_view_begin(&v, l->o.engine, 0, &a);
    live_place at = {v.group + 1, 0};
    jd_view_end(&v);
    jd_arena_fini(&a);
    return at;
}

/* The first reader: from the newest group on every change is kept. Who publishes a group looks at `on` behind it; so
 * what is published before the look below needs not be told, and everything else will be. */
static void begin_ring(jd_live *l) {
    if (atomic_load(&l->ring.on)) return;
    atomic_store(&l->ring.on, 1);
    l->at = published(l);
    l->cursor = live_ring_begin(&l->ring, l->at);
}

/* Puts the reader behind the event that it saw last; NULL, or why this cannot be. */
static const char *resume(jd_live *l, reader *r) {
    live_place p;
    live_entry **e;
    live_view *v = r->view;
    int known = place_parse(l, r->resume, &p);
    if (known < 0) return "unknown";
    if (!known) return "restart";
    if (live_before(published(l), p)) return "unknown";
    r->begins = p;
    if (live_before(p, v->s.from)) {
        size_t n = live_ring_range(&l->ring, p, v->s.from, &e);
        if (n == SIZE_MAX) return "old";
        live_view_replay(v, p, e, n, &l->scratch);
        for (size_t i = 0; i < n; i++) live_entry_unref(e[i]);
        free(e);
    }
    live_chunk_unref(r->c);
    r->c = live_stream_find(&v->s, p, &r->off);
    r->allow += lag(r);
    own_hello(r, p, 1);
    atomic_fetch_add_explicit(&l->resumed, 1, memory_order_relaxed);
    return NULL;
}

static void set_socket(int fd) {
    int on = 1, off = 0, bytes = SOCKET_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static void welcome(jd_live *l, reader *r) {
    uint64_t now = jd_mono_ns();
    begin_ring(l);
    live_view *v = r->view = join_view(l, r->view);
    r->prev = NULL;
    r->next = v->readers;
    if (r->next) r->next->prev = r;
    v->readers = r;
    v->readers_n++;
    to_the_end(r);
    r->writable = 1;
    r->moved_ns = r->spoke_ns = now;
    jd_buf_str(&r->own, r->head);
    jd_buf_printf(&r->own, "retry: %d\n\n", RETRY_MS);
    const char *why = r->resume.p ? resume(l, r) : NULL;
    if (!r->resume.p || why) r->begins = published(l); /* what is told begins behind what can be loaded now */
    if (why)
        own_reset(r, r->begins, why);
    else if (!r->resume.p)
        own_hello(r, r->begins, 0);
    set_socket(r->fd);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = r};
    if (epoll_ctl(l->ep, EPOLL_CTL_ADD, r->fd, &e)) r->dead = 1;
    push(r, now);
    if (r->dead) part(l, r);
}

static void welcome_all(jd_live *l, reader *came) {
    reader *in_order = NULL;
    for (reader *next; came; came = next) { /* the newest stands first */
        next = came->next;
        came->next = in_order;
        in_order = came;
    }
    for (reader *next; in_order; in_order = next) {
        next = in_order->next;
        welcome(l, in_order);
    }
}

/* Nothing is expected from a reader; the end is. */
static void listen_to(reader *r, uint32_t events) {
    char dust[1024];
    ssize_t n;
    if (events & EPOLLOUT) r->writable = 1;
    if (events & EPOLLIN)
        while ((n = recv(r->fd, dust, sizeof dust, MSG_DONTWAIT)) != 0)
            if (n < 0) break;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) r->dead = 1;
}

/* ---- the rounds ---- */

static void reset_all(jd_live *l, const char *why) {
    for (uint32_t i = 0; i < l->views_n; i++) {
        live_view *v = l->view[i];
        live_view_start_over(v, l->at);
        for (reader *r = v->readers; r; r = r->next) start_over(r, why);
        v->fresh = 1;
    }
}

static void show(jd_live *l, live_entry *const *e, size_t n) {
    for (uint32_t k = 0; k < l->views_n; k++) live_view_relearn(l->view[k]);
    for (size_t i = 0; i < n; i++) {
        live_look_at(&l->look, e[i]->was, e[i]->is);
        for (uint32_t k = 0; k < l->views_n; k++) {
            live_view *v = l->view[k];
            uint64_t before = v->s.events;
            if (e[i]->tenant != v->ask.tenant) continue;
            live_view_see(v, e[i], &l->look, &l->scratch);
            atomic_fetch_add_explicit(&l->events, v->s.events - before, memory_order_relaxed);
        }
    }
    for (uint32_t k = 0; k < l->views_n; k++)
        if (!l->view[k]->ask.every_ms) l->view[k]->told = e[n - 1]->at;
}

/* 1: there may be more. */
static int see_changes(jd_live *l) {
    live_entry *e[TAKE];
    int lost;
    if (!l->views_n && !atomic_load(&l->ring.on)) return 0;
    size_t most = l->views_n * TAKE > TESTS ? TESTS / l->views_n + 1 : TAKE;
    size_t n = live_ring_take(&l->ring, &l->cursor, e, most, &lost);
    if (lost) {
        pthread_mutex_lock(&l->ring.lock);
        l->at = l->ring.from;
        pthread_mutex_unlock(&l->ring.lock);
        reset_all(l, "overrun");
        jd_log(JD_LOG_WARN, "live.overrun", "views=%u changes came faster than they could be told", l->views_n);
    }
    if (n) show(l, e, n);
    if (n) l->at = e[n - 1]->at;
    for (size_t i = 0; i < n; i++) live_entry_unref(e[i]);
    return n == most;
}

/* In how many ms the next view is due. */
static int flush_due(jd_live *l, int all) {
    uint64_t now = jd_mono_ns(), next = now + TICK_MS * 1000000u;
    for (uint32_t i = 0; i < l->views_n; i++) {
        live_view *v = l->view[i];
        if (!v->ask.every_ms) continue;
        if (!v->gathering.n) {
            v->told = l->at;
        } else if (all || v->gathering.due_ns <= now) {
            uint64_t before = v->s.events;
            live_view_flush(v, l->at, &l->scratch);
            atomic_fetch_add_explicit(&l->events, v->s.events - before, memory_order_relaxed);
        } else if (v->gathering.due_ns < next) {
            next = v->gathering.due_ns;
        }
    }
    return (int)((next - now + 999999) / 1000000);
}

static void offer(jd_live *l) {
    uint64_t now = jd_mono_ns();
    for (uint32_t i = l->views_n; i-- > 0;) {
        live_view *v = l->view[i];
        if (!v->fresh) continue;
        v->fresh = 0;
        for (reader *r = v->readers, *next; r; r = next) {
            next = r->next;
            if (r->writable) push(r, now);
            if (lag(r) > r->allow) start_over(r, "slow");
            if (r->dead) part(l, r); /* with the last one the view goes; then next is NULL */
        }
    }
}

static void tick(jd_live *l) {
    uint64_t now = jd_mono_ns(), beat = (uint64_t)l->o.heartbeat_ms * 1000000u;
    if (now - l->ticked_ns < TICK_MS * 1000000u) return;
    l->ticked_ns = now;
    for (uint32_t i = l->views_n; i-- > 0;) {
        for (reader *r = l->view[i]->readers, *next; r; r = next) {
            next = r->next;
            int up = caught_up(r);
            if (up && now - r->spoke_ns >= beat) {
                own_heartbeat(r);
                push(r, now);
            } else if (!up && now - r->moved_ns >= SILENT * beat) {
                atomic_fetch_add_explicit(&l->cut, 1, memory_order_relaxed);
                r->dead = 1;
            }
            if (r->dead) part(l, r);
        }
    }
    if (l->views_n) {
        l->idle_ns = 0;
    } else if (!l->idle_ns) {
        l->idle_ns = now;
    } else if (atomic_load(&l->ring.on) && now - l->idle_ns > LINGER_S * (uint64_t)1000000000) {
        live_ring_end(&l->ring);
    }
}

/* ---- the thread ---- */

static int wait_for_sockets(jd_live *l, int ms) {
    struct epoll_event ev[256];
    int n = epoll_wait(l->ep, ev, 256, ms);
    uint64_t now = jd_mono_ns(), woken;
    for (int i = 0; i < n; i++) {
        reader *r = ev[i].data.ptr;
        if (!r) {
            ssize_t got = read(l->wake, &woken, sizeof woken);
            (void)got;
            continue;
        }
        listen_to(r, ev[i].events);
        if (r->writable) push(r, now);
        if (r->dead) part(l, r); /* it has no second event in this list */
    }
    return n;
}

/* Who came; sleeps are allowed when nothing waits. 1: it is to stop. */
static int look(jd_live *l, int *ms) {
    pthread_mutex_lock(&l->ring.lock);
    reader *came = l->came;
    l->came = NULL;
    int stopping = l->stopping;
    if (came || stopping || (atomic_load(&l->ring.on) && l->cursor != l->ring.next))
        *ms = 0;
    else
        l->asleep = 1;
    pthread_mutex_unlock(&l->ring.lock);
    welcome_all(l, came);
    return stopping;
}

static void awake(jd_live *l) {
    pthread_mutex_lock(&l->ring.lock);
    l->asleep = 0;
    pthread_mutex_unlock(&l->ring.lock);
}

static int anything_waits(const jd_live *l) {
    for (uint32_t i = 0; i < l->views_n; i++)
        for (const reader *r = l->view[i]->readers; r; r = r->next)
            if (!caught_up(r)) return 1;
    return 0;
}

static void say_goodbye(jd_live *l) {
    uint64_t until = jd_mono_ns() + STOP_MS * (uint64_t)1000000;
    while (see_changes(l)) offer(l);
    flush_due(l, 1);
    offer(l);
    while (anything_waits(l) && jd_mono_ns() < until) wait_for_sockets(l, 20);
    while (l->views_n) part(l, l->view[0]->readers);
}

static void *live_main(void *user) {
    jd_live *l = user;
    int ms = 0;
    while (!look(l, &ms)) {
        wait_for_sockets(l, ms);
        awake(l);
        int more = see_changes(l);
        ms = flush_due(l, 0);
        if (more) ms = 0;
        offer(l);
        tick(l);
    }
    say_goodbye(l);
    return NULL;
}

static void rouse(jd_live *l) { /* the lock is held */
    uint64_t one = 1;
    if (!l->asleep) return;
    l->asleep = 0;
    ssize_t put = write(l->wake, &one, sizeof one);
    (void)put; /* a full counter wakes as well */
}

/* ---- from outside ---- */

int jd_live_start(jd_live **out, const jd_live_opts *opts, jd_err *err) {
    jd_live *l = jd_xcalloc(1, sizeof *l);
    l->o = *opts;
    if (!l->o.readers_max) l->o.readers_max = 4096;
    if (!l->o.ring_bytes) l->o.ring_bytes = 64 << 20;
    if (!l->o.buffer_bytes) l->o.buffer_bytes = 1 << 20;
    if (!l->o.heartbeat_ms) l->o.heartbeat_ms = 15000;
    l->run = (uint64_t)jd_now();
    live_ring_init(&l->ring, l->o.ring_bytes);
    live_look_init(&l->look);
    l->ep = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    int rc = l->ep < 0 || l->wake < 0 || epoll_ctl(l->ep, EPOLL_CTL_ADD, l->wake, &e) ? errno : 0;
    if (!rc) rc = pthread_create(&l->thread, NULL, live_main, l);
    l->started = !rc;
    if (rc) {
        jd_live_stop(l);
        return jd_fail(err, JD_E_INTERNAL, "live: cannot start a thread: %s", "实时视图：无法启动线程：%s",
                       strerror(rc));
    }
    (void)pthread_setname_np(l->thread, "jd-live");
    *out = l;
    return 0;
}

void jd_live_stop(jd_live *l) {
    if (!l) return;
    pthread_mutex_lock(&l->ring.lock);
    l->stopping = 1;
    rouse(l);
    pthread_mutex_unlock(&l->ring.lock);
    if (l->started) pthread_join(l->thread, NULL);
    for (reader *r = l->came, *next; r; r = next) {
        next = r->next;
        jd_live_forget(r);
    }
    if (l->ep >= 0) close(l->ep);
    if (l->wake >= 0) close(l->wake);
    live_ring_fini(&l->ring);
    live_look_fini(&l->look);
    jd_buf_fini(&l->scratch);
    free(l->view);
    free(l);
}

int jd_live_wanted(const jd_live *l) {
    return l && atomic_load(&l->ring.on);
}

void jd_live_feed(jd_live *l, int tenant, uint64_t group, jd_str was, jd_str is) {
    if (!jd_live_wanted(l)) return;
    pthread_mutex_lock(&l->ring.lock);
    live_ring_add(&l->ring, tenant, group, was, is);
    rouse(l);
    pthread_mutex_unlock(&l->ring.lock);
}

int jd_live_open(jd_live *l, const jd_live_ask *ask, jd_live_reader **out, jd_err *err) {
    live_view *v;
    if (!l) return jd_fail(err, JD_E_BUSY, "the server is stopping", "服务正在停止");
    if (live_view_make(&v, ask, jd_engine_symbols(l->o.engine), l->run, err)) return -1;
    if (atomic_fetch_add(&l->readers, 1) >= l->o.readers_max) {
        atomic_fetch_sub(&l->readers, 1);
        atomic_fetch_add(&l->refused, 1);
        live_view_free(v);
        return jd_fail(err, JD_E_BUSY, "there are %u live readers already (setting live-readers-max)",
                       "实时读者已有 %u 个（设置项 live-readers-max）", l->o.readers_max);
    }
    reader *r = jd_xcalloc(1, sizeof *r);
    r->live = l;
    r->view = v;
    r->fd = -1;
    r->head = (jd_str){jd_xstrdup(ask->head), ask->head.n};
    if (ask->last_event_id.p) r->resume = (jd_str){jd_xstrdup(ask->last_event_id), ask->last_event_id.n};
    *out = r;
    return 0;
}

void jd_live_take(void *user, int fd) {
    reader *r = user;
    jd_live *l = r->live;
    if (fd < 0) {
        jd_live_forget(r);
        return;
    }
    r->fd = fd;
    pthread_mutex_lock(&l->ring.lock);
    r->next = l->came;
    l->came = r;
    rouse(l);
    pthread_mutex_unlock(&l->ring.lock);
}

static void metric(jd_buf *out, const char *name, const char *kind, uint64_t v) {
    jd_buf_printf(out, "# TYPE jindu_live_%s %s\njindu_live_%s %llu\n", name, kind, name, (unsigned long long)v);
}

void jd_live_metrics(jd_live *l, jd_buf *out) {
    if (!l) return;
    pthread_mutex_lock(&l->ring.lock);
    size_t bytes = l->ring.bytes;
    pthread_mutex_unlock(&l->ring.lock);
    metric(out, "readers", "gauge", atomic_load(&l->readers));
    metric(out, "views", "gauge", atomic_load(&l->views));
    metric(out, "ring_bytes", "gauge", bytes);
    metric(out, "events_total", "counter", atomic_load(&l->events));
    metric(out, "events_sent_total", "counter", atomic_load(&l->sent));
    metric(out, "bytes_sent_total", "counter", atomic_load(&l->bytes));
    metric(out, "resets_total", "counter", atomic_load(&l->resets));
    metric(out, "resumed_total", "counter", atomic_load(&l->resumed));
    metric(out, "refused_total", "counter", atomic_load(&l->refused));
    metric(out, "silent_total", "counter", atomic_load(&l->cut));
}
