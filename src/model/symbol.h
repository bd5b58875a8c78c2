/* model/symbol.h - names (types, attributes, terms) as numbers.
 * A name is expanded once, at the door, to its IRI and interned; from there on it is a jd_sym. Numbers are dense from
 * 1, never reused, and belong to the store: the first durable group that may use a symbol writes it. Lifetime: names
 * live as long as the table.   Threads: any; find and name take no lock. Fails: interning beyond the limit is
 * JD_E_BAD_REQUEST_DATA. */
#ifndef JD_MODEL_SYMBOL_H
#define JD_MODEL_SYMBOL_H
#include "base/err.h"

typedef uint32_t jd_sym; /* 0: none */

/* Names known from the first day, with fixed numbers 1.. in this order (stored: append only). */
#define JD_NGSI "https://uri.etsi.org/ngsi-ld/"
#define JD_DEFAULT_VOCAB "https://uri.etsi.org/ngsi-ld/default-context/"
#define JD_SYM_MAP(X)                                \
    X(LOCATION, JD_NGSI "location")                  \
    X(OBSERVATION_SPACE, JD_NGSI "observationSpace") \
    X(OPERATION_SPACE, JD_NGSI "operationSpace")     \
    X(SCOPE, JD_NGSI "scope")                        \
    X(NGSILDPROOF, JD_NGSI "ngsildproof")            \
    X(ENTITY_ID_SEALED, JD_NGSI "entityIdSealed")    \
    X(ENTITY_TYPE_SEALED, JD_NGSI "entityTypeSealed")

enum {
    JD_SYM_NONE = 0,
#define X(id, iri) JD_SYM_##id,
    JD_SYM_MAP(X)
#undef X
        JD_SYM_FIRST_FREE
};

typedef struct jd_symtab jd_symtab;

/* names_max 0: 1,000,000. */
jd_symtab *jd_symtab_create(uint32_t names_max);
void jd_symtab_destroy(jd_symtab *t);
jd_sym jd_sym_find(const jd_symtab *t, jd_str name); /* 0 when the name was never interned */
/* 0 and *err when the table is full or the name is longer than 2,000 bytes. */
jd_sym jd_sym_intern(jd_symtab *t, jd_str name, jd_err *err);
jd_str jd_sym_name(const jd_symtab *t, jd_sym s); /* s must be a number that the table gave out */
uint32_t jd_symtab_count(const jd_symtab *t);     /* highest number given out */
/* While loading: numbers must come in order; a predefined one must carry its name. */
int jd_symtab_load(jd_symtab *t, uint32_t number, jd_str name, jd_err *err);
#endif
