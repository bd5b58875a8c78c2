#include "store/patch.h"

#include "base/hash.h"

#include <string.h>

enum {
    STEADY = 8 /* so many equal bytes end an insertion: fewer are cheaper said again */
};

static size_t common_end(jd_str a, jd_str b) {
    size_t most = a.n < b.n ? a.n : b.n, n = 0;
    while (n + 8 <= most && memcmp(a.p + a.n - n - 8, b.p + b.n - n - 8, 8) == 0) n += 8;
    while (n < most && a.p[a.n - n - 1] == b.p[b.n - n - 1]) n++;
    return n;
}

static size_t equal_from(jd_str a, jd_str b, size_t at, size_t end) {
    size_t i = at;
    while (i + 8 <= end && memcmp(a.p + i, b.p + i, 8) == 0) i += 8;
    while (i < end && a.p[i] == b.p[i]) i++;
    return i;
}

size_t store__patch_make(jd_buf *out, jd_str base, jd_str body) {
    size_t from = out->n, most = body.n / 4 * 3;
    size_t tail = common_end(base, body), end = body.n - tail, old_end = base.n - tail;
    size_t both = end < old_end ? end : old_end;
    if (most < 16) return 0;
    jd_buf_varint(out, base.n);
    jd_buf_varint(out, body.n);
    uint32_t crc = jd_crc32c(0, body.p, body.n);
    for (unsigned i = 0; i < 32; i += 8) jd_buf_c(out, (char)(unsigned char)(crc >> i));
    jd_buf_varint(out, tail);
    for (size_t at = 0; at < end;) {
        size_t differs = equal_from(base, body, at, both), again = differs;
        while (again < end && !(again + STEADY <= both && memcmp(base.p + again, body.p + again, STEADY) == 0)) again++;
        jd_buf_varint(out, differs - at);
        jd_buf_varint(out, again - differs);
        jd_buf_str(out, (jd_str){body.p + differs, again - differs});
        at = again;
        if (out->n - from > most) break;
    }
    if (out->n - from > most) {
        out->n = from;
        return 0;
    }
    return out->n - from;
}

typedef struct reader {
    const unsigned char *p, *end;
    uint64_t base, body, tail;
    uint32_t crc;
} reader;

static int head(reader *r, jd_str patch) {
    r->p = (const unsigned char *)patch.p;
    r->end = r->p + patch.n;
    r->base = jd_varint_get(&r->p, r->end);
    r->body = jd_varint_get(&r->p, r->end);
    if (!r->p || r->end - r->p < 4) return -1;
    r->crc = 0;
    for (unsigned i = 0; i < 32; i += 8) r->crc |= (uint32_t)*r->p++ << i;
    r->tail = jd_varint_get(&r->p, r->end);
    return r->p && r->tail <= r->base && r->tail <= r->body ? 0 : -1;
}

/* 1: a copy and an insertion, 0: complete, -1: malformed. *at: how much of the body stands, moved on. */
static int next(reader *r, uint64_t *at, uint64_t *copy, jd_str *insert) {
    uint64_t end = r->body - r->tail;
    if (*at == end) return r->p == r->end ? 0 : -1;
    *copy = jd_varint_get(&r->p, r->end);
    uint64_t n = jd_varint_get(&r->p, r->end);
    if (!r->p || n > (uint64_t)(r->end - r->p) || *copy > end - *at || n > end - *at - *copy) return -1;
    if ((*copy && *at + *copy > r->base) || !(*copy + n)) return -1;
    *insert = (jd_str){(const char *)r->p, (size_t)n};
    r->p += n;
    *at += *copy + n;
    return 1;
}

int store__patch_sound(jd_str patch) {
    reader r;
    uint64_t at = 0, copy;
    jd_str insert;
    int more = head(&r, patch) ? -1 : 1;
    while (more == 1) more = next(&r, &at, &copy, &insert);
    return more == 0;
}

int store__patch_apply(jd_str base, jd_str patch, jd_buf *out) {
    reader r;
    uint64_t at = 0, copy;
    jd_str insert;
    size_t from = out->n;
    if (!store__patch_sound(patch) || head(&r, patch) || r.base != base.n) return -1;
    while (next(&r, &at, &copy, &insert) == 1) {
        jd_buf_str(out, (jd_str){base.p + at - copy - insert.n, (size_t)copy});
        jd_buf_str(out, insert);
    }
    jd_buf_str(out, (jd_str){base.p + base.n - r.tail, (size_t)r.tail});
    if (jd_crc32c(0, out->p + from, out->n - from) == r.crc) return 0;
    out->n = from;
    return -1;
}
