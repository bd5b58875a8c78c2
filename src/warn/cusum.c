/* warn/cusum.c - tabular cumulative sums, upper and lower.
 *
 * A missing value leaves both sums as they are. */
#include "warn/warn_int.h"

#include <math.h>

jd_warn_cusum_params jd_warn_cusum_usual(void) {
    return (jd_warn_cusum_params){.k = 0.5, .h = 5, .level = {.learn = 20, .missing_max = 0.2}};
}

static int check(const jd_warn_cusum_params *p, size_t n, jd_err *err) {
    if (warn__check_series(n, err)) return -1;
    if (warn__check(p->k >= 0 && isfinite(p->k), "k", "[0, inf)", err)) return -1;
    if (warn__check(p->h > 0 && isfinite(p->h), "h", "(0, inf)", err)) return -1;
    if (warn__check(p->start >= 0 && p->start < 1, "start", "[0, 1)", err)) return -1;
    if (warn__check(p->sides >= JD_WARN_BOTH && p->sides <= JD_WARN_LOWER, "sides", "{0, 1, 2}", err)) return -1;
    return warn__level_check(&p->level, err);
}

int jd_warn_cusum(const double *series, size_t n, const jd_warn_cusum_params *p, jd_warn_result *r, jd_err *err) {
    if (check(p, n, err)) return -1;
    warn__at at;
    jd_warn_why why = warn__level(series, n, &p->level, &at);
    if (why) {
        warn__not_judged(r, why);
        return 0;
    }
    double limit = p->h * at.sigma, slack = p->k * at.sigma, begin = p->start * limit;
    double up = begin, down = begin;
    for (size_t i = at.first; i < n; i++) {
        if (isnan(series[i])) continue;
        if (p->restart && up > limit) up = begin;
        if (p->restart && down > limit) down = begin;
        up = fmax(0, series[i] - (at.target + slack) + up);
        down = fmax(0, at.target - slack - series[i] + down);
    }
    int lower = p->sides == JD_WARN_LOWER || (p->sides == JD_WARN_BOTH && down > up);
    warn__judged(r, lower ? -down : up, 0, -limit, limit);
    return 0;
}
