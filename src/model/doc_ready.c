/* Instances made ready ahead: a thread that is not the writer encodes them, and the writer puts the bytes into the
 * document without a tree in between. What it gives is what jd_apply gives (tests/unit/engine/test_observe.c). */
#include "model/doc_int.h"

int jd_attr_ready(const jd_attr *a, jd_symtab *symbols, jd_buf *scratch, jd_arena *to, jd_ready *out, jd_err *err) {
    size_t stamp;
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
