/* table/decimal.h - numbers as tables write them, kept as text; exact decimal arithmetic where a mapping asks for it.
 */
#ifndef JD_TABLE_DECIMAL_H
#define JD_TABLE_DECIMAL_H
#include "base/arena.h"

/* The number as JSON writes it. What JSON takes as it is comes back as it is, byte for byte; else a leading '+', zeros
 * before the first digit and a bare point are mended ("+.50" -> "0.50", "7." -> "7"), the decimal mark becomes '.', and
 * thousands marks (which must part groups of three) go. 0, or -1: no number. */
int table__number(jd_str s, char point, jd_str thousands, jd_arena *a, jd_str *out);

typedef struct table__dec { /* m / 10^scale */
    __int128 m;
    int scale;
} table__dec;
int table__dec_read(jd_str json_number, table__dec *out); /* -1: more than 36 digits, or too large a power */
/* s * factor + offset, exactly; the text has no zeros at the end of its fraction. -1 as above. */
int table__dec_apply(jd_str s, const table__dec *factor, const table__dec *offset, jd_arena *a, jd_str *out);
double table__double(jd_str json_number); /* correctly rounded */
#endif
