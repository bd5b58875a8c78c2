/* How messages become durable: one job of writes at a time, and who waits for it; old ones go. */
#include "people/people_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAVE_MAX = 256,  /* documents written by one job */
    AGAIN_MS = 1000, /* after a write that was refused */
    BUSY_MS = 50,    /* after the writer's queue was full */
    TRIM_MAX = 8192  /* old messages that go at once */
};

void people_dirty(jd_people *p, message *m) {
    m->version++;
    if (m->dirty) return;
    m->dirty = 1;
    m->next_dirty = NULL;
    *p->dirty_last = m;
    p->dirty_last = &m->next_dirty;
}

/* ---- tickets ---- */

void jd_ticket_begin(jd_ticket *t, void (*done)(jd_ticket *t), void *user) {
    *t = (jd_ticket){.done = done, .user = user, .left = 1};
}

void jd_ticket_end(jd_people *p, jd_ticket *t) {
    pthread_mutex_lock(&p->lock);
    int over = !--t->left;
    pthread_mutex_unlock(&p->lock);
    people_wake(p);
    if (over) t->done(t);
}

void keep_wait(message *m, jd_ticket *t) {
    if (!t || m->saved >= m->version) return;
    if (m->waiters && m->waiters->ticket == t) {
        m->waiters->version = m->version;
        return;
    }
    waiter *w = jd_xcalloc(1, sizeof *w);
    *w = (waiter){.next = m->waiters, .ticket = t, .version = m->version};
    m->waiters = w;
    t->left++;
}

/* Those whose version is kept, or all when it was refused. */
static void settle(message *m, const jd_err *err, keep_over *o) {
    for (waiter **at = &m->waiters, *w; (w = *at);) {
        if (err->code == JD_E_OK && w->version > m->saved) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (err->code != JD_E_OK) w->ticket->err = *err;
        if (!--w->ticket->left) {
            if (o->n == o->cap) o->t = jd_xrealloc(o->t, (o->cap = o->cap ? o->cap * 2 : 16) * sizeof(jd_ticket *));
            o->t[o->n++] = w->ticket;
        }
        free(w);
    }
}

void keep_call(keep_over *o) {
    for (size_t i = 0; i < o->n; i++) o->t[i]->done(o->t[i]);
    free(o->t);
}

/* ---- durable ---- */

typedef struct save {
    jd_job job;
    jd_arena arena;
    jd_people *p;
    jd_write *w;
    message **m; /* NULL entries: old messages that go */
    uint64_t *version;
} save;

static void save_free(save *s) {
    jd_arena_fini(&s->arena);
    free(s);
}

static void saved_one(jd_people *p, message *m, uint64_t version, const jd_err *err, keep_over *o) {
    jd_time now = jd_now();
    m->saving = 0;
    if (err->code == JD_E_OK) {
        m->saved = version;
        m->unkept = 0;
        settle(m, err, o);
        for (uint32_t i = 0; i < m->people_n; i++) plan_enlist(p, m->people[i], now);
        return;
    }
    settle(m, err, o);
    jd_log(JD_LOG_ERROR, "people.not_kept", "message=%.*s why=\"%s\"", JD_STR_ARG(m->id), err->en);
    if (!m->saved) { /* it was refused: it never was */
        for (message **at = &p->dirty; *at; at = &(*at)->next_dirty)
            if (*at == m) {
                *at = m->next_dirty;
                if (!*at) p->dirty_last = at;
                break;
            }
        p->kept--;
        people_open_remove(p, m);
        return;
    }
    m->unkept = 1; /* what is to be told is told all the same */
    if (!m->dirty) people_dirty(p, m);
    p->save_again_ms = jd_mono_ns() / 1000000 + AGAIN_MS;
}

static void saved(jd_job *job) {
    save *s = job->user;
    jd_people *p = s->p;
    keep_over o = {0};
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < job->n; i++) {
        if (s->m[i])
            saved_one(p, s->m[i], s->version[i], &job->writes[i].err, &o);
        else if (job->writes[i].err.code == JD_E_OK || job->writes[i].err.code == JD_E_NOT_FOUND)
            p->kept--;
    }
    p->saving = NULL;
    people_wake(p); /* under the lock: who waits for the last one may free the room behind it */
    pthread_mutex_unlock(&p->lock);
    keep_call(&o);
    save_free(s);
}

static save *save_make(jd_people *p, size_t n) {
    save *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    s->p = p;
    s->w = JD_NEWN(&s->arena, jd_write, n);
    s->m = JD_NEWN(&s->arena, message *, n);
    s->version = JD_NEWN(&s->arena, uint64_t, n);
    s->job = (jd_job){.tenant = {"", 0}, .writes = s->w, .arena = &s->arena, .done = saved, .user = s};
    return s;
}

static void save_add(save *s, message *m) {
    jd_buf text = {0};
    size_t i = s->job.n++;
    message_write(m, &text);
    s->m[i] = m;
    s->version[i] = m->version;
    s->w[i] = (jd_write){.kind = JD_K_MESSAGE,
                         .rq = {.id = jd_arena_dup(&s->arena, m->id)},
                         .raw_body = jd_arena_dup(&s->arena, jd_buf_view(&text)),
                         .if_none_match_any = !m->saved};
    s->job.bytes += text.n + 200;
    m->dirty = 0;
    m->saving = 1;
    jd_buf_fini(&text);
}

static void submit(jd_people *p, save *s, keep_over *o) {
    jd_err err = {0};
    p->saving = s;
    if (!jd_submit(p->o.engine, &s->job, &err)) return;
    p->saving = NULL;
    p->save_again_ms = jd_mono_ns() / 1000000 + (err.code == JD_E_BUSY ? BUSY_MS : AGAIN_MS);
    for (size_t i = 0; i < s->job.n; i++) {
        message *m = s->m[i];
        if (!m) continue;
        m->saving = 0;
        if (err.code != JD_E_BUSY || p->stopping)
            saved_one(p, m, 0, &err, o);
        else if (!m->dirty)
            people_dirty(p, m);
    }
    save_free(s);
}

/* One job at a time: what changes meanwhile goes with the next one, however often it changes. */
void keep_flush(jd_people *p, keep_over *o) {
    if (p->saving || !p->dirty || jd_mono_ns() / 1000000 < p->save_again_ms) return;
    save *s = save_make(p, SAVE_MAX);
    while (p->dirty && s->job.n < SAVE_MAX) {
        message *m = p->dirty;
        p->dirty = m->next_dirty;
        if (!p->dirty) p->dirty_last = &p->dirty;
        save_add(s, m);
    }
    submit(p, s, o);
}

/* ---- old messages go ---- */

typedef struct trimming {
    save *s;
    size_t want;
} trimming;

static void trim_one(void *user, jd_str id, jd_str body) {
    trimming *t = user;
    (void)body;
    if (t->s->job.n >= t->want || people_open(t->s->p, id)) return;
    t->s->w[t->s->job.n++] = (jd_write){.kind = JD_K_MESSAGE, .rq = {.id = jd_arena_dup(&t->s->arena, id)}};
}

void keep_trim(jd_people *p, keep_over *o) {
    if (p->saving || p->stopping || p->kept <= p->o.kept_max + p->o.kept_max / 100 ||
        jd_mono_ns() / 1000000 < p->save_again_ms)
        return;
    uint64_t want = p->kept - p->o.kept_max;
    trimming t = {save_make(p, TRIM_MAX), want < TRIM_MAX ? (size_t)want : TRIM_MAX};
    jd_view v;
    jd_view_begin(&v, p->o.engine, 0, &t.s->arena);
    jd_view_each_kind(&v, JD_K_MESSAGE, &t, trim_one); /* in the order in which they came */
    jd_view_end(&v);
    t.s->job.bytes = t.s->job.n * 100;
    if (t.s->job.n) {
        submit(p, t.s, o);
        return;
    }
    p->save_again_ms = jd_mono_ns() / 1000000 + AGAIN_MS; /* all are open */
    save_free(t.s);
}
