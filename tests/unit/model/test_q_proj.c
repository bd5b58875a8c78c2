/* attrs, pick and omit (clause 4.21; suite 018_17-018_20, 019_17-019_23, 019_33, 421, 019_03_03). */
#include "query_test.h"

#define NONE ((jd_str){NULL, 0})

static int compile(world *w, const char *attrs, const char *pick, const char *omit, jd_proj **out) {
    jd_names n = names_of(w);
    return jd_proj_compile(&n, attrs ? jd_str_of(attrs) : NONE, pick ? jd_str_of(pick) : NONE,
                           omit ? jd_str_of(omit) : NONE, out, &w->err);
}

/* The members shown, as a list of names; a document must have been made that uses the names. */
static void shown(world *w, const jd_proj *p, const jd_doc *d, char *out, size_t cap) {
    static const char *const members[] = {"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"};
    size_t n = 0;
    out[0] = 0;
    for (int m = JD_M_ID; m <= JD_M_EXPIRES; m++)
        if (jd_proj_member(p, (jd_member)m)) n += (size_t)snprintf(out + n, cap - n, "%s ", members[m]);
    jd_bytes rest = d->attrs;
    jd_attrview v;
    while (jd_attr_next(&rest, d->created, &v))
        if (jd_proj_attr(p, v.name)) {
            jd_str name = jd_ctx_compact(w->ctx, v.name);
            n += (size_t)snprintf(out + n, cap - n, "%.*s ", JD_STR_ARG(name));
        }
    if (n) out[n - 1] = 0;
}

static const char building[] =
    "{\"id\":\"urn:ngsi-ld:Building:1\",\"type\":\"Building\",\"name\":\"Eiffel Tower\",\"subCategory\":\"tourism\","
    "\"airQualityLevel\":4,\"almostFull\":false,\"locatedAt\":{\"object\":\"urn:ngsi-ld:City:1\"}}";

static void test_what_is_shown(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, building);
    char want[200];
    static const struct {
        const char *test, *attrs, *pick, *omit, *members, *rest;
    } rows[] = {
        {"019_17_01", NULL, "name", NULL, "", "name"},
        {"019_17_02", NULL, NULL, "name", "id type scope createdAt modifiedAt expiresAt ",
         "subCategory airQualityLevel almostFull locatedAt"},
        {"019_17_03", NULL, "id", NULL, "id", ""},
        {"019_17_04", NULL, NULL, "id", "type scope createdAt modifiedAt expiresAt ",
         "name subCategory airQualityLevel almostFull locatedAt"},
        {"019_17_05", NULL, "id,name", NULL, "id ", "name"},
        {"019_17_06", NULL, NULL, "type,name", "id scope createdAt modifiedAt expiresAt ",
         "subCategory airQualityLevel almostFull locatedAt"},
        {"421_01_01", NULL, "name|airQualityLevel", NULL, "", "name airQualityLevel"},
        {"4.21", NULL, " name , airQualityLevel ", NULL, "", "name airQualityLevel"},
        {"019_01_04", TS "airQualityLevel," TS "subCategory", NULL, NULL,
         "id type scope createdAt modifiedAt expiresAt ", "subCategory airQualityLevel"},
        {"both", NULL, "id,name,almostFull", "type", "id ", "name almostFull"},
        {"twice", NULL, "name,name", NULL, "", "name"},
        {"unknown", NULL, "name,unheardOf", NULL, "", "name"},
        {"sysAttrs", NULL, "createdAt,scope,expiresAt", NULL, "scope createdAt expiresAt", ""},
        {"sysAttrs", NULL, NULL, "modifiedAt", "id type scope createdAt expiresAt ",
         "name subCategory airQualityLevel almostFull locatedAt"},
        {"@context", NULL, "@context,id", NULL, "id", ""},
        {"nested", NULL, "id,locatedAt{id,name}", NULL, "id ", "locatedAt"},
        {"nested", NULL, NULL, "type,locatedAt{name}", "id scope createdAt modifiedAt expiresAt ",
         "name subCategory airQualityLevel almostFull locatedAt"},
        {"iri", NULL, "https://uri.etsi.org/ngsi-ld/default-context/locatedAt", NULL, "", "locatedAt"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        jd_proj *p = NULL;
        char got[200];
        if (compile(&w, rows[i].attrs, rows[i].pick, rows[i].omit, &p)) fail_msg("%s: %s", rows[i].test, w.err.en);
        shown(&w, p, d, got, sizeof got);
        snprintf(want, sizeof want, "%s%s", rows[i].members, rows[i].rest);
        if (strcmp(got, want) != 0) fail_msg("%s: shows '%s', not '%s'", rows[i].test, got, want);
    }
    /* without any of them there is nothing to ask */
    jd_proj *p = (jd_proj *)&w;
    assert_int_equal(compile(&w, NULL, NULL, NULL, &p), 0);
    assert_null(p);
    assert_int_equal(jd_proj_member(NULL, JD_M_ID), 1);
    assert_int_equal(jd_proj_attr(NULL, 5), 1);
    assert_int_equal(jd_proj_keeps(NULL, d), 1);
    assert_null(jd_proj_nested(NULL, 5));
    assert_int_equal(jd_proj_links(NULL), 0);
    assert_int_equal(jd_proj_narrows(NULL), 0);
    world_end(&w);
}

static void test_refusals(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    static const struct {
        const char *test, *attrs, *pick, *omit, *place;
    } rows[] = {
        {"019_18_01", NULL, "name", "name", "omit, column 1"},
        {"019_18_01, id", NULL, "id,name", "type,id", "omit, column 6"},
        {"019_18_02", "category", "name", NULL, "attrs"},
        {"019_18_03", "category", NULL, "name", "attrs"},
        {"019_18_04", NULL, "id;name", NULL, "pick, column 3"},
        {"019_18_05", NULL, "id,locatedAt{name", NULL, "pick, column 18"},
        {"019_18_06", NULL, "id,locatedAt{{name}", NULL, "pick, column 14"},
        {"019_18_07", NULL, "id,,name", NULL, "pick, column 4"},
        {"019_18_08", NULL, "id,locatedAt{,name}", NULL, "pick, column 14"},
        {"019_18_09", NULL, "id,locatedAt{}", NULL, "pick, column 14"},
        {"421_01_02", NULL, "name||airQualityLevel", NULL, "pick, column 6"},
        {"019_03_03", "id,type", NULL, NULL, "attrs, column 1"},
        {"019_03_03", "speed,type", NULL, NULL, "attrs, column 7"},
        {"5621_01_02", "owner{name}", NULL, NULL, "attrs, column 1"},
        {"empty", NULL, "", NULL, "pick, column 1"},
        {"empty", NULL, NULL, "", "omit, column 1"},
        {"empty", "", NULL, NULL, "attrs, column 1"},
        {"last", NULL, "id,", NULL, "pick, column 4"},
        {"brace", NULL, "id}", NULL, "pick, column 3"},
        {"member", NULL, "id{name}", NULL, "pick, column 1"},
        {"twice", NULL, "a{b},a{c}", NULL, "pick, column 6"},
        {"twice", NULL, "a,a{c}", NULL, "pick, column 3"},
        {"inside", NULL, "a{b,c}", "a{x,c}", "omit, column 5"},
        {"whole", NULL, "a{b}", "a", "omit, column 1"},
        {"019_33_04, eleven hops", NULL, "a{a{a{a{a{a{a{a{a{a{a{n}}}}}}}}}}}", NULL, "pick, column 21"},
        {"019_33_05", NULL, NULL, "a{a{a{a{a{a{a{a{a{a{a{n}}}}}}}}}}}", "omit, column 21"},
        {"words", NULL, "id name", NULL, "pick, column 4"},
        {"中", NULL, "名称,;", NULL, "pick, column 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        jd_proj *p = NULL;
        memset(&w.err, 0, sizeof w.err);
        if (!compile(&w, rows[i].attrs, rows[i].pick, rows[i].omit, &p)) fail_msg("%s: not refused", rows[i].test);
        if (strcmp(w.err.place, rows[i].place) != 0)
            fail_msg("%s: at '%s', not '%s': %s", rows[i].test, w.err.place, rows[i].place, w.err.en);
        assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
        assert_null(p);
    }
    world_end(&w);
}

static void test_nested(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, building);
    const jd_doc *city =
        doc_of(&w, "{\"id\":\"urn:ngsi-ld:City:1\",\"type\":\"City\",\"name\":\"Paris\",\"description\":\"capital\","
                   "\"isInCountry\":{\"object\":\"urn:ngsi-ld:Country:1\"}}");
    jd_sym at = sym_of(&w, "locatedAt"), in = sym_of(&w, "isInCountry");
    jd_proj *p;
    char got[200];
    /* 019_22_03 */
    assert_int_equal(compile(&w, NULL, "id,locatedAt{id,name,isInCountry{id,description}}", NULL, &p), 0);
    assert_int_equal(jd_proj_links(p), 2);
    const jd_proj *one = jd_proj_nested(p, at);
    assert_non_null(one);
    shown(&w, one, city, got, sizeof got);
    assert_string_equal(got, "id name isInCountry");
    assert_int_equal(jd_proj_links(one), 1);
    const jd_proj *two = jd_proj_nested(one, in);
    assert_non_null(two);
    shown(&w, two, city, got, sizeof got);
    assert_string_equal(got, "id description");
    assert_null(jd_proj_nested(p, in));
    assert_null(jd_proj_nested(two, at));
    /* 019_23_03: what is in braces is omitted further down only */
    assert_int_equal(compile(&w, NULL, NULL, "type,locatedAt{name,isInCountry{description}}", &p), 0);
    shown(&w, p, d, got, sizeof got);
    assert_string_equal(
        got, "id scope createdAt modifiedAt expiresAt name subCategory airQualityLevel almostFull locatedAt");
    one = jd_proj_nested(p, at);
    shown(&w, one, city, got, sizeof got);
    assert_string_equal(got, "id type scope createdAt modifiedAt expiresAt description isInCountry");
    shown(&w, jd_proj_nested(one, in), city, got, sizeof got);
    assert_string_equal(got, "id type scope createdAt modifiedAt expiresAt name isInCountry");
    /* pick and omit of the same linked entity */
    assert_int_equal(compile(&w, NULL, "locatedAt", "locatedAt{name}", &p), 0);
    shown(&w, jd_proj_nested(p, at), city, got, sizeof got);
    assert_string_equal(got, "id type scope createdAt modifiedAt expiresAt description isInCountry");
    assert_int_equal(compile(&w, NULL, "locatedAt{id,name}", "locatedAt{description}", &p), 0);
    shown(&w, jd_proj_nested(p, at), city, got, sizeof got);
    assert_string_equal(got, "id name");
    /* a name that the store does not know can lead nowhere, but counts as a level (019_33) */
    assert_int_equal(compile(&w, NULL, "locatedAt{owner{name}}", NULL, &p), 0);
    assert_int_equal(jd_proj_links(p), 2);
    assert_int_equal(compile(&w, NULL, "a{a{a{a{a{a{a{a{a{a{n}}}}}}}}}}", NULL, &p), 0);
    assert_int_equal(jd_proj_links(p), 10);
    world_end(&w);
}

static void test_what_is_kept(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *b = doc_of(&w, building);
    const jd_doc *v = doc_of(
        &w, "{\"id\":\"urn:ngsi-ld:Vehicle:1\",\"type\":\"Vehicle\",\"scope\":\"/s\",\"brandName\":\"Mercedes\"}");
    static const struct {
        const char *attrs, *pick, *omit;
        int building, vehicle, narrows;
    } rows[] = {
        {NULL, "name", NULL, 1, 0, 1}, /* 019_17_01 */
        {NULL, "id,name", NULL, 1, 1, 1},
        {NULL, "unknown", NULL, 0, 0, 1},                                                       /* 018_19_01 */
        {NULL, NULL, "id,type,name,subCategory,airQualityLevel,almostFull,locatedAt", 0, 1, 0}, /* 018_19_02 */
        {NULL, NULL, "id,type,brandName", 1, 1, 0},
        {NULL, NULL, "id,type,brandName,scope", 1, 0, 0},
        {NULL, NULL, "id,type,locatedAt{name}", 1, 1, 0},
        {NULL, "scope", NULL, 0, 1, 0},
        {NULL, "createdAt", NULL, 1, 1, 0},
        {NULL, "brandName,name", "scope", 1, 1, 1},
        {"brandName,isParked", NULL, NULL, 0, 1, 1}, /* 019_02_04 */
        {"unknown", NULL, NULL, 0, 0, 1},            /* 018_03_02 */
        {"createdAt", NULL, NULL, 1, 1, 0},          /* 5722_01_01: too wide, which is for the caller to say */
        {"createdAt,name", NULL, NULL, 1, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        jd_proj *p;
        if (compile(&w, rows[i].attrs, rows[i].pick, rows[i].omit, &p)) fail_msg("row %zu: %s", i, w.err.en);
        if (jd_proj_keeps(p, b) != rows[i].building || jd_proj_keeps(p, v) != rows[i].vehicle) fail_msg("row %zu", i);
        assert_int_equal(jd_proj_narrows(p), rows[i].narrows);
    }
    world_end(&w);
}

/* The lists are searched, not walked: all of many names must be found. */
static void test_many_names(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    jd_buf json = {0}, pick = {0};
    jd_buf_z(&json, "{\"id\":\"urn:x:1\",\"type\":\"T\"");
    for (int i = 0; i < 300; i++) {
        jd_buf_printf(&json, ",\"a%d\":1", (i * 7919) % 300);
        if (i % 2) jd_buf_printf(&pick, "%sa%d", pick.n ? "," : "", i);
    }
    jd_buf_c(&json, '}');
    jd_buf_c(&json, 0);
    jd_buf_c(&pick, 0);
    const jd_doc *d = doc_of(&w, json.p);
    jd_proj *p, *o;
    assert_int_equal(compile(&w, NULL, pick.p, NULL, &p), 0);
    assert_int_equal(compile(&w, NULL, NULL, pick.p, &o), 0);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        assert_int_equal(jd_proj_attr(p, sym_of(&w, name)), i % 2);
        assert_int_equal(jd_proj_attr(o, sym_of(&w, name)), !(i % 2));
    }
    assert_int_equal(jd_proj_keeps(p, d), 1);
    jd_buf_fini(&pick);
    for (int i = 0; i < 1001; i++) jd_buf_printf(&pick, "%sa%d", pick.n ? "," : "", i);
    jd_buf_c(&pick, 0);
    assert_int_equal(compile(&w, NULL, pick.p, NULL, &p), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    jd_buf_fini(&pick);
    jd_buf_fini(&json);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_shown), cmocka_unit_test(test_refusals),   cmocka_unit_test(test_nested),
        cmocka_unit_test(test_what_is_kept),  cmocka_unit_test(test_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
