/* What stands before a parenthesis: functions of values, and those that look at history, whose first argument is the
 * name of an attribute and not its value. */
#include "expr/expr_int.h"

#include <math.h>
#include <string.h>

/* ---- arguments ---- */

typedef struct args {
    expr__node *p[EXPR__ARGS_MAX];
    uint32_t n;
} args;

/* One more, behind the comma or the opening parenthesis, which is the token. */
static int one(expr__parser *p, expr__node **out) {
    if (expr__next(p)) return -1;
    *out = expr__parse(p);
    return *out ? 0 : -1;
}

/* Up to the closing parenthesis, which is taken. */
static int rest(expr__parser *p, args *a, jd_str name) {
    while (expr__is(p, ",") || (expr__is(p, "(") && !a->n)) {
        if (a->n == EXPR__ARGS_MAX)
            return EXPR__FAIL(p, p->tok.from, "%.*s does not take so many values", "%.*s 的参数过多", JD_STR_ARG(name));
        if (expr__is(p, "(")) { /* f() */
            if (expr__next(p)) return -1;
            if (expr__is(p, ")")) return expr__next(p);
            if (!(a->p[a->n] = expr__parse(p))) return -1;
        } else if (one(p, &a->p[a->n])) {
            return -1;
        }
        a->n++;
    }
    return expr__want(p, ")");
}

static int too_few(expr__parser *p, uint32_t at, jd_str name, const char *takes) {
    return EXPR__FAIL(p, at, "%.*s takes %s", "%.*s 的参数为 %s", JD_STR_ARG(name), takes);
}

/* ---- functions of values ---- */

static int fits(expr__parser *p, const expr__func *f, uint32_t at, args *a) {
    uint32_t i = 0, least = 0, most = 0;
    int optional = 0;
    for (const char *t = f->takes; *t; t++) {
        if (*t == '?') {
            optional = 1;
            continue;
        }
        most++;
        if (!optional) least++;
    }
    if (a->n < least || a->n > most) {
        if (least == most)
            return EXPR__FAIL(p, at, "%s takes %u values, %u are given", "%s 需要 %u 个参数，给出了 %u 个", f->name,
                              least, a->n);
        return EXPR__FAIL(p, at, "%s takes %u to %u values, %u are given", "%s 需要 %u 至 %u 个参数，给出了 %u 个",
                          f->name, least, most, a->n);
    }
    for (const char *t = f->takes; *t && i < a->n; t++) {
        static const char letters[] = "nsdtpNS";
        static const jd_xtype types[] = {JD_X_NUM,   JD_X_TEXT, JD_X_DURATION, JD_X_TIME,
                                         JD_X_PLACE, JD_X_NUMS, JD_X_TEXT};
        const char *l = strchr(letters, *t);
        if (*t == '?') continue;
        expr__node *n = a->p[i++];
        if (l && expr__fit(p, n, types[l - letters])) return -1;
        if (*t == 'S' && (!expr__is_const(n) || n->val.type != JD_X_TEXT))
            return EXPR__FAIL(p, n->at, "%s needs a text that is written out here", "%s 在此处需要写明的文本", f->name);
        if (*t == 'k' && n->type != JD_X_TEXT && n->type != JD_X_ANY && expr__fit(p, n, JD_X_NUM)) return -1;
        if (*t == 'L' && n->type != JD_X_NUMS && n->type != JD_X_ANY && expr__fit(p, n, JD_X_TEXTS)) return -1;
    }
    return 0;
}

static expr__node *value_call(expr__parser *p, const expr__func *f, uint32_t at) {
    args a = {.n = 0};
    if (rest(p, &a, jd_str_of(f->name)) || fits(p, f, at, &a)) return NULL;
    jd_xtype gives = f->gives;
    if (gives == JD_X_ANY) { /* pick: as its last argument has it */
        jd_xtype l = (jd_xtype)a.p[a.n - 1]->type;
        gives = l == JD_X_NUMS ? JD_X_NUM : l == JD_X_TEXTS ? JD_X_TEXT : l;
    }
    expr__node *n = expr__node_new(p, EXPR__CALL, gives, at, a.p, a.n);
    if (!n) return NULL;
    n->func = f;
    if (f->prepare && f->prepare(p, n)) return NULL;
    return f->impure ? n : expr__fold(p, n);
}

/* known(x); min and max of any number of values. */
static expr__node *known(expr__parser *p, uint32_t at) {
    args a = {.n = 0};
    if (rest(p, &a, JD_STR("known"))) return NULL;
    if (a.n != 1) {
        too_few(p, at, JD_STR("known"), "(x)");
        return NULL;
    }
    return expr__fold(p, expr__node_new(p, EXPR__KNOWN, JD_X_BOOL, at, a.p, 1));
}

static expr__node *least_most(expr__parser *p, int most, uint32_t at) {
    uint32_t n = 0, cap = 8;
    expr__node **items = JD_NEWN(&p->x->arena, expr__node *, cap);
    do {
        if (n == cap) {
            expr__node **more = JD_NEWN(&p->x->arena, expr__node *, cap * 2);
            memcpy(more, items, n * sizeof *items);
            items = more;
            cap *= 2;
        }
        if (one(p, &items[n]) || expr__fit(p, items[n], JD_X_NUM)) return NULL;
        n++;
    } while (expr__is(p, ","));
    if (expr__want(p, ")")) return NULL;
    return expr__fold(p, expr__node_new(p, most ? EXPR__MOST : EXPR__LEAST, JD_X_NUM, at, items, n));
}

static expr__node *age(expr__parser *p, uint32_t at) {
    uint32_t number;
    jd_xtype type;
    if (expr__next(p) || expr__name(p, 0, &number, &type) || expr__want(p, ")")) return NULL;
    expr__node *n = expr__node_new(p, EXPR__AGE, JD_X_DURATION, at, NULL, 0);
    if (n) n->number = number;
    p->x->by_time = 1;
    return n;
}

/* ---- windows ---- */

static const struct window {
    const char *name;
    expr__how how;
    jd_xtype gives;
    const char *takes; /* beside name, window and ago: one letter each, ? as above */
    const char *says;
} windows[] = {
    {"avg", EXPR__W_AVG, JD_X_NUM, "", "(x, window, ago?)"},
    {"sum", EXPR__W_SUM, JD_X_NUM, "", "(x, window, ago?)"},
    {"least", EXPR__W_LEAST, JD_X_NUM, "", "(x, window, ago?)"},
    {"most", EXPR__W_MOST, JD_X_NUM, "", "(x, window, ago?)"},
    {"count", EXPR__W_COUNT, JD_X_NUM, "", "(x, window, ago?)"},
    {"stddev", EXPR__W_STDDEV, JD_X_NUM, "", "(x, window, ago?)"},
    {"first", EXPR__W_FIRST, JD_X_NUM, "", "(x, window, ago?)"},
    {"last", EXPR__W_LAST, JD_X_NUM, "", "(x, window, ago?)"},
    {"delta", EXPR__W_DELTA, JD_X_NUM, "", "(x, window, ago?)"},
    {"rate", EXPR__W_RATE, JD_X_NUM, "", "(x, window, ago?)"},
    {"integral", EXPR__W_INTEGRAL, JD_X_NUM, "", "(x, window, ago?)"},
    {"share", EXPR__W_SHARE, JD_X_NUM, "n?n", "(x, window, least, most?, ago?)"},
    {"held", EXPR__W_HELD, JD_X_DURATION, "", "(x, window, ago?)"},
    {"missing", EXPR__W_MISSING, JD_X_BOOL, "", "(x, window, ago?)"},
    {"percentile", EXPR__W_PERCENTILE, JD_X_NUM, "n", "(x, window, p, ago?)"},
};

/* A duration that does not depend on anything; least in us. */
static int fixed_duration(expr__parser *p, expr__node *n, int64_t least, int64_t *us) {
    if (expr__fit(p, n, JD_X_DURATION)) return -1;
    if (!expr__is_const(n) || n->val.type != JD_X_DURATION)
        return EXPR__FAIL(p, n->at, "a window needs a duration that is written out, such as 1h",
                          "窗口需要写明的时长，例如 1h");
    *us = n->val.us;
    if (*us >= least) return 0;
    if (least) return EXPR__FAIL(p, n->at, "a window must be longer than zero", "窗口必须大于零");
    return EXPR__FAIL(p, n->at, "how far back cannot be less than zero", "回溯时长不能小于零");
}

static int one_more_window(expr__parser *p, uint32_t at, int64_t us) {
    p->x->by_time = 1;
    if (us > p->x->window) p->x->window = us;
    if (++p->windows <= p->limits.windows_max) return 0;
    return EXPR__FAIL(p, at, "the expression has more than %u windows", "表达式中的窗口超过 %u 个",
                      p->limits.windows_max);
}

/* (x, ... : the name and the arguments behind it. */
static int of_attribute(expr__parser *p, jd_str name, const char *says, uint32_t at, uint32_t *number, args *a) {
    jd_xtype type;
    a->n = 0;
    if (expr__next(p)) return -1;
    if (p->tok.is != EXPR__T_NAME && p->tok.is != EXPR__T_QUOTED)
        return EXPR__FAIL(p, p->tok.from, "%.*s%s: x is the name of an attribute", "%.*s%s：x 须为属性名称",
                          JD_STR_ARG(name), says);
    if (expr__name(p, 1, number, &type)) return -1;
    if (!expr__is(p, ",")) {
        if (expr__is(p, ")")) return too_few(p, at, name, says);
        return expr__expected(p, "','", "','");
    }
    return rest(p, a, name);
}

static expr__node *window(expr__parser *p, const struct window *w, uint32_t at) {
    args a;
    expr__span s = {.how = (uint8_t)w->how};
    uint32_t number;
    jd_str name = jd_str_of(w->name);
    if (of_attribute(p, name, w->says, at, &number, &a) || fixed_duration(p, a.p[0], 1, &s.us)) return NULL;
    if (a.n > 1 && a.p[a.n - 1]->type == JD_X_DURATION && fixed_duration(p, a.p[--a.n], 0, &s.ago)) return NULL;
    uint32_t least = *w->takes != 0, most = w->takes[0] ? w->takes[1] ? 2 : 1 : 0;
    if (a.n - 1 < least || a.n - 1 > most) {
        /* One too many is most likely meant as ago: then that is what is wrong with it. */
        if (!most && a.n == 2 && fixed_duration(p, a.p[1], 0, &s.ago)) return NULL;
        too_few(p, at, name, w->says);
        return NULL;
    }
    for (uint32_t i = 1; i < a.n; i++)
        if (expr__fit(p, a.p[i], JD_X_NUM)) return NULL;
    if (w->how == EXPR__W_PERCENTILE && expr__is_const(a.p[1]) && a.p[1]->val.type == JD_X_NUM &&
        !(a.p[1]->val.num >= 0 && a.p[1]->val.num <= 100)) {
        EXPR__FAIL(p, a.p[1]->at, "a percentile lies from 0 to 100", "百分位数须在 0 至 100 之间");
        return NULL;
    }
    if (one_more_window(p, at, s.us + s.ago)) return NULL;
    expr__node *n = expr__node_new(p, EXPR__WINDOW, w->gives, at, a.p + 1, a.n - 1);
    if (!n) return NULL;
    n->number = number;
    n->span = JD_NEW(&p->x->arena, expr__span);
    *n->span = s;
    return n;
}

/* ---- early warning ---- */

static const struct early {
    const char *name;
    expr__warn how;
    uint32_t numbers; /* beside name and step */
    int sum;          /* may it take 'sum'? */
    const char *says;
} earlies[] = {
    {"earsC1", EXPR__C1, 0, 1, "(x, step, 'sum'?)"},
    {"earsC2", EXPR__C2, 0, 1, "(x, step, 'sum'?)"},
    {"earsC3", EXPR__C3, 0, 1, "(x, step, 'sum'?)"},
    {"farrington", EXPR__FARRINGTON, 2, 1, "(x, step, b, w, 'sum'?)"},
    {"ewma", EXPR__EWMA, 3, 0, "(x, step, n, lambda, L)"},
    {"cusum", EXPR__CUSUM, 3, 0, "(x, step, n, k, h)"},
};

static int fixed_number(expr__parser *p, expr__node *n, double *out) {
    if (expr__fit(p, n, JD_X_NUM)) return -1;
    if (!expr__is_const(n) || n->val.type != JD_X_NUM)
        return EXPR__FAIL(p, n->at, "a number that is written out is needed here", "此处需要写明的数值");
    *out = n->val.num;
    return 0;
}

static expr__node *early(expr__parser *p, const struct early *e, uint32_t at) {
    args a;
    expr__span s = {.how = (uint8_t)e->how};
    uint32_t number;
    int64_t all;
    jd_str name = jd_str_of(e->name);
    if (of_attribute(p, name, e->says, at, &number, &a) || fixed_duration(p, a.p[0], 1, &s.us)) return NULL;
    uint32_t given = a.n - 1;
    if (given < e->numbers || given > e->numbers + (uint32_t)e->sum) {
        too_few(p, at, name, e->says);
        return NULL;
    }
    for (uint32_t i = 0; i < e->numbers; i++)
        if (fixed_number(p, a.p[i + 1], &s.p[i])) return NULL;
    if (given > e->numbers) {
        const expr__node *word = a.p[given];
        s.sum = expr__is_const(word) && word->val.type == JD_X_TEXT && jd_str_is(word->val.text, "sum");
        if (!s.sum) {
            EXPR__FAIL(p, word->at, "only 'sum' may stand here", "此处只能是 'sum'");
            return NULL;
        }
    }
    if (expr__early_ready(p, at, e->name, &s)) return NULL;
    if (__builtin_mul_overflow(s.us, (int64_t)s.steps, &all) || all > EXPR__SPAN_MOST) {
        EXPR__FAIL(p, a.p[0]->at, "the steps reach back further than 9999 years", "各步合计回溯超过 9999 年");
        return NULL;
    }
    if (one_more_window(p, at, all)) return NULL;
    expr__node *n = expr__node_new(p, EXPR__EARLY, JD_X_NUM, at, NULL, 0);
    if (!n) return NULL;
    n->number = number;
    n->span = JD_NEW(&p->x->arena, expr__span);
    *n->span = s;
    return n;
}

/* ---- */

static int distance(jd_str a, jd_str b) { /* of Levenshtein, for short names; else many */
    int row[24];
    if (a.n > 22 || b.n > 22) return 9;
    for (size_t j = 0; j <= b.n; j++) row[j] = (int)j;
    for (size_t i = 1; i <= a.n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.n; j++) {
            int put = diagonal + (a.p[i - 1] != b.p[j - 1]);
            if (row[j] + 1 < put) put = row[j] + 1;
            if (row[j - 1] + 1 < put) put = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = put;
        }
    }
    return row[b.n];
}

static void nearest(jd_str name, const char *candidate, int *best, const char **out) {
    int d = distance(name, jd_str_of(candidate));
    if (d < *best) *best = d, *out = candidate;
}

static expr__node *unknown(expr__parser *p, jd_str name, uint32_t at) {
    static const char *const others[] = {"known", "min", "max", "age"};
    const expr__func *const tables[] = {expr__number_funcs, expr__text_funcs, expr__time_funcs, expr__place_funcs};
    const char *like = NULL;
    char shown[JD_SHOWN];
    int best = 3;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) nearest(name, others[i], &best, &like);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) nearest(name, windows[i].name, &best, &like);
    for (size_t i = 0; i < sizeof earlies / sizeof *earlies; i++) nearest(name, earlies[i].name, &best, &like);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const expr__func *f = tables[t]; f->name; f++) nearest(name, f->name, &best, &like);
    jd_show(name, shown);
    if (like)
        EXPR__FAIL(p, at, "there is no function %s; is it %s?", "没有函数 %s；是否为 %s？", shown, like);
    else
        EXPR__FAIL(p, at, "there is no function %s", "没有函数 %s", shown);
    return NULL;
}

expr__node *expr__call(expr__parser *p, jd_str name, uint32_t at) {
    if (jd_str_is(name, "known")) return known(p, at);
    if (jd_str_is(name, "min") || jd_str_is(name, "max")) return least_most(p, name.p[1] == 'a', at);
    if (jd_str_is(name, "age")) return age(p, at);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (jd_str_is(name, windows[i].name)) return window(p, &windows[i], at);
    for (size_t i = 0; i < sizeof earlies / sizeof *earlies; i++)
        if (jd_str_is(name, earlies[i].name)) return early(p, &earlies[i], at);
    const expr__func *f = expr__func_of(name);
    return f ? value_call(p, f, at) : unknown(p, name, at);
}
