/* bench/history_sets.h - real sets of readings in memory: the same readings for every store that they are put into, and
 * the same as CSV (the published files cut to the columns that are kept). Memory: one arena per set. */
#ifndef JD_BENCH_HISTORY_SETS_H
#define JD_BENCH_HISTORY_SETS_H
#include "bench.h"

typedef enum set_kind { SET_NUMBER, SET_TEXT, SET_BOOLEAN, SET_POINT } set_kind;
typedef struct set_reading {
    uint32_t series;
    int64_t at;  /* seconds since 1970, UTC */
    double a, b; /* number, 0 or 1, or longitude and latitude */
    jd_str text; /* as published: a number's digits, a text, "true", "[lon,lat]" */
} set_reading;
typedef struct set_series {
    uint32_t entity;
    const char *attr, *unit; /* unit NULL: none */
    set_kind kind;
    size_t first, n; /* of readings */
} set_series;
typedef struct set_entity {
    jd_str id;
    uint32_t first, n; /* of series */
} set_entity;

typedef struct bench_set {
    const char *name, *type;
    set_entity *entities;
    set_series *series;
    set_reading *readings; /* by series, then in time */
    size_t entities_n, series_n, readings_n;
    jd_buf csv;
    jd_arena arena;
} bench_set;

/* Names of the sets: "air", "server", "steel", "parking", "pumps", "vessels". 0, or -1: its files are not in `folder`.
 */
int set_load(bench_set *s, const char *name, const char *folder);
void set_free(bench_set *s);
/* Indexes of all readings in order of (time, entity, series): as they came; free() it. */
uint32_t *set_by_time(const bench_set *s);
/* The reading's value as JSON, or as a column of line protocol or SQL text is made from it by the caller. */
void set_value_json(jd_buf *out, const set_series *s, const set_reading *r);
#endif
