/* Texts with expressions in braces; values as text. */
#include "expr_test.h"

static const char *written(world *w, const char *source) {
    jd_xtpl *t;
    jd_buf b = {0};
    if (jd_xtpl_compile(jd_str_of(source), &w->resolver, &t, &w->err))
        fail_msg("'%s': %s (%s)", source, w->err.en, w->err.place);
    jd_xtpl_write(t, &w->host, &b);
    jd_xtpl_free(t);
    jd_str s = jd_arena_dup(&w->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    return s.p;
}

static void writes(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    set(&w, "name", text("城东"));
    set(&w, "pm25", num(81.25));
    set(&w, "minus", num(-0.04));
    set(&w, "broken", num(1));
    static const char *const t[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"{name}：{pm25} µg/m³", "城东：81.25 µg/m³"},
        {"{pm25:0}|{pm25:1}|{pm25:5}", "81|81.2|81.25000"},
        {"{minus:1}", "0.0"},
        {"{-pm25:1}", "-81.2"},
        {"{pm25 * 2 : 1}", "162.5"},
        {"{pm25 > 80 ? 'high' : 'low'}", "high"},
        {"{pm25 > 80 ? 1 : 2:2}", "1.00"},
        {"{{x}", "{x}"},
        {"a{{{pm25}}", "a{81.25}"},
        {"}", "}"},
        {"{'}'}", "}"},
        {"{'{'}", "{"},
        {"{absent}", "–"},
        {"{absent:2}", "–"},
        {"{name:2}", "城东"},
        {"{broken}, {pm25}", "–, 81.25"},
        {"{now}", "2026-10-01T00:00:00Z"},
        {"{90min}", "1h30min"},
        {"{avg(x, 1h)}", "–"},
        {"{ pm25\n}", "81.25"},
        {"{1e15:3}", "1000000000000000.000"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const char *got = written(&w, t[i][0]);
        if (strcmp(got, t[i][1])) fail_msg("'%s' gives '%s', not '%s'", t[i][0], got, t[i][1]);
    }
    world_close(&w);
}

static void refuses(void **unused) {
    world w;
    (void)unused;
    world_open(&w);
    static const struct {
        const char *source, *place, *says;
    } t[] = {
        {"a {b", "line 1 column 3", "is not closed"},
        {"a {", "line 1 column 4", "expected a value"},
        {"a {}", "line 1 column 4", "expected a value"},
        {"a\n{1 +}", "line 2 column 5", "expected a value"},
        {"城 {1 2}", "line 1 column 6", "expected an operator"},
        {"{1:16}", "line 1 column 4", "how many digits"},
        {"{1:x}", "line 1 column 4", "how many digits"},
        {"{1:1.5}", "line 1 column 4", "how many digits"},
        {"{1:1 2}", "line 1 column 6", "expected '}'"},
        {"{'a':1}", "line 1 column 1", "digits are for numbers"},
        {"{unheard}", "line 1 column 2", "no such attribute"},
        {"\xff", "line 1 column 1", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        jd_xtpl *x = NULL;
        jd_err_none(&w.err);
        if (!jd_xtpl_compile(jd_str_of(t[i].source), &w.resolver, &x, &w.err)) fail_msg("'%s' compiles", t[i].source);
        if (strcmp(w.err.place, t[i].place) || !strstr(w.err.en, t[i].says))
            fail_msg("'%s': %s: %s", t[i].source, w.err.place, w.err.en);
        assert_true(w.err.zh[0] && strcmp(w.err.zh, w.err.en));
    }
    world_close(&w);
}

static void limits(void **unused) {
    static char z[20000];
    static const struct {
        int n;
        const char *one;
        int fails;
    } t[] = {{16384, "a", 0}, {16385, "a", 1}, {64, "{1}", 0}, {65, "{1}", 1}};
    (void)unused;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        jd_xtpl *x;
        jd_err err = {0};
        size_t l = strlen(t[i].one);
        for (int k = 0; k < t[i].n; k++) memcpy(z + (size_t)k * l, t[i].one, l);
        int rc = jd_xtpl_compile((jd_str){z, (size_t)t[i].n * l}, NULL, &x, &err);
        assert_int_equal(rc, t[i].fails ? -1 : 0);
        if (!rc) jd_xtpl_free(x);
    }
    /* each expression is held to the limits of expressions */
    for (int n = 4094; n <= 4097; n++) {
        jd_xtpl *x;
        jd_err err = {0};
        memset(z, ' ', sizeof z);
        z[0] = '{';
        z[1] = '1';
        z[n + 1] = '}';
        int rc = jd_xtpl_compile((jd_str){z, (size_t)n + 2}, NULL, &x, &err);
        assert_int_equal(rc, n > 4096 ? -1 : 0);
        if (!rc) jd_xtpl_free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes), cmocka_unit_test(refuses), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
