/* Functions of numbers and tables of them; finding a function. */
#include "expr/expr_int.h"

#include <math.h>
#include <string.h>

const expr__func *expr__func_of(jd_str name) {
    const expr__func *const tables[] = {expr__number_funcs, expr__text_funcs, expr__time_funcs, expr__place_funcs};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const expr__func *f = tables[t]; f->name; f++)
            if (jd_str_is(name, f->name)) return f;
    return NULL;
}

#define ONE(name, expression)                                                            \
    static int name(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) { \
        double x = a[0].num;                                                             \
        (void)r, (void)n;                                                                \
        *out = expr__num(expression);                                                    \
        return 0;                                                                        \
    }

ONE(f_abs, fabs(x))
ONE(f_floor, floor(x))
ONE(f_ceil, ceil(x))
ONE(f_sqrt, sqrt(x))
ONE(f_ln, log(x))
ONE(f_log10, log10(x))
ONE(f_exp, exp(x))
ONE(f_pow, pow(x, a[1].num))
ONE(f_clamp, a[1].num > a[2].num ? NAN : x < a[1].num ? a[1].num : x > a[2].num ? a[2].num : x)
ONE(f_sign, x > 0 ? 1 : x < 0 ? -1 : 0)

/* Half away from zero, of the number as it is written with 15 digits: 1.005 is 1.01, although the double lies below. */
static double rounded(double x, double digits) {
    if (!(digits >= -300 && digits <= 300)) return NAN;
    int d = (int)digits;
    if (d > 15 || x == 0) return x;
    double scale = pow(10, d < 0 ? -d : d), y = d < 0 ? x / scale : x * scale;
    if (!isfinite(y) || fabs(y) > 4503599627370496.0) return x;
    double whole = round(y), below = fabs(y) - floor(fabs(y));
    if (below < 0.5 && 0.5 - below <= fabs(y) * 2.3e-16 * 2) whole = copysign(floor(fabs(y)) + 1, y);
    return d < 0 ? whole * scale : whole / scale;
}

static int f_round(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    (void)r;
    *out = expr__num(rounded(a[0].num, n->n > 1 ? trunc(a[1].num) : 0));
    return 0;
}

/* ---- tables ---- */

static int ascending(const jd_xval *xs) {
    for (uint32_t i = 1; i < xs->n; i++)
        if (!(xs->nums[i] > xs->nums[i - 1])) return 0;
    return 1;
}

/* The last i with xs[i] <= x; n when there is none. */
static uint32_t last_below(const jd_xval *xs, double x) {
    uint32_t lo = 0, hi = xs->n; /* xs[i] <= x for i < lo, > x from hi */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (xs->nums[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : xs->n;
}

static int f_interpolate(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    const jd_xval *xs = &a[1], *ys = &a[2];
    (void)r;
    *out = expr__null();
    if (xs->n != ys->n || (!n->ready && !ascending(xs))) return 0;
    double x = a[0].num;
    uint32_t i = last_below(xs, x);
    if (i == xs->n) return 0;
    if (xs->nums[i] == x) {
        *out = expr__num(ys->nums[i]);
    } else if (i + 1 < xs->n) {
        double part = (x - xs->nums[i]) / (xs->nums[i + 1] - xs->nums[i]);
        *out = expr__num(ys->nums[i] + (ys->nums[i + 1] - ys->nums[i]) * part);
    }
    return 0;
}

static int f_step(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    const jd_xval *xs = &a[1], *ys = &a[2];
    (void)r;
    *out = expr__null();
    if (xs->n != ys->n || (!n->ready && !ascending(xs))) return 0;
    uint32_t i = last_below(xs, a[0].num);
    if (i < xs->n) *out = expr__num(ys->nums[i]);
    return 0;
}

static int f_pick(expr__run *r, const expr__node *n, const jd_xval *a, jd_xval *out) {
    const jd_xval *key = &a[0], *keys = &a[1], *values = &a[2];
    (void)r, (void)n;
    *out = expr__null();
    if ((keys->type != JD_X_NUMS && keys->type != JD_X_TEXTS) || keys->n != values->n) return 0;
    if (key->type != (keys->type == JD_X_NUMS ? JD_X_NUM : JD_X_TEXT)) return 0;
    for (uint32_t i = 0; i < keys->n; i++) {
        if (key->type == JD_X_NUM ? keys->nums[i] != key->num : !jd_str_eq(keys->texts[i], key->text)) continue;
        if (values->type == JD_X_NUMS)
            *out = expr__num(values->nums[i]);
        else if (values->type == JD_X_TEXTS)
            *out = expr__text(values->texts[i]);
        return 0;
    }
    return 0;
}

/* Lists that are written out are looked at once; n->ready says that they are in order. */
static int same_length(expr__parser *p, const expr__node *n) {
    const expr__node *xs = n->args[1], *ys = n->args[2];
    if (!expr__is_const(xs) || !expr__is_const(ys) || xs->val.n == ys->val.n) return 0;
    return EXPR__FAIL(p, ys->at, "the lists must have equally many members: %u and %u",
                      "两个列表的成员数必须相同：%u 与 %u", xs->val.n, ys->val.n);
}

static int ready_table(expr__parser *p, expr__node *n) {
    const expr__node *xs = n->args[1];
    if (same_length(p, n)) return -1;
    if (!expr__is_const(xs) || xs->val.type != JD_X_NUMS) return 0;
    if (!ascending(&xs->val)) return EXPR__FAIL(p, xs->at, "the numbers must ascend", "数值必须递增");
    n->ready = n;
    return 0;
}

static int ready_pick(expr__parser *p, expr__node *n) {
    expr__node *key = n->args[0], *keys = n->args[1];
    if (keys->type == JD_X_NUMS && expr__fit(p, key, JD_X_NUM)) return -1;
    if (keys->type == JD_X_TEXTS && expr__fit(p, key, JD_X_TEXT)) return -1;
    if (keys->type == JD_X_ANY && key->type == JD_X_NUM) expr__fit(p, keys, JD_X_NUMS);
    if (keys->type == JD_X_ANY && key->type == JD_X_TEXT) expr__fit(p, keys, JD_X_TEXTS);
    return same_length(p, n);
}

const expr__func expr__number_funcs[] = {
    {"abs", "n", JD_X_NUM, f_abs, NULL, 0},
    {"round", "n?n", JD_X_NUM, f_round, NULL, 0},
    {"floor", "n", JD_X_NUM, f_floor, NULL, 0},
    {"ceil", "n", JD_X_NUM, f_ceil, NULL, 0},
    {"sqrt", "n", JD_X_NUM, f_sqrt, NULL, 0},
    {"ln", "n", JD_X_NUM, f_ln, NULL, 0},
    {"log10", "n", JD_X_NUM, f_log10, NULL, 0},
    {"exp", "n", JD_X_NUM, f_exp, NULL, 0},
    {"pow", "nn", JD_X_NUM, f_pow, NULL, 0},
    {"clamp", "nnn", JD_X_NUM, f_clamp, NULL, 0},
    {"sign", "n", JD_X_NUM, f_sign, NULL, 0},
    {"interpolate", "nNN", JD_X_NUM, f_interpolate, ready_table, 0},
    {"step", "nNN", JD_X_NUM, f_step, ready_table, 0},
    {"pick", "kLL", JD_X_ANY, f_pick, ready_pick, 0},
    {NULL, NULL, JD_X_NULL, NULL, NULL, 0},
};
