/* Rules on a real engine with its threads: random readings against a naive model of levels, hysteresis and suppression,
 * with stops in between at which nothing is finished; what is asked is that alerts are exactly those of the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rule/rule.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ENTITIES = 40, CHANGES = 4000, STOPS = 12 };

static char dir[64];
static jd_engine *e;
static jd_contexts *contexts;
static jd_rules *rules;
static uint64_t rng = 11;
static size_t changes_bytes; /* 0: as it is */

static uint32_t below(uint32_t n) {
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng >> 33) % n;
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- engine and rules ---- */

static void open_all(void) {
    jd_err err = {0};
    jd_engine_opts o = {.dir = dir, .min_free = 1};
    if (jd_engine_open(&e, &o, &err)) fail_msg("%s", err.en);
    jd_contexts_opts co = {.no_fetch = 1};
    contexts = jd_contexts_create(jd_engine_symbols(e), &co, &err);
    jd_rules_opts ro = {
        .engine = e, .contexts = contexts, .changes_bytes = changes_bytes, .group_max = changes_bytes ? 8 : 0};
    if (jd_rules_start(&rules, &ro, &err)) fail_msg("%s", err.en);
    jd_engine_keep(e, JD_WATCH_TOLD, 0);
}

static void go(void) {
    jd_err err = {0};
    jd_rules_watch(rules);
    if (jd_rules_go(rules, &err)) fail_msg("%s", err.en);
}

/* Nothing of the rules is finished: what is not durable is lost. */
static void close_all(void) {
    jd_engine_drain(e);
    jd_rules_stop(rules);
    jd_contexts_destroy(contexts);
    jd_engine_close(e);
}

static jd_sym sym(const char *name) {
    jd_err err = {0};
    jd_arena a;
    jd_arena_init(&a);
    jd_sym s =
        jd_sym_intern(jd_engine_symbols(e), jd_ctx_expand(jd_contexts_core(contexts), &a, jd_str_of(name)), &err);
    jd_arena_fini(&a);
    return s;
}

static jd_ruleset *compile(jd_arena *a, const char *pack, const char *json, jd_err *err, size_t *at) {
    jd_jval v;
    jd_ruleset *s = NULL;
    if (jd_json_parse(a, jd_str_of(json), NULL, &v, err)) fail_msg("%s", err->en);
    const jd_jval **d = JD_NEWN(a, const jd_jval *, v.n);
    for (uint32_t i = 0; i < v.n; i++) d[i] = &v.items[i];
    jd_modelattr model[] = {{sym("Sensor"), sym("n"), JD_X_NUM},
                            {sym("Sensor"), sym("m"), JD_X_NUM},
                            {sym("Sensor"), sym("twice"), JD_X_NUM}};
    jd_pack_rules in = {.pack = jd_str_of(pack),
                        .ctx = jd_contexts_core(contexts),
                        .declarations = d,
                        .n = v.n,
                        .model = model,
                        .model_n = sizeof model / sizeof *model};
    return jd_ruleset_make(e, &in, &s, at, err) ? NULL : s;
}

static void apply(const char *pack, const char *json) {
    jd_arena a;
    jd_err err = {0};
    size_t at;
    jd_arena_init(&a);
    jd_ruleset *s = compile(&a, pack, json, &err, &at);
    if (!s) fail_msg("%zu: %s (%s)", at, err.en, err.place);
    jd_rules_apply(rules, s);
    jd_arena_fini(&a);
}

/* ---- writing and reading ---- */

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t come;
    int done;
} waiting;

static void done(jd_job *job) {
    waiting *w = job->user;
    pthread_mutex_lock(&w->lock);
    w->done = 1;
    pthread_cond_signal(&w->come);
    pthread_mutex_unlock(&w->lock);
}

static void put(const char *json) {
    jd_arena a;
    jd_err err = {0};
    jd_jval v;
    jd_ent ent;
    waiting wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    jd_arena_init(&a);
    jd_parse p = {.arena = &a, .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(e)};
    if (jd_json_parse(&a, jd_str_of(json), NULL, &v, &err) ||
        jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ent, &err))
        fail_msg("%s: %s", json, err.en);
    jd_write w = {
        .rq = {
            .op = JD_OP_CREATE, .flags = JD_AP_REPLACE_EXISTING, .id = ent.id, .ent = &ent, .observed = JD_TIME_NONE}};
    jd_job job = {.writes = &w, .n = 1, .arena = &a, .done = done, .user = &wait};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    pthread_mutex_lock(&wait.lock);
    while (!wait.done) pthread_cond_wait(&wait.come, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    assert_int_equal(w.err.code, JD_E_OK);
    jd_arena_fini(&a);
}

static void reading(unsigned i, unsigned n, unsigned m) {
    char json[200];
    snprintf(json, sizeof json, "{\"id\":\"urn:s:%u\",\"type\":\"Sensor\",\"n\":%u,\"m\":%u}", i, n, m);
    put(json);
}

/* Until all that is written is judged and what follows is durable. */
static void settle(void) {
    jd_arena a;
    for (int i = 0; i < 2000; i++) {
        uint64_t to = jd_engine_group(e);
        pause_ms(60);
        jd_buf b = {0};
        jd_arena_init(&a);
        jd_rules_metrics(rules, &b);
        jd_buf_c(&b, 0);
        int behind = !strstr(b.p, "jindu_rules_behind_groups 0\n") || !strstr(b.p, "jindu_rules_pending 0\n");
        jd_buf_fini(&b);
        jd_arena_fini(&a);
        if (!behind && jd_engine_group(e) == to) return;
    }
    fail_msg("it does not come to rest");
}

static int alert(const char *pack, const char *id, unsigned i, char severity[16], unsigned *times) {
    jd_arena a;
    jd_view v;
    jd_doc d;
    jd_attrview x;
    char name[100];
    int n = -1; /* there is none */
    jd_context *ctx = jd_alert_names(rules);
    snprintf(name, sizeof name, "urn:ngsi-ld:Alert:%s:%s:urn:s:%u", pack, id, i);
    jd_arena_init(&a);
    jd_view_begin(&v, e, 0, &a);
    severity[0] = 0;
    *times = 0;
    if (v.t && jd_view_get(&v, jd_str_of(name), &d)) {
        jd_symtab *t = jd_engine_symbols(e);
        assert_true(jd_doc_attr(&d, jd_sym_find(t, jd_ctx_expand(ctx, &a, JD_STR("status"))), &x, NULL));
        n = !jd_str_is(jd_node_str(x.value), "cleared");
        assert_true(jd_doc_attr(&d, jd_sym_find(t, jd_ctx_expand(ctx, &a, JD_STR("severity"))), &x, NULL));
        snprintf(severity, 16, "%.*s", JD_STR_ARG(jd_node_str(x.value)));
        assert_true(jd_doc_attr(&d, jd_sym_find(t, jd_ctx_expand(ctx, &a, JD_STR("times"))), &x, NULL));
        *times = (unsigned)jd_node_num(x.value);
    }
    jd_view_end(&v);
    jd_arena_fini(&a);
    return n;
}

/* ---- the tests ---- */

static const char levels[] =
    "[{\"rule\":1,\"id\":\"cause\",\"title\":{\"zh\":\"因\",\"en\":\"cause\"},\"type\":\"Sensor\","
    "  \"levels\":[{\"severity\":\"blue\",\"when\":\"m > 90\"}]},"
    " {\"rule\":1,\"id\":\"high\",\"title\":{\"zh\":\"高\",\"en\":\"high\"},\"type\":\"Sensor\",\"unless\":[\"cause\"],"
    "  \"text\":{\"zh\":\"{n}\",\"en\":\"{n}\"},"
    "  \"levels\":[{\"severity\":\"red\",\"when\":\"n > 80\",\"until\":\"n < 70\"},"
    "            {\"severity\":\"yellow\",\"when\":\"n > 50\",\"until\":\"n < 40\"}]}]";

typedef struct model {
    int level; /* -1, 0 red, 1 yellow */
    int cause;
    unsigned times, cause_times;
} model;

static void model_step(model *w, unsigned n, unsigned m) {
    int cause = m > 90;
    if (cause && !w->cause) w->cause_times++;
    w->cause = cause;
    int red = n > 80 || (w->level == 0 && n >= 70), yellow = n > 50 || (w->level >= 0 && n >= 40);
    int level = red ? 0 : yellow ? 1 : -1;
    if (w->level < 0 && level >= 0) {
        if (w->cause) return; /* it is suppressed */
        w->times++;
    }
    w->level = level;
}

static void compare(const model *w) {
    for (unsigned i = 0; i < ENTITIES; i++) {
        char severity[16];
        unsigned times;
        int open = alert("test", "high", i, severity, &times);
        assert_int_equal(open == 1, w[i].level >= 0);
        assert_int_equal(times, w[i].times);
        if (w[i].level >= 0) assert_string_equal(severity, w[i].level ? "yellow" : "red");
        open = alert("test", "cause", i, severity, &times);
        assert_int_equal(open == 1, w[i].cause);
        assert_int_equal(times, w[i].cause_times);
    }
}

static void test_alerts_are_those_of_the_model(void **state) {
    (void)state;
    model w[ENTITIES];
    unsigned raised = 0;
    for (unsigned i = 0; i < ENTITIES; i++) w[i] = (model){.level = -1};
    open_all();
    apply("test", levels);
    go();
    settle();
    for (int stop = 0; stop < STOPS; stop++) {
        for (unsigned k = 0; k < CHANGES / STOPS; k++) {
            unsigned i = below(ENTITIES), n = below(100), m = below(8) ? below(80) : 85 + below(15);
            reading(i, n, m);
            model_step(&w[i], n, m);
        }
        if (stop % 3 == 0) {
            settle();
            compare(w);
        }
        close_all();
        open_all();
        apply("test", levels);
        go();
        settle();
        compare(w);
    }
    for (unsigned i = 0; i < ENTITIES; i++) raised += w[i].times;
    assert_true(raised > 200);
    /* a rule that is gone has its alerts cleared */
    apply("test", "[]");
    settle();
    for (unsigned i = 0; i < ENTITIES; i++) {
        char severity[16];
        unsigned times;
        assert_true(alert("test", "high", i, severity, &times) != 1);
    }
    close_all();
}

static void test_what_is_told_late(void **state) {
    (void)state;
    char severity[16];
    unsigned times;
    open_all();
    apply("delay",
          "[{\"rule\":1,\"id\":\"slow\",\"title\":{\"zh\":\"慢\",\"en\":\"slow\"},\"type\":\"Sensor\",\"for\":\"2s\","
          "\"clearAfter\":\"1s\",\"levels\":[{\"severity\":\"orange\",\"when\":\"n > 500\"}]},"
          "{\"derive\":1,\"id\":\"d\",\"type\":\"Sensor\",\"attribute\":\"twice\",\"value\":\"n * 2\"}]");
    go();
    reading(900, 501, 0);
    pause_ms(1000);
    assert_int_equal(alert("delay", "slow", 900, severity, &times), -1);
    reading(900, 400, 0); /* it held for too short a time */
    pause_ms(1500);
    assert_int_equal(alert("delay", "slow", 900, severity, &times), -1);
    reading(900, 502, 0);
    close_all(); /* the delay goes on over a stop */
    open_all();
    apply("delay",
          "[{\"rule\":1,\"id\":\"slow\",\"title\":{\"zh\":\"慢\",\"en\":\"slow\"},\"type\":\"Sensor\",\"for\":\"2s\","
          "\"clearAfter\":\"1s\",\"levels\":[{\"severity\":\"orange\",\"when\":\"n > 500\"}]},"
          "{\"derive\":1,\"id\":\"d\",\"type\":\"Sensor\",\"attribute\":\"twice\",\"value\":\"n * 2\"}]");
    go();
    pause_ms(2600);
    assert_int_equal(alert("delay", "slow", 900, severity, &times), 1);
    assert_string_equal(severity, "orange");
    reading(900, 1, 0);
    pause_ms(400);
    assert_int_equal(alert("delay", "slow", 900, severity, &times), 1);
    pause_ms(1300);
    assert_int_equal(alert("delay", "slow", 900, severity, &times), 0);
    assert_int_equal(times, 1);
    jd_arena a;
    jd_view v;
    jd_doc d;
    jd_attrview x;
    jd_arena_init(&a);
    jd_view_begin(&v, e, 0, &a);
    assert_true(jd_view_get(&v, JD_STR("urn:s:900"), &d));
    assert_true(jd_doc_attr(&d, sym("twice"), &x, NULL));
    assert_true(jd_node_num(x.value) == 2);
    jd_view_end(&v);
    jd_arena_fini(&a);
    close_all();
}

/* Rules that are far behind hold writers up; their own effects, which the same writer has to write, are no part of
 * that. */
static void test_a_full_queue_lets_effects_pass(void **state) {
    enum { JOBS = 60, EACH = 50 };
    (void)state;
    static jd_arena arenas[JOBS];
    static jd_job jobs[JOBS];
    static waiting waits[JOBS];
    jd_err err = {0};
    changes_bytes = 4096;
    open_all();
    apply("flood", "[{\"rule\":1,\"id\":\"any\",\"title\":{\"zh\":\"任\",\"en\":\"any\"},\"type\":\"Sensor\","
                   "\"levels\":[{\"severity\":\"info\",\"when\":\"n >= 0\"}]}]");
    go();
    settle();
    for (unsigned k = 0; k < JOBS; k++) {
        jd_arena_init(&arenas[k]);
        waits[k] = (waiting){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
        jd_write *w = JD_NEWN(&arenas[k], jd_write, EACH);
        for (unsigned i = 0; i < EACH; i++) {
            jd_jval v;
            jd_ent *ent = JD_NEW(&arenas[k], jd_ent);
            jd_parse p = {.arena = &arenas[k], .ctx = jd_contexts_core(contexts), .symbols = jd_engine_symbols(e)};
            jd_str json =
                jd_arena_printf(&arenas[k], "{\"id\":\"urn:s:%u\",\"type\":\"Sensor\",\"n\":1}", 10000 + k * EACH + i);
            assert_int_equal(jd_json_parse(&arenas[k], json, NULL, &v, &err), 0);
            assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, ent, &err), 0);
            w[i].rq = (jd_change_req){.op = JD_OP_CREATE, .id = ent->id, .ent = ent, .observed = JD_TIME_NONE};
        }
        jobs[k] = (jd_job){.writes = w, .n = EACH, .arena = &arenas[k], .done = done, .user = &waits[k]};
        assert_int_equal(jd_submit(e, &jobs[k], &err), 0);
    }
    for (unsigned k = 0; k < JOBS; k++) {
        struct timespec until = {time(NULL) + 60, 0};
        pthread_mutex_lock(&waits[k].lock);
        while (!waits[k].done)
            if (pthread_cond_timedwait(&waits[k].come, &waits[k].lock, &until)) fail_msg("writer and rules wait");
        pthread_mutex_unlock(&waits[k].lock);
        jd_arena_fini(&arenas[k]);
    }
    settle();
    for (unsigned i = 0; i < JOBS * EACH; i += 97) {
        char severity[16];
        unsigned times;
        assert_int_equal(alert("flood", "any", 10000 + i, severity, &times), 1);
        assert_int_equal(times, 1);
    }
    close_all();
    changes_bytes = 0;
}

static void acted(jd_alert_ticket *t) {
    waiting *w = t->user;
    pthread_mutex_lock(&w->lock);
    w->done = 1;
    pthread_cond_signal(&w->come);
    pthread_mutex_unlock(&w->lock);
}

static jd_errcode act(jd_alert_act what, unsigned i, int64_t ahead_us) {
    char id[100];
    waiting wait = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    snprintf(id, sizeof id, "urn:ngsi-ld:Alert:quiet:any:urn:s:%u", i);
    jd_alert_ticket t = {.id = jd_str_of(id),
                         .act = what,
                         .by = JD_STR("li"),
                         .comment = JD_STR("why"),
                         .until = jd_now() + ahead_us,
                         .done = acted,
                         .user = &wait};
    jd_alert_act_on(rules, &t);
    pthread_mutex_lock(&wait.lock);
    while (!wait.done) pthread_cond_wait(&wait.come, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    return t.err.code;
}

static int is_silenced(unsigned i) {
    jd_arena a;
    jd_view v;
    jd_doc d;
    jd_attrview x;
    char id[100];
    snprintf(id, sizeof id, "urn:ngsi-ld:Alert:quiet:any:urn:s:%u", i);
    jd_arena_init(&a);
    jd_view_begin(&v, e, 0, &a);
    assert_true(jd_view_get(&v, jd_str_of(id), &d));
    jd_sym s = jd_sym_find(jd_engine_symbols(e), jd_ctx_expand(jd_alert_names(rules), &a, JD_STR("silencedUntil")));
    int there = s && jd_doc_attr(&d, s, &x, NULL);
    jd_view_end(&v);
    jd_arena_fini(&a);
    return there;
}

/* Many silences come and go, and what is left of them ends at its time, also behind a stop. */
static void test_silences(void **state) {
    enum { SILENT = 30, ROUNDS = 40 };
    static const char pack[] = "[{\"rule\":1,\"id\":\"any\",\"title\":{\"zh\":\"任\",\"en\":\"any\"},"
                               "\"type\":\"Sensor\",\"levels\":[{\"severity\":\"info\",\"when\":\"n >= 0\"}]}]";
    (void)state;
    changes_bytes = 0;
    open_all();
    apply("quiet", pack);
    go();
    for (unsigned i = 0; i < SILENT; i++) reading(i, 5, 0);
    settle();
    assert_int_equal(act(JD_ALERT_UNSILENCE, 0, 0), JD_E_NOT_FOUND);
    assert_int_equal(act(JD_ALERT_SILENCE, 0, -1), JD_E_BAD_REQUEST_DATA);
    for (unsigned k = 0; k < ROUNDS; k++) {
        for (unsigned i = 0; i < SILENT; i++)
            assert_int_equal(act(JD_ALERT_SILENCE, i, (int64_t)3600 * 1000000), JD_E_OK);
        for (unsigned i = k % 2; i < SILENT; i++) assert_int_equal(act(JD_ALERT_UNSILENCE, i, 0), JD_E_OK);
        if (k % 2) assert_int_equal(act(JD_ALERT_UNSILENCE, 0, 0), JD_E_OK);
    }
    for (unsigned i = 0; i < SILENT; i++)
        assert_int_equal(act(JD_ALERT_SILENCE, i, i % 2 ? (int64_t)3600 * 1000000 : 3000000), JD_E_OK);
    for (unsigned i = 0; i < SILENT; i++) assert_true(is_silenced(i));
    close_all();
    open_all();
    apply("quiet", pack);
    go();
    for (int k = 0; k < 400 && is_silenced(SILENT - 2); k++) pause_ms(50);
    settle();
    for (unsigned i = 0; i < SILENT; i++) assert_int_equal(is_silenced(i), i % 2);
    close_all();
}

/* ---- a rule tried on what was, against what it did ---- */

static const char delayed[] =
    "[{\"rule\":1,\"id\":\"slow\",\"title\":{\"zh\":\"慢\",\"en\":\"slow\"},\"type\":\"Sensor\","
    "  \"levels\":[{\"severity\":\"red\",\"when\":\"n > 80\",\"until\":\"n < 70\"},"
    "              {\"severity\":\"yellow\",\"when\":\"n > 50\",\"until\":\"n < 40\"}],"
    "  \"for\":\"3min\",\"clearAfter\":\"2min\"}]";
enum { TRIED = 3, READINGS = 500 };
static const jd_time tried_from = (jd_time)1700000000 * 1000000, tried_minute = (jd_time)60 * 1000000;

static void reading_at(unsigned i, unsigned n, jd_time at) {
    char json[200], when[JD_TIME_TEXT_MAX];
    size_t len = jd_time_print(at, -1, when);
    snprintf(json, sizeof json,
             "{\"id\":\"urn:t:%u\",\"type\":\"Sensor\",\"n\":{\"type\":\"Property\",\"value\":%u,"
             "\"observedAt\":\"%.*s\"}}",
             i, n, (int)len, when);
    put(json);
}

/* "raised red 17; cleared 21; ", times in minutes: as the alert's own history has it. */
static void what_it_did(unsigned i, jd_buf *out) {
    jd_arena a;
    jd_view v;
    jd_doc d;
    jd_err err = {0};
    jd_alert_spell *s;
    jd_alert_courses c;
    size_t n = 0;
    char id[100];
    snprintf(id, sizeof id, "urn:ngsi-ld:Alert:tried:slow:urn:t:%u", i);
    jd_arena_init(&a);
    jd_view_begin(&v, e, 0, &a);
    jd_alert_courses_begin(rules, INT64_MIN, &c);
    c.by_data = 1;
    if (jd_view_get(&v, jd_str_of(id), &d) && jd_alert_course(&c, &v, &d, &a, &s, &n, &err)) fail_msg("%s", err.en);
    for (size_t k = 0; k < n; k++) {
        jd_buf_printf(out, "raised %s %lld; ", jd_severity_name(s[k].steps[0].severity, 0),
                      (long long)((s[k].valid_from - tried_from) / tried_minute));
        for (size_t j = 1; j < s[k].steps_n; j++)
            jd_buf_printf(out, "changed %s; ", jd_severity_name(s[k].steps[j].severity, 0));
        if (s[k].valid_to != INT64_MAX)
            jd_buf_printf(out, "cleared %lld; ", (long long)((s[k].valid_to - tried_from) / tried_minute));
    }
    jd_view_end(&v);
    jd_arena_fini(&a);
}

static void what_it_would_do(const jd_jval *alert, jd_buf *out) {
    const jd_jval *events = jd_jget(alert, "events");
    for (uint32_t k = 0; events && k < events->n; k++) {
        jd_str what = jd_jstr(jd_jget(&events->items[k], "what")),
               severity = jd_jstr(jd_jget(&events->items[k], "severity"));
        jd_time at;
        assert_int_equal(jd_time_parse(jd_jstr(jd_jget(&events->items[k], "at")), &at, NULL), 0);
        int clears = jd_str_is(what, "cleared"), changes = jd_str_is(what, "changed");
        jd_buf_str(out, what);
        if (!clears) jd_buf_printf(out, " %.*s", JD_STR_ARG(severity));
        if (!changes) jd_buf_printf(out, " %lld", (long long)((at - tried_from) / tried_minute));
        jd_buf_z(out, "; ");
    }
}

static void try_it(uint64_t most, jd_time to, jd_arena *a, jd_jval *out) {
    jd_err err = {0};
    size_t at;
    jd_buf b = {0};
    jd_ruleset *s = compile(a, "tried", delayed, &err, &at);
    assert_non_null(s);
    assert_int_equal(jd_ruleset_only(s, JD_STR("slow")), 0);
    jd_rule_trying how = {.from = tried_from, .to = to, .most = most};
    jd_str names[TRIED];
    char ids[TRIED][16];
    for (int i = 0; i < TRIED; i++) {
        snprintf(ids[i], sizeof ids[i], "urn:t:%d", i);
        names[i] = jd_str_of(ids[i]);
    }
    how.entities = names;
    how.entities_n = TRIED;
    if (jd_rule_try(rules, s, &how, &b, &err)) fail_msg("%s", err.en);
    if (jd_json_parse(a, jd_arena_dup(a, jd_buf_view(&b)), NULL, out, &err)) fail_msg("%s", err.en);
    jd_buf_fini(&b);
}

/* Random walks, judged live as they come; then the same rule on what was: the same, event by event. */
static void test_a_rule_on_what_was(void **state) {
    (void)state;
    jd_arena a;
    jd_jval v;
    unsigned at[TRIED] = {45, 60, 30}, events = 0;
    open_all();
    apply("tried", delayed);
    go();
    for (unsigned k = 0; k < READINGS; k++)
        for (unsigned i = 0; i < TRIED; i++) {
            at[i] = at[i] + below(31) < 15 ? 0 : at[i] + below(31) - 15;
            if (at[i] > 100) at[i] = 100;
            reading_at(i, at[i], tried_from + (jd_time)k * tried_minute);
        }
    settle();
    jd_arena_init(&a);
    jd_time to = tried_from + READINGS * tried_minute;
    try_it(0, to, &a, &v);
    assert_int_equal((int)jd_jnum(jd_jget(&v, "entities")), TRIED);
    const jd_jval *all = jd_jget(&v, "alerts");
    for (unsigned i = 0; i < TRIED; i++) {
        jd_buf did = {0}, would = {0};
        char id[16];
        snprintf(id, sizeof id, "urn:t:%u", i);
        what_it_did(i, &did);
        for (uint32_t k = 0; k < all->n; k++)
            if (jd_jis(jd_jget(&all->items[k], "entity"), id)) what_it_would_do(&all->items[k], &would);
        jd_buf_c(&did, 0);
        jd_buf_c(&would, 0);
        assert_string_equal(would.p, did.p);
        for (const char *p = did.p; *p; p++) events += *p == ';';
        jd_buf_fini(&did);
        jd_buf_fini(&would);
    }
    assert_true(events > 60);
    /* exactly as many as there are; and one less */
    try_it((uint64_t)TRIED * READINGS, to, &a, &v);
    assert_int_equal(jd_jget(&v, "cut")->type, JD_JFALSE);
    try_it((uint64_t)TRIED * READINGS - 1, to, &a, &v);
    assert_int_equal(jd_jget(&v, "cut")->type, JD_JTRUE);
    jd_time until;
    assert_int_equal(jd_time_parse(jd_jstr(jd_jget(&v, "until")), &until, NULL), 0);
    assert_true(until == to - tried_minute);
    jd_arena_fini(&a);
    close_all();
}

static void test_what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *json, *place;
        size_t at;
    } bad[] = {
        {"[{\"rule\":1}]", "id", 0},
        {"[{\"rule\":1,\"id\":\"X\",\"type\":\"Sensor\"}]", "id", 0},
        {"[{\"rule\":1,\"id\":\"x\",\"title\":{\"zh\":\"a\",\"en\":\"a\"},\"type\":\"Sensor\",\"levels\":[]}]",
         "levels", 0},
        {"[{\"rule\":1,\"id\":\"x\",\"title\":{\"zh\":\"a\",\"en\":\"a\"},\"type\":\"Sensor\",\"levels\":[{"
         "\"severity\":"
         "\"red\",\"when\":\"n >\"}]}]",
         "levels[0].when, ", 0},
        {"[{\"rule\":1,\"id\":\"x\",\"title\":{\"zh\":\"a\",\"en\":\"a\"},\"type\":\"Sensor\",\"levels\":[{"
         "\"severity\":"
         "\"red\",\"when\":\"unheard > 1\"}]}]",
         "levels[0].when, ", 0},
        {"[{\"rule\":1,\"id\":\"x\",\"title\":{\"zh\":\"a\",\"en\":\"a\"},\"type\":\"Sensor\",\"levels\":[{"
         "\"severity\":"
         "\"red\",\"when\":\"n + 1\"}]}]",
         "levels[0].when, ", 0},
        {"[{\"derive\":1,\"id\":\"a\",\"type\":\"Sensor\",\"attribute\":\"m\",\"value\":\"n\"},"
         "{\"derive\":1,\"id\":\"b\",\"type\":\"Sensor\",\"attribute\":\"n\",\"value\":\"m\"}]",
         "value", 0},
        {"[{\"derive\":1,\"id\":\"a\",\"type\":\"Sensor\",\"attribute\":\"m\",\"value\":\"n\"},"
         "{\"derive\":1,\"id\":\"a\",\"type\":\"Sensor\",\"attribute\":\"twice\",\"value\":\"n\"}]",
         "id", 1},
    };
    open_all();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        jd_arena a;
        jd_err err = {0};
        size_t at = 99;
        jd_arena_init(&a);
        assert_null(compile(&a, "bad", bad[i].json, &err, &at));
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        if (strncmp(err.place, bad[i].place, strlen(bad[i].place)) != 0)
            fail_msg("%zu: place %s, text %s", i, err.place, err.en);
        assert_int_equal(at, bad[i].at);
        assert_true(err.zh[0] != 0);
        jd_arena_fini(&a);
    }
    go();
    close_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),   cmocka_unit_test(test_alerts_are_those_of_the_model),
        cmocka_unit_test(test_what_is_told_late), cmocka_unit_test(test_a_full_queue_lets_effects_pass),
        cmocka_unit_test(test_silences),          cmocka_unit_test(test_a_rule_on_what_was)};
    snprintf(dir, sizeof dir, "/tmp/jindu-rules-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) || rc;
}
