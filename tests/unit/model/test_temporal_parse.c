/* JSON to instances (GS CIM 009 clauses 4.5.6-4.5.9, 4.18, 5.2.20, 5.6.11, 5.6.14). */
#include "temporal_test.h"

/* Each instance as "name=value@observedAt#datasetId", in order. */
static const char *listed(const jd_ent *e) {
    jd_buf b = {0};
    for (uint32_t i = 0; i < e->attrs_n; i++) {
        const jd_attr *a = &e->attrs[i];
        char text[JD_TIME_TEXT_MAX];
        jd_str name = jd_sym_name(symbols, a->name), vocab = JD_STR(JD_DEFAULT_VOCAB), ngsi = JD_STR(JD_NGSI);
        if (jd_str_starts(name, vocab)) name.p += vocab.n, name.n -= vocab.n;
        if (jd_str_starts(name, ngsi)) name.p += ngsi.n, name.n -= ngsi.n;
        jd_buf_printf(&b, "%s%.*s=", i ? " " : "", JD_STR_ARG(name));
        if (a->has_value) jd_json_write(&b, &a->value);
        if (a->observed != JD_TIME_NONE) {
            jd_time_print(a->observed, a->observed_digits, text);
            jd_buf_printf(&b, "@%s", text + 11);
        }
        if (a->dataset.p) jd_buf_printf(&b, "#%.*s", JD_STR_ARG(a->dataset));
    }
    const char *out = jd_arena_dup(&arena, jd_buf_view(&b)).p;
    jd_buf_fini(&b);
    return out;
}

static void takes(const char *attrs, const char *want) {
    jd_ent e = parsed(jd_arena_printf(&arena, "{" VEHICLE ",%s}", attrs).p);
    assert_string_equal(listed(&e), quoted(want));
    assert_int_equal(e.has_scopes, 0);
    assert_int_equal(e.scopes_n, 0);
}

static void refuses_with(jd_parse p, const char *text, int whole, const char *place) {
    jd_jval v = json(text);
    jd_ent e;
    jd_err err = {0};
    uint32_t before = jd_symtab_count(symbols);
    if (jd_temporal_parse(&p, &v, whole, (jd_str){NULL, 0}, &e, &err) == 0) fail_msg("taken: %s", text);
    assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
    assert_string_equal(err.place, place);
    assert_true(err.en[0] && err.zh[0]);
    assert_int_equal(jd_symtab_count(symbols), before); /* a refused request leaves no name behind */
}
static void refuses(const char *attrs, const char *place) {
    refuses_with(parse_opts(), jd_arena_printf(&arena, "{" VEHICLE ",%s}", attrs).p, 1, place);
}

static void test_instances_in_order(void **state) {
    (void)state;
    takes("'speed':[{'type':'Property','value':120,'observedAt':'2020-09-01T12:03:00Z'},"
          "{'type':'Property','value':80,'observedAt':'2020-09-01T12:05:00Z'}]",
          "speed=120@12:03:00Z speed=80@12:05:00Z");
    takes("'speed':[{'type':'Property','value':100,'observedAt':'2020-09-01T12:07:00Z'},"
          "{'type':'Property','value':120,'observedAt':'2020-09-01T12:03:00.10Z'},{'type':'Property',"
          "'value':80,'observedAt':'2020-09-01T12:05:00Z'}]",
          "speed=120@12:03:00.10Z speed=80@12:05:00Z speed=100@12:07:00Z");
    takes("'speed':{'type':'Property','value':1.50,'observedAt':'2020-09-01T12:03:00Z'}", "speed=1.50@12:03:00Z");
    takes("'speed':[]", "");
    takes("'speed':[{'type':'Property','value':1},{'type':'Property','value':2,"
          "'observedAt':'2020-09-01T12:03:00Z'},{'type':'Property','value':3}]",
          "speed=2@12:03:00Z speed=1 speed=3");
    takes("'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},"
          "{'type':'Property','value':2,'observedAt':'2020-09-01T12:03:00Z'},{'type':'Property',"
          "'value':3,'observedAt':'2020-09-01T12:02:00Z'}]",
          "speed=3@12:02:00Z speed=1@12:03:00Z speed=2@12:03:00Z");
}

static void test_datasets_apart_and_the_default_first(void **state) {
    (void)state;
    takes("'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:09:00Z',"
          "'datasetId':'urn:b'},{'type':'Property','value':2,'observedAt':'2020-09-01T12:03:00Z'},"
          "{'type':'Property','value':3,'observedAt':'2020-09-01T12:01:00Z','datasetId':'urn:a'},"
          "{'type':'Property','value':4,'observedAt':'2020-09-01T12:02:00Z','datasetId':'urn:b'},"
          "{'type':'Property','value':5,'observedAt':'2020-09-01T12:01:00Z'},{'type':'Property',"
          "'value':6,'observedAt':'2020-09-01T12:04:00Z','datasetId':'urn:b'}],"
          "'fuel':{'type':'Property','value':7,'observedAt':'2020-09-01T12:00:00Z','datasetId':'urn:a'}",
          "speed=5@12:01:00Z speed=2@12:03:00Z speed=4@12:02:00Z#urn:b speed=6@12:04:00Z#urn:b speed=1@12:09:00Z#urn:b "
          "speed=3@12:01:00Z#urn:a fuel=7@12:00:00Z#urn:a");
    takes("'speed':[{'type':'Property','value':1,'datasetId':'@none'},{'type':'Property','value':2,"
          "'observedAt':'2020-09-01T12:00:00Z','datasetId':'urn:a'}]",
          "speed=1 speed=2@12:00:00Z#urn:a");
}

static void test_generated_members_are_skipped(void **state) {
    (void)state;
    takes("'speed':[{'type':'Property','value':1,'instanceId':'urn:x:1',"
          "'createdAt':'2020-01-01T00:00:00Z','modifiedAt':'2020-01-01T00:00:00Z',"
          "'deletedAt':'2020-01-01T00:00:00Z'}],'createdAt':'2020-01-01T00:00:00Z',"
          "'deletedAt':'2020-01-01T00:00:00Z'",
          "speed=1");
}

static void test_5611_null_is_a_value(void **state) {
    (void)state;
    takes("'a':[{'type':'Property','value':'urn:ngsi-ld:null','observedAt':'2020-09-01T12:00:00Z'},"
          "{'type':'Property','value':'urn:ngsi-ld:null','observedAt':'2020-09-01T12:01:00Z',"
          "'q':{'type':'Property','value':1}}],'r':{'type':'Relationship','object':'urn:ngsi-ld:null'},"
          "'l':{'type':'LanguageProperty','languageMap':{'@none':'urn:ngsi-ld:null'}},"
          "'g':{'type':'GeoProperty','value':'urn:ngsi-ld:null'},'j':{'type':'JsonProperty',"
          "'json':'urn:ngsi-ld:null'},'o':{'type':'ListRelationship','objectList':'urn:ngsi-ld:null'}",
          "a='urn:ngsi-ld:null'@12:00:00Z a='urn:ngsi-ld:null'@12:01:00Z r='urn:ngsi-ld:null' "
          "l={'@none':'urn:ngsi-ld:null'} g='urn:ngsi-ld:null' j='urn:ngsi-ld:null' o='urn:ngsi-ld:null'");
    jd_ent e = parsed("{" VEHICLE ",'a':'urn:ngsi-ld:null'}");
    assert_int_equal(e.attrs[0].null_value, 0);
    /* and comes out again */
    jd_evolution ev = evolved("{" VEHICLE ",'o':[{'type':'ListRelationship','objectList':'urn:ngsi-ld:null'}]}");
    jd_trender r = render_opts();
    assert_non_null(strstr(rendered(&r, &ev), "\"objectList\":\"urn:ngsi-ld:null\""));
    refuses("'a':{'type':'Property','value':['urn:ngsi-ld:null']}", "a.value");
    refuses("'a':[{'type':'Property','value':null,'observedAt':'2020-09-01T12:00:00Z'}]", "a[0].value");
}

static void test_all_members_come_through(void **state) {
    (void)state;
    jd_ent e =
        parsed("{" VEHICLE ",'speed':[{'type':'Property','value':1,'unitCode':'KMH','expiresAt':'2030-01-01T00:00:00Z',"
               "'observedAt':'2020-01-01T00:00:00.123456789Z','by':{'type':'Relationship',"
               "'object':'urn:a:b'},'n':[{'type':'Property','value':1},{'type':'Property','value':2,"
               "'datasetId':'urn:d:1'}]},{'type':'Property','value':2,'unitCode':'MTS'}]}");
    assert_int_equal(e.attrs_n, 2);
    const jd_attr *a = e.attrs;
    assert_true(jd_str_is(a->unit, "KMH"));
    assert_int_equal(a->expires, at("2030-01-01T00:00:00Z"));
    assert_int_equal(a->observed_digits, 6);
    assert_int_equal(a->subs_n, 3);
    assert_int_equal(a->subs[0].name, sym("by"));
    assert_int_equal(a->subs[2].name, sym("n"));
    assert_true(jd_str_is(a->subs[2].dataset, "urn:d:1"));
    assert_true(jd_str_is(a[1].unit, "MTS"));
    assert_int_equal(a[1].subs_n, 0);
}

static void test_concise_and_bare(void **state) {
    (void)state;
    takes("'speed':[{'value':1,'observedAt':'2020-09-01T12:05:00Z'},{'value':2,"
          "'observedAt':'2020-09-01T12:03:00Z'}],'in':[{'object':'urn:a:b',"
          "'observedAt':'2020-09-01T12:05:00Z'}],'n':7,'list':[1,2]",
          "speed=2@12:03:00Z speed=1@12:05:00Z in='urn:a:b'@12:05:00Z n=7 list=[1,2]");
}

static void test_simplified_form(void **state) {
    (void)state;
    takes("'speed':{'type':'Property','values':[[2,'2020-09-01T12:03:00Z'],['x',"
          "'2020-09-01T12:02:00Z'],[{'a':1},'2020-09-01T12:04:00Z']]}",
          "speed='x'@12:02:00Z speed=2@12:03:00Z speed={'" JD_DEFAULT_VOCAB "a':1}@12:04:00Z");
    takes("'speed':[{'type':'Property','datasetId':'urn:a','values':[[1,'2020-09-01T12:03:00Z']]},"
          "{'type':'Property','values':[[2,'2020-09-01T12:03:00Z']]},{'type':'Property','value':3,"
          "'observedAt':'2020-09-01T12:01:00Z'}]",
          "speed=3@12:01:00Z speed=2@12:03:00Z speed=1@12:03:00Z#urn:a");
    takes("'l':{'type':'LanguageProperty','languageMaps':[[{'languageMap':{'en':'a'}},"
          "'2020-09-01T12:03:00Z'],[{'fr':'b'},'2020-09-01T12:04:00Z']]},'j':{'type':'JsonProperty',"
          "'jsons':[[{'json':{'k':1}},'2020-09-01T12:03:00Z']]},'v':{'type':'VocabProperty',"
          "'vocabs':[[{'vocab':'t'},'2020-09-01T12:03:00Z']]},'r':{'type':'Relationship',"
          "'objects':[['urn:a:b','2020-09-01T12:03:00Z']]},'o':{'type':'ListRelationship',"
          "'objectLists':[[['urn:a:b',{'object':'urn:a:c'}],'2020-09-01T12:03:00Z']]},"
          "'location':{'type':'GeoProperty','values':[[{'type':'Point','coordinates':[1,2]},"
          "'2020-09-01T12:03:00Z']]},'none':{'type':'Property','values':[]}",
          "l={'en':'a'}@12:03:00Z l={'fr':'b'}@12:04:00Z j={'k':1}@12:03:00Z v='" JD_DEFAULT_VOCAB
          "t'@12:03:00Z r='urn:a:b'@12:03:00Z o=['urn:a:b',"
          "'urn:a:c']@12:03:00Z location={'type':'Point','coordinates':[1,2]}@12:03:00Z");
    /* a sub-attribute of that name, and a value with that member, are none of it */
    takes("'speed':{'type':'Property','value':1,'values':[{'type':'Property','value':2}]}", "speed=1");
    takes("'speed':{'values':[1]}", "speed={'" JD_NGSI "hasValues':[1]}");
}

static void test_scope(void **state) {
    (void)state;
    takes("'scope':'/A/B'", "scope='/A/B'");
    takes("'scope':['/Madrid/Gardens/ParqueNorte','/CompanyA/OrganizationB/UnitC']",
          "scope=['/Madrid/Gardens/ParqueNorte','/CompanyA/OrganizationB/UnitC']");
    takes("'scope':[{'type':'Property','value':['/A','/C'],'observedAt':'2020-09-01T12:05:00Z'},"
          "{'type':'Property','value':'/A/B','observedAt':'2020-09-01T12:03:00Z'}]",
          "scope='/A/B'@12:03:00Z scope=['/A','/C']@12:05:00Z");
    takes("'scope':{'type':'Property','value':'/A','instanceId':'urn:a:b','createdAt':'x',"
          "'modifiedAt':'x'}",
          "scope='/A'");
    takes("'scope':[{'type':'Property','value':[],'deletedAt':'2020-09-01T12:03:00Z'},"
          "{'type':'Property','value':'urn:ngsi-ld:null'}]",
          "scope=[] scope=[]");
    takes("'scope':{'type':'Property','values':[['/A/B','2020-09-01T12:03:00Z'],[[],"
          "'2020-09-01T12:02:00Z']]}",
          "scope=[]@12:02:00Z scope='/A/B'@12:03:00Z");
    takes("'" JD_NGSI "scope':'/A'", "scope='/A'");
}

static void test_scope_refusals(void **state) {
    (void)state;
    refuses("'scope':7", "scope");
    refuses("'scope':'1/2'", "scope");
    refuses("'scope':['/A',7]", "scope");
    refuses("'scope':[{'type':'Relationship','object':'urn:a:b'}]", "scope[0].type");
    refuses("'scope':[{'type':'Property','value':'/A','datasetId':'urn:a:b'}]", "scope[0].datasetId");
    refuses("'scope':[{'type':'Property','value':'/A','unitCode':'x'}]", "scope[0].unitCode");
    refuses("'scope':[{'type':'Property','value':'a b'}]", "scope[0].value");
    refuses("'scope':[{'type':'Property','value':'/A'},'/B']", "scope[1]");
    refuses("'scope':[{'type':'Property'}]", "scope[0]");
    refuses("'scope':'/A','" JD_NGSI "scope':'/B'", JD_NGSI "scope");
}

static void test_refusals_name_the_place(void **state) {
    (void)state;
    refuses("'speed':[{'type':'Property','value':1},{}]", "speed[1]");
    refuses("'speed':[{'type':'Property','value':1},{'type':'Property'}]", "speed[1]");
    refuses("'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},"
            "{'type':'Property','value':1,'observedAt':'2026-03-01T02:00:00+03:00'}]",
            "speed[1].observedAt");                         /* 5744_01_03 */
    refuses("'expiresAt':'urn:ngsi-ld:null'", "expiresAt"); /* 5611_01_02 */
    refuses("'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},7]", "speed[1]");
    refuses("'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},"
            "[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'}]]",
            "speed[1]");
    refuses("'speed':[{'type':'Property','observedAt':'2020-09-01T12:03:00Z'}]", "speed[0]");
    refuses("'speed':[{'type':'Property','value':1,'datasetId':'no uri'}]", "speed[0].datasetId");
    refuses("'speed':[{'type':'Property','value':1,'unitCode':7}]", "speed[0].unitCode");
    refuses("'speed':[{'type':'Property','value':1,'observedAt':'urn:ngsi-ld:null'}]", "speed[0].observedAt");
    refuses("'speed':[{'type':'Relationship','object':'no uri'}]", "speed[0].object");
    refuses("'location':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'}]", "location[0]");
    refuses("'location':{'type':'Property','values':[]}", "location");
    refuses("'speed':{'type':'Property','values':[[1,'2020-09-01T12:03:00Z'],[1]]}", "speed.values[1]");
    refuses("'speed':{'type':'Property','values':[[1,2]]}", "speed.values[0]");
    refuses("'speed':{'type':'Property','values':[[null,'2020-09-01T12:03:00Z']]}", "speed.values[0]");
    refuses("'speed':{'type':'Property','values':[],'unitCode':'x'}", "speed.unitCode");
    refuses("'speed':{'type':'Property','values':[],'datasetId':7}", "speed.datasetId");
    refuses("'speed':1,'" JD_DEFAULT_VOCAB "speed':2", JD_DEFAULT_VOCAB "speed");
    refuses("'never(valid':1", "never(valid");
    refuses("'never1':1,'never2':[{'type':'Property','value':null,'observedAt':'2020-09-01T12:03:00Z'}]",
            "never2[0].value");
}

static void test_whole_and_fragment(void **state) {
    (void)state;
    jd_parse p = parse_opts();
    refuses_with(p, "{'type':'T'}", 1, "");
    refuses_with(p, "{'id':'urn:a:b'}", 1, "");
    refuses_with(p, "{'id':'','type':'T'}", 1, "id");
    refuses_with(p, "{'id':'invalidId','type':'T'}", 1, "id");
    refuses_with(p, "[]", 1, "");
    jd_jval v = json("{\"added\":[{'type':'Property','value':120,'observedAt':'2020-09-01T12:03:00Z'}],"
                     "'@context':'https://x'}");
    jd_ent e;
    jd_err err = {0};
    assert_int_equal(jd_temporal_parse(&p, &v, 0, JD_STR("urn:a:b"), &e, &err), 0);
    assert_true(jd_str_is(e.id, "urn:a:b"));
    assert_int_equal(e.types_n, 0);
    assert_string_equal(listed(&e), "added=120@12:03:00Z");
    v = json("{}");
    assert_int_equal(jd_temporal_parse(&p, &v, 0, JD_STR("urn:a:b"), &e, &err), 0);
    assert_int_equal(e.attrs_n, 0);
    v = json("{\"id\":\"urn:a:c\"}");
    assert_int_equal(jd_temporal_parse(&p, &v, 0, JD_STR("urn:a:b"), &e, &err), -1);
    v = json("{\"type\":[\"Vehicle\",\"Truck\"],\"expiresAt\":\"2030-01-01T00:00:00Z\"}");
    assert_int_equal(jd_temporal_parse(&p, &v, 0, JD_STR("urn:a:b"), &e, &err), 0);
    assert_int_equal(e.types_n, 2);
    assert_int_equal(e.expires, at("2030-01-01T00:00:00Z"));
}

static void test_limits(void **state) {
    (void)state;
    jd_parse p = parse_opts();
    p.attrs_max = 3;
    const char *four = "{" VEHICLE ",\"speed\":[{'type':'Property','value':1,'observedAt':'2020-09-01T12:01:00Z'},"
                       "{'type':'Property','value':2,'observedAt':'2020-09-01T12:02:00Z'},{'type':'Property',"
                       "'value':3,'observedAt':'2020-09-01T12:03:00Z'},{'type':'Property','value':4,"
                       "'observedAt':'2020-09-01T12:04:00Z'}]}";
    refuses_with(p, four, 1, "speed[3]");
    refuses_with(p,
                 "{" VEHICLE ",'a':1,'speed':{'type':'Property','values':[[1,'2020-09-01T12:03:00Z'],[1,"
                 "'2020-09-01T12:03:00Z'],[1,'2020-09-01T12:03:00Z']]}}",
                 1, "speed.values");
    refuses_with(p, "{" VEHICLE ",'a':1,'b':1,'c':1,'scope':'/A'}", 1, "scope");
    p.attrs_max = 4;
    jd_jval v = json(four);
    jd_ent e;
    assert_int_equal(jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, NULL), 0);
}

/* ---- many: linear, whatever their order and datasetIds (a quadratic parser would take minutes) ---- */

static void many(int n, int datasets, int step) {
    jd_buf b = {0};
    jd_buf_z(&b, "{" VEHICLE ",\"speed\":[");
    for (int i = 0; i < n; i++) {
        int k = (int)((long)i * step % n);
        jd_buf_printf(&b, "%s{\"type\":\"Property\",\"value\":%d,\"observedAt\":\"2020-%02d-%02dT%02d:%02d:%02dZ\"",
                      i ? "," : "", k, k / 2419200 + 1, k / 86400 % 28 + 1, k / 3600 % 24, k / 60 % 60, k % 60);
        if (datasets) jd_buf_printf(&b, ",\"datasetId\":\"urn:d:%d\"", k % datasets);
        jd_buf_c(&b, '}');
    }
    jd_buf_z(&b, "]}");
    jd_arena a;
    jd_arena_init(&a);
    jd_parse p = parse_opts();
    p.arena = &a;
    p.attrs_max = 1000000;
    jd_jval v;
    jd_ent e;
    jd_err err = {0};
    assert_int_equal(jd_json_parse(&a, as_json(&b), NULL, &v, &err), 0);
    assert_int_equal(jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, &err), 0);
    assert_int_equal(e.attrs_n, n);
    for (int i = 1; i < n; i++) {
        const jd_attr *x = &e.attrs[i - 1], *y = &e.attrs[i];
        if (jd_str_eq(x->dataset, y->dataset)) assert_true(x->observed < y->observed);
    }
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) sum += (uint64_t)jd_jnum(&e.attrs[i].value);
    assert_int_equal(sum, (uint64_t)n * (uint64_t)(n - 1) / 2);
    jd_arena_fini(&a);
    jd_buf_fini(&b);
}

static void test_many_instances(void **state) {
    (void)state;
    many(100000, 0, 1);
    many(100000, 0, 99999); /* newest first */
    many(100000, 0, 7919);
    many(100000, 100000, 1);
    many(100000, 7, 7919);
}

/* As many names, and as many datasetIds of one sub-attribute. */
static void test_many_names(void **state) {
    (void)state;
    enum { N = 50000 };
    jd_buf b = {0};
    jd_buf_z(&b, "{" VEHICLE);
    for (int i = 0; i < N; i++) jd_buf_printf(&b, ",\"many%d\":%d", i, i);
    jd_buf_z(&b, ",\"last\":{\"type\":\"Property\",\"value\":1,\"sub\":[{\"type\":\"Property\",\"value\":0}");
    for (int i = 0; i < N; i++) jd_buf_printf(&b, ",{\"type\":\"Property\",\"value\":1,\"datasetId\":\"urn:d:%d\"}", i);
    size_t end = b.n;
    jd_buf_z(&b, "]}}");
    jd_parse p = parse_opts();
    p.attrs_max = 1000000;
    jd_jval v;
    jd_ent e;
    jd_err err = {0};
    assert_int_equal(jd_json_parse(&arena, as_json(&b), NULL, &v, &err), 0);
    assert_int_equal(jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, &err), 0);
    assert_int_equal(e.attrs_n, N + 1);
    assert_int_equal(e.attrs[N].subs_n, N + 1);
    b.n = end; /* twice the same datasetId is still found */
    jd_buf_z(&b, ",{\"type\":\"Property\",\"value\":1,\"datasetId\":\"urn:d:49000\"}]}}");
    assert_int_equal(jd_json_parse(&arena, as_json(&b), NULL, &v, &err), 0);
    assert_int_equal(jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, &err), -1);
    assert_string_equal(err.place, "last.sub[50001]");
    jd_buf_fini(&b);
}

/* The default instance moves the others: each place around the border where names become a table. */
static void test_twice_the_same_dataset_of_a_sub_attribute(void **state) {
    (void)state;
    for (int n = 1; n < 40; n++)
        for (int def = -1; def <= n; def++)
            for (int twice = 0; twice < n; twice++) {
                jd_arena_mark m = jd_arena_tell(&arena);
                jd_buf b = {0};
                jd_buf_z(&b, "{" VEHICLE ",\"a\":{\"type\":\"Property\",\"value\":1,\"s\":[");
                for (int i = 0; i <= n; i++) {
                    if (i == def) jd_buf_z(&b, "{\"type\":\"Property\",\"value\":1},");
                    jd_buf_printf(&b, "{\"type\":\"Property\",\"value\":1,\"datasetId\":\"urn:d:%d\"}%s",
                                  i == n ? twice : i, i == n ? "]}}" : ",");
                }
                jd_parse p = parse_opts();
                jd_jval v;
                jd_ent e;
                jd_err err = {0};
                assert_int_equal(jd_json_parse(&arena, as_json(&b), NULL, &v, &err), 0);
                assert_int_equal(jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, &err), -1);
                assert_non_null(strstr(err.en, "same datasetId"));
                jd_buf_fini(&b);
                jd_arena_rewind(&arena, m);
            }
}

/* ---- 5.6.14: one instance ---- */

static int instance(const char *name, const char *text, jd_attr **a, jd_err *err) {
    jd_parse p = parse_opts();
    jd_jval v = json(text);
    *err = (jd_err){0};
    return jd_temporal_instance_parse(&p, strcmp(name, "scope") ? sym(name) : (jd_sym)JD_SYM_SCOPE, &v, a, err);
}

static void test_016_one_instance(void **state) {
    (void)state;
    jd_attr *a;
    jd_err err;
    assert_int_equal(instance("speed", "{'type':'Property','value':129,'observedAt':'2020-09-01T12:03:00Z'}", &a, &err),
                     0);
    assert_int_equal(a->kind, JD_PROPERTY);
    assert_int_equal(a->observed, at("2020-09-01T12:03:00Z"));
    assert_int_equal(
        instance("speed", "[{'type':'Property','value':129,'observedAt':'2020-09-01T12:03:00Z'}]", &a, &err), 0);
    assert_true(a->has_value);
    assert_int_equal(instance("speed", "{'observedAt':'2020-09-01T12:03:00Z','@context':'https://x'}", &a, &err), 0);
    assert_int_equal(a->kind, 0);
    assert_false(a->has_value);
    assert_int_equal(instance("location", "{'observedAt':'2020-09-01T12:03:00Z'}", &a, &err), 0);
    assert_int_equal(instance("speed", "{'value':'urn:ngsi-ld:null','instanceId':'urn:a:b'}", &a, &err), 0);
    assert_int_equal(a->null_value, 0);
    assert_true(a->has_value);
    assert_int_equal(instance("scope", "{'type':'Property','value':'/A'}", &a, &err), 0);
    assert_int_equal(a->kind, JD_PROPERTY);
    assert_int_equal(instance("scope", "{'observedAt':'2020-09-01T12:03:00Z'}", &a, &err), 0);
    assert_int_equal(a->kind, 0);

    assert_int_equal(instance("speed",
                              "[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},{'type':'Property',"
                              "'value':2,'observedAt':'2020-09-01T12:03:00Z'}]",
                              &a, &err),
                     -1);
    assert_int_equal(instance("speed", "[]", &a, &err), -1);
    assert_int_equal(instance("speed", "7", &a, &err), -1);
    assert_int_equal(instance("speed", "[7]", &a, &err), -1);
    assert_string_equal(err.place, "[0]");
    assert_int_equal(instance("speed", "{'observedAt':'urn:ngsi-ld:null'}", &a, &err), -1);
    assert_string_equal(err.place, "observedAt");
    assert_int_equal(instance("speed", "{'type':'Property','value':null}", &a, &err), -1);
    assert_int_equal(instance("scope", "{'value':'a b'}", &a, &err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instances_in_order),
        cmocka_unit_test(test_datasets_apart_and_the_default_first),
        cmocka_unit_test(test_generated_members_are_skipped),
        cmocka_unit_test(test_5611_null_is_a_value),
        cmocka_unit_test(test_all_members_come_through),
        cmocka_unit_test(test_concise_and_bare),
        cmocka_unit_test(test_simplified_form),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_scope_refusals),
        cmocka_unit_test(test_refusals_name_the_place),
        cmocka_unit_test(test_whole_and_fragment),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_instances),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_twice_the_same_dataset_of_a_sub_attribute),
        cmocka_unit_test(test_016_one_instance),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
