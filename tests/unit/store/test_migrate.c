/* Stores of format 1, as the first release wrote them: the bytes here are from FORMAT.md and not from the program. */
#include "fixture.h"

#include "store/store_int.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Symbol 1 "name"; document 72623859790382856 "abc"; log trimmed up to 6; group 7: 5 = "xy", 3 goes, 300 = "". */
static const char format_1[] =
    "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; BEGIN;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
    "CREATE TABLE symbol(number INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL);"
    "CREATE TABLE document(key INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "CREATE TABLE log(grp INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    "INSERT INTO meta VALUES('trimmed', 6);"
    "INSERT INTO symbol VALUES(1, 'name', 1844295949);"
    "INSERT INTO document VALUES(72623859790382856, x'0110d05024616263');"
    "INSERT INTO log VALUES(7, x'01e1b7cb03030a0378790300d20401');"
    "PRAGMA application_id=1248423524; PRAGMA user_version=1; COMMIT";

static void make(const char *dir) {
    char *db = fx_path(dir, "jindu.db");
    assert_int_equal(mkdir(dir, 0750), 0);
    int fd = creat(db, 0640);
    assert_true(fd >= 0);
    close(fd);
    fx_sql(db, format_1);
    free(db);
}

static int64_t number(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    int64_t n = -1;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(store__int(db, sql, -1, &n), SQLITE_OK);
    sqlite3_close(db);
    return n;
}

/* A load's text; user: a jd_buf. */
static int on_symbol(void *user, uint32_t n, jd_str name, jd_err *err) {
    (void)err;
    jd_buf_printf(user, "symbol %u %.*s\n", n, (int)name.n, name.p);
    return 0;
}
static int on_document(void *user, jd_key key, jd_str body, jd_err *err) {
    (void)err;
    jd_buf_printf(user, "document %lld %.*s\n", (long long)key, (int)body.n, body.p);
    return 0;
}
static int on_change(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    (void)err;
    jd_buf_printf(user, "change %llu %lld ", (unsigned long long)group, (long long)key);
    jd_buf_printf(user, body.p ? "%.*s\n" : "-\n", (int)body.n, body.p);
    return 0;
}

/* It holds what it held, and is of this format from now on. */
static void is_migrated(const char *dir) {
    static const char want[] =
        "symbol 1 name\ndocument 72623859790382856 abc\nchange 7 5 xy\nchange 7 3 -\nchange 7 300 \n";
    jd_err err = {0};
    jd_buf text = {0};
    jd_store *s = NULL;
    uint64_t last = 0;
    char *db = fx_path(dir, "jindu.db");
    for (int i = 0; i < 2; i++) {
        fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = dir, .step = 1, .log_only = EVENT_LOG_ONLY}, &err), &err);
        text.n = 0;
        fx_ok(jd_store_load(s, &(jd_store_loader){&text, on_symbol, on_document, on_change, NULL}, &last, &err), &err);
        assert_true(jd_str_is(jd_buf_view(&text), want));
        assert_int_equal(last, 7);
        fx_ok(jd_store_load_rows(s, &(jd_store_row_loader){0}, &err), &err);
        jd_store_stats st;
        jd_store_get_stats(s, &st);
        assert_int_equal(st.sealed, 6);
        jd_store_close(s);
        assert_int_equal(jd_store_check(dir, NULL, NULL, NULL, NULL, &err), 0);
        assert_int_equal(number(db, "PRAGMA user_version"), JD_STORE_FORMAT);
    }
    /* And takes what the new format has. */
    fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = dir, .step = 1, .log_only = EVENT_LOG_ONLY}, &err), &err);
    fx_ok(jd_store_load(s, &(jd_store_loader){0}, &last, &err), &err);
    jd_store_change c = {.key = event_key(0), .body = JD_STR("event")};
    fx_ok(jd_store_commit(s, &(jd_store_group){.number = 8, .changes = &c, .changes_n = 1}, &err), &err);
    jd_store_row r = {1, 1, JD_STR("head"), JD_STR("body")};
    fx_ok(jd_store_seal(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1, .whole = 1, .sealed = 8}, &err), &err);
    jd_store_close(s);
    assert_int_equal(jd_store_check(dir, NULL, NULL, NULL, NULL, &err), 0);
    jd_buf_fini(&text);
    free(db);
}

static void test_a_folder(void **state) {
    jd_err err = {0};
    char *db = fx_path(*state, "jindu.db");
    make(*state);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0); /* read as it is */
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    is_migrated(*state);
    free(db);
}

/* A back-up of the old program: checked, restored, and migrated when it is first served. */
static void test_a_back_up(void **state) {
    jd_err err = {0};
    char *db = fx_path(*state, "jindu.db"), *to = fx_path(*state, "restored"), *in = fx_path(to, "jindu.db");
    make(*state);
    fx_sql(db, "PRAGMA journal_mode=DELETE"); /* a back-up is one file */
    assert_int_equal(jd_store_check(db, NULL, NULL, NULL, NULL, &err), 0);
    fx_ok(jd_store_restore(db, to, NULL, NULL, &err), &err);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(in, "PRAGMA user_version"), 1);
    is_migrated(to);
    free(db);
    free(to);
    free(in);
}

/* Damage is found in the old format as in the new. */
static void test_damage(void **state) {
    jd_err err = {0};
    char *db = fx_path(*state, "jindu.db");
    make(*state);
    fx_sql(db, "CREATE TABLE chunk(id INTEGER PRIMARY KEY); UPDATE log SET body = x'00'");
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 2);
    jd_store *s = NULL;
    assert_int_equal(jd_store_open(&s, &(jd_store_opts){.dir = *state, .step = 1}, &err), -1);
    assert_non_null(strstr(err.en, "migrate"));
    assert_int_equal(number(db, "PRAGMA user_version"), 1); /* all or nothing */
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'run'"), 0);
    free(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_folder, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_back_up, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_damage, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
