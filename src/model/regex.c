/* idPattern: a pattern of base/regex.h, with the place of what is wrong in it. */
#include "model/q_int.h"

enum { LENGTH_MAX = 1000 };

int jd_regex_compile(jd_arena *a, jd_str pattern, jd_regex **out, jd_err *err) {
    size_t at;
    if (jd_regex_make(a, pattern, LENGTH_MAX, out, err, &at) == 0) return 0;
    unsigned column = 1;
    for (size_t i = 0; i < at; i++) column += ((unsigned char)pattern.p[i] & 0xC0) != 0x80;
    return jd_fail_at(err, "idPattern, column %u", column);
}

int jd_regex_test(const jd_regex *r, jd_str text) {
    return jd_regex_run(r, text) == 1;
}
