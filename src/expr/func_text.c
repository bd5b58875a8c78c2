/* Functions of texts. A character is a code point. */
#include "expr/expr_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

enum { PATTERN_MAX = 1000, SHORT_MAX = 256 };

static int blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Each character by itself: 'ß' stays. What the host gave and is no UTF-8 stays as it is. */
static int cased(expr__run *r, jd_str s, UChar32 (*to)(UChar32), jd_xval *out) {
    if (s.n > EXPR__TEXT_MAX) return expr__count_text(r, s.n);
    int32_t n = (int32_t)s.n, i = 0;
    size_t at = 0;
    char *p = jd_arena_alloc(r->host->arena, s.n * 3 + 4); /* two bytes may become three, never more */
    while (i < n) {
        UChar32 c;
        int32_t from = i;
        U8_NEXT((const uint8_t *)s.p, i, n, c);
        if (c >= 0) {
            at += expr__put_utf8(p + at, (uint32_t)to(c));
        } else {
            memcpy(p + at, s.p + from, (size_t)(i - from));
            at += (size_t)(i - from);
        }
    }
    *out = expr__text((jd_str){p, at});
    return expr__count_text(r, at);
}

static int f_lower(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)n;
    return cased(r, a[0].text, u_tolower, out);
}
static int f_upper(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)n;
    return cased(r, a[0].text, u_toupper, out);
}

static int f_trim(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    jd_str s = a[0].text;
    (void)r, (void)n;
    while (s.n && blank(*s.p)) s.p++, s.n--;
    while (s.n && blank(s.p[s.n - 1])) s.n--;
    *out = expr__text(s);
    return 0;
}

static int f_length(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    size_t chars = 0;
    (void)r, (void)n;
    for (size_t i = 0; i < a[0].text.n; i++) chars += ((unsigned char)a[0].text.p[i] & 0xC0) != 0x80;
    *out = expr__num((double)chars);
    return 0;
}

static int f_contains(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    jd_str s = a[0].text, part = a[1].text;
    *out = expr__bool(!part.n || (s.n >= part.n && memmem(s.p, s.n, part.p, part.n) != NULL));
    return 0;
}
static int f_starts(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    *out = expr__bool(jd_str_starts(a[0].text, a[1].text));
    return 0;
}
static int f_ends(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r, (void)n;
    jd_str s = a[0].text, end = a[1].text;
    *out = expr__bool(s.n >= end.n && (!end.n || memcmp(s.p + s.n - end.n, end.p, end.n) == 0));
    return 0;
}

/* text(x): as jd_xval_text has it, but that nothing stays nothing. */
static int f_text(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)n;
    if (a[0].type == JD_X_TEXT) return *out = a[0], 0;
    jd_arena *arena = r->host->arena;
    int is_list = a[0].type == JD_X_NUMS || a[0].type == JD_X_TEXTS;
    /* Only lists are longer than this. */
    jd_buf b = {.p = is_list ? NULL : jd_arena_alloc(arena, SHORT_MAX), .cap = is_list ? 0 : SHORT_MAX};
    jd_xval_text(&a[0], &b);
    int rc = expr__count_text(r, b.n);
    if (!rc) *out = expr__text(is_list ? jd_arena_dup(arena, jd_buf_view(&b)) : jd_buf_view(&b));
    if (is_list) jd_buf_fini(&b);
    return rc;
}

/* A number as the language (or JSON) writes it, blanks around it; anything else is nothing. */
static int f_number(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    char z[64], *end;
    jd_str s = a[0].text;
    (void)r, (void)n;
    if (a[0].type == JD_X_NUM) return *out = a[0], 0;
    *out = expr__null();
    if (a[0].type != JD_X_TEXT) return 0;
    while (s.n && blank(*s.p)) s.p++, s.n--;
    while (s.n && blank(s.p[s.n - 1])) s.n--;
    if (!s.n || s.n >= sizeof z) return 0;
    for (size_t i = 0; i < s.n; i++)
        if (!memchr("0123456789+-.eE", s.p[i], 15)) return 0;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    double v = strtod(z, &end);
    if (end == z + s.n) *out = expr__num(v);
    return 0;
}

static int f_matches(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    int yes = jd_regex_run(n->ready, a[0].text);
    if (yes < 0 && jd_utf8_bad(a[0].text.p, a[0].text.n) == a[0].text.n)
        return jd_fail(r->err, JD_E_TOO_COMPLEX_QUERY, "matches: the pattern takes too many steps on this text",
                       "matches：正则表达式在此文本上的步数过多");
    *out = yes < 0 ? expr__null() : expr__bool(yes);
    return 0;
}

static int ready_matches(expr__parser *p, expr__node *n) {
    size_t at;
    jd_regex *x;
    if (jd_regex_make(&p->x->arena, n->args[1]->val.text, PATTERN_MAX, &x, p->err, &at)) {
        p->err->code = JD_E_BAD_REQUEST_DATA;
        return expr__place(p, n->args[1]->at);
    }
    expr__hold_new(p)->regex = x;
    n->ready = x;
    return 0;
}

const expr__func expr__text_funcs[] = {
    {"lower", "s", JD_X_TEXT, f_lower, NULL, 0},
    {"upper", "s", JD_X_TEXT, f_upper, NULL, 0},
    {"trim", "s", JD_X_TEXT, f_trim, NULL, 0},
    {"length", "s", JD_X_NUM, f_length, NULL, 0},
    {"contains", "ss", JD_X_BOOL, f_contains, NULL, 0},
    {"startsWith", "ss", JD_X_BOOL, f_starts, NULL, 0},
    {"endsWith", "ss", JD_X_BOOL, f_ends, NULL, 0},
    {"text", "*", JD_X_TEXT, f_text, NULL, 0},
    {"number", "k", JD_X_NUM, f_number, NULL, 0},
    {"matches", "sS", JD_X_BOOL, f_matches, ready_matches, 0},
    {NULL, NULL, JD_X_NULL, NULL, NULL, 0},
};
