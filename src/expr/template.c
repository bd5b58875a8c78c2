/* Texts with expressions in braces. Places of errors are counted in the whole text. */
#include "expr/expr_int.h"

#include <stdlib.h>

enum { TEXT_MAX_ = 16384, EXPRS_MAX = 64, DIGITS_MAX = 15 };

typedef struct part {
    struct part *next;
    jd_str text;   /* written as it is, before the value */
    jd_expr *expr; /* NULL: none behind the text */
    int digits;    /* -1: shortest */
} part;

struct jd_xtpl {
    jd_arena arena;
    part *parts;
};

/* Up to a brace that begins an expression, or the end; "{{" is a brace. */
static jd_str plain(jd_arena *a, jd_str text, size_t *at) {
    char *to = jd_arena_alloc(a, text.n - *at + 1);
    size_t n = 0, i = *at;
    for (; i < text.n; i++) {
        if (text.p[i] == '{') {
            if (i + 1 == text.n || text.p[i + 1] != '{') break;
            i++;
        }
        to[n++] = text.p[i];
    }
    *at = i;
    return (jd_str){to, n};
}

/* ":1", which the parser stopped before. */
static int digits(expr__parser *p, int *out) {
    *out = -1;
    if (!expr__is(p, ":")) return 0;
    if (expr__next(p)) return -1;
    double v = p->tok.num;
    if (p->tok.is != EXPR__T_NUM || v > DIGITS_MAX || v != (int)v)
        return expr__expected(p, "how many digits stand behind the point, 0 to 15", "小数位数（0 至 15）");
    *out = (int)v;
    return expr__next(p);
}

static int one(expr__parser *p, part *to) {
    uint32_t brace = (uint32_t)p->at;
    p->at++;
    p->nodes = p->depth = p->windows = 0;
    if (expr__compile(p, JD_X_ANY, &to->expr)) return -1;
    if (digits(p, &to->digits)) return -1;
    if (p->tok.is != EXPR__T_END) return expr__expected(p, "'}'", "'}'");
    if (to->digits >= 0 && jd_expr_type(to->expr) != JD_X_NUM && jd_expr_type(to->expr) != JD_X_ANY)
        return EXPR__FAIL(p, brace, "digits are for numbers, this is a %s%.0s", "%.0s小数位数只用于数值，而这是%s",
                          jd_xtype_name(jd_expr_type(to->expr), 0), jd_xtype_name(jd_expr_type(to->expr), 1));
    if (p->tok.from >= p->text.n)
        return EXPR__FAIL(p, brace, "the brace that opens here is not closed; a brace itself is written {{",
                          "此处的大括号没有闭合；大括号本身写作 {{");
    p->at = (size_t)p->tok.from + 1;
    return 0;
}

static int parts(jd_xtpl *t, expr__parser *p) {
    part **to = &t->parts;
    int n = 0;
    while (p->at < p->text.n) {
        part *x = *to = JD_NEW(&t->arena, part);
        to = &x->next;
        x->text = plain(&t->arena, p->text, &p->at);
        if (p->at == p->text.n) break;
        if (n++ == EXPRS_MAX)
            return EXPR__FAIL(p, (uint32_t)p->at, "more than %d expressions in one text",
                              "一段文本中的表达式超过 %d 个", (int)EXPRS_MAX);
        if (one(p, x)) return -1;
    }
    return 0;
}

int jd_xtpl_compile(jd_str text, const jd_xnames *names, jd_xtpl **out, jd_err *err) {
    jd_err own;
    jd_err_none(&own);
    expr__parser p = {.names = names, .err = err ? err : &own, .braces = 1};
    if (expr__text_ok(text, TEXT_MAX_, p.err)) return -1;
    jd_xtpl *t = jd_xcalloc(1, sizeof *t);
    jd_arena_init(&t->arena);
    p.text = text;
    if (parts(t, &p)) {
        jd_xtpl_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

void jd_xtpl_free(jd_xtpl *t) {
    if (!t) return;
    for (part *x = t->parts; x; x = x->next) jd_expr_free(x->expr);
    jd_arena_fini(&t->arena);
    free(t);
}

void jd_xtpl_write(const jd_xtpl *t, const jd_xhost *host, jd_buf *out) {
    jd_err err;
    for (const part *x = t->parts; x; x = x->next) {
        jd_xval v = expr__null();
        jd_buf_str(out, x->text);
        if (!x->expr) continue;
        jd_err_none(&err);
        if (jd_expr_eval(x->expr, host, &v, &err)) v = expr__null();
        if (x->digits >= 0 && v.type == JD_X_NUM)
            expr__digits(v.num, x->digits, out);
        else
            jd_xval_text(&v, out);
    }
}
