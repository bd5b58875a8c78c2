/* Trees as text: compact, only what must be escaped is, numbers as written. */
#include "json_test.h"

static void test_printed_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {" null ", "null"},
        {"[ true , false ]", "[true,false]"},
        {" { } ", "{}"},
        {"[ ]", "[]"},
        {"{ \"b\" : 1 , \"a\" : [ 1 , { } ] }", "{\"b\":1,\"a\":[1,{}]}"},
        {"[1.0, 1e+02, -0, 0.10, 1E5]", "[1.0,1e+02,-0,0.10,1E5]"},
        {"\"\\u0041\\/\"", "\"A/\""},
        {"\"\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"\"\\u0000\\u001F\\u007f\"", "\"\\u0000\\u001f\x7f\""},
        {"\"\\u6d25\\u6e21\\ud83d\\ude00\"", "\"津渡\xF0\x9F\x98\x80\""},
        {"\"\\u2028<>&'\"", "\"\xE2\x80\xA8<>&'\""},
        {"{\"\\n\":\"\"}", "{\"\\n\":\"\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        parsed d;
        jd_buf b = {0};
        jd_json_write(&b, parse_good(&d, rows[i].text));
        assert_str(jd_buf_view(&b), jd_str_of(rows[i].printed));
        jd_buf_fini(&b);
        parse_end(&d);
    }
}

static void test_writes_append(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_jval yes = jd_jmake_bool(1);
    jd_buf_c(&b, '{');
    jd_json_write_key(&b, JD_STR("a\"b"));
    jd_json_write_str(&b, JD_STR("c\nd"));
    jd_buf_c(&b, ',');
    jd_json_write_key(&b, JD_STR(""));
    jd_json_write(&b, &yes);
    jd_buf_c(&b, '}');
    assert_str(jd_buf_view(&b), JD_STR("{\"a\\\"b\":\"c\\nd\",\"\":true}"));
    b.n = 0;
    jd_json_write_str(&b, (jd_str){NULL, 0});
    assert_str(jd_buf_view(&b), JD_STR("\"\""));
    jd_buf_fini(&b);
}

/* Every byte that may stand in a string, at every offset of a string of every length. */
static void test_escapes_anywhere(void **state) {
    (void)state;
    for (unsigned c = 0; c < 0x80; c++) {
        for (size_t n = 1; n < 70; n++) {
            size_t at = (n * 7 + c) % n;
            char *s = jd_xmalloc(n), want[8];
            memset(s, 'p', n);
            s[at] = (char)c;
            const char *two = strchr("\"\"\\\\\bb\ff\nn\rr\tt", (int)c);
            if (c == '"' || c == '\\' || (c < 0x20 && c && two))
                snprintf(want, sizeof want, "\\%c", two[1]);
            else if (c < 0x20)
                snprintf(want, sizeof want, "\\u%04x", c);
            else
                snprintf(want, sizeof want, "%c", (int)c);
            jd_buf b = {0}, slow = {0};
            jd_json_write_str(&b, (jd_str){s, n});
            jd_buf_printf(&slow, "\"%.*s%s%.*s\"", (int)at, s, want, (int)(n - at - 1), s + at + 1);
            assert_str(jd_buf_view(&b), jd_buf_view(&slow));
            jd_buf_fini(&b);
            jd_buf_fini(&slow);
            free(s);
        }
    }
}

/* Each kind of text meets the end of the buffer's memory at each of its bytes, and stays inside. */
static void test_buffer_ends_anywhere(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}",
        "[[],[],[],[],{},{},{},{},[[]],[{}],{\"\":[]},[],[],[],[],[],[],[],[],[],[],[]]",
        "[null,true,false,0,-1.5,12345678,123456789012345678901234567890,\"\",\"a\",\"four\",\"eight888\"]",
        "[\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\n\\n\\\"\\\"津渡\\u001f\"]",
        "[\"sixteen bytes 16\",\"more than sixteen bytes\",\"two times sixteen bytes, exactly\"]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        parsed d;
        const jd_jval *v = parse_good(&d, texts[i]);
        for (size_t before = 0; before < 300; before++) {
            jd_buf b = {.p = jd_xmalloc(300), .n = before, .cap = 300};
            memset(b.p, '.', before);
            jd_json_write(&b, v);
            assert_true(b.n <= b.cap);
            assert_str((jd_str){b.p + before, b.n - before}, jd_str_of(texts[i]));
            assert_true(before == 0 || b.p[before - 1] == '.');
            jd_buf_fini(&b);
        }
        parse_end(&d);
    }
}

/* A random value as text, with space and escapes strewn in. */
static void random_space(jd_buf *b, uint64_t *seed) {
    for (uint32_t n = next_random(seed) % 8; n > 5; n--) jd_buf_c(b, " \n\t\r"[next_random(seed) % 4]);
}

static void random_string(jd_buf *b, uint64_t *seed) {
    static const char *const parts[] = {"a",
                                        "temperature",
                                        "水位",
                                        "\\n",
                                        "\\\"",
                                        "\\\\",
                                        "\\u0000",
                                        "\\u6c34",
                                        "\\ud83d\\ude00",
                                        "\xF0\x9F\x98\x80",
                                        "é",
                                        "\\/",
                                        " ",
                                        "urn:ngsi-ld:Sensor:0001"};
    jd_buf_c(b, '"');
    for (uint32_t n = next_random(seed) % 7; n; n--)
        jd_buf_z(b, parts[next_random(seed) % (sizeof parts / sizeof *parts)]);
    jd_buf_c(b, '"');
}

static void random_value(jd_buf *b, uint64_t *seed, int depth) {
    random_space(b, seed);
    uint32_t kind = next_random(seed) % (depth < 6 ? 7 : 5), n = next_random(seed) % 6;
    if (depth && depth < 3 && next_random(seed) % 20 == 0) n += 40;
    switch (kind) {
    case 0: jd_buf_z(b, "null"); break;
    case 1: jd_buf_z(b, next_random(seed) & 1 ? "true" : "false"); break;
    case 2: jd_buf_printf(b, "%d.%u", (int)next_random(seed) - (1 << 30), next_random(seed)); break;
    case 3: jd_buf_printf(b, "-%ue%d", next_random(seed), (int)(next_random(seed) % 400) - 200); break;
    case 4: random_string(b, seed); break;
    case 5:
        jd_buf_c(b, '[');
        random_space(b, seed);
        for (uint32_t i = 0; i < n; i++) {
            if (i) jd_buf_c(b, ',');
            random_value(b, seed, depth + 1);
        }
        jd_buf_c(b, ']');
        break;
    default:
        jd_buf_c(b, '{');
        random_space(b, seed);
        for (uint32_t i = 0; i < n; i++) {
            if (i) jd_buf_c(b, ',');
            random_space(b, seed);
            jd_buf_printf(b, "\"%u\\t名%u\"", i, next_random(seed) % 100);
            random_space(b, seed);
            jd_buf_c(b, ':');
            random_value(b, seed, depth + 1);
        }
        jd_buf_c(b, '}');
    }
    random_space(b, seed);
}

static void test_random_trees_survive(void **state) {
    (void)state;
    uint64_t seed = 20240601;
    size_t bytes = 0;
    for (int i = 0; i < 3000; i++) {
        jd_buf text = {0}, once = {0}, twice = {0};
        random_value(&text, &seed, 0);
        bytes += text.n;
        parsed a, b;
        parse_begin(&a, jd_buf_view(&text), NULL);
        if (a.rc) print_error("%.*s\n%s\n", (int)text.n, text.p, a.err.en);
        assert_int_equal(a.rc, 0);
        jd_json_write(&once, &a.v);
        parse_begin(&b, jd_buf_view(&once), NULL);
        assert_int_equal(b.rc, 0);
        assert_true(jd_jequal(&a.v, &b.v));
        jd_json_write(&twice, &b.v);
        assert_str(jd_buf_view(&twice), jd_buf_view(&once));
        parse_end(&b);
        parse_end(&a);
        jd_buf_fini(&text);
        jd_buf_fini(&once);
        jd_buf_fini(&twice);
    }
    assert_true(bytes > 100000); /* the texts were not all trivial */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printed_text),         cmocka_unit_test(test_writes_append),
        cmocka_unit_test(test_escapes_anywhere),     cmocka_unit_test(test_buffer_ends_anywhere),
        cmocka_unit_test(test_random_trees_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
