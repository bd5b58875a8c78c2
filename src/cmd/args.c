/* The command line: one table per command says which options there are; this file reads them, and writes --help. */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the name that was meant ---- */

enum { NAME_MAX_COMPARED = 40 };

/* Edit distance, two neighbours swapped counting once; more than NAME_MAX_COMPARED bytes are far from everything. */
static size_t distance(jd_str a, jd_str b) {
    size_t row[3][NAME_MAX_COMPARED + 1];
    if (a.n > NAME_MAX_COMPARED || b.n > NAME_MAX_COMPARED) return NAME_MAX_COMPARED;
    for (size_t j = 0; j <= b.n; j++) row[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t d = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            if (last[j] + 1 < d) d = last[j] + 1;
            if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
            int swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && before[j - 2] + 1 < d) d = before[j - 2] + 1;
            now[j] = d;
        }
    }
    return row[a.n % 3][b.n];
}

const char *cmd_nearest(jd_str typed, const char *const *first, size_t n, size_t stride) {
    const char *best = NULL;
    size_t least = typed.n / 3 + 2; /* the longer the name, the more slips */
    for (size_t i = 0; i < n; i++) {
        const char *name = *(const char *const *)((const char *)first + i * stride);
        jd_str s = jd_str_of(name);
        size_t d = typed.n >= 3 && jd_str_starts(s, typed) ? 1 : distance(typed, s);
        if (d < least) {
            least = d;
            best = name;
        }
    }
    return best;
}

/* ---- values ---- */

static void *field(const cmd_opt *o, void *settings) {
    return (char *)settings + o->at;
}

/* Digits, no sign, no blanks; -1: no such number. */
static int read_digits(jd_str *s, uint64_t *out) {
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s->p[i] - '0'), &v)) return -1;
    s->p += i;
    s->n -= i;
    *out = v;
    return i ? 0 : -1;
}

/* k, M, G, T, in either case, maybe with "B" or "iB" behind. */
static int read_unit(jd_str *s, uint64_t *v) {
    static const char units[] = "kmgt";
    if (!s->n) return 0;
    const char *u = memchr(units, s->p[0] | 32, sizeof units - 1);
    if (!u) {
        if (!jd_str_is(*s, "B")) return -1;
        s->n = 0;
        return 0;
    }
    for (const char *step = units; step <= u; step++)
        if (__builtin_mul_overflow(*v, 1024, v)) return -1;
    s->p++, s->n--;
    if (s->n && (jd_str_is(*s, "B") || jd_str_is(*s, "iB"))) s->n = 0;
    return 0;
}

static int bad_number(const cmd_opt *o, jd_str text, jd_err *err) {
    int size = o->kind == CMD_SIZE, shown = (int)(text.n > 60 ? 60 : text.n);
    return jd_fail(err, JD_E_INVALID_REQUEST, "%s: \"%.*s\" is not a whole number from %llu to %llu%s%.0s",
                   "%s：“%.*s”不是 %llu 到 %llu 之间的整数%.0s%s", o->name, shown, text.p, (unsigned long long)o->least,
                   (unsigned long long)o->most, size ? ", with k, M, G or T if you like" : "",
                   size ? "（可带 k、M、G、T）" : "");
}

static int choose(const cmd_opt *o, void *settings, jd_str text, jd_err *err) {
    for (const char *p = o->choices; p;) {
        const char *bar = strchr(p, '|');
        jd_str one = {p, bar ? (size_t)(bar - p) : strlen(p)};
        if (jd_str_eq(one, text)) {
            *(const char **)field(o, settings) = text.p;
            return 0;
        }
        p = bar ? bar + 1 : NULL;
    }
    return jd_fail(err, JD_E_INVALID_REQUEST, "%s: \"%.*s\" is none of %s", "%s：“%.*s”不在可选值之内：%s", o->name,
                   (int)(text.n > 60 ? 60 : text.n), text.p, o->choices);
}

int cmd_opt_set(const cmd_opt *o, void *settings, jd_str text, jd_err *err) {
    jd_str rest = text;
    uint64_t v = 0;
    switch (o->kind) {
    case CMD_FLAG: *(int *)field(o, settings) = jd_str_is(text, "true"); return 0;
    case CMD_TEXT:
        if (!text.n) return jd_fail(err, JD_E_INVALID_REQUEST, "%s: must not be empty", "%s：不能为空", o->name);
        *(const char **)field(o, settings) = text.p;
        return 0;
    case CMD_CHOICE: return choose(o, settings, text, err);
    case CMD_COUNT:
    case CMD_SIZE:
        if (read_digits(&rest, &v) || (o->kind == CMD_SIZE && read_unit(&rest, &v)) || rest.n || v < o->least ||
            v > o->most)
            return bad_number(o, text, err);
        *(uint64_t *)field(o, settings) = v;
        return 0;
    }
    return -1;
}

/* ---- the line ---- */

static const cmd_opt *find(const cmd_spec *spec, jd_str name) {
    for (size_t i = 0; i < spec->opts_n; i++)
        if (jd_str_is(name, spec->opts[i].name)) return &spec->opts[i];
    return NULL;
}

int cmd_given(const cmd_line *line, const char *option) {
    const cmd_opt *o = find(line->spec, jd_str_of(option));
    return o && line->given[o - line->spec->opts];
}

static int hint(const char *name) {
    cmd_say("see \"jindu %s --help\"", "请看“jindu %s --help”", name);
    return CMD_USAGE;
}

static int unknown(const cmd_spec *spec, const char *arg, jd_str name) {
    const char *near = spec->opts_n ? cmd_nearest(name, &spec->opts[0].name, spec->opts_n, sizeof(cmd_opt)) : NULL;
    if (near)
        cmd_say("%s: unknown option %s; did you mean --%s?", "%s：没有选项 %s；是否想用 --%s？", spec->name, arg, near);
    else
        cmd_say("%s: unknown option %s", "%s：没有选项 %s", spec->name, arg);
    return hint(spec->name);
}

int cmd_usage(const cmd_line *line, const char *en, const char *zh, ...) {
    va_list ap;
    va_start(ap, zh);
    fprintf(stderr, "jindu: %s%s", line->spec->name, cmd_word(": ", "："));
    vfprintf(stderr, cmd_zh() ? zh : en, ap);
    fputc('\n', stderr);
    va_end(ap);
    return hint(line->spec->name);
}

/* One option at argv[*i]; *i moves over a value that stands apart. An exit code, or -1: go on. */
static int read_option(cmd_line *line, int argc, const char *const *argv, int *i) {
    const cmd_spec *spec = line->spec;
    const char *arg = argv[*i], *eq = strchr(arg, '=');
    jd_str name = {arg + 2, eq ? (size_t)(eq - arg) - 2 : strlen(arg) - 2}, value = {"true", 4};
    if (arg[1] != '-') return unknown(spec, arg, (jd_str){arg + 1, strlen(arg) - 1});
    const cmd_opt *o = find(spec, name);
    if (!o) return unknown(spec, arg, name);
    if (o->kind == CMD_FLAG && eq) return cmd_usage(line, "--%s takes no value", "--%s 不带值", o->name);
    if (o->kind != CMD_FLAG) {
        if (!eq && *i + 1 >= argc)
            return cmd_usage(line, "--%s needs a value (%s)", "--%s 缺少值（%s）", o->name, o->arg);
        value = jd_str_of(eq ? eq + 1 : argv[++*i]);
    }
    size_t no = (size_t)(o - spec->opts);
    if (line->given[no]) return cmd_usage(line, "--%s is given twice", "--%s 重复", o->name);
    line->given[no] = 1;
    jd_err err = {0};
    if (cmd_opt_set(o, line->settings, value, &err)) return cmd_usage(line, "--%s", "--%s", cmd_err_text(&err));
    return -1;
}

static int is_help(const char *arg) {
    return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

static int run(cmd_line *line, int argc, const char *const *argv, const char **args) {
    const cmd_spec *spec = line->spec;
    int only_operands = 0;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || !arg[1]) {
            args[line->args_n++] = arg;
        } else if (!strcmp(arg, "--")) {
            only_operands = 1;
        } else if (is_help(arg)) {
            cmd_help(spec, stdout);
            return CMD_OK;
        } else {
            int code = read_option(line, argc, argv, &i);
            if (code >= 0) return code;
        }
    }
    if (line->args_n > spec->args_most)
        return cmd_usage(line, "\"%s\" is one argument too many", "多余的参数“%s”", args[spec->args_most]);
    if (line->args_n < spec->args_least) return cmd_usage(line, "%s must be given", "需要给出 %s", spec->operands);
    return spec->run(line);
}

int cmd_main(const cmd_spec *spec, int argc, const char *const *argv) {
    const char **args = jd_xcalloc((size_t)argc + 1, sizeof *args);
    cmd_line line = {.spec = spec, .settings = jd_xcalloc(1, spec->settings_size + 1), .args = args};
    if (spec->defaults) spec->defaults(line.settings);
    int code = run(&line, argc, argv, args);
    if (fflush(stdout) && code == CMD_OK) {
        cmd_say("cannot write to standard output", "无法写到标准输出");
        code = CMD_FAILED;
    }
    free(line.settings);
    free(args);
    return code;
}

/* ---- --help ---- */

static void help_default(const cmd_opt *o, void *settings, FILE *to) {
    uint64_t v = 0;
    const char *text = NULL;
    if (o->kind == CMD_FLAG) return;
    if (o->kind == CMD_COUNT || o->kind == CMD_SIZE)
        v = *(uint64_t *)field(o, settings);
    else
        text = *(const char **)field(o, settings);
    const char *word = cmd_word("default", "默认"), *unit = "";
    if (text) fprintf(to, " [%s: %s]", word, text);
    if (!v) return;
    static const char *const units[] = {"k", "M", "G"};
    for (size_t i = 0; o->kind == CMD_SIZE && i < 3 && v % 1024 == 0; i++) {
        v /= 1024;
        unit = units[i];
    }
    fprintf(to, " [%s: %llu%s]", word, (unsigned long long)v, unit);
}

void cmd_help(const cmd_spec *spec, FILE *to) {
    void *settings = jd_xcalloc(1, spec->settings_size + 1);
    if (spec->defaults) spec->defaults(settings);
    fprintf(to, "%s\n\n%s: jindu %s %s%s%s\n", cmd_word(spec->en, spec->zh), cmd_word("usage", "用法"), spec->name,
            spec->opts_n ? cmd_word("[options]", "[选项]") : "", *spec->operands ? " " : "", spec->operands);
    if (spec->opts_n) fprintf(to, "\n%s:\n", cmd_word("options", "选项"));
    for (size_t i = 0; i < spec->opts_n; i++) {
        const cmd_opt *o = &spec->opts[i];
        char name[64];
        snprintf(name, sizeof name, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(to, "  %-30s %s", name, cmd_word(o->en, o->zh));
        if (o->choices) fprintf(to, ": %s", o->choices);
        help_default(o, settings, to);
        fputc('\n', to);
    }
    const char *more = cmd_word(spec->more_en, spec->more_zh);
    if (more) fprintf(to, "\n%s", more);
    free(settings);
}
