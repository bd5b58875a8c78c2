/* Moments of a table, gathered by entity into batches of some thousand readings. */
#include "link/batches.h"

#include "base/hash.h"
#include "engine/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_READINGS = 20000, BATCH_ENTITIES = 2000, BATCH_BYTES = 32 << 20 };
/* A queue that is full of others' changes is waited for, since what a table gave so far is kept in any case. */
enum { BUSY_WAIT_US = 50000, BUSY_TRIES = 600 };

typedef struct piece { /* attributes of one moment */
    jd_attr *attrs;
    uint32_t n;
    struct piece *next;
} piece;

typedef struct subject { /* one entity of a batch */
    jd_str id;
    jd_sym *types;
    uint32_t types_n;
    piece *first, **last;
    uint32_t readings;
    jd_attr *fixed; /* to be said beside the readings */
    uint32_t fixed_n, fixed_cap;
} subject;

typedef struct batch {
    jd_batches *all;
    jd_arena arena;
    jd_strmap ids;
    subject subjects[BATCH_ENTITIES];
    uint32_t n, readings;
    jd_job job;
    jd_write writes[2 * BATCH_ENTITIES];
    uint32_t write_readings[2 * BATCH_ENTITIES];
    int submitted; /* the owner's */
    int done;      /* under the lock */
} batch;

struct jd_batches {
    jd_batches_opts o;
    batch *batches[2];
    int filling;
    uint64_t refused;
    pthread_mutex_t lock;
    pthread_cond_t settled;
};

static void batch_reset(batch *b) {
    jd_strmap_fini(&b->ids);
    jd_strmap_init(&b->ids);
    jd_arena_reset(&b->arena);
    b->n = b->readings = 0;
    b->job = (jd_job){.arena = &b->arena, .writes = b->writes, .make_tenant = 1};
    b->submitted = b->done = 0;
}

jd_batches *jd_batches_new(const jd_batches_opts *opts) {
    jd_batches *x = jd_xcalloc(1, sizeof *x);
    x->o = *opts;
    if (!x->o.tenant) x->o.tenant = "";
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->settled, NULL);
    for (int i = 0; i < 2; i++) {
        x->batches[i] = jd_xcalloc(1, sizeof(batch));
        x->batches[i]->all = x;
        jd_arena_init(&x->batches[i]->arena);
        jd_strmap_init(&x->batches[i]->ids);
        batch_reset(x->batches[i]);
    }
    return x;
}

jd_arena *jd_batches_arena(jd_batches *x) {
    return &x->batches[x->filling]->arena;
}

uint64_t jd_batches_refused(const jd_batches *x) {
    return x->refused;
}

/* ---- what is settled ---- */

static void written(jd_job *job) { /* on the writer thread */
    batch *b = job->user;
    pthread_mutex_lock(&b->all->lock);
    b->done = 1;
    pthread_cond_broadcast(&b->all->settled);
    pthread_mutex_unlock(&b->all->lock);
}

int jd_batches_is_about_record(jd_errcode code) {
    return code != JD_E_INTERNAL && code != JD_E_UNKNOWN_OUTCOME && code != JD_E_BUSY && code != JD_E_STORAGE_FULL;
}

static void refuse(jd_batches *x, jd_str id, uint32_t n, const jd_err *err) {
    x->refused += n;
    if (x->o.refused) x->o.refused(x->o.user, id, n, err);
}

static void wait_for(jd_batches *x, const batch *b) {
    pthread_mutex_lock(&x->lock);
    while (b->submitted && !b->done) pthread_cond_wait(&x->settled, &x->lock);
    pthread_mutex_unlock(&x->lock);
}

static int settle(jd_batches *x, batch *b, jd_err *err) {
    int rc = 0;
    if (!b->submitted) return 0;
    wait_for(x, b);
    for (size_t i = 0; i < b->job.n; i++) {
        const jd_write *w = &b->writes[i];
        if (!w->err.code) continue;
        if (jd_batches_is_about_record(w->err.code)) {
            refuse(x, w->rq.id, b->write_readings[i], &w->err);
        } else if (!rc) {
            *err = w->err;
            rc = -1;
        }
    }
    batch_reset(b);
    return rc;
}

void jd_batches_free(jd_batches *x) {
    if (!x) return;
    for (int i = 0; i < 2; i++) {
        wait_for(x, x->batches[i]);
        jd_strmap_fini(&x->batches[i]->ids);
        jd_arena_fini(&x->batches[i]->arena);
        free(x->batches[i]);
    }
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->settled);
    free(x);
}

/* ---- readings ---- */

static int observe(batch *b, const subject *s, jd_err *err) {
    jd_told t = {.id = s->id, .types = s->types, .types_n = s->types_n};
    t.attrs = JD_NEWN(&b->arena, jd_attr, s->readings);
    for (const piece *p = s->first; p; p = p->next)
        for (uint32_t i = 0; i < p->n; i++) t.attrs[t.attrs_n++] = p->attrs[i];
    if (jd_observe_readings(b->all->o.engine, &t, &b->arena, &b->writes[b->job.n], err)) return -1;
    b->write_readings[b->job.n++] = s->readings;
    return 0;
}

static int fixed(batch *b, const subject *s, jd_err *err) {
    jd_batches *x = b->all;
    jd_told t = {.id = s->id, .types = s->types, .types_n = s->types_n, .attrs = s->fixed, .attrs_n = s->fixed_n};
    int tenant = jd_tenant_find(x->o.engine, jd_str_of(x->o.tenant));
    int news = jd_observe_fixed(x->o.engine, tenant, &t, &b->arena, &b->writes[b->job.n], err);
    if (news <= 0) return news;
    b->write_readings[b->job.n] = b->writes[b->job.n].rq.ent->attrs_n;
    b->job.n++;
    return 0;
}

/* ---- batches ---- */

static int hand_over(jd_batches *x, batch *b, jd_err *err) {
    for (int i = 0;; i++) {
        *err = (jd_err){0};
        if (!jd_submit(x->o.engine, &b->job, err)) return 0;
        if (err->code != JD_E_BUSY || i == BUSY_TRIES || (x->o.stop && atomic_load(x->o.stop))) return -1;
        usleep(BUSY_WAIT_US);
    }
}

static int submit(jd_batches *x, jd_err *err) {
    batch *b = x->batches[x->filling];
    jd_err why = {0};
    int rc = settle(x, x->batches[!x->filling], err);
    x->filling = !x->filling;
    for (uint32_t i = 0; i < b->n && !rc; i++) {
        subject *s = &b->subjects[i];
        if (s->fixed_n && fixed(b, s, &why)) refuse(x, s->id, s->fixed_n, &why);
        if (s->readings && observe(b, s, &why)) refuse(x, s->id, s->readings, &why);
    }
    if (rc || !b->job.n) {
        batch_reset(b);
        return rc;
    }
    b->job.bytes = b->arena.total;
    b->job.tenant = jd_str_of(x->o.tenant);
    b->job.done = written;
    b->job.user = b;
    b->submitted = 1;
    if (!hand_over(x, b, err)) return 0;
    b->submitted = 0;
    return -1;
}

static subject *subject_of(batch *b, const jd_moment *m) {
    uint32_t i = jd_strmap_add(&b->ids, m->id, b->n);
    if (i < b->n) return &b->subjects[i];
    subject *s = &b->subjects[b->n++];
    *s = (subject){.id = m->id, .types_n = m->types_n};
    s->types = JD_NEWN(&b->arena, jd_sym, m->types_n);
    memcpy(s->types, m->types, m->types_n * sizeof *s->types);
    s->last = &s->first;
    return s;
}

static void add_fixed(batch *b, subject *s, const jd_attr *attrs, uint32_t n) {
    if (s->fixed_n + n > s->fixed_cap) {
        uint32_t cap = (s->fixed_n + n) * 2;
        jd_attr *more = JD_NEWN(&b->arena, jd_attr, cap);
        if (s->fixed_n) memcpy(more, s->fixed, s->fixed_n * sizeof *more);
        s->fixed = more;
        s->fixed_cap = cap;
    }
    memcpy(s->fixed + s->fixed_n, attrs, n * sizeof *attrs);
    s->fixed_n += n;
}

int jd_batches_take(jd_batches *x, const jd_moment *m, jd_err *err) {
    batch *b = x->batches[x->filling];
    subject *s = subject_of(b, m);
    if (m->fixed_n) add_fixed(b, s, m->fixed, m->fixed_n);
    if (m->attrs_n && m->at == JD_TIME_NONE) {
        add_fixed(b, s, m->attrs, m->attrs_n);
    } else if (m->attrs_n) {
        piece *p = JD_NEW(&b->arena, piece);
        *p = (piece){.attrs = m->attrs, .n = m->attrs_n};
        *s->last = p;
        s->last = &p->next;
        s->readings += m->attrs_n;
    }
    b->readings += m->attrs_n + m->fixed_n;
    int full = b->readings >= BATCH_READINGS || b->n == BATCH_ENTITIES || b->arena.total > BATCH_BYTES;
    return full ? submit(x, err) : 0;
}

int jd_batches_flush(jd_batches *x, jd_err *err) {
    if (submit(x, err)) return -1;
    return settle(x, x->batches[!x->filling], err);
}
