/* Static files, of a folder or within the program, made into ready responses at the start. A request looks a path up in
 * a table and never touches the disk, so there is no path to escape by. Beside "x.js" may stand "x.js.br" and
 * "x.js.gz": its compressed forms; where there is only "x.js.gz", it is unpacked for who takes no coding. */
#include "http/door_int.h"
#include "http/media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FILES_MAX = 4000, FILE_MAX = 32 * 1024 * 1024, ALL_MAX = 128 * 1024 * 1024, DEPTH_MAX = 12 };
enum { PLAIN, BROTLI, GZIP, FORMS };

typedef struct file {
    jd_str path; /* as asked for: "/app.js" */
    int status;
    const char *type;
    const char *bytes[FORMS];
    char *own[FORMS]; /* bytes, where they are ours to free */
    size_t sizes[FORMS];
    struct MHD_Response *answers[FORMS], *unchanged[FORMS];
    char etags[FORMS][28];
} file;

struct jd_static {
    jd_arena arena;
    jd_strmap by_path;
    file *files;
    uint32_t n, cap;
    size_t total;
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".geojson", "application/geo+json"},
    {".jsonld", "application/ld+json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".pdf", "application/pdf"},
};

static int ends(jd_str s, const char *ending) {
    size_t n = strlen(ending);
    return s.n > n && memcmp(s.p + s.n - n, ending, n) == 0;
}

static const char *type_of(jd_str path) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (ends(path, types[i].ending)) return types[i].type;
    return "application/octet-stream";
}

/* Digits and letters of one case, at least one digit: a word is none. */
static int is_hash(const char *p, size_t n) {
    size_t digits = 0, upper = 0, lower = 0;
    for (size_t i = 0; i < n; i++) {
        digits += p[i] >= '0' && p[i] <= '9';
        upper += p[i] >= 'A' && p[i] <= 'Z';
        lower += p[i] >= 'a' && p[i] <= 'z';
    }
    return digits && digits + upper + lower == n && !(upper && lower);
}

/* A name with a hash of its content ("app-5X3KQ2AB.js", "app-5x3kq2ab.js") never changes its meaning. */
static int hashed_name(jd_str path) {
    for (size_t i = 0; i + 9 < path.n; i++)
        if (path.p[i] == '-' && path.p[i + 9] == '.' && is_hash(path.p + i + 1, 8)) return 1;
    return 0;
}

static int too_large(const jd_static *s, size_t n, const char *name, jd_err *err) {
    if (n <= FILE_MAX && s->total + n <= ALL_MAX) return 0;
    return jd_fail(err, JD_E_INTERNAL, "%s: static files are too large together", "%s：静态文件总量过大", name);
}

static void take_form(jd_static *s, file *f, int form, char *own, const char *bytes, size_t n) {
    free(f->own[form]);
    f->own[form] = own;
    f->bytes[form] = bytes;
    f->sizes[form] = n;
    s->total += n;
}

static int read_file(jd_static *s, file *f, int form, int dir, const char *name, jd_err *err) {
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0) close(fd);
        return jd_fail(err, JD_E_INTERNAL, "cannot read %s: %s", "无法读取 %s：%s", name, strerror(errno));
    }
    size_t n = (size_t)st.st_size;
    if (too_large(s, n, name, err)) {
        close(fd);
        return -1;
    }
    char *p = jd_xmalloc(n + 1);
    size_t got = 0;
    while (got < n) {
        ssize_t k = read(fd, p + got, n - got);
        if (k <= 0) break;
        got += (size_t)k;
    }
    close(fd);
    if (got != n) {
        free(p);
        return jd_fail(err, JD_E_INTERNAL, "cannot read %s", "无法读取 %s", name);
    }
    take_form(s, f, form, p, p, n);
    return 0;
}

/* The plain form out of the one that was packed by gzip. */
static int unpack(jd_static *s, file *f, jd_err *err) {
    const unsigned char *packed = (const unsigned char *)f->bytes[GZIP];
    size_t k = f->sizes[GZIP], n = 0;
    for (size_t i = 4; k > 18 && i; i--) n = n << 8 | packed[k - 5 + i]; /* RFC 1952 2.3.1: ISIZE ends it */
    if (too_large(s, n, f->path.p, err)) return -1;
    char *plain = jd_xmalloc(n + 1);
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed,
                  .avail_in = (uInt)k,
                  .next_out = (unsigned char *)plain,
                  .avail_out = (uInt)n + 1};
    int rc = inflateInit2(&z, 15 + 16);
    if (rc == Z_OK) rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (rc != Z_STREAM_END || z.total_out != n || z.avail_in) {
        free(plain);
        return jd_fail(err, JD_E_INTERNAL, "%s.gz cannot be unpacked", "无法解压 %s.gz", f->path.p);
    }
    take_form(s, f, PLAIN, plain, plain, n);
    return 0;
}

static file *file_at(jd_static *s, jd_str path) {
    uint32_t i = jd_strmap_get(&s->by_path, path);
    if (i != JD_STRMAP_NONE) return &s->files[i];
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->files = jd_xrealloc(s->files, s->cap * sizeof *s->files);
    }
    s->files[s->n] = (file){.path = jd_arena_dup(&s->arena, path), .status = 200, .type = type_of(path)};
    jd_strmap_add(&s->by_path, path, s->n);
    return &s->files[s->n++];
}

static int load_dir(jd_static *s, int dir, jd_str prefix, int depth, jd_err *err);

static int load_entry(jd_static *s, int dir, jd_str prefix, const char *name, int depth, jd_err *err) {
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return 0;
    jd_str path = jd_arena_printf(&s->arena, "%.*s/%s", JD_STR_ARG(prefix), name);
    if (S_ISDIR(st.st_mode)) {
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) return jd_fail(err, JD_E_INTERNAL, "cannot read %s: %s", "无法读取 %s：%s", name, strerror(errno));
        return load_dir(s, fd, path, depth + 1, err);
    }
    if (!S_ISREG(st.st_mode) || !jd_utf8_ok(path)) return 0;
    if (s->n >= FILES_MAX)
        return jd_fail(err, JD_E_INTERNAL, "more than %d static files", "静态文件超过 %d 个", (int)FILES_MAX);
    int form = ends(path, ".br") ? BROTLI : ends(path, ".gz") ? GZIP : PLAIN;
    if (form != PLAIN) path.n -= 3;
    return read_file(s, file_at(s, path), form, dir, name, err);
}

/* Takes the descriptor. */
static int load_dir(jd_static *s, int fd, jd_str prefix, int depth, jd_err *err) {
    DIR *d = fdopendir(fd);
    if (!d || depth > DEPTH_MAX) {
        if (d)
            closedir(d);
        else
            close(fd);
        return jd_fail(err, JD_E_INTERNAL, "cannot read the folder %s/", "无法读取目录 %s/", prefix.p);
    }
    int bad = 0;
    struct dirent *e;
    while (!bad && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.') bad = load_entry(s, dirfd(d), prefix, e->d_name, depth, err);
    closedir(d);
    return bad;
}

static void header(struct MHD_Response *m, const char *name, const char *value) {
    if (MHD_add_response_header(m, name, value) != MHD_YES) abort(); /* of our own constants */
}

static void common(struct MHD_Response *m, const file *f, int form, int varies) {
    header(m, "ETag", f->etags[form]);
    header(m, "Cache-Control", hashed_name(f->path) ? "public, max-age=31536000, immutable" : "no-cache");
    if (varies) header(m, "Vary", "Accept-Encoding");
}

/* What a page may load, and from where. Tiles are images that some map libraries fetch. */
static const char *policy(jd_arena *a, const char *tiles) {
    const char *blank = tiles ? " " : "";
    if (!tiles) tiles = "";
    return jd_arena_printf(a,
                           "default-src 'self'; img-src 'self' data: blob:%s%s; worker-src 'self'; "
                           "connect-src 'self'%s%s; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
                           "object-src 'none'",
                           blank, tiles, blank, tiles)
        .p;
}

static void make_answers(file *f, const char *csp) {
    static const char *const codings[FORMS] = {NULL, "br", "gzip"};
    const char *type = f->type;
    int varies = f->bytes[BROTLI] || f->bytes[GZIP];
    for (int i = 0; i < FORMS; i++) {
        if (!f->bytes[i]) continue;
        snprintf(f->etags[i], sizeof f->etags[i], "\"%016llx%s%s\"",
                 (unsigned long long)jd_hash_fixed(f->bytes[i], f->sizes[i]), i ? "-" : "", i ? codings[i] : "");
        struct MHD_Response *m =
            MHD_create_response_from_buffer(f->sizes[i], (char *)(uintptr_t)f->bytes[i], MHD_RESPMEM_PERSISTENT);
        header(m, "Content-Type", type);
        header(m, "X-Content-Type-Options", "nosniff");
        if (i) header(m, "Content-Encoding", codings[i]);
        if (!strncmp(type, "text/html", 9)) {
            header(m, "Content-Security-Policy", csp);
            header(m, "Referrer-Policy", "same-origin");
        }
        common(m, f, i, varies);
        f->answers[i] = m;
        f->unchanged[i] = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        common(f->unchanged[i], f, i, varies);
    }
}

/* "/docs/index.html" answers "/docs/" and "/index.html" answers "/". */
static void add_indexes(jd_static *s) {
    for (uint32_t i = 0; i < s->n; i++)
        if (ends(s->files[i].path, "/index.html") || jd_str_is(s->files[i].path, "/index.html"))
            jd_strmap_add(&s->by_path, (jd_str){s->files[i].path.p, s->files[i].path.n - 10}, i);
}

static int load_folder(jd_static *s, const char *dir, jd_err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) return load_dir(s, fd, JD_STR(""), 0, err);
    return jd_fail(err, JD_E_INTERNAL, "cannot read the folder %s: %s", "无法读取目录 %s：%s", dir, strerror(errno));
}

static int take_files(jd_static *s, const jd_web_file *list, size_t n, jd_err *err) {
    static const char none[] =
        "这个程序里没有控制台：编译时没有 node。装好 node 后再 make，或用 --web DIR 指定网页目录；\n"
        "接口照常可用，见 /api/openapi.json。\n\n"
        "This program holds no console: there was no node when it was built. Install node and run make "
        "again,\nor serve a folder by --web DIR. All interfaces are there: /api/openapi.json.\n";
    for (size_t i = 0; i < n; i++) {
        file *f = file_at(s, jd_str_of(list[i].path));
        int form = !list[i].coding ? PLAIN : strcmp(list[i].coding, "br") ? GZIP : BROTLI;
        if (too_large(s, list[i].n, list[i].path, err)) return -1;
        take_form(s, f, form, NULL, list[i].bytes, list[i].n);
    }
    if (n || !list) return 0;
    file *f = file_at(s, JD_STR("/"));
    f->status = 404;
    f->type = "text/plain; charset=utf-8";
    take_form(s, f, PLAIN, NULL, none, sizeof none - 1);
    return 0;
}

static int take_documents(jd_static *s, const jd_web_file *list, size_t n, jd_err *err) {
    for (size_t i = 0; i < n; i++) {
        jd_str path = jd_str_of(list[i].path);
        if (jd_strmap_get(&s->by_path, path) != JD_STRMAP_NONE) continue;
        if (too_large(s, list[i].n, list[i].path, err)) return -1;
        file *f = file_at(s, path);
        f->type = "application/ld+json";
        take_form(s, f, PLAIN, NULL, list[i].bytes, list[i].n);
    }
    return 0;
}

int jd_static_load(jd_static **out, const jd_door_opts *o, jd_err *err) {
    jd_static *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    jd_strmap_init(&s->by_path);
    int bad = o->web_dir ? load_folder(s, o->web_dir, err) : take_files(s, o->web_files, o->web_files_n, err);
    if (!bad) bad = take_documents(s, o->documents, o->documents_n, err);
    for (uint32_t i = 0; !bad && i < s->n; i++)
        if (s->files[i].bytes[GZIP] && !s->files[i].bytes[PLAIN]) bad = unpack(s, &s->files[i], err);
    if (bad) {
        jd_static_free(s);
        return -1;
    }
    const char *csp = policy(&s->arena, o->tiles);
    for (uint32_t i = 0; i < s->n; i++) make_answers(&s->files[i], csp);
    add_indexes(s);
    *out = s;
    return 0;
}

void jd_static_free(jd_static *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n; i++)
        for (int k = 0; k < FORMS; k++) {
            if (s->files[i].answers[k]) MHD_destroy_response(s->files[i].answers[k]);
            if (s->files[i].unchanged[k]) MHD_destroy_response(s->files[i].unchanged[k]);
            free(s->files[i].own[k]);
        }
    free(s->files);
    jd_strmap_fini(&s->by_path);
    jd_arena_fini(&s->arena);
    free(s);
}

/* RFC 9110 13.1.2: a list of tags, weak ones compare equal, or "*". */
static int tag_listed(jd_str list, const char *etag) {
    size_t n = strlen(etag);
    if (jd_str_is(list, "*")) return 1;
    for (size_t i = 0; i + n <= list.n; i++)
        if (memcmp(list.p + i, etag, n) == 0) return 1;
    return 0;
}

int jd_static_serve(const jd_static *s, call *c) {
    jd_req *r = &c->r;
    uint32_t i = jd_strmap_get(&s->by_path, r->path);
    if (i == JD_STRMAP_NONE) return 0;
    const file *f = &s->files[i];
    jd_str accepts = jd_req_header(r, "Accept-Encoding");
    static const char *const codings[FORMS] = {"identity", "br", "gzip"};
    int form = -1, best = 0;
    static const int order[FORMS] = {BROTLI, GZIP, PLAIN};
    for (int k = 0; k < FORMS; k++) {
        int q = f->answers[order[k]] ? jd_media_coding(accepts, codings[order[k]]) : 0;
        if (q > best) form = order[k], best = q;
    }
    if (form < 0 && f->answers[PLAIN]) form = PLAIN; /* RFC 9110 12.5.3 lets us disregard the wish */
    if (form < 0) return 0;
    jd_str tags = jd_req_header(r, "If-None-Match");
    int same = f->status == 200 && tags.p && tag_listed(tags, f->etags[form]);
    r->status = same ? 304 : f->status;
    c->fixed = same ? f->unchanged[form] : f->answers[form];
    return 1;
}
