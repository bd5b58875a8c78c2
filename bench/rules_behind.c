#include "rules_behind.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_US = 50000 };

typedef struct look {
    double at, behind; /* seconds */
    double newest;     /* groups */
} look;

struct behind {
    http_link http;
    pthread_t thread;
    _Atomic int stop;
    double begin, judgements;
    look *looks;
    size_t n, cap;
    uint64_t answers[BEHIND_SECONDS_MAX];
};

static double find(const jd_str text, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i + n + 1 < text.n; i++)
        if ((!i || text.p[i - 1] == '\n') && !memcmp(text.p + i, name, n) && text.p[i + n] == ' ')
            return strtod(text.p + i + n, NULL);
    bench_die("/metrics has no %s", name);
}

double metric(http_link *h, const char *name) {
    http_must(h, "GET", "/metrics", NULL, JD_STR(""));
    return find(h->body, name);
}

double wait_judged(http_link *h) {
    double began = bench_seconds();
    while (metric(h, "jindu_rules_behind_groups") > 0) usleep(LOOK_US / 5);
    return bench_seconds() - began;
}

/* The oldest group that is not judged was published after the last look that saw none of those: so far behind they are
 * at the most. */
static void look_once(behind *b) {
    http_must(&b->http, "GET", "/metrics", NULL, JD_STR(""));
    double newest = find(b->http.body, "jindu_groups_total"), open = find(b->http.body, "jindu_rules_behind_groups");
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 1024;
        b->looks = jd_xrealloc(b->looks, b->cap * sizeof *b->looks);
    }
    look *l = &b->looks[b->n++];
    *l = (look){bench_seconds(), 0, newest};
    if (open <= 0) return;
    size_t i = b->n - 1;
    while (i && b->looks[i].newest > newest - open) i--;
    l->behind = l->at - b->looks[i].at;
}

static void *looking(void *user) {
    behind *b = user;
    while (!atomic_load(&b->stop)) {
        look_once(b);
        usleep(LOOK_US);
    }
    return NULL;
}

behind *behind_start(unsigned port) {
    behind *b = jd_xcalloc(1, sizeof *b);
    http_open(&b->http, port);
    b->judgements = metric(&b->http, "jindu_rule_judgements_total");
    look_once(b);
    b->begin = bench_seconds();
    if (pthread_create(&b->thread, NULL, looking, b)) bench_die("cannot start a thread");
    return b;
}

void behind_answered(void *user, uint64_t number, double due, double now) {
    behind *b = user;
    size_t second = (size_t)(now - b->begin);
    (void)number;
    (void)due;
    if (second < BEHIND_SECONDS_MAX) b->answers[second]++;
}

void behind_stop(behind *b, behind_result *out) {
    double end = bench_seconds();
    atomic_store(&b->stop, 1);
    pthread_join(b->thread, NULL);
    *out = (behind_result){.seconds = (uint32_t)(end - b->begin)};
    unsigned char late[BEHIND_SECONDS_MAX] = {0};
    for (size_t i = 0; i < b->n; i++) {
        const look *l = &b->looks[i];
        size_t second = l->at > b->begin ? (size_t)(l->at - b->begin) : 0;
        if (l->behind > 1 && second < BEHIND_SECONDS_MAX) late[second] = 1;
        if (l->behind > out->most) out->most = l->behind;
    }
    for (uint32_t i = 0; i < out->seconds && i < BEHIND_SECONDS_MAX; i++) {
        out->answers += b->answers[i];
        if (late[i]) continue;
        out->within++;
        out->counted += b->answers[i];
    }
    out->groups = (uint64_t)(b->looks[b->n - 1].newest - b->looks[0].newest);
    wait_judged(&b->http);
    out->judgements = metric(&b->http, "jindu_rule_judgements_total") - b->judgements;
    http_close(&b->http);
    free(b->looks);
    free(b);
}
