/* Back-up and restore. A back-up is one read transaction on the served file, so documents and log are of one instant
 * and commits go on beside it; but it holds the WAL up, and gives up before that fills the disk. It is written under
 * another name and gets its own when it is whole and synced, so that a file of that name is always a whole back-up. */
#include "store/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGES_STEP = 64, COPY_BYTES = 1 << 20 };

static char *with_suffix(const char *path, const char *suffix) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s%s%c", path, suffix, 0);
    return jd_buf_take(&b, NULL);
}

static int sync_file(const char *path, jd_err *err) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : store__os_fail(err, "cannot sync", "无法同步", path);
    if (fd >= 0) close(fd);
    return rc;
}

static int sync_folder_of(const char *path, jd_err *err) {
    char *copy = jd_xstrdup(jd_str_of(path));
    int rc = store__sync_folder(dirname(copy), err);
    free(copy);
    return rc;
}

static int give_up(jd_store *s, jd_err *err) {
    return jd_fail(err, JD_E_BUSY,
                   "store: back-up given up: meanwhile the write-ahead file reached its limit of %llu bytes",
                   "存储：备份已放弃：期间预写文件达到上限 %llu 字节", (unsigned long long)s->wal_bytes_max);
}

static int copy_pages(jd_store *s, sqlite3 *from, sqlite3 *to, jd_store_progress fn, void *user, jd_err *err) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b) return store__sql_fail(to, sqlite3_extended_errcode(to), err, "cannot back up", "无法备份");
    int rc, gave_up = 0;
    while (!gave_up && (rc = sqlite3_backup_step(b, PAGES_STEP)) == SQLITE_OK) {
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(b);
        if (fn) fn(user, (total - (uint64_t)sqlite3_backup_remaining(b)) * STORE_PAGE, total * STORE_PAGE);
        gave_up = atomic_load(&s->wal_bytes) >= s->wal_bytes_max;
    }
    uint64_t bytes = (uint64_t)sqlite3_backup_pagecount(b) * STORE_PAGE;
    int end = sqlite3_backup_finish(b);
    if (gave_up) return give_up(s, err);
    if (rc != SQLITE_DONE || end != SQLITE_OK)
        return store__sql_fail(to, rc != SQLITE_DONE ? rc : end, err, "cannot back up", "无法备份");
    if (fn) fn(user, bytes, bytes);
    return 0;
}

static int backup_into(jd_store *s, const char *part, jd_store_progress fn, void *user, jd_err *err) {
    sqlite3 *from = store__connect(s->path, s->vfs->name, SQLITE_OPEN_READONLY, 4 << 10, err), *to = NULL;
    if (!from) return -1;
    int64_t any;
    int done = -1, rc = store__exec(from, "BEGIN");
    if (rc == SQLITE_OK) rc = store__int(from, "SELECT count(*) FROM meta", 0, &any); /* this is the instant */
    if (rc != SQLITE_OK) store__sql_fail(from, rc, err, "cannot back up", "无法备份");
    if (rc == SQLITE_OK) to = store__connect(part, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 4 << 10, err);
    if (to) {
        /* A file that is thrown away unless it is whole needs no journal; its sync is ours, at the end. */
        rc = store__exec(to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
        done = rc == SQLITE_OK ? copy_pages(s, from, to, fn, user, err)
                               : store__sql_fail(to, rc, err, "cannot back up", "无法备份");
        /* The copied header asks for a WAL beside the file; a back-up is one file. */
        if (done == 0 && (rc = store__exec(to, "PRAGMA journal_mode=DELETE")) != SQLITE_OK)
            done = store__sql_fail(to, rc, err, "cannot back up", "无法备份");
        if (sqlite3_close(to) != SQLITE_OK && done == 0)
            done = jd_fail(err, JD_E_INTERNAL, "store: cannot close the back-up", "存储：无法关闭备份文件");
    }
    sqlite3_close(from);
    return done;
}

int jd_store_backup(jd_store *s, const char *path, jd_store_progress fn, void *user, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err);
    char *part = with_suffix(path, ".part");
    int rc = -1, fd = -1;
    if (access(path, F_OK) == 0) {
        jd_fail(err, JD_E_ALREADY_EXISTS, "store: %s exists", "存储：%s 已存在", path);
    } else if ((fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640)) < 0) {
        store__os_fail(err, "cannot create", "无法创建", part);
    } else {
        close(fd);
        rc = backup_into(s, part, fn, user, err);
        if (rc == 0) rc = sync_file(part, err);
        /* link, not rename: a file that has come under this name meanwhile is not replaced. */
        if (rc == 0 && link(part, path) != 0) rc = store__os_fail(err, "cannot create", "无法创建", path);
        unlink(part);
        if (rc == 0) rc = sync_folder_of(path, err);
    }
    free(part);
    return rc;
}

/* --- restore --- */

static int copy_file(const char *from, const char *to, jd_store_progress fn, void *user, jd_err *err) {
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = -1;
    struct stat st;
    char *buf = jd_xmalloc(COPY_BYTES);
    if (in < 0 || fstat(in, &st) != 0) {
        store__os_fail(err, "cannot read", "无法读取", from);
        goto end;
    }
    if ((out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640)) < 0) {
        store__os_fail(err, "cannot create", "无法创建", to);
        goto end;
    }
    ssize_t n;
    for (uint64_t done = 0; (n = read(in, buf, COPY_BYTES)) > 0; done += (uint64_t)n) {
        for (ssize_t at = 0, w; at < n; at += w) {
            if ((w = write(out, buf + at, (size_t)(n - at))) > 0) continue;
            store__os_fail(err, "cannot write", "无法写入", to);
            goto end;
        }
        if (fn) fn(user, done + (uint64_t)n, (uint64_t)st.st_size);
    }
    if (n < 0)
        store__os_fail(err, "cannot read", "无法读取", from);
    else if (fsync(out) != 0)
        store__os_fail(err, "cannot sync", "无法同步", to);
    else
        rc = 0;
end:
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    free(buf);
    return rc;
}

static int is_empty_folder(const char *dir) {
    DIR *d = opendir(dir);
    if (!d) return 0;
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n == 0;
}

static void keep_first(void *user, const char *finding) {
    char *first = user;
    if (!first[0]) snprintf(first, 256, "%s", finding);
}

/* A database in use has a WAL beside it, which a copy of the file alone would leave behind. */
static int refuse_wal(const char *file, jd_err *err) {
    struct stat st;
    char *wal = with_suffix(file, "-wal");
    int there = stat(wal, &st) == 0 && st.st_size > 0;
    free(wal);
    if (!there) return 0;
    return jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is no back-up: a write-ahead file stands beside it",
                   "存储：%s 不是备份文件：其旁有预写文件", file);
}

int jd_store_restore(const char *file, const char *dir, jd_store_progress fn, void *user, jd_err *err) {
    char first[256] = "";
    if (refuse_wal(file, err) != 0) return -1;
    int64_t findings = jd_store_check(file, keep_first, first, NULL, NULL, err);
    if (findings < 0) return -1;
    if (findings > 0)
        return jd_fail(err, JD_E_INVALID_REQUEST, "store: %s is damaged: %lld findings, the first: %s",
                       "存储：%s 已损坏：共 %lld 处，首处：%s", file, (long long)findings, first);
    int made = mkdir(dir, 0750) == 0;
    if (!made && errno != EEXIST) return store__os_fail(err, "cannot make folder", "无法创建目录", dir);
    if (!is_empty_folder(dir))
        return jd_fail(err, JD_E_ALREADY_EXISTS, "store: %s is not an empty folder", "存储：%s 不是空目录", dir);
    char *lock_path = store__join(dir, STORE_LOCK_NAME), *path = store__join(dir, STORE_DB_NAME);
    char *part = with_suffix(path, ".part"), *up = store__join(dir, "..");
    int lock = store__lock_folder(dir, err), rc = -1;
    if (lock >= 0) {
        rc = copy_file(file, part, fn, user, err);
        if (rc == 0 && rename(part, path) != 0) rc = store__os_fail(err, "cannot create", "无法创建", path);
        if (rc == 0) rc = store__sync_folder(dir, err);
        if (rc == 0) rc = store__sync_folder(up, err);
        if (rc != 0) {
            unlink(part);
            unlink(lock_path);
            if (made) rmdir(dir);
        }
        close(lock);
    }
    free(lock_path);
    free(path);
    free(part);
    free(up);
    return rc;
}
