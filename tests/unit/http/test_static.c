/* Static files and the OpenAPI document. */
#include "http_test.h"
#include "json/json.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <zlib.h>

static char dir[] = "/tmp/jindu-http-XXXXXX";

static void put_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static jd_turn own(jd_req *r) {
    jd_buf_z(&r->out, "routed");
    r->status = 200;
    return JD_ANSWER;
}

static const jd_route rows[] = {
    {JD_GET, "/api/links", own, "limit offset", JD_R_OWN, "All \"links\""},
    {JD_POST, "/api/links", own, NULL, JD_R_OWN | JD_R_BODY, "Adds a link"},
    {JD_GET, "/ngsi-ld/v1/entities", own, "q", 0, "not ours"},
    {JD_DELETE, "/api/links/{id}/frames/{n}", own, "*", JD_R_OWN, NULL},
    {JD_GET, "/routed.js", own, NULL, 0, NULL},
};

static int open_door(void **state) {
    jd_log_level(JD_LOG_OFF);
    strcpy(strrchr(dir, '-'), "-XXXXXX");
    assert_non_null(mkdtemp(dir));
    char path[256];
    snprintf(path, sizeof path, "%s/docs", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file("index.html", "<!doctype html><title>渡</title>");
    put_file("docs/index.html", "docs");
    put_file("app-5X3KQ2AB.js", "let a = 1;");
    put_file("app-5X3KQ2AB.js.br", "pretend brotli");
    put_file("app-5X3KQ2AB.js.gz", "pretend gzip");
    put_file("app-5x3kq2ab.js", "lower");
    put_file("map-overlays.js", "a word");
    put_file("app-5x3Kq2ab.js", "both cases");
    put_file("app-5x3kq2a.js", "seven");
    put_file("style.css", "a{}");
    put_file("routed.js", "never seen");
    put_file("镇江.svg", "<svg/>");
    put_file(".secret", "never seen");
    snprintf(path, sizeof path, "%s/outside", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    *state = door_open(
        (jd_door_opts){.routes = rows, .routes_n = sizeof rows / sizeof *rows, .io_threads = 1, .web_dir = dir});
    return 0;
}

static int unlink_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static int close_door(void **state) {
    jd_door_stop(*state, NULL);
    return nftw(dir, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void serves_files(void **state) {
    reply r = get(*state, "/", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "<!doctype html><title>渡</title>");
    assert_string_equal(reply_header(&r, "Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(reply_header(&r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(reply_header(&r, "Cache-Control"), "no-cache");
    const char *csp = reply_header(&r, "Content-Security-Policy");
    assert_non_null(csp);
    assert_non_null(strstr(csp, "default-src 'self'"));
    assert_null(strstr(csp, "unsafe"));
    char etag[64], wish[128];
    snprintf(etag, sizeof etag, "%.60s", reply_header(&r, "ETag"));
    reply_free(&r);
    snprintf(wish, sizeof wish, "If-None-Match: \"x\", W/%s\r\n", etag);
    r = get(*state, "/index.html", wish);
    assert_int_equal(r.status, 304);
    assert_int_equal(r.body_n, 0);
    assert_string_equal(reply_header(&r, "ETag"), etag);
    reply_free(&r);
    r = ask(*state, "HEAD /style.css HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Length"), "3");
    assert_string_equal(reply_header(&r, "Content-Type"), "text/css; charset=utf-8");
    reply_free(&r);
    r = get(*state, "/docs/", "");
    assert_string_equal(r.body, "docs");
    reply_free(&r);
    r = get(*state, "/%E9%95%87%E6%B1%9F.svg?v=1", "");
    assert_string_equal(r.body, "<svg/>");
    assert_string_equal(reply_header(&r, "Content-Type"), "image/svg+xml");
    reply_free(&r);
    r = get(*state, "/routed.js", "");
    assert_string_equal(r.body, "routed");
    reply_free(&r);
}

static void serves_compressed_forms(void **state) {
    static const struct {
        const char *wish, *body, *coding;
    } rows_[] = {
        {"", "let a = 1;", NULL},
        {"Accept-Encoding: gzip, deflate, br\r\n", "pretend brotli", "br"},
        {"Accept-Encoding: gzip\r\n", "pretend gzip", "gzip"},
        {"Accept-Encoding: br;q=0.1, gzip;q=0.9\r\n", "pretend gzip", "gzip"},
        {"Accept-Encoding: br;q=0, gzip;q=0\r\n", "let a = 1;", NULL},
        {"Accept-Encoding: identity\r\n", "let a = 1;", NULL},
    };
    char tags[6][64];
    for (size_t i = 0; i < 6; i++) {
        reply r = get(*state, "/app-5X3KQ2AB.js", rows_[i].wish);
        assert_string_equal(r.body, rows_[i].body);
        const char *coding = reply_header(&r, "Content-Encoding");
        if (rows_[i].coding)
            assert_string_equal(coding, rows_[i].coding);
        else
            assert_null(coding);
        assert_string_equal(reply_header(&r, "Vary"), "Accept-Encoding");
        assert_string_equal(reply_header(&r, "Content-Type"), "text/javascript; charset=utf-8");
        assert_string_equal(reply_header(&r, "Cache-Control"), "public, max-age=31536000, immutable");
        snprintf(tags[i], sizeof tags[i], "%.60s", reply_header(&r, "ETag"));
        reply_free(&r);
    }
    assert_string_not_equal(tags[0], tags[1]);
    assert_string_not_equal(tags[1], tags[2]);
    assert_string_equal(tags[0], tags[5]);
}

static void keeps_what_has_a_hash_in_its_name(void **state) {
    static const struct {
        const char *path;
        int kept;
    } names[] = {{"/app-5X3KQ2AB.js", 1}, {"/app-5x3kq2ab.js", 1}, {"/map-overlays.js", 0},
                 {"/app-5x3Kq2ab.js", 0}, {"/app-5x3kq2a.js", 0},  {"/style.css", 0}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        reply r = get(*state, names[i].path, "");
        assert_int_equal(r.status, 200);
        const char *control = reply_header(&r, "Cache-Control");
        if (strcmp(control, names[i].kept ? "public, max-age=31536000, immutable" : "no-cache") != 0)
            fail_msg("%s: %s", names[i].path, control);
        reply_free(&r);
    }
}

static void stays_inside_its_folder(void **state) {
    static const char *const no[] = {"/.secret",
                                     "/outside",
                                     "/../etc/passwd",
                                     "/docs/../../etc/passwd",
                                     "/%2e%2e/%2e%2e/etc/passwd",
                                     "/docs/..%2f..%2fetc/passwd",
                                     "//etc/passwd",
                                     "/docs",
                                     "/index.html/",
                                     "/app-5X3KQ2AB.js.br",
                                     "/docs/%5c..%5cindex.html",
                                     "/./index.html"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        reply r = get(*state, no[i], "");
        if (r.status != 404) fail_msg("%s: %d", no[i], r.status);
        reply_free(&r);
    }
    reply r = ask(*state, "POST /style.css HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
    assert_int_equal(r.status, 404);
    reply_free(&r);
}

/* ---- files within the program ---- */

static const char script[] = "let a = 1; let b = 2; let c = 3; let d = 4; let e = 5; let f = 6; let g = 7;";
static char packed[400];

static size_t gzip(const char *text, size_t n) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text,
                  .avail_in = (uInt)n,
                  .next_out = (unsigned char *)packed,
                  .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static jd_door *door_with(const jd_web_file *files, size_t n) {
    jd_log_level(JD_LOG_OFF);
    return door_open((jd_door_opts){
        .routes = rows, .routes_n = sizeof rows / sizeof *rows, .io_threads = 1, .web_files = files, .web_files_n = n});
}

static void serves_files_of_the_program(void **state) {
    (void)state;
    size_t n = gzip(script, sizeof script - 1);
    const jd_web_file files[] = {{"/index.html", NULL, "<!doctype html>", 15},
                                 {"/app.js", "br", "pretend brotli", 14},
                                 {"/app.js", "gzip", packed, n},
                                 {"/empty.js", "gzip", packed, n}};
    jd_door *d = door_with(files, 3);
    reply r = get(d, "/", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "<!doctype html>");
    assert_non_null(reply_header(&r, "Content-Security-Policy"));
    reply_free(&r);
    r = get(d, "/app.js", "Accept-Encoding: gzip, br\r\n");
    assert_string_equal(r.body, "pretend brotli");
    reply_free(&r);
    r = get(d, "/app.js", "Accept-Encoding: gzip\r\n");
    assert_int_equal(r.body_n, n);
    assert_memory_equal(r.body, packed, n);
    reply_free(&r);
    static const char *const plainly[] = {"", "Accept-Encoding: identity\r\n", "Accept-Encoding: br;q=0, *;q=0\r\n"};
    for (size_t i = 0; i < 3; i++) {
        r = get(d, "/app.js", plainly[i]);
        assert_string_equal(r.body, script);
        assert_null(reply_header(&r, "Content-Encoding"));
        assert_string_equal(reply_header(&r, "Content-Type"), "text/javascript; charset=utf-8");
        reply_free(&r);
    }
    jd_door_stop(d, NULL);
    d = door_with((const jd_web_file[]){{"/empty.js", "gzip", packed, gzip("", 0)}}, 1);
    r = get(d, "/empty.js", "");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_n, 0);
    reply_free(&r);
    jd_door_stop(d, NULL);
}

static void refuses_what_cannot_be_unpacked(void **state) {
    (void)state;
    size_t n = gzip(script, sizeof script - 1);
    char bad[sizeof packed];
    for (size_t i = 0; i < 4; i++) {
        memcpy(bad, packed, n);
        size_t k = i == 0 ? n - 1 : n; /* cut off; a wrong sum, a wrong length, or no gzip at all */
        if (i == 1) bad[n - 8] ^= 1;
        if (i == 2) bad[n - 4] ^= 1;
        if (i == 3) bad[0] = 'x';
        const jd_web_file file = {"/app.js", "gzip", bad, k};
        jd_door_opts o = {.web_files = &file, .web_files_n = 1};
        jd_door *d;
        jd_err err = {0};
        assert_int_equal(jd_door_start(&d, &o, &err), -1);
        assert_non_null(strstr(err.en, "/app.js.gz"));
    }
}

static void says_that_there_is_no_console(void **state) {
    (void)state;
    static const jd_web_file none[] = {{NULL, NULL, NULL, 0}};
    jd_door *d = door_with(none, 0);
    reply r = get(d, "/", "Accept: text/html\r\nIf-None-Match: *\r\n");
    assert_int_equal(r.status, 404);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/plain; charset=utf-8");
    assert_non_null(strstr(r.body, "没有控制台"));
    assert_non_null(strstr(r.body, "holds no console"));
    reply_free(&r);
    r = get(d, "/index.html", "");
    assert_int_equal(r.status, 404);
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json");
    reply_free(&r);
    jd_door_stop(d, NULL);
}

static const jd_jval *at(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    if (!m) fail_msg("no member %s", name);
    return m;
}

static void writes_openapi(void **state) {
    reply r = get(*state, "/api/openapi.json", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json");
    jd_arena a;
    jd_arena_init(&a);
    jd_jval doc;
    jd_err err;
    if (jd_json_parse(&a, (jd_str){r.body, r.body_n}, NULL, &doc, &err)) fail_msg("%s: %s", err.en, r.body);
    assert_true(jd_jis(at(&doc, "openapi"), "3.1.0"));
    const jd_jval *paths = at(&doc, "paths");
    assert_int_equal(paths->n, 3);
    assert_null(jd_jget(paths, "/ngsi-ld/v1/entities"));
    const jd_jval *list = at(at(paths, "/api/links"), "get");
    assert_true(jd_jis(at(list, "operationId"), "getLinks"));
    assert_true(jd_jis(at(list, "summary"), "All \"links\""));
    assert_int_equal(at(list, "parameters")->n, 2);
    assert_true(jd_jis(at(&at(list, "parameters")->items[1], "name"), "offset"));
    assert_true(jd_jis(at(&at(list, "parameters")->items[1], "in"), "query"));
    const jd_jval *add = at(at(paths, "/api/links"), "post");
    assert_int_equal(at(at(add, "requestBody"), "required")->type, JD_JTRUE);
    const jd_jval *del = at(at(paths, "/api/links/{id}/frames/{n}"), "delete");
    assert_true(jd_jis(at(del, "operationId"), "deleteLinksByIdFramesByN"));
    assert_int_equal(at(del, "parameters")->n, 2);
    assert_true(jd_jis(at(&at(del, "parameters")->items[1], "name"), "n"));
    assert_int_equal(at(&at(del, "parameters")->items[1], "required")->type, JD_JTRUE);
    at(at(at(&doc, "components"), "schemas"), "ProblemDetails");
    jd_arena_fini(&a);
    reply_free(&r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_door, close_door)
int main(void) {
    const struct CMUnitTest tests[] = {T(serves_files),
                                       T(serves_compressed_forms),
                                       T(keeps_what_has_a_hash_in_its_name),
                                       T(stays_inside_its_folder),
                                       T(writes_openapi),
                                       cmocka_unit_test(serves_files_of_the_program),
                                       cmocka_unit_test(refuses_what_cannot_be_unpacked),
                                       cmocka_unit_test(says_that_there_is_no_console)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
