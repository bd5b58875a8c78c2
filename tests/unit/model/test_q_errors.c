/* Refusals: what is no expression, where it goes wrong, and the limits. And what a compiled q tells an index. */
#include "query_test.h"

#include <string.h>

static void test_refusals_name_the_column(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":1}");
    static const struct {
        const char *text;
        unsigned column;
        const char *says; /* part of the English detail */
    } rows[] = {
        {"", 1, "an expression is expected"},
        {"   ", 4, "an expression is expected"},
        {"a=5", 2, "an operator"},
        {"a==", 4, "a number, a quoted string"},
        {"a>", 3, "a number, a quoted string"},
        {"a==5;", 6, "an attribute name"},
        {"a==5|", 6, "an attribute name"},
        {"a==5|;b", 6, "an attribute name"},
        {"(a==5", 6, "';', '|' or ')'"},
        {"a==5)", 5, "';', '|' or the end"},
        {"(a==5))", 7, "';', '|' or the end"},
        {"()", 2, "an attribute name"},
        {"a==\"x", 6, "'\"'"},
        {"a==\"\\x\"", 4, "a string as JSON writes it"},
        {"a==\"\\ud800\"", 4, "a string as JSON writes it"},
        {"a==Eiffel Tower", 11, "';', '|' or the end"},
        {"a==1..", 7, "a number, a quoted string"},
        {"a==..2", 4, "a number"},
        {"a==1..\"x\"", 7, "one kind"},
        {"a==x..y", 4, "a range of numbers"},
        {"a==1..2,3", 8, "';', '|' or the end"},
        {"a==3,1..2", 7, "a range is only allowed"},
        {"a>1..2", 4, "a range is only allowed"},
        {"a>1,2", 4, "';', '|' or the end"},
        {"a>true", 3, "a number, a quoted string, a date or a time"},
        {"a>urn:x:y", 3, "a number, a quoted string, a date or a time"},
        {"a==1e999", 4, "too large"},
        {"a==01", 4, "a number"},
        {"a==1.", 4, "a number"},
        {"a==+1", 4, "a number"},
        {"a==-", 4, "a number"},
        {"a==2017-12-24T12:00:00+01:00", 4, "a number"},
        {"a==2017-02-30", 4, "a number"},
        {"a==(1)", 4, "a number"},
        {"a==1==2", 4, "a number"},
        {"a==b<c", 4, "a number"},
        {"a==urn:x:<y>", 10, "a number"},
        {"a~=\"(\"", 6, "not a regular expression"},
        {"a~=x;b~=\"y**\"", 12, "not a regular expression"},
        {"a~=", 4, "a pattern"},
        {"a~=\"x", 6, "'\"'"},
        {"!a==5", 3, "';', '|' or the end behind !name"},
        {"!", 2, "an attribute name"},
        {"!!a", 2, "an attribute name"},
        {"1a==5", 1, "an attribute name"},
        {"a..b", 3, "an attribute name"},
        {"a.", 3, "an attribute name"},
        {".a", 1, "an attribute name"},
        {"a[", 3, "a member name"},
        {"a[]", 3, "a member name"},
        {"a[b", 4, "'.' or ']'"},
        {"a[b.]", 5, "a member name"},
        {"a[0]", 3, "a member name"},
        {"a[*", 4, "']'"},
        {"a[b][c]", 5, "an operator"},
        {"a.observedAt[b]", 13, "no members"},
        {"createdAt[b]", 10, "no members"},
        {"a{", 3, "an attribute or a type"},
        {"a{}", 3, "an attribute or a type"},
        {"a{b", 4, "'}'"},
        {"a{b}}", 5, "an operator"},
        {"a{T,b}", 6, "':' and an attribute"},
        {"a{T:}", 5, "an attribute name"},
        {"a.b{c}", 4, "an operator"},
        {"a{b}.c", 5, "an operator"},
        {"温度==;", 5, "a number"}, /* columns count characters */
        {"a\xff", 2, "not UTF-8"},
        {"a==\"\xe4\xba\"", 5, "not UTF-8"},
        {"a==5&b==6", 4, "a number"},
        {"a==5,b==6", 6, "a number"},
        {"a,b", 2, "an operator"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&w.err, 0, sizeof w.err);
        if (q_on(&w, d, rows[i].text) != -1) fail_msg("q=%s is not refused", rows[i].text);
        char place[64];
        snprintf(place, sizeof place, "q, column %u", rows[i].column);
        if (strcmp(w.err.place, place) != 0 || !strstr(w.err.en, rows[i].says))
            fail_msg("q=%s: %s: %s (wanted: %s: %s)", rows[i].text, w.err.place, w.err.en, place, rows[i].says);
        assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
        if (!strstr(rows[i].says, "regular")) { /* that one speaks of the pattern's own text */
            snprintf(place, sizeof place, "q 第 %u 列", rows[i].column);
            assert_non_null(strstr(w.err.zh, place));
        }
        assert_true(w.err.zh[0] != 0);
    }
    /* a NUL byte ends no text */
    jd_names n = names_of(&w);
    jd_q *q;
    assert_int_equal(jd_q_compile(&n, (jd_str){"a\0b", 3}, NULL, &q, &w.err), -1);
    assert_string_equal(w.err.place, "q, column 2");
    jd_qopts bad = {.expand_values = JD_STR("a,,b")};
    assert_int_equal(q_with(&w, d, "a==1", &bad), -1);
    assert_string_equal(w.err.place, "expandValues, column 3");
    bad = (jd_qopts){.what = "csf"};
    assert_int_equal(q_with(&w, d, "))bad((", &bad), -1); /* 5722_01_05 */
    assert_string_equal(w.err.place, "csf, column 1");
    bad = (jd_qopts){.json_keys = JD_STR("a b")};
    assert_int_equal(q_with(&w, d, "a==1", &bad), -1);
    assert_string_equal(w.err.place, "jsonKeys, column 3");
    world_end(&w);
}

static char *repeat(world *w, const char *head, const char *part, size_t times, const char *tail) {
    size_t h = strlen(head), n = strlen(part);
    char *text = jd_arena_alloc(&w->arena, h + n * times + strlen(tail) + 1), *to = text;
    memcpy(to, head, h);
    to += h;
    for (size_t i = 0; i < times; i++, to += n) memcpy(to, part, n);
    strcpy(to, tail);
    return text;
}

static void test_limits(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":1}");
    assert_int_equal(q_on(&w, d, repeat(&w, "", "a==1;", 199, "a==1")), 1);
    assert_int_equal(q_on(&w, d, repeat(&w, "", "a==1;", 200, "a==1")), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_string_equal(w.err.place, "q, column 1001");
    char *nest = repeat(&w, "", "(", 32, "a"), *deep = repeat(&w, nest, ")", 32, "");
    assert_int_equal(q_on(&w, d, deep), 1);
    assert_int_equal(q_on(&w, d, repeat(&w, "((", "(", 31, "a")), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_string_equal(w.err.place, "q, column 33");
    assert_int_equal(q_on(&w, d, repeat(&w, "a~=\"", "x", 1000, "\"")), 0);
    assert_int_equal(q_on(&w, d, repeat(&w, "a~=\"", "x", 1001, "\"")), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_int_equal(q_on(&w, d, repeat(&w, "a==1", ",2", 999, "")), 1);
    assert_int_equal(q_on(&w, d, repeat(&w, "a==1", ",2", 1000, "")), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_int_equal(q_on(&w, d, repeat(&w, "a", ".a", 15, "")), 0);
    assert_int_equal(q_on(&w, d, repeat(&w, "a", ".a", 16, "")), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    assert_int_equal(q_on(&w, d, repeat(&w, "a[b", ".b", 31, "]")), 0);
    assert_int_equal(q_on(&w, d, repeat(&w, "a[b", ".b", 32, "]")), -1);
    /* the asker's own limits */
    jd_qlimits few = {.terms_max = 2, .depth_max = 1, .regex_max = 3};
    jd_qopts o = {.limits = &few};
    assert_int_equal(q_with(&w, d, "a;a", &o), 1);
    assert_int_equal(q_with(&w, d, "a;a;a", &o), -1);
    assert_int_equal(q_with(&w, d, "(a)", &o), 1);
    assert_int_equal(q_with(&w, d, "((a))", &o), -1);
    assert_int_equal(q_with(&w, d, "a~=abc", &o), 0);
    assert_int_equal(q_with(&w, d, "a~=abcd", &o), -1);
    world_end(&w);
}

/* "and" binds tighter than "or", whatever the parentheses: against a truth table. */
static void test_and_or(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *docs[8];
    for (int i = 0; i < 8; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"id\":\"urn:x:%d\",\"type\":\"T\"%s%s%s}", i, i & 1 ? ",\"a\":1" : "",
                 i & 2 ? ",\"b\":1" : "", i & 4 ? ",\"c\":1" : "");
        docs[i] = doc_of(&w, text);
    }
    static const struct {
        const char *text;
        unsigned truth; /* bit i: for docs[i] */
    } rows[] = {
        {"a", 0xAA},           {"!a", 0x55},           {"a;b", 0x88},     {"a|b", 0xEE},      {"a|b;c", 0xEA},
        {"(a|b);c", 0xE0},     {"a;b|c", 0xF8},        {"a;(b|c)", 0xA8}, {"((a))", 0xAA},    {"(a;b)|(b;c)", 0xC8},
        {"(a|b);(b|c)", 0xEC}, {"a;b;c", 0x80},        {"a|b|c", 0xFE},   {"!a;!b;!c", 0x01}, {"(a;(b|(c;a)))", 0xA8},
        {"!a|b;!c", 0x5D},     {"((a|b)|c);!b", 0x32},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        unsigned got = 0;
        for (unsigned i = 0; i < 8; i++) got |= (unsigned)(q_on(&w, docs[i], rows[r].text) == 1) << i;
        if (got != rows[r].truth) fail_msg("q=%s: %02X, not %02X", rows[r].text, got, rows[r].truth);
    }
    world_end(&w);
}

static void test_hints(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":1,\"b\":2,\"r\":{\"object\":\"urn:x:2\"}}");
    static const struct {
        const char *text;
        int whole;
        size_t n;
        struct {
            const char *attr; /* "": not known */
            jd_qop op;
            int numeric, exact;
            double lo, hi;
            const char *text;
        } hints[3];
    } rows[] = {
        {"a", 1, 1, {{"a", JD_Q_EXISTS, 0, 1, 0, 0, NULL}}},
        {"a==5", 1, 1, {{"a", JD_Q_EQ, 1, 1, 5, 5, NULL}}},
        {"a!=5", 1, 1, {{"a", JD_Q_NE, 1, 1, 5, 5, NULL}}},
        {"a>5", 1, 1, {{"a", JD_Q_GT, 1, 1, 5, 5, NULL}}},
        {"a==5..7", 1, 1, {{"a", JD_Q_RANGE, 1, 1, 5, 7, NULL}}},
        {"a!=5..7", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a==5,6", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a==\"x\"", 1, 1, {{"a", JD_Q_EQ, 0, 1, 0, 0, "x"}}},
        {"r==urn:x:2", 1, 1, {{"r", JD_Q_EQ, 0, 1, 0, 0, "urn:x:2"}}},
        {"a==\"2026-01-01T00:00:00Z\"", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a==2026-01-01T00:00:00Z", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a==true", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a>\"x\"", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a~=\"x\"", 0, 1, {{"a", JD_Q_OTHER, 0, 0, 0, 0, NULL}}},
        {"a>=1;b<2;c",
         1,
         3,
         {{"a", JD_Q_GE, 1, 1, 1, 1, NULL}, {"b", JD_Q_LT, 1, 1, 2, 2, NULL}, {"", JD_Q_EXISTS, 0, 1, 0, 0, NULL}}},
        {"(a>=1;b<2)", 1, 2, {{"a", JD_Q_GE, 1, 1, 1, 1, NULL}, {"b", JD_Q_LT, 1, 1, 2, 2, NULL}}},
        {"a>=1;(b<2|a==9)", 0, 1, {{"a", JD_Q_GE, 1, 1, 1, 1, NULL}}},
        {"a|b", 0, 0, {{0}}},
        {"!a", 0, 0, {{0}}},
        {"a.b==5", 0, 0, {{0}}},
        {"a[x]==5", 0, 0, {{0}}},
        {"r{a}==5;b", 0, 1, {{"b", JD_Q_EXISTS, 0, 1, 0, 0, NULL}}},
        {"modifiedAt>2026-01-01T00:00:00Z;a", 0, 1, {{"a", JD_Q_EXISTS, 0, 1, 0, 0, NULL}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        jd_names n = names_of(&w);
        jd_q *q;
        jd_qhint h[3];
        int whole = 7;
        assert_int_equal(jd_q_compile(&n, jd_str_of(rows[i].text), NULL, &q, &w.err), 0);
        size_t got = jd_q_hints(q, h, 3, &whole);
        if (got != rows[i].n || whole != rows[i].whole) fail_msg("q=%s: %zu hints, whole %d", rows[i].text, got, whole);
        for (size_t k = 0; k < got; k++) {
            jd_sym attr = *rows[i].hints[k].attr ? sym_of(&w, rows[i].hints[k].attr) : 0;
            const char *t = rows[i].hints[k].text;
            if (h[k].attr != attr || h[k].op != rows[i].hints[k].op || h[k].numeric != rows[i].hints[k].numeric ||
                h[k].exact != rows[i].hints[k].exact || !h[k].text.p != !t || (t && !jd_str_is(h[k].text, t)) ||
                (h[k].numeric && (h[k].lo != rows[i].hints[k].lo || h[k].hi != rows[i].hints[k].hi)))
                fail_msg("q=%s: hint %zu: attr %u op %d numeric %d exact %d", rows[i].text, k, h[k].attr, h[k].op,
                         h[k].numeric, h[k].exact);
        }
        jd_q_fini(q);
    }
    /* fewer places than hints */
    jd_names n = names_of(&w);
    jd_q *q;
    jd_qhint one[1];
    int whole = 7;
    assert_int_equal(jd_q_compile(&n, JD_STR("a;b"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_hints(q, one, 1, &whole), 1);
    assert_int_equal(whole, 0);
    world_end(&w);
}

static void test_attributes_of_q(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":1,\"b\":2,\"r\":{\"object\":\"urn:x:2\"}}");
    jd_names n = names_of(&w);
    jd_q *q;
    jd_sym out[8];
    assert_int_equal(
        jd_q_compile(&n, JD_STR("a.b==1;(b[x]|r{c}==2);modifiedAt>2026-01-01T00:00:00Z;nope;!a"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_attrs(q, out, 8), 5);
    assert_int_equal(out[0], sym_of(&w, "a"));
    assert_int_equal(out[1], sym_of(&w, "b"));
    assert_int_equal(out[2], sym_of(&w, "r"));
    assert_int_equal(out[3], 0);
    assert_int_equal(out[4], sym_of(&w, "a"));
    assert_int_equal(jd_q_attrs(q, out, 2), 2);
    /* 5.7.2.4: only members that the system makes */
    assert_int_equal(jd_q_compile(&n, JD_STR("modifiedAt>\"2020-01-01T00:00:00Z\"|id==urn:x:1"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_attrs(q, out, 8), 0);
    world_end(&w);
}

/* A name that the store does not know is absent; the question must not make it known. */
static void test_names_are_not_interned(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":{\"value\":{\"k\":1}}}");
    uint32_t before = jd_symtab_count(w.symbols);
    assert_int_equal(q_on(&w, d, "unheardOf==1|a[unheardOf]==1|a.unheardOf|unheardOf{a}|a==unheardOf"), 0);
    assert_int_equal(q_on(&w, d, "!unheardOf;!a[unheardOf]"), 1);
    jd_qopts o = {.expand_values = JD_STR("a,unheardOf"), .json_keys = JD_STR("unheardOf")};
    assert_int_equal(q_with(&w, d, "a==unheardOf", &o), 0);
    assert_int_equal(jd_symtab_count(w.symbols), before);
    world_end(&w);
}

/* What was compiled stands on its own: the text may go. */
static void test_text_is_not_needed_afterwards(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(
        &w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"scope\":\"/"
            "here\",\"a\":{\"value\":{\"k\":\"plain\"}},\"b\":{\"value\":\"2026-03-01\"},\"c\":{\"value\":\"abab\"}}");
    static const char text[] = "a[k]==plain;b>2026-01-01;c~=(ab)+";
    char *copy = jd_xstrdup(jd_str_of(text)), *scope = jd_xstrdup(JD_STR("/here"));
    jd_names n = names_of(&w);
    jd_q *q;
    jd_scopeq *s;
    assert_int_equal(jd_q_compile(&n, jd_str_of(copy), NULL, &q, &w.err), 0);
    assert_int_equal(jd_scopeq_compile(&n, jd_str_of(scope), &s, &w.err), 0);
    memset(copy, '?', strlen(copy));
    memset(scope, '?', strlen(scope));
    free(copy);
    free(scope);
    assert_int_equal(jd_q_test(q, d, NULL), 1);
    assert_int_equal(jd_scopeq_test(s, d), 1);
    jd_q_fini(q);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals_name_the_column),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_and_or),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_attributes_of_q),
        cmocka_unit_test(test_names_are_not_interned),
        cmocka_unit_test(test_text_is_not_needed_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
