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
    int64_t trimmed, sealed, log_only;
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

static void check_integrity(checker *c, sqlite3_stmt *q) {
    const char *line = (const char *)sqlite3_column_text(q, 0);
    if (!line || strcmp(line, "ok") != 0) found(c, "sqlite: %s", line ? line : "?");
}

static void check_object(checker *c, sqlite3_stmt *q) {
    found(c, "schema: unexpected object %s", (const char *)sqlite3_column_text(q, 0));
}

static void check_missing(checker *c, sqlite3_stmt *q) {
    found(c, "schema: %s is missing", (const char *)sqlite3_column_text(q, 0));
}

static int64_t group_number(checker *c, sqlite3_stmt *q, const char *name) {
    int64_t n = sqlite3_column_type(q, 0) == SQLITE_INTEGER ? sqlite3_column_int64(q, 0) : -1;
    if (n < 0) found(c, "meta %s: not a group number", name);
    return n < 0 ? -1 : n;
}
static void check_trimmed(checker *c, sqlite3_stmt *q) {
    c->next = c->trimmed = group_number(c, q, "trimmed");
}
/* c->next is the newest group. */
static void check_sealed(checker *c, sqlite3_stmt *q) {
    c->sealed = group_number(c, q, "sealed");
    if (c->sealed > c->next)
        found(c, "meta sealed: group %lld, but the newest is %lld", (long long)c->sealed, (long long)c->next);
    if (c->sealed >= 0 && c->sealed < c->trimmed)
        found(c, "meta sealed: group %lld, but the log begins behind %lld", (long long)c->sealed,
              (long long)c->trimmed);
}

static void check_symbol(checker *c, sqlite3_stmt *q) {
    int64_t number = sqlite3_column_int64(q, 0);
    jd_str name = store__blob(q, 1);
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
    jd_str blob = store__blob(q, 1), body;
    progress(c, blob.n);
    if (key <= 0 || key == INT64_MAX) found(c, "document %lld: key out of range", (long long)key);
    unsigned kind = (unsigned)(key >> 40 & 0xff);
    if (kind < 64 && ((uint64_t)c->log_only >> kind & 1))
        found(c, "document %lld: of a kind that has no documents", (long long)key);
    uint64_t group;
    store_bad bad = store__unseal_document(key, blob, &group, &body);
    if (bad) found(c, "document %lld: %s", (long long)key, store__bad_en(bad));
}

static void check_log(checker *c, sqlite3_stmt *q) {
    int64_t group = sqlite3_column_int64(q, 0);
    jd_str blob = store__blob(q, 1), body;
    progress(c, blob.n);
    if (c->next >= 0 && group != c->next + 1)
        found(c, "log %lld: follows %lld, groups between are missing", (long long)group, (long long)c->next);
    c->next = group;
    store_log_reader r;
    jd_key key;
    store_bad bad = store__log_begin(&r, (uint64_t)group, blob.p, blob.n);
    int more = 1, patch;
    while (!bad && (more = store__log_next(&r, &key, &body, &patch)) == 1) {}
    if (!bad && more < 0) bad = STORE_BAD_SHAPE;
    if (bad) found(c, "log %lld: %s", (long long)group, store__bad_en(bad));
}

static void check_run(checker *c, sqlite3_stmt *q) {
    store_run_sum sum = {.id = sqlite3_column_int64(q, 0),
                         .state = sqlite3_column_int64(q, 1),
                         .rows = (uint64_t)sqlite3_column_int64(q, 2),
                         .bytes = (uint64_t)sqlite3_column_int64(q, 3)};
    jd_str note;
    store_bad bad = store__unseal_note(&sum, store__blob(q, 4), &note);
    if (!bad && (sum.id <= 0 || sum.state < STORE_RUN_OPEN || sum.state > STORE_RUN_GONE)) bad = STORE_BAD_SHAPE;
    int64_t rows = sqlite3_column_int64(q, 5), bytes = sqlite3_column_int64(q, 6) - rows * STORE_ENVELOPE;
    if (!bad && sum.state == STORE_RUN_WHOLE && (rows != (int64_t)sum.rows || bytes != (int64_t)sum.bytes))
        bad = STORE_BAD_ROWS;
    if (bad) found(c, "run %lld: %s", (long long)sum.id, store__bad_en(bad));
}

static void check_chunk(checker *c, sqlite3_stmt *q) {
    int64_t id = sqlite3_column_int64(q, 0), run = sqlite3_column_int64(q, 1);
    jd_str blob = store__blob(q, 3), head, body;
    uint64_t bytes = 0;
    progress(c, blob.n);
    if (id <= 0) found(c, "chunk %lld: key out of range", (long long)id);
    if (sqlite3_column_type(q, 4) == SQLITE_NULL)
        found(c, "chunk %lld: its run %lld is not known", (long long)id, (long long)run);
    store_bad bad = store__unseal_head(id, run, store__blob(q, 2), &head, &bytes);
    if (bad) {
        found(c, "chunk %lld: head: %s", (long long)id, store__bad_en(bad));
        return;
    }
    bad = store__unseal_row(id, run, head, blob, &body);
    if (!bad && body.n != bytes) bad = STORE_BAD_SHAPE;
    if (bad) found(c, "chunk %lld: %s", (long long)id, store__bad_en(bad));
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

static void check_all(checker *c, int format) {
    if (c->fn) c->fn(c->user, 0, c->total);
    each(c, "sqlite", "PRAGMA integrity_check", check_integrity);
    each(c, "schema",
         format == 1
             ? "SELECT name FROM sqlite_schema WHERE name NOT IN"
               " ('meta', 'symbol', 'document', 'log', 'sqlite_autoindex_meta_1')"
             : "SELECT name FROM sqlite_schema WHERE name NOT IN"
               " ('meta', 'symbol', 'document', 'log', 'sqlite_autoindex_meta_1', 'run', 'chunk', 'chunk_head')",
         check_object);
    /* A table that is missing cannot be read; an index has to be asked for. */
    if (format > 1)
        each(c, "schema",
             "SELECT 'chunk_head' WHERE 'chunk_head' NOT IN (SELECT name FROM sqlite_schema WHERE type = 'index')",
             check_missing);
    c->next = 0;
    each(c, "symbol", "SELECT number, name, crc FROM symbol ORDER BY number", check_symbol);
    (void)store__int(c->db, "SELECT value FROM meta WHERE name = 'log_only'", 0, &c->log_only);
    each(c, "document", "SELECT key, body FROM document ORDER BY key", check_document);
    c->next = c->trimmed = -1;
    if (!each(c, "meta", "SELECT value FROM meta WHERE name = 'trimmed'", check_trimmed))
        found(c, "meta trimmed: missing");
    each(c, "log", "SELECT grp, body FROM log ORDER BY grp", check_log);
    if (format > 1) {
        if (!each(c, "meta", "SELECT value FROM meta WHERE name = 'sealed'", check_sealed))
            found(c, "meta sealed: missing");
        each(c, "run",
             "SELECT r.id, r.state, r.rows, r.bytes, r.note, count(c.id), coalesce(sum(length(c.body)), 0)"
             " FROM run r LEFT JOIN chunk c ON c.run = r.id GROUP BY r.id ORDER BY r.id",
             check_run);
        each(c, "chunk",
             "SELECT c.id, c.run, c.head, c.body, r.id FROM chunk c LEFT JOIN run r ON r.id = c.run ORDER BY c.id",
             check_chunk);
    }
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
    if (known > 0 && rc != SQLITE_OK) store__sql_fail(c.db, rc, err, "cannot check", "无法检查");
    if (known > 0 && rc == SQLITE_OK) {
        c.total = (uint64_t)pages * STORE_PAGE;
        check_all(&c, known);
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
