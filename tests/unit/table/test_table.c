/* Reading tables: separators, quotes, line ends, encodings, gzip, JSON in its forms, places, rows set aside. */
#include "table_test.h"

#include <iconv.h>
#include <zlib.h>

/* The table as "a|b|c\n" lines; a faulty row as "!LINE:COLUMN"; the end of a table that cannot be read on as "?place".
 */
static void read_all(bench *b, const jd_table_form *form, jd_str text) {
    jd_source src = jd_source_text(&text);
    jd_table *t;
    jd_table_row row;
    int got;
    b->out.n = 0;
    b->err = (jd_err){0};
    if (jd_table_open(&t, form, &src, &b->err)) {
        jd_buf_printf(&b->out, "?%s", b->err.place);
        jd_buf_c(&b->out, 0);
        return;
    }
    const jd_str *names;
    size_t n = jd_table_columns(t, &names);
    for (size_t i = 0; i < n; i++) jd_buf_printf(&b->out, "%s%.*s", i ? "|" : "", JD_STR_ARG(names[i]));
    jd_buf_c(&b->out, '\n');
    while ((got = jd_table_next(t, &row, &b->err)) > 0) {
        if (row.fault) {
            jd_buf_printf(&b->out, "!%s\n", row.fault->place);
            continue;
        }
        for (size_t i = 0; i < row.n; i++) {
            if (i) jd_buf_c(&b->out, '|');
            jd_buf_str(&b->out, row.cells[i].text);
            if (row.cells[i].value && row.cells[i].value->type >= JD_JARR) jd_json_write(&b->out, row.cells[i].value);
        }
        jd_buf_c(&b->out, '\n');
    }
    if (got < 0) jd_buf_printf(&b->out, "?%s", b->err.place);
    jd_buf_c(&b->out, 0);
    jd_table_close(t);
}

static void check(bench *b, const jd_table_form *form, const char *text, const char *want) {
    read_all(b, form, jd_str_of(text));
    if (strcmp(b->out.p, want)) fail_msg("%s\n--- got ---\n%s\n--- wanted ---\n%s", text, b->out.p, want);
}

#define LINES(sep, q, head) .kind = JD_TABLE_CSV, .separator = (sep), .quote = (q), .header = (head)
#define CSV LINES(',', '"', 1)

static void test_csv(void **state) {
    bench b;
    (void)state;
    begin(&b);
    const jd_table_form csv = {CSV}, semi = {LINES(';', '"', 1)}, tab = {LINES('\t', '"', 1)};
    check(&b, &csv, "a,b\n1,2\n3,4\n", "a|b\n1|2\n3|4\n");
    check(&b, &csv, "a,b\r\n1,2\r\n3,4", "a|b\n1|2\n3|4\n");
    check(&b, &csv,
          "\xEF\xBB\xBF"
          "a,b\n1,2",
          "a|b\n1|2\n");
    check(&b, &csv, "a,b\n\n , \n1,2\n\n", "a|b\n1|2\n");
    check(&b, &csv, " a , b \n x ,\xE3\x80\x80y\xC2\xA0\n", "a|b\nx|y\n");
    check(&b, &csv, "\"a,1\",\"b \"\"q\"\"\"\n\"x\ny\",\"\"\n", "a,1|b \"q\"\nx\ny|\n");
    check(&b, &csv, "a,b\n\"1\" , \"2\"\n5\" pipe,3\n", "a|b\n1|2\n5\" pipe|3\n");
    check(&b, &semi, "a;b\n1,5;2\n", "a|b\n1,5|2\n");
    check(&b, &tab, "a\tb\n\t2\n1\t\n", "a|b\n|2\n1|\n");
    check(&b, &csv, "a,b\n1,2,,\n", "a|b\n1|2\n"); /* empty cells behind the last */
    check(&b, &csv, "a,b,c\n1,2\n1,2,3,4\n\"1\"x,2,3\n7,8,9\n", "a|b|c\n!2:1\n!3:7\n!4:4\n7|8|9\n");
    check(&b, &csv, "a,b\n1,2\n3,\"4\n5,6\n", "a|b\n1|2\n?3:3");
    check(&b, &csv, "", "?1:1");
    check(&b, &csv, "a,b\n", "a|b\n");
    const jd_table_form fill = {CSV, .fill = 1}, skip = {CSV, .skip = 2}, notes = {CSV, .comment = {"#", 1}};
    check(&b, &fill, "a,b,c\n1\n", "a|b|c\n1||\n");
    check(&b, &skip, "A \"title\nof two lines\na,b\n1,2\n", "a|b\n1|2\n");
    check(&b, &notes, "# so \"it is\n#\na,b\n1,2\n# end", "a|b\n1|2\n");
    const jd_table_form bare = {LINES(',', '"', 0)}, raw = {LINES(',', 0, 1)};
    check(&b, &bare, "1,2\n3,4\n", "|\n1|2\n3|4\n");
    check(&b, &raw, "a,b\n\"1,2\"\n", "a|b\n\"1|2\"\n");
    jd_str names[] = {{"x", 1}, {"y", 1}};
    const jd_table_form named = {LINES(',', '"', 0), .names = names, .names_n = 2};
    check(&b, &named, "1,2\n", "x|y\n1|2\n");
    end(&b);
}

static void test_columns(void **state) {
    bench b;
    (void)state;
    begin(&b);
    jd_table_form csv = {CSV};
    jd_str text = jd_str_of("a,b,a,#2\n1,2,3,4\n");
    jd_source src = jd_source_text(&text);
    jd_table *t;
    assert_int_equal(jd_table_open(&t, &csv, &src, &b.err), 0);
    assert_int_equal(jd_table_column(t, JD_STR("b")), 1);
    assert_int_equal(jd_table_column(t, JD_STR("a")), -2);
    assert_int_equal(jd_table_column(t, JD_STR("#2")), 3); /* a name comes before a number */
    assert_int_equal(jd_table_column(t, JD_STR("#3")), 2);
    assert_int_equal(jd_table_column(t, JD_STR("#5")), -1);
    assert_int_equal(jd_table_column(t, JD_STR("B")), -1);
    jd_table_close(t);
    end(&b);
}

static void test_places(void **state) {
    bench b;
    (void)state;
    begin(&b);
    jd_table_form csv = {CSV};
    jd_str text = jd_str_of("a,b,c\n\"x\ny\",\"河,流\",z\n");
    jd_source src = jd_source_text(&text);
    jd_table *t;
    jd_table_row row;
    uint64_t line, column;
    assert_int_equal(jd_table_open(&t, &csv, &src, &b.err), 0);
    assert_int_equal(jd_table_next(t, &row, &b.err), 1);
    jd_table_place(&row, row.cells[0].at, &line, &column);
    assert_true(line == 2 && column == 1);
    jd_table_place(&row, row.cells[1].at, &line, &column);
    assert_true(line == 3 && column == 4);
    jd_table_place(&row, row.cells[2].at, &line, &column);
    assert_true(line == 3 && column == 10);
    jd_table_close(t);
    end(&b);
}

static void test_json(void **state) {
    bench b;
    (void)state;
    begin(&b);
    const jd_table_form lines = {.kind = JD_TABLE_LINES}, array = {.kind = JD_TABLE_JSON},
                        deep = {.kind = JD_TABLE_JSON, .path = {"/data/rows", 10}}, geo = {.kind = JD_TABLE_GEOJSON};
    check(&b, &lines, "{\"a\":1,\"b\":{\"c\":\"x\"}}\n\n{\"a\":2.50}\n{\"a\":null,\"b\":{\"c\":true}}",
          "a|b.c\n1|x\n2.50|\n|true\n");
    check(&b, &lines, "{\"a\":1}\n{\"a\":\n{\"a\":3}\n[4]\n5\n", "a\n1\n!2:6\n3\n4\n!5:1\n");
    check(&b, &array, " [ {\"a\":1} , {\"a\":\"}]\\\"\"},\n{\"a\":[1,2]} ] tail", "a\n1\n}]\"\n[1,2]\n");
    check(&b, &array, "[[1,\"x\"],[2,\"y\"]]", "|\n1|x\n2|y\n");
    check(&b, &array, "[{\"a\":1}", "a\n1\n?1:9");
    check(&b, &array, "[{\"a\":1} {\"a\":2}]", "a\n1\n?1:10");
    check(&b, &array, "[{\"a\":1},{\"a\":", "a\n1\n?1:10");
    check(&b, &array, "[]", "?1:2");
    check(&b, &array, "{\"a\":1}", "?1:1");
    check(&b, &deep, "{\"x\":[{\"rows\":0}],\"s\":\"\\\"{\",\"data\":{\"n\":-1.5e3,\"rows\":[{\"a\":1}],\"z\":2}}",
          "a\n1\n");
    check(&b, &deep, "{\"data\":{\"row\":[]}}", "?1:18");
    check(&b, &deep, "{\"data\":{\"rows\":{}}}", "?1:17");
    check(&b, &geo,
          "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":7,\"properties\":{\"n\":\"p\"},"
          "\"geometry\":{\"type\":\"Point\",\"coordinates\":[1.50,2]}}]}",
          "n|@geometry|@id\np|{\"type\":\"Point\",\"coordinates\":[1.50,2]}|7\n");
    end(&b);
}

static jd_str recoded(bench *b, const char *text, const char *to) {
    iconv_t cv = iconv_open(to, "UTF-8");
    assert_true(cv != (iconv_t)-1);
    size_t n = strlen(text), room = n * 4 + 8, left = room;
    char *in = jd_xstrdup(jd_str_of(text)), *p = in, *out = jd_arena_alloc(&b->a, room), *q = out;
    assert_true(iconv(cv, &p, &n, &q, &left) != (size_t)-1);
    iconv_close(cv);
    free(in);
    return (jd_str){out, room - left};
}

static void test_encodings(void **state) {
    static const char text[] = "日期,地区\n2020-01-22,江苏省\n2020-01-23,\"镇江, 丹徒\"\n";
    static const char *const names[] = {"GB18030", "GBK", "UTF-16", "UTF-16LE"};
    bench b;
    (void)state;
    begin(&b);
    for (size_t i = 0; i < 4; i++) {
        jd_table_form form = {CSV, .encoding = jd_str_of(names[i])};
        jd_str bytes = recoded(&b, text, names[i]);
        read_all(&b, &form, bytes);
        assert_string_equal(b.out.p, "日期|地区\n2020-01-22|江苏省\n2020-01-23|镇江, 丹徒\n");
    }
    jd_table_form plain = {CSV}, latin = {CSV, .encoding = {"ISO-8859-1", 10}};
    jd_str bytes = recoded(&b, text, "UTF-16"); /* its mark says what it is */
    read_all(&b, &plain, bytes);
    assert_string_equal(b.out.p, "日期|地区\n2020-01-22|江苏省\n2020-01-23|镇江, 丹徒\n");
    check(&b, &latin,
          "\xB5"
          "mho,b\n\xE9,2\n",
          "µmho|b\né|2\n");
    /* a byte that is no character shows as FF in its row alone */
    jd_table_form gbk = {CSV, .encoding = {"GB18030", 7}};
    check(&b, &gbk,
          "a,b\n\xFF"
          "1,2\n3,4\n",
          "a|b\n\xFF"
          "1|2\n3|4\n");
    /* and what is set aside goes back as it came */
    jd_str text2 = recoded(&b, "省,v\n江苏,x\n", "GB18030");
    jd_source src = jd_source_text(&text2);
    jd_table *t;
    jd_table_row row;
    jd_buf kept = {0}, back = {0};
    assert_int_equal(jd_table_open(&t, &gbk, &src, &b.err), 0);
    assert_int_equal(jd_table_next(t, &row, &b.err), 1);
    jd_table_keep_head(t, &kept);
    jd_table_keep_row(t, &row, 1, JD_STR("no, \"number\""), &kept);
    jd_table_encode(t, jd_buf_view(&kept), &back);
    jd_str want = recoded(&b, "省,v,_refused\n江苏,x,\"no, \"\"number\"\"\"\n", "GB18030");
    assert_true(jd_str_eq(jd_buf_view(&back), want));
    jd_buf_fini(&kept);
    jd_buf_fini(&back);
    jd_table_close(t);
    end(&b);
}

static jd_str packed(bench *b, const char *text) {
    z_stream z = {0};
    size_t n = strlen(text), room = n + 200;
    char *in = jd_xstrdup(jd_str_of(text)), *out = jd_arena_alloc(&b->a, room);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)in, z.avail_in = (uInt)n, z.next_out = (Bytef *)out, z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    jd_str done = {out, room - z.avail_out};
    deflateEnd(&z);
    free(in);
    return done;
}

static void test_gzip(void **state) {
    bench b;
    (void)state;
    begin(&b);
    jd_table_form csv = {CSV};
    jd_str one = packed(&b, "a,b\n1,2\n"), two = packed(&b, "3,4\n");
    jd_buf both = {0};
    jd_buf_str(&both, one);
    jd_buf_str(&both, two); /* two packed files behind each other are one */
    read_all(&b, &csv, jd_buf_view(&both));
    assert_string_equal(b.out.p, "a|b\n1|2\n3|4\n");
    read_all(&b, &csv, (jd_str){one.p, one.n - 9});
    assert_true(strchr(b.out.p, '?') != NULL);
    jd_buf_fini(&both);
    end(&b);
}

/* A source that gives a few bytes at a time, and fails when it is told to. */
typedef struct drip {
    jd_str rest;
    size_t most;
    int fails;
} drip;

static ssize_t drip_read(void *user, char *to, size_t n, jd_err *err) {
    drip *d = user;
    if (!d->rest.n && d->fails) return jd_fail(err, JD_E_INTERNAL, "gone", "没了");
    if (n > d->most) n = d->most;
    if (n > d->rest.n) n = d->rest.n;
    memcpy(to, d->rest.p, n);
    d->rest.p += n;
    d->rest.n -= n;
    return (ssize_t)n;
}

static void test_slow_sources(void **state) {
    static const char text[] = "a,b\r\n\"x\r\n\"\"y\"\"\",河\r\n1,2\r\n";
    bench b;
    (void)state;
    begin(&b);
    jd_str gz = packed(&b, text), gbk = recoded(&b, text, "GB18030");
    const jd_str all[] = {jd_str_of(text), gz, gbk};
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t most = 1; most < 9; most++) {
            jd_table_form form = {CSV, .encoding = kind == 2 ? JD_STR("GB18030") : (jd_str){NULL, 0}};
            drip d = {all[kind], most, 0};
            jd_source src = {&d, drip_read};
            jd_table *t;
            jd_table_row row;
            assert_int_equal(jd_table_open(&t, &form, &src, &b.err), 0);
            assert_int_equal(jd_table_next(t, &row, &b.err), 1);
            assert_true(jd_str_is(row.cells[0].text, "x\r\n\"y\"") && jd_str_is(row.cells[1].text, "河"));
            assert_int_equal(jd_table_next(t, &row, &b.err), 1);
            assert_true(row.line == 4);
            assert_int_equal(jd_table_next(t, &row, &b.err), 0);
            jd_table_close(t);
        }
    drip d = {jd_str_of("a,b\n1,2\n3"), 4, 1};
    jd_source src = {&d, drip_read};
    jd_table_form form = {CSV};
    jd_table *t;
    jd_table_row row;
    assert_int_equal(jd_table_open(&t, &form, &src, &b.err), 0);
    assert_int_equal(jd_table_next(t, &row, &b.err), 1);
    assert_int_equal(jd_table_next(t, &row, &b.err), -1);
    assert_string_equal(b.err.en, "gone");
    jd_table_close(t);
    end(&b);
}

/* Random cells, written by the rules of RFC 4180, come back. */
static void test_random_cells(void **state) {
    static const char alphabet[] = "ab,\"\n;\t \r1";
    bench b;
    (void)state;
    begin(&b);
    srand(20260101);
    for (int round = 0; round < 300; round++) {
        size_t cols = 1 + (size_t)rand() % 5, rows = 1 + (size_t)rand() % 5;
        jd_buf text = {0};
        jd_str cells[30];
        for (size_t i = 0; i < (rows + 1) * cols; i++) {
            jd_buf cell = {0};
            jd_buf_c(&cell, 'x'); /* neither blank nor trimmed away */
            for (int k = rand() % 6; k > 0; k--) jd_buf_c(&cell, alphabet[(size_t)rand() % (sizeof alphabet - 1)]);
            jd_buf_c(&cell, 'x');
            cells[i] = jd_arena_dup(&b.a, jd_buf_view(&cell));
            int quote = rand() % 2 || strpbrk(cells[i].p, ",\n\"\r") != NULL;
            if (i % cols) jd_buf_c(&text, ',');
            if (quote) jd_buf_c(&text, '"');
            for (size_t k = 0; k < cells[i].n; k++) {
                if (cells[i].p[k] == '"') jd_buf_c(&text, '"');
                jd_buf_c(&text, cells[i].p[k]);
            }
            if (quote) jd_buf_c(&text, '"');
            if (i % cols == cols - 1) jd_buf_z(&text, rand() % 2 ? "\n" : "\r\n");
            jd_buf_fini(&cell);
        }
        jd_table_form form = {CSV};
        drip d = {jd_buf_view(&text), 1 + (size_t)rand() % 7, 0};
        jd_source src = {&d, drip_read};
        jd_table *t;
        jd_table_row row;
        assert_int_equal(jd_table_open(&t, &form, &src, &b.err), 0);
        for (size_t i = cols; i < (rows + 1) * cols; i += cols) {
            assert_int_equal(jd_table_next(t, &row, &b.err), 1);
            assert_null(row.fault);
            assert_true(row.n == cols);
            for (size_t k = 0; k < cols; k++) assert_true(jd_str_eq(row.cells[k].text, cells[i + k]));
        }
        assert_int_equal(jd_table_next(t, &row, &b.err), 0);
        jd_table_close(t);
        jd_buf_fini(&text);
    }
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv),          cmocka_unit_test(test_columns),
                                       cmocka_unit_test(test_places),       cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_encodings),    cmocka_unit_test(test_gzip),
                                       cmocka_unit_test(test_slow_sources), cmocka_unit_test(test_random_cells)};
    return cmocka_run_group_tests_name("table/table", tests, NULL, NULL);
}
