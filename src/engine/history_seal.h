/* engine/history_seal.h - between history.c and seal.c. */
#ifndef JD_ENGINE_HISTORY_SEAL_H
#define JD_ENGINE_HISTORY_SEAL_H
#include "engine/history_int.h"

/* Rows on their way from the historian to the writer. */
typedef struct hist_step {
    struct hist_step *next;
    jd_store_row *rows; /* heads and bodies are the step's */
    size_t rows_n, rows_cap, bytes;
    run *whole;      /* with this step the run is whole; one reference is the step's */
    uint64_t sealed; /* 0: merged */
    int64_t *gone;
    size_t gone_n;
} hist_step;
void hist_step_free(hist_step *s);

void run_note_write(jd_buf *b, const run *r);
int run_note_read(jd_str note, run *r);

void *historian_main(void *history);
/* Manual mode: what the historian would do now, its rows left in the queue. */
void historian_step(history *h);
uint64_t history_log_max(const history *h);
#endif
