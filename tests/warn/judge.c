/* Judges points of series as it is told on its standard input, so that tests in another language can hold the room warn
 * against something. A line is a question:
 *
 *   METHOD [NAME=NUMBER]... / FROM TO / VALUE...
 *
 * METHOD is ears1, ears2, ears3, farrington, flexible, ewma or cusum; names are those of the parameters in warn/warn.h,
 * the others are the usual ones (per_year goes first); a missing value is nan; FROM and TO count from 1. The answer is
 * a line "INDEX WHY ALARM STATISTIC EXPECTED UPPER LOWER DISPERSION TREND" a point, or "error PLACE TEXT". */
#include "warn/warn.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef union any {
    jd_warn_ears_params ears;
    jd_warn_farrington_params farrington;
    jd_warn_ewma_params ewma;
    jd_warn_cusum_params cusum;
} any;

typedef struct member {
    const char *name;
    size_t at;
    char type; /* d: double, u: unsigned or enum, which are as long */
} member;

#define EARS(name, type) \
    { #name, offsetof(jd_warn_ears_params, name), type }
#define FARR(name, type) \
    { #name, offsetof(jd_warn_farrington_params, name), type }
#define EWMA(name, type) \
    { #name, offsetof(jd_warn_ewma_params, name), type }
#define CUSUM(name, type) \
    { #name, offsetof(jd_warn_cusum_params, name), type }
static const member ears[] = {EARS(baseline, 'u'),    EARS(alpha, 'd'), EARS(sigma_min, 'd'),
                              EARS(missing_max, 'd'), EARS(c3, 'u'),    {NULL, 0, 0}};
static const member farr[] = {FARR(years, 'u'),         FARR(half_width, 'u'),  FARR(per_year, 'u'),
                              FARR(alpha, 'd'),         FARR(trend, 'u'),       FARR(trend_p, 'd'),
                              FARR(reweight, 'u'),      FARR(periods, 'u'),     FARR(reweight_above, 'd'),
                              FARR(past_left_out, 'u'), FARR(bound, 'u'),       FARR(cases_min, 'd'),
                              FARR(cases_steps, 'u'),   FARR(missing_max, 'd'), {NULL, 0, 0}};
static const member ewma[] = {EWMA(lambda, 'd'),
                              EWMA(width, 'd'),
                              EWMA(steady, 'u'),
                              EWMA(sides, 'u'),
                              EWMA(level.target, 'd'),
                              EWMA(level.sigma, 'd'),
                              EWMA(level.learn, 'u'),
                              EWMA(level.missing_max, 'd'),
                              {NULL, 0, 0}};
static const member cusum[] = {CUSUM(k, 'd'),
                               CUSUM(h, 'd'),
                               CUSUM(start, 'd'),
                               CUSUM(restart, 'u'),
                               CUSUM(sides, 'u'),
                               CUSUM(level.target, 'd'),
                               CUSUM(level.sigma, 'd'),
                               CUSUM(level.learn, 'u'),
                               CUSUM(level.missing_max, 'd'),
                               {NULL, 0, 0}};

static void die(const char *what, const char *which) {
    fprintf(stderr, "judge: %s \"%s\"\n", what, which);
    exit(2);
}

static const member *begin(const char *method, any *p) {
    if (!strncmp(method, "ears", 4)) return p->ears = jd_warn_ears_usual(atoi(method + 4)), ears;
    if (!strcmp(method, "farrington")) return p->farrington = jd_warn_farrington_usual(52), farr;
    if (!strcmp(method, "flexible")) return p->farrington = jd_warn_flexible_usual(52), farr;
    if (!strcmp(method, "ewma")) return p->ewma = jd_warn_ewma_usual(), ewma;
    if (!strcmp(method, "cusum")) return p->cusum = jd_warn_cusum_usual(), cusum;
    die("no method", method);
    return NULL;
}

static void set(any *p, const member *m, char *word) {
    char *value = strchr(word, '=');
    if (!value) die("no value in", word);
    *value++ = 0;
    while (m->name && strcmp(m->name, word)) m++;
    if (!m->name) die("no parameter", word);
    double d = strtod(value, NULL);
    unsigned u = (unsigned)d;
    if (m->type == 'd')
        memcpy((char *)p + m->at, &d, sizeof d);
    else
        memcpy((char *)p + m->at, &u, sizeof u);
}

static int judge(const char *method, const double *series, size_t n, const any *p, jd_warn_result *r, jd_err *err) {
    if (method[0] == 'c') return jd_warn_cusum(series, n, &p->cusum, r, err);
    if (!strcmp(method, "ewma")) return jd_warn_ewma(series, n, &p->ewma, r, err);
    if (!strcmp(method, "farrington")) return jd_warn_farrington(series, n, &p->farrington, r, err);
    if (!strcmp(method, "flexible")) return jd_warn_flexible(series, n, &p->farrington, r, err);
    return jd_warn_ears(series, n, &p->ears, r, err);
}

static const char *why_name(jd_warn_why why) {
#define X(name, en, zh) #name,
    static const char *const names[] = {JD_WARN_WHY_MAP(X)};
#undef X
    return names[why];
}

static void answer(char *line) {
    char *save, *method = strtok_r(line, " \n", &save), *word;
    any p;
    memset(&p, 0, sizeof p);
    const member *members = begin(method, &p);
    while ((word = strtok_r(NULL, " \n", &save)) && strcmp(word, "/")) set(&p, members, word);
    char *from = strtok_r(NULL, " \n", &save), *to = strtok_r(NULL, " \n", &save);
    if (!to || !(word = strtok_r(NULL, " \n", &save)) || strcmp(word, "/")) die("no FROM TO / in a line of", method);
    size_t n = 0, first = strtoul(from, NULL, 10), last = strtoul(to, NULL, 10), room = 0;
    double *series = NULL;
    while ((word = strtok_r(NULL, " \n", &save))) {
        if (n == room) series = jd_xrealloc(series, sizeof *series * (room = room ? 2 * room : 256));
        series[n++] = strtod(word, NULL);
    }
    if (last > n) die("fewer values than TO says:", to);
    for (size_t i = first; i <= last; i++) {
        jd_warn_result r;
        jd_err err;
        /* Memory of exactly the length given: a sanitizer then sees a look at what comes behind the point. */
        double *known = jd_xmalloc(i ? i * sizeof *known : 1);
        if (i) memcpy(known, series, i * sizeof *known);
        if (judge(method, known, i, &p, &r, &err))
            printf("error %s %s\n", err.place, err.en);
        else
            printf("%zu %s %d %.17g %.17g %.17g %.17g %.17g %d\n", i, why_name(r.why), r.alarm, r.statistic, r.expected,
                   r.upper, r.lower, r.dispersion, r.trend);
        free(known);
    }
    free(series);
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) answer(line);
    free(line);
    return 0;
}
