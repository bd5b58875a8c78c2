/* What the tests of the room share. */
#ifndef WARN_TEST_H
#define WARN_TEST_H
#include "warn/warn_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static inline void must_near(double have, double want, double within) {
    if (!(fabs(have - want) <= within)) fail_msg("%.17g instead of %.17g", have, want);
}

/* Not judged: that reason, and no number. */
static inline void must_not_judge(const jd_warn_result *r, jd_warn_why why) {
    if (r->why != why) fail_msg("\"%s\" instead of \"%s\"", jd_warn_why_text(r->why, 0), jd_warn_why_text(why, 0));
    assert_int_equal(r->alarm, 0);
    assert_true(isnan(r->statistic) && isnan(r->expected) && isnan(r->upper) && isnan(r->lower));
}

/* A refused parameter is named, in both languages, and the result is as it was. */
static inline void must_refuse(int rc, const jd_err *err, const jd_warn_result *r, const char *name) {
    if (rc != -1) fail_msg("%s was taken", name);
    assert_int_equal(err->code, JD_E_BAD_REQUEST_DATA);
    assert_string_equal(err->place, name);
    assert_non_null(strstr(err->en, name));
    assert_true(err->zh[0] != 0 && strcmp(err->zh, err->en) != 0);
    assert_int_equal(r->alarm, 77);
}

/* A number in [0, 1) that depends on *state alone. */
static inline double must_random(unsigned *state) {
    *state = *state * 1103515245u + 12345u;
    return (double)(*state >> 8) / 16777216.0;
}
#endif
