#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t jd_number_print(double v, char out[JD_NUMBER_TEXT_MAX]) {
    /* With 15 digits a decimal of so many comes back as it was, but not below the least normal number. Whole numbers
     * are written out as long as doubles tell them apart. */
    if (v == 0) v = 0;
    if (fabs(v) < 9007199254740992.0 && v == floor(v))
        return (size_t)snprintf(out, JD_NUMBER_TEXT_MAX, "%lld", (long long)v);
    int n = 0;
    for (int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; digits <= 17; digits++) {
        n = snprintf(out, JD_NUMBER_TEXT_MAX, "%.*g", digits, v);
        if (strtod(out, NULL) == v) break;
    }
    return (size_t)n;
}
