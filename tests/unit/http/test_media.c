#include "http_test.h"
#include "http/media.h"

static const char *const offers[] = {"application/json", "application/ld+json", "application/geo+json"};

static int match(const char *accept) {
    return jd_media_match(accept ? jd_str_of(accept) : (jd_str){NULL, 0}, offers, 3);
}

static void picks_by_weight_and_closeness(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        int want;
    } rows[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"application/*", 0},
        {"application/json", 0},
        {"application/ld+json", 1},
        {"APPLICATION/LD+JSON", 1},
        {"application/geo+json", 2},
        {"text/html", -1},
        {"application/json;q=0.5, application/ld+json", 1},
        {"application/json;q=0.5, application/ld+json;q=0.4", 0},
        {"application/json;q=0, */*", 1},
        {"application/json;q=0", -1},
        {"*/*;q=0", -1},
        {"application/*;q=0.8, application/json;q=0.1", 1},
        {"text/html, application/xhtml+xml, */*;q=0.1", 0},
        {"application/ld+json;profile=\"http://www.w3.org/ns/json-ld#compacted\"", 1},
        {"application/ld+json;profile=\"a,b;q=0\", application/json;q=0.9", 1},
        {" application/ld+json ; q=1.0 , application/json ; q=0.999", 1},
        {"application/ld+json;q=1.001, application/json;q=0.1", 1}, /* an unreadable weight is none */
        {"application/ld+json;q=abc, application/json;q=0.1", 1},
        {"application/ld+json;Q=0.2, application/json;Q=0.1", 1},
        {"nonsense", 0},
        {"nonsense, application/geo+json", 2},
        {",,application/geo+json,,", 2},
        {"*/json", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (match(rows[i].accept) != rows[i].want)
            fail_msg("Accept %s: %d", rows[i].accept ? rows[i].accept : "(none)", match(rows[i].accept));
}

static void reads_content_type(void **state) {
    (void)state;
    assert_true(jd_media_is(JD_STR("application/json"), "application/json"));
    assert_true(jd_media_is(JD_STR("Application/JSON; charset=utf-8"), "application/json"));
    assert_true(jd_media_is(JD_STR(" application/json ;x=\"a;b\""), "application/json"));
    assert_false(jd_media_is(JD_STR("application/jsonx"), "application/json"));
    assert_false(jd_media_is((jd_str){NULL, 0}, "application/json"));
    assert_null(jd_media_essence(JD_STR("json")).p);
    assert_null(jd_media_essence(JD_STR("")).p);
    assert_null(jd_media_essence(JD_STR("a/b/c")).p);
    assert_null(jd_media_essence(JD_STR("application/json, text/html")).p);
    assert_true(jd_str_is(jd_media_param(JD_STR("text/plain; Charset=\"UTF-8\""), "charset"), "UTF-8"));
    assert_true(jd_str_is(jd_media_param(JD_STR("text/plain;a=1;charset=gbk"), "charset"), "gbk"));
    assert_null(jd_media_param(JD_STR("text/plain"), "charset").p);
}

static void weighs_codings(void **state) {
    (void)state;
    assert_int_equal(jd_media_coding((jd_str){NULL, 0}, "gzip"), 0);
    assert_int_equal(jd_media_coding((jd_str){NULL, 0}, "identity"), 1000);
    assert_int_equal(jd_media_coding(JD_STR("gzip, br;q=0.5"), "gzip"), 1000);
    assert_int_equal(jd_media_coding(JD_STR("gzip, br;q=0.5"), "br"), 500);
    assert_int_equal(jd_media_coding(JD_STR("gzip;q=0, *"), "gzip"), 0);
    assert_int_equal(jd_media_coding(JD_STR("gzip;q=0, *"), "br"), 1000);
    assert_int_equal(jd_media_coding(JD_STR("identity;q=0"), "identity"), 0);
    assert_true(jd_media_coding(JD_STR("gzip"), "identity") < jd_media_coding(JD_STR("gzip;q=0.1"), "gzip"));
}

static void knows_who_reads_chinese(void **state) {
    (void)state;
    assert_true(jd_media_zh(JD_STR("zh")));
    assert_true(jd_media_zh(JD_STR("zh-CN,zh;q=0.9,en;q=0.8")));
    assert_true(jd_media_zh(JD_STR("ZH-hans-CN")));
    assert_true(jd_media_zh(JD_STR("fr, zh;q=0.1")));
    assert_true(jd_media_zh(JD_STR("zh, en")));
    assert_false(jd_media_zh(JD_STR("en, zh")));
    assert_false(jd_media_zh(JD_STR("en-GB,en;q=0.9,zh;q=0.8")));
    assert_false(jd_media_zh(JD_STR("zh;q=0")));
    assert_false(jd_media_zh(JD_STR("*")));
    assert_false(jd_media_zh(JD_STR("zho")));
    assert_false(jd_media_zh(JD_STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_by_weight_and_closeness),
        cmocka_unit_test(reads_content_type),
        cmocka_unit_test(weighs_codings),
        cmocka_unit_test(knows_who_reads_chinese),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
