/* A million entities in one engine, constants differing per question, a writer running beside: a numeric comparison
 * with count beside a plain scan of as many doubles; the first page of a near-query; resident memory beside the
 * entities' normalized text; ready again after the page cache was dropped, and warm.
 *
 *     city [entities] [folder]
 */
#include "bench.h"
#include "engine/engine.h"
#include "model/render.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder = "bench-city";
static uint32_t entities = 1000000;
static jd_engine *engine;
static jd_contexts *contexts;

static void open_city(void) {
    jd_err err = {0};
    jd_engine_opts o = {.dir = folder};
    if (jd_engine_open(&engine, &o, &err)) bench_die("%s", err.en);
    jd_contexts_opts co = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(engine), &co, &err);
}

typedef struct waiter {
    pthread_mutex_t m;
    pthread_cond_t c;
    int done;
} waiter;

static void finished(jd_job *job) {
    waiter *w = job->user;
    pthread_mutex_lock(&w->m);
    w->done = 1;
    pthread_cond_signal(&w->c);
    pthread_mutex_unlock(&w->m);
}

/* Upserts entities from..from+n-1 and waits until they are durable; returns the bytes of their text. */
static uint64_t upsert(uint32_t from, uint32_t n, uint32_t version, const uint32_t *pick) {
    jd_arena a;
    jd_arena_init(&a);
    jd_parse p = {.arena = &a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(engine)};
    jd_write *w = JD_NEWN(&a, jd_write, n);
    jd_ent *ents = JD_NEWN(&a, jd_ent, n);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        jd_buf b = {0};
        jd_err err = {0};
        jd_jval v;
        bench_entity(&b, pick ? pick[i] : from + i, version);
        jd_str text = jd_arena_dup(&a, jd_buf_view(&b));
        bytes += text.n;
        jd_buf_fini(&b);
        if (jd_json_parse(&a, text, NULL, &v, &err) ||
            jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ents[i], &err))
            bench_die("%s", err.en);
        w[i].rq = (jd_change_req){.op = JD_OP_CREATE,
                                  .flags = JD_AP_REPLACE_EXISTING,
                                  .id = ents[i].id,
                                  .ent = &ents[i],
                                  .observed = JD_TIME_NONE};
    }
    waiter wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    jd_job job = {.writes = w, .n = n, .arena = &a, .bytes = bytes, .done = finished, .user = &wait};
    jd_err err = {0};
    if (jd_submit(engine, &job, &err)) bench_die("%s", err.en);
    pthread_mutex_lock(&wait.m);
    while (!wait.done) pthread_cond_wait(&wait.c, &wait.m);
    pthread_mutex_unlock(&wait.m);
    for (uint32_t i = 0; i < n; i++)
        if (w[i].err.code) bench_die("%s", w[i].err.en);
    jd_arena_fini(&a);
    return bytes;
}

static atomic_int stop_writer;
static atomic_ullong writes_beside;
static void *write_beside(void *arg) {
    (void)arg;
    uint64_t rng = 7;
    uint32_t pick[64];
    for (uint32_t version = 2; !atomic_load(&stop_writer); version++) {
        for (int i = 0; i < 64; i++) pick[i] = bench_below(&rng, entities);
        upsert(0, 64, version, pick);
        atomic_fetch_add(&writes_beside, 64);
        usleep(20000);
    }
    return NULL;
}

static int nothing(void *user, const jd_doc *d) {
    jd_buf *b = user;
    if (b) jd_buf_str(b, d->id);
    return 0;
}

static uint64_t count_where(uint32_t tenths, int typed) {
    jd_arena a;
    jd_arena_init(&a);
    jd_names names = {&a, jd_contexts_core(contexts), jd_engine_symbols(engine)};
    jd_err err = {0};
    jd_q *q;
    jd_typeq *types = NULL;
    jd_str text = jd_arena_printf(&a, "pm25>%u.%u", tenths / 10, tenths % 10);
    if (jd_q_compile(&names, text, &(jd_qopts){0}, &q, &err)) bench_die("%s", err.en);
    if (typed && jd_typeq_compile(&names, JD_STR("AirQualityObserved"), &types, &err)) bench_die("%s", err.en);
    jd_question qu = {.q = q, .types = types, .count = 1};
    jd_view v;
    uint64_t total;
    jd_plan plan;
    jd_view_begin(&v, engine, 0, &a);
    if (jd_view_query(&v, &qu, NULL, nothing, &total, &plan, &err)) bench_die("%s", err.en);
    jd_view_end(&v);
    jd_q_fini(q);
    jd_arena_fini(&a);
    return total;
}

static size_t near_page(double lon, double lat) {
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_geoq *g;
    jd_str at = jd_arena_printf(&a, "[%.6f,%.6f]", lon, lat);
    if (jd_geoq_compile_params(&a, JD_STR("near;maxDistance==500"), JD_STR("Point"), at, &g, &err))
        bench_die("%s", err.en);
    jd_question qu = {.geo = g, .geo_property = JD_SYM_LOCATION, .limit = 20};
    jd_view v;
    jd_buf ids = {0};
    jd_view_begin(&v, engine, 0, &a);
    if (jd_view_query(&v, &qu, &ids, nothing, NULL, NULL, &err)) bench_die("%s", err.en);
    jd_view_end(&v);
    size_t n = ids.n;
    jd_buf_fini(&ids);
    jd_geoq_fini(g);
    jd_arena_fini(&a);
    return n;
}

static volatile uint64_t sink;

static void questions(void) {
    double *plain = jd_xmalloc(entities * sizeof *plain);
    uint64_t rng = 1;
    for (uint32_t i = 0; i < entities; i++) plain[i] = bench_below(&rng, 2500) / 10.0;
    count_where(100, 0); /* makes the column */
    pthread_t t;
    pthread_create(&t, NULL, write_beside, NULL);
    bench_samples scan = {0}, count = {0}, typed = {0}, near = {0};
    for (int round = 0; round < 200; round++) {
        uint32_t tenths = bench_below(&rng, 2500);
        double limit = tenths / 10.0, t0 = bench_seconds();
        uint64_t n = 0;
        for (uint32_t i = 0; i < entities; i++) n += plain[i] > limit;
        sink = n;
        double t1 = bench_seconds();
        sink = count_where(tenths, 0);
        double t2 = bench_seconds();
        sink = count_where(tenths, 1);
        double t3 = bench_seconds();
        bench_add(&scan, t1 - t0);
        bench_add(&count, t2 - t1);
        bench_add(&typed, t3 - t2);
    }
    for (int round = 0; round < 2000; round++) {
        double lon = 119.2 + bench_below(&rng, 500000) / 1e6, lat = 31.95 + bench_below(&rng, 500000) / 1e6,
               t0 = bench_seconds();
        sink = near_page(lon, lat);
        bench_add(&near, bench_seconds() - t0);
    }
    atomic_store(&stop_writer, 1);
    pthread_join(t, NULL);
    double s = bench_quantile(&scan, 0.5), c = bench_quantile(&count, 0.5), ct = bench_quantile(&typed, 0.5);
    printf("numeric q with count    %8.3f ms   plain scan of %u doubles %8.3f ms   ratio %.2f (within 5)\n", c * 1e3,
           entities, s * 1e3, c / s);
    printf("  with a type           %8.3f ms   ratio %.2f\n", ct * 1e3, ct / s);
    printf("near, first page of 20  %8.3f ms median, %.3f ms p99 (under 1 ms)\n", bench_quantile(&near, 0.5) * 1e3,
           bench_quantile(&near, 0.99) * 1e3);
    printf("  %llu updates were made beside\n", (unsigned long long)atomic_load(&writes_beside));
    free(plain);
    bench_free(&scan), bench_free(&count), bench_free(&typed), bench_free(&near);
}

static void reopen(const char *how, int cold) {
    if (cold) bench_drop_caches();
    fflush(stdout);
    pid_t pid = fork(); /* a process of its own, as a start is */
    if (pid == 0) {
        double t0 = bench_seconds();
        open_city();
        size_t n = near_page(119.45, 32.2);
        double t1 = bench_seconds();
        printf("ready to answer, %-6s %8.3f s%s, %zu bytes of first answer, %.0f MB resident\n", how, t1 - t0,
               cold ? " (within 3 s)" : "", n, (double)bench_rss(0) / 1e6);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void remove_folder(void) {
    jd_buf cmd = {0};
    jd_buf_printf(&cmd, "rm -rf '%s'", folder);
    jd_buf_c(&cmd, 0);
    if (system(cmd.p)) bench_die("cannot remove %s", folder);
    jd_buf_fini(&cmd);
}

int main(int argc, char **argv) {
    if (argc > 1) entities = (uint32_t)strtoul(argv[1], NULL, 10);
    if (argc > 2) folder = argv[2];
    remove_folder();
    uint64_t empty = bench_rss(0), text = 0;
    open_city();
    double t0 = bench_seconds();
    for (uint32_t i = 0; i < entities; i += 1000) text += upsert(i, entities - i < 1000 ? entities - i : 1000, 1, NULL);
    double loaded = bench_seconds() - t0;
    jd_engine_stats s;
    jd_engine_get_stats(engine, &s);
    printf("loaded %u entities in %.1f s (%.0f/s durable, one batch of 1,000 at a time), %.0f bytes of text each\n",
           entities, loaded, entities / loaded, (double)text / entities);
    questions();
    jd_engine_get_stats(engine, &s);
    uint64_t rss = bench_rss(0) - empty;
    printf("resident                %8.0f MB   normalized text %.0f MB   ratio %.2f (no more than 1); documents %.0f "
           "MB\n",
           (double)rss / 1e6, (double)text / 1e6, (double)rss / (double)text, (double)s.doc_bytes / 1e6);
    jd_contexts_destroy(contexts);
    jd_engine_close(engine);
    reopen("cold", 1);
    reopen("warm", 0);
    remove_folder();
    return 0;
}
