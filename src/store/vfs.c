/* Why a shim: without it, the fsync at the end of a checkpoint finds thousands of dirty pages in the page cache at
 * once, and commits that come meanwhile wait for all of them. Started every 64 pages, the same write-out runs beside
 * the copying.
 *
 * The file descriptors for it are our own. POSIX drops every lock that a process holds on a file when any descriptor of
 * that file is closed, so they are opened once per store and closed after the last connection, never in between. */
#include "store/vfs.h"

#include "base/buf.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITE_OUT_BYTES = 64 * 4096 };

typedef struct shim_file {
    sqlite3_file base;
    store_vfs *v;
    sqlite3_file *lower;
    int flags;              /* SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL, ... */
    int fd;                 /* borrowed from the store_vfs; -1: none */
    sqlite3_int64 from, to; /* written since the last write-out */
    sqlite3_int64 pending;  /* bytes of it */
} shim_file;

static shim_file *shim(sqlite3_file *f) {
    return (shim_file *)f;
}
static sqlite3_file *lower_of(sqlite3_file *f) {
    return shim(f)->lower;
}

static int f_close(sqlite3_file *f) {
    return lower_of(f)->pMethods->xClose(lower_of(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    return lower_of(f)->pMethods->xRead(lower_of(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    shim_file *s = shim(f);
    store_vfs *v = s->v;
    int rc = s->lower->pMethods->xWrite(s->lower, p, n, at);
    if (rc != SQLITE_OK) return rc;
    atomic_fetch_add_explicit(&v->writes, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&v->bytes, (uint64_t)n, memory_order_relaxed);
    if ((s->flags & SQLITE_OPEN_WAL) && at == 0) atomic_fetch_add(&v->wal_turns, 1);
    /* Only the one checkpoint at a time writes the database, so load and store need not be one step. */
    if ((s->flags & SQLITE_OPEN_MAIN_DB) && (uint64_t)(at + n) > atomic_load(&v->db_bytes))
        atomic_store(&v->db_bytes, (uint64_t)(at + n));
    if (s->fd < 0) return rc;
    if (!s->pending || at < s->from) s->from = at;
    if (!s->pending || at + n > s->to) s->to = at + n;
    s->pending += n;
    if (s->pending >= WRITE_OUT_BYTES) {
        /* Advice only: what fails here fails again, and is reported, in the sync. */
        (void)sync_file_range(s->fd, s->from, s->to - s->from, SYNC_FILE_RANGE_WRITE);
        s->pending = 0;
    }
    return rc;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size) {
    int rc = lower_of(f)->pMethods->xTruncate(lower_of(f), size);
    if (rc == SQLITE_OK && (shim(f)->flags & SQLITE_OPEN_MAIN_DB)) atomic_store(&shim(f)->v->db_bytes, (uint64_t)size);
    return rc;
}

static int f_sync(sqlite3_file *f, int flags) {
    shim_file *s = shim(f);
    int rc = s->lower->pMethods->xSync(s->lower, flags);
    s->pending = 0;
    atomic_fetch_add_explicit(&s->v->syncs, 1, memory_order_relaxed);
    if (rc != SQLITE_OK) atomic_store(&s->v->sync_failed, 1);
    return rc;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size) {
    return lower_of(f)->pMethods->xFileSize(lower_of(f), size);
}
static int f_lock(sqlite3_file *f, int level) {
    return lower_of(f)->pMethods->xLock(lower_of(f), level);
}
static int f_unlock(sqlite3_file *f, int level) {
    return lower_of(f)->pMethods->xUnlock(lower_of(f), level);
}
static int f_check_lock(sqlite3_file *f, int *out) {
    return lower_of(f)->pMethods->xCheckReservedLock(lower_of(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg) {
    return lower_of(f)->pMethods->xFileControl(lower_of(f), op, arg);
}
static int f_sector(sqlite3_file *f) {
    return lower_of(f)->pMethods->xSectorSize(lower_of(f));
}
/* SQLite takes for granted that a write torn by a power cut spares the bytes beside it in its sector. Denied that, it
 * fills each commit up to the next sector of the WAL, so that nothing acknowledged shares a sector with what comes
 * later. */
static int f_traits(sqlite3_file *f) {
    return lower_of(f)->pMethods->xDeviceCharacteristics(lower_of(f)) & ~SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    return lower_of(f)->pMethods->xShmMap(lower_of(f), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int at, int n, int flags) {
    return lower_of(f)->pMethods->xShmLock(lower_of(f), at, n, flags);
}
static void f_shm_barrier(sqlite3_file *f) {
    lower_of(f)->pMethods->xShmBarrier(lower_of(f));
}
static int f_shm_unmap(sqlite3_file *f, int remove) {
    return lower_of(f)->pMethods->xShmUnmap(lower_of(f), remove);
}

/* Version 2: shared memory, no memory mapping of the file, which is off for every connection. */
static const sqlite3_io_methods io = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_check_lock,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_traits,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static store_vfs *vfs_of(sqlite3_vfs *v) {
    return (store_vfs *)v;
}

/* The store's own descriptor of this file, opened by the first connection that comes. */
static int write_out_fd(store_vfs *v, int *slot, const char *path) {
    pthread_mutex_lock(&v->lock);
    if (*slot < 0) *slot = open(path, O_RDWR | O_CLOEXEC);
    int fd = *slot;
    pthread_mutex_unlock(&v->lock);
    return fd;
}

/* SQLite would make it readable for everybody. The files beside a database get its mode from SQLite. */
static void make_private(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd >= 0) close(fd); /* what fails here fails again below, and is reported */
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags) {
    store_vfs *v = vfs_of(vfs);
    shim_file *s = shim(f);
    *s = (shim_file){.v = v, .lower = (sqlite3_file *)(s + 1), .flags = flags, .fd = -1};
    s->lower->pMethods = NULL;
    if (v->native && name && (flags & SQLITE_OPEN_CREATE) &&
        (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_SUPER_JOURNAL)))
        make_private(name);
    int rc = v->lower->xOpen(v->lower, name, s->lower, flags, out_flags);
    /* A lower file with methods wants to be closed, also after a failed open. */
    s->base.pMethods = s->lower->pMethods ? &io : NULL;
    if (rc != SQLITE_OK || !name) return rc;
    sqlite3_int64 size = 0;
    if ((flags & SQLITE_OPEN_MAIN_DB) && f_size(f, &size) == SQLITE_OK) atomic_store(&v->db_bytes, (uint64_t)size);
    if (!v->native) return rc;
    if (flags & SQLITE_OPEN_MAIN_DB) s->fd = write_out_fd(v, &v->fd_db, name);
    if (flags & SQLITE_OPEN_WAL) s->fd = write_out_fd(v, &v->fd_wal, name);
    return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir) {
    return vfs_of(v)->lower->xDelete(vfs_of(v)->lower, name, sync_dir);
}
static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
    return vfs_of(v)->lower->xAccess(vfs_of(v)->lower, name, flags, out);
}
static int v_full_path(sqlite3_vfs *v, const char *name, int n, char *out) {
    return vfs_of(v)->lower->xFullPathname(vfs_of(v)->lower, name, n, out);
}
static int v_randomness(sqlite3_vfs *v, int n, char *out) {
    return vfs_of(v)->lower->xRandomness(vfs_of(v)->lower, n, out);
}
static int v_sleep(sqlite3_vfs *v, int us) {
    return vfs_of(v)->lower->xSleep(vfs_of(v)->lower, us);
}
static int v_time(sqlite3_vfs *v, double *out) {
    return vfs_of(v)->lower->xCurrentTime(vfs_of(v)->lower, out);
}
static int v_last_error(sqlite3_vfs *v, int n, char *out) {
    return vfs_of(v)->lower->xGetLastError ? vfs_of(v)->lower->xGetLastError(vfs_of(v)->lower, n, out) : 0;
}

store_vfs *store__vfs_new(const char *lower) {
    static _Atomic unsigned serial;
    sqlite3_vfs *under = sqlite3_vfs_find(lower);
    if (!under) return NULL;
    store_vfs *v = jd_xcalloc(1, sizeof *v);
    v->lower = under;
    v->native = lower == NULL;
    v->fd_db = v->fd_wal = -1;
    pthread_mutex_init(&v->lock, NULL);
    snprintf(v->name, sizeof v->name, "jindu-%u", atomic_fetch_add(&serial, 1));
    v->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(shim_file) + under->szOsFile,
        .mxPathname = under->mxPathname,
        .zName = v->name,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_path,
        .xRandomness = v_randomness,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xGetLastError = v_last_error,
    };
    if (sqlite3_vfs_register(&v->base, 0) == SQLITE_OK) return v;
    pthread_mutex_destroy(&v->lock);
    free(v);
    return NULL;
}

void store__vfs_free(store_vfs *v) {
    if (!v) return;
    sqlite3_vfs_unregister(&v->base);
    if (v->fd_db >= 0) close(v->fd_db);
    if (v->fd_wal >= 0) close(v->fd_wal);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

/* --- files by name --- */

char *store__file_name(const char *path, const char *suffix) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s%s%c%c%c%c", path, suffix, 0, 0, 0, 0);
    return jd_buf_take(&b, NULL);
}

int store__file_there(sqlite3_vfs *v, const char *name) {
    int there = 0;
    return v->xAccess(v, name, SQLITE_ACCESS_EXISTS, &there) == SQLITE_OK && there;
}

sqlite3_file *store__file_open(sqlite3_vfs *v, const char *name, int flags, int *rc) {
    sqlite3_file *f = jd_xcalloc(1, (size_t)v->szOsFile);
    *rc = v->xOpen(v, name, f, flags | SQLITE_OPEN_READWRITE, NULL);
    if (*rc == SQLITE_OK) return f;
    if (f->pMethods) f->pMethods->xClose(f);
    free(f);
    return NULL;
}

void store__file_close(sqlite3_file *f) {
    if (!f) return;
    f->pMethods->xClose(f);
    free(f);
}

static int control(store_vfs *v, const char *path, int op, const char *arg) {
    char *name = store__file_name(path, ""), *copy = arg ? store__file_name(arg, "") : NULL;
    int rc;
    sqlite3_file *f = store__file_open(v->lower, name, SQLITE_OPEN_MAIN_DB, &rc);
    if (f) rc = f->pMethods->xFileControl(f, op, copy);
    store__file_close(f);
    free(name);
    free(copy);
    return rc;
}

int store__vfs_rename(store_vfs *v, const char *from, const char *to) {
    if (!v->native) return control(v, from, STORE_FCNTL_RENAME, to);
    return rename(from, to) == 0 ? SQLITE_OK : SQLITE_IOERR;
}

int store__vfs_sync_folder(store_vfs *v, const char *of) {
    if (!v->native) return control(v, of, STORE_FCNTL_SYNC_FOLDER, NULL);
    char *copy = jd_xstrdup(jd_str_of(of));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
    if (fd >= 0) close(fd);
    free(copy);
    return rc;
}
