/* Subscriptions: what 100,000 of them on a million entities cost an update, how long it takes from an update to the
 * notification beside a bare POST over loopback, and whether a dead and a slow endpoint hold up the others.
 *
 *     told JINDU CONSTANT FOLDER [seconds [entities [subscriptions]]]
 *
 * Half of the subscriptions name an entity, half a place (50 m around it) and an attribute; all ask pm25>300, which
 * three of ten updates are. They go to 16 endpoints. Then one subscription for each of 16 stamped entities; and 16
 * subscriptions that share out 1,600 entities, each update of which is told, as fast as the machine can: how many of
 * the acknowledged updates came? */
#include "city_http.h"
#include "told_receiver.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECTIONS = 64,
    PORT = 19484,
    PORT_CONSTANT = 19485,
    PORT_TOLD = 19500,
    ENDPOINTS = 16,
    PORT_SLOW = 19540,
    PORT_DEAD = 19541,
    STAMPED = 16,
    BUSY = 1600,
};

static uint32_t entities, subscriptions;

static void patch(jd_buf *out, const char *id, const char *attr, const char *value) {
    char body[80];
    snprintf(body, sizeof body, "{\"type\":\"Property\",\"value\":%s}", value);
    city_patch(out, id, attr, body);
}

static void patch_one(void *user, jd_buf *out) {
    asker *a = user;
    char id[BENCH_ID_MAX], value[32];
    bench_id(id, bench_below(&a->rng, entities));
    snprintf(value, sizeof value, "%u.%u", bench_below(&a->rng, 430), bench_below(&a->rng, 10));
    patch(out, id, "pm25", value);
}

static void stamp_one(void *user, jd_buf *out) {
    asker *a = user;
    char id[64], value[32];
    snprintf(id, sizeof id, "urn:ngsi-ld:Stamped:%u", a->i++ % STAMPED);
    snprintf(value, sizeof value, "%.0f", bench_seconds() * 1e6);
    patch(out, id, "stamp", value);
}

static void make_stamped(void *user, jd_buf *out) {
    asker *a = user;
    jd_buf body = {0};
    jd_buf_printf(
        &body, "{\"id\":\"urn:ngsi-ld:Stamped:%u\",\"type\":\"Stamped\",\"stamp\":{\"type\":\"Property\",\"value\":0}}",
        a->i++);
    city_post(out, "entities", jd_buf_view(&body));
    jd_buf_fini(&body);
}

static void subscribe(jd_buf *out, const char *selector, const char *more, unsigned port) {
    jd_buf body = {0};
    jd_buf_printf(&body,
                  "{\"type\":\"Subscription\",\"entities\":[{%s}]%s,\"notification\":{\"format\":\"keyValues\","
                  "\"attributes\":[\"pm25\",\"stamp\",\"n\"],\"endpoint\":{\"uri\":\"http://127.0.0.1:%u/told\"}}}",
                  selector, more, port);
    city_post(out, "subscriptions", jd_buf_view(&body));
    jd_buf_fini(&body);
}

static void subscribe_next(void *user, jd_buf *out) {
    asker *a = user;
    uint32_t i = a->i++, entity = bench_below(&a->rng, entities);
    char selector[160], more[300], id[BENCH_ID_MAX];
    unsigned port = PORT_TOLD + i % ENDPOINTS;
    if (i % 2) {
        bench_id(id, entity);
        snprintf(selector, sizeof selector, "\"type\":\"AirQualityObserved\",\"id\":\"%s\"", id);
        subscribe(out, selector, ",\"q\":\"pm25>300\"", port);
        return;
    }
    uint64_t at = (uint64_t)entity << 1; /* where bench_entity puts it */
    double lon = 119.2 + bench_below(&at, 500000) / 1e6, lat = 31.95 + bench_below(&at, 500000) / 1e6;
    snprintf(more, sizeof more,
             ",\"q\":\"pm25>300\",\"watchedAttributes\":[\"pm25\"],\"geoQ\":{\"georel\":\"near;maxDistance==50\","
             "\"geometry\":\"Point\",\"coordinates\":[%.6f,%.6f]}",
             lon, lat);
    subscribe(out, "\"type\":\"AirQualityObserved\"", more, port);
}

static void subscribe_stamped(void *user, jd_buf *out) {
    asker *a = user;
    char selector[100];
    uint32_t i = a->i++;
    snprintf(selector, sizeof selector, "\"type\":\"Stamped\",\"id\":\"urn:ngsi-ld:Stamped:%u\"", i % STAMPED);
    subscribe(out, selector, "", a->n ? a->n : PORT_TOLD + i % ENDPOINTS);
}

static void make_busy(void *user, jd_buf *out) {
    asker *a = user;
    jd_buf body = {0};
    jd_buf_c(&body, '[');
    for (uint32_t i = 0; i < BUSY; i++)
        jd_buf_printf(&body, "%s{\"id\":\"urn:ngsi-ld:Busy:%02u:%u\",\"type\":\"Busy\",\"n\":0}", i ? "," : "",
                      i % ENDPOINTS, i);
    jd_buf_c(&body, ']');
    a->i++;
    city_post(out, "entityOperations/upsert", jd_buf_view(&body));
    jd_buf_fini(&body);
}

static void subscribe_busy(void *user, jd_buf *out) {
    asker *a = user;
    char selector[100];
    uint32_t i = a->i++;
    snprintf(selector, sizeof selector, "\"type\":\"Busy\",\"idPattern\":\"^urn:ngsi-ld:Busy:%02u:\"", i % ENDPOINTS);
    subscribe(out, selector, "", PORT_TOLD + i % ENDPOINTS);
}

/* One after the other, so that none is changed twice in a group, which is told once. */
static void busy_one(void *user, jd_buf *out) {
    asker *a = user;
    char id[64], value[32];
    uint32_t i = a->i++;
    snprintf(id, sizeof id, "urn:ngsi-ld:Busy:%02u:%u", i % BUSY % ENDPOINTS, i % BUSY);
    snprintf(value, sizeof value, "%u", i);
    patch(out, id, "n", value);
}

static void bare_post(void *user, jd_buf *out) {
    jd_buf body = {0};
    (void)user;
    for (int i = 0; i < 300; i++) jd_buf_c(&body, 'x');
    city_post(out, "x", jd_buf_view(&body));
    jd_buf_fini(&body);
}

static load_result run(unsigned port, void (*request)(void *, jd_buf *), asker *a, int status, unsigned connections,
                       double seconds, double rate) {
    load_plan p = {.port = port,
                   .connections = connections,
                   .seconds = seconds,
                   .rate = rate,
                   .request = request,
                   .user = a,
                   .status = status,
                   .samples = 1};
    return city_run(&p);
}

static void times(void (*request)(void *, jd_buf *), asker *a, int status, uint32_t n) {
    city_times(PORT, request, a, status, n);
}

static double delays(receiver *told, const char *what, double seconds, double rate, double *p99) {
    asker a = {0};
    bench_samples s = {0};
    receiver_take(told, &s);
    s.n = 0;
    load_result r = run(PORT, stamp_one, &a, 204, 8, seconds, rate);
    bench_free(&r.latency);
    usleep(500000);
    receiver_take(told, &s);
    double p50 = bench_quantile(&s, 0.5);
    *p99 = bench_quantile(&s, 0.99);
    printf("%-44s %6zu at %.0f/s   p50 %.2f ms, p99 %.2f ms, slowest %.1f ms\n", what, s.n, rate, p50 * 1e3, *p99 * 1e3,
           bench_quantile(&s, 1) * 1e3);
    if (s.n < r.answers) bench_die("%llu updates were answered, %zu told", (unsigned long long)r.answers, s.n);
    bench_free(&s);
    return p50;
}

static void exact(receiver *told, double seconds) {
    asker a = {0}, subs = {0}, load = {0};
    times(make_busy, &a, 201, 1);
    times(subscribe_busy, &subs, 201, ENDPOINTS);
    uint64_t before = receiver_entities(told), posts = receiver_count(told), last;
    double began = bench_seconds();
    load_result r = run(PORT, busy_one, &load, 204, CONNECTIONS, seconds, 0);
    do {
        last = receiver_entities(told);
        usleep(300000);
    } while (receiver_entities(told) != last);
    double took = bench_seconds() - began - 0.3;
    printf("every update told, %d receivers              %9.0f/s   %llu acknowledged, %llu told (%.2f %%) in %llu "
           "notifications, all within %.1f s\n",
           ENDPOINTS, r.per_second, (unsigned long long)r.answers, (unsigned long long)(last - before),
           100.0 * (double)(last - before) / (double)r.answers, (unsigned long long)(receiver_count(told) - posts),
           took);
    bench_free(&r.latency);
}

int main(int argc, char **argv) {
    if (argc < 4) bench_die("usage: told JINDU CONSTANT FOLDER [seconds [entities [subscriptions]]]");
    double seconds = argc > 4 ? atof(argv[4]) : 20;
    entities = argc > 5 ? (uint32_t)atoi(argv[5]) : 1000000;
    subscriptions = argc > 6 ? (uint32_t)atoi(argv[6]) : 100000;
    char port[16];
    snprintf(port, sizeof port, "%d", PORT_CONSTANT);
    const char *const constant[] = {argv[2], port, NULL};
    receiver *told = receiver_start(PORT_TOLD, ENDPOINTS, 0);
    pid_t bare = server_start(constant, PORT_CONSTANT), city = city_start(argv[1], argv[3], PORT);
    asker load = {.rng = 7}, subs = {.rng = 8}, stamped = {0}, own = {0};
    city_fill(PORT, 0, entities);
    printf("%u entities\n", entities);
    bench_samples none = {0}, with = {0};
    for (int i = 0; i < 3; i++) {
        load_result r = run(PORT, patch_one, &load, 204, CONNECTIONS, seconds / 3, 0);
        city_rate_line("updates, no subscription", &r);
        bench_add(&none, r.per_second);
        bench_free(&r.latency);
    }
    uint64_t rss = bench_rss(city);
    double began = bench_seconds();
    times(subscribe_next, &subs, 201, subscriptions);
    printf("%u subscriptions made in %.0f s, one after the other; %.1f kB each in memory\n", subscriptions,
           bench_seconds() - began, (double)(bench_rss(city) - rss) / subscriptions / 1e3);
    for (int i = 0; i < 3; i++) {
        uint64_t before = receiver_entities(told);
        double t0 = bench_seconds();
        load_result r = run(PORT, patch_one, &load, 204, CONNECTIONS, seconds / 3, 0);
        double took = bench_seconds() - t0;
        city_rate_line("updates, with subscriptions", &r);
        printf("  %.0f entities told of a second\n", (double)(receiver_entities(told) - before) / took);
        bench_add(&with, r.per_second);
        bench_free(&r.latency);
    }
    double n0 = bench_quantile(&none, 0.5), n1 = bench_quantile(&with, 0.5);
    printf("ratio %.2f (at least 0.7)\n", n1 / n0);
    times(make_stamped, &stamped, 201, STAMPED);
    times(subscribe_stamped, &own, 201, STAMPED);
    load_result posts = run(PORT_CONSTANT, bare_post, &load, 204, 8, seconds / 4, 1000);
    city_rate_line("a bare POST over loopback", &posts);
    double alone, beside;
    delays(told, "from update (asked) to notification (received)", seconds / 2, 1000, &alone);
    exact(told, seconds / 2);
    receiver *slow = receiver_start(PORT_SLOW, 1, 100);
    own = (asker){.n = PORT_SLOW};
    times(subscribe_stamped, &own, 201, STAMPED);
    own = (asker){.n = PORT_DEAD};
    times(subscribe_stamped, &own, 201, STAMPED);
    delays(told, "the same beside a dead and a slow endpoint", seconds / 2, 1000, &beside);
    printf("p99 %.2f times that without them (at most 2)\n", beside / alone);
    printf("resident %.0f MB\n", (double)bench_rss(city) / 1e6);
    server_stop(city);
    server_stop(bare);
    receiver_stop(slow);
    receiver_stop(told);
    city_remove(argv[3]);
    return 0;
}
