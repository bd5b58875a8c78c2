/* table/profile_int.h - a profile in the making; for the files of this room alone. */
#ifndef JD_TABLE_PROFILE_INT_H
#define JD_TABLE_PROFILE_INT_H
#include "base/clock.h"
#include "base/hash.h"
#include "table/profile.h"
#include "table/table_int.h"

enum {
    PROF_BYTES = 16 << 20,
    PROF_COLUMNS = 2000,  /* of which more is told than their number */
    PROF_DISTINCT = 5000, /* values of a column that are counted */
    PROF_SHOWN = 5,       /* odd values and places of each kind */
    PROF_FORMS = 40,
    PROF_MARKS = 12 /* of a column */
};

typedef enum prof_type {
    PROF_INTEGER,
    PROF_NUMBER,
    PROF_TIME,
    PROF_BOOLEAN,
    PROF_TEXT,
    PROF_SHAPE,
    PROF_TYPES
} prof_type;

typedef struct prof_place {
    uint64_t line, column;
    jd_str value; /* cut */
} prof_place;

typedef struct prof_mark {
    jd_str text;
    int numeric;
    double v;
    uint64_t n;
} prof_mark;

typedef struct prof_column {
    jd_str name;
    uint64_t filled, empty;     /* marks count as empty once they are known to be marks */
    uint64_t types[PROF_TYPES]; /* cells that are such */
    uint64_t forms[PROF_FORMS]; /* cells that such a form of time reads */
    uint64_t coded;             /* whole numbers with zeros in front, or too long to be counts */
    uint64_t comma, thousands, percent;
    jd_strmap distinct;
    int distinct_more;
    prof_mark marks[PROF_MARKS];
    uint32_t marks_n;
    int has_range;
    double least, most;
    char least_text[40], most_text[40];
    jd_str least_time, most_time; /* in order of their bytes */
    /* judged */
    prof_type type;
    int form;      /* of TIME: its number; -1: none */
    int ambiguous; /* day and month could change places */
    uint64_t odd;
    prof_place odd_first[PROF_SHOWN];
    uint32_t odd_shown;
} prof_column;

typedef struct prof {
    jd_arena arena;
    jd_str name, stem;
    jd_str bytes;  /* as given */
    jd_str sample; /* unpacked */
    int packed, whole, mark;
    const char *encoding; /* as people call it */
    jd_table_form form;
    char point;     /* decimal */
    char thousands; /* 0: none */
    prof_column *cols;
    size_t cols_n, cols_all;
    uint64_t rows, malformed, shifted, troubled; /* troubled: rows that the mapping would refuse in part or whole */
    prof_place malformed_first[PROF_SHOWN];
    jd_err malformed_why[PROF_SHOWN];
    prof_place shifted_first[PROF_SHOWN];
    jd_buf notes; /* JSON, without the brackets */
    int notes_n;
} prof;

/* ---- profile_form.c: how the bytes are to be read ---- */
int prof_sniff(prof *p, jd_err *err);
void prof_note(prof *p, const char *en, const char *zh);

/* ---- profile_column.c: what stands in them ---- */
typedef struct prof_cell {
    prof_type type;
    int is_mark;
    int coded, comma, thousands, percent;
    double v;
    jd_str number;
    uint64_t forms; /* bit by form */
} prof_cell;
prof_cell prof_classify(jd_str s, jd_arena *scratch);
const char *prof_form(int i);  /* "iso", "epoch-s", "%d/%m/%Y" ...; NULL behind the last */
int prof_form_is_date(int i);  /* a day without an hour */
int prof_form_is_clock(int i); /* an hour without a day */
/* Counts a cell; then, when all are counted, says what the column is; then finds the odd ones. */
void prof_count(prof *p, prof_column *c, const jd_table_cell *cell, jd_arena *scratch);
void prof_judge(prof *p, prof_column *c);
int prof_is_odd(const prof_column *c, const jd_table_cell *cell, jd_arena *scratch);
int prof_is_mark(const prof_column *c, jd_str s);
/* Opens the sample by p->form. */
int prof_open(prof *p, jd_str *rest, jd_table **t, jd_err *err);

/* ---- profile_map.c ---- */
void prof_mapping(prof *p, jd_buf *out);
#endif
