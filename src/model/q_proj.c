/* attrs, pick and omit (clause 4.21): which members of an entity, and of the entities linked to it, are shown. */
#include "model/q_int.h"

#include <stdlib.h>

enum { NAMES_MAX = 1000 };

/* ---- the text as a tree ---- */

typedef struct item {
    const char *at;
    jd_str iri;                /* p NULL: a name that the context maps to nothing */
    int member;                /* jd_member, NO_MEMBER, or CONTEXT */
    struct item *inner, *next; /* inner: what stands in braces */
} item;
enum { NO_MEMBER = -1, CONTEXT = -2 };

typedef struct compiler {
    const jd_names *n;
    uint32_t names;
} compiler;

static int member_of(jd_str name, jd_str iri) {
    switch (q_member_of(name, iri)) {
    case Q_ID: return JD_M_ID;
    case Q_TYPE: return JD_M_TYPE;
    case Q_SCOPE: return JD_M_SCOPE;
    case Q_CREATED: return JD_M_CREATED;
    case Q_MODIFIED: return JD_M_MODIFIED;
    case Q_EXPIRES: return JD_M_EXPIRES;
    default: return jd_str_is(name, "@context") ? CONTEXT : NO_MEMBER;
    }
}

static int same(const item *a, const item *b) {
    return a->member == b->member && (a->member != NO_MEMBER || (a->iri.p && b->iri.p && jd_str_eq(a->iri, b->iri)));
}

static int parse_items(compiler *c, q_scan *s, uint32_t depth, item **out) {
    item *first = NULL, **to = &first;
    int braces = 0;
    do {
        q_blanks(s);
        item *it = *to = JD_NEW(c->n->arena, item);
        to = &it->next;
        it->at = s->p;
        jd_str name = q_name(s, Q_WHOLE_NAME);
        if (!name.p) return Q_EXPECTED(s, s->p, "a name", "名称");
        if (++c->names > NAMES_MAX)
            return Q_REFUSE(s, it->at, JD_E_TOO_COMPLEX_QUERY, "there are more than %d names", "名称超过 %d 个",
                            (int)NAMES_MAX);
        jd_str iri = jd_ctx_expand(c->n->ctx, c->n->arena, name);
        if (iri.p) it->iri = jd_arena_dup(c->n->arena, iri);
        it->member = member_of(name, iri);
        if (!q_take(s, '{')) continue;
        braces = 1;
        if (it->member != NO_MEMBER)
            return Q_REFUSE(s, it->at, JD_E_BAD_REQUEST_DATA, "braces need the name of a Relationship",
                            "花括号之前应为 Relationship 的名称");
        if (depth == Q_LINKS_MAX)
            return Q_REFUSE(s, it->at, JD_E_BAD_REQUEST_DATA, "linked entities are followed %d deep at most",
                            "关联实体最多追踪 %d 层", (int)Q_LINKS_MAX);
        if (parse_items(c, s, depth + 1, &it->inner)) return -1;
        if (!q_take(s, '}')) return Q_EXPECTED(s, s->p, "',', '|' or '}'", "“,”、“|”或“}”");
    } while (q_take(s, ',') || q_take(s, '|'));
    /* twice the same says nothing new, unless there are braces to tell which one is meant */
    for (item *a = first; a; a = a->next)
        for (item *b = braces ? a->next : NULL; b; b = b->next)
            if ((a->inner || b->inner) && same(a, b))
                return Q_REFUSE(s, b->at, JD_E_BAD_REQUEST_DATA, "this name was given already", "该名称重复");
    *out = first;
    return 0;
}

static int parse(compiler *c, q_scan *s, const char *what, jd_str text, jd_err *err, item **out) {
    if (q_scan_init(s, what, text, err) || parse_items(c, s, 0, out)) return -1;
    return q_at_end(s) ? 0 : Q_EXPECTED(s, s->p, "',', '|', '{' or the end", "“,”、“|”、“{”或结尾");
}

/* ---- compiled ---- */

typedef struct names {
    jd_sym *syms; /* in order; unknown names are left out */
    uint32_t n;
    unsigned members; /* bits */
} names;

typedef struct nested {
    jd_sym name;
    jd_proj *proj;
} nested;

struct jd_proj {
    enum { ALL, ATTRS, PICK } show;
    names shown, hidden;
    int narrows;
    uint32_t links;
    nested *nested;
    uint32_t nested_n;
};

static int by_number(const void *a, const void *b) {
    jd_sym x = *(const jd_sym *)a, y = *(const jd_sym *)b;
    return (x > y) - (x < y);
}

/* whole: only names without braces (those of omit hide something further down, not the relationship). */
static void collect(compiler *c, const item *first, int whole, names *out) {
    uint32_t n = 0;
    for (const item *it = first; it; it = it->next) n++;
    out->syms = JD_NEWN(c->n->arena, jd_sym, n);
    for (const item *it = first; it; it = it->next) {
        if (it->member >= 0) out->members |= 1u << it->member;
        if (it->member != NO_MEMBER || !it->iri.p || (whole && it->inner)) continue;
        jd_sym s = jd_sym_find(c->n->symbols, it->iri);
        if (s) out->syms[out->n++] = s;
    }
    qsort(out->syms, out->n, sizeof *out->syms, by_number);
}

static int has(const names *l, jd_sym s) {
    return l->n && bsearch(&s, l->syms, l->n, sizeof *l->syms, by_number) != NULL;
}

static const item *find(const item *list, const item *like) {
    while (list && !same(list, like)) list = list->next;
    return list;
}

/* s: of omit, for the error. */
static int build(compiler *c, q_scan *s, const item *pick, const item *omit, jd_proj **out) {
    jd_proj *p = *out = JD_NEW(c->n->arena, jd_proj);
    uint32_t inner = 0;
    for (const item *it = pick; it; it = it->next) inner += it->inner != NULL;
    for (const item *it = omit; it; it = it->next) {
        inner += it->inner != NULL;
        if (!it->inner && find(pick, it))
            return Q_REFUSE(s, it->at, JD_E_BAD_REQUEST_DATA, "this name is in pick as well",
                            "该名称同时出现在 pick 中");
    }
    p->show = pick ? PICK : ALL;
    collect(c, pick, 0, &p->shown);
    collect(c, omit, 1, &p->hidden);
    for (const item *it = pick; it; it = it->next) p->narrows |= it->member == NO_MEMBER;
    p->nested = JD_NEWN(c->n->arena, nested, inner);
    for (int side = 0; side < 2; side++) {
        for (const item *it = side ? omit : pick; it; it = it->next) {
            if (!it->inner || (side && find(pick, it) && find(pick, it)->inner)) continue;
            const item *other = side ? NULL : find(omit, it);
            jd_proj *sub;
            if (build(c, s, side ? NULL : it->inner, side ? it->inner : other ? other->inner : NULL, &sub)) return -1;
            if (sub->links + 1 > p->links) p->links = sub->links + 1;
            jd_sym name = it->iri.p ? jd_sym_find(c->n->symbols, it->iri) : 0;
            if (name) p->nested[p->nested_n++] = (nested){name, sub};
        }
    }
    return 0;
}

static int build_attrs(compiler *c, q_scan *s, const item *list, jd_proj **out) {
    for (const item *it = list; it; it = it->next) {
        if (it->inner)
            return Q_REFUSE(s, it->at, JD_E_BAD_REQUEST_DATA,
                            "attrs names attributes of the entity itself; for linked ones use pick",
                            "attrs 只列出实体自身的属性；关联实体请用 pick");
        if (it->member == JD_M_ID || it->member == JD_M_TYPE || it->member == CONTEXT)
            return Q_EXPECTED(s, it->at, "an attribute name", "属性名称");
    }
    if (build(c, s, list, NULL, out)) return -1;
    (*out)->show = ATTRS;
    return 0;
}

int jd_proj_compile(const jd_names *n, jd_str attrs, jd_str pick, jd_str omit, jd_proj **out, jd_err *err) {
    compiler c = {.n = n};
    item *picked = NULL, *omitted = NULL, *listed = NULL;
    q_scan s;
    if (attrs.p && (pick.p || omit.p)) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "attrs cannot stand beside pick or omit",
                "attrs 不能与 pick 或 omit 同时使用");
        return jd_fail_at(err, "attrs");
    }
    jd_proj *p = NULL;
    if (attrs.p) {
        if (parse(&c, &s, "attrs", attrs, err, &listed) || build_attrs(&c, &s, listed, &p)) return -1;
    } else if (pick.p || omit.p) {
        if (pick.p && parse(&c, &s, "pick", pick, err, &picked)) return -1;
        if (omit.p && parse(&c, &s, "omit", omit, err, &omitted)) return -1;
        if (build(&c, &s, picked, omitted, &p)) return -1;
    }
    *out = p;
    return 0;
}

int jd_proj_member(const jd_proj *p, jd_member m) {
    if (!p || p->show == ATTRS) return 1;
    if (p->hidden.members >> m & 1) return 0;
    return p->show == ALL || (p->shown.members >> m & 1);
}

int jd_proj_attr(const jd_proj *p, jd_sym name) {
    if (!p) return 1;
    return (p->show == ALL || has(&p->shown, name)) && !has(&p->hidden, name);
}

const jd_proj *jd_proj_nested(const jd_proj *p, jd_sym name) {
    for (uint32_t i = 0; p && i < p->nested_n; i++)
        if (p->nested[i].name == name) return p->nested[i].proj;
    return NULL;
}

uint32_t jd_proj_links(const jd_proj *p) {
    return p ? p->links : 0;
}

int jd_proj_narrows(const jd_proj *p) {
    return p && p->narrows;
}

/* Every entity has these, so a pick of them, or an omit that leaves them, always shows something. */
static int shows_member(const jd_proj *p, const jd_doc *d) {
    static const jd_member always[] = {JD_M_ID, JD_M_TYPE, JD_M_CREATED, JD_M_MODIFIED};
    for (size_t i = 0; i < (p->show == PICK ? 4 : 2); i++) /* times are shown only when asked for */
        if (jd_proj_member(p, always[i])) return 1;
    return (d->scopes_n && jd_proj_member(p, JD_M_SCOPE)) ||
           (d->expires != JD_TIME_NONE && jd_proj_member(p, JD_M_EXPIRES));
}

int jd_proj_keeps(const jd_proj *p, const jd_doc *d) {
    if (!p) return 1;
    if (p->show == ATTRS ? !p->narrows : shows_member(p, d)) return 1;
    if (p->show != ALL) {
        for (uint32_t i = 0; i < p->shown.n; i++)
            if (jd_doc_attr(d, p->shown.syms[i], &(jd_attrview){0}, NULL)) return 1;
        return 0;
    }
    jd_bytes rest = d->attrs;
    jd_attrview v;
    while (jd_attr_next(&rest, d->created, &v))
        if (!has(&p->hidden, v.name)) return 1;
    return 0;
}
