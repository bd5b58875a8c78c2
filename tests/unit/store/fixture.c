#include "fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char *fx_path(const char *dir, const char *name) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s/%s", dir, name);
    jd_buf_c(&b, 0);
    return jd_buf_take(&b, NULL);
}

void fx_clean(const char *dir) {
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        char *path = fx_path(dir, e->d_name);
        if (e->d_type == DT_DIR)
            fx_clean(path);
        else
            unlink(path);
        free(path);
    }
    closedir(d);
    rmdir(dir);
}

void fx_copy(const char *from, const char *to) {
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (int c; (c = fgetc(in)) != EOF;) fputc(c, out);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

int fx_setup(void **state) {
    const char *tmp = getenv("TMPDIR");
    char *outer = fx_path(tmp ? tmp : "/tmp", "jindu-store-XXXXXX");
    if (!mkdtemp(outer)) return -1;
    *state = fx_path(outer, "data");
    free(outer);
    return 0;
}

int fx_teardown(void **state) {
    char *dir = *state, *slash = strrchr(dir, '/');
    fx_clean(dir);
    *slash = 0;
    fx_clean(dir);
    free(dir);
    return 0;
}

void fx_ok(int rc, const jd_err *err) {
    if (rc != 0) fail_msg("rc %d: %s", rc, err->en);
}

jd_store *fx_open(const jd_store_opts *opts, model *m) {
    jd_store *s = NULL;
    jd_err err = {0};
    jd_store_opts with = *opts;
    with.log_only = EVENT_LOG_ONLY;
    fx_ok(jd_store_open(&s, &with, &err), &err);
    jd_store_set_current(s, model_current, m);
    return s;
}

jd_store *fx_reopen(const jd_store_opts *opts, model *m) {
    model seen = {0};
    jd_err err = {0};
    char why[200];
    jd_store *s = fx_open(opts, m);
    fx_ok(model_load(s, &seen, &err), &err);
    if (model_differs(m, &seen, why, sizeof why)) fail_msg("after a restart: %s", why);
    rowmodel_reopened(&m->rows, s);
    model_fini(&seen);
    return s;
}

void fx_drain(jd_store *s) {
    jd_err err = {0};
    int rc, turns = 0;
    while ((rc = jd_store_idle(s, &err)) == 1) assert_true(++turns < 100000);
    fx_ok(rc, &err);
}

void fx_read_is(jd_store *s, jd_key key, jd_str want) {
    jd_buf out = {0};
    jd_err err = {0};
    int rc = jd_store_read(s, key, &out, &err);
    if (rc < 0) fail_msg("read %lld: %s", (long long)key, err.en);
    assert_int_equal(rc, want.p != NULL);
    if (want.p) assert_true(jd_str_eq(want, jd_buf_view(&out)));
    jd_buf_fini(&out);
}

void fx_fill(jd_store *s, model *m, rng *r, const model_shape *shape, int groups) {
    model_group g = {0};
    jd_err err = {0};
    for (int i = 0; i < groups; i++) {
        model_draw(r, m, shape, &g);
        fx_ok(jd_store_commit(s, &g.g, &err), &err);
        model_apply(m, &g.g);
    }
    jd_buf_fini(&g.bytes);
}

void fx_sql(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    char *text = NULL;
    int rc = sqlite3_exec(db, sql, NULL, NULL, &text);
    if (rc != SQLITE_OK) fail_msg("%s: %s", sql, text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
