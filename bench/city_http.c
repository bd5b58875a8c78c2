#include "city_http.h"

#include <stdlib.h>

void city_remove(const char *folder) {
    jd_buf cmd = {0};
    jd_buf_printf(&cmd, "rm -rf '%s'", folder);
    jd_buf_c(&cmd, 0);
    if (system(cmd.p)) bench_die("cannot remove %s", folder);
    jd_buf_fini(&cmd);
}

pid_t city_start(const char *jindu, const char *folder, unsigned port) {
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    const char *const argv[] = {jindu,      "serve", "--open",      "--data", folder,
                                "--listen", listen,  "--log-level", "error",  NULL};
    city_remove(folder);
    return server_start(argv, port);
}

static void request(jd_buf *out, const char *method, const char *path, jd_str body) {
    jd_buf_printf(out,
                  "%s /ngsi-ld/v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nUser-Agent: "
                  "bench\r\nContent-Length: %zu\r\n\r\n",
                  method, path, body.n);
    jd_buf_str(out, body);
}

void city_post(jd_buf *out, const char *path, jd_str body) {
    request(out, "POST", path, body);
}

void city_patch(jd_buf *out, const char *id, const char *attr, const char *body) {
    char path[200];
    snprintf(path, sizeof path, "entities/%s/attrs/%s", id, attr);
    request(out, "PATCH", path, jd_str_of(body));
}

void city_upsert_next(void *user, jd_buf *out) {
    asker *a = user;
    jd_buf body = {0};
    jd_buf_c(&body, '[');
    for (uint32_t i = 0; i < a->n; i++) {
        if (i) jd_buf_c(&body, ',');
        bench_entity(&body, a->first + i, 1);
    }
    jd_buf_c(&body, ']');
    a->first += a->n;
    city_post(out, "entityOperations/upsert", jd_buf_view(&body));
    jd_buf_fini(&body);
}

load_result city_run(const load_plan *p) {
    load_result r;
    load_run(p, &r);
    if (r.wrong)
        bench_die("%llu answers were not %d, the first: %s", (unsigned long long)r.wrong, p->status, r.first_wrong);
    return r;
}

void city_times(unsigned port, void (*ask)(void *, jd_buf *), void *user, int status, uint32_t n) {
    load_plan p = {.port = port, .connections = 1, .request = ask, .user = user, .status = status};
    for (uint32_t i = 0; i < n; i++) city_run(&p);
}

void city_fill(unsigned port, uint32_t first, uint32_t n) {
    asker a = {.first = first, .n = n < 1000 ? n : 1000};
    if (a.n) city_times(port, city_upsert_next, &a, 201, n / a.n);
    a.n = n - (a.first - first);
    if (a.n) city_times(port, city_upsert_next, &a, 201, 1);
}

void city_rate_line(const char *what, const load_result *r) {
    bench_samples l = r->latency;
    printf("%-44s %9.0f/s   p50 %.2f ms, p99 %.2f ms\n", what, r->per_second, bench_quantile(&l, 0.5) * 1e3,
           bench_quantile(&l, 0.99) * 1e3);
}
