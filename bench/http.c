/* Through the front door, load generator included on the same cores: retrieve by id, and durable attribute updates,
 * each beside the same HTTP library answering a constant; then an open loop at 70 % of the top rate.
 *
 *     http JINDU CONSTANT FOLDER [seconds]
 */
#include "city_http.h"

#include <stdlib.h>
#include <unistd.h>

/* GETS, PATCHES: turns. How a server's threads share the connections is drawn anew in each, and is worth a fifth. */
enum { CITY = 100000, CONNECTIONS = 64, GETS = 14, PATCHES = 8, PORT = 19480, PORT_CONSTANT = 19481 };

static void get_one(void *user, jd_buf *out) {
    asker *a = user;
    char id[BENCH_ID_MAX];
    bench_id(id, bench_below(&a->rng, CITY));
    jd_buf_printf(out,
                  "GET /ngsi-ld/v1/entities/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: "
                  "bench\r\n\r\n",
                  id);
}

static void patch_one(void *user, jd_buf *out) {
    asker *a = user;
    char id[BENCH_ID_MAX], body[200];
    bench_id(id, bench_below(&a->rng, CITY));
    snprintf(body, sizeof body,
             "{\"type\":\"Property\",\"value\":%u.%u,\"unitCode\":\"GQ\",\"observedAt\":\"2026-11-23T09:00:00Z\"}",
             bench_below(&a->rng, 400), bench_below(&a->rng, 10));
    city_patch(out, id, "pm25", body);
}

static load_result run(unsigned port, void (*request)(void *, jd_buf *), int status, double seconds, double rate,
                       int samples) {
    asker a = {.rng = 12345};
    load_plan p = {.port = port,
                   .connections = CONNECTIONS,
                   .seconds = seconds,
                   .rate = rate,
                   .request = request,
                   .user = &a,
                   .status = status,
                   .samples = samples};
    return city_run(&p);
}

int main(int argc, char **argv) {
    if (argc < 4) bench_die("usage: http JINDU CONSTANT FOLDER [seconds]");
    double seconds = argc > 4 ? atof(argv[4]) : 60;
    char port[16];
    snprintf(port, sizeof port, "%d", PORT_CONSTANT);
    const char *const constant[] = {argv[2], port, NULL};
    jd_buf cmd = {0};
    pid_t bare = server_start(constant, PORT_CONSTANT), city = city_start(argv[1], argv[3], PORT);
    city_fill(PORT, 0, CITY);
    bench_samples get_bare = {0}, get_city = {0};
    double slice = seconds / 24; /* in turns, so that what else the machine does falls on both */
    for (int i = 0; i < GETS; i++) {
        load_result a = run(PORT_CONSTANT, get_one, 200, slice, 0, 0), b = run(PORT, get_one, 200, slice, 0, 0);
        bench_add(&get_bare, a.per_second);
        bench_add(&get_city, b.per_second);
    }
    double g0 = bench_quantile(&get_bare, 0.5), g1 = bench_quantile(&get_city, 0.5);
    printf("retrieve by id, 1 kB, %d connections      %9.0f/s   the library's constant %9.0f/s   ratio %.2f (at least "
           "0.7)\n",
           CONNECTIONS, g1, g0, g1 / g0);
    bench_samples patch_bare = {0}, patch_city = {0}, latency = {0};
    double gap = 0;
    for (int i = 0; i < PATCHES; i++) {
        load_result a = run(PORT_CONSTANT, patch_one, 204, seconds / 15, 0, 0);
        load_result b = run(PORT, patch_one, 204, seconds / PATCHES, 0, 1);
        bench_add(&patch_bare, a.per_second);
        bench_add(&patch_city, b.per_second);
        for (size_t k = 0; k < b.latency.n; k++) bench_add(&latency, b.latency.v[k]);
        if (b.longest_gap > gap) gap = b.longest_gap;
        bench_free(&b.latency);
    }
    double u0 = bench_quantile(&patch_bare, 0.5), u1 = bench_quantile(&patch_city, 0.5);
    printf("durable attribute update, uniform over %dk %9.0f/s   the library's constant %9.0f/s   ratio %.2f (at least "
           "0.4)\n",
           CITY / 1000, u1, u0, u1 / u0);
    printf("  closed loop, %.0f s: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, longest gap without an answer %.1f ms\n",
           seconds, bench_quantile(&latency, 0.5) * 1e3, bench_quantile(&latency, 0.99) * 1e3,
           bench_quantile(&latency, 0.999) * 1e3, gap * 1e3);
    load_result o = run(PORT, patch_one, 204, seconds / 2, u1 * 0.7, 1);
    printf(
        "  open loop at %.0f/s: p50 %.2f ms, p99 %.2f ms (under 10), p99.9 %.2f ms (under 25), longest gap %.1f ms\n",
        o.per_second, bench_quantile(&o.latency, 0.5) * 1e3, bench_quantile(&o.latency, 0.99) * 1e3,
        bench_quantile(&o.latency, 0.999) * 1e3, o.longest_gap * 1e3);
    printf("  resident %.0f MB\n", (double)bench_rss(city) / 1e6);
    jd_buf_printf(
        &cmd, "curl -s http://127.0.0.1:%d/metrics | grep -E '^jindu_store_(log_bytes|dirty|wal_bytes|file_bytes) '",
        PORT);
    jd_buf_c(&cmd, 0);
    fflush(stdout);
    if (system(cmd.p)) printf("  (no metrics)\n");
    server_stop(city);
    server_stop(bare);
    city_remove(argv[3]);
    jd_buf_fini(&cmd);
    return 0;
}
