/* Check finds each kind of planted damage, names it, and finds nothing in a whole store; it changes nothing. */
#include "fixture.h"

#include "store/store_int.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct findings {
    int n;
    char text[8192];
} findings;

static void note(void *user, const char *finding) {
    findings *f = user;
    f->n++;
    size_t at = strlen(f->text);
    snprintf(f->text + at, sizeof f->text - at, "%s\n", finding);
}

static int64_t check(const char *path, findings *f) {
    jd_err err = {0};
    *f = (findings){0};
    int64_t n = jd_store_check(path, note, f, NULL, NULL, &err);
    if (n < 0)
        snprintf(f->text, sizeof f->text, "%s", err.en);
    else
        assert_int_equal(n, f->n);
    return n;
}

/* Symbols 1 .. 9, documents, and a log of six rows with keys that are known. */
static void make(const char *dir) {
    model m = {0};
    rng r = {11};
    jd_err err = {0};
    fx_clean(dir);
    jd_store *s = fx_open(&(jd_store_opts){.dir = dir, .create = 1, .step = 1}, &m);
    jd_store_symbol y[9];
    char names[9][32];
    for (uint32_t i = 0; i < 9; i++) {
        snprintf(names[i], sizeof names[i], "urn:test:symbol:%u", i + 1);
        y[i] = (jd_store_symbol){i + 1, jd_str_of(names[i])};
    }
    jd_store_change c[40];
    for (uint32_t i = 0; i < 40; i++)
        c[i] = (jd_store_change){.key = model_key(i), .body = JD_STR("a body of some length")};
    jd_store_group g = {.number = 1, .changes = c, .changes_n = 40, .symbols = y, .symbols_n = 9};
    fx_ok(jd_store_commit(s, &g, &err), &err);
    model_apply(&m, &g);
    fx_drain(s);
    fx_fill(s, &m, &r, &(model_shape){.changes_max = 10, .keys = 60, .body_max = 80}, 6);
    /* Run 1 is whole, run 2 gone with its row still there, run 3 not yet whole. */
    jd_store_row rows[3] = {{1, 1, JD_STR("head"), JD_STR("body")},
                            {2, 1, JD_STR("head"), JD_STR("other")},
                            {4, 3, JD_STR("head"), JD_STR("begun")}};
    jd_store_row old = {3, 2, JD_STR(""), JD_STR("old")};
    int64_t gone = 2;
    jd_store_seal_step steps[3] = {{.rows = &old, .rows_n = 1, .whole = 2, .sealed = 3},
                                   {.rows = rows, .rows_n = 2, .whole = 1, .gone = &gone, .gone_n = 1},
                                   {.rows = &rows[2], .rows_n = 1}};
    for (int i = 0; i < 3; i++) fx_ok(jd_store_seal(s, &steps[i], &err), &err);
    jd_store_close(s);
    model_fini(&m);
}

static void test_planted_damage(void **state) {
    static const struct {
        const char *sql, *says;
    } damage[] = {
        {"UPDATE document SET body = body || x'00' WHERE key = 1970324836978597",
         "document 1970324836978597: checksum"},
        {"UPDATE document SET body = x'0102' WHERE key = 1970324836978597", "document 1970324836978597: shorter"},
        {"UPDATE document SET body = x'09' || substr(body, 2) WHERE key = 1970324836978597",
         "document 1970324836978597: unknown format"},
        {"UPDATE document SET key = -5 WHERE key = 1970324836978597", "document -5: key out of range"},
        {"UPDATE document SET key = key + 1000000 WHERE key = 1970324836978597", "document 1970324837978597: checksum"},
        {"UPDATE log SET body = zeroblob(length(body)) WHERE grp = 4", "log 4: unknown format"},
        {"UPDATE log SET body = body || x'00' WHERE grp = 4", "log 4: checksum"},
        {"DELETE FROM log WHERE grp = 4", "log 5: follows 3"},
        {"DELETE FROM log WHERE grp = 2", "log 3: follows 1"},
        {"UPDATE meta SET value = 0 WHERE name = 'trimmed'", "log 2: follows 0"},
        {"UPDATE meta SET value = -1 WHERE name = 'trimmed'", "meta trimmed: not a group number"},
        {"DELETE FROM meta WHERE name = 'trimmed'", "meta trimmed: missing"},
        {"UPDATE meta SET value = 8 WHERE name = 'sealed'", "meta sealed: group 8, but the newest is 7"},
        {"UPDATE meta SET value = 0 WHERE name = 'sealed'", "meta sealed: group 0, but the log begins behind 1"},
        {"UPDATE meta SET value = 'x' WHERE name = 'sealed'", "meta sealed: not a group number"},
        {"DELETE FROM meta WHERE name = 'sealed'", "meta sealed: missing"},
        {"UPDATE meta SET value = value | 1 WHERE name = 'log_only'",
         "document 1970324836978597: of a kind that has no documents"},
        {"UPDATE chunk SET head = x'01' || substr(head, 3) WHERE id = 1", "chunk 1: head: checksum"},
        {"UPDATE chunk SET body = body || x'00' WHERE id = 3", "chunk 3: checksum"},
        {"UPDATE chunk SET body = x'09' || substr(body, 2) WHERE id = 4", "chunk 4: unknown format"},
        {"UPDATE chunk SET id = 9 WHERE id = 1", "chunk 9: head: checksum"},
        {"UPDATE chunk SET id = -9 WHERE id = 1", "chunk -9: key out of range"},
        {"UPDATE chunk SET run = 5 WHERE id = 1", "chunk 1: its run 5 is not known"},
        {"DELETE FROM chunk WHERE id = 2", "run 1: its rows are not those that it counts"},
        {"DELETE FROM run WHERE id = 3", "chunk 4: its run 3 is not known"},
        {"UPDATE run SET state = 1 WHERE id = 3", "run 3: checksum"},
        {"UPDATE run SET rows = 1 WHERE id = 1", "run 1: checksum"},
        {"DROP TABLE run", "run: unreadable"},
        {"DROP INDEX chunk_head", "chunk_head is missing"},
        {"DELETE FROM symbol WHERE number = 3", "symbol 4: follows 2"},
        {"UPDATE symbol SET name = 'urn:test:symbol:2' WHERE number = 3", "symbol 3: checksum"},
        {"DROP TABLE symbol", "symbol: unreadable"},
        {"CREATE TABLE mine(x)", "unexpected object mine"},
        {"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'log'", "sqlite: "},
    };
    char *db = fx_path(*state, "jindu.db");
    findings f;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        make(*state);
        if (i == 0) assert_int_equal(check(*state, &f), 0);
        fx_sql(db, damage[i].sql);
        int64_t n = check(*state, &f);
        if (n < 1 || !strstr(f.text, damage[i].says))
            fail_msg("after %s: %lld findings: %s", damage[i].sql, (long long)n, f.text);
    }
    free(db);
}

/* A row with a right checksum and wrong contents can only come from a faulty program; check sees it all the same. */
static void test_malformed_log_row(void **state) {
    make(*state);
    jd_buf row = {0}, sql = {0};
    store__seal(&row, 4, JD_STR("\1\0\0"));
    jd_buf_z(&sql, "UPDATE log SET body = x'");
    for (size_t i = 0; i < row.n; i++) jd_buf_printf(&sql, "%02x", (unsigned char)row.p[i]);
    jd_buf_z(&sql, "' WHERE grp = 4");
    jd_buf_c(&sql, 0);
    char *db = fx_path(*state, "jindu.db");
    fx_sql(db, sql.p);
    findings f;
    assert_int_equal(check(*state, &f), 1);
    assert_non_null(strstr(f.text, "log 4: malformed"));
    free(db);
    jd_buf_fini(&row);
    jd_buf_fini(&sql);
}

/* Bytes flipped anywhere in the file: SQLite's own check, our sums or the loader must notice, and nothing may crash.
 * What was deleted leaves its bytes in free pages and cells, where a flip may pass; most must not. */
static void test_flipped_bytes(void **state) {
    rng r = {5};
    print_message("seed 5\n");
    char *db = fx_path(*state, "jindu.db");
    int found = 0;
    for (int i = 0; i < 40; i++) {
        make(*state);
        struct stat st;
        assert_int_equal(stat(db, &st), 0);
        int fd = open(db, O_RDWR);
        off_t at = 0;
        unsigned char c[16] = {0}, flipped[16];
        size_t n = 0;
        for (int zeros = 1; zeros;) {
            at = (off_t)rng_below(&r, (uint32_t)st.st_size);
            ssize_t got = pread(fd, c, sizeof c, at);
            n = got > 0 ? (size_t)got : 0;
            for (size_t k = 0; k < n; k++) zeros &= c[k] == 0;
        }
        for (size_t k = 0; k < n; k++) flipped[k] = c[k] ^ (unsigned char)(rng_below(&r, 255) + 1);
        assert_int_equal(pwrite(fd, flipped, n, at), n);
        close(fd);
        findings f;
        found += check(*state, &f) != 0;
    }
    print_message("%d of 40 found\n", found);
    assert_true(found >= 28);
    free(db);
}

static uint64_t digest(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    uint64_t h = 1;
    for (int c; (c = fgetc(f)) != EOF;) h = (h ^ (uint64_t)c) * 0x100000001b3u;
    fclose(f);
    return h;
}

/* A store that was killed has its newest groups in the WAL only: check reads them and leaves them there. */
static void test_check_changes_nothing(void **state) {
    model m = {0};
    rng r = {12};
    findings f;
    char *db = fx_path(*state, "jindu.db"), *wal = fx_path(*state, "jindu.db-wal");
    char *copy = fx_path(*state, "copy"), *copy_db = NULL, *copy_wal = NULL;
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1}, &m);
    fx_fill(s, &m, &r, &(model_shape){.changes_max = 10, .keys = 60, .body_max = 80}, 30);
    /* The files as they are now, in a folder of their own, are what a kill would leave. */
    assert_int_equal(mkdir(copy, 0700), 0);
    copy_db = fx_path(copy, "jindu.db");
    copy_wal = fx_path(copy, "jindu.db-wal");
    fx_copy(db, copy_db);
    fx_copy(wal, copy_wal);
    jd_store_close(s);
    uint64_t before = digest(copy_db), before_wal = digest(copy_wal);
    assert_int_equal(check(copy, &f), 0);
    assert_int_equal(check(copy_db, &f), 0);
    assert_int_equal(digest(copy_db), before);
    assert_int_equal(digest(copy_wal), before_wal);
    s = fx_reopen(&(jd_store_opts){.dir = copy}, &m);
    jd_store_close(s);
    /* A closed store has no WAL, and check leaves none. */
    assert_int_equal(check(copy, &f), 0);
    assert_int_equal(access(copy_wal, F_OK), -1);
    model_fini(&m);
    free(db);
    free(wal);
    free(copy);
    free(copy_db);
    free(copy_wal);
}

static void test_what_cannot_be_checked(void **state) {
    findings f;
    make(*state);
    char *db = fx_path(*state, "jindu.db"), *none = fx_path(*state, "none");
    assert_int_equal(check(none, &f), -1);
    assert_int_equal(check("/tmp", &f), -1);
    assert_non_null(strstr(f.text, "no store"));
    fx_sql(db, "PRAGMA user_version=5");
    assert_int_equal(check(*state, &f), -1);
    assert_non_null(strstr(f.text, "format 5"));
    fx_sql(db, "PRAGMA application_id=1");
    assert_int_equal(check(*state, &f), -1);
    assert_non_null(strstr(f.text, "not a Jindu store"));
    free(db);
    free(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_planted_damage, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_malformed_log_row, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_check_changes_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_checked, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
