/* told/unknown.h - names in a question that the store has never seen, so that it can match nothing as it stands: most
 * often a spelling, or an @context that was not named. */
#ifndef JD_TOLD_UNKNOWN_H
#define JD_TOLD_UNKNOWN_H
#include "model/context.h"
#include "model/symbol.h"

enum { UNKNOWN_MAX = 32 }; /* names that are listed */
typedef struct unknown {
    const jd_symtab *symbols;
    jd_context *ctx;
    jd_arena a;
    jd_str name[UNKNOWN_MAX]; /* each as its IRI, in the arena */
    uint32_t n;
} unknown;
void unknown_init(unknown *u, const jd_symtab *symbols, jd_context *ctx);
void unknown_fini(unknown *u);
/* Each looks at names in a text; p NULL: nothing. */
void unknown_name(unknown *u, jd_str name);        /* one */
void unknown_types(unknown *u, jd_str types);      /* a type selection (4.17), or a list with commas */
void unknown_q(unknown *u, jd_str q);              /* what q compares, at the left of its operators */
void unknown_write(const unknown *u, jd_buf *out); /* as a JSON list */

/* The terms of q that must all hold, as they are written (those between ';' that stand in no brackets or quotes); one
 * when alternatives stand beside them. At most max; returns how many. */
size_t q_terms(jd_str q, jd_str *out, size_t max);
#endif
