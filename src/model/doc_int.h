/* model/doc_int.h - tags and head bits of the document form; for doc*.c, doc_check.c and render.c alone (see doc.h). */
#ifndef JD_MODEL_DOC_INT_H
#define JD_MODEL_DOC_INT_H
#include "model/doc.h"

enum {
    JD_T_NULL = 0,
    JD_T_TRUE = 1,
    JD_T_FALSE = 2,
    JD_T_DEC = 3,
    JD_T_NUMTEXT = 4,
    JD_T_STR = 5,
    JD_T_ARR = 6,
    JD_T_OBJ = 7,
    JD_T_TIME = 8,
    JD_T_SYM = 9,
    JD_T_HOLE = 10, /* in skeletons alone: a number was here */
    JD_T_SMALLINT = 0x40,
    JD_T_SHORTSTR = 0x80
};
enum {
    JD_DOC_FORMAT = 1,
    JD_D_SCOPES = 1,
    JD_D_EXPIRES = 2,
    JD_D_ATTREXPIRES = 4,
    JD_D_ALL = 7 | JD_D_HIDDEN | JD_D_RESCOPED
};
enum { /* head of an attribute, above the kind */
       JD_A_DATASET = 0x10,
       JD_A_OBSERVED = 0x20,
       JD_A_UNIT = 0x40,
       JD_A_CREATED = 0x80,
       JD_A_MODIFIED = 0x100,
       JD_A_OBJECTTYPE = 0x200,
       JD_A_VALUETYPE = 0x400,
       JD_A_SUBS = 0x800,
       JD_A_EXPIRES = 0x1000,
       JD_A_ALL = 0x1ff0
};
enum { JD_DOC_DEPTH_MAX = 80 };

static inline jd_str jd_bytes_str(const unsigned char **p, const unsigned char *end) {
    uint64_t n = jd_varint_get(p, end);
    if (!*p || n > (uint64_t)(end - *p)) {
        *p = NULL;
        return (jd_str){NULL, 0};
    }
    jd_str s = {(const char *)*p, (size_t)n};
    *p += n;
    return s;
}
static inline void jd_put_str(jd_buf *b, jd_str s) {
    jd_buf_varint(b, s.n);
    jd_buf_str(b, s);
}
/* As jd_attr_encode; *stamp: bytes from behind the record's head to where its createdAt and modifiedAt go. */
int jd_attr_encode_open(const jd_attr *a, jd_time entity_created, jd_symtab *symbols, jd_buf *out, size_t *stamp,
                        jd_err *err);
/* Moves the bytes written since `from` back to make room for their length, which then leads them. */
void jd_lead_with_length(jd_buf *b, size_t from);
static const int64_t JD_DECIMAL_END = INT64_C(1000000000000000000); /* what has 18 digits lies below */
static inline int jd_is_decimal(int64_t m) {                        /* what is larger is kept as text */
    return m > -JD_DECIMAL_END && m < JD_DECIMAL_END;
}
/* A number that jd_is_decimal; at most JD_VARINT_MAX + 2 bytes. */
static inline char *jd_put_decimal(char *to, int64_t m, unsigned scale) {
    if (scale == 0 && m >= 0 && m < 64) {
        *to++ = (char)(JD_T_SMALLINT + m);
        return to;
    }
    *to++ = JD_T_DEC;
    *to++ = (char)scale;
    return jd_varint_put(to, jd_zigzag(m));
}
const unsigned char *jd_node_skip(const unsigned char *p, const unsigned char *end);
#endif
