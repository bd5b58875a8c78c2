/* The engine against a naive model: random operations, reopened now and then; and snapshots that must stand still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "model/render.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64];
static jd_engine *open_engine(int manual) {
    jd_engine *e = NULL;
    jd_err err = {0};
    jd_engine_opts o = {.dir = dir, .manual = manual, .min_free = 1, .column_worth = 1};
    if (jd_engine_open(&e, &o, &err)) fail_msg("%s (%s)", err.en, err.place);
    return e;
}

static void fresh_dir(void) {
    snprintf(dir, sizeof dir, "/tmp/jindu-engine-XXXXXX");
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

static jd_contexts *contexts;

/* Does one write to the end; returns its error code. */
static jd_errcode do_write(jd_engine *e, jd_write *w, const char *tenant) {
    int done = 0;
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_job job = {.tenant = jd_str_of(tenant),
                  .make_tenant = 1,
                  .writes = w,
                  .n = 1,
                  .arena = &a,
                  .done = mark_done,
                  .user = &done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!done) jd_engine_step(e);
    jd_arena_fini(&a);
    return w->err.code;
}

static jd_errcode do_json(jd_engine *e, jd_op op, unsigned flags, const char *tenant, const char *json, jd_write *out) {
    jd_arena a;
    jd_arena_init(&a);
    jd_context *ctx = jd_contexts_core(contexts);
    if (!contexts) fail();
    jd_parse p = {.arena = &a, .ctx = ctx, .symbols = jd_engine_symbols(e)};
    jd_err err = {0};
    jd_jval v;
    jd_ent ent;
    if (jd_json_parse(&a, jd_str_of(json), NULL, &v, &err)) fail_msg("%s", err.en);
    if (jd_ent_parse(&p, &v,
                     op == JD_OP_MERGE    ? JD_IN_MERGE
                     : op == JD_OP_UPDATE ? JD_IN_UPDATE
                     : op == JD_OP_APPEND ? JD_IN_FRAGMENT
                                          : JD_IN_ENTITY,
                     (jd_str){NULL, 0}, &ent, &err))
        fail_msg("%s (%s)", err.en, err.place);
    jd_write w = {.rq = {.op = op, .flags = flags, .id = ent.id, .ent = &ent, .observed = JD_TIME_NONE}};
    jd_errcode rc = do_write(e, &w, tenant);
    if (out) *out = w;
    jd_arena_fini(&a);
    return rc;
}

/* The entity in simplified form, or "" when it is not there. */
static const char *get(jd_engine *e, const char *tenant, const char *id) {
    static char text[4096];
    jd_arena a;
    jd_arena_init(&a);
    jd_view v;
    text[0] = 0;
    int t = jd_tenant_find(e, jd_str_of(tenant));
    if (t >= 0) {
        jd_view_begin(&v, e, t, &a);
        jd_doc d;
        if (jd_view_get(&v, jd_str_of(id), &d)) {
            jd_buf b = {0};
            jd_render r = {.ctx = jd_contexts_core(contexts),
                           .symbols = jd_engine_symbols(e),
                           .format = JD_SIMPLIFIED,
                           .arena = &a};
            jd_render_entity(&r, &d, &b);
            snprintf(text, sizeof text, "%.*s", (int)b.n, b.p);
            jd_buf_fini(&b);
        }
        jd_view_end(&v);
    }
    jd_arena_fini(&a);
    return text;
}

static jd_engine *start(void) {
    fresh_dir();
    jd_engine *e = open_engine(1);
    jd_err err = {0};
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(e), &o, &err);
    assert_non_null(contexts);
    return e;
}
static jd_engine *again(jd_engine *e) {
    jd_contexts_destroy(contexts);
    jd_engine_close(e);
    e = open_engine(1);
    jd_err err = {0};
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(e), &o, &err);
    return e;
}
static void stop(jd_engine *e) {
    jd_contexts_destroy(contexts);
    jd_engine_close(e);
    drop_dir();
}

static void test_write_read_reopen(void **state) {
    (void)state;
    jd_engine *e = start();
    assert_int_equal(do_json(e, JD_OP_CREATE, 0, "",
                             "{\"id\":\"urn:a:1\",\"type\":\"T\",\"speed\":{\"type\":\"Property\",\"value\":35.20,"
                             "\"unitCode\":\"KMH\"}}",
                             NULL),
                     JD_E_OK);
    assert_int_equal(do_json(e, JD_OP_CREATE, 0, "", "{\"id\":\"urn:a:1\",\"type\":\"T\"}", NULL), JD_E_ALREADY_EXISTS);
    assert_string_equal(get(e, "", "urn:a:1"), "{\"id\":\"urn:a:1\",\"type\":\"T\",\"speed\":35.20}");
    assert_int_equal(
        do_json(e, JD_OP_MERGE, 0, "", "{\"id\":\"urn:a:1\",\"type\":\"T\",\"speed\":{\"value\":7},\"n\":\"x\"}", NULL),
        JD_E_OK);
    assert_string_equal(get(e, "", "urn:a:1"), "{\"id\":\"urn:a:1\",\"type\":\"T\",\"speed\":7,\"n\":\"x\"}");
    assert_int_equal(do_json(e, JD_OP_CREATE, 0, "other", "{\"id\":\"urn:a:2\",\"type\":\"T\"}", NULL), JD_E_OK);
    assert_string_equal(get(e, "", "urn:a:2"), "");
    for (int round = 0; round < 2; round++) {
        assert_string_equal(get(e, "", "urn:a:1"), "{\"id\":\"urn:a:1\",\"type\":\"T\",\"speed\":7,\"n\":\"x\"}");
        assert_string_equal(get(e, "other", "urn:a:2"), "{\"id\":\"urn:a:2\",\"type\":\"T\"}");
        if (round == 0) e = again(e);
    }
    jd_write del = {.rq = {.op = JD_OP_DELETE, .id = JD_STR("urn:a:1")}};
    assert_int_equal(do_write(e, &del, ""), JD_E_OK);
    assert_int_equal(do_write(e, &del, ""), JD_E_NOT_FOUND);
    assert_string_equal(get(e, "", "urn:a:1"), "");
    e = again(e);
    assert_string_equal(get(e, "", "urn:a:1"), "");
    stop(e);
}

static void test_snapshot_stands_still(void **state) {
    (void)state;
    jd_engine *e = start();
    do_json(e, JD_OP_CREATE, 0, "", "{\"id\":\"urn:a:1\",\"type\":\"T\",\"n\":1}", NULL);
    jd_arena a;
    jd_arena_init(&a);
    jd_view v;
    jd_doc before, after;
    jd_view_begin(&v, e, 0, &a);
    assert_int_equal(jd_view_get(&v, JD_STR("urn:a:1"), &before), 1);
    for (int i = 2; i < 20; i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"id\":\"urn:a:1\",\"type\":\"T\",\"n\":%d}", i);
        assert_int_equal(do_json(e, JD_OP_CREATE, JD_AP_REPLACE_EXISTING, "", json, NULL), JD_E_OK);
    }
    assert_int_equal(jd_view_get(&v, JD_STR("urn:a:1"), &after), 1);
    assert_ptr_equal(before.bytes.p, after.bytes.p); /* the same version, not freed */
    jd_attrview n;
    assert_int_equal(jd_attr_next(&after.attrs, after.created, &n), 1);
    assert_true(jd_node_num(n.value) == 1.0);
    jd_write del = {.rq = {.op = JD_OP_DELETE, .id = JD_STR("urn:a:1")}};
    do_write(e, &del, "");
    assert_int_equal(jd_view_get(&v, JD_STR("urn:a:1"), &after), 1);
    jd_view_end(&v);
    jd_view_begin(&v, e, 0, &a);
    assert_int_equal(jd_view_get(&v, JD_STR("urn:a:1"), &after), 0);
    jd_view_end(&v);
    jd_engine_step(e);
    jd_engine_stats s;
    jd_engine_get_stats(e, &s);
    assert_int_equal(s.versions_kept, 1); /* what history knows of it: id and type */
    jd_arena_fini(&a);
    stop(e);
}

static void test_atomic_set(void **state) {
    (void)state;
    jd_engine *e = start();
    do_json(e, JD_OP_CREATE, 0, "", "{\"id\":\"urn:a:2\",\"type\":\"T\",\"n\":1}", NULL);
    jd_arena a;
    jd_arena_init(&a);
    jd_parse p = {.arena = &a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(e)};
    jd_err err = {0};
    jd_ent ents[3];
    jd_write w[3] = {0};
    for (int i = 0; i < 3; i++) {
        jd_jval v;
        jd_str text = jd_arena_printf(&a, "{\"id\":\"urn:a:%d\",\"type\":\"T\",\"n\":9}", i == 2 ? 2 : i + 10);
        assert_int_equal(jd_json_parse(&a, text, NULL, &v, &err), 0);
        assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ents[i], &err), 0);
        w[i].rq = (jd_change_req){.op = JD_OP_CREATE, .id = ents[i].id, .ent = &ents[i], .observed = JD_TIME_NONE};
    }
    int done = 0;
    jd_job job = {.writes = w, .n = 3, .arena = &a, .atomic = 1, .done = mark_done, .user = &done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!done) jd_engine_step(e);
    assert_int_equal(w[2].err.code, JD_E_ALREADY_EXISTS);
    assert_int_equal(w[0].err.code, JD_E_CONFLICT);
    assert_string_equal(get(e, "", "urn:a:10"), "");
    assert_string_equal(get(e, "", "urn:a:2"), "{\"id\":\"urn:a:2\",\"type\":\"T\",\"n\":1}");
    w[2].rq.flags = JD_AP_REPLACE_EXISTING;
    done = 0;
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!done) jd_engine_step(e);
    assert_int_equal(w[0].err.code, JD_E_OK);
    assert_string_equal(get(e, "", "urn:a:2"), "{\"id\":\"urn:a:2\",\"type\":\"T\",\"n\":9}");
    assert_string_not_equal(get(e, "", "urn:a:11"), "");
    jd_arena_fini(&a);
    stop(e);
}

/* ---- random operations against arrays ---- */

enum { IDS = 60 };
typedef struct model {
    int there, n, hot; /* value of n; type Hot beside T */
    double lon;        /* NAN: no place */
} model;

static uint64_t rng = 88172645463325252u;
static uint32_t rnd(uint32_t n) {
    rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
    return (uint32_t)(rng >> 33) % n;
}

typedef struct tally {
    int n;
    unsigned char seen[IDS];
} tally;
static int count_one(void *user, const jd_doc *d) {
    tally *t = user;
    t->n++;
    t->seen[atoi(d->id.p + 6)]++;
    return 0;
}

static void compare(jd_engine *e, const model *m) {
    jd_arena a;
    jd_arena_init(&a);
    jd_view v;
    jd_view_begin(&v, e, 0, &a);
    jd_names names = {&a, jd_contexts_core(contexts), jd_engine_symbols(e)};
    jd_err err = {0};
    for (int which = 0; which < 5; which++) {
        jd_question q = {.limit = 1000, .count = 1};
        jd_typeq *types = NULL;
        jd_q *expr = NULL;
        jd_geoq *geo = NULL;
        int pivot = (int)rnd(100);
        if (which == 1 || which == 4) assert_int_equal(jd_typeq_compile(&names, JD_STR("Hot"), &types, &err), 0);
        if (which == 2 || which == 4) {
            jd_str text = jd_arena_printf(&a, "n>=%d", pivot);
            assert_int_equal(jd_q_compile(&names, text, &(jd_qopts){0}, &expr, &err), 0);
        }
        if (which == 3) {
            jd_str coords = jd_arena_printf(
                &a, "[[[118.9,32],[119.%02d5,32],[119.%02d5,32.5],[118.9,32.5],[118.9,32]]]", pivot, pivot);
            assert_int_equal(jd_geoq_compile_params(&a, JD_STR("within"), JD_STR("Polygon"), coords, &geo, &err), 0);
            q.geo_property = JD_SYM_LOCATION;
        }
        q.types = types, q.q = expr, q.geo = geo;
        tally t = {0};
        uint64_t total = 0;
        jd_plan plan;
        assert_int_equal(jd_view_query(&v, &q, &t, count_one, &total, &plan, &err), 0);
        int want = 0;
        for (int i = 0; i < IDS; i++) {
            int yes = m[i].there;
            if (types) yes = yes && m[i].hot;
            if (expr) yes = yes && m[i].n >= pivot;
            if (geo) yes = yes && m[i].lon == m[i].lon && m[i].lon < 119 + pivot / 100.0 + 0.005;
            want += yes;
            if (t.seen[i] != yes)
                fail_msg("question %d (%s): entity %d given %d times, expected %d", which, plan.index, i, t.seen[i],
                         yes);
        }
        assert_int_equal(total, want);
        if (geo) jd_geoq_fini(geo);
        if (expr) jd_q_fini(expr);
    }
    jd_view_end(&v);
    jd_typeinfo *ti;
    jd_view_begin(&v, e, 0, &a);
    size_t n = jd_view_types(&v, &a, &ti);
    uint64_t hot = 0;
    for (size_t i = 0; i < n; i++)
        if (jd_str_is(jd_sym_name(jd_engine_symbols(e), ti[i].type), JD_DEFAULT_VOCAB "Hot")) hot = ti[i].entities;
    uint64_t want = 0;
    for (int i = 0; i < IDS; i++) want += (uint64_t)(m[i].there && m[i].hot);
    assert_int_equal(hot, want);
    jd_view_end(&v);
    jd_arena_fini(&a);
}

static void test_random_against_model(void **state) {
    (void)state;
    jd_engine *e = start();
    model m[IDS] = {0};
    for (int step = 0; step < 3000; step++) {
        int i = (int)rnd(IDS);
        char json[400], place[200] = "";
        model next = {1, (int)rnd(100), (int)rnd(2), NAN};
        if (rnd(2)) {
            int c = (int)rnd(100);
            next.lon = 119 + c / 100.0;
            snprintf(place, sizeof place,
                     ",\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[119.%02d,"
                     "32.2]}}",
                     c);
        }
        snprintf(json, sizeof json, "{\"id\":\"urn:x:%d\",\"type\":%s,\"n\":%d%s}", i,
                 next.hot ? "[\"T\",\"Hot\"]" : "\"T\"", next.n, place);
        switch (rnd(4)) {
        case 0:
        case 1: {
            jd_errcode rc = do_json(e, JD_OP_CREATE, JD_AP_REPLACE_EXISTING, "", json, NULL);
            assert_int_equal(rc, JD_E_OK);
            m[i] = next;
            break;
        }
        case 2: {
            jd_errcode rc = do_json(e, JD_OP_CREATE, 0, "", json, NULL);
            assert_int_equal(rc, m[i].there ? JD_E_ALREADY_EXISTS : JD_E_OK);
            if (!m[i].there) m[i] = next;
            break;
        }
        default: {
            char id[32];
            snprintf(id, sizeof id, "urn:x:%d", i);
            jd_write del = {.rq = {.op = JD_OP_DELETE, .id = jd_str_of(id)}};
            assert_int_equal(do_write(e, &del, ""), m[i].there ? JD_E_OK : JD_E_NOT_FOUND);
            m[i].there = 0;
        }
        }
        if (rnd(50) == 0) compare(e, m);
        if (rnd(500) == 0) {
            e = again(e);
            compare(e, m);
        }
    }
    stop(e);
}

/* A large batch and small jobs in between; all answered, all there. */
static void test_writer_thread(void **state) {
    (void)state;
    fresh_dir();
    jd_engine *e = open_engine(0);
    jd_err err = {0};
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(e), &o, &err);
    enum { N = 2000 };
    jd_arena a;
    jd_arena_init(&a);
    jd_parse p = {.arena = &a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(e)};
    jd_write *w = JD_NEWN(&a, jd_write, N);
    jd_ent *ents = JD_NEWN(&a, jd_ent, N);
    for (int i = 0; i < N; i++) {
        jd_jval v;
        jd_str text = jd_arena_printf(&a, "{\"id\":\"urn:b:%d\",\"type\":\"T\",\"n\":%d}", i, i);
        assert_int_equal(jd_json_parse(&a, text, NULL, &v, &err), 0);
        assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ents[i], &err), 0);
        w[i].rq = (jd_change_req){.op = JD_OP_CREATE, .id = ents[i].id, .ent = &ents[i], .observed = JD_TIME_NONE};
    }
    int done = 0;
    jd_job job = {.writes = w, .n = N, .arena = &a, .done = mark_done, .user = &done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    jd_engine_drain(e);
    assert_int_equal(done, 1);
    for (int i = 0; i < N; i++) assert_int_equal(w[i].err.code, JD_E_OK);
    assert_int_equal(jd_submit(e, &job, &err), -1);
    jd_arena_fini(&a);
    jd_contexts_destroy(contexts);
    jd_engine_close(e);
    e = open_engine(1);
    jd_engine_stats s;
    jd_engine_get_stats(e, &s);
    assert_int_equal(s.entities, N);
    jd_engine_close(e);
    drop_dir();
}

/* Readers beside the writer: every change sets a and b to the same number in one group of all entities, so any view
 * must find all entities with one and the same number, by every index. */
enum { TOGETHER = 40, ROUNDS = 150, LOOKERS = 3 };
static jd_engine *shared_engine;
static _Atomic int finished_writing;

typedef struct same {
    double first;
    int n, torn;
} same;

static int look_at(void *user, const jd_doc *d) {
    same *s = user;
    jd_bytes rest = d->attrs;
    jd_attrview a;
    for (int i = 0; i < 2 && jd_attr_next(&rest, d->created, &a); i++) {
        double v = jd_node_num(a.value);
        if (!s->n && !i) s->first = v;
        s->torn |= v != s->first;
    }
    s->n++;
    return 0;
}

static void *looker(void *arg) {
    (void)arg;
    intptr_t torn = 0;
    jd_arena a;
    jd_arena_init(&a);
    for (int round = 0; !atomic_load(&finished_writing); round++) {
        jd_names names = {&a, jd_contexts_core(contexts), jd_engine_symbols(shared_engine)};
        jd_err err = {0};
        jd_view v;
        jd_view_begin(&v, shared_engine, 0, &a);
        jd_typeq *types;
        jd_q *q;
        same s = {0}, s2 = {0};
        jd_typeq_compile(&names, JD_STR("T"), &types, &err);
        jd_question by_type = {.types = types, .limit = 1000};
        jd_view_query(&v, &by_type, &s, look_at, NULL, NULL, &err);
        if (s.n) {
            jd_str text = jd_arena_printf(&a, "a==%.0f", s.first);
            jd_q_compile(&names, text, &(jd_qopts){0}, &q, &err);
            uint64_t total = 0;
            jd_question by_number = {.q = q, .limit = 1000, .count = 1};
            jd_view_query(&v, &by_number, &s2, look_at, &total, NULL, &err);
            torn |= s.torn || s2.torn || s.n != TOGETHER || s2.n != TOGETHER || total != TOGETHER;
            jd_q_fini(q);
        }
        jd_view_end(&v);
        jd_arena_reset(&a);
    }
    jd_arena_fini(&a);
    return (void *)torn;
}

typedef struct signal {
    pthread_mutex_t m;
    pthread_cond_t c;
    int done;
} signal_t;
static void raise_signal(jd_job *job) {
    signal_t *s = job->user;
    pthread_mutex_lock(&s->m);
    s->done = 1;
    pthread_cond_signal(&s->c);
    pthread_mutex_unlock(&s->m);
}

static void test_readers_beside_writer(void **state) {
    (void)state;
    fresh_dir();
    shared_engine = open_engine(0);
    jd_err err = {0};
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(shared_engine), &o, &err);
    atomic_store(&finished_writing, 0);
    pthread_t t[LOOKERS];
    for (int i = 0; i < LOOKERS; i++) assert_int_equal(pthread_create(&t[i], NULL, looker, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        jd_arena a;
        jd_arena_init(&a);
        jd_parse p = {.arena = &a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(shared_engine)};
        jd_write *w = JD_NEWN(&a, jd_write, TOGETHER);
        jd_ent *ents = JD_NEWN(&a, jd_ent, TOGETHER);
        for (int i = 0; i < TOGETHER; i++) {
            jd_jval v;
            jd_str text =
                jd_arena_printf(&a, "{\"id\":\"urn:t:%d\",\"type\":\"T\",\"a\":%d,\"b\":%d}", i, round, round);
            assert_int_equal(jd_json_parse(&a, text, NULL, &v, &err), 0);
            assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ents[i], &err), 0);
            w[i].rq = (jd_change_req){.op = JD_OP_CREATE,
                                      .flags = JD_AP_REPLACE_EXISTING,
                                      .id = ents[i].id,
                                      .ent = &ents[i],
                                      .observed = JD_TIME_NONE};
        }
        signal_t s = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
        jd_job job = {.writes = w, .n = TOGETHER, .arena = &a, .atomic = 1, .done = raise_signal, .user = &s};
        assert_int_equal(jd_submit(shared_engine, &job, &err), 0);
        pthread_mutex_lock(&s.m);
        while (!s.done) pthread_cond_wait(&s.c, &s.m);
        pthread_mutex_unlock(&s.m);
        jd_arena_fini(&a);
    }
    atomic_store(&finished_writing, 1);
    for (int i = 0; i < LOOKERS; i++) {
        void *torn;
        pthread_join(t[i], &torn);
        assert_null(torn);
    }
    jd_contexts_destroy(contexts);
    jd_engine_close(shared_engine);
    drop_dir();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_read_reopen), cmocka_unit_test(test_snapshot_stands_still),
        cmocka_unit_test(test_atomic_set),        cmocka_unit_test(test_random_against_model),
        cmocka_unit_test(test_writer_thread),     cmocka_unit_test(test_readers_beside_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
