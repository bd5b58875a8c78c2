/* Expanding, compacting, what is malformed. No network, no files. */
#include "context_test.h"

/* Used by several rows below. */
#define BUS "{\"ex\":\"http://example.org/ns#\",\"Bus\":\"ex:Bus\",\"line\":{\"@id\":\"ex:line\",\"@type\":\"@id\"}}"

static void test_core_facts(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"id", "@id"},
        {"type", "@type"},
        {"Property", CORE "Property"},
        {"GeoProperty", CORE "GeoProperty"},
        {"value", CORE "hasValue"},
        {"object", CORE "hasObject"},
        {"languageMap", CORE "hasLanguageMap"},
        {"vocab", CORE "hasVocab"},
        {"json", CORE "hasJSON"},
        {"valueList", CORE "hasValueList"},
        {"objectList", CORE "hasObjectList"},
        {"entityList", CORE "entityList"},
        {"location", CORE "location"},
        {"observationSpace", CORE "observationSpace"},
        {"scope", CORE "scope"},
        {"observedAt", CORE "observedAt"},
        {"datasetId", CORE "datasetId"},
        {"unitCode", CORE "unitCode"},
        {"previousValue", CORE "hasPreviousValue"},
        {"containedBy", CORE "isContainedBy"},
        {"ngsildproof", CORE "ngsildproof"},
        {"ngsi-ld", CORE},
        {"title", "http://purl.org/dc/terms/title"},
        {"description", "http://purl.org/dc/terms/description"},
        {"Point", "https://purl.org/geojson/vocab#Point"},
        {"coordinates", "https://purl.org/geojson/vocab#coordinates"},
        {"langString", "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"},
    };
    bench t;
    begin(&t, NULL);
    jd_context *c = jd_contexts_core(t.r);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_str(jd_ctx_expand(c, &t.a, jd_str_of(rows[i][0])), rows[i][1]);
        assert_str(jd_ctx_compact_iri(c, &t.a, jd_str_of(rows[i][1])), rows[i][0]);
    }
    assert_str(jd_ctx_url(c), JD_CORE_CONTEXT_URL);
    assert_true(jd_jis(jd_ctx_source(c), JD_CORE_CONTEXT_URL));

    jd_ctxinfo info; /* its text says the same as the table made from it */
    jd_jval doc;
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR(JD_CORE_CONTEXT_URL), &info), 1);
    assert_int_equal(jd_json_parse(&t.a, info.body, NULL, &doc, &t.err), 0);
    const jd_jval *terms = jd_jget(&doc, "@context");
    assert_int_equal(terms->n, 212); /* 209 terms, @version, @protected, @vocab */
    for (uint32_t i = 0; i < terms->n; i++) {
        jd_str name = terms->members[i].name;
        if (name.p[0] == '@') continue;
        jd_str iri = jd_ctx_expand(c, &t.a, name);
        assert_true(jd_str_starts(iri, JD_STR("http")) || ctx__keyword(iri));
        jd_str again = jd_ctx_compact_iri(c, &t.a, iri);
        assert_true(jd_str_eq(name, again));
    }
    end(&t);
}

static void test_core_urls(void **state) {
    (void)state;
    static const char *const same[] = {
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.0.jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld",
        "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld",
        JD_CORE_CONTEXT_URL,
    };
    static const char *const other[] = {
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-non-existing.jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.10.jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1..jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld.old",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9",
        "ftp://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
        "https://uri.etsi.org.example.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
    };
    bench t;
    begin(&t, NULL);
    for (size_t i = 0; i < COUNT(same); i++) {
        jd_context *c;
        assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(same[i]), 0, &c, &t.err), 0);
        assert_ptr_equal(c, jd_contexts_core(t.r));
        jd_ctx_unref(c);
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        jd_context *c;
        assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(other[i]), 1, &c, &t.err), -1);
        assert_int_equal(t.err.code, JD_E_CONTEXT);
    }
    end(&t);
}

static void test_expand(void **state) {
    (void)state;
    static const struct {
        const char *context, *name, *iri; /* iri NULL: null */
    } rows[] = {
        /* no user context */
        {"null", "temperature", DEFAULT "temperature"},
        {"null", "温度", DEFAULT "温度"},
        {"null", "a/b", DEFAULT "a/b"},
        {"null", "", DEFAULT},
        {"null", "@type", "@type"},
        {"null", "@list", "@list"},
        {"null", "@wrong", NULL},
        {"null", "@1", DEFAULT "@1"},
        {"null", "ngsi-ld:x", CORE "x"},
        {"null", "ngsi-ld:", CORE},
        {"null", "geojson:x", "https://purl.org/geojson/vocab#x"},
        {"null", "value:x", "value:x"}, /* not a prefix: its IRI does not end in a delimiter */
        {"null", "urn:ngsi-ld:Bus:1", "urn:ngsi-ld:Bus:1"},
        {"null", "http://a/b", "http://a/b"},
        {"null", "_:b0", "_:b0"},
        {"null", "温:度", DEFAULT "温:度"}, /* no scheme looks so */
        {"null", ":x", DEFAULT ":x"},
        /* strings and objects */
        {BUS, "Bus", "http://example.org/ns#Bus"},
        {BUS, "line", "http://example.org/ns#line"},
        {BUS, "ex:stop", "http://example.org/ns#stop"},
        {BUS, "ex://stop", "ex://stop"},
        {BUS, "stop", DEFAULT "stop"},
        {"{\"A\":\"http://a/A\",\"B\":\"A\"}", "B", "http://a/A"},
        {"{\"B\":\"A\",\"A\":\"ex:A\",\"ex\":\"http://a/\"}", "B", "http://a/A"}, /* in any order */
        {"{\"A\":\"plain\"}", "A", DEFAULT "plain"},
        {"{\"A\":{\"@type\":\"@id\"}}", "A", DEFAULT "A"},
        {"{\"A\":\"location\"}", "A", CORE "location"},
        {"{\"A\":\"ngsi-ld:speed\"}", "A", CORE "speed"},
        {"{\"key1\":\"id\",\"key2\":\"@type\"}", "key1", "@id"},
        {"{\"key1\":\"id\",\"key2\":\"@type\"}", "key2", "@type"},
        {"{\"A\":\"@unknown\"}", "A", DEFAULT "A"},
        {"{\"A\":{\"@id\":\"http://a/"
         "A\",\"@container\":[\"@set\",\"@index\"],\"@language\":null,\"@direction\":\"rtl\","
         "\"@nest\":\"x\",\"@index\":\"y\",\"@protected\":true,\"@type\":\"xsd:int\"}}",
         "A", "http://a/A"},
        {"{\"@version\":1.1,\"@base\":\"http://b/\",\"@language\":\"zh\",\"@propagate\":true,\"@protected\":true,"
         "\"@direction\":null,\"A\":\"http://a/A\"}",
         "A", "http://a/A"},
        {"{\"A\":{\"@reverse\":\"http://a/A\"}}", "A", DEFAULT "A"},
        {"{\"@type\":{\"@container\":\"@set\"}}", "type", "@type"},
        /* names with a colon or a slash */
        {"{\"http://a/x\":\"http://a/x\"}", "http://a/x", "http://a/x"},
        {"{\"ex\":\"http://a/\",\"ex:x\":{\"@type\":\"@id\"}}", "ex:x", "http://a/x"},
        {"{\"ex\":\"http://a/\",\"ex:x\":\"http://a/x\"}", "ex:x", "http://a/x"},
        {"{\"a/b\":\"http://a/ab\"}", "a/b", "http://a/ab"},
        /* prefixes */
        {"{\"p\":\"http://a/x\"}", "p:y", "p:y"},
        {"{\"p\":{\"@id\":\"http://a/\"}}", "p:y", "p:y"},
        {"{\"p\":{\"@id\":\"http://a/x\",\"@prefix\":true}}", "p:y", "http://a/xy"},
        {"{\"p\":{\"@id\":\"http://a/\",\"@prefix\":false}}", "p:y", "p:y"},
        {"{\"p\":\"http://a/?\"}", "p:y", "http://a/?y"},
        {"{\"p\":\"http://a/[\"}", "p:y", "http://a/[y"},
        {"{\"p\":\"_:b\"}", "p:y", "_:by"},
        {"{\"urn\":\"http://a/\"}", "urn:y", "urn:y"},
        {"{\"p\":\"q:x/\",\"q\":\"http://a/\"}", "p:y", "http://a/x/y"},
        /* null */
        {"{\"A\":null}", "A", NULL},
        {"{\"A\":{\"@id\":null}}", "A", NULL},
        {"{\"A\":null,\"B\":\"A\"}", "B", NULL},
        {"[{\"A\":\"http://a/A\"},{\"A\":null}]", "A", NULL},
        {"[{\"A\":\"http://a/A\"},null]", "A", DEFAULT "A"},
        {"[{\"A\":\"http://a/A\"},{\"A\":{\"@reverse\":\"http://r/\"}}]", "A", DEFAULT "A"},
        {"{\"http://a/x\":null}", "http://a/x", "http://a/x"}, /* an IRI stays itself */
        /* later wins, the core wins over all */
        {"[{\"A\":\"http://a/1\"},{\"A\":\"http://a/2\"}]", "A", "http://a/2"},
        {"[{\"ex\":\"http://a/\"},{\"A\":\"ex:A\"}]", "A", "http://a/A"},
        {"[{\"ex\":\"http://a/\",\"A\":\"ex:A\"},{\"ex\":\"http://b/\"}]", "A", "http://a/A"},
        {"{\"location\":\"http://evil/\",\"Property\":null,\"ngsi-ld\":\"http://evil/\"}", "location", CORE "location"},
        {"{\"location\":\"http://evil/\",\"Property\":null,\"ngsi-ld\":\"http://evil/\"}", "Property", CORE "Property"},
        {"{\"location\":\"http://evil/\",\"Property\":null,\"ngsi-ld\":\"http://evil/\"}", "ngsi-ld:x", CORE "x"},
        {"{\"ngsi-ld\":\"http://mine/\",\"A\":\"ngsi-ld:A\"}", "A", "http://mine/A"}, /* said before the core comes */
        {"[\"" JD_CORE_CONTEXT_URL "\",{\"A\":\"http://a/A\"}]", "A", "http://a/A"},
        /* the user's @vocab counts in definitions; for other names the core's comes last */
        {"{\"@vocab\":\"http://v/\",\"A\":\"b\",\"C\":{\"@type\":\"@id\"}}", "A", "http://v/b"},
        {"{\"@vocab\":\"http://v/\",\"A\":\"b\",\"C\":{\"@type\":\"@id\"}}", "C", "http://v/C"},
        {"{\"A\":\"location\",\"@vocab\":\"http://v/\"}", "A", "http://v/location"},
        {"{\"@vocab\":\"http://v/\",\"A\":\"b\"}", "other", DEFAULT "other"},
        {"[{\"@vocab\":\"http://v/\"},{\"@vocab\":\"x/\",\"A\":\"b\"}]", "A", "http://v/x/b"},
        {"[{\"@vocab\":\"http://v/\"},{\"@vocab\":null,\"A\":\"b\"}]", "A", DEFAULT "b"},
        {"[{\"ex\":\"http://e/\"},{\"@vocab\":\"ex:v/\",\"A\":\"b\"}]", "A", "http://e/v/b"},
    };
    bench t;
    begin(&t, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_context *c = must_get(&t, rows[i].context);
        for (int again = 0; again < 3; again++) {
            jd_str iri = jd_ctx_expand(c, &t.a, jd_str_of(rows[i].name));
            if (rows[i].iri ? !iri.p || !jd_str_is(iri, rows[i].iri) : iri.p != NULL)
                print_error("%s of %s\n", rows[i].name, rows[i].context);
            assert_str(iri, rows[i].iri);
            if (iri.p) assert_int_not_equal(jd_sym_intern(t.symbols, iri, &t.err), 0); /* from here on remembered */
        }
        jd_ctx_unref(c);
    }
    end(&t);
}

static void test_compact(void **state) {
    (void)state;
    static const struct {
        const char *context, *iri, *name;
    } rows[] = {
        {"null", DEFAULT "temperature", "temperature"},
        {"null", DEFAULT "温度", "温度"},
        {"null", DEFAULT "a/b", "a/b"},
        {"null", CORE "location", "location"},
        {"null", CORE "unknown", "ngsi-ld:unknown"},
        {"null", CORE "name", "ngsi-ld:name"},
        {"null", CORE, "ngsi-ld"},
        {"null", DEFAULT, "ngsi-ld:default-context/"},
        {"null", "http://example.org/x", "http://example.org/x"},
        {"null", "urn:ngsi-ld:x", "urn:ngsi-ld:x"},
        {"null", "@id", "id"},
        {"null", "@type", "type"},
        {"null", "@list", "@list"},
        {"null", "no IRI", "no IRI"},
        {"null", "", ""},
        /* a vocabulary-relative name must not meet a term, a keyword, a prefix */
        {"null", DEFAULT "location", "ngsi-ld:default-context/location"},
        {"null", DEFAULT "type", "ngsi-ld:default-context/type"},
        {"null", DEFAULT "@id", "ngsi-ld:default-context/@id"},
        {"null", DEFAULT "a:b", "ngsi-ld:default-context/a:b"},
        {"null", DEFAULT "温:b", "温:b"},
        {"{\"speed\":\"http://a/speed\"}", DEFAULT "speed", "ngsi-ld:default-context/speed"},
        {"{\"speed\":null}", DEFAULT "speed", "ngsi-ld:default-context/speed"},
        {"{\"温\":\"http://a/\"}", DEFAULT "温:b", "ngsi-ld:default-context/温:b"},
        /* terms: the core's, then shorter, then least */
        {BUS, "http://example.org/ns#Bus", "Bus"},
        {"{\"b\":\"http://a/x\",\"a\":\"http://a/x\",\"A0\":\"http://a/x\"}", "http://a/x", "a"},
        {"{\"loc\":\"" CORE "location\"}", CORE "location", "location"},
        {"{\"s\":\"" DEFAULT "speed\"}", DEFAULT "speed", "s"},
        {"{\"location\":\"http://evil/\"}", "http://evil/", "http://evil/"}, /* overruled, so it is no name for it */
        {"{\"i\":\"@id\"}", "@id", "id"},
        /* compact IRIs */
        {BUS, "http://example.org/ns#stop", "ex:stop"},
        {BUS, "http://example.org/ns#", "ex"},
        {BUS, "http://example.org/ns", "http://example.org/ns"},
        {"{\"a\":\"http://a/\",\"ab\":\"http://a/b/\"}", "http://a/b/c", "ab:c"},
        {"{\"a\":\"http://a/\",\"ab\":\"http://a/b/\"}", "http://a/c", "a:c"},
        {"{\"a\":\"http://a/\",\"longer\":\"http://a/b/\"}", "http://a/b/c", "a:b/c"}, /* the shorter of both */
        {"{\"y\":\"http://a/\",\"x\":\"http://a/\"}", "http://a/c", "x:c"},
        {"{\"a\":\"http://a/\"}", "http://a///c", "http://a///c"}, /* a:// would be no compact IRI */
        {"{\"a\":\"http://a/\",\"a:c\":null}", "http://a/c", "http://a/c"},
        {"{\"p\":{\"@id\":\"http://a/x\",\"@prefix\":true}}", "http://a/xy", "p:y"},
        {"{\"p\":\"http://a/x\"}", "http://a/xy", "http://a/xy"},
        {"{\"urn\":\"http://a/\"}", "http://a/x", "http://a/x"},
        {"{\"u\":\"urn:ngsi-ld:\"}", "urn:ngsi-ld:Bus:1", "u:Bus:1"},
        {"{\"@vocab\":\"http://v/\"}", "http://v/x", "http://v/x"},
    };
    bench t;
    begin(&t, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_context *c = must_get(&t, rows[i].context);
        jd_str iri = jd_str_of(rows[i].iri);
        jd_str name = jd_ctx_compact_iri(c, &t.a, iri);
        if (!jd_str_is(name, rows[i].name)) print_error("%s in %s\n", rows[i].iri, rows[i].context);
        assert_str(name, rows[i].name);
        jd_sym s = jd_sym_intern(t.symbols, iri, &t.err);
        assert_str(jd_ctx_compact(c, s), rows[i].name);
        jd_str once = jd_ctx_compact(c, s), twice = jd_ctx_compact(c, s);
        assert_str(once, rows[i].name);
        assert_ptr_equal(once.p, twice.p);
        jd_ctx_unref(c);
    }
    end(&t);
}

static void test_source(void **state) {
    (void)state;
    static const struct {
        const char *context, *source, *url; /* source NULL: as given */
    } rows[] = {
        {"null", "\"" JD_CORE_CONTEXT_URL "\"", JD_CORE_CONTEXT_URL},
        {"[]", "\"" JD_CORE_CONTEXT_URL "\"", JD_CORE_CONTEXT_URL},
        {"[\"http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld\"]", "\"" JD_CORE_CONTEXT_URL "\"",
         JD_CORE_CONTEXT_URL},
        {"\"http://h/ngsi-ld/v1/jsonldContexts/one\"", NULL, "http://h/ngsi-ld/v1/jsonldContexts/one"},
        {"[\"http://h/ngsi-ld/v1/jsonldContexts/one\"]", NULL, "http://h/ngsi-ld/v1/jsonldContexts/one"},
        {"[\"http://h/ngsi-ld/v1/jsonldContexts/one\",\"" JD_CORE_CONTEXT_URL "\"]", NULL,
         "http://h/ngsi-ld/v1/jsonldContexts/one"},
        {"[\"http://h/ngsi-ld/v1/jsonldContexts/one\",\"http://h/ngsi-ld/v1/jsonldContexts/two\"]", NULL, NULL},
        {"[\"http://h/ngsi-ld/v1/jsonldContexts/one\",{}]", NULL, NULL},
        {"{\"A\":\"http://a/A\"}", NULL, NULL},
        {"{}", NULL, NULL},
    };
    bench t;
    begin(&t, NULL);
    assert_int_equal(jd_contexts_host(t.r, JD_STR("one"), JD_CTX_HOSTED, JD_STR("{\"@context\":{}}"), 1, &t.err), 0);
    assert_int_equal(jd_contexts_host(t.r, JD_STR("two"), JD_CTX_HOSTED, JD_STR("{\"@context\":{}}"), 2, &t.err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_context *c = must_get(&t, rows[i].context), *same = must_get(&t, rows[i].context);
        assert_ptr_equal(c, same); /* not built again */
        jd_buf b = {0};
        jd_json_write(&b, jd_ctx_source(c));
        assert_str(jd_buf_view(&b), rows[i].source ? rows[i].source : rows[i].context);
        jd_buf_fini(&b);
        assert_str(jd_ctx_url(c), rows[i].url);
        jd_ctx_unref(c);
        jd_ctx_unref(same);
    }
    jd_context *kept = must_get(&t, "{\"A\":\"http://a/A\"}"); /* outlives the registry that made it */
    jd_contexts_destroy(t.r);
    t.r = NULL;
    assert_str(jd_ctx_expand(kept, &t.a, JD_STR("A")), "http://a/A");
    assert_str(jd_ctx_expand(kept, &t.a, JD_STR("location")), CORE "location");
    assert_true(jd_jget(jd_ctx_source(kept), "A") != NULL);
    jd_ctx_unref(kept);
    end(&t);
}

static void test_malformed(void **state) {
    (void)state;
    static const struct {
        const char *context, *place;
    } rows[] = {
        {"7", "@context"},
        {"true", "@context"},
        {"[\"" JD_CORE_CONTEXT_URL "\", 7]", "@context[1]"},
        {"[[{}]]", "@context[0]"},
        {"\"relative.jsonld\"", "@context"},
        {"\"\"", "@context"},
        {"{\"A\":7}", "@context.A"},
        {"{\"A\":[]}", "@context.A"},
        {"{\"A\":true}", "@context.A"},
        {"{\"\":\"http://a/\"}", "@context."},
        {"[{},{\"A\":{\"@id\":7}}]", "@context[1].A.@id"},
        {"{\"A\":{\"@id\":[]}}", "@context.A.@id"},
        {"{\"A\":{\"@id\":\"@context\"}}", "@context.A"},
        {"{\"A\":{\"id\":\"http://a/\"}}", "@context.A.id"},
        {"{\"A\":{\"@type\":7}}", "@context.A.@type"},
        {"{\"A\":{\"@type\":\"@set\"}}", "@context.A.@type"},
        {"{\"A\":{\"@container\":\"@other\"}}", "@context.A.@container"},
        {"{\"A\":{\"@container\":[\"@set\",1]}}", "@context.A.@container"},
        {"{\"A\":{\"@language\":1}}", "@context.A.@language"},
        {"{\"A\":{\"@direction\":\"up\"}}", "@context.A.@direction"},
        {"{\"A\":{\"@nest\":\"@id\"}}", "@context.A.@nest"},
        {"{\"A\":{\"@index\":1}}", "@context.A.@index"},
        {"{\"A\":{\"@prefix\":1}}", "@context.A.@prefix"},
        {"{\"A\":{\"@protected\":1}}", "@context.A.@protected"},
        {"{\"A\":{\"@reverse\":1}}", "@context.A.@reverse"},
        {"{\"A\":{\"@reverse\":\"http://a/\",\"@id\":\"http://a/\"}}", "@context.A"},
        {"{\"A\":{\"@id\":\"http://a/\",\"@context\":{}}}", "@context.A"}, /* clause 5.5.7 */
        {"{\"a:b\":{\"@id\":\"a:b\",\"@prefix\":true}}", "@context.a:b"},
        {"{\"a/b\":{\"@id\":\"http://a/\",\"@prefix\":true}}", "@context.a/b"},
        {"{\"A\":{\"@id\":\"@id\",\"@prefix\":true}}", "@context.A"},
        {"{\"@id\":\"http://a/\"}", "@context.@id"},
        {"{\"@context\":{}}", "@context.@context"},
        {"{\"@type\":\"http://a/\"}", "@context.@type"},
        {"{\"@vocab\":7}", "@context"},
        {"{\"@vocab\":\"relative\"}", "@context"},
        {"{\"@version\":1.0}", "@context"},
        {"{\"@version\":\"1.1\"}", "@context"},
        {"{\"@base\":7}", "@context"},
        {"{\"@language\":[]}", "@context"},
        {"{\"@direction\":\"up\"}", "@context"},
        {"{\"@protected\":\"yes\"}", "@context"},
        {"{\"@propagate\":1}", "@context"},
        {"{\"@import\":7}", "@context"},
        {"{\"@import\":\"relative\"}", "@context"},
        {"{\"A\":\"B\",\"B\":\"A\"}", "@context.A"},
        {"{\"A\":\"B\",\"B\":\"C:x\",\"C\":\"B\"}", "@context.B"},
        {"{\"A\":\"A:x\"}", "@context.A"},
        {"{\"urn:a:b\":\"http://a/\"}", "@context.urn:a:b"},
        {"{\"http://a/x\":\"http://a/y\"}", "@context.http://a/x"},
        {"{\"ex\":\"http://a/\",\"ex:x\":\"http://b/x\"}", "@context.ex:x"},
    };
    bench t;
    begin(&t, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_context *c = NULL;
        int rc = ask(&t, rows[i].context, 1, &c);
        if (rc != -1 || t.err.code != JD_E_BAD_REQUEST_DATA || strcmp(t.err.place, rows[i].place))
            print_error("%s: %d %d %s (%s)\n", rows[i].context, rc, (int)t.err.code, t.err.en, t.err.place);
        assert_int_equal(rc, -1);
        assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
        assert_string_equal(t.err.place, rows[i].place);
        assert_true(t.err.en[0] && t.err.zh[0] && strcmp(t.err.en, t.err.zh));
        assert_null(c);
    }
    end(&t);
}

/* A chain of definitions may be 64 long, not 65; long names are cut at whole characters in errors. */
static void test_limits(void **state) {
    (void)state;
    bench t;
    begin(&t, NULL);
    for (int links = 63; links <= 64; links++) {
        jd_buf b = {0};
        jd_buf_c(&b, '{');
        for (int i = 0; i < links; i++) jd_buf_printf(&b, "\"t%d\":\"t%d\",", i, i + 1);
        jd_buf_printf(&b, "\"t%d\":\"http://a/\"}", links);
        jd_buf_c(&b, 0);
        jd_context *c;
        if (links == 63) {
            c = must_get(&t, b.p);
            assert_str(jd_ctx_expand(c, &t.a, JD_STR("t0")), "http://a/");
            jd_ctx_unref(c);
        } else {
            assert_int_equal(ask(&t, b.p, 1, &c), -1);
            assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
        }
        jd_buf_fini(&b);
    }
    jd_buf b = {0};
    jd_buf_z(&b, "{\"a");
    for (int i = 0; i < 100; i++) jd_buf_z(&b, "水");
    jd_buf_z(&b, "\":7}");
    jd_buf_c(&b, 0);
    jd_context *c;
    assert_int_equal(ask(&t, b.p, 1, &c), -1);
    jd_buf quoted = {0}; /* valid UTF-8, or it would not be read again */
    jd_json_write_str(&quoted, jd_str_of(t.err.place));
    jd_jval v;
    assert_int_equal(jd_json_parse(&t.a, jd_buf_view(&quoted), NULL, &v, &t.err), 0);
    jd_buf_fini(&quoted);
    jd_buf_fini(&b);
    end(&t);
}

/* ---- the round trip ---- */
static uint32_t below(uint64_t *seed, uint32_t n) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static const char *pick(uint64_t *seed, const char *const *of, size_t n) {
    return of[below(seed, (uint32_t)n)];
}

static const char *const names[] = {"a",   "b",    "ab",      "speed", "location", "type",
                                    "urn", "http", "ngsi-ld", "x/y",   "温",       "i"};
static const char *const iris[] = {
    "http://a/",     "http://a/b", "http://a/b/", "http://a#", "urn:a:", "a:b",           "b",
    "ab:speed",      "@id",        "speed",       "location",  DEFAULT,  DEFAULT "speed", CORE,
    CORE "location", DEFAULT "a:"};
static const char *const tails[] = {"",    "b",   "/x",       "speed", "//x", ":",
                                    "b:c", "@id", "location", "温",    "a:b", "b/speed"};

static void random_context(uint64_t *seed, jd_buf *b) {
    uint32_t objects = 1 + below(seed, 3);
    jd_buf_c(b, '[');
    for (uint32_t o = 0; o < objects; o++) {
        unsigned used = 0;
        jd_buf_z(b, o ? ",{" : "{");
        if (below(seed, 4) == 0) jd_buf_printf(b, "\"@vocab\":\"%s\",", below(seed, 2) ? "http://a/" : DEFAULT);
        for (uint32_t i = 0; i < 6; i++) {
            uint32_t name = below(seed, (uint32_t)COUNT(names));
            if (used & 1u << name) continue;
            used |= 1u << name;
            jd_buf_printf(b, "\"%s\":", names[name]);
            const char *iri = pick(seed, iris, COUNT(iris));
            switch (below(seed, 8)) {
            case 0: jd_buf_z(b, "null,"); break;
            case 1: jd_buf_printf(b, "{\"@id\":\"%s\"},", iri); break;
            case 2:
                jd_buf_printf(b, "{\"@id\":\"%s\",\"@prefix\":%s},", iri, strchr(names[name], '/') ? "false" : "true");
                break;
            default: jd_buf_printf(b, "\"%s\",", iri);
            }
        }
        jd_buf_z(b, "\"last\":\"http://a/last\"}");
    }
    jd_buf_z(b, "]");
    jd_buf_c(b, 0);
}

/* What compacting an IRI gives must expand to the same IRI: by symbol, by text, the first and the second time. */
static void check_round_trip(bench *t, jd_context *c, jd_str iri, const char *context) {
    jd_str name = jd_ctx_compact_iri(c, &t->a, iri), back = jd_ctx_expand(c, &t->a, name);
    jd_sym s = jd_sym_intern(t->symbols, iri, &t->err);
    jd_str by_symbol = jd_ctx_compact(c, s), second = jd_ctx_compact(c, s), after = jd_ctx_expand(c, &t->a, name);
    if (!back.p || !jd_str_eq(back, iri) || !jd_str_eq(after, iri) || !jd_str_eq(by_symbol, name) ||
        !jd_str_eq(second, name))
        fail_msg("%.*s -> %.*s -> %.*s in %s", JD_STR_ARG(iri), JD_STR_ARG(name), (int)back.n, back.p ? back.p : "",
                 context);
}

static void test_round_trip(void **state) {
    (void)state;
    bench t;
    begin(&t, NULL);
    uint64_t seed = 20261123;
    int built = 0, refused = 0;
    for (int round = 0; round < 1500; round++) {
        jd_buf b = {0};
        random_context(&seed, &b);
        jd_context *c;
        if (ask(&t, b.p, 1, &c)) { /* a circle, or a name that contradicts itself */
            assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
            refused++;
            jd_buf_fini(&b);
            continue;
        }
        built++;
        for (int i = 0; i < 60; i++) {
            const char *head = pick(&seed, iris, COUNT(iris)), *tail = pick(&seed, tails, COUNT(tails));
            jd_str text =
                jd_arena_printf(&t.a, "%s%s%s", head, below(&seed, 2) ? "" : pick(&seed, names, COUNT(names)), tail);
            jd_str iri = jd_ctx_expand(c, &t.a, text);
            if (iri.p) check_round_trip(&t, c, iri, b.p); /* whatever a name stands for can be said again */
            if (jd_str_starts(text, JD_STR("http://")) || jd_str_starts(text, JD_STR("urn:")) ||
                jd_str_starts(text, JD_STR("https://")))
                check_round_trip(&t, c, text, b.p); /* and every http and urn IRI, known or not */
        }
        jd_ctx_unref(c);
        jd_buf_fini(&b);
        jd_arena_reset(&t.a);
    }
    assert_true(built > 300 && refused > 100); /* the generator makes both */
    end(&t);
}

/* Many prefixes, one inside the other: the same as trying every one of them. */
static void test_prefixes(void **state) {
    (void)state;
    enum { N = 40 };
    bench t;
    begin(&t, NULL);
    uint64_t seed = 7;
    for (int round = 0; round < 100; round++) {
        jd_buf b = {0};
        jd_str prefix[N], iri[N];
        jd_buf_c(&b, '{');
        for (int i = 0; i < N; i++) {
            char path[16];
            uint32_t n = below(&seed, 8);
            for (uint32_t k = 0; k < n; k++) path[k] = "ab/"[below(&seed, 3)];
            iri[i] = jd_arena_printf(&t.a, "http://%.*s/", (int)n, path);
            prefix[i] = jd_arena_printf(&t.a, "%.*s%d", (int)below(&seed, 4), "ppp", i);
            if (prefix[i].p[0] != 'p') prefix[i] = jd_arena_printf(&t.a, "q%d", i);
            jd_buf_printf(&b, "%s\"%s\":\"%s\"", i ? "," : "", prefix[i].p, iri[i].p);
        }
        jd_buf_z(&b, "}");
        jd_buf_c(&b, 0);
        jd_context *c = must_get(&t, b.p);
        for (int k = 0; k < 100; k++) {
            char path[16];
            uint32_t n = below(&seed, 12);
            for (uint32_t j = 0; j < n; j++) path[j] = "ab/"[below(&seed, 3)];
            jd_str asked = jd_arena_printf(&t.a, "http://%.*s/x", (int)n, path), best = asked;
            for (int i = 0; i < N; i++) {
                if (!jd_str_starts(asked, iri[i])) continue;
                jd_str tail = {asked.p + iri[i].n, asked.n - iri[i].n};
                if (jd_str_starts(tail, JD_STR("//"))) continue;
                jd_str name = jd_arena_printf(&t.a, "%s:%.*s", prefix[i].p, JD_STR_ARG(tail));
                if (best.p == asked.p || name.n < best.n || (name.n == best.n && jd_str_cmp(name, best) < 0))
                    best = name;
            }
            assert_str(jd_ctx_compact_iri(c, &t.a, asked), best.p);
        }
        jd_ctx_unref(c);
        jd_buf_fini(&b);
        jd_arena_reset(&t.a);
    }
    end(&t);
}

/* What one context remembers of the common vocabulary must not be told to another in which the name means more. */
static void test_memo_is_no_leak(void **state) {
    (void)state;
    bench t;
    begin(&t, NULL);
    jd_context *plain = jd_contexts_core(t.r), *c = must_get(&t, "{\"温\":\"http://a/\",\"speed\":\"http://a/speed\"}");
    static const char *const rows[][2] = {{"温:b", "http://a/b"}, {"speed", "http://a/speed"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_str iri = jd_arena_printf(&t.a, DEFAULT "%s", rows[i][0]);
        assert_int_not_equal(jd_sym_intern(t.symbols, iri, &t.err), 0);
        for (int again = 0; again < 2; again++) {
            assert_str(jd_ctx_expand(plain, &t.a, jd_str_of(rows[i][0])), iri.p);
            assert_str(jd_ctx_expand(c, &t.a, jd_str_of(rows[i][0])), rows[i][1]);
        }
    }
    jd_ctx_unref(c);
    end(&t);
}

/* Symbols far apart, so that the table of remembered names grows while it is read. */
static void test_many_symbols(void **state) {
    (void)state;
    bench t;
    begin(&t, NULL);
    jd_context *c = must_get(&t, BUS);
    jd_str first = {NULL, 0};
    for (uint32_t i = 0; i < 5000; i++) {
        jd_str iri = jd_arena_printf(&t.a, i % 3 ? DEFAULT "n%u" : "http://example.org/ns#n%u", i);
        jd_sym s = jd_sym_intern(t.symbols, iri, &t.err);
        if (i % 7 == 0) {
            jd_str name = jd_ctx_compact(c, s), want = jd_arena_printf(&t.a, i % 3 ? "n%u" : "ex:n%u", i);
            assert_true(jd_str_eq(name, want));
            if (!i) first = name;
        }
    }
    jd_str again = jd_ctx_compact(c, jd_sym_find(t.symbols, JD_STR("http://example.org/ns#n0")));
    assert_ptr_equal(first.p, again.p);
    jd_ctx_unref(c);
    end(&t);
}

/* RFC 3986 clause 5.4, and what has no base. */
static void test_resolve(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
    };
    jd_arena a;
    jd_arena_init(&a);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_str(ctx__resolve(&a, JD_STR("http://a/b/c/d;p?q"), jd_str_of(rows[i][0])), rows[i][1]);
    assert_str(ctx__resolve(&a, JD_STR("http://a"), JD_STR("g")), "http://a/g");
    assert_str(ctx__resolve(&a, (jd_str){NULL, 0}, JD_STR("g")), NULL);
    assert_str(ctx__resolve(&a, (jd_str){NULL, 0}, JD_STR("http://g")), "http://g");
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_core_facts),      cmocka_unit_test(test_core_urls),    cmocka_unit_test(test_expand),
        cmocka_unit_test(test_compact),         cmocka_unit_test(test_source),       cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_memo_is_no_leak), cmocka_unit_test(test_many_symbols), cmocka_unit_test(test_resolve),
    };
    return cmocka_run_group_tests_name("model/context", tests, NULL, NULL);
}
