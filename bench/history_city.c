#include "history_city.h"

#include <math.h>
#include <stdlib.h>

/* How an attribute is written and how copies differ: steps of 10^-digits * unit; factor: scaled, else offset. */
static const struct {
    const char *name;
    int digits, unit, factor;
} shapes[CITY_ATTRS] = {{"pm25", 0, 1, 1},          {"pm10", 0, 1, 1},     {"so2", 0, 1, 1},
                        {"no2", 0, 1, 1},           {"co", 0, 100, 1},     {"o3", 0, 1, 1},
                        {"temperature", 1, 1, 0},   {"pressure", 1, 1, 0}, {"dewPoint", 1, 1, 0},
                        {"precipitation", 1, 1, 1}, {"windSpeed", 1, 1, 1}};

int city_make(city *c, uint64_t readings, const char *folder) {
    bench_set s;
    if (set_load(&s, "air", folder)) return -1;
    *c = (city){.base = jd_xmalloc(2 * CITY_ATTRS * CITY_YEAR * sizeof *c->base)};
    for (size_t i = 0; i < 2 * CITY_ATTRS * CITY_YEAR; i++) c->base[i] = INT32_MIN;
    int64_t first = s.readings[0].at;
    uint64_t there = 0;
    for (uint32_t a = 0; a < CITY_ATTRS; a++) {
        c->attr[a] = shapes[a].name;
        double step = shapes[a].unit / pow(10, shapes[a].digits);
        for (size_t i = 0; i < s.series_n; i++) {
            const set_series *one = &s.series[i];
            if (strcmp(one->attr, shapes[a].name) != 0) continue;
            for (size_t k = one->first; k < one->first + one->n; k++) {
                int64_t hour = (s.readings[k].at - first) / 3600;
                if (hour < 0 || hour >= CITY_YEAR) bench_die("the air set is not a year of hours");
                c->base[(one->entity * CITY_ATTRS + a) * CITY_YEAR + (size_t)hour] =
                    (int32_t)lround(s.readings[k].a / step);
                there++;
            }
        }
    }
    set_free(&s);
    uint64_t a_year = there / 2; /* of one entity */
    c->entities = readings / a_year >= CITY_ENTITIES ? CITY_ENTITIES : (uint32_t)(readings / a_year);
    if (!c->entities) c->entities = 1;
    c->hours = (uint32_t)((double)readings / c->entities / ((double)a_year / CITY_YEAR)) + 1;
    if (c->hours < CITY_YEAR) c->hours = CITY_YEAR;
    return 0;
}

void city_free(city *c) {
    free(c->base);
}

static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t s = a * 0x100000001b3u ^ b;
    return bench_random(&s);
}

/* In steps; INT32_MIN: a gap. */
static int32_t steps(const city *c, uint32_t entity, uint32_t attr, uint32_t hour) {
    uint64_t copy = mix(0x6a696e6475, entity), own = mix(copy, attr), noise = mix(own, hour);
    uint32_t days = CITY_YEAR / 24, shift = (uint32_t)(copy % days) * 24;
    int32_t v = c->base[((entity & 1) * CITY_ATTRS + attr) * CITY_YEAR + (hour + shift) % CITY_YEAR];
    if (v == INT32_MIN) return v;
    int wiggle = (int)(noise % 5) - 2;
    if (!shapes[attr].factor) return v + (int)(own % 61) - 30 + wiggle;
    if (v == 0) return 0;
    int32_t scaled = (int32_t)((int64_t)v * (850 + (int64_t)(own % 301)) / 1000) + wiggle;
    return scaled > 0 ? scaled : 1;
}

size_t city_value(const city *c, uint32_t entity, uint32_t attr, uint32_t hour, char out[CITY_TEXT]) {
    int32_t v = steps(c, entity, attr, hour);
    if (v == INT32_MIN) return 0;
    v *= shapes[attr].unit;
    size_t n = 0, at = 0;
    char digits[CITY_TEXT];
    uint32_t m = (uint32_t)(v < 0 ? -v : v);
    if (v < 0) out[at++] = '-';
    int fraction = shapes[attr].digits && m % 10;
    if (shapes[attr].digits && !fraction) m /= 10; /* "3", not "3.0" */
    do digits[n++] = (char)('0' + m % 10), m /= 10;
    while (m);
    if (fraction && n == 1) digits[n++] = '0';
    while (n) {
        out[at++] = digits[--n];
        if (fraction && n == 1) out[at++] = '.';
    }
    return at;
}

size_t city_time(uint32_t hour, char out[JD_TIME_TEXT_MAX]) {
    return jd_time_print((CITY_BEGIN + (int64_t)hour * 3600) * 1000000, 0, out);
}

uint64_t city_readings(const city *c, uint32_t from, uint32_t to) {
    uint64_t n = 0;
    for (uint32_t e = 0; e < c->entities; e++)
        for (uint32_t a = 0; a < CITY_ATTRS; a++)
            for (uint32_t h = from; h < to; h++) n += steps(c, e, a, h) != INT32_MIN;
    return n;
}

uint64_t city_temporal(const city *c, uint32_t e, uint32_t from, uint32_t to, jd_buf *out) {
    uint64_t n = 0;
    char value[CITY_TEXT], when[JD_TIME_TEXT_MAX];
    static const char head[] = "{\"type\":\"Property\",\"value\":", middle[] = ",\"observedAt\":\"", tail[] = "\"}";
    jd_buf_printf(out, "{\"id\":\"" CITY_ID "%u\",\"type\":\"" CITY_TYPE "\"", e);
    for (uint32_t a = 0; a < CITY_ATTRS; a++) {
        int any = 0;
        for (uint32_t h = from; h < to; h++) {
            size_t v = city_value(c, e, a, h, value);
            if (!v) continue;
            if (any) {
                jd_buf_c(out, ',');
            } else {
                jd_buf_z(out, ",\"");
                jd_buf_z(out, c->attr[a]);
                jd_buf_z(out, "\":[");
            }
            any = 1;
            jd_buf_add(out, head, sizeof head - 1);
            jd_buf_add(out, value, v);
            jd_buf_add(out, middle, sizeof middle - 1);
            jd_buf_add(out, when, city_time(h, when));
            jd_buf_add(out, tail, sizeof tail - 1);
            n++;
        }
        if (any) jd_buf_c(out, ']');
    }
    jd_buf_c(out, '}');
    return n;
}

static void number(jd_buf *out, uint64_t v) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = (char)('0' + v % 10), v /= 10;
    while (v);
    while (n) jd_buf_c(out, digits[--n]);
}

uint64_t city_lines(const city *c, uint32_t e, uint32_t from, uint32_t to, int one_a_line, jd_buf *out) {
    uint64_t n = 0;
    char value[CITY_TEXT];
    for (uint32_t h = from; h < to; h++) {
        int any = 0;
        for (uint32_t a = 0; a < CITY_ATTRS; a++) {
            size_t v = city_value(c, e, a, h, value);
            if (!v) continue;
            if (!any) {
                jd_buf_z(out, CITY_TYPE ",id=e");
                number(out, e);
            }
            jd_buf_c(out, any ? ',' : ' ');
            jd_buf_z(out, c->attr[a]);
            jd_buf_c(out, '=');
            jd_buf_add(out, value, v);
            n++;
            any = 1;
            if (!one_a_line) continue;
            jd_buf_c(out, ' ');
            number(out, CITY_BEGIN + (uint64_t)h * 3600);
            jd_buf_c(out, '\n');
            any = 0;
        }
        if (!any) continue;
        jd_buf_c(out, ' ');
        number(out, CITY_BEGIN + (uint64_t)h * 3600);
        jd_buf_c(out, '\n');
    }
    return n;
}

uint64_t city_rows(const city *c, uint32_t e, uint32_t from, uint32_t to, jd_buf *out) {
    uint64_t n = 0;
    char value[CITY_TEXT], when[JD_TIME_TEXT_MAX];
    for (uint32_t h = from; h < to; h++) {
        size_t when_n = city_time(h, when);
        for (uint32_t a = 0; a < CITY_ATTRS; a++) {
            size_t v = city_value(c, e, a, h, value);
            if (!v) continue;
            number(out, (uint64_t)e * CITY_ATTRS + a);
            jd_buf_c(out, '\t');
            jd_buf_add(out, when, when_n);
            jd_buf_c(out, '\t');
            jd_buf_add(out, value, v);
            jd_buf_c(out, '\n');
            n++;
        }
    }
    return n;
}
