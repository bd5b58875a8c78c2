#include "store/store_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE symbol(number INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL);"
    "CREATE TABLE document(key INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE log(grp INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "INSERT INTO meta VALUES('trimmed', 0);";

/* What format 2 added; a new store gets it like one of format 1 that is opened. The index has all that a start reads
 * of rows: the table's own pages are three quarters bodies. */
static const char schema_2[] =
    "CREATE TABLE run(id INTEGER PRIMARY KEY, state INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " note BLOB NOT NULL);"
    "CREATE TABLE chunk(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL);"
    "CREATE INDEX chunk_head ON chunk(run, id, head);"
    "INSERT INTO meta SELECT 'sealed', value FROM meta WHERE name = 'trimmed';";

static const char *const query_text[STORE_Q_COUNT] = {
    [STORE_Q_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_Q_COMMIT] = "COMMIT",
    [STORE_Q_ROLLBACK] = "ROLLBACK",
    [STORE_Q_PUT_LOG] = "INSERT INTO log(grp, body) VALUES(?1, ?2)",
    [STORE_Q_PUT_SYMBOL] = "INSERT INTO symbol(number, name, crc) VALUES(?1, ?2, ?3)",
    /* On a rowid table without further indexes REPLACE is one seek and one overwrite. */
    [STORE_Q_PUT_DOCUMENT] = "REPLACE INTO document(key, body) VALUES(?1, ?2)",
    [STORE_Q_DEL_DOCUMENT] = "DELETE FROM document WHERE key = ?1",
    [STORE_Q_TRIM_LOG] = "DELETE FROM log WHERE grp <= ?1",
    [STORE_Q_SET_TRIMMED] = "UPDATE meta SET value = ?1 WHERE name = 'trimmed'",
    [STORE_Q_SET_SEALED] = "UPDATE meta SET value = max(value, ?1) WHERE name = 'sealed'",
    [STORE_Q_PUT_RUN] = "REPLACE INTO run(id, state, rows, bytes, note) VALUES(?1, ?2, ?3, ?4, ?5)",
    [STORE_Q_DEL_RUN] = "DELETE FROM run WHERE id = ?1",
    [STORE_Q_PUT_ROW] = "INSERT INTO chunk(id, run, head, body) VALUES(?1, ?2, ?3, ?4)",
    [STORE_Q_DEL_ROW] = "DELETE FROM chunk WHERE id = ?1",
    [STORE_Q_RUN_OF_ROW] = "SELECT run FROM chunk WHERE id = ?1",
    [STORE_Q_DEL_STALE] = "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE run = ?1 LIMIT ?2)",
};

enum {
    /* The writer's cache holds the inner pages of a table of many million rows and the pages of one transaction, which
     * therefore does not spill; leaf pages pass through it once per sweep, so more would only double the page cache. */
    WRITER_CACHE_KB = 32 << 10,
};

/* --- errors --- */

/* Both texts get both descriptions and print one: a precision of 0 passes over the other. */
int store__sql_fail(sqlite3 *db, int rc, jd_err *err, const char *what_en, const char *what_zh) {
    /* The connection's text belongs to its last call, which is ours unless the code came from somewhere else. */
    const char *text = db && sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    jd_errcode code = (rc & 0xff) == SQLITE_FULL ? JD_E_STORAGE_FULL : JD_E_INTERNAL;
    return jd_fail(err, code, "store: %1$s%2$.0s: %3$s (SQLite %4$d)", "存储：%1$.0s%2$s：%3$s（SQLite %4$d）", what_en,
                   what_zh, text, rc);
}

int store__os_fail(jd_err *err, const char *what_en, const char *what_zh, const char *path) {
    int e = errno;
    return jd_fail(err, e == ENOSPC || e == EDQUOT ? JD_E_STORAGE_FULL : JD_E_INVALID_REQUEST,
                   "store: %1$s%2$.0s %3$s: %4$s", "存储：%1$.0s%2$s %3$s：%4$s", what_en, what_zh, path, strerror(e));
}

int store__bad_fail(jd_err *err, const char *table, int64_t key, store_bad bad) {
    return jd_fail(err, JD_E_INTERNAL, "store: damaged: table %1$s, key %2$lld: %3$s%4$.0s",
                   "存储：数据损坏：表 %1$s，键 %2$lld：%3$.0s%4$s", table, (long long)key, store__bad_en(bad),
                   store__bad_zh(bad));
}

int store__die(jd_store *s, jd_err *err, const char *why) {
    if (!atomic_exchange(&s->dead, 1)) jd_log(JD_LOG_ERROR, "store.dead", "reason=\"%s\"", why);
    jd_fail(err, JD_E_UNKNOWN_OUTCOME, "store: the outcome is unknown until a restart: %s",
            "存储：结果要到重新启动后才能确定：%s", why);
    return JD_STORE_UNKNOWN;
}

int store__dead(jd_store *s) {
    /* The helper's sync may have failed between two calls. */
    if (!atomic_load(&s->dead) && atomic_load(&s->vfs->sync_failed))
        store__die(s, NULL, "a sync failed in a checkpoint");
    return atomic_load(&s->dead);
}

int store__refuse_dead(jd_err *err) {
    return jd_fail(err, JD_E_INTERNAL, "store: a write to disk failed earlier; nothing is taken until a restart",
                   "存储：先前写盘失败，重新启动之前不再接受任何操作");
}

/* --- folder and lock --- */

char *store__join(const char *dir, const char *name) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s/%s", dir, name);
    jd_buf_c(&b, 0);
    return jd_buf_take(&b, NULL);
}

int store__sync_folder(const char *dir, jd_err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        store__os_fail(err, "cannot sync folder", "无法同步目录", dir);
        if (fd >= 0) close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

static int sync_parent(const char *dir, jd_err *err) {
    char *up = store__join(dir, "..");
    int rc = store__sync_folder(up, err);
    free(up);
    return rc;
}

int store__lock_folder(const char *dir, jd_err *err) {
    char *path = store__join(dir, STORE_LOCK_NAME), pid[24] = {0};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        store__os_fail(err, "cannot open lock file", "无法打开锁文件", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n < 0 ? 0 : strcspn(pid, "\n")] = 0;
        jd_fail(err, JD_E_INVALID_REQUEST, "store: folder %s is in use by process %s", "存储：目录 %s 正被进程 %s 使用",
                dir, pid[0] ? pid : "?");
        close(fd);
        fd = -1;
    } else {
        int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        /* The pid is only for the message above; the lock holds without it. */
        if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) != n)
            jd_log(JD_LOG_WARN, "store.lock", "note=\"pid not written\" path=%s", path);
    }
    free(path);
    return fd;
}

/* --- connections --- */

int store__exec(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int store__int(sqlite3 *db, const char *sql, int64_t none, int64_t *out) {
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    if (rc == SQLITE_ROW) *out = sqlite3_column_type(q, 0) == SQLITE_NULL ? none : sqlite3_column_int64(q, 0);
    if (rc == SQLITE_DONE) *out = none;
    int end = sqlite3_finalize(q);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc != SQLITE_OK ? rc : end;
}

sqlite3 *store__connect(const char *path, const char *vfs, int flags, int cache_kb, jd_err *err) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
    if (rc == SQLITE_OK) {
        char sql[256];
        sqlite3_busy_timeout(db, 10000);
        snprintf(
            sql, sizeof sql,
            "PRAGMA cache_size=-%d; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA secure_delete=OFF;"
            "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF",
            cache_kb);
        rc = store__exec(db, sql);
    }
    if (rc == SQLITE_OK) return db;
    if ((rc & 0xff) == SQLITE_NOTADB)
        jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is not a Jindu store", "存储：%s 不是津渡的数据文件", path);
    else
        store__sql_fail(db, rc, err, "cannot open", "无法打开");
    sqlite3_close(db);
    return NULL;
}

int store__identify(sqlite3 *db, const char *path, jd_err *err) {
    int64_t app = 0, version = 0, tables = 0;
    int rc = store__int(db, "PRAGMA application_id", 0, &app);
    if (rc == SQLITE_OK) rc = store__int(db, "PRAGMA user_version", 0, &version);
    if (rc == SQLITE_OK) rc = store__int(db, "SELECT count(*) FROM sqlite_schema", 0, &tables);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_NOTADB) return store__sql_fail(db, rc, err, "cannot open", "无法打开");
    if (rc == SQLITE_OK && !app && !version && !tables) return 0;
    if (rc != SQLITE_OK || app != STORE_APPLICATION_ID || version < 1)
        return jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is not a Jindu store", "存储：%s 不是津渡的数据文件",
                       path);
    if (version > JD_STORE_FORMAT)
        return jd_fail(
            err, JD_E_INVALID_REQUEST, "store: %s has format %lld, newer than this program, which knows up to %d",
            "存储：%s 的格式为 %lld，比本程序新，本程序最高支持 %d", path, (long long)version, JD_STORE_FORMAT);
    return (int)version;
}

/* A new, empty database becomes a store in one transaction, so a power cut leaves an empty one or a whole one. */
static int found(jd_store *s, jd_err *err) {
    char sql[2048];
    snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; %s %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", schema,
             schema_2, STORE_APPLICATION_ID, JD_STORE_FORMAT);
    int rc = store__exec(s->db, sql);
    return rc == SQLITE_OK ? 0 : store__sql_fail(s->db, rc, err, "cannot create the store", "无法创建数据文件");
}

/* A store of an earlier format becomes one of this, in one transaction too. */
static int migrate(jd_store *s, int from, jd_err *err) {
    char sql[1024];
    if (from == JD_STORE_FORMAT) return 0;
    snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; %s PRAGMA user_version=%d; COMMIT", from < 2 ? schema_2 : "",
             JD_STORE_FORMAT);
    int rc = store__exec(s->db, sql);
    if (rc != SQLITE_OK) return store__sql_fail(s->db, rc, err, "cannot migrate the store", "无法迁移数据文件");
    jd_log(JD_LOG_INFO, "store.migrated", "from=%d to=%d dir=%s", from, JD_STORE_FORMAT, s->dir);
    return 0;
}

/* Kinds that live in the log alone are kept with the store, so that a tool that opens it knows them too. */
static int know_log_only(jd_store *s, jd_err *err) {
    int64_t known = 0;
    int rc = store__int(s->db, "SELECT value FROM meta WHERE name = 'log_only'", 0, &known);
    s->log_only |= (uint64_t)known;
    if (rc == SQLITE_OK && s->log_only != (uint64_t)known) {
        char sql[80];
        snprintf(sql, sizeof sql, "REPLACE INTO meta VALUES('log_only', %lld)", (long long)s->log_only);
        rc = store__exec(s->db, sql);
    }
    return rc == SQLITE_OK ? 0 : store__sql_fail(s->db, rc, err, "cannot open", "无法打开");
}

static int go_wal(jd_store *s, jd_err *err) {
    sqlite3_stmt *q = NULL;
    int wal = 0, rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode=WAL", -1, &q, NULL);
    /* The row comes before the change is committed, so only the end of the statement says that it happened. */
    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        wal = !strcmp((const char *)sqlite3_column_text(q, 0), "wal");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(q);
    if (rc == SQLITE_DONE && wal) return 0;
    return store__sql_fail(s->db, rc == SQLITE_DONE ? SQLITE_CANTOPEN : rc, err, "cannot switch to WAL",
                           "无法切换到 WAL");
}

/* An open store begins with an empty WAL. */
static int empty_wal(jd_store *s, jd_err *err) {
    int frames = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_TRUNCATE, &frames, &done);
    if (rc == SQLITE_OK) return store__wal_settled(s, err);
    if ((rc & 0xff) == SQLITE_BUSY)
        return jd_fail(err, JD_E_INVALID_REQUEST, "store: another program is reading %s", "存储：另有程序正在读取 %s",
                       s->path);
    return store__sql_fail(s->db, rc, err, "cannot settle the write-ahead file", "无法落实预写文件");
}

static int on_wal(void *user, sqlite3 *db, const char *name, int frames) {
    (void)db, (void)name;
    ((jd_store *)user)->wal_frames = (uint64_t)frames;
    return SQLITE_OK;
}

/* The log must be without a gap from what was trimmed last; its sizes are needed to bound it. */
static int survey_log(jd_store *s, jd_err *err) {
    sqlite3_stmt *q = NULL;
    int64_t trimmed = 0;
    int rc = store__int(s->db, "SELECT value FROM meta WHERE name = 'trimmed'", -1, &trimmed);
    if (rc == SQLITE_OK && trimmed < 0)
        return jd_fail(err, JD_E_INTERNAL, "store: damaged: table meta has no row 'trimmed'",
                       "存储：数据损坏：表 meta 缺少 trimmed 行");
    s->trimmed = s->trim_to = s->due_to = s->group_last = (uint64_t)trimmed;
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(s->db, "SELECT grp, length(body) FROM log ORDER BY grp", -1, &q, NULL);
    int gap = 0;
    uint64_t bytes = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        gap = sqlite3_column_int64(q, 0) != (int64_t)s->group_last + 1;
        if (gap) break;
        s->group_last++;
        uint64_t n = (uint64_t)sqlite3_column_int64(q, 1);
        store__sizes_push(&s->sizes, (uint32_t)n);
        bytes += n;
        rc = SQLITE_OK;
    }
    sqlite3_finalize(q);
    atomic_store(&s->log_bytes, bytes);
    if (gap)
        return jd_fail(err, JD_E_INTERNAL, "store: damaged: table log, key %llu is missing",
                       "存储：数据损坏：表 log 缺少键 %llu", (unsigned long long)s->group_last + 1);
    if (rc == SQLITE_DONE) rc = store__int(s->db, "SELECT max(number) FROM symbol", -1, &s->symbol_last);
    return rc == SQLITE_OK ? 0 : store__sql_fail(s->db, rc, err, "cannot read the log", "无法读取日志");
}

/* A compaction that was cut short leaves its unfinished file, which is of no use. */
static void remove_unfinished(jd_store *s) {
    static const char *const suffix[] = {STORE_NEW_SUFFIX, STORE_NEW_SUFFIX "-journal"};
    for (size_t i = 0; i < 2; i++) {
        char *name = store__file_name(s->path, suffix[i]);
        (void)s->vfs->base.xDelete(&s->vfs->base, name, 0);
        free(name);
    }
}

static int open_db(jd_store *s, int create, jd_err *err) {
    if (!store__file_there(&s->vfs->base, s->path) && !create)
        return jd_fail(err, JD_E_INVALID_REQUEST, "store: there is no store in %s", "存储：%s 中没有数据文件", s->dir);
    remove_unfinished(s);
    if (store__wal_settle(s, err) != 0) return -1;
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    s->db = store__connect(s->path, s->vfs->name, flags, WRITER_CACHE_KB, err);
    if (!s->db) return -1;
    int known = store__identify(s->db, s->path, err);
    if (known < 0) return -1;
    if (!known && !create) return jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is empty", "存储：%s 是空的", s->path);
    if (!known && store__exec(s->db, "PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE") != SQLITE_OK)
        return store__sql_fail(s->db, sqlite3_extended_errcode(s->db), err, "cannot open", "无法打开");
    if (go_wal(s, err) != 0 || empty_wal(s, err) != 0) return -1;
    if ((known ? migrate(s, known, err) : found(s, err)) != 0 || know_log_only(s, err) != 0) return -1;
    /* The file's own name must outlive a power cut too; SQLite syncs the folder only for the names of its journals. */
    if (store__sync_folder(s->dir, err) != 0) return -1;
    for (size_t i = 0; i < STORE_Q_COUNT; i++) {
        int rc = sqlite3_prepare_v3(s->db, query_text[i], -1, SQLITE_PREPARE_PERSISTENT, &s->q[i], NULL);
        if (rc != SQLITE_OK) return store__sql_fail(s->db, rc, err, "cannot open", "无法打开");
    }
    char sql[64];
    /* After a back-up has held the WAL up, its file is cut to this on the next turn. */
    snprintf(sql, sizeof sql, "PRAGMA journal_size_limit=%llu", (unsigned long long)s->wal_soft * STORE_FRAME * 2);
    int rc = store__exec(s->db, sql);
    if (rc != SQLITE_OK) return store__sql_fail(s->db, rc, err, "cannot open", "无法打开");
    if (survey_log(s, err) != 0 || store__rows_survey(s, err) != 0) return -1;
    /* A new store has one transaction in its WAL; else the WAL is empty. */
    if (store__wal_scan(s->db, &s->wal_frames) != 0)
        return jd_fail(err, JD_E_INTERNAL, "store: cannot read the write-ahead file of %s",
                       "存储：无法读取 %s 的预写文件", s->path);
    s->wal_turn = atomic_load(&s->vfs->wal_turns);
    sqlite3_wal_hook(s->db, on_wal, s);
    return 0;
}

int jd_store_open(jd_store **out, const jd_store_opts *opts, jd_err *err) {
    jd_store *s = jd_xcalloc(1, sizeof *s);
    s->lock_fd = -1;
    s->symbol_last = -1;
    s->dir = jd_xstrdup(jd_str_of(opts->dir));
    s->path = store__join(opts->dir, STORE_DB_NAME);
    s->log_bytes_max = opts->log_bytes_max ? opts->log_bytes_max : UINT64_C(256) << 20;
    s->min_free = opts->min_free ? opts->min_free : UINT64_C(64) << 20;
    s->wal_bytes_max = opts->wal_bytes_max ? opts->wal_bytes_max : UINT64_C(1) << 30;
    s->wal_soft = (opts->wal_bytes ? opts->wal_bytes : UINT64_C(16) << 20) / STORE_FRAME + 1;
    s->step = opts->step;
    s->log_only = opts->log_only;
    s->passing = opts->passing;
    pthread_mutex_init(&s->helper_lock, NULL);
    pthread_cond_init(&s->helper_wake, NULL);
    pthread_cond_init(&s->helper_done, NULL);
    for (size_t i = 0; i < STORE_READERS; i++) pthread_mutex_init(&s->readers[i].lock, NULL);

    int made = opts->create && mkdir(opts->dir, 0750) == 0;
    if (opts->create && !made && errno != EEXIST) {
        store__os_fail(err, "cannot make folder", "无法创建目录", opts->dir);
        goto fail;
    }
    if (made && sync_parent(opts->dir, err) != 0) goto fail;
    s->lock_fd = store__lock_folder(opts->dir, err);
    if (s->lock_fd < 0) goto fail;
    s->vfs = store__vfs_new(opts->vfs);
    if (!s->vfs) {
        jd_fail(err, JD_E_INVALID_REQUEST, "store: no VFS named %s", "存储：没有名为 %s 的 VFS", opts->vfs);
        goto fail;
    }
    if (open_db(s, opts->create, err) != 0) goto fail;
    if (store__wal_start(s, err) != 0) goto fail;
    if (store__dead(s)) {
        /* SQLite passes over some failed syncs of its rollback journal; here none is passed over. */
        jd_fail(err, JD_E_INTERNAL, "store: a sync failed while opening %s", "存储：打开 %s 时同步失败", opts->dir);
        goto fail;
    }
    s->loaded = s->group_last == s->trimmed; /* with an empty log there is nothing that load must mark */
    store__publish(s);
    *out = s;
    return 0;
fail:
    jd_store_close(s);
    return -1;
}

void store__close_db(sqlite3 *db, int keep_wal) {
    if (!db) return;
    if (keep_wal) sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
}

void jd_store_close(jd_store *s) {
    if (!s) return;
    store__wal_stop(s);
    /* A dead store leaves the files as they are: what the WAL holds is for the next start to judge. */
    int dead = s->vfs && store__dead(s);
    store__readers_close(s, dead);
    store__close_db(s->ckpt, dead);
    for (size_t i = 0; i < STORE_Q_COUNT; i++) sqlite3_finalize(s->q[i]);
    store__close_db(s->db, dead);
    store__vfs_free(s->vfs);
    if (s->lock_fd >= 0) close(s->lock_fd);
    pthread_mutex_destroy(&s->helper_lock);
    pthread_cond_destroy(&s->helper_wake);
    pthread_cond_destroy(&s->helper_done);
    store__dirty_fini(&s->dirty);
    jd_buf_fini(&s->row);
    jd_buf_fini(&s->sealed);
    free(s->sizes.at);
    free(s->ahead);
    free(s->runs.at);
    free(s->planned.at);
    free(s->dir);
    free(s->path);
    free(s);
}

void jd_store_set_current(jd_store *s, jd_store_current_fn fn, void *user) {
    s->current = fn;
    s->current_user = user;
}

/* --- load --- */

static int load_symbol(jd_store *s, const jd_store_loader *l, sqlite3_stmt *q, jd_err *err) {
    (void)s;
    int64_t number = sqlite3_column_int64(q, 0);
    jd_str name = store__blob(q, 1);
    if (number < 0 || number > UINT32_MAX) return store__bad_fail(err, "symbol", number, STORE_BAD_SHAPE);
    if (sqlite3_column_int64(q, 2) != store__symbol_crc((uint32_t)number, name))
        return store__bad_fail(err, "symbol", number, STORE_BAD_SUM);
    return l->symbol && l->symbol(l->user, (uint32_t)number, name, err) ? -1 : 0;
}

static int load_document(jd_store *s, const jd_store_loader *l, sqlite3_stmt *q, jd_err *err) {
    int64_t key = sqlite3_column_int64(q, 0);
    jd_str body;
    uint64_t group;
    store_bad bad = store__unseal_document(key, store__blob(q, 1), &group, &body);
    if (bad) return store__bad_fail(err, "document", key, bad);
    if (group > s->trimmed) {
        if (s->ahead_n == s->ahead_cap) {
            s->ahead_cap = s->ahead_cap ? s->ahead_cap * 2 : 1024;
            s->ahead = jd_xrealloc(s->ahead, s->ahead_cap * sizeof *s->ahead);
        }
        s->ahead[s->ahead_n++] = (struct store_ahead){key, group};
    }
    return l->document && l->document(l->user, key, body, err) ? -1 : 0;
}

/* The group up to which the document's row holds all changes, if that is behind the log's beginning; else 0. */
static uint64_t ahead_of(const jd_store *s, jd_key key) {
    size_t from = 0, to = s->ahead_n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (s->ahead[mid].key < key)
            from = mid + 1;
        else
            to = mid;
    }
    return from < s->ahead_n && s->ahead[from].key == key ? s->ahead[from].group : 0;
}

int jd_store_patch(jd_key key, jd_str base, jd_str patch, jd_buf *out, jd_err *err) {
    if (base.p && store__patch_apply(base, patch, out) == 0) return 0;
    return jd_fail(err, JD_E_INTERNAL, "store: damaged: a change of document %lld is of another body",
                   "存储：数据损坏：文档 %lld 的变更与其内容不符", (long long)key);
}

size_t jd_store_patch_make(jd_str base, jd_str body, jd_buf *out) {
    return store__patch_make(out, base, body);
}

void jd_store_keep(jd_store *s, uint64_t group) {
    s->keep = group;
}

static int load_group(jd_store *s, const jd_store_loader *l, sqlite3_stmt *q, jd_err *err) {
    int64_t group = sqlite3_column_int64(q, 0);
    jd_str blob = store__blob(q, 1), body;
    store_log_reader r;
    store_bad bad = store__log_begin(&r, (uint64_t)group, blob.p, blob.n);
    if (bad) return store__bad_fail(err, "log", group, bad);
    jd_key key;
    int more, patch;
    while ((more = store__log_next(&r, &key, &body, &patch)) == 1) {
        if (!store__log_only(s, key)) {
            if ((uint64_t)group <= ahead_of(s, key)) continue;
            store__dirty_mark(&s->dirty, key);
        } else if (store__to_seal(s, key)) {
            if ((uint64_t)group <= s->sealed_to) continue;
            store__hold(s, (uint64_t)group);
        }
        if (patch) {
            if (l->patch && l->patch(l->user, (uint64_t)group, key, body, err)) return -1;
            continue;
        }
        if (l->change && l->change(l->user, (uint64_t)group, key, body, err)) return -1;
    }
    return more == 0 ? 0 : store__bad_fail(err, "log", group, STORE_BAD_SHAPE);
}

typedef int (*load_fn)(jd_store *s, const jd_store_loader *l, sqlite3_stmt *q, jd_err *err);

static int load_table(jd_store *s, const jd_store_loader *l, const char *sql, load_fn fn, jd_err *err) {
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        if (fn(s, l, q, err) != 0) {
            sqlite3_finalize(q);
            return -1;
        }
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE) store__sql_fail(s->db, rc, err, "cannot load", "无法加载");
    sqlite3_finalize(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

int jd_store_load(jd_store *s, const jd_store_loader *loader, uint64_t *last_group, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err);
    s->ahead_n = 0;
    if (load_table(s, loader, "SELECT number, name, crc FROM symbol ORDER BY number", load_symbol, err) != 0 ||
        load_table(s, loader, "SELECT key, body FROM document ORDER BY key", load_document, err) != 0 ||
        load_table(s, loader, "SELECT grp, body FROM log ORDER BY grp", load_group, err) != 0)
        return -1;
    free(s->ahead);
    s->ahead = NULL;
    s->ahead_n = s->ahead_cap = 0;
    s->loaded = 1;
    *last_group = s->group_last;
    store__publish(s);
    return 0;
}

/* --- commit --- */

/* Room on disk: looked at every 16th group or quarter second, always while it was short, and before large groups. */
int store__space(jd_store *s, uint64_t bytes, jd_err *err) {
    uint64_t now = jd_mono_ns();
    int large = bytes >= UINT64_C(1) << 20;
    if (s->full || large || s->space_skips == 0 || now - s->space_at_ns > 250000000u) {
        struct statvfs v;
        uint64_t need = s->min_free;
        /* The row stands in the WAL and in the file for a while. */
        if (large && __builtin_add_overflow(need, bytes * 2, &need)) need = UINT64_MAX;
        if (statvfs(s->dir, &v) == 0) {
            int full = (uint64_t)v.f_bavail * v.f_frsize < need;
            if (full != s->full)
                jd_log(full ? JD_LOG_WARN : JD_LOG_INFO, "store.space", "full=%d dir=%s", full, s->dir);
            s->full = full;
        }
        s->space_skips = 16;
        s->space_at_ns = now;
    }
    s->space_skips--;
    if (!s->full) return 0;
    return jd_fail(err, JD_E_STORAGE_FULL, "store: less than %llu bytes are free in %s",
                   "存储：可用空间不足 %llu 字节（%s）", (unsigned long long)s->min_free, s->dir);
}

/* What the caller must hold to; breaking it would damage the file, so it is refused and not asserted. */
static int check_group(const jd_store *s, const jd_store_group *g, jd_err *err) {
    if (!s->loaded) return jd_fail(err, JD_E_INTERNAL, "store: commit before load", "存储：尚未加载就提交");
    if (g->number != s->group_last + 1)
        return jd_fail(err, JD_E_INTERNAL, "store: group %llu does not follow %llu", "存储：组号 %llu 不接续 %llu",
                       (unsigned long long)g->number, (unsigned long long)s->group_last);
    uint64_t bytes = 0;
    for (size_t i = 0; i < g->changes_n; i++) {
        const jd_store_change *c = &g->changes[i];
        if (c->key <= 0 || c->key == INT64_MAX)
            return jd_fail(err, JD_E_INTERNAL, "store: key %lld is out of range", "存储：键 %lld 超出范围",
                           (long long)c->key);
        bytes += c->body.n; /* a patch of it is shorter */
    }
    if (bytes > STORE_GROUP_BYTES_MAX)
        return jd_fail(err, JD_E_TOO_LARGE, "store: a group of %llu bytes is larger than %d",
                       "存储：一组 %llu 字节，超过上限 %d", (unsigned long long)bytes, STORE_GROUP_BYTES_MAX);
    int64_t last = s->symbol_last;
    for (size_t i = 0; i < g->symbols_n; i++) {
        int64_t number = g->symbols[i].number;
        if (number != last + 1 && !(last < 0 && number == 1))
            return jd_fail(err, JD_E_INTERNAL, "store: symbol %lld does not follow %lld", "存储：符号 %lld 不接续 %lld",
                           (long long)number, (long long)last);
        last = number;
    }
    return 0;
}

int jd_store_commit(jd_store *s, const jd_store_group *g, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err), JD_STORE_REFUSED;
    if (check_group(s, g, err) != 0) return JD_STORE_REFUSED;
    store__log_encode(&s->row, g);
    if (store__space(s, s->row.n, err) != 0) return JD_STORE_REFUSED;
    int rc = store__make_room(s, s->row.n, g->lets_go ? s->log_bytes_max / 8 : 0, err);
    if (rc != JD_STORE_OK) return store__publish(s), rc;
    store_work w = {.group = g};
    store__plan(s, s->row.n, &w);
    rc = store__transact(s, &w, err);
    if (rc == JD_STORE_OK) store__wal_after(s);
    store__publish(s);
    return rc;
}

/* --- figures --- */

void store__publish(jd_store *s) {
    atomic_store_explicit(&s->group_last_seen, s->group_last, memory_order_relaxed);
    atomic_store_explicit(&s->log_rows, s->sizes.n, memory_order_relaxed);
    atomic_store_explicit(&s->log_due, store__trim_due(s), memory_order_relaxed);
    atomic_store_explicit(&s->sealed_seen, s->sealed_to, memory_order_relaxed);
    atomic_store_explicit(&s->dirty_n, s->dirty.total, memory_order_relaxed);
    atomic_store_explicit(&s->wal_bytes, s->wal_frames ? s->wal_frames * STORE_FRAME + 32 : 0, memory_order_relaxed);
}

uint64_t jd_store_room(const jd_store *s, uint64_t *least, uint64_t *log_most) {
    struct statvfs v;
    *least = s->min_free;
    *log_most = s->log_bytes_max;
    return statvfs(s->dir, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

void jd_store_get_stats(jd_store *s, jd_store_stats *out) {
    *out = (jd_store_stats){
        .group_last = atomic_load(&s->group_last_seen),
        .log_rows = atomic_load(&s->log_rows),
        .log_bytes = atomic_load(&s->log_bytes),
        .log_due = atomic_load(&s->log_due),
        .dirty = atomic_load(&s->dirty_n),
        .wal_bytes = atomic_load(&s->wal_bytes),
        .file_bytes = atomic_load(&s->vfs->db_bytes),
        .commits = atomic_load(&s->commits),
        .written_behind = atomic_load(&s->written_behind),
        .checkpoints = atomic_load(&s->checkpoints),
        .logged = atomic_load(&s->logged),
        .sealed = atomic_load(&s->sealed_seen),
        .rows = atomic_load(&s->rows),
        .row_bytes = atomic_load(&s->row_bytes),
        .row_last = atomic_load(&s->row_last_seen),
        .run_last = atomic_load(&s->run_last_seen),
        .dead = store__dead(s),
    };
}
