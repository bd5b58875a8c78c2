/* warn/farrington.c - Farrington's algorithm: the same weeks of earlier years, and what both algorithms do with them.
 *
 * Section numbers are those of Farrington et al. 1996. Reference values (3.2) are those within half_width steps of the
 * same step of each of the last `years` years. A log-linear model is fitted (3.3); values whose standardised Anscombe
 * residual s is above `reweight_above` count with weight gamma s^-2 and all others with gamma, where the gammas make
 * the weights sum to their number (3.6); with a trend only when there are three years, its p-value is small enough and
 * it expects no more than the past ever had (3.4). The bound is one of prediction: with tau = phi + Var(mu0) / mu0 it
 * is
 *
 *   NONE         mu0 + z sqrt(mu0 tau)
 *   HALF         (mu0^1/2 + z sqrt(tau / 4))^2
 *   TWO_THIRDS   (mu0^2/3 + z sqrt(4/9 mu0^1/3 tau))^3/2
 *
 * What was found in the answers of surveillance 1.20.3, where the paper leaves it open or says otherwise:
 * z is the normal quantile of 1 - alpha / 2 (alpha 0.01: 2.576); phi is at least 1, and taken anew from the reweighted
 * fit; reweighting is done once, with residuals that hold 1 - h (h: leverage of the value) under the root; the p-value
 * is that of Student's t with the fitted dispersion, not of one raised to 1. With fewer than cases_min recent cases the
 * package answers with a bound of 0 and no alarm; here the bound is what it is, and `why` is FEW. */
#include "warn/warn_int.h"

#include <math.h>

jd_warn_farrington_params jd_warn_farrington_usual(unsigned per_year) {
    return (jd_warn_farrington_params){.years = 5,
                                       .half_width = 3,
                                       .per_year = per_year,
                                       .alpha = 0.01,
                                       .trend = 1,
                                       .trend_p = 0.05,
                                       .reweight = 1,
                                       .reweight_above = 1,
                                       .periods = 1,
                                       .bound = JD_WARN_BOUND_TWO_THIRDS,
                                       .cases_min = 5,
                                       .cases_steps = 4,
                                       .missing_max = 0.2};
}

int warn__farrington_check(const jd_warn_farrington_params *p, size_t n, jd_err *err) {
    if (warn__check_series(n, err)) return -1;
    if (warn__check(p->per_year >= 2 && p->per_year <= 366, "per_year", "[2, 366]", err)) return -1;
    if (warn__check(p->years >= 1 && p->years <= 20, "years", "[1, 20]", err)) return -1;
    if (warn__check(p->half_width <= (p->per_year - 1) / 2, "half_width", "[0, (per_year - 1) / 2]", err)) return -1;
    if (warn__check(p->alpha > 0 && p->alpha < 0.5, "alpha", "(0, 0.5)", err)) return -1;
    if (warn__check(p->trend_p > 0 && p->trend_p <= 1, "trend_p", "(0, 1]", err)) return -1;
    if (warn__check(p->reweight_above > 0 && isfinite(p->reweight_above), "reweight_above", "(0, inf)", err)) return -1;
    if (warn__check(p->bound >= JD_WARN_BOUND_NONE && p->bound <= JD_WARN_BOUND_NEGBIN, "bound", "{0, 1, 2, 3}", err))
        return -1;
    if (warn__check(p->cases_min >= 0 && isfinite(p->cases_min), "cases_min", "[0, inf)", err)) return -1;
    if (warn__check(p->cases_steps >= 1 && p->cases_steps <= 366, "cases_steps", "[1, 366]", err)) return -1;
    return warn__check(p->missing_max >= 0 && p->missing_max <= 0.9, "missing_max", "[0, 0.9]", err);
}

/* ---- the fit ---- */

static double phi_of(const warn__glm *g) {
    return fmax(1, g->dispersion);
}

/* Standardised Anscombe residual of a row; 0 for one that the fit has to pass through. */
static double anscombe(const warn__glm *g, const warn__row *row) {
    double rest = 1 - row->working * warn__glm_leverage(g, row->time, row->group);
    if (!(rest > 1e-10)) return 0;
    double a = 1.5 * (cbrt(row->y * row->y) * pow(row->mu, -1.0 / 6) - sqrt(row->mu));
    return a / sqrt(phi_of(g) * rest);
}

static void weigh(warn__glm *g, double above) {
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) {
        double s = anscombe(g, &g->rows[i]);
        g->rows[i].weight = s > above ? 1 / (s * s) : 1;
        sum += g->rows[i].weight;
    }
    for (size_t i = 0; i < g->n; i++) g->rows[i].weight *= (double)g->n / sum;
}

static int fit(warn__glm *g, int trend, const jd_warn_farrington_params *p) {
    g->trend = trend;
    for (size_t i = 0; i < g->n; i++) g->rows[i].weight = 1;
    if (warn__glm_fit(g) || !isfinite(g->dispersion)) return -1;
    if (!p->reweight) return 0;
    weigh(g, p->reweight_above);
    return warn__glm_fit(g) || !isfinite(g->dispersion) ? -1 : 0;
}

static int trend_stays(const warn__glm *g, double time, unsigned group, const jd_warn_farrington_params *p) {
    double most = 0;
    for (size_t i = 0; i < g->n; i++) most = fmax(most, g->rows[i].y);
    return warn__glm_trend_p(g) < p->trend_p && exp(warn__glm_eta(g, time, group)) <= most;
}

/* ---- the bound ---- */

static double bound(double mu, double phi, double variance, const jd_warn_farrington_params *p) {
    if (p->bound == JD_WARN_BOUND_NEGBIN) return warn__count_quantile(1 - p->alpha, mu, phi);
    double z = warn__normal_upper(p->alpha / 2), tau = phi + variance / mu;
    if (p->bound == JD_WARN_BOUND_NONE) return mu + z * sqrt(mu * tau);
    if (p->bound == JD_WARN_BOUND_HALF) return pow(sqrt(mu) + z * sqrt(tau / 4), 2);
    return pow(cbrt(mu * mu) + z * sqrt(4.0 / 9 * cbrt(mu) * tau), 1.5);
}

static double recent(const double *series, size_t n, unsigned steps) {
    double sum = 0;
    for (size_t i = n - (steps < n ? steps : n); i < n; i++)
        if (!isnan(series[i])) sum += series[i];
    return sum;
}

void warn__farrington_judge(warn__glm *g, double time, unsigned group, const double *series, size_t n,
                            const jd_warn_farrington_params *p, jd_warn_result *r) {
    int fitted = p->trend && p->years >= 3 && !fit(g, 1, p) && trend_stays(g, time, group, p);
    if (!fitted && fit(g, 0, p)) {
        warn__not_judged(r, JD_WARN_FIT);
        return;
    }
    double mu = exp(warn__glm_eta(g, time, group)), phi = phi_of(g);
    if (!(mu > 0 && mu <= JD_WARN_COUNT_MAX && phi <= JD_WARN_COUNT_MAX)) {
        warn__not_judged(r, JD_WARN_RANGE);
        return;
    }
    double variance = phi * warn__glm_leverage(g, time, group) * mu * mu;
    warn__judged(r, series[n - 1], mu, NAN, bound(mu, phi, variance, p));
    if (r->why) return;
    r->dispersion = phi;
    r->trend = g->trend;
    if (recent(series, n, p->cases_steps) < p->cases_min) {
        r->why = JD_WARN_FEW;
        r->alarm = 0;
    }
}

/* ---- reference values ---- */

int jd_warn_farrington(const double *series, size_t n, const jd_warn_farrington_params *p, jd_warn_result *r,
                       jd_err *err) {
    if (warn__farrington_check(p, n, err)) return -1;
    if (warn__check(p->periods == 1, "periods", "{1}", err)) return -1;
    if (warn__check(p->past_left_out == 0, "past_left_out", "{0}", err)) return -1;
    if (warn__check(p->bound != JD_WARN_BOUND_NEGBIN, "bound", "{0, 1, 2}", err)) return -1;
    size_t back = (size_t)p->years * p->per_year + p->half_width, want = (size_t)p->years * (2 * p->half_width + 1);
    if (warn__check(want <= JD_WARN_REFERENCE_MAX, "half_width", "[0, (4096 / years - 1) / 2]", err)) return -1;
    jd_warn_why why = n < back + 1 ? JD_WARN_SHORT : warn__counts(series + (n - 1 - back), back + 1);
    if (why) {
        warn__not_judged(r, why);
        return 0;
    }
    jd_arena a;
    jd_arena_init(&a);
    warn__glm g = {.rows = JD_NEWN(&a, warn__row, want), .groups = 1};
    for (unsigned year = p->years; year >= 1; year--) {
        const double *middle = series + (n - 1 - (size_t)year * p->per_year);
        for (int i = -(int)p->half_width; i <= (int)p->half_width; i++)
            if (!isnan(middle[i]))
                g.rows[g.n++] = (warn__row){.y = middle[i], .time = i - (double)(year * p->per_year)};
    }
    if ((double)(want - g.n) > p->missing_max * (double)want || g.n < 2)
        warn__not_judged(r, JD_WARN_GAPS);
    else
        warn__farrington_judge(&g, 0, 0, series, n, p, r);
    jd_arena_fini(&a);
    return 0;
}
