/* told/mqtt_uri.h - the URI of an MQTT endpoint (GS CIM 009 clause 7.2), taken apart.
 *
 * mqtt[s]://[<username>][:<password>]@<host>[:<port>]/<topic>[/<subtopic>]*, percent-encoding as in RFC 3986.
 * Pure functions on bytes; threads: any. */
#ifndef JD_TOLD_MQTT_URI_H
#define JD_TOLD_MQTT_URI_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { MQTT_PORT = 1883, MQTTS_PORT = 8883, MQTT_HOST_MAX = 255, MQTT_TEXT_MAX = 65535 };

typedef struct mqtt_uri {
    jd_str host; /* as it stands there: an IPv6 address keeps its brackets */
    uint16_t port;
    int tls;
    jd_str user, password; /* decoded; p NULL: not given */
    jd_str topic;          /* decoded: UTF-8, not empty, without wildcards */
} mqtt_uri;

int mqtt_uri_is(jd_str uri); /* begins with mqtt:// or mqtts:// */
/* The parts live in the arena or in uri. JD_E_BAD_REQUEST_DATA says what is wrong; it never repeats user or password.
 */
int mqtt_uri_parse(jd_arena *a, jd_str uri, mqtt_uri *out, jd_err *err);
/* An endpoint's URI of any scheme as a log may show it: without what stands before the @ of its authority. */
void uri_shown(jd_str uri, jd_buf *out);
#endif
