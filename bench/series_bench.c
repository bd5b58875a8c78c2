/* Bytes and time that readings of published stations take as rows, beside zstd -19 of the same readings as text.
 *
 *     series_bench [DIR]
 *
 * DIR holds the data sets (../shared/data). Each numeric column of a file is a series; line i stands at i times the
 * file's usual step (so the irregular stamps of some traffic files are not measured), a missing value is no reading.
 * Long text is "time,value" by series; wide text is the file, with its own times, without the columns that are no
 * series. `import`: all recorded at one moment; `live`: recorded some milliseconds after, the same for a line of the
 * file. Read the ratios. */
#include "bench.h"
#include "series/series_int.h"

#include <stdlib.h>
#include <zstd.h>

typedef struct column {
    jd_reading *r;
    jd_num *nums;
    size_t n;
    int numeric;
} column;

enum { COLUMNS_MAX = 64, ROUNDS = 20 };

typedef struct file {
    char *text;
    size_t size;
    column c[COLUMNS_MAX];
    size_t columns, lines;
} file;

static char *slurp(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    jd_buf b = {0};
    size_t got;
    while ((got = fread(jd_buf_room(&b, 1 << 16), 1, 1 << 16, f)) > 0) b.n += got;
    fclose(f);
    jd_buf_c(&b, 0);
    *n = b.n - 1;
    return jd_buf_take(&b, NULL);
}

static int number(const char *s, size_t n, jd_num *out) {
    char text[24];
    size_t k = 0;
    unsigned scale = 0, dot = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.' && !dot)
            dot = 1;
        else if ((s[i] < '0' || s[i] > '9') && !(s[i] == '-' && i == 0))
            return 0;
        else if (k == sizeof text - 1)
            return 0;
        else {
            text[k++] = s[i];
            scale += dot;
        }
    }
    text[k] = 0;
    if (!k || k > 18 || scale > 18) return 0;
    *out = (jd_num){strtoll(text, NULL, 10), (uint8_t)scale};
    return 1;
}

/* Every cell that is a number is a reading; the columns before `first` are the time. */
static void parse(file *f, unsigned first, int64_t step_s, uint64_t *rng, int live) {
    jd_time at = 1451577600000000, recorded = 1700000000123456;
    char *line = strchr(f->text, '\n');
    size_t most = 0;
    for (const char *p = f->text; *p; p++) most += *p == '\n';
    while (line && *++line) {
        char *end = strchr(line, '\n');
        if (!end) end = line + strlen(line);
        if (live) recorded = at + 20000 + (jd_time)bench_below(rng, 40000);
        size_t c = 0;
        for (char *p = line; p < end && c < COLUMNS_MAX; c++) {
            size_t n = strcspn(p, ",\r\n");
            column *col = &f->c[c];
            if (!col->r) {
                col->r = jd_xcalloc(most + 1, sizeof *col->r);
                col->nums = jd_xcalloc(most + 1, sizeof *col->nums);
            }
            if (c >= first && number(p, n, &col->nums[col->n])) {
                col->r[col->n] =
                    (jd_reading){.at = at,
                                 .recorded = recorded,
                                 .skeleton = JD_STR("{\"type\":\"Property\",\"value\":?,\"unitCode\":\"GQ\"}"),
                                 .nums = &col->nums[col->n],
                                 .nums_n = 1,
                                 .flags = JD_R_OBSERVED | JD_R_NUMERIC};
                col->n++;
            }
            p += n + 1;
        }
        if (c > f->columns) f->columns = c;
        f->lines++;
        at += step_s * 1000000;
        line = *end ? end : NULL;
    }
}

static size_t zstd_of(const char *p, size_t n) {
    size_t bound = ZSTD_compressBound(n);
    void *out = jd_xmalloc(bound);
    size_t size = ZSTD_compress(out, bound, p, n, 19);
    free(out);
    return size;
}

/* The file with only its time and the columns that are series. */
static size_t wide_text(const file *f, unsigned time, unsigned first) {
    jd_buf b = {0};
    for (const char *p = f->text; *p;) {
        const char *end = p + strcspn(p, "\n");
        for (size_t c = 0; p < end; c++) {
            size_t n = strcspn(p, ",\r\n");
            if (c < first ? c >= time : c < COLUMNS_MAX && f->c[c].numeric) {
                jd_buf_add(&b, p, n);
                jd_buf_c(&b, ',');
            }
            p += n + 1;
        }
        jd_buf_c(&b, '\n');
        p = *end ? end + 1 : end;
    }
    size_t size = zstd_of(b.p, b.n);
    jd_buf_fini(&b);
    return size;
}

static size_t long_text(const column *c) {
    jd_buf b = {0};
    for (size_t i = 0; i < c->n; i++) {
        char t[JD_TIME_TEXT_MAX];
        size_t n = jd_time_print(c->r[i].at, 0, t);
        uint64_t m = c->nums[i].m < 0 ? (uint64_t)-c->nums[i].m : (uint64_t)c->nums[i].m;
        uint64_t ten = (uint64_t)series__ten[c->nums[i].scale];
        jd_buf_add(&b, t, n);
        jd_buf_printf(&b, ",%s%llu", c->nums[i].m < 0 ? "-" : "", (unsigned long long)(m / ten));
        if (c->nums[i].scale) jd_buf_printf(&b, ".%0*llu", c->nums[i].scale, (unsigned long long)(m % ten));
        jd_buf_c(&b, '\n');
    }
    size_t size = zstd_of(b.p, b.n);
    jd_buf_fini(&b);
    return size;
}

typedef struct rows {
    jd_buf *p;
    size_t n, bytes;
} rows;

static int take(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err) {
    (void)head, (void)err;
    rows *r = user;
    r->p = jd_xrealloc(r->p, (r->n + 1) * sizeof *r->p);
    r->p[r->n] = (jd_buf){0};
    jd_buf_str(&r->p[r->n++], bytes);
    r->bytes += bytes.n;
    return 0;
}

static void drop(rows *r) {
    for (size_t i = 0; i < r->n; i++) jd_buf_fini(&r->p[i]);
    free(r->p);
    *r = (rows){0};
}

static rows encode(const file *f) {
    rows out = {0};
    jd_err err;
    jd_rowmaker *m = jd_rowmaker_new(0);
    for (size_t c = 0; c < f->columns; c++)
        if (f->c[c].numeric &&
            jd_rowmaker_add(m, &(jd_skey){7, (uint32_t)c + 100, 0, 0}, f->c[c].r, f->c[c].n, take, &out, &err))
            bench_die("%s", err.en);
    if (jd_rowmaker_end(m, take, &out, &err)) bench_die("%s", err.en);
    jd_rowmaker_free(m);
    return out;
}

typedef enum what { HEADS, VALUES, READINGS } what;

static size_t decode(const rows *in, what how, double *sum) {
    size_t n = 0;
    jd_err err;
    jd_arena a;
    jd_arena_init(&a);
    static jd_time at[JD_CHUNK_MAX];
    static double value[JD_CHUNK_MAX];
    for (size_t k = 0; k < in->n; k++) {
        jd_row row;
        if (jd_row_open(&row, jd_buf_view(&in->p[k]), &err)) bench_die("%s", err.en);
        for (uint32_t c = 0; c < row.chunks;) {
            jd_chunkhead heads[JD_ROW_STRIDE];
            uint32_t count;
            if (jd_row_chunks(&row, c, heads, &count, &err)) bench_die("%s", err.en);
            for (uint32_t i = 0; i < count; i++) {
                jd_reading *r;
                n += heads[i].count;
                if (how == VALUES && heads[i].clean) {
                    if (jd_row_values(&row, &heads[i], at, value, &err)) bench_die("%s", err.en);
                    *sum += value[heads[i].count - 1];
                } else if (how != HEADS) {
                    jd_arena_reset(&a);
                    if (jd_row_readings(&row, &heads[i], &a, &r, &err)) bench_die("%s", err.en);
                    *sum += (double)r[heads[i].count - 1].nums[0].m;
                }
            }
            c += count;
        }
    }
    jd_arena_fini(&a);
    return n;
}

/* Bits by column, each chunk of the longest kind on its own. */
static void parts(const file *f, size_t *times, size_t *recorded, size_t *values) {
    *times = *recorded = *values = 0;
    for (size_t k = 0; k < f->columns; k++) {
        const column *c = &f->c[k];
        for (size_t i = 0; c->numeric && i < c->n; i += JD_CHUNK_MAX) {
            size_t n = c->n - i < JD_CHUNK_MAX ? c->n - i : JD_CHUNK_MAX;
            int64_t at[JD_CHUNK_MAX], lag[JD_CHUNK_MAX];
            for (size_t j = 0; j < n; j++) at[j] = c->r[i + j].at - c->r[i].at, lag[j] = c->r[i + j].recorded;
            jd_buf b = {0};
            uint8_t head;
            series__column_put(&b, at, n, SERIES__TIME, 0);
            *times += b.n, b.n = 0;
            series__column_put(&b, lag, n, SERIES__TIME, 0);
            size_t direct = b.n;
            b.n = 0;
            for (size_t j = 0; j < n; j++) lag[j] -= at[j];
            series__column_put(&b, lag, n, SERIES__TIME, 0);
            *recorded += b.n < direct ? b.n : direct;
            b.n = 0;
            series__lane_put(&b, &head, c->nums + i, n, 1, SERIES__VALUE, 24);
            *values += b.n;
            jd_buf_fini(&b);
        }
    }
}

static double best(const rows *in, what how, size_t *n) {
    double least = 1e9, sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double t = bench_seconds();
        *n = decode(in, how, &sum);
        t = bench_seconds() - t;
        if (t < least) least = t;
    }
    if (sum == 42.125) printf(" ");
    return least;
}

static void measure(const char *dir, const char *name, unsigned time, unsigned first, int64_t step_s, int live) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    file *f = jd_xcalloc(1, sizeof *f);
    f->text = slurp(path, &f->size);
    if (!f->text) {
        printf("%s: not there\n", path);
        free(f);
        return;
    }
    uint64_t rng = 1;
    parse(f, first, step_s, &rng, live);
    size_t readings = 0, text = 0;
    for (size_t c = 0; c < f->columns; c++) {
        f->c[c].numeric = f->c[c].n * 4 > f->lines;
        if (!f->c[c].numeric) continue;
        readings += f->c[c].n;
        if (!live) text += long_text(&f->c[c]);
    }
    double encoding = 1e9;
    rows out = {0};
    for (int i = 0; i < ROUNDS / 4; i++) {
        drop(&out);
        double t = bench_seconds();
        out = encode(f);
        t = bench_seconds() - t;
        if (t < encoding) encoding = t;
    }
    size_t n, times, recorded, values;
    parts(f, &times, &recorded, &values);
    double v = best(&out, VALUES, &n), r = best(&out, READINGS, &n), h = best(&out, HEADS, &n);
    if (n != readings) bench_die("%zu readings became %zu", readings, n);
    double bits = 8.0 / (double)readings, M = (double)readings / 1e6;
    printf("%-44s %s %7zu readings %6.3f B each", name, live ? "live  " : "import", readings,
           (double)out.bytes / (double)readings);
    if (!live)
        printf("  (zstd -19: long x%.2f, wide x%.2f)", (double)text / (double)out.bytes,
               (double)wide_text(f, time, first) / (double)out.bytes);
    printf("\n    bits: values %.2f, times %.2f, recorded %.2f alone; all %.2f\n", (double)values * bits,
           (double)times * bits, (double)recorded * bits, (double)out.bytes * bits);
    printf("    M readings/s: encode %.1f, values %.0f, readings %.0f; heads %.0f\n", M / encoding, M / v, M / r,
           M / h);
    drop(&out);
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        free(f->c[c].r);
        free(f->c[c].nums);
    }
    free(f->text);
    free(f);
}

/* A city's sweep: many series with one reading each, or a few. */
static void sweep(uint32_t each) {
    enum { ENTITIES = 20000, ATTRS = 8 };
    static const char *text[ATTRS] = {"{pm25:?,GQ}", "{pm10:?,GQ}", "{no2:?,GQ}", "{so2:?,GQ}",
                                      "{o3:?,GQ}",   "{co:?,GP}",   "{t:?,CEL}",  "{rh:?,P1}"};
    uint64_t rng = 3;
    rows out = {0};
    jd_err err;
    jd_rowmaker *m = jd_rowmaker_new(0);
    for (uint32_t e = 0; e < ENTITIES; e++) {
        jd_time phase = (jd_time)bench_below(&rng, 60) * 1000000, late = 1000000 + (jd_time)bench_below(&rng, 5000000);
        for (uint32_t a = 0; a < ATTRS; a++) {
            jd_reading r[16];
            jd_num v[16];
            int64_t value = 100 + (int64_t)bench_below(&rng, 900);
            for (uint32_t i = 0; i < each; i++) {
                v[i] = (jd_num){value += (int64_t)bench_below(&rng, 21) - 10, 1};
                jd_time at = 1700000000000000 + phase + (jd_time)i * 60000000;
                r[i] = (jd_reading){.at = at,
                                    .recorded = at + late,
                                    .skeleton = jd_str_of(text[a]),
                                    .nums = &v[i],
                                    .nums_n = 1,
                                    .flags = JD_R_OBSERVED | JD_R_NUMERIC};
            }
            if (jd_rowmaker_add(m, &(jd_skey){1000 + e, 20 + a, 0, 0}, r, each, take, &out, &err))
                bench_die("%s", err.en);
        }
    }
    if (jd_rowmaker_end(m, take, &out, &err)) bench_die("%s", err.en);
    jd_rowmaker_free(m);
    size_t n;
    double h = best(&out, HEADS, &n), r = best(&out, READINGS, &n);
    printf("sweep of %d series, %u readings each: %.2f B a reading, %.2f a series; heads %.1f M series/s, "
           "readings %.1f M/s\n",
           ENTITIES * ATTRS, each, (double)out.bytes / (double)n, (double)out.bytes / (ENTITIES * ATTRS),
           (double)n / each / h / 1e6, (double)n / r / 1e6);
    drop(&out);
}

int main(int argc, char **argv) {
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    static const struct {
        const char *name;
        unsigned time, first; /* columns: where the time begins, and the values */
        int64_t step_s;
    } of[] = {{"air/prsa_Dingling_2016.csv", 1, 5, 3600},
              {"air/prsa_Wanliu_2016.csv", 1, 5, 3600},
              {"weather/drummondville_hourly_2019.csv", 0, 1, 3600},
              {"water-network/batadal_dataset04_a.csv", 0, 1, 3600},
              {"traffic/nab_speed_6005.csv", 0, 1, 300},
              {"traffic/nab_occupancy_6005.csv", 0, 1, 300},
              {"traffic/nab_nyc_taxi.csv", 0, 1, 1800},
              {"datacentre/nab_ec2_cpu_utilization_24ae8d.csv", 0, 1, 300},
              {"datacentre/nab_rds_cpu_utilization_cc0c53.csv", 0, 1, 300},
              {"datacentre/cornell_biohpc_cbsugpu09_hourly.csv", 1, 2, 3600}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        measure(dir, of[i].name, of[i].time, of[i].first, of[i].step_s, 0);
    measure(dir, of[0].name, of[0].time, of[0].first, of[0].step_s, 1);
    for (uint32_t each = 1; each <= 16; each *= 2) sweep(each);
    return 0;
}
