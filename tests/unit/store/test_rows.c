/* Rows of runs: what log-only changes become. Who sees them when, what holds the log, what is refused, what a start
 * reads. */
#include "fixture.h"

#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>

/* What a load gives, as text. */
typedef struct listing {
    jd_buf text;
    int stop_at;
} listing;

static int on_run(void *user, int64_t run, jd_str note, jd_err *err) {
    (void)err;
    listing *l = user;
    jd_buf_printf(&l->text, "run %lld %.*s\n", (long long)run, (int)note.n, note.p);
    return 0;
}
static int on_row(void *user, int64_t run, int64_t id, jd_str head, uint64_t bytes, jd_err *err) {
    listing *l = user;
    jd_buf_printf(&l->text, "row %lld/%lld %.*s %llu\n", (long long)run, (long long)id, (int)head.n, head.p,
                  (unsigned long long)bytes);
    if (l->stop_at && --l->stop_at == 0) return jd_fail(err, JD_E_CONFLICT, "row %lld", "行 %lld", (long long)id);
    return 0;
}
static int on_document(void *user, jd_key key, jd_str body, jd_err *err) {
    (void)err;
    listing *l = user;
    jd_buf_printf(&l->text, "document %lld %.*s\n", (long long)(key & 0xff), (int)body.n, body.p);
    return 0;
}
static int on_change(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    (void)err;
    listing *l = user;
    jd_buf_printf(&l->text, "change %llu %lld %.*s\n", (unsigned long long)group, (long long)(key & 0xff), (int)body.n,
                  body.p ? body.p : "");
    return 0;
}

static void rows_are(jd_store *s, const char *want) {
    jd_err err = {0};
    listing l = {0};
    fx_ok(jd_store_load_rows(s, &(jd_store_row_loader){&l, on_run, on_row}, &err), &err);
    jd_buf_c(&l.text, 0);
    assert_string_equal(l.text.p, want);
    jd_buf_fini(&l.text);
}

static void load_gives(jd_store *s, const char *want) {
    jd_err err = {0};
    listing l = {0};
    uint64_t last;
    fx_ok(jd_store_load(s, &(jd_store_loader){.user = &l, .document = on_document, .change = on_change}, &last, &err),
          &err);
    jd_buf_c(&l.text, 0);
    assert_string_equal(l.text.p, want);
    jd_buf_fini(&l.text);
}

static void row_is(jd_store *s, int64_t id, const char *want) {
    jd_err err = {0};
    jd_buf out = {0};
    int rc = jd_store_read_row(s, id, &out, &err);
    if (rc < 0) fail_msg("row %lld: %s", (long long)id, err.en);
    assert_int_equal(rc, want != NULL);
    if (want) assert_true(jd_str_is(jd_buf_view(&out), want));
    jd_buf_fini(&out);
}

static jd_store *open_at(const char *dir) {
    static model none;
    return fx_open(&(jd_store_opts){.dir = dir, .create = 1, .step = 1}, &none);
}

/* Group `number`: a document, unless doc is 0, and `events` log-only changes of one key. */
static void commit(jd_store *s, uint64_t number, int doc, int events) {
    char body[8][16];
    jd_store_change c[9];
    jd_err err = {0};
    size_t n = 0;
    if (doc) c[n++] = (jd_store_change){.key = model_key((uint32_t)doc), .body = JD_STR("document")};
    for (int i = 0; i < events; i++) {
        snprintf(body[i], sizeof body[i], "%llu.%d", (unsigned long long)number, i);
        c[n++] = (jd_store_change){.key = event_key(0), .body = jd_str_of(body[i])};
    }
    fx_ok(jd_store_commit(s, &(jd_store_group){.number = number, .changes = c, .changes_n = n}, &err), &err);
}

static void seal(jd_store *s, const jd_store_seal_step *step) {
    jd_err err = {0};
    fx_ok(jd_store_seal(s, step, &err), &err);
}

static void seal_fails(jd_store *s, const jd_store_seal_step *step, const char *says) {
    jd_err err = {0};
    jd_store_stats before, after;
    jd_store_get_stats(s, &before);
    assert_int_equal(jd_store_seal(s, step, &err), JD_STORE_REFUSED);
    if (!strstr(err.en, says)) fail_msg("\"%s\" does not say \"%s\"", err.en, says);
    jd_store_get_stats(s, &after);
    assert_memory_equal(&before, &after, offsetof(jd_store_stats, dead));
    assert_int_equal(after.dead, 0);
}

static jd_store_stats stats_of(jd_store *s) {
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    return st;
}

static jd_store_row row(int64_t run, int64_t id, const char *head, const char *body) {
    return (jd_store_row){.id = id, .run = run, .head = jd_str_of(head), .body = jd_str_of(body)};
}

/* A run of one step. */
static void seal_run(jd_store *s, int64_t run, int64_t first, size_t rows, const char *note, uint64_t sealed) {
    jd_store_row *r = jd_xcalloc(rows, sizeof *r);
    for (size_t i = 0; i < rows; i++) r[i] = row(run, first + (int64_t)i, "h", "a body");
    seal(s, &(jd_store_seal_step){
                .rows = r, .rows_n = rows, .whole = run, .whole_note = jd_str_of(note), .sealed = sealed});
    free(r);
}

/* All changes of a group are kept, also those of one key, and come in their order; they have no document, and what has
 * one is written behind as ever. */
static void test_log_only_changes_live_in_the_log(void **state) {
    jd_store *s = open_at(*state);
    commit(s, 1, 1, 3);
    commit(s, 2, 0, 2);
    assert_int_equal(stats_of(s).dirty, 1);
    for (int i = 0; i < 2; i++) {
        jd_store_close(s);
        s = open_at(*state);
        load_gives(s, "change 1 1 document\nchange 1 1 1.0\nchange 1 1 1.1\nchange 1 1 1.2\nchange 2 1 2.0\n"
                      "change 2 1 2.1\n");
        assert_int_equal(stats_of(s).dirty, 1);
    }
    jd_store_close(s);
}

/* A run's rows are seen from the step on that makes it whole, and then its changes are no longer the log's. */
static void test_a_run_is_seen_when_it_is_whole(void **state) {
    jd_store *s = open_at(*state);
    commit(s, 1, 0, 2);
    commit(s, 2, 0, 1);
    commit(s, 3, 0, 1);
    jd_store_row r[3] = {row(1, 10, "first", "one"), row(1, 12, "third", ""), row(1, 11, "", "two")};
    seal(s, &(jd_store_seal_step){.rows = r, .rows_n = 2});
    rows_are(s, "");
    row_is(s, 10, "one");
    row_is(s, 11, NULL);
    assert_int_equal(stats_of(s).rows, 0);
    seal(s,
         &(jd_store_seal_step){.rows = &r[2], .rows_n = 1, .whole = 1, .whole_note = JD_STR("up to two"), .sealed = 2});
    for (int i = 0; i < 2; i++) {
        rows_are(s, "run 1 up to two\nrow 1/10 first 3\nrow 1/11  3\nrow 1/12 third 0\n");
        load_gives(s, "change 3 1 3.0\n");
        row_is(s, 11, "two");
        row_is(s, 12, "");
        jd_store_stats st = stats_of(s);
        assert_int_equal(st.sealed, 2);
        assert_int_equal(st.rows, 3);
        assert_int_equal(st.row_bytes, 6);
        assert_int_equal(st.row_last, 12);
        assert_int_equal(st.run_last, 1);
        jd_store_close(s);
        s = open_at(*state);
    }
    jd_store_close(s);
}

/* A process that goes in the middle of a run leaves rows that nobody sees, whose numbers are taken, and that idle
 * removes. */
static void test_an_incomplete_run_is_removed(void **state) {
    jd_err err = {0};
    jd_store *s = open_at(*state);
    commit(s, 1, 0, 1);
    seal_run(s, 1, 1, 2, "whole", 1);
    jd_store_row r[40];
    for (int i = 0; i < 40; i++) r[i] = row(2, 100 + i, "h", "left behind");
    seal(s, &(jd_store_seal_step){.rows = r, .rows_n = 40});
    jd_store_close(s);
    s = open_at(*state);
    rows_are(s, "run 1 whole\nrow 1/1 h 6\nrow 1/2 h 6\n");
    load_gives(s, "");
    assert_int_equal(stats_of(s).row_last, 139);
    assert_int_equal(stats_of(s).run_last, 2);
    jd_store_row more = row(2, 200, "", "");
    seal_fails(s, &(jd_store_seal_step){.rows = &more, .rows_n = 1}, "not open");
    seal_fails(s, &(jd_store_seal_step){.whole = 2}, "not open");
    int64_t gone = 2;
    seal_fails(s, &(jd_store_seal_step){.gone = &gone, .gone_n = 1}, "not there");
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), -1); /* it is served */
    row_is(s, 139, "left behind");
    int pieces = 0;
    while (jd_store_idle(s, &err) == 1) pieces++;
    assert_true(pieces >= 40 / STORE_STALE_ROWS + 1); /* bounded pieces */
    row_is(s, 100, NULL);
    row_is(s, 139, NULL);
    row_is(s, 2, "a body");
    jd_store_close(s);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
    s = open_at(*state);
    assert_int_equal(stats_of(s).run_last, 1);
    rows_are(s, "run 1 whole\nrow 1/1 h 6\nrow 1/2 h 6\n");
    jd_store_close(s);
}

/* Two runs merged into one: the old are gone with the step that makes the new one whole, and their rows can be read
 * until they are dropped. */
static void test_runs_that_go(void **state) {
    jd_err err = {0};
    jd_store *s = open_at(*state);
    commit(s, 1, 0, 1);
    seal_run(s, 1, 1, 2, "a", 1);
    seal_run(s, 2, 3, 20, "b", 0);
    jd_store_row r = row(3, 30, "merged", "all of it");
    int64_t gone[2] = {1, 2};
    seal(s, &(jd_store_seal_step){
                .rows = &r, .rows_n = 1, .whole = 3, .whole_note = JD_STR("c"), .gone = gone, .gone_n = 2});
    rows_are(s, "run 3 c\nrow 3/30 merged 9\n");
    assert_int_equal(stats_of(s).rows, 1);
    assert_int_equal(stats_of(s).row_bytes, 9);
    row_is(s, 2, "a body");
    seal_fails(s, &(jd_store_seal_step){.drop = {30}, .drop_n = 1}, "not gone");
    /* A row twice, and one that never was: nothing is lost of the count. */
    seal(s, &(jd_store_seal_step){.drop = {1, 3, 1, 77}, .drop_n = 4});
    row_is(s, 1, NULL);
    row_is(s, 2, "a body");
    seal(s, &(jd_store_seal_step){.drop = {2}, .drop_n = 1}); /* the first run's last row */
    seal_fails(s, &(jd_store_seal_step){.gone = gone, .gone_n = 1}, "not there");
    seal_fails(s, &(jd_store_seal_step){.gone = &gone[1], .gone_n = 1}, "not there"); /* it has gone already */
    fx_drain(s);
    row_is(s, 22, "a body"); /* its readers may still be there */
    jd_store_close(s);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
    s = open_at(*state);
    rows_are(s, "run 3 c\nrow 3/30 merged 9\n");
    fx_drain(s);
    row_is(s, 22, NULL);
    load_gives(s, "");
    /* One goes without another coming: retention. */
    seal(s, &(jd_store_seal_step){.gone = (int64_t[]){3}, .gone_n = 1, .drop = {30}, .drop_n = 1});
    rows_are(s, "");
    row_is(s, 30, NULL);
    jd_store_close(s);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
    s = open_at(*state);
    assert_int_equal(stats_of(s).run_last, 0);
    jd_store_close(s);
}

/* The log is held from the oldest group on whose log-only changes are not sealed, and by nothing else. */
static void test_what_holds_the_log(void **state) {
    jd_store *s = open_at(*state);
    for (uint64_t g = 1; g <= 10; g++) commit(s, g, 1 + (int)g, 0);
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 0);
    assert_int_equal(stats_of(s).sealed, 10); /* vacuously, and so that check can hold the log to it */
    for (uint64_t g = 11; g <= 20; g++) commit(s, g, 1 + (int)g, g == 14 || g == 17);
    fx_drain(s);
    assert_int_equal(stats_of(s).dirty, 0);
    assert_int_equal(stats_of(s).log_rows, 7); /* 14 .. 20 */
    seal_run(s, 1, 1, 1, "", 12);              /* less than what is trimmed: as it was */
    fx_drain(s);
    assert_int_equal(stats_of(s).sealed, 13);
    assert_int_equal(stats_of(s).log_rows, 7);
    seal_run(s, 2, 2, 1, "", 15);
    fx_drain(s);
    jd_store_stats st = stats_of(s);
    assert_true(st.log_rows <= 5 && st.log_rows >= 4); /* 17 is held, 16 may be */
    jd_store_close(s);
    s = open_at(*state);
    uint64_t last;
    jd_err err = {0};
    fx_ok(jd_store_load(s, &(jd_store_loader){0}, &last, &err), &err);
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 4); /* a load finds the group itself */
    seal_run(s, 3, 3, 1, "", 20);
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 0);
    jd_store_close(s);
}

/* A tool that does not know the kinds must not write events behind as documents. */
static void test_the_kinds_are_kept_with_the_store(void **state) {
    jd_err err = {0};
    jd_store *s = open_at(*state);
    commit(s, 1, 1, 2);
    jd_store_close(s);
    fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = *state, .step = 1}, &err), &err);
    static model none;
    jd_store_set_current(s, model_current, &none);
    load_gives(s, "change 1 1 document\nchange 1 1 1.0\nchange 1 1 1.1\n");
    assert_int_equal(stats_of(s).dirty, 1);
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 1);
    jd_store_close(s);
}

/* Nothing but unsealed log-only changes keeps the log full: refused with its reason, until they are sealed. */
static void test_a_log_full_of_unsealed_changes(void **state) {
    jd_err err = {0};
    jd_store *s = NULL;
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1, .log_bytes_max = 4000, .log_only = EVENT_LOG_ONLY};
    fx_ok(jd_store_open(&s, &opts, &err), &err);
    static model none;
    jd_store_set_current(s, model_current, &none);
    char body[1000] = "event";
    jd_store_change c[2] = {{.key = event_key(0), .body = {body, sizeof body}},
                            {.key = model_key(1), .body = JD_STR("x")}};
    for (uint64_t g = 1; g <= 3; g++)
        fx_ok(jd_store_commit(s, &(jd_store_group){.number = g, .changes = c, .changes_n = 2}, &err), &err);
    jd_store_group g = {.number = 4, .changes = c, .changes_n = 2};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jd_store_commit(s, &g, &err), JD_STORE_REFUSED);
        assert_int_equal(err.code, JD_E_BUSY);
        assert_non_null(strstr(err.en, "sealed"));
        assert_non_null(strstr(err.en, "group 1"));
    }
    seal_run(s, 1, 1, 1, "", 2);
    fx_ok(jd_store_commit(s, &g, &err), &err);
    assert_true(stats_of(s).log_rows <= 3);
    jd_store_close(s);
}

static int count_event(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    (void)body, (void)err;
    uint64_t *least = user;
    if (key == event_key(0) && (!*least || group < *least)) *least = group;
    return 0;
}

/* What its owner keeps fills the log: others are refused, who moves the owner on may go an eighth beyond, and no
 * further; then all goes on. A passing kind is sealed nowhere, and handed out for as long as the log has it. */
static void test_a_log_full_of_what_is_kept(void **state) {
    jd_err err = {0};
    jd_store *s = NULL;
    jd_store_opts opts = {.dir = *state,
                          .create = 1,
                          .step = 1,
                          .log_bytes_max = 8000,
                          .log_only = EVENT_LOG_ONLY,
                          .passing = EVENT_LOG_ONLY};
    fx_ok(jd_store_open(&s, &opts, &err), &err);
    static model none;
    jd_store_set_current(s, model_current, &none);
    jd_store_keep(s, 1);
    char body[300] = "event";
    jd_store_change c[2] = {{.key = event_key(0), .body = {body, sizeof body}},
                            {.key = model_key(1), .body = JD_STR("x")}};
    jd_store_group g = {.number = 1, .changes = c, .changes_n = 2};
    while (jd_store_commit(s, &g, &err) == JD_STORE_OK) g.number++;
    assert_int_equal(err.code, JD_E_BUSY);
    assert_true(g.number > 20);
    uint64_t full = stats_of(s).log_bytes, last = g.number - 1;
    assert_true(full <= 8000);
    g.lets_go = 1;
    while (jd_store_commit(s, &g, &err) == JD_STORE_OK) g.number++;
    assert_int_equal(err.code, JD_E_BUSY);
    assert_true(g.number > last + 1);
    assert_true(stats_of(s).log_bytes > full && stats_of(s).log_bytes <= 9000);
    jd_store_keep(s, last);
    g.lets_go = 0;
    fx_ok(jd_store_commit(s, &g, &err), &err);
    while (jd_store_idle(s, &err) == 1) {}
    jd_store_close(s);
    opts.create = 0;
    fx_ok(jd_store_open(&s, &opts, &err), &err);
    uint64_t newest, least = 0;
    fx_ok(jd_store_load(s, &(jd_store_loader){.user = &least, .change = count_event}, &newest, &err), &err);
    assert_int_equal(newest, g.number);
    assert_int_equal(least, last);
    jd_store_close(s);
}

/* A city of readings alone: with nothing to write behind the log is trimmed all the same, when idle and at its bound.
 */
static void test_a_log_of_nothing_but_events(void **state) {
    jd_err err = {0};
    jd_store *s = NULL;
    jd_store_opts opts = {.dir = *state, .create = 1, .step = 1, .log_bytes_max = 8000, .log_only = EVENT_LOG_ONLY};
    fx_ok(jd_store_open(&s, &opts, &err), &err);
    static model none;
    jd_store_set_current(s, model_current, &none);
    for (uint64_t g = 1; g <= 400; g++) {
        commit(s, g, 0, 8);
        if (g % 50 == 0) seal_run(s, (int64_t)g, (int64_t)g, 1, "", g);
        assert_true(stats_of(s).log_bytes <= opts.log_bytes_max);
    }
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 0);
    jd_store_close(s);
    fx_ok(jd_store_open(&s, &opts, &err), &err);
    load_gives(s, "");
    commit(s, 401, 0, 1);
    seal_run(s, 401, 401, 1, "", 401);
    fx_drain(s);
    assert_int_equal(stats_of(s).log_rows, 0);
    jd_store_close(s);
}

/* What no engine should ask for is refused, and leaves everything as it was. */
static void test_wrong_steps(void **state) {
    char long_head[STORE_HEAD_MAX + 1];
    memset(long_head, 'h', sizeof long_head);
    jd_store *s = open_at(*state);
    jd_store_row r = row(2, 1, "h", "body");
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1, .sealed = 1}, "not there");
    commit(s, 1, 0, 1);
    seal_run(s, 1, 1, 1, "", 1);
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "UNIQUE"); /* a row's id twice */
    r.run = 1, r.id = 2;
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "not open");
    seal_fails(s, &(jd_store_seal_step){.whole = 1}, "not open");
    r.run = 0;
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "run out of range");
    r.run = 2, r.id = -1;
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "row out of range");
    r.id = 2, r.head = (jd_str){long_head, sizeof long_head};
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "head");
    seal_fails(s, &(jd_store_seal_step){.whole = 2, .whole_note = r.head}, "note");
    seal_fails(s, &(jd_store_seal_step){.drop_n = 65}, "too many");
    r.head = (jd_str){long_head, STORE_HEAD_MAX};
    r.body.n = (size_t)300 << 20; /* refused before it is read */
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, "larger");
    r.body = JD_STR("body");
    int64_t gone[2] = {1, 5};
    seal_fails(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1, .whole = 2, .gone = gone, .gone_n = 2}, "not there");
    rows_are(s, "run 1 \nrow 1/1 h 6\n");
    /* The longest head and note there are. */
    seal(s,
         &(jd_store_seal_step){.rows = &r, .rows_n = 1, .whole = 2, .whole_note = r.head, .gone = gone, .gone_n = 1});
    row_is(s, 2, "body");
    jd_store_close(s);
    /* The log has to be loaded before anything is trimmed from it. */
    s = open_at(*state);
    seal_fails(s, &(jd_store_seal_step){.whole = 7}, "before load");
    jd_store_close(s);
}

static void test_short_of_space(void **state) {
    jd_err err = {0};
    jd_store *s = open_at(*state);
    commit(s, 1, 0, 1);
    seal_run(s, 1, 1, 2, "", 1);
    jd_store_close(s);
    fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = *state, .step = 1, .min_free = UINT64_MAX / 2}, &err), &err);
    load_gives(s, "");
    jd_store_row r = row(2, 5, "h", "body");
    assert_int_equal(jd_store_seal(s, &(jd_store_seal_step){.rows = &r, .rows_n = 1}, &err), JD_STORE_REFUSED);
    assert_int_equal(err.code, JD_E_STORAGE_FULL);
    /* What makes room goes on. */
    seal(s, &(jd_store_seal_step){.gone = (int64_t[]){1}, .gone_n = 1, .drop = {1, 2}, .drop_n = 2});
    rows_are(s, "");
    jd_store_close(s);
}

static void test_a_callback_stops_the_load(void **state) {
    jd_err err = {0};
    jd_store *s = open_at(*state);
    seal_run(s, 1, 1, 5, "", 0);
    listing l = {.stop_at = 3};
    assert_int_equal(jd_store_load_rows(s, &(jd_store_row_loader){&l, on_run, on_row}, &err), -1);
    assert_int_equal(err.code, JD_E_CONFLICT);
    assert_non_null(strstr(err.en, "row 3"));
    fx_ok(jd_store_load_rows(s, &(jd_store_row_loader){0}, &err), &err);
    jd_buf_fini(&l.text);
    jd_store_close(s);
}

/* Damage is an error that names its table and key, wherever it is met first. */
static void test_damage(void **state) {
    static const struct {
        const char *sql, *table, *key;
        int at; /* 0: open, 1: load of rows, 2: reading row 2 */
    } damage[] = {
        {"UPDATE chunk SET head = substr(head, 1, length(head) - 1) || 'x' WHERE id = 2", "chunk", "key 2", 1},
        {"UPDATE chunk SET head = (SELECT head FROM chunk WHERE id = 1) WHERE id = 2", "chunk", "key 2", 1},
        {"UPDATE chunk SET head = x'01' WHERE id = 2", "chunk", "key 2", 1},
        {"UPDATE chunk SET run = 2 WHERE id = 2", "run", "key 1", 1},
        {"DELETE FROM chunk WHERE id = 3", "run", "key 1", 1},
        {"UPDATE chunk SET body = body || x'00' WHERE id = 2", "chunk", "key 2", 2},
        {"UPDATE chunk SET body = (SELECT body FROM chunk WHERE id = 1) WHERE id = 2", "chunk", "key 2", 2},
        {"UPDATE chunk SET body = x'02' || substr(body, 2) WHERE id = 2", "chunk", "unknown format", 2},
        {"UPDATE run SET note = note || x'00' WHERE id = 1", "run", "key 1", 0},
        {"UPDATE run SET state = 0 WHERE id = 1", "run", "key 1", 0},
        {"UPDATE run SET rows = 2 WHERE id = 1", "run", "key 1", 0},
        {"UPDATE meta SET value = 9 WHERE name = 'sealed'", "meta", "sealed", 0},
        {"DELETE FROM meta WHERE name = 'sealed'", "meta", "sealed", 0},
    };
    char *db = fx_path(*state, "jindu.db");
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        jd_err err = {0};
        fx_clean(*state);
        jd_store *s = open_at(*state);
        commit(s, 1, 0, 1);
        seal_run(s, 1, 1, 3, "note", 1);
        seal_run(s, 2, 10, 1, "note", 0);
        jd_store_close(s);
        fx_sql(db, damage[i].sql);
        s = NULL;
        jd_buf out = {0};
        int rc = jd_store_open(&s, &(jd_store_opts){.dir = *state, .step = 1}, &err), at = 0;
        if (rc == 0) at = 1, rc = jd_store_load_rows(s, &(jd_store_row_loader){0}, &err);
        if (rc == 0) at = 2, rc = jd_store_read_row(s, 2, &out, &err);
        if (rc != -1 || at != damage[i].at) fail_msg("%s: %d at %d", damage[i].sql, rc, at);
        assert_int_equal(err.code, JD_E_INTERNAL);
        assert_int_equal(out.n, 0);
        if (!strstr(err.en, damage[i].table) || !strstr(err.en, damage[i].key))
            fail_msg("\"%s\" names no %s %s", err.en, damage[i].table, damage[i].key);
        jd_store_close(s);
        jd_buf_fini(&out);
    }
    free(db);
}

/* A start reads what it needs of rows from the index, and no page of a body. */
static void test_a_start_reads_no_bodies(void **state) {
    enum { ROWS = 800, BYTES = 32 << 10 };
    jd_err err = {0};
    char *body = jd_xcalloc(1, BYTES), head[150] = "head";
    jd_store *s = open_at(*state);
    for (int64_t id = 1; id <= ROWS; id += 8) {
        jd_store_row r[8];
        for (int k = 0; k < 8; k++)
            r[k] =
                (jd_store_row){.id = id + k, .run = 1 + id / 200, .head = {head, sizeof head}, .body = {body, BYTES}};
        seal(s, &(jd_store_seal_step){.rows = r, .rows_n = 8, .whole = id % 200 == 193 ? 1 + id / 200 : 0});
    }
    jd_store_close(s);
    fx_ok(jd_store_open(&s, &(jd_store_opts){.dir = *state, .step = 1}, &err), &err);
    fx_ok(jd_store_load_rows(s, &(jd_store_row_loader){0}, &err), &err);
    assert_int_equal(stats_of(s).rows, ROWS);
    assert_int_equal(stats_of(s).row_bytes, (uint64_t)ROWS * BYTES);
    int pages = 0, most = 0;
    sqlite3_db_status(s->db, SQLITE_DBSTATUS_CACHE_MISS, &pages, &most, 0);
    print_message("%d pages read of %llu\n", pages, (unsigned long long)stats_of(s).file_bytes / STORE_PAGE);
    assert_true(pages > 10 && pages < 100); /* 800 heads of 170 bytes are some 40 pages; the file has 6,900 */
    free(body);
    jd_store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_only_changes_live_in_the_log, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_run_is_seen_when_it_is_whole, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_an_incomplete_run_is_removed, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_runs_that_go, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_what_holds_the_log, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_the_kinds_are_kept_with_the_store, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_log_full_of_unsealed_changes, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_log_full_of_what_is_kept, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_log_of_nothing_but_events, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_steps, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_short_of_space, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_callback_stops_the_load, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_damage, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_start_reads_no_bodies, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
