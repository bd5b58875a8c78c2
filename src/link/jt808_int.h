/* link/jt808_int.h - what the files of JT/T 808 share: jt808.c (frames, header, answers), jt808_body.c (messages),
 * jt808_place.c (location and its items), jt808_write.c (frames to the device, commands). */
#ifndef JD_LINK_JT808_INT_H
#define JD_LINK_JT808_INT_H
#include "link/fields.h"
#include "link/protocol.h"

/* What an answer needs of a frame, from decode to reply. */
typedef struct jt808_own {
    uint16_t id, serial;
    unsigned edition;      /* 2011, 2013, 2019 */
    unsigned char version; /* 2019: the protocol version that the header carries */
    jd_str phone;          /* its 6 or 10 bytes, as they came */
    unsigned char result;  /* 8001's result whatever became of it; 0: by the outcome */
    int joined;            /* all parts of a split message */
    int media;             /* 0801 that was read */
    uint32_t media_id;
    jd_str file; /* 1212: the name of a file that is complete */
    unsigned char file_type;
} jt808_own;

typedef struct jt808_reader {
    const jd_link_set *set;
    jd_arena *a;
    jd_frame *out;
    jd_err *err;
    jt808_own *own;
    jd_str id, phone; /* as text */
    jd_list rows;
} jt808_reader;

/* A run of values at fixed places. */
enum { JT808_INT, JT808_TENTHS, JT808_MICRO, JT808_TEXT, JT808_TIME, JT808_SKIP };
typedef struct jt808_part {
    const char *name;
    unsigned char size, how; /* INT, TENTHS, MICRO: 1, 2 or 4 bytes without sign; TIME: 6 */
} jt808_part;
/* p has the bytes of all n parts. */
void jt808__parts(jd_fields *f, const jt808_part *parts, size_t n, const char *p);

/* Six bytes of packed decimal, yymmddhhmmss in UTC+8. 0; -1: no such time, its bytes are put as `name`_hex. */
int jt808__time(jd_fields *f, const char *name, const char *p);
/* A text of fixed size: filling (NUL in front, NUL and blanks behind) falls away. */
void jt808__text(jd_fields *f, const char *name, jd_str s);

enum {
    JT808_PLACE = 28,        /* bytes of a location without items */
    JT808_PLACE_FIELDS = 112 /* fields of one, with the items that most terminals send */
};
/* A location body of at least JT808_PLACE bytes into f; with `row`, also as one of the frame's rows. */
void jt808__place(jt808_reader *r, jd_str s, jd_fields *f, int row, int backlog);

/* The body of a whole message into a member "body" of top. 0; -1: refused, r->err says why. */
int jt808__body(jt808_reader *r, jd_str body, jd_fields *top);

/* The code that 8100 gives to a terminal: the same after our restart. 12 digits and a NUL. */
void jt808__auth_code(jd_str phone, char out[13]);
/* Appends a whole frame. phone: 6 bytes, or 10 for 2019. body: at most 1023 bytes. */
void jt808__frame(jd_buf *out, const jt808_own *to, unsigned id, uint16_t serial, jd_str body);
int jt808__encode(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err);
/* Width of a terminal parameter's number (table of 8103): 1, 2, 4; 0: it is a text. */
unsigned jt808__parameter_width(uint32_t id, unsigned edition);
#endif
