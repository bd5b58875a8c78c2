#include "bench.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t bench_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t bench_below(uint64_t *state, uint32_t n) {
    return (uint32_t)(((bench_random(state) >> 32) * n) >> 32);
}

double bench_seconds(void) {
    return (double)jd_mono_ns() / 1e9;
}

void bench_add(bench_samples *s, double v) {
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->v = jd_xrealloc(s->v, s->cap * sizeof *s->v);
    }
    s->v[s->n++] = v;
}

static int cmp(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(bench_samples *s, double q) {
    if (!s->n) return 0;
    qsort(s->v, s->n, sizeof *s->v, cmp);
    size_t i = (size_t)(q * (double)s->n);
    return s->v[i < s->n ? i : s->n - 1];
}

void bench_free(bench_samples *s) {
    free(s->v);
    *s = (bench_samples){0};
}

uint64_t bench_rss(pid_t pid) {
    char path[64];
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    else
        snprintf(path, sizeof path, "/proc/self/status");
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    char line[200];
    unsigned long kb = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %lu kB", &kb) == 1) break;
    fclose(f);
    return (uint64_t)kb * 1024;
}

void bench_drop_caches(void) {
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0 || write(fd, "3", 1) != 1) printf("  (the page cache could not be dropped here: not root)\n");
    if (fd >= 0) close(fd);
}

void bench_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

size_t bench_id(char out[BENCH_ID_MAX], uint32_t i) {
    return (size_t)snprintf(out, BENCH_ID_MAX, "urn:ngsi-ld:AirQualityObserved:bench:%u", i);
}

void bench_entity(jd_buf *out, uint32_t i, uint32_t version) {
    uint64_t at = (uint64_t)i << 1, r = ((uint64_t)i << 20) ^ version;
    double lon = 119.2 + bench_below(&at, 500000) / 1e6, lat = 31.95 + bench_below(&at, 500000) / 1e6;
    unsigned pm25 = bench_below(&r, 2500), pm10 = bench_below(&r, 4000), no2 = bench_below(&r, 1500),
             so2 = bench_below(&r, 600), o3 = bench_below(&r, 2500), co = bench_below(&r, 300),
             t = bench_below(&r, 400);
    static const char when[] = "2026-11-23T08:00:00Z";
    char id[BENCH_ID_MAX];
    bench_id(id, i);
    jd_buf_printf(out,
                  "{\"id\":\"%s\",\"type\":\"AirQualityObserved\","
                  "\"name\":{\"type\":\"Property\",\"value\":\"镇江市监测点 %u 号\"},"
                  "\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[%.6f,%.6f]}},",
                  id, i, lon, lat);
    const struct {
        const char *name, *unit;
        unsigned v;
    } readings[] = {{"pm25", "GQ", pm25}, {"pm10", "GQ", pm10}, {"no2", "GQ", no2},       {"so2", "GQ", so2},
                    {"o3", "GQ", o3},     {"co", "GP", co},     {"temperature", "CEL", t}};
    for (size_t k = 0; k < sizeof readings / sizeof *readings; k++)
        jd_buf_printf(out, "\"%s\":{\"type\":\"Property\",\"value\":%u.%u,\"unitCode\":\"%s\",\"observedAt\":\"%s\"},",
                      readings[k].name, readings[k].v / 10, readings[k].v % 10, readings[k].unit, when);
    jd_buf_printf(out, "\"refDevice\":{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:Device:bench:%u\"}}", i / 7);
}
