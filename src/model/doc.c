/* Reading documents. Bytes here are trusted: they were checked when they came in (doc_check.c) or made by doc_edit.c.
 */
#include "model/doc_int.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *member;
} kinds[] = {
    [JD_PROPERTY] = {"Property", "value"},
    [JD_RELATIONSHIP] = {"Relationship", "object"},
    [JD_GEOPROPERTY] = {"GeoProperty", "value"},
    [JD_LANGUAGEPROPERTY] = {"LanguageProperty", "languageMap"},
    [JD_VOCABPROPERTY] = {"VocabProperty", "vocab"},
    [JD_JSONPROPERTY] = {"JsonProperty", "json"},
    [JD_LISTPROPERTY] = {"ListProperty", "valueList"},
    [JD_LISTRELATIONSHIP] = {"ListRelationship", "objectList"},
};

const char *jd_kind_name(jd_kind k) {
    return kinds[k].name;
}
const char *jd_kind_member(jd_kind k) {
    return kinds[k].member;
}

/* ---- nodes ---- */

jd_ntype jd_node_type(jd_node n) {
    unsigned char t = *n.p;
    if (t >= JD_T_SHORTSTR) return JD_N_STR;
    if (t >= JD_T_SMALLINT) return JD_N_NUM;
    switch (t) {
    case JD_T_NULL: return JD_N_NULL;
    case JD_T_TRUE:
    case JD_T_FALSE: return JD_N_BOOL;
    case JD_T_DEC:
    case JD_T_NUMTEXT: return JD_N_NUM;
    case JD_T_STR: return JD_N_STR;
    case JD_T_ARR: return JD_N_ARR;
    case JD_T_OBJ: return JD_N_OBJ;
    case JD_T_TIME: return JD_N_TIME;
    default: return JD_N_IRI;
    }
}

int jd_node_bool(jd_node n) {
    return *n.p == JD_T_TRUE;
}

static double decimal_value(int64_t mantissa, unsigned scale) {
    static const double pow10[] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                   1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    /* both exact below 2^53: one correctly rounded division */
    if (mantissa > -(INT64_C(1) << 53) && mantissa < (INT64_C(1) << 53) && scale < sizeof pow10 / sizeof *pow10)
        return (double)mantissa / pow10[scale];
    char text[32];
    text[jd_decimal_print(mantissa, scale, text)] = 0;
    return strtod(text, NULL);
}

double jd_node_num(jd_node n) {
    const unsigned char *p = n.p;
    unsigned char t = *p++;
    if (t >= JD_T_SMALLINT) return t - JD_T_SMALLINT;
    if (t == JD_T_DEC) {
        unsigned scale = *p++;
        return decimal_value(jd_unzigzag(jd_varint_get(&p, n.end)), scale);
    }
    jd_str s = jd_bytes_str(&p, n.end);
    char small[64];
    if (s.n < sizeof small) {
        memcpy(small, s.p, s.n);
        small[s.n] = 0;
        return strtod(small, NULL);
    }
    char *z = jd_xstrdup(s);
    double v = strtod(z, NULL);
    free(z);
    return v;
}

jd_str jd_node_str(jd_node n) {
    const unsigned char *p = n.p + 1;
    if (*n.p >= JD_T_SHORTSTR) return (jd_str){(const char *)p, *n.p - JD_T_SHORTSTR};
    return jd_bytes_str(&p, n.end);
}

jd_sym jd_node_sym(jd_node n) {
    const unsigned char *p = n.p + 1;
    return (jd_sym)jd_varint_get(&p, n.end);
}

jd_time jd_node_time(jd_node n, int *digits) {
    const unsigned char *p = n.p + 1;
    int d = *p++;
    if (digits) *digits = d;
    return jd_unzigzag(jd_varint_get(&p, n.end));
}

jd_str jd_node_text(jd_node n, const jd_symtab *t, char scratch[JD_TIME_TEXT_MAX]) {
    switch (jd_node_type(n)) {
    case JD_N_STR: return jd_node_str(n);
    case JD_N_IRI: return jd_sym_name(t, jd_node_sym(n));
    case JD_N_TIME: {
        int digits;
        jd_time v = jd_node_time(n, &digits);
        return (jd_str){scratch, jd_time_print(v, digits, scratch)};
    }
    default: return (jd_str){NULL, 0};
    }
}

const unsigned char *jd_node_skip(const unsigned char *p, const unsigned char *end) {
    unsigned char t = *p++;
    if (t >= JD_T_SHORTSTR) return p + (t - JD_T_SHORTSTR);
    if (t >= JD_T_SMALLINT || t <= JD_T_FALSE) return p;
    switch (t) {
    case JD_T_DEC:
    case JD_T_TIME:
        p++;
        jd_varint_get(&p, end);
        return p;
    case JD_T_SYM: jd_varint_get(&p, end); return p;
    default: { /* a length leads the rest */ uint64_t n = jd_varint_get(&p, end); return p + n;
    }
    }
}

jd_nodeiter jd_node_items(jd_node n) {
    const unsigned char *p = n.p + 1;
    uint64_t bytes = jd_varint_get(&p, n.end);
    jd_nodeiter it = {.end = p + bytes};
    it.left = (uint32_t)jd_varint_get(&p, n.end);
    it.p = p;
    return it;
}

int jd_node_next(jd_nodeiter *it, jd_node *item) {
    if (!it->left) return 0;
    it->left--;
    *item = (jd_node){it->p, it->end};
    it->p = jd_node_skip(it->p, it->end);
    return 1;
}

int jd_node_member(jd_nodeiter *it, jd_sym *key, jd_str *raw, jd_node *item) {
    if (!it->left) return 0;
    *key = (jd_sym)jd_varint_get(&it->p, it->end);
    *raw = (jd_str){NULL, 0};
    if (!*key) *raw = jd_bytes_str(&it->p, it->end);
    return jd_node_next(it, item);
}

jd_jval jd_node_tree(jd_node n, const jd_symtab *t, jd_arena *a) {
    jd_jval v = {0};
    switch (jd_node_type(n)) {
    case JD_N_NULL: v.type = JD_JNULL; return v;
    case JD_N_BOOL: v.type = jd_node_bool(n) ? JD_JTRUE : JD_JFALSE; return v;
    case JD_N_NUM: {
        v.type = JD_JNUM;
        const unsigned char *p = n.p + 1;
        if (*n.p == JD_T_NUMTEXT) {
            jd_str s = jd_bytes_str(&p, n.end);
            v.s = s.p;
            v.n = (uint32_t)s.n;
            return v;
        }
        char *text = jd_arena_alloc(a, 32);
        if (*n.p >= JD_T_SMALLINT) {
            v.n = (uint32_t)jd_decimal_print(*n.p - JD_T_SMALLINT, 0, text);
        } else {
            unsigned scale = *p++;
            v.n = (uint32_t)jd_decimal_print(jd_unzigzag(jd_varint_get(&p, n.end)), scale, text);
        }
        v.s = text;
        return v;
    }
    case JD_N_STR: return jd_jmake_str(jd_node_str(n));
    case JD_N_IRI: return jd_jmake_str(jd_sym_name(t, jd_node_sym(n)));
    case JD_N_TIME: {
        char *scratch = jd_arena_alloc(a, JD_TIME_TEXT_MAX);
        return jd_jmake_str(jd_node_text(n, t, scratch));
    }
    case JD_N_ARR: {
        jd_nodeiter it = jd_node_items(n);
        v.type = JD_JARR;
        v.n = it.left;
        v.items = JD_NEWN(a, jd_jval, it.left);
        jd_node item;
        for (uint32_t i = 0; jd_node_next(&it, &item); i++) v.items[i] = jd_node_tree(item, t, a);
        return v;
    }
    case JD_N_OBJ: {
        jd_nodeiter it = jd_node_items(n);
        v.type = JD_JOBJ;
        v.n = it.left;
        v.members = JD_NEWN(a, jd_jmember, it.left);
        jd_node item;
        jd_sym key;
        jd_str raw;
        for (uint32_t i = 0; jd_node_member(&it, &key, &raw, &item); i++)
            v.members[i] = (jd_jmember){key ? jd_sym_name(t, key) : raw, jd_node_tree(item, t, a)};
        return v;
    }
    }
    return v;
}

/* ---- documents ---- */

void jd_doc_open(jd_doc *d, jd_str bytes) {
    const unsigned char *p = (const unsigned char *)bytes.p, *end = p + bytes.n;
    *d = (jd_doc){.bytes = bytes, .expires = JD_TIME_NONE, .attr_expires = JD_TIME_NONE};
    p++; /* format */
    unsigned flags = *p++;
    d->created = jd_unzigzag(jd_varint_get(&p, end));
    d->modified = d->created + (jd_time)jd_varint_get(&p, end);
    if (flags & JD_D_EXPIRES) {
        d->expires = jd_unzigzag(jd_varint_get(&p, end));
        d->expires_digits = *p++;
    }
    if (flags & JD_D_ATTREXPIRES) d->attr_expires = jd_unzigzag(jd_varint_get(&p, end));
    d->id = jd_bytes_str(&p, end);
    d->types_n = (uint32_t)jd_varint_get(&p, end);
    d->types.p = p;
    for (uint32_t i = 0; i < d->types_n; i++) jd_varint_get(&p, end);
    d->types.end = p;
    if (flags & JD_D_SCOPES) {
        d->scopes_n = (uint32_t)jd_varint_get(&p, end);
        d->scopes.p = p;
        for (uint32_t i = 0; i < d->scopes_n; i++) jd_bytes_str(&p, end);
        d->scopes.end = p;
    }
    d->attrs = (jd_bytes){p, end};
}

static const unsigned char *skip_varint(const unsigned char *p) {
    while (*p++ & 0x80) {}
    return p;
}

jd_str jd_doc_id(jd_str bytes) {
    const unsigned char *p = (const unsigned char *)bytes.p + 1, *end = p + bytes.n - 1;
    unsigned flags = *p++;
    p = skip_varint(skip_varint(p)); /* createdAt, modifiedAt */
    if (flags & JD_D_EXPIRES) p = skip_varint(p) + 1;
    if (flags & JD_D_ATTREXPIRES) p = skip_varint(p);
    return jd_bytes_str(&p, end);
}

int jd_syms_next(jd_bytes *rest, jd_sym *out) {
    if (!rest->p || rest->p >= rest->end) return 0;
    *out = (jd_sym)jd_varint_get(&rest->p, rest->end);
    return 1;
}

int jd_strs_next(jd_bytes *rest, jd_str *out) {
    if (!rest->p || rest->p >= rest->end) return 0;
    *out = jd_bytes_str(&rest->p, rest->end);
    return 1;
}

int jd_doc_has_type(const jd_doc *d, jd_sym type) {
    jd_bytes rest = d->types;
    jd_sym s;
    while (jd_syms_next(&rest, &s))
        if (s == type) return 1;
    return 0;
}

int jd_attr_next(jd_bytes *rest, jd_time entity_created, jd_attrview *out) {
    const unsigned char *p = rest->p, *end = rest->end;
    if (!p || p >= end) return 0;
    *out = (jd_attrview){.observed = JD_TIME_NONE, .expires = JD_TIME_NONE, .record.p = p};
    out->name = (jd_sym)jd_varint_get(&p, end);
    uint64_t len = jd_varint_get(&p, end);
    end = p + len;
    out->record.end = rest->p = end;
    unsigned head = (unsigned)p[0] | (unsigned)p[1] << 8;
    p += 2;
    out->kind = (jd_kind)(head & 15);
    if (head & JD_A_DATASET) out->dataset = jd_bytes_str(&p, end);
    if (head & JD_A_OBSERVED) {
        out->observed = jd_unzigzag(jd_varint_get(&p, end));
        out->observed_digits = *p++;
    }
    if (head & JD_A_EXPIRES) {
        out->expires = jd_unzigzag(jd_varint_get(&p, end));
        out->expires_digits = *p++;
    }
    if (head & JD_A_UNIT) out->unit = jd_bytes_str(&p, end);
    out->created = entity_created + (head & JD_A_CREATED ? (jd_time)jd_varint_get(&p, end) : 0);
    out->modified = out->created + (head & JD_A_MODIFIED ? (jd_time)jd_varint_get(&p, end) : 0);
    if (head & JD_A_OBJECTTYPE) {
        uint64_t n = jd_varint_get(&p, end);
        out->object_type.p = p;
        while (n--) jd_varint_get(&p, end);
        out->object_type.end = p;
    }
    if (head & JD_A_VALUETYPE) out->value_type = jd_bytes_str(&p, end);
    if (head & JD_A_SUBS) {
        uint64_t n = jd_varint_get(&p, end);
        out->subs = (jd_bytes){p, p + n};
        p += n;
    }
    out->value = (jd_node){p, end};
    return 1;
}

int jd_attr_peek(jd_bytes *rest, jd_sym *name, jd_kind *kind) {
    const unsigned char *p = rest->p;
    if (!p || p >= rest->end) return 0;
    *name = (jd_sym)jd_varint_get(&p, rest->end);
    uint64_t len = jd_varint_get(&p, rest->end);
    *kind = (jd_kind)(p[0] & 15);
    rest->p = p + len;
    return 1;
}

static int same_bytes(const unsigned char *a, size_t a_n, const unsigned char *b, size_t b_n) {
    return a_n == b_n && (!a_n || memcmp(a, b, a_n) == 0);
}

unsigned jd_doc_like(const jd_doc *was, const jd_doc *is) {
    unsigned like = JD_LIKE_FORM | JD_LIKE_PLACES;
    jd_bytes x = was->attrs, y = is->attrs;
    if (!same_bytes(was->types.p, (size_t)(was->types.end - was->types.p), is->types.p,
                    (size_t)(is->types.end - is->types.p)))
        return 0;
    for (;;) {
        jd_bytes x0 = x, y0 = y;
        jd_sym x_name, y_name;
        jd_kind x_kind, y_kind;
        int more = jd_attr_peek(&x, &x_name, &x_kind);
        if (more != jd_attr_peek(&y, &y_name, &y_kind)) return 0;
        if (!more) return like;
        if (x_name != y_name || x_kind != y_kind) return 0;
        if (x_kind != JD_GEOPROPERTY || same_bytes(x0.p, (size_t)(x.p - x0.p), y0.p, (size_t)(y.p - y0.p))) continue;
        jd_attrview v, w;
        jd_attr_next(&x0, 0, &v);
        jd_attr_next(&y0, 0, &w);
        if (!same_bytes(v.value.p, (size_t)(v.record.end - v.value.p), w.value.p, (size_t)(w.record.end - w.value.p)))
            like &= ~(unsigned)JD_LIKE_PLACES;
    }
}

/* Walks records without opening them until the name is met. */
static int seek(jd_bytes records, jd_time created, jd_sym name, jd_attrview *out, jd_bytes *rest) {
    const unsigned char *p = records.p;
    while (p && p < records.end) {
        const unsigned char *start = p;
        jd_sym s = (jd_sym)jd_varint_get(&p, records.end);
        uint64_t len = jd_varint_get(&p, records.end);
        if (s == name) {
            jd_bytes r = {start, records.end};
            jd_attr_next(&r, created, out);
            if (rest) *rest = r;
            return 1;
        }
        p += len;
    }
    return 0;
}

int jd_doc_attr(const jd_doc *d, jd_sym name, jd_attrview *out, jd_bytes *rest) {
    return name ? seek(d->attrs, d->created, name, out, rest) : 0;
}

int jd_attr_sub(const jd_attrview *a, jd_time entity_created, jd_sym name, jd_attrview *out, jd_bytes *rest) {
    return name ? seek(a->subs, entity_created, name, out, rest) : 0;
}
