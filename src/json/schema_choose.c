/* anyOf and oneOf: when no branch fits, which one did its author mean? The reason given is that of the branch whose
 * type fits and whose constants stand in the value (`"kind": "Property"`), not a list of all that might have been. */
#include "json/schema_int.h"

enum { NOT_THIS_TYPE, NOT_THIS_CONSTANT, PERHAPS, THIS_CONSTANT };

/* Is the value one that the node's const or enum names? 1, 0, or -1: it has neither. */
static int is_named(const schema_node *n, const jd_jval *v) {
    n = schema__follow(n);
    if (n->constant) return jd_jequal(n->constant, v);
    if (!n->enums) return -1;
    for (uint32_t i = 0; i < n->enums->n; i++)
        if (jd_jequal(&n->enums->items[i], v)) return 1;
    return 0;
}

static int meant(const schema_node *n, const jd_jval *v) {
    n = schema__follow(n);
    if (n->boolean < 0 || (n->types && !schema__type_fits(n->types, v))) return NOT_THIS_TYPE;
    int own = is_named(n, v);
    if (own >= 0) return own ? THIS_CONSTANT : NOT_THIS_CONSTANT;
    int best = PERHAPS;
    for (uint32_t i = 0; v->type == JD_JOBJ && i < n->props_n; i++) {
        if (!schema__follow(n->props[i].node)->constant) continue;
        const jd_jval *m = jd_jget_str(v, n->props[i].name);
        if (m && !is_named(n->props[i].node, m)) return NOT_THIS_CONSTANT;
        if (m) best = THIS_CONSTANT;
    }
    return best;
}

/* ---- when nothing speaks for one branch ---- */

static void no_type(schema_run *r, const schema_list *l, const jd_jstep *at) {
    unsigned types = 0;
    for (uint32_t i = 0; i < l->n; i++) types |= schema__follow(l->v[i])->types;
    jd_str en = schema__types_text(r->a, types, 0), zh = schema__types_text(r->a, types, 1);
    schema__fault(r, at, "must be %s%.0s", "须为%.0s%s", en.p, zh.p);
}

/* All branches name the value, or one and the same member, by constants: they are listed. 0: they do not. */
static int no_constant(schema_run *r, const schema_list *l, const jd_jval *v, const jd_jstep *at) {
    jd_jval *all = JD_NEWN(r->a, jd_jval, l->n);
    const jd_jval *member = NULL;
    jd_jstep *down = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        const schema_node *b = schema__follow(l->v[i]);
        if (b->constant) {
            if (down) return 0;
            all[n++] = *b->constant;
            continue;
        }
        for (uint32_t k = 0; v->type == JD_JOBJ && k < b->props_n; k++) {
            const jd_jval *constant = schema__follow(b->props[k].node)->constant;
            const jd_jval *m = constant ? jd_jget_str(v, b->props[k].name) : NULL;
            if (!m || (member && member != m) || jd_jequal(m, constant)) continue;
            if (!member) {
                const jd_jmember *whole = v->members;
                while (&whole->val != m) whole++;
                down = JD_NEW(r->a, jd_jstep);
                *down = (jd_jstep){at, whole->name, (uint32_t)(whole - v->members)};
                member = m;
            }
            all[n++] = *constant;
        }
    }
    if (!n) return 0;
    jd_str text = schema__values_text(r->a, all, n);
    schema__fault(r, down ? down : at, "must be one of %.*s", "须为其中之一：%.*s", JD_STR_ARG(text));
    return 1;
}

/* Branches that say nothing but which members must be there: one of these, or only one of them. */
static int by_members(schema_run *r, const schema_list *l, int many, const jd_jstep *at) {
    jd_buf b = {0};
    int ok = 1;
    for (uint32_t i = 0; ok && i < l->n; i++) {
        const schema_node *n = l->v[i];
        ok = n->required && !n->types && !n->props_n && !n->ref && !n->one.v && !n->any.v && !n->all.v && !n->no;
        for (uint32_t k = 0; ok && k < n->required->n; k++) {
            if (b.n) jd_buf_z(&b, k ? "+" : ", ");
            jd_buf_str(&b, jd_jstr(&n->required->items[k]));
        }
    }
    jd_str names = jd_arena_dup(r->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    if (ok && many)
        schema__fault(r, at, "only one of these may be there: %s", "以下成员只能有一个：%s", names.p);
    else if (ok)
        schema__fault(r, at, "one of these must be there: %s", "以下成员须有其一：%s", names.p);
    return ok;
}

/* ---- choosing ---- */

static void take(schema_run *r, jd_schema_fault *faults) {
    while (faults && r->n < JD_SCHEMA_FAULTS_MAX) {
        jd_schema_fault *next = faults->next;
        faults->next = NULL;
        *r->last = faults;
        r->last = &faults->next;
        r->n++;
        faults = next;
    }
}

void schema__choice(schema_run *r, const schema_list *l, int one, const jd_jval *v, const jd_jstep *at) {
    jd_schema_fault *best = NULL;
    uint32_t matched = 0, best_n = 0;
    int best_meant = -1;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t n;
        jd_schema_fault *faults = schema__apart(r, l->v[i], v, at, &n);
        if (!n) {
            matched++;
            continue;
        }
        int m = meant(l->v[i], v);
        if (m < best_meant || (m == best_meant && n >= best_n)) continue;
        best = faults;
        best_n = n;
        best_meant = m;
    }
    if (matched == 1 || (matched && !one)) return;
    if (matched) {
        if (!by_members(r, l, 1, at))
            schema__fault(r, at, "fits more than one of the forms that exclude each other", "同时符合多种互斥的形式");
    } else if (best_meant == NOT_THIS_TYPE) {
        no_type(r, l, at);
    } else if (best_meant == NOT_THIS_CONSTANT) {
        if (!no_constant(r, l, v, at)) take(r, best);
    } else if (!by_members(r, l, 0, at)) {
        take(r, best);
    }
}
