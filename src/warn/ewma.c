/* warn/ewma.c - exponentially weighted moving average chart.
 *
 * z(i) = lambda x(i) + (1 - lambda) z(i - 1); limits target +- L sigma sqrt(lambda / (2 - lambda) (1 - (1 -
 * lambda)^2i)), i counting the values that were there. A missing value leaves z and i as they are. */
#include "warn/warn_int.h"

#include <math.h>

jd_warn_ewma_params jd_warn_ewma_usual(void) {
    return (jd_warn_ewma_params){.lambda = 0.2, .width = 3, .level = {.learn = 20, .missing_max = 0.2}};
}

static int check(const jd_warn_ewma_params *p, size_t n, jd_err *err) {
    if (warn__check_series(n, err)) return -1;
    if (warn__check(p->lambda > 0 && p->lambda <= 1, "lambda", "(0, 1]", err)) return -1;
    if (warn__check(p->width > 0 && isfinite(p->width), "width", "(0, inf)", err)) return -1;
    if (warn__check(p->sides >= JD_WARN_BOTH && p->sides <= JD_WARN_LOWER, "sides", "{0, 1, 2}", err)) return -1;
    return warn__level_check(&p->level, err);
}

int jd_warn_ewma(const double *series, size_t n, const jd_warn_ewma_params *p, jd_warn_result *r, jd_err *err) {
    if (check(p, n, err)) return -1;
    warn__at at;
    jd_warn_why why = warn__level(series, n, &p->level, &at);
    if (why) {
        warn__not_judged(r, why);
        return 0;
    }
    double z = at.target, steps = 0;
    for (size_t i = at.first; i < n; i++) {
        if (isnan(series[i])) continue;
        z = p->lambda * series[i] + (1 - p->lambda) * z;
        steps++;
    }
    double share = p->lambda / (2 - p->lambda);
    if (!p->steady) share *= 1 - pow(1 - p->lambda, 2 * steps);
    double half = p->width * at.sigma * sqrt(share);
    warn__judged(r, z, at.target, at.target - half, at.target + half);
    if (p->sides == JD_WARN_UPPER ? r->alarm < 0 : p->sides == JD_WARN_LOWER && r->alarm > 0) r->alarm = 0;
    return 0;
}
