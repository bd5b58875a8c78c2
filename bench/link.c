/* A link of JT/T 808 under load, load generator included on the same cores: frames that are acknowledged, which means
 * durable, beside a server of the same loop that finds the frames and answers a constant; decoding alone; what devices
 * cost; and the highest burst whose every answer comes within five seconds.
 *
 *     link JINDU FIXED FOLDER VECTORS [seconds of a turn] [seconds of a probe] [seconds of the burst]
 */
#include "http_link.h"
#include "link/protocol.h"
#include "link_load.h"
#include "load.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PORT = 19482,
    PORT_LINK = 19483,
    PORT_FIXED = 19484,
    DEVICES = 1000,
    OUTSTANDING = 4,
    TURNS = 7,          /* what else the machine does is worth a fifth */
    CITY_NEEDS = 30000, /* frames per second when an outage ends, all protocols of a city of three million */
    ANSWER_MOST = 5
};

static const char declaration[] =
    "{\"protocol\":\"jt808\",\"listen\":\"127.0.0.1:19483\",\"newPerHour\":100000,\"maps\":[{\"mapping\":1,"
    "\"time\":{\"column\":\"time\",\"form\":\"iso\"},"
    "\"entity\":{\"type\":\"Vehicle\",\"id\":\"urn:ngsi-ld:Vehicle:bench:{phone}\"},\"attributes\":{"
    "\"location\":{\"as\":\"point\",\"longitude\":\"lon\",\"latitude\":\"lat\"},"
    "\"speed\":{\"column\":\"speed_kmh\",\"unit\":\"KMH\"},\"heading\":{\"column\":\"direction\",\"unit\":\"DD\"},"
    "\"mileage\":{\"column\":\"mileage_km\",\"unit\":\"KMT\"},\"fuel\":{\"column\":\"fuel_l\",\"unit\":\"LTR\"}}}]}";

static void remove_folder(const char *folder) {
    jd_buf cmd = {0};
    jd_buf_printf(&cmd, "rm -rf '%s'", folder);
    jd_buf_c(&cmd, 0);
    if (system(cmd.p)) bench_die("cannot remove %s", folder);
    jd_buf_fini(&cmd);
}

/* ---- what the program under test says of itself ---- */

static uint64_t count_of(const char *name) {
    http_link h;
    jd_buf key = {0};
    http_open(&h, PORT);
    http_must(&h, "GET", "/api/links/bench", NULL, (jd_str){NULL, 0});
    jd_buf_printf(&key, "\"%s\":", name);
    const char *at = memmem(h.body.p, h.body.n, key.p, key.n);
    uint64_t v = at ? strtoull(at + key.n, NULL, 10) : 0;
    jd_buf_fini(&key);
    http_close(&h);
    return v;
}

static double ticks_of(const char *path, char name[32]) {
    FILE *f = fopen(path, "r");
    unsigned long user = 0, system_ticks = 0;
    char line[1024];
    if (f && fgets(line, sizeof line, f)) {
        const char *open = strchr(line, '('), *close = strrchr(line, ')');
        if (name && open && close) snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
        if (close) sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_ticks);
    }
    if (f) fclose(f);
    return (double)(user + system_ticks) / (double)sysconf(_SC_CLK_TCK);
}

static double cpu_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    return ticks_of(path, NULL);
}

/* Seconds by the threads' names. */
static void print_threads(pid_t pid) {
    char path[300], name[32];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    printf("  seconds of threads:");
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, e->d_name);
        double s = ticks_of(path, name);
        if (s >= 0.05) printf(" %s %.1f", name, s);
    }
    if (dir) closedir(dir);
    printf("\n");
}

/* ---- decoding alone ---- */

typedef struct sample {
    char *bytes;
    size_t n;
} sample;

static int by_length(const void *a, const void *b) {
    const sample *x = a, *y = b;
    return (x->n > y->n) - (x->n < y->n);
}

/* A vector's frame when it is a whole one that tells values. */
static int take_vector(const jd_protocol *p, jd_str line, sample *out) {
    static const jd_link_set set = {.field = 1};
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    jd_buf bytes = {0};
    jd_frame f = {.answers = -1};
    int ok = 0;
    jd_arena_init(&a);
    if (!jd_json_parse(&a, line, NULL, &v, &err)) {
        const jd_jval *valid = jd_jget(&v, "valid"), *hex = jd_jget(&v, "frame_hex"), *text = jd_jget(&v, "frame_text");
        if (valid && valid->type == JD_JTRUE && !jd_jget(&v, "kind")) {
            jd_str s = hex ? jd_jstr(hex) : text ? jd_jstr(text) : (jd_str){"", 0};
            for (size_t i = 0; hex && i + 1 < s.n; i += 2) {
                const char pair[3] = {s.p[i], s.p[i + 1], 0};
                jd_buf_c(&bytes, (char)(unsigned char)strtoul(pair, NULL, 16));
            }
            if (!hex) jd_buf_str(&bytes, s);
            ok = bytes.n && !p->decode(&set, &(jd_peer){0}, jd_buf_view(&bytes), &a, &f, &err) && f.rows_n &&
                 f.parts < 2;
        }
    }
    if (ok) *out = (sample){memcpy(jd_xmalloc(bytes.n), bytes.p, bytes.n), bytes.n};
    jd_buf_fini(&bytes);
    jd_arena_fini(&a);
    return ok;
}

/* The frame of middle length among the vectors of a protocol. */
static int typical(const jd_protocol *p, const char *vectors, sample *out) {
    char path[1024], *line = NULL;
    size_t cap = 0;
    sample all[512];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/%s.jsonl", vectors, p->name);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    for (ssize_t got; n < sizeof all / sizeof *all && (got = getline(&line, &cap, f)) > 0;)
        n += (size_t)take_vector(p, (jd_str){line, (size_t)got}, &all[n]);
    free(line);
    fclose(f);
    if (!n) return 0;
    qsort(all, n, sizeof *all, by_length);
    *out = all[n / 2];
    for (size_t i = 0; i < n; i++)
        if (i != n / 2) free(all[i].bytes);
    return 1;
}

static double decode_rate(const jd_protocol *p, jd_str bytes) {
    static const jd_link_set set = {.field = 1};
    jd_arena a;
    uint64_t n = 0;
    double begin = bench_seconds(), end;
    jd_arena_init(&a);
    do {
        for (int i = 0; i < 64; i++, n++) {
            jd_found found = {0};
            jd_frame f = {.bytes = bytes, .answers = -1};
            jd_err err = {0};
            p->find(&set, bytes, &found);
            if (p->decode(&set, &(jd_peer){0}, bytes, &a, &f, &err)) bench_die("%s: %s", p->name, err.en);
            jd_arena_reset(&a);
        }
    } while ((end = bench_seconds()) - begin < 1);
    jd_arena_fini(&a);
    return (double)n / (end - begin);
}

static void decode_all(const char *vectors) {
    static const jd_protocol *const protocols[] = {&jd_jt808, &jd_hj212, &jd_gb32960, &jd_sl651};
    unsigned char own[160];
    size_t own_n = fleet_frame(own);
    printf("decode alone, one core: the fleet's frame, %zu bytes   %9.0f/s\n", own_n,
           decode_rate(&jd_jt808, (jd_str){(const char *)own, own_n}));
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        sample s;
        if (!typical(protocols[i], vectors, &s)) {
            printf("  %-8s skipped: no vectors in %s\n", protocols[i]->name, vectors);
            continue;
        }
        printf("  %-8s a recorded frame, %4zu bytes   %9.0f/s\n", protocols[i]->name, s.n,
               decode_rate(protocols[i], (jd_str){s.bytes, s.n}));
        free(s.bytes);
    }
}

/* ---- beside the constant ---- */

static fleet_result closed(fleet *f, double seconds) {
    fleet_result r;
    fleet_run(f, &(fleet_plan){.seconds = seconds, .outstanding = OUTSTANDING}, &r);
    if (r.refused) bench_die("%llu frames were refused", (unsigned long long)r.refused);
    return r;
}

static void print_delay(const char *what, bench_samples *s) {
    printf("  %s: p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms\n", what, bench_quantile(s, 0.5) * 1e3,
           bench_quantile(s, 0.99) * 1e3, bench_quantile(s, 0.999) * 1e3);
}

/* In turns, so that what else the machine does falls on both. The median rate of the link. */
static double beside_constant(pid_t city, pid_t fixed, double seconds) {
    fleet *f = fleet_open(PORT_LINK, DEVICES), *g = fleet_open(PORT_FIXED, DEVICES);
    bench_samples mine = {0}, theirs = {0}, delay = {0};
    double cpu = 0, fixed_cpu = 0, load_cpu = 0, spent = 0;
    uint64_t frames = 0, readings = count_of("readings");
    for (int i = 0; i < TURNS; i++) {
        double c = cpu_of(fixed);
        fleet_result a = closed(g, seconds);
        fixed_cpu += (cpu_of(fixed) - c) / (double)a.answers;
        c = cpu_of(city);
        fleet_result b = closed(f, seconds);
        cpu += cpu_of(city) - c;
        load_cpu += b.cpu_seconds;
        spent += b.seconds;
        frames += b.answers;
        bench_add(&theirs, a.per_second);
        bench_add(&mine, b.per_second);
        for (size_t k = 0; k < b.delay.n; k++) bench_add(&delay, b.delay.v[k]);
        bench_free(&a.delay);
        bench_free(&b.delay);
        printf("  turn %d: %.0f/s   the constant %.0f/s\n", i + 1, b.per_second, a.per_second);
    }
    readings = count_of("readings") - readings;
    double top = bench_quantile(&mine, 0.5), ceiling = bench_quantile(&theirs, 0.5);
    printf("acknowledged frames, %d devices, %d of each under way  %9.0f/s   a constant answer %9.0f/s   ratio %.2f "
           "(at least 0.5)\n",
           DEVICES, OUTSTANDING, top, ceiling, top / ceiling);
    printf("  readings %.0f/s (%.2f a frame)\n", (double)readings / spent, (double)readings / (double)frames);
    print_delay("closed loop", &delay);
    printf("  CPU of a frame: %.1f us (the constant's %.1f us); of %.1f s, the program took %.1f s, the load %.1f s\n",
           cpu / (double)frames * 1e6, fixed_cpu / TURNS * 1e6, spent, cpu, load_cpu);
    print_threads(city);
    printf("  1,000 devices that tell every 10 s: %.1f CPU seconds an hour\n", cpu / (double)frames * 360 * 1000);
    bench_free(&mine);
    bench_free(&theirs);
    bench_free(&delay);
    fleet_result r;
    fleet_run(f, &(fleet_plan){.seconds = seconds, .rate = top / 2}, &r);
    printf("open loop at %.0f/s", r.per_second);
    print_delay("", &r.delay);
    bench_free(&r.delay);
    fleet_close(f);
    fleet_close(g);
    return top;
}

/* ---- the burst ---- */

/* A fleet of its own each time: what waits behind a run that failed must not fall on the next. */
static int holds(double rate, double seconds, double answer_most, const char *what) {
    fleet *f = fleet_open(PORT_LINK, DEVICES);
    fleet_result r;
    fleet_run(f, &(fleet_plan){.seconds = seconds, .rate = rate, .answer_most = answer_most}, &r);
    printf("  %s %6.0f frames/s for %.0f s: %s %.0f s, slowest answer %.2f s, p99 %.3f s\n", what, rate, r.seconds,
           r.late ? "not within" : "within", answer_most, r.slowest, bench_quantile(&r.delay, 0.99));
    fleet_close(f);
    bench_free(&r.delay);
    for (uint64_t was = 0, now; r.late && (now = count_of("frames")) != was; was = now) usleep(1000000);
    return !r.late;
}

/* Short probes find what can be kept up with: a backlog shows at once as answers of a second. What they found is tried
 * for as long as it must hold. */
static void burst(double top, double probe_s, double burst_s) {
    double low = 0, high = 0;
    for (double rate = 5000; !high; rate *= 1.5)
        if (holds(rate, probe_s, 1, "probe"))
            low = rate;
        else
            high = rate;
    for (int i = 0; low > 0 && i < 2; i++) {
        double middle = (low + high) / 2;
        if (holds(middle, probe_s, 1, "probe"))
            low = middle;
        else
            high = middle;
    }
    while (low >= 1000 && !holds(low, burst_s, ANSWER_MOST, "burst")) low *= 0.85;
    printf("highest burst of %.0f s whose every answer comes within %d s  %9.0f frames/s   the city's need %d/s   "
           "ratio %.2f   (closed loop %.0f/s)\n",
           burst_s, ANSWER_MOST, low, CITY_NEEDS, low / CITY_NEEDS, top);
}

int main(int argc, char **argv) {
    if (argc < 5) bench_die("usage: link JINDU FIXED FOLDER VECTORS [turn seconds] [probe seconds] [burst seconds]");
    double turn_s = argc > 5 ? atof(argv[5]) : 8, probe_s = argc > 6 ? atof(argv[6]) : 6,
           burst_s = argc > 7 ? atof(argv[7]) : 120;
    char listen[32], port[16];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", PORT);
    snprintf(port, sizeof port, "%d", PORT_FIXED);
    const char *const jindu[] = {argv[1],    "serve", "--open",      "--data", argv[3],
                                 "--listen", listen,  "--log-level", "error",  NULL};
    const char *const constant[] = {argv[2], port, NULL};
    setvbuf(stdout, NULL, _IOLBF, 0); /* each line as soon as it is known */
    decode_all(argv[4]);
    remove_folder(argv[3]);
    pid_t fixed = server_start(constant, PORT_FIXED), city = server_start(jindu, PORT);
    http_link h;
    http_open(&h, PORT);
    http_must(&h, "PUT", "/api/links/bench", "application/json", jd_str_of(declaration));
    http_close(&h);
    double bare = (double)bench_rss(city) / 1e6;
    fleet *f = fleet_open(PORT_LINK, DEVICES);
    fleet_result r;
    fleet_run(f, &(fleet_plan){.seconds = 60, .outstanding = 1, .frames_most = DEVICES}, &r);
    printf("resident: %.0f MB empty; %.1f MB more for 1,000 devices that spoke once\n", bare,
           (double)bench_rss(city) / 1e6 - bare);
    bench_free(&r.delay);
    fleet_close(f);
    double top = beside_constant(city, fixed, turn_s);
    printf("  resident %.0f MB after %llu frames\n", (double)bench_rss(city) / 1e6,
           (unsigned long long)count_of("frames"));
    server_stop(fixed);
    burst(top, probe_s, burst_s);
    printf("  resident %.0f MB after %llu frames; bad %llu\n", (double)bench_rss(city) / 1e6,
           (unsigned long long)count_of("frames"), (unsigned long long)count_of("bad"));
    server_stop(city);
    remove_folder(argv[3]);
    return 0;
}
