/* bench/history_put.h - an engine in this process, told EntityTemporal texts through jd_submit. One job is parsed while
 * the one before is committed. */
#ifndef JD_BENCH_HISTORY_PUT_H
#define JD_BENCH_HISTORY_PUT_H
#include "bench.h"
#include "engine/engine.h"
#include "engine/history.h"

typedef struct put_slot {
    jd_arena arena;
    jd_job job;
    int busy; /* under the lock */
} put_slot;
typedef struct put {
    jd_engine *e;
    jd_contexts *contexts;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    put_slot slot[2];
    int next;
} put;

void put_open(put *p, const jd_engine_opts *o);
/* Each text is one entity; op: JD_OP_T_UPSERT, JD_OP_OBSERVE, or JD_OP_CREATE (an upsert of its current state). Returns
 * when it is submitted; a refusal ends the program. The texts are not needed any more. */
void put_entities(put *p, const jd_str *texts, size_t n, jd_op op);
void put_wait(put *p); /* until all that was put is durable */
/* All readings in one run of rows, and the log trimmed, as it is when nothing has come for a while. */
void put_settle(put *p);
void put_close(put *p);
#endif
