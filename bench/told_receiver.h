/* bench/told_receiver.h - who is told: an HTTP server on a thread of its own that takes every notification. */
#ifndef JD_BENCH_TOLD_RECEIVER_H
#define JD_BENCH_TOLD_RECEIVER_H
#include "bench.h"

typedef struct receiver receiver;
/* Listens on `n` ports from `port` on, 127.0.0.1. Answers 204 after slow_ms (0: at once). The n-th notification of an
 * entity whose "stamp" is a number of microseconds (monotonic) is timed. */
receiver *receiver_start(unsigned port, unsigned n, unsigned slow_ms);
void receiver_stop(receiver *r);
uint64_t receiver_count(const receiver *r);    /* notifications */
uint64_t receiver_entities(const receiver *r); /* entities in them */
/* Delays since the last call, in seconds, are moved into *out. */
void receiver_take(receiver *r, bench_samples *out);
#endif
