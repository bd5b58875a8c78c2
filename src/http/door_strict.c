/* The head of a request, held to RFC 9112 to the letter. Where two readers of one byte stream may disagree about where
 * a request ends, somebody can slip a second request past the first reader; so nothing is repaired here, only refused.
 * What cannot be seen any more: a line that ended in NUL LF (it looks as CR LF does by then), and bare LFs in the
 * framing of a chunked body, which the library reads by itself. */
#include "http/door_int.h"

#include <strings.h>

/* 1: tchar of RFC 9110 5.6.2; 2: may stand in a field value (VCHAR, obs-text, SP, HTAB); 4: in Host; 8: in a target,
 * where we are more patient than RFC 3986: clients send q=a>1|b<2 and Chinese text as they are. */
static const unsigned char kinds[256] = {
    ['\t'] = 2, [' '] = 2,   ['!'] = 15,           ['"'] = 10,         ['#'] = 3,          ['$'] = 15, ['%'] = 15,
    ['&'] = 15, ['\''] = 15, ['('] = 14,           [')'] = 14,         ['*'] = 15,         ['+'] = 15, [','] = 14,
    ['-'] = 15, ['.'] = 15,  ['/'] = 10,           ['0' ... '9'] = 15, [':'] = 14,         [';'] = 14, ['<'] = 10,
    ['='] = 14, ['>'] = 10,  ['?'] = 10,           ['@'] = 10,         ['A' ... 'Z'] = 15, ['['] = 14, ['\\'] = 10,
    [']'] = 14, ['^'] = 11,  ['_'] = 15,           ['`'] = 11,         ['a' ... 'z'] = 15, ['{'] = 10, ['|'] = 11,
    ['}'] = 10, ['~'] = 15,  [0x80 ... 0xff] = 10,
};

static int is(char c, int kind) {
    return kinds[(unsigned char)c] & kind;
}

static int named(jd_str name, const char *lower, size_t n) {
    return name.n == n && strncasecmp(name.p, lower, n) == 0;
}
#define NAMED(name, lit) named((name), (lit), sizeof(lit) - 1)

static int read_length(jd_head *h, jd_str v, jd_err *err) {
    if (h->has_length)
        return jd_fail(err, JD_E_INVALID_REQUEST, "Content-Length is given more than once", "Content-Length 出现多次");
    h->has_length = 1;
    uint64_t n = 0;
    if (v.n == 0 || v.n > 18)
        return jd_fail(err, JD_E_INVALID_REQUEST, "Content-Length is not a number", "Content-Length 不是数字");
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return jd_fail(err, JD_E_INVALID_REQUEST, "Content-Length is not a number", "Content-Length 不是数字");
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    h->length = n;
    return 0;
}

static int read_host(jd_head *h, jd_str v, jd_err *err) {
    if (h->host.p) return jd_fail(err, JD_E_INVALID_REQUEST, "Host is given more than once", "Host 出现多次");
    if (v.n == 0) return jd_fail(err, JD_E_INVALID_REQUEST, "Host is empty", "Host 为空");
    for (size_t i = 0; i < v.n; i++)
        if (!is(v.p[i], 4)) return jd_fail(err, JD_E_INVALID_REQUEST, "Host is malformed", "Host 格式有误");
    h->host = v;
    return 0;
}

/* The fields that decide where the request ends and for whom it is. `spaced`: white space stood behind the value. */
static int read_known(jd_head *h, jd_str name, jd_str v, int spaced, jd_err *err) {
    switch (name.n) {
    case 4:
        if (NAMED(name, "host")) return read_host(h, v, err);
        break;
    case 6:
        if (NAMED(name, "expect")) h->expects = v.n == 12 && strncasecmp(v.p, "100-continue", 12) == 0;
        break;
    case 14:
        if (NAMED(name, "content-length")) return read_length(h, v, err);
        break;
    case 15:
        if (NAMED(name, "accept-language") && !h->language.p) h->language = v;
        break;
    case 17:
        if (!NAMED(name, "transfer-encoding")) break;
        if (h->chunked)
            return jd_fail(err, JD_E_INVALID_REQUEST, "Transfer-Encoding is given more than once",
                           "Transfer-Encoding 出现多次");
        /* The library below takes "chunked " with a space behind for an unknown coding. */
        if (spaced || v.n != 7 || strncasecmp(v.p, "chunked", 7) != 0)
            return jd_fail(err, JD_E_INVALID_REQUEST, "the only transfer coding that is understood is chunked",
                           "只支持 chunked 传输编码");
        h->chunked = 1;
        break;
    default: break;
    }
    return 0;
}

/* One line "name NUL ows value ows NUL NUL" at *at; moves *at behind it. */
static int read_line(jd_head *h, const char **at, const char *end, jd_err *err) {
    const char *s = *at;
    jd_str name = {s, 0};
    if (*s == ' ' || *s == '\t')
        return jd_fail(err, JD_E_INVALID_REQUEST, "a header line begins with white space", "请求头某行以空白开头");
    while (s < end && is(*s, 1)) s++;
    name.n = (size_t)(s - name.p);
    if (name.n == 0 || s == end || *s != 0)
        return jd_fail(err, JD_E_INVALID_REQUEST, "a header name is malformed", "请求头名称有误");
    s++;
    while (s < end && (*s == ' ' || *s == '\t')) s++;
    jd_str v = {s, 0};
    while (s < end && is(*s, 2)) s++;
    v.n = (size_t)(s - v.p);
    if (end - s < 2 || s[0] != 0 || s[1] != 0)
        return jd_fail(err, JD_E_INVALID_REQUEST,
                       "the value of header %.*s holds a control character, or its line does not end in CR LF",
                       "请求头 %.*s 的值含有控制字符，或该行不以 CR LF 结尾", (int)(name.n < 60 ? name.n : 60), name.p);
    *at = s + 2;
    size_t whole = v.n;
    while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t')) v.n--;
    if (h->headers_n == JD_HEADERS_MAX)
        return jd_fail(err, JD_E_HEADERS_TOO_LARGE, "more than %d headers", "请求头超过 %d 个", (int)JD_HEADERS_MAX);
    h->headers[h->headers_n++] = (jd_param){name, v};
    return read_known(h, name, v, whole != v.n, err);
}

int jd_head_read(jd_head *h, const char *p, size_t n, const char *uri, jd_str target, const char *version,
                 jd_err *err) {
    h->headers_n = 0;
    h->has_length = h->chunked = h->expects = 0;
    h->length = 0;
    h->host = h->language = (jd_str){NULL, 0};
    const char *end = p + n, *s = p;
    while (s < end && is(*s, 1)) s++;
    h->method = (jd_str){p, (size_t)(s - p)};
    if (h->method.n == 0 || s == end || *s != 0 || uri != s + 1)
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request line is malformed", "请求行格式有误");
    h->target = target;
    size_t good = 0;
    while (good < target.n && is(target.p[good], 8)) good++;
    if (target.n == 0 || good < target.n || (size_t)(end - uri) < target.n + 11 || version != uri + target.n + 1)
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request target holds a space, a control character or '#'",
                       "请求地址含有空格、控制字符或 '#'");
    h->version = (jd_str){version, 8};
    if (memcmp(version, "HTTP/1.", 7) != 0 || version[7] < '0' || version[7] > '9')
        return jd_fail(err, JD_E_INVALID_REQUEST, "the HTTP version is malformed", "HTTP 版本格式有误");
    s = version + 8;
    if (end - s < 4 || s[0] != 0 || s[1] != 0)
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request line does not end in CR LF", "请求行不以 CR LF 结尾");
    s += 2;
    while (s < end && *s != 0)
        if (read_line(h, &s, end, err)) return -1;
    if (end - s != 2 || s[0] != 0 || s[1] != 0)
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request head does not end in an empty line",
                       "请求头没有以空行结束");
    int old = version[7] == '0';
    if (!h->host.p && !old) return jd_fail(err, JD_E_INVALID_REQUEST, "Host is missing", "缺少 Host");
    if (h->chunked && h->has_length)
        return jd_fail(err, JD_E_INVALID_REQUEST, "both Content-Length and Transfer-Encoding are given",
                       "同时给出了 Content-Length 和 Transfer-Encoding");
    if (h->chunked && old)
        return jd_fail(err, JD_E_INVALID_REQUEST, "Transfer-Encoding in an HTTP/1.0 request",
                       "HTTP/1.0 请求不能使用 Transfer-Encoding");
    return 0;
}
