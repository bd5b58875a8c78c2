/* Windows over readings. What the host can tell of whole chunks it is asked for; all else is made from the readings. */
#include "expr/expr_int.h"

#include <math.h>
#include <string.h>

#define HOUR_US 3600e6

int expr__readings(expr__run *r, uint32_t number, jd_time from, jd_time to, int before, jd_xreading **out, size_t *n) {
    *out = NULL;
    *n = 0;
    if (!r->host->readings) return 0;
    if (r->host->readings(r->host->user, number, from, to, before, r->readings_left, out, n, r->err)) return -1;
    if (*n > r->readings_left)
        return jd_fail(r->err, JD_E_TOO_COMPLEX_QUERY, "the expression reads more than %llu readings",
                       "表达式读取的数据超过 %llu 条", (unsigned long long)r->readings_max);
    r->readings_left -= *n;
    return 0;
}

/* ---- of readings; NaN is no number ---- */

typedef struct view {
    jd_xreading *p; /* of the window */
    size_t n;
    const jd_xreading *before; /* the last one at or before its beginning; NULL: none */
    jd_time from, to;
} view;

static size_t next_number(const view *v, size_t i) {
    while (i < v->n && isnan(v->p[i].num)) i++;
    return i;
}
static const jd_xreading *first_number(const view *v) {
    size_t i = next_number(v, 0);
    return i < v->n ? &v->p[i] : NULL;
}
static const jd_xreading *last_number(const view *v) {
    for (size_t i = v->n; i--;)
        if (!isnan(v->p[i].num)) return &v->p[i];
    return NULL;
}

static jd_xval folded(expr__how how, const view *v) {
    double sum = 0, least = INFINITY, most = -INFINITY, square = 0;
    size_t n = 0;
    for (size_t i = next_number(v, 0); i < v->n; i = next_number(v, i + 1), n++) {
        double x = v->p[i].num;
        sum += x;
        if (x < least) least = x;
        if (x > most) most = x;
    }
    if (!n) return expr__null();
    double mean = sum / (double)n;
    switch (how) {
    case EXPR__W_AVG: return expr__num(mean);
    case EXPR__W_SUM: return expr__num(sum);
    case EXPR__W_LEAST: return expr__num(least);
    case EXPR__W_MOST: return expr__num(most);
    default: break;
    }
    for (size_t i = next_number(v, 0); i < v->n; i = next_number(v, i + 1))
        square += (v->p[i].num - mean) * (v->p[i].num - mean);
    return expr__num(sqrt(square / (double)n));
}

/* What a meter counted, and over how long. */
static jd_xval counted(const view *v, int per_hour) {
    const jd_xreading *last = last_number(v), *base = v->before;
    if (!last) return expr__null();
    if (!base || isnan(base->num)) base = first_number(v);
    double delta = last->num - base->num;
    if (!per_hour) return expr__num(delta);
    return last->at > base->at ? expr__num(delta / ((double)(last->at - base->at) / HOUR_US)) : expr__null();
}

/* Straight lines between readings, from the window's beginning (where a reading stands before it) to the last one. */
static jd_xval integral(const view *v) {
    const jd_xreading *was = v->before && !isnan(v->before->num) ? v->before : NULL;
    double area = 0;
    int lines = 0;
    for (size_t i = next_number(v, 0); i < v->n; i = next_number(v, i + 1)) {
        const jd_xreading *x = &v->p[i];
        if (was) {
            double span = (double)(x->at - was->at), inside = (double)(x->at - (was->at < v->from ? v->from : was->at));
            double left = span > 0 ? x->num - (x->num - was->num) * (inside / span) : was->num;
            area += (left + x->num) / 2 * inside;
            lines = 1;
        }
        was = x;
    }
    return lines ? expr__num(area / HOUR_US) : expr__null();
}

static jd_xval share(const view *v, double least, double most) {
    size_t n = 0, in = 0;
    for (size_t i = next_number(v, 0); i < v->n; i = next_number(v, i + 1), n++)
        in += v->p[i].num >= least && v->p[i].num <= most;
    return n ? expr__num((double)in / (double)n) : expr__null();
}

static jd_xval held(const view *v) {
    if (!v->n || isnan(v->p[v->n - 1].num)) return expr__null();
    double x = v->p[v->n - 1].num;
    size_t i = v->n - 1;
    while (i && v->p[i - 1].num == x) i--;
    int longer = !i && v->before && v->before->num == x;
    return expr__duration(v->to - (longer ? v->from : v->p[i].at));
}

/* Heap sort: no memory, no bad case. */
static void sift(double *p, size_t at, size_t n) {
    double x = p[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && p[child + 1] > p[child]) child++;
        if (p[child] <= x) break;
        p[at] = p[child];
    }
    p[at] = x;
}
static void sort(double *p, size_t n) {
    for (size_t i = n / 2; i--;) sift(p, i, n);
    for (size_t i = n; i-- > 1;) {
        double x = p[0];
        p[0] = p[i];
        p[i] = x;
        sift(p, 0, i);
    }
}

static jd_xval percentile(expr__run *r, const view *v, double percent) {
    size_t n = 0;
    if (!(percent >= 0 && percent <= 100) || !v->n) return expr__null();
    double *x = jd_arena_alloc(r->host->arena, v->n * sizeof *x);
    for (size_t i = next_number(v, 0); i < v->n; i = next_number(v, i + 1)) x[n++] = v->p[i].num;
    if (!n) return expr__null();
    sort(x, n);
    double rank = (double)(n - 1) * percent / 100;
    size_t below = (size_t)rank;
    if (below + 1 >= n) return expr__num(x[n - 1]);
    return expr__num(x[below] + (x[below + 1] - x[below]) * (rank - (double)below));
}

/* ---- */

static jd_xval computed(expr__run *r, expr__how how, const view *v, const double *given) {
    switch (how) {
    case EXPR__W_COUNT: return expr__num((double)v->n);
    case EXPR__W_MISSING: return expr__bool(v->n == 0);
    case EXPR__W_FIRST: return first_number(v) ? expr__num(first_number(v)->num) : expr__null();
    case EXPR__W_LAST: return last_number(v) ? expr__num(last_number(v)->num) : expr__null();
    case EXPR__W_DELTA: return counted(v, 0);
    case EXPR__W_RATE: return counted(v, 1);
    case EXPR__W_INTEGRAL: return integral(v);
    case EXPR__W_SHARE: return share(v, given[0], given[1]);
    case EXPR__W_HELD: return held(v);
    case EXPR__W_PERCENTILE: return percentile(r, v, given[0]);
    default: return folded(how, v);
    }
}

static int by_host(expr__run *r, const expr__node *n, jd_time from, jd_time to, jd_xval *out) {
    int missing = n->span->how == EXPR__W_MISSING;
    jd_xfold how = missing ? JD_XF_COUNT : (jd_xfold)n->span->how;
    jd_xval v = expr__null();
    if (r->host->fold(r->host->user, n->number, from, to, how, &v, r->err)) return -1;
    if (v.type != JD_X_NUM) v = how == JD_XF_COUNT ? expr__num(0) : expr__null();
    if (missing)
        *out = expr__bool(v.num == 0);
    else
        *out = v.type == JD_X_NUM ? expr__num(v.num) : v;
    return 0;
}

static int goes_before(expr__how how) {
    return how == EXPR__W_DELTA || how == EXPR__W_RATE || how == EXPR__W_INTEGRAL || how == EXPR__W_HELD;
}

int expr__window(expr__run *r, const expr__node *n, jd_xval *out) {
    const expr__span *s = n->span;
    expr__how how = (expr__how)s->how;
    double given[2] = {-INFINITY, INFINITY};
    for (uint32_t i = 0; i < n->n; i++) {
        jd_xval v;
        if (expr__eval(r, n->args[i], &v)) return -1;
        if (v.type != JD_X_NUM) return *out = expr__null(), 0;
        given[i] = v.num;
    }
    jd_time from, to;
    if (__builtin_sub_overflow(r->host->end, s->ago, &to) || __builtin_sub_overflow(to, s->us, &from))
        return *out = expr__null(), 0;
    if (r->host->fold && (how <= EXPR__W_STDDEV || how == EXPR__W_MISSING)) return by_host(r, n, from, to, out);
    view v = {.from = from, .to = to};
    if (expr__readings(r, n->number, from, to, goes_before(how), &v.p, &v.n)) return -1;
    for (; v.n && v.p[0].at <= from; v.p++, v.n--) v.before = v.p;
    *out = computed(r, how, &v, given);
    return 0;
}
