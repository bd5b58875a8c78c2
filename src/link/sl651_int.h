/* link/sl651_int.h - SL 651-2014 between its two files: sl651.c (frames, answers) and sl651_body.c (what is in them).
 */
#ifndef JD_LINK_SL651_INT_H
#define JD_LINK_SL651_INT_H
#include "link/fields.h"
#include "link/protocol.h"

enum { SL651_SERIAL_TIME = 8 }; /* bytes that begin every body */

typedef struct sl651_heading { /* what the answer needs of a frame */
    jd_str station, password;  /* five bytes, two bytes */
    unsigned center, func, start, end;
    int down;
    uint32_t parts; /* of a message in packets */
    int32_t serial; /* -1: not known (yet) */
} sl651_heading;

/* Reads a body into fields, rows and faults of *out, and the serial into *h. 0; -1: refused, *err says why. */
int sl651__body(const jd_link_set *set, jd_arena *a, jd_str bytes, sl651_heading *h, jd_fields *f, jd_frame *out,
                jd_err *err);
/* Ten digits, in capitals as stations with letters in their code (SL 502) are known. */
jd_str sl651__station(jd_arena *a, jd_str five);
/* The code a station is registered under, where it has one. */
void sl651__put_station_code(jd_fields *f, jd_str five);
jd_str sl651__byte(jd_arena *a, unsigned v); /* two hex digits */
#endif
