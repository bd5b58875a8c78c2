/* jindu: picks one command. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const cmd_spec *const commands[] = {&cmd_serve,   &cmd_import, &cmd_export, &cmd_check, &cmd_backup,
                                           &cmd_restore, &cmd_decode, &cmd_replay, &cmd_pack,  &cmd_version};

static void help(FILE *to) {
    fprintf(to, "%s\n\n%s\n\n%s:\n", cmd_word("Jindu, the living model of a city", "津渡：城市的实时模型"),
            cmd_word("usage: jindu COMMAND [options] ...", "用法：jindu 命令 [选项] ……"), cmd_word("commands", "命令"));
    for (size_t i = 0; i < CMD_COUNT_OF(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i]->name, cmd_word(commands[i]->en, commands[i]->zh));
    fprintf(to, "\n%s\n%s\n",
            cmd_word("\"jindu COMMAND --help\" tells more of each.", "各命令的说明见“jindu 命令 --help”。"),
            cmd_word("exit codes: 0 done, 1 failed, 2 wrong usage, 3 errors in the data, 4 the disk failed to sync",
                     "退出码：0 完成，1 失败，2 用法有误，3 数据有误，4 写盘同步失败"));
}

static const cmd_spec *find(const char *name) {
    for (size_t i = 0; i < CMD_COUNT_OF(commands); i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

static int unknown(const char *name) {
    const char *names[CMD_COUNT_OF(commands)];
    for (size_t i = 0; i < CMD_COUNT_OF(commands); i++) names[i] = commands[i]->name;
    const char *near = cmd_nearest(jd_str_of(name), names, CMD_COUNT_OF(names), sizeof *names);
    if (near)
        cmd_say("there is no command \"%s\"; did you mean \"%s\"?", "没有命令“%s”；是否想用“%s”？", name, near);
    else
        cmd_say("there is no command \"%s\"; see \"jindu --help\"", "没有命令“%s”；请看“jindu --help”", name);
    return CMD_USAGE;
}

int main(int argc, char **argv) {
    const char *const *args = (const char *const *)argv;
    if (argc < 2) {
        help(stderr);
        return CMD_USAGE;
    }
    const char *name = args[1];
    if (!strcmp(name, "--version")) name = cmd_version.name;
    int asked = !strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h");
    if (asked && argc < 3) {
        help(stdout);
        return CMD_OK;
    }
    const cmd_spec *spec = find(asked ? args[2] : name);
    if (!spec) return unknown(asked ? args[2] : name);
    if (!asked) return cmd_main(spec, argc - 2, args + 2);
    cmd_help(spec, stdout);
    return CMD_OK;
}
