/* bench/rules_behind.h - how far behind the rules are while a load runs: a thread that asks /metrics for the newest
 * group and for those that are not judged yet, and counts of each second what was answered in it. */
#ifndef JD_BENCH_RULES_BEHIND_H
#define JD_BENCH_RULES_BEHIND_H
#include "http_link.h"

enum { BEHIND_SECONDS_MAX = 600 };

typedef struct behind_result {
    uint64_t answers, counted; /* all; and those in seconds throughout which the rules were within 1 s */
    uint32_t seconds, within;  /* whole seconds; and those that count */
    double most;               /* the longest time behind, in seconds */
    uint64_t groups;           /* that were published meanwhile */
    double judgements;         /* per update */
} behind_result;

typedef struct behind behind;
behind *behind_start(unsigned port);
/* For load_plan.answered; user: a behind. On the load's thread. */
void behind_answered(void *user, uint64_t number, double due, double now);
/* Ends it. */
void behind_stop(behind *b, behind_result *out);

/* A number of /metrics; it ends the program where it is not there. */
double metric(http_link *h, const char *name);
/* Waits until every group is judged; returns the seconds that took. */
double wait_judged(http_link *h);
#endif
