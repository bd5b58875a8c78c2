/* Documents as trees, and trees as documents. */
#include "model/doc_int.h"

#include <stdlib.h>

/* Only texts that jd_decimal_print gives back byte for byte are decimals. */
static int decimal_of(jd_str s, int64_t *mantissa, unsigned *scale) {
    size_t i = 0, digits = 0;
    int neg = 0, point = 0;
    uint64_t m = 0;
    *scale = 0;
    if (i < s.n && s.p[i] == '-') neg = 1, i++;
    for (; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.') {
            point = 1;
            continue;
        }
        if (c < '0' || c > '9' || ++digits > 18) return 0;
        m = m * 10 + (uint64_t)(c - '0');
        *scale += (unsigned)point;
    }
    if (neg && m == 0) return 0; /* -0, -0.0 */
    *mantissa = neg ? -(int64_t)m : (int64_t)m;
    return 1;
}

static void encode_decimal(jd_buf *b, int64_t m, unsigned scale) {
    char *to = jd_buf_room(b, JD_VARINT_MAX + 2);
    b->n += (size_t)(jd_put_decimal(to, m, scale) - to);
}

static void encode_string(jd_buf *b, jd_str s) {
    jd_time t;
    int digits;
    /* 1970..2200 and at most 6 digits: such a text comes back exactly as written */
    if (s.n >= 20 && s.n <= 27 && s.p[s.n - 1] == 'Z' && s.p[10] == 'T' && s.p[17] != '6' &&
        jd_time_parse(s, &t, &digits) == 0 && digits <= 6 && (s.n == 20 || s.p[19] == '.')) {
        jd_buf_c(b, JD_T_TIME);
        jd_buf_c(b, (char)digits);
        jd_buf_varint(b, jd_zigzag(t));
        return;
    }
    if (s.n < 128) {
        jd_buf_c(b, (char)(unsigned char)(JD_T_SHORTSTR + s.n));
        jd_buf_str(b, s);
    } else {
        jd_buf_c(b, JD_T_STR);
        jd_put_str(b, s);
    }
}

typedef struct encoder {
    jd_symtab *symbols;
    jd_buf *b;
    jd_err *err;
    size_t stamp; /* of the attribute encoded last: bytes from behind its head to where its times go */
} encoder;

void jd_lead_with_length(jd_buf *b, size_t from) {
    size_t n = b->n - from, k = jd_varint_size(n);
    jd_buf_room(b, k);
    memmove(b->p + from + k, b->p + from, n);
    b->n = from;
    jd_buf_varint(b, n);
    b->n = from + k + n;
}

/* A place for the length of what follows, which is mostly below 128 and then takes the byte that is kept for it. */
static size_t begin_length(jd_buf *b) {
    jd_buf_c(b, 0);
    return b->n;
}

static void end_length(jd_buf *b, size_t from) {
    size_t n = b->n - from;
    if (n < 0x80) {
        b->p[from - 1] = (char)n;
        return;
    }
    size_t more = jd_varint_size(n) - 1;
    jd_buf_room(b, more);
    memmove(b->p + from + more, b->p + from, n);
    jd_varint_put(b->p + from - 1, n);
    b->n += more;
}

static int encode_node(encoder *e, const jd_jval *v, int names, int iris) {
    jd_buf *b = e->b;
    switch (v->type) {
    case JD_JNULL: jd_buf_c(b, JD_T_NULL); return 0;
    case JD_JTRUE: jd_buf_c(b, JD_T_TRUE); return 0;
    case JD_JFALSE: jd_buf_c(b, JD_T_FALSE); return 0;
    case JD_JNUM: {
        int64_t m;
        unsigned scale;
        if (!decimal_of(jd_jstr(v), &m, &scale)) {
            jd_buf_c(b, JD_T_NUMTEXT);
            jd_put_str(b, jd_jstr(v));
        } else {
            encode_decimal(b, m, scale);
        }
        return 0;
    }
    case JD_JDEC:
        if (jd_is_decimal(v->dec)) {
            encode_decimal(b, v->dec, v->n);
        } else {
            char text[JD_DECIMAL_MAX];
            jd_buf_c(b, JD_T_NUMTEXT);
            jd_put_str(b, (jd_str){text, jd_decimal_print(v->dec, v->n, text)});
        }
        return 0;
    case JD_JSTR:
        if (iris) {
            jd_sym s = jd_sym_intern(e->symbols, jd_jstr(v), e->err);
            if (!s) return -1;
            jd_buf_c(b, JD_T_SYM);
            jd_buf_varint(b, s);
        } else {
            encode_string(b, jd_jstr(v));
        }
        return 0;
    case JD_JARR: {
        jd_buf_c(b, JD_T_ARR);
        size_t from = begin_length(b);
        jd_buf_varint(b, v->n);
        for (uint32_t i = 0; i < v->n; i++)
            if (encode_node(e, &v->items[i], names, iris)) return -1;
        end_length(b, from);
        return 0;
    }
    case JD_JOBJ: {
        jd_buf_c(b, JD_T_OBJ);
        size_t from = begin_length(b);
        jd_buf_varint(b, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            jd_str name = v->members[i].name;
            jd_sym s = 0;
            if (names && name.n && memchr(name.p, ':', name.n)) {
                s = jd_sym_intern(e->symbols, name, e->err);
                if (!s) return -1;
            }
            jd_buf_varint(b, s);
            if (!s) jd_put_str(b, name);
            if (encode_node(e, &v->members[i].val, names, iris)) return -1;
        }
        end_length(b, from);
        return 0;
    }
    }
    return 0;
}

static void put_moment(jd_buf *b, jd_time t, int digits) {
    char *to = jd_varint_put(jd_buf_room(b, JD_VARINT_MAX + 1), jd_zigzag(t));
    *to++ = (char)digits;
    b->n = (size_t)(to - b->p);
}

static int encode_attr(encoder *e, const jd_attr *a, jd_time entity_created) {
    jd_buf *b = e->b;
    if (a->raw.p) {
        jd_buf_add(b, a->raw.p, (size_t)(a->raw.end - a->raw.p));
        return 0;
    }
    unsigned head = (unsigned)a->kind;
    if (a->dataset.p) head |= JD_A_DATASET;
    if (a->observed != JD_TIME_NONE) head |= JD_A_OBSERVED;
    if (a->expires != JD_TIME_NONE) head |= JD_A_EXPIRES;
    if (a->unit.p) head |= JD_A_UNIT;
    if (a->created > entity_created) head |= JD_A_CREATED;
    if (a->modified > a->created) head |= JD_A_MODIFIED;
    if (a->object_types_n) head |= JD_A_OBJECTTYPE;
    if (a->value_type.p) head |= JD_A_VALUETYPE;
    if (a->subs_n) head |= JD_A_SUBS;
    jd_buf_varint(b, a->name);
    size_t from = begin_length(b);
    char *to = jd_buf_room(b, 2);
    to[0] = (char)(unsigned char)(head & 0xff);
    to[1] = (char)(unsigned char)(head >> 8);
    b->n += 2;
    if (head & JD_A_DATASET) jd_put_str(b, a->dataset);
    if (head & JD_A_OBSERVED) put_moment(b, a->observed, a->observed_digits);
    if (head & JD_A_EXPIRES) put_moment(b, a->expires, a->expires_digits);
    if (head & JD_A_UNIT) jd_put_str(b, a->unit);
    size_t stamp = b->n - from - 2;
    if (head & JD_A_CREATED) jd_buf_varint(b, (uint64_t)(a->created - entity_created));
    if (head & JD_A_MODIFIED) jd_buf_varint(b, (uint64_t)(a->modified - a->created));
    if (head & JD_A_OBJECTTYPE) {
        jd_buf_varint(b, a->object_types_n);
        for (uint32_t i = 0; i < a->object_types_n; i++) jd_buf_varint(b, a->object_types[i]);
    }
    if (head & JD_A_VALUETYPE) jd_put_str(b, a->value_type);
    if (head & JD_A_SUBS) {
        size_t subs = begin_length(b);
        for (uint32_t i = 0; i < a->subs_n; i++)
            if (encode_attr(e, &a->subs[i], entity_created)) return -1;
        end_length(b, subs);
    }
    int names = a->kind == JD_PROPERTY || a->kind == JD_LISTPROPERTY;
    if (encode_node(e, &a->value, names, a->kind == JD_VOCABPROPERTY)) return -1;
    end_length(b, from);
    e->stamp = stamp;
    return 0;
}

int jd_attr_encode(const jd_attr *a, jd_time entity_created, jd_symtab *symbols, jd_buf *out, jd_err *err) {
    size_t stamp;
    return jd_attr_encode_open(a, entity_created, symbols, out, &stamp, err);
}

int jd_attr_encode_open(const jd_attr *a, jd_time entity_created, jd_symtab *symbols, jd_buf *out, size_t *stamp,
                        jd_err *err) {
    encoder e = {.symbols = symbols, .b = out, .err = err};
    size_t start = out->n;
    int rc = encode_attr(&e, a, entity_created);
    if (rc) out->n = start;
    *stamp = e.stamp;
    return rc;
}

static jd_time earlier(jd_time a, jd_time b) {
    return a == JD_TIME_NONE || (b != JD_TIME_NONE && b < a) ? b : a;
}

/* The first moment at which something of the attribute, sub-attributes too, expires (clause 4.22). */
static jd_time expiry(const jd_attr *a) {
    jd_time first = a->expires;
    if (a->raw.p) return earlier(first, a->raw_expires);
    for (uint32_t i = 0; i < a->subs_n; i++) first = earlier(first, expiry(&a->subs[i]));
    return first;
}

static jd_time expiry_below(const jd_attrview *v) {
    jd_time first = JD_TIME_NONE;
    jd_attrview sub;
    for (jd_bytes rest = v->subs; jd_attr_next(&rest, v->created, &sub);)
        first = earlier(earlier(first, sub.expires), expiry_below(&sub));
    return first;
}

int jd_doc_encode(const jd_ent *ent, jd_symtab *symbols, jd_buf *out, jd_err *err) {
    encoder e = {.symbols = symbols, .b = out, .err = err};
    size_t start = out->n;
    unsigned flags = 0;
    if (ent->scopes_n) flags |= JD_D_SCOPES;
    if (ent->expires != JD_TIME_NONE) flags |= JD_D_EXPIRES;
    jd_time first = JD_TIME_NONE;
    for (uint32_t i = 0; i < ent->attrs_n; i++) first = earlier(first, expiry(&ent->attrs[i]));
    if (first != JD_TIME_NONE) flags |= JD_D_ATTREXPIRES;
    jd_buf_c(out, JD_DOC_FORMAT);
    jd_buf_c(out, (char)flags);
    jd_buf_varint(out, jd_zigzag(ent->created));
    jd_buf_varint(out, ent->modified > ent->created ? (uint64_t)(ent->modified - ent->created) : 0);
    if (flags & JD_D_EXPIRES) {
        jd_buf_varint(out, jd_zigzag(ent->expires));
        jd_buf_c(out, (char)ent->expires_digits);
    }
    if (flags & JD_D_ATTREXPIRES) jd_buf_varint(out, jd_zigzag(first));
    jd_put_str(out, ent->id);
    jd_buf_varint(out, ent->types_n);
    for (uint32_t i = 0; i < ent->types_n; i++) jd_buf_varint(out, ent->types[i]);
    if (flags & JD_D_SCOPES) {
        jd_buf_varint(out, ent->scopes_n);
        for (uint32_t i = 0; i < ent->scopes_n; i++) jd_put_str(out, ent->scopes[i]);
    }
    for (uint32_t i = 0; i < ent->attrs_n; i++)
        if (encode_attr(&e, &ent->attrs[i], ent->created)) {
            out->n = start;
            return -1;
        }
    return 0;
}

void jd_doc_tree(const jd_doc *d, jd_arena *a, jd_ent *out) {
    *out = (jd_ent){.id = d->id,
                    .created = d->created,
                    .modified = d->modified,
                    .expires = d->expires,
                    .expires_digits = d->expires_digits,
                    .types_n = d->types_n,
                    .scopes_n = d->scopes_n};
    out->types = JD_NEWN(a, jd_sym, d->types_n);
    jd_bytes rest = d->types;
    for (uint32_t i = 0; i < d->types_n; i++) jd_syms_next(&rest, &out->types[i]);
    if (d->scopes_n) {
        out->scopes = JD_NEWN(a, jd_str, d->scopes_n);
        rest = d->scopes;
        for (uint32_t i = 0; i < d->scopes_n; i++) jd_strs_next(&rest, &out->scopes[i]);
    }
    uint32_t n = 0;
    jd_attrview v;
    for (rest = d->attrs; jd_attr_next(&rest, d->created, &v);) n++;
    out->attrs = JD_NEWN(a, jd_attr, n);
    out->attrs_n = n;
    n = 0;
    for (rest = d->attrs; jd_attr_next(&rest, d->created, &v); n++)
        out->attrs[n] = (jd_attr){.name = v.name,
                                  .dataset = v.dataset,
                                  .raw = v.record,
                                  .observed = JD_TIME_NONE,
                                  .expires = v.expires,
                                  .expires_digits = v.expires_digits,
                                  .created = v.created,
                                  .modified = v.modified,
                                  .raw_expires = d->attr_expires == JD_TIME_NONE ? JD_TIME_NONE : expiry_below(&v)};
}

void jd_attr_decode(const jd_attrview *v, jd_time entity_created, const jd_symtab *t, jd_arena *a, jd_attr *out) {
    *out = (jd_attr){.name = v->name,
                     .kind = v->kind,
                     .dataset = v->dataset,
                     .observed = v->observed,
                     .observed_digits = v->observed_digits,
                     .expires = v->expires,
                     .expires_digits = v->expires_digits,
                     .unit = v->unit,
                     .created = v->created,
                     .modified = v->modified,
                     .value_type = v->value_type,
                     .has_value = 1};
    out->value = jd_node_tree(v->value, t, a);
    jd_bytes rest = v->object_type;
    jd_sym s;
    while (jd_syms_next(&rest, &s)) out->object_types_n++;
    if (out->object_types_n) {
        out->object_types = JD_NEWN(a, jd_sym, out->object_types_n);
        rest = v->object_type;
        for (uint32_t i = 0; jd_syms_next(&rest, &s); i++) out->object_types[i] = s;
    }
    jd_attrview sub;
    for (rest = v->subs; jd_attr_next(&rest, entity_created, &sub);) out->subs_n++;
    if (out->subs_n) {
        out->subs = JD_NEWN(a, jd_attr, out->subs_n);
        rest = v->subs;
        for (uint32_t i = 0; jd_attr_next(&rest, entity_created, &sub); i++)
            jd_attr_decode(&sub, entity_created, t, a, &out->subs[i]);
    }
}
