/* jindu check: is what lies on disk whole? Findings on stdout, one a line. */
#include "cmd/cmd.h"
#include "engine/engine.h"
#include "store/store.h"

#include <stddef.h>
#include <sys/stat.h>

typedef struct checking {
    int deep;
} checking;

static const cmd_opt opts[] = {
    {"deep", NULL, CMD_FLAG, 0, offsetof(checking, deep), 0, 0, NULL,
     "also load the folder as serve would, reading every entity", "另按服务启动的方式载入目录，逐一读取实体"},
};

static void report(void *user, const char *finding) {
    cmd_progress_hide(user);
    printf("%s\n", finding);
}

/* What the engine would refuse to load. */
static int64_t check_deep(const char *dir, cmd_progress *p) {
    jd_engine *e;
    jd_err err = {0};
    jd_engine_opts eo = {.dir = dir, .manual = 1};
    if (!jd_engine_open(&e, &eo, &err)) {
        jd_engine_close(e);
        return 0;
    }
    cmd_progress_hide(p);
    printf("%s%s%s\n", err.place, err.place[0] ? ": " : "", cmd_err_text(&err));
    return 1;
}

static int check(const cmd_line *line) {
    const checking *s = line->settings;
    const char *path = line->args[0];
    struct stat st;
    if (s->deep && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return cmd_usage(line, "--deep goes with a data folder; restore the back-up first",
                         "--deep 只用于数据目录；备份文件请先恢复");
    cmd_progress p;
    jd_err err = {0};
    cmd_progress_begin(&p, cmd_word("check", "检查"), NULL);
    int64_t findings = jd_store_check(path, report, &p, cmd_progress_store, &p, &err);
    if (findings == 0 && s->deep) findings = check_deep(path, &p);
    cmd_progress_hide(&p);
    if (findings < 0) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    if (!findings)
        cmd_tell("%s: clean", "%s：完好", path);
    else
        cmd_tell("%s: %lld findings", "%s：发现 %lld 处问题", path, (long long)findings);
    return findings ? CMD_DATA : CMD_OK;
}

const cmd_spec cmd_check = {
    .name = "check",
    .operands = "DIR|FILE",
    .args_least = 1,
    .args_most = 1,
    .en = "verifies a data folder that no process serves, or a back-up",
    .zh = "校验数据目录（未被服务使用）或备份文件",
    .more_en = "Exit code 3 when something was found.\n",
    .more_zh = "发现问题时退出码为 3。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(checking),
    .run = check,
};
