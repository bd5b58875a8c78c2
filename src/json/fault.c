/* Refusals: what is wrong, and where. Nothing here is fast; it runs once per bad text. */
#include "json/json_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_SHOWN_MAX = 100 }; /* bytes of a member name in a message */

int json__refuse(jd_err *err, jd_str text, const char *at, const char *en, const char *zh) {
    unsigned line, column;
    jd_jplace(text, at, &line, &column);
    /* Both formats take both texts; each prints the other's with precision 0. */
    jd_fail(err, JD_E_INVALID_REQUEST, "JSON: %s%.0s (line %u, column %u, byte offset %zu)",
            "JSON 文本有误：%.0s%s（第 %u 行第 %u 列，字节偏移 %zu）", en, zh, line, column, (size_t)(at - text.p));
    return jd_fail_at(err, "line %u column %u", line, column);
}

/* Bytes of the character at p; the text is known to be well-formed. */
static size_t char_len(const char *p) {
    unsigned char c = (unsigned char)*p;
    return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

int json__expected(jd_err *err, jd_str text, const char *at, const char *en, const char *zh) {
    char what_en[200], what_zh[200], found[16];
    if (at >= text.p + text.n) {
        snprintf(what_en, sizeof what_en, "%s was expected, but the text ends here", en);
        snprintf(what_zh, sizeof what_zh, "此处应为%s，但文本已经结束", zh);
        return json__refuse(err, text, at, what_en, what_zh);
    }
    unsigned char c = (unsigned char)*at;
    if (c < 0x20 || c == 0x7F)
        snprintf(found, sizeof found, "U+%04X", c);
    else
        snprintf(found, sizeof found, "'%.*s'", (int)char_len(at), at);
    snprintf(what_en, sizeof what_en, "%s was expected, but there is %s", en, found);
    snprintf(what_zh, sizeof what_zh, "此处应为%s，却是 %s", zh, found);
    return json__refuse(err, text, at, what_en, what_zh);
}

int json__over(jd_err *err, jd_str text, const char *at, const char *en, const char *zh, uint32_t limit) {
    char what_en[200], what_zh[200];
    snprintf(what_en, sizeof what_en, "%s; the limit is %u", en, limit);
    snprintf(what_zh, sizeof what_zh, "%s，上限为 %u", zh, limit);
    return json__refuse(err, text, at, what_en, what_zh);
}

/* Where the k-th name of the object at `open` stands. The object was parsed, so commas at its own level are counted
 * and nothing else is checked. */
static const char *name_at(const char *open, uint32_t k) {
    unsigned depth = 0;
    const char *p = open;
    for (;; p++) {
        if (*p == '"') {
            if (depth == 1 && k == 0) return p;
            for (p++; *p != '"'; p++) p += *p == '\\';
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        } else if (*p == ',' && depth == 1) {
            k--;
        }
    }
}

int json__repeated(jd_err *err, jd_str text, const char *open, uint32_t k, jd_str name) {
    if (name.n > NAME_SHOWN_MAX) {
        name.n = NAME_SHOWN_MAX;
        while (((unsigned char)name.p[name.n] & 0xC0) == 0x80) name.n--;
    }
    jd_buf shown = {0};
    jd_json_write_str(&shown, name);
    char what_en[800], what_zh[800];
    snprintf(what_en, sizeof what_en, "the member name %.*s is repeated", (int)shown.n, shown.p);
    snprintf(what_zh, sizeof what_zh, "成员名 %.*s 重复", (int)shown.n, shown.p);
    jd_buf_fini(&shown);
    return json__refuse(err, text, name_at(open, k), what_en, what_zh);
}
