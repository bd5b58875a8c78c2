/* Files that are whole or not there, and the wish to stop. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_file_read(const char *path, jd_buf *out, jd_err *err) {
    FILE *f = fopen(path, "rbe");
    size_t n = 0;
    if (!f) return jd_fail(err, JD_E_INVALID_REQUEST, "%s: %s", "%s：%s", path, strerror(errno));
    out->n = 0;
    do {
        n = fread(jd_buf_room(out, 64 << 10), 1, 64 << 10, f);
        out->n += n;
    } while (n && out->n <= CMD_FILE_MAX);
    int bad = ferror(f), why = errno;
    fclose(f);
    if (bad) return jd_fail(err, JD_E_INVALID_REQUEST, "%s: %s", "%s：%s", path, strerror(why));
    if (out->n <= CMD_FILE_MAX) return 0;
    return jd_fail(err, JD_E_TOO_LARGE, "%s: is larger than %d MiB", "%s：大于 %d MiB", path, CMD_FILE_MAX >> 20);
}

static int cannot_write(const char *path, jd_err *err) {
    int e = errno;
    return jd_fail(err, e == ENOSPC || e == EDQUOT ? JD_E_STORAGE_FULL : JD_E_INVALID_REQUEST, "cannot write %s: %s",
                   "无法写入 %s：%s", path, strerror(e));
}

int cmd_out_open(cmd_out *o, const char *path, jd_err *err) {
    *o = (cmd_out){.f = stdout};
    if (!path || !strcmp(path, "-")) return 0;
    jd_buf b = {0};
    jd_buf_printf(&b, "%s.%ld.part%c", path, (long)getpid(), 0);
    o->part = jd_buf_take(&b, NULL);
    int fd = open(o->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    o->f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (o->f) {
        o->path = jd_xstrdup(jd_str_of(path));
        return 0;
    }
    cannot_write(o->part, err);
    free(o->part);
    *o = (cmd_out){0};
    return -1;
}

static int sync_folder_of(const char *path) {
    char *copy = jd_xstrdup(jd_str_of(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) close(fd);
    free(copy);
    return rc;
}

int cmd_out_commit(cmd_out *o, jd_err *err) {
    if (!o->path) return fflush(o->f) ? cannot_write(cmd_word("standard output", "标准输出"), err) : 0;
    int rc = fflush(o->f) || fsync(fileno(o->f)) ? cannot_write(o->part, err) : 0;
    if (fclose(o->f) && !rc) rc = cannot_write(o->part, err);
    o->f = NULL;
    if (!rc && rename(o->part, o->path)) rc = cannot_write(o->path, err);
    if (!rc && sync_folder_of(o->path)) rc = cannot_write(o->path, err);
    if (!rc) {
        free(o->part);
        o->part = NULL;
    }
    cmd_out_abandon(o);
    return rc;
}

void cmd_out_abandon(cmd_out *o) {
    if (o->part) unlink(o->part);
    if (o->path && o->f) fclose(o->f);
    free(o->part);
    free(o->path);
    *o = (cmd_out){0};
}

/* ---- interruption: the only state of the process that is nobody's argument ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig) {
    (void)sig;
    if (interrupted) _exit(CMD_FAILED);
    interrupted = 1;
}

void cmd_interruptible(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < CMD_COUNT_OF(signals); i++) sigaction(signals[i], &act, NULL);
}

int cmd_interrupted(void) {
    return interrupted;
}
