/* Rules: what 10,000 of them on a million entities cost an update, and whether a storm of readings over the limit
 * raises one alert for each (rule, entity).
 *
 *     rules JINDU FOLDER [seconds [entities [means]]]
 *
 * The entities are the bench city's stations (AirQualityObserved, eight attributes). An update sets pm25 of one of
 * them, drawn at random, with a unit and an observedAt; one of a thousand is over all limits. A pack of 10,000 rules,
 * installed over HTTP:
 *
 * - 10 watch all stations, so that each update is judged by every one of them: by the value, in two levels with
 *   hysteresis, but `means` of them (2) by the mean of an hour, `avg(pm25, 1h)`;
 * - 9,990 watch one station each, in two levels with hysteresis: 1,000 the stations of the storm, the rest spread
 *   evenly over the city.
 *
 * How many judge an update is measured (jindu_rule_judgements_total), not assumed. The two by the mean would judge
 * all stations once a minute, as rules do that go by time; they say `every` 366 days, so that what is measured is
 * rules on changes. The first walk, in which a new rule looks at every entity that is there, is over before anything is
 * measured.
 *
 * Both sides run in a closed loop on 64 connections, with /metrics asked 20 times a second. With rules, an update
 * counts only when it was answered in a second throughout which the rules were at most 1 s behind the newest group; the
 * rate is what counts over the whole time.
 *
 * The storm: 100,000 readings over all limits on 1,000 stations of their own, in an open loop of 10 s. Each of these
 * is watched by 11 rules: 11,000 alerts, each raised once. */
#include "base/hash.h"
#include "city_http.h"
#include "json/json.h"
#include "rules_behind.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECTIONS = 64,
    PORT = 19488,
    RULES = 10000,
    FOR_ALL = 10,
    STORM = 1000,
    STORM_N = 100000,
    STORM_RATE = 10000
};

static uint32_t by_mean = 2, entities;

/* ---- the pack ---- */

#define DEFAULT_CONTEXT "https://uri.etsi.org/ngsi-ld/default-context/"
#define TITLE "{\"zh\":\"试验\",\"en\":\"Trial\"}"

/* Rule i; those by the mean are the last of those for all. */
static void rule_id(char out[16], uint32_t i) {
    snprintf(out, 16, "r%05u", i);
}

static uint32_t watched_by(uint32_t i) { /* the station of a rule that has one */
    uint32_t k = i - FOR_ALL, rest = RULES - FOR_ALL - STORM;
    return k < STORM ? entities + k : (uint32_t)((uint64_t)(k - STORM) * entities / rest);
}

static void add_rule(jd_buf *out, uint32_t i) {
    char id[16], station[BENCH_ID_MAX];
    rule_id(id, i);
    jd_buf_printf(out, "{\"rule\":1,\"id\":\"%s\",\"title\":" TITLE ",\"type\":\"AirQualityObserved\",", id);
    if (i >= FOR_ALL) {
        bench_id(station, watched_by(i));
        jd_buf_printf(out, "\"entity\":\"%s\",", station);
    }
    if (i < FOR_ALL && i >= FOR_ALL - by_mean)
        jd_buf_printf(out,
                      "\"every\":\"366d\",\"let\":{\"mean\":\"avg(pm25, 1h)\"},\"levels\":[{\"severity\":\"orange\","
                      "\"when\":\"mean > %u\",\"until\":\"mean < %u\"}]}",
                      251 + i, 231 + i);
    else
        jd_buf_printf(out,
                      "\"levels\":[{\"severity\":\"red\",\"when\":\"pm25 > %u\",\"until\":\"pm25 < %u\"},"
                      "{\"severity\":\"yellow\",\"when\":\"pm25 > %u\",\"until\":\"pm25 < %u\"}]}",
                      350 + i % 10, 330 + i % 10, 251 + i % 10, 231 + i % 10);
}

static void add_file(jd_buf *out, const char *name, const jd_buf *text) {
    jd_buf_printf(out, "%s\"%s\":", out->n > 10 ? "," : "", name);
    jd_json_write_str(out, jd_buf_view(text));
}

static void write_pack(jd_buf *out) {
    static const char pack[] = "{\"pack\":1,\"name\":\"bench\",\"version\":\"1.0.0\",\"title\":" TITLE
                               ",\"@context\":{\"AirQualityObserved\":\"" DEFAULT_CONTEXT
                               "AirQualityObserved\",\"pm25\":\"" DEFAULT_CONTEXT "pm25\"}}";
    static const char model[] =
        "{\"model\":1,\"type\":\"AirQualityObserved\",\"title\":" TITLE
        ",\"attributes\":{\"pm25\":{\"kind\":\"Property\",\"type\":\"number\",\"title\":" TITLE "}}}";
    jd_buf text = {0};
    jd_buf_z(out, "{\"files\":{");
    jd_buf_z(&text, pack);
    add_file(out, "pack.json", &text);
    text.n = 0;
    jd_buf_z(&text, model);
    add_file(out, "models/AirQualityObserved.json", &text);
    for (uint32_t i = 0; i < RULES;) { /* at most 1,000 a file */
        char name[32];
        snprintf(name, sizeof name, "rules/r%05u.json", i);
        text.n = 0;
        do {
            jd_buf_c(&text, i % 1000 ? ',' : '[');
            add_rule(&text, i++);
        } while (i < RULES && i % 1000);
        jd_buf_c(&text, ']');
        add_file(out, name, &text);
    }
    jd_buf_z(out, "}}");
    jd_buf_fini(&text);
}

/* How often a rule judged: in the first walk, once for each station that there is. */
static double judged(http_link *h, uint32_t i) {
    char id[16], path[64];
    rule_id(id, i);
    snprintf(path, sizeof path, "/api/rules/bench/%s", id);
    http_must(h, "GET", path, NULL, JD_STR(""));
    const char *at = memmem(h->body.p, h->body.n, "\"judged\":", 9);
    if (!at) bench_die("%s: %.*s", path, JD_STR_ARG(h->body));
    return strtod(at + 9, NULL);
}

static void install(http_link *h) {
    jd_buf body = {0};
    write_pack(&body);
    double began = bench_seconds();
    http_must(h, "POST", "/api/packs", "application/json", jd_buf_view(&body));
    printf("%d rules installed in %.1f s (%.1f MB)", RULES, bench_seconds() - began, (double)body.n / 1e6);
    fflush(stdout);
    while (judged(h, 0) < entities || judged(h, FOR_ALL - 1) < entities || judged(h, RULES - 1) < 1 ||
           judged(h, FOR_ALL + STORM) < 1)
        usleep(100000);
    printf("; the first walk over %u entities is over %.1f s after\n", entities, bench_seconds() - began);
    jd_buf_fini(&body);
}

/* ---- updates ---- */

static void set_pm25(jd_buf *out, uint32_t station, unsigned tenths) {
    char id[BENCH_ID_MAX], now[JD_TIME_TEXT_MAX], body[160];
    bench_id(id, station);
    jd_time_print(jd_now(), 3, now);
    snprintf(body, sizeof body, "{\"type\":\"Property\",\"value\":%u.%u,\"unitCode\":\"GQ\",\"observedAt\":\"%s\"}",
             tenths / 10, tenths % 10, now);
    city_patch(out, id, "pm25", body);
}

static void update_one(void *user, jd_buf *out) {
    asker *a = user;
    unsigned tenths = bench_below(&a->rng, 1000) ? bench_below(&a->rng, 2500) : 2700;
    set_pm25(out, bench_below(&a->rng, entities), tenths);
}

static void storm_one(void *user, jd_buf *out) {
    asker *a = user;
    set_pm25(out, entities + a->i++ % STORM, 4000);
}

static double updates(const char *what, double seconds, asker *a) {
    behind *b = behind_start(PORT);
    load_plan p = {.port = PORT,
                   .connections = CONNECTIONS,
                   .seconds = seconds,
                   .request = update_one,
                   .user = a,
                   .answered = behind_answered,
                   .status = 204,
                   .samples = 1,
                   .answered_user = b};
    load_result r = city_run(&p);
    behind_result w;
    behind_stop(b, &w);
    city_rate_line(what, &r);
    double rate = r.per_second * (double)w.counted / (double)(w.answers ? w.answers : 1);
    printf(
        "  within 1 s of the newest group in %u of %u seconds (behind %.2f s at most): %.0f/s count; %.2f judgements "
        "an update; %.0f groups/s\n",
        w.within, w.seconds, w.most, rate, w.judgements / (double)r.answers, (double)w.groups / r.seconds);
    bench_free(&r.latency);
    return rate;
}

/* ---- the storm ---- */

typedef struct tally {
    jd_strmap seen;
    uint64_t alerts, once;
} tally;

static void count_one(tally *t, const jd_jval *v) {
    const jd_jval *id = jd_jget(v, "id"), *times = jd_jget(v, "times"), *of = jd_jget(v, "alertSource");
    if (!id || !times || !of || of->type != JD_JSTR) bench_die("an alert without id, times or alertSource");
    jd_str source = jd_jstr(of);
    const char *number = memrchr(source.p, ':', source.n);
    if (!number || strtoul(number + 1, NULL, 10) < entities) return; /* of the updates before */
    uint32_t n = (uint32_t)t->alerts;
    if (jd_strmap_add(&t->seen, jd_jstr(id), n) != n) return;
    t->alerts++;
    t->once += jd_jnum(times) == 1;
}

static void count_alerts(http_link *h, tally *t) {
    for (uint32_t offset = 0, n = 1; n; offset += n) {
        char path[64];
        jd_arena a;
        jd_jval v;
        jd_err err = {0};
        snprintf(path, sizeof path, "/api/alerts?status=open&limit=1000&offset=%u", offset);
        http_must(h, "GET", path, NULL, JD_STR(""));
        jd_arena_init(&a);
        if (jd_json_parse(&a, jd_arena_dup(&a, h->body), NULL, &v, &err) || v.type != JD_JARR)
            bench_die("%s: %s", path, err.en);
        n = v.n;
        for (uint32_t i = 0; i < n; i++) count_one(t, &v.items[i]);
        jd_arena_fini(&a);
    }
}

static void storm(http_link *h) {
    asker a = {0};
    tally t = {.alerts = 0};
    city_fill(PORT, entities, STORM);
    wait_judged(h);
    double raised = metric(h, "jindu_alerts_raised_total");
    double took = 0;
    uint64_t answers = 0;
    while (answers < STORM_N) { /* a machine that does not keep up is given the time that it takes */
        double rest = (double)(STORM_N - answers) / STORM_RATE;
        load_plan p = {.port = PORT,
                       .connections = CONNECTIONS,
                       .seconds = rest < 0.1 ? 0.1 : rest, /* in less nothing may be asked at all */
                       .rate = STORM_RATE,
                       .request = storm_one,
                       .user = &a,
                       .status = 204};
        load_result r = city_run(&p);
        answers += r.answers;
        took += r.seconds;
    }
    double after = wait_judged(h);
    usleep(300000); /* what was judged last becomes durable */
    raised = metric(h, "jindu_alerts_raised_total") - raised;
    jd_strmap_init(&t.seen);
    count_alerts(h, &t);
    printf("alert storm: readings over the limit         %9.0f/s\n", (double)answers / took);
    uint64_t expected = (uint64_t)STORM * (FOR_ALL + 1);
    printf(
        "  %llu readings on %d entities in %.1f s, all judged %.2f s after the last; %.0f alerts raised, %llu there, "
        "%llu of them raised once (%llu are right)%s\n",
        (unsigned long long)answers, STORM, took, after, raised, (unsigned long long)t.alerts,
        (unsigned long long)t.once, (unsigned long long)expected,
        t.once == expected && t.alerts == expected && raised == (double)expected ? "" : "   WRONG");
    jd_strmap_fini(&t.seen);
}

int main(int argc, char **argv) {
    if (argc < 3) bench_die("usage: rules JINDU FOLDER [seconds [entities [means]]]");
    double seconds = argc > 3 ? atof(argv[3]) : 20;
    entities = argc > 4 ? (uint32_t)atoi(argv[4]) : 1000000;
    if (argc > 5) by_mean = (uint32_t)atoi(argv[5]);
    http_link h;
    bench_samples none = {0}, with = {0};
    asker a = {.rng = 7};
    pid_t city = city_start(argv[1], argv[2], PORT);
    double began = bench_seconds();
    city_fill(PORT, 0, entities);
    printf("%u entities in %.0f s\n", entities, bench_seconds() - began);
    for (int i = 0; i < 3; i++) bench_add(&none, updates("updates, no rules", seconds, &a));
    uint64_t rss = bench_rss(city);
    http_open(&h, PORT); /* the city closes a connection on which nothing comes for a while */
    install(&h);
    http_close(&h);
    printf("%.1f kB each in memory, compiled\n", (double)(bench_rss(city) - rss) / RULES / 1e3);
    for (int i = 0; i < 3; i++) bench_add(&with, updates("updates, with rules", seconds, &a));
    double n0 = bench_quantile(&none, 0.5), n1 = bench_quantile(&with, 0.5);
    printf("ratio %.2f (at least 0.6)\n", n1 / n0);
    http_open(&h, PORT);
    storm(&h);
    printf("resident %.0f MB\n", (double)bench_rss(city) / 1e6);
    http_close(&h);
    server_stop(city);
    city_remove(argv[2]);
    return 0;
}
