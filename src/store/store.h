/* store/store.h - durable storage: one file, one writing connection, log first.
 *
 * What it is:  three tables (meta beside them): symbol (number -> name), document (key -> newest written-behind body),
 * log (group -> every change of that group); and two for what becomes of changes that have no document: run, and chunk
 * (row -> head and body). A commit group is one transaction: its log row, its new symbols, up to 64
 * written-behind documents and some trimmed log rows. The log row is the promise; documents are written behind from the
 * newest durable bodies, in key order, and the log is trimmed from its front only. Lifetime:    jd_store_open ..
 * jd_store_close. One process per folder, held by a lock file. Threads:     load, commit and idle on the owner's one
 * writer thread; read, backup and stats from any thread. Fails:       JD_STORE_REFUSED: nothing of the group is there
 * or ever will be. JD_STORE_UNKNOWN: a sync failed, the group may or may not be there after a restart; the store is
 * dead from then on: commit refuses (what it refuses is absent), idle says JD_STORE_UNKNOWN, all else fails, stats say
 * `dead`. The helper's checkpoint can meet the failed sync too, so an owner looks at `dead` after any refusal, and ends
 * the process. Formats:     store/FORMAT.md. Every stored body is led by a format number and a CRC-32C; a bad one is an
 * error that names table and key, never "not found". */
#ifndef JD_STORE_STORE_H
#define JD_STORE_STORE_H
#include "base/buf.h"
#include "base/err.h"

typedef struct jd_store jd_store;

/* A document's key: tenant number << 48 | kind << 40 | serial. The store only needs the order and that
 * 0 < key < INT64_MAX. */
typedef int64_t jd_key;

typedef struct jd_store_opts {
    const char *dir;        /* folder; made if absent (not its parents) */
    const char *vfs;        /* SQLite VFS to use below our own shim; NULL: the default one. The tests' seam. */
    uint64_t log_bytes_max; /* bound of untrimmed log; 0: 256 MiB */
    uint64_t
        min_free; /* bytes; below it commits are refused with JD_E_STORAGE_FULL while idle sweeps go on; 0: 64 MiB */
    int create;   /* 0: an empty or absent folder is an error */
    uint64_t wal_bytes;     /* the write-ahead file is taken back to its start about here; 0: 16 MiB */
    uint64_t wal_bytes_max; /* a back-up that pins the write-ahead file gives up when it reaches this; 0: 1 GiB */
    int step;               /* tests: no helper thread; commit and idle run its checkpoints themselves */
    uint64_t log_only; /* bit k: changes of kind k (bits 40..47 of a key) live in the log alone, until jd_store_seal
                          says that rows hold them; they have no document and may repeat a key in a group. Kept
                          with the store: once set, a kind stays so, whoever opens it */
    uint64_t passing;  /* of those kinds, the ones that no row ever holds: their changes are handed out by a load for as
                          long as the log has them, and hold it only through jd_store_keep */
} jd_store_opts;

enum { JD_STORE_OK = 0, JD_STORE_REFUSED = -1, JD_STORE_UNKNOWN = -2 };

/* What an earlier process left in the write-ahead file is first made durable for certain, whatever became of its syncs.
 * JD_E_INVALID_REQUEST: not a Jindu store, a newer format, locked by another process (says by whom).
 * JD_E_INTERNAL: damaged. JD_E_STORAGE_FULL: no room to settle the write-ahead file. */
int jd_store_open(jd_store **out, const jd_store_opts *opts, jd_err *err);
void jd_store_close(jd_store *s); /* sweeps nothing: closing is as safe as a power cut */

/* The newest durable body of a key, asked by the store while it writes behind, on the writer thread, inside commit or
 * idle. Returns p == NULL when the key is gone. The bytes must stay until the call into the store returns. */
typedef jd_str (*jd_store_current_fn)(void *user, jd_key key);
void jd_store_set_current(jd_store *s, jd_store_current_fn fn, void *user);

typedef struct jd_store_loader {
    void *user;
    /* All symbols in order of number, then all documents in key order, then the log's changes in group order (a change
     * of the log stands above the document row; those that the row is known to hold are passed over). A callback
     * that returns non-zero stops the load, which then fails with *err as the callback left it. Bytes live for the
     * call. */
    int (*symbol)(void *user, uint32_t number, jd_str name, jd_err *err);
    int (*document)(void *user, jd_key key, jd_str body, jd_err *err);
    int (*change)(void *user, uint64_t group, jd_key key, jd_str body /* p NULL: gone */, jd_err *err);
    /* A change that the log holds as a patch of the body that the key has by then (jd_store_patch makes the new one). A
     * key that is absent by then has been removed later, and that change is to follow, else the store is damaged. */
    int (*patch)(void *user, uint64_t group, jd_key key, jd_str patch, jd_err *err);
} jd_store_loader;
/* Appends what a patch makes of `base` to *out. 0, or -1: the patch is not of this base, *err says of which key. */
int jd_store_patch(jd_key key, jd_str base, jd_str patch, jd_buf *out, jd_err *err);
/* Also marks what the log holds as dirty (but for log-only kinds, whose changes are passed over when a whole run has
 * them: groups up to `sealed`), so it comes before the first commit. *last_group: the newest group, 0 when
 * none. A NULL callback is passed over. */
int jd_store_load(jd_store *s, const jd_store_loader *loader, uint64_t *last_group, jd_err *err);

typedef struct jd_store_change {
    jd_key key;
    jd_str body; /* p == NULL: the document goes */
    jd_str base; /* its body with all groups before this one, where the key stands here for the first time: then the log
                    may hold only how they differ. p == NULL: there was none, or it is not at hand */
} jd_store_change;
typedef struct jd_store_symbol {
    uint32_t number;
    jd_str name;
} jd_store_symbol;
typedef struct jd_store_group {
    uint64_t number; /* last + 1 */
    const jd_store_change *changes;
    size_t changes_n;
    const jd_store_symbol *symbols; /* each number one above the last that is stored; the very first is 0 or 1 */
    size_t symbols_n;
    int lets_go; /* it leads to jd_store_keep being moved on: it may take an eighth beyond log_bytes_max */
} jd_store_group;

/* Durable on return of JD_STORE_OK. A key may stand in a group more than once; the last one counts. An empty group is
 * a group. JD_E_STORAGE_FULL: below min_free; JD_E_TOO_LARGE: more than 256 MiB; JD_E_BUSY: the log is at its bound and
 * no current function is set, or only log-only changes that wait to be sealed hold it (seal before stats.log_bytes
 * less stats.log_due comes near log_bytes_max, half of it say). */
int jd_store_commit(jd_store *s, const jd_store_group *g, jd_err *err);
/* The log is not trimmed from this group on, until told otherwise; 0: nothing is held so (which is how a store opens).
 * Writer thread. What is held this way counts against log_bytes_max: a commit at the bound is refused with JD_E_BUSY.
 */
void jd_store_keep(jd_store *s, uint64_t group);
/* Appends how `body` differs from `base`, for jd_store_patch to undo: 0 when that is not worth it, else its length. */
size_t jd_store_patch_make(jd_str base, jd_str body, jd_buf *out);
/* Does a bounded piece of write-behind and checkpoint work (a few milliseconds). Returns 1 when more remains, 0 when
 * all is clean, JD_STORE_REFUSED when the piece failed and was rolled back (try later), JD_STORE_UNKNOWN on a dead
 * store. Call it when no group has waited for a while: a call at once after each group leaves nothing to coalesce. */
int jd_store_idle(jd_store *s, jd_err *err);

/* ---- rows: what log-only changes become (the engine's history) ----
 * A row is a blob that is written once and dropped one day. Rows belong to a run; a run's rows count only once the run
 * is declared whole, in the transaction that writes its last rows; until then, and after it was declared gone, a start
 * does not see them and removes them by and by. */
typedef struct jd_store_row {
    int64_t id;  /* > 0, never used before */
    int64_t run; /* > 0 */
    jd_str head; /* what a directory needs of it, at most 400 bytes; read at start without the body */
    jd_str body;
} jd_store_row;
typedef struct jd_store_seal_step {
    const jd_store_row *rows;
    size_t rows_n;
    int64_t whole;       /* run that is whole with these rows; 0: none yet */
    jd_str whole_note;   /* what the caller wants to find beside the run at start; at most 400 bytes */
    const int64_t *gone; /* runs that go with it: one transaction, all or nothing */
    size_t gone_n;
    uint64_t sealed;  /* log-only changes of groups up to here are in whole runs: the log may be trimmed so far; 0: as
                         it was */
    int64_t drop[64]; /* rows of gone runs that nobody reads any more, at most 64 */
    size_t drop_n;
} jd_store_seal_step;
/* One durable transaction on the writer thread, between groups, at most 256 MiB, better 256 kB. Returns as
 * jd_store_commit. A run is open from its first row until it is whole; rows of a whole run, of one that an earlier
 * process left or that is gone are refused, so new runs and rows are numbered above stats.run_last and row_last.
 * `gone` and `drop` go without `whole` too. `sealed` below what it is changes nothing. JD_E_STORAGE_FULL: a step with
 * rows, below min_free; others make room and go on. JD_E_INTERNAL: a step that breaks these rules. */
int jd_store_seal(jd_store *s, const jd_store_seal_step *step, jd_err *err);
/* Runs that are whole and their rows, in order of (run, id), without bodies; before the first commit, any time after
 * jd_store_open. A callback that returns non-zero stops. */
typedef struct jd_store_row_loader {
    void *user;
    int (*run)(void *user, int64_t run, jd_str note, jd_err *err);
    int (*row)(void *user, int64_t run, int64_t id, jd_str head, uint64_t body_bytes, jd_err *err);
} jd_store_row_loader;
int jd_store_load_rows(jd_store *s, const jd_store_row_loader *loader, jd_err *err);
/* Opens what reading needs ahead of the first question. Any thread, after jd_store_load. */
void jd_store_warm(jd_store *s);
/* The row's body, its checksum verified, appended to *out, whatever its run is: a gone one's until it is dropped.
 * 1 found, 0 absent, -1 error. Any thread. */
int jd_store_read_row(jd_store *s, int64_t id, jd_buf *out, jd_err *err);

/* Appends the written-behind body of key to *out: not what only the log holds yet. Returns 1 found, 0 absent, -1 error.
 * Any thread. */
int jd_store_read(jd_store *s, jd_key key, jd_buf *out, jd_err *err);

typedef struct jd_store_stats {
    uint64_t group_last, log_rows, log_bytes, dirty, wal_bytes, file_bytes, commits, written_behind, checkpoints;
    uint64_t log_due;           /* bytes of log that nothing needs any more and that wait to be trimmed */
    uint64_t logged;            /* bytes of log rows written since the store was opened */
    uint64_t sealed;            /* see jd_store_seal_step; never below what has been trimmed */
    uint64_t rows, row_bytes;   /* of whole runs; bodies */
    int64_t row_last, run_last; /* the greatest ids in use, also of runs that nobody sees: new ones go above */
    int dead;                   /* after JD_STORE_UNKNOWN */
} jd_store_stats;
void jd_store_get_stats(jd_store *s, jd_store_stats *out);
/* Bytes that are free where the store lies (0: unknown); *least those below which nothing is taken, *log_most the bound
 * of the log. Any thread; asks the file system. */
uint64_t jd_store_room(const jd_store *s, uint64_t *least, uint64_t *log_most);

/* Progress of long work: done of total (0: unknown); may be NULL. */
typedef void (*jd_store_progress)(void *user, uint64_t done, uint64_t total);
/* Online and consistent: log and documents of one instant, into the new file `path` (must not exist), synced. Any
 * thread; commits go on. JD_E_BUSY: given up, because the write-ahead file reached wal_bytes_max meanwhile. */
int jd_store_backup(jd_store *s, const char *path, jd_store_progress fn, void *user, jd_err *err);
/* Turns a back-up file into a data folder (must not exist or be empty); verifies it first (jd_store_check). */
int jd_store_restore(const char *file, const char *dir, jd_store_progress fn, void *user, jd_err *err);
/* Verifies a folder that no process serves, or a back-up file: SQLite's integrity, every CRC, group numbers without a
 * gap, symbols dense, runs with their rows, no log trimmed that is not sealed. Each finding, a line of English, is
 * handed to `report`; returns the number of findings, -1 when it cannot be read, is no store or is served. Changes
 * nothing. */
int64_t jd_store_check(const char *dir_or_file, void (*report)(void *user, const char *finding), void *report_user,
                       jd_store_progress fn, void *user, jd_err *err);

/* Gives free pages back to the file system: the file of a folder that no process serves is rewritten without them, all
 * or nothing (a power cut leaves the old file or the new one), and verified. Needs room for the new file beside the old
 * one. *before, *after (may be NULL): bytes of the file. Fails like jd_store_open; a damaged file is not rewritten. */
int jd_store_compact(const char *dir, uint64_t *before, uint64_t *after, jd_err *err);

enum { JD_STORE_FORMAT = 4 };
#endif
