/* Bytes per reading, time and value, of real sets: Jindu's whole file (documents, units and recorded times included)
 * after settling and compacting, beside zstd -19 of the same as CSV, rows in SQLite and PostgreSQL with an index on
 * (series, time), and InfluxDB's shards fully compacted.
 *
 *     history_size FOLDER DATA...        DATA: folders with the sets; the first that has a set is taken
 */
#include "history_peers.h"
#include "history_put.h"
#include "history_sets.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

static const char *folder;

/* ---- Jindu ---- */

static void entity_open(jd_buf *b, const bench_set *s, uint32_t e) {
    jd_buf_printf(b, "{\"id\":\"%.*s\",\"type\":\"%s\"", JD_STR_ARG(s->entities[e].id), s->type);
}

/* n readings of a series from number `first` on, or, with at, those. */
static void instances(jd_buf *b, const bench_set *s, uint32_t series, size_t first, size_t n, const uint32_t *at) {
    const set_series *one = &s->series[series];
    jd_buf_printf(b, ",\"%s\":[", one->attr);
    for (size_t i = 0; i < n; i++) {
        const set_reading *r = &s->readings[at ? at[i] : first + i];
        char when[JD_TIME_TEXT_MAX];
        size_t when_n = jd_time_print(r->at * 1000000, 0, when);
        jd_buf_printf(b, "%s{\"type\":\"%s\",\"value\":", i ? "," : "",
                      one->kind == SET_POINT ? "GeoProperty" : "Property");
        set_value_json(b, one, r);
        if (one->unit) jd_buf_printf(b, ",\"unitCode\":\"%s\"", one->unit);
        jd_buf_printf(b, ",\"observedAt\":\"%.*s\"}", (int)when_n, when);
    }
    jd_buf_c(b, ']');
}

/* As an import does it: one entity at a time, in pieces of some hundred moments. */
static void put_whole(put *p, const bench_set *s) {
    enum { PIECE = 500 };
    jd_buf b = {0};
    for (uint32_t e = 0; e < s->entities_n; e++)
        for (size_t from = 0, more = 1; more; from += PIECE) {
            b.n = 0;
            more = 0;
            entity_open(&b, s, e);
            for (uint32_t k = s->entities[e].first; k < s->entities[e].first + s->entities[e].n; k++) {
                size_t n = s->series[k].n;
                if (from >= n) continue;
                instances(&b, s, k, s->series[k].first + from, n - from < PIECE ? n - from : PIECE, NULL);
                more |= from + PIECE < n;
            }
            jd_buf_c(&b, '}');
            jd_str text = jd_buf_view(&b);
            put_entities(p, &text, 1, JD_OP_OBSERVE);
        }
    jd_buf_fini(&b);
}

/* In order of time, a durable group for each entity and moment: every reading has a recorded time of its own. */
static void put_live(put *p, const bench_set *s) {
    uint32_t *at = set_by_time(s);
    jd_buf b = {0};
    for (size_t i = 0; i < s->readings_n;) {
        uint32_t e = s->series[s->readings[at[i]].series].entity;
        int64_t when = s->readings[at[i]].at;
        b.n = 0;
        entity_open(&b, s, e);
        for (; i < s->readings_n && s->readings[at[i]].at == when && s->series[s->readings[at[i]].series].entity == e;
             i++)
            instances(&b, s, s->readings[at[i]].series, 0, 1, &at[i]);
        jd_buf_c(&b, '}');
        jd_str text = jd_buf_view(&b);
        put_entities(p, &text, 1, JD_OP_OBSERVE);
        put_wait(p);
    }
    jd_buf_fini(&b);
    free(at);
}

static uint64_t jindu(const bench_set *s, int live) {
    char dir[600];
    snprintf(dir, sizeof dir, "%s/jindu-%s-%d", folder, s->name, live);
    put p;
    put_open(&p, &(jd_engine_opts){.dir = dir});
    if (live)
        put_live(&p, s);
    else
        put_whole(&p, s);
    put_settle(&p);
    put_close(&p);
    uint64_t before, after;
    jd_err err = {0};
    if (jd_store_compact(dir, &before, &after, &err)) bench_die("%s", err.en);
    uint64_t left = folder_bytes(dir);
    if (left < after) bench_die("%s: the folder is smaller than its file", dir);
    scratch_remove(dir);
    return after;
}

/* ---- zstd ---- */

static uint64_t zstd(const bench_set *s) {
    size_t room = ZSTD_compressBound(s->csv.n);
    char *out = jd_xmalloc(room);
    size_t n = ZSTD_compress(out, room, s->csv.p, s->csv.n, 19);
    if (ZSTD_isError(n)) bench_die("zstd: %s", ZSTD_getErrorName(n));
    free(out);
    return n;
}

/* ---- SQLite ---- */

static void lite(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL)) bench_die("SQLite: %s", sqlite3_errmsg(db));
}

static uint64_t sqlite(const bench_set *s) {
    char path[600];
    snprintf(path, sizeof path, "%s/rows.db", folder);
    remove(path);
    sqlite3 *db;
    sqlite3_stmt *q;
    if (sqlite3_open(path, &db)) bench_die("cannot open %s", path);
    lite(db,
         "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT);"
         "CREATE TABLE reading(series INTEGER, time INTEGER, value, PRIMARY KEY(series, time)) WITHOUT ROWID; BEGIN");
    sqlite3_prepare_v2(db, "INSERT INTO series VALUES (?, ?)", -1, &q, NULL);
    for (uint32_t i = 0; i < s->series_n; i++) {
        jd_str id = s->entities[s->series[i].entity].id;
        char name[300];
        int n = snprintf(name, sizeof name, "%.*s %s", JD_STR_ARG(id), s->series[i].attr);
        sqlite3_bind_int64(q, 1, i);
        sqlite3_bind_text(q, 2, name, n, SQLITE_STATIC);
        if (sqlite3_step(q) != SQLITE_DONE) bench_die("SQLite: %s", sqlite3_errmsg(db));
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    sqlite3_prepare_v2(db, "INSERT INTO reading VALUES (?, ?, ?)", -1, &q, NULL);
    for (size_t i = 0; i < s->readings_n; i++) {
        const set_reading *r = &s->readings[i];
        set_kind kind = s->series[r->series].kind;
        sqlite3_bind_int64(q, 1, r->series);
        sqlite3_bind_int64(q, 2, r->at);
        if (kind == SET_TEXT || kind == SET_POINT)
            sqlite3_bind_text(q, 3, r->text.p, (int)r->text.n, SQLITE_STATIC);
        else if (r->a == (double)(int64_t)r->a)
            sqlite3_bind_int64(q, 3, (int64_t)r->a);
        else
            sqlite3_bind_double(q, 3, r->a);
        if (sqlite3_step(q) != SQLITE_DONE) bench_die("SQLite: %s", sqlite3_errmsg(db));
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    lite(db, "COMMIT; VACUUM");
    sqlite3_close(db);
    struct stat st;
    if (stat(path, &st)) bench_die("cannot look at %s", path);
    remove(path);
    return (uint64_t)st.st_size;
}

/* ---- PostgreSQL ---- */

static uint64_t postgres(pg_server *pg, const bench_set *s) {
    static const char *const value[] = {"value float8", "value text", "value bool", "lon float8, lat float8"};
    jd_buf rows[4] = {{0}}, names = {0}, sql = {0};
    uint64_t bytes = 0, n = 0;
    for (uint32_t i = 0; i < s->series_n; i++)
        jd_buf_printf(&names, "%u\t%.*s %s\n", i, JD_STR_ARG(s->entities[s->series[i].entity].id), s->series[i].attr);
    for (size_t i = 0; i < s->readings_n; i++) {
        const set_reading *r = &s->readings[i];
        set_kind kind = s->series[r->series].kind;
        char when[JD_TIME_TEXT_MAX];
        size_t when_n = jd_time_print(r->at * 1000000, 0, when);
        jd_buf_printf(&rows[kind], "%u\t%.*s\t", r->series, (int)when_n, when);
        if (kind == SET_POINT)
            jd_buf_printf(&rows[kind], "%.17g\t%.17g\n", r->a, r->b);
        else
            jd_buf_printf(&rows[kind], "%.*s\n", JD_STR_ARG(r->text));
    }
    pg_do(pg, "CREATE TABLE series(id int PRIMARY KEY, name text)");
    pg_copy(pg, "COPY series FROM STDIN", jd_buf_view(&names));
    for (int k = 0; k < 4; k++) {
        if (!rows[k].n) continue;
        sql.n = 0;
        jd_buf_printf(&sql, "CREATE TABLE r%d(series int, time timestamptz, %s, PRIMARY KEY(series, time))%c", k,
                      value[k], 0);
        pg_do(pg, sql.p);
        sql.n = 0;
        jd_buf_printf(&sql, "COPY r%d FROM STDIN%c", k, 0);
        pg_copy(pg, sql.p, jd_buf_view(&rows[k]));
        sql.n = 0;
        jd_buf_printf(&sql, "VACUUM FULL r%d%c", k, 0);
        pg_do(pg, sql.p);
        sql.n = 0;
        jd_buf_printf(&sql, "SELECT pg_total_relation_size('r%d')%c", k, 0);
        bytes += (uint64_t)pg_int(pg, sql.p);
        sql.n = 0;
        jd_buf_printf(&sql, "SELECT count(*) FROM r%d%c", k, 0);
        n += (uint64_t)pg_int(pg, sql.p);
        sql.n = 0;
        jd_buf_printf(&sql, "DROP TABLE r%d%c", k, 0);
        pg_do(pg, sql.p);
        jd_buf_fini(&rows[k]);
    }
    bytes += (uint64_t)pg_int(pg, "SELECT pg_total_relation_size('series')");
    pg_do(pg, "DROP TABLE series");
    if (n != s->readings_n) bench_die("PostgreSQL holds %llu readings of %s", (unsigned long long)n, s->name);
    jd_buf_fini(&names);
    jd_buf_fini(&sql);
    return bytes;
}

/* ---- InfluxDB ---- */

static void influx_put(influx_server *db, const bench_set *s) {
    uint32_t *at = set_by_time(s);
    jd_buf b = {0};
    size_t lines = 0;
    for (size_t i = 0; i < s->readings_n;) {
        uint32_t e = s->series[s->readings[at[i]].series].entity;
        int64_t when = s->readings[at[i]].at;
        jd_buf_printf(&b, "%s,id=%.*s ", s->type, JD_STR_ARG(s->entities[e].id));
        for (int n = 0; i < s->readings_n; i++, n++) {
            const set_reading *r = &s->readings[at[i]];
            const set_series *one = &s->series[r->series];
            if (r->at != when || one->entity != e) break;
            if (n) jd_buf_c(&b, ',');
            if (one->kind == SET_POINT)
                jd_buf_printf(&b, "lon=%.17g,lat=%.17g", r->a, r->b);
            else if (one->kind == SET_TEXT)
                jd_buf_printf(&b, "%s=\"%.*s\"", one->attr, JD_STR_ARG(r->text));
            else
                jd_buf_printf(&b, "%s=%.*s", one->attr, JD_STR_ARG(r->text));
        }
        jd_buf_printf(&b, " %lld\n", (long long)when);
        if (++lines % 5000 && i < s->readings_n) continue;
        http_must(&db->http, "POST", "/write?db=bench&precision=s", "text/plain", jd_buf_view(&b));
        b.n = 0;
    }
    jd_buf_fini(&b);
    free(at);
}

static uint64_t influx(const bench_set *s) {
    influx_server db;
    influx_start(&db, folder, 0);
    influx_do(&db, "CREATE DATABASE bench WITH DURATION INF SHARD DURATION 52w");
    influx_put(&db, s);
    jd_buf q = {0};
    influx_stop(&db);
    uint64_t bytes = influx_settle(folder, "bench");
    jd_buf_fini(&q);
    char path[600];
    snprintf(path, sizeof path, "%s/influxdb", folder);
    scratch_remove(path);
    return bytes;
}

/* ---- beside each other ---- */

static void line(const bench_set *s, const char *what, uint64_t bytes, uint64_t own) {
    printf("  %-58s %7.3f bytes a reading", what, (double)bytes / (double)s->readings_n);
    if (own != bytes) printf("   %5.2f x Jindu", (double)bytes / (double)own);
    printf("\n");
    fflush(stdout);
}

static void one_set(const char *name, char **data, int data_n, pg_server *pg, int live) {
    bench_set s;
    int i = 0;
    while (i < data_n && set_load(&s, name, data[i])) i++;
    if (i == data_n) {
        printf("%s: skipped: its files are not here\n", name);
        return;
    }
    printf("%s: %zu readings of %zu series of %zu entities, as CSV %.2f bytes a reading\n", name, s.readings_n,
           s.series_n, s.entities_n, (double)s.csv.n / (double)s.readings_n);
    uint64_t own = jindu(&s, 0);
    line(&s, "Jindu, imported (whole file, compacted)", own, own);
    if (live) line(&s, "Jindu, told live (a group for each entity and moment)", jindu(&s, 1), own);
    line(&s, "zstd -19 of the CSV, imported columns only", zstd(&s), own);
    line(&s, "SQLite rows, WITHOUT ROWID, key (series, time), vacuumed", sqlite(&s), own);
    if (pg) line(&s, "PostgreSQL rows, key (series, time), after VACUUM FULL", postgres(pg, &s), own);
    if (!influx_missing()) line(&s, "InfluxDB, one shard file after full compaction", influx(&s), own);
    set_free(&s);
}

int main(int argc, char **argv) {
    if (argc < 3) bench_die("usage: history_size FOLDER DATA...");
    folder = argv[1];
    scratch_make(folder);
    const char *no_pg = pg_missing(folder), *no_influx = influx_missing();
    if (no_pg) printf("PostgreSQL skipped: %s\n", no_pg);
    if (no_influx) printf("InfluxDB skipped: %s\n", no_influx);
    pg_server pg;
    if (!no_pg) {
        pg_make(&pg, folder);
        pg_start(&pg);
    }
    static const char *const names[] = {"air", "server", "steel", "parking", "pumps", "vessels"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (i == 3) printf("harder ones:\n");
        one_set(names[i], argv + 2, argc - 2, no_pg ? NULL : &pg, i < 3);
    }
    if (!no_pg) pg_stop(&pg);
    scratch_remove(folder);
    return 0;
}
