#include "store/format.h"

#include "base/hash.h"
#include "store/patch.h"

const char *store__bad_en(store_bad b) {
    static const char *const text[] = {"good",
                                       "shorter than its header",
                                       "unknown format number",
                                       "checksum differs",
                                       "malformed contents",
                                       "its rows are not those that it counts"};
    return text[b];
}

const char *store__bad_zh(store_bad b) {
    static const char *const text[] = {"完好",       "短于头部",     "格式号未知",
                                       "校验和不符", "内容结构有误", "所含行与记录不符"};
    return text[b];
}

static void put_le(unsigned char *p, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(v >> (8 * i));
}

static uint32_t get_le32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What a body belongs to is part of its sum, so that one that lands in another row is found out: the row's numbers, the
 * key first, and another column. */
typedef struct place {
    uint64_t numbers[4];
    size_t n;
    jd_str beside;
} place;

static place at_key(uint64_t key) {
    return (place){.numbers = {key}, .n = 1};
}

static uint32_t envelope_crc(const place *at, unsigned char format, jd_str body) {
    unsigned char head[sizeof at->numbers + 1];
    size_t n = at->n * 8;
    uint32_t crc = 0;
    for (size_t i = 0; i < at->n; i++) put_le(head + 8 * i, at->numbers[i], 8);
    if (at->beside.n) {
        crc = jd_crc32c(jd_crc32c(0, head, n), at->beside.p, at->beside.n);
        n = 0;
    }
    head[n++] = format;
    return jd_crc32c(jd_crc32c(crc, head, n), body.p, body.n);
}

static void fill_envelope(char *to, const place *at, unsigned char format, jd_str body) {
    unsigned char head[STORE_ENVELOPE] = {format};
    put_le(head + 1, envelope_crc(at, format, body), 4);
    memcpy(to, head, sizeof head);
}

static void seal(jd_buf *out, const place *at, jd_str body) {
    char *to = jd_buf_room(out, STORE_ENVELOPE + body.n);
    fill_envelope(to, at, STORE_ENVELOPE_V1, body);
    out->n += STORE_ENVELOPE;
    jd_buf_str(out, body);
}

/* up_to: the newest format that this kind of body may have */
static store_bad unseal_up_to(unsigned char up_to, const place *at, jd_str blob, jd_str *body) {
    const unsigned char *p = (const unsigned char *)blob.p;
    if (blob.n < STORE_ENVELOPE) return STORE_BAD_SHORT;
    if (p[0] < STORE_ENVELOPE_V1 || p[0] > up_to) return STORE_BAD_FORMAT;
    jd_str in = {blob.p + STORE_ENVELOPE, blob.n - STORE_ENVELOPE};
    if (get_le32(p + 1) != envelope_crc(at, p[0], in)) return STORE_BAD_SUM;
    *body = in;
    return STORE_GOOD;
}

static store_bad unseal(const place *at, jd_str blob, jd_str *body) {
    return unseal_up_to(STORE_ENVELOPE_V1, at, blob, body);
}

void store__seal(jd_buf *out, uint64_t key, jd_str body) {
    place at = at_key(key);
    seal(out, &at, body);
}

store_bad store__unseal(uint64_t key, const void *blob, size_t n, jd_str *body) {
    place at = at_key(key);
    return unseal(&at, (jd_str){blob, n}, body);
}

/* Room for an envelope, to be closed when its body stands behind it. */
static size_t open_envelope(jd_buf *out) {
    size_t from = out->n;
    jd_buf_room(out, STORE_ENVELOPE);
    out->n += STORE_ENVELOPE;
    return from;
}

static void close_envelope(jd_buf *out, size_t from, const place *at, unsigned char format) {
    char *to = out->p + from;
    fill_envelope(to, at, format, (jd_str){to + STORE_ENVELOPE, out->n - from - STORE_ENVELOPE});
}

void store__seal_document(jd_buf *out, jd_key key, uint64_t group, jd_str body) {
    place at = at_key((uint64_t)key);
    size_t from = open_envelope(out);
    jd_buf_varint(out, group);
    jd_buf_str(out, body);
    close_envelope(out, from, &at, STORE_ENVELOPE_V2);
}

store_bad store__unseal_document(jd_key key, jd_str blob, uint64_t *group, jd_str *body) {
    place at = at_key((uint64_t)key);
    store_bad bad = unseal_up_to(STORE_ENVELOPE_V2, &at, blob, body);
    *group = 0;
    if (bad || blob.p[0] == STORE_ENVELOPE_V1) return bad;
    const unsigned char *p = (const unsigned char *)body->p, *end = p + body->n;
    *group = jd_varint_get(&p, end);
    if (!p) return STORE_BAD_SHAPE;
    *body = (jd_str){(const char *)p, (size_t)(end - p)};
    return STORE_GOOD;
}

uint32_t store__symbol_crc(uint32_t number, jd_str name) {
    place at = at_key(number);
    return envelope_crc(&at, STORE_ENVELOPE_V1, name);
}

/* --- rows of runs --- */

static place at_row(int64_t id, int64_t run, jd_str beside) {
    return (place){.numbers = {(uint64_t)id, (uint64_t)run}, .n = 2, .beside = beside};
}

void store__seal_head(jd_buf *out, int64_t id, int64_t run, uint64_t body_bytes, jd_str head) {
    place at = at_row(id, run, (jd_str){NULL, 0});
    size_t from = open_envelope(out);
    jd_buf_varint(out, body_bytes);
    jd_buf_str(out, head);
    close_envelope(out, from, &at, STORE_ENVELOPE_V1);
}

store_bad store__unseal_head(int64_t id, int64_t run, jd_str blob, jd_str *head, uint64_t *body_bytes) {
    place at = at_row(id, run, (jd_str){NULL, 0});
    jd_str in;
    store_bad bad = unseal(&at, blob, &in);
    if (bad) return bad;
    const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n;
    *body_bytes = jd_varint_get(&p, end);
    if (!p) return STORE_BAD_SHAPE;
    *head = (jd_str){(const char *)p, (size_t)(end - p)};
    return STORE_GOOD;
}

void store__seal_row(jd_buf *out, int64_t id, int64_t run, jd_str head, jd_str body) {
    place at = at_row(id, run, head);
    seal(out, &at, body);
}

store_bad store__unseal_row(int64_t id, int64_t run, jd_str head, jd_str blob, jd_str *body) {
    place at = at_row(id, run, head);
    return unseal(&at, blob, body);
}

static place at_run(const store_run_sum *r) {
    return (place){.numbers = {(uint64_t)r->id, (uint64_t)r->state, r->rows, r->bytes}, .n = 4};
}

void store__seal_note(jd_buf *out, const store_run_sum *run, jd_str note) {
    place at = at_run(run);
    seal(out, &at, note);
}

store_bad store__unseal_note(const store_run_sum *run, jd_str blob, jd_str *note) {
    place at = at_run(run);
    return unseal(&at, blob, note);
}

/* --- log rows --- */

enum { GONE = 0, WHOLE = 1, PATCH = 2 }; /* what a change says, with twice its length */

static void put_change(jd_buf *out, const jd_store_change *c) {
    if (!c->body.p) {
        jd_buf_varint(out, GONE);
        return;
    }
    if (c->base.p) {
        /* Its length stands before it: three bytes are left for that, few patches need more than two of them. */
        size_t at = out->n;
        jd_buf_room(out, 3);
        out->n += 3;
        size_t n = store__patch_make(out, c->base, c->body), said = n * 2 + PATCH;
        if (n && said < 1u << 21) {
            out->p[at] = (char)(unsigned char)(said | 0x80);
            out->p[at + 1] = (char)(unsigned char)(said >> 7 | 0x80);
            out->p[at + 2] = (char)(unsigned char)(said >> 14);
            return;
        }
        out->n = at;
    }
    jd_buf_varint(out, (uint64_t)c->body.n * 2 + WHOLE);
    jd_buf_str(out, c->body);
}

void store__log_encode(jd_buf *out, const jd_store_group *g) {
    out->n = 0;
    size_t from = open_envelope(out);
    jd_buf_varint(out, g->changes_n);
    jd_key before = 0;
    for (size_t i = 0; i < g->changes_n; i++) {
        const jd_store_change *c = &g->changes[i];
        /* Keys are positive, so the difference of two cannot overflow. */
        jd_buf_varint(out, jd_zigzag(c->key - before));
        before = c->key;
        put_change(out, c);
    }
    place at = at_key(g->number);
    close_envelope(out, from, &at, STORE_ENVELOPE_V2);
}

store_bad store__log_begin(store_log_reader *r, uint64_t group, const void *blob, size_t n) {
    place at = at_key(group);
    jd_str in;
    store_bad bad = unseal_up_to(STORE_ENVELOPE_V2, &at, (jd_str){blob, n}, &in);
    if (bad) return bad;
    const unsigned char *p = (const unsigned char *)in.p;
    *r = (store_log_reader){.p = p, .end = p + in.n, .format = *(const unsigned char *)blob};
    r->left = jd_varint_get(&r->p, r->end);
    return r->p ? STORE_GOOD : STORE_BAD_SHAPE;
}

int store__log_next(store_log_reader *r, jd_key *key, jd_str *body, int *patch) {
    if (!r->left) return r->p == r->end ? 0 : -1;
    int64_t step = jd_unzigzag(jd_varint_get(&r->p, r->end));
    uint64_t said = jd_varint_get(&r->p, r->end), size = said;
    if (!r->p || __builtin_add_overflow(r->key, step, &r->key) || r->key <= 0) return -1;
    *patch = 0;
    if (r->format == STORE_ENVELOPE_V1) {
        size = said ? said - 1 : 0;
    } else if (said) {
        *patch = (said & 1) == 0;
        size = *patch ? (said - PATCH) / 2 : said / 2;
    }
    if (size > (uint64_t)(r->end - r->p)) return -1;
    *key = r->key;
    *body = said ? (jd_str){(const char *)r->p, (size_t)size} : (jd_str){NULL, 0};
    if (*patch && !store__patch_sound(*body)) return -1;
    r->p += size;
    r->left--;
    return 1;
}
