#include "verify.h"

#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

jd_store_opts crash_store_opts(const char *dir, const disk *d, int create) {
    return (jd_store_opts){.dir = dir,
                           .vfs = disk_vfs(d),
                           .create = create,
                           .step = 1,
                           .min_free = 1,
                           .log_only = EVENT_LOG_ONLY,
                           .log_bytes_max = 24 << 10,
                           .wal_bytes = 48 << 10};
}

int crash_seal_due(jd_store *s) {
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    return st.log_bytes > 14 << 10 && st.sealed < st.group_last;
}

static void keep_first(void *user, const char *finding) {
    char *first = user;
    if (!first[0]) snprintf(first, 200, "%s", finding);
}

int crash_check(disk *d, char *why, size_t cap) {
    char first[200] = "";
    jd_err err = {0};
    int64_t n = store__check_file(STORE_DB_NAME, disk_vfs(d), keep_first, first, NULL, NULL, &err);
    if (n == 0) return 0;
    snprintf(why, cap, "check: %s", n < 0 ? err.en : first);
    return -1;
}

int crash_verify(disk *d, const crash_opts *o, model *found, char *why, size_t cap) {
    model seen = {0};
    jd_err err = {0};
    jd_store *s = NULL;
    char other[200] = "";
    int rc = -1;
    if (o->founded && crash_check(d, why, cap) != 0) return -1;
    jd_store_opts opts = crash_store_opts(o->dir, d, !o->founded);
    if (jd_store_open(&s, &opts, &err) != 0)
        snprintf(why, cap, "open: %s", err.en);
    else if (model_load(s, &seen, &err) != 0)
        snprintf(why, cap, "load: %s", err.en);
    else if (model_differs(o->before, &seen, why, cap) == 0 ||
             (o->after && model_differs(o->after, &seen, other, sizeof other) == 0))
        rc = 0;
    else if (o->after)
        snprintf(why + strlen(why), cap - strlen(why), "; and from the group on its way: %s", other);
    jd_store_close(s);
    if (rc == 0 && found) model_copy(found, &seen); /* what the sealer knew is gone with the process */
    model_fini(&seen);
    return rc;
}

char *crash_folder(void) {
    const char *tmp = getenv("TMPDIR");
    jd_buf b = {0};
    /* Only locks lie here, and thousands of opens sync it: better in memory. */
    if (!tmp) tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    jd_buf_printf(&b, "%s/jindu-crash-XXXXXX%c", tmp, 0);
    if (!mkdtemp(b.p)) abort();
    return jd_buf_take(&b, NULL);
}

void crash_folder_gone(char *dir) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s/%s%c", dir, STORE_LOCK_NAME, 0);
    unlink(b.p);
    rmdir(dir);
    jd_buf_fini(&b);
    free(dir);
}
