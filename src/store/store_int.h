/* store/store_int.h - what the files of the store share. Nobody outside src/store and its own tests includes it. */
#ifndef JD_STORE_INT_H
#define JD_STORE_INT_H
#include "store/dirty.h"
#include "store/format.h"
#include "store/patch.h"
#include "store/vfs.h"

#include <pthread.h>

enum {
    STORE_APPLICATION_ID = 0x4A696E64, /* "Jind" */
    STORE_PAGE = 4096,
    STORE_FRAME = STORE_PAGE + 24, /* a page in the WAL */
    STORE_SWEEP_ROWS = 64,         /* rows written behind in a group's own transaction while all is well */
    STORE_SWEEP_ROWS_MAX = 1024,   /* as the log nears its bound */
    STORE_READERS = 4,
    STORE_GROUP_BYTES_MAX = 256 << 20, /* encoded log row; rows of one step */
    STORE_HEAD_MAX = 400,              /* head of a row, note of a run */
    STORE_STALE_ROWS = 16,             /* rows of earlier processes removed at a time */
    STORE_DROPS = sizeof((jd_store_seal_step *)0)->drop / sizeof(int64_t),
};

#define STORE_DB_NAME "jindu.db"
#define STORE_LOCK_NAME "lock"
#define STORE_TAIL_SUFFIX "-tail"
#define STORE_NEW_SUFFIX "-new" /* what a compaction is writing */

typedef enum store_query {
    STORE_Q_BEGIN,
    STORE_Q_COMMIT,
    STORE_Q_ROLLBACK,
    STORE_Q_PUT_LOG,
    STORE_Q_PUT_SYMBOL,
    STORE_Q_PUT_DOCUMENT,
    STORE_Q_DEL_DOCUMENT,
    STORE_Q_TRIM_LOG,
    STORE_Q_SET_TRIMMED,
    STORE_Q_SET_SEALED,
    STORE_Q_PUT_RUN,
    STORE_Q_DEL_RUN,
    STORE_Q_PUT_ROW,
    STORE_Q_DEL_ROW,
    STORE_Q_RUN_OF_ROW,
    STORE_Q_DEL_STALE,
    STORE_Q_COUNT
} store_query;

/* Bytes of each log row from `first` on: a ring, so that trimming from the front and its cost need no query. */
typedef struct store_log_sizes {
    uint32_t *at;
    size_t cap, head, n; /* cap is a power of two or 0 */
} store_log_sizes;

/* Runs as the store knows them. On disk a run is open, whole or gone; one that was open or gone when the store was
 * opened is nobody's any more: stale. */
typedef enum store_run_state { STORE_RUN_OPEN, STORE_RUN_WHOLE, STORE_RUN_GONE, STORE_RUN_STALE } store_run_state;
typedef struct store_run {
    int64_t id;
    store_run_state state;
    int changed, leaves;  /* by the step that is being planned: to be written, to be forgotten */
    uint64_t rows, bytes; /* rows that stand in the table and their bodies; not known of a stale run */
} store_run;
typedef struct store_runs {
    store_run *at; /* in order of id */
    size_t n, cap;
} store_runs;

typedef struct store_reader {
    pthread_mutex_t lock; /* guards what follows */
    sqlite3 *db;          /* NULL until first used */
    sqlite3_stmt *document, *row;
} store_reader;

struct jd_store {
    /* Set by open, constant after. */
    char *dir, *path;
    int lock_fd;
    store_vfs *vfs;
    uint64_t log_bytes_max, min_free, wal_bytes_max;
    uint64_t wal_soft; /* frames */
    uint64_t log_only; /* kinds, a bit each */
    uint64_t passing;  /* of these */
    int step;

    /* The writer thread's own. */
    sqlite3 *db;
    sqlite3_stmt *q[STORE_Q_COUNT];
    jd_store_current_fn current;
    void *current_user;
    int loaded;          /* the dirty set knows what the log holds */
    int64_t symbol_last; /* -1: none */
    jd_buf row, sealed;
    store_dirty dirty;
    jd_key keys[STORE_SWEEP_ROWS_MAX]; /* picked for the running transaction */
    uint64_t group_last;
    uint64_t sweep_group; /* newest group when the running sweep began */
    uint64_t trim_to;     /* log rows up to this group are written behind */
    uint64_t due_to;      /* the rows from trimmed to here are `due_bytes`; trimmed or above */
    uint64_t due_bytes;
    uint64_t trimmed;       /* newest trimmed group; the log begins behind it */
    uint64_t sealed_to;     /* log-only changes up to this group are not the log's any more; never below trimmed */
    uint64_t hold;          /* from this group on the log is held by log-only changes that are not sealed; 0: nothing */
    uint64_t keep;          /* the owner holds the log from this group on; 0: it does not */
    uint64_t log_only_last; /* newest group that has log-only changes */
    struct store_ahead {    /* while loading: documents that stand ahead of the log's beginning, in order of key */
        jd_key key;
        uint64_t group;
    } * ahead;
    size_t ahead_n, ahead_cap;
    store_runs runs, planned;     /* planned: as they will be when the running transaction is durable */
    size_t drop_run[STORE_DROPS]; /* of each row to drop, its run in `planned`; SIZE_MAX: there is no such row */
    int64_t row_last, run_last;   /* the greatest ids */
    uint64_t group_bytes;         /* moving average of a log row */
    uint64_t rows_due;            /* rows the pace asks for, collected into batches */
    store_log_sizes sizes;
    uint64_t wal_frames, wal_turn; /* where the WAL ended with the last good commit */
    uint64_t wal_retry;            /* frames below which a checkpoint held up by a reader is not tried again */
    int full;                      /* the disk was below min_free when last looked at */
    unsigned space_skips;
    uint64_t space_at_ns;

    /* Written by the writer thread, read by any. */
    _Atomic uint64_t group_last_seen, log_rows, log_bytes, log_due, dirty_n, wal_bytes, commits;
    _Atomic uint64_t written_behind, checkpoints, sealed_seen, rows, row_bytes, logged;
    _Atomic int64_t row_last_seen, run_last_seen;
    _Atomic int dead;

    /* The helper that runs passive checkpoints (wal.c). */
    sqlite3 *ckpt;
    pthread_t helper;
    int helper_runs;
    pthread_mutex_t helper_lock; /* guards what follows */
    pthread_cond_t helper_wake, helper_done;
    int helper_want, helper_busy, helper_stop, helper_rc;
    uint64_t filled_turn, filled; /* frames of that turn of the WAL which are in the database file */

    store_reader readers[STORE_READERS];
    _Atomic unsigned reader_next;
};

/* store.c */
/* Fills *err from an SQLite failure: what was being done, SQLite's words and number. Returns -1. */
int store__sql_fail(sqlite3 *db, int rc, jd_err *err, const char *what_en, const char *what_zh);
/* The same for errno. */
int store__os_fail(jd_err *err, const char *what_en, const char *what_zh, const char *path);
/* A stored body that is bad: names table and key. Returns -1. */
int store__bad_fail(jd_err *err, const char *table, int64_t key, store_bad bad);
/* Opens a connection of the store with its settings. NULL on failure, *err filled. */
sqlite3 *store__connect(const char *path, const char *vfs, int flags, int cache_kb, jd_err *err);
int store__exec(sqlite3 *db, const char *sql);
/* First column of the first row; `none` when there is no row. Returns an SQLite code. */
int store__int(sqlite3 *db, const char *sql, int64_t none, int64_t *out);
/* Is this database a Jindu store that this program reads? Its format's number, 0: it is empty, -1: no (*err filled). */
int store__identify(sqlite3 *db, const char *path, jd_err *err);
/* Takes the folder's lock and writes our pid into it; the descriptor, or -1 with *err saying who holds it. */
int store__lock_folder(const char *dir, jd_err *err);
int store__sync_folder(const char *dir, jd_err *err);
char *store__join(const char *dir, const char *name); /* free() it */
/* The store can no longer say what is on disk. Returns JD_STORE_UNKNOWN. */
int store__die(jd_store *s, jd_err *err, const char *why);
/* Has a sync failed? Looks at what the helper met, too. */
int store__dead(jd_store *s);
int store__refuse_dead(jd_err *err);
/* Refuses with JD_E_STORAGE_FULL when too little of the disk is free for `bytes` more. */
int store__space(jd_store *s, uint64_t bytes, jd_err *err);
static inline int store__log_only(const jd_store *s, jd_key key) {
    unsigned kind = (unsigned)(key >> 40 & 0xff);
    return kind < 64 && (s->log_only >> kind & 1);
}
/* Log-only, and to be sealed into rows one day. */
static inline int store__to_seal(const jd_store *s, jd_key key) {
    return store__log_only(s, key) && !(s->passing >> (key >> 40 & 0xff) & 1);
}
static inline jd_str store__blob(sqlite3_stmt *q, int i) {
    const void *p = sqlite3_column_blob(q, i); /* NULL for an empty blob */
    return (jd_str){p ? p : "", (size_t)sqlite3_column_bytes(q, i)};
}

/* Closes a connection; with keep_wal without the checkpoint that SQLite makes with the last one. */
void store__close_db(sqlite3 *db, int keep_wal);

/* read.c */
void store__readers_close(jd_store *s, int keep_wal);

/* rows.c */
/* What the tables hold of runs, at open. */
int store__rows_survey(jd_store *s, jd_err *err);
/* Inside a transaction: a step's rows and runs, or (step NULL) some rows of the stale run at that place in s->planned.
 * Returns an SQLite code. */
int store__rows_write(jd_store *s, const jd_store_seal_step *step, size_t stale);
/* That transaction is durable. */
void store__rows_settled(jd_store *s, const jd_store_seal_step *step);
/* Removes a piece of what earlier processes left. 1: it did, 0: nothing is left, else what transact returned. */
int store__rows_clean(jd_store *s, jd_err *err);

/* sweep.c */
typedef struct store_work {
    const jd_store_group *group;    /* NULL: only write behind; its log row stands encoded in s->row */
    const jd_store_seal_step *seal; /* with s->planned; or NULL */
    size_t stale;                   /* 1 + index in s->planned of the run whose rows go; 0: none */
    size_t rows;                    /* documents to write behind, at most STORE_SWEEP_ROWS_MAX */
    uint64_t trim_bytes;            /* log to trim, at least one row when any is due */
} store_work;
/* One transaction. JD_STORE_OK, JD_STORE_REFUSED (rolled back) or JD_STORE_UNKNOWN (the store is dead). */
int store__transact(jd_store *s, const store_work *w, jd_err *err);
/* How much write-behind goes with a group of `bytes` encoded bytes. */
void store__plan(jd_store *s, uint64_t bytes, store_work *w);
/* Bytes of log that nothing needs any more and that wait to be trimmed. */
uint64_t store__trim_due(jd_store *s);
/* Writes behind until a log row of `bytes` fits under the bound and what is beyond; what transact returns. */
int store__make_room(jd_store *s, uint64_t bytes, uint64_t beyond, jd_err *err);
/* One of the prepared statements, to its end. */
int store__run(jd_store *s, store_query which);
/* A group that is in the log has log-only changes. */
void store__hold(jd_store *s, uint64_t group);
void store__sizes_push(store_log_sizes *z, uint32_t bytes);
void store__publish(jd_store *s);

/* wal.c */
int store__wal_start(jd_store *s, jd_err *err);
void store__wal_stop(jd_store *s);
/* After each transaction: starts or runs what checkpointing is due. */
void store__wal_after(jd_store *s);
/* A bounded piece while nothing waits. 1: more remains. */
int store__wal_idle(jd_store *s);

/* walfile.c */
/* Frames of the WAL file up to its last whole commit, as a restart would read it. 0, or -1 when it cannot be read. */
int store__wal_scan(sqlite3 *db, uint64_t *frames);
/* Before the database is opened: makes the last transaction of a WAL that was left behind durable. */
int store__wal_settle(jd_store *s, jd_err *err);
/* For who only reads: completes a settling that a power cut stopped; else changes nothing. */
int store__wal_mend(sqlite3_vfs *vfs, const char *path, jd_err *err);
/* After the WAL has been emptied and before anything is written: removes what settling needed. */
int store__wal_settled(jd_store *s, jd_err *err);

/* compact.c */
/* jd_store_compact below a VFS of the caller's choice. */
int store__compact(const char *dir, const char *vfs, uint64_t *before, uint64_t *after, jd_err *err);

/* check.c */
/* jd_store_check on a database file below a VFS of the caller's choice; takes no lock. */
int64_t store__check_file(const char *path, const char *vfs, void (*report)(void *user, const char *finding),
                          void *report_user, jd_store_progress fn, void *user, jd_err *err);
#endif
