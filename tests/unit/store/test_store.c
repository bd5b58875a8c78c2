/* The contract of store.h beside the happy path: who may open what, what is refused and how it is said, damaged bodies,
 * the free-space limit, reading by key. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const model_shape shape = {.changes_max = 10, .keys = 60, .body_max = 80};

static void open_fails(const jd_store_opts *opts, jd_errcode code, const char *says) {
    jd_store *s = NULL;
    jd_err err = {0};
    assert_int_equal(jd_store_open(&s, opts, &err), -1);
    assert_null(s);
    assert_int_equal(err.code, code);
    if (!strstr(err.en, says)) fail_msg("\"%s\" does not say \"%s\"", err.en, says);
    assert_true(err.zh[0] != 0);
}

static void test_opening(void **state) {
    const char *dir = *state;
    char *db = fx_path(dir, "jindu.db");
    model m = {0};
    open_fails(&(jd_store_opts){.dir = dir}, JD_E_INVALID_REQUEST, dir); /* no folder */
    assert_int_equal(mkdir(dir, 0700), 0);
    open_fails(&(jd_store_opts){.dir = dir}, JD_E_INVALID_REQUEST, "no store"); /* an empty one */
    open_fails(&(jd_store_opts){.dir = dir, .vfs = "nobody"}, JD_E_INVALID_REQUEST, "nobody");
    jd_store *s = fx_open(&(jd_store_opts){.dir = dir, .create = 1}, &m);
    jd_store_close(s);
    s = fx_reopen(&(jd_store_opts){.dir = dir}, &m);
    jd_store_close(s);
    fx_sql(db, "PRAGMA user_version=5");
    open_fails(&(jd_store_opts){.dir = dir}, JD_E_INVALID_REQUEST, "format 5");
    fx_sql(db, "PRAGMA user_version=4; PRAGMA application_id=7");
    open_fails(&(jd_store_opts){.dir = dir, .create = 1}, JD_E_INVALID_REQUEST, "not a Jindu store");
    fx_sql(db, "PRAGMA application_id=0; PRAGMA user_version=0"); /* tables, but nobody's */
    open_fails(&(jd_store_opts){.dir = dir, .create = 1}, JD_E_INVALID_REQUEST, "not a Jindu store");
    FILE *f = fopen(db, "w");
    for (int i = 0; i < 5000; i++) fputc('x', f);
    fclose(f);
    open_fails(&(jd_store_opts){.dir = dir, .create = 1}, JD_E_INVALID_REQUEST, "not a Jindu store");
    assert_int_equal(truncate(db, 0), 0); /* a creation that a power cut stopped */
    open_fails(&(jd_store_opts){.dir = dir}, JD_E_INVALID_REQUEST, "no store");
    s = fx_reopen(&(jd_store_opts){.dir = dir, .create = 1}, &m);
    jd_store_close(s);
    free(db);
}

static void test_one_process_per_folder(void **state) {
    model m = {0};
    jd_err err = {0};
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1}, &m), *second = NULL;
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    open_fails(&(jd_store_opts){.dir = *state}, JD_E_INVALID_REQUEST, pid);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.en, pid));
    char *db = fx_path(*state, "jindu.db");
    assert_int_equal(jd_store_check(db, NULL, NULL, NULL, NULL, &err), -1); /* by its file name, too */
    assert_non_null(strstr(err.en, pid));
    free(db);
    pid_t child = fork();
    if (child == 0) _exit(jd_store_open(&second, &(jd_store_opts){.dir = *state}, &err) == -1 ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    jd_store_close(s);
    s = fx_reopen(&(jd_store_opts){.dir = *state}, &m);
    jd_store_close(s);
}

static void refused(jd_store *s, const jd_store_group *g, jd_errcode code) {
    jd_err err = {0};
    jd_store_stats before, after;
    jd_store_get_stats(s, &before);
    assert_int_equal(jd_store_commit(s, g, &err), JD_STORE_REFUSED);
    assert_int_equal(err.code, code);
    jd_store_get_stats(s, &after);
    assert_memory_equal(&before, &after, offsetof(jd_store_stats, dead));
    assert_int_equal(after.dead, 0);
}

static void test_what_a_group_must_be(void **state) {
    model m = {0};
    rng r = {1};
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    fx_fill(s, &m, &r, &shape, 5);
    jd_store_change c = {.key = 1, .body = JD_STR("x")};
    jd_store_symbol y[2] = {{m.symbols + 1, JD_STR("a")}, {m.symbols + 3, JD_STR("b")}};
    refused(s, &(jd_store_group){.number = 5, .changes = &c, .changes_n = 1}, JD_E_INTERNAL);
    refused(s, &(jd_store_group){.number = 7, .changes = &c, .changes_n = 1}, JD_E_INTERNAL);
    refused(s, &(jd_store_group){.number = 6, .symbols = y, .symbols_n = 2}, JD_E_INTERNAL);
    c.key = 0;
    refused(s, &(jd_store_group){.number = 6, .changes = &c, .changes_n = 1}, JD_E_INTERNAL);
    c.key = INT64_MAX;
    refused(s, &(jd_store_group){.number = 6, .changes = &c, .changes_n = 1}, JD_E_INTERNAL);
    c = (jd_store_change){.key = 1, .body = {"x", (size_t)300 << 20}}; /* refused before it is read */
    refused(s, &(jd_store_group){.number = 6, .changes = &c, .changes_n = 1}, JD_E_TOO_LARGE);
    jd_store_close(s);
    /* The log of an earlier run has to be loaded before anything is trimmed from it. */
    s = fx_open(&opts, &m);
    c = (jd_store_change){.key = model_key(0), .body = JD_STR("x")};
    jd_store_group g = {.number = 6, .changes = &c, .changes_n = 1};
    refused(s, &g, JD_E_INTERNAL);
    jd_store_close(s);
    s = fx_reopen(&opts, &m);
    jd_err err = {0};
    fx_ok(jd_store_commit(s, &g, &err), &err);
    jd_store_close(s);
    model_fini(&m);
}

/* A key may stand in a group more than once, and an empty body is not the same as none. */
static void test_the_last_change_of_a_key_counts(void **state) {
    model m = {0};
    jd_err err = {0};
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    jd_store_change c[4] = {{.key = model_key(0), .body = JD_STR("one")},
                            {.key = model_key(1), .body = JD_STR("gone soon")},
                            {.key = model_key(0), .body = JD_STR("")},
                            {.key = model_key(1)}};
    jd_store_group g[2] = {{.number = 1, .changes = c, .changes_n = 4}, {.number = 2}};
    for (int i = 0; i < 2; i++) {
        fx_ok(jd_store_commit(s, &g[i], &err), &err);
        model_apply(&m, &g[i]);
    }
    assert_true(m.there[0] && !m.there[1]);
    for (int i = 0; i < 2; i++) { /* from the log, then from the documents */
        jd_store_close(s);
        s = fx_reopen(&opts, &m);
        fx_drain(s);
        fx_read_is(s, model_key(0), JD_STR(""));
        fx_read_is(s, model_key(1), (jd_str){NULL, 0});
    }
    jd_store_close(s);
    model_fini(&m);
}

/* Below min_free groups are refused, what is there is still written behind, and nothing is dead. */
static void test_short_of_space(void **state) {
    model m = {0};
    rng r = {2};
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    fx_fill(s, &m, &r, &shape, 10);
    jd_store_close(s);
    opts.min_free = UINT64_MAX / 2;
    s = fx_reopen(&opts, &m);
    jd_store_change c = {.key = model_key(0), .body = JD_STR("x")};
    jd_store_group g = {.number = 11, .changes = &c, .changes_n = 1};
    for (int i = 0; i < 40; i++) refused(s, &g, JD_E_STORAGE_FULL);
    fx_drain(s);
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    assert_true(st.written_behind > 0);
    assert_int_equal(st.log_rows, 0);
    assert_int_equal(st.dead, 0);
    jd_store_close(s);
    opts.min_free = 0;
    s = fx_reopen(&opts, &m);
    jd_err err = {0};
    fx_ok(jd_store_commit(s, &g, &err), &err);
    jd_store_close(s);
    model_fini(&m);
}

/* Without a function that gives bodies the log can only grow to its bound. */
static void test_a_full_log_refuses(void **state) {
    model m = {0};
    jd_err err = {0};
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1, .log_bytes_max = 4000};
    jd_store *s = fx_open(&opts, &m);
    jd_store_set_current(s, NULL, NULL);
    char body[1000] = "body";
    jd_store_change c = {.key = model_key(0), .body = {body, sizeof body}};
    for (uint64_t i = 1; i <= 3; i++)
        fx_ok(jd_store_commit(s, &(jd_store_group){.number = i, .changes = &c, .changes_n = 1}, &err), &err);
    jd_store_group g = {.number = 4, .changes = &c, .changes_n = 1};
    refused(s, &g, JD_E_BUSY);
    jd_store_set_current(s, model_current, &m);
    model_set(&m, 0, c.body);
    fx_ok(jd_store_commit(s, &g, &err), &err);
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    assert_int_equal(st.log_rows, 1);
    jd_store_close(s);
    model_fini(&m);
}

static void load_fails(const char *dir, const char *table, const char *key) {
    jd_err err = {0};
    jd_store *s = NULL;
    model m = {0};
    int rc = jd_store_open(&s, &(jd_store_opts){.dir = dir, .step = 1}, &err);
    if (rc == 0) rc = model_load(s, &m, &err);
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, JD_E_INTERNAL);
    if (!strstr(err.en, table) || !strstr(err.en, key)) fail_msg("\"%s\" names no %s %s", err.en, table, key);
    jd_store_close(s);
    model_fini(&m);
}

/* One damage after the other, each on a fresh copy of the same store. */
static void test_damage_is_an_error_that_names_its_place(void **state) {
    static const struct {
        const char *sql, *table, *key;
    } damage[] = {
        {"UPDATE symbol SET name = 'urn:test:symbol:9' WHERE number = 1", "symbol", "key 1"},
        {"UPDATE document SET body = x'01' WHERE key = 281474976710657 + 1099511627776", "document",
         "key 282574488338433"},
        {"UPDATE document SET body = (SELECT body FROM document d WHERE d.key > document.key AND length(d.body) > 5 "
         "LIMIT 1)"
         " WHERE key = 282574488338433",
         "document", "key 282574488338433"},
        {"UPDATE document SET body = x'03' || substr(body, 2) WHERE key = 282574488338433", "document",
         "unknown format"},
        {"DELETE FROM document", "patched", "absent"}, /* what the log changes, and does not remove later */
        {"UPDATE log SET body = substr(body, 1, length(body) - 1) WHERE grp = 13", "log", "key 13"},
        {"UPDATE log SET body = (SELECT body FROM log l WHERE l.grp = 12) WHERE grp = 13", "log", "key 13"},
        {"DELETE FROM log WHERE grp = 13", "log", "key 13"},
        {"DELETE FROM log WHERE grp = 11", "log", "key 11"},
        {"DELETE FROM meta", "meta", "trimmed"},
    };
    char *db = fx_path(*state, "jindu.db");
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        rng r = {4};
        model m = {0};
        fx_clean(*state);
        jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1}, &m);
        jd_store_change c = {.key = 282574488338433, .body = JD_STR("a body to be damaged")};
        jd_err err = {0};
        jd_store_symbol y = {1, JD_STR("urn:test:symbol:1")};
        jd_store_group g = {.number = 1, .changes = &c, .changes_n = 1, .symbols = &y, .symbols_n = 1};
        fx_ok(jd_store_commit(s, &g, &err), &err);
        model_apply(&m, &g);
        fx_fill(s, &m, &r, &(model_shape){.changes_max = 10, .keys = 60, .body_max = 80}, 9);
        model_set(&m, 0, c.body);
        fx_drain(s);
        fx_fill(s, &m, &r, &(model_shape){.changes_max = 10, .keys = 60, .body_max = 80}, 5);
        jd_store_close(s);
        assert_int_equal(model_key(0), c.key);
        fx_sql(db, damage[i].sql);
        load_fails(*state, damage[i].table, damage[i].key);
        model_fini(&m);
    }
    free(db);
}

static void test_reading_a_damaged_document_is_an_error(void **state) {
    model m = {0};
    jd_err err = {0};
    jd_buf out = {0};
    char *db = fx_path(*state, "jindu.db");
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    jd_store_change c[2] = {{.key = model_key(0), .body = JD_STR("whole")},
                            {.key = model_key(1), .body = JD_STR("broken")}};
    jd_store_group g = {.number = 1, .changes = c, .changes_n = 2};
    fx_ok(jd_store_commit(s, &g, &err), &err);
    model_apply(&m, &g);
    fx_drain(s);
    jd_store_close(s);
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE document SET body = body || x'00' WHERE key = %lld", (long long)model_key(1));
    fx_sql(db, sql);
    s = fx_open(&opts, &m);
    fx_read_is(s, model_key(0), JD_STR("whole"));
    fx_read_is(s, model_key(2), (jd_str){NULL, 0});
    assert_int_equal(jd_store_read(s, model_key(1), &out, &err), -1);
    assert_int_equal(out.n, 0);
    snprintf(sql, sizeof sql, "key %lld", (long long)model_key(1));
    assert_non_null(strstr(err.en, "document"));
    assert_non_null(strstr(err.en, sql));
    jd_store_close(s);
    jd_buf_fini(&out);
    model_fini(&m);
    free(db);
}

static int stop_at_third(void *user, jd_key key, jd_str body, jd_err *err) {
    (void)key, (void)body;
    int *n = user;
    return ++*n == 3 ? jd_fail(err, JD_E_CONFLICT, "third %d", "第三 %d", *n) : 0;
}

static void test_a_callback_stops_the_load(void **state) {
    model m = {0};
    rng r = {6};
    jd_err err = {0};
    uint64_t last;
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1};
    jd_store *s = fx_open(&opts, &m);
    fx_fill(s, &m, &r, &shape, 20);
    fx_drain(s);
    int n = 0;
    jd_store_loader l = {.user = &n, .document = stop_at_third};
    assert_int_equal(jd_store_load(s, &l, &last, &err), -1);
    assert_int_equal(n, 3);
    assert_int_equal(err.code, JD_E_CONFLICT);
    jd_store_close(s);
    model_fini(&m);
}

/* Any SQLite tool may look into the file while it is served; it is one database. */
static void test_any_tool_reads_the_file(void **state) {
    model m = {0};
    rng r = {8};
    char *path = fx_path(*state, "jindu.db");
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1}, &m);
    fx_fill(s, &m, &r, &shape, 30);
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT max(grp), (SELECT count(*) FROM symbol) FROM log", -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(q, 0), 30);
    assert_int_equal(sqlite3_column_int64(q, 1), m.symbols);
    sqlite3_finalize(q);
    sqlite3_close(db);
    fx_fill(s, &m, &r, &shape, 30);
    jd_store_close(s);
    model_fini(&m);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opening, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_one_process_per_folder, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_what_a_group_must_be, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_the_last_change_of_a_key_counts, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_short_of_space, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_full_log_refuses, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_an_error_that_names_its_place, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_reading_a_damaged_document_is_an_error, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_callback_stops_the_load, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_any_tool_reads_the_file, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
