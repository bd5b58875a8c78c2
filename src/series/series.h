/* series/series.h - readings of many series as rows of bytes, and back, bit for bit.
 *
 * A series is one attribute instance line of one entity: (entity, attribute, dataset, tier). A reading is one moment of
 * it: two times (when it held, when the store took it), flags, a skeleton (the attribute's record without its times,
 * its decimal numbers taken out) and those numbers. A chunk is at most JD_CHUNK_MAX readings of one series, column by
 * column, with its aggregates; a row is many chunks in order of (series, time), about JD_ROW_BYTES long, and is what
 * the store keeps. Skeletons are kept once per row. Memory: builders own their bytes; decoded readings live in the
 * given arena and point into it, never into the row. Threads: rows are immutable; builders belong to one thread. Fails:
 * JD_E_INTERNAL for bytes that are no row: they may be damaged or hostile, nothing is read beyond their end. Pure: no
 * file, no clock. The row's checksum is the store's. */
#ifndef JD_SERIES_SERIES_H
#define JD_SERIES_SERIES_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

typedef struct jd_skey { /* ordered by its members from first to last */
    uint64_t entity;     /* the entity's document key */
    uint32_t attr;       /* symbol; 0: the entity itself */
    uint32_t dataset;    /* 0: the default instance; else a hash of the datasetId, which the skeleton holds whole */
    uint32_t tier;       /* 0: readings; else the roll-up's period in seconds */
} jd_skey;
int jd_skey_cmp(const jd_skey *a, const jd_skey *b); /* <0, 0, >0 */

typedef struct jd_num { /* m / 10^scale, scale 0..18, exactly as it was written */
    int64_t m;
    uint8_t scale;
} jd_num;

enum {                    /* of a reading */
       JD_R_OBSERVED = 1, /* `at` is an observedAt; else it is when it was recorded */
       JD_R_NUMERIC = 2,  /* nums[0] is the attribute's value */
       JD_R_DELETED = 4,  /* from `at` on the attribute was not there (NGSI-LD deletedAt) */
       JD_R_VOID = 8,     /* hides the readings of the same `at` that were recorded before it (or with it, and stand
                             before it) */
       JD_R_CLEAR = 16    /* hides all readings of the series recorded before it or with it; stands at JD_CLEAR_AT */
};
#define JD_CLEAR_AT INT64_MIN

typedef struct jd_reading {
    jd_time at;       /* us; the key within the series */
    jd_time recorded; /* us; when the store took it: of two with the same `at` the one recorded later counts */
    jd_str skeleton;
    const jd_num *nums;
    uint32_t nums_n;
    uint8_t flags;
    uint8_t digits; /* fraction digits of the observedAt's text */
} jd_reading;

enum { JD_READING_NUMS_MAX = 1 << 22 }; /* numbers of one reading */
enum { JD_CHUNK_MAX = 1024, JD_ROW_BYTES = 32 << 10 };

/* What a chunk tells without being decoded; aggregates are over its NUMERIC readings, and only there when `clean`. */
typedef struct jd_chunkhead {
    jd_skey key;
    uint32_t count;
    jd_time from, to;                   /* of `at`, JD_CLEAR_AT left out; from > to when nothing else is in it */
    jd_time recorded_from, recorded_to; /* of `recorded` */
    int clears;                         /* holds a CLEAR */
    int clean;     /* each `at` once, no DELETED, VOID or CLEAR, all NUMERIC with one and the same skeleton, sum and
                      sumsq did not overflow: the aggregates below are exact */
    uint8_t scale; /* of sum; sumsq has twice as much */
    __int128 sum, sumsq;
    jd_num min, max, first, last;
    /* where it lies and how it begins: the room's own */
    uint32_t at, bytes, shape;
    uint8_t lane, form;
    jd_time first_at, first_recorded, step;
} jd_chunkhead;

/* ---- building ---- */
typedef struct jd_rowmaker jd_rowmaker;
typedef struct jd_rowhead { /* what a directory keeps of a row */
    jd_skey first, last;
    jd_time from, to; /* as of chunks; over all of them */
    uint64_t readings;
    uint32_t chunks;
    int clears;
} jd_rowhead;
/* quick: for rows that will soon be written again: a third of the time; on measured series about twice the bytes, more
 * where few values lie far from the others. */
jd_rowmaker *jd_rowmaker_new(int quick);
void jd_rowmaker_free(jd_rowmaker *m);
/* Adds readings of one series in order of (at, recorded, as they came); keys never descend, and a series that goes on
 * from an earlier call goes on in time. Calls back with every row that becomes full. out: the row's bytes live for the
 * call. */
typedef int (*jd_row_fn)(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err);
int jd_rowmaker_add(jd_rowmaker *m, const jd_skey *key, const jd_reading *r, size_t n, jd_row_fn fn, void *user,
                    jd_err *err);
/* Hands out what has not been handed out. The maker is empty again. */
int jd_rowmaker_end(jd_rowmaker *m, jd_row_fn fn, void *user, jd_err *err);

/* ---- reading ---- */
typedef struct jd_row {
    jd_str bytes;
    uint32_t chunks;
    /* the room's own */
    const unsigned char *dict, *data, *heads, *index;
} jd_row;
/* Checks the outline; what lies in a chunk is checked when it is decoded. */
int jd_row_open(jd_row *r, jd_str bytes, jd_err *err);
/* Number of the first chunk whose key is not below `key`, or r->chunks. A binary search. */
uint32_t jd_row_seek(const jd_row *r, const jd_skey *key);
int jd_row_chunk(const jd_row *r, uint32_t i, jd_chunkhead *out, jd_err *err);
/* Chunk i and as many behind it as can be told at little more cost, at most JD_ROW_STRIDE; *n: how many. To walk. */
enum { JD_ROW_STRIDE = 32 };
int jd_row_chunks(const jd_row *r, uint32_t i, jd_chunkhead *out, uint32_t *n, jd_err *err);
/* All readings of a chunk, in order. */
int jd_row_readings(const jd_row *r, const jd_chunkhead *c, jd_arena *a, jd_reading **out, jd_err *err);
/* Only times and the values of nums[0] as doubles (correctly rounded), for a clean chunk: at most JD_CHUNK_MAX each.
 */
int jd_row_values(const jd_row *r, const jd_chunkhead *c, jd_time *at, double *value, jd_err *err);

/* ---- a few readings of one series, without their words: for whoever asks again and again ---- */
/* What was decoded of the row that was asked last: keys near each other cost little. One owner. */
typedef struct jd_rowmemo jd_rowmemo;
jd_rowmemo *jd_rowmemo_new(void);
void jd_rowmemo_free(jd_rowmemo *m);
typedef struct jd_points {
    jd_arena *a;
    jd_reading *p; /* without skeleton and digits; nums: the value where it is NUMERIC, else none */
    size_t n, cap;
} jd_points;
/* Appends the series' readings with at >= from, and each CLEAR, in the row's order. id: never 0, another one for other
 * bytes. */
int jd_row_points(const jd_row *r, int64_t id, jd_rowmemo *m, const jd_skey *key, jd_time from, jd_points *out,
                  jd_err *err);
/* The first key of the row that is not below `key`. 1; 0: there is none; -1. */
int jd_row_find(const jd_row *r, int64_t id, jd_rowmemo *m, const jd_skey *key, jd_skey *out, jd_err *err);

/* ---- what counts ---- */
/* Sorts readings of one series that come from several places by (at, recorded, place in the list), drops repetitions (a
 * reading that says what the one right before it says, `recorded` apart, unless something was cleared in between: then
 * the later one is the only one left), and then, in place, returning how many are left, keeps
 * SHOW: what counts now: per `at` the one recorded last, none that a VOID or CLEAR hides, no VOID or CLEAR itself;
 * KEEP: everything (readings overtaken by a correction and what hides), for merging rows that are not the oldest;
 * ALL: as KEEP, but what is hidden goes, and VOID and CLEAR with it, for merging down to the oldest rows.
 * cleared: the newest CLEAR of the whole entity (its series with attr 0), JD_TIME_NONE: none; recorded <= it is hidden.
 */
typedef enum jd_settle { JD_SETTLE_SHOW, JD_SETTLE_KEEP, JD_SETTLE_ALL } jd_settle;
size_t jd_readings_settle(jd_reading *r, size_t n, jd_time cleared, jd_settle how);
double jd_num_double(jd_num n); /* correctly rounded */
#endif
