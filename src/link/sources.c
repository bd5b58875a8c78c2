/* Declared sources: declarations, the thread that asks them in turn, and what is to be seen of them. */
#include "link/sources_int.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MOST_S = 86400 * 31, FOLDER_MS = 500 };
#define NS_PER_S 1000000000u

/* ---- declarations ---- */

static int bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: %s%.0s", "%s：%.0s%s", place, en, zh);
    return jd_fail_at(err, "%s", place);
}

static int known_members(const jd_jval *v, jd_err *err) {
    static const char *const known[] = {"protocol", "mapping", "folder",       "pull",   "postgresql",
                                        "query",    "tenant",  "everySeconds", "origin", "description"};
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !jd_str_is(name, known[k])) k++;
        if (k < sizeof known / sizeof *known) continue;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a link of tables has no member \"%.*s\"", "tables 链路没有成员“%.*s”",
                (int)(name.n > 60 ? 60 : name.n), name.p);
        return jd_fail_at(err, "%.*s", (int)(name.n > 60 ? 60 : name.n), name.p);
    }
    return 0;
}

/* A text without NUL, in the source's arena, NUL-terminated; *out stays NULL when it is absent. */
static int text(jd_table_source *s, const jd_jval *v, const char *name, const char **out, jd_err *err) {
    const jd_jval *m = jd_jget(v, name);
    if (!m) return 0;
    if (m->type != JD_JSTR || !m->n || memchr(m->s, 0, m->n)) return bad(err, name, "must be a text", "须为非空字符串");
    *out = jd_arena_dup(&s->arena, jd_jstr(m)).p;
    return 0;
}

static int every(jd_table_source *s, const jd_jval *v, jd_err *err) {
    const jd_jval *m = jd_jget(v, "everySeconds");
    double d = m && m->type == JD_JNUM ? jd_jnum(m) : 0;
    if (s->kind == SOURCE_FOLDER)
        return m ? bad(err, "everySeconds", "goes with pull and postgresql", "只用于 pull 与 postgresql") : 0;
    if (!(d >= 1 && d <= EVERY_MOST_S) || d != (double)(uint32_t)d)
        return bad(err, "everySeconds", "must be a whole number from 1 to 2678400", "须为 1 到 2678400 的整数");
    s->every_ns = (uint64_t)d * NS_PER_S;
    return 0;
}

static int has_mapping(jd_tables *t, jd_str name) {
    jd_arena a;
    jd_view v;
    jd_str body;
    jd_arena_init(&a);
    jd_view_begin(&v, t->o.engine, 0, &a);
    int there = jd_view_get_kind(&v, JD_K_MAPPING, name, &body);
    jd_view_end(&v);
    jd_arena_fini(&a);
    return there;
}

/* *coming (may be NULL) holds mappings that will be there when the declaration is applied. */
static int is_mapping(jd_tables *t, const jd_links_coming *coming, jd_str name) {
    for (size_t i = 0; coming && i < coming->mappings_n; i++)
        if (jd_str_eq(coming->mappings[i], name)) return 1;
    return t && has_mapping(t, name);
}

static int compile(jd_tables *t, jd_table_source *s, const jd_jval *v, const jd_links_coming *coming, jd_err *err) {
    const char *mapping = NULL, *folder = NULL, *pull = NULL, *pg = NULL, *tenant = NULL;
    if (known_members(v, err) || text(s, v, "mapping", &mapping, err) || text(s, v, "folder", &folder, err) ||
        text(s, v, "pull", &pull, err) || text(s, v, "postgresql", &pg, err) || text(s, v, "query", &s->query, err) ||
        text(s, v, "tenant", &tenant, err))
        return -1;
    if (!mapping || !is_mapping(t, coming, jd_str_of(mapping)))
        return bad(err, "mapping", "must name one of /api/mappings", "须为 /api/mappings 中的名称");
    if (!!folder + !!pull + !!pg != 1)
        return bad(err, "folder", "one of folder, pull and postgresql must be there",
                   "folder、pull、postgresql 须且只须有一个");
    if (!!pg != !!s->query) return bad(err, "query", "goes with postgresql", "须与 postgresql 一起使用");
    if (tenant && !jd_tenant_name_valid(jd_str_of(tenant)))
        return bad(err, "tenant", "must be a tenant's name", "须为租户名");
    if (pull && strncasecmp(pull, "http://", 7) && strncasecmp(pull, "https://", 8))
        return bad(err, "pull", "must be a URL that begins with http:// or https://", "须为 http:// 或 https:// 地址");
    s->mapping = jd_str_of(mapping);
    s->tenant = jd_str_of(tenant ? tenant : "");
    s->kind = folder ? SOURCE_FOLDER : pull ? SOURCE_PULL : SOURCE_POSTGRESQL;
    s->where = folder ? folder : pull ? pull : pg;
    if (t && folder && source_folder_check(t, folder, err)) return -1;
    return every(s, v, err);
}

int jd_sources_prepare(jd_tables *t, jd_str name, const jd_jval *v, const jd_links_coming *coming,
                       jd_table_source **out, jd_err *err) {
    jd_table_source *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    s->name = jd_arena_dup(&s->arena, name);
    s->origin = jd_xstrdup(name);
    s->state = "open";
    s->last = JD_TIME_NONE;
    if (compile(t, s, v, coming, err)) {
        jd_source_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void jd_source_free(jd_table_source *s) {
    if (!s) return;
    for (size_t i = 0; i < s->files_n; i++) free(s->files[i].name);
    free(s->files);
    free(s->origin);
    jd_arena_fini(&s->arena);
    free(s);
}

int jd_source_is_secret(jd_str s) {
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    for (size_t i = 0; i + 8 <= s.n; i++)
        if (!strncasecmp(s.p + i, "password", 8)) return 1;
    return at != NULL; /* scheme://user:password@host */
}

/* ---- one turn ---- */

static void count(jd_tables *t, jd_table_source *s, const jd_jval *report) {
    static const char *const names[] = {"rows", "readings", "rowsRefused", "rowsRefusedInPart"};
    uint64_t *to[] = {&s->rows, &s->readings, &s->rows_refused, &s->rows_refused};
    pthread_mutex_lock(&t->sources->lock);
    s->tables++;
    s->last = jd_now();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const jd_jval *n = jd_jget(report, names[i]);
        if (n) *to[i] += (uint64_t)jd_jnum(n);
    }
    pthread_mutex_unlock(&t->sources->lock);
}

/* Is it the table's fault, so that it is no use to try again? */
static int is_final(jd_errcode code) {
    return code == JD_E_BAD_REQUEST_DATA || code == JD_E_INVALID_REQUEST;
}

int source_take(jd_tables *t, jd_table_source *s, const char *file, int fd, char id[TABLE_ID_MAX], int *aside,
                jd_err *err) {
    jd_table_given g = {
        .mapping = s->mapping, .tenant = s->tenant, .name = jd_str_of(file), .origin = s->origin, .waits = 1, .fd = fd};
    jd_buf report = {0};
    jd_arena a;
    jd_jval v;
    jd_err ignored;
    id[0] = 0;
    *aside = 0;
    int rc = jd_tables_take(t, &g, &report, err);
    jd_arena_init(&a);
    if (!rc && !jd_json_parse(&a, jd_buf_view(&report), NULL, &v, &ignored)) {
        const jd_jval *no = jd_jget(&v, "id"), *kept = jd_jget(&v, "setAside");
        if (no && no->type == JD_JSTR) snprintf(id, TABLE_ID_MAX, "%.*s", (int)no->n, no->s);
        *aside = kept && jd_jnum(kept) > 0;
        count(t, s, &v);
    }
    if (rc && is_final(err->code)) {
        jd_tables_note(t, &g, err);
        pthread_mutex_lock(&t->sources->lock);
        s->refused_tables++;
        s->last = jd_now();
        pthread_mutex_unlock(&t->sources->lock);
        rc = 1;
    }
    jd_arena_fini(&a);
    jd_buf_fini(&report);
    return rc;
}

/* "https://host/a/b.csv?x=1" -> "b.csv" */
static char *name_of(const jd_table_source *s) {
    if (s->kind == SOURCE_POSTGRESQL) return jd_xstrdup(s->name);
    size_t n = strcspn(s->where, "?#");
    const char *slash = memrchr(s->where, '/', n);
    jd_str last = slash ? (jd_str){slash + 1, (size_t)(s->where + n - slash - 1)} : (jd_str){"", 0};
    return jd_xstrdup(last.n ? last : s->name);
}

static source_turn fetched(jd_tables *t, jd_table_source *s, jd_err *err) {
    int fd = open(t->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), aside;
    char id[TABLE_ID_MAX];
    if (fd < 0) {
        jd_fail(err, JD_E_INTERNAL, "%s: %s", "%s：%s", t->dir, strerror(errno));
        return TURN_FAILED;
    }
    source_turn turn = s->kind == SOURCE_PULL ? source_pull(t, s, fd, err) : source_query(t, s, fd, err);
    if (turn == TURN_DONE) {
        char *name = name_of(s);
        if (source_take(t, s, name, fd, id, &aside, err)) {
            turn = TURN_FAILED;
            s->has_hash = 0; /* it was not taken: the same bytes are tried again */
            s->etag[0] = s->modified[0] = 0;
        }
        free(name);
    }
    close(fd);
    return turn;
}

static void run(jd_tables *t, jd_table_source *s) {
    jd_err err = {0};
    source_turn turn = s->kind == SOURCE_FOLDER ? source_folder(t, s, &err) : fetched(t, s, &err);
    pthread_mutex_lock(&t->sources->lock);
    uint64_t wait = s->kind == SOURCE_FOLDER ? (uint64_t)FOLDER_MS * 1000000u : s->every_ns;
    int was = !strcmp(s->state, "failing");
    s->reason[0] = s->reason_zh[0] = 0;
    s->state = turn == TURN_FAILED ? "failing" : "open";
    if (turn == TURN_UNCHANGED) s->unchanged++;
    if (turn == TURN_FAILED) {
        s->failures++;
        snprintf(s->reason, sizeof s->reason, "%s", err.en);
        snprintf(s->reason_zh, sizeof s->reason_zh, "%s", err.zh);
        if (!was) jd_log(JD_LOG_WARN, "source.failing", "link=%s why=\"%s\"", s->origin, err.en);
    }
    s->due_ns = jd_mono_ns() + wait;
    pthread_mutex_unlock(&t->sources->lock);
}

/* ---- the thread ---- */

/* Under the lock. The one that is due longest; else NULL, and *wait_ns until one is. */
static jd_table_source *next_due(struct tables_sources *x, uint64_t *wait_ns) {
    jd_table_source *best = NULL;
    uint64_t now = jd_mono_ns();
    *wait_ns = (uint64_t)3600 * NS_PER_S;
    for (jd_table_source *s = x->first; s; s = s->next)
        if (!s->gone && (!best || s->due_ns < best->due_ns)) best = s;
    if (!best || best->due_ns <= now) return best;
    *wait_ns = best->due_ns - now;
    return NULL;
}

static void release(struct tables_sources *x, jd_table_source *s) {
    if (s->refs || !s->gone) return;
    jd_table_source **at = &x->first;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    jd_source_free(s);
}

static void *sources_main(void *arg) {
    jd_tables *t = arg;
    struct tables_sources *x = t->sources;
    pthread_setname_np(pthread_self(), "jd-tables");
    pthread_mutex_lock(&x->lock);
    while (!atomic_load(&t->stop)) {
        uint64_t wait;
        jd_table_source *s = next_due(x, &wait);
        if (!s) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            wait += (uint64_t)until.tv_nsec;
            until.tv_sec += (time_t)(wait / NS_PER_S);
            until.tv_nsec = (long)(wait % NS_PER_S);
            pthread_cond_timedwait(&x->news, &x->lock, &until);
            continue;
        }
        s->refs++;
        pthread_mutex_unlock(&x->lock);
        run(t, s);
        pthread_mutex_lock(&x->lock);
        s->refs--;
        release(x, s);
    }
    pthread_mutex_unlock(&x->lock);
    return NULL;
}

int tables_sources_start(jd_tables *t, jd_err *err) {
    struct tables_sources *x = t->sources = jd_xcalloc(1, sizeof *x);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&x->lock, NULL);
    pthread_cond_init(&x->news, &attr);
    pthread_condattr_destroy(&attr);
    x->running = pthread_create(&x->thread, NULL, sources_main, t) == 0;
    return x->running ? 0 : jd_fail(err, JD_E_INTERNAL, "a thread cannot be started", "无法启动线程");
}

void tables_sources_quiet(jd_tables *t) {
    struct tables_sources *x = t->sources;
    if (!x || !x->running) return;
    pthread_mutex_lock(&x->lock);
    pthread_cond_broadcast(&x->news);
    pthread_mutex_unlock(&x->lock);
    pthread_join(x->thread, NULL);
    x->running = 0;
}

void tables_sources_stop(jd_tables *t) {
    struct tables_sources *x = t->sources;
    if (!x) return;
    for (jd_table_source *s = x->first, *next; s; s = next) {
        next = s->next;
        jd_source_free(s);
    }
    pthread_cond_destroy(&x->news);
    pthread_mutex_destroy(&x->lock);
    free(x);
    t->sources = NULL;
}

/* ---- from other threads ---- */

void jd_sources_remove(jd_tables *t, jd_str name) {
    struct tables_sources *x = t->sources;
    pthread_mutex_lock(&x->lock);
    for (jd_table_source *s = x->first, *next; s; s = next) {
        next = s->next;
        if (s->gone || !jd_str_eq(s->name, name)) continue;
        s->gone = 1;
        release(x, s);
    }
    pthread_mutex_unlock(&x->lock);
}

void jd_sources_apply(jd_tables *t, jd_table_source *s) {
    struct tables_sources *x = t->sources;
    jd_sources_remove(t, s->name);
    pthread_mutex_lock(&x->lock);
    s->next = x->first;
    x->first = s;
    pthread_cond_broadcast(&x->news);
    pthread_mutex_unlock(&x->lock);
}

static void member(jd_buf *out, const char *name, uint64_t n) {
    jd_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void text_member(jd_buf *out, const char *name, jd_str s) {
    jd_buf_printf(out, ",\"%s\":", name);
    jd_json_write_str(out, s);
}

static void source_json(const jd_table_source *s, jd_buf *out) {
    static const char *const kinds[] = {"folder", "pull", "postgresql"};
    char z[JD_TIME_TEXT_MAX];
    jd_str where = jd_str_of(s->where);
    text_member(out, kinds[s->kind], jd_source_is_secret(where) ? JD_STR("***") : where);
    text_member(out, "mapping", s->mapping);
    text_member(out, "state", jd_str_of(s->state));
    if (s->reason[0]) {
        text_member(out, "reason", jd_str_of(s->reason));
        text_member(out, "reasonZh", jd_str_of(s->reason_zh));
    }
    member(out, "tables", s->tables);
    member(out, "refusedTables", s->refused_tables);
    member(out, "rows", s->rows);
    member(out, "readings", s->readings);
    member(out, "rowsRefused", s->rows_refused);
    if (s->kind != SOURCE_FOLDER) member(out, "unchanged", s->unchanged);
    member(out, "failures", s->failures);
    /* for who looks at all links alike: a row is a frame, and nobody waits for an answer */
    member(out, "frames", s->rows);
    member(out, "bad", s->rows_refused);
    member(out, "setAside", s->rows_refused);
    member(out, "devices", 0);
    member(out, "answers", 0);
    member(out, "answerMs", 0);
    if (s->last != JD_TIME_NONE) text_member(out, "last", (jd_str){z, jd_time_print(s->last, 3, z)});
}

void jd_sources_json(jd_tables *t, jd_str name, jd_buf *out) {
    pthread_mutex_lock(&t->sources->lock);
    for (const jd_table_source *s = t->sources->first; s; s = s->next)
        if (!s->gone && jd_str_eq(s->name, name)) source_json(s, out);
    pthread_mutex_unlock(&t->sources->lock);
}
