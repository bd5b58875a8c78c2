/* base/regex.h - regular expressions: POSIX extended ones and what PCRE2 knows beyond, searched, not anchored.
 * A pattern is immutable and any thread may run it. Running has limits (100,000 steps, 1 MiB), so that no pattern
 * stalls. */
#ifndef JD_BASE_REGEX_H
#define JD_BASE_REGEX_H
#include "base/err.h"

typedef struct jd_regex jd_regex; /* in the arena, which must outlive it */
/* Of at most max bytes (else JD_E_TOO_COMPLEX_QUERY). JD_E_BAD_REQUEST_DATA: *at is the byte of the pattern at which it
 * is wrong; the error has no place. The pattern is copied. */
int jd_regex_make(jd_arena *a, jd_str pattern, uint32_t max, jd_regex **out, jd_err *err, size_t *at);
void jd_regex_fini(jd_regex *r);                  /* frees what the library holds outside the arena */
int jd_regex_run(const jd_regex *r, jd_str text); /* 1, 0, or -1 when a limit was reached or the text is no UTF-8 */
#endif
