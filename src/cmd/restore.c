/* jindu restore: a back-up becomes a data folder, verified first. */
#include "cmd/cmd.h"
#include "store/store.h"

static int restore(const cmd_line *line) {
    const char *file = line->args[0], *dir = line->args[1];
    cmd_progress p;
    jd_err err = {0};
    cmd_progress_begin(&p, cmd_word("restore", "恢复"), NULL);
    int rc = jd_store_restore(file, dir, cmd_progress_store, &p, &err);
    cmd_progress_hide(&p);
    if (rc) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    cmd_tell("%s restored to %s, %.1f s", "已将 %s 恢复到 %s，用时 %.1f 秒", file, dir, cmd_progress_seconds(&p));
    return CMD_OK;
}

const cmd_spec cmd_restore = {
    .name = "restore",
    .operands = "FILE DIR",
    .args_least = 2,
    .args_most = 2,
    .en = "turns a back-up into a data folder",
    .zh = "将备份恢复为数据目录",
    .more_en = "FILE is verified first. DIR must not exist, or be empty.\n",
    .more_zh = "先校验 FILE。DIR 须不存在或为空目录。\n",
    .run = restore,
};
