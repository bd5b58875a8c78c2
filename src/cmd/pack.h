/* cmd/pack.h - what the parts of `jindu pack` share. */
#ifndef JD_CMD_PACK_H
#define JD_CMD_PACK_H
#include "cmd/cmd.h"

typedef struct packing {
    const char *server, *contexts;
    int force, all, mutate, no_fetch;
} packing;

/* `jindu pack check DIR...`, without a server. An exit code. */
int pack_check_run(const packing *s, const char *const *dirs, int n);
#endif
