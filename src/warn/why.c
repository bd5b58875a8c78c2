/* warn/why.c - answers: judged or not, and why; parameters outside their range. */
#include "warn/warn_int.h"

#include <math.h>

const char *jd_warn_why_text(jd_warn_why why, int zh) {
    static const char *const texts[][2] = {
#define X(name, en, zh) {en, zh},
        JD_WARN_WHY_MAP(X)
#undef X
    };
    return (unsigned)why < JD_WARN_WHY_COUNT ? texts[why][zh ? 1 : 0] : "";
}

void warn__not_judged(jd_warn_result *r, jd_warn_why why) {
    *r = (jd_warn_result){.why = why, .statistic = NAN, .expected = NAN, .upper = NAN, .lower = NAN, .dispersion = NAN};
}

void warn__judged(jd_warn_result *r, double statistic, double expected, double lower, double upper) {
    if (!isfinite(statistic) || !isfinite(expected) || !isfinite(upper) || isinf(lower)) {
        warn__not_judged(r, JD_WARN_RANGE);
        return;
    }
    *r = (jd_warn_result){.why = JD_WARN_JUDGED,
                          .alarm = statistic > upper   ? 1
                                   : statistic < lower ? -1
                                                       : 0,
                          .statistic = statistic,
                          .expected = expected,
                          .upper = upper,
                          .lower = lower,
                          .dispersion = NAN};
}

int warn__check(int ok, const char *name, const char *range, jd_err *err) {
    if (ok) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s must be in %s", "%s 的取值范围是 %s", name, range);
    return jd_fail_at(err, "%s", name);
}

int warn__check_series(size_t n, jd_err *err) {
    if (n <= JD_WARN_SERIES_MAX) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "the series has %zu values, at most %d can be judged at once",
            "序列有 %zu 个值，一次最多可判断 %d 个", n, (int)JD_WARN_SERIES_MAX);
    return jd_fail_at(err, "series");
}

jd_warn_why warn__counts(const double *series, size_t n) {
    if (isnan(series[n - 1])) return JD_WARN_ABSENT;
    for (size_t i = 0; i < n; i++)
        if (series[i] < 0 || series[i] > JD_WARN_COUNT_MAX) return JD_WARN_VALUE;
    return JD_WARN_JUDGED;
}
