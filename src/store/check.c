/* Check: everything that can be verified without the engine. A finding is one line of English for an operator; what
 * cannot be opened or recognised at all is an error instead. Nothing in the checked files is changed, except that a
 * start which a power cut stopped half-way is completed first (walfile.c). */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct checker {
    sqlite3 *db;
    void (*report)(void *user, const char *finding);
    void *report_user;
    jd_store_progress fn;
    void *user;
    uint64_t done, total;   /* bytes */
    int64_t findings, next; /* next: what the running table expects */
    unsigned rows;
} checker;

__attribute__((format(printf, 2, 3))) static void found(checker *c, const char *fmt, ...) {
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    c->findings++;
    if (c->report) c->report(c->report_user, line);
}

static void progress(checker *c, uint64_t bytes) {
    c->done += bytes;
    if (c->done > c->total) c->done = c->total;
    if (c->fn && ++c->rows % 4096 == 0) c->fn(c->user, c->done, c->total);
}

static jd_str blob_of(sqlite3_stmt *q, int i) {
    const void *p = sqlite3_column_blob(q, i);
    return (jd_str){p ? p : "", (size_t)sqlite3_column_bytes(q, i)};
}

static void check_integrity(checker *c, sqlite3_stmt *q) {
    const char *line = (const char *)sqlite3_column_text(q, 0);
    if (!line || strcmp(line, "ok") != 0) found(c, "sqlite: %s", line ? line : "?");
}

static void check_object(checker *c, sqlite3_stmt *q) {
    found(c, "schema: unexpected object %s", (const char *)sqlite3_column_text(q, 0));
}

static void check_meta(checker *c, sqlite3_stmt *q) {
    c->next = sqlite3_column_type(q, 0) == SQLITE_INTEGER ? sqlite3_column_int64(q, 0) : -1;
    if (c->next < 0) found(c, "meta trimmed: not a group number");
}

static void check_symbol(checker *c, sqlite3_stmt *q) {
    int64_t number = sqlite3_column_int64(q, 0);
    jd_str name = blob_of(q, 1);
    progress(c, name.n);
    if (number < 0 || number > UINT32_MAX) {
        found(c, "symbol %lld: number out of range", (long long)number);
        return;
    }
    if (number != c->next && !(c->next == 0 && number == 1))
        found(c, "symbol %lld: follows %lld, numbers between are missing", (long long)number, (long long)c->next - 1);
    c->next = number + 1;
    if (sqlite3_column_int64(q, 2) != store__symbol_crc((uint32_t)number, name))
        found(c, "symbol %lld: %s", (long long)number, store__bad_en(STORE_BAD_SUM));
}

static void check_document(checker *c, sqlite3_stmt *q) {
    int64_t key = sqlite3_column_int64(q, 0);
    jd_str blob = blob_of(q, 1), body;
    progress(c, blob.n);
    if (key <= 0 || key == INT64_MAX) found(c, "document %lld: key out of range", (long long)key);
    store_bad bad = store__unseal((uint64_t)key, blob.p, blob.n, &body);
    if (bad) found(c, "document %lld: %s", (long long)key, store__bad_en(bad));
}

static void check_log(checker *c, sqlite3_stmt *q) {
    int64_t group = sqlite3_column_int64(q, 0);
    jd_str blob = blob_of(q, 1), body;
    progress(c, blob.n);
    if (c->next >= 0 && group != c->next + 1)
        found(c, "log %lld: follows %lld, groups between are missing", (long long)group, (long long)c->next);
    c->next = group;
    store_log_reader r;
    jd_key key;
    store_bad bad = store__log_begin(&r, (uint64_t)group, blob.p, blob.n);
    int more = 1;
    while (!bad && (more = store__log_next(&r, &key, &body)) == 1) {}
    if (!bad && more < 0) bad = STORE_BAD_SHAPE;
    if (bad) found(c, "log %lld: %s", (long long)group, store__bad_en(bad));
}

/* Hands every row of a query to fn; a table that cannot be read to its end is a finding too. Returns the rows. */
static int64_t each(checker *c, const char *what, const char *sql, void (*fn)(checker *c, sqlite3_stmt *q)) {
    sqlite3_stmt *q = NULL;
    int64_t rows = 0;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &q, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        fn(c, q);
        rows++;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE) found(c, "%s: unreadable after %lld rows: %s", what, (long long)rows, sqlite3_errmsg(c->db));
    sqlite3_finalize(q);
    return rows;
}

static void check_all(checker *c) {
    if (c->fn) c->fn(c->user, 0, c->total);
    each(c, "sqlite", "PRAGMA integrity_check", check_integrity);
    each(c, "schema",
         "SELECT name FROM sqlite_schema WHERE name NOT IN"
         " ('meta', 'symbol', 'document', 'log', 'sqlite_autoindex_meta_1')",
         check_object);
    c->next = 0;
    each(c, "symbol", "SELECT number, name, crc FROM symbol ORDER BY number", check_symbol);
    each(c, "document", "SELECT key, body FROM document ORDER BY key", check_document);
    c->next = -1;
    if (!each(c, "meta", "SELECT value FROM meta WHERE name = 'trimmed'", check_meta))
        found(c, "meta trimmed: missing");
    each(c, "log", "SELECT grp, body FROM log ORDER BY grp", check_log);
    if (c->fn) c->fn(c->user, c->total, c->total);
}

int64_t store__check_file(const char *path, const char *vfs, void (*report)(void *user, const char *finding),
                          void *report_user, jd_store_progress fn, void *user, jd_err *err) {
    checker c = {.report = report, .report_user = report_user, .fn = fn, .user = user};
    if (store__wal_mend(sqlite3_vfs_find(vfs), path, err) != 0) return -1;
    c.db = store__connect(path, vfs, SQLITE_OPEN_READONLY, 8 << 10, err);
    if (!c.db) return -1;
    /* What the WAL holds stays there: a check changes nothing. */
    sqlite3_db_config(c.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int known = store__identify(c.db, path, err);
    if (known == 0) jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is empty", "存储：%s 是空的", path);
    int64_t pages = 0, out = -1;
    int rc = store__int(c.db, "PRAGMA page_count", 0, &pages);
    if (known == 1 && rc != SQLITE_OK) store__sql_fail(c.db, rc, err, "cannot check", "无法检查");
    if (known == 1 && rc == SQLITE_OK) {
        c.total = (uint64_t)pages * STORE_PAGE;
        check_all(&c);
        out = c.findings;
    }
    sqlite3_close(c.db);
    return out;
}

static int exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* The folder of a store's own file, when `path` is one; a back-up has no lock beside it. */
static int lock_beside(const char *path, jd_err *err) {
    char *copy = jd_xstrdup(jd_str_of(path)), *dir = dirname(copy), *lock = store__join(dir, STORE_LOCK_NAME);
    char *own = store__join(dir, STORE_DB_NAME);
    struct stat a, b;
    int fd = -2; /* none is needed */
    if (exists(lock) && stat(own, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        fd = store__lock_folder(dir, err);
    free(own);
    free(lock);
    free(copy);
    return fd;
}

int64_t jd_store_check(const char *dir_or_file, void (*report)(void *user, const char *finding), void *report_user,
                       jd_store_progress fn, void *user, jd_err *err) {
    struct stat st;
    if (stat(dir_or_file, &st) != 0) return store__os_fail(err, "cannot check", "无法检查", dir_or_file);
    int folder = S_ISDIR(st.st_mode);
    char *path = folder ? store__join(dir_or_file, STORE_DB_NAME) : jd_xstrdup(jd_str_of(dir_or_file));
    jd_buf wal = {0}, shm = {0};
    jd_buf_printf(&wal, "%s-wal%c", path, 0);
    jd_buf_printf(&shm, "%s-shm%c", path, 0);
    int64_t out = -1;
    int lock = -1;
    if (!exists(path)) {
        jd_fail(err, JD_E_INVALID_REQUEST, "store: there is no store in %s", "存储：%s 中没有数据文件", dir_or_file);
    } else if ((lock = folder ? store__lock_folder(dir_or_file, err) : lock_beside(path, err)) != -1) {
        int had_wal = exists(wal.p);
        out = store__check_file(path, NULL, report, report_user, fn, user, err);
        /* A closed store has no WAL; reading it made an empty one. */
        if (!had_wal && stat(wal.p, &st) == 0 && st.st_size == 0) {
            unlink(wal.p);
            unlink(shm.p);
        }
    }
    if (lock >= 0) close(lock);
    jd_buf_fini(&wal);
    jd_buf_fini(&shm);
    free(path);
    return out;
}
