/* What stands in the tree, and what is asked of it: members, equality, numbers. */
#include "json_test.h"

#include <math.h>

static void test_tree_holds_what_was_written(void **state) {
    (void)state;
    parsed d;
    const jd_jval *v = parse_good(&d, "{\"id\":\"urn:ngsi-ld:Pump:1\",\"n\":-1.50e+2,\"on\":true,\"off\":false,"
                                      "\"none\":null,\"list\":[1,[2,3],{}],\"空\":[]}");
    assert_int_equal(v->type, JD_JOBJ);
    assert_int_equal(v->n, 7);
    static const char *const order[] = {"id", "n", "on", "off", "none", "list", "空"};
    for (uint32_t i = 0; i < 7; i++) assert_str(v->members[i].name, jd_str_of(order[i]));

    assert_true(jd_jis(jd_jget(v, "id"), "urn:ngsi-ld:Pump:1"));
    assert_false(jd_jis(jd_jget(v, "id"), "urn:ngsi-ld:Pump:2"));
    assert_int_equal(jd_jget(v, "n")->type, JD_JNUM);
    assert_str(jd_jstr(jd_jget(v, "n")), JD_STR("-1.50e+2"));
    assert_false(jd_jis(jd_jget(v, "n"), "-1.50e+2"));
    assert_int_equal(jd_jget(v, "on")->type, JD_JTRUE);
    assert_int_equal(jd_jget(v, "off")->type, JD_JFALSE);
    assert_int_equal(jd_jget(v, "none")->type, JD_JNULL);
    const jd_jval *list = jd_jget(v, "list");
    assert_int_equal(list->type, JD_JARR);
    assert_int_equal(list->n, 3);
    assert_int_equal(list->items[1].n, 2);
    assert_str(jd_jstr(&list->items[1].items[1]), JD_STR("3"));
    assert_int_equal(list->items[2].type, JD_JOBJ);
    assert_int_equal(list->items[2].n, 0);
    assert_int_equal(jd_jget(v, "空")->n, 0);

    assert_null(jd_jget(v, "Id"));
    assert_null(jd_jget(v, "i"));
    assert_null(jd_jget(v, "id2"));
    assert_null(jd_jget(list, "id"));
    assert_ptr_equal(jd_jget_str(v, (jd_str){"idle", 2}), jd_jget(v, "id"));
    parse_end(&d);
}

/* Strings and numbers without escapes are parts of the input, not copies. */
static void test_plain_text_is_not_copied(void **state) {
    (void)state;
    parsed d;
    const jd_jval *v = parse_good(&d, "{\"name\":[\"plain\",\"esc\\taped\",12]}");
    const jd_jval *items = v->members[0].val.items;
    assert_ptr_equal(v->members[0].name.p, d.text + 2);
    assert_ptr_equal(items[0].s, d.text + 10);
    assert_ptr_equal(items[2].s, d.text + 29);
    assert_true(items[1].s < d.text || items[1].s > d.text + 32);
    parse_end(&d);
}

static void test_escapes_are_decoded(void **state) {
    (void)state;
    static const struct {
        const char *text;
        jd_str want;
    } rows[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"\\u0000\"", {"\0", 1}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", {"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11}},
        {"\"\\ud800\\udc00\\udbff\\udfff\"", {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8}},
        {"\"\\u6d25\\u6E21 \\ud83d\\ude00\"", {"津渡 \xf0\x9f\x98\x80", 11}},
        {"\"long plain text before \\u0041 and long plain text behind\"",
         {"long plain text before A and long plain text behind", 51}},
        {"\"\\\\u0041\"", {"\\u0041", 6}},
        {"\"津\\n渡\"", {"津\n渡", 7}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed d;
        assert_str(jd_jstr(parse_good(&d, rows[i].text)), rows[i].want);
        parse_end(&d);
    }
    parsed d;
    const jd_jval *v = parse_good(&d, "{\"\\u540d\\n\":1}");
    assert_str(v->members[0].name, JD_STR("名\n"));
    assert_non_null(jd_jget(v, "名\n"));
    parse_end(&d);
}

/* Every code point outside the surrogates, escaped and as it is, is the same string. */
static void test_every_code_point(void **state) {
    (void)state;
    for (unsigned c = 0x20; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 7) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        char text[32];
        if (c < 0x10000)
            snprintf(text, sizeof text, "\"\\u%04x\"", c);
        else
            snprintf(text, sizeof text, "\"\\u%04X\\u%04X\"", 0xD7C0 + (c >> 10), 0xDC00 + (c & 0x3FF));
        parsed d, raw;
        const jd_jval *v = parse_good(&d, text);
        jd_buf b = {0};
        jd_json_write(&b, v);
        parse_begin(&raw, jd_buf_view(&b), NULL);
        assert_int_equal(raw.rc, 0);
        assert_true(jd_jequal(v, &raw.v));
        assert_int_equal(v->n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        parse_end(&raw);
        jd_buf_fini(&b);
        parse_end(&d);
    }
}

static void test_equal(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        int same;
    } rows[] = {
        {"null", "null", 1},
        {"true", "true", 1},
        {"true", "false", 0},
        {"null", "false", 0},
        {"0", "\"0\"", 0},
        {"1", "1.0", 1},
        {"100", "1e2", 1},
        {"0", "-0", 1},
        {"0.1", "0.10000000000000000000000000000001", 1},
        {"1", "2", 0},
        {"1e400", "1e400", 1},
        {"1e400", "1e401", 0}, /* neither is a finite double, the texts differ */
        {"1e400", "1E400", 0},
        {"\"a\"", "\"\\u0061\"", 1},
        {"\"a\"", "\"A\"", 0},
        {"\"\"", "\"\"", 1},
        {"\"a\"", "\"a\\u0000\"", 0},
        {"[]", "[]", 1},
        {"[]", "{}", 0},
        {"[1,2]", "[1,2]", 1},
        {"[1,2]", "[2,1]", 0},
        {"[1,2]", "[1]", 0},
        {"[1]", "[1,2]", 0},
        {"{}", "{}", 1},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", 1},
        {"{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", 0},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", 0},
        {"{\"a\":1,\"c\":2}", "{\"a\":1,\"b\":2}", 0},
        {"{\"a\":null}", "{\"b\":null}", 0},
        {"{\"a\":[{\"b\":1.0}]}", "{\"a\":[{\"b\":1}]}", 1},
        {"{\"a\":[{\"b\":1.0}]}", "{\"a\":[{\"b\":1.5}]}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed a, b;
        parse_good(&a, rows[i].a);
        parse_good(&b, rows[i].b);
        if (jd_jequal(&a.v, &b.v) != rows[i].same) print_error("%s and %s\n", rows[i].a, rows[i].b);
        assert_int_equal(jd_jequal(&a.v, &b.v), rows[i].same);
        assert_int_equal(jd_jequal(&b.v, &a.v), rows[i].same);
        assert_true(jd_jequal(&a.v, &a.v));
        parse_end(&b);
        parse_end(&a);
    }
}

/* Objects on both sides of the size where an index takes over, with members in reverse. */
static void test_equal_large_objects(void **state) {
    (void)state;
    static const unsigned sizes[] = {2, 31, 32, 33, 34, 1000, 20000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        unsigned n = sizes[k];
        jd_buf up = {0}, down = {0}, other = {0};
        for (unsigned i = 0; i < n; i++) {
            jd_buf_printf(&up, "%c\"name%u\":%u", i ? ',' : '{', i, i);
            jd_buf_printf(&down, "%c\"name%u\":%u", i ? ',' : '{', n - 1 - i, n - 1 - i);
            jd_buf_printf(&other, "%c\"name%u\":%u", i ? ',' : '{', n - 1 - i, i == n - 1 ? 7777777 : n - 1 - i);
        }
        jd_buf_c(&up, '}');
        jd_buf_c(&down, '}');
        jd_buf_c(&other, '}');
        parsed a, b, c;
        parse_begin(&a, jd_buf_view(&up), NULL);
        parse_begin(&b, jd_buf_view(&down), NULL);
        parse_begin(&c, jd_buf_view(&other), NULL);
        assert_int_equal(a.rc | b.rc | c.rc, 0);
        assert_int_equal(a.v.n, n);
        assert_true(jd_jequal(&a.v, &b.v));
        assert_true(jd_jequal(&b.v, &a.v));
        assert_false(jd_jequal(&a.v, &c.v));
        parse_end(&a);
        parse_end(&b);
        parse_end(&c);
        jd_buf_fini(&up);
        jd_buf_fini(&down);
        jd_buf_fini(&other);
    }
}

static double num(const char *text) {
    jd_jval v = {.type = JD_JNUM, .n = (uint32_t)strlen(text), .s = text};
    return jd_jnum(&v);
}

static void assert_double(const char *text, double want) {
    double got = num(text);
    if (memcmp(&got, &want, sizeof got)) print_error("%s: got %.17g, want %.17g\n", text, got, want);
    assert_memory_equal(&got, &want, sizeof got);
}

static void test_numbers(void **state) {
    (void)state;
    assert_double("0", 0.0);
    assert_double("-0", -0.0);
    assert_double("-0.0", -0.0);
    assert_double("1", 1.0);
    assert_double("-17", -17.0);
    assert_double("116.397128", 116.397128);
    assert_double("39.90872", 39.90872);
    assert_double("0.1", 0.1);
    assert_double("0.000000000000000001", 1e-18);
    assert_double("1e5", 1e5);
    assert_double("1E+2", 100);
    assert_double("123.456e-7", 123.456e-7);
    assert_double("9007199254740992", 9007199254740992.0);
    assert_double("9007199254740993", 9007199254740992.0); /* a tie goes to even */
    assert_double("9007199254740995", 9007199254740996.0);
    assert_double("9007199254740993.00000000000000000000000000000001", 9007199254740994.0);
    assert_double("9999999999999999999", 1e19);
    assert_double("99999999999999999999", 1e20);
    assert_double("5e-324", 5e-324);
    assert_double("2.4703282292062327e-324", 0.0);
    assert_double("2.2250738585072011e-308", 2.2250738585072011e-308);
    assert_double("1.7976931348623157e308", 1.7976931348623157e308);
    assert_double("1e400", (double)INFINITY);
    assert_double("-1e400", -(double)INFINITY);
    assert_double("1e-400", 0.0);
    /* halfway between two doubles, and just below */
    assert_double("0.3000000000000000166533453693773481063544750213623046875", 0.30000000000000004);
    assert_double("0.3000000000000000166533453693773481063544750213623046874", 0.3);

    char many[2000]; /* one, and so many zeros that no fixed buffer holds it */
    memset(many, '0', sizeof many);
    many[1] = '.';
    many[sizeof many - 1] = 0;
    many[0] = '1';
    assert_double(many, 1.0);
}

/* Decimal texts of many lengths, against the C library. */
static void test_numbers_as_the_library_reads_them(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 100000; i++) {
        char text[64];
        uint64_t whole = ((uint64_t)next_random(&seed) << 31 | next_random(&seed)) >> next_random(&seed) % 62;
        int places = (int)(next_random(&seed) % 18);
        int at = snprintf(text, sizeof text, "%s%lu", next_random(&seed) & 1 ? "-" : "", (unsigned long)whole);
        if (places) at += snprintf(text + at, sizeof text - (size_t)at, ".%0*u", places, next_random(&seed) % 1000);
        if (next_random(&seed) % 8 == 0) snprintf(text + at, sizeof text - (size_t)at, "e%d", (int)(seed >> 40) % 330);
        assert_double(text, strtod(text, NULL));
    }
}

static void test_constructors(void **state) {
    (void)state;
    jd_jval items[3] = {jd_jmake_str(JD_STR("津渡")), jd_jmake_bool(1), jd_jmake_null()};
    jd_jmember members[2] = {{JD_STR("list"), {.type = JD_JARR, .n = 3, .items = items}},
                             {JD_STR("off"), jd_jmake_bool(0)}};
    jd_jval tree = {.type = JD_JOBJ, .n = 2, .members = members};
    parsed d;
    assert_true(jd_jequal(&tree, parse_good(&d, "{\"off\":false,\"list\":[\"津渡\",true,null]}")));
    assert_true(jd_jis(&items[0], "津渡"));
    parse_end(&d);
}

/* A number that never was a text is written, read and compared as the text that it stands for. */
static void test_numbers_without_text(void **state) {
    (void)state;
    static const struct {
        int64_t dec;
        unsigned scale;
        const char *text;
    } known[] = {{0, 0, "0"},
                 {0, 2, "0.00"},
                 {5, 2, "0.05"},
                 {-5, 1, "-0.5"},
                 {1250, 2, "12.50"},
                 {-3, 0, "-3"},
                 {INT64_MAX, 0, "9223372036854775807"},
                 {INT64_MIN, 17, "-92.23372036854775808"},
                 {9007199254740993, 1, "900719925474099.3"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        parsed d;
        jd_buf b = {0};
        jd_jval made = jd_jmake_dec(known[i].dec, known[i].scale);
        const jd_jval *read = parse_good(&d, known[i].text);
        jd_json_write(&b, &made);
        assert_str(jd_buf_view(&b), jd_str_of(known[i].text));
        assert_true(jd_jnum(&made) >= jd_jnum(read) && jd_jnum(&made) <= jd_jnum(read));
        assert_true(jd_jequal(&made, read) && jd_jequal(read, &made) && jd_jequal(&made, &made));
        jd_jval other = jd_jmake_dec(known[i].dec / 2 + 7, known[i].scale), word = jd_jmake_str(JD_STR("0"));
        assert_false(jd_jequal(&made, &other) || jd_jequal(&other, read) || jd_jequal(&made, &word));
        jd_buf_fini(&b);
        parse_end(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_holds_what_was_written),
        cmocka_unit_test(test_plain_text_is_not_copied),
        cmocka_unit_test(test_escapes_are_decoded),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_equal_large_objects),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_as_the_library_reads_them),
        cmocka_unit_test(test_constructors),
        cmocka_unit_test(test_numbers_without_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
