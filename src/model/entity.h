/* model/entity.h - request JSON to an entity tree (GS CIM 009 clauses 4.5, 5.2.4-5.2.8, 5.2.32-5.2.38; annex B), and
 * the operations on an entity as pure functions from (document, fragment) to a new document
 * (clauses 5.5.7, 5.5.8, 5.5.12, 5.6). Memory: trees live in the given arena and may point into the request's body and
 * the context. Fails: JD_E_BAD_REQUEST_DATA with the place as a path ("speed[1].observedAt"). */
#ifndef JD_MODEL_ENTITY_H
#define JD_MODEL_ENTITY_H
#include "model/context.h"
#include "model/doc.h"

typedef struct jd_parse {
    jd_arena *arena;
    jd_context *ctx;
    jd_symtab *symbols; /* names are interned once the whole tree was found valid */
    uint32_t attrs_max; /* of one entity, instances counted; 0: 10,000 */
    int simplified; /* values only (format=simplified, options=keyValues); needs current to know the kinds: see jd_apply
                     */
    jd_str lang;    /* of simplified language values; p NULL: none */
} jd_parse;

typedef enum jd_input {
    JD_IN_ENTITY,   /* id and type must be there; every attribute whole */
    JD_IN_FRAGMENT, /* id and type may be there; every attribute whole (append, replace) */
    JD_IN_UPDATE,   /* as fragment; urn:ngsi-ld:null as a whole value deletes (update attributes) */
    JD_IN_MERGE,    /* as fragment; attributes may be partial, urn:ngsi-ld:null deletes */
} jd_input;

/* @context members are skipped. expect_id: when p is set and the input has an id, they must be equal. */
int jd_ent_parse(const jd_parse *p, const jd_jval *v, jd_input shape, jd_str expect_id, jd_ent *out, jd_err *err);
/* The body of PATCH or PUT /attrs/{name}: one attribute (or for PUT an array of instances). partial: a PATCH; members
 * may be missing. *out in the arena, *n instances. */
int jd_attr_parse(const jd_parse *p, jd_sym name, const jd_jval *v, int partial, jd_attr **out, uint32_t *n,
                  jd_err *err);
/* May v stand as the value of an attribute of this kind? 0 or -1; scratch is used for geometries. */
int jd_value_fits(jd_kind kind, const jd_jval *v, jd_arena *scratch, jd_err *err);
/* A URI as RFC 3986 asks of ids: scheme, ':', no spaces or control characters. */
int jd_uri_valid(jd_str s);
/* A name allowed for an attribute, type or term (clause 4.6.2). */
int jd_name_valid(jd_str s);

typedef enum jd_op {
    JD_OP_CREATE,      /* 5.6.1; with JD_AP_REPLACE_EXISTING or _UPDATE_EXISTING an upsert (5.6.8) */
    JD_OP_REPLACE,     /* 5.6.18 replace entity: PUT */
    JD_OP_APPEND,      /* 5.6.3 append attributes; JD_AP_NO_OVERWRITE; also batch update (5.6.9) */
    JD_OP_UPDATE,      /* 5.6.2 update attributes */
    JD_OP_MERGE,       /* 5.6.17 merge entity (5.5.12) */
    JD_OP_ATTR_PATCH,  /* 5.6.4 partial attribute update (5.5.8) */
    JD_OP_ATTR_PUT,    /* 5.6.19 replace attribute */
    JD_OP_ATTR_DELETE, /* 5.6.5; attr JD_SYM_SCOPE removes the scopes */
    JD_OP_DELETE,      /* 5.6.6 */
    JD_OP_PURGE_ATTRS, /* 5.6.21 with keep or drop: some attributes go */
    JD_OP_EXPIRE,      /* 4.22: what is past its expiresAt goes; never asked from outside */
    /* of history alone; jd_apply knows none of them */
    JD_OP_T_UPSERT,      /* 5.6.11 create or update a temporal representation */
    JD_OP_T_APPEND,      /* 5.6.12 */
    JD_OP_T_ATTR_DELETE, /* 5.6.13; with JD_AP_DELETE_ALL all datasetIds */
    JD_OP_T_INST_PUT,    /* 5.6.14: the instance becomes this one */
    JD_OP_T_INST_DELETE, /* 5.6.15 */
    JD_OP_T_DELETE,      /* 5.6.16 */
    JD_OP_T_GONE,        /* 5.6.5 on an entity that only history knows: the attribute is deleted from now on */
    JD_OP_OBSERVE        /* readings of an entity, made on the fly: the newest are now, the others history */
} jd_op;
enum {
    JD_AP_NO_OVERWRITE = 1,
    JD_AP_REPLACE_EXISTING = 2,
    JD_AP_UPDATE_EXISTING = 4,
    JD_AP_DELETE_ALL = 8,
    JD_AP_KEEP = 16 /* purge: names are those kept */
};

typedef struct jd_change_req { /* one operation on one entity */
    jd_op op;
    unsigned flags;
    jd_str id;
    const jd_ent *ent;        /* CREATE, REPLACE, APPEND, UPDATE, MERGE */
    jd_sym attr;              /* ATTR_* */
    const jd_attr *instances; /* ATTR_PATCH (one), ATTR_PUT */
    uint32_t instances_n;
    jd_str dataset;      /* ATTR_DELETE; p NULL: default instance */
    const jd_sym *names; /* PURGE_ATTRS */
    uint32_t names_n;
    const jd_sym *types; /* only when the entity has one of them (the `type` parameter); else not found */
    uint32_t types_n;
    jd_time observed; /* merge parameter observedAt: given to every Property touched; JD_TIME_NONE: none */
    int observed_digits;
    jd_str lang;    /* merge parameter lang */
    int simplified; /* the fragment holds bare values: kinds are taken from the entity (5.6.17) */
} jd_change_req;

typedef struct jd_not_updated { /* UpdateResult, 5.2.18 */
    jd_sym attr;                /* JD_SYM_SCOPE for the entity's scope */
    jd_str dataset;
    const char *reason;
} jd_not_updated;

enum { JD_TYPES_MAX = 100, JD_SCOPES_MAX = 100 }; /* of one entity */

typedef struct jd_applied {
    int created;      /* the entity was not there before */
    int gone;         /* it is no longer there: no document was written */
    int unchanged;    /* nothing to do: no document was written */
    uint32_t attrs_n; /* attribute instances of the new document */
    jd_sym *updated;  /* attributes appended or overwritten, in the arena */
    uint32_t updated_n;
    jd_not_updated *not_updated;
    uint32_t not_updated_n;
} jd_applied;

/* Applies one operation. cur NULL: the entity is not there. now: the group's time, used for createdAt and modifiedAt.
 * The new document is appended to *out (unless gone or unchanged). JD_E_NOT_FOUND, JD_E_ALREADY_EXISTS,
 * JD_E_BAD_REQUEST_DATA. */
int jd_apply(const jd_change_req *rq, const jd_doc *cur, jd_time now, jd_symtab *symbols, jd_arena *a, jd_buf *out,
             jd_applied *res, jd_err *err);
/* The document without attributes past their expiry, when it has any; bytes in the arena. 0: nothing to trim; 1: *out
 * is the trimmed one; 2: the entity itself is past its expiry. */
int jd_doc_trim(const jd_doc *d, jd_time now, jd_symtab *symbols, jd_arena *a, jd_doc *out);
#endif
