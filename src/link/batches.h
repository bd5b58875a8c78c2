/* link/batches.h - moments of a table, gathered by entity, on their way to the engine.
 *
 * Two batches take turns: while the writer makes one durable, the other is filled; that is the back-pressure, too. One
 * is with the writer at a time, so that of two rows about one key the later counts.
 * Lifetime: a moment's texts live in jd_batches_arena() or longer than the batches.
 * Threads: one owner; the writer's thread only says that a batch is done, behind a lock. */
#ifndef JD_LINK_BATCHES_H
#define JD_LINK_BATCHES_H
#include "engine/engine.h"
#include "table/feed.h"

#include <stdatomic.h>

typedef struct jd_batches jd_batches;
typedef struct jd_batches_opts {
    jd_engine *engine;
    const char *tenant; /* empty: the default one; it is made when it is not there */
    void *user;
    /* Readings that the engine did not take, entity by entity: their own fault. May be NULL. */
    void (*refused)(void *user, jd_str id, uint32_t readings, const jd_err *err);
    const atomic_int *stop; /* non-zero: do not wait for room in a full queue; NULL: nobody stops us */
} jd_batches_opts;

jd_batches *jd_batches_new(const jd_batches_opts *opts);
/* Waits for what was submitted. NULL is fine. */
void jd_batches_free(jd_batches *b);
/* Where the next moment is to be made. */
jd_arena *jd_batches_arena(jd_batches *b);
/* Takes a moment, whose memory is in that arena. -1: the engine cannot go on (JD_E_UNKNOWN_OUTCOME: its store died). */
int jd_batches_take(jd_batches *b, const jd_moment *m, jd_err *err);
/* Everything taken is durable, or refused, after. */
int jd_batches_flush(jd_batches *b, jd_err *err);
uint64_t jd_batches_refused(const jd_batches *b); /* readings */
/* Is it the fault of what was told, so that the work may go on? */
int jd_batches_is_about_record(jd_errcode code);
#endif
