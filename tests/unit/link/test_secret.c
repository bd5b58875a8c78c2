/* What a frame tells of a password is not shown, whatever else is wrong with the frame. */
#include "link/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The bytes from `at` to `end` are asterisks, the rest is as it was. Cut anywhere: nothing of them shows. */
static void shows(const jd_protocol *p, const char *frame, size_t n, size_t at, size_t end) {
    jd_arena a;
    jd_arena_init(&a);
    for (size_t cut = n + 1; cut-- > 0;) {
        char *part = malloc(cut ? cut : 1); /* so that a sanitizer sees what is read beyond it */
        assert_non_null(part);
        if (cut) memcpy(part, frame, cut);
        jd_str shown = jd_frame_shown(p, (jd_str){part, cut}, &a);
        assert_int_equal(shown.n, cut);
        for (size_t i = 0; i < cut; i++)
            if (i >= at && i < end)
                assert_true(shown.p[i] == '*' || (cut < n && p == &jd_jt808 && i + 2 >= cut)); /* its check, it seems */
            else
                assert_int_equal(shown.p[i], frame[i]);
        free(part);
    }
    jd_arena_fini(&a);
}
#define SHOWS(p, frame, at, end) shows(p, frame, sizeof(frame) - 1, at, end)

static void hj212(void **state) {
    (void)state;
    SHOWS(&jd_hj212, "##0101QN=1;ST=22;CN=2011;PW=123456;MN=Y8011;Flag=5;CP=&&DataTime=2&&0000\r\n", 28, 34);
    SHOWS(&jd_hj212, "##0101QN=1;PW=123456", 14, 20); /* no end */
    SHOWS(&jd_hj212, "##0101pw=12&3456;MN=1", 9, 16);
    SHOWS(&jd_hj212, "##0002QN=1;MN=2", 0, 0);
    jd_arena a;
    jd_arena_init(&a);
    jd_str twice = jd_frame_shown(&jd_hj212, JD_STR("PW=1;Pw=23;MN=4"), &a);
    assert_true(jd_str_is(twice, "PW=*;Pw=**;MN=4"));
    jd_arena_fini(&a);
}

static void sl651(void **state) {
    (void)state;
    SHOWS(&jd_sl651,
          "\x7e\x7e\x01\x00\x12\x34\x56\x78\xa0\x01\x32\x00\x08\x02"
          "12345678\x03\x00\x00",
          8, 10);
    SHOWS(&jd_sl651,
          "\x01"
          "010012345678A00132000801",
          13, 17);
}

/* A station that tells its basic settings: in bytes all behind the heading goes, in fields its password alone. */
static void sl651_settings(void **state) {
    (void)state;
    char frame[] = "\x7e\x7e\x01\x00\x12\x34\x56\x78\xa0\x01\x41\x00\x16\x02\x00\x01\x26\x11\x29\x08\x30\x00\xf1\xf1"
                   "\x00\x12\x34\x56\x78\x03\x10\x51\x73\x20\x08\x05\x03..";
    size_t n = sizeof frame - 1;
    uint16_t crc = jd_crc16_modbus((jd_str){frame, n - 2});
    frame[n - 2] = (char)(crc >> 8);
    frame[n - 1] = (char)crc;
    jd_arena a;
    jd_arena_init(&a);
    for (size_t cut = n + 1; cut-- > 11;) {
        jd_str shown = jd_frame_shown(&jd_sl651, (jd_str){frame, cut}, &a);
        for (size_t i = 14; i < cut; i++) assert_int_equal(shown.p[i], '*');
        assert_memory_equal(shown.p, frame, 8);
    }
    jd_frame f = {.bytes = {frame, n}, .answers = -1};
    jd_err err = {0};
    jd_buf text = {0};
    if (jd_sl651.decode(&(jd_link_set){0}, &(jd_peer){0}, f.bytes, &a, &f, &err)) fail_msg("%s", err.en);
    jd_fields_shown(&f.fields);
    jd_json_write(&text, &f.fields);
    jd_buf_c(&text, 0);
    assert_null(strstr(text.p, "5173"));
    assert_non_null(strstr(text.p, "\"guide\":\"03\",\"data\":\"***\""));
    assert_non_null(strstr(text.p, "\"guide\":\"20\",\"data\":\"05\""));
    jd_buf_fini(&text);
    jd_arena_fini(&a);
}

static void gb32960(void **state) {
    (void)state;
    char f[68] = "##\x05\xfe";
    memset(f + 24, 'u', 20);
    memset(f + 44, 'p', 20);
    shows(&jd_gb32960, f, 66, 44, 64);
    char second[70] = "##\x00\x40\x05\xfe";
    memset(second + 46, 'p', 20);
    shows(&jd_gb32960, second, 68, 46, 66);
    f[2] = 2; /* real-time data has no password */
    shows(&jd_gb32960, f, 66, 0, 0);
}

static void jt808(void **state) {
    (void)state;
    SHOWS(&jd_jt808,
          "\x7e\x01\x02\x00\x04\x01\x38\x00\x00\x00\x00\x00\x01"
          "code\x11\x7e",
          13, 17);
    SHOWS(&jd_jt808,
          "\x01\x02\x00\x04\x01\x38\x00\x00\x00\x00\x00\x01"
          "code\x11\x7e",
          12, 16); /* a mark for two */
    /* of 2019, and one that says so and is not: some of the header goes too */
    SHOWS(&jd_jt808,
          "\x7e\x01\x02\x40\x04\x01\x00\x00\x00\x00\x01\x38\x00\x00\x00\x00\x00\x01"
          "code\x11\x7e",
          13, 22);
    SHOWS(&jd_jt808,
          "\x7e\x01\x02\x40\x04\x01\x38\x00\x00\x00\x00\x00\x01"
          "code\x11\x7e",
          13, 17);
    SHOWS(&jd_jt808,
          "\x7e\x02\x00\x00\x04\x01\x38\x00\x00\x00\x00\x00\x01"
          "code\x11\x7e",
          0, 0);
}

static void of_no_known_protocol(void **state) {
    (void)state;
    SHOWS(NULL, "##0101QN=1;PW=123456;MN=1", 14, 20);
    SHOWS(NULL, "a line", 0, 0);
    for (unsigned i = 0; jd_protocol_at(i); i++)
        assert_ptr_equal(jd_protocol_of(jd_protocol_no(jd_protocol_at(i))), jd_protocol_at(i));
    assert_int_equal(jd_protocol_no(NULL), 0);
    assert_null(jd_protocol_of(0));
    assert_null(jd_protocol_of(1000));
}

static void fields(void **state) {
    (void)state;
    jd_jmember members[] = {{JD_STR("PW"), jd_jmake_str(JD_STR("123456"))},
                            {JD_STR("MN"), jd_jmake_str(JD_STR("Y8011"))},
                            {JD_STR("auth_code_hex"), jd_jmake_str(JD_STR("80ff"))}};
    jd_jval all = {.type = JD_JOBJ, .n = 3, .members = members};
    jd_fields_shown(&all);
    assert_true(jd_str_is(jd_jstr(&members[0].val), "***"));
    assert_true(jd_str_is(jd_jstr(&members[1].val), "Y8011"));
    assert_true(jd_str_is(jd_jstr(&members[2].val), "***"));
    jd_jval none = {.type = JD_JNULL};
    jd_fields_shown(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hj212),          cmocka_unit_test(sl651),
                                       cmocka_unit_test(sl651_settings), cmocka_unit_test(gb32960),
                                       cmocka_unit_test(jt808),          cmocka_unit_test(of_no_known_protocol),
                                       cmocka_unit_test(fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
