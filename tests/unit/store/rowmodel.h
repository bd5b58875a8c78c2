/* The model's part that is not documents: log-only changes ("events", numbered from 1 as they are drawn) and the whole
 * runs that they end up in; and a naive engine, the sealer, which turns the one into the other in steps. */
#ifndef STORE_TEST_ROWMODEL_H
#define STORE_TEST_ROWMODEL_H
#include "store/store.h"

typedef struct rng {
    uint64_t s;
} rng;
uint64_t rng_next(rng *r);
uint32_t rng_below(rng *r, uint32_t n);

enum { EVENT_KIND = 9, EVENT_KEYS = 5, SEALER_GONE_MAX = 4, STEP_ROWS_MAX = 3 };
#define EVENT_LOG_ONLY (UINT64_C(1) << EVENT_KIND)

/* What an engine would keep in memory, and lose with its process. */
typedef struct sealer {
    int64_t open;                  /* run that is being written; 0: none */
    uint64_t seal_to;              /* it holds the events of groups up to this; 0: those of the runs in `gone` */
    int64_t gone[SEALER_GONE_MAX]; /* runs that go when it is whole */
    size_t gone_n;
    jd_buf content; /* events it has yet to write */
    jd_buf pending; /* its rows so far */
    jd_buf drops;   /* ids of rows of gone runs */
    int64_t next_row, next_run;
} sealer;

/* Records, one after the other in order; see rowmodel.c. */
typedef struct rowmodel {
    uint64_t events; /* newest number */
    jd_buf log;      /* events that are in no whole run */
    jd_buf runs, rows;
    sealer sealer;
} rowmodel;

jd_key event_key(uint32_t i);
int is_event(jd_key key);
void rowmodel_fini(rowmodel *m);
void rowmodel_copy(rowmodel *to, const rowmodel *from); /* with the sealer */
/* As model_differs; the sealer is no part of it. */
int rowmodel_differs(const rowmodel *a, const rowmodel *b, char *why, size_t cap);
void rowmodel_event(rowmodel *m, uint64_t group, jd_key key, jd_str body);
/* Writes event `number`, `bytes` long (at least 8), to p. */
void event_fill(rng *r, uint64_t number, char *p, size_t bytes);
/* Fills in what the store holds in rows; the log's part comes with rowmodel_event. -1: *err says why. */
int rowmodel_load(jd_store *s, rowmodel *m, jd_err *err);
/* Is every event 1, 2, ... in a row or in the log, and in one of them only? *events: how many there are. */
int rowmodel_is_complete(rowmodel *m, jd_err *err);
/* The process is a new one: its sealer starts anew, with numbers that are free in the store. */
void rowmodel_reopened(rowmodel *m, jd_store *s);

/* A step drawn at random, with all that it points to. The model is what it was until step_apply. */
typedef struct model_step {
    jd_store_seal_step s;
    jd_store_row rows[STEP_ROWS_MAX];
    int64_t gone[SEALER_GONE_MAX];
    char note[32];
    jd_buf bytes;
    sealer next;
} model_step;
/* group: the newest one. */
void step_draw(rng *r, const rowmodel *m, uint64_t group, model_step *out);
void step_apply(rowmodel *m, model_step *step); /* the step's memory is the model's then */
void step_fini(model_step *step);
#endif
