/* store/format.h - the stored bytes: one sealed envelope for every body, and the changes inside a log row.
 * FORMAT.md draws them byte by byte. Pure functions on bytes; no SQLite here, so that tests and checks drive them.
 * Threads: any.   Fails: with a store_bad, whose texts store__bad_en and store__bad_zh give. */
#ifndef JD_STORE_FORMAT_H
#define JD_STORE_FORMAT_H
#include "store/store.h"

enum {
    STORE_ENVELOPE = 5, /* bytes before what a body holds: format number, CRC-32C */
    STORE_ENVELOPE_V1 = 1,
    STORE_ENVELOPE_V2 = 2, /* of documents: a group stands before the body; of log rows: there may be patches */
};

typedef enum store_bad {
    STORE_GOOD = 0,
    STORE_BAD_SHORT,  /* shorter than its envelope */
    STORE_BAD_FORMAT, /* a format number this program does not know */
    STORE_BAD_SUM,    /* the checksum differs */
    STORE_BAD_SHAPE,  /* checksum right, contents malformed: written by a faulty program */
    STORE_BAD_ROWS,   /* of a run: its rows are not those that it counts */
} store_bad;
const char *store__bad_en(store_bad b);
const char *store__bad_zh(store_bad b);

/* Appends the envelope and the body of `key` to *out. */
void store__seal(jd_buf *out, uint64_t key, jd_str body);
/* Verifies a sealed blob of `key` (document key or group number); *body is the part behind the envelope. */
store_bad store__unseal(uint64_t key, const void *blob, size_t n, jd_str *body);
/* The same for a document: of all changes up to `group` the body is what they left. 0: not known (written before format
 * 3). */
void store__seal_document(jd_buf *out, jd_key key, uint64_t group, jd_str body);
store_bad store__unseal_document(jd_key key, jd_str blob, uint64_t *group, jd_str *body);
/* The checksum in the crc column of a symbol row. */
uint32_t store__symbol_crc(uint32_t number, jd_str name);

/* The head of a row of a run, with the length of the row's body in front of it. */
void store__seal_head(jd_buf *out, int64_t id, int64_t run, uint64_t body_bytes, jd_str head);
store_bad store__unseal_head(int64_t id, int64_t run, jd_str blob, jd_str *head, uint64_t *body_bytes);
/* The body of a row: row, run and head (without its envelope) are part of its sum. */
void store__seal_row(jd_buf *out, int64_t id, int64_t run, jd_str head, jd_str body);
store_bad store__unseal_row(int64_t id, int64_t run, jd_str head, jd_str blob, jd_str *body);
/* The note of a run: its other columns are part of its sum. */
typedef struct store_run_sum {
    int64_t id, state;
    uint64_t rows, bytes;
} store_run_sum;
void store__seal_note(jd_buf *out, const store_run_sum *run, jd_str note);
store_bad store__unseal_note(const store_run_sum *run, jd_str blob, jd_str *note);

/* Writes the whole log row of a group into *out, which is emptied first: one pass over the changes. */
void store__log_encode(jd_buf *out, const jd_store_group *g);

/* Walks the changes of a log row. */
typedef struct store_log_reader {
    const unsigned char *p, *end;
    uint64_t left;
    jd_key key;
    int format;
} store_log_reader;
store_bad store__log_begin(store_log_reader *r, uint64_t group, const void *blob, size_t n);
/* 1: *key and *body are set (body->p NULL: gone; *patch: the body is a patch); 0: end; -1: malformed. The bytes belong
 * to the blob. */
int store__log_next(store_log_reader *r, jd_key *key, jd_str *body, int *patch);
#endif
