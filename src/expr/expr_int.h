/* expr/expr_int.h - what the files of this room share; nobody else includes it.
 *
 *   lex.c      bytes -> tokens                 parse.c    tokens -> a tree, types held to on the way
 *   types.c    which types go together         call.c     what stands before a parenthesis: functions, windows
 *   eval.c     a tree -> its value             func*.c    functions: the table of them, and what they do
 *   window.c   windows over readings           value.c    values as text
 *   template.c texts with expressions */
#ifndef JD_EXPR_INT_H
#define JD_EXPR_INT_H
#include "base/regex.h"
#include "base/zone.h"
#include "expr/expr.h"

/* What texts that an evaluation makes may have in all, bytes: joining doubles quickly where names stand for
 * expressions. */
enum { EXPR__TEXT_MAX = 65536, EXPR__ARGS_MAX = 6, EXPR__TREE_MAX = 2000 };
#define EXPR__ZONE "Asia/Shanghai"
/* Times that have a text: the years 0000 to 9999. Durations: no longer than that. */
#define EXPR__TIME_LEAST INT64_C(-62167219200000000)
#define EXPR__TIME_MOST INT64_C(253402300799999999)
#define EXPR__SPAN_MOST (EXPR__TIME_MOST - EXPR__TIME_LEAST)

typedef enum expr__op {
    EXPR__CONST,
    EXPR__NAME,
    EXPR__NOW,
    EXPR__NEG,
    EXPR__NOT,
    EXPR__AND,
    EXPR__OR,
    EXPR__ELSE, /* ?? */
    EXPR__COND,
    EXPR__EQ,
    EXPR__NE,
    EXPR__LT,
    EXPR__LE,
    EXPR__GT,
    EXPR__GE,
    EXPR__IN,
    EXPR__ADD,
    EXPR__SUB,
    EXPR__MUL,
    EXPR__DIV,
    EXPR__MOD,
    EXPR__KNOWN,
    EXPR__LEAST,
    EXPR__MOST,
    EXPR__CALL,
    EXPR__AGE,
    EXPR__WINDOW,
    EXPR__EARLY
} expr__op;

typedef struct expr__run {
    const jd_xhost *host; /* while constants are folded: one that has only an arena */
    jd_err *err;
    uint64_t readings_left, readings_max;
    size_t text_left;
} expr__run;

typedef struct expr__node expr__node;
struct expr__func;

typedef enum expr__how { /* windows; the first six are jd_xfold */
                         EXPR__W_AVG,
                         EXPR__W_SUM,
                         EXPR__W_LEAST,
                         EXPR__W_MOST,
                         EXPR__W_COUNT,
                         EXPR__W_STDDEV,
                         EXPR__W_FIRST,
                         EXPR__W_LAST,
                         EXPR__W_DELTA,
                         EXPR__W_RATE,
                         EXPR__W_INTEGRAL,
                         EXPR__W_SHARE,
                         EXPR__W_HELD,
                         EXPR__W_MISSING,
                         EXPR__W_PERCENTILE
} expr__how;

typedef enum expr__warn { EXPR__C1, EXPR__C2, EXPR__C3, EXPR__FARRINGTON, EXPR__EWMA, EXPR__CUSUM } expr__warn;

typedef struct expr__span { /* what a window or a series of steps looks at */
    uint8_t how;            /* expr__how, expr__warn */
    uint8_t sum;            /* of each step the sum, not the mean */
    uint32_t steps;         /* of early warnings */
    int64_t us, ago;        /* the window, or one step */
    double p[3];            /* early warnings' parameters, in the order of the arguments */
} expr__span;

struct expr__node {
    uint8_t op, type; /* jd_xtype; JD_X_ANY: not known before */
    uint8_t hold;     /* JD_X_NULL: none. Else a value of another type is nothing */
    uint8_t closed;   /* stood in parentheses */
    uint8_t dear;     /* jd_expr_is_dear */
    uint16_t n, depth;
    uint32_t at;     /* byte of the text */
    uint32_t number; /* of a name, the host's */
    expr__node **args;
    union {
        jd_xval val; /* CONST */
        expr__span *span;
        struct {
            const struct expr__func *func;
            const void *ready; /* what func made of its constants: a pattern, a zone, a shape's query */
        };
    };
};

/* Things outside the arena that a program holds. */
typedef struct expr__held {
    struct expr__held *next;
    jd_regex *regex;
    jd_zone *zone;
    jd_geoq *geoq;
} expr__held;

struct jd_expr {
    jd_arena arena;
    jd_str text;
    expr__node *root;
    expr__held *held;
    int by_time;
    int64_t window;
};

/* ---- lex.c ---- */
typedef enum expr__tok {
    EXPR__T_END,
    EXPR__T_NUM,
    EXPR__T_DURATION,
    EXPR__T_TEXT,
    EXPR__T_NAME,
    EXPR__T_QUOTED, /* in backquotes */
    EXPR__T_MARK    /* operators and brackets */
} expr__tok;

typedef struct expr__parser {
    jd_str text; /* all of it: places are counted from its beginning */
    size_t at;   /* behind the token */
    struct {
        expr__tok is;
        uint32_t from; /* byte where it begins */
        jd_str s;      /* as written; of T_TEXT what it says; of T_QUOTED without its quotes */
        double num;
        int64_t us;
    } tok;
    jd_expr *x;
    const jd_xnames *names;
    jd_err *err;
    jd_xlimits limits;
    uint32_t nodes, depth, windows;
    int braces; /* in a template: the brace ends it */
} expr__parser;

/* Reads the next token. -1: *err. */
int expr__next(expr__parser *p);
int expr__is(const expr__parser *p, const char *mark); /* a T_MARK or word */
/* Takes the mark, or says that it was expected. */
int expr__want(expr__parser *p, const char *mark);
/* Fails at a byte of the text; the formats are those of jd_fail. */
#define EXPR__FAIL(p, at, ...) (jd_fail((p)->err, JD_E_BAD_REQUEST_DATA, __VA_ARGS__), expr__place((p), (at)))
int expr__place(const expr__parser *p, uint32_t at);
/* "expected WHAT, found ..." at the token. */
int expr__expected(expr__parser *p, const char *en, const char *zh);
/* At most so many bytes, and UTF-8. */
int expr__text_ok(jd_str text, uint32_t most, jd_err *err);
void expr__line_column(jd_str text, size_t at, unsigned *line, unsigned *column);
size_t expr__put_utf8(char *to, uint32_t c); /* 1..4 bytes */

/* ---- parse.c ---- */
/* All of an expression, up to the end or, in braces, to what ends it there. NULL: *err. */
expr__node *expr__parse(expr__parser *p);
/* p->at behind the text's part that was read. want as in jd_expr_compile. */
int expr__compile(expr__parser *p, jd_xtype want, jd_expr **out);
expr__node *expr__node_new(expr__parser *p, expr__op op, jd_xtype type, uint32_t at, expr__node *const *args, size_t n);
/* The node, or the constant that it is when all its arguments are constants. NULL: *err. */
expr__node *expr__fold(expr__parser *p, expr__node *n);
expr__node *expr__const(expr__parser *p, uint32_t at, jd_xval v);
/* The name at the token, which is taken; its number and type from the host. */
int expr__name(expr__parser *p, int window, uint32_t *number, jd_xtype *type);
expr__held *expr__hold_new(expr__parser *p);

/* ---- call.c ---- */
/* The token behind the name is "(". */
expr__node *expr__call(expr__parser *p, jd_str name, uint32_t at);

/* ---- types.c ---- */
/* It must be of that type: 0, or -1 with *err. What is not known before is held to it when it is evaluated. */
int expr__fit(expr__parser *p, expr__node *n, jd_xtype type);
/* The one type that both have, JD_X_ANY when neither is known. -1: *err at `at`. */
int expr__unify(expr__parser *p, uint32_t at, expr__node *a, expr__node *b, jd_xtype *type);
/* Of an operator with two arguments; the result's type. */
int expr__binary(expr__parser *p, expr__op op, uint32_t at, const char *sign, expr__node *a, expr__node *b,
                 jd_xtype *type);

/* ---- eval.c ---- */
int expr__eval(expr__run *r, const expr__node *n, jd_xval *out);
static inline jd_xval expr__null(void) {
    return (jd_xval){.type = JD_X_NULL};
}
static inline jd_xval expr__num(double v) {
    return __builtin_isfinite(v) ? (jd_xval){.type = JD_X_NUM, .num = v} : expr__null();
}
static inline jd_xval expr__bool(int yes) {
    return (jd_xval){.type = JD_X_BOOL, .yes = yes != 0};
}
static inline jd_xval expr__text(jd_str s) {
    return (jd_xval){.type = JD_X_TEXT, .text = s};
}
static inline jd_xval expr__time(int64_t us) {
    return us < EXPR__TIME_LEAST || us > EXPR__TIME_MOST ? expr__null() : (jd_xval){.type = JD_X_TIME, .us = us};
}
static inline jd_xval expr__duration(int64_t us) {
    return us < -EXPR__SPAN_MOST || us > EXPR__SPAN_MOST ? expr__null() : (jd_xval){.type = JD_X_DURATION, .us = us};
}
/* Bytes for a text that is made; NULL: *err, too many in all. */
char *expr__room(expr__run *r, size_t n);
int expr__count_text(expr__run *r, size_t n);

/* ---- func.c ---- */
typedef struct expr__func {
    const char *name;
    /* One letter an argument: n number, s text, d duration, t time, p place, N list of numbers, L list of either,
     * k number or text, * anything; capital S: a text that must be a constant. ? before those that may be absent. */
    const char *takes;
    jd_xtype gives;
    /* None of args is nothing. */
    int (*run)(expr__run *r, const expr__node *n, const jd_xval *args, jd_xval *out);
    /* Looks at constants, fills n->ready; may be NULL. -1: *err. */
    int (*prepare)(expr__parser *p, expr__node *n);
    int impure; /* asks the host: never folded */
} expr__func;
const expr__func *expr__func_of(jd_str name);
extern const expr__func expr__number_funcs[], expr__text_funcs[], expr__time_funcs[], expr__place_funcs[];
static inline int expr__is_const(const expr__node *n) {
    return n->op == EXPR__CONST;
}

/* ---- window.c, early.c ---- */
/* Fills s->steps; refuses parameters that src/warn does not take, at p->tok or the byte `at`. */
int expr__early_ready(expr__parser *p, uint32_t at, const char *name, expr__span *s);
int expr__window(expr__run *r, const expr__node *n, jd_xval *out);
int expr__early(expr__run *r, const expr__node *n, jd_xval *out);
/* Readings of the window, within what the evaluation may still read. */
int expr__readings(expr__run *r, uint32_t number, jd_time from, jd_time to, int before, jd_xreading **out, size_t *n);

/* ---- value.c ---- */
void expr__digits(double v, int digits, jd_buf *out); /* so many behind the point */
#endif
