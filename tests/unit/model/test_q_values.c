/* What clause 4.9 says of values: their kinds, where paths lead, instances, languages, linked entities. */
#include "query_test.h"

typedef struct row {
    const char *text;
    int want;
} row;

static void check(world *w, const jd_doc *d, const row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int got = q_on(w, d, rows[i].text);
        if (got != rows[i].want)
            fail_msg("q=%s gives %d, not %d %s", rows[i].text, got, rows[i].want, got < 0 ? w->err.en : "");
    }
}
#define CHECK(w, d, rows) check(w, d, rows, sizeof rows / sizeof *rows)

static void test_numbers(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"n\":{\"value\":21.5},\"neg\":{\"value\":-3},"
                                 "\"big\":{\"value\":123456789012345678901234567890},"
                                 "\"exp\":{\"value\":1.5e2},\"zero\":{\"value\":-0.0},\"text\":{\"value\":\"21.5\"}}");
    static const row rows[] = {
        {"n==21.5", 1},
        {"n==2.15e1", 1},
        {"n==21.50", 1},
        {"n!=21.5", 0},
        {"n>21", 1},
        {"n>21.5", 0},
        {"n>=21.5", 1},
        {"n<21.5", 0},
        {"n<=21.5", 1},
        {"n<22", 1},
        {"n==20..22", 1},
        {"n==21.5..21.5", 1},
        {"n==22..30", 0},
        {"n!=22..30", 1},
        {"n==30..20", 0},
        {"n!=30..20", 1},
        {"n==1,21.5", 1},
        {"n!=1,21.5", 0},
        {"n!=1,2", 1},
        {"neg==-3", 1},
        {"neg<-2", 1},
        {"neg==-5..-1", 1},
        {"big>1e29", 1},
        {"big==123456789012345678901234567890", 1},
        {"exp==150", 1},
        {"zero==0", 1},
        {"text==21.5", 0},
        {"text!=21.5", 1},
        {"n==\"21.5\"", 0},
        {"text>20", 0},
        {"n", 1},
        {"!n", 0},
        {"missing", 0},
        {"!missing", 1},
        {"missing!=1", 0},
        {"missing==1", 0},
        {"n>\"a\"", 0},
        {"n==true", 0},
        {"n!=true", 1},
        {"n==urn:x:y", 0},
        {"n!=urn:x:y", 1},
        {" n == 21.5 ", 1},
        {"n >= 21 ; n < 22", 1},
    };
    CHECK(&w, d, rows);
    world_end(&w);
}

static void test_strings(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"s\":{\"value\":\"Big \\\"Ben\\\"; "
                                 "a|b(c),d\"},\"zh\":{\"value\":\"京口区\"},"
                                 "\"empty\":{\"value\":\"\"},\"名称\":{\"value\":\"泵站\"},\"line\":{\"value\":"
                                 "\"a\\nb\"},\"emoji\":{\"value\":\"😀\"}}");
    static const row rows[] = {
        {"s==\"Big \\\"Ben\\\"; a|b(c),d\"", 1},
        {"s!=\"Big \\\"Ben\\\"; a|b(c),d\"", 0},
        {"(s==\"Big \\\"Ben\\\"; a|b(c),d\");zh", 1},
        {"zh==\"京口区\"", 1},
        {"zh==\"\\u4eac\\u53e3\\u533a\"", 1},
        {"zh==京口区", 1},
        {"zh>=\"京\"", 1},
        {"zh<\"京口\"", 0},
        {"zh==\"京\"..\"亿\"", 1},
        {"zh==\"京\"..\"京口\"", 0},
        {"zh==\"京\"..\"京口区a\"", 1},
        {"名称==\"泵站\"", 1},
        {"empty==\"\"", 1},
        {"empty!=\"\"", 0},
        {"empty<\"a\"", 1},
        {"line==\"a\\nb\"", 1},
        {"emoji==\"\\ud83d\\ude00\"", 1},
        {"emoji>\"\\uffff\"", 1}, /* by code point, not by UTF-16 unit */
        {"zh==true", 0},
        {"zh~=\"口\"", 1},
        {"zh~=\"^口\"", 0},
        {"zh~=\"区$\"", 1},
        {"zh!~=\"区$\"", 0},
        {"zh~=\"^.{3}$\"", 1}, /* characters, not bytes */
        {"zh~=\"^[[:alpha:]]+$\"", 1},
        {"s~=\"\\\"Ben\\\"\"", 1},
        {"s~=\"a\\|b\\(c\\)\"", 1},
        {"zh~=京.区", 1},
        {"zh~=(京|润)口区", 1},
        {"zh~=[;)|]|zh~=^京", 1},
        {"(zh~=^润);zh", 0},
        {"missing~=\".\"", 0},
        {"missing!~=\".\"", 0},
    };
    CHECK(&w, d, rows);
    world_end(&w);
}

static void test_times(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_at(
        &w,
        "{\"id\":\"urn:x:1\",\"type\":\"T\",\"expiresAt\":\"2030-01-01T00:00:00Z\","
        "\"n\":{\"value\":1,\"observedAt\":\"2026-03-01T12:00:00.250Z\",\"unitCode\":\"CEL\",\"q\":{\"value\":1,"
        "\"observedAt\":\"2026-03-01T12:00:00Z\"}},"
        "\"odd\":{\"value\":\"2026-03-01T12:00:00,5Z\"},"
        "\"at\":{\"value\":\"2026-03-01T12:00:00Z\"},\"leap\":{\"value\":\"2016-12-31T23:59:60Z\"},"
        "\"day\":{\"value\":\"2026-03-01\"},\"clock\":{\"value\":\"08:30:00Z\"},\"no\":{\"value\":\"2026-13-01\"},"
        "\"typed\":{\"value\":{\"@type\":\"DateTime\",\"@value\":\"2026-03-01T12:00:00Z\"}}}",
        time_at("2026-01-01T00:00:00Z"), time_at("2026-02-01T00:00:00Z"));
    static const row rows[] = {
        {"at==2026-03-01T12:00:00Z", 1},
        {"at==2026-03-01T12:00:00.000Z", 1},
        {"at==\"2026-03-01T12:00:00.000Z\"", 1},
        {"at!=2026-03-01T12:00:00Z", 0},
        {"at>2026-03-01T11:59:59.999Z", 1},
        {"at<2026-03-01T12:00:00Z", 0},
        {"at<=2026-03-01T12:00:00Z", 1},
        {"at==2026-03-01T00:00:00Z..2026-03-02T00:00:00Z", 1},
        {"at==\"2026-03-01T00:00:00Z\"..\"2026-03-02T00:00:00Z\"", 1},
        {"at!=2026-03-01T00:00:00Z..2026-03-02T00:00:00Z", 0},
        {"at==2026-03-01T12:00:00Z,2027-01-01T00:00:00Z", 1},
        {"at~=\"^2026-03\"", 1},
        {"at>\"2026\"", 1}, /* both are strings in JSON */
        {"at==5", 0},
        {"at==2026-03-01", 0}, /* a Date is no DateTime */
        {"at!=2026-03-01", 1},
        {"leap>=2016-12-31T23:59:59Z", 1},
        {"typed>2026-03-01T00:00:00Z", 1},
        {"day==2026-03-01", 1},
        {"day==\"2026-03-01\"", 1},
        {"day>2026-02-28", 1},
        {"day<2026-02-28", 0},
        {"day==2026-02-01..2026-03-31", 1},
        {"no>2026-02-28", 0}, /* a string that is no date */
        {"no>\"2026-02-28\"", 1},
        {"clock>=08:30:00Z", 1},
        {"clock==08:30:00.0Z", 1},
        {"clock==08:00:00Z..09:00:00Z", 1},
        {"clock<08:30:00Z", 0},
        {"clock>2026-01-01T00:00:00Z", 0},
        /* metadata of attributes and of the entity */
        {"n.observedAt==2026-03-01T12:00:00.25Z", 1},
        {"n.observedAt>=2026-01-01T00:00:00Z", 1},
        {"n.observedAt>=\"2026-01-01T00:00:00Z\"", 1},
        {"n.observedAt<2026-01-01T00:00:00Z", 0},
        {"n.observedAt", 1},
        {"n.observedAt~=\"12:00:00\\.250Z$\"", 1},
        {"n.observedAt!~=\"^2025\"", 1},
        {"n.observedAt==5", 0},
        {"n.observedAt!=5", 1},
        {"at.observedAt", 0},
        {"!at.observedAt", 1},
        {"at.observedAt!=2026-01-01T00:00:00Z", 0},
        {"n.unitCode==\"CEL\"", 1},
        {"n.unitCode==CEL", 1},
        {"n.unitCode!=\"FAR\"", 1},
        {"n.unitCode~=\"^C\"", 1},
        {"n.createdAt==2026-01-01T00:00:00Z", 1},
        {"typed.modifiedAt==2026-02-01T00:00:00Z", 1},
        {"n.observedAt.q", 0},
        {"n.q.observedAt", 1},
        {"odd==\"2026-03-01T12:00:00.5Z\"", 1},
        {"odd==2026-03-01T12:00:00.5Z", 1},
        {"odd==\"2026-03-01T12:00:00,5Z\"", 1},
        {"odd>\"2026-03-01T12:00:00.4Z\"", 1},
        {"createdAt==2026-01-01T00:00:00Z", 1},
        {"modifiedAt>2026-01-15T00:00:00Z", 1},
        {"modifiedAt>\"2026-01-15T00:00:00Z\"", 1},
        {"expiresAt<2031-01-01T00:00:00Z", 1},
        {"createdAt.x", 0},
        {"https://uri.etsi.org/ngsi-ld/modifiedAt>2026-01-15T00:00:00Z", 1},
        {"n.https://uri.etsi.org/ngsi-ld/observedAt>=2026-01-01T00:00:00Z", 1},
        {"id==urn:x:1", 1},
        {"id==\"urn:x:2\"", 0},
        {"id~=\"^urn:x\"", 1},
        {"type==T", 1},
        {"type!=T", 0},
        {"type==\"U\",\"T\"", 1},
        {"scope", 0},
    };
    CHECK(&w, d, rows);
    world_end(&w);
}

static void test_booleans_arrays_objects(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"scope\":[\"/a/b\",\"/"
                                 "c\"],\"on\":{\"value\":true},\"off\":{\"value\":false},"
                                 "\"a\":{\"value\":[1,5,\"x\",true,\"2026-03-01T12:00:00Z\"]},\"none\":{\"value\":[]},"
                                 "\"deep\":{\"value\":[[1]]},"
                                 "\"list\":{\"type\":\"ListProperty\",\"valueList\":[3,4]},\"o\":{\"value\":{\"k\":1}},"
                                 "\"vocab\":{\"type\":\"VocabProperty\",\"vocab\":[\"name\",\"speed\"]}}");
    static const row rows[] = {
        {"on==true", 1},
        {"on==false", 0},
        {"on!=false", 1},
        {"off==false", 1},
        {"on==\"true\"", 0},
        {"on==1", 0},
        {"on==true,false", 1},
        {"on!=true,5", 0},
        {"a==5", 1},
        {"a==6", 0},
        {"a!=5", 0},
        {"a!=6", 1},
        {"a==\"x\"", 1},
        {"a==true", 1},
        {"a==false", 0},
        {"a==4..6", 1},
        {"a==6..9", 0},
        {"a!=4..6", 0},
        {"a!=6..9", 1},
        {"a==9,5", 1},
        {"a!=9,8", 1},
        {"a>0", 0},
        {"a>=1", 0},
        {"a~=\"x\"", 0},
        {"a!~=\"y\"", 0},
        {"a==2026-03-01T12:00:00Z", 1},
        {"none", 1},
        {"none==1", 0},
        {"none!=1", 1},
        {"deep==1", 0},
        {"deep!=1", 1},
        {"list==3", 1},
        {"list==5", 0},
        {"list!=5", 1},
        {"o==1", 0},
        {"o!=1", 1},
        {"o", 1},
        {"o>0", 0},
        {"o[k]==1", 1},
        {"scope==\"/c\"", 1},
        {"scope==/c", 1},
        {"scope!=\"/c\"", 0},
        {"scope!=\"/d\"", 1},
        {"vocab==\"" TS "speed\"", 1},
        {"vocab==" TS "speed", 1},
        {"vocab!=" TS "speed", 0},
        {"vocab==speed", 0},
        {"vocab!=speed", 1},
    };
    CHECK(&w, d, rows);
    world_end(&w);
}

static void test_paths_and_instances(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(
        &w,
        "{\"id\":\"urn:x:1\",\"type\":\"T\","
        "\"sensor\":{\"value\":40,\"rawdata\":{\"value\":{\"airquality\":{\"particulate\":40,\"PM20\":85}},\"quality\":"
        "{\"value\":\"good\",\"by\":{\"object\":\"urn:p:1\"}}}},"
        "\"multi\":[{\"type\":\"Property\",\"value\":1},{\"type\":\"Property\",\"value\":2,\"datasetId\":\"urn:d:2\"},"
        "{\"type\":\"Property\",\"value\":\"three\",\"datasetId\":\"urn:d:3\",\"sub\":{\"value\":9}}],"
        "\"point\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[8.5,40]}},"
        "\"tickets\":{\"type\":\"JsonProperty\",\"json\":{\"id\":\"85a6\",\"value\":\"Overstay 60 "
        "minutes\",\"null\":null}},"
        "\"obj\":{\"value\":{\"name\":\"n\",\"id\":\"i\",\"type\":\"t\",\"ex:k\":7,\"value\":\"v\",\"arr\":[1,2],"
        "\"in\":{\"speed\":3}}},"
        "\"other\":{\"value\":1,\"s\":[{\"type\":\"Property\",\"value\":5},{\"type\":\"Property\",\"value\":6,"
        "\"datasetId\":\"urn:d:2\"}],\"t\":{\"value\":7}}}");
    static const row rows[] = {
        {"sensor.rawdata[airquality.particulate]==40", 1}, /* 4.9 example 10 */
        {"sensor.rawdata[airquality.particulate]!=40", 0},
        {"sensor.rawdata[airquality.PM10]!=40", 0},
        {"sensor.rawdata[airquality]", 1},
        {"sensor.rawdata[airquality]==40", 0},
        {"sensor[airquality.particulate]", 0},
        {"sensor.rawdata.quality==\"good\"", 1},
        {"sensor.rawdata.quality.by==urn:p:1", 1},
        {"sensor.rawdata.quality.by>\"a\"", 0},
        {"sensor.rawdata.nothing", 0},
        {"sensor.nothing.quality", 0},
        {"rawdata", 0},
        {"multi==1", 1},
        {"multi==2", 1},
        {"multi!=1", 1}, /* some instance is not 1 */
        {"multi>1", 1},
        {"multi>2", 0},
        {"multi==\"three\"", 1},
        {"multi.sub==9", 1},
        {"multi.datasetId==urn:d:3", 1},
        {"multi.datasetId==urn:d:4", 0},
        {"other.datasetId", 0},
        {"other.s==5", 1},
        {"other.s==6", 1},
        {"other.s==7", 0},
        {"other.s.datasetId==urn:d:2", 1},
        {"other==2", 0}, /* the instances of a neighbour are not its own */
        {"point[type]==\"Point\"", 1},
        {"point[coordinates]==40", 1},
        {"tickets[value]==\"Overstay 60 minutes\"", 1},
        {"tickets[id]==\"85a6\"", 1},
        {"tickets[null]", 1},
        {"tickets[null]==1", 0},
        {"obj[name]==\"n\"", 1},
        {"obj[id]==\"i\"", 1},
        {"obj[type]==\"t\"", 1},
        {"obj[value]==\"v\"", 1},
        {"obj[ex:k]==7", 1},
        {"obj[in.speed]==3", 1},
        {"obj[in.speed]>2", 1},
        {"obj[arr]==2", 1},
        {"obj[arr.x]", 0},
        {"obj[*]", 0},
    };
    CHECK(&w, d, rows);
    /* jsonKeys: names are those written, also where the value's are expanded */
    jd_qopts json = {.json_keys = JD_STR("tickets")};
    assert_int_equal(q_with(&w, d, "tickets[value]==\"Overstay 60 minutes\"", &json), 1);
    json.json_keys = JD_STR("other,obj");
    assert_int_equal(q_with(&w, d, "obj[name]==\"n\"", &json), 0);
    assert_int_equal(q_with(&w, d, "obj[id]==\"i\"", &json), 1);
    world_end(&w);
}

static void test_languages(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d =
        doc_of(&w, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"color\":{\"type\":\"LanguageProperty\",\"languageMap\":"
                   "{\"fr\":[\"chat\",\"rouge\"],\"en\":[\"red\",\"cat\"],\"zh-Hans\":\"红\"}}}");
    static const row rows[] = {
        {"color[en]==\"red\"", 1},
        {"color[en]==\"cat\"", 1},
        {"color[en]==\"rouge\"", 0},
        {"color[EN]==\"red\"", 1},
        {"color[zh-hans]==\"红\"", 1},
        {"color[de]", 0},
        {"color[en]", 1},
        {"color[*]", 1},
        {"color", 1},
        {"color[*]==\"rouge\"", 1},
        {"color==\"rouge\"", 1},
        {"color==\"blau\"", 0},
        {"color[en]!=\"red\"", 0},
        {"color[en]!=\"blue\"", 1},
        {"color[de]!=\"red\"", 0},
        {"color[*]!=\"红\"", 0},
        {"color[*]!=\"blue\"", 1},
        {"color!=\"chat\"", 0},
        {"color[en]==\"x\",\"cat\"", 1},
        {"color[zh-Hans]~=\"红\"", 1},
        {"color[*]~=\"红\"", 1},
        {"color[*]!~=\"红\"", 0},
        {"color[*]!~=\"绿\"", 1},
        {"color[en]~=\"red\"", 0},
        {"color[zh-Hans]>\"一\"", 1},
        {"color[en.x]", 0},
    };
    CHECK(&w, d, rows);
    world_end(&w);
}

static void test_linked_entities(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    const jd_doc *d = doc_of(
        &w,
        "{\"id\":\"urn:ngsi-ld:WeatherStation:1\",\"type\":\"WeatherStation\","
        "\"sensor\":{\"type\":\"Relationship\",\"objectType\":\"Device\",\"object\":\"urn:ngsi-ld:Device:345\"},"
        "\"several\":{\"type\":\"Relationship\",\"object\":[\"urn:ngsi-ld:Device:none\",\"urn:ngsi-ld:Device:345\"]},"
        "\"list\":{\"type\":\"ListRelationship\",\"objectList\":[{\"object\":\"urn:ngsi-ld:Device:345\"},{\"object\":"
        "\"urn:x:9\"}]},"
        "\"prop\":{\"value\":\"urn:ngsi-ld:Device:345\"},\"gone\":{\"object\":\"urn:x:gone\"}}");
    doc_of(&w,
           "{\"id\":\"urn:ngsi-ld:Device:345\",\"type\":\"Device\",\"humidity\":{\"value\":40,\"unitCode\":\"P1\"},"
           "\"owner\":{\"object\":\"urn:ngsi-ld:Person:7\"},\"back\":{\"object\":\"urn:ngsi-ld:WeatherStation:1\"}}");
    doc_of(&w, "{\"id\":\"urn:ngsi-ld:Person:7\",\"type\":[\"Person\",\"ex:Human\"],\"name\":{\"value\":\"Bob\"},\"ex:"
               "age\":{\"value\":7},"
               "\"address\":{\"value\":{\"city\":\"Zhenjiang\"}}}");
    static const row rows[] = {
        {"sensor{humidity}==40", 1}, /* 4.9 examples 13, 14 */
        {"sensor{Device:humidity}==40", 1},
        {"sensor{Vehicle:humidity}==40", 0},
        {"sensor{Vehicle,Device:humidity}>39", 1},
        {"sensor{ Vehicle , Device:humidity }>39", 1},
        {"sensor{humidity}", 1},
        {"!sensor{humidity}", 0},
        {"sensor{nothing}", 0},
        {"!sensor{nothing}", 1},
        {"sensor{humidity}!=40", 0},
        {"sensor{humidity}!=41", 1},
        {"sensor{humidity.unitCode}==\"P1\"", 1},
        {"sensor{type}==Device", 1},
        {"sensor{owner{name}}==\"Bob\"", 1},
        {"sensor{Device:owner{Person:name}}==\"Bob\"", 1},
        {"sensor{Device:owner{ex:Human:name}}==\"Bob\"", 1},
        {"sensor{owner{ex:age}}==7", 1},
        {"sensor{owner{Person:ex:age}}==7", 1},
        {"sensor{owner{ex:Human:ex:age}}==7", 1},
        {"sensor{owner{ex:Robot:ex:age}}==7", 0},
        {"sensor{owner{address[city]}}==\"Zhenjiang\"", 1},
        {"sensor{back{sensor{humidity}}}==40", 1},
        {"several{humidity}==40", 1},
        {"list{humidity}==40", 1},
        {"list==urn:x:9", 1},
        {"list!=urn:x:9", 0},
        {"list>\"a\"", 0},
        {"several==\"urn:ngsi-ld:Device:345\"", 1},
        {"sensor!=urn:x:9", 1},
        {"sensor~=\"urn\"", 0},
        {"sensor!~=\"nothing\"", 0},
        {"prop{humidity}==40", 0},
        {"gone{humidity}", 0},
        {"sensor.objectType==Device", 1},
        {"sensor.objectType==Vehicle", 0},
        {"sensor.objectType!=Vehicle", 1},
        {"sensor{humidity}==40;sensor{owner{name}}==\"Eve\"|gone", 1},
    };
    CHECK(&w, d, rows);
    jd_names n = names_of(&w);
    jd_q *q;
    assert_int_equal(jd_q_compile(&n, JD_STR("sensor{humidity}==40"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_test(q, d, NULL), 0); /* nobody to open the linked entity */
    assert_int_equal(jd_q_links(q), 1);
    assert_int_equal(jd_q_compile(&n, JD_STR("a;sensor{owner{works{name}}}|b{c}"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_links(q), 3);
    assert_int_equal(jd_q_compile(&n, JD_STR("a.b"), NULL, &q, &w.err), 0);
    assert_int_equal(jd_q_links(q), 0);
    world_end(&w);
}

/* Every entity points to a hundred others: looking for what is not there must come to an end. */
static void test_linked_entities_do_not_run_away(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    char text[8192] = "{\"id\":\"urn:x:0\",\"type\":\"T\",\"to\":{\"type\":\"Relationship\",\"object\":[\"urn:x:0\"";
    for (int i = 0; i < 100; i++) strcat(text, ",\"urn:x:0\"");
    strcat(text, "]}}");
    const jd_doc *d = doc_of(&w, text);
    assert_int_equal(q_on(&w, d, "to{to{to{to{to{to{to{to{to{to{name}}}}}}}}}}"), 0);
    assert_int_equal(q_on(&w, d, "to{to{to{to{to{to{to{to{to{to}}}}}}}}}"), 1);
    assert_int_equal(q_on(&w, d, "to{to{to{to{to{to{to{to{to{to{to{name}}}}}}}}}}}"), -1); /* 5.7.2: eleven hops */
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_booleans_arrays_objects),
        cmocka_unit_test(test_paths_and_instances),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_linked_entities),
        cmocka_unit_test(test_linked_entities_do_not_run_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
