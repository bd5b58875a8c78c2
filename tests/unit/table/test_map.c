/* The mapping document: what is refused, and where; its members held to the published schema. */
#include "table_test.h"

#define ENTITY "\"entity\":{\"type\":\"T\",\"id\":\"urn:x:a\"}"
#define TIME "\"time\":{\"column\":\"t\",\"zone\":\"UTC\"}"
#define ATTRS "\"attributes\":{\"v\":\"v\"}"
#define MAP(more) "{\"mapping\":1," more "}"
#define WITH(attr) MAP(ENTITY "," TIME ",\"attributes\":{\"v\":" attr "}")
#define WITH_TIME(t) MAP(ENTITY "," ATTRS ",\"time\":" t)
#define WITH_TABLE(t) MAP(ENTITY "," ATTRS "," TIME ",\"table\":" t)
#define WITH_ID(id) MAP("\"entity\":{\"type\":\"T\",\"id\":\"" id "\"}," ATTRS "," TIME)

static void test_refused(void **state) {
    static const struct {
        const char *json, *text; /* a part of the message */
    } t[] = {
        {"[]", "one JSON object"},
        {"{\"mapping\":1,}", "JSON"},
        {"{" ENTITY "," ATTRS "}", "\"mapping\" is missing"},
        {"{\"mapping\":2," ENTITY "," ATTRS "}", "mapping: this Jindu reads mappings of version 1"},
        {MAP(ATTRS), "\"entity\" is missing"},
        {MAP(ENTITY), "maps nothing"},
        {MAP(ENTITY "," ATTRS ",\"atributes\":{}"), "atributes: no such member; did you mean \"attributes\"?"},
        {MAP(ENTITY ",\"attributes\":[]"), "attributes: must be of type object"},
        {MAP(ENTITY "," ATTRS ",\"repeat\":\"newest\""), "repeat: \"newest\" is none of last|first|refuse|each"},
        {MAP(ENTITY "," ATTRS ",\"refusedMax\":101"), "refusedMax: must be from 0 to 100"},
        {MAP(ENTITY "," ATTRS ",\"missing\":[true]"), "missing: must hold strings"},
        {MAP(ENTITY "," ATTRS ",\"skip\":{\"c\":{\"is\":1,\"not\":2}}"), "skip[0].c: wants one of"},
        {MAP(ENTITY "," ATTRS ",\"skip\":[{}]"), "skip[0]: must be an object of columns"},
        {MAP(ENTITY "," ATTRS ",\"each\":{}"), "each: \"columns\" is missing"},
        {MAP("\"entity\":{\"type\":[],\"id\":\"urn:x:a\"}," ATTRS), "entity.type: wants 1 to 100 types"},
        {MAP("\"entity\":{\"type\":[\"T\",\"T\"],\"id\":\"urn:x:a\"}," ATTRS), "entity.type: names a type twice"},
        {MAP("\"entity\":{\"type\":\"T x\",\"id\":\"urn:x:a\"}," ATTRS), "entity.type: \"T x\" is no name"},
        {MAP("\"entity\":{\"type\":\"T\"}," ATTRS), "entity: \"id\" is missing"},
        {WITH_ID("a"), "entity.id: must be a URI"},
        {WITH_ID("urn:x:{a"), "entity.id: \"{\" wants a column and \"}\""},
        {WITH_ID("urn:x:a}"), "entity.id: \"}\" without \"{\""},
        {WITH_ID("urn:x:{}"), "entity.id: \"{\" wants a column"},
        {WITH_ID("urn:x:{a|big}"), "entity.id: there is no filter \"big\""},
        {WITH_ID("urn:x:{a|pad:x}"), "entity.id: there is no filter \"pad:x\""},
        {WITH_ID("urn:x:{a||b||c||d||e}"), "entity.id: at most 4 columns"},
        {WITH_ID("urn:x:{@column}"), "entity.id: @column has a meaning only with \"each\""},
        {WITH_ID("urn:x:{@file:skab.csv}"), "entity.id: @file: wants a pattern with *"},
        {WITH_TIME("{\"zone\":\"UTC\"}"), "time: wants one of column, columns, parts"},
        {WITH_TIME("{\"column\":\"t\",\"columns\":[\"t\"]}"), "time: wants one of column, columns, parts"},
        {WITH_TIME("{\"column\":\"t\",\"form\":\"%Y\"}"), "time: \"zone\" is missing"},
        {WITH_TIME("{\"column\":\"t\",\"form\":\"%d.%m.\"}"), "time.form: the form gives no year"},
        {WITH_TIME("{\"column\":\"t\",\"form\":\"%Y %Q\"}"), "time.form: a form knows"},
        {WITH_TIME("{\"column\":\"t\",\"zone\":\"Asia/Zhenjiang\"}"), "time.zone: there is no zone \"Asia/Zhenjiang\""},
        {WITH_TIME("{\"column\":\"t\",\"zone\":\"UTC\",\"repeatedHour\":\"both\"}"),
         "time.repeatedHour: \"both\" is none of"},
        {WITH_TIME("{\"column\":\"t\",\"zone\":\"UTC\",\"notBefore\":\"2000\"}"), "time.notBefore: must be a DateTime"},
        {WITH_TIME("{\"parts\":{\"year\":\"y\",\"hour\":\"h\"},\"zone\":\"UTC\"}"),
         "time.parts: a finer part is given, but \"day\""},
        {WITH_TIME("{\"parts\":{\"year\":2019.5},\"zone\":\"UTC\"}"), "time.parts.year: must be a whole number"},
        {WITH_TIME("{\"parts\":{\"year\":\"y\"},\"form\":\"iso\",\"zone\":\"UTC\"}"),
         "time: \"form\" and \"parts\" exclude"},
        {WITH_TIME("{\"columns\":[],\"zone\":\"UTC\"}"), "time.columns: must not be empty"},
        {WITH_TIME("{\"column\":\"t\",\"zone\":\"UTC\",\"addYears\":0.5}"), "addYears must be a whole number"},
        {WITH_TABLE("{\"format\":\"xls\"}"), "table.format: \"xls\" is none of csv|jsonlines|json|geojson"},
        {WITH_TABLE("{\"encoding\":\"GB9999\"}"), "table.encoding: there is no encoding \"GB9999\""},
        {WITH_TABLE("{\"separator\":\"||\"}"), "table.separator: must be one ASCII character"},
        {WITH_TABLE("{\"skipLines\":-1}"), "table.skipLines: must be a whole number"},
        {WITH_TABLE("{\"header\":[]}"), "table.header: must not be empty"},
        {WITH_TABLE("{\"path\":\"a/b\"}"), "table.path: must be a JSON Pointer"},
        {WITH_TABLE("{\"decimal\":\",\",\"thousands\":\",\"}"), "table: decimal and thousands are the same"},
        {WITH("{}"), "attributes.v: wants one of column, template"},
        {WITH("[]"), "attributes.v: must not be empty"},
        {WITH("[{\"column\":\"a\"},{\"colunm\":\"b\"}]"),
         "attributes.v[1].colunm: no such member; did you mean \"column\"?"},
        {WITH("{\"column\":\"\"}"), "attributes.v.column: a column's name must not be empty"},
        {WITH("{\"column\":\"a\",\"as\":\"integer\"}"), "attributes.v.as: \"integer\" is none of"},
        {WITH("{\"column\":\"a\",\"template\":\"b\"}"), "attributes.v: wants one of column, template"},
        {WITH("{\"longitude\":\"a\"}"), "attributes.v: a point wants longitude and latitude"},
        {WITH("{\"column\":\"a\",\"as\":\"point\"}"), "attributes.v: a point wants longitude and latitude"},
        {WITH("{\"column\":\"a\",\"datum\":\"gcj02\"}"), "attributes.v.datum: goes with longitude and latitude"},
        {WITH("{\"template\":\"{a}\",\"as\":\"number\"}"), "attributes.v: a template gives a text"},
        {WITH("{\"column\":\"a\",\"as\":\"text\",\"factor\":2}"), "attributes.v: factor and offset go with numbers"},
        {WITH("{\"column\":\"a\",\"as\":\"text\",\"least\":2}"), "attributes.v: least and most go with numbers"},
        {WITH("{\"column\":\"a\",\"as\":\"relationship\",\"unit\":\"GQ\"}"),
         "attributes.v.unit: only properties have a unit"},
        {WITH("{\"column\":\"a\",\"unit\":{\"codes\":{}}}"), "attributes.v.unit: \"column\" is missing"},
        {WITH("{\"column\":\"a\",\"words\":{\"true\":1,\"false\":0}}"), "attributes.v.words: goes with"},
        {WITH("{\"column\":\"a\",\"values\":{\"x\":[]}}"), "attributes.v.values: \"x\" must become"},
        {WITH("{\"column\":\"a\",\"dataset\":\"one\"}"), "attributes.v.dataset: must be a URI"},
        {WITH("{\"constant\":1}"), "attributes.v: a constant belongs to \"fixed\""},
        {WITH("{\"column\":\"a\",\"with\":{\"u\":{\"column\":\"b\",\"with\":{}}}}"),
         "attributes.v.with.u.with: sub-attributes have no further"},
        {WITH("{\"column\":\"a\",\"factor\":1234567890123456789012345678901234567890}"),
         "attributes.v: factor or offset has too many"},
        {MAP(ENTITY ",\"attributes\":{\"location\":\"v\"}"), NULL},
        {MAP(ENTITY ",\"attributes\":{\"location\":{\"column\":\"v\"}}"),
         "attributes.location: this name is kept for a place"},
        {MAP(ENTITY ",\"attributes\":{\"id\":\"v\"}"), "attributes.id: the @context makes \"id\" a keyword"},
        {MAP(ENTITY ",\"attributes\":{\"a b\":\"v\"}"), "attributes.a b: \"a b\" is no name"},
        {MAP(ENTITY ",\"fixed\":{\"n\":{\"constant\":{\"type\":\"LanguageProperty\",\"languageMap\":1}}}"),
         "fixed.n.constant: "},
        {MAP(ENTITY ",\"fixed\":{\"n\":{\"constant\":1,\"unit\":\"GQ\"}}"), "fixed.n.constant: stands alone"},
        {WITH("{\"column\":\"a\",\"when\":{}}"), "attributes.v.when: must be an object of columns"},
    };
    bench b;
    (void)state;
    begin(&b);
    for (size_t i = 0; i < COUNT(t); i++) {
        jd_map *m = compile(&b, t[i].json);
        if (m) {
            jd_map_free(m);
            if (t[i].text) fail_msg("taken: %s", t[i].json);
            continue;
        }
        if (!t[i].text) continue;
        if (!strstr(b.err.en, t[i].text))
            fail_msg("%s\n%s: %s\nwanted: %s", t[i].json, b.err.place, b.err.en, t[i].text);
        assert_true(b.err.code == JD_E_BAD_REQUEST_DATA || b.err.code == JD_E_INVALID_REQUEST);
        assert_true(jd_str_starts(jd_str_of(b.err.place), JD_STR("m.json:")) && b.err.zh[0]);
    }
    end(&b);
}

static void test_places(void **state) {
    static const struct {
        const char *json, *place;
    } t[] = {{"{\n  \"mapping\": 1,\n  " ENTITY
              ",\n  \"attributes\": {\n    \"河\": \"a\",\n    \"v\": {\"column\": \"a\", \"uint\": \"GQ\"}\n"
              "  }\n}",
              "m.json:6:26"},
             {"{\"mapping\": 1,\n" ENTITY ",\n\"attributes\": {\"v\": [\"a\",\n  {\"as\": \"x\"}]}}", "m.json:4:4"},
             {"{\"mapping\": 1,\n \"entity\": {\"type\":\"T\",\n\"id\": \"x\"}," ATTRS "}", "m.json:3:1"},
             {"{\"mapping\": 1\n \"entity\"}", "m.json:2:2"}};
    bench b;
    (void)state;
    begin(&b);
    for (size_t i = 0; i < COUNT(t); i++) {
        assert_null(compile(&b, t[i].json));
        if (strcmp(b.err.place, t[i].place)) fail_msg("%s\n%s: %s", t[i].json, b.err.place, b.err.en);
    }
    end(&b);
}

/* ---- the schema ---- */

static int has_word(const char *list, jd_str word) {
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, "|");
        if (jd_str_eq((jd_str){p, n}, word)) return 1;
        p += n + (p[n] == '|');
    }
    return 0;
}

/* "type": a word or a list of them; of one that refers to another definition nothing is said. */
static void check_types(const char *object, const char *name, const char *types, const jd_jval *schema) {
    const jd_jval *t = jd_jget(schema, "type");
    if (!t) return;
    uint32_t n = t->type == JD_JARR ? t->n : 1, words = 1;
    for (const char *p = types; *p; p++) words += *p == '|';
    for (uint32_t i = 0; i < n; i++) {
        jd_str word = jd_jstr(t->type == JD_JARR ? &t->items[i] : t);
        if (jd_str_is(word, "integer")) word = JD_STR("number");
        if (!has_word(types, word)) fail_msg("%s.%s: the code takes no %.*s", object, name, JD_STR_ARG(word));
    }
    if (n != words) fail_msg("%s.%s: the code takes %s", object, name, types);
}

static void check_object(const char *object, const jd_jval *schema) {
    const jd_jval *properties = jd_jget(schema, "properties"), *required = jd_jget(schema, "required");
    const jd_jval *closed = jd_jget(schema, "additionalProperties");
    char types[64];
    int needed;
    size_t n = 0, needed_n = 0;
    const char *name;
    if (!properties || !closed || closed->type != JD_JFALSE) fail_msg("%s: properties, and no others", object);
    for (; (name = jd_map_member(object, n, types, &needed)); n++) {
        const jd_jval *p = jd_jget(properties, name);
        if (!p) fail_msg("the schema lacks %s.%s", object, name);
        check_types(object, name, types, p);
        int found = 0;
        for (uint32_t i = 0; required && i < required->n; i++) found |= jd_jis(&required->items[i], name);
        if (found != needed) fail_msg("%s.%s: is it needed?", object, name);
        needed_n += needed != 0;
    }
    assert_true(n > 0 && n == properties->n && needed_n == (required ? required->n : 0));
}

static void test_schema(void **state) {
    static const char *const objects[] = {"table",     "time", "parts", "entity", "each",
                                          "attribute", "unit", "words", "test"};
    static const char path[] = JINDU_SOURCE_ROOT "/schemas/mapping.schema.json";
    bench b;
    jd_jval v;
    jd_buf text = {0};
    (void)state;
    begin(&b);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(jd_buf_room(&text, 1 << 16), 1, 1 << 16, f)) > 0;) text.n += n;
    fclose(f);
    if (jd_json_parse(&b.a, jd_buf_view(&text), NULL, &v, &b.err)) fail_msg("%s: %s", b.err.place, b.err.en);
    check_object("mapping", &v);
    const jd_jval *defs = jd_jget(&v, "$defs");
    assert_non_null(defs);
    for (size_t i = 0; i < COUNT(objects); i++) {
        const jd_jval *d = jd_jget(defs, objects[i]);
        if (!d) fail_msg("the schema does not define %s", objects[i]);
        check_object(objects[i], d);
    }
    jd_buf_fini(&text);
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_schema)};
    return cmocka_run_group_tests_name("table/map", tests, NULL, NULL);
}
