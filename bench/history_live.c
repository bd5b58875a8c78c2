/* Memory with a million live series: 200,000 entities of five attributes, every one told several times, one durable
 * batch of 1,000 entities after the other. Resident memory while readings come, when all are sealed, and of a process
 * that starts on the folder, beside one that starts on the same entities without any history: the difference is what
 * idle series cost. And the time until that start answers.
 *
 *     history_live FOLDER [entities] [rounds]
 */
#include "history_peers.h"
#include "history_put.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 1000, ATTRS = 5 };
static const char *folder;
static uint32_t entities = 200000;

static const char *const attrs[ATTRS][2] = {{"temperature", "CEL"},
                                            {"relativeHumidity", "P1"},
                                            {"pm25", "GQ"},
                                            {"batteryLevel", "P1"},
                                            {"signalStrength", "DBM"}};

static void one(jd_buf *b, uint32_t e, uint32_t round) {
    char when[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print((INT64_C(1790000000) + round * 60) * 1000000, 0, when);
    jd_buf_printf(b, "{\"id\":\"urn:ngsi-ld:Device:live:%u\",\"type\":\"Device\"", e);
    for (uint64_t k = 0; k < ATTRS; k++) {
        uint64_t r = ((uint64_t)e << 20 | round) * ATTRS + k;
        uint32_t v = bench_below(&r, 1000);
        jd_buf_printf(b, ",\"%s\":{\"type\":\"Property\",\"value\":%u.%u,\"unitCode\":\"%s\",\"observedAt\":\"%.*s\"}",
                      attrs[k][0], v / 10, v % 10, attrs[k][1], (int)n, when);
    }
    jd_buf_c(b, '}');
}

static void tell(put *p, uint32_t round, jd_op op) {
    jd_buf b = {0};
    jd_str texts[BATCH];
    size_t at[BATCH + 1];
    for (uint32_t e = 0; e < entities; e += BATCH) {
        uint32_t n = 0;
        b.n = 0;
        for (; n < BATCH && e + n < entities; n++) {
            at[n] = b.n;
            one(&b, e + n, round);
        }
        at[n] = b.n;
        for (uint32_t i = 0; i < n; i++) texts[i] = (jd_str){b.p + at[i], at[i + 1] - at[i]};
        put_entities(p, texts, n, op);
    }
    put_wait(p);
    jd_buf_fini(&b);
}

static void say(const char *what, uint64_t rss, uint64_t empty) {
    printf("  %-62s %8.1f MB, %6.1f bytes a series\n", what, (double)(rss - empty) / 1e6,
           (double)(rss - empty) / entities / ATTRS);
    fflush(stdout);
}

typedef struct start {
    double took;
    uint64_t rss;
} start;

/* Opens the folder in a process of its own and finds one entity. */
static start reopen(const char *dir, int cold) {
    int fd[2];
    if (cold) bench_drop_caches();
    fflush(stdout);
    if (pipe(fd)) bench_die("no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        start s = {.took = bench_seconds()};
        uint64_t empty = bench_rss(0);
        jd_engine *e;
        jd_err err = {0};
        if (jd_engine_open(&e, &(jd_engine_opts){.dir = dir}, &err)) bench_die("%s", err.en);
        jd_arena a;
        jd_arena_init(&a);
        jd_view v;
        jd_doc d;
        jd_view_begin(&v, e, 0, &a);
        if (!jd_view_get(&v, JD_STR("urn:ngsi-ld:Device:live:0"), &d)) bench_die("an entity is lost");
        jd_view_end(&v);
        s.took = bench_seconds() - s.took;
        s.rss = bench_rss(0) - empty;
        if (write(fd[1], &s, sizeof s) != sizeof s) _exit(1);
        _exit(0);
    }
    start s = {0};
    close(fd[1]);
    if (read(fd[0], &s, sizeof s) != sizeof s) bench_die("the start failed");
    close(fd[0]);
    waitpid(pid, NULL, 0);
    return s;
}

/* The same work in a process of its own, so that its memory is its own. */
static void fill(const char *dir, int history, uint32_t rounds) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        static const jd_str all = {"*", 1};
        uint64_t empty = bench_rss(0);
        put p;
        put_open(&p, &(jd_engine_opts){.dir = dir, .history_off = &all, .history_off_n = !history});
        tell(&p, 0, JD_OP_CREATE);
        if (history) say("entities as they are now, first told", bench_rss(0), empty);
        uint64_t most = 0;
        double begin = bench_seconds();
        for (uint32_t r = 1; history && r <= rounds; r++) {
            tell(&p, r, JD_OP_OBSERVE);
            if (bench_rss(0) > most) most = bench_rss(0);
        }
        if (history) {
            say("while each series is told again and again, at most", most, empty);
            printf("  (%.0f readings/s durable)\n", (double)entities * ATTRS * rounds / (bench_seconds() - begin));
        }
        put_settle(&p);
        if (history) say("all sealed, the same process", bench_rss(0), empty);
        put_close(&p);
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (status) bench_die("filling failed");
}

int main(int argc, char **argv) {
    if (argc < 2) bench_die("usage: history_live FOLDER [entities] [rounds]");
    folder = argv[1];
    if (argc > 2) entities = (uint32_t)strtoul(argv[2], NULL, 10);
    uint32_t rounds = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 10;
    char with[600], without[600];
    scratch_make(folder);
    snprintf(with, sizeof with, "%s/with", folder);
    snprintf(without, sizeof without, "%s/without", folder);
    printf("%u entities, %u live series, %u readings each\n", entities, entities * ATTRS, rounds + 1);
    fill(with, 1, rounds);
    fill(without, 0, rounds);
    start none = reopen(without, 0), cold = reopen(with, 1), warm = reopen(with, 0);
    say("a fresh start on them, with history", warm.rss, 0);
    say("a fresh start on the same entities without history", none.rss, 0);
    printf("  an idle series costs %.2f bytes of memory; ready in %.2f s cold, %.2f s warm (without history %.2f s "
           "warm)\n",
           ((double)warm.rss - (double)none.rss) / entities / ATTRS, cold.took, warm.took, none.took);
    scratch_remove(folder);
    return 0;
}
