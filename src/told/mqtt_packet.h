/* told/mqtt_packet.h - the packets of a publisher in MQTT 3.1.1 (OASIS, 2014) and 5.0 (OASIS, 2019), to and from bytes.
 *
 * The link room's mqtt.c is the other half, a subscriber on libuv; what they would share is fifteen lines of framing.
 * Pure functions on bytes; threads: any. Fails: readers say so and change nothing else. */
#ifndef JD_TOLD_MQTT_PACKET_H
#define JD_TOLD_MQTT_PACKET_H
#include "base/arena.h"
#include "base/buf.h"

enum {
    MQTT_CONNECT = 1,
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_PUBREC = 5,
    MQTT_PUBREL = 6,
    MQTT_PUBCOMP = 7,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
    MQTT_DISCONNECT = 14
};
typedef enum mqtt_version { MQTT_3_1_1 = 4, MQTT_5_0 = 5 } mqtt_version; /* as CONNECT says it */
#define MQTT_PAYLOAD_MAX 268400000 /* what fits a packet of 268,435,455 bytes beside the longest topic (2.2.3) */

typedef struct mqtt_hello {
    mqtt_version version;
    jd_str client, user, password; /* user, password: p NULL: not given */
    uint16_t keepalive_s;
    int clean;         /* begin a session anew */
    uint32_t expiry_s; /* MQTT 5.0: how long the broker keeps it behind the connection's end */
} mqtt_hello;
/* Strings are at most 65,535 bytes; topic and payload together at most what a packet holds. */
void mqtt_put_connect(jd_buf *out, const mqtt_hello *h);
void mqtt_put_publish(jd_buf *out, mqtt_version v, jd_str topic, jd_str payload, int qos, uint16_t id, int again);
size_t mqtt_publish_size(mqtt_version v, jd_str topic, jd_str payload, int qos); /* of the whole packet, in bytes */
void mqtt_put_pubrel(jd_buf *out, uint16_t id);
void mqtt_put_pingreq(jd_buf *out);
void mqtt_put_disconnect(jd_buf *out, mqtt_version v); /* 5.0: with its session */

/* Bytes of the whole packet that b begins with, *head of them in front of its body. 0: more must come; SIZE_MAX: none
 * can begin so, or it has more than max bytes. */
size_t mqtt_packet_size(jd_str b, size_t max, size_t *head);

typedef struct mqtt_packet {
    int type;
    uint16_t id;      /* PUBACK, PUBREC, PUBCOMP */
    int reason;       /* of 5.0, or the return code of a CONNACK in 3.1.1; 0: all is well */
    int has_session;  /* CONNACK: the broker goes on with the session that it had */
    int qos_max;      /* CONNACK of 5.0, as are those below; 2 when it says nothing */
    uint32_t receive; /* how many of QoS 1 and 2 may be under way; 65,535 when it says nothing */
    uint32_t most;    /* bytes of a packet; UINT32_MAX when it says nothing */
    int keepalive_s;  /* -1: as CONNECT said */
} mqtt_packet;
/* A whole packet. -1: malformed, or none that a publisher is sent. */
int mqtt_packet_read(mqtt_version v, jd_str whole, mqtt_packet *out);

/* What a reason says, in English, for logs. */
const char *mqtt_reason(mqtt_version v, int type, int reason);
/* Whether what was refused so may be taken when it is sent again. */
int mqtt_reason_passes(mqtt_version v, int type, int reason);
#endif
