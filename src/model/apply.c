/* The operations on one entity (GS CIM 009 clauses 5.5.7, 5.5.8, 5.5.12, 5.6). The current document is opened as a tree
 * whose attributes stay bytes; only what an operation touches is decoded. */
#include "model/doc_int.h"
#include "model/entity.h"

typedef struct work {
    const jd_change_req *rq;
    const jd_doc *cur;
    jd_time now;
    jd_symtab *symbols;
    jd_arena *a;
    jd_ent e;     /* the entity as it will be */
    uint32_t cap; /* of e.attrs */
    jd_applied *res;
    jd_err *err;
} work;

static int same_instance(const jd_attr *a, jd_sym name, jd_str dataset) {
    return a->name == name && !a->dataset.p == !dataset.p && jd_str_eq(a->dataset, dataset);
}

static int32_t find(const work *w, jd_sym name, jd_str dataset) {
    for (uint32_t i = 0; i < w->e.attrs_n; i++)
        if (same_instance(&w->e.attrs[i], name, dataset)) return (int32_t)i;
    return -1;
}

static int has_name(const work *w, jd_sym name) {
    for (uint32_t i = 0; i < w->e.attrs_n; i++)
        if (w->e.attrs[i].name == name) return 1;
    return 0;
}

static void remove_at(work *w, uint32_t i) {
    memmove(&w->e.attrs[i], &w->e.attrs[i + 1], (w->e.attrs_n - i - 1) * sizeof *w->e.attrs);
    w->e.attrs_n--;
}

/* Behind its siblings, the default instance before them; a new name at the end. */
static void insert(work *w, const jd_attr *a) {
    if (w->e.attrs_n == w->cap) {
        w->cap = w->cap * 2 + 8;
        jd_attr *more = JD_NEWN(w->a, jd_attr, w->cap);
        if (w->e.attrs_n) memcpy(more, w->e.attrs, w->e.attrs_n * sizeof *more);
        w->e.attrs = more;
    }
    uint32_t at = w->e.attrs_n;
    for (uint32_t i = 0; i < w->e.attrs_n; i++)
        if (w->e.attrs[i].name == a->name) {
            at = i;
            if (a->dataset.p)
                while (at < w->e.attrs_n && w->e.attrs[at].name == a->name) at++;
            break;
        }
    memmove(&w->e.attrs[at + 1], &w->e.attrs[at], (w->e.attrs_n - at) * sizeof *w->e.attrs);
    w->e.attrs[at] = *a;
    w->e.attrs_n++;
}

static void stamp(jd_attr *a, jd_time created, jd_time modified) {
    a->created = created;
    a->modified = modified;
    a->raw.p = NULL;
    if (a->subs_n == 0) return;
    for (uint32_t i = 0; i < a->subs_n; i++)
        if (a->subs[i].created == JD_TIME_NONE) stamp(&a->subs[i], modified, modified);
}

/* A copy of a fragment's attribute that may be stamped: fragments are shared when an operation is done again. */
static jd_attr copy_attr(work *w, const jd_attr *from) {
    jd_attr to = *from;
    if (from->subs_n) {
        to.subs = JD_NEWN(w->a, jd_attr, from->subs_n);
        to.subs_n = 0;
        for (uint32_t i = 0; i < from->subs_n; i++)
            if (!from->subs[i].null_value) to.subs[to.subs_n++] = copy_attr(w, &from->subs[i]);
    }
    return to;
}

static void note(work *w, jd_sym name) {
    jd_applied *r = w->res;
    for (uint32_t i = 0; i < r->updated_n; i++)
        if (r->updated[i] == name) return;
    if ((r->updated_n & (r->updated_n - 1)) == 0) {
        jd_sym *more = JD_NEWN(w->a, jd_sym, r->updated_n ? r->updated_n * 2 : 1);
        if (r->updated_n) memcpy(more, r->updated, r->updated_n * sizeof *more);
        r->updated = more;
    }
    r->updated[r->updated_n++] = name;
}

static void refuse(work *w, const jd_attr *a, const char *why) {
    jd_applied *r = w->res;
    if ((r->not_updated_n & (r->not_updated_n - 1)) == 0) {
        jd_not_updated *more = JD_NEWN(w->a, jd_not_updated, r->not_updated_n ? r->not_updated_n * 2 : 1);
        if (r->not_updated_n) memcpy(more, r->not_updated, r->not_updated_n * sizeof *more);
        r->not_updated = more;
    }
    r->not_updated[r->not_updated_n++] = (jd_not_updated){a->name, a->dataset, why};
}

static int add_types(work *w, const jd_ent *frag) {
    if (!frag->types_n) return 0;
    jd_sym *all = JD_NEWN(w->a, jd_sym, w->e.types_n + frag->types_n);
    memcpy(all, w->e.types, w->e.types_n * sizeof *all);
    uint32_t n = w->e.types_n, was = n;
    for (uint32_t i = 0; i < frag->types_n; i++) {
        uint32_t k = 0;
        while (k < n && all[k] != frag->types[i]) k++;
        if (k == n) all[n++] = frag->types[i];
    }
    w->e.types = all;
    w->e.types_n = n;
    return n > was;
}

static void take_entity_members(work *w, const jd_ent *frag) {
    if (frag->has_scopes) w->e.scopes = frag->scopes, w->e.scopes_n = frag->scopes_n;
    if (frag->has_expires) w->e.expires = frag->expires, w->e.expires_digits = frag->expires_digits;
}

/* Partial attributes may change what is there; what comes new must say its kind and value, down to the last
 * sub-attribute. */
static int is_whole(const jd_attr *a) {
    if (!a->kind || !a->has_value) return 0;
    for (uint32_t i = 0; i < a->subs_n; i++)
        if (!a->subs[i].null_value && !is_whole(&a->subs[i])) return 0;
    return 1;
}

static int not_whole(work *w, const jd_attr *a) {
    return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "%.*s is new, and it or a sub-attribute of it has no value",
                   "%.*s 是新的，但它或其子属性没有值", JD_STR_ARG(jd_sym_name(w->symbols, a->name)));
}

static int put_instance(work *w, const jd_attr *from) {
    if (!is_whole(from)) return not_whole(w, from);
    jd_attr a = copy_attr(w, from);
    int32_t i = find(w, a.name, a.dataset);
    if (i < 0) {
        stamp(&a, w->now, w->now);
        insert(w, &a);
    } else {
        stamp(&a, w->e.attrs[i].created, w->now);
        w->e.attrs[i] = a;
    }
    note(w, a.name);
    return 0;
}

static int whole_new(work *w) {
    const jd_ent *f = w->rq->ent;
    jd_time created = w->cur ? w->cur->created : w->now;
    w->e = *f;
    w->e.id = w->rq->id.p ? w->rq->id : f->id;
    w->e.created = created;
    if (w->cur && !f->types_n) { /* a replacing fragment without a type keeps what the entity is */
        jd_ent was;
        jd_doc_tree(w->cur, w->a, &was);
        w->e.types = was.types;
        w->e.types_n = was.types_n;
    }
    w->e.attrs = JD_NEWN(w->a, jd_attr, f->attrs_n);
    for (uint32_t i = 0; i < f->attrs_n; i++) {
        if (!is_whole(&f->attrs[i])) return not_whole(w, &f->attrs[i]);
        w->e.attrs[i] = copy_attr(w, &f->attrs[i]);
        stamp(&w->e.attrs[i], w->now, w->now);
        note(w, f->attrs[i].name);
    }
    return 0;
}

/* noOverwrite: the scopes given come beside those that are there. */
static int add_scopes(work *w, const jd_ent *frag) {
    jd_str *all = JD_NEWN(w->a, jd_str, w->e.scopes_n + frag->scopes_n);
    uint32_t n = w->e.scopes_n, was = n;
    if (n) memcpy(all, w->e.scopes, n * sizeof *all);
    for (uint32_t i = 0; i < frag->scopes_n; i++) {
        uint32_t k = 0;
        while (k < n && !jd_str_eq(all[k], frag->scopes[i])) k++;
        if (k == n) all[n++] = frag->scopes[i];
    }
    w->e.scopes = all;
    w->e.scopes_n = n;
    return n > was;
}

static int append(work *w) {
    const jd_ent *f = w->rq->ent;
    int keep = w->rq->flags & JD_AP_NO_OVERWRITE;
    int changed = add_types(w, f);
    if (f->has_scopes && keep)
        changed |= add_scopes(w, f);
    else if (f->has_scopes)
        changed = 1, w->e.scopes = f->scopes, w->e.scopes_n = f->scopes_n;
    if (f->has_expires && !(keep && w->e.expires != JD_TIME_NONE))
        changed = 1, w->e.expires = f->expires, w->e.expires_digits = f->expires_digits;
    for (uint32_t i = 0; i < f->attrs_n; i++) {
        if (keep && find(w, f->attrs[i].name, f->attrs[i].dataset) >= 0)
            refuse(w, &f->attrs[i], "the attribute exists and noOverwrite was asked");
        else if (put_instance(w, &f->attrs[i]))
            return -1;
    }
    w->res->unchanged = !changed && !w->res->updated_n;
    return 0;
}

static int update(work *w) {
    const jd_ent *f = w->rq->ent;
    int changed = add_types(w, f) || f->has_expires;
    if (f->has_scopes && !w->e.scopes_n) {
        jd_attr scope = {.name = JD_SYM_SCOPE};
        refuse(w, &scope, "the entity has no scope");
    } else if (f->has_scopes) {
        changed = 1;
        w->e.scopes = f->scopes;
        w->e.scopes_n = f->scopes_n;
    }
    if (f->has_expires) w->e.expires = f->expires, w->e.expires_digits = f->expires_digits;
    for (uint32_t i = 0; i < f->attrs_n; i++) {
        if (!f->attrs[i].null_value) {
            if (put_instance(w, &f->attrs[i])) return -1;
            continue;
        }
        int32_t at = find(w, f->attrs[i].name, f->attrs[i].dataset);
        if (at < 0) {
            refuse(w, &f->attrs[i], "there is no such attribute to delete");
        } else {
            remove_at(w, (uint32_t)at);
            note(w, f->attrs[i].name);
        }
    }
    w->res->unchanged = !changed && !w->res->updated_n;
    return 0;
}

/* ---- merging (5.5.12) and partial update (5.5.8) ---- */

static int is_null(const jd_jval *v) {
    return jd_jis(v, "urn:ngsi-ld:null") || v->type == JD_JNULL;
}

/* RFC 7396 with the NGSI-LD null: members that are null go, objects merge, all else replaces. */
static jd_jval merge_json(work *w, const jd_jval *old, const jd_jval *patch) {
    if (patch->type != JD_JOBJ) return *patch;
    uint32_t n = old && old->type == JD_JOBJ ? old->n : 0, k = 0;
    jd_jval out = {.type = JD_JOBJ};
    out.members = JD_NEWN(w->a, jd_jmember, n + patch->n);
    for (uint32_t i = 0; i < n; i++) {
        const jd_jval *m = jd_jget_str(patch, old->members[i].name);
        if (m && is_null(m)) continue;
        out.members[k++] =
            (jd_jmember){old->members[i].name, m ? merge_json(w, &old->members[i].val, m) : old->members[i].val};
    }
    for (uint32_t i = 0; i < patch->n; i++) {
        if (is_null(&patch->members[i].val) || (n && jd_jget_str(old, patch->members[i].name))) continue;
        out.members[k++] = (jd_jmember){patch->members[i].name, merge_json(w, NULL, &patch->members[i].val)};
    }
    out.n = k;
    return out;
}

static int merge_into(work *w, jd_attr *to, const jd_attr *from, int deep);

/* Sub-attributes of `from` onto those of `to`; deep: they merge, else they replace (5.5.8). */
static int merge_subs(work *w, jd_attr *to, const jd_attr *from, int deep) {
    jd_attr *all = JD_NEWN(w->a, jd_attr, to->subs_n + from->subs_n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < to->subs_n; i++) all[n++] = to->subs[i];
    for (uint32_t i = 0; i < from->subs_n; i++) {
        const jd_attr *s = &from->subs[i];
        uint32_t k = 0;
        while (k < n && !same_instance(&all[k], s->name, s->dataset)) k++;
        if (s->null_value) {
            if (k < n) memmove(&all[k], &all[k + 1], (n - k - 1) * sizeof *all), n--;
        } else if (k < n && deep) {
            if (merge_into(w, &all[k], s, 1)) return -1;
        } else if (k < n) {
            jd_time created = all[k].created;
            if (!s->kind || !s->has_value) {
                if (merge_into(w, &all[k], s, 0)) return -1;
                continue;
            }
            if (!is_whole(s)) return not_whole(w, s);
            all[k] = copy_attr(w, s);
            stamp(&all[k], created, w->now);
        } else {
            if (!is_whole(s)) return not_whole(w, s);
            all[n] = copy_attr(w, s);
            if (all[n].kind == JD_PROPERTY) all[n].value = merge_json(w, NULL, &s->value);
            stamp(&all[n++], w->now, w->now);
        }
    }
    to->subs = all;
    to->subs_n = n;
    return 0;
}

static int merge_into(work *w, jd_attr *to, const jd_attr *from, int deep) {
    if (from->kind && from->kind != to->kind && !from->has_value) return not_whole(w, from);
    if (from->has_value) {
        int same = !from->kind || from->kind == to->kind, merges = deep && to->kind != JD_GEOPROPERTY;
        if (from->kind) to->kind = from->kind;
        to->value = merges ? merge_json(w, same ? &to->value : NULL, &from->value) : from->value;
    }
    if (from->observed != JD_TIME_NONE) to->observed = from->observed, to->observed_digits = from->observed_digits;
    if (from->expires != JD_TIME_NONE) to->expires = from->expires, to->expires_digits = from->expires_digits;
    if (from->unit.p) to->unit = from->unit;
    if (from->value_type.p) to->value_type = from->value_type;
    if (from->object_types_n) to->object_types = from->object_types, to->object_types_n = from->object_types_n;
    if (from->clear & JD_CLEAR_OBSERVED) to->observed = JD_TIME_NONE;
    if (from->clear & JD_CLEAR_EXPIRES) to->expires = JD_TIME_NONE;
    if (from->clear & JD_CLEAR_UNIT) to->unit.p = NULL;
    if (from->clear & JD_CLEAR_VALUETYPE) to->value_type.p = NULL;
    if (from->clear & JD_CLEAR_OBJECTTYPE) to->object_types_n = 0;
    to->modified = w->now;
    to->raw.p = NULL;
    return merge_subs(w, to, from, deep);
}

/* Opens a raw instance of the tree for changing. */
static void open_instance(work *w, uint32_t i) {
    jd_attr *a = &w->e.attrs[i];
    if (!a->raw.p) return;
    jd_bytes r = a->raw;
    jd_attrview v;
    jd_attr_next(&r, w->e.created, &v);
    jd_attr_decode(&v, w->e.created, w->symbols, w->a, a);
}

/* A bare value takes the kind that the attribute has (5.6.17, simplified). */
static int take_bare(work *w, jd_attr *frag, const jd_attr *have) {
    frag->kind = have->kind;
    if (have->kind == JD_VOCABPROPERTY) {
        frag->value = frag->vocab;
    } else if (have->kind == JD_LANGUAGEPROPERTY && frag->bare->type != JD_JOBJ) {
        jd_jval map = {.type = JD_JOBJ, .n = 1, .members = JD_NEW(w->a, jd_jmember)};
        map.members[0].name = w->rq->lang.p ? w->rq->lang : JD_STR("@none");
        map.members[0].val = *frag->bare;
        frag->value = map;
    } else if (have->kind != JD_PROPERTY && have->kind != JD_LISTPROPERTY) {
        frag->value = *frag->bare;
    }
    if (jd_value_fits(have->kind, &frag->value, w->a, w->err) == 0) return 0;
    return jd_fail_at(w->err, "%.*s", JD_STR_ARG(jd_sym_name(w->symbols, frag->name)));
}

static int merge(work *w) {
    const jd_ent *f = w->rq->ent;
    int changed = add_types(w, f) || f->has_scopes || f->has_expires;
    take_entity_members(w, f);
    for (uint32_t i = 0; i < f->attrs_n; i++) {
        jd_attr frag = f->attrs[i];
        int32_t at = find(w, frag.name, frag.dataset);
        if (frag.null_value) {
            if (at >= 0) remove_at(w, (uint32_t)at), note(w, frag.name);
            continue;
        }
        if (at < 0) {
            if (!frag.kind || !frag.has_value)
                return jd_fail(w->err, JD_E_BAD_REQUEST_DATA,
                               "attribute %.*s does not exist and the fragment gives no value",
                               "属性 %.*s 不存在，而片段没有给出值", JD_STR_ARG(jd_sym_name(w->symbols, frag.name)));
            frag.value = merge_json(w, NULL, &frag.value);
            if (put_instance(w, &frag)) return -1;
            continue;
        }
        open_instance(w, (uint32_t)at);
        jd_attr *to = &w->e.attrs[at];
        if (frag.bare && take_bare(w, &frag, to)) return -1;
        if (w->rq->observed != JD_TIME_NONE && to->observed != JD_TIME_NONE && frag.observed == JD_TIME_NONE)
            frag.observed = w->rq->observed, frag.observed_digits = w->rq->observed_digits;
        if (merge_into(w, to, &frag, 1)) return -1;
        note(w, frag.name);
    }
    w->res->unchanged = !changed && !w->res->updated_n;
    return 0;
}

static int no_attr(work *w, jd_sym name, jd_str dataset) {
    if (dataset.p && has_name(w, name))
        return jd_fail(w->err, JD_E_NOT_FOUND, "%.*s has no instance of attribute %.*s with datasetId %.*s",
                       "%.*s 的属性 %.*s 没有 datasetId 为 %.*s 的实例", JD_STR_ARG(w->e.id),
                       JD_STR_ARG(jd_sym_name(w->symbols, name)), JD_STR_ARG(dataset));
    return jd_fail(w->err, JD_E_NOT_FOUND, "%.*s has no attribute %.*s", "%.*s 没有属性 %.*s", JD_STR_ARG(w->e.id),
                   JD_STR_ARG(jd_sym_name(w->symbols, name)));
}

static int attr_patch(work *w) {
    for (uint32_t k = 0; k < w->rq->instances_n; k++) {
        jd_attr frag = w->rq->instances[k];
        int32_t at = find(w, frag.name, frag.dataset);
        if (at < 0) return no_attr(w, frag.name, frag.dataset);
        if (frag.null_value) {
            remove_at(w, (uint32_t)at);
            note(w, frag.name);
            continue;
        }
        open_instance(w, (uint32_t)at);
        jd_attr *to = &w->e.attrs[at];
        if (frag.bare && take_bare(w, &frag, to)) return -1;
        if (frag.kind && frag.kind != to->kind)
            return jd_fail(w->err, JD_E_BAD_REQUEST_DATA, "attribute %.*s is a %s, not a %s",
                           "属性 %.*s 是 %s，不是 %s", JD_STR_ARG(jd_sym_name(w->symbols, frag.name)),
                           jd_kind_name(to->kind), jd_kind_name(frag.kind));
        if (merge_into(w, to, &frag, 0)) return -1;
        note(w, frag.name);
    }
    return 0;
}

static int attr_put(work *w) {
    for (uint32_t k = 0; k < w->rq->instances_n; k++) {
        const jd_attr *frag = &w->rq->instances[k];
        if (find(w, frag->name, frag->dataset) < 0) return no_attr(w, frag->name, frag->dataset);
        if (put_instance(w, frag)) return -1;
    }
    return 0;
}

static int attr_delete(work *w) {
    int found = 0;
    if (w->rq->attr == JD_SYM_SCOPE && w->e.scopes_n) {
        w->e.scopes_n = 0;
        return 0;
    }
    for (uint32_t i = 0; i < w->e.attrs_n;) {
        const jd_attr *a = &w->e.attrs[i];
        if (a->name == w->rq->attr &&
            (w->rq->flags & JD_AP_DELETE_ALL || same_instance(a, w->rq->attr, w->rq->dataset)))
            remove_at(w, i), found = 1;
        else
            i++;
    }
    if (!found) return no_attr(w, w->rq->attr, w->rq->dataset);
    note(w, w->rq->attr);
    return 0;
}

static void purge_attrs(work *w) {
    int keep = (w->rq->flags & JD_AP_KEEP) != 0;
    for (uint32_t i = 0; i < w->e.attrs_n;) {
        int named = 0;
        for (uint32_t k = 0; k < w->rq->names_n; k++) named |= w->rq->names[k] == w->e.attrs[i].name;
        if (named == keep) {
            i++;
        } else {
            note(w, w->e.attrs[i].name);
            remove_at(w, i);
        }
    }
    w->res->unchanged = !w->res->updated_n;
}

static int has_expired(const work *w, jd_time t) {
    return t != JD_TIME_NONE && t <= w->now;
}

static void drop_expired_subs(const work *w, jd_attr *a) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->subs_n; i++) {
        if (has_expired(w, a->subs[i].expires)) continue;
        drop_expired_subs(w, &a->subs[i]);
        a->subs[kept++] = a->subs[i];
    }
    a->subs_n = kept;
}

/* Of a document's tree: every attribute is raw. */
static void drop_expired(work *w) {
    w->res->unchanged = 1;
    for (uint32_t i = 0; i < w->e.attrs_n;) {
        jd_attr *a = &w->e.attrs[i];
        jd_bytes record = a->raw;
        jd_attrview v;
        int gone = has_expired(w, a->expires);
        if (!gone && has_expired(w, a->raw_expires) && jd_attr_next(&record, w->e.created, &v)) {
            jd_attr_decode(&v, w->e.created, w->symbols, w->a, a);
            drop_expired_subs(w, a);
            w->res->unchanged = 0;
        }
        if (gone)
            remove_at(w, i), w->res->unchanged = 0;
        else
            i++;
    }
}

static int has_asked_type(const work *w) {
    if (!w->rq->types_n) return 1;
    for (uint32_t i = 0; i < w->rq->types_n; i++)
        if (jd_doc_has_type(w->cur, w->rq->types[i])) return 1;
    return 0;
}

int jd_apply(const jd_change_req *rq, const jd_doc *cur, jd_time now, jd_symtab *symbols, jd_arena *a, jd_buf *out,
             jd_applied *res, jd_err *err) {
    work w = {.rq = rq, .cur = cur, .now = now, .symbols = symbols, .a = a, .res = res, .err = err};
    *res = (jd_applied){0};
    if (rq->op == JD_OP_CREATE && (!cur || rq->flags & (JD_AP_REPLACE_EXISTING | JD_AP_UPDATE_EXISTING))) {
        res->created = !cur;
    } else if (rq->op == JD_OP_CREATE) {
        return jd_fail(err, JD_E_ALREADY_EXISTS, "entity %.*s already exists", "实体 %.*s 已存在", JD_STR_ARG(rq->id));
    } else if (!cur || !has_asked_type(&w)) {
        return jd_fail(err, JD_E_NOT_FOUND, "entity %.*s does not exist", "实体 %.*s 不存在", JD_STR_ARG(rq->id));
    }
    if (cur && now < cur->modified)
        w.now = now = cur->modified; /* a clock that steps back must not make times go back */
    if (cur) {
        jd_doc_tree(cur, a, &w.e);
        w.cap = w.e.attrs_n;
    }
    int rc = 0;
    switch (rq->op) {
    case JD_OP_CREATE: rc = cur && rq->flags & JD_AP_UPDATE_EXISTING ? append(&w) : whole_new(&w); break;
    case JD_OP_REPLACE: rc = whole_new(&w); break;
    case JD_OP_APPEND: rc = append(&w); break;
    case JD_OP_UPDATE: rc = update(&w); break;
    case JD_OP_MERGE: rc = merge(&w); break;
    case JD_OP_ATTR_PATCH: rc = attr_patch(&w); break;
    case JD_OP_ATTR_PUT: rc = attr_put(&w); break;
    case JD_OP_ATTR_DELETE: rc = attr_delete(&w); break;
    case JD_OP_PURGE_ATTRS: purge_attrs(&w); break;
    case JD_OP_DELETE: res->gone = 1; return 0;
    case JD_OP_EXPIRE:
        if (cur->expires != JD_TIME_NONE && cur->expires <= now) {
            res->gone = 1;
            return 0;
        }
        drop_expired(&w);
        break;
    default: return jd_fail(err, JD_E_INTERNAL, "operation %d is not on a document", "操作 %d 不针对文档", (int)rq->op);
    }
    if (rc || res->unchanged) return rc;
    if (w.e.types_n > JD_TYPES_MAX || w.e.scopes_n > JD_SCOPES_MAX)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "an entity may have at most %d types and %d scopes",
                       "一个实体最多 %d 个类型、%d 个 scope", (int)JD_TYPES_MAX, (int)JD_SCOPES_MAX);
    w.e.modified = w.now;
    res->attrs_n = w.e.attrs_n;
    return jd_doc_encode(&w.e, symbols, out, err);
}

int jd_doc_trim(const jd_doc *d, jd_time now, jd_symtab *symbols, jd_arena *a, jd_doc *out) {
    if (d->expires != JD_TIME_NONE && d->expires <= now) return 2;
    if (d->attr_expires == JD_TIME_NONE || d->attr_expires > now) return 0;
    jd_applied res;
    work w = {.now = now, .symbols = symbols, .a = a, .res = &res};
    jd_doc_tree(d, a, &w.e);
    drop_expired(&w);
    jd_buf b = {0};
    jd_doc_encode(&w.e, symbols, &b, NULL); /* every name in it is known: nothing that could fail */
    jd_doc_open(out, jd_arena_dup(a, jd_buf_view(&b)));
    jd_buf_fini(&b);
    return 1;
}
