/* Published readings of air and weather stations: they come back bit for bit and are short. */
#include "series_test.h"

typedef struct table { /* one column of a CSV file, hourly */
    jd_reading *r;
    jd_num *nums;
    size_t n;
} table;

static int number(const char *s, size_t n, jd_num *out) {
    char text[40];
    size_t k = 0;
    int64_t scale = 0, dot = 0;
    for (size_t i = 0; i < n && k < sizeof text - 1; i++) {
        if (s[i] == '.') {
            dot = 1;
            continue;
        }
        if (s[i] != '-' && (s[i] < '0' || s[i] > '9')) return 0;
        text[k++] = s[i];
        scale += dot;
    }
    text[k] = 0;
    if (!k || scale > 18) return 0;
    *out = (jd_num){strtoll(text, NULL, 10), (uint8_t)scale};
    return 1;
}

static table load(const char *path, unsigned column) {
    enum { MOST = 10000 };
    table t = {jd_xcalloc(MOST, sizeof *t.r), jd_xcalloc(MOST, sizeof *t.nums), 0};
    FILE *f = fopen(path, "r");
    char text[1024];
    assert_non_null(fgets(text, sizeof text, f));
    for (size_t hour = 0; fgets(text, sizeof text, f) && t.n < MOST; hour++) {
        char *p = text;
        for (unsigned c = 0; c < column && p; c++) p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL;
        if (!p || !number(p, strcspn(p, ",\r\n"), &t.nums[t.n])) continue;
        t.r[t.n] = (jd_reading){.at = 1451577600000000 + (int64_t)hour * 3600000000,
                                .recorded = 1700000000000000,
                                .skeleton = JD_STR("{\"type\":\"Property\",\"value\":?}"),
                                .nums = &t.nums[t.n],
                                .nums_n = 1,
                                .flags = JD_R_OBSERVED | JD_R_NUMERIC};
        t.n++;
    }
    fclose(f);
    return t;
}

static void stations(void **state) {
    (void)state;
    const struct {
        const char *file;
        unsigned column;
        double bytes_most; /* each reading, all told */
    } of[] = {{"air/prsa_Dingling_2016.csv", 5, 0.80},           {"air/prsa_Dingling_2016.csv", 7, 0.40},
              {"air/prsa_Dingling_2016.csv", 9, 0.40},           {"air/prsa_Dingling_2016.csv", 12, 0.75},
              {"air/prsa_Dingling_2016.csv", 14, 0.12},          {"air/prsa_Wanliu_2016.csv", 8, 0.80},
              {"weather/drummondville_hourly_2019.csv", 3, 0.95}};
    const char *shared = getenv("JINDU_SHARED");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/data/%s", shared ? shared : JINDU_SOURCE_ROOT "/../shared", of[i].file);
        FILE *f = fopen(path, "r");
        if (!f) {
            print_message("skipped: no %s\n", path);
            skip();
        }
        fclose(f);
        table t = load(path, of[i].column);
        assert_true(t.n > 1000);
        rows out = {0};
        jd_err err;
        jd_rowmaker *m = jd_rowmaker_new(0);
        assert_int_equal(jd_rowmaker_add(m, &(jd_skey){1, 1, 0, 0}, t.r, t.n, rows_take, &out, &err), 0);
        assert_int_equal(jd_rowmaker_end(m, rows_take, &out, &err), 0);
        jd_rowmaker_free(m);
        size_t at = 0;
        jd_row row;
        for (size_t k = 0; k < out.n; k++) {
            assert_int_equal(jd_row_open(&row, jd_buf_view(&out.p[k]), &err), 0);
            for (uint32_t c = 0; c < row.chunks; c++) {
                jd_chunkhead h;
                jd_reading *x;
                jd_arena a;
                jd_arena_init(&a);
                assert_int_equal(jd_row_chunk(&row, c, &h, &err), 0);
                assert_true(h.clean);
                assert_int_equal(jd_row_readings(&row, &h, &a, &x, &err), 0);
                for (uint32_t j = 0; j < h.count; j++) same_reading(&x[j], &t.r[at++]);
                jd_arena_fini(&a);
            }
        }
        assert_int_equal(at, t.n);
        double each = (double)rows_bytes(&out) / (double)t.n;
        print_message("%s column %u: %zu readings, %.3f bytes each\n", of[i].file, of[i].column, t.n, each);
        assert_true(each <= of[i].bytes_most);
        rows_free(&out);
        free(t.r);
        free(t.nums);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
