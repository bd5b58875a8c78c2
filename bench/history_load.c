/* Durable ingest in readings a second, in one run: Jindu's batch API and the engine alone, InfluxDB's batch API, and
 * PostgreSQL's COPY into a table with its index. Two connections each, the next batch when the last one was
 * acknowledged; the same generated readings (history_city.h), hour by hour over all entities, as gateways tell them.
 *
 *     history_load JINDU FOLDER DATA [seconds] [rounds]
 */
#include "history_city.h"
#include "history_peers.h"
#include "history_put.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CONNECTIONS = 2, HOURS = 5, POINTS = 5000 }; /* of one entity and hour, with up to 11 readings */

static const char *program, *folder;
static double seconds = 20;
static city town;

typedef enum side { SIDE_JINDU, SIDE_ENGINE, SIDE_INFLUX, SIDE_POSTGRES, SIDES } side;

typedef struct trial {
    side who;
    int small; /* batches of about 5,000 readings, one field a line; else of 5,000 points with 11 fields */
    double until;
    atomic_uint next;       /* batch */
    atomic_ullong readings; /* acknowledged */
    atomic_ullong batches;
    const pg_server *pg;
} trial;

typedef struct figure {
    double rate, server_us, client_share; /* readings/s; CPU us of the server for one; share of a core */
} figure;

/* Entities [*e, *e_to) and hours [*h, *h_to) of a batch. */
static void part(const trial *t, uint32_t batch, uint32_t *e, uint32_t *e_to, uint32_t *h, uint32_t *h_to) {
    uint32_t per_hour = POINTS / HOURS < town.entities ? POINTS / HOURS : town.entities;
    if (t->small) per_hour = (per_hour + CITY_ATTRS - 1) / CITY_ATTRS;
    uint32_t per_block = (town.entities + per_hour - 1) / per_hour;
    *h = batch / per_block * HOURS;
    *h_to = *h + HOURS;
    *e = batch % per_block * per_hour;
    *e_to = *e + per_hour < town.entities ? *e + per_hour : town.entities;
}

static uint64_t body_jindu(const trial *t, uint32_t batch, jd_buf *b) {
    uint32_t e, e_to, h, h_to;
    uint64_t n = 0;
    part(t, batch, &e, &e_to, &h, &h_to);
    jd_buf_c(b, '[');
    for (; e < e_to; e++) {
        if (b->n > 1) jd_buf_c(b, ',');
        n += city_temporal(&town, e, h, h_to, b);
    }
    jd_buf_c(b, ']');
    return n;
}

static uint64_t body_other(const trial *t, uint32_t batch, jd_buf *b) {
    uint32_t e, e_to, h, h_to, first;
    uint64_t n = 0;
    part(t, batch, &first, &e_to, &h, &h_to);
    for (; h < h_to; h++)
        for (e = first; e < e_to; e++)
            n += t->who == SIDE_INFLUX ? city_lines(&town, e, h, h + 1, t->small, b) : city_rows(&town, e, h, h + 1, b);
    return n;
}

static void *one_connection(void *arg) {
    trial *t = arg;
    jd_buf b = {0};
    http_link http = {0};
    pg_server pg = {0};
    if (t->who == SIDE_POSTGRES)
        pg_join(&pg, t->pg);
    else
        http_open(&http, t->who == SIDE_JINDU ? JINDU_PORT : INFLUX_PORT);
    while (bench_seconds() < t->until) {
        uint32_t batch = atomic_fetch_add(&t->next, 1);
        b.n = 0;
        uint64_t n = t->who == SIDE_JINDU ? body_jindu(t, batch, &b) : body_other(t, batch, &b);
        if (t->who == SIDE_JINDU) {
            http_must(&http, "POST", "/ngsi-ld/v1/temporal/entityOperations/upsert", "application/json",
                      jd_buf_view(&b));
            if (http.status == 207) bench_die("Jindu: %.*s", (int)(http.body.n < 500 ? http.body.n : 500), http.body.p);
        } else if (t->who == SIDE_INFLUX) {
            http_must(&http, "POST", "/write?db=bench&precision=s", "text/plain", jd_buf_view(&b));
        } else {
            pg_copy(&pg, "COPY reading FROM STDIN", jd_buf_view(&b));
        }
        atomic_fetch_add(&t->readings, n);
        atomic_fetch_add(&t->batches, 1);
    }
    if (t->who == SIDE_POSTGRES)
        pg_leave(&pg);
    else
        http_close(&http);
    jd_buf_fini(&b);
    return NULL;
}

/* The engine in this process: parsing here, committing on its thread. */
static void engine_alone(trial *t) {
    char dir[600];
    snprintf(dir, sizeof dir, "%s/engine", folder);
    put p;
    put_open(&p, &(jd_engine_opts){.dir = dir});
    jd_buf b = {0};
    jd_str *texts = jd_xmalloc(town.entities * sizeof *texts);
    size_t *at = jd_xmalloc(((size_t)town.entities + 1) * sizeof *at);
    double begin = bench_seconds();
    t->until = begin + seconds;
    while (bench_seconds() < t->until) {
        uint32_t e, e_to, h, h_to, n = 0;
        part(t, atomic_fetch_add(&t->next, 1), &e, &e_to, &h, &h_to);
        b.n = 0;
        for (; e < e_to; e++) {
            at[n++] = b.n;
            atomic_fetch_add(&t->readings, city_temporal(&town, e, h, h_to, &b));
        }
        at[n] = b.n;
        for (uint32_t i = 0; i < n; i++) texts[i] = (jd_str){b.p + at[i], at[i + 1] - at[i]};
        put_entities(&p, texts, n, JD_OP_T_UPSERT);
        atomic_fetch_add(&t->batches, 1);
    }
    put_wait(&p);
    t->until = bench_seconds() - begin; /* what it took */
    put_close(&p);
    scratch_remove(dir);
    jd_buf_fini(&b);
    free(texts);
    free(at);
}

static double cpu_here(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* CPU seconds of a process and the children it has ended. */
static double cpu_of(pid_t pid) {
    char path[64];
    unsigned long v[4] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &v[0], &v[1], &v[2],
               &v[3]) != 4)
        v[0] = 0;
    fclose(f);
    return (double)(v[0] + v[1] + v[2] + v[3]) / (double)sysconf(_SC_CLK_TCK);
}

static figure run_trial(side who, int small) {
    trial t = {.who = who, .small = small};
    char data[600], log[600];
    pid_t pid = 0;
    influx_server influx;
    pg_server pg;
    double begin, took, here = cpu_here(), there = 0;
    if (who == SIDE_ENGINE) {
        engine_alone(&t);
        took = t.until;
    } else {
        snprintf(data, sizeof data, "%s/jindu", folder);
        snprintf(log, sizeof log, "%s/jindu.log", folder);
        if (who == SIDE_JINDU) {
            pid = jindu_start(program, data, log);
        } else if (who == SIDE_INFLUX) {
            influx_start(&influx, folder, 0);
            influx_do(&influx, "CREATE DATABASE bench WITH DURATION INF SHARD DURATION 52w");
            pid = influx.pid;
        } else {
            pg_make(&pg, folder);
            pg_start(&pg);
            pg_do(&pg, "CREATE TABLE reading(series int, time timestamptz, value float8, PRIMARY KEY(series, time))");
            t.pg = &pg;
        }
        begin = bench_seconds();
        t.until = begin + seconds;
        pthread_t threads[CONNECTIONS];
        for (int i = 0; i < CONNECTIONS; i++) pthread_create(&threads[i], NULL, one_connection, &t);
        for (int i = 0; i < CONNECTIONS; i++) pthread_join(threads[i], NULL);
        took = bench_seconds() - begin;
        if (pid) there = cpu_of(pid);
        if (who == SIDE_JINDU) {
            peer_end(pid, 15);
            scratch_remove(data);
        } else if (who == SIDE_INFLUX) {
            influx_stop(&influx);
            scratch_remove(influx.folder);
        } else {
            pg_stop(&pg);
            scratch_remove(pg.folder);
        }
    }
    double n = (double)atomic_load(&t.readings);
    return (figure){n / took, there * 1e6 / n, (cpu_here() - here) / took};
}

static int by_rate(const void *a, const void *b) {
    double x = ((const figure *)a)->rate, y = ((const figure *)b)->rate;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 4) bench_die("usage: history_load JINDU FOLDER DATA [seconds] [rounds]");
    program = argv[1];
    folder = argv[2];
    if (argc > 4) seconds = atof(argv[4]);
    int rounds = argc > 5 ? atoi(argv[5]) : 3;
    enum { ROUNDS_MAX = 15 };
    if (rounds < 1 || rounds > ROUNDS_MAX) bench_die("1 to %d rounds", ROUNDS_MAX);
    if (city_make(&town, 100000000, argv[3])) {
        printf("skipped: the air set is not in %s\n", argv[3]);
        return 0;
    }
    scratch_make(folder);
    const char *missing[SIDES] = {[SIDE_INFLUX] = influx_missing(), [SIDE_POSTGRES] = pg_missing(folder)};
    static const char *const names[SIDES] = {"Jindu, POST temporal/entityOperations/upsert",
                                             "Jindu's engine alone (jd_submit)", "InfluxDB, POST /write",
                                             "PostgreSQL, COPY"};
    printf("durable ingest, %d connections, %.0f s, median of %d; %u entities of %d series, hour by hour\n",
           CONNECTIONS, seconds, rounds, town.entities, CITY_ATTRS);
    printf("  %s\n  %s\n", influx_settings, pg_settings);
    for (int small = 0; small < 2; small++) {
        figure all[SIDES][ROUNDS_MAX];
        for (int r = 0; r < rounds; r++)
            for (int k = 0; k < SIDES; k++)
                if (!missing[k]) all[k][r] = run_trial((side)k, small);
        printf(small ? "batches of about 5,000 readings (InfluxDB: 5,000 points of one field)\n"
                     : "batches of 5,000 points (entity and hour) of up to 11 readings\n");
        for (int k = 0; k < SIDES; k++) {
            if (missing[k]) {
                printf("  %-46s skipped: %s\n", names[k], missing[k]);
                continue;
            }
            qsort(all[k], (size_t)rounds, sizeof(figure), by_rate);
            figure m = all[k][rounds / 2];
            printf("  %-46s %9.0f readings/s  [%.0f..%.0f]", names[k], m.rate, all[k][0].rate, all[k][rounds - 1].rate);
            if (m.server_us > 0) printf("   server %.2f us CPU a reading", m.server_us);
            printf("   here %.2f of a core\n", m.client_share);
        }
        fflush(stdout);
    }
    printf("  What COPY does not do here: no names (the client keeps the numbers of series), no JSON, no correction of "
           "what\n"
           "  is there (a second value of a key fails the whole COPY), no state of now, no recorded time, no refusal "
           "of one\n"
           "  entity while others pass.\n");
    scratch_remove(folder);
    city_free(&town);
    return 0;
}
