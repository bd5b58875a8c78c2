/* How many changes a second the store makes durable, beside SQLite alone upserting the same rows and a bare fsync loop.
 *
 *     store_bench DIR [rows] [seconds] [hot]
 *
 * Groups of 64 changes of 500 bytes over `rows` rows (1,000,000), uniform; with `hot` over the first `hot` rows only.
 * DIR must not exist; it is made, and removed at the end. Wall clock moves by 20-30 % on shared machines: read the
 * ratios. */
#include "base/clock.h"
#include "store/format.h"
#include "store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANGES = 64, BODY = 500, SAMPLES_MAX = 1 << 20 };

static uint64_t rng_state = 42;
static uint64_t rng(void) {
    uint64_t z = (rng_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double now(void) {
    return (double)jd_mono_ns() / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

/* Identical bytes would let SQLite skip the page write, so a body depends on its version. */
static void fill(char *body, jd_key key, uint32_t version) {
    memset(body, 'a' + (int)((uint64_t)(key + version) % 26), BODY);
    memcpy(body, &key, sizeof key);
    memcpy(body + 8, &version, sizeof version);
}

typedef struct city {
    uint32_t rows, hot;
    uint32_t *version;
    char (*ring)[BODY]; /* bodies handed to the store stay until its call returns */
    unsigned at;
} city;

static jd_str current(void *user, jd_key key) {
    city *c = user;
    char *body = c->ring[c->at++ % 2048];
    fill(body, key, c->version[key - 1]);
    return (jd_str){body, BODY};
}

typedef struct figures {
    double groups_s, p50, p99, p999, most; /* ms */
    uint64_t wal_most;
} figures;

static int by_size(const void *a, const void *b) {
    const float *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static figures figures_of(float *ms, size_t n, double seconds) {
    if (!n) die("no group done");
    qsort(ms, n, sizeof *ms, by_size);
    return (figures){.groups_s = (double)n / seconds,
                     .p50 = ms[n / 2],
                     .p99 = ms[n * 99 / 100],
                     .p999 = ms[n * 999 / 1000],
                     .most = ms[n - 1]};
}

static void print(const char *name, figures f, double beside) {
    printf("%-28s %7.0f groups/s %9.0f changes/s  x%.2f   ms: p50 %.2f p99 %.2f p99.9 %.2f max %.1f\n", name,
           f.groups_s, f.groups_s * CHANGES, beside > 0 ? f.groups_s / beside : 1.0, f.p50, f.p99, f.p999, f.most);
    fflush(stdout);
}

/* The rows, in key order, without syncs: only the start of the measurement. */
static void preload(const char *path, const char *sql, uint32_t rows, int sealed) {
    sqlite3 *db;
    sqlite3_stmt *q;
    jd_buf b = {0};
    char body[BODY];
    if (sqlite3_open(path, &db) || sqlite3_exec(db,
                                                "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; PRAGMA "
                                                "cache_size=-65536; PRAGMA wal_autocheckpoint=20000",
                                                NULL, NULL, NULL))
        die(sqlite3_errmsg(db));
    if (!sealed)
        sqlite3_exec(db, "CREATE TABLE document(key INTEGER PRIMARY KEY, body BLOB NOT NULL)", NULL, NULL, NULL);
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL)) die(sqlite3_errmsg(db));
    for (uint32_t i = 0; i < rows; i++) {
        if (i % 20000 == 0) sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        fill(body, i + 1, 0);
        b.n = 0;
        if (sealed)
            store__seal(&b, i + 1, (jd_str){body, BODY});
        else
            jd_buf_add(&b, body, BODY);
        sqlite3_bind_int64(q, 1, i + 1);
        sqlite3_bind_blob(q, 2, b.p, (int)b.n, SQLITE_STATIC);
        if (sqlite3_step(q) != SQLITE_DONE) die(sqlite3_errmsg(db));
        sqlite3_reset(q);
        if (i % 20000 == 19999 || i + 1 == rows) sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    jd_buf_fini(&b);
    sync();
}

static figures bench_fsync(const char *path, double seconds, float *ms) {
    enum { BYTES = CHANGES * BODY + 4096, SPAN = 64 };
    char *page = jd_xcalloc(1, BYTES);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) die("cannot write");
    for (int i = 0; i < SPAN; i++)
        if (pwrite(fd, page, BYTES, (off_t)i * BYTES) != BYTES) die("cannot write");
    fsync(fd);
    size_t n = 0;
    double start = now(), at = start;
    while (at - start < seconds && n < SAMPLES_MAX) {
        memcpy(page, &n, sizeof n);
        if (pwrite(fd, page, BYTES, (off_t)(n % SPAN) * BYTES) != BYTES || fdatasync(fd) != 0) die("cannot sync");
        double then = now();
        ms[n++] = (float)((then - at) * 1e3);
        at = then;
    }
    close(fd);
    unlink(path);
    free(page);
    return figures_of(ms, n, at - start);
}

static figures bench_sqlite(const char *path, const city *c, double seconds, float *ms) {
    sqlite3 *db;
    sqlite3_stmt *q;
    char body[BODY];
    if (sqlite3_open(path, &db)) die(sqlite3_errmsg(db));
    sqlite3_exec(db, "PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA secure_delete=OFF", NULL, NULL, NULL);
    sqlite3_wal_autocheckpoint(db, 4096);
    if (sqlite3_prepare_v2(db, "REPLACE INTO document(key, body) VALUES(?1, ?2)", -1, &q, NULL))
        die(sqlite3_errmsg(db));
    size_t n = 0;
    double start = now(), at = start;
    while (at - start < seconds && n < SAMPLES_MAX) {
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int i = 0; i < CHANGES; i++) {
            jd_key key = (jd_key)(rng() % c->hot) + 1;
            fill(body, key, (uint32_t)n + 1);
            sqlite3_bind_int64(q, 1, key);
            sqlite3_bind_blob(q, 2, body, BODY, SQLITE_STATIC);
            if (sqlite3_step(q) != SQLITE_DONE) die(sqlite3_errmsg(db));
            sqlite3_reset(q);
        }
        if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL)) die(sqlite3_errmsg(db));
        double then = now();
        ms[n++] = (float)((then - at) * 1e3);
        at = then;
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    return figures_of(ms, n, at - start);
}

static figures bench_store(jd_store *s, city *c, uint64_t last, double seconds, float *ms) {
    char(*bodies)[BODY] = jd_xmalloc(CHANGES * sizeof *bodies);
    jd_store_change changes[CHANGES];
    jd_err err = {0};
    jd_store_stats st;
    uint64_t wal_most = 0;
    size_t n = 0;
    double start = now(), at = start;
    while (at - start < seconds && n < SAMPLES_MAX) {
        for (int i = 0; i < CHANGES; i++) {
            jd_key key = (jd_key)(rng() % c->hot) + 1;
            fill(bodies[i], key, c->version[key - 1] + 1);
            changes[i] = (jd_store_change){.key = key, .body = {bodies[i], BODY}};
        }
        jd_store_group g = {.number = ++last, .changes = changes, .changes_n = CHANGES};
        if (jd_store_commit(s, &g, &err) != JD_STORE_OK) die(err.en);
        for (int i = 0; i < CHANGES; i++) c->version[changes[i].key - 1]++;
        double then = now();
        ms[n++] = (float)((then - at) * 1e3);
        at = then;
        jd_store_get_stats(s, &st);
        if (st.wal_bytes > wal_most) wal_most = st.wal_bytes;
    }
    free(bodies);
    figures f = figures_of(ms, n, at - start);
    f.wal_most = wal_most;
    return f;
}

int main(int argc, char **argv) {
    if (argc < 2) die("usage: store_bench DIR [rows] [seconds] [hot]");
    const char *dir = argv[1];
    city c = {.rows = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000};
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 6;
    c.hot = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : c.rows;
    if (!c.rows || !c.hot || c.hot > c.rows || mkdir(dir, 0700) != 0) die("bad numbers, or DIR exists");
    c.version = jd_xcalloc(c.rows, sizeof *c.version);
    c.ring = jd_xcalloc(2048, sizeof *c.ring);
    float *ms = jd_xmalloc(SAMPLES_MAX * sizeof *ms);
    char path[512], data[512];
    jd_err err = {0};

    snprintf(path, sizeof path, "%s/fsync", dir);
    figures bare = bench_fsync(path, seconds / 4, ms);
    print("bare write + fdatasync", bare, 0);

    snprintf(path, sizeof path, "%s/plain.db", dir);
    preload(path, "INSERT INTO document(key, body) VALUES(?1, ?2)", c.rows, 0);
    figures plain = bench_sqlite(path, &c, seconds, ms);
    print("SQLite alone, upserting", plain, bare.groups_s);
    unlink(path);

    snprintf(data, sizeof data, "%s/data", dir);
    jd_store *s = NULL;
    if (jd_store_open(&s, &(jd_store_opts){.dir = data, .create = 1}, &err) != 0) die(err.en);
    jd_store_close(s);
    snprintf(path, sizeof path, "%s/data/jindu.db", dir);
    preload(path, "INSERT INTO document(key, body) VALUES(?1, ?2)", c.rows, 1);
    if (jd_store_open(&s, &(jd_store_opts){.dir = data}, &err) != 0) die(err.en);
    jd_store_set_current(s, current, &c);
    uint64_t last = 0;
    double t = now();
    if (jd_store_load(s, &(jd_store_loader){0}, &last, &err) != 0) die(err.en);
    printf("load: %.0f documents/s\n", c.rows / (now() - t));
    figures own = bench_store(s, &c, last, seconds * 2, ms);
    print("store", own, bare.groups_s);
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    double done = (double)st.commits * CHANGES;
    printf("store: %.2f rows written behind per change; log %.0f MB, WAL at most %.0f MB, file %.0f MB, %llu "
           "checkpoints\n",
           (double)st.written_behind / done, (double)st.log_bytes / 1e6, (double)own.wal_most / 1e6,
           (double)st.file_bytes / 1e6, (unsigned long long)st.checkpoints);
    printf("ratios: store / SQLite alone %.1f; store / bare fdatasync %.2f\n", own.groups_s / plain.groups_s,
           own.groups_s / bare.groups_s);
    jd_store_close(s);
    static const char *const files[] = {"data/jindu.db", "data/jindu.db-wal", "data/jindu.db-shm", "data/lock", "data"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        (void)remove(path);
    }
    (void)rmdir(dir);
    free(c.version);
    free(c.ring);
    free(ms);
    return 0;
}
