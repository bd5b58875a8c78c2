/* Scope queries (clause 4.19). A scope's leading '/' may be missing, in the query as in the entity (clause 4.18). */
#include "model/q_int.h"

enum { LEVELS_MAX = 64 };

typedef struct scope {
    jd_str *levels; /* "+": any one level */
    uint32_t n;
    int below; /* ends in '#': what lies below matches too */
} scope;

struct jd_scopeq {
    scope *scopes; /* by leaf */
    q_bool prog;
};

typedef struct compiler {
    const jd_names *n;
    scope *scopes;
    uint32_t cap;
} compiler;

/* '+', or a letter of any script that letters, digits and '_' follow. */
static int level_ok(jd_str l) {
    if (jd_str_is(l, "+")) return 1;
    for (size_t i = 0; i < l.n; i++) {
        unsigned char c = (unsigned char)l.p[i];
        int letter = ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
        if (!letter && !(i && ((c >= '0' && c <= '9') || c == '_'))) return 0;
    }
    return l.n > 0;
}

static int parse_scope(void *user, q_scan *s, uint32_t number) {
    compiler *c = user;
    const char *from = s->p;
    jd_str text = q_name(s, Q_SCOPE_NAME);
    if (!text.p) return Q_EXPECTED(s, from, "a scope such as /A/B, /A/+/C or /A/#", "作用域，如 /A/B、/A/+/C 或 /A/#");
    if (number == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 8;
        scope *more = JD_NEWN(c->n->arena, scope, c->cap);
        if (number) memcpy(more, c->scopes, number * sizeof *more);
        c->scopes = more;
    }
    scope *sc = &c->scopes[number];
    *sc = (scope){0};
    jd_str levels[LEVELS_MAX];
    const char *p = text.p, *end = text.p + text.n;
    if (*p == '/') p++;
    for (;;) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        jd_str l = {p, (size_t)((slash ? slash : end) - p)};
        if (sc->below || !(level_ok(l) || (jd_str_is(l, "#") && !slash)))
            return Q_EXPECTED(s, p, "a scope level (a name, + or, at the end, #)",
                              "作用域的一级（名称、+，或在末尾的 #）");
        if (sc->n == LEVELS_MAX)
            return Q_REFUSE(s, p, JD_E_TOO_COMPLEX_QUERY, "a scope has more than %d levels", "作用域超过 %d 级",
                            (int)LEVELS_MAX);
        if (jd_str_is(l, "#"))
            sc->below = 1;
        else
            levels[sc->n++] = jd_arena_dup(c->n->arena, l);
        if (!slash) break;
        p = slash + 1;
    }
    sc->levels = JD_NEWN(c->n->arena, jd_str, sc->n);
    if (sc->n) memcpy(sc->levels, levels, sc->n * sizeof *levels);
    return 0;
}

int jd_scopeq_compile(const jd_names *n, jd_str text, jd_scopeq **out, jd_err *err) {
    jd_scopeq *q = JD_NEW(n->arena, jd_scopeq);
    compiler c = {.n = n};
    q_grammar g = {.arena = n->arena,
                   .comma_is_or = 1,
                   .depth_max = Q_DEPTH_MAX,
                   .leaves_max = Q_LEAVES_MAX,
                   .user = &c,
                   .leaf = parse_scope};
    q_scan s;
    if (q_scan_init(&s, "scopeQ", text, err) || q_bool_parse(&s, &g, &q->prog)) return -1;
    q->scopes = c.scopes;
    *out = q;
    return 0;
}

static int within(const scope *sc, jd_str s) {
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && *p == '/') p++;
    for (uint32_t i = 0; i < sc->n; i++) {
        if (p == end) return 0;
        const char *slash = memchr(p, '/', (size_t)(end - p));
        jd_str l = {p, (size_t)((slash ? slash : end) - p)};
        if (!jd_str_is(sc->levels[i], "+") && !jd_str_eq(sc->levels[i], l)) return 0;
        p = slash ? slash + 1 : end;
    }
    return p == end || sc->below;
}

static int has_scope(const scope *sc, const jd_doc *d) {
    jd_bytes rest = d->scopes;
    jd_str s;
    while (jd_strs_next(&rest, &s))
        if (within(sc, s)) return 1;
    return 0;
}

int jd_scopeq_test(const jd_scopeq *q, const jd_doc *d) {
    uint32_t i = 0;
    while (i < Q_NO) i = has_scope(&q->scopes[i], d) ? q->prog.jumps[i].yes : q->prog.jumps[i].no;
    return i == Q_YES;
}

int jd_scopeq_may(const jd_scopeq *q, jd_str scope_text) {
    for (uint32_t i = 0; i < q->prog.n; i++)
        if (within(&q->scopes[i], scope_text)) return 1;
    return 0;
}

int jd_scopeq_plain(const jd_scopeq *q, jd_arena *a, jd_str *path) {
    const scope *sc = q->scopes;
    jd_buf b = {0};
    if (q->prog.n != 1) return 0;
    for (uint32_t i = 0; i < sc->n; i++) {
        if (jd_str_is(sc->levels[i], "+")) return jd_buf_fini(&b), 0;
        if (i) jd_buf_c(&b, '/');
        jd_buf_str(&b, sc->levels[i]);
    }
    *path = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return 1;
}
