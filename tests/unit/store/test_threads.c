/* The store as it runs: with its helper thread, readers, statistics and a back-up beside the writer; and killed
 * outright. Meant for ThreadSanitizer too. What is asserted holds for every interleaving. */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 200, GROUPS = 1500, READERS = 3, BODY = 120 };

typedef struct city {
    jd_store *s;
    uint64_t version[KEYS]; /* the writer's own: newest durable version of each key */
    char body[2048][BODY];  /* what current has handed out stays until the call returns */
    unsigned at;
    _Atomic int stop;
    _Atomic unsigned readers;
    const char *file;
} city;

/* A body says its key and version all the way through, so that a mixed one is seen. */
static void fill(char *body, jd_key key, uint64_t version) {
    uint64_t word[2] = {(uint64_t)key, version};
    for (size_t i = 0; i + sizeof word <= BODY; i += sizeof word) memcpy(body + i, word, sizeof word);
    memset(body + BODY - BODY % sizeof word, 0, BODY % sizeof word);
}

static jd_str current(void *user, jd_key key) {
    city *c = user;
    char *body = c->body[c->at++ % 2048];
    fill(body, key, c->version[key - 1]);
    return (jd_str){body, BODY};
}

static void *read_on(void *user) {
    city *c = user;
    uint64_t seen[KEYS] = {0}, n = 0;
    rng r = {100 + atomic_fetch_add(&c->readers, 1)};
    jd_buf out = {0};
    jd_err err = {0};
    char want[BODY];
    while (!atomic_load(&c->stop)) {
        jd_key key = 1 + rng_below(&r, KEYS);
        out.n = 0;
        int rc = jd_store_read(c->s, key, &out, &err);
        uint64_t version = 0;
        if (rc == 1 && out.n == BODY) memcpy(&version, out.p + 8, 8);
        fill(want, key, version);
        /* Whole, of this key, and never older than what this thread has seen. */
        if (rc < 0 || (rc == 0 && seen[key - 1]) || version < seen[key - 1] ||
            (rc == 1 && memcmp(want, out.p, BODY) != 0)) {
            fprintf(stderr, "key %lld: rc %d, version %llu after %llu: %s\n", (long long)key, rc,
                    (unsigned long long)version, (unsigned long long)seen[key - 1], err.en);
            abort();
        }
        if (rc == 1) seen[key - 1] = version;
        jd_store_stats st;
        if (++n % 64 == 0) jd_store_get_stats(c->s, &st);
    }
    jd_buf_fini(&out);
    return NULL;
}

static void *back_up(void *user) {
    city *c = user;
    jd_err err = {0};
    int n = 0;
    while (!atomic_load(&c->stop)) {
        if (jd_store_backup(c->s, c->file, NULL, NULL, &err) != 0 ||
            jd_store_check(c->file, NULL, NULL, NULL, NULL, &err) != 0) {
            fprintf(stderr, "back-up %d: %s\n", n, err.en);
            abort();
        }
        unlink(c->file);
        n++;
    }
    return NULL;
}

static void test_readers_and_backup_beside_the_writer(void **state) {
    city *c = jd_xcalloc(1, sizeof *c);
    jd_err err = {0};
    rng r = {21};
    char *up = fx_path(*state, ".."), *file = fx_path(up, "threads.backup");
    print_message("seed 21\n");
    c->file = file;
    jd_store_opts opts = {.dir = *state, .create = 1, .log_bytes_max = 256 << 10, .wal_bytes = 256 << 10};
    fx_ok(jd_store_open(&c->s, &opts, &err), &err);
    jd_store_set_current(c->s, current, c);
    pthread_t reader[READERS], backer;
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&reader[i], NULL, read_on, c), 0);
    assert_int_equal(pthread_create(&backer, NULL, back_up, c), 0);
    char body[32][BODY];
    jd_store_change change[32];
    for (uint64_t g = 1; g <= GROUPS; g++) {
        size_t n = 1 + rng_below(&r, 32);
        for (size_t i = 0; i < n; i++) {
            jd_key key = 1 + rng_below(&r, KEYS);
            fill(body[i], key, g);
            change[i] = (jd_store_change){.key = key, .body = {body[i], BODY}};
        }
        fx_ok(jd_store_commit(c->s, &(jd_store_group){.number = g, .changes = change, .changes_n = n}, &err), &err);
        for (size_t i = 0; i < n; i++) c->version[change[i].key - 1] = g;
        if (g % 100 == 0) assert_true(jd_store_idle(c->s, &err) >= 0);
    }
    atomic_store(&c->stop, 1);
    for (int i = 0; i < READERS; i++) pthread_join(reader[i], NULL);
    pthread_join(backer, NULL);
    fx_drain(c->s);
    for (jd_key key = 1; key <= KEYS; key++) {
        char want[BODY];
        fill(want, key, c->version[key - 1]);
        if (c->version[key - 1]) fx_read_is(c->s, key, (jd_str){want, BODY});
    }
    jd_store_stats st;
    jd_store_get_stats(c->s, &st);
    assert_true(st.checkpoints > 0);
    jd_store_close(c->s);
    free(up);
    free(file);
    free(c);
}

/* Rows are read while steps add runs and drop the rows of old ones. */
typedef struct archive {
    jd_store *s;
    _Atomic int64_t whole, dropped; /* rows up to here can be read; up to there they have gone */
    _Atomic int stop;
} archive;

static void *read_rows(void *user) {
    archive *a = user;
    rng r = {55};
    jd_buf out = {0};
    jd_err err = {0};
    char want[BODY];
    while (!atomic_load(&a->stop)) {
        int64_t whole = atomic_load(&a->whole), id = whole ? 1 + (int64_t)rng_below(&r, (uint32_t)whole) : 1;
        out.n = 0;
        int rc = jd_store_read_row(a->s, id, &out, &err);
        int absent_is_right = id > whole || id <= atomic_load(&a->dropped);
        fill(want, id, (uint64_t)id);
        if (rc < 0 || (rc == 0 && !absent_is_right) || (rc == 1 && (out.n != BODY || memcmp(want, out.p, BODY) != 0))) {
            fprintf(stderr, "row %lld: rc %d: %s\n", (long long)id, rc, err.en);
            abort();
        }
        jd_store_stats st;
        jd_store_get_stats(a->s, &st);
    }
    jd_buf_fini(&out);
    return NULL;
}

static void test_row_readers_beside_the_writer(void **state) {
    enum { RUNS = 120, ROWS = 8 };
    archive a = {0};
    jd_err err = {0};
    jd_store_opts opts = {.dir = *state, .create = 1, .wal_bytes = 256 << 10, .log_only = EVENT_LOG_ONLY};
    fx_ok(jd_store_open(&a.s, &opts, &err), &err);
    pthread_t reader[READERS];
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&reader[i], NULL, read_rows, &a), 0);
    char body[ROWS][BODY];
    jd_store_row rows[ROWS];
    for (int64_t run = 1; run <= RUNS; run++) {
        jd_store_change c = {.key = event_key(0), .body = JD_STR("event")};
        jd_store_group g = {.number = (uint64_t)run, .changes = &c, .changes_n = 1};
        fx_ok(jd_store_commit(a.s, &g, &err), &err);
        for (int64_t i = 0; i < ROWS; i++) {
            int64_t id = (run - 1) * ROWS + i + 1;
            fill(body[i], id, (uint64_t)id);
            rows[i] = (jd_store_row){.id = id, .run = run, .body = {body[i], BODY}};
        }
        int64_t gone = run - 10;
        jd_store_seal_step step = {.rows = rows, .rows_n = ROWS, .whole = run, .sealed = (uint64_t)run};
        if (gone > 0) {
            step.gone = &gone, step.gone_n = 1, step.drop_n = ROWS;
            for (int64_t i = 0; i < ROWS; i++) step.drop[i] = (gone - 1) * ROWS + i + 1;
            atomic_store(&a.dropped, gone * ROWS);
        }
        fx_ok(jd_store_seal(a.s, &step, &err), &err);
        atomic_store(&a.whole, run * ROWS);
        assert_true(jd_store_idle(a.s, &err) >= 0);
    }
    atomic_store(&a.stop, 1);
    for (int i = 0; i < READERS; i++) pthread_join(reader[i], NULL);
    jd_store_stats st;
    jd_store_get_stats(a.s, &st);
    assert_int_equal(st.rows, 10 * ROWS);
    assert_int_equal(st.row_bytes, 10 * ROWS * BODY);
    jd_store_close(a.s);
    assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
}

static const model_shape shape = {.changes_max = 12, .keys = 90, .body_max = 150};

/* The child commits groups drawn from a seed and says each number once it is acknowledged. */
static void commit_until_killed(const jd_store_opts *opts, uint64_t seed, int say) {
    model m = {0};
    model_group g = {0};
    rng r = {seed};
    jd_err err = {0};
    jd_store *s = NULL;
    if (jd_store_open(&s, opts, &err) != 0) _exit(1);
    jd_store_set_current(s, model_current, &m);
    for (;;) {
        model_draw(&r, &m, &shape, &g);
        if (jd_store_commit(s, &g.g, &err) != JD_STORE_OK) _exit(2);
        model_apply(&m, &g.g);
        if (write(say, &m.group, sizeof m.group) != (ssize_t)sizeof m.group) _exit(3);
    }
}

/* Killed without warning, again and again: what was acknowledged is there, and what is there is one whole group's
 * state. */
static void test_a_killed_process_loses_nothing(void **state) {
    for (uint64_t seed = 31; seed < 37; seed++) {
        model want = {0}, seen = {0};
        model_group g = {0};
        rng r = {seed};
        jd_err err = {0};
        char why[200];
        int pipe_fd[2];
        uint64_t said = 0, got;
        jd_store_opts opts = {.dir = *state, .create = 1, .log_bytes_max = 128 << 10, .wal_bytes = 128 << 10};
        fx_clean(*state);
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) commit_until_killed(&opts, seed, pipe_fd[1]);
        close(pipe_fd[1]);
        while (said < 40 * (seed - 30) && read(pipe_fd[0], &got, sizeof got) == (ssize_t)sizeof got) said = got;
        kill(child, SIGKILL);
        while (read(pipe_fd[0], &got, sizeof got) == (ssize_t)sizeof got) said = got;
        close(pipe_fd[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(jd_store_check(*state, NULL, NULL, NULL, NULL, &err), 0);
        jd_store *s = NULL;
        fx_ok(jd_store_open(&s, &opts, &err), &err);
        fx_ok(model_load(s, &seen, &err), &err);
        print_message("seed %llu: acknowledged %llu, found %llu\n", (unsigned long long)seed, (unsigned long long)said,
                      (unsigned long long)seen.group);
        assert_true(seen.group == said || seen.group == said + 1);
        while (want.group < seen.group) {
            model_draw(&r, &want, &shape, &g);
            model_apply(&want, &g.g);
        }
        if (model_differs(&want, &seen, why, sizeof why)) fail_msg("%s", why);
        /* Recovery has left no file behind but these. */
        char *tail = fx_path(*state, "jindu.db-tail");
        assert_int_equal(access(tail, F_OK), -1);
        free(tail);
        jd_store_close(s);
        model_fini(&want);
        model_fini(&seen);
        jd_buf_fini(&g.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_readers_and_backup_beside_the_writer, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_row_readers_beside_the_writer, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(test_a_killed_process_loses_nothing, fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
