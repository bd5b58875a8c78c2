/* What endpoints of MQTT are named by, and what brokers say. Input: a byte (0: a URI; else packets of 3.1.1 when even,
 * of 5.0 when odd), then the text or the stream. Beyond not falling over: a URI that is taken has a host, a port and a
 * topic that MQTT allows; a refusal has its words in both languages; a reader of packets always moves on or waits. */
#include "json/json.h"
#include "told/mqtt_packet.h"
#include "told/mqtt_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                    \
    do {                                                                              \
        if (!(what)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

static void is_text(jd_str s) {
    MUST(s.n <= MQTT_TEXT_MAX && !memchr(s.p, 0, s.n) && jd_utf8_bad(s.p, s.n) >= s.n);
}

static void name(jd_str uri) {
    jd_arena a;
    mqtt_uri u;
    jd_err err = {0};
    jd_buf b = {0};
    jd_arena_init(&a);
    if (mqtt_uri_parse(&a, uri, &u, &err)) {
        MUST(err.code == JD_E_BAD_REQUEST_DATA && err.en[0] && err.zh[0]);
    } else {
        MUST(u.host.n && u.host.n <= MQTT_HOST_MAX && u.port && u.topic.n);
        is_text(u.topic);
        MUST(!memchr(u.topic.p, '+', u.topic.n) && !memchr(u.topic.p, '#', u.topic.n));
        if (u.user.p) is_text(u.user);
        if (u.password.p) is_text(u.password);
        MUST(u.user.p || !u.password.p);
    }
    uri_shown(uri, &b);
    MUST(b.n <= uri.n);
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

static void one(mqtt_version v, jd_str whole) {
    char *copy = jd_xmalloc(whole.n); /* of its exact size: a sanitizer sees a read beyond it */
    mqtt_packet p;
    memcpy(copy, whole.p, whole.n);
    if (!mqtt_packet_read(v, (jd_str){copy, whole.n}, &p)) {
        MUST(p.qos_max >= 0 && p.qos_max <= 2 && p.receive && p.most);
        MUST(mqtt_reason(v, p.type, p.reason)[0]);
        MUST(p.id || (p.type != MQTT_PUBACK && p.type != MQTT_PUBREC && p.type != MQTT_PUBCOMP));
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    jd_str rest = {(const char *)data + 1, size - 1};
    if (!data[0]) {
        name(rest);
        return 0;
    }
    while (rest.n) {
        size_t head = 0, n = mqtt_packet_size(rest, 64 << 10, &head);
        if (!n || n == SIZE_MAX) break;
        MUST(n <= rest.n && head >= 2 && head <= n);
        one(data[0] & 1 ? MQTT_5_0 : MQTT_3_1_1, (jd_str){rest.p, n});
        rest = (jd_str){rest.p + n, rest.n - n};
    }
    return 0;
}
