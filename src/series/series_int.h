/* series/series_int.h - what the files of this room share. FORMAT.md draws the bytes.
 * Readers take the next byte and the end, and return the byte behind what they read, NULL for bytes that cannot be. */
#ifndef JD_SERIES_INT_H
#define JD_SERIES_INT_H
#include "base/hash.h"
#include "series/series.h"

typedef const unsigned char *series__at;

/* Bounds on what bytes may claim before memory is taken for it; writers keep to them, too. */
enum {
    SERIES__FORMAT = 1,
    SERIES__NUMS_MAX = JD_READING_NUMS_MAX, /* numbers in one chunk */
    SERIES__DICT_MAX = 1 << 26,             /* bytes of one row's skeletons */
    SERIES__TOTALS_FROM = 32                /* readings; smaller chunks are decoded instead of told about */
};

/* ---- column.c: vectors of whole numbers ---- */
typedef enum series__hint {
    SERIES__ANY,
    SERIES__TIME,
    SERIES__VALUE,
    SERIES__QUICK /* not searched for the shortest way: a tenth of the time, on measured series about twice the bytes */
} series__hint;
enum { SERIES__SAME = 7 << 2 }; /* a first byte that no column has: chunk.c uses it */
/* lag: how far back a similar value may stand (a day), 0: unknown. */
void series__column_put(jd_buf *out, const int64_t *v, size_t n, series__hint hint, size_t lag);
series__at series__column_get(series__at p, series__at end, int64_t *v, size_t n);
/* Whole numbers that often end in zeros. */
void series__round_put(jd_buf *out, int64_t v);
int64_t series__round_get(series__at *p, series__at end);

/* ---- model.c: small numbers, coded as often as they are seen ---- */
void series__model_put(jd_buf *out, const uint64_t *u, size_t n);
series__at series__model_get(series__at p, series__at end, uint64_t *u, size_t n);

/* ---- predict.c: a value from those before it ---- */
enum { SERIES__NEAR = 3, SERIES__FAR = 3, SERIES__TAPS = SERIES__NEAR + SERIES__FAR };
typedef struct series__taps {
    unsigned near, far; /* how many of each count */
    size_t lag;
    int64_t c[SERIES__TAPS]; /* near: 1, 2, 3 back; far: lag, lag + 1, lag - 1 back; in 1/512 */
} series__taps;
/* Least squares over y, which lies around zero and within 2^30. Fills up to three proposals, returns how many. */
unsigned series__taps_fit(const int64_t *y, size_t n, size_t lag, series__taps out[3]);
void series__taps_split(const series__taps *t, const int64_t *y, int64_t *rest, size_t n);
void series__taps_join(const series__taps *t, int64_t *y, size_t n); /* in place: rest becomes y */

/* ---- number.c: decimal numbers as columns ---- */
extern const int64_t series__ten[19];
/* head: one byte that the reader needs first. `step`: the numbers stand that far apart. hint: VALUE or QUICK. */
void series__lane_put(jd_buf *out, uint8_t *head, const jd_num *v, size_t n, size_t step, series__hint hint,
                      size_t lag);
series__at series__lane_get(series__at p, series__at end, uint8_t head, jd_num *v, size_t n, size_t step);
int series__lane_doubles(series__at p, series__at end, uint8_t head, double *v, size_t n);
/* As written in the lane: from the mantissa at the lane's scale. */
jd_num series__lane_num(uint8_t head, int64_t m);

/* ---- dict.c: what a reading is but for its times and numbers ---- */
typedef struct series__shape {
    uint32_t skeleton, nums_n;
    uint8_t flags, digits;
} series__shape;

typedef struct series__dict { /* being built */
    jd_strmap *skeletons;     /* text -> number */
    jd_str *text;             /* into the map's memory */
    size_t text_n, text_cap, text_bytes;
    series__shape *shape;
    size_t shape_n, shape_cap;
    uint32_t *slot; /* open hash over shapes, number + 1 */
    size_t slots;
    uint32_t last; /* the shape asked for last */
} series__dict;
void series__dict_init(series__dict *d);
void series__dict_fini(series__dict *d);
uint32_t series__dict_add(series__dict *d, const jd_reading *r);
void series__dict_put(const series__dict *d, jd_buf *out);

typedef struct series__words { /* read back, in an arena */
    series__shape *shape;
    jd_str *text; /* empty when only shapes were asked for */
    size_t shape_n, text_n;
} series__words;
int series__dict_get(series__at p, series__at end, jd_arena *a, int texts, series__words *out);

/* ---- totals.c: what a chunk tells ---- */
typedef struct series__rows { /* readings, column by column */
    size_t n;
    int64_t *at, *recorded, *shape; /* shape: index into shapes */
    const series__shape *shapes;
    jd_num *nums; /* of all readings, one after the other */
    size_t nums_n;
} series__rows;
/* Fills all of h that can be told from the readings. */
void series__totals(const series__rows *r, jd_chunkhead *h);
/* The span of times and, of a clean chunk, the figures of its first lane; h->form and what else the head says go first.
 */
void series__totals_put(jd_buf *out, const jd_chunkhead *h);
series__at series__totals_get(series__at p, series__at end, jd_chunkhead *h);

/* ---- row.c ---- */
void series__row_put(jd_buf *out, const series__dict *dict, const jd_buf *data, const jd_chunkhead *h, size_t n);

/* ---- chunk.c ---- */
enum {                            /* a chunk's form, in its head */
       SERIES__AT_ONCE = 0,       /* `recorded`: always the first */
       SERIES__AFTER = 1,         /* as long after `at` as the first */
       SERIES__RECORDED = 2,      /* a column */
       SERIES__LAG = 3,           /* a column of recorded - at */
       SERIES__RECORDED_MASK = 3, /* of these four */
       SERIES__TOTALS = 4,        /* totals stand in front */
       SERIES__CLEAN = 8,         /* with figures */
       SERIES__CLEARS = 16,       /* with a CLEAR */
       SERIES__LANES = 32         /* lanes are told */
};
typedef struct series__times { /* columns of times in the row so far, to be pointed at */
    struct series__seen {
        size_t n, at, bytes; /* values, where in the data, how many there */
        size_t key, key_n;   /* in keys: what the column was made of */
        unsigned form;       /* of `recorded`: which of its two it is */
    } * p;
    size_t n, cap;
    jd_buf keys; /* int64_t */
} series__times;
void series__times_begin(series__times *t);
void series__times_fini(series__times *t);
/* Appends a chunk to the row's data and fills h but for its key. quick: no column is searched for its shortest way. */
void series__chunk_put(jd_buf *data, series__times *seen, const series__rows *r, int quick, jd_chunkhead *h);
/* data: where the row's chunks begin. r has room for h->count; its nums are put into the arena. */
int series__chunk_get(series__at data, const jd_chunkhead *h, const series__words *w, jd_arena *a, series__rows *r);
int series__chunk_values(series__at data, const jd_chunkhead *h, const series__words *w, int64_t *at, double *v);
/* Completes h, of which key, count and the room's own are there. */
int series__chunk_tell(series__at data, jd_chunkhead *h, const series__words *w);
#endif
