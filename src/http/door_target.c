/* The request target: path and query, percent-decoding, parameters. */
#include "http/door_int.h"

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* No overlong forms, no surrogates, nothing above U+10FFFF. */
int jd_utf8_ok(jd_str s) {
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
    while (p < end) {
        unsigned c = *p++;
        if (c < 0x80) continue;
        unsigned more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1, low = 0x80, high = 0xBF;
        if (c < 0xC2 || c > 0xF4 || (size_t)(end - p) < more) return 0;
        if (c == 0xE0) low = 0xA0;
        if (c == 0xED) high = 0x9F;
        if (c == 0xF0) low = 0x90;
        if (c == 0xF4) high = 0x8F;
        if (*p < low || *p > high) return 0;
        for (unsigned i = 1; i < more; i++)
            if ((p[i] & 0xC0) != 0x80) return 0;
        p += more;
    }
    return 1;
}

jd_str jd_clip(jd_str s, size_t max) {
    if (s.n <= max) return s;
    while (max && ((unsigned char)s.p[max] & 0xC0) == 0x80) max--;
    s.n = max;
    return s;
}

int jd_target_split(jd_str t, jd_target *out, jd_err *err) {
    *out = (jd_target){0};
    if (jd_str_is(t, "*")) {
        out->star = 1;
        out->raw = out->path = t;
        return 0;
    }
    /* RFC 9112 3.2.2: the absolute form must be understood too. */
    jd_str http = JD_STR("http://"), https = JD_STR("https://");
    size_t skip = jd_str_starts(t, http) ? http.n : jd_str_starts(t, https) ? https.n : 0;
    if (skip) {
        while (skip < t.n && t.p[skip] != '/' && t.p[skip] != '?') skip++;
        t.p += skip;
        t.n -= skip;
        if (t.n == 0) t = JD_STR("/");
    }
    if (t.n == 0 || t.p[0] != '/')
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request target is no path", "请求地址不是路径");
    out->raw = out->path = t;
    const char *q = memchr(t.p, '?', t.n);
    if (q) {
        out->path.n = (size_t)(q - t.p);
        out->query = (jd_str){q + 1, t.n - out->path.n - 1};
    }
    return 0;
}

int jd_target_decode(jd_arena *a, jd_str s, int plus, jd_str *out, jd_err *err) {
    size_t i = 0;
    unsigned char any = 0;
    for (; i < s.n; i++) {
        char c = s.p[i];
        any |= (unsigned char)c;
        if (c == '%' || (c == '+' && plus)) break;
    }
    jd_str d = s;
    if (i < s.n) {
        char *w = jd_arena_alloc(a, s.n + 1);
        memcpy(w, s.p, i);
        size_t n = i;
        while (i < s.n) {
            char c = s.p[i++];
            if (c == '+' && plus) {
                c = ' ';
            } else if (c == '%') {
                int h = s.n - i >= 2 ? hex(s.p[i]) : -1, l = h >= 0 ? hex(s.p[i + 1]) : -1;
                if (l < 0)
                    return jd_fail(err, JD_E_INVALID_REQUEST,
                                   "a percent sign is not followed by two hexadecimal digits",
                                   "百分号后面不是两位十六进制数");
                if (h == 0 && l == 0)
                    return jd_fail(err, JD_E_INVALID_REQUEST, "the request target holds a NUL",
                                   "请求地址含有 NUL 字符");
                c = (char)(unsigned char)(h * 16 + l);
                i += 2;
            }
            any |= (unsigned char)c;
            w[n++] = c;
        }
        w[n] = 0;
        d = (jd_str){w, n};
    }
    if (any >= 0x80 && !jd_utf8_ok(d))
        return jd_fail(err, JD_E_INVALID_REQUEST, "the request target is not valid UTF-8", "请求地址不是有效的 UTF-8");
    *out = d;
    return 0;
}

int jd_target_params(jd_arena *a, jd_str query, jd_param **params, size_t *n, jd_err *err) {
    *params = NULL;
    *n = 0;
    if (query.n == 0) return 0;
    size_t cap = 1, used = 0;
    for (size_t i = 0; i < query.n; i++) cap += query.p[i] == '&';
    if (cap > 64) return jd_fail(err, JD_E_INVALID_REQUEST, "more than %d query parameters", "查询参数超过 %d 个", 64);
    jd_param *list = jd_arena_alloc(a, cap * sizeof *list);
    while (query.n) {
        const char *amp = memchr(query.p, '&', query.n);
        jd_str one = {query.p, amp ? (size_t)(amp - query.p) : query.n};
        query.p += one.n + (amp ? 1 : 0);
        query.n -= one.n + (amp ? 1 : 0);
        if (one.n == 0) continue;
        const char *eq = memchr(one.p, '=', one.n);
        jd_str name = {one.p, eq ? (size_t)(eq - one.p) : one.n};
        jd_str value = {one.p + one.n, 0};
        if (eq) value = (jd_str){eq + 1, one.n - name.n - 1};
        if (jd_target_decode(a, name, 1, &name, err) || jd_target_decode(a, value, 1, &value, err)) return -1;
        for (size_t i = 0; i < used; i++)
            if (jd_str_eq(list[i].name, name)) {
                jd_str shown = jd_clip(name, 100);
                jd_fail(err, JD_E_INVALID_REQUEST, "query parameter '%.*s' is given more than once",
                        "查询参数 '%.*s' 出现多次", JD_STR_ARG(shown));
                return jd_fail_at(err, "%.*s", JD_STR_ARG(shown));
            }
        list[used++] = (jd_param){name, value};
    }
    *params = list;
    *n = used;
    return 0;
}
