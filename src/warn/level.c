/* warn/level.c - what a chart holds readings against: stated, or learned from the begin of the series. */
#include "warn/warn_int.h"

#include <math.h>

int warn__level_check(const jd_warn_level *p, jd_err *err) {
    if (warn__check(p->learn != 1 && p->learn <= JD_WARN_SERIES_MAX, "learn", "{0} or [2, 1048576]", err)) return -1;
    if (warn__check(p->missing_max >= 0 && p->missing_max <= 0.9, "missing_max", "[0, 0.9]", err)) return -1;
    if (p->learn) return 0;
    if (warn__check(isfinite(p->target), "target", "(-inf, inf)", err)) return -1;
    return warn__check(p->sigma > 0 && isfinite(p->sigma), "sigma", "(0, inf)", err);
}

static jd_warn_why learned(const double *series, const jd_warn_level *p, warn__at *at) {
    double sum = 0, squares = 0;
    unsigned there = 0;
    for (unsigned i = 0; i < p->learn; i++) {
        if (isnan(series[i])) continue;
        sum += series[i];
        there++;
    }
    if (p->learn - there > p->missing_max * p->learn || there < 2) return JD_WARN_GAPS;
    double mean = sum / there;
    for (unsigned i = 0; i < p->learn; i++)
        if (!isnan(series[i])) squares += (series[i] - mean) * (series[i] - mean);
    double sigma = sqrt(squares / (there - 1));
    if (!isfinite(sigma)) return JD_WARN_RANGE;
    if (sigma == 0) return JD_WARN_FLAT;
    *at = (warn__at){mean, sigma, p->learn};
    return JD_WARN_JUDGED;
}

jd_warn_why warn__level(const double *series, size_t n, const jd_warn_level *p, warn__at *at) {
    if (n <= p->learn) return JD_WARN_SHORT;
    if (isnan(series[n - 1])) return JD_WARN_ABSENT;
    for (size_t i = 0; i < n; i++)
        if (isinf(series[i])) return JD_WARN_VALUE;
    if (p->learn) return learned(series, p, at);
    *at = (warn__at){p->target, p->sigma, 0};
    return JD_WARN_JUDGED;
}
