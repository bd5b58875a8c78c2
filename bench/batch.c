/* Durable batch upsert through the API into a city of a million, beside SQLite alone doing the same: the same documents
 * under the same text keys in the same random order, 1,000 to a durable transaction (WAL, synchronous FULL, the rest as
 * Debian ships it, a cache of 256 MB).
 *
 *     batch JINDU FOLDER [entities] [seconds]
 */
#include "load.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 1000, PORT = 19482 };
static uint32_t entities = 1000000;

/* Document text of entity i; both sides get the same. */
typedef struct order {
    uint64_t rng;
    uint32_t next, version; /* next: while filling, in order */
    int filling;
} order;

static uint32_t pick(order *o) {
    return o->filling ? o->next++ : bench_below(&o->rng, entities);
}

static void post_batch(void *user, jd_buf *out) {
    order *o = user;
    static jd_buf body;
    body.n = 0;
    jd_buf_c(&body, '[');
    for (int i = 0; i < BATCH; i++) {
        if (i) jd_buf_c(&body, ',');
        bench_entity(&body, pick(o), o->version);
    }
    jd_buf_c(&body, ']');
    o->version++;
    jd_buf_printf(out,
                  "POST /ngsi-ld/v1/entityOperations/upsert HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                  "application/json\r\nContent-Length: %zu\r\n\r\n",
                  body.n);
    jd_buf_str(out, jd_buf_view(&body));
}

static void check(int rc, sqlite3 *db) {
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) bench_die("SQLite: %s", sqlite3_errmsg(db));
}

static void batch_alone(sqlite3 *db, sqlite3_stmt *put, order *o) {
    static jd_buf body;
    check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), db);
    for (int i = 0; i < BATCH; i++) {
        uint32_t e = pick(o);
        char id[BENCH_ID_MAX];
        size_t n = bench_id(id, e);
        body.n = 0;
        bench_entity(&body, e, o->version);
        sqlite3_bind_text(put, 1, id, (int)n, SQLITE_STATIC);
        sqlite3_bind_text(put, 2, body.p, (int)body.n, SQLITE_STATIC);
        check(sqlite3_step(put), db);
        sqlite3_reset(put);
    }
    check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
    o->version++;
}

static double alone(const char *path, double seconds) {
    sqlite3 *db;
    sqlite3_stmt *put;
    if (sqlite3_open(path, &db)) bench_die("cannot open %s", path);
    check(sqlite3_exec(db,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-262144;"
                       "CREATE TABLE entity (id TEXT PRIMARY KEY, body TEXT)",
                       NULL, NULL, NULL),
          db);
    check(sqlite3_prepare_v2(db, "INSERT INTO entity VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = ?2", -1,
                             &put, NULL),
          db);
    order fill = {.filling = 1, .version = 1}, run = {.rng = 99, .version = 2};
    while (fill.next < entities) batch_alone(db, put, &fill);
    double begin = bench_seconds(), now = begin;
    uint64_t n = 0;
    for (; now - begin < seconds; now = bench_seconds(), n += BATCH) batch_alone(db, put, &run);
    sqlite3_finalize(put);
    sqlite3_close(db);
    return (double)n / (now - begin);
}

static void shell(const char *format, const char *folder) {
    jd_buf cmd = {0};
    jd_buf_z(&cmd, format);
    jd_buf_c(&cmd, ' ');
    jd_buf_z(&cmd, folder);
    jd_buf_c(&cmd, 0);
    if (system(cmd.p)) bench_die("%s failed", cmd.p);
    jd_buf_fini(&cmd);
}

int main(int argc, char **argv) {
    if (argc < 3) bench_die("usage: batch JINDU FOLDER [entities] [seconds]");
    if (argc > 3) entities = (uint32_t)strtoul(argv[3], NULL, 10) / BATCH * BATCH;
    double seconds = argc > 4 ? atof(argv[4]) : 300;
    shell("rm -rf", argv[2]);
    shell("mkdir -p", argv[2]);
    char path[1024], data[1024], listen[32];
    snprintf(path, sizeof path, "%s/alone.db", argv[2]);
    snprintf(data, sizeof data, "%s/city", argv[2]);
    snprintf(listen, sizeof listen, "127.0.0.1:%d", PORT);
    double sqlite = alone(path, seconds);
    unlink(path);
    const char *const jindu[] = {argv[1],    "serve", "--open",      "--data", data,
                                 "--listen", listen,  "--log-level", "error",  NULL};
    pid_t city = server_start(jindu, PORT);
    order fill = {.filling = 1, .version = 1}, run = {.rng = 99, .version = 2};
    load_plan p = {.port = PORT, .connections = 1, .request = post_batch, .user = &fill, .status = 201};
    load_result r;
    while (fill.next < entities) {
        load_run(&p, &r); /* one batch */
        if (r.wrong) bench_die("filling: %s", r.first_wrong);
    }
    p = (load_plan){.port = PORT,
                    .connections = 2,
                    .seconds = seconds,
                    .request = post_batch,
                    .user = &run,
                    .status = 204,
                    .samples = 1};
    load_run(&p, &r);
    if (r.wrong) bench_die("upserting: %s", r.first_wrong);
    double rate = r.per_second * BATCH;
    printf(
        "durable batch upsert into %u entities, %.0f s: %8.0f/s   SQLite alone %8.0f/s   ratio %.2f (at least 0.7)\n",
        entities, seconds, rate, sqlite, rate / sqlite);
    printf("  a batch of 1,000, two at a time: p50 %.1f ms, p99 %.1f ms, longest gap %.0f ms, resident %.0f MB\n",
           bench_quantile(&r.latency, 0.5) * 1e3, bench_quantile(&r.latency, 0.99) * 1e3, r.longest_gap * 1e3,
           (double)bench_rss(city) / 1e6);
    server_stop(city);
    shell("rm -rf", argv[2]);
    return 0;
}
