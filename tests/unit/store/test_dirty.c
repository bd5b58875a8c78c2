/* The dirty set against a plain array of flags, with sweeps that run while keys are marked. */
#include "fixture.h"

#include "store/dirty.h"

#include <stdlib.h>

enum { KEYS = 3000 };

/* Dense, sparse, and at the edges of pages. */
static jd_key key_of(uint32_t i) {
    if (i < 1000) return (jd_key)i + 1;
    if (i < 2000) return ((jd_key)3 << 48) + (jd_key)(i - 1000) * 4095 + 1;
    return INT64_MAX - 1 - (jd_key)(KEYS - 1 - i) * 7;
}

static void test_against_flags(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        rng r = {seed};
        store_dirty d = {0};
        char *dirty = jd_xcalloc(KEYS, 1), *listed = jd_xcalloc(KEYS, 1); /* listed: dirty when the sweep began */
        uint64_t total = 0;
        uint32_t at = 0; /* index behind the last key that the sweep took; keys ascend with the index */
        for (int i = 0; i < 4000; i++) {
            uint32_t dice = rng_below(&r, 10);
            if (dice < 6) {
                for (uint32_t n = rng_below(&r, 20); n > 0; n--) {
                    uint32_t k = rng_below(&r, KEYS);
                    total += !dirty[k];
                    dirty[k] = 1;
                    store__dirty_mark(&d, key_of(k));
                }
            } else if (!d.sweeping) {
                store__dirty_begin(&d);
                memcpy(listed, dirty, KEYS);
                at = 0;
            } else {
                jd_key keys[64];
                size_t max = rng_below(&r, 64) + 1, n = store__dirty_peek(&d, keys, max);
                uint64_t ahead = d.ahead;
                assert_true(n <= max && n <= ahead);
                if (n < max) assert_int_equal(n, ahead);
                for (size_t k = 0; k < n; k++) {
                    /* Ascending; what was dirty at the start is never passed over; what it gives is dirty. */
                    while (key_of(at) != keys[k]) {
                        assert_false(listed[at]);
                        assert_true(++at < KEYS);
                    }
                    assert_true(dirty[at]);
                    dirty[at] = listed[at] = 0;
                    at++;
                }
                total -= n;
                store__dirty_take(&d, keys, n);
                assert_int_equal(d.ahead, ahead - n);
                if (d.ahead == 0) {
                    for (uint32_t k = at; k < KEYS; k++) assert_false(listed[k]);
                    store__dirty_end(&d);
                }
            }
            assert_int_equal(d.total, total);
        }
        free(dirty);
        free(listed);
        store__dirty_fini(&d);
    }
}

/* A transaction that fails after its peek leaves the sweep where it was. */
static void test_a_peek_changes_nothing(void **state) {
    (void)state;
    store_dirty d = {0};
    jd_key a[4], b[4];
    for (jd_key k = 1; k <= 10; k++) store__dirty_mark(&d, k * 5000);
    store__dirty_begin(&d);
    assert_int_equal(store__dirty_peek(&d, a, 4), 4);
    assert_int_equal(store__dirty_peek(&d, b, 4), 4);
    assert_memory_equal(a, b, sizeof a);
    store__dirty_take(&d, a, 4);
    assert_int_equal(store__dirty_peek(&d, b, 4), 4);
    assert_int_equal(b[0], 25000);
    store__dirty_fini(&d);
}

/* A million keys that lie close together cost pages, not keys. */
static void test_a_million_keys_are_cheap(void **state) {
    (void)state;
    store_dirty d = {0};
    for (jd_key k = 1; k <= 1000000; k++) store__dirty_mark(&d, ((jd_key)1 << 48) + k);
    assert_int_equal(d.total, 1000000);
    assert_true(d.pages <= 1000000 / 4096 + 2);
    store__dirty_begin(&d);
    jd_key keys[1000], last = 0;
    size_t n, sum = 0;
    while ((n = store__dirty_peek(&d, keys, 1000)) > 0) {
        assert_true(keys[0] > last);
        last = keys[n - 1];
        sum += n;
        store__dirty_take(&d, keys, n);
    }
    store__dirty_end(&d);
    assert_int_equal(sum, 1000000);
    assert_int_equal(d.total, 0);
    assert_int_equal(d.pages, 0);
    store__dirty_fini(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_flags),
        cmocka_unit_test(test_a_peek_changes_nothing),
        cmocka_unit_test(test_a_million_keys_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
