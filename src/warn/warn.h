/* warn/warn.h - early warning: is the newest value of a series above (or, for charts, outside) what its past lets
 * expect?
 *
 * Every function takes the whole series up to the point judged, oldest first and evenly spaced (one value a day, week,
 * month ...), and judges its last value, series[n - 1]. Nothing is kept between calls: the same series and parameters
 * give the same answer. Values are counts of cases in one step of the series, or readings in any one unit; expected
 * value and bounds have that unit.
 *
 * NaN in a series means that the value is missing: nobody reported, which is not zero. A point whose own value is
 * missing is not judged. Missing values of its past are left out where no more than `missing_max` (a share of the
 * values that the method looks back to) are missing; otherwise the point is not judged. EARS C3 and Farrington's limit
 * on recent cases say what they do beside their parameters.
 *
 * Lifetime: series, parameters and result are the caller's; nothing is kept, nothing has to be freed.
 * Threads:  pure functions, no state; any number at once.
 * Fails:    -1 with JD_E_BAD_REQUEST_DATA and the parameter's name as the place, when a parameter is outside the range
 *           stated beside it, or the series longer than JD_WARN_SERIES_MAX; *r is untouched then. What the data do not
 *           allow is no error: the answer is 0 and r->why says why there is no judgement. Memory (Farrington alone, at
 *           most 200 kB, given back before the return) comes from an arena, as everywhere: when there is none the
 *           process ends.
 * Cost:     a step a value; Farrington about a millisecond with the usual parameters, at most some hundred with 32
 * periods and 4096 values.
 *
 * Example:  tests/unit/warn/test_ears.c */
#ifndef JD_WARN_WARN_H
#define JD_WARN_WARN_H
#include "base/err.h"

enum { JD_WARN_SERIES_MAX = 1 << 20 }; /* values of a series; a longer one is refused: hand over its end */

/* name, English text, Chinese text */
#define JD_WARN_WHY_MAP(X)                                                                                   \
    X(JUDGED, "judged", "已判断")                                                                            \
    X(FEW, "judged: too few cases in the last steps for an alarm", "已判断：近期病例数过少，不予报警")       \
    X(SHORT, "the history is too short", "历史数据过短")                                                     \
    X(ABSENT, "the value to be judged is missing", "待判断的值缺失")                                         \
    X(GAPS, "too many values of the history are missing", "历史数据缺失过多")                                \
    X(FLAT, "the baseline does not vary, so the score is not defined", "基线没有变化，统计量无定义")         \
    X(VALUE, "a value is infinite, or a count is negative or too large", "存在无穷大的值，或计数为负或过大") \
    X(FIT, "the model cannot be fitted to the history", "模型无法拟合历史数据")                              \
    X(RANGE, "the numbers are too large to calculate with", "数值过大，无法计算")

typedef enum jd_warn_why { /* the first two: judged, every number of the method is there */
#define X(name, en, zh) JD_WARN_##name,
                           JD_WARN_WHY_MAP(X)
#undef X
                               JD_WARN_WHY_COUNT
} jd_warn_why;
/* Static text. zh: whether in Chinese. */
const char *jd_warn_why_text(jd_warn_why why, int zh);

typedef struct jd_warn_result {
    jd_warn_why why;
    int alarm;        /* 1: `statistic` is above `upper`; -1: below `lower` (charts alone); 0: neither, or not judged */
    double statistic; /* what is held against the bounds: the value itself, or for a chart its statistic */
    double expected;  /* of the statistic while nothing happens */
    double upper;     /* largest statistic that is no alarm. Finite when judged, else NaN, as all four numbers */
    double lower;     /* smallest one; NaN where the method has none */
    double dispersion; /* Farrington: of the fit, at least 1; else NaN */
    int trend;         /* Farrington: whether the fit that was used has a trend */
} jd_warn_result;

/* ---- EARS: a short moving baseline ---- */

/* Hutwagner, Thompson, Seeman, Treadwell: The bioterrorism preparedness and response Early Aberration Reporting System
 * (EARS), J Urban Health 80 (2003), i89-i96; formulas as in Fricker, Hegler, Dunfee, Statistics in Medicine 27 (2008),
 * 3407-3429. */
typedef enum jd_warn_c3 {
    JD_WARN_C3_SURVEILLANCE, /* as the R package surveillance 1.20.3 answers: see ears.c */
    JD_WARN_C3_PAPER         /* as published */
} jd_warn_c3;

typedef struct jd_warn_ears_params {
    int method;         /* 1, 2, 3: C1, C2, C3 */
    unsigned baseline;  /* values the mean is taken of, 3..366 */
    double alpha;       /* chance of an alarm while nothing happens, in (0, 0.5) */
    double sigma_min;   /* the standard deviation counts as at least this; >= 0, unit of the series */
    double missing_max; /* share of the baseline in [0, 0.5]; C3 holds each of its three baselines to it */
    jd_warn_c3 c3;
} jd_warn_ears_params;

/* The usual parameters: baseline 7, alpha 0.001 (C3: 0.025), sigma_min 0, missing_max 0, C3 as surveillance. */
jd_warn_ears_params jd_warn_ears_usual(int method);
/* C3 is made for counts: neither of its forms is of use for readings below 0.
 * Looks at the last baseline + 1 (C1), + 3 (C2), + 5 (C3) values. C3 counts a missing value among the two before the
 * point as one that raises nothing. */
int jd_warn_ears(const double *series, size_t n, const jd_warn_ears_params *p, jd_warn_result *r, jd_err *err);

/* ---- Farrington: the same season of earlier years ---- */

typedef enum jd_warn_bound {
    JD_WARN_BOUND_NONE,       /* normal quantile on counts */
    JD_WARN_BOUND_HALF,       /* on counts to the 1/2: removes what the mean does to the variance */
    JD_WARN_BOUND_TWO_THIRDS, /* on counts to the 2/3: removes the skewness (Farrington et al. 1996, section 3.6) */
    JD_WARN_BOUND_NEGBIN      /* quantile of the negative binomial with the fitted mean and dispersion */
} jd_warn_bound;

typedef struct jd_warn_farrington_params {
    unsigned years;         /* b: years looked back, 1..20 */
    unsigned half_width;    /* w: steps on either side of the same time of a year, 0 .. (per_year - 1) / 2 */
    unsigned per_year;      /* steps of a year: 52, 12, 365 ..., 2..366 */
    double alpha;           /* in (0, 0.5) */
    int trend;              /* whether a linear trend is tried */
    double trend_p;         /* and kept when its p-value is below this, in (0, 1] */
    int reweight;           /* whether unusual values of the past are weighted down, by Anscombe residuals */
    double reweight_above;  /* residual above which they are, > 0 */
    unsigned periods;       /* periods of a year with a level of their own, 1..32; 1: only the windows are used */
    unsigned past_left_out; /* steps right before the point that are not used, so that an outbreak that builds up
                               does not teach the model: 0 .. per_year */
    jd_warn_bound bound;
    double cases_min;     /* no alarm while fewer cases than this ... >= 0 */
    unsigned cases_steps; /* ... were counted in so many last steps, the point among them, 1..366; a missing
                             count adds none */
    double missing_max;   /* share of the reference values in [0, 0.9] */
} jd_warn_farrington_params;

enum { JD_WARN_REFERENCE_MAX = 4096 }; /* values a fit is made of; parameters that ask for more are refused */
#define JD_WARN_COUNT_MAX 1e9          /* a larger count is not judged (JD_WARN_VALUE) */

/* b 5, w 3, alpha 0.01, trend at p < 0.05, reweighting above 1, bound to the 2/3, 5 cases in 4 steps, missing 0.2. */
jd_warn_farrington_params jd_warn_farrington_usual(unsigned per_year);
/* The same with trend at p < 1, reweighting above 2.58, 10 periods, 26 steps left out, negative binomial bound. */
jd_warn_farrington_params jd_warn_flexible_usual(unsigned per_year);

/* Farrington, Andrews, Beale, Catchpole: A statistical algorithm for the early detection of outbreaks of infectious
 * disease, J R Stat Soc A 159 (1996), 547-563. Uses years, half_width, per_year, alpha, trend, trend_p, reweight,
 * reweight_above, bound (not NEGBIN), cases_min, cases_steps, missing_max; periods and past_left_out must be 1 and 0.
 * Needs years * per_year + half_width values before the point. */
int jd_warn_farrington(const double *series, size_t n, const jd_warn_farrington_params *p, jd_warn_result *r,
                       jd_err *err);
/* Noufaily, Enki, Farrington, Garthwaite, Andrews, Charlett: An improved algorithm for outbreak detection in multiple
 * surveillance systems, Statistics in Medicine 32 (2013), 1206-1222. Uses every parameter. */
int jd_warn_flexible(const double *series, size_t n, const jd_warn_farrington_params *p, jd_warn_result *r,
                     jd_err *err);

/* ---- charts ---- */

typedef enum jd_warn_sides { JD_WARN_BOTH, JD_WARN_UPPER, JD_WARN_LOWER } jd_warn_sides;

/* What a chart holds readings against: known values, or those of the first `learn` values of the series, which are then
 * not judged (JD_WARN_SHORT): their mean and standard deviation (over learn - 1). */
typedef struct jd_warn_level {
    double target, sigma; /* used when learn is 0: any finite number; > 0, unit of the series */
    unsigned learn;       /* 0, or 2..JD_WARN_SERIES_MAX */
    double missing_max;   /* share of the learned values in [0, 0.9]; later missing values are passed over, the
                             statistic stays as it is */
} jd_warn_level;

typedef struct jd_warn_ewma_params {
    double lambda; /* weight of the newest value, in (0, 1] */
    double width;  /* L: half the width of the limits in standard deviations of the statistic, > 0 */
    int steady;    /* 1: the limits of a chart that has run for long, from the first value on */
    jd_warn_sides sides;
    jd_warn_level level;
} jd_warn_ewma_params;
jd_warn_ewma_params jd_warn_ewma_usual(void); /* lambda 0.2, L 3, exact limits, both sides, learn 20, missing 0.2 */
/* Exponentially weighted moving average: Roberts, Technometrics 1 (1959), 239-250; limits as in Lucas, Saccucci,
 * Technometrics 32 (1990), 1-12: the statistic is z(i) = lambda x(i) + (1 - lambda) z(i - 1), z(0) the target. */
int jd_warn_ewma(const double *series, size_t n, const jd_warn_ewma_params *p, jd_warn_result *r, jd_err *err);

typedef struct jd_warn_cusum_params {
    double k;     /* allowance in standard deviations, >= 0; half the shift that is to be found */
    double h;     /* decision interval in standard deviations, > 0 */
    double start; /* head start as a share of h in [0, 1): 0.5 is the fast initial response; 0 the plain chart */
    int restart;  /* 1: a sum that gave an alarm begins anew behind it; 0: it goes on */
    jd_warn_sides sides;
    jd_warn_level level;
} jd_warn_cusum_params;
jd_warn_cusum_params jd_warn_cusum_usual(void); /* k 0.5, h 5, no head start, goes on, both, learn 20, missing 0.2 */
/* Tabular cumulative sums: Page, Biometrika 41 (1954), 100-115; head start: Lucas, Crosier, Technometrics 24 (1982),
 * 199-205. Two sums, C+(i) = max(0, x(i) - (target + k sigma) + C+(i - 1)) and its mirror C-; alarm when one is above
 * h sigma. The statistic is C+, or -C- where only that one is asked for or it is the larger one; the bounds are
 * h sigma and -h sigma, expected is 0. */
int jd_warn_cusum(const double *series, size_t n, const jd_warn_cusum_params *p, jd_warn_result *r, jd_err *err);
#endif
