/* Preloaded by cmd.test.ts: makes the sync calls of the program under test fail, or wait, while a file is there.
 * JD_SYNC_FAILS and JD_SYNC_WAITS name the files. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static int there(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static int fate(void) {
    while (there("JD_SYNC_WAITS")) usleep(5000);
    if (!there("JD_SYNC_FAILS")) return 0;
    errno = EIO;
    return -1;
}

int fsync(int fd) {
    (void)fd;
    return fate();
}

int fdatasync(int fd) {
    (void)fd;
    return fate();
}
