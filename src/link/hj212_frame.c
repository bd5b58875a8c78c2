/* HJ 212, where a frame is: "##" and a length that may lie, a sum behind a closing "&&", and lines that break off. */
#include "link/hj212_int.h"

#include <string.h>

enum {
    HEADER_MAX = 12, /* "##" digits and a name with its "=": no header is longer */
    CRC_TRIES = 4    /* sums over one beginning while its end is sought: hostile bytes have many ends */
};

/* ---- the CRC ---- */

/* The sum of annex A is no CRC-16/MODBUS: the high byte alone is carried on, so a byte at a time leaves one of 256
 * values. By halves of a byte: the remainders of 0..15. */
uint16_t hj212__crc(jd_str s) {
    static const uint16_t half[16] = {0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
                                      0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400};
    uint32_t crc = 0xffff;
    for (size_t i = 0; i < s.n; i++) {
        crc = crc >> 8 ^ (unsigned char)s.p[i];
        crc = half[crc & 15] ^ crc >> 4;
        crc = half[crc & 15] ^ crc >> 4;
    }
    return (uint16_t)crc;
}

int hj212__hex(char c) {
    if (hj212__is_digit(c)) return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

unsigned hj212__hex_value(jd_str s) {
    unsigned v = 0;
    for (size_t i = 0; i < s.n; i++) v = v << 4 | (unsigned)hj212__hex(s.p[i]);
    return v;
}

/* ---- where a frame ends ---- */

int hj212__is_filling(char c) {
    return c == '\r' || c == '\n' || c == ' ' || c == '\t' || c == '*' || c == 0;
}

static size_t hex_run(jd_str s, size_t at) {
    size_t n = 0;
    while (n < 4 && at + n < s.n && hj212__hex(s.p[at + n]) >= 0) n++;
    return n;
}

/* Does what stands behind a CRC say that the frame is over? 2: yes; 1: it may; 0: no. */
static int ends_at(jd_str s, size_t at, int final) {
    if (at >= s.n) return final ? 2 : 0;
    if (s.p[at] == '\r' || s.p[at] == '\n' || (s.p[at] == '#' && at + 1 < s.n && s.p[at + 1] == '#')) return 2;
    return hj212__is_filling(s.p[at]);
}

/* "##", 1 to 4 digits, a short name and "=": inside data this is no accident. */
static int is_header(jd_str s, size_t at) {
    size_t i = at + 2, digits = 0, letters = 0;
    if (i > s.n || s.p[at] != '#' || s.p[at + 1] != '#') return 0;
    while (digits < 4 && i < s.n && hj212__is_digit(s.p[i])) i++, digits++;
    while (letters < 4 && i < s.n && (s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z') i++, letters++;
    return digits && letters > 1 && i < s.n && s.p[i] == '=';
}

/* The segment ends before e, its CRC has n digits. */
static hj212_ending finish(jd_str s, size_t e, size_t n, hj212_cut *c) {
    size_t i = e + n;
    c->seg.n = (size_t)(s.p + e - c->seg.p);
    c->crc = (jd_str){s.p + e, n};
    while (i < s.n && hj212__is_filling(s.p[i]) && s.p[i] != '\r' && s.p[i] != '\n') i++;
    c->behind = i - e - n;
    if (i < s.n && s.p[i] == '\r') i++, c->cr = 1;
    if (i < s.n && s.p[i] == '\n') i++;
    c->n = i;
    return HJ212_WHOLE;
}

static int crc_holds(const hj212_cut *c, jd_str s, size_t e) {
    jd_str seg = {c->seg.p, (size_t)(s.p + e - c->seg.p)};
    return hj212__crc(seg) == hj212__hex_value((jd_str){s.p + e, 4});
}

static int closes_at(const hj212_cut *c, jd_str s, size_t e) { /* "&&" that is not the opening one */
    const char *p = s.p + e;
    return p - c->seg.p >= 5 && p[-1] == '&' && p[-2] == '&' && memcmp(p - 5, "CP=", 3) != 0;
}

/* HJ212_NONE: the length does not lead to the end of a segment. */
static hj212_ending by_length(jd_str s, int final, hj212_cut *c) {
    size_t e = (size_t)(c->seg.p - s.p) + c->length;
    if (c->length > HJ212_FRAME_MAX - HEADER_MAX || e > s.n) return HJ212_NONE;
    size_t n = hex_run(s, e);
    int closed = closes_at(c, s, e);
    if (n == 4 && (closed || (ends_at(s, e + n, final) && crc_holds(c, s, e)))) return finish(s, e, n, c);
    if (e + n == s.n && closed && !final) return HJ212_MORE;
    return n && n < 4 && closed && ends_at(s, e + n, final) ? finish(s, e, n, c) : HJ212_NONE;
}

/* The length lies, or is not reached: the closing && with hex digits behind it is the end. A segment should have no
 * other
 * "&&" but the opening one; while its length is not reached, one within a log's text must not be taken for the end. */
static hj212_ending by_mark(jd_str s, int final, hj212_cut *c) {
    size_t from = (size_t)(c->seg.p - s.p), top = s.n < HJ212_FRAME_MAX ? s.n : HJ212_FRAME_MAX;
    int opened = 0, reached = from + c->length <= s.n, tries = 0;
    for (size_t i = from; i < top; i++) {
        if ((s.p[i] == '\n' && reached) || (s.p[i] == '#' && is_header(s, i))) {
            c->n = i + (s.p[i] == '\n');
            return HJ212_BROKEN;
        }
        if (s.p[i] != '&' || i + 1 == top || s.p[i + 1] != '&') continue;
        if (!opened) {
            opened = i >= from + 3 && memcmp(s.p + i - 3, "CP=", 3) == 0;
            i += (size_t)opened;
            continue;
        }
        size_t e = i + 2, n = hex_run(s, e);
        if (n && ends_at(s, e + n, final) > !reached) return finish(s, e, n, c);
        if (n == 4 && ((e + n == s.n && reached) || (tries++ < CRC_TRIES && crc_holds(c, s, e))))
            return finish(s, e, n, c);
    }
    if (s.n < HJ212_FRAME_MAX) return HJ212_MORE;
    c->n = HJ212_FRAME_MAX - HEADER_MAX; /* no header stands in these */
    return HJ212_NONE;
}

/* s begins with "##". final: no more bytes will come. */
hj212_ending hj212__cut(jd_str s, int final, hj212_cut *c) {
    size_t i = 2;
    *c = (hj212_cut){0};
    for (; i < s.n && c->digits < 4 && hj212__is_digit(s.p[i]); i++, c->digits++)
        c->length = c->length * 10 + (size_t)(s.p[i] - '0');
    c->seg = (jd_str){s.p + i, 0};
    if (i == s.n) return HJ212_MORE;
    if (!c->digits || (unsigned char)s.p[i] < 0x20 || s.p[i] == '#') return HJ212_NONE;
    hj212_ending found = by_length(s, final, c);
    return found == HJ212_NONE ? by_mark(s, final, c) : found;
}

void hj212__find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    size_t i = 0;
    (void)set;
    *out = (jd_found){0};
    for (;;) {
        const char *p = memmem(bytes.p + i, bytes.n - i, "##", 2);
        if (!p) {
            i = bytes.n - (bytes.n > i && bytes.p[bytes.n - 1] == '#');
            break;
        }
        i = (size_t)(p - bytes.p);
        hj212_cut c;
        hj212_ending found = hj212__cut((jd_str){p, bytes.n - i}, 0, &c);
        if (found == HJ212_WHOLE || found == HJ212_BROKEN) out->n = c.n;
        if (found != HJ212_NONE) break;
        i += c.n ? c.n : 1;
    }
    out->skip = i;
    for (size_t k = 0; k < i && !out->junk; k++) out->junk = !hj212__is_filling(bytes.p[k]);
}
