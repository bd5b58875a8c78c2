/* Entity type selection (clause 4.17). The standard's grammar knows one level of parentheses; more are read alike, and
 * ';' needs none. */
#include "model/q_int.h"

struct jd_typeq {
    jd_sym *types; /* by leaf */
    q_bool prog;
    int all; /* '*' */
};

typedef struct compiler {
    const jd_names *n;
    jd_sym *types;
    uint32_t cap;
} compiler;

static int parse_type(void *user, q_scan *s, uint32_t number) {
    compiler *c = user;
    jd_str name = q_name(s, Q_WHOLE_NAME);
    if (!name.p) return Q_EXPECTED(s, s->p, "an entity type", "实体类型");
    if (number == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 8;
        jd_sym *more = JD_NEWN(c->n->arena, jd_sym, c->cap);
        if (number) memcpy(more, c->types, number * sizeof *more);
        c->types = more;
    }
    jd_str iri = jd_ctx_expand(c->n->ctx, c->n->arena, name);
    c->types[number] = iri.p ? jd_sym_find(c->n->symbols, iri) : 0;
    return 0;
}

int jd_typeq_compile(const jd_names *n, jd_str text, jd_typeq **out, jd_err *err) {
    jd_typeq *q = JD_NEW(n->arena, jd_typeq);
    if (jd_str_is(text, "*")) {
        q->all = 1;
        *out = q;
        return 0;
    }
    compiler c = {.n = n};
    q_grammar g = {.arena = n->arena,
                   .comma_is_or = 1,
                   .depth_max = Q_DEPTH_MAX,
                   .leaves_max = Q_LEAVES_MAX,
                   .user = &c,
                   .leaf = parse_type};
    q_scan s;
    if (q_scan_init(&s, "type", text, err) || q_bool_parse(&s, &g, &q->prog)) return -1;
    q->types = c.types;
    *out = q;
    return 0;
}

int jd_typeq_test(const jd_typeq *q, const jd_doc *d) {
    if (q->all) return 1;
    uint32_t i = 0;
    while (i < Q_NO) {
        int yes = q->types[i] && jd_doc_has_type(d, q->types[i]);
        i = yes ? q->prog.jumps[i].yes : q->prog.jumps[i].no;
    }
    return i == Q_YES;
}

/* How many types stand for a node: all of an or; of an and, those of the part that has the fewest. */
static int need(const q_node *n, const q_node **fewest) {
    if (n->op == Q_LEAF) return 1;
    int sum = 0;
    for (const q_node *k = n->kids; k; k = k->next) {
        int of = need(k, NULL);
        if (n->op == Q_OR) {
            sum += of;
        } else if (k == n->kids || of < sum) {
            sum = of;
            if (fewest) *fewest = k;
        }
    }
    return sum;
}

static int any_of(const jd_typeq *q, const q_node *n, jd_sym *out, int at, int max) {
    while (n->op == Q_AND) need(n, &n);
    if (n->op == Q_LEAF) {
        jd_sym s = q->types[n->leaf];
        for (int i = 0; i < at; i++)
            if (out[i] == s) return at; /* each once */
        if (at == max) return -1;
        out[at] = s;
        return at + 1;
    }
    for (const q_node *k = n->kids; k && at >= 0; k = k->next) at = any_of(q, k, out, at, max);
    return at;
}

int jd_typeq_any_of(const jd_typeq *q, jd_sym *out, int max) {
    return q->all ? -1 : any_of(q, q->prog.root, out, 0, max);
}

int jd_typeq_plain(const jd_typeq *q) {
    return !q->all && q->prog.n == 1;
}
