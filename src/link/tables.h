/* link/tables.h - tables that are handed over: through a mapping that is kept here, to readings (docs/tables.md).
 *
 * A table is read twice over the same bytes: judged whole, then given. Rows that are refused are set aside in their own
 * form, and every table leaves a report; both lie in DATA/tables, the newest so many. Mappings are documents of a
 * reserved kind of the default tenant. What jd_tables_take() reported is durable.
 * Threads: everything here may be called from any thread that may wait; declared sources have one of their own. */
#ifndef JD_LINK_TABLES_H
#define JD_LINK_TABLES_H
#include "engine/engine.h"
#include "model/context.h"

typedef struct jd_tables jd_tables;
typedef struct jd_tables_opts {
    jd_engine *engine;
    jd_contexts *contexts;
    const char *data_dir;
    uint32_t kept;          /* reports and rows set aside of so many tables; 0: 100 */
    uint64_t refused_bytes; /* of one table's rows set aside; 0: 64 MiB */
    uint32_t at_once;       /* tables given by callers at one time; beyond: JD_E_BUSY; 0: 2 */
} jd_tables_opts;

/* Makes DATA/tables where it is missing, and clears what a crash left behind. */
int jd_tables_start(jd_tables **out, const jd_tables_opts *opts, jd_err *err);
/* Tables under way end with JD_E_BUSY at their next row. Before the engine is drained. NULL is fine. */
void jd_tables_quiet(jd_tables *t);
void jd_tables_stop(jd_tables *t); /* frees; nobody calls in any more. NULL is fine. */

/* Is the text a mapping that compiles? JD_E_BAD_REQUEST_DATA with the member and "NAME:LINE:COLUMN"; JD_E_CONTEXT. */
int jd_tables_check(jd_tables *t, jd_str name, jd_str text, jd_err *err);

typedef struct jd_table_given {
    jd_str mapping, tenant; /* names */
    jd_str name;            /* of the file; n 0: "table" */
    const char *origin;     /* "upload", or the link that brought it */
    int dry_run;            /* nothing is written, no report is kept */
    int zh;                 /* language of the column _refused */
    int waits;              /* for its turn, instead of JD_E_BUSY */
    jd_str bytes;           /* the table; p NULL: */
    int fd;                 /* a file, read from its start */
} jd_table_given;
/* The report as JSON behind *report. -1: *err. JD_E_NOT_FOUND: no such mapping. JD_E_BAD_REQUEST_DATA: the table was
 * judged wrong, nothing was written. Others: the engine ended it half-way; giving it again makes it whole. */
int jd_tables_take(jd_tables *t, const jd_table_given *g, jd_buf *report, jd_err *err);
/* The report of one that was refused whole, so that whoever looks after a folder sees why. */
void jd_tables_note(jd_tables *t, const jd_table_given *g, const jd_err *why);

void jd_tables_list(jd_tables *t, jd_buf *out);                     /* an array, the newest first, without details */
int jd_tables_show(jd_tables *t, jd_str id, jd_buf *out);           /* 0: there is none */
int jd_tables_refused(jd_tables *t, jd_str id, jd_buf *out);        /* rows set aside, as a file. 0: there are none */
jd_str jd_tables_refused_name(jd_str id, jd_str name, jd_arena *a); /* how that file is to be called */
#endif
