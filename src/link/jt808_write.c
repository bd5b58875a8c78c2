/* JT/T 808-2013 clauses 4.4 and 8: frames to a terminal, and the commands that a platform may give it. A command fits
 * one frame: no message to a terminal is split here. */
#include "link/jt808_int.h"

#include <iconv.h>
#include <math.h>
#include <stdio.h>

enum { BODY_MOST = 1023 };

typedef struct escaped { /* bytes between the marks; there is room for each to be escaped */
    char *to;
    unsigned char sum;
} escaped;

static inline void add(escaped *e, unsigned char c) {
    e->sum ^= c;
    if (c == 0x7e || c == 0x7d) {
        *e->to++ = 0x7d;
        *e->to++ = c == 0x7e ? 2 : 1;
    } else {
        *e->to++ = (char)c;
    }
}

static void add_all(escaped *e, jd_str s) {
    for (size_t i = 0; i < s.n; i++) add(e, (unsigned char)s.p[i]);
}

static void add16(escaped *e, unsigned v) {
    add(e, (unsigned char)(v >> 8));
    add(e, (unsigned char)v);
}

void jt808__frame(jd_buf *out, const jt808_own *to, unsigned id, uint16_t serial, jd_str body) {
    int late = to->edition == 2019;
    escaped e = {.to = jd_buf_room(out, 2 + 2 * (8 + to->phone.n + body.n))};
    *e.to++ = 0x7e;
    add16(&e, id);
    add16(&e, (unsigned)body.n | (late ? 0x4000u : 0));
    if (late) add(&e, to->version);
    add_all(&e, to->phone);
    add16(&e, serial);
    add_all(&e, body);
    add(&e, e.sum);
    *e.to++ = 0x7e;
    out->n = (size_t)(e.to - out->p);
}

/* ---- commands ---- */

typedef struct writer {
    const jd_jval *command;
    unsigned edition;
    jd_buf body;
    jd_err *err;
} writer;

static int whole_number(const jd_jval *v, double most, uint32_t *out) {
    if (v->type != JD_JNUM) return -1;
    double d = jd_jnum(v);
    if (!(d >= 0 && d <= most) || d != floor(d)) return -1;
    *out = (uint32_t)d;
    return 0;
}

/* A member that is a whole number; `absent` stands for one that is not given, -1: it must be. */
static int get(writer *w, const char *name, uint32_t most, int64_t absent, uint32_t *out) {
    const jd_jval *v = jd_jget(w->command, name);
    if (!v && absent >= 0) {
        *out = (uint32_t)absent;
        return 0;
    }
    if (v && !whole_number(v, most, out)) return 0;
    return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "the command needs \"%s\": a whole number from 0 to %u",
                   "命令需要成员“%s”：0 到 %u 的整数", name, most);
}

/* Terminals read GBK. */
static int add_gbk(writer *w, jd_str text) {
    iconv_t cd = iconv_open("GBK", "UTF-8");
    char *from = (char *)(uintptr_t)text.p, *to = jd_buf_room(&w->body, text.n); /* iconv only reads the text */
    size_t left = text.n, room = text.n;
    int bad = cd == (iconv_t)-1 || (text.n && iconv(cd, &from, &left, &to, &room) == (size_t)-1);
    if (cd != (iconv_t)-1) iconv_close(cd);
    if (bad)
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "the text has a character that GBK lacks",
                       "文本含有 GBK 没有的字符");
    w->body.n += text.n - room;
    return 0;
}

/* 8300. 2019 adds a kind: 1 a notice, 2 a service. */
static int text(writer *w) {
    const jd_jval *v = jd_jget(w->command, "text");
    uint32_t flags, type;
    if (!v || v->type != JD_JSTR)
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "the command needs \"text\": a text", "命令需要成员“text”：文本");
    if (get(w, "flags", 255, 8, &flags) || get(w, "type", 255, 1, &type)) return -1;
    jd_buf_c(&w->body, (char)(unsigned char)flags);
    if (w->edition == 2019) jd_buf_c(&w->body, (char)(unsigned char)type);
    return add_gbk(w, jd_jstr(v));
}

static int locate(writer *w) {
    (void)w;
    return 0;
}

/* 8202. An interval of 0 ends the tracking, and nothing follows it. */
static int track(writer *w) {
    uint32_t interval = 0, duration = 0;
    if (get(w, "interval_s", 65535, -1, &interval)) return -1;
    if (interval && get(w, "duration_s", UINT32_MAX, -1, &duration)) return -1;
    jd_be16_add(&w->body, interval);
    if (interval) jd_be32_add(&w->body, duration);
    return 0;
}

/* 8105. Codes 1 and 2 take parameters, a text of fields between semicolons. */
static int terminal_control(writer *w) {
    const jd_jval *v = jd_jget(w->command, "parameters");
    uint32_t code = 0;
    if (get(w, "code", 255, -1, &code)) return -1;
    jd_buf_c(&w->body, (char)(unsigned char)code);
    if (!v) return 0;
    if (v->type != JD_JSTR)
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "\"parameters\" of a terminal control is a text",
                       "终端控制的“parameters”应为文本");
    return add_gbk(w, jd_jstr(v));
}

/* 8500. 2013: bit 0 locks. 2019: a list of controls, of which 0001 is the doors, where 0 locks. */
static int vehicle_control(writer *w) {
    const jd_jval *v = jd_jget(w->command, "lock");
    if (!v || (v->type != JD_JTRUE && v->type != JD_JFALSE))
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "the command needs \"lock\": true or false",
                       "命令需要成员“lock”：true 或 false");
    int lock = v->type == JD_JTRUE;
    if (w->edition == 2019) {
        jd_be16_add(&w->body, 1);
        jd_be16_add(&w->body, 1);
        jd_buf_c(&w->body, (char)!lock);
    } else {
        jd_buf_c(&w->body, (char)lock);
    }
    return 0;
}

/* "0x0029" or "41". */
static int parameter_id(jd_str s, uint32_t *id) {
    int hex = s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x';
    uint64_t v = 0;
    if (hex) s.p += 2, s.n -= 2;
    if (!s.n || s.n > 10) return -1;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 32);
        int digit = s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return -1;
        v = v * (hex ? 16 : 10) + (unsigned)digit;
    }
    *id = (uint32_t)v;
    return v > UINT32_MAX ? -1 : 0;
}

/* A number as wide as the standard's table has it, a text as it stands. */
static int parameter(writer *w, const jd_jmember *m) {
    static const uint32_t most[] = {0, 255, 65535, 0, UINT32_MAX};
    uint32_t id, v = 0;
    if (parameter_id(m->name, &id))
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "\"%.*s\" names no parameter: 0x0029 does",
                       "“%.*s”不是参数编号，应如 0x0029", JD_STR_ARG(m->name));
    unsigned width = jt808__parameter_width(id, w->edition);
    jd_be32_add(&w->body, id);
    size_t at = w->body.n;
    jd_buf_c(&w->body, (char)width);
    if (m->val.type == JD_JSTR && !width) {
        if (add_gbk(w, jd_jstr(&m->val))) return -1;
        if (w->body.n - at - 1 > 255)
            return jd_fail(w->err, JD_E_TOO_LARGE, "parameter %.*s is longer than 255 bytes", "参数 %.*s 超过 255 字节",
                           JD_STR_ARG(m->name));
        w->body.p[at] = (char)(unsigned char)(w->body.n - at - 1);
        return 0;
    }
    if (!width || whole_number(&m->val, most[width], &v))
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "parameter %.*s takes %s", "参数 %.*s 的值应为：%s",
                       JD_STR_ARG(m->name),
                       !width       ? "text"
                       : width == 4 ? "0..4294967295"
                       : width == 2 ? "0..65535"
                                    : "0..255");
    for (unsigned i = width; i-- > 0;) jd_buf_c(&w->body, (char)(unsigned char)(v >> 8 * i));
    return 0;
}

static int set_parameters(writer *w) {
    const jd_jval *v = jd_jget(w->command, "parameters");
    if (!v || v->type != JD_JOBJ || !v->n || v->n > 255)
        return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "the command needs \"parameters\": an object of 1 to 255 members",
                       "命令需要成员“parameters”：含 1 到 255 个成员的对象");
    jd_buf_c(&w->body, (char)(unsigned char)v->n);
    for (uint32_t i = 0; i < v->n; i++)
        if (parameter(w, &v->members[i])) return -1;
    return 0;
}

/* 8203. */
static int clear_alarm(writer *w) {
    uint32_t serial = 0, alarm = 0;
    if (get(w, "serial", 65535, -1, &serial) || get(w, "alarm", UINT32_MAX, -1, &alarm)) return -1;
    jd_be16_add(&w->body, serial);
    jd_be32_add(&w->body, alarm);
    return 0;
}

static const struct command {
    const char *name;
    unsigned id;
    int (*write)(writer *w);
} commands[] = {
    {"text", 0x8300, text},
    {"locate", 0x8201, locate},
    {"track", 0x8202, track},
    {"terminal-control", 0x8105, terminal_control},
    {"vehicle-control", 0x8500, vehicle_control},
    {"set-parameters", 0x8103, set_parameters},
    {"clear-alarm", 0x8203, clear_alarm},
};

static const struct command *command_of(const jd_jval *v) {
    const jd_jval *name = jd_jget(v, "command");
    for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++)
        if (jd_jis(name, commands[i].name)) return &commands[i];
    return NULL;
}

/* Digits to packed decimal, right-aligned in `size` bytes. */
static int phone_bytes(jd_str device, size_t size, char *out) {
    memset(out, 0, size);
    if (!device.n || device.n > 2 * size) return -1;
    for (size_t i = 0; i < device.n; i++) {
        char c = device.p[device.n - 1 - i];
        if (c < '0' || c > '9') return -1;
        char *at = &out[size - 1 - i / 2];
        *at = (char)(unsigned char)((unsigned char)*at | (unsigned)(c - '0') << (i & 1 ? 4 : 0));
    }
    return 0;
}

int jt808__encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err) {
    (void)set, (void)now;
    const struct command *c = command_of(command);
    unsigned edition = device.n > 12 || peer->edition == 2019 ? 2019 : 2013;
    char phone[10];
    jt808_own to = {.edition = edition, .version = 1, .phone = {phone, edition == 2019 ? 10 : 6}};
    if (!c)
        return jd_fail(
            err, JD_E_BAD_REQUEST_DATA,
            "jt808 knows the commands text, locate, track, terminal-control, vehicle-control, set-parameters, "
            "clear-alarm",
            "jt808 支持的命令：text、locate、track、terminal-control、vehicle-control、set-parameters、clear-alarm");
    if (phone_bytes(device, to.phone.n, phone))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a terminal's phone number has up to 12 digits, or 20 in 2019",
                       "终端手机号最多 12 位数字，2019 版最多 20 位");
    writer w = {.command = command, .edition = edition, .err = err};
    int rc = c->write(&w);
    if (!rc && w.body.n > BODY_MOST)
        rc = jd_fail(err, JD_E_TOO_LARGE, "the command has %zu bytes: a frame carries 1023",
                     "命令长 %zu 字节，一帧最多 1023 字节", w.body.n);
    if (!rc) jt808__frame(out, &to, c->id, serial, jd_buf_view(&w.body));
    jd_buf_fini(&w.body);
    return rc;
}
