/* The one place where document bytes are doubted. */
#include "model/doc_int.h"

typedef struct checker {
    const unsigned char *p, *end;
    uint32_t symbols;
    const char *why;
} checker;

static int bad(checker *c, const char *why) {
    if (!c->why) c->why = why;
    return -1;
}
static uint64_t num(checker *c) {
    uint64_t v = jd_varint_get(&c->p, c->end);
    if (!c->p) bad(c, "cut number"), c->p = c->end;
    return v;
}
static int sym(checker *c) {
    uint64_t s = num(c);
    return s == 0 || s > c->symbols ? bad(c, "unknown symbol") : 0;
}
static int skip(checker *c, uint64_t n) {
    if (n > (uint64_t)(c->end - c->p)) return bad(c, "length beyond the end");
    c->p += n;
    return 0;
}
static int digits(checker *c) {
    num(c);
    return c->p >= c->end || *c->p++ > 60 ? bad(c, "cut time") : 0;
}

static int node(checker *c, int depth) {
    if (depth > JD_DOC_DEPTH_MAX) return bad(c, "too deep");
    if (c->p >= c->end) return bad(c, "missing value");
    unsigned t = *c->p++;
    if (t >= JD_T_SHORTSTR) return skip(c, t - JD_T_SHORTSTR);
    if (t >= JD_T_SMALLINT || t <= JD_T_FALSE) return 0;
    switch (t) {
    case JD_T_DEC:
        if (c->p >= c->end || *c->p++ > 18) return bad(c, "scale of a decimal");
        num(c);
        return c->why ? -1 : 0;
    case JD_T_TIME:
        if (c->p >= c->end || *c->p++ > 6) return bad(c, "digits of a time");
        num(c);
        return c->why ? -1 : 0;
    case JD_T_NUMTEXT:
    case JD_T_STR: return skip(c, num(c));
    case JD_T_SYM: return sym(c);
    case JD_T_ARR:
    case JD_T_OBJ: {
        uint64_t bytes = num(c);
        if (c->why || bytes > (uint64_t)(c->end - c->p)) return bad(c, "length beyond the end");
        const unsigned char *outer = c->end, *until = c->p + bytes;
        c->end = until;
        uint64_t n = num(c);
        if (n > bytes) return bad(c, "more items than bytes");
        for (uint64_t i = 0; i < n && !c->why; i++) {
            if (t == JD_T_OBJ) {
                uint64_t s = num(c);
                if (s > c->symbols) return bad(c, "unknown symbol");
                if (!s && skip(c, num(c))) return -1;
            }
            node(c, depth + 1);
        }
        if (c->why) return -1;
        if (c->p != until) return bad(c, "items end early");
        c->end = outer;
        return 0;
    }
    default: return bad(c, "unknown tag");
    }
}

static int attrs(checker *c, int depth);

/* What readers take for granted about a value. */
static int fits(const checker *c, unsigned kind) {
    if (c->p >= c->end) return 0;
    if (kind == JD_LISTPROPERTY || kind == JD_LISTRELATIONSHIP) return *c->p == JD_T_ARR;
    if (kind == JD_LANGUAGEPROPERTY || kind == JD_GEOPROPERTY) return *c->p == JD_T_OBJ;
    return 1;
}

static int attr(checker *c, int depth) {
    const unsigned char *outer = c->end, *until = c->end;
    if (sym(c)) return -1;
    uint64_t len = num(c);
    if (c->why || len > (uint64_t)(until - c->p) || len < 3) return bad(c, "length of an attribute");
    c->end = until = c->p + len;
    unsigned head = (unsigned)c->p[0] | (unsigned)c->p[1] << 8, kind = head & 15;
    c->p += 2;
    if (kind < JD_PROPERTY || kind > JD_LISTRELATIONSHIP || (head & ~(unsigned)(JD_A_ALL | 15)))
        return bad(c, "head of an attribute");
    if ((head & JD_A_DATASET) && skip(c, num(c))) return -1;
    if ((head & JD_A_OBSERVED) && digits(c)) return -1;
    if ((head & JD_A_EXPIRES) && digits(c)) return -1;
    if ((head & JD_A_UNIT) && skip(c, num(c))) return -1;
    if (head & JD_A_CREATED) num(c);
    if (head & JD_A_MODIFIED) num(c);
    if (head & JD_A_OBJECTTYPE) {
        uint64_t n = num(c);
        if (!n) return bad(c, "no object type");
        for (uint64_t i = 0; i < n; i++)
            if (sym(c)) return -1;
    }
    if ((head & JD_A_VALUETYPE) && skip(c, num(c))) return -1;
    if (head & JD_A_SUBS) {
        uint64_t n = num(c);
        if (c->why || n > (uint64_t)(until - c->p)) return bad(c, "length of sub-attributes");
        c->end = c->p + n;
        if (attrs(c, depth + 1)) return -1;
        c->end = until;
    }
    if (c->why || !fits(c, kind)) return bad(c, "a value that its kind does not allow");
    if (node(c, depth + 1)) return -1;
    if (c->p != until) return bad(c, "an attribute ends early");
    c->end = outer;
    return 0;
}

static int attrs(checker *c, int depth) {
    if (depth > JD_DOC_DEPTH_MAX) return bad(c, "too deep");
    while (!c->why && c->p < c->end) attr(c, depth);
    return c->why ? -1 : 0;
}

int jd_doc_check(jd_str bytes, uint32_t symbols, jd_err *err) {
    checker c = {(const unsigned char *)bytes.p, (const unsigned char *)bytes.p + bytes.n, symbols, NULL};
    if (bytes.n < 2 || c.p[0] != JD_DOC_FORMAT || (c.p[1] & ~JD_D_ALL)) {
        bad(&c, "not a document of this format");
    } else {
        unsigned flags = c.p[1];
        c.p += 2;
        num(&c);
        num(&c);
        if (flags & JD_D_EXPIRES) digits(&c);
        if (flags & JD_D_ATTREXPIRES) num(&c);
        skip(&c, num(&c));
        uint64_t n = num(&c);
        for (uint64_t i = 0; i < n && !c.why; i++) sym(&c);
        if (flags & JD_D_SCOPES) {
            n = num(&c);
            for (uint64_t i = 0; i < n && !c.why; i++) skip(&c, num(&c));
        }
        if (!c.why) attrs(&c, 0);
    }
    if (c.why)
        return jd_fail(err, JD_E_INTERNAL, "a stored document is damaged at byte %zu: %s",
                       "存储的文档在第 %zu 字节处损坏：%s", (size_t)(c.p - (const unsigned char *)bytes.p), c.why);
    return 0;
}
