/* link/hj212.c - stations that watch pollution: HJ 212-2017 and HJ/T 212-2005, clause 6 (frame, segment, fields,
 * commands), annex A (CRC), annex C (examples).
 * A frame: "##", 4 digits (bytes of the segment), the segment, 4 hex digits of CRC, CR LF. A segment:
 * QN=..;ST=..;CN=..;PW=..;MN=..;Flag=..;[PNUM=..;PNO=..;]CP=&&..&& with name=value parts between ';' and ','.
 *
 * Strict refuses what breaks the frame (header, length, CRC, closing &&, more than 1024 bytes), what is needed but not
 * there (CN, ST, PW, MN, since 2017 QN), and a QN, CN, Flag or DataTime that is none. What the standard's own examples
 * do, or what leaves the meaning whole (no CR LF, FLAG for Flag, a stray separator, an MN of another length, a name
 * that comes twice), is a fault in both ways. Version bits of Flag = 2 (HJ 212-2025, but loggers
 * wrote them years before) are a fault: what is readable is read as of 2017; an enciphered segment is not. Each packet
 * of a split message (PNUM, PNO) carries whole factors with their DataTime, so each is a frame of its own. */
#include "base/hash.h"
#include "link/hj212_int.h"

#include <string.h>
#include <strings.h>

enum {
    SEGMENT_MAX = 1024, /* by the standard */
    TEXT_MAX = 64       /* of a name, and of a value before CP */
};

/* ---- commands ---- */

enum { DATA = 1, NOTICE = 2, DOWN = 4, ANSWER = 8 }; /* DOWN: only a server says this */

typedef struct command {
    uint16_t cn, edition; /* edition 0: in all */
    uint8_t is;
    const char *word;
} command;

/* 102x to 104x and 207x are of 2005 only. */
static const command commands[] = {
    /* clang-format off */
    {1000, 0, DOWN, "set-timeout"}, {1011, 0, 0, "clock"}, {1012, 0, DOWN, "set-clock"},
    {1013, 0, NOTICE, "clock-request"}, {1021, 0, 0, "limits"}, {1022, 0, DOWN, "set-limits"},
    {1031, 0, 0, "alarm-target"}, {1032, 0, DOWN, "set-alarm-target"},
    {1041, 0, 0, "day-report-time"}, {1042, 0, DOWN, "set-day-report-time"},
    {1061, 0, 0, "real-time-interval"}, {1062, 0, DOWN, "set-real-time-interval"},
    {1063, 0, 0, "minute-interval"}, {1064, 0, DOWN, "set-minute-interval"}, {1072, 0, DOWN, "set-password"},
    {2011, 0, DATA, "real-time"}, {2012, 0, DOWN, "stop-real-time"}, {2021, 0, DATA, "state"},
    {2022, 0, DOWN, "stop-state"}, {2031, 0, DATA, "day"}, {2041, 0, DATA, "run-time"},
    {2051, 0, DATA, "minute"}, {2061, 0, DATA, "hour"}, {2071, 0, DATA, "alarm"},
    {2072, 0, DATA | NOTICE, "alarm-event"}, {2081, 0, DATA, "restart"},
    {3011, 0, DOWN, "calibrate"}, {3012, 0, DOWN, "sample"},
    {3013, 2005, DOWN, "operate"}, {3013, 0, DOWN, "clean"},
    {3014, 2005, DOWN, "set-sample-period"}, {3014, 0, DOWN, "compare-sample"},
    {3015, 0, DATA, "sample-kept"}, {3016, 0, DOWN, "set-sample-period"}, {3017, 0, 0, "sample-period"},
    {3018, 0, 0, "sample-duration"}, {3019, 0, 0, "serial-number"}, {3020, 0, DATA, "information"},
    {3021, 0, DOWN, "set-information"},
    {9011, 0, ANSWER, "request-answer"}, {9012, 0, ANSWER, "result"}, {9013, 0, ANSWER, "notice-answer"},
    {9014, 0, ANSWER | DOWN, "data-answer"},
    /* clang-format on */
};

static const command *command_of(jd_str cn, unsigned edition) {
    unsigned v = 0;
    if (cn.n != 4) return NULL;
    if (edition == 2025) edition = 2017;
    for (size_t i = 0; i < 4; i++) v = v * 10 + (unsigned)(cn.p[i] - '0');
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].cn == v && (!commands[i].edition || commands[i].edition == edition)) return &commands[i];
    return NULL;
}

/* ---- reading a segment ---- */

typedef enum head { QN, ST, CN, PW, MN, FLAG, PNUM, PNO, HEAD_N } head;
static const char *const head_names[HEAD_N] = {"QN", "ST", "CN", "PW", "MN", "Flag", "PNUM", "PNO"};

typedef struct object { /* one that takes each name once */
    jd_fields f;
    uint16_t *slots; /* hash of a name -> its member + 1 */
    size_t mask;
    jd_list unread; /* parts that are no name=value, as hex */
} object;

typedef struct hj {
    const jd_link_set *set;
    jd_arena *a;
    jd_frame *out;
    jd_err *err, spare; /* the first reason is told; spare takes the later ones */
    int refused;
    size_t more; /* faults beyond those that a frame holds */
    object top, cp;
    jd_str head[HEAD_N]; /* p NULL: missing */
    size_t factors;      /* parts of CP named FACTOR-SOMETHING */
    int codes17;         /* one has a code that came with the edition of 2017 */
    int flag;            /* -1: none */
} hj;

typedef struct hj_own { /* what an answer needs */
    jd_str head[HEAD_N];
    int flag;
    unsigned edition;
    const command *command;
} hj_own;

#define FAULT(h, ...) \
    ((h)->out->faults_n < JD_FAULTS_MAX ? jd_frame_fault((h)->out, (h)->a, __VA_ARGS__) : (void)(h)->more++)
#define LAPSE(h, ...)                                                     \
    ((h)->more += (h)->set->field && (h)->out->faults_n == JD_FAULTS_MAX, \
     (h)->refused |=                                                      \
     jd_frame_lapse((h)->set, (h)->out, (h)->a, (h)->refused ? &(h)->spare : (h)->err, __VA_ARGS__) != 0)
#define REFUSE(h, code, ...) ((h)->refused |= jd_fail((h)->refused ? &(h)->spare : (h)->err, code, __VA_ARGS__) != 0)

/* Bytes of the UTF-8 character (beyond ASCII) at p; 0: there is none. */
static size_t utf8_at(const unsigned char *p, size_t left) {
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : n;
}

static int is_text(jd_str s) {
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0, n; i < s.n; i += n) {
        n = p[i] < 0x80 ? (size_t)(p[i] >= 0x20) : utf8_at(p + i, s.n - i);
        if (!n) return 0;
    }
    return 1;
}

static int all_digits(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!hj212__is_digit(s.p[i])) return 0;
    return s.n > 0;
}

/* Does it begin with a real YYYYMMDDhhmmss? */
static int is_time(jd_str s) {
    jd_time t;
    if (s.n < 14 || !all_digits((jd_str){s.p, 14})) return 0;
    char text[] = "YYYY-MM-DDThh:mm:ssZ";
    static const char places[14] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
    for (size_t i = 0; i < 14; i++) text[(size_t)places[i]] = s.p[i];
    return jd_time_parse((jd_str){text, 20}, &t, NULL) == 0;
}

static object object_new(jd_arena *a, jd_str text) {
    size_t parts = 2, slots = 16;
    for (size_t i = 0; i < text.n; i++) parts += text.p[i] == ';' || text.p[i] == ',';
    while (slots < parts * 2) slots *= 2;
    return (object){.f = jd_fields_new(a),
                    .slots = jd_arena_zalloc(a, slots * sizeof(uint16_t)),
                    .mask = slots - 1,
                    .unread = jd_list_new(a)};
}

/* NULL when the name was free and has been put; else whose it is. */
static const jd_jmember *put_once(object *o, jd_str name, jd_jval v) {
    size_t at = jd_hash(name.p, name.n) & o->mask;
    for (; o->slots[at]; at = (at + 1) & o->mask) {
        const jd_jmember *m = &o->f.m[o->slots[at] - 1];
        if (jd_str_eq(m->name, name)) return m;
    }
    jd_put_named(&o->f, name, v);
    o->slots[at] = (uint16_t)o->f.n;
    return NULL;
}

static void conceal(char *p, size_t n);

static void put_unread(hj *h, object *o, jd_str part) {
    jd_str kept = jd_arena_dup(h->a, part); /* nobody needs a password that is of no use */
    conceal((char *)(uintptr_t)kept.p, kept.n);
    jd_list_add(&o->unread, jd_jhex(h->a, kept));
    FAULT(h, "a part of %zu bytes is no name=value; it is kept as hex", "有 %zu 字节不成“名=值”，按十六进制保留",
          part.n);
}

/* Members that are ours in an object cannot be the device's. */
static int is_taken(const hj *h, const object *o, jd_str name) {
    static const char *const ours[] = {"unread", "CP", "command", "edition", "dir"};
    size_t n = o == &h->cp ? 1 : sizeof ours / sizeof *ours;
    for (size_t i = 0; i < n; i++)
        if (jd_str_is(name, ours[i])) return 1;
    return 0;
}

/* What a fault shows of a text, in whole characters. */
static jd_str clip(jd_str s) {
    if (s.n > TEXT_MAX)
        for (s.n = TEXT_MAX; (s.p[s.n] & 0xc0) == 0x80; s.n--) {}
    return s;
}

/* Text is UTF-8; GBK, as elder loggers write it, is turned into it; else the bytes are kept as hex. 1: it is text. */
static int put_value(hj *h, object *o, jd_str name, jd_str value) {
    jd_jmember member = {name, jd_jmake_str(value)};
    int text = is_text(value);
    if (!text) {
        jd_fields one = jd_fields_new(h->a);
        if (memchr(value.p, 0, value.n)) /* jd_put_gbk would cut there */
            jd_put_named(&one, jd_arena_printf(h->a, "%.*s_hex", JD_STR_ARG(name)), jd_jhex(h->a, value));
        else
            jd_put_gbk(&one, jd_arena_dup(h->a, name).p, value);
        member = one.m[0];
        FAULT(h, "%.*s is no text in UTF-8", "%.*s 不是 UTF-8 文本", JD_STR_ARG(name));
    }
    const jd_jmember *first = put_once(o, member.name, member.val);
    if (first)
        FAULT(h, "%.*s comes twice: the first value is taken, not %.*s", "%.*s 重复：取首个值，舍弃 %.*s",
              JD_STR_ARG(name), JD_STR_ARG(jd_str_is(name, "PW") ? JD_STR("***") : clip(jd_jstr(&member.val))));
    return text && !first;
}

static void head_part(hj *h, jd_str name, jd_str value) {
    size_t k = 0;
    while (k < HEAD_N && (strlen(head_names[k]) != name.n || strncasecmp(head_names[k], name.p, name.n))) k++;
    if (k < HEAD_N && !jd_str_is(name, head_names[k]))
        FAULT(h, "%.*s stands for %s", "%.*s 应写作 %s", JD_STR_ARG(name), head_names[k]);
    if (k == HEAD_N) FAULT(h, "there is no field %.*s", "标准中没有字段 %.*s", JD_STR_ARG(name));
    int good = put_value(h, &h->top, k < HEAD_N ? jd_str_of(head_names[k]) : name, value);
    if (good && k < HEAD_N) h->head[k] = value;
}

static void cp_part(hj *h, jd_str name, jd_str value) {
    put_value(h, &h->cp, name, value);
    const char *dash = memchr(name.p, '-', name.n);
    if (dash) {
        h->factors++;
        h->codes17 |= dash - name.p == 6 && name.p[0] >= 'a' && name.p[0] <= 'z' && all_digits((jd_str){name.p + 1, 5});
    } else if (jd_str_is(name, "Flag")) {
        FAULT(h, "a Flag in CP belongs to no factor", "CP 中的 Flag 未指明因子");
    }
}

static void one_part(hj *h, object *o, jd_str part) {
    size_t blank = 0;
    while (blank < part.n && part.p[blank] == ' ') blank++;
    if (blank == part.n) {
        FAULT(h, "a separator too many", "多余的分隔符");
        return;
    }
    if (o == &h->top) part.p += blank, part.n -= blank; /* in CP, table C.2 itself has a blank in front of a name */
    const char *eq = memchr(part.p, '=', part.n);
    jd_str name = {part.p, eq ? (size_t)(eq - part.p) : 0};
    if (!name.n || name.n > TEXT_MAX || !is_text(name) || is_taken(h, o, name) ||
        (o == &h->top && part.n - name.n - 1 > TEXT_MAX)) {
        put_unread(h, o, part);
        return;
    }
    jd_str value = {eq + 1, part.n - name.n - 1};
    if (o == &h->top)
        head_part(h, name, value);
    else
        cp_part(h, name, value);
}

/* Where the part that begins at i ends. A log's text stands between // and may hold separators (annex C, 3020). */
static size_t part_end(jd_str s, size_t i) {
    for (; i < s.n && s.p[i] != ';' && s.p[i] != ','; i++) {
        if (s.p[i] != '=' || s.n - i < 5 || s.p[i + 1] != '/' || s.p[i + 2] != '/') continue;
        const char *close = memmem(s.p + i + 3, s.n - i - 3, "//", 2);
        if (close) i = (size_t)(close - s.p) + 1;
    }
    return i;
}

static void read_parts(hj *h, object *o, jd_str s) {
    for (size_t i = 0, end; i < s.n; i = end + 1) {
        end = part_end(s, i);
        one_part(h, o, (jd_str){s.p + i, end - i});
        if (end + 1 == s.n) FAULT(h, "a separator at the end", "末尾有多余的分隔符");
    }
}

/* The segment in two: what stands before CP, and what stands in it. */
static void read_segment(hj *h, jd_str seg) {
    const char *mark = seg.n ? memmem(seg.p, seg.n, "CP=&&", 5) : NULL;
    jd_str before = {seg.p, mark ? (size_t)(mark - seg.p) : seg.n}, in = {"", 0};
    if (mark) {
        in = (jd_str){mark + 5, (size_t)(seg.p + seg.n - mark) - 5};
        if (in.n >= 2 && !memcmp(in.p + in.n - 2, "&&", 2))
            in.n -= 2;
        else
            LAPSE(h, "CP has no closing &&", "CP 缺少结尾的 &&");
        if (before.n && before.p[before.n - 1] == ';')
            before.n--;
        else
            FAULT(h, "no ; before CP", "CP 前缺少分号");
    } else {
        REFUSE(h, JD_E_BAD_REQUEST_DATA, "there is no CP=&&...&&", "没有 CP=&&…&&");
    }
    h->top = object_new(h->a, before);
    h->cp = object_new(h->a, in);
    read_parts(h, &h->top, before);
    read_parts(h, &h->cp, in);
    if (h->cp.unread.n) jd_put(&h->cp.f, "unread", jd_list_end(&h->cp.unread));
    if (h->top.unread.n) jd_put(&h->top.f, "unread", jd_list_end(&h->top.unread));
    if (mark) jd_put(&h->top.f, "CP", jd_fields_end(&h->cp.f));
}

/* ---- judging it ---- */

/* -1: the frame cannot be trusted. 0: it holds, but not by the CRC of HJ 212. 1: it holds. */
static int check_crc(hj *h, const hj212_cut *c) {
    unsigned said = hj212__hex_value(c->crc), is = hj212__crc(c->seg);
    if (said == is) return 1;
    int modbus = said == jd_crc16_modbus(c->seg);
    if (modbus && h->set->modbus_crc) {
        FAULT(h, "the CRC is a CRC-16/MODBUS, not that of HJ 212 (%04X)",
              "CRC 为 CRC-16/MODBUS，而非 HJ 212 算法（%04X）", is);
    } else if (modbus) {
        REFUSE(h, JD_E_BAD_REQUEST_DATA,
               "the CRC %04X is a CRC-16/MODBUS, not that of HJ 212 (%04X); it is taken only where the link says so",
               "CRC %04X 为 CRC-16/MODBUS，而非 HJ 212 算法（%04X）；仅在链路声明后接受", said, is);
    } else if (c->seg.n != c->length) {
        REFUSE(h, JD_E_BAD_REQUEST_DATA,
               "the length says %zu, the segment up to its closing && has %zu bytes; and the CRC is %04X, not %04X",
               "长度为 %zu，而至结尾 && 的数据段有 %zu 字节；且 CRC 为 %04X，应为 %04X", c->length, c->seg.n, said, is);
    } else {
        REFUSE(h, JD_E_BAD_REQUEST_DATA, "the CRC is %04X, not %04X", "CRC 为 %04X，应为 %04X", said, is);
    }
    return modbus ? 0 : -1;
}

static void check_envelope(hj *h, const hj212_cut *c) {
    if (c->digits != 4) LAPSE(h, "a length of %zu digits, not 4", "长度为 %zu 位数字，应为 4 位", c->digits);
    if (c->seg.n != c->length)
        LAPSE(h, "the length says %zu, the segment up to its closing && has %zu bytes",
              "长度为 %zu，而至结尾 && 的数据段有 %zu 字节", c->length, c->seg.n);
    if (c->seg.n > SEGMENT_MAX) /* the check holds, so nothing is doubtful */
        FAULT(h, "a segment of %zu bytes; the standard allows %d", "数据段 %zu 字节，标准上限 %d", c->seg.n,
              SEGMENT_MAX);
    if (c->crc.n != 4) LAPSE(h, "a CRC of %zu digits, not 4", "CRC 为 %zu 位，应为 4 位", c->crc.n);
    if (c->behind) LAPSE(h, "%zu bytes behind the CRC", "CRC 之后多出 %zu 字节", c->behind);
    if (!c->cr) FAULT(h, "no CR LF at the end", "末尾缺少回车换行");
}

/* The edition is what Flag says (bits 2 to 7); a frame without Flag can only be of 2005. */
static void edition_of(hj *h) {
    jd_str flag = h->head[FLAG];
    h->flag = -1;
    h->out->edition = 2005;
    if (flag.p) {
        int v = 0;
        for (size_t i = 0; i < flag.n && i < 3; i++) v = v * 10 + (flag.p[i] - '0');
        if (!all_digits(flag) || flag.n > 3 || v > 255)
            LAPSE(h, "Flag=%.*s is no number up to 255", "Flag=%.*s 不是 0 至 255 的数", JD_STR_ARG(flag));
        else
            h->flag = v;
    } else if (h->codes17 || h->head[MN].n == 24) {
        FAULT(h, "no Flag, though codes or MN are of 2017", "编码或 MN 属 2017 版，却缺少 Flag");
    }
    if (h->flag >= 4) h->out->edition = h->flag < 8 ? 2017 : h->flag < 12 ? 2025 : 0;
    if (h->out->edition == 2025)
        FAULT(h, "Flag=%d says version 2 (HJ 212-2025); the frame is read as of 2017",
              "Flag=%d 表示第 2 版（HJ 212-2025），按 2017 版解读", h->flag);
    if (!h->out->edition)
        REFUSE(h, JD_E_NOT_SUPPORTED, "Flag=%d says an edition of HJ 212 that is not known",
               "Flag=%d 表示未知的 HJ 212 版本", h->flag);
}

static void check_device(hj *h) {
    jd_str mn = h->head[MN];
    size_t want = h->out->edition == 2005 ? 14 : 24, good = 0;
    while (good < mn.n && (want == 14 || (hj212__hex(mn.p[good]) >= 0 && mn.p[good] < 'a'))) good++;
    if (!mn.n)
        LAPSE(h, "there is no MN: who speaks is not said", "缺少 MN：无法得知设备");
    else if (want == 14 && mn.n != 14)
        FAULT(h, "MN has %zu characters, not 14", "MN 为 %zu 个字符，应为 14 个", mn.n);
    else if (mn.n != want || good != want)
        FAULT(h, "MN is not 24 of 0-9 and A-F", "MN 不是 24 位 0-9、A-F");
}

/* Of 2005, only commands and their answers have a QN. */
static void check_qn(hj *h) {
    jd_str qn = h->head[QN];
    if (qn.p && (qn.n != 17 || !all_digits(qn) || !is_time(qn)))
        LAPSE(h, "QN is no time of 17 digits", "QN 不是 17 位时间");
    if (!qn.p && h->out->edition != 2005) LAPSE(h, "there is no QN", "缺少 QN");
    if (!qn.p && h->flag > 0 && (h->flag & 1) && h->out->edition == 2005)
        FAULT(h, "an answer is wanted, but there is no QN that it could name", "要求应答，却没有 QN");
}

static void check_head(hj *h) {
    int packets = h->head[PNUM].p || h->head[PNO].p;
    check_qn(h);
    check_device(h);
    if (!h->head[ST].n) LAPSE(h, "there is no ST", "缺少 ST");
    if (!h->head[PW].p) LAPSE(h, "there is no PW", "缺少 PW");
    if (!h->head[CN].n)
        REFUSE(h, JD_E_BAD_REQUEST_DATA, "there is no CN: what this is cannot be known", "缺少 CN：无法得知命令");
    else if (h->head[CN].n != 4 || !all_digits(h->head[CN]))
        LAPSE(h, "CN=%.*s is no number of 4 digits", "CN=%.*s 不是 4 位数字", JD_STR_ARG(h->head[CN]));
    if (packets && h->flag >= 0 && !(h->flag & 2))
        FAULT(h, "PNUM and PNO are there, but Flag does not say so", "有 PNUM、PNO，但 Flag 未标明");
    else if (!packets && h->flag >= 4 && (h->flag & 2)) /* examples of 2005 have Flag=3 without them */
        FAULT(h, "Flag tells of PNUM and PNO, which are not there", "Flag 标明有 PNUM、PNO，实际没有");
}

static jd_str in_cp(const hj *h, const char *name) {
    jd_jval cp = jd_fields_end(&h->cp.f);
    const jd_jval *v = jd_jget(&cp, name);
    return v && v->type == JD_JSTR ? jd_jstr(v) : (jd_str){NULL, 0};
}

/* A moment with something to it is a row. Requests for history have BeginTime and EndTime instead. */
static void make_rows(hj *h, const command *cmd) {
    jd_str at = in_cp(h, "DataTime"), cn = h->head[CN];
    int data = cmd ? cmd->is & DATA : cn.n && (cn.p[0] == '2' || cn.p[0] == '3');
    if (at.p && (at.n != 14 || !is_time(at)))
        LAPSE(h, "DataTime is no time of 14 digits; it is kept as sent", "DataTime 不是 14 位时间，按原文保留");
    if (!at.p && data) at = in_cp(h, "AlarmTime"); /* 2072 of 2005 */
    if (!at.p && data && h->factors) FAULT(h, "factors without a DataTime", "因子没有 DataTime");
    /* without a time it is a row all the same: the mapping sets it aside, so that nobody thinks that it was kept */
    if ((!at.p && !h->factors) || !data || h->cp.f.n < 2 || h->refused) return;
    h->out->rows = jd_arena_alloc(h->a, sizeof *h->out->rows);
    h->out->rows[0] = h->out->fields;
    h->out->rows_n = 1;
}

/* An answer to a command of ours names it by QN: in the head since 2017, in CP before. Its last 9 digits (hhmmsszzz)
 * are told; encode() makes zzz of its serial, so answers % 1000 == serial % 1000. */
static void read_answer(hj *h, const command *cmd) {
    if (!cmd || !(cmd->is & ANSWER) || cmd->cn == 9014) return;
    jd_str qn = in_cp(h, "QN");
    if (!qn.p) qn = h->head[QN];
    if (qn.n < 9 || !all_digits(qn)) return;
    int64_t v = 0;
    for (size_t i = qn.n - 9; i < qn.n; i++) v = v * 10 + (qn.p[i] - '0');
    jd_str code = in_cp(h, cmd->cn == 9012 ? "ExeRtn" : "QnRtn");
    h->out->answers = v;
    h->out->answer_ok = code.p ? jd_str_is(code, "1") : cmd->cn == 9013; /* which has no code, by the text */
}

static void read_meaning(hj *h) {
    edition_of(h);
    check_head(h);
    jd_str cn = h->head[CN];
    const command *cmd = all_digits(cn) ? command_of(cn, h->out->edition) : NULL;
    if (cmd) jd_put_z(&h->top.f, "command", cmd->word);
    if (!cmd && cn.n) FAULT(h, "the standard has no CN=%.*s", "标准中没有 CN=%.*s", JD_STR_ARG(cn));
    if (h->out->edition) jd_put_str(&h->top.f, "edition", jd_arena_printf(h->a, "%u", h->out->edition));
    if (cmd && cmd->is & DOWN) jd_put_z(&h->top.f, "dir", "down");
    h->out->fields = jd_fields_end(&h->top.f);
    h->out->kind = cn;
    h->out->device = h->head[MN];
    make_rows(h, cmd);
    if (h->refused) return;
    read_answer(h, cmd);
    hj_own *own = JD_NEW(h->a, hj_own);
    memcpy(own->head, h->head, sizeof own->head);
    own->flag = h->flag;
    own->edition = h->out->edition;
    own->command = cmd;
    h->out->own = own;
}

/* The frame in its bytes, or why there is none. */
static int open_frame(jd_str s, hj212_cut *c, jd_err *err) {
    while (s.n && hj212__is_filling(s.p[0])) s.p++, s.n--;
    if (s.n < 2 || s.p[0] != '#' || s.p[1] != '#')
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no ## at the beginning", "开头没有包头 ##");
    if (hj212__cut(s, 1, c) == HJ212_WHOLE) return 0;
    if (!c->digits) return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no length behind ##", "## 之后没有长度");
    size_t there = (size_t)(s.p + s.n - c->seg.p);
    if (c->length > there)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the frame breaks off: the length says %zu bytes, %zu are there",
                       "帧不完整：长度为 %zu 字节，实有 %zu 字节", c->length, there);
    return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                   "no closing && with the hex digits of a CRC behind it, of the length %zu",
                   "长度 %zu 处及其后没有结尾 && 与十六进制 CRC", c->length);
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    hj h = {.set = set, .a = a, .out = out, .err = err};
    hj212_cut c;
    (void)peer;
    out->answers = -1;
    if (open_frame(bytes, &c, err)) return -1;
    int holds = check_crc(&h, &c);
    check_envelope(&h, &c);
    read_segment(&h, c.seg); /* of refused frames too: who reads the log wants to see them */
    read_meaning(&h);
    if (holds < 0) out->device = (jd_str){NULL, 0}; /* bytes that are not as they were sent accuse nobody */
    if (h.more) {
        out->faults_n = JD_FAULTS_MAX - 1;
        jd_frame_fault(out, a, "%zu more", "另有 %zu 处", h.more + 1);
    }
    return h.refused ? -1 : 0;
}

/* ---- writing ---- */

static size_t begin(jd_buf *out) {
    jd_buf_z(out, "##0000");
    return out->n;
}

/* Fills in the length of the segment that begins at from, and closes it. */
static void seal(jd_buf *out, size_t from) {
    jd_str seg = {out->p + from, out->n - from};
    unsigned crc = hj212__crc(seg);
    size_t n = seg.n;
    for (size_t i = 1; i <= 4; i++, n /= 10) out->p[from - i] = (char)('0' + n % 10);
    jd_buf_printf(out, "%04X\r\n", crc);
}

static void add_field(jd_buf *out, const char *name, jd_str value) {
    if (!value.p) return;
    jd_buf_z(out, name);
    jd_buf_c(out, '=');
    jd_buf_str(out, value);
    jd_buf_c(out, ';');
}

/* 9014 to data, 9013 to notices (tables C.14 and the like); one for each packet. Of 2005, the answer names in CP what
 * it answers; its QN stands in front as well, where loggers that know both editions look. */
static const void *keep(const jd_frame *f, jd_arena *a) {
    const hj_own *own = f->own;
    if (!own) return NULL;
    hj_own *kept = jd_arena_alloc(a, sizeof *kept);
    *kept = *own;
    for (size_t i = 0; i < HEAD_N; i++)
        if (own->head[i].p) kept->head[i] = jd_arena_dup(a, own->head[i]);
    return kept;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    const hj_own *own = f->own;
    (void)set, (void)now;
    if (!own || outcome != JD_OUT_KEPT) return;
    peer->edition = own->edition;
    int is = own->command ? own->command->is : 0;
    if (own->flag < 0 || !(own->flag & 1) || is & (ANSWER | DOWN)) return;
    size_t from = begin(out);
    jd_str qn = own->head[QN], cn = own->head[CN];
    add_field(out, "QN", qn);
    jd_buf_printf(out, "ST=91;CN=%d;", is & NOTICE ? 9013 : 9014);
    add_field(out, "PW", own->head[PW]);
    add_field(out, "MN", own->head[MN]);
    jd_buf_printf(out, "Flag=%d;CP=&&", own->flag & ~3);
    if (own->edition == 2005) {
        if (qn.p) jd_buf_printf(out, "QN=%.*s", JD_STR_ARG(qn));
        if (!(is & NOTICE)) jd_buf_printf(out, "%sCN=%.*s", qn.p ? ";" : "", JD_STR_ARG(cn));
    }
    jd_buf_z(out, "&&");
    seal(out, from);
}

static jd_str member(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){NULL, 0};
}

/* May it stand in a segment as a value? */
static int is_value(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr(";,=&#", s.p[i])) return 0;
    return s.n > 0 && s.n <= TEXT_MAX;
}

typedef struct order { /* a command to a device, in the standard's terms */
    int cn;
    jd_str begin, end; /* p NULL: no period */
} order;

static int history(const jd_jval *v, order *o, jd_err *err) {
    static const struct {
        const char *kind;
        int cn;
    } kinds[] = {{"minute", 2051}, {"hour", 2061}, {"day", 2031}};
    const jd_jval *kind = jd_jget(v, "kind");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind && jd_jis(kind, kinds[i].kind)) o->cn = kinds[i].cn;
    if (!o->cn)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"kind\" must be minute, hour or day",
                       "“kind”须为 minute、hour 或 day");
    o->begin = member(v, "from");
    o->end = member(v, "to");
    if (o->begin.n != 14 || o->end.n != 14 || !is_time(o->begin) || !is_time(o->end) ||
        jd_str_cmp(o->begin, o->end) > 0)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"from\" and \"to\" must be times YYYYMMDDhhmmss, in order",
                       "“from”与“to”须为先后有序的 YYYYMMDDhhmmss");
    return 0;
}

static int order_of(const jd_jval *v, order *o, jd_err *err) {
    jd_str what = member(v, "command");
    if (jd_str_is(what, "history")) return history(v, o, err);
    int clock = jd_str_is(what, "set-clock");
    const jd_jval *start = jd_jget(v, "start");
    if (!clock && !jd_str_is(what, "get-realtime"))
        return jd_fail(err, JD_E_NOT_SUPPORTED, "commands are set-clock, get-realtime, history",
                       "命令须为 set-clock、get-realtime 或 history");
    if (start && start->type != JD_JTRUE && start->type != JD_JFALSE)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"start\" must be true or false", "“start”须为 true 或 false");
    o->cn = clock ? 1012 : start && start->type == JD_JFALSE ? 2012 : 2011;
    return 0;
}

/* QN is now with serial % 1000 as its milliseconds: what answers a frame is QN's hhmmsszzz as a number (read_answer),
 * so a caller compares answers % 1000 with serial % 1000, or the whole if it kept now. A device whose edition is not
 * known yet is spoken to by that of 2017. */
static int encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *v, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err) {
    order o = {0};
    jd_str st = member(v, "st"), pw = member(v, "password");
    (void)set;
    if (order_of(v, &o, err)) return -1;
    if (!is_value(st) || !is_value(pw) || !is_value(device))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                       "\"st\", \"password\" and the device's MN are needed, without blanks and ; , = & #",
                       "须有“st”、“password”与设备 MN，且不含空白及 ; , = & #");
    jd_clock8 t = jd_clock8_of(now);
    size_t from = begin(out);
    jd_buf_printf(out, "QN=%04d%02d%02d%02d%02d%02d%03d;", t.year, t.month, t.day, t.hour, t.minute, t.second,
                  serial % 1000);
    jd_buf_printf(out, "ST=%.*s;CN=%d;PW=%.*s;MN=%.*s;Flag=%d;CP=&&", JD_STR_ARG(st), o.cn, JD_STR_ARG(pw),
                  JD_STR_ARG(device), peer && peer->edition == 2005 ? 1 : 5);
    if (o.cn == 1012)
        jd_buf_printf(out, "SystemTime=%04d%02d%02d%02d%02d%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
    if (o.begin.p) jd_buf_printf(out, "BeginTime=%.*s,EndTime=%.*s", JD_STR_ARG(o.begin), JD_STR_ARG(o.end));
    jd_buf_z(out, "&&");
    seal(out, from);
    return 0;
}

/* Everywhere: it may come twice, and in a frame that cannot be read. */
static void conceal(char *p, size_t n) {
    for (size_t i = 0; i + 3 <= n; i++) {
        if (strncasecmp(p + i, "PW=", 3)) continue;
        for (i += 3; i < n && p[i] != ';' && p[i] != ','; i++) p[i] = '*';
    }
}

const jd_protocol jd_hj212 = {.name = "hj212",
                              .en = "pollution stations, HJ 212-2005 and HJ 212-2017",
                              .zh = "污染物在线监控，HJ 212-2005 与 HJ 212-2017",
                              .frame_max = HJ212_FRAME_MAX,
                              .text = 1,
                              .serials = 1000,
                              .find = hj212__find,
                              .decode = decode,
                              .keep = keep,
                              .reply = reply,
                              .conceal = conceal,
                              .encode = encode};
