/* jindu import: entities from a file into a store that nobody serves, or into a running Jindu. */
#include "cmd/client.h"
#include "cmd/import.h"
#include "link/batches.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(member) offsetof(importing, member)

static const cmd_opt opts[] = {
    {"data", "DIR", CMD_TEXT, 0, AT(data), 0, 0, NULL, "into this data folder, which no process serves; made if absent",
     "导入该数据目录（不能正被服务使用）；不存在则创建"},
    {"url", "URL", CMD_TEXT, 0, AT(url), 0, 0, NULL, "into the Jindu that answers there", "导入正在运行的津渡服务"},
    {"tenant", "NAME", CMD_TEXT, 0, AT(tenant), 0, 0, NULL, "into this tenant, made on the fly", "租户；不存在则创建"},
    {"mode", "MODE", CMD_CHOICE, 0, AT(mode), 0, 0, "upsert|create|replace", "what becomes of entities that exist",
     "对已有实体的处理"},
    {"context", "FILE|URL", CMD_TEXT, 0, AT(context), 0, 0, NULL, "@context of entities that carry none themselves",
     "未自带 @context 的实体所用的 @context"},
    {"contexts", "DIR", CMD_TEXT, 0, AT(contexts), 0, 0, NULL, "with --data: @contexts kept offline (DIR/index.json)",
     "配合 --data：离线 @context 目录（含 index.json）"},
    {"no-fetch", NULL, CMD_FLAG, 0, AT(no_fetch), 0, 0, NULL, "with --data: never fetch an @context",
     "配合 --data：从不下载 @context"},
    {"map", "MAPPING", CMD_TEXT, 0, AT(map), 0, 0, NULL, "FILEs are tables, which this mapping document reads",
     "FILE 为数据表，按此映射文件读取"},
    {"dry-run", NULL, CMD_FLAG, 0, AT(dry_run), 0, 0, NULL,
     "with --map: reads all, writes nothing, shows some entities", "配合 --map：只读取检查，不写入，并显示几个实体"},
    {"show", "N", CMD_COUNT, 0, AT(show), 0, 1000000, NULL, "with --dry-run: rows that are shown as entities",
     "配合 --dry-run：显示为实体的行数"},
    {"refused", "FILE|DIR/", CMD_TEXT, 0, AT(refused), 0, 0, NULL,
     "with --map: refused rows go here, to be mended and given again",
     "配合 --map：被拒绝的行写到此处，修正后可再次导入"},
    {"refused-max", "PERCENT", CMD_COUNT, 0, AT(refused_max), 0, 100, NULL,
     "with --map: nothing is written when more rows are refused (else what the mapping says, or 10)",
     "配合 --map：拒绝的行超过该比例则不写入（否则按映射文件，默认 10）"},
    {"min-free", "BYTES", CMD_SIZE, 0, AT(min_free), 1 << 20, (uint64_t)1 << 50, NULL,
     "with --data: stop below this much free disk", "配合 --data：磁盘剩余低于此值时停止"},
    {"errors-shown", "N", CMD_COUNT, 0, AT(errors_shown), 0, UINT32_MAX, NULL, "refused entities that are shown",
     "最多显示的错误条数"},
};

static void defaults(void *settings) {
    importing *s = settings;
    s->mode = "upsert";
    s->errors_shown = 1000;
    s->show = 3;
    s->min_free = (uint64_t)64 << 20;
}

/* ---- refusals ---- */

int import_is_about_record(jd_errcode code) {
    return jd_batches_is_about_record(code);
}

/* The words of a JSON fault end in its place within the record; the reader gets the place within the file instead. */
static size_t without_place(const char *s) {
    static const char *const tails[] = {" (line ", "（第 "};
    size_t n = strlen(s);
    for (size_t i = 0; i < CMD_COUNT_OF(tails); i++)
        for (const char *p = s, *hit; (hit = strstr(p, tails[i])); p = hit + 1) n = (size_t)(hit - s);
    return n;
}

void import_refuse(importer *im, uint64_t line, uint64_t column, const jd_err *err) {
    unsigned in_line, in_column;
    const char *text = cmd_err_text(err);
    if (im->refused++ == im->set->errors_shown) {
        cmd_progress_hide(&im->progress);
        cmd_say("further refused entities are counted, not shown (--errors-shown)",
                "其余被拒绝的实体只计数，不再显示（--errors-shown）");
    }
    if (im->refused > im->set->errors_shown) return;
    cmd_progress_hide(&im->progress);
    if (sscanf(err->place, "line %u column %u", &in_line, &in_column) == 2) {
        if (in_line > 1) column = 1;
        fprintf(stderr, "%s:%llu:%llu: %.*s\n", im->file, (unsigned long long)(line + in_line - 1),
                (unsigned long long)(column + in_column - 1), (int)without_place(text), text);
    } else if (err->place[0]) {
        fprintf(stderr, "%s:%llu: %s (%s)\n", im->file, (unsigned long long)line, text, err->place);
    } else {
        fprintf(stderr, "%s:%llu: %s\n", im->file, (unsigned long long)line, text);
    }
}

/* The array around the entities is broken: nothing behind that can be read. */
static void say_broken(importer *im, const jd_err *err) {
    unsigned line, column;
    cmd_progress_hide(&im->progress);
    if (sscanf(err->place, "line %u column %u", &line, &column) == 2)
        fprintf(stderr, "%s:%u:%u: %s\n", im->file, line, column, cmd_err_text(err));
    else
        fprintf(stderr, "%s: %s\n", im->file, cmd_err_text(err));
}

/* ---- the work ---- */

static int too_long(importer *im, const cmd_record *r) {
    jd_err err;
    jd_fail(&err, JD_E_TOO_LARGE, "the entity is larger than %d MiB", "实体大于 %d MiB", CMD_RECORD_MAX >> 20);
    import_refuse(im, r->line, r->column, &err);
    return CMD_OK;
}

static int read_all(importer *im, import_sink *sink, cmd_reader *r, uint64_t total) {
    cmd_record rec;
    jd_err err = {0};
    int got = 0, code = CMD_OK;
    while (!code && !cmd_interrupted() && (got = cmd_reader_next(r, &rec, &err)) > 0) {
        im->last_line = rec.line;
        code = rec.too_long ? too_long(im, &rec) : sink->put(sink, &rec);
        cmd_progress_at(&im->progress, r->bytes, total, im->done);
    }
    if (!code) code = sink->flush(sink);
    cmd_progress_hide(&im->progress);
    if (got < 0) {
        say_broken(im, &err);
        return code ? code : err.place[0] ? CMD_DATA : CMD_FAILED;
    }
    if (!code && cmd_interrupted()) {
        cmd_say("interrupted behind line %llu of %s", "已中断，停在 %2$s 第 %1$llu 行之后",
                (unsigned long long)im->last_line, im->file);
        return CMD_FAILED;
    }
    return code ? code : im->refused ? CMD_DATA : CMD_OK;
}

static void summary(const importer *im) {
    double s = cmd_progress_seconds(&im->progress);
    cmd_tell("%llu entities imported, %llu refused, %.1f s (%.0f/s)",
             "导入实体 %llu 个，拒绝 %llu 个，用时 %.1f 秒（每秒 %.0f 个）", (unsigned long long)im->done,
             (unsigned long long)im->refused, s, s > 0.001 ? (double)im->done / s : 0.0);
}

int import_context(const importing *set, jd_arena *a, jd_jval *out, int *has, const char **url, jd_err *err) {
    const char *name = set->context;
    if (!name) return 0;
    if (strstr(name, "://")) {
        *url = name;
        return 0;
    }
    jd_buf file = {0};
    int rc = cmd_file_read(name, &file, err);
    jd_str text = jd_arena_dup(a, jd_buf_view(&file));
    jd_buf_fini(&file);
    if (rc) return -1;
    jd_jval *v = JD_NEW(a, jd_jval);
    if (jd_json_parse(a, text, NULL, v, err)) {
        err->place[0] = 0;
        return jd_fail_at(err, "%s", name);
    }
    const jd_jval *inner = jd_jget(v, "@context");
    *out = inner ? *inner : *v;
    *has = 1;
    return 0;
}

static int import_from(importer *im, int fd) {
    struct stat st;
    uint64_t total = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    int code = CMD_OK;
    cmd_interruptible();
    cmd_progress_begin(&im->progress, cmd_word("import", "导入"), cmd_word("entities", "实体"));
    import_sink *sink = im->set->data ? import_into_store(im, &code) : import_into_server(im, &code);
    if (!sink) return code;
    cmd_reader r;
    cmd_reader_init(&r, fd);
    code = read_all(im, sink, &r, total);
    cmd_reader_fini(&r);
    sink->close(sink);
    summary(im);
    return code;
}

static int import(const cmd_line *line) {
    const importing *s = line->settings;
    const char *file = line->args[0];
    if (s->map) return import_tables(line);
    if (s->dry_run || s->refused || cmd_given(line, "refused-max") || cmd_given(line, "show"))
        return cmd_usage(line, "--dry-run, --show, --refused and --refused-max go with --map",
                         "--dry-run、--show、--refused 与 --refused-max 只能配合 --map");
    if (!s->data == !s->url)
        return cmd_usage(line, "one of --data and --url must be given", "--data 与 --url 须给出其一");
    if (s->url && !cmd_client_is_url(s->url))
        return cmd_usage(line, "--url: %s must begin with http:// or https://",
                         "--url：%s 应以 http:// 或 https:// 开头", s->url);
    if (s->tenant && !jd_tenant_name_valid(jd_str_of(s->tenant)))
        return cmd_usage(line, "--tenant: \"%s\" is no name of a tenant", "--tenant：“%s”不是有效的租户名", s->tenant);
    if (s->url && (s->contexts || s->no_fetch))
        return cmd_usage(line, "--contexts and --no-fetch go with --data", "--contexts 与 --no-fetch 只能配合 --data");
    if (line->args_n > 1) return cmd_usage(line, "\"%s\" is one argument too many", "多余的参数“%s”", line->args[1]);
    int from_stdin = !strcmp(file, "-"), fd = from_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cmd_say("%s: %s", "%s：%s", file, strerror(errno));
        return CMD_FAILED;
    }
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    importer im = {.set = s, .file = from_stdin ? cmd_word("<stdin>", "<标准输入>") : file};
    int code = CMD_FAILED;
    if (import_context(s, &a, &im.context, &im.has_context, &im.context_url, &err))
        cmd_say_err(&err);
    else
        code = import_from(&im, fd);
    jd_arena_fini(&a);
    if (!from_stdin) close(fd);
    return code;
}

const cmd_spec cmd_import = {
    .name = "import",
    .operands = "FILE...",
    .args_least = 1,
    .args_most = INT_MAX,
    .en = "brings entities in: NDJSON or a JSON array; or, by a mapping, readings from tables",
    .zh = "导入实体：NDJSON 或 JSON 数组；或按映射文件从数据表导入读数",
    .more_en = "FILE holds normalized or concise NGSI-LD entities, one a line, or one JSON array of them; - is "
               "standard input.\n"
               "mode upsert: new entities are created, existing ones get the attributes given, and keep others.\n"
               "mode replace: existing ones become exactly what is given. mode create: existing ones are refused.\n"
               "Refused entities are reported as FILE:LINE: reason, the others go in; the exit code is 3 then.\n"
               "With --map, FILEs are tables (CSV, xlsx, JSON, GeoJSON, packed by gzip or not) whose rows become\n"
               "readings with their times, see docs/mapping.md. All of them are read and judged before anything is\n"
               "written; a reading that is there already changes nothing. A running server takes tables at\n"
               "POST /api/tables.\n",
    .more_zh = "FILE 每行一个 normalized 或 concise 格式的 NGSI-LD 实体，或整个文件为一个 JSON 数组；- 表示标准输入。\n"
               "upsert：新实体创建，已有实体写入所给属性，其余保留。replace：已有实体整体替换。create：已有实体拒绝。\n"
               "被拒绝的实体以“文件:行: 原因”列出，其余照常导入，此时退出码为 3。\n"
               "使用 --map 时 FILE 为数据表（CSV、xlsx、JSON、GeoJSON，可用 gzip 压缩），每行成为带时间的读数，见 "
               "docs/mapping.md。\n"
               "写入之前先全部读取检查；已有的相同读数不产生变化。运行中的服务请用 POST /api/tables 接收数据表。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(importing),
    .defaults = defaults,
    .run = import,
};
