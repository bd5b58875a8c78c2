/* model/q_int.h - what the files of the question languages share. Nobody else includes it.
 *
 *   q_scan.c    reading an expression: names, columns in errors, and "and, or, parentheses" as a program of jumps
 *   q_path.c    attribute paths: from text, and to what they lead to in a document
 *   q_parse.c   q: from text to terms            q_eval.c   q: terms against documents
 *   q_type.c    entity types                     q_scope.c  scopes
 *   q_proj.c    attrs, pick, omit                q_order.c  orderBy          q_collate.c  collations (ICU)
 *   regex.c     idPattern (patterns: base/regex.h) */
#ifndef JD_MODEL_Q_INT_H
#define JD_MODEL_Q_INT_H
#include "model/query.h"

/* ---- q_scan.c ---- */

typedef struct q_scan {
    const char *what; /* the parameter, for errors: "q" */
    const char *text, *p, *end;
    jd_err *err;
    unsigned column; /* of the last q_mark */
    char found[JD_SHOWN];
} q_scan;

/* Refuses text that is empty or not UTF-8. The text is not copied. */
int q_scan_init(q_scan *s, const char *what, jd_str text, jd_err *err);
/* Remembers where an error is: its column, and what stands there. 0 when the text ends there. */
int q_mark(q_scan *s, const char *at);
int q_place(const q_scan *s); /* sets the error's place to the mark; -1 */
void q_blanks(q_scan *s);
int q_at_end(q_scan *s);       /* behind blanks */
int q_take(q_scan *s, char c); /* skips blanks, then c if it stands there */
/* One name, of the characters that names and IRIs are made of; p NULL (and nothing is read) when none stands here. In a
 * path '.' ends the name, unless it stands within an absolute IRI ("https://uri.etsi.org/x.y" is x, then y). Scopes may
 * begin with '/', '+' and '#'. */
typedef enum q_style { Q_PATH_NAME, Q_WHOLE_NAME, Q_SCOPE_NAME } q_style;
jd_str q_name(q_scan *s, q_style style);

/* "en was expected, but ...": both texts are literals. Returns -1. */
#define Q_EXPECTED(s, at, en, zh)                                                                           \
    (q_mark((s), (at))                                                                                      \
         ? jd_fail((s)->err, JD_E_BAD_REQUEST_DATA, "%s, column %u: " en " is expected, not '%s'",          \
                   "%s 第 %u 列：此处应为" zh "，而不是“%s”", (s)->what, (s)->column, (s)->found)           \
         : jd_fail((s)->err, JD_E_BAD_REQUEST_DATA, "%s, column %u: " en " is expected, but the text ends", \
                   "%s 第 %u 列：此处应为" zh "，但表达式在此结束", (s)->what, (s)->column),                \
     q_place(s))
/* Any other refusal at a place. */
#define Q_REFUSE(s, at, code, en, zh, ...)                                          \
    (q_mark((s), (at)),                                                             \
     jd_fail((s)->err, (code), "%s, column %u: " en, "%s 第 %u 列：" zh, (s)->what, \
             (s)->column __VA_OPT__(, ) __VA_ARGS__),                               \
     q_place(s))

enum { Q_DEPTH_MAX = 32, Q_LEAVES_MAX = 200, Q_LINKS_MAX = 10 };
#define Q_YES UINT32_MAX      /* jump targets: the whole expression holds */
#define Q_NO (UINT32_MAX - 1) /* or does not */

typedef enum q_nodeop { Q_LEAF, Q_AND, Q_OR } q_nodeop;
typedef struct q_node {
    q_nodeop op;
    uint32_t leaf; /* Q_LEAF: its number, in the order of the text */
    struct q_node *kids, *next;
} q_node;

typedef struct q_jump {
    uint32_t yes, no; /* the leaf to test next, or Q_YES, Q_NO */
} q_jump;

typedef struct q_bool {
    q_node *root;
    q_jump *jumps;
    uint32_t n;
} q_bool;

typedef struct q_grammar {
    jd_arena *arena;
    int comma_is_or;
    uint32_t depth_max, leaves_max;
    void *user;
    int (*leaf)(void *user, q_scan *s, uint32_t number); /* reads one leaf; 0 or -1 */
} q_grammar;

/* Reads the whole text: ';' binds tighter than '|' (and ','). Leaves are numbered from 0, left to right. */
int q_bool_parse(q_scan *s, const q_grammar *g, q_bool *out);

/* ---- q_path.c ---- */

/* What is not an attribute: members of entities, and of attributes. */
typedef enum q_member {
    Q_ATTR,
    Q_ID,
    Q_TYPE,
    Q_SCOPE,
    Q_CREATED,
    Q_MODIFIED,
    Q_EXPIRES,
    Q_OBSERVED,
    Q_UNIT,
    Q_DATASET,
    Q_OBJECTTYPE,
    Q_VALUETYPE
} q_member;
/* iri: the name expanded; p NULL when the context maps it to nothing. */
q_member q_member_of(jd_str name, jd_str iri);

typedef struct q_key { /* a member of a compound value */
    jd_str raw;        /* as written */
    jd_sym sym;        /* expanded; 0: not known, or not an IRI */
    int iri;           /* expanded it is an IRI: only sym may match */
} q_key;

typedef struct q_path {
    q_member member; /* of the entity itself; Q_ATTR: steps lead to an attribute */
    q_member meta;   /* what is asked of that attribute; Q_ATTR: its value */
    jd_sym *steps;   /* attribute, sub-attribute, ...; 0: a name that is not known */
    uint32_t steps_n, keys_n;
    q_key *keys;  /* [a.b] */
    int any_key;  /* [*] */
    int raw_keys; /* named in jsonKeys: keys are compared as written */
    jd_str iri;   /* the last name, expanded */
} q_path;

typedef struct q_list { /* names, expanded */
    jd_str *iris;
    uint32_t n;
} q_list;
int q_list_parse(const jd_names *n, const char *what, jd_str text, q_list *out, jd_err *err); /* p NULL: empty */
int q_list_has(const q_list *l, jd_str iri);

/* first: a name already read (p NULL: none). */
int q_path_parse(q_scan *s, const jd_names *n, jd_str first, const q_list *json_keys, q_path *out);
/* Is it one whole attribute of the entity? */
static inline int q_path_simple(const q_path *p) {
    return p->member == Q_ATTR && p->meta == Q_ATTR && p->steps_n == 1 && !p->keys_n && !p->any_key;
}

/* The next instance of the same attribute. Looks at the name that leads a record before it opens the record. */
static inline int q_next_instance(jd_bytes *rest, jd_time entity_created, jd_sym name, jd_attrview *v) {
    const unsigned char *p = rest->p;
    return p < rest->end && jd_varint_get(&p, rest->end) == name && jd_attr_next(rest, entity_created, v);
}

typedef struct q_target { /* what a path leads to */
    enum { Q_T_NODE, Q_T_MAP /* a languageMap as a whole */, Q_T_TIME, Q_T_TEXT, Q_T_SYMS, Q_T_STRS } what;
    jd_kind kind; /* of Q_T_NODE and Q_T_MAP: the attribute's */
    jd_node node;
    jd_time time;
    int digits; /* of time, as jd_time_print takes them */
    jd_str text;
    jd_bytes list; /* of Q_T_SYMS, Q_T_STRS */
} q_target;
/* Calls for every instance (datasetId) that there is, until one call returns non-zero; returns that, or 0. */
int q_path_visit(const q_path *p, const jd_doc *d, int (*visit)(void *user, const q_target *t), void *user);
/* The target that an attribute's own value is, for simple paths. */
q_target q_target_of(const jd_attrview *v);

/* ---- q_parse.c, q_eval.c ---- */

typedef enum q_op { Q_EXISTS, Q_ABSENT, Q_EQ, Q_NE, Q_LT, Q_LE, Q_GT, Q_GE, Q_MATCH, Q_UNMATCH } q_op;
typedef enum q_valkind { Q_V_NUM, Q_V_BOOL, Q_V_TEXT, Q_V_TIME, Q_V_DATE, Q_V_CLOCK } q_valkind;

typedef struct q_val {
    q_valkind kind;
    int is_time;  /* time holds: Q_V_TIME, and a quoted text that is a DateTime */
    double num;   /* Q_V_NUM; Q_V_BOOL: 0 or 1 */
    jd_time time; /* microseconds; Q_V_CLOCK: since midnight */
    jd_str text;  /* Q_V_TEXT, Q_V_DATE */
    jd_sym sym;   /* of a text that is the name of a symbol */
} q_val;
int64_t q_clock(jd_str s); /* hh:mm:ss[.f]Z as microseconds since midnight; the text must be valid */

typedef struct q_hop { /* rel{Type1,Type2:...} */
    jd_sym rel;
    jd_sym *types;
    uint32_t types_n;
} q_hop;

typedef struct q_term {
    q_op op;
    int range; /* vals[0] .. vals[1] */
    int quick; /* one number, or a range of numbers, against a whole attribute */
    uint32_t vals_n, hops_n;
    q_val *vals; /* any of these */
    jd_regex *regex;
    q_hop *hops;
    q_path path;
} q_term;

struct jd_q {
    const jd_symtab *symbols;
    q_term *terms;
    q_bool prog;
    jd_regex **regexes;
    uint32_t regexes_n;
};

/* ---- q_collate.c ---- */

typedef struct q_collator q_collator;
/* tag: BCP 47, with the extensions of RFC 6067 ("und", "de-u-co-phonebk", "zh-u-co-pinyin"). JD_E_BAD_REQUEST_DATA for
 * what is no tag and for a language or an order that is not known. */
int q_collator_open(jd_arena *a, jd_str tag, q_collator **out, jd_err *err);
void q_collator_close(q_collator *c);
/* Bytes whose order is the order of the texts. */
jd_str q_collator_key(const q_collator *c, jd_arena *a, jd_str text);
#endif
