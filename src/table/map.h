/* table/map.h - the mapping document: how rows of a table become readings of entities (docs/mapping.md).
 *
 * jd_map_open() reads the JSON, jd_map_compile() checks every member and turns names into symbols; then the map is
 * immutable and may be used by any thread. Fails: JD_E_BAD_REQUEST_DATA; the text begins with the member's path
 * ("attributes.pm25.unit: ..."), the place is "FILE:LINE:COLUMN". Nothing here knows a data set by name. */
#ifndef JD_TABLE_MAP_H
#define JD_TABLE_MAP_H
#include "model/entity.h"
#include "table/table.h"

typedef struct jd_map jd_map;
/* name: how messages call the document. The text is copied. */
int jd_map_open(jd_map **out, const char *name, jd_str text, jd_err *err);
void jd_map_free(jd_map *m);
/* Its "@context", for jd_contexts_get(); NULL: none, the core context holds. */
const jd_jval *jd_map_context(const jd_map *m);
/* ctx is referenced until jd_map_free(). Once for each map. */
int jd_map_compile(jd_map *m, jd_context *ctx, jd_symtab *symbols, jd_err *err);
const jd_table_form *jd_map_form(const jd_map *m);
/* The i-th column that it reads, as the document writes it; n 0 behind the last. */
jd_str jd_map_column(const jd_map *m, size_t i);
/* Can values be read by it one by one? 0: it has "each". */
int jd_map_is_live(const jd_map *m);
/* Share of rows with a refusal, in percent, from which the mapping itself is doubted; what the document says, else 10.
 */
double jd_map_refused_max(const jd_map *m);

/* What the document may hold, for the published schema's test: the i-th member of an object of the format
 * ("mapping", "table", "time", "parts", "entity", "each", "attribute", "unit", "words", "test"), or NULL
 * behind the last. *types: "string|number|boolean|array|object" of those allowed; *needed: it must be there. */
const char *jd_map_member(const char *object, size_t i, char types[64], int *needed);
#endif
