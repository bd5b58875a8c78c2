/* Counters and /metrics (Prometheus text format 0.0.4), /health. Each I/O thread counts for itself; a reader sums. */
#include "base/clock.h"
#include "http/door_int.h"

static const uint64_t bounds_ns[JD_BUCKETS] = {500000,    2000000,   5000000,    20000000,
                                               100000000, 500000000, 2500000000, 10000000000};
static const char *const bounds[JD_BUCKETS] = {"0.0005", "0.002", "0.005", "0.02", "0.1", "0.5", "2.5", "10"};
static const char *const reasons[JD_REFUSED_N] = {"malformed",   "head_size", "body_size", "bodies_in_flight",
                                                  "connections", "jobs",      "stopping",  "slow"};

void jd_metrics_done(call *c, uint64_t ns, int aborted) {
    slot *s = c->slot;
    const jd_req *r = &c->r;
    if (aborted) jd_count_add(&s->aborted, 1);
    if (r->status == 0) return; /* there is no answer to count */
    size_t row = r->route ? (size_t)(r->route - c->door->rows) : c->door->rows_n;
    jd_count_add(&s->by_route[row * JD_STATUSES + jd_status_index(r->status)], 1);
    jd_count_add(&s->bytes_out, r->out.n);
    unsigned b = 0;
    while (b < JD_BUCKETS && ns > bounds_ns[b]) b++;
    jd_count_add(&s->latency[b], 1);
    jd_count_add(&s->latency_ns, ns);
}

static uint64_t get(const jd_count *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

static void head(jd_buf *b, const char *name, const char *type, const char *help) {
    jd_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(jd_buf *b, const char *name, const char *type, const char *help, uint64_t v) {
    head(b, name, type, help);
    jd_buf_printf(b, "%s %llu\n", name, (unsigned long long)v);
}

static const char *method_name(jd_method m) {
    switch (m) {
    case JD_GET: return "GET";
    case JD_HEAD: return "HEAD";
    case JD_POST: return "POST";
    case JD_PUT: return "PUT";
    case JD_PATCH: return "PATCH";
    case JD_DELETE: return "DELETE";
    case JD_OPTIONS: return "OPTIONS";
    }
    return "";
}

static void by_route(jd_buf *b, const jd_door *d, const slot *slots) {
    head(b, "jindu_http_requests_total", "counter", "Answered requests.");
    for (size_t row = 0; row <= d->rows_n; row++) {
        for (unsigned st = 0; st < JD_STATUSES; st++) {
            uint64_t n = 0;
            for (const slot *s = slots; s; s = s->next) n += get(&s->by_route[row * JD_STATUSES + st]);
            if (!n) continue;
            const jd_route *r = row < d->rows_n ? &d->rows[row] : NULL;
            jd_buf_printf(b, "jindu_http_requests_total{method=\"%s\",route=\"%s\",status=\"%d\"} %llu\n",
                          r ? method_name(r->method) : "", r ? r->path : "", jd_status_of_index(st),
                          (unsigned long long)n);
        }
    }
}

static void latency(jd_buf *b, const slot *slots) {
    uint64_t n = 0, ns = 0;
    head(b, "jindu_http_request_duration_seconds", "histogram",
         "From the request line to the last byte of the answer.");
    for (unsigned i = 0; i <= JD_BUCKETS; i++) {
        for (const slot *s = slots; s; s = s->next) n += get(&s->latency[i]);
        jd_buf_printf(b, "jindu_http_request_duration_seconds_bucket{le=\"%s\"} %llu\n",
                      i < JD_BUCKETS ? bounds[i] : "+Inf", (unsigned long long)n);
    }
    for (const slot *s = slots; s; s = s->next) ns += get(&s->latency_ns);
    jd_buf_printf(b, "jindu_http_request_duration_seconds_sum %.6f\njindu_http_request_duration_seconds_count %llu\n",
                  (double)ns / 1e9, (unsigned long long)n);
}

jd_turn jd_door_metrics(jd_req *r) {
    jd_door *d = r->conn->door;
    jd_buf *b = &r->out;
    pthread_mutex_lock(&d->slots_lock);
    const slot *slots = d->slots; /* slots are added in front and live as long as the door */
    pthread_mutex_unlock(&d->slots_lock);
    by_route(b, d, slots);
    latency(b, slots);
    uint64_t in = 0, out = 0, aborted = 0;
    jd_load load = jd_door_load(d);
    for (const slot *s = slots; s; s = s->next)
        in += get(&s->bytes_in), out += get(&s->bytes_out), aborted += get(&s->aborted);
    one(b, "jindu_http_request_bytes_total", "counter", "Bytes of request heads and bodies.", in);
    one(b, "jindu_http_response_body_bytes_total", "counter", "Bytes of response bodies.", out);
    one(b, "jindu_http_aborted_total", "counter", "Requests whose client left.", aborted);
    one(b, "jindu_http_connections_total", "counter", "Accepted connections.", atomic_load(&d->peers_total));
    one(b, "jindu_http_connections", "gauge", "Open connections.", atomic_load(&d->peers_n));
    one(b, "jindu_http_requests_in_flight", "gauge", "Requests begun and not ended.", load.calls);
    one(b, "jindu_http_requests_suspended", "gauge", "Requests that wait for a commit or a worker.", load.waiting);
    one(b, "jindu_http_jobs_queued", "gauge", "Requests that wait for a worker.", jd_workers_queued(d->workers));
    one(b, "jindu_http_body_bytes_in_flight", "gauge", "Bytes of request bodies held.", atomic_load(&d->bodies));
    head(b, "jindu_http_refused_total", "counter", "Requests and connections refused by the door.");
    for (int i = 0; i < JD_REFUSED_N; i++)
        jd_buf_printf(b, "jindu_http_refused_total{reason=\"%s\"} %llu\n", reasons[i],
                      (unsigned long long)get(&d->refused[i]));
    one(b, "jindu_uptime_seconds", "gauge", "Since the door opened.", (jd_mono_ns() - d->began_ns) / 1000000000u);
    if (d->opts.metrics) d->opts.metrics(d->opts.app, b);
    r->status = 200;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    jd_req_add_header(r, "Cache-Control", JD_STR("no-store"));
    return JD_ANSWER;
}

jd_turn jd_door_health(jd_req *r) {
    jd_door *d = r->conn->door;
    jd_buf more = {0};
    int well = d->opts.health ? d->opts.health(d->opts.app, &more) : 1;
    jd_buf_printf(&r->out, "{\"status\":\"%s\",\"uptimeSeconds\":%llu", well ? "ok" : "unavailable",
                  (unsigned long long)((jd_mono_ns() - d->began_ns) / 1000000000u));
    jd_buf_str(&r->out, jd_buf_view(&more));
    jd_buf_c(&r->out, '}');
    jd_buf_fini(&more);
    r->status = well ? 200 : 503;
    if (!well) jd_req_add_header(r, "Retry-After", JD_STR("5"));
    r->type = "application/json";
    jd_req_add_header(r, "Cache-Control", JD_STR("no-store"));
    return JD_ANSWER;
}
