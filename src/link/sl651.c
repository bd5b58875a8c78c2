/* link/sl651.c - SL 651-2014, data of hydrologic monitoring (rain, river, reservoir, groundwater ...), HEX/BCD mode:
 * frames (clause 6.5, tables 20 to 23) and who is owed which answer (6.3.1, figures 1 and 2). What stands in a body is
 * sl651_body.c's.
 *
 *   0 7E7E | 2 centre 1 | 3 station 5 | 8 password 2 | 10 function 1 | 11 direction (4 bits) and length (12 bits)
 *   13 STX (or SYN, then 12 bits of packets, 12 bits of this one's number) | body | end mark | CRC-16, high byte first
 *
 * Down from the centre the station stands before the centre. ASCII mode (6.4) is recognised and refused. */
#include "link/sl651_int.h"

enum {
    HEAD = 14,
    TAIL = 3, /* end mark and CRC */
    BODY_MAX = 4095,
    FRAME_MAX = HEAD + BODY_MAX + TAIL,
    ASCII_HEAD = 24,
    ASCII_TAIL = 5
};
enum { SOH = 1, STX = 2, ETX = 3, EOT = 4, ENQ = 5, ACK = 6, NAK = 0x15, SYN = 0x16, ETB = 0x17, ESC = 0x1b };

static unsigned u8(char c) {
    return (unsigned char)c;
}

/* ---- the check ---- */

static uint32_t crc_step(uint32_t crc, char c) {
    static const uint16_t of[] = {0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401,
                                  0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01, 0x8801, 0x4400};
    crc = crc >> 4 ^ of[(crc ^ u8(c)) & 15];
    return crc >> 4 ^ of[(crc ^ u8(c) >> 4) & 15];
}

static uint32_t crc_of(const char *p, size_t n) {
    uint32_t crc = 0xffff;
    for (size_t i = 0; i < n; i++) crc = crc_step(crc, p[i]);
    return crc;
}

typedef enum check { CHECK_BAD, CHECK_HOLDS, CHECK_SWAPPED } check;

/* Of a frame of n bytes, its CRC among them. A swapped CRC still holds its 16 bits: a link forgives it. */
static check check_of(const jd_link_set *set, const char *p, size_t n) {
    uint32_t crc = crc_of(p, n - 2);
    if (jd_be16(p + n - 2) == crc) return CHECK_HOLDS;
    return set->field && jd_be16(p + n - 2) == ((crc & 0xff) << 8 | crc >> 8) ? CHECK_SWAPPED : CHECK_BAD;
}

/* ---- where frames begin and end ---- */

/* Can a frame begin here? -1: no; 0: more bytes must come to tell; else how long it says it is. */
static long head_of(jd_str s) {
    if (s.p[0] != 0x7e || (s.n > 1 && s.p[1] != 0x7e)) return -1;
    if (s.n > 11 && (u8(s.p[11]) & 0x70)) return -1;
    if (s.n < HEAD) return 0;
    if (s.p[13] != STX && s.p[13] != SYN) return -1;
    return HEAD + (long)(jd_be16(s.p + 11) & 0xfff) + TAIL;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The same of a frame in ASCII mode: 22 digits stand between its SOH and its STX. */
static long ascii_head_of(jd_str s) {
    if (s.p[0] != SOH) return -1;
    for (size_t i = 1; i < ASCII_HEAD - 1 && i < s.n; i++)
        if (hex_digit(s.p[i]) < 0) return -1;
    if (s.n < ASCII_HEAD) return 0;
    if (s.p[23] != STX && s.p[23] != SYN) return -1;
    long n = hex_digit(s.p[20]) << 8 | hex_digit(s.p[21]) << 4 | hex_digit(s.p[22]);
    return ASCII_HEAD + n + ASCII_TAIL;
}

static int is_filling(char c) {
    return c == '\r' || c == '\n' || c == ' ' || c == 0x7e; /* some stations close a frame with a 7E of their own */
}

static int is_end(int down, unsigned c) {
    if (!down) return c == ETX || c == ETB;
    return c == ENQ || c == EOT || c == ACK || c == NAK || c == ESC;
}

/* Where a frame ends whose length field lies: behind an end mark after which the CRC holds. 0: nowhere. */
static size_t true_end(jd_str s) {
    uint32_t crc = 0xffff;
    size_t n = s.n < FRAME_MAX ? s.n : FRAME_MAX;
    int down = (s.p[11] & 0x80) != 0;
    for (size_t i = 0; i + 2 <= n; i++) {
        if (i > HEAD && is_end(down, u8(s.p[i - 1])) && jd_be16(s.p + i) == crc &&
            (i + 2 == s.n || is_filling(s.p[i + 2])))
            return i + 2;
        crc = crc_step(crc, s.p[i]);
    }
    return 0;
}

/* The next whole frame among the first `within` bytes behind this one's beginning: a frame that lost bytes must not
 * swallow it. Few are tried, as each costs a CRC. 0: none. */
static size_t next_frame(const jd_link_set *set, jd_str s, size_t within) {
    int tried = 0;
    for (size_t i = 2; i < within && i + HEAD + TAIL <= s.n && tried < 4; i++) {
        if (s.p[i] != 0x7e || s.p[i + 1] != 0x7e) continue;
        jd_str t = {s.p + i, s.n - i};
        long n = head_of(t);
        if (n <= 0 || (size_t)n > t.n) continue;
        tried++;
        if (check_of(set, t.p, (size_t)n) != CHECK_BAD) return i;
    }
    return 0;
}

/* How many bytes of s are the frame that says it has n. 0: more must come. */
static size_t cut(const jd_link_set *set, jd_str s, size_t n) {
    if (s.n >= n && check_of(set, s.p, n) != CHECK_BAD) return n;
    size_t other = set->field ? true_end(s) : 0;
    if (!other) other = next_frame(set, s, n);
    return other ? other : s.n >= n ? n : 0;
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    for (size_t i = 0; i < bytes.n; i++) {
        jd_str s = {bytes.p + i, bytes.n - i};
        long n = head_of(s), ascii = n < 0 ? ascii_head_of(s) : -1;
        out->skip = i;
        if (n >= 0) {
            out->n = n ? cut(set, s, (size_t)n) : 0;
            return;
        }
        if (ascii >= 0) {
            out->n = ascii && s.n >= (size_t)ascii ? (size_t)ascii : 0;
            return;
        }
        if (!is_filling(s.p[0])) out->junk = 1;
    }
    out->skip = bytes.n;
}

/* ---- frames ---- */

static int ascii_mode(jd_str s, jd_arena *a, jd_fields *f, jd_frame *out, jd_err *err) {
    if (s.n >= ASCII_HEAD && ascii_head_of(s) > 0) {
        int down = s.p[19] == '8';
        jd_str name = jd_arena_dup(a, (jd_str){s.p + (down ? 1 : 3), 10});
        jd_put_str(f, "station", name);
        jd_put_str(f, "func", jd_arena_dup(a, (jd_str){s.p + 17, 2}));
        jd_put_z(f, "mode", "ascii");
        out->device = name;
    }
    return jd_fail(err, JD_E_NOT_SUPPORTED, "the frame is in ASCII mode (it begins with 01); only HEX/BCD mode is read",
                   "该帧为 ASCII 编码（以 01 起始），仅支持 HEX/BCD 编码");
}

static int read_head(jd_str s, sl651_heading *h, jd_fields *f, jd_err *err) {
    unsigned way = u8(s.p[11]) >> 4, len = (unsigned)(jd_be16(s.p + 11) & 0xfff);
    *h = (sl651_heading){.down = way == 8, .serial = -1, .func = u8(s.p[10]), .start = u8(s.p[13])};
    h->center = u8(s.p[h->down ? 7 : 2]);
    h->station = (jd_str){s.p + (h->down ? 2 : 3), 5};
    h->password = (jd_str){s.p + 8, 2};
    jd_put_int(f, "center", h->center);
    jd_put_str(f, "station", sl651__station(f->a, h->station));
    sl651__put_station_code(f, h->station);
    jd_put_hex(f, "password", h->password);
    jd_put_str(f, "func", sl651__byte(f->a, h->func));
    if (way && way != 8)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the direction is %x, neither up (0) nor down (8)",
                       "上下行标识为 %x，既非上行（0）也非下行（8）", way);
    jd_put_z(f, "dir", h->down ? "down" : "up");
    jd_put_int(f, "len", len);
    jd_put_str(f, "start", sl651__byte(f->a, h->start));
    if (h->start != STX && h->start != SYN)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the start mark is %02x, neither STX (02) nor SYN (16)",
                       "起始符为 %02x，既非 STX（02）也非 SYN（16）", h->start);
    return 0;
}

/* How long the frame is, by the check that holds. 0: refused. */
static size_t checked(const jd_link_set *set, jd_str s, jd_arena *a, jd_frame *out, jd_err *err) {
    size_t says = HEAD + (size_t)(jd_be16(s.p + 11) & 0xfff) + TAIL, n = says, extra = says;
    check c = s.n >= n ? check_of(set, s.p, n) : CHECK_BAD;
    if (c == CHECK_BAD && s.n != n && s.n <= FRAME_MAX && check_of(set, s.p, s.n) != CHECK_BAD) {
        c = check_of(set, s.p, n = s.n);
        if (jd_frame_lapse(set, out, a, err, "the body's length is given as %zu, it is %zu",
                           "正文长度标为 %zu，实为 %zu", says - HEAD - TAIL, n - HEAD - TAIL))
            return 0;
    }
    if (c == CHECK_BAD && s.n < n) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the frame has %zu bytes, its length asks for %zu",
                "帧只有 %zu 字节，按长度应为 %zu", s.n, n);
        return 0;
    }
    if (c == CHECK_BAD) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "CRC is %04x, computed %04x", "CRC 为 %04x，计算得 %04x",
                (unsigned)jd_be16(s.p + n - 2), (unsigned)crc_of(s.p, n - 2));
        return 0;
    }
    if (c == CHECK_SWAPPED) jd_frame_fault(out, a, "the CRC stands low byte first", "CRC 低位字节在前");
    while (extra < s.n && is_filling(s.p[extra])) extra++;
    if (n == says && extra < s.n &&
        jd_frame_lapse(set, out, a, err, "%zu bytes behind the frame", "帧后多出 %zu 字节", s.n - n))
        return 0;
    return n;
}

/* One packet of a message (tables 22 and 23): the loop joins them. */
static int packet(const jd_link_set *set, jd_arena *a, jd_str s, sl651_heading *h, jd_fields *f, jd_frame *out,
                  jd_err *err) {
    if (s.n < 3) return jd_frame_lapse(set, out, a, err, "the packet's number is missing", "缺少包总数及序列号");
    uint32_t parts = jd_be16(s.p) >> 4, part = jd_be16(s.p + 1) & 0xfff;
    jd_str payload = {s.p + 3, s.n - 3};
    jd_put_int(f, "packets", parts);
    jd_put_int(f, "packet_no", part);
    jd_put_int(f, "fragment_bytes", (int64_t)payload.n);
    if (!part || part > parts) {
        jd_put_hex(f, "body_hex", payload);
        return jd_frame_lapse(set, out, a, err, "packet %u of %u does not exist", "不存在第 %u 包（共 %u 包）",
                              (unsigned)part, (unsigned)parts);
    }
    h->parts = parts;
    if (parts == 1) return sl651__body(set, a, payload, h, f, out, err);
    out->part = part;
    out->parts = parts;
    out->payload = payload;
    out->part_key =
        jd_arena_printf(a, "%02x%02x%02x%02x%02x %02x %u", u8(h->station.p[0]), u8(h->station.p[1]),
                        u8(h->station.p[2]), u8(h->station.p[3]), u8(h->station.p[4]), h->func, (unsigned)parts);
    return 0;
}

static int frame(const jd_link_set *set, jd_str s, jd_arena *a, sl651_heading *h, jd_fields *f, jd_frame *out,
                 jd_err *err) {
    while (s.n && is_filling(*s.p) && (s.n < 2 || s.p[0] != 0x7e || s.p[1] != 0x7e)) s.p++, s.n--;
    if (s.n && *s.p == SOH) return ascii_mode(s, a, f, out, err);
    if (s.n < 2 || s.p[0] != 0x7e || s.p[1] != 0x7e)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a frame begins with 7E7E", "帧应以 7E7E 起始");
    if (s.n < HEAD + TAIL)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "%zu bytes are no whole frame", "%zu 字节不足一帧", s.n);
    if (read_head(s, h, f, err)) return -1;
    out->device = sl651__station(a, h->station);
    out->kind = sl651__byte(a, h->func);
    size_t n = checked(set, s, a, out, err);
    if (!n) return -1;
    h->end = u8(s.p[n - TAIL]);
    jd_put_str(f, "end", sl651__byte(a, h->end));
    jd_put_hex(f, "crc", (jd_str){s.p + n - 2, 2});
    out->own = h;
    if (!is_end(h->down, h->end) && jd_frame_lapse(set, out, a, err, "the end mark is %02x", "结束符为 %02x", h->end))
        return -1;
    jd_str inside = {s.p + HEAD, n - HEAD - TAIL};
    return (h->start == SYN ? packet : sl651__body)(set, a, inside, h, f, out, err);
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    (void)peer;
    jd_fields f = jd_fields_new(a);
    int rc = frame(set, bytes, a, JD_NEW(a, sl651_heading), &f, out, err);
    out->fields = jd_fields_end(&f);
    return rc;
}

static int decode_joined(const jd_link_set *set, jd_str payload, jd_arena *a, jd_frame *last, jd_err *err) {
    if (!last->own) return jd_fail(err, JD_E_INTERNAL, "the last packet was not read", "末包未解析");
    sl651_heading *h = JD_NEW(a, sl651_heading);
    *h = *(const sl651_heading *)last->own;
    jd_fields f = {.a = a, .m = last->fields.members, .n = last->fields.n, .cap = last->fields.n};
    last->own = h;
    int rc = sl651__body(set, a, payload, h, &f, last, err);
    last->fields = jd_fields_end(&f);
    return rc;
}

/* ---- answers ---- */

static void put_now(jd_buf *out, jd_time now) {
    jd_clock8 c = jd_clock8_of(now);
    const int v[] = {c.year % 100, c.month, c.day, c.hour, c.minute, c.second};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) jd_buf_c(out, (char)(unsigned char)(v[i] / 10 << 4 | v[i] % 10));
}

/* Modes M2 to M4: what was understood and is durable is confirmed, in the figures' words "right: EOT", or "right: ACK"
 * where the station has more to say (ETB). Anything else gets no answer, and the station sends again, twice at most. Of
 * packets, all together are owed one answer; who speaks by mode M1 does not listen. */
static const void *keep(const jd_frame *f, jd_arena *a) {
    const sl651_heading *h = f->own;
    if (!h) return NULL;
    sl651_heading *kept = jd_arena_alloc(a, sizeof *kept);
    *kept = *h;
    kept->station = jd_arena_dup(a, h->station);
    kept->password = jd_arena_dup(a, h->password);
    return kept;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    (void)set, (void)peer;
    const sl651_heading *h = f->own;
    if (!h || h->down || h->func == 0x2f || h->serial < 0 || outcome != JD_OUT_KEPT) return;
    /* 37 to 51 answer what a centre asked: a confirmation would be taken for the question, asked again */
    if (h->func >= 0x37 && h->func <= 0x51) return;
    int packets = h->start == SYN;
    size_t from = out->n;
    jd_be16_add(out, 0x7e7e);
    jd_buf_str(out, h->station);
    jd_buf_c(out, (char)(unsigned char)h->center);
    jd_buf_str(out, h->password);
    jd_buf_c(out, (char)(unsigned char)h->func);
    jd_be16_add(out, 0x8000 | (SL651_SERIAL_TIME + (packets ? 3 : 0)));
    jd_buf_c(out, (char)(unsigned char)h->start);
    if (packets) {
        jd_buf_c(out, (char)(unsigned char)(h->parts >> 4));
        jd_be16_add(out, (h->parts & 15) << 12 | h->parts);
    }
    jd_be16_add(out, (uint32_t)h->serial);
    put_now(out, now);
    jd_buf_c(out, !packets && h->end == ETB ? ACK : EOT);
    jd_be16_add(out, crc_of(out->p + from, out->n - from));
}

static void conceal(char *p, size_t n) {
    int digits = n && p[0] == SOH;
    size_t from = digits ? 13 : 8, most = digits ? 4 : 2, body = digits ? 24 : 14;
    if (!digits && (!n || (uint8_t)p[0] != 0x7e)) return;
    for (size_t i = from; i < n && i < from + most; i++) p[i] = '*';
    /* basic settings, told or set, and a new password: all behind the heading, for a frame may be cut anywhere */
    char function = 0;
    if (digits && n > 18)
        function = p[17] == '4' ? (char)(0x40 + p[18] - '0') : 0;
    else if (!digits && n > 10)
        function = p[10];
    if (function != 0x40 && function != 0x41 && function != 0x49) return;
    for (size_t i = body; i < n; i++) p[i] = '*';
}

const jd_protocol jd_sl651 = {.name = "sl651",
                              .en = "SL 651-2014 hydrology stations",
                              .zh = "SL 651-2014 水文监测数据通信规约",
                              .frame_max = ASCII_HEAD + BODY_MAX + ASCII_TAIL,
                              .find = find,
                              .decode = decode,
                              .decode_joined = decode_joined,
                              .keep = keep,
                              .reply = reply,
                              .conceal = conceal};
