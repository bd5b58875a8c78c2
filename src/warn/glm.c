/* warn/glm.c - a log-linear model of counts by iteratively reweighted least squares.
 *
 * McCullagh, Nelder: Generalized Linear Models (2nd ed., 1989), section 2.5, with the variance function of the Poisson
 * distribution and a free dispersion (section 6.2.3). Start, rule of convergence (relative change of the deviance below
 * 1e-8, at most 25 steps with a trend) and smallest mean are those that R's glm documents, because bounds are held
 * against R's: the dispersion and the standard errors use the weights of the last step, not of the step that would
 * follow it.
 *
 * A row has few terms (1, time, one level of its group), so the triangle R is made by Givens rotations row by row and
 * no design matrix is kept. */
#include "warn/warn_int.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Where nothing was ever counted, the logarithm of the mean falls by 1 a step until the deviance is gone: that takes
 * more than R's 25 steps when there are many values. A trend has to be found in 25. */
enum { STEPS_MAX = 50, STEPS_TREND_MAX = 25 };
static const double converged_at = 1e-8, apart_at = 1e-11, mean_min = DBL_EPSILON;

static unsigned terms_of(const warn__glm *g) {
    return g->groups + (g->trend ? 1u : 0u);
}

static void terms(const warn__glm *g, double time, unsigned group, double *x) {
    memset(x, 0, sizeof(double) * terms_of(g));
    x[0] = 1;
    if (g->trend) x[1] = time;
    if (group) x[(g->trend ? 1 : 0) + group] = 1;
}

double warn__glm_eta(const warn__glm *g, double time, unsigned group) {
    double eta = g->beta[0];
    if (g->trend) eta += g->beta[1] * time;
    if (group) eta += g->beta[(g->trend ? 1 : 0) + group];
    return eta;
}

/* Turns the row x (with z on the right) into the triangle. */
static void rotate_in(warn__glm *g, double *x, double z, double *right) {
    for (unsigned j = 0; j < g->terms; j++) {
        if (x[j] == 0) continue;
        double length = hypot(g->r[j][j], x[j]), c = g->r[j][j] / length, s = x[j] / length;
        for (unsigned k = j; k < g->terms; k++) {
            double was = g->r[j][k];
            g->r[j][k] = c * was + s * x[k];
            x[k] = c * x[k] - s * was;
        }
        double was = right[j];
        right[j] = c * was + s * z;
        z = c * z - s * was;
    }
}

/* One weighted least squares step for the current means: a new beta. -1 when terms cannot be told apart. */
static int step(warn__glm *g) {
    double x[WARN__TERMS_MAX], right[WARN__TERMS_MAX] = {0}, norm[WARN__TERMS_MAX] = {0};
    memset(g->r, 0, sizeof g->r);
    for (size_t i = 0; i < g->n; i++) {
        warn__row *row = &g->rows[i];
        row->working = row->weight * row->mu;
        double root = sqrt(row->working), z = log(row->mu) + (row->y - row->mu) / row->mu;
        terms(g, row->time, row->group, x);
        for (unsigned k = 0; k < g->terms; k++) {
            x[k] *= root;
            norm[k] = hypot(norm[k], x[k]);
        }
        rotate_in(g, x, z * root, right);
    }
    for (unsigned j = g->terms; j-- > 0;) {
        if (!(fabs(g->r[j][j]) > apart_at * norm[j])) return -1;
        double sum = right[j];
        for (unsigned k = j + 1; k < g->terms; k++) sum -= g->r[j][k] * g->beta[k];
        g->beta[j] = sum / g->r[j][j];
    }
    return 0;
}

static double deviance(const warn__glm *g) {
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) {
        const warn__row *row = &g->rows[i];
        double fit = row->y > 0 ? row->y * log(row->y / row->mu) : 0;
        sum += 2 * row->weight * (fit - (row->y - row->mu));
    }
    return sum;
}

static double pearson(const warn__glm *g) {
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) {
        const warn__row *row = &g->rows[i];
        double residual = (row->y - row->mu) / row->mu;
        sum += row->working * residual * residual;
    }
    return g->n > g->terms ? sum / (double)(g->n - g->terms) : NAN;
}

int warn__glm_fit(warn__glm *g) {
    g->terms = terms_of(g);
    if (g->n < g->terms) return -1;
    for (size_t i = 0; i < g->n; i++) g->rows[i].mu = g->rows[i].y + 0.1;
    double was = deviance(g);
    for (int i = 0; i < (g->trend ? STEPS_TREND_MAX : STEPS_MAX); i++) {
        if (step(g)) return -1;
        for (size_t k = 0; k < g->n; k++) {
            warn__row *row = &g->rows[k];
            row->mu = fmax(exp(warn__glm_eta(g, row->time, row->group)), mean_min);
        }
        double now = deviance(g);
        if (!isfinite(now)) return -1;
        if (fabs(now - was) / (fabs(now) + 0.1) < converged_at) {
            g->dispersion = pearson(g);
            return 0;
        }
        was = now;
    }
    return -1;
}

/* |R'^-1 x|^2, by substitution from the front. */
double warn__glm_leverage(const warn__glm *g, double time, unsigned group) {
    double x[WARN__TERMS_MAX], sum = 0;
    terms(g, time, group, x);
    for (unsigned j = 0; j < g->terms; j++) {
        for (unsigned k = 0; k < j; k++) x[j] -= g->r[k][j] * x[k];
        x[j] /= g->r[j][j];
        sum += x[j] * x[j];
    }
    return sum;
}

double warn__glm_trend_p(const warn__glm *g) {
    double x[WARN__TERMS_MAX] = {0}, sum = 0; /* R'^-1 e1: the variance of beta[1] over the dispersion */
    x[1] = 1;
    for (unsigned j = 1; j < g->terms; j++) {
        for (unsigned k = 1; k < j; k++) x[j] -= g->r[k][j] * x[k];
        x[j] /= g->r[j][j];
        sum += x[j] * x[j];
    }
    return warn__t_two_sided(g->beta[1] / sqrt(sum * g->dispersion), (double)(g->n - g->terms));
}
