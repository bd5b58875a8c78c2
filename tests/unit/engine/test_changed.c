/* What a watcher saw of groups, and what the log tells again after a start, are the same: random changes of entities in
 * two tenants, one of them unwanted, while documents are written behind and the log is trimmed up to what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 40, CHANGES = 60, IDS = 12, SEEN_MAX = ROUNDS * CHANGES };

typedef struct record {
    uint64_t group;
    int tenant;
    uint64_t was, is; /* hashes; 0: not there */
} record;

typedef struct log_of {
    record r[SEEN_MAX];
    size_t n;
} log_of;

static char dir[64];
static log_of live, told;
static jd_contexts *contexts;
static uint64_t rng = 42;

static uint32_t below(uint32_t n) {
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng >> 33) % n;
}

static uint64_t sum(jd_str s) {
    return s.p ? jd_hash_fixed(s.p, s.n) | 1 : 0;
}

static void see(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    log_of *l = user;
    for (size_t i = 0; i < n; i++) {
        if (l == &live && seen[i].tenant) continue; /* unwanted */
        assert_true(l->n < SEEN_MAX);
        l->r[l->n++] = (record){group, seen[i].tenant, sum(seen[i].was), sum(seen[i].is)};
    }
}

static int wants(void *user, int tenant) {
    (void)user;
    return tenant == 0;
}

static void done(jd_job *job) {
    *(int *)job->user = 1;
}

static jd_engine *open_engine(void) {
    jd_engine *e = NULL;
    jd_err err = {0};
    jd_contexts_opts co = {.no_fetch = 1};
    jd_engine_opts o = {.dir = dir, .manual = 1, .min_free = 1, .log_bytes_max = 40000};
    if (jd_engine_open(&e, &o, &err)) fail_msg("%s (%s)", err.en, err.place);
    contexts = jd_contexts_create(jd_engine_symbols(e), &co, &err);
    assert_non_null(contexts);
    return e;
}

static void close_engine(jd_engine *e) {
    jd_contexts_destroy(contexts);
    jd_engine_close(e);
}

static void parse(jd_engine *e, jd_arena *a, jd_write *w, jd_ent *ent, jd_op op, const char *json) {
    jd_parse p = {.arena = a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(e)};
    jd_err err = {0};
    jd_jval v;
    if (jd_json_parse(a, jd_arena_dup(a, jd_str_of(json)), NULL, &v, &err) ||
        jd_ent_parse(&p, &v, op == JD_OP_APPEND ? JD_IN_FRAGMENT : JD_IN_ENTITY, (jd_str){NULL, 0}, ent, &err))
        fail_msg("%s", err.en);
    *w = (jd_write){.rq = {.op = op, .id = ent->id, .ent = ent, .observed = JD_TIME_NONE}};
}

/* A group of a few changes; some of them are refused, and change nothing. */
static void change(jd_engine *e) {
    jd_arena a;
    jd_err err = {0};
    jd_write w[4];
    jd_ent ent[4];
    int is_done = 0;
    jd_arena_init(&a);
    size_t n = 1 + below(4);
    for (size_t i = 0; i < n; i++) {
        char json[400], id[32];
        snprintf(id, sizeof id, "urn:a:%u", below(IDS));
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"type\":\"T\",\"n\":%u,\"pad\":\"%0*u\"}", id, below(1000),
                 (int)below(200) + 1, below(1000));
        if (below(6) == 0)
            w[i] =
                (jd_write){.rq = {.op = JD_OP_DELETE, .id = jd_arena_dup(&a, jd_str_of(id)), .observed = JD_TIME_NONE}};
        else
            parse(e, &a, &w[i], &ent[i], below(2) ? JD_OP_CREATE : JD_OP_APPEND, json);
    }
    jd_job job = {.tenant = jd_str_of(below(3) ? "" : "other"),
                  .make_tenant = 1,
                  .writes = w,
                  .n = n,
                  .arena = &a,
                  .done = done,
                  .user = &is_done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!is_done) jd_engine_step(e);
    jd_arena_fini(&a);
}

/* Holds what is told after a start to what was seen of groups behind `after`. */
static void compare(uint64_t after) {
    size_t from = 0;
    while (from < live.n && live.r[from].group <= after) from++;
    assert_int_equal(told.n, live.n - from);
    for (size_t i = 0; i < told.n; i++) {
        assert_int_equal(told.r[i].group, live.r[from + i].group);
        assert_int_equal(told.r[i].tenant, 0);
        assert_int_equal(told.r[i].was, live.r[from + i].was);
        assert_int_equal(told.r[i].is, live.r[from + i].is);
    }
}

static void test_what_was_missed_is_told_again(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/jindu-changed-XXXXXX");
    assert_non_null(mkdtemp(dir));
    uint64_t kept = 0;
    for (int round = 0; round < ROUNDS; round++) {
        jd_engine *e = open_engine();
        jd_engine_keep(e, JD_WATCH_RULES, 0); /* nobody is there */
        told.n = 0;
        jd_engine_missed(e, kept, see, &told);
        compare(kept);
        if (round) jd_engine_keep(e, JD_WATCH_TOLD, kept + 1);
        jd_engine_watch(e, JD_WATCH_TOLD, see, wants, &live);
        uint32_t changes = below(CHANGES / 4);
        for (uint32_t i = 0; i < changes; i++) {
            change(e);
            if (below(4) == 0) jd_engine_step(e);
            if (below(5)) continue;
            /* all is told up to somewhere */
            kept = live.n ? live.r[live.n - 1 - below(live.n > 6 ? 6 : (uint32_t)live.n)].group : kept;
            jd_engine_keep(e, JD_WATCH_TOLD, kept + 1);
        }
        while (below(3) && jd_engine_step(e)) {}
        close_engine(e);
    }
    assert_true(live.n > 200);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_was_missed_is_told_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
