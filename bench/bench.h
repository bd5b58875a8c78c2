/* bench/bench.h - what the benchmark programs share: clocks, random numbers, sorted samples, memory, a city made of
 * numbers. Every program prints its figure beside the ceiling of this machine measured in the same run, and their
 * ratio. */
#ifndef JD_BENCH_H
#define JD_BENCH_H
#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <sys/types.h>

uint64_t bench_random(uint64_t *state);            /* splitmix64 */
uint32_t bench_below(uint64_t *state, uint32_t n); /* 0..n-1 */
double bench_seconds(void);                        /* monotonic */

typedef struct bench_samples { /* of one kind, in seconds */
    double *v;
    size_t n, cap;
} bench_samples;
void bench_add(bench_samples *s, double v);
double bench_quantile(bench_samples *s, double q); /* sorts */
void bench_free(bench_samples *s);

uint64_t bench_rss(pid_t pid); /* resident bytes, all kinds; 0 pid: this process */
void bench_drop_caches(void);  /* the page cache, where that is allowed; says so when it is not */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Entity number i of the bench city as normalized JSON of about 1 kB: an AirQualityObserved within 0.5 x 0.5 degrees
 * around Zhenjiang, with eight attributes. version changes the readings. Ids are
 * urn:ngsi-ld:AirQualityObserved:bench:<i>. */
void bench_entity(jd_buf *out, uint32_t i, uint32_t version);
enum { BENCH_ID_MAX = 64 };
size_t bench_id(char out[BENCH_ID_MAX], uint32_t i);
#endif
