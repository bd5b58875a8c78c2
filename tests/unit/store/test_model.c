/* Random groups against the naive model, with restarts at random points; and what the bound of the log promises. */
#include "model.h"
#include "fixture.h"

static void run_seed(uint64_t seed, jd_store_opts opts, const model_shape *shape, int steps) {
    print_message("seed %llu\n", (unsigned long long)seed);
    rng r = {seed};
    model m = {0};
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    uint64_t behind = 0, wholes = 0;
    opts.create = 1;
    jd_store *s = fx_open(&opts, &m);
    rowmodel_reopened(&m.rows, s);
    for (int i = 0; i < steps; i++) {
        uint32_t dice = rng_below(&r, 100);
        jd_store_stats now;
        jd_store_get_stats(s, &now);
        /* An engine seals in time, else the log is full. */
        int due = opts.log_bytes_max && now.sealed < now.group_last && now.log_bytes > opts.log_bytes_max / 2;
        if (shape->events_max && (dice < 35 || due)) {
            step_draw(&r, &m.rows, m.group, &step);
            fx_ok(jd_store_seal(s, &step.s, &err), &err);
            wholes += step.s.whole != 0;
            step_apply(&m.rows, &step);
        } else if (dice < 75) {
            model_draw(&r, &m, shape, &g);
            fx_ok(jd_store_commit(s, &g.g, &err), &err);
            model_apply(&m, &g.g);
        } else if (dice < 95) {
            assert_true(jd_store_idle(s, &err) >= 0);
        } else {
            jd_store_stats st;
            jd_store_get_stats(s, &st);
            behind += st.written_behind;
            jd_store_close(s);
            s = fx_reopen(&opts, &m);
        }
        jd_store_stats st;
        jd_store_get_stats(s, &st);
        assert_int_equal(st.group_last, m.group);
        assert_int_equal(st.dead, 0);
        if (opts.log_bytes_max) assert_true(st.log_bytes <= opts.log_bytes_max || st.log_rows == 1);
    }
    /* When nothing is left to do, what is read by key is what the model holds. */
    fx_drain(s);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) fx_read_is(s, model_key(i), model_current(&m, model_key(i)));
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    assert_true(behind + st.written_behind > 0);
    if (shape->events_max) assert_true(wholes > 1);
    jd_store_close(s);
    s = fx_reopen(&opts, &m);
    jd_store_close(s);
    model_fini(&m);
    jd_buf_fini(&g.bytes);
    step_fini(&step);
}

static void test_random_groups(void **state) {
    model_shape small = {.changes_max = 8, .keys = 60, .body_max = 200};
    model_shape wide = {.changes_max = 40, .keys = MODEL_KEYS, .body_max = 300};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fx_clean(*state);
        jd_store_opts opts = {
            .dir = *state, .log_bytes_max = seed % 2 ? 64 << 10 : 0, .wal_bytes = 256 << 10, .step = seed % 3 != 0};
        run_seed(seed, opts, seed < 4 ? &small : &wide, 250);
    }
}

/* The same with log-only changes that are sealed into runs, merged, dropped. */
static void test_random_groups_and_runs(void **state) {
    model_shape shape = {.changes_max = 8, .keys = 60, .body_max = 200, .events_max = 10};
    for (uint64_t seed = 11; seed <= 14; seed++) {
        fx_clean(*state);
        jd_store_opts opts = {
            .dir = *state, .log_bytes_max = seed % 2 ? 64 << 10 : 0, .wal_bytes = 256 << 10, .step = seed % 3 != 0};
        run_seed(seed, opts, &shape, 250);
    }
}

/* Under a steady load the log stays under its bound, and both files stop growing. */
static void test_log_and_files_are_bounded(void **state) {
    rng r = {77};
    model m = {0};
    model_group g = {0};
    jd_err err = {0};
    model_shape shape = {.changes_max = 30, .keys = MODEL_KEYS, .body_max = 150};
    jd_store_opts opts = {.dir = *state, .create = 1, .log_bytes_max = 128 << 10, .wal_bytes = 512 << 10, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    uint64_t half_file = 0, wal_most = 0;
    for (int i = 0; i < 1200; i++) {
        model_draw(&r, &m, &shape, &g);
        fx_ok(jd_store_commit(s, &g.g, &err), &err);
        model_apply(&m, &g.g);
        jd_store_stats st;
        jd_store_get_stats(s, &st);
        assert_true(st.log_bytes <= opts.log_bytes_max);
        if (st.wal_bytes > wal_most) wal_most = st.wal_bytes;
        if (i == 600) half_file = st.file_bytes;
        if (i > 600) assert_true(st.file_bytes <= half_file + half_file / 4);
    }
    assert_true(wal_most >= opts.wal_bytes);
    assert_true(wal_most <= opts.wal_bytes + (256 << 10)); /* one transaction beyond the limit */
    jd_store_close(s);
    model_fini(&m);
    jd_buf_fini(&g.bytes);
}

/* The log is trimmed when all is written behind, also its newest row, and the numbers go on after a restart. */
static void test_an_empty_log_keeps_the_number(void **state) {
    rng r = {5};
    model m = {0};
    model_group g = {0};
    jd_err err = {0};
    model_shape shape = {.changes_max = 5, .keys = 30, .body_max = 50};
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    for (int i = 0; i < 20; i++) {
        model_draw(&r, &m, &shape, &g);
        fx_ok(jd_store_commit(s, &g.g, &err), &err);
        model_apply(&m, &g.g);
    }
    fx_drain(s);
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    assert_int_equal(st.log_rows, 0);
    assert_int_equal(st.log_bytes, 0);
    assert_int_equal(st.dirty, 0);
    jd_store_close(s);
    s = fx_reopen(&opts, &m);
    jd_store_get_stats(s, &st);
    assert_int_equal(st.group_last, 20);
    model_draw(&r, &m, &shape, &g);
    fx_ok(jd_store_commit(s, &g.g, &err), &err);
    jd_store_close(s);
    model_fini(&m);
    jd_buf_fini(&g.bytes);
}

/* Nothing is swept while little is dirty, so a key that changes in every group is written once, not each time. */
static void test_a_hot_key_coalesces(void **state) {
    model m = {0};
    jd_err err = {0};
    char body[400];
    memset(body, 'x', sizeof body);
    jd_store_opts opts = {.dir = *state, .create = 1, .log_bytes_max = 1 << 20, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    for (uint64_t i = 1; i <= 5000; i++) {
        memcpy(body, &i, sizeof i);
        jd_store_change c = {.key = model_key(0), .body = {body, sizeof body}};
        jd_store_group g = {.number = i, .changes = &c, .changes_n = 1};
        fx_ok(jd_store_commit(s, &g, &err), &err);
        model_apply(&m, &g);
    }
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    assert_true(st.written_behind >= 1);
    assert_true(st.written_behind <= 50);
    assert_true(st.log_bytes <= opts.log_bytes_max);
    jd_store_close(s);
    model_fini(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_groups, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_random_groups_and_runs, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_log_and_files_are_bounded, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_log_keeps_the_number, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_hot_key_coalesces, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
