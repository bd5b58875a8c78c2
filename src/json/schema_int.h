/* json/schema_int.h - a compiled schema; for schema*.c alone. */
#ifndef JD_JSON_SCHEMA_INT_H
#define JD_JSON_SCHEMA_INT_H
#include "json/schema.h"

typedef struct schema_node schema_node;
typedef struct schema_prop {
    jd_str name;
    void *re; /* of patternProperties */
    schema_node *node;
} schema_prop;
typedef struct schema_list {
    schema_node **v;
    uint32_t n; /* v NULL: the keyword is not there */
} schema_list;
enum { /* bits of types */
       T_NULL = 1,
       T_BOOLEAN = 2,
       T_INTEGER = 4,
       T_NUMBER = 8,
       T_STRING = 16,
       T_ARRAY = 32,
       T_OBJECT = 64
};
struct schema_node {
    int boolean;    /* 1: the schema `true`, -1: `false`, 0: an object */
    unsigned types; /* 0: any */
    const jd_jval *enums, *constant, *required;
    schema_node *ref, *additional, *names, *items, *no, *cond, *then, *other;
    schema_list prefix, all, any, one;
    schema_prop *props, *patterns;
    uint32_t props_n, patterns_n;
    void *pattern;
    jd_str pattern_text;
    int has_least, has_most, least_out, most_out; /* out: exclusive */
    double least, most;
    uint32_t len_least, len_most, items_least, items_most, members_least, members_most;
    int unique;
};
struct jd_schema {
    jd_arena arena;
    jd_jval root;
    schema_node *top;
    const jd_schema_regex *re;
    schema_prop *defs; /* of $defs */
    uint32_t defs_n;
    void **regexes; /* to be freed */
    size_t regexes_n, regexes_cap;
};

/* ---- one check under way ---- */
typedef struct schema_run {
    const jd_schema *s;
    jd_arena *a;
    jd_schema_fault *first, **last;
    uint32_t n, depth;
} schema_run;
void schema__check(schema_run *r, const schema_node *node, const jd_jval *v, const jd_jstep *at);
/* A fault at `at`. The texts are formats that take the same arguments. */
void schema__fault(schema_run *r, const jd_jstep *at, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
/* Runs a branch apart: its faults are returned, *n how many. */
jd_schema_fault *schema__apart(schema_run *r, const schema_node *node, const jd_jval *v, const jd_jstep *at,
                               uint32_t *n);
const schema_node *schema__follow(const schema_node *node); /* where a bare $ref leads */
int schema__type_fits(unsigned types, const jd_jval *v);
jd_str schema__types_text(jd_arena *a, unsigned types, int zh);
/* "a", "b" or 3: of the items of an enum, or of one constant */
jd_str schema__values_text(jd_arena *a, const jd_jval *items, uint32_t n);

/* choose.c: anyOf and oneOf */
void schema__choice(schema_run *r, const schema_list *branches, int one, const jd_jval *v, const jd_jstep *at);
#endif
