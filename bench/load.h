/* bench/load.h - an HTTP load generator on one thread: keep-alive connections over epoll, closed loop (each connection
 * asks again when answered) or open loop (requests fall due at a fixed rate; latency counts from when one was due, so
 * that a stall is seen by all that waited behind it). */
#ifndef JD_BENCH_LOAD_H
#define JD_BENCH_LOAD_H
#include "bench.h"

typedef struct load_plan {
    unsigned port; /* on 127.0.0.1 */
    unsigned connections;
    double seconds;
    double rate; /* requests per second for an open loop; 0: closed */
    /* Writes a whole request into out; called for every request. */
    void (*request)(void *user, jd_buf *out);
    void *user;
    /* Request `number` (from 0, in the order of request()) was answered; may be NULL. Times as bench_seconds(). */
    void (*answered)(void *user, uint64_t number, double due, double now);
    void *answered_user; /* NULL: user */
    int status;          /* the status that counts as an answer */
    int samples;         /* keep latencies */
} load_plan;

typedef struct load_result {
    uint64_t answers, wrong; /* wrong: other statuses */
    double seconds, per_second;
    bench_samples latency; /* seconds */
    double longest_gap;    /* longest time without any answer */
    char first_wrong[200];
} load_result;

void load_run(const load_plan *plan, load_result *out);

/* Child processes: the program under test, and the HTTP library alone answering a constant. */
pid_t server_start(const char *const argv[], unsigned port); /* returns when it accepts connections */
void server_stop(pid_t pid);
#endif
