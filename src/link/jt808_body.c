/* JT/T 808-2013 clause 8 (and JT/T 808-2019): the bodies of the messages that a terminal sends about itself, and of the
 * two answers of a platform. Lengths are read per message and by what fits, not by edition: terminals of 2019 keep
 * fields of 2013. What has no named form here stays as hex. */
#include "link/jt808_int.h"

#include "base/hash.h"

#include <stdio.h>

#define COUNT_OF(x) (sizeof(x) / sizeof *(x))

/* Takes n bytes off the front; NULL: they are not there. */
static const char *take(jd_str *s, size_t n) {
    if (s->n < n) return NULL;
    const char *p = s->p;
    s->p += n;
    s->n -= n;
    return p;
}

/* A text behind a byte that counts it. */
static int take_counted(jd_str *s, jd_str *out) {
    if (!s->n || s->n - 1 < (size_t)(unsigned char)*s->p) return -1;
    out->n = (unsigned char)*take(s, 1);
    out->p = take(s, out->n);
    return 0;
}

static int is_new(const jt808_reader *r) {
    return r->own->edition == 2019;
}

static void put_id(jd_fields *f, const char *name, const char *p) {
    jd_put_hex(f, name, (jd_str){p, 2});
}

/* The message names, by its serial, one of ours. */
static void answers(jt808_reader *r, jd_fields *f, const char *p, int ok) {
    r->out->answers = jd_be16(p);
    r->out->answer_ok = ok;
    jd_put_int(f, "ack_serial", jd_be16(p));
}

/* ---- session ---- */

static int terminal_answer(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n != 5) return -1;
    answers(r, f, s.p, !s.p[4]);
    put_id(f, "ack_id", s.p + 2);
    jd_put_int(f, "result", (unsigned char)s.p[4]);
    return 0;
}

static int platform_answer(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n != 5) return -1;
    jd_put_int(f, "ack_serial", jd_be16(s.p));
    put_id(f, "ack_id", s.p + 2);
    jd_put_int(f, "result", (unsigned char)s.p[4]);
    return 0;
}

static int register_answer(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n < 3) return -1;
    jd_put_int(f, "ack_serial", jd_be16(s.p));
    jd_put_int(f, "result", (unsigned char)s.p[2]);
    if (s.n > 3) jt808__text(f, "auth_code", (jd_str){s.p + 3, s.n - 3});
    return 0;
}

static int empty(jt808_reader *r, jd_str s, jd_fields *f) {
    if (!s.n) return 0;
    jd_put_hex(f, "body_hex", s);
    jd_frame_fault(r->out, r->a, "%.*s has a body of %zu bytes: the standard gives it none",
                   "%.*s 消息带有 %zu 字节消息体，标准规定为空", JD_STR_ARG(r->id), s.n);
    return 0;
}

typedef struct id_layout { /* how long the fields of a terminal's identity are */
    size_t maker, model, terminal;
} id_layout;

static void put_identity(jd_fields *f, jd_str *s, const id_layout *l) {
    jt808__text(f, "maker", (jd_str){take(s, l->maker), l->maker});
    jt808__text(f, "model", (jd_str){take(s, l->model), l->model});
    jt808__text(f, "terminal", (jd_str){take(s, l->terminal), l->terminal});
}

/* 2019 has longer fields, 2011 a shorter model; the plate behind them has no length of its own. */
static int registration(jt808_reader *r, jd_str s, jd_fields *f) {
    static const id_layout of2011 = {5, 8, 7}, of2013 = {5, 20, 7}, of2019 = {11, 30, 30};
    const id_layout *l = is_new(r) && s.n >= 76 ? &of2019 : s.n >= 37 ? &of2013 : s.n >= 25 ? &of2011 : NULL;
    if (!l) return -1;
    if (is_new(r) && l != &of2019)
        jd_frame_fault(r->out, r->a, "a header of 2019 with a registration of an older edition (%zu bytes)",
                       "消息头为 2019 版，注册消息体却为旧版（%zu 字节）", s.n);
    else if (l == &of2011)
        r->own->edition = 2011;
    jd_put_int(f, "province", jd_be16(take(&s, 2)));
    jd_put_int(f, "city", jd_be16(take(&s, 2)));
    put_identity(f, &s, l);
    int color = (unsigned char)*take(&s, 1);
    jd_put_int(f, "plate_color", color);
    jt808__text(f, "plate", s);
    if (!color && s.n >= 17) jt808__text(f, "vin", s); /* a vehicle without a plate gives its VIN there */
    return 0;
}

void jt808__auth_code(jd_str phone, char out[13]) {
    char text[64];
    int n = snprintf(text, sizeof text, "jt808-auth:%.*s", (int)(phone.n < 40 ? phone.n : 40), phone.p);
    snprintf(out, 13, "%012llx", (unsigned long long)(jd_hash_fixed(text, (size_t)n) & 0xffffffffffff));
}

/* Terminals keep the code of the platform that they registered with before: a link takes it and says so. */
static void check_code(jt808_reader *r, jd_str code) {
    char ours[13];
    while (code.n && !code.p[code.n - 1]) code.n--; /* some fill a field of fixed size */
    jt808__auth_code(r->phone, ours);
    if (jd_str_is(code, ours)) return;
    if (!r->set->field) r->own->result = 1;
    jd_frame_fault(r->out, r->a, "the authentication code is not ours", "鉴权码不是本平台所发");
}

static int authentication(jt808_reader *r, jd_str s, jd_fields *f) {
    jd_str left = s, code = s;
    const char *imei = NULL;
    if (is_new(r)) {
        if (!take_counted(&left, &code))
            imei = take(&left, 15);
        else
            jd_frame_fault(r->out, r->a, "a header of 2019 with an authentication of 2013",
                           "消息头为 2019 版，鉴权消息体却为 2013 版");
    }
    jt808__text(f, "auth_code", code);
    if (imei) {
        jt808__text(f, "imei", (jd_str){imei, 15});
        /* 20 bytes by the standard; some count it instead. */
        jd_str version = left, counted;
        if (left.n != 20 && !take_counted(&left, &counted) && !left.n) version = counted;
        jt808__text(f, "software", version);
    }
    check_code(r, code);
    return 0;
}

/* 2013 and 2019 differ in three lengths and some terminals of 2019 mix them: the layout that ends where the body ends
 * is meant. */
static int attributes(jt808_reader *r, jd_str s, jd_fields *f) {
    static const id_layout layouts[] = {{5, 20, 7}, {11, 30, 30}, {5, 30, 30}, {11, 20, 7}, {5, 20, 30}};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        const id_layout *l = &layouts[i];
        jd_str left = s, hardware, firmware;
        if (!take(&left, 2 + l->maker + l->model + l->terminal + 10)) continue;
        if (take_counted(&left, &hardware) || take_counted(&left, &firmware) || left.n != 2) continue;
        jd_put_int(f, "terminal_type", jd_be16(take(&s, 2)));
        put_identity(f, &s, l);
        jd_put_hex(f, "iccid", (jd_str){take(&s, 10), 10});
        jt808__text(f, "hardware", hardware);
        jt808__text(f, "firmware", firmware);
        jd_put_int(f, "gnss", (unsigned char)left.p[0]);
        jd_put_int(f, "network", (unsigned char)left.p[1]);
        return 0;
    }
    (void)r;
    return -1;
}

/* ---- parameters ---- */

unsigned jt808__parameter_width(uint32_t id, unsigned edition) {
    switch (id) {
    case 0x31:
    case 0x5b:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x81:
    case 0x82:
    case 0x101:
    case 0x103: return 2;
    case 0x84:
    case 0x90:
    case 0x91:
    case 0x92:
    case 0x94: return 1;
    case 0x1a:
    case 0x1d:
    case 0x48:
    case 0x49:
    case 0x83: return 0;
    default: break;
    }
    if ((id >= 0x10 && id <= 0x17) || (id >= 0x40 && id <= 0x44)) return 0;
    return edition == 2019 && id >= 0x23 && id <= 0x26 ? 0 : 4;
}

static jd_jval parameter(jt808_reader *r, uint32_t id, jd_str v) {
    jd_fields f = jd_fields_new(r->a);
    jd_put_str(&f, "id", jd_arena_printf(r->a, "0x%04x", id));
    if (!jt808__parameter_width(id, r->own->edition))
        jt808__text(&f, "value", v);
    else if (v.n == 4)
        jd_put_int(&f, "value", jd_be32(v.p));
    else if (v.n == 2)
        jd_put_int(&f, "value", jd_be16(v.p));
    else if (v.n == 1)
        jd_put_int(&f, "value", (unsigned char)*v.p);
    else
        jd_put_hex(&f, "hex", v);
    return jd_fields_end(&f);
}

static int parameters(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 3) return -1;
    unsigned count = (unsigned char)s.p[2], n = 0;
    answers(r, f, s.p, 1);
    jd_put_int(f, "count", count);
    jd_list l = jd_list_new(r->a);
    jd_str left = {s.p + 3, s.n - 3}, v;
    for (; left.n >= 5; n++) {
        jd_str at = left;
        uint32_t id = jd_be32(take(&left, 4));
        if (take_counted(&left, &v)) {
            left = at;
            break;
        }
        jd_list_add(&l, parameter(r, id, v));
    }
    jd_put(f, "parameters", jd_list_end(&l));
    if (left.n) jd_put_hex(f, "parameters_rest", left);
    if (left.n || n != count)
        jd_frame_fault(r->out, r->a, "%u parameters are announced, %u are there, %zu bytes are left",
                       "声明 %u 个参数，实有 %u 个，剩余 %zu 字节", count, n, left.n);
    return 0;
}

/* ---- places ---- */

static int place(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < JT808_PLACE) return -1;
    jt808__place(r, s, f, 1, 0);
    return 0;
}

static int asked_place(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 2 + JT808_PLACE) return -1;
    answers(r, f, s.p, 1);
    jt808__place(r, (jd_str){s.p + 2, s.n - 2}, f, 1, 0);
    return 0;
}

static jd_jval batch_item(jt808_reader *r, jd_str s, int backlog, unsigned no) {
    jd_fields f = jd_fields_new(r->a);
    if (s.n >= JT808_PLACE) {
        jt808__place(r, s, &f, 1, backlog);
    } else {
        jd_put_hex(&f, "hex", s);
        jd_frame_fault(r->out, r->a, "location %u has %zu bytes: a location has 28 or more",
                       "第 %u 条位置数据只有 %zu 字节，至少应为 28 字节", no, s.n);
    }
    return jd_fields_end(&f);
}

static int batch(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 3) return -1;
    unsigned count = jd_be16(s.p), type = (unsigned char)s.p[2], n = 0;
    size_t at = 3;
    jd_list l = jd_list_new(r->a);
    r->out->resent = type == 1;
    while (s.n - at >= 2 && jd_be16(s.p + at) <= s.n - at - 2) {
        size_t len = jd_be16(s.p + at);
        jd_list_add(&l, batch_item(r, (jd_str){s.p + at + 2, len}, type == 1, ++n));
        at += 2 + len;
    }
    jd_put_int(f, "count", count);
    jd_put_int(f, "type", type);
    jd_put(f, "positions", jd_list_end(&l));
    if (at < s.n) jd_put_hex(f, "positions_rest", (jd_str){s.p + at, s.n - at});
    if (at < s.n || n != count)
        jd_frame_fault(r->out, r->a, "%u locations are announced, %u are there, %zu bytes are left",
                       "声明 %u 条位置数据，实有 %u 条，剩余 %zu 字节", count, n, s.n - at);
    return 0;
}

/* ---- driver, media, events ---- */

static void put_day(jd_fields *f, const char *name, const char *p) {
    int century = jd_bcd(p[0]), year = jd_bcd(p[1]), month = jd_bcd(p[2]), day = jd_bcd(p[3]);
    if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1 || day > 31)
        jd_put_named(f, jd_arena_printf(f->a, "%s_hex", name), jd_jhex(f->a, (jd_str){p, 4}));
    else
        jd_put_str(f, name, jd_arena_printf(f->a, "%02d%02d-%02d-%02d", century, year, month, day));
}

/* Who drives, when a card was put in: each field as far as the body goes. 0; -1: it ends inside one. */
static int driver_card(jt808_reader *r, jd_str *s, jd_fields *f) {
    jd_str text;
    const char *p;
    jd_put_int(f, "card_result", (unsigned char)*take(s, 1));
    if (take_counted(s, &text)) return -1;
    jt808__text(f, "driver_name", text);
    if (!(p = take(s, 20))) return -1;
    jt808__text(f, "licence_no", (jd_str){p, 20});
    if (take_counted(s, &text)) return -1;
    jt808__text(f, "authority", text);
    if (!(p = take(s, 4))) return -1;
    put_day(f, "licence_expires", p);
    if (is_new(r) && (p = take(s, 20))) jt808__text(f, "driver_id_no", (jd_str){p, 20});
    return s->n ? -1 : 0;
}

/* 2011 began with the driver's name; no vector has it, so it is told by the state and left as hex. */
static int driver(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 7 || (s.p[0] != 1 && s.p[0] != 2)) return -1;
    jd_put_bool(f, "card_in", *take(&s, 1) == 1);
    if (jt808__time(f, "time", take(&s, 6)))
        jd_frame_fault(r->out, r->a, "time is no time: kept as hex", "时间无效，按十六进制保留");
    return s.n ? driver_card(r, &s, f) : 0;
}

static const jt808_part media_parts[] = {
    {"media_id", 4, JT808_INT}, {"media_type", 1, JT808_INT}, {"format", 1, JT808_INT},
    {"event", 1, JT808_INT},    {"channel", 1, JT808_INT},
};
enum { MEDIA = 8 };

static int media_event(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n != MEDIA) return -1;
    jt808__parts(f, media_parts, COUNT_OF(media_parts), s.p);
    return 0;
}

/* 2011 had no location between the head and the picture, which then begins as a JPEG does. */
static int media(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < MEDIA) return -1;
    jt808__parts(f, media_parts, COUNT_OF(media_parts), s.p);
    r->own->media = 1;
    r->own->media_id = jd_be32(s.p);
    size_t at = MEDIA;
    int placeless = s.n >= MEDIA + 2 && jd_be16(s.p + MEDIA) == 0xffd8;
    if (!placeless && s.n >= MEDIA + JT808_PLACE) {
        jd_fields where = jd_fields_new(r->a);
        jt808__place(r, (jd_str){s.p + MEDIA, JT808_PLACE}, &where, 0, 0);
        jd_put(f, "location", jd_fields_end(&where));
        at += JT808_PLACE;
    }
    jd_put_int(f, "data_bytes", (int64_t)(s.n - at));
    return 0;
}

static int event_report(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n != 1) return -1;
    jd_put_int(f, "event_id", (unsigned char)*s.p);
    return 0;
}

static int question_answer(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n != 3) return -1;
    answers(r, f, s.p, 1);
    jd_put_int(f, "answer_id", (unsigned char)s.p[2]);
    return 0;
}

static int information(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n != 2) return -1;
    jd_put_int(f, "info_type", (unsigned char)s.p[0]);
    jd_put_bool(f, "subscribed", s.p[1] == 1);
    return 0;
}

/* Answers whose content stays as hex. */
static int acked(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 2) return -1;
    answers(r, f, s.p, 1);
    return 0;
}

static int acked_result(jt808_reader *r, jd_str s, jd_fields *f) {
    if (s.n < 3) return -1;
    answers(r, f, s.p, !s.p[2]);
    jd_put_int(f, "result", (unsigned char)s.p[2]);
    return 0;
}

static int upgrade(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (s.n != 2) return -1;
    jd_put_int(f, "upgrade_type", (unsigned char)s.p[0]);
    jd_put_int(f, "result", (unsigned char)s.p[1]);
    return 0;
}

static int passthrough(jt808_reader *r, jd_str s, jd_fields *f) {
    (void)r;
    if (!s.n) return -1;
    jd_put_int(f, "passthrough_type", (unsigned char)*s.p);
    jd_put_hex(f, "data_hex", (jd_str){s.p + 1, s.n - 1});
    return 0;
}

/* Active safety: a file of evidence is complete. */
static int file_done(jt808_reader *r, jd_str s, jd_fields *f) {
    jd_str name;
    if (take_counted(&s, &name) || s.n != 5) return -1;
    r->own->file = name;
    r->own->file_type = (unsigned char)s.p[0];
    jt808__text(f, "file", name);
    jd_put_int(f, "file_type", r->own->file_type);
    jd_put_int(f, "file_bytes", jd_be32(s.p + 1));
    return 0;
}

/* ---- which message is which ---- */

typedef struct message {
    unsigned short id;
    unsigned char firm; /* a body of another shape is no such message: refused; else it is kept as hex */
    unsigned char raw;  /* its bytes are put beside the names */
    int (*read)(jt808_reader *r, jd_str s, jd_fields *f);
} message;

static const message messages[] = {
    {0x0001, 1, 0, terminal_answer}, {0x0002, 0, 0, empty},        {0x0003, 0, 0, empty},
    {0x0004, 0, 0, empty},           {0x0100, 1, 0, registration}, {0x0102, 1, 0, authentication},
    {0x0104, 0, 1, parameters},      {0x0107, 0, 1, attributes},   {0x0108, 0, 1, upgrade},
    {0x0200, 1, 0, place},           {0x0201, 1, 0, asked_place},  {0x0301, 0, 1, event_report},
    {0x0302, 0, 1, question_answer}, {0x0303, 0, 1, information},  {0x0500, 1, 0, asked_place},
    {0x0700, 0, 1, acked},           {0x0702, 0, 1, driver},       {0x0704, 1, 0, batch},
    {0x0800, 0, 1, media_event},     {0x0801, 0, 1, media},        {0x0802, 0, 1, acked},
    {0x0805, 0, 1, acked_result},    {0x0900, 0, 1, passthrough},  {0x1205, 0, 1, acked},
    {0x1206, 0, 1, acked_result},    {0x1212, 0, 1, file_done},    {0x8001, 1, 0, platform_answer},
    {0x8100, 1, 0, register_answer},
};

static const message *message_of(unsigned id) {
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        if (messages[i].id == id) return &messages[i];
    return NULL;
}

enum { RAW_MOST = 64 }; /* bytes of a body that has names and is shown in full beside them */

static int odd_shape(jt808_reader *r, const message *m, size_t n) {
    static const char en[] = "%.*s cannot have a body of %zu bytes with this content";
    static const char zh[] = "%.*s 消息体（%zu 字节）与其格式不符";
    if (!m->firm)
        jd_frame_fault(r->out, r->a, en, zh, JD_STR_ARG(r->id), n);
    else if (jd_frame_lapse(r->set, r->out, r->a, r->err, en, zh, JD_STR_ARG(r->id), n))
        return r->own->result = 2, -1;
    return 0;
}

int jt808__body(jt808_reader *r, jd_str body, jd_fields *top) {
    const message *m = message_of(r->own->id);
    jd_fields f = jd_fields_sized(r->a, m && m->read == place ? JT808_PLACE_FIELDS : 16);
    int rc = 0, odd = m && m->read(r, body, &f);
    if (odd) rc = odd_shape(r, m, body.n);
    int whole = !m || odd || body.n <= RAW_MOST;
    if (!m || odd || m->raw) {
        if (whole) jd_put_hex(&f, "body_hex", body);
        if (body.n > RAW_MOST) jd_put_int(&f, "body_bytes", (int64_t)body.n);
    }
    jd_put(top, "body", jd_fields_end(&f));
    r->out->rows = r->rows.v;
    r->out->rows_n = r->rows.n;
    return rc;
}
