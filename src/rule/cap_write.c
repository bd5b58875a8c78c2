#include "json/json.h"
#include "rule/cap_form.h"

static const char replacement[] = "\xEF\xBF\xBD";

/* Characters that XML 1.0 holds (2.2). '>' is escaped for the sake of "]]>", a carriage return because a reader of XML
 * would make it a line feed. */
static void escaped(jd_buf *out, jd_str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        switch (c) {
        case '<': jd_buf_z(out, "&lt;"); continue;
        case '>': jd_buf_z(out, "&gt;"); continue;
        case '&': jd_buf_z(out, "&amp;"); continue;
        case '\r': jd_buf_z(out, "&#13;"); continue;
        case '\t':
        case '\n': jd_buf_c(out, (char)c); continue;
        default: break;
        }
        if (c < 0x20) {
            jd_buf_z(out, replacement);
        } else if (c == 0xEF && s.n - i >= 3 && s.p[i + 1] == '\xBF' && (unsigned char)s.p[i + 2] >= 0xBE) {
            jd_buf_z(out, replacement); /* U+FFFE, U+FFFF */
            i += 2;
        } else {
            jd_buf_c(out, (char)c);
        }
    }
}

static void text(jd_buf *out, jd_str s) {
    while (s.n) {
        size_t sound = jd_utf8_bad(s.p, s.n);
        if (sound > s.n) sound = s.n;
        escaped(out, (jd_str){s.p, sound});
        if (sound == s.n) return;
        jd_buf_z(out, replacement);
        s = (jd_str){s.p + sound + 1, s.n - sound - 1};
    }
}

/* 3.3.2: an offset and no Z; UTC is -00:00. */
static void time_text(jd_buf *out, jd_time t) {
    char z[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, 0, z);
    jd_buf_add(out, z, n - 1);
    jd_buf_z(out, "-00:00");
}

static void open(jd_buf *out, int depth, const char *name) {
    for (int i = 0; i < depth; i++) jd_buf_z(out, "  ");
    jd_buf_c(out, '<');
    jd_buf_z(out, name);
    jd_buf_c(out, '>');
}

static void shut(jd_buf *out, const char *name) {
    jd_buf_z(out, "</");
    jd_buf_z(out, name);
    jd_buf_z(out, ">\n");
}

static void group(jd_buf *out, int depth, const cap__group *g, const char *base);

static void element(jd_buf *out, int depth, const cap__row *row, const char *value) {
    jd_time t = 0;
    jd_str s = {0};
    if (row->kind == CAP__TIME)
        memcpy(&t, value, sizeof t);
    else if (row->kind != CAP__GROUP)
        memcpy(&s, value, sizeof s);
    if (row->kind == CAP__TIME ? t == JD_TIME_NONE : row->kind != CAP__GROUP && row->most == 1 && !s.p) return;
    open(out, depth, row->name);
    if (row->kind == CAP__GROUP) {
        jd_buf_c(out, '\n');
        group(out, depth + 1, row->group, value);
        for (int i = 0; i < depth; i++) jd_buf_z(out, "  ");
    } else if (row->kind == CAP__TIME) {
        time_text(out, t);
    } else {
        text(out, s);
    }
    shut(out, row->name);
}

static void group(jd_buf *out, int depth, const cap__group *g, const char *base) {
    for (size_t i = 0; i < g->rows_n; i++) {
        const cap__row *row = &g->rows[i];
        const char *value = base + row->at;
        size_t n = 1, size = row->group ? row->group->size : sizeof(jd_str);
        if (row->most > 1) {
            memcpy(&value, base + row->at, sizeof value);
            memcpy(&n, base + row->n_at, sizeof n);
        }
        for (size_t k = 0; k < n; k++) element(out, depth, row, value + k * size);
    }
}

void jd_cap_write(const jd_cap *c, jd_buf *out) {
    jd_buf_z(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alert xmlns=\"" CAP__NAMESPACE "\">\n");
    group(out, 1, &cap__alert, (const char *)c);
    jd_buf_z(out, "</alert>\n");
}
