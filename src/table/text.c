/* Bytes as they come to UTF-8: gzip is undone where its mark stands, other encodings go through iconv. A byte that is
 * no character becomes FF, which no UTF-8 holds, so that whoever reads the row can refuse that row alone. */
#include "table/table_int.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

enum { READ_BYTES = 256 << 10 };

typedef struct table__codec {
    int looked; /* the first bytes have been seen */
    int packed, packed_ended;
    z_stream z;
    iconv_t cv; /* (iconv_t)-1: UTF-8 as it is */
    jd_buf in;  /* from the source, not yet unpacked */
    size_t in_at;
    jd_buf plain; /* unpacked, not yet decoded */
    size_t plain_at;
    int source_ended;
} table__codec;

/* ---- sources ---- */

static ssize_t read_fd(void *user, char *to, size_t n, jd_err *err) {
    ssize_t got;
    do got = read(*(const int *)user, to, n);
    while (got < 0 && errno == EINTR);
    if (got < 0) jd_fail(err, JD_E_INVALID_REQUEST, "cannot read: %s", "无法读取：%s", strerror(errno));
    return got;
}

jd_source jd_source_fd(const int *fd) {
    union {
        const int *c;
        void *p;
    } u = {fd};
    return (jd_source){u.p, read_fd};
}

static ssize_t read_text(void *user, char *to, size_t n, jd_err *err) {
    jd_str *rest = user;
    (void)err;
    if (n > rest->n) n = rest->n;
    if (n) memcpy(to, rest->p, n);
    rest->p += n;
    rest->n -= n;
    return (ssize_t)n;
}

jd_source jd_source_text(jd_str *rest) {
    return (jd_source){rest, read_text};
}

/* ---- encodings ---- */

static iconv_t conversion(const char *to, const char *from) {
    return iconv_open(to, from);
}

int table__encoding_known(jd_str name) {
    char *z = jd_xstrdup(name);
    iconv_t cv = name.n && name.n < 64 && !memchr(name.p, '/', name.n) ? conversion("UTF-8", z) : (iconv_t)-1;
    free(z);
    if (cv == (iconv_t)-1) return 0;
    iconv_close(cv);
    return 1;
}

static int is_utf8(jd_str name) {
    static const char *const names[] = {"utf-8", "UTF-8", "utf8", "UTF8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (jd_str_is(name, names[i])) return 1;
    return !name.n;
}

/* Encodings whose texts begin with a mark of the order of bytes: iconv would put one before every piece. */
static const char *with_mark(jd_str name) {
    static const char *const names[][2] = {{"UTF-16", "UTF-16LE"}, {"UTF16", "UTF-16LE"}, {"UTF-32", "UTF-32LE"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.n == strlen(names[i][0]) && !strncasecmp(name.p, names[i][0], name.n)) return names[i][1];
    return NULL;
}

int table__marked(jd_str name) {
    return with_mark(name) != NULL;
}

void jd_table_encode(const jd_table *t, jd_str utf8, jd_buf *out) {
    if (is_utf8(t->form.encoding)) {
        jd_buf_str(out, utf8);
        return;
    }
    char *z = jd_xstrdup(t->form.encoding);
    const char *plain = with_mark(t->form.encoding);
    iconv_t cv = conversion(plain ? plain : z, "UTF-8");
    free(z);
    if (cv == (iconv_t)-1) {
        jd_buf_str(out, utf8);
        return;
    }
    char *in = jd_xstrdup(utf8), *p = in;
    size_t left = utf8.n;
    while (left) {
        char *to = jd_buf_room(out, left * 2 + 16), *was = to;
        size_t room = out->cap - out->n;
        size_t rc = iconv(cv, &p, &left, &to, &room);
        out->n += (size_t)(to - was);
        if (rc != (size_t)-1 || errno == E2BIG) continue;
        jd_buf_c(out, '?');
        p++, left--;
    }
    free(in);
    iconv_close(cv);
}

/* ---- opening ---- */

int table__window_open(table__window *w, const jd_source *src, jd_str encoding, jd_err *err) {
    *w = (table__window){.src = *src, .line = 1, .column = 1};
    w->codec = jd_xcalloc(1, sizeof *w->codec);
    w->codec->cv = (iconv_t)-1;
    jd_buf_room(&w->buf, 1); /* there is a place to point to even in an empty table */
    jd_buf_room(&w->codec->in, 1);
    jd_buf_room(&w->codec->plain, 1);
    if (is_utf8(encoding)) return 0;
    char *z = jd_xstrdup(encoding);
    w->codec->cv = conversion("UTF-8", z);
    free(z);
    if (w->codec->cv != (iconv_t)-1) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "there is no encoding \"%.*s\"", "没有编码“%.*s”", JD_STR_ARG(encoding));
    table__window_fini(w);
    return -1;
}

void table__window_fini(table__window *w) {
    if (!w->codec) return;
    if (w->codec->packed) inflateEnd(&w->codec->z);
    if (w->codec->cv != (iconv_t)-1) iconv_close(w->codec->cv);
    jd_buf_fini(&w->codec->in);
    jd_buf_fini(&w->codec->plain);
    free(w->codec);
    w->codec = NULL;
    jd_buf_fini(&w->buf);
}

/* ---- reading ---- */

static void drop_front(jd_buf *b, size_t *at) {
    if (!*at) return;
    memmove(b->p, b->p + *at, b->n - *at);
    b->n -= *at;
    *at = 0;
}

static int from_source(table__window *w, jd_buf *to, jd_err *err) {
    ssize_t n = w->src.read(w->src.user, jd_buf_room(to, READ_BYTES), READ_BYTES, err);
    if (n < 0) return -1;
    to->n += (size_t)n;
    w->bytes += (uint64_t)n;
    w->codec->source_ended = n == 0;
    return 0;
}

static int broken_gzip(const table__window *w, jd_err *err) {
    const char *why = w->codec->z.msg ? w->codec->z.msg : "its end is missing";
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the gzip data are broken behind line %llu: %s",
                   "gzip 数据损坏，位于第 %llu 行之后：%s", (unsigned long long)w->line, why);
}

/* Unpacks some more of `in` behind `plain`. Several packed files behind each other are one. */
static int unpack(table__window *w, jd_err *err) {
    table__codec *c = w->codec;
    z_stream *z = &c->z;
    for (;;) {
        if (c->in_at == c->in.n) {
            c->in.n = c->in_at = 0;
            if (!c->source_ended && from_source(w, &c->in, err)) return -1;
            if (c->source_ended) return c->packed_ended ? 0 : broken_gzip(w, err);
        }
        if (c->packed_ended && inflateReset(z) != Z_OK) return broken_gzip(w, err);
        c->packed_ended = 0;
        z->next_in = (Bytef *)c->in.p + c->in_at;
        z->avail_in = (uInt)(c->in.n - c->in_at);
        z->next_out = (Bytef *)jd_buf_room(&c->plain, READ_BYTES);
        z->avail_out = READ_BYTES;
        int rc = inflate(z, Z_NO_FLUSH);
        c->in_at = c->in.n - z->avail_in;
        size_t got = READ_BYTES - z->avail_out;
        c->plain.n += got;
        if (rc == Z_STREAM_END)
            c->packed_ended = 1;
        else if (rc != Z_OK && rc != Z_BUF_ERROR)
            return broken_gzip(w, err);
        if (got) return 0;
    }
}

static int look(table__window *w, jd_err *err) {
    table__codec *c = w->codec;
    c->looked = 1;
    while (c->in.n < 4 && !c->source_ended)
        if (from_source(w, &c->in, err)) return -1;
    const unsigned char *p = (const unsigned char *)c->in.p;
    if (c->in.n >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
        if (inflateInit2(&c->z, 15 + 16) != Z_OK) return broken_gzip(w, err);
        c->packed = 1;
        while (c->plain.n < 4) {
            size_t was = c->plain.n;
            if (unpack(w, err)) return -1;
            if (c->plain.n == was) break;
        }
        p = (const unsigned char *)c->plain.p;
    } else {
        jd_buf_add(&c->plain, c->in.p, c->in.n);
        c->in.n = 0;
    }
    if (c->cv != (iconv_t)-1 || c->plain.n < 2) return 0;
    p = (const unsigned char *)c->plain.p;
    if ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff)) c->cv = conversion("UTF-8", "UTF-16");
    return 0;
}

/* More bytes behind `plain`; none come at the end. */
static int more_plain(table__window *w, jd_err *err) {
    table__codec *c = w->codec;
    drop_front(&c->plain, &c->plain_at);
    return c->packed ? unpack(w, err) : c->source_ended ? 0 : from_source(w, &c->plain, err);
}

/* Decodes what it can of `plain` behind buf. */
static void decode(table__window *w, int last) {
    table__codec *c = w->codec;
    char *p = c->plain.p + c->plain_at;
    size_t left = c->plain.n - c->plain_at;
    while (left) {
        char *to = jd_buf_room(&w->buf, left * 2 + 16), *was = to;
        size_t room = w->buf.cap - w->buf.n;
        size_t rc = iconv(c->cv, &p, &left, &to, &room);
        w->buf.n += (size_t)(to - was);
        if (rc != (size_t)-1 || errno == E2BIG) continue;
        if (errno == EINVAL && !last) break; /* the rest of a character is still to come */
        jd_buf_c(&w->buf, (char)0xff);
        p++, left--;
    }
    c->plain_at = c->plain.n - left;
}

static void eat_mark(table__window *w) {
    if (w->buf.n - w->at >= 3 && !memcmp(w->buf.p + w->at, "\xEF\xBB\xBF", 3)) w->at += 3;
}

int table__refill(table__window *w, jd_err *err) {
    table__codec *c = w->codec;
    int first = !c->looked;
    if (w->eof) return 0;
    drop_front(&w->buf, &w->at);
    size_t before = w->buf.n;
    if (first && look(w, err)) return -1;
    for (int looked = first; !w->eof; looked = 0) {
        if (!looked || c->plain_at == c->plain.n) { /* looking at the first bytes has read some */
            size_t had = c->plain.n - c->plain_at;
            if (more_plain(w, err)) return -1;
            if (c->plain.n - c->plain_at == had) w->eof = 1;
        }
        if (c->cv == (iconv_t)-1) {
            jd_buf_add(&w->buf, c->plain.p + c->plain_at, c->plain.n - c->plain_at);
            c->plain.n = c->plain_at = 0;
        } else {
            decode(w, w->eof);
        }
        if (w->buf.n > before && (!first || w->buf.n >= 3)) break;
    }
    if (first) eat_mark(w);
    return 0;
}

void table__pass(table__window *w, size_t n) {
    for (const char *p = w->buf.p + w->at, *end = p + n; p < end; p++) {
        if (*p == '\n') {
            w->line++;
            w->column = 1;
        } else {
            w->column += ((unsigned char)*p & 0xC0) != 0x80;
        }
    }
    w->at += n;
}

int table__peek(table__window *w, jd_err *err) {
    for (;;) {
        size_t n = 0;
        while (n < table__left(w) && memchr(" \t\r\n", w->buf.p[w->at + n], 4)) n++;
        table__pass(w, n);
        if (table__left(w)) return (unsigned char)w->buf.p[w->at];
        if (w->eof) return 0;
        if (table__refill(w, err)) return -1;
    }
}

int table__fail_here(const table__window *w, jd_err *err) {
    return jd_fail_at(err, "%llu:%llu", (unsigned long long)w->line, (unsigned long long)w->column);
}

/* ---- characters ---- */

static size_t blank_at(const char *p, const char *end) {
    if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') return 1;
    if (end - p >= 2 && !memcmp(p, "\xC2\xA0", 2)) return 2;
    if (end - p >= 3 && !memcmp(p, "\xE3\x80\x80", 3)) return 3;
    return 0;
}

jd_str table__trim(jd_str s) {
    const char *p = s.p, *end = s.p + s.n;
    size_t k;
    while (p < end && (k = blank_at(p, end))) p += k;
    for (;;) {
        if (end - p >= 1 && blank_at(end - 1, end) == 1)
            end--;
        else if (end - p >= 2 && blank_at(end - 2, end) == 2)
            end -= 2;
        else if (end - p >= 3 && blank_at(end - 3, end) == 3)
            end -= 3;
        else
            return (jd_str){p, (size_t)(end - p)};
    }
}
