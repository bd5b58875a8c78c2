/* warn/distribution.c - the quantiles and tails that bounds are made of.
 *
 * Incomplete gamma and beta functions by series and continued fraction (Abramowitz, Stegun: Handbook of Mathematical
 * Functions, 6.5.29, 6.5.31, 26.5.8), evaluated from the front (Lentz's method). Relative error about 1e-12 for means
 * up to 1e6; it grows with the mean (cancellation in lgamma), and at 1e9 a quantile may be one part in 1e8 off. */
#include "warn/warn_int.h"

#include <float.h>
#include <math.h>

static const double tiny = 1e-300;

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign); /* lgamma() writes a global */
}

double warn__normal_upper(double tail) {
    /* Abramowitz, Stegun 26.2.23 is within 4.5e-4; Newton's steps on the tail itself do the rest. The second derivative
     * is used too (Halley), so that four of them are more than enough from 1e-300 to 0.5. */
    double t = sqrt(-2 * log(tail));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 4; i++) {
        double density = exp(-z * z / 2) / sqrt(2 * M_PI);
        if (density < DBL_MIN) break;
        double step = (erfc(z / M_SQRT2) / 2 - tail) / density;
        z += step / (1 + step * z / 2);
    }
    return z;
}

/* One step of Lentz's method: the fraction f so far, C, D, then numerator a and denominator b of the next level. */
typedef struct lentz {
    double f, c, d;
} lentz;

static int level(lentz *l, double a, double b) {
    l->d = b + a * l->d;
    l->c = b + a / l->c;
    if (fabs(l->d) < tiny) l->d = tiny;
    if (fabs(l->c) < tiny) l->c = tiny;
    l->d = 1 / l->d;
    double by = l->c * l->d;
    l->f *= by;
    return fabs(by - 1) < 4 * DBL_EPSILON;
}

enum { LEVELS_MAX = 1 << 20 };

/* Regularised incomplete beta function. one_less_x: 1 - x, given apart for the sake of small ones. */
static double beta_cdf(double x, double one_less_x, double a, double b) {
    if (x <= 0) return 0;
    if (one_less_x <= 0) return 1;
    int mirrored = x > (a + 1) / (a + b + 2);
    if (mirrored) {
        double s = x;
        x = one_less_x, one_less_x = s;
        s = a, a = b, b = s;
    }
    double front = log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(one_less_x) - log(a);
    double first = 1 - (a + b) * x / (a + 1);
    if (fabs(first) < tiny) first = tiny;
    lentz l = {1 / first, 1, 1 / first};
    for (int m = 1; m < LEVELS_MAX; m++) {
        double at = a + 2 * m;
        level(&l, m * (b - m) * x / ((at - 1) * at), 1);
        if (level(&l, -(a + m) * (a + b + m) * x / (at * (at + 1)), 1)) break;
    }
    double part = exp(front) * l.f;
    return mirrored ? 1 - part : part;
}

/* P(X <= k) for a Poisson X. */
static double poisson_cdf(double k, double mu) {
    double a = k + 1, front = exp(a * log(mu) - mu - log_gamma(a));
    if (mu < a + 1) { /* lower part as a series */
        double term = 1 / a, sum = term;
        for (double d = a + 1; term > sum * DBL_EPSILON; d++) {
            term *= mu / d;
            sum += term;
        }
        return 1 - front * sum;
    }
    double b = mu + 1 - a;
    if (fabs(b) < tiny) b = tiny;
    lentz l = {1 / b, 1 / tiny, 1 / b};
    for (int i = 1; i < LEVELS_MAX; i++)
        if (level(&l, -i * (i - a), b + 2 * i)) break;
    return front * l.f;
}

double warn__t_two_sided(double t, double df) {
    if (!(df > 0) || isnan(t)) return NAN;
    return beta_cdf(df / (df + t * t), t * t / (df + t * t), df / 2, 0.5);
}

static double count_cdf(double k, double mu, double phi) {
    if (!(phi > 1)) return poisson_cdf(k, mu);
    double size = mu / (phi - 1);
    return beta_cdf(1 / phi, (phi - 1) / phi, size, k + 1); /* size / (size + mu) = 1 / phi */
}

double warn__count_quantile(double p, double mu, double phi) {
    double guess = floor(mu + warn__normal_upper(1 - p) * sqrt(mu * fmax(1, phi)));
    double low = -1, high = guess,
           step = 1 + floor(sqrt(fmax(0, guess))); /* cdf(low) < p <= cdf(high) once bracketed */
    while (high < 1e15 && count_cdf(high, mu, phi) < p) {
        low = high;
        high += step;
        step *= 2;
    }
    while (high - low > 1) {
        double middle = floor((low + high) / 2);
        if (count_cdf(middle, mu, phi) < p)
            low = middle;
        else
            high = middle;
    }
    return high;
}
