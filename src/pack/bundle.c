/* What a pack declares, as files: from a request, or from a folder. */
#include "pack/pack_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000, STEM_MAX = 60 };
#define BYTES_MAX ((size_t)4 << 20)

static const struct {
    const char *folder;
    pack_kind kind;
} folders[] = {{"links/", PACK_LINK},
               {"mappings/", PACK_MAPPING},
               {"models/", PACK_MODEL},
               {"rules/", PACK_RULE},
               {"views/", PACK_VIEW}};
enum { FOLDERS = sizeof folders / sizeof *folders };

int pack_name_valid(jd_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return 0;
    }
    return s.n >= 1 && s.n <= STEM_MAX;
}

int pack_kind_of(jd_str name, jd_str *stem) {
    *stem = name;
    if (jd_str_is(name, "pack.json")) return PACK_MANIFEST;
    if (jd_str_is(name, "proof/proof.json")) return PACK_PROOF;
    for (size_t i = 0; i < FOLDERS; i++) {
        jd_str folder = jd_str_of(folders[i].folder);
        if (!jd_str_starts(name, folder) || name.n < folder.n + 6) continue;
        *stem = (jd_str){name.p + folder.n, name.n - folder.n - 5};
        if (memcmp(name.p + name.n - 5, ".json", 5) || !pack_name_valid(*stem)) return -1;
        return (int)folders[i].kind;
    }
    return -1;
}

static int by_name(const void *a, const void *b) {
    return jd_str_cmp(((const jd_bundle_file *)a)->name, ((const jd_bundle_file *)b)->name);
}

static void sort(jd_bundle *b) {
    if (b->n) qsort(b->files, b->n, sizeof *b->files, by_name);
}

/* ---- from JSON ---- */

int jd_bundle_of_json(const jd_jval *v, jd_arena *a, jd_bundle *out, jd_err *err) {
    const jd_jval *files = v->type == JD_JOBJ && v->n == 1 ? jd_jget(v, "files") : NULL;
    if (!files || files->type != JD_JOBJ) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the body must be {\"files\": {NAME: TEXT, ...}}",
                "请求体须为 {\"files\": {文件名: 文本, ...}}");
        return jd_fail_at(err, "files");
    }
    *out = (jd_bundle){JD_NEWN(a, jd_bundle_file, files->n + 1), files->n};
    for (uint32_t i = 0; i < files->n; i++) {
        const jd_jmember *m = &files->members[i];
        if (m->val.type != JD_JSTR) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "files.%.*s: must be the file's text", "files.%.*s：须为文件的文本",
                    (int)(m->name.n > 100 ? 100 : m->name.n), m->name.p);
            return jd_fail_at(err, "files.%.*s", (int)(m->name.n > 100 ? 100 : m->name.n), m->name.p);
        }
        out->files[i] = (jd_bundle_file){m->name, jd_jstr(&m->val)};
    }
    sort(out);
    return 0;
}

/* ---- from a folder ---- */

typedef struct reading {
    int dir;
    const char *shown; /* the folder, as it was called */
    jd_arena *a;
    jd_bundle *out;
    size_t cap, files_max, bytes, bytes_max;
    jd_err *err;
} reading;

static int no(const reading *r, const char *name) {
    return jd_fail(r->err, JD_E_NOT_FOUND, "%s/%s: %s", "%s/%s：%s", r->shown, name, strerror(errno));
}

static int read_all(reading *r, const char *name, int fd, jd_buf *text) {
    for (;;) {
        if (r->bytes + text->n > r->bytes_max)
            return jd_fail(r->err, JD_E_TOO_LARGE, "%s: the declarations of a pack have at most %zu bytes",
                           "%s：一个系统包的声明不得超过 %zu 字节", r->shown, r->bytes_max);
        ssize_t n = read(fd, jd_buf_room(text, 65536), 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return no(r, name);
        if (!n) break;
        text->n += (size_t)n;
    }
    r->bytes += text->n;
    return 0;
}

static int read_one(reading *r, const char *name) {
    jd_buf text = {0};
    int fd = openat(r->dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return no(r, name);
    int rc = read_all(r, name, fd, &text);
    close(fd);
    if (!rc && r->out->n == r->files_max)
        rc = jd_fail(r->err, JD_E_TOO_LARGE, "%s: a pack has at most %zu declarations",
                     "%s：一个系统包至多 %zu 个声明文件", r->shown, r->files_max);
    if (!rc && r->out->n == r->cap) {
        jd_bundle_file *more = JD_NEWN(r->a, jd_bundle_file, r->cap = r->cap ? r->cap * 2 : 32);
        if (r->out->n) memcpy(more, r->out->files, r->out->n * sizeof *more);
        r->out->files = more;
    }
    if (!rc)
        r->out->files[r->out->n++] =
            (jd_bundle_file){jd_arena_dup(r->a, jd_str_of(name)), jd_arena_dup(r->a, jd_buf_view(&text))};
    jd_buf_fini(&text);
    return rc;
}

static int read_folder(reading *r, const char *folder) {
    int fd = openat(r->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd < 0) return errno == ENOENT ? 0 : no(r, folder);
    DIR *d = fdopendir(fd);
    if (!d) return close(fd), no(r, folder);
    for (const struct dirent *e; !rc && (e = readdir(d));) {
        char name[512];
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s%s", folder, e->d_name);
        rc = read_one(r, name); /* whatever it is: one of a wrong name is a fault that is seen */
    }
    closedir(d);
    return rc;
}

int jd_bundle_of_folder(const char *dir, uint32_t files_max, size_t bytes_max, jd_arena *a, jd_bundle *out,
                        jd_err *err) {
    reading r = {.shown = dir,
                 .a = a,
                 .out = out,
                 .err = err,
                 .files_max = files_max ? files_max : FILES_MAX,
                 .bytes_max = bytes_max ? bytes_max : BYTES_MAX};
    *out = (jd_bundle){0};
    r.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r.dir < 0) return jd_fail(err, JD_E_NOT_FOUND, "%s: %s", "%s：%s", dir, strerror(errno));
    int rc = read_one(&r, "pack.json");
    for (size_t i = 0; !rc && i < FOLDERS; i++) rc = read_folder(&r, folders[i].folder);
    if (!rc && faccessat(r.dir, "proof/proof.json", F_OK, 0) == 0) rc = read_one(&r, "proof/proof.json");
    close(r.dir);
    sort(out);
    return rc;
}
