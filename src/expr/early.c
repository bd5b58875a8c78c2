/* Early warning: readings become one value a step, and src/warn judges the newest. */
#include "expr/expr_int.h"
#include "warn/warn.h"

#include <math.h>

/* Steps of one series; those of daily counts over 20 years and more. */
enum { STEPS_MAX = 10000 };
#define YEAR_US (365.25 * 86400e6)

static unsigned whole(double v, unsigned other) { /* a parameter that is no whole number is refused by its range */
    return v >= 0 && v <= 1e6 && v == floor(v) ? (unsigned)v : other;
}

static unsigned per_year(const expr__span *s) {
    double n = round(YEAR_US / (double)s->us);
    return n <= 1e6 ? (unsigned)n : 1000000;
}

/* -1: a parameter that src/warn refuses, its name the place. */
static int judge(const expr__span *s, const double *series, size_t n, jd_warn_result *r, jd_err *err) {
    switch ((expr__warn)s->how) {
    case EXPR__C1:
    case EXPR__C2:
    case EXPR__C3: {
        jd_warn_ears_params p = jd_warn_ears_usual(s->how - EXPR__C1 + 1);
        return jd_warn_ears(series, n, &p, r, err);
    }
    case EXPR__FARRINGTON: {
        jd_warn_farrington_params p = jd_warn_farrington_usual(per_year(s));
        p.years = whole(s->p[0], 0);
        p.half_width = whole(s->p[1], UINT32_MAX);
        return jd_warn_farrington(series, n, &p, r, err);
    }
    case EXPR__EWMA: {
        jd_warn_ewma_params p = jd_warn_ewma_usual();
        p.level.learn = s->p[0] >= 2 ? whole(s->p[0], 1) : 1; /* 1: refused */
        p.lambda = s->p[1];
        p.width = s->p[2];
        p.sides = JD_WARN_UPPER;
        return jd_warn_ewma(series, n, &p, r, err);
    }
    case EXPR__CUSUM: break;
    }
    jd_warn_cusum_params p = jd_warn_cusum_usual();
    p.level.learn = s->p[0] >= 2 ? whole(s->p[0], 1) : 1; /* 1: refused */
    p.k = s->p[1];
    p.h = s->p[2];
    p.sides = JD_WARN_UPPER;
    return jd_warn_cusum(series, n, &p, r, err);
}

/* How many values the method looks at. A chart learns from n and runs over the n behind them. */
static double steps(const expr__span *s) {
    static const double ears[] = {8, 10, 12};
    if (s->how <= EXPR__C3) return ears[s->how];
    if (s->how == EXPR__FARRINGTON) return s->p[0] * per_year(s) + s->p[1] + 1;
    return 2 * s->p[0];
}

int expr__early_ready(expr__parser *p, uint32_t at, const char *name, expr__span *s) {
    static const double unknown = NAN;
    jd_warn_result r;
    jd_err why;
    jd_err_none(&why);
    double n = steps(s);
    if (n > STEPS_MAX)
        return EXPR__FAIL(p, at, "%s would look at %.0f steps, at most %d are taken", "%s 将涉及 %.0f 步，上限为 %d",
                          name, n, (int)STEPS_MAX);
    if (judge(s, &unknown, 1, &r, &why))
        return EXPR__FAIL(p, at, "%s%.0s: %s%.0s (%s)", "%.0s%s：%.0s%s（%s）", name, name, why.en, why.zh, why.place);
    s->steps = (uint32_t)n;
    return 0;
}

int expr__early(expr__run *r, const expr__node *n, jd_xval *out) {
    const expr__span *s = n->span;
    jd_xreading *p;
    size_t count;
    jd_time from, to = r->host->end;
    *out = expr__null();
    if (__builtin_sub_overflow(to, s->us * s->steps, &from)) return 0;
    if (expr__readings(r, n->number, from, to, 0, &p, &count)) return -1;
    double *series = jd_arena_alloc(r->host->arena, s->steps * sizeof *series);
    size_t i = 0;
    for (uint32_t k = 0; k < s->steps; k++) {
        jd_time end = from + s->us * (k + 1);
        double sum = 0;
        size_t numbers = 0;
        for (; i < count && p[i].at <= end; i++)
            if (!isnan(p[i].num)) sum += p[i].num, numbers++;
        series[k] = !numbers ? NAN : s->sum ? sum : sum / (double)numbers; /* an empty step is unknown, not zero */
    }
    jd_warn_result w;
    if (judge(s, series, s->steps, &w, r->err)) return -1;
    if (w.why != JD_WARN_JUDGED && w.why != JD_WARN_FEW) return 0;
    double excess = w.statistic - w.upper;
    *out = expr__num(w.alarm <= 0 && excess > 0 ? 0 : excess);
    return 0;
}
