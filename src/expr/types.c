/* Which types go together, and their names. */
#include "expr/expr_int.h"

static const char *const names[][2] = {
    [JD_X_NULL] = {"nothing", "空值"},
    [JD_X_NUM] = {"number", "数值"},
    [JD_X_TEXT] = {"text", "文本"},
    [JD_X_BOOL] = {"boolean", "布尔值"},
    [JD_X_DURATION] = {"duration", "时长"},
    [JD_X_TIME] = {"time", "时刻"},
    [JD_X_PLACE] = {"place", "位置"},
    [JD_X_NUMS] = {"list of numbers", "数值列表"},
    [JD_X_TEXTS] = {"list of texts", "文本列表"},
    [JD_X_ANY] = {"any type", "任意类型"},
};

const char *jd_xtype_name(jd_xtype t, int zh) {
    return (unsigned)t <= JD_X_ANY ? names[t][zh != 0] : "?";
}

static const char *en(jd_xtype t) {
    return names[t][0];
}
static const char *zh(jd_xtype t) {
    return names[t][1];
}

int expr__fit(expr__parser *p, expr__node *n, jd_xtype type) {
    if (type == JD_X_ANY || n->type == type || n->type == JD_X_NULL) return 0;
    if (n->type == JD_X_ANY) {
        n->type = n->hold = (uint8_t)type;
        return 0;
    }
    return EXPR__FAIL(p, n->at, "a %s is needed here, this is a %s%.0s%.0s", "%.0s%.0s此处需要%s，而这是%s", en(type),
                      en(n->type), zh(type), zh(n->type));
}

int expr__unify(expr__parser *p, uint32_t at, expr__node *a, expr__node *b, jd_xtype *type) {
    *type = a->type == JD_X_NULL || a->type == JD_X_ANY ? b->type : a->type;
    if (*type == JD_X_NULL) *type = a->type; /* nothing beside what is not known */
    if (a->type == JD_X_NULL || b->type == JD_X_NULL) return 0;
    if (a->type == JD_X_ANY || b->type == JD_X_ANY || a->type == b->type)
        return expr__fit(p, a, *type) || expr__fit(p, b, *type) ? -1 : 0;
    return EXPR__FAIL(p, at, "both must be of one type: this is a %s and a %s%.0s%.0s",
                      "%.0s%.0s两者类型必须相同：这里是%s和%s", en(a->type), en(b->type), zh(a->type), zh(b->type));
}

/* What + - * / % take and give. A type that is not known before becomes the one that leaves no choice; where there are
 * several rows for it, the value decides. */
static const struct row {
    expr__op op;
    jd_xtype a, b, gives;
} rows[] = {
    {EXPR__ADD, JD_X_NUM, JD_X_NUM, JD_X_NUM},
    {EXPR__ADD, JD_X_DURATION, JD_X_DURATION, JD_X_DURATION},
    {EXPR__ADD, JD_X_TIME, JD_X_DURATION, JD_X_TIME},
    {EXPR__ADD, JD_X_DURATION, JD_X_TIME, JD_X_TIME},
    {EXPR__ADD, JD_X_TEXT, JD_X_TEXT, JD_X_TEXT},
    {EXPR__SUB, JD_X_NUM, JD_X_NUM, JD_X_NUM},
    {EXPR__SUB, JD_X_DURATION, JD_X_DURATION, JD_X_DURATION},
    {EXPR__SUB, JD_X_TIME, JD_X_DURATION, JD_X_TIME},
    {EXPR__SUB, JD_X_TIME, JD_X_TIME, JD_X_DURATION},
    {EXPR__MUL, JD_X_NUM, JD_X_NUM, JD_X_NUM},
    {EXPR__MUL, JD_X_DURATION, JD_X_NUM, JD_X_DURATION},
    {EXPR__MUL, JD_X_NUM, JD_X_DURATION, JD_X_DURATION},
    {EXPR__DIV, JD_X_NUM, JD_X_NUM, JD_X_NUM},
    {EXPR__DIV, JD_X_DURATION, JD_X_NUM, JD_X_DURATION},
    {EXPR__DIV, JD_X_DURATION, JD_X_DURATION, JD_X_NUM},
    {EXPR__MOD, JD_X_NUM, JD_X_NUM, JD_X_NUM},
};

static int open_type(jd_xtype t) {
    return t == JD_X_ANY || t == JD_X_NULL;
}

int expr__binary(expr__parser *p, expr__op op, uint32_t at, const char *sign, expr__node *a, expr__node *b,
                 jd_xtype *type) {
    const struct row *only = NULL;
    /* Nobody scales by what he does not know to be a duration: it is a number. */
    if (op == EXPR__MUL && a->type == JD_X_ANY) expr__fit(p, a, JD_X_NUM);
    if ((op == EXPR__MUL || op == EXPR__DIV) && b->type == JD_X_ANY) expr__fit(p, b, JD_X_NUM);
    if (op == EXPR__DIV && a->type == JD_X_ANY && b->type != JD_X_DURATION) expr__fit(p, a, JD_X_NUM);
    int fits = 0, same = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *w = &rows[i];
        if (w->op != op || (!open_type(a->type) && a->type != w->a) || (!open_type(b->type) && b->type != w->b))
            continue;
        if (only) same &= only->gives == w->gives;
        if (!only) only = w;
        fits++;
    }
    if (!fits)
        return EXPR__FAIL(p, at, "'%.1s' does not take a %s and a %s%.0s%.0s", "“%.1s”不能用于%.0s%.0s%s和%s", sign,
                          en(a->type), en(b->type), zh(a->type), zh(b->type));
    *type = same ? only->gives : JD_X_ANY;
    if (fits == 1) return expr__fit(p, a, only->a) || expr__fit(p, b, only->b) ? -1 : 0;
    return 0;
}
