/* warn/ears.c - EARS C1, C2, C3: the newest value against the mean and standard deviation of a few before it.
 *
 * With m and s of `baseline` values that end right before the point (C1) or two before that (C2), Ck = (y - m) / s, and
 * there is an alarm when Ck > z, the normal quantile of 1 - alpha; the bound is m + z s. C3 adds what the two points
 * before exceeded: C3(t) = sum over i = t, t-1, t-2 of max(0, C2(i) - 1).
 *
 * C3's bound, where the published form and the package differ (found in its answers for 15 series, 3,967 points):
 *   published (Fricker et al. 2008, formula 3, solved for y):  m + s (z - e),  e = sum over i = t-1, t-2 alone
 *   surveillance 1.20.3:                              max(0, y + s (z - e))
 * The package puts the value itself where the mean belongs, so that whether today's count is an alarm depends on the
 * two days before and not on today's count (as long as it is above 0). JD_WARN_C3_PAPER is the published form.
 *
 * A baseline of equal values has s = 0: C1 and C2 then alarm for any value above it, as the package does. A C2 of C3's
 * sum is then infinite (y above the mean: surely exceeded), 0 (below) or not defined (equal): the last gives no
 * judgement, as does an infinite excess times s = 0. An infinite excess with s > 0 is an alarm for any value above 0;
 * the published form has no finite bound then, and 0 stands in its place. */
#include "warn/warn_int.h"

#include <math.h>

enum { BASELINE_MAX = 366, LAG = 2 /* values between baseline and point, C2 and C3 */ };

jd_warn_ears_params jd_warn_ears_usual(int method) {
    return (jd_warn_ears_params){.method = method, .baseline = 7, .alpha = method == 3 ? 0.025 : 0.001};
}

static int check(const jd_warn_ears_params *p, size_t n, jd_err *err) {
    if (warn__check_series(n, err)) return -1;
    if (warn__check(p->method >= 1 && p->method <= 3, "method", "{1, 2, 3}", err)) return -1;
    if (warn__check(p->baseline >= 3 && p->baseline <= BASELINE_MAX, "baseline", "[3, 366]", err)) return -1;
    if (warn__check(p->alpha > 0 && p->alpha < 0.5, "alpha", "(0, 0.5)", err)) return -1;
    if (warn__check(p->sigma_min >= 0 && isfinite(p->sigma_min), "sigma_min", "[0, inf)", err)) return -1;
    if (warn__check(p->missing_max >= 0 && p->missing_max <= 0.5, "missing_max", "[0, 0.5]", err)) return -1;
    return warn__check(p->c3 == JD_WARN_C3_SURVEILLANCE || p->c3 == JD_WARN_C3_PAPER, "c3", "{0, 1}", err);
}

/* Mean and standard deviation (over count - 1) of the baseline that ends `lag` before index t. */
static jd_warn_why moments(const double *series, size_t t, size_t lag, const jd_warn_ears_params *p, double *mean,
                           double *sd) {
    const double *from = series + t - lag - p->baseline;
    double sum = 0, squares = 0;
    unsigned there = 0;
    for (unsigned i = 0; i < p->baseline; i++) {
        if (isinf(from[i])) return JD_WARN_VALUE;
        if (isnan(from[i])) continue;
        sum += from[i];
        there++;
    }
    if (p->baseline - there > p->missing_max * p->baseline || there < 2) return JD_WARN_GAPS;
    *mean = sum / there;
    for (unsigned i = 0; i < p->baseline; i++)
        if (!isnan(from[i])) squares += (from[i] - *mean) * (from[i] - *mean);
    *sd = fmax(p->sigma_min, sqrt(squares / (there - 1)));
    return isfinite(*sd) ? JD_WARN_JUDGED : JD_WARN_RANGE;
}

/* What index t adds to the sum of C3: max(0, C2(t) - 1), which may be infinite. */
static jd_warn_why excess(const double *series, size_t t, const jd_warn_ears_params *p, double *out) {
    double mean, sd;
    *out = 0;
    if (isnan(series[t])) return JD_WARN_JUDGED;
    if (isinf(series[t])) return JD_WARN_VALUE;
    jd_warn_why why = moments(series, t, LAG, p, &mean, &sd);
    if (why) return why;
    if (sd == 0 && series[t] == mean) return JD_WARN_FLAT;
    *out = fmax(0, (series[t] - mean) / sd - 1);
    return JD_WARN_JUDGED;
}

static jd_warn_why c3(const double *series, size_t t, const jd_warn_ears_params *p, jd_warn_result *r) {
    double mean, sd, before[2];
    jd_warn_why why = moments(series, t, LAG, p, &mean, &sd);
    for (size_t i = 0; !why && i < 2; i++) why = excess(series, t - 1 - i, p, &before[i]);
    if (why) return why;
    double y = series[t], more = before[0] + before[1], z = warn__normal_upper(p->alpha);
    double from = p->c3 == JD_WARN_C3_PAPER ? mean : y, bound;
    if (isinf(more)) {
        if (sd == 0) return JD_WARN_FLAT;
        bound = 0;
    } else {
        bound = from + sd * (z - more);
        if (p->c3 == JD_WARN_C3_SURVEILLANCE) bound = fmax(0, bound);
    }
    warn__judged(r, y, mean, NAN, bound);
    return r->why;
}

int jd_warn_ears(const double *series, size_t n, const jd_warn_ears_params *p, jd_warn_result *r, jd_err *err) {
    if (check(p, n, err)) return -1;
    size_t lag = p->method == 1 ? 0 : LAG, before = p->baseline + lag + (p->method == 3 ? 2 : 0);
    if (n < before + 1) {
        warn__not_judged(r, JD_WARN_SHORT);
        return 0;
    }
    size_t t = n - 1;
    double mean, sd;
    jd_warn_why why;
    if (isnan(series[t]))
        why = JD_WARN_ABSENT;
    else if (isinf(series[t]))
        why = JD_WARN_VALUE;
    else if (p->method == 3)
        why = c3(series, t, p, r);
    else if (!(why = moments(series, t, lag, p, &mean, &sd)))
        warn__judged(r, series[t], mean, NAN, mean + warn__normal_upper(p->alpha) * sd);
    if (why) warn__not_judged(r, why);
    return 0;
}
