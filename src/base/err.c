#include "base/err.h"

#include <stdio.h>
#include <string.h>

static const struct row {
    int status;
    const char *uri, *en, *zh;
} rows[JD_E_COUNT] = {[JD_E_OK] = {200, "", "", ""},
#define X(name, status, uri, en, zh) [JD_E_##name] = {status, "https://uri.etsi.org/ngsi-ld/errors/" uri, en, zh},
                      JD_ERR_MAP(X)
#undef X
};

/* vsnprintf cuts bytes; an answer must not end inside a UTF-8 character. */
static void whole_chars(char *s, size_t cap, int wrote) {
    if (wrote < 0) {
        s[0] = 0;
        return;
    }
    if ((size_t)wrote < cap) return;
    size_t n = cap - 1;
    while (n > 0 && ((unsigned char)s[n - 1] & 0xC0) == 0x80) n--;
    if (n > 0 && (unsigned char)s[n - 1] >= 0xC0) n--;
    s[n] = 0;
}

int jd_failv(jd_err *e, jd_errcode code, const char *en, const char *zh, va_list args) {
    va_list again;
    if (!e) return -1;
    e->code = code;
    e->place[0] = 0;
    va_copy(again, args);
    whole_chars(e->en, sizeof e->en, vsnprintf(e->en, sizeof e->en, en, args));
    whole_chars(e->zh, sizeof e->zh, vsnprintf(e->zh, sizeof e->zh, zh, again));
    va_end(again);
    return -1;
}

int jd_fail(jd_err *e, jd_errcode code, const char *en, const char *zh, ...) {
    va_list ap;
    va_start(ap, zh);
    jd_failv(e, code, en, zh, ap);
    va_end(ap);
    return -1;
}

int jd_fail_at(jd_err *e, const char *fmt, ...) {
    if (!e || e->place[0]) return -1;
    va_list ap;
    va_start(ap, fmt);
    whole_chars(e->place, sizeof e->place, vsnprintf(e->place, sizeof e->place, fmt, ap));
    va_end(ap);
    return -1;
}

int jd_err_status(jd_errcode code) {
    return rows[code].status;
}
const char *jd_err_uri(jd_errcode code) {
    return rows[code].uri;
}
const char *jd_err_title(jd_errcode code, int zh) {
    return zh ? rows[code].zh : rows[code].en;
}

static size_t char_len(const unsigned char *s, size_t left) { /* of one well-formed UTF-8 character, or 0 */
    unsigned char c = s[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0 || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) || (c == 0xF0 && s[1] < 0x90) ||
        (c == 0xF4 && s[1] > 0x8F))
        return 0;
    return n;
}

void jd_show(jd_str text, char out[JD_SHOWN]) {
    size_t at = 0, n;
    for (size_t i = 0; i < text.n; i += n) {
        n = char_len((const unsigned char *)text.p + i, text.n - i);
        int odd = !n || (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f;
        if (!n) n = 1;
        if (at + n > JD_SHOWN - 4) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        memcpy(out + at, odd ? "?" : text.p + i, odd ? 1 : n);
        at += odd ? 1 : n;
    }
    out[at] = 0;
}
