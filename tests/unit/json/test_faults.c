/* Refusals say what and where, in both languages; limits hold exactly. */
#include "json_test.h"

static void test_places(void **state) {
    (void)state;
    static const struct {
        const char *text, *place, *en, *zh; /* en, zh: parts of the detail */
    } rows[] = {
        {"", "line 1 column 1", "the text ends here", "文本已经结束"},
        {"  ", "line 1 column 3", "a value was expected", "此处应为一个值"},
        {"[1,]", "line 1 column 4", "there is ']'", "却是 ']'"},
        {"[1 2]", "line 1 column 4", "',' or ']' was expected", "此处应为“,”或“]”"},
        {"{\"a\":1 x}", "line 1 column 8", "',' or '}' was expected, but there is 'x'", "却是 'x'"},
        {"{x", "line 1 column 2", "a member name in double quotes", "以双引号括起的成员名"},
        {"{\"a\" 1}", "line 1 column 6", "':' was expected", "此处应为“:”"},
        {"{\n  \"a\": 1,\n  \"b\": @\n}", "line 3 column 8", "byte offset 19", "字节偏移 19"},
        {"{\r\n\"a\":!", "line 2 column 5", "there is '!'", "却是 '!'"},
        {"[\"水文站\", 错]", "line 1 column 9", "there is '错'", "却是 '错'"},
        {"[\"\xF0\x9F\x98\x80\",]", "line 1 column 6", "byte offset 8", "字节偏移 8"},
        {"1 2", "line 1 column 3", "the end of the text was expected", "此处应为文本结尾"},
        {"[\x01]", "line 1 column 2", "there is U+0001", "却是 U+0001"},
        {"-x", "line 1 column 2", "a digit was expected", "此处应为数字"},
        {"[01]", "line 1 column 2", "must not begin with 0", "不得以 0 开头"},
        {"[1.x", "line 1 column 4", "after the decimal point", "小数点之后的数字"},
        {"[1ex", "line 1 column 4", "of the exponent", "指数的数字"},
        {"[\"a\tb\"]", "line 1 column 4", "control character", "控制字符必须转义"},
        {"[1, \"abc", "line 1 column 5", "no closing quote", "缺少结束的引号"},
        {"[\"a\\qb\"]", "line 1 column 5", "after a backslash", "反斜杠之后"},
        {"[\"a\\u12x4\"]", "line 1 column 4", "four hexadecimal digits", "四位十六进制数字"},
        {"[\"\\ud800\"]", "line 1 column 3", "half of a surrogate pair", "半个代理对"},
        {"[\"水\xE6\xB0\"]", "line 1 column 4", "not valid UTF-8", "不是有效的 UTF-8"},
        {"\xEF\xBB\xBF{}", "line 1 column 1", "byte order mark", "BOM"},
        {"{\"a\":1,\n \"b\":{\"c\":2,\"c\":3}}", "line 2 column 13", "member name \"c\" is repeated",
         "成员名 \"c\" 重复"},
        {"{\"名\":[1,{\"x\":\",\\\"\"},2], \"\\u540d\":3}", "line 1 column 25", "\"名\" is repeated",
         "成员名 \"名\" 重复"},
        {"{\"a\\n\":1, \"a\\n\":1}", "line 1 column 11", "\"a\\n\" is repeated", "成员名 \"a\\n\" 重复"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed d;
        parse_begin(&d, jd_str_of(rows[i].text), NULL);
        assert_int_equal(d.rc, -1);
        if (strcmp(d.err.place, rows[i].place) || !strstr(d.err.en, rows[i].en) || !strstr(d.err.zh, rows[i].zh))
            print_error("%s\n  %s\n  %s\n  %s\n", rows[i].text, d.err.place, d.err.en, d.err.zh);
        assert_string_equal(d.err.place, rows[i].place);
        assert_non_null(strstr(d.err.en, rows[i].en));
        assert_non_null(strstr(d.err.zh, rows[i].zh));
        assert_int_equal(d.err.code, JD_E_INVALID_REQUEST);
        parse_end(&d);
    }
}

/* "[[[...1...]]]" or the same with objects. */
static void nested(jd_buf *b, unsigned depth, int objects) {
    b->n = 0;
    for (unsigned i = 0; i < depth; i++) jd_buf_z(b, objects ? "{\"a\":" : "[");
    jd_buf_c(b, '1');
    for (unsigned i = 0; i < depth; i++) jd_buf_c(b, objects ? '}' : ']');
}

static void test_depth_limit(void **state) {
    (void)state;
    static const struct { uint32_t max, holds; } rows[] = {{0, 64}, {1, 1}, {5, 5}, {200, 200}, {20000, 20000}};
    jd_buf b = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int objects = 0; objects < 2; objects++) {
            jd_jlimits limits = {.depth_max = rows[i].max};
            parsed d;
            nested(&b, rows[i].holds, objects);
            parse_begin(&d, jd_buf_view(&b), &limits);
            assert_int_equal(d.rc, 0);
            parse_end(&d);
            nested(&b, rows[i].holds + 1, objects);
            parse_begin(&d, jd_buf_view(&b), &limits);
            assert_int_equal(d.rc, -1);
            char want[64];
            snprintf(want, sizeof want, "the limit is %u", rows[i].holds);
            assert_non_null(strstr(d.err.en, want));
            snprintf(want, sizeof want, "上限为 %u", rows[i].holds);
            assert_non_null(strstr(d.err.zh, want));
            snprintf(want, sizeof want, "line 1 column %u", rows[i].holds * (objects ? 5 : 1) + 1);
            assert_string_equal(d.err.place, want);
            parse_end(&d);
        }
    }
    parsed d;
    nested(&b, 65, 0);
    parse_begin(&d, jd_buf_view(&b), NULL); /* no limits given: the defaults */
    assert_int_equal(d.rc, -1);
    parse_end(&d);
    jd_buf_fini(&b);
    parse_good(&d, "[[],[],[[]],{}]"); /* depth, not count */
    parse_end(&d);
}

static void test_values_limit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t values;
    } rows[] = {{"1", 1}, {"[]", 1}, {"[1,2,3]", 4}, {"{\"a\":1,\"b\":[true,{}]}", 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed d;
        parse_begin(&d, jd_str_of(rows[i].text), &(jd_jlimits){.values_max = rows[i].values});
        assert_int_equal(d.rc, 0);
        parse_end(&d);
        if (rows[i].values == 1) continue;
        parse_begin(&d, jd_str_of(rows[i].text), &(jd_jlimits){.values_max = rows[i].values - 1});
        assert_int_equal(d.rc, -1);
        assert_non_null(strstr(d.err.en, "too many values; the limit is"));
        assert_non_null(strstr(d.err.zh, "值过多"));
        parse_end(&d);
    }
}

/* One name of n is repeated, at either end or in the middle: on both sides of the size where an index takes over. */
static void test_repeated_names(void **state) {
    (void)state;
    static const unsigned sizes[] = {2, 3, 31, 32, 33, 34, 100, 5000};
    jd_buf b = {0};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        unsigned n = sizes[k], pairs[][2] = {{0, 1}, {0, n - 1}, {n / 2, n - 1}, {n - 2, n - 1}, {0, n / 2}};
        for (size_t q = 0; q < sizeof pairs / sizeof *pairs; q++) {
            unsigned first = pairs[q][0], second = pairs[q][1];
            if (first >= second) continue;
            size_t at = 0;
            b.n = 0;
            for (unsigned i = 0; i < n; i++) {
                jd_buf_c(&b, i ? ',' : '{');
                if (i == second) at = b.n;
                jd_buf_printf(&b, "\"name%04u\":{\"a\":[%u,\"}\"]}", i == second ? first : i, i);
            }
            jd_buf_c(&b, '}');
            char want[64];
            parsed d;
            parse_begin(&d, jd_buf_view(&b), NULL);
            assert_int_equal(d.rc, -1);
            snprintf(want, sizeof want, "\"name%04u\" is repeated", first);
            assert_non_null(strstr(d.err.en, want));
            snprintf(want, sizeof want, "line 1 column %zu", at + 1);
            assert_string_equal(d.err.place, want);
            parse_end(&d);
        }
    }
    jd_buf_fini(&b);
}

/* A long name is shown in part, and the detail is whole UTF-8. */
static void test_repeated_long_name(void **state) {
    (void)state;
    for (unsigned lead = 0; lead < 4; lead++) {
        jd_buf b = {0};
        for (int twice = 0; twice < 2; twice++) {
            jd_buf_z(&b, twice ? ",\"" : "{\"");
            for (unsigned i = 0; i < lead; i++) jd_buf_c(&b, 'x');
            for (int i = 0; i < 1000; i++) jd_buf_z(&b, "水");
            jd_buf_z(&b, "\":1");
        }
        jd_buf_c(&b, '}');
        parsed d, shown;
        parse_begin(&d, jd_buf_view(&b), NULL);
        assert_int_equal(d.rc, -1);
        assert_non_null(strstr(d.err.en, "水"));
        assert_non_null(strstr(d.err.en, "is repeated (line 1, column"));
        jd_buf quoted = {0}; /* the parser itself is the judge of UTF-8 */
        jd_json_write_str(&quoted, jd_str_of(d.err.en));
        parse_begin(&shown, jd_buf_view(&quoted), NULL);
        assert_int_equal(shown.rc, 0);
        parse_end(&shown);
        parse_end(&d);
        jd_buf_fini(&quoted);
        jd_buf_fini(&b);
    }
}

/* A refused text leaves nothing in the arena, and what was there before is as it was. */
static void test_arena_after_refusal(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_jval kept, none;
    jd_err e;
    assert_int_equal(jd_json_parse(&a, JD_STR("[\"a\\tb\",{\"k\":[1,2,3]}]"), NULL, &kept, &e), 0);
    jd_arena_mark before = jd_arena_tell(&a);
    jd_buf b = {0};
    jd_buf_c(&b, '[');
    for (int i = 0; i < 20000; i++) jd_buf_z(&b, "[1,2,\"\\n\"],");
    jd_buf_c(&b, '@');
    assert_int_equal(jd_json_parse(&a, jd_buf_view(&b), NULL, &none, &e), -1);
    jd_arena_mark after = jd_arena_tell(&a);
    assert_ptr_equal(before.head, after.head);
    assert_ptr_equal(before.at, after.at);
    b.n = 0;
    jd_json_write(&b, &kept);
    assert_str(jd_buf_view(&b), JD_STR("[\"a\\tb\",{\"k\":[1,2,3]}]"));
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_values_limit),
        cmocka_unit_test(test_repeated_names),
        cmocka_unit_test(test_repeated_long_name),
        cmocka_unit_test(test_arena_after_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
