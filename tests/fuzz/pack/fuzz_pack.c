/* Declarations of packs. Input: a byte - a kind of declaration, beyond them a schema - then its text. Beyond not
 * falling over: each fault has a place in the text and its words in both languages, and its path leads back to that
 * place; a text is refused again for the same faults; whatever is a semantic version equals itself. */
#include "pack/pack_int.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                    \
    do {                                                                              \
        if (!(what)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

static jd_schema *schemas[PACK_KINDS];

static void a_fault(jd_arena *a, jd_str text, const jd_jval *v, const jd_schema_fault *f) {
    unsigned line, column, again_line, again_column;
    jd_buf path = {0};
    int plain = 1;
    for (const jd_jstep *s = f->at; s; s = s->up)
        plain &= !s->name.p || (s->name.n && s->name.n <= 60 && !memchr(s->name.p, '.', s->name.n) &&
                                !memchr(s->name.p, '[', s->name.n));
    MUST(f->en[0] && f->zh[0]);
    jd_jplace_of(text, f->at, &line, &column);
    jd_str span = jd_jspan(text, f->at, NULL);
    MUST(line && column && span.p >= text.p && span.p + span.n <= text.p + text.n);
    jd_jpath_write(&path, f->at);
    jd_jplace_of(text, jd_jsteps(a, v, jd_buf_view(&path)), &again_line, &again_column);
    MUST(!plain || (line == again_line && column == again_column));
    jd_buf_fini(&path);
}

static size_t check(const jd_schema *s, jd_str text, const jd_jval *v) {
    jd_arena a;
    size_t n = 0;
    jd_arena_init(&a);
    for (const jd_schema_fault *f = jd_schema_check(s, v, &a); f; f = f->next, n++) a_fault(&a, text, v, f);
    jd_arena_fini(&a);
    MUST(n <= JD_SCHEMA_FAULTS_MAX);
    return n;
}

static void as_schema(jd_str text) {
    jd_schema *s = NULL;
    jd_err err = {0};
    if (jd_schema_compile(text, NULL, &s, &err)) {
        MUST(err.en[0] && err.zh[0]);
        return;
    }
    jd_jval null = jd_jmake_null();
    jd_arena a;
    jd_arena_init(&a);
    jd_schema_check(s, &null, &a);
    jd_arena_fini(&a);
    jd_schema_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    if (!schemas[0] && pack_schemas_open(schemas, &err)) abort();
    if (!size) return 0;
    char *copy = jd_xmalloc(size); /* of its exact size: a sanitizer sees a read beyond it */
    memcpy(copy, data + 1, size - 1);
    jd_str text = {copy, size - 1};
    if (pack_version_valid(text)) MUST(pack_version_cmp(text, text) == 0);
    jd_arena_init(&a);
    if (data[0] >= PACK_KINDS) {
        as_schema(text);
    } else if (!jd_json_parse(&a, text, NULL, &v, &err)) {
        size_t n = check(schemas[data[0]], text, &v);
        MUST(n == check(schemas[data[0]], text, &v));
    }
    jd_arena_fini(&a);
    free(copy);
    return 0;
}
