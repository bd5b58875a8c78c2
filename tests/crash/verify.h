/* Opening a disk as a restart would, and holding what is found there against the model. */
#ifndef CRASH_VERIFY_H
#define CRASH_VERIFY_H
#include "../unit/store/model.h"
#include "disk.h"

typedef struct crash_opts {
    const char *dir;     /* a real folder, for the lock alone */
    int founded;         /* the store has been opened once: from then on it must be there */
    const model *before; /* what must be found ... */
    const model *after;  /* ... or this, when a group was on its way; NULL: none was */
} crash_opts;

/* Settings that make everything happen often: a log of 24 kB, a WAL that turns every 48 kB, no helper thread. */
jd_store_opts crash_store_opts(const char *dir, const disk *d, int create);
/* Should the log-only changes be sealed now? (Its bound holds commits up, not the sealing.) */
int crash_seal_due(jd_store *s);
/* 0: as it must be. *found becomes a copy of what was found (NULL: not wanted). Else `why` says what is wrong. */
int crash_verify(disk *d, const crash_opts *o, model *found, char *why, size_t cap);
/* jd_store_check of what lies on the disk. 0: clean. */
int crash_check(disk *d, char *why, size_t cap);
/* A new folder for locks, and its removal. */
char *crash_folder(void);
void crash_folder_gone(char *dir);
#endif
