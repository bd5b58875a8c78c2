/* jindu pack: check, install, list, remove, prove. */
#include "cmd/pack.h"

#include "cmd/client.h"
#include "json/json.h"
#include "pack/pack.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cmd_opt opts[] = {
    {"server", "URL", CMD_TEXT, 0, offsetof(packing, server), 0, 0, NULL, "of a running Jindu", "正在运行的津渡服务"},
    {"force", NULL, CMD_FLAG, 0, offsetof(packing, force), 0, 0, NULL,
     "install: also an older version, or the same one with other files", "install：版本较旧或内容不同也安装"},
    {"contexts", "DIR", CMD_TEXT, 0, offsetof(packing, contexts), 0, 0, NULL,
     "check: @contexts kept offline: DIR/index.json", "check：离线 @context 目录（含 index.json）"},
    {"no-fetch", NULL, CMD_FLAG, 0, offsetof(packing, no_fetch), 0, 0, NULL, "check: never fetch an @context",
     "check：从不下载 @context"},
    {"all", NULL, CMD_FLAG, 0, offsetof(packing, all), 0, 0, NULL, "prove: all packs", "prove：全部系统包"},
    {"mutate", NULL, CMD_FLAG, 0, offsetof(packing, mutate), 0, 0, NULL,
     "prove: that the proofs fail when their input is altered", "prove：验证输入被改动时证明会失败"},
};

static void defaults(void *settings) {
    ((packing *)settings)->server = "http://127.0.0.1:8080";
}

/* ---- asking a server ---- */

static int ask(const packing *s, const cmd_ask *q, long *status, jd_buf *out, jd_err *err) {
    cmd_client *c = cmd_client_open(s->server, NULL, err);
    int rc = c ? cmd_client_ask(c, q, status, out, err) : -1;
    cmd_client_close(c);
    return rc;
}

static int failed(const jd_err *err) {
    cmd_say_err(err);
    return CMD_FAILED;
}

static jd_str member(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && (m->type == JD_JSTR || m->type == JD_JNUM) ? jd_jstr(m) : JD_STR("?");
}

/* DIR/FILE:LINE:COLUMN: PATH: REASON of each fault in the answer. 0: there are none. */
static int say_faults(const char *dir, jd_str answer) {
    jd_arena a;
    jd_jval v;
    jd_err ignored = {0};
    jd_arena_init(&a);
    const jd_jval *faults = jd_json_parse(&a, answer, NULL, &v, &ignored) ? NULL : jd_jget(&v, "faults");
    uint32_t n = faults && faults->type == JD_JARR ? faults->n : 0;
    for (uint32_t i = 0; i < n; i++) {
        const jd_jval *f = &faults->items[i];
        jd_str path = member(f, "path");
        printf("%s/%.*s:%.*s:%.*s: %.*s%s%.*s\n", dir, JD_STR_ARG(member(f, "file")), JD_STR_ARG(member(f, "line")),
               JD_STR_ARG(member(f, "column")), JD_STR_ARG(path), path.n ? ": " : "", JD_STR_ARG(member(f, "reason")));
    }
    jd_arena_fini(&a);
    return n > 0;
}

static void body_of(const jd_bundle *b, jd_buf *out) {
    jd_buf_z(out, "{\"files\":{");
    for (size_t i = 0; i < b->n; i++) {
        if (i) jd_buf_c(out, ',');
        jd_json_write_key(out, b->files[i].name);
        jd_json_write_str(out, b->files[i].text);
    }
    jd_buf_z(out, "}}");
}

static int install(const packing *s, const char *dir) {
    jd_arena a;
    jd_bundle b;
    jd_buf body = {0}, answer = {0};
    jd_err err = {0};
    long status = 0;
    int code = CMD_OK;
    jd_arena_init(&a);
    int rc = jd_bundle_of_folder(dir, 0, 0, &a, &b, &err);
    if (!rc) body_of(&b, &body);
    cmd_ask q = {.path = s->force ? "/api/packs?force=true" : "/api/packs",
                 .content_type = "application/json",
                 .body = jd_buf_view(&body)};
    if (!rc) rc = ask(s, &q, &status, &answer, &err);
    if (!rc && status == 400 && say_faults(dir, jd_buf_view(&answer)))
        code = CMD_DATA;
    else if (!rc && status != 201 && status != 204)
        rc = cmd_client_refused(status, jd_buf_view(&answer), &err);
    else if (!rc && status == 204)
        cmd_tell("%s was installed already: nothing changed", "%s 已安装过：没有变化", dir);
    else if (!rc)
        cmd_tell("%s is installed", "%s 已安装", dir);
    jd_buf_fini(&body);
    jd_buf_fini(&answer);
    jd_arena_fini(&a);
    return rc ? failed(&err) : code;
}

static int list(const packing *s) {
    jd_arena a;
    jd_buf answer = {0};
    jd_err err = {0};
    jd_jval v;
    long status = 0;
    jd_arena_init(&a);
    int rc = ask(s, &(cmd_ask){.path = "/api/packs"}, &status, &answer, &err);
    if (!rc && status != 200) rc = cmd_client_refused(status, jd_buf_view(&answer), &err);
    if (!rc) rc = jd_json_parse(&a, jd_buf_view(&answer), NULL, &v, &err);
    for (uint32_t i = 0; !rc && i < v.n; i++) {
        const jd_jval *e = &v.items[i], *title = jd_jget(e, "title"), *reason = jd_jget(e, "reason");
        jd_str said = reason ? jd_jstr(reason) : title ? member(title, cmd_word("en", "zh")) : JD_STR("");
        printf("%-30.*s %-14.*s %-10.*s %.*s  %.*s\n", JD_STR_ARG(member(e, "name")), JD_STR_ARG(member(e, "version")),
               JD_STR_ARG(member(e, "state")), JD_STR_ARG(member(e, "installed")), JD_STR_ARG(said));
    }
    jd_buf_fini(&answer);
    jd_arena_fini(&a);
    return rc ? failed(&err) : CMD_OK;
}

static int remove_one(const packing *s, const char *name) {
    jd_buf path = {0}, answer = {0};
    jd_err err = {0};
    long status = 0;
    jd_buf_z(&path, "/api/packs/");
    cmd_client_encode(&path, name);
    jd_buf_c(&path, 0);
    int rc = ask(s, &(cmd_ask){.path = path.p, .method = "DELETE"}, &status, &answer, &err);
    if (!rc && status != 204) rc = cmd_client_refused(status, jd_buf_view(&answer), &err);
    if (!rc) cmd_tell("%s is removed", "%s 已移除", name);
    jd_buf_fini(&path);
    jd_buf_fini(&answer);
    return rc ? failed(&err) : CMD_OK;
}

/* ---- prove: TypeScript does it, in the source tree or in what is installed ---- */

static int is_there(const char *root, const char *file, char *out, size_t n) {
    snprintf(out, n, "%s/%s", root, file);
    return access(out, R_OK) == 0;
}

/* The program itself, and the folder in which packs/prove.ts lies. 0, or an exit code. */
static int find_root(char *self, char *root) {
    char path[PATH_MAX + 32];
    ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    if (n <= 0) return cmd_say("/proc/self/exe: %s", "/proc/self/exe：%s", strerror(errno)), CMD_FAILED;
    self[n] = 0;
    const char *last = strrchr(self, '/');
    static const char *const from[] = {"/..", "/../share/jindu"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(root, PATH_MAX, "%.*s%s", (int)(last - self), self, from[i]);
        if (!is_there(root, "packs/prove.ts", path, sizeof path)) continue;
        if (is_there(root, "node_modules/tsx/package.json", path, sizeof path)) return CMD_OK;
        cmd_say("%s is missing: run \"npm ci\" in %s", "缺少 %s：请在 %s 中执行 npm ci", path, root);
        return CMD_FAILED;
    }
    cmd_say("packs/prove.ts is missing: neither %.*s/.. nor %.*s/../share/jindu has it",
            "缺少 packs/prove.ts：%.*s/.. 与 %.*s/../share/jindu 中均无", (int)(last - self), self, (int)(last - self),
            self);
    return CMD_FAILED;
}

static int prove(const cmd_line *line, const packing *s) {
    static char self[PATH_MAX], root[PATH_MAX];
    int code = find_root(self, root), n = 0;
    if (code) return code;
    const char **argv = jd_xcalloc((size_t)line->args_n + 16, sizeof *argv);
    argv[n++] = "node";
    argv[n++] = "--import";
    argv[n++] = "tsx";
    argv[n++] = "packs/prove.ts";
    argv[n++] = "--jindu";
    argv[n++] = self;
    if (s->all) argv[n++] = "--all";
    if (s->mutate) argv[n++] = "--mutate";
    for (int i = 1; i < line->args_n; i++) argv[n++] = line->args[i];
    fflush(stdout);
    if (chdir(root)) {
        cmd_say("%s: %s", "%s：%s", root, strerror(errno));
    } else {
        execvp("node", (char *const *)(uintptr_t)argv);
        if (errno == ENOENT)
            cmd_say("node is missing: proofs are TypeScript, and need Node.js 18 or newer",
                    "缺少 node：证明由 TypeScript 编写，需要 Node.js 18 或更高版本");
        else
            cmd_say("node: %s", "node：%s", strerror(errno));
    }
    free(argv);
    return CMD_FAILED;
}

/* ---- the command ---- */

static int each(const cmd_line *line, const packing *s, int (*one)(const packing *s, const char *name)) {
    int code = CMD_OK;
    for (int i = 1; i < line->args_n && code == CMD_OK; i++) code = one(s, line->args[i]);
    return code;
}

static int run(const cmd_line *line) {
    static const char *const verbs[] = {"check", "install", "list", "remove", "prove"};
    const packing *s = line->settings;
    const char *verb = line->args[0];
    size_t v = 0;
    while (v < CMD_COUNT_OF(verbs) && strcmp(verb, verbs[v]) != 0) v++;
    if (v == CMD_COUNT_OF(verbs))
        return cmd_usage(line, "\"%s\" is none of check, install, list, remove, prove",
                         "“%s”不是 check、install、list、remove、prove 之一", verb);
    if (!cmd_client_is_url(s->server))
        return cmd_usage(line, "--server: %s must begin with http:// or https://",
                         "--server：%s 应以 http:// 或 https:// 开头", s->server);
    int named = line->args_n > 1;
    if (v == 2 ? named : !named && !(v == 4 && s->all))
        return v == 2 ? cmd_usage(line, "list takes no names", "list 不带名称")
                      : cmd_usage(line, "%s which pack?", "%s：请指出系统包", verb);
    switch (v) {
    case 0: return pack_check_run(s, line->args + 1, line->args_n - 1);
    case 1: return each(line, s, install);
    case 2: return list(s);
    case 3: return each(line, s, remove_one);
    default: return prove(line, s);
    }
}

const cmd_spec cmd_pack = {
    .name = "pack",
    .operands = "check|install|list|remove|prove DIR|NAME...",
    .args_least = 1,
    .args_most = 1000,
    .en = "a city's systems: check, install, list, remove, prove",
    .zh = "系统包：检查、安装、列出、移除、证明",
    .more_en = "check DIR...      every declaration, by its schema and its meaning; no server is needed\n"
               "install DIR...    into a running city; a newer version takes the place of the old one\n"
               "list              what is installed\n"
               "remove NAME...    rules, links and mappings go, entities stay\n"
               "prove NAME...     runs the proofs of packs, each in a city of its own\n",
    .more_zh = "check DIR...      按模式与含义检查每个声明；不需要服务\n"
               "install DIR...    装入运行中的城市；新版本取代旧版本\n"
               "list              列出已安装的系统包\n"
               "remove NAME...    移除规则、链路与映射，实体保留\n"
               "prove NAME...     在独立的城市中运行各系统包的证明\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(packing),
    .defaults = defaults,
    .run = run,
};
