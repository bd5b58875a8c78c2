/* Moments of a table, gathered by entity into batches of some thousand readings. Two batches take turns: while the
 * writer makes one durable, the other is filled; that is the back-pressure, too. */
#include "cmd/import_table.h"

#include "base/hash.h"
#include "engine/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_READINGS = 20000, BATCH_ENTITIES = 2000, BATCH_BYTES = 32 << 20 };

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
    import_batches *all;
    jd_arena arena;
    jd_strmap ids;
    subject subjects[BATCH_ENTITIES];
    uint32_t n, readings;
    jd_job job;
    jd_write writes[2 * BATCH_ENTITIES];
    uint32_t write_readings[2 * BATCH_ENTITIES];
    int submitted; /* main thread's */
    int done;      /* under the lock */
} batch;

struct import_batches {
    import_rooms *rooms;
    const importing *set;
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

import_batches *import_batches_new(import_rooms *rooms, const importing *set) {
    import_batches *x = jd_xcalloc(1, sizeof *x);
    x->rooms = rooms;
    x->set = set;
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

void import_batches_free(import_batches *x) {
    if (x->rooms->engine) jd_engine_drain(x->rooms->engine);
    for (int i = 0; i < 2; i++) {
        jd_strmap_fini(&x->batches[i]->ids);
        jd_arena_fini(&x->batches[i]->arena);
        free(x->batches[i]);
    }
    pthread_mutex_destroy(&x->lock);
    pthread_cond_destroy(&x->settled);
    free(x);
}

jd_arena *import_batches_arena(import_batches *x) {
    return &x->batches[x->filling]->arena;
}

uint64_t import_batches_refused(const import_batches *x) {
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

static int dead(const import_batches *x) {
    return atomic_load(&x->rooms->dead);
}

static int settle(import_batches *x, batch *b) {
    int code = CMD_OK;
    if (!b->submitted) return CMD_OK;
    pthread_mutex_lock(&x->lock);
    while (!b->done) pthread_cond_wait(&x->settled, &x->lock);
    pthread_mutex_unlock(&x->lock);
    for (size_t i = 0; i < b->job.n; i++) {
        const jd_write *w = &b->writes[i];
        if (!w->err.code) continue;
        if (import_is_about_record(w->err.code)) {
            x->refused += b->write_readings[i];
            cmd_say("%.*s: %s (%u readings)", "%.*s：%s（%u 个读数）", JD_STR_ARG(w->rq.id), cmd_err_text(&w->err),
                    b->write_readings[i]);
        } else if (!code) {
            code = w->err.code == JD_E_UNKNOWN_OUTCOME || dead(x) ? CMD_DIED : CMD_FAILED;
            cmd_say("stopped: %s", "已停止：%s", cmd_err_text(&w->err));
        }
    }
    batch_reset(b);
    return code;
}

/* ---- readings ---- */

static int observe(batch *b, const subject *s, jd_err *err) {
    jd_told t = {.id = s->id, .types = s->types, .types_n = s->types_n};
    t.attrs = JD_NEWN(&b->arena, jd_attr, s->readings);
    for (const piece *p = s->first; p; p = p->next)
        for (uint32_t i = 0; i < p->n; i++) t.attrs[t.attrs_n++] = p->attrs[i];
    if (jd_observe_readings(b->all->rooms->engine, &t, &b->arena, &b->writes[b->job.n], err)) return -1;
    b->write_readings[b->job.n++] = s->readings;
    return 0;
}

static int fixed(batch *b, const subject *s, jd_err *err) {
    import_batches *x = b->all;
    jd_told t = {.id = s->id, .types = s->types, .types_n = s->types_n, .attrs = s->fixed, .attrs_n = s->fixed_n};
    int tenant = jd_tenant_find(x->rooms->engine, jd_str_of(x->set->tenant ? x->set->tenant : ""));
    int news = jd_observe_fixed(x->rooms->engine, tenant, &t, &b->arena, &b->writes[b->job.n], err);
    if (news <= 0) return news;
    b->write_readings[b->job.n] = b->writes[b->job.n].rq.ent->attrs_n;
    b->job.n++;
    return 0;
}

/* ---- batches ---- */

static void refuse(import_batches *x, const subject *s, uint32_t n, const jd_err *err) {
    x->refused += n;
    cmd_say("%.*s: %s (%u readings)", "%.*s：%s（%u 个读数）", JD_STR_ARG(s->id), cmd_err_text(err), n);
}

/* One batch at a time is with the writer, so that of two rows about one key the later counts. */
static int submit(import_batches *x) {
    batch *b = x->batches[x->filling];
    jd_err err = {0};
    int code = settle(x, x->batches[!x->filling]);
    x->filling = !x->filling;
    for (uint32_t i = 0; i < b->n && !code; i++) {
        subject *s = &b->subjects[i];
        if (s->fixed_n && fixed(b, s, &err)) refuse(x, s, s->fixed_n, &err);
        if (s->readings && observe(b, s, &err)) refuse(x, s, s->readings, &err);
    }
    if (code || !b->job.n) {
        batch_reset(b);
        return code;
    }
    b->job.bytes = b->arena.total;
    b->job.tenant = jd_str_of(x->set->tenant ? x->set->tenant : "");
    b->job.done = written;
    b->job.user = b;
    b->submitted = 1;
    if (!jd_submit(x->rooms->engine, &b->job, &err)) return CMD_OK;
    b->submitted = 0;
    cmd_say_err(&err);
    return dead(x) ? CMD_DIED : CMD_FAILED;
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

int import_batches_take(import_batches *x, const jd_moment *m) {
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
    return full ? submit(x) : CMD_OK;
}

int import_batches_flush(import_batches *x) {
    int code = submit(x);
    int last = settle(x, x->batches[!x->filling]);
    return code ? code : last;
}
