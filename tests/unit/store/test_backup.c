/* Back-up beside commits, giving up, restore, and what restore refuses. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const model_shape shape = {.changes_max = 20, .keys = MODEL_KEYS, .body_max = 200};

static char *beside(const char *dir, const char *name) {
    char *up = fx_path(dir, ".."), *path = fx_path(up, name);
    free(up);
    return path;
}

/* Restores `file` into a folder, loads it, removes the folder again. */
static void restored(const char *dir, const char *file, model *out) {
    jd_err err = {0};
    char *to = beside(dir, "restored");
    model_fini(out);
    fx_ok(jd_store_restore(file, to, NULL, NULL, &err), &err);
    assert_int_equal(jd_store_check(to, NULL, NULL, NULL, NULL, &err), 0);
    jd_store *s = NULL;
    fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = to}, &err), &err);
    fx_ok(model_load(s, out, &err), &err);
    jd_store_close(s);
    fx_clean(to);
    free(to);
}

static void same(const model *a, const model *b) {
    char why[200];
    if (model_differs(a, b, why, sizeof why)) fail_msg("%s", why);
}

static void count_progress(void *user, uint64_t done, uint64_t total) {
    uint64_t *last = user;
    assert_true(done >= *last && done <= total);
    *last = done;
}

/* Swept, half swept and not swept: the back-up holds what the store holds. */
static void test_back_up_and_restore(void **state) {
    model m = {0}, seen = {0};
    rng r = {1};
    jd_err err = {0};
    char *file = beside(*state, "a.backup"), *part = beside(*state, "a.backup.part");
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1, .log_bytes_max = 256 << 10}, &m);
    for (int i = 0; i < 3; i++) {
        uint64_t done = 0;
        fx_fill(s, &m, &r, &shape, 60);
        if (i == 2) fx_drain(s);
        fx_ok(jd_store_backup(s, file, count_progress, &done, &err), &err);
        struct stat st;
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(done, st.st_size);
        assert_int_equal(stat(part, &st), -1);
        assert_int_equal(jd_store_check(file, NULL, NULL, NULL, NULL, &err), 0);
        restored(*state, file, &seen);
        same(&m, &seen);
        unlink(file);
    }
    jd_store_close(s);
    model_fini(&m);
    model_fini(&seen);
    free(file);
    free(part);
}

typedef struct backer {
    jd_store *s;
    const char *file;
    jd_err err;
    int rc;
    _Atomic int pages, done;
} backer;

static void on_pages(void *user, uint64_t done, uint64_t total) {
    (void)done, (void)total;
    atomic_fetch_add(&((backer *)user)->pages, 1);
}

static void *back_up(void *user) {
    backer *b = user;
    b->rc = jd_store_backup(b->s, b->file, on_pages, b, &b->err);
    atomic_store(&b->done, 1);
    return NULL;
}

/* While groups are committed: the copy is of one group, whichever, with nothing of a later one. */
static void test_back_up_beside_commits(void **state) {
    enum { MANY = 4000 };
    model m = {0}, seen = {0}, *history = jd_xcalloc(MANY + 1, sizeof *history);
    rng r = {2};
    jd_err err = {0};
    model_group g = {0};
    char *file = beside(*state, "b.backup");
    jd_store *s =
        fx_open(&(jd_store_opts){.dir = *state, .create = 1, .log_bytes_max = 2 << 20, .wal_bytes = 1 << 20}, &m);
    fx_fill(s, &m, &r, &shape, 400); /* some MB, so that the copy takes many steps */
    uint64_t first = m.group;
    backer b = {.s = s, .file = file};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, back_up, &b), 0);
    model_copy(&history[0], &m);
    int n = 0;
    while (n < MANY && !atomic_load(&b.done)) {
        model_draw(&r, &m, &(model_shape){.changes_max = 6, .keys = 30, .body_max = 100}, &g);
        fx_ok(jd_store_commit(s, &g.g, &err), &err);
        model_apply(&m, &g.g);
        model_copy(&history[++n], &m);
    }
    pthread_join(thread, NULL);
    fx_ok(b.rc, &b.err);
    print_message("%d groups meanwhile, %d steps\n", n, b.pages);
    assert_true(b.pages > 1);
    restored(*state, file, &seen);
    assert_true(seen.group >= first && seen.group <= first + (uint64_t)n);
    same(&history[seen.group - first], &seen);
    jd_store_close(s);
    for (int i = 0; i <= n; i++) model_fini(&history[i]);
    free(history);
    model_fini(&m);
    model_fini(&seen);
    jd_buf_fini(&g.bytes);
    free(file);
}

/* Progress is the moment to commit from within the same thread: the back-up holds the WAL until it is too long. */
typedef struct presser {
    jd_store *s;
    model *m;
    rng *r;
} presser;
static void press(void *user, uint64_t done, uint64_t total) {
    (void)done, (void)total;
    presser *p = user;
    fx_fill(p->s, p->m, p->r, &shape, 20);
}

static void test_back_up_gives_up_before_the_wal_is_too_long(void **state) {
    model m = {0};
    rng r = {3};
    jd_err err = {0};
    struct stat st;
    char *file = beside(*state, "c.backup"), *part = beside(*state, "c.backup.part");
    jd_store_opts opts = {.dir = *state,
                          .create = 1,
                          .step = 1,
                          .log_bytes_max = 4 << 20,
                          .wal_bytes = 256 << 10,
                          .wal_bytes_max = 2 << 20};
    jd_store *s = fx_open(&opts, &m);
    fx_fill(s, &m, &r, &shape, 1500);
    presser p = {s, &m, &r};
    assert_int_equal(jd_store_backup(s, file, press, &p, &err), -1);
    assert_int_equal(err.code, JD_E_BUSY);
    assert_non_null(strstr(err.en, "given up"));
    assert_int_equal(stat(file, &st), -1);
    assert_int_equal(stat(part, &st), -1);
    /* Let go, the WAL returns to its start and to its size. */
    fx_fill(s, &m, &r, &shape, 50);
    jd_store_stats stats;
    jd_store_get_stats(s, &stats);
    assert_true(stats.wal_bytes < opts.wal_bytes_max);
    jd_store_close(s);
    s = fx_reopen(&opts, &m);
    jd_store_close(s);
    model_fini(&m);
    free(file);
    free(part);
}

static void restore_fails(const char *file, const char *dir, const char *says) {
    jd_err err = {0};
    assert_int_equal(jd_store_restore(file, dir, NULL, NULL, &err), -1);
    if (!strstr(err.en, says)) fail_msg("\"%s\" does not say \"%s\"", err.en, says);
}

static void test_what_is_refused(void **state) {
    model m = {0};
    rng r = {4};
    jd_err err = {0};
    struct stat st;
    char *file = beside(*state, "d.backup"), *to = beside(*state, "to"), *db = fx_path(*state, "jindu.db");
    jd_store *s = fx_open(&(jd_store_opts){.dir = *state, .create = 1, .step = 1}, &m);
    fx_fill(s, &m, &r, &shape, 40);
    fx_ok(jd_store_backup(s, file, NULL, NULL, &err), &err);
    assert_int_equal(jd_store_backup(s, file, NULL, NULL, &err), -1); /* never over another file */
    assert_int_equal(err.code, JD_E_ALREADY_EXISTS);
    assert_int_equal(jd_store_backup(s, "/nowhere/x", NULL, NULL, &err), -1);
    restore_fails(db, to, "write-ahead"); /* a served file is no back-up */
    jd_store_close(s);
    restore_fails(file, *state, "not an empty folder");
    restore_fails("/nowhere/x", to, "/nowhere/x");
    fx_sql(file, "UPDATE log SET body = x'00' WHERE grp = 20");
    restore_fails(file, to, "log 20");
    assert_int_equal(stat(to, &st), -1); /* verified before anything is made */
    assert_int_equal(truncate(file, 20000), 0);
    restore_fails(file, to, "malformed");
    assert_int_equal(stat(to, &st), -1);
    model_fini(&m);
    free(file);
    free(to);
    free(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_back_up_and_restore, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_back_up_beside_commits, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_back_up_gives_up_before_the_wal_is_too_long, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
