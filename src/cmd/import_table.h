/* cmd/import_table.h - importing tables: the work itself, what is set aside, the report. Threads: the main thread. */
#ifndef JD_CMD_IMPORT_TABLE_H
#define JD_CMD_IMPORT_TABLE_H
#include "cmd/import.h"
#include "link/batches.h"

/* ---- import_keep.c: refused rows into files of their tables' form ---- */
typedef struct import_keeper {
    const char *to; /* --refused; NULL: nowhere */
    int folder;
    cmd_out out;
    int open;
    jd_buf rows, tail;
    uint64_t kept;
} import_keeper;
/* Is the option's word sound for these tables? 0, or -1 with *err. */
int import_keeper_init(import_keeper *k, const char *to, const char *const *tables, int tables_n, jd_err *err);
/* A row of the table `name`; the file is made with the first one. */
int import_keeper_take(import_keeper *k, const char *name, const jd_refusal *r, jd_err *err);
/* Behind a table. */
int import_keeper_end(import_keeper *k, jd_err *err);
void import_keeper_fini(import_keeper *k);

/* ---- import_report.c ---- */
typedef struct import_told {
    uint64_t tables;
    double seconds;
    int dry; /* nothing was written */
} import_told;
void import_report(FILE *to, const jd_feed_report *r, const import_told *told);
/* The sums of refusals by reason, one line; nothing when there are none. */
void import_report_reasons(FILE *to, const jd_feed_report *r);
#endif
