/* A folder into which files are dropped: one whose size and time have been steady for two seconds is taken, and moves
 * on to done/ or refused/, with what was set aside of it beside. A crash before the move takes it once more, which
 * changes nothing. */
#include "link/sources_int.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 10000 };
static const uint64_t STEADY_NS = 2000000000u, AGAIN_NS = 30000000000u;

int source_folder_check(const jd_tables *t, const char *path, jd_err *err) {
    char whole[PATH_MAX], own[PATH_MAX];
    struct stat st;
    const char *why = NULL;
    size_t n = realpath(t->o.data_dir, own) ? strlen(own) : 0;
    if (*path != '/')
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "folder: must begin with /", "folder：须以 / 开头"),
               jd_fail_at(err, "folder");
    if (!realpath(path, whole) || stat(whole, &st) || access(whole, R_OK | W_OK | X_OK)) why = strerror(errno);
    if (!why && !S_ISDIR(st.st_mode)) why = strerror(ENOTDIR);
    if (why) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "folder: %s: %s", "folder：%s：%s", path, why);
        return jd_fail_at(err, "folder");
    }
    if (!n || strncmp(whole, own, n) || (whole[n] && whole[n] != '/')) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "folder: %s lies within the data folder", "folder：%s 位于数据目录之内", path);
    return jd_fail_at(err, "folder");
}

/* ---- what lies there ---- */

/* Hidden files and those that programs write before they rename them are not there yet. */
static int is_for_us(const char *name) {
    static const char *const ends[] = {".part", ".tmp", ".crdownload", ".filepart", "~"};
    size_t n = strlen(name);
    if (*name == '.' || !strncmp(name, "~$", 2)) return 0;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i]);
        if (n > k && !strcmp(name + n - k, ends[i])) return 0;
    }
    return 1;
}

static source_file *file_of(jd_table_source *s, const char *name) {
    for (size_t i = 0; i < s->files_n; i++)
        if (!strcmp(s->files[i].name, name)) return &s->files[i];
    if (s->files_n == FILES_MAX) return NULL; /* the others have their turn when these are gone */
    s->files = jd_xrealloc(s->files, (s->files_n + 1) * sizeof *s->files);
    source_file *f = &s->files[s->files_n++];
    *f = (source_file){.name = jd_xstrdup(jd_str_of(name)), .size = -1};
    return f;
}

static void look(jd_table_source *s, int dir, const char *name, uint64_t now) {
    struct stat st;
    if (!is_for_us(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode)) return;
    source_file *f = file_of(s, name);
    if (!f) return;
    int64_t changed = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (f->size != st.st_size || f->changed_ns != changed) {
        f->size = st.st_size;
        f->changed_ns = changed;
        f->since_ns = now;
    }
    f->there = 1;
}

static void forget_gone(jd_table_source *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->files_n; i++) {
        if (s->files[i].there)
            s->files[n++] = s->files[i];
        else
            free(s->files[i].name);
    }
    s->files_n = n;
}

/* The steady file whose name comes first. */
static source_file *steady(jd_table_source *s, uint64_t now) {
    source_file *best = NULL;
    for (size_t i = 0; i < s->files_n; i++) {
        source_file *f = &s->files[i];
        if (!f->there || now - f->since_ns < STEADY_NS || now < f->again_ns) continue;
        if (!best || strcmp(f->name, best->name) < 0) best = f;
    }
    return best;
}

/* ---- where it goes ---- */

/* A name that is not taken in the folder: what lies there already is never replaced. */
static void free_name(int dir, const char *sub, const char *name, char out[PATH_MAX]) {
    struct stat st;
    snprintf(out, PATH_MAX, "%s/%s", sub, name);
    for (int i = 2; !fstatat(dir, out, &st, AT_SYMLINK_NOFOLLOW) && i < 100000; i++)
        snprintf(out, PATH_MAX, "%s/%d-%s", sub, i, name);
}

static int move(int dir, const char *sub, const char *name, jd_err *err) {
    char to[PATH_MAX];
    if (mkdirat(dir, sub, 0777) && errno != EEXIST)
        return jd_fail(err, JD_E_INTERNAL, "%s: %s", "%s：%s", sub, strerror(errno));
    free_name(dir, sub, name, to);
    if (!renameat(dir, name, dir, to)) return 0;
    return jd_fail(err, JD_E_INTERNAL, "%s cannot be moved to %s: %s", "无法将 %s 移到 %s：%s", name, to,
                   strerror(errno));
}

static void put_file(int dir, const char *sub, const char *name, jd_str text) {
    char to[PATH_MAX];
    if (mkdirat(dir, sub, 0777) && errno != EEXIST) return;
    free_name(dir, sub, name, to);
    int fd = openat(dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    while (fd >= 0 && text.n) {
        ssize_t k = write(fd, text.p, text.n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break; /* the report has them as well */
        text.p += k, text.n -= (size_t)k;
    }
    if (fd >= 0) close(fd);
}

/* Rows set aside of a table that went in otherwise. */
static void put_aside(jd_tables *t, int dir, const char *id, const char *name) {
    jd_buf rows = {0};
    jd_arena a;
    jd_arena_init(&a);
    if (jd_tables_refused(t, jd_str_of(id), &rows))
        put_file(dir, "refused", jd_tables_refused_name(jd_str_of(id), jd_str_of(name), &a).p, jd_buf_view(&rows));
    jd_arena_fini(&a);
    jd_buf_fini(&rows);
}

static void put_reason(int dir, const char *name, const jd_err *why) {
    char file[NAME_MAX + 16];
    jd_buf b = {0};
    snprintf(file, sizeof file, "%.240s.reason.txt", name);
    jd_buf_printf(&b, "%s%s%s\n%s\n", why->place, why->place[0] ? ": " : "", why->en, why->zh);
    put_file(dir, "refused", file, jd_buf_view(&b));
    jd_buf_fini(&b);
}

static int take_file(jd_tables *t, jd_table_source *s, int dir, const char *name, jd_err *err) {
    char id[TABLE_ID_MAX];
    int aside, fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return jd_fail(err, JD_E_INTERNAL, "%s: %s", "%s：%s", name, strerror(errno));
    int rc = source_take(t, s, name, fd, id, &aside, err);
    close(fd);
    if (rc < 0) return -1;
    if (rc) {
        jd_err why = *err;
        *err = (jd_err){0};
        if (move(dir, "refused", name, err)) return -1;
        put_reason(dir, name, &why);
        return 0;
    }
    if (aside) put_aside(t, dir, id, name);
    return move(dir, "done", name, err);
}

source_turn source_folder(jd_tables *t, jd_table_source *s, jd_err *err) {
    int fd = open(s->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        jd_fail(err, JD_E_INTERNAL, "%s: %s", "%s：%s", s->where, strerror(errno));
        if (fd >= 0) close(fd);
        return TURN_FAILED;
    }
    uint64_t now = jd_mono_ns();
    source_turn turn = TURN_DONE;
    source_file *f;
    jd_err why = {0};
    for (size_t i = 0; i < s->files_n; i++) s->files[i].there = 0;
    for (struct dirent *e; (e = readdir(d));) look(s, fd, e->d_name, now);
    forget_gone(s);
    while (!atomic_load(&t->stop) && (f = steady(s, now))) {
        f->there = 0;
        if (!take_file(t, s, fd, f->name, &why)) continue;
        f->again_ns = jd_mono_ns() + AGAIN_NS; /* the others need not wait for it */
        if (turn == TURN_DONE) *err = why;
        turn = TURN_FAILED;
        why = (jd_err){0};
    }
    closedir(d);
    return turn;
}
