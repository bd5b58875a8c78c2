/* A tree to its value: three-valued logic, and nothing from nothing. No memory is asked for but from the host's arena,
 * by functions that make texts, points, and readings. */
#include "expr/expr_int.h"

#include <math.h>
#include <string.h>

/* ---- texts that are made ---- */

int expr__count_text(expr__run *r, size_t n) {
    if (n <= r->text_left) {
        r->text_left -= n;
        return 0;
    }
    return jd_fail(r->err, JD_E_TOO_COMPLEX_QUERY, "the expression makes more than %d bytes of text",
                   "表达式生成的文本超过 %d 字节", (int)EXPR__TEXT_MAX);
}

char *expr__room(expr__run *r, size_t n) {
    return expr__count_text(r, n) ? NULL : jd_arena_alloc(r->host->arena, n ? n : 1);
}

static int join(expr__run *r, jd_str a, jd_str b, jd_xval *out) {
    char *p = expr__room(r, a.n + b.n);
    if (!p) return -1;
    if (a.n) memcpy(p, a.p, a.n);
    if (b.n) memcpy(p + a.n, b.p, b.n);
    *out = expr__text((jd_str){p, a.n + b.n});
    return 0;
}

/* ---- arithmetic ---- */

static jd_xval span(int wrong, int64_t us, jd_xtype type) {
    return wrong ? expr__null() : type == JD_X_TIME ? expr__time(us) : expr__duration(us);
}

static int add(expr__run *r, const jd_xval *a, const jd_xval *b, jd_xval *out) {
    int64_t us = 0;
    int time = (a->type == JD_X_TIME) + (b->type == JD_X_TIME);
    int long_ = time + (a->type == JD_X_DURATION) + (b->type == JD_X_DURATION);
    *out = expr__null();
    if (a->type == JD_X_NUM && b->type == JD_X_NUM) {
        *out = expr__num(a->num + b->num);
    } else if (a->type == JD_X_TEXT && b->type == JD_X_TEXT) {
        return join(r, a->text, b->text, out);
    } else if (long_ == 2 && time < 2) {
        int wrong = __builtin_add_overflow(a->us, b->us, &us);
        *out = span(wrong, us, time ? JD_X_TIME : JD_X_DURATION);
    }
    return 0;
}

static jd_xval subtract(const jd_xval *a, const jd_xval *b) {
    int64_t us = 0;
    if (a->type == JD_X_NUM && b->type == JD_X_NUM) return expr__num(a->num - b->num);
    if (a->type == JD_X_DURATION ? b->type != JD_X_DURATION
                                 : a->type != JD_X_TIME || (b->type != JD_X_TIME && b->type != JD_X_DURATION))
        return expr__null();
    int wrong = __builtin_sub_overflow(a->us, b->us, &us);
    return span(wrong, us, a->type == JD_X_TIME && b->type == JD_X_DURATION ? JD_X_TIME : JD_X_DURATION);
}

static jd_xval scaled(double us) {
    return fabs(us) <= (double)EXPR__SPAN_MOST ? expr__duration((int64_t)llround(us)) : expr__null();
}

static jd_xval multiply(const jd_xval *a, const jd_xval *b) {
    if (a->type == JD_X_NUM && b->type == JD_X_NUM) return expr__num(a->num * b->num);
    if (a->type == JD_X_DURATION && b->type == JD_X_NUM) return scaled((double)a->us * b->num);
    if (a->type == JD_X_NUM && b->type == JD_X_DURATION) return scaled(a->num * (double)b->us);
    return expr__null();
}

static jd_xval divide(const jd_xval *a, const jd_xval *b) {
    if (a->type == JD_X_NUM && b->type == JD_X_NUM) return expr__num(a->num / b->num);
    if (a->type == JD_X_DURATION && b->type == JD_X_NUM) return scaled((double)a->us / b->num);
    if (a->type == JD_X_DURATION && b->type == JD_X_DURATION) return expr__num((double)a->us / (double)b->us);
    return expr__null();
}

/* ---- comparisons ---- */

static int sign_of(double a, double b) {
    return (a > b) - (a < b);
}

static jd_xval compare(expr__op op, const jd_xval *a, const jd_xval *b) {
    int c;
    if (a->type != b->type) return expr__null();
    switch (a->type) {
    case JD_X_NUM: c = sign_of(a->num, b->num); break;
    case JD_X_TEXT: c = jd_str_cmp(a->text, b->text); break;
    case JD_X_DURATION:
    case JD_X_TIME: c = (a->us > b->us) - (a->us < b->us); break;
    case JD_X_BOOL:
        if (op != EXPR__EQ && op != EXPR__NE) return expr__null();
        c = !a->yes != !b->yes;
        break;
    default: return expr__null();
    }
    switch (op) {
    case EXPR__EQ: return expr__bool(c == 0);
    case EXPR__NE: return expr__bool(c != 0);
    case EXPR__LT: return expr__bool(c < 0);
    case EXPR__LE: return expr__bool(c <= 0);
    case EXPR__GT: return expr__bool(c > 0);
    default: return expr__bool(c >= 0);
    }
}

static jd_xval in(const jd_xval *a, const jd_xval *list) {
    if (a->type == JD_X_NUM && list->type == JD_X_NUMS) {
        for (uint32_t i = 0; i < list->n; i++)
            if (list->nums[i] == a->num) return expr__bool(1);
        return expr__bool(0);
    }
    if (a->type != JD_X_TEXT || list->type != JD_X_TEXTS) return expr__null();
    for (uint32_t i = 0; i < list->n; i++)
        if (jd_str_eq(list->texts[i], a->text)) return expr__bool(1);
    return expr__bool(0);
}

static int operate(expr__run *r, expr__op op, const jd_xval *a, const jd_xval *b, jd_xval *out) {
    switch (op) {
    case EXPR__ADD: return add(r, a, b, out);
    case EXPR__SUB: *out = subtract(a, b); return 0;
    case EXPR__MUL: *out = multiply(a, b); return 0;
    case EXPR__DIV: *out = divide(a, b); return 0;
    case EXPR__MOD:
        *out = a->type == JD_X_NUM && b->type == JD_X_NUM ? expr__num(fmod(a->num, b->num)) : expr__null();
        return 0;
    case EXPR__IN: *out = in(a, b); return 0;
    default: *out = compare(op, a, b); return 0;
    }
}

static int two(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_xval a, b;
    if (expr__eval(r, n->args[0], &a)) return -1;
    if (a.type == JD_X_NULL) return *out = a, 0;
    if (expr__eval(r, n->args[1], &b)) return -1;
    if (b.type == JD_X_NULL) return *out = b, 0;
    return operate(r, (expr__op)n->op, &a, &b, out);
}

/* ---- logic ---- */

/* What decides it by itself: false for and, true for or. */
static int junction(expr__run *r, const expr__node *n, int decides, jd_xval *out) {
    jd_xval a, b;
    int known = 0;
    if (n->args[0]->dear && !n->args[1]->dear) { /* should it fail, it is asked in its turn */
        jd_err *err = r->err, mine = {0};
        size_t text_left = r->text_left;
        r->err = &mine;
        known = expr__eval(r, n->args[1], &b) == 0;
        r->err = err;
        if (known && b.type == JD_X_BOOL && !b.yes == !decides) return *out = b, 0;
        if (!known) r->text_left = text_left;
    }
    if (expr__eval(r, n->args[0], &a)) return -1;
    if (a.type == JD_X_BOOL && !a.yes == !decides) return *out = a, 0;
    if (!known && expr__eval(r, n->args[1], &b)) return -1;
    *out = b.type == JD_X_BOOL && (!b.yes == !decides || a.type == JD_X_BOOL) ? b : expr__null();
    return 0;
}

static int cond(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_xval c;
    if (expr__eval(r, n->args[0], &c)) return -1;
    if (c.type != JD_X_BOOL) return *out = expr__null(), 0;
    return expr__eval(r, n->args[c.yes ? 1 : 2], out);
}

static int extreme(expr__run *r, const expr__node *n, jd_xval *out) {
    double best = 0;
    for (uint32_t i = 0; i < n->n; i++) {
        jd_xval v;
        if (expr__eval(r, n->args[i], &v)) return -1;
        if (v.type != JD_X_NUM) return *out = expr__null(), 0;
        if (!i || (n->op == EXPR__MOST ? v.num > best : v.num < best)) best = v.num;
    }
    *out = expr__num(best);
    return 0;
}

/* ---- what the host gives ---- */

/* A host's value is held to what the language has: finite numbers, times that have a text. */
static jd_xval sound(const jd_xval *v) {
    switch (v->type) {
    case JD_X_NUM: return expr__num(v->num);
    case JD_X_TIME: return expr__time(v->us);
    case JD_X_DURATION: return expr__duration(v->us);
    case JD_X_TEXT:
    case JD_X_BOOL:
    case JD_X_NUMS:
    case JD_X_TEXTS: return *v;
    case JD_X_PLACE: return v->place ? *v : expr__null();
    default: return expr__null();
    }
}

static int name(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_xval v = expr__null();
    if (r->host->value && r->host->value(r->host->user, n->number, &v, r->err)) return -1;
    *out = sound(&v);
    return 0;
}

static int age(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_time at = JD_TIME_NONE;
    int64_t us = 0;
    if (r->host->age && r->host->age(r->host->user, n->number, &at, r->err)) return -1;
    *out = at == JD_TIME_NONE || __builtin_sub_overflow(r->host->now, at, &us) ? expr__null() : expr__duration(us);
    return 0;
}

static int call(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_xval a[EXPR__ARGS_MAX];
    for (uint32_t i = 0; i < n->n; i++) {
        if (expr__eval(r, n->args[i], &a[i])) return -1;
        if (a[i].type == JD_X_NULL) return *out = a[i], 0;
    }
    return n->func->run(r, n, a, out);
}

static int one(expr__run *r, const expr__node *n, jd_xval *out) {
    jd_xval a;
    if (expr__eval(r, n->args[0], &a)) return -1;
    if (n->op == EXPR__KNOWN)
        *out = expr__bool(a.type != JD_X_NULL);
    else if (n->op == EXPR__NOT)
        *out = a.type == JD_X_BOOL ? expr__bool(!a.yes) : expr__null();
    else
        *out = a.type == JD_X_NUM ? expr__num(-a.num) : a.type == JD_X_DURATION ? expr__duration(-a.us) : expr__null();
    return 0;
}

static int eval(expr__run *r, const expr__node *n, jd_xval *out) {
    switch ((expr__op)n->op) {
    case EXPR__CONST: *out = n->val; return 0;
    case EXPR__NAME: return name(r, n, out);
    case EXPR__NOW: *out = expr__time(r->host->now); return 0;
    case EXPR__NEG:
    case EXPR__NOT:
    case EXPR__KNOWN: return one(r, n, out);
    case EXPR__AND: return junction(r, n, 0, out);
    case EXPR__OR: return junction(r, n, 1, out);
    case EXPR__ELSE:
        if (expr__eval(r, n->args[0], out)) return -1;
        return out->type == JD_X_NULL ? expr__eval(r, n->args[1], out) : 0;
    case EXPR__COND: return cond(r, n, out);
    case EXPR__LEAST:
    case EXPR__MOST: return extreme(r, n, out);
    case EXPR__CALL: return call(r, n, out);
    case EXPR__AGE: return age(r, n, out);
    case EXPR__WINDOW: return expr__window(r, n, out);
    case EXPR__EARLY: return expr__early(r, n, out);
    default: return two(r, n, out);
    }
}

int expr__eval(expr__run *r, const expr__node *n, jd_xval *out) {
    if (eval(r, n, out)) return -1;
    if (n->hold && out->type != n->hold) *out = expr__null();
    return 0;
}

int jd_expr_eval(const jd_expr *x, const jd_xhost *host, jd_xval *out, jd_err *err) {
    jd_err own;
    uint64_t most = host->readings_max ? host->readings_max : 100000;
    expr__run r = {.host = host, .err = err, .readings_left = most, .readings_max = most, .text_left = EXPR__TEXT_MAX};
    jd_xval v;
    if (!err) {
        jd_err_none(&own);
        r.err = &own;
    }
    if (expr__eval(&r, x->root, &v)) return -1;
    *out = v;
    return 0;
}
