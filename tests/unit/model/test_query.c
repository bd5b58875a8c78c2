/* The expressions of the ETSI test suite (groups Consumption/Entity, Consumption/TemporalEntity, Discovery, Purge) on
 * its own fixtures, with the answers that it expects. Each row names its test case. */
#include "query_test.h"

typedef struct row {
    const char *test, *text;
    int want; /* how many match; -1: refused */
} row;

static void check_counts(world *w, const row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int got = q_count(w, rows[i].text);
        if (got != rows[i].want)
            fail_msg("%s: q=%s matches %d, not %d %s", rows[i].test, rows[i].text, got, rows[i].want,
                     got < 0 ? w->err.en : "");
        if (got < 0) assert_int_equal(w->err.code, JD_E_BAD_REQUEST_DATA);
    }
}
#define CHECK_COUNTS(w, rows) check_counts(w, rows, sizeof rows / sizeof *rows)

#define EIFFEL "\"name\":{\"type\":\"Property\",\"value\":\"Eiffel Tower\"}"
#define PISA "\"name\":{\"type\":\"Property\",\"value\":\"Pisa Tower\"}"

/* 019_07, 019_09: three entities of different types */
static void test_019_09_values(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:1\",\"type\":\"Building\"," EIFFEL
               ",\"subCategory\":{\"type\":\"Property\",\"value\":\"tourism\"},"
               "\"airQualityLevel\":{\"type\":\"Property\",\"value\":4,\"unitCode\":\"C62\",\"observedAt\":\"2020-09-"
               "09T16:40:00.000Z\"},"
               "\"almostFull\":{\"type\":\"Property\",\"value\":false}}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:2\",\"type\":\"Building\"," PISA
               ",\"airQualityLevel\":{\"type\":\"Property\",\"value\":6},"
               "\"almostFull\":{\"type\":\"Property\",\"value\":false},\"locatedIn\":{\"type\":\"Relationship\","
               "\"object\":\"urn:ngsi-ld:City:Pisa\"}}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:3\",\"type\":\"Building\",\"name\":{\"type\":\"Property\",\"value\":"
               "\"Big Ben\"},"
               "\"airQualityLevel\":{\"type\":\"Property\",\"value\":7},\"almostFull\":{\"type\":\"Property\","
               "\"value\":false}}");
    static const row rows[] = {
        {"019_07_02", "airQualityLevel==4", 1},
        {"019_09_01", "name==\"Eiffel Tower\"", 1},
        {"019_09_02", "name==\"Pisa Tower\";almostFull==false", 1},
        {"019_09_04", "name==\"Pisa Tower\"|almostFull==false", 3},
        {"019_09_05", "(name==\"Pisa Tower\"|name==\"Eiffel Tower\");almostFull==false", 2},
        {"019_09_06", "airQualityLevel==4", 1},
        {"019_09_07", "airQualityLevel>=4;airQualityLevel<7", 2},
        {"019_09_08", "locatedIn==urn:ngsi-ld:City:Pisa", 1},
        {"019_09_09", "locatedIn==urn:ngsi-ld:City:Paris", 0},
        {"019_09_10", "locatedIn==urn:ngsi-ld:City:Pisa|locatedIn==urn:ngsi-ld:City:Paris", 1},
        {"060_03_02", "name==\"Eiffel Tower\"", 1},
        {"060_06_04", "modifiedAt>\"2020-01-01T00:00:00Z\"", 3},
        {"061", "speed>", -1},
        {"5722_01_05", "))bad((", -1},
        {"061", "((", -1},
        {"019_09, IRI", "https://ngsi-ld-test-suite/context#airQualityLevel==4", 1},
    };
    CHECK_COUNTS(&w, rows);
    world_end(&w);
}

static void test_019_28_lists_ranges_patterns(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:1\",\"type\":\"Building\"," EIFFEL
               ",\"airQualityLevel\":{\"type\":\"Property\",\"value\":4}}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:2\",\"type\":\"Building\"," PISA
               ",\"airQualityLevel\":{\"type\":\"Property\",\"value\":6}}");
    static const row rows[] = {
        {"019_28_01", "airQualityLevel==4..5", 1},
        {"019_28_02", "airQualityLevel!=4..5", 1},
        {"019_28_03", "name==\"Eiffel Tower\",\"Pisa Tower\"", 2},
        {"019_28_04", "name!=\"Eiffel Tower\",\"Big Ben\"", 1},
        {"019_28_05", "name!~=\"^Eiffel\"", 1},
        {"019_28_06", "airQualityLevel>4..5", -1},
    };
    CHECK_COUNTS(&w, rows);
    world_end(&w);
}

static void test_019_29_paths(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(
        &w,
        "{\"id\":\"urn:ngsi-ld:Building:qlFeatures019x29\",\"type\":\"Building\","
        "\"address\":{\"type\":\"Property\",\"value\":{\"city\":\"Berlin\",\"street\":\"Ulrich Strasse\"}},"
        "\"color\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"fr\":\"rouge\",\"en\":\"red\",\"de\":\"rot\"}},"
        "\"category\":{\"type\":\"VocabProperty\",\"vocab\":\"commercial\"},"
        "\"managedBy\":{\"type\":\"Relationship\",\"object\":\"urn:ngsi-ld:Building:qlTarget019x29\"}}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Building:qlTarget019x29\",\"type\":\"Building\"," PISA "}");
    static const row rows[] = {
        {"019_29_01", "address[city]==\"Berlin\"", 1},
        {"019_29_02", "address[postcode]==\"Berlin\"", 0},
        {"019_29_03", "address[city]", 1},
        {"019_29_04", "color[en]==\"red\"", 1},
        {"019_29_05", "color[en]==\"rouge\"", 0},
        {"019_29_06", "color[*]==\"rouge\"", 1},
        {"019_29_07", "color[*]!=\"red\"", 0},
        {"019_29_08", "managedBy{name}==\"Pisa Tower\"", 1},
        {"019_29_09", "managedBy{Building:name}==\"Pisa Tower\"", 1},
        {"019_29_10", "managedBy{Vehicle:name}==\"Pisa Tower\"", 0},
        {"019_29_11", "managedBy>\"urn:a\"", 0},
        {"019_29_13", "category==commercial", 0},
    };
    CHECK_COUNTS(&w, rows);
    jd_qopts expand = {.expand_values = JD_STR("category")};
    assert_int_equal(q_with(&w, d, "category==commercial", &expand), 1); /* 019_29_12, 5743_01_01 */
    assert_int_equal(q_with(&w, d, "category==\"commercial\"", &expand), 1);
    assert_int_equal(q_with(&w, d, "category!=commercial", &expand), 0);
    assert_int_equal(q_with(&w, d, "category==residential", &expand), 0);
    world_end(&w);
}

/* 5744_01, 5744_02, 5744_06: the same language on the instances of one window */
static void test_5744_operators_and_kinds(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:v:fast\",\"type\":\"Vehicle\",\"speed\":{\"value\":30},\"heading\":{\"value\":45},"
               "\"route\":{\"value\":\"550\"}}");
    doc_of(&w, "{\"id\":\"urn:v:slow\",\"type\":\"Vehicle\",\"speed\":{\"value\":10},\"heading\":{\"value\":170}}");
    doc_of(&w, "{\"id\":\"urn:v:shapes\",\"type\":\"Vehicle\",\"name\":{\"value\":\"m\"},"
               "\"ref\":{\"object\":\"urn:dest:qp1\"},\"tags\":{\"value\":[\"a\",\"b\"]}}");
    doc_of(&w, "{\"id\":\"urn:v:multi\",\"type\":\"Vehicle\",\"speed\":[{\"type\":\"Property\",\"value\":5},"
               "{\"type\":\"Property\",\"value\":60,\"datasetId\":\"urn:ngsi-ld:Dataset:qp1\"}]}");
    doc_of(&w, "{\"id\":\"urn:v:zz\",\"type\":\"Vehicle\",\"name\":{\"value\":\"z\"},\"departure\":{\"value\":\"2026-"
               "03-01T00:00:00Z\"},\"active\":true}");
    doc_of(&w, "{\"id\":\"urn:v:num\",\"type\":\"Vehicle\",\"name\":{\"value\":5},\"departure\":{\"value\":\"2026-02-"
               "01T00:00:00Z\"},\"active\":false}");
    doc_of(
        &w,
        "{\"id\":\"urn:v:lang\",\"type\":\"Vehicle\",\"label\":{\"languageMap\":{\"en\":\"red\",\"fr\":\"rouge\"}}}");
    doc_of(&w, "{\"id\":\"urn:v:lang2\",\"type\":\"Vehicle\",\"label\":{\"languageMap\":{\"en\":\"black\",\"fr\":"
               "\"rouge\"}}}");
    static const row rows[] = {
        {"5744_01_01", "speed>25", 2},
        {"5744_01_04", "speed>=5;heading<90", 1},
        {"5744_01_05", "speed>25|heading>100", 3},
        {"5744_01_06", "speed>25|name~=\"^m\"", 3},
        {"5744_01_07", "speed!=10", 2},
        {"5744_01_08", "!heading;speed>25", 1},
        {"5744_01_09", "speed==10..40", 2},
        {"5744_01_10", "route==\"550\",\"551\"", 1},
        {"5744_01_11", "ref==\"urn:dest:qp1\"", 1},
        {"5744_01_12", "tags==\"a\"", 1},
        {"5744_01_13", "speed>50", 1},
        {"5744_02_01", "speed==\"30\"", 0},
        {"5744_02_01", "speed==30", 1},
        {"5744_02_02", "speed!=\"thirty\"", 3},
        {"5744_02_03", "route>100", 0},
        {"5744_02_03", "route>\"200\"", 1},
        {"5744_02_04", "ref>\"urn:a\"", 0},
        {"5744_02_05", "speed~=\"3.*\"", 0},
        {"5744_02_05", "route~=\"5.*\"", 1},
        {"5744_02_06", "route!~=\"9.*\"", 1},
        {"5744_02_06", "route!~=\"5.*\"", 0},
        {"5744_02_07", "label[en]==\"red\"", 1},
        {"5744_02_07", "label[fr]==\"red\"", 0},
        {"5744_02_08", "label[*]==\"rouge\"", 2},
        {"5744_02_09", "tags==\"b\",\"z\"", 1},
        {"5744_02_09", "tags==\"x\",\"z\"", 0},
        {"5744_02_10", "speed!=10..40", 1},
        {"5744_02_11", "departure>\"2026-02-15T00:00:00Z\"", 1},
        {"5744_02_12", "active==true", 1},
        {"5744_02_12", "active==false", 1},
        {"5744_02_13", "(speed>25|name==\"z\");active==true", 1},
        {"5744_06_01", "name>\"m\"", 1},
        {"5744_06_02", "name>=\"m\"", 2},
        {"5744_06_03", "name>\"z\"", 0},
        {"5744_06_04", "name!=\"m\"", 2},
        {"5744_06_05", "tags!=\"c\"", 1},
        {"5744_06_05", "tags!=\"a\"", 0},
        {"5744_06_06", "name!=\"m\",\"z\"", 1},
        {"5744_06_08", "label[en]==\"bonjour\"", 0},
        {"subscription", "speed>50;brandName==%22Tesla%22", 0},
        {"distributed", "isConnectedTo{batteryLevel}<0.5", 0},
    };
    CHECK_COUNTS(&w, rows);
    world_end(&w);
}

/* ---- types ---- */

static int type_on(world *w, const jd_doc *d, const char *text) {
    jd_names n = names_of(w);
    jd_typeq *q;
    if (jd_typeq_compile(&n, jd_str_of(text), &q, &w->err)) return -1;
    return jd_typeq_test(q, d);
}

static void test_019_08_types(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:MultiTypes:1\",\"type\":\"Building\"}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:MultiTypes:2\",\"type\":\"Parking\"}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:MultiTypes:3\",\"type\":[\"Building\",\"TouristDestination\"]}");
    static const struct {
        const char *test, *text, *want; /* the ids' last characters; NULL: refused */
    } rows[] = {
        {"019_08_01", "Building", "13"},
        {"019_08_02", "(Building;TouristDestination)", "3"},
        {"019_08_03", "Building,Parking", "123"},
        {"019_08_04", "Parking,TouristDestination", "23"},
        {"019_08_05", "(Building;Parking),TouristDestination", "3"},
        {"019_26_01", "*", "123"},
        {"019_02_05", TS "Building," TS "Vehicle", "13"},
        {"4.17", "Building|Parking", "123"},
        {"4.17", "Building | Parking", "123"},
        {"4.17", "(Building;TouristDestination)|Parking", "23"},
        {"4.17, without parentheses", "Building;TouristDestination", "3"},
        {"4.17, nested", "(Building;(Parking|TouristDestination))", "3"},
        {"unknown", "Spaceship", ""},
        {"unknown", "Spaceship,Parking", "2"},
        {"unknown", "(Spaceship;Building)", ""},
        {"refused", "", NULL},
        {"refused", "Building,", NULL},
        {"refused", "Building,,Parking", NULL},
        {"refused", "(Building", NULL},
        {"refused", "Building)", NULL},
        {"refused", "Building Parking", NULL},
        {"refused", "()", NULL},
        {"refused", "*,Building", NULL},
        {"refused", "<Building>", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[16] = "";
        size_t n = 0;
        int refused = 0;
        for (size_t k = 0; k < w.docs_n; k++) {
            int yes = type_on(&w, &w.docs[k], rows[i].text);
            if (yes < 0) refused = 1;
            if (yes == 1) got[n++] = w.docs[k].id.p[w.docs[k].id.n - 1];
        }
        got[n] = 0;
        if (refused != !rows[i].want || (rows[i].want && strcmp(got, rows[i].want) != 0))
            fail_msg("%s: type=%s gives '%s'%s", rows[i].test, rows[i].text, got, refused ? " (refused)" : "");
        if (refused) assert_memory_equal(w.err.place, "type, column ", 13);
    }
    world_end(&w);
}

static void test_types_of_which_one_must_be_there(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":[\"Aa\",\"Bb\",\"Cc\",\"Dd\"]}");
    static const struct {
        const char *text;
        int max, want;
        const char *types[4]; /* "": unknown */
    } rows[] = {
        {"Aa", 4, 1, {"Aa"}},
        {"Aa,Bb,Cc", 4, 3, {"Aa", "Bb", "Cc"}},
        {"Aa,Bb,Aa", 4, 2, {"Aa", "Bb"}},
        {"Aa,Bb,Cc", 2, -1, {0}},
        {"(Aa;Bb)", 1, 1, {"Aa"}},
        {"((Aa,Bb);Cc)", 4, 1, {"Cc"}},
        {"((Aa,Bb);Cc),Dd", 4, 2, {"Cc", "Dd"}},
        {"((Aa,Bb);(Cc,Dd,Aa))", 4, 2, {"Aa", "Bb"}},
        {"Nope", 4, 1, {""}},
        {"Nope,Bb", 4, 2, {"", "Bb"}},
        {"*", 4, -1, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        jd_names n = names_of(&w);
        jd_typeq *q;
        jd_sym out[4] = {77, 77, 77, 77};
        assert_int_equal(jd_typeq_compile(&n, jd_str_of(rows[i].text), &q, &w.err), 0);
        int got = jd_typeq_any_of(q, out, rows[i].max);
        if (got != rows[i].want) fail_msg("%s: %d types, not %d", rows[i].text, got, rows[i].want);
        for (int k = 0; k < got; k++) assert_int_equal(out[k], *rows[i].types[k] ? sym_of(&w, rows[i].types[k]) : 0);
    }
    world_end(&w);
}

/* ---- scopes ---- */

static int scope_on(world *w, const jd_doc *d, const char *text) {
    jd_names n = names_of(w);
    jd_scopeq *q;
    if (jd_scopeq_compile(&n, jd_str_of(text), &q, &w->err)) return -1;
    return jd_scopeq_test(q, d);
}

static void test_019_34_scopes(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"Building\",\"scope\":\"/Madrid/Gardens/ParqueNorte\"}");
    doc_of(&w, "{\"id\":\"urn:x:2\",\"type\":\"Building\",\"scope\":[\"/Madrid/Gardens/ParqueNorte\",\"/CompanyA/"
               "OrganizationB/UnitC\"]}");
    doc_of(&w, "{\"id\":\"urn:x:3\",\"type\":\"Building\"}");
    static const row rows[] = {
        {"019_01_06", "/Madrid/Gardens/ParqueNorte", 2},
        {"019_01_06", "/Madrid/+/ParqueNorte", 2},
        {"019_01_06", "/CompanyA/#", 1},
        {"019_01_06", "/#", 2},
        {"019_01_06", "/Madrid/Gardens/ParqueNorte;/CompanyA/OrganizationB/UnitC", 1},
        {"019_01_06", "/Madrid/Gardens/ParqueNorte,/CompanyA/OrganizationB/UnitC", 2},
        {"019_34_01", "(/Madrid/Gardens/ParqueNorte;/CompanyA/OrganizationB/UnitC)", 1},
        {"019_34_02", "(/Madrid/Gardens/ParqueNorte;/CompanyA/OrganizationB/UnitC)|/Madrid/Gardens/ParqueNorte", 2},
        {"019_34_03", "/CompanyA/OrganizationB/UnitC|/Nowhere/AtAll", 1},
        {"019_34_04", "(/Madrid/Gardens/ParqueNorte;/Nowhere/AtAll)", 0},
        {"51024_01_02", "/Madrid/#", 2},
        {"a scope above is not the scope", "/Madrid/Gardens", 0},
        {"nor one below", "/Madrid/Gardens/ParqueNorte/Parterre1", 0},
        {"+ is one level", "/Madrid/+", 0},
        {"+ is one level", "/Madrid/Gardens/ParqueNorte/+", 0},
        {"+ is one level", "/+/Gardens/+", 2},
        {"# takes in the scope itself", "/Madrid/Gardens/ParqueNorte/#", 2},
        {"a level is whole", "/Mad/#", 0},
        {"+ and #", "/+/OrganizationB/#", 1},
        {"4.19 example 5 has none", "CompanyA/OrganizationB/UnitC", 1},
        {"refused", "", -1},
        {"refused", "/", -1},
        {"refused", "/Madrid//x", -1},
        {"refused", "/Madrid/", -1},
        {"refused", "/#/Madrid", -1},
        {"refused", "/Madrid/Gar+", -1},
        {"refused", "(/Madrid", -1},
        {"refused", "/Madrid;", -1},
        {"refused", "/Madrid/#x", -1},
        {"refused", "/A B", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int n = 0;
        for (size_t k = 0; k < w.docs_n && n >= 0; k++) {
            int got = scope_on(&w, &w.docs[k], rows[i].text);
            n = got < 0 ? -1 : n + got;
        }
        if (n != rows[i].want)
            fail_msg("%s: scopeQ=%s matches %d, not %d", rows[i].test, rows[i].text, n, rows[i].want);
        if (n < 0) assert_memory_equal(w.err.place, "scopeQ, column ", 15);
    }
    /* clause 4.18: a scope may lack its first '/' */
    const jd_doc *bare = doc_of(&w, "{\"id\":\"urn:x:4\",\"type\":\"Building\",\"scope\":\"Madrid\"}");
    assert_int_equal(scope_on(&w, bare, "/Madrid"), 1);
    assert_int_equal(scope_on(&w, bare, "/#"), 1);
    /* levels in Chinese */
    const jd_doc *zh = doc_of(&w, "{\"id\":\"urn:x:5\",\"type\":\"Building\",\"scope\":\"/镇江/京口区/正东路街道\"}");
    assert_int_equal(scope_on(&w, zh, "/镇江/#"), 1);
    assert_int_equal(scope_on(&w, zh, "/镇江/+/正东路街道"), 1);
    assert_int_equal(scope_on(&w, zh, "/镇江/润州区/#"), 0);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_019_09_values), cmocka_unit_test(test_019_28_lists_ranges_patterns),
        cmocka_unit_test(test_019_29_paths),  cmocka_unit_test(test_5744_operators_and_kinds),
        cmocka_unit_test(test_019_08_types),  cmocka_unit_test(test_types_of_which_one_must_be_there),
        cmocka_unit_test(test_019_34_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
