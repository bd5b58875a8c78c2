/* The registry of contexts: texts by URL (fetched, offline, hosted), and what was built from them by what was asked.
 *
 * One mutex guards both tables; nothing is fetched, read or built under it. Whoever finds that a text is missing puts
 * its place into the table first, so that everybody else waits for that one fetch. */
#include "model/context_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAILED_FOR_NS 10000000000u /* a dead URL is not tried again for 10 s */
#define OWN_PATH "/ngsi-ld/v1/jsonldContexts/"

typedef struct body { /* one version of a text; never changes */
    _Atomic uint32_t refs;
    jd_str text, base;
    char bytes[];
} body;

typedef enum docstate { DOC_READY, DOC_FETCHING, DOC_FAILED } docstate;

typedef struct doc {
    struct doc *next; /* in its table */
    uint64_t hash;
    jd_str key; /* URL of a cached one, local id of a hosted one */
    char local_id[20];
    uint32_t refs; /* the table's and those of built contexts */
    docstate state;
    jd_ctxkind kind;
    body *body;
    jd_err failure;
    uint64_t retry_ns; /* of a failed one: not before */
    uint64_t used;     /* tick of the last use */
    uint64_t serial;
    jd_time created, last_used;
    uint64_t hits;
} doc;

typedef struct built {
    struct built *next;
    uint64_t hash;
    jd_str key; /* a URL, or the JSON text of an object or array */
    int is_url;
    jd_context *ctx;
    size_t bytes;
    uint64_t used;
    doc **docs; /* those it was made from */
    uint32_t docs_n;
} built;

enum { BUCKETS = 1024 };

struct jd_contexts {
    jd_symtab *symbols;
    jd_context *core;
    jd_str core_text;
    jd_contexts_opts o;
    ctx_fetch_opts fetch;
    jd_time started;
    jd_strmap offline; /* URL -> place in files */
    char **files;      /* ended by NULL */
    jd_str *urls;      /* of these, in the map */

    pthread_mutex_t mutex; /* everything below */
    pthread_cond_t fetched;
    doc *cached[BUCKETS], *hosted[BUCKETS];
    built *built[BUCKETS];
    uint32_t cached_n, built_n;
    size_t cached_bytes, built_bytes; /* each at most half of what is allowed */
    uint64_t tick, serial;
    uint64_t generation; /* grows when a text changes or goes */
};

/* ---- texts ---- */
static body *body_make(jd_str text, jd_str base) {
    body *b = jd_xmalloc(sizeof *b + text.n + base.n + 2);
    atomic_init(&b->refs, 1);
    memcpy(b->bytes, text.p, text.n);
    if (base.n) memcpy(b->bytes + text.n, base.p, base.n);
    b->text = (jd_str){b->bytes, text.n};
    b->base = (jd_str){b->bytes + text.n, base.n};
    return b;
}

static body *body_ref(body *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

static void body_unref(body *b) {
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) free(b);
}

/* ---- tables; the mutex is held ---- */
static uint64_t hash_of(jd_str s) {
    return jd_hash(s.p, s.n);
}

static doc *doc_find(doc *const *table, jd_str key) {
    uint64_t h = hash_of(key);
    for (doc *d = table[h % BUCKETS]; d; d = d->next)
        if (d->hash == h && jd_str_eq(d->key, key)) return d;
    return NULL;
}

static doc *doc_add(jd_contexts *r, doc **table, jd_str key, jd_ctxkind kind) {
    doc *d = jd_xcalloc(1, sizeof *d);
    d->hash = hash_of(key);
    d->key = (jd_str){jd_xstrdup(key), key.n};
    snprintf(d->local_id, sizeof d->local_id, "%016llx", (unsigned long long)jd_hash_fixed(key.p, key.n));
    d->refs = 1;
    d->kind = kind;
    d->serial = ++r->serial;
    d->used = ++r->tick;
    d->created = jd_now();
    d->last_used = JD_TIME_NONE;
    d->next = table[d->hash % BUCKETS];
    table[d->hash % BUCKETS] = d;
    return d;
}

static void doc_unref(doc *d) {
    if (--d->refs) return;
    body_unref(d->body);
    free((char *)(uintptr_t)d->key.p);
    free(d);
}

static void doc_remove(jd_contexts *r, doc **table, doc *d) {
    doc **at = &table[d->hash % BUCKETS];
    while (*at != d) at = &(*at)->next;
    *at = d->next;
    if (table == r->cached) {
        r->cached_n--;
        if (d->body) r->cached_bytes -= d->body->text.n;
    }
    doc_unref(d);
}

static void doc_set_body(jd_contexts *r, doc *d, body *b) {
    if (d->kind == JD_CTX_CACHED) r->cached_bytes += b->text.n - (d->body ? d->body->text.n : 0);
    body_unref(d->body);
    d->body = b;
    d->state = DOC_READY;
}

static void built_remove(jd_contexts *r, built **at) {
    built *b = *at;
    *at = b->next;
    r->built_n--;
    r->built_bytes -= b->bytes;
    jd_ctx_unref(b->ctx);
    for (uint32_t i = 0; i < b->docs_n; i++) doc_unref(b->docs[i]);
    free(b->docs);
    free((char *)(uintptr_t)b->key.p);
    free(b);
}

/* A text changed or went: whatever may have been made of it is made anew. That is rare, so it may be all. */
static void built_flush(jd_contexts *r) {
    r->generation++;
    for (uint32_t i = 0; i < BUCKETS; i++)
        while (r->built[i]) built_remove(r, &r->built[i]);
}

static void built_evict(jd_contexts *r) {
    built **oldest = NULL;
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (built **at = &r->built[i]; *at; at = &(*at)->next)
            if (!oldest || (*at)->used < (*oldest)->used) oldest = at;
    if (oldest) built_remove(r, oldest);
}

/* Failed ones go first; one that is being fetched stays, and so does keep. Returns 0 when there is none to take. */
static int cached_evict(jd_contexts *r, const doc *keep) {
    doc *oldest = NULL;
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (doc *d = r->cached[i]; d; d = d->next) {
            if (d->state == DOC_FETCHING || d == keep) continue;
            int failed = d->state == DOC_FAILED, had = oldest && oldest->state == DOC_FAILED;
            if (!oldest || failed > had || (failed == had && d->used < oldest->used)) oldest = d;
        }
    if (oldest) doc_remove(r, r->cached, oldest);
    return oldest != NULL;
}

static doc *cached_add(jd_contexts *r, jd_str url) {
    while (r->cached_n >= r->o.cached_max && cached_evict(r, NULL)) {}
    r->cached_n++;
    return doc_add(r, r->cached, url, JD_CTX_CACHED);
}

/* ---- URLs of our own ---- */
static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The local id of http(s)://host/ngsi-ld/v1/jsonldContexts/<id>, decoded into to (as long as url); of another URL its
 * path, which is the id of contexts that are served elsewhere; n == 0: no such URL. */
static jd_str own_id(jd_str url, char *to) {
    jd_str none = {NULL, 0};
    if (!jd_str_starts(url, JD_STR("http://")) && !jd_str_starts(url, JD_STR("https://"))) return none;
    const char *host = url.p + (url.p[4] == 's' ? 8 : 7), *end = url.p + url.n;
    const char *slash = memchr(host, '/', (size_t)(end - host));
    if (!slash) return none;
    size_t n = 0;
    if (!jd_str_starts((jd_str){slash, (size_t)(end - slash)}, JD_STR(OWN_PATH))) { /* the path may be an id itself */
        for (const char *p = slash; p < end && *p != '?' && *p != '#'; p++) to[n++] = *p;
        return (jd_str){to, n};
    }
    for (const char *p = slash + sizeof OWN_PATH - 1; p < end && *p != '?' && *p != '#'; p++) {
        if (*p == '%' && end - p > 2 && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            to[n++] = (char)(hex(p[1]) * 16 + hex(p[2]));
            p += 2;
        } else {
            to[n++] = *p;
        }
    }
    return (jd_str){to, n};
}

static doc *hosted_by_url(jd_contexts *r, jd_str url) {
    char few[512], *to = url.n <= sizeof few ? few : jd_xmalloc(url.n);
    jd_str id = own_id(url, to);
    doc *d = id.n ? doc_find(r->hosted, id) : NULL;
    if (to != few) free(to);
    return d;
}

/* ---- getting a text ---- */
static int read_file(const char *path, size_t max, jd_buf *b, jd_err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return jd_fail(err, JD_E_CONTEXT, "%s: %s", "%s：%s", path, strerror(errno));
    ssize_t n;
    while ((n = read(fd, jd_buf_room(b, 65536), 65536)) > 0 && b->n <= max) b->n += (size_t)n;
    int e = errno;
    close(fd);
    if (n < 0) return jd_fail(err, JD_E_CONTEXT, "%s: %s", "%s：%s", path, strerror(e));
    if (b->n > max)
        return jd_fail(err, JD_E_CONTEXT, "%s: it is larger than %zu bytes", "%s：超过 %zu 字节", path, max);
    return 0;
}

/* From the offline folder or the network; checked. */
static int obtain(jd_contexts *r, jd_str url, body **out, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    ctx_fetched f = {.url = url};
    uint32_t file = jd_strmap_get(&r->offline, url);
    int rc = file != JD_STRMAP_NONE ? read_file(r->files[file], r->fetch.body_max, &f.body, err)
                                    : ctx__fetch(&r->fetch, &a, url, &f, err);
    jd_err why = {0};
    if (!rc && ctx__check_document(r->core, jd_buf_view(&f.body), 1, &why)) { /* clause 5.5.6: fetched, but invalid */
        int n = ctx__shown(url, 150);
        rc = jd_fail(err, JD_E_BAD_REQUEST_DATA, "@context %.*s: %s%.0s", "@context %.*s：%.0s%s", n, url.p, why.en,
                     why.zh);
        jd_fail_at(err, "%.*s %s", n, url.p, why.place);
    }
    if (!rc) *out = body_make(jd_buf_view(&f.body), f.url);
    jd_buf_fini(&f.body);
    jd_arena_fini(&a);
    return rc;
}

typedef struct request { /* one building */
    jd_contexts *r;
    int may_block;
    doc **docs;
    uint32_t docs_n;
} request;

static void request_fini(request *q) { /* the mutex is held */
    for (uint32_t i = 0; i < q->docs_n; i++) doc_unref(q->docs[i]);
    free(q->docs);
}

static int give(request *q, doc *d, jd_str url, ctx_loaded *out) {
    body *b = body_ref(d->body);
    q->docs = jd_xrealloc(q->docs, sizeof *q->docs * (q->docs_n + 1));
    q->docs[q->docs_n++] = d;
    d->refs++;
    *out = (ctx_loaded){b->text, b->base.n ? b->base : url, b};
    return 0;
}

/* Fetches what d stands for; the mutex is held before and after, not meanwhile. */
static void fill(jd_contexts *r, doc *d) {
    body *b = NULL;
    jd_err why = {0};
    d->refs++;
    pthread_mutex_unlock(&r->mutex);
    int rc = obtain(r, d->key, &b, &why);
    pthread_mutex_lock(&r->mutex);
    if (rc) {
        d->state = DOC_FAILED;
        d->failure = why;
        d->retry_ns = jd_mono_ns() + FAILED_FOR_NS;
    } else {
        doc_set_body(r, d, b);
        d->created = jd_now();
        while (r->cached_bytes > r->o.bytes_max / 2 && cached_evict(r, d)) {}
    }
    pthread_cond_broadcast(&r->fetched);
}

static int load_locked(request *q, jd_str url, ctx_loaded *out, jd_err *err) {
    jd_contexts *r = q->r;
    doc *d = hosted_by_url(r, url);
    if (d) return give(q, d, url, out);
    while ((d = doc_find(r->cached, url)) != NULL && d->state == DOC_FETCHING) {
        if (!q->may_block) return 1;
        pthread_cond_wait(&r->fetched, &r->mutex);
    }
    if (d && d->state == DOC_FAILED) {
        if (jd_mono_ns() < d->retry_ns) {
            if (err) *err = d->failure;
            return -1;
        }
        doc_remove(r, r->cached, d);
        d = NULL;
    }
    if (!d) {
        if (jd_strmap_get(&r->offline, url) == JD_STRMAP_NONE) {
            if (r->o.no_fetch)
                return jd_fail(err, JD_E_CONTEXT, "@context %.*s is not kept here, and nothing is fetched",
                               "@context %.*s 未在本地保存，且不允许联网获取", ctx__shown(url, 200), url.p);
            if (!q->may_block) return 1;
        }
        d = cached_add(r, url);
        d->state = DOC_FETCHING;
        fill(r, d);
        int rc = d->state == DOC_FAILED ? -1 : give(q, d, url, out);
        if (rc && err) *err = d->failure;
        doc_unref(d);
        return rc;
    }
    return give(q, d, url, out);
}

static int load(void *arg, jd_str url, ctx_loaded *out, jd_err *err) {
    request *q = arg;
    pthread_mutex_lock(&q->r->mutex);
    int rc = load_locked(q, url, out, err);
    pthread_mutex_unlock(&q->r->mutex);
    return rc;
}

static void unload(void *arg, void *hold) {
    (void)arg;
    body_unref(hold);
}

/* ---- asking ---- */
static void count_use(jd_contexts *r, doc *const *docs, uint32_t n) {
    jd_time now = n ? jd_now() : 0;
    for (uint32_t i = 0; i < n; i++) {
        docs[i]->hits++;
        docs[i]->last_used = now;
        docs[i]->used = ++r->tick;
    }
}

static jd_context *built_find(jd_contexts *r, jd_str key, int is_url, uint64_t hash) {
    for (built *b = r->built[hash % BUCKETS]; b; b = b->next) {
        if (b->hash != hash || b->is_url != is_url || !jd_str_eq(b->key, key)) continue;
        b->used = ++r->tick;
        count_use(r, b->docs, b->docs_n);
        return jd_ctx_ref(b->ctx);
    }
    return NULL;
}

/* The docs of the request become the entry's. What would push out a quarter of everything else is not kept. */
static void built_add(jd_contexts *r, jd_str key, int is_url, uint64_t hash, jd_context *c, request *q) {
    size_t bytes = ctx__bytes(c) + key.n + sizeof(built), max = r->o.bytes_max / 2;
    if (bytes > max / 4) return;
    while (r->built_n && (r->built_n >= r->o.cached_max || r->built_bytes + bytes > max)) built_evict(r);
    built *b = jd_xcalloc(1, sizeof *b);
    *b = (built){.next = r->built[hash % BUCKETS],
                 .hash = hash,
                 .key = {jd_xstrdup(key), key.n},
                 .is_url = is_url,
                 .ctx = jd_ctx_ref(c),
                 .bytes = bytes,
                 .used = ++r->tick,
                 .docs = q->docs,
                 .docs_n = q->docs_n};
    q->docs = NULL;
    q->docs_n = 0;
    r->built[hash % BUCKETS] = b;
    r->built_n++;
    r->built_bytes += bytes;
}

static int build(jd_contexts *r, jd_str key, int is_url, uint64_t hash, uint64_t generation, int may_block,
                 jd_context **out, jd_err *err) {
    request q = {.r = r, .may_block = may_block};
    ctx_loader l = {&q, load, unload, r->o.depth_max};
    jd_buf quoted = {0};
    if (is_url) jd_json_write_str(&quoted, key);
    jd_context *c;
    int rc = ctx__build(r->symbols, r->core, &l, is_url ? jd_buf_view(&quoted) : key, &c, err);
    jd_buf_fini(&quoted);
    pthread_mutex_lock(&r->mutex);
    if (!rc) {
        jd_context *other = built_find(r, key, is_url, hash);
        if (other) { /* somebody was quicker: the same text gives the same object */
            jd_ctx_unref(c);
            c = other;
        } else {
            count_use(r, q.docs, q.docs_n);
            /* Were a text changed meanwhile, what was built of it would be good for this asker only. */
            if (generation == r->generation) built_add(r, key, is_url, hash, c, &q);
        }
        *out = c;
    }
    request_fini(&q);
    pthread_mutex_unlock(&r->mutex);
    return rc;
}

static int get(jd_contexts *r, jd_str key, int is_url, int may_block, jd_context **out, jd_err *err) {
    uint64_t hash = hash_of(key);
    pthread_mutex_lock(&r->mutex);
    uint64_t generation = r->generation;
    jd_context *c = built_find(r, key, is_url, hash);
    pthread_mutex_unlock(&r->mutex);
    if (!c) return build(r, key, is_url, hash, generation, may_block, out, err);
    *out = c;
    return 0;
}

static int is_core(const jd_jval *v) {
    if (v->type == JD_JNULL) return 1;
    if (v->type == JD_JSTR) return ctx__is_core_url(jd_jstr(v));
    if (v->type != JD_JARR) return 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->items[i].type == JD_JARR || !is_core(&v->items[i])) return 0;
    return 1;
}

int jd_contexts_get_url(jd_contexts *r, jd_str url, int may_block, jd_context **out, jd_err *err) {
    if (ctx__is_core_url(url)) {
        *out = jd_ctx_ref(r->core);
        return 0;
    }
    return get(r, url, 1, may_block, out, err);
}

int jd_contexts_get(jd_contexts *r, const jd_jval *value, int may_block, jd_context **out, jd_err *err) {
    if (!value || is_core(value)) {
        *out = jd_ctx_ref(r->core);
        return 0;
    }
    if (value->type == JD_JSTR) return jd_contexts_get_url(r, jd_jstr(value), may_block, out, err);
    jd_buf text = {0};
    jd_json_write(&text, value);
    int rc = get(r, jd_buf_view(&text), 0, may_block, out, err);
    jd_buf_fini(&text);
    return rc;
}

jd_context *jd_contexts_core(jd_contexts *r) {
    return r->core;
}

/* ---- hosting ---- */
int jd_contexts_host(jd_contexts *r, jd_str local_id, jd_ctxkind kind, jd_str text, jd_time created, jd_err *err) {
    if (ctx__check_document(r->core, text, 0, err)) return -1;
    if (kind == JD_CTX_CACHED) kind = JD_CTX_HOSTED;
    pthread_mutex_lock(&r->mutex);
    doc *d = doc_find(r->hosted, local_id);
    if (d)
        built_flush(r);
    else
        d = doc_add(r, r->hosted, local_id, kind);
    d->kind = kind;
    d->created = created;
    doc_set_body(r, d, body_make(text, (jd_str){NULL, 0}));
    pthread_mutex_unlock(&r->mutex);
    return 0;
}

/* By local id, by own URL, by URL, by the id made here. */
static doc *doc_of(jd_contexts *r, jd_str id, doc ***table) {
    *table = r->hosted;
    doc *d = doc_find(r->hosted, id);
    if (!d) d = hosted_by_url(r, id);
    if (d) return d;
    *table = r->cached;
    d = doc_find(r->cached, id);
    for (uint32_t i = 0; !d && id.n == 16 && i < BUCKETS; i++)
        for (doc *at = r->cached[i]; at && !d; at = at->next)
            if (jd_str_is(id, at->local_id)) d = at;
    return d && d->state == DOC_READY ? d : NULL;
}

int jd_contexts_drop(jd_contexts *r, jd_str id_or_url) {
    doc **table;
    pthread_mutex_lock(&r->mutex);
    doc *d = doc_of(r, id_or_url, &table);
    if (d) {
        built_flush(r);
        doc_remove(r, table, d);
    }
    pthread_mutex_unlock(&r->mutex);
    return d != NULL;
}

int jd_contexts_reload(jd_contexts *r, jd_str id_or_url, jd_err *err) {
    doc **table;
    if (ctx__is_core_url(id_or_url)) return 0; /* built in: always what it should be */
    pthread_mutex_lock(&r->mutex);
    doc *d = doc_of(r, id_or_url, &table);
    if (d) d->refs++;
    pthread_mutex_unlock(&r->mutex);
    if (!d) return jd_fail(err, JD_E_NOT_FOUND, "there is no such @context here", "没有这个 @context");
    body *b = NULL;
    int rc;
    if (table == r->hosted)
        rc = jd_fail(err, JD_E_BAD_REQUEST_DATA, "only cached @contexts can be loaded again",
                     "只有缓存的 @context 可以重新加载");
    else if (r->o.no_fetch && jd_strmap_get(&r->offline, d->key) == JD_STRMAP_NONE)
        rc = jd_fail(err, JD_E_CONTEXT, "nothing is fetched here", "此处不允许联网获取");
    else if ((rc = obtain(r, d->key, &b, err)) != 0 && err)
        err->code = JD_E_CONTEXT; /* clause 5.13.5.4: failed or invalid alike */
    pthread_mutex_lock(&r->mutex);
    if (!rc && d->refs > 1 && doc_find(r->cached, d->key) == d) {
        built_flush(r);
        doc_set_body(r, d, b);
        d->created = jd_now();
        while (r->cached_bytes > r->o.bytes_max / 2 && cached_evict(r, d)) {}
    } else {
        body_unref(b); /* dropped meanwhile, or none */
    }
    doc_unref(d);
    pthread_mutex_unlock(&r->mutex);
    return rc;
}

static void tell(const doc *d, jd_arena *a, jd_ctxinfo *info) {
    *info = (jd_ctxinfo){.kind = d->kind, .created = d->created, .last_used = d->last_used, .hits = d->hits};
    info->local_id = jd_arena_dup(a, d->kind == JD_CTX_CACHED ? jd_str_of(d->local_id) : d->key);
    if (d->kind == JD_CTX_CACHED) info->url = jd_arena_dup(a, d->key);
}

int jd_contexts_find(jd_contexts *r, jd_arena *a, jd_str id_or_url, jd_ctxinfo *info) {
    if (ctx__is_core_url(id_or_url)) {
        jd_str url = JD_STR(JD_CORE_CONTEXT_URL);
        *info = (jd_ctxinfo){.url = url,
                             .local_id = url,
                             .kind = JD_CTX_CACHED,
                             .created = r->started,
                             .last_used = JD_TIME_NONE,
                             .body = jd_arena_dup(a, r->core_text)};
        return 1;
    }
    doc **table;
    pthread_mutex_lock(&r->mutex);
    doc *d = doc_of(r, id_or_url, &table);
    if (d) {
        tell(d, a, info);
        info->body = jd_arena_dup(a, d->body->text);
        count_use(r, &d, 1); /* being served is a use as well */
    }
    pthread_mutex_unlock(&r->mutex);
    return d != NULL;
}

typedef struct listed {
    jd_ctxinfo info;
    uint64_t serial;
} listed;

static int by_creation(const void *x, const void *y) {
    const listed *a = x, *b = y;
    if (a->info.created != b->info.created) return a->info.created < b->info.created ? -1 : 1;
    return a->serial < b->serial ? -1 : a->serial > b->serial;
}

size_t jd_contexts_list(jd_contexts *r, jd_arena *a, int kind, jd_ctxinfo **out) {
    size_t n = 0, cap = 0;
    listed *all = NULL;
    pthread_mutex_lock(&r->mutex);
    for (uint32_t i = 0; i < 2 * BUCKETS; i++)
        for (const doc *d = i < BUCKETS ? r->cached[i] : r->hosted[i - BUCKETS]; d; d = d->next) {
            if (d->state != DOC_READY || (kind >= 0 && (int)d->kind != kind)) continue;
            if (n == cap) all = jd_xrealloc(all, sizeof *all * (cap = cap ? cap * 2 : 64));
            tell(d, a, &all[n].info);
            all[n++].serial = d->serial;
        }
    pthread_mutex_unlock(&r->mutex);
    if (n) qsort(all, n, sizeof *all, by_creation);
    *out = JD_NEWN(a, jd_ctxinfo, n + 1);
    for (size_t i = 0; i < n; i++) (*out)[i] = all[i].info;
    free(all);
    return n;
}

int jd_contexts_offline(jd_contexts *r, void (*each)(void *user, jd_str url, jd_str text), void *user, jd_err *err) {
    int rc = 0;
    for (uint32_t i = 0; !rc && r->files && r->files[i]; i++) {
        jd_buf text = {0};
        rc = read_file(r->files[i], r->fetch.body_max, &text, err);
        if (!rc) each(user, r->urls[i], jd_buf_view(&text));
        jd_buf_fini(&text);
    }
    return rc;
}

/* ---- beginning and end ---- */
static int offline_file(jd_contexts *r, const char *index, const jd_jmember *m, uint32_t i, jd_err *err) {
    int url_n = ctx__shown(m->name, 120);
    if (m->val.type != JD_JSTR || m->val.n == 0 || m->val.s[0] == '/' || memmem(m->val.s, m->val.n, "..", 2))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: \"%.*s\" must name a file of the folder",
                       "%s：“%.*s”须为该目录内的文件名", index, url_n, m->name.p);
    jd_buf path = {0}, text = {0};
    jd_buf_printf(&path, "%s/%.*s", r->o.offline_dir, (int)m->val.n, m->val.s);
    jd_buf_c(&path, 0);
    r->files[i] = jd_buf_take(&path, NULL);
    r->urls[i] = jd_strmap_put(&r->offline, m->name, i);
    jd_err why = {0};
    int rc = read_file(r->files[i], r->fetch.body_max, &text, &why) ||
             ctx__check_document(r->core, jd_buf_view(&text), 1, &why);
    if (rc) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: \"%.*s\": %s%.0s", "%s：“%.*s”：%.0s%s", index, url_n, m->name.p,
                why.en, why.zh);
        jd_fail_at(err, "%s%s%s", r->files[i], why.place[0] ? ": " : "", why.place);
        rc = -1;
    }
    jd_buf_fini(&text);
    return rc;
}

static int offline_read(jd_contexts *r, jd_err *err) {
    jd_buf path = {0}, text = {0};
    jd_arena a;
    jd_jval index;
    jd_arena_init(&a);
    jd_buf_printf(&path, "%s/index.json", r->o.offline_dir);
    jd_buf_c(&path, 0);
    jd_err why = {0};
    int rc = read_file(path.p, r->fetch.body_max, &text, &why);
    if (!rc) rc = jd_json_parse(&a, jd_buf_view(&text), NULL, &index, &why);
    if (!rc && index.type != JD_JOBJ)
        rc = jd_fail(&why, JD_E_BAD_REQUEST_DATA, "an object of URLs and file names is expected",
                     "须为 URL 到文件名的对象");
    if (rc) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: %s%.0s", "%s：%.0s%s", path.p, why.en, why.zh);
        jd_fail_at(err, "%s%s%s", path.p, why.place[0] ? ": " : "", why.place);
    }
    if (!rc) {
        r->files = jd_xcalloc(index.n + 1, sizeof *r->files);
        r->urls = jd_xcalloc(index.n + 1, sizeof *r->urls);
    }
    for (uint32_t i = 0; !rc && i < index.n; i++) rc = offline_file(r, path.p, &index.members[i], i, err);
    jd_buf_fini(&path);
    jd_buf_fini(&text);
    jd_arena_fini(&a);
    return rc;
}

jd_contexts *jd_contexts_create(jd_symtab *symbols, const jd_contexts_opts *opts, jd_err *err) {
    jd_contexts *r = jd_xcalloc(1, sizeof *r);
    r->symbols = symbols;
    if (opts) r->o = *opts;
    if (!r->o.body_max) r->o.body_max = 1 << 20;
    if (!r->o.timeout_ms) r->o.timeout_ms = 5000;
    if (!r->o.cached_max) r->o.cached_max = 1000;
    if (!r->o.depth_max) r->o.depth_max = 8;
    if (!r->o.bytes_max) r->o.bytes_max = (size_t)256 << 20;
    r->fetch = (ctx_fetch_opts){r->o.body_max, r->o.timeout_ms, r->o.allow};
    r->started = jd_now();
    jd_strmap_init(&r->offline);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->fetched, NULL);
    jd_buf text = {0};
    ctx__core_text(&text);
    size_t n;
    char *p = jd_buf_take(&text, &n);
    r->core_text = (jd_str){p, n};
    r->core = ctx__build_core(symbols, r->core_text, err);
    if (!r->core || (r->o.offline_dir && offline_read(r, err))) {
        jd_contexts_destroy(r);
        return NULL;
    }
    return r;
}

void jd_contexts_destroy(jd_contexts *r) {
    if (!r) return;
    built_flush(r);
    for (uint32_t i = 0; i < BUCKETS; i++) {
        while (r->cached[i]) doc_remove(r, r->cached, r->cached[i]);
        while (r->hosted[i]) doc_remove(r, r->hosted, r->hosted[i]);
    }
    for (uint32_t i = 0; r->files && r->files[i]; i++) free(r->files[i]);
    free(r->files);
    free(r->urls);
    jd_strmap_fini(&r->offline);
    jd_ctx_unref(r->core);
    free((char *)(uintptr_t)r->core_text.p);
    pthread_cond_destroy(&r->fetched);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}
