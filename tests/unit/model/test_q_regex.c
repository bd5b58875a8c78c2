/* Patterns: idPattern and ~=. The C library's regcomp, which reads POSIX extended expressions, is the judge. */
#include "query_test.h"

#include <pthread.h>
#include <regex.h>

static int on(world *w, const char *pattern, const char *text) {
    jd_regex *r;
    if (jd_regex_compile(&w->arena, jd_str_of(pattern), &r, &w->err)) return -1;
    int got = jd_regex_test(r, jd_str_of(text));
    jd_regex_fini(r);
    return got;
}

static void test_patterns(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    static const struct {
        const char *pattern, *text;
        int want;
    } rows[] = {
        /* of the suite: 019_01_03, 019_02_03, 019_03_02, 4233, 423_01, registrations */
        {"urn:ngsi-ld:Building:.*", "urn:ngsi-ld:Building:7f", 1},
        {"urn:ngsi-ld:Building:.*", "urn:ngsi-ld:Vehicle:7f", 0},
        {"invalid_entity_id_pattern**", "x", -1},
        {"coll4233", "urn:ngsi-ld:Vehicle:coll4233A", 1},
        {"urn:ngsi-ld:Building:42301.*", "urn:ngsi-ld:Building:42301near", 1},
        {".*downtown$", "urn:ngsi-ld:OffStreetParking:downtown", 1},
        {".*downtown$", "urn:ngsi-ld:OffStreetParking:downtown1", 0},
        {".*47$", "urn:x:47", 1},
        {"urn:ngsi-ld:Vehicle:*", "urn:ngsi-ld:Vehicle", 1},
        {"^urn:ngsi-ld:Vehicle:52330-B$", "urn:ngsi-ld:Vehicle:52330-B", 1},
        {"^urn:ngsi-ld:Vehicle:52330-B$", "urn:ngsi-ld:Vehicle:52330-B2", 0},
        {".*", "", 1},
        {"", "x", 1},
        /* plain text, in every tie */
        {"b", "abc", 1},
        {"^b", "abc", 0},
        {"^a", "abc", 1},
        {"c$", "abc", 1},
        {"b$", "abc", 0},
        {"^abc$", "abc", 1},
        {"^abc$", "abcabc", 0},
        {"^$", "", 1},
        {"^$", "x", 0},
        {"^", "x", 1},
        {"$", "x", 1},
        {"^.*$", "x", 1},
        {"^.*b.*$", "abc", 1},
        {"^a.*", "ba", 0},
        {".*a$", "ba\n", 0},
        {"[a]$", "ba\n", 0},
        {"a\\\"b", "a\"b", 1},
        {"[a]\\\"b", "a\"b", 1},
        {"a.*", "xx\nab", 1},
        {"a\\.b", "a.b", 1},
        {"a\\.b", "axb", 0},
        {"a\\.*", "a", 1}, /* no plain text: the dot is repeated */
        {"^a\\.*$", "a...", 1},
        {"a\\$", "a$", 1},
        {"a\\$", "a", 0},
        {"a\\\\$", "a\\", 1},
        {"\\^a", "^a", 1},
        {"a\\", "a", -1},
        {"long", "lon", 0},
        {"long$", "ng", 0},
        /* syntax */
        {"^(a|b)+c{2}$", "abacc", 1},
        {"^(a|b)+c{2}$", "abac", 0},
        {"[0-9]{3}", "ab12c345", 1},
        {"[[:digit:]]+$", "x9", 1},
        {"^[^/]+$", "a/b", 0},
        {"^..$", "京口", 1},
        {"^[一-龥]+$", "京口", 1},
        {"a.c", "a\nc", 1}, /* POSIX: a dot is any character */
        {"(", "x", -1},
        {")", "x", -1},
        {"[", "x", -1},
        {"[z-a]", "x", -1},
        {"*a", "x", -1},
        {"a{2,1}", "x", -1},
        {"\\C", "x", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&w.err, 0, sizeof w.err);
        int got = on(&w, rows[i].pattern, rows[i].text);
        if (got != rows[i].want)
            fail_msg("'%s' on '%s' gives %d, not %d %s", rows[i].pattern, rows[i].text, got, rows[i].want, w.err.en);
        if (got >= 0) continue;
        assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
        assert_memory_equal(w.err.place, "idPattern, column ", 18);
        assert_true(strstr(w.err.zh, "不是正确的正则表达式") != NULL);
    }
    assert_int_equal(on(&w, "京口(", "x"), -1);
    assert_string_equal(w.err.place, "idPattern, column 4");
    world_end(&w);
}

static void test_limits(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    jd_regex *r;
    char *text = jd_xmalloc(60001);
    memset(text, 'a', 60000);
    text[60000] = 0;
    /* a pattern that would try for ages is given up: it neither matches nor does its opposite hold */
    char line[64] = "";
    memset(line, 'a', 22); /* 2^22 steps */
    assert_int_equal(on(&w, "^(a+)+$", "aaaaaaaa"), 1);
    strcat(line, "b");
    assert_int_equal(on(&w, "^(a+)+$", line), 0);
    char json[200];
    snprintf(json, sizeof json, "{\"id\":\"urn:x:1\",\"type\":\"T\",\"a\":{\"value\":\"%s\"}}", line);
    const jd_doc *d = doc_of(&w, json);
    assert_int_equal(q_on(&w, d, "a~=\"^(a+)+$\""), 0);
    assert_int_equal(q_on(&w, d, "a!~=\"^(a+)+$\""), 0);
    assert_int_equal(q_on(&w, d, "a!~=\"^(a+)$\""), 1);
    /* long texts */
    assert_int_equal(jd_regex_compile(&w.arena, JD_STR("^(a|b)*$"), &r, &w.err), 0);
    assert_in_range(jd_regex_test(r, jd_str_of(text)), 0, 1);
    assert_int_equal(jd_regex_test(r, (jd_str){text, 1000}), 1);
    jd_regex_fini(r);
    assert_int_equal(on(&w, "a[ab]*$", text), 1);
    /* long patterns */
    assert_int_equal(jd_regex_compile(&w.arena, (jd_str){text, 1000}, &r, &w.err), 0);
    jd_regex_fini(r);
    assert_int_equal(jd_regex_compile(&w.arena, (jd_str){text, 1001}, &r, &w.err), -1);
    assert_int_equal(w.err.code, JD_E_TOO_COMPLEX_QUERY);
    memset(text, '(', 60);
    assert_int_equal(jd_regex_compile(&w.arena, (jd_str){text, 60}, &r, &w.err), -1);
    assert_int_equal(w.err.code, JD_E_BAD_REQUEST_DATA);
    /* no text, and what is no UTF-8 */
    assert_int_equal(jd_regex_compile(&w.arena, JD_STR("^x*$"), &r, &w.err), 0);
    assert_int_equal(jd_regex_test(r, (jd_str){NULL, 0}), 1);
    assert_int_equal(jd_regex_test(r, (jd_str){"\xff", 1}), 0);
    jd_regex_fini(r);
    free(text);
    world_end(&w);
}

/* Random extended expressions over a small alphabet. Repeats of repeats are left out: POSIX does not say what they
 * mean. */
enum { TOP = 3 };
static size_t grow(uint64_t *seed, char *out, size_t n, size_t cap, int depth) {
    int parts = 1 + (int)(next_random(seed) % 4);
    for (int i = 0; i < parts && n + 24 < cap; i++) {
        int repeatable = 1;
        switch (next_random(seed) % (depth ? 9 : 7)) {
        case 0: n += (size_t)sprintf(out + n, "."); break;
        case 1: n += (size_t)sprintf(out + n, "[ab]"); break;
        case 2: n += (size_t)sprintf(out + n, "[^b]"); break;
        case 3: /* glibc mistakes anchors within repeated groups */
            n += (size_t)sprintf(out + n, "%s", depth < TOP ? "c" : next_random(seed) % 2 ? "^" : "$");
            repeatable = depth < TOP;
            break;
        case 7:
        case 8:
            out[n++] = '(';
            n = grow(seed, out, n, cap - 8, depth - 1);
            out[n++] = ')';
            break;
        default: out[n++] = (char)('a' + next_random(seed) % 3);
        }
        if (repeatable && next_random(seed) % 3 == 0) {
            static const char *const times[] = {"*", "+", "?", "{2}", "{1,2}", "{0,1}"};
            n += (size_t)sprintf(out + n, "%s", times[next_random(seed) % 6]);
        }
        if (i + 1 < parts && next_random(seed) % 6 == 0) out[n++] = '|';
    }
    out[n] = 0;
    return n;
}

static void test_against_posix(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    uint64_t seed = 7;
    int hits = 0, tried = 0;
    for (int i = 0; i < 4000; i++) {
        char pattern[200];
        grow(&seed, pattern, 0, sizeof pattern, TOP);
        regex_t posix;
        jd_regex *r;
        if (regcomp(&posix, pattern, REG_EXTENDED | REG_NOSUB)) fail_msg("regcomp refuses '%s'", pattern);
        if (jd_regex_compile(&w.arena, jd_str_of(pattern), &r, &w.err)) fail_msg("'%s': %s", pattern, w.err.en);
        for (int k = 0; k < 12; k++) {
            char text[12];
            size_t n = next_random(&seed) % 8;
            for (size_t c = 0; c < n; c++) text[c] = (char)('a' + next_random(&seed) % 3);
            text[n] = 0;
            int want = regexec(&posix, text, 0, NULL, 0) == 0, got = jd_regex_test(r, jd_str_of(text));
            if (got != want) fail_msg("'%s' on '%s' gives %d, POSIX %d", pattern, text, got, want);
            hits += got;
            tried++;
        }
        jd_regex_fini(r);
        regfree(&posix);
    }
    assert_in_range(hits, tried / 10, tried - tried / 10); /* the test itself must not be one-sided */
    world_end(&w);
}

typedef struct worker {
    const jd_regex *r;
    int wrong;
} worker;

static void *work(void *arg) {
    worker *k = arg;
    for (int i = 0; i < 2000; i++) {
        char text[32];
        snprintf(text, sizeof text, "urn:x:%d", i);
        k->wrong += jd_regex_test(k->r, jd_str_of(text)) != (i % 10 == 7);
    }
    return NULL;
}

static void test_threads_share_a_pattern(void **state) {
    (void)state;
    world w;
    world_begin(&w);
    jd_regex *r;
    assert_int_equal(jd_regex_compile(&w.arena, JD_STR("^urn:x:[0-9]*7$"), &r, &w.err), 0);
    pthread_t threads[6];
    worker workers[6];
    for (int i = 0; i < 6; i++) {
        workers[i] = (worker){r, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    jd_regex_fini(r);
    jd_regex_fini(NULL);
    world_end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_against_posix),
        cmocka_unit_test(test_threads_share_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
