/* The links as a whole: from declarations to open ports, and what is to be seen of them. */
#include "link/links_int.h"

#include "base/log.h"
#include "link/sources.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    THREADS_MAX = 16,
    FILES_ELSE = 4096, /* of the store and of HTTP */
    CLOSING_TRIES = 50
};

struct jd_link_ready {
    jd_links *links;
    link_decl *decl;
    jd_table_source *source; /* of tables */
    int fds[THREADS_MAX];
    unsigned n;
};

/* ---- addresses ---- */

/* shared: each thread has a socket of its own, and the kernel shares the connections out. */
static int listen_fd(const struct addrinfo *a, int shared) {
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)) || bind(fd, a->ai_addr, a->ai_addrlen) ||
        listen(fd, 1024)) {
        int was = errno;
        close(fd);
        errno = was;
        return -1;
    }
    return fd;
}

/* Who else shares its address, be it another program of ours, would get a part of the connections by chance: only one
 * that nobody else has is taken. Under the lock, so that two declarations do not find the same one free. */
static int open_all_fds(jd_link_ready *r, const struct addrinfo *a, int ours) {
    int alone = ours ? -1 : listen_fd(a, 0);
    if (alone < 0 && !ours) return -1;
    if (alone >= 0) close(alone);
    for (; r->n < r->links->loops_n; r->n++)
        if ((r->fds[r->n] = listen_fd(a, 1)) < 0) return -1;
    return 0;
}

static link_entry *find(jd_links *l, jd_str name) {
    for (link_entry *e = l->entries; e; e = e->next)
        if (!e->gone && jd_str_eq(e->decl->name, name)) return e;
    return NULL;
}

static int is_gone(const jd_links_coming *coming, jd_str name) {
    for (size_t i = 0; coming && i < coming->gone_n; i++)
        if (jd_str_eq(coming->gone[i], name)) return 1;
    return 0;
}

/* Under the lock. Is the port that of the link itself so far, or of one that goes? */
static int is_ours(const jd_link_ready *r, const jd_links_coming *coming) {
    for (const link_entry *e = r->links->entries; e; e = e->next)
        if (!e->gone && !e->failed[0] && !e->decl->dial && e->decl->port == r->decl->port &&
            (jd_str_eq(e->decl->name, r->decl->name) || is_gone(coming, e->decl->name)))
            return 1;
    return 0;
}

static int try_address(jd_link_ready *r, const struct addrinfo *a, const jd_links_coming *coming) {
    pthread_mutex_lock(&r->links->lock);
    int rc = open_all_fds(r, a, is_ours(r, coming)), was = errno;
    pthread_mutex_unlock(&r->links->lock);
    errno = was;
    return rc;
}

/* A link that was removed a moment ago: its threads may not have closed its sockets yet. */
static int is_closing(jd_links *l, unsigned port) {
    int found = 0;
    pthread_mutex_lock(&l->lock);
    for (const link_entry *e = l->entries; e && !found; e = e->next) found = e->gone && e->decl->port == port;
    pthread_mutex_unlock(&l->lock);
    return found;
}

static int open_address(jd_link_ready *r, const jd_links_coming *coming, jd_err *err) {
    const link_decl *d = r->decl;
    char port[8];
    int why = 0;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    if (d->dial) return 0;
    snprintf(port, sizeof port, "%u", d->port);
    int rc = getaddrinfo(d->host.p, port, &hints, &list);
    if (rc) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "listen: host %s: %s", "listen：主机 %s：%s", d->host.p, gai_strerror(rc));
        return jd_fail_at(err, "listen");
    }
    for (unsigned i = 0; i < CLOSING_TRIES; i++) {
        rc = try_address(r, list, coming);
        why = errno;
        if (!rc || why != EADDRINUSE || !is_closing(r->links, d->port)) break;
        usleep(10000);
    }
    if (rc) jd_fail(err, JD_E_CONFLICT, "listen: %s:%u: %s", "listen：%s:%u：%s", d->host.p, d->port, strerror(why));
    freeaddrinfo(list);
    return rc ? jd_fail_at(err, "listen") : 0;
}

/* ---- declarations ---- */

/* Another link with the same address would share its connections by chance. */
static int is_taken(jd_links *l, const link_decl *d, const jd_links_coming *coming, jd_err *err) {
    int taken = 0;
    pthread_mutex_lock(&l->lock);
    for (link_entry *e = l->entries; e && !taken; e = e->next)
        taken = !e->gone && !d->dial && !e->decl->dial && !e->decl->tables && d->port && e->decl->port == d->port &&
                jd_str_eq(e->decl->host, d->host) && !jd_str_eq(e->decl->name, d->name) &&
                !is_gone(coming, e->decl->name);
    pthread_mutex_unlock(&l->lock);
    if (!taken) return 0;
    jd_fail(err, JD_E_CONFLICT, "listen: another link has %s:%u", "listen：另一链路已使用 %s:%u", d->host.p, d->port);
    return jd_fail_at(err, "listen");
}

int jd_links_prepare_with(jd_links *l, jd_str name, const jd_jval *v, const jd_links_coming *coming,
                          jd_link_ready **ready, jd_err *err) {
    jd_link_ready *r = jd_xcalloc(1, sizeof *r);
    r->links = l;
    int rc = link_decl_compile(l, name, v, &r->decl, err);
    if (!rc && r->decl->tables)
        rc = l->o.tables ? jd_sources_prepare(l->o.tables, name, v, coming, &r->source, err)
                         : jd_fail(err, JD_E_NOT_SUPPORTED, "there are no tables here", "此处不支持数据表");
    else if (!rc)
        rc = is_taken(l, r->decl, coming, err) || open_address(r, coming, err);
    if (rc) {
        jd_links_forget(r);
        return -1;
    }
    *ready = r;
    return 0;
}

int jd_links_prepare(jd_links *l, jd_str name, const jd_jval *v, jd_link_ready **ready, jd_err *err) {
    return jd_links_prepare_with(l, name, v, NULL, ready, err);
}

int jd_link_check(jd_engine *engine, jd_contexts *contexts, jd_str name, const jd_jval *v,
                  const jd_links_coming *coming, jd_err *err) {
    jd_links bare = {.o = {.engine = engine, .contexts = contexts}}; /* a declaration asks for no more of it */
    link_decl *d = NULL;
    jd_table_source *source = NULL;
    int rc = link_decl_compile(&bare, name, v, &d, err);
    if (!rc && d->tables) rc = jd_sources_prepare(NULL, name, v, coming, &source, err);
    jd_source_free(source);
    link_decl_unref(d);
    return rc;
}

void jd_links_forget(jd_link_ready *r) {
    if (!r) return;
    for (unsigned i = 0; i < r->n; i++) close(r->fds[i]);
    link_decl_unref(r->decl);
    jd_source_free(r->source);
    free(r);
}

static link_entry *entry_of(jd_links *l, link_decl *d) {
    link_entry *e = find(l, d->name);
    if (e) {
        link_decl_unref(e->decl);
    } else {
        e = jd_xcalloc(1, sizeof *e);
        e->set_aside = quarantine_new(l->o.quarantine_max);
        e->next = l->entries;
        l->entries = e;
    }
    e->decl = link_decl_ref(d);
    e->failed[0] = e->failed_zh[0] = 0;
    return e;
}

void jd_links_apply(jd_links *l, jd_link_ready *r) {
    pthread_mutex_lock(&l->lock);
    link_entry *e = entry_of(l, r->decl);
    pthread_mutex_unlock(&l->lock);
    for (unsigned i = 0; i < l->loops_n; i++) {
        link_order_send(&l->loops[i], (link_order){.what = LINK_CLOSE, .entry = e});
        if (r->source) continue;
        link_order_send(&l->loops[i], (link_order){.what = LINK_OPEN,
                                                   .entry = e,
                                                   .decl = link_decl_ref(r->decl),
                                                   .fd = i < r->n ? r->fds[i] : -1});
    }
    if (r->source) {
        jd_log(JD_LOG_INFO, "link.open", "link=%.*s protocol=tables", JD_STR_ARG(r->decl->name));
        jd_sources_apply(l->o.tables, r->source);
        r->source = NULL;
    } else {
        if (l->o.tables) jd_sources_remove(l->o.tables, r->decl->name); /* which it may have been before */
        jd_log(JD_LOG_INFO, "link.open", "link=%.*s protocol=%s %s=%s:%u", JD_STR_ARG(r->decl->name),
               r->decl->protocol->name, r->decl->dial ? "dial" : "listen", r->decl->host.p, r->decl->port);
    }
    r->n = 0; /* the loops own them */
    jd_links_forget(r);
}

void jd_links_remove(jd_links *l, jd_str name) {
    pthread_mutex_lock(&l->lock);
    link_entry *e = find(l, name);
    if (e) e->gone = 1;
    pthread_mutex_unlock(&l->lock);
    if (l->o.tables) jd_sources_remove(l->o.tables, name);
    for (unsigned i = 0; e && i < l->loops_n; i++)
        link_order_send(&l->loops[i], (link_order){.what = LINK_CLOSE, .entry = e});
}

/* ---- start and stop ---- */

typedef struct declared {
    struct declared *next;
    jd_str name, body;
} declared;
typedef struct loading {
    jd_links *l;
    jd_arena a;
    declared *first, *aside;
    size_t aside_n;
} loading;

static void take_link(void *user, jd_str id, jd_str body) {
    loading *x = user;
    declared *d = JD_NEW(&x->a, declared);
    *d = (declared){x->first, jd_arena_dup(&x->a, id), jd_arena_dup(&x->a, body)};
    x->first = d;
}

static void take_device(void *user, jd_str id, jd_str body) {
    registry_load(((loading *)user)->l->devices, id, body);
}

static void take_aside(void *user, jd_str id, jd_str body) {
    loading *x = user;
    declared *d = JD_NEW(&x->a, declared);
    (void)id;
    *d = (declared){x->aside, (jd_str){NULL, 0}, jd_arena_dup(&x->a, body)};
    x->aside = d;
    x->aside_n++;
}

typedef struct one_aside {
    jd_jval v;
    jd_str at;
} one_aside;

static int by_time(const void *x, const void *y) {
    return jd_str_cmp(((const one_aside *)x)->at, ((const one_aside *)y)->at);
}

/* Frames set aside that outlived the last stop, oldest first. */
static void load_aside(jd_links *l, loading *x) {
    one_aside *all = JD_NEWN(&x->a, one_aside, x->aside_n + 1);
    size_t n = 0;
    jd_err err = {0};
    for (const declared *d = x->aside; d; d = d->next) {
        const jd_jval *at;
        if (jd_json_parse(&x->a, d->body, NULL, &all[n].v, &err) || !(at = jd_jget(&all[n].v, "at")) ||
            at->type != JD_JSTR)
            continue;
        all[n++].at = jd_jstr(at);
    }
    if (n) qsort(all, n, sizeof *all, by_time);
    for (size_t i = 0; i < n; i++) {
        const jd_jval *name = jd_jget(&all[i].v, "link");
        link_entry *e = name && name->type == JD_JSTR ? find(l, jd_jstr(name)) : NULL;
        if (e) quarantine_load(e->set_aside, &all[i].v, e->decl->protocol);
    }
}

static void each_of(jd_links *l, jd_str tenant, jd_dkind kind, loading *x, void (*take)(void *, jd_str, jd_str)) {
    int t = jd_tenant_find(l->o.engine, tenant);
    jd_view v;
    if (t < 0) return;
    jd_view_begin(&v, l->o.engine, t, &x->a);
    jd_view_each_kind(&v, kind, x, take);
    jd_view_end(&v);
}

/* A link that does not open any more must not keep the city from starting. */
static void open_declared(jd_links *l, const declared *d, jd_arena *a) {
    jd_jval v;
    jd_err err = {0};
    jd_link_ready *r = NULL;
    int bad = jd_json_parse(a, d->body, NULL, &v, &err);
    if (bad || jd_links_prepare(l, d->name, &v, &r, &err)) {
        jd_log(JD_LOG_ERROR, "link.failed", "link=%.*s why=\"%s\"", JD_STR_ARG(d->name), err.en);
        link_decl *bare = jd_xcalloc(1, sizeof *bare);
        jd_arena_init(&bare->arena);
        atomic_store(&bare->refs, 1);
        bare->name = jd_arena_dup(&bare->arena, d->name);
        bare->text = bad ? JD_STR("{}") : link_decl_shown(&bare->arena, &v);
        pthread_mutex_lock(&l->lock);
        link_entry *e = entry_of(l, bare);
        snprintf(e->failed, sizeof e->failed, "%s", err.en);
        snprintf(e->failed_zh, sizeof e->failed_zh, "%s", err.zh);
        pthread_mutex_unlock(&l->lock);
        link_decl_unref(bare);
    } else {
        jd_links_apply(l, r);
    }
}

static void open_all(jd_links *l) {
    loading x = {.l = l};
    jd_str *tenants;
    jd_arena_init(&x.a);
    size_t n = jd_tenants_list(l->o.engine, &x.a, &tenants);
    for (size_t i = 0; i < n; i++) {
        each_of(l, tenants[i], JD_K_DEVICE, &x, take_device);
        each_of(l, tenants[i], JD_K_QUARANTINE, &x, take_aside);
    }
    each_of(l, (jd_str){"", 0}, JD_K_LINK, &x, take_link);
    for (const declared *d = x.first; d; d = d->next) open_declared(l, d, &x.a);
    load_aside(l, &x);
    jd_arena_fini(&x.a);
}

/* Devices come by the thousand: as many files as the system allows, and never the last ones. */
static void fit_to_files(jd_links *l) {
    struct rlimit now;
    rlim_t want = (rlim_t)l->o.connections_max * l->o.threads + FILES_ELSE;
    if (getrlimit(RLIMIT_NOFILE, &now)) return;
    if (now.rlim_cur < want) {
        now.rlim_cur = now.rlim_max == RLIM_INFINITY || now.rlim_max > want ? want : now.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &now)) getrlimit(RLIMIT_NOFILE, &now);
    }
    if (now.rlim_cur >= want) return;
    rlim_t rest = now.rlim_cur > 2 * FILES_ELSE ? now.rlim_cur - FILES_ELSE : now.rlim_cur / 2;
    l->o.connections_max = (uint32_t)(rest / l->o.threads);
    jd_log(JD_LOG_INFO, "link.limit", "files=%llu connections=%u a thread, by the limit of open files",
           (unsigned long long)now.rlim_cur, l->o.connections_max);
}

int jd_links_start(jd_links **out, const jd_links_opts *opts, jd_err *err) {
    jd_links *l = jd_xcalloc(1, sizeof *l);
    l->o = *opts;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned half = cores > 8 ? 4 : cores > 5 ? (unsigned)cores / 2 : 2; /* one alone is the first to be full */
    if (!l->o.threads) l->o.threads = half;
    if (l->o.threads > THREADS_MAX) l->o.threads = THREADS_MAX;
    if (!l->o.batch_frames) l->o.batch_frames = 1024;
    if (!l->o.batches_max) l->o.batches_max = 4;
    if (!l->o.ring_bytes) l->o.ring_bytes = 4 << 10;
    if (!l->o.rings_bytes_max) l->o.rings_bytes_max = 64 << 20;
    if (!l->o.quarantine_max) l->o.quarantine_max = 1000;
    if (!l->o.connections_max) l->o.connections_max = 20000;
    fit_to_files(l);
    pthread_mutex_init(&l->lock, NULL);
    l->devices = registry_new(l->o.ring_bytes, l->o.rings_bytes_max);
    l->loops = jd_xcalloc(l->o.threads, sizeof *l->loops);
    for (unsigned i = 0; i < l->o.threads; i++) {
        if (link_loop_start(l, i, err)) {
            jd_links_stop(l);
            return -1;
        }
        l->loops_n++;
    }
    open_all(l);
    *out = l;
    return 0;
}

void jd_links_quiet(jd_links *l) {
    if (!l) return;
    for (unsigned i = 0; i < l->loops_n; i++) {
        uv_sem_t sem;
        uv_sem_init(&sem, 0);
        link_order_send(&l->loops[i], (link_order){.what = LINK_QUIET, .sem = &sem});
        uv_sem_wait(&sem);
        uv_sem_destroy(&sem);
    }
}

void jd_links_stop(jd_links *l) {
    if (!l) return;
    for (unsigned i = 0; i < l->loops_n; i++) link_order_send(&l->loops[i], (link_order){.what = LINK_END});
    for (unsigned i = 0; i < l->loops_n; i++) pthread_join(l->loops[i].thread, NULL);
    for (link_entry *e = l->entries, *next; e; e = next) {
        next = e->next;
        link_decl_unref(e->decl);
        quarantine_free(e->set_aside);
        free(e);
    }
    registry_free(l->devices);
    pthread_mutex_destroy(&l->lock);
    free(l->loops);
    free(l);
}

/* ---- what is to be seen ---- */

static void count_json(jd_buf *out, const char *name, _Atomic uint64_t *n) {
    jd_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)atomic_load(n));
}

static void entry_json(jd_links *l, link_entry *e, int whole, jd_buf *out) {
    const link_decl *d = e->decl;
    link_counts *c = &e->counts;
    jd_buf_z(out, "{\"name\":");
    jd_json_write_str(out, d->name);
    if (d->tables && !e->failed[0]) {
        jd_buf_z(out, ",\"protocol\":\"tables\"");
        jd_sources_json(l->o.tables, d->name, out);
        if (whole) {
            jd_buf_z(out, ",\"declaration\":");
            jd_buf_str(out, d->text);
        }
        jd_buf_c(out, '}');
        return;
    }
    if (d->protocol)
        jd_buf_printf(out, ",\"protocol\":\"%s\",\"%s\":\"%s:%u\"", d->protocol->name, d->dial ? "dial" : "listen",
                      d->host.p, d->port);
    jd_buf_printf(out, ",\"state\":\"%s\"", e->failed[0] ? "failed" : "open");
    if (e->failed[0]) {
        jd_buf_z(out, ",\"reason\":");
        jd_json_write_str(out, jd_str_of(e->failed));
    }
    jd_buf_printf(out, ",\"devices\":%llu,\"setAside\":%llu", (unsigned long long)registry_count(l->devices, d->name),
                  (unsigned long long)quarantine_count(e->set_aside));
    count_json(out, "connections", &c->connections);
    count_json(out, "accepted", &c->accepted);
    count_json(out, "bytes", &c->bytes);
    count_json(out, "frames", &c->frames);
    count_json(out, "readings", &c->readings);
    count_json(out, "answers", &c->answers);
    count_json(out, "bad", &c->bad);
    count_json(out, "junkBytes", &c->junk);
    count_json(out, "unmapped", &c->unmapped);
    count_json(out, "ignored", &c->ignored);
    count_json(out, "refused", &c->refused);
    jd_buf_printf(out, ",\"answerMs\":%.3f", (double)atomic_load(&c->wait_us) / 1000);
    if (whole) {
        jd_buf_z(out, ",\"declaration\":");
        jd_buf_str(out, d->text);
    }
    jd_buf_c(out, '}');
}

void jd_links_list(jd_links *l, jd_buf *out) {
    int n = 0;
    jd_buf_c(out, '[');
    pthread_mutex_lock(&l->lock);
    for (link_entry *e = l->entries; e; e = e->next) {
        if (e->gone) continue;
        if (n++) jd_buf_c(out, ',');
        entry_json(l, e, 0, out);
    }
    pthread_mutex_unlock(&l->lock);
    jd_buf_c(out, ']');
}

int jd_links_show(jd_links *l, jd_str name, jd_buf *out) {
    pthread_mutex_lock(&l->lock);
    link_entry *e = find(l, name);
    if (e) entry_json(l, e, 1, out);
    pthread_mutex_unlock(&l->lock);
    return e != NULL;
}

int jd_links_quarantine(jd_links *l, jd_str name, uint32_t limit, int zh, jd_buf *out) {
    pthread_mutex_lock(&l->lock);
    link_entry *e = find(l, name);
    pthread_mutex_unlock(&l->lock);
    if (e) quarantine_json(e->set_aside, limit, zh, out); /* entries live as long as the links */
    return e != NULL;
}

link_decl *link_decl_of(jd_links *l, jd_str name) {
    pthread_mutex_lock(&l->lock);
    link_entry *e = find(l, name);
    link_decl *d = e && e->decl->protocol ? link_decl_ref(e->decl) : NULL;
    pthread_mutex_unlock(&l->lock);
    return d;
}

enum { SILENCE_ELSE = 900 };

typedef struct silences { /* of all links: the list of devices is made under a lock of its own */
    jd_arena a;
    struct silence {
        jd_str link;
        uint32_t s;
    } * all;
    uint32_t n;
} silences;

static void silences_of(jd_links *l, silences *x) {
    uint32_t n = 0;
    jd_arena_init(&x->a);
    pthread_mutex_lock(&l->lock);
    for (link_entry *e = l->entries; e; e = e->next) n++;
    x->all = JD_NEWN(&x->a, struct silence, n + 1);
    for (link_entry *e = l->entries; e; e = e->next)
        if (!e->gone && e->decl->silence_s)
            x->all[x->n++] = (struct silence){jd_arena_dup(&x->a, e->decl->name), e->decl->silence_s};
    pthread_mutex_unlock(&l->lock);
}

static uint32_t silence_of(void *user, jd_str name) {
    const silences *x = user;
    for (uint32_t i = 0; i < x->n; i++)
        if (jd_str_eq(x->all[i].link, name)) return x->all[i].s;
    return SILENCE_ELSE;
}

void jd_devices_list(jd_links *l, jd_str link, jd_str state, jd_str entity, uint64_t offset, uint64_t limit,
                     uint64_t *total, jd_buf *out) {
    silences x = {0};
    silences_of(l, &x);
    registry_list(l->devices, link, state, entity, offset, limit, total, silence_of, &x, out);
    jd_arena_fini(&x.a);
}

int jd_devices_show(jd_links *l, jd_str link, jd_str id, int zh, jd_buf *out) {
    link_device *dev = registry_find(l->devices, link, id);
    if (!dev) return 0;
    link_decl *d = link_decl_of(l, link);
    registry_show(l->devices, dev, d, d ? d->silence_s : SILENCE_ELSE, zh, out);
    link_decl_unref(d);
    return 1;
}

static void metric(jd_links *l, const char *name, const char *type, const char *help, size_t at, jd_buf *out) {
    jd_buf_printf(out, "# HELP jindu_link_%s %s\n# TYPE jindu_link_%s %s\n", name, help, name, type);
    for (link_entry *e = l->entries; e; e = e->next) {
        const char *counts = (const char *)&e->counts;
        if (!e->gone)
            jd_buf_printf(out, "jindu_link_%s{link=\"%.*s\"} %llu\n", name, JD_STR_ARG(e->decl->name),
                          (unsigned long long)atomic_load((const _Atomic uint64_t *)(const void *)(counts + at)));
    }
}

void jd_links_metrics(jd_links *l, jd_buf *out) {
    if (!l) return; /* stopping */
    pthread_mutex_lock(&l->lock);
    metric(l, "frames_total", "counter", "frames of devices", offsetof(link_counts, frames), out);
    metric(l, "readings_total", "counter", "readings that they told", offsetof(link_counts, readings), out);
    metric(l, "bad_total", "counter", "frames that could not be read", offsetof(link_counts, bad), out);
    metric(l, "refused_total", "counter", "frames of devices that are not let in", offsetof(link_counts, refused), out);
    metric(l, "unmapped_total", "counter", "frames that the mapping could not take whole",
           offsetof(link_counts, unmapped), out);
    metric(l, "answers_total", "counter", "answers to devices", offsetof(link_counts, answers), out);
    metric(l, "connections", "gauge", "open connections", offsetof(link_counts, connections), out);
    pthread_mutex_unlock(&l->lock);
}

/* ---- claiming ---- */

jd_str jd_device_entity(jd_links *l, jd_str link, jd_str id, jd_arena *a) {
    link_device *dev = registry_find(l->devices, link, id);
    return dev ? registry_entity(l->devices, dev, a) : (jd_str){NULL, 0};
}

jd_str jd_device_document(jd_links *l, jd_str link, jd_str id, const char *state, jd_arena *a) {
    link_device *dev = registry_find(l->devices, link, id);
    return dev ? registry_document(l->devices, dev, state, (jd_str){"", 0}, a) : (jd_str){NULL, 0};
}

void jd_device_set_state(jd_links *l, jd_str link, jd_str id, const char *state) {
    link_device *dev = registry_find(l->devices, link, id);
    if (dev) registry_set_state(l->devices, dev, state);
}

jd_context *jd_link_context(jd_links *l, jd_str link) {
    link_decl *d = link_decl_of(l, link);
    jd_context *ctx = d ? jd_ctx_ref(d->ctx) : NULL;
    link_decl_unref(d);
    return ctx;
}

jd_str jd_link_tenant(jd_links *l, jd_str link, jd_arena *a) {
    link_decl *d = link_decl_of(l, link);
    jd_str tenant = d ? jd_arena_dup(a, d->tenant) : (jd_str){"", 0};
    link_decl_unref(d);
    return tenant;
}
