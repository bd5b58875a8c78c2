/* Models, and views of them: types and attributes by their names in the pack's @context. */
#include "pack/pack_int.h"

#include "engine/retention.h"
#include "model/entity.h"

#include <stdlib.h>

static jd_symtab *symbols(const pack_check *c) {
    return jd_engine_symbols(c->p->o.engine);
}

/* 0: *out; the fault is told otherwise. */
static int sym_of(pack_check *c, pack_file *f, const jd_jstep *at, jd_str name, jd_sym *out) {
    jd_err err = {0};
    jd_str iri = jd_name_valid(name) ? jd_ctx_expand(c->k->ctx, c->a, name) : (jd_str){NULL, 0};
    if (!iri.n || iri.p[0] == '@') {
        pack_fault(c, f, at, "\"%.*s\" is no name for a type or attribute", "“%.*s”不能用作类型或属性的名称",
                   (int)(name.n > 60 ? 60 : name.n), name.p);
        return -1;
    }
    *out = jd_sym_intern(symbols(c), iri, &err);
    if (!*out) pack_fault(c, f, at, "%s%.0s", "%.0s%s", err.en, err.zh);
    return *out ? 0 : -1;
}

/* ---- models ---- */

static jd_xtype type_in_expressions(const jd_jval *attr) {
    static const struct {
        const char *name;
        jd_xtype is;
    } kinds[] = {{"GeoProperty", JD_X_PLACE}, {"Relationship", JD_X_TEXT}, {"VocabProperty", JD_X_TEXT}},
      types[] = {{"number", JD_X_NUM}, {"text", JD_X_TEXT}, {"boolean", JD_X_BOOL}, {"time", JD_X_TIME}};
    const jd_jval *kind = jd_jget(attr, "kind"), *type = jd_jget(attr, "type");
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
        if (jd_jis(kind, kinds[i].name)) return kinds[i].is;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (jd_jis(type, types[i].name)) return types[i].is;
    return JD_X_ANY;
}

static void attribute(pack_check *c, pack_file *f, const pack_type *t, const jd_jstep *at, const jd_jmember *m) {
    jd_sym sym;
    const jd_jval *least = jd_jget(&m->val, "least"), *most = jd_jget(&m->val, "most");
    if (sym_of(c, f, at, m->name, &sym)) return;
    for (size_t i = c->k->attrs_n; i-- > 0 && c->k->attrs[i].type == t->sym;) {
        if (c->k->attrs[i].attr != sym) continue;
        pack_fault(c, f, at, "the @context gives another attribute the same name", "@context 中另一属性与之同名");
        return;
    }
    if (least && most && jd_jnum(least) > jd_jnum(most))
        pack_fault(c, f, pack_step(c, at, &m->val, "least"), "is more than \"most\"", "大于“most”");
    c->k->attrs[c->k->attrs_n++] = (jd_modelattr){t->sym, sym, type_in_expressions(&m->val)};
}

/* Whose is the type already? */
static int is_taken(pack_check *c, pack_file *f, const jd_jstep *at, jd_sym sym) {
    for (size_t i = 0; i < c->k->types_n; i++) {
        if (c->k->types[i].sym != sym) continue;
        pack_fault(c, f, at, "%.*s declares this type already", "%.*s 已声明该类型",
                   JD_STR_ARG(c->k->types[i].file->name));
        return 1;
    }
    for (const pack_entry *e = c->p->entries; e; e = e->next) {
        if (!e->pack || jd_str_eq(e->name, c->k->name)) continue;
        for (size_t i = 0; i < e->pack->types_n; i++) {
            if (e->pack->types[i].sym != sym) continue;
            pack_fault(c, f, at, "the pack \"%.*s\" declares this type already", "系统包“%.*s”已声明该类型",
                       JD_STR_ARG(e->name));
            return 1;
        }
    }
    return 0;
}

/* {"types": [IRI], ...} beside what the model says. */
static void history(pack_check *c, pack_file *f, const pack_type *t, const jd_jval *v) {
    pack *k = c->k;
    jd_buf b = {0};
    jd_policy ignored;
    jd_err err = {0};
    jd_jval whole;
    jd_buf_z(&b, "{\"types\":[");
    jd_json_write_str(&b, jd_sym_name(symbols(c), t->sym));
    jd_buf_z(&b, "],");
    jd_buf inner = {0};
    jd_json_write(&inner, v);
    jd_buf_add(&b, inner.p + 1, inner.n - 1);
    jd_str body = jd_arena_dup(&k->arena, jd_buf_view(&b));
    jd_buf_fini(&inner);
    jd_buf_fini(&b);
    if (jd_json_parse(&k->arena, body, NULL, &whole, &err) || jd_policy_parse(&whole, &ignored, &err)) {
        pack_fault_err(c, f, v, pack_step(c, NULL, &f->v, "history"), &err);
        return;
    }
    k->docs[k->docs_n++] = (pack_doc){
        JD_K_POLICY, jd_arena_printf(&k->arena, "%.*s:%.*s", JD_STR_ARG(k->name), JD_STR_ARG(t->name)), body, NULL};
}

static void model(pack_check *c, pack_file *f) {
    const jd_jval *type = jd_jget(&f->v, "type"), *attrs = jd_jget(&f->v, "attributes");
    const jd_jstep *at = pack_step(c, NULL, &f->v, "type"), *list = pack_step(c, NULL, &f->v, "attributes");
    pack_type *t = &c->k->types[c->k->types_n];
    *t = (pack_type){jd_jstr(type), 0, f, attrs};
    if (sym_of(c, f, at, t->name, &t->sym) || is_taken(c, f, at, t->sym)) return;
    c->k->types_n++;
    for (uint32_t i = 0; i < attrs->n; i++) {
        jd_jstep here = {list, attrs->members[i].name, i};
        attribute(c, f, t, &here, &attrs->members[i]);
    }
    const jd_jval *past = jd_jget(&f->v, "history");
    if (past) history(c, f, t, past);
}

/* Relationships name types, perhaps of models that come later. */
static void targets(pack_check *c, pack_file *f) {
    const jd_jval *attrs = jd_jget(&f->v, "attributes");
    const jd_jstep *list = pack_step(c, NULL, &f->v, "attributes");
    for (uint32_t i = 0; i < attrs->n; i++) {
        const jd_jval *v = &attrs->members[i].val, *to = jd_jget(v, "to");
        jd_jstep here = {list, attrs->members[i].name, i};
        if (to) pack_type_wanted(c, f, &here, v, "to");
    }
}

void pack_models(pack_check *c) {
    pack *k = c->k;
    size_t attrs = 0;
    for (size_t i = 0; i < k->files_n; i++) {
        const jd_jval *a = k->files[i].kind == PACK_MODEL ? jd_jget(&k->files[i].v, "attributes") : NULL;
        if (a) attrs += a->n;
    }
    k->types = JD_NEWN(&k->arena, pack_type, k->files_n + 1);
    k->attrs = JD_NEWN(&k->arena, jd_modelattr, attrs + 1);
    k->docs = JD_NEWN(&k->arena, pack_doc, k->files_n + 1); /* each file makes one at most */
    for (size_t i = 0; i < k->files_n; i++)
        if (k->files[i].kind == PACK_MODEL && !k->files[i].bad) model(c, &k->files[i]);
    for (size_t i = 0; i < k->files_n; i++)
        if (k->files[i].kind == PACK_MODEL && !k->files[i].bad) targets(c, &k->files[i]);
}

/* ---- what may be named ---- */

const pack *pack_needed(pack_check *c, size_t i) {
    const jd_jval *needs = jd_jget(c->k->manifest, "needs"), *packs = needs ? jd_jget(needs, "packs") : NULL;
    for (uint32_t k = 0; packs && packs->type == JD_JOBJ && k < packs->n; k++) {
        const pack_entry *e = pack_entry_of(c->p, packs->members[k].name);
        if (e && e->pack && !jd_str_eq(e->name, c->k->name) && i-- == 0) return e->pack;
    }
    return NULL;
}

const pack_type *pack_type_of(pack_check *c, jd_str name) {
    const pack *k = c->k;
    jd_str iri = jd_name_valid(name) ? jd_ctx_expand(k->ctx, c->a, name) : (jd_str){NULL, 0};
    jd_sym sym = iri.n ? jd_sym_find(symbols(c), iri) : 0;
    for (size_t n = 0; sym && k; k = pack_needed(c, n++))
        for (size_t i = 0; i < k->types_n; i++)
            if (k->types[i].sym == sym) return &k->types[i];
    return NULL;
}

const pack_type *pack_type_wanted(pack_check *c, pack_file *f, const jd_jstep *at, const jd_jval *v,
                                  const char *member) {
    const jd_jval *type = jd_jget(v, member);
    const pack_type *t = pack_type_of(c, jd_jstr(type));
    for (size_t i = 0; !t && i < c->k->files_n; i++)
        if (c->k->files[i].kind == PACK_MODEL && c->k->files[i].bad) return NULL;
    if (!t)
        pack_fault(c, f, pack_step(c, at, v, member), "no model here declares the type \"%.*s\"",
                   "此处没有声明类型“%.*s”的模型", JD_STR_ARG(jd_jstr(type)));
    return t;
}

const jd_modelattr *pack_all_attrs(pack_check *c, size_t *n) {
    const pack *k;
    *n = c->k->attrs_n;
    for (size_t i = 0; (k = pack_needed(c, i)); i++) *n += k->attrs_n;
    jd_modelattr *all = JD_NEWN(c->a, jd_modelattr, *n + 1);
    size_t at = 0;
    k = c->k;
    for (size_t i = 0; k; k = pack_needed(c, i++)) {
        if (k->attrs_n) memcpy(all + at, k->attrs, k->attrs_n * sizeof *all);
        at += k->attrs_n;
    }
    return all;
}

/* ---- views ---- */

/* The attribute of the type; NULL: it has none of that name, which is told. `id` is one that all have, and needs no
 * model: *id tells. */
static const jd_jval *column(pack_check *c, pack_file *f, const pack_type *t, const jd_jstep *at, const jd_jval *name,
                             int *id) {
    *id = jd_jis(name, "id");
    const jd_jval *v = jd_jget_str(t->attributes, jd_jstr(name));
    if (!v && !*id)
        pack_fault(c, f, at, "the type %.*s has no attribute \"%.*s\"", "类型 %.*s 没有属性“%.*s”", JD_STR_ARG(t->name),
                   JD_STR_ARG(jd_jstr(name)));
    return v;
}

static int is_number(const jd_jval *attr) {
    const jd_jval *type = attr ? jd_jget(attr, "type") : NULL;
    return type && jd_jis(type, "number");
}

static void columns(pack_check *c, pack_file *f, const pack_type *t, const char *member, int numbers) {
    const jd_jval *list = jd_jget(&f->v, member);
    const jd_jstep *at = pack_step(c, NULL, &f->v, member);
    for (uint32_t i = 0; list && i < list->n; i++) {
        int id;
        const jd_jstep *here = pack_item(c, at, i);
        const jd_jval *v = column(c, f, t, here, &list->items[i], &id);
        if (numbers && (v || id) && !is_number(v))
            pack_fault(c, f, here, "is no number, of which a chart could be drawn", "不是数字，无法绘制曲线");
    }
}

static void steps(pack_check *c, pack_file *f, const jd_jstep *at, const jd_jval *colour) {
    const jd_jval *list = jd_jget(colour, "steps");
    const jd_jstep *all = pack_step(c, at, colour, "steps");
    for (uint32_t i = 1; list && i < list->n; i++) {
        const jd_jval *a = jd_jget(&list->items[i - 1], "from"), *b = jd_jget(&list->items[i], "from");
        if (jd_jnum(a) < jd_jnum(b)) continue;
        pack_fault(c, f, pack_step(c, pack_item(c, all, i), &list->items[i], "from"),
                   "must be more than that of the step before", "须大于前一级");
    }
}

static void codes(pack_check *c, pack_file *f, const jd_jstep *at, const jd_jval *colour, const jd_jval *attr) {
    const jd_jval *list = jd_jget(colour, "codes"), *known = attr ? jd_jget(attr, "codes") : NULL;
    const jd_jstep *all = pack_step(c, at, colour, "codes");
    for (uint32_t i = 0; list && known && i < list->n; i++) {
        jd_jstep here = {all, list->members[i].name, i};
        if (!jd_jget_str(known, list->members[i].name))
            pack_fault(c, f, &here, "is no code of the attribute", "不是该属性的代码");
    }
}

static void map(pack_check *c, pack_file *f, const pack_type *t) {
    const jd_jval *v = jd_jget(&f->v, "map"), *label = v ? jd_jget(v, "label") : NULL;
    const jd_jval *colour = v ? jd_jget(v, "colour") : NULL;
    const jd_jstep *at = pack_step(c, NULL, &f->v, "map");
    int id;
    if (label) column(c, f, t, pack_step(c, at, v, "label"), label, &id);
    if (!colour) return;
    at = pack_step(c, at, v, "colour");
    const jd_jstep *by = pack_step(c, at, colour, "by");
    const jd_jval *attr = column(c, f, t, by, jd_jget(colour, "by"), &id);
    if (jd_jget(colour, "steps") && (attr || id) && !is_number(attr))
        pack_fault(c, f, by, "is no number, which steps are for", "不是数字，不能分级");
    steps(c, f, at, colour);
    codes(c, f, at, colour, attr);
}

void pack_views(pack_check *c) {
    pack *k = c->k;
    const pack_file **seen = JD_NEWN(c->a, const pack_file *, k->files_n + 1);
    size_t seen_n = 0;
    for (size_t i = 0; i < k->files_n; i++) {
        pack_file *f = &k->files[i];
        if (f->kind != PACK_VIEW || f->bad) continue;
        k->views_n++;
        jd_str id = jd_jstr(jd_jget(&f->v, "id"));
        for (size_t s = 0; s < seen_n; s++)
            if (jd_str_eq(jd_jstr(jd_jget(&seen[s]->v, "id")), id))
                pack_fault(c, f, pack_step(c, NULL, &f->v, "id"), "%.*s has this id already", "%.*s 已使用该 id",
                           JD_STR_ARG(seen[s]->name));
        seen[seen_n++] = f;
        const pack_type *t = pack_type_wanted(c, f, NULL, &f->v, "type");
        if (!t) continue;
        columns(c, f, t, "columns", 0);
        columns(c, f, t, "chart", 1);
        map(c, f, t);
    }
}
