/* link/tables_int.h - what the files of handed-over tables share. Nobody else includes this. */
#ifndef JD_LINK_TABLES_INT_H
#define JD_LINK_TABLES_INT_H
#include "link/batches.h"
#include "link/tables.h"

#include <pthread.h>
#include <stdio.h>

enum { TABLE_ID_MAX = 24, TABLES_NOTED = 20 };

struct jd_tables {
    jd_tables_opts o;
    char *dir; /* DATA/tables */
    atomic_int stop;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t room;
    uint32_t at_work;
    char (*ids)[TABLE_ID_MAX]; /* of kept reports, the oldest first */
    size_t ids_n;
    jd_time last_id;
    struct tables_sources *sources; /* declared ones, and their thread */
};

/* ---- sources.c ---- */
int tables_sources_start(jd_tables *t, jd_err *err);
void tables_sources_quiet(jd_tables *t);
void tables_sources_stop(jd_tables *t);

/* ---- tables_kept.c: the folder ---- */
int tables_folder_open(jd_tables *t, jd_err *err);
void tables_new_id(jd_tables *t, char id[TABLE_ID_MAX]);
/* DATA/tables/ID.END, to be freed. */
char *tables_path(const jd_tables *t, const char *id, const char *end);
/* The report becomes visible, and durable with the rows set aside; the oldest ones go. */
int tables_keep(jd_tables *t, const char *id, jd_str report, jd_err *err);

/* Rows set aside, in the form of their table. */
typedef struct tables_aside {
    const jd_tables *t;
    const char *id;
    FILE *f; /* opened with the first row */
    jd_buf tail;
    uint64_t rows, cut, bytes; /* kept; not kept, for the bound */
    int is_bad;                /* it could not be written */
} tables_aside;
void tables_aside_take(tables_aside *s, const jd_refusal *r, int zh);
/* Behind the table: what was set aside is on the disk under its own name. */
int tables_aside_end(tables_aside *s, jd_err *err);
void tables_aside_drop(tables_aside *s);

/* ---- tables_report.c ---- */
typedef struct tables_note { /* one refusal, for the report */
    uint64_t line, column;
    int whole;
    char *en, *zh;
} tables_note;
typedef struct tables_fault { /* readings that the engine did not take */
    char *entity;
    uint32_t readings;
    char *en, *zh;
} tables_fault;
typedef struct tables_told {
    const char *id, *state, *origin; /* id NULL: none is kept */
    jd_str name, mapping, tenant;
    jd_time at;
    double seconds;
    const jd_feed_report *report; /* NULL: it was refused whole, because: */
    const jd_err *why;
    const tables_aside *aside;
    tables_note notes[TABLES_NOTED];
    size_t notes_n;
    tables_fault faults[TABLES_NOTED];
    size_t faults_n;
    uint64_t not_taken; /* readings */
} tables_told;
void tables_report(const tables_told *x, jd_buf *out);
void tables_told_fini(tables_told *x);
/* A report without what fills pages. */
void tables_report_brief(jd_str report, jd_buf *out);
#endif
