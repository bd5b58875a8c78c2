/* Any series under any parameters: parameters are refused or there is an answer, an answer has finite numbers or a
 * reason and no number, and the same question has the same answer.
 *
 * Bytes: method; 15 small numbers (a byte each) for the parameters; then values: one byte (0..199: itself; 200..249: a
 * power of two; 250 on: a double of 8 bytes). */
#include "warn/warn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 16, VALUES_MAX = 3000 };

static void must(int ok) {
    if (!ok) abort();
}

static void look(int rc, const jd_warn_result *r, const jd_err *err) {
    if (rc) {
        must(rc == -1 && err->code == JD_E_BAD_REQUEST_DATA && err->place[0] && err->zh[0]);
        return;
    }
    must((unsigned)r->why < JD_WARN_WHY_COUNT && jd_warn_why_text(r->why, 0)[0] && jd_warn_why_text(r->why, 1)[0]);
    if (r->why == JD_WARN_JUDGED || r->why == JD_WARN_FEW) {
        must(isfinite(r->statistic) && isfinite(r->expected) && isfinite(r->upper) && !isinf(r->lower));
        must(r->alarm >= -1 && r->alarm <= 1 && (r->why == JD_WARN_JUDGED || !r->alarm));
        if (r->alarm > 0) must(r->statistic > r->upper);
        if (r->alarm < 0) must(r->statistic < r->lower);
        must(isnan(r->dispersion) || r->dispersion >= 1);
    } else {
        must(!r->alarm && isnan(r->statistic) && isnan(r->expected) && isnan(r->upper) && isnan(r->lower));
    }
}

static double share(unsigned b) { /* mostly in (0, 1); the ends, and what lies outside, too */
    return b == 255 ? NAN : b == 254 ? -1 : b == 253 ? HUGE_VAL : b / 250.0;
}

static int ask(const unsigned char *p, const double *v, size_t n, jd_warn_result *r, jd_err *err) {
    jd_warn_level level = {.target = p[1], .sigma = p[2] / 8.0, .learn = p[3] / 4u, .missing_max = share(p[4])};
    if (p[0] % 6 < 2) {
        jd_warn_ears_params e = {.method = p[1] % 5,
                                 .baseline = p[2],
                                 .alpha = share(p[3]),
                                 .sigma_min = share(p[4]),
                                 .missing_max = share(p[5]),
                                 .c3 = p[6] % 3};
        return jd_warn_ears(v, n, &e, r, err);
    }
    if (p[0] % 6 < 4) {
        jd_warn_farrington_params f = {.years = p[1] % 22,
                                       .half_width = p[2] % 16,
                                       .per_year = p[3],
                                       .alpha = share(p[4]),
                                       .trend = p[5] & 1,
                                       .trend_p = share(p[6]),
                                       .reweight = p[7] & 1,
                                       .reweight_above = share(p[8]) * 4,
                                       .periods = p[9] % 40,
                                       .past_left_out = p[10],
                                       .bound = p[11] % 5,
                                       .cases_min = p[12],
                                       .cases_steps = p[13],
                                       .missing_max = share(p[14])};
        if (p[0] % 6 == 3) return jd_warn_flexible(v, n, &f, r, err);
        if (p[15] & 1) f.periods = 1, f.past_left_out = 0, f.bound = p[11] % 3;
        return jd_warn_farrington(v, n, &f, r, err);
    }
    if (p[0] % 6 == 4) {
        jd_warn_ewma_params e = {
            .lambda = share(p[5]), .width = p[6] / 16.0, .steady = p[7] & 1, .sides = p[8] % 4, .level = level};
        return jd_warn_ewma(v, n, &e, r, err);
    }
    jd_warn_cusum_params c = {.k = share(p[5]) * 4,
                              .h = p[6] / 16.0,
                              .start = share(p[7]),
                              .restart = p[8] & 1,
                              .sides = p[9] % 4,
                              .level = level};
    return jd_warn_cusum(v, n, &c, r, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) return 0;
    size_t n = 0, at = HEAD;
    double *series = malloc(sizeof *series * VALUES_MAX);
    must(series != NULL);
    while (at < size && n < VALUES_MAX) {
        unsigned b = data[at++];
        double d = b < 200 ? b : ldexp(1, (int)b - 200);
        if (b >= 250 && size - at >= sizeof d) {
            memcpy(&d, data + at, sizeof d);
            at += sizeof d;
        }
        series[n++] = d;
    }
    double *exact = malloc(n ? n * sizeof *exact : 1); /* of exactly that length, for the sanitizer */
    must(exact != NULL);
    if (n) memcpy(exact, series, n * sizeof *exact);
    jd_warn_result r, again;
    jd_err err;
    jd_err_none(&err);
    int rc = ask(data, exact, n, &r, &err);
    look(rc, &r, &err);
    must(ask(data, exact, n, &again, &err) == rc);
    if (!rc)
        must(r.why == again.why && r.alarm == again.alarm && !memcmp(&r.upper, &again.upper, sizeof r.upper) &&
             !memcmp(&r.statistic, &again.statistic, sizeof r.statistic));
    free(exact);
    free(series);
    return 0;
}
