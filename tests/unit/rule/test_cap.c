/* CAP messages: the shapes of the standard's four examples (appendix A, in words of our own), random messages written
 * and read again, times, escapes, limits at their edges, hostile XML. */
#include "rule/cap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\">\n"

typedef struct bench {
    jd_arena a;
    jd_cap cap;
    jd_err err;
} bench;

static void begin(bench *b) {
    memset(b, 0, sizeof *b);
    jd_arena_init(&b->a);
}
static void must_read(bench *b, jd_str xml) {
    if (jd_cap_read(xml, &b->a, &b->cap, &b->err)) fail_msg("%s: %s", b->err.place, b->err.en);
}
static void must_fail(bench *b, jd_str xml, const char *place, const char *says) {
    if (!jd_cap_read(xml, &b->a, &b->cap, &b->err)) fail_msg("taken");
    if (strcmp(b->err.place, place) || !strstr(b->err.en, says) || !b->err.zh[0])
        fail_msg("%s: %s; not %s: %s", b->err.place, b->err.en, place, says);
}
static void must_be(jd_str s, const char *text) {
    if (!jd_str_is(s, text)) fail_msg("\"%.*s\", not \"%s\"", JD_STR_ARG(s), text);
}
static jd_time at(const char *text) {
    jd_time t;
    assert_int_equal(jd_time_parse(jd_str_of(text), &t, NULL), 0);
    return t;
}

/* ---- two messages are the same ---- */

static void same_str(jd_str a, jd_str b) {
    assert_int_equal(!a.p, !b.p);
    if (!jd_str_eq(a, b)) fail_msg("\"%.*s\", not \"%.*s\"", JD_STR_ARG(a), JD_STR_ARG(b));
}
static void same_list(const jd_str *a, size_t a_n, const jd_str *b, size_t b_n) {
    assert_int_equal(a_n, b_n);
    for (size_t i = 0; i < a_n; i++) assert_true(jd_str_eq(a[i], b[i]));
}
static void same_pairs(const jd_cap_pair *a, size_t a_n, const jd_cap_pair *b, size_t b_n) {
    assert_int_equal(a_n, b_n);
    for (size_t i = 0; i < a_n; i++) same_str(a[i].name, b[i].name), same_str(a[i].value, b[i].value);
}
static void same_area(const jd_cap_area *a, const jd_cap_area *b) {
    same_str(a->desc, b->desc);
    same_list(a->polygons, a->polygons_n, b->polygons, b->polygons_n);
    same_list(a->circles, a->circles_n, b->circles, b->circles_n);
    same_pairs(a->geocodes, a->geocodes_n, b->geocodes, b->geocodes_n);
    same_str(a->altitude, b->altitude);
    same_str(a->ceiling, b->ceiling);
}
static void same_resource(const jd_cap_resource *a, const jd_cap_resource *b) {
    same_str(a->desc, b->desc);
    same_str(a->mime_type, b->mime_type);
    same_str(a->size, b->size);
    same_str(a->uri, b->uri);
    same_str(a->deref_uri, b->deref_uri);
    same_str(a->digest, b->digest);
}
static void same_info(const jd_cap_info *a, const jd_cap_info *b) {
    same_str(a->language, b->language);
    same_list(a->categories, a->categories_n, b->categories, b->categories_n);
    same_str(a->event, b->event);
    same_list(a->responses, a->responses_n, b->responses, b->responses_n);
    same_str(a->urgency, b->urgency);
    same_str(a->severity, b->severity);
    same_str(a->certainty, b->certainty);
    assert_int_equal(a->effective, b->effective);
    assert_int_equal(a->onset, b->onset);
    assert_int_equal(a->expires, b->expires);
    same_str(a->sender_name, b->sender_name);
    same_str(a->headline, b->headline);
    same_str(a->description, b->description);
    same_str(a->instruction, b->instruction);
    same_str(a->web, b->web);
    same_str(a->contact, b->contact);
    same_str(a->audience, b->audience);
    same_pairs(a->event_codes, a->event_codes_n, b->event_codes, b->event_codes_n);
    same_pairs(a->parameters, a->parameters_n, b->parameters, b->parameters_n);
    assert_int_equal(a->resources_n, b->resources_n);
    for (size_t i = 0; i < a->resources_n; i++) same_resource(&a->resources[i], &b->resources[i]);
    assert_int_equal(a->areas_n, b->areas_n);
    for (size_t i = 0; i < a->areas_n; i++) same_area(&a->areas[i], &b->areas[i]);
}
static void same(const jd_cap *a, const jd_cap *b) {
    same_str(a->identifier, b->identifier);
    same_str(a->sender, b->sender);
    assert_int_equal(a->sent, b->sent);
    same_str(a->status, b->status);
    same_str(a->msg_type, b->msg_type);
    same_str(a->source, b->source);
    same_str(a->scope, b->scope);
    same_str(a->restriction, b->restriction);
    same_str(a->addresses, b->addresses);
    same_str(a->note, b->note);
    same_str(a->references, b->references);
    same_str(a->incidents, b->incidents);
    same_list(a->codes, a->codes_n, b->codes, b->codes_n);
    assert_int_equal(a->infos_n, b->infos_n);
    for (size_t i = 0; i < a->infos_n; i++) same_info(&a->infos[i], &b->infos[i]);
}
static void round_trip(bench *b, const jd_cap *c) {
    jd_buf out = {0};
    jd_cap_write(c, &out);
    must_read(b, jd_buf_view(&out));
    same(c, &b->cap);
    jd_buf_fini(&out);
}

/* ---- the standard's examples, in their shape ---- */

/* A.1: a level of alarm that is raised for a whole country: a parameter, a picture, an area that is only described. */
static const char level_raised[] = HEAD
    "  <identifier>a1-0427</identifier>\n  <sender>alerts@interior.example</sender>\n"
    "  <sent>2024-04-02T14:39:01-05:00</sent>\n  <status>Actual</status>\n  <msgType>Alert</msgType>\n"
    "  <scope>Public</scope>\n  <info>\n    <category>Security</category>\n    <event>Level of alarm raised</event>\n"
    "    <urgency>Immediate</urgency>\n    <severity>Severe</severity>\n    <certainty>Likely</certainty>\n"
    "    <senderName>Ministry of the Interior</senderName>\n    <headline>Level 4 from now on</headline>\n"
    "    <description>What is known points to\n      a higher danger.</description>\n"
    "    <instruction>Offices follow their plans for level 4.</instruction>\n"
    "    <web>http://interior.example/levels?now=4</web>\n"
    "    <parameter>\n      <valueName>LEVEL</valueName>\n      <value>4</value>\n    </parameter>\n"
    "    <resource>\n      <resourceDesc>A picture of the level</resourceDesc>\n      <mimeType>image/gif</mimeType>\n"
    "      <uri>http://interior.example/level.gif</uri>\n    </resource>\n"
    "    <area>\n      <areaDesc>The whole country</areaDesc>\n    </area>\n  </info>\n</alert>\n";

static void example_level(void **unused) {
    (void)unused;
    bench b;
    begin(&b);
    must_read(&b, jd_str_of(level_raised));
    assert_int_equal(b.cap.sent, at("2024-04-02T19:39:01Z"));
    assert_int_equal(b.cap.infos_n, 1);
    const jd_cap_info *info = b.cap.infos;
    assert_null(info->language.p);
    assert_true(info->effective == JD_TIME_NONE && info->onset == JD_TIME_NONE && info->expires == JD_TIME_NONE);
    must_be(info->description, "What is known points to\n      a higher danger.");
    must_be(info->parameters[0].name, "LEVEL");
    must_be(info->resources[0].uri, "http://interior.example/level.gif");
    assert_null(info->resources[0].size.p);
    assert_int_equal(info->areas_n, 1);
    assert_int_equal(info->areas[0].polygons_n + info->areas[0].circles_n + info->areas[0].geocodes_n, 0);
    jd_cap first = b.cap;
    round_trip(&b, &first);
    jd_arena_fini(&b.a);
}

/* A.2: a thunderstorm: a response, a code, an end, a polygon, three codes of places. */
static void example_storm(void **unused) {
    (void)unused;
    static const char xml[] =
        HEAD "<identifier>ST17-3</identifier><sender>STORM@MET.EXAMPLE</sender><sent>2024-06-17T14:57:00-07:00</sent>"
             "<status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><category>Met</category>"
             "<event>HEAVY THUNDERSTORM</event><responseType>Shelter</responseType><urgency>Immediate</urgency>"
             "<severity>Severe</severity><certainty>Observed</certainty>"
             "<eventCode><valueName>SAME</valueName><value>SVR</value></eventCode>"
             "<expires>2024-06-17T16:00:00-07:00</expires><senderName>MET OFFICE</senderName>"
             "<headline>STORM WARNING</headline><description> RADAR SEES HAIL...SLOWLY GOING SOUTH.</description>"
             "<instruction>GO INSIDE.</instruction><contact>A/B</contact><area><areaDesc>THREE VALLEYS</areaDesc>"
             "<polygon>38.5,-120.1 38.3,-119.9 38.5,-119.7 38.6,-119.8 38.5,-120.1</polygon>"
             "<geocode><valueName>SAME</valueName><value>1</value></geocode>"
             "<geocode><valueName>SAME</valueName><value>2</value></geocode>"
             "<geocode><valueName>SAME</valueName><value>3</value></geocode></area></info></alert>";
    bench b;
    begin(&b);
    must_read(&b, jd_str_of(xml));
    const jd_cap_info *info = b.cap.infos;
    must_be(info->responses[0], "Shelter");
    must_be(info->event_codes[0].value, "SVR");
    assert_int_equal(info->expires, at("2024-06-17T23:00:00Z"));
    must_be(info->description, " RADAR SEES HAIL...SLOWLY GOING SOUTH.");
    assert_int_equal(info->areas[0].geocodes_n, 3);
    must_be(info->areas[0].geocodes[2].value, "3");
    must_be(info->areas[0].polygons[0], "38.5,-120.1 38.3,-119.9 38.5,-119.7 38.6,-119.8 38.5,-120.1");
    jd_cap first = b.cap;
    round_trip(&b, &first);
    jd_arena_fini(&b.a);
}

/* A.3: an earthquake, updated: what it refers to, five parameters, a circle without a radius. */
static void example_quake(void **unused) {
    (void)unused;
    static const char xml[] =
        HEAD "<identifier>Q7.2</identifier><sender>net@quake.example</sender><sent>2024-06-11T20:56:00-07:00</sent>"
             "<status>Actual</status><msgType>Update</msgType><scope>Public</scope>"
             "<references>net@quake.example,Q7.1,2024-06-11T20:30:00-07:00</references><info><category>Geo</category>"
             "<event>Earthquake</event><urgency>Past</urgency><severity>Minor</severity><certainty>Observed</certainty>"
             "<senderName>The network</senderName><headline>3.4 near Hill</headline><description>Small.</description>"
             "<web>http://quake.example/</web>"
             "<parameter><valueName>EventID</valueName><value>7</value></parameter>"
             "<parameter><valueName>Version</valueName><value>2</value></parameter>"
             "<parameter><valueName>Magnitude</valueName><value>3.4 Ml</value></parameter>"
             "<parameter><valueName>Depth</valueName><value>19 km</value></parameter>"
             "<parameter><valueName>Quality</valueName><value/></parameter>"
             "<area><areaDesc>1 km from Hill</areaDesc><circle>32.9525,-115.5527 0</circle></area></info></alert>";
    bench b;
    begin(&b);
    must_read(&b, jd_str_of(xml));
    must_be(b.cap.references, "net@quake.example,Q7.1,2024-06-11T20:30:00-07:00");
    assert_int_equal(b.cap.infos[0].parameters_n, 5);
    must_be(b.cap.infos[0].parameters[4].value, "");
    must_be(b.cap.infos[0].areas[0].circles[0], "32.9525,-115.5527 0");
    jd_cap first = b.cap;
    round_trip(&b, &first);
    jd_arena_fini(&b.a);
}

/* A.4: a child that is looked for, in two languages. */
static void example_languages(void **unused) {
    (void)unused;
    static const char xml[] = HEAD
        "<identifier>C-0611-SW</identifier><sender>POLICE@CITY.EXAMPLE</sender><sent>2024-06-11T22:39:00-07:00</sent>"
        "<status>Actual</status><msgType>Alert</msgType><source>SW</source><scope>Public</scope>"
        "<info><language>en-US</language><category>Rescue</category><event>Missing child</event>"
        "<urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>"
        "<eventCode><valueName>SAME</valueName><value>CAE</value></eventCode><senderName>Police</senderName>"
        "<headline>A child is missing</headline><description>3'0\", red shirt &amp; white shoes</description>"
        "<contact>110</contact><area><areaDesc>The city</areaDesc>"
        "<geocode><valueName>SAME</valueName><value>006037</value></geocode></area></info>"
        "<info><language>zh-CN</language><category>Rescue</category><event>儿童走失</event>"
        "<urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>"
        "<eventCode><valueName>SAME</valueName><value>CAE</value></eventCode><senderName>公安局</senderName>"
        "<headline>寻找走失儿童</headline><description>红衣白鞋</description>"
        "<contact>110</contact><area><areaDesc>全市</areaDesc>"
        "<geocode><valueName>SAME</valueName><value>006037</value></geocode></area></info></alert>";
    bench b;
    begin(&b);
    must_read(&b, jd_str_of(xml));
    must_be(b.cap.source, "SW");
    assert_int_equal(b.cap.infos_n, 2);
    must_be(b.cap.infos[0].description, "3'0\", red shirt & white shoes");
    must_be(b.cap.infos[1].event, "儿童走失");
    must_be(b.cap.infos[1].areas[0].desc, "全市");
    jd_cap first = b.cap;
    round_trip(&b, &first);
    jd_arena_fini(&b.a);
}

/* ---- writing ---- */

static void written_bytes(void **unused) {
    (void)unused;
    const jd_str categories[] = {JD_STR("Env")};
    const jd_cap_info info = {.categories = categories,
                              .categories_n = 1,
                              .event = JD_STR("a<b>&\"'\r\n\t]]>"),
                              .urgency = JD_STR("Past"),
                              .severity = JD_STR("Minor"),
                              .certainty = JD_STR("Observed"),
                              .effective = at("2002-05-24T16:49:00.999999Z"),
                              .onset = at("1969-12-31T23:59:59.5Z"),
                              .expires = JD_TIME_NONE,
                              /* a control character, a lone byte, U+FFFE, a cut character */
                              .headline = JD_STR("x\x01y\xFFz\xEF\xBF\xBEw\xE4\xB8"),
                              .contact = JD_STR("")};
    const jd_cap c = {.identifier = JD_STR("i"),
                      .sender = JD_STR("s"),
                      .sent = at("0001-01-01T00:00:00Z"),
                      .status = JD_STR("Test"),
                      .msg_type = JD_STR("Alert"),
                      .scope = JD_STR("Public"),
                      .infos = &info,
                      .infos_n = 1};
    jd_buf out = {0};
    jd_cap_write(&c, &out);
    jd_buf_c(&out, 0);
    assert_string_equal(out.p, HEAD "  <identifier>i</identifier>\n  <sender>s</sender>\n"
                                    "  <sent>0001-01-01T00:00:00-00:00</sent>\n  <status>Test</status>\n"
                                    "  <msgType>Alert</msgType>\n  <scope>Public</scope>\n  <info>\n"
                                    "    <category>Env</category>\n"
                                    "    <event>a&lt;b&gt;&amp;\"'&#13;\n\t]]&gt;</event>\n"
                                    "    <urgency>Past</urgency>\n    <severity>Minor</severity>\n"
                                    "    <certainty>Observed</certainty>\n"
                                    "    <effective>2002-05-24T16:49:00-00:00</effective>\n"
                                    "    <onset>1969-12-31T23:59:59-00:00</onset>\n"
                                    "    <headline>x\uFFFDy\uFFFDz\uFFFDw\uFFFD\uFFFD</headline>\n"
                                    "    <contact></contact>\n  </info>\n</alert>\n");
    out.n--;
    bench b;
    begin(&b);
    must_read(&b, jd_buf_view(&out));
    must_be(b.cap.infos[0].event, "a<b>&\"'\r\n\t]]>");
    assert_true(b.cap.infos[0].contact.p && !b.cap.infos[0].contact.n);
    jd_arena_fini(&b.a);
    jd_buf_fini(&out);
}

/* ---- random messages ---- */

static uint64_t state = 20100701;
static uint32_t below(uint32_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}
#define PICK(...) pick((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
static jd_str pick(const char *const *list, size_t n) {
    return jd_str_of(list[below((uint32_t)n)]);
}

static jd_str any_text(jd_arena *a, int filled) {
    jd_buf b = {0};
    for (uint32_t n = below(filled ? 12 : 11); n; n--)
        jd_buf_str(&b, PICK("a", "<", ">", "&", "]]>", "\"", "'", "\r", "\n", "\t", " ", "红色", "\U0001F525", "&amp;",
                            "<!--", "<![CDATA[", "%", "\x7f", "\u00a0", "\uFFFD"));
    if (filled) jd_buf_c(&b, 'z');
    jd_str s = jd_arena_dup(a, b.n ? jd_buf_view(&b) : JD_STR(""));
    jd_buf_fini(&b);
    return s;
}
static jd_str maybe(jd_arena *a) {
    return below(2) ? any_text(a, 0) : (jd_str){0};
}
static jd_time any_time(void) {
    return ((jd_time)below(1u << 30) * 8 - (INT64_C(1) << 32)) * 1000000;
}
static jd_str any_number(jd_arena *a, int most) {
    return jd_arena_printf(a, "%s%u.%03u", below(2) ? "-" : "", below((uint32_t)most), below(1000));
}
static jd_str any_polygon(jd_arena *a) {
    jd_str first = jd_arena_printf(a, "%.*s,%.*s", JD_STR_ARG(any_number(a, 90)), JD_STR_ARG(any_number(a, 180))),
           s = first;
    for (uint32_t n = 2 + below(5); n; n--)
        s = jd_arena_printf(a, "%.*s %.*s,%.*s", JD_STR_ARG(s), JD_STR_ARG(any_number(a, 90)),
                            JD_STR_ARG(any_number(a, 180)));
    return jd_arena_printf(a, "%.*s %.*s", JD_STR_ARG(s), JD_STR_ARG(first));
}
static const jd_cap_pair *any_pairs(jd_arena *a, size_t *n) {
    *n = below(4);
    jd_cap_pair *list = *n ? JD_NEWN(a, jd_cap_pair, *n) : NULL;
    for (size_t i = 0; i < *n; i++) list[i] = (jd_cap_pair){any_text(a, 1), any_text(a, 0)};
    return list;
}
static void any_area(jd_arena *a, jd_cap_area *out) {
    out->desc = any_text(a, 1);
    jd_str *polygons = JD_NEWN(a, jd_str, 3), *circles = JD_NEWN(a, jd_str, 3);
    for (out->polygons_n = below(4); out->polygons != polygons; out->polygons = polygons)
        for (size_t i = 0; i < out->polygons_n; i++) polygons[i] = any_polygon(a);
    for (out->circles_n = below(4); out->circles != circles; out->circles = circles)
        for (size_t i = 0; i < out->circles_n; i++)
            circles[i] = jd_arena_printf(a, "%.*s,%.*s %u.5", JD_STR_ARG(any_number(a, 90)),
                                         JD_STR_ARG(any_number(a, 180)), below(100));
    out->geocodes = any_pairs(a, &out->geocodes_n);
    if (below(2)) out->altitude = any_number(a, 9000);
    if (out->altitude.p && below(2)) out->ceiling = any_number(a, 9000);
}
static void any_resource(jd_arena *a, jd_cap_resource *out) {
    out->desc = any_text(a, 1);
    out->mime_type = PICK("text/plain", "image/png");
    if (below(2)) out->size = jd_arena_printf(a, "%u", below(1000));
    if (below(2)) out->deref_uri = PICK("", "AAAA", "AA==");
    if (below(2)) out->uri = out->deref_uri.n ? PICK("", "a.png", "图/a%20b.png#1") : JD_STR("http://x.example/y");
    if (below(2)) out->digest = JD_STR("da39a3ee");
}
static void any_info(jd_arena *a, jd_cap_info *out) {
    if (below(2)) out->language = PICK("zh-CN", "en", "");
    jd_str *categories = JD_NEWN(a, jd_str, 4), *responses = JD_NEWN(a, jd_str, 4);
    out->categories_n = 1 + below(4);
    for (size_t i = 0; i < out->categories_n; i++)
        categories[i] = PICK("Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport",
                             "Infra", "CBRNE", "Other");
    out->categories = categories;
    out->event = any_text(a, 1);
    out->responses_n = below(5);
    for (size_t i = 0; i < out->responses_n; i++)
        responses[i] =
            PICK("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None");
    out->responses = responses;
    out->urgency = PICK("Immediate", "Expected", "Future", "Past", "Unknown");
    out->severity = PICK("Extreme", "Severe", "Moderate", "Minor", "Unknown");
    out->certainty = PICK("Observed", "Likely", "Possible", "Unlikely", "Unknown");
    out->effective = below(2) ? any_time() : JD_TIME_NONE;
    out->onset = below(2) ? any_time() : JD_TIME_NONE;
    out->expires = below(2) ? any_time() : JD_TIME_NONE;
    out->sender_name = maybe(a);
    out->headline = maybe(a);
    out->description = maybe(a);
    out->instruction = maybe(a);
    if (below(2)) out->web = PICK("https://x.example/?a=1&b=2", "");
    out->contact = maybe(a);
    out->audience = maybe(a);
    out->event_codes = any_pairs(a, &out->event_codes_n);
    out->parameters = any_pairs(a, &out->parameters_n);
    out->resources_n = below(3);
    jd_cap_resource *resources = JD_NEWN(a, jd_cap_resource, 3);
    for (size_t i = 0; i < out->resources_n; i++) any_resource(a, &resources[i]);
    out->resources = resources;
    out->areas_n = below(5);
    jd_cap_area *areas = JD_NEWN(a, jd_cap_area, 5);
    for (size_t i = 0; i < out->areas_n; i++) any_area(a, &areas[i]);
    out->areas = areas;
}
static void any_cap(jd_arena *a, jd_cap *out) {
    *out = (jd_cap){.identifier = PICK("i", "urn:x:1", "号1"), .sender = PICK("s@x", "市"), .sent = any_time()};
    out->status = PICK("Actual", "Exercise", "System", "Test", "Draft");
    out->msg_type = PICK("Alert", "Update", "Cancel", "Ack", "Error");
    out->source = maybe(a);
    out->scope = PICK("Public", "Restricted", "Private");
    if (jd_str_is(out->scope, "Restricted")) out->restriction = any_text(a, 1);
    if (below(2) || jd_str_is(out->scope, "Private")) out->addresses = PICK("a", "a \"b c\"");
    jd_str *codes = JD_NEWN(a, jd_str, 5);
    out->codes_n = below(6);
    for (size_t i = 0; i < out->codes_n; i++) codes[i] = any_text(a, 0);
    out->codes = codes;
    out->note = maybe(a);
    if (!jd_str_is(out->msg_type, "Alert") || below(2))
        out->references =
            PICK("s,1,2024-06-11T20:30:00-07:00", "s,1,2024-06-11T20:30:00-07:00 t,2,2024-06-11T20:31:00+00:00");
    if (below(2)) out->incidents = PICK("", "one \"two three\"");
    out->infos_n = below(4);
    jd_cap_info *infos = JD_NEWN(a, jd_cap_info, 4);
    for (size_t i = 0; i < out->infos_n; i++) any_info(a, &infos[i]);
    out->infos = infos;
}

static void random_ones(void **unused) {
    (void)unused;
    for (int i = 0; i < 3000; i++) {
        bench b;
        jd_cap c;
        begin(&b);
        any_cap(&b.a, &c);
        round_trip(&b, &c);
        jd_arena_fini(&b.a);
    }
}

/* What is cut anywhere is refused, and at the place where it ends. */
static void cut_short(void **unused) {
    (void)unused;
    size_t whole = sizeof level_raised - 2; /* without its last line end */
    for (size_t n = 0; n < whole; n++) {
        bench b;
        begin(&b);
        char *exact = malloc(n ? n : 1); /* a sanitizer sees a read beyond it */
        assert_non_null(exact);
        memcpy(exact, level_raised, n);
        assert_int_equal(jd_cap_read((jd_str){exact, n}, &b.a, &b.cap, &b.err), -1);
        assert_int_equal(b.err.code, JD_E_BAD_REQUEST_DATA);
        assert_true(b.err.place[0] && b.err.en[0] && b.err.zh[0]);
        free(exact);
        jd_arena_fini(&b.a);
    }
    bench b;
    begin(&b);
    jd_str cut = {level_raised, (size_t)(strstr(level_raised, "LEVEL") + 2 - level_raised)};
    must_fail(&b, cut, "info[0].parameter[0].valueName, line 22", "the XML is broken");
    jd_arena_fini(&b.a);
}

/* ---- limits ---- */

#define ALERT                                                                                                      \
    HEAD "<identifier>i</identifier><sender>s</sender><sent>2024-06-11T20:30:00-07:00</sent><status>Test</status>" \
         "<msgType>Alert</msgType><scope>Public</scope>"
#define INFO                                                                                          \
    "<info><category>Met</category><event>e</event><urgency>Past</urgency><severity>Minor</severity>" \
    "<certainty>Likely</certainty>"

static void many(jd_buf *b, const char *head, const char *each, size_t n, const char *tail) {
    b->n = 0;
    jd_buf_z(b, head);
    for (size_t i = 0; i < n; i++) jd_buf_z(b, each);
    jd_buf_z(b, tail);
}

static void limits(void **unused) {
    (void)unused;
    static const struct {
        const char *head, *each, *tail, *place;
        size_t most;
    } cases[] = {
        {ALERT, INFO "</info>", "</alert>", "info, line 3", JD_CAP_INFOS_MAX},
        {ALERT INFO, "<area><areaDesc>a</areaDesc></area>", "</info></alert>", "info[0].area, line 3",
         JD_CAP_AREAS_MAX},
        {ALERT, "<code>c</code>", "</alert>", "code, line 3", JD_CAP_LIST_MAX},
        {ALERT INFO, "<parameter><valueName>n</valueName><value/></parameter>", "</info></alert>",
         "info[0].parameter, line 3", JD_CAP_LIST_MAX},
        {ALERT INFO "<area><areaDesc>a</areaDesc>", "<circle>1,1 1</circle>", "</area></info></alert>",
         "info[0].area[0].circle, line 3", JD_CAP_LIST_MAX},
    };
    jd_buf xml = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        begin(&b);
        many(&xml, cases[i].head, cases[i].each, cases[i].most, cases[i].tail);
        must_read(&b, jd_buf_view(&xml));
        many(&xml, cases[i].head, cases[i].each, cases[i].most + 1, cases[i].tail);
        must_fail(&b, jd_buf_view(&xml), cases[i].place, "more than 1");
        jd_arena_fini(&b.a);
    }
    bench b;
    begin(&b);
    many(&xml, ALERT "</alert>", " ", 0, "");
    many(&xml, ALERT "</alert>", " ", JD_CAP_BYTES_MAX - xml.n, "");
    assert_int_equal(xml.n, JD_CAP_BYTES_MAX);
    must_read(&b, jd_buf_view(&xml));
    jd_buf_c(&xml, ' ');
    assert_int_equal(jd_cap_read(jd_buf_view(&xml), &b.a, &b.cap, &b.err), -1);
    assert_int_equal(b.err.code, JD_E_TOO_LARGE);
    assert_true(b.err.en[0] && b.err.zh[0]);
    jd_arena_fini(&b.a);
    jd_buf_fini(&xml);
}

/* ---- hostile XML ---- */

static void nested(jd_buf *b, const char *head, const char *name, size_t n, const char *tail) {
    b->n = 0;
    jd_buf_z(b, head);
    for (size_t i = 0; i < n; i++) jd_buf_printf(b, "<%s>", name);
    for (size_t i = 0; i < n; i++) jd_buf_printf(b, "</%s>", name);
    jd_buf_z(b, tail);
}

static void hostile(void **unused) {
    (void)unused;
    static const struct {
        const char *xml, *place, *says;
    } cases[] = {
        {"<?xml version=\"1.0\"?>\n<!DOCTYPE alert [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">"
         "<!ENTITY c \"&b;&b;&b;&b;\">]>\n<alert>&c;</alert>",
         "alert, line 2", "DOCTYPE"},
        {"<!DOCTYPE alert SYSTEM \"file:///etc/passwd\"><alert/>", "alert, line 1", "DOCTYPE"},
        {ALERT "<note>&lol;</note></alert>", "note, line 3", "undefined entity"},
        {"", "alert, line 1", "no element found"},
        {"CAP", "alert, line 1", "syntax error"},
        {ALERT "</alert><alert/>", "alert, line 3", "junk after document element"},
        {ALERT "<note>\x01</note></alert>", "note, line 3", "not well-formed"},
        {ALERT "<note>&#0;</note></alert>", "note, line 3", "invalid character number"},
        {ALERT "<note>\xC3(</note></alert>", "note, line 3", "not well-formed"},
        {ALERT "<note>\xD6\xD0\xCE\xC4</note></alert>", "note, line 3", "not well-formed"}, /* GBK */
        {"<?xml version=\"1.0\" encoding=\"GBK\"?><alert/>", "alert, line 1", "encoding"},
        {"<?xml version=\"1.0\" encoding=\"UTF-16\"?><alert/>", "alert, line 1", "encoding"},
        {"<a:alert/>", "alert, line 1", "unbound prefix"},
        {"<alerts xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"/>", "alert, line 1", "not alert"},
        {"<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"/>", "identifier, line 1", "missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        begin(&b);
        must_fail(&b, jd_str_of(cases[i].xml), cases[i].place, cases[i].says);
        jd_arena_fini(&b.a);
    }
    jd_buf xml = {0};
    bench b;
    begin(&b);
    nested(&xml, ALERT, "info", 70000, "</alert>");
    must_fail(&b, jd_buf_view(&xml), "info[0].info, line 3", "no such element");
    static const char signature[] = ALERT "<s xmlns=\"http://www.w3.org/2000/09/xmldsig#\">";
    nested(&xml, signature, "t", JD_CAP_SIGNATURE_DEPTH - 1, "</s></alert>");
    must_read(&b, jd_buf_view(&xml));
    nested(&xml, signature, "t", JD_CAP_SIGNATURE_DEPTH, "</s></alert>");
    must_fail(&b, jd_buf_view(&xml), "alert, line 3", "within each other");
    nested(&xml, signature, "t", 100000, "</s></alert>");
    must_fail(&b, jd_buf_view(&xml), "alert, line 3", "within each other");
    jd_arena_fini(&b.a);
    jd_buf_fini(&xml);
}

/* A name of any length stands in an error, cut to whole characters. */
static void long_names(void **unused) {
    (void)unused;
    jd_buf xml = {0};
    bench b;
    begin(&b);
    many(&xml, ALERT "<", "长", 500, "/></alert>");
    assert_int_equal(jd_cap_read(jd_buf_view(&xml), &b.a, &b.cap, &b.err), -1);
    assert_non_null(strstr(b.err.place, ", line 3"));
    many(&xml, ALERT INFO "<web>", "长", 500, "</web></info></alert>");
    must_fail(&b, jd_buf_view(&xml), "info[0].web, line 3", "长长\": no full, absolute URI");
    jd_arena_fini(&b.a);
    jd_buf_fini(&xml);
}

/* Other encodings that XML may be in come as UTF-8. */
static void encodings(void **unused) {
    (void)unused;
    static const char latin[] = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"
                                "<alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>i</identifier>"
                                "<sender>s</sender><sent>2024-06-11T20:30:00-07:00</sent><status>Test</status>"
                                "<msgType>Alert</msgType><scope>Public</scope><note>caf\xE9</note></alert>";
    bench b;
    begin(&b);
    must_read(&b, jd_str_of(latin));
    must_be(b.cap.note, "café");
    jd_buf wide = {0};
    jd_buf_z(&wide, "\xFF\xFE");
    for (const char *p = strstr(latin, "<alert"); *p; p++) {
        jd_buf_c(&wide, *p);
        jd_buf_c(&wide, 0);
    }
    must_read(&b, jd_buf_view(&wide));
    must_be(b.cap.note, "café");
    jd_buf_fini(&wide);
    jd_arena_fini(&b.a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_level),     cmocka_unit_test(example_storm), cmocka_unit_test(example_quake),
        cmocka_unit_test(example_languages), cmocka_unit_test(written_bytes), cmocka_unit_test(random_ones),
        cmocka_unit_test(cut_short),         cmocka_unit_test(limits),        cmocka_unit_test(hostile),
        cmocka_unit_test(long_names),        cmocka_unit_test(encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
