/* A value tree as compact JSON text.
 *
 * The writers hand a cursor on, instead of counting in the buffer: `to` is where the next byte goes. Each leaves at
 * least SLACK bytes of room behind the cursor that it returns, so that brackets, quotes, commas and colons between the
 * parts need no test of their own. */
#include "json/json_int.h"
#include "json/scan.h"

enum { SLACK = 16 };

/* Room for n bytes and the slack. */
static inline char *room(jd_buf *b, char *to, size_t n) {
    if ((size_t)(b->p + b->cap - to) >= n + SLACK) return to;
    b->n = (size_t)(to - b->p);
    return jd_buf_room(b, n + SLACK);
}

static inline char *begin(jd_buf *b) {
    return jd_buf_room(b, SLACK);
}
static inline void finish(jd_buf *b, const char *to) {
    b->n = (size_t)(to - b->p);
}

/* At most six bytes, \u00XX: the slack holds them. */
static char *escape(char *to, char c) {
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    *to++ = '\\';
    switch (c) {
    case '"':
    case '\\': *to++ = c; break;
    case '\b': *to++ = 'b'; break;
    case '\f': *to++ = 'f'; break;
    case '\n': *to++ = 'n'; break;
    case '\r': *to++ = 'r'; break;
    case '\t': *to++ = 't'; break;
    default:
        *to++ = 'u';
        *to++ = '0';
        *to++ = '0';
        *to++ = hex[u >> 4];
        *to++ = hex[u & 15];
    }
    return to;
}

static uint64_t load8(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static uint64_t load4(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Copies n bytes up to the first special one while looking for it; returns how many are plain. Whatever is not a
 * multiple of the step is done by a last step that overlaps the one before. */
static inline size_t copy_plain(char *to, const char *p, size_t n) {
#if JSON__SSE2
    if (n >= 16) {
        for (size_t i = 0;; i = i + 32 <= n ? i + 16 : n - 16) {
            __m128i v;
            memcpy(&v, p + i, sizeof v);
            memcpy(to + i, &v, sizeof v);
            unsigned m = json__special16(v);
            if (m) return i + (size_t)__builtin_ctz(m);
            if (i + 16 == n) return n;
        }
    }
#else
    if (n >= 16) {
        size_t plain = (size_t)(json__plain_end(p, p + n) - p);
        memcpy(to, p, plain);
        return plain;
    }
#endif
    if (n >= 8) {
        uint64_t v = load8(p), w = load8(p + n - 8);
        if (!(json__special8(v) | json__special8(w))) {
            memcpy(to, &v, 8);
            memcpy(to + n - 8, &w, 8);
            return n;
        }
    } else if (n >= 4) {
        uint64_t v = load4(p), w = load4(p + n - 4);
        if (!json__special8(v | w << 32)) {
            memcpy(to, p, 4);
            memcpy(to + n - 4, p + n - 4, 4);
            return n;
        }
    }
    size_t i = 0;
    for (; i < n && !json__special(p[i]); i++) to[i] = p[i];
    return i;
}

/* Numbers and words are short: a call of memcpy would cost more than its work. */
static inline void copy_short(char *to, const char *p, size_t n) {
    if (n > 16) {
        memcpy(to, p, n);
    } else if (n >= 8) {
        uint64_t v = load8(p), w = load8(p + n - 8);
        memcpy(to, &v, 8);
        memcpy(to + n - 8, &w, 8);
    } else if (n >= 4) {
        uint32_t v, w;
        memcpy(&v, p, 4);
        memcpy(&w, p + n - 4, 4);
        memcpy(to, &v, 4);
        memcpy(to + n - 4, &w, 4);
    } else {
        for (size_t i = 0; i < n; i++) to[i] = p[i];
    }
}

static inline char *put_str(jd_buf *b, char *to, jd_str s) {
    *to++ = '"';
    for (;;) {
        to = room(b, to, s.n);
        size_t plain = copy_plain(to, s.p, s.n);
        to += plain;
        if (plain == s.n) break;
        to = escape(to, s.p[plain]);
        s = (jd_str){s.p + plain + 1, s.n - plain - 1};
    }
    *to++ = '"';
    return room(b, to, 0);
}

static inline char *put_text(jd_buf *b, char *to, const char *text, size_t n) {
    to = room(b, to, n);
    copy_short(to, text, n);
    return to + n;
}

/* As deep as the tree, which the parser's depth limit bounds. */
static char *put_value(jd_buf *b, char *to, const jd_jval *v) {
    switch (v->type) {
    case JD_JNULL: return put_text(b, to, "null", 4);
    case JD_JFALSE: return put_text(b, to, "false", 5);
    case JD_JTRUE: return put_text(b, to, "true", 4);
    case JD_JNUM: return put_text(b, to, v->s, v->n);
    case JD_JDEC: {
        char text[JD_DECIMAL_MAX];
        return put_text(b, to, text, jd_decimal_print(v->dec, v->n, text));
    }
    case JD_JSTR: return put_str(b, to, jd_jstr(v));
    case JD_JARR:
        *to++ = '[';
        to = room(b, to, 0);
        for (uint32_t i = 0; i < v->n; i++) {
            if (i) *to++ = ',';
            to = put_value(b, to, &v->items[i]);
        }
        *to++ = ']';
        break;
    case JD_JOBJ:
        *to++ = '{';
        to = room(b, to, 0);
        for (uint32_t i = 0; i < v->n; i++) {
            if (i) *to++ = ',';
            to = put_str(b, to, v->members[i].name);
            *to++ = ':';
            to = put_value(b, to, &v->members[i].val);
        }
        *to++ = '}';
        break;
    }
    return room(b, to, 0);
}

void jd_json_write(jd_buf *b, const jd_jval *v) {
    finish(b, put_value(b, begin(b), v));
}

void jd_json_write_str(jd_buf *b, jd_str s) {
    finish(b, put_str(b, begin(b), s));
}

void jd_json_write_key(jd_buf *b, jd_str name) {
    char *to = put_str(b, begin(b), name);
    *to++ = ':';
    finish(b, to);
}
