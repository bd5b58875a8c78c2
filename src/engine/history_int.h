/* engine/history_int.h - history inside the engine: heads in memory, rows in the store, and who moves them.
 *
 * What is published goes into the active heads (heads.c), whose readings the log holds. Full or old heads are frozen at
 * a group, encoded by the historian thread into rows of a new run (seal.c), which the writer stores between groups;
 * with the last of them the run is whole and the log may be trimmed. Runs of a level are merged into one of the next.
 * Readers take the state of a moment (hist_state): heads and runs in it stay until the last one has left.
 *
 * Locks: history.lock (writer-preferring) guards what is in the active heads and which state is current: the writer
 * takes it to append and to move on, readers while they copy what the heads hold of a series. history.mutex guards the
 * queue of rows between historian and writer. Neither is held while the disk is waited for. */
#ifndef JD_ENGINE_HISTORY_INT_H
#define JD_ENGINE_HISTORY_INT_H
#include "base/err.h"
#include "model/instance.h"
#include "series/series.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct jd_engine jd_engine;
void writer_wake(jd_engine *e); /* any thread: there is something to do that is no job */

/* ---- a change set of one entity's history, as it stands in the log ----
 * zigzag base us | readings: attr, dataset, flags, digits, zigzag(recorded - base), zigzag(at - recorded), skeleton's
 * length + 1 and bytes (0: that of the reading before), count of numbers, (scale, zigzag mantissa)... - all LEB128 but
 * flags, digits and scales.
 *
 * Readings of a series that follow each other and differ in times and numbers alone may stand as one, their run, with
 * 128 in the flags: attr, dataset, flags, digits, how many, a byte (0: the times are those of the run before, which is
 * as long), else for each zigzag(recorded - that before, the first: base), zigzag(at - that before, the first:
 * recorded); then skeleton, count of numbers and the numbers of each. A run has at most HIST_RUN_MAX readings: a few
 * bytes must not stand for any number of them. */
enum { HIST_RUN_MAX = 64 };
typedef struct hist_body {
    jd_buf *b;
    jd_time base;
    jd_str last;   /* skeleton of the reading before, in the caller's memory */
    jd_buf *times; /* of the run before: recorded and at of each; the caller's */
} hist_body;
/* times: room to work in. Both buffers stay the caller's. */
void hist_body_begin(hist_body *h, jd_buf *b, jd_buf *times, jd_time base);
/* r's skeleton must stay until the next call, or until h->last.p is NULL. */
void hist_body_add(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r);
/* The same for readings of one series, in the order in which they came; all their skeletons must stay. */
void hist_body_run(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r, uint32_t n);

/* ---- heads: what came since the last sealing ---- */
typedef struct heads heads;
typedef struct head_run head_run;
typedef struct head_series {
    struct head_series *next; /* of the same entity */
    uint32_t attr, dataset;
    uint32_t n;
    int clears;
    jd_time from, to; /* of `at`, CLEAR left out */
    head_run *newest;
    jd_str skeleton; /* its own */
} head_series;
heads *heads_new(void);
heads *heads_ref(heads *h);
void heads_unref(heads *h);
/* Takes a change set. 0, or -1: malformed (a damaged log); then nothing of it was taken. */
int heads_take(heads *h, uint64_t entity, jd_str body, uint64_t group);
/* The same of one that this program has just made (hist_body_*): it is not looked at first. */
void heads_take_own(heads *h, uint64_t entity, jd_str body, uint64_t group);
/* A change set of the entity comes soon (how_far 0: very soon): what it asks for is brought into the cache. */
void heads_ahead(const heads *h, uint64_t entity, int how_far);
size_t heads_bytes(const heads *h);
uint64_t heads_readings(const heads *h);
jd_time heads_latest(const heads *h);    /* greatest time recorded, or of a reading without observedAt; 0: empty */
uint64_t heads_upto(const heads *h);     /* newest group in it; 0: empty */
uint64_t heads_since_ns(const heads *h); /* when its first reading came, monotonic */
const head_series *heads_of(const heads *h, uint64_t entity);
const head_series *heads_find(const heads *h, const jd_skey *key);
/* Copies the readings with from <= at <= to (CLEAR always), as they came, into out, which has room for s->n; returns
 * how many. They point into the heads. */
size_t heads_copy(const head_series *s, jd_time from, jd_time to, jd_reading *out);
/* All entities, ascending; free() it. */
size_t heads_entities(const heads *h, uint64_t **out);
/* The keys of an entity in order, in the arena. */
size_t heads_keys(const heads *h, uint64_t entity, jd_arena *a, jd_skey **out);

/* ---- runs: rows of the store ---- */
typedef struct run_row {
    int64_t id;
    uint32_t bytes;
    jd_rowhead head;
} run_row;
typedef struct run {
    _Atomic int refs;
    struct history *h;
    int64_t id;
    uint32_t level;
    uint64_t first_group, last_group; /* orders runs by age */
    jd_time latest;                   /* as of heads */
    run_row *rows;                    /* by first key */
    uint32_t rows_n, rows_cap;
    uint64_t readings, bytes;
    int replaced;   /* when the last reference goes, its rows go from the store */
    jd_time folded; /* of one that was just merged: as hist_state.folded */
} run;

typedef struct hist_state {
    _Atomic int refs;
    heads *active, *frozen; /* frozen may be NULL */
    run **runs;             /* newest first */
    uint32_t runs_n;
    jd_time folded; /* readings from before it may have become roll-ups, or gone, since the start */
} hist_state;

typedef struct hist_opts {
    size_t heads_bytes;    /* sealed from here; 0: 64 MiB */
    uint64_t heads_age_ms; /* or when so old; 0: 10 minutes */
    size_t cache_bytes;    /* of row bodies; 0: 256 MiB */
    size_t recent_bytes;   /* of readings that windows ask for; 0: 256 MiB */
    uint32_t fan;          /* runs of a level that become one of the next; 0: 8 */
    int manual;            /* tests: no thread; history_step does its work */
} hist_opts;

typedef struct history {
    jd_engine *e;
    jd_store *store;
    hist_opts o;
    pthread_rwlock_t lock;
    hist_state *state;
    uint64_t stored_ns;  /* writer: when rows were last stored */
    uint64_t log_loaded; /* bytes of log that stood there at the start */
    uint64_t log_from;   /* writer: bytes logged, with those, when the active heads began; UINT64_MAX: they are empty */

    pthread_mutex_t mutex;
    pthread_cond_t moved; /* either side */
    struct hist_step *queue_first, **queue_last;
    size_t queue_bytes;
    int64_t *drops; /* rows of replaced runs */
    size_t drops_n, drops_cap;
    _Atomic int stopping;
    _Atomic int settle;         /* all runs are to become one: asked for, or because nothing came for a while */
    uint64_t moves;             /* states so far: whoever waits for one sees it move */
    int64_t next_row, next_run; /* the historian's, after opening */
    uint64_t retain_every_ms, retained_ns; /* policies: 0 there is none; when they were last looked at */
    uint64_t piece_ns;                     /* historian: since when it has worked without a rest */
    _Atomic uint64_t group_ns;             /* when the last group was published, monotonic */
    _Atomic uint32_t fill;                 /* per mille of what the heads may hold */
    pthread_t thread;
    int started;
    int settle_rc;       /* of the last settling */
    _Atomic int failing; /* the historian's last try failed: writers do not wait for it */

    struct row_cache *cache;
    struct recent *recent;
    _Atomic uint64_t readings_taken, rows_written, bytes_written, merges, sealed_readings;
} history;

int history_open(history *h, jd_engine *e, jd_store *s, const hist_opts *o, jd_err *err); /* before the log is loaded */
int history_load_change(history *h, uint64_t entity, jd_str body, uint64_t group, jd_err *err);
/* The latest time that anything in it bears: what is recorded from now on must be later, whatever the clock says. */
jd_time history_latest(history *h);
void history_start(history *h);
/* The historian ends; what is in the heads stays in the log. After the writer has ended. */
void history_close(history *h);
void history_metrics(history *h, jd_buf *out);

/* Writer: a group's change sets are durable. */
typedef struct hist_change {
    uint64_t entity;
    size_t at, n; /* within the group's buffer */
} hist_change;
void history_publish(history *h, const hist_change *c, size_t n, const char *bytes, uint64_t group);
/* Writer, between groups: stores rows that wait. 1: did something; 0: nothing to do; JD_STORE_REFUSED,
 * JD_STORE_UNKNOWN. */
int history_store(history *h, jd_err *err);
/* Writer, before a group: freezes what is full or old, stores what waits, and where sealing falls behind waits for it.
 * quiet: nothing else is to be done. Returns as history_store. */
int history_turn(history *h, int quiet, jd_err *err);
/* Writer: a policy was published. */
void history_policies_changed(history *h);
/* Any thread: seals the heads and merges all runs into one; returns when it is done (or -1 when the program stops). */
int history_settle(history *h);

/* ---- states ---- */
hist_state *history_hold(history *h);
void history_release(history *h, hist_state *s);

/* ---- rows.c ---- */
run *run_new(history *h, int64_t id, uint32_t level);
run *run_ref(run *r);
void run_unref(run *r);
void run_add_row(run *r, int64_t id, const jd_rowhead *head, uint32_t bytes);
void rowhead_write(jd_buf *b, const jd_rowhead *h);
int rowhead_read(jd_str s, jd_rowhead *h); /* 0 or -1 */
/* First row whose last key is not below `key`, or rows_n. */
uint32_t run_seek(const run *r, const jd_skey *key);

/* A row's bytes, opened; held until given back. */
typedef struct row_ref {
    jd_row row;
    struct cached_row *c;
} row_ref;
int row_get(history *h, int64_t id, row_ref *out, jd_err *err);
/* This thread does not wait for the disk from here on: *would is set and row_get fails where it would. NULL: it may. */
void row_patience(int *would);
void row_put(history *h, row_ref *r);
struct row_cache *row_cache_new(size_t bytes);
void row_cache_free(struct row_cache *c);
void row_cache_forget(struct row_cache *c, int64_t id);
size_t row_cache_bytes(struct row_cache *c);

/* ---- read.c ---- */
/* Where readings of one series lie: chunks of rows, and what the heads hold of it (copied, so that nothing moves). */
typedef struct hist_part {
    int64_t row; /* 0: of the heads */
    jd_chunkhead c;
    jd_time from, to; /* of `at`; from > to: nothing but CLEARs */
    int clears;
    jd_reading *readings; /* of the heads */
    size_t n;
} hist_part;
/* Parts of a series that may hold readings with from <= at <= to (or a CLEAR), oldest source first, in the arena. The
 * state must be held. */
int hist_parts(history *h, hist_state *s, const jd_skey *key, jd_time from, jd_time to, jd_arena *a, hist_part **out,
               size_t *n, jd_err *err);
/* Keys (tier 0) of all series of an entity, in order, each once. */
int hist_keys(history *h, hist_state *s, uint64_t entity, jd_arena *a, jd_skey **out, size_t *n, jd_err *err);
/* Tiers that a series has, ascending, at most max. */
int hist_tiers(history *h, hist_state *s, const jd_skey *key, uint32_t *out, size_t max, size_t *n, jd_err *err);
/* When the whole entity was last cleared; JD_TIME_NONE: never. */
int hist_cleared(history *h, hist_state *s, uint64_t entity, jd_arena *a, jd_time *out, jd_err *err);
/* The part's readings with from <= at <= to and every CLEAR. */
int hist_part_read(history *h, const hist_part *p, jd_time from, jd_time to, jd_arena *a, jd_reading **out, size_t *n,
                   jd_err *err);
#endif
