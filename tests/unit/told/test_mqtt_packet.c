#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "told/mqtt_packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void is_hex(jd_buf *b, const char *hex) {
    char text[400] = "";
    for (size_t i = 0; i < b->n; i++) snprintf(text + 2 * i, 3, "%02x", (unsigned char)b->p[i]);
    assert_string_equal(text, hex);
    b->n = 0;
}

static jd_str bytes(const char *hex, char *out) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (char)(unsigned char)v;
    }
    return (jd_str){out, n};
}

/* By hand from the text of both standards. */
static void test_bytes_out(void **state) {
    jd_buf b = {0};
    (void)state;
    mqtt_hello h = {.version = MQTT_3_1_1, .client = JD_STR("c"), .keepalive_s = 60, .clean = 1, .expiry_s = 3600};
    mqtt_put_connect(&b, &h);
    is_hex(&b, "100d00044d5154540402003c000163");
    h.version = MQTT_5_0;
    h.clean = 0;
    h.user = JD_STR("u");
    h.password = JD_STR("pw");
    mqtt_put_connect(&b, &h);
    is_hex(&b, "101a00044d51545405c0003c051100000e1000016300017500027077");
    mqtt_put_publish(&b, MQTT_3_1_1, JD_STR("a/b"), JD_STR("x"), 0, 0, 0);
    is_hex(&b, "30060003612f6278");
    mqtt_put_publish(&b, MQTT_5_0, JD_STR("a/b"), JD_STR("x"), 2, 258, 1);
    is_hex(&b, "3c090003612f6201020078");
    assert_int_equal(mqtt_publish_size(MQTT_5_0, JD_STR("a/b"), JD_STR("x"), 2), 11);
    mqtt_put_pubrel(&b, 258);
    is_hex(&b, "62020102");
    mqtt_put_pingreq(&b);
    is_hex(&b, "c000");
    mqtt_put_disconnect(&b, MQTT_3_1_1);
    is_hex(&b, "e000");
    mqtt_put_disconnect(&b, MQTT_5_0);
    is_hex(&b, "e00700051100000000");
    jd_buf_fini(&b);
}

/* The length's own length changes at 128, 16,384 and 2,097,152. */
static void test_lengths(void **state) {
    static const size_t sizes[] = {0, 120, 121, 122, 123, 124, 16376, 16377, 16378, 16379, 2097144, 2097146, 2097148};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        jd_buf b = {0};
        char *p = calloc(1, sizes[i] + 1);
        jd_str payload = {p, sizes[i]};
        size_t head = 0;
        mqtt_put_publish(&b, MQTT_5_0, JD_STR("t"), payload, 1, 9, 0);
        assert_int_equal(b.n, mqtt_publish_size(MQTT_5_0, JD_STR("t"), payload, 1));
        assert_int_equal(mqtt_packet_size(jd_buf_view(&b), SIZE_MAX, &head), b.n);
        assert_int_equal(mqtt_packet_size((jd_str){b.p, b.n - 1}, SIZE_MAX, &head), 0);
        assert_int_equal(mqtt_packet_size(jd_buf_view(&b), b.n, &head), b.n);
        assert_true(mqtt_packet_size(jd_buf_view(&b), b.n - 1, &head) == SIZE_MAX);
        free(p);
        jd_buf_fini(&b);
    }
}

static void test_bytes_in(void **state) {
    char room[64];
    mqtt_packet p;
    (void)state;
    assert_int_equal(mqtt_packet_read(MQTT_3_1_1, bytes("20020100", room), &p), 0);
    assert_int_equal(p.type, MQTT_CONNACK);
    assert_true(p.has_session && !p.reason && p.qos_max == 2 && p.receive == 65535 && p.keepalive_s == -1);
    assert_int_equal(mqtt_packet_read(MQTT_3_1_1, bytes("20020005", room), &p), 0);
    assert_int_equal(p.reason, 5);
    assert_int_equal(mqtt_reason_passes(MQTT_3_1_1, MQTT_CONNACK, 5), 0);
    assert_int_equal(mqtt_reason_passes(MQTT_3_1_1, MQTT_CONNACK, 3), 1);
    /* Receive Maximum 20, Maximum QoS 1, Maximum Packet Size 2,000, Server Keep Alive 7, and what is passed over */
    const char *all = "2026000023"
                      "210014"
                      "2401"
                      "27000007d0"
                      "130007"
                      "1100000e10"
                      "222aff"
                      "2501"
                      "26000161000162"
                      "1f00026869";
    assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes(all, room), &p), 0);
    assert_true(p.receive == 20 && p.qos_max == 1 && p.most == 2000 && p.keepalive_s == 7 && !p.has_session);
    assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes("20020001", room), &p), 0); /* by one who knows 3.1.1 alone */
    assert_int_equal(p.reason, 1);
    assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes("40020102", room), &p), 0);
    assert_true(p.type == MQTT_PUBACK && p.id == 258 && !p.reason);
    assert_int_equal(mqtt_packet_read(MQTT_5_0,
                                      bytes("50040102"
                                            "9700",
                                            room),
                                      &p),
                     0);
    assert_true(p.type == MQTT_PUBREC && p.reason == 0x97 && mqtt_reason_passes(MQTT_5_0, p.type, p.reason));
    assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes("e0018e", room), &p), 0);
    assert_true(p.type == MQTT_DISCONNECT && p.reason == 0x8e);
    assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes("d000", room), &p), 0);
    static const char *const bad[] = {"200100",
                                      "2000",
                                      "40020000",
                                      "400101",
                                      "21020000",
                                      "300400016178",
                                      "20050000022402",
                                      "2006000003210000",
                                      "20080000052700000000",
                                      "20050000022100",
                                      "200400000199",
                                      "200400000511",
                                      "d0",
                                      "20020000ff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mqtt_packet_read(MQTT_5_0, bytes(bad[i], room), &p), -1);
    assert_int_equal(mqtt_packet_read(MQTT_3_1_1, bytes("e000", room), &p), -1);
}

static void test_begins_that_cannot_be(void **state) {
    char room[16];
    size_t head = 0;
    (void)state;
    assert_true(mqtt_packet_size(bytes("00", room), 100, &head) == SIZE_MAX);
    assert_true(mqtt_packet_size(bytes("f000", room), 100, &head) == SIZE_MAX);
    assert_true(mqtt_packet_size(bytes("40ffffffff01", room), SIZE_MAX, &head) == SIZE_MAX);
    assert_int_equal(mqtt_packet_size(bytes("40ffffff", room), SIZE_MAX, &head), 0);
    assert_int_equal(mqtt_packet_size((jd_str){NULL, 0}, 100, &head), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_out),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bytes_in),
        cmocka_unit_test(test_begins_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
