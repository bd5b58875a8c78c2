/* The index of subscriptions against looking at all of them: random subscriptions by id, pattern, type, scope, place
 * and attribute, random changes; whatever a subscription would tell of, the index has offered, each subscription once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "told/told_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SUBS = 400, CHANGES = 3000, IDS = 40 };

static char dir[64];
static jd_told_room room;
static sub *subs[SUBS];
static uint64_t rng = 7, offered_all, matched_all;
static unsigned char offered[SUBS];

static uint32_t below(uint32_t n) {
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(rng >> 33) % n;
}

static const char *pick(const char *const *words, uint32_t n) {
    return words[below(n)];
}

static const char *const types[] = {"A", "B", "C"}, *const attrs[] = {"n", "m", "k"},
                         *const scopes[] = {"/x", "/x/y", "/x/y/z", "/w", "/w/v"};

static sub *make(uint32_t i) {
    jd_arena a;
    jd_err err = {0};
    jd_jval v;
    jd_str id, body;
    sub *s = NULL;
    jd_buf b = {0};
    jd_arena_init(&a);
    jd_buf_printf(&b, "{\"id\":\"urn:s:%u\",\"type\":\"Subscription\",\"entities\":[", i);
    uint32_t n = 1 + below(2);
    for (uint32_t k = 0; k < n; k++) {
        jd_buf_printf(&b, "%s{\"type\":\"%s%s%s\"", k ? "," : "", below(8) ? pick(types, 3) : "*", "", "");
        if (below(3) == 0) jd_buf_printf(&b, ",\"id\":\"urn:e:%u\"", below(IDS));
        if (below(5) == 0) jd_buf_printf(&b, ",\"idPattern\":\"%u$\"", below(10));
        jd_buf_c(&b, '}');
    }
    jd_buf_c(&b, ']');
    if (below(2)) jd_buf_printf(&b, ",\"watchedAttributes\":[\"%s\"]", pick(attrs, 3));
    if (below(3) == 0) jd_buf_printf(&b, ",\"scopeQ\":\"%s%s\"", pick(scopes, 5), below(2) ? "/#" : "");
    if (below(3) == 0)
        jd_buf_printf(
            &b, ",\"geoQ\":{\"georel\":\"near;maxDistance==%u\",\"geometry\":\"Point\",\"coordinates\":[119.%u,32.%u]}",
            1000 + below(40000), below(10), below(10));
    if (below(3) == 0) jd_buf_printf(&b, ",\"q\":\"n>%u\"", below(100));
    if (below(3) == 0)
        jd_buf_z(&b, below(2) ? ",\"notificationTrigger\":[\"entityDeleted\",\"attributeDeleted\"]"
                              : ",\"notificationTrigger\":[\"entityCreated\",\"entityUpdated\"]");
    jd_buf_z(&b, ",\"notification\":{\"endpoint\":{\"uri\":\"http://127.0.0.1:1/\"}}}");
    if (jd_json_parse(&a, jd_arena_dup(&a, jd_buf_view(&b)), NULL, &v, &err) ||
        jd_sub_check(&room, &v, jd_contexts_core(room.o.contexts), (jd_str){NULL, 0}, jd_now(), &a, &id, &body, &err) ||
        sub_compile(&room, 0, id, body, &s, &err))
        fail_msg("%s: %s", b.p, err.en);
    jd_buf_fini(&b);
    jd_arena_fini(&a);
    return s;
}

static void offer(void *user, sub *s) {
    (void)user;
    for (uint32_t i = 0; i < SUBS; i++)
        if (subs[i] == s) {
            assert_int_equal(offered[i], 0); /* once */
            offered[i] = 1;
            offered_all++;
            return;
        }
    fail_msg("a subscription that is gone was offered");
}

static void on_group(void *user, uint64_t group, const jd_seen *seen, size_t n) {
    (void)user, (void)group;
    jd_arena a;
    jd_arena_init(&a);
    for (size_t i = 0; i < n; i++) {
        jd_doc before, after, *was = NULL, *is = NULL;
        if (seen[i].was.p) jd_doc_open(was = &before, seen[i].was);
        if (seen[i].is.p) jd_doc_open(is = &after, seen[i].is);
        memset(offered, 0, sizeof offered);
        index_offer(room.index, seen[i].tenant, was, is, jd_engine_symbols(room.o.engine), &a, offer, NULL);
        for (uint32_t k = 0; k < SUBS; k++) {
            if (!sub_matches(subs[k], was, is, jd_now(), room.o.engine, NULL)) continue;
            matched_all++;
            if (!offered[k]) fail_msg("not offered: %.*s", JD_STR_ARG(subs[k]->body));
        }
    }
    jd_arena_fini(&a);
}

static void done(jd_job *job) {
    *(int *)job->user = 1;
}

static void change(void) {
    jd_engine *e = room.o.engine;
    jd_arena a;
    jd_err err = {0};
    jd_jval v;
    jd_ent ent;
    int is_done = 0;
    jd_buf b = {0};
    jd_arena_init(&a);
    jd_str id = jd_arena_printf(&a, "urn:e:%u", below(IDS));
    jd_write w = {.rq = {.op = JD_OP_DELETE, .id = id, .observed = JD_TIME_NONE}};
    jd_buf_printf(&b, "{\"id\":\"%.*s\",\"type\":\"%s\"", JD_STR_ARG(id), pick(types, 3));
    for (uint32_t k = 0; k < 3; k++)
        if (below(2)) jd_buf_printf(&b, ",\"%s\":%u", attrs[k], below(100));
    if (below(2)) jd_buf_printf(&b, ",\"scope\":[\"%s\",\"%s\"]", pick(scopes, 5), pick(scopes, 5));
    if (below(2))
        jd_buf_printf(
            &b,
            ",\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[119.%u,32.%u]}}",
            below(100), below(100));
    jd_buf_c(&b, '}');
    if (below(8)) {
        jd_parse p = {.arena = &a, .ctx = jd_contexts_core(room.o.contexts), .symbols = jd_engine_symbols(e)};
        if (jd_json_parse(&a, jd_arena_dup(&a, jd_buf_view(&b)), NULL, &v, &err) ||
            jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ent, &err))
            fail_msg("%s: %s", b.p, err.en);
        w.rq = (jd_change_req){
            .op = JD_OP_CREATE, .flags = JD_AP_REPLACE_EXISTING, .id = id, .ent = &ent, .observed = JD_TIME_NONE};
    }
    jd_job job = {.writes = &w, .n = 1, .arena = &a, .done = done, .user = &is_done};
    assert_int_equal(jd_submit(e, &job, &err), 0);
    while (!is_done) jd_engine_step(e);
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

static void test_nothing_is_missed(void **state) {
    (void)state;
    jd_err err = {0};
    snprintf(dir, sizeof dir, "/tmp/jindu-told-XXXXXX");
    assert_non_null(mkdtemp(dir));
    jd_engine_opts o = {.dir = dir, .manual = 1, .min_free = 1};
    if (jd_engine_open(&room.o.engine, &o, &err)) fail_msg("%s", err.en);
    jd_contexts_opts co = {.no_fetch = 1};
    room.o.contexts = jd_contexts_create(jd_engine_symbols(room.o.engine), &co, &err);
    room.index = index_make();
    for (uint32_t i = 0; i < 60; i++) change(); /* names are known */
    for (uint32_t i = 0; i < SUBS; i++) index_add(room.index, subs[i] = make(i));
    jd_engine_watch(room.o.engine, JD_WATCH_TOLD, on_group, NULL, NULL);
    for (uint32_t i = 0; i < CHANGES; i++) {
        change();
        uint32_t at = below(SUBS); /* one goes, another comes */
        index_remove(room.index, subs[at]);
        sub_unref(subs[at]);
        index_add(room.index, subs[at] = make(at));
    }
    print_message("offered %llu, of which %llu match, of %llu\n", (unsigned long long)offered_all,
                  (unsigned long long)matched_all, (unsigned long long)SUBS * CHANGES);
    assert_true(matched_all > 1000);
    assert_true(offered_all < (uint64_t)SUBS * CHANGES / 2);
    for (uint32_t i = 0; i < SUBS; i++) index_remove(room.index, subs[i]), sub_unref(subs[i]);
    index_free(room.index);
    jd_contexts_destroy(room.o.contexts);
    jd_engine_close(room.o.engine);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_missed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
