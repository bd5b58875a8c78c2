/* link/gb32960_int.h - what the two files of GB/T 32960.3 share: framing and sessions (gb32960.c), the information
 * blocks of commands 02 and 03 (gb32960_blocks.c). */
#ifndef JD_LINK_GB32960_INT_H
#define JD_LINK_GB32960_INT_H
#include "link/fields.h"
#include "link/protocol.h"

/* What the information blocks of a real-time report say. */
typedef struct gb32960__info {
    jd_jval blocks; /* one after the other, as they stand */
    jd_fields row;  /* by name, as mappings read them */
    size_t rest;    /* bytes at the end that could not be read; 0: all were */
    jd_str error;   /* why; rest > 0 */
} gb32960__info;

/* Reads all blocks (7.2.3). Never fails: what cannot be read ends the reading, and a fault of f says why. */
void gb32960__read_info(jd_str bytes, jd_frame *f, jd_arena *a, gb32960__info *out);

/* The next n bytes of what is left to read; NULL: so many are not there. */
static inline const char *gb32960__take(jd_str *left, size_t n) {
    if (left->n < n) return NULL;
    const char *p = left->p;
    left->p += n;
    left->n -= n;
    return p;
}
#endif
