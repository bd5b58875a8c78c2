/* cmd/input.h - entities out of a file, one after the other, in memory bounded by the largest of them: NDJSON (one a
 * line) or one JSON array; which it is shows in the first byte.
 * Lifetime: a record's bytes live until the next call. Threads: one owner. */
#ifndef JD_CMD_INPUT_H
#define JD_CMD_INPUT_H
#include "base/buf.h"
#include "base/err.h"

enum { CMD_RECORD_MAX = 16 << 20 };

typedef struct cmd_record {
    jd_str text;
    uint64_t line, column; /* where it begins, from 1 */
    int too_long;          /* over CMD_RECORD_MAX: passed over, text is empty */
} cmd_record;

typedef struct cmd_reader {
    int fd; /* -1: everything is in buf */
    int form, eof;
    jd_buf buf;
    size_t at;   /* first byte not yet given out */
    size_t seen; /* array: bytes behind `at` that the scan has passed */
    unsigned depth;
    int in_string, escaped, any;
    uint64_t line, column; /* of buf.p[at] */
    uint64_t bytes;        /* read so far */
} cmd_reader;

/* fd is borrowed. */
void cmd_reader_init(cmd_reader *r, int fd);
/* Reads from bytes in memory, which are copied. */
void cmd_reader_init_text(cmd_reader *r, jd_str text);
void cmd_reader_fini(cmd_reader *r);
/* 1: a record; 0: the end; -1: reading failed, or an array's own shape is broken (*err, its place "line L column C").
 */
int cmd_reader_next(cmd_reader *r, cmd_record *out, jd_err *err);
#endif
