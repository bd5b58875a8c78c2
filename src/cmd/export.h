/* cmd/export.h - what the ways of exporting share: settings, the output and its errors. Threads: the main thread. */
#ifndef JD_CMD_EXPORT_H
#define JD_CMD_EXPORT_H
#include "cmd/cmd.h"
#include "engine/engine.h"
#include "model/query.h"

/* READINGS: that are opened at once; beyond, an entity's evolution goes out in parts. */
enum { EXPORT_WRITE_BYTES = 256 << 10, EXPORT_READINGS = 1000000, EXPORT_PART = 32768 };

typedef struct exporting { /* the command's settings */
    const char *data, *url, *tenant, *type, *format, *context, *contexts, *out;
    int sysattrs, no_fetch, history;
} exporting;

typedef struct exporter {
    const exporting *set;
    cmd_out out;
    cmd_progress progress;
    jd_buf line;
    uint64_t done, bytes;
    int write_failed;
} exporter;

/* Hands on what has gathered, once it is `least` bytes. 0, or -1: no room, or nobody reads any more. */
int export_write(exporter *x, size_t least);

/* The whole evolution of all entities of a folder: NDJSON of temporal representations, or CSV of one reading a line.
 * 0 or -1; what cannot be written is left to write_failed. */
int export_history(exporter *x, jd_engine *e, int tenant, jd_context *ctx, const jd_typeq *types, jd_err *err);
#endif
