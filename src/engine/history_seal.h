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

/* A run in the making; the historian's. */
typedef struct sealer {
    history *h;
    run *r;
    hist_step *step;
    uint32_t beside; /* a merge looks after frozen heads now and then */
} sealer;
sealer sealer_begin(history *h, uint32_t level);
int sealer_row(void *sealer, const jd_rowhead *head, jd_str bytes, jd_err *err); /* a jd_row_fn */
/* The last step: with it the run is whole. Waits until the writer has stored it. */
void sealer_end(sealer *s, uint64_t sealed, int64_t *gone, size_t gone_n);
void sealer_give_up(sealer *s);
int seal_frozen(history *h, jd_err *err);

/* Runs below are packed in haste: what they hold is written again soon. */
enum { LEVEL_SHORTEST = 2 };

/* merge.c: the runs of a state from newest `first` to oldest `last` become one, of the next level, or at least of
 * `level`; what is too old is folded when the oldest are among them. */
int merge_runs(history *h, hist_state *st, uint32_t first, uint32_t last, uint32_t level, jd_err *err);

/* ---- retain.c: policies while merging ---- */
typedef struct retain retain;
retain *retain_begin(history *h); /* NULL: no policy */
void retain_end(retain *r);
jd_time retain_horizon(const retain *r); /* nothing from it on is folded */
/* Readings of a series in order: those that are too old are folded into stashes of its tiers, the others left, in
 * place.
 */
/* untouched: readings before this time are spoken of nowhere else, so they may be folded. */
size_t retain_readings(retain *r, const jd_skey *key, jd_reading *list, size_t n, jd_time untouched);
/* Hands out stashes of tiers whose keys are before `key` (NULL: all), as series to be written. */
int retain_flush(retain *r, const jd_skey *before, jd_rowmaker *m, sealer *s, jd_err *err);
/* A tier's readings, joined with its stash, without what is too old or was cleared. */
int retain_tier(retain *r, const jd_skey *key, const jd_reading *list, size_t n, jd_time cleared, jd_rowmaker *m,
                sealer *s, jd_err *err);
/* When policies want to look again at what is there; 0: no policy. */
uint64_t retain_every_ms(history *h);
/* Does any run hold readings that a policy wants folded? */
int retain_due(history *h, const hist_state *s);

/* ---- pace.c: how fast the historian goes ---- */
void pace_begin(history *h); /* in the historian's thread */
/* Writer, with each group: bytes in the active heads; log bytes against what they may be (0: no bound). */
void pace_note(history *h, uint64_t in_heads, uint64_t log, uint64_t log_max);
/* Historian, between two small pieces of work: rests when it is due. */
void pace_rest(history *h);

void *historian_main(void *history);
/* Manual mode: what the historian would do now, its rows left in the queue. */
void historian_step(history *h);
uint64_t history_log_max(const history *h);
#endif
