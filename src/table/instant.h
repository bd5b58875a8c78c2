/* table/instant.h - times as tables write them: forms, parts (zones: base/zone.h). All is pure. */
#ifndef JD_TABLE_INSTANT_H
#define JD_TABLE_INSTANT_H
#include "base/clock.h"
#include "base/err.h"
#include "base/zone.h"

/* ---- what a text says ---- */
typedef enum table__unit { /* the finest that was given */
                           TABLE__YEAR,
                           TABLE__MONTH,
                           TABLE__DAY,
                           TABLE__HOUR,
                           TABLE__MINUTE,
                           TABLE__SECOND
} table__unit;
typedef struct table__civil {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1; hour up to 24, second up to 60 */
    int us, digits;                       /* fraction of the second, and how many digits of it were written */
    table__unit unit;
    int has_offset, offset_s; /* seconds east of Greenwich */
} table__civil;
#define TABLE__CIVIL_START ((table__civil){.year = 1970, .month = 1, .day = 1})
/* ISO 8601's calendar forms, from the year alone to a fraction of a second, with 'T' or a blank, with an offset or
 * none.
 */
int table__iso_read(jd_str s, table__civil *c);
/* By a form: %Y %y %m %d %H %I %p %M %S %f %b %z %%, a blank for any blanks, all else as it stands. Numbers need not be
 * padded. 0 or -1. */
int table__form_read(jd_str form, jd_str s, table__civil *c);
/* Is the form sound? It must give a year. */
int table__form_valid(jd_str form, jd_err *err);
/* Microseconds since 1970-01-01 of the wall clock; -1 when there is no such day or time. 24:00:00 is the day's end. */
int table__civil_us(const table__civil *c, int64_t *us);
/* The same one year, month, day or hour on, by c->unit; finer ones stay. */
void table__civil_next(table__civil *c);
/* A whole or decimal number of units since 1970 (us_per_unit), or Excel's days. *digits as the text had them. */
int table__epoch_read(jd_str number, int64_t us_per_unit, jd_time *t, int *digits);
int table__excel_read(jd_str number, int64_t *local_us);
#endif
