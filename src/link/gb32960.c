/* GB/T 32960.3-2016: electric vehicles, or their makers' platforms, to a supervising platform.
 *
 * Frame (6.2, table 2): 0 "##" | 2 command | 3 response | 4 VIN 17 | 21 encryption | 22 length 2 | 24 data | BCC, the
 * XOR of all from the command on. Commands 01-08 go up (clause 7), 80-82 down (annex B). A frame whose response is not
 * FE is an answer. There is no serial number: an answer names its command and VIN.
 *
 * Strict reading refuses what breaks the frame: its start, lengths, BCC. A lapse inside the data leaves the frame
 * whole, so it is a fault in both ways of reading, and the bytes stay as hex. GB/T 32960.3-2025 begins with "$$" and
 * has other blocks: its frames are cut, and refused by that name. */
#include "link/gb32960_int.h"

enum {
    HEAD = 24, /* bytes in front of the data */
    SHORTEST = HEAD + 1,
    DATA_MAX = 65531,
    VIN_SIZE = 17,
    SECOND_LENGTH = 2, /* bytes that one client puts behind the start: outline_of() */
    COMMAND = 0xfe,    /* response byte of what is no answer */
    CHECKS_MAX = 32    /* frames that find() may sum up in search of whole ones while it waits */
};
enum { LOGIN = 1, REALTIME, RESENT, LOGOUT, PLATFORM_IN, PLATFORM_OUT, HEARTBEAT, CLOCK }; /* commands */
enum { QUERY = 0x80, SETTING, CONTROL };

static unsigned byte_at(const char *p) {
    return (unsigned char)*p;
}

/* XOR of n bytes, eight at a time: find() may have to sum up much of what a stranger sends. */
static unsigned fold(const char *p, size_t n) {
    uint64_t all = 0, w;
    for (; n >= sizeof w; p += sizeof w, n -= sizeof w) {
        memcpy(&w, p, sizeof w);
        all ^= w;
    }
    all ^= all >> 32;
    all ^= all >> 16;
    all ^= all >> 8;
    for (; n; n--) all ^= byte_at(p++);
    return (unsigned)(all & 0xff);
}

/* ---- finding ---- */

enum { NONE = 0 };
#define UNDECIDED SIZE_MAX /* more bytes must come to tell */

/* Size of the frame that begins at p and has its command at `at`, where the header is one that could be; NONE: it is
 * not. '#' and '$' are left out of the commands so that a run of them is no header. */
static size_t header_size(const char *p, size_t n, size_t at) {
    if (n <= at) return UNDECIDED;
    unsigned c = byte_at(p + at);
    if (c == 0 || c == 0xff || c == '#' || c == '$') return NONE;
    if (n <= at + 1) return UNDECIDED;
    c = byte_at(p + at + 1);
    if (c == 0 || (c > 7 && c != COMMAND)) return NONE;
    if (n <= at + 19) return UNDECIDED;
    c = byte_at(p + at + 19);
    if (c > 5 && c < 0xfe) return NONE;
    if (n < at + 22) return UNDECIDED;
    size_t len = jd_be16(p + at + 20);
    return len > DATA_MAX ? NONE : at + 22 + len + 1;
}

typedef struct outline {
    size_t size, at; /* of the frame; its command */
} outline;

/* The client y752321981/gbt32960.3_tcp_client writes the length of command to data behind the "##": such a frame is cut
 * whole, so that its own reason can be told. */
static outline outline_of(const char *p, size_t n) {
    if (*p != '#' && *p != '$') return (outline){NONE, 0};
    if (n > 1 && p[1] != *p) return (outline){NONE, 0};
    outline o = {header_size(p, n, 2), 2};
    if (o.size || *p == '$' || n < 4) return o;
    o = (outline){header_size(p, n, 2 + SECOND_LENGTH), 2 + SECOND_LENGTH};
    size_t second = jd_be16(p + 2);
    if (second < HEAD - 2 || second > DATA_MAX + HEAD - 2 || (o.size != UNDECIDED && o.size != second + 5))
        o.size = NONE;
    return o;
}

static int is_sound(const char *p, outline o) {
    return fold(p + o.at, o.size - o.at - 1) == byte_at(p + o.size - 1);
}

/* Where the next frame could begin, from i on and before end; end: nowhere. At least `seen` bytes of it are there. */
static size_t next_start(jd_str s, size_t i, size_t end, size_t seen) {
    for (; i < end && i + seen <= s.n; i++)
        if ((s.p[i] == '#' || s.p[i] == '$') && outline_of(s.p + i, s.n - i).size) return i;
    return end;
}

/* A length that a bad line turned large would have us wait while frame after frame comes in behind it. Two whole frames
 * with good sums, one after the other, are no chance and no data. 0: there are none. */
static size_t whole_pair_inside(jd_str s) {
    int checks = 0;
    for (size_t i = next_start(s, 1, s.n, SHORTEST); i < s.n; i = next_start(s, i + 1, s.n, SHORTEST)) {
        size_t at = i, n = 0;
        for (; n < 2 && at < s.n; n++) {
            outline o = outline_of(s.p + at, s.n - at);
            if (!o.size || o.size > s.n - at) break;
            if (++checks > CHECKS_MAX) return 0;
            if (!is_sound(s.p + at, o)) break;
            at += o.size;
        }
        if (n == 2) return i;
    }
    return 0;
}

static int is_filling(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != 0 && s.p[i] != ' ') return 0;
    return 1;
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    (void)set;
    size_t i = next_start(bytes, 0, bytes.n, 1);
    while (i < bytes.n) {
        jd_str s = {bytes.p + i, bytes.n - i};
        outline o = outline_of(s.p, s.n);
        if (o.size > s.n) {
            size_t inner = whole_pair_inside(s);
            if (!inner) break;
            i += inner;
            continue;
        }
        /* A frame that was cut off swallows the next one's head: look for that. Where there is none, decode() says what
         * is wrong with this one. */
        size_t next = is_sound(s.p, o) ? o.size : next_start(s, 1, o.size, 4);
        out->n = o.size;
        if (next == o.size) break;
        out->n = 0;
        i += next;
    }
    out->skip = i;
    out->junk = !is_filling((jd_str){bytes.p, i});
}

/* ---- reading ---- */

typedef struct head {
    unsigned command, response, encryption, bcc, sum;
    const char *vin;
    size_t len;  /* of the data, as it says itself */
    jd_str data; /* what is there */
} head;

typedef struct owed { /* what reply() must know */
    unsigned char command;
    int unread; /* the data was not understood: nothing of it can have been kept */
    int timed;  /* time holds the frame's */
    char vin[VIN_SIZE], time[6];
} owed;

typedef struct reader {
    const jd_link_set *set;
    jd_frame *f;
    jd_arena *a;
    jd_err *err;
    jd_fields fields;
    jd_str left;       /* of the data, still to be read */
    int cut;           /* a part was not all there: what follows it is not looked for */
    jd_jval time;      /* JD_JNULL: none */
    const char *stamp; /* its six bytes as they came, sensible or not; NULL: none */
} reader;

static void read_head(const char *command, size_t room, head *h) {
    *h = (head){.command = byte_at(command),
                .response = byte_at(command + 1),
                .encryption = byte_at(command + 19),
                .vin = command + 2,
                .len = jd_be16(command + 20)};
    size_t there = h->len < room ? h->len : room;
    h->data = (jd_str){command + 22, there};
    h->bcc = byte_at(command + 22 + there);
    h->sum = fold(command, 22 + there);
}

/* Unused places are NUL, or blanks. A VIN that is no text names nobody. */
static void put_vin(reader *r, const char *vin) {
    jd_str s = {vin, VIN_SIZE};
    const char *nul = memchr(vin, 0, VIN_SIZE);
    if (nul) s.n = (size_t)(nul - vin);
    while (s.n && s.p[s.n - 1] == ' ') s.n--;
    int text = 1;
    for (size_t i = 0; i < s.n; i++) text &= s.p[i] > 0x20 && s.p[i] < 0x7f;
    if (text) {
        jd_put_str(&r->fields, "vin", s);
        r->f->device = s;
    } else {
        jd_put_hex(&r->fields, "vin_hex", (jd_str){vin, VIN_SIZE});
        jd_frame_fault(r->f, r->a, "the VIN is no text", "VIN 不是文本");
    }
}

static void put_head(reader *r, const head *h) {
    jd_put_int(&r->fields, "cmd", h->command);
    jd_put_int(&r->fields, "resp", h->response);
    put_vin(r, h->vin);
    jd_put_int(&r->fields, "encrypt", h->encryption);
    jd_put_int(&r->fields, "len", (int64_t)h->len);
    r->f->kind = jd_arena_printf(r->a, "%02X", h->command);
}

/* The length field, the bytes that are there, and the sum must agree. Where the sum holds over all that is there, it is
 * the length that is wrong. */
static int check_length(reader *r, head *h, const char *command, size_t room) {
    if (room == h->len) return 0;
    jd_str behind = {command + 23 + h->data.n, room - h->data.n};
    if (room > h->len && h->sum == h->bcc)
        return is_filling(behind) ? 0
                                  : jd_frame_lapse(r->set, r->f, r->a, r->err, "%zu bytes stand behind the frame",
                                                   "报文之后多出 %zu 字节", behind.n);
    if (fold(command, 22 + room) == byte_at(command + 22 + room)) {
        size_t says = h->len;
        h->data.n = room;
        h->bcc = h->sum = byte_at(command + 22 + room);
        return jd_frame_lapse(r->set, r->f, r->a, r->err, "the length says %zu bytes of data, %zu are there",
                              "长度字段为 %zu 字节，实有数据 %zu 字节", says, room);
    }
    if (room > h->len) return 0; /* the sum is wrong whichever way; the caller says so */
    r->f->device.n = 0;          /* it may be anybody's */
    return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "the length says %zu bytes of data, %zu are there",
                   "长度字段为 %zu 字节，实有数据 %zu 字节", h->len, room);
}

/* The next part of the data; NULL: it is cut off, and left as it is for put_rest(). */
static const char *next_part(reader *r, size_t size) {
    const char *p = r->cut ? NULL : gb32960__take(&r->left, size);
    r->cut |= !p;
    return p;
}

/* The six bytes of a time (table 5), plain binary. There is no telling packed decimal from it, so what is no time is
 * kept as hex, and the fault says how it would read. */
static void put_time(reader *r) {
    const char *p = next_part(r, 6);
    if (!p) return;
    r->stamp = p;
    unsigned t[6];
    int packed = 1;
    for (int i = 0; i < 6; i++) {
        t[i] = byte_at(p + i);
        packed &= jd_bcd(p[i]) >= 0;
    }
    if (t[0] <= 99 &&
        !jd_put_time8(&r->fields, "time", 2000 + (int)t[0], (int)t[1], (int)t[2], (int)t[3], (int)t[4], (int)t[5])) {
        r->time = r->fields.m[r->fields.n - 1].val;
        return;
    }
    jd_put_hex(&r->fields, "time_hex", (jd_str){p, 6});
    jd_frame_fault(r->f, r->a, "there is no time %u-%u-%u %u:%u:%u%s", "时间 %u-%u-%u %u:%u:%u 不存在%s", t[0], t[1],
                   t[2], t[3], t[4], t[5], packed ? " (BCD?)" : "");
}

static void put_number(reader *r, const char *name, size_t size) {
    const char *p = next_part(r, size);
    if (p) jd_put_int(&r->fields, name, size == 1 ? byte_at(p) : jd_be16(p));
}

/* Text up to its first NUL. Control characters stand in real passwords, which jd_put_gbk() alone would give as hex. */
static void put_text(jd_fields *f, const char *name, jd_str raw) {
    const char *nul = raw.n ? memchr(raw.p, 0, raw.n) : NULL;
    jd_str s = {raw.p, nul ? (size_t)(nul - raw.p) : raw.n};
    char *text = jd_arena_alloc(f->a, s.n * 4 + 1);
    size_t n = 0, from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && byte_at(s.p + i) >= 0x20) continue;
        jd_fields part = jd_fields_new(f->a);
        jd_put_gbk(&part, "", (jd_str){s.p + from, i - from});
        if (part.m[0].name.n) { /* it is none, and was put as hex */
            jd_put_gbk(f, name, raw);
            return;
        }
        jd_str is = jd_jstr(&part.m[0].val);
        if (is.n) memcpy(text + n, is.p, is.n);
        n += is.n;
        if (i < s.n) text[n++] = s.p[i];
        from = i + 1;
    }
    jd_put_str(f, name, (jd_str){text, n});
}

static void put_text_of(reader *r, const char *name, size_t size) {
    const char *p = next_part(r, size);
    if (p) put_text(&r->fields, name, (jd_str){p, size});
}

/* Bytes of the data that nothing accounts for. */
static void put_rest(reader *r) {
    if (!r->left.n) return;
    jd_put_hex(&r->fields, "rest_hex", r->left);
    jd_frame_fault(r->f, r->a, "%zu bytes at the end of the data are not understood", "数据单元末尾 %zu 字节无法解析",
                   r->left.n);
    r->left.n = 0;
}

static int is_ascii(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (byte_at(s.p + i) >= 0x80) return 0;
    return 1;
}

/* Codes are texts by the standard; numbers in binary are met. What is no text is null, and all are given as hex. */
static void put_codes(reader *r, size_t count, size_t size) {
    jd_list codes = jd_list_new(r->a), hex = jd_list_new(r->a);
    int text = 1;
    for (size_t i = 0; i < count && size; i++) {
        const char *p = next_part(r, size);
        if (!p) {
            jd_frame_fault(r->f, r->a, "%zu codes of %zu bytes are announced, %zu are there",
                           "应有 %zu 个长 %zu 字节的编码，实有 %zu 个", count, size, i);
            break;
        }
        jd_str s = {p, size};
        text &= is_ascii(s);
        jd_list_add(&codes, is_ascii(s) ? jd_jmake_str(s) : jd_jmake_null());
        jd_list_add(&hex, jd_jhex(r->a, s));
    }
    jd_put(&r->fields, "codes", jd_list_end(&codes));
    if (!text) jd_put(&r->fields, "codes_hex", jd_list_end(&hex));
}

static void too_short(reader *r, const head *h, size_t least) {
    int is_bare = h->response != COMMAND && (h->data.n == 0 || h->data.n == 6); /* as answers are */
    if (h->data.n < least && !is_bare)
        jd_frame_fault(r->f, r->a, "the data of command %02X has %zu bytes, not %zu",
                       "命令 %02X 的数据单元为 %zu 字节，应为 %zu 字节", h->command, h->data.n, least);
}

/* 7.1, table 6 */
static void read_login(reader *r, const head *h) {
    too_short(r, h, 30);
    put_time(r);
    put_number(r, "serial", 2);
    put_text_of(r, "iccid", 20);
    const char *p = next_part(r, 2);
    if (p) {
        jd_put_int(&r->fields, "subsystems", byte_at(p));
        jd_put_int(&r->fields, "code_len", byte_at(p + 1));
        put_codes(r, byte_at(p), byte_at(p + 1));
    }
    put_rest(r);
}

/* 7.3 and 7.5 */
static void read_logout(reader *r, const head *h) {
    too_short(r, h, 8);
    put_time(r);
    put_number(r, "serial", 2);
    put_rest(r);
}

/* 7.4, table 21. Some platforms send a logout's eight bytes. */
static void read_platform_login(reader *r, const head *h) {
    too_short(r, h, 41);
    put_time(r);
    put_number(r, "serial", 2);
    put_text_of(r, "user", 12);
    put_text_of(r, "password", 20);
    put_number(r, "rule", 1);
    put_rest(r);
}

/* One library leaves the time out, and the blocks begin at once: taken so where they fit that way, and only so. */
static int time_is_missing(reader *r, const gb32960__info *behind_time, gb32960__info *info, jd_frame *scratch) {
    if (!behind_time->rest) return 0;
    *scratch = (jd_frame){0};
    gb32960__read_info(r->left, scratch, r->a, info);
    return !info->rest && info->blocks.n;
}

static void put_info(reader *r, const gb32960__info *info, jd_str bytes) {
    jd_put(&r->fields, "info", info->blocks);
    if (!info->rest) return;
    jd_put_str(&r->fields, "info_error", info->error);
    jd_put_hex(&r->fields, "info_rest", (jd_str){bytes.p + bytes.n - info->rest, info->rest});
}

static void put_row(reader *r, const head *h, const gb32960__info *info) {
    jd_fields row = jd_fields_new(r->a);
    jd_put(&row, "vin", r->f->device.n ? jd_jmake_str(r->f->device) : jd_jmake_null());
    jd_put_int(&row, "cmd", h->command);
    jd_put(&row, "time", r->time);
    if (r->time.type == JD_JNULL) jd_put_z(&row, "time_reason", "invalid");
    for (uint32_t i = 0; i < info->row.n; i++) jd_put_named(&row, info->row.m[i].name, info->row.m[i].val);
    r->f->rows = JD_NEW(r->a, jd_jval);
    *r->f->rows = jd_fields_end(&row);
    r->f->rows_n = 1;
}

/* 7.2.1, table 7: a time and blocks */
static void read_report(reader *r, const head *h) {
    too_short(r, h, 6);
    gb32960__info info, other;
    jd_frame faults = {0}, scratch;
    jd_str blocks = r->left;
    gb32960__take(&blocks, blocks.n < 6 ? blocks.n : 6);
    gb32960__read_info(blocks, &faults, r->a, &info);
    if (time_is_missing(r, &info, &other, &scratch)) {
        jd_frame_fault(r->f, r->a, "the time is missing", "缺少数据采集时间");
        faults = scratch;
        info = other;
        blocks = r->left;
    } else {
        put_time(r);
    }
    jd_frame_faults_of(r->f, r->a, &faults);
    if (h->response == COMMAND || blocks.n) put_info(r, &info, blocks);
    if (r->left.n >= blocks.n) r->left.n -= blocks.n;
    put_rest(r);
    if (!info.row.n) return;
    if (h->response == COMMAND)
        put_row(r, h, &info);
    else
        jd_frame_fault(r->f, r->a, "an answer holds information: it is shown, not stored",
                       "应答报文带有信息体：仅显示，不入库");
}

/* Table B.12: parameters of a terminal. Of a domain, the length stands in the parameter before. */
static const struct {
    const char *name;
    char kind; /* '1', '2': a number of so many bytes; 'n': one byte, the length of the next text; 't': text */
    uint8_t size;
} parameters[] = {
    {NULL, 0, 0},
    {"storage_ms", '2', 0},
    {"report_s", '2', 0},
    {"alarm_report_ms", '2', 0},
    {"domain_len", 'n', 0},
    {"domain", 't', 0},
    {"port", '2', 0},
    {"hardware", 't', 5},
    {"firmware", 't', 5},
    {"heartbeat_s", '1', 0},
    {"terminal_timeout_s", '2', 0},
    {"platform_timeout_s", '2', 0},
    {"relogin_min", '1', 0},
    {"public_domain_len", 'n', 0},
    {"public_domain", 't', 0},
    {"public_port", '2', 0},
    {"sampled", '1', 0},
};

/* The next one; -1: its size is not known (a maker's), or it is not all there. */
static int put_parameter(reader *r, jd_list *to, size_t *text_size) {
    unsigned id = byte_at(r->left.p);
    if (!id || id >= sizeof parameters / sizeof *parameters) return -1;
    char kind = parameters[id].kind;
    size_t size = kind == '2' ? 2 : kind != 't' ? 1 : parameters[id].size ? parameters[id].size : *text_size;
    const char *p = gb32960__take(&r->left, 1 + size);
    if (!p++) return -1;
    jd_fields f = jd_fields_new(r->a);
    jd_put_int(&f, "id", id);
    jd_put_z(&f, "name", parameters[id].name);
    if (kind == 't')
        put_text(&f, "value", (jd_str){p, size});
    else
        jd_put_int(&f, "value", size == 1 ? byte_at(p) : jd_be16(p));
    if (kind == 'n') *text_size = byte_at(p);
    jd_list_add(to, jd_fields_end(&f));
    return 0;
}

/* Annex B, query and setting: a time, a count; of a query the numbers of parameters, else numbers with values */
static void read_parameters(reader *r, const head *h) {
    put_time(r);
    const char *p = next_part(r, 1);
    if (!p) {
        put_rest(r);
        return;
    }
    int bare = h->command == QUERY && h->response == COMMAND;
    jd_list list = jd_list_new(r->a);
    size_t text_size = 0;
    for (unsigned n = byte_at(p); n && r->left.n; n--) {
        if (bare)
            jd_list_add(&list, jd_jint(byte_at(gb32960__take(&r->left, 1))));
        else if (put_parameter(r, &list, &text_size))
            break;
    }
    jd_put(&r->fields, "parameters", jd_list_end(&list));
    put_rest(r);
}

/* Annex B, control: a time, the control's number, what it needs */
static void read_control(reader *r) {
    put_time(r);
    put_number(r, "code", 1);
    if (r->left.n) jd_put_hex(&r->fields, "argument_hex", r->left);
    r->left.n = 0;
}

static void read_data(reader *r, const head *h) {
    switch (h->command) {
    case LOGIN: read_login(r, h); break;
    case REALTIME:
    case RESENT: read_report(r, h); break;
    case LOGOUT:
    case PLATFORM_OUT: read_logout(r, h); break;
    case PLATFORM_IN: read_platform_login(r, h); break;
    case HEARTBEAT:
    case CLOCK:
        put_time(r);
        put_rest(r);
        break;
    case QUERY:
    case SETTING: read_parameters(r, h); break;
    case CONTROL: read_control(r); break;
    default: /* reserved, or a maker's: 09-7F, 83-FE */
        if (r->left.n) jd_put_hex(&r->fields, "data_hex", r->left);
        jd_frame_fault(r->f, r->a, "command %02X is not of the standard: its data is kept as it is",
                       "命令 %02X 不在标准之内，数据原样保留", h->command);
    }
}

/* Table 2. 0: the data is plain; 1: it is not, and the frame is taken without it; -1: refused. A link refuses
 * enciphered data, since it keeps nothing of it; strictly read such a frame is right as it stands. */
static int check_encryption(reader *r, const head *h) {
    if (h->encryption == 1 || !h->data.n) return 0;
    if (h->encryption == 0) {
        jd_frame_fault(r->f, r->a, "encryption 00 is not defined: taken as none", "加密方式 00 未定义，按不加密处理");
        return 0;
    }
    const char *with = h->encryption == 2 ? "RSA" : "AES-128";
    if (h->encryption == 2 || h->encryption == 3) {
        jd_put_z(&r->fields, "data", "encrypted");
        jd_put_hex(&r->fields, "data_hex", h->data);
        if (r->set->field)
            return jd_fail(r->err, JD_E_NOT_SUPPORTED, "the data is encrypted (%s), and there is no key",
                           "数据已加密（%s），没有密钥", with);
        jd_frame_fault(r->f, r->a, "the data is encrypted (%s), and there is no key: nothing of it is kept",
                       "数据已加密（%s），没有密钥，未能入库", with);
        return 1;
    }
    jd_put_hex(&r->fields, "data_hex", h->data);
    return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "encryption %02X is not defined", "加密方式 %02X 未定义",
                   h->encryption);
}

static void keep_owed(reader *r, const head *h, int unread) {
    owed *o = JD_NEW(r->a, owed);
    o->command = (unsigned char)h->command;
    o->unread = unread;
    memcpy(o->vin, h->vin, VIN_SIZE);
    o->timed = r->stamp != NULL;
    if (r->stamp) memcpy(o->time, r->stamp, sizeof o->time);
    r->f->own = o;
}

/* What the response byte (table 4) says. An answer names no serial: it belongs to the command that we sent last. */
static void read_response(reader *r, const head *h, const jd_peer *peer) {
    if (h->response == COMMAND) {
        r->f->resent = h->command == RESENT;
        return;
    }
    if (h->response < 1 || h->response > 3)
        jd_frame_fault(r->f, r->a, "response %02X is not defined", "应答标志 %02X 未定义", h->response);
    if (h->command < QUERY || h->command > 0xbf || !peer || !peer->serial) return;
    r->f->answers = (uint16_t)(peer->serial - 1);
    r->f->answer_ok = h->response == 1;
}

/* All of a frame that is one by its start. 0 or -1, as decode(). What was read stays in the fields either way: an
 * operator sees what a damaged frame would have said. */
static int read_frame(reader *r, const jd_peer *peer, const char *command, size_t room) {
    head h;
    read_head(command, room, &h);
    put_head(r, &h);
    if (*r->f->bytes.p == '$')
        return jd_fail(r->err, JD_E_NOT_SUPPORTED,
                       "a frame of GB/T 32960.3-2025 ($$): only the edition of 2016 is read",
                       "GB/T 32960.3-2025 报文（$$）：仅支持 2016 版");
    int rc = check_length(r, &h, command, room);
    if (rc && h.data.n < h.len) return rc;
    r->left = h.data;
    read_response(r, &h, peer);
    int closed = check_encryption(r, &h);
    if (!closed) read_data(r, &h);
    if (h.response == COMMAND) keep_owed(r, &h, closed != 0);
    if (h.sum != h.bcc) {
        r->f->device.n = 0;
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "BCC is %02x, computed %02x", "BCC 校验码为 %02x，计算得 %02x",
                       h.bcc, h.sum);
    }
    return rc || closed < 0 ? -1 : 0;
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    reader r = {.set = set, .f = out, .a = a, .err = err, .fields = jd_fields_new(a), .time = jd_jmake_null()};
    out->bytes = bytes;
    if (bytes.n < 2 || bytes.p[0] != bytes.p[1] || (*bytes.p != '#' && *bytes.p != '$'))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "it does not begin with ##", "报文不以 ## 开头");
    outline o = outline_of(bytes.p, bytes.n);
    size_t at = o.size && o.size != UNDECIDED ? o.at : 2;
    if (bytes.n < at - 2 + SHORTEST)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "%zu bytes are less than the shortest frame's %d",
                       "报文仅 %zu 字节，短于最短报文的 %d 字节", bytes.n, (int)SHORTEST);
    out->edition = *bytes.p == '$' ? 2025 : 2016;
    int rc =
        at == 2 ? 0 : jd_frame_lapse(set, out, a, err, "a second length stands behind ##", "## 之后多出一个长度字段");
    jd_err other; /* the first reason is the one to tell */
    if (rc) r.err = &other;
    rc |= read_frame(&r, peer, bytes.p + at, bytes.n - at - 23);
    out->fields = jd_fields_end(&r.fields);
    if (rc) out->rows_n = 0;
    return rc ? -1 : 0;
}

/* ---- writing ---- */

static void add_frame(jd_buf *b, unsigned command, unsigned response, jd_str vin, jd_str data) {
    static const char unused[VIN_SIZE];
    jd_buf_z(b, "##");
    size_t from = b->n;
    jd_buf_c(b, (char)command);
    jd_buf_c(b, (char)response);
    jd_buf_str(b, vin);
    jd_buf_add(b, unused, VIN_SIZE - vin.n);
    jd_buf_c(b, 1); /* plain */
    jd_be16_add(b, (uint32_t)data.n);
    jd_buf_str(b, data);
    jd_buf_c(b, (char)fold(b->p + from, b->n - from));
}

static void time_bytes(jd_time t, char out[6]) {
    jd_clock8 c = jd_clock8_of(t);
    const int v[6] = {c.year - 2000, c.month, c.day, c.hour, c.minute, c.second};
    for (int i = 0; i < 6; i++) out[i] = (char)v[i];
}

/* 5.2, 6.3.2: the same command and VIN. Annex B sends a terminal's data back whole; platforms send its time, which all
 * take. Reports are answered where the link is so declared. */
static const void *keep(const jd_frame *f, jd_arena *a) {
    if (!f->own) return NULL;
    owed *kept = jd_arena_alloc(a, sizeof *kept);
    memcpy(kept, f->own, sizeof *kept);
    return kept;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    (void)peer;
    const owed *o = f->own;
    if (!o || outcome == JD_OUT_BUSY) return;
    char clock[6];
    jd_str data = {o->time, o->timed ? sizeof o->time : 0};
    switch (o->command) {
    case LOGIN:
    case LOGOUT:
    case PLATFORM_IN:
    case PLATFORM_OUT: break;
    case REALTIME:
    case RESENT:
        if (!set->answer_realtime) return;
        break;
    case HEARTBEAT: data.n = 0; break;
    case CLOCK:
        time_bytes(now, clock);
        data = (jd_str){clock, sizeof clock};
        break;
    default: return;
    }
    unsigned response = outcome == JD_OUT_KEPT && !o->unread ? 1 : 2;
    add_frame(out, o->command, response, (jd_str){o->vin, VIN_SIZE}, data);
}

/* A whole number from least to most; -1: it is none. */
static int number_in(const jd_jval *v, int least, int most) {
    double d = v && v->type == JD_JNUM ? jd_jnum(v) : -1;
    return d >= least && d <= most && d == (int)d ? (int)d : -1;
}

static int query_data(const jd_jval *command, char *data, size_t *n, jd_err *err) {
    const jd_jval *ids = jd_jget(command, "parameters");
    if (!ids || ids->type != JD_JARR || !ids->n || ids->n > 252)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"parameters\" must be a list of 1 to 252 numbers",
                       "“parameters” 应为 1 至 252 个编号的列表");
    data[(*n)++] = (char)(unsigned char)ids->n;
    for (uint32_t i = 0; i < ids->n; i++) {
        int id = number_in(&ids->items[i], 1, 0xfe);
        if (id < 0)
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a parameter's number is 1 to 254", "参数编号应为 1 至 254");
        data[(*n)++] = (char)(unsigned char)id;
    }
    return 0;
}

/* Table B.15. 1 (upgrade) and 6 (alarm) need arguments. */
static int control_data(const jd_jval *command, char *data, size_t *n, jd_err *err) {
    int code = number_in(jd_jget(command, "code"), 1, 0xfe);
    if (code < 0)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"code\" must be a number from 1 to 254", "“code” 应为 1 至 254");
    if (code == 1 || code == 6)
        return jd_fail(err, JD_E_NOT_SUPPORTED, "control %d needs arguments, which cannot be given",
                       "控制命令 %d 需要参数，暂不支持", code);
    data[(*n)++] = (char)(unsigned char)code;
    return 0;
}

static int encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err) {
    (void)set, (void)peer, (void)serial;
    char data[6 + 1 + 252];
    size_t n = 6;
    const jd_jval *name = jd_jget(command, "command");
    int query = name && jd_jis(name, "query"), control = name && jd_jis(name, "control");
    if (!query && !control)
        return jd_fail(err, JD_E_NOT_SUPPORTED, "commands of GB/T 32960 are \"query\" and \"control\"",
                       "GB/T 32960 的命令为 “query” 和 “control”");
    if (!device.n || device.n > VIN_SIZE)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a VIN has 1 to 17 characters", "VIN 应为 1 至 17 个字符");
    time_bytes(now, data);
    if (query ? query_data(command, data, &n, err) : control_data(command, data, &n, err)) return -1;
    add_frame(out, query ? QUERY : CONTROL, COMMAND, device, (jd_str){data, n});
    return 0;
}

/* Of a platform's login: behind time, serial and user; two bytes later where there is a second length. */
static void conceal(char *p, size_t n) {
    enum { AT = HEAD + 6 + 2 + 12, BYTES = 20 };
    for (size_t more = 0; more <= SECOND_LENGTH; more += SECOND_LENGTH)
        for (size_t i = AT + more; n > 2 + more && p[2 + more] == PLATFORM_IN && i < n && i < AT + more + BYTES; i++)
            p[i] = '*';
}

const jd_protocol jd_gb32960 = {.name = "gb32960",
                                .en = "GB/T 32960.3-2016",
                                .zh = "GB/T 32960.3-2016 电动汽车远程服务与管理",
                                .frame_max = 65560,
                                .find = find,
                                .decode = decode,
                                .keep = keep,
                                .reply = reply,
                                .conceal = conceal,
                                .encode = encode};
