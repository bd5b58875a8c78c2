/* cmd/import.h - what the two ways of importing share: a sink takes records in order and says which were refused.
 * Threads: the main thread; the sink into a store also hears from the engine's writer, behind its own lock. */
#ifndef JD_CMD_IMPORT_H
#define JD_CMD_IMPORT_H
#include "cmd/cmd.h"
#include "cmd/input.h"
#include "engine/engine.h"
#include "model/context.h"

#include <stdatomic.h>

enum { IMPORT_BATCH = 1000, IMPORT_BATCH_BYTES = 4 << 20 };

typedef struct importing { /* the command's settings */
    const char *data, *url, *tenant, *context, *contexts, *mode;
    int no_fetch;
    uint64_t errors_shown, min_free;
    const char *map, *refused; /* tables */
    uint64_t refused_max, show;
    int dry_run;
} importing;

typedef struct importer {
    const importing *set;
    const char *file; /* as named in messages */
    cmd_progress progress;
    uint64_t done, refused, last_line;
    jd_jval context; /* of --context FILE */
    int has_context;
    const char *context_url; /* of --context URL */
} importer;

/* Reports one record as refused, "FILE:LINE:COLUMN: reason (place)", and counts it. */
void import_refuse(importer *im, uint64_t line, uint64_t column, const jd_err *err);
/* Is it the record's fault, so that the work may go on? */
int import_is_about_record(jd_errcode code);

/* ---- a folder that nobody serves, opened ---- */
typedef struct import_rooms {
    jd_engine *engine;
    jd_contexts *contexts;
    atomic_int dead; /* a sync failed */
} import_rooms;
/* group_changes, group_bytes: of one durable group. What was opened before it failed is closed by import_rooms_close.
 */
int import_rooms_open(import_rooms *r, const importing *set, uint32_t group_changes, size_t group_bytes, jd_err *err);
void import_rooms_close(import_rooms *r);
/* --context FILE: a context, or an object with one. *url is set instead when it is a URL; neither without the option.
 */
int import_context(const importing *set, jd_arena *a, jd_jval *out, int *has, const char **url, jd_err *err);

/* ---- tables through a mapping: --map ---- */
int import_tables(const cmd_line *line);

/* ---- entities ---- */
typedef struct import_sink {
    /* Each returns CMD_OK, or the exit code with which the work stops (it has said why). */
    int (*put)(struct import_sink *s, const cmd_record *r);
    int (*flush)(struct import_sink *s); /* everything put is settled after */
    void (*close)(struct import_sink *s);
    importer *im;
} import_sink;
/* NULL: *code is the exit code, and why was said. */
import_sink *import_into_store(importer *im, int *code);
import_sink *import_into_server(importer *im, int *code);
#endif
