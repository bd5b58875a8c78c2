/* JT/T 808-2011, 2013 (clauses 4.4, 7, 8) and 2019: terminals of vehicles and their platform. Frames stand between
 * marks 7E, escaped, with an XOR behind them; a header names message, length, terminal and serial; a long message is
 * split. Two editions of the header are told apart per frame, for both come over one line. */
#include "link/jt808_int.h"

enum { MARK = 0x7e, ESCAPE = 0x7d, FRAME_MOST = 4096, HEAD_2013 = 12, HEAD_2019 = 17, SPLIT = 4 };

/* ---- where a frame is ---- */

static size_t filling(jd_str s) {
    size_t n = 0;
    while (n < s.n && (s.p[n] == '\r' || s.p[n] == '\n' || s.p[n] == ' ')) n++;
    return n;
}

static const char *mark_in(jd_str s) {
    return s.n ? memchr(s.p, MARK, s.n) : NULL;
}

static int starts_as_http(jd_str s) {
    static const char *const verbs[] = {"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT "};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (jd_str_starts(s, jd_str_of(verbs[i]))) return 1;
    return 0;
}

/* No mark has come yet: how much is surely none of ours? Other trackers' lines "(...)" and web probes are; else only a
 * mark can tell. */
static size_t foreign(jd_str s) {
    if (s.n >= FRAME_MOST || starts_as_http(s)) return s.n;
    const char *end = *s.p == '(' ? memchr(s.p, ')', s.n) : NULL;
    return end ? (size_t)(end - s.p) + 1 : 0;
}

/* What stands between two marks, without its escapes, measured. */
typedef struct measure {
    size_t n;       /* bytes, with the checksum */
    unsigned sum;   /* of all of them: 0 when the checksum holds */
    unsigned words; /* the first four bytes: message and properties */
} measure;

/* From one escape to the next: what stands between is summed in one go. */
static measure measured(jd_str s) {
    measure m = {0};
    for (size_t at = 0; at < s.n;) {
        const char *escape = memchr(s.p + at, ESCAPE, s.n - at);
        size_t plain = escape ? (size_t)(escape - s.p) - at : s.n - at;
        m.sum ^= jd_xor8((jd_str){s.p + at, plain});
        for (size_t i = 0; i < plain && m.n + i < 4; i++) m.words = m.words << 8 | (unsigned char)s.p[at + i];
        m.n += plain;
        at += plain;
        if (!escape) break;
        char next = at + 1 < s.n ? s.p[at + 1] : 0;
        unsigned char c = next == 2 ? MARK : ESCAPE;
        at += next == 1 || next == 2 ? 2 : 1;
        m.sum ^= c;
        if (m.n++ < 4) m.words = m.words << 8 | c;
    }
    return m;
}

/* How long the header says it is, by the layout of 2013. */
static size_t says_length(unsigned words) {
    return HEAD_2013 + (words & 0x3ff) + (words & 0x2000 ? SPLIT : 0u) + 1;
}

static int holds(jd_str s) {
    measure m = measured(s);
    size_t says = says_length(m.words);
    return !m.sum && (m.n == says || (m.words & 0x4000 && m.n == says + HEAD_2019 - HEAD_2013));
}

/* Some do not escape a 7e: a frame that is too short for its header and whose check fails may end at a later mark,
 * where both hold. Only what has come already is looked at. Returns the frame's bytes. */
static size_t real_end(jd_str bytes, size_t n) {
    measure m = measured((jd_str){bytes.p + 1, n - 2});
    if (!m.sum || m.n >= says_length(m.words)) return n;
    for (size_t at = n, i = 0; i < 4; i++) {
        const char *end = mark_in((jd_str){bytes.p + at, bytes.n - at});
        if (!end || end - bytes.p >= FRAME_MOST) break;
        at = (size_t)(end - bytes.p) + 1;
        if (holds((jd_str){bytes.p + 1, at - 2})) return at;
    }
    return n;
}

/* From the mark at `at`. Two marks side by side, or with less between them than a header, are the end of one frame and
 * the beginning of the next: taking them for a frame would shift all that follow. */
static void find_end(jd_str bytes, size_t at, jd_found *out) {
    for (;;) {
        const char *end = mark_in((jd_str){bytes.p + at + 1, bytes.n - at - 1});
        out->skip = at;
        if (!end) {
            if (bytes.n - at >= FRAME_MOST) out->skip = bytes.n, out->junk = 1;
            return;
        }
        size_t n = (size_t)(end - bytes.p) - at + 1;
        if (n >= HEAD_2013 + 2 && n <= FRAME_MOST) {
            out->n = real_end((jd_str){bytes.p + at, bytes.n - at}, n);
            return;
        }
        jd_str between = {bytes.p + at + 1, n - 2};
        if (filling(between) < between.n) out->junk = 1;
        at += n - 1;
    }
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    (void)set;
    size_t at = filling(bytes);
    if (at == bytes.n || bytes.p[at] == MARK) {
        out->skip = at;
        if (at < bytes.n) find_end(bytes, at, out);
        return;
    }
    jd_str rest = {bytes.p + at, bytes.n - at};
    const char *mark = mark_in(rest);
    size_t before = mark ? (size_t)(mark - rest.p) : 0;
    if (mark && holds((jd_str){rest.p, before})) { /* a frame whose opening mark went with the one before it */
        out->skip = at;
        out->n = before + 1;
        return;
    }
    if (mark) {
        out->junk = 1;
        find_end(bytes, at + before, out);
        return;
    }
    size_t gone = foreign(rest);
    if (gone) out->skip = at + gone, out->junk = 1;
}

/* ---- what stands between the marks ---- */

/* What is between the marks, of which there may be several. *opened: 0 where the first is missing. */
static int between_marks(jd_str s, jd_str *out, int *opened, jd_err *err) {
    size_t n = filling(s);
    s.p += n, s.n -= n;
    while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n')) s.n--;
    *opened = s.n && *s.p == MARK;
    if (!s.n || s.n - (size_t)*opened == 0 || s.p[s.n - 1] != MARK)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no closing 7e: the frame is incomplete",
                       "缺少结束标识 7e，帧不完整");
    while (s.n && *s.p == MARK) s.p++, s.n--;
    if (s.n) s.n--;
    while (s.n && s.p[s.n - 1] == MARK && !holds(s)) s.n--; /* unless it is a checksum that is not escaped */
    *out = s;
    return *opened || holds(s) ? 0 : jd_fail(err, JD_E_BAD_REQUEST_DATA, "no opening 7e", "缺少起始标识 7e");
}

/* What is wrong with a frame's escapes: a byte behind 7d that makes no escape, or one of these. */
enum { ESCAPES_RIGHT = -1, ESCAPE_AT_END = 0x100, MARK_INSIDE = 0x200 };

/* Undoes the escapes. *odd: the first thing that is wrong with them; it is taken as it stands, which the checksum then
 * confirms or not. */
static jd_str unescape(jd_str s, jd_arena *a, int *odd) {
    *odd = mark_in(s) ? MARK_INSIDE : ESCAPES_RIGHT;
    if (!s.n || !memchr(s.p, ESCAPE, s.n)) return s;
    char *to = jd_arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;
        if (c == ESCAPE && (next == 1 || next == 2)) {
            c = (char)(next == 1 ? ESCAPE : MARK);
            i++;
        } else if (c == ESCAPE && *odd == ESCAPES_RIGHT) {
            *odd = i + 1 < s.n ? (unsigned char)next : ESCAPE_AT_END;
        }
        to[n++] = c;
    }
    return (jd_str){to, n};
}

static int bad_escape(jd_err *err, int odd) {
    if (odd == ESCAPE_AT_END)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "escape at end: a 7d before the closing mark is not escaped",
                       "转义不完整：结束标识之前的 7d 未转义");
    if (odd == MARK_INSIDE)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "7e inside the frame: it is not escaped", "帧内的 7e 未转义");
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "bad escape: 7d %02x", "非法转义：7d %02x", (unsigned)odd);
}

static void forgiven_escape(jd_frame *f, jd_arena *a, int odd) {
    if (odd == ESCAPE_AT_END)
        jd_frame_fault(f, a, "the checksum 7d is not escaped", "校验码 7d 未转义");
    else
        jd_frame_fault(f, a, "a %s in the frame is not escaped", "帧内的 %s 未转义", odd == MARK_INSIDE ? "7e" : "7d");
}

/* ---- header ---- */

typedef struct head {
    unsigned id, len, encrypt, serial, parts, part;
    int split, bit14, late; /* late: the header of 2019 */
    size_t size;
} head;

/* Some terminals of 2013 set the bit of 2019 and keep their header: the length tells, and where it fits neither, what
 * the peer was before. */
static int is_late(const jd_peer *peer, const head *h, size_t n) {
    size_t rest = h->len + (h->split ? SPLIT : 0u) + 1;
    if (!h->bit14 || n == HEAD_2013 + rest || n <= HEAD_2019) return h->bit14 && n == HEAD_2019 + rest;
    return n == HEAD_2019 + rest || !peer->edition || peer->edition == 2019;
}

/* raw: with the checksum. 0; -1: too short. */
static int read_head(const jd_peer *peer, jd_str raw, head *h) {
    if (raw.n < HEAD_2013 + 1) return -1;
    unsigned properties = jd_be16(raw.p + 2);
    h->id = jd_be16(raw.p);
    h->len = properties & 0x3ff;
    h->encrypt = properties >> 10 & 7;
    h->split = properties >> 13 & 1;
    h->bit14 = properties >> 14 & 1;
    h->late = is_late(peer, h, raw.n);
    h->size = h->late ? HEAD_2019 : HEAD_2013;
    h->serial = jd_be16(raw.p + h->size - 2);
    if (!h->split) return 0;
    if (raw.n < h->size + SPLIT + 1) return -1;
    h->parts = jd_be16(raw.p + h->size);
    h->part = jd_be16(raw.p + h->size + 2);
    h->size += SPLIT;
    return 0;
}

static jd_str as_hex(jd_arena *a, jd_str raw) {
    jd_jval v = jd_jhex(a, raw);
    return jd_jstr(&v);
}

static void start(jt808_reader *r, jd_str raw, const head *h) {
    size_t phone_at = h->late ? 5 : 4;
    r->own = JD_NEW(r->a, jt808_own);
    r->own->id = (uint16_t)h->id;
    r->own->serial = (uint16_t)h->serial;
    r->own->edition = h->late ? 2019 : 2013;
    r->own->version = h->late ? (unsigned char)raw.p[4] : 0;
    r->own->phone = (jd_str){raw.p + phone_at, h->late ? 10 : 6};
    r->id = as_hex(r->a, (jd_str){raw.p, 2});
    r->phone = as_hex(r->a, r->own->phone);
    r->rows = jd_list_new(r->a);
    r->out->kind = r->id;
    r->out->device = r->phone;
    r->out->own = r->own;
}

enum { VERSION_AT = 1 }; /* where "version" stands in fields */

static void put_head(jt808_reader *r, const head *h, jd_fields *f) {
    jd_put_str(f, "msg_id", r->id);
    jd_put_int(f, "version", r->own->edition);
    jd_put_int(f, "body_len", h->len);
    if (h->encrypt) jd_put_int(f, "encrypt", h->encrypt);
    if (h->late) jd_put_int(f, "protocol_version", r->own->version);
    jd_put_str(f, "phone", r->phone);
    jd_put_int(f, "serial", h->serial);
    if (!h->split) return;
    jd_fields part = jd_fields_new(r->a);
    jd_put_int(&part, "total", h->parts);
    jd_put_int(&part, "index", h->part);
    jd_put(f, "fragment", jd_fields_end(&part));
}

static int check_phone(jt808_reader *r) {
    size_t zeros = 0;
    for (size_t i = 0; i < r->phone.n; i++) {
        if (r->phone.p[i] > '9')
            return jd_frame_lapse(r->set, r->out, r->a, r->err, "the phone number %.*s is not all digits",
                                  "终端手机号 %.*s 不全是数字", JD_STR_ARG(r->phone));
        zeros += r->phone.p[i] == '0';
    }
    if (zeros == r->phone.n) jd_frame_fault(r->out, r->a, "the phone number is all zeros", "终端手机号全为 0");
    return 0;
}

/* Lapses of the header that leave the frame readable. 0; -1: refused. */
static int check_head(jt808_reader *r, const head *h, size_t body) {
    if (body != h->len && jd_frame_lapse(r->set, r->out, r->a, r->err, "body is %zu bytes, header says %u",
                                         "消息体 %zu 字节，消息头声明 %u 字节", body, h->len))
        return -1;
    if (h->bit14 && !h->late &&
        jd_frame_lapse(r->set, r->out, r->a, r->err, "bit 14 says 2019, the header is that of 2013",
                       "第 14 位标为 2019 版，消息头却为 2013 版"))
        return -1;
    return check_phone(r);
}

/* ---- one frame ---- */

/* A part of a longer message: it is joined elsewhere. 0: it is; 1: it is whole after all; -1: refused. */
static int take_part(jt808_reader *r, const head *h, jd_str body, jd_fields *f) {
    int odd = !h->part || h->part > h->parts;
    if (odd &&
        jd_frame_lapse(r->set, r->out, r->a, r->err, "part %u of %u", "分包序号 %u、总数 %u 有误", h->part, h->parts))
        return -1;
    if (h->parts <= 1) return 1;
    if (odd) {
        jd_fields rest = jd_fields_new(r->a);
        jd_put_hex(&rest, "body_hex", body);
        jd_put(f, "body", jd_fields_end(&rest));
        return 0;
    }
    r->out->part = h->part;
    r->out->parts = h->parts;
    r->out->payload = body;
    r->out->part_key = jd_arena_printf(r->a, "%.*s-%.*s-%u", JD_STR_ARG(r->phone), JD_STR_ARG(r->id),
                                       (h->serial - h->part + 1) & 0xffff);
    return 0;
}

static int refuse(jt808_reader *r, unsigned char result) {
    r->own->result = result;
    return -1;
}

static int read_rest(jt808_reader *r, const head *h, jd_str body, jd_fields *f) {
    if (check_head(r, h, body.n)) return refuse(r, 2);
    if (h->encrypt) {
        jd_fail(r->err, JD_E_NOT_SUPPORTED, "the body is encrypted (method %u%s): no key is held for it",
                "消息体已加密（方式 %u%s），没有密钥", h->encrypt, h->encrypt == 1 ? " RSA" : "");
        return refuse(r, 3);
    }
    if (h->split) {
        int rc = take_part(r, h, body, f);
        if (rc <= 0) return rc ? refuse(r, 2) : 0;
    }
    int rc = jt808__body(r, body, f);
    if (!r->set->rows_only)
        f->m[VERSION_AT].val = jd_jint(r->own->edition); /* a registration may tell that it is 2011 */
    return rc;
}

/* A frame whose check fails is shown, but nothing of it is believed: no device, edition or rows, and no answer. */
static void disbelieve(jd_frame *f) {
    *f = (jd_frame){.bytes = f->bytes, .kind = f->kind, .fields = f->fields, .answers = -1};
}

/* Is the frame what was sent? 0; -1: refused. */
static int check_sum(jt808_reader *r, jd_str raw, int odd, int fits) {
    unsigned says = (unsigned char)raw.p[raw.n - 1], is = jd_xor8((jd_str){raw.p, raw.n - 1});
    int believed = odd == ESCAPES_RIGHT || (r->set->field && says == is && (odd == ESCAPE_AT_END || fits));
    if (!believed) return bad_escape(r->err, odd);
    if (says != is)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "checksum is %02x, computed %02x", "校验码为 %02x，计算值为 %02x",
                       says, is);
    if (odd != ESCAPES_RIGHT) forgiven_escape(r->out, r->a, odd);
    return 0;
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    jt808_reader r = {.set = set, .a = a, .out = out, .err = err};
    jd_str raw;
    head h = {0};
    int odd, opened;
    out->answers = -1;
    if (between_marks(bytes, &raw, &opened, err)) return -1;
    if (!opened && jd_frame_lapse(set, out, a, err, "no opening 7e", "缺少起始标识 7e")) return -1;
    raw = unescape(raw, a, &odd);
    if (read_head(peer, raw, &h)) {
        if (odd != ESCAPES_RIGHT) return bad_escape(err, odd);
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "%zu bytes: shorter than a header", "%zu 字节，短于消息头", raw.n);
    }
    start(&r, raw, &h);
    jd_fields f = jd_fields_new(a);
    if (!set->rows_only) put_head(&r, &h, &f);
    jd_str body = {raw.p + h.size, raw.n - h.size - 1};
    jd_err unheard; /* whatever else is wrong with a frame whose check fails */
    int bad = check_sum(&r, raw, odd, body.n == h.len);
    if (bad) r.err = &unheard;
    int rc = read_rest(&r, &h, body, &f);
    out->fields = jd_fields_end(&f);
    out->edition = r.own->edition;
    if (bad) disbelieve(out);
    return bad ? -1 : rc;
}

static int decode_joined(const jd_link_set *set, jd_str payload, jd_arena *a, jd_frame *last, jd_err *err) {
    const jt808_own *was = last->own;
    jt808_own *own = JD_NEW(a, jt808_own);
    jt808_reader r = {.set = set, .a = a, .out = last, .err = err, .own = own, .rows = jd_list_new(a)};
    if (!was) return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no part of a split message", "不是分包消息");
    *own = *was;
    own->joined = 1;
    last->own = own;
    r.id = last->kind;
    r.phone = last->device;
    jd_fields f = jd_fields_new(a);
    for (uint32_t i = 0; i < last->fields.n; i++)
        jd_put_named(&f, last->fields.members[i].name, last->fields.members[i].val);
    int rc = jt808__body(&r, payload, &f);
    last->fields = jd_fields_end(&f);
    return rc;
}

/* ---- answers ---- */

/* Does the platform answer it with 8001? All that a terminal says by itself, but not its answers 0001; of JT/T 1078 and
 * active safety what is no answer to a query. */
static int wants_answer(unsigned id) {
    if (id < 0x1000) return id != 0x0001;
    return id == 0x1005 || id == 0x1206 || id == 0x1210 || id == 0x1211 || id == 0x1212 ||
           (id >= 0xe000 && id < 0xf000);
}

static void answer(const jt808_own *own, unsigned char result, jd_peer *peer, jd_buf *out) {
    char body[5] = {(char)(own->serial >> 8), (char)own->serial, (char)(own->id >> 8), (char)own->id, (char)result};
    jt808__frame(out, own, 0x8001, peer->serial++, (jd_str){body, sizeof body});
}

static void answer_register(const jt808_own *own, int kept, jd_peer *peer, jd_buf *out) {
    char digits[20], body[3 + 13] = {(char)(own->serial >> 8), (char)own->serial, kept ? 0 : 4};
    for (size_t i = 0; i < own->phone.n; i++) {
        digits[2 * i] = "0123456789abcdef"[(unsigned char)own->phone.p[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[own->phone.p[i] & 15];
    }
    jt808__auth_code((jd_str){digits, own->phone.n * 2}, body + 3);
    jt808__frame(out, own, 0x8100, peer->serial++, (jd_str){body, kept ? 15 : 3});
}

/* 8004 (2019) tells the time of UTC, unlike all other times. */
static void answer_time(const jt808_own *own, jd_time now, jd_peer *peer, jd_buf *out) {
    jd_clock8 c = jd_clock8_of(now - 8 * 3600 * (jd_time)1000000);
    const int v[6] = {c.year % 100, c.month, c.day, c.hour, c.minute, c.second};
    char body[6];
    for (int i = 0; i < 6; i++) body[i] = (char)(v[i] / 10 << 4 | v[i] % 10);
    jt808__frame(out, own, 0x8004, peer->serial++, (jd_str){body, sizeof body});
}

/* 8800: all has come, so that nothing follows the number. */
static void answer_media(const jt808_own *own, jd_peer *peer, jd_buf *out) {
    char body[4];
    for (int i = 0; i < 4; i++) body[i] = (char)(unsigned char)(own->media_id >> (24 - 8 * i));
    jt808__frame(out, own, 0x8800, peer->serial++, (jd_str){body, sizeof body});
}

/* 9212: the file is complete and nothing of it must be sent again. */
static void answer_file(const jt808_own *own, jd_peer *peer, jd_buf *out) {
    char body[1 + 255 + 3] = {(char)(unsigned char)own->file.n};
    memcpy(body + 1, own->file.p, own->file.n);
    body[1 + own->file.n] = (char)own->file_type;
    jt808__frame(out, own, 0x9212, peer->serial++, (jd_str){body, own->file.n + 4});
}

static const void *keep(const jd_frame *f, jd_arena *a) {
    const jt808_own *own = f->own;
    if (!own) return NULL;
    jt808_own *kept = jd_arena_alloc(a, sizeof *kept);
    *kept = *own;
    kept->phone = jd_arena_dup(a, own->phone);
    if (own->file.p) kept->file = jd_arena_dup(a, own->file);
    return kept;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    (void)set;
    const jt808_own *own = f->own;
    if (!own || outcome == JD_OUT_BUSY || !wants_answer(own->id)) return;
    int kept = outcome == JD_OUT_KEPT && !own->result;
    if (own->id == 0x0100 && !own->result) {
        answer_register(own, kept, peer, out);
    } else if (own->id == 0x0004 && kept) {
        answer_time(own, now, peer, out);
    } else if (own->id == 0x1212 && kept && own->file.p) {
        answer_file(own, peer, out);
    } else if (own->media && kept) {
        if (own->joined) answer(own, 0, peer, out); /* its last part, as the others had theirs */
        answer_media(own, peer, out);
    } else {
        answer(own, own->result ? own->result : !kept, peer, out);
    }
}

/* An authentication is nothing else: all up to the check, from where the shorter header ends (a longer one may be
 * mistaken). The opening mark may be that of the frame before. */
static void conceal(char *p, size_t n) {
    size_t at = n && p[0] == MARK;
    if (n < at + 2 || p[at] != 0x01 || p[at + 1] != 0x02) return;
    for (size_t i = at + HEAD_2013; i + 2 < n; i++) p[i] = '*';
}

const jd_protocol jd_jt808 = {
    .name = "jt808",
    .en = "JT/T 808 (2011, 2013, 2019) vehicle terminals",
    .zh = "JT/T 808（2011、2013、2019）道路运输车辆终端",
    .frame_max = FRAME_MOST,
    .find = find,
    .decode = decode,
    .decode_joined = decode_joined,
    .keep = keep,
    .reply = reply,
    .conceal = conceal,
    .encode = jt808__encode,
};
