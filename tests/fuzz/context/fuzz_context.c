/* Lines of any bytes: a context value, a document hosted as "a", then names and IRIs. Contexts are refused with a
 * reason, or every name has an IRI that compacts to a name with the same IRI, and http, https and urn IRIs always do.
 * No line reaches the network: whatever is not hosted is not had. */
#include "model/context_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth) {
    if (!truth) abort();
}

static jd_str line(jd_str *rest) {
    const char *nl = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    jd_str l = {rest->p, nl ? (size_t)(nl - rest->p) : rest->n};
    size_t used = l.n + (nl != NULL);
    if (used) *rest = (jd_str){rest->p + used, rest->n - used};
    return l;
}

static void round_trip(jd_context *c, jd_arena *a, jd_symtab *symbols, jd_str iri) {
    jd_str name = jd_ctx_compact_iri(c, a, iri), back = jd_ctx_expand(c, a, name);
    must(back.p && jd_str_eq(back, iri));
    jd_sym s = iri.n <= 200 && jd_symtab_count(symbols) < 50000 ? jd_sym_intern(symbols, iri, NULL) : 0;
    if (!s) return;
    jd_str once = jd_ctx_compact(c, s), twice = jd_ctx_compact(c, s);
    must(jd_str_eq(once, name) && once.p == twice.p);
    must(jd_str_eq(jd_ctx_expand(c, a, name), iri));
}

static void use(jd_context *c, jd_arena *a, jd_symtab *symbols, jd_str rest) {
    while (rest.n) {
        jd_str name = line(&rest), iri = jd_ctx_expand(c, a, name);
        if (iri.p) round_trip(c, a, symbols, iri);
        if (jd_str_starts(name, JD_STR("http://")) || jd_str_starts(name, JD_STR("https://")) ||
            jd_str_starts(name, JD_STR("urn:")))
            round_trip(c, a, symbols, name);
    }
}

static void refused(const jd_err *err) {
    must(err->code == JD_E_BAD_REQUEST_DATA || err->code == JD_E_CONTEXT || err->code == JD_E_INVALID_REQUEST);
    must(err->en[0] && err->zh[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const jd_contexts_opts opts = {.no_fetch = 1, .cached_max = 4, .depth_max = 4};
    static jd_symtab *symbols;
    static jd_contexts *r;
    jd_err err = {0};
    if (!r) {
        symbols = jd_symtab_create(0);
        r = jd_contexts_create(symbols, &opts, &err);
        must(r != NULL);
    }
    jd_str rest = {(const char *)data, size}, asked = line(&rest), hosted = line(&rest);
    jd_arena a;
    jd_jval v;
    jd_context *c, *again;
    jd_arena_init(&a);
    if (hosted.n && jd_contexts_host(r, JD_STR("a"), JD_CTX_HOSTED, hosted, 1, &err)) refused(&err);
    if (jd_json_parse(&a, asked, NULL, &v, &err) == 0) {
        if (jd_contexts_get(r, &v, 0, &c, &err) == 0) {
            must(jd_contexts_get(r, &v, 0, &again, &err) == 0);
            use(c, &a, symbols, rest);
            jd_ctx_unref(again);
            jd_ctx_unref(c);
        } else {
            refused(&err);
        }
    }
    jd_contexts_drop(r, JD_STR("a"));
    jd_arena_fini(&a);
    return 0;
}
