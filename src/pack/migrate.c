/* Attributes that a newer version of a pack calls otherwise, or not any more: entities are changed behind the install,
 * slice by slice. What is to be done is a document, "NAME#migrate"; how far it is shows in the entities themselves -
 * those that still have an old name are left - so it goes on after a crash, and nothing is done twice. */
#include "pack/pack_int.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdlib.h>
#include <time.h>

enum { SLICE = 100, SKIPPED_MAX = 10000, PAUSE_NS = 2000000, RETRY_S = 1, FAILED_S = 5, NAMES_MAX = 64 };

struct pack_migrating {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int running, stop, woken;
    uint64_t changed;              /* entities, since the start */
    uint64_t skipped[SKIPPED_MAX]; /* hashes of ids that could not be changed, in this step */
    size_t skipped_n;
};

/* ---- what is to be done ---- */

static jd_str id_of(jd_arena *a, jd_str name) {
    return jd_arena_printf(a, "%.*s#migrate", JD_STR_ARG(name));
}

static void iri(const pack *k, jd_arena *a, jd_str name, jd_buf *b) {
    jd_str s = jd_ctx_expand(k->ctx, a, name);
    jd_json_write_str(b, s.p ? s : name);
}

static void one_step(const pack *k, jd_arena *a, const jd_jval *v, jd_buf *b) {
    const jd_jval *rename = jd_jget(v, "rename"), *drop = jd_jget(v, "drop");
    jd_buf_z(b, "{\"type\":");
    iri(k, a, jd_jstr(jd_jget(v, "type")), b);
    jd_buf_z(b, ",\"rename\":{");
    for (uint32_t i = 0; rename && i < rename->n; i++) {
        if (i) jd_buf_c(b, ',');
        iri(k, a, rename->members[i].name, b);
        jd_buf_c(b, ':');
        iri(k, a, jd_jstr(&rename->members[i].val), b);
    }
    jd_buf_z(b, "},\"drop\":[");
    for (uint32_t i = 0; drop && i < drop->n; i++) {
        if (i) jd_buf_c(b, ',');
        iri(k, a, jd_jstr(&drop->items[i]), b);
    }
    jd_buf_z(b, "]}");
}

/* The document of a pack, parsed; 0: there is none. */
static int document(jd_view *v, jd_str name, jd_arena *a, jd_jval *out) {
    jd_str body;
    jd_err ignored = {0};
    return jd_view_get_kind(v, JD_K_PACK, id_of(a, name), &body) &&
           !jd_json_parse(a, jd_arena_dup(a, body), NULL, out, &ignored) && out->type == JD_JARR;
}

void pack_migrate_write(jd_packs *p, const pack *k, const pack_entry *old, jd_arena *a, jd_write *w, size_t *n) {
    const jd_jval *list = jd_jget(k->manifest, "migrate");
    jd_buf b = {0};
    jd_view v;
    jd_jval left;
    int some = 0;
    if (!old || !list) return;
    jd_buf_c(&b, '[');
    jd_view_begin(&v, p->o.engine, 0, a);
    int before = document(&v, k->name, a, &left);
    jd_view_end(&v);
    for (uint32_t i = 0; before && i < left.n; i++) {
        if (i) jd_buf_c(&b, ',');
        jd_json_write(&b, &left.items[i]);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        jd_str from = jd_jstr(jd_jget(&list->items[i], "from"));
        if (pack_version_cmp(old->version, (jd_str){from.p + 1, from.n - 1}) >= 0) continue;
        if (b.n > 1) jd_buf_c(&b, ',');
        one_step(k, a, &list->items[i], &b);
        some = 1;
    }
    jd_buf_c(&b, ']');
    if (some) {
        *w = (jd_write){
            .kind = JD_K_PACK, .rq = {.id = id_of(a, k->name)}, .raw_body = jd_arena_dup(a, jd_buf_view(&b))};
        ++*n;
    }
    jd_buf_fini(&b);
}

void pack_migrate_forget(jd_str name, jd_view *v, jd_arena *a, jd_write *w, size_t *n) {
    jd_str body, id = id_of(a, name);
    if (!jd_view_get_kind(v, JD_K_PACK, id, &body)) return;
    *w = (jd_write){.kind = JD_K_PACK, .rq = {.id = id}};
    ++*n;
}

/* ---- one slice ---- */

typedef struct slice {
    jd_packs *p;
    jd_arena *a;
    jd_sym type, old[NAMES_MAX], name[NAMES_MAX]; /* name 0: it is dropped */
    uint32_t n;
    jd_write writes[SLICE * 2];
    jd_str ids[SLICE];
    size_t writes_n, ids_n;
} slice;

static void read_names(slice *s, const jd_jval *step) {
    jd_symtab *symbols = jd_engine_symbols(s->p->o.engine);
    const jd_jval *rename = jd_jget(step, "rename"), *drop = jd_jget(step, "drop");
    jd_err ignored = {0};
    s->type = jd_sym_find(symbols, jd_jstr(jd_jget(step, "type")));
    for (uint32_t i = 0; rename && i < rename->n && s->n < NAMES_MAX; i++) {
        jd_sym old = jd_sym_find(symbols, rename->members[i].name);
        jd_sym name = jd_sym_intern(symbols, jd_jstr(&rename->members[i].val), &ignored);
        if (!old || !name || old == name) continue;
        s->old[s->n] = old;
        s->name[s->n++] = name;
    }
    for (uint32_t i = 0; drop && i < drop->n && s->n < NAMES_MAX; i++) {
        jd_sym old = jd_sym_find(symbols, jd_jstr(&drop->items[i]));
        if (old) s->old[s->n++] = old;
    }
}

/* Where the entity has the new name already, that stands, and the old one goes. */
static jd_sym to_of(const slice *s, const jd_doc *d, jd_sym name) {
    jd_attrview v;
    jd_bytes rest;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->old[i] == name) return s->name[i] && !jd_doc_attr(d, s->name[i], &v, &rest) ? s->name[i] : 0;
    return 0;
}

static void change_one(slice *s, const jd_doc *d) {
    const jd_symtab *symbols = jd_engine_symbols(s->p->o.engine);
    jd_bytes rest = d->attrs;
    jd_attrview v;
    jd_ent *e = JD_NEW(s->a, jd_ent);
    uint32_t n = 0;
    for (jd_bytes count = rest; jd_attr_next(&count, d->created, &v);) n++;
    e->attrs = JD_NEWN(s->a, jd_attr, n + 1);
    s->ids[s->ids_n++] = e->id = jd_arena_dup(s->a, d->id);
    e->created = e->modified = e->expires = JD_TIME_NONE;
    while (jd_attr_next(&rest, d->created, &v)) {
        jd_sym to = to_of(s, d, v.name);
        if (!to) continue;
        jd_attr_decode(&v, d->created, symbols, s->a, &e->attrs[e->attrs_n]);
        e->attrs[e->attrs_n++].name = to;
    }
    if (e->attrs_n)
        s->writes[s->writes_n++] = (jd_write){
            .rq = {.op = JD_OP_APPEND, .id = e->id, .ent = e, .observed = JD_TIME_NONE}, .if_etag = jd_doc_etag(d)};
    s->writes[s->writes_n++] = (jd_write){
        .rq = {.op = JD_OP_PURGE_ATTRS, .id = e->id, .names = s->old, .names_n = s->n, .observed = JD_TIME_NONE}};
}

static int is_skipped(const struct pack_migrating *m, jd_str id) {
    uint64_t h = jd_hash(id.p, id.n);
    for (size_t i = 0; i < m->skipped_n; i++)
        if (m->skipped[i] == h) return 1;
    return 0;
}

static int take_one(void *user, const jd_doc *d) {
    slice *s = user;
    if (is_skipped(s->p->migrating, d->id)) return 0;
    change_one(s, d);
    return s->ids_n == SLICE;
}

static int has_old(void *user, const jd_doc *d) {
    const slice *s = user;
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_has_type(d, s->type)) return 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (jd_doc_attr(d, s->old[i], &v, &rest)) return 1;
    return 0;
}

/* Entities of the type that still have an old name. */
static int find(slice *s, const jd_jval *step, jd_err *err) {
    jd_view v;
    jd_typeq *types = NULL;
    jd_err ignored = {0};
    jd_names names = {s->a, jd_contexts_core(s->p->o.contexts), jd_engine_symbols(s->p->o.engine)};
    if (jd_typeq_compile(&names, jd_jstr(jd_jget(step, "type")), &types, &ignored))
        types = NULL; /* all are looked at */
    jd_question q = {.types = types, .also = has_old, .also_user = s, .limit = UINT32_MAX};
    jd_view_begin(&v, s->p->o.engine, 0, s->a);
    int rc = jd_view_query(&v, &q, s, take_one, NULL, NULL, err);
    jd_view_end(&v);
    return rc;
}

/* One by one, when a slice was refused as a whole: whoever changed meanwhile comes again, whoever cannot be changed is
 * passed over from now on. -1: the engine takes nothing more. */
static int singly(slice *s, jd_str of, jd_err *err) {
    struct pack_migrating *m = s->p->migrating;
    for (size_t i = 0, w = 0; i < s->ids_n; i++) {
        size_t n = w + 1 < s->writes_n && s->writes[w].rq.op == JD_OP_APPEND ? 2 : 1;
        *err = (jd_err){0};
        int rc = pack_commit(s->p, s->writes + w, n, s->a, err);
        w += n;
        if (!rc) {
            m->changed++;
        } else if (err->code == JD_E_BUSY || err->code == JD_E_UNKNOWN_OUTCOME || err->code == JD_E_STORAGE_FULL ||
                   err->code == JD_E_INTERNAL) {
            return -1;
        } else if (err->code != JD_E_PRECONDITION && err->code != JD_E_NOT_FOUND && m->skipped_n < SKIPPED_MAX) {
            m->skipped[m->skipped_n++] = jd_hash(s->ids[i].p, s->ids[i].n);
            jd_log(JD_LOG_WARN, "pack.not_migrated", "pack=%.*s entity=%.*s why=\"%s\"", JD_STR_ARG(of),
                   JD_STR_ARG(s->ids[i]), err->en);
        }
    }
    return 0;
}

/* The step is done: the others are left. */
static int next_step(jd_packs *p, jd_str of, const jd_jval *steps, jd_arena *a, jd_err *err) {
    jd_buf b = {0};
    jd_write w = {.kind = JD_K_PACK, .rq = {.id = id_of(a, of)}};
    jd_buf_c(&b, '[');
    for (uint32_t i = 1; i < steps->n; i++) {
        if (i > 1) jd_buf_c(&b, ',');
        jd_json_write(&b, &steps->items[i]);
    }
    jd_buf_c(&b, ']');
    if (steps->n > 1) w.raw_body = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    p->migrating->skipped_n = 0;
    return pack_commit(p, &w, 1, a, err);
}

/* Under `changing`. 1: there is more to do now; 0: nothing; -1: later again. */
static int work(jd_packs *p, jd_arena *a) {
    jd_view v;
    jd_jval steps;
    jd_err err = {0};
    int found = 0;
    const pack_entry *e = p->entries;
    jd_view_begin(&v, p->o.engine, 0, a);
    for (; e && !found; e = found ? e : e->next) found = document(&v, e->name, a, &steps);
    jd_view_end(&v);
    if (!found) return 0;
    slice *s = JD_NEW(a, slice);
    s->p = p;
    s->a = a;
    int rc = 0;
    if (steps.n) {
        read_names(s, &steps.items[0]);
        rc = s->type && s->n ? find(s, &steps.items[0], &err) : 0;
    }
    if (!rc && !s->ids_n)
        rc = next_step(p, e->name, &steps, a, &err);
    else if (!rc && !pack_commit(p, s->writes, s->writes_n, a, &err))
        p->migrating->changed += s->ids_n;
    else if (!rc)
        rc = singly(s, e->name, &err);
    if (rc) jd_log(JD_LOG_WARN, "pack.migration_waits", "pack=%.*s why=\"%s\"", JD_STR_ARG(e->name), err.en);
    return rc ? -1 : 1;
}

/* ---- the thread ---- */

/* Under m->mutex: until it is woken, or told to stop; or for some seconds at the most (0: as long as it takes). */
static void rest(struct pack_migrating *m, int seconds) {
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    while (!m->woken && !m->stop && !rc)
        rc = seconds ? pthread_cond_timedwait(&m->cond, &m->mutex, &until) : pthread_cond_wait(&m->cond, &m->mutex);
}

static void *main_loop(void *arg) {
    jd_packs *p = arg;
    struct pack_migrating *m = p->migrating;
    pthread_setname_np(pthread_self(), "jd-packs");
    pthread_mutex_lock(&m->mutex);
    while (!m->stop) {
        m->woken = 0;
        pthread_mutex_unlock(&m->mutex);
        jd_arena a;
        jd_arena_init(&a);
        pthread_mutex_lock(&p->changing);
        int more = work(p, &a), failed = more ? 0 : pack_retry(p);
        pthread_mutex_unlock(&p->changing);
        jd_arena_fini(&a);
        struct timespec pause = {0, PAUSE_NS};
        if (more > 0) nanosleep(&pause, NULL); /* others want to write too */
        pthread_mutex_lock(&m->mutex);
        if (more <= 0) rest(m, more ? RETRY_S : failed ? FAILED_S : 0);
    }
    pthread_mutex_unlock(&m->mutex);
    return NULL;
}

int pack_migrate_start(jd_packs *p, jd_err *err) {
    struct pack_migrating *m = p->migrating = jd_xcalloc(1, sizeof *m);
    pthread_mutex_init(&m->mutex, NULL);
    pthread_cond_init(&m->cond, NULL);
    m->running = pthread_create(&m->thread, NULL, main_loop, p) == 0;
    return m->running ? 0 : jd_fail(err, JD_E_INTERNAL, "a thread cannot be started", "无法启动线程");
}

void pack_migrate_stop(jd_packs *p) {
    struct pack_migrating *m = p->migrating;
    if (!m || !m->running) return;
    pthread_mutex_lock(&m->mutex);
    m->stop = 1;
    pthread_cond_signal(&m->cond);
    pthread_mutex_unlock(&m->mutex);
    pthread_join(m->thread, NULL);
    m->running = 0;
}

void pack_migrate_free(jd_packs *p) {
    struct pack_migrating *m = p->migrating;
    if (!m) return;
    pthread_mutex_destroy(&m->mutex);
    pthread_cond_destroy(&m->cond);
    free(m);
    p->migrating = NULL;
}

void pack_migrate_wake(jd_packs *p) {
    struct pack_migrating *m = p->migrating;
    if (!m) return;
    pthread_mutex_lock(&m->mutex);
    m->woken = 1;
    pthread_cond_signal(&m->cond);
    pthread_mutex_unlock(&m->mutex);
}

int pack_migrate_of(jd_packs *p, jd_str name) {
    jd_arena a;
    jd_view v;
    jd_str body;
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    int there = jd_view_get_kind(&v, JD_K_PACK, id_of(&a, name), &body);
    jd_view_end(&v);
    jd_arena_fini(&a);
    return there;
}
