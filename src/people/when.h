/* people/when.h - local time, windows of the week, duty, and how often one may be told: arithmetic on values, no state.
 * Wall clock times are minutes of a local day; a window whose end is not behind its start goes over midnight, and
 * belongs to the day on which it begins. */
#ifndef JD_PEOPLE_WHEN_H
#define JD_PEOPLE_WHEN_H
#include "base/clock.h"
#include "base/err.h"
#include "base/zone.h"

enum { WHEN_DAY_MIN = 1440, WHEN_WEEK_MIN = 7 * 1440, WHEN_MINUTE_US = 60000000 };
#define WHEN_HOUR_US INT64_C(3600000000)

typedef struct when_local {
    int64_t day; /* since 1970-01-01 */
    int minute;  /* of the day */
    int weekday; /* 0: Monday */
} when_local;
when_local when_of(const jd_zone *z, jd_time t);
/* The instant at which the wall clock shows that minute; one that is skipped: the one that it would have been. */
jd_time when_instant(const jd_zone *z, int64_t day, int minute);

typedef struct when_window {
    unsigned days; /* bit per weekday; with `dated` 0 */
    int64_t date;  /* only on that day */
    int dated;
    int from, to; /* 0..1439, 1..1440 */
} when_window;
int when_in(const when_window *w, when_local at);
/* -1: the text is no "hh:mm"; "24:00" is 1440. */
int when_minute(jd_str text);
/* "mon" ... "sun": its number, else -1. */
int when_weekday(jd_str text);
/* YYYY-MM-DD -> days since 1970-01-01; -1: it is none. */
int when_date(jd_str text, int64_t *day);
/* Do the windows leave no minute of the week? */
int when_always(const when_window *w, size_t n);
/* The first instant from t on that lies in none of the windows. */
jd_time when_quiet_until(const jd_zone *z, const when_window *w, size_t n, jd_time t);
/* The first of the windows that t lies in, else -1. */
int when_first(const jd_zone *z, const when_window *w, size_t n, jd_time t);
/* Until when it stays so, looked for over `days`. JD_TIME_NONE: longer. */
jd_time when_changes(const jd_zone *z, const when_window *w, size_t n, jd_time t, int days);

/* How often one person may be told: a bucket of `burst` that fills at per_hour - burst an hour, so that no hour ever
 * has more than per_hour. The last of the bucket is kept for red. */
typedef struct when_pace {
    uint32_t per_hour, burst;
} when_pace;
/* sends: in order, those of the last hour at the least. Returns how many more may go now. */
uint32_t when_may(const when_pace *p, const jd_time *sends, size_t n, jd_time now, int red);
/* When at least one may go (now: at once). */
jd_time when_next(const when_pace *p, const jd_time *sends, size_t n, jd_time now, int red);
#endif
