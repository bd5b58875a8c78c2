/* Windows by the short way against the long one: random readings, late ones, corrections, deletions; sealed, merged,
 * folded, reopened; with much room for what is kept, with little, and with next to none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "below.h"
#include "base/clock.h"
#include "engine/history.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static jd_engine *open_engine(size_t recent_bytes, int manual) {
    jd_engine *e = NULL;
    jd_err err = {0};
    jd_engine_opts o = {.dir = dir,
                        .manual = manual,
                        .min_free = 1,
                        .history_heads_bytes = 48 << 10,
                        .history_fan = 3,
                        .history_recent_bytes = recent_bytes};
    if (jd_engine_open(&e, &o, &err)) fail_msg("%s (%s)", err.en, err.place);
    return e;
}

static void fresh_dir(void) {
    snprintf(dir, sizeof dir, "/tmp/jindu-window-XXXXXX");
    assert_non_null(mkdtemp(dir));
}
static void drop_dir(void) {
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

static void mark_done(jd_job *job) {
    atomic_store((_Atomic int *)job->user, 1);
}

static jd_errcode submit(jd_engine *e, jd_write *w, jd_arena *a, int manual) {
    _Atomic int done = 0;
    jd_err err = {0};
    jd_job job = {.tenant = JD_STR(""), .writes = w, .n = 1, .arena = a, .done = mark_done, .user = &done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!atomic_load(&done))
        if (manual)
            jd_engine_step(e);
        else
            usleep(20);
    return w->err.code;
}

static double metric(jd_engine *e, const char *name) {
    jd_buf text = {0};
    jd_engine_metrics(e, &text);
    jd_buf_c(&text, 0);
    char line[80];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text.p, line);
    assert_non_null(at);
    double v = strtod(at + strlen(line), NULL);
    jd_buf_fini(&text);
    return v;
}

/* ---- writing ---- */

enum { ENTITIES = 12, ATTRS = 2, TIMES = 600 };
static const jd_time T0 = INT64_C(1700000000000000), STEP = 60000000;

static jd_str entity_id(char buf[64], int i) {
    return (jd_str){buf, (size_t)snprintf(buf, 64, "urn:ngsi-ld:Station:%d", i)};
}
static jd_sym attr_sym(jd_engine *e, int i) {
    char name[64];
    int n = snprintf(name, sizeof name, JD_DEFAULT_VOCAB "a%d", i);
    return jd_sym_intern(jd_engine_symbols(e), (jd_str){name, (size_t)n}, NULL);
}

static jd_attr value_at(jd_arena *a, jd_sym name, jd_time at, const char *text) {
    jd_str kept = jd_arena_dup(a, jd_str_of(text));
    return (jd_attr){.name = name,
                     .kind = JD_PROPERTY,
                     .observed = at,
                     .expires = JD_TIME_NONE,
                     .created = JD_TIME_NONE,
                     .modified = JD_TIME_NONE,
                     .has_value = 1,
                     .value = *text == '"' ? jd_jmake_str((jd_str){kept.p + 1, kept.n - 1})
                                           : (jd_jval){.type = JD_JNUM, .s = kept.p, .n = (uint32_t)kept.n}};
}

/* n readings from a time on; texts: some of them are no numbers. */
static void tell(jd_engine *e, int entity, int attr, jd_op op, int from, int n, int texts, int manual) {
    jd_arena a;
    jd_arena_init(&a);
    char id[64], text[40];
    jd_err err = {0};
    jd_sym type = jd_sym_intern(jd_engine_symbols(e), JD_STR(JD_DEFAULT_VOCAB "Station"), NULL);
    jd_ent ent = {.id = entity_id(id, entity), .types = &type, .types_n = 1, .expires = JD_TIME_NONE};
    ent.attrs = JD_NEWN(&a, jd_attr, n);
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, below(2) ? "%d" : "%d.%02d", (int)below(2000) - 1000, (int)below(100));
        if (texts && below(9) == 0) snprintf(text, sizeof text, "\"open");
        if (below(40) == 0) snprintf(text, sizeof text, "1.234567e-30"); /* no number of a few digits */
        ent.attrs[ent.attrs_n++] = value_at(&a, attr_sym(e, attr), T0 + (from + i) * STEP, text);
    }
    jd_write w = {0};
    assert_int_equal(jd_moments_make(e, &ent, &a, &w, &err), 0);
    w.rq.op = op;
    if (submit(e, &w, &a, manual) != JD_E_OK) fail_msg("%s", w.err.en);
    jd_arena_fini(&a);
}

static void forget(jd_engine *e, int entity, int attr, jd_op op, int t) {
    jd_arena a;
    jd_arena_init(&a);
    char id[64];
    jd_write w = {.rq = {.op = op, .id = entity_id(id, entity)}};
    if (op == JD_OP_T_INST_DELETE) w.inst_at = T0 + t * STEP, w.inst_observed = 1;
    if (op != JD_OP_DELETE && op != JD_OP_T_DELETE) w.rq.attr = attr_sym(e, attr);
    if (op == JD_OP_T_ATTR_DELETE) {
        jd_view v;
        jd_doc d;
        int hidden;
        jd_evolution ev;
        jd_window all = {0};
        jd_wanted want = {.attrs = &w.rq.attr, .attrs_n = 1};
        jd_err err = {0};
        jd_view_begin(&v, e, 0, &a);
        int there = jd_view_get_temporal(&v, w.rq.id, &d, &hidden);
        if (there && jd_view_evolution(&v, &d, &want, &all, 0, &a, &ev, &err)) fail_msg("%s", err.en);
        jd_view_end(&v);
        if (there) jd_moments_clear(&ev, &a, &w);
        if (!there) {
            jd_arena_fini(&a);
            return;
        }
    }
    (void)submit(e, &w, &a, 1); /* it may not be there */
    jd_arena_fini(&a);
}

/* ---- comparing ---- */

static uint64_t short_way, long_way;

static int same_instance(const jd_sample *s, const jd_inst *i) {
    jd_num n;
    int numeric = jd_inst_number(&i->a, &n);
    return s->at == i->at && s->numeric == numeric && (!numeric || (s->num.m == n.m && s->num.scale == n.scale));
}

/* What the expressions of rules make of it: a number that the text of an aggregate reads back as. */
static void same_figures(const jd_samples *s, const jd_taggr *g, size_t gn, jd_arena *a) {
    static const unsigned each[] = {JD_AGG_AVG, JD_AGG_SUM, JD_AGG_MIN, JD_AGG_MAX, JD_AGG_STDDEV, JD_AGG_TOTAL};
    unsigned all = JD_AGG_AVG | JD_AGG_SUM | JD_AGG_MIN | JD_AGG_MAX | JD_AGG_STDDEV | JD_AGG_TOTAL;
    jd_acc *acc = jd_acc_new(a, all);
    for (size_t i = 0; i < s->n; i++) {
        if (!s->p[i].numeric) return;
        jd_acc_add_num(acc, s->p[i].num);
    }
    assert_int_equal(s->n != 0, gn && g[0].n);
    for (size_t k = 0; s->n && k < sizeof each / sizeof *each; k++) {
        double mine, its;
        jd_buf text = {0};
        assert_int_equal(jd_acc_number(acc, each[k], &mine), 0);
        assert_int_equal(jd_acc_number(g[0].bucket[0].acc, each[k], &its), 0);
        assert_int_equal(jd_acc_print(g[0].bucket[0].acc, each[k], &text), 0);
        jd_jval v = {.type = JD_JNUM, .s = text.p, .n = (uint32_t)text.n};
        double read = jd_jnum(&v);
        if (memcmp(&mine, &its, sizeof mine) != 0 || mine != read)
            fail_msg("method %u: %.17g, %.17g by the long way, %.17g as text", each[k], mine, its, read);
        jd_buf_fini(&text);
    }
}

static void check(jd_engine *e, int entity, int attr, jd_time from, jd_time to, int before) {
    jd_arena a;
    jd_err err = {0};
    jd_view v;
    jd_doc d;
    jd_samples s;
    int hidden;
    char id[64];
    jd_sym sym = attr_sym(e, attr);
    jd_str none = JD_STR("@none"), name = entity_id(id, entity);
    jd_wanted want = {.attrs = &sym, .attrs_n = 1, .datasets = &none, .datasets_n = 1};
    jd_window win = {.given = 1, .from = from, .to = to + 1};
    jd_window older = {.given = 1, .from = INT64_MIN + 1, .to = from, .last_n = 1};
    jd_evolution in = {.attrs_n = 0}, was = {.attrs_n = 0};
    jd_taggr *g = NULL;
    size_t gn = 0, n = 0;
    jd_arena_init(&a);
    jd_view_begin(&v, e, 0, &a);
    int rc = jd_view_samples(&v, name, sym, from, to, before, &a, &s, &err);
    if (rc < 0) fail_msg("%s (%s)", err.en, err.place);
    (*(rc ? &short_way : &long_way))++;
    if (rc && jd_view_get_temporal(&v, name, &d, &hidden)) {
        if (jd_view_evolution(&v, &d, &want, &win, 0, &a, &in, &err) ||
            jd_view_evolution(&v, &d, &want, &older, 0, &a, &was, &err) ||
            jd_view_aggregate(&v, &d, &want, &win, &(jd_period){0, 0}, JD_TIME_NONE,
                              JD_AGG_AVG | JD_AGG_SUM | JD_AGG_MIN | JD_AGG_MAX | JD_AGG_STDDEV | JD_AGG_TOTAL, &a, &g,
                              &gn, &err))
            fail_msg("%s (%s)", err.en, err.place);
    }
    if (rc) {
        int has = was.attrs_n && was.attrs[0].n;
        n = in.attrs_n ? in.attrs[0].n : 0;
        if (!before) assert_int_equal(s.before, 0);
        if (s.before) assert_true(has && same_instance(&s.p[0], &was.attrs[0].inst[0]));
        if (before && s.complete && !s.before) assert_int_equal(has, 0);
        if (s.n - (size_t)s.before != n)
            fail_msg("entity %d attr %d: %zu readings instead of %zu", entity, attr, s.n - (size_t)s.before, n);
        for (size_t i = 0; i < n; i++) assert_true(same_instance(&s.p[i + (size_t)s.before], &in.attrs[0].inst[i]));
        if (!s.before) same_figures(&s, g, gn, &a);
    }
    jd_view_end(&v);
    jd_arena_fini(&a);
}

static void check_some(jd_engine *e, int n, int newest) {
    while (n--) {
        int to = newest - (below(3) ? 0 : (int)below(TIMES)), span = 1 + (int)below(60);
        if (below(12) == 0) span = TIMES;
        int from = to - span;
        check(e, (int)below(ENTITIES), (int)below(ATTRS), T0 + from * STEP + 1, T0 + to * STEP, (int)below(2));
    }
}

static void steps(jd_engine *e, int n) {
    while (n--) jd_engine_step(e);
}

static void random_rounds(size_t recent_bytes) {
    short_way = long_way = 0;
    fresh_dir();
    jd_engine *e = open_engine(recent_bytes, 1);
    double kept = 0;
    int newest = 0;
    for (int round = 0; round < 4000; round++) {
        int entity = (int)below(ENTITIES), attr = (int)below(ATTRS);
        newest = round * TIMES / 4000;
        switch (below(40)) {
        case 0: forget(e, entity, attr, JD_OP_T_INST_DELETE, newest - (int)below(30)); break;
        case 1:
            if (below(4) == 0) forget(e, entity, attr, JD_OP_T_ATTR_DELETE, 0);
            break;
        case 2:
            if (below(10) == 0) forget(e, entity, attr, JD_OP_T_DELETE, 0);
            break;
        case 3:
            if (below(4) == 0) forget(e, entity, attr, JD_OP_DELETE, 0);
            break;
        case 4:
            if (below(4) == 0) forget(e, entity, attr, JD_OP_ATTR_DELETE, 0);
            break;
        case 5: steps(e, (int)below(6)); break;
        case 6:
            if (below(8)) break;
            jd_engine_close(e);
            e = open_engine(recent_bytes, 1);
            break;
        case 7: tell(e, entity, attr, JD_OP_OBSERVE, newest - (int)below(200), 1 + (int)below(40), attr, 1); break;
        case 8: tell(e, entity, attr, JD_OP_T_UPSERT, newest - (int)below(50), 1, attr, 1); break;
        default: tell(e, entity, attr, JD_OP_OBSERVE, newest, 1 + (int)below(3), attr, 1); break;
        }
        if (round % 3 == 0) check_some(e, 3, newest);
        if (recent_bytes) assert_true(metric(e, "jindu_history_recent_bytes") <= (double)recent_bytes);
        if (metric(e, "jindu_history_recent_series") > kept) kept = metric(e, "jindu_history_recent_series");
    }
    jd_err err = {0};
    assert_int_equal(jd_engine_settle(e, &err), 0);
    steps(e, 200);
    check_some(e, 300, newest);
    if (!recent_bytes) {
        assert_true(kept == ENTITIES * ATTRS);
        assert_true(long_way * 20 < short_way); /* it is hardly ever left */
        assert_true(metric(e, "jindu_history_recent_built_total") * 4 < metric(e, "jindu_history_recent_asked_total"));
    } else {
        assert_true(kept < ENTITIES * ATTRS);
        assert_true(metric(e, "jindu_history_recent_refused_total") > 0);
    }
    jd_engine_close(e);
    e = open_engine(recent_bytes, 1);
    check_some(e, 300, newest);
    jd_engine_close(e);
    drop_dir();
}

static void ample_room(void **state) {
    (void)state;
    random_rounds(0);
}
static void little_room(void **state) {
    (void)state;
    random_rounds(2500);
}
static void no_room(void **state) {
    (void)state;
    random_rounds(600); /* its table alone is 512 */
}

/* Who is not asked any more goes when others want the room; who is asked stays. */
static void idle_series_go(void **state) {
    (void)state;
    fresh_dir();
    jd_engine *e = open_engine(2400, 1);
    for (int round = 0; round < 60; round++) {
        for (int k = 0; k < ENTITIES; k++) tell(e, k, 0, JD_OP_OBSERVE, round, 1, 0, 1);
        jd_err err = {0};
        assert_int_equal(jd_engine_settle(e, &err), 0);
        steps(e, 40);
        jd_time to = T0 + round * STEP;
        for (int k = 0; k < ENTITIES; k++)
            if (round < 20 ? k < 3 : k >= ENTITIES - 5) check(e, k, 0, to - 5 * STEP + 1, to, 0);
        if (round == 19) assert_true(metric(e, "jindu_history_recent_evicted_total") == 0);
    }
    assert_true(metric(e, "jindu_history_recent_evicted_total") > 0);
    double built = metric(e, "jindu_history_recent_built_total");
    for (int k = ENTITIES - 5; k < ENTITIES; k++) check(e, k, 0, T0 + 55 * STEP + 1, T0 + 59 * STEP, 0);
    assert_true(metric(e, "jindu_history_recent_built_total") == built); /* the new ones are in */
    jd_engine_close(e);
    drop_dir();
}

/* A window of more readings than are kept of one series goes the long way, a short one still does not. */
static void dense_series(void **state) {
    (void)state;
    fresh_dir();
    jd_engine *e = open_engine(0, 1);
    for (int from = 0; from < 20000; from += 500) tell(e, 0, 0, JD_OP_OBSERVE, from, 500, 0, 1);
    jd_err err = {0};
    assert_int_equal(jd_engine_settle(e, &err), 0);
    steps(e, 100);
    for (int again = 0; again < 3; again++) {
        short_way = long_way = 0;
        check(e, 0, 0, T0 + 9000 * STEP, T0 + 19999 * STEP, 0);
        check(e, 0, 0, T0, T0 + 19999 * STEP, 1);
        assert_int_equal(long_way, 2);
        check(e, 0, 0, T0 + 19900 * STEP, T0 + 19999 * STEP, 1);
        assert_int_equal(short_way, 1);
        for (int from = 20000 + again * 3000; from < 23000 + again * 3000; from += 10) {
            tell(e, 0, 0, JD_OP_OBSERVE, from, 10, 0, 1);
            if (from % 100 == 0) check(e, 0, 0, T0 + (from - 90) * STEP, T0 + (from + 9) * STEP, 1);
        }
        assert_int_equal(long_way, 2);
    }
    jd_engine_close(e);
    drop_dir();
}

/* Policies fold readings while they are kept: what a window sees is what there is after that. */
static void folded_meanwhile(void **state) {
    (void)state;
    fresh_dir();
    jd_engine *e = open_engine(0, 1);
    jd_arena a;
    jd_arena_init(&a);
    int now = (int)((jd_now() - T0) / STEP); /* minutes */
    for (int k = 0; k < ENTITIES; k++)
        for (int from = now - 4000; from < now; from += 400) tell(e, k, 0, JD_OP_OBSERVE, from, 400, 0, 1);
    jd_err err = {0};
    assert_int_equal(jd_engine_settle(e, &err), 0);
    steps(e, 100);
    for (int round = 0; round < 3; round++) {
        for (int k = 0; k < ENTITIES; k++) {
            check(e, k, 0, T0 + (now - 50) * STEP, T0 + now * STEP, 1);
            check(e, k, 0, T0 + (now - 1900) * STEP, T0 + now * STEP, k % 2);
        }
        jd_write w = {.kind = JD_K_POLICY,
                      .rq.id = JD_STR("air"),
                      .raw_body = JD_STR("{\"types\":[\"" JD_DEFAULT_VOCAB
                                         "Station\"],\"raw\":\"PT24H\",\"rollups\":[{\"period\":\"PT1H\"}]}")};
        assert_int_equal(submit(e, &w, &a, 1), JD_E_OK);
        for (int k = 0; k < ENTITIES; k++) tell(e, k, 0, JD_OP_OBSERVE, now, 1, 0, 1);
        assert_int_equal(jd_engine_settle(e, &err), 0);
        steps(e, 100);
        if (round == 1) {
            jd_engine_close(e);
            e = open_engine(0, 1);
        }
    }
    short_way = 0;
    for (int k = 0; k < ENTITIES; k++) check(e, k, 0, T0 + (now - 50) * STEP, T0 + now * STEP, 1);
    assert_int_equal(short_way, ENTITIES); /* roll-ups of before do not stand in its way */
    jd_arena_fini(&a);
    jd_engine_close(e);
    drop_dir();
}

/* ---- while heads are sealed and runs merged by their own thread ---- */

enum { TOLD = 6000, ASKERS = 2 };
typedef struct beside {
    jd_engine *e;
    _Atomic int told, ended;
} beside;

static void *ask_all(void *user) {
    beside *b = user;
    jd_arena a;
    jd_arena_init(&a);
    while (!atomic_load(&b->ended)) {
        jd_view v;
        jd_err err = {0};
        jd_samples s;
        char id[64];
        for (int k = 0; k < 3; k++) {
            int told = atomic_load(&b->told);
            if (!told) continue;
            int from = told > 300 ? told - 300 : 0;
            jd_view_begin(&v, b->e, 0, &a);
            int rc = jd_view_samples(&v, entity_id(id, k), attr_sym(b->e, 0), T0 + from * STEP, T0 + (told - 1) * STEP,
                                     0, &a, &s, &err);
            if (rc != 1 || s.n != (size_t)(told - from)) {
                fprintf(stderr, "rc %d, %zu readings instead of %d\n", rc, s.n, told - from);
                abort();
            }
            jd_view_end(&v);
            jd_arena_reset(&a);
        }
    }
    jd_arena_fini(&a);
    return NULL;
}

static void beside_sealing(void **state) {
    (void)state;
    fresh_dir();
    beside b = {.e = open_engine(0, 0)};
    pthread_t t[ASKERS];
    for (int i = 0; i < ASKERS; i++) assert_int_equal(pthread_create(&t[i], NULL, ask_all, &b), 0);
    for (int i = 0; i < TOLD; i += 20) {
        for (int k = 0; k < 3; k++) tell(b.e, k, 0, JD_OP_OBSERVE, i, 20, 0, 0);
        atomic_store(&b.told, i + 20);
    }
    atomic_store(&b.ended, 1);
    for (int i = 0; i < ASKERS; i++) pthread_join(t[i], NULL);
    assert_true(metric(b.e, "jindu_history_runs") > 0);
    jd_engine_close(b.e);
    drop_dir();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ample_room),    cmocka_unit_test(little_room),
                                       cmocka_unit_test(no_room),       cmocka_unit_test(idle_series_go),
                                       cmocka_unit_test(dense_series),  cmocka_unit_test(folded_meanwhile),
                                       cmocka_unit_test(beside_sealing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
