/* Each rule of CAP 1.2 broken once, in a message that is sound otherwise: the error stands at its place, in two
 * languages. */
#include "rule/cap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* clang-format off */
static const char sound[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                            /* line 1 */
    "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n"
    "<identifier>jd.1</identifier>\n"
    "<sender>city@example.org</sender>\n"
    "<sent>2026-11-28T08:00:00+08:00</sent>\n"                                               /* 5 */
    "<status>Exercise</status>\n"
    "<msgType>Update</msgType>\n"
    "<source>desk 4</source>\n"
    "<scope>Restricted</scope>\n"
    "<restriction>fire brigade only</restriction>\n"                                         /* 10 */
    "<addresses>a@x.org \"Tower 3, room 5\" b</addresses>\n"
    "<code>one</code>\n"
    "<code>two</code>\n"
    "<note>n</note>\n"
    "<references>city@example.org,jd.0,2026-11-28T07:00:00+08:00\n"                          /* 15 */
    "x,y,2026-11-27T23:00:00-00:00</references>\n"
    "<incidents>\"big fire\" other</incidents>\n"
    "<info>\n"
    "<language>zh-CN</language>\n"
    "<category>Met</category>\n"                                                             /* 20 */
    "<category>Fire</category>\n"
    "<event>Gale</event>\n"
    "<responseType>Shelter</responseType>\n"
    "<urgency>Expected</urgency>\n"
    "<severity>Severe</severity>\n"                                                          /* 25 */
    "<certainty>Likely</certainty>\n"
    "<audience>all</audience>\n"
    "<eventCode><valueName>c</valueName><value>7</value></eventCode>\n"
    "<effective>2026-11-28T08:00:00+08:00</effective>\n"
    "<onset>2026-11-28T09:00:00+08:00</onset>\n"                                             /* 30 */
    "<expires>2026-11-28T10:00:00+08:00</expires>\n"
    "<senderName>City</senderName>\n"
    "<headline>h</headline>\n"
    "<description>d</description>\n"
    "<instruction>i</instruction>\n"                                                         /* 35 */
    "<web>https://example.org/w</web>\n"
    "<contact>119</contact>\n"
    "<parameter><valueName>p</valueName><value>8</value></parameter>\n"
    "<resource>\n"
    "<resourceDesc>map</resourceDesc>\n"                                                     /* 40 */
    "<mimeType>image/png</mimeType>\n"
    "<size>4</size>\n"
    "<uri>map.png</uri>\n"
    "<derefUri>AAEC\nAw==</derefUri>\n"
    "<digest>00</digest>\n"                                                                  /* 46 */
    "</resource>\n"
    "<area>\n"
    "<areaDesc>north</areaDesc>\n"
    "<polygon>40.0,116 41,116 41,117 40,116.0</polygon>\n"                                   /* 50 */
    "<circle>40,116 2.5</circle>\n"
    "<geocode><valueName>g</valueName><value>9</value></geocode>\n"
    "<altitude>10</altitude>\n"
    "<ceiling>99.5</ceiling>\n"
    "</area>\n"                                                                              /* 55 */
    "</info>\n"
    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:A b=\"c\">t</ds:A></ds:Signature>\n"
    "</alert>\n";

typedef struct fault {
    const char *from, *to, *place, *says; /* the first `from` becomes `to`; says: a piece of the English text */
} fault;

static const fault faults[] = {
    /* the namespace, the root, what is around the elements */
    {"cap:1.2", "cap:1.1", "alert, line 2", "CAP 1.1"},
    {"cap:1.2", "cap:1.3", "alert, line 2", "urn:oasis:names:tc:emergency:cap:1.3"},
    {" xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"", "", "alert, line 2", "no namespace"},
    {"<note>n</note>", "<note xmlns=\"urn:x\">n</note>", "note, line 14", "urn:x"},
    {"<event>", "<event xmlns=\"urn:oasis:names:tc:emergency:cap:1.1\">", "info[0].event, line 22", "CAP 1.1"},
    {"<note>n</note>", "<remark/>", "remark, line 14", "no such element"},
    {"<web>https://example.org/w</web>", "<mimeType>a</mimeType>", "info[0].mimeType, line 36", "info has no such"},
    {"<note>n</note>", "<note lang=\"zh\">n</note>", "note, line 14", "attribute lang"},
    {"<info>", "<info xml:lang=\"zh\">", "info, line 18", "attribute lang"},
    {"<note>n</note>", "<note>n<b>m</b></note>", "note, line 14", "element in its text: b"},
    {"<event>Gale", "text<event>Gale", "info[0], line 22", "text between"},
    {"</ds:Signature>\n", "</ds:Signature><note>n</note>", "note, line 57", "behind the signature"},
    {"<info>\n", "<s xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><info>\n", "info, line 18", "behind the signature"},
    {"<status>", "<s xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><status>", "status, line 6", "missing"},
    {"<event>", "<s xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><event>", "info[0].s, line 22", "xmldsig"},
    /* what is required */
    {"<identifier>jd.1</identifier>\n", "\n", "identifier, line 4", "missing"},
    {"<sender>city@example.org</sender>", "", "sender, line 5", "missing"},
    {"<sent>2026-11-28T08:00:00+08:00</sent>", "", "sent, line 6", "missing"},
    {"<status>Exercise</status>", "", "status, line 7", "missing"},
    {"<msgType>Update</msgType>", "", "msgType, line 8", "missing"},
    {"<scope>Restricted</scope>", "", "scope, line 10", "missing"},
    {"<category>Met</category>\n<category>Fire</category>\n", "\n\n", "info[0].category, line 22", "missing"},
    {"<event>Gale</event>", "", "info[0].event, line 23", "missing"},
    {"<urgency>Expected</urgency>", "", "info[0].urgency, line 25", "missing"},
    {"<severity>Severe</severity>", "", "info[0].severity, line 26", "missing"},
    {"<certainty>Likely</certainty>", "", "info[0].certainty, line 27", "missing"},
    {"<valueName>c</valueName>", "", "info[0].eventCode[0].valueName, line 28", "missing"},
    {"<value>7</value>", "", "info[0].eventCode[0].value, line 28", "missing"},
    {"<value>8</value>", "", "info[0].parameter[0].value, line 38", "missing"},
    {"<resourceDesc>map</resourceDesc>", "", "info[0].resource[0].resourceDesc, line 41", "missing"},
    {"<mimeType>image/png</mimeType>", "", "info[0].resource[0].mimeType, line 42", "missing"},
    {"<areaDesc>north</areaDesc>", "", "info[0].area[0].areaDesc, line 50", "missing"},
    {"<valueName>g</valueName>", "", "info[0].area[0].geocode[0].valueName, line 52", "missing"},
    {"<event>Gale<", "<event> \n<", "info[0].event, line 22", "says nothing"},
    {">north<", "><", "info[0].area[0].areaDesc, line 49", "says nothing"},
    {">g<", "><", "info[0].area[0].geocode[0].valueName, line 52", "says nothing"},
    /* how many, in what order */
    {"<note>n</note>", "<note>n</note><note>m</note>", "note, line 14", "twice"},
    {"<scope>Restricted</scope>", "<scope>Public</scope><scope>Public</scope>", "scope, line 9", "twice"},
    {"<onset>", "<effective>2026-11-28T08:00:00+08:00</effective><onset>", "info[0].effective, line 30", "twice"},
    {"<digest>00</digest>", "<digest>00</digest><digest>00</digest>", "info[0].resource[0].digest, line 46", "twice"},
    {"<ceiling>", "<altitude>1</altitude><ceiling>", "info[0].area[0].altitude, line 54", "twice"},
    {"<value>9</value>", "<value>9</value><value>9</value>", "info[0].area[0].geocode[0].value, line 52", "twice"},
    {"<code>one</code>", "<code>one</code><source>s</source>", "source, line 12", "behind code"},
    {"<info>\n", "<info>\n<event>E</event>", "info[0].category, line 19", "missing"},
    {"<headline>h</headline>", "<expires>2026-11-28T10:00:00+08:00</expires>", "info[0].expires, line 33",
     "behind senderName"},
    {"<altitude>10</altitude>", "<altitude>10</altitude><circle>1,1 1</circle>", "info[0].area[0].circle, line 53",
     "behind altitude"},
    /* the enumerations */
    {"Exercise<", "exercise<", "status, line 6", "not one of Actual, Exercise, System, Test, Draft"},
    {">Update<", ">Alarm<", "msgType, line 7", "not one of Alert, Update, Cancel, Ack, Error"},
    {">Restricted<", "> Restricted<", "scope, line 9", "not one of Public, Restricted, Private"},
    {">Fire<", ">Flood<", "info[0].category, line 21",
     "not one of Geo, Met, Safety, Security, Rescue, Fire, Health, Env, Transport, Infra, CBRNE, Other"},
    {">Shelter<", ">Run<", "info[0].responseType, line 23",
     "not one of Shelter, Evacuate, Prepare, Execute, Avoid, Monitor, Assess, AllClear, None"},
    {">Expected<", ">Soon<", "info[0].urgency, line 24", "not one of Immediate, Expected, Future, Past, Unknown"},
    {">Severe<", "><", "info[0].severity, line 25", "not one of Extreme, Severe, Moderate, Minor, Unknown"},
    {">Likely<", ">Very Likely<", "info[0].certainty, line 26",
     "not one of Observed, Likely, Possible, Unlikely, Unknown"},
    /* names */
    {">jd.1<", "><", "identifier, line 3", "no blank, comma"},
    {">jd.1<", ">jd 1<", "identifier, line 3", "no blank, comma"},
    {">jd.1<", ">jd,1<", "identifier, line 3", "no blank, comma"},
    {">jd.1<", ">jd&lt;1<", "identifier, line 3", "no blank, comma"},
    {">city@example.org<", ">city&amp;land<", "sender, line 4", "no blank, comma"},
    {">city@example.org<", ">\ncity<", "sender, line 4", "no blank, comma"},
    {"\"Tower 3, room 5\"", "\"Tower 3", "addresses, line 11", "does not end"},
    {"\"Tower 3, room 5\"", "\"Tower 3\"5", "addresses, line 11", "does not end"},
    {"\"big fire\"", "\"", "incidents, line 17", "does not end"},
    {">zh-CN<", ">Chinese!<", "info[0].language, line 19", "RFC 3066"},
    {">zh-CN<", ">mandarins<", "info[0].language, line 19", "RFC 3066"},
    {">zh-CN<", ">zh-<", "info[0].language, line 19", "RFC 3066"},
    {">zh-CN<", ">z1-CN<", "info[0].language, line 19", "RFC 3066"},
    {">https://example.org/w<", ">/w<", "info[0].web, line 36", "absolute URI"},
    {">https://example.org/w<", ">https://example.org/a b<", "info[0].web, line 36", "absolute URI"},
    {">https://example.org/w<", ">https:<", "info[0].web, line 36", "absolute URI"},
    {">https://example.org/w<", ">https://example.org/%2<", "info[0].web, line 36", "absolute URI"},
    {">map.png<", ">my map.png<", "info[0].resource[0].uri, line 43", "no URI"},
    {">map.png<", ">a#b#c<", "info[0].resource[0].uri, line 43", "no URI"},
    {">map.png<", ">a[1]<", "info[0].resource[0].uri, line 43", "no URI"},
    /* references, and what depends on another element */
    {"city@example.org,jd.0,", "city@example.org,", "references, line 15", "sender,identifier,sent"},
    {"city@example.org,jd.0,", ",jd.0,", "references, line 15", "sender,identifier,sent"},
    {"23:00:00-00:00", "23:00:00Z", "references, line 15", "\"x,y,2026-11-27T23:00:00Z\""},
    {"\nx,y,", ",\nx,y,", "references, line 15", "sender,identifier,sent"},
    {">fire brigade only<", "> <", "restriction, line 58", "nothing says to whom"},
    {"<restriction>fire brigade only</restriction>", "", "restriction, line 58", "nothing says to whom"},
    {">Restricted<", ">Public<", "restriction, line 10", "whose scope is Restricted"},
    {"<altitude>10</altitude>", "", "info[0].area[0].ceiling, line 54", "altitude"},
    {"<derefUri>AAEC\nAw==</derefUri>", "\n", "info[0].resource[0].uri, line 47", "no derefUri"},
    /* times */
    {"08:00:00+08:00</sent>", "08:00:00Z</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00.5+08:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00+08:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:60+08:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "24:00:01+08:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00,08:00</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00+14:01</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00+08:60</sent>", "sent, line 5", "without Z"},
    {"08:00:00+08:00</sent>", "08:00:00+0800</sent>", "sent, line 5", "without Z"},
    {"2026-11-28T08:00:00+08:00</sent>", "2026-11-31T08:00:00+08:00</sent>", "sent, line 5", "without Z"},
    {"2026-11-28T08:00:00+08:00</sent>", "0000-11-28T08:00:00+08:00</sent>", "sent, line 5", "without Z"},
    {"2026-11-28T08:00:00+08:00</sent>", "2026-11-28 08:00:00+08:00</sent>", "sent, line 5", "without Z"},
    {"2026-11-28T08:00:00+08:00</sent>", "</sent>", "sent, line 5", "without Z"},
    {"2026-11-28T08:00:00+08:00</effective>", "today</effective>", "info[0].effective, line 29", "without Z"},
    {"2026-11-28T09:00:00+08:00</onset>", "</onset>", "info[0].onset, line 30", "without Z"},
    {"10:00:00+08:00</expires>", "10:00:00Z</expires>", "info[0].expires, line 31", "without Z"},
    /* numbers and places */
    {"<size>4", "<size>4.0", "info[0].resource[0].size, line 42", "whole number"},
    {"<size>4", "<size>", "info[0].resource[0].size, line 42", "whole number"},
    {"AAEC", "AAE", "info[0].resource[0].derefUri, line 44", "base64"},
    {"AAEC", "AAE-", "info[0].resource[0].derefUri, line 44", "base64"},
    {"Aw==", "A===", "info[0].resource[0].derefUri, line 44", "base64"},
    {"Aw==", "=w==", "info[0].resource[0].derefUri, line 44", "base64"},
    {">10<", ">1e1<", "info[0].area[0].altitude, line 53", "decimal"},
    {">99.5<", ">.<", "info[0].area[0].ceiling, line 54", "decimal"},
    {"41,116 ", "", "info[0].area[0].polygon, line 50", "a polygon of 3 places"},
    {"40.0,116 41,116 41,117 40,116.0", " ", "info[0].area[0].polygon, line 50", "a polygon of 0 places"},
    {"40,116.0<", "40,116.01<", "info[0].area[0].polygon, line 50", "not its first one"},
    {"40,116.0<", "-40,116<", "info[0].area[0].polygon, line 50", "not its first one"},
    {"41,116 ", "41 116 ", "info[0].area[0].polygon, line 50", "\"41\""},
    {"41,116 ", "41, 116 ", "info[0].area[0].polygon, line 50", "\"41,\""},
    {"41,116 ", "41,116,5 ", "info[0].area[0].polygon, line 50", "\"41,116,5\""},
    {"41,116 ", "90.1,116 ", "info[0].area[0].polygon, line 50", "\"90.1,116\""},
    {"41,116 ", "41,-180.0001 ", "info[0].area[0].polygon, line 50", "\"41,-180.0001\""},
    {"41,116 ", "41N,116E ", "info[0].area[0].polygon, line 50", "\"41N,116E\""},
    {"40,116 2.5", "40,116", "info[0].area[0].circle, line 51", "kilometres"},
    {"40,116 2.5", "40,116,2.5", "info[0].area[0].circle, line 51", "latitude,longitude"},
    {"40,116 2.5", "40,116 -2.5", "info[0].area[0].circle, line 51", "kilometres"},
    {"40,116 2.5", "40,116 2.5 3", "info[0].area[0].circle, line 51", "kilometres"},
    {"40,116 2.5", "40,116 2.5km", "info[0].area[0].circle, line 51", "kilometres"},
    {"40,116 2.5", "", "info[0].area[0].circle, line 51", "kilometres"},
};

/* What must not be refused: the edges of the rules above. */
static const fault edges[] = {
    {"<alert ", "<alert xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"a b\" ",
     NULL, NULL},
    {"08:00:00+08:00</sent>", "24:00:00-14:00\n</sent>", NULL, NULL},
    {">zh-CN<", "><", NULL, NULL},
    {">zh-CN<", "> i-klingon <", NULL, NULL},
    {"<note>n</note>", "<note/>", NULL, NULL},
    {"<note>n</note>", "<note><![CDATA[<b>]]><!-- c --><?p q?></note>", NULL, NULL},
    {">https://example.org/w<", "><", NULL, NULL},
    {">a@x.org \"Tower 3, room 5\" b<", "> <", NULL, NULL},
    {"40.0,116 41,116 41,117 40,116.0", "-90,180 90.000,-180 +0,.5 -090.,180", NULL, NULL},
    {"40,116 2.5", "-0.0,0 0", NULL, NULL},
    {"<ceiling>99.5</ceiling>", "", NULL, NULL},
    {">map.png<", ">https://example.org/map.png<", NULL, NULL},
    {">map.png<", ">http://[::1]/%e5%9b%be#x<", NULL, NULL},
    {"<area>", "<!-- nothing --><area>", NULL, NULL},
};
/* clang-format on */

static jd_str broken(jd_arena *a, const fault *f) {
    const char *at = strstr(sound, f->from);
    assert_non_null(at);
    return jd_arena_printf(a, "%.*s%s%s", (int)(at - sound), sound, f->to, at + strlen(f->from));
}

static void each_rule(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const fault *f = &faults[i];
        jd_arena a;
        jd_arena_init(&a);
        jd_cap c = {.codes_n = 77};
        jd_err err = {0};
        if (!jd_cap_read(broken(&a, f), &a, &c, &err)) fail_msg("taken: %s -> %s", f->from, f->to);
        if (err.code != JD_E_BAD_REQUEST_DATA || strcmp(err.place, f->place) || !strstr(err.en, f->says) ||
            !err.zh[0] || !strcmp(err.zh, err.en))
            fail_msg("%s -> %s: %s: %s / %s; not %s: %s", f->from, f->to, err.place, err.en, err.zh, f->place, f->says);
        assert_int_equal(c.codes_n, 77); /* untouched */
        jd_arena_fini(&a);
    }
}

static void each_edge(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        jd_arena a;
        jd_arena_init(&a);
        jd_cap c;
        jd_err err = {0};
        if (jd_cap_read(broken(&a, &edges[i]), &a, &c, &err))
            fail_msg("%s -> %s: %s: %s", edges[i].from, edges[i].to, err.place, err.en);
        jd_arena_fini(&a);
    }
}

/* A private message needs addresses; anything but an Alert names what it is about. */
static void needs(void **unused) {
    (void)unused;
    static const char form[] = "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>1</identifier>"
                               "<sender>2</sender><sent>2026-11-28T08:00:00+08:00</sent><status>Test</status>"
                               "<msgType>%s</msgType><scope>%s</scope>%s</alert>";
    static const char addresses[] = "<addresses>a</addresses>";
    static const char references[] = "<references>2,0,2026-11-28T07:00:00+08:00</references>";
    static const struct {
        const char *type, *scope, *more, *place;
    } cases[] = {
        {"Alert", "Public", "", NULL},
        {"Alert", "Public", "<references/>", NULL},
        {"Alert", "Private", "", "addresses, line 1"},
        {"Alert", "Private", "<addresses> </addresses>", "addresses, line 1"},
        {"Alert", "Private", addresses, NULL},
        {"Alert", "Public", addresses, NULL},
        {"Update", "Public", "", "references, line 1"},
        {"Cancel", "Public", "<references/>", "references, line 1"},
        {"Ack", "Public", "", "references, line 1"},
        {"Error", "Public", "", "references, line 1"},
        {"Cancel", "Public", references, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_arena a;
        jd_arena_init(&a);
        jd_cap c;
        jd_err err = {0};
        jd_str xml = jd_arena_printf(&a, form, cases[i].type, cases[i].scope, cases[i].more);
        int rc = jd_cap_read(xml, &a, &c, &err);
        assert_int_equal(rc, cases[i].place ? -1 : 0);
        if (rc) assert_string_equal(err.place, cases[i].place);
        jd_arena_fini(&a);
    }
}

static void sound_one(void **unused) {
    (void)unused;
    jd_arena a;
    jd_arena_init(&a);
    jd_cap c;
    jd_err err = {0};
    if (jd_cap_read(jd_str_of(sound), &a, &c, &err)) fail_msg("%s: %s", err.place, err.en);
    assert_int_equal(c.sent, INT64_C(1795824000) * 1000000);
    assert_int_equal(c.codes_n, 2);
    assert_true(jd_str_is(c.codes[1], "two"));
    assert_int_equal(c.infos_n, 1);
    const jd_cap_info *info = c.infos;
    assert_int_equal(info->categories_n, 2);
    assert_int_equal(info->expires - info->onset, INT64_C(3600000000));
    assert_int_equal(info->resources_n, 1);
    assert_true(jd_str_is(info->resources[0].deref_uri, "AAEC\nAw=="));
    assert_int_equal(info->areas_n, 1);
    assert_true(jd_str_is(info->areas[0].polygons[0], "40.0,116 41,116 41,117 40,116.0"));
    assert_true(jd_str_is(info->areas[0].ceiling, "99.5"));
    assert_true(jd_str_is(info->areas[0].geocodes[0].value, "9"));
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_one),
        cmocka_unit_test(each_rule),
        cmocka_unit_test(each_edge),
        cmocka_unit_test(needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
