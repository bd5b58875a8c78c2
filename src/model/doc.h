/* model/doc.h - an entity as one immutable byte string, and how to read it without parsing.
 *
 * Form (format 1), all numbers LEB128 unless said:
 *   u8 format | u8 flags (1 scopes, 2 expiresAt, 4 an attribute expires, 8 hidden, 16 the scopes changed once) | zigzag
 * createdAt us | modifiedAt - createdAt us [zigzag expiresAt us, u8 digits] [zigzag earliest expiresAt of an attribute]
 * | len id | bytes | n types | n symbols | [n scopes | n x (len bytes)] | attributes attribute: symbol | length of the
 * rest | u16 little-endian head (kind in the low 4 bits, JD_A_* flags above) [len datasetId] [zigzag observedAt us, u8
 * digits] [zigzag expiresAt us, u8 digits] [len unitCode] [createdAt - entity.createdAt] [modifiedAt -
 * attribute.createdAt] [objectType: n symbols] [len valueType] [length of subs | sub-attributes] | value node Times
 * hang on the entity's createdAt, which never changes, so an attribute's bytes can be copied from version to version.
 * Instances of one attribute (datasetId) stand side by side, the default one first. node: one tag byte, then: 00 null
 * 01 true  02 false  03 decimal: u8 scale, zigzag mantissa  04 number as text: len bytes  05 string: len bytes 06
 * array: bytes, count, nodes   07 object: bytes, count, (key, node)   08 DateTime string: u8 digits, zigzag us 09
 * symbol (an IRI)   40-7f integer 0..63   80-ff string of 0..127 bytes key: symbol, or 0 and len bytes for a name that
 * is kept as written Threads: bytes are immutable; everything here is a pure read. Stored bytes are checked once by
 * jd_doc_check. */
#ifndef JD_MODEL_DOC_H
#define JD_MODEL_DOC_H
#include "base/buf.h"
#include "base/clock.h"
#include "json/json.h"
#include "model/symbol.h"

typedef enum jd_kind { /* attribute kinds of GS CIM 009 clause 4.5; stored, append only */
                       JD_PROPERTY = 1,
                       JD_RELATIONSHIP,
                       JD_GEOPROPERTY,
                       JD_LANGUAGEPROPERTY,
                       JD_VOCABPROPERTY,
                       JD_JSONPROPERTY,
                       JD_LISTPROPERTY,
                       JD_LISTRELATIONSHIP
} jd_kind;
/* "Property", "Relationship", ... */
const char *jd_kind_name(jd_kind k);
/* The member that holds the value: "value", "object", "languageMap", "vocab", "json", "valueList", "objectList". */
const char *jd_kind_member(jd_kind k);

typedef struct jd_bytes {
    const unsigned char *p, *end;
} jd_bytes;

/* A node within document bytes. */
typedef struct jd_node {
    const unsigned char *p, *end; /* p at the tag; end bounds the enclosing bytes */
} jd_node;

typedef enum jd_ntype { JD_N_NULL, JD_N_BOOL, JD_N_NUM, JD_N_STR, JD_N_TIME, JD_N_IRI, JD_N_ARR, JD_N_OBJ } jd_ntype;
jd_ntype jd_node_type(jd_node n);
int jd_node_bool(jd_node n);
double jd_node_num(jd_node n);                /* of JD_N_NUM, correctly rounded */
jd_str jd_node_str(jd_node n);                /* of JD_N_STR only */
jd_sym jd_node_sym(jd_node n);                /* of JD_N_IRI */
jd_time jd_node_time(jd_node n, int *digits); /* of JD_N_TIME: a string that is exactly a DateTime */
/* The text of a JD_N_STR, JD_N_TIME or JD_N_IRI node; scratch holds a DateTime's text. */
jd_str jd_node_text(jd_node n, const jd_symtab *t, char scratch[JD_TIME_TEXT_MAX]);

typedef struct jd_nodeiter {
    const unsigned char *p, *end;
    uint32_t left;
} jd_nodeiter;
jd_nodeiter jd_node_items(jd_node n);             /* of JD_N_ARR or JD_N_OBJ */
int jd_node_next(jd_nodeiter *it, jd_node *item); /* of an array; 0 at the end */
int jd_node_member(jd_nodeiter *it, jd_sym *key, jd_str *raw,
                   jd_node *item); /* of an object; key 0: raw holds the name */
/* The node as a value tree; keys that are symbols become their IRIs. */
jd_jval jd_node_tree(jd_node n, const jd_symtab *t, jd_arena *a);

typedef struct jd_attrview {
    jd_sym name;
    jd_kind kind;
    jd_str dataset;   /* p NULL: the default instance */
    jd_time observed; /* JD_TIME_NONE when absent */
    int observed_digits;
    jd_time expires; /* JD_TIME_NONE when absent */
    int expires_digits;
    jd_str unit; /* p NULL when absent */
    jd_time created, modified;
    jd_bytes object_type; /* n symbols, for jd_syms_next; p NULL when absent */
    jd_str value_type;    /* p NULL when absent */
    jd_bytes subs;        /* sub-attributes, for jd_attr_next */
    jd_node value;
    jd_bytes record; /* the whole record, symbol and length included */
} jd_attrview;

/* Flags of the second byte that the engine sets and reads. */
enum {
    JD_D_HIDDEN = 8,    /* known to history alone: id and types, no attributes */
    JD_D_RESCOPED = 16, /* history has the scopes that the entity had */
};
static inline unsigned jd_doc_flags(jd_str bytes) {
    return (unsigned char)bytes.p[1];
}
/* It or something in it has an expiresAt; it has scopes: without opening it (see the flags above). */
static inline int jd_doc_may_expire(jd_str bytes) {
    return (bytes.p[1] & 6) != 0;
}
static inline int jd_doc_has_scopes(jd_str bytes) {
    return bytes.p[1] & 1;
}
static inline void jd_doc_flag(char *bytes, unsigned flag) {
    bytes[1] = (char)(unsigned char)((unsigned char)bytes[1] | flag);
}

typedef struct jd_doc {
    jd_str bytes;
    jd_str id;
    jd_time created, modified, expires; /* expires JD_TIME_NONE when absent */
    int expires_digits;
    jd_time attr_expires; /* the earliest of its attributes' and sub-attributes', JD_TIME_NONE when none expires */
    uint32_t types_n, scopes_n;
    jd_bytes types, scopes, attrs;
} jd_doc;

/* Opens bytes that passed jd_doc_check once (own or CRC-checked). */
void jd_doc_open(jd_doc *d, jd_str bytes);
jd_str jd_doc_id(jd_str bytes); /* no more than the id */
/* Full check of untrusted bytes: every length, tag, symbol (<= symbols), order of instances, depth. 0 or -1. */
int jd_doc_check(jd_str bytes, uint32_t symbols, jd_err *err);
/* How a later version of a document is like an earlier one: FORM: the same types, attributes and kinds, in the same
 * order; PLACES: the same values of all GeoProperties. */
enum { JD_LIKE_FORM = 1, JD_LIKE_PLACES = 2 };
unsigned jd_doc_like(const jd_doc *was, const jd_doc *is);
int jd_attr_next(jd_bytes *rest, jd_time entity_created, jd_attrview *out); /* 0 at the end */
/* The same, no deeper than name and kind. 0 at the end. */
int jd_attr_peek(jd_bytes *rest, jd_sym *name, jd_kind *kind);
int jd_syms_next(jd_bytes *rest, jd_sym *out);
int jd_strs_next(jd_bytes *rest, jd_str *out);
int jd_doc_has_type(const jd_doc *d, jd_sym type);
/* First instance of an attribute (default one if there is one); 0 when absent. Further instances follow with
 * jd_attr_next on *rest while the name stays the same. rest may be NULL. */
int jd_doc_attr(const jd_doc *d, jd_sym name, jd_attrview *out, jd_bytes *rest);
int jd_attr_sub(const jd_attrview *a, jd_time entity_created, jd_sym name, jd_attrview *out, jd_bytes *rest);

/* ---- the same as a tree that can be changed: what requests become and operations work on ---- */
typedef struct jd_attr {
    jd_sym name;
    jd_kind kind;   /* 0: nothing but members to merge (a partial update that gives no value) */
    jd_str dataset; /* p NULL: default */
    jd_time observed;
    int observed_digits;
    jd_time expires;
    int expires_digits;
    jd_str unit;
    jd_time created, modified; /* JD_TIME_NONE in a fragment: given when it is applied */
    jd_jval value;             /* see below */
    int has_value;
    jd_str value_type;
    jd_sym *object_types;
    uint32_t object_types_n;
    struct jd_attr *subs;
    uint32_t subs_n;
    jd_bytes raw; /* an untouched attribute of an existing document: its record, copied as it is (then only
                     name, dataset, the times and raw are filled in) */
    jd_time
        raw_expires; /* of a raw one: the earliest of what stands below it, JD_TIME_NONE when nothing expires there */
    const jd_jval *bare; /* of simplified input: the value as written, and */
    jd_jval vocab;       /* the value with its strings expanded as vocabulary terms; the entity says which is meant */
    unsigned char null_value; /* urn:ngsi-ld:null stands as the value: delete the attribute */
    unsigned char clear;      /* JD_CLEAR_*: members given as null */
} jd_attr;
enum {
    JD_CLEAR_OBSERVED = 1,
    JD_CLEAR_UNIT = 2,
    JD_CLEAR_VALUETYPE = 4,
    JD_CLEAR_OBJECTTYPE = 8,
    JD_CLEAR_EXPIRES = 16
};
/* value: a value tree. Member names are IRIs for members of Property values (a name that is to be kept as written,
 * in JsonProperty, GeoProperty and languageMap, and "id"/"type" anywhere, never is an IRI). Encoding makes a symbol of
 * a name in a Property or ListProperty value when it contains ':', else keeps it as written. vocab: strings that are
 * IRIs. */

typedef struct jd_ent {
    jd_str id;
    jd_sym *types;
    uint32_t types_n;
    jd_str *scopes;
    uint32_t scopes_n;
    int has_scopes; /* in a fragment: scope was given (0 scopes with has_scopes: remove) */
    jd_time created, modified, expires;
    int expires_digits;
    int has_expires; /* in a fragment: expiresAt was given (JD_TIME_NONE with it: remove) */
    jd_attr *attrs;
    uint32_t attrs_n;
} jd_ent;

/* Appends the document's bytes to *out. Times must be set. Interns names of value members. 0 or -1. */
int jd_doc_encode(const jd_ent *e, jd_symtab *symbols, jd_buf *out, jd_err *err);
/* One attribute's record, as jd_attr_next reads it with the same entity_created. */
int jd_attr_encode(const jd_attr *a, jd_time entity_created, jd_symtab *symbols, jd_buf *out, jd_err *err);
/* The document as a tree whose attributes are raw; jd_attr_decode makes one of them whole. */
void jd_doc_tree(const jd_doc *d, jd_arena *a, jd_ent *out);
void jd_attr_decode(const jd_attrview *v, jd_time entity_created, const jd_symtab *t, jd_arena *a, jd_attr *out);

/* ---- an instance made ready ahead: its record, but for createdAt and modifiedAt ---- */
typedef struct jd_ready {
    jd_sym name;
    unsigned head; /* the record's: kind in the low 4 bits */
    jd_time observed;
    jd_str dataset, record; /* dataset points into the record */
    uint32_t body, stamp;   /* in the record: where what follows the head begins; from there, where the times go */
    jd_str skeleton;        /* of a plain number or point: taken apart for history (instance.h); p NULL: it is not */
    const struct jd_num *nums;
    uint8_t nums_n, digits; /* then: its numbers; of the fraction of observedAt's second */
} jd_ready;

/* Makes a fragment's attribute ready; the record lives in the arena. Interns names of value members. 0 or -1. */
int jd_attr_ready(const jd_attr *a, jd_symtab *symbols, jd_buf *scratch, jd_arena *to, jd_ready *out, jd_err *err);
/* The attribute as a fragment again; it points into the record. */
void jd_ready_open(const jd_ready *r, const jd_symtab *symbols, jd_arena *a, jd_attr *out);
/* Appends the document with these instances in the place of theirs, all changed at `now`, as jd_apply would have it.
 * was (n of them): the instances replaced, in the document's order; attrs_n: instances of the document. Only where that
 * is all: each is there with an earlier observedAt (or none) and the same kind, has no sub-attributes, and nothing
 * expires. 1; 0: it is not so simple, nothing was appended. r has no two of one name and datasetId. */
int jd_ready_put(const jd_doc *d, const jd_ready *r, uint32_t n, jd_time now, jd_buf *out, jd_attrview *was,
                 uint32_t *attrs_n);
#endif
