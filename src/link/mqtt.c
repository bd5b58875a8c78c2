/* MQTT 3.1.1 (OASIS, 2014) as a subscriber: what devices publish to a broker comes as frames like any other.
 *
 * Not libmosquitto: it acknowledges a message (PUBACK) before the program has seen it, so what a crash loses the broker
 * would not send again. Here a PUBLISH of QoS 1 is acknowledged when its readings are durable; the session is kept by
 * the broker (clean session 0), which sends again what was not. Options of the link: clientId, username, password,
 * topics (filters), device ("topic:2": the second level of the topic; "payload:/id": a JSON Pointer). */
#include "link/fields.h"
#include "link/protocol.h"

enum {
    CONNECT = 1,
    CONNACK = 2,
    PUBLISH = 3,
    PUBACK = 4,
    PUBREC = 5,
    PUBREL = 6,
    PUBCOMP = 7,
    SUBSCRIBE = 8,
    SUBACK = 9,
    PINGREQ = 12,
    PINGRESP = 13
};
enum { KEEPALIVE_S = 60, SUBSCRIBE_ID = 1, LEVELS_MAX = 16, FRAME_MAX = 256 << 10 };

typedef struct packet {
    int type, flags;
    jd_str body;
} packet;

/* ---- framing (2.2) ---- */

/* Bytes of the whole packet that begins at p; 0: more must come; SIZE_MAX: none can begin so. */
static size_t packet_size(jd_str b, size_t *head) {
    size_t n = 0, i = 1;
    unsigned type = (unsigned char)b.p[0] >> 4;
    if (!type || type == CONNECT || type == 15) return SIZE_MAX;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        if (i >= b.n) return 0;
        unsigned char c = (unsigned char)b.p[i++];
        n |= (size_t)(c & 0x7f) << shift;
        if (c & 0x80) continue;
        *head = i;
        if (n + i > FRAME_MAX) return SIZE_MAX;
        return b.n >= n + i ? n + i : 0;
    }
    return SIZE_MAX;
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    size_t head = 0, n = bytes.n ? packet_size(bytes, &head) : 0;
    (void)set;
    if (n == SIZE_MAX) { /* the stream has lost its step: nothing behind can be trusted */
        out->skip = bytes.n;
        out->junk = 1;
    } else {
        out->n = n;
    }
}

/* ---- PUBLISH (3.3) ---- */

static const char *const type_names[] = {"",        "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                         "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                         "PINGREQ", "PINGRESP", "DISCONNECT", ""};

static jd_str option(const jd_link_set *set, const char *name) {
    const jd_jval *v = set->options ? jd_jget(set->options, name) : NULL;
    return v && v->type == JD_JSTR ? jd_jstr(v) : (jd_str){NULL, 0};
}

/* RFC 6901, without escapes: names of members and numbers of items. */
static const jd_jval *pointer(const jd_jval *v, jd_str path) {
    while (v && path.n && path.p[0] == '/') {
        const char *end = memchr(path.p + 1, '/', path.n - 1);
        jd_str step = {path.p + 1, end ? (size_t)(end - path.p) - 1 : path.n - 1};
        path = (jd_str){step.p + step.n, path.n - 1 - step.n};
        if (v->type == JD_JARR) {
            uint32_t no = 0;
            for (size_t i = 0; i < step.n; i++) no = no * 10 + (uint32_t)(step.p[i] - '0');
            v = no < v->n ? &v->items[no] : NULL;
        } else {
            v = jd_jget_str(v, step);
        }
    }
    return v;
}

static jd_str device_of(const jd_link_set *set, jd_str topic, const jd_jval *payload) {
    jd_str how = option(set, "device");
    if (jd_str_starts(how, JD_STR("payload:"))) {
        const jd_jval *v = pointer(payload, (jd_str){how.p + 8, how.n - 8});
        return v && (v->type == JD_JSTR || v->type == JD_JNUM) ? jd_jstr(v) : (jd_str){NULL, 0};
    }
    if (!jd_str_starts(how, JD_STR("topic:"))) return topic;
    unsigned level = 0;
    for (size_t i = 6; i < how.n && level < LEVELS_MAX; i++) level = level * 10 + (unsigned)(how.p[i] - '0');
    for (unsigned at = 1;; at++) {
        const char *end = topic.n ? memchr(topic.p, '/', topic.n) : NULL;
        jd_str one = {topic.p, end ? (size_t)(end - topic.p) : topic.n};
        if (at == level || !end) return at == level ? one : (jd_str){NULL, 0};
        topic = (jd_str){end + 1, topic.n - one.n - 1};
    }
}

static void put_levels(jd_fields *f, jd_str topic) {
    for (unsigned i = 1; i <= LEVELS_MAX && topic.n; i++) {
        const char *end = memchr(topic.p, '/', topic.n);
        size_t n = end ? (size_t)(end - topic.p) : topic.n;
        jd_put_named(f, jd_arena_printf(f->a, "topic%u", i), jd_jmake_str((jd_str){topic.p, n}));
        topic = end ? (jd_str){end + 1, topic.n - n - 1} : (jd_str){topic.p, 0};
    }
}

static int publish(const jd_link_set *set, const packet *p, jd_arena *a, jd_frame *out, jd_fields *f, jd_err *err) {
    jd_str b = p->body;
    int qos = p->flags >> 1 & 3;
    size_t n = b.n >= 2 ? jd_be16(b.p) : 0, at = 2 + n + (qos ? 2 : 0);
    if (b.n < 2 || at > b.n || qos == 3)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "PUBLISH is shorter than its topic", "PUBLISH 报文短于其主题");
    if (jd_utf8_bad(b.p + 2, n) < n)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the topic is no UTF-8 (1.5.3)", "主题不是 UTF-8（1.5.3）");
    jd_str topic = {b.p + 2, n}, payload = {b.p + at, b.n - at};
    uint16_t *id = jd_arena_alloc(a, sizeof *id);
    *id = qos ? (uint16_t)jd_be16(b.p + 2 + n) : 0;
    jd_jval v;
    jd_err why = {0};
    jd_put_str(f, "topic", topic);
    put_levels(f, topic);
    jd_put_int(f, "qos", qos);
    jd_put_bool(f, "retain", p->flags & 1);
    if (jd_json_parse(a, payload, NULL, &v, &why)) {
        if (jd_frame_lapse(set, out, a, err, "the payload is no JSON: %s%.0s", "载荷不是 JSON：%.0s%s", why.en, why.zh))
            return -1;
        jd_put_gbk(f, "payload", payload);
        v = jd_jmake_null();
    } else {
        jd_put(f, "payload", v);
    }
    out->device = device_of(set, topic, &v);
    out->own = id;
    out->resent = p->flags >> 3 & 1;
    return 0;
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    size_t head = 0, n = bytes.n ? packet_size(bytes, &head) : 0;
    (void)peer;
    if (!n || n == SIZE_MAX || n != bytes.n)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "no whole MQTT packet", "不是完整的 MQTT 报文");
    packet p = {(unsigned char)bytes.p[0] >> 4, bytes.p[0] & 15, {bytes.p + head, n - head}};
    jd_fields f = jd_fields_new(a);
    out->kind = jd_str_of(type_names[p.type]);
    jd_put_str(&f, "type", out->kind);
    int rc = 0;
    if (p.type == PUBLISH) {
        rc = publish(set, &p, a, out, &f, err);
    } else if (p.type == CONNACK) {
        int code = p.body.n >= 2 ? (unsigned char)p.body.p[1] : 255;
        jd_put_int(&f, "code", code);
        if (code)
            rc = jd_fail(err, JD_E_BAD_REQUEST_DATA, "the broker refuses us with code %d (3.2.2.3)",
                         "代理拒绝连接，代码 %d（3.2.2.3）", code);
    } else if (p.type == SUBACK) {
        int refused = p.body.n < 3;
        for (size_t i = 2; i < p.body.n; i++) refused |= (unsigned char)p.body.p[i] == 0x80;
        jd_put_bool(&f, "granted", !refused);
        if (refused) rc = jd_fail(err, JD_E_BAD_REQUEST_DATA, "the broker refuses a subscription", "代理拒绝了订阅");
    } else if (p.type == PUBACK && p.body.n >= 2) {
        out->answers = jd_be16(p.body.p);
        out->answer_ok = 1;
    }
    out->fields = jd_fields_end(&f);
    if (rc || p.type != PUBLISH) return rc;
    out->rows = JD_NEW(a, jd_jval);
    *out->rows = out->fields;
    out->rows_n = 1;
    return 0;
}

/* ---- what we say ---- */

static void add_packet(jd_buf *out, int first, const jd_buf *body) {
    size_t left = body->n;
    jd_buf_c(out, (char)(unsigned char)first);
    do { /* the same 7 bits a byte, low first */
        unsigned char c = (unsigned char)(left & 0x7f);
        left >>= 7;
        jd_buf_c(out, (char)(unsigned char)(left ? c | 0x80 : c));
    } while (left);
    jd_buf_str(out, jd_buf_view(body));
}

static void add_text(jd_buf *b, jd_str s) {
    size_t n = s.n < 65535 ? s.n : 65535;
    jd_be16_add(b, (uint32_t)n);
    jd_buf_add(b, s.p, n);
}

/* CONNECT (3.1) and SUBSCRIBE (3.8); a broker takes the second before it has answered the first. */
static void hello(const jd_link_set *set, jd_peer *peer, jd_buf *out) {
    jd_str user = option(set, "username"), password = option(set, "password"), id = option(set, "clientId");
    const jd_jval *topics = set->options ? jd_jget(set->options, "topics") : NULL;
    jd_buf b = {0};
    (void)peer;
    add_text(&b, JD_STR("MQTT"));
    jd_buf_c(&b, 4);
    jd_buf_c(&b, (char)(unsigned char)((user.p ? 0x80 : 0) | (password.p ? 0x40 : 0)));
    jd_be16_add(&b, KEEPALIVE_S * 2);
    add_text(&b, id.n ? id : JD_STR("jindu"));
    if (user.p) add_text(&b, user);
    if (password.p) add_text(&b, password);
    add_packet(out, CONNECT << 4, &b);
    b.n = 0;
    jd_be16_add(&b, SUBSCRIBE_ID);
    for (uint32_t i = 0; topics && topics->type == JD_JARR && i < topics->n; i++) {
        if (topics->items[i].type != JD_JSTR) continue;
        add_text(&b, jd_jstr(&topics->items[i]));
        jd_buf_c(&b, 1); /* QoS 1 */
    }
    if (b.n == 2) { /* none named: everything */
        add_text(&b, JD_STR("#"));
        jd_buf_c(&b, 1);
    }
    add_packet(out, SUBSCRIBE << 4 | 2, &b);
    jd_buf_fini(&b);
}

static void ping(const jd_link_set *set, jd_peer *peer, jd_buf *out) {
    jd_buf b = {0};
    (void)set, (void)peer;
    add_packet(out, PINGREQ << 4, &b);
}

/* PUBACK (3.4), also of what will never be understood: the broker would send it for ever. */
static const void *keep(const jd_frame *f, jd_arena *a) {
    if (!f->own) return NULL;
    uint16_t *kept = jd_arena_alloc(a, sizeof *kept);
    *kept = *(const uint16_t *)f->own;
    return kept;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    const uint16_t *id = f->own;
    jd_buf b = {0};
    (void)set, (void)now, (void)peer;
    if (!id || !*id || outcome == JD_OUT_BUSY) return;
    jd_be16_add(&b, *id);
    add_packet(out, PUBACK << 4, &b);
    jd_buf_fini(&b);
}

/* {"command": "publish", "topic": "...", "payload": ...}: QoS 1; the broker's PUBACK names the serial. */
static int encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err) {
    const jd_jval *topic = jd_jget(command, "topic"), *payload = jd_jget(command, "payload"),
                  *name = jd_jget(command, "command");
    jd_buf b = {0};
    (void)set, (void)peer, (void)device, (void)now;
    if (!name || !jd_jis(name, "publish"))
        return jd_fail(err, JD_E_NOT_SUPPORTED, "mqtt: the command must be \"publish\"", "mqtt：命令须为 publish");
    if (!topic || topic->type != JD_JSTR || !topic->n || !payload)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "publish needs topic and payload", "publish 需要 topic 与 payload");
    add_text(&b, jd_jstr(topic));
    jd_be16_add(&b, serial ? serial : 1);
    if (payload->type == JD_JSTR)
        jd_buf_str(&b, jd_jstr(payload));
    else
        jd_json_write(&b, payload);
    add_packet(out, PUBLISH << 4 | 2, &b);
    jd_buf_fini(&b);
    return 0;
}

const jd_protocol jd_mqtt = {.name = "mqtt",
                             .en = "MQTT 3.1.1, as a subscriber",
                             .zh = "MQTT 3.1.1（订阅方）",
                             .frame_max = FRAME_MAX,
                             .drop_when_busy = 1,
                             .hello = hello,
                             .ping = ping,
                             .find = find,
                             .decode = decode,
                             .keep = keep,
                             .reply = reply,
                             .encode = encode};
