/* Profiles: what tables that nobody described hold; and that the mapping each one suggests takes it. The real tables
 * are those of tests/data and, where this machine has them, of ../shared/data. */
#include "table/profile.h"
#include "table_test.h"

#include <dirent.h>
#include <iconv.h>
#include <string.h>
#include <sys/stat.h>

static jd_jval profile_of(bench *b, jd_str bytes, const char *name) {
    jd_buf out = {0};
    jd_jval v = {.type = JD_JNULL};
    b->err = (jd_err){0};
    if (!jd_table_profile(bytes, jd_str_of(name), &out, &b->err)) {
        jd_str text = jd_arena_dup(&b->a, jd_buf_view(&out));
        if (jd_json_parse(&b->a, text, NULL, &v, &b->err)) print_error("%s: %s\n%s\n", name, b->err.en, text.p);
        assert_int_equal(b->err.code, JD_E_OK);
    }
    jd_buf_fini(&out);
    return v;
}

static const jd_jval *column(const jd_jval *profile, const char *name) {
    const jd_jval *columns = jd_jget(profile, "columns");
    for (uint32_t i = 0; i < columns->n; i++)
        if (jd_jis(jd_jget(&columns->items[i], "name"), name)) return &columns->items[i];
    fail_msg("there is no column %s", name);
    return NULL;
}

static void must_be(const jd_jval *v, const char *member, const char *want) {
    const jd_jval *m = jd_jget(v, member);
    assert_non_null(m);
    if (m->type == JD_JSTR || m->type == JD_JNUM) {
        if (!jd_str_is(jd_jstr(m), want)) fail_msg("%s is %.*s, not %s", member, JD_STR_ARG(jd_jstr(m)), want);
    } else {
        assert_string_equal(m->type == JD_JTRUE ? "true" : "false", want);
    }
}

/* What the suggested mapping takes a column as; NULL: as it says by itself, and what does not fit is refused. */
static const jd_jval *taken_as(const jd_jval *profile, const char *name) {
    const jd_jval *attrs = jd_jget(jd_jget(profile, "mapping"), "attributes");
    for (uint32_t i = 0; i < attrs->n; i++)
        if (jd_jis(jd_jget(&attrs->members[i].val, "column"), name)) return jd_jget(&attrs->members[i].val, "as");
    fail_msg("the mapping has no column %s", name);
    return NULL;
}

/* Both passes with the suggestion, posted as it is. */
static void must_take(bench *b, const jd_jval *profile, jd_str bytes, const char *name, uint64_t least) {
    jd_buf text = {0};
    jd_json_write(&text, jd_jget(profile, "mapping"));
    const char *map = jd_arena_dup(&b->a, jd_buf_view(&text)).p;
    jd_buf_fini(&text);
    b->judge = 1;
    feed(b, map, name, bytes);
    if (b->err.code) fail_msg("%s: %s (%s)\n%s", name, b->err.en, b->err.place, map);
    if (b->report.readings < least)
        fail_msg("%s: %llu readings\n%s", name, (unsigned long long)b->report.readings, map);
    b->out.n = b->refused.n = b->kept.n = 0;
}

static jd_str to_gbk(bench *b, const char *utf8) {
    iconv_t cv = iconv_open("GB18030", "UTF-8");
    size_t left = strlen(utf8), room = left * 2 + 8;
    char *in = jd_xstrdup(jd_str_of(utf8)), *p = in, *out = jd_arena_alloc(&b->a, room), *to = out;
    assert_true(iconv(cv, &p, &left, &to, &room) != (size_t)-1);
    iconv_close(cv);
    free(in);
    return (jd_str){out, (size_t)(to - out)};
}

static void words(void **state) {
    bench b;
    (void)state;
    begin(&b);
    static const char csv[] = "站号;时间;温度;湿度;状态;备注\n"
                              "001;2024/1/31 08:00;12.5;80;是;-\n"
                              "002;2024/1/31 08:00;-999;81;否;好\n"
                              "001;2024/1/31 09:00;13.5;-;是;\n"
                              "002;2024/1/31 09:00;14;x;是;坏\n"
                              "001;2024/1/31 10:00;14.5;80;是;-\n"
                              "002;2024/1/31 10:00;15;81;否;好\n"
                              "001;2024/1/31 11:00;16;79;是;-\n"
                              "002;2024/1/31 11:00;15;81;否;好\n"
                              "001;2024/1/31 12:00;14.5;80;是;-\n"
                              "002;2024/1/31 12:00;15;81;否;好\n"
                              "001;2024/1/31 13:00;14.5;80;是\n";
    jd_str bytes = to_gbk(&b, csv);
    jd_jval v = profile_of(&b, bytes, "站.csv");
    must_be(&v, "encoding", "GB18030");
    must_be(&v, "separator", ";");
    must_be(&v, "header", "true");
    must_be(&v, "rows", "11");
    must_be(&v, "malformed", "1");
    must_be(column(&v, "站号"), "type", "integer");
    must_be(column(&v, "时间"), "type", "time");
    must_be(column(&v, "时间"), "form", "%Y/%m/%d %H:%M");
    must_be(column(&v, "温度"), "type", "number");
    must_be(column(&v, "温度"), "least", "12.5");
    must_be(&jd_jget(column(&v, "温度"), "marks")->items[0], "mark", "-999");
    must_be(column(&v, "湿度"), "type", "integer");
    must_be(column(&v, "湿度"), "odd", "1");
    must_be(&jd_jget(column(&v, "湿度"), "firstOdd")->items[0], "line", "5");
    must_be(&jd_jget(column(&v, "湿度"), "firstOdd")->items[0], "value", "x");
    assert_null(taken_as(&v, "湿度")); /* one odd cell is no reason to take anything for a reading */
    must_be(column(&v, "状态"), "type", "boolean");
    must_take(&b, &v, bytes, "站.csv", 40);
    end(&b);
}

/* Of four cells one may be odd, of three none: half of what is left would be. */
static void short_tables(void **state) {
    static const struct {
        const char *text, *type, *odd;
    } cases[] = {
        {"station,level\na,1.5\nb,broken\nc,2\nd,3\n", "number", "1"},
        {"station,level\na,1.5\nb,broken\nc,n/a\nd,3\n", "text", "0"},
        {"station,level\na,1.5\nb,broken\nc,2\n", "text", "0"},
    };
    bench b;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(&b);
        jd_jval v = profile_of(&b, jd_str_of(cases[i].text), "t.csv");
        must_be(column(&v, "level"), "type", cases[i].type);
        must_be(column(&v, "level"), "odd", cases[i].odd);
        end(&b);
    }
}

static void shapes(void **state) {
    static const struct {
        const char *text, *format;
        uint64_t readings;
    } cases[] = {
        {"{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n", "jsonlines", 2},
        {"[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]", "json", 2},
        {"{\"code\":200,\"data\":{\"rows\":[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]}}", "json", 2},
        {"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\","
         "\"coordinates\":[119.4,32.2]},\"properties\":{\"name\":\"x\",\"n\":3}}]}",
         "geojson", 2},
        {"a,b\n1,x\n2,y\n", "csv", 2},
        {"1,x\n2,y\n3,z\n", "csv", 3},
        {"a\tb\n1\tx\n2\ty\n", "csv", 2},
        {"made by hand\n\na,b,c\n1,x,2\n2,y,3\n", "csv", 4},
        {"# made\n# by hand\na,b,c\n1,x,2\n2,y,3\n", "csv", 4},
        {"x;y\n1,5;a\n2,5;b\n", "csv", 2},
        {"x,y\n\"1,500\",a\n\"2,500\",b\n", "csv", 2},
        {"year,month,day,hr,v\n2020,1,2,3,4\n2020,1,2,4,5\n", "csv", 2},
        {"date,time,v\n2020-01-02,03:00,4\n2020-01-02,04:00,5\n", "csv", 2},
        {"d,time,v\n02/01/2020,03:00:00,4\n13/01/2020,04:00:00,5\n", "csv", 2},
        {"name,lon,lat\na,119.4,32.2\nb,119.5,32.3\n", "csv", 2},
        {"id,type,location,@x\n1,2,3,4\n2,3,4,5\n", "csv", 6},
        {"a,a,,\"\"\n1,2,3,4\n5,6,7,8\n", "csv", 8},
        {"v\n\"open\n", "csv", 0},
        {"\xEF\xBB\xBF\xE7\xAB\x99,v\nx,1\n", "csv", 1},
    };
    bench b;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(&b);
        jd_str bytes = jd_str_of(cases[i].text);
        jd_jval v = profile_of(&b, bytes, "t.csv");
        if (v.type != JD_JOBJ) fail_msg("%s: %s", cases[i].text, b.err.en);
        must_be(&v, "format", cases[i].format);
        must_take(&b, &v, bytes, "t.csv", cases[i].readings);
        end(&b);
    }
}

static void nothing(void **state) {
    bench b;
    (void)state;
    begin(&b);
    assert_int_equal(profile_of(&b, JD_STR(""), "").type, JD_JNULL);
    assert_int_equal(b.err.code, JD_E_BAD_REQUEST_DATA);
    assert_int_equal(profile_of(&b, JD_STR(" \n\n"), "").type, JD_JNULL);
    end(&b);
}

/* ---- real tables ---- */

static int is_table(const char *name) {
    static const char *const ends[] = {".csv", ".geojson", ".jsonl", ".tsv"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        size_t n = strlen(name), k = strlen(ends[i]);
        if (n > k && !strcmp(name + n - k, ends[i])) return 1;
    }
    return 0;
}

static jd_str read_file(bench *b, const char *path) {
    FILE *f = fopen(path, "r");
    jd_buf all = {0};
    size_t n;
    assert_non_null(f);
    while ((n = fread(jd_buf_room(&all, 1 << 16), 1, 1 << 16, f)) > 0) all.n += n;
    fclose(f);
    jd_str s = jd_arena_dup(&b->a, jd_buf_view(&all));
    jd_buf_fini(&all);
    return s;
}

static size_t take_folder(const char *path, int depth) {
    DIR *d = opendir(path);
    size_t n = 0;
    if (!d) return 0;
    for (struct dirent *e; (e = readdir(d));) {
        char whole[1024];
        struct stat st;
        if (e->d_name[0] == '.' || snprintf(whole, sizeof whole, "%s/%s", path, e->d_name) >= (int)sizeof whole)
            continue;
        if (stat(whole, &st)) continue;
        if (S_ISDIR(st.st_mode) && depth) n += take_folder(whole, depth - 1);
        if (!S_ISREG(st.st_mode) || !is_table(e->d_name) || st.st_size > 2000000) continue;
        bench b;
        begin(&b);
        jd_str bytes = read_file(&b, whole);
        jd_jval v = profile_of(&b, bytes, e->d_name);
        if (v.type != JD_JOBJ) fail_msg("%s: %s", whole, b.err.en);
        must_take(&b, &v, bytes, e->d_name, 1);
        if (getenv("PROFILE_SHOW"))
            print_message("%s: %llu readings of %llu entities, %llu refused of %llu\n", e->d_name,
                          (unsigned long long)b.report.readings, (unsigned long long)b.report.entities,
                          (unsigned long long)b.report.touched_rows, (unsigned long long)b.report.rows);
        n++;
        end(&b);
    }
    closedir(d);
    return n;
}

static void real(void **state) {
    (void)state;
    assert_true(take_folder(JINDU_SOURCE_ROOT "/tests/data", 0) >= 8);
    take_folder(JINDU_SOURCE_ROOT "/../shared/data", 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),   cmocka_unit_test(short_tables), cmocka_unit_test(shapes),
        cmocka_unit_test(nothing), cmocka_unit_test(real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
