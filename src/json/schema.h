/* json/schema.h - JSON Schema 2020-12 on value trees: the vocabulary that our published schemas use.
 *
 * A schema with a keyword that is not checked here is refused when it is compiled, so nothing that a schema says is
 * silently left unchecked. Known: type enum const, minimum maximum exclusiveMinimum exclusiveMaximum, minLength
 * maxLength pattern, items prefixItems minItems maxItems uniqueItems, properties required additionalProperties
 * patternProperties propertyNames minProperties maxProperties, allOf anyOf oneOf not if then else, $ref to "#" and
 * "#/$defs/NAME"; $defs $schema $id at the root; title description $comment default examples say nothing.
 * Lifetime: a compiled schema is immutable and owns its text. Threads: any, each check with its own arena.
 * Fails: JD_E_INTERNAL - a schema is ours, not the asker's. */
#ifndef JD_JSON_SCHEMA_H
#define JD_JSON_SCHEMA_H
#include "json/json.h"

/* Regular expressions live in a room above this one. `test`: 1 it is found in the text, else 0. */
typedef struct jd_schema_regex {
    int (*compile)(jd_arena *a, jd_str pattern, void **out, jd_err *err);
    int (*test)(const void *re, jd_str text);
    void (*fini)(void *re);
} jd_schema_regex;

typedef struct jd_schema jd_schema;
/* re may be NULL when the schema has no patterns; it outlives the schema. The place of an error is the keyword's path.
 */
int jd_schema_compile(jd_str text, const jd_schema_regex *re, jd_schema **out, jd_err *err);
void jd_schema_free(jd_schema *s); /* NULL is fine */

typedef struct jd_schema_fault {
    struct jd_schema_fault *next;
    const jd_jstep *at;  /* the member or element at fault, or that in which something is missing; NULL: the root */
    const char *en, *zh; /* what was expected, without the path */
} jd_schema_fault;
enum { JD_SCHEMA_FAULTS_MAX = 100 };
/* All faults in the order of the text, at most JD_SCHEMA_FAULTS_MAX; NULL: it is valid. They live in the arena, and
 * their steps as long as v. */
const jd_schema_fault *jd_schema_check(const jd_schema *s, const jd_jval *v, jd_arena *a);
#endif
