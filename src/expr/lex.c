/* Bytes to tokens, and where in the text something is wrong. */
#include "expr/expr_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void expr__line_column(jd_str text, size_t at, unsigned *line, unsigned *column) {
    *line = *column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n')
            ++*line, *column = 1;
        else
            *column += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    }
    if (at && at < text.n && ((unsigned char)text.p[at] & 0xC0) == 0x80) --*column;
}

int expr__place(const expr__parser *p, uint32_t at) {
    unsigned line, column;
    expr__line_column(p->text, at, &line, &column);
    return jd_fail_at(p->err, "line %u column %u", line, column);
}

int expr__text_ok(jd_str text, uint32_t most, jd_err *err) {
    unsigned line, column;
    if (text.n > most)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the text has %zu bytes, at most %u are taken",
                       "文本有 %zu 字节，上限为 %u", text.n, most);
    size_t bad = jd_utf8_bad(text.p, text.n);
    if (bad == text.n) return 0;
    expr__line_column(text, bad, &line, &column);
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "this is not UTF-8", "不是正确的 UTF-8");
    return jd_fail_at(err, "line %u column %u", line, column);
}

int expr__expected(expr__parser *p, const char *en, const char *zh) {
    char shown[JD_SHOWN];
    if (p->tok.is == EXPR__T_END)
        return EXPR__FAIL(p, p->tok.from, "expected %s%.0s, but the expression ends here",
                          "%.0s此处应为%s，但表达式已结束", en, zh);
    jd_show((jd_str){p->text.p + p->tok.from, p->at - p->tok.from}, shown);
    return EXPR__FAIL(p, p->tok.from, "expected %s%.0s, found %s", "%.0s此处应为%s，而不是 %s", en, zh, shown);
}

int expr__is(const expr__parser *p, const char *mark) {
    return (p->tok.is == EXPR__T_MARK || p->tok.is == EXPR__T_NAME) && jd_str_is(p->tok.s, mark);
}

int expr__want(expr__parser *p, const char *mark) {
    char what[16];
    if (expr__is(p, mark)) return expr__next(p);
    size_t n = strlen(mark);
    what[0] = '\'';
    memcpy(what + 1, mark, n);
    memcpy(what + 1 + n, "'", 2);
    return expr__expected(p, what, what);
}

/* ---- characters ---- */

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}
static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of a letter at i, 0: there is none. Letters are those of ASCII, '_', and all beyond ASCII but what looks like
 * a sign: punctuation, mathematical signs, CJK punctuation, full-width forms. */
static size_t letter(const expr__parser *p, size_t i) {
    if (i >= p->text.n) return 0;
    const unsigned char *s = (const unsigned char *)p->text.p + i;
    unsigned char c = *s;
    if (c < 0x80) return (c | 32) >= 'a' && (c | 32) <= 'z' ? 1 : c == '_';
    if (c < 0xC2 || (c == 0xC2 && s[1] < 0xAA)) return 0;
    if (c == 0xC3 && (s[1] == 0x97 || s[1] == 0xB7)) return 0; /* multiplied, divided */
    if (c < 0xE0) return 2;
    if (c == 0xE2 && s[1] < 0xB0) return 0;                  /* U+2000..2BFF: punctuation, arrows, mathematical signs */
    if (c == 0xE3 && s[1] == 0x80) return 0;                 /* U+3000..303F */
    if (c == 0xEF && s[1] >= 0xBC && s[1] <= 0xBF) return 0; /* U+FF00..FFFF */
    return c < 0xF0 ? 3 : 4;
}

static char at(const expr__parser *p, size_t i) {
    return i < p->text.n ? p->text.p[i] : 0;
}

/* ---- numbers and durations ---- */

static const struct unit {
    const char *name;
    int64_t us;
} units[] = {{"d", INT64_C(86400000000)}, {"h", INT64_C(3600000000)}, {"min", 60000000}, {"s", 1000000}, {"ms", 1000}};

static double number(expr__parser *p, size_t *i) {
    size_t from = *i, k = from;
    while (is_digit(at(p, k))) k++;
    if (at(p, k) == '.' && is_digit(at(p, k + 1)))
        for (k++; is_digit(at(p, k));) k++;
    if ((at(p, k) | 32) == 'e') {
        size_t e = k + 1 + (at(p, k + 1) == '+' || at(p, k + 1) == '-');
        if (is_digit(at(p, e)))
            for (k = e; is_digit(at(p, k));) k++;
    }
    jd_arena_mark mark = jd_arena_tell(&p->x->arena);
    jd_str copy = jd_arena_dup(&p->x->arena, (jd_str){p->text.p + from, k - from});
    double v = strtod(copy.p, NULL);
    jd_arena_rewind(&p->x->arena, mark);
    *i = k;
    return v;
}

static int too_long(expr__parser *p) {
    return EXPR__FAIL(p, p->tok.from, "the duration is longer than 9999 years", "时长超过 9999 年");
}

/* 1h30min: each unit once, longest first. */
static int duration(expr__parser *p, size_t i, double v) {
    size_t last = 0, none = sizeof units / sizeof *units;
    double sum = 0;
    for (int first = 1;; first = 0) {
        size_t end = i, k = 0;
        for (size_t l; (l = letter(p, end));) end += l;
        jd_str name = {p->text.p + i, end - i};
        while (k < none && !jd_str_is(name, units[k].name)) k++;
        if (k == none) {
            char shown[JD_SHOWN];
            jd_show(name, shown);
            return EXPR__FAIL(p, (uint32_t)i, "expected a unit (d, h, min, s, ms), found '%s'",
                              "此处应为单位（d、h、min、s、ms），而不是“%s”", shown);
        }
        if (!first && k <= last)
            return EXPR__FAIL(p, (uint32_t)i, "units stand longest first, each once, as in 1h30min",
                              "单位须从大到小，各一次，例如 1h30min");
        sum += v * (double)units[k].us;
        last = k;
        i = end;
        if (!is_digit(at(p, i))) break;
        v = number(p, &i);
        if (!letter(p, i))
            return EXPR__FAIL(p, (uint32_t)i, "expected a unit (d, h, min, s, ms)", "此处应为单位（d、h、min、s、ms）");
    }
    if (!(sum <= (double)EXPR__SPAN_MOST)) return too_long(p);
    p->tok.is = EXPR__T_DURATION;
    p->tok.us = llround(sum);
    p->at = i;
    return 0;
}

static int number_token(expr__parser *p) {
    size_t i = p->at;
    double v = number(p, &i);
    if (!isfinite(v)) return EXPR__FAIL(p, p->tok.from, "the number is too large", "数值过大");
    p->tok.is = EXPR__T_NUM;
    p->tok.num = v;
    if (letter(p, i)) return duration(p, i, v);
    p->at = i;
    return 0;
}

/* ---- texts ---- */

static int hex4(const expr__parser *p, size_t i, uint32_t *v) {
    *v = 0;
    for (size_t k = i; k < i + 4; k++) {
        char c = at(p, k), l = (char)(c | 32);
        if (!is_digit(c) && !(l >= 'a' && l <= 'f')) return -1;
        *v = *v << 4 | (uint32_t)(is_digit(c) ? c - '0' : l - 'a' + 10);
    }
    return 0;
}

size_t expr__put_utf8(char *to, uint32_t c) {
    if (c < 0x80) return to[0] = (char)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t k = n - 1; k; k--, c >>= 6) to[k] = (char)(unsigned char)(0x80 | (c & 0x3F));
    to[0] = (char)(unsigned char)(lead[n] | c);
    return n;
}

/* Behind a backslash; *i is moved behind it all. Bytes written, or -1. */
static int escape(expr__parser *p, size_t *i, char *to) {
    size_t back = *i - 1;
    char c = at(p, (*i)++);
    uint32_t u, low;
    if (c == '\'' || c == '"' || c == '\\') return *to = c, 1;
    if (c == 'n') return *to = '\n', 1;
    if (c == 't') return *to = '\t', 1;
    if (c == 'u' && !hex4(p, *i, &u)) {
        *i += 4;
        if (u >= 0xD800 && u < 0xDC00 && at(p, *i) == '\\' && at(p, *i + 1) == 'u' && !hex4(p, *i + 2, &low) &&
            low >= 0xDC00 && low < 0xE000) {
            *i += 6;
            u = 0x10000 + ((u - 0xD800) << 10) + (low - 0xDC00);
        }
        if (u && (u < 0xD800 || u > 0xDFFF)) return (int)expr__put_utf8(to, u);
    }
    return EXPR__FAIL(p, (uint32_t)back, "a backslash stands before ' \" \\ n t or uXXXX (a character)",
                      "反斜杠后只能是 ' \" \\ n t 或 uXXXX（一个字符）");
}

static int text_token(expr__parser *p, char quote) {
    size_t i = p->at + 1, n = 0;
    char *to = jd_arena_alloc(&p->x->arena, p->text.n - p->at);
    while (at(p, i) != quote || i >= p->text.n) {
        if (i >= p->text.n || at(p, i) == '\n')
            return EXPR__FAIL(p, p->tok.from, "the text that begins here has no closing %c",
                              "此处开始的文本缺少结尾的 %c", quote);
        if (at(p, i) == '\\') {
            i++;
            int wrote = escape(p, &i, to + n);
            if (wrote < 0) return -1;
            n += (size_t)wrote;
        } else {
            to[n++] = at(p, i++);
        }
    }
    p->tok.is = EXPR__T_TEXT;
    p->tok.s = (jd_str){to, n};
    p->at = i + 1;
    return 0;
}

static int quoted_token(expr__parser *p) {
    size_t i = p->at + 1;
    while (i < p->text.n && at(p, i) != '`' && at(p, i) != '\n') i++;
    if (at(p, i) != '`' || i == p->at + 1)
        return EXPR__FAIL(p, p->tok.from, "expected a name in backquotes: `name`", "此处应为反引号中的名称：`名称`");
    p->tok.is = EXPR__T_QUOTED;
    p->tok.s = (jd_str){p->text.p + p->at + 1, i - p->at - 1};
    p->at = i + 1;
    return 0;
}

/* ---- tokens ---- */

static int strange(expr__parser *p) {
    static const struct {
        const char *c, *means;
    } wide[] = {{"，", ","}, {"（", "("}, {"）", ")"},  {"；", ";"},   {"：", ":"}, {"？", "?"}, {"。", "."},
                {"＞", ">"}, {"＜", "<"}, {"＝", "=="}, {"‘", "'"},    {"’", "'"},  {"“", "\""}, {"”", "\""},
                {"　", " "}, {"【", "["}, {"】", "]"},  {"！", "not"}, {"－", "-"}, {"＋", "+"}, {"／", "/"},
                {"＊", "*"}, {"％", "%"}, {"×", "*"},   {"÷", "/"},    {"≥", ">="}, {"≤", "<="}, {"≠", "!="}};
    char shown[JD_SHOWN];
    jd_str rest = {p->text.p + p->at, p->text.n - p->at};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (jd_str_starts(rest, jd_str_of(wide[i].c)))
            return EXPR__FAIL(p, p->tok.from, "'%s' is no sign of the language; write %s",
                              "“%s”不是本语言的符号；请写 %s", wide[i].c, wide[i].means);
    size_t n = 1;
    while (n < rest.n && ((unsigned char)rest.p[n] & 0xC0) == 0x80) n++;
    jd_show((jd_str){rest.p, n}, shown);
    if (shown[0] == '=') return EXPR__FAIL(p, p->tok.from, "'=' is no operator; write ==", "“=”不是运算符；请写 ==");
    if (shown[0] == '&') return EXPR__FAIL(p, p->tok.from, "'&' is no operator; write and", "“&”不是运算符；请写 and");
    if (shown[0] == '|') return EXPR__FAIL(p, p->tok.from, "'|' is no operator; write or", "“|”不是运算符；请写 or");
    if (shown[0] == '!') return EXPR__FAIL(p, p->tok.from, "'!' is no operator; write not", "“!”不是运算符；请写 not");
    return EXPR__FAIL(p, p->tok.from, "'%s' cannot stand here", "此处不能是“%s”", shown);
}

static int mark_token(expr__parser *p) {
    static const char *const marks[] = {"->", "==", "!=", "<=", ">=", "??", "<", ">", "+", "-", "*",
                                        "/",  "%",  "(",  ")",  "[",  "]",  ",", ".", "?", ":"};
    jd_str rest = {p->text.p + p->at, p->text.n - p->at};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!jd_str_starts(rest, jd_str_of(marks[i]))) continue;
        p->tok.is = EXPR__T_MARK;
        p->tok.s = jd_str_of(marks[i]);
        p->at += p->tok.s.n;
        return 0;
    }
    return strange(p);
}

int expr__next(expr__parser *p) {
    while (p->at < p->text.n && is_blank(p->text.p[p->at])) p->at++;
    p->tok.from = (uint32_t)p->at;
    char c = at(p, p->at);
    if (p->at >= p->text.n || (p->braces && c == '}')) {
        p->tok.is = EXPR__T_END;
        p->tok.s = (jd_str){"", 0};
        return 0;
    }
    if (is_digit(c)) return number_token(p);
    if (c == '\'' || c == '"') return text_token(p, c);
    if (c == '`') return quoted_token(p);
    size_t end = p->at;
    for (size_t l; (l = letter(p, end)) || (end > p->at && is_digit(at(p, end)) && (l = 1));) end += l;
    if (end == p->at) return mark_token(p);
    p->tok.is = EXPR__T_NAME;
    p->tok.s = (jd_str){p->text.p + p->at, end - p->at};
    p->at = end;
    return 0;
}
