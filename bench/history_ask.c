/* Questions on a hundred million readings, beside PostgreSQL with a (series, time) index and InfluxDB: one series for a
 * day, the last 100, hourly averages of one series for a year, daily averages of a thousand series for a year. Each
 * server alone, asked over loopback by one client, series and times drawn anew for every question; first all warm
 * (files read, unmeasured rounds before), then all cold (server stopped, page cache dropped, one question of each kind
 * after every start). Then Jindu is asked all of it again while updates of current state come in an open loop, and
 * their wait is measured. The answers of the three are held against each other.
 *
 *     history_ask JINDU FOLDER DATA [readings] [seconds] [cold rounds] [updates a second]
 */
#include "history_city.h"
#include "history_peers.h"
#include "history_put.h"
#include "load.h"
#include "store/store.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { DAY, LAST, HOURLY, DAILY, KINDS };
static const char *const kinds[KINDS] = {"one series, a day", "one series, lastN=100",
                                         "one series, a year, hourly averages",
                                         "all series of an attribute, a year, daily averages"};
typedef enum side { JINDU, INFLUX, POSTGRES, CLUSTERED, SIDES } side;
static const char *const sides[SIDES] = {"Jindu", "InfluxDB", "PostgreSQL", "PostgreSQL, clustered"};

static const char *program, *folder;
static char jindu_data[600], jindu_log[600];
static city town;
static double seconds = 60;
static int cold_rounds = 15;
static double updates = 500;

/* ---- filling: each in the order in which its users would, all of it settled at the end ---- */

static void say_filled(const char *who, uint64_t n, double begin, uint64_t bytes) {
    double took = bench_seconds() - begin;
    printf("  %-22s filled and settled in %.0f s, %.2f bytes a reading\n", who, took, (double)bytes / (double)n);
    fflush(stdout);
}

static uint64_t fill_jindu(void) {
    double begin = bench_seconds();
    put p;
    put_open(&p, &(jd_engine_opts){.dir = jindu_data});
    enum { JOB = 50 };
    jd_buf b = {0};
    jd_str texts[JOB];
    size_t at[JOB + 1];
    uint64_t n = 0;
    for (uint32_t h = 0; h < town.hours; h += 24)
        for (uint32_t e = 0; e < town.entities; e += JOB) {
            uint32_t k = 0;
            b.n = 0;
            for (; k < JOB && e + k < town.entities; k++) {
                at[k] = b.n;
                n += city_temporal(&town, e + k, h, h + 24 < town.hours ? h + 24 : town.hours, &b);
            }
            at[k] = b.n;
            for (uint32_t i = 0; i < k; i++) texts[i] = (jd_str){b.p + at[i], at[i + 1] - at[i]};
            put_entities(&p, texts, k, JD_OP_OBSERVE);
        }
    put_wait(&p);
    printf("  %-22s %.0f readings/s durable while filling\n", "Jindu's engine", (double)n / (bench_seconds() - begin));
    put_settle(&p);
    put_close(&p);
    jd_err err = {0};
    if (jd_store_compact(jindu_data, NULL, NULL, &err)) bench_die("%s", err.en);
    jd_buf_fini(&b);
    say_filled(sides[JINDU], n, begin, folder_bytes(jindu_data));
    return n;
}

static void fill_influx(uint64_t n) {
    double begin = bench_seconds();
    influx_server s;
    influx_start(&s, folder, 0);
    influx_do(&s, "CREATE DATABASE bench WITH DURATION INF SHARD DURATION 52w");
    jd_buf b = {0};
    uint32_t points = 0;
    for (uint32_t h = 0; h < town.hours; h++)
        for (uint32_t e = 0; e < town.entities; e++) {
            city_lines(&town, e, h, h + 1, 0, &b);
            if (++points % 5000 && (h + 1 < town.hours || e + 1 < town.entities)) continue;
            http_must(&s.http, "POST", "/write?db=bench&precision=s", "text/plain", jd_buf_view(&b));
            b.n = 0;
        }
    jd_buf_fini(&b);
    influx_stop(&s);
    uint64_t bytes = influx_settle(folder, "bench");
    say_filled(sides[INFLUX], n, begin, bytes);
}

static void fill_postgres(pg_server *s, uint64_t n) {
    double begin = bench_seconds();
    pg_make(s, folder);
    pg_start(s);
    pg_do(s, "CREATE EXTENSION IF NOT EXISTS pg_prewarm");
    pg_do(s, "CREATE TABLE reading(series int, time timestamptz, value float8)");
    pg_copy_begin(s, "COPY reading FROM STDIN");
    jd_buf b = {0};
    for (uint32_t h = 0; h < town.hours; h++)
        for (uint32_t e = 0; e < town.entities; e++) {
            city_rows(&town, e, h, h + 1, &b);
            if (b.n < 1 << 20) continue;
            pg_copy_more(s, jd_buf_view(&b));
            b.n = 0;
        }
    pg_copy_more(s, jd_buf_view(&b));
    pg_copy_end(s);
    jd_buf_fini(&b);
    pg_do(s, "ALTER TABLE reading ADD PRIMARY KEY (series, time)");
    pg_do(s, "VACUUM ANALYZE reading");
    pg_do(s, "CHECKPOINT");
    if ((uint64_t)pg_int(s, "SELECT count(*) FROM reading") != n) bench_die("PostgreSQL does not hold all readings");
    say_filled(sides[POSTGRES], n, begin, (uint64_t)pg_int(s, "SELECT pg_total_relation_size('reading')"));
    pg_stop(s);
}

static void cluster_postgres(pg_server *s) {
    double begin = bench_seconds();
    pg_start(s);
    pg_do(s, "CLUSTER reading USING reading_pkey");
    pg_do(s, "VACUUM ANALYZE reading");
    pg_do(s, "CHECKPOINT");
    pg_stop(s);
    printf("  %-22s rewritten in order of (series, time) in %.0f s, during which nobody reads or writes it\n",
           sides[CLUSTERED], bench_seconds() - begin);
}

/* ---- a question ---- */

typedef struct question {
    int kind;
    uint32_t entity, attr, from, to; /* hours */
} question;

typedef struct answer {
    double took;
    uint64_t values;
    double sum;
} answer;

static question draw(uint64_t *rng, int kind) {
    question q = {.kind = kind, .entity = bench_below(rng, town.entities), .attr = bench_below(rng, CITY_ATTRS)};
    uint32_t span = kind == DAY ? 24 : CITY_YEAR;
    q.from = bench_below(rng, (town.hours - span) / 24 + 1) * 24;
    q.to = q.from + span;
    return q;
}

/* Each '[' that a number follows opens a tuple; the value is its first number, or its second where that is a number
 * too (InfluxDB: [time,value]). */
static void reduce(jd_str body, answer *a) {
    a->values = 0;
    a->sum = 0;
    const char *p = body.p, *end = body.p + body.n;
    while ((p = memchr(p, '[', (size_t)(end - p)))) {
        if (++p == end) break;
        if (*p != '-' && (*p < '0' || *p > '9')) continue;
        char *next;
        double v = strtod(p, &next);
        if (*next == ',' && (next[1] == '-' || (next[1] >= '0' && next[1] <= '9'))) v = strtod(next + 1, &next);
        a->sum += v;
        a->values++;
        p = next;
    }
}

static void time_text(uint32_t hour, char out[JD_TIME_TEXT_MAX + 1]) {
    out[city_time(hour, out)] = 0;
}

static answer ask_http(http_link *http, const jd_buf *target) {
    answer a = {0};
    double t0 = bench_seconds();
    http_must(http, "GET", target->p, NULL, (jd_str){NULL, 0});
    a.took = bench_seconds() - t0;
    if (http->status != 200) bench_die("%s: %d %.300s", target->p, http->status, http->body.p);
    reduce(http->body, &a);
    return a;
}

static answer ask_jindu(http_link *http, question q) {
    static jd_buf t;
    char from[JD_TIME_TEXT_MAX + 1], to[JD_TIME_TEXT_MAX + 1];
    time_text(q.from, from), time_text(q.to, to);
    t.n = 0;
    if (q.kind == DAILY)
        jd_buf_printf(&t, "/ngsi-ld/v1/temporal/entities?type=" CITY_TYPE "&limit=%d&attrs=%s", CITY_ENTITIES,
                      town.attr[q.attr]);
    else
        jd_buf_printf(&t, "/ngsi-ld/v1/temporal/entities/" CITY_ID "%u?attrs=%s", q.entity, town.attr[q.attr]);
    if (q.kind == LAST)
        jd_buf_printf(&t, "&lastN=100&options=temporalValues%c", 0);
    else
        jd_buf_printf(&t, "&timerel=between&timeAt=%s&endTimeAt=%s&%s%c", from, to,
                      q.kind == DAY      ? "options=temporalValues"
                      : q.kind == HOURLY ? "options=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=PT1H"
                                         : "options=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=P1D",
                      0);
    return ask_http(http, &t);
}

static answer ask_influx(http_link *http, question q) {
    static jd_buf t, sql;
    const char *attr = town.attr[q.attr];
    char from[JD_TIME_TEXT_MAX + 1], to[JD_TIME_TEXT_MAX + 1];
    time_text(q.from, from), time_text(q.to, to);
    t.n = sql.n = 0;
    switch (q.kind) {
    case DAY:
        jd_buf_printf(&sql, "SELECT %s FROM " CITY_TYPE " WHERE id='e%u' AND time>='%s' AND time<'%s'", attr, q.entity,
                      from, to);
        break;
    case LAST:
        jd_buf_printf(&sql, "SELECT %s FROM " CITY_TYPE " WHERE id='e%u' ORDER BY time DESC LIMIT 100", attr, q.entity);
        break;
    case HOURLY:
        jd_buf_printf(&sql,
                      "SELECT mean(%s) FROM " CITY_TYPE
                      " WHERE id='e%u' AND time>='%s' AND time<'%s' GROUP BY time(1h) fill(none)",
                      attr, q.entity, from, to);
        break;
    default:
        jd_buf_printf(
            &sql, "SELECT mean(%s) FROM " CITY_TYPE " WHERE time>='%s' AND time<'%s' GROUP BY time(1d), id fill(none)",
            attr, from, to);
    }
    jd_buf_c(&sql, 0);
    jd_buf_z(&t, "/query?db=bench&epoch=s&q=");
    http_escape(&t, sql.p);
    jd_buf_c(&t, 0);
    return ask_http(http, &t);
}

static void prepare(pg_server *s) {
    pg_prepare(s, "q0",
               "SELECT time, value FROM reading WHERE series = $1::int AND time >= $2::timestamptz AND time < "
               "$3::timestamptz ORDER BY time");
    pg_prepare(s, "q1", "SELECT time, value FROM reading WHERE series = $1::int ORDER BY time DESC LIMIT 100");
    pg_prepare(s, "q2",
               "SELECT date_trunc('hour', time), avg(value) FROM reading WHERE series = $1::int AND time >= "
               "$2::timestamptz AND time < $3::timestamptz GROUP BY 1 ORDER BY 1");
    pg_prepare(s, "q3",
               "SELECT series, date_trunc('day', time), avg(value) FROM reading WHERE series = ANY($1::int[]) AND "
               "time >= $2::timestamptz AND time < $3::timestamptz GROUP BY 1, 2 ORDER BY 1, 2");
}

static answer ask_postgres(pg_server *s, question q) {
    char from[JD_TIME_TEXT_MAX + 1], to[JD_TIME_TEXT_MAX + 1], name[8];
    static jd_buf series;
    time_text(q.from, from), time_text(q.to, to);
    series.n = 0;
    if (q.kind == DAILY) {
        for (uint32_t e = 0; e < town.entities; e++)
            jd_buf_printf(&series, "%c%u", e ? ',' : '{', e * CITY_ATTRS + q.attr);
        jd_buf_c(&series, '}');
    } else {
        jd_buf_printf(&series, "%u", q.entity * CITY_ATTRS + q.attr);
    }
    jd_buf_c(&series, 0);
    snprintf(name, sizeof name, "q%d", q.kind);
    const char *const params[] = {series.p, from, to};
    answer a = {0};
    double t0 = bench_seconds();
    pg_ask(s, name, q.kind == LAST ? 1 : 3, params);
    a.took = bench_seconds() - t0;
    pg_answer(s, &a.values, &a.sum);
    return a;
}

/* ---- a server that is asked ---- */

typedef struct peer {
    side who;
    pid_t jindu;
    http_link http; /* Jindu's */
    influx_server influx;
    pg_server pg;
} peer;

static answer ask(peer *p, question q) {
    if (p->who == JINDU) return ask_jindu(&p->http, q);
    if (p->who == INFLUX) return ask_influx(&p->influx.http, q);
    return ask_postgres(&p->pg, q);
}

static void start(peer *p) {
    if (p->who == JINDU) {
        p->jindu = jindu_start(program, jindu_data, jindu_log);
        http_open(&p->http, JINDU_PORT);
    } else if (p->who == INFLUX) {
        influx_start(&p->influx, folder, 0);
    } else {
        pg_start(&p->pg);
        prepare(&p->pg);
    }
}

static void stop(peer *p) {
    if (p->who == JINDU) {
        http_close(&p->http);
        peer_end(p->jindu, 15);
    } else if (p->who == INFLUX) {
        influx_stop(&p->influx);
    } else {
        pg_stop(&p->pg);
    }
}

static void warm(peer *p) {
    char path[700];
    if (p->who == JINDU) folder_warm(jindu_data);
    if (p->who == INFLUX) folder_warm(p->influx.folder);
    if (p->who < POSTGRES) return;
    snprintf(path, sizeof path, "%s/data", p->pg.folder);
    folder_warm(path);
    pg_do(&p->pg, "SELECT pg_prewarm('reading_pkey', 'buffer')");
}

/* ---- updates beside ---- */

typedef struct beside {
    uint64_t rng;
    load_plan plan;
    load_result result;
    pthread_t thread;
} beside;

static void one_update(void *user, jd_buf *out) {
    beside *b = user;
    char when[JD_TIME_TEXT_MAX];
    jd_buf body = {0};
    size_t n = jd_time_print(jd_now(), 6, when);
    jd_buf_printf(&body, "{\"value\":%u,\"observedAt\":\"%.*s\"}", bench_below(&b->rng, 400), (int)n, when);
    jd_buf_printf(out,
                  "PATCH /ngsi-ld/v1/entities/" CITY_ID "%u/attrs/pm25 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                  "application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                  bench_below(&b->rng, town.entities), body.n, (int)body.n, body.p);
    jd_buf_fini(&body);
}

static void *update(void *arg) {
    beside *b = arg;
    load_run(&b->plan, &b->result);
    return NULL;
}

static void updates_start(beside *b, double how_long) {
    b->plan = (load_plan){.port = JINDU_PORT,
                          .connections = 32,
                          .seconds = how_long,
                          .rate = updates,
                          .request = one_update,
                          .user = b,
                          .status = 204,
                          .samples = 1};
    pthread_create(&b->thread, NULL, update, b);
}

static void updates_join(beside *b, bench_samples *all, double *longest) {
    pthread_join(b->thread, NULL);
    if (b->result.wrong) bench_die("an update: %s", b->result.first_wrong);
    for (size_t i = 0; i < b->result.latency.n; i++) bench_add(all, b->result.latency.v[i]);
    if (b->result.longest_gap > *longest) *longest = b->result.longest_gap;
    bench_free(&b->result.latency);
}

static void say_updates(const char *when, bench_samples *s) {
    printf("  %-5s updates beside: %.0f/s in an open loop over %u entities, %zu made, wait p50 %.2f ms, p99 %.2f ms, "
           "p99.9 "
           "%.2f ms (at most 20), most %.1f ms\n",
           when, updates, town.entities, s->n, bench_quantile(s, 0.5) * 1e3, bench_quantile(s, 0.99) * 1e3,
           bench_quantile(s, 0.999) * 1e3, bench_quantile(s, 1) * 1e3);
}

/* ---- all of them ---- */

typedef struct table {
    bench_samples warm[SIDES][KINDS], cold[SIDES][KINDS], ready[SIDES], warm_updates, cold_updates;
    bench_samples beside[KINDS]; /* Jindu's warm questions while updates come */
    answer check[SIDES][KINDS];
    uint64_t rss[SIDES];
    int asked[SIDES];
} table;

/* Same question, same values? The last 100 are asked of an attribute that no update touches. */
static void check(peer *p, table *t) {
    uint64_t rng = 4711;
    for (int k = 0; k < KINDS; k++) {
        question q = draw(&rng, k);
        q.attr = 1 + q.attr % (CITY_ATTRS - 1);
        answer *a = &t->check[p->who][k], *first = &t->check[JINDU][k];
        *a = ask(p, q);
        if (a->values != first->values || fabs(a->sum - first->sum) > 1e-6 * (fabs(first->sum) + 1))
            bench_die("%s: %s answers %llu values with sum %.9g, Jindu %llu with %.9g", kinds[k], sides[p->who],
                      (unsigned long long)a->values, a->sum, (unsigned long long)first->values, first->sum);
    }
}

static void ask_all(peer *p, uint64_t *rng, bench_samples out[KINDS]) {
    static const int often[KINDS] = {20, 20, 5, 1};
    enum { LEAST = 7 };
    double begin = bench_seconds();
    while (bench_seconds() - begin < seconds || out[DAILY].n < LEAST)
        for (int k = 0; k < KINDS; k++)
            for (int i = 0; i < often[k]; i++) bench_add(&out[k], ask(p, draw(rng, k)).took);
}

static void ask_warm(peer *p, table *t) {
    start(p);
    warm(p);
    check(p, t);
    uint64_t rng = 1;
    for (int k = 0; k < KINDS; k++) /* unmeasured; every attribute's daily averages once */
        for (int i = 0; i < (k == DAILY ? CITY_ATTRS : 300); i++) {
            question q = draw(&rng, k);
            if (k == DAILY) q.attr = (uint32_t)i;
            ask(p, q);
        }
    ask_all(p, &rng, t->warm[p->who]);
    if (p->who == JINDU) {
        beside b = {.rng = 5};
        double longest = 0;
        updates_start(&b, seconds);
        ask_all(p, &rng, t->beside);
        updates_join(&b, &t->warm_updates, &longest);
    }
    pid_t pid = p->who == JINDU ? p->jindu : p->who == INFLUX ? p->influx.pid : 0;
    if (pid) t->rss[p->who] = bench_rss(pid);
    stop(p);
}

static void ask_cold(peer *p, table *t) {
    uint64_t rng = 2;
    double longest = 0;
    for (int r = 0; r < cold_rounds; r++) {
        bench_drop_caches();
        double begin = bench_seconds();
        beside b = {.rng = (uint64_t)r};
        start(p);
        bench_add(&t->ready[p->who], bench_seconds() - begin);
        if (p->who == JINDU) updates_start(&b, 4);
        for (int i = 0; i < KINDS; i++) {
            int k = (r + i) % KINDS;
            bench_add(&t->cold[p->who][k], ask(p, draw(&rng, k)).took);
        }
        if (p->who == JINDU) updates_join(&b, &t->cold_updates, &longest);
        stop(p);
    }
}

static void one_side(peer *p, table *t) {
    ask_warm(p, t);
    ask_cold(p, t);
    t->asked[p->who] = 1;
}

static void say(table *t) {
    for (int cold = 0; cold < 2; cold++)
        for (int k = 0; k < KINDS; k++) {
            bench_samples *own = cold ? &t->cold[JINDU][k] : &t->warm[JINDU][k];
            double mine = bench_quantile(own, 0.5);
            printf("  %s, %s (%llu values)\n", cold ? "cold" : "warm", kinds[k],
                   (unsigned long long)t->check[JINDU][k].values);
            for (int s = 0; s < SIDES; s++) {
                bench_samples *b = cold ? &t->cold[s][k] : &t->warm[s][k];
                if (!t->asked[s]) continue;
                double m = bench_quantile(b, 0.5);
                printf("    %-22s %10.3f ms median of %5zu, p99 %10.3f ms", sides[s], m * 1e3, b->n,
                       bench_quantile(b, 0.99) * 1e3);
                if (s) printf("   %7.2f x Jindu", m / mine);
                printf("\n");
            }
            if (!cold && t->beside[k].n)
                printf("    %-22s %10.3f ms median of %5zu, p99 %10.3f ms\n", "Jindu, updates beside",
                       bench_quantile(&t->beside[k], 0.5) * 1e3, t->beside[k].n,
                       bench_quantile(&t->beside[k], 0.99) * 1e3);
        }
    say_updates("warm", &t->warm_updates);
    say_updates("cold", &t->cold_updates);
    for (int s = 0; s < SIDES; s++) {
        if (!t->asked[s]) continue;
        printf("  %-22s ready %.3f s after a cold start (median)", sides[s], bench_quantile(&t->ready[s], 0.5));
        if (t->rss[s]) printf(", %.0f MB resident after the warm questions", (double)t->rss[s] / 1e6);
        printf("\n");
    }
}

int main(int argc, char **argv) {
    if (argc < 4)
        bench_die("usage: history_ask JINDU FOLDER DATA [readings] [seconds] [cold rounds] [updates a second]");
    program = argv[1];
    folder = argv[2];
    uint64_t readings = argc > 4 ? strtoull(argv[4], NULL, 10) : 100000000;
    if (argc > 5) seconds = atof(argv[5]);
    if (argc > 6) cold_rounds = atoi(argv[6]);
    if (argc > 7) updates = atof(argv[7]);
    if (city_make(&town, readings, argv[3])) {
        printf("skipped: the air set is not in %s\n", argv[3]);
        return 0;
    }
    scratch_make(folder);
    snprintf(jindu_data, sizeof jindu_data, "%s/jindu", folder);
    snprintf(jindu_log, sizeof jindu_log, "%s/jindu.log", folder);
    static table t;
    static peer p[SIDES];
    printf("%u entities, %u series, %u hours of readings generated from the real air-quality series\n  %s\n  %s\n"
           "  Jindu: as it starts (each group of changes synced)\n",
           town.entities, town.entities * CITY_ATTRS, town.hours, influx_settings, pg_settings);
    uint64_t n = fill_jindu();
    printf("  %llu readings\n", (unsigned long long)n);
    one_side(&p[JINDU], &t);
    if (influx_missing()) {
        printf("InfluxDB skipped: %s\n", influx_missing());
    } else {
        p[INFLUX].who = INFLUX;
        fill_influx(n);
        one_side(&p[INFLUX], &t);
    }
    if (pg_missing(folder)) {
        printf("PostgreSQL skipped: %s\n", pg_missing(folder));
    } else {
        p[POSTGRES].who = POSTGRES;
        fill_postgres(&p[POSTGRES].pg, n);
        one_side(&p[POSTGRES], &t);
        p[CLUSTERED] = p[POSTGRES];
        p[CLUSTERED].who = CLUSTERED;
        cluster_postgres(&p[CLUSTERED].pg);
        one_side(&p[CLUSTERED], &t);
    }
    say(&t);
    scratch_remove(folder);
    city_free(&town);
    return 0;
}
