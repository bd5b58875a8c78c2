/* Instances made ready ahead: a thread that is not the writer encodes them, and the writer puts the bytes into the
 * document without a tree in between. What it gives is what jd_apply gives (tests/unit/engine/test_observe.c). */
#include "model/doc_int.h"
#include "model/instance.h"

/* ---- plain readings: a number, or a point of two, with a time and at most a unit and a datasetId ----
 * Nearly all that devices tell. Record, skeleton and numbers are written in one go. */

enum {
    NAMES_MOST = 40, /* bytes of unit and datasetId: the record's length then fits into one */
    PLAIN_MOST = 5 + 1 + 2 + 2 * 5 + NAMES_MOST + 16 + 40 + 2 * (JD_VARINT_MAX + 2)
};

static const char point_head[] = "\0\4type\x85Point\0\13coordinates\6"; /* members of an object, up to the array */

static int is_decimal(const jd_jval *v) {
    return v->type == JD_JDEC && jd_is_decimal(v->dec);
}

/* The length is known when it is compiled, and then so is how it is compared. */
#define IS(s, z) ((s).n == sizeof(z) - 1 && !memcmp((s).p, z, sizeof(z) - 1))

/* The two coordinates of {"type": "Point", "coordinates": [x, y]}, members in this order; else NULL. */
static const jd_jval *point_of(const jd_jval *v) {
    if (v->type != JD_JOBJ || v->n != 2) return NULL;
    const jd_jmember *type = &v->members[0], *at = &v->members[1];
    if (!IS(type->name, "type") || type->val.type != JD_JSTR || at->val.type != JD_JARR) return NULL;
    if (!IS(jd_jstr(&type->val), "Point") || !IS(at->name, "coordinates") || at->val.n != 2) return NULL;
    return is_decimal(&at->val.items[0]) && is_decimal(&at->val.items[1]) ? at->val.items : NULL;
}

/* The numbers of a plain reading; NULL: it is none. */
static const jd_jval *plain_numbers(const jd_attr *a, uint8_t *n) {
    int more = a->raw.p || a->subs_n || a->object_types_n || a->value_type.p || a->expires != JD_TIME_NONE ||
               a->created != JD_TIME_NONE || a->modified != JD_TIME_NONE;
    if (more || a->observed == JD_TIME_NONE || a->unit.n + a->dataset.n > NAMES_MOST) return NULL;
    *n = 1;
    if (a->kind == JD_PROPERTY) return is_decimal(&a->value) ? &a->value : NULL;
    *n = 2;
    return a->kind == JD_GEOPROPERTY ? point_of(&a->value) : NULL;
}

/* Codes of units have two or three bytes: no loop, no call. */
static char *put_text(char *to, jd_str s) {
    *to++ = (char)s.n;
    if (s.n - 1 < 3) {
        to[0] = s.p[0];
        to[s.n / 2] = s.p[s.n / 2];
        to[s.n - 1] = s.p[s.n - 1];
    } else if (s.n) {
        memcpy(to, s.p, s.n);
    }
    return to + s.n;
}

/* observedAt as records have it. What a frame tells bears one time. */
static char *put_observed(char *to, jd_time t, int digits) {
    static _Thread_local struct {
        jd_time t;
        int digits;
        uint8_t n; /* 0: nothing yet */
        char bytes[16];
    } last;
    if (last.t != t || last.digits != digits || !last.n) {
        char *end = jd_varint_put(last.bytes, jd_zigzag(t));
        *end++ = (char)digits;
        last.n = (uint8_t)(end - last.bytes);
        last.t = t;
        last.digits = digits;
    }
    memcpy(to, last.bytes, sizeof last.bytes);
    return to + last.n;
}

static char *put_point(char *to, const jd_jval *v) {
    *to++ = JD_T_OBJ;
    char *length = to++;
    *to++ = 2;
    memcpy(to, point_head, sizeof point_head - 1);
    to += sizeof point_head - 1;
    char *inner = to++;
    *to++ = 2;
    to = jd_put_decimal(jd_put_decimal(to, v[0].dec, v[0].n), v[1].dec, v[1].n);
    *inner = (char)(to - inner - 1);
    *length = (char)(to - length - 1); /* all of it is shorter than 128 */
    return to;
}

static char *put_plain_skeleton(char *to, const jd_attr *a, unsigned head, uint8_t n) {
    *to++ = (char)(unsigned char)(head & ~(unsigned)JD_A_OBSERVED);
    *to++ = 0;
    if (a->dataset.p) to = put_text(to, a->dataset);
    if (a->unit.p) to = put_text(to, a->unit);
    if (n == 2) {
        *to++ = JD_T_OBJ;
        *to++ = 2;
        memcpy(to, point_head, sizeof point_head - 1);
        to += sizeof point_head - 1;
        *to++ = 2;
        *to++ = JD_T_HOLE;
    }
    *to++ = JD_T_HOLE;
    return to;
}

/* 0: it is no plain reading. */
static int plain_ready(const jd_attr *a, jd_arena *arena, jd_ready *out) {
    uint8_t n;
    const jd_jval *v = plain_numbers(a, &n);
    if (!v) return 0;
    jd_num *nums = jd_arena_alloc(arena, n * sizeof *nums + 2 * PLAIN_MOST);
    char *record = (char *)(nums + n), *to = jd_varint_put(record, a->name), *length = to++;
    unsigned head =
        (unsigned)a->kind | JD_A_OBSERVED | (a->dataset.p ? JD_A_DATASET : 0u) | (a->unit.p ? JD_A_UNIT : 0u);
    *to++ = (char)(unsigned char)head;
    *to++ = 0;
    char *body = to;
    if (a->dataset.p) to = put_text(to, a->dataset);
    to = put_observed(to, a->observed, a->observed_digits);
    if (a->unit.p) to = put_text(to, a->unit);
    char *stamp = to;
    to = n == 1 ? jd_put_decimal(to, v->dec, v->n) : put_point(to, v);
    *length = (char)(to - length - 1);
    char *skeleton = to;
    to = put_plain_skeleton(to, a, head, n);
    jd_arena_cut(arena, to);
    for (uint8_t i = 0; i < n; i++) {
        memset(&nums[i], 0, sizeof *nums); /* the padding too: equal numbers are equal bytes */
        nums[i].m = v[i].dec;
        nums[i].scale = (uint8_t)v[i].n;
    }
    *out = (jd_ready){.name = a->name,
                      .head = head,
                      .observed = a->observed,
                      .record = {record, (size_t)(skeleton - record)},
                      .body = (uint32_t)(body - record),
                      .stamp = (uint32_t)(stamp - body),
                      .skeleton = {skeleton, (size_t)(to - skeleton)},
                      .nums = nums,
                      .nums_n = n,
                      .digits = (uint8_t)a->observed_digits};
    if (a->dataset.p) out->dataset = (jd_str){body + 1, a->dataset.n};
    return 1;
}

int jd_attr_ready(const jd_attr *a, jd_symtab *symbols, jd_buf *scratch, jd_arena *to, jd_ready *out, jd_err *err) {
    size_t stamp;
    if (plain_ready(a, to, out)) return 0;
    scratch->n = 0;
    if (jd_attr_encode_open(a, 0, symbols, scratch, &stamp, err)) return -1;
    jd_str record = jd_arena_dup(to, jd_buf_view(scratch));
    const unsigned char *p = (const unsigned char *)record.p, *end = p + record.n;
    jd_varint_get(&p, end);
    jd_varint_get(&p, end);
    unsigned head = (unsigned)p[0] | (unsigned)p[1] << 8;
    const unsigned char *body = p + 2;
    *out = (jd_ready){.name = a->name,
                      .head = head,
                      .observed = a->observed,
                      .record = record,
                      .body = (uint32_t)(body - (const unsigned char *)record.p),
                      .stamp = (uint32_t)stamp};
    if (head & JD_A_DATASET) out->dataset = jd_bytes_str(&body, end);
    return 0;
}

/* Fragments have no times yet; encoding had to write some. */
static void without_times(jd_attr *a) {
    a->created = a->modified = JD_TIME_NONE;
    a->raw_expires = JD_TIME_NONE;
    for (uint32_t i = 0; i < a->subs_n; i++) without_times(&a->subs[i]);
}

void jd_ready_open(const jd_ready *r, const jd_symtab *symbols, jd_arena *a, jd_attr *out) {
    jd_bytes rest = {(const unsigned char *)r->record.p, (const unsigned char *)r->record.p + r->record.n};
    jd_attrview v;
    jd_attr_next(&rest, 0, &v);
    jd_attr_decode(&v, 0, symbols, a, out);
    without_times(out);
}

/* ---- into a document ---- */

static const jd_ready *same_instance(const jd_ready *r, uint32_t n, const jd_attrview *v) {
    for (uint32_t i = 0; i < n; i++)
        if (r[i].name == v->name && !r[i].dataset.p == !v->dataset.p && jd_str_eq(r[i].dataset, v->dataset))
            return &r[i];
    return NULL;
}

static int has_name(const jd_ready *r, uint32_t n, jd_sym name) {
    for (uint32_t i = 0; i < n; i++)
        if (r[i].name == name) return 1;
    return 0;
}

/* The record with its times: the old instance's createdAt, and now. */
static void put_record(jd_buf *out, const jd_ready *r, jd_time base, jd_time created, jd_time now) {
    uint64_t c = created > base ? (uint64_t)(created - base) : 0, m = now > created ? (uint64_t)(now - created) : 0;
    unsigned head = r->head | (c ? JD_A_CREATED : 0u) | (m ? JD_A_MODIFIED : 0u);
    size_t times = (c ? jd_varint_size(c) : 0) + (m ? jd_varint_size(m) : 0), n = r->record.n - r->body;
    const char *body = r->record.p + r->body;
    jd_buf_varint(out, r->name);
    jd_buf_varint(out, 2 + n + times);
    jd_buf_c(out, (char)(unsigned char)(head & 0xff));
    jd_buf_c(out, (char)(unsigned char)(head >> 8));
    jd_buf_add(out, body, r->stamp);
    if (c) jd_buf_varint(out, c);
    if (m) jd_buf_varint(out, m);
    jd_buf_add(out, body + r->stamp, n - r->stamp);
}

static void put_head(jd_buf *out, const jd_doc *d, jd_time now) {
    const unsigned char *start = (const unsigned char *)d->bytes.p, *p = start + 2, *end = start + d->bytes.n;
    jd_varint_get(&p, end); /* createdAt stays */
    jd_buf_add(out, start, (size_t)(p - start));
    jd_buf_varint(out, (uint64_t)(now - d->created));
    jd_varint_get(&p, end);
    jd_buf_add(out, p, (size_t)(d->attrs.p - p));
}

int jd_ready_put(const jd_doc *d, const jd_ready *r, uint32_t n, jd_time now, jd_buf *out, jd_attrview *was,
                 uint32_t *attrs_n) {
    size_t start = out->n;
    uint32_t done = 0;
    *attrs_n = 0;
    if (d->expires != JD_TIME_NONE || d->attr_expires != JD_TIME_NONE || now <= d->modified) return 0;
    put_head(out, d, now);
    const unsigned char *copied = d->attrs.p; /* up to here it stands in out */
    for (jd_bytes rest = d->attrs; rest.p < rest.end; ++*attrs_n) {
        jd_bytes whole = rest;
        jd_sym name;
        jd_kind kind;
        jd_attr_peek(&rest, &name, &kind);
        if (!has_name(r, n, name)) continue;
        jd_attrview v;
        jd_attr_next(&whole, d->created, &v);
        const jd_ready *to = same_instance(r, n, &v);
        if (!to) continue;
        /* sub-attributes have times of their own */
        if (kind != (jd_kind)(to->head & 15) || (to->head & (JD_A_SUBS | JD_A_EXPIRES)) || v.observed >= to->observed ||
            done == n) {
            done = n + 1;
            break;
        }
        jd_buf_add(out, copied, (size_t)(v.record.p - copied));
        put_record(out, to, d->created, v.created, now);
        copied = rest.p;
        was[done++] = v;
    }
    if (done == n) jd_buf_add(out, copied, (size_t)(d->attrs.end - copied));
    if (done == n) return 1;
    out->n = start;
    return 0;
}
