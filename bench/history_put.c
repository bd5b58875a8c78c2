#include "history_put.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void done(jd_job *job) {
    put *p = job->user;
    for (size_t i = 0; i < job->n; i++)
        if (job->writes[i].err.code) bench_die("%s", job->writes[i].err.en);
    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < 2; i++)
        if (&p->slot[i].job == job) p->slot[i].busy = 0;
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
}

void put_open(put *p, const jd_engine_opts *o) {
    *p = (put){.lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};
    jd_err err = {0};
    if (jd_engine_open(&p->e, o, &err)) bench_die("%s", err.en);
    jd_contexts_opts co = {.no_fetch = 1};
    p->contexts = jd_contexts_create(jd_engine_symbols(p->e), &co, &err);
    if (!p->contexts) bench_die("%s", err.en);
    jd_arena_init(&p->slot[0].arena);
    jd_arena_init(&p->slot[1].arena);
}

static void wait_for(put *p, const put_slot *s) {
    pthread_mutex_lock(&p->lock);
    while (s->busy) pthread_cond_wait(&p->freed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static void make(put *p, put_slot *s, jd_str text, jd_op op, jd_write *w) {
    jd_err err = {0};
    jd_jval v;
    jd_ent *ent = JD_NEW(&s->arena, jd_ent);
    jd_parse ps = {.arena = &s->arena, .ctx = jd_contexts_core(p->contexts), .symbols = jd_engine_symbols(p->e)};
    text = jd_arena_dup(&s->arena, text);
    int bad = jd_json_parse(&s->arena, text, NULL, &v, &err);
    if (op == JD_OP_CREATE) {
        bad = bad || jd_ent_parse(&ps, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, ent, &err);
        w->rq = (jd_change_req){.flags = JD_AP_REPLACE_EXISTING, .id = ent->id, .ent = ent, .observed = JD_TIME_NONE};
    } else {
        bad = bad || jd_temporal_parse(&ps, &v, 1, (jd_str){NULL, 0}, ent, &err) ||
              jd_moments_make(p->e, ent, &s->arena, w, &err);
    }
    if (bad) bench_die("%s: %.200s", err.en, text.p);
    w->rq.op = op;
}

void put_entities(put *p, const jd_str *texts, size_t n, jd_op op) {
    put_slot *s = &p->slot[p->next];
    p->next = !p->next;
    wait_for(p, s);
    jd_arena_reset(&s->arena);
    jd_write *w = JD_NEWN(&s->arena, jd_write, n);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        make(p, s, texts[i], op, &w[i]);
        bytes += texts[i].n;
    }
    s->busy = 1;
    s->job = (jd_job){.writes = w, .n = n, .arena = &s->arena, .bytes = bytes, .done = done, .user = p};
    jd_err err = {0};
    if (jd_submit(p->e, &s->job, &err)) bench_die("%s", err.en);
}

void put_wait(put *p) {
    wait_for(p, &p->slot[0]);
    wait_for(p, &p->slot[1]);
}

static double metric(put *p, const char *name) {
    jd_buf b = {0};
    jd_engine_metrics(p->e, &b);
    jd_buf_c(&b, 0);
    size_t n = strlen(name);
    double v = -1;
    for (char *line = b.p; line && v < 0; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (!strncmp(line, name, n) && line[n] == ' ') v = strtod(line + n, NULL);
    jd_buf_fini(&b);
    return v;
}

void put_settle(put *p) {
    jd_err err = {0};
    put_wait(p);
    if (jd_engine_settle(p->e, &err)) bench_die("%s", err.en);
    while (metric(p, "jindu_store_log_rows") > 0) usleep(10000);
}

void put_close(put *p) {
    put_wait(p);
    jd_contexts_destroy(p->contexts);
    jd_engine_close(p->e);
    jd_arena_fini(&p->slot[0].arena);
    jd_arena_fini(&p->slot[1].arena);
}
