/* Importing into a folder that nobody serves: the engine is opened here. Two batches take turns: while the writer makes
 * one durable, the other is filled. */
#include "cmd/import.h"

#include "http/api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Nobody else waits for the writer here, so a batch is one durable group: fewer syncs. */
enum { STORE_BATCH = 4096, STORE_BATCH_BYTES = 8 << 20 };

typedef struct batch {
    struct store_sink *sink;
    jd_arena arena;
    jd_job job;
    jd_write writes[STORE_BATCH];
    uint64_t lines[STORE_BATCH];
    jd_context *contexts[STORE_BATCH];
    size_t contexts_n;
    int submitted; /* main thread's */
    int done;      /* under the sink's lock */
} batch;

typedef struct store_sink {
    import_sink base;
    import_rooms rooms;
    jd_context *context; /* of entities without their own */
    unsigned flags;
    batch *batches[2];
    int filling;
    pthread_mutex_t lock;
    pthread_cond_t settled;
} store_sink;

static store_sink *sink_of(import_sink *s) {
    return (store_sink *)s;
}

/* ---- batches ---- */

static void batch_reset(batch *b) {
    while (b->contexts_n) jd_ctx_unref(b->contexts[--b->contexts_n]);
    jd_arena_reset(&b->arena);
    b->job = (jd_job){.arena = &b->arena, .writes = b->writes, .make_tenant = 1};
    b->submitted = b->done = 0;
}

static void written(jd_job *job) { /* on the writer thread */
    batch *b = job->user;
    pthread_mutex_lock(&b->sink->lock);
    b->done = 1;
    pthread_cond_broadcast(&b->sink->settled);
    pthread_mutex_unlock(&b->sink->lock);
}

/* Attributes that the entity kept although others were given: they are the line's errors too. */
static void partly(store_sink *s, jd_write *w) {
    const jd_not_updated *u = &w->applied.not_updated[0];
    jd_str name = jd_sym_name(jd_engine_symbols(s->rooms.engine), u->attr);
    jd_fail(&w->err, JD_E_BAD_REQUEST_DATA, "%u attributes were left as they were: %s", "%u 个属性未更新：%s",
            w->applied.not_updated_n, u->reason);
    jd_fail_at(&w->err, "%.*s", (int)(name.n > 150 ? 150 : name.n), name.p);
}

/* Waits for a batch that was submitted, and reports what became of it. */
static int settle(store_sink *s, batch *b) {
    importer *im = s->base.im;
    int code = CMD_OK;
    if (!b->submitted) return CMD_OK;
    pthread_mutex_lock(&s->lock);
    while (!b->done) pthread_cond_wait(&s->settled, &s->lock);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < b->job.n; i++) {
        jd_write *w = &b->writes[i];
        if (!w->err.code && w->applied.not_updated_n) partly(s, w);
        if (!w->err.code) {
            im->done++;
        } else if (import_is_about_record(w->err.code)) {
            import_refuse(im, b->lines[i], 1, &w->err);
        } else if (!code) {
            code = w->err.code == JD_E_UNKNOWN_OUTCOME || atomic_load(&s->rooms.dead) ? CMD_DIED : CMD_FAILED;
            cmd_progress_hide(&im->progress);
            cmd_say("stopped at %s:%llu: %s", "停在 %s:%llu：%s", im->file, (unsigned long long)b->lines[i],
                    cmd_err_text(&w->err));
        }
    }
    batch_reset(b);
    return code;
}

/* One batch at a time is with the writer: it takes the slices of several jobs in turns, which would change the order of
 * the file, and with it which of two lines about one entity is the last. */
static int submit(store_sink *s) {
    batch *b = s->batches[s->filling];
    jd_err err = {0};
    const char *tenant = s->base.im->set->tenant;
    int code = settle(s, s->batches[!s->filling]);
    s->filling = !s->filling;
    if (code || !b->job.n) {
        batch_reset(b); /* it may hold contexts of refused records */
        return code;
    }
    b->job.tenant = jd_str_of(tenant ? tenant : "");
    b->job.done = written;
    b->job.user = b;
    b->submitted = 1;
    if (!jd_submit(s->rooms.engine, &b->job, &err)) return CMD_OK;
    b->submitted = 0;
    cmd_progress_hide(&s->base.im->progress);
    cmd_say_err(&err);
    return atomic_load(&s->rooms.dead) ? CMD_DIED : CMD_FAILED;
}

/* ---- records ---- */

static int context_of(store_sink *s, batch *b, const jd_jval *v, jd_context **out, jd_err *err) {
    const jd_jval *own = jd_jget(v, "@context");
    *out = s->context;
    if (!own) return 0;
    if (jd_contexts_get(s->rooms.contexts, own, 1, out, err)) return -1;
    b->contexts[b->contexts_n++] = *out;
    return 0;
}

static int read_entity(store_sink *s, batch *b, jd_str text, jd_err *err) {
    jd_jval v;
    jd_context *ctx;
    if (jd_json_parse(&b->arena, text, NULL, &v, err) || context_of(s, b, &v, &ctx, err)) return -1;
    jd_parse p = {.arena = &b->arena, .ctx = ctx, .symbols = jd_engine_symbols(s->rooms.engine)};
    jd_ent *e = JD_NEW(&b->arena, jd_ent);
    if (jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, e, err)) return -1;
    b->writes[b->job.n] =
        (jd_write){.rq = {.op = JD_OP_CREATE, .flags = s->flags, .id = e->id, .ent = e, .observed = JD_TIME_NONE}};
    return 0;
}

static int put(import_sink *base, const cmd_record *r) {
    store_sink *s = sink_of(base);
    batch *b = s->batches[s->filling];
    jd_err err = {0};
    jd_arena_mark mark = jd_arena_tell(&b->arena);
    if (read_entity(s, b, jd_arena_dup(&b->arena, r->text), &err)) {
        jd_arena_rewind(&b->arena, mark);
        import_refuse(base->im, r->line, r->column, &err);
    } else {
        b->lines[b->job.n++] = r->line;
        b->job.bytes += r->text.n;
    }
    int full = b->job.n == STORE_BATCH || b->contexts_n == STORE_BATCH || b->job.bytes >= STORE_BATCH_BYTES;
    return full ? submit(s) : CMD_OK;
}

static int flush(import_sink *base) {
    store_sink *s = sink_of(base);
    int code = submit(s);
    int last = settle(s, s->batches[!s->filling]);
    return code ? code : last;
}

/* ---- open and close ---- */

static void on_dead(void *user, const char *why) {
    (void)why; /* the writes say it */
    atomic_store(&((import_rooms *)user)->dead, 1);
}

int import_rooms_open(import_rooms *r, const importing *set, uint32_t group_changes, size_t group_bytes, jd_err *err) {
    jd_engine_opts eo = {.dir = set->data,
                         .min_free = set->min_free,
                         .group_changes_max = group_changes,
                         .slice_changes = group_changes,
                         .group_bytes_max = group_bytes,
                         .on_dead = on_dead,
                         .on_dead_user = r};
    if (jd_engine_open(&r->engine, &eo, err)) return -1;
    jd_contexts_opts co = {.offline_dir = set->contexts, .no_fetch = set->no_fetch};
    r->contexts = jd_contexts_create(jd_engine_symbols(r->engine), &co, err);
    if (!r->contexts) return -1;
    jd_api api = {.engine = r->engine, .contexts = r->contexts}; /* hosted contexts are part of the city */
    int rc = jd_api_start(&api, err);
    jd_api_stop(&api);
    return rc;
}

void import_rooms_close(import_rooms *r) {
    if (r->engine) jd_engine_drain(r->engine);
    if (r->contexts) jd_contexts_destroy(r->contexts);
    if (r->engine) jd_engine_close(r->engine);
}

static void close_sink(import_sink *base) {
    store_sink *s = sink_of(base);
    if (s->rooms.engine) jd_engine_drain(s->rooms.engine);
    for (int i = 0; i < 2; i++) {
        batch *b = s->batches[i];
        while (b->contexts_n) jd_ctx_unref(b->contexts[--b->contexts_n]);
        jd_arena_fini(&b->arena);
        free(b);
    }
    if (s->context) jd_ctx_unref(s->context);
    import_rooms_close(&s->rooms);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->settled);
    free(s);
}

static int open_rooms(store_sink *s, jd_err *err) {
    importer *im = s->base.im;
    if (import_rooms_open(&s->rooms, im->set, STORE_BATCH, 4 * (size_t)STORE_BATCH_BYTES, err)) return -1;
    if (im->context_url) return jd_contexts_get_url(s->rooms.contexts, jd_str_of(im->context_url), 1, &s->context, err);
    return jd_contexts_get(s->rooms.contexts, im->has_context ? &im->context : NULL, 1, &s->context, err);
}

import_sink *import_into_store(importer *im, int *code) {
    store_sink *s = jd_xcalloc(1, sizeof *s);
    s->base = (import_sink){put, flush, close_sink, im};
    const char *mode = im->set->mode;
    s->flags = mode[0] == 'c' ? 0 : mode[0] == 'r' ? JD_AP_REPLACE_EXISTING : JD_AP_UPDATE_EXISTING;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->settled, NULL);
    for (int i = 0; i < 2; i++) {
        s->batches[i] = jd_xcalloc(1, sizeof(batch));
        s->batches[i]->sink = s;
        jd_arena_init(&s->batches[i]->arena);
        batch_reset(s->batches[i]);
    }
    jd_err err = {0};
    if (!open_rooms(s, &err)) return &s->base;
    cmd_say_err(&err);
    close_sink(&s->base);
    *code = CMD_FAILED;
    return NULL;
}
