/* What the store's unit tests share: a fresh folder per test, and opening, draining, comparing with the model. */
#ifndef STORE_TEST_FIXTURE_H
#define STORE_TEST_FIXTURE_H
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* *state becomes the path of a folder that does not exist yet, inside a new temporary one. */
int fx_setup(void **state);
int fx_teardown(void **state);
/* Removes a folder (of files) and what is in it. */
void fx_clean(const char *dir);
void fx_copy(const char *from, const char *to);
char *fx_path(const char *dir, const char *name); /* free() it */
/* Opens with current = the model and its events as log-only; fails the test otherwise. */
jd_store *fx_open(const jd_store_opts *opts, model *m);
/* Opens, loads, and fails the test when the load differs from the model. */
jd_store *fx_reopen(const jd_store_opts *opts, model *m);
void fx_ok(int rc, const jd_err *err);
/* Calls idle until nothing remains. */
void fx_drain(jd_store *s);
void fx_read_is(jd_store *s, jd_key key, jd_str want); /* want.p NULL: absent */
/* Commits `groups` drawn groups and applies them to the model. */
void fx_fill(jd_store *s, model *m, rng *r, const model_shape *shape, int groups);
/* Runs SQL on a database file with plain SQLite. */
void fx_sql(const char *path, const char *sql);
#endif
