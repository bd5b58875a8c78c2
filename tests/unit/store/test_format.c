/* The stored bytes, without a database: what is encoded is read back, and nothing damaged passes. */
#include "fixture.h"

#include "store/format.h"

#include <stdlib.h>

static void test_seal_and_unseal(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_str body;
    store__seal(&b, 42, JD_STR("hello"));
    assert_int_equal(b.n, STORE_ENVELOPE + 5);
    assert_int_equal(b.p[0], 1);
    assert_int_equal(store__unseal(42, b.p, b.n, &body), STORE_GOOD);
    assert_true(jd_str_is(body, "hello"));
    assert_int_equal(store__unseal(43, b.p, b.n, &body), STORE_BAD_SUM); /* the body of another key */
    assert_int_equal(store__unseal(42, b.p, 4, &body), STORE_BAD_SHORT);
    assert_int_equal(store__unseal(42, b.p, b.n - 1, &body), STORE_BAD_SUM);
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] = (char)(b.p[i / 8] ^ (1 << i % 8));
        assert_int_equal(store__unseal(42, b.p, b.n, &body), i < 8 ? STORE_BAD_FORMAT : STORE_BAD_SUM);
        b.p[i / 8] = (char)(b.p[i / 8] ^ (1 << i % 8));
    }
    b.n = 0;
    store__seal(&b, 1, JD_STR(""));
    assert_int_equal(store__unseal(1, b.p, b.n, &body), STORE_GOOD);
    assert_int_equal(body.n, 0);
    jd_buf_fini(&b);
}

/* The bytes of format 1 as FORMAT.md draws them: written once, read for ever. */
static void test_bytes_of_format_1(void **state) {
    (void)state;
    jd_buf b = {0};
    store__seal(&b, 0x0102030405060708, JD_STR("abc"));
    const unsigned char sealed[] = {0x01, 0x10, 0xd0, 0x50, 0x24, 'a', 'b', 'c'};
    assert_int_equal(b.n, sizeof sealed);
    assert_memory_equal(b.p, sealed, sizeof sealed);
    jd_store_change c[3] = {
        {.key = 5, .body = JD_STR("xy")}, {.key = 3, .body = {NULL, 0}}, {.key = 300, .body = JD_STR("")}};
    store__log_encode(&b, &(jd_store_group){.number = 7, .changes = c, .changes_n = 3});
    const unsigned char row[] = {0x01, 0xe1, 0xb7, 0xcb, 0x03, 3, 10, 3, 'x', 'y', 3, 0, 0xd2, 0x04, 1};
    assert_int_equal(b.n, sizeof row);
    assert_memory_equal(b.p, row, sizeof row);
    assert_int_equal(store__symbol_crc(1, JD_STR("name")), 0x6dedb90du);
    jd_buf_fini(&b);
}

/* What format 2 added: row 9 of run 4 with a body of 300 bytes in its head, its body, and the run's note. */
static void test_bytes_of_format_2(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_str got;
    uint64_t bytes;
    store__seal_head(&b, 9, 4, 300, JD_STR("head"));
    const unsigned char head[] = {0x01, 0x77, 0x70, 0x99, 0xf8, 0xac, 0x02, 'h', 'e', 'a', 'd'};
    assert_int_equal(b.n, sizeof head);
    assert_memory_equal(b.p, head, sizeof head);
    assert_int_equal(store__unseal_head(9, 4, jd_buf_view(&b), &got, &bytes), STORE_GOOD);
    assert_true(jd_str_is(got, "head"));
    assert_int_equal(bytes, 300);
    assert_int_equal(store__unseal_head(9, 5, jd_buf_view(&b), &got, &bytes), STORE_BAD_SUM);
    assert_int_equal(store__unseal_head(8, 4, jd_buf_view(&b), &got, &bytes), STORE_BAD_SUM);
    b.n = 0;
    store__seal_row(&b, 9, 4, JD_STR("head"), JD_STR("body"));
    const unsigned char row[] = {0x01, 0xe9, 0xdb, 0x94, 0x81, 'b', 'o', 'd', 'y'};
    assert_int_equal(b.n, sizeof row);
    assert_memory_equal(b.p, row, sizeof row);
    assert_int_equal(store__unseal_row(9, 4, JD_STR("head"), jd_buf_view(&b), &got), STORE_GOOD);
    assert_int_equal(store__unseal_row(9, 5, JD_STR("head"), jd_buf_view(&b), &got), STORE_BAD_SUM);
    assert_int_equal(store__unseal_row(9, 4, JD_STR("heaD"), jd_buf_view(&b), &got), STORE_BAD_SUM);
    b.n = 0;
    store_run_sum run = {.id = 4, .state = 1, .rows = 2, .bytes = 300}, other = run;
    store__seal_note(&b, &run, JD_STR("note"));
    const unsigned char note[] = {0x01, 0xa4, 0x75, 0x9c, 0xb0, 'n', 'o', 't', 'e'};
    assert_int_equal(b.n, sizeof note);
    assert_memory_equal(b.p, note, sizeof note);
    assert_int_equal(store__unseal_note(&run, jd_buf_view(&b), &got), STORE_GOOD);
    other.state = 2;
    assert_int_equal(store__unseal_note(&other, jd_buf_view(&b), &got), STORE_BAD_SUM);
    /* A head whose sum is right and whose length is cut off: written by a faulty program. */
    b.n = 0;
    store__seal_row(&b, 9, 4, (jd_str){NULL, 0}, JD_STR("\xff"));
    assert_int_equal(store__unseal_head(9, 4, jd_buf_view(&b), &got, &bytes), STORE_BAD_SHAPE);
    jd_buf_fini(&b);
}

static void test_log_rows_against_the_model(void **state) {
    (void)state;
    rng r = {9};
    model m = {0};
    model_group g = {0};
    jd_buf b = {0};
    model_shape shape = {.changes_max = 60, .keys = MODEL_KEYS, .body_max = 90};
    print_message("seed 9\n");
    for (int i = 0; i < 300; i++) {
        model_draw(&r, &m, &shape, &g);
        model_apply(&m, &g.g);
        store__log_encode(&b, &g.g);
        store_log_reader in;
        jd_key key;
        jd_str body;
        assert_int_equal(store__log_begin(&in, g.g.number, b.p, b.n), STORE_GOOD);
        for (size_t k = 0; k < g.g.changes_n; k++) {
            assert_int_equal(store__log_next(&in, &key, &body), 1);
            assert_int_equal(key, g.changes[k].key);
            assert_int_equal(body.p != NULL, g.changes[k].body.p != NULL);
            assert_true(jd_str_eq(body, g.changes[k].body));
        }
        assert_int_equal(store__log_next(&in, &key, &body), 0);
        assert_int_equal(store__log_begin(&in, g.g.number + 1, b.p, b.n), STORE_BAD_SUM);
    }
    model_fini(&m);
    jd_buf_fini(&g.bytes);
    jd_buf_fini(&b);
}

/* Walks a row whose contents are given, with a right checksum: what a faulty program might have written. */
static int walk(const char *bytes, size_t n) {
    jd_buf b = {0};
    store_log_reader in;
    jd_key key;
    jd_str body;
    store__seal(&b, 1, (jd_str){bytes, n});
    char *copy = jd_xmalloc(b.n); /* of its exact size, so that a sanitizer sees a read beyond it */
    memcpy(copy, b.p, b.n);
    int rc = store__log_begin(&in, 1, copy, b.n) == STORE_GOOD ? 1 : -1;
    while (rc == 1) {
        rc = store__log_next(&in, &key, &body);
        if (rc == 1) assert_true(key > 0 && (!body.p || body.n <= n));
    }
    free(copy);
    jd_buf_fini(&b);
    return rc;
}

static void test_malformed_contents_are_refused(void **state) {
    (void)state;
    assert_int_equal(walk("\0", 1), 0);
    assert_int_equal(walk("", 0), -1);                                            /* no count */
    assert_int_equal(walk("\1", 1), -1);                                          /* a change is missing */
    assert_int_equal(walk("\1\2\0", 3), 0);                                       /* key 1 goes */
    assert_int_equal(walk("\1\2\0x", 4), -1);                                     /* bytes behind the last change */
    assert_int_equal(walk("\1\0\0", 3), -1);                                      /* key 0 */
    assert_int_equal(walk("\1\1\0", 3), -1);                                      /* key -1 */
    assert_int_equal(walk("\1\2\4xy", 5), -1);                                    /* three bytes announced, two there */
    assert_int_equal(walk("\1\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 12), -1); /* 2^64 - 2 bytes announced */
    assert_int_equal(walk("\2\2\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\0", 14), -1); /* the key overflows */
    rng r = {3};
    print_message("seed 3\n");
    for (int i = 0; i < 20000; i++) {
        char junk[24];
        size_t n = rng_below(&r, sizeof junk);
        for (size_t k = 0; k < n; k++) junk[k] = (char)(rng_below(&r, 3) ? rng_below(&r, 6) : rng_below(&r, 256));
        (void)walk(junk, n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal_and_unseal),
        cmocka_unit_test(test_bytes_of_format_1),
        cmocka_unit_test(test_bytes_of_format_2),
        cmocka_unit_test(test_log_rows_against_the_model),
        cmocka_unit_test(test_malformed_contents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
