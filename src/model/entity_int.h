/* model/entity_int.h - what entity.c shares with temporal_parse.c. Nobody else includes it. */
#ifndef JD_MODEL_ENTITY_INT_H
#define JD_MODEL_ENTITY_INT_H
#include "base/hash.h"
#include "model/entity.h"

#define NGSI_NULL "urn:ngsi-ld:null"

enum { ENT_PATH_MAX = 160 };

typedef struct ent_parser {
    const jd_parse *in;
    jd_err *err;
    jd_input shape;
    uint32_t attrs;  /* instances so far */
    int one_attr;    /* the fragment of a partial update: a null may only stand for the whole value */
    jd_strmap fresh; /* names that the store does not know yet: to be interned when all is found valid */
    jd_str *fresh_names;
    uint32_t fresh_cap;
    /* The temporal representation: reads a member, scope too, and appends its instances to e->attrs (in room from
     * ent_room). When it is set, urn:ngsi-ld:null is a value like others. */
    int (*evolution)(struct ent_parser *p, jd_sym name, const jd_jval *v, jd_ent *e);
    uint32_t room; /* of e->attrs */
    char path[ENT_PATH_MAX];
    size_t path_n;
} ent_parser;

/* The place, for errors: a member's name, or (index >= 0) its place in an array. Gives what ent_leave takes. */
size_t ent_enter(ent_parser *p, jd_str name, int index);
void ent_leave(ent_parser *p, size_t was);
#define FAIL(p, en, zh, ...) \
    (jd_fail((p)->err, JD_E_BAD_REQUEST_DATA, en, zh __VA_OPT__(, ) __VA_ARGS__), jd_fail_at((p)->err, "%s", (p)->path))

/* Fills e->id and types and its attributes, by p->shape. */
int ent_entity(ent_parser *p, const jd_jval *v, jd_str expect_id, jd_ent *out);
/* Ends a parse: on success the fresh names are interned and put in. Returns rc, or -1 when the table is full. */
int ent_settle(ent_parser *p, int rc, jd_ent *e, jd_attr *attrs, uint32_t attrs_n);
/* Room for n more attributes behind e->attrs_n; not cleared. */
jd_attr *ent_room(ent_parser *p, jd_ent *e, uint32_t n);
/* Counts n more instances of the entity; how many there may still be. */
int ent_count(ent_parser *p, uint32_t n);
uint32_t ent_left(const ent_parser *p);
/* One instance, normalized or concise. */
int ent_one(ent_parser *p, jd_sym name, const jd_jval *v, int partial, jd_attr *a);
int ent_is_instance(const jd_jval *v);
jd_kind ent_kind(const jd_jval *type); /* by its name; 0: none */
/* The value of an attribute whose kind is set. */
int ent_value(ent_parser *p, jd_attr *a, const jd_jval *v);
int ent_time(ent_parser *p, const jd_jval *v, jd_time *t, int *digits, const char *what);
int ent_dataset(ent_parser *p, const jd_jval *v, jd_attr *a);
/* Attributes that can only be GeoProperties (4.7.1), and the error of one that is not. */
int ent_geo_only(jd_sym name);
int ent_not_geo(ent_parser *p);
/* A scope, or an array of them (4.18). */
int ent_scopes(ent_parser *p, const jd_jval *v, jd_str **out, uint32_t *n);
#endif
