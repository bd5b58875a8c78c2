/* Compaction: the file is written anew without its free pages, verified, synced, and takes the old one's name.
 *
 * Not VACUUM in place: that is one transaction of the whole file in the write-ahead file, which a start after a kill
 * would have to settle as a whole. What must not happen is that a write-ahead file of the old database stands beside
 * the new one after a power cut: so the store is closed first, and that no such file is there is durable before the new
 * name is given. */
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(jd_store *s, int rc, jd_err *err) {
    return store__sql_fail(s ? s->db : NULL, rc, err, "cannot compact", "无法压缩数据文件");
}

/* Writes the new file: SQLite copies table by table, so pages come out full and in order. */
static int write_new(jd_store *s, const char *name, jd_err *err) {
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, "VACUUM INTO ?1", -1, &q, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_step(q);
    if (rc != SQLITE_DONE) failed(s, rc, err);
    sqlite3_finalize(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int sync_new(jd_store *s, const char *name, uint64_t *bytes, jd_err *err) {
    int rc;
    sqlite3_int64 size = 0;
    sqlite3_file *f = store__file_open(&s->vfs->base, name, SQLITE_OPEN_MAIN_DB, &rc);
    if (f) rc = f->pMethods->xFileSize(f, &size);
    if (f && rc == SQLITE_OK) rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
    store__file_close(f);
    *bytes = (uint64_t)size;
    /* SQLite passes over some failed syncs, and one after a failed one says nothing. */
    if (rc == SQLITE_OK && store__dead(s)) rc = SQLITE_IOERR_FSYNC;
    return rc == SQLITE_OK ? 0 : failed(NULL, rc, err);
}

/* Whose the old file was, his is the new one: compaction may be run by an administrator. */
static int same_owner(const char *old, const char *name, jd_err *err) {
    struct stat st, now;
    if (stat(old, &st) == 0 && stat(name, &now) == 0 && chmod(name, st.st_mode & 0660) == 0 &&
        ((st.st_uid == now.st_uid && st.st_gid == now.st_gid) || chown(name, st.st_uid, st.st_gid) == 0))
        return 0;
    return store__os_fail(err, "cannot set the owner of", "无法设置属主", name);
}

static void keep_first(void *user, const char *finding) {
    char *first = user;
    if (!first[0]) snprintf(first, 200, "%s", finding);
}

static int verify(jd_store *s, const char *name, jd_err *err) {
    char first[200] = "";
    int64_t n = store__check_file(name, s->vfs->name, keep_first, first, NULL, NULL, err);
    if (n <= 0) return (int)n;
    return jd_fail(err, JD_E_INTERNAL, "store: not compacted, %lld findings, the first: %s",
                   "存储：未压缩：共 %lld 处问题，首处：%s", (long long)n, first);
}

/* An emptied file will not do: its emptying may not be on the disk. */
static int no_longer_there(store_vfs *v, const char *path, const char *suffix) {
    char *name = store__file_name(path, suffix);
    int rc = v->base.xDelete(&v->base, name, 0);
    free(name);
    return rc == SQLITE_IOERR_DELETE_NOENT ? SQLITE_OK : rc;
}

/* With the store closed: gives the new file the old one's name. The folder's lock stays with the caller. */
static int replace(store_vfs *v, const char *path, const char *name, jd_err *err) {
    int rc = no_longer_there(v, path, "-wal");
    if (rc == SQLITE_OK) rc = no_longer_there(v, path, "-journal");
    if (rc == SQLITE_OK) rc = store__vfs_sync_folder(v, path);
    if (rc == SQLITE_OK) rc = store__vfs_rename(v, name, path);
    if (rc == SQLITE_OK) rc = store__vfs_sync_folder(v, path);
    return rc == SQLITE_OK ? 0 : failed(NULL, rc, err);
}

int store__compact(const char *dir, const char *vfs, uint64_t *before, uint64_t *after, jd_err *err) {
    jd_store *s = NULL;
    if (jd_store_open(&s, &(jd_store_opts){.dir = dir, .vfs = vfs, .step = 1}, err) != 0) return -1;
    char *path = store__file_name(s->path, ""), *name = store__file_name(s->path, STORE_NEW_SUFFIX);
    uint64_t was = atomic_load(&s->vfs->db_bytes), is = 0;
    int rc = write_new(s, name, err);
    if (rc == 0 && s->vfs->native) rc = same_owner(path, name, err);
    if (rc == 0) rc = verify(s, name, err);
    if (rc == 0) rc = sync_new(s, name, &is, err);
    int lock = s->lock_fd;
    s->lock_fd = -1;
    jd_store_close(s);
    store_vfs *v = store__vfs_new(vfs);
    if (rc == 0) rc = replace(v, path, name, err);
    if (rc != 0 && store__file_there(&v->base, name)) (void)v->base.xDelete(&v->base, name, 0);
    store__vfs_free(v);
    close(lock);
    free(path);
    free(name);
    if (rc != 0) return -1;
    if (before) *before = was;
    if (after) *after = is;
    return 0;
}

int jd_store_compact(const char *dir, uint64_t *before, uint64_t *after, jd_err *err) {
    return store__compact(dir, NULL, before, after, err);
}
