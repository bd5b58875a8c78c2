/* base/number.h - a double as text. */
#ifndef JD_BASE_NUMBER_H
#define JD_BASE_NUMBER_H
#include <stddef.h>

enum { JD_NUMBER_TEXT_MAX = 32 };
/* The fewest digits that read back as the same double: "0.1", "-3", "1e+300". It must be finite. Returns the length; a
 * 0 follows. */
size_t jd_number_print(double v, char out[JD_NUMBER_TEXT_MAX]);
#endif
