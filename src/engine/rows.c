/* Runs and their rows: the directory in memory, and the bodies that were read lately. */
#include "base/hash.h"
#include "engine/history_int.h"

#include <stdlib.h>

/* ---- runs ---- */

run *run_new(history *h, int64_t id, uint32_t level) {
    run *r = jd_xcalloc(1, sizeof *r);
    r->refs = 1;
    r->h = h;
    r->id = id;
    r->level = level;
    return r;
}

run *run_ref(run *r) {
    atomic_fetch_add(&r->refs, 1);
    return r;
}

/* The last one who could read the rows of a replaced run has left: the store may drop them. */
void run_unref(run *r) {
    if (atomic_fetch_sub(&r->refs, 1) > 1) return;
    history *h = r->h;
    if (r->replaced) {
        pthread_mutex_lock(&h->mutex);
        for (uint32_t i = 0; i < r->rows_n; i++) {
            if (h->drops_n == h->drops_cap) {
                h->drops_cap = h->drops_cap ? h->drops_cap * 2 : 64;
                h->drops = jd_xrealloc(h->drops, h->drops_cap * sizeof *h->drops);
            }
            h->drops[h->drops_n++] = r->rows[i].id;
        }
        pthread_mutex_unlock(&h->mutex);
        for (uint32_t i = 0; i < r->rows_n; i++) row_cache_forget(h->cache, r->rows[i].id);
    }
    free(r->rows);
    free(r);
}

void run_add_row(run *r, int64_t id, const jd_rowhead *head, uint32_t bytes) {
    if (r->rows_n == r->rows_cap) {
        r->rows_cap = r->rows_cap ? r->rows_cap * 2 : 16;
        r->rows = jd_xrealloc(r->rows, r->rows_cap * sizeof *r->rows);
    }
    r->rows[r->rows_n++] = (run_row){.id = id, .bytes = bytes, .head = *head};
    r->readings += head->readings;
    r->bytes += bytes;
}

uint32_t run_seek(const run *r, const jd_skey *key) {
    uint32_t lo = 0, hi = r->rows_n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (jd_skey_cmp(&r->rows[mid].head.last, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void key_write(jd_buf *b, const jd_skey *k) {
    jd_buf_varint(b, k->entity);
    jd_buf_varint(b, k->attr);
    jd_buf_varint(b, k->dataset);
    jd_buf_varint(b, k->tier);
}

static void key_read(const unsigned char **p, const unsigned char *end, jd_skey *k) {
    k->entity = jd_varint_get(p, end);
    k->attr = (uint32_t)jd_varint_get(p, end);
    k->dataset = (uint32_t)jd_varint_get(p, end);
    k->tier = (uint32_t)jd_varint_get(p, end);
}

void rowhead_write(jd_buf *b, const jd_rowhead *h) {
    key_write(b, &h->first);
    key_write(b, &h->last);
    jd_buf_varint(b, jd_zigzag(h->from));
    jd_buf_varint(b, jd_zigzag(h->to));
    jd_buf_varint(b, h->readings);
    jd_buf_varint(b, h->chunks);
    jd_buf_varint(b, (uint64_t)h->clears);
}

int rowhead_read(jd_str s, jd_rowhead *h) {
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    key_read(&p, end, &h->first);
    key_read(&p, end, &h->last);
    h->from = jd_unzigzag(jd_varint_get(&p, end));
    h->to = jd_unzigzag(jd_varint_get(&p, end));
    h->readings = jd_varint_get(&p, end);
    h->chunks = (uint32_t)jd_varint_get(&p, end);
    h->clears = (int)jd_varint_get(&p, end);
    return p == end ? 0 : -1;
}

/* ---- bodies ---- */

typedef struct cached_row {
    struct cached_row *next;          /* of the bucket */
    struct cached_row *newer, *older; /* by use */
    int64_t id;
    uint32_t refs; /* the cache's own included */
    char *bytes;
    size_t n;
    jd_row row;
} cached_row;

enum { BUCKETS = 4096 };
struct row_cache {
    pthread_mutex_t mutex;
    size_t bytes, max;
    cached_row *bucket[BUCKETS];
    cached_row *newest, *oldest;
};

struct row_cache *row_cache_new(size_t bytes) {
    struct row_cache *c = jd_xcalloc(1, sizeof *c);
    c->max = bytes;
    pthread_mutex_init(&c->mutex, NULL);
    return c;
}

static cached_row **bucket_of(struct row_cache *c, int64_t id) {
    return &c->bucket[(uint64_t)id % BUCKETS];
}

static void let_go(cached_row *r) {
    if (--r->refs) return;
    free(r->bytes);
    free(r);
}

static void unlink_use(struct row_cache *c, cached_row *r) {
    *(r->newer ? &r->newer->older : &c->newest) = r->older;
    *(r->older ? &r->older->newer : &c->oldest) = r->newer;
}

static void link_newest(struct row_cache *c, cached_row *r) {
    r->newer = NULL;
    r->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = r;
    c->newest = r;
}

static void evict(struct row_cache *c, cached_row *r) {
    cached_row **at = bucket_of(c, r->id);
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    unlink_use(c, r);
    c->bytes -= r->n + sizeof *r;
    let_go(r);
}

static cached_row *find(struct row_cache *c, int64_t id) {
    cached_row *r = *bucket_of(c, id);
    while (r && r->id != id) r = r->next;
    return r;
}

void row_cache_forget(struct row_cache *c, int64_t id) {
    pthread_mutex_lock(&c->mutex);
    cached_row *r = find(c, id);
    if (r) evict(c, r);
    pthread_mutex_unlock(&c->mutex);
}

void row_cache_free(struct row_cache *c) {
    if (!c) return;
    while (c->oldest) evict(c, c->oldest);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

size_t row_cache_bytes(struct row_cache *c) {
    pthread_mutex_lock(&c->mutex);
    size_t n = c->bytes;
    pthread_mutex_unlock(&c->mutex);
    return n;
}

static _Thread_local int *would_wait;

void row_patience(int *would) {
    would_wait = would;
}

static int read_row(history *h, int64_t id, cached_row **out, jd_err *err) {
    if (would_wait) {
        *would_wait = 1;
        return jd_fail(err, JD_E_BUSY, "this would have to wait for the disk", "此操作需要等待磁盘");
    }
    jd_buf b = {0};
    int rc = jd_store_read_row(h->store, id, &b, err);
    if (rc == 0) jd_fail(err, JD_E_INTERNAL, "history: row %lld is missing", "历史：缺少行 %lld", (long long)id);
    if (rc != 1) {
        jd_buf_fini(&b);
        return -1;
    }
    cached_row *r = jd_xcalloc(1, sizeof *r);
    r->id = id;
    r->refs = 1;
    r->bytes = jd_buf_take(&b, &r->n);
    if (jd_row_open(&r->row, (jd_str){r->bytes, r->n}, err)) {
        jd_fail_at(err, "chunk %lld", (long long)id);
        let_go(r);
        return -1;
    }
    *out = r;
    return 0;
}

int row_get(history *h, int64_t id, row_ref *out, jd_err *err) {
    struct row_cache *c = h->cache;
    pthread_mutex_lock(&c->mutex);
    cached_row *r = find(c, id);
    if (r) {
        r->refs++;
        unlink_use(c, r);
        link_newest(c, r);
    }
    pthread_mutex_unlock(&c->mutex);
    if (!r) {
        if (read_row(h, id, &r, err)) return -1;
        pthread_mutex_lock(&c->mutex);
        if (!find(c, id) && r->n < c->max / 4) {
            r->refs++;
            cached_row **at = bucket_of(c, id);
            r->next = *at;
            *at = r;
            link_newest(c, r);
            c->bytes += r->n + sizeof *r;
            while (c->bytes > c->max && c->oldest != r) evict(c, c->oldest);
        }
        pthread_mutex_unlock(&c->mutex);
    }
    *out = (row_ref){r->row, r};
    return 0;
}

void row_put(history *h, row_ref *r) {
    if (!r->c) return;
    pthread_mutex_lock(&h->cache->mutex);
    let_go(r->c);
    pthread_mutex_unlock(&h->cache->mutex);
    r->c = NULL;
}
