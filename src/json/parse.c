/* RFC 8259 text to a value tree, without recursion.
 *
 * Work in progress lives on one scratch stack; a finished container is copied once into the arena:
 *
 *     slot | frame { | name slot | name slot | frame [ | slot | slot      <- top
 *
 * A slot is a jd_jval, a name slot is a jd_jmember (whose value comes last). Before a value is read its slot is
 * pushed, and whatever the value needs above it is gone again when it is done: the slot of a finished value always ends
 * at top. */
#include "json/json_int.h"
#include "json/scan.h"

#include <stdlib.h>

enum { DEPTH_MAX = 64, VALUES_MAX = 10 * 1000 * 1000, SCRATCH_FIRST = 8 * 1024 };

_Static_assert(offsetof(jd_jmember, val) + sizeof(jd_jval) == sizeof(jd_jmember), "a member must end in its value");

typedef struct frame {
    const char *open; /* the '{' or '[' in the text: its kind and its place */
    size_t outer;     /* offset of the frame around it in the stack */
} frame;

typedef struct parser {
    jd_arena *arena;
    jd_str text;
    const char *end;
    jd_err *err;
    char *base, *limit; /* the scratch stack; its top is handed on */
    char *first;        /* its first memory, which is not from malloc */
} parser;

static char *scratch_grow(parser *ps, char *top) {
    size_t used = (size_t)(top - ps->base), cap = (size_t)(ps->limit - ps->base) * 2;
    if (ps->base == ps->first) {
        ps->base = memcpy(jd_xmalloc(cap), ps->first, used);
    } else {
        ps->base = jd_xrealloc(ps->base, cap);
    }
    ps->limit = ps->base + cap;
    return ps->base + used;
}

/* Returns the new top, n bytes (at most a member) above the old. */
static inline char *push(parser *ps, char *top, size_t n) {
    if ((size_t)(ps->limit - top) < n) top = scratch_grow(ps, top);
    return top + n;
}

/* What was pushed last, which ends at top. */
static inline jd_jval *slot(char *top) {
    return (jd_jval *)(void *)top - 1;
}
static inline jd_jmember *name_slot(char *top) {
    return (jd_jmember *)(void *)top - 1;
}

/* The readers below return what is behind the thing they read, or NULL; these give the reason and return NULL. */
static char *expected(parser *ps, const char *at, const char *en, const char *zh) {
    json__expected(ps->err, ps->text, at, en, zh);
    return NULL;
}

static char *refuse(parser *ps, const char *at, const char *en, const char *zh) {
    json__refuse(ps->err, ps->text, at, en, zh);
    return NULL;
}

static char *over(parser *ps, const char *at, const char *en, const char *zh, uint32_t limit) {
    json__over(ps->err, ps->text, at, en, zh, limit);
    return NULL;
}

static inline int is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *skip_space(const char *p, const char *end) {
    if (__builtin_expect(p < end && (unsigned char)*p > ' ', 1)) return p;
    while (p < end && is_space(*p)) p++;
    return p;
}

static inline int is_digit(const char *p, const char *end) {
    return p < end && *p >= '0' && *p <= '9';
}

/* The value of four hex digits, or -1. */
static int hex4(const char *p, const char *end) {
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

static char *put_char(char *to, unsigned c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* Decodes the escape whose backslash is at *at and moves *at behind it. Returns the new end of the decoded text. */
static char *unescape(parser *ps, const char **at, char *to) {
    static const char *const pairs = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const char *p = *at;
    if (ps->end - p < 2) {
        return expected(ps, ps->end, "the rest of an escape", "转义序列的其余部分");
    }
    if (p[1] != 'u') {
        for (const char *q = pairs; *q; q += 2) {
            if (*q != p[1]) continue;
            *at = p + 2;
            *to++ = q[1];
            return to;
        }
        return expected(ps, p + 1, "one of \"\\/bfnrtu after a backslash", "反斜杠之后的 \"\\/bfnrtu 之一");
    }
    int c = hex4(p + 2, ps->end);
    if (c < 0) {
        return refuse(ps, p, "\\u needs four hexadecimal digits", "\\u 之后须为四位十六进制数字");
    }
    *at = p + 6;
    if (c < 0xD800 || c > 0xDFFF) return put_char(to, (unsigned)c);
    int low = c < 0xDC00 && ps->end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, ps->end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        return refuse(ps, p, "the escape is half of a surrogate pair", "转义序列只是半个代理对");
    }
    *at = p + 12;
    return put_char(to, 0x10000u + (((unsigned)c & 0x3FF) << 10) + ((unsigned)low & 0x3FF));
}

/* A string that is not plain up to its closing quote; `stop` is the first special byte. Returns what is behind the
 * closing quote, or NULL. */
static const char *odd_string(parser *ps, const char *start, const char *stop, jd_str *out) {
    const char *close = stop;
    while (close < ps->end && *close != '"') {
        if (*close != '\\') {
            return refuse(ps, close, "a control character inside a string must be escaped",
                          "字符串中的控制字符必须转义");
        }
        close += ps->end - close < 2 ? 1 : 2;
        close = json__plain_end(close, ps->end);
    }
    if (close >= ps->end) {
        return refuse(ps, start - 1, "the string that begins here has no closing quote",
                      "此处开始的字符串缺少结束的引号");
    }
    /* Decoding never makes text longer. */
    char *text = jd_arena_alloc(ps->arena, (size_t)(close - start)), *to = text;
    const char *p = start;
    while (p < close) {
        const char *q = json__plain_end(p, close);
        memcpy(to, p, (size_t)(q - p));
        to += q - p;
        p = q;
        if (p < close && !(to = unescape(ps, &p, to))) return NULL;
    }
    *out = (jd_str){text, (size_t)(to - text)};
    return p + 1;
}

/* p is behind the opening quote. Returns what is behind the closing one, or NULL. */
static inline const char *string(parser *ps, const char *p, jd_str *out) {
    const char *stop = json__plain_end(p, ps->end);
    if (stop == ps->end || *stop != '"') return odd_string(ps, p, stop, out);
    *out = (jd_str){p, (size_t)(stop - p)};
    return stop + 1;
}

/* Returns what is behind the number at p (a digit or '-'), or NULL. */
static inline const char *number(parser *ps, const char *p) {
    const char *end = ps->end;
    if (*p == '-') p++;
    if (!is_digit(p, end)) return expected(ps, p, "a digit", "数字");
    if (*p == '0') {
        p++;
        if (is_digit(p, end)) return refuse(ps, p - 1, "a number must not begin with 0", "数不得以 0 开头");
    } else {
        p = json__digits_end(p, end);
    }
    if (p < end && *p == '.') {
        p++;
        if (!is_digit(p, end)) return expected(ps, p, "a digit after the decimal point", "小数点之后的数字");
        p = json__digits_end(p, end);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        if (!is_digit(p, end)) return expected(ps, p, "a digit of the exponent", "指数的数字");
        p = json__digits_end(p, end);
    }
    return p;
}

static int is_word(const char *p, const char *end, const char *word, size_t n) {
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0;
}

static char kind_of(const parser *ps, size_t at) {
    frame f;
    memcpy(&f, ps->base + at, sizeof f);
    return *f.open;
}

/* Moves the members or elements of the frame at *in to the arena and fills the container's slot. Returns the new top,
 * or NULL when a name is repeated; *in becomes the frame around. */
static inline char *settle(parser *ps, char *top, size_t *in) {
    char *from = ps->base + *in;
    frame f;
    memcpy(&f, from, sizeof f);
    size_t bytes = (size_t)(top - from) - sizeof f;
    void *items = bytes ? memcpy(jd_arena_alloc(ps->arena, bytes), from + sizeof f, bytes) : NULL;
    top = from;
    *in = f.outer;
    if (*f.open == '[') {
        *slot(top) = (jd_jval){.type = JD_JARR, .n = (uint32_t)(bytes / sizeof(jd_jval)), .items = items};
        return top;
    }
    const jd_jmember *members = items;
    uint32_t n = (uint32_t)(bytes / sizeof *members), again = json__repeat(members, n);
    if (again != JSON__NONE) {
        json__repeated(ps->err, ps->text, f.open, again, members[again].name);
        return NULL;
    }
    *slot(top) = (jd_jval){.type = JD_JOBJ, .n = n, .members = items};
    return top;
}

static const char *parse(parser *ps, uint32_t depth_max, uint32_t values_max, jd_jval *out) {
    const char *p = ps->text.p, *end = ps->end;
    uint32_t depth = 0, values = 0;
    size_t in = 0; /* offset of the frame that is open, when depth > 0 */
    char kind = 0; /* '{', '[' or 0 at the top */
    char *top = push(ps, ps->base, sizeof(jd_jval));

value:
    p = skip_space(p, end);
    if (p == end) return expected(ps, p, "a value", "一个值");
    if (values++ == values_max) return over(ps, p, "too many values", "值过多", values_max);
    switch (*p) {
    case '"': {
        jd_str s;
        if (!(p = string(ps, p + 1, &s))) return NULL;
        *slot(top) = (jd_jval){.type = JD_JSTR, .n = (uint32_t)s.n, .s = s.p};
        goto done;
    }
    case '{':
    case '[': {
        if (depth == depth_max) return over(ps, p, "nested too deeply", "嵌套过深", depth_max);
        depth++;
        top = push(ps, top, sizeof(frame));
        frame f = {p, in};
        memcpy(top - sizeof f, &f, sizeof f);
        in = (size_t)(top - ps->base) - sizeof f;
        kind = *p;
        p = skip_space(p + 1, end);
        if (p < end && *p == (kind == '{' ? '}' : ']')) goto close;
        if (kind == '{') goto member;
        top = push(ps, top, sizeof(jd_jval));
        goto value;
    }
    case 't':
        if (!is_word(p, end, "true", 4)) break;
        p += 4;
        *slot(top) = (jd_jval){.type = JD_JTRUE};
        goto done;
    case 'f':
        if (!is_word(p, end, "false", 5)) break;
        p += 5;
        *slot(top) = (jd_jval){.type = JD_JFALSE};
        goto done;
    case 'n':
        if (!is_word(p, end, "null", 4)) break;
        p += 4;
        *slot(top) = (jd_jval){.type = JD_JNULL};
        goto done;
    case '-':
    case '0' ... '9': {
        const char *from = p;
        if (!(p = number(ps, p))) return NULL;
        *slot(top) = (jd_jval){.type = JD_JNUM, .n = (uint32_t)(p - from), .s = from};
        goto done;
    }
    default: break;
    }
    return expected(ps, p, "a value", "一个值");

member: /* p is behind the space */
    if (p == end || *p != '"') return expected(ps, p, "a member name in double quotes", "以双引号括起的成员名");
    top = push(ps, top, sizeof(jd_jmember));
    if (!(p = string(ps, p + 1, &name_slot(top)->name))) return NULL;
    p = skip_space(p, end);
    if (p == end || *p != ':') return expected(ps, p, "':'", "“:”");
    p++;
    goto value;

done: /* the slot is filled and p behind the value */
    p = skip_space(p, end);
    if (kind == '{') {
        if (p < end && *p == ',') {
            p = skip_space(p + 1, end);
            goto member;
        }
        if (p == end || *p != '}') return expected(ps, p, "',' or '}'", "“,”或“}”");
        goto close;
    }
    if (kind == '[') {
        if (p < end && *p == ',') {
            p++;
            top = push(ps, top, sizeof(jd_jval));
            goto value;
        }
        if (p == end || *p != ']') return expected(ps, p, "',' or ']'", "“,”或“]”");
        goto close;
    }
    if (p != end) return expected(ps, p, "the end of the text", "文本结尾");
    *out = *slot(top);
    return p;

close: /* p is at the closing bracket of the open frame */
    if (!(top = settle(ps, top, &in))) return NULL;
    p++;
    depth--;
    kind = depth ? kind_of(ps, in) : 0;
    goto done;
}

int jd_json_parse(jd_arena *a, jd_str text, const jd_jlimits *limits, jd_jval *out, jd_err *err) {
    if (!text.p) text = JD_STR("");
    _Alignas(jd_jmember) char first[SCRATCH_FIRST];
    parser ps = {.arena = a, .text = text, .end = text.p + text.n, .err = err};
    ps.base = ps.first = first;
    ps.limit = first + sizeof first;
    if (text.n >= UINT32_MAX)
        return jd_fail(err, JD_E_INVALID_REQUEST, "JSON: the text has %zu bytes, more than 4 GB",
                       "JSON 文本有误：长度为 %zu 字节，超过 4 GB", text.n);
    if (text.n >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0)
        return json__refuse(err, text, text.p, "the text begins with a byte order mark; send UTF-8 without one",
                            "文本以字节顺序标记（BOM）开头，请使用不带 BOM 的 UTF-8");
    size_t bad = jd_utf8_bad(text.p, text.n);
    if (bad < text.n)
        return json__refuse(err, text, text.p + bad, "the text is not valid UTF-8", "文本不是有效的 UTF-8");

    jd_arena_mark before = jd_arena_tell(a);
    uint32_t depth_max = limits && limits->depth_max ? limits->depth_max : DEPTH_MAX;
    uint32_t values_max = limits && limits->values_max ? limits->values_max : VALUES_MAX;
    const char *end = parse(&ps, depth_max, values_max, out);
    if (ps.base != first) free(ps.base);
    if (end) return 0;
    jd_arena_rewind(a, before);
    return -1;
}
