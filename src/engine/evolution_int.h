/* engine/evolution_int.h - between evolution.c and aggregate.c. */
#ifndef JD_ENGINE_EVOLUTION_INT_H
#define JD_ENGINE_EVOLUTION_INT_H
#include "engine/engine_int.h"
#include "engine/history.h"

/* jd_view_get_temporal, and the entity's key. */
int view_temporal(jd_view *v, jd_str id, jd_doc *out, int *hidden, uint64_t *entity);

typedef struct reader {
    jd_view *v;
    history *h;
    hist_state *st;
    const jd_window *win;
    jd_arena *a;
    jd_err *err;
    const jd_doc *d;
    int hidden;
    uint64_t entity;
    jd_time cleared; /* of the whole entity */
    uint64_t opened; /* readings so far */
} reader;
/* Also after a failure reader_end is called. */
int reader_begin(reader *k, jd_view *v, const jd_doc *d, const jd_window *win, jd_arena *a, jd_err *err);
void reader_end(reader *k);
int reader_too_much(reader *k, uint64_t readings); /* counts them; -1: more than may be opened */
/* What may lie in the window by its `at`. */
void window_bounds(const jd_window *w, jd_time *from, jd_time *to);

typedef struct shown { /* a reading that counts, and when its key was first told */
    jd_reading r;
    jd_time created;
    int current; /* it is the document's */
} shown;
/* Of readings that jd_readings_settle has put in order (KEEP) those that count, each with the time at which its key was
 * first told. now: the document's, or NULL. out has room for all. */
size_t readings_clean(const jd_reading *r, size_t n, jd_time cleared, const jd_reading *now, shown *out);
/* All that counts of a series within the window; v: the document's instance, or NULL. before: the last one that lies
 * before the window counts too. */
int reader_series(reader *k, jd_sym attr, uint32_t dataset, const jd_attrview *v, int before, shown **out, size_t *n);
/* As an instance; records is scratch. */
int reader_instance(reader *k, jd_sym attr, uint32_t dataset, const shown *s, const jd_attrview *v, jd_buf *records,
                    jd_inst *out);

typedef struct reader_slot {
    jd_sym attr;
    uint32_t dataset;
    int has;
    jd_attrview v; /* the document's instance */
} reader_slot;
/* Every series that is asked for: those of the document in its order, then those that history alone has. */
int reader_slots(reader *k, const jd_wanted *w, reader_slot **out, size_t *n);
#endif
