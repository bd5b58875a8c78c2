/* Reading by key from any thread, on a few connections of its own. A read transaction lives for one row, so that it
 * never holds the write-ahead file. */
#include "store/store_int.h"

enum { READER_CACHE_KB = 4 << 10 };

static int reader_open(jd_store *s, store_reader *r, jd_err *err) {
    r->db = store__connect(s->path, s->vfs->name, SQLITE_OPEN_READONLY, READER_CACHE_KB, err);
    if (!r->db) return -1;
    int rc = sqlite3_prepare_v3(r->db, "SELECT body FROM document WHERE key = ?1", -1, SQLITE_PREPARE_PERSISTENT,
                                &r->document, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v3(r->db, "SELECT run, head, body FROM chunk WHERE id = ?1", -1, SQLITE_PREPARE_PERSISTENT,
                                &r->row, NULL);
    if (rc == SQLITE_OK) return 0;
    store__sql_fail(r->db, rc, err, "cannot read", "无法读取");
    sqlite3_finalize(r->document);
    r->document = NULL;
    sqlite3_close(r->db);
    r->db = NULL;
    return -1;
}

/* A reader that nobody else uses, its lock held; NULL with *err. */
static store_reader *take(jd_store *s, jd_err *err) {
    store_reader *r = NULL;
    /* the first that is free: its cache has what was read last */
    for (unsigned i = 0; !r && i < STORE_READERS; i++)
        if (pthread_mutex_trylock(&s->readers[i].lock) == 0) r = &s->readers[i];
    if (!r) {
        r = &s->readers[atomic_fetch_add_explicit(&s->reader_next, 1, memory_order_relaxed) % STORE_READERS];
        pthread_mutex_lock(&r->lock);
    }
    if (r->db || reader_open(s, r, err) == 0) return r;
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static store_bad unseal_document(sqlite3_stmt *q, int64_t key, jd_str *body) {
    uint64_t group;
    return store__unseal_document(key, store__blob(q, 0), &group, body);
}

static store_bad unseal_row(sqlite3_stmt *q, int64_t id, jd_str *body) {
    int64_t run = sqlite3_column_int64(q, 0);
    jd_str head;
    uint64_t bytes;
    store_bad bad = store__unseal_head(id, run, store__blob(q, 1), &head, &bytes);
    return bad ? bad : store__unseal_row(id, run, head, store__blob(q, 2), body);
}

static int read_one(store_reader *r, sqlite3_stmt *q, const char *table, int64_t key, jd_buf *out, jd_err *err) {
    sqlite3_bind_int64(q, 1, key);
    int rc = sqlite3_step(q), found = 0;
    if (rc == SQLITE_ROW) {
        jd_str body;
        store_bad bad = q == r->row ? unseal_row(q, key, &body) : unseal_document(q, key, &body);
        if (bad) {
            found = store__bad_fail(err, table, key, bad);
        } else {
            jd_buf_str(out, body);
            found = 1;
        }
    } else if (rc != SQLITE_DONE) {
        found = store__sql_fail(r->db, rc, err, "cannot read", "无法读取");
        jd_fail_at(err, "%s %lld", table, (long long)key);
    }
    sqlite3_reset(q); /* ends the read transaction */
    return found;
}

int jd_store_read(jd_store *s, jd_key key, jd_buf *out, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err);
    store_reader *r = take(s, err);
    if (!r) return -1;
    int rc = read_one(r, r->document, "document", key, out, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

int jd_store_read_row(jd_store *s, int64_t id, jd_buf *out, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err);
    store_reader *r = take(s, err);
    if (!r) return -1;
    int rc = read_one(r, r->row, "chunk", id, out, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

void jd_store_warm(jd_store *s) {
    for (unsigned i = 0; i < STORE_READERS; i++) {
        pthread_mutex_lock(&s->readers[i].lock);
        if (!s->readers[i].db) (void)reader_open(s, &s->readers[i], NULL); /* who reads later is told why it fails */
        pthread_mutex_unlock(&s->readers[i].lock);
    }
}

void store__readers_close(jd_store *s, int keep_wal) {
    for (size_t i = 0; i < STORE_READERS; i++) {
        sqlite3_finalize(s->readers[i].document);
        sqlite3_finalize(s->readers[i].row);
        store__close_db(s->readers[i].db, keep_wal);
        pthread_mutex_destroy(&s->readers[i].lock);
    }
}
