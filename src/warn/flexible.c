/* warn/flexible.c - Farrington's algorithm as improved by Noufaily et al. 2013: more of the past, with a level for each
 * period of the year.
 *
 * The window of half_width around the same step of the year is one period, and what lies between two windows is cut
 * into periods - 1 parts (section 3.2 of the paper: with 52 weeks, a window of 7 and nine of 5). All values from the
 * first window on are used but the last past_left_out, and the point itself. The other differences are parameters:
 * trend always (trend_p 1), reweighting only of residuals above 2.58, and the quantile of a negative binomial.
 *
 * As found in the answers of surveillance 1.20.3: the quantile is that of 1 - alpha (for the others 1 - alpha / 2) of
 * the negative binomial with the fitted mean and variance phi * mean, of the Poisson distribution when phi is 1, and
 * the uncertainty of the mean has no part in it. */
#include "warn/warn_int.h"

#include <math.h>

jd_warn_farrington_params jd_warn_flexible_usual(unsigned per_year) {
    jd_warn_farrington_params p = jd_warn_farrington_usual(per_year);
    p.trend_p = 1;
    p.reweight_above = 2.58;
    p.periods = 10;
    p.past_left_out = 26;
    p.bound = JD_WARN_BOUND_NEGBIN;
    return p;
}

/* Period of the step that lies `steps` behind the begin of a window: 0 the window; the rest in equal parts, the first
 * of which are one longer where it cannot be divided. -1: none (one period alone: the windows). */
static int period(unsigned steps, const jd_warn_farrington_params *p) {
    unsigned window = 2 * p->half_width + 1;
    if (steps < window) return 0;
    if (p->periods == 1) return -1;
    unsigned rest = p->per_year - window, parts = p->periods - 1, length = rest / parts, longer = rest % parts;
    unsigned at = steps - window;
    if (at < longer * (length + 1)) return (int)(1 + at / (length + 1));
    return (int)(1 + longer + (at - longer * (length + 1)) / length);
}

/* Numbers only those periods that have a value, so that each term of the model can be told. */
static void number(warn__glm *g) {
    int seen[WARN__PERIODS_MAX] = {0};
    unsigned as[WARN__PERIODS_MAX];
    for (size_t i = 0; i < g->n; i++) seen[g->rows[i].group] = 1;
    g->groups = 0;
    for (unsigned k = 0; k < WARN__PERIODS_MAX; k++)
        if (seen[k]) as[k] = g->groups++;
    for (size_t i = 0; i < g->n; i++) g->rows[i].group = as[g->rows[i].group];
}

/* Fills g with the values that are used; returns how many there would be if none were missing. */
static size_t rows(warn__glm *g, const double *series, size_t n, const jd_warn_farrington_params *p) {
    size_t back = (size_t)p->years * p->per_year + p->half_width, want = 0;
    for (size_t ago = back; ago > p->past_left_out; ago--) {
        int k = period((unsigned)((back - ago) % p->per_year), p);
        if (k < 0) continue;
        want++;
        double y = series[n - 1 - ago];
        if (!isnan(y)) g->rows[g->n++] = (warn__row){.y = y, .time = -(double)ago, .group = (unsigned)k};
    }
    return want;
}

int jd_warn_flexible(const double *series, size_t n, const jd_warn_farrington_params *p, jd_warn_result *r,
                     jd_err *err) {
    if (warn__farrington_check(p, n, err)) return -1;
    if (warn__check(p->periods >= 1 && p->periods <= WARN__PERIODS_MAX, "periods", "[1, 32]", err)) return -1;
    if (warn__check(p->periods - 1 <= p->per_year - 2 * p->half_width - 1, "periods", "[1, per_year - 2 half_width]",
                    err))
        return -1;
    if (warn__check(p->past_left_out <= p->per_year, "past_left_out", "[0, per_year]", err)) return -1;
    size_t back = (size_t)p->years * p->per_year + p->half_width;
    if (warn__check(back <= JD_WARN_REFERENCE_MAX, "years", "[1, (4096 - half_width) / per_year]", err)) return -1;
    jd_warn_why why = n < back + 1 ? JD_WARN_SHORT : warn__counts(series + (n - 1 - back), back + 1);
    if (why) {
        warn__not_judged(r, why);
        return 0;
    }
    jd_arena a;
    jd_arena_init(&a);
    warn__glm g = {.rows = JD_NEWN(&a, warn__row, back)};
    size_t want = rows(&g, series, n, p), window = 0;
    for (size_t i = 0; i < g.n; i++) window += g.rows[i].group == 0;
    if ((double)(want - g.n) > p->missing_max * (double)want || window < 2) {
        warn__not_judged(r, JD_WARN_GAPS);
    } else {
        number(&g);
        warn__farrington_judge(&g, 0, 0, series, n, p, r);
    }
    jd_arena_fini(&a);
    return 0;
}
