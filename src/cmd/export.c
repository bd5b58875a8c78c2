/* jindu export: all entities of a tenant as NDJSON, in order of creation, from a folder that nobody serves (one
 * snapshot) or from a running Jindu (page by page: what changes meanwhile may be missed or come twice). */
#include "cmd/client.h"
#include "cmd/export.h"
#include "cmd/input.h"
#include "http/api.h"
#include "model/render.h"
#include "store/store.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

enum { PAGE = 1000 };

#define AT(member) offsetof(exporting, member)

static const cmd_opt opts[] = {
    {"data", "DIR", CMD_TEXT, 0, AT(data), 0, 0, NULL, "from this data folder, which no process serves",
     "导出该数据目录（不能正被服务使用）"},
    {"url", "URL", CMD_TEXT, 0, AT(url), 0, 0, NULL, "from the Jindu that answers there", "从正在运行的津渡服务导出"},
    {"tenant", "NAME", CMD_TEXT, 0, AT(tenant), 0, 0, NULL, "of this tenant", "租户"},
    {"type", "TYPES", CMD_TEXT, 0, AT(type), 0, 0, NULL, "only these types (a type selection as in a query)",
     "只导出这些类型（写法同查询的 type）"},
    {"format", "FORMAT", CMD_CHOICE, 0, AT(format), 0, 0, "normalized|concise|simplified|csv",
     "form of the entities; csv only with --history", "实体格式；csv 只能配合 --history"},
    {"history", NULL, CMD_FLAG, 0, AT(history), 0, 0, NULL,
     "all that was, not what is now: temporal representations, or csv", "导出全部历史（时序表示或 csv），而不是当前值"},
    {"sysattrs", NULL, CMD_FLAG, 0, AT(sysattrs), 0, 0, NULL, "with createdAt and modifiedAt",
     "包含 createdAt 与 modifiedAt"},
    {"context", "FILE|URL", CMD_TEXT, 0, AT(context), 0, 0, NULL,
     "names as in this @context, which each line then carries", "按该 @context 缩写名称，且每行带上它"},
    {"contexts", "DIR", CMD_TEXT, 0, AT(contexts), 0, 0, NULL, "with --data: @contexts kept offline (DIR/index.json)",
     "配合 --data：离线 @context 目录（含 index.json）"},
    {"no-fetch", NULL, CMD_FLAG, 0, AT(no_fetch), 0, 0, NULL, "with --data: never fetch an @context",
     "配合 --data：从不下载 @context"},
    {"out", "FILE", CMD_TEXT, 0, AT(out), 0, 0, NULL, "into this file, which appears when it is whole",
     "写入该文件（写完整后才出现）；默认标准输出"},
};

static void defaults(void *settings) {
    ((exporting *)settings)->format = "normalized";
}

int export_write(exporter *x, size_t least) {
    if (x->line.n < least || !x->line.n) return 0;
    if (fwrite(x->line.p, 1, x->line.n, x->out.f) != x->line.n) x->write_failed = errno ? errno : EIO;
    x->bytes += x->line.n;
    x->line.n = 0;
    cmd_progress_at(&x->progress, x->bytes, 0, x->done);
    return x->write_failed ? -1 : 0;
}

static int cannot_write(const exporter *x, jd_err *err) {
    return jd_fail(err, x->write_failed == ENOSPC ? JD_E_STORAGE_FULL : JD_E_INVALID_REQUEST, "cannot write: %s",
                   "无法写入：%s", strerror(x->write_failed));
}

/* ---- from a folder ---- */

typedef struct folder {
    exporter *x;
    jd_render render;
    jd_arena arena;
} folder;

static int each(void *user, const jd_doc *d) {
    folder *f = user;
    jd_arena_mark mark = jd_arena_tell(&f->arena);
    jd_render_entity(&f->render, d, &f->x->line);
    jd_arena_rewind(&f->arena, mark);
    jd_buf_c(&f->x->line, '\n');
    f->x->done++;
    return export_write(f->x, EXPORT_WRITE_BYTES) || cmd_interrupted();
}

static int context_from(const exporting *s, jd_contexts *contexts, jd_arena *a, jd_context **out, jd_err *err) {
    if (!s->context) return jd_contexts_get(contexts, NULL, 1, out, err);
    if (strstr(s->context, "://")) return jd_contexts_get_url(contexts, jd_str_of(s->context), 1, out, err);
    jd_buf file = {0};
    jd_jval v;
    int rc = cmd_file_read(s->context, &file, err);
    if (!rc && jd_json_parse(a, jd_arena_dup(a, jd_buf_view(&file)), NULL, &v, err)) {
        err->place[0] = 0;
        rc = jd_fail_at(err, "%s", s->context);
    }
    jd_buf_fini(&file);
    if (rc) return rc;
    const jd_jval *inner = jd_jget(&v, "@context");
    return jd_contexts_get(contexts, inner ? inner : &v, 1, out, err);
}

static int walk(exporter *x, jd_engine *e, jd_context *ctx, jd_arena *a, jd_err *err) {
    const exporting *s = x->set;
    jd_str name = jd_str_of(s->tenant ? s->tenant : "");
    int tenant = jd_tenant_find(e, name);
    if (tenant < 0) return jd_fail(err, JD_E_NO_TENANT, "there is no tenant %s", "没有租户 %s", s->tenant);
    folder f = {.x = x};
    jd_typeq *types = NULL;
    jd_names names = {a, ctx, jd_engine_symbols(e)};
    if (s->type && jd_typeq_compile(&names, jd_str_of(s->type), &types, err)) return -1;
    if (s->history) return export_history(x, e, tenant, ctx, types, err);
    jd_arena_init(&f.arena);
    f.render = (jd_render){.ctx = ctx,
                           .symbols = jd_engine_symbols(e),
                           .sys_attrs = s->sysattrs,
                           .with_context = s->context != NULL,
                           .arena = &f.arena,
                           .format = s->format[0] == 'n'   ? JD_NORMALIZED
                                     : s->format[0] == 'c' ? JD_CONCISE
                                                           : JD_SIMPLIFIED};
    jd_view v;
    jd_view_begin(&v, e, tenant, a);
    jd_question q = {.types = types, .limit = UINT64_MAX};
    int rc = jd_view_query(&v, &q, &f, each, NULL, NULL, err);
    jd_view_end(&v);
    jd_arena_fini(&f.arena);
    return rc;
}

/* The engine makes a folder that is not there; an export must not. */
static int is_store(const char *dir, jd_err *err) {
    jd_store_opts so = {.dir = dir};
    jd_store *s;
    if (jd_store_open(&s, &so, err)) return -1;
    jd_store_close(s);
    return 0;
}

static int from_folder(exporter *x, jd_err *err) {
    const exporting *s = x->set;
    jd_engine *e;
    jd_engine_opts eo = {.dir = s->data,
                         .query_scan_max = UINT32_MAX,
                         .history_read_max = EXPORT_READINGS,
                         .manual = 1}; /* manual: nothing is written */
    if (is_store(s->data, err) || jd_engine_open(&e, &eo, err)) return -1;
    jd_arena a;
    jd_arena_init(&a);
    jd_context *ctx = NULL;
    jd_contexts_opts co = {.offline_dir = s->contexts, .no_fetch = s->no_fetch};
    jd_contexts *contexts = jd_contexts_create(jd_engine_symbols(e), &co, err);
    jd_api api = {.engine = e, .contexts = contexts};
    int rc = contexts && !jd_api_start(&api, err) && !context_from(s, contexts, &a, &ctx, err) ? 0 : -1;
    if (!rc) rc = walk(x, e, ctx, &a, err);
    if (ctx) jd_ctx_unref(ctx);
    jd_api_stop(&api);
    if (contexts) jd_contexts_destroy(contexts);
    jd_arena_fini(&a);
    jd_engine_close(e);
    return rc;
}

/* ---- from a running Jindu ---- */

static int put_page(exporter *x, jd_str page, uint64_t *n, jd_err *err) {
    cmd_reader r;
    cmd_record rec;
    int got;
    cmd_reader_init_text(&r, page);
    for (*n = 0; (got = cmd_reader_next(&r, &rec, err)) > 0; ++*n, x->done++) {
        for (size_t i = 0; i < rec.text.n; i++) /* line ends are white space here: strings hold none */
            jd_buf_c(&x->line, rec.text.p[i] == '\n' || rec.text.p[i] == '\r' ? ' ' : rec.text.p[i]);
        jd_buf_c(&x->line, '\n');
    }
    cmd_reader_fini(&r);
    return got;
}

static void page_path(const exporting *s, uint64_t offset, jd_buf *b) {
    b->n = 0;
    jd_buf_printf(b, "/ngsi-ld/v1/entities?local=true&limit=%d&offset=%llu&format=%s", PAGE, (unsigned long long)offset,
                  s->format);
    if (s->sysattrs) jd_buf_z(b, "&options=sysAttrs");
    if (s->type) {
        jd_buf_z(b, "&type=");
        cmd_client_encode(b, s->type);
    }
    jd_buf_c(b, 0);
}

static int from_server(exporter *x, jd_err *err) {
    const exporting *s = x->set;
    cmd_client *c = cmd_client_open(s->url, s->tenant, err);
    if (!c) return -1;
    jd_buf path = {0}, answer = {0};
    int rc = 0;
    for (uint64_t offset = 0, n = PAGE; !rc && n == PAGE && !cmd_interrupted(); offset += n) {
        long status = 0;
        page_path(s, offset, &path);
        cmd_ask q = {
            .path = path.p, .accept = s->context ? "application/ld+json" : "application/json", .link = s->context};
        rc = cmd_client_ask(c, &q, &status, &answer, err);
        if (!rc && status != 200) rc = cmd_client_refused(status, jd_buf_view(&answer), err);
        if (!rc) rc = put_page(x, jd_buf_view(&answer), &n, err);
        if (!rc) rc = export_write(x, 0);
    }
    jd_buf_fini(&path);
    jd_buf_fini(&answer);
    cmd_client_close(c);
    return rc;
}

/* ---- the command ---- */

static int finish(exporter *x, int rc, jd_err *err) {
    if (!rc) rc = export_write(x, 0);
    if (x->write_failed) rc = cannot_write(x, err);
    cmd_progress_hide(&x->progress);
    if (!rc && !cmd_interrupted()) rc = cmd_out_commit(&x->out, err);
    if (rc)
        cmd_say_err(err);
    else if (cmd_interrupted())
        cmd_say("interrupted; the export is not whole", "已中断，导出不完整");
    cmd_out_abandon(&x->out);
    jd_buf_fini(&x->line);
    return rc || cmd_interrupted() ? CMD_FAILED : CMD_OK;
}

static int export(const cmd_line *line) {
    const exporting *s = line->settings;
    if (!s->data == !s->url)
        return cmd_usage(line, "one of --data and --url must be given", "--data 与 --url 须给出其一");
    if (s->url && !cmd_client_is_url(s->url))
        return cmd_usage(line, "--url: %s must begin with http:// or https://",
                         "--url：%s 应以 http:// 或 https:// 开头", s->url);
    if (s->tenant && !jd_tenant_name_valid(jd_str_of(s->tenant)))
        return cmd_usage(line, "--tenant: \"%s\" is no name of a tenant", "--tenant：“%s”不是有效的租户名", s->tenant);
    if (s->url && s->context && !strstr(s->context, "://"))
        return cmd_usage(line, "with --url the --context must be a URL", "使用 --url 时 --context 须为 URL");
    if (s->history && s->url)
        return cmd_usage(line, "--history is read from a folder (--data)", "--history 只能从目录导出（--data）");
    if (!s->history && s->format[0] == 'c' && s->format[1] == 's')
        return cmd_usage(line, "--format csv goes with --history", "--format csv 只能配合 --history");
    if (s->url && (s->contexts || s->no_fetch))
        return cmd_usage(line, "--contexts and --no-fetch go with --data", "--contexts 与 --no-fetch 只能配合 --data");
    exporter x = {.set = s};
    jd_err err = {0};
    if (cmd_out_open(&x.out, s->out, &err)) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    cmd_interruptible();
    cmd_progress_begin(&x.progress, cmd_word("export", "导出"), cmd_word("entities", "实体"));
    int to_file = x.out.path != NULL;
    int code = finish(&x, s->data ? from_folder(&x, &err) : from_server(&x, &err), &err);
    if (!code && to_file)
        cmd_tell("%llu entities exported to %s, %.1f s", "已导出实体 %llu 个到 %s，用时 %.1f 秒",
                 (unsigned long long)x.done, s->out, cmd_progress_seconds(&x.progress));
    return code;
}

const cmd_spec cmd_export = {
    .name = "export",
    .operands = "",
    .en = "writes all entities as NDJSON",
    .zh = "将全部实体导出为 NDJSON",
    .more_en =
        "One entity a line, in order of creation. Without --context names are full URIs, which import reads anywhere.\n"
        "From a folder it is one snapshot; from a running server it goes page by page.\n"
        "With --history each line is a temporal representation (clause 4.5.6; a long one goes on in further lines of "
        "the\n"
        "same id), or with --format csv each line is one reading: id,type,attribute,datasetId,observedAt,value,unit\n"
        "(RFC 4180), and with --sysattrs createdAt,modifiedAt,deletedAt.\n",
    .more_zh = "每行一个实体，按创建次序。不给 --context 时名称为完整 URI，可在任何地方导入。\n"
               "从目录导出为同一时刻的快照；从运行中的服务导出则逐页进行。\n"
               "使用 --history 时每行为一个时序表示（4.5.6；较长的在同一 id 的后续行中继续）；加 --format csv "
               "则每行一个读数：\n"
               "id,type,attribute,datasetId,observedAt,value,unit（RFC 4180），加 --sysattrs 另有 "
               "createdAt,modifiedAt,deletedAt。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(exporting),
    .defaults = defaults,
    .run = export,
};
