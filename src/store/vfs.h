/* store/vfs.h - our shim between SQLite and the VFS that does the work: starts write-out early, counts, and remembers
 * that a sync failed. One shim per open store, registered under a name of its own.
 * Lifetime: from store__vfs_new to store__vfs_free, which must come after the last connection on it is closed.
 * Threads: the connections of one store, each from its own thread; counters are atomic. */
#ifndef JD_STORE_VFS_H
#define JD_STORE_VFS_H
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct store_vfs {
    sqlite3_vfs base;
    sqlite3_vfs *lower;
    char name[40];
    int native;           /* the lower VFS works on real files: write-out by file descriptor makes sense */
    pthread_mutex_t lock; /* guards the two below */
    int fd_db, fd_wal;    /* for write-out only; see vfs.c on why they stay open; -1: none */
    _Atomic uint64_t writes, bytes, syncs;
    _Atomic uint64_t db_bytes;  /* size of the database file */
    _Atomic uint64_t wal_turns; /* times the WAL began anew (its header was written) */
    _Atomic int sync_failed;    /* a sync of the database or its WAL has failed: nothing is certain any more */
} store_vfs;

/* lower: name of a registered VFS, NULL: the default one. NULL when there is no such VFS. */
store_vfs *store__vfs_new(const char *lower);
void store__vfs_free(store_vfs *v);

/* Files by name, on any VFS. A name as a VFS wants it, from store__file_name, is followed by an empty list of
 * parameters. */
char *store__file_name(const char *path, const char *suffix); /* free() it */
int store__file_there(sqlite3_vfs *v, const char *name);      /* and not empty */
/* NULL with *rc, an SQLite code. flags: what the file is, and whether to create it. */
sqlite3_file *store__file_open(sqlite3_vfs *v, const char *name, int flags, int *rc);
void store__file_close(sqlite3_file *f);

/* What SQLite's VFS lacks: a name that replaces another, all or nothing, and a folder made durable (`of`: a file in
 * it). Return SQLite codes. On a lower VFS without real files they are file controls of the file: the tests' seam. */
enum { STORE_FCNTL_RENAME = 0x4a690001 /* arg: the new name */, STORE_FCNTL_SYNC_FOLDER };
int store__vfs_rename(store_vfs *v, const char *from, const char *to);
int store__vfs_sync_folder(store_vfs *v, const char *of);
#endif
