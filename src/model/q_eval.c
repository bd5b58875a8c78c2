/* q: terms against documents. Nothing is allocated here. */
#include "model/q_int.h"

enum { OPENS_MAX = 1000 }; /* linked entities that one test may look at */

/* ---- one value against one node: -1, 0, 1 as the node is less, equal, greater; 2 when they cannot be compared ---- */

enum { APART = 2 };

static int sign(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int against_text(const q_val *v, jd_str text) {
    int64_t t;
    switch (v->kind) {
    case Q_V_TEXT:
        if (v->is_time && jd_time_parse(text, &t, NULL) == 0) return sign(t, v->time);
        return sign(jd_str_cmp(text, v->text), 0);
    case Q_V_TIME: return jd_time_parse(text, &t, NULL) ? APART : sign(t, v->time);
    case Q_V_DATE: return jd_date_valid(text) ? sign(jd_str_cmp(text, v->text), 0) : APART;
    case Q_V_CLOCK: return text.n < 36 && jd_timeofday_valid(text) ? sign(q_clock(text), v->time) : APART;
    default: return APART;
    }
}

static int against_time(const q_val *v, jd_time t, int digits) {
    if (v->is_time) return sign(t, v->time);
    if (v->kind != Q_V_TEXT) return APART;
    char scratch[JD_TIME_TEXT_MAX];
    return sign(jd_str_cmp((jd_str){scratch, jd_time_print(t, digits, scratch)}, v->text), 0);
}

static int against_sym(const q_val *v, jd_sym s, const jd_symtab *t) {
    if (v->kind != Q_V_TEXT) return APART;
    return s == v->sym ? 0 : sign(jd_str_cmp(jd_sym_name(t, s), v->text), 0);
}

/* A value with a type of its own: {"@type": ..., "@value": ...}; the object of an element of an objectList. */
static int unwrap(jd_node n, const char *member, jd_node *out) {
    jd_nodeiter it = jd_node_items(n);
    jd_sym key;
    jd_str raw;
    while (jd_node_member(&it, &key, &raw, out))
        if (!key && jd_str_is(raw, member)) return jd_node_type(*out) != JD_N_OBJ;
    return 0;
}

static int against_node(const q_val *v, jd_node n, jd_kind kind, const jd_symtab *t) {
    switch (jd_node_type(n)) {
    case JD_N_NUM:
        if (v->kind != Q_V_NUM) return APART;
        double x = jd_node_num(n);
        return (x > v->num) - (x < v->num);
    case JD_N_BOOL: return v->kind == Q_V_BOOL ? jd_node_bool(n) - (v->num != 0) : APART;
    case JD_N_STR: return against_text(v, jd_node_str(n));
    case JD_N_TIME: {
        int digits;
        jd_time at = jd_node_time(n, &digits);
        return against_time(v, at, digits);
    }
    case JD_N_IRI: return against_sym(v, jd_node_sym(n), t);
    case JD_N_OBJ:
        if (unwrap(n, kind == JD_LISTRELATIONSHIP ? "object" : "@value", &n)) return against_node(v, n, kind, t);
        return APART;
    default: return APART;
    }
}

/* ---- one term against one target ---- */

typedef struct run {
    const q_term *term;
    const jd_symtab *symbols;
    const jd_qenv *env;
    uint32_t opens;
} run;

/* Does an answer of the comparison with vals[0] (and vals[1]) fulfil the operator? */
static int fulfils(q_op op, int order) {
    switch (op) {
    case Q_LT: return order == -1;
    case Q_LE: return order <= 0;
    case Q_GT: return order == 1;
    case Q_GE: return order == 0 || order == 1;
    default: return order == 0;
    }
}

#define TRY(expr)                                                    \
    do {                                                             \
        if (t->range) {                                              \
            const q_val *v = &t->vals[0];                            \
            int low = (expr);                                        \
            v = &t->vals[1];                                         \
            return (low == 0 || low == 1) && (expr) <= 0;            \
        }                                                            \
        for (const q_val *v = t->vals; v < t->vals + t->vals_n; v++) \
            if (fulfils(t->op, (expr))) return 1;                    \
        return 0;                                                    \
    } while (0)

static int try_node(const run *r, jd_node n, jd_kind kind) {
    const q_term *t = r->term;
    TRY(against_node(v, n, kind, r->symbols));
}
static int try_text(const run *r, jd_str text) {
    const q_term *t = r->term;
    TRY(against_text(v, text));
}
static int try_time(const run *r, jd_time at, int digits) {
    const q_term *t = r->term;
    TRY(against_time(v, at, digits));
}
static int try_sym(const run *r, jd_sym s) {
    const q_term *t = r->term;
    TRY(against_sym(v, s, r->symbols));
}

/* A value that stands alone, or the elements of an array: those only count for equality. */
static int try_value(const run *r, jd_node n, jd_kind kind) {
    if (jd_node_type(n) != JD_N_ARR) return try_node(r, n, kind);
    if (r->term->op != Q_EQ && r->term->op != Q_NE) return 0;
    jd_nodeiter it = jd_node_items(n);
    jd_node item;
    while (jd_node_next(&it, &item))
        if (try_node(r, item, kind)) return 1;
    return 0;
}

static int try_target(const run *r, const q_target *g) {
    jd_bytes rest = g->list;
    jd_node n;
    jd_sym s;
    jd_str text;
    switch (g->what) {
    case Q_T_NODE: return try_value(r, g->node, g->kind);
    case Q_T_MAP: {
        jd_nodeiter it = jd_node_items(g->node);
        while (jd_node_member(&it, &s, &text, &n))
            if (try_value(r, n, g->kind)) return 1;
        return 0;
    }
    case Q_T_TIME: return try_time(r, g->time, g->digits);
    case Q_T_TEXT: return try_text(r, g->text);
    case Q_T_SYMS:
        while ((r->term->op == Q_EQ || r->term->op == Q_NE) && jd_syms_next(&rest, &s))
            if (try_sym(r, s)) return 1;
        return 0;
    default:
        while ((r->term->op == Q_EQ || r->term->op == Q_NE) && jd_strs_next(&rest, &text))
            if (try_text(r, text)) return 1;
        return 0;
    }
}

/* 1 matches, 0 does not, -1 is no string or was given up. */
static int match_node(const run *r, jd_node n) {
    char scratch[JD_TIME_TEXT_MAX];
    jd_str text = jd_node_text(n, r->symbols, scratch);
    return text.p ? jd_regex_run(r->term->regex, text) : -1;
}

static int match_target(const run *r, const q_target *g) {
    int want = r->term->op == Q_MATCH;
    char scratch[JD_TIME_TEXT_MAX];
    if (g->what == Q_T_TIME)
        return jd_regex_run(r->term->regex, (jd_str){scratch, jd_time_print(g->time, g->digits, scratch)}) == want;
    if (g->what == Q_T_TEXT) return jd_regex_run(r->term->regex, g->text) == want;
    if (g->what == Q_T_NODE) return match_node(r, g->node) == want;
    if (g->what != Q_T_MAP) return 0;
    jd_nodeiter it = jd_node_items(g->node);
    jd_sym key;
    jd_str raw;
    jd_node n;
    int strings = 0;
    while (jd_node_member(&it, &key, &raw, &n)) {
        int got = match_node(r, n);
        if (got == 1) return want;
        strings += got == 0;
    }
    return !want && strings;
}

static int holds(void *user, const q_target *g) {
    const run *r = user;
    q_op op = r->term->op;
    if (op == Q_EXISTS || op == Q_ABSENT) return 1;
    /* relationships are only equal or not (clause 4.9) */
    if (op > Q_NE && g->what == Q_T_NODE && (g->kind == JD_RELATIONSHIP || g->kind == JD_LISTRELATIONSHIP)) return 0;
    if (op == Q_MATCH || op == Q_UNMATCH) return match_target(r, g);
    return op == Q_NE ? !try_target(r, g) : try_target(r, g);
}

/* ---- one term against a document ---- */

/* The usual case, without the detour: numbers against a whole attribute. */
static int holds_quick(run *r, const jd_doc *d) {
    const q_term *t = r->term;
    jd_sym name = t->path.steps[0];
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(d, name, &v, &rest)) return 0;
    do {
        if (jd_node_type(v.value) == JD_N_NUM) {
            double x = jd_node_num(v.value), a = t->vals[0].num;
            int yes = 0;
            if (t->range) {
                yes = (x >= a && x <= t->vals[1].num) == (t->op == Q_EQ);
            } else {
                switch (t->op) {
                case Q_EQ: yes = x == a; break;
                case Q_NE: yes = x != a; break;
                case Q_LT: yes = x < a; break;
                case Q_LE: yes = x <= a; break;
                case Q_GT: yes = x > a; break;
                default: yes = x >= a;
                }
            }
            if (yes) return 1;
        } else {
            q_target g = q_target_of(&v);
            if (holds(r, &g)) return 1;
        }
    } while (q_next_instance(&rest, d->created, name, &v));
    return 0;
}

static int follow(run *r, const jd_doc *d, uint32_t hop);

static int follow_id(run *r, jd_node n, jd_kind kind, uint32_t hop) {
    const q_hop *h = &r->term->hops[hop];
    if (jd_node_type(n) == JD_N_OBJ && (kind != JD_LISTRELATIONSHIP || !unwrap(n, "object", &n))) return 0;
    if (jd_node_type(n) != JD_N_STR || r->opens == 0) return 0;
    r->opens--;
    jd_doc next;
    if (!r->env->linked(r->env->user, jd_node_str(n), &next)) return 0;
    int fits = h->types_n == 0;
    for (uint32_t i = 0; i < h->types_n && !fits; i++) fits = h->types[i] && jd_doc_has_type(&next, h->types[i]);
    return fits && follow(r, &next, hop + 1);
}

static int follow(run *r, const jd_doc *d, uint32_t hop) {
    if (hop == r->term->hops_n) return r->term->quick ? holds_quick(r, d) : q_path_visit(&r->term->path, d, holds, r);
    jd_sym rel = r->term->hops[hop].rel;
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(d, rel, &v, &rest)) return 0;
    do {
        if (v.kind != JD_RELATIONSHIP && v.kind != JD_LISTRELATIONSHIP) continue;
        if (jd_node_type(v.value) != JD_N_ARR) {
            if (follow_id(r, v.value, v.kind, hop)) return 1;
            continue;
        }
        jd_nodeiter it = jd_node_items(v.value);
        jd_node item;
        while (jd_node_next(&it, &item))
            if (follow_id(r, item, v.kind, hop)) return 1;
    } while (q_next_instance(&rest, d->created, rel, &v));
    return 0;
}

int jd_q_test(const jd_q *q, const jd_doc *d, const jd_qenv *env) {
    run r = {.symbols = q->symbols, .env = env, .opens = env && env->linked ? OPENS_MAX : 0};
    uint32_t i = 0;
    while (i < Q_NO) {
        r.term = &q->terms[i];
        int yes = follow(&r, d, 0) != (r.term->op == Q_ABSENT);
        i = yes ? q->prog.jumps[i].yes : q->prog.jumps[i].no;
    }
    return i == Q_YES;
}
