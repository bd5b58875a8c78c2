/* table/map_int.h - a compiled mapping; for the files of this room alone. */
#ifndef JD_TABLE_MAP_INT_H
#define JD_TABLE_MAP_INT_H
#include "base/hash.h"
#include "table/decimal.h"
#include "table/instant.h"
#include "table/map.h"

/* ---- where a value stands ---- */
typedef int map_ref; /* >= 0: a column of jd_map.cols */
enum { REF_NONE = -1, REF_CELL = -2, REF_COLUMN = -3, REF_FILE = -4, REF_STEM = -5 };

typedef struct map_col {
    jd_str name;
    int needed;
    const char *at;   /* in the document, for messages */
    uint32_t uses;    /* references to it, of which */
    uint32_t numbers; /* so many take a number as it is: where all do, a JD_JDEC needs no text */
} map_col;

/* ---- texts with columns in them ---- */
typedef enum map_filter_kind { FILTER_LOWER, FILTER_UPPER, FILTER_SLUG, FILTER_URI, FILTER_PAD } map_filter_kind;
typedef struct map_filter {
    map_filter_kind kind;
    int n; /* PAD: to so many characters */
} map_filter;
enum { MAP_ALTS_MAX = 4, MAP_FILTERS_MAX = 4 };
typedef struct map_part {
    jd_str literal;             /* alts_n 0 */
    map_ref alts[MAP_ALTS_MAX]; /* the first that is there */
    int alts_n;
    jd_str glob; /* of REF_FILE: the part of the name that '*' stands for; n 0: the whole name */
    map_filter filters[MAP_FILTERS_MAX];
    int filters_n;
} map_part;
typedef struct map_tpl {
    map_part *parts;
    size_t n;           /* 0: no template */
    int moves, by_cell; /* it refers to a column or file; it refers to the cell or column of "each" */
} map_tpl;

/* ---- tests and marks ---- */
typedef enum map_test_kind { TEST_IS, TEST_LIKE, TEST_MISSING } map_test_kind;
typedef struct map_test {
    map_ref ref;
    map_test_kind kind;
    int negate;
    jd_str *any;
    size_t n;
} map_test;
typedef struct map_cond { /* all of them */
    map_test *tests;
    size_t n;
} map_cond;
typedef struct map_marks {
    jd_str *texts;
    size_t texts_n;
    double *nums;
    size_t nums_n;
} map_marks;

/* ---- attributes ---- */
typedef enum map_as {
    AS_NUMBER,
    AS_TEXT,
    AS_ANY,
    AS_BOOLEAN,
    AS_POINT,
    AS_GEOMETRY,
    AS_RELATIONSHIP,
    AS_VOCAB,
    AS_JSON,
    AS_LANGUAGES
} map_as;
typedef enum map_datum { DATUM_WGS84, DATUM_GCJ02, DATUM_BD09 } map_datum;
typedef enum map_other { OTHER_REFUSE, OTHER_KEEP, OTHER_MISSING } map_other;
typedef struct map_lang {
    jd_str tag;
    map_ref ref;
} map_lang;
typedef struct map_attr {
    jd_str name;
    jd_sym sym;
    uint64_t hash; /* of its IRI */
    map_as as;
    jd_kind kind;
    map_ref ref, lat; /* of a point: longitude and latitude */
    map_tpl tpl;      /* in place of ref */
    map_lang *langs;
    size_t langs_n;
    map_datum datum;
    jd_str unit;
    map_ref unit_ref;
    const jd_jval *unit_codes;
    map_tpl dataset;
    map_marks missing;
    const jd_jval *values; /* object; NULL: none */
    map_other other;
    jd_str *yes, *no;
    size_t yes_n, no_n;
    int scaled;
    table__dec factor, offset;
    jd_str *suffix;
    size_t suffix_n;
    int has_least, has_most;
    double least, most;
    int refuse_row;
    map_cond when, expect;
    struct map_attr *subs;
    size_t subs_n;
    jd_attr *constant; /* fixed: instances as they are */
    uint32_t constant_n;
    uint32_t report; /* number of its line in the report */
    int simple;      /* a number or a place that is taken as it is, with nothing else to look at */
} map_attr;

/* ---- time ---- */
typedef enum map_time_kind { TIME_NONE, TIME_ISO, TIME_FORM, TIME_PARTS, TIME_EPOCH, TIME_EXCEL } map_time_kind;
typedef struct map_time_part {
    map_ref ref; /* REF_NONE: the constant */
    int constant, given;
} map_time_part;
typedef enum map_twice { TWICE_FIRST, TWICE_SECOND, TWICE_ORDER, TWICE_REFUSE } map_twice;
typedef struct map_time {
    map_time_kind kind;
    map_ref *refs;
    size_t refs_n;
    jd_str form, zone;      /* zone n 0: none */
    int64_t epoch_unit;     /* us */
    map_time_part parts[6]; /* year .. second */
    map_twice twice;
    int shift; /* a skipped hour is moved on instead of refused */
    int midnight_end, stands_end;
    int64_t add_years;
    jd_time not_before, not_after;
    int by_cell;
} map_time;

typedef enum map_repeat { REPEAT_LAST, REPEAT_FIRST, REPEAT_REFUSE, REPEAT_EACH } map_repeat;

struct jd_map {
    jd_arena arena;
    char *name;
    jd_str text;
    jd_jval root;
    jd_context *ctx;
    jd_symtab *symbols;
    jd_table_form form;
    int others_refused; /* columns that the mapping does not name */
    jd_str *ignored;
    size_t ignored_n;
    char point;
    jd_str thousands;
    map_marks missing;
    map_time time;
    map_tpl *types;
    size_t types_n;
    jd_sym *type_syms; /* when none of them moves */
    map_tpl id;
    int each; /* one moment a column */
    jd_str *each_like, *each_not;
    size_t each_like_n, each_not_n;
    map_attr *attrs, *fixed;
    size_t attrs_n, fixed_n;
    int by_when;         /* some attribute has `when` */
    int moving_identity; /* attribute or dataset depends on the row */
    map_cond *skip;
    size_t skip_n;
    map_repeat repeat;
    double refused_max;
    map_col *cols;
    size_t cols_n, cols_cap;
    uint32_t lines_n; /* of the report */
    /* while compiling */
    jd_err *err;
    jd_buf path;
    const char *at;
};

/* ---- compiling: where in the document, and what is wrong there ---- */
#define MAP_FAIL(m, en, zh, ...) \
    (jd_fail((m)->err, JD_E_BAD_REQUEST_DATA, "%s: " en, "%s：" zh, map__path(m), ##__VA_ARGS__), map__fail_at(m))
const char *map__path(jd_map *m);
int map__fail_at(jd_map *m); /* -1 */
typedef struct map_spot {
    size_t path_n;
    const char *at;
} map_spot;
/* v: the member's value, as jd_jget() gives it. */
map_spot map__enter(jd_map *m, jd_str member, const jd_jval *v);
map_spot map__enter_item(jd_map *m, uint32_t i, const jd_jval *v);
void map__leave(jd_map *m, map_spot was);
/* "LINE:COLUMN" of a byte of the document; of one outside, 1:1. */
void map__place(const jd_map *m, const char *at, unsigned *line, unsigned *column);

/* Checks an object against the format: known members, of allowed types, needed ones there. */
int map__object(jd_map *m, const jd_jval *v, const char *object);
/* One of the words, separated by '|'; its number, or -1. */
int map__word(jd_map *m, const jd_jval *v, const char *words);
/* A string or an array of strings (numbers become their text). */
int map__texts(jd_map *m, const jd_jval *v, jd_str **out, size_t *n);
int map__marks(jd_map *m, const jd_jval *v, map_marks *out);
/* A column, by its name in the table or "@cell", "@column", "@file", "@stem". */
int map__ref(jd_map *m, jd_str name, int needed, map_ref *out);
int map__ref_member(jd_map *m, const jd_jval *object, const char *member, int needed, map_ref *out);
int map__template(jd_map *m, const jd_jval *v, int needed, map_tpl *out);
int map__cond(jd_map *m, const jd_jval *v, int needed, map_cond *out);
int map__time(jd_map *m, const jd_jval *v);
/* attributes or fixed */
int map__attrs(jd_map *m, const jd_jval *v, int fixed, map_attr **out, size_t *n);
/* A name to its symbol, as the standard has names of types and attributes. */
int map__sym(jd_map *m, jd_str name, jd_sym *out);

/* '*' stands for any bytes. The part that the first one stood for goes to *star (may be NULL). */
int map__like(jd_str pattern, jd_str s, jd_str *star);
#endif
