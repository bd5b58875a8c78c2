#include "disk.h"

#include "base/arena.h"
#include "store/vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, NAMES_MAX = 16, HANDLES_MAX = 32, SHM_PAGES_MAX = 64, SHM_LOCKS = 8 };

typedef struct bytes {
    unsigned char *p;
    size_t n, cap;
} bytes;

/* A write or truncation since the last completed sync. */
typedef struct change {
    size_t at, n; /* truncation: n == 0, at is the new size */
    size_t size;  /* of the file after it */
    unsigned char *data;
} change;

typedef struct inode {
    int refs; /* names, durable names, handles */
    bytes now, durable;
    change *since;
    size_t since_n, since_cap;
    unsigned id;
    /* Shared memory and its locks, as of the open handles. */
    void *shm[SHM_PAGES_MAX];
    int shm_pages, shm_handles;
    int shm_shared[SHM_LOCKS], shm_exclusive[SHM_LOCKS];
} inode;

typedef struct entry {
    char name[64];
    inode *now, *durable; /* NULL: no such file */
} entry;

typedef struct handle {
    sqlite3_file base;
    disk *d;
    inode *file;
    int flags, level, dir_sync;
    int shm; /* is mapped */
    unsigned shm_shared, shm_exclusive;
} handle;

struct disk {
    sqlite3_vfs vfs;
    char vfs_name[32];
    pthread_mutex_t lock; /* recursive; around everything */
    uint64_t seed;
    entry names[NAMES_MAX];
    handle *handles[HANDLES_MAX];
    unsigned next_id;
    uint64_t points, counts[DISK_OPS], fault_at;
    disk_fault fault;
    int fault_met, full, lies;
    disk_watch watch;
    void *watch_user;
};

const char *const disk_op_names[DISK_OPS] = {"create", "write", "truncate", "sync", "delete", "rename"};

static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void need(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "disk: harness error: %s\n", what);
    abort();
}

/* --- bytes and files --- */

static void resize(bytes *b, size_t n) {
    if (n > b->cap) {
        b->cap = n * 2;
        b->p = jd_xrealloc(b->p, b->cap);
    }
    if (n > b->n) memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}

static void put(bytes *b, size_t at, const void *p, size_t n) {
    if (!n) return;
    if (at + n > b->n) resize(b, at + n);
    memcpy(b->p + at, p, n);
}

static inode *inode_new(disk *d) {
    inode *f = jd_xcalloc(1, sizeof *f);
    f->id = d->next_id++;
    return f;
}

static void forget_changes(inode *f) {
    for (size_t i = 0; i < f->since_n; i++) free(f->since[i].data);
    f->since_n = 0;
}

static void inode_drop(inode *f) {
    if (!f || --f->refs > 0) return;
    forget_changes(f);
    for (int i = 0; i < f->shm_pages; i++) free(f->shm[i]);
    free(f->since);
    free(f->now.p);
    free(f->durable.p);
    free(f);
}

static void point_to(inode **slot, inode *f) {
    if (f) f->refs++;
    inode_drop(*slot);
    *slot = f;
}

static void record(inode *f, size_t at, const void *p, size_t n) {
    if (f->since_n == f->since_cap) {
        f->since_cap = f->since_cap ? f->since_cap * 2 : 16;
        f->since = jd_xrealloc(f->since, f->since_cap * sizeof *f->since);
    }
    change *c = &f->since[f->since_n++];
    *c = (change){.at = at, .n = n, .size = f->now.n};
    if (!n) return;
    c->data = jd_xmalloc(n);
    memcpy(c->data, p, n);
}

static void write_now(inode *f, size_t at, const void *p, size_t n) {
    if (!n) return;
    put(&f->now, at, p, n);
    record(f, at, p, n);
}

static void make_durable(inode *f) {
    for (size_t i = 0; i < f->since_n; i++) {
        const change *c = &f->since[i];
        if (c->n)
            put(&f->durable, c->at, c->data, c->n);
        else
            resize(&f->durable, c->at);
    }
    forget_changes(f);
}

/* How many of the n changes a sector has seen, by seed and by the cut's style; -1: it is garbled. */
static long sector_fate(uint64_t seed, unsigned style, unsigned id, size_t sector, size_t n) {
    static const struct {
        unsigned kept, dropped, between; /* of 100; the rest is garbled */
    } styles[] = {{0, 100, 0}, {100, 0, 0}, {35, 35, 15}, {90, 5, 3}, {5, 90, 3}, {60, 30, 10}};
    uint64_t r = mix(seed, (uint64_t)id << 40 | sector);
    unsigned dice = (unsigned)(r % 100);
    style %= sizeof styles / sizeof *styles;
    if (dice < styles[style].kept) return (long)n;
    if (dice < styles[style].kept + styles[style].dropped) return 0;
    if (dice < styles[style].kept + styles[style].dropped + styles[style].between) return (long)((r >> 8) % (n + 1));
    return -1;
}

/* *out becomes what the platter may hold: rule 2 of the model. */
static void survive(const inode *f, bytes *out, uint64_t seed, unsigned style) {
    resize(out, 0);
    put(out, 0, f->durable.p, f->durable.n);
    size_t n = f->since_n, size_after;
    if (!n) return;
    long fate = sector_fate(seed ^ 0x517e, style, f->id, SIZE_MAX >> 32, n);
    size_after = fate < 0 ? (size_t)(seed % (n + 1)) : (size_t)fate;
    for (size_t i = 0; i < n; i++) {
        const change *c = &f->since[i];
        for (size_t at = c->at, end = c->at + c->n; at < end;) {
            size_t sector = at / SECTOR, stop = (sector + 1) * SECTOR < end ? (sector + 1) * SECTOR : end;
            fate = sector_fate(seed, style, f->id, sector, n);
            if (fate < 0) {
                unsigned char junk[SECTOR];
                for (size_t k = 0; k < SECTOR; k++) junk[k] = (unsigned char)mix(seed, sector * SECTOR + k);
                put(out, sector * SECTOR, junk, SECTOR);
            } else if (i < (size_t)fate) {
                put(out, at, c->data + (at - c->at), stop - at);
            }
            at = stop;
        }
        /* What a truncation cut off and a later write did not fill again reads as zeros. */
        if (!c->n && i < size_after && c->at < out->n) resize(out, c->at);
    }
    resize(out, size_after ? f->since[size_after - 1].size : f->durable.n);
}

/* --- folder --- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static entry *find(const disk *d, const char *path) {
    const char *name = base_name(path);
    for (int i = 0; i < NAMES_MAX; i++)
        if (!strcmp(d->names[i].name, name)) return (entry *)(uintptr_t)&d->names[i];
    return NULL;
}

static entry *find_or_add(disk *d, const char *path) {
    entry *e = find(d, path);
    for (int i = 0; !e && i < NAMES_MAX; i++) {
        if (d->names[i].name[0]) continue;
        e = &d->names[i];
        snprintf(e->name, sizeof e->name, "%s", base_name(path));
    }
    need(e != NULL, "too many names");
    return e;
}

static void sync_folder(disk *d) {
    for (int i = 0; i < NAMES_MAX; i++) point_to(&d->names[i].durable, d->names[i].now);
}

/* Counts a point, lets the watcher look, and says which fault falls on it. */
static disk_fault at_point(disk *d, disk_op op) {
    uint64_t point = d->points++;
    d->counts[op]++;
    if (d->watch) d->watch(d->watch_user, d, point, op);
    if (d->fault == DISK_OK || point != d->fault_at) return DISK_OK;
    d->fault_met = 1;
    if (d->fault != DISK_FAIL_FULL) return d->fault;
    d->full = 1;
    return DISK_OK;
}

/* --- file methods --- */

static handle *of(sqlite3_file *f) {
    return (handle *)f;
}
static void enter(disk *d) {
    pthread_mutex_lock(&d->lock);
}
static int leave(disk *d, int rc) {
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static void shm_leave(handle *h) {
    if (!h->shm) return;
    for (int i = 0; i < SHM_LOCKS; i++) {
        if (h->shm_shared & 1u << i) h->file->shm_shared[i]--;
        if (h->shm_exclusive & 1u << i) h->file->shm_exclusive[i] = 0;
    }
    h->shm = 0;
    h->shm_shared = h->shm_exclusive = 0;
    if (--h->file->shm_handles > 0) return;
    for (int i = 0; i < h->file->shm_pages; i++) free(h->file->shm[i]);
    h->file->shm_pages = 0;
}

static int m_close(sqlite3_file *f) {
    handle *h = of(f);
    disk *d = h->d;
    enter(d);
    shm_leave(h);
    for (int i = 0; i < HANDLES_MAX; i++)
        if (d->handles[i] == h) d->handles[i] = NULL;
    inode_drop(h->file);
    return leave(d, SQLITE_OK);
}

static int m_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) {
    handle *h = of(f);
    enter(h->d);
    const bytes *b = &h->file->now;
    size_t from = (size_t)at, len = (size_t)n, have = from >= b->n ? 0 : b->n - from < len ? b->n - from : len;
    if (have) memcpy(p, b->p + from, have);
    if (have < len) memset((char *)p + have, 0, len - have);
    return leave(h->d, have < len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
}

static int m_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at) {
    handle *h = of(f);
    enter(h->d);
    size_t from = (size_t)at, len = (size_t)n, size = h->file->now.n;
    disk_fault fault = at_point(h->d, DISK_WRITE);
    int rc = fault == DISK_OK ? SQLITE_OK : SQLITE_IOERR_WRITE;
    if (fault == DISK_FAIL) len = 0;
    if (fault == DISK_FAIL_HALF) len /= 2;
    if (h->d->full && from + len > size) {
        len = from < size ? size - from : 0;
        rc = SQLITE_FULL;
    }
    write_now(h->file, from, p, len);
    return leave(h->d, rc);
}

static int m_truncate(sqlite3_file *f, sqlite3_int64 size) {
    handle *h = of(f);
    enter(h->d);
    if (at_point(h->d, DISK_TRUNCATE) != DISK_OK) return leave(h->d, SQLITE_IOERR_TRUNCATE);
    resize(&h->file->now, (size_t)size);
    record(h->file, (size_t)size, NULL, 0);
    return leave(h->d, SQLITE_OK);
}

static int m_sync(sqlite3_file *f, int flags) {
    (void)flags;
    handle *h = of(f);
    disk *d = h->d;
    enter(d);
    if (at_point(d, DISK_SYNC) != DISK_OK) {
        bytes left = {0};
        survive(h->file, &left, mix(d->seed, d->points), (unsigned)d->points);
        free(h->file->durable.p);
        h->file->durable = left;
        forget_changes(h->file);
        return leave(d, SQLITE_IOERR_FSYNC);
    }
    if (d->lies) return leave(d, SQLITE_OK);
    make_durable(h->file);
    if (h->dir_sync) sync_folder(d);
    h->dir_sync = 0;
    return leave(d, SQLITE_OK);
}

static int m_size(sqlite3_file *f, sqlite3_int64 *size) {
    enter(of(f)->d);
    *size = (sqlite3_int64)of(f)->file->now.n;
    return leave(of(f)->d, SQLITE_OK);
}

/* The highest level that another handle of the same file holds. */
static int others_level(const handle *h) {
    int most = SQLITE_LOCK_NONE;
    for (int i = 0; i < HANDLES_MAX; i++) {
        const handle *o = h->d->handles[i];
        if (o && o != h && o->file == h->file && o->level > most) most = o->level;
    }
    return most;
}

static int m_lock(sqlite3_file *f, int level) {
    handle *h = of(f);
    enter(h->d);
    int others = others_level(h), busy = 0;
    if (level <= h->level) return leave(h->d, SQLITE_OK);
    if (level == SQLITE_LOCK_SHARED) busy = others >= SQLITE_LOCK_PENDING;
    if (level == SQLITE_LOCK_RESERVED) busy = others >= SQLITE_LOCK_RESERVED;
    if (level == SQLITE_LOCK_EXCLUSIVE) busy = others >= SQLITE_LOCK_SHARED;
    if (busy) return leave(h->d, SQLITE_BUSY);
    h->level = level;
    return leave(h->d, SQLITE_OK);
}

static int m_unlock(sqlite3_file *f, int level) {
    enter(of(f)->d);
    if (level < of(f)->level) of(f)->level = level;
    return leave(of(f)->d, SQLITE_OK);
}

static int m_check_lock(sqlite3_file *f, int *out) {
    enter(of(f)->d);
    *out = of(f)->level >= SQLITE_LOCK_RESERVED || others_level(of(f)) >= SQLITE_LOCK_RESERVED;
    return leave(of(f)->d, SQLITE_OK);
}

/* What a VFS lacks: see store/vfs.h. */
static int m_control(sqlite3_file *f, int op, void *arg) {
    handle *h = of(f);
    disk *d = h->d;
    int rc = SQLITE_NOTFOUND;
    enter(d);
    if (op == STORE_FCNTL_RENAME) {
        rc = at_point(d, DISK_RENAME) == DISK_OK ? SQLITE_OK : SQLITE_IOERR;
        for (int i = 0; rc == SQLITE_OK && i < NAMES_MAX; i++)
            if (d->names[i].now == h->file) point_to(&d->names[i].now, NULL);
        if (rc == SQLITE_OK) point_to(&find_or_add(d, arg)->now, h->file);
    } else if (op == STORE_FCNTL_SYNC_FOLDER) {
        rc = at_point(d, DISK_SYNC) == DISK_OK ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
        if (rc == SQLITE_OK && !d->lies) sync_folder(d);
    }
    return leave(d, rc);
}
static int m_sector(sqlite3_file *f) {
    (void)f;
    return SECTOR;
}
/* Claims nothing but what SQLite's unix VFS claims by default; rule 2 breaks that claim, and the store's shim denies
 * it. */
static int m_traits(sqlite3_file *f) {
    (void)f;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int m_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    handle *h = of(f);
    enter(h->d);
    if (!h->shm) {
        h->shm = 1;
        h->file->shm_handles++;
    }
    need(page < SHM_PAGES_MAX, "too many pages of shared memory");
    while (extend && h->file->shm_pages <= page) h->file->shm[h->file->shm_pages++] = jd_xcalloc(1, (size_t)size);
    *out = page < h->file->shm_pages ? h->file->shm[page] : NULL;
    return leave(h->d, SQLITE_OK);
}

static int m_shm_lock(sqlite3_file *f, int at, int n, int flags) {
    handle *h = of(f);
    inode *file = h->file;
    enter(h->d);
    unsigned mask = ((1u << n) - 1) << at;
    if (flags & SQLITE_SHM_UNLOCK) {
        for (int i = at; i < at + n; i++) {
            if (h->shm_shared & 1u << i) file->shm_shared[i]--;
            if (h->shm_exclusive & 1u << i) file->shm_exclusive[i] = 0;
        }
        h->shm_shared &= ~mask;
        h->shm_exclusive &= ~mask;
        return leave(h->d, SQLITE_OK);
    }
    int exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    for (int i = at; i < at + n; i++) {
        int mine = (h->shm_shared >> i & 1u) != 0;
        if (file->shm_exclusive[i] && !(h->shm_exclusive & 1u << i)) return leave(h->d, SQLITE_BUSY);
        if (exclusive && file->shm_shared[i] > mine) return leave(h->d, SQLITE_BUSY);
    }
    for (int i = at; i < at + n; i++) {
        if (exclusive)
            file->shm_exclusive[i] = 1;
        else if (!(h->shm_shared & 1u << i))
            file->shm_shared[i]++;
    }
    if (exclusive)
        h->shm_exclusive |= mask;
    else
        h->shm_shared |= mask;
    return leave(h->d, SQLITE_OK);
}

static void m_shm_barrier(sqlite3_file *f) {
    enter(of(f)->d);
    leave(of(f)->d, 0);
}

static int m_shm_unmap(sqlite3_file *f, int remove) {
    (void)remove; /* it goes with the last handle anyway */
    enter(of(f)->d);
    shm_leave(of(f));
    return leave(of(f)->d, SQLITE_OK);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = m_close,
    .xRead = m_read,
    .xWrite = m_write,
    .xTruncate = m_truncate,
    .xSync = m_sync,
    .xFileSize = m_size,
    .xLock = m_lock,
    .xUnlock = m_unlock,
    .xCheckReservedLock = m_check_lock,
    .xFileControl = m_control,
    .xSectorSize = m_sector,
    .xDeviceCharacteristics = m_traits,
    .xShmMap = m_shm_map,
    .xShmLock = m_shm_lock,
    .xShmBarrier = m_shm_barrier,
    .xShmUnmap = m_shm_unmap,
};

/* --- VFS methods --- */

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags) {
    disk *d = v->pAppData;
    handle *h = of(f);
    enter(d);
    *h = (handle){.d = d, .flags = flags};
    entry *e = name ? find_or_add(d, name) : NULL;
    inode *file = e ? e->now : NULL;
    if (!file && name && !(flags & SQLITE_OPEN_CREATE)) return leave(d, SQLITE_CANTOPEN);
    if (!file) {
        if (name && at_point(d, DISK_CREATE) != DISK_OK) return leave(d, SQLITE_CANTOPEN);
        file = inode_new(d);
        if (e) point_to(&e->now, file);
    }
    point_to(&h->file, file);
    h->dir_sync = (flags & SQLITE_OPEN_CREATE) &&
                  (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL));
    h->base.pMethods = &methods;
    int i = 0;
    while (i < HANDLES_MAX && d->handles[i]) i++;
    need(i < HANDLES_MAX, "too many handles");
    d->handles[i] = h;
    if (out_flags) *out_flags = flags;
    return leave(d, SQLITE_OK);
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir) {
    disk *d = v->pAppData;
    enter(d);
    entry *e = find(d, name);
    if (!e || !e->now) return leave(d, SQLITE_IOERR_DELETE_NOENT);
    if (at_point(d, DISK_DELETE) != DISK_OK) return leave(d, SQLITE_IOERR_DELETE);
    point_to(&e->now, NULL);
    if (sync_dir && !d->lies) sync_folder(d);
    return leave(d, SQLITE_OK);
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
    disk *d = v->pAppData;
    enter(d);
    const entry *e = find(d, name);
    /* As SQLite's unix VFS: an empty file does not exist, so that a stale empty journal is not rolled back. */
    *out = e && e->now && (flags != SQLITE_ACCESS_EXISTS || e->now->now.n > 0);
    return leave(d, SQLITE_OK);
}

static int v_full_path(sqlite3_vfs *v, const char *name, int n, char *out) {
    (void)v;
    snprintf(out, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int v_randomness(sqlite3_vfs *v, int n, char *out) {
    disk *d = v->pAppData;
    enter(d);
    for (int i = 0; i < n; i++) out[i] = (char)(unsigned char)mix(d->seed + d->points, (uint64_t)i);
    return leave(d, n);
}

static int v_sleep(sqlite3_vfs *v, int us) {
    (void)v;
    return us;
}

static int v_time(sqlite3_vfs *v, double *out) {
    (void)v;
    *out = 2460000.5; /* nothing stored depends on it */
    return SQLITE_OK;
}

static int v_last_error(sqlite3_vfs *v, int n, char *out) {
    (void)v;
    if (n > 0) out[0] = 0;
    return 0;
}

/* --- the disk --- */

disk *disk_new(uint64_t seed) {
    static _Atomic unsigned serial;
    disk *d = jd_xcalloc(1, sizeof *d);
    d->seed = seed;
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&d->lock, &a);
    pthread_mutexattr_destroy(&a);
    snprintf(d->vfs_name, sizeof d->vfs_name, "disk-%u", atomic_fetch_add(&serial, 1));
    d->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(handle),
        .mxPathname = 1024,
        .zName = d->vfs_name,
        .pAppData = d,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_path,
        .xRandomness = v_randomness,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xGetLastError = v_last_error,
    };
    need(sqlite3_vfs_register(&d->vfs, 0) == SQLITE_OK, "cannot register the VFS");
    return d;
}

void disk_free(disk *d) {
    if (!d) return;
    for (int i = 0; i < HANDLES_MAX; i++) need(!d->handles[i], "a handle is open");
    for (int i = 0; i < NAMES_MAX; i++) {
        inode_drop(d->names[i].now);
        inode_drop(d->names[i].durable);
    }
    sqlite3_vfs_unregister(&d->vfs);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

const char *disk_vfs(const disk *d) {
    return d->vfs_name;
}

/* A durable file with these bytes, which it takes. */
static inode *settled_file(disk *d, bytes b) {
    inode *f = inode_new(d);
    f->now = b;
    put(&f->durable, 0, b.p, b.n);
    return f;
}

disk *disk_cut(disk *d, uint64_t seed) {
    enter(d);
    disk *to = disk_new(seed);
    to->lies = d->lies;
    unsigned style = (unsigned)(mix(seed, 1) % 60);
    for (int i = 0; i < NAMES_MAX; i++) {
        const entry *e = &d->names[i];
        const inode *f = e->now != e->durable && mix(seed, 1000 + (uint64_t)i) % 2 ? e->durable : e->now;
        if (!f) continue;
        bytes b = {0};
        survive(f, &b, seed, style);
        entry *copy = find_or_add(to, e->name);
        point_to(&copy->now, settled_file(to, b));
        point_to(&copy->durable, copy->now);
    }
    leave(d, 0);
    return to;
}

static inode *inode_copy(disk *to, const inode *f) {
    inode *c = inode_new(to);
    put(&c->now, 0, f->now.p, f->now.n);
    put(&c->durable, 0, f->durable.p, f->durable.n);
    for (size_t i = 0; i < f->since_n; i++) {
        record(c, f->since[i].at, f->since[i].data, f->since[i].n);
        c->since[i].size = f->since[i].size;
    }
    return c;
}

disk *disk_kill(disk *d) {
    enter(d);
    disk *to = disk_new(d->seed + 1);
    to->lies = d->lies;
    for (int i = 0; i < NAMES_MAX; i++) {
        const entry *e = &d->names[i];
        if (!e->now && !e->durable) continue;
        entry *copy = find_or_add(to, e->name);
        if (e->now) point_to(&copy->now, inode_copy(to, e->now));
        if (e->durable) point_to(&copy->durable, e->durable == e->now ? copy->now : inode_copy(to, e->durable));
    }
    leave(d, 0);
    return to;
}

void disk_set_watch(disk *d, disk_watch fn, void *user) {
    d->watch = fn;
    d->watch_user = user;
}
void disk_set_fault(disk *d, uint64_t point, disk_fault fault) {
    d->fault_at = point;
    d->fault = fault;
    d->fault_met = 0;
}
int disk_fault_met(const disk *d) {
    return d->fault_met;
}
void disk_give_room(disk *d) {
    d->full = 0;
    if (d->fault_met) d->fault = DISK_OK;
}
void disk_lies_about_sync(disk *d, int on) {
    d->lies = on;
}
uint64_t disk_points(const disk *d) {
    return d->points;
}
uint64_t disk_count(const disk *d, disk_op op) {
    return d->counts[op];
}
int disk_has(const disk *d, const char *name) {
    const entry *e = find(d, name);
    return e && e->now;
}
