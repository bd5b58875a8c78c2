/* Stored documents: bytes that pass the check can be read, rendered and taken apart whatever they are. */
#include "model/entity.h"
#include "model/render.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static jd_symtab *symbols;
    static jd_contexts *contexts;
    if (!symbols) {
        symbols = jd_symtab_create(0);
        char name[16]; /* so that small symbol numbers mean something */
        for (int i = 0; i < 64; i++)
            jd_sym_intern(symbols, (jd_str){name, (size_t)snprintf(name, sizeof name, "urn:n%d", i)}, NULL);
        jd_contexts_opts o = {.no_fetch = 1};
        contexts = jd_contexts_create(symbols, &o, NULL);
    }
    jd_str bytes = {(const char *)data, size};
    if (jd_doc_check(bytes, jd_symtab_count(symbols), NULL)) return 0;
    jd_arena a;
    jd_arena_init(&a);
    jd_doc d, t;
    jd_doc_open(&d, bytes);
    for (int f = 0; f < 3; f++) {
        jd_buf out = {0};
        jd_render r = {.ctx = jd_contexts_core(contexts),
                       .symbols = symbols,
                       .format = (jd_format)f,
                       .sys_attrs = f == 0,
                       .geojson = f == 1,
                       .lang = JD_STR("zh,en;q=0.5"),
                       .arena = &a};
        jd_render_entity(&r, &d, &out);
        jd_buf_fini(&out);
    }
    jd_doc_trim(&d, 1, symbols, &a, &t);
    /* as a tree and back it must be the same bytes */
    jd_ent e;
    jd_doc_tree(&d, &a, &e);
    jd_attrview v;
    jd_bytes rest = d.attrs;
    for (uint32_t i = 0; jd_attr_next(&rest, d.created, &v); i++)
        jd_attr_decode(&v, d.created, symbols, &a, &e.attrs[i]);
    jd_arena_fini(&a);
    return 0;
}
