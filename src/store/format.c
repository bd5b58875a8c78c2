#include "store/format.h"

#include "base/hash.h"

const char *store__bad_en(store_bad b) {
    static const char *const text[] = {"good", "shorter than its header", "unknown format number", "checksum differs",
                                       "malformed contents"};
    return text[b];
}

const char *store__bad_zh(store_bad b) {
    static const char *const text[] = {"完好", "短于头部", "格式号未知", "校验和不符", "内容结构有误"};
    return text[b];
}

static void put_le(unsigned char *p, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get_le32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The key is part of the sum, so that a body that lands in another row is found out. */
static uint32_t envelope_crc(uint64_t key, unsigned char format, const void *body, size_t n) {
    unsigned char head[9];
    put_le(head, key, 8);
    head[8] = format;
    return jd_crc32c(jd_crc32c(0, head, sizeof head), body, n);
}

static void fill_envelope(char *at, uint64_t key, const void *body, size_t n) {
    unsigned char head[STORE_ENVELOPE] = {STORE_ENVELOPE_V1};
    put_le(head + 1, envelope_crc(key, STORE_ENVELOPE_V1, body, n), 4);
    memcpy(at, head, sizeof head);
}

void store__seal(jd_buf *out, uint64_t key, jd_str body) {
    char *at = jd_buf_room(out, STORE_ENVELOPE + body.n);
    fill_envelope(at, key, body.p, body.n);
    out->n += STORE_ENVELOPE;
    jd_buf_str(out, body);
}

store_bad store__unseal(uint64_t key, const void *blob, size_t n, jd_str *body) {
    const unsigned char *p = blob;
    if (n < STORE_ENVELOPE) return STORE_BAD_SHORT;
    if (p[0] != STORE_ENVELOPE_V1) return STORE_BAD_FORMAT;
    if (get_le32(p + 1) != envelope_crc(key, p[0], p + STORE_ENVELOPE, n - STORE_ENVELOPE)) return STORE_BAD_SUM;
    *body = (jd_str){(const char *)p + STORE_ENVELOPE, n - STORE_ENVELOPE};
    return STORE_GOOD;
}

uint32_t store__symbol_crc(uint32_t number, jd_str name) {
    return envelope_crc(number, STORE_ENVELOPE_V1, name.p, name.n);
}

void store__log_encode(jd_buf *out, const jd_store_group *g) {
    out->n = 0;
    jd_buf_room(out, STORE_ENVELOPE);
    out->n = STORE_ENVELOPE;
    jd_buf_varint(out, g->changes_n);
    jd_key before = 0;
    for (size_t i = 0; i < g->changes_n; i++) {
        const jd_store_change *c = &g->changes[i];
        /* Keys are positive, so the difference of two cannot overflow. */
        jd_buf_varint(out, jd_zigzag(c->key - before));
        before = c->key;
        jd_buf_varint(out, c->body.p ? (uint64_t)c->body.n + 1 : 0);
        if (c->body.p) jd_buf_str(out, c->body);
    }
    fill_envelope(out->p, g->number, out->p + STORE_ENVELOPE, out->n - STORE_ENVELOPE);
}

store_bad store__log_begin(store_log_reader *r, uint64_t group, const void *blob, size_t n) {
    jd_str in;
    store_bad bad = store__unseal(group, blob, n, &in);
    if (bad) return bad;
    const unsigned char *p = (const unsigned char *)in.p;
    *r = (store_log_reader){.p = p, .end = p + in.n};
    r->left = jd_varint_get(&r->p, r->end);
    return r->p ? STORE_GOOD : STORE_BAD_SHAPE;
}

int store__log_next(store_log_reader *r, jd_key *key, jd_str *body) {
    if (!r->left) return r->p == r->end ? 0 : -1;
    int64_t step = jd_unzigzag(jd_varint_get(&r->p, r->end));
    uint64_t size = jd_varint_get(&r->p, r->end);
    if (!r->p || __builtin_add_overflow(r->key, step, &r->key) || r->key <= 0) return -1;
    if (size && size - 1 > (uint64_t)(r->end - r->p)) return -1;
    *key = r->key;
    *body = size ? (jd_str){(const char *)r->p, (size_t)size - 1} : (jd_str){NULL, 0};
    if (size) r->p += size - 1;
    r->left--;
    return 1;
}
