/* Tokens to a tree: one function for each level of the operators, loosest first. */
#include "expr/expr_int.h"

#include <stdlib.h>
#include <string.h>

static expr__node *cond(expr__parser *p);

/* ---- nodes ---- */

expr__node *expr__node_new(expr__parser *p, expr__op op, jd_xtype type, uint32_t at, expr__node *const *args,
                           size_t n) {
    expr__node *x = JD_NEW(&p->x->arena, expr__node);
    x->op = (uint8_t)op;
    x->type = (uint8_t)type;
    x->at = at;
    x->n = (uint16_t)n;
    if (n) {
        x->args = JD_NEWN(&p->x->arena, expr__node *, n);
        memcpy(x->args, args, n * sizeof *args);
    }
    x->dear = op == EXPR__WINDOW || op == EXPR__EARLY;
    for (size_t i = 0; i < n; i++) {
        x->dear |= x->args[i]->dear;
        if (x->args[i]->depth >= x->depth) x->depth = (uint16_t)(x->args[i]->depth + 1);
    }
    if (++p->nodes > p->limits.nodes_max || x->depth > EXPR__TREE_MAX) {
        EXPR__FAIL(p, at, "the expression has more than %u parts", "表达式超过 %u 个部分", p->limits.nodes_max);
        return NULL;
    }
    return x;
}

static expr__node *two(expr__parser *p, expr__op op, jd_xtype type, uint32_t at, expr__node *a, expr__node *b) {
    return expr__node_new(p, op, type, at, (expr__node *[]){a, b}, 2);
}

expr__node *expr__const(expr__parser *p, uint32_t at, jd_xval v) {
    expr__node *n = expr__node_new(p, EXPR__CONST, v.type, at, NULL, 0);
    if (n) n->val = v;
    return n;
}

expr__node *expr__fold(expr__parser *p, expr__node *n) {
    if (!n) return NULL;
    for (uint32_t i = 0; i < n->n; i++)
        if (!expr__is_const(n->args[i])) return n;
    jd_xhost host = {.arena = &p->x->arena};
    expr__run r = {.host = &host, .err = p->err, .text_left = EXPR__TEXT_MAX};
    jd_xval v;
    if (expr__eval(&r, n, &v)) {
        expr__place(p, n->at);
        return NULL;
    }
    n->op = EXPR__CONST;
    n->n = n->hold = 0;
    n->depth = 0;
    n->val = v;
    return n;
}

expr__held *expr__hold_new(expr__parser *p) {
    expr__held *h = JD_NEW(&p->x->arena, expr__held);
    h->next = p->x->held;
    p->x->held = h;
    return h;
}

static int enter(expr__parser *p) {
    if (++p->depth <= p->limits.depth_max) return 0;
    return EXPR__FAIL(p, p->tok.from, "the expression is nested deeper than %u", "表达式嵌套超过 %u 层",
                      p->limits.depth_max);
}

/* ---- names ---- */

static int is_word(jd_str s) {
    static const char *const words[] = {"true", "false", "null", "not", "and", "or", "in", "now"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (jd_str_is(s, words[i])) return 1;
    return 0;
}

static void add_part(const expr__parser *p, jd_buf *b) {
    if (p->tok.is == EXPR__T_QUOTED) jd_buf_c(b, '`');
    jd_buf_str(b, p->tok.s);
    if (p->tok.is == EXPR__T_QUOTED) jd_buf_c(b, '`');
}

/* a.b.c, the token being a; its text goes to b. was: whether the first part may be "was". */
static int path(expr__parser *p, jd_buf *b, int *was) {
    for (int first = 1;; first = 0) {
        if (p->tok.is != EXPR__T_NAME && p->tok.is != EXPR__T_QUOTED)
            return expr__expected(p, first ? "the name of an attribute" : "a name behind the point",
                                  first ? "属性名称" : "点号后的名称");
        if (first && p->tok.is == EXPR__T_NAME && is_word(p->tok.s))
            return EXPR__FAIL(p, p->tok.from, "'%.*s' is a word of the language; an attribute of that name is `%.*s`",
                              "“%.*s”是本语言的关键字；同名属性须写作 `%.*s`", JD_STR_ARG(p->tok.s),
                              JD_STR_ARG(p->tok.s));
        int is_was = first && was && p->tok.is == EXPR__T_NAME && jd_str_is(p->tok.s, "was");
        size_t n = b->n;
        add_part(p, b);
        if (expr__next(p)) return -1;
        if (!expr__is(p, ".")) return 0;
        if (expr__next(p)) return -1;
        if (is_was) {
            *was = 1;
            was = NULL;
            b->n = n;
            first = 1; /* the loop's step makes it 0: a word may then stand, as behind any point */
        } else {
            jd_buf_c(b, '.');
        }
    }
}

int expr__name(expr__parser *p, int window, uint32_t *number, jd_xtype *type) {
    jd_buf b = {0};
    jd_xname name = {.window = window};
    uint32_t from = p->tok.from;
    int rc = path(p, &b, &name.was);
    if (!rc && expr__is(p, "->")) {
        name.via = jd_arena_dup(&p->x->arena, jd_buf_view(&b));
        b.n = 0;
        rc = expr__next(p) ? -1 : path(p, &b, NULL);
        if (!rc && expr__is(p, "->"))
            rc = EXPR__FAIL(p, p->tok.from, "-> leads one step, not further", "-> 只能走一步");
    }
    if (!rc) name.path = jd_arena_dup(&p->x->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    if (rc) return -1;
    *number = 0;
    *type = JD_X_ANY;
    if (!p->names || !p->names->name) return EXPR__FAIL(p, from, "there are no names here", "此处不能使用名称");
    if (p->names->name(p->names->user, &name, number, type, p->err)) return expr__place(p, from);
    if ((unsigned)*type > JD_X_ANY || *type == JD_X_NULL) *type = JD_X_ANY;
    return 0;
}

int jd_xname_part(jd_str *rest, jd_str *part, int *quoted) {
    if (!rest->n) return 0;
    *quoted = rest->p[0] == '`';
    const char *end = memchr(rest->p + *quoted, *quoted ? '`' : '.', rest->n - (size_t)*quoted);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    *part = (jd_str){rest->p + *quoted, n - (size_t)*quoted};
    n += (size_t)*quoted;
    if (n < rest->n) n++; /* the point */
    if (n > rest->n) n = rest->n;
    *rest = (jd_str){rest->p + n, rest->n - n};
    return 1;
}

static expr__node *name_node(expr__parser *p) {
    uint32_t at = p->tok.from, number;
    jd_xtype type;
    if (expr__name(p, 0, &number, &type)) return NULL;
    expr__node *n = expr__node_new(p, EXPR__NAME, type, at, NULL, 0);
    if (!n) return NULL;
    n->number = number;
    n->dear = p->names->dear && p->names->dear(p->names->user, number);
    if (type != JD_X_ANY) n->hold = (uint8_t)type; /* what a model promises is looked at all the same */
    return n;
}

/* ---- what stands by itself ---- */

/* [1, 2, 3]: of constants, numbers or texts. */
static expr__node *list(expr__parser *p) {
    uint32_t at = p->tok.from, n = 0, cap = 8;
    expr__node **items = JD_NEWN(&p->x->arena, expr__node *, cap);
    if (expr__next(p) || enter(p)) return NULL;
    for (;;) {
        expr__node *one = cond(p);
        if (!one) return NULL;
        if (!expr__is_const(one) || (one->val.type != JD_X_NUM && one->val.type != JD_X_TEXT)) {
            EXPR__FAIL(p, one->at, "a list holds numbers or texts that are written out",
                       "列表中只能是写明的数值或文本");
            return NULL;
        }
        if (n && one->val.type != items[0]->val.type) {
            EXPR__FAIL(p, one->at, "a list holds either numbers or texts", "列表中只能全是数值或全是文本");
            return NULL;
        }
        if (n == cap) {
            expr__node **more = JD_NEWN(&p->x->arena, expr__node *, cap * 2);
            memcpy(more, items, n * sizeof *items);
            items = more;
            cap *= 2;
        }
        items[n++] = one;
        if (!expr__is(p, ",")) break;
        if (expr__next(p)) return NULL;
    }
    if (expr__want(p, "]")) return NULL;
    p->depth--;
    jd_xval v = {.type = items[0]->val.type == JD_X_NUM ? JD_X_NUMS : JD_X_TEXTS, .n = n};
    double *nums = v.type == JD_X_NUMS ? JD_NEWN(&p->x->arena, double, n) : NULL;
    jd_str *texts = v.type == JD_X_TEXTS ? JD_NEWN(&p->x->arena, jd_str, n) : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (nums)
            nums[i] = items[i]->val.num;
        else
            texts[i] = items[i]->val.text;
    if (nums)
        v.nums = nums;
    else
        v.texts = texts;
    return expr__const(p, at, v);
}

static expr__node *in_parentheses(expr__parser *p) {
    if (expr__next(p) || enter(p)) return NULL;
    expr__node *n = cond(p);
    if (!n || expr__want(p, ")")) return NULL;
    p->depth--;
    n->closed = 1;
    return n;
}

static expr__node *constant(expr__parser *p, jd_xval v) {
    uint32_t at = p->tok.from;
    return expr__next(p) ? NULL : expr__const(p, at, v);
}

static expr__node *word(expr__parser *p) {
    jd_str s = p->tok.s;
    uint32_t at = p->tok.from;
    if (jd_str_is(s, "true") || jd_str_is(s, "false")) return constant(p, expr__bool(s.n == 4));
    if (jd_str_is(s, "null")) return constant(p, expr__null());
    if (jd_str_is(s, "now")) {
        p->x->by_time = 1;
        return expr__next(p) ? NULL : expr__node_new(p, EXPR__NOW, JD_X_TIME, at, NULL, 0);
    }
    if (is_word(s)) {
        expr__expected(p, "a value", "一个值");
        return NULL;
    }
    size_t behind = p->at;
    while (behind < p->text.n && memchr(" \t\r\n", p->text.p[behind], 4)) behind++;
    if (behind == p->text.n || p->text.p[behind] != '(') return name_node(p);
    if (expr__next(p) || enter(p)) return NULL;
    expr__node *n = expr__call(p, s, at);
    p->depth--;
    return n;
}

static expr__node *primary(expr__parser *p) {
    switch (p->tok.is) {
    case EXPR__T_NUM: return constant(p, expr__num(p->tok.num));
    case EXPR__T_DURATION: return constant(p, expr__duration(p->tok.us));
    case EXPR__T_TEXT: return constant(p, expr__text(p->tok.s));
    case EXPR__T_NAME: return word(p);
    case EXPR__T_QUOTED: return name_node(p);
    default: break;
    }
    if (expr__is(p, "(")) return in_parentheses(p);
    if (expr__is(p, "[")) return list(p);
    expr__expected(p, "a value", "一个值");
    return NULL;
}

/* ---- operators ---- */

static expr__node *minus(expr__parser *p) {
    if (!expr__is(p, "-")) return primary(p);
    uint32_t at = p->tok.from;
    if (expr__next(p) || enter(p)) return NULL;
    expr__node *a = minus(p);
    p->depth--;
    if (!a || (a->type != JD_X_DURATION && expr__fit(p, a, JD_X_NUM))) return NULL;
    return expr__fold(p, expr__node_new(p, EXPR__NEG, (jd_xtype)a->type, at, &a, 1));
}

static expr__node *arithmetic(expr__parser *p, int products) {
    static const struct {
        const char *sign;
        expr__op op;
        int product;
    } ops[] = {{"+", EXPR__ADD, 0}, {"-", EXPR__SUB, 0}, {"*", EXPR__MUL, 1}, {"/", EXPR__DIV, 1}, {"%", EXPR__MOD, 1}};
    expr__node *a = products ? minus(p) : arithmetic(p, 1);
    while (a) {
        size_t i = 0;
        while (i < 5 && !(ops[i].product == products && expr__is(p, ops[i].sign))) i++;
        if (i == 5) return a;
        uint32_t at = p->tok.from;
        jd_xtype type;
        if (expr__next(p)) return NULL;
        expr__node *b = products ? minus(p) : arithmetic(p, 1);
        if (!b || expr__binary(p, ops[i].op, at, ops[i].sign, a, b, &type)) return NULL;
        a = expr__fold(p, two(p, ops[i].op, type, at, a, b));
    }
    return NULL;
}

static int comparable(jd_xtype t, int equality) {
    return t == JD_X_NUM || t == JD_X_TEXT || t == JD_X_DURATION || t == JD_X_TIME || t == JD_X_ANY || t == JD_X_NULL ||
           (equality && t == JD_X_BOOL);
}

static int check_compare(expr__parser *p, expr__op op, uint32_t at, expr__node *a, expr__node *b) {
    int equality = op == EXPR__EQ || op == EXPR__NE;
    jd_xtype type;
    if (equality && ((expr__is_const(a) && a->type == JD_X_NULL) || (expr__is_const(b) && b->type == JD_X_NULL)))
        return EXPR__FAIL(p, at, "what is compared with nothing is nothing; write known(x) or not known(x)",
                          "与空值比较的结果总是空值；请写 known(x) 或 not known(x)");
    if (expr__unify(p, at, a, b, &type)) return -1;
    if (comparable(type, equality)) return 0;
    if (type == JD_X_PLACE)
        return EXPR__FAIL(p, at, "places are compared by within, intersects and distance",
                          "位置须用 within、intersects 或 distance 比较");
    return EXPR__FAIL(p, at, "values of type %s%.0s cannot be compared so", "%.0s%s不能这样比较",
                      jd_xtype_name(type, 0), jd_xtype_name(type, 1));
}

static int check_in(expr__parser *p, expr__node *a, expr__node *b) {
    if (b->type == JD_X_NUMS) return expr__fit(p, a, JD_X_NUM);
    if (b->type == JD_X_TEXTS) return expr__fit(p, a, JD_X_TEXT);
    if (a->type == JD_X_NUM) return expr__fit(p, b, JD_X_NUMS);
    if (a->type == JD_X_TEXT || b->type != JD_X_ANY) return expr__fit(p, b, JD_X_TEXTS);
    return a->type == JD_X_ANY ? 0 : expr__fit(p, a, JD_X_TEXT);
}

static int comparison(const expr__parser *p, expr__op *op) {
    static const struct {
        const char *sign;
        expr__op op;
    } ops[] = {{"==", EXPR__EQ}, {"!=", EXPR__NE}, {"<", EXPR__LT}, {"<=", EXPR__LE},
               {">", EXPR__GT},  {">=", EXPR__GE}, {"in", EXPR__IN}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (expr__is(p, ops[i].sign)) return *op = ops[i].op, 1;
    return 0;
}

static expr__node *compare(expr__parser *p) {
    expr__op op;
    expr__node *a = arithmetic(p, 0);
    if (!a || !comparison(p, &op)) return a;
    uint32_t at = p->tok.from;
    if (expr__next(p)) return NULL;
    expr__node *b = arithmetic(p, 0);
    if (!b || (op == EXPR__IN ? check_in(p, a, b) : check_compare(p, op, at, a, b))) return NULL;
    expr__op more;
    if (comparison(p, &more)) {
        EXPR__FAIL(p, p->tok.from, "comparisons do not chain; join them by and", "比较不能连写，请用 and 连接");
        return NULL;
    }
    return expr__fold(p, two(p, op, JD_X_BOOL, at, a, b));
}

static expr__node *negation(expr__parser *p) {
    if (!expr__is(p, "not")) return compare(p);
    uint32_t at = p->tok.from;
    if (expr__next(p) || enter(p)) return NULL;
    expr__node *a = negation(p);
    p->depth--;
    if (!a || expr__fit(p, a, JD_X_BOOL)) return NULL;
    return expr__fold(p, expr__node_new(p, EXPR__NOT, JD_X_BOOL, at, &a, 1));
}

static expr__node *junction(expr__parser *p, int either) {
    expr__node *a = either ? junction(p, 0) : negation(p);
    while (a && expr__is(p, either ? "or" : "and")) {
        uint32_t at = p->tok.from;
        if (expr__next(p)) return NULL;
        expr__node *b = either ? junction(p, 0) : negation(p);
        if (!b || expr__fit(p, a, JD_X_BOOL) || expr__fit(p, b, JD_X_BOOL)) return NULL;
        a = expr__fold(p, two(p, either ? EXPR__OR : EXPR__AND, JD_X_BOOL, at, a, b));
    }
    return a;
}

/* x ?? 0 > 3 would be x ?? (0 > 3): whoever writes it means the other. */
static int is_bare_test(const expr__node *n) {
    return !n->closed && ((n->op >= EXPR__EQ && n->op <= EXPR__IN) || n->op == EXPR__AND || n->op == EXPR__OR);
}

static expr__node *otherwise(expr__parser *p) {
    expr__node *a = junction(p, 1);
    while (a && expr__is(p, "??")) {
        uint32_t at = p->tok.from;
        jd_xtype type;
        if (expr__next(p)) return NULL;
        uint32_t behind = p->tok.from, nodes = p->nodes;
        expr__node *b = junction(p, 1);
        if (!b) return NULL;
        if (is_bare_test(b) || (expr__is_const(b) && !b->closed && b->type == JD_X_BOOL && p->nodes > nodes + 1)) {
            EXPR__FAIL(p, behind, "?? binds loosest: write (x ?? y) > z, or x ?? (y > z)",
                       "?? 的优先级最低：请写 (x ?? y) > z 或 x ?? (y > z)");
            return NULL;
        }
        if (expr__unify(p, at, a, b, &type)) return NULL;
        a = expr__fold(p, two(p, EXPR__ELSE, type, at, a, b));
    }
    return a;
}

static expr__node *cond(expr__parser *p) {
    expr__node *c = otherwise(p);
    if (!c || !expr__is(p, "?")) return c;
    uint32_t at = p->tok.from;
    jd_xtype type;
    if (expr__fit(p, c, JD_X_BOOL) || expr__next(p) || enter(p)) return NULL;
    expr__node *a = cond(p);
    if (!a || expr__want(p, ":")) return NULL;
    expr__node *b = cond(p);
    p->depth--;
    if (!b || expr__unify(p, at, a, b, &type)) return NULL;
    return expr__fold(p, expr__node_new(p, EXPR__COND, type, at, (expr__node *[]){c, a, b}, 3));
}

expr__node *expr__parse(expr__parser *p) {
    return cond(p);
}

/* ---- programs ---- */

static void limits_or_else(jd_xlimits *l) {
    if (!l->bytes_max) l->bytes_max = 4096;
    if (!l->nodes_max) l->nodes_max = 500;
    if (!l->depth_max) l->depth_max = 50;
    if (!l->windows_max) l->windows_max = 16;
}

static expr__node *root_of(expr__parser *p, jd_xtype want) {
    if (expr__next(p)) return NULL;
    expr__node *n = expr__parse(p);
    if (!n) return NULL;
    if (p->tok.is != EXPR__T_END && !(p->braces && expr__is(p, ":"))) {
        expr__expected(p, "an operator or the end", "运算符或表达式结尾");
        return NULL;
    }
    return expr__fit(p, n, want) ? NULL : n;
}

int expr__compile(expr__parser *p, jd_xtype want, jd_expr **out) {
    limits_or_else(&p->limits);
    jd_expr *x = p->x = jd_xcalloc(1, sizeof *x);
    size_t from = p->at;
    jd_arena_init(&x->arena);
    x->root = root_of(p, want);
    if (!x->root) {
        jd_expr_free(x);
        return -1;
    }
    size_t end = p->tok.from;
    if (end - from > p->limits.bytes_max) {
        EXPR__FAIL(p, (uint32_t)from, "the expression has %zu bytes, at most %u are taken",
                   "表达式有 %zu 字节，上限为 %u", end - from, p->limits.bytes_max);
        jd_expr_free(x);
        return -1;
    }
    x->text = jd_arena_dup(&x->arena, (jd_str){p->text.p + from, end - from});
    *out = x;
    return 0;
}

int jd_expr_compile(jd_str text, const jd_xnames *names, jd_xtype want, const jd_xlimits *limits, jd_expr **out,
                    jd_err *err) {
    jd_err own;
    jd_err_none(&own);
    expr__parser p = {.text = text, .names = names, .err = err ? err : &own};
    if (limits) p.limits = *limits;
    limits_or_else(&p.limits);
    if (expr__text_ok(text, p.limits.bytes_max, p.err)) return -1;
    return expr__compile(&p, want, out);
}

void jd_expr_free(jd_expr *x) {
    if (!x) return;
    for (expr__held *h = x->held; h; h = h->next) {
        if (h->regex) jd_regex_fini(h->regex);
        if (h->geoq) jd_geoq_fini(h->geoq);
        jd_zone_close(h->zone);
    }
    jd_arena_fini(&x->arena);
    free(x);
}

jd_xtype jd_expr_type(const jd_expr *x) {
    return (jd_xtype)x->root->type;
}
jd_str jd_expr_text(const jd_expr *x) {
    return x->text;
}
int jd_expr_is_dear(const jd_expr *x) {
    return x->root->dear;
}

int jd_expr_goes_by_time(const jd_expr *x) {
    return x->by_time;
}
int64_t jd_expr_window(const jd_expr *x) {
    return x->window;
}
