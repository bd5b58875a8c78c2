/* What the door parses by itself. The first byte of an input chooses: h the head of a request, t a target (and the
 * route table), m the header values of content negotiation. */
#include "http/door_int.h"
#include "http/media.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                     \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                   \
        }                                                              \
    } while (0)

/* ---- the head ---- */

typedef struct cut {
    size_t size;         /* of the head */
    size_t uri, version; /* offsets */
    unsigned headers_n;  /* as the library counts them */
} cut;

/* Ends the line that begins at s as libmicrohttpd does: CR LF or a bare LF become NUL. Returns the next line's start, 0
 * when there is no end. */
static size_t end_line(char *p, size_t s, size_t n, size_t *line_n) {
    for (size_t i = s; i < n; i++) {
        if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n') {
            p[i] = p[i + 1] = 0;
            *line_n = i - s;
            return i + 2;
        }
        if (p[i] == '\n') {
            p[i] = 0;
            *line_n = i - s;
            return i + 1;
        }
    }
    return 0;
}

/* Does to a head what libmicrohttpd 0.9.75 does before it asks us; 0 when it would refuse it or wait for more. */
static int mangle(char *p, size_t n, cut *c) {
    size_t line_n, at = end_line(p, 0, n, &line_n);
    char *space = at ? memchr(p, ' ', line_n) : NULL;
    if (!space || space == p) return 0;
    *space++ = 0;
    while (space < p + line_n && *space == ' ') space++;
    if (space >= p + line_n) return 0;
    char *v = p + line_n - 1;
    while (v > space && *v == ' ') v--;
    while (v > space && *v != ' ') v--;
    if (v <= space || (size_t)(p + line_n - (v + 1)) != 8 || memcmp(v + 1, "HTTP/1.", 7) != 0) return 0;
    if (v[8] < '0' || v[8] > '9') return 0;
    *v = 0;
    c->uri = (size_t)(space - p);
    c->version = (size_t)(v + 1 - p);
    c->headers_n = 0;
    for (;;) {
        size_t line = at;
        at = end_line(p, at, n, &line_n);
        if (!at) return 0;
        if (p[line] == 0) break;
        if (p[line] == ' ' || p[line] == '\t') continue; /* taken for a folded value */
        char *colon = strchr(p + line, ':');
        if (!colon) return 0;
        *colon = 0;
        c->headers_n++;
    }
    c->size = at;
    return 1;
}

static int is_name(unsigned char c) {
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

/* The slow and obvious judge of a head that was taken: every byte of the text as sent is accounted for. */
static void judge(const char *raw, size_t n, const jd_head *h) {
    char *again = malloc(n + 1);
    size_t k = 0, lengths = 0, codings = 0, hosts = 0, line = 0;
    MUST(again);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)raw[i];
        if (c == '\r')
            MUST(i + 1 < n && raw[i + 1] == '\n');
        else if (c == '\n')
            MUST(i > 0 && raw[i - 1] == '\r');
        else
            MUST(c == '\t' || (c >= ' ' && c != 0x7f));
    }
    const char *s = memchr(raw, '\n', n);
    MUST(s);
    k = (size_t)snprintf(again, n + 1, "%.*s %.*s %.*s\r\n", JD_STR_ARG(h->method), JD_STR_ARG(h->target),
                         JD_STR_ARG(h->version));
    MUST(k == (size_t)(s - raw) + 1 && memcmp(again, raw, k) == 0);
    for (s++; *s != '\r'; line++) {
        MUST(line < h->headers_n);
        const jd_param *f = &h->headers[line];
        const char *colon = memchr(s, ':', n - (size_t)(s - raw)), *end = memchr(s, '\r', n - (size_t)(s - raw));
        MUST(colon && end && (size_t)(colon - s) == f->name.n && f->name.n > 0 && memcmp(s, f->name.p, f->name.n) == 0);
        for (const char *q = s; q < colon; q++) MUST(is_name((unsigned char)*q));
        const char *v = colon + 1;
        while (*v == ' ' || *v == '\t') v++;
        while (end > v && (end[-1] == ' ' || end[-1] == '\t')) end--;
        MUST((size_t)(end - v) == f->value.n && memcmp(v, f->value.p, f->value.n) == 0);
        lengths += f->name.n == 14 && strncasecmp(f->name.p, "content-length", 14) == 0;
        codings += f->name.n == 17 && strncasecmp(f->name.p, "transfer-encoding", 17) == 0;
        hosts += f->name.n == 4 && strncasecmp(f->name.p, "host", 4) == 0;
        s = memchr(s, '\n', n - (size_t)(s - raw));
        MUST(s);
        s++;
    }
    MUST(line == h->headers_n && s + 2 == raw + n);
    MUST(lengths + codings <= 1 && hosts <= 1 && (hosts == 1 || h->version.p[7] == '0'));
    MUST((int)lengths == h->has_length && (int)codings == h->chunked);
    free(again);
}

static void fuzz_head(const char *p, size_t n) {
    char *raw = malloc(n + 1), *own = malloc(n + 1);
    MUST(raw && own);
    memcpy(raw, p, n);
    memcpy(own, p, n);
    raw[n] = own[n] = 0;
    cut c;
    if (mangle(own, n, &c)) {
        jd_head *h = malloc(sizeof *h);
        MUST(h);
        jd_err err;
        char *exact = malloc(c.size);
        MUST(exact);
        memcpy(exact, own, c.size);
        /* As the library's callback hands it over: up to a NUL. */
        jd_str target = {raw + c.uri, strnlen(raw + c.uri, c.version - 1 - c.uri)};
        int bad = jd_head_read(h, exact, c.size, exact + c.uri, target, exact + c.version, &err);
        /* As read_head of door_call.c does: NULs may make more lines for us than the library saw. */
        int hidden = memchr(raw, 0, c.size) != NULL; /* looks like an end of line by then: see src/http/DOOR.md */
        if (!bad && !hidden && h->headers_n == c.headers_n) judge(raw, c.size, h);
        free(exact);
        free(h);
    }
    free(raw);
    free(own);
}

/* ---- targets, routes, media ---- */

static jd_turn nothing(jd_req *r) {
    (void)r;
    return JD_ANSWER;
}

static const jd_route rows[] = {
    {JD_GET, "/", nothing, NULL, 0, NULL},           {JD_GET, "/a", nothing, "q", JD_R_SLASH, NULL},
    {JD_GET, "/a/{x}", nothing, "q limit", 0, NULL}, {JD_GET, "/a/{x}/b", nothing, NULL, 0, NULL},
    {JD_GET, "/{x}/a/{y}/b", nothing, "*", 0, NULL}, {JD_DELETE, "/a", nothing, NULL, 0, NULL},
};

static void fuzz_target(jd_str text) {
    for (size_t i = 0; i < text.n; i++) /* refused with the head */
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f || text.p[i] == '#') return;
    jd_arena a;
    jd_arena_init(&a);
    jd_err err;
    jd_target t;
    if (jd_target_split(text, &t, &err) == 0) {
        MUST(t.path.n > 0 && t.path.n <= t.raw.n);
        jd_str d;
        if (jd_target_decode(&a, t.path, 0, &d, &err) == 0) {
            MUST(d.n <= t.path.n && jd_utf8_ok(d));
            jd_routes *table;
            MUST(jd_routes_make(&table, rows, sizeof rows / sizeof *rows, &err) == 0);
            jd_found f;
            jd_routes_find(table, &a, t.path, JD_GET, &f);
            MUST(!f.route || (f.methods & JD_GET));
            for (int i = 0; i < f.parts_n; i++) MUST(f.parts[i].p && !memchr(f.parts[i].p, '/', f.parts[i].n));
            jd_routes_free(table);
        }
        jd_param *p;
        size_t n;
        if (jd_target_params(&a, t.query, &p, &n, &err) == 0) {
            for (size_t i = 0; i < n; i++) {
                MUST(jd_utf8_ok(p[i].name) && jd_utf8_ok(p[i].value));
                MUST(!p[i].value.n || !memchr(p[i].value.p, 0, p[i].value.n));
                for (size_t k = 0; k < i; k++) MUST(!jd_str_eq(p[i].name, p[k].name));
            }
        } else {
            MUST(err.code == JD_E_INVALID_REQUEST && jd_utf8_ok(jd_str_of(err.place)));
        }
    }
    jd_str clipped = jd_clip(text, 5);
    MUST(clipped.n <= 5);
    jd_arena_fini(&a);
}

static void fuzz_media(jd_str v) {
    static const char *const offers[] = {"application/json", "application/ld+json", "application/geo+json"};
    int got = jd_media_match(v, offers, 3);
    MUST(got >= -1 && got < 3);
    jd_str e = jd_media_essence(v), c = jd_media_param(v, "charset");
    MUST(!e.p || (e.p >= v.p && e.p + e.n <= v.p + v.n && memchr(e.p, '/', e.n)));
    MUST(!c.p || (c.p >= v.p && c.p + c.n <= v.p + v.n));
    int q = jd_media_coding(v, "gzip");
    MUST(q >= 0 && q <= 1000);
    jd_media_zh(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 20000) return 0;
    jd_str text = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'h': fuzz_head(text.p, text.n); break;
    case 't': fuzz_target(text); break;
    case 'm': fuzz_media(text); break;
    default: break;
    }
    return 0;
}
