/* jindu import --map: tables through a mapping document into a folder that nobody serves. Everything is read twice:
 * once to judge mapping and rows before anything is written, and to find keys that repeat; then to write. */
#include "cmd/import_table.h"

#include "engine/history.h"
#include "model/render.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct tables {
    const importing *set;
    const char *const *names;
    int n;
    int spool; /* what came by standard input; -1: nothing did */
    uint64_t bytes, done_before;
    cmd_progress progress;
    jd_map *map;
    jd_feed *feed;
    import_rooms rooms;
    jd_batches *batches;
    import_keeper keeper;
    jd_arena arena; /* of moments that go nowhere */
    jd_feed_sink sink;
    jd_feed_pass pass;
    const char *now; /* the table being read */
    uint64_t said, shown;
    jd_context *ctx;
    jd_symtab *symbols;
    int code; /* why a sink ended the pass */
} tables;

static int stopped(tables *w, const jd_err *err, int code) {
    cmd_progress_hide(&w->progress);
    if (err->place[0])
        fprintf(stderr, "%s: %s\n", err->place, cmd_err_text(err));
    else
        cmd_say_err(err);
    return code;
}

/* ---- the mapping ---- */

/* Compiles the document for a registry of contexts and its symbols. */
static int compile(tables *w, jd_contexts *contexts, jd_symtab *symbols, jd_map **out, jd_err *err) {
    const importing *s = w->set;
    jd_buf text = {0};
    jd_arena a;
    jd_map *m = NULL;
    jd_context *ctx = NULL;
    jd_jval given = {.type = JD_JNULL};
    const char *url = NULL;
    int has = 0;
    jd_arena_init(&a);
    int rc = cmd_file_read(s->map, &text, err);
    if (!rc) rc = jd_map_open(&m, s->map, jd_buf_view(&text), err);
    if (!rc) rc = import_context(s, &a, &given, &has, &url, err);
    const jd_jval *own = m ? jd_map_context(m) : NULL;
    if (!rc && !own && url)
        rc = jd_contexts_get_url(contexts, jd_str_of(url), 1, &ctx, err);
    else if (!rc)
        rc = jd_contexts_get(contexts, own ? own : has ? &given : NULL, 1, &ctx, err);
    if (!rc) rc = jd_map_compile(m, ctx, symbols, err);
    if (rc && m && !err->place[0]) jd_fail_at(err, "%s", s->map);
    if (rc) jd_map_free(m);
    if (rc && ctx) jd_ctx_unref(ctx);
    jd_buf_fini(&text);
    jd_arena_fini(&a);
    if (rc) return -1;
    *out = m;
    if (w->ctx) jd_ctx_unref(w->ctx);
    w->ctx = ctx;
    w->symbols = symbols;
    return 0;
}

/* ---- where tables come from ---- */

static int is_stdin(const char *name) {
    return !strcmp(name, "-");
}

static const char *shown_name(const char *name) {
    return is_stdin(name) ? cmd_word("<stdin>", "<标准输入>") : name;
}

/* Standard input can be read once only: it is kept in a file without a name. */
static int spool_stdin(tables *w, jd_err *err) {
    const char *dir = getenv("TMPDIR");
    static char block[256 << 10];
    w->spool = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (w->spool < 0)
        return jd_fail(err, JD_E_INTERNAL, "cannot keep standard input in a temporary file: %s",
                       "无法将标准输入存入临时文件：%s", strerror(errno));
    for (;;) {
        ssize_t n = read(STDIN_FILENO, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) return 0;
        for (ssize_t at = 0, k; n > 0 && at < n; at += k) {
            k = write(w->spool, block + at, (size_t)(n - at));
            if (k < 0 && errno == EINTR) k = 0;
            if (k < 0) n = -1;
        }
        if (n < 0)
            return jd_fail(err, JD_E_INTERNAL, "cannot keep standard input in a temporary file: %s",
                           "无法将标准输入存入临时文件：%s", strerror(errno));
    }
}

static int open_table(tables *w, const char *name, jd_err *err) {
    int fd = is_stdin(name) ? dup(w->spool) : open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && is_stdin(name)) lseek(fd, 0, SEEK_SET);
    if (fd >= 0) return fd;
    jd_fail(err, JD_E_INVALID_REQUEST, "%s", "%s", strerror(errno));
    return jd_fail_at(err, "%s", name);
}

/* Opens each of them once, and sums their sizes. */
static int look_at_tables(tables *w, jd_err *err) {
    for (int i = 0; i < w->n; i++)
        if (is_stdin(w->names[i]) && w->spool < 0 && spool_stdin(w, err)) return -1;
    for (int i = 0; i < w->n; i++) {
        struct stat st;
        unsigned char magic[2] = {0};
        int fd = open_table(w, w->names[i], err);
        if (fd < 0) return -1;
        int packed = pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
        if (!fstat(fd, &st) && st.st_size > 0) w->bytes += (uint64_t)st.st_size * (packed ? 8 : 1);
        close(fd);
    }
    return 0;
}

/* ---- what comes out of them ---- */

static void say_refusal(tables *w, const jd_refusal *r) {
    if (w->said++ == w->set->errors_shown) {
        cmd_progress_hide(&w->progress);
        cmd_say("further refusals are counted, not shown (--errors-shown)",
                "其余被拒绝的内容只计数，不再显示（--errors-shown）");
    }
    if (w->said > w->set->errors_shown) return;
    cmd_progress_hide(&w->progress);
    fprintf(stderr, "%s:%llu:%llu: %s%s\n", r->file, (unsigned long long)r->line, (unsigned long long)r->column,
            cmd_err_text(r->err), r->whole ? cmd_word(" (row refused)", "（整行拒绝）") : "");
}

static void refused(void *user, const jd_refusal *r) {
    tables *w = user;
    jd_err err = {0};
    if (w->pass == JD_FEED_LEARN) return;
    say_refusal(w, r);
    if (!w->set->dry_run && r->first_of_row && !w->code && import_keeper_take(&w->keeper, w->now, r, &err))
        w->code = stopped(w, &err, CMD_FAILED);
}

static int row_done(void *user, const jd_table *t) {
    tables *w = user;
    const jd_feed_report *r = jd_feed_get_report(w->feed);
    cmd_progress_at(&w->progress, w->done_before + jd_table_bytes(t), 0, r->readings);
    return w->code || cmd_interrupted();
}

/* An entity of the standard, as a document of its own, as JSON. */
static int show(tables *w, const jd_moment *m, jd_err *err) {
    jd_time now = jd_now();
    jd_ent e = {.id = m->id, .types_n = m->types_n, .created = now, .modified = now, .expires = JD_TIME_NONE};
    jd_buf bytes = {0}, text = {0};
    jd_doc d;
    e.types = JD_NEWN(&w->arena, jd_sym, m->types_n);
    memcpy(e.types, m->types, m->types_n * sizeof *e.types);
    e.attrs = JD_NEWN(&w->arena, jd_attr, m->attrs_n + m->fixed_n);
    for (uint32_t i = 0; i < m->attrs_n + m->fixed_n; i++) {
        jd_attr *a = &e.attrs[e.attrs_n++];
        *a = i < m->attrs_n ? m->attrs[i] : m->fixed[i - m->attrs_n];
        a->created = a->modified = now;
    }
    int rc = jd_doc_encode(&e, w->symbols, &bytes, err);
    if (!rc) {
        jd_doc_open(&d, jd_buf_view(&bytes));
        jd_render r = {.ctx = w->ctx, .symbols = w->symbols, .arena = &w->arena, .format = JD_NORMALIZED};
        jd_render_entity(&r, &d, &text);
        cmd_progress_hide(&w->progress);
        printf("%.*s\n", (int)text.n, text.p);
    }
    jd_buf_fini(&bytes);
    jd_buf_fini(&text);
    return rc;
}

static void not_taken(void *user, jd_str id, uint32_t readings, const jd_err *err) {
    cmd_progress_hide(&((tables *)user)->progress);
    cmd_say("%.*s: %s (%u readings)", "%.*s：%s（%u 个读数）", JD_STR_ARG(id), cmd_err_text(err), readings);
}

static int engine_stopped(tables *w, const jd_err *err) {
    cmd_progress_hide(&w->progress);
    cmd_say("stopped: %s", "已停止：%s", cmd_err_text(err));
    return err->code == JD_E_UNKNOWN_OUTCOME || atomic_load(&w->rooms.dead) ? CMD_DIED : CMD_FAILED;
}

static int take(void *user, const jd_moment *m, jd_err *err) {
    tables *w = user;
    if (w->batches) {
        int ended = jd_batches_take(w->batches, m, err);
        if (ended) w->code = engine_stopped(w, err);
        w->sink.arena = jd_batches_arena(w->batches);
        return ended;
    }
    int rc = w->shown < w->set->show ? show(w, m, err) : 0;
    w->shown++;
    jd_arena_reset(&w->arena);
    return rc;
}

/* ---- the passes ---- */

static int one_table(tables *w, const char *name, jd_err *err) {
    int fd = open_table(w, name, err);
    if (fd < 0) return -1;
    jd_source src = jd_source_fd(&fd);
    struct stat st;
    w->now = name;
    int rc = jd_feed_table(w->feed, shown_name(name), &src, &w->sink, err);
    if (!fstat(fd, &st) && st.st_size > 0) w->done_before += (uint64_t)st.st_size;
    close(fd);
    return rc;
}

/* One pass over all tables: an exit code. */
static int pass(tables *w, jd_feed_pass p) {
    jd_err err = {0};
    w->pass = p;
    w->code = 0;
    w->done_before = 0;
    cmd_progress_begin(&w->progress, p == JD_FEED_LEARN ? cmd_word("check", "检查") : cmd_word("import", "导入"),
                       cmd_word("readings", "读数"));
    jd_feed_begin(w->feed, p, w->bytes);
    for (int i = 0; i < w->n; i++) {
        int rc = one_table(w, w->names[i], &err);
        if (w->code) return w->code;
        if (rc < 0) return stopped(w, &err, CMD_FAILED);
        if (cmd_interrupted()) break;
        if (p == JD_FEED_GIVE && import_keeper_end(&w->keeper, &err)) return stopped(w, &err, CMD_FAILED);
    }
    if (w->batches && jd_batches_flush(w->batches, &err)) return engine_stopped(w, &err);
    cmd_progress_hide(&w->progress);
    if (!cmd_interrupted()) return CMD_OK;
    cmd_say("interrupted; what was read until then is kept, and may be imported again",
            "已中断；此前读取的内容已保存，可重新导入");
    return CMD_FAILED;
}

static double refused_max(const cmd_line *line, const tables *w) {
    return cmd_given(line, "refused-max") ? (double)w->set->refused_max : jd_map_refused_max(w->map);
}

/* Reads and judges everything; nothing is written. */
static int check(const cmd_line *line, tables *w) {
    jd_err err = {0};
    int code = pass(w, JD_FEED_LEARN);
    if (code) return code;
    if (!jd_feed_judge(w->feed, refused_max(line, w), &err)) return CMD_OK;
    stopped(w, &err, CMD_FAILED);
    import_report_reasons(stderr, jd_feed_get_report(w->feed));
    cmd_say(
        "nothing was written; --refused-max %d would let the other rows in, --dry-run shows what would become of them",
        "未写入任何内容；--refused-max %d 可导入其余行，--dry-run 可查看结果", 100);
    return CMD_FAILED;
}

static int finish(tables *w) {
    const jd_feed_report *r = jd_feed_get_report(w->feed);
    import_told told = {(uint64_t)w->n, cmd_progress_seconds(&w->progress), w->set->dry_run};
    import_report(w->set->dry_run ? stderr : stdout, r, &told);
    if (w->keeper.kept)
        cmd_say("%llu refused rows are in %s", "被拒绝的 %llu 行已写入 %s", (unsigned long long)w->keeper.kept,
                w->set->refused);
    return r->touched_rows || (w->batches && jd_batches_refused(w->batches)) ? CMD_DATA : CMD_OK;
}

static int write_all(tables *w) {
    jd_err err = {0};
    jd_map *m = NULL;
    if (import_rooms_open(&w->rooms, w->set, 4096, (size_t)64 << 20, &err)) return stopped(w, &err, CMD_FAILED);
    jd_feed_use(w->feed, NULL);
    if (compile(w, w->rooms.contexts, jd_engine_symbols(w->rooms.engine), &m, &err))
        return stopped(w, &err, err.code == JD_E_CONTEXT ? CMD_FAILED : CMD_USAGE);
    jd_map_free(w->map);
    w->map = m;
    jd_feed_use(w->feed, m);
    jd_batches_opts bo = {.engine = w->rooms.engine, .tenant = w->set->tenant, .user = w, .refused = not_taken};
    w->batches = jd_batches_new(&bo);
    w->sink.arena = jd_batches_arena(w->batches);
    int code = pass(w, JD_FEED_GIVE);
    if (!code && jd_engine_settle(w->rooms.engine, &err)) code = stopped(w, &err, CMD_FAILED);
    return code ? code : finish(w);
}

static int work(const cmd_line *line, tables *w, jd_contexts *contexts, jd_symtab *symbols) {
    jd_err err = {0};
    if (compile(w, contexts, symbols, &w->map, &err))
        return stopped(w, &err, err.code == JD_E_CONTEXT ? CMD_FAILED : CMD_USAGE);
    if (look_at_tables(w, &err)) return stopped(w, &err, CMD_FAILED);
    w->feed = jd_feed_new(w->map);
    w->sink = (jd_feed_sink){w, &w->arena, take, refused, row_done};
    int code = check(line, w);
    if (code) return code;
    if (!w->set->dry_run) return write_all(w);
    code = pass(w, JD_FEED_GIVE);
    return code ? code : finish(w);
}

static int usage(const cmd_line *line, const importing *s) {
    int odd = !!s->data + !!s->url != (s->dry_run ? 0 : 1);
    if (s->url)
        return cmd_usage(
            line,
            "tables go into a folder (--data) that nobody serves; a running server takes them at POST /api/tables",
            "数据表只能导入未被服务的目录（--data）；运行中的服务请用 POST /api/tables");
    if (s->dry_run && s->data) odd = 0;
    if (odd) return cmd_usage(line, "--map needs --data, or --dry-run", "--map 需要 --data 或 --dry-run");
    if (cmd_given(line, "mode"))
        return cmd_usage(line, "--mode goes with entities, not with --map", "--mode 用于实体，不能配合 --map");
    if (s->tenant && !jd_tenant_name_valid(jd_str_of(s->tenant)))
        return cmd_usage(line, "--tenant: \"%s\" is no name of a tenant", "--tenant：“%s”不是有效的租户名", s->tenant);
    if (cmd_given(line, "show") && !s->dry_run)
        return cmd_usage(line, "--show goes with --dry-run", "--show 只能配合 --dry-run");
    int piped = 0;
    for (int i = 0; i < line->args_n; i++) piped += is_stdin(line->args[i]);
    if (piped > 1) return cmd_usage(line, "- is given twice", "- 重复");
    return CMD_OK;
}

int import_tables(const cmd_line *line) {
    const importing *s = line->settings;
    jd_err err = {0};
    int code = usage(line, s);
    if (code) return code;
    tables w = {.set = s, .names = line->args, .n = line->args_n, .spool = -1};
    if (import_keeper_init(&w.keeper, s->refused, line->args, line->args_n, &err))
        return cmd_usage(line, "%s", "%s", cmd_err_text(&err));
    cmd_interruptible();
    jd_arena_init(&w.arena);
    /* the check needs no folder: names become symbols of a table of their own */
    jd_symtab *symbols = jd_symtab_create(0);
    jd_contexts_opts co = {.offline_dir = s->contexts, .no_fetch = s->no_fetch};
    jd_contexts *contexts = jd_contexts_create(symbols, &co, &err);
    code = contexts ? work(line, &w, contexts, symbols) : stopped(&w, &err, CMD_FAILED);
    cmd_progress_hide(&w.progress);
    import_keeper_fini(&w.keeper);
    jd_batches_free(w.batches);
    jd_feed_free(w.feed);
    jd_map_free(w.map);
    if (w.ctx) jd_ctx_unref(w.ctx);
    import_rooms_close(&w.rooms);
    if (contexts) jd_contexts_destroy(contexts);
    jd_symtab_destroy(symbols);
    jd_arena_fini(&w.arena);
    if (w.spool >= 0) close(w.spool);
    return code;
}
