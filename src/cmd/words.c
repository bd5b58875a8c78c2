/* Messages in the reader's language: results on stdout, everything else on stderr. */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int cmd_zh(void) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < CMD_COUNT_OF(names); i++) {
        const char *v = getenv(names[i]);
        if (v && *v) return v[0] == 'z' && v[1] == 'h';
    }
    return 0;
}

const char *cmd_word(const char *en, const char *zh) {
    return cmd_zh() ? zh : en;
}

const char *cmd_err_text(const jd_err *err) {
    return cmd_zh() ? err->zh : err->en;
}

void cmd_say(const char *en, const char *zh, ...) {
    va_list ap;
    va_start(ap, zh);
    flockfile(stderr);
    fputs("jindu: ", stderr);
    vfprintf(stderr, cmd_zh() ? zh : en, ap);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(ap);
}

void cmd_say_err(const jd_err *err) {
    if (err->place[0])
        fprintf(stderr, "jindu: %s: %s\n", err->place, cmd_err_text(err));
    else
        fprintf(stderr, "jindu: %s\n", cmd_err_text(err));
}

void cmd_tell(const char *en, const char *zh, ...) {
    va_list ap;
    va_start(ap, zh);
    vprintf(cmd_zh() ? zh : en, ap);
    putchar('\n');
    va_end(ap);
    fflush(stdout);
}
