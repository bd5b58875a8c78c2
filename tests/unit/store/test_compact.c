/* Compaction keeps everything but free pages; who may read the files. (Power cuts during it: tests/crash/upkeep.c.) */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned mode_of(const char *dir, const char *name) {
    char *path = fx_path(dir, name);
    struct stat st;
    unsigned mode = stat(path, &st) == 0 ? st.st_mode & 0777u : 0;
    free(path);
    return mode;
}

static uint64_t size_of(const char *dir) {
    char *path = fx_path(dir, "jindu.db");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    free(path);
    return (uint64_t)st.st_size;
}

/* A store most of whose documents have gone. */
static void make(const char *dir, model *m) {
    rng r = {3};
    jd_err err = {0};
    jd_store *s = fx_open(&(jd_store_opts){.dir = dir, .create = 1, .step = 1}, m);
    fx_fill(s, m, &r, &(model_shape){.changes_max = 60, .keys = MODEL_KEYS, .body_max = 1500}, 60);
    fx_drain(s);
    jd_store_change c[500];
    for (uint32_t i = 0; i < 500; i++) c[i] = (jd_store_change){.key = model_key(i)};
    jd_store_group g = {.number = m->group + 1, .changes = c, .changes_n = 500};
    fx_ok(jd_store_commit(s, &g, &err), &err);
    model_apply(m, &g);
    fx_drain(s);
    fx_fill(s, m, &r, &(model_shape){.changes_max = 5, .keys = MODEL_KEYS, .body_max = 100}, 5); /* some in the log */
    jd_store_close(s);
}

static void test_compaction(void **state) {
    model m = {0};
    jd_err err = {0};
    uint64_t before = 0, after = 0;
    make(*state, &m);
    uint64_t size = size_of(*state);
    char *db = fx_path(*state, "jindu.db"), *left = fx_path(*state, "jindu.db-new");
    fx_copy(db, left); /* as if an earlier one had been cut short */
    fx_ok(jd_store_compact(*state, &before, &after, &err), &err);
    assert_int_equal(before, size);
    assert_int_equal(after, size_of(*state));
    assert_true(after < before / 2);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
    jd_store *s = fx_reopen(&(jd_store_opts){.dir = *state, .step = 1}, &m);
    fx_drain(s);
    jd_store_close(s);
    s = fx_reopen(&(jd_store_opts){.dir = *state, .step = 1}, &m);
    /* Not while it is served. */
    assert_int_equal(jd_store_compact(*state, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.en, "in use"));
    jd_store_close(s);
    assert_int_equal(jd_store_compact("/nowhere", NULL, NULL, &err), -1);
    model_fini(&m);
    free(db);
    free(left);
}

/* A damaged file is not replaced. */
static void test_damage_is_kept(void **state) {
    model m = {0};
    jd_err err = {0};
    make(*state, &m);
    char *db = fx_path(*state, "jindu.db"), *left = fx_path(*state, "jindu.db-new");
    fx_sql(db, "UPDATE document SET body = body || x'00' WHERE key = (SELECT max(key) FROM document)");
    uint64_t size = size_of(*state);
    assert_int_equal(jd_store_compact(*state, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.en, "checksum"));
    assert_int_equal(size_of(*state), size);
    assert_int_equal(access(left, F_OK), -1);
    model_fini(&m);
    free(db);
    free(left);
}

/* Whatever the umask: nothing of a city is for others to read. */
static void test_modes(void **state) {
    model m = {0};
    rng r = {4};
    jd_err err = {0};
    mode_t was = umask(0);
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1}, &m);
    fx_fill(s, &m, &r, &(model_shape){.changes_max = 5, .keys = 60, .body_max = 50}, 3);
    struct stat st;
    assert_int_equal(stat(*state, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    static const char *const names[] = {"jindu.db", "jindu.db-wal", "jindu.db-shm", "lock"};
    for (size_t i = 0; i < 4; i++) assert_int_equal(mode_of(*state, names[i]), 0640);
    jd_store_close(s);
    char *db = fx_path(*state, "jindu.db");
    assert_int_equal(chmod(db, 0604), 0); /* somebody made it readable */
    fx_ok(jd_store_compact(*state, NULL, NULL, &err), &err);
    assert_int_equal(mode_of(*state, "jindu.db"), 0600);
    umask(was);
    model_fini(&m);
    free(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_compaction, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_kept, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_modes, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
