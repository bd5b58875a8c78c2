/* What a frame tells of a password is not shown, whatever else is wrong with the frame. */
#include "link/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* `hidden` bytes from `at` on are asterisks, the rest is as it was; 0: all is as it was. */
static void shows(const jd_protocol *p, const char *frame, size_t n, size_t at, size_t hidden) {
    jd_arena a;
    jd_arena_init(&a);
    jd_str shown = jd_frame_shown(p, (jd_str){frame, n}, &a);
    assert_int_equal(shown.n, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(shown.p[i], hidden && i >= at && i < at + hidden ? '*' : frame[i]);
    /* cut anywhere, nothing of it shows and nothing is read beyond the end */
    for (size_t cut = 0; cut < n; cut++) {
        char *part = memcpy(malloc(cut + 1), frame, cut);
        shown = jd_frame_shown(p, (jd_str){part, cut}, &a);
        for (size_t i = at; hidden && i < at + hidden && i < cut; i++)
            if (p->text) assert_int_equal(shown.p[i], '*');
        free(part);
    }
    jd_arena_fini(&a);
}

static void bytes(void **state) {
    (void)state;
    const char hj[] =
        "##0101QN=20261128160000001;ST=22;CN=2011;PW=123456;MN=Y8011;Flag=5;CP=&&DataTime=20261128160000&&0000\r\n";
    shows(&jd_hj212, hj, sizeof hj - 1, (size_t)(strstr(hj, "PW=") + 3 - hj), 6);
    const char no_end[] = "##0101QN=1;PW=123456";
    shows(&jd_hj212, no_end, sizeof no_end - 1, 14, 6);
    shows(&jd_hj212, "##0002QN", 8, 0, 0);

    const char sl[] = "\x7e\x7e\x01\x00\x12\x34\x56\x78\xa0\x01\x32\x00\x08\x02"
                      "12345678\x03\x00\x00";
    shows(&jd_sl651, sl, sizeof sl - 1, 8, 2);

    char gb[64 + 2] = "##\x05\xfe";
    memset(gb + 24, 'u', 20);
    memset(gb + 44, 'p', 20);
    shows(&jd_gb32960, gb, sizeof gb, 44, 20);
    gb[2] = 2; /* real-time data has no password */
    shows(&jd_gb32960, gb, sizeof gb, 0, 0);

    const char jt[] = "\x7e\x01\x02\x00\x04\x01\x38\x00\x00\x00\x00\x00\x01"
                      "code\x11\x7e";
    shows(&jd_jt808, jt, sizeof jt - 1, 13, 4);
    const char of_2019[] = "\x7e\x01\x02\x40\x04\x01\x00\x00\x00\x00\x01\x38\x00\x00\x00\x00\x00\x01"
                           "code\x11\x7e";
    shows(&jd_jt808, of_2019, sizeof of_2019 - 1, 18, 4);
    const char place[] = "\x7e\x02\x00\x00\x04\x01\x38\x00\x00\x00\x00\x00\x01"
                         "code\x11\x7e";
    shows(&jd_jt808, place, sizeof place - 1, 0, 0);
    shows(NULL, place, sizeof place - 1, 0, 0);
}

static void fields(void **state) {
    (void)state;
    jd_jmember members[] = {{JD_STR("PW"), jd_jmake_str(JD_STR("123456"))},
                            {JD_STR("MN"), jd_jmake_str(JD_STR("Y8011"))},
                            {JD_STR("auth_code"), jd_jmake_str(JD_STR("code"))}};
    jd_jval all = {.type = JD_JOBJ, .n = 3, .members = members};
    jd_fields_shown(&all);
    assert_true(jd_str_is(jd_jstr(&members[0].val), "***"));
    assert_true(jd_str_is(jd_jstr(&members[1].val), "Y8011"));
    assert_true(jd_str_is(jd_jstr(&members[2].val), "***"));
    jd_jval none = {.type = JD_JNULL};
    jd_fields_shown(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes), cmocka_unit_test(fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
