/* The stored bytes, without a database: what is encoded is read back, and nothing damaged passes. */
#include "fixture.h"

#include "store/format.h"
#include "store/patch.h"

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
    const unsigned char row[] = {0x01, 0xe1, 0xb7, 0xcb, 0x03, 3, 10, 3, 'x', 'y', 3, 0, 0xd2, 0x04, 1};
    store_log_reader in;
    assert_int_equal(store__log_begin(&in, 7, row, sizeof row), STORE_GOOD);
    for (int i = 0; i < 3; i++) {
        jd_key key;
        jd_str body;
        int patch;
        assert_int_equal(store__log_next(&in, &key, &body, &patch), 1);
        assert_int_equal(key, c[i].key);
        assert_int_equal(patch, 0);
        assert_int_equal(body.p != NULL, c[i].body.p != NULL);
        assert_true(jd_str_eq(body, c[i].body));
    }
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

/* What format 3 added: the group of a document's row, and patches in the log. */
static void test_bytes_of_format_3(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_str got;
    uint64_t group;
    store__seal_document(&b, 0x0102030405060708, 300, JD_STR("abc"));
    const unsigned char document[] = {0x02, 0x12, 0x81, 0xa8, 0x8b, 0xac, 0x02, 'a', 'b', 'c'};
    assert_int_equal(b.n, sizeof document);
    assert_memory_equal(b.p, document, sizeof document);
    assert_int_equal(store__unseal_document(0x0102030405060708, jd_buf_view(&b), &group, &got), STORE_GOOD);
    assert_int_equal(group, 300);
    assert_true(jd_str_is(got, "abc"));
    assert_int_equal(store__unseal_document(0x0102030405060709, jd_buf_view(&b), &group, &got), STORE_BAD_SUM);
    jd_str base = JD_STR("one body of some length, old"), body = JD_STR("one bold of some length, now");
    jd_store_change c[2] = {{.key = 5, .body = body, .base = base}, {.key = 6, .body = JD_STR("x")}};
    store__log_encode(&b, &(jd_store_group){.number = 7, .changes = c, .changes_n = 2});
    const unsigned char row[] = {0x02, 0xff, 0xbe, 0x53, 0xe4, 2,   10, 0xa2, 0x80, 0x00, 28,  28, 0x29, 0x8d, 0xd5,
                                 0x92, 0,    6,    2,    'l',  'd', 17, 3,    'n',  'o',  'w', 2,  3,    'x'};
    assert_int_equal(b.n, sizeof row);
    assert_memory_equal(b.p, row, sizeof row);
    jd_buf_fini(&b);
}

static void test_patches(void **state) {
    (void)state;
    rng r = {11};
    jd_buf base = {0}, body = {0}, patch = {0}, got = {0};
    size_t made = 0;
    print_message("seed 11\n");
    for (int i = 0; i < 20000; i++) {
        base.n = body.n = patch.n = got.n = 0;
        size_t n = rng_below(&r, 200);
        for (size_t k = 0; k < n; k++) jd_buf_c(&base, (char)('a' + (char)rng_below(&r, 3)));
        jd_buf_str(&body, jd_buf_view(&base));
        for (uint32_t k = rng_below(&r, 4); k-- > 0 && body.n;) { /* changed, put in, taken out */
            size_t at = rng_below(&r, (uint32_t)body.n), m = rng_below(&r, 12);
            int how = (int)rng_below(&r, 3);
            if (how == 0) {
                body.p[at] = 'z';
            } else if (how == 1) {
                jd_buf_room(&body, m);
                memmove(body.p + at + m, body.p + at, body.n - at);
                memset(body.p + at, 'y', m);
                body.n += m;
            } else {
                if (m > body.n - at) m = body.n - at;
                memmove(body.p + at, body.p + at + m, body.n - at - m);
                body.n -= m;
            }
        }
        jd_str old = {base.p ? base.p : "", base.n}, now = {body.p ? body.p : "", body.n};
        size_t said = store__patch_make(&patch, old, now);
        assert_int_equal(said, patch.n);
        if (!said) continue;
        made++;
        assert_true(said <= now.n / 4 * 3);
        assert_true(store__patch_sound(jd_buf_view(&patch)));
        assert_int_equal(store__patch_apply(old, jd_buf_view(&patch), &got), 0);
        assert_true(jd_str_eq(jd_buf_view(&got), now));
        /* of another base: told by its length or by the body's sum; damaged: refused, or it gives the same */
        size_t at = rng_below(&r, (uint32_t)patch.n);
        patch.p[at] = (char)(patch.p[at] ^ (1 << rng_below(&r, 8)));
        got.n = 0;
        char *copy = jd_xmalloc(patch.n); /* of its exact size, so that a sanitizer sees a read beyond it */
        memcpy(copy, patch.p, patch.n);
        if (store__patch_apply(old, (jd_str){copy, patch.n}, &got) == 0)
            assert_true(jd_str_eq(jd_buf_view(&got), now));
        else
            assert_int_equal(got.n, 0);
        free(copy);
    }
    assert_true(made > 10000);
    jd_buf_fini(&base);
    jd_buf_fini(&body);
    jd_buf_fini(&patch);
    jd_buf_fini(&got);
}

static void test_log_rows_against_the_model(void **state) {
    (void)state;
    rng r = {9};
    model m = {0};
    model_group g = {0};
    jd_buf b = {0};
    model_shape shape = {.changes_max = 60, .keys = MODEL_KEYS, .body_max = 90};
    jd_buf patched = {0};
    size_t patches = 0;
    int patch;
    print_message("seed 9\n");
    for (int i = 0; i < 300; i++) {
        model_draw(&r, &m, &shape, &g);
        store__log_encode(&b, &g.g);
        store_log_reader in;
        jd_key key;
        jd_str body;
        assert_int_equal(store__log_begin(&in, g.g.number, b.p, b.n), STORE_GOOD);
        for (size_t k = 0; k < g.g.changes_n; k++) {
            assert_int_equal(store__log_next(&in, &key, &body, &patch), 1);
            assert_int_equal(key, g.changes[k].key);
            assert_int_equal(body.p != NULL, g.changes[k].body.p != NULL);
            patched.n = 0;
            if (patch) {
                assert_int_equal(store__patch_apply(g.changes[k].base, body, &patched), 0);
                body = jd_buf_view(&patched);
                patches++;
            }
            assert_true(jd_str_eq(body, g.changes[k].body));
        }
        assert_int_equal(store__log_next(&in, &key, &body, &patch), 0);
        assert_int_equal(store__log_begin(&in, g.g.number + 1, b.p, b.n), STORE_BAD_SUM);
        model_apply(&m, &g.g);
    }
    assert_true(patches > 1000);
    jd_buf_fini(&patched);
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
        int patch;
        rc = store__log_next(&in, &key, &body, &patch);
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
        cmocka_unit_test(test_bytes_of_format_3),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_log_rows_against_the_model),
        cmocka_unit_test(test_malformed_contents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
