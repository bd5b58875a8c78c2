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

/* Instances of one attribute stand side by side, the default one first; within them the oldest comes first. */
static int by_series(const void *x, const void *y) {
    const jd_attr *a = x, *b = y;
    if (a->name != b->name) return a->name < b->name ? -1 : 1;
    if (!a->dataset.p != !b->dataset.p) return a->dataset.p ? 1 : -1;
    int c = jd_str_cmp(a->dataset, b->dataset);
    return c ? c : (a->observed > b->observed) - (a->observed < b->observed);
}

static int observe(batch *b, const subject *s, jd_err *err) {
    jd_ent *e = JD_NEW(&b->arena, jd_ent);
    *e = (jd_ent){.id = s->id,
                  .types = s->types,
                  .types_n = s->types_n,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .expires = JD_TIME_NONE};
    e->attrs = JD_NEWN(&b->arena, jd_attr, s->readings);
    for (const piece *p = s->first; p; p = p->next)
        for (uint32_t i = 0; i < p->n; i++) e->attrs[e->attrs_n++] = p->attrs[i];
    qsort(e->attrs, e->attrs_n, sizeof *e->attrs, by_series);
    jd_write *w = &b->writes[b->job.n];
    *w = (jd_write){.rq = {.op = JD_OP_OBSERVE, .id = s->id, .observed = JD_TIME_NONE}};
    if (jd_moments_make(b->all->rooms->engine, e, &b->arena, w, err)) return -1;
    b->write_readings[b->job.n++] = s->readings;
    return 0;
}

/* ---- what is said without a time ---- */

/* Is it what the entity has already? Both are compared as history would keep them. */
static int has_already(const jd_doc *d, const jd_attrview *mine) {
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(d, mine->name, &v, &rest)) return 0;
    do {
        if (!v.dataset.p != !mine->dataset.p || !jd_str_eq(v.dataset, mine->dataset)) continue;
        jd_buf s1 = {0}, n1 = {0}, s2 = {0}, n2 = {0};
        jd_inst_split(&v, &s1, &n1);
        jd_inst_split(mine, &s2, &n2);
        int same = v.observed == mine->observed && jd_str_eq(jd_buf_view(&s1), jd_buf_view(&s2)) &&
                   jd_str_eq(jd_buf_view(&n1), jd_buf_view(&n2));
        jd_buf_fini(&s1);
        jd_buf_fini(&n1);
        jd_buf_fini(&s2);
        jd_buf_fini(&n2);
        return same;
    } while (jd_attr_next(&rest, d->created, &v) && v.name == mine->name);
    return 0;
}

/* Takes out of e what the entity that is there says already, in order of e's document. */
static void only_new(batch *b, jd_ent *e, const jd_doc *mine, const jd_doc *there) {
    uint32_t n = 0, i = 0;
    jd_attrview v;
    for (jd_bytes rest = mine->attrs; i < e->attrs_n && jd_attr_next(&rest, mine->created, &v); i++)
        if (!has_already(there, &v)) e->attrs[n++] = e->attrs[i];
    e->attrs_n = n;
    (void)b;
}

static int fixed(batch *b, const subject *s, jd_err *err) {
    import_batches *x = b->all;
    jd_ent *e = JD_NEW(&b->arena, jd_ent);
    jd_str tenant = jd_str_of(x->set->tenant ? x->set->tenant : "");
    *e = (jd_ent){.id = s->id,
                  .types = s->types,
                  .types_n = s->types_n,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .expires = JD_TIME_NONE,
                  .attrs = s->fixed,
                  .attrs_n = s->fixed_n};
    qsort(e->attrs, e->attrs_n, sizeof *e->attrs, by_series);
    int t = jd_tenant_find(x->rooms->engine, tenant);
    if (t >= 0) {
        jd_view v;
        jd_doc there, mine;
        jd_buf bytes = {0};
        jd_ent trial = *e;
        trial.created = trial.modified = 0;
        trial.attrs = JD_NEWN(&b->arena, jd_attr, e->attrs_n);
        for (uint32_t i = 0; i < e->attrs_n; i++) {
            trial.attrs[i] = e->attrs[i];
            trial.attrs[i].created = trial.attrs[i].modified = 0;
        }
        if (jd_doc_encode(&trial, jd_engine_symbols(x->rooms->engine), &bytes, err)) {
            jd_buf_fini(&bytes);
            return -1;
        }
        jd_doc_open(&mine, jd_buf_view(&bytes));
        jd_view_begin(&v, x->rooms->engine, t, &b->arena);
        if (jd_view_get(&v, s->id, &there)) only_new(b, e, &mine, &there);
        jd_view_end(&v);
        jd_buf_fini(&bytes);
    }
    if (!e->attrs_n) return 0;
    b->writes[b->job.n] = (jd_write){
        .rq = {.op = JD_OP_CREATE, .flags = JD_AP_UPDATE_EXISTING, .id = s->id, .ent = e, .observed = JD_TIME_NONE}};
    b->write_readings[b->job.n++] = e->attrs_n;
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
