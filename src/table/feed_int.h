/* table/feed_int.h - one import under way; for the files of this room alone. */
#ifndef JD_TABLE_FEED_INT_H
#define JD_TABLE_FEED_INT_H
#include "table/feed.h"
#include "table/map_int.h"
#include "table/table_int.h"

/* ---- keys.c ---- */

/* uint64 -> int64; no key is ever taken out. */
typedef struct feed_nums {
    struct feed_num {
        uint64_t key;
        int64_t v;
        int used;
    } * slots;
    size_t cap, n;
} feed_nums;
void feed__nums_fini(feed_nums *m);
/* The slot of the key, made when it is not there (*made). Valid until the next call. */
int64_t *feed__nums_at(feed_nums *m, uint64_t key, int *made);

typedef struct feed_key { /* of a moment or a reading: two independent hashes */
    uint64_t a, b;
} feed_key;
feed_key feed__key(jd_str id, jd_time at);
feed_key feed__key_with(feed_key k, uint64_t more);

/* Keys that may come more than once. */
typedef struct feed_repeats feed_repeats;
typedef struct feed_repeat {
    uint64_t last;  /* number of the last moment that has it */
    uint64_t value; /* hash of the value that came before, while giving */
    uint32_t came;  /* while giving */
} feed_repeat;
feed_repeats *feed__repeats_new(uint64_t bytes);
void feed__repeats_free(feed_repeats *r);
/* Learning: was the key (perhaps) there before? */
int feed__repeats_seen(feed_repeats *r, feed_key moment);
void feed__repeats_note(feed_repeats *r, feed_key moment, feed_key reading, uint64_t no);
/* Giving: NULL when the reading comes once. */
feed_repeat *feed__repeats_find(feed_repeats *r, feed_key moment, feed_key reading);

/* ---- the feed ---- */

struct jd_feed {
    const jd_map *map;
    jd_zone *zone;
    jd_feed_pass pass;
    jd_feed_report report;
    jd_feed_attr *lines;
    feed_repeats *repeats;
    feed_nums newest;    /* series -> newest instant so far */
    feed_nums entities;  /* id */
    feed_nums said;      /* (id, fixed attribute) -> hash of its columns as last read */
    feed_nums last_said; /* learnt: of the same the moment that has the last word */
    feed_nums order;     /* id -> its last instant, for repeatedHour "order" */
    map_ref *fixed_refs; /* columns that fixed attributes are made of */
    size_t fixed_refs_n;
    jd_arena scratch; /* one row */
    jd_buf text;
    uint64_t moment_no;
    uint64_t table_rows, table_bad; /* of this table, to doubt the mapping early */
    jd_err first_err;               /* of the first refusal, with its whole place */
    /* one table */
    const char *name;
    jd_str file, stem;
    jd_table *table;
    const jd_feed_sink *sink;
    long *at; /* of map->cols */
    unsigned char *seen;
    const jd_str *names;
    size_t names_n;
    size_t *each;
    size_t each_n, each_now;
    jd_table_cell *live; /* of a value that came alone, one for each of map->cols */
    uint32_t *places;    /* where each of them stood in the one before */
    /* one row */
    const jd_table_row *row;
    int row_refused; /* a cell or all of it was refused */
    int time_known;
    jd_time time;
    int time_digits;
    unsigned char *present;
    jd_attr *attrs;
    uint64_t id_hash;
    jd_buf id;
    jd_sym types[JD_TYPES_MAX];
};

/* What is wrong with a cell or a row. */
typedef struct feed_fault {
    jd_refused reason;
    jd_err err;
    map_ref ref; /* whose cell; REF_NONE: the row */
} feed_fault;
#define FEED_FAIL(x, r, where, en, zh, ...) \
    ((x)->reason = JD_REFUSED_##r, (x)->ref = (where), jd_fail(&(x)->err, JD_E_BAD_REQUEST_DATA, en, zh, ##__VA_ARGS__))

/* ---- feed_cell.c: what stands in a row ---- */
jd_table_cell feed__cell(const jd_feed *f, map_ref ref);
/* The number in a column that came as one and of which no text was made (see map_col); else NULL. */
static inline const jd_jval *feed__number(const jd_feed *f, map_ref ref) {
    long at = ref >= 0 ? f->at[ref] : -1;
    if (at < 0 || (size_t)at >= f->row->n) return NULL;
    const jd_table_cell *c = &f->row->cells[at];
    return c->value && c->value->type == JD_JDEC && !c->text.p ? c->value : NULL;
}
/* Name of a column, for messages. */
jd_str feed__column(const jd_feed *f, map_ref ref);
int feed__is_missing(const jd_feed *f, const map_marks *own, const jd_table_cell *c);
int feed__cond(const jd_feed *f, const map_cond *c);
/* The template's text into *out (emptied first). 1; 0: a part is missing, *missing tells which. */
int feed__template(const jd_feed *f, const map_tpl *t, jd_buf *out, map_ref *missing);
/* 0 or -1: *x. The instant goes to f->time. */
int feed__time(jd_feed *f, feed_fault *x);

/* ---- feed_value.c ---- */
/* Is there a value for the attribute in this row? */
int feed__present(const jd_feed *f, const map_attr *a);
/* The same for what links tell most: a simple attribute whose cells are plain numbers within their bounds. 1: *out is
 * the attribute; 0: ask feed__value. */
int feed__simple_value(jd_feed *f, const map_attr *a, jd_arena *to, jd_attr *out);
/* 1: *out is the attribute, in the arena; 0: missing after all; -1: *x. */
int feed__value(jd_feed *f, const map_attr *a, jd_arena *to, jd_attr *out, feed_fault *x);
#endif
