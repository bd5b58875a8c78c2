/* Names that the store does not know, and q taken apart as text: for those who ask why nothing comes. */
#include "told/unknown.h"

#include "json/json.h"

#include <string.h>

void unknown_init(unknown *u, const jd_symtab *symbols, jd_context *ctx) {
    *u = (unknown){.symbols = symbols, .ctx = ctx};
    jd_arena_init(&u->a);
}

void unknown_fini(unknown *u) {
    jd_arena_fini(&u->a);
}

static int is_known(const unknown *u, jd_str iri) {
    return jd_sym_find(u->symbols, iri) != 0;
}

static jd_str iri_of(unknown *u, jd_str name) {
    jd_str iri = jd_ctx_expand(u->ctx, &u->a, name);
    return iri.p && iri.n ? iri : name;
}

static void add(unknown *u, jd_str iri) {
    for (uint32_t i = 0; i < u->n; i++)
        if (jd_str_eq(u->name[i], iri)) return;
    if (u->n < UNKNOWN_MAX) u->name[u->n++] = jd_arena_dup(&u->a, iri);
}

void unknown_name(unknown *u, jd_str name) {
    if (!name.n || jd_str_is(name, "*")) return;
    jd_str iri = iri_of(u, name);
    if (!is_known(u, iri)) add(u, iri);
}

void unknown_types(unknown *u, jd_str types) {
    size_t from = 0;
    for (size_t i = 0; types.p && i <= types.n; i++) {
        if (i < types.n && !strchr("|;,()", types.p[i])) continue;
        unknown_name(u, (jd_str){types.p + from, i - from});
        from = i + 1;
    }
}

/* A path in an attribute (a.b, a[b]) begins with its name; a name that holds dots itself is one as a whole. */
static void look_at(unknown *u, jd_str path) {
    static const char *const own[] = {"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"};
    const char *dot = memchr(path.p, '.', path.n);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (jd_str_is(path, own[i])) return;
    if (dot && !is_known(u, iri_of(u, path)) && !memchr(path.p, ':', path.n)) path.n = (size_t)(dot - path.p);
    unknown_name(u, path);
}

static size_t behind_quotes(jd_str q, size_t i) { /* i is at the opening one */
    for (i++; i < q.n && q.p[i] != '"'; i++)
        if (q.p[i] == '\\') i++;
    return i < q.n ? i : q.n;
}

static size_t behind_pattern(jd_str q, size_t i) { /* its last character */
    int depth = 0;
    for (i++; i < q.n; i++) {
        char c = q.p[i];
        if (c == '(' || c == '[') depth++;
        if ((c == ')' || c == ']') && depth-- == 0) break;
        if (!depth && (c == ';' || c == '|')) break;
    }
    return i - 1;
}

void unknown_q(unknown *u, jd_str q) {
    int left = 1; /* of an operator */
    size_t from = 0;
    for (size_t i = 0; q.p && i <= q.n; i++) {
        char c = i < q.n ? q.p[i] : ';';
        if (c == '"') {
            i = behind_quotes(q, i);
            continue;
        }
        if (left && strchr("=!<>~[{()|;} ", c)) {
            if (i > from) {
                look_at(u, (jd_str){q.p + from, i - from});
                left = c == ';' || c == '|';
            }
            from = i + 1;
        }
        if (c == '~') { /* a pattern has brackets and bars of its own */
            i = behind_pattern(q, i);
        } else if (c == '[') { /* a path */
            while (i < q.n && q.p[i] != ']') i++;
        } else if (c == ';' || c == '|') {
            left = 1;
            from = i + 1;
        } else if (c == '{') {
            break; /* names of linked entities */
        }
    }
}

void unknown_write(const unknown *u, jd_buf *out) {
    jd_buf_c(out, '[');
    for (uint32_t i = 0; i < u->n; i++) {
        if (i) jd_buf_c(out, ',');
        jd_json_write_str(out, u->name[i]);
    }
    jd_buf_c(out, ']');
}

size_t q_terms(jd_str q, jd_str *out, size_t max) {
    size_t n = 0, from = 0;
    int depth = 0;
    for (size_t i = 0; i <= q.n; i++) {
        char c = i < q.n ? q.p[i] : ';';
        if (c == '"') {
            i = behind_quotes(q, i);
            continue;
        }
        if (c == '(' || c == '{' || c == '[') depth++;
        if (c == ')' || c == '}' || c == ']') depth--;
        if ((c == '|' && !depth) || n == max) return out[0] = q, 1;
        if (c != ';' || (depth && i < q.n)) continue;
        out[n++] = (jd_str){q.p + from, i - from};
        from = i + 1;
    }
    return n;
}
