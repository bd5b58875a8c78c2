/* Packets of a publisher in MQTT 3.1.1 and 5.0. Numbers of clauses are those of 5.0. */
#include "told/mqtt_packet.h"

/* ---- out ---- */

static void add16(jd_buf *b, uint32_t v) {
    jd_buf_c(b, (char)(unsigned char)(v >> 8 & 0xff));
    jd_buf_c(b, (char)(unsigned char)(v & 0xff));
}

static void add_text(jd_buf *b, jd_str s) {
    add16(b, (uint32_t)s.n);
    jd_buf_str(b, s);
}

/* The fixed header (2.1); its length is a number of 7 bits a byte, low first, as jd_buf_varint writes them. */
static void add_head(jd_buf *out, int type, int flags, size_t n) {
    jd_buf_c(out, (char)(unsigned char)(type << 4 | flags));
    jd_buf_varint(out, n);
}

static void add_packet(jd_buf *out, int type, int flags, const jd_buf *body) {
    add_head(out, type, flags, body->n);
    jd_buf_str(out, jd_buf_view(body));
}

enum { PROP_EXPIRY = 0x11, PROP_KEEPALIVE = 0x13, PROP_RECEIVE = 0x21, PROP_QOS = 0x24, PROP_MOST = 0x27 };

static void add_expiry(jd_buf *b, uint32_t seconds) {
    jd_buf_c(b, 5); /* bytes of properties */
    jd_buf_c(b, PROP_EXPIRY);
    add16(b, seconds >> 16);
    add16(b, seconds & 0xffff);
}

void mqtt_put_connect(jd_buf *out, const mqtt_hello *h) {
    jd_buf b = {0};
    add_text(&b, JD_STR("MQTT"));
    jd_buf_c(&b, (char)h->version);
    jd_buf_c(&b, (char)(unsigned char)((h->user.p ? 0x80 : 0) | (h->password.p ? 0x40 : 0) | (h->clean ? 2 : 0)));
    add16(&b, h->keepalive_s);
    if (h->version == MQTT_5_0) add_expiry(&b, h->expiry_s);
    add_text(&b, h->client);
    if (h->user.p) add_text(&b, h->user);
    if (h->password.p) add_text(&b, h->password);
    add_packet(out, MQTT_CONNECT, 0, &b);
    jd_buf_fini(&b);
}

static size_t publish_body(mqtt_version v, jd_str topic, jd_str payload, int qos) {
    return 2 + topic.n + (qos ? 2 : 0) + (v == MQTT_5_0 ? 1 : 0) + payload.n;
}

size_t mqtt_publish_size(mqtt_version v, jd_str topic, jd_str payload, int qos) {
    size_t n = publish_body(v, topic, payload, qos);
    return 1 + jd_varint_size(n) + n;
}

void mqtt_put_publish(jd_buf *out, mqtt_version v, jd_str topic, jd_str payload, int qos, uint16_t id, int again) {
    add_head(out, MQTT_PUBLISH, (again ? 8 : 0) | qos << 1, publish_body(v, topic, payload, qos));
    add_text(out, topic);
    if (qos) add16(out, id);
    if (v == MQTT_5_0) jd_buf_c(out, 0); /* no properties */
    jd_buf_str(out, payload);
}

void mqtt_put_pubrel(jd_buf *out, uint16_t id) {
    add_head(out, MQTT_PUBREL, 2, 2); /* the rest means success (3.6.2.1) */
    add16(out, id);
}

void mqtt_put_pingreq(jd_buf *out) {
    add_head(out, MQTT_PINGREQ, 0, 0);
}

void mqtt_put_disconnect(jd_buf *out, mqtt_version v) {
    jd_buf b = {0};
    if (v == MQTT_5_0) {
        jd_buf_c(&b, 0); /* normal */
        add_expiry(&b, 0);
    }
    add_packet(out, MQTT_DISCONNECT, 0, &b);
    jd_buf_fini(&b);
}

/* ---- in ---- */

size_t mqtt_packet_size(jd_str b, size_t max, size_t *head) {
    size_t n = 0;
    if (!b.n) return 0;
    unsigned type = (unsigned char)b.p[0] >> 4;
    if (!type || type == 15) return SIZE_MAX;
    for (size_t i = 1; i < 5; i++) {
        if (i >= b.n) return 0;
        unsigned char c = (unsigned char)b.p[i];
        n |= (size_t)(c & 0x7f) << 7 * (i - 1);
        if (c & 0x80) continue;
        *head = i + 1;
        if (n + i + 1 > max) return SIZE_MAX;
        return b.n >= n + i + 1 ? n + i + 1 : 0;
    }
    return SIZE_MAX;
}

typedef struct reader {
    const unsigned char *p, *end; /* p NULL: it ended too early */
} reader;

static uint32_t take(reader *r, size_t bytes) {
    uint32_t v = 0;
    if (!r->p || (size_t)(r->end - r->p) < bytes) {
        r->p = NULL;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) v = v << 8 | *r->p++;
    return v;
}

static void skip(reader *r, size_t bytes) {
    if (!r->p || (size_t)(r->end - r->p) < bytes)
        r->p = NULL;
    else
        r->p += bytes;
}

static void skip_text(reader *r) {
    skip(r, take(r, 2));
}

/* One property (2.2.2.2) of those that a server may send. */
static int property(reader *r, mqtt_packet *out) {
    uint32_t kind = take(r, 1), v;
    switch (kind) {
    case PROP_QOS:
        v = take(r, 1);
        if (v > 1) return -1;
        out->qos_max = (int)v;
        return 0;
    case PROP_KEEPALIVE: out->keepalive_s = (int)take(r, 2); return 0;
    case PROP_RECEIVE: out->receive = take(r, 2); return out->receive ? 0 : -1;
    case PROP_MOST: out->most = take(r, 4); return out->most ? 0 : -1;
    case PROP_EXPIRY: skip(r, 4); return 0;
    case 0x22: skip(r, 2); return 0; /* aliases of topics */
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2a: skip(r, 1); return 0; /* retain; kinds of subscriptions */
    case 0x12:
    case 0x15:
    case 0x16:
    case 0x1a:
    case 0x1c:
    case 0x1f: skip_text(r); return 0;
    case 0x26: skip_text(r), skip_text(r); return 0; /* a pair of the server's own */
    default: return -1;
    }
}

static int properties(reader *r, mqtt_packet *out) {
    const unsigned char *end = r->end;
    uint64_t n = jd_varint_get(&r->p, r->end);
    if (!r->p || n > (uint64_t)(r->end - r->p)) return -1;
    r->end = r->p + n;
    while (r->p && r->p < r->end)
        if (property(r, out)) return -1;
    r->end = end;
    return r->p ? 0 : -1;
}

int mqtt_packet_read(mqtt_version v, jd_str whole, mqtt_packet *out) {
    size_t head = 0, n = mqtt_packet_size(whole, SIZE_MAX, &head);
    if (!n || n == SIZE_MAX || n != whole.n) return -1;
    const unsigned char *p = (const unsigned char *)whole.p;
    reader r = {p + head, p + n};
    int flags = p[0] & 15;
    *out = (mqtt_packet){.type = p[0] >> 4, .qos_max = 2, .receive = UINT16_MAX, .most = UINT32_MAX, .keepalive_s = -1};
    if (flags) return -1; /* none of those below has any */
    switch (out->type) {
    case MQTT_CONNACK:
        out->has_session = (int)take(&r, 1) & 1;
        out->reason = (int)take(&r, 1);
        if (!r.p) return -1;
        /* a server that does not know 5.0 refuses in the words of 3.1.1: without properties */
        return v == MQTT_5_0 && r.p < r.end ? properties(&r, out) : 0;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        out->id = (uint16_t)take(&r, 2);
        if (r.p && r.p < r.end && v == MQTT_5_0) out->reason = (int)take(&r, 1);
        return r.p && out->id ? 0 : -1;
    case MQTT_DISCONNECT:
        if (v != MQTT_5_0) return -1;
        if (r.p < r.end) out->reason = (int)take(&r, 1);
        return 0;
    case MQTT_PINGRESP: return 0;
    default: return -1;
    }
}

/* ---- reasons ---- */

typedef struct reason {
    int code, passes;
    const char *text;
} reason;

static const reason reasons_3[] = {{1, 0, "the broker does not speak MQTT 3.1.1"},
                                   {2, 0, "the broker refuses the client identifier"},
                                   {3, 1, "the broker is not available"},
                                   {4, 0, "the broker refuses user name or password"},
                                   {5, 0, "the broker says: not authorized"}};

static const reason reasons_5[] = {{0x01, 0, "the broker does not speak MQTT 5.0"},
                                   {0x81, 0, "the broker says: malformed packet"},
                                   {0x82, 0, "the broker says: protocol error"},
                                   {0x84, 0, "the broker does not speak MQTT 5.0"},
                                   {0x85, 0, "the broker refuses the client identifier"},
                                   {0x86, 0, "the broker refuses user name or password"},
                                   {0x87, 0, "the broker says: not authorized"},
                                   {0x88, 1, "the broker is not available"},
                                   {0x89, 1, "the broker is busy"},
                                   {0x8a, 0, "the broker says: banned"},
                                   {0x8b, 1, "the broker shuts down"},
                                   {0x8d, 1, "the broker heard nothing from us for too long"},
                                   {0x8e, 1, "another client took over the session"},
                                   {0x90, 0, "the broker refuses the topic"},
                                   {0x91, 1, "the broker has that packet identifier in use"},
                                   {0x95, 0, "the broker says: packet too large"},
                                   {0x97, 1, "the broker says: quota exceeded"},
                                   {0x99, 0, "the broker refuses the form of the payload"},
                                   {0x9f, 1, "the broker says: too many connections in a while"}};

static const reason *find(mqtt_version v, int type, int code) {
    int old = v == MQTT_3_1_1 && type == MQTT_CONNACK;
    const reason *list = old ? reasons_3 : reasons_5;
    size_t n = old ? sizeof reasons_3 / sizeof *list : sizeof reasons_5 / sizeof *list;
    for (size_t i = 0; i < n; i++)
        if (list[i].code == code) return &list[i];
    return NULL;
}

const char *mqtt_reason(mqtt_version v, int type, int code) {
    const reason *r = find(v, type, code);
    return r ? r->text : "the broker refuses, with a reason of its own";
}

int mqtt_reason_passes(mqtt_version v, int type, int code) {
    const reason *r = find(v, type, code);
    return r ? r->passes : 1;
}
