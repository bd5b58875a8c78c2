/* A process killed right behind a large group: what it leaves must open. (SQLite's VFS takes at most 128 KiB in one
 * write; settling the last transaction once gave it all at once, and a folder with a larger one did not open.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count_symbol(void *user, uint32_t number, jd_str name, jd_err *err) {
    (void)user, (void)number, (void)name, (void)err;
    return 0;
}
static int count_document(void *user, jd_key key, jd_str body, jd_err *err) {
    (void)user, (void)key, (void)body, (void)err;
    return 0;
}
static int count_change(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    (void)group, (void)key, (void)err;
    *(size_t *)user += body.n;
    return 0;
}

static void copy_and_go_on(const char *from, const char *to) {
    char command[400];
    snprintf(command, sizeof command, "mkdir -p %s && cp %s/jindu.db* %s/", to, from, to);
    assert_int_equal(system(command), 0);
}

static void remove_both(const char *a, const char *b) {
    char command[400];
    snprintf(command, sizeof command, "rm -rf %s %s", a, b);
    assert_int_equal(system(command), 0);
}

static void test_large_last_group(void **state) {
    (void)state;
    static const size_t sizes[] = {1000, 100000, 131072, 140000, 300000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char dir[] = "/tmp/jindu-tail-XXXXXX", copy[64];
        assert_non_null(mkdtemp(dir));
        snprintf(copy, sizeof copy, "%s-killed", dir);
        jd_err err = {0};
        jd_store *s;
        jd_store_opts o = {.dir = dir, .min_free = 1, .create = 1};
        assert_int_equal(jd_store_open(&s, &o, &err), 0);
        uint64_t last = 0;
        size_t bytes = 0;
        jd_store_loader loader = {&bytes, count_symbol, count_document, count_change, NULL};
        assert_int_equal(jd_store_load(s, &loader, &last, &err), 0);
        char *body = malloc(sizes[i]);
        memset(body, 'x', sizes[i]);
        for (uint64_t g = 1; g <= 3; g++) {
            jd_store_change c = {.key = (jd_key)g, .body = {body, g == 3 ? sizes[i] : 10}};
            jd_store_group group = {.number = g, .changes = &c, .changes_n = 1};
            assert_int_equal(jd_store_commit(s, &group, &err), JD_STORE_OK);
        }
        copy_and_go_on(dir, copy);
        free(body);
        jd_store_close(s);
        o.dir = copy;
        if (jd_store_open(&s, &o, &err)) fail_msg("%zu bytes: %s", sizes[i], err.en);
        assert_int_equal(jd_store_load(s, &loader, &last, &err), 0);
        assert_int_equal(last, 3);
        assert_int_equal(bytes, sizes[i] + 20);
        jd_store_close(s);
        remove_both(dir, copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_large_last_group)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
