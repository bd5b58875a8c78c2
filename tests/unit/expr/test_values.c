/* Operators and functions: what each gives, and what becomes of nothing. */
#include "expr_test.h"

typedef struct row {
    const char *source, *is;
} row;

static void all(world *w, const row *rows) {
    for (; rows->source; rows++) IS(w, rows->source, rows->is);
}

static void literals(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w, (row[]){
                {"35", "35"},
                {"1.5e3", "1500"},
                {"1e-3", "0.001"},
                {"0.1 + 0.2", "0.30000000000000004"},
                {"-2", "-2"},
                {"- -2", "2"},
                {"'Zhenjiang'", "Zhenjiang"},
                {"\"x\"", "x"},
                {"'\\'\\\"\\\\'", "'\"\\"},
                {"'a\\nb\\tc'", "a\nb\tc"},
                {"'\\u9547\\u6C5F'", "镇江"},
                {"'\\ud83d\\ude00' == '😀'", "true"},
                {"true", "true"},
                {"false", "false"},
                {"90s", "1min30s"},
                {"15min", "15min"},
                {"24h", "1d"},
                {"7d", "7d"},
                {"500ms", "500ms"},
                {"1h30min", "1h30min"},
                {"1.5h", "1h30min"},
                {"0s", "0s"},
                {"-90s", "-1min30s"},
                {"0.5ms", "0.5ms"},
                {"1d2h3min4s5ms == 93784005ms", "true"},
                {"time('2026-10-01T08:00:00Z')", "2026-10-01T08:00:00Z"},
                {"time('2026-10-01T16:00:00+08:00') == time('2026-10-01T08:00:00Z')", "true"},
                {"now", "2026-10-01T00:00:00Z"},
                {"point(119.45, 32.2)", "119.45,32.2"},
                {"[0, 50, -100]", "0, 50, -100"},
                {"['a', 'b']", "a, b"},
                {"null", "nothing"},
                {"1\n+\t2 \r\n", "3"},
                {"1e21", "1e+21"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void arithmetic(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w, (row[]){
                {"1 + 2 * 3", "7"},
                {"(1 + 2) * 3", "9"},
                {"7 - 2 - 1", "4"},
                {"8 / 4 / 2", "1"},
                {"7 % 4", "3"},
                {"-7 % 4", "-3"},
                {"-2 * -3", "6"},
                {"2 - -3", "5"},
                {"1 / 0", "nothing"},
                {"0 / 0", "nothing"},
                {"5 % 0", "nothing"},
                {"1e300 * 1e300", "nothing"},
                {"-1e308 - 1e308", "nothing"},
                {"'a' + 'b' + 'c'", "abc"},
                {"'' + ''", ""},
                {"1h + 30min", "1h30min"},
                {"1h - 90min", "-30min"},
                {"2 * 1h", "2h"},
                {"1h * 0.5", "30min"},
                {"1h / 4", "15min"},
                {"1h / 15min", "4"},
                {"1h / 0", "nothing"},
                {"1h / 0s", "nothing"},
                {"now + 1d", "2026-10-02T00:00:00Z"},
                {"1d + now", "2026-10-02T00:00:00Z"},
                {"now - 1s", "2026-09-30T23:59:59Z"},
                {"now - time('2026-09-30T12:00:00Z')", "12h"},
                {"9000 * 365d", "3285000d"},
                {"9000 * 365d * 3", "nothing"},
                {"now + 9000 * 365d", "nothing"},
                {"now - 9000 * 365d", "nothing"},
                {"-(1h)", "-1h"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void logic(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const char *const v[] = {"true", "false", "nothing"};
    set(&w, "true", yes(1)); /* as names: not folded */
    set(&w, "t", yes(1));
    set(&w, "f", yes(0));
    static const char *const names[] = {"t", "f", "n"}, *const words[] = {"true", "false", "null"};
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            for (int named = 0; named < 4; named++) {
                char source[64];
                const char *p = named & 1 ? names[a] : words[a], *q = named & 2 ? names[b] : words[b];
                int both = a == 1 || b == 1 ? 1 : a == 2 || b == 2 ? 2 : 0; /* and */
                int either = a == 0 || b == 0 ? 0 : a == 2 || b == 2 ? 2 : 1;
                snprintf(source, sizeof source, "%s and %s", p, q);
                IS(&w, source, v[both]);
                snprintf(source, sizeof source, "%s or %s", p, q);
                IS(&w, source, v[either]);
                snprintf(source, sizeof source, "%s ?? %s", p, q);
                IS(&w, source, v[a == 2 ? b : a]);
                if (a == 2 || b == 2) continue;
                snprintf(source, sizeof source, "%s == %s", p, q);
                IS(&w, source, v[a != b]);
            }
    all(&w, (row[]){
                {"not true", "false"},
                {"not f", "true"},
                {"not null", "nothing"},
                {"not n", "nothing"},
                {"not not t", "true"},
                {"not t == f", "true"},
                {"t or f and f", "true"},
                {"(t or f) and f", "false"},
                {"t ? 1 : 2", "1"},
                {"f ? 1 : 2", "2"},
                {"n ? 1 : 2", "nothing"},
                {"f ? 1 : f ? 2 : 3", "3"},
                {"t ? f ? 1 : 2 : 3", "2"},
                {"t ? null : 3", "nothing"},
                {"n ?? n ?? 3", "3"},
                {"null > 3", "nothing"},
                {"n + 1", "nothing"},
                {"1 < n", "nothing"},
                {"known(n)", "false"},
                {"known(null)", "false"},
                {"known(t)", "true"},
                {"known(1/0)", "false"},
                {"min(1, n)", "nothing"},
                {"abs(n)", "nothing"},
                {"n in ['a']", "nothing"},
                {"-n", "nothing"},
                {"text(n)", "nothing"},
                {"(n > 3) ?? false", "false"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void short_cuts(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "f", yes(0));
    set(&w, "broken", yes(1));
    IS(&w, "f and broken", "false"); /* not asked for */
    IS(&w, "not f or broken", "true");
    IS(&w, "f ? broken : true", "true");
    IS(&w, "f ?? broken", "false");
    jd_expr *x = compiled(&w, "broken or not f");
    jd_xval v = num(7);
    assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), -1);
    assert_string_equal(w.err.en, "the store is gone");
    assert_int_equal(v.type, JD_X_NUM); /* untouched */
    assert_int_equal(jd_expr_eval(x, &w.host, &v, NULL), -1);
    jd_expr_free(x);
    world_close(&w);
}

static void comparisons(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w, (row[]){
                {"1 < 2", "true"},
                {"2 <= 2", "true"},
                {"2 > 2", "false"},
                {"2 >= 2", "true"},
                {"2 == 2", "true"},
                {"2 != 2", "false"},
                {"'a' < 'b'", "true"},
                {"'a' < 'ab'", "true"},
                {"'B' < 'a'", "true"},
                {"1h == 60min", "true"},
                {"1h < 59min", "false"},
                {"now > time('2026-01-01T00:00:00Z')", "true"},
                {"true != false", "true"},
                {"1 in [1, 2]", "true"},
                {"3 in [1, 2]", "false"},
                {"'b' in ['a', 'b']", "true"},
                {"not 3 in [1, 2]", "true"},
                {"1 + 1 == 2 and 'x' != 'y'", "true"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void numbers(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w, (row[]){
                {"abs(-3)", "3"},
                {"round(2.5)", "3"},
                {"round(-2.5)", "-3"},
                {"round(2.4)", "2"},
                {"round(1.005, 2)", "1.01"},
                {"round(-1.005, 2)", "-1.01"},
                {"round(0.285, 2)", "0.29"},
                {"round(123456.789, 1)", "123456.8"},
                {"round(1234, -2)", "1200"},
                {"round(1250, -2)", "1300"},
                {"round(0.1, 20)", "0.1"},
                {"round(1e300, 5)", "1e+300"},
                {"round(1, 1000)", "nothing"},
                {"floor(-1.5)", "-2"},
                {"ceil(-1.5)", "-1"},
                {"ceil(1.2)", "2"},
                {"sqrt(9)", "3"},
                {"sqrt(-1)", "nothing"},
                {"ln(1)", "0"},
                {"ln(0)", "nothing"},
                {"log10(1000)", "3"},
                {"exp(0)", "1"},
                {"exp(1000)", "nothing"},
                {"pow(2, 10)", "1024"},
                {"pow(-1, 0.5)", "nothing"},
                {"min(3)", "3"},
                {"min(3, 1, 2)", "1"},
                {"max(3, 1, 2, 9, 1, 1, 1, 1, 1, 10)", "10"},
                {"clamp(5, 0, 3)", "3"},
                {"clamp(-5, 0, 3)", "0"},
                {"clamp(2, 0, 3)", "2"},
                {"clamp(2, 3, 0)", "nothing"},
                {"sign(-7)", "-1"},
                {"sign(0)", "0"},
                {"sign(0.1)", "1"},
                {"interpolate(50, [0, 35, 75], [0, 50, 100])", "68.75"},
                {"interpolate(0, [0, 35, 75], [0, 50, 100])", "0"},
                {"interpolate(35, [0, 35, 75], [0, 50, 100])", "50"},
                {"interpolate(75, [0, 35, 75], [0, 50, 100])", "100"},
                {"interpolate(75.1, [0, 35, 75], [0, 50, 100])", "nothing"},
                {"interpolate(-0.1, [0, 35, 75], [0, 50, 100])", "nothing"},
                {"step(10, [0, 10, 20], [1, 2, 3])", "2"},
                {"step(9.9, [0, 10, 20], [1, 2, 3])", "1"},
                {"step(1e9, [0, 10, 20], [1, 2, 3])", "3"},
                {"step(-1, [0, 10, 20], [1, 2, 3])", "nothing"},
                {"pick('b', ['a', 'b'], [1, 2])", "2"},
                {"pick('c', ['a', 'b'], [1, 2])", "nothing"},
                {"pick(2, [1, 2], ['one', 'two'])", "two"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void texts(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w, (row[]){
                {"lower('ÄBC Σ 镇')", "äbc σ 镇"},
                {"upper('äbcß')", "ÄBCß"},
                {"trim('  a b \\n')", "a b"},
                {"trim(' ')", ""},
                {"length('镇江a')", "3"},
                {"length('')", "0"},
                {"contains('abc', 'bc')", "true"},
                {"contains('abc', '')", "true"},
                {"contains('abc', 'x')", "false"},
                {"contains('', 'x')", "false"},
                {"startsWith('abc', 'ab')", "true"},
                {"startsWith('abc', 'b')", "false"},
                {"endsWith('abc', 'bc')", "true"},
                {"endsWith('abc', 'abcd')", "false"},
                {"text(1.50)", "1.5"},
                {"text(true)", "true"},
                {"text(90s)", "1min30s"},
                {"text('x')", "x"},
                {"text([1, 2])", "1, 2"},
                {"text(point(1, 2))", "1,2"},
                {"text(time('2026-10-01T08:00:00.5Z'))", "2026-10-01T08:00:00.500Z"},
                {"number('3.5')", "3.5"},
                {"number(' -1e3 ')", "-1000"},
                {"number('3.5 m')", "nothing"},
                {"number('')", "nothing"},
                {"number('0x10')", "nothing"},
                {"number('nan')", "nothing"},
                {"number('1e999')", "nothing"},
                {"number(7)", "7"},
                {"matches('abc', '^a.c$')", "true"},
                {"matches('abd', '^a.c$')", "false"},
                {"matches('苏L12345', '^苏[A-Z][0-9]{5}$')", "true"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void times(void **unused) {
    world w;
    (void)unused;
    world_open(&w); /* 2026-10-01T00:00:00Z is 8:00 of a Thursday in Shanghai */
    all(&w, (row[]){
                {"hour(now)", "8"},
                {"hour(now, 'UTC')", "0"},
                {"hour(now, '+05:30')", "5"},
                {"minute(now, '+05:30')", "30"},
                {"minute(now)", "0"},
                {"weekday(now)", "4"},
                {"weekday(now - 3d)", "1"},
                {"weekday(now + 3d)", "7"},
                {"day(now)", "1"},
                {"day(now, 'America/New_York')", "30"},
                {"month(now, 'America/New_York')", "9"},
                {"month(now)", "10"},
                {"year(time('2026-12-31T16:00:00Z'))", "2027"},
                {"year(time('1969-12-31T15:59:59Z'), 'UTC')", "1969"},
                {"weekday(time('1969-12-29T00:00:00Z'), 'UTC')", "1"},
                {"startOf(now + 25min, 'hour')", "2026-10-01T00:00:00Z"},
                {"startOf(now + 25min, 'hour', '+05:30')", "2026-09-30T23:30:00Z"},
                {"startOf(now, 'day')", "2026-09-30T16:00:00Z"},
                {"startOf(now, 'week')", "2026-09-27T16:00:00Z"},
                {"startOf(now, 'month')", "2026-09-30T16:00:00Z"},
                {"startOf(now, 'month', 'UTC')", "2026-10-01T00:00:00Z"},
                {"startOf(now, 'year')", "2025-12-31T16:00:00Z"},
                {"startOf(time('1969-05-05T05:05:05Z'), 'year', 'UTC')", "1969-01-01T00:00:00Z"},
                /* the hour that comes twice: each begins by itself */
                {"startOf(time('2026-10-25T00:30:00Z'), 'hour', 'Europe/Berlin')", "2026-10-25T00:00:00Z"},
                {"startOf(time('2026-10-25T01:30:00Z'), 'hour', 'Europe/Berlin')", "2026-10-25T01:00:00Z"},
                {"startOf(time('2026-10-25T12:00:00Z'), 'day', 'Europe/Berlin')", "2026-10-24T22:00:00Z"},
                /* a day without midnight: Shanghai set its clocks forward at 2 (1986), Sao Paulo at 0 (2018) */
                {"startOf(time('1986-05-04T10:00:00Z'), 'day')", "1986-05-03T16:00:00Z"},
                {"startOf(time('2018-11-04T10:00:00Z'), 'day', 'America/Sao_Paulo')", "2018-11-04T03:00:00Z"},
                {"hour(time('1986-07-01T00:00:00Z'))", "9"},
                {"seconds(90s)", "90"},
                {"hours(90min)", "1.5"},
                {NULL, NULL},
            });
    set(&w, "when", text("2026-10-01T08:00:00Z"));
    set(&w, "when2", text("yesterday"));
    IS(&w, "time(when)", "2026-10-01T08:00:00Z");
    IS(&w, "time(when2)", "nothing");
    w.names[slot(&w, "pm25")].age = w.host.now - 90000000;
    IS(&w, "age(pm25)", "1min30s");
    IS(&w, "age(absent)", "nothing");
    IS(&w, "age(pm25) > 1min", "true");
    world_close(&w);
}

static void places(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    all(&w,
        (row[]){
            {"round(distance(point(0, 0), point(0, 1)))", "111195"},
            {"distance(point(1, 1), point(1, 1))", "0"},
            {"distance(point(5, 5), area('urn:x:port'))", "0"},
            {"within(point(5, 5), area('urn:x:port'))", "true"},
            {"within(point(10, 5), area('urn:x:port'))", "false"}, /* the border is not within */
            {"intersects(point(10, 5), area('urn:x:port'))", "true"},
            {"within(point(5, 5), area('urn:x:none'))", "nothing"},
            {"lon(point(119.5, 32))", "119.5"},
            {"lat(point(119.5, 32))", "32"},
            {"lon(area('urn:x:port'))", "nothing"},
            {"text(area('urn:x:port'))", "Polygon"},
            {"within(geometry('{\"type\":\"LineString\",\"coordinates\":[[1,1],[2,2]]}'), area('urn:x:port'))", "true"},
            {"within(geometry('{\"type\":\"LineString\",\"coordinates\":[[1,1],[20,2]]}'), area('urn:x:port'))",
             "false"},
            {"intersects(geometry('{\"type\":\"LineString\",\"coordinates\":[[1,1],[20,2]]}'), area('urn:x:port'))",
             "true"},
            {"within(area('urn:x:port'), "
             "geometry('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}'))",
             "true"},
            {"within(point(1,1), geometry('{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\","
             "\"coordinates\":[1,1]},{\"type\":\"Point\",\"coordinates\":[2,2]}]}'))",
             "true"},
            {NULL, NULL},
        });
    set(&w, "x", num(500));
    set(&w, "y", num(5));
    IS(&w, "point(x, y)", "nothing");
    IS(&w, "point(y, y)", "5,5");
    IS(&w, "within(point(y, y), geometry('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]]]}'))",
       "true");
    world_close(&w);
}

/* Names whose type is not known before: a value of another type is nothing, wherever it stands. */
static void unknown_types(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "a", num(3));
    set(&w, "s", text("x"));
    set(&w, "b", yes(1));
    set(&w, "bad", num(NAN));
    static const double nums[] = {1, 2, 3}, unsorted[] = {2, 1, 3};
    static const jd_str strs[] = {{"x", 1}, {"y", 1}};
    set(&w, "nums", (jd_xval){.type = JD_X_NUMS, .n = 3, .nums = nums});
    set(&w, "mess", (jd_xval){.type = JD_X_NUMS, .n = 3, .nums = unsorted});
    set(&w, "tags", (jd_xval){.type = JD_X_TEXTS, .n = 2, .texts = strs});
    all(&w, (row[]){
                {"a", "3"},
                {"bad", "nothing"},
                {"a + 1", "4"},
                {"s + 1", "nothing"},
                {"s + 'y'", "xy"},
                {"a + a", "6"},
                {"a + s", "nothing"},
                {"s + s", "xx"},
                {"a * 2", "6"},
                {"a * 1h", "3h"},
                {"1h / a", "20min"},
                {"a == 3", "true"},
                {"s == 3", "nothing"},
                {"a == s", "nothing"},
                {"a == a", "true"},
                {"b == b", "true"},
                {"b < b", "nothing"},
                {"a and b", "nothing"},
                {"a ?? 7", "3"},
                {"s ?? 7", "7"},
                {"absent ?? 7", "7"},
                {"b ? a : s", "3"},
                {"abs(s)", "nothing"},
                {"upper(a)", "nothing"},
                {"s in tags", "true"},
                {"a in nums", "true"},
                {"4 in nums", "false"},
                {"'z' in tags", "false"},
                {"a in tags", "nothing"},
                {"s in s", "nothing"},
                {"pick(a, nums, nums)", "3"},
                {"pick(s, tags, nums)", "nothing"}, /* of two lengths */
                {"step(a, nums, nums)", "3"},
                {"step(a, mess, nums)", "nothing"},
                {"interpolate(2.5, nums, nums)", "2.5"},
                {"a - now", "nothing"},
                {"now - absent", "nothing"},
                {"text(a)", "3"},
                {"-s", "nothing"},
                {NULL, NULL},
            });
    world_close(&w);
}

static void names(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const char *const keys[] = {"pm25",
                                       "pm25.quality",
                                       "was pm25",
                                       "was pm25.quality",
                                       "`https://example.org/x`",
                                       "`https://example.org/x`.a.b",
                                       "refPark -> capacity",
                                       "refPark -> `x y`.z",
                                       "was refPark -> capacity",
                                       "细颗粒物",
                                       "`now`",
                                       "a.true",
                                       "was",
                                       "min",
                                       "was was.x"};
    static const char *const sources[] = {"pm25",
                                          "pm25 . quality",
                                          "was.pm25",
                                          "was.pm25.quality",
                                          "`https://example.org/x`",
                                          "`https://example.org/x`.a.b",
                                          "refPark->capacity",
                                          "refPark -> `x y`.z",
                                          "was.refPark->capacity",
                                          "细颗粒物",
                                          "`now`",
                                          "a.true",
                                          "was",
                                          "min",
                                          "was.was.x"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) set(&w, keys[i], num((double)i));
    uint32_t n = w.names_n;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%zu", i);
        IS(&w, sources[i], expected);
    }
    assert_int_equal(w.names_n, n); /* no other was asked for */
    jd_str rest = JD_STR("`https://e.org/x`.a.`b.c`"), part;
    int quoted;
    static const char *const parts[] = {"https://e.org/x", "a", "b.c"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jd_xname_part(&rest, &part, &quoted), 1);
        assert_true(jd_str_is(part, parts[i]));
        assert_int_equal(quoted, i != 1);
    }
    assert_int_equal(jd_xname_part(&rest, &part, &quoted), 0);
    world_close(&w);
}

static void known_types(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    w.names[slot(&w, "n")].type = JD_X_NUM;
    set(&w, "n", text("a model says number, a device sent this"));
    IS(&w, "n", "nothing");
    IS(&w, "n + 1", "nothing");
    REFUSED(&w, "n + 'x'", "line 1 column 3", "does not take a number and a text");
    REFUSED(&w, "n and true", "line 1 column 1", "a boolean is needed");
    world_close(&w);
}

static void about(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const struct {
        const char *source;
        int by_time;
        int64_t window;
        jd_xtype type;
    } t[] = {
        {"pm25", 0, 0, JD_X_ANY},
        {"pm25 + 1", 0, 0, JD_X_NUM},
        {"pm25 > 1", 0, 0, JD_X_BOOL},
        {"now", 1, 0, JD_X_TIME},
        {"age(pm25) > 1h", 1, 0, JD_X_BOOL},
        {"avg(pm25, 1h)", 1, 3600000000, JD_X_NUM},
        {"avg(pm25, 1h, 24h) + avg(pm25, 2h)", 1, 90000000000, JD_X_NUM},
        {"held(pm25, 1h)", 1, 3600000000, JD_X_DURATION},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        jd_expr *x = compiled(&w, t[i].source);
        assert_int_equal(jd_expr_goes_by_time(x), t[i].by_time);
        assert_int_equal(jd_expr_window(x), t[i].window);
        assert_int_equal(jd_expr_type(x), t[i].type);
        assert_true(jd_str_is(jd_expr_text(x), t[i].source));
        jd_expr_free(x);
    }
    jd_expr *x;
    assert_int_equal(jd_expr_compile(JD_STR("pm25"), &w.resolver, JD_X_BOOL, NULL, &x, &w.err), 0);
    jd_xval v;
    set(&w, "pm25", num(1));
    assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), 0);
    assert_int_equal(v.type, JD_X_NULL); /* it was wanted as a boolean */
    jd_expr_free(x);
    assert_string_equal(jd_xtype_name(JD_X_NUM, 0), "number");
    assert_string_equal(jd_xtype_name(JD_X_NUM, 1), "数值");
    jd_expr_free(NULL);
    world_close(&w);
}

/* A host without callbacks: everything that it would be asked is nothing. */
static void bare_host(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    w.host = (jd_xhost){.arena = &w.arena};
    IS(&w, "pm25", "nothing");
    IS(&w, "age(pm25)", "nothing");
    IS(&w, "area('x')", "nothing");
    IS(&w, "avg(pm25, 1h)", "nothing");
    IS(&w, "count(pm25, 1h)", "0");
    IS(&w, "missing(pm25, 1h)", "true");
    world_close(&w);
}

/* A value that is evaluated a thousand times: the arena alone grows, and only by what it makes. */
static void memory(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "pm25", num(80));
    set(&w, "name", text("one"));
    jd_expr *x = compiled(&w, "pm25 > 75 and matches(name, '^o.e$') and hour(now) == 8 and pm25 * 2 + 1 < 200");
    jd_arena_mark before = jd_arena_tell(&w.arena);
    for (int i = 0; i < 1000; i++) {
        jd_xval v;
        assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), 0);
        assert_true(v.type == JD_X_BOOL && v.yes);
    }
    jd_arena_mark after = jd_arena_tell(&w.arena);
    assert_ptr_equal(before.at, after.at);
    jd_expr_free(x);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals),      cmocka_unit_test(arithmetic),  cmocka_unit_test(logic),
        cmocka_unit_test(short_cuts),    cmocka_unit_test(comparisons), cmocka_unit_test(numbers),
        cmocka_unit_test(texts),         cmocka_unit_test(times),       cmocka_unit_test(places),
        cmocka_unit_test(unknown_types), cmocka_unit_test(names),       cmocka_unit_test(known_types),
        cmocka_unit_test(about),         cmocka_unit_test(bare_host),   cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
