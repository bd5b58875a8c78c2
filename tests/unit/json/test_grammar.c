/* Which texts RFC 8259 lets in (y), which it keeps out (n), and what Jindu does where it leaves the choice (i). */
#include "json_test.h"

typedef struct row {
    const char *what;
    jd_str text;
} row;
/* clang-format off */
#define T(what, lit) {what, {lit, sizeof(lit) - 1}}
/* clang-format on */

static const row accepted[] = {
    T("null alone", "null"),
    T("true alone", "true"),
    T("false alone", "false"),
    T("a number alone", "42"),
    T("a negative number alone", "-0.1"),
    T("a string alone", "\"asd\""),
    T("an empty string alone", "\"\""),
    T("empty array", "[]"),
    T("empty object", "{}"),
    T("empty array with space inside", "[ \t\r\n]"),
    T("empty object with space inside", "{ \t\r\n}"),
    T("space of each kind around everything", " \t\r\n{ \"a\" \n:\r[ 1 ,\t2 ] , \"b\" : null } \n"),
    T("many line ends before and behind",
      "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n[1]\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
    T("several nulls", "[1,null,null,null,2]"),
    T("mixed kinds", "[null, 1, \"1\", {}, [], true, false]"),
    T("nested arrays", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"),
    T("nested empty containers", "{\"a\":{},\"b\":[],\"c\":[{}],\"d\":{\"e\":{\"f\":[]}}}"),
    T("zero", "[0]"),
    T("minus zero", "[-0]"),
    T("minus zero with fraction", "[-0.0]"),
    T("integer", "[123]"),
    T("real", "[123.456789]"),
    T("fraction of zero", "[0.000001]"),
    T("exponent", "[1e5]"),
    T("capital exponent", "[1E22]"),
    T("signed exponents", "[1e+2, 1E-2, 0e+1, 0E-0]"),
    T("fraction and exponent", "[123.456e78]"),
    T("zero with exponent", "[0e1]"),
    T("exponent with leading zeros", "[1e0005]"),
    T("space after a number", "[4 ]"),
    T("every short escape", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    T("escaped letter", "[\"\\u0041\"]"),
    T("hexadecimal digits of either case", "[\"\\uaBcD\\uAbCd\"]"),
    T("escaped NUL is kept", "[\"\\u0000\"]"),
    T("escaped controls", "[\"\\u0012\\u001f\"]"),
    T("escaped surrogate pair", "[\"\\uD801\\udc37\"]"),
    T("two surrogate pairs", "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    T("last code point, escaped", "[\"\\uDBFF\\uDFFF\"]"),
    T("noncharacters, escaped", "[\"\\uFFFF\\uFDD0\\uD83F\\uDFFE\"]"),
    T("byte order mark inside a string", "[\"\xEF\xBB\xBF\"]"),
    T("escaped byte order mark", "[\"\\uFEFF\"]"),
    T("backslash before u, escaped", "[\"\\\\u0000\"]"),
    T("backslashes in a row", "[\"\\\\\\\\\\\\\"]"),
    T("backslash before the closing quote, escaped", "[\"a\\\\\"]"),
    T("quote escaped at the end", "[\"a\\\"\"]"),
    T("comment inside a string", "[\"a/*b*/c/*d//e\"]"),
    T("DEL is no control character of JSON", "[\"a\x7F\"]"),
    T("line separators U+2028 and U+2029", "[\"\xE2\x80\xA8\xE2\x80\xA9\"]"),
    T("two, three and four bytes of UTF-8", "[\"\xC2\x80 \xE4\xB8\xAD \xF0\x9F\x98\x80\"]"),
    T("first and last of each length of UTF-8",
      "[\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"]"),
    T("Chinese names and values", "{\"名称\":{\"type\":\"Property\",\"value\":\"津渡水文站\"}}"),
    T("empty member name", "{\"\":0}"),
    T("member name with NUL", "{\"a\\u0000b\":1,\"a\":2}"),
    T("names that differ in case", "{\"a\":1,\"A\":2}"),
    T("names of one length", "{\"ab\":1,\"ba\":2,\"bb\":3,\"aa\":4}"),
    T("the same name at different levels", "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}"),
    T("composed and decomposed are different names", "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}"),
    T("very large and very small numbers stay text", "[1e400, -1e-400, 123456789012345678901234567890]"),
};

static const row refused[] = {
    T("nothing", ""),
    T("only space", " \n\t\r "),
    T("array not closed", "[1"),
    T("array opened only", "["),
    T("array closed twice", "[1]]"),
    T("array closed by a brace", "[1}"),
    T("object closed by a bracket", "{\"a\":1]"),
    T("closing bracket alone", "]"),
    T("closing brace alone", "}"),
    T("comma alone", "[,]"),
    T("comma first", "[,1]"),
    T("comma last", "[1,]"),
    T("two commas", "[1,,2]"),
    T("two commas last", "[1,,]"),
    T("no comma", "[1 2]"),
    T("no comma between containers", "[3[4]]"),
    T("colon for comma", "[\"\": 1]"),
    T("semicolon for comma", "[1;2]"),
    T("text behind the value", "[1]x"),
    T("second value", "[][]"),
    T("second number", "1 2"),
    T("comment behind the value", "{\"a\":\"b\"}/**/"),
    T("line comment", "{\"a\":\"b\"}//"),
    T("hash comment", "{\"a\":\"b\"}#"),
    T("comment inside", "[1,/*x*/2]"),
    T("object opened only", "{"),
    T("object not closed", "{\"a\":1"),
    T("object ends after the name", "{\"a\""),
    T("object ends after the colon", "{\"a\":"),
    T("object ends after the comma", "{\"a\":1,"),
    T("object comma last", "{\"a\":1,}"),
    T("object comma first", "{,\"a\":1}"),
    T("object two commas", "{\"a\":1,,\"b\":2}"),
    T("no comma between members", "{\"a\":1 \"b\":2}"),
    T("no colon", "{\"a\" 1}"),
    T("two colons", "{\"a\"::1}"),
    T("comma for colon", "{\"a\",1}"),
    T("no value", "{\"a\":}"),
    T("name without quotes", "{a:1}"),
    T("name in single quotes", "{'a':1}"),
    T("number as name", "{1:1}"),
    T("null as name", "{null:null}"),
    T("array as name", "{[]:1}"),
    T("value alone in an object", "{\"a\"}"),
    T("repeated name", "{\"a\":1,\"a\":2}"),
    T("repeated name, one escaped", "{\"a\":1,\"\\u0061\":1}"),
    T("repeated empty name", "{\"\":1,\"\":1}"),
    T("words cut short", "[nul]"),
    T("word cut by the end", "tru"),
    T("word cut by the end (false)", "fals"),
    T("word with a tail", "[nullx]"),
    T("word in capitals", "[TRUE]"),
    T("NaN", "[NaN]"),
    T("minus NaN", "[-NaN]"),
    T("Infinity", "[Infinity]"),
    T("minus Infinity", "[-Infinity]"),
    T("undefined", "undefined"),
    T("minus alone", "[-]"),
    T("minus alone at the end", "-"),
    T("minus and space", "[- 1]"),
    T("two minus", "[--1]"),
    T("plus", "[+1]"),
    T("leading zero", "[012]"),
    T("leading zeros", "[00]"),
    T("minus and leading zero", "[-01]"),
    T("point first", "[.5]"),
    T("minus and point first", "[-.5]"),
    T("point last", "[1.]"),
    T("minus, point last", "[-2.]"),
    T("point before exponent", "[1.e1]"),
    T("two points", "[1.2.3]"),
    T("exponent without digits", "[1e]"),
    T("exponent sign only", "[1e+]"),
    T("exponent with a fraction", "[1e1.5]"),
    T("exponent twice", "[1e1e1]"),
    T("exponent signs in a row", "[1e+-2]"),
    T("exponent first", "[e5]"),
    T("hexadecimal", "[0x1F]"),
    T("hexadecimal digit behind", "[1a]"),
    T("underscore", "[1_000]"),
    T("space inside a number", "[1 000]"),
    T("full-width digit", "[\xEF\xBC\x91]"),
    T("comma for point", "[1,5,]"),
    T("string not closed", "[\"a]"),
    T("quote alone", "\""),
    T("string closed by an apostrophe", "[\"a']"),
    T("string in single quotes", "['a']"),
    T("backslash at the end", "\"\\"),
    T("escaped closing quote", "[\"\\\"]"),
    T("unknown escape", "[\"\\x41\"]"),
    T("escaped apostrophe", "[\"\\'\"]"),
    T("escaped capital U", "[\"\\U0041\"]"),
    T("escaped zero", "[\"\\0\"]"),
    T("escaped line end", "[\"\\\n\"]"),
    T("escaped Chinese", "[\"\\中\"]"),
    T("backslash outside a string", "[\\n]"),
    T("u without digits", "[\"\\u\"]"),
    T("u with one digit", "[\"\\u1\"]"),
    T("u with three digits", "[\"\\u123\"]"),
    T("u with a bad digit", "[\"\\u12g4\"]"),
    T("u with a sign", "[\"\\u+123\"]"),
    T("u with a space", "[\"\\u 123\"]"),
    T("u cut by the end", "\"\\u00"),
    T("high surrogate alone", "[\"\\ud800\"]"),
    T("high surrogate and text", "[\"\\ud800abcdef\"]"),
    T("high surrogate and another escape", "[\"\\ud800\\n\"]"),
    T("high surrogate and a letter", "[\"\\ud800\\u0041\"]"),
    T("two high surrogates", "[\"\\ud800\\ud800\\udc00\"]"),
    T("low surrogate alone", "[\"\\udc00\"]"),
    T("surrogates the wrong way round", "[\"\\udc00\\ud800\"]"),
    T("surrogate pair cut short", "[\"\\ud83d\\ude\"]"),
    T("surrogate pair with a bad digit", "[\"\\ud83d\\ude0g\"]"),
    T("line end inside a string", "[\"a\nb\"]"),
    T("tab inside a string", "[\"\t\"]"),
    T("NUL inside a string", "[\"a\0b\"]"),
    T("U+001F inside a string", "[\"\x1f\"]"),
    T("control behind an escape", "[\"\\n\x01\"]"),
    T("NUL behind the value", "[1]\0"),
    T("NUL first", "\0[1]"),
    T("form feed is no space", "[\f1]"),
    T("vertical tab is no space", "[\v1]"),
    T("no-break space is no space", "[\xC2\xA0"
                                    "1]"),
    T("U+2060 before the value", "\xE2\x81\xA0[]"),
    T("byte order mark first", "\xEF\xBB\xBF{}"),
    T("byte order mark alone", "\xEF\xBB\xBF"),
    T("UTF-16", "\xFF\xFE[\0]\0"),
    T("byte 0xFF", "[\"\xFF\"]"),
    T("continuation byte alone", "[\"\x81\"]"),
    T("Latin-1 letter", "[\"\xE9\"]"),
    T("GBK text", "[\"\xD6\xD0\xCE\xC4\"]"),
    T("overlong slash of two bytes", "[\"\xC0\xAF\"]"),
    T("overlong slash of three bytes", "[\"\xE0\x80\xAF\"]"),
    T("overlong NUL of four bytes", "[\"\xF0\x80\x80\x80\"]"),
    T("surrogate as UTF-8", "[\"\xED\xA0\x80\"]"),
    T("surrogate pair as UTF-8", "[\"\xED\xA0\xBD\xED\xB8\x80\"]"),
    T("above U+10FFFF", "[\"\xF4\x90\x80\x80\"]"),
    T("five bytes", "[\"\xF8\x88\x80\x80\x80\"]"),
    T("character cut by the quote", "[\"\xE4\xB8\"]"),
    T("character cut by the end", "\"\xE4\xB8"),
    T("bad UTF-8 outside a string", "[\xE9]"),
    T("text outside a string", "[中文]"),
    T("ampersand", "&"),
    T("angle bracket", "<.>"),
    T("star", "[*]"),
    T("capital word", "Null"),
    T("deep without an end", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
    T("objects without an end", "{\"a\":{\"a\":{\"a\":{\"a\":"),
};

/* What is let in is also the same after printing. */
static void test_accepted(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        parsed d;
        parse_begin(&d, accepted[i].text, NULL);
        if (d.rc) print_error("%s: refused: %s\n", accepted[i].what, d.err.en);
        assert_int_equal(d.rc, 0);

        jd_buf b = {0};
        jd_json_write(&b, &d.v);
        parsed again;
        parse_begin(&again, jd_buf_view(&b), NULL);
        int same = again.rc == 0 && jd_jequal(&d.v, &again.v);
        if (!same) print_error("%s: printed as %.*s\n", accepted[i].what, (int)b.n, b.p);
        assert_true(same);
        parse_end(&again);
        jd_buf_fini(&b);
        parse_end(&d);
    }
}

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        parsed d;
        parse_begin(&d, refused[i].text, NULL);
        if (!d.rc) print_error("%s: accepted\n", refused[i].what);
        assert_int_equal(d.rc, -1);
        assert_int_equal(d.err.code, JD_E_INVALID_REQUEST);
        assert_true(strncmp(d.err.place, "line ", 5) == 0);
        assert_true(d.err.en[0] && d.err.zh[0]);
        assert_int_equal(d.v.type, 0); /* untouched */
        assert_int_equal(d.v.n, 0);
        parse_end(&d);
    }
}

/* Each accepted array or object, cut anywhere inside, is refused. */
static void test_every_cut_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        jd_str whole = accepted[i].text;
        while (whole.n && strchr(" \t\r\n", whole.p[whole.n - 1])) whole.n--;
        if (whole.p[whole.n - 1] != ']' && whole.p[whole.n - 1] != '}') continue;
        for (size_t n = 0; n < whole.n; n++) {
            parsed d;
            parse_begin(&d, (jd_str){whole.p, n}, NULL);
            if (!d.rc) print_error("%s: accepted when cut to %zu bytes\n", accepted[i].what, n);
            assert_int_equal(d.rc, -1);
            parse_end(&d);
        }
    }
}

/* A special byte is found at every offset from a block's start, before and behind any length of plain text. */
static void test_string_of_every_length(void **state) {
    (void)state;
    char text[128];
    for (size_t n = 0; n < 80; n++) {
        for (size_t at = 0; at <= n; at++) {
            static const struct {
                const char *put;
                int good;
            } kinds[] = {{"", 1}, {"\\n", 1}, {"\x1f", 0}, {"\x7f", 1}, {"\xE6\xB0\xB4", 1}, {"\xE6\xB0", 0}};
            for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
                size_t put = strlen(kinds[k].put), all = 0;
                text[all++] = '"';
                memset(text + all, 'x', at);
                memcpy(text + all + at, kinds[k].put, put);
                memset(text + all + at + put, 'y', n - at);
                all += n + put;
                text[all++] = '"';
                parsed d;
                parse_begin(&d, (jd_str){text, all}, NULL);
                assert_int_equal(d.rc, kinds[k].good ? 0 : -1);
                if (kinds[k].good) {
                    assert_int_equal(d.v.n, n + (put == 2 ? 1 : put));
                    assert_true(at == 0 || d.v.s[at - 1] == 'x');
                    assert_true(at == n || d.v.s[d.v.n - 1] == 'y');
                    jd_buf b = {0};
                    jd_json_write(&b, &d.v);
                    assert_str(jd_buf_view(&b), (jd_str){text, all});
                    jd_buf_fini(&b);
                }
                parse_end(&d);
                parse_begin(&d, (jd_str){text, all - 1}, NULL); /* without the closing quote */
                assert_int_equal(d.rc, -1);
                parse_end(&d);
            }
        }
    }
}

/* Every byte outside a string: only those that can begin a value pass, and only as one. */
static void test_every_single_byte(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        char alone[1] = {(char)c}, inside[3] = {'[', (char)c, ']'};
        parsed d;
        parse_begin(&d, (jd_str){alone, 1}, NULL);
        assert_int_equal(d.rc, c >= '0' && c <= '9' ? 0 : -1);
        parse_end(&d);
        parse_begin(&d, (jd_str){inside, 3}, NULL);
        int good = (c >= '0' && c <= '9') || c == ' ' || c == '\t' || c == '\n' || c == '\r';
        assert_int_equal(d.rc, good ? 0 : -1);
        parse_end(&d);
    }
}

static void test_null_text(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_jval v;
    jd_err e;
    assert_int_equal(jd_json_parse(&a, (jd_str){NULL, 0}, NULL, &v, &e), -1);
    assert_int_equal(e.code, JD_E_INVALID_REQUEST);
    assert_int_equal(jd_json_parse(&a, JD_STR("["), NULL, &v, NULL), -1); /* nobody asks why */
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_string_of_every_length),
        cmocka_unit_test(test_every_single_byte),
        cmocka_unit_test(test_null_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
