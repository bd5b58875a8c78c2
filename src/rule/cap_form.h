/* rule/cap_form.h - what a CAP message is made of, as data: the writer and the reader walk the same tables. */
#ifndef JD_RULE_CAP_FORM_H
#define JD_RULE_CAP_FORM_H
#include "rule/cap.h"

#define CAP__NAMESPACE "urn:oasis:names:tc:emergency:cap:1.2"
#define CAP__SIGNATURES "http://www.w3.org/2000/09/xmldsig#"

typedef enum cap__kind {
    CAP__TEXT,
    CAP__FILLED,     /* a text that says something */
    CAP__NAME,       /* identifier, sender: no blanks, commas, < or & */
    CAP__WORD,       /* one of row.words */
    CAP__TIME,       /* 3.3.2; a jd_time, all others are jd_str */
    CAP__LANGUAGE,   /* RFC 3066 */
    CAP__QUOTED,     /* texts between blanks, those with blanks in double quotes */
    CAP__REFERENCES, /* sender,identifier,sent between blanks */
    CAP__URI,        /* absolute or relative */
    CAP__LINK,       /* a full, absolute URI, or nothing */
    CAP__INTEGER,
    CAP__DECIMAL,
    CAP__BASE64,
    CAP__POLYGON,
    CAP__CIRCLE,
    CAP__GROUP /* elements within; always a list */
} cap__kind;

typedef struct cap__group cap__group;
typedef struct cap__row { /* one element of a group */
    const char *name;
    cap__kind kind;
    int needed;
    size_t most; /* 1: the value stands at `at`; more: a list, its first at `at`, its length at `n_at` */
    size_t at, n_at;
    const char *const *words; /* NULL at their end */
    const cap__group *group;
} cap__row;
struct cap__group {
    const cap__row *rows; /* in the order of the schema */
    size_t rows_n, size;
};
extern const cap__group cap__alert; /* a jd_cap */

/* cap_check.c: is the text what its row asks for? It loses the blanks around it where they mean nothing; times are told
 * as well. err without a place. */
int cap__check(const cap__row *row, jd_str *text, jd_time *time, jd_err *err);
int cap__absolute(jd_str uri);
int cap__empty(jd_str s);    /* or nothing but blanks */
jd_str cap__shown(jd_str s); /* what an error shows of a text: its beginning, whole characters */
#endif
