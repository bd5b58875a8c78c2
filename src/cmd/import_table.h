/* cmd/import_table.h - importing tables: the work itself, what goes to the engine, what is set aside, the report.
 * Threads: the main thread; the batches also hear from the engine's writer, behind their own lock. */
#ifndef JD_CMD_IMPORT_TABLE_H
#define JD_CMD_IMPORT_TABLE_H
#include "cmd/import.h"
#include "table/feed.h"

/* ---- import_batch.c: moments, gathered by entity, to the engine ---- */
typedef struct import_batches import_batches;
import_batches *import_batches_new(import_rooms *rooms, const importing *set);
void import_batches_free(import_batches *b);
/* Where the next moment is to be made. */
jd_arena *import_batches_arena(import_batches *b);
/* Takes a moment, whose memory is in that arena. An exit code; 0: go on. */
int import_batches_take(import_batches *b, const jd_moment *m);
/* Everything taken is settled after. */
int import_batches_flush(import_batches *b);
/* Readings that the engine refused, entity by entity (it was said). */
uint64_t import_batches_refused(const import_batches *b);

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
