/* History against a naive model: random readings, corrections, deletions; sealed, merged, reopened now and then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "below.h"
#include "engine/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static jd_engine *open_engine(void) {
    jd_engine *e = NULL;
    jd_err err = {0};
    jd_engine_opts o = {.dir = dir, .manual = 1, .min_free = 1, .history_heads_bytes = 96 << 10, .history_fan = 3};
    if (jd_engine_open(&e, &o, &err)) fail_msg("%s (%s)", err.en, err.place);
    return e;
}

static void fresh_dir(void) {
    snprintf(dir, sizeof dir, "/tmp/jindu-history-XXXXXX");
    assert_non_null(mkdtemp(dir));
}
static void drop_dir(void) {
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

static void mark_done(jd_job *job) {
    *(int *)job->user = 1;
}

static jd_errcode submit(jd_engine *e, jd_write *w, jd_arena *a) {
    int done = 0;
    jd_err err = {0};
    jd_job job = {.tenant = JD_STR(""), .writes = w, .n = 1, .arena = a, .done = mark_done, .user = &done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!done) jd_engine_step(e);
    return w->err.code;
}

/* ---- the naive model: what is the value at (entity, attribute, dataset, time)? ---- */

enum { ENTITIES = 4, ATTRS = 3, DATASETS = 2, TIMES = 400 };
typedef struct cell {
    int there;
    int64_t m;
    int scale;
} cell;
static cell truth[ENTITIES][ATTRS][DATASETS][TIMES];
static int known[ENTITIES]; /* told of at all, and not removed since */

static const jd_time T0 = INT64_C(1600000000000000), STEP = 3600000000;

static jd_str entity_id(char buf[64], int i) {
    return (jd_str){buf, (size_t)snprintf(buf, 64, "urn:ngsi-ld:Station:%d", i)};
}
static jd_sym attr_sym(jd_engine *e, int i) {
    char name[64];
    int n = snprintf(name, sizeof name, JD_DEFAULT_VOCAB "a%d", i);
    return jd_sym_intern(jd_engine_symbols(e), (jd_str){name, (size_t)n}, NULL);
}
static jd_str dataset_of(int i) {
    return i ? JD_STR("urn:ngsi-ld:Dataset:x") : (jd_str){NULL, 0};
}

static jd_attr number_at(jd_arena *a, jd_sym name, int dataset, int time, int64_t m, int scale) {
    jd_attr at = {.name = name,
                  .kind = JD_PROPERTY,
                  .dataset = dataset_of(dataset),
                  .observed = T0 + time * STEP,
                  .expires = JD_TIME_NONE,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .has_value = 1};
    char text[40];
    int n = scale ? snprintf(text, sizeof text, "%lld.%0*lld", (long long)(m / 100), 2, (long long)(m % 100))
                  : snprintf(text, sizeof text, "%lld", (long long)m);
    jd_str kept = jd_arena_dup(a, (jd_str){text, (size_t)n});
    at.value = (jd_jval){.type = JD_JNUM, .s = kept.p, .n = (uint32_t)kept.n};
    return at;
}

/* A run of readings of one series, now and then a single late one or a correction. */
static void tell(jd_engine *e, int entity, jd_op op) {
    jd_arena a;
    jd_arena_init(&a);
    char id[64];
    jd_err err = {0};
    int attr = (int)below(ATTRS), dataset = (int)below(DATASETS), from = (int)below(TIMES), n = 1 + (int)below(60);
    if (below(4) == 0) n = 1;
    if (from + n > TIMES) n = TIMES - from;
    jd_sym type = jd_sym_intern(jd_engine_symbols(e), JD_STR(JD_DEFAULT_VOCAB "Station"), NULL);
    jd_ent ent = {.id = entity_id(id, entity), .types = &type, .types_n = 1, .expires = JD_TIME_NONE};
    ent.attrs = JD_NEWN(&a, jd_attr, n);
    for (int i = 0; i < n; i++) {
        cell *c = &truth[entity][attr][dataset][from + i];
        int again = below(3) == 0; /* the same again: no change, or back after it was deleted */
        int64_t m = again ? c->m : (int64_t)below(100000);
        int scale = again ? c->scale : (int)below(2) * 2;
        ent.attrs[ent.attrs_n++] = number_at(&a, attr_sym(e, attr), dataset, from + i, m, scale);
        *c = (cell){1, m, scale};
    }
    jd_write w = {0};
    assert_int_equal(jd_moments_make(e, &ent, &a, &w, &err), 0);
    w.rq.op = op;
    if (submit(e, &w, &a) != JD_E_OK) fail_msg("%s", w.err.en);
    known[entity] = 1;
    jd_arena_fini(&a);
}

static void forget_one(jd_engine *e, int entity) {
    int attr = (int)below(ATTRS), dataset = (int)below(DATASETS), t = (int)below(TIMES);
    if (!known[entity]) return;
    jd_arena a;
    jd_arena_init(&a);
    char id[64];
    jd_write w = {.rq = {.op = JD_OP_T_INST_DELETE, .id = entity_id(id, entity), .attr = attr_sym(e, attr)},
                  .inst_at = T0 + t * STEP,
                  .inst_dataset = jd_inst_dataset_no(dataset_of(dataset)),
                  .inst_observed = 1};
    assert_int_equal(submit(e, &w, &a), JD_E_OK);
    truth[entity][attr][dataset][t].there = 0;
    jd_arena_fini(&a);
}

static void forget_all(jd_engine *e, int entity) {
    if (!known[entity]) return;
    jd_arena a;
    jd_arena_init(&a);
    char id[64];
    jd_write w = {.rq = {.op = JD_OP_T_DELETE, .id = entity_id(id, entity)}};
    assert_int_equal(submit(e, &w, &a), JD_E_OK);
    for (int i = 0; i < ATTRS * DATASETS * TIMES; i++) (&truth[entity][0][0][0])[i].there = 0;
    known[entity] = 0;
    jd_arena_fini(&a);
}

static void forget_attr(jd_engine *e, int entity) {
    if (!known[entity]) return;
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    char id[64];
    int hidden, attr = (int)below(ATTRS);
    jd_view v;
    jd_doc d;
    jd_evolution ev;
    jd_sym sym = attr_sym(e, attr);
    jd_wanted want = {.attrs = &sym, .attrs_n = 1};
    jd_window all = {0};
    jd_write w = {.rq = {.op = JD_OP_T_ATTR_DELETE, .id = entity_id(id, entity), .attr = sym}};
    jd_view_begin(&v, e, 0, &a);
    assert_int_equal(jd_view_get_temporal(&v, w.rq.id, &d, &hidden), 1);
    if (jd_view_evolution(&v, &d, &want, &all, 0, &a, &ev, &err)) fail_msg("%s", err.en);
    jd_view_end(&v);
    jd_moments_clear(&ev, &a, &w);
    assert_int_equal(submit(e, &w, &a), JD_E_OK);
    for (int i = 0; i < DATASETS * TIMES; i++) (&truth[entity][attr][0][0])[i].there = 0;
    jd_arena_fini(&a);
}

/* ---- comparing ---- */

static void same_value(const jd_inst *i, const cell *c, int t) {
    jd_buf s = {0}, nums = {0};
    assert_int_equal(jd_inst_split(&i->a, &s, &nums), 1);
    jd_num n;
    memcpy(&n, nums.p, sizeof n);
    if (n.m != c->m || n.scale != c->scale)
        fail_msg("time %d: %lld/%d instead of %lld/%d", t, (long long)n.m, n.scale, (long long)c->m, c->scale);
    jd_buf_fini(&s);
    jd_buf_fini(&nums);
}

static void check_series(jd_engine *e, int entity, int attr, int dataset, int from, int to, uint32_t last_n) {
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_view v;
    jd_doc d;
    int hidden;
    char id[64];
    jd_view_begin(&v, e, 0, &a);
    int there = jd_view_get_temporal(&v, entity_id(id, entity), &d, &hidden);
    assert_int_equal(there, known[entity]);
    if (there) {
        jd_sym sym = attr_sym(e, attr);
        jd_str ds = dataset ? dataset_of(dataset) : JD_STR("@none");
        jd_wanted want = {.attrs = &sym, .attrs_n = 1, .datasets = &ds, .datasets_n = 1};
        jd_window win = {.given = 1, .from = T0 + from * STEP, .to = T0 + to * STEP, .last_n = last_n};
        jd_evolution ev;
        if (jd_view_evolution(&v, &d, &want, &win, 0, &a, &ev, &err)) fail_msg("%s (%s)", err.en, err.place);
        size_t expect = 0, skip, k = 0;
        for (int t = from; t < to; t++) expect += (size_t)truth[entity][attr][dataset][t].there;
        skip = last_n && expect > last_n ? expect - last_n : 0;
        size_t n = ev.attrs_n ? ev.attrs[0].n : 0;
        if (n != expect - skip)
            fail_msg("entity %d attr %d dataset %d [%d, %d) last %u: %zu instances instead of %zu", entity, attr,
                     dataset, from, to, last_n, n, expect - skip);
        for (int t = from; t < to; t++) {
            const cell *c = &truth[entity][attr][dataset][t];
            if (!c->there || (skip && skip--)) continue;
            const jd_inst *i = &ev.attrs[0].inst[k++];
            assert_true(i->at == T0 + t * STEP);
            same_value(i, c, t);
        }
        /* count and sum by day */
        jd_taggr *g;
        size_t gn;
        jd_period day = {.us = 24 * STEP};
        win.last_n = 0;
        if (jd_view_aggregate(&v, &d, &want, &win, &day, T0, JD_AGG_SUM | JD_AGG_TOTAL, &a, &g, &gn, &err))
            fail_msg("%s (%s)", err.en, err.place);
        size_t b = 0;
        for (int day0 = 0; day0 < TIMES; day0 += 24) {
            int64_t sum = 0;
            uint64_t count = 0;
            for (int t = day0; t < day0 + 24 && t < TIMES; t++) {
                const cell *c = &truth[entity][attr][dataset][t];
                if (t < from || t >= to || !c->there) continue;
                count++;
                sum += c->scale ? c->m : c->m * 100;
            }
            if (!count) continue;
            assert_true(gn == 1 && b < g[0].n);
            assert_true(g[0].bucket[b].start == T0 + day0 * STEP);
            assert_int_equal(jd_acc_count(g[0].bucket[b].acc), count);
            jd_buf text = {0};
            assert_int_equal(jd_acc_print(g[0].bucket[b].acc, JD_AGG_SUM, &text), 0);
            jd_buf_c(&text, 0);
            char *end;
            double got = strtod(text.p, &end);
            if (got < (double)sum / 100 - 1e-6 || got > (double)sum / 100 + 1e-6)
                fail_msg("sum %s instead of %.2f", text.p, (double)sum / 100);
            jd_buf_fini(&text);
            b++;
        }
        if (gn) assert_int_equal(b, g[0].n);
    }
    jd_view_end(&v);
    jd_arena_fini(&a);
}

static void check_some(jd_engine *e, int n) {
    while (n--) {
        int from = (int)below(TIMES), to = from + 1 + (int)below((uint32_t)(TIMES - from));
        if (below(3) == 0) from = 0, to = TIMES;
        check_series(e, (int)below(ENTITIES), (int)below(ATTRS), (int)below(DATASETS), from, to,
                     below(2) ? 0 : 1 + below(30));
    }
}

static void steps(jd_engine *e, int n) {
    while (n--) jd_engine_step(e);
}

static void random_rounds(jd_op op) {
    memset(truth, 0, sizeof truth);
    memset(known, 0, sizeof known);
    fresh_dir();
    jd_engine *e = open_engine();
    for (int round = 0; round < 1500; round++) {
        int entity = (int)below(ENTITIES);
        switch (below(30)) {
        case 0: forget_one(e, entity); break;
        case 1:
            if (op == JD_OP_T_UPSERT && below(8) == 0) forget_all(e, entity);
            break;
        case 2:
            if (op == JD_OP_T_UPSERT && below(2)) forget_attr(e, entity);
            break;
        case 3: steps(e, (int)below(6)); break;
        case 4:
            if (below(5)) break;
            jd_engine_close(e);
            e = open_engine();
            break;
        default: tell(e, entity, op); break;
        }
        if (round % 10 == 0) check_some(e, 4);
    }
    jd_err err = {0};
    assert_int_equal(jd_engine_settle(e, &err), 0); /* manual: asked for, done by the steps */
    steps(e, 200);
    check_some(e, 200);
    jd_engine_close(e);
    e = open_engine();
    check_some(e, 200);
    jd_engine_close(e);
    drop_dir();
}

static void temporal_against_model(void **state) {
    (void)state;
    random_rounds(JD_OP_T_UPSERT);
}

static void observed_against_model(void **state) {
    (void)state;
    random_rounds(JD_OP_OBSERVE);
}

/* ---- retention ---- */

static void put_policy(jd_engine *e, const char *json) {
    jd_arena a;
    jd_arena_init(&a);
    jd_write w = {.kind = JD_K_POLICY, .rq.id = JD_STR("air"), .raw_body = jd_str_of(json)};
    assert_int_equal(submit(e, &w, &a), JD_E_OK);
    jd_arena_fini(&a);
}

static void tell_one(jd_engine *e, int entity, int time, int64_t m) {
    jd_arena a;
    jd_arena_init(&a);
    char id[64];
    jd_err err = {0};
    jd_sym type = jd_sym_intern(jd_engine_symbols(e), JD_STR(JD_DEFAULT_VOCAB "Station"), NULL);
    jd_attr at = number_at(&a, attr_sym(e, 0), 0, time, m, 0);
    jd_ent ent = {.id = entity_id(id, entity), .types = &type, .types_n = 1, .expires = JD_TIME_NONE, .attrs = &at};
    ent.attrs_n = 1;
    jd_write w = {0};
    assert_int_equal(jd_moments_make(e, &ent, &a, &w, &err), 0);
    w.rq.op = JD_OP_T_UPSERT;
    assert_int_equal(submit(e, &w, &a), JD_E_OK);
    jd_arena_fini(&a);
}

/* Sum, count, least and greatest by day against the values themselves; how many instances are left as they came. */
static size_t check_days(jd_engine *e, const int64_t *v, const int *there, int n) {
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_view view;
    jd_doc d;
    int hidden;
    char id[64];
    jd_view_begin(&view, e, 0, &a);
    assert_int_equal(jd_view_get_temporal(&view, entity_id(id, 0), &d, &hidden), 1);
    jd_time day0 = T0 - T0 % (24 * STEP);
    jd_window win = {.given = 1, .from = day0, .to = INT64_MAX};
    jd_period day = {.us = 24 * STEP};
    jd_taggr *g;
    size_t gn, b = 0;
    unsigned all = JD_AGG_SUM | JD_AGG_TOTAL | JD_AGG_MIN | JD_AGG_MAX | JD_AGG_SUMSQ;
    if (jd_view_aggregate(&view, &d, NULL, &win, &day, day0, all, &a, &g, &gn, &err)) fail_msg("%s", err.en);
    assert_int_equal(gn, 1);
    for (jd_time start = day0; start < T0 + n * STEP; start += 24 * STEP) {
        int64_t sum = 0, sumsq = 0, least = INT64_MAX, most = INT64_MIN;
        uint64_t count = 0;
        for (int i = 0; i < n; i++) {
            if (!there[i] || T0 + i * STEP < start || T0 + i * STEP >= start + 24 * STEP) continue;
            count++;
            sum += v[i];
            sumsq += v[i] * v[i];
            if (v[i] < least) least = v[i];
            if (v[i] > most) most = v[i];
        }
        if (!count) continue;
        assert_true(b < g[0].n && g[0].bucket[b].start == start);
        assert_int_equal(jd_acc_count(g[0].bucket[b].acc), count);
        const struct {
            unsigned method;
            int64_t is;
        } each[] = {{JD_AGG_SUM, sum}, {JD_AGG_SUMSQ, sumsq}, {JD_AGG_MIN, least}, {JD_AGG_MAX, most}};
        for (size_t k = 0; k < sizeof each / sizeof *each; k++) {
            jd_buf text = {0};
            assert_int_equal(jd_acc_print(g[0].bucket[b].acc, each[k].method, &text), 0);
            jd_buf_c(&text, 0);
            if (strtoll(text.p, NULL, 10) != each[k].is)
                fail_msg("day %zu method %u: %s instead of %lld", b, each[k].method, text.p, (long long)each[k].is);
            jd_buf_fini(&text);
        }
        b++;
    }
    assert_int_equal(b, g[0].n);
    jd_evolution ev;
    if (jd_view_evolution(&view, &d, NULL, &win, 0, &a, &ev, &err)) fail_msg("%s", err.en);
    size_t left = ev.attrs_n ? ev.attrs[0].n : 0;
    jd_view_end(&view);
    jd_arena_fini(&a);
    return left;
}

static void settle_all(jd_engine *e) {
    jd_err err = {0};
    assert_int_equal(jd_engine_settle(e, &err), 0);
    steps(e, 50);
}

static void old_readings_become_rollups(void **state) {
    (void)state;
    enum { N = 300 };
    int64_t v[N];
    int there[N];
    fresh_dir();
    jd_engine *e = open_engine();
    for (int i = 0; i < N; i++) {
        v[i] = (int64_t)below(2000) - 1000;
        there[i] = i % 37 != 5;
        if (there[i]) tell_one(e, 0, i, v[i]);
    }
    settle_all(e);
    assert_int_equal(check_days(e, v, there, N), N - 8);
    put_policy(e, "{\"types\":[\"" JD_DEFAULT_VOCAB "Station\"],\"raw\":\"P90D\",\"rollups\":[{\"period\":\"PT1H\"},"
                  "{\"period\":\"P1D\"}]}");
    settle_all(e);
    assert_int_equal(check_days(e, v, there, N), 0); /* all of it is years old */
    for (int i = 5; i < N; i += 37) {                /* what comes late is counted too */
        there[i] = 1;
        v[i] = (int64_t)below(2000) - 1000;
        tell_one(e, 0, i, v[i]);
        if (i == 42) settle_all(e);
    }
    assert_int_equal(check_days(e, v, there, N), 6);
    settle_all(e);
    assert_int_equal(check_days(e, v, there, N), 0);
    jd_engine_close(e);
    e = open_engine();
    assert_int_equal(check_days(e, v, there, N), 0);
    jd_engine_close(e);
    drop_dir();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(temporal_against_model),
                                       cmocka_unit_test(observed_against_model),
                                       cmocka_unit_test(old_readings_become_rollups)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
