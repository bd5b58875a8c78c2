#include "cmd/input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FORM_UNKNOWN, FORM_LINES, FORM_ARRAY, FORM_ARRAY_END, READ_BYTES = 256 << 10 };

void cmd_reader_init(cmd_reader *r, int fd) {
    *r = (cmd_reader){.fd = fd, .line = 1, .column = 1};
}

void cmd_reader_init_text(cmd_reader *r, jd_str text) {
    *r = (cmd_reader){.fd = -1, .eof = 1, .line = 1, .column = 1};
    jd_buf_str(&r->buf, text);
}

void cmd_reader_fini(cmd_reader *r) {
    jd_buf_fini(&r->buf);
}

static size_t left(const cmd_reader *r) {
    return r->buf.n - r->at;
}

/* Reads more behind what is there; what was given out makes room. -1: failed. At the end eof is set. */
static int refill(cmd_reader *r, jd_err *err) {
    if (r->at) {
        memmove(r->buf.p, r->buf.p + r->at, left(r));
        r->buf.n -= r->at;
        r->at = 0;
    }
    ssize_t n;
    do n = read(r->fd, jd_buf_room(&r->buf, READ_BYTES), READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0) return jd_fail(err, JD_E_INVALID_REQUEST, "cannot read: %s", "无法读取：%s", strerror(errno));
    r->eof = n == 0;
    r->buf.n += (size_t)n;
    r->bytes += (uint64_t)n;
    return 0;
}

/* Moves over n bytes, keeping count of lines and columns (in characters). */
static void pass(cmd_reader *r, size_t n) {
    for (const char *p = r->buf.p + r->at, *end = p + n; p < end; p++) {
        if (*p == '\n') {
            r->line++;
            r->column = 1;
        } else {
            r->column += ((unsigned char)*p & 0xC0) != 0x80;
        }
    }
    r->at += n;
}

/* The next byte that is no white space, or 0 at the end, or -1. */
static int peek(cmd_reader *r, jd_err *err) {
    for (;;) {
        size_t n = 0;
        while (n < left(r) && memchr(" \t\r\n", r->buf.p[r->at + n], 4)) n++;
        pass(r, n);
        if (left(r)) return (unsigned char)r->buf.p[r->at];
        if (r->eof) return 0;
        if (refill(r, err)) return -1;
    }
}

static int broken(const cmd_reader *r, jd_err *err, const char *en, const char *zh) {
    jd_fail(err, JD_E_INVALID_REQUEST, "%s%.0s", "%.0s%s", en, zh);
    return jd_fail_at(err, "line %llu column %llu", (unsigned long long)r->line, (unsigned long long)r->column);
}

static int begin(cmd_reader *r, jd_err *err) {
    while (left(r) < 3 && !r->eof)
        if (refill(r, err)) return -1;
    if (left(r) >= 3 && !memcmp(r->buf.p, "\xEF\xBB\xBF", 3)) r->at = 3; /* a mark that editors leave */
    int c = peek(r, err);
    if (c < 0) return -1;
    r->form = c == '[' ? FORM_ARRAY : FORM_LINES;
    if (c == '[') pass(r, 1);
    return 0;
}

/* ---- lines ---- */

/* What is left of a line that is too long. */
static int skip_line(cmd_reader *r, jd_err *err) {
    for (;;) {
        const char *nl = memchr(r->buf.p + r->at, '\n', left(r));
        if (nl) {
            r->at = (size_t)(nl - r->buf.p);
            return 0;
        }
        r->at = r->buf.n;
        if (r->eof) return 0;
        if (refill(r, err)) return -1;
    }
}

static int next_line(cmd_reader *r, cmd_record *out, jd_err *err) {
    int c = peek(r, err); /* empty lines, and the blanks before an object */
    if (c <= 0) return c;
    *out = (cmd_record){.line = r->line, .column = r->column};
    for (;;) {
        const char *from = r->buf.p + r->at, *nl = memchr(from + r->seen, '\n', left(r) - r->seen);
        size_t n = nl ? (size_t)(nl - from) : left(r);
        if (n > CMD_RECORD_MAX) {
            out->too_long = 1;
            r->seen = 0;
            return skip_line(r, err) ? -1 : 1;
        }
        if (nl || r->eof) {
            out->text = (jd_str){from, n};
            r->at += n;
            r->seen = 0;
            return 1;
        }
        r->seen = left(r);
        if (refill(r, err)) return -1;
    }
}

/* ---- the elements of an array ---- */

/* Moves `seen` to behind the brace that closes the element; 1 when it is there, 0 when more must be read. */
static int scan(cmd_reader *r) {
    const char *p = r->buf.p + r->at;
    size_t n = left(r);
    for (size_t i = r->seen; i < n; i++) {
        char c = p[i];
        if (r->in_string) {
            if (r->escaped)
                r->escaped = 0;
            else if (c == '\\')
                r->escaped = 1;
            else if (c == '"')
                r->in_string = 0;
        } else if (c == '"') {
            r->in_string = 1;
        } else if (c == '{' || c == '[') {
            r->depth++;
        } else if ((c == '}' || c == ']') && --r->depth == 0) {
            r->seen = i + 1;
            return 1;
        }
    }
    r->seen = n;
    return 0;
}

static int next_element(cmd_reader *r, cmd_record *out, jd_err *err) {
    int c = peek(r, err);
    if (c < 0) return -1;
    if (c == ']') {
        pass(r, 1);
        r->form = FORM_ARRAY_END;
        return cmd_reader_next(r, out, err);
    }
    if (r->any) {
        if (c != ',') return broken(r, err, "a comma or the end of the array was expected", "此处应为逗号或数组结尾");
        pass(r, 1);
        c = peek(r, err);
        if (c < 0) return -1;
    }
    if (c != '{') return broken(r, err, "an entity (a JSON object) was expected", "此处应为实体（JSON 对象）");
    *out = (cmd_record){.line = r->line, .column = r->column};
    while (!scan(r)) {
        if (r->eof) return broken(r, err, "the entity that begins here is not closed", "从此处开始的实体没有结束");
        if (left(r) > CMD_RECORD_MAX)
            return broken(r, err, "the entity that begins here is larger than 16 MiB", "从此处开始的实体大于 16 MiB");
        if (refill(r, err)) return -1;
    }
    size_t n = r->seen;
    out->text = (jd_str){r->buf.p + r->at, n};
    r->seen = r->depth = 0;
    r->any = 1;
    pass(r, n);
    return 1;
}

int cmd_reader_next(cmd_reader *r, cmd_record *out, jd_err *err) {
    if (r->form == FORM_UNKNOWN && begin(r, err)) return -1;
    if (r->form == FORM_LINES) return next_line(r, out, err);
    if (r->form == FORM_ARRAY) return next_element(r, out, err);
    int c = peek(r, err);
    if (c > 0) return broken(r, err, "there is something behind the array", "数组之后还有内容");
    return c;
}
