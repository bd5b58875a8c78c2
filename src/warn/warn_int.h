/* warn/warn_int.h - what the files of the room share. */
#ifndef JD_WARN_WARN_INT_H
#define JD_WARN_WARN_INT_H
#include "warn/warn.h"

/* ---- why.c: answers and checks ---- */
void warn__not_judged(jd_warn_result *r, jd_warn_why why);
/* A judgement; turns into RANGE when a number is not finite (lower may be NaN). */
void warn__judged(jd_warn_result *r, double statistic, double expected, double lower, double upper);
/* 0, or -1 with an error whose place is `name`. `range` in the language of sets, for both texts. */
int warn__check(int ok, const char *name, const char *range, jd_err *err);
int warn__check_series(size_t n, jd_err *err);
/* Whether n counts can be used: JUDGED, VALUE, or ABSENT when the last is missing. */
jd_warn_why warn__counts(const double *series, size_t n);

/* ---- distribution.c ---- */
/* z with P(Z <= z) = 1 - tail for a standard normal Z; tail in (0, 0.5]. */
double warn__normal_upper(double tail);
/* P(|T| > |t|) of Student's t with df degrees of freedom. */
double warn__t_two_sided(double t, double df);
/* Smallest whole k with P(K <= k) >= p, p in (0.5, 1): mean mu > 0, variance phi * mu; phi <= 1: Poisson. */
double warn__count_quantile(double p, double mu, double phi);

/* ---- glm.c ---- */
enum { WARN__PERIODS_MAX = 32, WARN__TERMS_MAX = WARN__PERIODS_MAX + 1 };
typedef struct warn__row { /* one reference value */
    double y, time, weight;
    unsigned group; /* 0: the base level */
    double mu;      /* fitted, by warn__glm_fit */
    double working; /* weight in the last step of the fit */
} warn__row;

typedef struct warn__glm {
    warn__row *rows;
    size_t n;
    unsigned groups; /* levels, each with at least one row; 1: none but the base level */
    int trend;
    /* the fit */
    unsigned terms;
    double beta[WARN__TERMS_MAX];
    double r[WARN__TERMS_MAX][WARN__TERMS_MAX]; /* upper triangle: X' W X = R' R */
    double dispersion;                          /* of Pearson residuals; NaN without degrees of freedom */
} warn__glm;
/* Fits log E(y) = level [+ slope * time] [+ level of the group], with Var(y) = dispersion * E(y) / weight.
 * -1: it does not converge, or the terms cannot be told apart. */
int warn__glm_fit(warn__glm *g);
double warn__glm_eta(const warn__glm *g, double time, unsigned group);
/* x' (X' W X)^-1 x for the x of that time and group: times the dispersion it is the variance of eta. */
double warn__glm_leverage(const warn__glm *g, double time, unsigned group);
/* p-value of the slope. */
double warn__glm_trend_p(const warn__glm *g);

/* ---- farrington.c: from reference values to a judgement, for both algorithms ---- */
/* Checks what the two have in common. */
int warn__farrington_check(const jd_warn_farrington_params *p, size_t n, jd_err *err);
/* Judges series[n - 1] by the rows of g, whose own time and group are those given. */
void warn__farrington_judge(warn__glm *g, double time, unsigned group, const double *series, size_t n,
                            const jd_warn_farrington_params *p, jd_warn_result *r);

/* ---- level.c ---- */
typedef struct warn__at {
    double target, sigma;
    size_t first; /* index of the first value that is charted */
} warn__at;
int warn__level_check(const jd_warn_level *p, jd_err *err);
/* JUDGED: *at is filled; else why not. Sees to it that the last value is there and all that are used are finite. */
jd_warn_why warn__level(const double *series, size_t n, const jd_warn_level *p, warn__at *at);
#endif
