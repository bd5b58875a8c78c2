/* json/json.h - RFC 8259 text to a value tree in an arena, and back.
 * Strict: UTF-8 checked, no duplicate member names, numbers kept exactly as written, depth and size limited.
 * Lifetime: a tree lives as long as its arena AND the input text (strings without escapes point into the input).
 * Threads:  none of its own.   Fails: JD_E_INVALID_REQUEST with line, column and byte in the detail and place. */
#ifndef JD_JSON_JSON_H
#define JD_JSON_JSON_H
#include "base/buf.h"
#include "base/err.h"

typedef enum jd_jtype {
    JD_JNULL,
    JD_JFALSE,
    JD_JTRUE,
    JD_JNUM,
    JD_JSTR,
    JD_JARR,
    JD_JOBJ,
    JD_JDEC /* a number that never was a text; the parser gives none, whoever makes values by hand may */
} jd_jtype;

typedef struct jd_jval {
    jd_jtype type;
    uint32_t n; /* elements, members; bytes of a string or number; JD_JDEC: digits behind the point, at most 17 */
    union {
        const char *s;              /* JD_JSTR: decoded UTF-8; JD_JNUM: the text as written */
        struct jd_jval *items;      /* JD_JARR */
        struct jd_jmember *members; /* JD_JOBJ, in the order written */
        int64_t dec;                /* JD_JDEC: the number times 10^n */
    };
} jd_jval;

typedef struct jd_jmember {
    jd_str name;
    jd_jval val;
} jd_jmember;

typedef struct jd_jlimits {
    uint32_t depth_max;  /* nesting; 0: 64 */
    uint32_t values_max; /* values in one text; 0: 10 million */
} jd_jlimits;

/* Parses the whole text (white space around it allowed). limits may be NULL. Returns 0 or -1. */
int jd_json_parse(jd_arena *a, jd_str text, const jd_jlimits *limits, jd_jval *out, jd_err *err);

static inline jd_str jd_jstr(const jd_jval *v) { /* of JD_JSTR or JD_JNUM */
    return (jd_str){v->s, v->n};
}
static inline int jd_jis_num(const jd_jval *v) {
    return v->type == JD_JNUM || v->type == JD_JDEC;
}
static inline int jd_jis(const jd_jval *v, const char *z) { /* is the string z? */
    return v->type == JD_JSTR && jd_str_is(jd_jstr(v), z);
}
/* Member by name, or NULL (also when v is not an object). */
const jd_jval *jd_jget(const jd_jval *v, const char *name);
const jd_jval *jd_jget_str(const jd_jval *v, jd_str name);
/* Equal as JSON values: member order free, numbers by numeric value where both are finite doubles or equal texts. */
int jd_jequal(const jd_jval *a, const jd_jval *b);
double jd_jnum(const jd_jval *v); /* of JD_JNUM or JD_JDEC; correctly rounded, may be inf */
/* dec / 10^scale as a text that keeps all its digits ("12.50", "0.05", "-3"); returns its length. scale: 0..17. */
enum { JD_DECIMAL_MAX = 32 };
size_t jd_decimal_print(int64_t dec, unsigned scale, char out[JD_DECIMAL_MAX]);

/* ---- where something stands in a text that was parsed (place.c) ---- */
/* Line and column, both from 1, columns in characters; 1:1 when `at` is not in the text (its end is). */
void jd_jplace(jd_str text, const char *at, unsigned *line, unsigned *column);
typedef struct jd_jstep { /* one step down from the root: NULL is the root itself */
    const struct jd_jstep *up;
    jd_str name; /* of a member; p NULL: an element of an array */
    uint32_t i;  /* which member or element, from 0 */
} jd_jstep;
/* The bytes of the value at the path, which must be there. *name (may be NULL): at its name's quote, or the value. */
jd_str jd_jspan(jd_str text, const jd_jstep *path, const char **name);
/* The place of the member (its name), the element or the root. */
void jd_jplace_of(jd_str text, const jd_jstep *path, unsigned *line, unsigned *column);
/* In the span of a string: where the character at a line and column of what it says is written (or its end). */
const char *jd_jspan_char(jd_str span, unsigned line, unsigned column);
/* A path as it is written in messages, "levels[0].when", as steps in the arena: as far down as there is something. */
const jd_jstep *jd_jsteps(jd_arena *a, const jd_jval *root, jd_str path);
void jd_jpath_write(jd_buf *b, const jd_jstep *path);

/* Constructors for trees built by hand; strings are not copied. */
jd_jval jd_jmake_str(jd_str s);
jd_jval jd_jmake_bool(int on);
jd_jval jd_jmake_null(void);
static inline jd_jval jd_jmake_dec(int64_t dec, unsigned scale) { /* dec / 10^scale */
    return (jd_jval){.type = JD_JDEC, .n = scale, .dec = dec};
}

/* Offset of the first byte that does not belong to well-formed UTF-8 (RFC 3629), or n. */
size_t jd_utf8_bad(const char *s, size_t n);

/* Printing: compact, UTF-8 as is, only what must be escaped is. */
void jd_json_write(jd_buf *b, const jd_jval *v);
void jd_json_write_str(jd_buf *b, jd_str s); /* with the quotes */
/* The writers below put no commas; they are for hand-made text around values. */
void jd_json_write_key(jd_buf *b, jd_str name); /* "name": */
#endif
