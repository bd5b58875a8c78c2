/* Runs a fuzz target over kept inputs, without a fuzzer: each argument is a file or a folder (not its subfolders).
 * A target that finds something aborts. Fails when there was nothing to replay, so that a lost corpus is noticed. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count;

static void die(const char *what, const char *path) {
    fprintf(stderr, "replay: cannot %s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void replay_file(const char *path, size_t size) {
    FILE *f = fopen(path, "rb");
    if (!f) die("open", path);
    /* Memory of exactly the file's size: a sanitizer then sees a read beyond it. */
    uint8_t *data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, f) != size) die("read", path);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* the last line before a crash names the input */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    count++;
}

static void replay(const char *path, int inside) {
    struct stat st;
    if (stat(path, &st)) die("read", path);
    if (S_ISREG(st.st_mode)) {
        replay_file(path, (size_t)st.st_size);
    } else if (S_ISDIR(st.st_mode) && !inside) {
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort);
        if (n < 0) die("list", path);
        for (int i = 0; i < n; i++) {
            char full[4096];
            int len = snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name);
            if (len < 0 || (size_t)len >= sizeof full) {
                errno = ENAMETOOLONG;
                die("read", path);
            }
            if (names[i]->d_name[0] != '.') replay(full, 1);
            free(names[i]);
        }
        free(names);
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) replay(argv[i], 0);
    printf("%zu inputs replayed\n", count);
    return count ? 0 : 1;
}
