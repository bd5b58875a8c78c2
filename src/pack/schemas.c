/* The published schemas: their texts, and compiled. */
#include "pack/embedded.h"
#include "pack/pack_int.h"

#include "model/query.h"

enum { SCHEMAS = PACK_KINDS + 1 };

static int compile(jd_arena *a, jd_str pattern, void **out, jd_err *err) {
    jd_regex *re = NULL;
    int rc = jd_regex_compile(a, pattern, &re, err);
    *out = re;
    return rc;
}

static int test(const void *re, jd_str text) {
    return jd_regex_test(re, text);
}

static void fini(void *re) {
    jd_regex_fini(re);
}

static const jd_schema_regex regex = {compile, test, fini};

int pack_schema_open(size_t i, jd_schema **out, jd_err *err) {
    return jd_schema_compile((jd_str){pack__embedded[i].text, pack__embedded[i].n}, &regex, out, err);
}

int pack_schemas_open(jd_schema *schemas[PACK_KINDS], jd_err *err) {
    for (size_t i = 0; i < PACK_KINDS; i++)
        if (pack_schema_open(i, &schemas[i], err)) return -1;
    return 0;
}

void pack_schemas_close(jd_schema *schemas[PACK_KINDS]) {
    for (size_t i = 0; i < PACK_KINDS; i++) jd_schema_free(schemas[i]);
}

const char *jd_pack_schema_kind(size_t i) {
    return i < SCHEMAS ? pack__embedded[i].name : NULL;
}

jd_str jd_pack_schema(jd_str kind) {
    for (size_t i = 0; i < SCHEMAS; i++)
        if (jd_str_is(kind, pack__embedded[i].name)) return (jd_str){pack__embedded[i].text, pack__embedded[i].n};
    return (jd_str){NULL, 0};
}
