/* jindu backup: one consistent file. A folder that is being served is locked by the process that serves it, so that one
 * is asked to write the file (POST /api/backup). */
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "json/json.h"
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct backing {
    const char *data, *url;
} backing;

static const cmd_opt opts[] = {
    {"data", "DIR", CMD_TEXT, 0, offsetof(backing, data), 0, 0, NULL, "of this data folder, which no process serves",
     "备份该数据目录（未被服务使用）"},
    {"url", "URL", CMD_TEXT, 0, offsetof(backing, url), 0, 0, NULL, "of the Jindu that answers there, on this machine",
     "备份本机正在运行的津渡服务"},
};

static int from_folder(const char *dir, const char *file, cmd_progress *p, jd_err *err) {
    jd_store_opts so = {.dir = dir};
    jd_store *s;
    if (jd_store_open(&s, &so, err)) return -1;
    int rc = jd_store_backup(s, file, cmd_progress_store, p, err);
    jd_store_close(s);
    return rc;
}

/* The serving process stands elsewhere, so it gets the whole path. */
static int absolute(const char *file, jd_buf *out, jd_err *err) {
    char *cwd = file[0] == '/' ? NULL : getcwd(NULL, 0);
    if (file[0] != '/' && !cwd)
        return jd_fail(err, JD_E_INTERNAL, "current folder: %s", "当前目录：%s", strerror(errno));
    if (cwd) jd_buf_printf(out, "%s/", cwd);
    jd_buf_z(out, file);
    free(cwd);
    return 0;
}

static int from_server(const char *url, const char *file, jd_err *err) {
    jd_buf path = {0}, body = {0}, answer = {0};
    cmd_client *c = cmd_client_open(url, NULL, err);
    int rc = c ? absolute(file, &path, err) : -1;
    long status = 0;
    jd_buf_z(&body, "{\"path\":");
    jd_json_write_str(&body, jd_buf_view(&path));
    jd_buf_c(&body, '}');
    cmd_ask q = {.path = "/api/backup", .content_type = "application/json", .body = jd_buf_view(&body)};
    if (!rc) rc = cmd_client_ask(c, &q, &status, &answer, err);
    if (!rc && status != 201) rc = cmd_client_refused(status, jd_buf_view(&answer), err);
    cmd_client_close(c);
    jd_buf_fini(&path);
    jd_buf_fini(&body);
    jd_buf_fini(&answer);
    return rc;
}

static int backup(const cmd_line *line) {
    const backing *s = line->settings;
    const char *file = line->args[0];
    if (!s->data == !s->url)
        return cmd_usage(line, "one of --data and --url must be given", "--data 与 --url 须给出其一");
    if (s->url && !cmd_client_is_url(s->url))
        return cmd_usage(line, "--url: %s must begin with http:// or https://",
                         "--url：%s 应以 http:// 或 https:// 开头", s->url);
    cmd_progress p;
    jd_err err = {0};
    cmd_progress_begin(&p, cmd_word("back-up", "备份"), NULL);
    int rc = s->data ? from_folder(s->data, file, &p, &err) : from_server(s->url, file, &err);
    cmd_progress_hide(&p);
    if (rc) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    struct stat st;
    char size[24] = "?";
    if (stat(file, &st) == 0) cmd_bytes_text((uint64_t)st.st_size, size);
    cmd_tell("%s written, %s, %.1f s", "已写入 %s，%s，用时 %.1f 秒", file, size, cmd_progress_seconds(&p));
    return CMD_OK;
}

const cmd_spec cmd_backup = {
    .name = "backup",
    .operands = "FILE",
    .args_least = 1,
    .args_most = 1,
    .en = "writes a consistent copy into one file",
    .zh = "备份为一个一致的文件",
    .more_en =
        "FILE must not exist; it appears when it is whole. A served folder is backed up by --url, while it works.\n",
    .more_zh = "FILE 不能已存在；写完整后才出现。正在服务的目录请用 --url 在线备份。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(backing),
    .run = backup,
};
