/* Where something stands in a text that was parsed. Nothing here is fast: it runs when something is wrong. */
#include "json/json.h"

enum { PATH_NAME_MAX = 60 };

void jd_jplace(jd_str text, const char *at, unsigned *line, unsigned *column) {
    *line = *column = 1;
    if (!at || at < text.p || at > text.p + text.n) return;
    for (const char *p = text.p; p < at; p++) {
        if (*p == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += ((unsigned char)*p & 0xC0) != 0x80;
        }
    }
}

/* ---- spans: the text is known to be well-formed, so only its shape is looked at ---- */

static const char *blank(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') p++;
    return p;
}

static const char *behind_string(const char *p) { /* p: at the opening quote */
    for (p++; *p != '"'; p++) p += *p == '\\';
    return p + 1;
}

static const char *behind_value(const char *p, const char *end) {
    unsigned depth = 0;
    if (*p == '"') return behind_string(p);
    if (*p != '{' && *p != '[') {
        while (p < end && !memchr(",]} \t\r\n", *p, 7)) p++;
        return p;
    }
    do {
        if (*p == '"') {
            p = behind_string(p);
            continue;
        }
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    } while (depth);
    return p;
}

jd_str jd_jspan(jd_str text, const jd_jstep *path, const char **name) {
    const char *end = text.p + text.n, *p = text.p;
    if (path) {
        jd_str in = jd_jspan(text, path->up, NULL);
        p = in.p + 1;
        for (uint32_t k = 0;; k++) {
            p = blank(p);
            if (path->name.p) {
                if (k == path->i && name) *name = p;
                p = blank(behind_string(p)) + 1; /* the colon */
                p = blank(p);
            }
            if (k == path->i) break;
            p = blank(behind_value(p, end)) + 1; /* the comma */
        }
    } else {
        while (p < end && memchr(" \t\r\n", *p, 4)) p++;
    }
    if (name && !(path && path->name.p)) *name = p;
    return (jd_str){p, (size_t)(behind_value(p, end) - p)};
}

void jd_jplace_of(jd_str text, const jd_jstep *path, unsigned *line, unsigned *column) {
    const char *at = text.p;
    jd_jspan(text, path, &at);
    jd_jplace(text, at, line, column);
}

const char *jd_jspan_char(jd_str span, unsigned line, unsigned column) {
    const char *p = span.p + 1, *end = span.p + span.n - 1; /* between the quotes */
    unsigned l = 1, c = 1;
    while (p < end && (l < line || (l == line && c < column))) {
        int ends = p[0] == '\\' && p[1] == 'n';
        if (*p == '\\')
            p += p[1] == 'u' ? 6 : 2;
        else
            for (p++; p < end && ((unsigned char)*p & 0xC0) == 0x80;) p++;
        c++;
        if (ends) l++, c = 1;
    }
    return p;
}

/* ---- paths ---- */

static const jd_jstep *step(jd_arena *a, const jd_jstep *up, jd_str name, uint32_t i) {
    jd_jstep *s = JD_NEW(a, jd_jstep);
    *s = (jd_jstep){up, name, i};
    return s;
}

/* The longest member name with which the path goes on: a name may have dots and brackets in it itself. */
static uint32_t member_of(const jd_jval *v, jd_str path) {
    uint32_t best = v->n;
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        if (!name.n || !jd_str_starts(path, name)) continue;
        if (path.n > name.n && path.p[name.n] != '.' && path.p[name.n] != '[') continue;
        if (best == v->n || name.n > v->members[best].name.n) best = i;
    }
    return best;
}

const jd_jstep *jd_jsteps(jd_arena *a, const jd_jval *root, jd_str path) {
    const jd_jstep *at = NULL;
    const jd_jval *v = root;
    while (path.n) {
        if (path.p[0] == '[') {
            uint32_t i = 0;
            size_t k = 1;
            while (k < path.n && k < 9 && path.p[k] >= '0' && path.p[k] <= '9')
                i = i * 10 + (uint32_t)(path.p[k++] - '0');
            if (k == 1 || k >= path.n || path.p[k] != ']' || v->type != JD_JARR || i >= v->n) break;
            at = step(a, at, (jd_str){NULL, 0}, i);
            v = &v->items[i];
            path.p += k + 1, path.n -= k + 1;
            continue;
        }
        if (path.p[0] == '.') path.p++, path.n--;
        uint32_t i = v->type == JD_JOBJ ? member_of(v, path) : 0;
        if (v->type != JD_JOBJ || i >= v->n) break;
        at = step(a, at, v->members[i].name, i);
        path.p += v->members[i].name.n, path.n -= v->members[i].name.n;
        v = &v->members[i].val;
    }
    return at;
}

void jd_jpath_write(jd_buf *b, const jd_jstep *path) {
    if (!path) return;
    jd_jpath_write(b, path->up);
    if (!path->name.p) {
        jd_buf_printf(b, "[%u]", path->i);
        return;
    }
    jd_str name = path->name;
    if (name.n > PATH_NAME_MAX) {
        name.n = PATH_NAME_MAX;
        while (name.n && ((unsigned char)name.p[name.n] & 0xC0) == 0x80) name.n--;
    }
    if (path->up) jd_buf_c(b, '.');
    jd_buf_str(b, name);
}
