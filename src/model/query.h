/* model/query.h - the question languages of NGSI-LD, compiled on symbols and tested on document bytes.
 * Clauses of GS CIM 009: 4.9 query language, 4.17 entity type selection, 4.19 scope query, 4.21 projection (pick,
 * omit), 4.22 / 4.23 ordering and linked entities, 5.7.2. Names in a question are expanded by the asker's context and
 * looked up, never interned: a name that the store does not know matches nothing (and is "absent"). Compiled forms live
 * in the arena, are immutable, and may be used from many threads at once. Fails: JD_E_BAD_REQUEST_DATA (a malformed
 * expression; the place is "q, column 12") or JD_E_TOO_COMPLEX_QUERY (limits). */
#ifndef JD_MODEL_QUERY_H
#define JD_MODEL_QUERY_H
#include "base/regex.h"
#include "geo/geo.h"
#include "model/context.h"
#include "model/doc.h"

typedef struct jd_names { /* what compiling needs */
    jd_arena *arena;
    jd_context *ctx;
    const jd_symtab *symbols;
} jd_names;

typedef struct jd_qlimits {
    uint32_t terms_max; /* comparisons in one q; 0: 200 */
    uint32_t depth_max; /* of parentheses; 0: 32 */
    uint32_t regex_max; /* bytes of one pattern; 0: 1000. Patterns run with a match limit of 100,000 steps. */
} jd_qlimits;

/* ---- entity type selection: A | B, A , B, (A ; B) | C with parentheses ---- */
typedef struct jd_typeq jd_typeq;
int jd_typeq_compile(const jd_names *n, jd_str text, jd_typeq **out, jd_err *err);
int jd_typeq_test(const jd_typeq *q, const jd_doc *d);
/* The types of which at least one must be there for a match: at most `max` are written; returns how many, or -1 when
 * more would be needed or nothing can be said. An unknown name is written as 0. */
int jd_typeq_any_of(const jd_typeq *q, jd_sym *out, int max);
int jd_typeq_plain(const jd_typeq *q); /* one type and nothing else */

/* ---- scopeQ: /A/B, /A/+/C, /A/#, with ; (and) | , (or) and parentheses ---- */
typedef struct jd_scopeq jd_scopeq;
int jd_scopeq_compile(const jd_names *n, jd_str text, jd_scopeq **out, jd_err *err);
int jd_scopeq_test(const jd_scopeq *q, const jd_doc *d);
/* An entity that matches has at least one scope for which this is 1 (the language knows no negation). */
int jd_scopeq_may(const jd_scopeq *q, jd_str scope);
/* 1 when the question is one scope without '+': *path is it, without a leading slash and without /#, in a. */
int jd_scopeq_plain(const jd_scopeq *q, jd_arena *a, jd_str *path);

/* ---- idPattern (a POSIX-style extended regular expression, searched, not anchored) ---- */
int jd_regex_compile(jd_arena *a, jd_str pattern, jd_regex **out, jd_err *err);
int jd_regex_test(const jd_regex *r, jd_str text);

/* ---- geo-queries on documents ---- */
/* Any instance of the GeoProperty will do. *dist (may be NULL): the least distance from the query's own geometry; then
 * the relation does not matter, and 1 means that there is a shape. Scratch is given back. */
int jd_doc_geo(const jd_doc *d, jd_sym attr, const jd_geoq *g, const jd_symtab *symbols, jd_arena *scratch,
               double *dist);
/* The box of the geometry that a GeoProperty's value is; 0 when it is none. Scratch is given back. */
int jd_node_box(jd_node n, const jd_symtab *symbols, jd_arena *scratch, jd_box *box);

/* ---- q ---- */
typedef struct jd_q jd_q;
typedef struct jd_qopts {
    jd_str expand_values; /* the parameters of clause 4.9 / 6.4.3.2: comma-separated attribute names, or p NULL */
    jd_str json_keys;
    jd_str lang; /* changes nothing: 4.9 names languages in brackets, label[en] */
    const jd_qlimits *limits;
    const char *what; /* the parameter's name in errors; NULL: "q" (another one is csf) */
} jd_qopts;
int jd_q_compile(const jd_names *n, jd_str text, const jd_qopts *opts, jd_q **out, jd_err *err);
void jd_q_fini(jd_q *q); /* frees patterns */

/* What testing may need beyond the document. linked: opens the entity with that id on the asker's snapshot; 1 or 0. */
typedef struct jd_qenv {
    const jd_symtab *symbols;
    void *user;
    int (*linked)(void *user, jd_str id, jd_doc *out);
} jd_qenv;
int jd_q_test(const jd_q *q, const jd_doc *d, const jd_qenv *env);

/* For choosing an index: the comparisons that must all hold for q to hold (its top-level conjunction), on a whole
 * attribute of the entity itself. */
typedef enum jd_qop {
    JD_Q_EXISTS,
    JD_Q_EQ,
    JD_Q_NE,
    JD_Q_LT,
    JD_Q_LE,
    JD_Q_GT,
    JD_Q_GE,
    JD_Q_RANGE,
    JD_Q_OTHER
} jd_qop;
typedef struct jd_qhint {
    jd_sym attr; /* 0: a name the store does not know */
    jd_qop op;
    int numeric; /* lo, hi hold: EQ lo==hi; LT, LE: hi; GT, GE: lo; RANGE: both, inclusive */
    double lo, hi;
    jd_str text; /* of EQ with a string operand, else p NULL */
    int exact;   /* the hint says all that the comparison says (one value, no sub-path, no list) */
} jd_qhint;
/* At most max hints; returns how many. *whole is 1 when q is nothing but these hints (all of them exact). */
size_t jd_q_hints(const jd_q *q, jd_qhint *out, size_t max, int *whole);
/* How many relationships deep q follows (rel{...}): 0 when it needs no linked entity. For the check against joinLevel
 * (5.7.2.4). */
uint32_t jd_q_links(const jd_q *q);
/* All attribute names that q mentions at top level (for discovery, rights and the "one of" rule); 0s for unknown ones.
 */
size_t jd_q_attrs(const jd_q *q, jd_sym *out, size_t max);

/* ---- projection: attrs, pick, omit (clause 4.21), with nesting for linked entities: pick=id,name,inRoom{name} ---- */
typedef struct jd_proj jd_proj;
/* Any of the texts may have p NULL; attrs excludes pick and omit; the same name in pick and omit is an error; empty
 * parts are errors. NULL in *out when all are absent. Besides attribute names: id, type, scope, createdAt, modifiedAt,
 * expiresAt, @context are entity members. */
int jd_proj_compile(const jd_names *n, jd_str attrs, jd_str pick, jd_str omit, jd_proj **out, jd_err *err);
typedef enum jd_member { JD_M_ID, JD_M_TYPE, JD_M_SCOPE, JD_M_CREATED, JD_M_MODIFIED, JD_M_EXPIRES } jd_member;
int jd_proj_member(const jd_proj *p, jd_member m);            /* is it shown? p NULL: yes */
int jd_proj_attr(const jd_proj *p, jd_sym name);              /* is the attribute shown? */
const jd_proj *jd_proj_nested(const jd_proj *p, jd_sym name); /* what holds for entities linked by it; may be NULL */
/* How deep the braces nest: 0 without. For the check against joinLevel (5.7.2.4). At most 10. */
uint32_t jd_proj_links(const jd_proj *p);
/* Does attrs or pick name anything but entity members, so that it narrows a query (5.7.2.4)? p NULL: no */
int jd_proj_narrows(const jd_proj *p);
/* With attrs and pick, an entity that has none of the attributes named is no result (5.7.2.4). 1: keep. */
int jd_proj_keeps(const jd_proj *p, const jd_doc *d);

/* ---- orderBy (clause 4.23): name[;asc|desc|dist-asc|dist-desc], ... with trailing paths; collation is refused unless
 * known ---- */
typedef struct jd_order jd_order;
int jd_order_compile(const jd_names *n, jd_str text, jd_str collation, jd_order **out, jd_err *err);
/* A key for a document: comparable with jd_order_cmp; lives in the arena. dist: distance for dist-*; NaN when there is
 * none. */
typedef struct jd_orderkey jd_orderkey;
jd_orderkey *jd_order_key(const jd_order *o, const jd_doc *d, const jd_symtab *t, double dist, jd_arena *a);
int jd_order_cmp(const jd_order *o, const jd_orderkey *a, const jd_orderkey *b);
int jd_order_by_distance(const jd_order *o); /* does any part need dist? */
jd_sym jd_order_geo(const jd_order *o); /* the attribute whose distance is meant; 0: not known to the store, or none */
void jd_order_fini(jd_order *o);        /* closes the collation */
#endif
