/* Request targets and the route table, without a socket. */
#include "http_test.h"
#include "http/door_int.h"

static void splits_targets(void **state) {
    (void)state;
    jd_target t;
    jd_err err;
    assert_int_equal(jd_target_split(JD_STR("/a/b?x=1?y"), &t, &err), 0);
    assert_true(jd_str_is(t.path, "/a/b") && jd_str_is(t.query, "x=1?y") && jd_str_is(t.raw, "/a/b?x=1?y"));
    assert_int_equal(jd_target_split(JD_STR("/a"), &t, &err), 0);
    assert_null(t.query.p);
    assert_int_equal(jd_target_split(JD_STR("/a?"), &t, &err), 0);
    assert_true(t.query.p && t.query.n == 0);
    assert_int_equal(jd_target_split(JD_STR("http://host:80/a?b=c"), &t, &err), 0);
    assert_true(jd_str_is(t.path, "/a") && jd_str_is(t.raw, "/a?b=c"));
    assert_int_equal(jd_target_split(JD_STR("https://host"), &t, &err), 0);
    assert_true(jd_str_is(t.path, "/"));
    assert_int_equal(jd_target_split(JD_STR("*"), &t, &err), 0);
    assert_true(t.star);
    static const char *const bad[] = {"", "a", "host:80", "http:/x", "**", "?a=b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (jd_target_split(jd_str_of(bad[i]), &t, &err) == 0) fail_msg("%s was taken", bad[i]);
        assert_int_equal(err.code, JD_E_INVALID_REQUEST);
    }
}

static void decodes(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_str d;
    jd_err err;
    assert_int_equal(jd_target_decode(&a, JD_STR("plain"), 1, &d, &err), 0);
    assert_true(jd_str_is(d, "plain"));
    assert_int_equal(jd_target_decode(&a, JD_STR("a+b%2Bc%20d"), 1, &d, &err), 0);
    assert_true(jd_str_is(d, "a b+c d"));
    assert_int_equal(jd_target_decode(&a, JD_STR("a+b"), 0, &d, &err), 0);
    assert_true(jd_str_is(d, "a+b"));
    assert_int_equal(jd_target_decode(&a, JD_STR("%E9%95%87%e6%b1%9f"), 0, &d, &err), 0);
    assert_true(jd_str_is(d, "镇江"));
    assert_int_equal(jd_target_decode(&a, JD_STR("镇江"), 0, &d, &err), 0);
    static const char *const bad[] = {"%",         "%2",     "%zz",          "%2x",  "a%00b",        "%FF", "%C0%AF",
                                      "%ED%A0%80", "%E9%95", "%F4%90%80%80", "\xff", "%E9%95%87%E6", "%80", "\xc3("};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (jd_target_decode(&a, jd_str_of(bad[i]), 1, &d, &err) == 0) fail_msg("%s was taken", bad[i]);
    jd_arena_fini(&a);
}

static void reads_parameters(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    jd_param *p;
    size_t n;
    jd_err err;
    assert_int_equal(jd_target_params(&a, JD_STR("&q=a%3D1%26b==&&limit&=x&"), &p, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_true(jd_str_is(p[0].name, "q") && jd_str_is(p[0].value, "a=1&b=="));
    assert_true(jd_str_is(p[1].name, "limit") && p[1].value.p && p[1].value.n == 0);
    assert_true(p[2].name.n == 0 && jd_str_is(p[2].value, "x"));
    assert_int_equal(jd_target_params(&a, (jd_str){NULL, 0}, &p, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(jd_target_params(&a, JD_STR("a=1&b=2&%61=3"), &p, &n, &err), -1);
    assert_string_equal(err.place, "a");
    assert_int_equal(jd_target_params(&a, JD_STR("a=%"), &p, &n, &err), -1);
    char many[400] = "";
    for (int i = 0; i < 70; i++) snprintf(many + strlen(many), 6, "a%d&", i);
    assert_int_equal(jd_target_params(&a, jd_str_of(many), &p, &n, &err), -1);
    jd_arena_fini(&a);
}

static jd_turn nothing(jd_req *r) {
    r->status = 204;
    return JD_ANSWER;
}

static const jd_route rows[] = {
    {JD_GET, "/", nothing, NULL, 0, NULL},
    {JD_GET, "/v1/entities", nothing, "q type", JD_R_SLASH, NULL},
    {JD_POST, "/v1/entities", nothing, NULL, JD_R_SLASH, NULL},
    {JD_DELETE, "/v1/entities", nothing, NULL, 0, NULL},
    {JD_GET, "/v1/entities/{id}", nothing, NULL, 0, NULL},
    {JD_PATCH, "/v1/entities/{id}/attrs/{attr}", nothing, NULL, 0, NULL},
    {JD_GET, "/v1/entities/count", nothing, "*", 0, NULL},
    {JD_GET, "/v1/{kind}/{id}/history", nothing, NULL, 0, NULL},
    {JD_GET, "/{a}/{b}/{c}/{d}", nothing, NULL, 0, NULL},
};

static void finds_rows(void **state) {
    (void)state;
    jd_routes *t;
    jd_err err;
    assert_int_equal(jd_routes_make(&t, rows, sizeof rows / sizeof *rows, &err), 0);
    jd_arena a;
    jd_arena_init(&a);
    static const struct {
        jd_method method;
        const char *path;
        int row; /* -1: none */
        unsigned methods;
        const char *parts[4];
    } want[] = {
        {JD_GET, "/", 0, JD_GET, {0}},
        {JD_HEAD, "/", 0, JD_GET, {0}},
        {JD_GET, "/v1/entities", 1, JD_GET | JD_POST | JD_DELETE, {0}},
        {JD_GET, "/v1/entities/", 1, JD_GET | JD_POST, {0}},
        {JD_DELETE, "/v1/entities", 3, JD_GET | JD_POST | JD_DELETE, {0}},
        {JD_DELETE, "/v1/entities/", -1, JD_GET | JD_POST, {0}},
        {JD_GET, "/v1/entities//", -1, 0, {0}},
        {JD_GET, "/v1//entities", -1, 0, {0}},
        {JD_GET, "//", -1, 0, {0}},
        {JD_GET, "/v1/%65ntities", 1, JD_GET | JD_POST | JD_DELETE, {0}},
        {JD_GET, "/v1/entities/urn%3Ax%2Fy", 4, JD_GET, {"urn%3Ax%2Fy"}},
        {JD_GET, "/v1/entities/a/", -1, 0, {0}},
        {JD_GET, "/v1/entities/count", 6, JD_GET, {0}},
        {JD_PATCH, "/v1/entities/a/attrs/b", 5, JD_PATCH, {"a", "b"}},
        {JD_PUT, "/v1/entities/a/attrs/b", -1, JD_PATCH, {"a", "b"}},
        {JD_PATCH, "/v1/entities//attrs/b", 5, JD_PATCH, {"", "b"}},
        {JD_GET, "/v1/entities/a/history", 7, JD_GET, {"entities", "a"}},
        {JD_GET, "/v1/x/y/history", 7, JD_GET, {"x", "y"}},
        {JD_GET, "/v1/x/y/z", 8, JD_GET, {"v1", "x", "y", "z"}},
        {JD_GET, "/v1/x/y/z/w", -1, 0, {0}},
        {JD_GET, "/v1", -1, 0, {0}},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        jd_found f;
        jd_routes_find(t, &a, jd_str_of(want[i].path), want[i].method, &f);
        int got = f.route ? (int)(f.route - rows) : -1;
        if (got != want[i].row || f.methods != want[i].methods)
            fail_msg("%s: row %d, methods %u", want[i].path, got, f.methods);
        for (int k = 0; k < 4 && want[i].parts[k]; k++)
            if (!jd_str_is(f.parts[k], want[i].parts[k])) fail_msg("%s: part %d", want[i].path, k);
    }
    jd_param p[] = {{JD_STR("type"), JD_STR("x")}, {JD_STR("typo"), JD_STR("y")}};
    assert_null(jd_routes_stranger(t, &rows[1], p, 1));
    assert_ptr_equal(jd_routes_stranger(t, &rows[1], p, 2), &p[1]);
    assert_ptr_equal(jd_routes_stranger(t, &rows[0], p, 1), &p[0]);
    assert_null(jd_routes_stranger(t, &rows[6], p, 2));
    jd_arena_fini(&a);
    jd_routes_free(t);
}

static void refuses_bad_tables(void **state) {
    (void)state;
    static const jd_route bad[][2] = {
        {{JD_GET, "/a", nothing, NULL, 0, NULL}, {JD_GET, "/a", nothing, NULL, 0, NULL}},
        {{JD_GET, "/a/{x}", nothing, NULL, 0, NULL}, {JD_GET, "/a/{y}", nothing, NULL, 0, NULL}},
        {{JD_GET, "a", nothing, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
        {{JD_GET, "/a//b", nothing, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
        {{JD_GET, "/a/{x", nothing, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
        {{JD_GET, "/{a}/{b}/{c}/{d}/{e}", nothing, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
        {{JD_GET, "/a", NULL, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
        {{JD_GET | JD_POST, "/a", nothing, NULL, 0, NULL}, {JD_GET, "/b", nothing, NULL, 0, NULL}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        jd_routes *t = NULL;
        jd_err err;
        if (jd_routes_make(&t, bad[i], 2, &err) == 0) fail_msg("table %zu was taken", i);
        assert_null(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_targets),     cmocka_unit_test(decodes),
        cmocka_unit_test(reads_parameters),   cmocka_unit_test(finds_rows),
        cmocka_unit_test(refuses_bad_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
