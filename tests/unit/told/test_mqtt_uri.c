#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "told/mqtt_uri.h"

#include <stdlib.h>
#include <string.h>

typedef struct good {
    const char *uri, *host;
    int port, tls;
    const char *user, *password, *topic; /* NULL: not given */
} good;

static void is(jd_str s, const char *z) {
    assert_true(!s.p == !z);
    if (z) assert_true(jd_str_is(s, z));
}

static void test_parts(void **state) {
    static const good list[] = {
        {"mqtt://h/t", "h", 1883, 0, NULL, NULL, "t"},
        {"mqtts://h/t", "h", 8883, 1, NULL, NULL, "t"},
        {"mqtt://h:1/a/b/c", "h", 1, 0, NULL, NULL, "a/b/c"},
        {"mqtts://h:65535/a//", "h", 65535, 1, NULL, NULL, "a//"},
        {"mqtt://u@h/t", "h", 1883, 0, "u", NULL, "t"},
        {"mqtt://u:@h/t", "h", 1883, 0, "u", "", "t"},
        {"mqtt://:p@h/t", "h", 1883, 0, "", "p", "t"},
        {"mqtt://@h/t", "h", 1883, 0, NULL, NULL, "t"},
        {"mqtt://u:p:q@h:7/t", "h", 7, 0, "u", "p:q", "t"},
        {"mqtt://u@v:p@w@h/t", "h", 1883, 0, "u@v", "p@w", "t"},
        {"mqtt://%75%3A:%40%2f@h/%E6%B0%B4%20x", "h", 1883, 0, "u:", "@/", "水 x"},
        {"mqtt://[::1]/t", "[::1]", 1883, 0, NULL, NULL, "t"},
        {"mqtt://u:p@[2001:db8::1]:8/t", "[2001:db8::1]", 8, 0, "u", "p", "t"},
        {"mqtt://h//t@u:x", "h", 1883, 0, NULL, NULL, "/t@u:x"},
        {"mqtt://h/$a/%3F%C3%A9", "h", 1883, 0, NULL, NULL, "$a/?é"},
    };
    jd_arena a;
    (void)state;
    jd_arena_init(&a);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        mqtt_uri u;
        assert_int_equal(mqtt_uri_parse(&a, jd_str_of(list[i].uri), &u, NULL), 0);
        is(u.host, list[i].host);
        is(u.user, list[i].user);
        is(u.password, list[i].password);
        is(u.topic, list[i].topic);
        assert_int_equal(u.port, list[i].port);
        assert_int_equal(u.tls, list[i].tls);
    }
    jd_arena_fini(&a);
}

static void test_refused(void **state) {
    static const char *const list[] = {"mqtt:/h/t",      "http://h/t",       "MQTT://h/t",
                                       "mqtt://",        "mqtt://h",         "mqtt://h/",
                                       "mqtt:///t",      "mqtt://u:p@/t",    "mqtt://:1/t",
                                       "mqtt://h:/t",    "mqtt://h:0/t",     "mqtt://h:65536/t",
                                       "mqtt://h:1x/t",  "mqtt://h:-1/t",    "mqtt://[::1/t",
                                       "mqtt://::1]/t",  "mqtt://[::1]x/t",  "mqtt://h%41/t",
                                       "mqtt://h/a+b",   "mqtt://h/a/%2B/b", "mqtt://h/a%23",
                                       "mqtt://h/a#b",   "mqtt://h/a?b",     "mqtt://h?b/t",
                                       "mqtt://h/%",     "mqtt://h/%4",      "mqtt://h/%4g",
                                       "mqtt://h/a%00b", "mqtt://h/%FF",     "mqtt://%FF@h/t",
                                       "mqtt://u%@h/t",  "mqtt://u:%FF@h/t", "mqtt://h:99999999999/t"};
    jd_arena a;
    (void)state;
    jd_arena_init(&a);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        mqtt_uri u;
        jd_err err = {0};
        assert_int_equal(mqtt_uri_parse(&a, jd_str_of(list[i]), &u, &err), -1);
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        assert_string_equal(err.place, "notification.endpoint.uri");
        assert_true(err.en[0] && err.zh[0]);
    }
    jd_arena_fini(&a);
}

static void test_edges(void **state) {
    jd_arena a;
    (void)state;
    jd_arena_init(&a);
    for (int over = 0; over < 2; over++) {
        jd_buf b = {0};
        mqtt_uri u;
        jd_buf_z(&b, "mqtt://h/");
        for (int i = 0; i < MQTT_TEXT_MAX + over; i++) jd_buf_c(&b, 't');
        assert_int_equal(mqtt_uri_parse(&a, jd_buf_view(&b), &u, NULL), -over);
        b.n = 0;
        jd_buf_z(&b, "mqtt://");
        for (int i = 0; i < MQTT_HOST_MAX + over; i++) jd_buf_c(&b, 'h');
        jd_buf_z(&b, "/t");
        assert_int_equal(mqtt_uri_parse(&a, jd_buf_view(&b), &u, NULL), -over);
        jd_buf_fini(&b);
    }
    jd_arena_fini(&a);
}

/* What is refused is told without the password that stands in it, too. */
static void test_shown_without_credentials(void **state) {
    static const char *const list[][2] = {{"mqtt://u:secret@h:1/t", "mqtt://h:1/t"},
                                          {"mqtts://u:sec@ret@h/a@b", "mqtts://h/a@b"},
                                          {"https://secret@h", "https://h"},
                                          {"http://h/p@q?x=y@z", "http://h/p@q?x=y@z"},
                                          {"http://h?x=y@z", "http://h?x=y@z"},
                                          {"urn:x:y", "urn:x:y"},
                                          {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        jd_buf b = {0};
        uri_shown(jd_str_of(list[i][0]), &b);
        assert_true(jd_str_eq(jd_buf_view(&b), jd_str_of(list[i][1])));
        jd_buf_fini(&b);
    }
    jd_arena a;
    mqtt_uri u;
    jd_err err = {0};
    jd_arena_init(&a);
    assert_int_equal(mqtt_uri_parse(&a, JD_STR("mqtt://who:secret@h"), &u, &err), -1);
    assert_null(strstr(err.en, "secret"));
    assert_null(strstr(err.zh, "secret"));
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_shown_without_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
