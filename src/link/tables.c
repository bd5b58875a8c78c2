/* One table through a mapping: judged whole, then given to the engine, with its report. */
#include "link/tables_int.h"

#include "base/log.h"
#include "table/feed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT = 100, AT_ONCE = 2 };
static const uint64_t REFUSED_BYTES = (uint64_t)64 << 20;

/* ---- mappings ---- */

static int compile(jd_tables *t, const char *name, jd_str text, jd_map **out, jd_err *err) {
    jd_map *m = NULL;
    jd_context *ctx = NULL;
    int rc = jd_map_open(&m, name, text, err);
    if (!rc) rc = jd_contexts_get(t->o.contexts, jd_map_context(m), 1, &ctx, err);
    if (!rc) rc = jd_map_compile(m, ctx, jd_engine_symbols(t->o.engine), err);
    if (rc && m) jd_fail_at(err, "%s", name);
    if (ctx) jd_ctx_unref(ctx);
    if (rc) {
        jd_map_free(m);
        return -1;
    }
    *out = m;
    return 0;
}

int jd_tables_check(jd_tables *t, jd_str name, jd_str text, jd_err *err) {
    jd_map *m;
    char *z = jd_xstrdup(name);
    int rc = compile(t, z, text, &m, err);
    free(z);
    if (!rc) jd_map_free(m);
    return rc;
}

static int open_mapping(jd_tables *t, jd_str name, jd_map **out, jd_err *err) {
    jd_arena a;
    jd_view v;
    jd_str body = {NULL, 0};
    jd_arena_init(&a);
    jd_view_begin(&v, t->o.engine, 0, &a);
    int there = jd_view_get_kind(&v, JD_K_MAPPING, name, &body);
    if (there) body = jd_arena_dup(&a, body); /* a context may have to be fetched; the view must not wait for it */
    jd_view_end(&v);
    int rc;
    if (there)
        rc = compile(t, jd_arena_dup(&a, name).p, body, out, err);
    else
        rc = jd_fail(err, JD_E_NOT_FOUND, "there is no mapping %.*s", "没有映射 %.*s", JD_STR_ARG(name));
    jd_arena_fini(&a);
    return rc;
}

/* ---- one table ---- */

typedef struct taking {
    jd_tables *t;
    const jd_table_given *g;
    jd_map *map;
    jd_feed *feed;
    jd_feed_pass pass;
    jd_batches *batches; /* NULL: nothing is written */
    jd_arena arena;      /* of moments that go nowhere */
    jd_feed_sink sink;
    tables_aside aside;
    tables_told told;
    char *name;
    char id[TABLE_ID_MAX];
} taking;

static int on_moment(void *user, const jd_moment *m, jd_err *err) {
    taking *x = user;
    if (!x->batches) {
        jd_arena_reset(&x->arena);
        return 0;
    }
    int rc = jd_batches_take(x->batches, m, err);
    x->sink.arena = jd_batches_arena(x->batches);
    return rc;
}

static void on_refused(void *user, const jd_refusal *r) {
    taking *x = user;
    if (x->pass == JD_FEED_LEARN) return;
    if (x->told.notes_n < TABLES_NOTED)
        x->told.notes[x->told.notes_n++] = (tables_note){.line = r->line,
                                                         .column = r->column,
                                                         .whole = r->whole,
                                                         .en = jd_xstrdup(jd_str_of(r->err->en)),
                                                         .zh = jd_xstrdup(jd_str_of(r->err->zh))};
    if (r->first_of_row && !x->g->dry_run) tables_aside_take(&x->aside, r, x->g->zh);
}

static int on_row(void *user, const jd_table *table) {
    taking *x = user;
    (void)table;
    return atomic_load(&x->t->stop);
}

static void not_taken(void *user, jd_str id, uint32_t readings, const jd_err *err) {
    taking *x = user;
    x->told.not_taken += readings;
    if (x->told.faults_n == TABLES_NOTED) return;
    x->told.faults[x->told.faults_n++] = (tables_fault){.entity = jd_xstrdup(id),
                                                        .readings = readings,
                                                        .en = jd_xstrdup(jd_str_of(err->en)),
                                                        .zh = jd_xstrdup(jd_str_of(err->zh))};
}

/* About how many bytes are to come, unpacked. */
static uint64_t weight(const jd_table_given *g) {
    unsigned char head[2] = {0};
    struct stat st = {0};
    uint64_t n = g->bytes.n;
    if (g->bytes.p) {
        memcpy(head, g->bytes.p, n < 2 ? n : 2);
    } else if (!fstat(g->fd, &st) && st.st_size > 0) {
        n = (uint64_t)st.st_size;
        if (pread(g->fd, head, 2, 0) != 2) head[0] = 0;
    }
    int packed = (head[0] == 0x1f && head[1] == 0x8b) || (head[0] == 'P' && head[1] == 'K');
    return n * (packed ? 8 : 1);
}

static int pass(taking *x, jd_feed_pass p, jd_err *err) {
    jd_str rest = x->g->bytes;
    jd_source src = rest.p ? jd_source_text(&rest) : jd_source_fd(&x->g->fd);
    if (!rest.p && lseek(x->g->fd, 0, SEEK_SET) != 0)
        return jd_fail(err, JD_E_INTERNAL, "the file cannot be read from its start", "文件无法从头读取");
    x->pass = p;
    x->sink = (jd_feed_sink){x, x->batches ? jd_batches_arena(x->batches) : &x->arena, on_moment, on_refused, on_row};
    jd_feed_begin(x->feed, p, weight(x->g));
    int rc = jd_feed_table(x->feed, x->name, &src, &x->sink, err);
    if (rc > 0 && err->code == JD_E_OK)
        jd_fail(err, JD_E_BUSY, "the program is stopping; give the table again later", "程序正在停止；请稍后重新提交");
    return rc ? -1 : 0;
}

static int give(taking *x, jd_err *err) {
    char *tenant = jd_xstrdup(x->g->tenant);
    jd_batches_opts bo = {
        .engine = x->t->o.engine, .tenant = tenant, .user = x, .refused = not_taken, .stop = &x->t->stop};
    if (!x->g->dry_run) x->batches = jd_batches_new(&bo);
    int rc = pass(x, JD_FEED_GIVE, err);
    if (!rc && x->batches) rc = jd_batches_flush(x->batches, err);
    jd_batches_free(x->batches);
    free(tenant);
    return rc;
}

static int take(taking *x, jd_buf *report, jd_err *err) {
    uint64_t began = jd_mono_ns();
    x->told.at = jd_now();
    if (open_mapping(x->t, x->g->mapping, &x->map, err)) return -1;
    x->feed = jd_feed_new(x->map);
    tables_new_id(x->t, x->id);
    x->aside = (tables_aside){.t = x->t, .id = x->id};
    if (pass(x, JD_FEED_LEARN, err) || jd_feed_judge(x->feed, jd_map_refused_max(x->map), err) || give(x, err))
        return -1;
    if (tables_aside_end(&x->aside, err)) return -1;
    x->told.id = x->g->dry_run ? NULL : x->id;
    x->told.state = x->g->dry_run ? "tried" : "taken";
    x->told.report = jd_feed_get_report(x->feed);
    x->told.aside = &x->aside;
    x->told.seconds = (double)(jd_mono_ns() - began) / 1e9;
    size_t from = report->n;
    tables_report(&x->told, report);
    jd_str text = {report->p + from, report->n - from};
    return x->g->dry_run ? 0 : tables_keep(x->t, x->id, text, err);
}

/* ---- whose turn it is ---- */

static int enter(jd_tables *t, int waits, jd_err *err) {
    int rc = 0;
    pthread_mutex_lock(&t->lock);
    while (waits && t->at_work >= t->o.at_once && !atomic_load(&t->stop)) pthread_cond_wait(&t->room, &t->lock);
    if (t->at_work >= t->o.at_once || atomic_load(&t->stop))
        rc = jd_fail(err, JD_E_BUSY, "%u tables are being read already", "已有 %u 个表正在读取", t->at_work);
    else
        t->at_work++;
    pthread_mutex_unlock(&t->lock);
    return rc;
}

static void leave(jd_tables *t) {
    pthread_mutex_lock(&t->lock);
    t->at_work--;
    pthread_cond_signal(&t->room);
    pthread_mutex_unlock(&t->lock);
}

/* Without its folders; a name that a log or a header could not bear is none. */
static char *plain_name(jd_str name) {
    const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
    if (slash) name = (jd_str){slash + 1, (size_t)(name.p + name.n - slash - 1)};
    int ok = name.n && name.n <= 200 && jd_utf8_bad(name.p, name.n) == name.n;
    for (size_t i = 0; ok && i < name.n; i++) ok = (unsigned char)name.p[i] >= ' ' && name.p[i] != 0x7f;
    return jd_xstrdup(ok ? name : JD_STR("table"));
}

static void begin(taking *x, jd_tables *t, const jd_table_given *g) {
    *x = (taking){.t = t, .g = g, .name = plain_name(g->name)};
    jd_arena_init(&x->arena);
    x->told = (tables_told){
        .origin = g->origin, .name = jd_str_of(x->name), .mapping = g->mapping, .tenant = g->tenant, .at = jd_now()};
}

static void end(taking *x) {
    tables_aside_drop(&x->aside);
    tables_told_fini(&x->told);
    jd_feed_free(x->feed);
    jd_map_free(x->map);
    jd_arena_fini(&x->arena);
    free(x->name);
}

int jd_tables_take(jd_tables *t, const jd_table_given *g, jd_buf *report, jd_err *err) {
    taking x;
    if (enter(t, g->waits, err)) return -1;
    begin(&x, t, g);
    int rc = take(&x, report, err);
    if (rc)
        jd_log(JD_LOG_WARN, "table.failed", "name=\"%s\" mapping=%.*s why=\"%s\"", x.name, JD_STR_ARG(g->mapping),
               err->en);
    else
        jd_log(JD_LOG_INFO, "table.taken", "name=\"%s\" mapping=%.*s dry=%d rows=%llu readings=%llu refused=%llu",
               x.name, JD_STR_ARG(g->mapping), g->dry_run, (unsigned long long)x.told.report->rows,
               (unsigned long long)x.told.report->readings, (unsigned long long)x.told.report->touched_rows);
    end(&x);
    leave(t);
    return rc;
}

void jd_tables_note(jd_tables *t, const jd_table_given *g, const jd_err *why) {
    taking x;
    jd_buf text = {0};
    jd_err err = {0};
    begin(&x, t, g);
    tables_new_id(t, x.id);
    x.told.id = x.id;
    x.told.state = "refused";
    x.told.why = why;
    tables_report(&x.told, &text);
    if (tables_keep(t, x.id, jd_buf_view(&text), &err)) jd_log(JD_LOG_WARN, "table.report", "why=\"%s\"", err.en);
    jd_buf_fini(&text);
    end(&x);
}

/* ---- start and stop ---- */

int jd_tables_start(jd_tables **out, const jd_tables_opts *opts, jd_err *err) {
    jd_tables *t = jd_xcalloc(1, sizeof *t);
    t->o = *opts;
    if (!t->o.kept) t->o.kept = KEPT;
    if (!t->o.refused_bytes) t->o.refused_bytes = REFUSED_BYTES;
    if (!t->o.at_once) t->o.at_once = AT_ONCE;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->room, NULL);
    if (tables_folder_open(t, err) || tables_sources_start(t, err)) {
        jd_tables_stop(t);
        return -1;
    }
    *out = t;
    return 0;
}

void jd_tables_quiet(jd_tables *t) {
    if (!t) return;
    atomic_store(&t->stop, 1);
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->room);
    pthread_mutex_unlock(&t->lock);
    tables_sources_quiet(t);
}

void jd_tables_stop(jd_tables *t) {
    if (!t) return;
    jd_tables_quiet(t);
    tables_sources_stop(t);
    pthread_cond_destroy(&t->room);
    pthread_mutex_destroy(&t->lock);
    free(t->ids);
    free(t->dir);
    free(t);
}
