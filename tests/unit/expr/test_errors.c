/* What is refused, where, and in what words; every limit at its edge. */
#include "expr_test.h"

static void syntax(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const struct {
        const char *source, *place, *says;
    } t[] = {
        {"", "line 1 column 1", "expected a value, but the expression ends here"},
        {"  ", "line 1 column 3", "the expression ends here"},
        {"1 +", "line 1 column 4", "expected a value, but the expression ends here"},
        {"1 2", "line 1 column 3", "expected an operator or the end, found 2"},
        {"(1", "line 1 column 3", "expected ')', but"},
        {"1)", "line 1 column 2", "expected an operator or the end, found )"},
        {"1 + * 2", "line 1 column 5", "expected a value, found *"},
        {"1 < 2 < 3", "line 1 column 7", "comparisons do not chain"},
        {"1 == 1 == true", "line 1 column 8", "comparisons do not chain"},
        {"a ? 1", "line 1 column 6", "expected ':'"},
        {"[1, 'a']", "line 1 column 5", "either numbers or texts"},
        {"[]", "line 1 column 2", "expected a value"},
        {"[a]", "line 1 column 2", "written out"},
        {"[null]", "line 1 column 2", "written out"},
        {"'abc", "line 1 column 1", "has no closing '"},
        {"'a\nb'", "line 1 column 1", "has no closing '"},
        {"'\\x'", "line 1 column 2", "a backslash stands before"},
        {"'\\ud800'", "line 1 column 2", "a backslash stands before"},
        {"'\\u0000'", "line 1 column 2", "a backslash stands before"},
        {"`a", "line 1 column 1", "expected a name in backquotes"},
        {"``", "line 1 column 1", "expected a name in backquotes"},
        {"5days", "line 1 column 2", "expected a unit"},
        {"5min1h", "line 1 column 6", "longest first"},
        {"5h5h", "line 1 column 4", "longest first"},
        {"5h5", "line 1 column 4", "expected a unit"},
        {"99999999d", "line 1 column 1", "longer than 9999 years"},
        {"1e999", "line 1 column 1", "too large"},
        {"1 = 2", "line 1 column 3", "write =="},
        {"a && b", "line 1 column 3", "write and"},
        {"a || b", "line 1 column 3", "write or"},
        {"!a", "line 1 column 1", "write not"},
        {"镇江 > 3 ，4", "line 1 column 8", "write ,"},
        {"a\n  and\n  ）", "line 3 column 3", "write )"},
        {"a ≥ 3", "line 1 column 3", "write >="},
        {"a × 3", "line 1 column 3", "write *"},
        {"a $ 3", "line 1 column 3", "'$' cannot stand here"},
        {"a { 3", "line 1 column 3", "'{' cannot stand here"},
        {"and", "line 1 column 1", "expected a value, found and"},
        {"a.", "line 1 column 3", "a name behind the point"},
        {"a.3", "line 1 column 3", "a name behind the point"},
        {"now.x", "line 1 column 4", "expected an operator"},
        {"a->b->c", "line 1 column 5", "one step"},
        {"a->", "line 1 column 4", "the name of an attribute"},
        {"a->now", "line 1 column 4", "a word of the language"},
        {"1 in", "line 1 column 5", "expected a value"},
        {"not", "line 1 column 4", "expected a value"},
        {"unheard + 1", "line 1 column 1", "no such attribute: unheard"},
        {"1 +\n  unheard", "line 2 column 3", "no such attribute: unheard"},
        {"x ?? 0 > 3", "line 1 column 6", "?? binds loosest"},
        {"x ?? a > 3", "line 1 column 6", "?? binds loosest"},
        {"x ?? a and b", "line 1 column 6", "?? binds loosest"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) REFUSED(&w, t[i].source, t[i].place, t[i].says);
    IS(&w, "x ?? (0 > 3)", "false");
    IS(&w, "x ?? false", "false");
    world_close(&w);
}

static void types(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const struct {
        const char *source, *place, *says;
    } t[] = {
        {"1 + 'a'", "line 1 column 3", "'+' does not take a number and a text"},
        {"1 + true", "line 1 column 3", "'+' does not take a number and a boolean"},
        {"1h * 1h", "line 1 column 4", "'*' does not take a duration and a duration"},
        {"now + now", "line 1 column 5", "'+' does not take a time and a time"},
        {"1h - now", "line 1 column 4", "'-' does not take a duration and a time"},
        {"1 / 1h", "line 1 column 3", "'/' does not take a number and a duration"},
        {"1h % 2", "line 1 column 4", "'%' does not take"},
        {"-'a'", "line 1 column 2", "a number is needed here, this is a text"},
        {"not 1", "line 1 column 5", "a boolean is needed here, this is a number"},
        {"true and 1", "line 1 column 10", "a boolean is needed here"},
        {"1 or true", "line 1 column 1", "a boolean is needed here"},
        {"1 == 'a'", "line 1 column 3", "both must be of one type"},
        {"1 < 'a'", "line 1 column 3", "both must be of one type"},
        {"true < false", "line 1 column 6", "cannot be compared"},
        {"[1] == [1]", "line 1 column 5", "cannot be compared"},
        {"point(1,1) == point(1,1)", "line 1 column 12", "compared by within"},
        {"x == null", "line 1 column 3", "known(x)"},
        {"null != 1", "line 1 column 6", "known(x)"},
        {"1 in 'a'", "line 1 column 6", "list of numbers is needed"},
        {"1 in ['a']", "line 1 column 1", "a text is needed"},
        {"true in [1]", "line 1 column 1", "a number is needed"},
        {"true in x", "line 1 column 1", "a text is needed"},
        {"1 ? 2 : 3", "line 1 column 1", "a boolean is needed"},
        {"true ? 2 : 'a'", "line 1 column 6", "both must be of one type"},
        {"1 ?? 'a'", "line 1 column 3", "both must be of one type"},
        {"abs('a')", "line 1 column 5", "a number is needed here, this is a text"},
        {"upper(1)", "line 1 column 7", "a text is needed"},
        {"hour(1)", "line 1 column 6", "a time is needed"},
        {"seconds(1)", "line 1 column 9", "a duration is needed"},
        {"within(1, 2)", "line 1 column 8", "a place is needed"},
        {"min(1, 'a')", "line 1 column 8", "a number is needed"},
        {"pick('a', [1], [2])", "line 1 column 6", "a number is needed"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) REFUSED(&w, t[i].source, t[i].place, t[i].says);
    refused_with(&w, "1 + 1", JD_X_BOOL, NULL, "line 1 column 3", "a boolean is needed here, this is a number");
    refused_with(&w, "'a'", JD_X_NUM, NULL, "line 1 column 1", "a number is needed here, this is a text");
    assert_string_equal(w.err.zh, "此处需要数值，而这是文本");
    world_close(&w);
}

static void functions(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const struct {
        const char *source, *place, *says;
    } t[] = {
        {"abss(1)", "line 1 column 1", "there is no function abss; is it abs?"},
        {"earsc1(x, 1d)", "line 1 column 1", "is it earsC1?"},
        {"frobnicate(1)", "line 1 column 1", "there is no function frobnicate"},
        {"abs()", "line 1 column 1", "abs takes 1 values, 0 are given"},
        {"abs(1, 2)", "line 1 column 1", "abs takes 1 values, 2 are given"},
        {"round(1, 2, 3)", "line 1 column 1", "round takes 1 to 2 values, 3 are given"},
        {"abs(1, 2, 3, 4, 5, 6, 7)", "line 1 column 21", "does not take so many"},
        {"abs(1", "line 1 column 6", "expected ')'"},
        {"min()", "line 1 column 5", "expected a value"},
        {"known()", "line 1 column 1", "known takes (x)"},
        {"age(1)", "line 1 column 5", "the name of an attribute"},
        {"age(x", "line 1 column 6", "expected ')'"},
        {"avg(1, 1h)", "line 1 column 5", "x is the name of an attribute"},
        {"avg(x)", "line 1 column 1", "avg takes (x, window, ago?)"},
        {"avg(x + 1, 1h)", "line 1 column 7", "expected ','"},
        {"avg(x, 3600)", "line 1 column 8", "a duration is needed"},
        {"avg(x, y)", "line 1 column 8", "written out, such as 1h"},
        {"avg(x, 0s)", "line 1 column 8", "longer than zero"},
        {"avg(x, -1h)", "line 1 column 8", "longer than zero"},
        {"avg(x, 1h, -1s)", "line 1 column 12", "less than zero"},
        {"avg(x, 1h, 3)", "line 1 column 12", "a duration is needed"},
        {"avg(x, 1h, 1h, 1h)", "line 1 column 1", "avg takes"},
        {"share(x, 1h)", "line 1 column 1", "share takes (x, window, least, most?, ago?)"},
        {"percentile(x, 1h)", "line 1 column 1", "percentile takes"},
        {"percentile(x, 1h, 101)", "line 1 column 19", "from 0 to 100"},
        {"matches('a', x)", "line 1 column 14", "written out"},
        {"matches('a', '[')", "line 1 column 14", "not a regular expression"},
        {"hour(now, 'Mars/Olympus')", "line 1 column 11", "there is no zone 'Mars/Olympus'"},
        {"hour(now, x)", "line 1 column 11", "written out"},
        {"startOf(now, 'minute')", "line 1 column 14", "expected 'hour'"},
        {"time('yesterday')", "line 1 column 6", "a time is written as"},
        {"point(32, 119)", "line 1 column 1", "longitude"},
        {"geometry('{')", "line 1 column 10, in the geometry: line 1 column 2", ""},
        {"geometry('{\"type\":\"Point\",\"coordinates\":[500,0]}')", "line 1 column 10, in the geometry: coordinates",
         ""},
        {"geometry(x)", "line 1 column 10", "written out"},
        {"interpolate(1, [1, 2], [1])", "line 1 column 24", "equally many members: 2 and 1"},
        {"interpolate(1, [2, 1], [1, 2])", "line 1 column 16", "must ascend"},
        {"step(1, [1, 1], [1, 2])", "line 1 column 9", "must ascend"},
        {"pick(1, [1, 2], [1])", "line 1 column 17", "equally many"},
        {"earsC1(x)", "line 1 column 1", "earsC1 takes (x, step, 'sum'?)"},
        {"earsC1(x, 1d, 'mean')", "line 1 column 15", "only 'sum'"},
        {"farrington(x, 7d, 0, 3)", "line 1 column 1", "farrington: "},
        {"farrington(x, 1s, 5, 3)", "line 1 column 1", "steps, at most 10000"},
        {"farrington(x, 7d, y, 3)", "line 1 column 19", "written out"},
        {"ewma(x, 1d, 0, 0.2, 3)", "line 1 column 1", "ewma: "},
        {"ewma(x, 1d, 2.5, 0.2, 3)", "line 1 column 1", "ewma: "},
        {"ewma(x, 1d, 20, 2, 3)", "line 1 column 1", "lambda"},
        {"cusum(x, 1d, 20, 0.5)", "line 1 column 1", "cusum takes"},
        {"cusum(x, 1d, 20, 0.5, -1)", "line 1 column 1", "cusum: "},
        {"ewma(x, 300000d, 5000, 0.2, 3)", "line 1 column 9", "9999 years"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) REFUSED(&w, t[i].source, t[i].place, t[i].says);
    world_close(&w);
}

/* ---- limits, each at its edge ---- */

static char *repeat(const char *head, const char *one, int n, const char *tail, const char *close, int closes) {
    jd_buf b = {0};
    jd_buf_z(&b, head);
    for (int i = 0; i < n; i++) jd_buf_z(&b, one);
    jd_buf_z(&b, tail);
    for (int i = 0; i < closes; i++) jd_buf_z(&b, close);
    jd_buf_c(&b, 0);
    return jd_buf_take(&b, &(size_t){0});
}

static void takes(world *w, char *source, const jd_xlimits *l, const char *says) {
    jd_expr *x = NULL;
    jd_err_none(&w->err);
    int rc = jd_expr_compile(jd_str_of(source), &w->resolver, JD_X_ANY, l, &x, &w->err);
    if (!says) {
        if (rc) fail_msg("%.40s...: %s", source, w->err.en);
        jd_xval v;
        assert_int_equal(jd_expr_eval(x, &w->host, &v, &w->err), 0);
    } else {
        assert_int_equal(rc, -1);
        if (!strstr(w->err.en, says)) fail_msg("%.40s...: %s", source, w->err.en);
        assert_true(w->err.zh[0] && strcmp(w->err.zh, w->err.en));
    }
    jd_expr_free(x);
    free(source);
}

static void limits(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "x", num(1));
    /* bytes */
    takes(&w, repeat("1", " ", 4095, "", "", 0), NULL, NULL);
    takes(&w, repeat("1", " ", 4096, "", "", 0), NULL, "4097 bytes, at most 4096");
    takes(&w, repeat("1", " ", 9, "", "", 0), &(jd_xlimits){.bytes_max = 10}, NULL);
    takes(&w, repeat("1", " ", 10, "", "", 0), &(jd_xlimits){.bytes_max = 10}, "11 bytes, at most 10");
    /* parts: x, and for each +x two more; with a minus 500 */
    takes(&w, repeat("-x", "+x", 249, "", "", 0), NULL, NULL);
    takes(&w, repeat("x", "+x", 250, "", "", 0), NULL, "more than 500 parts");
    takes(&w, repeat("x", "+x", 2, "", "", 0), &(jd_xlimits){.nodes_max = 5}, NULL);
    takes(&w, repeat("x", "+x", 2, "", "", 0), &(jd_xlimits){.nodes_max = 4}, "more than 4 parts");
    takes(&w, repeat("[1", ",1", 498, "]", "", 0), NULL, NULL); /* the list is one, too */
    takes(&w, repeat("[1", ",1", 499, "]", "", 0), NULL, "more than 500 parts");
    /* depth, whatever makes it */
    static const char *const opens[] = {"(", "abs(", "-", "true ? 1 : ", "min(1, "}, *const closes[] = {")", ")", "",
                                                                                                        "", ")"};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        takes(&w, repeat("", opens[i], 50, "x", closes[i], 50), NULL, NULL);
        takes(&w, repeat("", opens[i], 51, "x", closes[i], 51), NULL, "nested deeper than 50");
        takes(&w, repeat("", opens[i], 3, "x", closes[i], 3), &(jd_xlimits){.depth_max = 3}, NULL);
        takes(&w, repeat("", opens[i], 4, "x", closes[i], 4), &(jd_xlimits){.depth_max = 3}, "nested deeper than 3");
    }
    takes(&w, repeat("", "not ", 50, "true", "", 0), NULL, NULL);
    takes(&w, repeat("", "not ", 51, "true", "", 0), NULL, "nested deeper than 50");
    /* a tree of additions is no nesting, but it has an end even where a host allows very many parts */
    jd_xlimits vast = {.bytes_max = 1000000, .nodes_max = 100000};
    takes(&w, repeat("x", "+x", 2000, "", "", 0), &vast, NULL);
    takes(&w, repeat("x", "+x", 2001, "", "", 0), &vast, "parts");
    /* windows */
    takes(&w, repeat("0", "+count(x,1h)", 16, "", "", 0), NULL, NULL);
    takes(&w, repeat("0", "+count(x,1h)", 17, "", "", 0), NULL, "more than 16 windows");
    takes(&w, repeat("0", "+earsC1(x,1h)", 2, "", "", 0), &(jd_xlimits){.windows_max = 2}, NULL);
    takes(&w, repeat("0", "+earsC1(x,1h)", 2, "+avg(x,1h)", "", 0), &(jd_xlimits){.windows_max = 2},
          "more than 2 windows");
    /* patterns */
    takes(&w, repeat("matches('a','", "a", 1000, "')", "", 0), NULL, NULL);
    takes(&w, repeat("matches('a','", "a", 1001, "')", "", 0), NULL, "longer than 1000 bytes");
    world_close(&w);
}

static void texts_that_are_made(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static char big[65537];
    memset(big, 'a', sizeof big - 1);
    big[65536] = 0;
    set(&w, "s", text(big));
    jd_expr *x = compiled(&w, "length(s + '')"); /* 65,536 bytes, all that may be made */
    jd_xval v;
    assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), 0);
    assert_true(v.num == 65536);
    jd_expr_free(x);
    static const char *const more[] = {"s + 'b'", "upper(s) + 'b'", "s + '' + ''"};
    for (int i = 0; i < 3; i++) {
        x = compiled(&w, more[i]);
        assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), -1);
        assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
        assert_true(strstr(w.err.en, "65536 bytes") && strstr(w.err.zh, "65536 字节"));
        jd_expr_free(x);
    }
    world_close(&w);
}

/* A pattern that would go through 2^n ways ends with its reason. */
static void slow_pattern(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "s", text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    set(&w, "broken_text", text("\xff\xfe"));
    jd_expr *x = compiled(&w, "matches(s, '^(a|aa|a?a)+$')");
    jd_xval v;
    assert_int_equal(jd_expr_eval(x, &w.host, &v, &w.err), -1);
    assert_true(strstr(w.err.en, "too many steps") != NULL);
    jd_expr_free(x);
    IS(&w, "matches(broken_text, 'a.c[d]')", "nothing");
    IS(&w, "length(upper(broken_text))", "2");
    world_close(&w);
}

static void not_text(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    REFUSED(&w, "1 +\n '\xff'", "line 2 column 3", "not UTF-8");
    jd_expr *x;
    static const char zero[] = "1 + \0";
    assert_int_equal(jd_expr_compile((jd_str){zero, 5}, NULL, JD_X_ANY, NULL, &x, &w.err), -1);
    assert_string_equal(w.err.place, "line 1 column 5");
    assert_int_equal(jd_expr_compile(JD_STR("a"), NULL, JD_X_ANY, NULL, &x, &w.err), -1);
    assert_string_equal(w.err.en, "there are no names here");
    assert_int_equal(jd_expr_compile(JD_STR("1 +"), NULL, JD_X_ANY, NULL, &x, NULL), -1);
    assert_int_equal(jd_expr_compile(JD_STR("1 + 1"), NULL, JD_X_ANY, NULL, &x, NULL), 0);
    jd_expr_free(x);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax),
        cmocka_unit_test(types),
        cmocka_unit_test(functions),
        cmocka_unit_test(limits),
        cmocka_unit_test(texts_that_are_made),
        cmocka_unit_test(slow_pattern),
        cmocka_unit_test(not_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
