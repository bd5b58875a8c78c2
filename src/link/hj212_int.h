/* link/hj212_int.h - what the files of HJ 212 share: hj212_frame.c (where a frame is, and its sum), hj212.c (what
 * stands in it, answers, commands). */
#ifndef JD_LINK_HJ212_INT_H
#define JD_LINK_HJ212_INT_H
#include "link/fields.h"
#include "link/protocol.h"

enum { HJ212_FRAME_MAX = 4200 }; /* what loggers send that put everything into one packet */

typedef enum hj212_ending {
    HJ212_NONE,   /* this "##" begins no frame */
    HJ212_MORE,   /* not whole yet */
    HJ212_BROKEN, /* a line end or another beginning comes before its end: n bytes are lost */
    HJ212_WHOLE
} hj212_ending;

typedef struct hj212_cut {
    size_t digits, length; /* of the length, and what it says */
    jd_str seg, crc;
    size_t behind; /* bytes between the CRC and the line end */
    int cr;        /* there is a line end as it should be */
    size_t n;
} hj212_cut;

/* s begins with "##". final: no more bytes will come. Which of *c is filled in, the ending tells. */
hj212_ending hj212__cut(jd_str s, int final, hj212_cut *c);
void hj212__find(const jd_link_set *set, jd_str bytes, jd_found *out);

uint16_t hj212__crc(jd_str s);       /* annex A, over a segment */
unsigned hj212__hex_value(jd_str s); /* of hex digits */
int hj212__hex(char c);              /* -1: no hex digit */
int hj212__is_filling(char c);       /* it may stand between frames */
static inline int hj212__is_digit(char c) {
    return c >= '0' && c <= '9';
}
#endif
