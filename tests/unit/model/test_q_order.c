/* orderBy and collation (clause 4.23; suite 019_19, 423_01, 4233_01, 5243_01). */
#include "query_test.h"

#include <math.h>

#define NONE ((jd_str){NULL, 0})

static int compile(world *w, const char *text, const char *collation, jd_order **out) {
    jd_names n = names_of(w);
    return jd_order_compile(&n, jd_str_of(text), collation ? jd_str_of(collation) : NONE, out, &w->err);
}

/* The last characters of the ids, in order; ties keep the order in which the documents were made. A distance is the
 * number behind the id's last ':' when `far` is set. */
static const char *order_of(world *w, const char *text, const char *collation, int far) {
    static char out[65];
    jd_order *o;
    if (compile(w, text, collation, &o)) fail_msg("orderBy=%s: %s", text, w->err.en);
    const jd_orderkey *keys[64];
    size_t at[64];
    for (size_t i = 0; i < w->docs_n; i++) {
        double dist = NAN;
        jd_str id = w->docs[i].id;
        jd_attrview v;
        if (far && jd_doc_attr(&w->docs[i], jd_order_geo(o), &v, NULL) && v.kind == JD_GEOPROPERTY)
            dist = id.p[id.n - 1] - '0';
        keys[i] = jd_order_key(o, &w->docs[i], w->symbols, dist, &w->arena);
        at[i] = i;
    }
    for (size_t i = 1; i < w->docs_n; i++)
        for (size_t k = i; k > 0 && jd_order_cmp(o, keys[at[k]], keys[at[k - 1]]) < 0; k--) {
            size_t was = at[k];
            at[k] = at[k - 1];
            at[k - 1] = was;
        }
    /* an order must be one: the same backwards, and through the middle */
    for (size_t i = 0; i < w->docs_n; i++)
        for (size_t k = 0; k < w->docs_n; k++) {
            assert_int_equal(jd_order_cmp(o, keys[i], keys[k]), -jd_order_cmp(o, keys[k], keys[i]));
            if (i < k) assert_true(jd_order_cmp(o, keys[at[i]], keys[at[k]]) <= 0);
        }
    for (size_t i = 0; i < w->docs_n; i++) out[i] = w->docs[at[i]].id.p[w->docs[at[i]].id.n - 1];
    out[w->docs_n] = 0;
    jd_order_fini(o);
    return out;
}

static void test_019_19(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    /* made in another order than that of their names */
    static const char *const names[] = {"Charlie", "Alpha", "Bravo"};
    for (int i = 0; i < 3; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "{\"id\":\"urn:ngsi-ld:Building:%c\",\"type\":\"Building\",\"name\":{\"value\":\"%s\",\"subProperty\":"
                 "{\"value\":\"%s\"}}}",
                 names[i][0], names[i], names[i]);
        doc_at(&w, text, time_at("2026-01-01T00:00:00Z") + i, time_at("2026-01-02T00:00:00Z") - i);
    }
    assert_string_equal(order_of(&w, "name", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "id", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "createdAt", NULL, 0), "CAB");
    assert_string_equal(order_of(&w, "modifiedAt", NULL, 0), "BAC");
    assert_string_equal(order_of(&w, "name.createdAt", NULL, 0), "CAB");
    assert_string_equal(order_of(&w, "name.subProperty", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "name;asc", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "name;desc", NULL, 0), "CBA");
    assert_string_equal(order_of(&w, "type,name", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "type;asc,name.subProperty;desc,name;asc", NULL, 0), "CBA");
    assert_string_equal(order_of(&w, "unheardOf,name", NULL, 0), "ABC");
    assert_string_equal(order_of(&w, "unheardOf;desc , name ; desc", NULL, 0), "CBA");
    assert_string_equal(order_of(&w, "type", NULL, 0), "CAB");
    world_end(&w);
}

static void test_423_01(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:b:2\",\"type\":\"Building\",\"place\":{\"type\":\"Point\",\"coordinates\":[9,41]},"
               "\"rankProbe\":\"text\",\"address\":{\"value\":{\"city\":\"Berlin\"}}}");
    doc_of(&w, "{\"id\":\"urn:b:1\",\"type\":\"Building\",\"place\":{\"type\":\"Point\",\"coordinates\":[8,40]},"
               "\"rankProbe\":5,\"address\":{\"value\":{\"city\":\"Amsterdam\"}}}");
    doc_of(&w, "{\"id\":\"urn:b:3\",\"type\":\"Building\",\"place\":{\"type\":\"Point\",\"coordinates\":[20,50]},"
               "\"address\":{\"value\":{\"city\":\"Zurich\"}}}");
    assert_string_equal(order_of(&w, "place;dist-asc", NULL, 1), "123");
    assert_string_equal(order_of(&w, "place;dist-desc", NULL, 1), "321");
    assert_string_equal(order_of(&w, "rankProbe", NULL, 0), "123");
    assert_string_equal(order_of(&w, "address[city];desc", NULL, 0), "321");
    /* what is no GeoProperty stands behind, by value */
    doc_of(&w, "{\"id\":\"urn:b:8\",\"type\":\"Building\",\"place\":{\"value\":\"z\"}}");
    doc_of(&w, "{\"id\":\"urn:b:7\",\"type\":\"Building\",\"place\":{\"value\":\"a\"}}");
    doc_of(&w, "{\"id\":\"urn:b:9\",\"type\":\"Building\"}");
    assert_string_equal(order_of(&w, "place;dist-asc", NULL, 1), "123789");
    assert_string_equal(order_of(&w, "place;dist-desc", NULL, 1), "321879");
    jd_order *o;
    assert_int_equal(compile(&w, "id,place;dist-asc", NULL, &o), 0);
    assert_int_equal(jd_order_by_distance(o), 1);
    assert_int_equal(jd_order_geo(o), sym_of(&w, "place"));
    assert_int_equal(compile(&w, "place", NULL, &o), 0);
    assert_int_equal(jd_order_by_distance(o), 0);
    assert_int_equal(jd_order_geo(o), 0);
    world_end(&w);
}

/* 4.23.2: numbers, strings, objects, arrays, booleans, times of day, dates, DateTimes, null, nothing */
static void test_kinds_have_an_order(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    static const char *const values[] = {
        "\"value\":[1]",
        "\"value\":\"2026-01-01T00:00:00Z\"",
        "\"value\":true",
        "\"value\":\"x\"",
        "\"value\":{\"k\":1}",
        "\"value\":-5",
        "\"value\":\"2026-01-01\"",
        "\"value\":10.5",
        "\"value\":false",
        "\"value\":\"08:00:00Z\"",
        "\"value\":\"B\"",
        "\"value\":9",
    };
    static const char ids[] = "aDBsobdcAtSe"; /* in the same order */
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"id\":\"urn:x:%c\",\"type\":\"T\",\"v\":{\"type\":\"Property\",%s}}", ids[i],
                 values[i]);
        doc_of(&w, text);
    }
    doc_of(&w, "{\"id\":\"urn:x:-\",\"type\":\"T\"}");
    doc_of(&w, "{\"id\":\"urn:x:0\",\"type\":\"T\",\"v\":{\"type\":\"JsonProperty\",\"json\":{\"k\":null}}}");
    /* -5 b, 9 e, 10.5 c, "B" S, "x" s, objects o 0, array a, false A, true B, clock t, date d, DateTime D */
    assert_string_equal(order_of(&w, "v", NULL, 0), "becSso0aABtdD-");
    assert_string_equal(order_of(&w, "v;desc", NULL, 0), "DdtBAao0sSceb-");
    assert_string_equal(order_of(&w, "v[k]", NULL, 0) + 0, "o0aDBsbdcAtSe-");
    world_end(&w);
}

/* Of instances the default one counts; of several values the least. */
static void test_one_of_several(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":[\"B\",\"C\"],\"scope\":[\"/m\",\"/"
               "z\"],\"v\":[{\"type\":\"Property\",\"value\":1,\"datasetId\":\"urn:d:1\"},{\"type\":\"Property\","
               "\"value\":5}],"
               "\"l\":{\"languageMap\":{\"en\":\"m\",\"fr\":\"n\"}},\"r\":{\"object\":\"urn:r:2\"},\"w\":{\"vocab\":"
               "\"speed\"}}");
    doc_of(
        &w,
        "{\"id\":\"urn:x:2\",\"type\":[\"Z\",\"A\"],\"scope\":[\"/y\",\"/"
        "b\"],\"v\":{\"value\":3},\"l\":{\"languageMap\":{\"en\":\"c\",\"fr\":\"z\"}},\"r\":{\"object\":\"urn:r:1\"},"
        "\"w\":{\"vocab\":\"name\"}}");
    assert_string_equal(order_of(&w, "v", NULL, 0), "21");
    assert_string_equal(order_of(&w, "type", NULL, 0), "21");
    assert_string_equal(order_of(&w, "scope", NULL, 0), "21");
    assert_string_equal(order_of(&w, "l", NULL, 0), "21");
    assert_string_equal(order_of(&w, "l[en]", NULL, 0), "21");
    assert_string_equal(order_of(&w, "l[fr];desc", NULL, 0), "21");
    assert_string_equal(order_of(&w, "r", NULL, 0), "21");
    assert_string_equal(order_of(&w, "w", NULL, 0), "21");
    world_end(&w);
}

static void test_collations(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    static const struct {
        char id;
        const char *name;
    } rows[] = {{'A', "A"},    {'b', "b"},      {'c', "á"},  {'z', "Zebra"},
                {'h', "Ähre"}, {'a', "Afrika"}, {'q', "一"}, {'d', "阿"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"id\":\"urn:v:%c\",\"type\":\"Vehicle\",\"name\":{\"value\":\"%s\"}}",
                 rows[i].id, rows[i].name);
        doc_of(&w, text);
    }
    /* code points: A, Afrika, Zebra, b, Ähre, á, 一, 阿 (4233_01_01: the default is not the root collation) */
    assert_string_equal(order_of(&w, "name", NULL, 0), "Aazbhcqd");
    /* the root collation: á with a, Ähre with a */
    assert_string_equal(order_of(&w, "name", "und", 0), "Acahbzqd");
    assert_string_equal(order_of(&w, "name;desc", "und", 0), "dqzbhacA");
    assert_string_equal(order_of(&w, "name", "de-u-co-phonebk", 0), "Achabzqd");
    assert_string_equal(order_of(&w, "name", "zh-u-co-pinyin", 0), "dqcAahbz");
    assert_string_equal(order_of(&w, "name", "zh-u-co-stroke", 0), "qdcAahbz");
    static const char *const good[] = {"und", "und-x-icu",  "und-u-ks-identic", "de", "en-GB",
                                       "zh",  "zh-Hans-CN", "zh-u-co-pinyin",   "sv", "es-u-co-trad"};
    static const char *const bad[] = {
        "!!nope", "not a bcp47 tag!!", "", "tlh", "de-u-co-nope", "de-u-co-pinyin", "x", "de DE", "und-"};
    jd_order *o;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (compile(&w, "id", good[i], &o)) fail_msg("%s: %s", good[i], w.err.en);
        jd_order_fini(o);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!compile(&w, "id", bad[i], &o)) fail_msg("collation '%s' is not refused", bad[i]);
        assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
        assert_string_equal(w.err.place, "collation");
    }
    jd_names n = names_of(&w);
    assert_int_equal(jd_order_compile(&n, JD_STR("id"), (jd_str){"und\0x", 5}, &o, &w.err), -1);
    /* longer than the collator's first buffers */
    char text[4000] = "{\"id\":\"urn:v:L\",\"type\":\"Vehicle\",\"name\":{\"value\":\"";
    for (int i = 0; i < 400; i++) strcat(text, "京口");
    strcat(text, "\"}}");
    doc_of(&w, text);
    assert_string_equal(order_of(&w, "name", "zh", 0), "dLqcAahbz");
    world_end(&w);
}

static void test_refusals(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    static const struct {
        const char *text, *place;
    } rows[] = {
        {"", "orderBy, column 1"},
        {",name", "orderBy, column 1"},
        {"name,", "orderBy, column 6"},
        {"name,,id", "orderBy, column 6"},
        {"name;", "orderBy, column 6"},
        {"name;up", "orderBy, column 6"},
        {"name;asc;desc", "orderBy, column 9"},
        {"name;ASC", "orderBy, column 6"},
        {"name desc", "orderBy, column 6"},
        {"name[x", "orderBy, column 7"},
        {"name.", "orderBy, column 6"},
        {"name{x}", "orderBy, column 5"},
        {"location[x];dist-asc", "orderBy, column 1"},
        {"location.x;dist-asc", "orderBy, column 1"},
        {"id;dist-asc", "orderBy, column 1"},
        {"name,location;dist-asc,other;dist-desc", "orderBy, column 24"},
    };
    jd_order *o;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&w.err, 0, sizeof w.err);
        if (!compile(&w, rows[i].text, NULL, &o)) fail_msg("orderBy=%s is not refused", rows[i].text);
        if (strcmp(w.err.place, rows[i].place) != 0)
            fail_msg("orderBy=%s: at '%s': %s", rows[i].text, w.err.place, w.err.en);
        assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
    }
    assert_int_equal(compile(&w, "location;dist-asc,location;dist-desc", NULL, &o), 0);
    assert_int_equal(compile(&w, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", NULL, &o), 0);
    assert_int_equal(compile(&w, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", NULL, &o), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_019_19),
        cmocka_unit_test(test_423_01),
        cmocka_unit_test(test_kinds_have_an_order),
        cmocka_unit_test(test_one_of_several),
        cmocka_unit_test(test_collations),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
