/* Evolutions as JSON. Expectations are those of the conformance suite (cases in the names). */
#include "temporal_test.h"

static void expect(const jd_trender *r, const jd_evolution *e, int ids, const char *want) {
    int found;
    const char *got = without_ids(rendered(r, e), &found);
    assert_string_equal(got, quoted(want));
    assert_int_equal(found, ids);
}

static void normalized(const char *in, int ids, const char *want) {
    jd_evolution e = evolved(in);
    jd_trender r = render_opts();
    expect(&r, &e, ids, want);
}

static void values(const char *in, const char *want) {
    jd_evolution e = evolved(in);
    jd_trender r = render_opts();
    r.values = 1;
    expect(&r, &e, 0, want);
}

/* ---- 4.5.6, 4.5.7: normalized ---- */

static void test_020_04_normalized_is_always_an_array(void **state) {
    (void)state;
    normalized("{" VEHICLE ",'fuelLevel':[{'type':'Property','value':67,'observedAt':'2020-08-01T12:03:00Z'}],"
               "'speed':{'type':'Property','value':120,'observedAt':'2020-08-01T12:03:00Z'}}",
               2,
               "{" VEHICLE ",'fuelLevel':[{'type':'Property','value':67,'observedAt':'2020-08-01T12:03:00Z'}],"
               "'speed':[{'type':'Property','value':120,'observedAt':'2020-08-01T12:03:00Z'}]}");
}

static void test_020_08_datasets_share_one_array_in_order_of_time(void **state) {
    (void)state;
    normalized("{" VEHICLE ",'fuelLevel':[{'type':'Property','value':40,'observedAt':'2020-09-01T14:07:00Z',"
               "'datasetId':'urn:ngsi-ld:Vehicle:12345-fuel'},{'type':'Property','value':53,"
               "'observedAt':'2020-09-01T13:05:00Z'},{'type':'Property','value':67,"
               "'observedAt':'2020-09-01T12:03:00Z'}]}",
               3,
               "{" VEHICLE ",'fuelLevel':[{'type':'Property','value':67,'observedAt':'2020-09-01T12:03:00Z'},"
               "{'type':'Property','value':53,'observedAt':'2020-09-01T13:05:00Z'},{'type':'Property',"
               "'value':40,'datasetId':'urn:ngsi-ld:Vehicle:12345-fuel',"
               "'observedAt':'2020-09-01T14:07:00Z'}]}");
}

#define KINDS                                                                                       \
    "'isParkedIn':[{'type':'Relationship','object':'urn:ngsi-ld:Parking:1','observedAt':'" T "'}]," \
    "'place':[{'type':'GeoProperty','value':{'type':'Point','coordinates':[2.35,42.22]},"           \
    "'observedAt':'" T "'}],"                                                                       \
    "'name':[{'type':'LanguageProperty','languageMap':{'fr':'Grand Place','nl':'Grote Markt'},"     \
    "'observedAt':'" T "'}],"                                                                       \
    "'j':[{'type':'JsonProperty','json':{'value':120},'observedAt':'" T "'}],"                      \
    "'v':[{'type':'VocabProperty','vocab':['monument','sightseeing'],'observedAt':'" T "'}],"       \
    "'depths':[{'type':'ListProperty','valueList':[1.2,3.4],'observedAt':'" T "'}],"                \
    "'route':[{'type':'ListRelationship','objectList':[{'object':'urn:ngsi-ld:Road:1'}],"           \
    "'observedAt':'" T "'}]"
#define T "2020-08-01T12:03:00Z"

static void test_020_12_15_16_459_kinds(void **state) {
    (void)state;
    normalized("{" VEHICLE "," KINDS "}", 7, "{" VEHICLE "," KINDS "}");
}

static void test_459_01_values_of_kinds(void **state) {
    (void)state;
    values("{" VEHICLE "," KINDS "}",
           "{" VEHICLE ",'isParkedIn':{'type':'Relationship','objects':[['urn:ngsi-ld:Parking:1','" T
           "']]},'place':{'type':'GeoProperty','values':[[{'type':'Point','coordinates':[2.35,42.22]},'" T
           "']]},'name':{'type':'LanguageProperty','languageMaps':[[{'languageMap':{'fr':'Grand Place',"
           "'nl':'Grote Markt'}},'" T "']]},'j':{'type':'JsonProperty','jsons':[[{'json':{'value':120}},'" T
           "']]},'v':{'type':'VocabProperty','vocabs':[[{'vocab':['monument','sightseeing']},'" T
           "']]},'depths':{'type':'ListProperty','valueLists':[[[1.2,3.4],'" T
           "']]},'route':{'type':'ListRelationship','objectLists':[[['urn:ngsi-ld:Road:1'],'" T "']]}}");
}

/* What was rendered as values goes in again and gives the same instances. */
static void test_values_round_trip(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE "," KINDS "}");
    jd_trender r = render_opts();
    r.values = 1;
    normalized(rendered(&r, &e), 7, "{" VEHICLE "," KINDS "}");
}

static void test_instance_ids_are_stable_and_distinct(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00Z'},"
                             "{'type':'Property','value':1,'observedAt':'2020-09-01T12:05:00Z'},{'type':'Property',"
                             "'value':1,'observedAt':'2020-09-01T12:03:00Z','datasetId':'urn:a:b'},{'type':'Property',"
                             "'value':1}]}");
    jd_trender r = render_opts();
    const char *plain = rendered(&r, &e), *seen[4];
    r.base.sys_attrs = 1;
    const char *sys = rendered(&r, &e);
    int n = 0;
    for (const char *p = plain; (p = strstr(p, "urn:ngsi-ld:instance:")); n++) {
        jd_str id = {p, (size_t)(strchr(p, '"') - p)};
        for (size_t i = 0; i < id.n; i++) assert_null(strchr("/?#%", id.p[i])); /* put raw into a path */
        assert_true(jd_uri_valid(id));
        seen[n] = jd_arena_dup(&arena, id).p;
        assert_non_null(strstr(sys, seen[n]));
        for (int k = 0; k < n; k++) assert_string_not_equal(seen[k], seen[n]);
        p += id.n;
    }
    assert_int_equal(n, 4);
}

static void test_sys_attrs_and_metadata(void **state) {
    (void)state;
    jd_evolution e =
        evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1.50,'unitCode':'KMH',"
                "'observedAt':'2020-09-01T12:03:00.10Z','by':{'type':'Relationship','object':'urn:a:b'}}]}");
    jd_trender r = render_opts();
    expect(&r, &e, 1,
           "{" VEHICLE ",'speed':[{'type':'Property','value':1.50,'unitCode':'KMH',"
           "'observedAt':'2020-09-01T12:03:00.10Z','by':{'type':'Relationship','object':'urn:a:b'}}]}");
    r.base.sys_attrs = 1;
    e.attrs[0].inst[0].a.expires = at("2030-01-01T00:00:00Z");
    expect(&r, &e, 1,
           "{" VEHICLE ",'createdAt':'" NOW_TEXT "','modifiedAt':'" NOW_TEXT
           "','speed':[{'type':'Property','value':1.50,'unitCode':'KMH',"
           "'observedAt':'2020-09-01T12:03:00.10Z','expiresAt':'2030-01-01T00:00:00Z','createdAt':'" NOW_TEXT
           "','modifiedAt':'" NOW_TEXT "','by':{'type':'Relationship','object':'urn:a:b','createdAt':'" NOW_TEXT
           "','modifiedAt':'" NOW_TEXT "'}}]}");
}

/* A record's own times hang on another base than the document's: sub-attributes follow their instance. */
static void test_times_of_sub_attributes_follow_the_instance(void **state) {
    (void)state;
    jd_evolution e =
        evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1,'by':{'type':'Property','value':2}}]}");
    jd_inst *i = &e.attrs[0].inst[0];
    jd_buf skeleton = {0}, nums = {0}, record = {0};
    jd_inst_split(&i->a, &skeleton, &nums);
    jd_reading rd = {.at = at("2001-01-01T00:00:00Z"),
                     .skeleton = jd_buf_view(&skeleton),
                     .nums = (const jd_num *)(const void *)nums.p,
                     .nums_n = (uint32_t)(nums.n / sizeof(jd_num))};
    jd_time base = at("2000-01-01T00:00:00Z"), created = at("2001-01-01T00:00:00Z");
    assert_int_equal(jd_inst_join(i->a.name, &rd, base, created, at("2001-01-01T00:00:05Z"), &record), 0);
    jd_bytes rest = {(const unsigned char *)record.p, (const unsigned char *)record.p + record.n};
    assert_true(jd_attr_next(&rest, base, &i->a));
    jd_trender r = render_opts();
    r.base.sys_attrs = 1;
    expect(&r, &e, 1,
           "{" VEHICLE ",'createdAt':'" NOW_TEXT "','modifiedAt':'" NOW_TEXT
           "','speed':[{'type':'Property','value':1,'createdAt':'2001-01-01T00:00:00Z',"
           "'modifiedAt':'2001-01-01T00:00:05Z','by':{'type':'Property','value':2,"
           "'createdAt':'2001-01-01T00:00:00Z','modifiedAt':'2001-01-01T00:00:00Z'}}]}");
    jd_buf_fini(&skeleton);
    jd_buf_fini(&nums);
    jd_buf_fini(&record);
}

/* C.2.2: without type; always an object, for there is an instanceId. */
static void test_concise(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1,'observedAt':'" T
                             "'},{'type':'Property','value':{'a':1}}],'location':[{'type':'GeoProperty',"
                             "'value':{'type':'Point','coordinates':[1,2]}}],'in':[{'type':'Relationship',"
                             "'object':'urn:a:b'}]}");
    jd_trender r = render_opts();
    r.base.format = JD_CONCISE;
    expect(&r, &e, 4,
           "{" VEHICLE ",'speed':[{'value':1,'observedAt':'" T
           "'},{'value':{'a':1}}],'location':[{'value':{'type':'Point','coordinates':[1,2]}}],"
           "'in':[{'object':'urn:a:b'}]}");
}

/* ---- 4.5.9: values ---- */

static void test_021_18_values_by_dataset(void **state) {
    (void)state;
    values("{" VEHICLE ",'speed':[{'type':'Property','value':80.0,'observedAt':'2020-09-01T12:05:00Z',"
           "'datasetId':'urn:ngsi-ld:Dataset:Common'},{'type':'Property','value':120.0,"
           "'observedAt':'2020-09-01T12:03:00Z'},{'type':'Property','value':60.0,"
           "'observedAt':'2020-09-01T12:05:00Z','datasetId':'urn:ngsi-ld:Dataset:Speed'},"
           "{'type':'Property','value':62.0,'observedAt':'2020-09-01T12:15:00Z',"
           "'datasetId':'urn:ngsi-ld:Dataset:Speed'},{'type':'Property','value':90.0,"
           "'observedAt':'2020-09-01T13:05:00Z','datasetId':'urn:ngsi-ld:Dataset:Common'}],"
           "'fuelLevel':[{'type':'Property','value':67,'observedAt':'2020-08-01T12:03:00Z'},"
           "{'type':'Property','value':53,'observedAt':'2020-08-01T13:05:00Z'}],"
           "'rpm':[{'type':'Property','value':60,'observedAt':'2020-09-01T12:05:00Z',"
           "'datasetId':'urn:ngsi-ld:Dataset:Speed'}]}",
           "{" VEHICLE ",'speed':[{'type':'Property','values':[[120.0,'2020-09-01T12:03:00Z']]},{'type':'Property',"
           "'datasetId':'urn:ngsi-ld:Dataset:Common','values':[[80.0,'2020-09-01T12:05:00Z'],[90.0,"
           "'2020-09-01T13:05:00Z']]},{'type':'Property','datasetId':'urn:ngsi-ld:Dataset:Speed',"
           "'values':[[60.0,'2020-09-01T12:05:00Z'],[62.0,'2020-09-01T12:15:00Z']]}],"
           "'fuelLevel':{'type':'Property','values':[[67,'2020-08-01T12:03:00Z'],[53,"
           "'2020-08-01T13:05:00Z']]},'rpm':{'type':'Property','datasetId':'urn:ngsi-ld:Dataset:Speed',"
           "'values':[[60,'2020-09-01T12:05:00Z']]}}");
}

static void test_values_of_two_kinds_stand_apart(void **state) {
    (void)state;
    values("{" VEHICLE ",'in':[{'type':'Property','value':'A','observedAt':'2020-09-01T12:03:00Z'},"
           "{'type':'Relationship','object':'urn:a:b','observedAt':'2020-09-01T12:04:00Z'},"
           "{'type':'Property','value':'B','observedAt':'2020-09-01T12:05:00Z'}]}",
           "{" VEHICLE ",'in':[{'type':'Property','values':[['A','2020-09-01T12:03:00Z'],['B',"
           "'2020-09-01T12:05:00Z']]},{'type':'Relationship','objects':[['urn:a:b',"
           "'2020-09-01T12:04:00Z']]}]}");
}

static void test_422_07_values_by_another_time(void **state) {
    (void)state;
    jd_evolution e =
        evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1,'observedAt':'2020-09-01T12:03:00.5Z'}]}");
    jd_trender r = render_opts();
    r.values = 1;
    expect(&r, &e, 0, "{" VEHICLE ",'speed':{'type':'Property','values':[[1,'2020-09-01T12:03:00.5Z']]}}");
    r.property = JD_TP_MODIFIED;
    expect(&r, &e, 0, "{" VEHICLE ",'speed':{'type':'Property','values':[[1,'" NOW_TEXT "']]}}");
    r.property = JD_TP_CREATED;
    expect(&r, &e, 0, "{" VEHICLE ",'speed':{'type':'Property','values':[[1,'" NOW_TEXT "']]}}");
}

/* Thousands of datasetIds: each instance is in its own line, in order. */
static void test_values_of_many_datasets(void **state) {
    (void)state;
    enum { N = 5000, SETS = 1250 };
    jd_buf in = {0};
    jd_buf_z(&in, "{" VEHICLE ",\"speed\":[");
    for (int i = 0; i < N; i++)
        jd_buf_printf(&in,
                      "%s{\"type\":\"Property\",\"value\":%d,\"observedAt\":\"2020-09-01T%02d:%02d:%02dZ\","
                      "\"datasetId\":\"urn:d:%d\"}",
                      i ? "," : "", i, i / 3600, i / 60 % 60, i % 60, i % SETS);
    jd_buf_z(&in, "]}");
    jd_buf_c(&in, 0);
    jd_evolution e = evolved(in.p);
    jd_trender r = render_opts();
    r.values = 1;
    jd_jval v = json(rendered(&r, &e));
    const jd_jval *speed = jd_jget(&v, "speed");
    assert_int_equal(speed->n, SETS);
    for (int s = 0; s < SETS; s++) {
        char id[32];
        snprintf(id, sizeof id, "urn:d:%d", s);
        assert_true(jd_jis(jd_jget(&speed->items[s], "datasetId"), id));
        const jd_jval *list = jd_jget(&speed->items[s], "values");
        assert_int_equal(list->n, N / SETS);
        for (int k = 0; k < N / SETS; k++) assert_int_equal((int)jd_jnum(&list->items[k].items[0]), s + k * SETS);
    }
    jd_buf_fini(&in);
}

/* 020_14, 021_15: it has instances, but on another page. */
static void test_020_14_empty_on_this_page(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE ",'speed':[{'type':'Property','value':1,'observedAt':'2020-08-01T12:03:00Z'}],"
                             "'fuelLevel':[{'type':'Property','value':2,'observedAt':'2020-08-01T12:03:00Z'}]}");
    e.attrs[1].n = 0;
    e.attrs[1].kind = JD_PROPERTY;
    jd_trender r = render_opts();
    expect(&r, &e, 1,
           "{" VEHICLE ",'speed':[{'type':'Property','value':1,'observedAt':'2020-08-01T12:03:00Z'}],'fuelLevel':[]}");
    r.values = 1;
    expect(&r, &e, 0,
           "{" VEHICLE ",'speed':{'type':'Property','values':[[1,'" T
           "']]},'fuelLevel':{'type':'Property','values':[]}}");
    jd_str two[] = {{NULL, 0}, JD_STR("urn:d:1")};
    e.attrs[1].pages_datasets = two;
    e.attrs[1].pages_datasets_n = 2;
    e.attrs[1].kind = JD_RELATIONSHIP;
    expect(&r, &e, 0,
           "{" VEHICLE ",'speed':{'type':'Property','values':[[1,'" T
           "']]},'fuelLevel':[{'type':'Relationship','objects':[]},{'type':'Relationship',"
           "'datasetId':'urn:d:1','objects':[]}]}");
}

/* ---- what is gone ---- */

static void gone(jd_kind kind, const char *name, const char *want, const char *want_values) {
    jd_evolution e = evolved("{" VEHICLE "}");
    jd_inst one = {.a = {.name = strcmp(name, "scope") ? sym(name) : (jd_sym)JD_SYM_SCOPE, .kind = kind},
                   .at = at("2024-01-02T03:04:05.678Z"),
                   .deleted = 1};
    jd_tattr t = {.name = one.a.name, .inst = &one, .n = 1};
    e.attrs = &t;
    e.attrs_n = 1;
    jd_trender r = render_opts();
    expect(&r, &e, 1, want);
    r.values = 1;
    r.property = JD_TP_DELETED;
    expect(&r, &e, 0, want_values);
    assert_int_equal(jd_inst_time(&one, JD_TP_DELETED), one.at);
    assert_int_equal(jd_inst_time(&one, JD_TP_OBSERVED), JD_TIME_NONE);
    assert_int_equal(jd_inst_time(&one, JD_TP_MODIFIED), JD_TIME_NONE);
}
#define AT "'deletedAt':'2024-01-02T03:04:05.678Z'}]}"
#define WHEN "'2024-01-02T03:04:05.678Z']]}}"

static void test_020_17_to_20_tombstones(void **state) {
    (void)state;
    gone(JD_PROPERTY, "fuelLevel", "{" VEHICLE ",'fuelLevel':[{'type':'Property','value':'urn:ngsi-ld:null'," AT,
         "{" VEHICLE ",'fuelLevel':{'type':'Property','values':[['urn:ngsi-ld:null'," WHEN);
    gone(JD_RELATIONSHIP, "isParkedIn",
         "{" VEHICLE ",'isParkedIn':[{'type':'Relationship','object':'urn:ngsi-ld:null'," AT,
         "{" VEHICLE ",'isParkedIn':{'type':'Relationship','objects':[['urn:ngsi-ld:null'," WHEN);
    gone(JD_LANGUAGEPROPERTY, "name",
         "{" VEHICLE ",'name':[{'type':'LanguageProperty','languageMap':{'@none':'urn:ngsi-ld:null'}," AT,
         "{" VEHICLE ",'name':{'type':'LanguageProperty',"
         "'languageMaps':[[{'languageMap':{'@none':'urn:ngsi-ld:null'}}," WHEN);
    gone(JD_PROPERTY, "scope", "{" VEHICLE ",'scope':[{'type':'Property','value':[]," AT,
         "{" VEHICLE ",'scope':{'type':'Property','values':[[[]," WHEN);
    gone(JD_JSONPROPERTY, "j", "{" VEHICLE ",'j':[{'type':'JsonProperty','json':'urn:ngsi-ld:null'," AT,
         "{" VEHICLE ",'j':{'type':'JsonProperty','jsons':[[{'json':'urn:ngsi-ld:null'}," WHEN);
}

static void test_a_deleted_entity_says_so(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE "}");
    e.deleted = at("2024-01-02T03:04:05Z");
    jd_trender r = render_opts();
    expect(&r, &e, 0, "{" VEHICLE ",'deletedAt':'2024-01-02T03:04:05Z'}");
}

/* ---- scope (2.4 of the suite's demands, 456_01, 5744_03) ---- */

static void test_456_01_scope(void **state) {
    (void)state;
    jd_evolution e = evolved("{" VEHICLE ",'scope':['/New']}");
    jd_trender r = render_opts();
    assert_int_equal(jd_inst_time(&e.attrs[0].inst[0], JD_TP_OBSERVED), NOW);
    expect(&r, &e, 1, "{" VEHICLE ",'scope':[{'type':'Property','value':['/New'],'observedAt':'" NOW_TEXT "'}]}");
    r.base.sys_attrs = 1;
    expect(&r, &e, 1,
           "{" VEHICLE ",'createdAt':'" NOW_TEXT "','modifiedAt':'" NOW_TEXT
           "','scope':[{'type':'Property','value':['/New'],'observedAt':'" NOW_TEXT "','createdAt':'" NOW_TEXT
           "','modifiedAt':'" NOW_TEXT "'}]}");
    e = evolved("{" VEHICLE ",'scope':[{'type':'Property','value':'/A/B','observedAt':'" T
                "'},{'type':'Property','value':['/A','/B'],'observedAt':'2020-08-01T12:04:00Z'}]}");
    r = render_opts();
    r.values = 1;
    expect(&r, &e, 0,
           "{" VEHICLE ",'scope':{'type':'Property','values':[['/A/B','" T
           "'],[['/A','/B'],'2020-08-01T12:04:00Z']]}}");
}

/* ---- projection, language, names, @context ---- */

static void shown(const char *attrs, const char *pick, const char *omit, const char *want) {
    jd_evolution e =
        evolved("{" VEHICLE ",'scope':'/A','speed':[{'type':'Property','value':1,'observedAt':'2020-08-01T12:03:00Z'}],"
                "'fuelLevel':[{'type':'Property','value':2,'observedAt':'2020-08-01T12:03:00Z'}]}");
    jd_names n = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
    jd_proj *p;
    jd_err err = {0};
#define OR_NONE(z) ((z) ? jd_str_of(z) : (jd_str){NULL, 0})
    assert_int_equal(jd_proj_compile(&n, OR_NONE(attrs), OR_NONE(pick), OR_NONE(omit), &p, &err), 0);
    jd_trender r = render_opts();
    r.base.proj = p;
    r.values = 1;
    int ids;
    assert_string_equal(without_ids(rendered(&r, &e), &ids), quoted(want));
}
#define SPEED "'speed':{'type':'Property','values':[[1,'" T "']]}"
#define FUEL "'fuelLevel':{'type':'Property','values':[[2,'" T "']]}"
#define SCOPE "'scope':{'type':'Property','values':[['/A','" NOW_TEXT "']]}"

static void test_020_21_projection(void **state) {
    (void)state;
    shown(NULL, "speed", NULL, "{" SPEED "}");
    shown(NULL, NULL, "speed", "{" VEHICLE "," SCOPE "," FUEL "}");
    shown(NULL, "id,speed", NULL, "{'id':'urn:ngsi-ld:Vehicle:A'," SPEED "}");
    shown(NULL, NULL, "type,speed,scope", "{'id':'urn:ngsi-ld:Vehicle:A'," FUEL "}");
    shown(NULL, "scope", NULL, "{" SCOPE "}");
    shown("fuelLevel", NULL, NULL, "{" VEHICLE "," SCOPE "," FUEL "}");
}

static void test_language_filter(void **state) {
    (void)state;
    jd_evolution e =
        evolved("{" VEHICLE ",'name':[{'type':'LanguageProperty','languageMap':{'fr':'Grand Place','nl':'Grote Markt'},"
                "'observedAt':'" T "'},{'type':'LanguageProperty','languageMap':{'@none':'urn:ngsi-ld:null'},"
                "'observedAt':'2020-08-01T12:04:00Z'}]}");
    jd_trender r = render_opts();
    r.base.lang = JD_STR("nl");
    expect(&r, &e, 2,
           "{" VEHICLE ",'name':[{'type':'Property','value':'Grote Markt','lang':'nl','observedAt':'" T
           "'},{'type':'Property','value':'urn:ngsi-ld:null','lang':'@none',"
           "'observedAt':'2020-08-01T12:04:00Z'}]}");
    r.values = 1;
    expect(&r, &e, 0,
           "{" VEHICLE ",'name':{'type':'Property','values':[['Grote Markt','" T
           "'],['urn:ngsi-ld:null','2020-08-01T12:04:00Z']]}}");
}

static void test_context_member_and_types(void **state) {
    (void)state;
    jd_evolution e = evolved("{'id':'urn:a:b','type':['Vehicle','Truck'],'speed':[{'type':'Property','value':1,"
                             "'observedAt':'2020-08-01T12:03:00Z'}]}");
    jd_trender r = render_opts();
    r.base.with_context = 1;
    r.values = 1;
    expect(&r, &e, 0, "{'id':'urn:a:b','type':['Vehicle','Truck']," SPEED ",'@context':'" JD_CORE_CONTEXT_URL "'}");
}

/* ---- 4.5.19: aggregated ---- */

static jd_tbucket bucket(const char *from, const char *to, unsigned methods, const double *v, int n) {
    jd_tbucket b = {at(from), at(to), jd_acc_new(&arena, methods)};
    for (int i = 0; i < n; i++) jd_acc_add_num(b.acc, (jd_num){.m = (int64_t)(v[i] * 10), .scale = 1});
    return b;
}

static void test_020_11_aggregated(void **state) {
    (void)state;
    const unsigned m = JD_AGG_AVG | JD_AGG_MAX;
    jd_tbucket speed[] = {bucket("2020-08-01T12:03:00Z", "2020-08-01T13:03:00Z", m, (double[]){120, 80, 100}, 3)};
    jd_tbucket fuel[] = {bucket("2020-08-01T12:03:00Z", "2020-08-01T13:03:00Z", m, (double[]){67}, 1),
                         bucket("2020-08-01T13:03:00Z", "2020-08-01T14:03:00Z", m, (double[]){53}, 1)};
    jd_tbucket other[] = {bucket("2020-08-01T12:03:00.25Z", "2020-08-01T13:03:00.25Z", m, (double[]){2.5}, 1)};
    jd_taggr list[] = {
        {.name = sym("speed"), .kind = JD_PROPERTY, .bucket = speed, .n = 1},
        {.name = sym("fuelLevel"), .kind = JD_PROPERTY, .bucket = fuel, .n = 2},
        {.name = sym("fuelLevel"), .kind = JD_PROPERTY, .bucket = other, .n = 1, .dataset = JD_STR("urn:d:1")}};
    jd_evolution e = evolved("{" VEHICLE "}");
    jd_trender r = render_opts();
    jd_buf b = {0};
    jd_render_aggregated(&r, &e.doc, list, 3, m, &b);
    jd_buf_c(&b, 0);
    assert_string_equal(
        b.p,
        quoted("{" VEHICLE ",'speed':{'type':'Property','avg':[[100,'2020-08-01T12:03:00Z','2020-08-01T13:03:00Z']],"
               "'max':[[120.0,'2020-08-01T12:03:00Z','2020-08-01T13:03:00Z']]},"
               "'fuelLevel':[{'type':'Property','avg':[[67,'2020-08-01T12:03:00Z','2020-08-01T13:03:00Z'],"
               "[53,'2020-08-01T13:03:00Z','2020-08-01T14:03:00Z']],'max':[[67.0,'2020-08-01T12:03:00Z',"
               "'2020-08-01T13:03:00Z'],[53.0,'2020-08-01T13:03:00Z','2020-08-01T14:03:00Z']]},"
               "{'type':'Property','datasetId':'urn:d:1','avg':[[2.5,'2020-08-01T12:03:00.250Z',"
               "'2020-08-01T13:03:00.250Z']],'max':[[2.5,'2020-08-01T12:03:00.250Z',"
               "'2020-08-01T13:03:00.250Z']]}]}"));
    jd_buf_fini(&b);
}

static void test_aggregated_leaves_out_what_is_not_eligible(void **state) {
    (void)state;
    jd_evolution e =
        evolved("{" VEHICLE ",'name':[{'type':'Property','value':'x','observedAt':'2020-08-01T12:03:00Z'}],"
                "'speed':[{'type':'Property','value':1,'observedAt':'2020-08-01T12:03:00Z'}]}");
    jd_tbucket b1 = {at(T), at(T), jd_acc_new(&arena, JD_AGG_ALL)}, b2 = {at(T), at(T), jd_acc_new(&arena, JD_AGG_ALL)};
    jd_acc_add(b1.acc, &e.attrs[0].inst[0], symbols);
    jd_acc_add(b2.acc, &e.attrs[1].inst[0], symbols);
    jd_taggr list[] = {{.name = sym("name"), .kind = JD_PROPERTY, .bucket = &b1, .n = 1},
                       {.name = sym("speed"), .kind = JD_PROPERTY, .bucket = &b2, .n = 1}};
    jd_trender r = render_opts();
    jd_buf b = {0};
    jd_render_aggregated(&r, &e.doc, list, 2, JD_AGG_SUM, &b);
    jd_buf_c(&b, 0);
    assert_string_equal(b.p, quoted("{" VEHICLE ",'speed':{'type':'Property','sum':[[1,'" T "','" T "']]}}"));
    b.n = 0;
    jd_render_aggregated(&r, &e.doc, list, 1, JD_AGG_SUM | JD_AGG_MIN, &b);
    jd_buf_c(&b, 0);
    assert_string_equal(b.p, quoted("{" VEHICLE ",'name':{'type':'Property','min':[['x','" T "','" T "']]}}"));
    b.n = 0;
    jd_names names = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
    jd_proj *p;
    assert_int_equal(jd_proj_compile(&names, (jd_str){NULL, 0}, JD_STR("name,speed"), (jd_str){NULL, 0}, &p, NULL), 0);
    r.base.proj = p;
    jd_render_aggregated(&r, &e.doc, list, 2, JD_AGG_SUM, &b);
    jd_buf_c(&b, 0);
    assert_string_equal(b.p, quoted("{'speed':{'type':'Property','sum':[[1,'" T "','" T "']]}}"));
    jd_buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_020_04_normalized_is_always_an_array),
        cmocka_unit_test(test_020_08_datasets_share_one_array_in_order_of_time),
        cmocka_unit_test(test_020_12_15_16_459_kinds),
        cmocka_unit_test(test_459_01_values_of_kinds),
        cmocka_unit_test(test_values_round_trip),
        cmocka_unit_test(test_instance_ids_are_stable_and_distinct),
        cmocka_unit_test(test_sys_attrs_and_metadata),
        cmocka_unit_test(test_times_of_sub_attributes_follow_the_instance),
        cmocka_unit_test(test_concise),
        cmocka_unit_test(test_021_18_values_by_dataset),
        cmocka_unit_test(test_values_of_two_kinds_stand_apart),
        cmocka_unit_test(test_422_07_values_by_another_time),
        cmocka_unit_test(test_values_of_many_datasets),
        cmocka_unit_test(test_020_14_empty_on_this_page),
        cmocka_unit_test(test_020_17_to_20_tombstones),
        cmocka_unit_test(test_a_deleted_entity_says_so),
        cmocka_unit_test(test_456_01_scope),
        cmocka_unit_test(test_020_21_projection),
        cmocka_unit_test(test_language_filter),
        cmocka_unit_test(test_context_member_and_types),
        cmocka_unit_test(test_020_11_aggregated),
        cmocka_unit_test(test_aggregated_leaves_out_what_is_not_eligible),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
