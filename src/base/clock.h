/* base/clock.h - time as microseconds since 1970-01-01T00:00:00Z, and its ISO 8601 text.
 * GS CIM 009 clause 4.6.3: DateTime, Date and Time are UTC texts; a DateTime ends in Z. */
#ifndef JD_BASE_CLOCK_H
#define JD_BASE_CLOCK_H
#include "base/arena.h"

typedef int64_t jd_time; /* microseconds since the epoch, UTC */
#define JD_TIME_NONE INT64_MIN

jd_time jd_now(void);      /* wall clock */
uint64_t jd_mono_ns(void); /* monotonic, for durations */
/* Strictly YYYY-MM-DDThh:mm:ss[.|,f...]Z with a real calendar day; up to 6 digits of fraction are kept, more are
 * accepted and cut. Returns 0, or -1 when the text is no DateTime. *digits (may be NULL): digits of fraction seen. */
int jd_time_parse(jd_str s, jd_time *t, int *digits);
enum { JD_TIME_TEXT_MAX = 32 };
/* Writes the DateTime with `digits` (0..6) digits of fraction and returns its length; -1: as few as are exact, of 0,
 * 3, 6. */
size_t jd_time_print(jd_time t, int digits, char out[JD_TIME_TEXT_MAX]);
int jd_date_valid(jd_str s);      /* YYYY-MM-DD */
int jd_timeofday_valid(jd_str s); /* hh:mm:ss[.f]Z */
#endif
