/* The URI of an MQTT endpoint (7.2). */
#include "told/mqtt_uri.h"

#include "json/json.h"

static int bad(jd_err *err, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "notification.endpoint.uri %s%.0s", "notification.endpoint.uri%.0s %s", en, zh);
    return jd_fail_at(err, "notification.endpoint.uri");
}

int mqtt_uri_is(jd_str uri) {
    return jd_str_starts(uri, JD_STR("mqtt://")) || jd_str_starts(uri, JD_STR("mqtts://"));
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* MQTT's strings are UTF-8 without U+0000, at most 65,535 bytes (1.5.4). */
static int decode(jd_arena *a, jd_str s, jd_str *out) {
    char *p = jd_arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0) return -1;
            c = (char)(unsigned char)(high << 4 | low);
            i += 2;
        }
        if (!c) return -1;
        p[n++] = c;
    }
    *out = (jd_str){p, n};
    return n > MQTT_TEXT_MAX || jd_utf8_bad(p, n) < n ? -1 : 0;
}

/* The authority's end, and where in it the host begins. An @ in a password must be encoded; of several the last
 * counts, as everywhere. */
static size_t authority(jd_str rest, size_t *host) {
    size_t end = 0;
    *host = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#') end++;
    for (size_t i = 0; i < end; i++)
        if (rest.p[i] == '@') *host = i + 1;
    return end;
}

static int credentials(jd_arena *a, jd_str s, mqtt_uri *out, jd_err *err) {
    if (!s.n) return 0;
    const char *colon = memchr(s.p, ':', s.n);
    jd_str user = {s.p, colon ? (size_t)(colon - s.p) : s.n};
    if (decode(a, user, &out->user)) return bad(err, "has a user name that cannot be read", "中的用户名无法解析");
    if (!colon) return 0;
    jd_str password = {colon + 1, s.n - user.n - 1};
    if (decode(a, password, &out->password)) return bad(err, "has a password that cannot be read", "中的密码无法解析");
    return 0;
}

static int host_and_port(jd_str s, mqtt_uri *out, jd_err *err) {
    const char *bracket = s.n ? memchr(s.p, ']', s.n) : NULL;
    size_t n = bracket ? (size_t)(bracket - s.p) + 1 : 0;
    while (n < s.n && s.p[n] != ':') n++;
    out->host = (jd_str){s.p, n};
    if (!n || n > MQTT_HOST_MAX) return bad(err, "needs a host of at most 255 characters", "须有不超过 255 字符的主机");
    int v6 = s.p[0] == '[';
    if (v6 != (bracket != NULL) || (v6 && s.p[n - 1] != ']') || memchr(s.p, '%', n))
        return bad(err, "has a host that cannot be read", "中的主机无法解析");
    if (n == s.n) return 0;
    unsigned port = 0;
    for (size_t i = n + 1; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || port > 65535) return bad(err, "has no such port", "中的端口无效");
        port = port * 10 + (unsigned)(s.p[i] - '0');
    }
    if (!port || port > 65535) return bad(err, "has no such port", "中的端口无效");
    out->port = (uint16_t)port;
    return 0;
}

static int topic(jd_arena *a, jd_str path, mqtt_uri *out, jd_err *err) {
    if (!path.n || path.p[0] != '/' || path.n == 1) return bad(err, "names no topic", "未指定主题");
    if (memchr(path.p, '?', path.n) || memchr(path.p, '#', path.n))
        return bad(err, "must have neither query nor fragment", "不能带查询或片段");
    if (decode(a, (jd_str){path.p + 1, path.n - 1}, &out->topic))
        return bad(err, "has a topic that is no UTF-8, or is longer than 65535 bytes", "中的主题不是 UTF-8 或过长");
    if (memchr(out->topic.p, '+', out->topic.n) || memchr(out->topic.p, '#', out->topic.n))
        return bad(err, "has a wildcard in its topic", "的主题中含有通配符");
    return 0;
}

int mqtt_uri_parse(jd_arena *a, jd_str uri, mqtt_uri *out, jd_err *err) {
    *out = (mqtt_uri){.tls = jd_str_starts(uri, JD_STR("mqtts://"))};
    if (!mqtt_uri_is(uri)) return bad(err, "must begin with mqtt:// or mqtts://", "须以 mqtt:// 或 mqtts:// 开头");
    out->port = out->tls ? MQTTS_PORT : MQTT_PORT;
    size_t scheme = out->tls ? 8 : 7, host;
    jd_str rest = {uri.p + scheme, uri.n - scheme};
    size_t end = authority(rest, &host);
    if (host && credentials(a, (jd_str){rest.p, host - 1}, out, err)) return -1;
    return host_and_port((jd_str){rest.p + host, end - host}, out, err) ||
                   topic(a, (jd_str){rest.p + end, rest.n - end}, out, err)
               ? -1
               : 0;
}

void uri_shown(jd_str uri, jd_buf *out) {
    const char *slashes = uri.n ? memmem(uri.p, uri.n, "://", 3) : NULL;
    size_t begin = slashes ? (size_t)(slashes - uri.p) + 3 : 0, host = 0;
    if (slashes) (void)authority((jd_str){uri.p + begin, uri.n - begin}, &host);
    jd_buf_add(out, uri.p, begin);
    jd_buf_add(out, uri.p + begin + host, uri.n - begin - host);
}
