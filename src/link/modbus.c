/* link/modbus.c - Modbus: Application Protocol V1.1b3 (functions: clause 6, exceptions: clause 7), Messaging on TCP/IP
 * V1.0b (MBAP header: 3.1.3) and, with set->rtu, Modbus over Serial Line V1.02 (RTU framing: 2.5.1, CRC: 6.2.2).
 *
 * We are the master: what arrives answers us. Captures hold requests too; they are told apart by their sizes, and where
 * both fit it is read as an answer. The PDU of each frame is its `payload` (link/points.h makes values of it).
 * TCP: a frame names the transaction that it answers. RTU names none and allows one at a time: a frame answers the
 * message before peer->serial. */
#include "link/points.h"
#include "link/protocol.h"

enum {
    MBAP = 7,      /* transaction 2, protocol 2, length 2, unit 1 */
    TCP_MAX = 260, /* MBAP and a PDU of 253 */
    RTU_MAX = 256, /* unit, a PDU of 253, CRC */
    REGISTERS_READ = 125,
    REGISTERS_WRITTEN = 123,
    REGISTERS_EXCHANGED = 121, /* written by function 23 */
    BITS_READ = 2000,
    BITS_WRITTEN = 1968
};

static unsigned byte(jd_str s, size_t at) {
    return (unsigned char)s.p[at];
}

static jd_str from(jd_str s, size_t at) {
    return (jd_str){s.p + at, s.n - at};
}

/* ---- sizes ---- */

typedef struct extent { /* bytes of a PDU: size, and as many as the count of `width` bytes at `at` says */
    uint8_t size, at, width;
} extent;

typedef struct shape {
    uint8_t function, open; /* open: the bytes do not say where it ends */
    extent request, answer;
} shape;

static const shape shapes[] = {
    {1, 0, {5, 0, 0}, {2, 1, 1}},  {2, 0, {5, 0, 0}, {2, 1, 1}},   {3, 0, {5, 0, 0}, {2, 1, 1}},
    {4, 0, {5, 0, 0}, {2, 1, 1}},  {5, 0, {5, 0, 0}, {5, 0, 0}},   {6, 0, {5, 0, 0}, {5, 0, 0}},
    {7, 0, {1, 0, 0}, {2, 0, 0}},  {8, 1, {0, 0, 0}, {0, 0, 0}},   {11, 0, {1, 0, 0}, {5, 0, 0}},
    {12, 0, {1, 0, 0}, {2, 1, 1}}, {15, 0, {6, 5, 1}, {5, 0, 0}},  {16, 0, {6, 5, 1}, {5, 0, 0}},
    {17, 0, {1, 0, 0}, {2, 1, 1}}, {20, 0, {2, 1, 1}, {2, 1, 1}},  {21, 0, {2, 1, 1}, {2, 1, 1}},
    {22, 0, {7, 0, 0}, {7, 0, 0}}, {23, 0, {10, 9, 1}, {2, 1, 1}}, {24, 0, {3, 0, 0}, {3, 1, 2}},
};

static const shape *shape_of(unsigned function) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].function == function) return shapes[i].open ? NULL : &shapes[i];
    return NULL;
}

/* Of a PDU of which s is the beginning; 0: more must be seen. */
static size_t extent_of(extent e, jd_str s) {
    if (!e.width) return e.size;
    if (s.n < (size_t)e.at + e.width) return 0;
    return e.size + (e.width == 1 ? byte(s, e.at) : jd_be16(s.p + e.at));
}

static int fits(extent e, jd_str pdu) {
    return extent_of(e, pdu) == pdu.n;
}

/* Do the PDU's own bytes say that it ends where it does? */
static int is_whole(jd_str pdu) {
    if (!pdu.n) return 0;
    if (byte(pdu, 0) & 0x80) return pdu.n == 2;
    const shape *s = shape_of(byte(pdu, 0));
    return s && (fits(s->answer, pdu) || fits(s->request, pdu));
}

/* ---- where a frame ends: TCP ---- */

/* Can these bytes, as far as they are there, begin a frame? */
static int tcp_begins(jd_str s) {
    static const unsigned char most[] = {0xff, 0xff, 0, 0, 0, 254};
    for (size_t i = 2; i < sizeof most && i < s.n; i++)
        if (byte(s, i) > most[i]) return 0;
    return s.n < 6 || byte(s, 5) >= 2;
}

/* 0: more must be seen. An exception has nine bytes; there are devices whose length is one off just then. */
static size_t tcp_size(jd_str s) {
    if (s.n < 8) return 0;
    unsigned length = jd_be16(s.p + 4);
    int exception = (byte(s, MBAP) & 0x80) && length <= 4;
    return exception ? 9 : 6 + length;
}

static void find_tcp(jd_str bytes, jd_found *out) {
    size_t i = 0;
    while (i < bytes.n && !tcp_begins(from(bytes, i))) i++;
    size_t n = tcp_size(from(bytes, i));
    out->skip = i;
    out->junk = i > 0;
    out->n = n <= bytes.n - i ? n : 0;
}

/* ---- where a frame ends: RTU ---- */

static int crc_holds(jd_str s) {
    return jd_crc16_modbus((jd_str){s.p, s.n - 2}) == (byte(s, s.n - 2) | byte(s, s.n - 1) << 8);
}

typedef struct look {
    enum { NO, MORE, WHOLE } state;
    size_t n;      /* of the whole frame */
    size_t bad[2]; /* sizes at which one ends whose CRC is wrong */
} look;

/* A function whose end its bytes do not show: the first place where the CRC comes out. A CRC over a message and its
 * own CRC is 0. */
static void look_open(jd_str s, look *l) {
    unsigned crc = 0xffff;
    for (size_t i = 0; i < s.n && i < RTU_MAX; i++) {
        crc ^= byte(s, i);
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
        if (crc || i < 3) continue;
        l->state = WHOLE;
        l->n = i + 1;
        return;
    }
    if (s.n < RTU_MAX) l->state = MORE;
}

static void look_at(jd_str s, size_t pdu, size_t which, look *l) {
    if (l->state == WHOLE || pdu > RTU_MAX - 3) return;
    if (!pdu || pdu + 3 > s.n) {
        l->state = MORE;
    } else if (crc_holds((jd_str){s.p, pdu + 3})) {
        l->state = WHOLE;
        l->n = pdu + 3;
    } else {
        l->bad[which] = pdu + 3;
    }
}

/* open: also look for functions whose end only a CRC shows. */
static look rtu_look(jd_str s, int open) {
    look l = {.state = NO};
    if (s.n < 2) {
        l.state = MORE;
        return l;
    }
    unsigned function = byte(s, 1);
    const shape *known = shape_of(function);
    if (function & 0x80) {
        look_at(s, 2, 0, &l);
    } else if (known) {
        look_at(s, extent_of(known->answer, from(s, 1)), 0, &l);
        look_at(s, extent_of(known->request, from(s, 1)), 1, &l);
    } else if (function && open) {
        look_open(s, &l);
    }
    return l;
}

/* Only the CRC shows where a frame is. What may still grow into one is waited for, unless a whole frame ends just where
 * the bytes end: then that one came after a broken one. A broken frame that fills the bytes before the next (or all
 * bytes) is handed on, so that decode says what is wrong with it. A function of unknown length is only believed at the
 * very beginning: with so many ends to try, chance would find one in every fifth broken frame. */
static void find_rtu(jd_str bytes, jd_found *out) {
    size_t wait = bytes.n, i = 0, n = 0;
    look first = {.state = NO};
    for (; i < bytes.n && !n; i++) {
        look l = rtu_look(from(bytes, i), i == 0);
        if (!i) first = l;
        if (l.state == WHOLE && (wait == bytes.n || i + l.n == bytes.n)) n = l.n;
        if (l.state == MORE && wait == bytes.n) wait = i;
    }
    size_t gap = n ? i - 1 : bytes.n;
    if (first.state == NO && gap && (first.bad[0] == gap || first.bad[1] == gap)) {
        *out = (jd_found){.n = gap};
        return;
    }
    out->skip = n ? gap : wait;
    out->junk = out->skip > 0;
    out->n = n;
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    if (set->rtu)
        find_rtu(bytes, out);
    else
        find_tcp(bytes, out);
}

/* ---- what stands in a PDU ---- */

const char *jd_modbus_reason(unsigned code, int zh) {
    static const char *const reasons[][2] = {
        [1] = {"illegal function", "非法功能码"},
        [2] = {"illegal data address", "非法数据地址"},
        [3] = {"illegal data value", "非法数据值"},
        [4] = {"server device failure", "从站设备故障"},
        [5] = {"acknowledged, still at work", "已确认，处理中"},
        [6] = {"server device busy", "从站设备忙"},
        [7] = {"negative acknowledge", "否定确认"},
        [8] = {"memory parity error", "存储奇偶校验错误"},
        [10] = {"gateway path unavailable", "网关路径不可用"},
        [11] = {"gateway target did not answer", "网关目标设备未响应"},
    };
    const char *known = code < sizeof reasons / sizeof *reasons ? reasons[code][!!zh] : NULL;
    return known ? known : zh ? "标准未定义的异常码" : "a code that the standard does not have";
}

typedef struct reading {
    const jd_link_set *set;
    jd_arena *a;
    jd_frame *f;
    jd_fields fields;
    jd_err *err;
    jd_str pdu;
    int request; /* a master's, as far as sizes tell */
} reading;

#define LAPSE(r, en, zh, ...) jd_frame_lapse((r)->set, (r)->f, (r)->a, (r)->err, en, zh __VA_OPT__(, ) __VA_ARGS__)

static unsigned word(const reading *r, size_t at) {
    return jd_be16(r->pdu.p + at);
}

static void put_registers(reading *r, const char *name, jd_str words) {
    jd_list list = jd_list_new(r->a);
    for (size_t i = 0; i + 1 < words.n; i += 2) jd_list_add(&list, jd_jint(jd_be16(words.p + i)));
    jd_put(&r->fields, name, jd_list_end(&list));
}

static void put_bits(reading *r, jd_str bytes, size_t count) {
    jd_list list = jd_list_new(r->a);
    for (size_t i = 0; i < count && i < bytes.n * 8; i++)
        jd_list_add(&list, jd_jmake_bool(byte(bytes, i / 8) >> i % 8 & 1));
    jd_put(&r->fields, "bits", jd_list_end(&list));
}

/* start and count; most: of what one message may carry */
static int put_span(reading *r, jd_fields *to, size_t at, unsigned most) {
    unsigned start = word(r, at), count = word(r, at + 2);
    jd_put_int(to, "start", start);
    jd_put_int(to, "count", count);
    if (count < 1 || count > most) return LAPSE(r, "count %u: it is 1 to %u", "数量 %u：应为 1 至 %u", count, most);
    if (start + count > 65536)
        return LAPSE(r, "start %u and count %u go beyond 65535", "起始 %u 加数量 %u 超出 65535", start, count);
    return 0;
}

static int put_rest(reading *r, size_t at, const char *name) {
    if (r->pdu.n > at) jd_put_hex(&r->fields, name, from(r->pdu, at));
    return 0;
}

/* The message is shorter or longer than its function wants: refused, or all of it is kept as hex. */
static int put_misfit(reading *r) {
    if (LAPSE(r, "function 0x%02x: %zu bytes of data do not fit its layout", "功能码 0x%02x：%zu 字节数据与其格式不符",
              byte(r->pdu, 0), r->pdu.n - 1))
        return -1;
    return put_rest(r, 1, "data");
}

/* 01..04, 23: byte count and data; the count may be wrong, the bytes stand as they stand. */
static int put_data(reading *r) {
    unsigned function = byte(r->pdu, 0);
    if (r->pdu.n < 3) return put_misfit(r);
    jd_str data = from(r->pdu, 2);
    if (data.n != byte(r->pdu, 1) &&
        LAPSE(r, "the byte count is %u, %zu bytes follow", "字节数为 %u，实际有 %zu 字节", byte(r->pdu, 1), data.n))
        return -1;
    if (function <= 2) {
        put_bits(r, data, data.n * 8);
        return 0;
    }
    if (data.n % 2 && LAPSE(r, "%zu bytes of data are no whole registers", "%zu 字节数据不是完整的寄存器", data.n))
        return -1;
    put_registers(r, "registers", data);
    if (data.n % 2) put_rest(r, r->pdu.n - 1, "rest");
    return 0;
}

/* An answer of three bytes of bits has the size of a request: what it would ask for is told too, if it may. */
static void put_other_reading(reading *r) {
    unsigned start = word(r, 1), count = word(r, 3);
    if (count < 1 || count > BITS_READ || start + count > 65536) return;
    jd_fields asked = jd_fields_new(r->a);
    jd_put_int(&asked, "start", start);
    jd_put_int(&asked, "count", count);
    jd_put(&r->fields, "or_request", jd_fields_end(&asked));
}

static int put_read(reading *r) {
    unsigned function = byte(r->pdu, 0);
    if (r->request) return put_span(r, &r->fields, 1, function <= 2 ? BITS_READ : REGISTERS_READ);
    if (put_data(r)) return -1;
    if (function <= 2 && r->pdu.n == 5 && byte(r->pdu, 1) == 3) put_other_reading(r);
    return 0;
}

static int put_write_one(reading *r) {
    if (r->pdu.n != 5) return put_misfit(r);
    unsigned value = word(r, 3);
    if (byte(r->pdu, 0) == 6) {
        jd_put_int(&r->fields, "register", word(r, 1));
        jd_put_int(&r->fields, "value", value);
        return 0;
    }
    jd_put_int(&r->fields, "coil", word(r, 1));
    if (value == 0xff00 || value == 0) {
        jd_put_bool(&r->fields, "value", value != 0);
        return 0;
    }
    put_rest(r, 3, "value_hex");
    return LAPSE(r, "a coil is written as ff00 or 0000, not %04x", "线圈值应为 ff00 或 0000，而非 %04x", value);
}

static int put_write_many(reading *r) {
    int bits = byte(r->pdu, 0) == 15;
    unsigned most = bits ? BITS_WRITTEN : REGISTERS_WRITTEN;
    if (!r->request && r->pdu.n != 5) return put_misfit(r);
    if (put_span(r, &r->fields, 1, most)) return -1;
    if (!r->request) return 0;
    unsigned count = word(r, 3), bytes = bits ? (count + 7) / 8 : count * 2;
    if (byte(r->pdu, 5) != bytes &&
        LAPSE(r, "%u values come in %u bytes, not %u", "%u 个值应占 %u 字节，而非 %u", count, bytes, byte(r->pdu, 5)))
        return -1;
    if (bits)
        put_bits(r, from(r->pdu, 6), count);
    else
        put_registers(r, "registers", from(r->pdu, 6));
    return 0;
}

/* 23: one request both writes and reads; the answer has what was read. */
static int put_read_write(reading *r) {
    if (!r->request) return put_data(r);
    jd_fields written = jd_fields_new(r->a);
    if (put_span(r, &r->fields, 1, REGISTERS_READ) || put_span(r, &written, 5, REGISTERS_EXCHANGED)) return -1;
    jd_put(&r->fields, "write", jd_fields_end(&written));
    if (word(r, 7) * 2 != byte(r->pdu, 9) &&
        LAPSE(r, "%u registers come in %u bytes, not %u", "%u 个寄存器应占 %u 字节，而非 %u", word(r, 7),
              word(r, 7) * 2, byte(r->pdu, 9)))
        return -1;
    put_registers(r, "registers", from(r->pdu, 10));
    return 0;
}

static int put_mask(reading *r) {
    if (r->pdu.n != 7) return put_misfit(r);
    jd_put_int(&r->fields, "register", word(r, 1));
    jd_put_int(&r->fields, "and", word(r, 3));
    jd_put_int(&r->fields, "or", word(r, 5));
    return 0;
}

static int put_fifo(reading *r) {
    if (r->request) {
        jd_put_int(&r->fields, "start", word(r, 1));
        return 0;
    }
    if (r->pdu.n < 5 || word(r, 1) != r->pdu.n - 3 || word(r, 3) * 2 != r->pdu.n - 5) return put_misfit(r);
    jd_put_int(&r->fields, "count", word(r, 3));
    put_registers(r, "registers", from(r->pdu, 5));
    return 0;
}

/* 43/14, device identification: objects of id, length and text, behind six bytes that say how they go on. */
static int put_identity(reading *r) {
    static const char *const names[] = {"vendor_name",  "product_code", "revision",        "vendor_url",
                                        "product_name", "model_name",   "application_name"};
    jd_put_int(&r->fields, "mei", 14);
    jd_list list = jd_list_new(r->a);
    size_t at = 7;
    while (r->pdu.n - at >= 2 && r->pdu.n - at - 2 >= byte(r->pdu, at + 1)) {
        unsigned id = byte(r->pdu, at), n = byte(r->pdu, at + 1);
        jd_fields object = jd_fields_new(r->a);
        jd_put_int(&object, "id", id);
        if (id < sizeof names / sizeof *names) jd_put_z(&object, "name", names[id]);
        jd_put_gbk(&object, "text", (jd_str){r->pdu.p + at + 2, n});
        jd_list_add(&list, jd_fields_end(&object));
        at += 2 + n;
    }
    jd_put(&r->fields, "objects", jd_list_end(&list));
    put_rest(r, at, "rest");
    if (at < r->pdu.n) return LAPSE(r, "%zu bytes at the end are no object", "末尾 %zu 字节不构成对象", r->pdu.n - at);
    if (list.n != byte(r->pdu, 6))
        return LAPSE(r, "%u objects are said to come, %u do", "应有 %u 个对象，实际 %u 个", byte(r->pdu, 6), list.n);
    return 0;
}

static int put_other(reading *r) {
    unsigned function = byte(r->pdu, 0);
    const shape *s = shape_of(function);
    if (function == 43 && r->pdu.n >= 7 && byte(r->pdu, 1) == 14) return put_identity(r);
    if (s && !r->request && !fits(s->answer, r->pdu)) return put_misfit(r);
    if (function == 7 && !r->request) jd_put_int(&r->fields, "status", byte(r->pdu, 1));
    if (function == 11 && !r->request) {
        jd_put_int(&r->fields, "status", word(r, 1));
        jd_put_int(&r->fields, "events", word(r, 3));
    }
    return put_rest(r, 1, "data");
}

static int put_exception(reading *r) {
    if (r->pdu.n < 2)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "an exception without its code", "异常响应缺少异常码");
    jd_put_int(&r->fields, "code", byte(r->pdu, 1));
    jd_put_z(&r->fields, "reason", jd_modbus_reason(byte(r->pdu, 1), 0));
    put_rest(r, 2, "rest");
    if (r->pdu.n > 2)
        return LAPSE(r, "an exception has one byte, not %zu", "异常响应应有 1 字节，实际 %zu 字节", r->pdu.n - 1);
    return 0;
}

/* A request, as far as the size tells? An answer is believed first, but 3 bytes are no registers and a queue's answer
 * has more than its request. 20: in a request the first byte behind the count is reference type 6. */
static int is_request(jd_str pdu) {
    const shape *s = shape_of(byte(pdu, 0));
    unsigned function = byte(pdu, 0);
    if (function == 43) return pdu.n == 4 && byte(pdu, 1) == 14;
    if (!s || !fits(s->request, pdu)) return 0;
    if (function == 3 || function == 4) return 1;
    if (function == 20) return pdu.n > 2 && byte(pdu, 2) == 6;
    return function == 24 || !fits(s->answer, pdu);
}

static int put_pdu(reading *r) {
    unsigned function = byte(r->pdu, 0);
    int exception = (function & 0x80) != 0;
    jd_put_int(&r->fields, "func", function & 0x7f);
    jd_put_bool(&r->fields, "exception", exception);
    jd_put_hex(&r->fields, "pdu", r->pdu);
    r->f->kind = jd_arena_printf(r->a, "%02x", function & 0x7f);
    r->f->payload = r->pdu;
    if (!(function & 0x7f)) return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "function code 0", "功能码为 0");
    if (exception) return put_exception(r);
    r->request = is_request(r->pdu);
    switch (function) {
    case 1:
    case 2:
    case 3:
    case 4: return put_read(r);
    case 5:
    case 6: return put_write_one(r);
    case 15:
    case 16: return put_write_many(r);
    case 22: return put_mask(r);
    case 23: return put_read_write(r);
    case 24: return put_fifo(r);
    default: return put_other(r);
    }
}

/* ---- frames ---- */

static int put_tcp(reading *r, jd_str bytes) {
    if (bytes.n < MBAP + 1)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "%zu bytes: a frame has at least 8", "%zu 字节：一帧至少 8 字节",
                       bytes.n);
    unsigned pid = jd_be16(bytes.p + 2), length = jd_be16(bytes.p + 4);
    jd_put_int(&r->fields, "tid", jd_be16(bytes.p));
    jd_put_int(&r->fields, "pid", pid);
    jd_put_int(&r->fields, "len", length);
    jd_put_int(&r->fields, "unit", byte(bytes, 6));
    if (pid)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "protocol identifier %u: Modbus has 0",
                       "协议标识为 %u，Modbus 应为 0", pid);
    r->pdu = from(bytes, MBAP);
    size_t follow = bytes.n - 6;
    if (length == follow && bytes.n <= TCP_MAX) return 0;
    /* The length is all that a frame of TCP has for a check. One that is wrong by one is believed where the message
     * itself shows its end. */
    int by_one = length + 1 == follow || length == follow + 1;
    if (bytes.n > TCP_MAX || !by_one || !is_whole(r->pdu))
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "the length is %u, %zu bytes follow",
                       "长度为 %u，实际有 %zu 字节", length, follow);
    return LAPSE(r, "the length is %u, %zu bytes follow", "长度为 %u，实际有 %zu 字节", length, follow);
}

static int put_rtu(reading *r, jd_str bytes) {
    if (bytes.n < 4 || bytes.n > RTU_MAX)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "%zu bytes: a frame has 4 to 256",
                       "%zu 字节：一帧为 4 至 256 字节", bytes.n);
    unsigned has = byte(bytes, bytes.n - 2) | byte(bytes, bytes.n - 1) << 8;
    unsigned is = jd_crc16_modbus((jd_str){bytes.p, bytes.n - 2});
    jd_put_int(&r->fields, "unit", byte(bytes, 0));
    r->pdu = (jd_str){bytes.p + 1, bytes.n - 3};
    if (has != is)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "the CRC is %04x, computed %04x", "CRC 为 %04x，计算值 %04x", has,
                       is);
    return 0;
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    reading r = {.set = set, .a = a, .f = out, .fields = jd_fields_new(a), .err = err};
    out->answers = -1;
    int rc = set->rtu ? put_rtu(&r, bytes) : put_tcp(&r, bytes);
    if (!rc) {
        out->device = jd_arena_printf(a, "%u", byte(bytes, set->rtu ? 0 : 6));
        rc = put_pdu(&r);
    }
    out->fields = jd_fields_end(&r.fields);
    if (rc || r.request) return rc;
    out->answers = set->rtu ? (uint16_t)(peer->serial - 1) : (int64_t)jd_be16(bytes.p);
    out->answer_ok = !(byte(r.pdu, 0) & 0x80);
    return 0;
}

/* ---- commands ---- */

#define REFUSE(err, place, en, zh, ...) \
    (jd_fail(err, JD_E_BAD_REQUEST_DATA, en, zh __VA_OPT__(, ) __VA_ARGS__), jd_fail_at(err, "%s", place))

/* A whole number, exactly. */
static int whole(const jd_jval *v, unsigned least, unsigned most, const char *place, unsigned *out, jd_err *err) {
    double d = v && jd_jis_num(v) ? jd_jnum(v) : -1;
    if (d >= least && d <= most && d == (double)(unsigned)d) {
        *out = (unsigned)d;
        return 0;
    }
    return REFUSE(err, place, "a whole number from %u to %u is wanted", "应为 %u 至 %u 的整数", least, most);
}

static int member(const jd_jval *c, const char *name, unsigned least, unsigned most, unsigned *out, jd_err *err) {
    return whole(jd_jget(c, name), least, most, name, out, err);
}

static int known_members(const jd_jval *c, jd_err *err) {
    static const char *const names[] = {"command", "unit",  "function", "start", "count", "register",
                                        "coil",    "value", "values",   "coils", "and",   "or"};
    for (uint32_t i = 0; i < c->n; i++) {
        size_t k = 0;
        while (k < sizeof names / sizeof *names && !jd_str_is(c->members[i].name, names[k])) k++;
        if (k < sizeof names / sizeof *names) continue;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a command has no such member", "命令没有这个成员");
        return jd_fail_at(err, "%.*s", JD_STR_ARG(c->members[i].name));
    }
    return 0;
}

/* The bus address: the command's, else the device's name when that is a number. */
static int unit_of(const jd_link_set *set, jd_str device, const jd_jval *c, unsigned *unit, jd_err *err) {
    const jd_jval *v = jd_jget(c, "unit");
    jd_jval named = {.type = JD_JNUM, .n = (uint32_t)device.n, .s = device.p};
    size_t digits = 0;
    while (digits < device.n && device.p[digits] >= '0' && device.p[digits] <= '9') digits++;
    if (!v && digits && digits == device.n && digits <= 3) v = &named;
    return whole(v, 0, set->rtu ? 247 : 255, "unit", unit, err);
}

static int add_read(const jd_jval *c, unsigned unit, int rtu, jd_buf *out, jd_err *err) {
    unsigned function = 0, start = 0, count = 0;
    if (member(c, "function", 1, 4, &function, err) || member(c, "start", 0, 65535, &start, err) ||
        member(c, "count", 1, function <= 2 ? BITS_READ : REGISTERS_READ, &count, err))
        return -1;
    if (start + count > 65536) return REFUSE(err, "count", "goes beyond address 65535", "超出地址 65535");
    if (rtu && !unit) return REFUSE(err, "unit", "nobody answers a broadcast", "广播没有应答");
    jd_buf_c(out, (char)function);
    jd_be16_add(out, start);
    jd_be16_add(out, count);
    return 0;
}

static int add_registers(const jd_jval *list, unsigned start, jd_buf *out, jd_err *err) {
    if (list->type != JD_JARR || !list->n || list->n > REGISTERS_WRITTEN || start + list->n > 65536)
        return REFUSE(err, "values", "a list of 1 to 123 registers is wanted, none beyond 65535",
                      "应为 1 至 123 个寄存器值，且不超出 65535");
    jd_buf_c(out, 16);
    jd_be16_add(out, start);
    jd_be16_add(out, list->n);
    jd_buf_c(out, (char)(unsigned char)(list->n * 2));
    for (uint32_t i = 0; i < list->n; i++) {
        unsigned value = 0;
        if (whole(&list->items[i], 0, 65535, "values", &value, err)) return -1;
        jd_be16_add(out, value);
    }
    return 0;
}

static int add_coils(const jd_jval *list, unsigned start, jd_buf *out, jd_err *err) {
    if (list->type != JD_JARR || !list->n || list->n > BITS_WRITTEN || start + list->n > 65536)
        return REFUSE(err, "coils", "a list of 1 to 1968 coils is wanted, none beyond 65535",
                      "应为 1 至 1968 个线圈值，且不超出 65535");
    unsigned bytes = (list->n + 7) / 8;
    jd_buf_c(out, 15);
    jd_be16_add(out, start);
    jd_be16_add(out, list->n);
    jd_buf_c(out, (char)(unsigned char)bytes);
    char *to = jd_buf_room(out, bytes);
    memset(to, 0, bytes);
    out->n += bytes;
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i].type != JD_JTRUE && list->items[i].type != JD_JFALSE)
            return REFUSE(err, "coils", "true or false is wanted", "应为 true 或 false");
        if (list->items[i].type == JD_JTRUE) to[i / 8] = (char)((unsigned char)to[i / 8] | 1u << i % 8);
    }
    return 0;
}

static int add_register(const jd_jval *c, jd_buf *out, jd_err *err) {
    const jd_jval *values = jd_jget(c, "values");
    unsigned at = 0, value = 0, mask = 0;
    if (member(c, "register", 0, 65535, &at, err)) return -1;
    if (values) return add_registers(values, at, out, err);
    if (jd_jget(c, "and")) {
        if (member(c, "and", 0, 65535, &mask, err) || member(c, "or", 0, 65535, &value, err)) return -1;
        jd_buf_c(out, 22);
        jd_be16_add(out, at);
        jd_be16_add(out, mask);
        jd_be16_add(out, value);
        return 0;
    }
    if (member(c, "value", 0, 65535, &value, err)) return -1;
    jd_buf_c(out, 6);
    jd_be16_add(out, at);
    jd_be16_add(out, value);
    return 0;
}

static int add_coil(const jd_jval *c, jd_buf *out, jd_err *err) {
    const jd_jval *coils = jd_jget(c, "coils"), *value = jd_jget(c, "value");
    unsigned at = 0;
    if (member(c, "coil", 0, 65535, &at, err)) return -1;
    if (!coils) coils = jd_jget(c, "values");
    if (coils) return add_coils(coils, at, out, err);
    if (!value || (value->type != JD_JTRUE && value->type != JD_JFALSE))
        return REFUSE(err, "value", "true or false is wanted", "应为 true 或 false");
    jd_buf_c(out, 5);
    jd_be16_add(out, at);
    jd_be16_add(out, value->type == JD_JTRUE ? 0xff00 : 0);
    return 0;
}

/* What is written, and with what, must be said once: a command that can be read in two ways does neither. */
static int add_write(const jd_jval *c, jd_buf *out, jd_err *err) {
    int registers = jd_jget(c, "register") != NULL, coil = jd_jget(c, "coil") != NULL;
    int ways = (jd_jget(c, "value") != NULL) + (jd_jget(c, "values") != NULL) + (jd_jget(c, "coils") != NULL) +
               (jd_jget(c, "and") || jd_jget(c, "or"));
    if (registers + coil != 1)
        return REFUSE(err, "command", "a write names a register or a coil", "写命令应指明 register 或 coil 之一");
    if (ways != 1)
        return REFUSE(err, "command", "a write has one of value, values, coils, and with or",
                      "写命令应有 value、values、coils、and 与 or 其中一种");
    return registers ? add_register(c, out, err) : add_coil(c, out, err);
}

static int add_command(const jd_link_set *set, jd_str device, const jd_jval *c, jd_buf *out, jd_err *err) {
    const jd_jval *what = jd_jget(c, "command");
    unsigned unit = 0;
    if (!what || (!jd_jis(what, "read") && !jd_jis(what, "write")))
        return REFUSE(err, "command", "\"read\" or \"write\" is wanted", "应为 \"read\" 或 \"write\"");
    if (known_members(c, err) || unit_of(set, device, c, &unit, err)) return -1;
    jd_buf_c(out, (char)(unsigned char)unit);
    return jd_jis(what, "read") ? add_read(c, unit, set->rtu, out, err) : add_write(c, out, err);
}

static int encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err) {
    (void)peer, (void)now;
    size_t begin = out->n;
    if (!set->rtu) {
        jd_be16_add(out, serial);
        jd_be32_add(out, 0); /* protocol, and the length, which is known at the end */
    }
    size_t body = out->n;
    if (add_command(set, device, command, out, err)) {
        out->n = begin;
        return -1;
    }
    if (set->rtu) {
        unsigned crc = jd_crc16_modbus((jd_str){out->p + body, out->n - body});
        jd_buf_c(out, (char)(unsigned char)crc);
        jd_buf_c(out, (char)(unsigned char)(crc >> 8));
    } else {
        out->p[body - 1] = (char)(unsigned char)(out->n - body); /* at most 254 */
    }
    return 0;
}

const jd_protocol jd_modbus = {.name = "modbus",
                               .en = "Modbus TCP and RTU (Application Protocol V1.1b3)",
                               .zh = "Modbus TCP 与 RTU（应用协议 V1.1b3，GB/T 19582）",
                               .frame_max = TCP_MAX,
                               .find = find,
                               .decode = decode,
                               .encode = encode};
