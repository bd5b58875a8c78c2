/* The configuration file: the same settings as the command line's, from the same table. */
#include "cmd/cmd.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "line 3 column 5" of a byte within the text. */
static void place(jd_str text, const char *at, unsigned *line, unsigned *column) {
    *line = *column = 1;
    for (const char *p = text.p; p < at; p++) {
        if (*p == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += ((unsigned char)*p & 0xC0) != 0x80;
        }
    }
}

/* Names and values point into the text unless they hold escapes; then the object's first byte has to do. */
static int fail_at(const char *path, jd_str text, const jd_jmember *m, int at_value, jd_err *err) {
    unsigned line, column;
    const char *p = at_value && (m->val.type == JD_JSTR || m->val.type == JD_JNUM) ? m->val.s : m->name.p;
    if (p < text.p || p > text.p + text.n) p = text.p;
    if (p > text.p && p[-1] == '"') p--;
    place(text, p, &line, &column);
    err->place[0] = 0;
    return jd_fail_at(err, "%s:%u:%u", path, line, column);
}

static const cmd_opt *member_option(const cmd_spec *spec, jd_str name) {
    for (size_t i = 0; i < spec->opts_n; i++) {
        const char *z = spec->opts[i].name;
        size_t k = 0;
        while (k < name.n && z[k] && name.p[k] == (z[k] == '-' ? '_' : z[k])) k++;
        if (k == name.n && !z[k] && spec->opts[i].in_file) return &spec->opts[i];
    }
    return NULL;
}

static int unknown(const cmd_spec *spec, jd_arena *a, jd_str name, jd_err *err) {
    const char **names = JD_NEWN(a, const char *, spec->opts_n);
    size_t n = 0;
    for (size_t i = 0; i < spec->opts_n; i++) {
        if (!spec->opts[i].in_file) continue;
        char *z = jd_xstrdup(jd_str_of(spec->opts[i].name));
        for (char *p = z; *p; p++)
            if (*p == '-') *p = '_';
        names[n++] = jd_arena_dup(a, jd_str_of(z)).p;
        free(z);
    }
    const char *near = n ? cmd_nearest(name, names, n, sizeof *names) : NULL;
    int shown = (int)(name.n > 80 ? 80 : name.n);
    if (near)
        return jd_fail(err, JD_E_INVALID_REQUEST, "unknown member \"%.*s\"; did you mean \"%s\"?",
                       "没有成员“%.*s”；是否想用“%s”？", shown, name.p, near);
    return jd_fail(err, JD_E_INVALID_REQUEST, "unknown member \"%.*s\"", "没有成员“%.*s”", shown, name.p);
}

static int wrong_type(const cmd_opt *o, jd_str name, jd_err *err) {
    const char *en = o->kind == CMD_FLAG    ? "true or false"
                     : o->kind == CMD_COUNT ? "a number"
                     : o->kind == CMD_SIZE  ? "a number of bytes, or a string such as \"64M\""
                                            : "a string";
    const char *zh = o->kind == CMD_FLAG    ? "true 或 false"
                     : o->kind == CMD_COUNT ? "数字"
                     : o->kind == CMD_SIZE  ? "字节数，或形如 \"64M\" 的字符串"
                                            : "字符串";
    return jd_fail(err, JD_E_INVALID_REQUEST, "%.*s: must be %s%.0s", "%.*s：应为%.0s%s", JD_STR_ARG(name), en, zh);
}

static int set_member(const cmd_line *line, jd_arena *a, const jd_jmember *m, jd_err *err) {
    const cmd_opt *o = member_option(line->spec, m->name);
    if (!o) return unknown(line->spec, a, m->name, err);
    jd_jtype t = m->val.type;
    int flag = t == JD_JTRUE || t == JD_JFALSE;
    int fits = o->kind == CMD_FLAG    ? flag
               : o->kind == CMD_COUNT ? t == JD_JNUM
               : o->kind == CMD_SIZE  ? t == JD_JNUM || t == JD_JSTR
                                      : t == JD_JSTR;
    if (!fits) return wrong_type(o, m->name, err);
    jd_str text = flag ? (t == JD_JTRUE ? JD_STR("true") : JD_STR("false")) : jd_jstr(&m->val);
    if (memchr(text.p, 0, text.n))
        return jd_fail(err, JD_E_INVALID_REQUEST, "%.*s: holds a NUL", "%.*s：含有 NUL 字符", JD_STR_ARG(m->name));
    if (line->given[o - line->spec->opts]) {
        /* the command line wins, but the file must be right all the same */
        void *spare = jd_arena_zalloc(a, line->spec->settings_size);
        return cmd_opt_set(o, spare, jd_arena_dup(a, text), err);
    }
    return cmd_opt_set(o, line->settings, jd_arena_dup(a, text), err);
}

/* The fault's own words end in its place, which the reader gets in front. */
static int bad_json(const char *path, jd_err *err) {
    unsigned line, column;
    if (sscanf(err->place, "line %u column %u", &line, &column) != 2) return jd_fail_at(err, "%s", path);
    err->place[0] = 0;
    return jd_fail_at(err, "%s:%u:%u", path, line, column);
}

int cmd_config_read(const char *path, const cmd_line *line, jd_arena *a, jd_err *err) {
    jd_buf file = {0};
    if (cmd_file_read(path, &file, err)) {
        jd_buf_fini(&file);
        return -1;
    }
    jd_str text = jd_arena_dup(a, jd_buf_view(&file));
    jd_buf_fini(&file);
    jd_jval v;
    if (jd_json_parse(a, text, NULL, &v, err)) return bad_json(path, err);
    if (v.type != JD_JOBJ) {
        jd_fail(err, JD_E_INVALID_REQUEST, "must hold one JSON object", "须为一个 JSON 对象");
        return jd_fail_at(err, "%s:1:1", path);
    }
    for (uint32_t i = 0; i < v.n; i++) {
        const cmd_opt *o = member_option(line->spec, v.members[i].name);
        if (set_member(line, a, &v.members[i], err)) return fail_at(path, text, &v.members[i], o != NULL, err);
    }
    return 0;
}
