/* table/feed.h - rows of tables through a mapping to readings, with a report of what came and what was refused.
 *
 * A feed is one import of one or more tables. Each table goes through twice, from two sources over the same bytes: a
 * LEARN pass, in which everything is read and judged and nothing is given out, so that a wrong mapping is found before
 * anything is written; then a GIVE pass. The first also notes which keys (entity, attribute, datasetId, time) come more
 * than once, which is what the mapping's "repeat" decides about. Memory: one row, a filter of at most 128 MiB for keys,
 * and some 50 bytes for each key that repeats, each series and each entity. Lifetime: a moment's texts live in
 * the sink's arena or in the map. Threads: one owner. */
#ifndef JD_TABLE_FEED_H
#define JD_TABLE_FEED_H
#include "table/map.h"

typedef struct jd_feed jd_feed;

typedef struct jd_moment { /* what one row says of one entity */
    jd_str id;
    const jd_sym *types;
    uint32_t types_n;
    jd_time at;     /* JD_TIME_NONE: the mapping has no time; then attrs bear none */
    int digits;     /* of the fraction of its second, as written */
    jd_attr *attrs; /* observed at `at` */
    uint32_t attrs_n;
    jd_attr *fixed; /* without time: once for each entity, as the last row has them that says something new */
    uint32_t fixed_n;
} jd_moment;

#define JD_REFUSED_MAP(X)                                                   \
    X(SHAPE, "malformed rows", "行格式有误")                                \
    X(BYTES, "bytes that are no characters", "字节不符合编码")              \
    X(TIME, "times", "时间有误")                                            \
    X(ID, "ids", "标识有误")                                                \
    X(VALUE, "values of another kind", "值的类型不符")                      \
    X(BOUNDS, "values out of bounds", "值超出范围")                         \
    X(WORD, "values that the mapping does not list", "映射未列出的值")      \
    X(EXPECT, "columns with another value than expected", "列值与预期不符") \
    X(NAME, "rows for which there is no attribute", "没有对应属性的行")     \
    X(PLACE, "places", "位置有误")                                          \
    X(REPEAT, "repeated keys", "重复的键")
typedef enum jd_refused {
#define X(id, en, zh) JD_REFUSED_##id,
    JD_REFUSED_MAP(X)
#undef X
        JD_REFUSED_COUNT
} jd_refused;
const char *jd_refused_text(jd_refused r, int zh);

typedef struct jd_refusal {
    const char *file;
    uint64_t line, column; /* in the file */
    jd_refused reason;
    int whole;         /* the row; else one of its cells, and the others went in */
    int first_of_row;  /* no cell of this row was refused before */
    const jd_err *err; /* its place is empty */
    const jd_table *table;
    const jd_table_row *row;
} jd_refusal;

typedef struct jd_feed_sink {
    void *user;
    jd_arena *arena; /* where moments are made; the sink may change or empty it between two calls */
    int (*moment)(void *user, const jd_moment *m, jd_err *err); /* non-zero ends the pass; not called when learning */
    void (*refused)(void *user, const jd_refusal *r);           /* may be NULL */
    int (*row)(void *user, const jd_table *t); /* behind each row; non-zero ends the pass; may be NULL */
} jd_feed_sink;

typedef struct jd_feed_attr { /* one line of the report for each attribute of the mapping */
    jd_str name;
    uint64_t given, missing, refused, late;
    jd_time first, last; /* JD_TIME_NONE when none was given */
    int has_range;
    double least, most;
    char least_text[48], most_text[48]; /* as written, cut when longer */
} jd_feed_attr;

typedef struct jd_feed_report {
    uint64_t rows;                          /* without blank ones, comments, and the header */
    uint64_t skipped;                       /* by "skip" */
    uint64_t empty;                         /* without a reading */
    uint64_t refused_rows;                  /* whole */
    uint64_t refused_cells;                 /* of rows whose other cells went in */
    uint64_t touched_rows;                  /* rows with any of these */
    uint64_t readings;                      /* given */
    uint64_t late;                          /* of these: older than another of their series that came before */
    uint64_t repeated_same, repeated_other; /* readings whose key came before, with the same value or another */
    uint64_t entities;
    uint64_t reasons[JD_REFUSED_COUNT];
    const jd_feed_attr *attrs;
    size_t attrs_n;
} jd_feed_report;

typedef enum jd_feed_pass { JD_FEED_LEARN, JD_FEED_GIVE, JD_FEED_LIVE } jd_feed_pass;
jd_feed *jd_feed_new(const jd_map *map);
void jd_feed_free(jd_feed *f);
/* Between the passes: the same document, compiled for other symbols. */
void jd_feed_use(jd_feed *f, const jd_map *map);
/* bytes: about how many are to come over all tables (unpacked), which sizes the filter; 0: not known. */
void jd_feed_begin(jd_feed *f, jd_feed_pass pass, uint64_t bytes);
/* One table from its start to its end. name: of the file, as messages call it and as @file sees it (without folders).
 * 0; 1: the sink ended it; -1: *err, with its place. Fails: a column that the mapping names is not there, the table
 * cannot be read on, or (learning) none of its first rows can be used. */
int jd_feed_table(jd_feed *f, const char *name, const jd_source *src, const jd_feed_sink *sink, jd_err *err);
/* One value (a device's frame, a message) as a row, behind jd_feed_begin(f, JD_FEED_LIVE, 0): there is no second pass,
 * so "repeat" does not apply, and a fixed attribute is given out whenever it differs from what the feed last said of
 * the entity. Columns are paths into the value ("CP.a34004-Rtd"; through a list to its first item that has the rest, or
 * by number from 1). name: what @file stands for. The mapping must have no "each" (jd_map_is_live). 0; 1: the sink
 * ended it; -1: the sink failed. */
int jd_feed_value(jd_feed *f, jd_str name, const jd_jval *value, const jd_feed_sink *sink, jd_err *err);
const jd_feed_report *jd_feed_get_report(const jd_feed *f);
/* Behind the LEARN pass: -1 when more than `max` percent of the rows were refused wholly or in part: *err says why the
 * first one was, and where. */
int jd_feed_judge(const jd_feed *f, double max, jd_err *err);
#endif
