/* Attribute paths (clause 4.9, production ValuePath): a.b.c[d.e]. */
#include "model/q_int.h"

enum { STEPS_MAX = 16, KEYS_MAX = 32, NAMES_MAX = 1000 };

q_member q_member_of(jd_str name, jd_str iri) {
    static const struct {
        const char *term, *local; /* local: behind JD_NGSI, where that differs */
        q_member member;
    } known[] = {
        {"id", NULL, Q_ID},
        {"type", NULL, Q_TYPE},
        {"scope", NULL, Q_SCOPE},
        {"createdAt", NULL, Q_CREATED},
        {"modifiedAt", NULL, Q_MODIFIED},
        {"expiresAt", NULL, Q_EXPIRES},
        {"observedAt", NULL, Q_OBSERVED},
        {"unitCode", NULL, Q_UNIT},
        {"datasetId", NULL, Q_DATASET},
        {"objectType", "hasObjectType", Q_OBJECTTYPE},
        {"valueType", "hasValueType", Q_VALUETYPE},
    };
    if (iri.n && iri.p[0] == '@') { /* an alias of a keyword */
        name = (jd_str){iri.p + 1, iri.n - 1};
        return jd_str_is(name, "id") ? Q_ID : jd_str_is(name, "type") ? Q_TYPE : Q_ATTR;
    }
    jd_str local = {NULL, 0};
    if (jd_str_starts(name, JD_STR(JD_NGSI)))
        local = (jd_str){name.p + sizeof JD_NGSI - 1, name.n - (sizeof JD_NGSI - 1)};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (jd_str_is(name, known[i].term)) return known[i].member;
        if (local.n && jd_str_is(local, known[i].local ? known[i].local : known[i].term)) return known[i].member;
    }
    return Q_ATTR;
}

/* ---- lists of names ---- */

int q_list_parse(const jd_names *n, const char *what, jd_str text, q_list *out, jd_err *err) {
    *out = (q_list){0};
    if (!text.p) return 0;
    q_scan s;
    if (q_scan_init(&s, what, text, err)) return -1;
    uint32_t most = 1;
    for (size_t i = 0; i < text.n; i++) most += text.p[i] == ',';
    if (most > NAMES_MAX)
        return Q_REFUSE(&s, s.p, JD_E_TOO_COMPLEX_QUERY, "more than %d names", "名称超过 %d 个", (int)NAMES_MAX);
    out->iris = JD_NEWN(n->arena, jd_str, most);
    do {
        q_blanks(&s);
        jd_str name = q_name(&s, Q_WHOLE_NAME);
        if (!name.p) return Q_EXPECTED(&s, s.p, "an attribute name", "属性名称");
        jd_str iri = jd_ctx_expand(n->ctx, n->arena, name);
        if (iri.p) out->iris[out->n++] = jd_arena_dup(n->arena, iri);
    } while (q_take(&s, ','));
    return q_at_end(&s) ? 0 : Q_EXPECTED(&s, s.p, "',' or the end", "“,”或结尾");
}

int q_list_has(const q_list *l, jd_str iri) {
    if (iri.p)
        for (uint32_t i = 0; i < l->n; i++)
            if (jd_str_eq(l->iris[i], iri)) return 1;
    return 0;
}

/* ---- from text ---- */

static int parse_keys(q_scan *s, const jd_names *n, q_path *out) {
    q_blanks(s);
    if (s->p < s->end && *s->p == '*') {
        s->p++;
        out->any_key = 1;
        return q_take(s, ']') ? 0 : Q_EXPECTED(s, s->p, "']'", "“]”");
    }
    q_key keys[KEYS_MAX];
    do {
        const char *at = s->p;
        jd_str name = q_name(s, Q_PATH_NAME);
        if (!name.p) return Q_EXPECTED(s, at, "a member name", "成员名称");
        if (out->keys_n == KEYS_MAX)
            return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "a path has more than %d members in brackets",
                            "方括号中的成员超过 %d 个", (int)KEYS_MAX);
        q_key *k = &keys[out->keys_n++];
        *k = (q_key){.raw = jd_arena_dup(n->arena, name)};
        /* as values are stored: id, type and keywords stay as written, and only what expands to an IRI is a symbol */
        if (name.p[0] == '@' || jd_str_is(name, "id") || jd_str_is(name, "type")) continue;
        jd_str iri = jd_ctx_expand(n->ctx, n->arena, name);
        if (iri.n && iri.p[0] != '@' && memchr(iri.p, ':', iri.n)) {
            k->iri = 1;
            k->sym = jd_sym_find(n->symbols, iri);
        }
    } while (q_take(s, '.'));
    if (!q_take(s, ']')) return Q_EXPECTED(s, s->p, "'.' or ']'", "“.”或“]”");
    out->keys = JD_NEWN(n->arena, q_key, out->keys_n);
    memcpy(out->keys, keys, out->keys_n * sizeof *keys);
    return 0;
}

int q_path_parse(q_scan *s, const jd_names *n, jd_str first, const q_list *json_keys, q_path *out) {
    *out = (q_path){0};
    jd_sym steps[STEPS_MAX];
    const char *at = s->p;
    do {
        at = s->p;
        jd_str name = first.p ? first : q_name(s, Q_PATH_NAME);
        first = (jd_str){NULL, 0};
        if (!name.p) return Q_EXPECTED(s, at, "an attribute name", "属性名称");
        if (out->meta != Q_ATTR) { /* x.observedAt.y: there is no such thing */
            steps[out->steps_n - 1] = 0;
            out->meta = Q_ATTR;
        }
        if (out->steps_n == STEPS_MAX)
            return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "a path has more than %d names", "路径中的名称超过 %d 个",
                            (int)STEPS_MAX);
        jd_str iri = jd_ctx_expand(n->ctx, n->arena, name);
        out->iri = iri.p ? jd_arena_dup(n->arena, iri) : iri;
        if (json_keys && q_list_has(json_keys, iri)) out->raw_keys = 1;
        q_member m = q_member_of(name, iri);
        if (out->steps_n == 0 && out->member == Q_ATTR && m >= Q_ID && m <= Q_EXPIRES) {
            out->member = m;
            continue;
        }
        if (out->member != Q_ATTR) { /* createdAt.x likewise */
            out->member = Q_ATTR;
            steps[out->steps_n++] = 0;
        }
        if (out->steps_n && m >= Q_CREATED)
            out->meta = m;
        else
            steps[out->steps_n++] = iri.p ? jd_sym_find(n->symbols, iri) : 0;
    } while (s->p < s->end && *s->p == '.' && s->p++);
    out->steps = JD_NEWN(n->arena, jd_sym, out->steps_n);
    if (out->steps_n) memcpy(out->steps, steps, out->steps_n * sizeof *steps);
    if (s->p == s->end || *s->p != '[') return 0;
    if (out->member != Q_ATTR || out->meta != Q_ATTR)
        return Q_REFUSE(s, s->p, JD_E_BAD_REQUEST_DATA, "this has no members", "此项没有成员");
    s->p++;
    return parse_keys(s, n, out);
}

/* ---- through a document ---- */

q_target q_target_of(const jd_attrview *v) {
    return (q_target){.what = v->kind == JD_LANGUAGEPROPERTY ? Q_T_MAP : Q_T_NODE, .kind = v->kind, .node = v->value};
}

static int same_tag(jd_str a, jd_str b) { /* language tags: case does not count (RFC 5646) */
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static int find_key(jd_node n, const q_key *k, jd_kind kind, int raw_keys, jd_node *out) {
    if (jd_node_type(n) != JD_N_OBJ) return 0;
    int names = kind == JD_PROPERTY || kind == JD_LISTPROPERTY; /* of other kinds members are stored as written */
    jd_nodeiter it = jd_node_items(n);
    jd_sym sym;
    jd_str raw;
    while (jd_node_member(&it, &sym, &raw, out)) {
        if (kind == JD_LANGUAGEPROPERTY    ? same_tag(raw, k->raw)
            : names && !raw_keys && k->iri ? sym && sym == k->sym
                                           : !sym && jd_str_eq(raw, k->raw))
            return 1;
    }
    return 0;
}

typedef struct walk {
    const q_path *path;
    jd_time created;
    int (*visit)(void *user, const q_target *t);
    void *user;
} walk;

static int visit_meta(const walk *w, const jd_attrview *v) {
    q_target t = {.what = Q_T_TIME, .digits = -1};
    int there = 1;
    switch (w->path->meta) {
    case Q_CREATED: t.time = v->created; break;
    case Q_MODIFIED: t.time = v->modified; break;
    case Q_EXPIRES:
        there = (t.time = v->expires) != JD_TIME_NONE;
        t.digits = v->expires_digits;
        break;
    case Q_OBSERVED:
        there = (t.time = v->observed) != JD_TIME_NONE;
        t.digits = v->observed_digits;
        break;
    case Q_OBJECTTYPE:
        t.what = Q_T_SYMS;
        t.list = v->object_type;
        there = v->object_type.p != NULL;
        break;
    default:
        t.what = Q_T_TEXT;
        t.text = w->path->meta == Q_UNIT ? v->unit : w->path->meta == Q_DATASET ? v->dataset : v->value_type;
        there = t.text.p != NULL;
    }
    return there ? w->visit(w->user, &t) : 0;
}

static int visit_value(const walk *w, const jd_attrview *v) {
    const q_path *p = w->path;
    q_target t = q_target_of(v);
    if (v->kind == JD_LANGUAGEPROPERTY) {
        if (p->keys_n) t.what = Q_T_NODE;
    } else if (p->any_key) {
        return 0;
    }
    for (uint32_t i = 0; i < p->keys_n; i++)
        if (!find_key(t.node, &p->keys[i], v->kind, p->raw_keys, &t.node)) return 0;
    return w->visit(w->user, &t);
}

static int visit_attr(const walk *w, const jd_attrview *v, uint32_t step) {
    if (step + 1 == w->path->steps_n) return w->path->meta == Q_ATTR ? visit_value(w, v) : visit_meta(w, v);
    jd_sym name = w->path->steps[step + 1];
    jd_attrview sub;
    jd_bytes rest;
    if (!jd_attr_sub(v, w->created, name, &sub, &rest)) return 0;
    int got;
    do got = visit_attr(w, &sub, step + 1);
    while (!got && q_next_instance(&rest, w->created, name, &sub));
    return got;
}

static int visit_member(const walk *w, const jd_doc *d) {
    q_target t = {.what = Q_T_TIME, .digits = -1};
    switch (w->path->member) {
    case Q_CREATED: t.time = d->created; break;
    case Q_MODIFIED: t.time = d->modified; break;
    case Q_EXPIRES:
        if (d->expires == JD_TIME_NONE) return 0;
        t.time = d->expires;
        t.digits = d->expires_digits;
        break;
    case Q_TYPE:
        t.what = Q_T_SYMS;
        t.list = d->types;
        break;
    case Q_SCOPE:
        if (!d->scopes_n) return 0;
        t.what = Q_T_STRS;
        t.list = d->scopes;
        break;
    default: t.what = Q_T_TEXT; t.text = d->id;
    }
    return w->visit(w->user, &t);
}

int q_path_visit(const q_path *p, const jd_doc *d, int (*visit)(void *user, const q_target *t), void *user) {
    walk w = {p, d->created, visit, user};
    if (p->member != Q_ATTR) return visit_member(&w, d);
    jd_attrview v;
    jd_bytes rest;
    if (!jd_doc_attr(d, p->steps[0], &v, &rest)) return 0;
    int got;
    do got = visit_attr(&w, &v, 0);
    while (!got && q_next_instance(&rest, d->created, p->steps[0], &v));
    return got;
}
