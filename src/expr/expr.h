/* expr/expr.h - the one expression language (docs/expressions.md): for rules, derived attributes, texts; later guards
 * and masks.
 *
 * jd_expr_compile() checks types and gives an immutable program, which any thread may evaluate. It knows nothing of
 * entities: every name becomes a number that its host resolves when it is evaluated. Fails: JD_E_BAD_REQUEST_DATA, the
 * place is "line L column C" of the text. */
#ifndef JD_EXPR_EXPR_H
#define JD_EXPR_EXPR_H
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "geo/geo.h"

typedef enum jd_xtype {
    JD_X_NULL,
    JD_X_NUM,
    JD_X_TEXT,
    JD_X_BOOL,
    JD_X_DURATION, /* us */
    JD_X_TIME,
    JD_X_PLACE,
    JD_X_NUMS, /* lists */
    JD_X_TEXTS,
    JD_X_ANY /* of names only: whatever it turns out to be; no value has it */
} jd_xtype;
const char *jd_xtype_name(jd_xtype t, int zh);

typedef struct jd_xval {
    jd_xtype type;
    uint32_t n; /* of lists */
    union {
        double num;
        int yes;
        int64_t us;            /* DURATION; TIME: jd_time */
        jd_str text;           /* lives in the evaluation's arena, the program, or the host */
        const jd_shape *place; /* likewise */
        const double *nums;
        const jd_str *texts;
    };
} jd_xval;

/* ---- compiling ---- */
typedef struct jd_xname { /* a name in the text, as the host is asked of it once, when it is compiled */
    jd_str path; /* as written, without blanks: "pm25", "pm25.quality", "`type`" (what stands in backquotes keeps
                    them: an attribute even where the word alone means something else, and its points part
                    nothing); of "refPark->capacity" the part behind the arrow */
    jd_str via;  /* "refPark"; p NULL: none */
    int was;     /* "was.": before the change */
    int window;  /* it is the attribute of a window: only its readings are asked for */
} jd_xname;
/* Cuts the first part off a path: 1 and the part without its backquotes, or 0 at the end. */
int jd_xname_part(jd_str *rest, jd_str *part, int *quoted);
typedef struct jd_xnames {
    void *user;
    /* The host's number for it (0..) and its type (JD_X_ANY: not known before). 0, or -1: *err, without a place. */
    int (*name)(void *user, const jd_xname *name, uint32_t *number, jd_xtype *type, jd_err *err);
    /* Whether its value takes as long as a window's: what decides without it is asked first. NULL: none does. */
    int (*dear)(void *user, uint32_t number);
} jd_xnames;

typedef struct jd_expr jd_expr;
typedef struct jd_xlimits {
    uint32_t bytes_max, nodes_max, depth_max, windows_max; /* 0: 4,096; 500; 50; 16 */
} jd_xlimits;
/* want: the type that it must have (JD_X_ANY: any); a program whose type is not known before fits every want, and a
 * value of another type is nothing. The text is copied. Free with jd_expr_free. limits may be NULL. */
int jd_expr_compile(jd_str text, const jd_xnames *names, jd_xtype want, const jd_xlimits *limits, jd_expr **out,
                    jd_err *err);
void jd_expr_free(jd_expr *x);
jd_xtype jd_expr_type(const jd_expr *x); /* JD_X_ANY: not known before */
jd_str jd_expr_text(const jd_expr *x);
/* Its value changes although nothing that it reads changes: now, age, windows. */
int jd_expr_goes_by_time(const jd_expr *x);
/* It has windows or early warnings in it, or names whose value takes as long. */
int jd_expr_is_dear(const jd_expr *x);
/* The longest window, us, with what it lies back; 0: none. */
int64_t jd_expr_window(const jd_expr *x);

/* ---- evaluating ---- */
typedef struct jd_xreading {
    jd_time at;
    double num; /* NaN: it is no number */
} jd_xreading;
typedef enum jd_xfold { /* what whole chunks can tell without being read one by one */
                        JD_XF_AVG,
                        JD_XF_SUM,
                        JD_XF_LEAST,
                        JD_XF_MOST,
                        JD_XF_COUNT,
                        JD_XF_STDDEV,
                        JD_XFOLDS
} jd_xfold;

typedef struct jd_xhost {
    void *user;
    jd_time now, end;      /* end: of windows; the observedAt of what is judged, or now */
    jd_arena *arena;       /* what values need lives there */
    uint64_t readings_max; /* 0: 100,000 */
    /* Each gives 0, or -1 with *err (the evaluation fails). Absent: JD_X_NULL. */
    int (*value)(void *user, uint32_t number, jd_xval *out, jd_err *err);
    /* Readings with from < at <= to, oldest first, in the arena; before: and the last one at or before `from`. */
    int (*readings)(void *user, uint32_t number, jd_time from, jd_time to, int before, uint64_t max, jd_xreading **out,
                    size_t *n, jd_err *err);
    /* The same folded; NULL: made from readings. No readings: JD_X_NULL (COUNT: 0). */
    int (*fold)(void *user, uint32_t number, jd_time from, jd_time to, jd_xfold how, jd_xval *out, jd_err *err);
    int (*area)(void *user, jd_str id, jd_xval *out, jd_err *err);     /* a place */
    int (*age)(void *user, uint32_t number, jd_time *at, jd_err *err); /* observedAt, else modifiedAt, or NONE */
} jd_xhost;
/* 0: *out (perhaps JD_X_NULL); -1: it could not be evaluated, *err says why. Nothing is kept of the host. */
int jd_expr_eval(const jd_expr *x, const jd_xhost *host, jd_xval *out, jd_err *err);
/* A value as text, as it stands in messages: numbers shortest, times ISO 8601, durations "1h30min". */
void jd_xval_text(const jd_xval *v, jd_buf *out);

/* ---- texts with expressions in braces: "PM2.5 {avg(pm25, 1h)} ug/m3"; "{{" is a brace ---- */
typedef struct jd_xtpl jd_xtpl;
int jd_xtpl_compile(jd_str text, const jd_xnames *names, jd_xtpl **out, jd_err *err);
void jd_xtpl_free(jd_xtpl *t);
/* What is nothing, or cannot be evaluated, is written as an en dash. `{x:1}` writes a number with one digit behind the
 * point. */
void jd_xtpl_write(const jd_xtpl *t, const jd_xhost *host, jd_buf *out);
#endif
