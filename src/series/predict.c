/* series/predict.c - a value from those before it: short memory (the last three) and the same time yesterday.
 *
 * The weights are found by least squares from the autocorrelation of the chunk and stored in 1/512; what was before the
 * first value counts as zero, which is why y lies around its mean. */
#include "series/series_int.h"

#include <math.h>

enum { SHIFT = 9, WEIGHT_MAX = 1 << 14 };

/* Solves a x = b (m unknowns) by elimination with pivots; 0 when there is no clear answer. */
static int solve(unsigned m, double a[SERIES__TAPS][SERIES__TAPS], double *b, double *x) {
    for (unsigned i = 0; i < m; i++) {
        unsigned top = i;
        for (unsigned j = i + 1; j < m; j++)
            if (fabs(a[j][i]) > fabs(a[top][i])) top = j;
        if (fabs(a[top][i]) < 1e-9) return 0;
        for (unsigned k = 0; k < m; k++) {
            double t = a[i][k];
            a[i][k] = a[top][k];
            a[top][k] = t;
        }
        double t = b[i];
        b[i] = b[top];
        b[top] = t;
        for (unsigned j = i + 1; j < m; j++) {
            double f = a[j][i] / a[i][i];
            for (unsigned k = i; k < m; k++) a[j][k] -= f * a[i][k];
            b[j] -= f * b[i];
        }
    }
    for (unsigned i = m; i-- > 0;) {
        x[i] = b[i];
        for (unsigned k = i + 1; k < m; k++) x[i] -= a[i][k] * x[k];
        x[i] /= a[i][i];
    }
    return 1;
}

static void back(const series__taps *t, size_t lags[SERIES__TAPS]) {
    for (unsigned k = 0; k < t->near; k++) lags[k] = k + 1;
    const size_t far[SERIES__FAR] = {t->lag, t->lag + 1, t->lag - 1};
    for (unsigned k = 0; k < t->far; k++) lags[t->near + k] = far[k];
}

static double correlation(const int64_t *y, size_t n, size_t lag) {
    double s[4] = {0};
    size_t i = lag;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) s[k] += (double)y[i + k] * (double)y[i + k - lag];
    for (; i < n; i++) s[0] += (double)y[i] * (double)y[i - lag];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static int fit(series__taps *t, const double *near, const double *far) {
    unsigned m = t->near + t->far;
    size_t lags[SERIES__TAPS];
    back(t, lags);
    double a[SERIES__TAPS][SERIES__TAPS], b[SERIES__TAPS], x[SERIES__TAPS];
    /* near[d] is the correlation d apart; far[d], lag - 4 + d apart */
    for (unsigned i = 0; i < m; i++) {
        for (unsigned j = 0; j < m; j++) {
            size_t d = lags[i] > lags[j] ? lags[i] - lags[j] : lags[j] - lags[i];
            a[i][j] = d <= SERIES__NEAR ? near[d] : far[d + 4 - t->lag];
        }
        a[i][i] *= 1 + 1e-5;
        b[i] = i < t->near ? near[lags[i]] : far[lags[i] + 4 - t->lag];
    }
    if (!solve(m, a, b, x)) return 0;
    for (unsigned k = 0; k < m; k++) {
        double c = x[k] * (1 << SHIFT);
        if (!(fabs(c) < WEIGHT_MAX)) return 0;
        t->c[k] = (int64_t)lround(c);
    }
    return 1;
}

unsigned series__taps_fit(const int64_t *y, size_t n, size_t lag, series__taps out[3]) {
    double near[SERIES__NEAR + 1], far[6];
    unsigned found = 0;
    for (size_t d = 0; d <= SERIES__NEAR; d++) near[d] = correlation(y, n, d);
    if (near[0] <= 0) return 0;
    out[found] = (series__taps){.near = 2};
    found += (unsigned)fit(&out[found], near, NULL);
    out[found] = (series__taps){.near = 3};
    found += (unsigned)fit(&out[found], near, NULL);
    if (lag < 8 || lag > n / 3) return found;
    for (size_t d = 0; d < 6; d++) far[d] = correlation(y, n, lag - 4 + d);
    out[found] = (series__taps){.near = 2, .far = 3, .lag = lag};
    found += (unsigned)fit(&out[found], near, far);
    return found;
}

/* What the m values at y - lags say of y. Bytes may be hostile: arithmetic wraps. */
static inline int64_t guess(const int64_t *y, const size_t *lags, const int64_t *c, unsigned m) {
    uint64_t sum = 1 << (SHIFT - 1);
    for (unsigned k = 0; k < m; k++) sum += (uint64_t)c[k] * (uint64_t) * (y - lags[k]);
    return (int64_t)sum >> SHIFT;
}

static inline int64_t guess_early(const int64_t *y, size_t i, const size_t *lags, const int64_t *c, unsigned m) {
    uint64_t sum = 1 << (SHIFT - 1);
    for (unsigned k = 0; k < m; k++)
        if (lags[k] <= i) sum += (uint64_t)c[k] * (uint64_t)y[i - lags[k]];
    return (int64_t)sum >> SHIFT;
}

static size_t early(const series__taps *t, size_t n) {
    size_t most = t->far ? t->lag + 1 : t->near;
    return most < n ? most : n;
}

void series__taps_split(const series__taps *t, const int64_t *y, int64_t *rest, size_t n) {
    size_t lags[SERIES__TAPS] = {0}, i = 0, from = early(t, n);
    unsigned m = t->near + t->far;
    back(t, lags);
    for (; i < from; i++) rest[i] = (int64_t)((uint64_t)y[i] - (uint64_t)guess_early(y, i, lags, t->c, m));
    for (; i < n; i++) rest[i] = (int64_t)((uint64_t)y[i] - (uint64_t)guess(y + i, lags, t->c, m));
}

void series__taps_join(const series__taps *t, int64_t *y, size_t n) {
    size_t lags[SERIES__TAPS] = {0}, i = 0, from = early(t, n);
    unsigned m = t->near + t->far;
    back(t, lags);
    for (; i < from; i++) y[i] = (int64_t)((uint64_t)y[i] + (uint64_t)guess_early(y, i, lags, t->c, m));
    if (m == 2 && t->near == 2)
        for (; i < n; i++) y[i] = (int64_t)((uint64_t)y[i] + (uint64_t)guess(y + i, lags, t->c, 2));
    else if (m == 3)
        for (; i < n; i++) y[i] = (int64_t)((uint64_t)y[i] + (uint64_t)guess(y + i, lags, t->c, 3));
    else
        for (; i < n; i++) y[i] = (int64_t)((uint64_t)y[i] + (uint64_t)guess(y + i, lags, t->c, m));
}
