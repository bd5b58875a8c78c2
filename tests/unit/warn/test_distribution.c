/* Quantiles and tails against published tables and against sums of probabilities, term by term. */
#include "warn_test.h"

static void normal(void **state) {
    (void)state;
    /* Abramowitz, Stegun, table 26.5 and 26.6 */
    must_near(warn__normal_upper(0.5), 0, 1e-15);
    must_near(warn__normal_upper(0.025), 1.959963984540054, 1e-14);
    must_near(warn__normal_upper(0.005), 2.5758293035489, 1e-13);
    must_near(warn__normal_upper(0.001), 3.090232306167813, 1e-14);
    must_near(warn__normal_upper(1e-10), 6.361340902404056, 1e-13);
    for (double tail = 0.4999; tail > 1e-300; tail /= 7)
        must_near(erfc(warn__normal_upper(tail) / M_SQRT2) / 2 / tail, 1, 1e-11);
}

static void student(void **state) {
    (void)state;
    /* table 26.10: the two-sided 5 % and 1 % points */
    const double points[][3] = {{1, 12.706, 63.657}, {2, 4.303, 9.925}, {10, 2.228, 3.169}, {30, 2.042, 2.750}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        must_near(warn__t_two_sided(points[i][1], points[i][0]), 0.05, 5e-5);
        must_near(warn__t_two_sided(-points[i][2], points[i][0]), 0.01, 1e-5);
    }
    for (double t = 0; t < 50; t += 0.37) { /* closed forms of one and two degrees of freedom */
        must_near(warn__t_two_sided(t, 1), 1 - 2 * atan(t) / M_PI, 1e-13);
        must_near(warn__t_two_sided(t, 2), 1 - t / sqrt(2 + t * t), 1e-13);
    }
    assert_true(isnan(warn__t_two_sided(1, 0)));
    assert_true(isnan(warn__t_two_sided(NAN, 3)));
    assert_true(warn__t_two_sided(INFINITY, 3) <= 0);
}

/* Smallest k at which the sum of probabilities reaches p, each from the one before it. */
static double by_sum(double p, double mu, double phi) {
    double size = phi > 1 ? mu / (phi - 1) : 0;
    double term = phi > 1 ? pow(1 / phi, size) : exp(-mu), sum = term, k = 0;
    while (sum < p) {
        k++;
        term *= phi > 1 ? (size + k - 1) / k * (phi - 1) / phi : mu / k;
        sum += term;
    }
    return k;
}

static void counts(void **state) {
    (void)state;
    unsigned seed = 5;
    for (int i = 0; i < 4000; i++) {
        double mu = exp(must_random(&seed) * 12 - 6), phi = i % 4 ? 1 + exp(must_random(&seed) * 8 - 5) : 1;
        double p = i % 3 ? 0.99 : 0.6 + 0.39 * must_random(&seed);
        double have = warn__count_quantile(p, mu, phi), want = by_sum(p, mu, phi);
        if (have != want) fail_msg("p %g mu %g phi %g: %g instead of %g", p, mu, phi, have, want);
    }
    assert_true(warn__count_quantile(0.99, 1e-12, 1) == 0);
    assert_true(warn__count_quantile(0.99, 1e-12, 3) == 0);
    /* far out: the normal approximation with its first correction of skewness, (z^2 - 1) / 6 */
    double z = warn__normal_upper(0.01);
    must_near(warn__count_quantile(0.99, 1e8, 1), 1e8 + z * 1e4 + (z * z - 1) / 6, 2);
    must_near(warn__count_quantile(0.99, 1e9, 1e3) / (1e9 + z * 1e6), 1, 1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(normal), cmocka_unit_test(student), cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
