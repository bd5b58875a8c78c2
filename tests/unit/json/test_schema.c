/* Schemas: each keyword holds and refuses, what is said and where; keywords that are not checked are no schema. */
#include "json/schema.h"
#include "model/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int re_compile(jd_arena *a, jd_str pattern, void **out, jd_err *err) {
    jd_regex *re = NULL;
    int rc = jd_regex_compile(a, pattern, &re, err);
    *out = re;
    return rc;
}
static int re_test(const void *re, jd_str text) {
    return jd_regex_test(re, text);
}
static void re_fini(void *re) {
    jd_regex_fini(re);
}
static const jd_schema_regex regex = {re_compile, re_test, re_fini};

/* What is said of a text: "LINE:COLUMN path: reason" of each fault, joined by " | "; "" when it is valid. */
static const char *said(const char *schema, const char *text, int zh) {
    static char out[4000];
    jd_schema *s;
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    if (jd_schema_compile(jd_str_of(schema), &regex, &s, &err)) fail_msg("%s: %s (%s)", schema, err.en, err.place);
    jd_arena_init(&a);
    assert_int_equal(jd_json_parse(&a, jd_str_of(text), NULL, &v, &err), 0);
    size_t n = 0;
    out[0] = 0;
    for (const jd_schema_fault *f = jd_schema_check(s, &v, &a); f; f = f->next) {
        jd_buf path = {0};
        unsigned line, column;
        jd_jpath_write(&path, f->at);
        jd_jplace_of(jd_str_of(text), f->at, &line, &column);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%u:%u %.*s: %s", n ? " | " : "", line, column, (int)path.n,
                              path.n ? path.p : "", zh ? f->zh : f->en);
        jd_buf_fini(&path);
    }
    jd_arena_fini(&a);
    jd_schema_free(s);
    return out;
}

static void holds(const char *schema, const char *text) {
    const char *got = said(schema, text, 0);
    if (*got) fail_msg("%s on %s: %s", schema, text, got);
}

static void refuses(const char *schema, const char *text, const char *want) {
    const char *got = said(schema, text, 0);
    if (strcmp(got, want) != 0) fail_msg("%s on %s:\n got  %s\n want %s", schema, text, got, want);
}

static void test_types(void **state) {
    (void)state;
    static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    static const char *const values[] = {"null", "true", "7", "7.5", "\"x\"", "[]", "{}"};
    for (size_t t = 0; t < 7; t++)
        for (size_t v = 0; v < 7; v++) {
            char schema[60];
            snprintf(schema, sizeof schema, "{\"type\": \"%s\"}", types[t]);
            int fits = t == v || (t == 3 && v == 2);
            if (fits != !*said(schema, values[v], 0)) fail_msg("%s on %s", schema, values[v]);
        }
    holds("{\"type\": \"integer\"}", "1.0");
    holds("{\"type\": \"integer\"}", "1e30");
    refuses("{\"type\": [\"string\", \"array\", \"null\"]}", "1", "1:1 : must be null, a string or an array");
    assert_string_equal(said("{\"type\": [\"string\", \"array\"]}", "1", 1), "1:1 : 须为字符串或数组");
    holds("true", "1");
    refuses("false", " 1", "1:2 : may not stand here");
}

static void test_values(void **state) {
    (void)state;
    holds("{\"const\": {\"a\": 1, \"b\": [2]}}", "{\"b\": [2.0], \"a\": 1.0}");
    refuses("{\"const\": 1}", "2", "1:1 : must be 1");
    holds("{\"enum\": [\"a\", null, 3]}", "null");
    refuses("{\"enum\": [\"a\", null, 3]}", "4", "1:1 : must be one of \"a\", null, 3");
    holds("{\"minimum\": 1, \"maximum\": 2}", "1");
    holds("{\"minimum\": 1, \"maximum\": 2}", "2");
    refuses("{\"minimum\": 1}", "0.9", "1:1 : must be at least 1");
    refuses("{\"maximum\": 2}", "2.1", "1:1 : must be at most 2");
    refuses("{\"exclusiveMinimum\": 1}", "1", "1:1 : must be more than 1");
    holds("{\"exclusiveMinimum\": 1}", "1.5");
    refuses("{\"exclusiveMaximum\": 2}", "2", "1:1 : must be less than 2");
    holds("{\"exclusiveMaximum\": 2}", "1.5");
    holds("{\"minimum\": 9, \"minLength\": 9, \"minItems\": 9, \"minProperties\": 9}", "true"); /* of other types */
}

static void test_strings(void **state) {
    (void)state;
    holds("{\"minLength\": 2, \"maxLength\": 2}", "\"\\u6d25渡\"");
    refuses("{\"minLength\": 3}", "\"津渡\"", "1:1 : must have at least 3 characters");
    refuses("{\"minLength\": 1}", "\"\"", "1:1 : must not be empty");
    refuses("{\"maxLength\": 1}", "\"津渡\"", "1:1 : must have at most 1 characters");
    holds("{\"pattern\": \"b.d\"}", "\"abcde\"");
    refuses("{\"pattern\": \"^b.d$\"}", "\"abcde\"", "1:1 : must match ^b.d$");
}

static void test_arrays(void **state) {
    (void)state;
    holds("{\"items\": {\"type\": \"number\"}}", "[]");
    refuses("{\"items\": {\"type\": \"number\"}}", "[1,\n \"x\", \"y\"]",
            "2:2 [1]: must be a number | 2:7 [2]: must be a number");
    holds("{\"prefixItems\": [{\"const\": 1}, {\"const\": 2}]}", "[1, 2, 3]");
    holds("{\"prefixItems\": [{\"const\": 1}, {\"const\": 2}]}", "[1]");
    refuses("{\"prefixItems\": [{\"const\": 1}], \"items\": false}", "[2, 3]",
            "1:2 [0]: must be 1 | 1:5 [1]: may not stand here");
    refuses("{\"minItems\": 2}", "[1]", "1:1 : must have at least 2 elements");
    refuses("{\"maxItems\": 2}", "[1, 2, 3]", "1:1 : must have at most 2 elements");
    holds("{\"uniqueItems\": true}", "[1, \"1\", [1], {\"a\": 1}, {\"a\": 2}, true, null]");
    refuses("{\"uniqueItems\": true}", "[{\"a\": 1, \"b\": 2}, 3, {\"b\": 2.0, \"a\": 1}]",
            "1:23 [2]: stands here twice (it is [0] already)");
    refuses("{\"uniqueItems\": true}", "[0, -0.0]", "1:5 [1]: stands here twice (it is [0] already)");
    holds("{\"uniqueItems\": false}", "[1, 1]");
}

static void test_objects(void **state) {
    (void)state;
    const char *s = "{\"properties\": {\"a\": {\"type\": \"number\"}, \"b\": true}, \"required\": [\"a\"],"
                    "\"additionalProperties\": false}";
    holds(s, "{\"a\": 1, \"b\": null}");
    refuses(s, "{\"b\": 1}", "1:1 : the member \"a\" is missing");
    refuses(s, "{\n  \"a\": \"x\",\n  \"c\": 2}",
            "2:3 a: must be a number | 3:3 c: is not known here; known are: a, b");
    refuses("{\"additionalProperties\": {\"type\": \"string\"}}", "{\"x\": 1}", "1:2 x: must be a string");
    refuses("{\"patternProperties\": {\"^n\": {\"type\": \"number\"}}, \"additionalProperties\": false}",
            "{\"n1\": \"x\", \"m\": 1}", "1:2 n1: must be a number | 1:13 m: is not known here; known are: ");
    holds("{\"patternProperties\": {\"^n\": {\"type\": \"number\"}}, \"additionalProperties\": false}", "{\"n1\": 1}");
    refuses("{\"propertyNames\": {\"maxLength\": 2}}", "{\"abc\": 1}", "1:2 abc: is no name that may stand here");
    holds("{\"propertyNames\": {\"maxLength\": 2}}", "{\"ab\": 1}");
    refuses("{\"minProperties\": 1}", "{}", "1:1 : must have at least 1 members");
    refuses("{\"maxProperties\": 1}", "{\"a\": 1, \"b\": 1}", "1:1 : must have at most 1 members");
}

static void test_applied(void **state) {
    (void)state;
    holds("{\"allOf\": [{\"minimum\": 1}, {\"maximum\": 3}]}", "2");
    refuses("{\"allOf\": [{\"minimum\": 5}, {\"maximum\": 3}]}", "4",
            "1:1 : must be at least 5 | 1:1 : must be at most 3");
    holds("{\"anyOf\": [{\"minimum\": 5}, {\"maximum\": 5}]}", "5");
    holds("{\"oneOf\": [{\"minimum\": 5}, {\"maximum\": 4}]}", "5");
    refuses("{\"oneOf\": [{\"minimum\": 5}, {\"maximum\": 5}]}", "5",
            "1:1 : fits more than one of the forms that exclude each other");
    refuses("{\"not\": {\"type\": \"string\"}}", "\"x\"", "1:1 : must not be like this");
    holds("{\"not\": {\"type\": \"string\"}}", "1");
    const char *s = "{\"if\": {\"type\": \"string\"}, \"then\": {\"minLength\": 2}, \"else\": {\"minimum\": 2}}";
    holds(s, "\"xy\"");
    holds(s, "2");
    refuses(s, "\"x\"", "1:1 : must have at least 2 characters");
    refuses(s, "1", "1:1 : must be at least 2");
    holds("{\"if\": {\"type\": \"string\"}, \"then\": {\"minLength\": 2}}", "1");
    const char *list = "{\"$ref\": \"#/$defs/list\", \"$defs\": {\"list\": {\"type\": \"object\", \"properties\": "
                       "{\"next\": {\"$ref\": \"#/$defs/list\"}}, \"additionalProperties\": false}}}";
    holds(list, "{\"next\": {\"next\": {}}}");
    refuses(list, "{\"next\": {\"next\": {\"x\": 1}}}", "1:20 next.next.x: is not known here; known are: next");
    refuses("{\"properties\": {\"a\": {\"$ref\": \"#\"}}, \"type\": \"object\"}", "{\"a\": {\"a\": 1}}",
            "1:8 a.a: must be an object");
    /* a reference that leads to itself ends */
    refuses("{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"$ref\": \"#/$defs/a\"}}}", "1",
            "1:1 : is nested too deep");
}

/* Of branches, the reason of the one that was meant. */
static void test_choice(void **state) {
    (void)state;
    const char *kinds =
        "{\"oneOf\": [{\"type\": \"string\"}, {\"type\": \"object\", \"properties\": {\"kind\": {\"const\": "
        "\"A\"}, \"a\": {\"type\": \"number\"}}, \"required\": [\"kind\", \"a\"]}, {\"type\": \"object\", "
        "\"properties\": {\"kind\": {\"const\": \"B\"}, \"b\": {\"type\": \"number\"}}, \"required\": "
        "[\"kind\", \"b\"]}]}";
    holds(kinds, "\"x\"");
    refuses(kinds, "1", "1:1 : must be a string or an object");
    refuses(kinds, "{\"kind\": \"B\", \"b\": \"x\"}", "1:15 b: must be a number");
    refuses(kinds, "{\"kind\": \"A\", \"b\": 1}", "1:1 : the member \"a\" is missing");
    refuses(kinds, "{\"kind\": \"C\", \"b\": 1}", "1:2 kind: must be one of \"A\", \"B\"");
    refuses("{\"anyOf\": [{\"const\": 1}, {\"const\": 2}]}", "3", "1:1 : must be one of 1, 2");
    const char *one = "{\"oneOf\": [{\"required\": [\"listen\"]}, {\"required\": [\"dial\"]}]}";
    refuses(one, "{}", "1:1 : one of these must be there: listen, dial");
    refuses(one, "{\"listen\": 1, \"dial\": 1}", "1:1 : only one of these may be there: listen, dial");
    holds(one, "{\"dial\": 1}");
    assert_string_equal(said(one, "{}", 1), "1:1 : 以下成员须有其一：listen, dial");
}

/* What is said of a schema: its path and why. */
static void test_unknown(void **state) {
    (void)state;
    static const struct {
        const char *schema, *place, *why;
    } bad[] = {
        {"{\"format\": \"uri\"}", "format", "schema: is no keyword that is checked here"},
        {"{\"properties\": {\"a\": {\"items\": {\"multipleOf\": 2}}}}", "properties.items.multipleOf",
         "schema: is no keyword that is checked here"},
        {"{\"$defs\": {\"a\": {\"unevaluatedProperties\": false}}}", "$defs.a.unevaluatedProperties",
         "schema: is no keyword that is checked here"},
        {"{\"items\": {\"$defs\": {}}}", "items.$defs", "schema: is no keyword that is checked here"},
        {"{\"type\": \"text\"}", "type", "schema: there is no such type"},
        {"{\"type\": []}", "type", "schema: no type"},
        {"{\"$ref\": \"#/$defs/none\"}", "$ref", "schema: refers to nothing here"},
        {"{\"$ref\": \"other.json\"}", "$ref", "schema: refers to nothing here"},
        {"{\"minLength\": -1}", "minLength", "schema: must be a whole number"},
        {"{\"minimum\": \"1\"}", "minimum", "schema: must be a number"},
        {"{\"minimum\": 1, \"exclusiveMinimum\": 1}", "exclusiveMinimum", "schema: a bound with and without its end"},
        {"{\"then\": true}", "", "schema: then and else need an if"},
        {"{\"oneOf\": []}", "oneOf", "schema: must be an array of schemas"},
        {"{\"required\": [1]}", "required", "schema: must be an array of names"},
        {"{\"items\": 3}", "items", "schema: a schema is an object, or true or false"},
        {"[]", "", "schema: a schema is an object, or true or false"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        jd_schema *s = NULL;
        jd_err err = {0};
        assert_int_equal(jd_schema_compile(jd_str_of(bad[i].schema), &regex, &s, &err), -1);
        assert_string_equal(err.en, bad[i].why);
        assert_string_equal(err.place, bad[i].place);
    }
    jd_schema *s = NULL;
    jd_err err = {0};
    assert_int_equal(jd_schema_compile(JD_STR("{\"pattern\": \"[\"}"), &regex, &s, &err), -1);
    assert_int_equal(jd_schema_compile(JD_STR("{\"pattern\": \"a\"}"), NULL, &s, &err), -1);
}

static void test_many(void **state) {
    (void)state;
    jd_buf text = {0};
    jd_schema *s;
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    jd_buf_c(&text, '[');
    for (int i = 0; i < 500; i++) jd_buf_z(&text, i ? ",1" : "1");
    jd_buf_c(&text, ']');
    jd_arena_init(&a);
    assert_int_equal(jd_schema_compile(JD_STR("{\"items\": {\"type\": \"string\"}}"), &regex, &s, &err), 0);
    assert_int_equal(jd_json_parse(&a, jd_buf_view(&text), NULL, &v, &err), 0);
    size_t n = 0;
    for (const jd_schema_fault *f = jd_schema_check(s, &v, &a); f; f = f->next) n++;
    assert_int_equal(n, JD_SCHEMA_FAULTS_MAX);
    jd_schema_free(s);
    jd_arena_fini(&a);
    jd_buf_fini(&text);
}

/* ---- places ---- */

static void place_is(const char *text, const char *path, unsigned line, unsigned column, const char *span) {
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    unsigned l, c;
    jd_arena_init(&a);
    assert_int_equal(jd_json_parse(&a, jd_str_of(text), NULL, &v, &err), 0);
    const jd_jstep *at = jd_jsteps(&a, &v, jd_str_of(path));
    jd_jplace_of(jd_str_of(text), at, &l, &c);
    jd_str s = jd_jspan(jd_str_of(text), at, NULL);
    if (l != line || c != column || !jd_str_is(s, span)) fail_msg("%s: %u:%u %.*s", path, l, c, (int)s.n, s.p);
    jd_buf b = {0};
    jd_jpath_write(&b, at);
    assert_true(jd_str_is(jd_buf_view(&b), path));
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

static void test_places(void **state) {
    (void)state;
    const char *t = " {\"a\\\"}\": [1, {\"x\": \"]\\\\\", \"津\": [ ] , \"y.z\" :\n{\"w\" : -1.5e3} }], \"b\":null}";
    place_is(t, "", 1, 2, t + 1);
    place_is(t, "b", 2, 20, "null");
    place_is(t, "a\"}[0]", 1, 12, "1");
    place_is(t, "a\"}[1].x", 1, 16, "\"]\\\\\"");
    place_is(t, "a\"}[1].津", 1, 28, "[ ]");
    place_is(t, "a\"}[1].y.z.w", 2, 2, "-1.5e3");
    place_is("[[],[\"\"]]", "[1][0]", 1, 6, "\"\"");
    place_is("7", "", 1, 1, "7");
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    jd_arena_init(&a);
    assert_int_equal(jd_json_parse(&a, jd_str_of(t), NULL, &v, &err), 0);
    jd_buf b = {0};
    jd_jpath_write(&b, jd_jsteps(&a, &v, JD_STR("b.nothing.there"))); /* as far down as there is something */
    assert_true(jd_str_is(jd_buf_view(&b), "b"));
    jd_buf_fini(&b);
    jd_arena_fini(&a);
    jd_str span = JD_STR("\"a\\n\\u6d25x\\\"yz\"");
    assert_ptr_equal(jd_jspan_char(span, 1, 1), span.p + 1);
    assert_ptr_equal(jd_jspan_char(span, 2, 1), span.p + 4);
    assert_ptr_equal(jd_jspan_char(span, 2, 2), span.p + 10);
    assert_ptr_equal(jd_jspan_char(span, 2, 4), span.p + 13);
    assert_ptr_equal(jd_jspan_char(span, 9, 9), span.p + span.n - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),  cmocka_unit_test(test_values),  cmocka_unit_test(test_strings),
        cmocka_unit_test(test_arrays), cmocka_unit_test(test_objects), cmocka_unit_test(test_applied),
        cmocka_unit_test(test_choice), cmocka_unit_test(test_unknown), cmocka_unit_test(test_many),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
