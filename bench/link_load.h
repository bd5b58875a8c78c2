/* bench/link_load.h - a fleet of JT/T 808 terminals on one thread: each a connection and a phone of its own, moving
 * about Zhenjiang, its clock going on by ten seconds a frame. Closed loop (so many frames of each wait for their
 * answers) or open loop (frames fall due at a fixed rate, whatever was answered; delays count from when one was due).
 */
#ifndef JD_BENCH_LINK_LOAD_H
#define JD_BENCH_LINK_LOAD_H
#include "bench.h"

typedef struct fleet fleet;
/* Connects to 127.0.0.1:port. Phones are 013800000000 and on. */
fleet *fleet_open(unsigned port, unsigned devices);
void fleet_close(fleet *f);

typedef struct fleet_plan {
    double seconds;
    unsigned outstanding; /* frames of a device that wait, in a closed loop */
    double rate;          /* frames per second of an open loop; 0: closed */
    double answer_most;   /* an answer that takes longer ends the run; 0: none does */
    uint64_t frames_most; /* of an own end before the time is up; 0: none */
} fleet_plan;

typedef struct fleet_result {
    uint64_t frames, answers, refused; /* refused: answered, but not with "done" */
    double seconds, per_second;        /* answers */
    double cpu_seconds;                /* of this thread */
    bench_samples delay;
    double slowest;
    int late; /* an answer took longer than answer_most, or never came */
} fleet_result;

void fleet_run(fleet *f, const fleet_plan *plan, fleet_result *out);
/* One frame as the fleet sends them; its bytes. */
size_t fleet_frame(unsigned char out[160]);
#endif
