/* A message's document and back; channels: what is filled into templates, what answers mean. */
#include "people/people_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const jd_receiver to[] = {{.roster = {"r", 1}}, {.contact = {"c", 1}}};

static void round_trip(void **unused) {
    (void)unused;
    jd_err err;
    jd_buf one = {0}, two = {0};
    jd_telling t = {.severity = JD_RED,
                    .title = {JD_STR("水位 \"A\""), JD_STR("level\n\\")},
                    .text = {JD_STR("\x01 text"), {NULL, 0}},
                    .about = JD_STR("urn:x:1"),
                    .group = JD_STR("g"),
                    .to = to,
                    .to_n = 2};
    message *m = message_make(&t, JD_STR("m1"), 1764500000123456);
    entry *e = message_add(m, JD_STR("c"), 1, 3);
    e->told = 1;
    e->sending = 1;
    snprintf(e->key, sizeof e->key, "%032x", 7);
    entry_sent(e, 1764500000123456);
    entry_sent(e, 1764503600123457); /* more than an hour later: the first is forgotten */
    assert_int_equal(e->sends_n, 1);
    e->lines = calloc(1, sizeof *e->lines);
    e->lines_n = 1;
    e->lines[0] = (line){.channel = str_keep(JD_STR("mail")),
                         .address = str_keep(JD_STR("a@b")),
                         .state = LINE_FAILED,
                         .tries = 7,
                         .attempts_n = 1};
    e->lines[0].attempts[0] = (attempt){.at = 1764500000123456, .ok = 1, .answer = "250 \"ok\""};
    message_latest(m, &t, 1764500000999999);
    m->to[0].due = 1764500900123456;
    m->to[0].step = 2;
    message_write(m, &one);
    message *back = message_parse(JD_STR("m1"), jd_buf_view(&one), &err);
    assert_non_null(back);
    message_write(back, &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    assert_true(back->ident == m->ident);
    assert_int_equal(back->people[0]->sends[0], 1764503600123457);
    assert_int_equal(back->to[0].due, 1764500900123456);
    assert_int_equal(back->to[1].due, JD_TIME_NONE);
    assert_null(message_parse(JD_STR("m1"), JD_STR("{\"state\":"), &err));
    message *empty = message_parse(JD_STR("m2"), JD_STR("{}"), &err); /* members that are missing do no harm */
    assert_non_null(empty);
    message_free(empty);
    message_free(back);
    message_free(m);
    jd_buf_fini(&one);
    jd_buf_fini(&two);
}

static uint64_t ident(jd_severity s, const char *group, const char *id, size_t n) {
    receiver r[2] = {{.roster = to[0].roster}, {.contact = to[1].contact}};
    return message_ident(s, group ? jd_str_of(group) : (jd_str){NULL, 0}, jd_str_of(id), r, (uint32_t)n);
}

static void idents(void **unused) {
    (void)unused;
    assert_true(ident(JD_RED, "g", "1", 2) == ident(JD_RED, "g", "2", 2));
    assert_true(ident(JD_RED, "g", "1", 2) != ident(JD_ORANGE, "g", "1", 2)); /* a graver one is told by itself */
    assert_true(ident(JD_RED, "g", "1", 2) != ident(JD_RED, "g", "1", 1));
    assert_true(ident(JD_RED, "g", "1", 2) != ident(JD_RED, "h", "1", 2));
    assert_true(ident(JD_RED, NULL, "1", 2) != ident(JD_RED, NULL, "2", 2));
    assert_true(ident(JD_RED, NULL, "g", 2) != ident(JD_RED, "g", "1", 2));
}

static channel *compile(const char *json) {
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    channel *c = NULL;
    jd_arena_init(&a);
    assert_int_equal(jd_json_parse(&a, jd_str_of(json), NULL, &v, &err), 0);
    if (channel_compile(JD_STR("x"), &v, &c, &err)) fail_msg("%s: %s", err.place, err.en);
    jd_arena_fini(&a);
    return c;
}

static void filled(void **unused) {
    (void)unused;
    channel *c = compile(
        "{\"type\":\"http\",\"url\":\"https://h/"
        "{{address}}?t={{title}}&s={{sign}}&{{x\",\"headers\":{\"X-A\":\"{{title}}\"},"
        "\"secrets\":{\"k\":\"\\\"q\\\"\"},\"body\":{\"a\":[\"{{title}} {{secret.k}}\",1,null],\"n\":\"{{count}}\"},"
        "\"textMax\":20,\"sign\":{\"algorithm\":\"hmac-sha1\",\"text\":\"{{id}}\",\"key\":\"{{secret.k}}\","
        "\"encoding\":\"hex\"}}");
    const sending_words w = {.id = JD_STR("i"),
                             .title = JD_STR("a\"b\\c\r\nX: 水&{{text}}"),
                             .text = JD_STR("t"),
                             .address = JD_STR("a/b c"),
                             .count = 99999};
    channel_request r;
    channel_request_make(c, &w, &r);
    assert_string_equal(r.url.p, "https://h/a%2Fb%20c?t=a%22b%5Cc%0D%0AX%3A%20%E6%B0%B4%26%7B%7Btext%7D%7D"
                                 "&s=04d0de28816f96e14d283f3547b82fc0cd84c9d5&{{x");
    jd_buf_c(&r.body, 0);
    assert_string_equal(r.body.p, "{\"a\":[\"a\\\"b\\\\c\\r\\nX: 水&{{text}} \\\"q\\\"\",1,null],\"n\":\"99999\"}");
    const struct curl_slist *last = r.headers;
    while (last->next) last = last->next;
    assert_string_equal(last->data, "X-A: a\"b\\c  X: 水&{{text}}"); /* no header of its own */
    channel_request_fini(&r);
    channel_free(c);
}

static void judged(void **unused) {
    (void)unused;
    channel *c = compile("{\"type\":\"http\",\"url\":\"https://h/\",\"success\":{\"pointer\":\"/a~1b/1/"
                         "c\",\"equals\":0,\"retry\":[7]}}");
    static const struct {
        long status;
        const char *answer;
        int is;
    } rows[] = {{200, "{\"a/b\":[1,{\"c\":0}]}", 1},
                {200, "{\"a/b\":[1,{\"c\":7}]}", -1},
                {200, "{\"a/b\":[1,{\"c\":8}]}", 0},
                {200, "{\"a/b\":[1]}", 0},
                {200, "<html>captive portal</html>", -1},
                {200, "", -1},
                {400, "{\"a/b\":[1,{\"c\":0}]}", 0},
                {429, "", -1},
                {503, "", -1},
                {302, "", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(channel_judge(c, rows[i].status, jd_str_of(rows[i].answer)), rows[i].is);
    channel_free(c);
    c = compile("{\"type\":\"http\",\"url\":\"https://h/\",\"success\":{\"status\":[202]}}");
    assert_int_equal(channel_judge(c, 202, JD_STR("")), 1);
    assert_int_equal(channel_judge(c, 200, JD_STR("")), 0);
    channel_free(c);
}

static void quoted(void **unused) {
    (void)unused;
    char out[PEOPLE_ANSWER_MAX + 1];
    channel *c = compile("{\"type\":\"http\",\"url\":\"https://h/\",\"secrets\":{\"k\":\"hunter2\"}}");
    channel_quote(c, JD_STR("key hunter2hunter2 is\nbad"), out);
    assert_string_equal(out, "key ************** is bad");
    char longer[600];
    for (size_t i = 0; i < sizeof longer; i += 3) memcpy(longer + i, "水", 3);
    channel_quote(c, (jd_str){longer, sizeof longer}, out);
    assert_int_equal(strlen(out), 198); /* whole characters */
    channel_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(idents), cmocka_unit_test(filled),
                                       cmocka_unit_test(judged), cmocka_unit_test(quoted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
